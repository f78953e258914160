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
from mirror.extract.page import (
    Group,
    Media,
    Run,
    attribute,
    is_hidden,
    key_of,
    marks,
    raw_text,
    remembered,
    spaced,
    squeeze,
    text_of,
)
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
_ISOLATES = {"ltr": "\u2066", "rtl": "\u2067"}
_OVERRIDES = {"ltr": "\u202d", "rtl": "\u202e"}
_PULL_QUOTE = re.compile(r"pull-?_?quote|(?:^|[\s_-])(?:quote-?box|zitat-?box|citat-?box)(?:$|[\s_-])", re.IGNORECASE)
_is_pull_quote = remembered(_PULL_QUOTE)
_VERSE = re.compile(r"(?:^|[\s_-])(?:verse|poem|poetry|lyrics|stanza|gedicht)(?:$|[\s_-])", re.IGNORECASE)
_CODE_BOX = re.compile(
    r"(?:^|[\s_-])(?:code|highlight|prism|hljs|brush|terminal|console|listing|language)", re.IGNORECASE
)
_WHO = re.compile(
    r"(?:^|[\s_-])(?:attribution|author|source|cite|citation|credit|by-?line|speaker|name|person)(?:$|[\s_-])",
    re.IGNORECASE,
)
_AWAITS_CONSENT = re.compile(r"consent|cookie|gdpr|cmp|borlabs|privacy|two-?click", re.IGNORECASE)
_SENTENCE_ENDS = re.compile(r"[.!?…。！？؟۔](?:\s|$)")


# --- inlines ---


def inlines(nodes: Iterable[str | etree._Element], base: str) -> tuple[Inline, ...]:
    """Text with links and emphasis. White space is squeezed across the whole run; nothing empty is left."""
    return _trim(_merge(_inline(nodes, base, 0, inside_link=False)))


def _inline(nodes: Iterable[str | etree._Element], base: str, depth: int, *, inside_link: bool) -> list[Inline]:  # noqa: PLR0912 - one branch a kind
    found: list[Inline] = []
    for node in nodes:
        if isinstance(node, str):
            found.append(spaced(node))
            continue
        tag = node.tag
        if tag == "rt" and not is_hidden(node):
            reading = _inline(_children(node), base, depth + 1, inside_link=inside_link)
            found.extend(["（", *reading, "）"] if _says_something(reading) else [])
            continue
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
        if (around := _turned(node)) is not None and _says_something(inner):
            inner = [around[0], *inner, around[1]]
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


def _turned(node: etree._Element) -> tuple[str, str] | None:
    """The characters that keep what `dir`, `<bdi>` and `<bdo>` say about an inline element (Unicode Annex 9, section
    2.7): a telephone number in an Arabic line reads wrongly without. None where they say nothing new."""
    way = attribute(node, "dir").lower()
    if node.tag == "bdo" and way in _OVERRIDES:
        return _OVERRIDES[way], "\u202c"
    if node.tag == "bdi" and way not in _ISOLATES:
        return "\u2068", "\u2069"
    if way not in _ISOLATES:
        return None
    ways = (attribute(one, "dir").lower() for one in node.iterancestors())
    above = next((value for value in ways if value in _ISOLATES), "ltr")
    parent = node.getparent()
    alone = parent is not None and len(parent) == 1 and not f"{parent.text or ''}{node.tail or ''}".strip()
    return None if way == above or alone else (_ISOLATES[way], "\u2069")


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
        joined = spaced("".join(cast("Iterator[str]", group)))
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

    def build(self, group: Group) -> list[Block]:
        """The blocks of a group. Pull quotes that only repeat the text are not among them."""
        for inner in group.groups():
            if _is_quote(inner.element):
                self._take_back(inner)
        return _without_pull_quotes(self._build(group))

    def _build(self, group: Group, depth: int = 0) -> list[Block]:
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
        if run.element.tag == "summary":
            self._add(blocks, _simple(Heading(level=4, content=_without_breaks(content))))
        elif level is None:
            self._add(blocks, Paragraph(content=content))
        else:
            self._add(blocks, Heading(level=level, content=_without_breaks(content)))

    def _group(self, blocks: list[Block], group: Group, depth: int) -> None:
        tag = group.tag
        if not self._concerns(group):
            return
        if tag in ("ul", "ol", "menu") and depth < MAX_NESTING and self._is_list(group):
            self._list(blocks, group, depth)
        elif depth < MAX_NESTING and _is_quote(group.element):
            self._quote(blocks, group, depth)
        elif tag == "table" and _is_data(group):
            self._table(blocks, group)
        elif tag == "pre":
            self._code(blocks, group)
        elif tag == "dl" and depth < MAX_NESTING:
            self._definitions(blocks, group, depth)
        else:
            blocks.extend(self._build(group, depth))

    def _take_back(self, group: Group) -> None:
        """Chooses a quotation that stands in the middle of the article and was not looked at: engines leave out what
        stands in an `<aside>` or a `<figure>`."""
        runs = list(group.runs())
        if not runs or any(
            run.chosen
            or run.why
            or run.linked > 0.3
            or not self.first < run.order < self.last
            or len(run.text) > 1200
            or chrome.is_chrome_run(run)
            for run in runs
        ):
            return
        parent = group.element.getparent()
        if parent is not None and chrome.box_above(parent, self.top) is None:
            for run in runs:
                run.chosen = bool(run.key)

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
                inner = self._build(part, depth + 1)
                kept = tuple(_simple(block) for block in inner if isinstance(block, Paragraph | List | Heading))
                others.extend(block for block in inner if not isinstance(block, Paragraph | List | Heading))
                if kept:
                    items.append(kept)
        if items:
            self._add(blocks, List(ordered=group.tag == "ol", items=tuple(items)))
        blocks.extend(others)

    def _definitions(self, blocks: list[Block], group: Group, depth: int) -> None:
        """Terms and what is said of them: a list when they are short, else (questions and answers) the terms in bold
        with the paragraphs after them."""
        parts = [part for item in group.items if isinstance(item, Group) for part in _definition_parts(item)]
        if not parts or any(not isinstance(item, Group) for item in group.items):
            blocks.extend(self._build(group, depth))
            return
        items: list[list[Block]] = []
        for part in parts:
            inner = self._build(part, depth + 1)
            if part.tag == "dt":
                inner = [
                    _simple(Heading(level=4, content=_without_breaks(each.content)))
                    if isinstance(each, Paragraph) and not _is_bold(each)
                    else each
                    for each in inner
                ]
            if inner and (part.tag == "dt" or not items):
                items.append(inner)
            elif inner:
                items[-1].extend(inner)
        flat = [block for item in items for block in item]
        simple = all(isinstance(block, Paragraph | List) for block in flat)
        longest = max((len(plain(block.content)) for block in flat if isinstance(block, Paragraph)), default=0)
        if simple and longest <= 300 and len(items) >= 2:
            rows = tuple(tuple(each for each in item if isinstance(each, Paragraph | List)) for item in items)
            self._add(blocks, List(ordered=False, items=rows))
        else:
            blocks.extend(flat)

    def _quote(self, blocks: list[Block], group: Group, depth: int) -> None:
        inner = self._build(group, depth + 1)
        source = _who_said(group.element)
        kept = [_simple(block) for block in inner if isinstance(block, Paragraph | List | Heading)]
        for block in inner:
            if isinstance(block, Quote):
                kept.extend(block.blocks)
        if source is not None and len(kept) > 1 and isinstance(kept[-1], Paragraph):
            if key_of(plain(kept[-1].content)) == key_of(source):
                kept.pop()
        elif source is not None and len(kept) == 1 and key_of(source) in key_of(text_of_blocks(kept)):
            source = None  # the whole quote is its own <cite>, or stands in one paragraph with it
        if kept:
            self._add(blocks, Quote(blocks=tuple(kept), source=source.lstrip("—–- ") or None if source else None))
        blocks.extend(block for block in inner if not isinstance(block, Paragraph | List | Heading | Quote))

    def _table(self, blocks: list[Block], group: Group) -> None:
        rows: list[tuple[Cell, ...]] = []
        caption: str | None = None
        above: dict[int, int] = {}  # by column: in how many rows, this one included, a cell from above stands
        for part in _below(group, ("tr", "caption")):
            if part.tag == "caption":
                caption = squeeze(" ".join(run.text for run in part.runs()))[:500] or None
                continue
            cells: list[Cell] = []
            for cell in part.items:
                if not isinstance(cell, Group) or cell.tag not in ("td", "th"):
                    continue
                cells.extend(_spanned(above, len(cells)))
                content: list[Inline] = []
                for run in cell.runs():
                    if content:
                        content.append(Break())
                    content.extend(inlines(run.nodes, self.base))
                width, height = _span(cell.element, "colspan"), _span(cell.element, "rowspan")
                if height > 1:
                    above.update((len(cells) + column, height) for column in range(width))
                cells.append(Cell(content=tuple(content), header=cell.tag == "th"))
                cells.extend(Cell(content=(), header=cell.tag == "th") for _ in range(width - 1))
            cells.extend(_spanned(above, len(cells)))
            above = {column: left - 1 for column, left in above.items() if left > 1}
            if any(cell.content for cell in cells):
                rows.append(tuple(cells))
        if rows:
            caption = caption or _figure_caption(group.element)
            self._add(blocks, Table(rows=tuple(rows), caption=caption))

    def _code(self, blocks: list[Block], group: Group) -> None:
        if any(run.chosen for run in group.runs()):
            text = raw_text(group.element).replace("\r\n", "\n").strip("\n").rstrip()
            if _is_prose(group.element, text):
                for part in re.split(r"\n[ \t]*(?:\n[ \t]*)+", text):
                    lines = [squeeze(line) for line in part.split("\n")]
                    content = [each for line in lines if line for each in (Break(), line)][1:]
                    if content:
                        self._add(blocks, Paragraph(content=tuple(content)))
            elif text:
                self._add(blocks, Code(text=text))

    def _media(self, blocks: list[Block], media: Media) -> None:
        if not self.first < media.order < self.last:
            return
        if media.kind != "image":
            box = chrome.box_above(media.element, self.top)
            # What waits for consent is what the author put there.
            if box is not None and not (media.kind == "embed" and _AWAITS_CONSENT.search(marks(box))):
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


def _is_quote(element: etree._Element) -> bool:
    if element.tag == "blockquote":
        return True
    return element.tag in ("aside", "div", "figure", "p", "section", "q") and _is_pull_quote(marks(element))


def _without_pull_quotes(blocks: list[Block]) -> list[Block]:
    """The blocks without quotes whose words stand in a paragraph beside them as well."""
    if not any(isinstance(block, Quote) for block in blocks):
        return blocks
    said = "\n".join(key_of(text_of_blocks((block,))) for block in blocks if not isinstance(block, Quote))
    return [block for block in blocks if not (isinstance(block, Quote) and _repeats(block, said))]


def _repeats(quote: Quote, said: str) -> bool:
    key = key_of(text_of_blocks(quote.blocks))
    return 12 <= len(key) <= 400 and key in said


def _who_said(element: etree._Element) -> str | None:
    """Who a quotation is from: its `<cite>` or `<footer>`, a caption of its figure, or a last line whose class
    says so."""
    for cited in element.iter("cite", "footer"):
        text = text_of(cited)
        if text and len(text) <= 200:
            return text
    if (text := _figure_caption(element) or "") and len(text) <= 200:
        return text
    last = next((child for child in reversed(element) if isinstance(child.tag, str)), None)
    if last is not None and last.tag in ("p", "div", "span", "figcaption") and _WHO.search(marks(last)):
        text = text_of(last)
        return text if 0 < len(text) <= 200 else None
    return None


def _figure_caption(element: etree._Element) -> str | None:
    """The caption of a figure that holds this element and no picture."""
    figure = next((above for above in [element, *list(element.iterancestors())[:2]] if above.tag == "figure"), None)
    if figure is None or next(iter(figure.iter("img", "iframe", "video")), None) is not None:
        return None
    caption = next(iter(figure.iter("figcaption")), None)
    return (text_of(caption)[:500] or None) if caption is not None else None


def _is_prose(element: etree._Element, text: str) -> bool:
    """Whether preformatted text is verse, or an article that somebody pasted, and no code."""
    if _VERSE.search(marks(element)):
        return True
    if next(iter(element.iter("code", "kbd", "samp")), None) is not None or _CODE_BOX.search(marks(element)):
        return False
    lines = [line for line in text.split("\n") if line.strip()]
    ends = len(_SENTENCE_ENDS.findall(text))
    return len(text) >= 400 and len(text) >= 50 * len(lines) and ends >= 3 and not re.search(r"[{};=<>]{2}|\t", text)


def _definition_parts(group: Group) -> Iterator[Group]:
    if group.tag in ("dt", "dd"):
        yield group
    elif group.tag == "div":
        for item in group.items:
            if isinstance(item, Group):
                yield from _definition_parts(item)


def _is_bold(block: Paragraph) -> bool:
    return len(block.content) == 1 and isinstance(block.content[0], Styled)


MAX_SPAN = 40  # columns or rows; the format has no spans, so places that a cell reaches over are empty cells


def _span(element: etree._Element, name: str) -> int:
    value = attribute(element, name).strip()
    return min(max(int(value), 1), MAX_SPAN) if value.isascii() and value.isdigit() and len(value) <= 4 else 1


def _spanned(above: dict[int, int], column: int) -> Iterator[Cell]:
    """Empty cells for the columns from `column` on that a cell from a row above reaches into."""
    while above.get(column, 0) > 0 and column < 2 * MAX_SPAN:
        yield Cell(content=())
        column += 1


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
    if not rows or len(rows) > 1000 or attribute(group.element, "role").lower() in ("presentation", "none"):
        return False
    widths = [sum(1 for cell in row.items if isinstance(cell, Group) and cell.tag in ("td", "th")) for row in rows]
    cells = [cell for row in rows for cell in row.items if isinstance(cell, Group)]
    if any(isinstance(part, Group) and part.tag == "table" for cell in cells for part in _deep(cell)):
        return False
    longest = max((sum(len(run.text) for run in cell.runs()) for cell in cells), default=0)
    chosen = any(run.chosen for cell in cells for run in cell.runs())
    declared = any(cell.tag == "th" for cell in cells) or bool(_below(group, ("caption",)))
    most = 3000 if declared else 1200
    return chosen and max(widths) >= 2 and len(rows) >= 2 and longest <= most and max(widths) <= 40


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
