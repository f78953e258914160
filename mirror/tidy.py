"""An article as extraction found it, made to fit the schema: what does not fit is mended where that loses nothing a
reader would miss, else left out. Pure.

Pages hold what no schema should allow: control characters in headlines, `javascript:` links, addresses with spaces,
quotes in quotes in quotes, dates that do not exist. One bad link must not cost a reader the article. So controls go,
white space becomes spaces, an address is percent-encoded and, when that does not make it one, its link becomes plain
text; what is too deep is flattened; what is too long is shortened (headlines) or parted (paragraphs); what is empty is
left out. Format characters (ZWNJ, bidi marks) stay.

Left alone, because guessing would change what is claimed: outlet, canonical address, time of the fetch, revision,
digests, sizes. If those are wrong, `schemas.check` says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from functools import cache
from typing import Any, Final
from urllib.parse import quote

import schemas
from mirror.model import (
    Article,
    Block,
    Break,
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
    Quote,
    Removed,
    Resource,
    Rule,
    Styled,
    Table,
    Update,
)
from mirror.pack import cut, plain, shorten

# Deeper nesting than this is an accident of markup. Together they stay below schemas.MAX_DEPTH: 4 levels down to an
# update's blocks, 2 for a quote, 3 a list, 2 a link or style.
MAX_LISTS: Final = 6
MAX_STYLES: Final = 6
# The limits of schemas/bundle.schema.json; a test compares.
TEXT: Final = 100_000
CONTENT: Final = 2000
FLOW: Final = 1000
ITEMS: Final = 2000
CELLS: Final = 100
NAME: Final = 200
TITLE: Final = 1000
LEAD: Final = 5000
NAMES: Final = 100
URL: Final = 2048
LABEL: Final = 40
ANSWER: Final = 100

_SPACES = re.compile("[\t\n\x0b\x0c\r\x85]+")
_NEVER = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")
_NEVER_IN_CODE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_NOT_IN_UPDATES = (Rule, Code, Update, Footnotes)
_KIND = re.compile("[a-z][a-z0-9-]{0,31}", re.ASCII)


def tidy(article: Article) -> Article:
    """The article with everything in it that a page decides made to fit the schema; a good one comes back equal."""
    return replace(
        article,
        outlet_name=_line(article.outlet_name, NAME) or article.outlet,
        title=_line(article.title, TITLE) or article.url[:NAME],
        lead=_line(article.lead, LEAD),
        authors=_names(article.authors),
        section=_line(article.section, NAME),
        tags=_names(article.tags),
        published=_time(article.published),
        modified=_time(article.modified),
        language=_language(article.language),
        removed=_removed(article.removed),
        resources=tuple(_resource(resource, article.resources) for resource in article.resources),
        blocks=tuple(_blocks(article.blocks, [resource.role for resource in article.resources])),
    )


def address(url: str, limit: int = URL) -> str | None:
    """`url` as the schema wants it, percent-encoded where it must be; None when it is no web address at all."""
    url = _NEVER.sub("", _SPACES.sub("", url)).strip()
    if len(url) > limit or _is_address(url):
        return url if len(url) <= limit else None
    scheme, separator, rest = url.partition("://")
    if scheme.lower() not in ("http", "https") or not separator:
        return None
    # Everything but letters, digits and what has a meaning in an address; what is encoded already stays so.
    end = next((at for at, letter in enumerate(rest) if letter in "/?#"), len(rest))
    fixed = f"{scheme.lower()}://{rest[:end]}" + quote(rest[end:], safe="%/?#[]@!$&'()*+,;=:~")
    return fixed if len(fixed) <= limit and _is_address(fixed) else None


def _is_address(url: str) -> bool:
    return _pattern("url").search(url) is not None


@cache
def _pattern(name: str) -> re.Pattern[str]:
    return re.compile(schemas.source("bundle")["$defs"][name]["pattern"])


# --- texts -----------------------------------------------------------------------------------------------------------


def _text(text: str) -> str:
    return _NEVER.sub("", _SPACES.sub(" ", text))


def _line(text: str | None, limit: int) -> str | None:
    if text is None:
        return None
    clean = _text(text)
    return shorten(clean if clean == text else clean.strip(), limit) or None


def _names(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(clean for name in names if (clean := _line(name, NAME)))[:NAMES]


def _code(text: str) -> str:
    return _NEVER_IN_CODE.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def _time(time: str | None) -> str | None:
    if time is None or not _pattern("time").search(time):
        return None
    try:
        datetime.fromisoformat(time)
    except ValueError:  # the 30th of February
        return None
    return time


def _language(language: str) -> str:
    return language if len(language) <= 35 and _pattern("language").search(language) else "und"


def _removed(removed: Removed | None) -> Removed | None:
    # `noticed` is the publisher's own claim: left alone.
    return removed and replace(removed, answer=_line(removed.answer, ANSWER) or "gone")


def _resource(resource: Resource, among: tuple[Resource, ...]) -> Resource:
    small = resource.thumbnail
    if small is not None and not (0 <= small < len(among) and among[small].role == "thumbnail"):
        small = None
    return replace(
        resource,
        alt=_line(resource.alt, LEAD),
        caption=_line(resource.caption, LEAD),
        credit=_line(resource.credit, TITLE),
        thumbnail=small,
    )


# --- inlines ---------------------------------------------------------------------------------------------------------


def _content(content: Iterable[Inline], depth: int = 0) -> tuple[Inline, ...]:
    return tuple(_inlines(content, depth))


def _inlines(content: Iterable[Inline], depth: int) -> Iterator[Inline]:
    for inline in content:
        match inline:
            case str():
                text = _text(inline)
                yield from (text[at : at + TEXT] for at in range(0, len(text), TEXT))
            case InlineCode(text=text):
                if clean := _code(text):
                    yield from (InlineCode(text=clean[at : at + TEXT]) for at in range(0, len(clean), TEXT))
            case Break():
                yield inline
            case Note(label=label):
                if mark := _line(label, LABEL):
                    yield Note(label=mark)
            case Link() | Styled():
                inner = _content(inline.content, depth + 1) if depth < MAX_STYLES else (_text(plain(inline.content)),)
                inner = tuple(each for each in inner if each != "")
                if not inner:
                    continue
                url = address(inline.url) if isinstance(inline, Link) else None
                if isinstance(inline, Link) and url is None:
                    yield from inner
                elif isinstance(inline, Link):
                    yield replace(inline, url=str(url), content=inner[:CONTENT])
                else:
                    yield replace(inline, content=inner[:CONTENT])


# --- blocks ----------------------------------------------------------------------------------------------------------


def _blocks(blocks: Iterable[Block], roles: list[str]) -> Iterator[Any]:
    for block in blocks:
        for clean in _block(block, roles):
            yield from _parted(clean)


def _block(block: Block, roles: list[str]) -> Iterator[Any]:  # noqa: PLR0912  one branch a kind of block
    match block:
        case Paragraph(content=content):
            if clean := _content(content):
                yield Paragraph(content=clean)
        case Heading(level=level, content=content):
            if clean := _content(content):
                yield Heading(level=min(max(level, 2), 4), content=clean)
        case Quote(blocks=inner, source=source):
            if flow := _flow(inner, 0):
                yield Quote(blocks=flow, source=_line(source, TITLE))
        case List():
            yield from _list(block, 0)
        case Table(rows=rows, caption=caption):
            clean_rows = tuple(
                tuple(replace(cell, content=_content(cell.content)[:CONTENT]) for cell in row[:CELLS])
                for row in rows
                if row
            )
            if clean_rows:
                yield Table(rows=clean_rows, caption=_line(caption, LEAD))
        case Picture(resource=resource):
            if 0 <= resource < len(roles) and roles[resource] == "picture":
                yield block
        case Embed():
            yield from _embed(block)
        case Rule():
            yield block
        case Code(text=text):
            if clean_code := _code(text):
                yield Code(text=clean_code)
        case Update(time=time, title=title, blocks=inner):
            if below := tuple(each for each in _blocks(inner, roles) if not isinstance(each, _NOT_IN_UPDATES)):
                yield Update(time=_time(time), title=_line(title, TITLE), blocks=below)
        case Footnotes(items=notes):
            clean_notes = tuple(
                replace(note, label=mark, content=flow[:FLOW])
                for note in notes
                if (mark := _line(note.label, LABEL)) and (flow := _flow(note.content, 0))
            )
            if clean_notes:
                yield Footnotes(items=clean_notes)


def _embed(embed: Embed) -> Iterator[Block]:
    url = address(embed.url)
    title, text = _line(embed.title, TITLE), _line(embed.text, TEXT)
    if url is not None:
        kind = embed.kind if _KIND.fullmatch(embed.kind) else "other"
        yield Embed(kind=kind, url=url, title=title, text=text)
    elif text or title:
        yield Paragraph(content=(text or title or "",))


def _flow(blocks: Iterable[Any], depth: int) -> tuple[Any, ...]:
    """What may stand in a quote or a list item: paragraphs and lists, not too deep."""
    result: list[Any] = []
    for block in blocks:
        if isinstance(block, Paragraph):
            if clean := _content(block.content):
                result += _parted(Paragraph(content=clean))
        elif isinstance(block, List):
            for each in _list(block, depth):
                result += _parted(each)
    return tuple(result)


def _list(block: List, depth: int) -> Iterator[Any]:
    """The list, or its items' paragraphs when it stands in too many lists already."""
    if depth >= MAX_LISTS:
        for item in block.items:
            yield from _flow(item, depth)
        return
    items = tuple(flow[:FLOW] for item in block.items if (flow := _flow(item, depth + 1)))
    if items:
        yield replace(block, items=items)


def _parted(block: Any) -> Iterator[Any]:
    """The block, or several when it has more entries than the schema allows in one."""
    if _entries(block):
        halves = cut(block)
        if halves is not None:
            yield from _parted(halves[0])
            yield from _parted(halves[1])
            return
    yield block


def _entries(block: Block) -> bool:  # noqa: PLR0911  one return a kind of block
    match block:
        case Paragraph(content=content) | Heading(content=content):
            return len(content) > CONTENT
        case Quote(blocks=blocks) | Update(blocks=blocks):
            return len(blocks) > FLOW
        case List(items=items):
            return len(items) > ITEMS
        case Footnotes(items=notes):
            return len(notes) > ITEMS
        case Table(rows=rows):
            return len(rows) > ITEMS
        case Code(text=text):
            return len(text) > TEXT
    return False
