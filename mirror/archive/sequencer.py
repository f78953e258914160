"""The log's only writer: from what waits to a sealed, signed and journaled publication.

A seal takes up to 1,000 waiting entries, makes an edition, appends articles, trust, withdrawals and edition to the log,
signs the checkpoint, and proves every new bundle (`maker`). Then, in this order, as for every change (`commit`):

    1. everything it will write goes into one staging file, durably
    2. ONE transaction: the head is compared and swapped, entries get their indices, the journal its lines
    3. the staging file is applied to the mirror tree, durably, in the format's order
    4. the staging file is dropped

Killed before 2, nothing happened and the staging file is thrown away; killed after 2, the next one to open the archive
does 3 and 4. Whoever loses the swap in 2 has signed a checkpoint that nobody ever sees. So no two checkpoints of one
size can come out, whatever is killed, and however many processes try.

With witnesses a seal is two changes: objects and tiles at once; what promises something (proofs, checkpoint, front,
pages, deletes) is held in a second staging file until the cosignatures are there (`cosigned`).

What a seal costs depends on what is new, and on the logarithm of what is old: it reads one tile a level.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from mirror.archive.errors import CorruptArchive, HeadMoved, Rollback, StorageFailed
from mirror.archive.files import Store
from mirror.archive.maker import Maker
from mirror.archive.plan import KEEP_CHECKPOINTS, Keys, Mirror, Outlet, Plan, Publication, Renderer, Sealed
from mirror.archive.staging import Staged, decode, name_of, old_name_of, staged_names
from mirror.archive.state import CheckpointRow, EntryRow, Head, State, Tx
from signing.errors import SigningError

if TYPE_CHECKING:
    from signing.keys import VerifierKey

# Facts in the state file.
STAGED = "staged"  # the staging file of the newest change
HELD = "held"  # the staging file of a seal that waits for cosignatures
CLOSING = "closing"  # why nothing is sealed: a ceremony is about to freeze the log
SCRUB = "scrub"  # withdrawn text may still be in free pages of the state file


class Sequencer:
    """Needs the archive's lock for every method but those that only look."""

    def __init__(self, store: Store, staging: Store, state: State) -> None:
        self.store, self.staging, self.state = store, staging, state

    # --- opening ------------------------------------------------------------------------------------------------------

    def recover(self) -> bool:
        """Whether a change had to be finished for a run that died in it; drops what was staged and never committed."""
        replayed = False
        with self.state.reading() as tx:
            head, committed, held, scrub = tx.head(), tx.fact(STAGED), tx.fact(HELD), tx.fact(SCRUB)
        for name in staged_names(self.staging.root):
            if name == held:
                continue
            if name in (committed, old_name_of(head.size, head.root)):
                # The commit may so far be in the write-ahead log alone, from a run whose fsync failed.
                self.state.settle()
                self.read_staged(name).apply(self.store, is_newest=lambda: True)
                replayed = True
            self.staging.delete([name])
        self._check_tree(head)
        if scrub is not None:
            self.scrub()
        return replayed

    def _check_tree(self, head: Head) -> None:
        """Raises `Rollback` or `CorruptArchive` when the tree's checkpoint isn't the one it should show: one of the two
        comes from an old backup, mostly."""
        from signing.checkpoint import parse_text

        there = self.store.read("checkpoint")
        if there is None and head.served:
            raise CorruptArchive(
                f"{self.store.root}/checkpoint: missing, though {head.size} entries are sealed",
                hint="restore the archive folder from a mirror",
            )
        if there is None or there == head.served:
            return
        try:
            shown = parse_text(there.partition(b"\n\n")[0] + b"\n")
            known = parse_text(head.served.partition(b"\n\n")[0] + b"\n") if head.served else None
        except SigningError as error:
            raise CorruptArchive(f"{self.store.root}/checkpoint: {error}", hint="restore it from a mirror") from error
        if known == shown:
            raise CorruptArchive(
                f"{self.store.root}/checkpoint: has other signatures than the state says",
                hint="restore the archive folder from the newest copy or from a mirror",
            )
        if known is not None and shown.origin == known.origin and shown.size < known.size:
            raise CorruptArchive(
                f"{self.store.root} is at log size {shown.size} and the state at {known.size}: files are missing",
                hint="restore the archive folder from the newest copy or from a mirror",
            )
        raise Rollback(
            f"the state is at log size {head.size} and {self.store.root} at {shown.size}: "
            "going on would sign a second history",
            hint="was the state restored from an old backup? restore state and archive from the same, newest copy",
        )

    def scrub(self) -> None:
        """Withdrawn text is in no free page of the state file any more. Where that fails (no space, somebody reads) the
        fact stays, and the next one to take the lock tries again: it must not stop the press."""
        with contextlib.suppress(StorageFailed):
            self.state.scrub()
            with self.state.writing() as tx:
                tx.drop_fact(SCRUB)

    # --- changing -----------------------------------------------------------------------------------------------------

    def commit(self, staged: Staged, work: Callable[[Tx], None], *, check: Callable[[Tx], None] | None = None) -> None:
        """`work` is committed to the state and the staged files are in the tree, or neither, whatever is killed.

        `check` is called within the transaction, before `work`, and raises `HeadMoved` to call it off. Raises what
        `work` raises, `DiskFull`, `StorageFailed`; after any of them the archive has to be opened afresh.
        """
        data = staged.encode()
        name = name_of(staged.size, data)
        self.store.check_space(2 * len(data))  # once staged, once in place
        self.staging.write_many({name: data}, replace=True)
        try:
            with self.state.writing() as tx:
                if check is not None:
                    check(tx)
                work(tx)
                tx.put_fact(STAGED, name)
        except HeadMoved:
            self.staging.delete([name])
            raise
        # Any other error leaves the staging file: the next one to open finds out whether the commit took place.
        staged.apply(self.store, is_newest=lambda: self._is_newest(name))
        self.staging.delete([name])

    def _is_newest(self, name: str) -> bool:
        with self.state.reading() as tx:
            return tx.fact(STAGED) == name

    def read_staged(self, name: str) -> Staged:
        """What is in this staging file; raises `CorruptArchive`."""
        return decode(self.staging.read(name) or b"", self.staging.root / name)

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
        witnesses: Sequence[VerifierKey] = (),
        render: Renderer | None = None,
        force: bool = False,
        before: Callable[[], None] | None = None,
    ) -> Sealed | None:
        """What was sealed: at most `BATCH` waiting entries, so call it until it returns None. That it does when nothing
        waits, nothing else an edition says has changed, and the last edition is younger than half of `due_seconds`,
        the time after which readers expect a newer one. `force` seals anyway. `before` is called when there is a
        reason to seal and before anything is signed: what it raises stops it.

        With `witnesses` there is room in `front` for their cosignatures, and what promises something waits for them.
        None, too, while a seal waits for cosignatures, and while the log is closing.

        Raises `ClockWrong`, `HeadMoved`, `Rollback`, `CorruptArchive`, `StorageFailed`; after any of them the archive
        has to be opened afresh.
        """
        maker = Maker(
            store=self.store,
            keys=keys,
            publication=publication,
            outlets=outlets,
            due_seconds=due_seconds,
            now=now,
            mirrors=mirrors,
            witnesses=witnesses,
            render=render,
            before=before,
        )
        with self.state.reading() as tx:
            if tx.fact(HELD) is not None or tx.fact(CLOSING) is not None:
                return None
            plan = maker.plan(tx, force=force)
        if plan is None:
            return None
        self._carry_out(plan)
        new = plan.new
        return Sealed(
            origin=new.origin,
            articles=len(plan.batch.articles),
            withdrawn=len(plan.batch.withdrawals),
            serial=new.serial,
            edition=plan.edition.digest,
            size=new.size,
            root=new.root,
            checkpoint=new.checkpoint,
            time=new.time,
            problems=tuple(plan.batch.problems),
        )

    def _carry_out(self, plan: Plan) -> None:
        held: str | None = None
        if plan.held is not None:
            data = plan.held.encode()
            held = name_of(plan.held.size, data)
            self.store.check_space(3 * len(data))
            self.staging.write_many({held: data}, replace=True)

        def work(tx: Tx) -> None:
            tx.swap_head(plan.batch.old, plan.new)
            _record(tx, plan)
            if held is not None:
                tx.hold(plan.held_changes)
                tx.put_fact(HELD, held)

        try:
            self.commit(plan.staged, work)
        except HeadMoved:
            if held is not None:
                self.staging.delete([held])
            raise
        if plan.batch.withdrawals:
            self.scrub()


def _record(tx: Tx, plan: Plan) -> None:
    """Everything that a seal changes in the state but the head."""
    batch, edition, new = plan.batch, plan.edition, plan.new
    tx.add_entry(
        EntryRow(
            digest=edition.digest,
            kind="edition",
            outlet=None,
            url_digest=None,
            size=plan.edition_size,
            time=edition.time,
            idx=edition.idx,
        )
    )
    if places := batch.places():
        tx.seal_entries(places)
    tx.supersede(batch.superseded)
    tx.seal_withdrawals(batch.withdrawal_places())
    if batch.withdrawals:
        tx.forget_articles(batch.withdrawn)
        tx.put_fact(SCRUB, "due")
    for outlet, number in batch.dropped_shelves.items():
        tx.drop_shelves(outlet, number)
    tx.add_shelves(batch.shelves)
    for page in batch.new_pages:
        tx.put_open_page(page)
    for outlet in batch.closed_pages:
        tx.drop_open_page(outlet)
    for name, value in batch.facts.items():
        tx.put_fact(name, value)
    tx.replace_editions(add=edition, drop=plan.dropped)
    row = CheckpointRow(size=new.size, root=new.root, checkpoint=new.checkpoint, time=new.time)
    tx.add_checkpoint(row, keep=KEEP_CHECKPOINTS)
    tx.record(plan.changes)
