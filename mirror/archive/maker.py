"""Makes the plan of one seal: reads, computes and signs; writes nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from mirror.archive import plan as plans
from mirror.archive import shelves, withdrawal
from mirror.archive.errors import ClockWrong, CorruptArchive
from mirror.archive.files import Store
from mirror.archive.plan import (
    CLOCK_SLACK,
    FRONT_MARGIN,
    KEEP_EDITIONS,
    ON_FRONT,
    RANK,
    Batch,
    Keys,
    Mirror,
    Outlet,
    Plan,
    Publication,
    Renderer,
    delete,
    object_path,
    proof_path,
    put,
    put_object,
    read_document,
    read_documents,
    read_earlier,
    timestamp,
)
from mirror.archive.staging import Staged, StagedFile
from mirror.archive.state import ArticleRow, Change, EditionRow, EntryRow, Head, Tx
from mirror.errors import TamizdatError
from signing.errors import SigningError

if TYPE_CHECKING:
    from signing.keys import VerifierKey
    from signing.tiles import Tree

# What must not be shown before the checkpoint has its cosignatures. (Objects and tiles promise nothing.)
_PROMISES = ("proof", "checkpoint", "front", "html")
_REPLACED = ("trust", "checkpoint", "front", "html")


class Maker:
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
        witnesses: Sequence[VerifierKey],
        render: Renderer | None,
        before: Callable[[], None] | None,
    ) -> None:
        self.store, self.keys, self.publication, self.outlets = store, keys, publication, outlets
        self.due_seconds, self.now, self.mirrors, self.witnesses = due_seconds, now, mirrors, witnesses
        self.render, self.before = render, before

    def plan(self, tx: Tx, *, force: bool) -> Plan | None:
        """The next seal, or None when there is no reason for one."""
        from signing.checkpoint import Checkpoint, sign

        old = tx.head()
        self._check_clock(old)
        if self.keys.log.name != old.origin:
            raise TamizdatError(
                f"the log key is named {self.keys.log.name}, this log {old.origin}", hint="look at keys/log.key"
            )
        waiting = tx.pending(plans.BATCH)
        withdrawals = tx.pending_withdrawals(plans.BATCH)
        setting = self._setting()
        if not (waiting or withdrawals or force or old.serial == 0 or setting != old.setting or self._is_due(old)):
            return None
        if self.before is not None:
            self.before()
        batch = self._batch(tx, old, waiting)
        batch.withdrawals = withdrawals
        withdrawal.carry_out(tx, batch)
        shelves.supersede(tx, batch)
        shelves.shelve(tx, batch, [outlet.id for outlet in self.outlets])

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
        # Whatever an older edition names that is withdrawn: the edition goes as well.
        dropped = kept if batch.withdrawn else kept[KEEP_EDITIONS - 1 :]
        edition = EditionRow(
            serial=old.serial + 1,
            digest=digest,
            idx=old.base + batch.size - 1,
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
            served=old.served if self.witnesses else checkpoint,
        )
        remaining = (edition, *(row for row in kept if row not in dropped))
        deletes = self._outdated(tx, batch, remaining, dropped)
        plan = Plan(
            batch=batch,
            new=new,
            edition=edition,
            edition_size=len(stored),
            dropped=tuple(row.serial for row in dropped),
            changes=(*self._changes(tx, batch), *(delete(path, kind, batch.size) for path, kind in deletes.items())),
            staged=_staged(new, batch.files, deletes),
        )
        return _divided(plan) if self.witnesses else plan

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
        info = self.publication
        said = [info.name, info.origin, self.due_seconds, outlets, mirrors]
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()

    # --- what ---------------------------------------------------------------------------------------------------------

    def _batch(self, tx: Tx, old: Head, waiting: tuple[EntryRow, ...]) -> Batch:
        """Articles first, by the time they were published (so that the log's order is the order of the news), all
        revisions of one in the order they came; then trust files. The edition comes last. A log that follows another
        begins with the trust file that names it."""
        rows = tx.articles(entry.digest for entry in waiting if entry.kind == "article")
        first: dict[tuple[str, str], str] = {}
        for entry in waiting:
            if row := rows.get(entry.digest):
                first.setdefault((row.outlet, row.url), min(row.published or row.fetched, row.fetched))
        begins = old.size == 0 and old.serial > 0

        def place(entry: EntryRow) -> tuple[int, str]:
            row = rows.get(entry.digest)
            return (0, first[row.outlet, row.url]) if row else (-1 if begins else 1, "")

        entries = tuple(sorted(waiting, key=place))
        return Batch(
            old=old,
            time=max(timestamp(self.now), old.time),
            bases=(*(log.base for log in tx.logs()), old.base),
            entries=entries,
            articles={
                entry.digest: replace(rows[entry.digest], idx=old.base + old.size + number)
                for number, entry in enumerate(entries)
                if entry.digest in rows
            },
        )

    # --- edition, log, proofs -----------------------------------------------------------------------------------------

    def _edition(
        self, tx: Tx, batch: Batch, trust: tuple[str, int], recent: Sequence[int]
    ) -> tuple[bytes, dict[str, Any]]:
        from mirror.edition import WITHDRAWALS, OutletNews, compose

        news = []
        fresh: dict[str, list[ArticleRow]] = {}
        for row in sorted(batch.articles.values(), key=lambda row: -(row.idx or 0)):
            if batch.is_listed(row):
                fresh.setdefault(row.outlet, []).append(row)
        for outlet in self.outlets:
            rows: list[ArticleRow] = []
            # What was old when it came is no news, however late it came.
            for aged in (False, True):
                if len(rows) < ON_FRONT:
                    rows += [row for row in fresh.get(outlet.id, []) if row.aged is aged][:ON_FRONT]
                if len(rows) < ON_FRONT:
                    older_rows = tx.newest(outlet.id, ON_FRONT + len(batch.withdrawn), aged=aged)
                    rows += [row for row in older_rows if batch.is_listed(row)]
            page = batch.open_pages.get(outlet.id)
            news.append(
                OutletNews(
                    id=outlet.id,
                    name=outlet.name,
                    url=outlet.url,
                    language=outlet.language or (rows[0].language if rows else "und"),
                    direction="rtl" if rows and rows[0].direction == "rtl" else "ltr",
                    items=tuple(batch.item(row) for row in rows[:ON_FRONT]),
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
            withdrawals=[withdrawal.listed(row) for row in tx.withdrawals(WITHDRAWALS)],
            trust={"digest": trust[0], "size": trust[1]},
            signer=self.keys.publisher,
            fits=self._fits(batch, recent),
        )
        return stored, read_document(stored)

    def _since(self, tx: Tx, mirror: Mirror, batch: Batch) -> str:
        if mirror.since:
            return mirror.since
        name = f"mirror since {mirror.url}"
        return batch.facts.setdefault(name, tx.fact(name) or batch.time)

    def _fits(self, batch: Batch, recent: Sequence[int]) -> Callable[[bytes, int], bool]:
        """Whether a `front` of so many bytes can hold an edition: tried with a proof, consistency proofs and
        cosignatures of the right shape, since the real ones depend on the edition itself."""
        from mirror.pack import PIECE
        from signing import checkpoint, front, merkle
        from signing.note import SignatureLine
        from signing.proof import Proof

        def stand_in(level: int, index: int) -> bytes:
            return hashlib.sha256(b"%d %d" % (level, index)).digest()

        size = batch.size
        cp = checkpoint.sign(checkpoint.Checkpoint(batch.old.origin, size, stand_in(0, size)), self.keys.log)
        for witness in self.witnesses:
            noise = hashlib.sha512(witness.text.encode()).digest() + b"at that time"[:8]
            cp += SignatureLine(name=witness.name, key_id=witness.id, signature=noise).encode()
        proof = Proof(index=size - 1, hashes=merkle.inclusion_proof(size, size - 1, stand_in), checkpoint=cp).encode()
        consistency = tuple((old, merkle.consistency_proof(old, size, stand_in)) for old in recent)

        def fits(stored: bytes, most: int) -> bool:
            whole = front.Front(edition=stored, proof=proof, consistency=consistency).encode()
            return len(stored) <= PIECE and len(whole) <= most - FRONT_MARGIN

        return fits

    def _grow(self, batch: Batch, edition: Mapping[str, Any], digest: str, size: int) -> Tree:
        from signing.entry import Entry, entry_of
        from signing.tiles import Tree

        try:
            tree = Tree.load(batch.old.size, batch.old.root, lambda path: self._read(plans.below(batch.old.path, path)))
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
            for gone in batch.withdrawals:
                tree.append(withdrawal.entry_of(gone).encode())
            tree.append(entry_of(edition, digest, size).encode())
        except (SigningError, LookupError) as error:
            raise CorruptArchive(
                f"{self.store.root}: the log's tiles do not fit its head of size {batch.old.size}: {error}",
                hint="restore the archive folder from a mirror; nothing was signed",
            ) from error
        batch.files += [("tile", plans.below(batch.old.path, path), data) for path, data in tree.files().items()]
        return tree

    def _read(self, path: str) -> bytes:
        data = self.store.read(path)
        if data is None:
            raise LookupError(f"{path} is missing")
        return data

    def _prove(self, batch: Batch, tree: Tree, checkpoint: bytes, *, edition: bytes, recent: Sequence[int]) -> None:
        from signing.proof import Proof

        def proof(index: int) -> bytes:
            return Proof(index=index, hashes=tree.inclusion(index), checkpoint=checkpoint).encode()

        for row in batch.articles.values():
            batch.files.append(("proof", proof_path(row.digest), proof((row.idx or 0) - batch.old.base)))
        of_edition = proof(tree.size - 1)
        batch.files.append(("proof", proof_path(hashlib.sha256(edition).hexdigest()), of_edition))
        for path in plans.checkpoint_paths(batch.old.path):
            batch.files.append(("checkpoint", path, checkpoint))
        consistency = tuple((old, tree.consistency(old)) for old in recent)
        batch.files.append(("front", "front", plans.front_of(edition, of_edition, consistency)))

    # --- pages for people ---------------------------------------------------------------------------------------------

    def _pages(self, batch: Batch, edition: dict[str, Any]) -> None:
        pages: dict[str, bytes] = {}
        if self.render is not None:
            pages = self._rendered(batch, edition, self.render)
        if batch.withdrawn:
            # Where they can't be made anew, the old ones name what is withdrawn.
            batch.gone.update({path: "html" for path in ("index.html", "feed.xml") if path not in pages})
        batch.files += [("html", path, data) for path, data in pages.items()]

    def _rendered(self, batch: Batch, edition: dict[str, Any], render: Renderer) -> dict[str, bytes]:
        pages: dict[str, bytes] = {}
        # In log order: of two revisions sealed together the newer one's page is the one that stays.
        rows = sorted(batch.articles.values(), key=lambda row: (row.digest not in batch.superseded, row.idx or 0))
        for row in rows:
            try:
                document, parts = read_documents(self.store, row.digest)
                index = (row.idx or 0) - batch.old.base
                before = read_earlier(self.store, document)
                path, data = render.article(document, parts, digest=row.digest, index=index, before=before)
            except Exception as error:  # a page is a convenience: a fault in it must not stop the press
                batch.problems.append(f"{row.url}: no page for people: {_said(error)}")
            else:
                pages[path] = data
        try:
            pages.update(render.front(edition))
        except Exception as error:
            batch.problems.append(f"front page for people: {_said(error)}")
        return pages

    # --- journal ------------------------------------------------------------------------------------------------------

    def _changes(self, tx: Tx, batch: Batch) -> Iterable[Change]:
        """The journal's lines in the order in which a target has to see them."""
        size = batch.size
        lines = [put_object(row.digest, row.size, "bundle", size) for row in batch.articles.values()]
        lines += [put_object(r.digest, r.size, r.kind, size) for r in tx.resources(batch.articles)]
        lines += [put(path, data, kind, size) for kind, path, data in batch.files]
        return sorted(lines, key=lambda line: line.rank)

    def _outdated(
        self, tx: Tx, batch: Batch, kept: Sequence[EditionRow], dropped: Sequence[EditionRow]
    ) -> dict[str, str]:
        """Path and kind of what this seal makes superfluous: old editions with their proofs and the open pages that
        only they name, the partial tiles of tiles that are full now, and what is withdrawn."""
        from signing.tiles import FULL, parse_path

        gone = dict(batch.gone)
        for edition in dropped:
            gone[object_path(edition.digest)] = "edition"
            gone[proof_path(edition.digest)] = "proof"
        needed = {digest for edition in kept for digest in edition.pages.split()}
        needed.update(shelf.digest for shelf in batch.shelves)
        unneeded = {digest for edition in dropped for digest in edition.pages.split()} - needed
        for digest in sorted(unneeded - tx.shelved(unneeded)):
            gone[object_path(digest)] = "page"
        for kind, path, _ in batch.files:
            if kind == "tile" and parse_path(path[path.index("tile/") :]).width == FULL:
                gone.update(dict.fromkeys(tx.offered_below(f"{path}.p"), "tile"))
        return gone


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


def _divided(plan: Plan) -> Plan:
    """The plan with what promises something held back, and all deletes."""
    files = plan.batch.files
    return replace(
        plan,
        changes=tuple(line for line in plan.changes if line.kind not in _PROMISES and line.op == "put"),
        staged=_staged(plan.new, [file for file in files if file[0] not in _PROMISES], ()),
        held=_staged(plan.new, [file for file in files if file[0] in _PROMISES], plan.staged.deletes),
        held_changes=tuple(line for line in plan.changes if line.kind in _PROMISES or line.op == "delete"),
    )


def _staged(new: Head, files: Iterable[tuple[str, str, bytes]], deletes: Iterable[str]) -> Staged:
    return Staged(
        origin=new.origin,
        size=new.size,
        root=new.root,
        files=tuple(
            StagedFile(path=path, data=data, rank=RANK[kind], replace=kind in _REPLACED) for kind, path, data in files
        ),
        deletes=tuple(deletes),
    )
