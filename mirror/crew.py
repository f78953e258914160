"""Threads that many pushes share.

    crew = Crew(64)                     at most so many transfers at once, over all targets
    lane = crew.lane(8)                 one target's way through it: at most so many of them
    lane.begin(action) … lane.settle()  returns when all that was begun has ended

Lanes take turns, so a target with ten thousand files doesn't make one with three wait. Whoever hangs must not hold a
place that others need: `watch`, called now and then, puts another thread in the place of one that has been at the same
action for `PATIENCE` seconds. Threads are daemons: one that never ends doesn't keep the process from ending.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final, TypeVar

Action = Callable[[], object]
Result = TypeVar("Result")

PATIENCE: Final = 2.0  # seconds at one action, after which somebody else may have the place
PUSHES, LOOKS, FILLING = range(3)  # who goes first


class Cut(Exception):
    """The lane was cut off: what was begun may never end."""


class Crew:
    def __init__(self, size: int, *, patience: float = PATIENCE, clock: Callable[[], float] = time.monotonic) -> None:
        self._size, self._patience, self._clock = size, patience, clock
        self._lock = threading.Lock()
        self._wake = threading.Condition(self._lock)
        self._ready: tuple[deque[Lane], ...] = (deque(), deque(), deque())
        self._running: set[_Job] = set()
        self._threads = self._idle = self._stuck = 0
        self._closed = False

    def lane(self, width: int, *, priority: int = PUSHES, elastic: bool = False) -> Lane:
        """A way for at most `width` actions at once; those that hang don't count when it is `elastic`."""
        return Lane(self, self._lock, width, priority, elastic=elastic)

    def watch(self) -> None:
        """Finds out who hangs, and puts others in their places."""
        with self._lock:
            for job in self._running:
                if not job.stuck and self._clock() - job.began > self._patience:
                    job.stuck = True
                    self._stuck += 1
                    if job.lane.elastic:
                        job.lane.running -= 1
                        self.offer(job.lane)
            for _ in range(sum(len(lane.waiting) for row in self._ready for lane in row)):
                self._rouse()

    def close(self) -> None:
        """Threads that have nothing to do end, the others when they have done it."""
        with self._lock:
            self._closed = True
            self._wake.notify_all()

    # --- inside: with the lock held, but for `_work` ------------------------------------------------------------------

    def offer(self, lane: Lane) -> None:
        """With the lock held: the lane stands in its row when there is something of it to do, and somebody comes."""
        self._queue(lane)
        if lane.queued:
            self._rouse()

    def _queue(self, lane: Lane) -> None:
        if lane.waiting and lane.running < lane.width and not lane.queued:
            lane.queued = True
            self._ready[lane.priority].append(lane)

    def _rouse(self) -> None:
        """Somebody comes for what is to be done, if there is a place."""
        if self._idle:
            self._idle -= 1
            self._wake.notify()
        elif self._threads - self._stuck < self._size and not self._closed:
            self._threads += 1
            threading.Thread(target=self._work, name="crew", daemon=True).start()

    def _next(self) -> _Job | None:
        for row in self._ready:
            while row:
                lane = row.popleft()
                lane.queued = False
                if not lane.waiting or lane.running >= lane.width:
                    continue
                lane.running += 1
                job = _Job(lane, lane.waiting.popleft(), self._clock())
                self._queue(lane)
                self._running.add(job)
                return job
        return None

    def _work(self) -> None:
        while True:
            with self._lock:
                while (job := self._next()) is None:
                    if self._closed or self._threads - self._stuck > self._size:
                        self._threads -= 1
                        return
                    self._idle += 1
                    self._wake.wait()  # whoever wakes us has counted us out
                    if self._closed:
                        self._threads -= 1
                        return
            try:
                job.action()
            finally:
                with self._lock:
                    self._running.discard(job)
                    if job.stuck:
                        self._stuck -= 1
                    if not (job.stuck and job.lane.elastic):
                        job.lane.running -= 1
                    job.lane.ended()
                    self._queue(job.lane)


class _Job:
    __slots__ = ("action", "began", "lane", "stuck")

    def __init__(self, lane: Lane, action: Action, began: float) -> None:
        self.lane, self.action, self.began, self.stuck = lane, action, began, False


class Lane:
    """To be used from one thread; `do` and `cut` are for any."""

    def __init__(self, crew: Crew, lock: threading.Lock, width: int, priority: int, *, elastic: bool) -> None:
        self._crew, self._lock = crew, lock
        self._changed = threading.Condition(lock)
        self.width, self.priority, self.elastic = width, priority, elastic
        self.waiting: deque[Action] = deque()
        self.running = 0
        self.queued = False
        self._left = 0
        self._cut = False
        self._awaited: set[threading.Event] = set()

    def begin(self, action: Action) -> None:
        """The action will be done, which must not raise. Raises `Cut`."""
        with self._lock:
            if self._cut:
                raise Cut
            self.waiting.append(action)
            self._left += 1
            self._crew.offer(self)

    def settle(self) -> None:
        """Returns when everything begun has ended. Raises `Cut`."""
        with self._lock:
            while self._left and not self._cut:
                self._changed.wait()
            if self._cut:
                raise Cut

    def do(self, action: Callable[[], Result]) -> Result:
        """What the action returns or raises, done by the crew in this lane's turn. Raises `Cut`."""
        done: list[Result] = []
        failed: list[BaseException] = []
        over = threading.Event()

        def kept() -> None:
            try:
                done.append(action())
            except BaseException as error:
                failed.append(error)
            finally:
                over.set()

        with self._lock:
            self._awaited.add(over)
        try:
            self.begin(kept)
            over.wait()
        finally:
            with self._lock:
                self._awaited.discard(over)
        if failed:
            raise failed[0]
        if not done:
            raise Cut
        return done[0]

    def drop(self) -> None:
        """What waits is not done; returns when what is on the way has ended, or the lane is cut."""
        with self._lock:
            self._left -= len(self.waiting)
            self.waiting.clear()
            while self._left and not self._cut:
                self._changed.wait()

    def cut(self) -> None:
        """Nothing more is begun, and whoever waits for what is on the way goes on at once, with `Cut`."""
        with self._lock:
            self._cut = True
            self.waiting.clear()
            self._changed.notify_all()
            for over in self._awaited:
                over.set()

    def ended(self) -> None:
        """With the lock held: one of what was begun has ended."""
        self._left -= 1
        if not self._left:
            self._changed.notify_all()
