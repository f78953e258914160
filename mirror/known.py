"""What a reader remembers between visits, a publication at a time: what keeps a mirror from going back in time.

Kept are the pin, the newest trust files, the newest checkpoint of each log, the newest edition known anywhere, and what
the editions said was withdrawn: all of it, by digest. Nothing is kept about which article was looked at. Whatever was
kept is verified again before it is used, apart from withdrawals: those only ever warn.
"""

from __future__ import annotations

import copy
import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from mirror.errors import TamizdatError

# So many withdrawals are remembered, the newest ones. An edition lists 24.
MAX_WITHDRAWN = 1000

Withdrawal = dict[str, str]  # `time`, and `reason` if that was said


@dataclass(frozen=True, slots=True, kw_only=True)
class Newest:
    """The newest edition known: number, when it was made, when the next one is due (RFC 3339, UTC)."""

    serial: int
    time: str
    next: str

    def as_json(self) -> dict[str, int | str]:
        return asdict(self)


@dataclass(slots=True)
class Known:
    """What this reader knows of one publication. `checkpoints` maps a log's origin to the newest note seen, `trust` the
    paths of the newest trust files seen to their text, `newest` is the newest edition seen anywhere, `withdrawn` maps
    the digests of withdrawn bundles to what was said about them."""

    origin: str
    pin: str
    checkpoints: dict[str, str] = field(default_factory=dict)
    trust: dict[str, str] = field(default_factory=dict)
    newest: Newest | None = None
    mirrors: list[str] = field(default_factory=list)
    withdrawn: dict[str, Withdrawal] = field(default_factory=dict)

    def withdraw(self, said: Mapping[str, Withdrawal]) -> None:
        """Remember these, too. What an edition said (with a reason) isn't forgotten for what the log says (without)."""
        merged = dict(self.withdrawn)
        for digest, one in said.items():
            merged[digest] = {**one, **merged.get(digest, {})}
        newest = sorted(merged, key=lambda digest: (merged[digest].get("time", ""), digest))[-MAX_WITHDRAWN:]
        self.withdrawn = {digest: merged[digest] for digest in newest}

    def root(self) -> str | bytes:
        """The pin as `signing.trust.walk` takes it: the root file itself, when it is at hand and not the first."""
        for path, text in self.trust.items():
            data = text.encode()
            later = path.endswith(".root.json") and path != "trust/1.root.json"
            if later and self.pin == f"sha256:{hashlib.sha256(data).hexdigest()}":
                return data
        return self.pin


class Memory:
    """Publications this reader has met, a JSON file each in a private folder (0700).

    `Memory(None)` keeps nothing. With `learn` False, no publication is met for the first time: what is pinned already
    is kept up to date. `held()` is a memory for one errand, in which several mirrors are compared with each other.
    """

    def __init__(self, folder: Path | None, *, learn: bool = True) -> None:
        self.folder = folder
        self.learn = learn
        self._held: dict[str, Known] | None = None

    @staticmethod
    def default(*, learn: bool = True) -> Memory:
        base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
        return Memory(Path(base) / "tamizdat" / "known", learn=learn)

    def held(self) -> Memory:
        """The same memory, which also holds what this process learns, whether or not it may be written down."""
        held = Memory(self.folder, learn=self.learn)
        held._held = {}
        return held

    def _file(self, folder: Path, origin: str) -> Path:
        return folder / f"{hashlib.sha256(origin.encode()).hexdigest()[:32]}.json"

    def recall(self, origin: str) -> Known | None:
        """What is known of this publication, or None. A damaged file is an error: silence would forget a rollback."""
        if self._held and origin in self._held:
            return copy.deepcopy(self._held[origin])
        return self._written(origin)

    def _written(self, origin: str) -> Known | None:
        if self.folder is None:
            return None
        file = self._file(self.folder, origin)
        try:
            found = json.loads(file.read_bytes())
            newest = found.get("newest")  # a memory of before this was kept has none
            known = Known(
                origin=str(found["origin"]),
                pin=str(found["pin"]),
                checkpoints={str(k): str(v) for k, v in found["checkpoints"].items()},
                trust={str(k): str(v) for k, v in found["trust"].items()},
                newest=newest
                and Newest(serial=int(newest["serial"]), time=str(newest["time"]), next=str(newest["next"])),
                mirrors=[str(url) for url in found["mirrors"]],
                withdrawn={
                    str(digest): {str(key): str(value) for key, value in said.items()}
                    for digest, said in found.get("withdrawn", {}).items()  # as above
                },
            )
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise TamizdatError(
                f"{file}: what was remembered of {origin} can't be read ({' '.join(str(error).split())[:200]})",
                hint="restore it from a backup; deleting it also deletes the protection against older versions",
            ) from error
        if known.origin != origin:
            raise TamizdatError(f"{file}: belongs to {known.origin}, not {origin}")
        return known

    def update(self, origin: str, change: Callable[[Known | None], Known]) -> None:
        """Put `change(what is known now)` in the place of what is known, durably. The lock is held for that moment
        only, never while a mirror is being read: two readers at once must neither undo each other nor wait for each
        other's mirrors."""
        if self._held is not None:
            self._held[origin] = change(self.recall(origin))
        if self.folder is None:
            return
        try:
            if not self.learn and self._written(origin) is None:
                return
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with (self.folder / ".lock").open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                self._keep(self.folder, change(self._written(origin)))
        except OSError as error:
            raise TamizdatError(
                f"{self.folder}: can't remember {origin}: {error.strerror or error}",
                hint="--no-memory looks without remembering; set XDG_STATE_HOME to remember elsewhere",
            ) from error

    def _keep(self, folder: Path, known: Known) -> None:
        file = self._file(folder, known.origin)
        temporary = file.with_name(f".{file.name}.{os.getpid()}")
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "w", encoding="utf-8") as out:
            json.dump(asdict(known), out)
            out.flush()
            os.fsync(out.fileno())
        temporary.replace(file)
