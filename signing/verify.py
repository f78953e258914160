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
    10  checkpoint signature and origin; witnesses per policy
    11  not older than, and consistent with, the newest checkpoint this reader has seen

Checks 1 to 10 decide whether something is *authentic*; `verify_bundle` makes them and either returns a `VerifiedBundle`
or raises a VerifyError that carries every check made so far. Number 11 is `check_newer`. Numbers 12 (freshness) and 13
(superseded or withdrawn) compare verified editions with a clock and with each other and are not made here.

Nothing is parsed before its hash or signature was checked, with one order kept for the sake of the numbers: whether a
key is trusted for *this* outlet at *this* time can be known only from the document, so check 5 finds the good signature
before the document is parsed, and is completed and reported after it.

Who is trusted is a `Trust`, made from `trust.json`, which reaches readers through `signing.trust`:

    {"v":1,"kind":"trust","origin":"example.org","name":"Example","time":"2027-01-01T00:00:00Z",
     "logs":[{"origin":"example.org/log/2027",
       "key":"example.org/log/2027+a686e7ff+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4",
       "from":"2027-01-01T00:00:00Z"}],
     "publishers":[{"key":"example.org/publisher+c95c561c+ASmsuuFBvMrwsi4alNNNC8c2HlJtC/4SyJeUvJMilm3X",
       "outlets":["*"],"from":"2027-01-01T00:00:00Z","until":"2028-01-01T00:00:00Z"}],
     "root":{"version":1,"digest":"abababababababababababababababababababababababababababababababab"}}

A publisher key counts for bundles whose time lies from its `from` to its `until`; for an edition its outlets must be
`*`. A log key's `until` is the last time an entry in that log may have; its `from` is not compared, because the first
entries of a year's log were fetched before it began. No witnesses are required by policy in this version of the format.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import InitVar, dataclass
from typing import Literal, NoReturn

from signing import checkpoint as checkpoints
from signing import front as fronts
from signing import note, packing
from signing import proof as proofs
from signing.checkpoint import Checkpoint
from signing.entry import Entry, entry_of
from signing.errors import (
    BadKey,
    BadProof,
    BadSignature,
    Fork,
    FormatError,
    MissingProof,
    SigningError,
    VerifyError,
    shown,
)
from signing.front import Consistency, Front
from signing.keys import ED25519, VerifierKey
from signing.merkle import check_consistency, check_inclusion, leaf_hash

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
}

Schema = Callable[[str, object], None]
"""Called with "bundle", "edition", "part" or "page" and a document; raises ValueError if the document is not one."""

_SCHEMAS = {"article": "bundle", "edition": "edition"}
_MADE_HERE = object()


# --- who is trusted --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class LogKey:
    """A log and its key. `valid_until` (or None) is the last time an entry in it may have."""

    origin: str
    key: VerifierKey
    valid_from: str
    valid_until: str | None = None

    def __post_init__(self) -> None:
        _check_window(self.key, self.valid_from, self.valid_until)
        if self.key.name != self.origin:
            raise BadKey(f"key {self.key.label} is named otherwise than its log {shown(self.origin)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class PublisherKey:
    """A publisher's key: for which outlets it counts ("*" is all, and editions), and when."""

    key: VerifierKey
    outlets: tuple[str, ...]
    valid_from: str
    valid_until: str | None = None

    def __post_init__(self) -> None:
        _check_window(self.key, self.valid_from, self.valid_until)

    def problem(self, entry: Entry) -> str | None:
        """Why this key does not count for a bundle with this entry; None if it does."""
        if "*" not in self.outlets and entry.outlet not in self.outlets:
            what = f"outlet {entry.outlet}" if entry.outlet else f"an {entry.kind}"
            return f"{self.key.label} is trusted for {shown(', '.join(self.outlets)) or 'no outlet'}, not for {what}"
        if entry.time < self.valid_from or (self.valid_until is not None and entry.time > self.valid_until):
            return (
                f"{self.key.label} is valid from {self.valid_from} until {self.valid_until or 'further notice'}, "
                f"the bundle is of {entry.time}"
            )
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """Whom a reader of one publication trusts. BadKey if one key has two roles."""

    origin: str
    name: str
    logs: tuple[LogKey, ...]
    publishers: tuple[PublisherKey, ...]

    def __post_init__(self) -> None:
        # A note does not say what it is for: a key that signs both could be made to sign one as the other.
        if both := {log.key.public for log in self.logs} & {one.key.public for one in self.publishers}:
            raise BadKey(f"the key {sorted(both)[0].hex()} is a log's and a publisher's; a key has one role")

    @classmethod
    def from_document(cls, document: object) -> Trust:
        """The trust that a parsed `trust.json` states. FormatError or BadKey if it is not one; members that are not
        about keys are left to its schema."""
        if not isinstance(document, Mapping) or document.get("kind") != "trust":
            raise FormatError("not a trust file")
        logs = tuple(
            LogKey(
                origin=_text(item, "origin"),
                key=VerifierKey.parse(_text(item, "key")),
                valid_from=_text(item, "from"),
                valid_until=_text(item, "until") if "until" in item else None,
            )
            for item in _items(document, "logs")
        )
        publishers = tuple(
            PublisherKey(
                key=VerifierKey.parse(_text(item, "key")),
                outlets=_texts(item, "outlets"),
                valid_from=_text(item, "from"),
                valid_until=_text(item, "until") if "until" in item else None,
            )
            for item in _items(document, "publishers")
        )
        return cls(origin=_text(document, "origin"), name=_text(document, "name"), logs=logs, publishers=publishers)


def _check_window(key: VerifierKey, valid_from: str, valid_until: str | None) -> None:
    if key.kind != ED25519:
        raise BadKey(f"key {key.label} is a witness's")
    packing.check_time(valid_from)
    if valid_until is not None:
        packing.check_time(valid_until)


def _text(document: Mapping[str, object], name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str):
        raise FormatError(f'trust file: "{name}" is not a text')
    return value


def _texts(document: Mapping[str, object], name: str) -> tuple[str, ...]:
    values = document.get(name)
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise FormatError(f'trust file: "{name}" is not a list of texts')
    return tuple(values)


def _items(document: Mapping[str, object], name: str) -> list[Mapping[str, object]]:
    values = document.get(name)
    if not isinstance(values, list) or not all(isinstance(value, Mapping) for value in values):
        raise FormatError(f'trust file: "{name}" is not a list of objects')
    return values


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
    `checkpoint`, `publisher` the key that signed and is trusted for it.
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

    # 10: a trusted log signed that checkpoint.
    key, verified = _open_checkpoint(run, parsed.checkpoint, claimed, opened.entry, trust)
    run.passed(10, f"signed by {key.label}, log {verified.origin} of {verified.size}; no witness is required by policy")
    return _verified(run, opened, parsed.index, verified)


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
    run.passed(10, f"as for {serial}: log {log.origin} of {log.size}; no witness is required by policy")
    return _verified(run, opened, index, log)


def verify_front(stored: bytes, *, trust: Trust, schema: Schema) -> tuple[VerifiedBundle, Front, Checkpoint]:
    """The edition in a `front` file, verified; the file's parts; and the log's checkpoint, verified. VerifyError if the
    edition is not authentic (what is wrong with the wrapping counts as check 1, 3 or 4). The consistency proofs in it
    are not checked: `check_newer` does, against what the reader has seen before."""
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


def _open_checkpoint(
    run: _Run, data: bytes, claimed: Checkpoint, entry: Entry, trust: Trust
) -> tuple[VerifierKey, Checkpoint]:
    candidates = [log for log in trust.logs if log.origin == claimed.origin]
    if not candidates:
        known = ", ".join(log.origin for log in trust.logs) or "none"
        run.failed(10, f"the checkpoint is of the log {shown(claimed.origin)}, trusted logs: {shown(known)}")
    problem = ""
    for log in candidates:
        try:
            verified = checkpoints.open_checkpoint(data, log.key, log.origin)
        except SigningError as error:
            problem = str(error)
            continue
        if log.valid_until is None or entry.time <= log.valid_until:
            return log.key, verified
        problem = f"the log {log.origin} ended at {log.valid_until}, the entry is of {entry.time}"
    run.failed(10, problem)


def _verified(run: _Run, opened: _Opened, index: int, checkpoint: Checkpoint) -> VerifiedBundle:
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
        made_here=_MADE_HERE,
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
