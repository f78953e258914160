"""What a page says under a picture: the caption, and apart from it who took the picture."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice

from lxml import etree

from mirror.extract.page import (
    MAX_CAPTION,
    attribute,
    is_caption,
    is_hidden,
    remembered,
    squeeze,
    text_of,
    visible_text,
)

FARTHEST = 7  # boxes up from a picture; nothing that is only in a higher one is its caption
MAX_CREDIT_LINE = 100
MAX_ELEMENTS = 1000  # of a figure, looked through for its caption
MAX_FIGURE = 4000  # characters; a figure with more text is a section
FEWEST_WORDS = 3
MOST_WORDS = 8  # of a name and whom it works for
MAX_LOOSE = 400  # characters of a caption that is not marked as one

# Said before a caption: to screen readers, in place of a player, in a slide show.
_SPOKEN = re.compile(
    r"^(?:media playback is (?:un|not )supported on (?:your|this) device\s*)?"
    r"(?:(?:media|image|picture) caption[,:]?\s*)?"
    r"(?:\d{1,3}\s*(?:of|/|von|из|sur|de)\s*\d{1,3}\s*[|:–—-]?\s*(?=\D))?",
    re.IGNORECASE,
)
_WORDS = re.compile(r"[^\W\d_]{2,}|[\u3040-\u30ff\u3400-\u9fff]{2}")
_NO_TEXT = ("noscript", "script", "style", "br", "source", "svg", "button")
_PICTURE_BOX = re.compile(
    r"image|img|photo|foto|picture|figure|illustration|media|bild|slide|carousel|gallery|caption|thumb",
    re.IGNORECASE,
)

_CREDIT_CLASS = re.compile(
    r"credit|copyright|source|photographer|fotograf|auth?or|byline|agency|provider|rights|quelle|attribution|"
    r"courtesy|owner",
    re.IGNORECASE,
)
_is_credit_class = remembered(_CREDIT_CLASS)
_CREDIT_LABEL = (
    r"(?:photo(?:graph)?(?:er)?(?: credit| courtesy)?|image(?: credit| source)?|picture|credits?|courtesy|source|"
    r"copyright|foto|fotos|bild|bildquelle|quelle|"
    r"crédit(?: photo)?|crédits|fotografía|fotografia|imagen|zdjęcie|źródło|фото|фотография|источник|автор фото|"
    r"світлина|джерело|عکس|منبع عکس|منبع|تصویر|صورة|المصدر|"
    r"图源|图片来源|图片|摄影|来源|写真|©|\(c\))"
)
_CREDIT_TAIL = re.compile(
    rf"(?:^|[\s.|(\[/。])(?P<credit>{_CREDIT_LABEL}\s*(?:by|von|par|de|:|：|\||/|-|©)\s*[^()\[\]]{{2,80}}|"
    rf"©\s*[^()\[\]]{{2,80}})\s*[)\]]?\s*$",
    re.IGNORECASE,
)
_CREDIT_PREFIX = re.compile(rf"^\s*[(\[]?\s*{_CREDIT_LABEL}\s*(?:by|:|：|\||/|©)?\s*(?=\S)", re.IGNORECASE)
_CREDIT_LINE = re.compile(rf"[(\[]?\s*{_CREDIT_LABEL}\s*(?:by\b|[:：|©])\s*\S", re.IGNORECASE)
_AGENCY_TAIL = re.compile(
    r"\s*[(\[](?P<credit>[^()\[\]]{0,60}\b(?:AP|AFP|Reuters|EPA|Getty(?: Images)?|TASS|ТАСС|РИА Новости|dpa|AAP|EFE|"
    r"ANSA|IRNA|ISNA|Xinhua|via AP|Pool|Shutterstock)\b[^()\[\]]{0,40})[)\]]\s*$"
)

_NAMED = r"[^\W\d_a-zа-яё][^()\[\]|:;!?。]"
_WORKS_FOR = r"[^()\[\]|:;!?。]"
# After a sentence: a name in brackets, two with a stroke, a name and an agency. After a bar. After a wide equals sign.
_PLAIN_TAIL = re.compile(
    rf"(?:(?<=[.!?…\"”“’»)])\s*\(\s*(?P<inside>{_NAMED}{{1,58}}?)\s*\)|"
    rf"(?<=[.!?…\"”“’»)])(?<![\s/.][^\W\d_]\.)\s*(?P<slashed>{_NAMED}{{1,38}}/\s?{_WORKS_FOR}{{1,38}})|"
    rf"(?<=[.!?…\"”“’»)])\s+(?P<shouted>{_NAMED}{{1,38}}\s\([A-Z]{{2,12}}(?: [A-Z]{{2,12}})?\))|"
    rf"\s\|\s(?P<barred>{_NAMED}{{1,38}}/\s?{_WORKS_FOR}{{1,38}})|"
    r"＝(?P<equals>[^＝。、]{1,20}))\s*$"
)
_AGENCY_ALONE = re.compile(
    r"(?<=[.!?…\"”“’»)])\s*(?P<credit>Getty(?: Images)?|AFP|AP|Reuters|EPA|dpa|Keystone|Imago|Shutterstock|Unsplash|"
    r"Pexels|Adobe Stock|iStock|Alamy|TASS|ТАСС|РИА Новости|Xinhua)\s*$",
    re.IGNORECASE,
)


def boxes_of(element: etree._Element) -> list[etree._Element]:
    """The elements that hold a picture's caption: those of its figure; what follows it and is named a caption; the
    rest of a small box that it shares with no other picture."""
    return _in_figure(element) or _after(element) or _around(element)


def _in_figure(element: etree._Element) -> list[etree._Element]:
    for above in islice(element.iterancestors(), FARTHEST):
        if above.tag in ("body", "html", "article", "main", "td"):
            break
        if above.tag == "figure":
            if _length(above) > MAX_FIGURE:
                break
            inner = _captions_in(above)
            credits_ = _credit_parts(above)
            beside = [part for part in credits_ if not any(box in inner for box in (part, *part.iterancestors()))]
            return [*inner, *beside] if inner else [above] if credits_ else []
    return []


def _after(element: etree._Element) -> list[etree._Element]:
    here = element
    for level in range(5):
        parent = here.getparent()
        if parent is None or parent.tag in ("body", "html"):
            break
        following = here.getnext()
        for _ in range(2):
            while following is not None and (following.tag in _NO_TEXT or not isinstance(following.tag, str)):
                following = following.getnext()
            if following is None or next(iter(following.iter("img", "video", "iframe")), None) is not None:
                break
            length = _length(following)
            if length <= MAX_CAPTION and is_caption(following):
                return [following]
            inner = _captions_in(following) if length <= MAX_CAPTION else []
            if inner and length <= sum(_length(box) for box in inner) + 80:
                return inner
            if length:
                break
            following = following.getnext()
        if following is not None and level and _length(following):
            break
        if _holds_several(parent) or parent.tag in ("article", "main", "td"):
            break
        here = parent
    return []


def _around(element: etree._Element) -> list[etree._Element]:
    """The nearest box around a picture that holds text, when it is named after pictures or holds only a line or two."""
    for above in islice(element.iterancestors(), FARTHEST - 1):
        if above.tag in ("body", "html", "article", "main", "td", "li", "a", "header") or _holds_several(above):
            break
        if _length(above) > MAX_FIGURE:
            break
        text = squeeze("".join(_text_without(above, set())))
        if not text:
            continue
        if (
            len(text) > MAX_LOOSE
            or next(above.iter("h1", "h2", "h3", "h4", "ul", "form", "iframe", "video"), None) is not None
        ):
            break
        if len(_WORDS.findall(text)) < FEWEST_WORDS:
            break
        named = bool(_PICTURE_BOX.search(attribute(above, "class")))
        plain = next(above.iter("p", "a", "time"), None) is None
        if named or plain:
            return [above]
    return []


def _length(element: etree._Element) -> int:
    """How many characters of text an element holds; what is over `MAX_FIGURE` is not counted out."""
    length = 0
    for text in element.itertext():
        length += len(text.strip())
        if length > MAX_FIGURE:
            break
    return length


def _holds_several(box: etree._Element) -> bool:
    """Whether there is more than one picture in a box; twins in `<noscript>` do not count."""
    shown = (image for image in box.iter("img", "amp-img") if next(image.iterancestors("noscript"), None) is None)
    return len(list(islice(shown, 2))) > 1


def _captions_in(box: etree._Element) -> list[etree._Element]:
    found: list[etree._Element] = []
    for inner in islice(box.iterdescendants(), MAX_ELEMENTS):
        if not isinstance(inner.tag, str) or not is_caption(inner):
            continue
        nested = bool(found) and found[-1] in inner.iterancestors()
        if not nested and next(iter(inner.iter("img")), None) is None and text_of(inner):
            found.append(inner)
    return found


def read(boxes: Sequence[etree._Element]) -> tuple[str | None, str | None]:
    """Caption and credit, kept apart, of the elements that hold them."""
    captions: list[str] = []
    credits_: list[str] = []
    for box in boxes:
        if is_credit(text_of(box)) and next(iter(box.iterdescendants("div", "p", "li")), None) is None:
            credits_.append(text_of(box))
            continue
        if box.tag == "figure":
            credits_.extend(squeeze("".join(visible_text(part))) for part in _credit_parts(box))
            continue
        if box.tag != "figcaption" and _names_credit(box):
            credits_.append(text_of(box))
            continue
        parts = _credit_parts(box)
        credits_.extend(squeeze("".join(visible_text(part))) for part in parts)
        captions.append(squeeze("".join(_text_without(box, {id(part) for part in parts}))))
    whole = dict.fromkeys(text for text in captions if text)
    caption = squeeze(" ".join(one for one in whole if not any(one != other and one in other for other in whole)))
    credit = squeeze(", ".join(dict.fromkeys(text for text in credits_ if text)))
    if caption and not credit:
        caption, credit = split_credit(caption)
    caption = _SPOKEN.sub("", caption).rstrip(" |/·–—-")[:MAX_CAPTION]
    for _ in range(2):  # "Foto: Bild: dpa"
        credit = _CREDIT_PREFIX.sub("", credit)
    credit = credit.strip(" []|/·")[:200]
    if credit.count("(") != credit.count(")") or (credit[:1] == "(" and credit[-1:] == ")"):
        credit = credit.strip(" ()")
    return caption or None, credit or None


def is_credit(text: str) -> bool:
    """Whether a line only says who took a picture: "Photo: A. N. Other"."""
    return len(text) <= MAX_CREDIT_LINE and bool(_CREDIT_LINE.match(text))


def split_credit(text: str) -> tuple[str, str]:
    """Takes "Photo: A. N. Other", "© AFP" or "(AP Photo)" off the end of a caption."""
    text = text[:MAX_CAPTION]
    for pattern in (_AGENCY_TAIL, _CREDIT_TAIL):
        found = pattern.search(text)
        if found:
            credit = squeeze(found["credit"])
            return squeeze(text[: found.start("credit")]).rstrip(" (|/[·–—-"), credit
    found = _AGENCY_ALONE.search(text) or _PLAIN_TAIL.search(text)
    if found:
        name = next(group for group in found.groups() if group)
        if len(name.split()) <= MOST_WORDS and not re.search(r"(?:19|20)\d\d", name):
            return squeeze(text[: found.start()]).rstrip(" (|/[·–—-＝"), squeeze(name)
    return text, ""


def in_attributes(image: etree._Element) -> tuple[str | None, str | None]:
    """Caption and credit as the image's own attributes say. Its `alt` and `title` are neither: they describe what is
    to be seen to those who do not see it."""
    for name in ("data-caption", "data-image-caption", "data-description"):
        text = squeeze(image.get(name) or "")
        if text and "<" not in text and len(text) <= MAX_CAPTION:
            caption, credit = split_credit(text)
            return caption or None, squeeze(image.get("data-credit") or credit)[:200] or None
    return None, squeeze(image.get("data-credit") or "")[:200] or None


def _names_credit(box: etree._Element) -> bool:
    return _is_credit_class(attribute(box, "class")) and not re.search(
        "caption", attribute(box, "class"), re.IGNORECASE
    )


def _credit_parts(box: etree._Element) -> list[etree._Element]:
    found: list[etree._Element] = []
    inside = box.iter("span", "small", "cite", "em", "i", "p", "div", "a", "strong", "b", "footer", "dd", "li")
    for part in islice(inside, MAX_ELEMENTS):
        if part is box or (found and found[-1] in part.iterancestors()):
            continue
        named = _is_credit_class(attribute(part, "class")) or _is_credit_class(attribute(part, "itemprop"))
        by_word = is_credit(text_of(part)) and next(iter(part.iter("img")), None) is None
        if part.tag in ("cite", "small") or named or by_word:
            inner = any(
                re.search("caption", attribute(below, "class"), re.IGNORECASE)
                for below in part.iterdescendants()
                if isinstance(below.tag, str)
            )
            if not inner and text_of(part):
                found.append(part)
    return found


def _text_without(element: etree._Element, left_out: set[int]) -> Iterator[str]:
    if (
        id(element) in left_out
        or is_hidden(element)
        or element.tag in ("script", "style", "button", "svg", "template", "noscript")
    ):
        return
    if element.text:
        yield element.text
    for child in element:
        if isinstance(child.tag, str):
            if child.tag in ("br", "p", "div"):
                yield " "
            yield from _text_without(child, left_out)
        if child.tail:
            yield child.tail
