"""RSS 0.9x, 1.0 (RDF) and 2.0, Atom 0.3 and 1.0, JSON Feed 1 and 1.1 - and what only resembles them.

libxml2 reads the document strictly, and one walk over its tree takes from every item what an article needs: in a
twentieth of feedparser's time, normal addresses and plain text included. What it cannot finish goes to feedparser,
whose readers of broken feeds are the best there are; the reading with more entries counts. feedparser's time grows with
the size of what it is given (5 s of CPU a megabyte at worst), so it gets half a megabyte, and nothing of what was
refused for being hostile.

fastfeedparser, which does the same on the same libxml2, was measured and left: it keeps one author of several, takes a
hub for the site and `isPermaLink="false"` for an address, and loses `feedburner:origLink`, `xml:base` of entries, hubs,
archives and `<ttl>` (`benchmarks/bench_feeds.py` compares all three).

What a feed says of itself: `rel="hub"` and `rel="self"` (WebSub 1.0, section 4), `rel="prev-archive"` and `rel="next"`
(RFC 5005), `<ttl>`, `sy:updatePeriod`. We are started by a clock and cannot be called back, so a hub is told of and
nothing more.
"""

from __future__ import annotations

import contextlib
import functools
import html
import html.entities
import io
import json
import re
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from xml.sax.saxutils import escape, quoteattr

from mirror.charset import header_charset
from mirror.links import absolute, settled
from mirror.sources import MAX_ITEMS, Batch, Found, Item, NotUnderstood, Outlet, Parsed
from mirror.sources._dates import moment
from mirror.sources._unwrap import unwrapped
from mirror.sources._xml import XML_NAMESPACE, root_of, text_of
from mirror.sources.state import FeedMemory

if TYPE_CHECKING:
    from lxml import etree

    from mirror.net import Client

MAX_TITLE, MAX_SUMMARY, MAX_CONTENT, MAX_FIELD = 500, 1000, 1 << 19, 1 << 20
LONGEST_SUMMARY = 2000  # with its tags; a longer one is the text
MAX_NAMES = 20  # authors or tags
MAX_TAGS = 400_000  # of markup; libxml2 takes some 150 bytes for each
TOLERATED = 1 << 19
LONGEST_WAIT = 6 * 3600  # "updated monthly" stands in templates of sites that publish daily

_ATOM = ("http://www.w3.org/2005/Atom", "http://purl.org/atom/ns#")
_CONTENT = "http://purl.org/rss/1.0/modules/content/"
_SYNDICATION = "http://purl.org/rss/1.0/modules/syndication/"
_ABOUT = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}about"
_LANG = f"{{{XML_NAMESPACE}}}lang"
_ENTRIES = ("{*}item", "{*}entry")
_KINDS = {
    **{"link": "link", "origLink": "origLink", "guid": "guid", "id": "id", "title": "title"},
    **dict.fromkeys(("pubDate", "published", "issued", "date", "created"), "published"),
    **dict.fromkeys(("updated", "modified", "lastBuildDate"), "updated"),
    **dict.fromkeys(("author", "creator"), "author"),
    **dict.fromkeys(("category", "subject"), "tag"),
    **dict.fromkeys(("description", "summary"), "summary"),
    **dict.fromkeys(("encoded", "body", "fullitem"), "content"),
    "content": "atom-content",
}
_SAID = frozenset(
    {
        *("language", "{http://purl.org/dc/elements/1.1/}language", "ttl", "{http://purl.org/rss/1.0/}language"),
        *(f"{{{_SYNDICATION}}}updatePeriod", f"{{{_SYNDICATION}}}updateFrequency"),
    }
)
_PERIODS = {"hourly": 3600, "daily": 86400, "weekly": 604800, "monthly": 2592000, "yearly": 31536000}
_PARSER: Mapping[str, Any] = {
    **{"encoding": "utf-8", "resolve_entities": False, "load_dtd": False, "no_network": True, "huge_tree": False},
    **{"remove_comments": True, "remove_pis": True, "collect_ids": False},
}
_REFERENCE = re.compile(
    r"&(?:#(?:[0-9]+|[xX][0-9a-fA-F]+)|[^\t\n\f <&#;]{1,32});?"
)  # as `html.unescape` looks for them
_TAG = re.compile(r"</?[a-zA-Z!][^<>]{0,2000}>")
_AMPERSAND = re.compile(
    r"&(?!(?:amp|lt|gt|quot|apos);|#[0-9]{1,7};|#x[0-9A-Fa-f]{1,6};)(?:([A-Za-z][A-Za-z0-9]{1,31};))?"
)
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*")
_FEED_ROOTS = frozenset({"rss", "rdf", "feed", "channel"})
_PAGE_ROOTS = frozenset({"html", "head", "body"})
# What libxml2 says of documents that nobody writes by mistake. Its own limits: 256 elements deep, 10 MB in one text.
_HEAD = 65536
_ENCODING = re.compile(rb"(?:\xef\xbb\xbf)?<\?xml\b[^<>]{0,200}?\bencoding\s*=\s*[\"']([\w.:-]{1,40})")
_BASED = re.compile(rb"xml:base")  # twice as fast as `in`
_HOSTILE = re.compile(r"depth|entit(?:y|ies) .*loop|amplification|xmlSAX2Characters|too many tags", re.IGNORECASE)


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

        addresses = self.addresses(outlet)
        return await poll(self, client, outlet, memory, addresses=addresses, now=now, dry_run=dry_run)

    def back(
        self, client: Client, outlet: Outlet, memory: FeedMemory, *, cursor: str | None, now: datetime
    ) -> AsyncIterator[Batch]:
        """Through the archives a feed names (RFC 5005), or through WordPress' and others' `?paged=2`."""
        from mirror.sources._backing import chain

        return chain(self, client, outlet, memory, cursor=cursor, now=now, guess=paged)


SOURCE = FeedSource()


def paged(url: str, number: int) -> str:
    """The address of a feed's page `number` at WordPress and what is made like it."""
    kept = [piece for piece in urlsplit(url).query.split("&") if piece and not piece.startswith("paged=")]
    return urlsplit(url)._replace(query="&".join([*kept, f"paged={number}"])).geturl()


def parse(body: bytes, *, content_type: str, url: str) -> Parsed:
    """The feed in `body`, at most `MAX_ITEMS` items in the feed's order; raises `NotUnderstood`."""
    made = _at_once(body, content_type, url)
    if made is not None:
        return made
    text = text_of(body, content_type)
    if not text:
        raise NotUnderstood("it is empty")
    if text.startswith(("{", "[")):
        return _json_feed(text, url)
    root = root_of(text)
    if root in _PAGE_ROOTS:
        raise NotUnderstood("it is a web page, not a feed")
    tree, problem = _tree(text)
    made = _walked(tree, url, based="xml:base" in text) if tree is not None else Parsed(format="rss")
    hostile = problem is not None and _HOSTILE.search(problem) is not None
    if root in _FEED_ROOTS and (hostile or (problem is None and (made.entries or _empty(text)))):
        return made
    if root not in _FEED_ROOTS and not made.items and not _resembles(text):
        raise NotUnderstood(f"it is not a feed (its first element is <{root[:40]}>)" if root else "it is not a feed")
    tolerant = _with_feedparser(text, url, made.format)
    best = made
    if tolerant is not None:
        best = tolerant if len(tolerant.items) > len(made.items) else made
        best = replace(best, entries=max(made.entries, tolerant.entries))
    if not best.items and problem is not None and root not in _FEED_ROOTS:
        raise NotUnderstood(f"it is not a feed ({problem})")
    return best


@functools.cache
def _parser() -> etree.XMLParser:
    from lxml import etree

    return etree.XMLParser(**_PARSER)


def _at_once(body: bytes, content_type: str, url: str) -> Parsed | None:
    """What a feed says that is without fault: UTF-8 by its own word, well-formed, no document type. None for others."""
    from lxml import etree

    head = body[:_HEAD]
    said = _ENCODING.match(head)
    if (said and said.group(1).lower() != b"utf-8") or header_charset(content_type) not in (None, "utf-8"):
        return None
    if b"<!DOCTYPE" in body or (len(body) > MAX_TAGS and body.count(b"<") > MAX_TAGS):
        return None
    try:
        tree = etree.fromstring(body, _parser())
    except (etree.XMLSyntaxError, ValueError):
        return None
    if _local(tree).lower() not in _FEED_ROOTS:
        return None
    made = _walked(tree, url, based=_BASED.search(body) is not None)
    return made if made.entries else None


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
        for _, href in sorted(self.links, key=_rank) if len(self.links) > 1 else self.links:
            url = _address(self.base, href)
            if url is not None:
                break
        else:
            return None
        content = self.content
        if content is None and self.summary and len(self.summary) > LONGEST_SUMMARY and _TAG.search(self.summary):
            content = self.summary  # many feeds carry the whole text where the summary belongs
        return Item(
            url=url,
            title=plain(self.title, MAX_TITLE),
            published=self.published,
            updated=self.updated,
            guid=self.guid[:MAX_TITLE] if self.guid else None,
            summary=plain(self.summary, MAX_SUMMARY),
            content_html=content if content and len(content) <= MAX_CONTENT else None,
            authors=_names(self.authors) if self.authors else (),
            tags=_names(self.tags) if self.tags else (),
        )


def _rank(link: tuple[int, str]) -> int:
    return link[0]


def _address(base: str, href: str) -> str | None:
    url = settled(base, href)
    return unwrapped(url) if url is not None else None


def _tree(text: str) -> tuple[Any, str | None]:
    """The root element of all that could be read, None for nothing; and why reading ended early, where it did."""
    root, problem = _strictly(text)
    if problem is not None and "ntity" in problem:
        root, problem = _strictly(_mended(text))
    return root, problem


def _mended(text: str) -> str:
    """`text` with HTML's named characters, which feeds use without declaring them, as what they mean, and with single
    ampersands escaped. In CDATA both stand for themselves."""
    known = html.entities.html5
    pieces: list[str] = []
    place = 0
    while place < len(text):
        start = text.find("<![CDATA[", place)
        end = text.find("]]>", start) if start >= 0 else -1
        outside = text[place : start if end >= 0 else len(text)]
        pieces.append(
            _AMPERSAND.sub(lambda found: known.get(found.group(1) or "", "&amp;" + (found.group(1) or "")), outside)
        )
        if end < 0:
            break
        pieces.append(text[start:end])
        place = end
    return "".join(pieces)


def _strictly(text: str) -> tuple[Any, str | None]:
    from lxml import etree

    data = text.encode("utf-8", "replace")
    problem: str | None = None
    if data.count(b"<") > MAX_TAGS:
        data, problem = data[: 3 * MAX_TAGS], "too many tags"
    try:
        return etree.fromstring(data, _parser()), problem
    except etree.XMLSyntaxError as error:
        problem = problem or str(error.msg or "it is broken")[:200]
    # Again, with a pull parser: its events leave the elements that came before the error.
    parser = etree.XMLPullParser(
        events=("start",), tag=("{*}rss", "{*}RDF", "{*}feed", "{*}channel", *_ENTRIES), **_PARSER
    )
    with contextlib.suppress(etree.XMLSyntaxError):
        parser.feed(data)
        parser.close()
    first: Any = next(iter(parser.read_events()), None)
    return first[1].getroottree().getroot() if first is not None else None, problem


@functools.lru_cache(maxsize=2048)
def _kind(tag: object) -> str:
    """What an item's child is to us, "" for nothing. By its local name, where the namespace does not say otherwise."""
    if not isinstance(tag, str) or len(tag) > 200:
        return ""
    namespace, _, local = tag.rpartition("}")
    namespace = namespace[1:]
    kind = _KINDS.get(local, "")
    other = "search.yahoo.com" in namespace or "itunes" in namespace
    if (
        (
            kind == "title"
            and namespace
            and namespace not in _ATOM
            and "rss" not in namespace
            and "purl" not in namespace
        )
        or (kind == "summary" and other)
        or (kind == "atom-content" and namespace not in _ATOM)
        or (local == "encoded" and namespace != _CONTENT)
    ):
        return ""
    return kind


def _walked(root: Any, url: str, *, based: bool) -> Parsed:
    """What the tree below `root` says."""
    items: list[Item] = []
    entries = 0
    readers = _Readers()
    feed = next(root.iterchildren("{*}channel"), root)
    for element in _found(root, feed):
        entries += 1
        item = _entry(element, _base(element, url) if based else url, readers, based=based).item()
        if item is not None:
            items.append(item)
            if len(items) >= MAX_ITEMS:
                break
    said = _of_feed(feed, url)
    base = _base(feed, url) if based else url
    language = (said.get("language") or root.get(_LANG) or "").strip()
    every = min(_number(said.get("ttl")) * 60 or _period(said), LONGEST_WAIT)
    return Parsed(
        format={"feed": "atom", "RDF": "rdf"}.get(_local(root), "rss"),
        items=tuple(items),
        entries=entries,
        title=plain(said.get("title"), MAX_TITLE),
        language=language.replace("_", "-") if _LANGUAGE.fullmatch(language) else None,
        site=absolute(base, said.get("link")),
        next=absolute(base, said.get("prev-archive") or said.get("next")),
        hub=absolute(base, said.get("hub")),
        every=every or None,
    )


def _found(root: Any, feed: Any) -> Iterator[Any]:
    """The items, where they belong (RSS 1.0 has them beside its channel), or wherever else they are."""
    for parent in (feed,) if feed is root else (feed, root):
        found = list(parent.iterchildren(*_ENTRIES))
        if found:
            return iter(found)
    return (one for one in root.iter(*_ENTRIES) if next(one.iterancestors(*_ENTRIES), None) is None)


def _of_feed(feed: Any, url: str) -> dict[str, str]:
    """What a feed says of itself, by the local name of the element or by the link's relation."""
    said: dict[str, str] = {}
    for child in feed:
        tag = child.tag
        local = _kind(tag)
        if local not in ("link", "title"):
            if tag not in _SAID:
                continue
            local = _local(child)
        if local == "link":
            relation = child.get("rel", "alternate")
            said.setdefault("link" if relation == "alternate" else relation[:40], child.get("href") or _text(child))
        elif local == "title" or tag in _SAID:
            said.setdefault(local, _text(child, as_html=local == "title")[:4000])
    return said


def _number(text: str | None) -> int:
    return int(text) if text and text.strip().isascii() and text.strip().isdigit() and len(text) < 8 else 0


def _period(said: Mapping[str, str]) -> int:
    """Seconds between two updates, by RSS 1.0's syndication module; 0 where it says nothing."""
    period = _PERIODS.get(said.get("updatePeriod", "").strip().lower(), 0)
    return period // (_number(said.get("updateFrequency")) or 1)


def _local(element: Any) -> str:
    name: str = element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""
    return name


def _base(element: Any, url: str) -> str:
    base = element.base  # by xml:base of all that is around it
    return (absolute(url, base) if base else None) or url


def _entry(element: Any, base: str, readers: _Readers, *, based: bool) -> _Entry:
    """What an item says. `based`: an `xml:base` stands somewhere."""
    entry = _Entry(base=base)
    about = element.get(_ABOUT)
    if about:
        entry.links.append((6, about))
    for child in element:
        read = readers[child.tag]
        if read is not None:
            read(entry, child, _base(child, base) if based else base)
    return entry


class _Readers(dict[object, "_Reader | None"]):
    """What reads an item's child, by its tag; of one document, which has only so many."""

    def __missing__(self, tag: object) -> _Reader | None:
        self[tag] = found = _FIELDS.get(_kind(tag))
        return found


def _original(entry: _Entry, child: Any, base: str) -> None:
    entry.links.append((0, _text(child)))  # feedburner, pheedo: the address that their redirect hides


def _published(entry: _Entry, child: Any, base: str) -> None:
    entry.published = entry.published or moment(child.text)


def _updated(entry: _Entry, child: Any, base: str) -> None:
    entry.updated = entry.updated or moment(child.text)


def _author(entry: _Entry, child: Any, base: str) -> None:
    entry.authors.append((child.findtext("{*}name") if len(child) else None) or _text(child))


def _tagged(entry: _Entry, child: Any, base: str) -> None:
    entry.tags.append(child.get("label") or child.get("term") or _text(child))


def _title(entry: _Entry, child: Any, base: str) -> None:
    entry.title = entry.title or _text(child, as_html=True)


def _summary(entry: _Entry, child: Any, base: str) -> None:
    entry.summary = entry.summary or _text(child, as_html=True)


def _content(entry: _Entry, child: Any, base: str) -> None:
    entry.content = entry.content or _text(child, as_html=True)


def _atom_content(entry: _Entry, child: Any, base: str) -> None:
    kind = child.get("type", "text")
    if kind in ("html", "xhtml", "text/html", "application/xhtml+xml") or child.get("mode"):
        entry.content = entry.content or _text(child, as_html=True)
    elif kind in ("text", "text/plain"):
        entry.summary = entry.summary or _text(child, as_html=True)


def _link(entry: _Entry, child: Any, base: str) -> None:
    href = child.get("href")
    if href:
        relation = child.get("rel", "alternate")
        if relation in ("alternate", "self"):
            rank = 5 if relation == "self" else 1 if "html" in child.get("type", "text/html") else 3
            entry.links.append((rank, _at(entry, base, href)))  # some name nothing but themselves
    elif child.text:
        entry.links.append((2, _at(entry, base, child.text.strip())))


def _at(entry: _Entry, base: str, href: str) -> str:
    return href if base == entry.base else absolute(base, href) or ""


def _guid(entry: _Entry, child: Any, base: str) -> None:
    text = entry.guid = entry.guid or _text(child)
    if text.startswith(("http://", "https://")):
        entry.links.append((7 if child.get("isPermaLink", "").lower() == "false" else 4, text))


def _id(entry: _Entry, child: Any, base: str) -> None:
    _guid(entry, child, base)
    if entry.guid:
        entry.links.append((8, _at(entry, base, entry.guid)))  # relative, against the letter of RFC 4287


_Reader = Callable[[_Entry, Any, str], None]
_FIELDS: Mapping[str, _Reader] = {
    **{"link": _link, "origLink": _original, "guid": _guid, "id": _id, "published": _published, "updated": _updated},
    **{"author": _author, "tag": _tagged, "title": _title, "summary": _summary, "content": _content},
    "atom-content": _atom_content,
}


def _text(element: Any, *, as_html: bool = False) -> str:
    """An element's text; with markup inside it, or where its text is not HTML and HTML is wanted, as HTML."""
    if len(element) == 0:
        text: str = element.text or ""
        if as_html and ("&" in text or "<" in text or ">" in text) and element.get("type") == "text":
            text = escape(text)
        return text[:MAX_FIELD].strip()
    pieces: list[str] = []
    size = 0
    for piece in _inside(element):
        size += len(piece)
        if size > MAX_FIELD:
            break
        pieces.append(piece)
    return "".join(pieces).strip()


def _inside(element: Any) -> Iterator[str]:
    """Markup that was not escaped, as HTML: names without namespaces. At most 256 elements deep."""
    yield escape(element.text or "")
    for child in element:
        if isinstance(child.tag, str):
            local = _local(child)
            given = "".join(f" {name}={quoteattr(value)}" for name, value in child.attrib.items() if "}" not in name)
            yield f"<{local}{given}>"
            yield from _inside(child)
            yield f"</{local}>"
        yield escape(child.tail or "")


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
    hubs = document.get("hubs")
    hub = next((one.get("url") for one in hubs if isinstance(one, dict)), None) if isinstance(hubs, list) else None
    return Parsed(
        format="json",
        items=tuple(item for item in items if item is not None),
        entries=len(entries),
        next=absolute(url, _string(document.get("next_url"))),
        hub=absolute(url, _string(hub)),
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


# Its reader of last resort takes quadratic time for a tag with many attributes: minutes for 300 KB.
_ENDLESS_TAG = re.compile(r"<[^<>]{16384}")


def _with_feedparser(text: str, url: str, kind: str) -> Parsed | None:
    if _ENDLESS_TAG.search(text):
        return None
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
            entries=len(read.entries),
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
    text = text[: 3 * limit]
    if "<" in text:
        text = _TAG.sub(" ", text)
    if "&" in text:
        text = _REFERENCE.sub(_meant, text)
    text = " ".join(text.split())
    if len(text) > limit:
        text = text[: limit - 1].rsplit(" ", 1)[0] + "…"
    return text or None


def _meant(found: re.Match[str]) -> str:
    return _unescaped(found[0])


_unescaped = functools.lru_cache(maxsize=1024)(html.unescape)  # quotes and dashes, again and again


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
