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
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from mirror.archive import lock
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
from mirror.archive.sequencer import (
    Keys,
    Mirror,
    Outlet,
    Publication,
    Renderer,
    Sealed,
    Sequencer,
    delete,
    object_path,
    proof_path,
    put,
    read_documents,
    refreshed_trust,
    timestamp,
)
from mirror.archive.state import ArticleRow, EntryRow, Head, OutletRow, ResourceRow, State
from mirror.errors import UsageError

if TYPE_CHECKING:
    from mirror.model import Article
    from mirror.sources.state import FeedState, PageState
    from signing.checkpoint import Checkpoint

__all__ = [
    "Addition",
    "Archive",
    "ClockWrong",
    "CorruptArchive",
    "DiskFull",
    "HeadMoved",
    "Keys",
    "NewerState",
    "Renderer",
    "Rollback",
    "Sealed",
    "StorageFailed",
    "object_path",
    "proof_path",
]

_TOGETHER = 250  # articles whose objects are written before their rows are committed


@dataclass(frozen=True, slots=True, kw_only=True)
class Addition:
    """An article on its way in: `stored` is its bundle, `objects` what it names (parts, pictures) by digest; those that
    the archive has already may be left out."""

    article: Article
    stored: bytes
    objects: Mapping[str, bytes]
    content_key: str


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
                    tx.add_entry(_trust_entry(trust_document))
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

    def latest(self, outlet: str, url: str) -> ArticleRow | None:
        """The newest revision of the article at this canonical address, sealed or waiting; None when there is none."""
        with self.state.reading() as tx:
            return tx.latest(outlet, url)

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
    def locked(self, now: datetime | None = None, *, wait: float = 0.0) -> Iterator[Archive]:
        """This archive, for writing. What a run that died left half done is finished or thrown away first.

        Raises `Busy` when another process still writes after `wait` seconds, `Rollback` when the state is older than
        the tree, `StorageFailed`, `CorruptArchive`.
        """
        del now  # the lock's note is for people and for the file system's times: the machine's clock
        since = datetime.fromtimestamp(time.time(), UTC)
        with lock.locked(self.folder / "state" / "lock", now=timestamp(since), wait=wait) as dead:
            self.store.sweep()
            self._sequencer.recover()
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
        withdrawals: Sequence[Mapping[str, Any]] = (),
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
            withdrawals=withdrawals,
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

    def refuse_if_behind(self, served: Checkpoint, where: str) -> None:
        """Return if `served`, a checkpoint that our own log key signed and a mirror shows, is in this log; raise
        `Rollback` if it is larger, or as large with another root: this state is an old copy, and sealing would fork."""
        head = self.head()
        if served.origin != head.origin or served.size < head.size:
            return
        if (served.size, served.root) != (head.size, head.root):
            raise Rollback(
                f"{where} serves our own checkpoint of {served.size} entries, this archive has {head.size}: "
                "sealing here would make a second history",
                hint="this is an old copy of the archive or its state; restore the newest one",
            )

    # --- what fetching remembers; each call is a transaction, from any thread ----------------------------------------

    def feed(self, url: str) -> FeedState | None:
        with self.state.reading() as tx:
            return tx.feed(url)

    def remember_feed(self, state: FeedState) -> None:
        with self.state.writing() as tx:
            tx.remember_feed(state)

    def pages(self, outlet: str, urls: Iterable[str]) -> Mapping[str, PageState]:
        with self.state.reading() as tx:
            return tx.pages(outlet, urls)

    def remember_page(
        self, page: PageState, *, state: str | None = None, reason: str | None = None, article_url: str | None = None
    ) -> None:
        """See `Tx.remember_page`. To be called when what the page led to is safe: killed in between, it is fetched
        again."""
        with self.state.writing() as tx:
            tx.remember_page(page, state=state, reason=reason, article_url=article_url)

    def remember_outlet(self, outlet: str, *, now: str, error: str | None, yielded: bool) -> None:
        """Writes down how asking an outlet went: `error` is None when it answered, `yielded` when it gave articles."""
        with self.state.writing() as tx:
            before = tx.outlet(outlet)
            tx.put_outlet(
                OutletRow(
                    id=outlet,
                    last_try=now,
                    last_ok=now if error is None else before.last_ok,
                    last_error=error,
                    last_yield=now if yielded else before.last_yield,
                    failures=0 if error is None else before.failures + 1,
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
            new = {digest: addition for digest, addition in additions.items() if not tx.known(digest)}
        if not new:
            return 0
        files: dict[str, bytes] = {}
        entries: list[EntryRow] = []
        articles: list[ArticleRow] = []
        resources: list[ResourceRow] = []
        for digest, addition in new.items():
            named = _resources(digest, addition.article)
            for resource in named:
                self._take(resource, addition.objects, files)
            files[object_path(digest)] = addition.stored
            resources += named
            entries.append(_entry(digest, addition))
            articles.append(_row(digest, addition))
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
                tx.add_entry(_trust_entry(document))
            old = _superseded(tx.offered_below("trust"), files)
            count = tx.record(
                [put(path, data, "trust", size) for path, data in files.items()]
                + [delete(path, "trust", size) for path in old]
            )
        # Also what a run that died right here left.
        self.store.delete(_superseded(self.store.walk("trust"), files))
        return count

    def _sweep_orphans(self, since: str) -> int:
        """How many objects were removed that a run which died or failed had written and nothing names. Only folders
        that changed since it began are looked into, so this costs nothing like a walk over the archive."""
        begun = datetime.fromisoformat(since).timestamp() - 2
        removed = 0
        try:
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


def _entry(digest: str, addition: Addition) -> EntryRow:
    from mirror.pack import to_document
    from signing.entry import entry_of

    entry = entry_of(to_document(addition.article), digest, len(addition.stored))
    return EntryRow(
        digest=entry.digest,
        kind=entry.kind,
        outlet=entry.outlet,
        url_digest=entry.url_digest,
        size=entry.size,
        time=entry.time,
    )


def _superseded(paths: Iterable[str], newer: Iterable[str]) -> list[str]:
    """Those of `paths` that are snapshot or targets metadata of a lower version than one in `newer`. Nothing leads to
    them any more, so no reader could check them; old roots stay, since readers walk through them."""
    versions = {role: number for role, number in map(_trust_version, newer) if role}
    found = ((path, *_trust_version(path)) for path in paths)
    return [path for path, role, number in found if role in versions and number < versions[role]]


def _trust_version(path: str) -> tuple[str, int]:
    number, _, role = path.removeprefix("trust/").removesuffix(".json").partition(".")
    return (role, int(number)) if role in ("snapshot", "targets") and number.isdigit() else ("", 0)


def _trust_entry(document: bytes) -> EntryRow:
    from signing.entry import entry_of
    from signing.packing import parse_json

    parsed = parse_json(document)
    if not isinstance(parsed, dict):
        raise ValueError("trust.json holds no document")
    entry = entry_of(parsed, hashlib.sha256(document).hexdigest(), len(document))
    return EntryRow(
        digest=entry.digest, kind=entry.kind, outlet=None, url_digest=None, size=entry.size, time=entry.time
    )


def _row(digest: str, addition: Addition) -> ArticleRow:
    from mirror.pack import shorten

    article = addition.article
    return ArticleRow(
        digest=digest,
        outlet=article.outlet,
        url=article.url,
        title=shorten(article.title, 240),
        lead=shorten(article.lead, 240) if article.lead else None,
        published=article.published,
        fetched=article.fetched,
        language=article.language,
        direction=article.direction,
        size=len(addition.stored),
        revision=article.revision,
        thumbnail=_thumbnail(article),
        content_key=addition.content_key,
    )


def _thumbnail(article: Article) -> str | None:
    """The digest of the small picture that stands beside the title in lists: the cover's, else the first one's."""
    pictures = sorted(article.resources, key=lambda resource: not resource.cover)
    places = [picture.thumbnail for picture in pictures if picture.role == "picture" and picture.thumbnail is not None]
    return article.resources[places[0]].digest if places else None


def _resources(digest: str, article: Article) -> list[ResourceRow]:
    parts = [ResourceRow(article=digest, digest=part.digest, kind="part", size=part.size) for part in article.parts]
    return parts + [
        ResourceRow(article=digest, digest=resource.digest, kind=resource.role, size=resource.size)
        for resource in article.resources
    ]
