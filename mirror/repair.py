"""Mends a mirror that we can write to: what looks found missing or changed there is sent again, file by file.

What is to be mended stands in the table `damaged`; it is taken from the archive and compared with the journal's hash
before it is sent, like in every push. Not more than `FILES` at a time; a place that was emptied, or has lost more than
`EMPTIED` files, is filled from the beginning by the next push instead. Pointers are not sent from here: the target's
place in the journal is set back, and the next push brings them, with its look at what is there before.

A file that the host has right and gives readers wrong can't be mended by sending it: that is a cache, or somebody in
between, and is said. Nor is a host mended for ever that undoes it: after `RELAPSES` times (`mirror.watching`) it is
left as it is, and `mirror.listing` drops it for good.
"""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from mirror.audit import FIRST
from mirror.output import count
from mirror.targets import Target, TargetError, meta_for
from mirror.watching import RELAPSES, stamp

if TYPE_CHECKING:
    from mirror.archive import Archive
    from mirror.archive.rows import DamagedRow
    from mirror.archive.state import Change
    from mirror.config import TargetConfig
    from mirror.publication import Publication

FILES: Final = 200  # of one mirror at one time
EMPTIED: Final = 1000  # files; when more are missing, all is sent again
AGAIN: Final = timedelta(hours=1)  # before the same file is sent once more


@dataclass(frozen=True, slots=True, kw_only=True)
class Repaired:
    """What was sent again, and what `detail` says of it. `right` files the host has as they should be: it is on their
    way to readers that they are changed."""

    files: int = 0
    bytes: int = 0
    right: tuple[str, ...] = ()
    left: int = 0
    anew: bool = False
    detail: str = ""


def repair(
    publication: Publication,
    archive: Archive,
    config: TargetConfig,
    *,
    now: datetime,
    emptied: bool = False,
    again: bool = False,
    most: int = FILES,
) -> Repaired | None:
    """Mends what is known to be wrong at a target; None when that is nothing. The archive must be locked. `emptied`:
    nothing was there when it was looked at. `again`: also a host that undid it before. Raises TargetError."""
    with archive.state.reading() as tx:
        row, damaged = tx.target(config.name), tx.damaged(config.name)
    if not damaged and not emptied:
        return None
    if row.relapses >= RELAPSES and not again:
        return None
    with contextlib.closing(publication.open_target(config)) as target:
        missing = sum(one.problem == "missing" for one in damaged)
        if (emptied or missing >= EMPTIED) and _has_nothing(target):
            return _anew(archive, config, relapses=0 if again else row.relapses + 1)
        if emptied:
            return Repaired(
                detail=f"the files are at {target.address}, and readers find nothing at {config.public}: correct "
                "`public`, or what it leads to"
            )
        return _Repair(archive, target, config, now).go(damaged, most, again=again)


def _has_nothing(target: Target) -> bool:
    try:
        return target.get(FIRST, 1 << 20) is None
    except TargetError as error:
        if error.kind in ("forbidden", "unsupported", "too_large"):
            return True  # with these keys only readers can tell, and they find nothing
        raise


def _anew(archive: Archive, config: TargetConfig, *, relapses: int) -> Repaired:
    """The next push begins from nothing. That is counted: a host may say for ever that it has nothing."""
    with archive.state.writing() as tx:
        tx.drop_damaged(config.name)
        tx.change_target(
            config.name, cursor=0, immutable_cursor=0, deletes_cursor=0, filling=None, ahead=None, next_try=None,
            relapses=relapses,
        )  # fmt: skip
    return Repaired(anew=True, detail="it was emptied; the next run fills it again from the newest on")


class _Repair:
    def __init__(self, archive: Archive, target: Target, config: TargetConfig, now: datetime) -> None:
        self._archive, self._target, self._config, self._now = archive, target, config, now
        self._bytes = 0
        self._right: list[str] = []

    def go(self, damaged: tuple[DamagedRow, ...], most: int, *, again: bool) -> Repaired:
        with self._archive.state.reading() as tx:
            lines = tx.offered(one.path for one in damaged)
        due = [one for one in damaged if again or one.repaired is None or self._is_old(one.repaired)]
        due.sort(key=lambda one: (lines[one.path].rank if one.path in lines else 0, one.path))
        done: list[DamagedRow] = []
        obsolete: list[str] = []
        back: list[int] = []
        for one in due[:most]:
            line = lines.get(one.path)
            if one.problem == "left":
                self._target.delete((one.path,))
                done.append(one)
            elif line is None:
                obsolete.append(one.path)  # it was withdrawn or replaced since
            elif line.mutable:
                back.append(line.seq)
                obsolete.append(one.path)
            elif self._send(line):
                done.append(one)
        self._target.flush()
        if self._target.caps.staged and done:
            self._target.commit(self._pointers())
        self._write(done, obsolete, back)
        return self._told(len(done), len(back), len(damaged) - len(done) - len(obsolete))

    def _is_old(self, when: str) -> bool:
        return self._now - datetime.fromisoformat(when) >= AGAIN

    def _send(self, line: Change) -> bool:
        """Whether this file was sent, or is known to be right there."""
        data = self._archive.store.read(line.path)
        if data is None or hashlib.sha256(data).hexdigest() != line.sha256:
            return False  # a damage here: `doctor` and every push say so
        if self._config.public is not None:
            with contextlib.suppress(TargetError):
                if self._target.get(line.path, len(data) or 1) == data:
                    self._right.append(line.path)
                    return True
        self._target.put(line.path, data, meta_for(line.path, data))
        self._bytes += len(data)
        return True

    def _pointers(self) -> dict[str, bytes]:
        """All of them as they were pushed last: what is staged shows only with a commit."""
        with self._archive.state.reading() as tx:
            row = tx.target(self._config.name)
            lines = tx.changes(0, None, mutable=True, op="put")
        found: dict[str, bytes] = {}
        for line in sorted(lines, key=lambda line: (line.rank, line.seq)):
            data = self._archive.store.read(line.path)
            if line.seq <= row.cursor and data is not None:
                found[line.path] = data
        return found

    def _write(self, done: list[DamagedRow], obsolete: list[str], back: list[int]) -> None:
        when = stamp(self._now)
        sent = [one for one in done if one.path not in self._right]
        with self._archive.state.writing() as tx:
            row = tx.target(self._config.name)
            for one in done:
                tx.put_damaged(replace(one, repaired=when, repairs=one.repairs + 1))
            tx.drop_damaged(self._config.name, obsolete)
            changed: dict[str, object] = {}
            if sent or back:
                changed |= {"repaired": row.repaired + len(sent), "repaired_at": when}
            if back:
                changed["cursor"] = min([row.cursor, *(seq - 1 for seq in back)])
            if changed:
                tx.change_target(self._config.name, **changed)

    def _told(self, done: int, back: int, left: int) -> Repaired:
        sent = done - len(self._right)
        said = []
        if back:
            said.append(f"{count(back, 'pointer')} will be sent again by the next push")
        if sent:
            said.append(f"{count(sent, 'file')} sent again")
        if self._right:
            said.append(
                f"{self._right[0]}{f' and {len(self._right) - 1} more' if len(self._right) > 1 else ''}: the host has "
                "it right and readers get something else: purge the cache in front; if that does not help, somebody in "
                "between changes it"
            )
        if left:
            said.append(f"{count(left, 'file')} still to be mended")
        return Repaired(files=sent, bytes=self._bytes, right=tuple(self._right), left=left, detail="; ".join(said))


def clean(target: Target) -> int:
    """Removes what probes left behind, when they were killed; returns how many files. Raises TargetError."""
    from mirror.targets._probe import FOLDER

    if not (target.caps.list and target.caps.delete):
        return 0
    left = list(target.list(f"{FOLDER}/"))
    if left:
        target.delete(left)
    return len(left)
