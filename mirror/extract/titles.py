"""What an article is called: its heading as people see it, checked against what the page declares."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import islice
from typing import Any

from lxml import etree

from mirror.extract.declared import first, text_in
from mirror.extract.page import attribute, is_hidden, key_of, similar, squeeze, text_of

MAX_TITLE = 500
FEWEST = 16  # letters of a title that is looked for elsewhere

_PARTS = tuple("|–—·•»:/-<«_｜－‒―：")
_SUFFIX = re.compile(r"\s+(?:[|–—·•»:/]|::|-|<|«)\s+")
_TIGHT = re.compile(
    r"\s*(?:[_|｜：]|--+|——)\s*(?=\S)"
)  # how Chinese and Japanese pages put the site's name after a title
_BAR = re.compile(r"\s*(?:[|_｜]|--+)\s*(?=\S)")
_HAN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_KICKER = re.compile(
    r"(?:^|[\s_-])(?:kicker|overline|over-?title|super-?title|supra|dachzeile|spitzmarke|top-?line|eyebrow|pre-?title|"
    r"ante-?titulo|cintillo|volanta|occhiello|rubric|roofline|strapline-top|section-?label|catchline)",
    re.IGNORECASE,
)


def title_of(
    root: etree._Element, metas: Mapping[str, list[str]], linked: Mapping[str, Any], page_title: str, site: str | None
) -> tuple[str | None, tuple[str, ...]]:
    """The title, and the letters of all its forms (with kicker, without the site's name), by which it is known again in
    the body; None when the page has no title."""
    og = _bare(first(metas, "og:title", "twitter:title") or "", site)
    headline = text_in(linked.get("headline")) or ""
    also = text_in(linked.get("alternativeHeadline")) or ""
    shown = _bare(page_title, site)
    if og and shown.startswith(f'{og} "'):
        og = shown  # a quotation mark ended the attribute
    references = [text for text in (og, headline, shown) if text]
    headings: list[str] = []
    boxes: set[str] = set()
    wholes: dict[str, str] = {}  # headings with the kicker in their box
    for element in root.iter("h1"):
        if len(headings) < 30 and not is_hidden(element):
            text = text_of(element)
            if text and len(text) <= MAX_TITLE and not _is_site(text, site, page_title):
                headings.append(text)
            boxes.update(key_of(text_of(part)) for part in islice(element.iterdescendants(), 20))
            plain = _without_kicker_box(element) if headings[-1:] == [text] else ""
            if plain and key_of(text) not in map(key_of, references):
                wholes[plain] = headings.pop()
                headings.append(plain)
    best, score = "", 0.0
    for text in headings:
        value = max((similar(text, reference) for reference in references), default=0.3 if len(headings) == 1 else 0.0)
        if value > score:
            best, score = text, value
    title: str
    if best and score >= 0.5:
        title = (
            _shown_below(root, best, og, headline if also == headline else "")
            or _with_its_kicker(best, headline, og)
            or _without_a_kicker(best, headline, og, shown, boxes)
        )
    elif len(headings) == 1 and not headline and not og:
        title = headings[0]
    else:
        title = headline or og or shown or (headings[0] if headings else "")
    forms = tuple(dict.fromkeys(key_of(text) for text in (title, best, wholes.get(best), og, headline, shown) if text))
    return squeeze(title)[:MAX_TITLE] or None, forms


def _without_kicker_box(heading: etree._Element) -> str:
    """A heading's text without the element in it that is named after kickers; "" when that leaves little."""
    boxes = [
        part
        for part in heading.iterdescendants("span", "div", "small", "strong", "p", "a", "em", "b")
        if _KICKER.search(attribute(part, "class"))
    ]
    if not boxes:
        return ""
    inside = {inner for box in boxes for inner in box.iter()}
    pieces: list[str] = [heading.text or ""]
    for part in heading.iterdescendants():
        if part not in inside and isinstance(part.tag, str):
            pieces.append(part.text or "")
        if part not in inside or part in boxes:
            pieces.append(part.tail or "")
    text = squeeze("".join(pieces)).lstrip(":|–—- ")
    return text if len(key_of(text)) > 0.3 * len(key_of(text_of(heading))) else ""


def _shown_below(root: etree._Element, heading: str, *declared: str) -> str | None:
    """A declared title that the page shows word for word in a second-level heading, where the first-level one is worded
    for search engines."""
    wanted = [text for text in declared if len(key_of(text)) >= FEWEST and similar(text, heading) < 1.0]
    for element in islice(root.iter("h2"), 4) if wanted else ():
        own = key_of(text_of(element)) if not is_hidden(element) else ""
        for text in wanted:
            key = key_of(text)
            if key and own.endswith(key) and len(key) > 0.5 * len(own) and key not in key_of(heading):
                return text
    return None


def _is_site(heading: str, site: str | None, page_title: str) -> bool:
    """Whether a heading is only the name of the site, as the page's title has it at its end."""
    own, whole = key_of(heading).casefold(), key_of(page_title).casefold()
    if own == key_of(site or "").casefold():
        return True
    return len(own) < 0.5 * len(whole) and whole.endswith(own) and _named_last(heading, page_title)


def _named_last(heading: str, page_title: str) -> bool:
    """Whether something that parts stands before the heading where it ends the page's title."""
    before = page_title[: len(page_title) - _tail_length(page_title, len(key_of(heading)))].rstrip()
    return before[-1:] in _PARTS or bool(_HAN.search(heading))


def _with_its_kicker(title: str, headline: str, og: str) -> str | None:
    """The title as both declarations have it, when they agree and the heading is only the end of it ("Kenya: …")."""
    own, declared = key_of(title), key_of(headline)
    if declared != own and declared == key_of(og) and declared.endswith(own):
        return headline
    return None


def _without_a_kicker(title: str, headline: str, og: str, shown: str, boxes: set[str]) -> str:
    """The title without what only shares its heading ("Opinion Why …"): a declaration that is most of it says so. Where
    another declaration has it whole, the kicker must stand in a box of its own, or in the page's title too."""
    own = key_of(title)
    whole = own == key_of(headline)
    if whole and key_of(shown) != own and not any(box and own.startswith(box) for box in boxes):
        return title
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
    name = key_of(site or "").casefold()
    for pattern in (_SUFFIX, _TIGHT):
        marks_ = list(pattern.finditer(title))
        if not marks_:
            continue
        last, begin = marks_[-1], marks_[0]
        if _names(title[last.end() :], name):
            return _without_section(title[: last.start()].strip())
        if pattern is _SUFFIX and _names(title[: begin.start()], name):
            return title[begin.end() :].strip()
        # without a known site name only a short last part after a bar or dash is one
        if not name and len(title) - last.end() <= 30 and last.start() >= 20 and pattern is _SUFFIX:
            return title[: last.start()].strip()
        if (
            not name
            and pattern is _TIGHT
            and len(title) - last.end() <= 12
            and last.start() >= 8
            and _HAN.search(title)
        ):
            return _without_section(title[: last.start()].strip())
    return title


def _names(part: str, name: str) -> bool:
    """Whether a part of a title is the site's name, or most of it."""
    own = key_of(part).casefold()
    return bool(name and own) and (own == name or (len(own) > 3 and (own in name or name in own)))


def _without_section(title: str) -> str:
    """A title without the section that stood between it and the site's name: "… | World", "…_时政", "…--时政"."""
    marks_ = list(_BAR.finditer(title))
    if marks_ and len(title) - marks_[-1].end() <= 20 and marks_[-1].start() >= (8 if _HAN.search(title) else 20):
        return title[: marks_[-1].start()].strip()
    return title
