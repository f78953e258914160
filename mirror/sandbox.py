"""Outlet pages and pictures are parsed in child processes, with limits on memory and time.

A page that makes a parser loop, swell or crash costs that page, never the run, and never another page: each child is a
pool of its own, and one that is stopped takes nobody with it. Children are started by `spawn`, so they inherit neither
keys in memory nor open files.

A page may take 5 s of processor time and 512 MiB of address space, of which the interpreter with every parser loaded
takes 150 MiB (measured: 60 MiB of it in use after an 8 MiB page). The limits are the kernel's (RLIMIT_CPU,
RLIMIT_AS), so that they hold inside C libraries too, where no Python handler runs. Address space, not RLIMIT_DATA: what
is mapped otherwise would not count there. Pictures are larger than pages: see `PICTURE`.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import math
import os
import resource
import signal
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextvars import ContextVar
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from multiprocessing.process import BaseProcess
from typing import Final, ParamSpec, TypeVar

from mirror.errors import TamizdatError

P = ParamSpec("P")
R = TypeVar("R")

# A child that once parsed something large keeps what it took from the system; above this it is replaced.
RETIRES = 256 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bytes of address space, seconds of processor time, and seconds by the clock, for a machine that is busy."""

    memory: int = 512 << 20
    cpu: int = 5
    seconds: float = 60.0


PAGE = Limits()
# 60 million pixels are 180 MiB as RGB, and twice that while they are turned, converted or made smaller.
PICTURE = Limits(memory=1 << 30, cpu=15)
_MOST = 2 << 30


class SandboxError(TamizdatError):
    """The child was stopped: too long, too much memory, or it crashed."""


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_MOST, _MOST))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    os.nice(5)
    # A run that is killed can't tell its children, and a waiting one would never notice.
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


# The clock RLIMIT_CPU is held against: CPUCLOCK_PROF of this process, as linux/posix-timers.h composes its number. It
# counts ticks, and in a child that had many short jobs it may be seconds ahead of `process_time`, which is exact.
_TICKS: Final = -8


def _counted() -> float:
    """Seconds of processor time as the kernel counts them against the limit."""
    try:
        return max(time.process_time(), time.clock_gettime(_TICKS))
    except OSError:
        return time.process_time()


def _run(job: Callable[[], R], limits: Limits) -> tuple[R, int]:
    """In the child: what the job returns, and the bytes of memory in use after it."""
    used = math.ceil(_counted())
    # At the soft limit comes SIGXCPU, whose default is the end; the hard one stays, or the next job could not raise it.
    resource.setrlimit(resource.RLIMIT_CPU, (used + limits.cpu, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_AS, (min(limits.memory, _MOST), _MOST))
    result = job()
    with open("/proc/self/statm", "rb") as file:
        return result, int(file.read().split()[1]) * resource.getpagesize()


class Sandbox:
    """A few child processes; started at the first call, so a run with nothing new starts none."""

    def __init__(self, workers: int = 0) -> None:
        self._workers = workers or min(os.cpu_count() or 1, 4)
        self._idle: list[ProcessPoolExecutor] = []
        self._all: set[ProcessPoolExecutor] = set()
        self._gate = asyncio.Semaphore(self._workers)

    async def call(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """What `function` returns, run in a child within the limits of a page. Raises `SandboxError`, or the
        `TamizdatError` that it raised."""
        return await self._guarded(functools.partial(function, *args, **kwargs), function.__name__, PAGE)

    async def call_within(self, limits: Limits, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """The same within other limits."""
        return await self._guarded(functools.partial(function, *args, **kwargs), function.__name__, limits)

    async def _guarded(self, job: Callable[[], R], name: str, limits: Limits) -> R:
        async with self._gate:  # so that the clock below never counts time spent waiting for a free child
            child = self._child()
            try:
                result, size = await self._call(child, job, name, limits)
            except TamizdatError:
                self._back(child)
                raise
            except BaseException:
                self._stop(child)
                raise
            if size > RETIRES:
                self._stop(child)
            else:
                self._back(child)
            return result

    async def _call(self, child: ProcessPoolExecutor, job: Callable[[], R], name: str, limits: Limits) -> tuple[R, int]:
        processes: list[BaseProcess] = []
        try:
            future = asyncio.get_running_loop().run_in_executor(child, _run, job, limits)
            processes = _processes(child)
            return await asyncio.wait_for(future, limits.seconds)
        except TimeoutError:
            self._stop(child)
            raise SandboxError(f"{name} was stopped after {limits.seconds:.0f} s") from None
        except BrokenProcessPool:
            self._stop(child)
            for _ in range(20):  # the pool's own thread may be the one that is told how it ended, a moment earlier
                if all(process.exitcode is not None for process in processes):
                    break
                await asyncio.sleep(0.05)
            if any(process.exitcode == -signal.SIGXCPU for process in processes):
                raise SandboxError(f"{name} was stopped after {limits.cpu} s of processor time") from None
            raise SandboxError(f"{name} crashed or ran out of memory") from None
        except MemoryError:
            self._stop(child)  # what it still holds, nobody knows
            raise SandboxError(f"{name} needed more than {limits.memory >> 20} MiB") from None
        except TamizdatError:
            raise
        except Exception as error:
            # Whatever else hostile bytes provoke in a parser is the end of this page, not of the run.
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
            raise SandboxError(f"{name} failed: {reason}") from error

    def _child(self) -> ProcessPoolExecutor:
        while self._idle:
            child = self._idle.pop()
            if all(process.is_alive() for process in _processes(child)):
                return child
            self._stop(child)
        child = ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=_limit)
        self._all.add(child)
        return child

    def _back(self, child: ProcessPoolExecutor) -> None:
        if child in self._all:
            self._idle.append(child)

    def _stop(self, child: ProcessPoolExecutor) -> None:
        if child not in self._all:
            return
        self._all.discard(child)
        for process in _processes(child):
            process.kill()
        child.shutdown(wait=False, cancel_futures=True)

    def close(self) -> None:
        for child in list(self._all):
            child.shutdown(wait=True, cancel_futures=True)
        self._all.clear()
        self._idle.clear()


_CURRENT: ContextVar[Sandbox | None] = ContextVar("sandbox", default=None)


@contextlib.contextmanager
def sharing(sandbox: Sandbox) -> Iterator[None]:
    """Within it, and in tasks begun there, `shared` gives this sandbox."""
    token = _CURRENT.set(sandbox)
    try:
        yield
    finally:
        _CURRENT.reset(token)


@contextlib.asynccontextmanager
async def shared() -> AsyncIterator[Sandbox]:
    """The sandbox of the work that this is part of; one of its own, where there is none."""
    current = _CURRENT.get()
    if current is not None:
        yield current
        return
    own = Sandbox(workers=1)
    try:
        yield own
    finally:
        own.close()


def _processes(child: ProcessPoolExecutor) -> list[BaseProcess]:
    return list((getattr(child, "_processes", None) or {}).values())
