"""What a reader can say of an article, a file or a front page: authentic, fresh, current - and why.

The three verdicts are kept apart. *Authentic* is decided by checks 1-10 of `signing.verify` under a trust root that the
reader pinned; *fresh* by the age of the newest trusted statement and by what is known elsewhere (11, 12); *current* by
what the newest edition and the log say about later revisions and withdrawals (13). Without a pin nothing is ever called
authentic.

`check_article` judges one bundle, `check_front` the front page; `mirror.sweep` reads everything a mirror serves,
`mirror.gather` compares several mirrors.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import schemas
from mirror.current import PROOF, judge_beside, judge_current, judge_remembered, why_gone, words
from mirror.findings import Gone, Verdict, refusals, state_of
from mirror.history import (
    Session,
    ended_elsewhere,
    hashes_of,
    newest_of,
    note_of,
    one_history,
    open_session,
    opened_checkpoint,
    overtaken,
    remember,
)
from mirror.known import Memory, Newest
from mirror.read import Mirror, ReadError, need, object_path, proof_path
from mirror.trusted import TIMESTAMP
from signing import front as fronts
from signing import proof as proofs
from signing.checkpoint import Checkpoint
from signing.errors import SigningError, VerifyError
from signing.front import Front
from signing.verify import (
    VerifiedBundle,
    check_fresh,
    unwitnessed,
    verify_bundle,
    verify_front,
    verify_object,
    verify_part,
)

PIECE = 12_288  # no piece of text is larger (DESIGN.md 2.1)
PICTURE = 16 << 20


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
    beside: Mirror | None = None,
    evidence: bool = False,
) -> tuple[Verdict, VerifiedBundle | None]:
    """The verdict on one bundle, given by digest or by its bytes; proof, trust and edition come from `mirror`. `beside`
    is another mirror that was found to be good: with a newer edition it is asked whether the article is current. What
    the article was made from, which nobody needs for reading, is only read with `evidence`."""
    asked: dict[str, Any] = {"digest": digest, "stored": stored, "url": url, "beside": beside, "evidence": evidence}
    verdict, bundle = _article_once(mirror, **asked, pin=pin, memory=memory, now=now, what=what)
    if overtaken(mirror, verdict, verdict.kept.get(TIMESTAMP)):
        return _article_once(mirror, **asked, pin=pin, memory=memory, now=now, what=what)
    return verdict, bundle


def _article_once(
    mirror: Mirror,
    *,
    digest: str | None,
    stored: bytes | None,
    url: str | None,
    pin: str | bytes | None,
    memory: Memory,
    now: datetime,
    what: str,
    beside: Mirror | None,
    evidence: bool,
) -> tuple[Verdict, VerifiedBundle | None]:
    verdict = Verdict(what=what)
    with refusals(verdict):
        session = open_session(mirror, pin=pin, memory=memory, now=now, verdict=verdict, alone=True)
        name = digest or hashlib.sha256(stored or b"").hexdigest()
        verdict.digest = name
        if stored is None:
            stored = _bundle(session, name)
        proof = need(mirror, proof_path(name), PROOF)
        with watched(session, proof):
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
        verdict.log, verdict.signer, verdict.witnesses = bundle.checkpoint, bundle.publisher.text, bundle.witnesses
        verdict.kept["checkpoint"] = proofs.parse(proof).checkpoint
        verdict.authentic = True
        if bundle.kind == "article":
            verdict.article = _summary(bundle)
            _check_parts(mirror, bundle, verdict, evidence=evidence)
        _check_time(session, bundle, note_of(proof), beside)
        return verdict, (bundle if verdict.authentic else None)
    return verdict, None


def _bundle(session: Session, digest: str) -> bytes:
    """The bundle of this digest. `ReadError` when it isn't there, which says so if that is because it was withdrawn."""
    mirror, path = session.mirror, object_path(digest)
    data = mirror.get(path, PIECE)
    if data is not None:
        return data
    withdrawal = why_gone(session, digest)
    if withdrawal is None:
        raise ReadError(f"{mirror.name}: {path} is missing", path=path, missing=True)
    session.verdict.current, session.verdict.withdrawal = "withdrawn", withdrawal
    raise Gone(f"{mirror.name}: {path} is not here any more: it was {words(withdrawal)}", path=path, missing=True)


@contextlib.contextmanager
def watched(session: Session, proof: bytes, path: str = "checkpoint") -> Iterator[None]:
    """A proof that is refused because its log was closed elsewhere may be worth keeping: whoever stole the log's key
    signed it."""
    try:
        yield
    except VerifyError as error:
        trust = session.trusted.trust
        if error.check == 10 and state_of(error) == "outdated":
            with contextlib.suppress(SigningError, UnicodeDecodeError):
                note = note_of(proof)
                log = trust.log(note.partition("\n")[0])
                if log is not None:
                    ended_elsewhere(session, log, opened_checkpoint(note, trust, log.origin), note, path=path)
        raise


def check_front(
    mirror: Mirror, *, pin: str | bytes | None, memory: Memory, now: datetime
) -> tuple[Verdict, VerifiedBundle | None]:
    """The verdict on a mirror's front page, from that one file; the rest of the mirror is not looked at."""
    verdict, edition = _front_once(mirror, pin=pin, memory=memory, now=now)
    if overtaken(mirror, verdict, verdict.kept.get(TIMESTAMP)):
        return _front_once(mirror, pin=pin, memory=memory, now=now)
    return verdict, edition


def _front_once(
    mirror: Mirror, *, pin: str | bytes | None, memory: Memory, now: datetime
) -> tuple[Verdict, VerifiedBundle | None]:
    verdict = Verdict(what=mirror.name, is_mirror=True)
    with refusals(verdict):
        session = open_session(mirror, pin=pin, memory=memory, now=now, verdict=verdict)
        edition, front, head = opened_front(session, need(mirror, "front", fronts.MAX_BYTES))
        verdict.checks.extend(edition.checks)
        verdict.log, verdict.signer, verdict.digest = head, edition.publisher.text, edition.digest
        verdict.witnesses = edition.witnesses
        verdict.authentic, verdict.current = True, "current"
        judge_freshness(session, edition)
        remember(session, edition, front, head, hashes_of(mirror, session.trusted.trust, head))
        return verdict, (edition if verdict.authentic else None)
    return verdict, None


def opened_front(session: Session, data: bytes) -> tuple[VerifiedBundle, Front, Checkpoint]:
    """The verified parts of a front file. Raises `SigningError`; evidence in it is kept."""
    try:
        proof = fronts.parse(data).proof
    except SigningError:
        proof = b""  # verify_front says what is wrong with it
    with watched(session, proof, "front"):
        return verify_front(data, trust=session.trusted.trust, schema=schemas.check)


def _summary(bundle: VerifiedBundle) -> dict[str, Any]:
    document = bundle.document
    keys: tuple[str, ...] = ("url", "title", "lead", "published", "modified", "fetched")
    keys += ("captured", "language", "direction", "authors")
    keys += ("revision", "replaces", "removed")
    return {
        "outlet": document["outlet"],
        **{key: document[key] for key in keys if key in document},
        "digest": bundle.digest,
        "index": bundle.index,
    }


def _check_parts(mirror: Mirror, bundle: VerifiedBundle, verdict: Verdict, *, evidence: bool) -> None:
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
    absent = missing_evidence = 0
    for resource in document["resources"]:
        if resource["role"] == "evidence" and not evidence:
            continue
        path = object_path(resource["digest"])
        try:
            data = need(mirror, path, min(resource["size"], PICTURE))
            verify_object(data, resource["digest"], resource["size"], PICTURE)
        except ReadError as error:
            if error.missing or error.unreachable:
                missing_evidence += resource["role"] == "evidence"
                absent += resource["role"] != "evidence"
            else:
                verdict.wrong(path, "tampered", str(error))
        except SigningError as error:
            verdict.wrong(path, "tampered", str(error))
    if absent:
        verdict.notes.append(f"{absent} pictures are not here")
    if missing_evidence:
        verdict.notes.append("what it was made from is not here: light mirrors and packs leave that out")
    # What is missing can be fetched elsewhere; what is wrong can't be explained.
    if any(problem.state not in ("missing", "unreachable") for problem in verdict.problems):
        verdict.authentic = False


# --- freshness ------------------------------------------------------------------------------------------------------


def _check_time(session: Session, bundle: VerifiedBundle, note: str, beside: Mirror | None) -> None:
    """Checks 11-13, with what the mirror says is newest. `note` is the checkpoint that the bundle's proof ends in."""
    _check_here(session, bundle, note)
    if bundle.kind == "article":
        if beside is not None:
            judge_beside(session, bundle, note, beside)
        judge_remembered(session, bundle.digest)


def _check_here(session: Session, bundle: VerifiedBundle, note: str) -> None:
    verdict, trust = session.verdict, session.trusted.trust
    try:
        data = session.mirror.get("front", fronts.MAX_BYTES)
        if data is None:
            verdict.add(12, "freshness", False, "no edition at hand, so nothing is known of newer ones")
            _only_remembered(session)
            return
        edition, front, head = opened_front(session, data)
    except (ReadError, SigningError, schemas.SchemaError) as error:
        verdict.add(12, "freshness", False, f"the newest edition can't be used: {error}")
        _only_remembered(session)
        return
    verdict.kept["front"] = data
    judge_freshness(session, edition)
    hashes = hashes_of(session.mirror, trust, head)
    one_history(session, bundle.checkpoint, note, front=front, head=head, hashes=hashes)
    if verdict.authentic:
        remember(session, edition, front, head, hashes)
    if bundle.kind == "article":
        judge_current(session, bundle, edition, head)


def judge_freshness(session: Session, edition: VerifiedBundle) -> None:
    """Check 12: by the clock, by the dates of the trust files, and by the newest edition known anywhere."""
    verdict, trusted = session.verdict, session.trusted
    here = newest_of(edition)
    check, verdict.fresh = check_fresh(
        here.time, here.next, session.now, serial=here.serial, expired=trusted.view.expired, behind=trusted.behind
    )
    verdict.here, verdict.age_seconds = here, max(int((session.now - _when(here.time)).total_seconds()), 0)
    known = trusted.known.newest if trusted.known is not None else None
    verdict.newest = known if known is not None and known.serial > here.serial else here
    late: list[str] = []
    if verdict.newest is not here:
        verdict.behind |= how_far(here, verdict.newest)
        late.append(f"edition {verdict.newest.serial} of {verdict.newest.time} is known from elsewhere")
    log = trusted.trust.log(edition.checkpoint.origin)
    if log is not None and log is not trusted.trust.current:
        late.append(f"its log was closed, the newest is {trusted.trust.current.origin}")
    if (unseen := unwitnessed(edition, trusted.trust)) is not None:
        late.append(unseen)
    if late and verdict.fresh == "fresh":
        verdict.fresh = "stale"
    verdict.add(12, check.name, check.ok and not late, "; ".join([check.detail, *late]))


def how_far(here: Newest, newest: Newest) -> dict[str, int]:
    """By how many editions and seconds one edition is behind another."""
    seconds = int((_when(newest.time) - _when(here.time)).total_seconds())
    return {"editions": newest.serial - here.serial, "seconds": max(seconds, 0)}


def _only_remembered(session: Session) -> None:
    """With no edition at hand, the newest one seen on an earlier visit can still be named."""
    known = session.trusted.known
    session.verdict.newest = known.newest if known is not None else None


def _when(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
