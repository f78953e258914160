"""What changed since the revision before, folded away on the page of an article.

The page stays small: at most `MOST` changes and `ROOM` characters of them are shown, what stayed the same is shortened
to what is needed to find the place, and how much was left out is said. `tamizdat changes` shows all of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from mirror.model import Article
from mirror.pages.html import Html, el, join
from mirror.pages.page import bdi, fill, ltr, object_path
from mirror.pages.words import Words, moment, number
from mirror.revisions import Change, changes

MOST: Final = 20
ROOM: Final = 6000
NEAR: Final = 60  # characters kept beside a change
LONG: Final = 500  # characters of one piece


def changed(
    article: Article, before: Article | None, say: Words, *, root: str, frame: Mapping[str, str]
) -> Html | None:
    """The block of this revision, `before` being the whole one that it replaces; None for a first revision, or when
    that is not at hand."""
    if before is None or article.replaces is None:
        return None
    found = changes(before, article)
    shown = [el("li", line) for line in _lines(found, say)]
    left = len(found) - len(shown)
    earlier = fill(
        say.changed,
        revision=number(before.revision, say.language),
        time=moment(before.fetched, say.language),
    )
    path = object_path(article.replaces)
    name = el("a", ltr(article.replaces), href=root + path) if path else None
    return el(
        "details",
        el("summary", earlier, **frame),
        el("ul", *shown) if shown else el("p", say.changed_none, **frame),
        el("p", fill(say.changed_more, count=number(left, say.language)), **frame) if left > 0 else None,
        el("p", say.earlier, " ", name, **frame) if name else None,
        class_="ui changes",
    )


def _lines(found: tuple[Change, ...], say: Words) -> list[Html]:
    lines: list[Html] = []
    room = ROOM
    for change in found[:MOST]:
        pieces: list[Html] = []
        for place, piece in enumerate(change.pieces):
            match piece.kind:
                case "same":
                    text = _middle(piece.text, first=place == 0, last=place == len(change.pieces) - 1)
                    pieces.append(bdi(text))
                case "removed":
                    text = _cut(piece.text)
                    pieces.append(el("del", bdi(text)))
                case "added":
                    text = _cut(piece.text)
                    pieces.append(el("ins", bdi(text)))
            room -= len(text)
        if room < 0 and lines:
            break
        label = say.wheres.get(change.where)
        lines.append(join((f"{label}: " if label else None, join(pieces))))
    return lines


def _middle(text: str, *, first: bool, last: bool) -> str:
    """What stayed, as much of it as is near a change."""
    if first and last:
        return _cut(text)
    if first:
        return text if len(text) <= NEAR else "…" + text[-NEAR:]
    if last:
        return text if len(text) <= NEAR else text[:NEAR] + "…"
    return text if len(text) <= 2 * NEAR else f"{text[:NEAR]} … {text[-NEAR:]}"


def _cut(text: str) -> str:
    return text if len(text) <= LONG else text[:LONG] + "…"
