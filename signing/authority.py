"""The publisher's side of the trust files: made, signed again, changed and rotated. No I/O; the clock and every file
are arguments. What the files are, and how a reader walks them, is in `signing.trust`.

Root and targets need keys that are kept apart and offline. So a change of theirs is made in three steps that may lie
days and continents apart:

    propose(read, change, now)              -> Proposal     what would be signed, to the byte; needs no key
    sign_proposal(proposal, key)            -> Signature    by each holder of a root key, on a machine of their own
    assemble(read, proposal, signatures, …) -> files        what a mirror gets, once a threshold has signed

`create`, `retarget` and `rotate` do all of it at once where the keys are at hand. `refresh` is what every run does.

A root key's name stands in the root file as `x-tamizdat-name`, beside the key: TUF signs it, computes no key ID from
it, and other clients pass over it. It is what whoever made the root said; the ID is what identifies a key.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final

from signing.errors import SigningError, shown
from signing.keys import SignerKey, VerifierKey, is_name
from signing.trust import TARGET, TRUST_CAP, TrustError, TrustView, fingerprint, load, moment_of, walk

LIFETIME: Final = {
    "root": timedelta(days=365),
    "targets": timedelta(days=365),
    "snapshot": timedelta(days=90),
    "timestamp": timedelta(days=14),
}
# A snapshot is renewed this long before it expires, so that it never is the first to go stale.
_RENEW_SNAPSHOT: Final = timedelta(days=30)
_NAME: Final = "x-tamizdat-name"

Read = Callable[[str], bytes | None]
NOTHING: Final[Mapping[str, bytes]] = MappingProxyType({})


# --- what there is ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class RootKey:
    """A key as a root file lists it: TUF's key ID in hex, the 32 public bytes, and the name it was given or None."""

    id: str
    public: bytes
    name: str | None

    @property
    def label(self) -> str:
        """Name and the beginning of the ID, safe to print."""
        return f"{shown(self.name)} ({self.id[:12]})" if self.name else self.id[:12]

    @classmethod
    def of(cls, key: SignerKey | VerifierKey) -> RootKey:
        """How a root file would list this key."""
        public = key.verifier if isinstance(key, SignerKey) else key
        return cls(id=key_id(key), public=public.public, name=public.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class RootFacts:
    """What a root file says: `threshold` of `keys` sign roots and targets, `online` signs timestamp and snapshot."""

    version: int
    expires: datetime
    keys: tuple[RootKey, ...]
    threshold: int
    online: RootKey

    def key(self, id: str) -> RootKey | None:
        """The root key with this ID."""
        return next((one for one in self.keys if one.id == id), None)


def key_id(key: SignerKey | VerifierKey) -> str:
    """TUF's ID of a key, which depends on its public half alone."""
    return str(_public(key).keyid)


def root_facts(root: bytes) -> RootFacts:
    """What this root file, signed or not, says. `TrustError` when it isn't a root of the one shape we make: the same
    Ed25519 keys and threshold for root and targets, one other key for timestamp and snapshot, nothing unknown in it.

    That every key ID is computed from its key is part of the shape: one key under two IDs would count twice.
    """
    metadata = _parse("root", root)
    signed = metadata.signed
    keys = {id: _root_key(id, key) for id, key in signed.keys.items()}
    roles = signed.roles
    root_ids, online_ids = set(roles["root"].keyids), set(roles["timestamp"].keyids)
    odd = (
        signed.unrecognized_fields
        or metadata.unrecognized_fields
        or any(role.unrecognized_fields for role in roles.values())
        or set(roles) != {"root", "targets", "snapshot", "timestamp"}
        or set(roles["targets"].keyids) != root_ids
        or roles["targets"].threshold != roles["root"].threshold
        or set(roles["snapshot"].keyids) != online_ids
        or len(online_ids) != 1
        or root_ids & online_ids
        or root_ids | online_ids != set(keys)
        or not 1 <= roles["root"].threshold <= len(root_ids)
        or signed.consistent_snapshot is not True
    )
    if odd:
        raise TrustError("this root file gives the roles to keys in a way this tool never does")
    ordered = sorted((keys[id] for id in root_ids), key=lambda key: (key.name or "", key.id))
    return RootFacts(
        version=signed.version,
        expires=moment_of(_aware(signed.expires)),
        keys=tuple(ordered),
        threshold=roles["root"].threshold,
        online=keys[next(iter(online_ids))],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetsFacts:
    """What a targets file says: size and SHA-256 (hex) of every target by name."""

    version: int
    expires: datetime
    targets: Mapping[str, tuple[int, str]]


def targets_facts(targets: bytes) -> TargetsFacts:
    """What this targets file, signed or not, says. `TrustError` unless it is one of ours: no delegations, nothing
    unknown, each target with its SHA-256 alone."""
    metadata = _parse("targets", targets)
    signed = metadata.signed
    odd = signed.delegations is not None or signed.unrecognized_fields or metadata.unrecognized_fields
    if odd or any(set(one.hashes) != {"sha256"} or one.unrecognized_fields for one in signed.targets.values()):
        raise TrustError("this targets file says more than this tool ever does")
    listed = {name: (one.length, one.hashes["sha256"]) for name, one in signed.targets.items()}
    return TargetsFacts(version=signed.version, expires=moment_of(_aware(signed.expires)), targets=listed)


# --- a change, in steps ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What shall be different. None leaves a thing as it is.

    `root`, `threshold` and `online` are keys from now on; `renew` makes a new root, valid for another year, also when
    none of them changes. `targets` are new or changed target files by name; None in the place of a file removes it.
    """

    root: tuple[VerifierKey, ...] | None = None
    threshold: int | None = None
    online: VerifierKey | None = None
    renew: bool = False
    targets: Mapping[str, bytes | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A change before anybody signed it.

    `root` (None when it stays) and `targets` are the new metadata files without signatures; `files` are the target
    files that are new or changed, by name. `base_root` and `base_targets` are the signed files in force: on anything
    else it can't be installed.
    """

    base_root: bytes = field(repr=False)
    base_targets: bytes = field(repr=False)
    root: bytes | None = field(repr=False)
    targets: bytes = field(repr=False)
    files: Mapping[str, bytes] = field(repr=False)

    def signed_parts(self) -> tuple[bytes | None, bytes]:
        """The exact bytes that the keys sign (canonical JSON): of the root or None, and of the targets."""
        root = None if self.root is None else _signed_bytes("root", self.root)
        return root, _signed_bytes("targets", self.targets)

    @property
    def newest_root(self) -> bytes:
        """The root that will be in force: the new one, else the one that stays."""
        return self.base_root if self.root is None else self.root


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """One key's word on a proposal: 64 bytes over its root part, and over its targets part; None where the key has no
    say."""

    key: VerifierKey
    root: bytes | None = field(repr=False)
    targets: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lacking:
    """How many more signatures a proposal needs, of keys of the root in force (`old`) and of the new one (`new`), and
    who could give them."""

    old: int
    new: int
    of_old: tuple[RootKey, ...]
    of_new: tuple[RootKey, ...]

    def __bool__(self) -> bool:
        return bool(self.old or self.new)


def propose(read: Read, change: Change, now: datetime | str) -> Proposal:
    """What the root keys must sign to bring `change` about; expiry dates count from `now`.

    `read(path)` returns a file of the archive, which is walked first. Raises `TrustError`, also for a change that
    nobody could undo (a threshold above the number of keys, an online key that is a root key).
    """
    moment = moment_of(now)
    view = _own(read, moment)
    base_root = view.files[f"trust/{view.root_version}.root.json"]
    base_targets = view.files[f"trust/{view.versions['targets']}.targets.json"]
    root = None
    if change.renew or not (change.root is None and change.threshold is None and change.online is None):
        in_force = root_facts(base_root)
        keys = change.root if change.root is not None else tuple(map(_verifier, in_force.keys))
        threshold = in_force.threshold if change.threshold is None else change.threshold
        online = change.online or _verifier(in_force.online)
        root = _bytes(_root(view.root_version + 1, keys=keys, threshold=threshold, online=online, now=moment))
    listed = dict(_parse("targets", base_targets).signed.targets)
    for name, data in change.targets.items():
        listed.pop(name, None)
        if data is not None:
            listed[name] = _target(name, data)
    if TARGET not in listed:
        raise TrustError(f"{TARGET} can't be removed")
    targets = _tuf().Targets(version=view.versions["targets"] + 1, expires=moment + LIFETIME["targets"], targets=listed)
    files = {name: data for name, data in change.targets.items() if data is not None}
    return Proposal(base_root=base_root, base_targets=base_targets, root=root, targets=_bytes(targets), files=files)


def sign_proposal(proposal: Proposal, key: SignerKey) -> Signature:
    """This key's word on the proposal: a key of the root in force signs a new root, a key of the root that will be in
    force signs root and targets. `TrustError` when the key is of neither."""
    id = key_id(key)
    before = root_facts(proposal.base_root).key(id)
    after = root_facts(proposal.newest_root).key(id)
    if before is None and after is None:
        raise TrustError(f"{key.verifier.label} is not a root key, neither now nor after this change")
    root, targets = proposal.signed_parts()
    return Signature(
        key=key.verifier,
        root=None if root is None else key.sign(root),
        targets=key.sign(targets) if after is not None else None,
    )


def lacking(proposal: Proposal, signatures: Iterable[Signature]) -> Lacking:
    """What is still missing before the proposal can be assembled. A signature that isn't valid is a `TrustError`: it
    was made for something else, or damaged on the way."""
    root_part, targets_part = proposal.signed_parts()
    before, after = root_facts(proposal.base_root), root_facts(proposal.newest_root)
    old: set[str] = set()
    new: set[str] = set()
    for one in signatures:
        id = key_id(one.key)
        pairs = [(root_part, one.root), (targets_part, one.targets)]
        if any(given is not None and (part is None or not one.key.verifies(part, given)) for part, given in pairs):
            raise TrustError(f"the signature of {one.key.label} is not one of this proposal")
        if before.key(id) and one.root is not None:
            old.add(id)
        if after.key(id) and one.targets is not None and (one.root is not None or root_part is None):
            new.add(id)
    return Lacking(
        old=max(0, before.threshold - len(old)) if root_part is not None else 0,
        new=max(0, after.threshold - len(new)),
        of_old=tuple(key for key in before.keys if key.id not in old) if root_part is not None else (),
        of_new=tuple(key for key in after.keys if key.id not in new),
    )


def assemble(
    read: Read, proposal: Proposal, signatures: Sequence[Signature], online: SignerKey, now: datetime | str
) -> dict[str, bytes]:
    """The files a mirror gets, by path: the signed root and targets, the new target files, and a snapshot and timestamp
    by `online`, which must be the online key that the root in force from now on names.

    Raises `TrustError`: too few signatures or wrong ones, or the archive is not what the proposal follows.
    """
    moment = moment_of(now)
    view = _own(read, moment)
    if view.files[f"trust/{view.root_version}.root.json"] != proposal.base_root:
        made = _parse("root", proposal.base_root).signed.version
        raise TrustError(f"the archive moved on: its root is version {view.root_version}, this change was for {made}")
    if view.files[f"trust/{view.versions['targets']}.targets.json"] != proposal.base_targets:
        made, is_now = _parse("targets", proposal.base_targets).signed.version, view.versions["targets"]
        raise TrustError(f"the archive moved on: its targets are version {is_now}, this change was for {made}")
    missing = lacking(proposal, signatures)
    if missing:
        raise TrustError(_too_few(missing))
    files: dict[str, bytes] = {}
    before, after = root_facts(proposal.base_root), root_facts(proposal.newest_root)
    root = proposal.base_root
    if proposal.root is not None:
        signers = {key.id for key in (*before.keys, *after.keys)}
        root = _with_signatures("root", proposal.root, {
            key_id(one.key): one.root for one in signatures if one.root is not None and key_id(one.key) in signers
        })  # fmt: skip
        load("root", root, load("root", proposal.base_root, None).signed)
        files[f"trust/{after.version}.root.json"] = root
    if key_id(online) != after.online.id:
        raise TrustError(f"{online.verifier.label} is not the online key that root {after.version} names")
    targets = _with_signatures("targets", proposal.targets, {
        key_id(one.key): one.targets for one in signatures if one.targets is not None and after.key(key_id(one.key))
    })  # fmt: skip
    in_force = load("root", root, None).signed
    load("targets", targets, in_force)
    for name, data in proposal.files.items():
        files[f"trust/targets/{hashlib.sha256(data).hexdigest()}.{name}"] = data
    number = view.versions["targets"] + 1
    files[f"trust/{number}.targets.json"] = targets
    versions = (number, view.versions["snapshot"] + 1, view.versions["timestamp"] + 1)
    return files | _make_online(versions, targets, root, online, moment)


def _too_few(missing: Lacking) -> str:
    many = max(missing.old, missing.new)
    who = {key.id: key.label for key in (missing.of_old if missing.old >= missing.new else missing.of_new)}
    which = "the root in force" if missing.old >= missing.new else "the new root"
    return f"{many} more signature{'s' if many > 1 else ''} of {which} needed, by any of {', '.join(who.values())}"


# --- all at once -----------------------------------------------------------------------------------------------------


def create(
    *,
    root: Sequence[SignerKey | VerifierKey],
    threshold: int,
    online: SignerKey,
    trust_document: bytes | Callable[[int, str], bytes],
    now: datetime | str,
    targets: Mapping[str, bytes] = NOTHING,
) -> dict[str, bytes]:
    """All files of a new repository, by path on the mirror.

    `threshold` of the keys `root` must sign roots and targets; those of them that are `SignerKey`s sign now.
    `trust_document` is trust.json, or a function that makes it from the root's version and SHA-256, which it names;
    `targets` are further target files by name. Raises `TrustError` when too few private keys are given, or one key has
    two roles.
    """
    moment = moment_of(now)
    parts = _root(1, keys=root, threshold=threshold, online=online, now=moment)
    data = _signed(parts, root)
    load("root", data, None)
    files = {"trust/1.root.json": data}
    trust = _document(trust_document, data)
    listed = {name: _target(name, given) for name, given in {TARGET: trust, **targets}.items()}
    made = _signed(_tuf().Targets(version=1, expires=moment + LIFETIME["targets"], targets=listed), root)
    load("targets", made, load("root", data, None).signed)
    for name, given in {TARGET: trust, **targets}.items():
        files[f"trust/targets/{hashlib.sha256(given).hexdigest()}.{name}"] = given
    return files | {"trust/1.targets.json": made} | _make_online((1, 1, 1), made, data, online, moment)


def refresh(read: Read, online: SignerKey, now: datetime | str) -> dict[str, bytes]:
    """A new timestamp, and a new snapshot when the old one has less than 30 days left: the files that changed.

    `read(path)` returns a file of the archive. The archive is walked first: nothing is signed on top of damaged files.
    Raises `TrustError`, also when `online` is not the key that the root names.
    """
    moment = moment_of(now)
    view = _own(read, moment)
    targets = view.files[f"trust/{view.versions['targets']}.targets.json"]
    version = view.versions["snapshot"]
    files: dict[str, bytes] = {}
    _is_online(view, online)
    if moment_of(view.expires["snapshot"]) - moment < _RENEW_SNAPSHOT:
        version += 1
        files[f"trust/{version}.snapshot.json"] = _make_snapshot(
            version, view.versions["targets"], targets, online, moment
        )
    snapshot = files.get(f"trust/{version}.snapshot.json") or view.files[f"trust/{version}.snapshot.json"]
    files["trust/timestamp.json"] = _make_timestamp(view.versions["timestamp"] + 1, version, snapshot, online, moment)
    return files


def retarget(
    read: Read,
    root: Sequence[SignerKey],
    online: SignerKey,
    trust_document: bytes | Callable[[int, str], bytes],
    now: datetime | str,
    *,
    targets: Mapping[str, bytes | None] = NOTHING,
) -> dict[str, bytes]:
    """A new trust.json (and further `targets`; None removes one) with what leads to it: the files that changed.

    Also the way to renew targets that are about to expire. Raises `TrustError`, also when `root` are fewer of the
    root's keys than its threshold.
    """
    moment = moment_of(now)
    view = _own(read, moment)
    _is_online(view, online)
    document = _document(trust_document, view.files[f"trust/{view.root_version}.root.json"])
    proposal = propose(read, Change(targets={**targets, TARGET: document}), now)
    return assemble(read, proposal, [sign_proposal(proposal, key) for key in root], online, now)


def rotate(
    read: Read,
    *,
    signers: Sequence[SignerKey],
    root: Sequence[SignerKey | VerifierKey],
    threshold: int,
    online: SignerKey,
    now: datetime | str,
    trust_document: bytes | None = None,
) -> dict[str, bytes]:
    """The next root, with the keys `root`, `threshold` and `online` from now on, and what they must sign anew.

    `signers` are enough private keys of the root in force; enough of `root` must be `SignerKey`s as well. Keys may stay
    the same: that renews a root about to expire. trust.json stays what it is unless given. Raises `TrustError`.
    """
    public = tuple(key.verifier if isinstance(key, SignerKey) else key for key in root)
    targets = {} if trust_document is None else {TARGET: _document(trust_document, b"")}
    proposal = propose(
        read, Change(root=public, threshold=threshold, online=online.verifier, renew=True, targets=targets), now
    )
    private = {key_id(key): key for key in (*root, *signers) if isinstance(key, SignerKey)}
    return assemble(read, proposal, [sign_proposal(proposal, key) for key in private.values()], online, now)


# --- inside ----------------------------------------------------------------------------------------------------------


def _document(given: bytes | Callable[[int, str], bytes], root: bytes) -> bytes:
    """trust.json; a function is told the version and SHA-256 of `root`."""
    trust = given if isinstance(given, bytes) else given(_parse("root", root).signed.version, fingerprint(root)[7:])
    if not trust or len(trust) > TRUST_CAP:
        raise TrustError(f"trust.json has {len(trust)} bytes, not 1 to {TRUST_CAP}")
    return trust


def _own(read: Read, now: datetime) -> TrustView:
    anchor = read("trust/1.root.json")
    if anchor is None:
        raise TrustError("trust/1.root.json is missing: there is no repository here")
    return walk(lambda path, cap: read(path), pin=anchor, now=now)


def _tuf() -> Any:
    # Any: what this module re-exports it does not declare (mypy: attr-defined).
    import tuf.api.metadata

    return tuf.api.metadata


def _sslib() -> Any:
    import securesystemslib.signer

    return securesystemslib.signer


def _is_online(view: TrustView, online: SignerKey) -> None:
    if view.online != {_public(online).keyid}:
        raise TrustError(f"{online.verifier.label} is not the online key that root {view.root_version} names")


def _public(key: SignerKey | VerifierKey) -> Any:
    """A key as python-tuf has it. Its ID depends on the key alone, not on the name."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    verifier = key.verifier if isinstance(key, SignerKey) else key
    made = _sslib().SSlibKey.from_crypto(Ed25519PublicKey.from_public_bytes(verifier.public))
    made.unrecognized_fields[_NAME] = verifier.name
    return made


def _root_key(id: str, key: Any) -> RootKey:
    """The key that a root file lists under this ID, after its shape was checked."""
    public = key.keyval.get("public")
    name = key.unrecognized_fields.get(_NAME)
    known = set(key.unrecognized_fields) <= {_NAME} and set(key.keyval) == {"public"}
    if (key.keytype, key.scheme) != ("ed25519", "ed25519") or not known or not isinstance(public, str):
        raise TrustError(f"root key {shown(id, 64)} is not an Ed25519 key")
    if name is not None and not (isinstance(name, str) and is_name(name) and len(name) <= 200):
        raise TrustError(f"root key {shown(id, 64)} has a name that can't be one")
    try:
        data = bytes.fromhex(public)
        computed = key_id(VerifierKey("key", data))
    except (ValueError, SigningError):
        raise TrustError(f"root key {shown(id, 64)} is not an Ed25519 key") from None
    if computed != id or data.hex() != public:
        raise TrustError(f"root key {shown(id, 64)} stands under an ID that is another key's")
    return RootKey(id=id, public=data, name=name)


def _verifier(key: RootKey) -> VerifierKey:
    return VerifierKey(key.name or f"key-{key.id[:12]}", key.public)


def _aware(moment: datetime) -> datetime:
    from datetime import UTC

    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _parse(role: str, data: bytes) -> Any:
    """Metadata of this role, whoever signed it."""
    from tuf.api.metadata import Metadata

    try:
        metadata: Any = Metadata.from_bytes(data)
    except Exception as error:  # whatever python-tuf raises over hostile bytes
        cause = error.__cause__ or error
        raise TrustError(f"{role} metadata: {shown(' '.join(str(cause).split()) or type(cause).__name__)}") from None
    if metadata.signed.type != role:
        raise TrustError(f"{role} metadata says it is {shown(metadata.signed.type)}")
    return metadata


def _signed_bytes(role: str, data: bytes) -> bytes:
    return bytes(_parse(role, data).signed_bytes)


def _bytes(signed: Any) -> bytes:
    """A metadata file without signatures."""
    return _signed(signed, ())


def _with_signatures(role: str, unsigned: bytes, signatures: Mapping[str, bytes]) -> bytes:
    """The metadata file with these signatures, by key ID."""
    from tuf.api.serialization.json import JSONSerializer

    metadata = _parse(role, unsigned)
    metadata.signatures.clear()
    for id in sorted(signatures):
        metadata.signatures[id] = _sslib().Signature(id, signatures[id].hex())
    return bytes(metadata.to_bytes(JSONSerializer(compact=True)))


def _signed(signed: Any, keys: Sequence[SignerKey | VerifierKey]) -> bytes:
    """The metadata file, signed by those keys whose private half is at hand."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from tuf.api.metadata import Metadata
    from tuf.api.serialization.json import JSONSerializer

    metadata = Metadata(signed)
    for key in keys:
        if isinstance(key, SignerKey):
            metadata.sign(_sslib().CryptoSigner(Ed25519PrivateKey.from_private_bytes(key.seed)), append=True)
    return metadata.to_bytes(JSONSerializer(compact=True))


def _root(
    version: int,
    *,
    keys: Sequence[SignerKey | VerifierKey],
    threshold: int,
    online: SignerKey | VerifierKey,
    now: datetime,
) -> Any:
    public = [_public(key) for key in keys]
    ids = {key.keyid for key in public}
    if not 1 <= threshold <= len(ids) or len(ids) != len(public):
        raise TrustError(f"a threshold of {threshold} does not go with {len(ids)} different root keys")
    if _public(online).keyid in ids:
        raise TrustError("the online key must not be a root key: it is on a machine that is connected")
    root = _tuf().Root(version=version, expires=now + LIFETIME["root"], consistent_snapshot=True)
    for role in ("root", "targets"):
        for key in public:
            root.add_key(key, role)
        root.roles[role].threshold = threshold
    for role in ("snapshot", "timestamp"):
        root.add_key(_public(online), role)
    return root


def _target(name: str, data: bytes) -> Any:
    if not data or len(data) > TRUST_CAP:
        raise TrustError(f"{name} has {len(data)} bytes, not 1 to {TRUST_CAP}")
    return _tuf().TargetFile.from_data(name, data, ["sha256"])


def _make_online(
    versions: tuple[int, int, int], targets: bytes, root: bytes, online: SignerKey, now: datetime
) -> dict[str, bytes]:
    """Snapshot and timestamp above this targets file; `versions` are of targets, snapshot and timestamp."""
    number, snapshot, timestamp = versions
    made = _make_snapshot(snapshot, number, targets, online, now)
    newest = _make_timestamp(timestamp, snapshot, made, online, now)
    load("timestamp", newest, load("root", root, None).signed)
    return {f"trust/{snapshot}.snapshot.json": made, "trust/timestamp.json": newest}


def _make_snapshot(version: int, targets_version: int, targets: bytes, online: SignerKey, now: datetime) -> bytes:
    snapshot = _tuf().Snapshot(version=version, expires=now + LIFETIME["snapshot"])
    snapshot.meta["targets.json"] = _meta(targets_version, targets)
    return _signed(snapshot, [online])


def _make_timestamp(version: int, snapshot_version: int, snapshot: bytes, online: SignerKey, now: datetime) -> bytes:
    meta = _meta(snapshot_version, snapshot)
    return _signed(_tuf().Timestamp(version=version, expires=now + LIFETIME["timestamp"], snapshot_meta=meta), [online])


def _meta(version: int, data: bytes) -> Any:
    return _tuf().MetaFile(version=version, length=len(data), hashes={"sha256": hashlib.sha256(data).hexdigest()})
