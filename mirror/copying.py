"""Copies that a reader makes: what is kept are the very bytes that were verified."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import stat
from collections.abc import Iterable, Iterator, Set
from pathlib import Path

from mirror.errors import UsageError
from mirror.read import FolderMirror, Mirror, ReadError, object_path
from signing.entry import Entry
from signing.errors import FormatError
from signing.packing import gunzip
from signing.verify import PIECE, UNPACKED

OBJECT = 16 << 20  # bytes; no object is larger


class Keeping:
    """A mirror that is asked for each file once, whatever it would answer the next time."""

    def __init__(self, mirror: Mirror) -> None:
        self.name = mirror.name
        self.files: dict[str, bytes] = {}
        self._mirror = mirror

    def get(self, path: str, cap: int) -> bytes | None:
        if path not in self.files:
            data = self._mirror.get(path, cap)
            if data is None:
                return None
            self.files[path] = data
        if len(self.files[path]) > cap:
            raise ReadError(f"{self.name}: {path}: more than the {cap} bytes expected", path=path)
        return self.files[path]


class Copying:
    """A mirror whose files are kept as they come, apart from what is complete; `finish` puts them in their places,
    pointers last.

    With `reuse`, files from before are believed to be what the mirror has; without, only objects are, which prove
    themselves.

    The folder may be somebody's stick. Links to folders inside it are not followed, neither for writing nor for
    deleting; `UsageError` where one, a FIFO or a device stands in the way. A link in the place of a file is replaced.
    """

    PART = ".part"
    POINTERS = ("trust/timestamp.json", "checkpoint", "front")

    def __init__(self, mirror: Mirror, folder: Path, *, reuse: bool) -> None:
        self.name = mirror.name
        self._mirror = mirror
        self._folder = folder
        self._part = folder / self.PART
        self._have = (FolderMirror(self._part), FolderMirror(folder))
        self._reuse = reuse
        self._pointers: dict[str, bytes] = {}
        self._taken: set[str] = set()  # paths of what stands in `.part` and was asked for this time
        self._real = {folder}
        self.reused = 0
        self.believed = 0
        self._check_folder(self._part)

    def get(self, path: str, cap: int) -> bytes | None:
        if _is_pointer(path):
            data = self._mirror.get(path, cap)
            if data is not None:
                self._pointers[path] = data
            return data
        for have in self._have:
            self._check(have.folder / path)
            try:
                data = have.get(path, cap)
            except ReadError:
                continue
            if data is None:
                continue
            named = _is_named(data, path)
            if named or (self._reuse and not path.startswith("o/")):
                self.reused += 1
                self.believed += not named
                if have is self._have[0]:
                    self._taken.add(path)
                return data
        data = self._mirror.get(path, cap)
        if data is not None:
            self._write(self._part / path, data)
            self._taken.add(path)
        return data

    def drop_unproved(self) -> None:
        """Forget all that did not come to its place and does not prove itself."""
        for path in list(self._have[0].walk()):
            if not _is_named(_content(self._have[0], path, OBJECT), path):
                (self._part / path).unlink()

    def drop_withdrawn(self, withdrawals: Iterable[Entry]) -> bool:
        """Whether anything was here that was withdrawn since. It is not any more, nor is any edition or page that names
        it: those that the mirror still has come again."""
        here = False
        digests = []
        for entry in withdrawals:
            digests.append(entry.digest.encode())
            paths = [object_path(entry.digest), f"a/{(entry.url_digest or '')[:12]}.html"]
            for file in (have.folder / path for have in self._have for path in paths):
                self._check(file)
                with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                    file.unlink()
                    here = True
        if here:
            for have in self._have:
                for path in list(have.walk()):
                    if path.startswith("o/") and _names(_content(have, path, PIECE), digests):
                        (have.folder / path).unlink()
        return here

    def drop_unnamed(self, named: Set[str]) -> None:
        """Remove every object whose path is not among these: parts, pictures and editions of what was withdrawn, which
        nobody can tell from others once the bundle is gone."""
        for path in list(self._have[1].walk()):
            if path.startswith("o/") and path not in named:
                (self._folder / path).unlink()

    def finish(self) -> None:
        for path in sorted(self._taken):
            file = self._folder / path
            self._check(file)
            file.parent.mkdir(parents=True, exist_ok=True)
            (self._part / path).replace(file)
        for path in self._last():
            self._write(self._folder / path, self._pointers[path])
        shutil.rmtree(self._part, ignore_errors=True)

    def _last(self) -> Iterator[str]:
        """The pointers that came: those of closed logs first, the front page last."""
        yield from sorted(path for path in self._pointers if path not in self.POINTERS)
        yield from (path for path in self.POINTERS if path in self._pointers)

    def _write(self, file: Path, data: bytes) -> None:
        self._check(file)
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary = file.with_name(f".{file.name}.{os.getpid()}")
        temporary.unlink(missing_ok=True)
        with temporary.open("xb") as opened:
            opened.write(data)
        temporary.replace(file)

    def _check(self, file: Path) -> None:
        """Return if a file can stand here, inside the folder. Raises `UsageError`."""
        for folder in reversed(file.relative_to(self._folder).parents[:-1]):
            if not self._check_folder(self._folder / folder):
                return
        mode = _mode(file)
        if mode is not None and not (stat.S_ISREG(mode) or stat.S_ISLNK(mode)):
            raise UsageError(f"-o {self._folder}: {file} stands in the way: not a file")

    def _check_folder(self, folder: Path) -> bool:
        """Whether this folder is there. `UsageError` when it is something else."""
        if folder in self._real:
            return True
        mode = _mode(folder)
        if mode is None:
            return False
        if not stat.S_ISDIR(mode):
            what = "a link, which is not followed" if stat.S_ISLNK(mode) else "not a folder"
            raise UsageError(f"-o {self._folder}: {folder} stands in the way: {what}")
        self._real.add(folder)
        return True


def _mode(file: Path) -> int | None:
    """What stands here, links not followed; None when nothing does."""
    try:
        return file.lstat().st_mode
    except FileNotFoundError:
        return None


def _content(have: FolderMirror, path: str, cap: int) -> bytes:
    """A file that is here, if it has at most `cap` bytes; nothing of what is no file."""
    try:
        return have.get(path, cap) or b""
    except ReadError:
        return b""


def _names(data: bytes, digests: list[bytes]) -> bool:
    """Whether this is a piece of text in which one of these digests stands."""
    try:
        text = gunzip(data, UNPACKED)
    except FormatError:
        return False
    return any(digest in text for digest in digests)


def _is_pointer(path: str) -> bool:
    return path in Copying.POINTERS or (path.startswith("log/") and path.endswith("/checkpoint"))


def _is_named(data: bytes, path: str) -> bool:
    """Whether the path of this object says what it holds."""
    return path.startswith("o/") and hashlib.sha256(data).hexdigest() == path[2:].replace("/", "")
