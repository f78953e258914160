"""Whether an article still is what its publisher says: superseded or withdrawn since, and why (check 13).

What is newest decides, wherever that is: the edition and the log of the mirror at hand, those of a mirror beside it
that has a newer edition, and the withdrawals that editions seen earlier listed. That an article was withdrawn is final.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace

import schemas
from mirror.history import Session, hashes_of, newest_of, one_history, tile_reader, withdrawals_of
from mirror.known import Withdrawal
from mirror.read import Mirror, ReadError, need, proof_path
from signing import checkpoint as checkpoints
from signing import front as fronts
from signing import proof as proofs
from signing.checkpoint import Checkpoint
from signing.entry import Entry
from signing.entry import parse as parse_entry
from signing.errors import SigningError
from signing.roles import LogKey
from signing.tiles import FULL, TileHashes
from signing.verify import NAMES, Check, VerifiedBundle, check_current, verify_front

# How much of the log is read to learn whether an article was revised later: about 50,000 entries.
SCAN_BYTES = 8 << 20
PROOF = checkpoints.MAX_BYTES + 8192


class _Entries:
    """The entries of the logs up to a checkpoint, each checked against its tree, as far as a reader bears to read on.
    Those about withdrawals that came by are in `withdrawals`, by the digest of the bundle."""

    def __init__(self, session: Session, head: Checkpoint) -> None:
        self._session = session
        self._head = head
        self._left = SCAN_BYTES
        self.withdrawals: dict[str, Withdrawal] = {}

    def __call__(self, log: LogKey, start: int, end: int) -> Iterator[Entry]:
        head = self._head
        closed = log.frozen if log.origin != head.origin else None
        size, root = (head.size, head.root) if closed is None else (closed.size, closed.root)
        hashes = TileHashes(size, root, tile_reader(self._session.mirror, log))
        for number in range(start // FULL, -(-end // FULL)):
            if self._left <= 0:
                return
            for place, data in enumerate(hashes.entries(number)):
                self._left -= len(data)
                if start <= number * FULL + place < end:
                    entry = parse_entry(data)
                    if entry.kind == "withdrawal":
                        self.withdrawals[entry.digest] = {"time": entry.time}
                    yield entry


def judge_current(session: Session, bundle: VerifiedBundle, edition: VerifiedBundle, head: Checkpoint) -> None:
    """Check 13 by this edition and its log: the edition's lists, then every later entry about the same address, in this
    log and the next ones. It replaces what was found by an older edition, unless that is final."""
    verdict = session.verdict
    entries = _Entries(session, head)
    try:
        check, current = check_current(bundle, edition, session.trusted.trust, entries)
    except (ReadError, SigningError, LookupError) as error:
        _say(session, Check(13, NAMES[13], False, f"the log can't be read here: {error}"))
        return
    detail = check.detail
    if current == "withdrawn":
        said = listed(edition, bundle.digest) or entries.withdrawals.get(bundle.digest) or {}
        said = verdict.withdrawal = said | _remembered(session, bundle.digest)
        detail += f": {said['reason']}" if "reason" in said else ""
    elif current == "current" and verdict.newest is not None and verdict.newest.serial > newest_of(edition).serial:
        # What was withdrawn or revised since then, this mirror can't know.
        current = "unknown"
        detail += f"; that was edition {newest_of(edition).serial}, a newer one is known"
    verdict.current = current
    _say(session, Check(13, NAMES[13], check.ok and current == "current", detail))


def judge_beside(session: Session, bundle: VerifiedBundle, note: str, beside: Mirror) -> None:
    """Check 13 by another mirror, which was found to have a newer edition. `note` is the checkpoint of the article's
    proof: it must be of the same history as that mirror's."""
    verdict, trust = session.verdict, session.trusted.trust
    try:
        edition, front, head = verify_front(need(beside, "front", fronts.MAX_BYTES), trust=trust, schema=schemas.check)
    except (ReadError, SigningError, schemas.SchemaError) as error:
        verdict.notes.append(f"{beside.name}: what it says of this article can't be used: {error}")
        return
    if verdict.here is not None and verdict.here.serial >= newest_of(edition).serial:
        return
    there = replace(session, mirror=beside)
    one_history(there, bundle.checkpoint, note, front=front, head=head, hashes=hashes_of(beside, trust, head))
    if verdict.evidence is None and verdict.current != "withdrawn":
        judge_current(there, bundle, edition, head)


def judge_remembered(session: Session, digest: str) -> None:
    """Whether an edition seen earlier said that this was withdrawn."""
    said = _remembered(session, digest)
    if said and session.verdict.current != "withdrawn":
        session.verdict.current, session.verdict.withdrawal = "withdrawn", said
        _say(session, Check(13, NAMES[13], False, f"{words(said)}; a newer edition, seen before, says so"))


def why_gone(session: Session, digest: str) -> Withdrawal | None:
    """When and why a bundle was withdrawn that the mirror does not have: by its edition, by an edition seen earlier, by
    an entry of its log. None when nothing says so."""
    said: Withdrawal = {}
    with contextlib.suppress(ReadError, SigningError, schemas.SchemaError, LookupError):
        data = need(session.mirror, "front", fronts.MAX_BYTES)
        edition, _front, head = verify_front(data, trust=session.trusted.trust, schema=schemas.check)
        said = listed(edition, digest) or {}
        if not said and not _remembered(session, digest):
            said = _logged(session, digest, head)
    return said | _remembered(session, digest) or None


def _logged(session: Session, digest: str, head: Checkpoint) -> Withdrawal:
    """What an entry of the log says, from the place on that the bundle's proof names, if there is one."""
    origin, start = "", 0
    with contextlib.suppress(ReadError, SigningError):
        proof = proofs.parse(need(session.mirror, proof_path(digest), PROOF))
        origin, start = proof.checkpoint.split(b"\n", 1)[0].decode("utf-8", "replace"), proof.index + 1
    logs = session.trusted.trust.logs
    first = next((place for place, log in enumerate(logs) if log.origin == origin), 0)
    entries = _Entries(session, head)
    for log in logs[first:]:
        end = head.size if log.origin == head.origin else log.frozen.size if log.frozen is not None else 0
        for _entry in entries(log, start, end):
            if digest in entries.withdrawals:
                return entries.withdrawals[digest]
        if log.origin == head.origin:
            break
        start = 0
    return {}


def listed(edition: VerifiedBundle, digest: str) -> Withdrawal | None:
    """When and why the edition says that this bundle was withdrawn; None when it does not."""
    return withdrawals_of(edition).get(digest)


def words(withdrawal: Withdrawal) -> str:
    """The withdrawal in a line."""
    reason = f": {withdrawal['reason']}" if "reason" in withdrawal else ""
    return f"withdrawn on {withdrawal.get('time', 'an unknown day')}{reason}"


def _remembered(session: Session, digest: str) -> Withdrawal:
    known = session.trusted.known
    return dict(known.withdrawn.get(digest, {})) if known is not None else {}


def _say(session: Session, check: Check) -> None:
    verdict = session.verdict
    verdict.checks = [*(one for one in verdict.checks if one.n != check.n), check]
