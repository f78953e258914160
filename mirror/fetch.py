"""What to fetch of an outlet, and what came of it.

The outlet's feeds and sitemaps say which articles there are. Fetched are

* new ones, the newest first, at most `max_new` a run;
* those seen before, to notice edits and removals: 15 minutes, 1 hour, 6 hours, 24 hours and 7 days after they were
  first seen, whether or not a feed still lists them, and when a feed says that one was updated since; conditionally,
  and at most 30 a run (20 of them the newest, 10 those that waited longest, so that a busy outlet's older ones get
  their turn).
  Lists and front pages are not worth it; a page that is gone is looked at a day later and a week later.

Where the source gives the whole article (`Item.complete`), or the operator takes texts from the feed (`text = "feed"`),
no page is asked for at all: the snapshot is made of what the source said.

Each page leads to exactly one event. A page's `PageState` comes with the event and is *not* written here: the caller
writes it when what the page led to is safe, so a crash in between means that the page is fetched again, not lost. For
the same reason a page whose article was refused or could not be read comes back as changed only when its bytes did.

A host that stops answering, or asks for patience (429, 503 with Retry-After), is left alone for the rest of the run.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from mirror.belonging import own
from mirror.links import host_of, is_home
from mirror.sources import Found, Item, Outlet, merged, sources
from mirror.sources.state import Memory, PageState

if TYPE_CHECKING:
    from mirror.net import Client, Response

DAY, WEEK = timedelta(days=1), timedelta(days=7)
LOOKS = (timedelta(minutes=15), timedelta(hours=1), timedelta(hours=6), DAY, WEEK)  # after a page was first seen
GONE_LOOKS = (DAY, WEEK, 4 * WEEK, 13 * WEEK)  # after it was found to be gone: is it back?
WORTHLESS = frozenset({"index", "withdrawn", "elsewhere"})
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
    RFC 3339. `item` is what the feed said of it; `response` is the answer it came in, None for what did not come from
    the page's address: pages given by hand, and texts that the source itself gave (`given`). `gone_since` is set when
    the page was last found to be gone, `captured` when not we but others fetched it."""

    url: str
    final_url: str
    fetched: str
    status: int
    content_type: str
    body: bytes
    item: Item | None
    page: PageState
    response: Response | None = None
    given: bool = False
    gone_since: str | None = None
    captured: str | None = None


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
    """No answer, or none of use. `page` is None for pages that were never read: they stay new. `instead` is what the
    source itself gave of the article, where the server refused us and it gave a text. `for_good`: there is no page."""

    url: str
    reason: str
    page: PageState | None
    instead: Snapshot | None = None
    for_good: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """Deliberately not asked for in this run. `later`: its host is left alone for now; the page itself is wanted."""

    url: str
    reason: str
    page: PageState | None = None
    later: bool = False


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
    insist: bool = False,
    others: Callable[[str], bool] = lambda _: False,
) -> AsyncGenerator[Event, None]:
    """Every page of `outlet` that is due, one event each, the new ones first; before them at most one `Problem`.
    Addresses that are `others`', of another outlet that is, are not asked for.

    `now` is an aware datetime. With `insist` pages that were read before and that a feed still lists are asked for
    again whether or not their time has come. With `dry_run` nothing is written to `memory`. Raises nothing but
    cancellation; leaving the iteration early cancels what is under way."""
    found = await look(client, outlet, memory, now=now, dry_run=dry_run)
    if found.problem is not None:
        yield Problem(reason=found.problem)
    found = replace(found, items=tuple(item for item in found.items if not others(item.url)))
    known = memory.pages(outlet.id, [item.url for item in found.items])
    limits = limits or Limits()
    visit = Visit(client=client, outlet=outlet, memory=memory, now=now, dry_run=dry_run)
    given = [item for item in found.items if as_given(outlet, item)]
    for item in given:
        event = visit.given(item, known.get(item.url))
        if event is not None:
            yield event
    asked = [item for item in found.items if not as_given(outlet, item)]
    new = [item for item in asked if _unread(known.get(item.url))]
    remembered = memory.due(outlet.id, _text(now), limits.again)
    if insist:
        early = [page for item in asked if (page := known.get(item.url)) and not _unread(page) and page.due]
        remembered = [*remembered, *(replace(page, due=page.first_seen) for page in early)]
    due = _due(asked, known, remembered, now, limits)
    jobs = [(item, known.get(item.url)) for item in new[: outlet.max_new if limits.new is None else limits.new]]
    async with aclosing(visit.pages([*jobs, *due])) as events:
        async for event in events:
            yield event


def as_given(outlet: Outlet, item: Item) -> bool:
    """Whether the article is taken as the source gives it, without a look at its page. A source does not say what
    stands at the addresses of others."""
    text = getattr(outlet, "text", "auto")
    whole = text == "feed" or (item.complete and text != "page")
    return whole and bool(item.content_html) and own(outlet, item.url)


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
    items: Sequence[Item],
    known: Mapping[str, PageState],
    remembered: Sequence[PageState],
    now: datetime,
    limits: Limits,
) -> list[tuple[Item, PageState]]:
    """Which of the pages that were read before are asked for again, the newest first. `known` are those of `items`,
    `remembered` those whose time has come."""
    listed = {item.url: item for item in items}
    pages = {page.url: page for page in remembered if is_due(page, now)}
    pages |= {url: page for url, page in known.items() if not _unread(page) and _updated(listed.get(url), page)}
    due = sorted(pages.values(), key=lambda page: page.first_seen, reverse=True)
    newest, rest = due[: limits.again_newest], due[limits.again_newest :]
    waiting = sorted(rest, key=lambda page: page.due or page.checked or "")
    chosen = [*newest, *waiting][: limits.again]
    return [(listed.get(page.url) or Item(url=page.url, guid=page.guid), page) for page in chosen]


def _updated(item: Item | None, page: PageState) -> bool:
    """Whether the source says that the article changed after we last looked."""
    worth = page.state not in WORTHLESS and page.checked is not None
    return worth and item is not None and item.updated is not None and item.updated > (page.checked or "")


def is_due(page: PageState, now: datetime) -> bool:
    """Whether a page that was read before is asked for again now."""
    return page.due is not None and page.due <= _text(now) and page.state not in WORTHLESS


def next_look(page: PageState) -> str | None:
    """When a page is to be asked for again, by when it was first seen and last asked for; None for no more."""
    if page.checked is None or page.state in WORTHLESS:
        return None
    checked = _time(page.checked)
    first: list[tuple[datetime, tuple[timedelta, ...]]] = [(_time(page.first_seen), LOOKS)]
    if page.state == "gone" and page.changed:
        first.append((_time(page.changed), GONE_LOOKS))
    later = [start + look for start, looks in first for look in looks if start + look > checked]
    return _text(min(later)) if later else None


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One run's requests to one outlet."""

    client: Client
    outlet: Outlet
    memory: Memory
    now: datetime
    dry_run: bool

    async def pages(self, jobs: Sequence[tuple[Item, PageState | None]]) -> AsyncGenerator[Event, None]:
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
            return Skipped(url=item.url, reason=host.closed, later=True)
        return await self.page(item, page, host)

    def given(self, item: Item, page: PageState | None) -> Event | None:
        """The article as its source gives it; None when it is what it was."""
        moment = _text(self.now)
        known = page or PageState(outlet=self.outlet.id, url=item.url, first_seen=moment, guid=item.guid)
        from mirror.extract.given import page_of  # with it comes lxml, which many runs never need

        body = page_of(item)
        digest = hashlib.sha256(body).hexdigest()
        if known.body_digest == digest or known.state == "withdrawn":
            return None
        read = replace(known, final_url=item.url, checked=moment, changed=moment, body_digest=digest)
        return Snapshot(
            url=item.url,
            final_url=item.url,
            fetched=moment,
            status=200,
            content_type="text/html; charset=utf-8",
            body=body,
            item=item,
            page=replace(read, due=None),
            given=True,
        )

    async def page(self, item: Item, page: PageState | None, host: _Host | None = None) -> Event:
        from mirror.net import FetchError, Validators
        from mirror.robots import allowed

        host = host or _Host()
        refused = await allowed(
            self.client, item.url, outlet=self.outlet, memory=self.memory, now=self.now, dry_run=self.dry_run
        )
        if refused is not None:
            return Skipped(url=item.url, reason=refused)
        # Of a page that was gone the text is wanted, not that it is as it was.
        validators = None
        if page is not None and page.state != "gone":
            validators = Validators(etag=page.etag, last_modified=page.last_modified, url=page.final_url)
        private = self.outlet.allow_private
        try:
            answer = await self.client.get(item.url, validators=validators, allow_private=private)
        except FetchError as error:
            if error.kind == "paused":
                return Skipped(url=item.url, reason=str(error), later=True)
            if error.kind in ("connect", "resolve", "timeout", "tls"):
                host.failed(f"{host_of(item.url)} does not answer; the rest of its pages wait for the next run")
            return Failed(url=item.url, reason=str(error), page=None)
        return self._event(item, page, answer, host)

    def _event(self, item: Item, page: PageState | None, answer: Response, host: _Host) -> Event:
        moment = _text(self.now)
        known = page or PageState(outlet=self.outlet.id, url=item.url, first_seen=moment)
        read = replace(
            known,
            final_url=answer.url,
            etag=answer.validators.etag,
            last_modified=answer.validators.last_modified,
            checked=moment,
            guid=item.guid or known.guid,
        )
        read = replace(read, due=next_look(read))
        if answer.not_modified:
            host.answered()
            return Unchanged(url=item.url, page=read)
        if answer.status in (404, 410):
            host.answered()
            return _missing(item.url, page, f"answered {answer.status}", moment)
        if answer.status != 200:
            reason = self._refusal(item.url, answer, host)
            refused = answer.status in (202, 401, 402, 403, 429, 451, 503)
            refused = refused and bool(item.content_html) and own(self.outlet, item.url)
            instead = self.given(item, page) if refused and getattr(self.outlet, "text", "auto") == "auto" else None
            return Failed(
                url=item.url, reason=reason, page=None, instead=instead if isinstance(instead, Snapshot) else None
            )
        host.answered()
        if page is not None and not _unread(page) and is_home(answer.url) and not is_home(item.url):
            return _missing(item.url, page, "leads to the front page", moment)
        digest = hashlib.sha256(answer.body).hexdigest()
        if known.body_digest == digest and known.state != "gone":
            return Unchanged(url=item.url, page=read)
        changed = replace(read, body_digest=digest, changed=moment, state=None, reason=None)
        return Snapshot(
            url=item.url,
            final_url=answer.url,
            fetched=moment,
            status=answer.status,
            content_type=answer.content_type,
            body=answer.body,
            item=item,
            page=replace(changed, due=next_look(changed)),
            response=answer,
            gone_since=known.changed if known.state == "gone" else None,
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


def _missing(url: str, page: PageState | None, answer: str, moment: str) -> Event:
    """A page that answers 404 or 410, or leads to the front page: an event only if it was there before."""
    if page is None or _unread(page):
        return Failed(url=url, reason=f"is not there ({answer})", page=None, for_good=True)
    since = page.changed if page.state == "gone" and page.changed else moment
    return gone(url, page, answer, since=since, moment=moment)


def gone(url: str, page: PageState, answer: str, *, since: str, moment: str) -> Gone:
    """The event that a page which was there is no longer."""
    state = replace(page, checked=moment, changed=since, state="gone", reason=answer)
    state = replace(state, due=next_look(state))
    return Gone(url=url, reason=f"is no longer there ({answer})", page=state, since=since, answer=answer)


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
