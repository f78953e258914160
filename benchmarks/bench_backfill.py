"""Memory over a long back-fill: does it grow with what an outlet has published?

    python benchmarks/bench_backfill.py [URLS [TAKEN]]       TAMIZDAT_BENCH_BACKFILL=2000 is TAKEN

A server on loopback, in a process of its own, makes up an outlet: a sitemap index that leads to URLS articles (50,000)
and the articles themselves, four paragraphs each. The back-fill lists all of them and takes the first TAKEN (2,000; as
many as URLS for the whole of it, which takes most of an hour). Printed are the resident memory of the process (children
that parse pages not counted; theirs is bounded by the sandbox), and the pace, as it goes; then what sealing it costs.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from _common import commas, cpu, serving, setting, show

URLS, TAKEN = 50_000, 2000
POINTS = (100, 1000, 2000, 5000, 10_000, 20_000, 30_000, 40_000, 50_000)


def resident() -> float:
    """Megabytes in memory now."""
    for line in Path("/proc/self/status").read_text("ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise SystemExit("/proc/self/status has no VmRSS")


async def take(folder: Path, site: str, urls: int, many: int) -> None:
    from mirror import backfill
    from mirror.config_edit import add_outlet
    from mirror.output import Output
    from mirror.publication import Publication, create
    from mirror.run import choose_outlets, seal

    path = create(folder, name="Past", origin="past.example", now=datetime.now(UTC)).publication.config.path
    add_outlet(
        path, id="site", name="Site", url=f"{site}/{urls}/", sitemaps=[f"{site}/{urls}/sitemap.xml"], allow_private=True
    )
    publication, out = Publication.open(path), Output(quiet=True)
    (outlet,) = choose_outlets(publication, ["site"])
    rows = [["articles taken", "addresses waiting", "MB resident", "articles/s", "CPU s"]]
    with publication.archive() as archive:
        backfill.begin(archive, outlet, since=None, until=None, most=None)
        async with backfill.desk(publication, archive, out) as shared, backfill.Backfilling(shared, outlet) as filling:
            began, taken = time.perf_counter(), 0
            rows.append(["0", "0", commas(resident(), 1), "-", commas(cpu(), 1)])
            for point in [one for one in POINTS if one < many] + [many]:
                with archive.locked():
                    while taken < point and await filling.go(most=point - taken) == "more":
                        told = backfill.progress(archive, "site")
                        taken = told.taken if told else taken
                told = backfill.progress(archive, "site")
                taken = told.taken if told else taken
                waiting = told.left if told else 0
                spent = time.perf_counter() - began
                rows.append(
                    [commas(taken), commas(waiting), commas(resident(), 1), commas(taken / spent, 1), commas(cpu(), 1)]
                )
                print(" ".join(rows[-1]), file=sys.stderr, flush=True)
        began = time.perf_counter()
        with archive.locked():
            sealed = seal(publication, archive, out)
        spent = time.perf_counter() - began
        count = sum(one.articles for one in sealed)
        rows.append(
            [f"sealed: {commas(count)}", "-", commas(resident(), 1), commas(count / spent, 1), commas(cpu(), 1)]
        )
    show(rows)


def main() -> None:
    urls = int(sys.argv[1]) if len(sys.argv) > 1 else URLS
    many = min(urls, int(sys.argv[2]) if len(sys.argv) > 2 else setting("BACKFILL", TAKEN))
    with tempfile.TemporaryDirectory(prefix="tamizdat-bench-") as name, serving("past", Path(name)) as site:
        asyncio.run(take(Path(name) / "publication", site, urls, many))


if __name__ == "__main__":
    main()
