"""Posts as WordPress gives them: `wp-json/wp/v2/posts` (developer.wordpress.org/rest-api/reference/posts).

    [outlet.news]
    wordpress = ["https://news.example/wp-json/"]

A site says where its interface is in a header, `Link: <https://news.example/wp-json/>; rel="https://api.w.org/"`, and
where addresses are plain it is `https://news.example/?rest_route=/`. `content.rendered` is what the theme would print:
the whole article, unless it is under a password (`content.protected`) or a plugin for subscribers put its own words in
its place. A post that may be cut is announced without being called complete, so its page is asked.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mirror.charset import decode
from mirror.links import absolute, clean
from mirror.sources import MAX_ITEMS, Batch, Found, Item, NotUnderstood, Outlet, Parsed
from mirror.sources._dates import moment
from mirror.sources.feed import MAX_CONTENT, MAX_SUMMARY, MAX_TITLE, plain
from mirror.sources.state import FeedMemory

if TYPE_CHECKING:
    from mirror.net import Client, Response

JSON = "application/json,*/*;q=0.1"
AT_ONCE = 50  # posts of one request; the interface allows 100, and a post with everything embedded is 50 KB
_FIELDS = "id,link,date_gmt,modified_gmt,title,excerpt,content,_links,_embedded"
_QUERY = f"_embed=author,wp:term,wp:featuredmedia&_fields={_FIELDS}"
# Marks of plugins that answer with a part of the post: what they print in its place.
_CUT = re.compile(
    r"class=[\"'][^\"'<>]{0,300}\b(?:pmpro_content_message|mepr-unauthorized|leaky[-_]paywall|rcp[-_]restricted"
    r"|wc-memberships-restriction|jetpack-subscribers?-content|wp-block-jetpack-paywall|paywall|swpm-|memberful-"
    r"|restrict-content|members-access-error|ihc-locker|post-password-form)",
    re.IGNORECASE,
)
_MORE = re.compile(r"(?:\[(?:…|&hellip;|&#8230;|\.\.\.)\]|class=[\"'][^\"'<>]{0,100}\bmore-link\b)", re.IGNORECASE)
_SIZE = re.compile(r"-\d{2,4}x\d{2,4}(?=\.\w{3,4}$)")
_DECODER = json.JSONDecoder()


class WordPressSource:
    """WordPress interfaces named in an outlet's configuration."""

    name = "wordpress"

    def addresses(self, outlet: Outlet) -> tuple[str, ...]:
        return tuple(posts(one) for one in outlet.wordpress)

    def parse(self, body: bytes, *, content_type: str, url: str) -> Parsed:
        return parse(body, content_type=content_type, url=url)

    async def find(
        self, client: Client, outlet: Outlet, memory: FeedMemory, *, now: datetime, dry_run: bool = False
    ) -> Found:
        from mirror.sources._polling import poll

        addresses = self.addresses(outlet)
        return await poll(self, client, outlet, memory, addresses=addresses, now=now, dry_run=dry_run, accept=JSON)

    def back(
        self, client: Client, outlet: Outlet, memory: FeedMemory, *, cursor: str | None, now: datetime
    ) -> AsyncIterator[Batch]:
        """Page by page, the newest first. Posts that appear meanwhile move others to later pages, never out of them."""
        from mirror.sources._backing import chain

        return chain(self, client, outlet, memory, cursor=cursor, now=now, guess=paged, accept=JSON)


SOURCE = WordPressSource()


def posts(address: str) -> str:
    """The newest posts of the interface at `address`; one that names a route or a file already is taken as it is."""
    parts = urlsplit(address)
    path, query = parts.path, parts.query
    if "rest_route=" in query:
        if "/wp/v2/" not in query:
            query = query.rstrip("/") + "/wp/v2/posts"
    elif "/wp/v2/" not in path:
        if "." in path.rpartition("/")[2]:
            return address
        path = path.rstrip("/") + "/wp/v2/posts"
    more = [f"per_page={AT_ONCE}"] if "per_page=" not in query else []
    more += [_QUERY] if "_embed" not in query else []
    return parts._replace(path=path, query="&".join(piece for piece in (query, *more) if piece)).geturl()


def paged(url: str, number: int) -> str:
    """Page `number` of the same list."""
    return f"{url}{'&' if urlsplit(url).query else '?'}page={number}"


def interface(answer: Response) -> str | None:
    """Where the page that was answered says the interface is (RFC 8288)."""
    for link in answer.headers.get("link", "")[:4000].split(","):
        if "https://api.w.org/" in link and (found := re.search(r"<([^<>]{1,2000})>", link)):
            return absolute(answer.url, found.group(1))
    return None


def parse(body: bytes, *, content_type: str, url: str) -> Parsed:
    """The posts in `body`; of an answer that was cut off, those that are whole. Raises `NotUnderstood`."""
    text = decode(body, content_type).lstrip("\ufeff \t\r\n")
    if not text.startswith("["):
        raise NotUnderstood(_instead(text))
    entries = 0
    items: list[Item] = []
    for post in members(text):
        entries += 1
        item = _item(post, url) if isinstance(post, dict) else None
        if item is not None:
            items.append(item)
            if len(items) >= MAX_ITEMS:
                break
    if not items:
        raise NotUnderstood("it is a list with no articles in it" if entries == 0 else "it is a list of something else")
    unique = {item.url: item for item in reversed(items)}
    return Parsed(format="wordpress", items=tuple(reversed(unique.values())), entries=entries)


def _instead(text: str) -> str:
    if text.startswith("<"):
        return "it is a web page, not an answer of WordPress"
    try:
        said = json.loads(text[:100_000])
    except (ValueError, RecursionError):
        said = None
    message = plain(said.get("message"), 200) if isinstance(said, dict) and isinstance(said.get("message"), str) else ""
    return f"WordPress refuses: {message}" if message else "it is not an answer of WordPress"


def members(text: str) -> Iterator[Any]:
    """The members of a JSON list, as far as it can be read."""
    place = 1
    while True:
        while place < len(text) and text[place] in " \t\r\n,":
            place += 1
        try:
            member, place = _DECODER.raw_decode(text, place)
        except (ValueError, RecursionError):
            return
        yield member


def _item(post: dict[str, Any], base: str) -> Item | None:
    link = absolute(base, _string(post.get("link")))
    if link is None:
        return None
    content, whole = _content(post)
    embedded = post.get("_embedded")
    embedded = embedded if isinstance(embedded, dict) else {}
    if content and whole:
        content = _cover(embedded, content) + content
    names = [_string(one.get("name")) for one in _dicts(embedded.get("author"))]
    terms = [
        _string(term.get("name"))
        for group in _list(embedded.get("wp:term"))
        for term in _dicts(group)
        if term.get("taxonomy") in ("category", "post_tag")
    ]
    return Item(
        url=clean(link),
        title=plain(_rendered(post.get("title")), MAX_TITLE),
        published=moment(_string(post.get("date_gmt"))),
        updated=moment(_string(post.get("modified_gmt"))),
        guid=f"wordpress:{post['id']}" if isinstance(post.get("id"), int) else None,
        summary=plain(_rendered(post.get("excerpt")), MAX_SUMMARY),
        content_html=content,
        authors=tuple(dict.fromkeys(name for one in names if (name := plain(one, 200))))[:20],
        tags=tuple(dict.fromkeys(name for one in terms if (name := plain(one, 200)) and name != "Uncategorized"))[:20],
        complete=whole,
    )


def _content(post: dict[str, Any]) -> tuple[str | None, bool]:
    """The text, and whether it is all of it."""
    content = post.get("content")
    text = _rendered(content)
    if text is None or len(text) > MAX_CONTENT:
        return None, False
    protected = isinstance(content, dict) and bool(content.get("protected"))
    if protected or not text.strip():
        return None, False
    return text, _CUT.search(text) is None and _MORE.search(text[-1000:]) is None


def _cover(embedded: dict[str, Any], content: str) -> str:
    """The post's picture, which the theme prints above the text; "" when it is in the text as well."""
    for media in _dicts(embedded.get("wp:featuredmedia")):
        source = _string(media.get("source_url"))
        if not source or not source.startswith(("http://", "https://")) or media.get("media_type", "image") != "image":
            continue
        stem = _SIZE.sub("", source.rpartition("/")[2]).rpartition(".")[0]
        if stem and stem in content:
            return ""
        caption = plain(_rendered(media.get("caption")), MAX_SUMMARY)
        alternative = plain(_string(media.get("alt_text")), MAX_TITLE) or ""
        below = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
        return f'<figure><img src="{escape(source)}" alt="{escape(alternative)}">{below}</figure>\n'
    return ""


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _dicts(value: object) -> list[dict[str, Any]]:
    return [one for one in _list(value) if isinstance(one, dict)]


def _rendered(value: object) -> str | None:
    return _string(value.get("rendered")) if isinstance(value, dict) else None


def _string(value: object) -> str | None:
    return value if isinstance(value, str) else None


def places(site: str) -> tuple[str, ...]:
    """Where the interface of the site with this front page usually is."""
    return (f"{site}wp-json/", f"{site}?rest_route=/")
