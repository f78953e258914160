"""Which addresses are articles, as an operator writes it: `articles = ["/news/*"]`, `exclude = ["/news/horoscope/*"]`.

A pattern is compared with the path of an address - with its query too, where the pattern has a `?` - or, when it begins
with `http://` or `https://`, with the whole of it. `*` stands for anything, also for nothing and for slashes. Letters
outside ASCII are written as they are. There is nothing else to know, and matching is linear.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote, urlsplit

from mirror.sources import Item, Outlet


def matches(pattern: str, url: str) -> bool:
    """Whether the absolute address `url`, in normal form, is one that `pattern` means."""
    parts = urlsplit(url)
    if pattern.startswith(("http://", "https://")):
        text = url if "?" in pattern else f"{parts.scheme}://{parts.netloc}{parts.path}"
    else:
        text = f"{parts.path}?{parts.query}" if "?" in pattern and parts.query else parts.path
    pieces = quote(pattern, safe="/:@!$&'()*+,;=~-._?%[]|").split("*")
    if len(pieces) == 1:
        return text == pieces[0]
    first, *middle, last = pieces
    if not text.startswith(first) or len(text) < len(first) + len(last) or not text.endswith(last):
        return False
    place, end = len(first), len(text) - len(last)
    for piece in middle:
        place = text.find(piece, place, end)
        if place < 0:
            return False
        place += len(piece)
    return True


def is_post(item: Item) -> bool:
    """Whether this is a post of a Telegram channel itself, not an article it links to."""
    return (item.guid or "").startswith("telegram:")


def wanted(outlet: Outlet, items: Iterable[Item]) -> tuple[Item, ...]:
    """The items whose address the outlet's patterns let through. A channel's own post has no address at the site, so
    `articles` does not speak of it."""
    return tuple(
        item
        for item in items
        if (not outlet.articles or is_post(item) or any(matches(one, item.url) for one in outlet.articles))
        and not any(matches(one, item.url) for one in outlet.exclude)
    )
