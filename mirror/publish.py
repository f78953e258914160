"""Pushes to a target what the journal says it doesn't have yet, in the order that never promises anything too early.

    1  what never changes, oldest first, in batches of the journal's order; inside a batch by rank, one rank after the
       other: objects → tiles → proofs → trust → pages of articles. After each batch the target's place in the journal
       is saved, so that a push broken off goes on there.
    2  pointers, one after the other: trust/timestamp.json → checkpoint → front → index.html, feed.xml
    3  deletes
    4  the target's cursor is at the journal's head

A push costs what changed, not what exists: nothing is listed, and with nothing new no connection is opened. Every file
is compared with the journal's hash before it is sent, so a damaged archive stays where it is. What goes wrong with a
target is a TargetError: one that the next file would meet as well ends the push at once, others after the third.
"""

from __future__ import annotations

import concurrent.futures
import hashlib
import itertools
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal, Protocol

from mirror.errors import TamizdatError
from mirror.targets import Target, TargetError, meta_for

if TYPE_CHECKING:
    from mirror.archive.state import Change, TargetRow
    from mirror.config import TargetConfig

BATCH: Final = 512  # lines of the journal; this much is pushed again after a crash, at most
GIVE_UP_AFTER: Final = 3  # files that failed for good: the fourth would too
LARGE_PICTURE: Final = 65_536  # bytes; larger ones are not for light targets
FIRST: Final = "trust/1.root.json"
_RESTARTS: Final = 5


class Transaction(Protocol):
    def head_seq(self) -> int: ...
    def changes(
        self, after: int, limit: int | None, *, mutable: bool | None = None, op: Literal["put", "delete"] | None = None
    ) -> Sequence[Change]: ...
    def offered(self, paths: Iterable[str]) -> dict[str, Change]: ...
    def target(self, name: str) -> TargetRow: ...
    def change_target(self, name: str, **columns: object) -> None: ...


class State(Protocol):
    def reading(self) -> AbstractContextManager[Transaction]: ...
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
    """It had been emptied, and everything was pushed there again."""

    @property
    def changed(self) -> bool:
        return bool(self.puts or self.pointers or self.deleted)


class CorruptArchive(TamizdatError):
    """A file of the archive is missing, or has other bytes than the journal says."""


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
) -> Published:
    """Brings the target up to the journal's head, and writes down how it went (`now`, RFC 3339, is the time noted).
    `before_pointers` is called when all else is there: what it raises leaves the pointers as they are.

    Raises TargetError, `CorruptArchive`, and `Stopped` once `stop` is set. KeyboardInterrupt may come at any moment:
    what is on the way ends, nothing new begins, and nothing is marked as done that isn't.
    """
    with archive.state.reading() as tx:
        row = known_there(tx.target(config.name), config)
        if row.cursor == tx.head_seq():
            return Published(target=config.name)
    row = replace(row, url=_place(config))
    push = _Push(archive, target, config, row=row, progress=progress, stop=stop or threading.Event())
    push.before_pointers = before_pointers
    try:
        done = push.run()
    except TamizdatError as error:
        failures = push.row.failures + 1
        push.save(last_try=now, last_error=str(error)[:500], failures=failures)
        raise
    push.save(last_try=now, last_ok=now, last_error=None, failures=0)
    return done


def known_there(row: TargetRow, config: TargetConfig) -> TargetRow:
    """What is known of a target. Under the same name another place: what that place has is unknown."""
    return row if row.url in (None, _place(config)) else replace(row, cursor=0, immutable_cursor=0)


def _place(config: TargetConfig) -> str:
    return " ".join(part for part in (config.url, config.settings.get("endpoint")) if part)


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
        progress: Progress | None,
        stop: threading.Event,
    ) -> None:
        self.archive, self.target, self.config, self.row = archive, target, config, row
        self.name = config.name
        self._progress, self._stop = progress, stop
        self.before_pointers: Callable[[], None] | None = None
        self._pace = _Pace(config.bandwidth, stop) if config.bandwidth else None
        self._halt = threading.Event()  # no further file of this push is begun
        self._lock = threading.Lock()
        self._puts = self._bytes = self._pointers = self._deleted = 0
        self._anew = False

    def run(self) -> Published:
        began = time.monotonic()
        if self.row.cursor and self._is_empty():
            self._anew = True
            self.save(cursor=0, immutable_cursor=0)
        with self._pool() as pool:
            for attempt in itertools.count(1):
                with self.archive.state.reading() as tx:
                    head = tx.head_seq()
                if self._progress:
                    # Lines of the journal that were replaced leave gaps, so this is an upper bound.
                    self._progress.total(head - min(self.row.cursor, self.row.immutable_cursor))
                try:
                    self._immutable(pool, head)
                    self._commit(head)
                    break
                except _Moved:
                    if attempt == _RESTARTS:
                        raise TamizdatError(
                            f"{self.name}: the archive kept changing during the push",
                            hint="let the other run end, then publish again",
                        ) from None
            self._deletes(pool, head)
        self.save(cursor=head, immutable_cursor=head)
        return Published(
            target=self.name,
            puts=self._puts,
            bytes=self._bytes,
            pointers=self._pointers,
            deleted=self._deleted,
            seconds=time.monotonic() - began,
            anew=self._anew,
        )

    def save(self, **changed: object) -> None:
        # `replace` can't be typed for fields given by name.
        self.row = replace(self.row, **changed)  # type: ignore[arg-type]
        with self.archive.state.writing() as tx:
            # Only these: an audit may write its own columns meanwhile.
            tx.change_target(self.name, url=self.row.url, **changed)

    # --- the steps --------------------------------------------------------------------------------------------------

    def _is_empty(self) -> bool:
        """Whether the target, which had files, has none any more: somebody emptied the bucket or changed the disk. One
        request tells, for a file that was pushed among the first and never goes away."""
        with self.archive.state.reading() as tx:
            first = tx.offered([FIRST]).get(FIRST)
        if first is None or first.seq > self.row.cursor:
            return False
        try:
            return self.target.get(FIRST, first.size) is None
        except TargetError as error:
            if error.kind in ("forbidden", "unsupported", "too_large"):
                return False  # with these keys it can't be known
            raise

    def _immutable(self, pool: ThreadPoolExecutor, head: int) -> None:
        while True:
            with self.archive.state.reading() as tx:
                batch = tx.changes(self.row.immutable_cursor, BATCH, mutable=False, op="put")
            batch = [change for change in batch if change.seq <= head]
            if not batch:
                return
            wanted = sorted((change for change in batch if self._wanted(change)), key=lambda change: change.rank)
            for _, group in itertools.groupby(wanted, key=lambda change: change.rank):
                self._each(pool, self._put, list(group))
            self.target.flush()
            self.save(immutable_cursor=batch[-1].seq)

    def _put(self, change: Change) -> None:
        data = self._read(change)
        if data is None:
            return  # replaced or deleted since: its new line comes later in the journal
        if self._pace:
            self._pace.wait(len(data))
        self.target.put(change.path, data, meta_for(change.path, data))
        self._count(puts=1, size=len(data))

    def _commit(self, head: int) -> None:
        with self.archive.state.reading() as tx:
            lines = tx.changes(self.row.cursor, None, mutable=True, op="put")
        pointers: dict[str, bytes] = {}
        for change in sorted(lines, key=lambda change: (change.rank, change.seq)):
            if not self._wanted(change):
                continue
            data = self._read(change)
            if change.seq > head or data is None:
                raise _Moved  # it may point at what isn't there yet
            pointers[change.path] = data
        if pointers:
            self._go_on()
            if self.before_pointers is not None:
                self.before_pointers()
            self.target.commit(pointers)
            self._count(pointers=len(pointers), size=sum(map(len, pointers.values())))

    def _deletes(self, pool: ThreadPoolExecutor, head: int) -> None:
        after = self.row.cursor
        while True:
            with self.archive.state.reading() as tx:
                batch = [line for line in tx.changes(after, BATCH, op="delete") if line.seq <= head]
            if not batch:
                return
            self._each(pool, self._delete, batch)
            after = batch[-1].seq

    def _delete(self, change: Change) -> None:
        self.target.delete((change.path,))
        self._count(deleted=1)

    # --- how --------------------------------------------------------------------------------------------------------

    def _wanted(self, change: Change) -> bool:
        """Whether it is for this target: light ones get no evidence, no large pictures and no pages."""
        if not self.config.light:
            return True
        return change.kind not in ("evidence", "html") and (change.kind != "picture" or change.size <= LARGE_PICTURE)

    def _read(self, change: Change) -> bytes | None:
        """The file's bytes, which are those the journal names. None when the journal has newer news of it."""
        data = self.archive.store.read(change.path)
        if data is not None and hashlib.sha256(data).hexdigest() == change.sha256:
            return data
        with self.archive.state.reading() as tx:
            newest = tx.offered([change.path]).get(change.path)
        if newest is None or newest.seq != change.seq:
            return None
        found = "is missing" if data is None else f"has SHA-256 {hashlib.sha256(data).hexdigest()}"
        raise CorruptArchive(
            f"archive/{change.path} {found}, the journal says {change.sha256}; nothing more was pushed to {self.name}",
            hint="restore that file from a backup or from a mirror, and look at the disk",
        )

    def _each(self, pool: ThreadPoolExecutor, act: Callable[[Change], None], changes: Sequence[Change]) -> None:
        """Does it to each, some at a time. Returns when all are done; raises the first error that counts for the whole
        target, else the first one, after as many as it takes to be sure."""
        errors: list[Exception] = []

        def guarded(change: Change) -> None:
            if self._halt.is_set() or self._stop.is_set():
                return
            try:
                act(change)
            except Exception as error:
                with self._lock:
                    errors.append(error)
                    hopeless = not isinstance(error, TargetError) or error.scope == "target"
                    if hopeless or len(errors) >= GIVE_UP_AFTER:
                        self._halt.set()

        running: list[Future[None]] = [pool.submit(guarded, change) for change in changes]
        concurrent.futures.wait(running)
        self._go_on()
        if errors:
            raise next((one for one in errors if getattr(one, "scope", "target") == "target"), errors[0])

    def _go_on(self) -> None:
        if self._stop.is_set():
            raise Stopped(f"{self.name}: stopped; the next run goes on from here")

    def _count(self, *, puts: int = 0, pointers: int = 0, deleted: int = 0, size: int = 0) -> None:
        with self._lock:
            self._puts += puts
            self._pointers += pointers
            self._deleted += deleted
            self._bytes += size
            if self._progress:
                self._progress.update(puts + pointers + deleted)

    @contextmanager
    def _pool(self) -> Iterator[ThreadPoolExecutor]:
        workers = self.config.workers or self.target.caps.workers
        pool = ThreadPoolExecutor(max_workers=workers, thread_name_prefix=f"push-{self.name}")
        try:
            yield pool
        finally:
            # Also on KeyboardInterrupt: what waits is dropped, what is on the wire ends, then the threads do.
            self._halt.set()
            pool.shutdown(wait=True, cancel_futures=True)


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
