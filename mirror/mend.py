"""A tree and a state that come from backups of different age are brought together again, before anything is signed.

A tree that is ahead of the state is read like a mirror (`mirror.catchup`). A tree that is behind gets the files that
the journal names from mirrors, and loses those that the journal says are gone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mirror.archive.errors import CorruptArchive
from mirror.catchup import Answer, CatchUp, Source
from mirror.catchup.asking import STAMP, closing, sources_of
from signing.errors import SigningError

if TYPE_CHECKING:
    from mirror.archive import Archive
    from mirror.errors import TamizdatError
    from mirror.output import Output
    from mirror.publication import Publication
    from signing.checkpoint import Checkpoint


def mend(publication: Publication, archive: Archive, out: Output, problem: TamizdatError) -> None:
    """Bring the tree and the state of an archive together again, when one of them comes from an older backup; raises
    `problem` itself when that can't be done. Called with the archive locked.

    A tree that is ahead of the state is read like a mirror. A tree that is behind gets the files that the journal names
    from mirrors: the journal has the SHA-256 of every one of them.
    """
    now = datetime.now(UTC)
    head = archive.head()
    shown = _shown(archive)
    if shown is None or (shown.origin == head.origin and shown.size < head.size):
        _refill(publication, archive, out, problem)
        return
    from mirror.read import FolderMirror

    tree = Source("the archive folder", lambda: FolderMirror(archive.tree))
    answer = Answer(
        source=tree,
        name=tree.name,
        checkpoint=archive.store.read("checkpoint"),
    )
    with closing([tree, *sources_of(publication)]) as sources:
        if CatchUp(publication, archive, out, now, sources).look([answer], tree_is_ahead=True) is None:
            raise problem
    _journal_trust(archive)


def _journal_trust(archive: Archive) -> None:
    """The journal names the trust files of a tree that was ahead of the state, and none that they took the place of."""
    from mirror.archive.plan import delete, put
    from mirror.archive.trustfiles import superseded

    size = archive.head().size
    there = {path: archive.store.read(path) or b"" for path in archive.store.walk("trust")}
    with archive.state.writing() as tx:
        known = {path: change.sha256 for path, change in tx.offered(there).items()}
        new = [path for path, data in there.items() if known.get(path) != hashlib.sha256(data).hexdigest()]
        gone = [path for path in superseded(tx.offered_below("trust"), there) if path not in there]
        tx.record([put(path, there[path], "trust", size) for path in new])
        tx.record([delete(path, "trust", size) for path in gone])


def _shown(archive: Archive) -> Checkpoint | None:
    """What the tree's checkpoint says, unverified; None where there is none."""
    from signing.checkpoint import parse_text

    data = archive.store.read("checkpoint")
    if data is None:
        return None
    try:
        return parse_text(data.partition(b"\n\n")[0] + b"\n")
    except SigningError:
        return None


def _refill(publication: Publication, archive: Archive, out: Output, problem: TamizdatError) -> None:
    """Every file that the journal names is in the tree again, from mirrors where it has to be, and no other object."""
    from mirror.archive.plan import put

    out.note(f"{problem}; looking for the missing files on the mirrors")
    with closing(sources_of(publication)) as sources:
        stale = _fetch_missing(archive, problem, sources)
    _remove_deleted(archive)
    stamp = archive.store.read(STAMP)
    if stale and stamp is not None:
        with archive.state.writing() as tx:
            tx.record([put(STAMP, stamp, "trust", archive.head().size)])


def _fetch_missing(archive: Archive, problem: TamizdatError, sources: Sequence[Source]) -> bool:
    """Whether the tree's timestamp is not the one that the journal names; everything else that it names is there."""
    head = archive.head()
    after = 0
    pointers: dict[str, bytes] = {}
    stale = False
    while True:
        with archive.state.reading() as tx:
            lines = tx.changes(after, 500, op="put")
        if not lines:
            break
        after = lines[-1].seq
        files: dict[str, bytes] = {}
        for line in lines:
            data = archive.store.read(line.path)
            if data is not None and hashlib.sha256(data).hexdigest() == line.sha256:
                continue
            if line.path == "checkpoint":
                data = head.served
            elif line.path == STAMP:
                stale = True
                continue  # signed anew by every run, and compared with what readers have seen
            else:
                found = (source.maybe(line.path, max(line.size, 1)) for source in sources)
                data = next(
                    (one for one in found if one is not None and hashlib.sha256(one).hexdigest() == line.sha256), None
                )
            if data is None:
                raise CorruptArchive(
                    f"{problem}; and {line.path} as the state knows it is on no mirror",
                    hint="restore state and archive from the same, newest backup",
                ) from problem
            (pointers if line.mutable else files)[line.path] = data
        archive.store.write_many(files, replace=True)
    archive.store.write_many(pointers, replace=True)
    return stale


def _remove_deleted(archive: Archive) -> None:
    """What the journal says is gone is gone from an older tree as well, and every object that nothing names: withdrawn
    text is among it."""
    after = 0
    while True:
        with archive.state.reading() as tx:
            lines = tx.changes(after, 500, op="delete")
        if not lines:
            break
        after = lines[-1].seq
        archive.store.delete([line.path for line in lines])
    archive._sweep_orphans("1970-01-01T00:00:00Z")
