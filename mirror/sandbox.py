"""Outlet pages and pictures are parsed in child processes, with limits on memory and time.

A page that makes a parser loop, swell or crash costs that page, never the run. Children are started by `spawn`, so they
inherit neither keys in memory nor open files.
"""

from __future__ import annotations

import asyncio
import functools
import os
import resource
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from typing import ParamSpec, TypeVar

from mirror.errors import TamizdatError

P = ParamSpec("P")
R = TypeVar("R")

# Generous for a parser on an 8 MiB page or a 40-megapixel picture, far below what would make a small server swap.
MEMORY = 2 << 30
SECONDS = 30.0


class SandboxError(TamizdatError):
    """The child was stopped: too long, too much memory, or it crashed."""


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
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


class Sandbox:
    """A few child processes; started at the first call, so a run with nothing new starts none."""

    def __init__(self, workers: int = 0) -> None:
        self._workers = workers or min(os.cpu_count() or 1, 4)
        self._pool: ProcessPoolExecutor | None = None
        self._gate = asyncio.Semaphore(self._workers)

    async def call(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """What `function` returns, run in a child. Raises `SandboxError`, or the `TamizdatError` that it raised."""
        async with self._gate:  # so that the clock below never counts time spent waiting for a free child
            try:
                return await self._call(functools.partial(function, *args, **kwargs), function.__name__)
            except BrokenProcessPool:
                pass
            # The culprit may have been another page, in work at the same time: once more, with new children.
            try:
                return await self._call(functools.partial(function, *args, **kwargs), function.__name__)
            except BrokenProcessPool:
                raise SandboxError(f"{function.__name__} crashed or ran out of memory") from None

    async def _call(self, job: Callable[[], R], name: str) -> R:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(self._workers, mp_context=get_context("spawn"), initializer=_limit)
        pool = self._pool
        try:
            future = asyncio.get_running_loop().run_in_executor(pool, job)
            return await asyncio.wait_for(future, SECONDS)
        except TimeoutError:
            self._stop(pool)
            raise SandboxError(f"{name} was stopped after {SECONDS:.0f} s") from None
        except (BrokenProcessPool, asyncio.CancelledError):
            # Cancelled by Ctrl-C: a child that loops would keep `close` waiting.
            self._stop(pool)
            raise
        except MemoryError:
            raise SandboxError(f"{name} needed more than {MEMORY >> 20} MiB") from None
        except TamizdatError:
            raise
        except Exception as error:
            # Whatever else hostile bytes provoke in a parser is the end of this page, not of the run.
            raise SandboxError(f"{name} failed: {type(error).__name__}: {error}") from error

    def _stop(self, pool: ProcessPoolExecutor) -> None:
        if self._pool is pool:
            self._pool = None
        for process in list((getattr(pool, "_processes", None) or {}).values()):
            process.kill()
        pool.shutdown(wait=False, cancel_futures=True)

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None
