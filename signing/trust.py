"""Who may sign: a small TUF repository, walked as a reader does. No I/O; the clock and every file are arguments.
`signing.authority` makes it.

A mirror serves below `trust/`:

    <N>.root.json                  keys and thresholds of all roles     1 year     keys of the role root, offline
    <N>.targets.json               length and hash of trust.json        1 year     the same keys
    <N>.snapshot.json              version and hash of targets          90 days    the online key
    timestamp.json                 version and hash of snapshot         14 days    the online key
    targets/<sha256>.trust.json    which keys sign what (schemas/trust.schema.json)
    targets/<sha256>.<name>        other targets, all optional: witness.policy (which a reader needs as well, when it
                                   is listed), mirrors.json, minisign.pub, reader.html

All metadata is JSON without white space, with consistent snapshots: only `timestamp.json` is ever rewritten. A reader
pins the SHA-256 of `1.root.json` (its *fingerprint*) and follows the chain of roots from there, each signed by the
threshold of the one before and by its own, each exactly one version higher, until a file is absent. A host that answers
with a web page (a body that begins with `<`) has no such file.

What `walk` refuses is forged, damaged, mixed or rolled back, and all of it is a `TrustError`. What is merely old is
reported (`TrustView.fresh`, `.expired`): a date that passed never makes true bytes false.

The metadata itself is python-tuf's (`tuf.api`), which is imported by the functions that need it: time that a command
without trust files does not pay.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from signing.errors import SigningError, shown

if TYPE_CHECKING:
    from tuf.api.metadata import Metadata

ROLES: Final = ("root", "timestamp", "snapshot", "targets")
# The largest of our files is about 3 KB; these are python-tuf's and what a hostile mirror may make a reader load.
CAPS: Final = {"root": 512_000, "timestamp": 16_384, "snapshot": 1_000_000, "targets": 1_000_000}
TRUST_CAP: Final = 1_000_000
# One root a month for twenty years; bounds the requests a mirror can cause.
MAX_ROOTS: Final = 256

TARGET: Final = "trust.json"
POLICY: Final = "witness.policy"
# A policy of a hundred witnesses has 12 KB.
POLICY_CAP: Final = 65_536
# What a target of ours may be called: its name becomes a file name on every mirror and every reader's disk.
_TARGET_NAME = re.compile("[a-z0-9][a-z0-9.-]{0,63}", re.ASCII)
_DIGEST = re.compile("[0-9a-f]{64}", re.ASCII)
_HEX = re.compile("[0-9a-f]*", re.ASCII)
_PIN = re.compile("sha256:[0-9a-f]{64}", re.ASCII)

ReadCapped = Callable[[str, int], bytes | None]


class TrustError(SigningError):
    """The trust files are forged, damaged, mixed, rolled back or missing; or cannot be signed with these keys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetInfo:
    """A listed target: how many bytes it has, and their SHA-256 in hex."""

    size: int
    digest: str

    def path(self, name: str) -> str:
        """Where a mirror has it."""
        return f"trust/targets/{self.digest}.{name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustView:
    """What the trust files say, after all of them were checked.

    `trust` is trust.json as signed, `policy` witness.policy, None when none is listed; `targets` are all that are
    listed, by name, those two included. `fresh` is whether no role has expired; `expired` names those that have,
    `expires` says when each does. `fingerprint` is of the root the walk began with. `files` holds every file used, by
    path, so that they can be kept, packed and walked again without a network. `versions` and `online` (IDs of the keys
    of timestamp and snapshot) serve the next walk as memory against rollback.
    """

    trust: bytes = field(repr=False)
    policy: bytes | None = field(repr=False)
    targets: Mapping[str, TargetInfo]
    root_version: int
    root_digest: str
    expires: Mapping[str, str]
    fresh: bool
    expired: tuple[str, ...]
    fingerprint: str
    versions: Mapping[str, int]
    online: frozenset[str] = field(repr=False)
    files: Mapping[str, bytes] = field(repr=False)


def fingerprint(root: bytes) -> str:
    """What readers pin: `sha256:` and the SHA-256 of a root file in hex."""
    return "sha256:" + hashlib.sha256(root).hexdigest()


# --- for readers -----------------------------------------------------------------------------------------------------


def walk(
    read: ReadCapped, *, pin: str | bytes, now: datetime | str, known: TrustView | None = None, exact: bool = True
) -> TrustView:
    """What the trust files behind `read` say, all of them checked as TUF's client workflow (5.3-5.7) demands.

    `read(path, cap)` returns a file of the mirror (paths as in the module's table), or None when there is none; it
    should stop reading at `cap` bytes. `pin` is the fingerprint of `1.root.json`, or a root file that is trusted
    already. `known` is what an earlier walk found: nothing older is accepted. `exact` also refuses metadata that isn't
    in the one form we write, down to the case of a digit: harmless, but bytes that somebody changed. Raises
    `TrustError`.
    """
    moment = moment_of(now)
    files: dict[str, bytes] = {}

    def fetch(path: str, cap: int) -> bytes:
        data = read(path, cap)
        if data is None:
            raise TrustError(f"{path} is missing")
        if len(data) > cap:
            raise TrustError(f"{path} is larger than {cap} bytes")
        files[path] = data
        return data

    anchor, root = _anchor(pin, fetch, files)
    root, root_data = _follow_roots(root, anchor, read, files)
    online = frozenset(root.signed.roles["timestamp"].keyids) | frozenset(root.signed.roles["snapshot"].keyids)
    root_digest = hashlib.sha256(root_data).hexdigest()
    oldest = _oldest_allowed(known, root.signed.version, root_digest, online)

    timestamp = load("timestamp", fetch("trust/timestamp.json", CAPS["timestamp"]), root.signed)
    _not_older("timestamp", timestamp.signed.version, oldest)
    snapshot_meta = timestamp.signed.snapshot_meta
    _not_older("snapshot", snapshot_meta.version, oldest)

    snapshot = _load_listed("snapshot", snapshot_meta, fetch, root.signed)
    targets_meta = snapshot.signed.meta.get("targets.json")
    if targets_meta is None:
        raise TrustError("the snapshot does not list targets.json")
    _not_older("targets", targets_meta.version, oldest)

    targets = _load_listed("targets", targets_meta, fetch, root.signed)
    listed = _listed_targets(targets, exact)
    if TARGET not in listed:
        raise TrustError(f"the targets do not list {TARGET} with its SHA-256")
    trust = _fetch_target(TARGET, targets, listed, fetch, TRUST_CAP)
    policy = _fetch_target(POLICY, targets, listed, fetch, POLICY_CAP) if POLICY in listed else None

    if exact:
        for path, data in files.items():
            if not path.startswith("trust/targets/"):
                _check_form(path, data)
    roles = {"root": root, "timestamp": timestamp, "snapshot": snapshot, "targets": targets}
    expires = {name: _utc(role.signed.expires) for name, role in roles.items()}
    expired = tuple(name for name in ROLES if expires[name] <= moment)
    return TrustView(
        trust=trust,
        policy=policy,
        targets=listed,
        root_version=root.signed.version,
        root_digest=root_digest,
        expires={name: _text(time) for name, time in expires.items()},
        fresh=not expired,
        expired=expired,
        fingerprint=fingerprint(anchor),
        versions={name: role.signed.version for name, role in roles.items()},
        online=online,
        files=files,
    )


def _anchor(
    pin: str | bytes, fetch: Callable[[str, int], bytes], files: dict[str, bytes]
) -> tuple[bytes, Metadata[Any]]:
    """The root to begin with: the bytes that were pinned, and what they say."""
    if isinstance(pin, bytes):
        root = load("root", pin, None)
        files[f"trust/{root.signed.version}.root.json"] = pin
        return pin, root
    if not _PIN.fullmatch(pin):
        raise TrustError(f"a fingerprint is sha256: and 64 hex digits, not {shown(pin)}")
    data = fetch("trust/1.root.json", CAPS["root"])
    if fingerprint(data) != pin:
        # Before it is parsed: bytes nobody vouches for.
        raise TrustError(f"1.root.json is not the pinned one: expected {pin}, found {fingerprint(data)}")
    root = load("root", data, None)
    if root.signed.version != 1:
        raise TrustError(f"1.root.json says it is version {root.signed.version}")
    return data, root


def _follow_roots(
    root: Metadata[Any], data: bytes, read: ReadCapped, files: dict[str, bytes]
) -> tuple[Metadata[Any], bytes]:
    """The newest root that can be reached, and its bytes."""
    for _ in range(MAX_ROOTS):
        version = root.signed.version + 1
        path = f"trust/{version}.root.json"
        found = read(path, CAPS["root"])
        # Static hosts and captive portals say "not found" with a page and status 200. A mirror that wants to hide a
        # root can do so anyway, by not having it.
        if found is None or found.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
            return root, data
        if len(found) > CAPS["root"]:
            raise TrustError(f"{path} is larger than {CAPS['root']} bytes")
        following = load("root", found, root.signed)
        if following.signed.version != version:
            raise TrustError(f"{path} says it is version {following.signed.version}")
        root, data = following, found
        files[path] = found
    raise TrustError(f"more than {MAX_ROOTS} roots follow the pinned one")


def _oldest_allowed(known: TrustView | None, version: int, digest: str, online: frozenset[str]) -> Mapping[str, int]:
    """The lowest version allowed of each online role. Raises `TrustError` when the root itself went back."""
    if known is None:
        return {}
    if version < known.root_version:
        raise TrustError(f"root is version {version}, but {known.root_version} was seen before")
    if version == known.root_version and digest != known.root_digest:
        raise TrustError(
            f"two different roots are both version {version}: {known.root_digest} seen before, {digest} now"
        )
    # Whoever stole an online key may have signed version 2^31 to lock everybody out. A root with other online keys
    # ends that: what the old keys said about versions no longer counts (5.3.11).
    return known.versions if known.online == online else {}


def _not_older(role: str, version: int, oldest: Mapping[str, int]) -> None:
    if version < oldest.get(role, 0):
        raise TrustError(f"{role} is version {version}, but {oldest[role]} was seen before")


def load(role: str, data: bytes, by: Any) -> Metadata[Any]:
    """`data` as metadata of `role`, signed by the threshold that `by` sets (a root also by its own)."""
    from tuf.api.metadata import Metadata

    with _guarded(f"{role} metadata"):
        metadata: Metadata[Any] = Metadata.from_bytes(data)
        if metadata.signed.type != role:
            raise TrustError(f"{role} metadata says it is {shown(metadata.signed.type)}")
        if by is not None:
            by.verify_delegate(role, metadata.signed_bytes, metadata.signatures)
        if role == "root":
            metadata.signed.verify_delegate(role, metadata.signed_bytes, metadata.signatures)
            if metadata.signed.consistent_snapshot is not True:
                raise TrustError("the root does not ask for consistent snapshots")
    return metadata


def _check_form(path: str, data: bytes) -> None:
    """TUF signs what metadata means: white space, the order of keys, the case of a date's letters and of a signature's
    digits are nobody's word. Ours have one form."""
    from tuf.api.metadata import Metadata
    from tuf.api.serialization.json import JSONSerializer

    with _guarded(path):
        metadata: Metadata[Any] = Metadata.from_bytes(data)
        digits = all(_HEX.fullmatch(signature.signature) for signature in metadata.signatures.values())
        if not digits or metadata.to_bytes(JSONSerializer(compact=True)) != data:
            raise TrustError(f"{path} is not as it was written")


def _load_listed(role: str, meta: Any, fetch: Callable[[str, int], bytes], root: Any) -> Metadata[Any]:
    """The metadata that `meta` lists: same length, hashes and version."""
    cap = CAPS[role] if meta.length is None else min(meta.length, CAPS[role])
    path = f"trust/{meta.version}.{role}.json"
    data = fetch(path, cap)
    with _guarded(path):
        meta.verify_length_and_hashes(data)
    metadata = load(role, data, root)
    if metadata.signed.version != meta.version:
        raise TrustError(f"{path} says it is version {metadata.signed.version}")
    return metadata


def _listed_targets(targets: Metadata[Any], exact: bool) -> dict[str, TargetInfo]:
    """The targets by name. Of a foreign repository, those that a reader of ours could fetch."""
    found = {}
    for name, target in targets.signed.targets.items():
        digest = target.hashes.get("sha256")
        if isinstance(digest, str) and _DIGEST.fullmatch(digest) and _TARGET_NAME.fullmatch(name):
            found[name] = TargetInfo(size=target.length, digest=digest)
        elif exact:
            raise TrustError(f"target {shown(name)} has no SHA-256, or cannot be a file name")
    return found


def _fetch_target(
    name: str, targets: Metadata[Any], listed: Mapping[str, TargetInfo], fetch: Callable[[str, int], bytes], cap: int
) -> bytes:
    path = listed[name].path(name)
    data = fetch(path, min(listed[name].size, cap))
    with _guarded(path):
        targets.signed.targets[name].verify_length_and_hashes(data)
    return data


@contextmanager
def _guarded(what: str) -> Iterator[None]:
    """Whatever python-tuf raises over hostile bytes, as a `TrustError`."""
    try:
        yield
    except TrustError:
        raise
    except Exception as error:
        # DeserializationError hides its cause: that says more
        cause = error.__cause__ if type(error).__name__ == "DeserializationError" and error.__cause__ else error
        raise TrustError(f"{what}: {shown(' '.join(str(cause).split()) or type(cause).__name__)}") from None


# --- time ------------------------------------------------------------------------------------------------------------


def moment_of(now: datetime | str) -> datetime:
    moment = datetime.fromisoformat(now) if isinstance(now, str) else now
    if moment.tzinfo is None:
        raise ValueError(f"time without a zone: {now!s}")
    return moment.astimezone(UTC).replace(microsecond=0)


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
