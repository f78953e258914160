"""200 targets in one run: 170 healthy (20 of them slow), 10 dead, 10 hanging, 5 tampered, 5 stale.

What is measured: one `tamizdat run` (as `run` does it, in a process of its own) with 10 new articles, after all mirrors
have everything; how long the slowest healthy target takes when it is alone; the status afterwards.

    python benchmarks/bench_many.py [HEALTHY]
"""

from __future__ import annotations

import resource
import sys
import tempfile
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.servers.many import many_mirrors
from tests.thicket import Thicket


def main() -> None:
    healthy = int(sys.argv[1]) if len(sys.argv) > 1 else 170
    share = healthy / 170
    with tempfile.TemporaryDirectory() as place, many_mirrors() as mirrors:
        thicket = Thicket(
            Path(place, "publication"),
            mirrors,
            good=healthy - round(20 * share),
            slow=round(20 * share),
            dead=max(1, round(10 * share)),
            hanging=max(1, round(10 * share)),
            tampered=max(1, round(5 * share)),
            stale=max(1, round(5 * share)),
        )
        thicket.articles(30)
        first = thicket.run()
        print(f"first push to all: {first.seconds:.1f} s, exit {first.status}")
        mirrors.ask("freeze")
        thicket.articles(10)
        before = mirrors.ask("count")
        done = thicket.run()
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        took = mirrors.ask("count") - before
        print(f"increment of 10 articles: run {done.seconds:.1f} s, exit {done.status}, {took:,} requests")
        print(
            f"  the last healthy target had it after {done.last_healthy:.1f} s, all were read back after "
            f"{max(done.ended.values()):.1f} s; CPU {done.cpu:.1f} s, peak {used.ru_maxrss / 1024:.0f} MB"
        )
        thicket.articles(10)
        alone = thicket.alone("slow000" if share * 20 >= 1 else "good000")
        print(f"  the slowest healthy one alone: {alone:.1f} s; ratio {done.last_healthy / alone:.2f}")
        said = {one["name"]: one for one in thicket.status()["targets"]}
        states = Counter((name[:-3], one["state"] or one["audit"]) for name, one in said.items())
        print("  status says: " + ", ".join(f"{number} {kind} {state}" for (kind, state), number in states.items()))


if __name__ == "__main__":
    main()
