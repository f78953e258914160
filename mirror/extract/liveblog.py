"""Live blogs: dated posts under one headline, in the order in which the page shows them.

Posts are told by how they are marked up: a class that says so with a time beside it, `itemprop=liveBlogUpdate`, or a
number of the post (`data-post-id` and its relatives) on a page that calls itself a live blog. What the page's own list
of them (JSON-LD `liveBlogUpdate`) has and the markup has not is put where its time belongs. Pages whose posts only
come by script hold nothing that could be kept; `awaits_script` says so.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lxml import etree

from mirror.extract import chrome
from mirror.extract.blocks import Builder, text_of_blocks
from mirror.extract.moments import stamp
from mirror.extract.page import Group, Run, attribute, key_of, marks, raw_text, remembered, squeeze, visible_text
from mirror.extract.state import Verdict
from mirror.model import Block, Code, Footnotes, Paragraph, Picture, Rule, Update

MAX_UPDATES = 500
FEW_BESIDE_POSTS, FEW_BESIDE_PLACE = 1500, 800  # letters; a page with more text is worth having without its posts
_POST = re.compile(
    r"(?:^|[\s_-])(?:live[-_]?(?:blog)?[-_]{0,2}(?:post|update|entry|item|event)s?|liveblog__(?:post|entry|item)|"
    r"timeline[-_]{1,2}(?:post|item|event|entry))(?:$|[\s_-])",
    re.IGNORECASE,
)


_NUMBERS = (
    *("data-post-id", "data-entry-id", "data-update-id", "data-live-id", "data-liveblog-entry-id", "data-event-id"),
    *("data-block-id", "data-liveblog-post-id", "data-live-post-id", "data-item-id"),
)
_STAMPS = ("data-timestamp", "data-time", "data-published", "data-date", "data-created", "data-post-time", "data-ts")
_CLOCK = re.compile(
    r"[0-9۰-۹٠-٩]{1,2}[:.][0-9۰-۹٠-٩]{2}(?:\s?[ap]\.?m\.?)?\b\W{0,3}(?:\w{0,10}\W{0,3}){0,2}$", re.IGNORECASE
)
_TIME_BOX = re.compile(r"(?:^|[\s_-])(?:time|date|timestamp|time-?ago|clock|published)(?:$|[\s_-])", re.IGNORECASE)
_BLOG = re.compile(
    r"live[-_ ]?(?:blog|ticker|feed|updates?|text|coverage|stream)|newsticker|minute[-_]by[-_]minute", re.IGNORECASE
)
_FETCHED = (
    "data-url",
    "data-src",
    "data-endpoint",
    "data-api",
    "data-feed",
    "data-live-url",
    "data-liveblog-id",
    "data-blog-id",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """`posts` in the page's order, () when the page is no live blog; `first` is the order of the first one's first
    run."""

    posts: tuple[Update, ...] = ()
    first: int = 0


def find(linked: Mapping[str, Any], root: etree._Element, tree: Group, builder: Builder) -> Live:
    """The posts of a live blog. Their pictures go to `builder.pictures`; their runs are unchosen."""
    marked = _marked(root, linked)
    found = _from_markup(marked, tree, builder) if len(marked) >= 2 else Live()
    value = linked.get("liveBlogUpdate")
    listed = _from_data(value if isinstance(value, list) else [value]) if value else ()
    return replace(found, posts=_both(found.posts, listed)) if found.posts else Live(posts=listed)


def verdict(live: Live, linked: Mapping[str, Any], root: etree._Element, letters: int, before: Verdict) -> Verdict:
    """The page's state when its posts are looked at as well: they are its text."""
    if live.posts:
        return ("ok", "") if before[0] in ("script-only", "error") else before
    if before[0] in ("ok", "error") and awaits_script(linked, root, letters):
        return "script-only", "a live blog whose posts come by script"
    return before


def awaits_script(linked: Mapping[str, Any], root: etree._Element, letters: int) -> bool:
    """Whether a page with this many letters of text and no posts is a live blog all the same: it calls itself one, or
    has an empty place for posts and names where a script gets them."""
    if _calls_itself(linked):
        return letters < FEW_BESIDE_POSTS
    return letters < FEW_BESIDE_PLACE and any(
        _BLOG.search(marks(element)) and any(element.get(name) for name in _FETCHED) and _is_empty(element)
        for element in root.iter("div", "section", "main", "ul", "ol")
    )


def _is_empty(element: etree._Element) -> bool:
    length = 0
    for text in visible_text(element):
        length += len(text.strip())
        if length > 400:
            return False
    return True


def _calls_itself(linked: Mapping[str, Any]) -> bool:
    kinds = linked.get("@type")
    return "LiveBlogPosting" in (kinds if isinstance(kinds, list) else [kinds])


def _both(shown: tuple[Update, ...], listed: tuple[Update, ...]) -> tuple[Update, ...]:
    """The posts that are shown, and those that are only listed, in the order of the shown ones' times."""
    said = "\n".join(key_of(f"{post.title or ''} {text_of_blocks(post.blocks)}") for post in shown)
    missing = [
        post
        for post in listed
        if post.time is not None and key_of(text_of_blocks(post.blocks) or post.title or "")[:60] not in said
    ]
    stamps = [post.time for post in shown if post.time is not None]
    if not missing or len(stamps) < len(shown):
        return shown
    falling, rising = sorted(stamps, reverse=True), sorted(stamps)
    if stamps not in (falling, rising):
        return shown
    both = sorted([*shown, *missing], key=lambda post: post.time or "", reverse=stamps == falling)
    return tuple(both[:MAX_UPDATES])


_is_blog, _is_post = remembered(_BLOG), remembered(_POST)
_POSTS = ("article", "div", "li", "section")
_BOXES = (*_POSTS, "body", "main", "ul", "ol")


def _marked(root: etree._Element, linked: Mapping[str, Any]) -> list[etree._Element]:
    found: list[etree._Element] = []
    seen: set[etree._Element] = set()
    boxes = [(element, marks(element)) for element in root.iter(*_BOXES)]
    blog = _calls_itself(linked) or any(_is_blog(marked) for _, marked in boxes)
    for element, marked in boxes:
        if element.tag not in _POSTS:
            continue
        if element.get("itemprop") != "liveBlogUpdate":
            numbered = blog and any(element.get(name) for name in _NUMBERS)
            if not (numbered or _is_post(marked)) or _stamp(element) is None:
                continue
        if seen.isdisjoint(element.iterancestors()):
            found.append(element)
            seen.add(element)
        if len(found) >= MAX_UPDATES:
            break
    return found


def _stamp(post: etree._Element) -> str | None:
    """What a post says of its time: its `<time>`, its `itemprop=datePublished`, or a number of seconds; "" when
    only people can read it, None when there is none."""
    time = next(iter(post.iter("time")), None)
    if time is not None:
        return time.get("datetime") or ""
    for element in list(post.iter("meta", "span", "div", "a", post.tag))[:100]:
        if attribute(element, "itemprop") == "datePublished":
            return element.get("content") or element.get("datetime") or ""
        for name in _STAMPS:
            value = attribute(element, name).strip()
            if re.fullmatch(r"[0-9]{10}|[0-9]{13}|(?:19|20)[0-9]{2}-[0-9]{2}-[0-9]{2}[T ][0-9:.Z+-]{5,20}", value):
                return value
    return None


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
            posts.append(Update(time=stamp(_stamp(element)), title=title, blocks=blocks))
    return Live(posts=tuple(posts), first=first)


def _choose(runs: Sequence[Run], post: etree._Element, time: str) -> str | None:
    """Chooses what is a post's own text; returns its title, which is not."""
    title: str | None = None
    for run in runs:
        run.chosen = (
            bool(run.key)
            and run.key != time
            and run.element.tag != "time"
            and not _is_clock(run)
            and not chrome.is_chrome_run(run)
            and chrome.box_above(run.element, post) is None
        )
        if run.chosen and title is None and run.element.tag in ("h2", "h3", "h4", "h5"):
            title, run.chosen = run.text[:300], False
    return title


def _is_clock(run: Run) -> bool:
    """Whether a run only says when a post was made."""
    return len(run.text) <= 30 and bool(_CLOCK.match(run.text) or _TIME_BOX.search(marks(run.element)))


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
                Update(time=stamp(when if isinstance(when, str) else None), title=title or None, blocks=blocks)
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
