"""The past of an outlet, document by document, from wherever it was left.

A cursor is a JSON list; whoever stores it need not know what is in it. What a cursor names is looked for again in the
configuration when work goes on, so one that no longer fits simply starts anew - articles that are known already cost
nothing but a look.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from mirror.links import absolute, same_site
from mirror.sources import Batch, Item, NotUnderstood, Outlet, Parsed, Source
from mirror.sources._apart import parsed as parsed_of
from mirror.sources._patterns import wanted
from mirror.sources.state import FeedMemory

if TYPE_CHECKING:
    from mirror.net import Client, Response

MAX_PAGES = 20_000  # of one chain; the largest archives have some thousands
MAX_DOCUMENT = 52 << 20  # a sitemap may have 50 MB


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A document, or in one line why there is none. `over`: it is not there, so this is where a chain ends."""

    response: Response | None = None
    problem: str | None = None
    over: bool = False


async def ask(
    client: Client, outlet: Outlet, memory: FeedMemory, url: str, *, now: datetime, accept: str | None = None
) -> Answer:
    """One document, if robots.txt allows it."""
    from mirror.net import FEED, FetchError
    from mirror.robots import allowed
    from mirror.sources._polling import status_says

    refused = await allowed(client, url, outlet=outlet, memory=memory, now=now)
    if refused is not None:
        return Answer(problem=f"{url}: {refused}")
    try:
        answer = await client.get(url, accept=accept or FEED, cap=MAX_DOCUMENT, allow_private=outlet.allow_private)
    except FetchError as error:
        return Answer(problem=str(error))
    if answer.status != 200:
        over = answer.status in (400, 404, 410)
        return Answer(problem=f"{url}: {status_says(answer.status, answer.retry_after)}", over=over)
    return Answer(response=answer)


def cursor_of(*parts: object) -> str:
    """A cursor with these parts: text and numbers."""
    return json.dumps(parts, ensure_ascii=False, separators=(",", ":"))


def parts_of(cursor: str | None, *kinds: type) -> list[object] | None:
    """The parts of a cursor, if it is one and they are of these kinds."""
    try:
        parts = json.loads(cursor or "")
    except ValueError:
        return None
    fits = isinstance(parts, list) and len(parts) == len(kinds)
    return parts if fits and all(type(part) is kind for part, kind in zip(parts, kinds, strict=True)) else None


async def chain(
    source: Source,
    client: Client,
    outlet: Outlet,
    memory: FeedMemory,
    *,
    cursor: str | None,
    now: datetime,
    guess: Callable[[str, int], str] | None = None,
    shaped: Callable[[tuple[Item, ...]], tuple[Item, ...]] | None = None,
    accept: str | None = None,
) -> AsyncIterator[Batch]:
    """Each of the outlet's documents and what it names as older (`Parsed.next`), one batch a document.

    `guess` gives the address of page n where a document names none; a page that says the same as the one before ends
    the chain. `shaped` is applied to the items of each."""
    addresses = [absolute(one, one) or one for one in source.addresses(outlet)]
    place, url, number, seen = 0, "", 1, ""
    parts = parts_of(cursor, str, str, int, str)
    if parts is not None and parts[0] in addresses:
        place, url, number, seen = addresses.index(str(parts[0])), str(parts[1]), int(str(parts[2])), str(parts[3])
    visited: set[str] = set()
    while place < len(addresses):
        address = addresses[place]
        url = url or address
        visited |= {address, url}
        here = cursor_of(address, url, number, seen)
        answer = await ask(client, outlet, memory, url, now=now, accept=accept)
        if answer.response is None and not (answer.over and number > 1):
            yield Batch(cursor=here, problem=answer.problem)
            return
        parsed, problem = await _parsed(source, answer.response) if answer.response else (None, None)
        items = parsed.items if parsed else ()
        digest = hashlib.sha256("\n".join(item.url for item in items).encode()).hexdigest()[:16]
        if digest == seen:
            items = ()
        following = _following(parsed, url, number, address, guess) if items else None
        if following is not None and following not in visited and number < MAX_PAGES:
            url, number, seen = following, number + 1, digest
        else:
            place, url, number, seen = place + 1, "", 1, ""
        if shaped is not None:
            items = shaped(items)
        done = place >= len(addresses)
        yield Batch(
            items=wanted(outlet, items),
            cursor=None if done else cursor_of(addresses[place], url or addresses[place], number, seen),
            problem=problem if number == 1 else None,
            done=done,
        )
    if not addresses:
        yield Batch(done=True)


async def _parsed(source: Source, answer: Response) -> tuple[Parsed | None, str | None]:
    try:
        made = await parsed_of(source, answer)
    except NotUnderstood as error:
        return None, f"{answer.url}: {error}"
    return made, None


def _following(
    parsed: Parsed | None, url: str, number: int, address: str, guess: Callable[[str, int], str] | None
) -> str | None:
    if parsed is None:
        return None
    if parsed.next is not None:
        return parsed.next if same_site(parsed.next, url) else None
    return guess(address, number + 1) if guess else None
