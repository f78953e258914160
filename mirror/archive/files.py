"""A folder of files that survives a power cut.

Not a library's, because none of those tried (obstore, opendal, fsspec) syncs both the file and the folder it is in.
The order for every file is: write a temporary file, fsync it, rename it into place, fsync the folder and the folders
above it up to the root. So a name either does not exist or has all its bytes. A batch is written in the order given and
is synced together: after `write_many` returns all of it is durable; after a crash some of it is there, whole.

One process writes (the archive's lock sees to that); any number read.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from mirror.archive.errors import CorruptArchive, DiskFull, storage_error

# Keys are made by this project only; the pattern is what keeps `..`, absolute paths and dot files out.
_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}(?:/[A-Za-z0-9_][A-Za-z0-9._-]{0,99}){0,7}")
_BLOCK = 4096  # what a small file really takes on disk
_TOGETHER = 64  # files written before the first of them is synced; bounds open file descriptors

_numbers = itertools.count()  # names of temporary files; shared, because stores may share a folder for them

DEFAULT_RESERVE = 64 * 1024 * 1024  # left free, so that `status`, the lock and SQLite still work on a full disk


def check_key(path: str) -> str:
    """`path` if it is a plain relative key (`o/ab/cdef`); raises `ValueError` otherwise."""
    if not _KEY.fullmatch(path):
        raise ValueError(f"not a key of the archive: {path!r}")
    return path


class Store:
    """Files under `root`; `tmp` is a folder on the same file system that belongs to this store alone."""

    def __init__(self, root: Path, tmp: Path, *, reserve: int = DEFAULT_RESERVE) -> None:
        self.root, self.tmp, self.reserve = root, tmp, reserve
        self._folders: set[Path] = set()

    # --- reading ------------------------------------------------------------------------------------------------------

    def path(self, key: str) -> Path:
        """Where the file with this key is or would be."""
        return self.root / check_key(key)

    def read(self, key: str) -> bytes | None:
        """The file's bytes, or None when there is no such file; raises `StorageFailed`."""
        try:
            return self.path(key).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise storage_error(error, "reading", self.root / key) from error

    def exists(self, key: str) -> bool:
        return self.path(key).is_file()

    def walk(self, prefix: str = "") -> Iterator[str]:
        """Every key under `prefix` (a folder's key, or everything), sorted within each folder."""
        top = self.path(prefix) if prefix else self.root
        for folder, folders, names in os.walk(top):
            folders.sort()
            for name in sorted(names):
                yield (Path(folder) / name).relative_to(self.root).as_posix()

    # --- writing ------------------------------------------------------------------------------------------------------

    def check_space(self, wanted: int) -> None:
        """Raises `DiskFull` when less than the reserve would be left after `wanted` more bytes."""
        try:
            disk = os.statvfs(self.root)
        except OSError as error:
            raise storage_error(error, "asking for free space", self.root) from error
        free = disk.f_bavail * disk.f_frsize
        if self.reserve and free - wanted < self.reserve:
            raise DiskFull(
                f"{self.root}: {free // 2**20} MiB free, {wanted // 2**20} MiB to write, "
                f"{self.reserve // 2**20} MiB kept in reserve",
                hint="make room and run again; nothing was changed",
            )

    def write_many(self, files: Mapping[str, bytes], *, replace: bool) -> int:
        """How many files had to be written; on return every one of `files` is durable.

        With `replace` false a file that is there already must have the same bytes (`CorruptArchive` otherwise).
        Raises `DiskFull`, `StorageFailed` (an fsync error among them, which is final: the kernel may have dropped the
        data and would report success the next time).
        """
        wanted: list[tuple[Path, bytes]] = []
        for key, data in files.items():
            path = self.path(key)
            there = self.read(key)
            if there is not None and there != data and not replace:
                raise CorruptArchive(
                    f"{path}: has other bytes than the ones to write, and never changes",
                    hint="restore the archive folder, then run again",
                )
            if there != data:
                wanted.append((path, data))
        self.check_space(sum(len(data) + _BLOCK for _, data in wanted))
        for start in range(0, len(wanted), _TOGETHER):
            self._write_some(wanted[start : start + _TOGETHER])
        # Also for files found equal: an earlier run may have died between its rename and its fsync.
        self._sync_folders(self.path(key).parent for key in files)
        return len(wanted)

    def delete(self, keys: Iterable[str]) -> int:
        """How many of these files were there and are no longer; folders left empty go too."""
        gone = 0
        parents: set[Path] = set()
        for key in keys:
            path = self.path(key)
            try:
                path.unlink()
                gone += 1
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                raise storage_error(error, "deleting", path) from error
            parents.add(path.parent)
        for folder in sorted(parents - {self.root}):
            with contextlib.suppress(OSError):  # not empty, most of the time
                folder.rmdir()
                self._folders.discard(folder)
        self._sync_folders(folder if folder.is_dir() else folder.parent for folder in parents)
        return gone

    def sweep(self) -> int:
        """How many temporary files of runs that died were removed. Only the holder of the lock may call it."""
        swept = 0
        try:
            for entry in os.scandir(self.tmp):
                os.unlink(entry.path)
                swept += 1
        except OSError as error:
            raise storage_error(error, "sweeping temporary files", self.tmp) from error
        return swept

    def make_folder(self, folder: Path) -> None:
        """`folder` exists, durably, with every folder between it and the root."""
        if folder in self._folders:
            return
        if folder != self.root:
            self.make_folder(folder.parent)
        try:
            os.mkdir(folder, 0o755)
        except FileExistsError:
            pass
        except OSError as error:
            raise storage_error(error, "making a folder", folder) from error
        self._folders.add(folder)

    def _write_some(self, files: list[tuple[Path, bytes]]) -> None:
        written: list[tuple[int, Path, Path]] = []
        path = self.tmp
        try:
            for path, data in files:
                self.make_folder(path.parent)
                temporary = self.tmp / f"{os.getpid()}-{next(_numbers)}"
                # 0644, not mkstemp's 0600: a web server run by somebody else serves this folder.
                descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
                written.append((descriptor, temporary, path))
                rest = memoryview(data)
                while rest:
                    rest = rest[os.write(descriptor, rest) :]
            for descriptor, _, _ in written:
                os.fsync(descriptor)
            for _, temporary, path in written:
                os.rename(temporary, path)
        except OSError as error:
            for _, temporary, _ in written:
                with contextlib.suppress(OSError):
                    os.unlink(temporary)
            raise storage_error(error, "writing", path) from error
        finally:
            for descriptor, _, _ in written:
                with contextlib.suppress(OSError):
                    os.close(descriptor)

    def _sync_folders(self, folders: Iterable[Path]) -> None:
        chain: set[Path] = set()
        for folder in folders:
            at = folder
            while at not in chain:
                chain.add(at)
                if at == self.root:
                    break
                at = at.parent
        # Deepest first: a folder is only reachable once the one above it is synced as well.
        for folder in sorted(chain, key=lambda path: (-len(path.parts), path)):
            sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """The folder's list of names is durable; raises `StorageFailed`."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise storage_error(error, "syncing", folder) from error
