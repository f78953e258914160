"""Pictures of a page: which file is the best one, what is a picture at all, and who took it.

Candidates come from `<picture>` sources and `srcset`, the `data-` attributes of a dozen lazy loaders, the `<noscript>`
twin, `src`, and the link around the picture. The largest one that is not wider than 1600 pixels comes first: pictures are
re-encoded at 1200 anyway, and originals of 20 MB help nobody. A placeholder is never a candidate.
"""


# ruff: noqa: E501, PLR0912

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from lxml import etree

from mirror import links
from mirror.extract.page import MAX_CAPTION, attribute, is_caption, squeeze, text_of, visible_text

WIDEST = 1600
MAX_CANDIDATES = 6
SMALLEST = 48  # pixels, in the page's own words; smaller ones are icons and counters

_LAZY = (
    "data-src", "data-original", "data-lazy-src", "data-lazy", "data-native-src", "data-hi-res-src", "data-full-src", "data-large-file",
    "data-orig-file", "data-image", "data-img", "data-url", "data-baseurl", "data-original-src", "data-echo", "data-actualsrc", "data-ks-lazyload",
    "data-pin-media", "data-zoom-src", "data-runner-src", "data-src-large", "data-defer-src", "data-cfsrc",
)  # fmt: skip
_LAZY_SETS = ("data-srcset", "data-lazy-srcset", "data-original-set", "data-responsive", "data-sizes-srcset")
_PLACEHOLDER = re.compile(
    r"(?:^|[/_.-])(?:placeholder|grey-placeholder|spacer|blank|transparent|pixel|1x1|lazy(?:load)?|loading|loader|empty|dot|clear)"
    r"(?:[_-]?\w{0,12})?\.(?:gif|png|jpe?g|svg|webp)|\.svg(?:$|\?)|/1x1[./]|\$\{|%7B",
    re.IGNORECASE,
)
_TRACKER = re.compile(
    r"doubleclick|scorecardresearch|facebook\.com/tr|mc\.yandex|counter\.|/counter|pixel\.|/pixel|yadro\.ru|top-fwz|tns-counter|"
    r"googletagmanager|google-analytics|quantserve|chartbeat|/beacon|/track(?:ing|er)?[/.?]|statcounter|matomo|piwik|vgwort|ivwbox|omniture|/cm\.gif",
    re.IGNORECASE,
)
_FURNITURE = re.compile(
    r"(?:^|[\s_/-])(?:avatar|logo|icon|icons|emoji|sprite|gravatar|author[-_]?(?:image|photo|pic|img)?|userpic|badge|flag|button|share|social|payment|qr(?:code)?|"
    r"promo|banner|advert\w*|ads?|sponsor\w*|app-?store|google-?play)(?:$|[\s_./-])",
    re.IGNORECASE,
)
_WIDTH_IN_URL = re.compile(
    r"(?:[?&,/_:;=-](?:w|width|wid|resize|maxwidth|max_width|rs:fill:|rs:fit:)[=_:/-]?(\d{2,4})(?=\D|$))|(?:[-_/](\d{3,4})x\d{2,4}(?=\D))|(?:[_/-](\d{3,4})w?(?=[./_]))",
    re.IGNORECASE,
)
_CREDIT_CLASS = re.compile(
    r"credit|copyright|source|photographer|fotograf|autho?r|byline|agency|provider|rights|quelle|attribution|courtesy|owner",
    re.IGNORECASE,
)
_CREDIT_LABEL = (
    r"(?:photo(?:graph)?(?:er)?(?: credit| courtesy)?|image(?: credit| source)?|picture|credits?|courtesy|source|copyright|foto|fotos|bild|bildquelle|quelle|"
    r"crédit(?: photo)?|crédits|fotografía|fotografia|imagen|zdjęcie|źródło|фото|фотография|источник|автор фото|світлина|джерело|عکس|منبع عکس|منبع|تصویر|صورة|المصدر|"
    r"图源|图片来源|图片|摄影|来源|写真|©|\(c\))"
)
_CREDIT_TAIL = re.compile(
    rf"(?:^|[\s.|(\[/。])(?P<credit>{_CREDIT_LABEL}\s*(?:by|von|par|de|:|：|\||/|-|©)\s*[^()\[\]]{{2,80}}|©\s*[^()\[\]]{{2,80}})\s*[)\]]?\s*$",
    re.IGNORECASE,
)
_CREDIT_PREFIX = re.compile(rf"^\s*[(\[]?\s*{_CREDIT_LABEL}\s*(?:by|:|：|\||/|©)?\s*(?=\S)", re.IGNORECASE)
_AGENCY_TAIL = re.compile(
    r"\s*[(\[](?P<credit>[^()\[\]]{0,60}\b(?:AP|AFP|Reuters|EPA|Getty(?: Images)?|TASS|ТАСС|РИА Новости|dpa|AAP|EFE|ANSA|IRNA|ISNA|Xinhua|via AP|Pool|Shutterstock)\b[^()\[\]]{0,40})[)\]]\s*$"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A picture in the page: its addresses, the best one first, and what the page says of it."""

    candidates: tuple[str, ...]
    alt: str | None
    caption: str | None
    credit: str | None


def in_element(element: etree._Element, base: str) -> Found | None:
    """The picture of an `img`, `picture` or `amp-img`, with its caption; None when it is none worth keeping."""
    image = (
        element if element.tag in ("img", "amp-img", "image") else next(iter(element.iter("img", "amp-img")), element)
    )
    if _is_furniture(image, element):
        return None
    candidates = tuple(_best(_named(image, element), base))
    if not candidates:
        return None
    boxes = caption_boxes(element)
    caption, credit = caption_of(boxes)
    alt = squeeze(image.get("alt") or "")[:500] or None
    if not boxes:
        caption = squeeze(image.get("data-caption") or image.get("data-image-caption") or "")[:MAX_CAPTION] or None
        if caption and "<" in caption:
            caption = None
    return Found(candidates=candidates, alt=alt, caption=caption, credit=credit)


def caption_boxes(element: etree._Element) -> list[etree._Element]:
    """The elements that hold a picture's caption: those of its figure, or of the box it shares with no other picture and no
    paragraph, or what follows it at once."""
    above = element.getparent()
    for _ in range(7):
        if above is None or above.tag in ("body", "html", "article", "main", "td"):
            break
        if above.tag == "figure":
            inner = _captions_in(above)
            if inner or _credit_parts(above):
                return inner or [above]
            break
        above = above.getparent()
    here = element
    for level in range(5):
        parent = here.getparent()
        if parent is None or parent.tag in ("body", "html"):
            break
        following = here.getnext()
        for _ in range(2):
            while following is not None and (
                following.tag in ("noscript", "script", "style", "br", "source", "svg")
                or not isinstance(following.tag, str)
            ):
                following = following.getnext()
            if following is None or next(iter(following.iter("img", "video", "iframe")), None) is not None:
                break
            length = len(text_of(following))
            if length <= MAX_CAPTION and is_caption(following):
                return [following]
            inner = _captions_in(following) if length <= MAX_CAPTION else []
            if inner and length <= sum(len(text_of(box)) for box in inner) + 80:
                return inner
            if length:
                break
            following = following.getnext()
        if following is not None and len(text_of(following)) and level:
            break
        if sum(1 for image in parent.iter("img") if not _in_noscript(image)) > 1 or parent.tag in (
            "article",
            "main",
            "td",
        ):
            break
        here = parent
    return []


def _captions_in(box: etree._Element) -> list[etree._Element]:
    found: list[etree._Element] = []
    for inner in box.iterdescendants():
        if not isinstance(inner.tag, str) or not is_caption(inner):
            continue
        nested = any(inner in other.iterdescendants() for other in found)
        if not nested and next(iter(inner.iter("img")), None) is None and text_of(inner):
            found.append(inner)
    return found


def _in_noscript(element: etree._Element) -> bool:
    parent = element.getparent()
    return parent is not None and parent.tag == "noscript"


def caption_of(boxes: Sequence[etree._Element]) -> tuple[str | None, str | None]:
    """Caption and credit, kept apart, of the elements that hold them."""
    captions: list[str] = []
    credits_: list[str] = []
    for box in boxes:
        if box.tag == "figure":
            credits_.extend(squeeze("".join(visible_text(part))) for part in _credit_parts(box))
            continue
        if box.tag != "figcaption" and _names_credit(box):
            credits_.append(text_of(box))
            continue
        parts = _credit_parts(box)
        credits_.extend(squeeze("".join(visible_text(part))) for part in parts)
        captions.append(squeeze("".join(_text_without(box, {id(part) for part in parts}))))
    caption = squeeze(" ".join(dict.fromkeys(text for text in captions if text)))
    credit = squeeze(", ".join(dict.fromkeys(text for text in credits_ if text)))
    if caption and not credit:
        caption, credit = split_credit(caption)
    caption = caption.rstrip(" |/·–—-")[:MAX_CAPTION]
    credit = _CREDIT_PREFIX.sub("", credit).strip(" ()[]|/·")[:200]
    return caption or None, credit or None


def split_credit(text: str) -> tuple[str, str]:
    """Takes "Photo: A. N. Other", "© AFP" or "(AP Photo)" off the end of a caption."""
    for pattern in (_AGENCY_TAIL, _CREDIT_TAIL):
        found = pattern.search(text)
        if found:
            credit = squeeze(found["credit"])
            return squeeze(text[: found.start("credit")]).rstrip(" (|/[·–—-"), credit
    return text, ""


def _names_credit(box: etree._Element) -> bool:
    return bool(_CREDIT_CLASS.search(attribute(box, "class"))) and not re.search(
        "caption", attribute(box, "class"), re.IGNORECASE
    )


def _credit_parts(box: etree._Element) -> list[etree._Element]:
    found: list[etree._Element] = []
    for part in box.iter("span", "small", "cite", "em", "i", "p", "div", "a", "strong", "b", "footer", "dd", "li"):
        if part is box:
            continue
        named = _CREDIT_CLASS.search(attribute(part, "class")) or _CREDIT_CLASS.search(attribute(part, "itemprop"))
        if (part.tag in ("cite", "small") or named) and not any(part in other.iterdescendants() for other in found):
            inner = any(
                re.search("caption", attribute(below, "class"), re.IGNORECASE)
                for below in part.iterdescendants()
                if isinstance(below.tag, str)
            )
            if not inner and text_of(part):
                found.append(part)
    return found


def _text_without(element: etree._Element, left_out: set[int]) -> Iterator[str]:
    if id(element) in left_out or element.tag in ("script", "style", "button", "svg", "template", "noscript"):
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


def _is_furniture(image: etree._Element, element: etree._Element) -> bool:
    width, height = _pixels(image, "width"), _pixels(image, "height")
    small = [value for value in (width, height) if 0 < value < SMALLEST]
    # 16 by 9 is how some sites write a ratio
    if small and (
        min(small) <= 2 or not (width and height) or (width <= 64 and height <= 64 and (width, height) not in _RATIOS)
    ):
        return True
    where = " ".join((attribute(image, "class"), attribute(image, "id"), attribute(element, "class")))
    if _FURNITURE.search(where):
        return True
    if width >= 400 or any(True for _ in element.iterancestors("figure")):
        return False
    above = element.getparent()
    for _ in range(3):
        if above is None or above.tag in ("body", "article"):
            break
        if _FURNITURE.search(attribute(above, "class")):
            return True
        above = above.getparent()
    name = attribute(image, "src").rsplit("/", 1)[-1]
    return bool(re.match(r"(?:logo|icon|avatar|sprite|emoji)[-_.\d]", name, re.IGNORECASE))


_RATIOS = frozenset(((16, 9), (9, 16), (4, 3), (3, 4), (3, 2), (2, 3), (16, 10), (5, 4), (4, 5), (21, 9)))


def _pixels(image: etree._Element, name: str) -> int:
    value = (image.get(name) or "").removesuffix("px").strip()
    return int(value) if value.isdigit() and len(value) <= 5 else 0


def _named(image: etree._Element, element: etree._Element) -> Iterator[tuple[str, int, int]]:
    """(address, width or 0, rank of the place it was named in) for everything that may be the picture."""
    picture = element if element.tag == "picture" else image.getparent()
    if picture is not None and picture.tag == "picture":
        for source in picture.iter("source"):
            for name in ("srcset", "data-srcset", "data-lazy-srcset", "src"):
                for address, width in parse_srcset(source.get(name) or ""):
                    yield address, width, 1
    for name in _LAZY_SETS:
        for address, width in parse_srcset(image.get(name) or ""):
            yield address, width, 1
    for address, width in parse_srcset(image.get("srcset") or ""):
        yield address, width, 1
    for name in _LAZY:
        if value := image.get(name):
            yield value, _wide(image), 2
    for twin in _noscript_twins(image):
        for address, width in parse_srcset(twin.get("srcset") or ""):
            yield address, width, 3
        if value := twin.get("src"):
            yield value, _wide(twin), 3
    if value := image.get("src"):
        yield value, _wide(image), 4
    link = image.getparent()
    for _ in range(2):
        if link is not None and link.tag == "a":
            target = link.get("href") or ""
            if re.search(r"\.(?:jpe?g|png|webp)(?:$|\?)", target, re.IGNORECASE):
                yield target, 0, 5
            break
        link = link.getparent() if link is not None else None


def _noscript_twins(image: etree._Element) -> Iterator[etree._Element]:
    here: etree._Element | None = image
    for _ in range(2):
        if here is None:
            return
        for beside in (here.getnext(), here.getprevious()):
            if beside is not None and beside.tag == "noscript":
                yield from beside.iter("img")
        here = here.getparent()


def _wide(image: etree._Element) -> int:
    """The width the element claims, 0 when it is none (or a ratio)."""
    width = _pixels(image, "width")
    return width if width >= SMALLEST else 0


def parse_srcset(text: str) -> list[tuple[str, int]]:
    """(address, width) pairs; `2x` counts as twice 600. Addresses may hold commas, so a candidate ends at white space."""
    found: list[tuple[str, int]] = []
    for match in re.finditer(r"\s*,?\s*([^\s,]\S*)(?:\s+([\d.]{1,8})([wx]))?\s*(?:,|$)?", text[:20_000]):
        address = match[1]
        if not match[2]:
            address = address.rstrip(",")
        try:
            width = int(float(match[2]) * (600 if match[3] == "x" else 1)) if match[2] else 0
        except ValueError:
            width = 0
        if address[:5].lower() != "data:":
            found.append((address, width))
        if len(found) >= 40:
            break
    return found


def _best(named: Iterable[tuple[str, int, int]], base: str) -> list[str]:
    ranked: dict[str, tuple[int, int, int]] = {}
    for number, (address, width, rank) in enumerate(named):
        url = usable(address, base)
        if url is None:
            continue
        wide = width or width_in(url)
        if not wide:
            wide = {1: 500, 2: 900, 3: 950, 4: 700, 5: 1500}[rank]
        if 0 < wide < SMALLEST:
            continue
        # up to WIDEST the larger the better; beyond it the smaller the better, after all others
        score = -wide if wide <= WIDEST else wide - WIDEST - 600
        place = (score, rank, number)
        if url not in ranked or place < ranked[url]:
            ranked[url] = place
    return sorted(ranked, key=lambda url: ranked[url])[:MAX_CANDIDATES]


def usable(address: str | None, base: str) -> str | None:
    """The absolute address when it may be a picture: no placeholder, no tracker, no SVG."""
    if not address or _PLACEHOLDER.search(address[-300:]):
        return None
    url = links.absolute(base, address)
    if url is None or _TRACKER.search(url[:300]):
        return None
    return url


def width_in(url: str) -> int:
    """The width an image server's address claims; 0 when it claims none."""
    for found in _WIDTH_IN_URL.finditer(url[-600:]):
        value = int(next(group for group in found.groups() if group))
        if 100 <= value <= 6000 and not 1990 <= value <= 2035:  # a year in a path is no width
            return value
    return 0


def same_picture(one: str, other: str) -> bool:
    """Whether two addresses are sizes of one picture: equal file names without size marks, if the name says anything."""
    return bool(one) and bool(other) and (one == other or bool(_stem(one) & _stem(other)))


def _stem(url: str) -> set[str]:
    found: set[str] = set()
    tail = re.split(r"https?(?:://|%3A%2F%2F)", url, flags=re.IGNORECASE)[
        -1
    ]  # image servers carry the address of the original
    for part in (tail.split("?", 1)[0], url.split("?", 1)[0]):
        name = part.replace("%2F", "/").rstrip("/").rsplit("/", 1)[-1].lower()
        name = re.sub(r"\.(?:jpe?g|png|webp|gif|avif|jfif)$", "", name)
        name = re.sub(
            r"(?:[-_](?:\d{2,4}x\d{2,4}|\d{3,4}w?|scaled|large|medium|small|thumb|xl|l|m|s|crop|cropped|w\d+|h\d+|q\d+))+$",
            "",
            name,
        )
        if len(name) >= 8 and not re.fullmatch(r"image|photo|picture|original|index|default|\d{1,5}", name):
            found.add(name)
    for token in re.findall(
        r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{24,64}|\d{7,12}", url.lower()
    ):
        found.add(token)
    return found
