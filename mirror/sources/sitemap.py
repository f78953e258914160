"""Sitemaps (sitemaps.org 0.9): `urlset`, `sitemapindex`, the news extension, plain text, each also as a `.gz` file.

A sitemap holds everything a site ever had, so only the newest `MAX_ITEMS` count, and of an index the newest documents;
news sitemaps hold two days. Real ones are cut off, lack required elements or are web pages: what was read is kept.
Addresses on other sites are left out, as the protocol wants.
"""

from __future__ import annotations

import heapq
from datetime import datetime
from typing import TYPE_CHECKING

from mirror.charset import decode
from mirror.links import absolute, clean, same_site
from mirror.sources import MAX_ITEMS, Found, Item, NotUnderstood, Outlet, Parsed
from mirror.sources._dates import moment
from mirror.sources._xml import Stop, read, root_of, text_of
from mirror.sources.state import FeedMemory

if TYPE_CHECKING:
    from mirror.net import Client

MAX_SIZE = 50 << 20  # the protocol's own limit, for one uncompressed document
MAX_ENTRIES = 50_000  # likewise
MAX_TEXT = 4000
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

        return await poll(self, client, outlet, memory, now=now, dry_run=dry_run)


SOURCE = SitemapSource()


def parse(body: bytes, *, content_type: str, url: str) -> Parsed:
    """The newest entries of the sitemap in `body`, or the documents of an index; raises `NotUnderstood`."""
    if body.startswith(b"\x1f\x8b"):
        from mirror.net import gunzip

        try:
            body = gunzip(body, MAX_SIZE)
        except ValueError as error:
            raise NotUnderstood(f"it is a broken or far too large gzip file ({error})") from None
        content_type = ""  # that of the gzip file says nothing of what is in it
    text = text_of(body, content_type)
    root = root_of(text)
    if root in _OTHER:
        raise NotUnderstood("it is a web page, not a sitemap")
    if root in _FEEDS:
        from mirror.sources.feed import parse as parse_feed

        return parse_feed(body, content_type=content_type, url=url)
    if not text.startswith("<"):
        return _plain_text(decode(body, content_type), url)
    reader = _Reader(url)
    problem = read(text, reader)
    if root not in ("urlset", "sitemapindex") and not reader.entries and not reader.documents:
        raise NotUnderstood(f"it is not a sitemap ({problem or f'its first element is <{root[:40]}>'})")
    return reader.parsed()


def _plain_text(text: str, base: str) -> Parsed:
    lines = [line.strip() for line in text.splitlines()[:MAX_ENTRIES]]
    urls = [made for line in lines if line.startswith(("http://", "https://")) and (made := absolute(base, line))]
    if not urls or len(urls) < len([line for line in lines if line]) / 2:
        raise NotUnderstood("it is not a sitemap")
    items = dict.fromkeys(clean(made) for made in urls if same_site(made, base))
    # The order says nothing; new ones are mostly added at the end.
    return Parsed(format="sitemap-text", items=tuple(Item(url=one) for one in list(items)[-MAX_ITEMS:]))


class _Reader:
    """The sink: one entry at a time, of which only the newest are kept."""

    def __init__(self, url: str) -> None:
        self._base = url
        self._path: list[str] = []
        self._text: list[str] | None = None
        self._size = 0
        self._fields: dict[str, str] = {}
        self._count = 0
        self.entries: list[tuple[str, int, Item]] = []  # a heap, the oldest first
        self.documents: list[tuple[str, str]] = []

    def parsed(self) -> Parsed:
        if self.documents and not self.entries:
            newest = sorted(self.documents, key=lambda one: one[0], reverse=True)  # stable: undated keep their order
            return Parsed(format="sitemap-index", links=tuple(dict.fromkeys(url for _, url in newest[:MAX_ITEMS])))
        newest_items = sorted(self.entries, key=lambda one: (one[0], -one[1]), reverse=True)
        unique = {item.url: item for _, _, item in reversed(newest_items)}
        return Parsed(format="sitemap", items=tuple(reversed(unique.values())))

    def start(self, name: tuple[str, str], attributes: dict[tuple[str, str], str]) -> None:
        local = name[1]
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
        url = absolute(self._base, self._fields.get("loc"))
        if url is None or not same_site(url, self._base):
            return
        updated = moment(self._fields.get("lastmod"))
        if kind == "sitemap":
            self.documents.append((updated or "", url))
            return
        from mirror.sources.feed import MAX_TITLE, plain

        published = moment(self._fields.get("publication_date"))
        tags = (self._fields.get("keywords") or "").split(",")[:20]
        item = Item(
            url=clean(url),
            title=plain(self._fields.get("title"), MAX_TITLE),
            published=published,
            updated=updated,
            tags=tuple(tag for one in tags if (tag := plain(one, 100))),
        )
        entry = (published or updated or "", -self._count, item)
        if len(self.entries) < MAX_ITEMS:
            heapq.heappush(self.entries, entry)
        else:
            heapq.heappushpop(self.entries, entry)
