// What witnesses sign, judged by somebody else's code: golang.org/x/mod/sumdb for notes and trees, Go's own Ed25519 for
// cosignature/v1, which x/mod does not know.
//
//	judge LOG-KEY WITNESS-KEY OLD-CHECKPOINT NEW-CHECKPOINT PROOF      (three files; status 0 when all is right)
package main

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func fail(what string) {
	fmt.Fprintln(os.Stderr, what)
	os.Exit(1)
}

func open(file string, log note.Verifier, witness string) tlog.Tree {
	data, err := os.ReadFile(file)
	must(err)
	opened, err := note.Open(data, note.VerifierList(log))
	must(err)
	parts := strings.SplitN(witness, "+", 3)
	key, err := base64.StdEncoding.DecodeString(parts[2])
	must(err)
	if key[0] != 4 {
		fail("not a witness's key")
	}
	found := false
	for _, line := range opened.UnverifiedSigs {
		if line.Name != parts[0] || fmt.Sprintf("%08x", line.Hash) != parts[1] {
			continue
		}
		raw, err := base64.StdEncoding.DecodeString(line.Base64)
		must(err)
		when := binary.BigEndian.Uint64(raw[4:12])
		message := "cosignature/v1\ntime " + strconv.FormatUint(when, 10) + "\n" + opened.Text
		if !ed25519.Verify(ed25519.PublicKey(key[1:]), []byte(message), raw[12:]) {
			fail("bad cosignature")
		}
		found = true
	}
	if !found {
		fail("no cosignature")
	}
	lines := strings.Split(opened.Text, "\n")
	size, err := strconv.ParseInt(lines[1], 10, 64)
	must(err)
	root, err := tlog.ParseHash(lines[2])
	must(err)
	return tlog.Tree{N: size, Hash: root}
}

func main() {
	log, err := note.NewVerifier(os.Args[1])
	must(err)
	before, after := open(os.Args[3], log, os.Args[2]), open(os.Args[4], log, os.Args[2])
	text, err := os.ReadFile(os.Args[5])
	must(err)
	var proof tlog.TreeProof
	for _, line := range strings.Fields(string(text)) {
		hash, err := tlog.ParseHash(line)
		must(err)
		proof = append(proof, hash)
	}
	must(tlog.CheckTree(proof, after.N, after.Hash, before.N, before.Hash))
}
