"""A memory and an outlet for tests: the same protocols as the archive and the configuration, without either."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from mirror.sources.state import FeedState, PageState


@dataclass(slots=True)
class InMemory:
    feeds: dict[str, FeedState] = field(default_factory=dict)
    known: dict[tuple[str, str], PageState] = field(default_factory=dict)

    def feed(self, url: str) -> FeedState | None:
        return self.feeds.get(url)

    def remember_feed(self, state: FeedState) -> None:
        self.feeds[state.url] = state

    def pages(self, outlet: str, urls: Iterable[str]) -> Mapping[str, PageState]:
        return {url: self.known[outlet, url] for url in urls if (outlet, url) in self.known}

    def due(self, outlet: str, moment: str, limit: int) -> list[PageState]:
        pages = [one for (of, _), one in self.known.items() if of == outlet and one.due and one.due <= moment]
        newest = sorted(pages, key=lambda page: page.first_seen, reverse=True)[:limit]
        waiting = sorted(pages, key=lambda page: page.due or "")[:limit]
        return list({page.url: page for page in [*newest, *waiting]}.values())

    def remember_page(self, state: PageState) -> None:
        self.known[state.outlet, state.url] = state


@dataclass(frozen=True, slots=True, kw_only=True)
class AnOutlet:
    id: str = "news"
    url: str = "http://127.0.0.1/"
    feeds: tuple[str, ...] = ()
    sitemaps: tuple[str, ...] = ()
    wordpress: tuple[str, ...] = ()
    telegram: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    sections: tuple[str, ...] = ()
    articles: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    allow_private: bool = True
    robots: Literal["obey", "ignore"] = "obey"
    max_new: int = 100
    text: Literal["auto", "page", "feed"] = "auto"
