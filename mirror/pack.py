"""An article as a document, a document as stored bytes, and a long article as several pieces. Pure.

A bundle is stored as gzip(note(one line of JSON)), a part or a page as gzip(one line of JSON): its digest is vouched
for by whoever names it. Keys come in the order of `schemas/bundle.schema.json`'s list, what is not known is absent, and
there is one way to write every article, so `from_document(to_document(article)) == article` and back, byte for byte.

No piece of text is larger than `PIECE` bytes as stored, because some networks freeze a connection after about 16 KB.
What does not fit the bundle goes on in parts. A block too long for one piece is cut: a paragraph at the end of a
sentence, else at a space; a list, table, quote or update between its entries; and what is in one word between letters.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from mirror.errors import TamizdatError
from mirror.model import (
    Article,
    Block,
    Break,
    Cell,
    Code,
    Draft,
    Embed,
    Footnote,
    Footnotes,
    Heading,
    Inline,
    InlineCode,
    Link,
    List,
    Note,
    Paragraph,
    Part,
    Picture,
    Quote,
    Removed,
    Resource,
    Rule,
    Styled,
    Table,
    Update,
)
from schemas import SchemaError, check_twice
from signing.note import sign
from signing.packing import digest_of, gzip_bytes

if TYPE_CHECKING:
    from signing.keys import SignerKey

Json = dict[str, Any]

# format.md, idea 6: whatever is needed to read an article's text comes in pieces of at most 12 KiB.
PIECE: Final = 12288
# A piece unpacks to at most this much: repetitive text compresses a thousandfold, and readers cap before they unpack.
UNPACKED: Final = 262144
# Room for the publisher's signature line and one counter-signature (each about 110 bytes that do not compress,
# and a key name of up to 100 characters).
SIGNATURES: Final = 400
# More than this many parts is about 1.2 MB of compressed text: not an article.
MAX_PARTS: Final = 100

_KINDS = {"article": "bundle", "edition": "edition", "part": "part", "page": "page", "trust": "trust"}
_STYLES = ("strong", "emphasis", "sub", "sup")


class PackError(TamizdatError):
    """An article or a document that cannot be packed: too long for pieces, or of a kind that is not stored."""


# --- article to document and back ------------------------------------------------------------------------------------


def to_document(article: Article) -> Json:
    """The JSON of an article bundle. It was not held against the schema: `bundle` does that."""
    document: Json = {
        "v": 1,
        "kind": "article",
        "outlet": {"id": article.outlet, "name": article.outlet_name},
        "url": article.url,
        "fetched": article.fetched,
        "captured": article.captured,
        "published": article.published,
        "modified": article.modified,
        "language": article.language,
        "direction": article.direction,
        "title": article.title,
        "lead": article.lead,
        "authors": list(article.authors),
        "section": article.section,
        "tags": list(article.tags),
        "blocks": blocks_to_json(article.blocks),
        "parts": [{"digest": part.digest, "size": part.size} for part in article.parts],
        "resources": [_resource_to_json(resource) for resource in article.resources],
        "revision": article.revision,
        "replaces": article.replaces,
        "removed": article.removed and {"noticed": article.removed.noticed, "answer": article.removed.answer},
        "salt": article.salt,
        "generator": article.generator,
    }
    return _known(document)


def from_document(document: Mapping[str, Any]) -> Article:
    """The article a document describes. Call it with documents that passed `schemas.check("bundle", …)` only."""
    get = document.get
    return Article(
        outlet=document["outlet"]["id"],
        outlet_name=document["outlet"]["name"],
        url=document["url"],
        title=document["title"],
        fetched=document["fetched"],
        language=document["language"],
        direction=document["direction"],
        blocks=blocks_from_json(document["blocks"]),
        revision=document["revision"],
        salt=document["salt"],
        generator=document["generator"],
        replaces=get("replaces"),
        captured=get("captured"),
        removed=Removed(**document["removed"]) if "removed" in document else None,
        published=get("published"),
        modified=get("modified"),
        lead=get("lead"),
        authors=tuple(document["authors"]),
        section=get("section"),
        tags=tuple(document["tags"]),
        resources=tuple(Resource(**resource) for resource in document["resources"]),
        parts=tuple(Part(**part) for part in document["parts"]),
    )


def join(article: Article, parts: Sequence[Mapping[str, Any]]) -> Article:
    """The whole article: its own blocks, then those of its parts' documents, in the order of `article.parts`.

    The caller has held each part's bytes against its digest and its document against the schema. Raises `SchemaError`
    when a picture in a part points outside the bundle's resources, ValueError when a part is missing.
    """
    if len(parts) != len(article.parts):
        raise ValueError(f"the article has {len(article.parts)} parts, not {len(parts)}")
    blocks = list(article.blocks)
    for number, part in enumerate(parts):
        more = blocks_from_json(part["blocks"])
        for at, picture in _pictures(more):
            if picture.resource >= len(article.resources) or article.resources[picture.resource].role != "picture":
                raise SchemaError("part", f"/blocks/{at}", f"resource {picture.resource} is no picture (part {number})")
        blocks += more
    return replace(article, blocks=tuple(blocks), parts=())


def blocks_to_json(blocks: Iterable[Block]) -> list[Json]:
    """The JSON of blocks, in order."""
    return [_block_to_json(block) for block in blocks]


def blocks_from_json(blocks: Iterable[Mapping[str, Any]]) -> tuple[Block, ...]:
    """The blocks that JSON describes. It has passed the schema."""
    return tuple(_block_from_json(block) for block in blocks)


def _known(document: Json) -> Json:
    return {key: value for key, value in document.items() if value is not None}


def _resource_to_json(resource: Resource) -> Json:
    return _known(
        {
            "role": resource.role,
            "digest": resource.digest,
            "size": resource.size,
            "media_type": resource.media_type,
            "width": resource.width,
            "height": resource.height,
            "alt": resource.alt,
            "caption": resource.caption,
            "credit": resource.credit,
            "cover": True if resource.cover else None,
            "thumbnail": resource.thumbnail,
        }
    )


def _block_to_json(block: Block) -> Json:  # noqa: PLR0911  one return a kind of block
    match block:
        case Paragraph(content=content):
            return {"type": "paragraph", "content": _content_to_json(content)}
        case Heading(level=level, content=content):
            return {"type": "heading", "level": level, "content": _content_to_json(content)}
        case Quote(blocks=blocks, source=source):
            return _known({"type": "quote", "blocks": blocks_to_json(blocks), "source": source})
        case List(ordered=ordered, items=items):
            return {"type": "list", "ordered": ordered, "items": [blocks_to_json(item) for item in items]}
        case Table(rows=rows, caption=caption):
            cells = [[_cell_to_json(cell) for cell in row] for row in rows]
            return _known({"type": "table", "rows": cells, "caption": caption})
        case Picture(resource=resource):
            return {"type": "picture", "resource": resource}
        case Embed(kind=kind, url=url, title=title, text=text):
            return _known({"type": "embed", "kind": kind, "url": url, "title": title, "text": text})
        case Rule():
            return {"type": "rule"}
        case Code(text=text):
            return {"type": "code", "text": text}
        case Update(time=time, title=title, blocks=blocks):
            return _known({"type": "update", "time": time, "title": title, "blocks": blocks_to_json(blocks)})
        case Footnotes(items=notes):
            return {"type": "footnotes", "items": [_footnote_to_json(note) for note in notes]}


def _footnote_to_json(note: Footnote) -> Json:
    return {"label": note.label, "content": blocks_to_json(note.content)}


def _cell_to_json(cell: Cell) -> Json:
    return _known({"content": _content_to_json(cell.content), "header": True if cell.header else None})


def _content_to_json(content: Iterable[Inline]) -> list[Any]:
    return [_inline_to_json(inline) for inline in content]


def _inline_to_json(inline: Inline) -> str | Json:
    match inline:
        case str():
            return inline
        case Link(url=url, content=content):
            return {"type": "link", "url": url, "content": _content_to_json(content)}
        case Styled(style=style, content=content):
            return {"type": style, "content": _content_to_json(content)}
        case InlineCode(text=text):
            return {"type": "code", "text": text}
        case Break():
            return {"type": "break"}
        case Note(label=label):
            return {"type": "note", "label": label}


def _block_from_json(block: Mapping[str, Any]) -> Any:  # noqa: PLR0911  one return a kind of block
    match block["type"]:
        case "paragraph":
            return Paragraph(content=_content_from_json(block["content"]))
        case "heading":
            return Heading(level=block["level"], content=_content_from_json(block["content"]))
        case "quote":
            return Quote(blocks=_flow(block["blocks"]), source=block.get("source"))
        case "list":
            return List(ordered=block["ordered"], items=tuple(_flow(item) for item in block["items"]))
        case "table":
            rows = tuple(
                tuple(
                    Cell(content=_content_from_json(cell["content"]), header=cell.get("header", False)) for cell in row
                )
                for row in block["rows"]
            )
            return Table(rows=rows, caption=block.get("caption"))
        case "picture":
            return Picture(resource=block["resource"])
        case "embed":
            return Embed(kind=block["kind"], url=block["url"], title=block.get("title"), text=block.get("text"))
        case "rule":
            return Rule()
        case "code":
            return Code(text=block["text"])
        case "update":
            return Update(time=block.get("time"), title=block.get("title"), blocks=_flow(block["blocks"]))
        case "footnotes":
            return Footnotes(
                items=tuple(Footnote(label=note["label"], content=_flow(note["content"])) for note in block["items"])
            )
    raise ValueError(f"no block type {block['type']!r}")


def _flow(blocks: Iterable[Mapping[str, Any]]) -> tuple[Any, ...]:
    return tuple(_block_from_json(block) for block in blocks)


def _content_from_json(content: Iterable[Any]) -> tuple[Inline, ...]:
    return tuple(_inline_from_json(inline) for inline in content)


def _inline_from_json(inline: Any) -> Inline:
    if isinstance(inline, str):
        return inline
    match inline["type"]:
        case "link":
            return Link(url=inline["url"], content=_content_from_json(inline["content"]))
        case "code":
            return InlineCode(text=inline["text"])
        case "break":
            return Break()
        case "note":
            return Note(label=inline["label"])
        case style:
            return Styled(style=style, content=_content_from_json(inline["content"]))


# --- document to stored bytes ----------------------------------------------------------------------------------------


def one_line(document: Mapping[str, Any]) -> bytes:
    """The document as one line of JSON in UTF-8, with its line feed."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def bundle(document: Mapping[str, Any], signer: SignerKey) -> bytes:
    """The stored bundle of an article, edition or trust document, signed.

    Raises `SchemaError` when the document does not fit its schema, `PackError` when an article is larger than `PIECE`.
    """
    name = _KINDS.get(str(document.get("kind")))
    if name not in ("bundle", "edition", "trust"):
        raise PackError(f"a document of kind {document.get('kind')!a} is not signed")
    check_twice(name, document)
    stored = sealed(document, signer)
    if name == "bundle" and len(stored) > PIECE:
        raise PackError(f"the bundle is {len(stored)} bytes, more than {PIECE}", hint="split the article first")
    return stored


def sealed(document: Mapping[str, Any], signer: SignerKey) -> bytes:
    """gzip(note(JSON)) without any check: for trying sizes. What is kept goes through `bundle`."""
    return gzip_bytes(sign(one_line(document), signer))


def object_bytes(document: Mapping[str, Any]) -> bytes:
    """The stored object of a part or page document. Raises `SchemaError`, or `PackError` when larger than `PIECE`."""
    name = _KINDS.get(str(document.get("kind")))
    if name not in ("part", "page"):
        raise PackError(f"a document of kind {document.get('kind')!a} is not stored unsigned")
    check_twice(name, document)
    stored = gzip_bytes(one_line(document))
    if len(stored) > PIECE:
        raise PackError(f"the {name} is {len(stored)} bytes, more than {PIECE}")
    return stored


# --- long articles ---------------------------------------------------------------------------------------------------


def split(article: Article, salt: Callable[[], str]) -> tuple[Article, dict[str, bytes]]:
    """The article with as many blocks as its bundle can hold, and the stored parts with the rest, by digest.

    What a page may hold and the schema does not is mended first (`mirror.tidy`). An article that then fits one piece
    comes back with no parts. `salt` gives 32 hex digits, a new value for each part; the
    result depends on nothing else. An article with so many pictures that their list leaves no room for text loses the
    last of them. Raises `PackError` when the text would need more than `MAX_PARTS` parts, or when title, lead,
    authors and tags alone do not fit.
    """
    from mirror.tidy import tidy  # which uses this module's `cut`

    if article.parts:
        raise PackError("the article is split already")
    article = _fewer_pictures(tidy(article))
    if _fits_bundle(article):
        return article, {}
    salts: list[str] = []

    def salt_of(number: int) -> str:
        while len(salts) <= number:
            salts.append(salt())
        return salts[number]

    # How much of the bundle the list of parts takes is known only when the parts are made, and they begin where the
    # bundle ends. So: guess, make them, look; a wrong guess costs another round with one more.
    blocks = list(article.blocks)
    guess = 1
    while guess <= MAX_PARTS:
        head = replace(article, parts=tuple(_stand_in(number) for number in range(guess)))
        # The default binds the loop's value; mypy has no type for such a lambda.
        first, rest = _take(blocks, lambda some, head=head: _fits_bundle(replace(head, blocks=tuple(some))), spare=True)  # type: ignore[misc]
        stored: dict[str, bytes] = {}
        parts: list[Part] = []
        while rest and len(parts) < MAX_PARTS:
            own_salt = salt_of(len(parts))
            # The default binds the loop's value; mypy has no type for such a lambda.
            some, rest = _take(rest, lambda some, own_salt=own_salt: _fits_part(some, own_salt))  # type: ignore[misc]
            data = object_bytes(_part(some, own_salt))
            parts.append(Part(digest=digest_of(data), size=len(data)))
            stored[parts[-1].digest] = data
        if not rest and len(parts) <= guess:
            whole = replace(article, blocks=tuple(first), parts=tuple(parts))
            if _fits_bundle(whole):
                return whole, stored
            guess += 1
        else:
            guess = max(guess + 1, len(parts) if not rest else MAX_PARTS + 1)
    raise PackError(f"{article.url} is too long: more than {MAX_PARTS} parts of {PIECE} bytes")


def _part(blocks: Iterable[Block], salt: str) -> Json:
    return {"v": 1, "kind": "part", "blocks": blocks_to_json(blocks), "salt": salt}


def _fits_bundle(article: Article) -> bool:
    line = one_line(to_document(article))
    return _fits(line, PIECE - SIGNATURES, article.blocks)


def _fits_part(blocks: Sequence[Block], salt: str) -> bool:
    return _fits(one_line(_part(blocks, salt)), PIECE, blocks)


def _fits(line: bytes, room: int, blocks: Sequence[Block]) -> bool:
    # 5,000 is the schema's limit of blocks.
    return len(blocks) <= 5000 and len(line) <= UNPACKED - 2048 and len(gzip_bytes(line)) <= room


def _stand_in(number: int) -> Part:
    # As hard to compress as a real digest.
    return Part(digest=hashlib.sha256(b"stand-in %d" % number).hexdigest(), size=PIECE - number)


def _fewer_pictures(article: Article) -> Article:
    """The article without the last pictures, when the list of pictures takes more than three quarters of a piece."""

    def lists_fit(count: int) -> bool:
        return _room_for(_with_pictures(article, count))

    pictures = sum(resource.role == "picture" for resource in article.resources)
    if lists_fit(pictures):
        return article
    count = _most(pictures, lists_fit)
    if count is None:
        raise PackError(f"{article.url}: title, lead, authors and tags alone do not fit a piece of {PIECE} bytes")
    return _with_pictures(article, count)


def _room_for(article: Article) -> bool:
    line = one_line(to_document(replace(article, blocks=())))
    return len(line) <= UNPACKED // 2 and len(gzip_bytes(line)) <= PIECE * 3 // 4


def _with_pictures(article: Article, count: int) -> Article:
    """The article with its first `count` pictures, their thumbnails, and everything that is neither."""
    pictures = [at for at, resource in enumerate(article.resources) if resource.role == "picture"]
    dropped = set(pictures[count:])
    if not dropped:
        return article
    kept_thumbnails = {resource.thumbnail for at, resource in enumerate(article.resources) if at not in dropped}
    dropped |= {
        at
        for at, resource in enumerate(article.resources)
        if resource.role == "thumbnail" and at not in kept_thumbnails
    }
    places = {old: new for new, old in enumerate(at for at in range(len(article.resources)) if at not in dropped)}
    resources = tuple(
        replace(resource, thumbnail=None if resource.thumbnail is None else places.get(resource.thumbnail))
        for at, resource in enumerate(article.resources)
        if at in places
    )

    def moved(blocks: Iterable[Any]) -> Iterator[Any]:
        for block in blocks:
            match block:
                case Picture(resource=at):
                    if at in places:
                        yield Picture(resource=places[at])
                case Update(blocks=inner):
                    if kept := tuple(moved(inner)):
                        yield replace(block, blocks=kept)
                case _:
                    yield block

    return replace(article, resources=resources, blocks=tuple(moved(article.blocks)))


def _pictures(blocks: Iterable[Block]) -> Iterator[tuple[int, Picture]]:
    for at, block in enumerate(blocks):
        inside: Iterable[Block] = block.blocks if isinstance(block, Update) else (block,)
        for each in inside:
            if isinstance(each, Picture):
                yield at, each


def _most(limit: int, good: Callable[[int], bool]) -> int | None:
    """The largest number from 0 to `limit` that is good, where the smaller ones are as good; None when 0 is not."""
    if not good(0):
        return None
    low, high = 0, limit
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if good(middle) else (low, middle - 1)
    return low


def _take(
    blocks: Sequence[Block], fits: Callable[[Sequence[Block]], bool], *, spare: bool = False
) -> tuple[list[Block], list[Block]]:
    """As many of the first blocks as fit, and the rest. A first block that does not fit is cut until a piece of it
    does. With `spare`, nothing at all may be taken."""
    waiting = list(blocks)
    # Compressed size grows with nearly every block: look for the place where it passes the limit, then step back over
    # the few bytes by which it may not.
    low, high = 0, 1
    while high < len(waiting) and fits(waiting[:high]):
        low, high = high, high * 2
    high = min(high, len(waiting))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(waiting[:middle]) else (low, middle - 1)
    if low or not waiting:
        return waiting[:low], waiting[low:]
    if spare and not fits(()):
        raise PackError("no room for text")
    # The first block alone is too large. Its halves' halves …: the first half is at most half as long each time.
    rest = waiting[1:]
    block = waiting[0]
    while not fits([block]):
        halves = cut(block)
        if halves is None:
            if spare:
                return [], waiting
            raise PackError("a block without text is larger than a piece")
        block, rest = halves[0], [halves[1], *rest]
    # Room may be left for some of what was cut off.
    more = _most(len(rest), lambda count: fits([block, *rest[:count]])) or 0
    return [block, *rest[:more]], rest[more:]


def cut(block: Block) -> tuple[Block, Block] | None:  # noqa: PLR0911  one return a kind of block
    """The block as two, cut near the middle where it hurts least; None for one that cannot be cut."""
    match block:
        case Paragraph(content=content) | Heading(content=content):
            halves = _cut_content(content)
            return halves and (replace(block, content=halves[0]), replace(block, content=halves[1]))
        case Quote(blocks=blocks, source=source):
            flow = _cut_sequence(blocks)
            return flow and (Quote(blocks=flow[0]), Quote(blocks=flow[1], source=source))
        case List(ordered=ordered, items=items):
            entries = _cut_items(items)
            return entries and (List(ordered=ordered, items=entries[0]), List(ordered=ordered, items=entries[1]))
        case Table(rows=rows, caption=caption):
            return _cut_table(rows, caption)
        case Code(text=text):
            at = _middle(text, ("\n", " "))
            return (Code(text=text[:at]), Code(text=text[at:])) if at else None
        case Update(time=time, title=title, blocks=blocks):
            flow = _cut_sequence(blocks)
            return flow and (
                Update(time=time, title=title, blocks=flow[0]),
                Update(time=time, title=None, blocks=flow[1]),
            )
        case Footnotes(items=notes):
            return _cut_footnotes(notes)
        case Embed(text=str(text)) if at := _middle(text, _SENTENCES):
            return replace(block, text=text[:at]), Paragraph(content=(text[at:],))
    return None


def _cut_footnotes(notes: tuple[Footnote, ...]) -> tuple[Footnotes, Footnotes] | None:
    if len(notes) > 1:
        return Footnotes(items=notes[: len(notes) // 2]), Footnotes(items=notes[len(notes) // 2 :])
    flow = _cut_sequence(notes[0].content) if notes else None
    # The second half keeps the label: whoever shows both shows one note that goes on.
    return flow and (
        Footnotes(items=(replace(notes[0], content=flow[0]),)),
        Footnotes(items=(replace(notes[0], content=flow[1]),)),
    )


def _cut_sequence(blocks: tuple[Any, ...]) -> tuple[tuple[Any, ...], tuple[Any, ...]] | None:
    if len(blocks) > 1:
        return blocks[: len(blocks) // 2], blocks[len(blocks) // 2 :]
    halves = cut(blocks[0]) if blocks else None
    return halves and ((halves[0],), (halves[1],))


def _cut_items(items: tuple[Any, ...]) -> tuple[tuple[Any, ...], tuple[Any, ...]] | None:
    if len(items) > 1:
        return items[: len(items) // 2], items[len(items) // 2 :]
    halves = _cut_sequence(items[0]) if items else None
    return halves and ((halves[0],), (halves[1],))


def _cut_table(rows: tuple[tuple[Cell, ...], ...], caption: str | None) -> tuple[Table, Block] | None:
    if len(rows) > 1:
        middle = len(rows) // 2
        return Table(rows=rows[:middle], caption=caption), Table(rows=rows[middle:])
    # One row of a piece's size is no table but a layout: its cells go on as a row below.
    row = rows[0]
    if len(row) > 1:
        return Table(rows=(row[: len(row) // 2],), caption=caption), Table(rows=(row[len(row) // 2 :],))
    halves = _cut_content(row[0].content)
    if halves is None:
        return None
    first, second = (replace(row[0], content=half) for half in halves)
    return Table(rows=((first,),), caption=caption), Table(rows=((second,),))


def _cut_content(content: tuple[Inline, ...]) -> tuple[tuple[Inline, ...], tuple[Inline, ...]] | None:
    """Inlines as two runs of about half the text each; what the cut goes through stands in both."""
    lengths = [max(1, len(plain((inline,)))) for inline in content]
    total, passed = sum(lengths), 0
    for at, (inline, length) in enumerate(zip(content, lengths, strict=True)):
        if passed + length < total / 2:
            passed += length
            continue
        # Cutting beside an inline is kinder than through it, unless that leaves one side nearly empty.
        before, after = passed / total, (passed + length) / total
        if at and before > 0.25:
            return content[:at], content[at:]
        if at + 1 < len(content) and after < 0.75:
            return content[: at + 1], content[at + 1 :]
        halves = _cut_inline(inline)
        if halves is not None:
            return (*content[:at], halves[0]), (halves[1], *content[at + 1 :])
        if at:
            return content[:at], content[at:]
        if at + 1 < len(content):
            return content[: at + 1], content[at + 1 :]
    return None


def _cut_inline(inline: Inline) -> tuple[Inline, Inline] | None:
    match inline:
        case str():
            at = _middle(inline, _SENTENCES)
            return (inline[:at], inline[at:]) if at else None
        case Link() | Styled():
            halves = _cut_content(inline.content)
            return halves and (replace(inline, content=halves[0]), replace(inline, content=halves[1]))
        case InlineCode(text=text):
            at = _middle(text, (" ",))
            return (InlineCode(text=text[:at]), InlineCode(text=text[at:])) if at else None
    return None


_SENTENCES = (". ", "! ", "? ", "؟ ", "… ", "۔ ", "。", "！", "？", "; ", "؛ ", "، ", ", ", "，", " ")


def _middle(text: str, places: tuple[str, ...]) -> int:
    """Where to cut `text`: behind the place nearest to the middle that lies in the middle half, better kinds of place
    first; else between two letters of a word. 0 when it has fewer than two characters."""
    length = len(text)
    if length < 2:
        return 0
    middle = length // 2
    for place in places:
        before = text.rfind(place, length // 4, middle)
        after = text.find(place, middle, length * 3 // 4)
        found = [at + len(place) for at in (before, after) if at >= 0 and 0 < at + len(place) < length]
        if found:
            return min(found, key=lambda at: abs(at - middle))
    # Never between a letter and what modifies it (accents, joiners, selectors). A run of only those is cut anyway.
    for at in range(middle, min(length, middle + 64)):
        if not (unicodedata.category(text[at])[0] == "M" or text[at] in _JOINERS or text[at - 1] in _JOINERS):
            return at
    return middle


_JOINERS = "\u200c\u200d"


# --- text ------------------------------------------------------------------------------------------------------------


def text_of(blocks: Iterable[Block]) -> str:
    """The body as plain text: paragraphs parted by empty lines, list items and table rows by line ends, a row's
    cells by tabs; without captions of pictures and tables and without titles of embeds."""
    return "\n\n".join(text for block in blocks if (text := _text_of_block(block)))


def _text_of_block(block: Block) -> str:  # noqa: PLR0911  one return a kind of block
    match block:
        case Paragraph(content=content) | Heading(content=content):
            return plain(content)
        case Quote(blocks=blocks, source=source):
            return "\n\n".join(text for text in (text_of(blocks), source) if text)
        case List(items=items):
            return "\n".join(text for item in items if (text := text_of(item).replace("\n\n", "\n")))
        case Table(rows=rows):
            return "\n".join("\t".join(plain(cell.content) for cell in row) for row in rows)
        case Embed(text=text):
            return text or ""
        case Code(text=text):
            return text
        case Update(title=title, blocks=blocks):
            return "\n\n".join(text for text in (title, text_of(blocks)) if text)
        case Footnotes(items=notes):
            return "\n".join(f"[{note.label}] {text_of(note.content)}".replace("\n\n", "\n") for note in notes)
    return ""


def plain(content: Iterable[Inline]) -> str:
    """The text of inlines, with line ends for breaks and a footnote's mark in brackets."""
    pieces: list[str] = []
    for inline in content:
        match inline:
            case str():
                pieces.append(inline)
            case Link() | Styled():
                pieces.append(plain(inline.content))
            case InlineCode(text=text):
                pieces.append(text)
            case Break():
                pieces.append("\n")
            case Note(label=label):
                pieces.append(f"[{label}]")
    return "".join(pieces)


def content_key(draft: Draft | Article) -> str:
    """A digest of what a reader would read: two snapshots with the same key differ in nothing worth a new revision.
    What counts stands in `mirror.revisions`."""
    from mirror.revisions import key

    return key(draft)


# --- making things fit -----------------------------------------------------------------------------------------------


def shorten(text: str, limit: int) -> str:
    """`text` in at most `limit` characters: cut at the end of a word and marked with …, or as it is."""
    if len(text) <= limit:
        return text
    cut_at = text.rfind(" ", limit // 2, limit)
    if cut_at < 0:  # one long word, or a script without spaces
        cut_at = limit - 1
        while cut_at > 1 and (unicodedata.category(text[cut_at])[0] == "M" or text[cut_at] in _JOINERS):
            cut_at -= 1
    return text[:cut_at].rstrip(" \u00a0,;:،؛、，-–—") + "…"
