"""What a reader can say of a mirror, an article or a file: authentic, fresh, current - and why.

The three verdicts are kept apart. *Authentic* is decided by checks 1-10 of `signing.verify` under a trust root that the
reader pinned; *fresh* by the age of the newest trusted statement (11, 12); *current* by what the newest edition and the
log say about later revisions and withdrawals (13). Without a pin nothing is ever called authentic.

`check_article` judges one bundle, `check_front` the front page; `mirror.sweep` reads everything a mirror serves.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import schemas
from mirror.errors import DoNotTrust, TamizdatError, TwoHistories, Unpinned
from mirror.read import Known, Memory, Mirror, ReadError, need, object_path, proof_path
from signing import checkpoint as checkpoints
from signing import front as fronts
from signing import proof as proofs
from signing.checkpoint import Checkpoint
from signing.entry import parse as parse_entry
from signing.errors import BadProof, Fork, SigningError, VerifyError
from signing.front import Consistency, Front
from signing.merkle import range_hash
from signing.packing import parse_json
from signing.tiles import (
    FULL,
    MAX_ENTRIES_BYTES,
    MAX_TILE_BYTES,
    TileHashes,
)
from signing.trust import TrustError, TrustView, walk
from signing.verify import (
    Check,
    Trust,
    VerifiedBundle,
    check_newer,
    verify_bundle,
    verify_front,
    verify_object,
    verify_part,
)

PIECE = 12_288  # no piece of text is larger (DESIGN.md 2.1)
PICTURE = 16 << 20
PROOF = checkpoints.MAX_BYTES + 8192
# How much of the log is read to learn whether an article was revised later: about 50,000 entries.
SCAN_BYTES = 8 << 20

Stored = bytes  # a Verdict has a field of that name
Fresh = Literal["fresh", "stale", "unknown"]
Current = Literal["current", "superseded", "withdrawn", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One file that isn't what it should be. `state`: tampered, missing, unexpected, forked; unreadable (something
    else than the file came), unreachable (nothing came), untrusted (signed by somebody else), unpinned (nobody
    to compare with)."""

    path: str
    state: str
    detail: str


@dataclass(slots=True, kw_only=True)
class Verdict:
    """What was found, of `what`. `authentic` is false whenever anything that was looked at is not as signed."""

    what: str
    authentic: bool = False
    fresh: Fresh = "unknown"
    current: Current = "unknown"
    is_mirror: bool = False
    log: Checkpoint | None = None
    article: dict[str, Any] | None = None
    age_seconds: int | None = None
    checks: list[Check] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    publication: str | None = None
    fingerprint: str | None = None
    signer: str | None = None
    digest: str | None = None
    newest: dict[str, Any] | None = None  # of the newest edition known: serial, time, next
    files: int = 0
    bytes: int = 0
    evidence: str | None = None
    # For who goes on with what was verified; not part of the report.
    parts: list[dict[str, Any]] = field(default_factory=list)  # the documents of a long article's further parts
    kept: dict[str, Stored] = field(default_factory=dict)  # trust files, front and checkpoint, by path

    @property
    def status(self) -> int:
        if self.evidence:
            return TwoHistories.status
        if self.authentic and (not self.is_mirror or self.fresh == "fresh"):
            return 0
        # A mirror that can't be reached told no lie.
        silent = self.problems and all(problem.state == "unreachable" for problem in self.problems)
        return TamizdatError.status if silent else DoNotTrust.status

    def add(self, n: int, name: str, ok: bool, detail: str) -> None:
        self.checks.append(Check(n, name, ok, detail))

    def wrong(self, path: str, state: str, detail: str) -> None:
        self.problems.append(Problem(path=path, state=state, detail=detail))

    def as_json(self) -> dict[str, Any]:
        return {
            "what": self.what,
            "authentic": self.authentic,
            "fresh": self.fresh,
            "current": self.current,
            "log": self.log
            and {"origin": self.log.origin, "size": self.log.size, "root": self.log.root.hex()},
            "article": self.article,
            "age_seconds": self.age_seconds,
            "checks": [{"n": c.n, "name": c.name, "ok": c.ok, "detail": c.detail} for c in self.checks],
            "problems": [{"path": p.path, "state": p.state, "detail": p.detail} for p in self.problems],
            "notes": self.notes,
            "publication": self.publication,
            "fingerprint": self.fingerprint,
            "signer": self.signer,
            "digest": self.digest,
            "newest": self.newest,
            "files": self.files,
            "bytes": self.bytes,
            "evidence": self.evidence,
            "status": self.status,
        }  # fmt: skip


@dataclass(slots=True, kw_only=True)
class Session:
    """One look at a mirror: what is read, by whom, when, and the verdict in the making."""

    mirror: Mirror
    memory: Memory
    now: datetime
    verdict: Verdict
    trusted: Trusted


# --- trust ---------------------------------------------------------------------------------------------------------


@dataclass(slots=True, kw_only=True)
class Trusted:
    """A mirror's publication as this reader's pin sees it. `view` is the newest that is known of its trust files;
    `behind` says that those of the mirror itself are older."""

    trust: Trust
    view: TrustView
    known: Known | None
    behind: bool = False


def open_trust(mirror: Mirror, *, pin: str | bytes | None, memory: Memory, now: datetime) -> Trusted:
    """Walk the mirror's trust metadata from the pinned root. Without a given pin, the one remembered for the
    publication that the mirror claims to carry. Raises `DoNotTrust` and `ReadError`."""
    if pin is None:
        claimed = _claimed_origin(mirror)
        known = memory.recall(claimed) if claimed else None
        if known is None:
            raise Unpinned(
                f"{mirror.name}: nothing can be called authentic without a trust root",
                hint="get the publication's fingerprint from a channel you trust, then give --trust sha256:…",
            )
        pin = known.root()
    try:
        view = walk(mirror.get, pin=pin, now=now)
        trust = _trust_of(view)
        known = memory.recall(trust.origin)
        if known is not None and not _leads_from(known.pin, view):
            raise DoNotTrust(
                f"{mirror.name}: another trust root was pinned for {trust.origin} before",
                hint=f"before: {known.pin}, now: {view.fingerprint}. Ask the publisher which is right",
            )
        seen = _seen(known, now) if known is not None else None
        if seen is None or not _newer(seen, view):
            return Trusted(trust=trust, view=view, known=known)
        # A key that was revoked stays revoked, however old the trust files are that a mirror serves.
        return Trusted(trust=_trust_of(seen), view=seen, known=known, behind=True)
    except (SigningError, schemas.SchemaError) as error:
        raise DoNotTrust(
            f"{mirror.name}: trust metadata: {error}",
            hint="this mirror does not carry the publication you pinned, or was tampered with; try another mirror",
        ) from error


def _trust_of(view: TrustView) -> Trust:
    document = parse_json(view.trust)
    schemas.check("trust", document)
    return Trust.from_document(document)


def _leads_from(pin: str, view: TrustView) -> bool:
    """Whether the walk went through the root that was pinned."""
    return pin == view.fingerprint or any(
        path.endswith(".root.json") and pin == f"sha256:{hashlib.sha256(data).hexdigest()}"
        for path, data in view.files.items()
    )


def _seen(known: Known, now: datetime) -> TrustView | None:
    """The newest trust files this reader has seen, walked again."""
    if not known.trust:
        return None
    files = {path: text.encode() for path, text in known.trust.items()}
    return walk(lambda path, _cap: files.get(path), pin=known.root(), now=now)


def _newer(seen: TrustView, served: TrustView) -> bool:
    """Whether what was seen before is newer than what is served. Raises `TrustError` when they contradict each other.
    Only root and targets count, which say who may sign; the others are about dates."""
    if seen.root_version == served.root_version and seen.root_digest != served.root_digest:
        raise TrustError(f"two different roots are both version {seen.root_version}; another one was seen before")
    if seen.versions["targets"] == served.versions["targets"] and seen.trust != served.trust:
        raise TrustError(f"two different trust files are both version {seen.versions['targets']}")
    return seen.root_version > served.root_version or seen.versions["targets"] > served.versions["targets"]


def _claimed_origin(mirror: Mirror) -> str | None:
    """The publication a mirror says it carries, unverified: only to look up what is pinned for it."""
    data = mirror.get("checkpoint", checkpoints.MAX_BYTES)
    if data is None:
        return None
    try:
        origin = data.split(b"\n", 1)[0].decode()
    except UnicodeDecodeError:
        return None
    head, _, _year = origin.rpartition("/log/")
    return head or None


# --- one article ----------------------------------------------------------------------------------------------------


def check_article(
    mirror: Mirror,
    *,
    digest: str | None = None,
    stored: bytes | None = None,
    url: str | None = None,
    pin: str | bytes | None,
    memory: Memory,
    now: datetime,
    what: str,
) -> tuple[Verdict, VerifiedBundle | None]:
    """The verdict on one bundle, given by digest or by its bytes; proof, trust and edition come from `mirror`."""
    verdict = Verdict(what=what)
    with refusals(verdict):
        session = open_session(mirror, pin=pin, memory=memory, now=now, verdict=verdict)
        name = digest or hashlib.sha256(stored or b"").hexdigest()
        verdict.digest = name
        if stored is None:
            stored = need(mirror, object_path(name), PIECE)
        proof = need(mirror, proof_path(name), PROOF)
        bundle = verify_bundle(
            stored,
            digest=digest,
            proof=proof,
            trust=session.trusted.trust,
            schema=schemas.check_twice,
            url=url,
            cap=PIECE,
        )
        verdict.checks.extend(bundle.checks)
        verdict.log, verdict.signer = bundle.checkpoint, bundle.publisher.text
        verdict.kept["checkpoint"] = proofs.parse(proof).checkpoint
        verdict.authentic = True
        if bundle.kind == "article":
            verdict.article = _summary(bundle)
            _check_parts(mirror, bundle, verdict)
        _check_time(session, bundle, note_of(proof))
        return verdict, (bundle if verdict.authentic else None)
    return verdict, None


def check_front(
    mirror: Mirror, *, pin: str | bytes | None, memory: Memory, now: datetime
) -> tuple[Verdict, VerifiedBundle | None]:
    """The verdict on a mirror's front page, from that one file; the rest of the mirror is not looked at."""
    verdict = Verdict(what=mirror.name, is_mirror=True)
    with refusals(verdict):
        session = open_session(mirror, pin=pin, memory=memory, now=now, verdict=verdict)
        data = need(mirror, "front", fronts.MAX_BYTES)
        edition, front, head = verify_front(data, trust=session.trusted.trust, schema=schemas.check)
        verdict.checks.extend(edition.checks)
        verdict.log, verdict.signer, verdict.digest = head, edition.publisher.text, edition.digest
        verdict.authentic, verdict.current = True, "current"
        judge_freshness(session, edition)
        remember(session, edition, front, head, TileHashes(head.size, head.root, tile_reader(mirror)))
        return verdict, (edition if verdict.authentic else None)
    return verdict, None


def open_session(
    mirror: Mirror, *, pin: str | bytes | None, memory: Memory, now: datetime, verdict: Verdict
) -> Session:
    trusted = open_trust(mirror, pin=pin, memory=memory, now=now)
    verdict.publication, verdict.fingerprint = trusted.trust.name, trusted.view.fingerprint
    verdict.kept.update(trusted.view.files)
    return Session(mirror=mirror, memory=memory, now=now, verdict=verdict, trusted=trusted)


@contextmanager
def refusals(verdict: Verdict) -> Iterator[None]:
    """Turn what verification raises into the verdict: a refusal is a result, not an accident."""
    try:
        yield
    except (SigningError, schemas.SchemaError) as error:
        if isinstance(error, VerifyError):
            verdict.checks.extend(error.checks)
        verdict.authentic = False
        if not verdict.problems:
            verdict.wrong("", "tampered", str(error))
    except ReadError as error:
        verdict.authentic = False
        verdict.wrong(error.path, state_of(error), str(error))
    except LookupError as error:
        verdict.authentic = False
        verdict.wrong(str(error.args[0]).partition(" ")[0], "missing", str(error.args[0]))
    except DoNotTrust as error:
        verdict.authentic = False
        verdict.wrong("trust", "unpinned" if isinstance(error, Unpinned) else "untrusted", str(error))
        if error.hint:
            verdict.notes.append(error.hint)


def state_of(error: ReadError) -> str:
    return "unreachable" if error.unreachable else "missing" if error.missing else "unreadable"


def _summary(bundle: VerifiedBundle) -> dict[str, Any]:
    document = bundle.document
    keys = ("url", "title", "lead", "published", "modified", "fetched", "language", "direction", "authors", "revision")
    return {
        "outlet": document["outlet"],
        **{key: document[key] for key in keys if key in document},
        "digest": bundle.digest,
        "index": bundle.index,
    }


def _check_parts(mirror: Mirror, bundle: VerifiedBundle, verdict: Verdict) -> None:
    """Everything the signed bundle names must have the digest it says; parts must be there, pictures may be missing."""
    document: dict[str, Any] = bundle.document
    for part in document["parts"]:
        path = object_path(part["digest"])
        try:
            data = need(mirror, path, PIECE)
            verdict.parts.append(verify_part(data, part["digest"], part["size"], schema=schemas.check))
        except ReadError as error:
            verdict.wrong(
                path, state_of(error), "the rest of this article is not here" if error.missing else str(error)
            )
        except (SigningError, schemas.SchemaError) as error:
            verdict.wrong(path, "tampered", str(error))
    absent = 0
    for resource in document["resources"]:
        path = object_path(resource["digest"])
        try:
            data = need(mirror, path, min(resource["size"], PICTURE))
            verify_object(data, resource["digest"], resource["size"], PICTURE)
        except ReadError as error:
            if error.missing or error.unreachable:
                absent += 1
            else:
                verdict.wrong(path, "tampered", str(error))
        except SigningError as error:
            verdict.wrong(path, "tampered", str(error))
    if absent:
        verdict.notes.append(f"{absent} pictures are not here")
    # What is missing can be fetched elsewhere; what is wrong can't be explained.
    if any(problem.state not in ("missing", "unreachable") for problem in verdict.problems):
        verdict.authentic = False


def _check_time(session: Session, bundle: VerifiedBundle, note: str) -> None:
    """Checks 11-13, with what the mirror says is newest. `note` is the checkpoint that the bundle's proof ends in."""
    verdict = session.verdict
    try:
        data = session.mirror.get("front", fronts.MAX_BYTES)
        if data is None:
            verdict.add(12, "freshness", False, "no edition at hand, so nothing is known of newer ones")
            return
        edition, front, head = verify_front(data, trust=session.trusted.trust, schema=schemas.check)
    except (ReadError, SigningError, schemas.SchemaError) as error:
        verdict.add(12, "freshness", False, f"the newest edition can't be used: {error}")
        return
    verdict.kept["front"] = data
    judge_freshness(session, edition)
    hashes = TileHashes(head.size, head.root, tile_reader(session.mirror))
    _one_history(session, bundle.checkpoint, note, front=front, head=head, hashes=hashes)
    if verdict.authentic:
        remember(session, edition, front, head, hashes)
    if bundle.kind == "article":
        _current(verdict, bundle, edition, head, hashes)


_NO_PROOFS: Consistency = ()


def _one_history(
    session: Session, proved: Checkpoint, note: str, *, front: Front, head: Checkpoint, hashes: TileHashes
) -> None:
    """The checkpoint of an article's own proof and that of the newest edition, both signed, must be of one log."""
    if proved.origin != head.origin:
        return  # an earlier year's
    if proved.size > head.size:
        old, new, consistency = head, proved, _NO_PROOFS
        hashes = TileHashes(proved.size, proved.root, tile_reader(session.mirror))
    else:
        old, new, consistency = proved, head, front.consistency
    try:
        _consistent(old, new, consistency, hashes)
    except Fork as error:
        forked(session, note, note_of(front.proof), str(error), hashes=hashes, old=old)
    except (ReadError, LookupError, SigningError):
        # Tiles don't travel in a pack. The proof stands without them; and a mirror can be looked at whole.
        session.verdict.notes.append("whether article and newest edition are of one history can't be checked here")


def judge_freshness(session: Session, edition: VerifiedBundle) -> None:
    verdict, expired = session.verdict, session.trusted.view.expired
    document: dict[str, Any] = edition.document
    age = int((session.now - _when(document["time"])).total_seconds())
    verdict.age_seconds = max(age, 0)
    verdict.newest = {key: document[key] for key in ("serial", "time", "next")}
    detail = f"edition {document['serial']} of {document['time']}, next due by {document['next']}"
    if expired:
        detail += f"; expired: {', '.join(expired)}"
    if session.trusted.behind:
        detail += "; this mirror's trust files are older than those seen before"
    fresh = session.now <= _when(document["next"]) and not expired and not session.trusted.behind
    verdict.fresh = "fresh" if fresh else "stale"
    if age < -3600:
        # Or else an edition dated years ahead, signed with a stolen key, would be fresh until then.
        detail += "; it is dated in the future, or this clock is slow"
        verdict.fresh = "unknown"
    verdict.add(12, "freshness", verdict.fresh == "fresh", detail)


def _when(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def _current(
    verdict: Verdict, bundle: VerifiedBundle, edition: VerifiedBundle, head: Checkpoint, hashes: TileHashes
) -> None:
    """Check 13: the edition's lists, then every later entry about the same address."""
    document: dict[str, Any] = edition.document
    for withdrawal in document["withdrawals"]:
        if withdrawal["digest"] == bundle.digest:
            verdict.current = "withdrawn"
            verdict.add(13, "current", False, f"withdrawn on {withdrawal['time']}")
            return
    for outlet in document["outlets"]:
        for item in outlet["articles"]:
            if item["digest"] == bundle.digest:
                verdict.current = "current"
                verdict.add(13, "current", True, "the newest edition lists this revision")
                return
    if bundle.checkpoint.origin != head.origin or bundle.index >= head.size:
        verdict.add(13, "current", False, "the newest edition here is older than this article, or of another log")
        return
    wanted = bundle.entry.url_digest
    read = 0
    try:
        for number in range(bundle.index // FULL, -(-head.size // FULL)):
            entries = hashes.entries(number)
            read += sum(map(len, entries))
            for place, data in enumerate(entries):
                entry = parse_entry(data)
                index = number * FULL + place
                if index > bundle.index and entry.url_digest == wanted and entry.outlet == bundle.entry.outlet:
                    verdict.current = "withdrawn" if entry.kind == "withdrawal" else "superseded"
                    verdict.add(13, "current", False, f"{verdict.current} by log entry {index} of {entry.time}")
                    return
            if read > SCAN_BYTES and number + 1 < -(-head.size // FULL):
                verdict.add(13, "current", False, f"not revised before log entry {(number + 1) * FULL}; not read on")
                return
    except (ReadError, SigningError, LookupError) as error:
        verdict.add(13, "current", False, f"the log can't be read here: {error}")
        return
    verdict.current = "current"
    verdict.add(13, "current", True, f"no later entry about this address among {head.size}")


def remember(session: Session, edition: VerifiedBundle, front: Front, head: Checkpoint, hashes: TileHashes) -> None:
    """Check 11: compare with the newest checkpoint this reader has seen, then remember the larger one."""
    verdict, trusted = session.verdict, session.trusted
    text = trusted.known.checkpoints.get(head.origin) if trusted.known else None
    note = note_of(front.proof)
    if text is None:
        verdict.add(11, "newer", True, "nothing remembered of this log; first visit")
    else:
        before = opened_checkpoint(text, trusted.trust, head.origin)
        if head.size < before.size:
            verdict.fresh = "stale"
            verdict.add(11, "newer", False, f"size {head.size} is older than {before.size}, seen before")
            return
        try:
            _consistent(before, head, front.consistency, hashes)
        except Fork as error:
            forked(session, text, note, str(error), hashes=hashes, old=before)
            verdict.add(11, "newer", False, f"two histories, both signed: {error}")
            return
        except (ReadError, LookupError, SigningError) as error:
            verdict.fresh = "unknown"
            verdict.add(11, "newer", False, f"consistency with size {before.size} can't be checked here: {error}")
            return
        verdict.add(11, "newer", True, f"size {head.size} continues size {before.size}, seen before")
    if verdict.authentic:
        session.memory.update(trusted.trust.origin, _Learning(trusted, edition, head, note, session.memory.learn))


@dataclass(frozen=True, slots=True)
class _Learning:
    """What to remember after a visit, given what another reader may have learnt in the meantime."""

    trusted: Trusted
    edition: VerifiedBundle
    head: Checkpoint
    note: str
    learn: bool

    def __call__(self, known: Known | None) -> Known | None:
        trusted = self.trusted
        origin = trusted.trust.origin
        if known is None:
            if not self.learn:
                return None
            known = Known(origin=origin, pin=trusted.view.fingerprint)
        elif not _leads_from(known.pin, trusted.view):
            raise DoNotTrust(f"another trust root was pinned for {origin} just now", hint=f"it is {known.pin}")
        text = known.checkpoints.get(self.head.origin)
        if text is None or opened_checkpoint(text, trusted.trust, self.head.origin).size <= self.head.size:
            known.checkpoints[self.head.origin] = self.note
        document: dict[str, Any] = self.edition.document
        if document["serial"] >= known.serial:
            known.serial = document["serial"]
            known.mirrors = [one["url"] for one in document["mirrors"]] or known.mirrors
        known.trust = {path: data.decode() for path, data in trusted.view.files.items()}
        return known


def opened_checkpoint(note: str, trust: Trust, origin: str) -> Checkpoint:
    """The checkpoint in this note, by one of the keys that the log has or had. Raises `SigningError`."""
    problem: SigningError = BadProof(f"no key is known for the log {origin}")
    for log in trust.logs:
        if log.origin == origin:
            try:
                return checkpoints.open_checkpoint(note.encode(), log.key, origin)
            except SigningError as error:
                problem = error
    raise problem


def note_of(proof: bytes) -> str:
    """The checkpoint at the end of a tlog-proof, as text."""
    return proofs.parse(proof).checkpoint.decode()


def _consistent(before: Checkpoint, head: Checkpoint, consistency: Consistency, hashes: TileHashes) -> None:
    """Fork if `before` is not the beginning of `head`: by a proof at hand, else by the tiles."""
    with contextlib.suppress(BadProof):  # a front's wrapping is not signed: a wrong line proves nothing
        check_newer(before, head, consistency)
        return
    # Hashes out of authenticated tiles: if they don't give the old root, the log itself contradicts it.
    if range_hash(0, before.size, hashes.read) != before.root:
        raise Fork(before, head)


def forked(
    session: Session, first: str, second: str, reason: str, *, hashes: TileHashes, old: Checkpoint, path: str = ""
) -> None:
    """Two statements signed by one log contradict each other: keep both, whole, in one file to show to others."""
    verdict = session.verdict
    verdict.authentic = False
    verdict.wrong(path or "checkpoint", "forked", reason)
    if verdict.evidence is not None:
        return
    proof: list[str] = []
    with contextlib.suppress(ReadError, LookupError, SigningError):
        # From the newer log's own tiles: the root that it has at the old size.
        proof = [base64.b64encode(one).decode() for one in hashes.consistency(old.size)]
    document = {
        "v": 1,
        "kind": "evidence",
        "origin": old.origin,
        "reason": reason,
        "where": verdict.what,
        "time": session.now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "checkpoints": [first, second],
        "consistency": {"from": old.size, "to": hashes.size, "hashes": proof},
    }
    folder = session.memory.folder or Path.cwd()
    text = json.dumps(document, ensure_ascii=False, indent=1)
    file = folder / f"evidence-{hashlib.sha256(text.encode()).hexdigest()[:16]}.json"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    fd = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "w", encoding="utf-8") as out:
        out.write(text)
    verdict.evidence = str(file)


def tile_reader(mirror: Mirror) -> Any:
    def read(path: str) -> bytes:
        cap = MAX_ENTRIES_BYTES if path.startswith("tile/entries/") else MAX_TILE_BYTES
        data = mirror.get(path, cap)
        if data is None:
            raise LookupError(f"{path} is missing")
        return data

    return read
