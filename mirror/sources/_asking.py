"""What each source of an outlet gives at this moment, for whoever set it up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mirror.sources import Found, Outlet, merged, sources
from mirror.sources._choosing import age_of
from mirror.sources._polling import loaded
from mirror.sources.state import FeedState, PageState

if TYPE_CHECKING:
    from mirror.net import Client


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What one source gave: how many articles, the newest one's time and age, how many with their text. `hubs` is where
    its feeds announce news (WebSub), `every` the seconds between two looks that it asks for."""

    source: str
    addresses: tuple[str, ...]
    articles: int
    newest: str | None
    age: str | None
    texts: int
    whole: int
    hubs: tuple[str, ...] = ()
    every: int | None = None
    problem: str | None = None

    def as_json(self) -> dict[str, Any]:
        """For `outlet test --json`."""
        return asdict(self)

    def as_text(self) -> str:
        """A line, and one more for each thing an operator should know."""
        facts = [f"{self.articles} articles"]
        if self.age:
            facts.append(f"newest {self.age} old")
        if self.whole:
            facts.append(
                "whole: their pages are not asked for" if self.whole == self.articles else f"{self.whole} whole"
            )
        elif self.texts:
            facts.append(f"{self.texts} with text")
        lines = [f"{self.source}: {', '.join(self.addresses)}", f"  {', '.join(facts)}"]
        if self.every:
            lines.append(f"  asks not to be asked again within {self.every // 60} min")
        lines += [f"  announces news at {hub} (WebSub); we look by the clock instead" for hub in self.hubs]
        if self.problem:
            lines.append(f"  problem: {self.problem}")
        return "\n".join(lines)


@dataclass(slots=True)
class _Short:
    """A memory for the length of one look."""

    feeds: dict[str, FeedState] = field(default_factory=dict)

    def feed(self, url: str) -> FeedState | None:
        return self.feeds.get(url)

    def remember_feed(self, state: FeedState) -> None:
        self.feeds[state.url] = state

    def pages(self, outlet: str, urls: Iterable[str]) -> Mapping[str, PageState]:
        return {}


async def ask_all(client: Client, outlet: Outlet, *, now: datetime) -> tuple[tuple[Told, ...], Found]:
    """Every source of the outlet, one after another, and what they hold together. Nothing is kept."""
    told: list[Told] = []
    results: list[Found] = []
    memory = _Short()
    for name, source in sources().items():
        addresses = source.addresses(outlet)
        if not addresses:
            continue
        before = set(memory.feeds)
        found = await source.find(client, outlet, memory, now=now)
        read = [made for key, state in memory.feeds.items() if key not in before and (made := loaded(state.content))]
        newest = max((item.published or item.updated or "" for item in found.items), default="")
        results.append(found)
        told.append(
            Told(
                source=name,
                addresses=addresses,
                articles=len(found.items),
                newest=newest or None,
                age=age_of(now - datetime.fromisoformat(newest).astimezone(UTC)) if newest else None,
                texts=sum(item.content_html is not None for item in found.items),
                whole=sum(item.complete for item in found.items),
                hubs=tuple(dict.fromkeys(one.hub for one in read if one.hub)),
                every=max((one.every or 0 for one in read), default=0) or None,
                problem=found.problem,
            )
        )
    items = merged(tuple(found.items for found in results))
    problem = "; ".join(found.problem for found in results if found.problem) or None
    if not items and problem is None:
        problem = "it has no sources" if not results else "its sources list no articles"
    return tuple(told), Found(items=items, changed=True, problem=problem)
