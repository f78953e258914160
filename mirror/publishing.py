"""All targets of one run, at once: none waits for another, and who hangs holds up nobody.

    push      every target on a thread of its own, all transfers through one crew (`mirror.crew`)
    look      what was pushed is read back as a reader would; a few at a time, when the pushes are over: verifying is
              this machine's own work, three times as much as pushing
    fill      a new target gets what is older, with what room is left, until `[publish] filling` is over

Whoever isn't done after `[publish] deadline` (or its own) is let go: what hangs is cut off (`Target.close`), nothing
is marked as done that isn't, and the next run goes on from there. A target that failed three times in a row without
taking a single file is tried again after 5 minutes, 10, 20 … at most 6 hours, and by `publish NAME` at once; until then
every run says so. One that has a `min_interval` is left alone until that is over (`mirror.interval`). The first request
to a target that failed last time is not repeated: a dead mirror costs one try, and one that takes connections and says
nothing half a minute.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from mirror.errors import TamizdatError, TwoHistories

if TYPE_CHECKING:
    from mirror.archive import Archive
    from mirror.archive.state import TargetRow, Tx
    from mirror.audit import Audited
    from mirror.config import PublishConfig, TargetConfig
    from mirror.crew import Lane
    from mirror.output import Bar, Output
    from mirror.publication import Publication
    from mirror.publish import Published
    from mirror.targets import Target

LOOKS: Final = 4  # at once: verifying is this machine's own work, and there are two to eight processors
KNOCK: Final = 30.0  # seconds for the answer to the first question
HOLD: Final = 20.0  # seconds that looks wait at most, as long as pushes need the processor
WATCHING: Final = 0.2  # seconds between two looks at who hangs
GRACE: Final = 2.0  # seconds in which those that were told to stop may end by themselves
BARS: Final = 4  # targets that each have a progress bar; more of them share one


@dataclass(slots=True, kw_only=True)
class TargetReport:
    """What became of one target."""

    name: str
    published: Published | None = None
    audited: Audited | None = None
    problem: str | None = None
    forked: bool = False
    not_due: datetime | None = None
    """What is new waits until then: `min_interval`."""

    @property
    def ok(self) -> bool:
        return self.problem is None and (self.audited is None or self.audited.ok)

    @property
    def filling(self) -> bool:
        """Whether older files are still to be sent there."""
        return self.published is not None and self.published.filling

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "ok": self.ok,
            "puts": self.published.puts if self.published else 0,
            "bytes": self.published.bytes if self.published else 0,
            "pointers": self.published.pointers if self.published else 0,
            "filling": self.filling,
            "not_due": f"{self.not_due:%Y-%m-%dT%H:%M:%SZ}" if self.not_due else None,
            "audit": self.audited.state if self.audited else None,
            "problem": self.problem or (self.audited.detail if self.audited and not self.audited.ok else None),
        }


def publish_to(
    publication: Publication,
    archive: Archive,
    targets: Sequence[TargetConfig],
    out: Output,
    *,
    now: datetime | None = None,
    insist: bool = False,
) -> list[TargetReport]:
    """Pushes to all of these and reads back what was pushed; a report for each, in their order. With `insist` those
    that are known to fail are tried as well. Raises what is no fault of a target, when the others have ended."""
    return _Round(publication, archive, out, now=now).go(targets, insist=insist)


def waits_until(row: TargetRow, now: datetime) -> datetime | None:
    """When a target that keeps failing is tried again; None when it is its turn."""
    from mirror.publish import LONGEST_BACK_OFF

    if row.next_try is None:
        return None
    then = datetime.fromisoformat(row.next_try)
    # Further off than it can be: this machine's clock was wrong then, or is now.
    return then if now < then <= now + timedelta(seconds=LONGEST_BACK_OFF) else None


class _Round:
    """One run's pushes."""

    def __init__(self, publication: Publication, archive: Archive, out: Output, *, now: datetime | None) -> None:
        from mirror.crew import LOOKS as AFTER
        from mirror.crew import Crew

        self.publication, self.archive, self.out, self.now = publication, archive, out, now
        self.terms: PublishConfig = publication.config.publish
        self.began = time.monotonic()
        self.crew = Crew(self.terms.workers)
        self.looks = self.crew.lane(LOOKS, priority=AFTER, elastic=True)
        self.fine: set[bytes] = set()  # checkpoints found at targets that our log continues
        self.ended = threading.Condition()
        self.quiet = threading.Event()  # all that answer have been pushed to: looks may begin
        self.bar: Bar | None = None

    def time(self) -> datetime:
        return self.now or datetime.now(UTC)

    def go(self, targets: Sequence[TargetConfig], *, insist: bool) -> list[TargetReport]:
        with self._bars(len(targets)):
            jobs = [_Job(self, target, insist=insist) for target in targets]
            with self.archive.state.reading() as tx:
                head, rows = tx.head_seq(), {row.name: row for row in tx.targets()}
                for job in jobs:
                    job.prepare(tx, rows.get(job.config.name))
            for job in jobs:
                job.start(head)
            try:
                self._wait(jobs)
            except BaseException:
                # An interrupt reaches this thread alone.
                for job in jobs:
                    job.let_go()
                self.looks.cut()
                self._last_words(jobs)
                raise
            self._last_words(jobs)
        for job in jobs:
            if job.crash is not None:
                raise job.crash
        return [job.report for job in jobs]

    def _wait(self, jobs: Sequence[_Job]) -> None:
        while left := [job for job in jobs if not job.done]:
            with self.ended:
                self.ended.wait(WATCHING)
            self.crew.watch()
            if not any(job.at_work() for job in left):
                self.quiet.set()
            for job in left:
                now = time.monotonic()
                if now > job.ends:
                    job.overdue(f"not done in {job.seconds:.0f} s")
                elif job.knocked is not None and now > job.knocked + KNOCK:
                    job.overdue(f"no answer in {KNOCK:.0f} s")

    def _last_words(self, jobs: Sequence[_Job]) -> None:
        self.crew.close()
        end = time.monotonic() + GRACE
        for job in jobs:
            if job.thread is not None:
                job.thread.join(max(0.0, end - time.monotonic()))

    @contextlib.contextmanager
    def _bars(self, count: int) -> Iterator[None]:
        if count <= BARS:
            yield
            return
        with self.out.bar(f"publish to {count} targets") as bar:
            self.bar = _Shared(bar)
            yield


class _Shared:
    """One bar for many pushes."""

    def __init__(self, bar: Bar) -> None:
        self._bar, self._lock, self._whole = bar, threading.Lock(), 0

    def update(self, n: int = 1) -> None:
        with self._lock:
            self._bar.update(n)

    def total(self, n: int) -> None:
        with self._lock:
            self._whole += n
            self._bar.total(self._whole)


class _Job:
    """One target in a round."""

    def __init__(self, round_: _Round, config: TargetConfig, *, insist: bool) -> None:
        self.round, self.config, self.insist = round_, config, insist
        self.row: TargetRow
        self.due: datetime | None
        self.report = TargetReport(name=config.name)
        self.thread: threading.Thread | None = None
        self.done = False
        self.crash: BaseException | None = None
        self.stop = threading.Event()
        self.seconds = min(round_.terms.deadline, config.deadline or round_.terms.deadline)
        self.ends = round_.began + self.seconds
        self.lane: Lane | None = None
        self.knocked: float | None = None  # when it was asked, as long as it hasn't answered
        self._opened: Target | None = None
        self._lock = threading.Lock()

    def prepare(self, tx: Tx, row: TargetRow | None) -> None:
        """`row` is what is known of the target."""
        from mirror.archive.state import TargetRow
        from mirror.interval import due
        from mirror.publish import known_there

        self.row = known_there(row or TargetRow(name=self.config.name), self.config)
        self.due = None if self.insist else due(tx, self.config, self.row, self.round.time())

    def start(self, head: int) -> None:
        """Begins, when there is something to do and it is the target's turn."""
        from mirror.publish import Published

        name = self.config.name
        if self.row.cursor == head and self.row.filling is None:
            self.report.published = Published(target=name)
            self.done = True
            return
        then = None if self.insist else waits_until(self.row, self.round.time())
        if then is not None:
            said = self.row.last_error or "failed again and again"
            self._failed(f"not tried again before {then:%Y-%m-%dT%H:%M:%SZ} (or: tamizdat publish {name}): {said}")
            self.done = True
            return
        if self.due is not None:
            self.report.published = Published(target=name, filling=self.row.filling is not None)
            self.report.not_due = self.due
            self.done = True
            return
        self.thread = threading.Thread(target=self._work, name=f"target {name}", daemon=True)
        self.thread.start()

    # --- on its own thread --------------------------------------------------------------------------------------------

    def _work(self) -> None:
        error: BaseException | None = None
        try:
            self._push()
        except BaseException as problem:
            error = problem
        self._close()
        with self.round.ended:
            if self._end():
                if isinstance(error, TamizdatError):
                    self._failed(str(error), forked=isinstance(error, TwoHistories))
                else:
                    self.crash = error
            self.round.ended.notify_all()

    def _end(self) -> bool:
        """Whether this is the end: there is one, from here or from without."""
        with self._lock:
            was, self.done = self.done, True
        return not was

    def _push(self) -> None:
        from mirror.crew import Cut
        from mirror.targets import retrying

        opened = self.round.publication.open_target(self.config)
        lane = self.round.crew.lane(self.config.workers or opened.caps.workers)
        with self._lock:
            self._opened, self.lane = opened, lane
            if self.done:
                return
        tries = retrying(opened)
        if tries is not None:
            tries.attempts = 1 if self.row.failures else self.round.terms.retries + 1
        with contextlib.suppress(Cut):
            self._steps(opened, lane, tries)

    def _steps(self, opened: Target, lane: Lane, tries: Any) -> None:
        from mirror.filling import named_by
        from mirror.publish import fill, publish

        round_, config = self.round, self.config
        now = f"{round_.time():%Y-%m-%dT%H:%M:%SZ}"

        def look() -> None:
            from mirror.catchup import look_before_publishing

            look_before_publishing(
                round_.publication, round_.archive, config, opened,
                out=round_.out, now=round_.time(), fine=round_.fine,
            )  # fmt: skip

        def knock() -> None:
            self.knocked = time.monotonic()
            try:
                look()
            finally:
                self.knocked = None

        try:
            lane.do(knock)
        except TamizdatError as error:
            self._remember(now, error)
            raise
        if tries is not None:
            tries.attempts = round_.terms.retries + 1
        common: dict[str, Any] = {"now": now, "stop": self.stop, "lane": lane}
        with self._bar(f"publish {config.name}") as bar:
            # The look is taken once more at the end: while much is pushed, another copy of this archive may be, too.
            done = publish(round_.archive, opened, config, progress=bar, before_pointers=look, named=named_by, **common)
            self.report.published = done
            if done.anew:
                round_.out.note(f"target {config.name}: it had been emptied, everything was pushed there again")
            if done.changed:
                self._read_back(opened)
            if done.filling:
                until = self.ends - self.seconds / 10
                if not self.insist:
                    until = min(until, round_.began + round_.terms.filling)
                older = fill(round_.archive, opened, config, progress=bar, until=until, **common)
                self.report.published = replace(
                    done, puts=done.puts + older.puts, bytes=done.bytes + older.bytes, filling=older.filling
                )

    def _read_back(self, opened: Target) -> None:
        from mirror.audit import audit

        round_ = self.round
        round_.quiet.wait(HOLD)
        self.report.audited = round_.looks.do(
            lambda: audit(opened, self.config, round_.publication, round_.archive, now=round_.time())
        )

    def _remember(self, now: str, error: TamizdatError) -> None:
        """A target that doesn't even answer the first question has failed as well."""
        from mirror.publish import failed, writing

        after = getattr(error, "retry_after", None) or 0.0
        columns = failed(self.row, now, str(error), sent=False, retry_after=after)
        with writing(self.round.archive, self.stop) as tx:
            tx.change_target(self.config.name, **columns)

    def _failed(self, problem: str, *, forked: bool = False) -> None:
        self.report.problem, self.report.forked = problem, forked
        self.round.out.note(f"target {self.config.name}: {problem}")

    @contextlib.contextmanager
    def _bar(self, what: str) -> Iterator[Bar]:
        if self.round.bar is not None:
            yield self.round.bar
            return
        with self.round.out.bar(what) as bar:
            yield bar

    def at_work(self) -> bool:
        """Whether it is being pushed to, and not merely asked without an answer."""
        silent = self.knocked is not None and time.monotonic() > self.knocked + 2 * WATCHING
        return not self.done and self.report.published is None and not silent

    # --- from the round's -------------------------------------------------------------------------------------------

    def overdue(self, why: str) -> None:
        """It had its time: what is there stays, the next run goes on."""
        if not self.let_go() or self.report.published is not None:
            return  # nothing that readers wait for: only reading back, or what is older
        from mirror.publish import failed, known_there

        problem = f"transient: deadline: {why}; the next run goes on from there"
        self._failed(problem)
        now = f"{self.round.time():%Y-%m-%dT%H:%M:%SZ}"
        with self.round.archive.state.writing() as tx:
            row = known_there(tx.target(self.config.name), self.config)
            moved = (row.immutable_cursor, row.filling, row.ahead) != (
                self.row.immutable_cursor, self.row.filling, self.row.ahead,
            )  # fmt: skip
            columns = failed(row, now, problem, sent=moved)
            tx.change_target(self.config.name, **columns, deadline_missed=row.deadline_missed + 1)

    def let_go(self) -> bool:
        """Nothing more is begun or written down for it, what hangs is cut off. Returns at once, and whether it had not
        ended by itself."""
        from mirror.publish import halt

        halt(self.stop)
        if not self._end():
            return False
        with self._lock:
            opened, lane = self._opened, self.lane
        if lane is not None:
            lane.cut()
        if opened is not None:
            # Closing may hang, too.
            threading.Thread(target=self._close, name=f"close {self.config.name}", daemon=True).start()
        return True

    def _close(self) -> None:
        with self._lock:
            opened, self._opened = self._opened, None
        if opened is not None:
            with contextlib.suppress(TamizdatError, OSError):
                opened.close()


def leave(status: int) -> None:
    """Ends the process at once when a thread of a push still hangs in some server: Python would break down while it
    takes itself apart around it. Returns otherwise."""
    end = time.monotonic() + 0.2
    for thread in threading.enumerate():
        if thread.daemon and thread.name.startswith(("crew", "target ", "close ", "ask")):
            thread.join(max(0.0, end - time.monotonic()))
            if thread.is_alive():
                os._exit(status)
