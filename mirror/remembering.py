"""How a run writes down what it finds: together, and in the right order.

Every commit to the archive's state waits for the disk. Pages that come at about the same time share one: while a commit
is under way, what comes in waits for the next (`Writer`). What became of a page is committed after the article that it
led to is durable.

What may be lost in a crash at the price of a few requests - a feed's validators, how an outlet or a host behaved - is
kept in memory and written a hundred at a time, and at the end (`Remembering`).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mirror.errors import TamizdatError

if TYPE_CHECKING:
    from mirror.archive import Addition, Archive
    from mirror.breakers import HostState
    from mirror.sources.state import FeedState, PageState

TOGETHER = 100
TOGETHER_LETTERS = 16 << 20  # of documents that wait to be written


@dataclass(frozen=True, slots=True, kw_only=True)
class PageNote:
    """What became of a page; see `Tx.remember_page`."""

    page: PageState
    state: str | None = None
    reason: str | None = None
    article_url: str | None = None


@dataclass(slots=True)
class _Job:
    note: PageNote
    addition: Addition | None
    done: asyncio.Future[None]


class Writer:
    """Adds articles and writes pages down, many in one commit."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._waiting: list[_Job] = []
        self._task: asyncio.Task[None] | None = None

    async def put(self, note: PageNote, addition: Addition | None = None) -> None:
        """Returns when both are durable; raises what kept them from being so."""
        job = _Job(note, addition, asyncio.get_running_loop().create_future())
        self._waiting.append(job)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work())
        # Not cancelled with the page: what is being written is written to its end.
        await asyncio.shield(job.done)

    async def _work(self) -> None:
        while self._waiting:
            jobs, self._waiting = self._waiting[:TOGETHER], self._waiting[TOGETHER:]
            try:
                await asyncio.to_thread(self._write, jobs)
            except Exception as error:
                if len(jobs) > 1 and not isinstance(error, TamizdatError):
                    # One that can't be added must not take the others with it: each by itself.
                    await self._apart(jobs)
                    continue
                _end(jobs, error)
            else:
                _end(jobs, None)

    async def _apart(self, jobs: list[_Job]) -> None:
        for job in jobs:
            try:
                await asyncio.to_thread(self._write, [job])
            except Exception as error:
                _end([job], error)
            else:
                _end([job], None)

    def _write(self, jobs: list[_Job]) -> None:
        additions = [job.addition for job in jobs if job.addition is not None]
        if additions:
            self._archive.add_many(additions)
        self._archive.remember_pages(job.note for job in jobs)


def _end(jobs: list[_Job], error: Exception | None) -> None:
    for job in jobs:
        if job.done.cancelled():
            continue
        if error is None:
            job.done.set_result(None)
        else:
            job.done.set_exception(error)


class Claims:
    """Names of things, each held by one task at a time."""

    def __init__(self) -> None:
        self._held: set[str] = set()
        self._freed = asyncio.Condition()

    @contextlib.asynccontextmanager
    async def of(self, *names: str) -> AsyncIterator[None]:
        """Waits until nobody holds any of these names, and holds them all."""
        wanted = set(names)
        async with self._freed:
            await self._freed.wait_for(lambda: not wanted & self._held)
            self._held |= wanted
        try:
            yield
        finally:
            async with self._freed:
                self._held -= wanted
                self._freed.notify_all()


@dataclass(frozen=True, slots=True, kw_only=True)
class OutletNote:
    """How asking an outlet went at `now`: `error` is None when it answered and all its pages did, `failed` says that
    nothing could be had of it at all, `yielded` that it gave articles."""

    now: str
    error: str | None
    failed: bool
    yielded: bool


@dataclass(slots=True)
class Remembering:
    """The archive's memory as fetching sees it (`mirror.sources.state.Memory`, `mirror.breakers.Breakers`), written
    behind. With `dry_run` nothing is."""

    archive: Archive
    dry_run: bool = False
    _feeds: dict[str, FeedState] = field(default_factory=dict)
    _hosts: dict[str, HostState | None] = field(default_factory=dict)
    _changed: set[str] = field(default_factory=set)
    _outlets: dict[str, OutletNote] = field(default_factory=dict)

    def feed(self, url: str) -> FeedState | None:
        return self._feeds.get(url) or self.archive.feed(url)

    def remember_feed(self, state: FeedState) -> None:
        self._feeds[state.url] = state
        self._settle()

    def pages(self, outlet: str, urls: Iterable[str]) -> Mapping[str, PageState]:
        return self.archive.pages(outlet, urls)

    def due(self, outlet: str, moment: str, limit: int) -> list[PageState]:
        return self.archive.due(outlet, moment, limit)

    def load(self, host: str) -> HostState | None:
        if host not in self._hosts:
            self._hosts[host] = self.archive.host(host)
        return self._hosts[host]

    def save(self, host: str, state: HostState) -> None:
        if self.load(host) != state:
            self._hosts[host] = state
            self._changed.add(host)
            self._settle()

    def outlet(self, outlet: str, *, now: str, error: str | None, failed: bool, yielded: bool) -> None:
        """How asking an outlet went; see `OutletNote`."""
        self._outlets[outlet] = OutletNote(now=now, error=error, failed=failed, yielded=yielded)
        self._settle()

    def _settle(self) -> None:
        size = sum(len(state.content or "") for state in self._feeds.values())
        if size > TOGETHER_LETTERS or len(self._feeds) + len(self._changed) + len(self._outlets) >= TOGETHER:
            self.flush()

    def flush(self) -> None:
        """Writes what is not written yet."""
        feeds, self._feeds = list(self._feeds.values()), {}
        hosts = {host: state for host in self._changed if (state := self._hosts[host]) is not None}
        self._changed = set()
        outlets, self._outlets = self._outlets, {}
        if not self.dry_run and (feeds or hosts or outlets):
            self.archive.remember_all(feeds, hosts, outlets)
