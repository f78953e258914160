"""Packed mirrors: for hosts that punish many files, objects and proofs lie together in a few zip files.

    packs                     which packs there are: a pointer like `front`, JSON, at most `LIST` bytes
    pack/<32 hex>.zip         stored, not compressed; named by the first 16 bytes of its SHA-256; never changes

Everything else (front, checkpoint, tiles, trust, pages) is where it is on every mirror. A pack's entries are files of
the mirror, named by their paths, and last `pack.index.gz`: lines `<offset> <size> <path>`, gzip'd, which say where in
the pack each file's bytes begin. So a reader who knows the list needs two requests for a file, one for an index it
keeps and one for a range; and anybody can unzip all packs, oldest first, into one folder and has a plain mirror.

    {"v": 1, "kind": "packs", "serial": 7, "packs": [["<32 hex>", size, index offset, index size], …]}

Newest first: what is in several packs counts as it is in the first. Nothing here is signed and nothing needs to be:
what comes out is an object or a proof, and those are checked as if they had come from a file of their own. A host that
gives no ranges gives the whole pack, of which one is kept at a time.
"""

from __future__ import annotations

import re
import zlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from signing.errors import FormatError
from signing.packing import parse_json

LIST: Final = 1 << 18  # bytes: about 4,000 packs
PACK: Final = 32 << 20  # bytes, of one pack's entries; a reader without ranges loads and keeps so much
INDEX: Final = 1 << 20  # bytes, of an index as stored
INDEX_UNPACKED: Final = 8 << 20
FILES: Final = 16_384  # of one pack
KEPT: Final = 16 * FILES  # lines of indexes that a reader keeps, some 100 MB
WHOLE: Final = 2 * PACK + INDEX + FILES * 512  # bytes: a file of any size ends a pack, and zip has its own
INDEX_NAME: Final = "pack.index.gz"
POINTER: Final = "packs"

_NAME: Final = re.compile(r"[0-9a-f]{32}")
_LINE: Final = re.compile(rb"(0|[1-9][0-9]{0,8}) (0|[1-9][0-9]{0,8}) ([a-z0-9][A-Za-z0-9./-]{0,199})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """One pack of the list. Sizes and the index's offset are in bytes."""

    name: str
    size: int
    index_offset: int
    index_size: int

    @property
    def path(self) -> str:
        return f"pack/{self.name}.zip"


@dataclass(frozen=True, slots=True, kw_only=True)
class List:
    """What `packs` says, the newest pack first. `serial` grows with every change."""

    serial: int = 0
    packs: tuple[Pack, ...] = ()


def is_packed(path: str) -> bool:
    """Whether a packed mirror keeps this file in a pack: objects and proofs, which are most of all files."""
    return path.startswith(("o/", "proof/"))


def list_bytes(listed: List) -> bytes:
    """`packs` as it is stored: one line, one spelling."""
    rows = ",".join(f'["{one.name}",{one.size},{one.index_offset},{one.index_size}]' for one in listed.packs)
    return f'{{"v":1,"kind":"packs","serial":{listed.serial},"packs":[{rows}]}}\n'.encode()


def parse_list(data: bytes) -> List:
    """What the bytes of `packs` say. FormatError for anything that is not exactly such a list."""
    if len(data) > LIST:
        raise FormatError(f"{len(data)} bytes, at most {LIST} are expected")
    document = parse_json(data)
    if not isinstance(document, dict) or set(document) != {"v", "kind", "serial", "packs"}:
        raise FormatError("not a list of packs")
    serial, rows = document["serial"], document["packs"]
    if document["v"] != 1 or document["kind"] != "packs" or not _is_count(serial) or not isinstance(rows, list):
        raise FormatError("not a list of packs, version 1")
    packs = tuple(_pack(row) for row in rows)
    if len({one.name for one in packs}) != len(packs):
        raise FormatError("one pack is listed twice")
    return List(serial=serial, packs=packs)


def _pack(row: object) -> Pack:
    if not isinstance(row, list) or len(row) != 4:
        raise FormatError("an entry has a name and three numbers")
    name, size, offset, length = row
    if not isinstance(name, str) or not _NAME.fullmatch(name) or not all(map(_is_count, row[1:])):
        raise FormatError("an entry has a name and three numbers")
    if size > WHOLE or not 0 < length <= INDEX or offset + length > size:
        raise FormatError(f"{name}: its index can't be where it is said to be")
    return Pack(name=name, size=size, index_offset=offset, index_size=length)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def index_bytes(places: Mapping[str, tuple[int, int]]) -> bytes:
    """An index, unpacked: where each file begins and how long it is."""
    return b"".join(b"%d %d %s\n" % (offset, size, path.encode()) for path, (offset, size) in places.items())


def parse_index(stored: bytes, size: int) -> dict[str, tuple[int, int]]:
    """Offset and size by path, from the stored index of a pack of `size` bytes. FormatError when it isn't one."""
    unpacker = zlib.decompressobj(31)
    try:
        data = unpacker.decompress(stored, INDEX_UNPACKED + 1)
    except zlib.error as error:
        raise FormatError(f"a pack's index: {error}") from None
    if len(data) > INDEX_UNPACKED or not unpacker.eof or unpacker.unused_data or (data and data[-1:] != b"\n"):
        raise FormatError("a pack's index: not one gzip member of a sensible size")
    lines = data.split(b"\n")[:-1]
    if len(lines) > FILES:
        raise FormatError(f"a pack's index: more than {FILES} files")
    places: dict[str, tuple[int, int]] = {}
    for line in lines:
        found = _LINE.fullmatch(line)
        if not found or int(found[1]) + int(found[2]) > size:
            raise FormatError("a pack's index: a line that names no file of this pack")
        places[found[3].decode("ascii")] = int(found[1]), int(found[2])
    return places


# --- reading -------------------------------------------------------------------------------------------------------


class Source(Protocol):
    """A mirror's plain files, and parts of them."""

    def whole(self, path: str, cap: int) -> bytes | None:
        """As `Mirror.get`."""
        ...

    def part(self, path: str, offset: int, size: int) -> bytes | None:
        """So many bytes from there on, fewer where the file ends; None when there is no such file. Raises as
        `Mirror.get`."""
        ...


class Packs:
    """The packs of one mirror, as a reader uses them. What is asked for once is kept: the list, and of the indexes
    those used last, `KEPT` lines of them, since a list may name thousands of packs that hold nothing but names."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._list: List | None = None
        self._indexes: OrderedDict[str, dict[str, tuple[int, int]]] = OrderedDict()
        self._lines = 0

    @property
    def in_use(self) -> bool:
        """Whether this is known to be a packed mirror."""
        return self._list is not None and bool(self._list.packs)

    def get(self, path: str, cap: int) -> bytes | None:
        """The file as the newest pack that has it holds it; None when none does, or this is no packed mirror. Raises
        what the source raises, FormatError for lists and indexes that are none, and `TooLarge`."""
        for attempt in (1, 2):
            if self._list is None:
                stored = self._source.whole(POINTER, LIST)
                self._list = parse_list(stored) if stored is not None else List()
            data = self._find(self._list.packs, path, cap)
            if data is not None or not self._list.packs or attempt == 2:
                return data
            # Packs are merged into others while one reads: the list may be of yesterday.
            before, self._list = self._list, None
            stored = self._source.whole(POINTER, LIST)
            self._list = parse_list(stored) if stored is not None else List()
            if self._list == before:
                return None
        return None

    def _find(self, packs: Sequence[Pack], path: str, cap: int) -> bytes | None:
        for pack in packs:
            place = self._index(pack).get(path)
            if place is None:
                continue
            offset, size = place
            if size > cap:
                raise TooLarge(f"{path}: {size} bytes in {pack.path}, at most {cap} are expected")
            data = self._source.part(pack.path, offset, size) if size else b""
            if data is None or len(data) != size:
                continue  # merged away just now, or cut short: an older pack may have it, or the next list
            return data
        return None

    def _index(self, pack: Pack) -> dict[str, tuple[int, int]]:
        found = self._indexes.get(pack.name)
        if found is not None:
            self._indexes.move_to_end(pack.name)
            return found
        stored = self._source.part(pack.path, pack.index_offset, pack.index_size)
        if stored is None or len(stored) != pack.index_size:
            return {}
        found = self._indexes[pack.name] = parse_index(stored, pack.size)
        self._lines += len(found)
        while self._lines > KEPT and len(self._indexes) > 1:
            self._lines -= len(self._indexes.popitem(last=False)[1])
        return found


class TooLarge(FormatError):
    """A pack holds a larger file than was asked for."""
