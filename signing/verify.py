"""The numbered checks: stored bytes in, a verdict out. The numbers are the same wherever this format is verified.

     1  size within the cap
     2  SHA-256 of the stored bytes is the name asked for
     3  gunzip within the cap
     4  note syntax
     5  publisher signature, by a key trusted for this outlet at that time
     6  JSON strict, and right by its schema
     7  the URL or id is the one asked for
     8  log entry rebuilt from the bundle
     9  inclusion proof
    10  checkpoint signature and origin; not past a freeze; witnesses per policy
    11  not older than, and consistent with, the newest checkpoint this reader has seen
    12  freshness, from the newest edition's `time` and `next` and the trust files' dates
    13  not superseded or withdrawn, by the newest edition and the log entries after this one

Checks 1 to 10 decide whether something is *authentic*; `verify_bundle` makes them and either returns a `VerifiedBundle`
or raises a VerifyError that carries every check made so far. Check 10 alone, for a checkpoint that nobody has asked
anything of yet, is `check_checkpoint`. Number 11 is `check_seen`, 12 is `check_fresh`, 13 is `check_current`: they
return what they found and never make an authentic thing false; only number 11 may raise, when it finds a Fork.

Nothing is parsed before its hash or signature was checked, with one order kept for the sake of the numbers: whether a
key is trusted for *this* outlet at *this* time can be known only from the document, so check 5 finds the good signature
before the document is parsed, and is completed and reported after it.

Who is trusted is a `Trust` (`signing.roles`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import InitVar, dataclass
from datetime import UTC, datetime
from typing import Literal, NoReturn

from signing import checkpoint as checkpoints
from signing import cosignature, note, packing
from signing import front as fronts
from signing import proof as proofs
from signing.checkpoint import Checkpoint
from signing.entry import Entry, entry_of
from signing.errors import (
    BadKey,
    BadProof,
    BadSignature,
    Fork,
    FormatError,
    FrozenLog,
    MissingProof,
    SigningError,
    Unwitnessed,
    VerifyError,
    shown,
)
from signing.front import Consistency, Front
from signing.keys import VerifierKey
from signing.merkle import check_consistency, check_inclusion, leaf_hash, range_hash
from signing.roles import LogKey, Trust
from signing.tiles import TileHashes

PIECE = 12_288
"""Bytes: the most a stored piece of text may have."""

UNPACKED = 1 << 20
"""Bytes: the most a stored bundle, part or page may unpack to. 12 KiB of honest text unpacks to some 60 KB."""

NAMES = {
    1: "size within the cap",
    2: "SHA-256 of the stored bytes",
    3: "gunzip within the cap",
    4: "note syntax",
    5: "publisher signature",
    6: "JSON and schema",
    7: "URL or id asked for",
    8: "log entry",
    9: "inclusion proof",
    10: "checkpoint signature",
    11: "newest checkpoint seen",
    12: "freshness",
    13: "current",
}

CLOCK_SLACK = 3600
"""Seconds: how far in the future an edition may be dated before it is not believed to be fresh."""

Fresh = Literal["fresh", "stale", "unknown"]
Current = Literal["current", "superseded", "withdrawn", "unknown"]
Seen = Literal["first", "same", "newer", "older", "unknown"]

Schema = Callable[[str, object], None]
"""Called with "bundle", "edition", "part" or "page" and a document; raises ValueError if the document is not one."""

_SCHEMAS = {"article": "bundle", "edition": "edition"}
_MADE_HERE = object()


# --- verdicts --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Check:
    """One check that was made: its number and name, how it ended, and one line with the facts."""

    n: int
    name: str
    ok: bool
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedBundle:
    """A bundle that passed checks 1 to 10. Only the functions of this module make one, so having it is the proof.

    `kind` is "article" or "edition", `size` and `digest` are of the stored bytes, `index` is its place in the log of
    `checkpoint`, `publisher` the key that signed and is trusted for it, `witnesses` the names of those that cosigned
    the checkpoint.
    """

    kind: str
    digest: str
    size: int
    document: dict[str, object]
    entry: Entry
    index: int
    checkpoint: Checkpoint
    publisher: VerifierKey
    checks: tuple[Check, ...]
    witnesses: tuple[str, ...] = ()
    made_here: InitVar[object] = None

    def __post_init__(self, made_here: object) -> None:
        if made_here is not _MADE_HERE:
            raise TypeError("only signing.verify makes a VerifiedBundle")


class _Run:
    """The checks made so far."""

    def __init__(self) -> None:
        self.checks: list[Check] = []

    def passed(self, n: int, detail: str) -> None:
        self.checks.append(Check(n, NAMES[n], True, shown(detail, 400)))

    def failed(self, n: int, detail: str) -> NoReturn:
        detail = shown(detail, 400)
        self.checks.append(Check(n, NAMES[n], False, detail))
        raise VerifyError(n, NAMES[n], detail, tuple(self.checks))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opened:
    """A bundle after checks 1 to 8."""

    kind: str
    digest: str
    size: int
    document: dict[str, object]
    entry: Entry
    publisher: VerifierKey


# --- bundles ---------------------------------------------------------------------------------------------------------


def verify_bundle(
    stored: bytes,
    *,
    digest: str | None,
    proof: bytes,
    trust: Trust,
    schema: Schema,
    kind: str | None = None,
    url: str | None = None,
    cap: int,
) -> VerifiedBundle:
    """The bundle in `stored`, authentic by its own proof. VerifyError, with all checks made, if it is not.

    `digest` is the name it was asked for by, None if by none; `kind` "article", "edition" or None for either; `url` the
    article's canonical URL if that was asked for; `cap` the most bytes `stored` may have.
    """
    run = _Run()
    opened = _open(
        run, stored, digest=digest, trust=trust, schema=schema, kind=kind, url=url, cap=cap, size=None, listed=""
    )

    # 9: the entry is in the tree that the proof's checkpoint describes - which nobody has signed for yet.
    try:
        parsed = proofs.parse(proof)
        claimed = checkpoints.parse_text(note.parse(parsed.checkpoint).text)
        check_inclusion(
            leaf=leaf_hash(opened.entry.encode()),
            index=parsed.index,
            size=claimed.size,
            root=claimed.root,
            hashes=parsed.hashes,
        )
    except SigningError as error:
        run.failed(9, str(error))
    run.passed(9, f"entry {parsed.index} of {claimed.size}, by {len(parsed.hashes)} hashes, root {claimed.root.hex()}")

    # 10: a trusted log signed that checkpoint, where it still counts, and enough witnesses did.
    try:
        checked = check_checkpoint(parsed.checkpoint, trust, time=opened.entry.time)
    except SigningError as error:
        run.failed(10, str(error))
    log = f"log {checked.checkpoint.origin} of {checked.checkpoint.size}"
    run.passed(10, f"signed by {checked.key.label}, {log}; {_cosigned_by(checked.names, trust)}")
    return _verified(run, opened, parsed.index, checked.checkpoint, checked.names)


def verify_listed(
    stored: bytes, *, item: Mapping[str, object], edition: VerifiedBundle, trust: Trust, schema: Schema
) -> VerifiedBundle:
    """The article in `stored`, authentic because a verified edition lists its digest. VerifyError if it is not.

    `item` is the edition's list entry for it, or one from an older page whose digest was followed from that edition:
    take it from nowhere else. Checks 8 to 10 rest on the edition's; the article's own signature is still checked.
    """
    run = _Run()
    digest, size, url, index = (item.get(name) for name in ("digest", "size", "url", "index"))
    if edition.kind != "edition":
        run.failed(2, f"an {edition.kind} lists nothing")
    if not (isinstance(digest, str) and isinstance(size, int) and isinstance(url, str) and isinstance(index, int)):
        run.failed(2, "the list entry has no digest, size, URL and index")
    serial = f"edition {shown(edition.document.get('serial'))}"
    opened = _open(
        run,
        stored,
        digest=digest,
        trust=trust,
        schema=schema,
        kind="article",
        url=url,
        cap=PIECE,
        size=size,
        listed=f"; {serial} lists its digest",
    )
    log = edition.checkpoint
    run.passed(9, f"by {serial}, which is entry {edition.index} of {log.size}; it says this is entry {index}")
    run.passed(10, f"as for {serial}: log {log.origin} of {log.size}; {_cosigned_by(edition.witnesses, trust)}")
    return _verified(run, opened, index, log, edition.witnesses)


def verify_front(stored: bytes, *, trust: Trust, schema: Schema) -> tuple[VerifiedBundle, Front, Checkpoint]:
    """The edition in a `front` file, verified; the file's parts; and the log's checkpoint, verified. VerifyError if the
    edition is not authentic (what is wrong with the wrapping counts as check 1, 3 or 4), or is not the last entry of
    the log it is proved by (check 9): a seal ends with its edition. The consistency proofs in it are not checked:
    `check_seen` does, against what the reader has seen before."""
    run = _Run()
    if len(stored) > fronts.MAX_BYTES:
        run.failed(1, f"the front file has {len(stored)} bytes, the cap is {fronts.MAX_BYTES}")
    try:
        packing.gunzip(stored, fronts.MAX_UNPACKED)
    except FormatError as error:
        run.failed(3, f"the front file: {error}")
    try:
        front = fronts.parse(stored)
    except FormatError as error:
        run.failed(4, f"the front file: {error}")
    edition = verify_bundle(
        front.edition, digest=None, proof=front.proof, trust=trust, schema=schema, kind="edition", cap=PIECE
    )
    last = edition.checkpoint.size - 1
    if edition.index != last:
        # Anybody can prove an older edition against the newest checkpoint: a mirror that stands still would look new.
        run.checks.extend(one for one in edition.checks if one.n < 9)
        run.failed(9, f"the edition is entry {edition.index}, the newest one is the last entry, {last}")
    return edition, front, edition.checkpoint


def _open(
    run: _Run,
    stored: bytes,
    *,
    digest: str | None,
    trust: Trust,
    schema: Schema,
    kind: str | None,
    url: str | None,
    cap: int,
    size: int | None,
    listed: str,
) -> _Opened:
    found = _check_stored(run, stored, digest=digest, size=size, cap=cap)
    text = _gunzip(run, stored)

    # 4: a note, of which nothing is believed yet.
    try:
        lines = len(note.parse(text).lines)
    except FormatError as error:
        run.failed(4, str(error))
    run.passed(4, f"a signed note with {lines} signature{'' if lines == 1 else 's'}")

    # 5, first half: some publisher key's signature is good. Only then is the text parsed.
    try:
        opened = note.open_note(text, [one.key for one in trust.publishers])
    except (BadSignature, BadKey) as error:
        run.failed(5, str(error))
    signers = [one for one in trust.publishers if one.key in opened.signers]
    labels = ", ".join(key.label for key in opened.signers)

    try:
        document = _document(opened.text, kind, schema)
    except FormatError as error:
        run.passed(5, f"signed by {labels}; for which outlet and time cannot be known, see the next check")
        run.failed(6, str(error))

    try:
        entry = entry_of(document, found, len(stored))
    except FormatError as error:
        run.passed(5, f"signed by {labels}; for which outlet and time cannot be known, see check 8")
        _passed_6_and_7(run, document, url, digest, trust)
        run.failed(8, str(error))

    # 5, second half: one of the signers is trusted for this outlet at this time.
    problems = [one.problem(entry) for one in signers]
    if None not in problems:
        run.failed(5, "; ".join(problem for problem in problems if problem))
    publisher = signers[problems.index(None)].key
    run.passed(5, f"signed by {publisher.label}, trusted for {entry.outlet or 'editions'} at {entry.time}")
    _passed_6_and_7(run, document, url, digest, trust)
    run.passed(8, f"{entry.kind} of {entry.time}, SHA-256 {leaf_hash(entry.encode()).hex()}{listed}")
    return _Opened(kind=entry.kind, digest=found, size=len(stored), document=document, entry=entry, publisher=publisher)


def _check_stored(run: _Run, stored: bytes, *, digest: str | None, size: int | None, cap: int) -> str:
    if len(stored) > cap:
        run.failed(1, f"{len(stored)} bytes, the cap is {cap}")
    if size is not None and len(stored) != size:
        run.failed(1, f"{len(stored)} bytes, the list says {size}")
    run.passed(1, f"{len(stored)} bytes of at most {cap}")
    found = hashlib.sha256(stored).hexdigest()
    if digest is not None and found != digest:
        run.failed(2, f"expected {shown(digest, 64)}, found {found}")
    run.passed(2, found if digest is not None else f"{found}; it was not asked for by name")
    return found


def _gunzip(run: _Run, stored: bytes) -> bytes:
    try:
        text = packing.gunzip(stored, UNPACKED)
    except FormatError as error:
        run.failed(3, str(error))
    run.passed(3, f"{len(text)} bytes of at most {UNPACKED}")
    return text


def _document(text: bytes, kind: str | None, schema: Schema) -> dict[str, object]:
    """The strictly parsed document that its schema accepts. FormatError otherwise."""
    document = packing.parse_json(text)
    if not isinstance(document, dict):
        raise FormatError("the document is not a JSON object")
    found = document.get("kind")
    if not isinstance(found, str) or found not in (_SCHEMAS if kind is None else (kind,)):
        raise FormatError(f"expected the kind {kind or 'article or edition'}, found {shown(found)}")
    try:
        schema(_SCHEMAS.get(found, found), document)
    except ValueError as error:
        raise FormatError(f"schema: {error}") from None
    return document


def _passed_6_and_7(
    run: _Run, document: Mapping[str, object], url: str | None, digest: str | None, trust: Trust
) -> None:
    run.passed(6, f"one {document['kind']}")
    if document["kind"] == "edition":
        publication = document.get("publication")
        origin = publication.get("origin") if isinstance(publication, Mapping) else None
        if origin != trust.origin:
            run.failed(7, f"expected an edition of {shown(trust.origin)}, found one of {shown(origin)}")
    if url is not None and document.get("url") != url:
        run.failed(7, f"expected {shown(url)}, found {shown(document.get('url'))}")
    if url is not None:
        run.passed(7, f"the article at {shown(url)}")
    elif digest is not None:
        run.passed(7, "asked for by its SHA-256 (check 2)")
    else:
        run.passed(7, f"nothing more was asked for than an {document['kind']}")


def _cosigned_by(witnesses: tuple[str, ...], trust: Trust) -> str:
    if witnesses:
        return f"cosigned by {', '.join(witnesses)}"
    if trust.policy is None or not trust.policy.required:
        return "no witness is required by policy"
    return "no witness is required for this checkpoint"


def _verified(
    run: _Run, opened: _Opened, index: int, checkpoint: Checkpoint, witnesses: tuple[str, ...]
) -> VerifiedBundle:
    return VerifiedBundle(
        kind=opened.kind,
        digest=opened.digest,
        size=opened.size,
        document=opened.document,
        entry=opened.entry,
        index=index,
        checkpoint=checkpoint,
        publisher=opened.publisher,
        checks=tuple(run.checks),
        witnesses=witnesses,
        made_here=_MADE_HERE,
    )


# --- check 10, for anybody -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedCheckpoint:
    """A checkpoint that passed check 10: the log and key that signed it, the witnesses of the policy that cosigned it,
    and when the last of them did, in seconds since 1970 (None: none did)."""

    checkpoint: Checkpoint
    log: LogKey
    key: VerifierKey
    witnesses: tuple[VerifierKey, ...]
    witnessed: int | None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the witnesses' keys."""
        return tuple(key.name for key in self.witnesses)


def check_checkpoint(data: bytes, trust: Trust, *, time: str | None = None) -> CheckedCheckpoint:
    """The checkpoint in `data`, signed by the key of a log of `trust`, where it still counts, and by as many witnesses
    as its policy asks for. With `time`, that of an entry in it, the log must not have ended before.

    FormatError unless it is a checkpoint; BadSignature if no trusted log, or none at that time, signed it, or if the
    line of a known witness is wrong; FrozenLog if the log was closed at another checkpoint; Unwitnessed if too few
    witnesses cosigned it. A checkpoint that fails here may still be evidence: `signing.evidence`.
    """
    if len(data) > checkpoints.MAX_BYTES:
        raise FormatError(f"a checkpoint has at most {checkpoints.MAX_BYTES} bytes, not {len(data)}")
    claimed = checkpoints.parse_text(note.parse(data).text)
    log = trust.log(claimed.origin)
    if log is None:
        known = ", ".join(one.origin for one in trust.logs)
        raise BadSignature(f"the checkpoint is of the log {shown(claimed.origin)}, trusted logs: {shown(known)}")
    checkpoint = checkpoints.open_checkpoint(data, log.key, log.origin)
    if time is not None and log.valid_until is not None and time > log.valid_until:
        raise BadSignature(f"the log {log.origin} ended at {log.valid_until}, the entry is of {time}")
    if (problem := log.counts(checkpoint)) is not None:
        raise FrozenLog(problem)
    cosigned = cosignature.cosigners(data, trust.policy.keys) if trust.policy is not None else {}
    frozen_here = log.frozen is not None and checkpoint.size == log.frozen.size
    if (
        trust.policy is not None
        and not trust.policy.satisfied(cosigned)
        and not frozen_here
        and checkpoint.size > log.unwitnessed
    ):
        have = tuple(key.name for key in cosigned)
        raise Unwitnessed(
            f"the checkpoint of {checkpoint.size} is cosigned by {shown(', '.join(have)) if have else 'no witness'}; "
            f"the policy asks for {trust.policy.need}",
            have=have,
            need=trust.policy.need,
        )
    return CheckedCheckpoint(
        checkpoint=checkpoint,
        log=log,
        key=log.key,
        witnesses=tuple(cosigned),
        witnessed=max(cosigned.values(), default=None),
    )


# --- objects that a verified bundle names by digest ------------------------------------------------------------------


def verify_object(stored: bytes, digest: str, size: int | None = None, cap: int = PIECE) -> bytes:
    """`stored`, which has the digest (and size, unless None) that a verified bundle gives. VerifyError for check 1
    or 2 otherwise."""
    _check_stored(_Run(), stored, digest=digest, size=size, cap=cap)
    return stored


def verify_part(
    stored: bytes,
    digest: str,
    size: int | None = None,
    *,
    kind: Literal["part", "page"] = "part",
    schema: Schema | None = None,
) -> dict[str, object]:
    """The document in a further part of a long article (or, as `kind` says, in an older page of an edition), whose
    digest and size a verified bundle gives. VerifyError for check 1, 2, 3 or 6 otherwise. With no `schema` only the
    kind is checked: check the rest before believing its shape."""
    run = _Run()
    _check_stored(run, stored, digest=digest, size=size, cap=PIECE)
    text = _gunzip(run, stored)
    try:
        return _document(text, kind, schema or _any_shape)
    except FormatError as error:
        run.failed(6, str(error))


def _any_shape(_name: str, _document: object) -> None:
    """The schema of callers that check the shape themselves."""


# --- check 11 --------------------------------------------------------------------------------------------------------


def check_newer(
    known: Checkpoint | None, new: Checkpoint, consistency: Consistency | Sequence[tuple[int, Sequence[bytes]]] = ()
) -> Literal["same", "newer", "older"]:
    """How the verified checkpoint `new` stands to the newest one this reader has seen (None: it has seen none).

    "newer" means proved to continue `known`: `consistency` holds proofs by old size, as a front file does. "older" is
    said of any smaller size; whether it belongs to the same history can then be proved only by tiles.

    Fork, with both checkpoints, when they have one size and different roots. MissingProof when there is no proof from
    the known size; BadProof when the one there is does not fit, or the logs are different ones. A proof that does not
    fit is no evidence yet, since nobody signs proofs: make one from tiles.
    """
    if known is None:
        return "newer"
    if known.origin != new.origin:
        raise BadProof(f"{shown(known.origin)} and {shown(new.origin)} are different logs")
    if known.size == new.size:
        if known.root != new.root:
            raise Fork(known, new)
        return "same"
    if new.size < known.size:
        return "older"
    hashes: Sequence[bytes] | None = () if known.size == 0 else dict(consistency).get(known.size)
    if hashes is None:
        raise MissingProof(f"no consistency proof from {known.size} to {new.size} was offered")
    check_consistency(old_size=known.size, old_root=known.root, new_size=new.size, new_root=new.root, hashes=hashes)
    return "newer"


def check_seen(
    known: Checkpoint | None,
    new: Checkpoint,
    consistency: Consistency | Sequence[tuple[int, Sequence[bytes]]] = (),
    read: Callable[[str], bytes] | None = None,
) -> tuple[Check, Seen]:
    """Check 11, and in one word how the verified checkpoint `new` stands to the newest one seen before.

    "older" and "unknown" fail the check: the mirror is stale, or continuity can be proved neither by `consistency` nor
    by the log's tiles. `read` gives a tile's bytes by its path (`tile/…`, below the log's folder) or raises; None when
    there are no tiles. Fork when both checkpoints cannot be of one log: the tiles that prove it are bound to the root
    that `new` has. Whatever else `read` raises goes through, except SigningError and LookupError, which are "unknown".
    """
    size = f"size {new.size}"

    def check(ok: bool, detail: str, seen: Seen) -> tuple[Check, Seen]:
        return Check(11, NAMES[11], ok, shown(detail, 400)), seen

    if known is None:
        return check(True, "nothing remembered of this log; first visit", "first")
    if new.origin == known.origin and new.size < known.size:
        return check(False, f"{size} is older than {known.size}, seen before", "older")
    try:
        if check_newer(known, new, consistency) == "same":
            return check(True, f"{size}, as seen before", "same")
    except BadProof as error:
        # Nobody signs the lines of a front file, so a wrong one is no more than a missing one.
        if read is None or known.origin != new.origin:
            return check(False, f"consistency with size {known.size} can't be checked here: {error}", "unknown")
        try:
            root = range_hash(0, known.size, TileHashes(new.size, new.root, read).read)
        except (SigningError, LookupError) as reason:
            return check(False, f"consistency with size {known.size} can't be checked here: {reason}", "unknown")
        if root != known.root:
            raise Fork(known, new) from None
    return check(True, f"{size} continues size {known.size}, seen before", "newer")


# --- check 12 --------------------------------------------------------------------------------------------------------


def check_fresh(
    edition_time: str,
    next: str,
    now: datetime | str,
    *,
    serial: int | None = None,
    expired: Sequence[str] = (),
    behind: bool = False,
    late: Sequence[str] = (),
) -> tuple[Check, Fresh]:
    """Check 12, and the verdict: "fresh" until the time at which a newer edition is due, "stale" after it.

    `edition_time` and `next` are the newest edition's. `expired` are the roles of the trust files whose date has
    passed, `behind` is whether newer trust files than this mirror's are known, `late` are further reasons in words (its
    log was closed, a newer edition is known): each makes it stale. An edition dated more than `CLOCK_SLACK` in the
    future is "unknown": signed with a stolen key it would be fresh for years.
    """
    moment = _moment(now)
    detail = f"edition{'' if serial is None else f' {serial}'} of {edition_time}, next due by {next}"
    stale = moment > _moment(next) or expired or behind or late
    verdict: Fresh = "stale" if stale else "fresh"
    if expired:
        detail += f"; expired: {', '.join(expired)}"
    if behind:
        detail += "; this mirror's trust files are older than those seen before"
    detail = "; ".join([detail, *late])
    if (_moment(edition_time) - moment).total_seconds() > CLOCK_SLACK:
        detail += "; it is dated in the future, or this clock is slow"
        verdict = "unknown"
    return Check(12, NAMES[12], verdict == "fresh", shown(detail, 400)), verdict


def unwitnessed(edition: VerifiedBundle, trust: Trust) -> str | None:
    """Why an edition of the current log cannot be fresh though check 10 let it pass: its checkpoint is one of those
    that need no witnesses because they are older than the policy. None when it is witnessed. Whoever stole the log's
    key can sign another history of that few entries today; the newest edition has more, and witnesses saw it."""
    policy, log = trust.policy, trust.current
    if policy is None or not policy.required or edition.checkpoint.origin != log.origin:
        return None
    if policy.satisfied([key for key in policy.keys if key.name in edition.witnesses]):
        return None
    return "it is older than the witness policy, and too few witnesses saw it"


def _moment(time: datetime | str) -> datetime:
    moment = datetime.fromisoformat(packing.check_time(time)) if isinstance(time, str) else time
    if moment.tzinfo is None:
        raise ValueError(f"time without a zone: {time!s}")
    return moment.astimezone(UTC).replace(microsecond=0)


# --- check 13 --------------------------------------------------------------------------------------------------------


def check_current(
    bundle: VerifiedBundle,
    edition: VerifiedBundle,
    trust: Trust,
    entries: Callable[[LogKey, int, int], Iterable[Entry]],
) -> tuple[Check, Current]:
    """Check 13 of an article, and the verdict, by the newest edition known.

    The edition's lists first: withdrawn, or listed and so current. Otherwise every later entry with the same outlet and
    address, in the article's log and in those that came after it, up to the edition's checkpoint: a withdrawal counts
    more than a later revision. `entries(log, start, end)` gives the entries of that log from `start` on, in order,
    checked against the tree; it may end before `end` when that is too much to read, and then what is not known to be
    superseded is "unknown". What it raises goes through.
    """

    verdict, detail = _listed(bundle, edition.document) or _followed(bundle, edition, trust, entries)
    return Check(13, NAMES[13], verdict == "current", shown(detail, 400)), verdict


def _listed(bundle: VerifiedBundle, document: Mapping[str, object]) -> tuple[Current, str] | None:
    for withdrawal in _mappings(document.get("withdrawals")):
        if withdrawal.get("digest") == bundle.digest:
            return "withdrawn", f"withdrawn on {withdrawal.get('time')}"
    for outlet in _mappings(document.get("outlets")):
        for item in _mappings(outlet.get("articles")):
            if item.get("digest") == bundle.digest:
                return "current", "the newest edition lists this revision"
    return None


def _followed(
    bundle: VerifiedBundle,
    edition: VerifiedBundle,
    trust: Trust,
    entries: Callable[[LogKey, int, int], Iterable[Entry]],
) -> tuple[Current, str]:
    ranges = later_entries(bundle, edition, trust)
    if ranges is None:
        return "unknown", "the newest edition here is older than this article, or of another log"
    superseded = unread = ""
    for log, start, end in ranges:
        read = start
        for index, entry in enumerate(entries(log, start, end), start):
            read = index + 1
            if entry.url_digest != bundle.entry.url_digest or entry.outlet != bundle.entry.outlet:
                continue
            if entry.kind == "withdrawal":
                return "withdrawn", f"withdrawn by log entry {index} of {entry.time}"
            superseded = superseded or f"superseded by log entry {index} of {entry.time}"
        if read < end:
            unread = f"not revised before entry {read} of the log {log.origin}; not read on"
            break
    if superseded:
        return "superseded", superseded
    if unread:
        return "unknown", unread
    return "current", f"no later entry about this address among {edition.checkpoint.size}"


def later_entries(
    bundle: VerifiedBundle, edition: VerifiedBundle, trust: Trust
) -> tuple[tuple[LogKey, int, int], ...] | None:
    """Where the entries after this bundle's stand, up to the checkpoint of this edition: (log, first index, end) for
    each log. None when the edition is not newer."""
    origins = [log.origin for log in trust.logs]
    if bundle.checkpoint.origin not in origins or edition.checkpoint.origin not in origins:
        return None
    first, last = origins.index(bundle.checkpoint.origin), origins.index(edition.checkpoint.origin)
    if first > last:
        return None
    ranges: list[tuple[LogKey, int, int]] = []
    for place in range(first, last + 1):
        log = trust.logs[place]
        frozen = log.frozen.size if log.frozen is not None else 0
        end = edition.checkpoint.size if place == last else frozen
        start = bundle.index + 1 if place == first else 0
        if start > end:
            return None
        ranges.append((log, start, end))
    return tuple(ranges)


def _mappings(value: object) -> list[Mapping[str, object]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []
