"""How fast the log is: entries appended, proofs made and verified, whole bundles verified. Prints a small table.

    python benchmarks/bench_log.py [ENTRIES]

Everything happens in memory and in one thread. Nothing is asserted about time; every proof made is checked.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path
from time import perf_counter

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from signing import checkpoint, note
from signing.checkpoint import Checkpoint
from signing.entry import Entry
from signing.keys import SignerKey
from signing.merkle import EMPTY_ROOT, check_consistency, check_inclusion, leaf_hash
from signing.packing import digest_of
from signing.tiles import TileHashes, Tree

ENTRIES = 100_000
BATCH = 500
PROOFS = 5000


def _no_files(path: str) -> bytes:
    raise KeyError(path)


def _entries(count: int) -> list[bytes]:
    made = []
    for number in range(count):
        digest = digest_of(b"%d" % number)
        made.append(
            Entry(
                kind="article",
                outlet="sample",
                url_digest=digest,
                digest=digest,
                size=3000,
                time="2027-03-01T08:15:00Z",
            ).encode()
        )
    return made


def main() -> None:
    """Print one row a measurement: what, how many, a second, and how long one takes."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else ENTRIES
    chance = random.Random(1)
    signer = SignerKey("example.org/log/2027", bytes(32))
    rows: list[tuple[str, int, float]] = []

    start = perf_counter()
    entries = _entries(count)
    rows.append(("entries encoded", count, perf_counter() - start))

    start = perf_counter()
    tree = Tree.load(0, EMPTY_ROOT, _no_files)
    for entry in entries:
        tree.append(entry)
    files, root = tree.files(), tree.root
    rows.append(("entries appended, at once", count, perf_counter() - start))

    # As a sequencer does: load, append a batch, take the files, sign.
    start = perf_counter()
    stored: dict[str, bytes] = {}
    size, head = 0, EMPTY_ROOT
    while size < count:
        grown = Tree.load(size, head, stored.__getitem__)
        for entry in entries[size : size + BATCH]:
            grown.append(entry)
        stored.update(grown.files())
        size, head = grown.size, grown.root
        checkpoint.sign(Checkpoint(signer.name, size, head), signer)
    rows.append((f"entries appended, {BATCH} a seal", count, perf_counter() - start))
    if head != root:
        raise SystemExit("the two logs differ")

    indices = [chance.randrange(count) for _ in range(PROOFS)]
    hashes = TileHashes(count, root, files.__getitem__)
    start = perf_counter()
    proofs = [hashes.inclusion(index) for index in indices]
    rows.append(("inclusion proofs made from tiles", PROOFS, perf_counter() - start))

    leaves = [leaf_hash(entries[index]) for index in indices]
    start = perf_counter()
    for index, leaf, proof in zip(indices, leaves, proofs, strict=True):
        check_inclusion(leaf=leaf, index=index, size=count, root=root, hashes=proof)
    rows.append((f"inclusion proofs verified ({max(map(len, proofs))} hashes)", PROOFS, perf_counter() - start))

    old_size = count - BATCH // 2
    old_tree = Tree.load(0, EMPTY_ROOT, _no_files)
    for entry in entries[:old_size]:
        old_tree.append(entry)
    old_root = old_tree.root
    start = perf_counter()
    for _ in range(PROOFS):
        proof = hashes.consistency(old_size)
    rows.append(("consistency proofs made", PROOFS, perf_counter() - start))
    start = perf_counter()
    for _ in range(PROOFS):
        check_consistency(old_size=old_size, old_root=old_root, new_size=count, new_root=root, hashes=proof)
    rows.append(("consistency proofs verified", PROOFS, perf_counter() - start))

    text = Checkpoint(signer.name, count, root).text
    start = perf_counter()
    for _ in range(1000):
        signed = note.sign(text, signer)
    rows.append(("checkpoints signed", 1000, perf_counter() - start))
    verifier = signer.verifier
    start = perf_counter()
    for _ in range(1000):
        checkpoint.open_checkpoint(signed, verifier, signer.name)
    rows.append(("checkpoints verified", 1000, perf_counter() - start))

    print(f"{'':40} {'count':>9} {'a second':>12} {'one takes':>12}")
    for what, number, seconds in rows:
        print(f"{what:40} {number:>9,} {number / seconds:>12,.0f} {seconds / number * 1e6:>9.1f} µs")


if __name__ == "__main__":
    main()
