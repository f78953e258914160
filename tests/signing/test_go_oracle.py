"""Go's golang.org/x/mod/sumdb judges what this package writes and accepts.

One run of `tests/go/oracle.go` over one folder of our output: two logs with every checkpoint and tile, their proofs,
and mutated notes: some twenty thousand, or in CI and with `--all` more than a hundred thousand, and every inclusion
proof of a log of 70,000 entries.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from signing import checkpoint, note
from signing.checkpoint import Checkpoint
from signing.errors import SigningError
from signing.keys import SignerKey, VerifierKey
from signing.merkle import EMPTY_ROOT
from signing.packing import digest_of, from_base64, to_base64
from signing.tiles import TileHashes, Tree
from tests.needs import ROOT, missing, program
from tests.signing.test_note import PETER_KEY, PETER_NOTE
from tests.signing.world import LOG, PUBLISHER, STRANGER, key

GOPATH = Path("/usr/share/gocode")
BIG = 70_000
MUTANTS = 24_000
ALL_MUTANTS = 110_000


@dataclass(frozen=True)
class Judged:
    counts: dict[str, int]
    mutants: list[tuple[bytes, bytes | SigningError]]  # the note, and our text or why we refuse it
    verdicts: list[str | None]  # SHA-256 of Go's text, None if Go refuses it


@pytest.fixture(scope="module")
def oracle() -> Iterator[Path]:
    go = program("go")
    if not (GOPATH / "src/golang.org/x/mod/sumdb/tlog").is_dir():
        missing("Debian package golang-golang-x-mod-dev")
    with TemporaryDirectory() as name:
        environment = {**os.environ, "GO111MODULE": "off", "GOPATH": str(GOPATH), "GOFLAGS": ""}
        if "HOME" not in environment:
            environment["GOCACHE"] = str(Path(name) / "go-cache")
        built = Path(name) / "oracle"
        subprocess.run([go, "build", "-o", str(built), str(ROOT / "tests/go/oracle.go")], check=True, env=environment)
        yield built


@pytest.fixture(scope="module")
def judged(oracle: Path, everything: bool) -> Iterator[Judged]:
    with TemporaryDirectory() as name:
        output = Path(name)
        (output / "vkey").write_text(LOG.verifier.text)
        _write_small_log(output / "small", 600)
        _write_big_log(output / "big", everything)
        mutants = _write_notes(output / "notes", ALL_MUTANTS if everything else MUTANTS)
        run = _judge(oracle, output)
        assert run.returncode == 0, run.stderr
        yield Judged(
            counts=json.loads(run.stdout),
            mutants=mutants,
            verdicts=_verdicts((output / "notes" / "verdicts").read_bytes()),
        )


def _judge(oracle: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(oracle), str(folder)], capture_output=True, text=True, check=False, timeout=300)


def test_the_judge_can_say_no(oracle: Path, tmp_path: Path) -> None:
    (tmp_path / "vkey").write_text(LOG.verifier.text)
    _write_small_log(tmp_path / "small", 5)
    _write_notes(tmp_path / "notes", 5)
    assert _judge(oracle, tmp_path).returncode == 0
    for path in ("checkpoint/4", "tile/0/000.p/3", "tile/entries/000.p/5", "inclusion", "consistency"):
        file = tmp_path / "small" / path
        good = file.read_bytes()
        file.write_bytes(good[:-3] + bytes([good[-3] ^ 1]) + good[-2:])
        assert _judge(oracle, tmp_path).returncode == 1, path
        file.write_bytes(good)
    (tmp_path / "small/tile/0/000.p/6").write_bytes(bytes(192))
    assert "is a tile of no published size" in _judge(oracle, tmp_path).stderr


def test_go_accepts_every_checkpoint_tile_and_proof_we_write(judged: Judged, everything: bool) -> None:
    counts = judged.counts
    assert counts["checkpoints"] >= 600 + 10
    assert counts["tiles"] > 2000
    assert counts["inclusion proofs"] >= 600 * 601 // 2 + (BIG if everything else 2000)
    assert counts["consistency proofs"] >= 600 * 601 // 2 + (BIG // 7 if everything else 200)


def test_nothing_that_go_rejects_as_a_note_is_accepted_here(judged: Judged, everything: bool) -> None:
    assert len(judged.mutants) == len(judged.verdicts) >= (100_000 if everything else 20_000)
    accepted = 0
    for (data, ours), go in zip(judged.mutants, judged.verdicts, strict=True):
        if isinstance(ours, bytes):
            assert go == digest_of(ours), data
            accepted += 1
    assert accepted > 500  # or the mutants are all noise


def test_what_is_stricter_here_than_in_go_is_what_the_docstring_lists(judged: Judged) -> None:
    reasons: Counter[str] = Counter()
    for (data, ours), go in zip(judged.mutants, judged.verdicts, strict=True):
        if go is None or isinstance(ours, bytes):
            continue
        reason = str(ours)
        if reason == "base64 is not in its canonical form":
            reasons["1. canonical base64"] += 1
        elif reason == "the note has more than 64 signature lines":
            reasons["2. number of lines"] += 1
        else:
            lines = [(line.name, line.key_id) for line in note.parse(data).lines]
            assert reason.startswith("the signature of "), (reason, data)
            assert len(set(lines)) < len(lines), (reason, data)
            reasons["3. further lines of one key"] += 1
    assert len(reasons) == 3, reasons
    print("stricter than Go:", dict(reasons), "of", len(judged.mutants))  # pytest -rP shows it


# --- what the oracle reads -------------------------------------------------------------------------------------------


def _entry(number: int) -> bytes:
    return b"entry %d " % number + bytes(number % 7)


def _record(a: int, b: int, hashes: tuple[bytes, ...]) -> bytes:
    return a.to_bytes(4, "big") + b.to_bytes(4, "big") + bytes([len(hashes)]) + b"".join(hashes)


class _Publication:
    """Publishes a log in steps the way a sequencer does: load, append, write the files, sign."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: dict[str, bytes] = {}
        self.roots = {0: EMPTY_ROOT}
        self.size = 0
        (folder / "checkpoint").mkdir(parents=True)

    def grow(self, size: int) -> Tree:
        tree = Tree.load(self.size, self.roots[self.size], self.files.__getitem__)
        for number in range(self.size, size):
            assert tree.append(_entry(number)) == number
        new = tree.files()
        assert not set(new) & set(self.files), "a published tile was written again"
        self.files |= new
        self.size = size
        self.roots[size] = tree.root
        signed = checkpoint.sign(Checkpoint(LOG.name, size, tree.root), LOG)
        (self.folder / "checkpoint" / str(size)).write_bytes(signed)
        return tree

    def hashes(self, size: int) -> TileHashes:
        return TileHashes(size, self.roots[size], self.files.__getitem__)

    def write(self, inclusion: bytes, consistency: bytes) -> None:
        sizes = sorted(self.roots)[1:]
        (self.folder / "sizes").write_text("".join(f"{size}\n" for size in sizes))
        (self.folder / "inclusion").write_bytes(inclusion)
        (self.folder / "consistency").write_bytes(consistency)
        for path, data in self.files.items():
            file = self.folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)


def _write_small_log(folder: Path, last: int) -> None:
    """Published at every size from 1 to `last`, with every inclusion and consistency proof there is."""
    log = _Publication(folder)
    for size in range(1, last + 1):
        log.grow(size)
    inclusion, consistency = bytearray(), bytearray()
    for size in range(1, last + 1):
        hashes = log.hashes(size)
        for index in range(size):
            inclusion += _record(size, index, hashes.inclusion(index))
        for old in range(1, size + 1):
            consistency += _record(old, size, hashes.consistency(old))
    log.write(bytes(inclusion), bytes(consistency))


def _write_big_log(folder: Path, everything: bool) -> None:
    log = _Publication(folder)
    sizes = [1, 255, 256, 257, 1000, 4096, 20_000, 65_279, 65_535, 65_536, 65_537, 69_999, BIG]
    chance = random.Random(70_000)
    inclusion, consistency = bytearray(), bytearray()
    for size in sizes:
        tree = log.grow(size)  # the writer's own proofs …
        for index in {0, size - 1, *(chance.randrange(size) for _ in range(60))}:
            inclusion += _record(size, index, tree.inclusion(index))
        for old in sizes:
            if old <= size:
                consistency += _record(old, size, tree.consistency(old))
    for size in sizes[6:]:
        hashes = log.hashes(size)  # … and a reader's
        for _ in range(300):
            index = chance.randrange(size)
            inclusion += _record(size, index, hashes.inclusion(index))
        for old in sizes * 3:
            if old <= size:
                consistency += _record(old, size, hashes.consistency(old))
    if everything:
        for index in range(BIG):
            inclusion += _record(BIG, index, hashes.inclusion(index))
        for old in range(1, BIG, 7):
            consistency += _record(old, BIG, hashes.consistency(old))
    log.write(bytes(inclusion), bytes(consistency))


def _write_notes(folder: Path, count: int) -> list[tuple[bytes, bytes | SigningError]]:
    folder.mkdir()
    keys = [LOG.verifier, PUBLISHER.verifier, VerifierKey.parse(PETER_KEY)]
    (folder / "vkeys").write_text("".join(f"{one.text}\n" for one in keys))
    mutants: list[tuple[bytes, bytes | SigningError]] = []
    blob = bytearray()
    for data in _mutants(random.Random("notes"), count):
        blob += len(data).to_bytes(4, "big") + data
        try:
            mutants.append((data, note.open_note(data, keys).text))
        except SigningError as error:
            mutants.append((data, error))
    (folder / "mutants").write_bytes(blob)
    return mutants


def _verdicts(data: bytes) -> list[str | None]:
    verdicts: list[str | None] = []
    position = 0
    while position < len(data):
        if data[position]:
            verdicts.append(data[position + 1 : position + 33].hex())
            position += 33
        else:
            verdicts.append(None)
            position += 1
    return verdicts


def _mutants(chance: random.Random, count: int) -> Iterator[bytes]:
    stranger = key("witness.example/w1", 9)
    signers: list[tuple[SignerKey, ...]] = [
        (PUBLISHER,),
        (LOG, PUBLISHER),
        (stranger, PUBLISHER),
        (STRANGER,),
        (PUBLISHER, stranger, LOG, STRANGER),
    ]
    texts = ["one line\n", "два\n\nabsätze\n", "\n", "a\n\n\n— x y\n", "example.org/log/2027\n8\nXcnaeac=\n"]
    originals = [note.sign(text, *some) for text in texts for some in signers] + [PETER_NOTE]
    yield from originals
    for data in originals:
        unknown = note.sign("x\n", stranger).split(b"\n\n")[1]
        for extra in (63, 64, 98, 99, 100):
            yield data + unknown * extra
    for _ in range(count):
        data = chance.choice(originals)
        for _ in range(chance.choice([1, 1, 1, 2, 3])):
            data = chance.choice(_MUTATIONS)(data, chance)
        yield data


def _flip(data: bytes, chance: random.Random) -> bytes:
    if not data:
        return data
    at = chance.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]


def _insert(data: bytes, chance: random.Random) -> bytes:
    pieces = [
        *(bytes([byte]) for byte in b"\x00\t\r\n +=A\x7f\xff"),
        *(text.encode() for text in ("\n\n", "— ", "\u2028", "\u00a0", "\u0085", "\ufeff", "\ufffd", "é")),
        b"\xed\xa0\x80",
        b"\xc0\x8a",
    ]
    at = chance.choice([0, len(data), max(len(data) - 1, 0), chance.randrange(len(data) + 1)])
    return data[:at] + chance.choice(pieces) + data[at:]


def _delete(data: bytes, chance: random.Random) -> bytes:
    at = chance.choice([max(len(data) - 1, 0), chance.randrange(len(data) + 1)])
    return data[:at] + data[at + chance.choice([1, 1, 2, 8]) :]


def _cut(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data) + 1)]


def _lines(data: bytes, chance: random.Random) -> bytes:
    """Repeat, drop or swap whole lines."""
    lines = data.splitlines(keepends=True)
    if len(lines) < 2:
        return data
    a, b = chance.randrange(len(lines)), chance.randrange(len(lines))
    match chance.randrange(3):
        case 0:
            lines.insert(b, lines[a])
        case 1:
            del lines[a]
        case _:
            lines[a], lines[b] = lines[b], lines[a]
    return b"".join(lines)


def _signature(data: bytes, chance: random.Random) -> bytes:
    """Change one signature line's base64, keeping most of its form."""
    head, gap, tail = data.rpartition(b"\n\n")
    lines = tail.splitlines()
    if not lines:
        return data
    at = chance.randrange(len(lines))
    prefix, space, encoded = lines[at].rpartition(b" ")
    match chance.randrange(5):
        case 0:  # bits that decode to nothing
            changed = encoded.rstrip(b"=")[:-1] + chance.choice([b"A", b"M", b"N", b"w", b"/"])
            encoded = changed + b"=" * (-len(changed) % 4)
        case 1:
            encoded = encoded.rstrip(b"=")
        case 2:
            encoded = encoded.replace(b"+", b"-").replace(b"/", b"_")
        case 3:  # a further line of the same key with another signature
            try:
                raw = bytearray(from_base64(encoded))
            except SigningError:
                return data
            if len(raw) > 4:
                raw[chance.randrange(4, len(raw))] ^= 1
            lines.insert(at + chance.randrange(2), prefix + space + to_base64(bytes(raw)))
        case _:
            encoded = encoded[: chance.randrange(len(encoded) + 1)]
    lines[at] = prefix + space + encoded if lines[at].startswith(prefix) else lines[at]
    return head + gap + b"\n".join(lines) + b"\n"


_MUTATIONS = [_flip, _flip, _insert, _delete, _cut, _lines, _lines, _signature, _signature]
