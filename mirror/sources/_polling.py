"""Documents that are asked for again and again, and what they held the last time."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from mirror.links import absolute
from mirror.sources import Found, Item, NotUnderstood, Outlet, Parsed, merged
from mirror.sources import _apart as apart
from mirror.sources._patterns import wanted
from mirror.sources.state import FeedMemory, FeedState

if TYPE_CHECKING:
    from mirror.net import Client, Response

MAX_DOCUMENT = 10 << 20
MAX_LINKS = 5  # documents that an index leads to, in one run
LONGEST_CACHE = 3600  # seconds; a cache is told "a year" for a feed as often as not
SLACK = 120  # seconds; clocks and cron jobs are not that exact, and an hourly job should not skip every second hour
_MAX_AGE = re.compile(r"(?:^|[,\s])max-age\s*=\s*\"?(\d{1,8})", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Polled:
    """One document: what it holds as far as known, whether it changed, and what went wrong."""

    parsed: Parsed | None = None
    changed: bool = False
    problem: str | None = None


async def poll(
    source: apart.Reader,
    client: Client,
    outlet: Outlet,
    memory: FeedMemory,
    *,
    addresses: tuple[str, ...],
    now: datetime,
    dry_run: bool,
    accept: str | None = None,
    variant: str = "",
    shaped: Callable[[tuple[Item, ...]], tuple[Item, ...]] | None = None,
) -> Found:
    """What the documents at `addresses` hold, and the documents those lead to. `variant` is whatever else the reading
    depends on: what was remembered of another one does not count. `shaped` is applied to all items together."""
    visit = _Visit(
        source=source,
        client=client,
        outlet=outlet,
        memory=memory,
        now=now,
        dry_run=dry_run,
        accept=accept,
        variant=hashlib.sha256(variant.encode()).hexdigest()[:12] if variant else "",
    )
    first = await asyncio.gather(*(visit.document(url) for url in addresses))
    links = dict.fromkeys(link for polled in first if polled.parsed for link in polled.parsed.links[:MAX_LINKS])
    then = await asyncio.gather(*(visit.document(link) for link in links if link not in addresses))
    everything = [*first, *then]
    problems = [polled.problem for polled in everything if polled.problem]
    for url, polled in zip(addresses, first, strict=True):
        if polled.parsed is not None and not polled.parsed.items and not polled.parsed.links and not polled.problem:
            problems.append(f"{url}: there are no articles in it")
    items = merged(tuple(polled.parsed.items for polled in everything if polled.parsed))
    return Found(
        items=wanted(outlet, shaped(items) if shaped else items),
        changed=any(polled.changed for polled in everything),
        problem="; ".join(problems)[:1000] or None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Visit:
    """One run's look at one outlet's documents."""

    source: apart.Reader
    client: Client
    outlet: Outlet
    memory: FeedMemory
    now: datetime
    dry_run: bool
    accept: str | None
    variant: str

    async def document(self, address: str) -> Polled:
        from mirror.net import FEED, FetchError, Validators
        from mirror.robots import allowed

        url = absolute(address, address) or address
        key = f"{url}#{self.variant}" if self.variant else url  # a normal address has no fragment
        known = self.memory.feed(key)
        before = loaded(known.content) if known else None
        if before is not None and known is not None and self._early(before, known):
            return Polled(parsed=before)
        refused = await allowed(
            self.client, url, outlet=self.outlet, memory=self.memory, now=self.now, dry_run=self.dry_run
        )
        if refused is not None:
            return Polled(problem=f"{url}: {refused}")
        # Without the items it stands for, an answer of "not modified" would be of no use.
        validators = Validators(etag=known.etag, last_modified=known.last_modified) if known and before else None
        private = self.outlet.allow_private
        try:
            answer = await self.client.get(
                url, accept=self.accept or FEED, cap=MAX_DOCUMENT, validators=validators, allow_private=private
            )
        except FetchError as error:
            return Polled(parsed=before, problem=str(error))
        if answer.status != 200 and not answer.not_modified:
            return Polled(parsed=before, problem=f"{url}: {status_says(answer.status, answer.retry_after)}")
        return await self._take(key, answer, known, before)

    def _early(self, before: Parsed, known: FeedState) -> bool:
        """Whether the document asked us not to come again so soon."""
        if before.every is None or known.checked is None:
            return False
        since = self.now - datetime.fromisoformat(known.checked)
        return timedelta(0) <= since < timedelta(seconds=before.every - SLACK)

    async def _take(self, key: str, answer: Response, known: FeedState | None, before: Parsed | None) -> Polled:
        """What a complete answer, 200 or 304, makes known."""
        url = key.partition("#")[0]
        state = FeedState(
            url=key,
            # Kept even when the body is the same: servers change validators without changing anything else.
            etag=answer.validators.etag,
            last_modified=answer.validators.last_modified,
            body_digest=known.body_digest if known else None,
            checked=self.now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            content=known.content if known else None,
        )
        digest = hashlib.sha256(answer.body).hexdigest()
        if before is not None and (answer.not_modified or digest == state.body_digest):
            self._remember(state)
            return Polled(parsed=before)
        try:
            parsed = await apart.parsed(self.source, answer)
        except NotUnderstood as error:
            return Polled(parsed=before, problem=f"{url}: {error}")
        cached = _MAX_AGE.search(answer.headers.get("cache-control", "")[:1000])
        if cached and int(cached.group(1)):
            parsed = replace(parsed, every=max(parsed.every or 0, min(int(cached.group(1)), LONGEST_CACHE)))
        self._remember(replace(state, body_digest=digest, content=dumped(parsed)))
        return Polled(parsed=parsed, changed=True)

    def _remember(self, state: FeedState) -> None:
        if not self.dry_run:
            self.memory.remember_feed(state)


def status_says(status: int, wait: float | None) -> str:
    """What an answer's status means, in words."""
    says = {401: "wants a password", 403: "refuses us", 404: "is not there", 410: "is gone for good"}
    if status in (429, 503) and wait:
        return f"asks us to come back in {wait:.0f} s ({status})"
    return f"{says.get(status, 'answers')} ({status})"


# --- what is remembered -----------------------------------------------------------------------------------------------


def dumped(parsed: Parsed) -> str:
    """As JSON, with empty fields left out."""
    made = _without_empty(asdict(replace(parsed, items=())))
    made["items"] = [_without_empty(asdict(item)) for item in parsed.items]
    return json.dumps({"v": 1, **made}, ensure_ascii=False, separators=(",", ":"))


def loaded(text: str | None) -> Parsed | None:
    """The opposite of `dumped`; None for what an older version wrote differently."""
    if not text:
        return None
    try:
        made: dict[str, Any] = json.loads(text)
        if made.pop("v") != 1:
            return None
        items = tuple(Item(**_tuples(item)) for item in made.pop("items"))
        return Parsed(items=items, **_tuples(made))
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _without_empty(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value not in (None, (), [], False, 0)}


def _tuples(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
