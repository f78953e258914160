"""What an article is called: its heading as people see it, checked against what the page declares."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from lxml import etree

from mirror.extract.declared import first, text_in
from mirror.extract.page import is_hidden, key_of, similar, squeeze, text_of

MAX_TITLE = 500

_SUFFIX = re.compile(r"\s+(?:[|–—·•»:/]|::|-|<|«)\s+")


def title_of(
    root: etree._Element, metas: Mapping[str, list[str]], linked: Mapping[str, Any], page_title: str, site: str | None
) -> tuple[str | None, tuple[str, ...]]:
    """The title, and the letters of all its forms (with kicker, without the site's name), by which it is known again in
    the body; None when the page has no title."""
    og = _bare(first(metas, "og:title", "twitter:title") or "", site)
    headline = text_in(linked.get("headline")) or ""
    shown = _bare(page_title, site)
    if og and shown.startswith(f'{og} "'):
        og = shown  # a quotation mark ended the attribute
    references = [text for text in (og, headline, shown) if text]
    headings: list[str] = []
    for element in root.iter("h1"):
        if len(headings) < 30 and not is_hidden(element):
            text = text_of(element)
            if text and len(text) <= MAX_TITLE and key_of(text) != key_of(site or ""):
                headings.append(text)
    best, score = "", 0.0
    for text in headings:
        value = max((similar(text, reference) for reference in references), default=0.3 if len(headings) == 1 else 0.0)
        if value > score:
            best, score = text, value
    title: str
    if best and score >= 0.5:
        title = _with_its_kicker(best, headline, og) or _without_a_kicker(best, headline, og)
    elif len(headings) == 1 and not headline and not og:
        title = headings[0]
    else:
        title = headline or og or shown or (headings[0] if headings else "")
    forms = tuple(dict.fromkeys(key_of(text) for text in (title, best, og, headline, shown) if text))
    return squeeze(title)[:MAX_TITLE] or None, forms


def _with_its_kicker(title: str, headline: str, og: str) -> str | None:
    """The title as both declarations have it, when they agree and the heading is only the end of it ("Kenya: …")."""
    own, declared = key_of(title), key_of(headline)
    if declared != own and declared == key_of(og) and declared.endswith(own):
        return headline
    return None


def _without_a_kicker(title: str, headline: str, og: str) -> str:
    """The title without what only shares its heading ("Opinion Why …"): a declaration that is most of it says so."""
    own = key_of(title)
    for declared in (key_of(headline), key_of(og)):
        if own != declared and own.endswith(declared) and len(declared) > 0.5 * len(own):
            return title[-_tail_length(title, len(declared)) :].lstrip(" :|–—-")
    return title


def _tail_length(text: str, letters: int) -> int:
    """How many characters at the end of `text` hold that many letters and digits."""
    count = 0
    for number, character in enumerate(reversed(text), 1):
        count += character.isalnum()
        if count == letters:
            return number
    return len(text)


def _bare(title: str, site: str | None) -> str:
    """A title without the site's name at either end."""
    title = squeeze(title)
    parts = _SUFFIX.split(title)
    if len(parts) < 2:
        return title
    name = key_of(site or "").casefold()
    for place in (-1, 0):
        part = key_of(parts[place]).casefold()
        if name and part and (part == name or (len(part) > 3 and (part in name or name in part))):
            if place == -1:
                cut = list(_SUFFIX.finditer(title))[-1].start()
                return title[:cut].strip()
            return title[next(iter(_SUFFIX.finditer(title))).end() :].strip()
    last = list(_SUFFIX.finditer(title))[-1]
    # without a known site name only a short last part after a bar or dash is one
    if not name and len(title) - last.end() <= 30 and last.start() >= 20:
        return title[: last.start()].strip()
    return title
