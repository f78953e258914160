"""The lines of text around a page's headline, where by-lines and dates stand that no markup declares."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from lxml import etree

from mirror.extract.page import BLOCKS, SKIPPED, is_hidden, key_of, squeeze

MAX_LINES = 3000
MAX_LINE = 400  # characters of a line that are kept
MAX_TEXT = 500_000  # characters of a page that are gone through


_UNSEEN = SKIPPED - {"nav"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    text: str
    element: etree._Element  # the block it stands in


def lines_of(root: etree._Element) -> list[Line]:
    """What a browser would set as lines of their own, from the page's beginning, without what is hidden."""
    made: list[Line] = []
    pieces: list[str] = []
    total = 0
    block: etree._Element = root
    blocks: list[etree._Element] = []
    unseen: etree._Element | None = None

    def flush() -> None:
        text = squeeze("".join(pieces))[:MAX_LINE]
        pieces.clear()
        if text:
            made.append(Line(text=text, element=block))

    walk = etree.iterwalk(root, events=("start", "end", "comment", "pi"))
    for event, element in walk:
        tag = element.tag
        if event == "start":
            if tag in _UNSEEN or (element.keys() and is_hidden(element)):
                unseen = element
                walk.skip_subtree()
                continue
            if tag in BLOCKS:
                if pieces:
                    flush()
                blocks.append(block)
                block = element
            elif tag == "br" and pieces:
                flush()
            text = element.text
        else:
            if event == "end" and element is not unseen and tag in BLOCKS:
                if pieces:
                    flush()
                block = blocks.pop()
            text = element.tail
        if text and (pieces or not text.isspace()):
            pieces.append(text)
            total += len(text)
        if len(made) >= MAX_LINES or total >= MAX_TEXT:
            break
    if pieces:
        flush()
    return made


def headline(lines: Sequence[Line], headings: Collection[str]) -> int:
    """Which line is the headline: the last one in a first-level heading, else the first that says it, else the longest
    that is a part of a title (beside the name of a blog, say); -1 without."""
    known = {key for key in headings if key}
    keys = [key_of(line.text) if len(line.text) < MAX_LINE else "" for line in lines]
    same = [number for number, key in enumerate(keys) if key in known]
    marked = [number for number in same if lines[number].element.tag == "h1"]
    if marked or same:
        return marked[-1] if marked else same[0]
    best, length = -1, FEWEST
    wholes = [(key, _length(key)) for key in known if len(key) <= MAX_LINE]
    for number, key in enumerate(keys):
        own = max(
            (_length(key) for whole, long in wholes if key and key in whole and 2 * _length(key) > long), default=0
        )
        if own > length:
            best, length = number, own
    return best


def _length(key: str) -> int:
    """Letters, signs of Chinese counted as three."""
    return len(key) + 2 * len(_HAN.findall(key))


FEWEST = 14  # letters of a part of a title
_HAN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
