"""What this archive lacks, fetched from whoever has it right, and verified; `mirror.archive.adopt` puts it in place.

Only bytes that a signature or a hash vouches for are taken, from mirrors and from what is here already. Objects are
written to the tree while they come in: files that nothing names yet.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from mirror.archive.errors import CorruptArchive, Rollback
from mirror.catchup.asking import Answer
from mirror.errors import TwoHistories
from signing.checkpoint import MAX_BYTES as CHECKPOINT_CAP
from signing.checkpoint import Checkpoint, open_checkpoint
from signing.errors import SigningError

if TYPE_CHECKING:
    from mirror.archive.adopt import Found, LogPart, PageOf
    from mirror.catchup import CatchUp
    from signing.entry import Entry
    from signing.roles import Frozen, LogKey, Trust
    from signing.trust import TrustView

PICTURE = 16 << 20
LOST = (
    "nothing was changed. Run again when more mirrors answer, or restore a newer backup; if what was signed last is "
    "lost for good, end this log: tamizdat key freeze --reason lost"
)
_WORKERS = 8
_TOGETHER = 64  # objects in work before the next ones are begun
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A checkpoint that the key of this log of ours signed, and who showed it."""

    answer: Answer
    log: LogKey
    checkpoint: Checkpoint


class Lacking:
    """Between this archive and what `trust` and the newest checkpoint say. Every method raises `Rollback` naming a file
    that nobody has right; nothing is changed then."""

    def __init__(self, catching: CatchUp, trust: Trust) -> None:
        self.catching, self.trust = catching, trust
        self.archive, self.store, self.head = catching.archive, catching.store, catching.head
        self.sources = catching.sources

    def found(self, view: TrustView | None, target: Served | None, served: Sequence[Served], here: int) -> Found:
        """All of it: up to the checkpoint of `target`, and of the trust files in `view`, where there are newer ones;
        our log is the one at `here` among those of the trust files. What else is `served` must be of that history:
        raises `TwoHistories`, too."""
        from mirror.archive.adopt import Found

        found = Found(old=self.head, logs=self._logs(target, served, here))
        if view is not None:
            found.trust = self.trust_files(view)
            found.trust_document = view.trust
        self._earlier_trust(found)
        self._bundles(found)
        return found

    def trust_files(self, view: TrustView) -> dict[str, bytes]:
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

    def _logs(
        self,
        target: Served | None,
        served: Sequence[Served],
        here: int,
    ) -> list[LogPart]:
        """What is new in our log, and the logs that came after it."""
        parts: list[LogPart] = []
        base = self.head.base
        for place, log in enumerate(self.trust.logs[here:], here):
            own = place == here
            at = (self.head.size, self.head.root) if own else (0, _empty())
            if log.frozen is not None:
                checkpoint, note = self._final(log, log.frozen)
                parts.append(self._log(log, base, at, checkpoint, note, closed=True))
            elif target is not None and target.log == log:
                answer, checkpoint = target.answer, target.checkpoint
                parts.append(
                    self._log(log, base, at, checkpoint, answer.checkpoint or b"", closed=False, answer=answer)
                )
                for other in served:
                    if other.log == log and at[0] < other.checkpoint.size < checkpoint.size:
                        self._same_history(parts[-1], other.answer, other.checkpoint)
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
        hashes = self.catching.hashes(log, checkpoint, size)
        seen = answer or Answer(source=None, name="the trust files", checkpoint=note)
        if size and checkpoint.size > size:
            self.catching.prefix(hashes, checkpoint, seen)
        elif size and checkpoint.root != root:
            self.catching.fork(seen, checkpoint, hashes, newer=checkpoint)
        entries: list[bytes] = []
        for number in range(size // 256, -(-checkpoint.size // 256) if checkpoint.size > size else 0):
            some = hashes.entries(number)
            entries += some[max(0, size - number * 256) :]
        try:
            tree = Tree.load(size, root, self.catching.own_tile if size else _nothing)
        except (SigningError, LookupError) as error:
            raise CorruptArchive(
                f"{self.store.root}: the log's tiles do not fit its head of size {size}: {error}",
                hint="restore the archive folder from a mirror; nothing was signed",
            ) from error
        parsed: list[Entry] = []
        tiles: dict[str, bytes] = {}
        seals: list[tuple[int, bytes]] = []
        for data in entries:
            try:
                parsed.append(parse(data))
            except SigningError:
                raise _not_ours(log) from None
            tree.append(data)
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

    def _same_history(self, part: LogPart, answer: Answer, smaller: Checkpoint) -> None:
        from signing.merkle import range_hash
        from signing.tiles import TileHashes

        if range_hash(0, smaller.size, part.tree.read) == smaller.root:
            return

        def read(path: str) -> bytes:
            return part.tiles.get(part.path + "/" + path if part.path else path) or self.catching.own_tile(path)

        hashes = TileHashes(part.size, part.tree.root, read)
        file = self.catching.save_fork(
            part.origin, (answer.checkpoint or b"", part.checkpoint), old=smaller.size, hashes=hashes, where=answer.name
        )
        raise TwoHistories(
            f"two mirrors serve checkpoints of our own log that contradict each other; evidence: {file}",
            hint="nothing was signed or published. Did two copies of this publication run at once?",
        )

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

    def _bundles(self, found: Found) -> None:
        """Every article, edition and page that is still published and not here."""
        withdrawn: dict[tuple[str | None, str | None], int] = {}
        for part in found.logs:
            for at, entry in enumerate(part.entries, part.first):
                if entry.kind == "withdrawal":
                    withdrawn[entry.outlet, entry.url_digest] = part.base + at
        # What counts here is that our own keys signed it. Witnesses speak to readers.
        trust = replace(self.trust, policy=None)
        jobs: list[tuple[LogPart, int, Entry]] = []
        editions: list[tuple[LogPart, int, Entry]] = []
        for part in found.logs:
            for at, entry in enumerate(part.entries, part.first):
                if entry.kind == "article" and part.base + at > withdrawn.get((entry.outlet, entry.url_digest), -1):
                    jobs.append((part, at, entry))
                elif entry.kind == "edition":
                    editions.append((part, at, entry))
        pool = ThreadPoolExecutor(max_workers=_WORKERS, thread_name_prefix="catch-up")
        with pool, self.catching.out.bar("catch up", unit="article") as bar:
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
        self._check_withdrawals(found, newest)

    def _check_withdrawals(self, found: Found, newest: Sequence[tuple[LogPart, int, Entry]]) -> None:
        """The newest edition lists what was withdrawn last (not always all of it: see `mirror.edition`)."""
        gone = {entry.digest for part in found.logs for entry in part.entries if entry.kind == "withdrawal"}
        for part, _, entry in newest:
            listed = {one["digest"] for one in found.editions[entry.digest]["withdrawals"]}
            if gone and not gone & listed:
                raise _not_ours(next(log for log in self.trust.logs if log.origin == part.origin))

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


def _not_ours(log: LogKey) -> Rollback:
    return Rollback(
        f"a mirror has entries of {log.origin} that its key signed and no edition of ours vouches for",
        hint="nothing was changed. Somebody else has the log key? tamizdat key freeze --reason stolen --as-is",
    )


def _nothing(path: str) -> bytes:
    raise LookupError(path)


def _empty() -> bytes:
    from signing.merkle import EMPTY_ROOT

    return EMPTY_ROOT
