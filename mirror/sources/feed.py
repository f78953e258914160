"""RSS 0.9x, 1.0 (RDF) and 2.0, Atom 0.3 and 1.0, JSON Feed 1 and 1.1 - and what only resembles them.

A strict streaming reader comes first: it is a hundred times faster than feedparser, and most feeds are well-formed.
What it cannot finish goes to feedparser, whose readers of broken feeds are the best there are; the reading with more
entries counts. feedparser's time grows with the size of what it is given (5 s of CPU a megabyte at worst), so it gets
half a megabyte, and nothing of what was refused for being hostile.
"""

from __future__ import annotations

import html
import io
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape, quoteattr

from mirror.links import absolute, clean
from mirror.sources import MAX_ITEMS, Found, Item, NotUnderstood, Outlet, Parsed
from mirror.sources._dates import moment
from mirror.sources._xml import ENTITIES, TOO_DEEP, XML_NAMESPACE, Stop, read, root_of, text_of
from mirror.sources.state import FeedMemory

if TYPE_CHECKING:
    from mirror.net import Client

MAX_TITLE, MAX_SUMMARY, MAX_CONTENT, MAX_FIELD = 500, 2000, 1 << 19, 1 << 20
MAX_NAMES = 20  # authors or tags
TOLERATED = 1 << 19

_ATOM = ("http://www.w3.org/2005/Atom", "http://purl.org/atom/ns#")
_CONTENT = "http://purl.org/rss/1.0/modules/content/"
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_BASE, _LANG = (XML_NAMESPACE, "base"), (XML_NAMESPACE, "lang")
_TEXTS = frozenset({"title", "description", "summary", "content", "encoded", "body", "fullitem", "tagline", "subtitle"})
_PUBLISHED = frozenset({"pubDate", "published", "issued", "date", "created"})
_UPDATED = frozenset({"updated", "modified", "lastBuildDate"})
_NAMES = frozenset({"author", "creator"})
_TAG = re.compile(r"</?[a-zA-Z!][^<>]{0,2000}>")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*")
_FEED_ROOTS = frozenset({"rss", "rdf", "feed", "channel"})
_PAGE_ROOTS = frozenset({"html", "head", "body"})


class FeedSource:
    """Feeds named in an outlet's configuration."""

    name = "feed"

    def addresses(self, outlet: Outlet) -> tuple[str, ...]:
        return outlet.feeds

    def parse(self, body: bytes, *, content_type: str, url: str) -> Parsed:
        return parse(body, content_type=content_type, url=url)

    async def find(
        self, client: Client, outlet: Outlet, memory: FeedMemory, *, now: datetime, dry_run: bool = False
    ) -> Found:
        from mirror.sources._polling import poll

        return await poll(self, client, outlet, memory, now=now, dry_run=dry_run)


SOURCE = FeedSource()


def parse(body: bytes, *, content_type: str, url: str) -> Parsed:
    """The feed in `body`, at most `MAX_ITEMS` items in the feed's order; raises `NotUnderstood`."""
    text = text_of(body, content_type)
    if not text:
        raise NotUnderstood("it is empty")
    if text.startswith(("{", "[")):
        return _json_feed(text, url)
    root = root_of(text)
    if root in _PAGE_ROOTS:
        raise NotUnderstood("it is a web page, not a feed")
    reader = _Reader(url)
    problem = read(text, reader)
    made = reader.parsed()
    if root in _FEED_ROOTS and (
        problem in (TOO_DEEP, ENTITIES) or (problem is None and (reader.entries or _empty(text)))
    ):
        return made
    if root not in _FEED_ROOTS and not made.items and not _resembles(text):
        raise NotUnderstood(f"it is not a feed (its first element is <{root[:40]}>)" if root else "it is not a feed")
    tolerant = _with_feedparser(text, url, made.format)
    best = tolerant if tolerant is not None and len(tolerant.items) > len(made.items) else made
    if not best.items and problem is not None and root not in _FEED_ROOTS:
        raise NotUnderstood(f"it is not a feed ({problem})")
    return best


def _empty(text: str) -> bool:
    """Whether nothing in the text looks like an item, not even one in capitals."""
    return re.search(r"<(\w+:)?(item|entry)\b", text[:TOLERATED], re.IGNORECASE) is None


def _resembles(text: str) -> bool:
    return re.search(r"<(rss|feed|rdf:RDF|channel|item|entry)\b", text[:65536], re.IGNORECASE) is not None


# --- XML --------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Entry:
    """What one item says before it is decided which of it counts. Links carry a rank: the lowest is the article."""

    base: str
    links: list[tuple[int, str]] = field(default_factory=list)
    title: str | None = None
    summary: str | None = None
    content: str | None = None
    published: str | None = None
    updated: str | None = None
    guid: str | None = None
    authors: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)

    def item(self) -> Item | None:
        for _, href in sorted(self.links, key=lambda link: link[0]):
            url = absolute(self.base, href)
            if url is not None:
                break
        else:
            return None
        content = self.content
        if content is None and self.summary and len(self.summary) > MAX_SUMMARY and _TAG.search(self.summary):
            content = self.summary  # many feeds carry the whole text where the summary belongs
        return Item(
            url=clean(url),
            title=plain(self.title, MAX_TITLE),
            published=self.published,
            updated=self.updated,
            guid=self.guid[:MAX_TITLE] if self.guid else None,
            summary=plain(self.summary, MAX_SUMMARY),
            content_html=content if content and len(content) <= MAX_CONTENT else None,
            authors=_names(self.authors),
            tags=_names(self.tags),
        )


class _Reader:
    """The sink for RSS, RDF and Atom: collects the direct children of every item and of the feed itself."""

    def __init__(self, url: str) -> None:
        self._bases = [url]
        self._path: list[tuple[str, str]] = []
        self._entry: _Entry | None = None
        self._entry_depth = 0
        self._field_depth = 0
        self._attributes: dict[tuple[str, str], str] = {}
        self._pieces: list[tuple[bool, str]] = []  # (is markup, text)
        self._size = 0
        self._name = ""  # an Atom person's
        self._items: list[Item] = []
        self.entries = 0  # also those without an address
        self._format = "rss"
        self._feed: dict[str, str] = {}

    def parsed(self) -> Parsed:
        if self._entry is not None:  # the document broke off inside an item that may already say enough
            self._finish()
        language = self._feed.get("language", "").strip()
        return Parsed(
            format=self._format,
            items=tuple(self._items),
            title=plain(self._feed.get("title"), MAX_TITLE),
            language=language.replace("_", "-") if _LANGUAGE.fullmatch(language) else None,
            site=absolute(self._bases[0], self._feed.get("link")),
        )

    def start(self, name: tuple[str, str], attributes: dict[tuple[str, str], str]) -> None:
        base = attributes.get(_BASE)
        self._bases.append((absolute(self._bases[-1], base) if base else None) or self._bases[-1])
        self._path.append(name)
        depth, local = len(self._path), name[1]
        if depth == 1:
            self._format = {"feed": "atom", "RDF": "rdf"}.get(local, "rss")
            if _LANG in attributes:
                self._feed.setdefault("language", attributes[_LANG])
        if self._field_depth:  # inside a field: markup that was not escaped, or an Atom person
            if self._path[self._field_depth - 1][1] in _TEXTS:
                self._piece(True, _start_tag(local, attributes))
            return
        if self._entry is None and local in ("item", "entry"):
            self._entry = _Entry(base=self._bases[-1])
            self._entry_depth = depth
            self.entries += 1
            about = attributes.get((_RDF, "about"))
            if about:
                self._entry.links.append((6, about))
            return
        if depth == (self._entry_depth if self._entry else self._feed_depth()) + 1:
            self._field_depth = depth
            self._attributes = attributes
            self._pieces, self._size, self._name = [], 0, ""

    def end(self, name: tuple[str, str]) -> None:
        depth = len(self._path)
        if self._field_depth == depth:
            self._field_depth = 0
            if self._entry is not None:
                self._entry_field(self._entry, name, self._bases[-1])
            else:
                self._feed_field(name)
        elif self._field_depth and self._path[self._field_depth - 1][1] in _TEXTS:
            self._piece(True, f"</{name[1]}>")
        elif self._entry is not None and depth == self._entry_depth:
            self._finish()
        self._path.pop()
        self._bases.pop()

    def data(self, text: str) -> None:
        if not self._field_depth:
            return
        if len(self._path) > self._field_depth and self._path[self._field_depth - 1][1] in _NAMES:
            if self._path[-1][1] == "name":
                self._name += text[:MAX_TITLE]
            return
        self._piece(False, text)

    def _feed_depth(self) -> int:
        """At what depth the feed's own fields hang: below <channel>, or below the root."""
        return 2 if len(self._path) > 1 and self._path[1][1] == "channel" else 1

    def _piece(self, markup: bool, text: str) -> None:
        self._size += len(text)
        if self._size <= MAX_FIELD:
            self._pieces.append((markup, text))

    def _text(self, *, as_html: bool) -> str:
        if any(markup for markup, _ in self._pieces) or (as_html and self._attributes.get(("", "type")) == "text"):
            return "".join(text if markup else escape(text) for markup, text in self._pieces).strip()
        return "".join(text for _, text in self._pieces).strip()

    def _finish(self) -> None:
        assert self._entry is not None  # noqa: S101
        item = self._entry.item()
        self._entry = None
        if item is not None:
            self._items.append(item)
            if len(self._items) >= MAX_ITEMS:
                raise Stop

    def _feed_field(self, name: tuple[str, str]) -> None:
        local = name[1]
        if local == "link":
            text = self._attributes.get(("", "href")) or self._text(as_html=False)
            if self._attributes.get(("", "rel"), "alternate") == "alternate":
                self._feed.setdefault("link", text)
        elif local in ("title", "language"):
            self._feed.setdefault(local, self._text(as_html=True))

    def _entry_field(self, entry: _Entry, name: tuple[str, str], base: str) -> None:
        namespace, local = name
        if local in ("link", "origLink", "guid", "id"):
            self._link(entry, namespace, local, base)
        elif local in _PUBLISHED:
            entry.published = entry.published or moment(self._text(as_html=False))
        elif local in _UPDATED:
            entry.updated = entry.updated or moment(self._text(as_html=False))
        elif local in _NAMES:
            entry.authors.append(self._name or self._text(as_html=False))
        elif local in ("category", "subject"):
            attributes = self._attributes
            entry.tags.append(
                attributes.get(("", "label")) or attributes.get(("", "term")) or self._text(as_html=False)
            )
        elif local == "title" and (not namespace or namespace in _ATOM or "rss" in namespace or "purl" in namespace):
            entry.title = entry.title or self._text(as_html=True)
        elif local in ("description", "summary"):
            if not namespace.startswith("http://search.yahoo.com") and "itunes" not in namespace:
                entry.summary = entry.summary or self._text(as_html=True)
        elif (namespace, local) == (_CONTENT, "encoded") or local in ("body", "fullitem"):
            entry.content = entry.content or self._text(as_html=True)
        elif local == "content" and namespace in _ATOM:
            kind = self._attributes.get(("", "type"), "text")
            text = self._text(as_html=True)
            if kind in ("html", "xhtml", "text/html", "application/xhtml+xml") or self._attributes.get(("", "mode")):
                entry.content = entry.content or text
            elif kind in ("text", "text/plain"):
                entry.summary = entry.summary or text

    def _link(self, entry: _Entry, namespace: str, local: str, base: str) -> None:
        attributes = self._attributes
        text = self._text(as_html=False)
        if local == "origLink":  # feedburner, pheedo: the address that their redirect hides
            entry.links.append((0, text))
        elif local == "link":
            href = attributes.get(("", "href"))
            rel = attributes.get(("", "rel"), "alternate")
            if href and rel in ("alternate", "self"):
                if rel == "self":  # some name nothing else
                    entry.links.append((5, absolute(base, href) or ""))
                    return
                kind = attributes.get(("", "type"), "text/html")
                entry.links.append((1 if "html" in kind else 3, absolute(base, href) or ""))
            elif text and not href:
                entry.links.append((2, absolute(base, text) or ""))
        else:
            entry.guid = entry.guid or text
            permanent = attributes.get(("", "isPermaLink"), "true").lower() != "false"
            if text.startswith(("http://", "https://")):
                entry.links.append((4 if permanent else 7, text))


def _start_tag(local: str, attributes: Mapping[tuple[str, str], str]) -> str:
    written = "".join(f" {name}={quoteattr(value)}" for (space, name), value in attributes.items() if not space)
    return f"<{local}{written}>"


# --- JSON Feed --------------------------------------------------------------------------------------------------------


def _json_feed(text: str, url: str) -> Parsed:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise NotUnderstood("it is broken JSON") from None
    entries = document.get("items") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise NotUnderstood("it is JSON, but not a JSON Feed (no items)")
    items = (_json_item(entry, url) for entry in entries[:MAX_ITEMS] if isinstance(entry, dict))
    return Parsed(
        format="json",
        items=tuple(item for item in items if item is not None),
        title=plain(_string(document.get("title")), MAX_TITLE),
        language=_json_language(document.get("language")),
        site=absolute(url, _string(document.get("home_page_url"))),
    )


def _json_item(entry: dict[str, Any], base: str) -> Item | None:
    made = _Entry(base=base)
    for rank, key in enumerate(("url", "external_url", "id")):
        value = _string(entry.get(key))
        if value and (key != "id" or value.startswith(("http://", "https://"))):
            made.links.append((rank, value))
    made.title = _escaped(_string(entry.get("title")))
    made.summary = _escaped(_string(entry.get("summary")) or _string(entry.get("content_text")))
    made.content = _string(entry.get("content_html"))
    made.published = moment(_string(entry.get("date_published")))
    made.updated = moment(_string(entry.get("date_modified")))
    made.guid = _string(entry.get("id"))
    people = entry.get("authors") if isinstance(entry.get("authors"), list) else [entry.get("author")]
    made.authors = [name for one in people or () if isinstance(one, dict) and (name := _string(one.get("name")))]
    tags = entry.get("tags")
    made.tags = [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else []
    return made.item()


def _string(value: object) -> str | None:
    """JSON Feed wants strings; numbers as ids are common."""
    return value[:MAX_FIELD] if isinstance(value, str) else str(value) if type(value) is int else None


def _escaped(text: str | None) -> str | None:
    return None if text is None else escape(text)


def _json_language(value: object) -> str | None:
    return value if isinstance(value, str) and _LANGUAGE.fullmatch(value) else None


# --- what is broken ---------------------------------------------------------------------------------------------------


def _with_feedparser(text: str, url: str, kind: str) -> Parsed | None:
    import feedparser

    headers = {"content-type": "application/xml; charset=utf-8", "content-location": url}
    try:
        # A stream, never a string: feedparser opens strings as files and addresses.
        stream = io.BytesIO(text[:TOLERATED].encode("utf-8", "replace"))
        read = feedparser.parse(stream, response_headers=headers, sanitize_html=False, resolve_relative_uris=False)
        items = tuple(item for entry in read.entries[:MAX_ITEMS] if (item := _tolerated(entry, url)) is not None)
        language = str(read.feed.get("language") or "")
        return Parsed(
            format=kind,
            items=items,
            title=plain(read.feed.get("title"), MAX_TITLE),
            language=language if _LANGUAGE.fullmatch(language) else None,
            site=absolute(url, read.feed.get("link")),
        )
    except (
        Exception
    ):  # its readers raise nearly anything on nearly nothing (AttributeError, AssertionError, IndexError)
        return None


def _tolerated(entry: Any, url: str) -> Item | None:
    made = _Entry(base=url)
    for rank, key in enumerate(("feedburner_origlink", "link", "id")):
        if entry.get(key) and (key != "id" or str(entry[key]).startswith(("http://", "https://"))):
            made.links.append((rank, str(entry[key])))
    made.title = entry.get("title")
    made.summary = entry.get("summary")
    contents = [one for one in entry.get("content", ()) if "html" in str(one.get("type"))]
    made.content = contents[0].get("value") if contents else None
    made.published = moment(entry.get("published"))
    made.updated = moment(entry.get("updated")) if "updated" in entry.keys() else None  # noqa: SIM118 - get() warns
    made.guid = entry.get("id")
    made.authors = [str(one["name"]) for one in entry.get("authors", ()) if one.get("name")]
    made.tags = [str(one["term"]) for one in entry.get("tags", ()) if one.get("term")]
    return made.item()


# --- text -------------------------------------------------------------------------------------------------------------


def plain(text: str | None, limit: int) -> str | None:
    """Text that may be HTML as one line of plain text, at most `limit` characters; None when nothing is left.
    Format characters stay: they are spelling in Persian and others."""
    if not text:
        return None
    text = html.unescape(_TAG.sub(" ", text[: 8 * limit]))
    text = " ".join(text.split())
    if len(text) > limit:
        text = text[: limit - 1].rsplit(" ", 1)[0] + "…"
    return text or None


def _names(names: Iterable[str]) -> tuple[str, ...]:
    """Names without the e-mail address that RSS wants there: `jo@example.org (Jo)`, `Jo <jo@example.org>`."""
    made: dict[str, None] = {}
    for name in islice(names, 4 * MAX_NAMES):
        known = plain(name, 200) or ""
        if "@" in known:
            known = " ".join(word for word in known.split() if "@" not in word).strip("()<> ")
        if known:
            made.setdefault(known)
    return tuple(made)[:MAX_NAMES]
