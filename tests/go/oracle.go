// Oracle is the independent judge of the signing package: Go's golang.org/x/mod/sumdb reads what Python wrote.
//
// It is given one folder and looks at
//
//	vkey                 the log's verifier key
//	<log>/sizes          for each log folder: the sizes at which it was published, a line each, growing
//	<log>/checkpoint/N   the checkpoint of size N
//	<log>/tile/...       the tiles, as a mirror serves them
//	<log>/inclusion      records: size, index (uint32, big-endian), number of hashes (byte), hashes
//	<log>/consistency    records: old size, new size (uint32, big-endian), number of hashes (byte), hashes
//	notes/vkeys          verifier keys, a line each
//	notes/mutants        records: length (uint32, big-endian), note
//
// and writes notes/verdicts: for each mutant 0x00, or 0x01 and the SHA-256 of the text that note.Open returned. It prints
// how much it checked as one line of JSON, and ends with status 1 and a message at the first thing that is wrong.
//
// Build: GO111MODULE=off GOPATH=/usr/share/gocode go build oracle.go (Debian: golang-golang-x-mod-dev)
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

var counts = map[string]int{}

func fail(format string, args ...interface{}) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
	os.Exit(1)
}

func must(err error, what string) {
	if err != nil {
		fail("%s: %v", what, err)
	}
}

func read(path string) []byte {
	data, err := os.ReadFile(path)
	must(err, "read")
	return data
}

// logFolder reads tiles from disk. It implements tlog.TileReader.
type logFolder struct {
	path  string
	files map[string][]byte
	used  map[string]bool
}

func (f *logFolder) Height() int { return height }

func (f *logFolder) SaveTiles([]tlog.Tile, [][]byte) {}

// ours turns Go's tile/8/L/N into the tile/L/N of C2SP tlog-tiles.
func ours(t tlog.Tile) string {
	return strings.Replace(strings.Replace(t.Path(), "tile/8/", "tile/", 1), "tile/data/", "tile/entries/", 1)
}

func (f *logFolder) file(name string) ([]byte, error) {
	f.used[name] = true
	if data, ok := f.files[name]; ok {
		return data, nil
	}
	data, err := os.ReadFile(filepath.Join(f.path, filepath.FromSlash(name)))
	if err == nil {
		f.files[name] = data
	}
	return data, err
}

func (f *logFolder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	all := make([][]byte, len(tiles))
	for i, tile := range tiles {
		data, err := f.file(ours(tile))
		if err != nil {
			return nil, err
		}
		all[i] = data
	}
	return all, nil
}

// tilesOf lists the tiles of a log of n entries; level -1 is the entries.
func tilesOf(n int64) []tlog.Tile {
	var tiles []tlog.Tile
	for level := -1; ; level++ {
		count := n
		for i := 0; i < level; i++ {
			count >>= height
		}
		if count == 0 {
			return tiles
		}
		for i := int64(0); i < count>>height; i++ {
			tiles = append(tiles, tlog.Tile{H: height, L: level, N: i, W: 1 << height})
		}
		if w := count & (1<<height - 1); w > 0 {
			tiles = append(tiles, tlog.Tile{H: height, L: level, N: count >> height, W: int(w)})
		}
	}
}

// openCheckpoint verifies the note and parses its text, whose three lines are all it has.
func openCheckpoint(data []byte, verifier note.Verifier) tlog.Tree {
	opened, err := note.Open(data, note.VerifierList(verifier))
	must(err, "checkpoint")
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() || lines[3] != "" {
		fail("checkpoint text %q", opened.Text)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	must(err, "checkpoint size")
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || len(root) != tlog.HashSize {
		fail("checkpoint root %q", lines[2])
	}
	tree := tlog.Tree{N: size}
	copy(tree.Hash[:], root)
	return tree
}

func decodeEntries(data []byte) [][]byte {
	var entries [][]byte
	for len(data) > 0 {
		if len(data) < 2 || len(data) < 2+int(binary.BigEndian.Uint16(data)) {
			fail("entries tile ends inside an entry")
		}
		n := int(binary.BigEndian.Uint16(data))
		entries = append(entries, data[2:2+n])
		data = data[2+n:]
	}
	return entries
}

type store []tlog.Hash

func (s store) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		hashes[i] = s[x]
	}
	return hashes, nil
}

func checkLog(path string, verifier note.Verifier) {
	folder := &logFolder{path: path, files: map[string][]byte{}, used: map[string]bool{}}
	trees := map[int64]tlog.Tree{}
	var own store // what Go itself makes of the entries
	var leaves []tlog.Hash
	for _, line := range strings.Fields(string(read(filepath.Join(path, "sizes")))) {
		size, err := strconv.ParseInt(line, 10, 64)
		must(err, "sizes")
		tree := openCheckpoint(read(filepath.Join(path, "checkpoint", line)), verifier)
		if tree.N != size {
			fail("%s: checkpoint %s has size %d", path, line, tree.N)
		}
		trees[size] = tree
		counts["checkpoints"]++

		// Entries: every tile has its width, and continues what was there before.
		at := int64(0)
		for _, tile := range tilesOf(size) {
			if tile.L != -1 {
				continue
			}
			data, err := folder.file(ours(tile))
			must(err, "entries")
			entries := decodeEntries(data)
			if len(entries) != tile.W {
				fail("%s has %d entries", ours(tile), len(entries))
			}
			for _, entry := range entries {
				hash := tlog.RecordHash(entry)
				if at < int64(len(leaves)) {
					if leaves[at] != hash {
						fail("%s: entry %d changed", ours(tile), at)
					}
				} else {
					leaves = append(leaves, hash)
					hashes, err := tlog.StoredHashes(at, entry, own)
					must(err, "stored hashes")
					own = append(own, hashes...)
				}
				at++
			}
			counts["tiles"]++
		}
		if at != size {
			fail("%s: %d entries at size %d", path, at, size)
		}
		root, err := tlog.TreeHash(size, own)
		must(err, "tree hash")
		if root != tree.Hash {
			fail("%s: at size %d the entries have root %v, the checkpoint says %v", path, size, root, tree.Hash)
		}

		// Hash tiles: byte for byte what Go makes, and authentic through its own reader.
		for _, tile := range tilesOf(size) {
			if tile.L == -1 {
				continue
			}
			data, err := folder.file(ours(tile))
			must(err, "tile")
			want, err := tlog.ReadTileData(tile, own)
			must(err, "tile data")
			if !bytes.Equal(data, want) {
				fail("%s is not what Go makes", ours(tile))
			}
			counts["tiles"]++
		}
		indexes := make([]int64, tlog.StoredHashCount(size))
		for i := range indexes {
			indexes[i] = int64(i)
		}
		hashes, err := tlog.TileHashReader(tree, folder).ReadHashes(indexes)
		must(err, "tile hash reader")
		for i, hash := range hashes {
			if hash != own[i] {
				fail("%s: stored hash %d differs at size %d", path, i, size)
			}
		}
	}

	// No tile that no published size has.
	must(filepath.Walk(filepath.Join(path, "tile"), func(name string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() {
			below, _ := filepath.Rel(path, name)
			if !folder.used[filepath.ToSlash(below)] {
				fail("%s is a tile of no published size", below)
			}
			counts["files"]++
		}
		return err
	}), "walk")

	records(filepath.Join(path, "inclusion"), func(size, index int64, hashes []tlog.Hash) {
		tree, ok := trees[size]
		if !ok {
			fail("%s: inclusion proof for size %d, which was not published", path, size)
		}
		if err := tlog.CheckRecord(hashes, tree.N, tree.Hash, index, leaves[index]); err != nil {
			fail("%s: inclusion of %d in %d: %v", path, index, size, err)
		}
		counts["inclusion proofs"]++
	})
	records(filepath.Join(path, "consistency"), func(old, size int64, hashes []tlog.Hash) {
		// Of a size that was never published Go makes the root itself.
		root, err := tlog.TreeHash(old, own)
		must(err, "tree hash")
		if tree, ok := trees[old]; ok && tree.Hash != root {
			fail("%s: the root at size %d changed", path, old)
		}
		if err := tlog.CheckTree(hashes, size, trees[size].Hash, old, root); err != nil {
			fail("%s: consistency of %d with %d: %v", path, old, size, err)
		}
		counts["consistency proofs"]++
	})
}

func records(path string, check func(a, b int64, hashes []tlog.Hash)) {
	data := read(path)
	for len(data) > 0 {
		a, b, n := binary.BigEndian.Uint32(data), binary.BigEndian.Uint32(data[4:]), int(data[8])
		data = data[9:]
		hashes := make([]tlog.Hash, n)
		for i := range hashes {
			copy(hashes[i][:], data[i*tlog.HashSize:])
		}
		data = data[n*tlog.HashSize:]
		check(int64(a), int64(b), hashes)
	}
}

func judgeNotes(path string) {
	var known []note.Verifier
	for _, line := range strings.Fields(string(read(filepath.Join(path, "vkeys")))) {
		verifier, err := note.NewVerifier(line)
		must(err, "note key")
		known = append(known, verifier)
	}
	verifiers := note.VerifierList(known...)
	var verdicts bytes.Buffer
	data := read(filepath.Join(path, "mutants"))
	for len(data) > 0 {
		n := binary.BigEndian.Uint32(data)
		opened, err := note.Open(data[4:4+n], verifiers)
		data = data[4+n:]
		counts["notes"]++
		if err != nil {
			verdicts.WriteByte(0)
			continue
		}
		counts["notes accepted"]++
		verdicts.WriteByte(1)
		sum := sha256.Sum256([]byte(opened.Text))
		verdicts.Write(sum[:])
	}
	must(os.WriteFile(filepath.Join(path, "verdicts"), verdicts.Bytes(), 0o644), "verdicts")
}

func main() {
	if len(os.Args) != 2 {
		fail("usage: oracle FOLDER")
	}
	folder := os.Args[1]
	verifier, err := note.NewVerifier(strings.TrimSpace(string(read(filepath.Join(folder, "vkey")))))
	must(err, "vkey")
	sizes, err := filepath.Glob(filepath.Join(folder, "*", "sizes"))
	must(err, "glob")
	for _, name := range sizes {
		checkLog(filepath.Dir(name), verifier)
	}
	judgeNotes(filepath.Join(folder, "notes"))
	must(json.NewEncoder(os.Stdout).Encode(counts), "print")
}
