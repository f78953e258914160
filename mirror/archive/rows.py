"""What stands in the state file, as values: one class a table, field by field what its columns are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from mirror.model import Article

AGED = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The log's head. `checkpoint` is empty before the first seal, `serial` 0; `setting` is a digest of everything else
    an edition says (outlets, mirrors), so that a change of it alone is a reason for a new edition.

    `path` is where the log's tiles are ("" is the mirror's root), `base` counts the entries of all logs before it.
    `served` is the file `checkpoint` as the tree has it: older than `checkpoint` while a seal waits for cosignatures,
    and of the log before until a new one has its first seal."""

    origin: str
    size: int
    root: bytes
    checkpoint: bytes
    time: str
    serial: int
    trust_digest: str
    trust_size: int
    setting: str
    path: str = ""
    base: int = 0
    served: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRow:
    """A log that was closed: it ends at `size` and `root`."""

    base: int
    origin: str
    path: str
    size: int
    root: bytes
    checkpoint: bytes
    time: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryRow:
    digest: str
    kind: str
    outlet: str | None
    url_digest: str | None
    size: int
    time: str
    idx: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ArticleRow:
    """An article as editions list it. `idx` is its place in all logs, None while it waits for a seal."""

    digest: str
    outlet: str
    url: str
    title: str
    lead: str | None
    published: str | None
    fetched: str
    language: str
    direction: str
    size: int
    revision: int
    thumbnail: str | None
    content_key: str
    idx: int | None = None
    superseded_by: str | None = None
    aged: bool = False


def is_aged(article: Article) -> bool:
    """Whether the article was a week old when it was fetched: a part of the outlet's past, not of its news."""
    if article.published is None:
        return False
    return datetime.fromisoformat(article.fetched) - datetime.fromisoformat(article.published) > AGED


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawalRow:
    """One revision of a withdrawn article: `digest` and `size` are its bundle's, `time` is that of the withdrawal."""

    digest: str
    outlet: str
    url_digest: str
    size: int
    time: str
    reason: str | None = None
    idx: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceRow:
    """An object beside a bundle; `kind` is part, picture, thumbnail or evidence."""

    article: str
    digest: str
    kind: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    outlet: str
    number: int
    digest: str
    size: int
    articles: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenPage:
    """`articles` counts those on it and on all shelves before it."""

    outlet: str
    digest: str
    size: int
    articles: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillRow:
    """How far taking an outlet's past is. `cursors` is JSON: for each source where to go on, None once it was read to
    its end. `most` articles are taken in all, `taken` were, of `asked` pages, in `seconds`."""

    outlet: str
    started: str
    since: str | None = None
    until: str | None = None
    most: int | None = None
    cursors: str = "{}"
    listed: bool = False
    taken: int = 0
    asked: int = 0
    seconds: float = 0.0
    ended: str | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EditionRow:
    serial: int
    digest: str
    idx: int
    time: str
    pages: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointRow:
    size: int
    root: bytes
    checkpoint: bytes
    time: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One line of the journal. `sha256` is None for a delete. `mutable` files are pointers: they go last, in the order
    of `rank`. `kind`: bundle, part, picture, thumbnail, evidence, edition, page, tile, proof, trust, checkpoint, front,
    html."""

    seq: int = 0
    path: str
    op: Literal["put", "delete"]
    kind: str
    rank: int
    mutable: bool
    sha256: str | None
    size: int
    log_size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetRow:
    name: str
    url: str | None = None
    cursor: int = 0
    immutable_cursor: int = 0
    last_try: str | None = None
    last_ok: str | None = None
    last_error: str | None = None
    failures: int = 0
    last_audit: str | None = None
    audit_result: str | None = None
    audit_detail: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutletRow:
    """`last_yield` is when it last gave an article, `last_ok` when it last answered."""

    id: str
    last_try: str | None = None
    last_ok: str | None = None
    last_error: str | None = None
    last_yield: str | None = None
    failures: int = 0
