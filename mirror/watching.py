"""Every mirror is watched: at every run each is looked at as a reader would, and what is found is held against before.

A look is an event; what a mirror *is* follows from several. One lost look is no dead mirror: `state` changes to dead,
blocked, stale or incomplete with the `FLAKY`th bad look in a row, and back to good with the first good one. What a look
proves (tampered, forked, ahead) counts at once. When no mirror at all answers, it is this machine's network that is
down, and the look counts for none of them. What was pushed a moment ago and is old because of a cache does not count
either.

`watch` is one round: those that a push was followed by a look at (`mirror.audit.audit`) are not looked at again, the
others get a glance, each of them a part of the sweep through everything (`mirror.gradual`; reader.html every day), and
what is wrong and ours to mend is sent again (`mirror.repair`). A round ends in time (`[audit] deadline`): those longest
not looked at come first. Which mirrors editions name follows from the same rows: `mirror.listing`.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from mirror.archive.rows import DamagedRow, TargetRow
from mirror.audit import GOOD, POINTERS, PROVEN, Audited, State, Watched, glance, look, opened
from mirror.errors import TamizdatError
from mirror.output import count

if TYPE_CHECKING:
    from mirror.archive import Archive
    from mirror.config import TargetConfig
    from mirror.gradual import Portion
    from mirror.output import Output
    from mirror.publication import Publication
    from mirror.targets import Target

READER: Final = "reader.html"
READER_SEEN: Final = "reader-seen/"
"""With a target's name: the fact that says when its reader.html was last read and compared."""
FLAKY: Final = 2  # bad looks in a row before a mirror is called what they say
RELAPSES: Final = 3  # repairs that were undone before a host is left alone
FORGIVEN: Final = timedelta(days=14)  # of good looks, after which earlier repairs count no more
MOST_DAMAGED: Final = 2000  # files of one mirror that are remembered as wrong
PRIVATE: Final = timedelta(hours=1)  # between two looks at a target that only credentials reach
CACHED: Final = timedelta(minutes=30)  # after a push in which a cache may give the old pointers
RECHECKED: Final = 20  # files that were wrong and are looked at again at every look
GRACE: Final = 30.0  # seconds that looks under way have when the time is up
SHARE: Final = 0.6  # of a round's time is for the sweep


def stamp(now: datetime) -> str:
    """RFC 3339 in UTC, as rows have it."""
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


# --- what a mirror is ----------------------------------------------------------------------------------------------


def settle(row: TargetRow, found: Audited, now: datetime, *, counts: bool = True) -> dict[str, object]:
    """The columns of a target after this look. `counts` False: it says nothing about the mirror."""
    when = stamp(now)
    changed: dict[str, object] = {
        "last_audit": when,
        "audit_result": found.state,
        "audit_detail": found.detail,
    }
    if found.serial is not None:
        changed |= {"served_serial": found.serial, "lag_serial": found.lag_serial, "lag_seconds": found.lag_seconds}
    if found.evidence is not None:
        changed["evidence"] = found.evidence
    if not counts or (found.cached and row.last_ok and now - _time(row.last_ok) < CACHED):
        return changed
    state: str | None = found.state
    if found.ok:
        changed |= {
            "looks_ok": row.looks_ok + 1,
            "looks_bad": 0,
            "good_since": row.good_since if row.looks_ok and row.good_since else when,
            "bad_since": None,
            "last_good": when,
        }
    else:
        since = row.bad_since if row.looks_bad and row.bad_since else when
        changed |= {"looks_ok": 0, "looks_bad": row.looks_bad + 1, "good_since": None, "bad_since": since}
        if row.state in GOOD and found.state not in PROVEN and row.looks_bad + 1 < FLAKY:
            state = row.state
    if state != row.state:
        changed |= {"state": state, "state_since": changed["bad_since"] or when}
    return changed


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def note(
    archive: Archive,
    config: TargetConfig,
    found: Audited,
    now: datetime,
    *,
    swept: Portion | None = None,
    counts: bool = True,
) -> Audited:
    """Writes down a look, with what a part of the sweep found; returns it with all that is known to be wrong."""
    from mirror.gradual import columns

    when, name = stamp(now), config.name
    with archive.state.writing() as tx:
        row = tx.target(name)
        known = {one.path: one for one in tx.damaged(name)}
        damaged = {one.path: one for one in (*found.damaged, *(swept.damaged if swept else ()))}
        relapsed = False
        for path, one in list(damaged.items())[: max(0, MOST_DAMAGED - len(known))]:
            old = known.get(path)
            again = old is not None and old.repaired is not None
            relapsed = relapsed or again or (one.problem == "tampered" and old is None and _was_mended(row, path))
            if old is None:
                tx.put_damaged(DamagedRow(target=name, path=path, problem=one.problem, since=when))
            elif again or old.problem != one.problem:
                tx.put_damaged(replace(old, problem=one.problem, repaired=None))
        sound = {*found.sound, *(swept.sound if swept else ())} - set(damaged)
        tx.drop_damaged(name, [path for path in known if path in sound])
        evidence = found.evidence or (swept.evidence if swept else None)
        relapses = row.relapses + relapsed
        found = _with_damage(replace(found, evidence=evidence), tx.damaged(name), relapses)
        changed = settle(row, found, now, counts=counts)
        if relapsed:
            changed["relapses"] = relapses
        elif 0 < row.relapses < RELAPSES and row.good_since and now - _time(row.good_since) > FORGIVEN:
            changed["relapses"] = 0
        if swept is not None:
            changed |= columns(row, swept, now)
            if READER in swept.sound or any(one.path == READER for one in swept.damaged):
                tx.put_fact(READER_SEEN + name, when)
        tx.change_target(name, **changed)
    settled = changed.get("state", row.state)
    return replace(found, settled=settled if isinstance(settled, str) else None)


def _was_mended(row: TargetRow, path: str) -> bool:
    """Whether files were sent there again before; pointers are, by the push that follows a repair."""
    if row.repaired_at is None:
        return False
    return path not in POINTERS or (row.last_ok is not None and row.last_ok > row.repaired_at)


def _with_damage(found: Audited, damaged: Iterable[DamagedRow], relapses: int) -> Audited:
    """A mirror whose newest edition is fine, and of which older files are known to be wrong."""
    of: dict[str, list[str]] = {}
    for one in damaged:
        of.setdefault(one.problem, []).append(one.path)
    if not of or found.state not in (*GOOD, "incomplete", "tampered"):
        return found
    said = {
        "tampered": "{} not what was pushed",
        "missing": "{} missing",
        "left": "{} still there although withdrawn",
    }
    many = {problem: f"{len(paths)} files are" if len(paths) > 1 else f"{paths[0]} is" for problem, paths in of.items()}
    words = [
        text.format(many[problem]) + (f" (the first: {of[problem][0]})" if len(of[problem]) > 1 else "")
        for problem, text in said.items()
        if problem in of
    ]
    state: State = "tampered" if "tampered" in of or found.state == "tampered" else "incomplete"
    if relapses >= RELAPSES:
        words.append(
            f"it was mended {relapses} times and was wrong again each time: this host changes or loses files. Take "
            "the mirror out, or `tamizdat audit --repair` to try once more"
        )
    # What was found just now has its own words, with where the evidence is.
    detail = found.detail if found.state == state else words.pop(0) + f" ({found.detail})"
    more = [one for one in words if one.split(" ", 1)[0] not in detail or "wrong again" in one or "files are" in one]
    return replace(found, state=state, detail="; ".join([detail, *more])[:900])


# --- one round -----------------------------------------------------------------------------------------------------


def watch(
    publication: Publication,
    archive: Archive,
    out: Output,
    *,
    now: datetime | None = None,
    names: Iterable[str] | None = None,
    audited: Mapping[str, Audited] | None = None,
    failed: Mapping[str, str] | None = None,
    thorough: bool = False,
    mend: bool = True,
    recheck: Mapping[str, Sequence[str]] | None = None,
) -> list[Audited]:
    """One round over the targets that aren't paused (`names`: these); the archive is locked when `mend` is wanted.

    `audited` were looked at after a push just now, and that is written down already; `failed` are those whose push
    failed, and why: of these, one that only credentials reach is not tried again. `thorough`: not a glance, a look.
    `recheck` names files by target that are read in place of the next part of the sweep.
    """
    began = now or datetime.now(UTC)
    return _Round(
        publication,
        archive,
        out,
        now=began,
        audited=audited or {},
        failed=failed or {},
        thorough=thorough,
        recheck=recheck or {},
    ).go(names, mend=mend and publication.config.audit.repair)


class _Round:
    def __init__(
        self,
        publication: Publication,
        archive: Archive,
        out: Output,
        *,
        now: datetime,
        audited: Mapping[str, Audited],
        failed: Mapping[str, str],
        thorough: bool,
        recheck: Mapping[str, Sequence[str]],
    ) -> None:
        self._recheck = recheck
        self._publication, self._archive, self._out, self._now = publication, archive, out, now
        self._audited, self._failed, self._thorough = audited, failed, thorough
        self._config = publication.config.audit
        with archive.state.reading() as tx:
            self._rows = {row.name: row for row in tx.targets()}
            self._lines = tx.line_count()
        self._end = time.monotonic() + self._config.deadline
        self._seconds = 1.0
        self._open: list[Target] = []

    def go(self, names: Iterable[str] | None, *, mend: bool) -> list[Audited]:
        wanted = None if names is None else set(names)
        targets = self._publication.config.targets
        chosen = [one for one in targets.values() if (not one.paused if wanted is None else one.name in wanted)]
        chosen = [one for one in chosen if self._is_due(one)]
        if not chosen:
            return []
        workers = min(self._config.workers, len(chosen))
        self._seconds = min(20.0, max(1.0, SHARE * self._config.deadline * workers / len(chosen)))
        chosen.sort(key=lambda one: self._row(one).last_audit or "")
        looks: dict[str, tuple[Audited, Portion | None]] = {}
        guard = threading.Timer(self._config.deadline + GRACE, self._cut_off)
        guard.daemon = True
        guard.start()
        try:
            for target, found, swept in self._each(workers, chosen):
                looks[target.name] = found, swept
        finally:
            guard.cancel()
        ours = self._is_ours([found for name, (found, _) in looks.items() if targets[name].public])
        if ours:
            self._out.note(
                f"none of {count(len(looks), 'mirror')} answers: this machine's own network, or what is in its way; "
                "nothing is held against the mirrors"
            )
        done: list[Audited] = []
        for name, (found, swept) in looks.items():
            before = self._row(targets[name])
            if name in self._audited and swept is None:
                done.append(found)
                continue
            noted = note(self._archive, targets[name], found, self._now, swept=swept, counts=not ours)
            self._say(before, noted)
            done.append(noted)
        if mend and not ours:
            self._mend([(targets[one.target], one) for one in done if one.damaged or one.emptied or not one.ok])
        return done

    def _row(self, target: TargetConfig) -> TargetRow:
        return self._rows.get(target.name) or TargetRow(name=target.name)

    def _is_due(self, target: TargetConfig) -> bool:
        """Not one that was never pushed to; and one that only credentials reach not at every run, nor again when the
        push just failed."""
        row = self._row(target)
        if not row.cursor and row.filling is None and target.name not in self._audited and not self._thorough:
            return row.last_try is not None and target.public is not None
        if target.public is not None or self._thorough or target.name in self._audited:
            return True
        late = row.last_audit is None or self._now - _time(row.last_audit) >= PRIVATE
        return late or target.name in self._failed or row.audit_result not in GOOD

    def _each(self, workers: int, chosen: list[TargetConfig]) -> Iterable[tuple[TargetConfig, Audited, Portion | None]]:
        with ThreadPoolExecutor(max_workers=workers, thread_name_prefix="look") as pool:
            jobs = {pool.submit(self._one, target): target for target in chosen}
            try:
                for job in as_completed(jobs):
                    if (result := job.result()) is not None:
                        yield jobs[job], *result
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    @staticmethod
    def _is_ours(found: list[Audited]) -> bool:
        """Whether it is us: several mirrors, and not one of them answers."""
        return len(found) > 1 and all(one.state == "dead" for one in found)

    def _one(self, target: TargetConfig) -> tuple[Audited, Portion | None] | None:
        """A look at one, with its part of the sweep; None when the time is up."""
        found = self._audited.get(target.name)
        if time.monotonic() > self._end:
            return None if found is None else (found, None)
        if found is None and target.public is None and target.name in self._failed:
            detail = f"the push failed: {self._failed[target.name]}"
            return Audited(target=target.name, state="dead", detail=detail[:700], anonymous=False), None
        with contextlib.ExitStack() as stack:
            try:
                own = self._open_own(target, stack)
                mirror = stack.enter_context(contextlib.closing(opened(own, target, self._publication)))
            except TamizdatError as error:
                return Audited(target=target.name, state="dead", detail=str(error), anonymous=False), None
            if found is None:
                found = self._look(mirror, own, target)
            if found.state not in (*GOOD, "incomplete", "tampered"):
                return found, None
            return found, self._swept(target, mirror)

    def _swept(self, target: TargetConfig, mirror: Watched) -> Portion:
        """The files that are known to be wrong, once more, and the next part of all."""
        from mirror.expected import Expected
        from mirror.gradual import merged, portion, recheck, size_of_portion

        expected, folder, row = Expected(self._archive, target), self._publication.folder, self._row(target)
        with self._archive.state.reading() as tx:
            wrong = [one.path for one in tx.damaged(target.name)][:RECHECKED]
            seen = tx.fact(READER_SEEN + target.name)
        daily = [READER] if READER not in wrong and self._is_reader_due(seen) else []
        paths = self._recheck.get(target.name, [*wrong, *daily])
        before = recheck(mirror, expected, self._archive, folder, paths, now=self._now) if paths else None
        if target.name in self._recheck and before is not None:
            return before
        swept = portion(
            mirror,
            expected,
            self._archive,
            folder,
            files=size_of_portion(row, self._lines, self._config.sweep, self._now),
            seconds=self._seconds,
            now=self._now,
        )
        return swept if before is None else merged(before, swept)

    def _is_reader_due(self, seen: str | None) -> bool:
        """reader.html is what people take from a mirror and run: it is read once a day, not once a sweep. In the first
        day after a new one was made, caches may have the old one anywhere."""
        from mirror.reader import parts
        from mirror.sweep import SPREADING
        from signing.errors import FormatError

        if seen is not None and self._now - _time(seen) < timedelta(days=1):
            return False
        ours = self._archive.store.read(READER)
        try:
            return ours is not None and self._now - _time(str(parts(ours)[1]["made"])) >= SPREADING
        except (FormatError, KeyError, ValueError):
            return True

    def _look(self, mirror: Watched, own: Target | None, target: TargetConfig) -> Audited:
        if not self._thorough:
            return glance(mirror, own, target, self._publication, self._archive, now=self._now)
        sample = self._config.sample
        return look(mirror, own, target, self._publication, self._archive, now=self._now, sample=sample)

    def _open_own(self, target: TargetConfig, stack: contextlib.ExitStack) -> Target | None:
        """The target itself, where readers have no address of their own."""
        if target.public is not None:
            return None
        own = stack.enter_context(contextlib.closing(self._publication.open_target(target)))
        self._open.append(own)
        return own

    def _cut_off(self) -> None:
        """Targets that hang long after the time was up lose their connections; whoever waits for them goes on."""
        for own in list(self._open):
            with contextlib.suppress(Exception):
                own.close()

    def _say(self, before: TargetRow, found: Audited) -> None:
        """What changed is worth a line."""
        if found.state != before.audit_result and not found.ok:
            self._out.note(f"mirror {found.target}: {found.state}: {found.detail}")
        elif found.ok and before.audit_result is not None and before.audit_result not in GOOD:
            self._out.note(f"mirror {found.target}: good again; it was {before.audit_result}")

    def _mend(self, sick: list[tuple[TargetConfig, Audited]]) -> None:
        from mirror.repair import repair

        for target, found in sick:
            if target.name in self._failed or time.monotonic() > self._end:
                continue
            try:
                made = repair(self._publication, self._archive, target, now=self._now, emptied=found.emptied)
            except TamizdatError as error:
                self._out.note(f"mirror {target.name}: can't be mended: {error}")
                continue
            if made is not None and made.detail:
                self._out.note(f"mirror {target.name}: {made.detail}")
