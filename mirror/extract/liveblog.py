"""Live blogs: dated posts under one headline. The page's own list of them (JSON-LD `liveBlogUpdate`) is believed when
it has the texts; else the posts are told by how they are marked up."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lxml import etree

from mirror.extract import chrome, times
from mirror.extract.blocks import Builder, text_of_blocks
from mirror.extract.page import Group, Run, attribute, key_of, marks, raw_text, squeeze
from mirror.model import Block, Code, Footnotes, Paragraph, Picture, Rule, Update

MAX_UPDATES = 500
_POST = re.compile(
    r"(?:^|[\s_-])(?:live[-_]?(?:blog)?[-_]{0,2}(?:post|update|entry|item|event)s?|liveblog__(?:post|entry|item)|"
    r"timeline[-_]{1,2}(?:post|item|event|entry))(?:$|[\s_-])",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """`posts` in the page's order, () when the page is no live blog; `first` is the order of the first one's first
    run."""

    posts: tuple[Update, ...] = ()
    first: int = 0


def find(linked: Mapping[str, Any], root: etree._Element, tree: Group, builder: Builder) -> Live:
    """The posts of a live blog. Their pictures go to `builder.pictures`; their runs are unchosen."""
    marked = _marked(root)
    if len(marked) >= 2:
        found = _from_markup(marked, tree, builder)
        if found.posts:
            return found
    value = linked.get("liveBlogUpdate")
    return Live(posts=_from_data(value)) if isinstance(value, list) else Live()


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


def _from_markup(marked: Sequence[etree._Element], tree: Group, builder: Builder) -> Live:
    groups = {group.element: group for group in tree.groups()}
    posts: list[Update] = []
    first = 0
    for element in marked:
        group = groups.get(element)
        if group is None:
            continue
        runs = list(group.runs())
        orders = [run.order for run in runs] + [item.order for item in group.media()]
        time = next(iter(element.iter("time")), None)
        title = _choose(runs, element, key_of(raw_text(time)) if time is not None else "")
        inner = replace(builder, first=min(orders, default=0) - 1, last=max(orders, default=0) + 1, top=element)
        blocks = tuple(block for block in inner.build(group) if not isinstance(block, Rule | Code | Update | Footnotes))
        for run in runs:
            run.chosen = False
        if blocks or title:
            first = first if posts else min(orders)
            stamp = times.stamp(time.get("datetime")) if time is not None else None
            posts.append(Update(time=stamp, title=title, blocks=blocks))
    return Live(posts=tuple(posts), first=first)


def _choose(runs: Sequence[Run], post: etree._Element, time: str) -> str | None:
    """Chooses what is a post's own text; returns its title, which is not."""
    title: str | None = None
    for run in runs:
        run.chosen = (
            bool(run.key)
            and run.key != time
            and run.element.tag != "time"
            and not chrome.is_chrome_run(run)
            and chrome.box_above(run.element, post) is None
        )
        if run.chosen and title is None and run.element.tag in ("h2", "h3", "h4"):
            title, run.chosen = run.text[:300], False
    return title


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
                Update(time=times.stamp(when if isinstance(when, str) else None), title=title or None, blocks=blocks)
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
