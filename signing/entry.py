"""Log entries: what the log says was published, in at most 300 bytes that nobody can take back.

An entry can be rebuilt from the bundle alone and never holds anything readable, so what has to be withdrawn later is
not in it: the URL is hashed, the title is absent, and the bundle's digest covers 16 random bytes of salt. Whoever knows
a URL finds all its entries. Six lines, each ending in LF:

    tamizdat entry v1
    <article|edition|withdrawal|trust>
    <outlet id or ->
    <hex SHA-256 of the canonical URL, or ->
    <hex SHA-256 of the stored bytes> <their number>
    <time>

Outlet id and URL stand in an article's entry and may stand in a withdrawal's, always both; an edition and a trust file
have `-` for both. The time is when the page was fetched, or when the edition or trust file was made. For example, the
article https://news.example/a/1 of the outlet `sample`:

    tamizdat entry v1
    article
    sample
    8953a661872edfc785b2f02c85098675085ee4dd9e57c1c11acab87cd879f2fb
    c4cfe1efacebe83e5070e80d34dc6b1676c70acc779e0009ada385f878b99669 240
    2027-03-01T08:15:00Z
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from signing.errors import FormatError, shown
from signing.packing import MAX_JSON_NUMBER, check_digest, check_time, digest_of, from_decimal

KINDS = ("article", "edition", "withdrawal", "trust")
MAX_BYTES = 300

_FIRST = b"tamizdat entry v1"
_OUTLET = re.compile("[a-z0-9][a-z0-9-]{0,31}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry; `outlet` and `url_digest` are None where the entry has `-`. FormatError when it cannot exist."""

    kind: str
    outlet: str | None = None
    url_digest: str | None = None
    digest: str
    size: int
    time: str

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise FormatError(f"there are no log entries of kind {shown(self.kind)}")
        if (self.outlet is None) != (self.url_digest is None):
            raise FormatError("a log entry has outlet and URL, or neither")
        if (self.kind == "article" and self.outlet is None) or (
            self.kind in ("edition", "trust") and self.outlet is not None
        ):
            raise FormatError(f"a log entry of kind {self.kind} has {'no' if self.outlet is None else 'an'} outlet")
        if self.outlet is not None and not _OUTLET.fullmatch(self.outlet):
            raise FormatError(f"not an outlet id: {shown(self.outlet)}")
        if self.url_digest is not None:
            check_digest(self.url_digest)
        check_digest(self.digest)
        check_time(self.time)
        if not 1 <= self.size <= MAX_JSON_NUMBER:
            raise FormatError(f"a log entry cannot stand for {self.size} bytes")

    def encode(self) -> bytes:
        """The entry's bytes, of which the log has the hash."""
        where = f"{self.outlet or '-'}\n{self.url_digest or '-'}"
        return f"{_FIRST.decode()}\n{self.kind}\n{where}\n{self.digest} {self.size}\n{self.time}\n".encode()


def parse(data: bytes) -> Entry:
    """The entry in `data`. FormatError unless `parse(data).encode() == data`."""
    if len(data) > MAX_BYTES:
        raise FormatError(f"a log entry has at most {MAX_BYTES} bytes, not {len(data)}")
    lines = data.split(b"\n")
    if len(lines) != 7 or lines[0] != _FIRST or lines[6]:
        raise FormatError("a log entry is six lines, the first of them `tamizdat entry v1`")
    try:
        kind, outlet, url_digest, stored, time = (line.decode("ascii") for line in lines[1:6])
    except UnicodeDecodeError:
        raise FormatError("a log entry is ASCII") from None
    digest, _, size = stored.partition(" ")
    return Entry(
        kind=kind,
        outlet=None if outlet == "-" else outlet,
        url_digest=None if url_digest == "-" else url_digest,
        digest=digest,
        size=from_decimal(size.encode(), MAX_JSON_NUMBER),
        time=time,
    )


def entry_of(document: Mapping[str, object], digest: str, size: int) -> Entry:
    """The entry for a bundle (or trust file) with this document, digest and size as stored. FormatError when the
    document lacks what its entry needs."""
    kind = document.get("kind")
    if kind == "article":
        outlet, url = document.get("outlet"), document.get("url")
        if not isinstance(outlet, Mapping) or not isinstance(outlet.get("id"), str) or not isinstance(url, str):
            raise FormatError("an article has an outlet with an id, and a URL")
        try:
            url_digest = digest_of(url.encode())
        except UnicodeEncodeError:
            raise FormatError("the URL cannot be written as UTF-8") from None
        time = check_time(document.get("fetched"))
        return Entry(kind=kind, outlet=outlet["id"], url_digest=url_digest, digest=digest, size=size, time=time)
    if kind in ("edition", "trust"):
        return Entry(kind=str(kind), digest=digest, size=size, time=check_time(document.get("time")))
    raise FormatError(f"a document of kind {shown(kind)} has no log entry")
