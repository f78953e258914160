"""HTML made of values that cannot be anything else.

`el("p", "a < b")` is `<p>a &lt; b</p>`: whatever is not already `Html` is text and gets escaped, so forgetting to
escape is not possible; only this module makes `Html`. Attributes are always quoted. An address may be followed or
loaded only when it is `http(s)`, or one of our own relative paths; anything else raises `ValueError` here, as the last
of two nets (the first, `outward`, turns a bad address into no link at all).
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from urllib.parse import urlsplit

VOID = frozenset({"br", "hr", "img", "link", "meta"})
# Not characters HTML or XML can carry: C0 and C1 controls, halves of surrogate pairs, non-characters.
UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
OUTWARD = re.compile(r"https?://[^\s/?#\\\"'<>]+(?:[/?#][^\s\"'<>\\]*)?", re.IGNORECASE)
OURS = re.compile(r"(?:\.\./)?[a-z0-9][a-z0-9/._-]*(?:#[a-z]+)?|#[a-z]+[0-9]*|data:,")


class Html(str):
    """Markup: text that was escaped already, and elements around it."""

    __slots__ = ()


def clean(text: str) -> str:
    """The text with what no page may carry replaced by U+FFFD. Bidi and joining controls stay: they are spelling."""
    return UNPRINTABLE.sub("\ufffd", text)


def escape(text: str) -> Html:
    """Text as markup. Quotes stay as they are outside attributes, for the sake of size."""
    return text if isinstance(text, Html) else Html(html.escape(clean(text), quote=False))


def join(pieces: Iterable[str | None], between: str = "") -> Html:
    """Pieces one after another; text among them is escaped, `None` and nothing are left out."""
    return Html(escape(between).join(escape(piece) for piece in pieces if piece))


def outward(url: str | None) -> str | None:
    """The address when a person may be led there: absolute, http or https, without blanks or quotes; else `None`."""
    if not url or not OUTWARD.fullmatch(url) or UNPRINTABLE.search(url):
        return None
    try:
        return url if urlsplit(url).hostname else None
    except ValueError:  # a broken IPv6 address
        return None


def el(tag: str, /, *children: str | None, **attributes: str | int | bool | None) -> Html:
    """One element. Attribute names lose a trailing `_` (`class_`) and turn `_` into `-`; `None` and `False` leave the
    attribute out, `True` gives it without a value."""
    opening = [tag]
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        attribute = key.rstrip("_").replace("_", "-")
        if value is True:
            opening.append(attribute)
            continue
        text = clean(str(value))
        if attribute in ("href", "src") and not (OURS.fullmatch(text) or outward(text)):
            raise ValueError(f"not an address a page may point at: {text[:80]!r}")
        opening.append(f'{attribute}="{html.escape(text)}"')
    start = f"<{' '.join(opening)}>"
    return Html(start if tag in VOID else f"{start}{join(children)}</{tag}>")
