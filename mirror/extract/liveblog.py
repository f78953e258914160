"""Live blogs: dated posts under one headline. The page's own list of them (JSON-LD `liveBlogUpdate`) is believed when it
has the texts; else the posts are told by how they are marked up."""


# ruff: noqa: E501

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from typing import Any

from lxml import etree

from mirror.extract import chrome, metadata
from mirror.extract.blocks import Builder, inlines, plain, text_of_blocks
from mirror.extract.page import Group, attribute, key_of, marks, raw_text, squeeze
from mirror.model import Block, Embed, Heading, List, Paragraph, Picture, Quote, Table, Update

MAX_UPDATES = 500
_POST = re.compile(
    r"(?:^|[\s_-])(?:live[-_]?(?:blog)?[-_]{0,2}(?:post|update|entry|item|event)s?|liveblog__(?:post|entry|item)|timeline[-_]{1,2}(?:post|item|event|entry))(?:$|[\s_-])",
    re.IGNORECASE,
)


def updates(linked: Mapping[str, Any], root: etree._Element, tree: Group, base: str) -> tuple[Update, ...]:
    """The posts in the page's order; () when the page is no live blog."""
    marked = _marked(root)
    if len(marked) >= 2:
        found = _from_markup(marked, tree, base)
        if found:
            return found
    value = linked.get("liveBlogUpdate")
    return _from_data(value) if isinstance(value, list) else ()


def _marked(root: etree._Element) -> list[etree._Element]:
    found: list[etree._Element] = []
    for element in root.iter("article", "div", "li", "section"):
        named = attribute(element, "itemprop") == "liveBlogUpdate" or (
            _POST.search(marks(element)) and next(iter(element.iter("time")), None) is not None
        )
        if named and not any(parent in found for parent in element.iterancestors()):
            found.append(element)
        if len(found) >= MAX_UPDATES:
            break
    return found


def _from_markup(marked: Sequence[etree._Element], tree: Group, base: str) -> tuple[Update, ...]:
    groups = {id(group.element): group for group in _groups(tree)}
    found: list[Update] = []
    for element in marked:
        group = groups.get(id(element))
        if group is None:
            continue
        time_element = next(iter(element.iter("time")), None)
        title: str | None = None
        for run in group.runs():
            own = time_element is not None and run.key == key_of(raw_text(time_element))
            run.chosen = (
                bool(run.key)
                and not own
                and not chrome.is_chrome_run(run)
                and chrome.box_above(run.element, element) is None
                and run.element.tag != "time"
            )
            if run.chosen and title is None and run.element.tag in ("h2", "h3", "h4"):
                title, run.chosen = run.text[:300], False
        inner = Builder(base=base, first=-1, last=-1, top=element).build(group)
        kept = tuple(block for block in inner if isinstance(block, Paragraph | Heading | Quote | List | Table | Embed))
        for run in group.runs():
            run.chosen = False
        if kept or title:
            when = metadata.stamp(time_element.get("datetime")) if time_element is not None else None
            found.append(Update(time=when, title=title, blocks=kept))
    return tuple(found)


def _groups(tree: Group) -> list[Group]:
    found = [tree]
    for item in tree.items:
        if isinstance(item, Group):
            found.extend(_groups(item))
    return found


def _from_data(value: Sequence[Any]) -> tuple[Update, ...]:
    found: list[Update] = []
    for item in value[:MAX_UPDATES]:
        if not isinstance(item, dict) or not isinstance(item.get("articleBody"), str):
            continue
        text = html.unescape(item["articleBody"][:50_000])
        parts = [
            squeeze(re.sub(r"<[^<>]{0,500}>", " ", part)) for part in re.split(r"\n+|</p>|<br\s*/?>\s*<br\s*/?>", text)
        ]
        blocks = tuple(Paragraph(content=(part,)) for part in parts if part)
        headline = item.get("headline") or item.get("name")
        title = squeeze(html.unescape(headline))[:300] if isinstance(headline, str) else None
        when = item.get("datePublished")
        if blocks or title:
            found.append(
                Update(time=metadata.stamp(when if isinstance(when, str) else None), title=title or None, blocks=blocks)
            )
    return tuple(found)


def join(blocks: Sequence[Block], posts: Sequence[Update]) -> list[Block]:
    """What stands before the posts, then the posts; text that is in a post stands only there."""
    inside = "\n".join(key_of(text_of_blocks((post,))) for post in posts)
    kept: list[Block] = []
    for block in blocks:
        if isinstance(block, Picture) or key_of(text_of_blocks((block,))) not in inside:
            kept.append(block)
    return [*kept, *posts]


__all__ = ["inlines", "join", "plain", "updates"]
