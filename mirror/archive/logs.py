"""Several logs: ending one for good and beginning the next.

A log ends when its year does, or when its key is lost or stolen. In the second case only its last checkpoint counts any
more, so every proof is made anew against it. Those proofs are true before the switch as well as after it: they are
written first, a thousand at a time, each time as one change, and killed in between the next call goes on where this one
was. The switch itself is one change: the trust files that say so, the closed log's last checkpoint in its own folder,
and the new head of size 0. Until the new log's first seal the files `checkpoint` and `front` stay the old log's.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from mirror.archive.cosigned import release_lines, released
from mirror.archive.errors import CorruptArchive
from mirror.archive.plan import RANK, below, delete, log_folder, proof_path, put, timestamp
from mirror.archive.sequencer import CLOSING, HELD, Sequencer
from mirror.archive.staging import Staged, StagedFile
from mirror.archive.state import EntryRow, Head, LogRow, Tx
from mirror.errors import UsageError
from signing.errors import SigningError

_TOGETHER = 1000  # proofs in one change: 1.2 MB
_REISSUED = "reissued"  # fact: which checkpoint proofs are made anew for, and up to which place that is done
_FOLDER = re.compile(r"log/[a-z0-9][a-z0-9.-]{0,40}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogState:
    """A log of this publication; `path` is the folder of its tiles ("" is the mirror's root), `checkpoint` empty before
    its first seal. The index of an entry in it is the entry's `idx` less `base`."""

    origin: str
    path: str
    base: int
    size: int
    root: bytes
    checkpoint: bytes
    frozen: bool


def logs(tx: Tx) -> tuple[LogState, ...]:
    """Every log, the current one last."""
    head = tx.head()
    closed = [
        LogState(
            origin=row.origin,
            path=row.path,
            base=row.base,
            size=row.size,
            root=row.root,
            checkpoint=row.checkpoint,
            frozen=True,
        )
        for row in tx.logs()
    ]
    current = LogState(
        origin=head.origin,
        path=head.path,
        base=head.base,
        size=head.size,
        root=head.root,
        checkpoint=head.checkpoint,
        frozen=False,
    )
    return (*closed, current)


def begin(
    sequencer: Sequencer,
    *,
    origin: str,
    path: str,
    trust_files: Mapping[str, bytes],
    trust_document: bytes,
    trust_entry: EntryRow,
    superseded: Iterable[str],
    reissue: bool,
    now: datetime,
) -> None:
    """See `Archive.begin_log`; `superseded` are trust files that go."""
    with sequencer.state.reading() as tx:
        old, held, closed = tx.head(), tx.fact(HELD), tx.logs()
    if old.origin == origin:
        return  # an earlier call did it
    if origin in {log.origin for log in closed}:
        raise UsageError(f"the log {origin} is closed already", hint="a log that ended never goes on")
    taken = {log_folder(one) for one in (old.origin, *(log.origin for log in closed))}
    if path != log_folder(origin) or path in taken:
        raise UsageError(f"the log {origin} cannot have the folder {path!r}", hint="name it by another year or number")
    _check(old, trust_document, origin, path, held=held is not None)
    if not old.checkpoint:
        raise UsageError(f"the log {old.origin} is empty", hint="seal something first")
    if reissue:
        _reissue(sequencer, old)
    _switch(
        sequencer,
        old,
        origin=origin,
        path=path,
        trust_files=trust_files,
        entry=trust_entry,
        superseded=tuple(superseded),
        now=now,
    )


def _check(old: Head, document: bytes, origin: str, path: str, *, held: bool) -> None:
    """Raises `UsageError` when the trust document does not say what is about to be done: a frozen log that readers are
    told otherwise about would make every proof of it worthless."""
    from signing.packing import parse_json

    try:
        parsed: Any = parse_json(document)
        *before, last = parsed["logs"]
        ended = next(log for log in before if log["origin"] == old.origin)
        frozen = (ended["frozen"]["size"], ended["frozen"]["root"])
        named = (last["origin"], last.get("path", ""))
        unwitnessed = int(ended.get("unwitnessed", 0))
    except (SigningError, KeyError, TypeError, ValueError, StopIteration, AttributeError):
        raise UsageError(f"the trust document does not say where the log {old.origin} ends") from None
    if frozen != (old.size, old.root.hex()):
        raise UsageError(
            f"the trust document freezes {old.origin} at {frozen[0]} entries with root {str(frozen[1])[:16]}…, "
            f"this archive has {old.size} with {old.root.hex()[:16]}…",
            hint="nothing was changed; make the request again from the present state",
        )
    if named != (origin, path) or not _FOLDER.fullmatch(path):
        raise UsageError(f"the trust document's newest log is {named[0]} in {named[1]!r}, not {origin} in {path!r}")
    if held and unwitnessed < old.size:
        raise UsageError(
            f"the newest checkpoint of {old.origin} waits for cosignatures, so readers would refuse it",
            hint=f"wait for the witnesses, or say that none is needed up to {old.size} entries",
        )


# --- proofs made anew -------------------------------------------------------------------------------------------------


def _reissue(sequencer: Sequencer, old: Head) -> None:
    """Every proof of the log that is on mirrors is one against its last checkpoint."""
    from signing.proof import Proof
    from signing.tiles import TileHashes

    def read(path: str) -> bytes:
        data = sequencer.store.read(below(old.path, path))
        if data is None:
            raise LookupError(f"{path} is missing")
        return data

    # While a seal waits for witnesses its proofs are held; the switch releases them, against the same checkpoint.
    mark = hashlib.sha256(old.checkpoint).hexdigest()
    with sequencer.state.reading() as tx:
        at = _reissued(tx, mark, old.base)
    hashes = TileHashes(old.size, old.root, read)
    end = old.base + old.size
    while at < end:
        with sequencer.state.reading() as tx:
            rows = [row for row in tx.entries_from(at, _TOGETHER) if row.idx is not None and row.idx < end]
            offered = tx.offered(proof_path(row.digest) for row in rows)
        if not rows:
            break
        files: dict[str, bytes] = {}
        try:
            for row in rows:
                place = proof_path(row.digest)
                if place in offered and row.idx is not None:
                    index = row.idx - old.base
                    proof = Proof(index=index, hashes=hashes.inclusion(index), checkpoint=old.checkpoint)
                    files[place] = proof.encode()
        except (SigningError, LookupError) as error:
            raise CorruptArchive(
                f"{sequencer.store.root}: the tiles of {old.origin} do not fit its head of size {old.size}: {error}",
                hint="restore the archive folder from a mirror; the log is not closed yet",
            ) from error
        at = (rows[-1].idx or 0) + 1
        sequencer.commit(_proofs(old, files), _Progress(old, files, f"{mark} {at}"))


def _proofs(old: Head, files: Mapping[str, bytes]) -> Staged:
    return Staged(
        origin=old.origin,
        size=old.size,
        root=old.root,
        files=tuple(StagedFile(path=path, data=data, rank=RANK["proof"], replace=True) for path, data in files.items()),
        deletes=(),
    )


@dataclass(frozen=True, slots=True)
class _Progress:
    """What one batch of proofs changes in the state."""

    old: Head
    files: Mapping[str, bytes]
    mark: str

    def __call__(self, tx: Tx) -> None:
        tx.swap_head(self.old, self.old)  # nobody sealed meanwhile
        tx.put_fact(_REISSUED, self.mark)
        tx.record([put(path, data, "proof", self.old.size) for path, data in self.files.items()])


def _reissued(tx: Tx, mark: str, base: int) -> int:
    checkpoint, _, at = (tx.fact(_REISSUED) or "").partition(" ")
    return int(at) if checkpoint == mark else base


# --- the switch -------------------------------------------------------------------------------------------------------


def _switch(
    sequencer: Sequencer,
    old: Head,
    *,
    origin: str,
    path: str,
    trust_files: Mapping[str, bytes],
    entry: EntryRow,
    superseded: tuple[str, ...],
    now: datetime,
) -> None:
    from signing.merkle import EMPTY_ROOT

    with sequencer.state.reading() as tx:
        held = tx.fact(HELD)
    waiting = sequencer.read_staged(held) if held is not None else None
    last = f"{log_folder(old.origin)}/checkpoint"
    files = [StagedFile(path=last, data=old.checkpoint, rank=RANK["checkpoint"], replace=True)]
    # The newest pointer last: within a rank files are renamed into place in this order.
    files += [
        StagedFile(path=name, data=data, rank=RANK["trust"], replace=True)
        for name, data in sorted(trust_files.items(), key=lambda pair: "timestamp" in pair[0])
    ]
    if waiting is not None:
        files += released(waiting, old.checkpoint)
    new = replace(
        old,
        origin=origin,
        path=path,
        base=old.base + old.size,
        size=0,
        root=EMPTY_ROOT,
        checkpoint=b"",
        time=max(timestamp(now), old.time),
        served=old.checkpoint if waiting is not None else old.served,
    )

    def work(tx: Tx) -> None:
        tx.swap_head(old, new)
        tx.add_log(
            LogRow(
                base=old.base,
                origin=old.origin,
                path=old.path,
                size=old.size,
                root=old.root,
                checkpoint=old.checkpoint,
                time=old.time,
            )
        )
        if not tx.known(entry.digest):
            tx.add_entry(entry)
        lines = [put(name, data, "trust", old.size) for name, data in trust_files.items()]
        lines += [put(last, old.checkpoint, "checkpoint", old.size)]
        lines += [delete(name, "trust", old.size) for name in superseded]
        if waiting is not None:
            release_lines(tx, files)
        tx.record(lines)
        for fact in (CLOSING, _REISSUED):
            tx.drop_fact(fact)

    staged = Staged(
        origin=origin,
        size=0,
        root=EMPTY_ROOT,
        files=tuple(files),
        deletes=(*superseded, *(waiting.deletes if waiting is not None else ())),
    )
    sequencer.commit(staged, work)
    if held is not None:
        sequencer.staging.delete([held])
