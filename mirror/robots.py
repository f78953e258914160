"""`robots.txt` (RFC 9309): what a host asks of visitors like us.

What a rule fits is Protego's to say (Scrapy's reader; the standard library's takes the first rule that fits and knows
no `*`). It is given what concerns us and no more: a file of 500 KB that repeats 20,000 rules for each of 8,000 visitors
is 160 million rules to any reader that sorts them by visitor, and cost Protego 225 s and 11 GB. A host is asked once a
day. No such file: everything is allowed. No answer (5xx, timeout): what it said before still holds; if nothing is
known, we wait, as the RFC wants. An outlet that gave its permission is not asked (`robots = "ignore"`).
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from mirror.belonging import own
from mirror.links import origin_of
from mirror.sources.state import FeedMemory, FeedState

if TYPE_CHECKING:
    from protego import Protego

    from mirror.net import Client
    from mirror.sources import Outlet

AGENT = "tamizdat"
FRESH = timedelta(hours=24)
MAX_SIZE = 500 * 1024  # RFC 9309, section 2.5: at least this much must be read; the rest is not
MAX_RULES = 5000
MAX_PATTERN = 1000
MAX_SITEMAPS = 50
MAX_DELAY = 10.0  # seconds; some sites write 3600 to keep everybody out without saying so
_ALLOW_ALL = ""
_PERMISSION = 'robots = "ignore" in its configuration if the outlet gave its permission'


_LINE = re.compile(r"\s*([A-Za-z-]+)\s*[:\s]\s*(.*)")  # Google's reader takes a space for a forgotten colon
_TOKEN = re.compile(r"[a-z_-]+|\*")  # section 2.2.1; "Name/1.0" and "Name Something" are written for "name"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The rules for us, seconds between requests, and the sitemaps the file names."""

    read: Protego
    delay: float | None = None
    sitemaps: tuple[str, ...] = ()

    def allows(self, url: str) -> bool:
        """The longest pattern that fits decides; of two as long, the one that allows (section 2.2.2)."""
        return urlsplit(url).path == "/robots.txt" or self.read.can_fetch(url, AGENT)


@dataclass(slots=True)
class _Host:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    asked: bool = False
    rules: Rules | None = None
    why: str = ""  # there are none to be had


_known: WeakKeyDictionary[Client, dict[tuple[object, ...], _Host]] = WeakKeyDictionary()  # by the root of views


def parse(text: str) -> Rules:
    """The group that names us, else the one for `*`. Groups for the same visitor count together."""
    from protego import Protego

    read = Protego.parse(_for_us(text[:MAX_SIZE]))
    sitemaps = tuple(read.sitemaps)
    delay = read.crawl_delay(AGENT)
    return Rules(read=read, delay=delay if delay and 0 < delay < float("inf") else None, sitemaps=sitemaps)


def _for_us(text: str) -> str:
    """The lines that are addressed to us or to everybody, as many as anybody needs; any others' group as `-`."""
    kept: list[str] = []
    rules = sitemaps = 0
    naming = heard = False
    for line in text.removeprefix("\ufeff").splitlines():
        found = _LINE.match(line.partition("#")[0])
        if found is None:
            continue
        key, value = found[1].lower(), found[2].strip()
        if key == "sitemap":
            sitemaps += 1
            if sitemaps <= MAX_SITEMAPS:
                kept.append(f"sitemap: {value}")
        elif key == "user-agent":
            heard = heard and naming
            naming = True
            token = _TOKEN.match(value.lower())
            if token is not None and token[0] in (AGENT, "*"):
                heard = True
                kept.append(f"user-agent: {token[0]}")
            elif not kept or kept[-1] != "user-agent: -":
                kept.append("user-agent: -")
        elif key in ("allow", "disallow", "crawl-delay"):
            naming = False
            if heard and rules < MAX_RULES and len(value) <= MAX_PATTERN:
                rules += 1
                kept.append(f"{key}: {value}")
        # What else there is (host, clean-param) ends no list of names: `naming` stays.
    return "\n".join(kept)


async def allowed(
    client: Client, url: str, *, outlet: Outlet, memory: FeedMemory, now: datetime, dry_run: bool = False
) -> str | None:
    """None when we may ask for `url`, else one line that says why not. An outlet's permission is one for its hosts."""
    if outlet.robots == "ignore" and own(outlet, url):
        return None
    rules = await rules_for(client, url, allow_private=outlet.allow_private, memory=memory, now=now, dry_run=dry_run)
    if rules is None:
        return _host(client, origin_of(url) + "/robots.txt", outlet.allow_private).why
    return None if rules.allows(url) else f"its robots.txt asks us not to ({_PERMISSION})"


async def rules_for(
    client: Client, url: str, *, allow_private: bool, memory: FeedMemory, now: datetime, dry_run: bool = False
) -> Rules | None:
    """The rules of the host of `url`; None when there are none to be had. A host is asked at most once by one client
    and its views that ask it in the same manner, and once a day by all that share `memory`."""
    address = origin_of(url) + "/robots.txt"
    host = _host(client, address, allow_private)
    async with host.lock:  # the pages of a host are asked for together, its rules once
        if not host.asked:
            found = await _rules(client, address, allow_private, memory, now=now, dry_run=dry_run)
            host.rules, host.why = (None, found) if isinstance(found, str) else (found, "")
            host.asked = True
            if host.rules is not None and host.rules.delay:
                client.slow_down(url, min(host.rules.delay, MAX_DELAY))
    return host.rules


def _host(client: Client, address: str, allow_private: bool) -> _Host:
    hosts = _known.setdefault(client.root, {})
    return hosts.setdefault((address, allow_private, *client.manner(address)), _Host())


async def _rules(
    client: Client, address: str, allow_private: bool, memory: FeedMemory, *, now: datetime, dry_run: bool
) -> Rules | str:
    known = memory.feed(address)
    why = "its robots.txt cannot be read"
    if known is None or not _fresh(known, now):
        answered = await _ask(client, address, allow_private, known, now)
        if isinstance(answered, str):
            why = answered
        else:
            known = answered
            if not dry_run:
                memory.remember_feed(answered)
    return why if known is None or known.content is None else parse(known.content)


def _fresh(known: FeedState, now: datetime) -> bool:
    if known.checked is None or known.content is None:
        return False
    age = now - datetime.fromisoformat(known.checked)
    return timedelta(0) <= age < FRESH  # a clock that was set back does not make it last longer


async def _ask(
    client: Client, address: str, allow_private: bool, known: FeedState | None, now: datetime
) -> FeedState | str:
    """What its server said; else one line that says why it said nothing."""
    from mirror.charset import decode
    from mirror.net import FetchError, Validators

    checked = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    old = Validators(etag=known.etag, last_modified=known.last_modified) if known and known.content else None
    try:
        answer = await client.get(
            address, accept="text/plain,*/*;q=0.1", cap=4 * MAX_SIZE, validators=old, allow_private=allow_private
        )
    except FetchError as error:
        # Sent elsewhere without end, or more than can be rules: as good as no file (section 2.3.1.3).
        nothing = error.kind in ("redirect", "too-large")
        if nothing:
            return FeedState(url=address, checked=checked, content=_ALLOW_ALL)
        # No permission helps where nobody answers.
        return f"its robots.txt cannot be read: {str(error).removeprefix(f'{error.url[:300]}: ')}"
    if answer.not_modified and known is not None:
        return replace(known, checked=checked)
    if answer.status == 429 or answer.status >= 500:
        return f"its robots.txt cannot be read (answered {answer.status}), so we wait ({_PERMISSION})"
    page = answer.media_type in ("text/html", "application/xhtml+xml")  # a friendly page in place of a 404
    text = "" if answer.status != 200 or page else decode(answer.body[:MAX_SIZE], answer.content_type)
    return FeedState(
        url=address,
        etag=answer.validators.etag,
        last_modified=answer.validators.last_modified,
        checked=checked,
        content=text,
    )
