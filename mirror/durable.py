"""One small file, written so that it is there whole or not at all, also after a power cut.

The order: a temporary file beside it, fsync, rename, fsync of the folder. Whoever returns from `write` may tell others
what it wrote.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from mirror.errors import Busy


def write(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Put `data` at `path`, in the place of what is there. Raises OSError; then the old file is what is there."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
        with os.fdopen(descriptor, "wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        temporary.rename(path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    sync_folder(path.parent)


def make_folder(folder: Path, *, mode: int = 0o700) -> None:
    """`folder` exists, durably. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True, mode=mode)
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """The folder's list of names is on disk. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def only_one(lock: Path, what: str) -> Iterator[None]:
    """Holds the lock file `lock`, which the kernel drops when this process dies. Raises `Busy` ("`what` …") when
    another process holds it, and OSError."""
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy(f"{lock.parent}: {what}") from None
        yield
    finally:
        os.close(descriptor)
