"""Whose network an address is in: a compact table of all of them, offline.

The table that comes with the software (`networks.xz`, about 1.5 MB; where it is from: `networks.md`) gets old slowly:
hosts change their networks seldom. `tamizdat mirrors refresh` makes a newer one in the publication's state folder, from
a list anybody may use. Looking up contacts nobody.

    networks.xz     xz of: one line of JSON (`v`, `date`, `source`, and the lengths of what follows), then
                    IPv4    where each range begins, as differences of 32-bit numbers; its AS numbers, 32 bits each
                    IPv6    the same for the upper 48 bits of addresses, as differences of 64-bit numbers
                    names   lines `<AS number> TAB <country> TAB <name>`

Numbers are little-endian and in planes (all first bytes, then all second ones …), which halves the file. A range ends
where the next begins; AS number 0 is nobody's. The country is where the network is registered, not where a machine is.
"""

from __future__ import annotations

import bisect
import csv
import gzip
import io
import ipaddress
import itertools
import json
import lzma
import re
import sys
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from mirror import durable
from mirror.errors import TamizdatError

BUNDLED: Final = Path(__file__).with_name("networks.xz")
LARGEST: Final = 32 << 20  # bytes of a table as stored …
UNPACKED: Final = 128 << 20  # … and unpacked; today's has 12 MB
LIST: Final = 512 << 20  # bytes of a list to make one from, unpacked
NAMES: Final = 20_000  # networks that keep their name: the largest; the others are a number and a country
SOURCE: Final = "https://iptoasn.com/data/ip2asn-combined.tsv.gz"
"""Public domain (PDDL); a line is: first address, last address, AS number, country, name, with tabs between them."""
_NAME_LIMIT: Final = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """An autonomous system. `name` is None for small ones, `country` two letters or None."""

    asn: int
    name: str | None
    country: str | None

    def __str__(self) -> str:
        return f"AS{self.asn}{f' {self.name}' if self.name else ''}"


class NoNetworks(TamizdatError):
    """The table of networks is missing or damaged."""


class Networks:
    """The table, in memory: 0.2 s to open, nothing to look up."""

    def __init__(self, data: bytes) -> None:
        try:
            unpacked = _unxz(data)
            line, _, rest = unpacked.partition(b"\n")
            head = json.loads(line)
            four, six, names = (int(head[name]) for name in ("ipv4", "ipv6", "names"))
            if head["v"] != 1 or min(four, six, names) < 0 or len(rest) != 8 * four + 12 * six + names:
                raise ValueError("its parts have other lengths than it says")
            self.date, self.source = str(head["date"])[:10], str(head["source"])[:200]
            stream = io.BytesIO(rest)
            self._starts4 = _starts("I", stream.read(4 * four))
            self._numbers4 = _from_planes("I", stream.read(4 * four))
            self._starts6 = _starts("Q", stream.read(8 * six))
            self._numbers6 = _from_planes("I", stream.read(4 * six))
            self._names = stream.read(names)
        except (lzma.LZMAError, ValueError, KeyError, TypeError, OverflowError, EOFError) as error:
            raise NoNetworks(f"the table of networks is damaged: {error}") from error
        self._known: dict[int, tuple[str, str]] | None = None

    @staticmethod
    def open(state: Path | None = None) -> Networks:
        """The newer of the table in `state` (the publication's state folder) and the one that came along. Raises
        `NoNetworks`."""
        if state is not None and (own := state / BUNDLED.name).exists():
            try:
                found = _cached(own, own.stat().st_mtime_ns)
            except NoNetworks as error:
                raise NoNetworks(f"{own}: {error}", hint="delete it, or: tamizdat mirrors refresh") from None
            if found.date >= _cached(BUNDLED, 0).date:
                return found
        return _cached(BUNDLED, 0)

    def find(self, address: str) -> Network | None:
        """The network of this IPv4 or IPv6 address; None when nobody announces it. ValueError when it is none."""
        ip = ipaddress.ip_address(address)
        if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped:
            ip = ip.ipv4_mapped
        if ip.version == 4:
            starts, numbers, key = self._starts4, self._numbers4, int(ip)
        else:
            starts, numbers, key = self._starts6, self._numbers6, int(ip) >> 80
        at = bisect.bisect_right(starts, key) - 1
        number = numbers[at] if at >= 0 else 0
        if not number:
            return None
        country, name = self._name(number)
        return Network(asn=number, name=name or None, country=country or None)

    def _name(self, number: int) -> tuple[str, str]:
        if self._known is None:
            self._known = {}
            for line in self._names.decode("utf-8", "replace").split("\n"):
                asn, _, rest = line.partition("\t")
                if asn.isascii() and asn.isdigit():
                    country, _, name = rest.partition("\t")
                    self._known[int(asn)] = country, name
        return self._known.get(number, ("", ""))


@cache
def _cached(path: Path, _changed: int) -> Networks:
    try:
        if path.stat().st_size > LARGEST:
            raise NoNetworks(f"{path}: larger than {LARGEST} bytes")
        return Networks(path.read_bytes())
    except OSError as error:
        raise NoNetworks(f"{path}: {error.strerror or error}") from error


def _unxz(data: bytes) -> bytes:
    unpacker = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=256 << 20)
    unpacked = unpacker.decompress(data, UNPACKED)
    if not unpacker.eof or unpacker.unused_data:
        raise ValueError("cut short, or more than a table")
    return unpacked


def _from_planes(code: str, data: bytes) -> array[int]:
    width = array(code).itemsize
    count = len(data) // width
    mixed = bytearray(len(data))
    for plane in range(width):
        mixed[plane::width] = data[plane * count : (plane + 1) * count]
    numbers = array(code, bytes(mixed))
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def _planes(code: str, numbers: Iterable[int]) -> bytes:
    made = array(code, numbers)
    if sys.byteorder == "big":
        made.byteswap()
    data, width = made.tobytes(), made.itemsize
    return b"".join(data[plane::width] for plane in range(width))


def _starts(code: str, data: bytes) -> array[int]:
    return array(code, itertools.accumulate(_from_planes(code, data)))


# --- making a table -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Row:
    """A range of addresses, both ends in it."""

    first: int
    last: int
    version: int
    asn: int
    country: str
    name: str


def build(rows: Iterable[Row], *, date: str, source: str) -> bytes:
    """The table of these ranges. `date` (YYYY-MM-DD) and `source` are shown. ValueError when there are none."""
    four: list[tuple[int, int, int]] = []
    six: list[tuple[int, int, int]] = []
    size: dict[int, int] = {}
    names: dict[int, tuple[str, str]] = {}
    for row in rows:
        if row.version == 4:
            four.append((row.first, row.last, row.asn))
        else:
            six.append((row.first >> 80, row.last >> 80, row.asn))
        size[row.asn] = size.get(row.asn, 0) + (row.last - row.first + 1 if row.version == 4 else 1)
        if row.asn not in names or not names[row.asn][0]:
            names[row.asn] = row.country, row.name
    if not four:
        raise ValueError("no ranges in it")
    kept = set(sorted(size, key=lambda asn: -size[asn])[:NAMES])
    lines = [
        f"{asn}\t{country}\t{name if asn in kept else ''}\n"
        for asn, (country, name) in sorted(names.items())
        if country or (name and asn in kept)
    ]
    listed = "".join(lines).encode()
    begins4, begins6 = _boundaries(four, 32), _boundaries(six, 48)
    head = {"v": 1, "date": date, "source": source, "ipv4": len(begins4), "ipv6": len(begins6), "names": len(listed)}
    parts = [json.dumps(head).encode(), b"\n"]
    for code, begins in (("I", begins4), ("Q", begins6)):
        starts = [start for start, _ in begins]
        parts.append(_planes(code, (now - before for before, now in itertools.pairwise([0, *starts]))))
        parts.append(_planes("I", (asn for _, asn in begins)))
    return lzma.compress(b"".join([*parts, listed]), preset=9)


def _boundaries(ranges: list[tuple[int, int, int]], bits: int) -> Sequence[tuple[int, int]]:
    """Where a network begins, and which; gaps are nobody's. Of ranges that overlap, the one that begins first."""
    found: list[tuple[int, int]] = []
    end = -1
    for first, last, asn in sorted(ranges):
        if last <= end:
            continue
        begin = max(first, end + 1)
        if begin > end + 1 and (not found or found[-1][1]):
            found.append((end + 1, 0))
        if not found or found[-1][1] != asn:
            found.append((begin, asn))
        end = last
    if found and found[-1][1] and end + 1 < 1 << bits:
        found.append((end + 1, 0))
    return found


def read_rows(data: bytes, what: str) -> Iterator[Row]:
    """The ranges of a list: lines of tabs (iptoasn.com: first, last, AS number, country, name) or of commas (first,
    last, AS number, name), gzip'd or not. TamizdatError when it is something else; a line in a hundred may be odd."""
    try:
        if data[:2] == b"\x1f\x8b":
            with gzip.GzipFile(fileobj=io.BytesIO(data)) as packed:
                data = packed.read(LIST + 1)
        if len(data) > LIST:
            raise ValueError(f"more than {LIST} bytes")
        text = data.decode("utf-8", "replace")
    except (OSError, EOFError, ValueError) as error:
        raise TamizdatError(f"{what}: not a list of networks: {error}") from error
    tabs = "\t" in text[:2000]
    odd = count = 0
    for count, fields in enumerate(csv.reader(io.StringIO(text), delimiter="\t" if tabs else ",", quotechar='"'), 1):
        row = _row(fields, tabs)
        if row is not None:
            yield row
        else:
            odd += 1
            if odd > 100 + count // 100:
                raise TamizdatError(
                    f"{what}: not a list of networks: line {count} has no first address, last address and AS number"
                )
    if not count:
        raise TamizdatError(f"{what}: empty")


def _row(fields: list[str], tabs: bool) -> Row | None:
    try:
        first, last = (ipaddress.ip_address(one) for one in fields[:2])
        asn = int(fields[2])
        rest: list[Any] = fields[3:5] if tabs else ["", *fields[3:4]]
        country, name = (*rest, "", "")[:2]
    except (ValueError, IndexError):
        return None
    if first.version != last.version or int(first) > int(last) or not 0 < asn < 1 << 32:
        return None
    name = " ".join(re.sub(r"[^\w .,&()+/'-]", " ", name).split())[:_NAME_LIMIT]
    country = country if re.fullmatch("[A-Z]{2}", country) else ""
    return Row(int(first), int(last), first.version, asn, country, name)


def refresh(state: Path, data: bytes, *, what: str, date: str) -> Networks:
    """Puts the table made from this list into `state` and returns it. Raises TamizdatError when the list is none, or
    has so few ranges that it can't be whole; then the table is as it was."""
    rows = [row for row in read_rows(data, what) if row.asn]
    if len(rows) < 100_000:
        raise TamizdatError(f"{what}: only {len(rows)} ranges; a whole list has 400,000", hint="was it cut short?")
    made = build(rows, date=date, source=what)
    found = Networks(made)
    durable.write(state / BUNDLED.name, made, mode=0o644)
    return found
