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
    """How far a target is, and what readers get there. Times are RFC 3339 in UTC.

    By the push, places in the journal: everything up to `cursor` is done, files that never change up to
    `immutable_cursor`, deletes up to `deletes_cursor`. `filling`: a new target is being filled from the newest on, and
    of the lines before this one only those are there that `ahead` names (`mirror.filling`); None when it has
    everything. `next_try` is when a target that fails is tried again, `deadline_missed` counts pushes in a row that ran
    out of time.

    By looks: `audit_result` is what the last one found, `state` what is held to be true (one lost look is no dead
    mirror) since `state_since`. `looks_ok` and `looks_bad` count in a row, from `good_since` and `bad_since` on.
    `lag_serial` editions and `lag_seconds` is how far what is served is behind what was published. The sweep through
    everything has read up to the journal's line `sweep_at`; `sweep_done` is when one last came to the end.
    `repaired` files were sent again; `relapses` counts how often one that had been was wrong once more.
    `listed` is whether editions name it, None as long as no rule has said so."""

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
    deletes_cursor: int = 0
    filling: int | None = None
    ahead: str | None = None
    next_try: str | None = None
    deadline_missed: int = 0
    state: str | None = None
    state_since: str | None = None
    looks_ok: int = 0
    looks_bad: int = 0
    good_since: str | None = None
    bad_since: str | None = None
    last_good: str | None = None
    next_look: str | None = None
    served_serial: int | None = None
    lag_serial: int | None = None
    lag_seconds: int | None = None
    evidence: str | None = None
    sweep_at: int = 0
    sweep_began: str | None = None
    sweep_done: str | None = None
    sweep_files: int = 0
    repaired: int = 0
    repaired_at: str | None = None
    relapses: int = 0
    listed: bool | None = None
    listed_since: str | None = None
    listed_why: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DamagedRow:
    """A file that is `problem` ("missing" or "tampered") at a target since then; sent again `repairs` times, last at
    `repaired`."""

    target: str
    path: str
    problem: str
    since: str
    repaired: str | None = None
    repairs: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OutletRow:
    """`last_yield` is when it last gave an article, `last_ok` when it last answered."""

    id: str
    last_try: str | None = None
    last_ok: str | None = None
    last_error: str | None = None
    last_yield: str | None = None
    failures: int = 0
