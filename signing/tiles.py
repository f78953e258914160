"""The log as static files: C2SP tlog-tiles with tiles of height 8.

    tile/<L>/<N>[.p/<W>]         up to 256 hashes of 32 bytes
    tile/entries/<N>[.p/<W>]     up to 256 entries, each after its length in two bytes, big-endian

Hash i of tile (L, N) is the root of the complete subtree over the 256^L entries from (256 N + i) 256^L on. N is written
in groups of three digits, all but the last after an `x`. A tile that is not full yet has its width W, 1-255, in its
path: tiles never change, the log grows by tiles that are wider. A tile that would be empty does not exist. At each
level a log of `size` entries has (size // 256^L) // 256 full tiles and a partial one of width
(size // 256^L) % 256; a partial tile adds nothing to the level above.

A log of 70,000 entries has, of hash tiles,

    tile/0/000 … tile/0/272   tile/0/273.p/112
    tile/1/000                tile/1/001.p/17
                              tile/2/000.p/1

and the entries tiles of the same numbers as level 0. Entry tiles are stored as they are, not gzip'd.

Partial tiles may be gone once the full one exists, so whoever looks for one and does not find it takes the beginning
of the full one.

Nothing read here is believed. The partial tiles of a log - its right edge - must add up to the root; every full tile
must add up to the hash that the level above has for it; entries must have the hashes of level 0. So a file is wrong, or
it is the file that the signed checkpoint stands for.

`read_file(path)` returns a file's bytes and raises LookupError or FileNotFoundError if there is none; anything else it
raises passes through. Cap what you read at `MAX_TILE_BYTES` (entries: `MAX_ENTRIES_BYTES`, and `LOG_ENTRIES_BYTES`
where a mirror has a log of ours).
"""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from signing import entry as log_entry
from signing.errors import BadProof, FormatError, shown
from signing.merkle import EMPTY_ROOT, MAX_SIZE, consistency_proof, inclusion_proof, leaf_hash, range_hash

HEIGHT = 8
FULL = 1 << HEIGHT
HASH = 32
MAX_TILE_BYTES = FULL * HASH
MAX_ENTRY = 0xFFFF
MAX_ENTRIES_BYTES = FULL * (2 + MAX_ENTRY)
# What a tile of our own entries can have: a mirror must not make its readers load 16 MiB for 77 KB.
LOG_ENTRIES_BYTES = FULL * (2 + log_entry.MAX_BYTES)
MAX_LEVEL = 63
# 16 KiB a tile with all its inner hashes: at most 8 MiB.
CACHED_TILES = 512

ReadFile = Callable[[str], bytes]

_PATH = re.compile(
    r"tile/(entries|0|[1-9][0-9]?)/((?:x[0-9]{3}/){0,6}[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?", flags=re.ASCII
)


@dataclass(frozen=True, slots=True)
class Tile:
    """Which tile: its level or "entries", its number, and how many hashes or entries it holds (256 when full).
    FormatError when there can be no such tile."""

    level: int | Literal["entries"]
    index: int
    width: int = FULL

    def __post_init__(self) -> None:
        level_exists = self.level == "entries" or 0 <= self.level <= MAX_LEVEL
        if not level_exists or not 0 <= self.index <= MAX_SIZE or not 1 <= self.width <= FULL:
            raise FormatError(f"no tile has level {self.level}, number {self.index} and width {self.width}")

    @property
    def path(self) -> str:
        """Where a mirror has it."""
        digits = str(self.index)
        digits = digits.zfill(-(-len(digits) // 3) * 3)
        groups = [digits[i : i + 3] for i in range(0, len(digits), 3)]
        number = "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])
        return f"tile/{self.level}/{number}" + ("" if self.width == FULL else f".p/{self.width}")


def parse_path(path: str) -> Tile:
    """The tile at `path`. FormatError unless `path` is exactly how that tile's path is written."""
    if match := _PATH.fullmatch(path):
        level, number, width = match.groups()
        index = int(number.replace("x", "").replace("/", ""))
        tile = Tile("entries" if level == "entries" else int(level), index, int(width) if width else FULL)
        if tile.path == path:
            return tile
    raise FormatError(f"not a tile's path: {shown(path)}")


def tiles_of(size: int) -> list[Tile]:
    """Every tile a log of `size` entries has, entries first, then level by level: what a monitor downloads."""
    tiles: list[Tile] = []
    level = 0
    while (count := size >> HEIGHT * level) > 0:
        for kind in ("entries", 0) if level == 0 else (level,):
            tiles += [Tile(kind, index) for index in range(count // FULL)]
            if count % FULL:
                tiles.append(Tile(kind, count // FULL, count % FULL))
        level += 1
    return tiles


def encode_entries(entries: Sequence[bytes]) -> bytes:
    """An entries tile. FormatError for none or more than 256 entries, or one of more than 65,535 bytes."""
    if not 1 <= len(entries) <= FULL:
        raise FormatError(f"an entries tile has from 1 to {FULL} entries, not {len(entries)}")
    if (longest := max(map(len, entries))) > MAX_ENTRY:
        raise FormatError(f"an entry has at most {MAX_ENTRY} bytes, not {longest}")
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def decode_entries(data: bytes) -> list[bytes]:
    """The entries of an entries tile. FormatError if it holds none, more than 256, or a part of one."""
    entries: list[bytes] = []
    position = 0
    while position < len(data):
        start = position + 2
        position = start + int.from_bytes(data[position:start], "big")
        if start > len(data) or position > len(data) or len(entries) == FULL:
            raise FormatError("an entries tile ends inside an entry or has more than 256")
        entries.append(data[start:position])
    if not entries:
        raise FormatError("an entries tile is empty")
    return entries


def _rows(hashes: bytes) -> list[bytes]:
    """All complete subtrees inside a tile: row k holds the hashes over 2^k of the tile's own."""
    sha256 = hashlib.sha256
    rows = [hashes]
    row = hashes
    while len(row) >= 2 * HASH:
        row = b"".join([sha256(b"\x01" + row[i : i + 64]).digest() for i in range(0, len(row) - 63, 64)])
        rows.append(row)
    return rows


def _pick(rows: list[bytes], row: int, place: int) -> bytes:
    return rows[row][place * HASH : (place + 1) * HASH]


class TileHashes:
    """The hashes of the log (`size`, `root`), read from tiles and each checked against `root` before it is returned.

    Every method raises BadProof when a tile does not fit the root, and FormatError when it is not a tile. Reading is
    O(log size) tiles a hash; recently used tiles are kept.
    """

    def __init__(self, size: int, root: bytes, read_file: ReadFile) -> None:
        if not 0 <= size <= MAX_SIZE:
            raise BadProof(f"a log cannot have {size} entries")
        self.size, self.root = size, root
        self._read_file = read_file
        self._edge: dict[int, list[bytes]] | None = None
        self._cache: OrderedDict[tuple[int, int], list[bytes]] = OrderedDict()

    def read(self, level: int, index: int) -> bytes:
        """The root over the 2^level entries from `index * 2**level` on. BadProof if they are not all in the log."""
        if not (0 <= level < 64 and index >= 0 and (index + 1) << level <= self.size):
            raise BadProof(f"a log of {self.size} has no complete subtree {level}, {index}")
        tile_level, row = divmod(level, HEIGHT)
        number = index >> HEIGHT - row
        return _pick(self._tile(tile_level, number), row, index - (number << HEIGHT - row))

    def inclusion(self, index: int) -> tuple[bytes, ...]:
        """The proof that entry `index` is in this log."""
        return inclusion_proof(self.size, index, self.read)

    def consistency(self, old_size: int) -> tuple[bytes, ...]:
        """The proof that this log continues the one of `old_size`."""
        return consistency_proof(old_size, self.size, self.read)

    def entries(self, number: int) -> list[bytes]:
        """The entries `256 * number` up to `256 * number + 255`, as far as this log goes."""
        width = min(FULL, self.size - number * FULL)
        if number < 0 or width < 1:
            raise BadProof(f"a log of {self.size} has no entries tile {number}")
        tile = Tile("entries", number, width)
        found, data = self._file(tile)
        entries = decode_entries(data)
        if len(entries) != found.width:
            raise FormatError(f"{found.path} has {len(entries)} entries instead of {found.width}")
        wanted = self._tile(0, number)[0]
        if b"".join(map(leaf_hash, entries[:width])) != wanted[: width * HASH]:
            raise BadProof(f"{tile.path}: its entries are not those that {Tile(0, number, width).path} has hashes of")
        return entries[:width]

    def check(self) -> None:
        """Return if the right edge adds up to the root."""
        self._right_edge()

    def edge(self, level: int) -> bytes:
        """The hashes of the partial tile at `level`: none when there is no such tile."""
        return self._right_edge().get(level, [b""])[0]

    def _tile(self, level: int, number: int) -> list[bytes]:
        count = self.size >> HEIGHT * level
        if number == count >> HEIGHT:
            return self._right_edge()[level]
        if (rows := self._cache.get((level, number))) is not None:
            self._cache.move_to_end((level, number))
            return rows
        # Parents first: what does not hang together is noticed before more is read.
        parent_number, place = divmod(number, FULL)
        wanted = _pick(self._tile(level + 1, parent_number), 0, place)
        rows = _rows(self._hashes(Tile(level, number)))
        if rows[HEIGHT] != wanted:
            raise BadProof(
                f"{Tile(level, number).path} adds up to {rows[HEIGHT].hex()}, the level above has {wanted.hex()}"
            )
        self._cache[level, number] = rows
        if len(self._cache) > CACHED_TILES:
            self._cache.popitem(last=False)
        return rows

    def _right_edge(self) -> dict[int, list[bytes]]:
        if self._edge is None:
            edge: dict[int, list[bytes]] = {}
            level = 0
            while (count := self.size >> HEIGHT * level) > 0:
                if width := count % FULL:
                    edge[level] = _rows(self._hashes(Tile(level, count // FULL, width)))
                level += 1
            root = range_hash(0, self.size, _EdgeReader(edge))
            if root != self.root:
                raise BadProof(
                    f"the tiles of the log of {self.size} add up to root {root.hex()}, not {self.root.hex()}"
                )
            self._edge = edge
        return self._edge

    def _hashes(self, tile: Tile) -> bytes:
        found, data = self._file(tile)
        if len(data) != found.width * HASH:
            raise FormatError(f"{found.path} has {len(data)} bytes instead of {found.width * HASH}")
        return data[: tile.width * HASH]

    def _file(self, tile: Tile) -> tuple[Tile, bytes]:
        """The tile's bytes, or if it is gone, the full tile and its bytes."""
        try:
            return tile, self._read_file(tile.path)
        except (LookupError, FileNotFoundError):
            if tile.width == FULL:
                raise
            full = Tile(tile.level, tile.index)
            return full, self._read_file(full.path)


class _EdgeReader:
    """Reads the subtrees whose sizes are the binary digits of the log's size: all of them stand in partial tiles."""

    def __init__(self, edge: dict[int, list[bytes]]) -> None:
        self._edge = edge

    def __call__(self, level: int, index: int) -> bytes:
        tile_level, row = divmod(level, HEIGHT)
        return _pick(self._edge[tile_level], row, index % (FULL >> row))


class Tree:
    """A log that grows: the sequencer's view. `Tree.load` it, `append` entries, write `files`, sign `size` and `root`.

    Held in memory are the right edge and the tiles that became full since loading.
    """

    def __init__(self, loaded: TileHashes, entries: list[bytes]) -> None:
        self._loaded = loaded
        self._size = loaded.size
        self._entries = entries
        levels = -(-max(loaded.size.bit_length(), 1) // HEIGHT)
        self._edge = [bytearray(loaded.edge(level)) for level in range(levels)]
        self._full: dict[Tile, bytes] = {}
        self._rows: OrderedDict[tuple[int, int, int], list[bytes]] = OrderedDict()

    @classmethod
    def load(cls, size: int, root: bytes, read_file: ReadFile) -> Tree:
        """The log (`size`, `root`), from at most one partial tile a level and one of entries. BadProof if they do not
        add up to `root`; FormatError if one is not a tile. A new log has size 0 and `merkle.EMPTY_ROOT`."""
        hashes = TileHashes(size, root, read_file)
        hashes.check()
        return cls(hashes, hashes.entries(size // FULL) if size % FULL else [])

    @property
    def size(self) -> int:
        """How many entries there are."""
        return self._size

    @property
    def root(self) -> bytes:
        """The root over all of them."""
        return range_hash(0, self._size, self.read) if self._size else EMPTY_ROOT

    def append(self, entry: bytes) -> int:
        """The index of the new last entry. FormatError if it is longer than 65,535 bytes."""
        if len(entry) > MAX_ENTRY:
            raise FormatError(f"an entry has at most {MAX_ENTRY} bytes, not {len(entry)}")
        index = self._size
        self._entries.append(entry)
        self._edge[0] += hashlib.sha256(b"\x00" + entry).digest()
        self._size += 1
        if len(self._entries) == FULL:
            self._full[Tile("entries", index // FULL)] = encode_entries(self._entries)
            self._entries = []
            self._fold(0)
        return index

    def files(self) -> dict[str, bytes]:
        """What has to be written so that the log can be published at its present size: the tiles that became full
        since loading and the partial ones that changed, by path, entries first, then level by level."""
        changed = dict(self._full)
        if self._entries and self._size > self._loaded.size:
            tile = Tile("entries", self._size // FULL, len(self._entries))
            changed[tile] = encode_entries(self._entries)
        for level, hashes in enumerate(self._edge):
            count = self._size >> HEIGHT * level
            if hashes and count != self._loaded.size >> HEIGHT * level:
                changed[Tile(level, count // FULL, count % FULL)] = bytes(hashes)
        in_order = sorted(changed, key=lambda tile: (-1 if tile.level == "entries" else tile.level, tile.index))
        return {tile.path: changed[tile] for tile in in_order}

    def read(self, level: int, index: int) -> bytes:
        """The root over the 2^level entries from `index * 2**level` on. BadProof if they are not all in the log."""
        if not (0 <= level < 64 and index >= 0 and (index + 1) << level <= self._size):
            raise BadProof(f"a log of {self._size} has no complete subtree {level}, {index}")
        tile_level, row = divmod(level, HEIGHT)
        number = index >> HEIGHT - row
        place = index - (number << HEIGHT - row)
        width = min(FULL, (self._size >> HEIGHT * tile_level) - number * FULL)
        if width == FULL and (number + 1) * FULL <= self._loaded.size >> HEIGHT * tile_level:
            return self._loaded.read(level, index)
        key = (tile_level, number, width)
        rows = self._rows.get(key)
        if rows is None:
            hashes = self._full[Tile(tile_level, number)] if width == FULL else bytes(self._edge[tile_level])
            rows = self._rows[key] = _rows(hashes)
            if len(self._rows) > CACHED_TILES:
                self._rows.popitem(last=False)
        return _pick(rows, row, place)

    def inclusion(self, index: int) -> tuple[bytes, ...]:
        """The proof that entry `index` is in the log at its present size."""
        return inclusion_proof(self._size, index, self.read)

    def consistency(self, old_size: int) -> tuple[bytes, ...]:
        """The proof that the log at its present size continues the one of `old_size`."""
        return consistency_proof(old_size, self._size, self.read)

    def _fold(self, level: int) -> None:
        """Turn the partial tile at `level`, which has become full, into a full one and one hash above it."""
        hashes = bytes(self._edge[level])
        self._full[Tile(level, (self._size >> HEIGHT * level) // FULL - 1)] = hashes
        self._edge[level] = bytearray()
        if level + 1 == len(self._edge):
            self._edge.append(bytearray())
        self._edge[level + 1] += _rows(hashes)[HEIGHT]
        if len(self._edge[level + 1]) == MAX_TILE_BYTES:
            self._fold(level + 1)
