"""A seal that waits for witnesses, and what happens when their cosignatures come.

What promises something is held: its files are in a staging file that the fact `held` names, its lines for the journal
in the table `held`. So the tree, the journal and every target stay with the seal before, whole, until the newest one is
complete; then checkpoint, proofs and front get the cosignatures, and all of it is one change like any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from mirror.archive.plan import checkpoint_paths, front_of, proof_path, put
from mirror.archive.sequencer import HELD, Sequencer
from mirror.archive.staging import Staged, StagedFile
from mirror.archive.state import Change, CheckpointRow, Head, Tx
from mirror.errors import TamizdatError, UsageError
from signing.errors import SigningError


def uncosigned(sequencer: Sequencer) -> bytes | None:
    """The head's checkpoint, with the cosignatures it has so far, when it waits for more; else None."""
    with sequencer.state.reading() as tx:
        return tx.head().checkpoint if tx.fact(HELD) is not None else None


def attach(sequencer: Sequencer, lines: Sequence[bytes], *, complete: bool) -> bool:
    """Whether anything changed. The head's checkpoint has these cosignature lines; when they are `complete`, or nothing
    was held, checkpoint, front and the proofs of the newest seal have them too, in tree and journal.

    The lines must have been verified. Raises `UsageError` when nothing is sealed or a line is none, `HeadMoved`,
    `StorageFailed`, `TamizdatError` when `front` has no room for them."""
    from signing.cosignature import attach as attached

    with sequencer.state.reading() as tx:
        old, held = tx.head(), tx.fact(HELD)
    if not old.checkpoint:
        raise UsageError("there is no checkpoint yet to cosign")
    try:
        checkpoint = attached(old.checkpoint, lines)
    except SigningError as error:
        raise UsageError(f"not cosignatures for this checkpoint: {error}") from error
    if held is not None and not complete:
        if checkpoint != old.checkpoint:
            with sequencer.state.writing() as tx:
                _swap(tx, old, replace(old, checkpoint=checkpoint))
        return checkpoint != old.checkpoint
    new = replace(old, checkpoint=checkpoint, served=checkpoint)
    if held is not None:
        _release(sequencer, held, old, new)
    elif checkpoint == old.checkpoint:
        return False
    else:
        _rewrite(sequencer, old, new)
    return True


def _swap(tx: Tx, old: Head, new: Head) -> None:
    tx.swap_head(old, new)
    row = CheckpointRow(size=new.size, root=new.root, checkpoint=new.checkpoint, time=new.time)
    tx.add_checkpoint(row, keep=1 << 31)


def _release(sequencer: Sequencer, held: str, old: Head, new: Head) -> None:
    """What is held, with the new checkpoint in it, goes into tree and journal."""
    staged = sequencer.read_staged(held)
    files = released(staged, new.checkpoint)

    def work(tx: Tx) -> None:
        _swap(tx, old, new)
        release_lines(tx, files)

    sequencer.commit(replace(staged, files=tuple(files)), work)
    sequencer.staging.delete([held])


def released(held: Staged, checkpoint: bytes) -> list[StagedFile]:
    """The files of a seal that was held, with this checkpoint in them."""
    return [_with_checkpoint(file, checkpoint) for file in held.files]


def release_lines(tx: Tx, files: Iterable[StagedFile]) -> None:
    """The held lines are in the journal, as these files are now; nothing is held any more."""
    data = {file.path: file.data for file in files}
    lines = tx.held()
    tx.drop_held()
    tx.drop_fact(HELD)
    tx.record([_line(line, data.get(line.path)) for line in lines])


def _line(line: Change, data: bytes | None) -> Change:
    if data is None or line.op == "delete":
        return line
    fresh = put(line.path, data, line.kind, line.log_size)
    return replace(line, sha256=fresh.sha256, size=fresh.size)


def _rewrite(sequencer: Sequencer, old: Head, new: Head) -> None:
    """The newest seal's files in the tree, with the new checkpoint: a cosignature came later than the others."""
    with sequencer.state.reading() as tx:
        before = next((row.size for row in tx.checkpoints() if row.size < old.size), 0)
        proofs = [proof_path(digest) for digest in _newest(tx, old, old.base + before)]
        offered = tx.offered(proofs)
    paths = {"front": "front", **dict.fromkeys(offered, "proof")}
    paths |= dict.fromkeys(checkpoint_paths(old.path), "checkpoint")
    kinds = sorted(paths.items(), key=lambda pair: ("proof", "checkpoint", "front").index(pair[1]))
    files = []
    for rank, (path, kind) in enumerate(kinds):
        data = sequencer.store.read(path)
        if data is None:
            raise TamizdatError(f"{sequencer.store.root}/{path}: missing", hint="restore it from a mirror")
        file = StagedFile(path=path, data=data, rank=rank if kind != "proof" else 0, replace=True)
        files.append((kind, _with_checkpoint(file, new.checkpoint)))
    lines = [put(file.path, file.data, kind, old.size) for kind, file in files]

    def work(tx: Tx) -> None:
        _swap(tx, old, new)
        tx.record(lines)

    staged = Staged(origin=new.origin, size=new.size, root=new.root, files=tuple(file for _, file in files), deletes=())
    sequencer.commit(staged, work)


def _newest(tx: Tx, head: Head, first: int) -> Iterable[str]:
    """Digests of the bundles that were sealed last."""
    return [row.digest for row in tx.entries_from(first, head.base + head.size - first)]


def _with_checkpoint(file: StagedFile, checkpoint: bytes) -> StagedFile:
    """The file with this checkpoint in place of the one it ends in."""
    from signing import front, proof

    if file.path.startswith("proof/"):
        return replace(file, data=replace(proof.parse(file.data), checkpoint=checkpoint).encode())
    if file.path == "front":
        shown = front.parse(file.data)
        of_edition = replace(proof.parse(shown.proof), checkpoint=checkpoint).encode()
        return replace(file, data=front_of(shown.edition, of_edition, shown.consistency))
    if file.path.rpartition("/")[2] == "checkpoint":
        return replace(file, data=checkpoint)
    return file
