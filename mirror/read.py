"""The reader's side of a mirror: bytes by path.

A `Mirror` answers one question - the bytes at this path, at most so many - from a web address, a folder or a pack.
Nothing it returns is trusted: everything goes through `signing` before anything is shown (`mirror.verdict`).

Sequential on purpose, over `requests`, so that an auditor can read it top to bottom.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import re
import stat
import time
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol
from urllib.parse import unquote, urljoin, urlsplit

from mirror import packed
from mirror.errors import TamizdatError
from signing.errors import FormatError

if TYPE_CHECKING:
    import requests

    from mirror.web import Clock, Session

# A path the format can name: no empty, dot or dot-dot part, nothing that a file system or a URL would read otherwise.
_PATH = re.compile(r"(?:[a-z0-9][A-Za-z0-9.-]{0,99}/){0,12}[a-z0-9][A-Za-z0-9.-]{0,99}\Z")

PACK_FILES = 4096
PACK_BYTES = 1 << 30
PACK_NAMES = PACK_FILES * 256  # bytes of a pack's list of contents; ours take about 120 an entry
DRAINED = 1 << 16  # bytes of an error page that are read so that the connection can be used again


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a reader waits, in seconds, for one file and for all that it asks of one mirror: a mirror that trickles
    a byte a second must not hold it for ever, nor one that gives every file in the last moment; and a reader on a line
    of a few kbit/s must still get every picture."""

    connect: float = 10.0
    idle: float = 15.0
    total: float = 60.0  # 12 KiB at 1.6 kbit/s
    rate: float = 4096.0  # bytes a second; a file that may be large gets this much more time
    look: float = 180.0  # for everything, from the first request on …
    slowest: float = 200.0  # … and a second more for so many bytes that came
    glance: float = 20.0  # for trust files and front page, where several mirrors are compared

    def for_file(self, cap: int) -> float:
        """Seconds for a file of at most `cap` bytes, from asking to the last byte."""
        return self.total + cap / self.rate

    def for_all(self, size: int) -> float:
        """Seconds from the first request on, when `size` bytes have come."""
        return self.look + size / self.slowest


PATIENCE = Patience()


class ReadError(TamizdatError):
    """A mirror could not be read: `unreachable` or too slow, or the file is `missing`; otherwise it answered with what
    can't be the file. `path` is what was asked for, where that is known."""

    def __init__(
        self, message: str, *, path: str = "", unreachable: bool = False, missing: bool = False, hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.path = path
        self.unreachable = unreachable
        self.missing = missing


class Mirror(Protocol):
    """Where bytes come from. `name` is what messages call it."""

    @property
    def name(self) -> str: ...

    def get(self, path: str, cap: int) -> bytes | None:
        """The bytes at `path`, or None when the mirror says that there is no such file.

        Raises `ReadError` when it can't be reached, is too slow, or sends more than `cap` bytes.
        """
        ...


def _checked(path: str) -> str:
    if not _PATH.match(path):
        raise ReadError(f"{path!r} is not a path of the mirror format")
    return path


class WebMirror:
    """A mirror at an `http(s)` address."""

    def __init__(self, address: str, *, patience: Patience | None = None) -> None:
        self.name = address.rstrip("/")
        self._base = self.name + "/"
        self.patience = patience or PATIENCE
        self._opened: tuple[Session, Clock] | None = None
        self._began: float | None = None
        self._packs = _InPacks(self)
        self._unpartable: tuple[str, bytes | None] = "", None  # a file that is only given whole
        self.requests = 0
        self.bytes = 0

    def _open(self) -> tuple[Session, Clock]:
        if self._opened is None:
            from mirror.web import Clock, Session

            clock = Clock(self.patience.idle)
            self._opened = Session(clock, self._base), clock
        return self._opened

    def get(self, path: str, cap: int) -> bytes | None:
        return self._packs.get(path, cap)

    def whole(self, path: str, cap: int) -> bytes | None:
        """The file of that name, not looked for in packs."""
        return self._get(path, cap, "")

    def part(self, path: str, offset: int, size: int) -> bytes | None:
        """A range of the file. From a server that gives no ranges: the whole file, kept until the next one."""
        if self._unpartable[0] != path:
            data = self._get(path, packed.WHOLE, f"bytes={offset}-{offset + size - 1}")
            if data is None or len(data) <= size:
                return data
            self._unpartable = path, data
        return (self._unpartable[1] or b"")[offset : offset + size]

    def _get(self, path: str, cap: int, wanted: str) -> bytes | None:
        from mirror.web import FAILURES

        url = urljoin(self._base, _checked(path))
        _session, clock = self._open()
        if self._began is None:
            self._began = time.monotonic()
        clock.start(self.patience.for_file(cap), self._began + self.patience.for_all(self.bytes))
        try:
            for _hop in range(4):
                with self._ask(url, clock, wanted) as answer:
                    if answer.status_code not in (301, 302, 303, 307, 308):
                        return self._body(answer, url, cap, clock, wanted)
                    target = urljoin(url, answer.headers.get("Location", ""))
                if urlsplit(target)[:2] != urlsplit(url)[:2]:
                    raise ReadError(f"{url}: redirects to another host, {target[:200]!r}; not followed")
                url = target
        except ReadError as error:
            error.path = path
            raise
        except FAILURES as error:
            raise ReadError(f"{url}: {reason(error)}", path=path, unreachable=True) from error
        raise ReadError(f"{url}: too many redirects", path=path)

    def _ask(self, url: str, clock: Clock, wanted: str) -> requests.Response:
        """The answer, as soon as its headers are here. `wanted` is a range, or empty."""
        session, _clock = self._open()
        headers = {"Range": wanted} if wanted else {}
        timeout = (min(self.patience.connect, clock.left()), self.patience.idle)
        first = self.requests == 0
        self.requests += 1
        try:
            return session.get(url, stream=True, timeout=timeout, allow_redirects=False, headers=headers)
        except OSError:
            if first:
                raise
        # Servers close connections that were left open, without a word; the next request finds out. On a new one, once.
        session.close()
        clock.left()
        return session.get(url, stream=True, timeout=timeout, allow_redirects=False, headers=headers)

    def _body(self, answer: requests.Response, url: str, cap: int, clock: Clock, wanted: str) -> bytes | None:
        if answer.status_code == 206 and wanted:
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            if not answer.headers.get("Content-Range", "").startswith(f"bytes {first}-{last}/"):
                raise ReadError(f"{url}: gives another range than was asked for")
            cap = int(last) - int(first) + 1
        elif answer.status_code != 200:
            _drain(answer)
            # 403 is how object stores say "no such key" to somebody who may not list.
            if answer.status_code in (403, 404, 410):
                return None
            raise ReadError(f"{url}: status {answer.status_code}", unreachable=answer.status_code >= 400)
        coding = answer.headers.get("Content-Encoding", "identity").strip().lower()
        if coding not in ("", "identity"):
            raise ReadError(
                f"{url}: the mirror adds Content-Encoding {coding[:40]!r}, so stored bytes can't be checked"
            )
        declared = answer.headers.get("Content-Length", "")
        if declared.isascii() and declared.isdigit() and (len(declared) > 18 or int(declared) > cap):
            raise ReadError(f"{url}: {declared[:30]} bytes where at most {cap} are expected")
        parts: list[bytes] = []
        size = 0
        # An end before the declared length raises here; what comes after it is never read.
        while chunk := answer.raw.read(min(1 << 16, cap + 1 - size), decode_content=False):
            parts.append(chunk)
            size += len(chunk)
            self.bytes += len(chunk)
            if size > cap:
                raise ReadError(f"{url}: more than the {cap} bytes expected")
            clock.left()
        return b"".join(parts)

    def close(self) -> None:
        if self._opened is not None:
            self._opened[0].close()
            self._opened = None


def _drain(answer: requests.Response) -> None:
    """Read a short error page to its end; a connection is worth more than that. A long one costs the connection."""
    from mirror.web import FAILURES

    with contextlib.suppress(*FAILURES):
        answer.raw.read(DRAINED, decode_content=False)


class _InPacks:
    """Files that are either there under their name or in a pack (`mirror.packed`). Once it is known that a mirror has
    packs, they are looked into first."""

    def __init__(self, source: WebMirror | FolderMirror) -> None:
        self._source = source
        self._packs = packed.Packs(source)

    def get(self, path: str, cap: int) -> bytes | None:
        if not packed.is_packed(path):
            return self._source.whole(path, cap)
        if not self._packs.in_use:
            data = self._source.whole(path, cap)
            return data if data is not None else self._from_packs(path, cap)
        data = self._from_packs(path, cap)
        return data if data is not None else self._source.whole(path, cap)

    def _from_packs(self, path: str, cap: int) -> bytes | None:
        try:
            return self._packs.get(path, cap)
        except FormatError as error:
            raise ReadError(f"{self._source.name}: {error}", path=path) from error


class FolderMirror:
    """A mirror as a folder: a USB stick, a web root, a publication's own `archive/`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = str(folder)
        self._packs = _InPacks(self)

    def get(self, path: str, cap: int) -> bytes | None:
        return self._packs.get(path, cap)

    def whole(self, path: str, cap: int) -> bytes | None:
        """The file of that name, not looked for in packs."""
        data = self._read(path, 0, cap + 1)
        if data is not None and len(data) > cap:
            raise ReadError(f"{self.folder / path}: more than the {cap} bytes expected", path=path)
        return data

    def part(self, path: str, offset: int, size: int) -> bytes | None:
        """So many bytes of the file from there on."""
        return self._read(path, offset, size)

    def _read(self, path: str, offset: int, size: int) -> bytes | None:
        file = self.folder / _checked(path)
        try:
            # Not blocking and not through a link: a stick may hold a FIFO or point outside itself.
            fd = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise ReadError(f"{file}: {error.strerror or error}", path=path) from error
        mode = os.fstat(fd).st_mode
        if not stat.S_ISREG(mode):
            os.close(fd)
            if stat.S_ISDIR(mode):
                return None
            raise ReadError(f"{file}: not a regular file", path=path)
        with os.fdopen(fd, "rb") as opened:
            try:
                opened.seek(offset)
                return opened.read(size)
            except OSError as error:
                raise ReadError(f"{file}: {error.strerror or error}", path=path) from error

    def walk(self) -> Iterator[str]:
        """Every file below, as mirror paths, sorted. Hidden ones are the file system's own, or not yet complete; no
        path of the format begins with a dot."""
        for folder, names, files in os.walk(self.folder):
            names[:] = sorted(name for name in names if not name.startswith("."))
            for name in sorted(files):
                if not name.startswith("."):
                    yield (Path(folder) / name).relative_to(self.folder).as_posix()

    def close(self) -> None:
        """Nothing is open."""


class PackMirror:
    """A `.tamizdat` pack: a stored zip laid out like a mirror, with what one article needs. `data` are its bytes where
    it was inside of `file`, as in a page that was passed on."""

    def __init__(self, file: Path, data: bytes | None = None) -> None:
        self.name = str(file)
        opened: BinaryIO
        try:
            opened = file.open("rb") if data is None else io.BytesIO(data)
        except OSError as error:
            raise ReadError(f"{file}: {error.strerror or error}") from error
        try:
            _check_end(opened.seek(0, os.SEEK_END), opened, file)
            self._zip = zipfile.ZipFile(opened)
            members = self._zip.infolist()
        except ReadError:
            opened.close()
            raise
        except Exception as error:  # zipfile raises whatever comes to pass in it over hostile bytes
            opened.close()
            raise ReadError(f"{file}: not a pack ({reason(error)})") from error
        self._file = opened
        self._names = {info.filename: info for info in members}
        problem = None
        if len(members) != len(self._names):
            problem = "the pack holds two files of one name"
        elif len(members) > PACK_FILES or sum(info.file_size for info in members) > PACK_BYTES:
            problem = "more than a pack may hold"
        if problem:
            self.close()
            raise ReadError(f"{file}: {problem}")

    def get(self, path: str, cap: int) -> bytes | None:
        info = self._names.get(_checked(path))
        if info is None:
            return None
        if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1 or info.file_size != info.compress_size:
            raise ReadError(f"{self.name}: {path} is compressed or encrypted; packs are stored", path=path)
        if info.file_size > cap:
            raise ReadError(f"{self.name}: {path} is larger than the {cap} bytes expected", path=path)
        try:
            return self._zip.read(info)
        except Exception as error:  # as above
            raise ReadError(f"{self.name}: {path}: {reason(error)}", path=path) from error

    def close(self) -> None:
        self._zip.close()
        self._file.close()


_END = 22  # bytes of a zip's end record with no comment
_LOCATOR = 20  # bytes of what points to a 64-bit end record


def _check_end(size: int, opened: BinaryIO, file: Path) -> None:
    """Refuse, before `zipfile` loads it, a list of contents that is not small and at the very end of the file: one zip
    must not be two different ones to two programs, nor fill the memory."""
    opened.seek(max(size - _END - _LOCATOR, 0))
    tail = opened.read()
    end = tail[-_END:]
    if len(end) < _END or end[:4] != b"PK\5\6" or end[-2:] != b"\0\0":
        raise ReadError(f"{file}: not a pack, or cut short")
    if tail[:-_END][-_LOCATOR : -_LOCATOR + 4] == b"PK\6\7":
        raise ReadError(f"{file}: a 64-bit zip; packs are smaller")
    listed = int.from_bytes(end[12:16], "little")
    start = int.from_bytes(end[16:20], "little")
    if listed > PACK_NAMES:
        raise ReadError(f"{file}: more than a pack may hold")
    if start + listed != size - _END:
        raise ReadError(f"{file}: not a pack: something stands before or after its list of contents")


def pack_bytes(files: Mapping[str, bytes]) -> bytes:
    """A pack; the same files give the same bytes, in whatever order they come: `pack.json` is first, which says what
    the others are of, then by name."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as pack:
        for name in sorted(files, key=lambda name: (name != "pack.json", name)):
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.create_system = 3  # whatever this is written on
            pack.writestr(entry, files[name])
    return made.getvalue()


def write_pack(file: Path, files: Mapping[str, bytes]) -> None:
    """Write a pack, as `write_file` does."""
    write_file(file, pack_bytes(files))


def write_file(file: Path, data: bytes) -> None:
    """Write something to pass on. Replaces `file` only when complete; raises `TamizdatError`."""
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        temporary.write_bytes(data)
        temporary.replace(file)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise TamizdatError(f"{file}: {error.strerror or error}") from error


def open_mirror(address: str) -> WebMirror | FolderMirror | PackMirror:
    """The mirror at a web address, `file:` address, folder, or pack file. Raises `ReadError`."""
    if re.match(r"https?://", address, re.IGNORECASE):
        try:
            parts = urlsplit(address)
            usable = parts.hostname and parts.username is None and (parts.port is None or parts.port > 0)
        except ValueError:
            usable = False
        if not usable or re.search(r"[?#\s]", address):
            raise ReadError(f"{address}: not a mirror's address")
        return WebMirror(address)
    if address.startswith("file:"):
        address = unquote(address.removeprefix("file://").removeprefix("file:"))
    path = Path(os.path.expanduser(address))  # which leaves ~nobody as it is; Path's own raises
    if path.is_dir():
        return FolderMirror(path / "archive" if (path / "tamizdat.toml").is_file() else path)
    if path.is_file():
        return PackMirror(path)
    raise ReadError(f"{address}: no such folder or file, and not an http(s) address")


def need(mirror: Mirror, path: str, cap: int) -> bytes:
    """The bytes at `path`; `ReadError` when the mirror lacks it."""
    data = mirror.get(path, cap)
    if data is None:
        raise ReadError(f"{mirror.name}: {path} is missing", path=path, missing=True)
    return data


def object_path(digest: str) -> str:
    """Where the object with this SHA-256 (hex) stands on a mirror."""
    return f"o/{digest[:2]}/{digest[2:]}"


def proof_path(digest: str) -> str:
    """Where the proof of the bundle with this SHA-256 (hex) stands on a mirror."""
    return f"proof/{digest[:2]}/{digest[2:]}"


def page_path(url: str) -> str:
    """Where the page a person can open stands, for the article at this canonical address."""
    return f"a/{hashlib.sha256(url.encode()).hexdigest()[:12]}.html"


def close(mirror: Mirror) -> None:
    """Close what is open for this mirror, if anything is."""
    closing = getattr(mirror, "close", None)
    if closing is not None:
        closing()


def reason(error: BaseException) -> str:
    """One short line for an exception of a network or zip library."""
    cause: BaseException = error
    for _ in range(20):
        inner = cause.__cause__ or cause.__context__ or getattr(cause, "reason", None)
        if not isinstance(inner, BaseException) or inner is cause:
            break
        cause = inner
    text = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
    return " ".join(str(text).split())[:200]
