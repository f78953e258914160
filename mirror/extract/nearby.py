"""The lines of text around a page's headline, where by-lines and dates stand that no markup declares."""

from __future__ import annotations

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
    waiting: list[tuple[etree._Element, bool]] = [(root, False)]

    def flush() -> None:
        if not pieces:
            return
        text = squeeze("".join(pieces))[:MAX_LINE]
        pieces.clear()
        if text:
            made.append(Line(text=text, element=block))

    blocks: list[etree._Element] = []
    while waiting and len(made) < MAX_LINES and total < MAX_TEXT:
        element, left = waiting.pop()
        tag = element.tag
        if left:
            if tag in BLOCKS:
                flush()
                block = blocks.pop()
            text = element.tail
            if text:
                pieces.append(text)
                total += len(text)
            continue
        if not isinstance(tag, str) or tag in _UNSEEN or (element.keys() and is_hidden(element)):
            text = element.tail
            if text:
                pieces.append(text)
            continue
        if tag == "br":
            flush()
        if tag in BLOCKS:
            flush()
            blocks.append(block)
            block = element
        text = element.text
        if text:
            pieces.append(text)
            total += len(text)
        waiting.append((element, True))
        if len(element):
            waiting.extend([(child, False) for child in reversed(element)])
    flush()
    return made


def headline(lines: Sequence[Line], headings: Collection[str]) -> int:
    """Which line is the headline: the last one in a first-level heading, else the first that says it; -1 without."""
    known = {key for key in headings if key}
    same = [number for number, line in enumerate(lines) if key_of(line.text) in known]
    marked = [number for number in same if lines[number].element.tag == "h1"]
    return marked[-1] if marked else same[0] if same else -1
