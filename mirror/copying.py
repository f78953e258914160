"""Copies that a reader makes: what is kept are the very bytes that were verified."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator, Set
from pathlib import Path

from mirror.read import FolderMirror, Mirror, ReadError, object_path
from signing.entry import Entry
from signing.errors import FormatError
from signing.packing import gunzip
from signing.verify import PIECE, UNPACKED


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
    themselves."""

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
        self.reused = 0
        self.believed = 0

    def get(self, path: str, cap: int) -> bytes | None:
        if _is_pointer(path):
            data = self._mirror.get(path, cap)
            if data is not None:
                self._pointers[path] = data
            return data
        for have in self._have:
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
                return data
        data = self._mirror.get(path, cap)
        if data is not None:
            self._write(self._part / path, data)
        return data

    def drop_unproved(self) -> None:
        """Forget all that did not come to its place and does not prove itself."""
        for path in list(self._have[0].walk()):
            file = self._part / path
            if file.is_symlink() or not _is_named(file.read_bytes(), path):
                file.unlink()

    def drop_withdrawn(self, withdrawals: Iterable[Entry]) -> bool:
        """Whether anything was here that was withdrawn since. It is not any more, nor is any edition or page that names
        it: those that the mirror still has come again."""
        here = False
        digests = []
        for entry in withdrawals:
            digests.append(entry.digest.encode())
            paths = [object_path(entry.digest), f"a/{(entry.url_digest or '')[:12]}.html"]
            for file in (have.folder / path for have in self._have for path in paths):
                with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                    file.unlink()
                    here = True
        if here:
            for have in self._have:
                for path in list(have.walk()):
                    if path.startswith("o/") and _names(have.folder / path, digests):
                        (have.folder / path).unlink()
        return here

    def drop_unnamed(self, named: Set[str]) -> None:
        """Remove every object whose path is not among these: parts, pictures and editions of what was withdrawn, which
        nobody can tell from others once the bundle is gone."""
        for path in list(self._have[1].walk()):
            if path.startswith("o/") and path not in named:
                (self._folder / path).unlink()

    def finish(self) -> None:
        for path in self._have[0].walk():
            file = self._folder / path
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
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary = file.with_name(f".{file.name}.{os.getpid()}")
        temporary.write_bytes(data)
        temporary.replace(file)


def _names(file: Path, digests: list[bytes]) -> bool:
    """Whether this is a piece of text in which one of these digests stands."""
    if file.stat().st_size > PIECE:
        return False
    try:
        text = gunzip(file.read_bytes(), UNPACKED)
    except FormatError:
        return False
    return any(digest in text for digest in digests)


def _is_pointer(path: str) -> bool:
    return path in Copying.POINTERS or (path.startswith("log/") and path.endswith("/checkpoint"))


def _is_named(data: bytes, path: str) -> bool:
    """Whether the path of this object says what it holds."""
    return path.startswith("o/") and hashlib.sha256(data).hexdigest() == path[2:].replace("/", "")
