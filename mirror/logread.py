"""One log of a mirror, read whole: every entry, what it stands for, and every tile of every size ever published."""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import schemas
from mirror.current import PROOF
from mirror.findings import state_of
from mirror.history import ended_elsewhere, forked, note_of, opened_checkpoint, tile_reader
from mirror.read import FolderMirror, ReadError, object_path, proof_path
from mirror.verdict import PICTURE, PIECE, watched
from signing import checkpoint as checkpoints
from signing import proof as proofs
from signing.checkpoint import Checkpoint
from signing.entry import Entry
from signing.entry import parse as parse_entry
from signing.errors import FormatError, SigningError, VerifyError
from signing.merkle import check_inclusion, leaf_hash, range_hash, root_of
from signing.roles import LogKey
from signing.tiles import (
    FULL,
    LOG_ENTRIES_BYTES,
    MAX_TILE_BYTES,
    Tile,
    TileHashes,
    encode_entries,
    parse_path,
    tiles_of,
)
from signing.verify import VerifiedBundle, check_checkpoint, verify_bundle, verify_object, verify_part

if TYPE_CHECKING:
    from mirror.sweep import Sweep

# Old editions are pruned. Over a network, nobody asks on for them when this many in a row are gone.
MAX_PRUNED = 16
# What is odd is said so often, and not for each of a million entries.
MAX_NOTES = 1000


class LogReading:
    """A log as one mirror serves it. `head` is its newest checkpoint there, `note` that one as it was served."""

    def __init__(self, sweep: Sweep, log: LogKey, head: Checkpoint, note: str) -> None:
        self.sweep = sweep
        self.log = log
        self.head = head
        self.note = note
        self.hashes = TileHashes(head.size, head.root, tile_reader(sweep, log))
        self.roots: dict[int, bytes] = {}
        self.larger: dict[int, tuple[bytes, str]] = {}  # root and note of checkpoints that go beyond what is served
        self.whole: dict[int, bytes] = {}  # SHA-256 that the tile of entries with this number must have
        self.last: tuple[int, list[bytes]] = (-1, [])  # the entries read last, which older partial tiles begin
        self.unknown: set[int] = set()  # numbers of the tiles of entries that could not be read
        self.leaves: list[bytes] = []
        self.editions: list[tuple[int, Entry]] = []
        self.sizes: set[int] = {head.size}

    def entries(self, newest: VerifiedBundle) -> None:
        """Every entry, and what it stands for. `newest` is the newest edition of the mirror."""
        sweep = self.sweep
        for number in range(-(-self.head.size // FULL)):
            width = min(FULL, self.head.size - number * FULL)
            try:
                entries = self.hashes.entries(number)
            except (SigningError, ReadError, LookupError) as error:
                path = self.log.prefix + Tile("entries", number, width).path
                sweep.wrong(path, state_of(error), str(error))
                self.leaves.extend([b""] * width)
                self.unknown.add(number)
                continue
            self.whole[number] = hashlib.sha256(encode_entries(entries)).digest()
            self.last = number, entries
            for place, data in enumerate(entries):
                self.leaves.append(leaf_hash(data))
                index = number * FULL + place
                try:
                    entry = parse_entry(data)
                except FormatError as error:
                    if len(sweep.verdict.notes) < MAX_NOTES:
                        sweep.verdict.notes.append(f"entry {index} of {self.log.origin} is of an unknown form: {error}")
                    continue
                self._entry(index, entry)
                if sweep.bar is not None:
                    sweep.bar.update()
        gone = 0
        for index, entry in reversed(self.editions):
            if gone >= MAX_PRUNED and not isinstance(sweep.mirror, FolderMirror):
                break
            self._bundle(index, entry, may_be_gone=entry.digest != newest.digest)
            gone = gone + 1 if object_path(entry.digest) in sweep.absent else 0

    def _entry(self, index: int, entry: Entry) -> None:
        if entry.kind == "edition":
            self.sizes.add(index + 1)
            self.editions.append((index, entry))
        elif entry.kind == "trust":
            self._trust_file(entry)
        elif entry.kind == "withdrawal":
            self.sweep.withdraw(entry)
        else:
            self._bundle(index, entry, may_be_gone=False)

    def _bundle(self, index: int, entry: Entry, *, may_be_gone: bool) -> None:
        sweep = self.sweep
        path, beside = object_path(entry.digest), proof_path(entry.digest)
        # An article that isn't here may have been withdrawn, which only a later entry says.
        is_article = entry.kind == "article"
        stored = sweep.read(path, min(entry.size, PIECE), must=not may_be_gone and not is_article)
        if stored is None and path in sweep.absent:
            if is_article:
                sweep.without.append(entry)
            if may_be_gone and not isinstance(sweep.mirror, FolderMirror):
                return
        proof = sweep.read(beside, PROOF, must=stored is not None and not may_be_gone)
        if proof is None:
            if stored is not None:
                self._by_digest(path, stored, entry)
            return
        if stored is None:
            self._proof_alone(index, entry, proof)
            return
        try:
            with watched(sweep.session, proof, beside):
                bundle = verify_bundle(
                    stored,
                    digest=entry.digest,
                    proof=proof,
                    trust=sweep.trust,
                    schema=schemas.check,
                    kind=entry.kind,
                    cap=PIECE,
                )
        except SigningError as error:
            guilty = beside if isinstance(error, VerifyError) and error.check >= 9 else path
            sweep.wrong(guilty, state_of(error), str(error))
            return
        sweep.good.add(entry.digest)
        if entry.kind == "edition":
            sweep.numbered(bundle)
        document: dict[str, Any] = bundle.document
        if bundle.checkpoint.origin != self.log.origin:
            sweep.wrong(beside, "tampered", f"proves an entry of {bundle.checkpoint.origin}, not of {self.log.origin}")
            return
        if bundle.index != index:
            sweep.wrong(beside, "tampered", f"proves entry {bundle.index}, not {index}")
        self._same_history(bundle.checkpoint, beside, note_of(proof))
        if is_article:
            self._named(document["parts"], PIECE, must=True, part=True)
            self._named(document["resources"], PICTURE, must=False, part=False)
        elif may_be_gone:
            sweep.pages(bundle, must=False)

    def _by_digest(self, path: str, stored: bytes, entry: Entry) -> None:
        try:
            verify_object(stored, entry.digest, entry.size, PIECE)
        except SigningError as error:
            self.sweep.wrong(path, "tampered", str(error))

    def _proof_alone(self, index: int, entry: Entry, proof: bytes) -> None:
        """The proof of a bundle that was withdrawn, or can't be read, still is what this log says of that entry."""
        sweep, path = self.sweep, proof_path(entry.digest)
        try:
            parsed = proofs.parse(proof)
            checked = check_checkpoint(parsed.checkpoint, sweep.trust, time=entry.time)
            if checked.checkpoint.origin != self.log.origin or parsed.index != index:
                sweep.wrong(path, "tampered", f"is not the proof of entry {index} of {self.log.origin}")
                return
            check_inclusion(
                leaf=leaf_hash(entry.encode()),
                index=index,
                size=checked.checkpoint.size,
                root=checked.checkpoint.root,
                hashes=parsed.hashes,
            )
        except SigningError as error:
            sweep.wrong(path, state_of(error), str(error))
            return
        self._same_history(checked.checkpoint, path, note_of(proof))

    def _same_history(self, checkpoint: Checkpoint, path: str, note: str) -> None:
        """A proof's checkpoint must be the beginning of this log, or there are two."""
        sweep = self.sweep
        if checkpoint.size > self.head.size:
            self._larger(checkpoint, path, note)
            return
        root = self.roots.get(checkpoint.size)
        if root is None:
            try:
                root = range_hash(0, checkpoint.size, self.hashes.read)
            except (ReadError, LookupError) as error:
                sweep.wrong(
                    path, state_of(error), f"its checkpoint of size {checkpoint.size} can't be compared: {error}"
                )
                return
            except (SigningError, ValueError) as error:
                sweep.wrong(path, "tampered", f"its checkpoint of size {checkpoint.size} is not of this log: {error}")
                return
            self.roots[checkpoint.size] = root
        if root == checkpoint.root:
            return
        if self.log.frozen is not None:
            ended_elsewhere(sweep.session, self.log, checkpoint, note, path=path)
            return
        reason = f"its checkpoint of size {checkpoint.size} contradicts this log"
        forked(sweep.session, note, self.note, reason, hashes=self.hashes, old=checkpoint, path=path)

    def _larger(self, checkpoint: Checkpoint, path: str, note: str) -> None:
        """A proof's checkpoint counts and is of more than the mirror serves as its newest: the rest is on its way, or
        was taken away. Where its tiles are here already, it must go on from what is served."""
        self.sweep.early.add(path)
        seen = self.larger.get(checkpoint.size)
        if seen is not None and seen[0] == checkpoint.root:
            return
        self.larger.setdefault(checkpoint.size, (checkpoint.root, note))
        hashes = TileHashes(checkpoint.size, checkpoint.root, tile_reader(self.sweep, self.log))
        reason, other, old = "", self.note, self.head
        if seen is not None:
            reason = f"its checkpoint of size {checkpoint.size} contradicts that of another proof here"
            other, old = seen[1], replace(checkpoint, root=seen[0])
        else:
            with contextlib.suppress(ReadError, LookupError, SigningError, ValueError):
                if range_hash(0, self.head.size, hashes.read) != self.head.root:
                    reason = f"its checkpoint of size {checkpoint.size} does not go on from this log"
        if reason:
            forked(self.sweep.session, note, other, reason, hashes=hashes, old=old, path=path)

    def _named(self, named: list[dict[str, Any]], cap: int, *, must: bool, part: bool) -> None:
        sweep = self.sweep
        for one in named:
            if one["digest"] in sweep.good:
                continue
            path = object_path(one["digest"])
            if path in sweep.absent and not must:
                continue
            data = sweep.read(path, min(one["size"], cap), must=must)
            if data is None:
                continue
            try:
                if part:
                    verify_part(data, one["digest"], one["size"], schema=schemas.check)
                else:
                    verify_object(data, one["digest"], one["size"], cap)
                sweep.good.add(one["digest"])
            except (SigningError, schemas.SchemaError) as error:
                sweep.wrong(path, "tampered", str(error))

    def _trust_file(self, entry: Entry) -> None:
        path = f"trust/targets/{entry.digest}.trust.json"
        data = self.sweep.read(path, 1 << 20, must=False)
        if data is not None and hashlib.sha256(data).hexdigest() != entry.digest:
            self.sweep.wrong(path, "tampered", "does not have the digest that the log has for it")

    # --- tiles ------------------------------------------------------------------------------------------------------

    def tiles(self, found: list[str]) -> list[str]:
        """Look at the tiles of every checkpoint size, and at those that were `found` in a folder (paths below this
        log's own). Returns those of `found` that can't be tiles."""
        sweep, prefix = self.sweep, self.log.prefix
        current = {tile.path: tile for tile in tiles_of(self.head.size)}
        wanted = dict(current)
        # Partial tiles of the checkpoints before may still be asked for, until the full one replaces them.
        for size in self.sizes:
            if size > self.head.size - self.head.size % FULL:
                wanted |= {tile.path: tile for tile in tiles_of(size) if tile.width < FULL}
        strange: list[str] = []
        for path in found:
            try:
                tile = parse_path(path)
            except SigningError:
                strange.append(prefix + path)
                continue
            if _last_entry(tile) > self.head.size:
                sweep.early.add(prefix + path)
            else:
                wanted[path] = tile
        levels = _levels(self.leaves)
        for path, tile in wanted.items():
            if prefix + path not in sweep.tiles:
                cap = LOG_ENTRIES_BYTES if tile.level == "entries" else MAX_TILE_BYTES
                sweep.read(prefix + path, cap, must=path in current)
            if prefix + path in sweep.tiles and not self._is_right(prefix + path, tile, levels):
                sweep.wrong(prefix + path, "tampered", "is not the tile of this log")
        return strange

    def _is_right(self, path: str, tile: Tile, levels: list[list[bytes]]) -> bool:
        """Whether the tile that was read has the SHA-256 that this log says; True when that can't be known."""
        try:
            expected = self._expected_entries(tile) if tile.level == "entries" else self._expected(tile, levels)
        except (ReadError, LookupError):
            return True  # what could not be read is named for itself
        except SigningError:
            return False
        return self.sweep.tiles[path] == expected

    def _expected_entries(self, tile: Tile) -> bytes | None:
        first = tile.index * FULL
        if first + tile.width > len(self.leaves):
            return None
        if tile.width == min(FULL, len(self.leaves) - first) and tile.index in self.whole:
            return self.whole[tile.index]
        number, entries = self.last
        if tile.index != number:
            entries = self.hashes.entries(tile.index)
        return hashlib.sha256(encode_entries(entries[: tile.width])).digest()

    def _expected(self, tile: Tile, levels: list[list[bytes]]) -> bytes | None:
        level, first = int(tile.level), tile.index * FULL
        if level >= len(levels) or first + tile.width > len(levels[level]):
            return None
        span = FULL**level  # in tiles of entries
        if any(tile.index * span <= number < (tile.index + 1) * span for number in self.unknown):
            # Entries that could not be read say nothing against the hashes over them, which lead to the root or don't.
            row = [self.hashes.read(8 * level, first + place) for place in range(tile.width)]
        else:
            row = levels[level][first : first + tile.width]
        return hashlib.sha256(b"".join(row)).digest()


def closing_note(sweep: Sweep, log: LogKey, path: str, *, must: bool) -> str:
    """The last checkpoint of a log that is closed, as the mirror has it at `path`, after it was compared with the
    trust files' word; "" when it isn't here or isn't right."""
    data = sweep.read(path, checkpoints.MAX_BYTES, must=must)
    if data is None or log.frozen is None:
        return ""
    try:
        check_checkpoint(data, sweep.trust)
        seen = opened_checkpoint(data.decode(), sweep.trust, log.origin)
    except (SigningError, UnicodeDecodeError) as error:
        with contextlib.suppress(SigningError, UnicodeDecodeError):
            seen = opened_checkpoint(data.decode(), sweep.trust, log.origin)
            if ended_elsewhere(sweep.session, log, seen, data.decode(), path=path):
                return ""
        sweep.wrong(path, state_of(error), str(error))
        return ""
    if (seen.size, seen.root) != (log.frozen.size, log.frozen.root):
        sweep.wrong(path, "outdated", f"size {seen.size}, but the log was closed at {log.frozen.size}")
        return ""
    return data.decode()


def _last_entry(tile: Tile) -> int:
    """How large a log must be to have this tile."""
    under = 1 if tile.level == "entries" else FULL ** int(tile.level)
    return (tile.index * FULL + tile.width) * under


def _levels(leaves: list[bytes]) -> list[list[bytes]]:
    """Hashes of every tile level, complete subtrees only."""
    levels = [leaves]
    while len(levels[-1]) >= FULL:
        below = levels[-1]
        levels.append([root_of(below[at : at + FULL]) for at in range(0, len(below) - FULL + 1, FULL)])
    return levels
