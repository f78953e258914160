"""Every file of every mirror, a few at every look: `portion`.

It follows the journal from the first line to the last and then begins again, so it meets articles, pictures, tiles,
proofs, trust files and pages, whatever is old and whatever is new; where it is, the target's row says. So many files
are read at a look that the whole is read once in the time that the configuration names (`[audit] sweep`). Every byte is
compared with the hash that the journal has from when we made the file. Withdrawn objects must be gone.

    missing     no such file, or a page of the host's own in its place
    tampered    other bytes, also past caches; for pages and proofs, which are replaced, not right after a push
    left        withdrawn, and still served
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from mirror.answers import Answer
from mirror.audit import Damage, Watched
from mirror.exhibits import exhibit
from mirror.read import ReadError

if TYPE_CHECKING:
    from mirror.archive import Archive
    from mirror.archive.state import Change, TargetRow
    from mirror.expected import Expected

MOST: Final = 500  # files at one look
SILENT: Final = 2  # files in a row that can't be had end a portion
CACHED: Final = 3600  # seconds after a push in which an older page or proof may come from a cache
_PER_QUERY: Final = 256
# What must not be there any more once it was withdrawn. Trust files and tiles that were replaced do no harm.
_WITHDRAWN: Final = frozenset({"bundle", "part", "picture", "thumbnail", "evidence", "edition", "page"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Portion:
    """What a part of the sweep found. `at` is the line of the journal up to which it came; `done`: that was the end,
    and the next one begins anew."""

    files: int = 0
    damaged: tuple[Damage, ...] = ()
    sound: tuple[str, ...] = ()
    at: int = 0
    done: bool = False
    evidence: str | None = None


def size_of_portion(row: TargetRow, lines: int, sweep: int, now: datetime) -> int:
    """How many files are due now, of so many lines of the journal, so that this pass takes `sweep` seconds."""
    if not row.sweep_at or row.sweep_began is None:
        return 1
    gone = max(0.0, (now - datetime.fromisoformat(row.sweep_began)).total_seconds())
    return min(MOST, max(1, math.ceil(lines * min(gone / sweep, 1.0)) - row.sweep_files))


def portion(
    mirror: Watched,
    expected: Expected,
    archive: Archive,
    folder: Path,
    *,
    files: int,
    seconds: float,
    now: datetime,
    after: int | None = None,
    known: Mapping[str, str] | None = None,
) -> Portion:
    """The next part. `folder` is the publication's, for evidence; `after` overrules where the row says it is. `known`
    has the SHA-256 of what was read already, by path."""
    one = _Portion(mirror, expected, folder, now, known or {})
    at = expected.row.sweep_at if after is None else after
    end = time.monotonic() + seconds
    silent = 0
    while True:
        with archive.state.reading() as tx:
            lines = tx.changes(at, _PER_QUERY)
        if not lines:
            return one.made(at=0, done=True)
        for line in lines:
            if one.files >= files or time.monotonic() > end:
                return one.made(at=at, done=False)
            try:
                one.check(line)
                silent = 0
            except ReadError as error:
                silent += 1
                if silent >= SILENT or not error.unreachable:
                    return one.made(at=at, done=False)
                continue
            at = line.seq


def recheck(
    mirror: Watched, expected: Expected, archive: Archive, folder: Path, paths: Iterable[str], *, now: datetime
) -> Portion:
    """The same for these files; the sweep stays where it is."""
    one = _Portion(mirror, expected, folder, now, {})
    with archive.state.reading() as tx:
        lines = tx.lines_of(paths)
    silent = 0
    for line in lines:
        try:
            one.check(line)
        except ReadError:
            silent += 1
            if silent >= SILENT:
                break
    return one.made(at=expected.row.sweep_at, done=False)


def merged(first: Portion, second: Portion) -> Portion:
    """Both; where the sweep is, the second knows."""
    return replace(
        second,
        files=first.files + second.files,
        damaged=(*first.damaged, *second.damaged),
        sound=(*first.sound, *second.sound),
        evidence=second.evidence or first.evidence,
    )


class _Portion:
    def __init__(
        self, mirror: Watched, expected: Expected, folder: Path, now: datetime, known: Mapping[str, str]
    ) -> None:
        self._mirror, self._expected, self._folder, self._now = mirror, expected, folder, now
        self._known = known
        pushed = expected.row.last_ok
        self._just_pushed = pushed is not None and (now - datetime.fromisoformat(pushed)).total_seconds() < CACHED
        self.files = 0
        self._damaged: list[Damage] = []
        self._sound: list[str] = []
        self._evidence: str | None = None

    def made(self, *, at: int, done: bool) -> Portion:
        return Portion(
            files=self.files,
            damaged=tuple(self._damaged),
            sound=tuple(self._sound),
            at=at,
            done=done,
            evidence=self._evidence,
        )

    def check(self, line: Change) -> None:
        """Whether this line is there as it should be. Raises `ReadError` when that can't be known now."""
        if line.op == "delete":
            if line.kind in _WITHDRAWN and line.seq <= self._expected.row.deletes_cursor:
                self._gone(line)
        elif self._expected.has(line) and (not line.mutable or line.kind == "html"):
            # The other pointers are what every look begins with.
            self._there(line)

    def _there(self, line: Change) -> None:
        self.files += 1
        if self._known.get(line.path) == line.sha256:
            self._sound.append(line.path)
            return
        try:
            data = self._mirror.get(line.path, max(line.size, 1))
        except ReadError as error:
            if error.unreachable:
                raise
            data = b""  # an answer, but not this file
        if data is not None and _is(line, data):
            self._sound.append(line.path)
            return
        answer = self._mirror.answer(line.path)
        if data is None or (answer is not None and answer.is_page and line.kind != "html"):
            self._wrong(line, "missing")
            return
        replaceable = line.kind in ("html", "proof")
        passed = self._mirror.fresh(line.path, max(line.size, 1))
        if replaceable and (self._just_pushed or (passed is not None and _is(line, passed))):
            return
        self._wrong(line, "tampered")
        answer = answer or Answer(url=f"{self._mirror.name}/{line.path}", path=line.path, status=0, body=data)
        why = f"{line.path} isn't what was pushed"
        place = exhibit(self._folder, self._expected.row.name, answer, expected=line.sha256, why=why, now=self._now)
        self._evidence = str(place) if place else self._evidence

    def _gone(self, line: Change) -> None:
        self.files += 1
        data = self._mirror.get(line.path, 1 << 25)
        if data is None or hashlib.sha256(data).hexdigest() != line.path.removeprefix("o/").replace("/", ""):
            self._sound.append(line.path)
        else:
            self._wrong(line, "left")

    def _wrong(self, line: Change, problem: Literal["missing", "tampered", "left"]) -> None:
        self._damaged.append(Damage(path=line.path, problem=problem))


def _is(line: Change, data: bytes) -> bool:
    return hashlib.sha256(data).hexdigest() == line.sha256


def columns(row: TargetRow, found: Portion, now: datetime) -> dict[str, object]:
    """What of a portion goes into the target's row."""
    when = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    before = row.sweep_files if row.sweep_at else 0
    began = row.sweep_began if row.sweep_at and row.sweep_began else when
    changed: dict[str, object] = {"sweep_at": found.at, "sweep_files": before + found.files, "sweep_began": began}
    if found.done:
        changed["sweep_done"] = when
    return changed
