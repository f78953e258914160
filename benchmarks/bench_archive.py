"""What a seal costs as the archive grows: it should not.

    python benchmarks/bench_archive.py [--sizes 100,1000,10000] [--seals 20] [--folder /dev/shm]

Fills an archive with made-up articles (in batches, as a first run would) and at each size seals so many single new
articles. Prints CPU milliseconds a seal (this process's user and system time; the disk is left out by default: the
folder is in memory), of them what adding took, files written a seal, and how fast filling was.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from mirror.archive import Addition, Archive
from tests.archive import newsroom

OUTLETS = 20


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def articles(first: int, count: int) -> Iterator[Addition]:
    for number in range(first, first + count):
        text = f"Paragraph {number}. " + " ".join(f"word{(number * 7919 + i * 104729) % 5000}" for i in range(400))
        yield newsroom.addition(number, of=number % OUTLETS, text=text)


def fill(archive: Archive, first: int, count: int) -> tuple[float, float]:
    """CPU seconds for making the bundles, and for adding and sealing them."""
    making = storing = 0.0
    for start in range(first, first + count, 1000):
        began = cpu()
        made = list(articles(start, min(1000, first + count - start)))
        making += cpu() - began
        began = cpu()
        archive.add_many(made)
        newsroom.seal(archive, newsroom.at(10**7 + start), outlets=OUTLETS)
        storing += cpu() - began
    return making, storing


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="100,1000,10000")
    parser.add_argument("--seals", type=int, default=20)
    parser.add_argument("--folder", default="/dev/shm" if Path("/dev/shm").is_dir() else None)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="tamizdat-bench-", dir=options.folder))
    print(f"{'articles':>9} {'add ms':>8} {'seal ms':>8} {'worst ms':>9} {'wall ms':>8} {'files':>6} {'fill/s':>8}")
    try:
        with newsroom.create(folder) as archive, archive.locked():
            number = 0
            for size in map(int, options.sizes.split(",")):
                count = size - number
                _, storing = fill(archive, number, count)
                number = size
                adds, seals, walls, files = [], [], [], []
                for _ in range(options.seals):
                    (made,) = articles(number, 1)
                    number += 1
                    before = archive.head()
                    with archive.state.reading() as tx:
                        seq = tx.head_seq()
                    began, wall = cpu(), time.perf_counter()
                    archive.add_many([made])
                    added = cpu()
                    newsroom.seal(archive, newsroom.at(10**7 + number), outlets=OUTLETS)
                    adds.append(added - began)
                    seals.append(cpu() - added)
                    walls.append(time.perf_counter() - wall)
                    with archive.state.reading() as tx:
                        files.append(len(tx.changes(seq, None, op="put")))
                    assert archive.head().size == before.size + 2
                print(
                    f"{size:>9} {1000 * statistics.median(adds):>8.2f} {1000 * statistics.median(seals):>8.2f} "
                    f"{1000 * max(seals):>9.2f} {1000 * statistics.median(walls):>8.2f} "
                    f"{statistics.median(files):>6.0f} {count / storing if storing else 0:>8.0f}",
                    flush=True,
                )
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
