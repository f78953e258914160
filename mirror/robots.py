"""`robots.txt` (RFC 9309): what a host asks of visitors like us.

The standard library's reader takes the first rule that fits and knows no `*` inside a path; the RFC wants the longest
match and both wildcards, so it is done here. A host is asked once a day. No such file: everything is allowed. No answer
(5xx, timeout): what it said before still holds; if nothing is known, we wait, as the RFC wants. An outlet that gave its
permission is not asked (`robots = "ignore"`).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit
from weakref import WeakKeyDictionary

from mirror.links import origin_of
from mirror.sources.state import FeedMemory, FeedState

if TYPE_CHECKING:
    from mirror.net import Client
    from mirror.sources import Outlet

AGENT = "tamizdat"
FRESH = timedelta(hours=24)
MAX_SIZE = 500 * 1024  # RFC 9309, section 2.5: at least this much must be read; the rest is not
MAX_RULES = 5000
MAX_PATTERN = 1000
MAX_DELAY = 10.0  # seconds; some sites write 3600 to keep everybody out without saying so
_ALLOW_ALL = ""
_PERMISSION = 'robots = "ignore" in its configuration if the outlet gave its permission'


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The rules for us: `(allow, pattern)` pairs, seconds between requests, and the sitemaps the file names."""

    rules: tuple[tuple[bool, str], ...] = ()
    delay: float | None = None
    sitemaps: tuple[str, ...] = ()

    def allows(self, url: str) -> bool:
        """The longest pattern that fits decides; of two as long, the one that allows (section 2.2.2)."""
        parts = urlsplit(url)
        path = _path((parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
        if path == "/robots.txt":
            return True
        best, verdict = -1, True
        for allow, pattern in self.rules:
            if (len(pattern) > best or (len(pattern) == best and allow)) and fits(pattern, path):
                best, verdict = len(pattern), allow
        return verdict


@dataclass(slots=True)
class _Host:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    asked: bool = False
    rules: Rules | None = None


_known: WeakKeyDictionary[Client, dict[str, _Host]] = WeakKeyDictionary()


def parse(text: str, agent: str = AGENT) -> Rules:
    """The group that names `agent`, else the one for `*`. Groups for the same agent count together."""
    groups: dict[str, list[tuple[bool, str]]] = {}
    delays: dict[str, float] = {}
    sitemaps: list[str] = []
    current: list[str] = []
    naming = False
    count = 0
    for line in text[:MAX_SIZE].splitlines():
        key, colon, value = line.partition("#")[0].partition(":")
        key, value = key.strip().lower(), value.strip()
        if not colon:
            continue
        if key == "user-agent":
            current = [*(current if naming else []), value.lower()]
            naming = True
            groups.setdefault(value.lower(), [])
            continue
        if key == "sitemap":
            sitemaps.append(value)
            continue
        naming = False
        if key in ("allow", "disallow") and value and len(value) <= MAX_PATTERN and count < MAX_RULES:
            count += 1
            for name in current:
                groups[name].append((key == "allow", _path(value)))
        elif key == "crawl-delay":
            for name in current:
                delays[name] = _seconds(value)
    ours = agent if agent in groups else "*"
    return Rules(rules=tuple(groups.get(ours, ())), delay=delays.get(ours), sitemaps=tuple(sitemaps[:50]))


def fits(pattern: str, path: str) -> bool:
    """Whether a pattern with `*` and a closing `$` fits the beginning of `path`; in time linear in both."""
    anchored = pattern.endswith("$")
    pieces = pattern.removesuffix("$").split("*")
    if not path.startswith(pieces[0]):
        return False
    place = len(pieces[0])
    if len(pieces) == 1:
        return not anchored or place == len(path)
    for piece in pieces[1:-1]:
        found = path.find(piece, place)
        if found < 0:
            return False
        place = found + len(piece)
    if anchored:
        return path.endswith(pieces[-1]) and len(path) - len(pieces[-1]) >= place
    return path.find(pieces[-1], place) >= 0


async def allowed(
    client: Client, url: str, *, outlet: Outlet, memory: FeedMemory, now: datetime, dry_run: bool = False
) -> str | None:
    """None when we may ask for `url`, else one line that says why not."""
    if outlet.robots == "ignore":
        return None
    rules = await rules_for(client, url, allow_private=outlet.allow_private, memory=memory, now=now, dry_run=dry_run)
    if rules is None:
        return f"its robots.txt cannot be read, so we wait ({_PERMISSION})"
    return None if rules.allows(url) else f"its robots.txt asks us not to ({_PERMISSION})"


async def rules_for(
    client: Client, url: str, *, allow_private: bool, memory: FeedMemory, now: datetime, dry_run: bool = False
) -> Rules | None:
    """The rules of the host of `url`; None when there are none to be had. A host is asked at most once by one client,
    and once a day by all that share `memory`."""
    address = origin_of(url) + "/robots.txt"
    hosts = _known.setdefault(client, {})
    host = hosts.setdefault(address, _Host())
    async with host.lock:  # the pages of a host are asked for together, its rules once
        if not host.asked:
            host.rules = await _rules(client, address, allow_private, memory, now=now, dry_run=dry_run)
            host.asked = True
            if host.rules is not None and host.rules.delay:
                client.slow_down(url, min(host.rules.delay, MAX_DELAY))
    return host.rules


async def _rules(
    client: Client, address: str, allow_private: bool, memory: FeedMemory, *, now: datetime, dry_run: bool
) -> Rules | None:
    known = memory.feed(address)
    if known is None or not _fresh(known, now):
        answered = await _ask(client, address, allow_private, known, now)
        if answered is not None and not dry_run:
            memory.remember_feed(answered)
        known = answered or known
    return None if known is None or known.content is None else parse(known.content)


def _fresh(known: FeedState, now: datetime) -> bool:
    if known.checked is None or known.content is None:
        return False
    age = now - datetime.fromisoformat(known.checked)
    return timedelta(0) <= age < FRESH  # a clock that was set back does not make it last longer


async def _ask(
    client: Client, address: str, allow_private: bool, known: FeedState | None, now: datetime
) -> FeedState | None:
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
        return FeedState(url=address, checked=checked, content=_ALLOW_ALL) if nothing else None
    if answer.not_modified and known is not None:
        return replace(known, checked=checked)
    if answer.status == 429 or answer.status >= 500:
        return None
    page = answer.media_type in ("text/html", "application/xhtml+xml")  # a friendly page in place of a 404
    text = "" if answer.status != 200 or page else decode(answer.body[:MAX_SIZE], answer.content_type)
    return FeedState(
        url=address,
        etag=answer.validators.etag,
        last_modified=answer.validators.last_modified,
        checked=checked,
        content=text,
    )


def _path(path: str) -> str:
    """Paths are compared as their bytes read, whichever way they were percent-encoded; "/" and "?" written as %2F and
    %3F stay apart from the real ones."""
    kept = path.replace("%2F", "%252F").replace("%2f", "%252F").replace("%3F", "%253F").replace("%3f", "%253F")
    return unquote(kept)


def _seconds(value: str) -> float:
    try:
        seconds = float(value[:20])
    except ValueError:
        return 0.0
    return seconds if 0 < seconds < float("inf") else 0.0
