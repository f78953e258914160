"""The chosen runs, and the pictures and players between them, as typed blocks."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby
from typing import Literal, cast

from lxml import etree

from mirror import links
from mirror.extract import chrome, embeds, images
from mirror.extract.page import SKIPPED as NEVER
from mirror.extract.page import Group, Media, Run, is_hidden, key_of, raw_text, squeeze, text_of
from mirror.model import (
    Block,
    Break,
    Cell,
    Code,
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
    PictureRef,
    Quote,
    Rule,
    Styled,
    Table,
)

MAX_BLOCKS = 4000
MAX_NESTING = 6  # lists in lists, quotes in quotes; deeper ones are flattened
MAX_PICTURES = 60
MAX_INLINE_DEPTH = 6
MARK = "tamizdat-note"  # the element that `footnotes.lift` puts where the mark of a note stood

_STYLES: dict[str, Literal["strong", "emphasis", "sub", "sup"]] = {
    "strong": "strong",
    "b": "strong",
    "em": "emphasis",
    "i": "emphasis",
    "cite": "emphasis",
    "dfn": "emphasis",
    "sub": "sub",
    "sup": "sup",
}
_HEADINGS = {"h1": 2, "h2": 2, "h3": 3, "h4": 4, "h5": 4, "h6": 4}
_CODE = frozenset(("code", "kbd", "samp", "tt"))
_SPACE = re.compile(r"\s+")


# --- inlines ---


def inlines(nodes: Iterable[str | etree._Element], base: str) -> tuple[Inline, ...]:
    """Text with links and emphasis. White space is squeezed across the whole run; nothing empty is left."""
    return _trim(_merge(_inline(nodes, base, 0, inside_link=False)))


def _inline(nodes: Iterable[str | etree._Element], base: str, depth: int, *, inside_link: bool) -> list[Inline]:  # noqa: PLR0912 - one branch a kind
    found: list[Inline] = []
    for node in nodes:
        if isinstance(node, str):
            found.append(_SPACE.sub(" ", node))
            continue
        tag = node.tag
        if not isinstance(tag, str) or tag in NEVER or is_hidden(node):
            continue
        if tag == "br":
            found.append(Break())
            continue
        if tag == "wbr":
            continue
        if tag == MARK:
            found.append(Note(label=node.get("label") or "*"))
            continue
        inner = _inline(_children(node), base, depth + 1, inside_link=inside_link or tag == "a")
        if depth >= MAX_INLINE_DEPTH:
            found.extend(inner)
        elif tag == "a":
            url = links.outgoing(base, node.get("href"))
            within = (node.get("href") or "").startswith("#")
            if url is None or within or inside_link or not _says_something(inner):
                found.extend(inner)
            else:
                found.extend(_wrap(inner, partial(_link, url)))
        elif tag == "sup" and any(isinstance(each, Note) for each in inner):
            found.extend(inner)  # marks are raised as it is
        elif tag in _STYLES and _says_something(inner):
            found.extend(_wrap(inner, partial(_styled, _STYLES[tag])))
        elif tag in _CODE and _says_something(inner):
            found.append(InlineCode(text=squeeze(_plain(inner))))
        elif tag == "q":
            found.extend(["“", *inner, "”"])
        else:
            found.extend(inner)
    return found


def _link(url: str, content: tuple[Inline, ...]) -> Inline:
    return Link(url=url, content=content)


def _styled(style: Literal["strong", "emphasis", "sub", "sup"], content: tuple[Inline, ...]) -> Inline:
    return Styled(style=style, content=content)


def _children(node: etree._Element) -> list[str | etree._Element]:
    found: list[str | etree._Element] = [node.text] if node.text else []
    for child in node:
        if isinstance(child.tag, str):
            found.append(child)
        if child.tail:
            found.append(child.tail)
    return found


def _wrap(inner: list[Inline], make: Callable[[tuple[Inline, ...]], Inline]) -> list[Inline]:
    """The element around its content, with the white space at the ends outside of it."""
    merged = _merge(inner)
    before: list[Inline] = []
    after: list[Inline] = []
    if merged and isinstance(merged[0], str) and merged[0][:1] == " ":
        before.append(" ")
    if merged and isinstance(merged[-1], str) and merged[-1][-1:] == " ":
        after.append(" ")
    content = _trim(merged)
    return [*before, make(content), *after] if content else [" "]


def _merge(found: Sequence[Inline]) -> list[Inline]:
    """Neighbouring strings joined, no two spaces in a row across inlines."""
    merged: list[Inline] = []
    for text, group in groupby(found, key=lambda each: isinstance(each, str)):
        if not text:
            merged.extend(group)
            continue
        joined = _SPACE.sub(" ", "".join(cast("Iterator[str]", group)))
        if merged and isinstance(merged[-1], Break):
            joined = joined.lstrip()
        if joined:
            merged.append(joined)
    kept: list[Inline] = []
    for each in merged:
        if isinstance(each, Break) and kept and isinstance(kept[-1], str):
            kept[-1] = kept[-1].rstrip()
            if not kept[-1]:
                kept.pop()
        kept.append(each)
    return kept


def _trim(found: Sequence[Inline]) -> tuple[Inline, ...]:
    items = list(found)
    while items and (isinstance(items[0], Break) or (isinstance(items[0], str) and not items[0].strip())):
        items.pop(0)
    while items and (isinstance(items[-1], Break) or (isinstance(items[-1], str) and not items[-1].strip())):
        items.pop()
    if items and isinstance(items[0], str):
        items[0] = items[0].lstrip()
    if items and isinstance(items[-1], str):
        items[-1] = items[-1].rstrip()
    return tuple(items)


def _says_something(found: Sequence[Inline]) -> bool:
    return bool(_plain(found).strip())


def _plain(found: Sequence[Inline]) -> str:
    parts: list[str] = []
    for item in found:
        if isinstance(item, str):
            parts.append(item)
        elif isinstance(item, InlineCode):
            parts.append(item.text)
        elif isinstance(item, Break):
            parts.append("\n")
        elif not isinstance(item, Note):
            parts.append(_plain(item.content))
    return "".join(parts)


def plain(content: Sequence[Inline]) -> str:
    """The text of inlines without the marks of footnotes; a break is a line end."""
    return _plain(content)


# --- blocks ---


@dataclass(slots=True)
class Builder:
    """Makes blocks from the tree. `first` and `last` are the orders of the first and last chosen run: media outside of
    that stretch are not the article's."""

    album: images.Album
    first: int
    last: int
    top: etree._Element | None
    pictures: list[PictureRef] = field(default_factory=list)
    count: int = 0
    embedded: dict[str, int] = field(default_factory=dict)  # address to the order of its player

    @property
    def base(self) -> str:
        return self.album.base

    def build(self, group: Group, depth: int = 0) -> list[Block]:
        blocks: list[Block] = []
        for item in group.items:
            if self.count >= MAX_BLOCKS:
                break
            if isinstance(item, Run):
                self._run(blocks, item)
            elif isinstance(item, Media):
                self._media(blocks, item)
            else:
                self._group(blocks, item, depth)
        return blocks

    def _add(self, blocks: list[Block], block: Block) -> None:
        self.count += 1
        blocks.append(block)

    def _run(self, blocks: list[Block], run: Run) -> None:
        if self._is_fallback(run):
            before = blocks[-1] if blocks else None
            if isinstance(before, Embed) and before.title is None:
                blocks[-1] = replace(before, title=run.text[: embeds.MAX_TITLE])
            return
        if not run.chosen:
            return
        content = inlines(run.nodes, self.base)
        if not content:
            return
        level = _HEADINGS.get(str(run.element.tag))
        if level is None:
            self._add(blocks, Paragraph(content=content))
        else:
            self._add(blocks, Heading(level=level, content=_without_breaks(content)))

    def _group(self, blocks: list[Block], group: Group, depth: int) -> None:
        tag = group.tag
        if not self._concerns(group):
            return
        if tag in ("ul", "ol", "menu") and depth < MAX_NESTING and self._is_list(group):
            self._list(blocks, group, depth)
        elif tag == "blockquote" and depth < MAX_NESTING:
            self._quote(blocks, group, depth)
        elif tag == "table" and _is_data(group):
            self._table(blocks, group)
        elif tag == "pre":
            self._code(blocks, group)
        elif (
            tag == "dl"
            and depth < MAX_NESTING
            and not any(isinstance(part, Group) and part.tag == "div" for part in group.items)
        ):
            blocks.extend(self.build(group, depth))
        else:
            blocks.extend(self.build(group, depth))

    def _concerns(self, group: Group) -> bool:
        """Whether a group holds a chosen run, or media in the article's stretch."""
        for item in group.items:
            if isinstance(item, Run):
                if item.chosen:
                    return True
            elif isinstance(item, Media):
                if self.first < item.order < self.last:
                    return True
            elif self._concerns(item):
                return True
        return False

    def _is_list(self, group: Group) -> bool:
        items = [part for part in group.items if isinstance(part, Group) and part.tag == "li"]
        chosen = [item for item in items if any(run.chosen for run in item.runs())]
        # a list of cards or of whole sections is layout
        return bool(chosen) and all(sum(len(run.text) for run in item.runs()) < 2500 for item in chosen)

    def _list(self, blocks: list[Block], group: Group, depth: int) -> None:
        items: list[tuple[Paragraph | List, ...]] = []
        others: list[Block] = []
        for part in group.items:
            if isinstance(part, Media):
                self._media(others, part)
            elif isinstance(part, Run):
                if part.chosen and (content := inlines(part.nodes, self.base)):
                    items.append((Paragraph(content=content),))
            elif part.tag == "li" or part.items:
                inner = self.build(part, depth + 1)
                kept = tuple(_simple(block) for block in inner if isinstance(block, Paragraph | List | Heading))
                others.extend(block for block in inner if not isinstance(block, Paragraph | List | Heading))
                if kept:
                    items.append(kept)
        if items:
            self._add(blocks, List(ordered=group.tag == "ol", items=tuple(items)))
        blocks.extend(others)

    def _quote(self, blocks: list[Block], group: Group, depth: int) -> None:
        inner = self.build(group, depth + 1)
        source: str | None = None
        for cited in group.element.iter("cite", "footer"):
            text = text_of(cited)
            if text and len(text) <= 200:
                source = text
                break
        kept = [_simple(block) for block in inner if isinstance(block, Paragraph | List | Heading)]
        for block in inner:
            if isinstance(block, Quote):
                kept.extend(block.blocks)
        if source is not None and len(kept) > 1 and isinstance(kept[-1], Paragraph):
            if key_of(plain(kept[-1].content)) == key_of(source):
                kept.pop()
        elif source is not None and len(kept) == 1:
            source = None  # the whole quote is its own <cite>, or stands in one paragraph with it
        if kept:
            self._add(blocks, Quote(blocks=tuple(kept), source=source.lstrip("—–- ") or None if source else None))
        blocks.extend(block for block in inner if not isinstance(block, Paragraph | List | Heading | Quote))

    def _table(self, blocks: list[Block], group: Group) -> None:
        rows: list[tuple[Cell, ...]] = []
        caption: str | None = None
        for part in _below(group, ("tr", "caption")):
            if part.tag == "caption":
                caption = squeeze(" ".join(run.text for run in part.runs()))[:500] or None
                continue
            cells = []
            for cell in part.items:
                if not isinstance(cell, Group) or cell.tag not in ("td", "th"):
                    continue
                content: list[Inline] = []
                for run in cell.runs():
                    if content:
                        content.append(Break())
                    content.extend(inlines(run.nodes, self.base))
                cells.append(Cell(content=tuple(content), header=cell.tag == "th"))
            if any(cell.content for cell in cells):
                rows.append(tuple(cells))
        if rows:
            self._add(blocks, Table(rows=tuple(rows), caption=caption))

    def _code(self, blocks: list[Block], group: Group) -> None:
        if any(run.chosen for run in group.runs()):
            text = raw_text(group.element).strip("\n").rstrip()
            if text:
                self._add(blocks, Code(text=text))

    def _media(self, blocks: list[Block], media: Media) -> None:
        if not self.first < media.order < self.last:
            return
        if media.kind != "image" and chrome.box_above(media.element, self.top) is not None:
            return
        if media.kind == "rule":
            if blocks and not isinstance(blocks[-1], Rule):
                self._add(blocks, Rule())
        elif media.kind == "embed":
            found = embeds.in_element(media.element, self.base)
            if found is not None and found.url not in self.embedded:
                self.embedded[found.url] = media.order
                self._add(blocks, found)
        else:
            picture = self._picture(media.element)
            if picture is not None:
                self._add(blocks, Picture(resource=picture))

    def _is_fallback(self, run: Run) -> bool:
        """Whether a run is only the link that stands beside a player, for readers who do not see the player."""
        if run.linked < 0.95 or not self.embedded:
            return False
        anchors = [node for node in run.nodes if not isinstance(node, str)]
        target = links.outgoing(self.base, anchors[0].get("href")) if len(anchors) == 1 else None
        if target is None:
            return False
        order = self.embedded.get(embeds.of_address(target, None).url)
        return order is not None and 0 < run.order - order <= 2

    def _picture(self, element: etree._Element) -> int | None:
        """The place of an element's picture in `pictures`, None when it is none or was there before."""
        if len(self.pictures) >= MAX_PICTURES:
            return None
        found = self.album.picture(element)
        if found is None:
            return None
        parent = element.getparent()
        box = chrome.box_above(parent, self.top) if parent is not None else None
        if box is not None and not (found.caption and chrome.may_show_pictures(box)):
            return None
        if any(found.candidates[0] in known.candidates for known in self.pictures):
            return None
        self.pictures.append(images.reference(found))
        return len(self.pictures) - 1


def _simple(block: Paragraph | List | Heading) -> Paragraph | List:
    if isinstance(block, Heading):
        return Paragraph(content=(Styled(style="strong", content=block.content),))
    return block


def _without_breaks(content: tuple[Inline, ...]) -> tuple[Inline, ...]:
    return tuple(_merge([" " if isinstance(item, Break) else item for item in content]))


def _below(group: Group, tags: tuple[str, ...]) -> list[Group]:
    found: list[Group] = []
    for item in group.items:
        if isinstance(item, Group):
            if item.tag in tags:
                found.append(item)
            elif item.tag in ("thead", "tbody", "tfoot", "table", "div"):
                found.extend(_below(item, tags))
    return found


def _is_data(group: Group) -> bool:
    """Whether a table holds data. Old portals lay whole pages out with tables: long cells, one column."""
    rows = _below(group, ("tr",))
    if not rows or len(rows) > 500:
        return False
    widths = [sum(1 for cell in row.items if isinstance(cell, Group) and cell.tag in ("td", "th")) for row in rows]
    cells = [cell for row in rows for cell in row.items if isinstance(cell, Group)]
    if any(isinstance(part, Group) and part.tag == "table" for cell in cells for part in _deep(cell)):
        return False
    longest = max((sum(len(run.text) for run in cell.runs()) for cell in cells), default=0)
    chosen = any(run.chosen for cell in cells for run in cell.runs())
    return chosen and max(widths) >= 2 and len(rows) >= 2 and longest <= 1200 and max(widths) <= 40


def _deep(group: Group) -> Iterable[Group]:
    for item in group.items:
        if isinstance(item, Group):
            yield item
            yield from _deep(item)


# --- text ---


def text_of_blocks(blocks: Sequence[Block]) -> str:
    """Plain text of blocks, paragraphs parted by empty lines, without captions."""
    parts: list[str] = []
    for block in blocks:
        if isinstance(block, Paragraph | Heading):
            parts.append(plain(block.content))
        elif isinstance(block, Quote):
            parts.append(text_of_blocks(block.blocks))
        elif isinstance(block, List):
            parts.extend(text_of_blocks(item) for item in block.items)
        elif isinstance(block, Table):
            parts.extend("\t".join(plain(cell.content).replace("\n", " ") for cell in row) for row in block.rows)
        elif isinstance(block, Code):
            parts.append(block.text)
        elif isinstance(block, Footnotes):
            parts.extend(text_of_blocks(note.content) for note in block.items)
        elif not isinstance(block, Picture | Embed | Rule):
            if block.title:
                parts.append(block.title)
            parts.append(text_of_blocks(block.blocks))
    return "\n\n".join(part for part in parts if part.strip())
