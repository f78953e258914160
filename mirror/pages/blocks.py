"""Typed blocks as HTML. Each kind of block has one function; nothing falls through.

The result of `Body.render` is inert whatever the texts say: text is escaped, links lead to `http(s)` or are no links,
pictures come from the mirror's own `o/` folder, embeds are labelled links.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_left
from collections.abc import Sequence
from typing import assert_never
from urllib.parse import urlsplit

from mirror import pack
from mirror.model import (
    Block,
    Break,
    Cell,
    Code,
    Direction,
    Embed,
    Footnotes,
    Heading,
    Inline,
    InlineCode,
    Link,
    List,
    Note,
    Paragraph,
    Picture,
    Quote,
    Resource,
    Rule,
    Styled,
    Table,
    Update,
)
from mirror.pages.html import Html, el, escape, join, outward
from mirror.pages.page import bdi, fill, object_path
from mirror.pages.words import Words, moment

STYLES = {"strong": "strong", "emphasis": "em", "sub": "sub", "sup": "sup"}
# References to others' sites: no referrer even if a browser forgets the page's policy, and no handle on our window.
REL = "noreferrer"
STRONG = frozenset({"L", "R", "AL"})  # Unicode's bidirectional classes of letters that have a direction
DEEPEST = 12  # blocks and inlines inside one another; the schema allows fewer, and Python's stack allows more


def host(url: str) -> str:
    """The host of an address, for people; the address itself when it has none."""
    try:
        return urlsplit(url).hostname or url
    except ValueError:
        return url


class Notes:
    """Which footnote a mark belongs to: the next one with its label, else the last one before. Notes are numbered as
    they come; two of one label in neighbouring blocks are one that was cut, and have one number."""

    def __init__(self, blocks: Sequence[Block]) -> None:
        self.marked: set[int] = set()
        self._entered = 0  # notes that were shown already
        self._numbers: list[tuple[int, bool]] = []  # of each note in order, and whether it begins there
        self._places: dict[str, list[int]] = {}  # where notes with a label stand, in order
        before: tuple[int, str, int] | None = None  # place of the block, label and number of the note before
        for place, block in enumerate(blocks):
            for note in block.items if isinstance(block, Footnotes) else ():
                here = len(self._numbers)
                goes_on = before is not None and before[0] == place - 1 and before[1] == note.label
                number = before[2] if before is not None and goes_on else here + 1
                self._numbers.append((number, not goes_on))
                self._places.setdefault(note.label, []).append(here)
                before = (place, note.label, number)

    def mark(self, label: str) -> tuple[int | None, bool]:
        """The number of the note that a mark of this label, standing here, belongs to, and whether the mark is the
        first one of that note."""
        places = self._places.get(label)
        if not places:
            return None, False
        at = bisect_left(places, self._entered)
        number = self._numbers[places[at] if at < len(places) else places[-1]][0]
        first = number not in self.marked
        self.marked.add(number)
        return number, first

    def enter(self) -> tuple[int, bool]:
        """The number of the note that is shown now, and whether it begins here."""
        self._entered += 1
        return self._numbers[self._entered - 1]


class Body:
    """Renders one article's blocks. `used` gathers the style pieces they need, `shown` the pictures they place."""

    def __init__(
        self,
        *,
        resources: Sequence[Resource],
        language: str,
        words: Words,
        root: str,
        direction: Direction = "ltr",
    ) -> None:
        self.resources = resources
        self.direction = direction
        self.language = language
        self.words = words
        self.root = root
        self.used: set[str] = set()
        self.shown: set[int] = set()
        self.notes = Notes(())
        self.updates = 0

    def render(self, blocks: Sequence[Block], depth: int = 0) -> Html:
        if depth == 0:
            self.notes = Notes(blocks)
        if depth > DEEPEST:
            return Html()
        return join(self.block(block, depth) for block in blocks)

    def block(self, block: Block, depth: int) -> Html | None:  # noqa: PLR0911, PLR0912 - one a kind
        match block:
            case Paragraph():
                return el("p", self.line(block.content), dir=self.turned(block.content))
            case Heading():
                self.used.add("headings")
                tag = f"h{min(max(block.level, 2), 4)}"
                return el(tag, self.line(block.content), dir=self.turned(block.content))
            case Quote():
                self.used.add("quote")
                source = el("footer", "— ", bdi(block.source)) if block.source else None
                return el("blockquote", self.render(block.blocks, depth + 1), source)
            case List():
                return self.list(block, depth)
            case Table():
                return self.table(block)
            case Picture():
                return self.picture(block.resource)
            case Embed():
                return self.embed(block)
            case Rule():
                self.used.add("rule")
                return el("hr")
            case Code():
                self.used.add("code")
                return el("pre", el("code", block.text), dir="auto", tabindex="0")
            case Update():
                self.used.add("update")
                time = el("time", moment(block.time, self.language), datetime=block.time) if block.time else None
                title = el("h2", bdi(block.title)) if block.title else None
                self.used |= {"headings"} if title else set()
                self.updates += 1
                if time is not None:  # a post can be pointed at
                    time = el("a", time, href=f"#u{self.updates}")
                inner = self.render(block.blocks, depth + 1)
                return el("section", time, title, inner, class_="update", id=f"u{self.updates}")
            case Footnotes():
                return self.footnotes(block, depth)
            case _:
                assert_never(block)

    def turned(self, content: Sequence[Inline]) -> Direction | None:
        """The direction of a line that runs against the article: when nearly all of its letters do, first of all the
        first one. Format and page are silent about it; an English sentence in a Persian text is unreadable without."""
        text = pack.plain(content)[:400]
        ways = [
            "rtl" if kind in ("R", "AL") else "ltr" for kind in map(unicodedata.bidirectional, text) if kind in STRONG
        ]
        if not ways or ways[0] == self.direction:
            return None
        against = sum(1 for way in ways if way != self.direction)
        return ("ltr" if self.direction == "rtl" else "rtl") if against >= 0.8 * len(ways) and against >= 8 else None

    def line(self, content: Sequence[Inline], depth: int = 0) -> Html:
        if depth > DEEPEST:
            return Html()
        return join(self.inline(inline, depth) for inline in content)

    def inline(self, inline: Inline, depth: int) -> str:
        match inline:
            case str():
                return inline
            case Link():
                text = self.line(inline.content, depth + 1)
                url = outward(inline.url)
                return el("a", text, href=url, rel=REL) if url else text
            case Styled():
                self.used |= {"raised"} if inline.style in ("sub", "sup") else set()
                return el(STYLES[inline.style], self.line(inline.content, depth + 1))
            case InlineCode():
                return el("code", inline.text)
            case Break():
                return el("br")
            case Note():
                return self.mark(inline)
            case _:
                assert_never(inline)

    def mark(self, note: Note) -> Html:
        self.used.add("raised")
        number, first = self.notes.mark(note.label)
        if number is None:  # its note is not there: a mark that leads nowhere
            return el("sup", bdi(note.label))
        link = el("a", bdi(note.label), href=f"#n{number}", role="doc-noteref")
        return el("sup", link, id=f"m{number}" if first else None)

    def footnotes(self, block: Footnotes, depth: int) -> Html:
        self.used.add("notes")
        rows = []
        for note in block.items:
            number, first = self.notes.enter()
            text = self.render(note.content, depth + 1)
            # The rest of a note that was cut stands without a label.
            label = bdi(note.label) if first else None
            if label is not None and number in self.notes.marked:
                label = el("a", label, href=f"#m{number}", role="doc-backlink", title=self.words.back)
            rows.append(el("div", label, el("div", text), id=f"n{number}" if first else None))
        return el("section", *rows, class_="notes", role="doc-endnotes", aria_label=self.words.notes)

    def list(self, block: List, depth: int) -> Html:
        self.used.add("list")
        items = []
        for item in block.items:
            # A list of plain lines needs no paragraphs inside its points.
            only = item[0] if len(item) == 1 else None
            if isinstance(only, Paragraph):
                items.append(el("li", self.line(only.content), dir=self.turned(only.content)))
            else:
                items.append(el("li", self.render(item, depth + 1)))
        return el("ol" if block.ordered else "ul", *items)

    def table(self, block: Table) -> Html:
        self.used.add("table")
        rows = []
        for row in block.rows:
            heads = all(cell.header for cell in row)
            rows.append(el("tr", *(self.cell(cell, "col" if heads else "row") for cell in row)))
        caption = el("caption", bdi(block.caption)) if block.caption else None
        label = block.caption or self.words.scroll
        # A region that scrolls must be reachable by keyboard and have a name.
        return el("div", el("table", caption, *rows), class_="scroll", role="region", tabindex="0", aria_label=label)

    def cell(self, cell: Cell, scope: str) -> Html:
        line, turned = self.line(cell.content), self.turned(cell.content)
        return el("th" if cell.header else "td", line, scope=scope if cell.header else None, dir=turned)

    def picture(self, place: int) -> Html | None:
        resource = self.resources[place] if 0 <= place < len(self.resources) else None
        image = self.image(resource) if resource is not None and resource.role == "picture" else None
        if resource is None or image is None:
            return None
        self.used.add("picture")
        self.shown.add(place)
        credit = join((self.words.picture, self.words.gap, bdi(resource.credit))) if resource.credit else None
        caption = join((bdi(resource.caption) if resource.caption else None, credit), " ")
        return el("figure", image, el("figcaption", caption, class_="ui") if caption else None)

    def image(self, resource: Resource) -> Html | None:
        """The picture itself, from the mirror's `o/`; None for what is none."""
        path = object_path(resource.digest)
        if not resource.media_type.startswith("image/") or path is None:
            return None
        return el(
            "img",
            src=self.root + path,
            width=resource.width,
            height=resource.height,
            alt=resource.alt or "",
            loading="lazy",
        )

    def embed(self, block: Embed) -> Html:
        self.used.add("embed")
        label = self.words.embed.get(block.kind, self.words.embed["other"])
        url = outward(block.url)
        opens = fill(self.words.opens, host=host(url)) if url else None
        name = bdi(block.title) if block.title else escape(label)
        return el(
            "aside",
            el("p", el("a", name, href=url, rel=REL) if url else name),
            el("p", bdi(block.text)) if block.text else None,
            el("p", join((label if block.title else None, opens), self.words.dot), class_="ui"),
            class_="embed",
            aria_label=label,
        )
