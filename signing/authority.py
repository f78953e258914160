"""The publisher's side of the trust files: made, signed again, changed and rotated. No I/O; the clock and every file
are arguments. What the files are, and how a reader walks them, is in `signing.trust`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from signing.keys import SignerKey, VerifierKey
from signing.trust import TARGET, TRUST_CAP, TrustError, TrustView, fingerprint, load, moment_of, walk

LIFETIME: Final = {
    "root": timedelta(days=365),
    "targets": timedelta(days=365),
    "snapshot": timedelta(days=90),
    "timestamp": timedelta(days=14),
}
# A snapshot is renewed this long before it expires, so that it never is the first to go stale.
_RENEW_SNAPSHOT: Final = timedelta(days=30)

Read = Callable[[str], bytes | None]


def create(
    *,
    root: Sequence[SignerKey | VerifierKey],
    threshold: int,
    online: SignerKey,
    trust_document: bytes | Callable[[int, str], bytes],
    now: datetime | str,
) -> dict[str, bytes]:
    """All files of a new repository, by path on the mirror.

    `threshold` of the keys `root` must sign roots and targets; those of them that are `SignerKey`s sign now.
    `trust_document` is trust.json, or a function that makes it from the root's version and SHA-256, which it names.
    Raises `TrustError` when too few private keys are given, or one key has two roles.
    """
    moment = moment_of(now)
    files = {"trust/1.root.json": _make_root(1, keys=root, threshold=threshold, online=online, now=moment)}
    versions = {"targets": 1, "snapshot": 1, "timestamp": 1}
    return files | _make_targets(
        versions, files["trust/1.root.json"], keys=root, online=online, document=trust_document, now=moment
    )


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
) -> dict[str, bytes]:
    """A new trust.json and the targets, snapshot and timestamp that lead to it: the files that changed.

    Also the way to renew targets that are about to expire. Raises `TrustError`, also when `root` are fewer of the
    root's keys than its threshold.
    """
    moment = moment_of(now)
    view = _own(read, moment)
    _is_online(view, online)
    newest = view.files[f"trust/{view.root_version}.root.json"]
    return _make_targets(_following(view), newest, keys=root, online=online, document=trust_document, now=moment)


def rotate(
    read: Read,
    *,
    signers: Sequence[SignerKey],
    root: Sequence[SignerKey | VerifierKey],
    threshold: int,
    online: SignerKey,
    now: datetime | str,
    trust_document: bytes | Callable[[int, str], bytes] | None = None,
) -> dict[str, bytes]:
    """The next root, with the keys `root`, `threshold` and `online` from now on, and what they must sign anew.

    `signers` are enough private keys of the root in force; enough of `root` must be `SignerKey`s as well. Keys may stay
    the same: that renews a root about to expire. trust.json stays what it is unless given. Raises `TrustError`.
    """
    moment = moment_of(now)
    view = _own(read, moment)
    version = view.root_version + 1
    data = _make_root(version, keys=root, threshold=threshold, online=online, now=moment, also=signers)
    load("root", data, load("root", view.files[f"trust/{view.root_version}.root.json"], None).signed)
    document = view.trust if trust_document is None else trust_document
    return {f"trust/{version}.root.json": data} | _make_targets(
        _following(view), data, keys=root, online=online, document=document, now=moment
    )


def _following(view: TrustView) -> dict[str, int]:
    return {role: view.versions[role] + 1 for role in ("targets", "snapshot", "timestamp")}


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

    public = key.verifier.public if isinstance(key, SignerKey) else key.public
    return _sslib().SSlibKey.from_crypto(Ed25519PublicKey.from_public_bytes(public))


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


def _make_root(
    version: int,
    *,
    keys: Sequence[SignerKey | VerifierKey],
    threshold: int,
    online: SignerKey,
    now: datetime,
    also: Sequence[SignerKey] = (),
) -> bytes:
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
    data = _signed(root, [*keys, *(key for key in also if _public(key).keyid not in ids)])
    load("root", data, None)
    return data


def _make_targets(
    versions: Mapping[str, int],
    root: bytes,
    *,
    keys: Sequence[SignerKey | VerifierKey],
    online: SignerKey,
    document: bytes | Callable[[int, str], bytes],
    now: datetime,
) -> dict[str, bytes]:
    """Targets for `document`, and the snapshot and timestamp above it."""
    in_force = load("root", root, None)
    trust = document if isinstance(document, bytes) else document(in_force.signed.version, fingerprint(root)[7:])
    if not trust or len(trust) > TRUST_CAP:
        raise TrustError(f"trust.json has {len(trust)} bytes, not 1 to {TRUST_CAP}")
    number = versions["targets"]
    targets = _tuf().Targets(version=number, expires=now + LIFETIME["targets"])
    targets.targets[TARGET] = _tuf().TargetFile.from_data(TARGET, trust, ["sha256"])
    data = _signed(targets, keys)
    load("targets", data, in_force.signed)
    snapshot = _make_snapshot(versions["snapshot"], number, data, online, now)
    timestamp = _make_timestamp(versions["timestamp"], versions["snapshot"], snapshot, online, now)
    load("timestamp", timestamp, in_force.signed)
    return {
        f"trust/targets/{hashlib.sha256(trust).hexdigest()}.{TARGET}": trust,
        f"trust/{number}.targets.json": data,
        f"trust/{versions['snapshot']}.snapshot.json": snapshot,
        "trust/timestamp.json": timestamp,
    }


def _make_snapshot(version: int, targets_version: int, targets: bytes, online: SignerKey, now: datetime) -> bytes:
    snapshot = _tuf().Snapshot(version=version, expires=now + LIFETIME["snapshot"])
    snapshot.meta["targets.json"] = _meta(targets_version, targets)
    return _signed(snapshot, [online])


def _make_timestamp(version: int, snapshot_version: int, snapshot: bytes, online: SignerKey, now: datetime) -> bytes:
    meta = _meta(snapshot_version, snapshot)
    return _signed(_tuf().Timestamp(version=version, expires=now + LIFETIME["timestamp"], snapshot_meta=meta), [online])


def _meta(version: int, data: bytes) -> Any:
    return _tuf().MetaFile(version=version, length=len(data), hashes={"sha256": hashlib.sha256(data).hexdigest()})
