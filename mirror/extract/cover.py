"""The picture an article is shown with: which one it is, and where it goes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from mirror.extract import chrome, images
from mirror.extract.metadata import Metadata
from mirror.extract.page import Group, Run
from mirror.model import Block, Code, Picture, PictureRef, Rule, Update

_NO_COVER = re.compile(
    r"logo|default|placeholder|share[-_]?(?:image|img|pic)|social[-_]?(?:share|image)|og[-_]?(?:image|default)|"
    r"favicon|no[-_]?image|fallback|\.svg",
    re.IGNORECASE,
)


def find(tree: Group, chosen: Sequence[Run], found: Metadata, album: images.Album, first: int) -> PictureRef | None:
    """The picture between headline and text (`first`, the order of its first run), best one that the page also names for
    previews; else the one that it names."""
    named = _named(found, album.base)
    title = max((run.order for run in tree.runs() if run.key in found.headings and run.order < first), default=-1)
    boxes = set(chosen[0].element.iterancestors("article", "main")) if chosen else set()
    near: list[images.Found] = []
    for item in tree.media():
        if item.kind != "image" or item.order >= first:
            continue
        is_near = item.order > title >= 0 or any(box in boxes for box in item.element.iterancestors())
        picture = album.picture(item.element) if is_near or named else None
        if picture is None:
            continue
        if any(images.same_picture(one, other) for one in named for other in picture.candidates):
            return _ref(picture, named, found)
        if is_near and chrome.box_above(item.element, None) is None:
            near.append(picture)
    shown = [picture for picture in near if picture.caption or picture.credit]
    if shown:
        return _ref(shown[0], [], found)
    if named:
        return _described(
            PictureRef(candidates=tuple(named[: images.MAX_CANDIDATES]), cover=True, alt=found.image_alt), found
        )
    return _ref(near[0], [], found) if near else None


def _named(found: Metadata, base: str) -> list[str]:
    named = (images.usable(text, base) for text in found.images)
    return list(dict.fromkeys(url for url in named if url and not _NO_COVER.search(url.rsplit("/", 1)[-1])))


def _ref(picture: images.Found, named: Sequence[str], found: Metadata) -> PictureRef:
    cover = PictureRef(
        candidates=tuple(dict.fromkeys((*picture.candidates, *named)))[: images.MAX_CANDIDATES],
        cover=True,
        alt=picture.alt or found.image_alt,
        caption=picture.caption,
        credit=picture.credit,
    )
    return _described(cover, found)


def _described(cover: PictureRef, found: Metadata) -> PictureRef:
    """With the caption and credit that the page's JSON-LD has for the picture, where the page itself shows none."""
    for described in found.described:
        if any(images.same_picture(described.url, url) for url in cover.candidates):
            caption = cover.caption or described.caption
            return replace(cover, caption=caption, credit=cover.credit or described.credit)
    return cover


def place(
    blocks: Sequence[Block], pictures: Sequence[PictureRef], cover: PictureRef
) -> tuple[list[Block], list[PictureRef]]:
    """The cover first in the list and nowhere in the body; a copy of it in the body gives it caption and credit."""
    twin: int | None = None
    for number, picture in enumerate(pictures):
        if any(images.same_picture(one, other) for one in cover.candidates for other in picture.candidates):
            twin = number
            break
    if twin is not None:
        same = pictures[twin]
        cover = replace(
            cover,
            candidates=tuple(dict.fromkeys((*same.candidates, *cover.candidates)))[: images.MAX_CANDIDATES],
            alt=cover.alt or same.alt,
            caption=cover.caption or same.caption,
            credit=cover.credit or same.credit,
        )
    left = [number for number in range(len(pictures)) if number != twin]
    places = {number: place for place, number in enumerate(left, 1)}
    return list(_moved(blocks, places)), [cover, *(pictures[number] for number in left)]


def _moved(blocks: Sequence[Block], places: dict[int, int]) -> list[Block]:
    moved: list[Block] = []
    for block in blocks:
        if isinstance(block, Picture):
            if block.resource in places:
                moved.append(Picture(resource=places[block.resource]))
        elif isinstance(block, Update):
            inner = _moved(block.blocks, places)
            moved.append(
                replace(block, blocks=tuple(one for one in inner if not isinstance(one, Update | Rule | Code)))
            )
        else:
            moved.append(block)
    return moved
