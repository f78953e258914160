"""What a seal is given, what it is made of, and what comes of it.

Nothing in here writes: keys, what is said about the publication, one batch of entries with its files, the journal's
lines, and reading back what was stored.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from mirror.archive.errors import CorruptArchive
from mirror.archive.files import Store
from mirror.archive.state import (
    ArticleRow,
    Change,
    EditionRow,
    EntryRow,
    Head,
    OpenPage,
    Shelf,
    WithdrawalRow,
)
from mirror.errors import TamizdatError
from signing.errors import SigningError

if TYPE_CHECKING:
    from mirror.archive.staging import Staged
    from signing.keys import SignerKey

BATCH = 1000  # articles a seal: bounds memory and the size of a staging file (about 3 MB)
KEEP_EDITIONS = 8
KEEP_CHECKPOINTS = 8
SHELF = 32  # articles on a page: about 6 KB
ON_FRONT = 40  # newest articles of an outlet that an edition may choose from
CLOCK_SLACK = timedelta(hours=1)
# What a proof's random bytes may take more in the end than the stand-ins with which the edition was fitted.
FRONT_MARGIN = 48

RANK = {
    "bundle": 10,
    "part": 10,
    "picture": 10,
    "thumbnail": 10,
    "evidence": 10,
    "edition": 10,
    "page": 10,
    "tile": 20,
    "proof": 30,
    "trust": 40,
    "checkpoint": 50,
    "front": 60,
    "html": 70,
}


# --- what comes in and goes out ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """The private keys that stay with the machine that runs. The root key is not one of them."""

    publisher: SignerKey
    log: SignerKey
    online: SignerKey


class Publication(Protocol):
    """What an edition says about the publication (`mirror.config.PublicationConfig`)."""

    @property
    def name(self) -> str: ...
    @property
    def origin(self) -> str: ...


class Outlet(Protocol):
    """An outlet as configured (`mirror.config.OutletConfig`). Without a language it has that of its newest article."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def url(self) -> str: ...
    @property
    def language(self) -> str | None: ...


class Mirror(Protocol):
    """A mirror that readers can reach (`mirror.config.MirrorInfo`). Without `since` it counts from the first edition
    that lists it."""

    @property
    def url(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def since(self) -> str | None: ...
    @property
    def network(self) -> str | None: ...
    @property
    def country(self) -> str | None: ...
    @property
    def note(self) -> str | None: ...


Documents = tuple[dict[str, Any], list[dict[str, Any]]]
"""The document of an article and those of its parts."""


class Renderer(Protocol):
    """Makes the pages that people open without the reader. Called before anything is committed; an exception costs the
    page, not the seal."""

    def article(
        self,
        document: dict[str, Any],
        parts: list[dict[str, Any]],
        *,
        digest: str,
        index: int,
        before: Documents | None = None,
    ) -> tuple[str, bytes]:
        """Path and bytes of one article's page, from the bundle's document and those of its parts; `before` are those
        of the revision that it replaces."""
        ...

    def front(self, edition: dict[str, Any]) -> Mapping[str, bytes]:
        """`index.html`, `feed.xml` and whatever else shows an edition."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """What came of it. `problems` are pages that could not be rendered, a line each; `withdrawn` counts revisions."""

    origin: str
    articles: int
    serial: int
    edition: str
    size: int
    root: bytes
    checkpoint: bytes
    time: str
    problems: tuple[str, ...] = ()
    withdrawn: int = 0


def timestamp(now: datetime) -> str:
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def object_path(digest: str) -> str:
    return f"o/{digest[:2]}/{digest[2:]}"


def proof_path(digest: str) -> str:
    return f"proof/{digest[:2]}/{digest[2:]}"


def below(folder: str, path: str) -> str:
    """`path` of the log whose files are in `folder` ("" is the mirror's root)."""
    return f"{folder}/{path}" if folder else path


def log_folder(origin: str) -> str:
    """Where a log's own files are, for every log but a publication's first; that one's last checkpoint is there."""
    return f"log/{origin.rpartition('/')[2]}"


def checkpoint_paths(folder: str) -> tuple[str, ...]:
    """Where the checkpoint of the current log is."""
    return ("checkpoint", f"{folder}/checkpoint") if folder else ("checkpoint",)


def front_of(edition: bytes, proof: bytes, consistency: Iterable[tuple[int, Sequence[bytes]]]) -> bytes:
    """The file `front`, with as many of the consistency proofs as there is room for: whoever comes from an older
    checkpoint asks for tiles. Raises `TamizdatError` when not even the edition fits."""
    from signing import front

    kept = sorted((old, tuple(hashes)) for old, hashes in consistency)
    while True:
        whole = front.Front(edition=edition, proof=proof, consistency=tuple(kept)).encode()
        if len(whole) <= front.MAX_BYTES:
            return whole
        if not kept:
            raise TamizdatError(
                f"the front page takes {len(whole)} bytes, more than {front.MAX_BYTES}",
                hint="fewer outlets, mirrors or witnesses, or shorter notes on mirrors",
            )
        kept.pop(0)


def item(row: ArticleRow, index: int) -> dict[str, Any]:
    """The row as editions and pages list it; `index` is its place in its own log."""
    known = {
        "title": row.title,
        "lead": row.lead,
        "published": row.published,
        "fetched": row.fetched,
        "language": row.language,
        "direction": row.direction,
        "url": row.url,
        "digest": row.digest,
        "size": row.size,
        "index": index,
        "revision": row.revision,
        "thumbnail": row.thumbnail,
    }
    return {name: value for name, value in known.items() if value is not None}


def put(path: str, data: bytes, kind: str, log_size: int) -> Change:
    """The journal's line for a file that is now in the tree."""
    # Pages of articles are many and few of them ever change, and the reader is large: they travel with the immutable
    # files, not with the pointers. A changed one gets a new line in the journal.
    pointer = kind in ("checkpoint", "front") or path == "trust/timestamp.json"
    pointer = pointer or (kind == "html" and not path.startswith(("a/", "reader.html")))
    return Change(
        path=path,
        op="put",
        kind=kind,
        rank=RANK[kind],
        mutable=pointer,
        sha256=hashlib.sha256(data).hexdigest(),
        size=len(data),
        log_size=log_size,
    )


def put_object(digest: str, size: int, kind: str, log_size: int) -> Change:
    """The same for an object, whose name says the hash."""
    path = object_path(digest)
    return Change(
        path=path, op="put", kind=kind, rank=RANK[kind], mutable=False, sha256=digest, size=size, log_size=log_size
    )


def delete(path: str, kind: str, log_size: int) -> Change:
    return Change(
        path=path, op="delete", kind=kind, rank=RANK[kind], mutable=False, sha256=None, size=0, log_size=log_size
    )


# --- one seal in the making -------------------------------------------------------------------------------------------


@dataclass(slots=True, kw_only=True)
class Batch:
    """One seal in the making."""

    old: Head
    time: str
    bases: tuple[int, ...]  # of every log, the current one last
    entries: tuple[EntryRow, ...]  # in log order, without withdrawals and the edition
    articles: dict[str, ArticleRow]  # the new ones, with their places
    withdrawals: tuple[WithdrawalRow, ...] = ()  # those that this seal carries out, logged after `entries`
    withdrawn: dict[str, ArticleRow] = field(default_factory=dict)  # the articles they are about
    superseded: dict[str, str] = field(default_factory=dict)
    shelves: list[Shelf] = field(default_factory=list)
    dropped_shelves: dict[str, int] = field(default_factory=dict)  # outlet, and the first number that goes
    open_pages: dict[str, OpenPage] = field(default_factory=dict)
    new_pages: list[OpenPage] = field(default_factory=list)
    closed_pages: list[str] = field(default_factory=list)  # outlets that have no page any more
    files: list[tuple[str, str, bytes]] = field(default_factory=list)  # kind, path, bytes
    gone: dict[str, str] = field(default_factory=dict)  # path and kind of what withdrawals remove
    problems: list[str] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """The log's size after it."""
        return self.old.size + len(self.entries) + len(self.withdrawals) + 1

    @property
    def first(self) -> int:
        """The place, in all logs, of its first entry."""
        return self.old.base + self.old.size

    def places(self) -> dict[str, int]:
        """The place of every entry, by digest; withdrawals have their own."""
        return {row.digest: self.first + number for number, row in enumerate(self.entries)}

    def withdrawal_places(self) -> dict[str, int]:
        """The place of every withdrawal, by the digest of what it withdraws."""
        first = self.first + len(self.entries)
        return {row.digest: first + number for number, row in enumerate(self.withdrawals)}

    def item(self, row: ArticleRow) -> dict[str, Any]:
        """The row as editions and pages list it."""
        place = row.idx or 0
        return item(row, place - max(base for base in self.bases if base <= place))

    def is_listed(self, row: ArticleRow) -> bool:
        """Whether lists show the article after this seal."""
        return row.digest not in self.superseded and row.digest not in self.withdrawn


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One seal, ready to be committed. What is `held` waits, with the lines `held_changes` of the journal, until the
    checkpoint has its cosignatures."""

    batch: Batch
    new: Head
    edition: EditionRow
    edition_size: int
    dropped: tuple[int, ...]
    changes: tuple[Change, ...]
    staged: Staged
    held: Staged | None = None
    held_changes: tuple[Change, ...] = ()


# --- reading back what was stored -------------------------------------------------------------------------------------


def read_document(stored: bytes) -> dict[str, Any]:
    """The document in a bundle of our own making."""
    from mirror.pack import UNPACKED
    from signing import note, packing

    document = packing.parse_json(note.parse(packing.gunzip(stored, UNPACKED)).text)
    if not isinstance(document, dict):
        raise CorruptArchive("a stored bundle holds no document")
    return document


def read_earlier(store: Store, document: Mapping[str, Any]) -> Documents | None:
    """The revision that the one with this document replaces; None for a first one, or when it is not here."""
    try:
        return read_documents(store, document["replaces"]) if "replaces" in document else None
    except CorruptArchive:
        return None


def read_documents(store: Store, digest: str) -> Documents:
    """The document of the article with this digest, and those of its parts; raises `CorruptArchive`."""
    from mirror.pack import UNPACKED
    from signing import packing

    def stored(name: str) -> bytes:
        data = store.read(object_path(name))
        if data is None or hashlib.sha256(data).hexdigest() != name:
            raise CorruptArchive(
                f"{store.path(object_path(name))}: missing or damaged", hint="restore it from a mirror"
            )
        return data

    try:
        document = read_document(stored(digest))
        parts = [packing.parse_json(packing.gunzip(stored(part["digest"]), UNPACKED)) for part in document["parts"]]
    except (SigningError, KeyError, TypeError) as error:
        raise CorruptArchive(f"{digest} is not an article: {error}") from error
    return document, [part for part in parts if isinstance(part, dict)]


def refreshed_trust(store: Store, keys: Keys, now: datetime) -> dict[str, bytes]:
    """The trust files that change when the online key signs again; raises `TamizdatError` when it cannot."""
    from signing import authority

    try:
        return authority.refresh(store.read, keys.online, now)
    except SigningError as error:
        raise TamizdatError(
            f"{store.root}/trust: cannot be signed again: {error}",
            hint="look at `tamizdat key list` and keys/online.key",
        ) from error
