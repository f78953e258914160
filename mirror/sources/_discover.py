"""The sources of a site, from any address of it.

Tried are, in this order: the address itself (it may be a feed, or a Telegram channel), what its page declares, the
site's front page, what `robots.txt` names, WordPress' interface, and the places where common systems put feeds and
sitemaps; where nothing of that holds articles, pages that link to them. Whatever is proposed was fetched and holds
articles. `_choosing` says which to use.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from mirror.charset import decode
from mirror.links import absolute, clean, is_home, origin_of, same_site
from mirror.sources import Item, NotUnderstood, Parsed, sources
from mirror.sources import _apart as apart
from mirror.sources.feed import MAX_TITLE, plain
from mirror.sources.telegram import HOME, channel_of, page_of
from mirror.sources.wordpress import interface, places, posts

if TYPE_CHECKING:
    from mirror.net import Client, Response
    from mirror.outlets import Preset
    from mirror.robots import Rules

MAX_REQUESTS = 30  # for one site; a person is waiting
MAX_HTML = 2_000_000
MAX_MENU = 5  # pages of a menu that are looked at, where nothing else lists articles
MIN_LINKS = 3  # a page that links to fewer articles that are new to us is no list of articles
_MENU_TAGS = frozenset({"nav", "header", "menu"})
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
_INDEX = re.compile(r"(?:index|default|home|main)(?:\.\w{1,9})?", re.IGNORECASE)
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*")


Kind = Literal["feed", "sitemap", "wordpress", "telegram", "section"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A source that was read. `format` as in `Parsed`; `articles` is what it holds, the newest first; those of an index
    are of its newest document. `asked`: it is, or the page that was given declares it. `hub` as in `Parsed`."""

    url: str
    kind: Kind
    format: str
    title: str | None
    language: str | None
    articles: tuple[Item, ...]
    hub: str | None = None
    asked: bool = False

    @property
    def items(self) -> int:
        return len(self.articles)

    @property
    def newest(self) -> str:
        """When its newest article appeared, "" when it does not say."""
        return max((item.published or item.updated or "" for item in self.articles), default="")

    @property
    def full(self) -> bool:
        """Whether it mostly carries whole texts."""
        return sum(1 for item in self.articles if item.content_html) * 2 >= len(self.articles) > 0

    @property
    def news(self) -> bool:
        """Whether a sitemap is one of news, which holds two days and nothing but articles."""
        return self.kind == "sitemap" and any(item.title and item.published for item in self.articles)


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """What was found, the best first. `site` is the front page's address, `name` what the site calls itself, `problem`
    why nothing was found and `hint` what can be done; `notes` say what was tried in vain. `channels` are the Telegram
    channels its pages link to. `part` is the path below which a part of the site (a section, a language edition) would
    have its articles, if the given address is that of one: `/fa/`. `apart`: that part has a feed of its own."""

    site: str
    name: str | None
    language: str | None
    candidates: tuple[Candidate, ...]
    problem: str | None = None
    hint: str | None = None
    notes: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    part: str | None = None
    apart: bool = False

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


async def look_around(client: Client, url: str, *, allow_private: bool, known: Preset | None = None) -> Discovery:
    """See `mirror.sources.discover`."""
    from mirror.net import FetchError

    search = _Search(client, allow_private)
    given = absolute(url, url) or url
    channel = channel_of(given)
    if channel is not None:
        return await _channel(search, channel, given)
    search.spent += 1
    try:
        answer = await client.get(given, allow_private=allow_private)
    except FetchError as error:
        if known is None or not await search.known(known):
            raise
        return search.blind(known, given, f"{given}: {error}")
    search.tried.add(given)
    return await _around(search, given, answer, known)


async def _around(search: _Search, given: str, answer: Response, known: Preset | None) -> Discovery:
    """What is to be found from this answer on."""
    wall = wall_in(answer)
    itself = search.read(given, answer) if wall is None else None
    if itself is not None:
        search.found.append(itself)
        site = _front(itself.articles[0].url if itself.articles else answer.url)
    else:
        site = _front(answer.url)
    page = _page(answer) if itself is None and wall is None else None
    front = page
    if page is None or answer.url != site:
        fetched = await search.get(site)
        wall = wall or (wall_in(fetched) if fetched is not None else None)
        front = _page(fetched) if fetched is not None and fetched.status == 200 and wall is None else None
    pages = [one for one in dict.fromkeys((page, front)) if one is not None]
    named = await search.rules(site)
    trusted = await search.known(known)

    # The places a page declares come first; those a person could click next; guesses only while nothing was found.
    await search.all([(link, "feed") for one in pages for link in one.declared])
    interface = next((one.interface for one in pages if one.interface), None)
    if interface:
        await search.wordpress((interface,))
    if not search.has("feed"):
        await search.all([(link, "feed") for one in pages for link in one.linked])
    if not search.has("feed"):
        # Behind a wall there is little to be had, and each request makes us look more like what it is there for.
        await search.all([(site.rstrip("/") + place, "feed") for place in _FEED_PLACES[: 2 if wall else None]])
    await search.all([(link, "sitemap") for link in named])
    if not search.has("sitemap"):
        await search.all([(origin_of(site) + place, "sitemap") for place in _SITEMAP_PLACES[: 1 if wall else None]])
    if not interface and not search.has("feed"):
        await search.wordpress(places(site))
    sections = [page] if page is not None and itself is None else []
    if not search.found:
        sections = [*pages, *await search.menu(pages)]
    for one in sections:
        search.section(one, asked=one is page)

    # What was asked for comes before what the whole site has: the feed itself, or the feeds of a language edition.
    own = _own([itself.url] if itself is not None else page.declared if page else (), front, search.found, given)
    preferred = own or (frozenset([itself.url]) if itself is not None else frozenset(page.declared if page else ()))
    candidates = _ranked(search.found, site, preferred | trusted)
    best = candidates[0] if candidates else None
    named_by = pages if best is not None and best.url in preferred else pages[::-1]
    front_title = pages[-1].title if pages else None
    channels = tuple(dict.fromkeys(name for one in pages for name in one.channels))[:5]
    if answer.status != 200 and wall is None and candidates:
        search.notes.insert(0, f"{given} itself answered {answer.status}; this is what was found around it")
    problem, hint = (None, None) if candidates else _nothing(given, site, answer.status, wall, channels)
    return Discovery(
        site=site,
        name=next((one.name for one in named_by if one.name), None) or front_title or (best.title if best else None),
        language=next((one.language for one in pages if one.language), best.language if best else None),
        candidates=candidates,
        problem=problem,
        hint=hint,
        notes=tuple([f"{site}: {wall}"] if wall and candidates else []) + tuple(search.notes),
        channels=channels,
        part=_part(given, feed=itself is not None) if front is not page else None,
        apart=bool(own),
    )


def _own(declared: Iterable[str], front: _Page | None, found: Iterable[Candidate], given: str) -> frozenset[str]:
    """The feeds that are of the part of the site that was given, and not of all of it: the front page names others.
    One that tells of a single article is of the comments on it."""
    if front is None or not front.declared:
        return frozenset()
    apart = frozenset(declared) - frozenset(front.declared)
    return frozenset(
        one.url
        for one in found
        if one.url in apart and not is_comments(one) and len({item.url for item in one.articles} - {given}) > 1
    )


def _part(url: str, *, feed: bool) -> str | None:
    """The path below which the articles of a section or an edition would be, given its page's or its feed's address."""
    names = [name for name in urlsplit(url).path.split("/") if name]
    while names and (_INDEX.fullmatch(names[-1]) or (feed and _LIKELY.search(names[-1]))):
        names.pop()
    if names and feed and "." in names[-1]:
        names.pop()
    return "/" + "".join(f"{name}/" for name in (*names[:-1], names[-1].partition(".")[0])) if names else None


async def _channel(search: _Search, name: str, given: str) -> Discovery:
    """What is to be said of an address at Telegram."""
    url = page_of(name)
    answer = await search.get(url, deadline=60.0)
    found = search.read(url, answer, ("telegram",)) if answer is not None else None
    candidates = (replace(found, asked=True),) if found is not None and found.articles else ()
    return Discovery(
        site=f"{HOME}/{name}",
        name=candidates[0].title if candidates else None,
        language=None,
        candidates=candidates,
        problem=None if candidates else f"{given}: no posts to be seen at {url}",
        hint=None
        if candidates
        else "only public channels show their posts to browsers, and some are closed to them; where t.me is blocked, "
        'give the address at another host in the configuration: telegram = ["https://HOST/s/NAME"]',
    )


def _nothing(given: str, site: str, status: int, wall: str | None, channels: tuple[str, ...]) -> tuple[str, str | None]:
    """Why nothing was found, and what can be done about it."""
    beside = f"; its Telegram channel may do: tamizdat outlet add https://t.me/{channels[0]}" if channels else ""
    if wall is not None:
        return (
            f"{site}: {wall}",
            "ask the outlet to let your user agent through, fetch by another way out (egress), give the cookies of a "
            "browser that passed (cookies), import what a browser saved (tamizdat import FILE.warc.gz), or take the "
            "outlet's Telegram channel (tamizdat outlet add https://t.me/NAME)",
        )
    if status != 200:
        return (
            f"{given}: answered {status}, and there was nothing to be found around it",
            f"is the address right? Give that of the front page, of a feed, or of a page that lists articles{beside}",
        )
    return (
        f"{site}: no feed and no sitemap with articles in it, and no page that lists them",
        f"give the address of a feed, or of a page that links to articles{beside}",
    )


_WALL_TITLE = re.compile(r"<title[^>]{0,200}>([^<]{0,300})", re.IGNORECASE)


def wall_in(answer: Response) -> str | None:
    """In one line, that this answer is a wall before the site and not the site; None when it is not."""
    from mirror.extract import walls

    if "cf-mitigated" in answer.headers or answer.headers.get("x-amzn-waf-action"):
        return f"a wall wants a browser to prove that a person sits before it ({answer.status})"
    text = decode(answer.body[:400_000], answer.content_type)
    title = _WALL_TITLE.search(text[:20_000])
    named = title is not None and walls.CHALLENGE.title.match(" ".join(title.group(1).split()))
    if named or (answer.status in (202, 403, 429, 503) and walls.MARKS.search(text)):
        return f"a wall wants a browser to prove that a person sits before it ({answer.status})"
    if answer.status in (401, 403, 451):
        return f"it refuses us ({answer.status})"
    return None


class _Search:
    def __init__(self, client: Client, allow_private: bool) -> None:
        self._client = client
        self._private = allow_private
        self._rules: Rules | None = None
        self._origin = ""
        self.spent = 0
        self.tried: set[str] = set()
        self.found: list[Candidate] = []
        self.notes: list[str] = []

    def has(self, kind: Kind) -> bool:
        return any(one.kind == kind for one in self.found)

    async def all(self, wanted: Iterable[tuple[str, Kind]]) -> None:
        """Reads those not tried before, some at once, and keeps the ones that hold articles, in the order given."""
        fresh = [(url, kind) for url, kind in dict(wanted).items() if url not in self.tried]
        self.tried.update(url for url, _ in fresh)
        made = await asyncio.gather(*(self._candidate(url, kind) for url, kind in fresh))
        self.found.extend(one for one in made if one is not None and one.items)

    async def wordpress(self, interfaces: Iterable[str]) -> None:
        """The first of these interfaces that gives posts; what one says instead is noted."""
        for place in interfaces:
            url = posts(place)
            if url in self.tried or self.has("wordpress"):
                continue
            self.tried.add(url)
            answer = await self.get(url)
            found = self.read(place, answer, ("wordpress",)) if answer is not None else None
            if found is not None:
                self.found.append(found)
            elif answer is not None and answer.status in (401, 403):
                self.notes.append(f"WordPress left out: it refuses ({answer.status})")

    async def known(self, preset: Preset | None) -> frozenset[str]:
        """Reads what a preset names; the addresses of what gives articles. What does not is noted."""
        if preset is None:
            return frozenset()
        before = len(self.found)
        wanted: list[tuple[str, Kind]] = [(url, "feed") for url in preset.feeds]
        wanted += [(url, "sitemap") for url in preset.sitemaps]
        await self.all(wanted)
        for address in preset.wordpress:
            await self.wordpress((address,))
        for url in preset.telegram:
            answer = await self.get(url, deadline=60.0)
            found = self.read(url, answer, ("telegram",)) if answer is not None else None
            self.tried.add(url)
            if found is not None and found.articles:
                self.found.append(found)
        good = frozenset(one.url for one in self.found[before:])
        named = [*(("feed", url) for url in preset.feeds), *(("sitemap", url) for url in preset.sitemaps)]
        named += [*(("WordPress", url) for url in preset.wordpress), *(("Telegram", url) for url in preset.telegram)]
        refused = " ".join(self.notes)
        self.notes += [
            f"{kind} left out: {url}  the preset has it, but it gives no articles"
            for kind, url in named
            if url not in good and url not in refused
        ]
        return good

    def blind(self, preset: Preset, given: str, problem: str) -> Discovery:
        """What a preset alone gives, where the site itself does not answer."""
        candidates = _ranked(self.found, preset.url, frozenset())
        return Discovery(
            site=_front(given),
            name=preset.name,
            language=preset.language,
            candidates=candidates,
            notes=(problem, *self.notes),
        )

    async def menu(self, pages: Iterable[_Page]) -> list[_Page]:
        """Some of the pages that the menus of these lead to: where nothing else lists articles, they may."""
        links = [link for link in dict.fromkeys(link for one in pages for link in one.menu) if link not in self.tried]
        self.tried.update(links[:MAX_MENU])
        answers = await asyncio.gather(*(self.get(link) for link in links[:MAX_MENU]))
        return [_page(answer) for answer in answers if answer is not None and answer.status == 200]

    def section(self, page: _Page, *, asked: bool) -> None:
        """Keeps a page that links to some articles, unless others do already."""
        known = {item.url for one in self.found if one.kind == "section" for item in one.articles}
        found = self.read(page.url, page.answer, ("section",))
        if found is not None and len([item for item in found.articles if item.url not in known]) >= MIN_LINKS:
            self.found.append(replace(found, asked=asked, language=page.language, title=page.title))

    async def rules(self, site: str) -> tuple[str, ...]:
        """The sitemaps that `robots.txt` names, those of news first; its rules are kept."""
        from mirror.robots import MAX_SIZE, parse

        answer = await self.get(origin_of(site) + "/robots.txt")
        if answer is None or answer.status != 200:
            return ()
        self._rules, self._origin = parse(decode(answer.body[:MAX_SIZE], answer.content_type)), origin_of(site)
        made = [link for one in self._rules.sitemaps if (link := absolute(site, one)) is not None]
        return tuple(sorted(made, key=lambda link: "news" not in link.lower()))[:4]

    def read(
        self, url: str, answer: Response | None, kinds: tuple[Kind, ...] = ("feed", "sitemap", "wordpress")
    ) -> Candidate | None:
        if answer is None or answer.status != 200 or answer.not_modified:
            return None
        for name in kinds:
            try:
                parsed = sources()[name].parse(answer.body, content_type=answer.content_type, url=answer.url)
            except NotUnderstood:
                continue
            return _candidate(url, _kind(name, parsed), parsed)
        return None

    async def _candidate(self, url: str, kind: Kind) -> Candidate | None:
        if self._rules is not None and origin_of(url) == self._origin and not self._rules.allows(url):
            self.notes.append(
                f'{kind} left out: {url}: robots.txt forbids it (robots = "ignore" if the outlet gave its permission)'
            )
            return None
        answer = await self.get(url)
        if answer is None or answer.status != 200:
            return None
        try:
            parsed = await apart.parsed(sources()[kind], answer)
        except NotUnderstood:
            return None
        if parsed.links and not parsed.items and kind == "sitemap":
            newest = await self.get(parsed.links[0])
            inner = self.read(parsed.links[0], newest, ("sitemap",))
            return replace(inner, url=url, format=parsed.format) if inner is not None else None
        return _candidate(url, _kind(kind, parsed), parsed)

    async def get(self, url: str, *, deadline: float = 20.0) -> Response | None:
        """The answer; None when there is none, or when we have asked enough."""
        from mirror.net import FEED, FetchError

        if self.spent >= MAX_REQUESTS:
            return None
        self.spent += 1
        try:
            accept = f"text/html,{FEED}"
            return await self._client.get(url, accept=accept, allow_private=self._private, deadline=deadline)
        except FetchError:
            return None


def _kind(name: Kind, parsed: Parsed) -> Kind:
    if name in ("feed", "sitemap"):
        return "sitemap" if parsed.format.startswith("sitemap") else "feed"
    return name


def _candidate(url: str, kind: Kind, parsed: Parsed) -> Candidate:
    return Candidate(
        url=url,
        kind=kind,
        format=parsed.format,
        title=parsed.title,
        language=parsed.language,
        articles=tuple(sorted(parsed.items, key=lambda item: item.published or item.updated or "", reverse=True)),
        hub=parsed.hub,
    )


_ORDER: Mapping[Kind, int] = {"feed": 0, "wordpress": 1, "telegram": 1, "sitemap": 2, "section": 3}


def is_comments(one: Candidate) -> bool:
    """Whether a feed is of comments, or of one tag or author."""
    return bool(_UNLIKELY.search(one.url) or (one.title and re.search("comment", one.title, re.IGNORECASE)))


def is_own(one: Candidate, site: str) -> bool:
    """Whether at least half of what it holds are articles of this site."""
    return sum(same_site(item.url, site) for item in one.articles) * 2 >= len(one.articles)


def _ranked(found: Iterable[Candidate], site: str, preferred: frozenset[str]) -> tuple[Candidate, ...]:
    """Feeds before sitemaps before pages; the `preferred` addresses before others; feeds of the whole site before those
    of comments and sections; what is newer and says more, first. What has been silent for a month while others spoke
    comes after those. Of two that hold the same articles only the better one stays."""
    found = [replace(one, asked=True) if one.url in preferred else one for one in found]
    latest = max((one.newest[:10] for one in found), default="")

    def merit(one: Candidate) -> tuple[object, ...]:
        comments = one.kind == "feed" and is_comments(one)
        silent = bool(one.newest and latest) and _days(latest) - _days(one.newest) > 30
        deep = urlsplit(one.url).path.count("/") > 3
        order = _ORDER[one.kind]
        return (
            order,
            comments,
            silent,
            not one.asked,
            not is_own(one, site),
            deep,
            not one.full,
            _inverse(one.newest[:10]),
        )

    kept: dict[tuple[Kind, frozenset[str]], Candidate] = {}
    for one in sorted(found, key=merit):
        kept.setdefault((one.kind, frozenset(item.url for item in one.articles)), one)
    return tuple(kept.values())


def _days(moment: str) -> int:
    return date.fromisoformat(moment[:10]).toordinal()


def _inverse(text: str) -> tuple[int, ...]:
    return tuple(-ord(letter) for letter in text) or (1,)


def _front(url: str) -> str:
    return origin_of(url) + "/"


# --- a page's own words -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Page:
    name: str | None  # what the site calls itself (og:site_name)
    title: str | None
    language: str | None
    declared: tuple[str, ...]
    linked: tuple[str, ...]
    menu: tuple[str, ...]  # pages of the site that a menu leads to
    channels: tuple[str, ...]  # at Telegram
    interface: str | None  # WordPress', where it is one
    url: str
    answer: Response


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
        declared=tuple(dict.fromkeys(reader.declared))[:8],
        linked=tuple(likely)[:6],
        menu=tuple(link for link in dict.fromkeys(reader.menu) if same_site(link, answer.url) and link != answer.url),
        channels=tuple(dict.fromkeys(reader.channels)),
        interface=interface(answer)
        or reader.interface
        or (places(_front(answer.url))[0] if reader.wordpress else None),
        url=answer.url,
        answer=answer,
    )


class _Links(HTMLParser):
    """Declared feeds, links that look like feeds, the site's name and language."""

    def __init__(self, url: str) -> None:
        super().__init__(convert_charrefs=True)
        self._base = url
        self._in_title = False
        self._menus = 0
        self.menu: list[str] = []
        self.channels: list[str] = []
        self.interface: str | None = None
        self.wordpress = False
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
        elif tag in _MENU_TAGS:
            self._menus += 1
        elif tag == "meta" and given.get("name", "").lower() == "generator":
            self.wordpress = self.wordpress or given.get("content", "").lower().startswith("wordpress")
        elif tag == "meta" and given.get("property", given.get("name", "")).lower() == "og:site_name":
            self.name = self.name or given.get("content", "")
        elif tag == "link":
            self._link(given)
        elif tag == "a" and len(self.linked) < 100:
            self._anchor(given.get("href", ""))

    def _link(self, given: dict[str, str]) -> None:
        kinds = given.get("rel", "").lower().split()
        kind = given.get("type", "").partition(";")[0].strip().lower()
        url = absolute(self._base, given.get("href"))
        if url and "https://api.w.org/" in kinds:
            self.interface = url
        if url and ("alternate" in kinds or "feed" in kinds) and kind in _TYPES and not _UNLIKELY.search(url):
            self.declared.append(url)

    def _anchor(self, href: str) -> None:
        url = absolute(self._base, href)
        if url is None:
            return
        if "t.me/" in href and len(self.channels) < 20 and (name := channel_of(url)):
            self.channels.append(name)
        elif self._menus and len(self.menu) < 40 and not is_home(url) and urlsplit(url).path.count("/") < 4:
            self.menu.append(clean(url))
        if _LIKELY.search(href[:500]) and not _UNLIKELY.search(url):
            self.linked.append(clean(url))

    def handle_endtag(self, tag: str) -> None:
        if tag == "title":
            self._in_title = False
        elif tag in _MENU_TAGS and self._menus:
            self._menus -= 1

    def handle_data(self, data: str) -> None:
        if self._in_title and len(self.title) < MAX_TITLE:
            self.title += data
