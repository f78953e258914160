"""What a monitor remembers between its looks: one JSON file, replaced whole, and small however large the logs are.

Per log it keeps the newest checkpoint followed and the *compact range* under it: the roots of the complete subtrees
whose sizes are the binary digits of the log's size, 64 hashes at most. From them and new entries alone the next root
follows; so every entry is read once, and nothing that a mirror says about older ones is needed again.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mirror import durable
from mirror.errors import TamizdatError
from signing.entry import Entry
from signing.entry import parse as parse_entry
from signing.errors import FormatError, SigningError
from signing.merkle import EMPTY_ROOT, leaf_hash, node_hash
from signing.packing import from_base64, to_base64

NAME = "state.json"
# Checkpoints of earlier looks, to recognise what a mirror that is behind serves; older ones are computed from tiles.
REMEMBERED = 64
# Editions that a publication keeps; older ones are pruned, so nobody can look at them.
EDITIONS = 8
MAX_TRUSTS = 1000
MAX_ALARMS = 1000


class Range:
    """The compact range of the first `size` leaves of a log."""

    def __init__(self, size: int = 0, edge: tuple[bytes, ...] = ()) -> None:
        if size < 0 or len(edge) != size.bit_count() or any(len(one) != 32 for one in edge):
            raise FormatError(f"a log of {size} has {size.bit_count()} such hashes, not {len(edge)}")
        self.size = size
        self._edge = list(edge)

    @property
    def edge(self) -> tuple[bytes, ...]:
        """The roots of the complete subtrees, the largest first."""
        return tuple(self._edge)

    @property
    def root(self) -> bytes:
        if not self._edge:
            return EMPTY_ROOT
        *rest, root = self._edge
        while rest:
            root = node_hash(rest.pop(), root)
        return root

    def append(self, leaf: bytes) -> None:
        """One more entry, by its leaf hash."""
        size = self.size
        while size & 1:
            leaf = node_hash(self._edge.pop(), leaf)
            size >>= 1
        self._edge.append(leaf)
        self.size += 1


@dataclass(slots=True)
class Tally:
    """What the entries up to `range` said: how many editions, the last ones (number among all editions of this log,
    digest, size), which trust files, when the newest edition was made, and entries that are none (index, why)."""

    range: Range = field(default_factory=Range)
    editions: int = 0
    last: list[tuple[int, str, int]] = field(default_factory=list)
    trusts: list[str] = field(default_factory=list)
    newest: str = ""
    ill: list[tuple[int, str]] = field(default_factory=list)

    def add(self, data: bytes) -> None:
        """One more entry of the log."""
        index = self.range.size
        self.range.append(leaf_hash(data))
        try:
            entry = parse_entry(data)
        except SigningError as error:
            if len(self.ill) < 10:
                self.ill.append((index, str(error)))
            return
        self._count(entry)

    def _count(self, entry: Entry) -> None:
        if entry.kind == "edition":
            self.editions += 1
            self.last = [*self.last, (self.editions, entry.digest, entry.size)][-EDITIONS:]
            self.newest = max(self.newest, entry.time)
        elif entry.kind == "trust":
            self.trusts = [*self.trusts, entry.digest][-MAX_TRUSTS:]

    def copy(self) -> Tally:
        return Tally.load(self.dump())

    def dump(self) -> dict[str, Any]:
        return {
            "size": self.range.size,
            "edge": [to_base64(one).decode() for one in self.range.edge],
            "editions": self.editions,
            "last": [list(one) for one in self.last],
            "trusts": list(self.trusts),
            "newest": self.newest,
            "ill": [list(one) for one in self.ill],
        }

    @classmethod
    def load(cls, found: dict[str, Any]) -> Tally:
        edge = tuple(from_base64(str(one).encode()) for one in found["edge"])
        return cls(
            range=Range(int(found["size"]), edge),
            editions=int(found["editions"]),
            last=[(int(number), str(digest), int(size)) for number, digest, size in found["last"]],
            trusts=[str(one) for one in found["trusts"]],
            newest=str(found["newest"]),
            ill=[(int(index), str(why)) for index, why in found["ill"]],
        )


@dataclass(slots=True)
class Followed:
    """A log: `checkpoint` is the note followed last ("" before the first), `tally` what it holds, `under_way` a
    download that was interrupted, `seen` earlier checkpoints (size, root in hex), `looked` how many of its editions
    were looked at."""

    tally: Tally = field(default_factory=Tally)
    checkpoint: str = ""
    under_way: Tally | None = None
    seen: list[tuple[int, str]] = field(default_factory=list)
    looked: int = 0

    def note(self, size: int, root: str) -> None:
        """Remember a checkpoint that was found to be of this history."""
        if (size, root) not in self.seen:
            self.seen = [*self.seen, (size, root)][-REMEMBERED:]


@dataclass(slots=True)
class Alarm:
    """Something that was proved or seen and doesn't go away by itself: shown until somebody says that it is known.
    `level` is the exit status it stands for."""

    key: str
    level: int
    text: str
    time: str
    evidence: str | None = None
    acknowledged: bool = False


@dataclass(slots=True)
class State:
    """Everything remembered. `mirrors` holds by address what a mirror served last (`size`, `origin`), since when it is
    behind, and the closed logs that were looked at there; `trusts` when each trust.json was first served, by digest;
    `told` is what the hook was told last."""

    pin: str = ""
    pinned_root: str = ""
    trust: dict[str, str] = field(default_factory=dict)
    logs: dict[str, Followed] = field(default_factory=dict)
    mirrors: dict[str, dict[str, Any]] = field(default_factory=dict)
    trusts: dict[str, str] = field(default_factory=dict)
    edition: dict[str, Any] = field(default_factory=dict)
    alarms: list[Alarm] = field(default_factory=list)
    told: str = ""
    looked: str = ""

    def open_alarms(self) -> list[Alarm]:
        return [alarm for alarm in self.alarms if not alarm.acknowledged]

    def raise_alarm(self, alarm: Alarm) -> bool:
        """Add it; False when one with its key was raised before."""
        if any(one.key == alarm.key for one in self.alarms):
            return False
        if len(self.alarms) >= MAX_ALARMS:
            known = [one for one in self.alarms if one.acknowledged]
            if not known:
                return False
            self.alarms.remove(known[0])
        self.alarms.append(alarm)
        return True


def load(folder: Path) -> State:
    """What was remembered in `folder`; an empty state when nothing was. `TamizdatError` when the file is damaged: to
    begin anew in silence would forget what a rollback is measured by."""
    path = folder / NAME
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        return State()
    except (OSError, ValueError, RecursionError) as error:
        raise _damaged(path, error) from error
    try:
        return State(
            pin=str(found["pin"]),
            pinned_root=str(found["pinned_root"]),
            trust={str(key): str(value) for key, value in found["trust"].items()},
            logs={str(origin): _followed(one) for origin, one in found["logs"].items()},
            mirrors={str(key): dict(value) for key, value in found["mirrors"].items()},
            trusts={str(key): str(value) for key, value in found["trusts"].items()},
            edition=dict(found["edition"]),
            alarms=[Alarm(**one) for one in found["alarms"]],
            told=str(found["told"]),
            looked=str(found["looked"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError, SigningError) as error:
        raise _damaged(path, error) from error


def save(folder: Path, state: State) -> None:
    """Make the state durable, whole. Raises `TamizdatError`."""
    document = {
        "v": 1,
        "kind": "monitor",
        "pin": state.pin,
        "pinned_root": state.pinned_root,
        "trust": state.trust,
        "logs": {origin: _dumped(one) for origin, one in state.logs.items()},
        "mirrors": state.mirrors,
        "trusts": dict(list(state.trusts.items())[-MAX_TRUSTS:]),
        "edition": state.edition,
        "alarms": [asdict(one) for one in state.alarms],
        "told": state.told,
        "looked": state.looked,
    }
    try:
        durable.write(folder / NAME, json.dumps(document, ensure_ascii=False).encode())
    except OSError as error:
        raise TamizdatError(f"{folder}: can't remember what was seen: {error.strerror or error}") from error


def _followed(found: dict[str, Any]) -> Followed:
    return Followed(
        tally=Tally.load(found["tally"]),
        checkpoint=str(found["checkpoint"]),
        under_way=Tally.load(found["under_way"]) if found["under_way"] else None,
        seen=[(int(size), str(root)) for size, root in found["seen"]],
        looked=int(found["looked"]),
    )


def _dumped(one: Followed) -> dict[str, Any]:
    return {
        "tally": one.tally.dump(),
        "checkpoint": one.checkpoint,
        "under_way": one.under_way.dump() if one.under_way else None,
        "seen": [list(each) for each in one.seen],
        "looked": one.looked,
    }


def _damaged(path: Path, error: Exception) -> TamizdatError:
    return TamizdatError(
        f"{path}: damaged ({type(error).__name__}: {error})",
        hint="restore it from a backup; without it, the monitor can't tell that a log was rolled back before today",
    )
