"""What an article is, between the page it came from and the bundle it goes into.

Everything here is frozen and holds tuples: a value that was checked stays checked. The JSON shapes these types are
written as are fixed by `schemas/bundle.schema.json`; a test binds the two. Times are RFC 3339 in UTC with seconds
(`2027-03-01T08:15:00Z`), addresses are absolute `http(s)` URLs, digests are 64 lower-case hex digits of SHA-256.

Two forms of one article exist. A `Draft` is what `mirror.extract` makes from a page: its pictures are still addresses.
An `Article` is what gets signed: its pictures are `Resource`s, fetched, re-encoded and named by digest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Direction = Literal["ltr", "rtl"]


# --- inline: what stands inside a line of text; a plain `str` is text -------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    url: str
    content: tuple[Inline, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Styled:
    """`style` is one of strong, emphasis, sub, sup; in JSON it is the inline's `type`."""

    style: Literal["strong", "emphasis", "sub", "sup"]
    content: tuple[Inline, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class InlineCode:
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """A line break inside a paragraph (verse, addresses)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """The mark of a footnote: it belongs to the next `Footnote` with this label, else to the last one before."""

    label: str


Inline = str | Link | Styled | InlineCode | Break | Note


# --- blocks ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Paragraph:
    content: tuple[Inline, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    level: int  # 2-4; 1 is the article's title
    content: tuple[Inline, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    blocks: tuple[Paragraph | List, ...]
    source: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class List:
    ordered: bool
    items: tuple[tuple[Paragraph | List, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    content: tuple[Inline, ...]
    header: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    rows: tuple[tuple[Cell, ...], ...]
    caption: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """Where a picture stands. `resource` is its place in `Draft.pictures`, later in `Article.resources`."""

    resource: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Embed:
    """Somebody else's video, post or player, kept as a labelled link: nothing is loaded from there."""

    kind: str  # youtube, telegram, x, instagram, facebook, tiktok, vimeo, soundcloud, audio, video, other
    url: str
    title: str | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A thematic break."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """One dated post of a live blog."""

    time: str | None
    title: str | None
    blocks: tuple[Paragraph | Heading | Quote | List | Table | Picture | Embed, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Footnote:
    """`label` is what the marks in the text say: a number, an asterisk."""

    label: str
    content: tuple[Paragraph | List, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Footnotes:
    """Notes to marks in the text, in their order."""

    items: tuple[Footnote, ...]


Block = Paragraph | Heading | Quote | List | Table | Picture | Embed | Rule | Code | Update | Footnotes


# --- a picture before and after it was fetched ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureRef:
    """A picture as the page names it: `candidates` are absolute addresses, the best one first."""

    candidates: tuple[str, ...]
    cover: bool = False
    alt: str | None = None
    caption: str | None = None
    credit: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """An object beside the bundle. `digest` and `size` are of the stored bytes; `thumbnail` is another resource's
    place in the same list."""

    role: Literal["picture", "thumbnail", "evidence"]
    digest: str
    size: int
    media_type: str
    width: int | None = None
    height: int | None = None
    alt: str | None = None
    caption: str | None = None
    credit: str | None = None
    cover: bool = False
    thumbnail: int | None = None


# --- articles -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What `mirror.extract` found in a page. `url` is the canonical address."""

    url: str
    title: str
    blocks: tuple[Block, ...]
    pictures: tuple[PictureRef, ...] = ()
    lead: str | None = None
    authors: tuple[str, ...] = ()
    section: str | None = None
    tags: tuple[str, ...] = ()
    published: str | None = None
    modified: str | None = None
    language: str | None = None
    direction: Direction = "ltr"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The rest of a long article: an object holding further blocks."""

    digest: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """The outlet's page is gone: `noticed` is when that was first seen, `answer` what its server said, in at most 100
    characters (`410 Gone`)."""

    noticed: str
    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Article:
    """What is signed. `parts` is empty unless the text was too long for one piece; `blocks` are then the first ones."""

    outlet: str
    outlet_name: str
    url: str
    title: str
    fetched: str
    language: str
    direction: Direction
    blocks: tuple[Block, ...]
    revision: int
    salt: str  # 32 hex digits
    generator: str  # tool and version
    replaces: str | None = None
    captured: str | None = None  # when others captured it; `fetched` is then when it was taken over from their archive
    removed: Removed | None = None  # then the content is that of the revision before
    published: str | None = None
    modified: str | None = None
    lead: str | None = None
    authors: tuple[str, ...] = ()
    section: str | None = None
    tags: tuple[str, ...] = ()
    resources: tuple[Resource, ...] = ()
    parts: tuple[Part, ...] = ()
