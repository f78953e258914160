"""Captures out of web archives: WARC files (plain, or gzip'd by record or as a whole) and WACZ packages.

    with Captures(cap=8 << 20, pictures=True, spool=4 << 30) as captures:
        captures.read(Path("old-site.wacz"))
        for capture in captures.pages(wanted, every=False): …

WARC 1.0 and 1.1 (ISO 28500), WACZ 1.1 (https://specs.webrecorder.net/wacz/1.1.1/). Taken are HTTP answers of status 200
that hold HTML or a picture, and what refers to one of those because it was the same again (`revisit`).

An archive may come from anybody, so this reads it as it would read a stranger's page: one record after the other, every
length capped before anything is kept, no name in it used as a path, nothing of it run. What is wanted is put into one
temporary file without a name; what is not is skipped. A file that ends in the middle, or turns into rubbish, gives what
came before. A record that says of itself that it was cut off is no page: half an article must not be signed. The
digests of a WACZ are checked, all of them, before its first record is taken.
"""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Final, Self

from mirror.errors import TamizdatError
from mirror.inflate import Coding, Inflater, TooLarge
from mirror.links import absolute, clean

LINE: Final = 16_384  # bytes of one header line
HEAD: Final = 131_072  # bytes of all header lines of a record, or of an answer in it
CAPTURES: Final = 1_000_000  # captures remembered; each costs about 500 bytes of memory
NOTES: Final = 50
BLOCK: Final = 65_536
# Text compresses up to twentyfold, in the mean of an archive. A bomb does a thousandfold.
RATIO, FREE = 200, 1 << 30
MEMBERS: Final = 10_000  # files in a WACZ
PACKAGE: Final = 16 << 20  # bytes of its datapackage.json
_HTML = frozenset({"text/html", "application/xhtml+xml"})
_DATE = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.[0-9]{1,9})?Z", re.ASCII)
_STATUS = re.compile(rb"HTTP/[0-9.]{1,5} +([0-9]{3})\b")
_LENGTH = re.compile(r"[0-9]{1,18}", re.ASCII)


class ArchiveError(TamizdatError):
    """A file that can't be read at all, or is not what it says it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """One answer as somebody captured it: `date` is when (RFC 3339), `url` the address as it stands in the archive.
    `at` and `size` are where its body, without codings, lies in the temporary file; `file` is the SHA-256 of the
    archive it came in."""

    url: str
    date: str
    kind: str  # html or image
    headers: tuple[tuple[str, str], ...]
    address: str | None
    at: int
    size: int
    file: str

    @property
    def content_type(self) -> str:
        return next((value for name, value in self.headers if name == "content-type"), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Revisit:
    url: str
    date: str
    digest: str | None
    refers: tuple[str, str | None] | None  # address, date


@dataclass(slots=True, kw_only=True)
class Counts:
    """What was in the files."""

    records: int = 0
    pages: int = 0
    pictures: int = 0
    skipped: int = 0
    notes: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        if len(self.notes) < NOTES:
            self.notes.append(text)


class Captures:
    """The captures of one or several files. `cap` is in bytes, for one body as stored and without its codings; `spool`
    for all that is kept together; `wanted` says of an address whether its page is. A context manager: the temporary
    file lasts as long."""

    def __init__(
        self,
        *,
        cap: int,
        picture_cap: int,
        spool: int,
        wanted: Callable[[str], bool],
        pictures: bool = True,
        now: datetime | None = None,
    ) -> None:
        self.cap, self.picture_cap, self.spool, self.wanted, self.pictures = cap, picture_cap, spool, wanted, pictures
        self.latest = f"{now or datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        self.counts = Counts()
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__
        self._pages: dict[str, list[Capture]] = {}
        self._images: dict[str, Capture] = {}
        self._digests: dict[str, Capture] = {}
        self._revisits: list[_Revisit] = []
        self._many = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    # --- what there is ------------------------------------------------------------------------------------------------

    def pages(self, *, every: bool = False) -> list[list[Capture]]:
        """The captures of every page, the oldest first; only the newest one of each unless `every`. One capture after
        the other with the same body counts once."""
        self._resolve()
        found = []
        for captures in self._pages.values():
            captures.sort(key=lambda one: one.date)
            kept = [one for place, one in enumerate(captures) if not place or captures[place - 1].at != one.at]
            found.append(kept if every else captures[-1:])
        return sorted(found, key=lambda some: some[0].date)

    def image(self, url: str) -> Capture | None:
        """The picture captured at this address, the newest one."""
        return self._images.get(clean(url))

    def page(self, url: str) -> Capture | None:
        """The newest capture of this page."""
        captures = self._pages.get(clean(url))
        return max(captures, key=lambda one: one.date) if captures else None

    def body(self, capture: Capture) -> bytes:
        """What was captured, without codings."""
        self._file.seek(capture.at)
        return self._file.read(capture.size)

    def _resolve(self) -> None:
        """Revisits whose first capture is here, as captures."""
        waiting, self._revisits = self._revisits, []
        for one in waiting:
            first = self._digests.get(one.digest) if one.digest else None
            if first is None and one.refers is not None:
                url, date = one.refers
                candidates = self._pages.get(clean(url), [])
                first = next((had for had in candidates if date is None or had.date == date), None)
            if first is None:
                self.counts.skipped += 1
                self.counts.note(f"{one.url}: captured again on {one.date}, and its first capture is not here")
            elif first.kind == "html" and self.wanted(one.url):
                self._pages.setdefault(clean(one.url), []).append(replace(first, url=one.url, date=one.date))

    # --- reading files ------------------------------------------------------------------------------------------------

    def read(self, path: Path) -> None:
        """Take what is wanted out of this file. Raises `ArchiveError` when it can't be read, is no web archive, or does
        not have the digests it says."""
        try:
            with path.open("rb") as file:
                first = file.read(4)
                file.seek(0)
                if first == b"PK\x03\x04":
                    self._wacz(file, path.name)
                else:
                    digest = _sha256(file)
                    file.seek(0)
                    self._warc(file, path.name, digest)
        except OSError as error:
            raise ArchiveError(f"{path}: {error.strerror or error}") from error

    def _wacz(self, file: IO[bytes], name: str) -> None:
        try:
            with zipfile.ZipFile(file) as archive:
                self._members(archive, name, file.seek(0, 2))
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
            raise ArchiveError(f"{name}: not a WACZ package that can be read: {error}") from None

    def _members(self, archive: zipfile.ZipFile, name: str, size: int) -> None:
        if len(archive.infolist()) > MEMBERS:
            raise ArchiveError(f"{name}: more than {MEMBERS} files in it")
        entries = {info.filename: info for info in archive.infolist()}
        if "datapackage.json" not in entries:
            raise ArchiveError(f"{name}: a zip without datapackage.json is no WACZ package")
        said = _package(_member(archive, entries["datapackage.json"], PACKAGE), name)
        if "datapackage-digest.json" in entries:
            _check_package(_member(archive, entries["datapackage-digest.json"], PACKAGE), said.digest, name)
        files = [path for path in said.hashes if re.fullmatch(r"archive/[^/]{1,200}\.warc(?:\.gz)?", path)]
        if not files:
            raise ArchiveError(f"{name}: names no WARC file below archive/")
        whole = 0
        for path in files:
            if path not in entries:
                raise ArchiveError(f"{name}: {path} is missing")
            if entries[path].compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise ArchiveError(f"{name}: {path} is packed in a way that WACZ does not know")
            whole += entries[path].file_size
            if whole > max(FREE, RATIO * size):  # many files may be one and the same place in the package
                raise ArchiveError(f"{name}: unpacks to more than {RATIO} times its size")
            if entries[path].file_size > max(FREE, RATIO * entries[path].compress_size):
                raise ArchiveError(f"{name}: {path} unpacks to more than {RATIO} times its size")
        for path in files:
            with archive.open(entries[path]) as member:
                if _sha256(member) != said.hashes[path]:
                    raise ArchiveError(f"{name}: {path} is not what the package says: its SHA-256 is another one")
        for path in files:
            with archive.open(entries[path]) as member:
                self._warc(member, f"{name}: {path}", said.hashes[path])

    def _warc(self, file: IO[bytes], name: str, digest: str) -> None:
        stream = _Stream(file, name)
        if stream.kind == "zstd":
            raise ArchiveError(f"{name}: compressed with zstd", hint="unpack it first: zstd -d FILE")
        before = self.counts.records
        try:
            while self._record(stream, digest):
                self.counts.records += 1
        except _Broken as broken:
            if self.counts.records == before:
                raise ArchiveError(f"{name}: not a WARC file: {broken}") from None
            self.counts.note(f"{name}: {broken}, after {self.counts.records - before} records; those are taken")

    # --- records ------------------------------------------------------------------------------------------------------

    def _record(self, stream: _Stream, file: str) -> bool:
        """Whether there was another record. Raises `_Broken`."""
        line = stream.line()
        blank = 0
        while line in (b"\r\n", b"\n"):
            blank += 1
            if blank > 1000:
                raise _Broken("nothing but empty lines")
            line = stream.line()
        if not line:
            return False
        if not re.fullmatch(rb"WARC/[01]\.[0-9]{1,2}\s*", line):
            raise _Broken("a record does not begin with its version")
        headers = dict(reversed(_headers(stream)))
        length = headers.get("content-length", "")
        if not _LENGTH.fullmatch(length):
            raise _Broken("a record without a length")
        block = _Block(stream, int(length))
        self._block(headers, block, file)
        block.skip()
        return True

    def _block(self, headers: Mapping[str, str], block: _Block, file: str) -> None:
        kind = headers.get("warc-type", "").lower()
        url = headers.get("warc-target-uri", "").strip().removeprefix("<").removesuffix(">")
        if kind not in ("response", "revisit") or not url.lower().startswith(("http://", "https://")):
            return
        url = absolute(url, url) or ""
        date = _date(headers.get("warc-date", ""), self.latest)
        if not url or date is None:
            self.counts.skipped += 1
            self.counts.note(f"{(url or 'a record')[:200]}: without an address or a date that can be")
            return
        if self._many >= CAPTURES:
            raise _Broken(f"more than {CAPTURES} captures")
        if kind == "revisit":
            self._revisit(headers, url, date)
            return
        if "warc-segment-number" in headers or headers.get("warc-truncated"):
            self.counts.skipped += 1
            return
        self._response(headers, block, url, date, file)

    def _revisit(self, headers: Mapping[str, str], url: str, date: str) -> None:
        if not self.wanted(url):
            return
        refers = headers.get("warc-refers-to-target-uri", "").removeprefix("<").removesuffix(">") or url
        self._many += 1
        self._revisits.append(
            _Revisit(
                url=url,
                date=date,
                digest=headers.get("warc-payload-digest"),
                refers=(absolute(refers, refers) or url, _date(headers.get("warc-refers-to-date", ""), self.latest)),
            )
        )

    def _response(self, record: Mapping[str, str], block: _Block, url: str, date: str, file: str) -> None:
        found = _STATUS.match(block.line())
        if found is None or found[1] != b"200":
            return
        headers = tuple(_headers(block))
        fields = dict(reversed(headers))
        media = fields.get("content-type", "").partition(";")[0].strip().lower()
        html = media in _HTML and self.wanted(url)
        image = media.startswith("image/") and self.pictures
        if not (html or image):
            return
        cap = self.cap if html else self.picture_cap
        if block.left > cap:
            self.counts.skipped += 1
            self.counts.note(f"{url[:200]}: {block.left} bytes; at most {cap} are read")
            return
        try:
            body = _decoded(block.read(), fields, cap)
        except ValueError as error:
            self.counts.skipped += 1
            self.counts.note(f"{url[:200]}: {error}")
            return
        self._keep(
            Capture(
                url=url, date=date, kind="html" if html else "image", headers=headers[:100], file=file,
                address=record.get("warc-ip-address"), at=0, size=len(body),
            ),
            body,
            record.get("warc-payload-digest"),
        )  # fmt: skip

    def _keep(self, capture: Capture, body: bytes, digest: str | None) -> None:
        self._file.seek(0, 2)
        at = self._file.tell()
        if at + len(body) > self.spool:
            raise _Broken(f"more than {self.spool} bytes of pages and pictures")
        self._file.write(body)
        self._many += 1
        kept = replace(capture, at=at)
        if digest:
            self._digests.setdefault(digest, kept)
        if kept.kind == "html":
            self.counts.pages += 1
            self._pages.setdefault(clean(kept.url), []).append(kept)
        else:
            self.counts.pictures += 1
            before = self._images.get(clean(kept.url))
            if before is None or before.date <= kept.date:
                self._images[clean(kept.url)] = kept


# --- bytes ------------------------------------------------------------------------------------------------------------


class _Broken(Exception):
    """What follows can't be read."""


class _Stream:
    """The content of a file, unpacked where it is gzip'd, a piece at a time. Raises `_Broken`."""

    def __init__(self, file: IO[bytes], name: str) -> None:
        self._file = file
        self._name = name
        self._have = bytearray()
        self._packed = file.read(BLOCK)
        self._read, self._given = len(self._packed), 0
        self._decoder: zlib._Decompress | None = None
        self.kind = "plain"
        if self._packed.startswith(b"\x1f\x8b"):
            self.kind = "gzip"
        elif self._packed[:4] == b"\x28\xb5\x2f\xfd" or self._packed[1:4] == b"\x2a\x4d\x18":
            self.kind = "zstd"

    def _fill(self) -> bool:
        """Whether there was more."""
        while True:
            if not self._packed:
                self._packed = self._file.read(BLOCK)
                self._read += len(self._packed)
                if not self._packed and self._decoder is None:
                    return False
            at_end = not self._packed
            made = self._unpacked()
            if at_end and not made and self._decoder is not None:
                raise _Broken("ends in the middle of a record")
            if made:
                self._given += len(made)
                if self._given > max(FREE, RATIO * self._read):
                    raise _Broken(f"unpacks to more than {RATIO} times its size")
                self._have += made
                return True

    def _unpacked(self) -> bytes:
        if self.kind == "plain":
            made, self._packed = self._packed, b""
            return made
        if self._decoder is None:
            if not self._packed.strip(b"\0"):  # padding
                self._packed = b""
                return b""
            self._decoder = zlib.decompressobj(31)
        try:
            made = self._decoder.decompress(self._packed, BLOCK)
        except zlib.error as error:
            raise _Broken(f"broken gzip ({error})") from None
        self._packed = self._decoder.unconsumed_tail
        if self._decoder.eof:
            self._packed = self._decoder.unused_data
            self._decoder = None
        return made

    def line(self) -> bytes:
        """The next line with its end; less only at the end of everything."""
        while (end := self._have.find(b"\n")) < 0:
            if len(self._have) > LINE:
                raise _Broken("a line that does not end")
            if not self._fill():
                end = len(self._have) - 1
                break
        if end >= LINE:
            raise _Broken("a line that does not end")
        return self._take(end + 1)

    def read(self, size: int) -> bytes:
        """The next bytes, at least one and at most so many."""
        if not self._have and not self._fill():
            raise _Broken("ends in the middle of a record")
        return self._take(min(size, len(self._have)))

    def _take(self, size: int) -> bytes:
        taken = bytes(self._have[:size])
        del self._have[:size]
        return taken


class _Block:
    """What is in a record."""

    def __init__(self, stream: _Stream, length: int) -> None:
        self._stream = stream
        self.left = length

    def line(self) -> bytes:
        if not self.left:
            return b""
        line = self._stream.line()
        if len(line) > self.left:
            raise _Broken("a record shorter than its content")
        self.left -= len(line)
        return line

    def read(self) -> bytes:
        pieces = []
        while self.left:
            pieces.append(self._stream.read(min(self.left, BLOCK)))
            self.left -= len(pieces[-1])
        return b"".join(pieces)

    def skip(self) -> None:
        while self.left:
            self.left -= len(self._stream.read(min(self.left, BLOCK)))


def _headers(source: _Stream | _Block) -> list[tuple[str, str]]:
    """Header lines up to the empty one; names in lower case. Continued lines are joined."""
    found: list[tuple[str, str]] = []
    size = 0
    while (line := source.line()).strip():
        size += len(line)
        if size > HEAD:
            raise _Broken("headers that do not end")
        text = line.decode("utf-8", "replace").rstrip("\r\n")
        if text[:1] in (" ", "\t") and found:
            name, value = found[-1]
            found[-1] = (name, f"{value} {text.strip()}")
            continue
        name, colon, value = text.partition(":")
        if colon:
            found.append((name.strip().lower(), value.strip()))
    return found


def _date(text: str, latest: str) -> str | None:
    """The time of a capture; None for what is none, or has not come yet."""
    found = _DATE.fullmatch(text.strip())
    if found is None:
        return None
    date = f"{found[1]}Z"
    try:
        datetime.strptime(date, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None
    return date if "1990" <= date <= latest else None


def _decoded(body: bytes, fields: Mapping[str, str], cap: int) -> bytes:
    """The body without transfer and content coding. ValueError for one that is shorter than it says, larger than `cap`,
    or of a coding that is not known. Archives often hold bodies decoded already, with the old headers: then nothing is
    to be done, and the length says nothing."""
    chunked = _dechunked(body, cap) if "chunked" in fields.get("transfer-encoding", "").lower() else None
    coding = fields.get("content-encoding", "").strip().lower()
    said = fields.get("content-length", "")
    whole = chunked if chunked is not None else body
    if chunked is None and not coding and _LENGTH.fullmatch(said) and int(said) > len(body):
        raise ValueError(f"ends after {len(body)} of {said} bytes")
    if coding in ("gzip", "x-gzip") and whole[:2] == b"\x1f\x8b":
        return _inflated(whole, "gzip", cap)
    if coding == "deflate" and whole.lstrip()[:1] != b"<":
        return _inflated(whole, "deflate", cap)
    if coding in ("br", "zstd") and whole.lstrip()[:1] != b"<":
        raise ValueError(f"content coding {coding} is not read")
    return whole


def _inflated(body: bytes, coding: Coding, cap: int) -> bytes:
    inflater = Inflater(coding, cap)
    try:
        inflater.feed(body)
        return inflater.finish()
    except TooLarge:
        raise ValueError(f"more than {cap} bytes") from None


def _dechunked(body: bytes, cap: int) -> bytes | None:
    """The body without chunks (RFC 9112 7.1); None when it has none. ValueError when it ends in one."""
    pieces: list[bytes] = []
    at = 0
    while True:
        end = body.find(b"\r\n", at, at + 1024)
        size = re.fullmatch(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;.{0,1000})?", body[at:end]) if end >= 0 else None
        if size is None:
            if at:
                raise ValueError("ends between two chunks")
            return None
        length = int(size[1], 16)
        if not length:
            return b"".join(pieces)
        piece = body[end + 2 : end + 2 + length]
        if len(piece) < length or len(body) > cap:
            raise ValueError("ends in the middle of a chunk")
        pieces.append(piece)
        at = end + 2 + length + 2


def _sha256(file: IO[bytes]) -> str:
    hasher = hashlib.sha256()
    while piece := file.read(1 << 20):
        hasher.update(piece)
    return hasher.hexdigest()


# --- WACZ -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """What a package says of itself: SHA-256 by path, and that of datapackage.json."""

    hashes: Mapping[str, str]
    digest: str


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, cap: int) -> bytes:
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # others' memory is the sender's choice
        raise ArchiveError(f"{info.filename[:100]}: packed in a way that WACZ does not know")
    with archive.open(info) as member:
        data = member.read(cap + 1)
    if len(data) > cap:
        raise ArchiveError(f"{info.filename[:100]}: larger than {cap} bytes")
    return data


def _package(data: bytes, name: str) -> _Said:
    try:
        resources = json.loads(data)["resources"]
        hashes = {str(one["path"]): _hash_of(one["hash"]) for one in resources}
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ArchiveError(f"{name}: its datapackage.json can't be understood") from None
    return _Said(hashes=hashes, digest=hashlib.sha256(data).hexdigest())


def _check_package(data: bytes, digest: str, name: str) -> None:
    try:
        said = _hash_of(json.loads(data)["hash"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ArchiveError(f"{name}: its datapackage-digest.json can't be understood") from None
    if said != digest:
        raise ArchiveError(f"{name}: datapackage.json is not what the package says: its SHA-256 is another one")


def _hash_of(text: str) -> str:
    found = re.fullmatch(r"sha256:([0-9a-f]{64})", text)
    if found is None:
        raise ValueError("not a SHA-256")
    return found[1]
