"""The archive: the mirror tree, the log's only writer, the journal and the state.

    DIR/archive/   exactly what a mirror serves
    DIR/state/     lock · state.sqlite · staging/ (a seal on its way) · tmp/ (files on their way)

    with Archive(folder) as archive, archive.locked(now):
        archive.add(article, stored, objects, content_key)
        while archive.seal(keys=keys, publication=…, outlets=…, due_seconds=…, now=now):
            pass
        archive.refresh_trust(keys, now)

Looking needs no lock and works while a run goes on; writing does. `locked` first finishes what a dead run left: after
it the tree, the log and the state agree. Nothing here talks to a network.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from mirror.archive import cosigned, judged, lock, logs, withdrawal
from mirror.archive.additions import Addition, entry_of, resources_of, row_of
from mirror.archive.errors import (
    ClockWrong,
    CorruptArchive,
    DiskFull,
    HeadMoved,
    NewerState,
    Rollback,
    StorageFailed,
    storage_error,
)
from mirror.archive.files import DEFAULT_RESERVE, Store, sync_folder
from mirror.archive.logs import LogState
from mirror.archive.plan import (
    Keys,
    Mirror,
    Outlet,
    Publication,
    Renderer,
    Sealed,
    below,
    delete,
    object_path,
    proof_path,
    put,
    read_documents,
    refreshed_trust,
    timestamp,
)
from mirror.archive.sequencer import CLOSING, SCRUB, Sequencer
from mirror.archive.state import ArticleRow, EntryRow, Head, OutletRow, ResourceRow, State, Tx
from mirror.archive.trustfiles import superseded, trust_entry
from mirror.archive.withdrawal import Found, check_reason, url_digest
from mirror.errors import TamizdatError, UsageError
from signing.errors import SigningError

if TYPE_CHECKING:
    from mirror.breakers import HostState
    from mirror.model import Article
    from mirror.remembering import OutletNote, PageNote
    from mirror.sources.state import FeedState, PageState
    from signing.checkpoint import Checkpoint
    from signing.keys import VerifierKey

__all__ = [
    "Addition",
    "Archive",
    "ClockWrong",
    "CorruptArchive",
    "DiskFull",
    "Found",
    "HeadMoved",
    "Keys",
    "LogState",
    "NewerState",
    "Renderer",
    "Rollback",
    "Sealed",
    "StorageFailed",
    "object_path",
    "proof_path",
]

MOST_DOCUMENTS = 5000  # feeds, sitemaps and robots.txt that are remembered
_TOGETHER = 250  # articles whose objects are written before their rows are committed


class Archive:
    """An existing archive. Raises `UsageError` where there is none, `NewerState`, `CorruptArchive`, `StorageFailed`."""

    def __init__(self, folder: Path, *, reserve: int = DEFAULT_RESERVE) -> None:
        self.folder = folder
        if not (folder / "state" / "state.sqlite").is_file():
            raise UsageError(f"{folder}: no publication here", hint="`tamizdat init` makes one")
        tmp = folder / "state" / "tmp"
        self.store = Store(folder / "archive", tmp, reserve=reserve)
        self.state = State(folder / "state" / "state.sqlite")
        staging = Store(folder / "state" / "staging", tmp, reserve=0)
        self._sequencer = Sequencer(self.store, staging, self.state)
        self._held = False
        self._adding = threading.Lock()  # `add` is called from worker threads

    @classmethod
    def create(
        cls,
        folder: Path,
        *,
        log_origin: str,
        keys: Keys,
        trust_files: Mapping[str, bytes],
        trust_document: bytes,
        now: datetime,
        reserve: int = DEFAULT_RESERVE,
    ) -> Archive:
        """The empty archive of a new publication: the trust files are in the tree and in the journal, and the first
        seal will log the digest of `trust_document` (trust.json). What an interrupted call left is completed.

        Raises `UsageError` when there is an archive already or the log key is not named like the log.
        """
        from signing.merkle import EMPTY_ROOT

        if keys.log.name != log_origin:
            raise UsageError(f"the log key is named {keys.log.name}, the log {log_origin}")
        state_folder = folder / "state"
        for path in (folder, state_folder, state_folder / "tmp", state_folder / "staging", folder / "archive"):
            try:
                # 0700: the state says what was fetched from where, and when.
                path.mkdir(mode=0o755 if path.name == "archive" else 0o700, parents=True, exist_ok=True)
            except OSError as error:
                raise storage_error(error, "making a folder", path) from error
        for path in (state_folder, folder, folder.absolute().parent):
            sync_folder(path)
        with lock.locked(state_folder / "lock", now=timestamp(now)):
            store = Store(folder / "archive", state_folder / "tmp", reserve=reserve)
            state = State.create(state_folder / "state.sqlite")
            try:
                with state.reading() as tx:
                    if tx.has_head():
                        raise UsageError(f"{folder}: has an archive already", hint="choose another folder")
                store.sweep()
                store.write_many(trust_files, replace=True)
                digest, size = hashlib.sha256(trust_document).hexdigest(), len(trust_document)
                with state.writing() as tx:
                    tx.create_head(
                        Head(
                            origin=log_origin,
                            size=0,
                            root=EMPTY_ROOT,
                            checkpoint=b"",
                            time=timestamp(now),
                            serial=0,
                            trust_digest=digest,
                            trust_size=size,
                            setting="",
                        )
                    )
                    tx.add_entry(trust_entry(trust_document))
                    tx.record([put(path, data, "trust", 0) for path, data in trust_files.items()])
            finally:
                state.close()
        return cls(folder, reserve=reserve)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self.state.close()

    # --- looking ------------------------------------------------------------------------------------------------------

    @property
    def tree(self) -> Path:
        """The mirror tree."""
        return self.store.root

    def head(self) -> Head:
        """The log's head as committed. The tree may be a moment behind it."""
        with self.state.reading() as tx:
            return tx.head()

    def logs(self) -> tuple[LogState, ...]:
        """Every log of this publication, the current one last."""
        with self.state.reading() as tx:
            return logs.logs(tx)

    def shown(self) -> tuple[LogState, LogState]:
        """The log whose checkpoint the tree shows, once as it is shown and once as it is known: while a seal waits for
        cosignatures the first is older."""
        from signing.checkpoint import parse_text

        with self.state.reading() as tx:
            head, known = tx.head(), logs.logs(tx)
        if not head.served:
            return known[-1], known[-1]
        shown = parse_text(head.served.partition(b"\n\n")[0] + b"\n")
        log = next(one for one in known if one.origin == shown.origin)
        return replace(log, size=shown.size, root=shown.root, checkpoint=head.served), log

    def closing(self) -> bool:
        """Whether the log is about to be frozen, so that nothing is sealed."""
        with self.state.reading() as tx:
            return tx.fact(CLOSING) is not None

    def uncosigned(self) -> bytes | None:
        """The head's checkpoint, with the cosignatures it has, when it waits for more; else None."""
        return cosigned.uncosigned(self._sequencer)

    def is_withdrawn(self, outlet: str, url: str) -> bool:
        """Whether nothing is taken from this address any more: its article was withdrawn."""
        digest = url_digest(url)
        with self.state.reading() as tx:
            return digest in tx.withdrawn(outlet, [digest])

    def unscrubbed(self) -> bool:
        """Whether withdrawn text may still be in free pages of the state file; the next one to take the lock writes it
        anew."""
        with self.state.reading() as tx:
            return tx.fact(SCRUB) is not None

    def find(self, what: str) -> Found:
        """The article with this digest, at this address or with its page at this path; raises `UsageError`."""
        with self.state.reading() as tx:
            return withdrawal.find(tx, what)

    def latest(self, outlet: str, url: str) -> ArticleRow | None:
        """The newest revision of the article at this canonical address, sealed or waiting; None when there is none."""
        with self.state.reading() as tx:
            return tx.latest(outlet, url)

    def led_to(self, outlet: str, url: str) -> ArticleRow | None:
        """The newest revision of the article that the page at this address gave; None when it gave none."""
        with self.state.reading() as tx:
            return tx.latest(outlet, tx.article_url(outlet, url) or url)

    def good_pages(self, outlet: str, limit: int) -> list[PageState]:
        """Pages of the outlet that gave articles when they were last asked for, those first seen last."""
        with self.state.reading() as tx:
            return tx.good_pages(outlet, limit)

    def article(self, digest: str) -> Article:
        """The article with this digest, its parts joined; raises `CorruptArchive`."""
        from mirror.pack import from_document, join

        document, parts = self.documents(digest)
        return join(from_document(document), parts)

    def documents(self, digest: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """The document of an article and those of its parts; raises `CorruptArchive`."""
        return read_documents(self.store, digest)

    def holder(self) -> lock.Holder | None:
        """Who holds the lock; None when nobody does."""
        who = lock.holder(self.folder / "state" / "lock")
        return who if who and who.held else None

    # --- writing ------------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def locked(
        self,
        now: datetime | None = None,
        *,
        wait: float = 0.0,
        mend: Callable[[TamizdatError], None] | None = None,
    ) -> Iterator[Archive]:
        """This archive, for writing. What a run that died left half done is finished or thrown away first. When tree
        and state are of different age, `mend` is called, and then they are compared again.

        Raises `Busy` when another process still writes after `wait` seconds, `Rollback` when the state is older than
        the tree, `StorageFailed`, `CorruptArchive`.
        """
        del now  # the lock's note is for people and for the file system's times: the machine's clock
        since = datetime.fromtimestamp(time.time(), UTC)
        with lock.locked(self.folder / "state" / "lock", now=timestamp(since), wait=wait) as dead:
            self.store.sweep()
            due = self.unscrubbed()
            try:
                self._sequencer.recover()
            except (CorruptArchive, Rollback) as problem:
                if mend is None:
                    raise
                mend(problem)
                self._sequencer.recover()
            if due:
                self._drop_held_bytes()
            if dead is not None:
                self._sweep_orphans(dead.since)
            self._held = True
            try:
                yield self
            finally:
                self._held = False

    def add(self, article: Article, stored: bytes, objects: Mapping[str, bytes], content_key: str) -> bool:
        """Whether the article was new. On return it is durable and waits for the next seal."""
        addition = Addition(article=article, stored=stored, objects=objects, content_key=content_key)
        return self.add_many([addition]) == 1

    def add_many(self, additions: Iterable[Addition]) -> int:
        """How many of the articles were new. Objects are durable before the rows that name them are committed; killed
        in between, there are a few files that nothing names, and the next one to take the lock removes them.

        Raises ValueError when an object is missing or is not what its digest says, `StorageFailed`, `CorruptArchive`.
        """
        self._check_held()
        count = 0
        waiting: dict[str, Addition] = {}
        for addition in additions:
            waiting[hashlib.sha256(addition.stored).hexdigest()] = addition
            if len(waiting) == _TOGETHER:
                count += self._add_some(waiting)
                waiting = {}
        return count + self._add_some(waiting)

    def seal(
        self,
        *,
        keys: Keys,
        publication: Publication,
        outlets: Sequence[Outlet],
        due_seconds: int,
        now: datetime,
        mirrors: Sequence[Mirror] = (),
        witnesses: Sequence[VerifierKey] = (),
        render: Renderer | None = None,
        force: bool = False,
        before: Callable[[], None] | None = None,
    ) -> Sealed | None:
        """See `Sequencer.seal`: call it until it returns None."""
        self._check_held()
        return self._sequencer.seal(
            keys=keys,
            publication=publication,
            outlets=outlets,
            due_seconds=due_seconds,
            now=now,
            mirrors=mirrors,
            witnesses=witnesses,
            render=render,
            force=force,
            before=before,
        )

    def refresh_trust(self, keys: Keys, now: datetime) -> int:
        """How many trust files were signed again by the online key (the timestamp; the snapshot when it is about to
        expire). A run with nothing new publishes only these."""
        self._check_held()
        return self._write_trust(refreshed_trust(self.store, keys, now), None)

    def replace_trust(self, files: Mapping[str, bytes], trust_document: bytes) -> int:
        """The same for files that the root keys signed: they are in the tree and the journal, and the next seal logs
        the digest of `trust_document` (trust.json)."""
        self._check_held()
        return self._write_trust(files, trust_document)

    def show(self, pages: Mapping[str, bytes | None]) -> int:
        """How many of these files beside the front page are news; None removes one. They say nothing that a seal
        promises, so they wait for none."""
        self._check_held()
        there = {path: data for path, data in pages.items() if data is not None}
        gone = [path for path, data in pages.items() if data is None and self.store.exists(path)]
        self.store.write_many(there, replace=True)
        with self.state.writing() as tx:
            size = tx.head().size
            lines = [put(path, data, "html", size) for path, data in there.items()]
            count = tx.record([*lines, *(delete(path, "html", size) for path in gone)])
        self.store.delete(gone)
        return count

    # --- witnesses ----------------------------------------------------------------------------------------------------

    def attach_cosignatures(self, lines: Sequence[bytes], *, complete: bool, now: datetime) -> bool:
        """Whether these verified cosignature lines for the head's checkpoint were news. When they are `complete`, what
        the seal promises goes into the tree and to the targets; until then only the checkpoint in the state has them.
        Later ones are added to what is published. Raises `UsageError`, `HeadMoved`, `StorageFailed`."""
        del now  # nothing here depends on it; the cosignatures have times of their own
        self._check_held()
        return cosigned.attach(self._sequencer, lines, complete=complete)

    # --- several logs -------------------------------------------------------------------------------------------------

    def close_log(self, reason: str) -> None:
        """Until `begin_log` or `cancel_closing` nothing is sealed: what the trust files will say about where the log
        ends stays true."""
        self._check_held()
        with self.state.writing() as tx:
            tx.put_fact(CLOSING, reason)

    def cancel_closing(self) -> None:
        """Sealing goes on."""
        self._check_held()
        with self.state.writing() as tx:
            tx.drop_fact(CLOSING)

    def begin_log(
        self,
        origin: str,
        path: str,
        *,
        trust_files: Mapping[str, bytes],
        trust_document: bytes,
        reissue: bool,
        now: datetime,
    ) -> None:
        """The current log is closed where it is now, the next seal is the first of the log `origin`, with its tiles in
        the folder `path` (`log/<last component of origin>`), and logs the digest of `trust_document` (trust.json)
        first. That document must say so: the old log `frozen` at its head's size and root, the new one as the last.

        With `reissue` every proof of the old log is made anew against its last checkpoint before readers are told.
        Killed at any point, calling it again completes it; calling it once more changes nothing.

        Raises `UsageError`, `CorruptArchive`, `HeadMoved`, `StorageFailed`.
        """
        self._check_held()
        old = {*superseded(self.store.walk("trust"), trust_files)}
        logs.begin(
            self._sequencer,
            origin=origin,
            path=path,
            trust_files=trust_files,
            trust_document=trust_document,
            trust_entry=trust_entry(trust_document),
            superseded=sorted(old),
            reissue=reissue,
            now=now,
        )

    # --- withdrawal ---------------------------------------------------------------------------------------------------

    def withdraw(self, what: str, reason: str | None, now: datetime) -> Found:
        """The article that is withdrawn, with all its revisions: the next seal logs it, lists it in its edition, and
        removes what holds its text from the tree, the state and, by the journal, every target. What of it still waited
        for the log is gone at once. Nothing is taken from its address again.

        `what` is the digest of a revision's bundle, the address at the outlet, or the path of its page. Raises
        `UsageError`, `StorageFailed`.
        """
        self._check_held()
        said = check_reason(reason)
        with self.state.reading() as tx:
            found = withdrawal.find(tx, what)
            deletes = withdrawal.dropped_at_once(tx, found)
        self._sequencer.commit(withdrawal.staged(found, deletes), lambda tx: withdrawal.queue(tx, found, said, now))
        self.scrub()
        return found

    def scrub(self) -> None:
        """What rows that were deleted said is in no free page of the state file any more, and of held pages there are
        only the bytes that a row names. What can't be done now the next one to take the lock does."""
        self._sequencer.scrub()
        self._drop_held_bytes()

    def remember_withdrawn(self, outlet: str, url: str, now: datetime) -> None:
        """This address leads to a withdrawn article as well: nothing is taken from it again either."""
        with self.state.writing() as tx:
            led = tx.forget_pages(outlet, url)
            for one in led:
                tx.withdraw_address(outlet, url_digest(one), timestamp(now))
            if judged.forget(tx, outlet, led):
                tx.put_fact(SCRUB, "due")

    # --- other copies of this archive ---------------------------------------------------------------------------------

    def refuse_if_behind(self, served: Checkpoint, where: str) -> None:
        """Return if `served`, a checkpoint that our own log key signed and a mirror shows, is in this log; raise
        `Rollback` if it is larger or has another root: this is an old copy, or one of two that both seal, and sealing
        would fork. Checkpoints of logs that this archive does not know, or that are closed, say nothing here."""
        from signing.merkle import range_hash
        from signing.tiles import TileHashes

        head = self.head()
        if served.origin != head.origin:
            return
        if served.size > head.size:
            raise Rollback(
                f"{where} serves our own checkpoint of {served.size} entries, this archive has {head.size}: "
                "sealing here would make a second history",
                hint="this is an old copy of the archive or its state; restore the newest one",
            )

        def read(path: str) -> bytes:
            data = self.store.read(below(head.path, path))
            if data is None:
                raise LookupError(f"{path} is missing")
            return data

        root = head.root
        if 0 < served.size < head.size:
            try:
                root = range_hash(0, served.size, TileHashes(head.size, head.root, read).read)
            except (SigningError, LookupError) as error:
                raise CorruptArchive(
                    f"{self.store.root}: the log's tiles do not fit its head of size {head.size}: {error}",
                    hint="restore the archive folder from a mirror",
                ) from error
        if served.size and served.root != root:
            raise Rollback(
                f"{where} serves our own checkpoint of {served.size} entries with another root than this archive's log "
                "had at that size: two copies of this publication are sealing",
                hint="stop one of them for good; go on with the one whose checkpoints readers have seen",
            )

    # --- what fetching remembers; each call is a transaction, from any thread ----------------------------------------

    def feed(self, url: str) -> FeedState | None:
        with self.state.reading() as tx:
            return tx.feed(url)

    def remember_feed(self, state: FeedState) -> None:
        """Writes the row, without items that lead to withdrawn articles: feeds hold titles, and sometimes whole
        texts."""
        with self.state.writing() as tx:
            withdrawn = tx.withdrawn_anywhere() if state.content else frozenset()
            tx.remember_feed(_without(state, withdrawn) if withdrawn else state)

    def pages(self, outlet: str, urls: Iterable[str]) -> Mapping[str, PageState]:
        wanted = {url: url_digest(url) for url in urls}
        with self.state.reading() as tx:
            found = tx.pages(outlet, wanted)
            withdrawn = tx.withdrawn(outlet, wanted.values())
        return {**found, **{url: _never_again(outlet, url) for url, digest in wanted.items() if digest in withdrawn}}

    def due(self, outlet: str, moment: str, limit: int) -> list[PageState]:
        """See `Tx.due_pages`."""
        with self.state.reading() as tx:
            return tx.due_pages(outlet, moment, limit)

    def remember_page(
        self, page: PageState, *, state: str | None = None, reason: str | None = None, article_url: str | None = None
    ) -> None:
        """See `Tx.remember_page`. To be called when what the page led to is safe: killed in between, it is fetched
        again."""
        with self.state.writing() as tx:
            tx.remember_page(page, state=state, reason=reason, article_url=article_url)

    def remember_pages(self, notes: Iterable[PageNote]) -> None:
        """The same for several pages, in one transaction."""
        with self.state.writing() as tx:
            for note in notes:
                tx.remember_page(note.page, state=note.state, reason=note.reason, article_url=note.article_url)

    def article_url(self, outlet: str, url: str) -> str | None:
        """See `Tx.article_url`."""
        with self.state.reading() as tx:
            return tx.article_url(outlet, url)

    def host(self, host: str) -> HostState | None:
        with self.state.reading() as tx:
            return tx.host(host)

    def remember_all(
        self, feeds: Iterable[FeedState], hosts: Mapping[str, HostState], outlets: Mapping[str, OutletNote]
    ) -> None:
        """What fetching learnt of documents, hosts and outlets, in one transaction; feeds as `remember_feed` does."""
        feeds = list(feeds)
        with self.state.writing() as tx:
            withdrawn = tx.withdrawn_anywhere()
            for state in feeds:
                tx.remember_feed(_without(state, withdrawn) if withdrawn and state.content else state)
            if feeds:
                tx.forget_feeds(most=MOST_DOCUMENTS)
            for host, known in hosts.items():
                tx.put_host(host, known)
            for outlet, note in outlets.items():
                before = tx.outlet(outlet)
                tx.put_outlet(
                    OutletRow(
                        id=outlet,
                        last_try=note.now,
                        last_ok=note.now if note.error is None else before.last_ok,
                        last_error=note.error,
                        last_yield=note.now if note.yielded else before.last_yield,
                        failures=before.failures + 1 if note.failed else 0,
                    )
                )

    def forget_target(self, name: str) -> None:
        """Forgets how far a target is: one of that name starts from nothing."""
        with self.state.writing() as tx:
            tx.forget_target(name)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _check_held(self) -> None:
        if not self._held:
            raise RuntimeError("writing to an archive needs `with archive.locked(now):`")

    def _add_some(self, additions: Mapping[str, Addition]) -> int:
        with self._adding:
            return self._add_new(additions)

    def _add_new(self, additions: Mapping[str, Addition]) -> int:
        with self.state.reading() as tx:
            new = {
                digest: addition
                for digest, addition in additions.items()
                if not (tx.known(digest) or _withdrawn(tx, addition.article))
            }
        if not new:
            return 0
        files: dict[str, bytes] = {}
        entries: list[EntryRow] = []
        articles: list[ArticleRow] = []
        resources: list[ResourceRow] = []
        for digest, addition in new.items():
            named = resources_of(digest, addition.article)
            for resource in named:
                self._take(resource, addition.objects, files)
            files[object_path(digest)] = addition.stored
            resources += named
            entries.append(entry_of(digest, addition))
            articles.append(row_of(digest, addition.article, len(addition.stored), addition.content_key))
        self.store.write_many(files, replace=False)
        with self.state.writing() as tx:
            tx.add_articles(entries, articles, resources)
        return len(new)

    def _take(self, resource: ResourceRow, objects: Mapping[str, bytes], files: dict[str, bytes]) -> None:
        data = objects.get(resource.digest)
        path = object_path(resource.digest)
        if data is None:
            if path not in files and not self.store.exists(path):
                raise ValueError(f"the article names {resource.kind} {resource.digest}, which was not given")
        elif hashlib.sha256(data).hexdigest() != resource.digest or len(data) != resource.size:
            raise ValueError(f"{resource.kind} {resource.digest} has other bytes than its digest and size say")
        else:
            files[path] = data

    def _write_trust(self, files: Mapping[str, bytes], document: bytes | None) -> int:
        # The newest pointer last. Replacing is right even for numbered files: one that is not in the journal yet, from
        # a run that died right here, was never shown to anybody.
        self.store.write_many({path: data for path, data in files.items() if "timestamp" not in path}, replace=True)
        self.store.write_many({path: data for path, data in files.items() if "timestamp" in path}, replace=True)
        with self.state.writing() as tx:
            size = tx.head().size
            if document is not None and not tx.known(hashlib.sha256(document).hexdigest()):
                tx.add_entry(trust_entry(document))
            old = superseded(tx.offered_below("trust"), files)
            count = tx.record(
                [put(path, data, "trust", size) for path, data in files.items()]
                + [delete(path, "trust", size) for path in old]
            )
        # Also what a run that died right here left.
        self.store.delete(superseded(self.store.walk("trust"), files))
        return count

    def _drop_held_bytes(self) -> None:
        from mirror.held import Store as Held

        with contextlib.suppress(OSError):  # said by whatever else needs this disk
            Held(self.folder).tidy(self)

    def _sweep_orphans(self, since: str) -> int:
        """How many objects were removed that a run which died or failed had written and nothing names. Only folders
        that changed since it began are looked into, so this costs nothing like a walk over the archive."""
        removed = 0
        try:
            begun = datetime.fromisoformat(since).timestamp() - 2
            folders = [entry for entry in os.scandir(self.store.root / "o") if entry.stat().st_mtime >= begun]
        except FileNotFoundError:
            return 0
        except (OSError, ValueError):
            return 0  # litter is not worth failing for
        for folder in folders:
            digests = [folder.name + name for name in os.listdir(folder.path)]
            with self.state.reading() as tx:
                orphans = set(digests) - tx.known_objects(digests)
            removed += self.store.delete(object_path(digest) for digest in sorted(orphans))
        return removed


def _withdrawn(tx: Tx, article: Article) -> bool:
    digest = url_digest(article.url)
    return digest in tx.withdrawn(article.outlet, [digest])


def _without(state: FeedState, withdrawn: frozenset[str]) -> FeedState:
    """The state of a feed without its items at these addresses."""
    try:
        content = json.loads(state.content or "")
        items = content["items"]
        kept = [item for item in items if url_digest(item["url"]) not in withdrawn]
    except (ValueError, TypeError, KeyError):
        return state  # robots.txt, or of another version
    if len(kept) == len(items):
        return state
    return replace(state, content=json.dumps({**content, "items": kept}, ensure_ascii=False, separators=(",", ":")))


def _never_again(outlet: str, url: str) -> PageState:
    """What fetching is told of a withdrawn address: read long ago, and never due."""
    from mirror.sources.state import PageState

    return PageState(
        outlet=outlet,
        url=url,
        first_seen="1970-01-01T00:00:00Z",
        checked="1980-01-01T00:00:00Z",
        state="withdrawn",
        reason="its article was withdrawn",
    )
