"""Who may sign what, and until when: the keys of logs and publishers, and the witnesses that readers ask for.

A `Trust` is made from `trust.json`, which reaches readers through `signing.trust`:

    {"v":1,"kind":"trust","origin":"example.org","name":"Example","time":"2027-01-01T00:00:00Z",
     "logs":[{"origin":"example.org/log/2027",
       "key":"example.org/log/2027+a686e7ff+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4",
       "from":"2027-01-01T00:00:00Z","until":"2027-12-31T23:59:59Z",
       "frozen":{"size":42,"root":"550a23b0f7ff2cc1444c1b3c7697c676086da103e32e1a9acbd93cdd647976aa","earlier":true}},
      {"origin":"example.org/log/2028",
       "key":"example.org/log/2028+1161dabd+ARdFU7RW3d/GkI7KscEB/mqyHiuqBhd5W31DpjSCmT/V",
       "from":"2028-01-01T00:00:00Z","path":"log/2028","unwitnessed":7}],
     "publishers":[{"key":"example.org/publisher+c95c561c+ASmsuuFBvMrwsi4alNNNC8c2HlJtC/4SyJeUvJMilm3X",
       "outlets":["*"],"from":"2027-01-01T00:00:00Z","until":"2028-01-01T00:00:00Z"}],
     "root":{"version":1,"digest":"abababababababababababababababababababababababababababababababab"}}

A publisher key counts for bundles whose time lies from its `from` to its `until`; for an edition its outlets must be
`*`. A log key's `until` is the last time an entry in that log may have; its `from` is not compared, because the first
entries of a year's log were fetched before it began.

The last log is the current one, every other one is *frozen*: it ended with `size` entries and this `root`. When it
ended in good order (`earlier` is true), its older checkpoints go on counting, so that what readers keep stays true;
larger ones never do, nor does another root. When its key was lost or stolen (`earlier` is false), only the checkpoint
with exactly this size and root counts: whoever has the key can sign anything, so all proofs were made again against the
one that the root keys vouch for. That one needs no witnesses, for the same reason.

Otherwise a checkpoint counts when the log's key signed it and the witnesses that cosigned it satisfy the policy
(`signing.policy`; no policy asks for none), or when it has no more than `unwitnessed` entries and so is older than the
policy. The wrong signature of a known witness fails check 10 whatever the policy asks for.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from signing import packing
from signing.checkpoint import Checkpoint
from signing.entry import Entry
from signing.errors import BadKey, FormatError, shown
from signing.keys import ED25519, VerifierKey
from signing.policy import Policy

_PATH = re.compile(r"log/[a-z0-9][a-z0-9.-]{0,40}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    """Where a log ended. `earlier`: whether its older checkpoints still count, or this one only."""

    size: int
    root: bytes
    earlier: bool

    def __post_init__(self) -> None:
        if len(self.root) != 32:
            raise FormatError("trust file: a root has 32 bytes")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogKey:
    """A log and its key. `valid_until` (or None) is the last time an entry in it may have. `path` is the folder of the
    mirror that holds its tiles and checkpoint, "" for the mirror's root. `frozen` says where it ended, None while it
    grows; `unwitnessed` is the largest size of a checkpoint that needs no witnesses."""

    origin: str
    key: VerifierKey
    valid_from: str
    valid_until: str | None = None
    path: str = ""
    frozen: Frozen | None = None
    unwitnessed: int = 0

    def __post_init__(self) -> None:
        _check_window(self.key, self.valid_from, self.valid_until)
        if self.key.name != self.origin:
            raise BadKey(f"key {self.key.label} is named otherwise than its log {shown(self.origin)}")
        if self.path and not _PATH.fullmatch(self.path):
            raise FormatError(f"trust file: a log cannot stand in {shown(self.path)}")

    @property
    def prefix(self) -> str:
        """What stands before `tile/…` and `checkpoint` in the paths of this log's files."""
        return f"{self.path}/" if self.path else ""

    def counts(self, checkpoint: Checkpoint) -> str | None:
        """Why this checkpoint of this log does not count, because the log was frozen; None if it does. Signatures are
        not looked at."""
        frozen = self.frozen
        if frozen is None or (checkpoint.size, checkpoint.root) == (frozen.size, frozen.root):
            return None
        where = f"the log {shown(self.origin)} was frozen at {frozen.size} entries"
        if checkpoint.size == frozen.size:
            return f"{where} with root {frozen.root.hex()}; this checkpoint has root {checkpoint.root.hex()}"
        if checkpoint.size > frozen.size:
            return f"{where}; this is a later checkpoint, of {checkpoint.size}"
        if frozen.earlier:
            return None
        return f"{where}; this proof is of an earlier checkpoint, of {checkpoint.size}: ask a mirror for the new one"


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
    """Whom a reader of one publication trusts. `logs` has the oldest first, `policy` is None when no witness is needed,
    `successors` holds by role the SHA-256, in hex, of a public key that was promised for later. BadKey if one key has
    two roles; FormatError for logs that cannot be one publication's."""

    origin: str
    name: str
    logs: tuple[LogKey, ...]
    publishers: tuple[PublisherKey, ...]
    policy: Policy | None = None
    successors: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), hash=False)

    def __post_init__(self) -> None:
        if not self.logs:
            raise FormatError("trust file: there is no log")
        if len({log.origin for log in self.logs}) < len(self.logs) or len({log.path for log in self.logs}) < len(
            self.logs
        ):
            raise FormatError("trust file: two logs have one origin, or stand in one place")
        if self.logs[0].path:
            raise FormatError("trust file: the first log stands in the mirror's root")
        for log in self.logs[:-1]:
            if log.frozen is None:
                raise FormatError(f"trust file: {shown(log.origin)} is not the current log and has no end")
        if self.current.frozen is not None:
            raise FormatError(f"trust file: the current log {shown(self.current.origin)} is frozen")
        if len({log.key.public for log in self.logs}) < len(self.logs):
            raise BadKey("one key is that of two logs")
        # A note does not say what it is for: a key that signs both could be made to sign one as the other.
        if both := {log.key.public for log in self.logs} & {one.key.public for one in self.publishers}:
            raise BadKey(f"the key {sorted(both)[0].hex()} is a log's and a publisher's; a key has one role")
        ours = {log.key.public for log in self.logs} | {one.key.public for one in self.publishers}
        if self.policy is not None and (both := ours & {key.public for key in self.policy.keys}):
            raise BadKey(f"the key {sorted(both)[0].hex()} is a witness's and our own; a key has one role")

    @property
    def current(self) -> LogKey:
        """The log that still grows."""
        return self.logs[-1]

    def log(self, origin: str) -> LogKey | None:
        """The log of this name; None if there is none."""
        return next((log for log in self.logs if log.origin == origin), None)

    def unannounced(self, later: Trust) -> str | None:
        """What is odd about a later state of this trust: its current log is another one, and its key is not the one
        that was promised here. None if nothing is. This is no reason to refuse: the root keys decide, and the promised
        key may have been lost with the machine."""
        promised = self.successors.get("log")
        if promised is None or self.log(later.current.origin) is not None:
            return None
        # Of several new logs the first one had to follow this promise; the others followed promises made meanwhile.
        first = next(log for log in later.logs if self.log(log.origin) is None)
        if hashlib.sha256(first.key.public).hexdigest() == promised:
            return None
        return f"the key of the log {shown(first.origin)} is not the announced successor"

    @classmethod
    def from_document(cls, document: object, policy: bytes | None = None) -> Trust:
        """The trust that a parsed `trust.json` states, with the witness policy that goes with it. FormatError or BadKey
        if it is not one; members that are not about keys are left to its schema."""
        if not isinstance(document, Mapping) or document.get("kind") != "trust":
            raise FormatError("not a trust file")
        logs = tuple(
            LogKey(
                origin=_text(item, "origin"),
                key=VerifierKey.parse(_text(item, "key")),
                valid_from=_text(item, "from"),
                valid_until=_text(item, "until") if "until" in item else None,
                path=_text(item, "path") if "path" in item else "",
                frozen=_frozen(item["frozen"]) if "frozen" in item else None,
                unwitnessed=_number(item, "unwitnessed") if "unwitnessed" in item else 0,
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
        return cls(
            origin=_text(document, "origin"),
            name=_text(document, "name"),
            logs=logs,
            publishers=publishers,
            policy=None if policy is None else Policy.parse(policy),
            successors=MappingProxyType(_successors(document)),
        )


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


def _number(document: Mapping[str, object], name: str) -> int:
    value = document.get(name)
    if type(value) is not int or not 0 <= value <= packing.MAX_JSON_NUMBER:
        raise FormatError(f'trust file: "{name}" is not a number')
    return value


def _frozen(item: object) -> Frozen:
    if not isinstance(item, Mapping) or not isinstance(earlier := item.get("earlier"), bool):
        raise FormatError('trust file: "frozen" has size, root and earlier')
    root = bytes.fromhex(packing.check_digest(item.get("root")))
    return Frozen(size=_number(item, "size"), root=root, earlier=earlier)


def _successors(document: Mapping[str, object]) -> dict[str, str]:
    promised = document.get("successors", {})
    if not isinstance(promised, Mapping):
        raise FormatError('trust file: "successors" is not an object')
    return {str(role): packing.check_digest(digest) for role, digest in promised.items()}


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
