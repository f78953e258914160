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

Whoever shows a checkpoint was heard, whatever becomes of him afterwards (`asking`). Only bytes that a signature or a
hash vouches for are taken (`lacking`). Proofs and pages for people are made here from what was verified
(`mirror.archive.adopt`); they are never fetched. A tree and a state that come from backups of different age:
`mirror.mend`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NoReturn

from mirror.archive.errors import CorruptArchive, Rollback
from mirror.catchup.asking import ASKED, DEADLINE, SILENT, STAMP, Answer, Heard, Reads, Source, ask, closing, sources_of
from mirror.catchup.lacking import LOST, Lacking, Served
from mirror.errors import TamizdatError, TwoHistories
from signing.checkpoint import MAX_BYTES as CHECKPOINT_CAP
from signing.checkpoint import Checkpoint, open_checkpoint
from signing.errors import SigningError

if TYPE_CHECKING:
    from pathlib import Path

    from mirror.archive import Archive
    from mirror.archive.state import Head
    from mirror.config import TargetConfig
    from mirror.output import Output
    from mirror.publication import Publication
    from signing.policy import Policy
    from signing.roles import LogKey, Trust
    from signing.tiles import TileHashes
    from signing.trust import TrustView

__all__ = [
    "ASKED",
    "SILENT",
    "Answer",
    "CatchUp",
    "CaughtUp",
    "Source",
    "catch_up",
    "check_keys",
    "look_before_publishing",
]

FIRST_ROOT = "trust/1.root.json"


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


def catch_up(
    publication: Publication, archive: Archive, out: Output, now: datetime, *, deadline: float = DEADLINE
) -> CaughtUp | None:
    """What was taken over, None when this archive is the newest. To be called with the archive locked, before anything
    is fetched or signed. See the module's text; raises `Rollback`, `TwoHistories`, `StorageFailed`, `TamizdatError`
    when a key of ours is no longer in force."""
    with archive.state.reading() as tx:
        rows = tx.targets()
    with closing(sources_of(publication, rows)) as sources:
        return CatchUp(publication, archive, out, now, sources).go(deadline)


def check_keys(publication: Publication, archive: Archive, out: Output, now: datetime) -> None:
    """Return if the keys here are those that our own trust files name: what others sign, readers refuse. Raises
    `TamizdatError`."""
    looking = CatchUp(publication, archive, out, now, [])
    view = looking.own_view()
    looking.check_keys(view, _trust_of(view))


def look_before_publishing(
    publication: Publication,
    archive: Archive,
    target: TargetConfig,
    opened: Reads,
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
        self, publication: Publication, archive: Archive, out: Output, now: datetime, sources: Sequence[Source]
    ) -> None:
        self.publication, self.archive, self.out, self.now = publication, archive, out, now
        self.sources = list(sources)
        self.store = archive.store
        self.head: Head = archive.head()
        self._view: TrustView | None = None
        self._adopting: TrustView | None = None  # newer trust files that are about to be taken over

    # --- who is ahead? ------------------------------------------------------------------------------------------------

    def go(self, deadline: float) -> CaughtUp | None:
        """What was taken over after asking mirrors and witnesses for `deadline` seconds at most."""
        policy = self._policy()
        asked = self.sources[:ASKED]
        if not asked and policy is None:
            return None
        heard = ask(asked, policy, self.head.origin, deadline)
        # Who did not answer is asked last from now on.
        self.sources.sort(key=lambda source: source.name in heard.silent)
        if self.head.size and not any(answer.checkpoint for answer in heard.answers):
            self._note_that_nobody_answered(asked, heard)
        return self.look(heard.answers) if heard.answers else None

    def _note_that_nobody_answered(self, asked: Sequence[Source], heard: Heard) -> None:
        asked_all = asked and all(heard.has_answered(source.name) for source in asked)
        who = "no mirror has a checkpoint" if asked_all else "no mirror"
        then = "" if asked_all else "; what is sealed now is not shown on a mirror before it was asked"
        self.out.note(
            f"{who} and no witness answered, so nobody could be asked whether this archive is the newest{then}"
        )

    def look(self, answers: Sequence[Answer], *, tree_is_ahead: bool = False) -> CaughtUp | None:
        """What was taken over after comparing the answers with what we have."""
        own = {self.head.checkpoint, *([] if tree_is_ahead else [self.store.read("checkpoint")])}
        stamp = self.store.read(STAMP)
        newer = [one for one in answers if one.source is not None and _may_be_newer(one.stamp, stamp)]
        other = [one for one in answers if one.checkpoint is not None and one.checkpoint not in own]
        if not newer and not other:
            return None
        view = self._adopting = self._newest_trust(newer)
        trust = _trust_of(view or self.own_view())
        served = [found for one in other if (found := self._opened(one, trust)) is not None]
        here = self._position(trust)
        target: Served | None = None
        for found in served:
            place = trust.logs.index(found.log)
            if place < here:
                continue  # a mirror that still shows the log before; that one ended, `trust` says where
            if place == here and found.checkpoint.size <= self.head.size:
                self._compare_with_ours(found.answer, found.checkpoint)
            elif target is None or (place, found.checkpoint.size) > (
                trust.logs.index(target.log),
                target.checkpoint.size,
            ):
                target = found
        behind = target is not None or here < len(trust.logs) - 1 or self._frozen_above(trust, here)
        if view is not None:
            self.check_keys(view, trust)
        if not behind:
            if view is None:
                return None
            self.archive.replace_trust(Lacking(self, trust).trust_files(view), view.trust)
            name = next(one.name for one in newer)
            return CaughtUp(where=name, size=self.head.size, trust=True)
        return self._take_over(trust, view, target, served, here)

    def before_publishing(self, answer: Answer) -> None:
        """See `look_before_publishing`."""
        if answer.checkpoint in {self.head.checkpoint, self.store.read("checkpoint")}:
            return
        trust = _trust_of(self.own_view())
        found = self._opened(answer, trust)
        if found is None:
            return
        checkpoint = found.checkpoint
        here, place = self._position(trust), trust.logs.index(found.log)
        if place < here:
            return
        if place == here and checkpoint.size <= self.head.size:
            self._compare_with_ours(answer, checkpoint)
            return
        if place == here and self.head.size:
            self.prefix(self.hashes(found.log, checkpoint, self.head.size), checkpoint, answer)
        raise Rollback(
            f"{answer.name} has a newer state ({checkpoint.size} entries) than this archive ({self.head.size}): "
            "another copy of this publication is at work",
            hint="nothing was pushed there; the next run catches up",
        )

    def prefix(self, hashes: TileHashes, checkpoint: Checkpoint, answer: Answer) -> None:
        """Return if our log is the beginning of the larger one; raises `TwoHistories`."""
        from signing.merkle import range_hash

        size, root = self.head.size, self.head.root
        if range_hash(0, size, hashes.read) != root:
            self.fork(answer, checkpoint, hashes, newer=checkpoint)

    def hashes(self, log: LogKey, checkpoint: Checkpoint, size: int) -> TileHashes:
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

    def _policy(self) -> Policy | None:
        """That of the witnesses, where there is one."""
        if not any(path.endswith(".witness.policy") for path in self.store.walk("trust/targets")):
            return None
        return _trust_of(self.own_view()).policy

    def own_view(self) -> TrustView:
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

        known = self.own_view() if answers else None
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

    def _opened(self, answer: Answer, trust: Trust) -> Served | None:
        """The checkpoint, if one of our log keys signed it."""
        data = answer.checkpoint or b""
        problem = "it is of no log of ours"
        for log in trust.logs:
            if data.startswith(log.origin.encode() + b"\n"):
                try:
                    return Served(answer=answer, log=log, checkpoint=open_checkpoint(data, log.key, log.origin))
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
        hashes = TileHashes(head.size, head.root, self.own_tile)
        try:
            same = checkpoint.size < head.size and range_hash(0, checkpoint.size, hashes.read) == checkpoint.root
        except (SigningError, LookupError) as error:
            raise CorruptArchive(
                f"{self.store.root}: the log's tiles do not fit its head of size {head.size}: {error}",
                hint="restore the archive folder from a mirror; nothing was signed",
            ) from error
        if not same:
            self.fork(answer, checkpoint, hashes, newer=Checkpoint(head.origin, head.size, head.root))

    def own_tile(self, path: str) -> bytes:
        data = self.store.read(f"{self.head.path}/{path}" if self.head.path else path)
        if data is None:
            raise LookupError(f"{path} is missing")
        return data

    def fork(self, answer: Answer, served: Checkpoint, hashes: TileHashes, *, newer: Checkpoint) -> NoReturn:
        """Save both checkpoints, with a proof that they can't be of one log; raises `TwoHistories`."""
        ours, theirs = self.head.checkpoint, answer.checkpoint or b""
        file = self.save_fork(
            served.origin,
            (theirs, ours) if newer.size == self.head.size else (ours, theirs),
            old=min(served.size, self.head.size),
            hashes=hashes,
            where=answer.name,
        )
        raise TwoHistories(
            f"{answer.name} serves a checkpoint of {served.size} entries that our own log key signed and that "
            f"contradicts this archive ({self.head.size} entries); evidence: {file}",
            hint="nothing was signed or published. Does another copy of this publication run somewhere? "
            "Keep the one whose history readers have seen",
        )

    def save_fork(
        self, origin: str, checkpoints: tuple[bytes, bytes], *, old: int, hashes: TileHashes, where: str
    ) -> Path:
        """See `mirror.catchup.forks.save_fork`."""
        from mirror.catchup.forks import save_fork

        return save_fork(
            self.publication.folder / "evidence",
            origin=origin,
            checkpoints=checkpoints,
            old=old,
            hashes=hashes,
            files=(self._adopting or self.own_view()).files,
            where=where,
            now=self.now,
        )

    # --- keys ---------------------------------------------------------------------------------------------------------

    def check_keys(self, view: TrustView, trust: Trust) -> None:
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

    # --- taking over --------------------------------------------------------------------------------------------------

    def _take_over(
        self, trust: Trust, view: TrustView | None, target: Served | None, served: Sequence[Served], here: int
    ) -> CaughtUp:
        from mirror.archive.adopt import adopt
        from mirror.render import Pages

        name = target.answer.name if target else "the mirrors"
        self.out.note(f"this archive is an old copy: {name} shows a newer state; catching up")
        found = Lacking(self, trust).found(view, target, served, here)
        config = self.publication.config
        stamp = self.now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        render = Pages(
            config.publication.name,
            [mirror.url for mirror in config.mirrors],
            reader=any(path.endswith(".reader.html") for path in self.store.walk("trust/targets")),
        )
        done = adopt(self.archive, found, render=render, now=stamp)
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


def _tile_from(sources: Iterable[Source], path: str) -> bytes:
    from signing.tiles import LOG_ENTRIES_BYTES, MAX_TILE_BYTES

    cap = LOG_ENTRIES_BYTES if "tile/entries/" in path else MAX_TILE_BYTES
    for source in sources:
        data = source.maybe(path, cap)
        if data is not None:
            return data
    raise LookupError(f"{path} is nowhere")
