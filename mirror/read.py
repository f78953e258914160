"""The reader's side of a mirror: bytes by path, and what a reader remembers between visits.

A `Mirror` answers one question - the bytes at this path, at most so many - from a web address, a folder or a pack.
Nothing it returns is trusted: everything goes through `signing` before anything is shown (`mirror.verdict`).

Sequential on purpose, over `requests`, so that an auditor can read it top to bottom.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import stat
import time
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import unquote, urljoin, urlsplit

from mirror.errors import TamizdatError

if TYPE_CHECKING:
    import requests

# A path the format can name: no empty, dot or dot-dot part, nothing that a file system or a URL would read otherwise.
_PATH = re.compile(r"(?:[a-z0-9][A-Za-z0-9.-]{0,99}/){0,12}[a-z0-9][A-Za-z0-9.-]{0,99}\Z")

CONNECT_SECONDS = 10.0
IDLE_SECONDS = 15.0
# One file: a mirror that trickles a byte a second must not hold a reader for ever. 60 s is 12 KiB at 1.6 kbit/s.
TOTAL_SECONDS = 60.0
PACK_FILES = 4096
PACK_BYTES = 1 << 30


class ReadError(TamizdatError):
    """A mirror could not be read: `unreachable` or too slow; otherwise it answered with what can't be the file.
    `path` is what was asked for, where that is known."""

    def __init__(self, message: str, *, path: str = "", unreachable: bool = False, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.path = path
        self.unreachable = unreachable


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

    def __init__(self, address: str) -> None:
        self.name = address.rstrip("/")
        self._base = self.name + "/"
        self._session: requests.Session | None = None
        self.requests = 0
        self.bytes = 0

    def _open(self) -> requests.Session:
        if self._session is None:
            import requests

            session = requests.Session()
            # Proxies from the environment are the reader's wish; passwords from ~/.netrc would be a leak.
            session.trust_env = False
            session.proxies = requests.utils.get_environ_proxies(self._base, no_proxy=None)
            session.headers.clear()
            session.headers["Accept-Encoding"] = "identity"
            session.headers["User-Agent"] = "Mozilla/5.0"  # nothing that singles out the reader
            self._session = session
        return self._session

    def get(self, path: str, cap: int) -> bytes | None:
        import requests
        import urllib3

        url = urljoin(self._base, _checked(path))
        deadline = time.monotonic() + TOTAL_SECONDS
        for _hop in range(4):
            self.requests += 1
            try:
                with self._open().get(
                    url, stream=True, timeout=(CONNECT_SECONDS, IDLE_SECONDS), allow_redirects=False
                ) as answer:
                    if answer.status_code in (301, 302, 303, 307, 308):
                        target = urljoin(url, answer.headers.get("Location", ""))
                        if urlsplit(target)[:2] != urlsplit(url)[:2]:
                            raise ReadError(f"{url}: redirects to another host, {target[:200]!r}; not followed")
                        url = target
                        continue
                    # 403 is how object stores say "no such key" to somebody who may not list.
                    if answer.status_code in (403, 404, 410):
                        return None
                    if answer.status_code != 200:
                        raise ReadError(f"{url}: status {answer.status_code}", unreachable=answer.status_code >= 429)
                    coding = answer.headers.get("Content-Encoding", "identity").strip().lower()
                    if coding not in ("", "identity"):
                        raise ReadError(
                            f"{url}: the mirror adds Content-Encoding {coding[:40]!r}, so stored bytes can't be checked"
                        )
                    return self._body(answer, url, cap, deadline)
            except ReadError as error:
                error.path = path
                raise
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
                raise ReadError(f"{url}: {_reason(error)}", path=path, unreachable=True) from error
        raise ReadError(f"{url}: too many redirects", path=path)

    def _body(self, answer: requests.Response, url: str, cap: int, deadline: float) -> bytes:
        declared = answer.headers.get("Content-Length", "")
        if declared.isascii() and declared.isdigit() and len(declared) < 19 and int(declared) > cap:
            raise ReadError(f"{url}: {declared} bytes where at most {cap} are expected")
        parts: list[bytes] = []
        size = 0
        while True:
            # read1 returns what has arrived, so the deadline is looked at however slowly a mirror trickles.
            chunk = answer.raw.read1(min(1 << 16, cap + 1 - size), decode_content=False)
            if not chunk:
                break
            parts.append(chunk)
            size += len(chunk)
            self.bytes += len(chunk)
            if size > cap:
                raise ReadError(f"{url}: more than the {cap} bytes expected")
            if time.monotonic() > deadline:
                raise ReadError(
                    f"{url}: not finished after {TOTAL_SECONDS:.0f} s ({size} bytes came)", unreachable=True
                )
        if declared.isascii() and declared.isdigit() and len(declared) < 19 and size != int(declared):
            raise ReadError(f"{url}: the connection ended after {size} of {declared} bytes", unreachable=True)
        return b"".join(parts)

    def close(self) -> None:
        if self._session is not None:
            self._session.close()


class FolderMirror:
    """A mirror as a folder: a USB stick, a web root, a publication's own `archive/`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = str(folder)

    def get(self, path: str, cap: int) -> bytes | None:
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
                data = opened.read(cap + 1)
            except OSError as error:
                raise ReadError(f"{file}: {error.strerror or error}", path=path) from error
        if len(data) > cap:
            raise ReadError(f"{file}: more than the {cap} bytes expected", path=path)
        return data

    def walk(self) -> Iterator[str]:
        """Every file below, as mirror paths, sorted."""
        for folder, names, files in os.walk(self.folder):
            names.sort()
            for name in sorted(files):
                yield (Path(folder) / name).relative_to(self.folder).as_posix()


class PackMirror:
    """A `.tamizdat` pack: a stored zip laid out like a mirror, with what one article needs."""

    def __init__(self, file: Path) -> None:
        self.name = str(file)
        try:
            self._zip = zipfile.ZipFile(file)
            self._names = {info.filename: info for info in self._zip.infolist()}
        except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError, UnicodeDecodeError) as error:
            raise ReadError(f"{file}: not a pack ({_reason(error)})") from error
        if len(self._zip.infolist()) != len(self._names):
            raise ReadError(f"{file}: the pack holds two files of one name")
        if len(self._names) > PACK_FILES or sum(i.file_size for i in self._names.values()) > PACK_BYTES:
            raise ReadError(f"{file}: more than a pack may hold")

    def get(self, path: str, cap: int) -> bytes | None:
        info = self._names.get(_checked(path))
        if info is None:
            return None
        if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1:
            raise ReadError(f"{self.name}: {path} is compressed or encrypted; packs are stored", path=path)
        if info.file_size > cap:
            raise ReadError(f"{self.name}: {path} is larger than the {cap} bytes expected", path=path)
        try:
            return self._zip.read(info)
        except (OSError, zipfile.BadZipFile, EOFError, ValueError, RuntimeError, NotImplementedError) as error:
            raise ReadError(f"{self.name}: {path}: {_reason(error)}", path=path) from error


def write_pack(file: Path, files: Mapping[str, bytes]) -> None:
    """Write a pack; the same files give the same bytes. Replaces `file` only when complete."""
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as pack:
            for name, data in files.items():
                pack.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data)
        temporary.replace(file)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise TamizdatError(f"{file}: {error.strerror or error}") from error


def open_mirror(address: str) -> Mirror:
    """The mirror at a web address, `file:` address, folder, or pack file. Raises `ReadError`."""
    if re.match(r"https?://", address, re.IGNORECASE):
        parts = urlsplit(address)
        if not parts.hostname or parts.username is not None:
            raise ReadError(f"{address}: not a mirror's address")
        return WebMirror(address)
    path = Path(unquote(urlsplit(address).path) if address.startswith("file:") else address).expanduser()
    if path.is_dir():
        return FolderMirror(path / "archive" if (path / "tamizdat.toml").is_file() else path)
    if path.is_file():
        return PackMirror(path)
    raise ReadError(f"{address}: no such folder or file, and not an http(s) address")


def need(mirror: Mirror, path: str, cap: int) -> bytes:
    """The bytes at `path`; `ReadError` when the mirror lacks it."""
    data = mirror.get(path, cap)
    if data is None:
        raise ReadError(f"{mirror.name}: {path} is missing", path=path)
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


def _reason(error: BaseException) -> str:
    """One short line for an exception of a network or zip library."""
    cause: BaseException = error
    while True:
        inner = cause.__cause__ or cause.__context__ or getattr(cause, "reason", None)
        if not isinstance(inner, BaseException) or inner is cause:
            break
        cause = inner
    text = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
    return " ".join(str(text).split())[:200]


# --- what a reader remembers --------------------------------------------------------------------------------------


@dataclass(slots=True)
class Known:
    """What this reader knows of one publication. `checkpoints` maps a log's origin to the newest note seen."""

    origin: str
    pin: str
    checkpoints: dict[str, str] = field(default_factory=dict)
    trust: dict[str, int] = field(default_factory=dict)  # newest version seen of each TUF role
    serial: int = 0
    mirrors: list[str] = field(default_factory=list)


class Memory:
    """Publications this reader has met, a JSON file each in a private folder (0700).

    Only pins and checkpoints are kept: nothing about which article was looked at. `Memory(None)` keeps nothing.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    @staticmethod
    def default() -> Memory:
        base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
        return Memory(Path(base) / "tamizdat" / "known")

    def _file(self, origin: str) -> Path | None:
        if self.folder is None:
            return None
        return self.folder / f"{hashlib.sha256(origin.encode()).hexdigest()[:32]}.json"

    def recall(self, origin: str) -> Known | None:
        """What is known of this publication, or None. A damaged file is an error: silence would forget a rollback."""
        file = self._file(origin)
        if file is None or not file.is_file():
            return None
        try:
            found = json.loads(file.read_text())
            known = Known(
                origin=str(found["origin"]),
                pin=str(found["pin"]),
                checkpoints={str(k): str(v) for k, v in found["checkpoints"].items()},
                trust={str(k): int(v) for k, v in found["trust"].items()},
                serial=int(found["serial"]),
                mirrors=[str(url) for url in found["mirrors"]],
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise TamizdatError(
                f"{file}: what was remembered of {origin} can't be read ({_reason(error)})",
                hint="restore it from a backup; deleting it also deletes the protection against older versions",
            ) from error
        if known.origin != origin:
            raise TamizdatError(f"{file}: belongs to {known.origin}, not {origin}")
        return known

    @contextlib.contextmanager
    def changing(self, origin: str) -> Iterator[None]:
        """Hold this around recall and keep: two readers at once must not undo each other."""
        if self.folder is None:
            yield
            return
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self.folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def keep(self, known: Known) -> None:
        """Remember durably."""
        file = self._file(known.origin)
        if file is None:
            return
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary = file.with_name(f".{file.name}.{os.getpid()}")
        fields = {name: getattr(known, name) for name in ("origin", "pin", "checkpoints", "trust", "serial", "mirrors")}
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "w") as out:
            json.dump(fields, out, ensure_ascii=False)
            out.flush()
            os.fsync(out.fileno())
        temporary.replace(file)
