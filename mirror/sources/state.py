"""What fetching remembers between runs, as rows of the publication's state.

Times are RFC 3339 in UTC (`2027-03-01T08:15:00Z`); digests are hex SHA-256 of a body as it was decoded from its content
coding. Addresses are in the normal form of `mirror.links`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedState:
    """A document that is asked for again and again: a feed, a sitemap, a `robots.txt`. `content` is what was read from
    it (items as JSON, or the rules), because an answer of "not modified" has no body and re-checks need the items."""

    url: str
    etag: str | None = None
    last_modified: str | None = None
    body_digest: str | None = None
    checked: str | None = None
    content: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PageState:
    """An article's page. `checked` is when it last answered, `changed` when its body last differed from the one before.
    `state` and `reason` are what extraction or the server made of it: ok, gone, error, robots, paywall …; for `gone`,
    `changed` is since when. `guid` is the feed's name for it. `due` is when it is asked for again, None for no more."""

    outlet: str
    url: str
    final_url: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    body_digest: str | None = None
    first_seen: str
    checked: str | None = None
    changed: str | None = None
    state: str | None = None
    reason: str | None = None
    guid: str | None = None
    due: str | None = None


class FeedMemory(Protocol):
    """Where sources and `mirror.robots` keep what they read. The publication's archive is one."""

    def feed(self, url: str) -> FeedState | None: ...

    def remember_feed(self, state: FeedState) -> None: ...


class Memory(FeedMemory, Protocol):
    """What `mirror.fetch` needs on top. It never writes a page's row: its caller does, once the article is safe."""

    def pages(self, outlet: str, urls: Iterable[str]) -> Mapping[str, PageState]:
        """What is known of these pages, by address."""

    def due(self, outlet: str, moment: str, limit: int) -> list[PageState]:
        """The outlet's pages that are to be asked for again by now: at most `limit` of those first seen last, and as
        many of those that have waited longest."""
