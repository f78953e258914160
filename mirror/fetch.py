"""What to fetch of an outlet, and what came of it.

The outlet's feeds and sitemaps say which articles there are. Fetched are

* new ones, the newest first, at most `max_new` a run;
* those seen before, to notice edits and removals: in the first 48 hours on every run (at most 30 a run: 20 of them the
  newest, 10 those that waited longest, so that a busy outlet's older ones get their turn), after that once a day until
  they are a week old, and once more then. Only what the feed still lists is asked for again, and conditionally.

Each page leads to exactly one event. A page's `PageState` comes with the event and is *not* written here: the caller
writes it when what the page led to is safe, so a crash in between means that the page is fetched again, not lost. For
the same reason a page whose article was refused or could not be read comes back as changed only when its bytes did.

A host that stops answering, or asks for patience (429, 503 with Retry-After), is left alone for the rest of the run.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from mirror.links import host_of
from mirror.sources import Found, Item, Outlet, merged, sources
from mirror.sources.state import Memory, PageState

if TYPE_CHECKING:
    from mirror.net import Client, Response

FRESH = timedelta(hours=48)
DAILY = timedelta(hours=24)
WEEK = timedelta(days=7)
PATIENCE = 5  # failures in a row after which a host is left alone
AHEAD = 4  # pages of one outlet under way at once; the client paces the requests themselves


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much of one outlet is asked for in one run. `new` is the configuration's `max_new` unless given."""

    new: int | None = None
    again: int = 30
    again_newest: int = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A page as it came, new or changed. `body` is decoded from its content coding, nothing else; `fetched` is
    RFC 3339. `item` is what the feed said of it; `response` is the answer it came in, None for pages given by hand."""

    url: str
    final_url: str
    fetched: str
    status: int
    content_type: str
    body: bytes
    item: Item | None
    page: PageState
    response: Response | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unchanged:
    """The server said so, or sent the same bytes."""

    url: str
    page: PageState


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """A page that was there before is no longer: an event to be told of, not a deletion. It comes with every look that
    finds it so; `since` is when that was first noticed (RFC 3339), `answer` what the outlet said, in a few words."""

    url: str
    reason: str
    page: PageState
    since: str
    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """No answer, or none of use. `page` is None for pages that were never read: they stay new."""

    url: str
    reason: str
    page: PageState | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """Deliberately not asked for in this run."""

    url: str
    reason: str
    page: PageState | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something the operator should know of the outlet as a whole: a feed that fails, or lists nothing."""

    reason: str


Event = Snapshot | Unchanged | Gone | Failed | Skipped | Problem


async def fetch_outlet(
    client: Client,
    outlet: Outlet,
    memory: Memory,
    *,
    now: datetime,
    dry_run: bool = False,
    limits: Limits | None = None,
) -> AsyncGenerator[Event, None]:
    """Every page of `outlet` that is due, one event each, the new ones first; before them at most one `Problem`.

    `now` is an aware datetime. With `dry_run` nothing is written to `memory`. Raises nothing but cancellation; leaving
    the iteration early cancels what is under way."""
    found = await look(client, outlet, memory, now=now, dry_run=dry_run)
    if found.problem is not None:
        yield Problem(reason=found.problem)
    known = memory.pages(outlet.id, [item.url for item in found.items])
    limits = limits or Limits()
    new = [item for item in found.items if _unread(known.get(item.url))]
    due = _due(found.items, known, now, limits)
    visit = _Visit(client=client, outlet=outlet, memory=memory, now=now, dry_run=dry_run)
    jobs = [(item, known.get(item.url)) for item in new[: outlet.max_new if limits.new is None else limits.new]]
    async with aclosing(visit.pages([*jobs, *due])) as events:
        async for event in events:
            yield event


async def look(client: Client, outlet: Outlet, memory: Memory, *, now: datetime, dry_run: bool = False) -> Found:
    """What all sources together find. An outlet in which nothing at all is found always has a problem."""
    asked = [source for source in sources().values() if source.addresses(outlet)]
    if not asked:
        return Found(problem=f"{outlet.id} has neither feeds nor sitemaps")
    results = await asyncio.gather(*(source.find(client, outlet, memory, now=now, dry_run=dry_run) for source in asked))
    items = merged(tuple(result.items for result in results))
    problem = "; ".join(result.problem for result in results if result.problem) or None
    if not items and problem is None:
        problem = "its feeds list no articles"
    return Found(items=items, changed=any(result.changed for result in results), problem=problem)


def _unread(page: PageState | None) -> bool:
    """Whether a page still counts as new: never read. (One that was refused or failed to extract was read.)"""
    return page is None or page.checked is None


def _due(
    items: tuple[Item, ...], known: Mapping[str, PageState], now: datetime, limits: Limits
) -> list[tuple[Item, PageState]]:
    """Which of the pages that were read before are asked for again; the newest first."""
    candidates = [(item, page) for item in items if not _unread(page := known.get(item.url)) and page is not None]
    due = [(item, page) for item, page in candidates if is_due(page, now)]
    newest, rest = due[: limits.again_newest], due[limits.again_newest :]
    waiting = sorted(rest, key=lambda pair: pair[1].checked or "")
    return [*newest, *waiting][: limits.again]


def is_due(page: PageState, now: datetime) -> bool:
    """Whether a page that was read before is asked for again, by its age and when it last answered."""
    age = now - _time(page.first_seen)
    since = now - _time(page.checked or page.first_seen)
    if age < FRESH:
        return True
    if age < WEEK:
        return since >= DAILY
    return age - since < WEEK  # last asked before it was a week old


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Visit:
    """One run's requests to one outlet."""

    client: Client
    outlet: Outlet
    memory: Memory
    now: datetime
    dry_run: bool

    async def pages(self, jobs: list[tuple[Item, PageState | None]]) -> AsyncGenerator[Event, None]:
        """One event a job, in their order, a few under way at once."""
        hosts: dict[str, _Host] = {}
        waiting = deque(jobs)
        running: deque[asyncio.Task[Event]] = deque()
        try:
            while waiting or running:
                while waiting and len(running) < AHEAD:
                    item, page = waiting.popleft()
                    host = hosts.setdefault(host_of(item.url), _Host())
                    running.append(asyncio.create_task(self._guarded(item, page, host)))
                yield await running[0]
                running.popleft()
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def _guarded(self, item: Item, page: PageState | None, host: _Host) -> Event:
        if host.closed:
            return Skipped(url=item.url, reason=host.closed)
        return await self.page(item, page, host)

    async def page(self, item: Item, page: PageState | None, host: _Host | None = None) -> Event:
        from mirror.net import FetchError, Validators
        from mirror.robots import allowed

        host = host or _Host()
        refused = await allowed(
            self.client, item.url, outlet=self.outlet, memory=self.memory, now=self.now, dry_run=self.dry_run
        )
        if refused is not None:
            return Skipped(url=item.url, reason=refused)
        validators = Validators(etag=page.etag, last_modified=page.last_modified) if page else None
        try:
            answer = await self.client.get(item.url, validators=validators, allow_private=self.outlet.allow_private)
        except FetchError as error:
            if error.kind in ("connect", "resolve", "timeout", "tls"):
                host.failed(f"{host_of(item.url)} does not answer; the rest of its pages wait for the next run")
            return Failed(url=item.url, reason=str(error), page=None)
        return self._event(item, page, answer, host)

    def _event(self, item: Item, page: PageState | None, answer: Response, host: _Host) -> Event:
        moment = self.now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        known = page or PageState(outlet=self.outlet.id, url=item.url, first_seen=moment)
        read = replace(
            known,
            final_url=answer.url,
            etag=answer.validators.etag,
            last_modified=answer.validators.last_modified,
            checked=moment,
        )
        if answer.not_modified:
            host.answered()
            return Unchanged(url=item.url, page=read)
        if answer.status in (404, 410):
            host.answered()
            return _missing(item.url, page, answer.status, moment)
        if answer.status != 200:
            return Failed(url=item.url, reason=self._refusal(item.url, answer, host), page=None)
        host.answered()
        digest = hashlib.sha256(answer.body).hexdigest()
        if known.body_digest == digest and known.state != "gone":
            return Unchanged(url=item.url, page=read)
        return Snapshot(
            url=item.url,
            final_url=answer.url,
            fetched=moment,
            status=answer.status,
            content_type=answer.content_type,
            body=answer.body,
            item=item,
            page=replace(read, body_digest=digest, changed=moment),
            response=answer,
        )

    def _refusal(self, url: str, answer: Response, host: _Host) -> str:
        name = host_of(url)
        if answer.status in (429, 503) and answer.retry_after is not None:
            host.closed = f"{name} asks us to come back in {answer.retry_after:.0f} s"
            return host.closed
        host.failed(f"{name} answered {PATIENCE} times in a row with an error; the rest waits for the next run")
        if "cf-mitigated" in answer.headers or answer.headers.get("x-amzn-waf-action"):
            return f"{name} wants a browser to prove itself ({answer.status})"
        return f"answered {answer.status}"


def _missing(url: str, page: PageState | None, status: int, moment: str) -> Event:
    """A page that answers 404 or 410: an event only if it was there before."""
    if page is None or _unread(page):
        return Failed(url=url, reason=f"is not there ({status})", page=None)
    since = page.changed if page.state == "gone" and page.changed else moment
    answer = f"answered {status}"
    gone = replace(page, checked=moment, changed=since, state="gone", reason=answer)
    return Gone(url=url, reason=f"is no longer there ({status})", page=gone, since=since, answer=answer)


@dataclass(slots=True)
class _Host:
    """How a host behaves in this run. `closed` says why it is left alone."""

    failures: int = 0
    closed: str = ""

    def answered(self) -> None:
        self.failures = 0

    def failed(self, reason: str) -> None:
        self.failures += 1
        if self.failures >= PATIENCE and not self.closed:
            self.closed = reason
