"""The sample outlet's articles, read from `articles/<language>/<slug>.txt`.

A file is a head of `key: value` lines, an empty line, and a body in which a line is a block:

    plain text                     paragraph, with **strong**, *emphasis* and [link](address)
    ## text                        heading
    > text, >— who                 quotation and who said it
    - text, 1. text                lists
    | a | b |                      table; its first row is the head
    !picture name | alt | caption | credit
    !embed kind address | title
    !logbook                       the year of `logbook.py`
    @ time | title                 a live blog's post, up to the next one
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import cast

from mirror.model import (
    Block,
    Cell,
    Direction,
    Embed,
    Heading,
    Inline,
    Link,
    List,
    Paragraph,
    Picture,
    Quote,
    Styled,
    Table,
    Update,
)
from mirror.sample.logbook import logbook

FOLDER = Path(__file__).parent / "articles"
LANGUAGES = ("en", "ru", "fa", "zh")
INLINE = re.compile(r"\*\*(?P<strong>[^*]+)\*\*|\*(?P<emphasis>[^*]+)\*|\[(?P<text>[^]]+)\]\((?P<url>[^)]+)\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplePicture:
    """`name` is that of a scene of `drawing.py`."""

    name: str
    alt: str
    caption: str
    credit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One article as its editors have it. `pictures[0]` is the cover; `Picture` blocks count in `pictures`."""

    slug: str
    language: str
    direction: Direction
    title: str
    lead: str
    authors: tuple[str, ...]
    section: str
    tags: tuple[str, ...]
    published: str
    modified: str
    blocks: tuple[Block, ...]
    pictures: tuple[SamplePicture, ...]
    held: bool = False
    live: bool = False

    def with_paragraph(self, text: str, modified: str) -> Piece:
        return replace(self, blocks=(*self.blocks, Paragraph(content=inline(text))), modified=modified)


def inline(text: str) -> tuple[Inline, ...]:
    pieces: list[Inline] = []
    end = 0
    for match in INLINE.finditer(text):
        if match.start() > end:
            pieces.append(text[end : match.start()])
        if match["url"]:
            pieces.append(Link(url=match["url"], content=(match["text"],)))
        elif match["strong"]:
            pieces.append(Styled(style="strong", content=(match["strong"],)))
        else:
            pieces.append(Styled(style="emphasis", content=(match["emphasis"],)))
        end = match.end()
    if end < len(text):
        pieces.append(text[end:])
    return tuple(pieces)


def plain(content: tuple[Inline, ...]) -> str:
    """The text of inlines, as a reader sees it."""
    return "".join(
        one if isinstance(one, str) else plain(one.content) if isinstance(one, Link | Styled) else "" for one in content
    )


def picture(text: str) -> SamplePicture:
    name, alt, caption, credit = (part.strip() for part in text.split("|"))
    return SamplePicture(name=name, alt=alt, caption=caption, credit=credit)


def body(lines: list[str], pictures: list[SamplePicture]) -> list[Block]:
    """Blocks of these lines; pictures met on the way are appended to `pictures`."""
    blocks: list[Block] = []
    lines = [line.strip() for line in lines if line.strip()]
    while lines:
        line = lines.pop(0)
        if line.startswith("## "):
            blocks.append(Heading(level=2, content=inline(line[3:])))
        elif line.startswith("> "):
            source = lines.pop(0)[2:].strip() if lines and lines[0].startswith(">—") else None
            blocks.append(Quote(blocks=(Paragraph(content=inline(line[2:])),), source=source))
        elif item := re.match(r"(-|\d+\.) ", line):
            ordered = item[1] != "-"
            found = [line]
            while lines and re.match(r"\d+\. " if ordered else "- ", lines[0]):
                found.append(lines.pop(0))
            items = tuple((Paragraph(content=inline(one.split(" ", 1)[1])),) for one in found)
            blocks.append(List(ordered=ordered, items=items))
        elif line.startswith("|"):
            rows = [line]
            while lines and lines[0].startswith("|"):
                rows.append(lines.pop(0))
            blocks.append(table(rows))
        elif line.startswith("!picture "):
            blocks.append(Picture(resource=len(pictures)))
            pictures.append(picture(line.removeprefix("!picture ")))
        elif line.startswith("!embed "):
            where, _, title = line.removeprefix("!embed ").partition("|")
            kind, url = where.split()
            blocks.append(Embed(kind=kind, url=url, title=title.strip() or None))
        elif line == "!logbook":
            blocks.extend(logbook())
        elif line.startswith("@ "):
            time, _, title = line[2:].partition("|")
            count = next((place for place, one in enumerate(lines) if one.startswith("@ ")), len(lines))
            inner, lines = lines[:count], lines[count:]
            nested = cast("list[Paragraph | Quote | Embed]", body(inner, pictures))
            blocks.append(Update(time=time.strip(), title=title.strip(), blocks=tuple(nested)))
        else:
            blocks.append(Paragraph(content=inline(line)))
    return blocks


def table(rows: list[str]) -> Table:
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    return Table(
        rows=tuple(
            tuple(Cell(content=inline(cell), header=place == 0) for cell in row) for place, row in enumerate(cells)
        )
    )


@cache
def read(language: str, slug: str) -> Piece:
    """One article."""
    head, _, rest = (FOLDER / language / f"{slug}.txt").read_text(encoding="utf-8").partition("\n\n")
    fields = dict(line.split(": ", 1) for line in head.splitlines())
    pictures = [picture(fields["picture"])]
    blocks = body(rest.splitlines(), pictures)
    return Piece(
        slug=slug,
        language=language,
        direction="rtl" if language == "fa" else "ltr",
        title=fields["title"],
        lead=fields["lead"],
        authors=tuple(fields["authors"].split(", ")),
        section=fields["section"],
        tags=tuple(fields["tags"].split(", ")),
        published=fields["published"],
        modified=fields.get("modified", fields["published"]),
        blocks=tuple(blocks),
        pictures=tuple(pictures),
        held=fields.get("held") == "yes",
        live=fields.get("live") == "yes",
    )


@cache
def everything() -> tuple[Piece, ...]:
    """All articles, those held back included, by language and then newest first."""
    found = []
    for language in LANGUAGES:
        pieces = [read(language, path.stem) for path in sorted((FOLDER / language).glob("*.txt"))]
        found.extend(sorted(pieces, key=lambda piece: piece.published, reverse=True))
    return tuple(found)
