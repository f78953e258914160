"""Whether what is read now and what was read before can be of one log; and the evidence when it can't.

Only statements that a log's or the root's keys signed are ever compared: a mirror can't raise an alarm with garbage.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from mirror.errors import DoNotTrust
from mirror.findings import TwoTrusts, Verdict
from mirror.known import Known, Memory, Newest, Withdrawal
from mirror.read import Mirror, ReadError
from mirror.trusted import TIMESTAMP, Trusted, leads_from, open_trust
from signing import checkpoint as checkpoints
from signing import evidence
from signing import proof as proofs
from signing.checkpoint import Checkpoint
from signing.errors import BadEvidence, BadProof, Fork, SigningError
from signing.front import Consistency, Front
from signing.merkle import range_hash
from signing.note import parse as parse_note
from signing.roles import LogKey, Trust
from signing.tiles import LOG_ENTRIES_BYTES, MAX_TILE_BYTES, TileHashes
from signing.trust import CAPS, TrustView, fingerprint
from signing.verify import VerifiedBundle, check_newer, check_seen


@dataclass(slots=True, kw_only=True)
class Session:
    """One look at a mirror: what is read, by whom, when, and the verdict in the making."""

    mirror: Mirror
    memory: Memory
    now: datetime
    verdict: Verdict
    trusted: Trusted
    unsettled: set[str] = field(default_factory=set)  # closed logs that could not be compared here


def open_session(
    mirror: Mirror,
    *,
    pin: str | bytes | None,
    memory: Memory,
    now: datetime,
    verdict: Verdict,
    alone: bool = False,
) -> Session:
    """A look at `mirror`, after its trust files were walked. Raises `DoNotTrust` and `ReadError`."""
    try:
        trusted = open_trust(mirror, pin=pin, memory=memory, now=now, alone=alone)
    except TwoTrusts as error:
        document: dict[str, Any] = {
            "type": "trust",
            "origin": error.origin,
            "metadata": [data.decode() for data in error.metadata],
        }
        keep_evidence(document, str(error), view=error.view, verdict=verdict, memory=memory, now=now)
        raise
    verdict.publication, verdict.fingerprint = trusted.trust.name, trusted.view.fingerprint
    verdict.kept.update(trusted.view.files)
    verdict.notes.extend(trusted.notes)
    return Session(mirror=mirror, memory=memory, now=now, verdict=verdict, trusted=trusted)


def overtaken(mirror: Mirror, verdict: Verdict, timestamp: bytes | None) -> bool:
    """Whether something is wrong here and the mirror has got other trust files since, than those which began with this
    timestamp. What came after them may be signed by keys that only the new ones name: then it is worth a second look,
    before anybody is accused."""
    if timestamp is None or verdict.evidence is not None:
        return False
    if all(one.state in ("unpinned", "unreachable") for one in verdict.problems):
        return False
    with contextlib.suppress(ReadError):
        return mirror.get(TIMESTAMP, CAPS["timestamp"]) not in (timestamp, None)
    return False


# --- checkpoints and tiles ------------------------------------------------------------------------------------------


def checkpoint_path(log: LogKey) -> str:
    """Where a mirror has the last checkpoint of a log that is closed."""
    return f"log/{log.origin.rpartition('/')[2]}/checkpoint"


def opened_checkpoint(note: str, trust: Trust, origin: str) -> Checkpoint:
    """The checkpoint in this note, if the key of that log signed it, whether or not it still counts. Raises
    `SigningError`."""
    log = trust.log(origin)
    if log is None:
        raise BadProof(f"no key is known for the log {origin}")
    return checkpoints.open_checkpoint(note.encode(), log.key, origin)


def note_of(proof: bytes) -> str:
    """The checkpoint at the end of a tlog-proof, as text."""
    return proofs.parse(proof).checkpoint.decode()


def tile_reader(mirror: Mirror, log: LogKey | None = None) -> Callable[[str], bytes]:
    """Reads tiles of this log (the first one's when None) by their path below the log's folder. What it returns raises
    LookupError when the mirror lacks one, and `ReadError`."""
    prefix = log.prefix if log is not None else ""

    def read(path: str) -> bytes:
        cap = LOG_ENTRIES_BYTES if path.startswith("tile/entries/") else MAX_TILE_BYTES
        data = mirror.get(prefix + path, cap)
        if data is None:
            raise LookupError(f"{prefix}{path} is missing")
        return data

    return read


def hashes_of(mirror: Mirror, trust: Trust, head: Checkpoint) -> TileHashes:
    """The hashes of the log that this checkpoint is of, from the mirror's tiles."""
    return TileHashes(head.size, head.root, tile_reader(mirror, trust.log(head.origin)))


def continues(before: Checkpoint, head: Checkpoint, consistency: Consistency, hashes: TileHashes) -> None:
    """Fork if `before` is not the beginning of `head`: by a proof at hand, else by the tiles."""
    with contextlib.suppress(BadProof):  # a front's wrapping is not signed: a wrong line proves nothing
        check_newer(before, head, consistency)
        return
    # Hashes out of authenticated tiles: if they don't give the old root, the log itself contradicts it.
    if range_hash(0, before.size, hashes.read) != before.root:
        raise Fork(before, head)


def one_history(
    session: Session, proved: Checkpoint, note: str, *, front: Front, head: Checkpoint, hashes: TileHashes
) -> None:
    """The checkpoint of an article's own proof and that of the newest edition, both signed, must be of one log. In an
    earlier log, it must be the beginning of what that log was closed with."""
    log = session.trusted.trust.log(proved.origin)
    if log is not None and log.frozen is not None:
        ended_elsewhere(session, log, proved, note, path="checkpoint")
        return
    if proved.origin != head.origin:
        return  # the edition is of an older log: check 12 says so
    try:
        if proved.size > head.size:
            hashes = hashes_of(session.mirror, session.trusted.trust, proved)
            continues(head, proved, (), hashes)
        else:
            continues(proved, head, front.consistency, hashes)
    except Fork as error:
        old = head if proved.size > head.size else proved
        forked(session, note, note_of(front.proof), str(error), hashes=hashes, old=old)
    except (ReadError, LookupError, SigningError):
        # Tiles don't travel in a pack. The proof stands without them; and a mirror can be looked at whole.
        session.verdict.notes.append("whether article and newest edition are of one history can't be checked here")


# --- check 11 -------------------------------------------------------------------------------------------------------


def remember(
    session: Session,
    edition: VerifiedBundle,
    front: Front,
    head: Checkpoint,
    hashes: TileHashes,
    *,
    withdrawn: Mapping[str, Withdrawal] | None = None,
) -> None:
    """Check 11: compare with the newest checkpoint this reader has seen, then remember the larger one, with what the
    edition and the log (`withdrawn`, by digest) say of withdrawals."""
    verdict, trusted = session.verdict, session.trusted
    text = trusted.known.checkpoints.get(head.origin) if trusted.known else None
    note = note_of(front.proof)
    closed_logs(session)
    before = None if text is None else opened_checkpoint(text, trusted.trust, head.origin)
    try:
        check, seen = check_seen(before, head, front.consistency, tile_reader(session.mirror, _log(trusted, head)))
    except Fork as error:
        forked(session, text or "", note, str(error), hashes=hashes, old=before)
        verdict.add(11, "newest checkpoint seen", False, f"two histories, both signed: {error}")
        return
    except ReadError as error:
        verdict.fresh = "unknown"
        size = before.size if before is not None else 0
        verdict.add(11, "newest checkpoint seen", False, f"consistency with size {size} can't be checked here: {error}")
        return
    verdict.checks.append(check)
    if seen == "older" and before is not None:
        verdict.fresh = "stale"
        verdict.behind["entries"] = before.size - head.size
        return
    if seen == "unknown":
        verdict.fresh = "unknown"
        return
    if verdict.authentic:
        learning = Learning(trusted=trusted, edition=edition, head=head, note=note, withdrawn=withdrawn or {})
        session.memory.update(trusted.trust.origin, learning)


def _log(trusted: Trusted, head: Checkpoint) -> LogKey | None:
    return trusted.trust.log(head.origin)


@dataclass(frozen=True, slots=True, kw_only=True)
class Learning:
    """What to remember after a visit, given what another reader may have learnt in the meantime."""

    trusted: Trusted
    edition: VerifiedBundle | None = None
    head: Checkpoint | None = None
    note: str = ""
    withdrawn: Mapping[str, Withdrawal] = field(default_factory=dict)

    def __call__(self, known: Known | None) -> Known:
        trusted = self.trusted
        origin = trusted.trust.origin
        if known is None:
            known = Known(origin=origin, pin=trusted.view.fingerprint)
        elif not leads_from(known.pin, trusted.view):
            raise DoNotTrust(f"another trust root was pinned for {origin} just now", hint=f"it is {known.pin}")
        if self.head is not None:
            text = known.checkpoints.get(self.head.origin)
            if text is None or opened_checkpoint(text, trusted.trust, self.head.origin).size <= self.head.size:
                known.checkpoints[self.head.origin] = self.note
        if self.edition is not None:
            document: dict[str, Any] = self.edition.document
            newest = newest_of(self.edition)
            if known.newest is None or newest.serial >= known.newest.serial:
                known.newest = newest
                known.mirrors = [one["url"] for one in document["mirrors"]] or known.mirrors
            known.withdraw({**self.withdrawn, **withdrawals_of(self.edition)})
        # Another reader, who began later and was faster, may have met newer ones.
        if _versions(trusted.view.files) >= _versions(known.trust):
            known.trust = {path: data.decode() for path, data in trusted.view.files.items()}
        return known


def _versions(paths: Iterable[str]) -> tuple[int, int]:
    """The versions of the newest root and of the newest targets among these trust files."""
    newest = {"root": 0, "targets": 0}
    for path in paths:
        if found := re.fullmatch(r"trust/([0-9]+)\.(root|targets)\.json", path):
            newest[found[2]] = max(newest[found[2]], int(found[1]))
    return newest["root"], newest["targets"]


def newest_of(edition: VerifiedBundle) -> Newest:
    document: dict[str, Any] = edition.document
    return Newest(serial=document["serial"], time=document["time"], next=document["next"])


def withdrawals_of(edition: VerifiedBundle) -> dict[str, Withdrawal]:
    """All withdrawals that the edition lists, by the digest of the bundle."""
    document: dict[str, Any] = edition.document
    return {
        one["digest"]: {key: one[key] for key in ("time", "reason") if key in one} for one in document["withdrawals"]
    }


# --- closed logs ----------------------------------------------------------------------------------------------------


def closed_logs(session: Session) -> None:
    """Compare what was seen of each log that is closed by now with where the trust files say it ended."""
    known, trust = session.trusted.known, session.trusted.trust
    for log in trust.logs:
        note = known.checkpoints.get(log.origin) if known is not None else None
        if note is not None and log.frozen is not None:
            with contextlib.suppress(SigningError):  # not by this log's key: says nothing
                seen = opened_checkpoint(note, trust, log.origin)
                contradicts = ended_elsewhere(session, log, seen, note, path=f"log {log.origin}")
                if contradicts and session.verdict.evidence is not None and not log.frozen.earlier:
                    session.memory.update(trust.origin, _forget(log.origin))
                if not contradicts and seen.size < log.frozen.size and log.origin not in session.unsettled:
                    _settle(session, log)


def _forget(origin: str) -> Callable[[Known | None], Known]:
    """The root keys say that the key of this log was lost or stolen, and the evidence that this reader met the thief is
    kept. From the next visit on their word counts: whoever stole a key must not keep readers away for ever."""

    def change(known: Known | None) -> Known:
        assert known is not None  # noqa: S101 - what contradicts was remembered
        known.checkpoints.pop(origin, None)
        known.newest = None
        return known

    return change


def _settle(session: Session, log: LogKey) -> None:
    """What was seen is the beginning of the closed log: from now on its last checkpoint is what was seen, so that no
    tiles are needed the next time."""
    trusted = session.trusted
    with contextlib.suppress(ReadError, SigningError, UnicodeDecodeError):
        data = session.mirror.get(checkpoint_path(log), checkpoints.MAX_BYTES)
        note = (data or b"").decode()
        last = opened_checkpoint(note, trusted.trust, log.origin)
        if log.counts(last) is None and log.frozen is not None and last.size == log.frozen.size:
            session.memory.update(trusted.trust.origin, Learning(trusted=trusted, head=last, note=note))


def ended_elsewhere(session: Session, log: LogKey, seen: Checkpoint, note: str, *, path: str) -> bool:
    """Whether this checkpoint, which the log signed, contradicts the statement of where the log ended; the evidence is
    kept. A smaller one is compared by the mirror's tiles; without those nothing is said."""
    frozen = log.frozen
    if frozen is None or (seen.size, seen.root) == (frozen.size, frozen.root):
        return False
    where = f"the log {log.origin} was closed at {frozen.size} entries, and its key signed"
    document: dict[str, Any] = {"type": "freeze", "origin": log.origin, "checkpoints": [note]}
    if seen.size > frozen.size:
        reason = f"{where} {seen.size}: that key is in other hands, or entries were dropped"
    elif seen.size == frozen.size:
        reason = f"{where} another root for them"
    else:
        hashes = TileHashes(frozen.size, frozen.root, tile_reader(session.mirror, log))
        try:
            prefix = range_hash(0, seen.size, hashes.read)
            if prefix == seen.root:
                return False
            document |= _prefix(prefix, hashes, seen.size)
        except (ReadError, LookupError, SigningError):
            session.unsettled.add(log.origin)
            return False
        reason = f"{where} another beginning of it, of {seen.size}"
    _contradicted(session, document, reason, path)
    return True


# --- evidence -------------------------------------------------------------------------------------------------------


def forked(
    session: Session,
    first: str,
    second: str,
    reason: str,
    *,
    hashes: TileHashes,
    old: Checkpoint | None,
    path: str = "checkpoint",
) -> None:
    """Two statements signed by one log contradict each other: keep both, whole, in one file to show to others. `hashes`
    are of the larger one, `old` is the other."""
    document: dict[str, Any] = {"type": "fork", "origin": hashes_origin(first), "checkpoints": [first, second]}
    if old is not None and old.size < hashes.size:
        with contextlib.suppress(ReadError, LookupError, SigningError):
            document |= _prefix(range_hash(0, old.size, hashes.read), hashes, old.size)
    _contradicted(session, document, reason, path)


def hashes_origin(note: str) -> str:
    """The log that a checkpoint's note names."""
    return checkpoints.parse_text(parse_note(note.encode()).text).origin


def _prefix(root: bytes, hashes: TileHashes, size: int) -> dict[str, Any]:
    """That the larger log has this root at that size, for whoever has no tiles."""
    proof = [base64.b64encode(one).decode() for one in hashes.consistency(size)]
    return {"prefix": root.hex(), "hashes": proof}


def _contradicted(session: Session, document: dict[str, Any], reason: str, path: str) -> None:
    kept = keep_evidence(
        document,
        reason,
        view=session.trusted.view,
        verdict=session.verdict,
        memory=session.memory,
        now=session.now,
    )
    session.verdict.wrong(path, "forked" if kept else "tampered", reason)


def keep_evidence(
    document: dict[str, Any], reason: str, *, view: TrustView, verdict: Verdict, memory: Memory, now: datetime
) -> bool:
    """Write a file that proves a contradiction to anybody, unless this look has one already. Whether there is one now:
    what would not convince a stranger raises no alarm here either."""
    verdict.authentic = False
    if verdict.evidence is not None:
        return True
    whole = {
        "v": 1,
        "kind": "evidence",
        **document,
        "reason": reason[:400],
        "where": verdict.what[:400],
        "time": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "files": {path: data.decode() for path, data in view.files.items()},
    }
    data = evidence.encode(whole)
    try:
        evidence.prove(data, pin=_root(view), now=now)
    except BadEvidence as error:
        verdict.notes.append(f"no evidence is kept: {error}")
        return False
    folder = memory.folder or Path.cwd()
    file = folder / f"evidence-{hashlib.sha256(data).hexdigest()[:16]}.json"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    fd = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as out:
        out.write(data)
    verdict.evidence = str(file)
    return True


def _root(view: TrustView) -> bytes:
    """The root file that the walk began with."""
    return next(
        data
        for path, data in view.files.items()
        if path.endswith(".root.json") and fingerprint(data) == view.fingerprint
    )
