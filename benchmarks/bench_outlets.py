"""A `run` over outlets that have nothing new: what cron costs, and what it costs the outlets.

    python benchmarks/bench_outlets.py [OUTLETS]             TAMIZDAT_BENCH_OUTLETS=20 does the same

A server on loopback, in a process of its own, has a feed of twenty articles for each outlet. All were read before
and none is due. Measured is `tamizdat run --no-publish` as a process, start to end: the first one, which reads every
feed, and then one that finds everything unchanged.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from _common import ROOT, commas, serving, setting, show

OUTLETS = 100


def publication(folder: Path, site: str, many: int) -> Path:
    """A publication with so many outlets, all of whose articles were read an hour ago."""
    from mirror.publication import Publication, create
    from mirror.remembering import PageNote
    from mirror.sources.state import PageState

    path = create(folder, name="Bench", origin="bench.example", now=datetime.now(UTC)).publication.config.path
    tables = (
        f'\n[outlet.o{n}]\nname = "Outlet {n}"\nurl = "{site}/{n}/"\n'
        f'feeds = ["{site}/{n}/feed.xml"]\nallow_private = true\n'
        for n in range(many)
    )
    path.write_text(path.read_text("utf-8") + "".join(tables), "utf-8")
    moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    with Publication.open(path).archive() as archive:
        for n in range(many):
            archive.remember_pages(
                PageNote(
                    page=PageState(
                        outlet=f"o{n}",
                        url=f"{site}/{n}/{a}",
                        first_seen=moment,
                        checked=moment,
                        due="9999-01-01T00:00:00Z",
                    ),
                    state="ok",
                )
                for a in range(20)
            )
    return path


def asked(site: str) -> Counter[str]:
    with urllib.request.urlopen(f"{site}/-/counts") as answer:
        return Counter(json.load(answer))


def main() -> None:
    many = int(sys.argv[1]) if len(sys.argv) > 1 else setting("OUTLETS", OUTLETS)
    rows = [["run", "s", "CPU s", "requests", "of them feeds", "robots.txt", "pages", "answered 304"]]
    with tempfile.TemporaryDirectory(prefix="tamizdat-bench-") as name, serving("outlets", Path(name)) as site:
        path = publication(Path(name) / "publication", site, many)
        for what in ("the first", "nothing new"):
            before, spent = asked(site), resource.getrusage(resource.RUSAGE_CHILDREN)
            began = time.perf_counter()
            command = [sys.executable, "-m", "mirror.cli", "run", "--no-publish", "--quiet", "--config", str(path)]
            done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
            took = time.perf_counter() - began
            if done.returncode:
                raise SystemExit(f"the run failed: {done.stderr}")
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            used = after.ru_utime + after.ru_stime - spent.ru_utime - spent.ru_stime
            new = asked(site) - before
            total = new["feeds"] + new["robots.txt"] + new["pages"]
            cells = (total, new["feeds"], new["robots.txt"], new["pages"], new["not modified"])
            rows.append([f"{what}, {many} outlets", commas(took, 2), commas(used, 2), *map(str, cells)])
    show(rows)


if __name__ == "__main__":
    main()
