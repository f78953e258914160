"""Which witnesses a checkpoint needs: C2SP tlog-policy, the file `witness.policy` among the TUF targets.

    # two of our three partners, and our own
    witness own witness.example.org/w1+3ab2f3c0+BGeC… https://witness.example.org
    witness north north.example/w+…
    witness south south.example/w+…
    witness west west.example/w+…
    group partners 2 north south west
    group both all own partners
    quorum both

Lines end in LF; words are parted by spaces and tabs; empty lines and lines that begin with `#` say nothing. `log` lines
(`log <key> [<url>]`) name logs, `witness` lines (`witness <name> <key> [<url>]`) witnesses with keys of type 0x04.
`group <name> all|any|<k> <name>…` is a group that has witnessed a checkpoint when all, one or k of its members have.
`quorum <name>` says which witness or group is needed, `quorum none` that none is; there is exactly one such line. A
name is defined once, before it is used, and is a member of at most one group. A public key stands in one line only,
whatever name it has there. Bytes above 0x7F mean nothing in particular; control characters are refused.

Which logs count is said by trust.json and not here: readers do not look at the `log` lines. Stricter than the
specification: numbers have no leading zeros, and there are at most 64 lines of each kind in 65,536 bytes.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field

from signing.errors import BadKey, FormatError, shown
from signing.keys import COSIGNATURE, ED25519, VerifierKey
from signing.packing import from_decimal

MAX_BYTES = 65_536
# The specification wants room for 32 of each. A checkpoint has 64 signature lines.
MAX_LINES = 64
NONE = "none"

_FORBIDDEN = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")
_SPACE = re.compile("[ \t]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """A witness: its name in this policy, its key, and where to ask it (None: not said)."""

    name: str
    key: VerifierKey
    url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyLog:
    """A log that the policy names."""

    key: VerifierKey
    url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A group of witnesses and groups, of which `threshold` are needed."""

    name: str
    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A policy, as `Policy.parse` makes it. `quorum` is the name of a witness or group, or "none". `text` is the file's
    bytes; two policies with the same text are equal."""

    text: bytes
    witnesses: tuple[Witness, ...] = field(compare=False)
    logs: tuple[PolicyLog, ...] = field(compare=False)
    groups: tuple[Group, ...] = field(compare=False)
    quorum: str = field(compare=False)

    @classmethod
    def parse(cls, data: bytes) -> Policy:
        """The policy in `data`. FormatError, with the number of the line, unless it is one; BadKey for a key that is
        damaged or of the wrong type."""
        return _Parser().policy(data)

    @property
    def keys(self) -> tuple[VerifierKey, ...]:
        """The witnesses' keys, in the order of their lines."""
        return tuple(witness.key for witness in self.witnesses)

    @property
    def required(self) -> bool:
        """Whether any witness is needed at all."""
        return self.quorum != NONE

    def satisfied(self, keys: Collection[VerifierKey]) -> bool:
        """Whether these witnesses, told apart by their public keys, are enough."""
        if not self.required:
            return True
        public = {key.public for key in keys if key.kind == COSIGNATURE}
        # A group's members stand before it, so one pass decides them all.
        reached = {witness.name: witness.key.public in public for witness in self.witnesses}
        for group in self.groups:
            reached[group.name] = sum(reached[member] for member in group.members) >= group.threshold
        return reached[self.quorum]

    @property
    def need(self) -> str:
        """The quorum in words: `2 of (north, south, west)`."""
        if not self.required:
            return "no witness"
        words = {witness.name: witness.name for witness in self.witnesses}
        for group in self.groups:
            inside = ", ".join(words[member] for member in group.members)
            words[group.name] = f"{group.threshold} of ({inside})" if len(group.members) > 1 else inside
        return shown(words[self.quorum], 200)


class _Parser:
    def __init__(self) -> None:
        self.witnesses: list[Witness] = []
        self.logs: list[PolicyLog] = []
        self.groups: list[Group] = []
        self.quorum: str | None = None
        self.defined: set[str] = set()
        self.members: set[str] = set()
        self.public: set[tuple[str, bytes]] = set()

    def policy(self, data: bytes) -> Policy:
        if len(data) > MAX_BYTES:
            raise FormatError(f"a witness policy has at most {MAX_BYTES} bytes, not {len(data)}")
        if found := _FORBIDDEN.search(data):
            number = data.count(b"\n", 0, found.start()) + 1
            raise FormatError(f"witness policy, line {number}: byte 0x{found.group()[0]:02x}")
        if not data.endswith(b"\n"):
            raise FormatError("a witness policy ends in a line feed")
        # Names are opaque bytes to the specification: this keeps different bytes different, whatever they are.
        text = data.decode("utf-8", "surrogateescape")
        for number, line in enumerate(text.split("\n"), 1):
            words = [word for word in _SPACE.split(line) if word]
            if not words or words[0].startswith("#"):
                continue
            try:
                self._line(words)
            except BadKey as error:
                raise BadKey(f"witness policy, line {number}: {error}") from None
            except FormatError as error:
                raise FormatError(f"witness policy, line {number}: {error}") from None
        if self.quorum is None:
            raise FormatError("a witness policy has a quorum line")
        return Policy(
            text=data,
            witnesses=tuple(self.witnesses),
            logs=tuple(self.logs),
            groups=tuple(self.groups),
            quorum=self.quorum,
        )

    def _line(self, words: list[str]) -> None:
        kind, *rest = words
        if kind == "log" and len(rest) in (1, 2):
            self.logs.append(PolicyLog(key=self._key(rest[0], "log", ED25519), url=rest[1] if len(rest) > 1 else None))
        elif kind == "witness" and len(rest) in (2, 3):
            name = self._define(rest[0])
            key = self._key(rest[1], "witness", COSIGNATURE)
            self.witnesses.append(Witness(name=name, key=key, url=rest[2] if len(rest) > 2 else None))
        elif kind == "group" and len(rest) >= 3:
            self._group(rest[0], rest[1], rest[2:])
        elif kind == "quorum" and len(rest) == 1:
            if self.quorum is not None:
                raise FormatError("there is a quorum line already")
            if rest[0] != NONE and rest[0] not in self.defined:
                raise FormatError(f"{shown(rest[0])} is not defined above")
            self.quorum = rest[0]
        else:
            raise FormatError(f"not a log, witness, group or quorum line: {shown(' '.join(words))}")
        if max(len(self.logs), len(self.witnesses), len(self.groups)) > MAX_LINES:
            raise FormatError(f"there are more than {MAX_LINES} lines of this kind")

    def _group(self, name: str, threshold: str, members: list[str]) -> None:
        if threshold in ("any", "all"):
            needed = 1 if threshold == "any" else len(members)
        else:
            try:
                needed = from_decimal(threshold.encode("utf-8", "surrogateescape"))
            except FormatError:
                raise FormatError(f"a group needs all, any or a number, not {shown(threshold)}") from None
        if not 1 <= needed <= len(members):
            raise FormatError(f"a group of {len(members)} cannot need {needed}")
        for member in members:
            if member not in self.defined:
                raise FormatError(f"{shown(member)} is not defined above")
            if member in self.members:
                raise FormatError(f"{shown(member)} is a member already")
            self.members.add(member)
        self.groups.append(Group(name=self._define(name), threshold=needed, members=tuple(members)))

    def _define(self, name: str) -> str:
        if name == NONE:
            raise FormatError("nothing can be named none")
        if name in self.defined:
            raise FormatError(f"{shown(name)} is defined already")
        self.defined.add(name)
        return name

    def _key(self, text: str, what: str, kind: int) -> VerifierKey:
        key = VerifierKey.parse(text)
        if key.kind != kind:
            raise BadKey(f"key {key.label} is of type {key.kind}, a {what}'s is of type {kind}")
        if (what, key.public) in self.public:
            raise FormatError(f"the public key of {key.label} stands in another line too")
        self.public.add((what, key.public))
        return key
