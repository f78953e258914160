"""Pictures of a page: which file is the best one, what is a picture at all, and who took it.

Candidates come from `<picture>` sources and `srcset`, the `data-` attributes of a dozen lazy loaders, the `<noscript>`
twin, `src`, and the link around the picture. The largest one that is not wider than 1600 pixels comes first: pictures
are re-encoded at 1200 anyway, and originals of 20 MB help nobody. A placeholder is never a candidate. An address with a
hole in it (`…/59234409_${formatId}.jpg`) is filled as the page's other pictures show that it is filled.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

from lxml import etree

from mirror import links
from mirror.extract import captions
from mirror.extract.bylines import by_line
from mirror.extract.page import attribute, squeeze
from mirror.model import PictureRef

WIDEST = 1600
MAX_CANDIDATES = 6
MAX_LOOKED = 400  # elements of a page; the most of 559 news pages is below 300
GOOD = 480  # pixels; narrower ones are small for a phone
SMALLEST = 48  # pixels, in the page's own words; smaller ones are icons and counters

# Attributes in which lazy loaders keep the address: these, and whatever is named `data-…-src` or `data-…srcset`.
_LAZY = frozenset(
    [
        "data-src",
        "data-original",
        "data-lazy",
        "data-large-file",
        "data-orig-file",
        "data-image",
        "data-img",
        "data-url",
        "data-baseurl",
        "data-echo",
        "data-actualsrc",
        "data-ks-lazyload",
        "data-pin-media",
        "data-src-large",
        "data-cfsrc",
        "data-flickity-lazyload",
    ]
)
_LAZY_SET = re.compile(r"data-(?:[\w-]*-)?srcset|data-original-set|data-responsive|data-flickity-lazyload-srcset")
_LAZY_ONE = re.compile(r"data-[\w-]*-src")
_PLACEHOLDER = re.compile(
    r"(?:^|[/_.-])(?:placeholder|grey-placeholder|pxl?|fallback|no-?image|spacer|blank|transparent|pixel|1x1|lazy(?:load)?|loading|loader|"
    r"empty|dot|clear)"
    r"(?:[_-]?\w{0,12})?\.(?:gif|png|jpe?g|svg|webp)|\.svg(?:$|\?)|/1x1[./]|\{|%7B",
    re.IGNORECASE,
)
_TRACKER = re.compile(
    r"doubleclick|scorecardresearch|facebook\.com/tr|mc\.yandex|counter\.|/counter|pixel\.|/pixel|yadro\.ru|top-fwz|"
    r"tns-counter|"
    r"googletagmanager|google-analytics|quantserve|chartbeat|/beacon|/track(?:ing|er)?[/.?]|statcounter|matomo|piwik|"
    r"vgwort|ivwbox|omniture|/cm\.gif",
    re.IGNORECASE,
)
_HOLE = re.compile(r"[$#]?\{\{?\s?([A-Za-z_][\w.]{0,30})\s?\}\}?|%7B([A-Za-z_]\w{0,30})%7D", re.IGNORECASE)
MAX_TEMPLATE = 500  # characters of an address with a hole
_FURNITURE = re.compile(
    r"(?:^|[\s_/-])(?:avatar|logo|icon|icons|emoji|sprite|gravatar|author[-_]?(?:image|photo|pic|img)?|userpic|badge|"
    r"flag|button|share|social|payment|qr(?:code)?|"
    r"promo|banner|advert\w*|ads?|sponsor\w*|app-?store|google-?play)(?:$|[\s_./-])",
    re.IGNORECASE,
)
_ADVERT = re.compile(r"(?:^|[\s_-])(?:promo|banner|advert\w*|ads?|sponsor\w*|logo)(?:$|[\s_-])", re.IGNORECASE)
_WIDTH_IN_URL = re.compile(
    r"(?:[?&,/_:;=-](?:w|width|wid|resize|maxwidth|max_width|rs:fill:|rs:fit:)[=_:/-]?(\d{2,4})(?=\D|$))|"
    r"(?:[-_/](\d{3,4})x\d{2,4}(?=\D))|(?:[_/-](\d{3,4})w?(?=[./_]))",
    re.IGNORECASE,
)
# Where a link around a picture leads when it is only to a larger copy of it.
_LARGER = re.compile(
    r"\.(?:jpe?g|png|webp|gif|avif)(?:$|\?)|phot|foto|gall?er|image|bild|lightbox|slide|zoom|media|attachment|upload",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A picture in the page: its addresses, the best one first, and what the page says of it."""

    candidates: tuple[str, ...]
    alt: str | None
    caption: str | None
    credit: str | None
    boxes: tuple[etree._Element, ...]  # that hold caption and credit


def reference(found: Found) -> PictureRef:
    return PictureRef(candidates=found.candidates, alt=found.alt, caption=found.caption, credit=found.credit)


class Album:
    """The pictures of one page; each is looked at once."""

    def __init__(self, base: str) -> None:
        self.base = base
        self._seen: dict[etree._Element, Found | None] = {}
        self._sizes: list[tuple[str, int]] | None = None

    def picture(self, element: etree._Element) -> Found | None:
        """The picture an element stands for, None when it is none worth keeping."""
        if element not in self._seen:
            self._seen[element] = _look(element, self) if len(self._seen) < MAX_LOOKED else None
        return self._seen[element]

    def sizes(self, element: etree._Element) -> list[tuple[str, int]]:
        """The (address, width) pairs of all sets of sources in the page that an element is in."""
        if self._sizes is None:
            self._sizes = []
            for source in islice(element.getroottree().getroot().iter("source", "img"), MAX_LOOKED):
                self._sizes.extend(parse_srcset(source.get("srcset") or ""))
        return self._sizes


def _look(element: etree._Element, album: Album) -> Found | None:
    base = album.base
    image = (
        element if element.tag in ("img", "amp-img", "image") else next(iter(element.iter("img", "amp-img")), element)
    )
    if _is_furniture(image, element):
        return None
    candidates = tuple(_best(_whole(_named(image, element), image, album), base))
    if not candidates:
        return None
    boxes = captions.boxes_of(element)
    caption, credit = captions.read(boxes)
    if caption is not None and by_line(caption):
        return None  # a portrait of the author
    if caption is None and credit is None:
        caption, credit = captions.in_attributes(image)
    if caption is None and _is_teaser(image, base):
        return None
    alt = squeeze(image.get("alt") or image.get("data-alt") or image.get("data-alt-text") or "")[:500] or None
    return Found(candidates=candidates, alt=alt, caption=caption, credit=credit, boxes=tuple(boxes))


def _is_teaser(image: etree._Element, base: str) -> bool:
    """Whether a picture is the link to another article of the site."""
    for above in list(image.iterancestors())[:4]:
        if above.tag == "a":
            target = links.absolute(base, above.get("href"))
            return (
                target is not None
                and links.same_site(target, base)
                and links.clean(target) != links.clean(base)
                and not _LARGER.search(target)
            )
    return False


def _is_furniture(image: etree._Element, element: etree._Element) -> bool:
    width, height = _pixels(image, "width"), _pixels(image, "height")
    small = [value for value in (width, height) if 0 < value < SMALLEST]
    # 16 by 9 is how some sites write a ratio
    if small and (
        min(small) <= 2 or not (width and height) or (width <= 64 and height <= 64 and (width, height) not in _RATIOS)
    ):
        return True
    if width >= 300 and height >= 150 and not _ADVERT.search(attribute(image, "class")):
        return False
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


def _named(image: etree._Element, element: etree._Element) -> Iterator[tuple[str, int, int]]:  # noqa: PLR0912 - one branch a kind
    """(address, width or 0, rank of the place it was named in) for everything that may be the picture."""
    picture = element if element.tag == "picture" else image.getparent()
    if picture is not None and picture.tag == "picture":
        for source in picture.iter("source"):
            for address, width in (
                *parse_srcset(source.get("srcset") or ""),
                *_lazy_sets(source),
                *parse_srcset(source.get("src") or ""),
            ):
                yield address, width, 1
    for address, width in _lazy_sets(image):
        yield address, width, 1
    for address, width in parse_srcset(image.get("srcset") or ""):
        yield address, width, 1
    for address in _lazy(image):
        yield address, _wide(image), 2
    yield from _held(image)
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


def _whole(
    named: Iterable[tuple[str, int, int]], image: etree._Element, album: Album
) -> Iterator[tuple[str, int, int]]:
    """The same, with the holes of templates filled."""
    for address, width, rank in named:
        holes = list(islice(_HOLE.finditer(address[: 4 * MAX_TEMPLATE]), 2))
        if len(holes) == 1 and len(address) <= MAX_TEMPLATE:
            for made, wide in _filled(address, holes[0], image, album):
                yield made, wide, 1
        elif not holes:
            yield address, width, rank


def _filled(address: str, hole: re.Match[str], image: etree._Element, album: Album) -> Iterator[tuple[str, int]]:
    before, after = address[: hole.start()], address[hole.end() :]
    name = (hole[1] or hole[2]).lower()
    if name in ("width", "w", "size"):
        widths = [int(found) for found in re.findall(r"\d{3,4}", (image.get("data-widths") or "")[:300])]
        wide = max((width for width in widths if width <= WIDEST), default=1200)
        yield f"{before}{wide}{after}", wide
        return
    shape = re.compile(f"{_any_number(before)}([\\w-]{{1,12}}){_any_number(after)}")
    known: dict[str, int] = {}
    for other, width in album.sizes(image):
        if width <= WIDEST and (found := shape.fullmatch(other[:MAX_TEMPLATE])) is not None:
            known[found[1]] = max(width, known.get(found[1], 0))
    for fill in sorted(known, key=lambda fill: -known[fill])[:2]:
        yield f"{before}{fill}{after}", known[fill]


def _any_number(text: str) -> str:
    return re.sub(r"\d+", r"\\d+", re.escape(text))


def _lazy_sets(element: etree._Element) -> Iterator[tuple[str, int]]:
    for name, value in element.attrib.items():
        if _LAZY_SET.fullmatch(str(name)):
            yield from parse_srcset(str(value))


def _lazy(element: etree._Element) -> Iterator[str]:
    for name, value in element.attrib.items():
        if value and (name in _LAZY or _LAZY_ONE.fullmatch(str(name))):
            yield str(value)


def _held(image: etree._Element) -> Iterator[tuple[str, int, int]]:
    """What the box of a lazy loader says of the picture in its `<noscript>`."""
    parent = image.getparent()
    box = parent.getparent() if parent is not None and parent.tag == "noscript" else None
    if box is None:
        return
    for address, width in _lazy_sets(box):
        yield address, width, 1
    if value := box.get("data-src"):
        yield value, _wide(image), 2


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
    """(address, width) pairs; `2x` counts as twice 600. Addresses may hold commas: a candidate ends at white space."""
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
    """Whether two addresses are sizes of one picture: equal file names without size marks, if those say anything."""
    return bool(one) and bool(other) and (one == other or bool(_stem(one) & _stem(other)))


def larger_first(urls: Iterable[str]) -> tuple[str, ...]:
    """Addresses of one picture, those that claim to be small after one that does not; otherwise as they were."""
    named = tuple(dict.fromkeys(urls))
    widths = {url: width_in(url) for url in named}
    if not any(width >= GOOD for width in widths.values()):
        return named
    return tuple(sorted(named, key=lambda url: 0 < widths[url] < GOOD))


# Numbers in the addresses of many pictures: the largest ones of 32 bits, and days.
_NO_NUMBER = re.compile(r"2147483647|4294967295|(\d)\1+|(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])")


@lru_cache(maxsize=1024)
def _stem(url: str) -> frozenset[str]:
    """What of an address tells pictures apart, whatever their size."""
    found: set[str] = set()
    # image servers carry the address of the original
    tail = re.split(r"https?(?:://|%3A%2F%2F)", url, flags=re.IGNORECASE)[-1]
    for part in (re.split("[?&]", tail, maxsplit=1)[0], url.split("?", 1)[0]):
        name = part.replace("%2F", "/").rstrip("/").rsplit("/", 1)[-1].lower()
        name = re.sub(r"\.(?:jpe?g|png|webp|gif|avif|jfif)$", "", name)
        name = re.sub(
            r"(?:[-_](?:\d{2,4}x\d{2,4}|\d{3,4}w?|scaled|large|medium|small|thumb|xl|l|m|s|crop|cropped|w\d+|h\d+|"
            r"q\d+))+$",
            "",
            name,
        )
        if re.fullmatch(r"\d{6,}", name) or (
            len(name) >= 8 and not re.fullmatch(r"image|photo|picture|original|index|default|\d{1,5}", name)
        ):
            found.add(name)
    lower = url.lower()
    found.update(_LONG_TOKEN.findall(lower))
    path, _, query = tail.lower().partition("?")
    for place in (*path.replace("%2f", "/").split("/")[-2:], query):
        found.update(number for number in re.findall(r"\d{7,30}", place) if not _NO_NUMBER.fullmatch(number))
    return frozenset(found)


_LONG_TOKEN = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|(?<![0-9a-z])[0-9a-f]{24,64}")
