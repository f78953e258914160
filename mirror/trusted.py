"""Whom a reader trusts for what a mirror carries: the mirror's trust files and those remembered, the newer ones win."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime

import schemas
from mirror.errors import DoNotTrust, Unpinned
from mirror.findings import TwoTrusts
from mirror.known import Known, Memory
from mirror.read import Mirror
from signing import checkpoint as checkpoints
from signing.errors import SigningError
from signing.packing import parse_json
from signing.roles import Trust
from signing.trust import CAPS, TrustError, TrustView, same_version_contradiction, walk

TIMESTAMP = "trust/timestamp.json"


@dataclass(slots=True, kw_only=True)
class Trusted:
    """A mirror's publication as this reader's pin sees it. `view` is the newest that is known of its trust files;
    `behind` says that those of the mirror itself are older. `notes` are for the reader."""

    trust: Trust
    view: TrustView
    known: Known | None
    behind: bool = False
    notes: list[str] = field(default_factory=list)


def open_trust(
    mirror: Mirror, *, pin: str | bytes | None, memory: Memory, now: datetime, alone: bool = False
) -> Trusted:
    """Walk the mirror's trust metadata from the pinned root. Without a given pin, the one remembered for the
    publication that the mirror claims to carry. With `alone` the mirror may lack trust metadata (a single file that was
    passed by hand): what is remembered is walked again. Raises `DoNotTrust` and `ReadError`."""
    claimed = _claimed_origin(mirror) if pin is None or alone else None
    if pin is None:
        known = memory.recall(claimed) if claimed else None
        if known is None:
            raise Unpinned(
                f"{mirror.name}: nothing can be called authentic without a trust root",
                hint="get the publication's fingerprint from a channel you trust, then give --trust sha256:…",
            )
        pin = known.root()
    try:
        if alone and claimed and mirror.get("trust/timestamp.json", 1 << 16) is None:
            known = memory.recall(claimed)
            seen = _seen(known, now) if known is not None else None
            if seen is not None and _leads_from_pin(pin, seen):
                notes = ["no trust files came with this; those of an earlier visit were checked again and used"]
                return Trusted(trust=trust_of(seen), view=seen, known=known, notes=notes)
        view = _served(mirror, pin, now)
        trust = trust_of(view)
        known = memory.recall(trust.origin)
        if known is not None and not leads_from(known.pin, view):
            raise DoNotTrust(
                f"{mirror.name}: another trust root was pinned for {trust.origin} before",
                hint=f"before: {known.pin}, now: {view.fingerprint}. Ask the publisher which is right",
            )
        seen = _seen(known, now) if known is not None else None
        if seen is None:
            return Trusted(trust=trust, view=view, known=known)
        _contradiction(seen, view, trust.origin, mirror.name)
        # A key that was revoked stays revoked, however old the trust files are that a mirror serves.
        best = _newest(seen, view, pin, now)
        trust = trust_of(best)
        surprise = trust_of(seen).unannounced(trust)
        hint = "the one kept ready may be lost, and the root keys signed for this one: ask the publisher"
        return Trusted(
            trust=trust,
            view=best,
            known=known,
            behind=_order(view) < _order(best),
            notes=[f"{surprise}; {hint}"] if surprise else [],
        )
    except (SigningError, schemas.SchemaError) as error:
        raise DoNotTrust(
            f"{mirror.name}: trust metadata: {error}",
            hint="this mirror does not carry the publication you pinned, or was tampered with; try another mirror",
        ) from error


def _served(mirror: Mirror, pin: str | bytes, now: datetime) -> TrustView:
    """What the mirror's trust files say. They may be replaced between two requests, and what the timestamp named is
    gone then: with another timestamp they are walked once more."""
    timestamp: list[bytes | None] = []

    def get(path: str, cap: int) -> bytes | None:
        data = mirror.get(path, cap)
        if path == TIMESTAMP:
            timestamp.append(data)
        return data

    try:
        return walk(get, pin=pin, now=now)
    except TrustError:
        if not timestamp or mirror.get(TIMESTAMP, CAPS["timestamp"]) in (timestamp[0], None):
            raise
    return walk(mirror.get, pin=pin, now=now)


def trust_of(view: TrustView) -> Trust:
    """Whom these trust files name. Raises `SigningError` and `SchemaError`."""
    document = parse_json(view.trust)
    schemas.check("trust", document)
    return Trust.from_document(document, policy=view.policy)


def leads_from(pin: str, view: TrustView) -> bool:
    """Whether the walk went through the root that was pinned."""
    return pin == view.fingerprint or any(
        path.endswith(".root.json") and pin == f"sha256:{hashlib.sha256(data).hexdigest()}"
        for path, data in view.files.items()
    )


def _leads_from_pin(pin: str | bytes, view: TrustView) -> bool:
    return leads_from(pin if isinstance(pin, str) else f"sha256:{hashlib.sha256(pin).hexdigest()}", view)


def _seen(known: Known, now: datetime) -> TrustView | None:
    """The newest trust files this reader has seen, walked again."""
    if not known.trust:
        return None
    files = {path: text.encode() for path, text in known.trust.items()}
    return walk(lambda path, _cap: files.get(path), pin=known.root(), now=now)


def _order(view: TrustView) -> tuple[int, int]:
    """Only root and targets say who may sign; the other files are about dates."""
    return view.root_version, view.versions["targets"]


def _newest(seen: TrustView, served: TrustView, pin: str | bytes, now: datetime) -> TrustView:
    """The newest roots of both with the newest targets of both, as far as those roots still vouch for them: a mirror
    must not undo a newer trust.json by adding a newer root to an old one, nor the other way round."""
    old, new = sorted((seen, served), key=_order)
    if old.versions["targets"] <= new.versions["targets"]:
        return new
    if old.online != new.online:
        # What stolen online keys said about versions must not lock anybody out (TUF 5.3.11).
        return new
    files = {**new.files, **{path: data for path, data in old.files.items() if not path.endswith(".root.json")}}
    try:
        return walk(lambda path, _cap: files.get(path), pin=pin, now=now)
    except TrustError:
        return new


def _contradiction(seen: TrustView, served: TrustView, origin: str, name: str) -> None:
    """Raises `TwoTrusts` when two files of one role and version differ, both signed by those who may."""

    def differ(role: str, version: int) -> None:
        path = f"trust/{version}.{role}.json"
        one, other = seen.files.get(path), served.files.get(path)
        if one is None or other is None or one == other:
            return
        # All roots of both: what a key could sign alone once accuses nobody when it has become one of three.
        if same_version_contradiction(one, other, {**served.files, **seen.files}) is not None:
            raise TwoTrusts(
                f"{name}: trust metadata: two different {role} files are both version {version}; "
                "another one was seen before",
                metadata=(one, other),
                origin=origin,
                view=max(seen, served, key=lambda view: view.root_version),
            )

    for version in range(1, min(seen.root_version, served.root_version) + 1):
        differ("root", version)
    if seen.versions["targets"] == served.versions["targets"]:
        differ("targets", seen.versions["targets"])


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
