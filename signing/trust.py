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
reported (`TrustView.fresh`, `.expired`): a date that passed never makes true bytes false. Memory (`known`) keeps a
mirror from going back: as long as the root in force still vouches for the timestamp and snapshot seen before, nothing
older than they say is accepted; when their keys were rotated they no longer count, so that whoever stole an online key
cannot lock readers out with version 2^53 (5.3.11).

Stricter than TUF, everywhere: no name twice in an object, no fractions, no `true` where a number stands, no number
above 2^53-1 (JavaScript reads the same files), at most 64 levels of nesting, no key under two IDs in one role. Stricter
with `exact`, for our own files: one spelling (as python-tuf writes it, compact), consistent snapshots, Ed25519 keys
under the ID that python-tuf computes, length and SHA-256 wherever a file lists another, and no signature by a key that
the root does not name. TUF signs what metadata means, so spelling and surplus signatures are nobody's word; compare two
files with `same_statement`, never byte by byte.

The metadata itself is python-tuf's (`tuf.api`), which is imported by the functions that need it: time that a command
without trust files does not pay.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NoReturn, Protocol

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
_SIGNATURE = re.compile("[0-9a-f]{128}", re.ASCII)
_PIN = re.compile("sha256:[0-9a-f]{64}", re.ASCII)

_NUMBERS: Final = frozenset({"version", "threshold", "length"})
_MAX_NUMBER = 2**53 - 1
_MAX_DEPTH = 64

ReadCapped = Callable[[str, int], bytes | None]
# Role, metadata, bytes as served.
Each = Callable[[str, "Metadata[Any]", bytes], None]


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


class Memory(Protocol):
    """What an earlier walk found: a `TrustView`, or what stands for one."""

    @property
    def root_version(self) -> int: ...

    @property
    def files(self) -> Mapping[str, bytes]:
        """By path: `trust/<root_version>.root.json`, and the timestamp and snapshot, as far as there are any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Roles:
    """The metadata of a repository, all of it verified. `anchor` is the root the walk began with."""

    root: Metadata[Any]
    timestamp: Metadata[Any]
    snapshot: Metadata[Any]
    targets: Metadata[Any]
    anchor: bytes
    root_data: bytes


def walk(
    read: ReadCapped, *, pin: str | bytes, now: datetime | str, known: Memory | None = None, exact: bool = True
) -> TrustView:
    """What the trust files behind `read` say, all of them checked as TUF's client workflow (5.3-5.7) demands.

    `read(path, cap)` returns a file of the mirror (paths as in the module's table), or None when there is none; it
    should stop reading at `cap` bytes. `pin` is the fingerprint of `1.root.json`, or a root file that is trusted
    already. `known` is what an earlier walk found: nothing older is accepted. `exact` also refuses metadata that isn't
    in the one form we write. Raises `TrustError`.
    """
    moment = moment_of(now)
    files: dict[str, bytes] = {}
    fetch = _fetcher(read, files)
    roles = walk_roles(read, pin=pin, known=known, exact=exact, files=files)
    listed = _listed_targets(roles.targets, exact)
    if TARGET not in listed:
        raise TrustError(f"the targets do not list {TARGET} with its SHA-256")
    trust = _fetch_target(TARGET, roles, listed, fetch, TRUST_CAP)
    policy = _fetch_target(POLICY, roles, listed, fetch, POLICY_CAP) if POLICY in listed else None

    metadata = {name: getattr(roles, name).signed for name in ROLES}
    expires = {name: _utc(signed.expires) for name, signed in metadata.items()}
    expired = tuple(name for name in ROLES if expires[name] <= moment)
    online = metadata["root"].roles
    return TrustView(
        trust=trust,
        policy=policy,
        targets=listed,
        root_version=metadata["root"].version,
        root_digest=hashlib.sha256(roles.root_data).hexdigest(),
        expires={name: _text(time) for name, time in expires.items()},
        fresh=not expired,
        expired=expired,
        fingerprint=fingerprint(roles.anchor),
        versions={name: signed.version for name, signed in metadata.items()},
        online=frozenset(online["timestamp"].keyids) | frozenset(online["snapshot"].keyids),
        files=files,
    )


def walk_roles(
    read: ReadCapped,
    *,
    pin: str | bytes,
    known: Memory | None = None,
    exact: bool = True,
    each: Each | None = None,
    files: dict[str, bytes] | None = None,
) -> Roles:
    """The first part of `walk`, for any TUF repository: root, timestamp, snapshot and targets, verified; no target.

    `each` is called with every role as soon as it is verified, roots included, and before anything further is read;
    what it raises ends the walk. `files` collects what was read, by path. Without `exact`, names are as the root says
    (consistent snapshots or not). Raises `TrustError`.
    """
    files = {} if files is None else files
    each = each or _nothing
    fetch = _fetcher(read, files)

    def accept(path: str, data: bytes, metadata: Metadata[Any], *roots: Any) -> None:
        if exact:
            _check_form(path, data, metadata, *roots)

    anchor, root = _anchor(pin, fetch, files)
    root_data = anchor
    # A pinned file is known by its bytes; and who was to sign it, its predecessor says, which isn't at hand.
    accept("the pinned root", anchor, root)
    each("root", root, anchor)
    for version, following, data in _roots_after(root, read, files):
        accept(f"trust/{version}.root.json", data, following, root.signed, following.signed)
        root, root_data = following, data
        each("root", root, data)
    _check_consistent(root, exact)
    oldest, kept = _oldest_allowed(known, root)

    data = fetch("trust/timestamp.json", CAPS["timestamp"])
    timestamp = load("timestamp", data, root.signed)
    accept("trust/timestamp.json", data, timestamp, root.signed)
    _not_older("timestamp", timestamp.signed.version, oldest)
    if kept is not None and timestamp.signed.version == oldest["timestamp"]:
        # 5.4.3: of two with one version, the first one seen stays.
        data = files["trust/timestamp.json"] = kept
        timestamp = load("timestamp", data, root.signed)
    listed = timestamp.signed.snapshot_meta
    _not_older("snapshot", listed.version, oldest)
    each("timestamp", timestamp, data)

    snapshot, data = _load_listed("snapshot", listed, fetch, root.signed, exact)
    accept("snapshot.json", data, snapshot, root.signed)
    for name, version in oldest.items():
        if name.endswith(".json"):
            if name not in snapshot.signed.meta:
                raise TrustError(f"the snapshot no longer lists {shown(name)}")
            _not_older(name.removesuffix(".json"), snapshot.signed.meta[name].version, {name[:-5]: version})
    listed = snapshot.signed.meta.get("targets.json")
    if listed is None:
        raise TrustError("the snapshot does not list targets.json")
    each("snapshot", snapshot, data)

    targets, data = _load_listed("targets", listed, fetch, root.signed, exact)
    accept("targets.json", data, targets, root.signed)
    each("targets", targets, data)
    return Roles(root=root, timestamp=timestamp, snapshot=snapshot, targets=targets, anchor=anchor, root_data=root_data)


def _nothing(role: str, metadata: Metadata[Any], data: bytes) -> None:
    """What is done with each role when nothing is to be done."""


def _fetcher(read: ReadCapped, files: dict[str, bytes]) -> Callable[[str, int], bytes]:
    def fetch(path: str, cap: int) -> bytes:
        data = read(path, cap)
        if data is None:
            raise TrustError(f"{path} is missing")
        if len(data) > cap:
            raise TrustError(f"{path} is larger than {cap} bytes")
        files[path] = data
        return data

    return fetch


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


def _roots_after(
    root: Metadata[Any], read: ReadCapped, files: dict[str, bytes]
) -> Iterator[tuple[int, Metadata[Any], bytes]]:
    """The roots that follow, as far as they can be reached: version, metadata, bytes."""
    for _ in range(MAX_ROOTS):
        version = root.signed.version + 1
        path = f"trust/{version}.root.json"
        found = read(path, CAPS["root"])
        # Static hosts and captive portals say "not found" with a page and status 200. A mirror that wants to hide a
        # root can do so anyway, by not having it.
        if found is None or found.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
            return
        if len(found) > CAPS["root"]:
            raise TrustError(f"{path} is larger than {CAPS['root']} bytes")
        following = load("root", found, root.signed)
        if following.signed.version != version:
            raise TrustError(f"{path} says it is version {following.signed.version}")
        files[path] = found
        yield version, following, found
        root = following
    raise TrustError(f"more than {MAX_ROOTS} roots follow the pinned one")


def _check_consistent(root: Metadata[Any], exact: bool) -> None:
    if exact and root.signed.consistent_snapshot is not True:
        raise TrustError("the root does not ask for consistent snapshots")


def _oldest_allowed(known: Memory | None, root: Metadata[Any]) -> tuple[dict[str, int], bytes | None]:
    """The lowest version allowed of `timestamp` and `snapshot` and of each file that a snapshot lists (`….json`), and
    the timestamp seen before, if it still counts. Raises `TrustError` when the root itself went back."""
    if known is None:
        return {}, None
    version = root.signed.version
    if version < known.root_version:
        raise TrustError(f"root is version {version}, but {known.root_version} was seen before")
    before = known.files.get(f"trust/{known.root_version}.root.json")
    if version == known.root_version and before is not None:
        # Not the files: a mirror may leave out a surplus signature, and must not lock readers out with that.
        signed = load("root", before, None).signed_bytes
        if signed != root.signed_bytes:
            raise TrustError(
                f"two different roots are both version {version}: {hashlib.sha256(signed).hexdigest()} seen before, "
                f"{hashlib.sha256(root.signed_bytes).hexdigest()} now"
            )
    oldest: dict[str, int] = {}
    kept = known.files.get("trust/timestamp.json")
    timestamp = _still_signed("timestamp", kept, root)
    if timestamp is None:
        kept = None
    else:
        oldest["timestamp"], listed = timestamp.version, timestamp.snapshot_meta.version
        oldest["snapshot"] = listed
    for path, data in known.files.items():
        if re.fullmatch("trust/(?:[0-9]+[.])?snapshot[.]json", path):
            snapshot = _still_signed("snapshot", data, root)
            if snapshot is not None:
                oldest |= {name: meta.version for name, meta in snapshot.meta.items()}
    return oldest, kept


def _still_signed(role: str, data: bytes | None, root: Metadata[Any]) -> Any:
    """What `data` says, if `root` vouches for it; None otherwise."""
    if data is None:
        return None
    try:
        return load(role, data, root.signed).signed
    except TrustError:
        return None


def _not_older(role: str, version: int, oldest: Mapping[str, int]) -> None:
    if version < oldest.get(role, 0):
        raise TrustError(f"{shown(role)} is version {version}, but {oldest[role]} was seen before")


def same_statement(one: bytes, other: bytes) -> bool:
    """Whether two metadata files say the same: their signed parts are equal, whoever signed and however they are
    written. Raises `TrustError` when one of them is no metadata."""
    first, second = (_payload("metadata", _parse("metadata", data)) for data in (one, other))
    return first == second


def load(role: str, data: bytes, by: Any, kind: str | None = None) -> Metadata[Any]:
    """`data` as metadata of `role`, signed by the threshold that `by` sets (a root also by its own). `kind` is what the
    metadata must say it is, when that isn't the role's name: `targets`, for a role that somebody delegated to. Raises
    `TrustError`."""
    metadata = _parse(f"{shown(role)} metadata", data)
    with _guarded(f"{shown(role)} metadata"):
        if metadata.signed.type != (kind or role):
            raise TrustError(f"{shown(role)} metadata says it is {shown(metadata.signed.type)}")
        payload = metadata.signed_bytes  # computed anew each time it is asked for
        if by is not None:
            by.verify_delegate(role, payload, metadata.signatures)
        if role == "root":
            metadata.signed.verify_delegate(role, payload, metadata.signatures)
            for name in ROLES:
                keys = [metadata.signed.keys[keyid] for keyid in metadata.signed.roles[name].keyids]
                # A threshold counts keys, and python-tuf counts their IDs.
                if len({json.dumps(key.keyval, sort_keys=True) for key in keys}) != len(keys):
                    raise TrustError(f"the root names one key twice for the role {name}")
    return metadata


def _parse(what: str, data: bytes) -> Metadata[Any]:
    """TUF metadata, unverified."""
    from tuf.api.metadata import Metadata

    with _guarded(what):
        document = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_int=_whole,
            parse_float=_refuse_number,
            parse_constant=_refuse_number,
        )
        _check_depth(document)
        metadata: Metadata[Any] = Metadata.from_dict(document)
    return metadata


def _payload(what: str, metadata: Metadata[Any]) -> bytes:
    """What is signed. `TrustError` for what nobody can have signed: text that UTF-8 cannot say."""
    with _guarded(what):
        payload: bytes = metadata.signed_bytes
    return payload


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise TrustError("an object names something twice")
    # To Python, true is a 1.
    if any(isinstance(members[name], bool) for name in _NUMBERS & members.keys()):
        raise TrustError("a number is written as true or false")
    return members


def _whole(digits: str) -> int:
    # The length is looked at first: int() of a million digits takes quadratic time, or raises.
    if len(digits) > 17 or abs(number := int(digits)) > _MAX_NUMBER:
        raise TrustError(f"a number is larger than 2^53-1: {shown(digits, 20)}")
    return number


def _refuse_number(digits: str) -> NoReturn:
    raise TrustError(f"a number is not whole: {shown(digits, 20)}")


def _check_depth(document: object) -> None:
    level: list[object] = [document]
    for _ in range(_MAX_DEPTH):
        below: list[object] = []
        for value in level:
            if isinstance(value, list):
                below.extend(value)
            elif isinstance(value, dict):
                below.extend(value.values())
        level = below
        if not level:
            return
    raise TrustError(f"nested deeper than {_MAX_DEPTH}")


def _check_form(path: str, data: bytes, metadata: Metadata[Any], *roots: Any) -> None:
    """Raises `TrustError` unless `data` is written as we write it, and signed only by keys that `roots`, if any, name
    for the role. TUF signs what metadata means: white space, the order of names, the case of a signature's digits,
    further signatures are nobody's word."""
    from tuf.api.serialization.json import JSONSerializer

    role = metadata.signed.type
    with _guarded(path):
        if metadata.to_bytes(JSONSerializer(compact=True)) != data:
            raise TrustError(f"{path} is not as it was written")
        named = {keyid for root in roots for keyid in root.roles[role].keyids}
        for keyid, signature in metadata.signatures.items():
            if not _SIGNATURE.fullmatch(signature.signature) or (roots and keyid not in named):
                raise TrustError(f"{path} has a signature of a key that the root does not name for the role {role}")
        for keyid, key in metadata.signed.keys.items() if role == "root" else ():
            plain = {"keytype": "ed25519", "keyval": {"public": key.keyval.get("public")}, "scheme": "ed25519"}
            text = json.dumps(plain, sort_keys=True, separators=(",", ":"))
            found = {name: value for name, value in key.to_dict().items() if name in plain}
            if found != plain or hashlib.sha256(text.encode()).hexdigest() != keyid:
                raise TrustError(f"{path} has a key that is not Ed25519, or not under its own ID")


def _load_listed(
    role: str, meta: Any, fetch: Callable[[str, int], bytes], root: Any, exact: bool
) -> tuple[Metadata[Any], bytes]:
    """The metadata that `meta` lists: same length, hashes and version."""
    cap = CAPS[role] if meta.length is None else min(meta.length, CAPS[role])
    path = f"trust/{meta.version}.{role}.json" if root.consistent_snapshot else f"trust/{role}.json"
    if exact and (meta.length is None or "sha256" not in (meta.hashes or {})):
        raise TrustError(f"{path} is listed without its length and SHA-256")
    data = fetch(path, cap)
    with _guarded(path):
        meta.verify_length_and_hashes(data)
    metadata = load(role, data, root)
    if metadata.signed.version != meta.version:
        raise TrustError(f"{path} says it is version {metadata.signed.version}, not {meta.version}")
    return metadata, data


def _listed_targets(targets: Metadata[Any], exact: bool) -> dict[str, TargetInfo]:
    """The targets by name. Of a foreign repository, those that a reader of ours could fetch."""
    found = {}
    if exact and targets.signed.delegations is not None:
        raise TrustError("the targets delegate, which ours never do")
    for name, target in targets.signed.targets.items():
        digest = target.hashes.get("sha256")
        if isinstance(digest, str) and _DIGEST.fullmatch(digest) and _TARGET_NAME.fullmatch(name):
            found[name] = TargetInfo(size=target.length, digest=digest)
        elif exact:
            raise TrustError(f"target {shown(name)} has no SHA-256, or cannot be a file name")
    return found


def _fetch_target(
    name: str, roles: Roles, listed: Mapping[str, TargetInfo], fetch: Callable[[str, int], bytes], cap: int
) -> bytes:
    path = listed[name].path(name)
    data = fetch(path, min(listed[name].size, cap))
    with _guarded(path):
        roles.targets.signed.targets[name].verify_length_and_hashes(data)
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


# --- two files where one should be -----------------------------------------------------------------------------------


def same_version_contradiction(first: bytes, second: bytes, files: Mapping[str, bytes]) -> tuple[str, int] | None:
    """The role and version of which both these files claim to be while they say different things, each signed by the
    threshold of keys that one and the same root in `files` sets: the newest by which either is signed (for a root: the
    root before it). None otherwise: other signatures or white space under the same statement are no contradiction.
    `files` are those of a finished walk (`TrustView.files`). Raises `TrustError` when one of the two is no metadata."""
    one, two = _parse("metadata", first), _parse("metadata", second)
    role, version = one.signed.type, one.signed.version
    if (two.signed.type, two.signed.version) != (role, version):
        return None
    if _payload("metadata", one) == _payload("metadata", two):
        return None
    roots = [load("root", data, None) for path, data in files.items() if path.endswith(".root.json")]
    for root in sorted(roots, key=lambda each: -int(each.signed.version)):
        if role == "root" and root.signed.version != version - 1:
            continue
        good = [_is_signed(role, data, root) for data in (first, second)]
        if all(good):
            return role, version
        if any(good):
            # What a key could sign alone once, it can still sign when it has become one of three.
            return None
    return None


def _is_signed(role: str, data: bytes, root: Metadata[Any]) -> bool:
    try:
        load(role, data, root.signed)
    except TrustError:
        return False
    return True
