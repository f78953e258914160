"""Tiles and the log that grows by them."""

from __future__ import annotations

import contextlib
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signing import tiles
from signing.errors import BadProof, FormatError, SigningError
from signing.merkle import EMPTY_ROOT, check_consistency, check_inclusion, leaf_hash, root_of
from signing.tiles import Tile, TileHashes, Tree, parse_path
from tests.signing.world import no_files

ENTRIES = [b"entry %d" % number for number in range(1500)]
LEAVES = [leaf_hash(one) for one in ENTRIES]


class Mirror:
    """Files in memory that count how often they are read."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.reads: list[str] = []

    def read(self, path: str) -> bytes:
        self.reads.append(path)
        return self.files[path]

    def grow(self, old: int, new: int) -> Tree:
        tree = Tree.load(old, root_of(LEAVES[:old]), self.read)
        for entry in ENTRIES[old:new]:
            tree.append(entry)
        self.files.update(tree.files())
        return tree


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 0), "tile/0/000"),
        (Tile(0, 273, 112), "tile/0/273.p/112"),
        (Tile(5, 1234067, 1), "tile/5/x001/x234/067.p/1"),
        (Tile("entries", 999, 255), "tile/entries/999.p/255"),
        (Tile("entries", 1000), "tile/entries/x001/000"),
        (Tile(63, 2**63 - 1), "tile/63/x009/x223/x372/x036/x854/x775/807"),
    ],
)
def test_a_tile_has_one_path(tile: Tile, path: str) -> None:
    assert tile.path == path
    assert parse_path(path) == tile


@given(st.sampled_from(["entries", *range(64)]), st.integers(0, 2**63 - 1), st.integers(1, 256))
def test_paths_go_there_and_back(level: int, index: int, width: int) -> None:
    tile = Tile(level, index, width)
    assert parse_path(tile.path) == tile


@given(st.text(st.sampled_from("tile/entrs0x12.p"), max_size=20))
def test_any_text_is_a_tile_s_own_path_or_refused(text: str) -> None:
    for path in (text, "tile/" + text, "tile/0/" + text):
        with contextlib.suppress(FormatError):
            assert parse_path(path).path == path


@pytest.mark.parametrize(
    "path",
    [
        "",
        "checkpoint",
        "tile/0",
        "tile/0/0",
        "tile/00/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/0/x000/001",
        "tile/0/001/002",
        "tile/0/x001",
        "tile/0/000.p/0",
        "tile/0/000.p/01",
        "tile/0/000.p/256",
        "tile/0/000.p/",
        "tile/0/000/",
        "/tile/0/000",
        "tile/0/../000",
        "tile/8/0/000",
        "tile/data/000",
        "tile/0/٠٠٠",
        "tile/0/000\n",
        "tile/9/x009/x223/x372/x036/x854/x775/808",
        "tile/0/" + "x000/" * 10_000 + "000",
    ],
    ids=lambda path: path[:40],
)
def test_other_paths_are_refused(path: str) -> None:
    with pytest.raises(FormatError):
        parse_path(path)


@pytest.mark.parametrize(("level", "index", "width"), [(-1, 0, 1), (64, 0, 1), (0, -1, 1), (0, 0, 0), (0, 0, 257)])
def test_there_are_no_other_tiles(level: int, index: int, width: int) -> None:
    with pytest.raises(FormatError):
        Tile(level, index, width)


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=256))
def test_entries_go_there_and_back(entries: list[bytes]) -> None:
    assert tiles.decode_entries(tiles.encode_entries(entries)) == entries


@given(st.binary(max_size=60))
def test_any_bytes_are_an_entries_tile_or_refused(data: bytes) -> None:
    with contextlib.suppress(FormatError):
        assert tiles.encode_entries(tiles.decode_entries(data)) == data


@pytest.mark.parametrize("data", [b"", b"\x00", b"\x00\x02a", b"\x00\x01a\x00", b"\x00\x00" * 257])
def test_an_entries_tile_ends_where_an_entry_ends(data: bytes) -> None:
    with pytest.raises(FormatError):
        tiles.decode_entries(data)


def test_too_many_or_too_long_entries_are_not_written() -> None:
    for entries in ([], [b""] * 257, [bytes(65_536)]):
        with pytest.raises(FormatError):
            tiles.encode_entries(entries)
    with pytest.raises(FormatError):
        Tree.load(0, EMPTY_ROOT, no_files).append(bytes(65_536))


def test_appending_gives_indices_roots_and_proofs() -> None:
    tree = Tree.load(0, EMPTY_ROOT, no_files)
    assert (tree.size, tree.root, tree.files()) == (0, EMPTY_ROOT, {})
    for number in range(520):
        assert tree.append(ENTRIES[number]) == number
        if number % 37 == 0 or number in (254, 255, 256, 511):
            root = root_of(LEAVES[: number + 1])
            assert tree.root == root
            for index in (0, number // 2, number):
                check_inclusion(
                    leaf=LEAVES[index], index=index, size=number + 1, root=root, hashes=tree.inclusion(index)
                )


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from([1, 2, 100, 255, 256, 257, 300]), min_size=1, max_size=5))
def test_growing_in_steps_writes_the_same_tiles_as_growing_at_once(steps: list[int]) -> None:
    mirror = Mirror()
    size = 0
    sizes = []
    for step in steps:
        before = set(mirror.files)
        tree = mirror.grow(size, size + step)
        assert not before & set(tree.files()), "a tile that was there was written again"
        size += step
        sizes.append(size)
        assert tree.root == root_of(LEAVES[:size])
        for old in sizes:
            check_consistency(
                old_size=old,
                old_root=root_of(LEAVES[:old]),
                new_size=size,
                new_root=tree.root,
                hashes=tree.consistency(old),
            )
    wanted = {tile.path for each in sizes for tile in tiles.tiles_of(each)}
    assert set(mirror.files) == wanted
    at_once = Mirror()
    at_once.grow(0, size)
    assert {path: mirror.files[path] for path in at_once.files} == at_once.files


def test_nothing_appended_is_nothing_to_write() -> None:
    mirror = Mirror()
    mirror.grow(0, 300)
    assert mirror.grow(300, 300).files() == {}
    # The first level's partial tile changes; the second level's does not and is not written again.
    assert sorted(mirror.grow(300, 301).files()) == ["tile/0/001.p/45", "tile/entries/001.p/45"]


def test_files_come_entries_first_then_level_by_level() -> None:
    levels = [parse_path(path).level for path in Mirror().grow(0, 600).files()]
    assert levels == ["entries"] * 3 + [0] * 3 + [1]


def test_loading_reads_one_tile_a_level() -> None:
    mirror = Mirror()
    mirror.grow(0, 1000)
    mirror.reads.clear()
    Tree.load(1000, root_of(LEAVES[:1000]), mirror.read)
    assert sorted(mirror.reads) == ["tile/0/003.p/232", "tile/1/000.p/3", "tile/entries/003.p/232"]


def test_a_log_is_not_continued_from_tiles_that_do_not_fit() -> None:
    mirror = Mirror()
    mirror.grow(0, 1000)
    root = root_of(LEAVES[:1000])
    with pytest.raises(BadProof, match="add up to root"):
        Tree.load(1000, bytes(32), mirror.read)
    for path in ("tile/0/003.p/232", "tile/1/000.p/3", "tile/entries/003.p/232"):
        good = mirror.files[path]
        for bad in (good[:-1], good + bytes(32), good[:-1] + bytes([good[-1] ^ 1]), b""):
            mirror.files[path] = bad
            with pytest.raises(SigningError):
                Tree.load(1000, root, mirror.read)
        mirror.files[path] = good
    Tree.load(1000, root, mirror.read)


def test_the_empty_log_has_the_empty_root() -> None:
    with pytest.raises(BadProof):
        Tree.load(0, bytes(32), no_files)
    with pytest.raises(BadProof):
        TileHashes(-1, EMPTY_ROOT, no_files)


def test_a_reader_s_hashes_are_right_or_refused_whichever_bit_of_a_tile_is_changed() -> None:
    mirror = Mirror()
    mirror.grow(0, 1000)
    root = root_of(LEAVES[:1000])
    chance = random.Random(1)
    right = TileHashes(1000, root, mirror.read).inclusion(300)
    for path in ("tile/0/001", "tile/0/003.p/232", "tile/1/000.p/3"):
        good = mirror.files[path]
        for _ in range(60):
            at = chance.randrange(len(good))
            mirror.files[path] = good[:at] + bytes([good[at] ^ 1 << chance.randrange(8)]) + good[at + 1 :]
            with pytest.raises(BadProof):
                TileHashes(1000, root, mirror.read).inclusion(300)
        mirror.files[path] = good
    assert TileHashes(1000, root, mirror.read).inclusion(300) == right


def test_the_full_tile_stands_in_for_a_partial_one_that_is_gone() -> None:
    mirror = Mirror()
    mirror.grow(0, 300)
    mirror.grow(300, 512)
    del mirror.files["tile/0/001.p/44"], mirror.files["tile/entries/001.p/44"]
    old = TileHashes(300, root_of(LEAVES[:300]), mirror.read)
    assert old.entries(1) == ENTRIES[256:300]
    check_inclusion(leaf=LEAVES[299], index=299, size=300, root=old.root, hashes=old.inclusion(299))
    tree = Tree.load(300, old.root, mirror.read)
    assert tree.append(ENTRIES[300]) == 300
    assert tree.root == root_of(LEAVES[:301])


def test_a_missing_tile_is_the_reader_s_own_error() -> None:
    with pytest.raises(KeyError, match="tile/0/000"):
        TileHashes(5, bytes(32), no_files).check()


def test_entries_are_checked_against_the_hashes() -> None:
    mirror = Mirror()
    mirror.grow(0, 300)
    hashes = TileHashes(300, root_of(LEAVES[:300]), mirror.read)
    assert hashes.entries(0) + hashes.entries(1) == ENTRIES[:300]
    for number in (-1, 2):
        with pytest.raises(BadProof):
            hashes.entries(number)
    mirror.files["tile/entries/000"] = mirror.files["tile/entries/000"].replace(b"entry 7", b"entry 8", 1)
    with pytest.raises(BadProof, match="its entries are not those"):
        hashes.entries(0)
    mirror.files["tile/entries/000"] = tiles.encode_entries(ENTRIES[:255])
    with pytest.raises(FormatError, match="255 entries instead of 256"):
        hashes.entries(0)


@pytest.mark.parametrize(("level", "index"), [(-1, 0), (64, 0), (0, -1), (0, 300), (8, 1), (9, 0)])
def test_a_subtree_that_is_not_complete_has_no_hash(level: int, index: int) -> None:
    mirror = Mirror()
    tree = mirror.grow(0, 300)
    for read in (tree.read, TileHashes(300, tree.root, mirror.read).read):
        with pytest.raises(BadProof, match="no complete subtree"):
            read(level, index)


def test_only_so_many_tiles_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "CACHED_TILES", 2)
    mirror = Mirror()
    tree = mirror.grow(0, 1400)
    hashes = TileHashes(1400, tree.root, mirror.read)
    for index in range(0, 1400, 100):
        assert hashes.inclusion(index) == tree.inclusion(index)


def test_a_third_level_begins_with_the_65536th_entry() -> None:
    tree = Tree.load(0, EMPTY_ROOT, no_files)
    leaves = []
    for number in range(65_537):
        entry = b"%d" % number
        tree.append(entry)
        leaves.append(leaf_hash(entry))
    files = tree.files()
    assert list(files) == [tile.path for tile in tiles.tiles_of(65_537)]
    assert [path for path in files if path.startswith("tile/2/")] == ["tile/2/000.p/1"]
    assert tree.root == root_of(leaves)
    reader = TileHashes(65_537, tree.root, files.__getitem__)
    assert reader.consistency(300) == tree.consistency(300)
    del files["tile/0/007"]
    with pytest.raises(KeyError, match="tile/0/007"):
        reader.inclusion(7 * 256)
