"""Reading everything a mirror serves, and naming each file that is wrong: `check_mirror`.

Trust, front page, every entry of the log, every bundle with its proof, parts and pictures, the chains of older pages,
every tile of every size that was ever published and isn't pruned; in a folder every other file too. Pages for people
are not looked at: nobody trusts them.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from datetime import datetime
from typing import Any

import schemas
from mirror.output import Bar
from mirror.read import FolderMirror, Memory, Mirror, ReadError, need, object_path, proof_path
from mirror.verdict import (
    PICTURE,
    PIECE,
    PROOF,
    Verdict,
    forked,
    judge_freshness,
    note_of,
    open_session,
    opened_checkpoint,
    refusals,
    remember,
    state_of,
    tile_reader,
)
from signing import checkpoint as checkpoints
from signing import front as fronts
from signing.checkpoint import Checkpoint
from signing.entry import Entry
from signing.entry import parse as parse_entry
from signing.errors import FormatError, SigningError, VerifyError
from signing.front import Front
from signing.merkle import leaf_hash, range_hash, root_of
from signing.tiles import (
    FULL,
    MAX_ENTRIES_BYTES,
    MAX_TILE_BYTES,
    Tile,
    TileHashes,
    encode_entries,
    parse_path,
    tiles_of,
)
from signing.trust import TrustView
from signing.verify import (
    VerifiedBundle,
    verify_bundle,
    verify_front,
    verify_object,
    verify_part,
)

# A sweep ends when this many files are wrong, or this many in a row can't be had: the verdict is clear by then, and a
# mirror (or a log of 2^60 entries) must not keep a reader busy for ever.
MAX_PROBLEMS = 1000
MAX_SILENT = 5
# Old editions are pruned. Over a network, nobody asks on for them when this many in a row are gone.
MAX_PRUNED = 16


def check_mirror(
    mirror: Mirror, *, pin: str | bytes | None, memory: Memory, now: datetime, bar: Bar | None = None
) -> Verdict:
    """Read everything a mirror serves except pages; each wrong file is in `problems`."""
    return _Sweep(mirror, pin=pin, memory=memory, now=now, bar=bar).go()


class _Enough(Exception):
    """The verdict is clear; there is no use in reading on."""


class _Sweep:
    """A mirror of its own, so that everything read is counted, and small files give one answer only."""

    def __init__(
        self, mirror: Mirror, *, pin: str | bytes | None, memory: Memory, now: datetime, bar: Bar | None
    ) -> None:
        self.mirror = mirror
        self.pin = pin
        self.memory = memory
        self.now = now
        self.bar = bar
        self.verdict = Verdict(what=mirror.name, is_mirror=True)
        self.seen: set[str] = set()
        self.good: set[str] = set()  # objects whose digest was checked
        self.absent: set[str] = set()
        self.roots: dict[int, bytes] = {}
        self.small: dict[str, bytes] = {}
        self.tiles: dict[str, bytes] = {}  # SHA-256 of every tile read
        self.whole: dict[int, bytes] = {}  # SHA-256 that the tile of entries with this number must have
        self.last: tuple[int, list[bytes]] = (-1, [])  # the entries read last, which older partial tiles begin
        self.unknown: set[int] = set()  # numbers of the tiles of entries that could not be read
        self.leaves: list[bytes] = []
        self.editions: list[tuple[int, Entry]] = []
        self.sizes: set[int] = set()
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
        if path.startswith("tile/"):
            self.tiles[path] = hashlib.sha256(data).digest()
        elif "/" not in path or path.startswith("trust/"):
            self.small[path] = data
        return data

    def wrong(self, path: str, state: str, detail: str) -> None:
        self.verdict.wrong(path, state, detail)
        if len(self.verdict.problems) >= MAX_PROBLEMS:
            self.verdict.notes.append(f"{MAX_PROBLEMS} files are wrong; not read on")
            raise _Enough
        if self.silent >= MAX_SILENT:
            self.verdict.notes.append(f"no answer to {MAX_SILENT} requests in a row; not read on")
            raise _Enough

    def go(self) -> Verdict:
        verdict = self.verdict
        with refusals(verdict), contextlib.suppress(_Enough):
            self.session = open_session(self, pin=self.pin, memory=self.memory, now=self.now, verdict=verdict)
            self.trust = self.session.trusted.trust
            edition, front, front_head = self._front()
            verdict.checks.extend(edition.checks)
            verdict.signer, verdict.digest = edition.publisher.text, edition.digest
            head, hashes = self._head(front_head, note_of(front.proof))
            verdict.log = head
            verdict.current = "current"
            with contextlib.suppress(_Enough):
                self._pages(edition)
                self._logged(head, hashes, edition)
                self._rest(head, hashes)
            verdict.authentic = not verdict.problems
            judge_freshness(self.session, edition)
            if verdict.authentic:
                remember(self.session, edition, front, front_head, hashes)
        return verdict

    def _front(self) -> tuple[VerifiedBundle, Front, Checkpoint]:
        data = need(self, "front", fronts.MAX_BYTES)
        try:
            return verify_front(data, trust=self.trust, schema=schemas.check)
        except SigningError as error:
            self.verdict.wrong("front", "tampered", str(error))
            raise

    def _head(self, front_head: Checkpoint, front_note: str) -> tuple[Checkpoint, TileHashes]:
        """The larger of the checkpoint file's and the front's, which must be of one log, with the tiles under it."""
        data = need(self, "checkpoint", checkpoints.MAX_BYTES)
        try:
            note = data.decode()
            head = opened_checkpoint(note, self.trust, front_head.origin)
        except (SigningError, UnicodeDecodeError) as error:
            # The front carries its own copy, so the rest can still be judged.
            self.wrong("checkpoint", "tampered", str(error))
            note, head = front_note, front_head
        old, new = sorted((head, front_head), key=lambda one: one.size)
        self.note = note if new == head else front_note
        hashes = TileHashes(new.size, new.root, tile_reader(self))
        if head != front_head:
            if old.size == new.size or range_hash(0, old.size, hashes.read) != old.root:
                reason = f"front (size {front_head.size}) and checkpoint (size {head.size}) contradict each other"
                forked(self.session, front_note, note, reason, hashes=hashes, old=old)
            elif head.size < front_head.size:
                self.wrong("checkpoint", "tampered", f"size {head.size}, but front is of size {front_head.size}")
        return new, hashes

    def _logged(self, head: Checkpoint, hashes: TileHashes, edition: VerifiedBundle) -> None:
        """Every entry of the log, and what it stands for."""
        if self.bar is not None:
            self.bar.total(head.size)
        document: dict[str, Any] = edition.document
        withdrawn = {one["digest"] for one in document["withdrawals"]}
        self.sizes.add(head.size)
        for number in range(-(-head.size // FULL)):
            width = min(FULL, head.size - number * FULL)
            try:
                entries = hashes.entries(number)
            except (SigningError, ReadError, LookupError) as error:
                state = "tampered" if isinstance(error, SigningError) else "missing"
                self.wrong(
                    Tile("entries", number, width).path,
                    state_of(error) if isinstance(error, ReadError) else state,
                    str(error),
                )
                self.leaves.extend([b""] * width)
                self.unknown.add(number)
                continue
            self.whole[number] = hashlib.sha256(encode_entries(entries)).digest()
            self.last = number, entries
            for place, data in enumerate(entries):
                self.leaves.append(leaf_hash(data))
                try:
                    entry = parse_entry(data)
                except FormatError as error:
                    self.verdict.notes.append(f"log entry {number * FULL + place} is of an unknown form: {error}")
                    continue
                self._entry(number * FULL + place, entry, hashes, withdrawn, newest=edition)
                if self.bar is not None:
                    self.bar.update()
        gone = 0
        for index, entry in reversed(self.editions):
            if gone >= MAX_PRUNED and not isinstance(self.mirror, FolderMirror):
                break
            self._bundle(index, entry, hashes, may_be_gone=entry.digest != edition.digest)
            gone = gone + 1 if object_path(entry.digest) in self.absent else 0

    def _entry(
        self, index: int, entry: Entry, hashes: TileHashes, withdrawn: set[str], *, newest: VerifiedBundle
    ) -> None:
        if entry.kind == "edition":
            self.sizes.add(index + 1)
            self.editions.append((index, entry))
        elif entry.kind == "trust":
            self._trust_file(entry)
        elif entry.kind == "article":
            self._bundle(index, entry, hashes, may_be_gone=entry.digest in withdrawn)

    def _bundle(self, index: int, entry: Entry, hashes: TileHashes, *, may_be_gone: bool) -> None:
        path = object_path(entry.digest)
        stored = self._read(path, min(entry.size, PIECE), must=not may_be_gone)
        if stored is None and path in self.absent and may_be_gone and not isinstance(self.mirror, FolderMirror):
            return
        proof = self._read(proof_path(entry.digest), PROOF, must=stored is not None and not may_be_gone)
        if stored is None:
            return
        if proof is None:
            self._by_digest(path, stored, entry)
            return
        try:
            bundle = verify_bundle(
                stored,
                digest=entry.digest,
                proof=proof,
                trust=self.trust,
                schema=schemas.check,
                kind=entry.kind,
                cap=PIECE,
            )
        except VerifyError as error:
            guilty = proof_path(entry.digest) if error.check >= 9 else path
            self.wrong(guilty, "tampered", str(error))
            return
        except SigningError as error:
            self.wrong(path, "tampered", str(error))
            return
        self.good.add(entry.digest)
        document: dict[str, Any] = bundle.document
        if bundle.index != index:
            self.wrong(proof_path(entry.digest), "tampered", f"proves entry {bundle.index}, not {index}")
        self._same_history(bundle.checkpoint, hashes, proof_path(entry.digest), note_of(proof))
        if entry.kind == "article":
            self._named(document["parts"], PIECE, must=True, part=True)
            self._named(document["resources"], PICTURE, must=False, part=False)
        elif may_be_gone:
            self._pages(bundle, must=False)

    def _by_digest(self, path: str, stored: bytes, entry: Entry) -> None:
        try:
            verify_object(stored, entry.digest, entry.size, PIECE)
        except SigningError as error:
            self.wrong(path, "tampered", str(error))

    def _same_history(self, checkpoint: Checkpoint, hashes: TileHashes, path: str, note: str) -> None:
        """A proof's checkpoint must be the beginning of this log, or there are two."""
        root = self.roots.get(checkpoint.size)
        if root is None:
            try:
                root = range_hash(0, checkpoint.size, hashes.read)
            except (ReadError, LookupError) as error:
                state = state_of(error) if isinstance(error, ReadError) else "missing"
                self.wrong(path, state, f"its checkpoint of size {checkpoint.size} can't be compared: {error}")
                return
            except (SigningError, ValueError) as error:
                self.wrong(path, "tampered", f"its checkpoint of size {checkpoint.size} is not of this log: {error}")
                return
            self.roots[checkpoint.size] = root
        if root != checkpoint.root:
            reason = f"its checkpoint of size {checkpoint.size} contradicts this log"
            forked(self.session, note, self.note, reason, hashes=hashes, old=checkpoint, path=path)

    def _named(self, named: list[dict[str, Any]], cap: int, *, must: bool, part: bool) -> None:
        for one in named:
            if one["digest"] in self.good:
                continue
            path = object_path(one["digest"])
            if path in self.absent and not must:
                continue
            data = self._read(path, min(one["size"], cap), must=must)
            if data is None:
                continue
            try:
                if part:
                    verify_part(data, one["digest"], one["size"], schema=schemas.check)
                else:
                    verify_object(data, one["digest"], one["size"], cap)
                self.good.add(one["digest"])
            except (SigningError, schemas.SchemaError) as error:
                self.wrong(path, "tampered", str(error))

    def _read(self, path: str, cap: int, *, must: bool) -> bytes | None:
        try:
            data = self.get(path, cap)
        except ReadError as error:
            self.wrong(path, state_of(error), str(error))
            return None
        if data is None and must:
            self.wrong(path, "missing", "the log has it, the mirror does not")
        return data

    def _trust_file(self, entry: Entry) -> None:
        path = f"trust/targets/{entry.digest}.trust.json"
        data = self._read(path, 1 << 20, must=False)
        if data is not None and hashlib.sha256(data).hexdigest() != entry.digest:
            self.wrong(path, "tampered", "does not have the digest that the log has for it")

    def _pages(self, edition: VerifiedBundle, *, must: bool = True) -> None:
        """The chains of older pages, each authenticated by the page before."""
        document: dict[str, Any] = edition.document
        for outlet in document["outlets"]:
            older: Any = outlet.get("older")
            # A page that was looked at leads on to pages that were looked at.
            while older is not None and older["digest"] not in self.good:
                path = object_path(older["digest"])
                data = self._read(path, min(older["size"], PIECE), must=must)
                if data is None:
                    break
                try:
                    page = verify_part(data, older["digest"], older["size"], kind="page", schema=schemas.check)
                except (SigningError, schemas.SchemaError) as error:
                    self.wrong(path, "tampered", str(error))
                    break
                self.good.add(older["digest"])
                older = page.get("older")

    def _rest(self, head: Checkpoint, hashes: TileHashes) -> None:
        """Tiles of every checkpoint size; in a folder, every other file too."""
        current = {tile.path: tile for tile in tiles_of(head.size)}
        wanted = dict(current)
        # Partial tiles of the checkpoints before may still be asked for, until the full one replaces them.
        for size in self.sizes:
            if size > head.size - head.size % FULL:
                wanted |= {tile.path: tile for tile in tiles_of(size) if tile.width < FULL}
        extra: list[str] = []
        if isinstance(self.mirror, FolderMirror):
            for path in self.mirror.walk():
                if path.startswith("tile/"):
                    try:
                        wanted[path] = parse_path(path)
                    except SigningError:
                        extra.append(path)
                elif path not in self.seen and not _is_page(path):
                    extra.append(path)
        levels = _levels(self.leaves)
        for path, tile in wanted.items():
            if path not in self.tiles:
                cap = MAX_ENTRIES_BYTES if tile.level == "entries" else MAX_TILE_BYTES
                self._read(path, cap, must=path in current)
            if path in self.tiles and not self._is_right(path, tile, levels, hashes):
                self.wrong(path, "tampered", "is not the tile of this log")
        for path in extra:
            self._extra(path)

    def _is_right(self, path: str, tile: Tile, levels: list[list[bytes]], hashes: TileHashes) -> bool:
        """Whether the tile that was read has the SHA-256 that this log says; True when that can't be known."""
        try:
            if tile.level == "entries":
                expected = self._expected_entries(tile, hashes)
            else:
                expected = self._expected_hashes(tile, levels, hashes)
        except (ReadError, LookupError):
            return True  # what could not be read is named for itself
        except SigningError:
            return False
        return self.tiles[path] == expected

    def _expected_entries(self, tile: Tile, hashes: TileHashes) -> bytes | None:
        first = tile.index * FULL
        if first + tile.width > len(self.leaves):
            return None
        if tile.width == min(FULL, len(self.leaves) - first) and tile.index in self.whole:
            return self.whole[tile.index]
        number, entries = self.last
        if tile.index != number:
            entries = hashes.entries(tile.index)
        return hashlib.sha256(encode_entries(entries[: tile.width])).digest()

    def _expected_hashes(self, tile: Tile, levels: list[list[bytes]], hashes: TileHashes) -> bytes | None:
        level, first = int(tile.level), tile.index * FULL
        if level >= len(levels) or first + tile.width > len(levels[level]):
            return None
        span = FULL**level  # in tiles of entries
        if any(tile.index * span <= number < (tile.index + 1) * span for number in self.unknown):
            # Entries that could not be read say nothing against the hashes over them, which lead to the root or don't.
            row = [hashes.read(8 * level, first + place) for place in range(tile.width)]
        else:
            row = levels[level][first : first + tile.width]
        return hashlib.sha256(b"".join(row)).digest()

    def _extra(self, path: str) -> None:
        """A file nothing signed names. Harmless when it is an object of the right name; otherwise it shouldn't be."""
        if path.startswith(("o/", "proof/")):
            digest = path.split("/", 1)[1].replace("/", "")
            if path.startswith("o/"):
                data = self._read(path, PICTURE, must=False)
                if data is not None and hashlib.sha256(data).hexdigest() == digest:
                    self.verdict.notes.append(f"{path}: an object that nothing names")
                    return
            self.wrong(path, "unexpected", "nothing signed names this file, and it isn't what its name says")
        elif _is_superseded(path, self.session.trusted.view):
            self.verdict.notes.append(f"{path}: replaced by a newer one, not looked at")
        elif path.startswith("trust/") or "/" not in path:
            self.wrong(path, "unexpected", "nothing signed names this file")
        else:
            self.wrong(path, "unexpected", "not a path of the mirror format")


def _is_superseded(path: str, view: TrustView) -> bool:
    """Whether this was one of the publication's trust files once: nobody asks for it any more."""
    match = re.fullmatch(r"trust/([1-9][0-9]{0,8})\.(root|snapshot|targets)\.json", path)
    return match is not None and int(match[1]) < view.versions[match[2]]


def _is_page(path: str) -> bool:
    """Pages and feeds: conveniences that nobody trusts."""
    return path in ("index.html", "feed.xml", "reader.html") or (path.startswith("a/") and path.endswith(".html"))


def _levels(leaves: list[bytes]) -> list[list[bytes]]:
    """Hashes of every tile level, complete subtrees only."""
    levels = [leaves]
    while len(levels[-1]) >= FULL:
        below = levels[-1]
        levels.append([root_of(below[at : at + FULL]) for at in range(0, len(below) - FULL + 1, FULL)])
    return levels
