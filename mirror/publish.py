"""Pushes to a target what the journal says it doesn't have yet, in the order that never promises anything too early.

    1  what never changes, oldest first, in batches of the journal's order; inside a batch by rank, one rank after the
       other: objects → tiles → proofs → trust → pages of articles. After each batch the target's place in the journal
       is saved, so that a push broken off goes on there. The first root goes ahead of all, alone: a target that
       lacks it is new, and nothing is deleted there
    2  pointers, one after the other: trust/timestamp.json → checkpoint → front → index.html, feed.xml
    3  deletes
    4  the target's cursor is at the journal's head
    5  a target that is being filled (`mirror.filling`): what is older, newest first, as long as there is time (`fill`)

Where nothing shows before the commit (`Caps.staged`), deletes go before it, and nothing is marked as done until it is.
Where a pointer can't be replaced in one step (`Caps.atomic` is False) it is read back, and sent again when readers get
half of it: who comes at that moment finds the file broken, never a promise that isn't kept.

A push costs what changed, not what exists: nothing is listed, and with nothing new no connection is opened. Every file
is compared with the journal's hash before it is sent, so a damaged archive stays where it is. What goes wrong with a
target is a TargetError: one that the next file would meet as well ends the push at once, others after the third.
"""

from __future__ import annotations

import hashlib
import itertools
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from mirror.crew import FILLING, Crew, Cut, Lane
from mirror.errors import TamizdatError
from mirror.filling import ALWAYS, unpack
from mirror.targets import Target, TargetError, meta_for

if TYPE_CHECKING:
    from mirror.archive.state import Change, TargetRow
    from mirror.config import TargetConfig

BATCH: Final = 512  # lines of the journal; this much is pushed again after a crash, at most (`Caps.batch`: more)
SMALLEST: Final = 16  # … to a target so slow that it never got through more in time
LONG: Final = 20.0  # seconds; when a batch takes longer, the next is half of it
GIVE_UP_AFTER: Final = 3  # files that failed for good: the fourth would too
LARGE_PICTURE: Final = 65_536  # bytes; larger ones are not for light targets
FIRST: Final = "trust/1.root.json"
TRIES: Final = 3  # of a pointer that arrives broken
# After so many pushes in a row that failed without a single file, a target waits; then twice as long each time.
BACK_OFF_AFTER: Final = 3
BACK_OFF: Final = 300.0  # seconds
LONGEST_BACK_OFF: Final = 6 * 3600.0
_RESTARTS: Final = 5
_STOPPED: Final = "stopped; the next run goes on from here"
_POINTER: Final = 1 << 20  # bytes; an answer that is longer is no pointer of ours

# Held while a push writes down how far it is, and while somebody tells one to stop: one that was told writes no more.
_WRITING = threading.Lock()


class Transaction(Protocol):
    def head_seq(self) -> int: ...
    def changes(
        self, after: int, limit: int | None, *, mutable: bool | None = None, op: Literal["put", "delete"] | None = None
    ) -> Sequence[Change]: ...
    def changes_before(self, before: int, limit: int) -> Sequence[Change]: ...
    def changes_of_kind(self, kinds: Iterable[str], before: int) -> Sequence[Change]: ...
    def offered(self, paths: Iterable[str]) -> dict[str, Change]: ...
    def target(self, name: str) -> TargetRow: ...
    def change_target(self, name: str, **columns: object) -> None: ...


class State(Protocol):
    # What a transaction can do besides is for `Named`.
    def reading(self) -> AbstractContextManager[Any]: ...
    def writing(self) -> AbstractContextManager[Transaction]: ...


class Files(Protocol):
    def read(self, key: str) -> bytes | None: ...


class Archive(Protocol):
    """What a push needs of `mirror.archive.Archive`."""

    @property
    def state(self) -> State: ...
    @property
    def store(self) -> Files: ...


class Progress(Protocol):
    def update(self, n: int = 1) -> object: ...
    def total(self, n: int) -> None: ...


Named = Callable[[Any, bytes], Iterable[str]]
"""Given a transaction and the file `front`: the paths of all that it names (`mirror.filling.named_by`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What was done. `puts` are files that never change, `bytes` counts them and the pointers."""

    target: str
    puts: int = 0
    bytes: int = 0
    pointers: int = 0
    deleted: int = 0
    seconds: float = 0.0
    anew: bool = False
    """It had been emptied, and everything is pushed there again."""
    filling: bool = False
    """Older files are still to be sent: `fill`."""

    @property
    def changed(self) -> bool:
        return bool(self.puts or self.pointers or self.deleted)


class Stopped(TamizdatError):
    """The push was told to stop. What is on the target is whole, and the next push goes on from there."""


def publish(
    archive: Archive,
    target: Target,
    config: TargetConfig,
    *,
    now: str,
    progress: Progress | None = None,
    stop: threading.Event | None = None,
    before_pointers: Callable[[], None] | None = None,
    named: Named | None = None,
    lane: Lane | None = None,
) -> Published:
    """Brings the target up to the journal's head, and writes down how it went (`now`, RFC 3339, is the time noted).
    `before_pointers` is called when all else is there: what it raises leaves the pointers as they are. With `named` a
    target that has nothing yet gets the newest edition and what belongs to it, and the rest by `fill`. Everything that
    talks to the target goes through `lane`, where one is given.

    Raises TargetError, `CorruptArchive`, and `Stopped` once `stop` is set. KeyboardInterrupt may come at any moment:
    what is on the way ends, nothing new begins, and nothing is marked as done that isn't.
    """
    with archive.state.reading() as tx:
        row = known_there(tx.target(config.name), config)
        if row.cursor == tx.head_seq():
            return Published(target=config.name, filling=row.filling is not None)
    with _push(archive, target, config, row=row, now=now, progress=progress, stop=stop, lane=lane) as push:
        return push.run(named, before_pointers)


def fill(
    archive: Archive,
    target: Target,
    config: TargetConfig,
    *,
    now: str,
    until: float | None = None,
    progress: Progress | None = None,
    stop: threading.Event | None = None,
    lane: Lane | None = None,
) -> Published:
    """Sends older files, the newest first, to a target that is being filled, until it has all or (`until`, of the
    monotonic clock) the batch is done during which time ran out. Raises what `publish` does."""
    with archive.state.reading() as tx:
        row = known_there(tx.target(config.name), config)
    if row.filling is None:
        return Published(target=config.name)
    with _push(archive, target, config, row=row, now=now, progress=progress, stop=stop, lane=lane) as push:
        push.lane.priority = FILLING
        return push.fill(until)


def halt(stop: threading.Event) -> None:
    """Sets `stop`. The push that looks at it writes nothing down any more, from the moment this returns."""
    with _WRITING:
        stop.set()


@contextmanager
def writing(archive: Archive, stop: threading.Event) -> Iterator[Transaction]:
    """A transaction of somebody who may have been told to stop meanwhile; raises `Stopped`."""
    with _WRITING:
        if stop.is_set():
            raise Stopped(_STOPPED)
        with archive.state.writing() as tx:
            yield tx


def known_there(row: TargetRow, config: TargetConfig) -> TargetRow:
    """What is known of a target. Under the same name another place: what that place has is unknown."""
    if row.url in (None, _place(config)):
        return row
    nothing = replace(row, cursor=0, immutable_cursor=0, deletes_cursor=0, filling=None, ahead=None)
    return replace(nothing, failures=0, next_try=None, deadline_missed=0, relapses=0)


def failed(row: TargetRow, now: str, error: str, *, sent: bool, retry_after: float = 0.0) -> dict[str, object]:
    """The columns of a target whose push failed. One that sent something goes on with the next run; one that failed
    again and again without is tried more and more seldom."""
    failures = 1 if sent else row.failures + 1
    wait = retry_after
    if failures >= BACK_OFF_AFTER:
        wait = max(wait, min(LONGEST_BACK_OFF, BACK_OFF * 2.0 ** min(failures - BACK_OFF_AFTER, 20)))
    then = datetime.fromisoformat(now) + timedelta(seconds=min(wait, LONGEST_BACK_OFF))
    return {
        "last_try": now,
        "last_error": error[:500],
        "failures": failures,
        "next_try": then.strftime("%Y-%m-%dT%H:%M:%SZ") if wait else None,
    }


def is_for(config: TargetConfig, change: Change) -> bool:
    """Whether a line of the journal is for this target: light ones get no evidence, no large pictures and no pages."""
    if not config.light:
        return True
    return change.kind not in ("evidence", "html") and (change.kind != "picture" or change.size <= LARGE_PICTURE)


def _place(config: TargetConfig) -> str:
    return " ".join(part for part in (config.url, config.settings.get("endpoint")) if part)


@contextmanager
def _push(
    archive: Archive,
    target: Target,
    config: TargetConfig,
    *,
    row: TargetRow,
    now: str,
    progress: Progress | None,
    stop: threading.Event | None,
    lane: Lane | None,
) -> Iterator[_Push]:
    """A push, of which it is written down when it fails, and from which nothing goes on after the end."""
    crew = None
    if lane is None:
        width = config.workers or target.caps.workers
        crew = Crew(width)
        lane = crew.lane(width)
    row = replace(row, url=_place(config))
    push = _Push(archive, target, config, row=row, now=now, progress=progress, stop=stop, lane=lane)
    try:
        yield push
    except Cut:
        raise Stopped(_STOPPED) from None
    except Stopped:
        raise
    except TamizdatError as error:
        after = getattr(error, "retry_after", None) or 0.0
        push.save(**failed(push.row, now, str(error), sent=push.sent, retry_after=after))
        raise
    finally:
        # Also on KeyboardInterrupt: what waits is dropped, what is on the wire ends.
        push.halt.set()
        lane.drop()
        if crew is not None:
            crew.close()


class _Moved(Exception):
    """The archive changed while it was read: begin again with its new head."""


class _Push:
    def __init__(
        self,
        archive: Archive,
        target: Target,
        config: TargetConfig,
        *,
        row: TargetRow,
        now: str,
        progress: Progress | None,
        stop: threading.Event | None,
        lane: Lane,
    ) -> None:
        self.archive, self.target, self.config, self.lane = archive, target, config, lane
        self.row = self._kept = row  # how far it is, and how far it will be if nothing more is written down
        self.name, self.staged = config.name, target.caps.staged
        self._now, self._progress, self._stop = now, progress, stop or threading.Event()
        self._pace = _Pace(config.bandwidth, self._stop) if config.bandwidth else None
        self.halt = threading.Event()  # no further file of this push is begun
        self._lock = threading.Lock()
        self._began = time.monotonic()
        self._puts = self._bytes = self._pointers = self._deleted = 0
        self._anew = False
        self._batch = max(min(BATCH, SMALLEST), max(BATCH, target.caps.batch) >> 2 * min(row.deadline_missed, 8))

    @property
    def sent(self) -> bool:
        return bool(self._puts or self._pointers or self._deleted)

    def run(self, named: Named | None, before_pointers: Callable[[], None] | None) -> Published:
        if self.row.cursor and self._is_empty():
            self._anew = True
            with self.archive.state.reading() as tx:
                head = tx.head_seq()
            self._emptied()
            self.save(cursor=0, immutable_cursor=0, deletes_cursor=head, filling=None, ahead=None)
        for attempt in itertools.count(1):
            with self.archive.state.reading() as tx:
                head = tx.head_seq()
            try:
                self._begin(head, fill=named is not None)
                if named is not None:
                    self._newest(named)
                if self._progress:
                    # Lines of the journal that were replaced leave gaps, so this is an upper bound.
                    self._progress.total(self._puts + head - min(self.row.cursor or head, self.row.immutable_cursor))
                self._immutable(head)
                if self.staged:
                    self._deletes(head)
                self._commit(head, before_pointers)
                break
            except _Moved:
                if attempt == _RESTARTS:
                    raise TamizdatError(
                        f"{self.name}: the archive kept changing during the push",
                        hint="let the other run end, then publish again",
                    ) from None
        if not self.staged:
            self._deletes(head)
        self._all_is_well(cursor=head, immutable_cursor=head, deletes_cursor=head)
        return self._published()

    def fill(self, until: float | None) -> Published:
        ahead = unpack(self.row.ahead)
        while self.row.filling is not None and (until is None or time.monotonic() < until):
            with self.archive.state.reading() as tx:
                batch = tx.changes_before(self.row.filling, self._batch)
            self._put_all([change for change in batch if change.seq not in ahead])
            if batch:
                self._reached(filling=batch[-1].seq)
            else:
                self._reached(filling=None, ahead=None)
        if self.staged and self._puts:
            self._do(lambda: self.target.commit({}))
        self._all_is_well()
        return self._published()

    def save(self, **changed: object) -> None:
        """Writes down what changed, and whatever else of a row belongs to pushes. Raises `Stopped`."""
        # `replace` can't be typed for fields given by name.
        row = replace(self._kept, **changed)  # type: ignore[arg-type]
        with writing(self.archive, self._stop) as tx:
            # Only these: an audit may write its own columns meanwhile.
            tx.change_target(self.name, **{name: getattr(row, name) for name in _OWN})
        self._kept = row
        self.row = replace(self.row, **changed)  # type: ignore[arg-type]

    def _reached(self, **cursors: object) -> None:
        """So far everything is there. What is only staged may not survive a crash: there it is written down later."""
        if self.staged:
            self.row = replace(self.row, **cursors)  # type: ignore[arg-type]  # as in `save`
        else:
            self.save(**cursors)

    def _all_is_well(self, **cursors: object) -> None:
        now = self._now
        good = {"last_try": now, "last_ok": now, "last_error": None, "failures": 0, "next_try": None}
        self.save(**good, deadline_missed=0, filling=self.row.filling, ahead=self.row.ahead, **cursors)

    def _published(self) -> Published:
        return Published(
            target=self.name,
            puts=self._puts,
            bytes=self._bytes,
            pointers=self._pointers,
            deleted=self._deleted,
            seconds=time.monotonic() - self._began,
            anew=self._anew,
            filling=self.row.filling is not None,
        )

    # --- the steps --------------------------------------------------------------------------------------------------

    def _is_empty(self) -> bool:
        """Whether the target, which had files, has none any more: somebody emptied the bucket or changed the disk. One
        request tells, for a file that was pushed among the first and never goes away."""
        with self.archive.state.reading() as tx:
            first = tx.offered([FIRST]).get(FIRST)
        if first is None or first.seq > self.row.cursor:
            return False
        return self._lacks(first)

    def _emptied(self) -> None:
        """Counts it. A host that forgets, or says so, again and again would have all of it sent for ever."""
        from mirror.watching import RELAPSES

        if self.row.relapses >= RELAPSES:
            raise TargetError(
                f"{self.name}: {FIRST} is gone again, after everything was sent anew {self.row.relapses} times",
                kind="corrupt",
                scope="target",
                hint=f"find out what empties that place; then `tamizdat audit --repair {self.name}`, or remove it",
            )
        with writing(self.archive, self._stop) as tx:
            tx.change_target(self.name, relapses=self.row.relapses + 1)

    def _lacks(self, first: Change) -> bool:
        try:
            return self._do(lambda: self.target.get(first.path, first.size)) is None
        except TargetError as error:
            if error.kind in ("forbidden", "unsupported", "too_large"):
                return False  # with these keys it can't be known
            raise

    def _begin(self, head: int, *, fill: bool) -> None:
        """What is known of a target that is new here. Where there is nothing, nothing is to be deleted: in an archive
        of years that is most of the journal. To `fill` it begins at the newest end, when there is much."""
        row = self.row
        if row.cursor or row.immutable_cursor or row.filling is not None:
            return
        with self.archive.state.reading() as tx:
            much = len(tx.changes(0, 2 * BATCH + 1, mutable=False, op="put")) > 2 * BATCH
            first = tx.offered([FIRST]).get(FIRST)
            deleted = tx.changes(row.deletes_cursor, 1, op="delete")
        deletes_cursor = row.deletes_cursor
        if deleted and first is not None and self._lacks(first):
            deletes_cursor = head
        if fill and much:
            self._reached(immutable_cursor=head, filling=head + 1, ahead=None, deletes_cursor=deletes_cursor)
        elif deletes_cursor != row.deletes_cursor:
            self._reached(deletes_cursor=deletes_cursor)

    def _newest(self, named: Named) -> None:
        """While a target is being filled: all that the newest edition needs, as far as it is older."""
        before, ahead = self.row.filling, unpack(self.row.ahead)
        if before is None:
            return
        with self.archive.state.reading() as tx:
            front = tx.offered(["front"]).get("front")
            if front is None or front.seq <= self.row.cursor:
                return
            data = self._read(front)
            if data is None:
                raise _Moved
            lines = tx.offered(named(tx, data))
            if not self.row.cursor:  # later editions find these there
                lines.update({change.path: change for change in tx.changes_of_kind(ALWAYS, before)})
        needed = [line for line in lines.values() if not line.mutable and line.seq < before and line.seq not in ahead]
        needed.sort(key=lambda line: (line.path != FIRST, line.rank, -line.seq))
        while needed:
            some, needed = needed[: self._batch], needed[self._batch :]
            self._put_all(some)
            ahead = ahead.with_more(line.seq for line in some)
            self._reached(ahead=ahead.text())

    def _immutable(self, head: int) -> None:
        first = None  # sent ahead of all else to a new target, so not again with its batch
        while True:
            new = not self.row.immutable_cursor
            with self.archive.state.reading() as tx:
                batch = tx.changes(self.row.immutable_cursor, self._batch, mutable=False, op="put")
                first = tx.offered([FIRST]).get(FIRST) if new else first
            batch = [change for change in batch if change.seq <= head]
            if not batch:
                return
            rest = [change for change in batch if change != first]
            self._put_all([first, *rest] if new and first else rest)
            self._reached(immutable_cursor=batch[-1].seq)

    def _put_all(self, changes: Iterable[Change]) -> None:
        began = time.monotonic()

        def turn(change: Change) -> tuple[bool, int]:
            # Where this one isn't, nothing of ours is: what was sent by a push that was killed is deleted some day.
            return change.path != FIRST, change.rank

        wanted = sorted((change for change in changes if is_for(self.config, change)), key=turn)
        for _, group in itertools.groupby(wanted, key=turn):
            self._each(self._put, list(group))
        if wanted:
            self._do(self.target.flush)
        if time.monotonic() - began > LONG:
            self._batch = max(min(BATCH, SMALLEST), self._batch // 2)

    def _put(self, change: Change) -> None:
        data = self._read(change)
        if data is None:
            return  # replaced or deleted since: its new line comes later in the journal
        self.target.put(change.path, data, meta_for(change.path, data))
        self._count(puts=1, size=len(data))

    def _commit(self, head: int, before: Callable[[], None] | None) -> None:
        with self.archive.state.reading() as tx:
            lines = tx.changes(self.row.cursor, None, mutable=True, op="put")
        pointers: dict[str, bytes] = {}
        for change in sorted(lines, key=lambda change: (change.rank, change.seq)):
            if not is_for(self.config, change):
                continue
            data = self._read(change)
            if change.seq > head or data is None:
                raise _Moved  # it may point at what isn't there yet
            pointers[change.path] = data
        if pointers or (self.staged and self.sent):
            self._go_on()
            if before is not None:
                self._do(before)
            self._show(pointers)
            self._count(pointers=len(pointers), size=sum(map(len, pointers.values())))

    def _show(self, pointers: Mapping[str, bytes]) -> None:
        if self.target.caps.atomic or self.staged:
            self._do(lambda: self.target.commit(pointers))
            return
        for key, data in pointers.items():
            self._do(partial(self._replace, key, data))

    def _replace(self, key: str, data: bytes) -> None:
        """A pointer, on a host where it may arrive in parts. One that still shows the old one only lags behind."""
        for _ in range(TRIES):
            self.target.commit({key: data})
            try:
                found = self.target.get(key, _POINTER)
            except TargetError as error:
                if error.kind in ("forbidden", "unsupported", "too_large"):
                    return  # with these keys it can't be known
                raise
            if found == data or (found is not None and not data.startswith(found)):
                return
        raise TargetError(f"{self.name}: {key}: half of it arrived, {TRIES} times", kind="corrupt")

    def _deletes(self, head: int) -> None:
        while True:
            with self.archive.state.reading() as tx:
                batch = [line for line in tx.changes(self.row.deletes_cursor, BATCH, op="delete") if line.seq <= head]
            if not batch:
                return
            self._each(self._delete, batch)
            self._reached(deletes_cursor=batch[-1].seq)

    def _delete(self, change: Change) -> None:
        self.target.delete((change.path,))
        self._count(deleted=1)

    # --- how --------------------------------------------------------------------------------------------------------

    def _read(self, change: Change) -> bytes | None:
        """The file's bytes, which are those the journal names. None when the journal has newer news of it."""
        data = self.archive.store.read(change.path)
        if data is not None and hashlib.sha256(data).hexdigest() == change.sha256:
            return data
        with self.archive.state.reading() as tx:
            newest = tx.offered([change.path]).get(change.path)
        if newest is None or newest.seq != change.seq:
            return None
        from mirror.archive.errors import CorruptArchive

        found = "is missing" if data is None else f"has SHA-256 {hashlib.sha256(data).hexdigest()}"
        raise CorruptArchive(
            f"archive/{change.path} {found}, the journal says {change.sha256}; nothing more was pushed to {self.name}",
            hint="restore that file from a backup or from a mirror, and look at the disk",
        )

    def _do(self, action: Callable[[], Any]) -> Any:
        return self.lane.do(action)

    def _each(self, act: Callable[[Change], None], changes: Sequence[Change]) -> None:
        """Does it to each, some at a time. Returns when all are done; raises the first error that counts for the whole
        target, else the first one, after as many as it takes to be sure."""
        errors: list[Exception] = []

        def guarded(change: Change) -> None:
            if self.halt.is_set() or self._stop.is_set():
                return
            try:
                act(change)
            except Exception as error:
                with self._lock:
                    errors.append(error)
                    hopeless = not isinstance(error, TargetError) or error.scope == "target"
                    if hopeless or len(errors) >= GIVE_UP_AFTER:
                        self.halt.set()

        for change in changes:
            if self._pace:
                self._pace.wait(change.size)
            if self.halt.is_set() or self._stop.is_set():
                break
            self.lane.begin(partial(guarded, change))
        self.lane.settle()
        self._go_on()
        if errors:
            raise next((one for one in errors if getattr(one, "scope", "target") == "target"), errors[0])

    def _go_on(self) -> None:
        if self._stop.is_set():
            raise Stopped(_STOPPED)

    def _count(self, *, puts: int = 0, pointers: int = 0, deleted: int = 0, size: int = 0) -> None:
        with self._lock:
            self._puts += puts
            self._pointers += pointers
            self._deleted += deleted
            self._bytes += size
            if self._progress:
                self._progress.update(puts + pointers + deleted)


# The columns of `TargetRow` that pushes write.
_OWN: Final = (
    "url",
    "cursor",
    "immutable_cursor",
    "deletes_cursor",
    "filling",
    "ahead",
    "last_try",
    "last_ok",
    "last_error",
    "failures",
    "next_try",
    "deadline_missed",
)


class _Pace:
    """No more bytes a second than allowed, over all threads of one push."""

    def __init__(self, rate: int, stop: threading.Event) -> None:
        self._rate, self._stop = rate, stop
        self._free = time.monotonic()
        self._lock = threading.Lock()

    def wait(self, size: int) -> None:
        with self._lock:
            now = time.monotonic()
            begin = max(now, self._free)
            self._free = begin + size / self._rate
        self._stop.wait(begin - now)
