"""Several mirrors of one publication looked at side by side: the newest that any of them has is what counts.

Each mirror is asked at once, by a thread of its own and within a deadline of its own, for its trust files and its front
page: one that is slow, silent or corrupt neither delays nor spoils what the others say. What came is then verified one
mirror after the other, against one memory - so the newest trust files judge all of them, every two checkpoints must be
of one history, and a mirror that is merely old is seen to be.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from mirror.errors import TamizdatError
from mirror.findings import Verdict, refusals
from mirror.history import Learning
from mirror.known import Memory
from mirror.read import PATIENCE, Mirror, ReadError, WebMirror, close, need
from mirror.trusted import open_trust
from mirror.verdict import check_front, how_far
from signing import checkpoint as checkpoints
from signing import front as fronts
from signing import note
from signing import proof as proofs
from signing.errors import SigningError

# What a thread may still need after its mirror's deadline: names are resolved without one.
GRACE = 2.0


class Glimpse:
    """Trust files and front page as one mirror gave them in a moment; more is asked of the mirror itself."""

    def __init__(self, mirror: Mirror) -> None:
        self.mirror = _hurried(mirror)
        self.name = mirror.name
        self.files: dict[str, bytes | None] = {}
        self.problem: ReadError | None = None
        self.done = threading.Event()

    @property
    def seconds(self) -> float:
        """How long to wait for it, from now on."""
        return self.mirror.patience.glance + GRACE if isinstance(self.mirror, WebMirror) else PATIENCE.glance

    @property
    def size(self) -> int:
        """The size of the log as the front page says, which nobody has verified: to begin with the smallest."""
        try:
            front = fronts.parse(self.files.get("front") or b"")
            return checkpoints.parse_text(note.parse(proofs.parse(front.proof).checkpoint).text).size
        except SigningError:
            return 0

    def close(self) -> None:
        close(self.mirror)

    def get(self, path: str, cap: int) -> bytes | None:
        if path not in self.files:
            self.files[path] = self.mirror.get(path, cap)
        data = self.files[path]
        if data is not None and len(data) > cap:
            raise ReadError(f"{self.name}: {path}: more than the {cap} bytes expected", path=path)
        return data

    def look(self, pin: str | bytes | None, memory: Memory, now: datetime) -> None:
        """Ask for everything that a first look needs. What is wrong with it is found out later, by who judges it."""
        try:
            with contextlib.suppress(SigningError, TamizdatError):
                open_trust(self, pin=pin, memory=memory, now=now)
            need(self, "front", fronts.MAX_BYTES)
            self.problem = None
        except ReadError as error:
            self.problem = error
        finally:
            self.done.set()


def _hurried(mirror: Mirror) -> Mirror:
    """The same mirror, with a deadline for all that is asked of it."""
    if not isinstance(mirror, WebMirror):
        return mirror
    patience = mirror.patience
    total = min(patience.total, patience.glance)
    return WebMirror(mirror.name, patience=replace(patience, look=patience.glance, total=total, slowest=float("inf")))


def gather(mirrors: Sequence[Mirror], *, pin: str | bytes | None, memory: Memory, now: datetime) -> list[Verdict]:
    """The verdict on each mirror's front page, in the order given. It takes no longer than a mirror's `glance`, and the
    tiles where two mirrors seem to contradict each other.

    `memory` should be a held one (`Memory.held`): it holds the newest of all that was seen, for who goes on.
    Contradictions between mirrors are in the verdict of the one that was judged later, with the evidence.
    """
    glimpses = [Glimpse(mirror) for mirror in mirrors]
    for one in glimpses:
        threading.Thread(target=one.look, args=(pin, memory, now), daemon=True).start()
    end = time.monotonic() + max((one.seconds for one in glimpses), default=0.0)
    # A thread that is late keeps its files to itself.
    came = [one.done.wait(max(end - time.monotonic(), 0.0)) and one.problem is None for one in glimpses]
    for one, good in zip(glimpses, came, strict=True):
        if good:
            _learn_trust(one, pin=pin, memory=memory, now=now)
    verdicts: dict[int, Verdict] = {}
    for number in sorted(range(len(glimpses)), key=lambda number: glimpses[number].size if came[number] else 0):
        one = glimpses[number]
        if came[number]:
            verdicts[number], _edition = check_front(one, pin=pin, memory=memory, now=now)
            one.close()
        else:
            verdicts[number] = Verdict(what=one.name, is_mirror=True)
            with refusals(verdicts[number]):
                raise one.problem or ReadError(f"{one.name}: no answer in time", unreachable=True)
    compare(list(verdicts.values()))
    return [verdicts[number] for number in range(len(glimpses))]


def _learn_trust(one: Glimpse, *, pin: str | bytes | None, memory: Memory, now: datetime) -> None:
    """Trust files prove themselves: the newest of all mirrors are known before the first edition is judged. What is
    wrong with them is said when that mirror is judged."""
    with contextlib.suppress(SigningError, TamizdatError):
        trusted = open_trust(one, pin=pin, memory=memory, now=now)
        memory.update(trusted.trust.origin, Learning(trusted=trusted))


def compare(verdicts: list[Verdict]) -> None:
    """What is behind the newest edition that any of them has is stale, by so much."""
    newest = max(
        (one.newest for one in verdicts if one.authentic and one.newest), key=lambda one: one.serial, default=None
    )
    for one in verdicts:
        if newest is not None and one.here is not None and one.authentic and newest.serial > one.here.serial:
            one.newest, one.fresh = newest, "stale"
            one.behind |= how_far(one.here, newest)


def as_line(verdict: Verdict) -> dict[str, Any]:
    """What a mirror that was compared with has, for a report."""
    problem = verdict.problems[0] if verdict.problems else None
    state = problem.state if problem else verdict.fresh
    return {
        "mirror": verdict.what,
        "state": state,
        "edition": verdict.here and verdict.here.as_json(),
        "log": verdict.log and {"origin": verdict.log.origin, "size": verdict.log.size},
        "detail": problem.detail if problem else None,
    }
