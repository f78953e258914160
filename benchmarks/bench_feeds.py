"""Our reading of feeds beside feedparser's and fastfeedparser's: entries, links, CPU time.

    python benchmarks/bench_feeds.py [FOLDER]

FOLDER (default $TAMIZDAT_SHARED/corpus/dev/feeds) holds archives of feeds: real-feeds.tar.gz, feedparser-tests.tar.gz,
fastfeedparser-integration.tar.gz. All three tools read the same bytes in one process, in turns, the best of five rounds
each; ours makes of an entry what a run needs of it - normal address, plain title and summary, times in UTC - which the
others leave to whoever calls them.
"""

from __future__ import annotations

import argparse
import io
import sys
import tarfile
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

from _common import SHARED, show

from mirror.sources import NotUnderstood
from mirror.sources.feed import parse

SETS = ("real-feeds", "feedparser-tests", "fastfeedparser-integration")
ROUNDS = 5
Reading = tuple[int, int]  # entries, entries with a link


def ours(body: bytes) -> Reading:
    made = parse(body, content_type="", url="https://news.example/feed")
    return made.entries, len(made.items)


def feedparser(body: bytes) -> Reading:
    import feedparser as library

    entries = library.parse(io.BytesIO(body)).entries
    return len(entries), sum(1 for entry in entries if entry.get("link"))


def fastfeedparser(body: bytes) -> Reading:
    import fastfeedparser as library

    entries = library.parse(body).entries
    return len(entries), sum(1 for entry in entries if entry.get("link"))


def measured(read: Callable[[bytes], Reading], bodies: list[bytes]) -> tuple[float, list[Reading], int]:
    """CPU seconds of one round, the best of five; what was read; how often it raised something."""
    best, raised, made = float("inf"), 0, []
    for _ in range(ROUNDS):
        raised, made = 0, []
        began = time.process_time()
        for body in bodies:
            try:
                made.append(read(body))
            except NotUnderstood:
                made.append((0, 0))
            except Exception:  # that is what is counted
                raised += 1
                made.append((0, 0))
        best = min(best, time.process_time() - began)
    return best, made, raised


def main() -> int:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    arguments.add_argument("folder", nargs="?", type=Path, default=SHARED / "corpus/dev/feeds")
    folder: Path = arguments.parse_args().folder
    warnings.simplefilter("ignore")  # of feedparser's own deprecated fields
    tools: dict[str, Callable[[bytes], Reading]] = {"feedparser": feedparser, "ours": ours}
    try:
        import fastfeedparser as _  # noqa: F401 - measured when somebody has it
    except ImportError:
        print("fastfeedparser is not installed and is left out", file=sys.stderr)
    else:
        tools["fastfeedparser"] = fastfeedparser
    rows: list[tuple[str, ...]] = [
        ("feeds", "tool", "feeds", "entries", "links", "raised", "fewer than feedparser", "CPU s", "of feedparser's")
    ]
    for name in SETS:
        archive = folder / f"{name}.tar.gz"
        if not archive.exists():
            print(f"{archive}: not there", file=sys.stderr)
            continue
        with tempfile.TemporaryDirectory() as temporary, tarfile.open(archive) as packed:
            packed.extractall(temporary, filter="data")
            files = sorted(path for path in Path(temporary).rglob("*") if path.is_file())
            bodies = [path.read_bytes() for path in files if path.suffix not in (".json", ".py", ".txt")]
        theirs: list[Reading] = []
        whole = 0.0
        for tool, read in tools.items():
            spent, made, raised = measured(read, bodies)
            if tool == "feedparser":
                theirs, whole = made, spent
            fewer = sum(one[0] < other[0] or one[1] < other[1] for one, other in zip(made, theirs, strict=True))
            rows.append(
                (
                    *(name, tool, str(len(bodies)), str(sum(one[0] for one in made)), str(sum(one[1] for one in made))),
                    *(str(raised), str(fewer), f"{spent:.3f}", f"1/{whole / spent:.1f}"),
                )
            )
    show(rows)
    return 0 if len(rows) > 1 else 1


if __name__ == "__main__":
    sys.exit(main())
