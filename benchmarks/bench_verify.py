"""How fast a whole mirror is verified, next to `sha256sum` over the same files, and where the time goes.

    python benchmarks/bench_verify.py [ARTICLES]             TAMIZDAT_BENCH_VERIFY=200 does the same

Two mirrors, of as many articles each: text alone, and with a picture and its thumbnail in every article. Each is
checked as a folder and over HTTP (`tamizdat serve`'s server, in a process of its own on loopback), one file after the
other. The second table is from another check of the first mirror, with a clock around each step (a step's time is
without that of the steps inside it). Every mirror must come out authentic.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from _common import commas, cpu, serving, setting, show

ARTICLES = 2000
ROUNDS = 3


def checked(mirror: Any, pin: str) -> tuple[float, float, int, int]:
    """Seconds, CPU seconds, files and bytes of one check."""
    from mirror.known import Memory
    from mirror.sweep import check_mirror

    spent, began = cpu(), time.perf_counter()
    verdict = check_mirror(mirror, pin=pin, memory=Memory(None), now=datetime.now(UTC))
    took, spent = time.perf_counter() - began, cpu() - spent
    if not verdict.authentic:
        raise SystemExit(f"not authentic: {verdict.problems[:3]} {verdict.notes[:3]}")
    return took, spent, verdict.files, verdict.bytes


def summed(folder: Path) -> tuple[float, float, int, int]:
    """The same for sha256sum over what a verifier reads: all but the pages for people."""
    files = [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".html" and path.name != "feed.xml"
    ]
    names = b"\0".join(bytes(path) for path in files)
    spent, began = cpu(), time.perf_counter()
    subprocess.run(["xargs", "-0", "sha256sum"], input=names, check=True, stdout=subprocess.DEVNULL)
    took, spent = time.perf_counter() - began, cpu() - spent
    return took, spent, len(files), sum(path.stat().st_size for path in files)


# --- where the time goes --------------------------------------------------------------------------------------------


class Clock:
    """CPU time by step; what is inside another step counts for the inner one alone."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = defaultdict(float)
        self._inner = [0.0]

    def around(self, step: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **more: Any) -> Any:
            began = time.process_time()
            self._inner.append(0.0)
            try:
                return function(*args, **more)
            finally:
                took = time.process_time() - began
                self.spent[step] += took - self._inner.pop()
                self._inner[-1] += took

        return timed


@contextmanager
def clocked() -> Iterator[Clock]:
    """Within, the steps of verifying are timed."""
    import schemas
    from mirror import read, sweep
    from signing import keys, note, packing, proof, verify

    clock = Clock()
    places: list[tuple[Any, str, str]] = [
        (read.FolderMirror, "get", "reading files"),
        (verify, "_check_stored", "SHA-256 of the stored bytes"),
        (packing, "gunzip", "gunzip"),
        (note, "parse", "notes and proofs, parsing"),
        (note, "open_note", "notes and proofs, parsing"),
        (proof, "parse", "notes and proofs, parsing"),
        (keys.VerifierKey, "verifies", "signatures (publisher's, log's)"),
        (packing, "parse_json", "JSON, strict"),
        (schemas, "check", "schema"),
        (verify, "entry_of", "log entry"),
        (verify, "check_inclusion", "inclusion proof"),
        (sweep, "range_hash", "one history (tree hashes)"),
        (sweep, "_levels", "tiles"),
        (sweep.TileHashes, "entries", "tiles"),
    ]
    real = [(owner, name, getattr(owner, name)) for owner, name, _ in places]
    for (owner, name, step), (_, _, function) in zip(places, real, strict=True):
        setattr(owner, name, clock.around(step, function))
    try:
        yield clock
    finally:
        for owner, name, function in real:
            setattr(owner, name, function)


def main() -> None:
    from _articles import outlets, publication

    from mirror.read import FolderMirror, WebMirror

    count = int(sys.argv[1]) if len(sys.argv) > 1 else setting("VERIFY", ARTICLES)
    rows = [["", "files", "MB", "s", "files/s", "MB/s", "articles/s", "CPU s", "times sha256sum's CPU"]]
    steps: list[list[str]] = []
    with tempfile.TemporaryDirectory(prefix="tamizdat-bench-") as folder:
        for pictures in (0, 1):
            place = Path(folder) / f"with-{pictures}"
            real, os.fsync = os.fsync, lambda fd: None
            try:
                made, pin = publication(place, outlets(4), count // 4, pictures=pictures)
            finally:
                os.fsync = real
            what = "with pictures" if pictures else "text alone"
            with serving("mirror", made.tree) as address:
                ways: dict[str, Callable[[], tuple[float, float, int, int]]] = {
                    "sha256sum": lambda tree=made.tree: summed(tree),
                    "a folder": lambda tree=made.tree, pin=pin: checked(FolderMirror(tree), pin),
                    "over HTTP": lambda at=address, pin=pin: checked(WebMirror(at), pin),
                }
                best: dict[str, tuple[float, float, int, int]] = {}
                # In turns, the quickest of each: what a busy machine adds is nobody's.
                for _ in range(ROUNDS):
                    for name, way in ways.items():
                        best[name] = min(best.get(name, (float("inf"), 0, 0, 0)), way())
            for name, (took, spent, files, size) in best.items():
                articles = "-" if name == "sha256sum" else commas(count / took)
                ratio = spent / best["sha256sum"][1]
                rows.append(
                    [
                        f"{what}: {name}", commas(files), commas(size / 1e6, 1), commas(took, 2), commas(files / took),
                        commas(size / took / 1e6, 1), articles, commas(spent, 2), f"{ratio:.1f}",
                    ]
                )  # fmt: skip
            if not pictures:
                with clocked() as clock:
                    _, took, _, _ = checked(FolderMirror(made.tree), pin)
                told = sorted(clock.spent.items(), key=lambda pair: -pair[1])
                told.append(("the rest", took - sum(clock.spent.values())))
                steps = [["step", "CPU s", "share", "µs an article"]]
                steps += [[s, commas(t, 2), f"{t / took:.0%}", commas(t / count * 1e6)] for s, t in told]
    print(f"{count:,} articles each, the quickest of {ROUNDS} checks in turns")
    show(rows)
    print()
    show(steps)


if __name__ == "__main__":
    main()
