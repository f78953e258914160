"""Reading everything a mirror serves, and naming each file that is wrong: `check_mirror`.

Trust, front page, every entry of every log, every bundle with its proof, parts and pictures, the chains of older pages,
every tile of every size that was ever published and isn't pruned; in a folder every other file too. Pages for people
are not looked at, since nobody trusts them; but for reader.html, which people take from there and run.
`mirror.logread` reads one log.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from datetime import datetime, timedelta
from typing import Any

import schemas
from mirror import packed, reader
from mirror.current import PROOF
from mirror.findings import Verdict, refusals, state_of
from mirror.history import (
    Learning,
    Session,
    checkpoint_path,
    ended_elsewhere,
    forked,
    hashes_of,
    note_of,
    open_session,
    opened_checkpoint,
    overtaken,
    remember,
)
from mirror.known import Memory
from mirror.logread import LogReading, closing_note
from mirror.output import Bar
from mirror.read import FolderMirror, Mirror, ReadError, need, object_path
from mirror.trusted import TIMESTAMP
from mirror.verdict import PICTURE, PIECE, judge_freshness, opened_front
from signing import authority
from signing import checkpoint as checkpoints
from signing import front as fronts
from signing import proof as proofs
from signing.checkpoint import Checkpoint
from signing.entry import Entry
from signing.errors import SigningError
from signing.front import Front
from signing.merkle import range_hash
from signing.roles import LogKey, Trust
from signing.tiles import parse_path
from signing.trust import CAPS, TargetInfo, TrustView, load
from signing.verify import VerifiedBundle, check_checkpoint, verify_part

# A sweep ends when this many files are wrong, or this many in a row can't be had: the verdict is clear by then, and a
# mirror (or a log of 2^60 entries) must not keep a reader busy for ever.
MAX_PROBLEMS = 1000
MAX_SILENT = 5
# Entries of a log that is read whole: ten times what ten years make, in 200 MB. Whoever stole a log's key and the
# publisher's can sign that there are 2^60, and invent them as fast as they are read.
MAX_LOG = 2_000_000
SPREADING = timedelta(days=1)
"""While a new reader.html has been signed for less than this, an older one on a mirror is no surprise."""


def check_mirror(
    mirror: Mirror,
    *,
    pin: str | bytes | None,
    memory: Memory,
    now: datetime,
    bar: Bar | None = None,
    sweep: Sweep | None = None,
) -> Verdict:
    """Read everything a mirror serves except pages; each wrong file is in `problems`. A `sweep` made for that mirror
    knows afterwards what was read."""
    return (sweep or Sweep(mirror)).go(pin=pin, memory=memory, now=now, bar=bar)


class _Enough(Exception):
    """The verdict is clear; there is no use in reading on."""


class Sweep:
    """A mirror of its own, so that everything read is counted, and small files give one answer only."""

    session: Session
    trust: Trust

    def __init__(self, mirror: Mirror) -> None:
        self.mirror = mirror
        self.bar: Bar | None = None
        self._begin()

    def _begin(self) -> None:
        self.verdict = Verdict(what=self.mirror.name, is_mirror=True)
        self.seen: set[str] = set()
        self.good: set[str] = set()  # objects whose digest was checked
        self.absent: set[str] = set()
        self.small: dict[str, bytes] = {}
        self.tiles: dict[str, bytes] = {}  # SHA-256 of every tile read
        self.without: list[Entry] = []  # articles that are not here
        self.withdrawn: set[str] = set()  # digests of bundles …
        self.addresses: set[tuple[str, str]] = set()  # … outlets and addresses that were withdrawn
        self.withdrawals: list[Entry] = []  # the log's entries that say so
        self.serials: dict[int, str] = {}  # digest of the edition of each number
        self.early: set[str] = set()  # files of what no checkpoint here promises yet
        self.spare: list[str] = []  # objects that nothing names
        self.silent = 0

    @property
    def name(self) -> str:
        return self.mirror.name

    def get(self, path: str, cap: int) -> bytes | None:
        if path in self.small and len(self.small[path]) <= cap:
            return self.small[path]
        try:
            data = self.mirror.get(path, cap)
        except ReadError as error:
            self.silent = self.silent + 1 if error.unreachable else 0
            raise
        self.silent = 0
        if data is None:
            self.absent.add(path)
            return None
        if path not in self.seen:
            self.verdict.files += 1
            self.verdict.bytes += len(data)
        self.seen.add(path)
        if _is_tile(path):
            self.tiles[path] = hashlib.sha256(data).digest()
        elif "/" not in path or path.startswith(("trust/", "log/")):
            self.small[path] = data
        return data

    def read(self, path: str, cap: int, *, must: bool) -> bytes | None:
        """The file, None when it isn't here or can't be had; what is wrong about that is in the verdict."""
        try:
            data = self.get(path, cap)
        except ReadError as error:
            self.wrong(path, state_of(error), str(error))
            return None
        if data is None and must:
            self.wrong(path, "missing", "the log has it, the mirror does not")
        return data

    def wrong(self, path: str, state: str, detail: str) -> None:
        self.verdict.wrong(path, state, detail)
        if len(self.verdict.problems) >= MAX_PROBLEMS:
            self.verdict.notes.append(f"{MAX_PROBLEMS} files are wrong; not read on")
            raise _Enough
        if self.silent >= MAX_SILENT:
            self.verdict.notes.append(f"no answer to {MAX_SILENT} requests in a row; not read on")
            raise _Enough

    def withdraw(self, entry: Entry) -> None:
        """An entry says that what was published before at this address is withdrawn."""
        self.withdrawn.add(entry.digest)
        self.withdrawals.append(entry)
        if entry.outlet is not None and entry.url_digest is not None:
            self.addresses.add((entry.outlet, entry.url_digest))

    def numbered(self, edition: VerifiedBundle) -> None:
        """There is one edition of each number, in all logs together; two that are signed contradict each other."""
        document: dict[str, Any] = edition.document
        other = self.serials.setdefault(document["serial"], edition.digest)
        if other != edition.digest:
            detail = f"there are two editions {document['serial']}, both signed by the publisher: {object_path(other)}"
            self.wrong(object_path(edition.digest), "contradictory", detail)

    # --- the whole of it --------------------------------------------------------------------------------------------

    def go(self, *, pin: str | bytes | None, memory: Memory, now: datetime, bar: Bar | None) -> Verdict:
        self.bar = bar
        verdict = self._read_all(pin=pin, memory=memory, now=now)
        if overtaken(self.mirror, verdict, self.small.get(TIMESTAMP)):
            self._begin()
            verdict = self._read_all(pin=pin, memory=memory, now=now)
        return verdict

    def _read_all(self, *, pin: str | bytes | None, memory: Memory, now: datetime) -> Verdict:
        verdict, bar = self.verdict, self.bar
        with refusals(verdict), contextlib.suppress(_Enough):
            self.session = open_session(self, pin=pin, memory=memory, now=now, verdict=verdict)
            self.trust = self.session.trusted.trust
            edition, front, front_head = self._front()
            verdict.checks.extend(edition.checks)
            verdict.signer, verdict.digest = edition.publisher.text, edition.digest
            verdict.witnesses = edition.witnesses
            document: dict[str, Any] = edition.document
            self.withdrawn |= {one["digest"] for one in document["withdrawals"]}
            verdict.current = "current"
            with contextlib.suppress(_Enough):
                logs = self._logs(front_head, note_of(front.proof))
                verdict.log = logs[-1].head
                if bar is not None:
                    bar.total(sum(one.head.size for one in logs))
                self.pages(edition)
                for one in logs:
                    one.entries(edition)
                self._gone()
                self._rest(logs)
                self._say_spare()
            verdict.authentic = not verdict.problems
            judge_freshness(self.session, edition)
            if verdict.authentic:
                hashes = hashes_of(self, self.trust, front_head)
                logged = {one.digest: {"time": one.time} for one in self.withdrawals}
                remember(self.session, edition, front, front_head, hashes, withdrawn=logged)
            if verdict.authentic:
                self._remember_closed(logs[:-1])
        return verdict

    def _front(self) -> tuple[VerifiedBundle, Front, Checkpoint]:
        data = need(self, "front", fronts.MAX_BYTES)
        try:
            return opened_front(self.session, data)
        except SigningError as error:
            if not any(one.path == "front" for one in self.verdict.problems):
                self.verdict.wrong("front", state_of(error), str(error))
            raise

    def _logs(self, front_head: Checkpoint, front_note: str) -> list[LogReading]:
        """Every log up to the one of the newest edition, which comes last."""
        logs: list[LogReading] = []
        for log in self.trust.logs:
            if log.origin == front_head.origin:
                head, note = self._head(log, front_head, front_note)
                logs.append(self._log(log, head, note))
                if log.frozen is not None:  # closed already, and nothing was sealed since
                    closing_note(self, log, checkpoint_path(log), must=False)
                break
            if log.frozen is not None:
                note = closing_note(self, log, checkpoint_path(log), must=True)
                head = Checkpoint(origin=log.origin, size=log.frozen.size, root=log.frozen.root)
                logs.append(self._log(log, head, note))
        return logs

    def _log(self, log: LogKey, head: Checkpoint, note: str) -> LogReading:
        self.verdict.logs.append(
            {
                "origin": log.origin,
                "size": head.size,
                "root": head.root.hex(),
                "closed": log.frozen is not None,
                "path": log.path,
            }
        )
        if head.size > MAX_LOG:
            self.verdict.wrong("checkpoint", "unreadable", f"a log of {head.size} entries is more than is read")
            raise _Enough
        return LogReading(self, log, head, note)

    def _head(self, log: LogKey, front_head: Checkpoint, front_note: str) -> tuple[Checkpoint, str]:
        """The larger of the checkpoint file's and the front's, which must be of one log; and its note."""
        head, note = self._checkpoint("checkpoint", front_head, front_note)
        if log.path:
            beside, _note = self._checkpoint(f"{log.path}/checkpoint", head, note)
            if beside.size < head.size:
                self.wrong(f"{log.path}/checkpoint", "tampered", f"size {beside.size}, elsewhere here {head.size}")
        if head.size < front_head.size:
            self.wrong("checkpoint", "tampered", f"size {head.size}, but front is of size {front_head.size}")
        return (head, note) if head.size >= front_head.size else (front_head, front_note)

    def _checkpoint(self, path: str, other: Checkpoint, other_note: str) -> tuple[Checkpoint, str]:
        """The checkpoint at `path`; the other one, which carries on, when it isn't right. Two that contradict each
        other are evidence."""
        data = need(self, path, checkpoints.MAX_BYTES)
        try:
            note = data.decode()
            origin = note.partition("\n")[0]
            if origin != other.origin and self.trust.log(origin) is not None:
                opened_checkpoint(note, self.trust, origin)
                self.verdict.notes.append(f"{path} is of {origin} already, front of {other.origin} still")
                return other, other_note
            head = opened_checkpoint(note, self.trust, other.origin)
        except (SigningError, UnicodeDecodeError) as error:
            self.wrong(path, "tampered", str(error))
            return other, other_note
        if head == other:
            self._checked(path, data)
            return head, note
        old, new = sorted((head, other), key=lambda one: one.size)
        hashes = hashes_of(self, self.trust, new)
        if old.size == new.size or range_hash(0, old.size, hashes.read) != old.root:
            reason = f"{path} (size {head.size}) and front (size {other.size}) contradict each other"
            first, second = (note, other_note) if old is head else (other_note, note)
            forked(self.session, first, second, reason, hashes=hashes, old=old, path=path)
            return other, other_note
        if not self._checked(path, data, head):
            return other, other_note
        return head, note

    def _checked(self, path: str, data: bytes, head: Checkpoint | None = None) -> bool:
        """Whether this checkpoint, which the log signed, counts. Given as `head`, it is evidence if it can't."""
        try:
            check_checkpoint(data, self.trust)
        except SigningError as error:
            log = self.trust.log(head.origin) if head is not None else None
            if head is None or log is None or not ended_elsewhere(self.session, log, head, data.decode(), path=path):
                self.wrong(path, state_of(error), str(error))
            return False
        return True

    def _remember_closed(self, logs: list[LogReading]) -> None:
        for one in logs:
            if one.note:
                learning = Learning(trusted=self.session.trusted, head=one.head, note=one.note)
                self.session.memory.update(self.trust.origin, learning)

    def _gone(self) -> None:
        """Articles that are not here must have been withdrawn; and those that were shouldn't be here."""
        for entry in self.without:
            where = (entry.outlet or "", entry.url_digest or "")
            if entry.digest not in self.withdrawn and where not in self.addresses:
                self.wrong(object_path(entry.digest), "missing", "the log has it, the mirror does not")
        still = sorted(self.withdrawn & self.good)
        if still:
            more = f" and {len(still) - 1} more" if len(still) > 1 else ""
            self.verdict.notes.append(f"{object_path(still[0])}{more}: withdrawn, and still here")

    def pages(self, edition: VerifiedBundle, *, must: bool = True) -> None:
        """The chains of older pages, each authenticated by the page before."""
        document: dict[str, Any] = edition.document
        for outlet in document["outlets"]:
            older: Any = outlet.get("older")
            # A page that was looked at leads on to pages that were looked at.
            while older is not None and older["digest"] not in self.good:
                path = object_path(older["digest"])
                data = self.read(path, min(older["size"], PIECE), must=must)
                if data is None:
                    break
                try:
                    page = verify_part(data, older["digest"], older["size"], kind="page", schema=schemas.check)
                except (SigningError, schemas.SchemaError) as error:
                    self.wrong(path, "tampered", str(error))
                    break
                self.good.add(older["digest"])
                older = page.get("older")

    # --- what is left -----------------------------------------------------------------------------------------------

    def _rest(self, logs: list[LogReading]) -> None:
        """Every tile of every log, and what the trust files list; in a folder, every other file too."""
        for name, target in self.session.trusted.view.targets.items():
            if target.path(name) not in self.seen:
                self._target(target.path(name), target)
        self._reader_page()
        found: dict[str, list[str]] = {one.log.prefix: [] for one in logs}
        extra: list[str] = []
        if isinstance(self.mirror, FolderMirror):
            for path in self.mirror.walk():
                prefix = _tile_prefix(path)
                if prefix in found:
                    found[prefix].append(path.removeprefix(prefix))
                elif re.fullmatch(r"pack/[0-9a-f]{32}\.zip", path):
                    self._pack(path)
                elif path not in self.seen and not _is_page(path) and path != packed.POINTER:
                    extra.append(path)
        for one in logs:
            extra += one.tiles(found[one.log.prefix])
        served = {one.log.origin: one.head.size for one in logs}
        for path in extra:
            self._extra(path, served)

    def _pack(self, path: str) -> None:
        """A pack of a packed mirror. What is in it was looked at like any file; this is about the rest of its bytes."""
        data = self.read(path, packed.WHOLE, must=False)
        if data is not None and hashlib.sha256(data).hexdigest()[:32] != path[5:37]:
            self.wrong(path, "tampered", "isn't the pack that its name says")

    def _say_spare(self) -> None:
        """Of what is harmless, one example is enough."""
        if self.early:
            first, more = min(self.early), f" and {len(self.early) - 1} more" if len(self.early) > 1 else ""
            self.verdict.notes.append(
                f"{first}{more}: not yet part of what this mirror publishes; a newer edition is on its way"
            )
        if self.spare:
            more = f" and {len(self.spare) - 1} more" if len(self.spare) > 1 else ""
            self.verdict.notes.append(f"{min(self.spare)}{more}: an object that nothing names")

    def _extra(self, path: str, served: dict[str, int]) -> None:
        """A file nothing signed names. Harmless when it is an object of the right name, or of what comes next: of a
        larger log than is `served` (sizes by origin), or newer trust files. Otherwise it shouldn't be here."""
        view = self.session.trusted.view
        if path.startswith("o/"):
            data = self.read(path, PICTURE, must=False)
            if data is not None and hashlib.sha256(data).hexdigest() == path.removeprefix("o/").replace("/", ""):
                self.spare.append(path)
                return
            self.wrong(path, "unexpected", "nothing signed names this file, and it isn't what its name says")
        elif path.startswith("proof/"):
            if self._is_ahead(self.read(path, PROOF, must=False), served):
                self.early.add(path)
            else:
                self.wrong(path, "unexpected", "nothing signed names this file, and it proves nothing that is to come")
        elif _is_of_log(path) or _is_newer(path, view):
            self.early.add(path)
        elif _is_superseded(path, view):
            self.verdict.notes.append(f"{path}: replaced by a newer one, not looked at")
        elif _is_target(path):
            self._other_target(path)
        elif path.startswith("trust/") or "/" not in path:
            self.wrong(path, "unexpected", "nothing signed names this file")
        else:
            self.wrong(path, "unexpected", "not a path of the mirror format")

    def _is_ahead(self, proof: bytes | None, served: dict[str, int]) -> bool:
        """Whether this proof is of a checkpoint that is good, and newer than what is served; or of a log that the trust
        files here don't name yet."""
        try:
            note = proofs.parse(proof or b"").checkpoint
            origin = note.split(b"\n", 1)[0].decode("utf-8", "replace")
            if origin.startswith(f"{self.trust.origin}/log/") and self.trust.log(origin) is None:
                return True
            checked = check_checkpoint(note, self.trust).checkpoint
        except SigningError:
            return False
        return checked.size > served.get(checked.origin, 0)

    def _other_target(self, path: str) -> None:
        """The policy, say, of a year ago or of tomorrow: nothing leads to it, but its name says what it must be."""
        data = self.read(path, PICTURE, must=False)
        if data is not None and hashlib.sha256(data).hexdigest() != path.removeprefix("trust/targets/")[:64]:
            self.wrong(path, "unexpected", "nothing signed names this file, and it isn't what its name says")
        else:
            self.verdict.notes.append(f"{path}: another one is in force")

    def _target(self, path: str, target: TargetInfo) -> None:
        """A file that the trust files list for other uses than checking; a mirror may do without."""
        data = self.read(path, min(target.size, PICTURE), must=False)
        if data is not None and (len(data), hashlib.sha256(data).hexdigest()) != (target.size, target.digest):
            self.wrong(path, "tampered", "does not have the size and digest that the trust files say")

    def _reader_page(self) -> None:
        """reader.html beside the front page: what people take from there and run. While a new one spreads, a mirror
        and its caches may have either; later it is the one that the trust files list, or somebody's own."""
        view = self.session.trusted.view
        target = view.targets.get(reader.NAME)
        data = self.read(reader.NAME, reader.LARGEST, must=False) if target is not None else None
        if target is None or data is None or hashlib.sha256(data).hexdigest() == target.digest:
            return
        if self._is_spreading(target):
            newer = "a new one was signed in the last day and may not be everywhere yet"
            self.verdict.notes.append(f"{reader.NAME}: not the one that the trust files list, so don't use it; {newer}")
            return
        detail = f"is not the file that the trust files list, which is {target.path(reader.NAME)}"
        self.wrong(reader.NAME, "tampered", f"{detail}; do not open it")

    def _is_spreading(self, target: TargetInfo) -> bool:
        """Whether the listed reader was signed in the last day, or the next targets metadata lists another one."""
        view = self.session.trusted.view
        path = f"trust/{view.versions['targets'] + 1}.targets.json"
        newer = self.read(path, CAPS["targets"], must=False)
        try:
            if newer is not None:
                root = load("root", view.files[f"trust/{view.root_version}.root.json"], None)
                load("targets", newer, root.signed)
                return authority.targets_facts(newer).targets.get(reader.NAME, (0, ""))[1] != target.digest
            listed = self.read(target.path(reader.NAME), min(target.size, reader.LARGEST), must=False) or b""
            made = datetime.fromisoformat(str(reader.parts(listed)[1].get("made")))
            return self.session.now - made < SPREADING
        except (SigningError, ValueError, TypeError):
            return False


def _is_superseded(path: str, view: TrustView) -> bool:
    """Whether this was one of the publication's trust files once: nobody asks for it any more."""
    match = re.fullmatch(r"trust/([1-9][0-9]{0,8})\.(root|snapshot|targets)\.json", path)
    return match is not None and int(match[1]) < view.versions[match[2]]


def _is_newer(path: str, view: TrustView) -> bool:
    """Whether this is one of the trust files that will be in force once the push that brings it is complete."""
    match = re.fullmatch(r"trust/([1-9][0-9]{0,8})\.(snapshot|targets)\.json", path)
    return match is not None and int(match[1]) > view.versions[match[2]]


def _is_target(path: str) -> bool:
    """Whether this has the name of a file that trust files list."""
    return re.fullmatch(r"trust/targets/[0-9a-f]{64}\.[a-z0-9][a-z0-9.-]{0,63}", path) is not None


def _is_of_log(path: str) -> bool:
    """Whether this can be a file of a log that begins, and of which nothing is served yet."""
    folder, _, rest = path.removeprefix("log/").partition("/")
    if not path.startswith("log/") or not re.fullmatch(r"[a-z0-9][a-z0-9.-]{0,40}", folder):
        return False
    try:
        return rest == "checkpoint" or bool(parse_path(rest))
    except SigningError:
        return False


def _tile_prefix(path: str) -> str | None:
    """What stands before `tile/` in the path of a tile; None when it can't be one."""
    match = re.match(r"(log/[a-z0-9][a-z0-9.-]{0,40}/)?tile/", path)
    return (match[1] or "") if match else None


def _is_tile(path: str) -> bool:
    return _tile_prefix(path) is not None


def _is_page(path: str) -> bool:
    """Pages and feeds: conveniences that nobody trusts."""
    return path in ("index.html", "feed.xml", reader.NAME, f"{reader.NAME}.minisig") or (
        path.startswith("a/") and path.endswith(".html")
    )
