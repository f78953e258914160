"""Sitemaps (sitemaps.org 0.9): `urlset`, `sitemapindex`, the news extension, plain text, each also as a `.gz` file.

A sitemap holds everything a site ever had, so only the newest `MAX_ITEMS` count, and of an index the newest documents;
news sitemaps hold two days. Real ones are cut off, lack required elements or are web pages: what was read is kept.
Addresses on other sites are left out, as the protocol wants.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mirror.inflate import gunzip
from mirror.links import absolute, clean, same_site
from mirror.sources import MAX_ITEMS, Batch, Found, Item, NotUnderstood, Outlet, Parsed
from mirror.sources._dates import moment
from mirror.sources._patterns import wanted
from mirror.sources._xml import Stop, read, read_pieces, root_of, text_of
from mirror.sources.state import FeedMemory

if TYPE_CHECKING:
    from mirror.net import Client

MAX_SIZE = 50 << 20  # the protocol's own limit, for one uncompressed document
MAX_ENTRIES = 50_000  # likewise
MAX_TEXT = 4000
MAX_ELEMENTS = 2_000_000  # forty for each entry; those with as many pictures have more, and no other sitemap has
MAX_NESTED = 3  # an index in an index in an index; the protocol allows one
MAX_DOCUMENTS = 20_000  # of one outlet, in one walk
_OTHER = frozenset({"html", "head", "body"})
_FEEDS = frozenset({"rss", "rdf", "feed"})


class SitemapSource:
    """Sitemaps named in an outlet's configuration."""

    name = "sitemap"

    def addresses(self, outlet: Outlet) -> tuple[str, ...]:
        return outlet.sitemaps

    def parse(self, body: bytes, *, content_type: str, url: str) -> Parsed:
        return parse(body, content_type=content_type, url=url)

    async def find(
        self, client: Client, outlet: Outlet, memory: FeedMemory, *, now: datetime, dry_run: bool = False
    ) -> Found:
        from mirror.sources._polling import poll

        addresses = self.addresses(outlet)
        return await poll(self, client, outlet, memory, addresses=addresses, now=now, dry_run=dry_run)

    async def back(
        self, client: Client, outlet: Outlet, memory: FeedMemory, *, cursor: str | None, now: datetime
    ) -> AsyncIterator[Batch]:
        """Every entry of every document, also of those that indexes lead to, some thousand at a time. Never more than
        one document is held. The cursor is the way to the document and how many of its entries were given out."""
        from mirror.sources._backing import parts_of

        parts = parts_of(cursor, list, int)
        path = [str(one) for one in parts[0]] if parts is not None and isinstance(parts[0], list) else []
        skip = int(str(parts[1])) if parts is not None else 0
        addresses = [absolute(one, one) or one for one in self.addresses(outlet)]
        place = addresses.index(path[0]) if path and path[0] in addresses else 0
        walk = _Walk(client=client, outlet=outlet, memory=memory, now=now)
        for address in addresses[place:]:
            way = path[1:] if path and address == path[0] else None
            async for batch in walk.document(address, [address], way, skip if way is not None else 0):
                yield batch
                if batch.problem and not walk.going:
                    return
        yield Batch(done=True)


SOURCE = SitemapSource()


@dataclass(slots=True, kw_only=True)
class _Walk:
    """One way through an outlet's sitemaps."""

    client: Client
    outlet: Outlet
    memory: FeedMemory
    now: datetime
    visited: set[str] = field(default_factory=set)
    going: bool = True  # False after what may pass: the walk is taken up there later

    async def document(self, url: str, path: list[str], way: list[str] | None, skip: int) -> AsyncIterator[Batch]:
        """What the document at `url` holds and leads to. `path` leads to it, `way` goes on from it to where an earlier
        walk ended, after `skip` entries."""
        from mirror.sources._backing import ask, cursor_of

        if url in self.visited or len(self.visited) >= MAX_DOCUMENTS:
            return
        self.visited.add(url)
        answer = await ask(self.client, self.outlet, self.memory, url, now=self.now)
        if answer.response is None:
            self.going = answer.over
            yield Batch(cursor=cursor_of(path, skip), problem=answer.problem)
            return
        try:
            pieces = pieces_of(answer.response.body, content_type=answer.response.content_type, url=answer.response.url)
            del answer
            given = 0
            links: tuple[str, ...] = ()
            while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
                links += piece.links
                given += len(piece.items)
                if piece.items and given > skip:
                    yield Batch(items=wanted(self.outlet, piece.items), cursor=cursor_of(path, given))
        except NotUnderstood as error:
            yield Batch(cursor=cursor_of(path, 0), problem=f"{url}: {error}")
            return
        if len(path) > MAX_NESTED:
            return
        start = links.index(way[0]) if way and way[0] in links else 0
        for link in links[start:]:
            on = way[1:] if way and link == way[0] else None
            async for batch in self.document(link, [*path, link], on, skip if on is not None else 0):
                yield batch
                if not self.going:
                    return


def pieces_of(body: bytes, *, content_type: str, url: str) -> Iterator[Parsed]:
    """All that the document says, `MAX_ITEMS` entries at a time in its own order; raises `NotUnderstood`."""
    text, root = _opened(body, content_type)
    del body
    if root in _FEEDS or not text.startswith("<"):
        yield _other(text, root, url, most=MAX_ENTRIES)
        return
    reader = _Reader(url, everything=True)
    for _ in read_pieces(text, reader):
        if len(reader.entries) >= MAX_ITEMS:
            yield Parsed(format="sitemap", items=tuple(item for _, _, item in reader.entries))
            reader.entries.clear()
    if root not in ("urlset", "sitemapindex") and not reader.seen:
        raise NotUnderstood(f"it is not a sitemap (its first element is <{root[:40]}>)")
    yield Parsed(format="sitemap", items=tuple(item for _, _, item in reader.entries), links=reader.links())


def parse(body: bytes, *, content_type: str, url: str) -> Parsed:
    """The newest entries of the sitemap in `body`, or the documents of an index; raises `NotUnderstood`."""
    text, root = _opened(body, content_type)
    if root in _FEEDS or not text.startswith("<"):
        return _other(text, root, url)
    reader = _Reader(url)
    problem = read(text, reader)
    if root not in ("urlset", "sitemapindex") and not reader.seen:
        raise NotUnderstood(f"it is not a sitemap ({problem or f'its first element is <{root[:40]}>'})")
    return reader.parsed()


def _opened(body: bytes, content_type: str) -> tuple[str, str]:
    """The document's text and the name of its first element."""
    if body.startswith(b"\x1f\x8b"):
        try:
            body = gunzip(body, MAX_SIZE)
        except ValueError as error:
            raise NotUnderstood(f"it is a broken or far too large gzip file ({error})") from None
        content_type = ""  # that of the gzip file says nothing of what is in it
    text = text_of(body, content_type)
    root = root_of(text)
    if root in _OTHER:
        raise NotUnderstood("it is a web page, not a sitemap")
    return text, root


def _other(text: str, root: str, url: str, *, most: int = MAX_ITEMS) -> Parsed:
    """What a feed or a list of addresses says: sitemaps may be both."""
    if root in _FEEDS:
        from mirror.sources.feed import parse as parse_feed

        return parse_feed(text.encode(), content_type="", url=url)
    lines = [line.strip() for line in text.splitlines()[:MAX_ENTRIES]]
    urls = [made for line in lines if line.startswith(("http://", "https://")) and (made := absolute(url, line))]
    if not urls or len(urls) < len([line for line in lines if line]) / 2:
        raise NotUnderstood("it is not a sitemap")
    items = dict.fromkeys(clean(made) for made in urls if same_site(made, url))
    # The order says nothing; new ones are mostly added at the end.
    newest = tuple(Item(url=one) for one in list(items)[-most:])
    return Parsed(format="sitemap-text", items=newest, entries=len(items))


class _Moments(dict[str, str | None]):
    """What times mean; in a sitemap, thousands of entries have the same one."""

    def __missing__(self, text: str) -> str | None:
        made = moment(text)
        if len(self) < MAX_ITEMS:
            self[text] = made
        return made


class _Reader:
    """The sink: one entry at a time, of which only the newest are kept - unless `everything` is wanted, in its order;
    then `entries` must be emptied now and then."""

    def __init__(self, url: str, *, everything: bool = False) -> None:
        self._everything = everything
        self._base = url
        self._path: list[str] = []
        self._text: list[str] | None = None
        self._size = 0
        self._fields: dict[str, str] = {}
        self._count = 0
        self._elements = 0
        parts = urlsplit(url)
        self._own = f"{parts.scheme}://{parts.netloc}/"
        self._moments = _Moments()
        self.entries: list[tuple[str, int, Item]] = []  # a heap, the oldest first
        self.documents: list[tuple[str, str]] = []

    @property
    def seen(self) -> bool:
        """Whether there was any entry at all."""
        return self._count > 0

    def links(self) -> tuple[str, ...]:
        """The documents of an index, the newest first; those without a time keep their order."""
        newest = sorted(self.documents, key=lambda one: one[0], reverse=True)
        return tuple(dict.fromkeys(url for _, url in newest))

    def parsed(self) -> Parsed:
        if self.documents and not self.entries:
            links = self.links()
            return Parsed(format="sitemap-index", links=links[:MAX_ITEMS], entries=len(links))
        newest_items = sorted(self.entries, key=lambda one: (one[0], -one[1]), reverse=True)
        unique = {item.url: item for _, _, item in reversed(newest_items)}
        return Parsed(format="sitemap", items=tuple(reversed(unique.values())), entries=self._count)

    def start(self, name: tuple[str, str], attributes: dict[tuple[str, str], str]) -> None:
        local = name[1]
        self._elements += 1
        if self._elements > MAX_ELEMENTS:
            raise Stop
        self._path.append(local)
        if local in ("url", "sitemap"):
            self._fields = {}
        # <image:loc> and <video:…> hang below elements of their own; <news:news> is one whose children matter.
        parent = self._path[-2] if len(self._path) > 1 else ""
        self._text = [] if parent in ("url", "sitemap", "news") else None
        self._size = 0

    def data(self, text: str) -> None:
        if self._text is not None and self._size < MAX_TEXT:
            self._text.append(text)
            self._size += len(text)

    def end(self, name: tuple[str, str]) -> None:
        local = self._path.pop()
        if self._text is not None:
            self._fields.setdefault(local, "".join(self._text).strip())
            self._text = None
        if local in ("url", "sitemap") and self._fields:
            self._entry(local)
            self._fields = {}

    def _entry(self, kind: str) -> None:
        self._count += 1
        if self._count > MAX_ENTRIES:
            raise Stop
        updated = self._moments[self._fields.get("lastmod", "")]
        published = self._moments[self._fields.get("publication_date", "")]
        # Most of a large sitemap is older than what is kept of it, and need not be looked at any further.
        full = not self._everything and len(self.entries) >= MAX_ITEMS
        place = (published or updated or "", -self._count)
        if full and kind == "url" and place < self.entries[0][:2]:
            return
        url = absolute(self._base, self._fields.get("loc"))
        if url is None or not (url.startswith(self._own) or same_site(url, self._base)):
            return
        if kind == "sitemap":
            self.documents.append((updated or "", url))
            return
        from mirror.sources.feed import MAX_TITLE, plain

        tags = (self._fields.get("keywords") or "").split(",")[:20]
        item = Item(
            url=clean(url),
            title=plain(self._fields.get("title"), MAX_TITLE),
            published=published,
            updated=updated,
            tags=tuple(tag for one in tags if (tag := plain(one, 100))),
        )
        entry = (*place, item)
        if self._everything:
            self.entries.append(entry)
        elif len(self.entries) < MAX_ITEMS:
            heapq.heappush(self.entries, entry)
        else:
            heapq.heappushpop(self.entries, entry)
