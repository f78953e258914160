"""One writer at a time on this host.

`flock` on a file that is never removed: the kernel drops the lock when its holder dies, so there is no stale lock to
break. A stopped holder (SIGSTOP) still holds it. What is written inside is for people: who holds it, and since when.
It orders runs on one host only; what makes a fork impossible is the compare-and-swap on the head (`Tx.swap_head`).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mirror.archive.errors import storage_error
from mirror.errors import Busy


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who wrote itself into the lock file. `held` is false for one that died or failed: its note is still there."""

    pid: int
    since: str
    held: bool


def holder(path: Path) -> Holder | None:
    """Who holds the lock, or held it when it died or failed; None when the last one left in good order."""
    try:
        words = path.read_text("ascii", "replace").split()
    except OSError:
        return None
    if len(words) < 4 or not words[1].isdecimal():
        return None
    return Holder(pid=int(words[1]), since=words[3], held=_is_held(path))


def _is_held(path: Path) -> bool:
    # /proc/locks rather than trying the lock: a look from `status` must never make a run find it busy.
    try:
        inode = f":{path.stat().st_ino}"
        with open("/proc/locks", encoding="ascii", errors="replace") as locks:
            return any(
                fields[1] == "FLOCK" and fields[5].endswith(inode)
                for fields in (line.split() for line in locks)
                if len(fields) > 5 and fields[1] != "->"
            )
    except OSError:
        return False


@contextlib.contextmanager
def locked(path: Path, *, now: str, wait: float = 0.0) -> Iterator[Holder | None]:
    """Holds the lock; gives the one before when it died or failed, else None.

    Raises `Busy` when somebody else still holds it after `wait` seconds.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise storage_error(error, "opening the lock", path) from error
    try:
        _acquire(descriptor, path, wait)
        dead = holder(path)
        _note(descriptor, f"pid {os.getpid()} since {now}\n")
        yield None if dead is None else Holder(pid=dead.pid, since=dead.since, held=False)
        # Not after an exception: the next one in then knows that something was left half done.
        _note(descriptor, "")
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Holds a lock on a folder that has no lock file yet; raises `Busy` when somebody else does."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy(f"{folder}: another `tamizdat init` is at work here", hint="let it end") from None
        except OSError:
            pass  # NFS has no locks on folders
        yield
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, path: Path, wait: float) -> None:
    deadline = time.monotonic() + wait
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= deadline:
                who = holder(path)
                known = f" (process {who.pid}, since {who.since})" if who else ""
                raise Busy(
                    f"{path}: another run holds the lock{known}",
                    hint="it publishes what there is; just run again later",
                ) from None
            time.sleep(min(0.2, wait))
        except OSError as error:
            raise storage_error(error, "locking", path) from error


def _note(descriptor: int, text: str) -> None:
    with contextlib.suppress(OSError):  # on a full disk the lock must still work; the note is for people
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, text.encode("ascii"), 0)
