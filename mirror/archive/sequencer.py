"""The log's only writer: from what waits to a sealed, signed and journaled publication.

A seal takes up to 1,000 waiting entries, makes an edition, appends articles, trust and edition to the log, signs the
checkpoint, and proves every new bundle. Then, in this order:

    1. everything it will write goes into one staging file, durably
    2. ONE transaction: the head is compared and swapped, entries get their indices, the journal its lines
    3. the staging file is applied to the mirror tree, durably, in the format's order
    4. the staging file is dropped

Killed before 2, nothing happened and the staging file is thrown away; killed after 2, the next one to open the archive
does 3 and 4. Whoever loses the swap in 2 has signed a checkpoint that nobody ever sees. So no two checkpoints of one
size can come out, whatever is killed, and however many processes try.

What a seal costs depends on what is new, and on the logarithm of what is old: it reads one tile a level.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from mirror.archive.errors import ClockWrong, CorruptArchive, HeadMoved, Rollback
from mirror.archive.files import Store
from mirror.archive.staging import Staged, StagedFile, decode, name_of, staged_names
from mirror.archive.state import (
    ArticleRow,
    Change,
    CheckpointRow,
    EditionRow,
    EntryRow,
    Head,
    OpenPage,
    Shelf,
    State,
    Tx,
)
from mirror.errors import TamizdatError
from signing.errors import SigningError

if TYPE_CHECKING:
    from signing.keys import SignerKey
    from signing.tiles import Tree

BATCH = 1000  # articles a seal: bounds memory and the size of a staging file (about 3 MB)
KEEP_EDITIONS = 8
KEEP_CHECKPOINTS = 8
SHELF = 32  # articles on a page: about 6 KB
ON_FRONT = 40  # newest articles of an outlet that an edition may choose from
CLOCK_SLACK = timedelta(hours=1)
# What a proof's random bytes may take more in the end than the stand-ins with which the edition was fitted.
_FRONT_MARGIN = 48

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


class Renderer(Protocol):
    """Makes the pages that people open without the reader. Called before anything is committed; an exception costs the
    page, not the seal."""

    def article(
        self, document: dict[str, Any], parts: list[dict[str, Any]], *, digest: str, index: int
    ) -> tuple[str, bytes]:
        """Path and bytes of one article's page, from the bundle's document and those of its parts."""
        ...

    def front(self, edition: dict[str, Any]) -> Mapping[str, bytes]:
        """`index.html`, `feed.xml` and whatever else shows an edition."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """What came of it. `problems` are pages that could not be rendered, a line each."""

    origin: str
    articles: int
    serial: int
    edition: str
    size: int
    root: bytes
    checkpoint: bytes
    time: str
    problems: tuple[str, ...] = ()


def timestamp(now: datetime) -> str:
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def object_path(digest: str) -> str:
    return f"o/{digest[:2]}/{digest[2:]}"


def proof_path(digest: str) -> str:
    return f"proof/{digest[:2]}/{digest[2:]}"


def item(row: ArticleRow) -> dict[str, Any]:
    """The row as editions and pages list it."""
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
        "index": row.idx,
        "revision": row.revision,
        "thumbnail": row.thumbnail,
    }
    return {name: value for name, value in known.items() if value is not None}


def put(path: str, data: bytes, kind: str, log_size: int) -> Change:
    """The journal's line for a file that is now in the tree."""
    # Pages of articles are many and few of them ever change: they travel with the immutable files, not with the
    # pointers. A changed one gets a new line in the journal.
    pointer = kind in ("checkpoint", "front") or path == "trust/timestamp.json"
    pointer = pointer or (kind == "html" and not path.startswith("a/"))
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


# --- one seal ---------------------------------------------------------------------------------------------------------


@dataclass(slots=True, kw_only=True)
class _Batch:
    """One seal in the making."""

    old: Head
    time: str
    entries: tuple[EntryRow, ...]  # in log order, without the edition
    articles: dict[str, ArticleRow]  # the new ones, with their indices
    superseded: dict[str, str] = field(default_factory=dict)
    shelves: list[Shelf] = field(default_factory=list)
    open_pages: dict[str, OpenPage] = field(default_factory=dict)
    new_pages: list[OpenPage] = field(default_factory=list)
    files: list[tuple[str, str, bytes]] = field(default_factory=list)  # kind, path, bytes
    problems: list[str] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """The log's size after it."""
        return self.old.size + len(self.entries) + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """One seal, ready to be committed."""

    batch: _Batch
    new: Head
    edition: EditionRow
    dropped: tuple[int, ...]
    changes: tuple[Change, ...]
    staged: Staged


class Sequencer:
    """Needs the archive's lock for every method but those that only look."""

    def __init__(self, store: Store, staging: Store, state: State) -> None:
        self.store, self.staging, self.state = store, staging, state

    # --- opening ------------------------------------------------------------------------------------------------------

    def recover(self) -> bool:
        """Whether a seal had to be finished for a run that died in it; drops what was staged and never committed."""
        replayed = False
        with self.state.reading() as tx:
            head = tx.head()
        for name in staged_names(self.staging.root):
            if name == name_of(head.size, head.root):
                # The swap may so far be in the write-ahead log alone, from a run whose fsync failed.
                self.state.settle()
                staged = decode(self.staging.read(name) or b"", self.staging.root / name)
                staged.apply(self.store, is_newest=lambda: True)
                replayed = True
            self.staging.delete([name])
        self._check_tree(head)
        return replayed

    def _check_tree(self, head: Head) -> None:
        """Raises `Rollback` or `CorruptArchive` when the tree's checkpoint isn't the head's: one of the two comes from
        an old backup, mostly."""
        from signing.checkpoint import parse_text

        there = self.store.read("checkpoint")
        if there is None and head.checkpoint:
            raise CorruptArchive(
                f"{self.store.root}/checkpoint: missing, though {head.size} entries are sealed",
                hint="restore the archive folder from a mirror",
            )
        if there is None or there == head.checkpoint:
            return
        try:
            shown = parse_text(there.partition(b"\n\n")[0] + b"\n")
        except SigningError as error:
            raise CorruptArchive(f"{self.store.root}/checkpoint: {error}", hint="restore it from a mirror") from error
        if shown.size < head.size:
            raise CorruptArchive(
                f"{self.store.root} is at log size {shown.size} and the state at {head.size}: files are missing",
                hint="restore the archive folder from the newest copy or from a mirror",
            )
        raise Rollback(
            f"the state is at log size {head.size} and {self.store.root} at {shown.size}: "
            "going on would sign a second history",
            hint="was the state restored from an old backup? restore state and archive from the same, newest copy",
        )

    # --- sealing ------------------------------------------------------------------------------------------------------

    def seal(
        self,
        *,
        keys: Keys,
        publication: Publication,
        outlets: Sequence[Outlet],
        due_seconds: int,
        now: datetime,
        mirrors: Sequence[Mirror] = (),
        withdrawals: Sequence[Mapping[str, Any]] = (),
        render: Renderer | None = None,
        force: bool = False,
        before: Callable[[], None] | None = None,
    ) -> Sealed | None:
        """What was sealed: at most `BATCH` waiting entries, so call it until it returns None. That it does when nothing
        waits, nothing else an edition says has changed, and the last edition is younger than half of `due_seconds`,
        the time after which readers expect a newer one. `force` seals anyway. `before` is called when there is a
        reason to seal and before anything is signed: what it raises stops it.

        Raises `ClockWrong`, `HeadMoved`, `Rollback`, `CorruptArchive`, `StorageFailed`; after any of them the archive
        has to be opened afresh.
        """
        maker = _Maker(
            store=self.store,
            keys=keys,
            publication=publication,
            outlets=outlets,
            due_seconds=due_seconds,
            now=now,
            mirrors=mirrors,
            withdrawals=withdrawals,
            render=render,
            before=before,
        )
        with self.state.reading() as tx:
            plan = maker.plan(tx, force=force)
        if plan is None:
            return None
        self._carry_out(plan)
        new = plan.new
        return Sealed(
            origin=new.origin,
            articles=len(plan.batch.articles),
            serial=new.serial,
            edition=plan.edition.digest,
            size=new.size,
            root=new.root,
            checkpoint=new.checkpoint,
            time=new.time,
            problems=tuple(plan.batch.problems),
        )

    def _carry_out(self, plan: _Plan) -> None:
        staged, batch = plan.staged, plan.batch
        data = staged.encode()
        self.store.check_space(2 * len(data))  # once staged, once in place
        self.staging.write_many({staged.name: data}, replace=True)
        try:
            with self.state.writing() as tx:
                tx.swap_head(batch.old, plan.new)
                indices = {row.digest: batch.old.size + place for place, row in enumerate(batch.entries)}
                tx.add_entry(
                    EntryRow(
                        digest=plan.edition.digest,
                        kind="edition",
                        outlet=None,
                        url_digest=None,
                        size=next(change.size for change in plan.changes if change.kind == "edition"),
                        time=plan.edition.time,
                        idx=plan.edition.idx,
                    )
                )
                if indices:
                    tx.seal_entries(indices)
                tx.supersede(batch.superseded)
                tx.add_shelves(batch.shelves)
                for page in batch.new_pages:
                    tx.put_open_page(page)
                for name, value in batch.facts.items():
                    tx.put_fact(name, value)
                tx.replace_editions(add=plan.edition, drop=plan.dropped)
                new = plan.new
                tx.add_checkpoint(
                    CheckpointRow(size=new.size, root=new.root, checkpoint=new.checkpoint, time=new.time),
                    keep=KEEP_CHECKPOINTS,
                )
                tx.record(plan.changes)
        except HeadMoved:
            self.staging.delete([staged.name])
            raise
        # Any other error leaves the staging file: the next one to open finds out whether the commit took place.
        staged.apply(self.store, is_newest=lambda: self._is_head(plan.new))
        self.staging.delete([staged.name])

    def _is_head(self, head: Head) -> bool:
        with self.state.reading() as tx:
            return tx.head().checkpoint == head.checkpoint


class _Maker:
    """Makes the plan of one seal. Reads, computes and signs; writes nothing."""

    def __init__(
        self,
        *,
        store: Store,
        keys: Keys,
        publication: Publication,
        outlets: Sequence[Outlet],
        due_seconds: int,
        now: datetime,
        mirrors: Sequence[Mirror],
        withdrawals: Sequence[Mapping[str, Any]],
        render: Renderer | None,
        before: Callable[[], None] | None,
    ) -> None:
        self.store, self.keys, self.publication, self.outlets = store, keys, publication, outlets
        self.due_seconds, self.now, self.mirrors, self.withdrawals = due_seconds, now, mirrors, withdrawals
        self.render, self.before = render, before

    def plan(self, tx: Tx, *, force: bool) -> _Plan | None:
        """The next seal, or None when there is no reason for one."""
        from signing.checkpoint import Checkpoint, sign

        old = tx.head()
        self._check_clock(old)
        if self.keys.log.name != old.origin:
            raise TamizdatError(
                f"the log key is named {self.keys.log.name}, this log {old.origin}", hint="look at keys/log.key"
            )
        waiting = tx.pending(BATCH)
        setting = self._setting()
        if not (waiting or force or old.serial == 0 or setting != old.setting or self._is_due(old)):
            return None
        if self.before is not None:
            self.before()
        batch = self._batch(tx, old, waiting)
        self._supersede(tx, batch)
        self._shelve(tx, batch)

        trusts = [entry for entry in waiting if entry.kind == "trust"]
        trust = (trusts[-1].digest, trusts[-1].size) if trusts else (old.trust_digest, old.trust_size)
        recent = [row.size for row in tx.checkpoints() if row.size > 0]
        stored, document = self._edition(tx, batch, trust, recent)
        digest = hashlib.sha256(stored).hexdigest()
        batch.files.append(("edition", object_path(digest), stored))

        tree = self._grow(batch, document, digest, len(stored))
        checkpoint = sign(Checkpoint(old.origin, tree.size, tree.root), self.keys.log)
        self._prove(batch, tree, checkpoint, edition=stored, recent=recent)
        self._pages(batch, document)

        kept = tx.editions()
        dropped = kept[KEEP_EDITIONS - 1 :]
        edition = EditionRow(
            serial=old.serial + 1,
            digest=digest,
            idx=batch.size - 1,
            time=batch.time,
            pages=" ".join(sorted(page.digest for page in batch.open_pages.values())),
        )
        new = replace(
            old,
            size=tree.size,
            root=tree.root,
            checkpoint=checkpoint,
            time=batch.time,
            serial=edition.serial,
            trust_digest=trust[0],
            trust_size=trust[1],
            setting=setting,
        )
        deletes = self._outdated(tx, batch, (edition, *kept[: KEEP_EDITIONS - 1]), dropped)
        return _Plan(
            batch=batch,
            new=new,
            edition=edition,
            dropped=tuple(row.serial for row in dropped),
            changes=(*self._changes(tx, batch), *(delete(path, kind, batch.size) for path, kind in deletes.items())),
            staged=Staged(
                origin=new.origin,
                size=new.size,
                root=new.root,
                files=tuple(
                    StagedFile(
                        path=path,
                        data=data,
                        rank=RANK[kind],
                        replace=kind in ("trust", "checkpoint", "front", "html"),
                    )
                    for kind, path, data in batch.files
                ),
                deletes=tuple(deletes),
            ),
        )

    # --- whether ------------------------------------------------------------------------------------------------------

    def _check_clock(self, old: Head) -> None:
        if self.now < datetime.fromisoformat(old.time) - CLOCK_SLACK:
            raise ClockWrong(
                f"the clock says {timestamp(self.now)}, but the last seal was at {old.time}",
                hint="set the clock; if it was the last seal's clock that was wrong, wait or ask how to proceed",
            )

    def _is_due(self, old: Head) -> bool:
        age = self.now - datetime.fromisoformat(old.time)
        # Not at the very second of the last one, whatever is configured: callers seal until there is nothing to seal.
        return age > timedelta(0) and age >= timedelta(seconds=self.due_seconds / 2)

    def _setting(self) -> str:
        outlets = [[outlet.id, outlet.name, outlet.url, outlet.language] for outlet in self.outlets]
        mirrors = [[m.url, m.kind, m.since, m.network, m.country, m.note] for m in self.mirrors]
        withdrawals = [dict(withdrawal) for withdrawal in self.withdrawals]
        info = self.publication
        said = [info.name, info.origin, self.due_seconds, outlets, mirrors, withdrawals]
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()

    # --- what ---------------------------------------------------------------------------------------------------------

    def _batch(self, tx: Tx, old: Head, waiting: tuple[EntryRow, ...]) -> _Batch:
        """Articles first, by the time they were published (so that the log's order is the order of the news), all
        revisions of one in the order they came; then trust files. The edition comes last."""
        rows = tx.articles(entry.digest for entry in waiting if entry.kind == "article")
        first: dict[tuple[str, str], str] = {}
        for entry in waiting:
            if row := rows.get(entry.digest):
                first.setdefault((row.outlet, row.url), min(row.published or row.fetched, row.fetched))

        def place(entry: EntryRow) -> tuple[int, str]:
            row = rows.get(entry.digest)
            return (0, first[row.outlet, row.url]) if row else (1, "")

        entries = tuple(sorted(waiting, key=place))
        return _Batch(
            old=old,
            time=max(timestamp(self.now), old.time),
            entries=entries,
            articles={
                entry.digest: replace(rows[entry.digest], idx=old.size + index)
                for index, entry in enumerate(entries)
                if entry.digest in rows
            },
        )

    def _supersede(self, tx: Tx, batch: _Batch) -> None:
        """Of every address that has a new revision, the highest revision is the current one."""
        addresses: dict[tuple[str, str], list[ArticleRow]] = {}
        for row in batch.articles.values():
            addresses.setdefault((row.outlet, row.url), []).append(row)
        for row in tx.revisions(addresses):
            if row.idx is not None:
                addresses[row.outlet, row.url].append(row)
        for rows in addresses.values():
            newest = max(rows, key=lambda row: (row.revision, row.idx or 0))
            batch.superseded.update({row.digest: newest.digest for row in rows if row is not newest})

    def _shelve(self, tx: Tx, batch: _Batch) -> None:
        """Pages of older articles: what is beyond an outlet's last shelf is its open page, at most `SHELF` articles;
        when there are more, the oldest of them become a shelf that never changes. An outlet without news keeps its
        page."""
        batch.open_pages = tx.open_pages(outlet.id for outlet in self.outlets)
        new: dict[str, list[ArticleRow]] = {}
        for row in batch.articles.values():
            rows = new.setdefault(row.outlet, [])
            if row.digest not in batch.superseded:
                rows.append(row)
        for outlet, rows in new.items():
            shelf = tx.last_shelf(outlet)
            opened = [
                row
                # One more than can be there: an outlet's open page never holds more than SHELF.
                for row in tx.oldest(outlet, SHELF + 1, after=shelf.last if shelf else -1)
                if row.digest not in batch.superseded
            ]
            opened += rows
            while opened:
                count = min(SHELF, len(opened))
                stored = self._page(outlet, opened[:count], shelf)
                digest = hashlib.sha256(stored).hexdigest()
                batch.files.append(("page", object_path(digest), stored))
                total = count + (shelf.articles if shelf else 0)
                if count == len(opened):
                    page = OpenPage(outlet=outlet, digest=digest, size=len(stored), articles=total)
                    batch.open_pages[outlet] = page
                    batch.new_pages.append(page)
                    break
                shelf = Shelf(
                    outlet=outlet,
                    number=shelf.number + 1 if shelf else 0,
                    digest=digest,
                    size=len(stored),
                    articles=total,
                    last=opened[count - 1].idx or 0,
                )
                batch.shelves.append(shelf)
                opened = opened[count:]

    def _page(self, outlet: str, rows: Sequence[ArticleRow], before: Shelf | None) -> bytes:
        from mirror.edition import page

        older = {"digest": before.digest, "size": before.size, "articles": before.articles} if before else None
        return page(outlet, [item(row) for row in reversed(rows)], older)

    # --- edition, log, proofs -----------------------------------------------------------------------------------------

    def _edition(
        self, tx: Tx, batch: _Batch, trust: tuple[str, int], recent: Sequence[int]
    ) -> tuple[bytes, dict[str, Any]]:
        from mirror.edition import OutletNews, compose

        news = []
        fresh: dict[str, list[ArticleRow]] = {}
        for row in sorted(batch.articles.values(), key=lambda row: -(row.idx or 0)):
            if row.digest not in batch.superseded:
                fresh.setdefault(row.outlet, []).append(row)
        for outlet in self.outlets:
            rows = fresh.get(outlet.id, [])[:ON_FRONT]
            if len(rows) < ON_FRONT:
                older_rows = tx.newest(outlet.id, ON_FRONT)
                rows += [row for row in older_rows if row.digest not in batch.superseded]
            page = batch.open_pages.get(outlet.id)
            news.append(
                OutletNews(
                    id=outlet.id,
                    name=outlet.name,
                    url=outlet.url,
                    language=outlet.language or (rows[0].language if rows else "und"),
                    direction="rtl" if rows and rows[0].direction == "rtl" else "ltr",
                    items=tuple(item(row) for row in rows[:ON_FRONT]),
                    older={"digest": page.digest, "size": page.size, "articles": page.articles} if page else None,
                )
            )
        stored = compose(
            name=self.publication.name,
            origin=self.publication.origin,
            serial=batch.old.serial + 1,
            now=datetime.fromisoformat(batch.time),
            due_seconds=self.due_seconds,
            outlets=news,
            mirrors=[_listed(mirror, self._since(tx, mirror, batch)) for mirror in self.mirrors],
            withdrawals=self.withdrawals,
            trust={"digest": trust[0], "size": trust[1]},
            signer=self.keys.publisher,
            fits=self._fits(batch, recent),
        )
        return stored, read_document(stored)

    def _since(self, tx: Tx, mirror: Mirror, batch: _Batch) -> str:
        if mirror.since:
            return mirror.since
        name = f"mirror since {mirror.url}"
        return batch.facts.setdefault(name, tx.fact(name) or batch.time)

    def _fits(self, batch: _Batch, recent: Sequence[int]) -> Callable[[bytes], bool]:
        """Whether `front` can hold an edition: tried with a proof and consistency proofs of the right shape, since the
        real ones depend on the edition itself."""
        from mirror.pack import PIECE
        from signing import checkpoint, front, merkle
        from signing.proof import Proof

        def stand_in(level: int, index: int) -> bytes:
            return hashlib.sha256(b"%d %d" % (level, index)).digest()

        size = batch.size
        cp = checkpoint.sign(checkpoint.Checkpoint(batch.old.origin, size, stand_in(0, size)), self.keys.log)
        proof = Proof(index=size - 1, hashes=merkle.inclusion_proof(size, size - 1, stand_in), checkpoint=cp).encode()
        consistency = tuple((old, merkle.consistency_proof(old, size, stand_in)) for old in recent)

        def fits(stored: bytes) -> bool:
            whole = front.Front(edition=stored, proof=proof, consistency=consistency).encode()
            return len(stored) <= PIECE and len(whole) <= front.MAX_BYTES - _FRONT_MARGIN

        return fits

    def _grow(self, batch: _Batch, edition: Mapping[str, Any], digest: str, size: int) -> Tree:
        from signing.entry import Entry, entry_of
        from signing.tiles import Tree

        try:
            tree = Tree.load(batch.old.size, batch.old.root, self._read_tile)
            for row in batch.entries:
                entry = Entry(
                    kind=row.kind,
                    outlet=row.outlet,
                    url_digest=row.url_digest,
                    digest=row.digest,
                    size=row.size,
                    time=row.time,
                )
                tree.append(entry.encode())
            tree.append(entry_of(edition, digest, size).encode())
        except (SigningError, LookupError) as error:
            raise CorruptArchive(
                f"{self.store.root}: the log's tiles do not fit its head of size {batch.old.size}: {error}",
                hint="restore the archive folder from a mirror; nothing was signed",
            ) from error
        batch.files += [("tile", path, data) for path, data in tree.files().items()]
        return tree

    def _read_tile(self, path: str) -> bytes:
        data = self.store.read(path)
        if data is None:
            raise LookupError(f"{path} is missing")
        return data

    def _prove(self, batch: _Batch, tree: Tree, checkpoint: bytes, *, edition: bytes, recent: Sequence[int]) -> None:
        from signing import front
        from signing.proof import Proof

        def proof(index: int) -> bytes:
            return Proof(index=index, hashes=tree.inclusion(index), checkpoint=checkpoint).encode()

        for row in batch.articles.values():
            batch.files.append(("proof", proof_path(row.digest), proof(row.idx or 0)))
        of_edition = proof(tree.size - 1)
        batch.files.append(("proof", proof_path(hashlib.sha256(edition).hexdigest()), of_edition))
        batch.files.append(("checkpoint", "checkpoint", checkpoint))
        consistency = [(old, tree.consistency(old)) for old in sorted(recent)]
        while True:
            whole = front.Front(edition=edition, proof=of_edition, consistency=tuple(consistency)).encode()
            if len(whole) <= front.MAX_BYTES or not consistency:
                break
            consistency.pop(0)  # the oldest; whoever comes from there asks for tiles
        if len(whole) > front.MAX_BYTES:
            raise TamizdatError(
                f"the front page takes {len(whole)} bytes, more than {front.MAX_BYTES}",
                hint="fewer outlets or mirrors, or shorter notes on mirrors",
            )
        batch.files.append(("front", "front", whole))

    # --- pages for people ---------------------------------------------------------------------------------------------

    def _pages(self, batch: _Batch, edition: dict[str, Any]) -> None:
        if self.render is None:
            return
        pages: dict[str, bytes] = {}
        # In log order: of two revisions sealed together the newer one's page is the one that stays.
        rows = sorted(batch.articles.values(), key=lambda row: (row.digest not in batch.superseded, row.idx or 0))
        for row in rows:
            try:
                document, parts = read_documents(self.store, row.digest)
                path, data = self.render.article(document, parts, digest=row.digest, index=row.idx or 0)
            except Exception as error:  # a page is a convenience: a fault in it must not stop the press
                batch.problems.append(f"{row.url}: no page for people: {_said(error)}")
            else:
                pages[path] = data
        try:
            pages.update(self.render.front(edition))
        except Exception as error:
            batch.problems.append(f"front page for people: {_said(error)}")
        batch.files += [("html", path, data) for path, data in pages.items()]

    # --- journal ------------------------------------------------------------------------------------------------------

    def _changes(self, tx: Tx, batch: _Batch) -> Iterable[Change]:
        """The journal's lines in the order in which a target has to see them."""
        size = batch.size
        lines = [put_object(row.digest, row.size, "bundle", size) for row in batch.articles.values()]
        lines += [put_object(r.digest, r.size, r.kind, size) for r in tx.resources(batch.articles)]
        lines += [put(path, data, kind, size) for kind, path, data in batch.files]
        return sorted(lines, key=lambda line: line.rank)

    def _outdated(
        self, tx: Tx, batch: _Batch, kept: Sequence[EditionRow], dropped: Sequence[EditionRow]
    ) -> dict[str, str]:
        """Path and kind of what this seal makes superfluous: old editions with their proofs and the open pages that
        only they name, and the partial tiles of tiles that are full now."""
        from signing.tiles import FULL, parse_path

        gone: dict[str, str] = {}
        for edition in dropped:
            gone[object_path(edition.digest)] = "edition"
            gone[proof_path(edition.digest)] = "proof"
        needed = {digest for edition in kept for digest in edition.pages.split()}
        needed.update(shelf.digest for shelf in batch.shelves)
        unneeded = {digest for edition in dropped for digest in edition.pages.split()} - needed
        for digest in sorted(unneeded - tx.shelved(unneeded)):
            gone[object_path(digest)] = "page"
        for kind, path, _ in batch.files:
            if kind == "tile" and parse_path(path).width == FULL:
                gone.update(dict.fromkeys(tx.offered_below(f"{path}.p"), "tile"))
        return gone


# --- reading back what was stored -------------------------------------------------------------------------------------


def read_document(stored: bytes) -> dict[str, Any]:
    """The document in a bundle of our own making."""
    from mirror.pack import UNPACKED
    from signing import note, packing

    document = packing.parse_json(note.parse(packing.gunzip(stored, UNPACKED)).text)
    if not isinstance(document, dict):
        raise CorruptArchive("a stored bundle holds no document")
    return document


def read_documents(store: Store, digest: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
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


def _said(error: Exception) -> str:
    """The error on one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def _listed(mirror: Mirror, since: str) -> dict[str, str]:
    known = {
        "url": mirror.url,
        "kind": mirror.kind,
        "since": since,
        "network": mirror.network,
        "country": mirror.country,
        "note": mirror.note,
    }
    return {name: value for name, value in known.items() if value is not None}


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
