"""The picture an article is shown with: which one it is, and where it goes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from lxml import etree

from mirror.extract import chrome, images
from mirror.extract.blocks import MAX_PICTURES
from mirror.extract.metadata import Metadata
from mirror.extract.page import Group, Run, attribute
from mirror.model import Block, Code, Footnotes, Picture, PictureRef, Rule, Update

_NO_COVER = re.compile(
    r"logo|default|placeholder|share[-_]?(?:image|img|pic)|social[-_]?(?:share|image)|og[-_]?(?:image|default)|"
    r"favicon|no[-_]?image|fallback|\.svg",
    re.IGNORECASE,
)

MAX_LOOKED = 3000  # elements looked through for a picture behind the headline
_HERO = re.compile(
    r"hero|(?:^|[\s_-])(?:cover|lead|featured|feature|article|post|entry|story|header|main|masthead)[-_]*"
    r"(?:image|img|photo|picture|media|bg|background|cover|header)|(?:^|\s)(?:cover|masthead)(?:$|\s)",
    re.IGNORECASE,
)
_BACKGROUND = re.compile(r"background(?:-image)?\s*:[^;]{0,200}?url\(\s*['\"]?([^'\")]{1,1500})", re.IGNORECASE)
_GALLERY = re.compile(r"carousel|slider|slide|slick|swiper|splide|flickity|galler[yi]", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """`gallery` are the further pictures of a slide show over the text."""

    cover: PictureRef
    gallery: tuple[PictureRef, ...] = ()


def find(tree: Group, chosen: Sequence[Run], found: Metadata, album: images.Album, first: int) -> Shown | None:
    """The picture between headline and text (`first`, the order of its first run), best one that the page also names
    for previews; else the one that it names."""
    named = _named(found, album.base)
    title = max((run.order for run in tree.runs() if run.key in found.headings and run.order < first), default=-1)
    boxes = set(chosen[0].element.iterancestors("article", "main")) if chosen else set()
    near: list[tuple[etree._Element, images.Found]] = []
    for item in tree.media():
        if item.kind != "image" or item.order >= first:
            continue
        is_near = item.order > title >= 0 or any(box in boxes for box in item.element.iterancestors())
        picture = album.picture(item.element) if is_near or named else None
        if picture is None:
            continue
        if any(images.same_picture(one, other) for one in named for other in picture.candidates):
            return Shown(cover=_ref(picture, named, found), gallery=tuple(_gallery(tree, item.element, album)))
        if is_near and chrome.box_above(item.element, None) is None:
            near.append((item.element, picture))
    told = [(element, picture) for element, picture in near if picture.caption or picture.credit]
    if told or (near and not named):
        element, picture = (told or near)[0]
        return Shown(cover=_ref(picture, [], found), gallery=tuple(_gallery(tree, element, album)))
    if named:
        cover = PictureRef(candidates=_fallen_back((), named, sure=False), cover=True, alt=found.image_alt)
        return Shown(cover=_described(cover, found))
    behind = _behind(tree, first, album.base)
    return Shown(cover=PictureRef(candidates=(behind,), cover=True)) if behind else None


def _behind(tree: Group, first: int, base: str) -> str | None:
    """The picture that a page sets as background of its masthead ("hero"), before the text begins."""
    begin = next((run.element for run in tree.runs() if run.order >= first), None)
    for element in islice(tree.element.iter("div", "header", "figure", "section", "span", "a"), MAX_LOOKED):
        if element is begin:
            break
        if (
            not _HERO.search(attribute(element, "class"))
            or next(element.iterancestors("a", "nav", "aside"), None) is not None
        ):
            continue
        shown = _BACKGROUND.search((element.get("style") or "")[:2000])
        named = (
            shown[1]
            if shown
            else element.get("data-bg") or element.get("data-background-image") or element.get("data-background")
        )
        url = images.usable((named or "").strip(" '\""), base)
        if (
            url
            and not _NO_COVER.search(url.rsplit("/", 1)[-1])
            and re.search(r"\.(?:jpe?g|webp|avif|png)", url, re.IGNORECASE)
        ):
            return url
    return None


def _gallery(tree: Group, cover: etree._Element, album: images.Album) -> Iterator[PictureRef]:
    """The other pictures, with captions, of the slide show that begins with the cover."""
    box = next((above for above in list(cover.iterancestors())[:8] if _GALLERY.search(attribute(above, "class"))), None)
    while box is not None and (above := box.getparent()) is not None and _GALLERY.search(attribute(above, "class")):
        box = above
    if box is None:
        return
    inside = set(box.iter())
    for item in tree.media():
        if item.kind == "image" and item.element is not cover and item.element in inside:
            picture = album.picture(item.element)
            if picture is not None and picture.caption:
                yield images.reference(picture)


def _named(found: Metadata, base: str) -> list[str]:
    named = (images.usable(text, base) for text in found.images)
    return list(dict.fromkeys(url for url in named if url and not _NO_COVER.search(url.rsplit("/", 1)[-1])))


def _fallen_back(shown: Sequence[str], named: Sequence[str], *, sure: bool) -> tuple[str, ...]:
    """The addresses of a picture and, for when they fail, those that the page names elsewhere. A page may name several
    pictures: where a caption belongs to this one (`sure`), only sizes of the same will do."""
    first = (*shown, *named)[0]
    others = [url for url in named if not sure or images.same_picture(first, url)]
    same = [url for url in others if shown and images.same_picture(first, url)]
    best = images.larger_first((*shown, *same))
    return tuple(dict.fromkeys((*best, *others)))[: images.MAX_CANDIDATES]


def _ref(picture: images.Found, named: Sequence[str], found: Metadata) -> PictureRef:
    cover = PictureRef(
        candidates=_fallen_back(picture.candidates, named, sure=bool(picture.caption or picture.credit)),
        cover=True,
        alt=picture.alt or found.image_alt,
        caption=picture.caption,
        credit=picture.credit,
    )
    return _described(cover, found)


def _described(cover: PictureRef, found: Metadata) -> PictureRef:
    """With the caption and credit that the page's JSON-LD has for the picture, where the page itself shows none."""
    for described in found.described:
        if images.same_picture(described.url, cover.candidates[0]):
            caption = cover.caption or described.caption
            return replace(cover, caption=caption, credit=cover.credit or described.credit)
    return cover


def place(
    blocks: Sequence[Block], pictures: Sequence[PictureRef], shown: Shown
) -> tuple[list[Block], list[PictureRef]]:
    """The cover first in the list and nowhere in the body; a copy of it in the body gives it caption and credit. The
    other pictures of its slide show come before the text."""
    cover = shown.cover
    pictures = list(pictures)
    known = {picture.candidates[0] for picture in (cover, *pictures)}
    before: list[Block] = []
    for picture in shown.gallery:
        if picture.candidates[0] not in known and len(pictures) < MAX_PICTURES:
            known.add(picture.candidates[0])
            before.append(Picture(resource=len(pictures)))
            pictures.append(picture)
    blocks = [*before, *blocks]
    twin: int | None = None
    for number, picture in enumerate(pictures):
        if any(images.same_picture(cover.candidates[0], url) for url in picture.candidates):
            twin = number
            break
    if twin is not None:
        same = pictures[twin]
        cover = replace(
            cover,
            candidates=images.larger_first((*same.candidates, *cover.candidates))[: images.MAX_CANDIDATES],
            alt=cover.alt or same.alt,
            caption=cover.caption or same.caption,
            credit=cover.credit or same.credit,
        )
    left = [number for number in range(len(pictures)) if number != twin]
    places = {number: place for place, number in enumerate(left, 1)}
    return list(_moved(blocks, places)), [cover, *(pictures[number] for number in left)]


_NOT_IN_UPDATES = (Update, Rule, Code, Footnotes)


def _moved(blocks: Sequence[Block], places: dict[int, int]) -> list[Block]:
    moved: list[Block] = []
    for block in blocks:
        if isinstance(block, Picture):
            if block.resource in places:
                moved.append(Picture(resource=places[block.resource]))
        elif isinstance(block, Update):
            inner = _moved(block.blocks, places)
            moved.append(replace(block, blocks=tuple(one for one in inner if not isinstance(one, _NOT_IN_UPDATES))))
        else:
            moved.append(block)
    return moved
