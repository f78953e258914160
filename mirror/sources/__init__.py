"""Ways to find an outlet's articles: one module each, found by this folder's registry.

A module that is a source has a `SOURCE`: an object with a `name`, a way to say which addresses of an outlet it reads,
and a `parse` that turns one document into items. To add one: write the module, enrol it in `tests/sources/suite.py`.
Packages of others join through the entry point group `tamizdat.sources`.

Importing this package is cheap; parsers are imported when a source is used.
"""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import TYPE_CHECKING, Literal, Protocol

from mirror.sources.state import FeedMemory

if TYPE_CHECKING:
    from mirror.net import Client
    from mirror.outlets import Preset
    from mirror.sources._discover import Discovery

MAX_ITEMS = 1000  # of one document, the newest ones; feeds hold tens, and a run takes a hundred new ones


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One article as a feed or sitemap announces it: an address and what is claimed of it. `url` is in the normal form
    of `mirror.links.clean`; times are RFC 3339 in UTC; `title` and `summary` are plain text; `content_html` is there
    when the source carries the text. `complete` says that it is the whole article, beyond doubt (WordPress, a post of a
    channel): then no page needs to be fetched."""

    url: str
    title: str | None = None
    published: str | None = None
    updated: str | None = None
    guid: str | None = None
    summary: str | None = None
    content_html: str | None = None
    authors: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    complete: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """A document that a source understood. `links` are further documents to read (a sitemap index has them), newest
    first where it says so. `entries` counts also what has no address of its own and is therefore no item. `next` is the
    document with what is older (RFC 5005, rel=next). `hub` is where the feed is announced (WebSub), `every` the
    least seconds between two looks that it asks for."""

    format: str  # rss, rdf, atom, json, sitemap, sitemap-index, sitemap-text, wordpress, telegram, list, section
    items: tuple[Item, ...] = ()
    links: tuple[str, ...] = ()
    title: str | None = None
    language: str | None = None
    site: str | None = None
    entries: int = 0
    next: str | None = None
    hub: str | None = None
    every: int | None = None


class NotUnderstood(ValueError):
    """The document is nothing this source reads; the message says what it seems to be instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the documents of an outlet hold together, each address once. `changed` says whether any of them differs from
    the last time; `problem` is one line for the operator. Both items and a problem: some documents could be read."""

    items: tuple[Item, ...] = ()
    changed: bool = False
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A piece of an outlet's past. `cursor` is where to go on, after this piece; None when `done`. `problem` says what
    could not be read; with `done` false it may pass, so the same cursor is worth another try later."""

    items: tuple[Item, ...] = ()
    cursor: str | None = None
    problem: str | None = None
    done: bool = False


class Placed(Protocol):
    """The part of an outlet's configuration that says where it is (`mirror.config.OutletConfig` is one)."""

    @property
    def id(self) -> str: ...
    @property
    def url(self) -> str: ...
    @property
    def feeds(self) -> tuple[str, ...]: ...
    @property
    def sitemaps(self) -> tuple[str, ...]: ...
    @property
    def wordpress(self) -> tuple[str, ...]: ...
    @property
    def telegram(self) -> tuple[str, ...]: ...
    @property
    def lists(self) -> tuple[str, ...]: ...
    @property
    def sections(self) -> tuple[str, ...]: ...


class Outlet(Placed, Protocol):
    """The part of it that fetching needs."""

    @property
    def articles(self) -> tuple[str, ...]: ...
    @property
    def exclude(self) -> tuple[str, ...]: ...
    @property
    def allow_private(self) -> bool: ...
    @property
    def robots(self) -> Literal["obey", "ignore"]: ...
    @property
    def max_new(self) -> int: ...


class Source(Protocol):
    @property
    def name(self) -> str: ...

    def addresses(self, outlet: Outlet) -> tuple[str, ...]:
        """The documents of this kind that the outlet's configuration names."""

    def parse(self, body: bytes, *, content_type: str, url: str) -> Parsed:
        """What the document says; raises `NotUnderstood`. Pure, in bounded time whatever the bytes are."""

    async def find(
        self, client: Client, outlet: Outlet, memory: FeedMemory, *, now: datetime, dry_run: bool = False
    ) -> Found:
        """What the outlet's documents of this kind hold now. Raises nothing but cancellation: what goes wrong is
        `problem`. Writes what it read to `memory`, unless `dry_run`."""

    def back(
        self, client: Client, outlet: Outlet, memory: FeedMemory, *, cursor: str | None, now: datetime
    ) -> AsyncIterator[Batch]:
        """All that the outlet's documents of this kind lead to, the newest first as far as they say, a batch at a time.
        `cursor` is None to begin, or that of the last batch that was dealt with; it stays valid between versions, and
        one that means nothing is taken as None. Ends with a batch that is `done`, or with one that has a `problem`."""


@functools.cache
def sources() -> Mapping[str, Source]:
    """Every source by name: the modules of this folder and others' entry points."""
    import pkgutil
    from importlib import import_module, metadata

    found: dict[str, Source] = {}
    for module in pkgutil.iter_modules(__path__):
        if module.name.startswith("_"):
            continue
        source = getattr(import_module(f"{__name__}.{module.name}"), "SOURCE", None)
        if source is not None:
            found[source.name] = source
    for point in metadata.entry_points(group="tamizdat.sources"):
        source = point.load()
        found.setdefault(source.name, source)
    return found


def merged(groups: tuple[tuple[Item, ...], ...]) -> tuple[Item, ...]:
    """The items of several documents, each address once, the newest first; those without a time keep their order,
    after the others. Where two tell of the same address, the first one counts - or the one that is complete - and the
    other fills in what it does not say."""
    unique: dict[str, Item] = {}
    for group in groups:
        for item in group:
            known = unique.get(item.url)
            unique[item.url] = item if known is None else _together(known, item)
    return tuple(sorted(unique.values(), key=lambda item: item.published or item.updated or "", reverse=True))


def _together(one: Item, other: Item) -> Item:
    first, second = (other, one) if other.complete and not one.complete else (one, other)
    told = {field.name: getattr(second, field.name) for field in fields(Item) if not getattr(first, field.name)}
    # A text belongs to the one who is complete; two beginnings are none the more whole.
    return replace(
        first, **{**told, "complete": first.complete, "content_html": first.content_html or second.content_html}
    )


async def discover(client: Client, url: str, *, allow_private: bool = False, known: Preset | None = None) -> Discovery:
    """The feeds and sitemaps of the site that `url` is a page, the front page or a feed of; see `Discovery`. What is
    `known` of the site is looked at before anything else, and believed no more than the rest.

    Raises `mirror.net.FetchError` when `url` itself gives no answer, and nothing that is known of the site does."""
    from mirror.sources._discover import look_around

    return await look_around(client, url, allow_private=allow_private, known=known)
