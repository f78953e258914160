"""Taking over what was published elsewhere: an archive that is an old copy becomes the newest one again.

`mirror.catchup` fetches and verifies; here it is put in place, as if this archive had sealed it itself: entries,
articles, pages, editions, withdrawals, closed logs, trust files. Nothing is signed. In this order:

    1. objects (bundles, parts, pictures, pages, editions) are written to the tree while they come in: files of the
       right name that nothing names yet, and that the next one to take the lock removes if nothing ever does
    2. everything else goes into one staging file, named after the head to come, durably
    3. ONE transaction swaps the head and brings every row up to date
    4. the staging file is applied and dropped

Killed before 3, nothing happened; after it, whoever opens the archive next does 4 (`Sequencer.recover`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from mirror.archive import judged
from mirror.archive.additions import resources_of, row_of
from mirror.archive.errors import CorruptArchive
from mirror.archive.plan import (
    KEEP_CHECKPOINTS,
    KEEP_EDITIONS,
    RANK,
    SHELF,
    Renderer,
    delete,
    front_of,
    item,
    log_folder,
    object_path,
    proof_path,
    put,
    put_object,
    read_documents,
    read_earlier,
)
from mirror.archive.staging import Staged, StagedFile
from mirror.archive.state import (
    ArticleRow,
    Change,
    CheckpointRow,
    EditionRow,
    EntryRow,
    Head,
    LogRow,
    OpenPage,
    ResourceRow,
    Shelf,
    Tx,
    WithdrawalRow,
)
from mirror.archive.trustfiles import superseded, trust_entry
from mirror.archive.withdrawal import page_of, url_digest

if TYPE_CHECKING:
    from mirror.archive import Archive
    from mirror.model import Article
    from signing.entry import Entry
    from signing.tiles import Tree

MUTABLE = ("trust", "checkpoint", "front", "html", "proof")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPart:
    """What is new in one log: `entries` from index `first` on, up to its size at `tree`. `checkpoint` is the signed
    note of that size (empty for a log without a seal); `seals` are sizes and roots of the seals in between, by the
    order they came; `tiles` are the files to write, by path on the mirror. `closed`: the log ended there."""

    origin: str
    path: str
    base: int
    first: int
    tree: Tree
    checkpoint: bytes
    entries: tuple[Entry, ...]
    seals: tuple[tuple[int, bytes], ...]
    tiles: Mapping[str, bytes]
    closed: bool = False
    reissue: bool = False

    @property
    def size(self) -> int:
        return self.tree.size


@dataclass(frozen=True, slots=True, kw_only=True)
class PageOf:
    """A page object that was fetched: `newest` is the digest of the first article on it, None for an empty one."""

    digest: str
    size: int
    articles: int
    newest: str | None


@dataclass(slots=True, kw_only=True)
class Found:
    """Everything that this archive lacks, verified; its objects are in the tree. `chains` are, by outlet, the open page
    and the shelves below it that are new, newest first, with the number of the first shelf. `editions` are those still
    kept, by digest, with their documents. `trust` are trust files by path, `trust_document` the trust.json among them.
    """

    old: Head
    logs: list[LogPart]
    articles: dict[str, tuple[Article, int, str]] = field(default_factory=dict)  # whole article, stored size, key
    editions: dict[str, dict[str, Any]] = field(default_factory=dict)
    chains: dict[str, tuple[PageOf, tuple[PageOf, ...], int]] = field(default_factory=dict)
    trust: dict[str, bytes] = field(default_factory=dict)
    trust_document: bytes = b""
    sizes: dict[str, int] = field(default_factory=dict)  # of objects in the tree that are not articles' own


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopted:
    entries: int
    articles: int
    withdrawn: int
    size: int
    origin: str
    problems: tuple[str, ...]


def adopt(archive: Archive, found: Found, *, render: Renderer | None, now: str) -> Adopted:
    """Put it in place. Raises `HeadMoved`, `StorageFailed`, `CorruptArchive`; nothing is changed then."""
    return _Adopting(archive, found, render, now).go()


class _Adopting:
    def __init__(self, archive: Archive, found: Found, render: Renderer | None, now: str) -> None:
        self.archive, self.found, self.render, self.now = archive, found, render, now
        self.store = archive.store
        self.files: list[tuple[str, str, bytes]] = []  # kind, path, bytes
        self.changes: list[Change] = []
        self.deletes: dict[str, str] = {}  # path → kind
        self.problems: list[str] = []
        last = found.logs[-1]
        self.last = last
        self.log_size = last.size
        self.places: dict[str, int] = {}
        self.withdrawn: dict[tuple[str, str], int] = {}
        self.released: str | None = None  # the staging file of a seal that waited for witnesses

    def go(self) -> Adopted:
        found = self.found
        logged = [(part, at, entry) for part in found.logs for at, entry in enumerate(part.entries, part.first)]
        for part, at, entry in logged:
            if entry.kind == "withdrawal" and entry.outlet and entry.url_digest:
                self.withdrawn[entry.outlet, entry.url_digest] = part.base + at
            else:
                self.places[entry.digest] = part.base + at
        with self.archive.state.reading() as tx:
            rows = self._plan(tx, logged)
            head = self._head(rows, logged)
        self._write(rows, head)
        return Adopted(
            entries=len(logged),
            articles=sum(1 for _, _, entry in logged if entry.kind == "article"),
            withdrawn=len(self.withdrawn),
            size=self.last.size,
            origin=self.last.origin,
            problems=tuple(self.problems),
        )

    # --- what will be written -----------------------------------------------------------------------------------------

    def _plan(self, tx: Tx, logged: Sequence[tuple[LogPart, int, Entry]]) -> _Rows:
        rows = _Rows()
        self._articles(tx, rows, logged)
        self._withdrawals(tx, rows, logged)
        self._supersede(tx, rows)
        self._waiting(tx, rows)
        self._editions(tx, rows, logged)
        self._shelve(tx, rows)
        self._tiles(tx)
        self._prove(tx, rows)
        self._trust(tx, rows)
        self._pages(rows)
        self._pointers(tx, rows)
        return rows

    def _articles(self, tx: Tx, rows: _Rows, logged: Sequence[tuple[LogPart, int, Entry]]) -> None:
        for part, at, entry in logged:
            if entry.kind == "withdrawal":
                continue
            place = part.base + at
            rows.entries.append(
                EntryRow(
                    digest=entry.digest,
                    kind=entry.kind,
                    outlet=entry.outlet,
                    url_digest=entry.url_digest,
                    size=entry.size,
                    time=entry.time,
                    idx=place,
                )
            )
            if entry.digest not in self.found.articles:
                continue  # an edition, a trust file, or an article that was withdrawn since
            article, size, key = self.found.articles[entry.digest]
            rows.articles[entry.digest] = replace(row_of(entry.digest, article, size, key), idx=place)
            rows.resources += (named := resources_of(entry.digest, article))
            self.changes.append(put_object(entry.digest, size, "bundle", self.log_size))
            # Evidence that only light mirrors could have given is nowhere any more, and nothing needs it.
            here = [one for one in named if one.kind != "evidence" or self.store.exists(object_path(one.digest))]
            self.changes += [put_object(one.digest, one.size, one.kind, self.log_size) for one in here]

    def _withdrawals(self, tx: Tx, rows: _Rows, logged: Sequence[tuple[LogPart, int, Entry]]) -> None:
        reasons = {
            one["digest"]: one.get("reason")
            for document in self.found.editions.values()
            for one in document["withdrawals"]
        }
        for part, at, entry in logged:
            if entry.kind == "withdrawal" and entry.outlet and entry.url_digest:
                rows.withdrawals.append(
                    WithdrawalRow(
                        digest=entry.digest,
                        outlet=entry.outlet,
                        url_digest=entry.url_digest,
                        size=entry.size,
                        time=entry.time,
                        reason=reasons.get(entry.digest),
                        idx=part.base + at,
                    )
                )
                # Also where this archive never had it: a target may not have been told yet.
                self._gone(object_path(entry.digest), "bundle")
        if not rows.withdrawals:
            return
        addresses = {(row.outlet, row.url_digest) for row in rows.withdrawals}
        for outlet, url in tx.addresses():
            if (outlet, url_digest(url)) in addresses:
                rows.forgotten_addresses.append((outlet, url))
                rows.forgotten += [row.digest for row in tx.at_address(outlet, url)]
        resources = tx.resources(rows.forgotten)
        shared = tx.used_by_others([one.digest for one in resources], rows.forgotten)
        shared |= {one.digest for one in rows.resources}
        for digest in rows.forgotten:
            self._gone(object_path(digest), "bundle")
        for one in resources:
            if one.digest not in shared:
                self._gone(object_path(one.digest), one.kind)
        for _, url in rows.forgotten_addresses:
            self._gone(page_of(url), "html")

    def _supersede(self, tx: Tx, rows: _Rows) -> None:
        addresses: dict[tuple[str, str], list[ArticleRow]] = {}
        for row in rows.articles.values():
            addresses.setdefault((row.outlet, row.url), []).append(row)
        for row in tx.revisions(addresses):
            if row.idx is not None:
                addresses[row.outlet, row.url].append(row)
        for some in addresses.values():
            newest = max(some, key=lambda row: (row.revision, row.idx or 0))
            rows.superseded.update({row.digest: newest.digest for row in some if row is not newest})

    def _waiting(self, tx: Tx, rows: _Rows) -> None:
        """Articles that wait here and say what was sealed elsewhere meanwhile, or less: they are let go."""
        newest: dict[tuple[str, str], list[ArticleRow]] = {}
        for row in rows.articles.values():
            newest.setdefault((row.outlet, row.url), []).append(row)
        for (outlet, url), sealed in newest.items():
            for row in tx.at_address(outlet, url):
                if row.idx is not None or row.digest in rows.articles or row.digest in rows.forgotten:
                    continue
                if any(one.content_key == row.content_key or one.fetched >= row.fetched for one in sealed):
                    rows.dropped.append(row.digest)
        kept = {one.digest for one in rows.resources}
        resources = tx.resources(rows.dropped)
        kept |= tx.used_by_others([one.digest for one in resources], rows.dropped)
        gone = [*rows.dropped, *(one.digest for one in resources if one.digest not in kept)]
        # Never offered to a target, so no news for the journal.
        rows.litter = [object_path(digest) for digest in gone]

    def _editions(self, tx: Tx, rows: _Rows, logged: Sequence[tuple[LogPart, int, Entry]]) -> None:
        serial = self.found.old.serial
        made: list[EditionRow] = []
        for part, at, entry in logged:
            if entry.kind != "edition":
                continue
            serial += 1
            rows.serial, rows.time, rows.edition = serial, entry.time, entry.digest
            document = self.found.editions.get(entry.digest)
            if document is None:
                continue
            if document["serial"] != serial:
                raise CorruptArchive(
                    f"edition {document['serial']} stands in the log as number {serial}", hint="ask how to proceed"
                )
            pages = sorted({outlet["older"]["digest"] for outlet in document["outlets"] if "older" in outlet})
            made.append(
                EditionRow(
                    serial=serial, digest=entry.digest, idx=part.base + at, time=entry.time, pages=" ".join(pages)
                )
            )
            self.changes.append(put_object(entry.digest, entry.size, "edition", self.log_size))
        before = tx.editions()
        # A withdrawal takes with it every edition that may name the article.
        cut = max(self.withdrawn.values(), default=-1)
        # The ones that were pruned elsewhere are pruned here: those that are left of the last few.
        kept = [row for row in (*reversed(made), *before) if row.serial > serial - KEEP_EDITIONS]
        kept = [row for row in kept if row in made or row.idx > cut]
        rows.editions = made
        dropped = [row for row in before if row not in kept]
        rows.dropped_editions = [row.serial for row in dropped]
        needed = {digest for row in kept for digest in row.pages.split()}
        for row in dropped:
            self._gone(object_path(row.digest), "edition")
            self._gone(proof_path(row.digest), "proof")
        unneeded = {digest for row in dropped for digest in row.pages.split()} - needed
        for digest in sorted(unneeded - tx.shelved(unneeded)):
            self._gone(object_path(digest), "page")

    def _shelve(self, tx: Tx, rows: _Rows) -> None:
        for digest, size in self.found.sizes.items():
            self.changes.append(put_object(digest, size, "page", self.log_size))
        for outlet, (opened, shelves, number) in self.found.chains.items():
            rows.open_pages.append(
                OpenPage(outlet=outlet, digest=opened.digest, size=opened.size, articles=opened.articles)
            )
            old = set(tx.shelf_digests(outlet, number))
            for place, page in enumerate(reversed(shelves)):
                rows.shelves.append(
                    Shelf(
                        outlet=outlet,
                        number=number + place,
                        digest=page.digest,
                        size=page.size,
                        articles=page.articles,
                        last=self._place(tx, page.newest),
                    )
                )
            rows.dropped_shelves[outlet] = number
            for digest in sorted(old - {page.digest for page in shelves}):
                self._gone(object_path(digest), "page")
        # An outlet that no edition shows any more: its shelves are made here, as a seal would have made them.
        new: dict[str, list[ArticleRow]] = {}
        for row in rows.articles.values():
            if row.outlet not in self.found.chains and row.digest not in rows.superseded:
                new.setdefault(row.outlet, []).append(row)
        for outlet, some in new.items():
            self._shelve_here(tx, rows, outlet, some)

    def _shelve_here(self, tx: Tx, rows: _Rows, outlet: str, some: list[ArticleRow]) -> None:
        from mirror.edition import page

        shelf = tx.last_shelf(outlet)
        gone = {*rows.superseded, *rows.forgotten}
        before = tx.oldest(outlet, SHELF + 1, after=shelf.last if shelf else -1)
        opened = [row for row in before if row.digest not in gone]
        opened += sorted(some, key=lambda row: row.idx or 0)
        while opened:
            listed, opened = opened[:SHELF], opened[SHELF:]
            older = {"digest": shelf.digest, "size": shelf.size, "articles": shelf.articles} if shelf else None
            stored = page(outlet, [self._item(row) for row in reversed(listed)], older)
            digest = hashlib.sha256(stored).hexdigest()
            self.files.append(("page", object_path(digest), stored))
            total = len(listed) + (shelf.articles if shelf else 0)
            if not opened:
                rows.open_pages.append(OpenPage(outlet=outlet, digest=digest, size=len(stored), articles=total))
                return
            shelf = Shelf(
                outlet=outlet,
                number=shelf.number + 1 if shelf else 0,
                digest=digest,
                size=len(stored),
                articles=total,
                last=listed[-1].idx or 0,
            )
            rows.shelves.append(shelf)

    def _item(self, row: ArticleRow) -> dict[str, Any]:
        """The row as pages list it: its index is that in its own log."""
        base = max((part.base for part in self.found.logs if part.base <= (row.idx or 0)), default=0)
        return item(row, (row.idx or 0) - base)

    def _place(self, tx: Tx, digest: str | None) -> int:
        if digest is None:
            return -1
        if digest in self.places:
            return self.places[digest]
        entry = tx.entry(digest)
        if entry is None or entry.idx is None:
            raise CorruptArchive(f"a page lists {digest}, which is in no log", hint="ask how to proceed")
        return entry.idx

    def _tiles(self, tx: Tx) -> None:
        from signing.tiles import FULL, parse_path

        for part in self.found.logs:
            for path, data in part.tiles.items():
                self.files.append(("tile", path, data))
                if parse_path(path[path.index("tile/") :]).width == FULL:
                    for partial in tx.offered_below(f"{path}.p"):
                        self._gone(partial, "tile")

    def _prove(self, tx: Tx, rows: _Rows) -> None:
        """Proofs are made from the tiles, against the newest checkpoint of their log: what the mirrors have may differ,
        and proves the same."""
        from signing.proof import Proof

        for part in self.found.logs:
            # Also of what was withdrawn since: proofs hold digests, and stay.
            wanted = {row.digest for row in rows.entries if row.kind == "article"}
            wanted.update(row.digest for row in rows.editions)
            every = [
                (at, entry.digest)
                for at, entry in enumerate(part.entries, part.first)
                if entry.kind != "withdrawal" and entry.digest in wanted
            ]
            if part.reissue:
                every += self._proved_before(part)
            elif part is self.found.logs[0]:
                every += self._held(tx, part)
            for at, digest in every:
                if proof_path(digest) in self.deletes:
                    continue  # of an edition that goes
                proof = Proof(index=at, hashes=part.tree.inclusion(at), checkpoint=part.checkpoint)
                self.files.append(("proof", proof_path(digest), proof.encode()))

    def _held(self, tx: Tx, part: LogPart) -> Iterable[tuple[int, str]]:
        """Of a seal of ours that waited for witnesses: pages for people as they were made, proofs to be made anew."""
        from mirror.archive.sequencer import HELD

        held = tx.fact(HELD)
        if held is None:
            return
        self.released = held
        staged = self.archive._sequencer.read_staged(held)
        for path in staged.deletes:
            self._gone(path, path_kind(path))
        for file in staged.files:
            if file.path.startswith("a/"):
                self.files.append(("html", file.path, file.data))
            elif file.path.startswith("proof/"):
                digest = file.path[6:].replace("/", "")
                entry = tx.entry(digest)
                if entry is not None and entry.idx is not None:
                    yield entry.idx - part.base, digest

    def _proved_before(self, part: LogPart) -> Iterable[tuple[int, str]]:
        with self.archive.state.reading() as tx:
            first = part.base
            while some := tx.entries_from(first, 1000):
                for row in some:
                    at = (row.idx or 0) - part.base
                    if at < part.first and self.store.exists(proof_path(row.digest)):
                        yield at, row.digest
                first = (some[-1].idx or 0) + 1

    def _trust(self, tx: Tx, rows: _Rows) -> None:
        for path, data in self.found.trust.items():
            self.files.append(("trust", path, data))
        for path in superseded({*tx.offered_below("trust"), *self.store.walk("trust")}, self.found.trust):
            self._gone(path, "trust")
        if self.found.trust_document:
            entry = trust_entry(self.found.trust_document)
            if entry.digest not in self.places and not tx.known(entry.digest):
                rows.entries.append(entry)  # published, but never logged: the next seal does it

    def _pages(self, rows: _Rows) -> None:
        if self.render is None:
            return
        pages: dict[str, bytes] = {}
        every = sorted(rows.articles.values(), key=lambda row: (row.digest not in rows.superseded, row.idx or 0))
        for row in every:
            if row.digest in rows.superseded and rows.superseded[row.digest] not in rows.articles:
                continue
            try:
                document, parts = read_documents(self.store, row.digest)
                index = self._item(row)["index"]
                before = read_earlier(self.store, document)
                path, data = self.render.article(document, parts, digest=row.digest, index=index, before=before)
            except Exception as error:  # a page is a convenience: a fault in it must not stop the press
                self.problems.append(f"{row.url}: no page for people: {type(error).__name__}")
            else:
                pages[path] = data
        try:
            if rows.edition in self.found.editions:
                pages.update(self.render.front(self.found.editions[rows.edition]))
        except Exception as error:  # as above
            self.problems.append(f"front page for people: {type(error).__name__}")
        self.files += [("html", path, data) for path, data in pages.items()]

    def _head(self, rows: _Rows, logged: Sequence[tuple[LogPart, int, Entry]]) -> Head:
        old, last = self.found.old, self.last
        trusts = [entry for _, _, entry in logged if entry.kind == "trust"]
        served = next((part.checkpoint for part in reversed(self.found.logs) if part.checkpoint), old.served)
        return replace(
            old,
            origin=last.origin,
            path=last.path,
            base=last.base,
            size=last.size,
            root=last.tree.root,
            checkpoint=last.checkpoint,
            served=served,
            time=rows.time or old.time,
            serial=rows.serial or old.serial,
            trust_digest=trusts[-1].digest if trusts else old.trust_digest,
            trust_size=trusts[-1].size if trusts else old.trust_size,
            setting=self._setting(rows, old),
        )

    def _setting(self, rows: _Rows, old: Head) -> str:
        """What was configured for the newest edition is known only when it says the same as ours did."""
        from mirror.archive.plan import read_document

        newest = self.found.editions.get(rows.edition)
        with self.archive.state.reading() as tx:
            kept = tx.editions()
        before = self.store.read(object_path(kept[0].digest)) if kept else None
        if newest is None or before is None or self.withdrawn:
            return old.setting if newest is None and not self.withdrawn else ""

        def said(document: Mapping[str, Any]) -> object:
            outlets = [[one[name] for name in ("id", "name", "url")] for one in document["outlets"]]
            return document["publication"], outlets, document["mirrors"], document["withdrawals"]

        return old.setting if said(newest) == said(read_document(before)) else ""

    def _pointers(self, tx: Tx, rows: _Rows) -> None:
        """Checkpoints, and `front`, which follows from the edition, the tiles and the seals before."""
        from signing.proof import Proof

        for part in self.found.logs:
            if part.closed:
                row = LogRow(
                    base=part.base,
                    origin=part.origin,
                    path=part.path,
                    size=part.size,
                    root=part.tree.root,
                    checkpoint=part.checkpoint,
                    time=rows.time or self.found.old.time,
                )
                rows.closed.append(row)
            if part.checkpoint and (part.closed or part.path):
                self.files.append(("checkpoint", f"{part.path or log_folder(part.origin)}/checkpoint", part.checkpoint))
        shown = next((part for part in reversed(self.found.logs) if part.checkpoint), None)
        if shown is None:
            return
        self.files.append(("checkpoint", "checkpoint", shown.checkpoint))
        last = self.last
        known = (
            {row.size: row.root for row in tx.checkpoints()} if last.first and last.base == self.found.old.base else {}
        )
        known |= dict(last.seals)
        recent = sorted(known)[-KEEP_CHECKPOINTS - 1 :]
        rows.checkpoints = [
            CheckpointRow(
                size=size,
                root=known[size],
                checkpoint=last.checkpoint if size == last.size else b"",
                time=rows.time or self.found.old.time,
            )
            for size in recent
        ]
        index = self.places.get(rows.edition, -1) - shown.base
        if not 0 <= index < shown.size:
            return  # no new edition: `front` is as it was
        stored = self.store.read(object_path(rows.edition))
        if stored is None:
            raise CorruptArchive(f"{object_path(rows.edition)} is missing", hint="run again")
        proof = Proof(index=index, hashes=shown.tree.inclusion(index), checkpoint=shown.checkpoint).encode()
        earlier = [size for size in recent if 0 < size < shown.size] if shown is last else []
        consistency = [(size, shown.tree.consistency(size)) for size in earlier[-KEEP_CHECKPOINTS:]]
        whole = front_of(stored, proof, tuple(consistency))
        self.files.append(("front", "front", whole))

    def _gone(self, path: str, kind: str) -> None:
        self.deletes[path] = kind

    # --- writing ------------------------------------------------------------------------------------------------------

    def _write(self, rows: _Rows, head: Head) -> None:
        self.changes += [put(path, data, kind, self.log_size) for kind, path, data in self.files]
        self.changes.sort(key=lambda change: change.rank)
        promised = {change.path for change in self.changes}
        deletes = {path: kind for path, kind in self.deletes.items() if path not in promised}
        staged = Staged(
            origin=head.origin,
            size=head.size,
            root=head.root,
            files=tuple(
                StagedFile(path=path, data=data, rank=RANK[kind], replace=kind in MUTABLE)
                for kind, path, data in self.files
            ),
            deletes=(*deletes, *(path for path in rows.litter if path not in promised)),
        )
        sequencer = self.archive._sequencer
        sequencer.commit(staged, lambda tx: self._commit(tx, rows, head, deletes))
        if self.released is not None:
            sequencer.staging.delete([self.released])
        if rows.withdrawals:
            self.archive.scrub()

    def _commit(self, tx: Tx, rows: _Rows, head: Head, deletes: Mapping[str, str]) -> None:
        from mirror.archive.sequencer import CLOSING, HELD

        old = self.found.old
        tx.swap_head(old, head)
        for log in rows.closed:
            tx.add_log(log)
        tx.forget_articles(rows.dropped, entries=True)
        tx.forget_articles(rows.forgotten, entries=True)
        self._log(tx, rows)
        tx.supersede(rows.superseded)
        self._withdraw(tx, rows)
        for outlet, number in rows.dropped_shelves.items():
            tx.drop_shelves(outlet, number)
        tx.add_shelves(rows.shelves)
        for page in rows.open_pages:
            tx.put_open_page(page)
        for number, edition in enumerate(rows.editions):
            tx.replace_editions(add=edition, drop=() if number else rows.dropped_editions)
        for checkpoint in rows.checkpoints:
            tx.add_checkpoint(checkpoint, keep=KEEP_CHECKPOINTS)
        newest = self.found.editions.get(rows.edition)
        for mirror in newest["mirrors"] if newest else ():
            name = f"mirror since {mirror['url']}"
            if tx.fact(name) is None:
                tx.put_fact(name, mirror["since"])
        # A seal of ours that waited for witnesses is part of what was found.
        tx.drop_held()
        tx.drop_fact(HELD)
        if rows.closed:
            tx.drop_fact(CLOSING)
        tx.record(self.changes)
        offered = tx.offered(deletes)
        for row in rows.withdrawals:
            path = object_path(row.digest)
            if path in deletes and path not in offered:
                # The journal deletes only what it has offered; what was offered before this archive was lost counts.
                tx.record([put_object(row.digest, row.size, "bundle", self.log_size)])
        tx.record([delete(path, kind, self.log_size) for path, kind in deletes.items()])

    def _log(self, tx: Tx, rows: _Rows) -> None:
        waiting = {row.digest: row for row in rows.entries if tx.known(row.digest)}
        new = [row for row in rows.entries if row.digest not in waiting]
        for row in new:
            if row.digest not in rows.articles:
                tx.add_entry(row)
        tx.add_articles(
            [row for row in new if row.digest in rows.articles],
            [row for row in rows.articles.values() if row.digest not in waiting],
            rows.resources,
        )
        if indices := {row.digest: row.idx for row in waiting.values() if row.idx is not None}:
            tx.seal_entries(indices)

    def _withdraw(self, tx: Tx, rows: _Rows) -> None:
        from mirror.archive.sequencer import SCRUB

        waiting = {row.digest for row in tx.withdrawals(1 << 31) if row.idx is None} if rows.withdrawals else set()
        tx.add_withdrawals([row for row in rows.withdrawals if row.digest not in waiting])
        tx.seal_withdrawals(
            {row.digest: row.idx for row in rows.withdrawals if row.digest in waiting and row.idx is not None}
        )
        for row in rows.withdrawals:
            tx.withdraw_address(row.outlet, row.url_digest, row.time)
        times = {(row.outlet, row.url_digest): row.time for row in rows.withdrawals}
        for outlet, url in rows.forgotten_addresses:
            time = times[outlet, url_digest(url)]
            led = tx.forget_pages(outlet, url)
            judged.forget(tx, outlet, led)
            for one in led:
                tx.withdraw_address(outlet, url_digest(one), time)
        if rows.withdrawals:
            tx.put_fact(SCRUB, "due")


@dataclass(slots=True, kw_only=True)
class _Rows:
    """The rows of one adoption."""

    entries: list[EntryRow] = field(default_factory=list)
    articles: dict[str, ArticleRow] = field(default_factory=dict)
    resources: list[ResourceRow] = field(default_factory=list)
    superseded: dict[str, str] = field(default_factory=dict)
    withdrawals: list[WithdrawalRow] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)  # articles that are withdrawn
    forgotten_addresses: list[tuple[str, str]] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)  # articles that waited and are old news
    litter: list[str] = field(default_factory=list)
    serial: int = 0
    time: str = ""
    edition: str = ""
    editions: list[EditionRow] = field(default_factory=list)
    dropped_editions: list[int] = field(default_factory=list)
    shelves: list[Shelf] = field(default_factory=list)
    dropped_shelves: dict[str, int] = field(default_factory=dict)
    open_pages: list[OpenPage] = field(default_factory=list)
    checkpoints: list[CheckpointRow] = field(default_factory=list)
    closed: list[LogRow] = field(default_factory=list)


def path_kind(path: str) -> str:
    """The journal's kind of a path that is to be deleted."""
    kinds = {"o": "page", "proof": "proof", "a": "html", "trust": "trust"}
    return "tile" if "tile/" in path else kinds.get(path.partition("/")[0], "html")
