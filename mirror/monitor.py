"""Following a publication from outside, with nothing but its pin: its trust files, its logs, its mirrors and witnesses.

A *look* asks every mirror for its trust files and its newest checkpoint, and every witness for what it cosigned. With
nothing new that is three small requests a mirror. Then, for every log of the newest trust files:

 1. every checkpoint seen anywhere must be of one history: of one size there is one root, smaller ones are beginnings of
    larger ones. Two that are not, both signed by the log's key, are evidence;
 2. the log only grows: its root is computed from the entries themselves, each read once (`vigil`), and must be the one
    that was signed;
 3. a frozen log stays as the trust files say it ended;
 4. every entry follows the grammar, the serials of editions grow by exactly one, and every trust.json that is served
    anywhere is in the log, so that one made for a single reader leaves a trace;
 5. a new log's key is the one that was promised; trust files are renewed in time; editions are not overdue.

What it finds has a level, which is the exit status: 3 when mirrors or witnesses are dead, stale or behind, or somebody
has to renew something; 4 when what somebody serves is not valid; 5 when evidence of two histories was saved. What was
signed and is wrong is an *alarm*: it stays until it is acknowledged, whatever the mirrors say tomorrow. What only a
mirror did is gone when the mirror behaves. Of a log with two histories, the one seen first is followed.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import schemas
from mirror import durable, vigil
from mirror.errors import DoNotTrust, TamizdatError, TwoHistories, Unpinned
from mirror.output import entries, in_a_sentence
from mirror.read import FolderMirror, Patience, ReadError, WebMirror, object_path, open_mirror, reason
from mirror.vigil import Alarm, Followed, Tally
from signing import checkpoint as checkpoints
from signing import evidence, note, packing
from signing import front as fronts
from signing.checkpoint import Checkpoint
from signing.entry import entry_of
from signing.errors import BadEvidence, SigningError, shown
from signing.merkle import range_hash
from signing.roles import LogKey, Trust
from signing.tiles import FULL, LOG_ENTRIES_BYTES, MAX_TILE_BYTES, Tile, TileHashes, decode_entries
from signing.trust import ROLES, TrustError, TrustView, same_version_contradiction, walk
from signing.verify import PIECE, UNPACKED, check_checkpoint, verify_front

if TYPE_CHECKING:
    from mirror.read import PackMirror
    from mirror.witness.client import Reply
    from signing.policy import Policy

FINE, STALE, INVALID, FORKED = 0, 3, DoNotTrust.status, TwoHistories.status
PATIENCE = Patience(connect=10.0, idle=15.0, total=20.0, rate=32_768.0, look=60.0)
AT_ONCE = 8  # mirrors asked at the same time
SAVE_EVERY = 16  # tiles of entries: what an interrupted first look has to read again
# Tiles of entries in one look, five million entries: whoever stole a log's key could sign that it has 2^60 of them, and
# a mirror of his could invent them as fast as they are read.
MAX_TILES = 20_000
MAX_EVIDENCE = 1000  # files
WITNESSES = 10.0  # seconds for all of them
# A push to many mirrors takes its time; a mirror that is behind for longer than this is stale.
LAG = timedelta(hours=2)
# A trust file goes out before the seal that logs it.
UNLOGGED = timedelta(hours=1)
# Lifetimes in days (`signing.authority`). The online roles are renewed by every run: half a life is late. The offline
# ones need people and a date.
LATE = {
    "timestamp": timedelta(days=7),
    "snapshot": timedelta(days=15),
    "targets": timedelta(days=60),
    "root": timedelta(days=60),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that is not as it should be right now. `key` names it for good, `text` is for people."""

    key: str
    level: int
    text: str


@dataclass(slots=True, kw_only=True)
class Report:
    """What one look found. `mirrors` and `logs` are for the reader; `changed` says that what there is to tell differs
    from what the hook was told last."""

    time: str
    publication: str | None = None
    findings: list[Finding] = field(default_factory=list)
    alarms: list[Alarm] = field(default_factory=list)
    mirrors: list[dict[str, Any]] = field(default_factory=list)
    logs: list[dict[str, Any]] = field(default_factory=list)
    requests: int = 0
    changed: bool = False

    @property
    def status(self) -> int:
        return max([FINE, *(one.level for one in self.findings), *(one.level for one in self.alarms)])

    @property
    def gist(self) -> str:
        """The same as long as nothing changes that anybody needs to be told."""
        keys = sorted({f"{one.level} {one.key}" for one in self.findings} | {f"! {one.key}" for one in self.alarms})
        return hashlib.sha256("\n".join(keys).encode()).hexdigest() if keys else ""

    def as_json(self) -> dict[str, Any]:
        return {
            "status": self.status,
            "time": self.time,
            "publication": self.publication,
            "findings": [{"key": one.key, "level": one.level, "text": one.text} for one in self.findings],
            "alarms": [
                {"key": one.key, "level": one.level, "text": one.text, "time": one.time, "evidence": one.evidence}
                for one in self.alarms
            ],
            "mirrors": self.mirrors,
            "logs": self.logs,
            "requests": self.requests,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """A checkpoint that a log's key signed, and who showed it. `mirror` has its entries, where a mirror showed it."""

    where: str
    data: bytes
    checkpoint: Checkpoint
    mirror: _Asked | None = None


@dataclass(slots=True)
class _Asked:
    """A mirror in this look: its trust files as far as they hold, its checkpoint, and what went wrong."""

    address: str
    mirror: WebMirror | FolderMirror | PackMirror | None = None
    view: TrustView | None = None
    data: bytes | None = None
    state: str = "fine"
    detail: str = ""
    size: int | None = None

    def get(self, path: str, cap: int) -> bytes | None:
        if self.mirror is None:
            raise ReadError(f"{self.address}: {self.detail}", unreachable=True)
        return self.mirror.get(path, cap)


class _Differs(Exception):
    """Entries that don't lead to the root that was signed."""


class Monitor:
    """Looks at one publication. `folder` is what is remembered; the caller holds its lock. Raises `TamizdatError` when
    that is damaged, `DoNotTrust` when another publication was watched from it."""

    def __init__(
        self,
        addresses: Iterable[str],
        *,
        pin: str | bytes | None,
        folder: Path,
        policy: Policy | None = None,
        patience: Patience = PATIENCE,
        warn: Callable[[str], None] = lambda _text: None,
    ) -> None:
        self.addresses = list(dict.fromkeys(addresses))
        self.folder = folder
        self.extra = policy
        self.patience = patience
        self.warn = warn
        self.state = vigil.load(folder)
        self.pin = self._settle_pin(pin)
        self.report = Report(time="")
        self.now = datetime.now(UTC)

    def _settle_pin(self, pin: str | bytes | None) -> str | bytes:
        state = self.state
        if pin is None:
            if not state.pin:
                raise Unpinned(
                    "nothing can be watched without a trust root",
                    hint="get the publication's fingerprint from a channel you trust, then give --trust sha256:…",
                )
            return state.pinned_root.encode() or state.pin
        name = pin if isinstance(pin, str) else f"sha256:{hashlib.sha256(pin).hexdigest()}"
        if state.pin and state.pin != name:
            raise DoNotTrust(
                f"{self.folder}: another trust root is watched from here, {state.pin}", hint="give another --state"
            )
        state.pin, state.pinned_root = name, "" if isinstance(pin, str) else pin.decode("utf-8", "replace")
        return pin

    # --- one look -----------------------------------------------------------------------------------------------------

    def look(self, now: datetime) -> Report:
        """Ask everybody once; what was found. Remembered durably before this returns; the evidence as well."""
        self.now = now
        self.report = Report(time=_text(now))
        asked = self._ask_all()
        try:
            view = self._newest_trust(asked)
            if view is not None:
                self._follow_all(view, asked)
        finally:
            for one in asked:
                self._close(one)
        self._judge_mirrors(asked)
        self.state.looked = self.report.time
        self.report.alarms = self.state.open_alarms()
        self.report.changed = self.report.gist != self.state.told
        vigil.save(self.folder, self.state)
        return self.report

    def acknowledge(self) -> list[Alarm]:
        """The alarms that are no longer shown from now on."""
        known = self.state.open_alarms()
        for alarm in known:
            alarm.acknowledged = True
        vigil.save(self.folder, self.state)
        return known

    def told(self) -> None:
        """The hook has been told what the last look found."""
        self.state.told = self.report.gist
        vigil.save(self.folder, self.state)

    def find(self, key: str, level: int, text: str) -> None:
        self.report.findings.append(Finding(key=key, level=level, text=shown(text, 600)))

    def alarm(self, key: str, level: int, text: str, file: str | None = None) -> None:
        self.state.raise_alarm(Alarm(key=key, level=level, text=shown(text, 600), time=self.report.time, evidence=file))

    # --- trust --------------------------------------------------------------------------------------------------------

    def _ask_all(self) -> list[_Asked]:
        if not self.addresses:
            return []
        with ThreadPoolExecutor(max_workers=min(AT_ONCE, len(self.addresses)), thread_name_prefix="mirror") as pool:
            asked = list(pool.map(self._ask, self.addresses))
        for one in asked:
            # What a mirror may take in all counts from its first request: the log is another matter, and others may
            # have kept us waiting since.
            if self._close(one):
                one.mirror = WebMirror(one.address, patience=self.patience)
        return asked

    def _close(self, one: _Asked) -> bool:
        """Close a mirror; whether it was one on the web."""
        if one.mirror is not None:
            one.mirror.close()
        if isinstance(one.mirror, WebMirror):
            self.report.requests += one.mirror.requests
            return True
        return False

    def _ask(self, address: str) -> _Asked:
        """Trust files and checkpoint of one mirror; nothing is compared yet."""
        asked = _Asked(address)
        try:
            asked.mirror = open_mirror(address)
            if isinstance(asked.mirror, WebMirror):
                asked.mirror = WebMirror(address, patience=self.patience)
            cheap = _Cheap(asked.mirror.get, self.state.trust)
            try:
                asked.view = walk(cheap.get, pin=self.pin, now=self.now)
                _trust_of(asked.view)
            except TrustError as error:
                missing = str(error) == f"{cheap.absent} is missing"
                asked.state, asked.detail = "dead" if missing else "invalid", f"trust files: {error}"
                asked.view = None
                return asked
            asked.data = asked.mirror.get("checkpoint", checkpoints.MAX_BYTES)
            if asked.data is None:
                asked.state, asked.detail = "dead", "checkpoint is missing"
        except ReadError as error:
            asked.state, asked.detail = "dead", _plainly(address, error)
        except (SigningError, schemas.SchemaError) as error:
            asked.state, asked.detail, asked.view = "invalid", f"trust files: {error}", None
        return asked

    def _newest_trust(self, asked: list[_Asked]) -> TrustView | None:
        """The newest trust files of all that are known, after comparing them with each other."""
        remembered = self._remembered()
        views = [one.view for one in asked if one.view is not None]
        best = max([*([remembered] if remembered else []), *views], key=_rank, default=None)
        if best is None:
            return None
        trust = _trust_of(best)
        if remembered is not None and (surprise := _trust_of(remembered).unannounced(trust)):
            self.alarm(f"successor {trust.current.origin}", INVALID, f"{surprise}: ask the publisher")
        for one in asked:
            if one.view is not None:
                self._compare_trust(one, one.view, [view for view in (remembered, best) if view], trust)
        for role in ROLES:
            self._check_date(role, best)
        for view in [*views, best]:
            digest = packing.digest_of(view.trust)
            self.state.trusts.setdefault(digest, self.report.time)
        self.state.trust = {path: data.decode() for path, data in best.files.items()}
        self.report.publication = trust.name
        return best

    def _remembered(self) -> TrustView | None:
        files = {path: text.encode() for path, text in self.state.trust.items()}
        if not files:
            return None
        try:
            return walk(lambda path, _cap: files.get(path), pin=self.pin, now=self.now)
        except SigningError as error:
            raise TamizdatError(f"{self.folder}: the trust files remembered don't hold any more: {error}") from error

    def _compare_trust(self, one: _Asked, view: TrustView, others: list[TrustView], trust: Trust) -> None:
        """Two files of one role and version must say the same; a mirror's must not be older than a mirror's should."""
        best = max((view, *others), key=_rank)
        path = f"trust/{best.root_version}.root.json"
        in_force = {path: best.files[path]}
        for other in others:
            files = {**view.files, **other.files, **best.files}
            for path in sorted(set(view.files) & set(other.files)):
                first, second = view.files[path], other.files[path]
                if first == second or path.startswith("trust/targets/"):
                    continue
                try:
                    found = same_version_contradiction(first, second, files)
                except TrustError:
                    continue
                if found is None:
                    continue
                role, version = found
                text = f"two different {role} files are both version {version}; {one.address} serves one of them"
                if role == "targets" and same_version_contradiction(first, second, in_force) is None:
                    # What a key could sign alone once, it can still sign when it has become one of three.
                    self.find(f"past {role} {version}", INVALID, f"{text}, signed by keys that no longer count")
                elif role in evidence.ACCUSING:
                    document = evidence.trust_document(
                        (second, first), origin=trust.origin, files=best.files, time=self.report.time,
                        reason=text, where=one.address,
                    )  # fmt: skip
                    self._convict(f"trust {role} {version}", document, text)
                else:
                    self.find(f"dates {role}", INVALID, f"{text}: was a backup restored?")
        older = view.expired or view.versions["timestamp"] < best.versions["timestamp"]
        if older and _rank(view) < _rank(best):
            one.state, one.detail = "behind", "its trust files are older than those known"

    def _check_date(self, role: str, view: TrustView) -> None:
        left = _moment(view.expires[role]) - self.now
        if left <= timedelta(0):
            self.find(f"expired {role}", STALE, f"the {role} metadata expired at {view.expires[role]}")
        elif left < LATE[role]:
            self.find(f"expires {role}", STALE, f"the {role} metadata expires in {left.days} days and was not renewed")

    # --- logs ---------------------------------------------------------------------------------------------------------

    def _follow_all(self, view: TrustView, asked: list[_Asked]) -> None:
        trust = _trust_of(view)
        sightings: dict[str, list[Sighting]] = {log.origin: [] for log in trust.logs}
        for one in asked:
            if one.view is None or one.data is None:
                continue
            self._sight(one, one.data, trust, sightings, judge=True)
            for log in trust.logs[:-1]:
                self._sight_closed(one, log, trust, sightings)
        self._ask_witnesses(trust, sightings)
        sources = [one for one in asked if one.view is not None]
        editions: int | None = 0
        for log in trust.logs:
            followed = self.state.logs.setdefault(log.origin, Followed())
            self._follow(log, followed, sightings[log.origin], sources, view)
            self._check_editions(trust, followed, editions, sources)
            tally = followed.tally
            # Without the whole of an earlier log nobody can say which number its successor's editions begin with.
            whole = log.frozen is None or tally.range.size == log.frozen.size
            editions = editions + tally.editions if editions is not None and whole else None
            for index, why in tally.ill:
                self.alarm(f"entry {log.origin} {index}", INVALID, f"entry {index} of the log {log.origin}: {why}")
            self.report.logs.append(
                {"origin": log.origin, "size": tally.range.size, "root": tally.range.root.hex(),
                 "editions": tally.editions, "frozen": log.frozen is not None}
            )  # fmt: skip
        self._check_logged(trust)
        due = self.state.edition.get("next")
        if isinstance(due, str) and _moment(due) < self.now:
            self.find("overdue", STALE, f"no new edition since {self.state.edition['time']}; one was due by {due}")

    def _sight(
        self, one: _Asked, data: bytes, trust: Trust, sightings: dict[str, list[Sighting]], *, judge: bool
    ) -> Checkpoint | None:
        """The checkpoint in `data`, when a log's key signed it. With `judge`, the mirror answers for what is wrong."""
        try:
            claimed = checkpoints.parse_text(note.parse(data).text)
            log = trust.log(claimed.origin)
            if log is None:
                raise DoNotTrust(f"checkpoint of {shown(claimed.origin)}, which is no log of this publication")
            checkpoint = checkpoints.open_checkpoint(data, log.key, log.origin)
            sightings[log.origin].append(Sighting(where=one.address, data=data, checkpoint=checkpoint, mirror=one))
            if judge:
                one.size = checkpoint.size
            check_checkpoint(data, trust)
        except (SigningError, DoNotTrust) as error:
            if judge:
                one.state, one.detail = "invalid", f"checkpoint: {error}"
            return None
        return checkpoint

    def _sight_closed(self, one: _Asked, log: LogKey, trust: Trust, sightings: dict[str, list[Sighting]]) -> None:
        """What a mirror keeps as the last word of a closed log. Once it was right, that is not asked for again."""
        done = self.state.mirrors.setdefault(one.address, {}).setdefault("closed", [])
        if log.origin in done or log.frozen is None:
            return
        with contextlib.suppress(ReadError):
            data = one.get(f"{closed_path(log)}/checkpoint", checkpoints.MAX_BYTES)
            if data is not None:
                checkpoint = self._sight(one, data, trust, sightings, judge=False)
                if checkpoint is not None and (checkpoint.size, checkpoint.root) == (log.frozen.size, log.frozen.root):
                    done.append(log.origin)

    def _ask_witnesses(self, trust: Trust, sightings: dict[str, list[Sighting]]) -> None:
        from mirror.witness.client import newest_cosigned

        log = trust.current
        for policy in (trust.policy, self.extra):
            if policy is None or not policy.witnesses:
                continue
            silent: list[Reply] = []
            for witness, data in newest_cosigned(policy, log.origin, deadline=WITNESSES, report=silent.append):
                try:
                    checkpoint = checkpoints.open_checkpoint(data, log.key, log.origin)
                except SigningError as error:
                    self.find(f"witness {witness.name}", STALE, f"witness {witness.name}: {error}")
                    continue
                where = f"witness {shown(witness.name)}"
                sightings[log.origin].append(Sighting(where=where, data=data, checkpoint=checkpoint))
            for reply in silent:
                self.find(f"witness {shown(reply.witness.name)}", STALE, reply.line)

    def _follow(
        self, log: LogKey, followed: Followed, seen: list[Sighting], sources: list[_Asked], view: TrustView
    ) -> None:
        """Grow what is known of a log to the largest checkpoint seen, and compare all of them with it."""
        different: dict[tuple[int, bytes], Sighting] = {}
        # By size; of one size the first mirror's comes first: the order in which they were given decides.
        for one in sorted(seen, key=lambda one: one.checkpoint.size):
            different.setdefault((one.checkpoint.size, one.checkpoint.root), one)
        for one in different.values():
            checkpoint = one.checkpoint
            if log.frozen is not None and self._beyond_the_end(log, one, view):
                continue
            if checkpoint.size > followed.tally.range.size:
                self._grow(log, followed, one, view, _having(checkpoint, seen, sources))
            else:
                self._compare(log, followed, one, sources, view)
        known = followed.tally.range
        frozen = log.frozen
        if frozen is None:
            return
        if not followed.checkpoint:
            if frozen.size:
                self.find(f"closed {log.origin}", STALE, f"no mirror shows how the log {log.origin} ended")
            return
        mine = followed.checkpoint.encode()
        last = Sighting(where="an earlier look", data=mine, checkpoint=Checkpoint(log.origin, known.size, known.root))
        if not self._beyond_the_end(log, last, view) and known.size < frozen.size:
            self.find(f"closed {log.origin}", STALE, f"no mirror has all of the {frozen.size} entries of {log.origin}")

    def _beyond_the_end(self, log: LogKey, one: Sighting, view: TrustView) -> bool:
        """Whether a checkpoint contradicts where its log ended; it is evidence then."""
        frozen, checkpoint = log.frozen, one.checkpoint
        if frozen is None or checkpoint.size < frozen.size or (checkpoint.size, checkpoint.root) == (
            frozen.size, frozen.root,
        ):  # fmt: skip
            return False
        text = (
            f"{one.where} shows {entries(checkpoint.size)} of the log {log.origin}, root {checkpoint.root.hex()}, "
            f"which ended at {frozen.size} with root {frozen.root.hex()}"
        )
        document = evidence.freeze_document(
            one.data, origin=log.origin, files=view.files, time=self.report.time, reason=text, where=one.where
        )
        self._convict(f"freeze {log.origin} {checkpoint.size} {checkpoint.root.hex()}", document, text)
        self._blame(one, text)
        return True

    def _compare(self, log: LogKey, followed: Followed, one: Sighting, sources: list[_Asked], view: TrustView) -> None:
        """A checkpoint that is not larger than what is known must be a beginning of it."""
        checkpoint, known = one.checkpoint, followed.tally.range
        if (checkpoint.size, checkpoint.root.hex()) in followed.seen or checkpoint.size == 0:
            return
        if checkpoint.size == known.size:
            if checkpoint.root != known.root:
                self._fork(log, followed, one, view)
            return
        for source in sources:
            hashes = TileHashes(known.size, known.root, _tiles(source, log))
            try:
                prefix = range_hash(0, checkpoint.size, hashes.read)
                if prefix == checkpoint.root:
                    followed.note(checkpoint.size, checkpoint.root.hex())
                else:
                    self._fork(log, followed, one, view, prefix=prefix, hashes=hashes.consistency(checkpoint.size))
                return
            except (SigningError, ReadError, LookupError):
                continue
        self.find(
            f"uncompared {one.where}", STALE, f"{one.where}: whether {checkpoint.size} entries of {log.origin} are of "
            "the history known can't be told: no mirror has the tiles",
        )  # fmt: skip

    def _grow(self, log: LogKey, followed: Followed, one: Sighting, view: TrustView, sources: list[_Asked]) -> None:
        """Read the entries up to a larger checkpoint from the first mirror that has them."""
        checkpoint = one.checkpoint
        problem = "no mirror has it"
        for mirror in sources:
            try:
                tally = self._read(log, followed, checkpoint, mirror)
            except _Differs:
                if self._diagnose(log, followed, one, mirror, view):
                    return
                continue
            except (ReadError, SigningError, LookupError) as error:
                problem = _why(error)
                if isinstance(error, SigningError):
                    mirror.state, mirror.detail = "invalid", f"log: {problem}"
                elif mirror is one.mirror and mirror.state == "fine":
                    mirror.state, mirror.detail = "dead", f"log: {problem}"
                continue
            followed.tally, followed.under_way = tally, None
            followed.checkpoint = one.data.decode()
            followed.note(checkpoint.size, checkpoint.root.hex())
            vigil.save(self.folder, self.state)
            return
        known = entries(checkpoint.size)
        text = f"{one.where} knows {known} of the log {log.origin}, and no mirror has them: {problem}"
        self.find(f"withheld {log.origin}", STALE, text)

    def _read(self, log: LogKey, followed: Followed, checkpoint: Checkpoint, mirror: _Asked) -> Tally:
        """What the log says up to this checkpoint. `_Differs` when the entries don't lead there."""
        fresh = followed.tally.copy()
        tally = followed.under_way or fresh
        if not fresh.range.size <= tally.range.size <= checkpoint.size:
            tally = fresh
        resumed = tally is not fresh
        tally = tally.copy()
        for count, number in enumerate(range(tally.range.size // FULL, -(-checkpoint.size // FULL)), 1):
            width = min(FULL, checkpoint.size - number * FULL)
            for entry in _entries(mirror, log, number, width)[tally.range.size - number * FULL : width]:
                tally.add(entry)
            if count % SAVE_EVERY == 0:
                followed.under_way = tally.copy()
                vigil.save(self.folder, self.state)
            if count >= MAX_TILES and tally.range.size < checkpoint.size:
                raise LookupError(f"{tally.range.size} entries read; the next look goes on")
        if tally.range.root != checkpoint.root:
            followed.under_way = None
            if resumed:
                # Perhaps an earlier look, interrupted, was fed by a mirror that lied.
                return self._read(log, followed, checkpoint, mirror)
            raise _Differs
        return tally

    def _diagnose(self, log: LogKey, followed: Followed, one: Sighting, mirror: _Asked, view: TrustView) -> bool:
        """Whether it is the log that contradicts itself, shown by its own tiles; else it is the mirror's entries."""
        known, checkpoint = followed.tally.range, one.checkpoint
        hashes = TileHashes(checkpoint.size, checkpoint.root, _tiles(mirror, log))
        try:
            prefix = range_hash(0, known.size, hashes.read)
            if known.size and prefix != known.root:
                self._fork(log, followed, one, view, prefix=prefix, hashes=hashes.consistency(known.size))
                return True
        except (ReadError, LookupError, SigningError) as error:
            mirror.state, mirror.detail = "invalid", f"log: its entries don't lead to its root, and {_why(error)}"
            return False
        mirror.state, mirror.detail = "invalid", "log: its entries are not those of its tiles"
        return False

    def _fork(
        self,
        log: LogKey,
        followed: Followed,
        one: Sighting,
        view: TrustView,
        *,
        prefix: bytes | None = None,
        hashes: Iterable[bytes] = (),
    ) -> None:
        known, checkpoint = followed.tally.range, one.checkpoint
        text = (
            f"the log {log.origin} has two histories: {known.size} entries with root {known.root.hex()}, seen before, "
            f"and {checkpoint.size} entries with root {checkpoint.root.hex()}, shown by {one.where}"
        )
        document = evidence.fork_document(
            (followed.checkpoint.encode(), one.data), origin=log.origin, files=view.files, time=self.report.time,
            reason=text, where=one.where, prefix=prefix, hashes=tuple(hashes),
        )  # fmt: skip
        self._convict(f"fork {log.origin} {checkpoint.size} {checkpoint.root.hex()}", document, text)
        self._blame(one, text)

    def _blame(self, one: Sighting, text: str) -> None:
        """Whoever shows a history that is not the one followed shows something that readers must not be shown."""
        if one.mirror is not None:
            one.mirror.state, one.mirror.detail = "invalid", text

    def _convict(self, key: str, document: dict[str, object], text: str) -> None:
        """Save the evidence, once it has convinced us as it would convince anybody."""
        data = evidence.encode(document)
        try:
            proved = evidence.prove(data, pin=self.pin, now=self.now)
        except BadEvidence as error:
            self.find(key, INVALID, f"{text}; but the evidence does not prove it: {error}")
            return
        file = self.folder / "evidence" / f"{hashlib.sha256(key.encode()).hexdigest()[:16]}.json"
        try:
            durable.make_folder(file.parent)
            if not file.exists() and sum(1 for _ in file.parent.iterdir()) < MAX_EVIDENCE:
                durable.write(file, data, mode=0o644)
        except OSError as error:
            self.warn(f"{file}: the evidence could not be kept: {error.strerror or error}")
        self.alarm(key, FORKED, proved.text, str(file))

    # --- editions and trust files in the log --------------------------------------------------------------------------

    def _check_editions(self, trust: Trust, followed: Followed, before: int | None, sources: list[_Asked]) -> None:
        """The editions logged since the last look, as far as they are kept: the log's n-th has the serial n."""
        for number, digest, size in followed.tally.last:
            if number <= followed.looked:
                continue
            document = self._edition(trust, digest, size, sources)
            if document is None:
                continue
            serial = document["serial"]
            if before is not None and serial != before + number:
                text = f"edition {serial} ({digest}) is number {before + number} in the log: serials grow by one"
                self.alarm(f"serial {digest}", INVALID, text)
            named = document["trust"]["digest"]
            if named not in {one for each in self.state.logs.values() for one in each.tally.trusts}:
                text = f"edition {serial} names the trust file {named}, which is not in the log"
                self.alarm(f"unlogged {named}", INVALID, text)
            if serial >= self.state.edition.get("serial", 0):
                self.state.edition = {name: document[name] for name in ("serial", "time", "next")}
        followed.looked = followed.tally.editions

    def _edition(self, trust: Trust, digest: str, size: int, sources: list[_Asked]) -> dict[str, Any] | None:
        """The edition with this digest, signed by a publisher; None when no mirror has it (old ones are pruned)."""
        for source in sources:
            with contextlib.suppress(ReadError):
                data = source.get(object_path(digest), min(size, PIECE))
                if data is None or packing.digest_of(data) != digest:
                    continue
                try:
                    keys = [one.key for one in trust.publishers]
                    document = packing.parse_json(note.open_note(packing.gunzip(data, UNPACKED), keys).text[:-1])
                    schemas.check("edition", document)
                    entry_of(document, digest, size)  # type: ignore[arg-type]  # an object, said the schema
                except (SigningError, schemas.SchemaError) as error:
                    # The log's key took in what its publisher never signed.
                    self.alarm(f"edition {digest}", INVALID, f"the log holds an edition {digest} that is none: {error}")
                    return None
                return document  # type: ignore[return-value]  # as above
        return None

    def _check_logged(self, trust: Trust) -> None:
        """Every trust.json served anywhere must be in a log, once an edition was logged after it was seen."""
        logged = {digest for one in self.state.logs.values() for digest in one.tally.trusts}
        newest = max((one.tally.newest for one in self.state.logs.values()), default="")
        for digest, first in self.state.trusts.items():
            if digest not in logged and newest and _moment(newest) > _moment(first) + UNLOGGED:
                text = f"the trust file {digest}, served since {first}, is not in the log of {trust.origin}"
                self.alarm(f"unlogged {digest}", INVALID, f"{text}: it may have been made for somebody alone")

    # --- mirrors ------------------------------------------------------------------------------------------------------

    def _judge_mirrors(self, asked: list[_Asked]) -> None:
        """Dead, invalid, gone back, or behind for too long."""
        sizes = {log["origin"]: log["size"] for log in self.report.logs}
        current = self.report.logs[-1]["origin"] if self.report.logs else None
        for one in asked:
            memory = self.state.mirrors.setdefault(one.address, {})
            origin = _origin(one.data)
            if one.state in ("fine", "behind") and one.size is not None:
                self._judge_growth(one, memory, origin, current, sizes)
            level = {"fine": FINE, "invalid": INVALID}.get(one.state, STALE)
            if one.state == "late":
                level = FINE
            if level:
                self.find(f"{one.state} {one.address}", level, f"{one.address}: {one.detail}")
            if one.state != "dead" and one.size is not None:
                memory["size"], memory["origin"] = one.size, origin
            self.report.mirrors.append(
                {"address": one.address, "state": one.state, "size": one.size, "detail": one.detail or None}
            )

    def _judge_growth(
        self, one: _Asked, memory: dict[str, Any], origin: str, current: str | None, sizes: dict[str, int]
    ) -> None:
        size = one.size or 0
        if memory.get("origin") == origin and size < int(memory.get("size", 0)):
            one.state, one.detail = "stale", f"checkpoint {size} is older than {memory['size']}, which it served before"
        elif one.state == "behind":
            self._behind(one, memory)
        elif origin != current or size < sizes.get(origin, 0):
            one.state = "behind"
            one.detail = (
                f"it has {entries(size)} of {origin}, {sizes.get(origin, 0)} are known"
                if origin == current
                else f"it ends with {origin}, which is closed; the log is {current}"
            )
            self._behind(one, memory)
        else:
            memory.pop("behind", None)

    def _behind(self, one: _Asked, memory: dict[str, Any]) -> None:
        """A mirror that is behind may be about to be pushed to: `late` until it was for too long, or its edition is
        overdue; then it is stale."""
        since = memory.setdefault("behind", self.report.time)
        overdue = one.view is None or "timestamp" in one.view.expired
        if not overdue and one.view is not None:
            with contextlib.suppress(ReadError, SigningError, schemas.SchemaError):
                data = open_front(one, self.patience)
                if data is not None:
                    edition = verify_front(data, trust=_trust_of(one.view), schema=schemas.check)[0]
                    overdue = _moment(str(edition.document["next"])) < self.now
        one.state = "stale" if overdue or self.now - _moment(since) > LAG else "late"
        one.detail += f"; behind since {since}"


class _Cheap:
    """A mirror's trust files, of which those that can't have changed are taken from what was remembered: older roots;
    and everything below a timestamp that is the same as before, since it names the hashes of what is below it."""

    def __init__(self, get: Callable[[str, int], bytes | None], remembered: dict[str, str]) -> None:
        self._get = get
        self._files = {path: text.encode() for path, text in remembered.items()}
        self._same = False
        self.absent: str | None = None

    def get(self, path: str, cap: int) -> bytes | None:
        known = self._files.get(path)
        if path == "trust/timestamp.json":
            data = self._asked(path, cap)
            self._same = data is not None and data == known
            return data
        if known is not None and (path.endswith(".root.json") or self._same):
            return known
        return self._asked(path, cap)

    def _asked(self, path: str, cap: int) -> bytes | None:
        data = self._get(path, cap)
        if data is None:
            self.absent = path
        return data


def open_front(one: _Asked, patience: Patience) -> bytes | None:
    """A mirror's front page, over a connection of its own: the look's are closed."""
    mirror = open_mirror(one.address)
    if isinstance(mirror, WebMirror):
        mirror = WebMirror(one.address, patience=patience)
    with contextlib.closing(mirror):
        return mirror.get("front", fronts.MAX_BYTES)


def closed_path(log: LogKey) -> str:
    """Where a closed log's last checkpoint stands: in its own folder, or for the first log beside its successors."""
    return log.path or f"log/{log.origin.rpartition('/')[2]}"


def _having(checkpoint: Checkpoint, seen: list[Sighting], sources: list[_Asked]) -> list[_Asked]:
    """All mirrors: first those that show this checkpoint, then those that show a larger one, then the others."""
    same = [one.mirror for one in seen if one.mirror is not None and one.checkpoint == checkpoint]
    larger = [one.mirror for one in seen if one.mirror is not None and one.checkpoint.size > checkpoint.size]
    return list({id(one): one for one in (*same, *larger, *sources)}.values())


def _entries(mirror: _Asked, log: LogKey, number: int, width: int) -> list[bytes]:
    """The entries of a tile, at least `width`; a partial tile may have become full."""
    for tile in dict.fromkeys((Tile("entries", number, width), Tile("entries", number))):
        data = mirror.get(log.prefix + tile.path, LOG_ENTRIES_BYTES)
        if data is not None:
            entries = decode_entries(data)
            if len(entries) < width:
                raise _Differs
            return entries
    raise LookupError(f"{log.prefix}{Tile('entries', number, width).path} is missing")


def _tiles(mirror: _Asked, log: LogKey) -> Callable[[str], bytes]:
    def read(path: str) -> bytes:
        cap = LOG_ENTRIES_BYTES if path.startswith("tile/entries/") else MAX_TILE_BYTES
        data = mirror.get(log.prefix + path, cap)
        if data is None:
            raise LookupError(f"{path} is missing")
        return data

    return read


def _trust_of(view: TrustView) -> Trust:
    document = packing.parse_json(view.trust)
    schemas.check("trust", document)
    return Trust.from_document(document, view.policy)


def _rank(view: TrustView) -> tuple[int, ...]:
    """By which trust files are newer. Roots first: what stolen online keys said ends with a root that names others."""
    return view.root_version, view.versions["targets"], view.versions["snapshot"], view.versions["timestamp"]


def _origin(data: bytes | None) -> str:
    return shown((data or b"").partition(b"\n")[0].decode("utf-8", "replace"))


def _moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _plainly(address: str, error: ReadError) -> str:
    """What is wrong with a mirror, after its address."""
    if error.unreachable and error.__cause__ is not None:
        return f"does not answer ({in_a_sentence(reason(error.__cause__))})"
    return str(error).removeprefix(f"{address}: ")


def _why(error: Exception) -> str:
    return str(error.args[0] if isinstance(error, LookupError) and error.args else error)
