"""An article that a feed or an interface gives whole, as the page it would be.

Sources often carry an article's own HTML (`content:encoded`, Atom's `content`, WordPress' `content.rendered`, a
channel's post). Made into a page with the source's word for title, time and authors in its head, it goes through the
same reduction as any page. Pure: text in, bytes out; the HTML is a stranger's and is parsed by nobody here.

    >>> from mirror.sources import Item
    >>> page_of(Item(url="https://example.org/a", title="A", content_html="<p>Text")).startswith(b"<!doctype html>")
    True
"""

from __future__ import annotations

import re
from html import escape, unescape
from typing import Protocol

from mirror.links import absolute, clean

BOX = "tamizdat-given"
KEEP = (f"div#{BOX}",)
"""The selector for `extract`: everything in the box is the article."""

TYPE = "text/html; charset=utf-8"

# WordPress ends every item of a feed with such a line, in the site's language: a link to the article, a link to the
# site, and few words around them.
_LINK = r"<a\s[^<>]{0,300}?href=[\"']([^\"'<>]{1,2048})[\"'][^<>]{0,300}>[^<>]{0,400}</a>"
_CREDIT = re.compile(rf"<p>[^<>]{{0,100}}{_LINK}[^<>]{{0,100}}{_LINK}[^<>]{{0,20}}</p>\s*\Z", re.IGNORECASE)
_TAIL = 4000
_TAG = re.compile(r"<[^<>]{0,4000}>")
_TEASER = re.compile(
    r"(?:\[?(?:…|\.\.\.)\]?|(?:\n|[.!?؟。])[^\w\n]{0,9}(?:continue reading|read more|keep reading|"
    r"read the (?:full|whole|rest)|читать (?:далее|дальше|полностью)|подробнее|weiterlesen|lire la suite|leer más|"
    r"continua a leggere|ادامه (?:مطلب|خبر)|بیشتر بخوانید|اقرأ المزيد|阅读(?:全文|更多)|繼續閱讀|続きを読む))"
    r"[\s.…»>→\]]*\Z",
    re.IGNORECASE,
)


class Given(Protocol):
    """What a source says of an article (`mirror.sources.Item` is one)."""

    @property
    def url(self) -> str: ...
    @property
    def title(self) -> str | None: ...
    @property
    def published(self) -> str | None: ...
    @property
    def updated(self) -> str | None: ...
    @property
    def content_html(self) -> str | None: ...
    @property
    def authors(self) -> tuple[str, ...]: ...
    @property
    def tags(self) -> tuple[str, ...]: ...


def page_of(item: Given, *, language: str | None = None) -> bytes:
    """The page, in UTF-8. What the source says stands in the head, before anything the article's HTML can say."""
    title = item.title or ""
    named = [
        ("og:type", "article"),
        ("og:title", title),
        ("article:published_time", item.published),
        ("article:modified_time", item.updated if item.updated != item.published else None),
        *(("article:tag", tag) for tag in item.tags[:20]),
    ]
    head = [f'<meta property="{name}" content="{escape(value)}">' for name, value in named if value]
    head += [f'<meta name="author" content="{escape(author)}">' for author in item.authors[:10]]
    spoken = f' lang="{escape(language)}"' if language else ""
    text = (
        f'<!doctype html><html{spoken}><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<link rel="canonical" href="{escape(item.url)}">{"".join(head)}</head>'
        f'<body><article><h1>{escape(title)}</h1><div id="{BOX}">{_without_credit(item)}</div></article></body></html>'
    )
    return text.encode("utf-8", "replace")


def is_teaser(html: str) -> bool:
    """Whether the text of this HTML ends as teasers do: in an ellipsis, or in words that lead on."""
    return bool(_TEASER.search("\n" + unescape(_TAG.sub("\n", html[-_TAIL:])).strip()))


def _without_credit(item: Given) -> str:
    html = item.content_html or ""
    found = _CREDIT.search(html[-_TAIL:])
    if found is None:
        return html
    target = absolute(item.url, unescape(found[1]))
    if target is None or clean(target) != clean(item.url):
        return html
    return html[: len(html) - len(html[-_TAIL:]) + found.start()]
