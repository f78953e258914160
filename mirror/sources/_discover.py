"""The feeds and sitemaps of a site, from any address of it.

Tried are, in this order: the address itself (it may be a feed), what its page links to, the site's front page, what
`robots.txt` names, and the places where common systems put them. Whatever is proposed was fetched and holds articles.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from mirror.charset import decode
from mirror.links import absolute, clean, origin_of, same_site
from mirror.sources import Item, NotUnderstood, Parsed, sources
from mirror.sources.feed import MAX_TITLE, plain

if TYPE_CHECKING:
    from mirror.net import Client, Response

MAX_REQUESTS = 30  # for one site; a person is waiting
MAX_HTML = 2_000_000
_TYPES = frozenset(
    {
        *("application/rss+xml", "application/atom+xml", "application/feed+json", "application/rdf+xml"),
        *("application/xml", "text/xml", "application/json", "application/x.atom+xml"),
    }
)
_FEED_PLACES = (
    "/feed",
    "/rss",
    "/rss.xml",
    "/feed.xml",
    "/atom.xml",
    "/index.xml",
    "/feed.json",
    "/feeds/all.atom.xml",
)
_SITEMAP_PLACES = ("/news-sitemap.xml", "/sitemap-news.xml", "/sitemap_news.xml", "/sitemap.xml", "/sitemap_index.xml")
_LIKELY = re.compile(r"(\b|_)(rss\d?|feeds?|atom|rdf)(\b|_)|\.(rss|atom|rdf)\b", re.IGNORECASE)
_UNLIKELY = re.compile(r"comment|kommentar|commentaires|/tag/|/author/|podcast|/amp/|oembed|wp-json", re.IGNORECASE)
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A feed or sitemap that was read. `format` as in `Parsed`; `articles` is what it holds, the newest first; those of
    an index are of its newest document."""

    url: str
    kind: Literal["feed", "sitemap"]
    format: str
    title: str | None
    language: str | None
    articles: tuple[Item, ...]

    @property
    def items(self) -> int:
        return len(self.articles)


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """What was found, the best first. `site` is the front page's address, `name` what the site calls itself, `problem`
    why nothing was found."""

    site: str
    name: str | None
    language: str | None
    candidates: tuple[Candidate, ...]
    problem: str | None = None

    def __iter__(self) -> Iterator[Candidate]:
        return iter(self.candidates)

    def __len__(self) -> int:
        return len(self.candidates)

    @property
    def feeds(self) -> tuple[Candidate, ...]:
        return tuple(one for one in self.candidates if one.kind == "feed")

    @property
    def sitemaps(self) -> tuple[Candidate, ...]:
        return tuple(one for one in self.candidates if one.kind == "sitemap")


async def look_around(client: Client, url: str, *, allow_private: bool) -> Discovery:
    """See `mirror.sources.discover`."""
    search = _Search(client, allow_private)
    given = absolute(url, url) or url
    answer = await client.get(given, allow_private=allow_private)
    search.tried.add(given)
    itself = search.read(given, answer)
    if itself is not None:
        search.found.append(itself)
        site = _front(itself.articles[0].url if itself.articles else answer.url)
    else:
        site = _front(answer.url)
    page = _page(answer) if itself is None else None
    front = page
    if page is None or answer.url != site:
        front = await search.page(site)
    pages = [one for one in dict.fromkeys((page, front)) if one is not None]

    # The places a page declares come first; those a person could click next; guesses only while nothing was found.
    await search.all([(link, "feed") for one in pages for link in one.declared])
    if not search.feeds():
        await search.all([(link, "feed") for one in pages for link in one.linked])
    if not search.feeds():
        await search.all([(site.rstrip("/") + place, "feed") for place in _FEED_PLACES])
    named = await search.named_sitemaps(site)
    await search.all([(link, "sitemap") for link in named])
    if not search.sitemaps():
        await search.all([(origin_of(site) + place, "sitemap") for place in _SITEMAP_PLACES])

    # What was asked for comes before what the whole site has: the feed itself, or the feeds of a language edition.
    preferred = frozenset([itself.url]) if itself is not None else frozenset(page.declared if page else ())
    candidates = _ranked(search.found, site, preferred)
    best = candidates[0] if candidates else None
    named_by = pages if best is not None and best.url in preferred else pages[::-1]
    front_title = pages[-1].title if pages else None
    problem = None
    if not candidates:
        problem = f"{site}: no feed and no sitemap with articles in it"
        if answer.status != 200:
            problem = f"{given}: answered {answer.status}, and there was nothing to be found around it"
    return Discovery(
        site=site,
        name=next((one.name for one in named_by if one.name), None) or front_title or (best.title if best else None),
        language=next((one.language for one in named_by if one.language), best.language if best else None),
        candidates=candidates,
        problem=problem,
    )


class _Search:
    def __init__(self, client: Client, allow_private: bool) -> None:
        self._client = client
        self._private = allow_private
        self.tried: set[str] = set()
        self.found: list[Candidate] = []

    def feeds(self) -> bool:
        return any(one.kind == "feed" for one in self.found)

    def sitemaps(self) -> bool:
        return any(one.kind == "sitemap" for one in self.found)

    async def all(self, places: Iterable[tuple[str, Literal["feed", "sitemap"]]]) -> None:
        """Reads those not tried before, some at once, and keeps the ones that hold articles, in the order given."""
        fresh = [(url, kind) for url, kind in dict(places).items() if url not in self.tried]
        fresh = fresh[: max(MAX_REQUESTS - len(self.tried), 0)]
        self.tried.update(url for url, _ in fresh)
        made = await asyncio.gather(*(self._candidate(url, kind) for url, kind in fresh))
        self.found.extend(one for one in made if one is not None and one.items)

    async def page(self, url: str) -> _Page | None:
        answer = await self._get(url)
        return _page(answer) if answer is not None and answer.status == 200 else None

    async def named_sitemaps(self, site: str) -> tuple[str, ...]:
        from mirror.robots import MAX_SIZE, parse

        answer = await self._get(origin_of(site) + "/robots.txt")
        if answer is None or answer.status != 200:
            return ()
        named = parse(decode(answer.body[:MAX_SIZE], answer.content_type)).sitemaps
        made = [link for one in named if (link := absolute(site, one)) is not None]
        # News sitemaps hold the newest and nothing else: they are what is wanted where a site names twenty.
        return tuple(sorted(made, key=lambda link: "news" not in link.lower()))[:6]

    def read(self, url: str, answer: Response, kind: Literal["feed", "sitemap"] | None = None) -> Candidate | None:
        if answer.status != 200 or answer.not_modified:
            return None
        for name in ("feed", "sitemap") if kind is None else (kind,):
            try:
                parsed = sources()[name].parse(answer.body, content_type=answer.content_type, url=answer.url)
            except NotUnderstood:
                continue
            source: Literal["feed", "sitemap"] = "sitemap" if parsed.format.startswith("sitemap") else "feed"
            return _candidate(url, source, parsed)
        return None

    async def _candidate(self, url: str, kind: Literal["feed", "sitemap"]) -> Candidate | None:
        answer = await self._get(url)
        if answer is None or answer.status != 200:
            return None
        try:
            parsed = await asyncio.to_thread(
                sources()[kind].parse, answer.body, content_type=answer.content_type, url=answer.url
            )
        except NotUnderstood:
            return None
        if parsed.links and not parsed.items and kind == "sitemap":
            newest = await self._get(parsed.links[0])
            inner = self.read(parsed.links[0], newest, "sitemap") if newest is not None else None
            if inner is None:
                return None
            return Candidate(
                url=url, kind=kind, format=parsed.format, title=None, language=None, articles=inner.articles
            )
        return _candidate(url, "sitemap" if parsed.format.startswith("sitemap") else kind, parsed)

    async def _get(self, url: str) -> Response | None:
        from mirror.net import FEED, FetchError

        try:
            return await self._client.get(url, accept=f"text/html,{FEED}", allow_private=self._private, deadline=20.0)
        except FetchError:
            return None


def _candidate(url: str, source: Literal["feed", "sitemap"], parsed: Parsed) -> Candidate:
    return Candidate(
        url=url,
        kind=source,
        format=parsed.format,
        title=parsed.title,
        language=parsed.language,
        articles=tuple(sorted(parsed.items, key=lambda item: item.published or item.updated or "", reverse=True)),
    )


def _ranked(found: Iterable[Candidate], site: str, preferred: frozenset[str]) -> tuple[Candidate, ...]:
    """Feeds before sitemaps; the `preferred` addresses before others; feeds of the whole site before those of comments
    and sections; what is newer and says more, first. Of two that hold the same articles only the better one stays."""

    def merit(one: Candidate) -> tuple[object, ...]:
        own = sum(same_site(item.url, site) for item in one.articles) * 2 >= len(one.articles)
        newest = max((item.published or item.updated or "" for item in one.articles), default="")
        full = sum(1 for item in one.articles if item.content_html) * 2 >= len(one.articles)
        path = urlsplit(one.url).path
        comments = bool(_UNLIKELY.search(one.url) or (one.title and re.search("comment", one.title, re.IGNORECASE)))
        asked = one.url in preferred
        deep = path.count("/") > 3
        return (one.kind == "sitemap", comments, not asked, not own, deep, not full, _inverse(newest[:10]))

    kept: dict[frozenset[str], Candidate] = {}
    for one in sorted(found, key=merit):
        kept.setdefault(frozenset(item.url for item in one.articles), one)
    return tuple(kept.values())


def _inverse(text: str) -> tuple[int, ...]:
    return tuple(-ord(letter) for letter in text) or (1,)


def _front(url: str) -> str:
    return origin_of(url) + "/"


# --- a page's own words -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    name: str | None  # what the site calls itself (og:site_name)
    title: str | None
    language: str | None
    declared: tuple[str, ...]
    linked: tuple[str, ...]


def _page(answer: Response) -> _Page:
    reader = _Links(answer.url)
    text = decode(answer.body[:MAX_HTML], answer.content_type)
    for start in range(0, len(text), 65536):
        reader.feed(text[start : start + 65536])
    likely = sorted(dict.fromkeys(reader.linked), key=lambda link: not same_site(link, answer.url))
    language = reader.language if reader.language and _LANGUAGE.fullmatch(reader.language) else None
    return _Page(
        name=plain(reader.name, MAX_TITLE),
        title=plain(reader.title, MAX_TITLE),
        language=language.replace("_", "-") if language else None,
        declared=tuple(dict.fromkeys(reader.declared))[:12],
        linked=tuple(likely)[:10],
    )


class _Links(HTMLParser):
    """Declared feeds, links that look like feeds, the site's name and language."""

    def __init__(self, url: str) -> None:
        super().__init__(convert_charrefs=True)
        self._base = url
        self._in_title = False
        self.declared: list[str] = []
        self.linked: list[str] = []
        self.name = ""
        self.title = ""
        self.language: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in reversed(attrs)}
        if tag == "html":
            self.language = self.language or given.get("lang") or given.get("xml:lang")
        elif tag == "base":
            self._base = absolute(self._base, given.get("href")) or self._base
        elif tag == "title":
            self._in_title = not self.title
        elif tag == "meta" and given.get("property", given.get("name", "")).lower() == "og:site_name":
            self.name = self.name or given.get("content", "")
        elif tag == "link":
            kinds = given.get("rel", "").lower().split()
            kind = given.get("type", "").partition(";")[0].strip().lower()
            url = absolute(self._base, given.get("href"))
            if url and ("alternate" in kinds or "feed" in kinds) and kind in _TYPES and not _UNLIKELY.search(url):
                self.declared.append(url)
        elif tag == "a" and len(self.linked) < 100:
            href = given.get("href", "")
            if _LIKELY.search(href[:500]) and (url := absolute(self._base, href)) and not _UNLIKELY.search(url):
                self.linked.append(clean(url))

    def handle_endtag(self, tag: str) -> None:
        if tag == "title":
            self._in_title = False

    def handle_data(self, data: str) -> None:
        if self._in_title and len(self.title) < MAX_TITLE:
            self.title += data
