"""What can go wrong in an archive.

    TamizdatError
    ├ StorageFailed      1   the disk refused or reported an error; nothing is assumed about what it kept
    │ └ DiskFull         1   no space, or less than the reserve; a run after making room completes
    ├ CorruptArchive     1   a file that must never change has other bytes than the archive's own record says
    ├ HeadMoved          1   another sequencer sealed first (the compare-and-swap on the head was lost)
    ├ Rollback           1   something outside knows a newer or another history than this state: signing would fork
    ├ ClockWrong         1   the clock is behind the last seal
    └ NewerState         1   the state file was written by a newer version of the tool
    Busy                75   another run holds the lock (see mirror.errors)

All of them end the process: after a storage error or a lost swap what is on disk is only known again by opening afresh.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

from mirror.errors import TamizdatError


class StorageFailed(TamizdatError):
    """The file system said no."""


class DiskFull(StorageFailed):
    """No space left, or less than the reserve."""


class CorruptArchive(TamizdatError):
    """Immutable content differs from what was recorded."""


class HeadMoved(TamizdatError):
    """Somebody else sealed between our reading of the head and our commit."""


class Rollback(TamizdatError):
    """This state is older than, or contradicts, a checkpoint it signed before."""


class ClockWrong(TamizdatError):
    """The clock is more than an hour behind the newest seal."""


class NewerState(TamizdatError):
    """The state file's schema is newer than this tool knows."""


def storage_error(error: OSError, doing: str, where: Path | str) -> StorageFailed:
    """The one-line error for an `OSError` met while `doing` something at `where`."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(
            f"{where}: no space left while {doing}", hint="make room and run again; what was published is unharmed"
        )
    said = os.strerror(error.errno) if error.errno else str(error)
    hint = "run again; if it comes back, look at the permissions and the mount"
    if error.errno == errno.EIO:
        hint = "check the disk (kernel log, smartctl) before running again"
    return StorageFailed(f"{where}: {said} while {doing}", hint=hint)
