"""Pages that link to articles: a section, a front page, an archive by date.

    [outlet.news]
    sections = ["https://news.example/politics/"]
    articles = ["/politics/*.html"]

With `articles`, every link of the site that matches is an article. Without, a link is taken for one by how it is made:
it is a headline, has a date or a long name in its address, or a sentence as its text; menus, tags and authors are not.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from mirror.links import absolute, clean, is_home, same_site
from mirror.sources import MAX_ITEMS, Batch, Found, Item, NotUnderstood, Outlet, Parsed
from mirror.sources._html import classes, inner_text, tree_of
from mirror.sources._patterns import matches
from mirror.sources.feed import MAX_TITLE, plain
from mirror.sources.state import FeedMemory

if TYPE_CHECKING:
    from mirror.net import Client

MAX_LINKS = 5000  # of one page that are looked at
_AROUND = 12  # how many elements outwards something says what a link is
_HEADINGS = frozenset({"h1", "h2", "h3", "h4"})
_MENUS = frozenset({"nav", "footer", "header", "aside"})
_MENU_CLASS = re.compile(r"\b(?:nav|menu|footer|breadcrumbs?|pagination|social|share|tags?|sidebar)\b", re.IGNORECASE)
_DATED = re.compile(r"/(?:19|20)\d\d/(?:[01]?\d/)?(?:[0-3]?\d/)?[^/]|[/_-](?:19|20)\d\d-?[01]\d-?[0-3]\d(?!\d)")
_NAMED = re.compile(r"(?:[^\W_]+[-_]){3,}[^\W_]+|\d{5,}")
_OTHERS = re.compile(
    r"/(?:tags?|tema|topics?|categor(?:y|ies)|rubrics?|authors?|users?|search|login|signin|signup|register|about|contacts?"
    r"|privacy|terms|policy|subscribe|donate|support|page|rss|feed|amp|print|comments?|wp-(?:admin|login|content))(?:/|$|\.)",
    re.IGNORECASE,
)
_FILES = re.compile(
    r"\.(?:jpe?g|png|gif|webp|svg|pdf|mp[34]|zip|xml|json|css|js|docx?|xlsx?|ico|woff2?)$", re.IGNORECASE
)
_NEXT = re.compile(r"\b(?:next|older|nav-previous)\b", re.IGNORECASE)


class SectionSource:
    """Pages named in an outlet's configuration."""

    name = "section"

    def addresses(self, outlet: Outlet) -> tuple[str, ...]:
        return outlet.sections

    def parse(self, body: bytes, *, content_type: str, url: str) -> Parsed:
        return parse(body, content_type=content_type, url=url)

    async def find(
        self, client: Client, outlet: Outlet, memory: FeedMemory, *, now: datetime, dry_run: bool = False
    ) -> Found:
        from mirror.net import PAGE
        from mirror.sources._polling import poll

        return await poll(
            _Matching(outlet.articles),
            client,
            outlet,
            memory,
            addresses=self.addresses(outlet),
            now=now,
            dry_run=dry_run,
            accept=PAGE,
            variant="\n".join(outlet.articles),
        )

    def back(
        self, client: Client, outlet: Outlet, memory: FeedMemory, *, cursor: str | None, now: datetime
    ) -> AsyncIterator[Batch]:
        """Along what each page calls the next one."""
        from mirror.net import PAGE
        from mirror.sources._backing import chain

        return chain(_Paging(outlet.articles), client, outlet, memory, cursor=cursor, now=now, accept=PAGE)


SOURCE = SectionSource()


@dataclass(frozen=True, slots=True)
class _Matching:
    """The reading of a page when it is known how an article's address looks."""

    articles: tuple[str, ...]

    def parse(self, body: bytes, *, content_type: str, url: str) -> Parsed:
        return parse(body, content_type=content_type, url=url, articles=self.articles)


class _Paging(SectionSource):
    def __init__(self, articles: tuple[str, ...]) -> None:
        self._articles = articles

    def parse(self, body: bytes, *, content_type: str, url: str) -> Parsed:
        return parse(body, content_type=content_type, url=url, articles=self._articles)


def parse(body: bytes, *, content_type: str, url: str, articles: tuple[str, ...] = ()) -> Parsed:
    """The links of the page that are articles, in its order, at most `MAX_ITEMS`; raises `NotUnderstood`."""
    root = tree_of(body, content_type)
    if root.tag != "html":
        raise NotUnderstood("it is not a web page")
    base = _base(root, url)
    titles: dict[str, str] = {}
    merits: dict[str, int] = {}
    following: str | None = None
    for count, link in enumerate(root.iter("a", "link")):
        if count >= MAX_LINKS:
            break
        place = absolute(base, link.get("href"))
        if place is None:
            continue
        if following is None and _says_next(link) and same_site(place, url) and place != url:
            following = place
        if link.tag == "link":
            continue
        address = clean(place)
        if not same_site(address, url) or is_home(address) or address == clean(url):
            continue
        text = inner_text(link)
        titles[address] = max(titles.get(address, ""), text, key=len)
        merits[address] = max(merits.get(address, -9), 9 if articles else _merit(link, address, text))
    if articles:
        found = [one for one in titles if any(matches(pattern, one) for pattern in articles)]
    else:
        found = [one for one in titles if merits[one] >= 2]
    if not found:
        raise NotUnderstood(
            "it is a web page with no articles in it"
            + (" (no link matches `articles`)" if articles else " that could be told by their links; say `articles`")
        )
    return Parsed(
        format="section",
        items=tuple(Item(url=one, title=plain(titles[one], MAX_TITLE)) for one in found[:MAX_ITEMS]),
        entries=len(found),
        language=root.get("lang"),
        next=following,
    )


def _base(root: Any, url: str) -> str:
    given = next((one.get("href") for one in root.iter("base")), None)
    return (absolute(url, given) if given else None) or url


def _says_next(link: Any) -> bool:
    if "next" in (link.get("rel") or "").lower().split():
        return True
    return link.tag == "a" and any(_NEXT.search(one) for one in classes(link)) and len(link.get("href") or "") > 1


def _merit(link: Any, address: str, text: str) -> int:
    """How much a link looks like an article's; from 2 on it is one."""
    parts = urlsplit(address)
    path = unquote(parts.path)
    if _FILES.search(path):
        return -9
    merit = 2 if _DATED.search(path) else 0
    last = path.rstrip("/").rpartition("/")[2]
    merit += 1 if _NAMED.search(last) or _NAMED.search(parts.query) else 0
    wide = sum(
        letter >= "\u2e80" for letter in text[:200]
    )  # a Chinese headline says in ten signs what others do in thirty
    merit += 1 if len(text) + 2 * wide >= 25 else 0
    merit -= 3 if _OTHERS.search(path) else 0
    if any(isinstance(inner.tag, str) and inner.tag in _HEADINGS for inner in link.iter()):
        merit += 2
    around = link
    for _ in range(_AROUND):
        around = around.getparent()
        if around is None:
            break
        if around.tag in _HEADINGS or (around.tag == "article" and merit < 2 and text):
            merit += 2
        own = around.tag == "header" and any(one.tag == "article" for one in around.iterancestors())  # the article's
        if not own and (around.tag in _MENUS or any(_MENU_CLASS.search(one) for one in classes(around))):
            merit -= 2
            break
        if around.tag == "article":
            break
    return merit
