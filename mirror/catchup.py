"""Never a second history: before anything is signed, what was published is compared with what this archive knows.

An archive that was restored from a backup, or that has a twin on another machine, is an old copy without knowing it:
what it would sign next would contradict what readers have seen. So every run first asks its mirrors (up to `ASKED`),
and every witness, for their newest checkpoint and `trust/timestamp.json`, all at once and with one short deadline:

    the same, or older and in our log            nothing; this costs two small requests a mirror
    larger, and it continues our log             everything that is missing is fetched, verified and put in place
    larger, but something of it is nowhere       `Rollback`: names what is missing; nothing is changed, nothing signed
    signed by our log key, and contradicts us    the evidence is saved, `TwoHistories` (exit 5)
    trust files of a higher version              taken over, when our own chain of roots leads to them
    not signed by our log key                    a note: nobody can stop the press by an invention
    nobody answers                               a note, where this archive has published before; see `publish`

Only bytes that a signature or a hash vouches for are taken. Proofs and pages for people are made here from what was
verified; they are never fetched. A tree and a state that come from backups of different age: `mirror.mend`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import queue
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, TypeVar

from mirror.archive.errors import CorruptArchive, Rollback
from mirror.errors import TamizdatError, TwoHistories
from signing.checkpoint import MAX_BYTES as CHECKPOINT_CAP
from signing.checkpoint import Checkpoint, open_checkpoint
from signing.errors import SigningError

if TYPE_CHECKING:
    from pathlib import Path

    from mirror.archive import Archive
    from mirror.archive.adopt import Adopted, Found, LogPart, PageOf
    from mirror.archive.state import Head, TargetRow
    from mirror.config import TargetConfig
    from mirror.output import Output
    from mirror.publication import Publication
    from signing.entry import Entry
    from signing.roles import Frozen, LogKey, Trust
    from signing.tiles import TileHashes
    from signing.trust import TrustView

# Mirrors, all at once. Whoever has all of these show an old state could have a restored copy sign a second history, so
# they are many; two hundred connections would be too many.
ASKED = 16
# Those silent that often in a row come last, but are waited for like all others: in a restored archive this record is
# as old as the rest, and just such a mirror may have come back since and alone have the newest checkpoint.
SILENT = 3
DEADLINE = 10.0  # seconds for all answers together
PICTURE = 16 << 20
STAMP = "trust/timestamp.json"
FIRST_ROOT = "trust/1.root.json"
LOST = (
    "nothing was changed. Run again when more mirrors answer, or restore a newer backup; if what was signed last is "
    "lost for good, end this log: tamizdat key freeze --reason lost"
)
_WORKERS = 8
_TOGETHER = 64  # objects in work before the next ones are begun
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class CaughtUp:
    """What was taken over, and where it was seen. `trust`: newer trust files were among it."""

    where: str
    size: int
    entries: int = 0
    articles: int = 0
    withdrawn: int = 0
    trust: bool = False

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("where", "size", "entries", "articles", "withdrawn", "trust")}

    def line(self) -> str:
        """For people."""
        if not self.entries:
            return f"caught up: newer trust files were taken over from {self.where}"
        return (
            f"caught up: this archive was an old copy; {self.entries} log entries "
            f"({self.articles} articles) were taken over from {self.where}"
        )


# --- where bytes come from ----------------------------------------------------------------------------------------


class _Reads(Protocol):
    def get(self, path: str, cap: int) -> bytes | None: ...


class Source:
    """A place that may have what this archive lacks. Usable from many threads; each has its own connection."""

    def __init__(self, name: str, opened: Callable[[], _Reads]) -> None:
        self.name = name
        self._open = opened
        self._local = threading.local()
        self._failed = 0

    def get(self, path: str, cap: int) -> bytes | None:
        """The file, or None when there is none. Raises `TamizdatError`."""
        reads: _Reads | None = getattr(self._local, "reads", None)
        if reads is None:
            reads = self._local.reads = self._open()
        return reads.get(path, cap)

    def maybe(self, path: str, cap: int) -> bytes | None:
        """The file, or None for whatever reason; a source that failed three times in a row is not asked again."""
        if self._failed >= 3:
            return None
        try:
            data = self.get(path, cap)
        except TamizdatError:
            self._failed += 1
            return None
        self._failed = 0
        return data


def sources_of(publication: Publication, rows: Iterable[TargetRow] = ()) -> list[Source]:
    """Every target that is not paused, those with a public address first: there we see what readers see. After all
    others come those that did not answer lately, as far as `rows` tell."""
    from mirror.run import choose_targets

    silent = {row.name for row in rows if _is_silent(row)}
    chosen = sorted(choose_targets(publication, ()), key=lambda one: (one.name in silent, one.public is None))
    return [Source(f"target {one.name}", _opener(publication, one)) for one in chosen]


def _is_silent(row: TargetRow) -> bool:
    """Whether pushes or looks there failed `SILENT` times in a row."""
    return row.failures >= SILENT or (row.looks_bad >= SILENT and row.audit_result == "dead")


def _opener(publication: Publication, target: TargetConfig) -> Callable[[], _Reads]:
    def opened() -> _Reads:
        from mirror.read import Patience, open_mirror

        if target.public is None:
            return publication.open_target(target)
        if target.public.startswith(("http://", "https://")):
            from mirror.read import WebMirror

            return WebMirror(target.public, patience=Patience(connect=5.0, idle=10.0))
        return open_mirror(target.public)

    return opened


# --- asking -------------------------------------------------------------------------------------------------------


@dataclass(slots=True, kw_only=True)
class Answer:
    """What somebody shows as newest: the bytes of `checkpoint` and `trust/timestamp.json`, None where there is none. A
    witness has no source: nothing but its word comes from it."""

    source: Source | None
    name: str
    checkpoint: bytes | None = None
    stamp: bytes | None = None


def _ask(sources: Sequence[Source], more: Sequence[Callable[[], list[Answer]]], seconds: float) -> list[Answer]:
    """The answers that came within `seconds`, of all asked at the same time."""
    answers: queue.SimpleQueue[list[Answer]] = queue.SimpleQueue()

    def ask(source: Source) -> list[Answer]:
        answer = Answer(source=source, name=source.name)
        answer.checkpoint = source.get("checkpoint", CHECKPOINT_CAP)
        answer.stamp = source.get(STAMP, 16_384)
        return [answer]

    def work(job: Callable[[], list[Answer]]) -> None:
        found: list[Answer] = []
        try:
            found = job()
        except (TamizdatError, SigningError, OSError):
            pass  # says nothing
        finally:
            answers.put(found)

    jobs: list[Callable[[], list[Answer]]] = [*((lambda source=one: ask(source)) for one in sources), *more]
    for job in jobs:
        # Daemons: one that hangs must not keep the process from ending.
        threading.Thread(target=work, args=(job,), daemon=True, name="ask").start()
    end = time.monotonic() + seconds
    found: list[Answer] = []
    for _ in jobs:
        try:
            found += answers.get(timeout=max(0.0, end - time.monotonic()))
        except queue.Empty:
            break
    return found


def catch_up(
    publication: Publication, archive: Archive, out: Output, now: datetime, *, deadline: float = DEADLINE
) -> CaughtUp | None:
    """What was taken over, None when this archive is the newest. To be called with the archive locked, before anything
    is fetched or signed. See the module's text; raises `Rollback`, `TwoHistories`, `StorageFailed`, `TamizdatError`
    when a key of ours is no longer in force."""
    with archive.state.reading() as tx:
        rows = tx.targets()
    return CatchUp(publication, archive, out, now, sources_of(publication, rows)).go(deadline)


def check_keys(publication: Publication, archive: Archive, out: Output, now: datetime) -> None:
    """Return if the keys here are those that our own trust files name: what others sign, readers refuse. Raises
    `TamizdatError`."""
    looking = CatchUp(publication, archive, out, now, [])
    view = looking._own_view()
    looking._check_keys(view, _trust_of(view))


def look_before_publishing(
    publication: Publication,
    archive: Archive,
    target: TargetConfig,
    opened: _Reads,
    *,
    out: Output,
    now: datetime,
    fine: set[bytes] | None = None,
) -> None:
    """Return if the checkpoint that is about to go to this target continues the one that is there. It was looked at
    before sealing too, but another copy may have published since; and a target that was not reachable then shows only
    now what it has. Raises `TwoHistories`, or `Rollback` when the target is ahead of us. What was found to be `fine` is
    remembered there: hundreds of mirrors show the same checkpoint, and comparing it costs a tenth of a second.
    """
    from mirror.publish import known_there

    with archive.state.reading() as tx:
        row = known_there(tx.target(target.name), target)
        pending = tx.changes(row.cursor, None, mutable=True, op="put")
    if not any(change.path == "checkpoint" for change in pending):
        return
    data = opened.get("checkpoint", CHECKPOINT_CAP)
    if data is None:
        # One that was emptied gets everything anew.
        if row.cursor and opened.get(FIRST_ROOT, 1 << 20) is not None:
            raise TamizdatError(
                f"{target.name} had a checkpoint and shows none any more, so nobody knows whether this archive is the "
                "newest; nothing was pushed there. When it is known that files were only lost there: "
                f"`tamizdat target remove {target.name}`, then `tamizdat target add`, and all is pushed again"
            )
        return
    source = Source(f"target {target.name}", lambda: opened)
    answer = Answer(source=source, name=source.name, checkpoint=data)
    if fine is None or data not in fine:
        CatchUp(publication, archive, out, now, [source]).before_publishing(answer)
    if fine is not None:
        fine.add(data)


class CatchUp:
    """One comparison of this archive with what others show, and what follows from it."""

    def __init__(
        self, publication: Publication, archive: Archive, out: Output, now: datetime, sources: list[Source]
    ) -> None:
        self.publication, self.archive, self.out, self.now = publication, archive, out, now
        self.sources = sources
        self.store = archive.store
        self.head: Head = archive.head()
        self._view: TrustView | None = None
        self._adopting: TrustView | None = None  # newer trust files that are about to be taken over

    # --- who is ahead? ------------------------------------------------------------------------------------------------

    def go(self, deadline: float) -> CaughtUp | None:
        witnesses = self._witnesses()
        asked = self.sources[:ASKED]
        if not asked and not witnesses:
            return None
        answers = _ask(asked, witnesses, deadline)
        # Who did not answer is asked last from now on.
        silent = {source.name for source in asked} - {answer.name for answer in answers}
        self.sources.sort(key=lambda source: source.name in silent)
        if self.head.size and not any(answer.checkpoint for answer in answers):
            asked_all = {answer.name for answer in answers} >= {source.name for source in asked}
            who = "no mirror has a checkpoint" if asked and asked_all else "no mirror"
            then = "" if asked and asked_all else "; what is sealed now is not shown on a mirror before it was asked"
            self.out.note(
                f"{who} and no witness answered, so nobody could be asked whether this archive is the newest{then}"
            )
        if not answers:
            return None
        return self.look(answers)

    def look(self, answers: Sequence[Answer], *, tree_is_ahead: bool = False) -> CaughtUp | None:
        """What was taken over after comparing the answers with what we have."""
        own = {self.head.checkpoint, *([] if tree_is_ahead else [self.store.read("checkpoint")])}
        stamp = self.store.read(STAMP)
        newer = [one for one in answers if one.source is not None and _may_be_newer(one.stamp, stamp)]
        other = [one for one in answers if one.checkpoint is not None and one.checkpoint not in own]
        if not newer and not other:
            return None
        view = self._adopting = self._newest_trust(newer)
        trust = _trust_of(view or self._own_view())
        served = [(one, *found) for one in other if (found := self._opened(one, trust)) is not None]
        here = self._position(trust)
        target: tuple[Answer, LogKey, Checkpoint] | None = None
        for answer, log, checkpoint in served:
            place = trust.logs.index(log)
            if place < here:
                continue  # a mirror that still shows the log before; that one ended, `trust` says where
            if place == here and checkpoint.size <= self.head.size:
                self._compare_with_ours(answer, checkpoint)
            elif target is None or (place, checkpoint.size) > (trust.logs.index(target[1]), target[2].size):
                target = answer, log, checkpoint
        behind = target is not None or here < len(trust.logs) - 1 or self._frozen_above(trust, here)
        if view is not None:
            self._check_keys(view, trust)
        if not behind:
            if view is None:
                return None
            self.archive.replace_trust(self._trust_files(view), view.trust)
            name = next(one.name for one in newer)
            return CaughtUp(where=name, size=self.head.size, trust=True)
        return self._take_over(trust, view, target, served, here)

    def before_publishing(self, answer: Answer) -> None:
        """See `look_before_publishing`."""
        if answer.checkpoint in {self.head.checkpoint, self.store.read("checkpoint")}:
            return
        trust = _trust_of(self._own_view())
        found = self._opened(answer, trust)
        if found is None:
            return
        log, checkpoint = found
        here, place = self._position(trust), trust.logs.index(found[0])
        if place < here:
            return
        if place == here and checkpoint.size <= self.head.size:
            self._compare_with_ours(answer, checkpoint)
            return
        if place == here and self.head.size:
            self._prefix(self._hashes(log, checkpoint, self.head.size), checkpoint, answer)
        raise Rollback(
            f"{answer.name} has a newer state ({checkpoint.size} entries) than this archive ({self.head.size}): "
            "another copy of this publication is at work",
            hint="nothing was pushed there; the next run catches up",
        )

    def _prefix(self, hashes: TileHashes, checkpoint: Checkpoint, answer: Answer) -> None:
        """Return if our log is the beginning of the larger one; raises `TwoHistories`."""
        from signing.merkle import range_hash

        size, root = self.head.size, self.head.root
        if range_hash(0, size, hashes.read) != root:
            self._fork(answer, checkpoint, hashes, newer=checkpoint)

    def _witnesses(self) -> list[Callable[[], list[Answer]]]:
        """One job that asks all witnesses of the policy, where there is one."""
        digest = next((path for path in self.store.walk("trust/targets") if path.endswith(".witness.policy")), None)
        if digest is None:
            return []
        trust = _trust_of(self._own_view())
        if trust.policy is None:
            return []
        policy, origin = trust.policy, self.head.origin

        def ask() -> list[Answer]:
            from mirror.witness.client import newest_cosigned

            return [
                Answer(source=None, name=f"witness {witness.name}", checkpoint=data)
                for witness, data in newest_cosigned(policy, origin)
            ]

        return [ask]

    def _own_view(self) -> TrustView:
        """What our own trust files say, walked from our own first root."""
        from signing.trust import walk

        if self._view is None:
            try:
                self._view = walk(
                    lambda path, _cap: self.store.read(path), pin=self.publication.fingerprint(), now=self.now
                )
            except SigningError as error:
                raise CorruptArchive(
                    f"{self.store.root}/trust: {error}", hint="restore the archive folder from a mirror or a backup"
                ) from error
        return self._view

    def _newest_trust(self, answers: Sequence[Answer]) -> TrustView | None:
        """The newest trust files that a mirror has and our roots lead to; None when ours are."""
        from signing.trust import TrustError, walk

        known = self._own_view() if answers else None
        best: TrustView | None = None
        for answer in answers:
            source = answer.source
            if source is None or known is None:
                continue
            anchor = known.files[f"trust/{known.root_version}.root.json"]
            try:
                view = walk(source.get, pin=anchor, now=self.now, known=known)
                _trust_of(view)
            except (TrustError, SigningError, ValueError) as error:
                self.out.note(f"{answer.name}: its trust files are not ours, or older: {error}")
                continue
            except TamizdatError:
                continue
            before = best or known
            if (view.root_version, view.versions["targets"], view.versions["timestamp"]) > (
                before.root_version,
                before.versions["targets"],
                before.versions["timestamp"],
            ):
                best = view
        return best

    def _opened(self, answer: Answer, trust: Trust) -> tuple[LogKey, Checkpoint] | None:
        """The checkpoint, if one of our log keys signed it."""
        data = answer.checkpoint or b""
        problem = "it is of no log of ours"
        for log in trust.logs:
            if data.startswith(log.origin.encode() + b"\n"):
                try:
                    return log, open_checkpoint(data, log.key, log.origin)
                except SigningError as error:
                    problem = str(error)
        self.out.note(f"{answer.name}: what it serves as checkpoint is not ours: {problem}")
        return None

    def _position(self, trust: Trust) -> int:
        for place, log in enumerate(trust.logs):
            if log.origin == self.head.origin:
                return place
        raise CorruptArchive(
            f"the state's log {self.head.origin} is not in the trust files", hint="restore both from one backup"
        )

    def _frozen_above(self, trust: Trust, here: int) -> bool:
        frozen = trust.logs[here].frozen
        return frozen is not None and frozen.size > self.head.size

    def _compare_with_ours(self, answer: Answer, checkpoint: Checkpoint) -> None:
        """Return if what was served is the beginning of our log, or all of it."""
        from signing.merkle import range_hash
        from signing.tiles import TileHashes

        head = self.head
        if (checkpoint.size, checkpoint.root) == (head.size, head.root):
            return
        if checkpoint.size == 0:
            return
        hashes = TileHashes(head.size, head.root, self._own_tile)
        try:
            same = checkpoint.size < head.size and range_hash(0, checkpoint.size, hashes.read) == checkpoint.root
        except (SigningError, LookupError) as error:
            raise CorruptArchive(
                f"{self.store.root}: the log's tiles do not fit its head of size {head.size}: {error}",
                hint="restore the archive folder from a mirror; nothing was signed",
            ) from error
        if not same:
            self._fork(answer, checkpoint, hashes, newer=Checkpoint(head.origin, head.size, head.root))

    def _own_tile(self, path: str) -> bytes:
        data = self.store.read(f"{self.head.path}/{path}" if self.head.path else path)
        if data is None:
            raise LookupError(f"{path} is missing")
        return data

    def _fork(self, answer: Answer, served: Checkpoint, hashes: TileHashes, *, newer: Checkpoint) -> NoReturn:
        """Save both checkpoints, with a proof that they can't be of one log; raises `TwoHistories`."""
        ours, theirs = self.head.checkpoint, answer.checkpoint or b""
        first, second = (theirs, ours) if newer.size == self.head.size else (ours, theirs)
        file = save_fork(
            self.publication.folder / "evidence",
            origin=served.origin,
            checkpoints=(first, second),
            old=min(served.size, self.head.size),
            hashes=hashes,
            files=(self._adopting or self._own_view()).files,
            where=answer.name,
            now=self.now,
        )
        raise TwoHistories(
            f"{answer.name} serves a checkpoint of {served.size} entries that our own log key signed and that "
            f"contradicts this archive ({self.head.size} entries); evidence: {file}",
            hint="nothing was signed or published. Does another copy of this publication run somewhere? "
            "Keep the one whose history readers have seen",
        )

    # --- keys ---------------------------------------------------------------------------------------------------------

    def _check_keys(self, view: TrustView, trust: Trust) -> None:
        """Return if our keys are those that the newest trust files name."""
        from signing.authority import key_id

        if key_id(self.publication.public("online")) not in view.online:
            raise TamizdatError(
                f"keys/online.key is not the online key of the newest root (version {view.root_version}) that readers "
                "have seen",
                hint="restore the newest keys folder, or make a new online key: tamizdat key rotate online",
            )
        log = self.publication.public("log")
        if log != trust.current.key:
            raise TamizdatError(
                f"keys/log.key is not the key of the current log {trust.current.origin}",
                hint="restore the newest keys folder, or freeze the log: tamizdat key freeze --reason lost",
            )
        publisher = self.publication.public("publisher")
        stamp = self.now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        if not any(
            one.key == publisher and (one.valid_until is None or one.valid_until >= stamp) for one in trust.publishers
        ):
            raise TamizdatError(
                "keys/publisher.key is no longer trusted by the newest trust files that readers have seen",
                hint="restore the newest keys folder, or make a new one: tamizdat key rotate publisher",
            )

    def _trust_files(self, view: TrustView) -> dict[str, bytes]:
        """The trust files of the view that are not here in these bytes, optional targets included."""
        files = dict(view.files)
        for name, info in view.targets.items():
            path = info.path(name)
            if path not in files and self.store.read(path) is None:

                def good(data: bytes, info: Any = info) -> bytes:
                    if len(data) != info.size or hashlib.sha256(data).hexdigest() != info.digest:
                        raise ValueError
                    return data

                files[path] = self._fetch(path, info.size, good)
        return {path: data for path, data in files.items() if self.store.read(path) != data}

    # --- taking over --------------------------------------------------------------------------------------------------

    def _fetch(self, path: str, cap: int, good: Callable[[bytes], _T]) -> _T:
        """What `good` makes of the file, from the first source whose file it accepts; `Rollback` when there is none."""
        wrong = False
        for source in self.sources:
            data = source.maybe(path, cap)
            if data is None:
                continue
            try:
                return good(data)
            except (SigningError, ValueError, LookupError):
                wrong = True
        raise Rollback(
            f"this archive is an old copy, and {path} is "
            f"{'wrong on every mirror that has it' if wrong else 'nowhere'}: it can't be brought up to date, "
            "and going on would sign a second history",
            hint=LOST,
        )

    def _take_over(
        self,
        trust: Trust,
        view: TrustView | None,
        target: tuple[Answer, LogKey, Checkpoint] | None,
        served: Sequence[tuple[Answer, LogKey, Checkpoint]],
        here: int,
    ) -> CaughtUp:
        from mirror.archive import adopt
        from mirror.archive.adopt import Found
        from mirror.render import Pages

        name = target[0].name if target else "the mirrors"
        self.out.note(f"this archive is an old copy: {name} shows a newer state; catching up")
        logs = self._logs(trust, target, served, here)
        found = Found(old=self.head, logs=logs)
        if view is not None:
            found.trust = self._trust_files(view)
            found.trust_document = view.trust
        self._earlier_trust(found)
        self._bundles(trust, found)
        config = self.publication.config
        stamp = self.now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        render = Pages(
            config.publication.name,
            [mirror.url for mirror in config.mirrors],
            reader=any(path.endswith(".reader.html") for path in self.store.walk("trust/targets")),
        )
        done: Adopted = adopt.adopt(self.archive, found, render=render, now=stamp)
        for problem in done.problems:
            self.out.note(problem)
        return CaughtUp(
            where=name,
            size=done.size,
            entries=done.entries,
            articles=done.articles,
            withdrawn=done.withdrawn,
            trust=view is not None,
        )

    def _logs(
        self,
        trust: Trust,
        target: tuple[Answer, LogKey, Checkpoint] | None,
        served: Sequence[tuple[Answer, LogKey, Checkpoint]],
        here: int,
    ) -> list[LogPart]:
        """What is new in our log, and the logs that came after it."""
        parts: list[LogPart] = []
        base = self.head.base
        for place, log in enumerate(trust.logs[here:], here):
            own = place == here
            at = (self.head.size, self.head.root) if own else (0, _empty())
            if log.frozen is not None:
                checkpoint, note = self._final(log, log.frozen)
                parts.append(self._log(log, base, at, checkpoint, note, closed=True))
            elif target is not None and target[1] == log:
                answer, _, checkpoint = target
                parts.append(
                    self._log(log, base, at, checkpoint, answer.checkpoint or b"", closed=False, answer=answer)
                )
                for other, of, smaller in served:
                    if of == log and at[0] < smaller.size < checkpoint.size:
                        self._same_history(parts[-1], other, smaller)
            else:
                note = self.head.checkpoint if own else b""
                parts.append(self._log(log, base, at, Checkpoint(log.origin, *at), note, closed=False))
            base += parts[-1].size
        return parts

    def _final(self, log: LogKey, frozen: Frozen) -> tuple[Checkpoint, bytes]:
        from mirror.archive.plan import log_folder

        wanted = Checkpoint(log.origin, frozen.size, frozen.root)
        if self.head.origin == log.origin and (self.head.size, self.head.root) == (frozen.size, frozen.root):
            return wanted, self.head.checkpoint

        def good(data: bytes) -> tuple[Checkpoint, bytes]:
            if open_checkpoint(data, log.key, log.origin) != wanted:
                raise ValueError
            return wanted, data

        place = log.path or log_folder(log.origin)
        return self._fetch(f"{place}/checkpoint", CHECKPOINT_CAP, good)

    def _log(
        self,
        log: LogKey,
        base: int,
        at: tuple[int, bytes],
        checkpoint: Checkpoint,
        note: bytes,
        *,
        closed: bool,
        answer: Answer | None = None,
    ) -> LogPart:
        """The entries of a log from what we have of it up to the checkpoint, and the tiles they make: the root that
        comes out is the one that was signed."""
        from mirror.archive.adopt import LogPart
        from signing.entry import parse
        from signing.tiles import Tree

        size, root = at
        prefix = log.prefix
        if checkpoint.size < size:
            raise Rollback(
                f"the trust files end the log {log.origin} at {checkpoint.size} entries, this archive has {size}",
                hint="this copy sealed after the log was frozen elsewhere; keep the one that readers have seen",
            )
        hashes = self._hashes(log, checkpoint, size)
        seen = answer or Answer(source=None, name="the trust files", checkpoint=note)
        if size and checkpoint.size > size:
            self._prefix(hashes, checkpoint, seen)
        elif size and checkpoint.root != root:
            self._fork(seen, checkpoint, hashes, newer=checkpoint)
        entries: list[bytes] = []
        for number in range(size // 256, -(-checkpoint.size // 256) if checkpoint.size > size else 0):
            some = hashes.entries(number)
            entries += some[max(0, size - number * 256) :]
        try:
            tree = Tree.load(size, root, lambda path: self._tile(prefix + path) if size else self._nothing(path))
        except (SigningError, LookupError) as error:
            raise CorruptArchive(
                f"{self.store.root}: the log's tiles do not fit its head of size {size}: {error}",
                hint="restore the archive folder from a mirror; nothing was signed",
            ) from error
        parsed: list[Entry] = []
        tiles: dict[str, bytes] = {}
        seals: list[tuple[int, bytes]] = []
        for data in entries:
            tree.append(data)
            parsed.append(parse(data))
            if parsed[-1].kind == "edition":
                seals.append((tree.size, tree.root))
                tiles |= tree.files()
        self._check_sealed(log, parsed)
        tiles |= tree.files()
        if (tree.size, tree.root) != (checkpoint.size, checkpoint.root):
            raise Rollback(f"{log.origin}: the entries that mirrors have do not lead to the signed root")
        # As after sealing: the partial tiles of a tile that is full now are gone.
        full = {path for path in tiles if ".p/" not in path}
        tiles = {
            prefix + path: data for path, data in tiles.items() if path.partition(".p/")[0] not in full or path in full
        }
        return LogPart(
            origin=log.origin,
            path=log.path,
            base=base,
            first=size,
            tree=tree,
            checkpoint=note,
            entries=tuple(parsed),
            seals=tuple(seals),
            tiles=tiles,
            closed=closed,
            reissue=log.frozen is not None and not log.frozen.earlier,
        )

    def _check_sealed(self, log: LogKey, entries: Sequence[Entry]) -> None:
        """Every seal of ours ends in an edition, which the publisher key signed as well, and logs nothing twice. With a
        log key alone, somebody could have us withdraw all there is."""
        named = [(entry.kind, entry.digest) for entry in entries]
        if entries and (entries[-1].kind != "edition" or len(set(named)) < len(named)):
            raise _not_ours(log)

    def _hashes(self, log: LogKey, checkpoint: Checkpoint, size: int) -> TileHashes:
        """The log's tiles on the mirrors, checked as far as is needed: every entries tile that will be read, and the
        root over our own part. Another order of the mirrors is tried when one has wrong tiles."""
        from signing.merkle import range_hash
        from signing.tiles import TileHashes

        problem: Exception = LookupError("no mirror answers")
        for turn in range(max(1, len(self.sources))):
            sources = [*self.sources[turn:], *self.sources[:turn]]
            tiles: dict[str, bytes] = {}

            def read(path: str, sources: Sequence[Source] = sources, tiles: dict[str, bytes] = tiles) -> bytes:
                if path not in tiles:
                    tiles[path] = _tile_from(sources, log.prefix + path)
                return tiles[path]

            hashes = TileHashes(checkpoint.size, checkpoint.root, read)
            try:
                if checkpoint.size > size:
                    hashes.check()
                    for number in range(size // 256, -(-checkpoint.size // 256)):
                        hashes.entries(number)
                    if size:
                        range_hash(0, size, hashes.read)
                return hashes
            except (SigningError, LookupError) as error:
                problem = error
        raise Rollback(
            f"this archive is an old copy ({size} entries, {checkpoint.size} are published), and the log can't be read "
            f"from any mirror: {problem}",
            hint=LOST,
        )

    def _same_history(self, part: LogPart, answer: Answer, smaller: Checkpoint) -> None:
        from signing.merkle import range_hash
        from signing.tiles import TileHashes

        if range_hash(0, smaller.size, part.tree.read) == smaller.root:
            return

        def read(path: str) -> bytes:
            return part.tiles.get(part.path + "/" + path if part.path else path) or self._own_tile(path)

        hashes = TileHashes(part.size, part.tree.root, read)
        file = save_fork(
            self.publication.folder / "evidence",
            origin=part.origin,
            checkpoints=(answer.checkpoint or b"", part.checkpoint),
            old=smaller.size,
            hashes=hashes,
            files=(self._adopting or self._own_view()).files,
            where=answer.name,
            now=self.now,
        )
        raise TwoHistories(
            f"two mirrors serve checkpoints of our own log that contradict each other; evidence: {file}",
            hint="nothing was signed or published. Did two copies of this publication run at once?",
        )

    def _tile(self, path: str) -> bytes:
        data = self.store.read(path)
        if data is None:
            raise LookupError(f"{path} is missing")
        return data

    def _nothing(self, path: str) -> bytes:
        raise LookupError(path)

    def _earlier_trust(self, found: Found) -> None:
        """The versions of trust.json that were logged in between, as far as somebody still has them."""
        from signing.verify import verify_object

        for part in found.logs:
            for entry in part.entries:
                path = f"trust/targets/{entry.digest}.trust.json"
                if entry.kind != "trust" or path in found.trust or self.store.exists(path):
                    continue

                def good(data: bytes, entry: Entry = entry) -> bytes:
                    return verify_object(data, entry.digest, entry.size, 1 << 20)

                with contextlib.suppress(Rollback):
                    found.trust[path] = self._fetch(path, min(entry.size, 1 << 20), good)

    # --- bundles, objects, pages --------------------------------------------------------------------------------------

    def _bundles(self, trust: Trust, found: Found) -> None:
        """Every article, edition and page that is still published and not here."""
        withdrawn: dict[tuple[str | None, str | None], int] = {}
        for part in found.logs:
            for at, entry in enumerate(part.entries, part.first):
                if entry.kind == "withdrawal":
                    withdrawn[entry.outlet, entry.url_digest] = part.base + at
        # What counts here is that our own keys signed it. Witnesses speak to readers.
        trust = replace(trust, policy=None)
        jobs: list[tuple[LogPart, int, Entry]] = []
        editions: list[tuple[LogPart, int, Entry]] = []
        for part in found.logs:
            for at, entry in enumerate(part.entries, part.first):
                if entry.kind == "article" and part.base + at > withdrawn.get((entry.outlet, entry.url_digest), -1):
                    jobs.append((part, at, entry))
                elif entry.kind == "edition":
                    editions.append((part, at, entry))
        pool = ThreadPoolExecutor(max_workers=_WORKERS, thread_name_prefix="catch-up")
        with pool, self.out.bar("catch up", unit="article") as bar:
            bar.total(len(jobs))
            for start in range(0, len(jobs), _TOGETHER):
                some = jobs[start : start + _TOGETHER]
                for done in pool.map(lambda job: self._article(trust, *job), some):
                    digest, article, size, key, files = done
                    self.store.write_many(files, replace=False)
                    found.articles[digest] = article, size, key
                    bar.update()
        from mirror.archive.plan import KEEP_EDITIONS

        newest = editions[-1:]
        last_withdrawal = max(withdrawn.values(), default=-1)
        for part, at, entry in editions[-KEEP_EDITIONS:]:
            must = (part, at, entry) in newest
            if must or part.base + at > last_withdrawal:
                self._edition(trust, found, part, at, entry, must=must)
        self._check_withdrawals(trust, found, newest)

    def _check_withdrawals(self, trust: Trust, found: Found, newest: Sequence[tuple[LogPart, int, Entry]]) -> None:
        """The newest edition lists what was withdrawn last (not always all of it: see `mirror.edition`)."""
        gone = {entry.digest for part in found.logs for entry in part.entries if entry.kind == "withdrawal"}
        for part, _, entry in newest:
            listed = {one["digest"] for one in found.editions[entry.digest]["withdrawals"]}
            if gone and not gone & listed:
                raise _not_ours(next(log for log in trust.logs if log.origin == part.origin))

    def _article(
        self, trust: Trust, part: LogPart, at: int, entry: Entry
    ) -> tuple[str, Any, int, str, dict[str, bytes]]:
        import schemas
        from mirror import pack
        from mirror.read import object_path
        from signing.proof import Proof
        from signing.verify import PIECE, verify_bundle, verify_object, verify_part

        proof = Proof(index=at, hashes=part.tree.inclusion(at), checkpoint=part.checkpoint).encode()

        def bundle(data: bytes) -> tuple[bytes, dict[str, Any]]:
            checked = verify_bundle(
                data, digest=entry.digest, proof=proof, trust=trust, schema=schemas.check, kind="article", cap=PIECE
            )
            return data, checked.document

        files: dict[str, bytes] = {}
        stored, document = self._object(entry.digest, PIECE, bundle)
        files[object_path(entry.digest)] = stored
        parts: list[dict[str, Any]] = []
        for one in document["parts"]:

            def of_part(data: bytes, one: Mapping[str, Any] = one) -> tuple[bytes, dict[str, Any]]:
                return data, verify_part(data, one["digest"], one["size"], schema=schemas.check)

            data, made = self._object(one["digest"], one["size"], of_part)
            files[object_path(one["digest"])] = data
            parts.append(made)
        for one in document["resources"]:

            def of_picture(data: bytes, one: Mapping[str, Any] = one) -> bytes:
                return verify_object(data, one["digest"], one["size"], PICTURE)

            try:
                files[object_path(one["digest"])] = self._object(one["digest"], min(one["size"], PICTURE), of_picture)
            except Rollback:
                # Light targets have none, and an archive can do without. The bundle says what is missing.
                if one["role"] != "evidence":
                    raise
        article = pack.from_document(document)
        key = pack.content_key(pack.join(article, parts))
        return entry.digest, article, len(stored), key, files

    def _object(self, digest: str, cap: int, good: Callable[[bytes], _T]) -> _T:
        """An object, from our own tree if it is there."""
        from mirror.read import object_path

        path = object_path(digest)
        here = self.store.read(path)
        if here is not None:
            with contextlib.suppress(SigningError, ValueError):
                return good(here)
        return self._fetch(path, cap, good)

    def _edition(self, trust: Trust, found: Found, part: LogPart, at: int, entry: Entry, *, must: bool) -> None:
        import schemas
        from mirror.read import object_path
        from signing.proof import Proof
        from signing.verify import PIECE, verify_bundle

        proof = Proof(index=at, hashes=part.tree.inclusion(at), checkpoint=part.checkpoint).encode()

        def bundle(data: bytes) -> tuple[bytes, dict[str, Any]]:
            checked = verify_bundle(
                data, digest=entry.digest, proof=proof, trust=trust, schema=schemas.check, kind="edition", cap=PIECE
            )
            return data, checked.document

        files: dict[str, bytes] = {}
        sizes: dict[str, int] = {}
        chains: dict[str, tuple[PageOf, tuple[PageOf, ...], int]] = {}
        try:
            stored, document = self._object(entry.digest, PIECE, bundle)
            files[object_path(entry.digest)] = stored
            for outlet in document["outlets"]:
                if "older" in outlet:
                    chains[outlet["id"]] = self._chain(outlet["id"], outlet["older"], files, sizes)
        except Rollback:
            if must:
                raise
            return  # pruned, or taken away with something that was withdrawn
        self.store.write_many(files, replace=False)
        found.editions[entry.digest] = document
        found.sizes |= sizes
        found.chains |= chains

    def _chain(
        self, outlet: str, older: Mapping[str, Any], files: dict[str, bytes], sizes: dict[str, int]
    ) -> tuple[PageOf, tuple[PageOf, ...], int]:
        """The open page, the shelves below it that are not ours, newest first, and the number of the lowest of them."""
        import schemas
        from mirror.archive.adopt import PageOf
        from mirror.read import object_path
        from signing.verify import PIECE, verify_part

        pages: list[PageOf] = []
        at: Mapping[str, Any] | None = older
        number = 0
        while at is not None:
            digest, size = at["digest"], at["size"]
            with self.archive.state.reading() as tx:
                mine = tx.shelf_number(outlet, digest) if pages else None
            if mine is not None:
                number = mine + 1
                break

            def good(data: bytes, digest: str = digest, size: int = size) -> tuple[bytes, dict[str, Any]]:
                return data, verify_part(data, digest, size, kind="page", schema=schemas.check)

            data, document = self._object(digest, min(size, PIECE), good)
            files[object_path(digest)] = data
            sizes[digest] = size
            listed = document["articles"]
            pages.append(
                PageOf(
                    digest=digest,
                    size=size,
                    articles=at["articles"],
                    newest=listed[0]["digest"] if listed else None,
                )
            )
            at = document.get("older")
        return pages[0], tuple(pages[1:]), number


# --- helpers ------------------------------------------------------------------------------------------------------


def _not_ours(log: LogKey) -> Rollback:
    return Rollback(
        f"a mirror has entries of {log.origin} that its key signed and no edition of ours vouches for",
        hint="nothing was changed. Somebody else has the log key? tamizdat key freeze --reason stolen --as-is",
    )


def _may_be_newer(served: bytes | None, ours: bytes | None) -> bool:
    """Whether a mirror's timestamp, of which nothing is believed yet, claims to be newer than ours or is signed by
    another key."""
    if served is None or served == ours:
        return False
    theirs, own = _claims(served), _claims(ours)
    return theirs is not None and (own is None or theirs[0] > own[0] or theirs[1] != own[1])


def _claims(stamp: bytes | None) -> tuple[int, str] | None:
    try:
        document = json.loads(stamp or b"")
        return int(document["signed"]["version"]), str(document["signatures"][0]["keyid"])
    except (ValueError, KeyError, TypeError, IndexError, RecursionError):
        return None


def _trust_of(view: TrustView) -> Trust:
    import schemas
    from signing.packing import parse_json
    from signing.roles import Trust

    document = parse_json(view.trust)
    schemas.check("trust", document)
    return Trust.from_document(document, view.policy)


def _empty() -> bytes:
    from signing.merkle import EMPTY_ROOT

    return EMPTY_ROOT


def _tile_from(sources: Iterable[Source], path: str) -> bytes:
    from signing.tiles import LOG_ENTRIES_BYTES, MAX_TILE_BYTES

    cap = LOG_ENTRIES_BYTES if "tile/entries/" in path else MAX_TILE_BYTES
    for source in sources:
        data = source.maybe(path, cap)
        if data is not None:
            return data
    raise LookupError(f"{path} is nowhere")


_SAVING = threading.Lock()  # pushes to several targets meet one fork at once


def save_fork(
    folder: Path,
    *,
    origin: str,
    checkpoints: tuple[bytes, bytes],
    old: int,
    hashes: TileHashes,
    files: Mapping[str, bytes],
    where: str,
    now: datetime,
) -> Path:
    """The file with the evidence (`signing.evidence`): two signed checkpoints, the smaller one first, the trust files
    that say whose key signed them, and, when their sizes differ, a proof from the newer one's tiles of what the older
    one should have been."""
    from mirror import durable
    from mirror.archive.errors import storage_error
    from signing import evidence
    from signing.merkle import range_hash

    prefix: bytes | None = None
    proof: tuple[bytes, ...] = ()
    with contextlib.suppress(SigningError, LookupError, TamizdatError):
        if old < hashes.size:
            prefix, proof = range_hash(0, old, hashes.read), hashes.consistency(old)
    data = evidence.encode(
        evidence.fork_document(
            checkpoints,
            origin=origin,
            files=files,
            time=now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            reason="two checkpoints of one log, both signed by its key, contradict each other",
            where=where,
            prefix=prefix,
            hashes=proof,
        )
    )
    # Named by what contradicts: seen again, with another time or other cosignatures, it is the same.
    texts = sorted(note.partition(b"\n\n")[0] for note in checkpoints)
    named = hashlib.sha256(b"\0".join([origin.encode(), *texts])).hexdigest()[:16]
    file = folder / f"fork-{named}.json"
    with _SAVING:
        with contextlib.suppress(OSError):
            if file.stat().st_size >= len(data):
                return file
        try:
            durable.make_folder(folder)
            durable.write(file, data)
        except OSError as error:
            raise storage_error(error, "saving evidence of a second history", file) from error
    return file
