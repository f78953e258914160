"""Asking mirrors and witnesses for the newest that they have seen: all at the same time, with one deadline.

Whatever somebody says counts from the moment it is there: a mirror that shows its checkpoint and then hangs was heard,
and no witness waits for another one.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from mirror.errors import TamizdatError
from signing.checkpoint import MAX_BYTES as CHECKPOINT_CAP
from signing.errors import SigningError

if TYPE_CHECKING:
    from mirror.archive.state import TargetRow
    from mirror.config import TargetConfig
    from mirror.publication import Publication
    from signing.policy import Policy, Witness

# Mirrors, all at once. Whoever has all of these show an old state could have a restored copy sign a second history, so
# they are many; two hundred connections would be too many.
ASKED = 16
# Those silent that often in a row come last, but are waited for like all others: in a restored archive this record is
# as old as the rest, and just such a mirror may have come back since and alone have the newest checkpoint.
SILENT = 3
DEADLINE = 10.0  # seconds for all answers together
STAMP = "trust/timestamp.json"
_STAMP_CAP = 16_384


class Reads(Protocol):
    """What bytes come from: a mirror, or a target."""

    def get(self, path: str, cap: int) -> bytes | None: ...
    def close(self) -> None: ...


class Source:
    """A place that may have what this archive lacks. Usable from many threads; each has its own connection."""

    def __init__(self, name: str, opened: Callable[[], Reads]) -> None:
        self.name = name
        self._open = opened
        self._local = threading.local()
        self._failed = 0
        self._lock = threading.Lock()
        self._opened: list[Reads] = []
        self._closed = False

    def get(self, path: str, cap: int) -> bytes | None:
        """The file, or None when there is none. Raises `TamizdatError`."""
        reads: Reads | None = getattr(self._local, "reads", None)
        if reads is None:
            reads = self._local.reads = self._open()
            with self._lock:
                self._opened.append(reads)
                late = self._closed
            if late:
                self.close()
        return reads.get(path, cap)

    def maybe(self, path: str, cap: int) -> bytes | None:
        """The file, or None for whatever reason; a source that failed three times in a row is not asked again."""
        if self._failed >= 3:
            return None
        try:
            data = self.get(path, cap)
        except TamizdatError:
            self._failed += 1
            return None
        self._failed = 0
        return data

    def close(self) -> None:
        """Ends every connection, also one that is still being made."""
        with self._lock:
            self._closed = True
            opened, self._opened = self._opened, []
        for one in opened:
            with contextlib.suppress(TamizdatError, OSError):
                one.close()


def sources_of(publication: Publication, rows: Iterable[TargetRow] = ()) -> list[Source]:
    """Every target that is not paused, those with a public address first: there we see what readers see. After all
    others come those that did not answer lately, as far as `rows` tell."""
    from mirror.run import choose_targets

    silent = {row.name for row in rows if _is_silent(row)}
    chosen = sorted(choose_targets(publication, ()), key=lambda one: (one.name in silent, one.public is None))
    return [Source(f"target {one.name}", _opener(publication, one)) for one in chosen]


def _is_silent(row: TargetRow) -> bool:
    """Whether pushes or looks there failed `SILENT` times in a row."""
    return row.failures >= SILENT or (row.looks_bad >= SILENT and row.audit_result == "dead")


def _opener(publication: Publication, target: TargetConfig) -> Callable[[], Reads]:
    def opened() -> Reads:
        from mirror.read import Patience, open_mirror

        if target.public is None:
            return publication.open_target(target)
        if target.public.startswith(("http://", "https://")):
            from mirror.read import WebMirror

            return WebMirror(target.public, patience=Patience(connect=5.0, idle=10.0))
        return open_mirror(target.public)

    return opened


@contextlib.contextmanager
def closing(sources: Sequence[Source]) -> Iterator[Sequence[Source]]:
    """These sources, which are closed at the end; nobody waits for one that hangs while it closes."""
    try:
        yield sources
    finally:
        for source in sources:
            threading.Thread(target=source.close, daemon=True, name=f"close {source.name}").start()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What somebody shows as newest: the bytes of `checkpoint` and `trust/timestamp.json`, None for what there is none
    of, or what this answer is not about. A witness has no source: nothing but its word comes from it."""

    source: Source | None
    name: str
    checkpoint: bytes | None = None
    stamp: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """The answers that came in time, and the names of those who failed, or had not said everything."""

    answers: tuple[Answer, ...]
    silent: frozenset[str]

    def has_answered(self, name: str) -> bool:
        """Whether something was heard of this one."""
        return any(answer.name == name for answer in self.answers)


_Job = Callable[[], Iterator[Answer]]


def ask(sources: Sequence[Source], policy: Policy | None, origin: str, seconds: float) -> Heard:
    """What these mirrors, and the policy's witnesses of the log `origin`, said within `seconds`."""
    jobs: dict[str, _Job] = {source.name: _asking(source) for source in sources}
    for witness in policy.witnesses if policy is not None else ():
        if witness.url is not None:
            jobs[f"witness {witness.name}"] = _asking_witness(witness, origin, seconds)
    told: queue.SimpleQueue[Answer | str | None] = queue.SimpleQueue()

    def work(name: str, job: _Job) -> None:
        whole: str | None = None
        try:
            for answer in job():
                told.put(answer)
            whole = name
        except (TamizdatError, SigningError, OSError):
            pass  # says nothing more
        finally:
            told.put(whole)

    for name, job in jobs.items():
        # Daemons: one that hangs must not keep the process from ending.
        threading.Thread(target=work, args=(name, job), daemon=True, name="ask").start()
    end = time.monotonic() + seconds
    answers: list[Answer] = []
    whole: set[str] = set()
    left = len(jobs)
    while left:
        try:
            one = told.get(timeout=max(0.0, end - time.monotonic()))
        except queue.Empty:
            break
        if isinstance(one, Answer):
            answers.append(one)
            continue
        left -= 1
        if one is not None:
            whole.add(one)
    return Heard(answers=tuple(answers), silent=frozenset(jobs.keys() - whole))


def _asking(source: Source) -> _Job:
    def job() -> Iterator[Answer]:
        # One after the other, and each as it comes: who shows a checkpoint and then hangs has shown it.
        yield Answer(source=source, name=source.name, checkpoint=source.get("checkpoint", CHECKPOINT_CAP))
        yield Answer(source=source, name=source.name, stamp=source.get(STAMP, _STAMP_CAP))

    return job


def _asking_witness(witness: Witness, origin: str, seconds: float) -> _Job:
    def job() -> Iterator[Answer]:
        from mirror.witness.client import newest_from

        for data in newest_from(witness, origin, deadline=seconds).lines:
            yield Answer(source=None, name=f"witness {witness.name}", checkpoint=data)

    return job
