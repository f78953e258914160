"""What a reader can say of a mirror, an article or a file: authentic, fresh, current - and why.

The three verdicts are kept apart. *Authentic* is decided by checks 1-10 of `signing.verify` under a trust root that the
reader pinned; *fresh* by the age of the newest trusted statement (11, 12); *current* by what the newest edition and the
log say about later revisions and withdrawals (13). Without a pin nothing is ever called authentic.

`check_article` judges one bundle. `check_mirror` reads everything a mirror serves and names each file that is wrong.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import schemas
from mirror.errors import DoNotTrust, TamizdatError, TwoHistories
from mirror.output import Bar
from mirror.read import FolderMirror, Known, Memory, Mirror, ReadError, need, object_path, proof_path
from signing import checkpoint as checkpoints
from signing import front as fronts
from signing import proof as proofs
from signing.checkpoint import Checkpoint
from signing.entry import Entry
from signing.entry import parse as parse_entry
from signing.errors import BadProof, Fork, FormatError, SigningError, VerifyError
from signing.front import Consistency, Front
from signing.merkle import leaf_hash, range_hash, root_of
from signing.packing import parse_json
from signing.tiles import (
    FULL,
    MAX_ENTRIES_BYTES,
    MAX_TILE_BYTES,
    Tile,
    TileHashes,
    encode_entries,
    parse_path,
    tiles_of,
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
# A sweep ends when this many files are wrong, or this many in a row can't be had: the verdict is clear by then, and a
# mirror (or a log of 2^60 entries) must not keep a reader busy for ever.
MAX_PROBLEMS = 1000
MAX_SILENT = 5
# Old editions are pruned. Over a network, nobody asks on for them when this many in a row are gone.
MAX_PRUNED = 16

Stored = bytes  # a Verdict has a field of that name
Fresh = Literal["fresh", "stale", "unknown"]
Current = Literal["current", "superseded", "withdrawn", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One file that isn't what it should be. `state`: tampered, missing, unexpected, forked; unreadable (something
    else than the file came), unreachable (nothing came), untrusted (signed by somebody else, or nobody was pinned)."""

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
class _Session:
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
            raise DoNotTrust(
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
    with _sorted(verdict):
        session = _session(mirror, pin=pin, memory=memory, now=now, verdict=verdict)
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
        _check_time(session, bundle, _note_of(proof))
        return verdict, (bundle if verdict.authentic else None)
    return verdict, None


def check_front(
    mirror: Mirror, *, pin: str | bytes | None, memory: Memory, now: datetime
) -> tuple[Verdict, VerifiedBundle | None]:
    """The verdict on a mirror's front page, from that one file; the rest of the mirror is not looked at."""
    verdict = Verdict(what=mirror.name, is_mirror=True)
    with _sorted(verdict):
        session = _session(mirror, pin=pin, memory=memory, now=now, verdict=verdict)
        data = need(mirror, "front", fronts.MAX_BYTES)
        edition, front, head = verify_front(data, trust=session.trusted.trust, schema=schemas.check)
        verdict.checks.extend(edition.checks)
        verdict.log, verdict.signer, verdict.digest = head, edition.publisher.text, edition.digest
        verdict.authentic, verdict.current = True, "current"
        _fresh(session, edition)
        _remember(session, edition, front, head, TileHashes(head.size, head.root, _tile_reader(mirror)))
        return verdict, (edition if verdict.authentic else None)
    return verdict, None


def _session(mirror: Mirror, *, pin: str | bytes | None, memory: Memory, now: datetime, verdict: Verdict) -> _Session:
    trusted = open_trust(mirror, pin=pin, memory=memory, now=now)
    verdict.publication, verdict.fingerprint = trusted.trust.name, trusted.view.fingerprint
    verdict.kept.update(trusted.view.files)
    return _Session(mirror=mirror, memory=memory, now=now, verdict=verdict, trusted=trusted)


@contextmanager
def _sorted(verdict: Verdict) -> Iterator[None]:
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
        verdict.wrong(error.path, _state(error), str(error))
    except LookupError as error:
        verdict.authentic = False
        verdict.wrong(str(error.args[0]).partition(" ")[0], "missing", str(error.args[0]))
    except DoNotTrust as error:
        verdict.authentic = False
        verdict.wrong("trust", "untrusted", str(error))
        if error.hint:
            verdict.notes.append(error.hint)


def _state(error: ReadError) -> str:
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
            verdict.wrong(path, _state(error), "the rest of this article is not here" if error.missing else str(error))
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


def _check_time(session: _Session, bundle: VerifiedBundle, note: str) -> None:
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
    _fresh(session, edition)
    hashes = TileHashes(head.size, head.root, _tile_reader(session.mirror))
    _one_history(session, bundle.checkpoint, note, front=front, head=head, hashes=hashes)
    if verdict.authentic:
        _remember(session, edition, front, head, hashes)
    if bundle.kind == "article":
        _current(verdict, bundle, edition, head, hashes)


_NO_PROOFS: Consistency = ()


def _one_history(
    session: _Session, proved: Checkpoint, note: str, *, front: Front, head: Checkpoint, hashes: TileHashes
) -> None:
    """The checkpoint of an article's own proof and that of the newest edition, both signed, must be of one log."""
    if proved.origin != head.origin:
        return  # an earlier year's
    if proved.size > head.size:
        old, new, consistency = head, proved, _NO_PROOFS
        hashes = TileHashes(proved.size, proved.root, _tile_reader(session.mirror))
    else:
        old, new, consistency = proved, head, front.consistency
    try:
        _consistent(old, new, consistency, hashes)
    except Fork as error:
        _forked(session, note, _note_of(front.proof), str(error), hashes=hashes, old=old)
    except (ReadError, LookupError, SigningError):
        # Tiles don't travel in a pack. The proof stands without them; and a mirror can be looked at whole.
        session.verdict.notes.append("whether article and newest edition are of one history can't be checked here")


def _fresh(session: _Session, edition: VerifiedBundle) -> None:
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


def _remember(session: _Session, edition: VerifiedBundle, front: Front, head: Checkpoint, hashes: TileHashes) -> None:
    """Check 11: compare with the newest checkpoint this reader has seen, then remember the larger one."""
    verdict, trusted = session.verdict, session.trusted
    text = trusted.known.checkpoints.get(head.origin) if trusted.known else None
    note = _note_of(front.proof)
    if text is None:
        verdict.add(11, "newer", True, "nothing remembered of this log; first visit")
    else:
        before = _opened(text, trusted.trust, head.origin)
        if head.size < before.size:
            verdict.fresh = "stale"
            verdict.add(11, "newer", False, f"size {head.size} is older than {before.size}, seen before")
            return
        try:
            _consistent(before, head, front.consistency, hashes)
        except Fork as error:
            _forked(session, text, note, str(error), hashes=hashes, old=before)
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
        if text is None or _opened(text, trusted.trust, self.head.origin).size <= self.head.size:
            known.checkpoints[self.head.origin] = self.note
        document: dict[str, Any] = self.edition.document
        if document["serial"] >= known.serial:
            known.serial = document["serial"]
            known.mirrors = [one["url"] for one in document["mirrors"]] or known.mirrors
        known.trust = {path: data.decode() for path, data in trusted.view.files.items()}
        return known


def _opened(note: str, trust: Trust, origin: str) -> Checkpoint:
    """The checkpoint in this note, by one of the keys that the log has or had. Raises `SigningError`."""
    problem: SigningError = BadProof(f"no key is known for the log {origin}")
    for log in trust.logs:
        if log.origin == origin:
            try:
                return checkpoints.open_checkpoint(note.encode(), log.key, origin)
            except SigningError as error:
                problem = error
    raise problem


def _note_of(proof: bytes) -> str:
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


def _forked(
    session: _Session, first: str, second: str, reason: str, *, hashes: TileHashes, old: Checkpoint, path: str = ""
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


def _tile_reader(mirror: Mirror) -> Any:
    def read(path: str) -> bytes:
        cap = MAX_ENTRIES_BYTES if path.startswith("tile/entries/") else MAX_TILE_BYTES
        data = mirror.get(path, cap)
        if data is None:
            raise LookupError(f"{path} is missing")
        return data

    return read


# --- a whole mirror -------------------------------------------------------------------------------------------------


def check_mirror(
    mirror: Mirror, *, pin: str | bytes | None, memory: Memory, now: datetime, bar: Bar | None = None
) -> Verdict:
    """Read everything a mirror serves except pages; each wrong file is in `problems`."""
    return _Sweep(mirror, pin=pin, memory=memory, now=now, bar=bar).go()


class _Enough(Exception):
    """The verdict is clear; there is no use in reading on."""


class _Sweep:
    """A mirror of its own, so that everything read is counted, and small files give one answer only."""

    def __init__(
        self, mirror: Mirror, *, pin: str | bytes | None, memory: Memory, now: datetime, bar: Bar | None
    ) -> None:
        self.mirror = mirror
        self.pin = pin
        self.memory = memory
        self.now = now
        self.bar = bar
        self.verdict = Verdict(what=mirror.name, is_mirror=True)
        self.seen: set[str] = set()
        self.good: set[str] = set()  # objects whose digest was checked
        self.absent: set[str] = set()
        self.roots: dict[int, bytes] = {}
        self.small: dict[str, bytes] = {}
        self.tiles: dict[str, bytes] = {}  # SHA-256 of every tile read
        self.whole: dict[int, bytes] = {}  # SHA-256 that the tile of entries with this number must have
        self.last: tuple[int, list[bytes]] = (-1, [])  # the entries read last, which older partial tiles begin
        self.unknown: set[int] = set()  # numbers of the tiles of entries that could not be read
        self.leaves: list[bytes] = []
        self.editions: list[tuple[int, Entry]] = []
        self.sizes: set[int] = set()
        self.silent = 0

    @property
    def name(self) -> str:
        return self.mirror.name

    def get(self, path: str, cap: int) -> bytes | None:
        if path in self.small and len(self.small[path]) <= cap:
            return self.small[path]
        try:
            data = self.mirror.get(path, cap)
        except ReadError as error:
            self.silent = self.silent + 1 if error.unreachable else 0
            raise
        self.silent = 0
        if data is None:
            self.absent.add(path)
            return None
        if path not in self.seen:
            self.verdict.files += 1
            self.verdict.bytes += len(data)
        self.seen.add(path)
        if path.startswith("tile/"):
            self.tiles[path] = hashlib.sha256(data).digest()
        elif "/" not in path or path.startswith("trust/"):
            self.small[path] = data
        return data

    def wrong(self, path: str, state: str, detail: str) -> None:
        self.verdict.wrong(path, state, detail)
        if len(self.verdict.problems) >= MAX_PROBLEMS:
            self.verdict.notes.append(f"{MAX_PROBLEMS} files are wrong; not read on")
            raise _Enough
        if self.silent >= MAX_SILENT:
            self.verdict.notes.append(f"no answer to {MAX_SILENT} requests in a row; not read on")
            raise _Enough

    def go(self) -> Verdict:
        verdict = self.verdict
        with _sorted(verdict), contextlib.suppress(_Enough):
            self.session = _session(self, pin=self.pin, memory=self.memory, now=self.now, verdict=verdict)
            self.trust = self.session.trusted.trust
            edition, front, front_head = self._front()
            verdict.checks.extend(edition.checks)
            verdict.signer, verdict.digest = edition.publisher.text, edition.digest
            head, hashes = self._head(front_head, _note_of(front.proof))
            verdict.log = head
            verdict.current = "current"
            with contextlib.suppress(_Enough):
                self._pages(edition)
                self._logged(head, hashes, edition)
                self._rest(head, hashes)
            verdict.authentic = not verdict.problems
            _fresh(self.session, edition)
            if verdict.authentic:
                _remember(self.session, edition, front, front_head, hashes)
        return verdict

    def _front(self) -> tuple[VerifiedBundle, Front, Checkpoint]:
        data = need(self, "front", fronts.MAX_BYTES)
        try:
            return verify_front(data, trust=self.trust, schema=schemas.check)
        except SigningError as error:
            self.verdict.wrong("front", "tampered", str(error))
            raise

    def _head(self, front_head: Checkpoint, front_note: str) -> tuple[Checkpoint, TileHashes]:
        """The larger of the checkpoint file's and the front's, which must be of one log, with the tiles under it."""
        data = need(self, "checkpoint", checkpoints.MAX_BYTES)
        try:
            note = data.decode()
            head = _opened(note, self.trust, front_head.origin)
        except (SigningError, UnicodeDecodeError) as error:
            # The front carries its own copy, so the rest can still be judged.
            self.wrong("checkpoint", "tampered", str(error))
            note, head = front_note, front_head
        old, new = sorted((head, front_head), key=lambda one: one.size)
        self.note = note if new == head else front_note
        hashes = TileHashes(new.size, new.root, _tile_reader(self))
        if head != front_head:
            if old.size == new.size or range_hash(0, old.size, hashes.read) != old.root:
                reason = f"front (size {front_head.size}) and checkpoint (size {head.size}) contradict each other"
                _forked(self.session, front_note, note, reason, hashes=hashes, old=old)
            elif head.size < front_head.size:
                self.wrong("checkpoint", "tampered", f"size {head.size}, but front is of size {front_head.size}")
        return new, hashes

    def _logged(self, head: Checkpoint, hashes: TileHashes, edition: VerifiedBundle) -> None:
        """Every entry of the log, and what it stands for."""
        if self.bar is not None:
            self.bar.total(head.size)
        document: dict[str, Any] = edition.document
        withdrawn = {one["digest"] for one in document["withdrawals"]}
        self.sizes.add(head.size)
        for number in range(-(-head.size // FULL)):
            width = min(FULL, head.size - number * FULL)
            try:
                entries = hashes.entries(number)
            except (SigningError, ReadError, LookupError) as error:
                state = "tampered" if isinstance(error, SigningError) else "missing"
                self.wrong(
                    Tile("entries", number, width).path,
                    _state(error) if isinstance(error, ReadError) else state,
                    str(error),
                )
                self.leaves.extend([b""] * width)
                self.unknown.add(number)
                continue
            self.whole[number] = hashlib.sha256(encode_entries(entries)).digest()
            self.last = number, entries
            for place, data in enumerate(entries):
                self.leaves.append(leaf_hash(data))
                try:
                    entry = parse_entry(data)
                except FormatError as error:
                    self.verdict.notes.append(f"log entry {number * FULL + place} is of an unknown form: {error}")
                    continue
                self._entry(number * FULL + place, entry, hashes, withdrawn, newest=edition)
                if self.bar is not None:
                    self.bar.update()
        gone = 0
        for index, entry in reversed(self.editions):
            if gone >= MAX_PRUNED and not isinstance(self.mirror, FolderMirror):
                break
            self._bundle(index, entry, hashes, may_be_gone=entry.digest != edition.digest)
            gone = gone + 1 if object_path(entry.digest) in self.absent else 0

    def _entry(
        self, index: int, entry: Entry, hashes: TileHashes, withdrawn: set[str], *, newest: VerifiedBundle
    ) -> None:
        if entry.kind == "edition":
            self.sizes.add(index + 1)
            self.editions.append((index, entry))
        elif entry.kind == "trust":
            self._trust_file(entry)
        elif entry.kind == "article":
            self._bundle(index, entry, hashes, may_be_gone=entry.digest in withdrawn)

    def _bundle(self, index: int, entry: Entry, hashes: TileHashes, *, may_be_gone: bool) -> None:
        path = object_path(entry.digest)
        stored = self._read(path, min(entry.size, PIECE), must=not may_be_gone)
        if stored is None and path in self.absent and may_be_gone and not isinstance(self.mirror, FolderMirror):
            return
        proof = self._read(proof_path(entry.digest), PROOF, must=stored is not None and not may_be_gone)
        if stored is None:
            return
        if proof is None:
            self._by_digest(path, stored, entry)
            return
        try:
            bundle = verify_bundle(
                stored,
                digest=entry.digest,
                proof=proof,
                trust=self.trust,
                schema=schemas.check,
                kind=entry.kind,
                cap=PIECE,
            )
        except VerifyError as error:
            guilty = proof_path(entry.digest) if error.check >= 9 else path
            self.wrong(guilty, "tampered", str(error))
            return
        except SigningError as error:
            self.wrong(path, "tampered", str(error))
            return
        self.good.add(entry.digest)
        document: dict[str, Any] = bundle.document
        if bundle.index != index:
            self.wrong(proof_path(entry.digest), "tampered", f"proves entry {bundle.index}, not {index}")
        self._same_history(bundle.checkpoint, hashes, proof_path(entry.digest), _note_of(proof))
        if entry.kind == "article":
            self._named(document["parts"], PIECE, must=True, part=True)
            self._named(document["resources"], PICTURE, must=False, part=False)
        elif may_be_gone:
            self._pages(bundle, must=False)

    def _by_digest(self, path: str, stored: bytes, entry: Entry) -> None:
        try:
            verify_object(stored, entry.digest, entry.size, PIECE)
        except SigningError as error:
            self.wrong(path, "tampered", str(error))

    def _same_history(self, checkpoint: Checkpoint, hashes: TileHashes, path: str, note: str) -> None:
        """A proof's checkpoint must be the beginning of this log, or there are two."""
        root = self.roots.get(checkpoint.size)
        if root is None:
            try:
                root = range_hash(0, checkpoint.size, hashes.read)
            except (ReadError, LookupError) as error:
                state = _state(error) if isinstance(error, ReadError) else "missing"
                self.wrong(path, state, f"its checkpoint of size {checkpoint.size} can't be compared: {error}")
                return
            except (SigningError, ValueError) as error:
                self.wrong(path, "tampered", f"its checkpoint of size {checkpoint.size} is not of this log: {error}")
                return
            self.roots[checkpoint.size] = root
        if root != checkpoint.root:
            reason = f"its checkpoint of size {checkpoint.size} contradicts this log"
            _forked(self.session, note, self.note, reason, hashes=hashes, old=checkpoint, path=path)

    def _named(self, named: list[dict[str, Any]], cap: int, *, must: bool, part: bool) -> None:
        for one in named:
            if one["digest"] in self.good:
                continue
            path = object_path(one["digest"])
            if path in self.absent and not must:
                continue
            data = self._read(path, min(one["size"], cap), must=must)
            if data is None:
                continue
            try:
                if part:
                    verify_part(data, one["digest"], one["size"], schema=schemas.check)
                else:
                    verify_object(data, one["digest"], one["size"], cap)
                self.good.add(one["digest"])
            except (SigningError, schemas.SchemaError) as error:
                self.wrong(path, "tampered", str(error))

    def _read(self, path: str, cap: int, *, must: bool) -> bytes | None:
        try:
            data = self.get(path, cap)
        except ReadError as error:
            self.wrong(path, _state(error), str(error))
            return None
        if data is None and must:
            self.wrong(path, "missing", "the log has it, the mirror does not")
        return data

    def _trust_file(self, entry: Entry) -> None:
        path = f"trust/targets/{entry.digest}.trust.json"
        data = self._read(path, 1 << 20, must=False)
        if data is not None and hashlib.sha256(data).hexdigest() != entry.digest:
            self.wrong(path, "tampered", "does not have the digest that the log has for it")

    def _pages(self, edition: VerifiedBundle, *, must: bool = True) -> None:
        """The chains of older pages, each authenticated by the page before."""
        document: dict[str, Any] = edition.document
        for outlet in document["outlets"]:
            older: Any = outlet.get("older")
            # A page that was looked at leads on to pages that were looked at.
            while older is not None and older["digest"] not in self.good:
                path = object_path(older["digest"])
                data = self._read(path, min(older["size"], PIECE), must=must)
                if data is None:
                    break
                try:
                    page = verify_part(data, older["digest"], older["size"], kind="page", schema=schemas.check)
                except (SigningError, schemas.SchemaError) as error:
                    self.wrong(path, "tampered", str(error))
                    break
                self.good.add(older["digest"])
                older = page.get("older")

    def _rest(self, head: Checkpoint, hashes: TileHashes) -> None:
        """Tiles of every checkpoint size; in a folder, every other file too."""
        current = {tile.path: tile for tile in tiles_of(head.size)}
        wanted = dict(current)
        # Partial tiles of the checkpoints before may still be asked for, until the full one replaces them.
        for size in self.sizes:
            if size > head.size - head.size % FULL:
                wanted |= {tile.path: tile for tile in tiles_of(size) if tile.width < FULL}
        extra: list[str] = []
        if isinstance(self.mirror, FolderMirror):
            for path in self.mirror.walk():
                if path.startswith("tile/"):
                    try:
                        wanted[path] = parse_path(path)
                    except SigningError:
                        extra.append(path)
                elif path not in self.seen and not _is_page(path):
                    extra.append(path)
        levels = _levels(self.leaves)
        for path, tile in wanted.items():
            if path not in self.tiles:
                cap = MAX_ENTRIES_BYTES if tile.level == "entries" else MAX_TILE_BYTES
                self._read(path, cap, must=path in current)
            if path in self.tiles and not self._is_right(path, tile, levels, hashes):
                self.wrong(path, "tampered", "is not the tile of this log")
        for path in extra:
            self._extra(path)

    def _is_right(self, path: str, tile: Tile, levels: list[list[bytes]], hashes: TileHashes) -> bool:
        """Whether the tile that was read has the SHA-256 that this log says; True when that can't be known."""
        try:
            if tile.level == "entries":
                expected = self._expected_entries(tile, hashes)
            else:
                expected = self._expected_hashes(tile, levels, hashes)
        except (ReadError, LookupError):
            return True  # what could not be read is named for itself
        except SigningError:
            return False
        return self.tiles[path] == expected

    def _expected_entries(self, tile: Tile, hashes: TileHashes) -> bytes | None:
        first = tile.index * FULL
        if first + tile.width > len(self.leaves):
            return None
        if tile.width == min(FULL, len(self.leaves) - first) and tile.index in self.whole:
            return self.whole[tile.index]
        number, entries = self.last
        if tile.index != number:
            entries = hashes.entries(tile.index)
        return hashlib.sha256(encode_entries(entries[: tile.width])).digest()

    def _expected_hashes(self, tile: Tile, levels: list[list[bytes]], hashes: TileHashes) -> bytes | None:
        level, first = int(tile.level), tile.index * FULL
        if level >= len(levels) or first + tile.width > len(levels[level]):
            return None
        span = FULL**level  # in tiles of entries
        if any(tile.index * span <= number < (tile.index + 1) * span for number in self.unknown):
            # Entries that could not be read say nothing against the hashes over them, which lead to the root or don't.
            row = [hashes.read(8 * level, first + place) for place in range(tile.width)]
        else:
            row = levels[level][first : first + tile.width]
        return hashlib.sha256(b"".join(row)).digest()

    def _extra(self, path: str) -> None:
        """A file nothing signed names. Harmless when it is an object of the right name; otherwise it shouldn't be."""
        if path.startswith(("o/", "proof/")):
            digest = path.split("/", 1)[1].replace("/", "")
            if path.startswith("o/"):
                data = self._read(path, PICTURE, must=False)
                if data is not None and hashlib.sha256(data).hexdigest() == digest:
                    self.verdict.notes.append(f"{path}: an object that nothing names")
                    return
            self.wrong(path, "unexpected", "nothing signed names this file, and it isn't what its name says")
        elif _is_superseded(path, self.session.trusted.view):
            self.verdict.notes.append(f"{path}: replaced by a newer one, not looked at")
        elif path.startswith("trust/") or "/" not in path:
            self.wrong(path, "unexpected", "nothing signed names this file")
        else:
            self.wrong(path, "unexpected", "not a path of the mirror format")


def _is_superseded(path: str, view: TrustView) -> bool:
    """Whether this was one of the publication's trust files once: nobody asks for it any more."""
    match = re.fullmatch(r"trust/([1-9][0-9]{0,8})\.(root|snapshot|targets)\.json", path)
    return match is not None and int(match[1]) < view.versions[match[2]]


def _is_page(path: str) -> bool:
    """Pages and feeds: conveniences that nobody trusts."""
    return path in ("index.html", "feed.xml", "reader.html") or (path.startswith("a/") and path.endswith(".html"))


def _levels(leaves: list[bytes]) -> list[list[bytes]]:
    """Hashes of every tile level, complete subtrees only."""
    levels = [leaves]
    while len(levels[-1]) >= FULL:
        below = levels[-1]
        levels.append([root_of(below[at : at + FULL]) for at in range(0, len(below) - FULL + 1, FULL)])
    return levels


__all__ = ["Problem", "TamizdatError", "Verdict", "check_article", "check_mirror", "open_trust"]
