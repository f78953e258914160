"""Articles a second through the whole pipeline, next to the extraction library alone on the same pages.

    python benchmarks/bench_pipeline.py [PAGES]              TAMIZDAT_BENCH_PIPELINE=20 does the same

fetch → extract → pictures → bundle → archive → seal → publish to a folder → audit, by the functions of `mirror.run`, as
`tamizdat run` calls them. A site on loopback, in a process of its own, serves a feed and the pages: real ones of many
outlets from `$TAMIZDAT_SHARED/corpus` (default ../shared) where that is there, otherwise the built-in sample outlet's,
copied. Every address in them leads to that site, and every picture asked for is one of eight photographs of 1600 by
1067. Twice: text alone, and with pictures. trafilatura's time is from before and after, in this process, one page after
the other; the pipeline has as many children as there are cores, and starting them counts. CPU is user and system time,
children included. The disk is synced as always.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from _common import Page, commas, cpu, lay_out, only_loopback, pages, serving, setting, show

PAGES = 100


@dataclass(slots=True)
class Passage:
    """One way through the pipeline: seconds and CPU seconds by step."""

    articles: int = 0
    held: Counter[str] = field(default_factory=Counter)
    pictures: int = 0
    bytes: int = 0
    steps: dict[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        return sum(took for took, _ in self.steps.values())

    @property
    def cpu(self) -> float:
        return sum(spent for _, spent in self.steps.values())


def pipeline(folder: Path, site: str, *, many: int, pictures: bool) -> Passage:
    """A new publication, and one run."""
    from mirror.collect import fetch_all
    from mirror.config_edit import add_outlet, add_target
    from mirror.output import Output
    from mirror.publication import Publication, create
    from mirror.run import choose_outlets, publish_all, seal

    path = create(folder, name="Pipeline", origin="pipeline.example", now=datetime.now(UTC)).publication.config.path
    add_outlet(path, id="site", name="Site", url=site, feeds=[f"{site}/feed.xml"], allow_private=True)
    mirror = folder / "mirror"
    mirror.mkdir()
    add_target(path, name="folder", url=str(mirror))
    wanted = f"[outlet.site]\nmax_new = {many}\npictures = {str(pictures).lower()}"
    path.write_text(path.read_text("utf-8").replace("[outlet.site]", wanted), "utf-8")
    publication = Publication.open(path)
    done, out = Passage(), Output(quiet=True)
    archive = publication.archive()
    with archive.locked():
        began, spent = time.perf_counter(), cpu()

        def step(name: str) -> None:
            nonlocal began, spent
            done.steps[name] = time.perf_counter() - began, cpu() - spent
            began, spent = time.perf_counter(), cpu()

        reports = asyncio.run(fetch_all(publication, archive, choose_outlets(publication, ()), out))
        step("fetch, extract, pictures, bundle, archive")
        sealed = seal(publication, archive, out)
        step("seal: log, edition, proofs, pages")
        targets = publish_all(publication, archive, out)
        step("publish to a folder, audit")
    if reports[0].problem or not all(target.ok for target in targets):
        raise SystemExit(f"the run failed: {reports[0].problem} {[target.as_json() for target in targets]}")
    done.articles = sum(one.articles for one in sealed)
    done.held = Counter(line.rpartition(": ")[0].rpartition(": ")[2] or line for line in reports[0].held)
    done.held["failed"] = len(reports[0].failed)
    done.held["same address"] = reports[0].unchanged
    with archive.state.reading() as tx:
        lines = tx.changes(0, None)
        named = tx.resources([row.digest for row in tx.all_articles()])
    done.pictures = sum(one.kind == "picture" for one in named)
    done.bytes = sum(line.size for line in lines if line.op == "put")
    archive.close()
    return done


def alone(made: Sequence[Page]) -> tuple[float, float]:
    """Seconds and CPU seconds of trafilatura on these pages."""
    from trafilatura import bare_extraction

    from mirror.charset import decode

    bare_extraction(decode(made[0][1]), with_metadata=True)  # imports and caches are not what is measured
    spent, began = cpu(), time.perf_counter()
    for address, body in made:
        bare_extraction(decode(body), url=f"https://{address}", include_comments=False, with_metadata=True)
    return time.perf_counter() - began, cpu() - spent


def main() -> None:
    many = int(sys.argv[1]) if len(sys.argv) > 1 else setting("PIPELINE", PAGES)
    what, made = pages(many)
    passages: dict[str, Passage] = {}
    with tempfile.TemporaryDirectory(prefix="tamizdat-bench-") as name, only_loopback() as tried:
        folder = Path(name)
        (folder / "site").mkdir()
        with serving("site", folder / "site") as site:
            lay_out(folder / "site", lambda host: f"{site}/{host}", made)
            before = alone(made)
            for pictures in (False, True):
                kind = "with pictures" if pictures else "text alone"
                passages[kind] = pipeline(folder / kind.partition(" ")[0], site, many=many, pictures=pictures)
            after = alone(made)
    took, spent = (before[0] + after[0]) / 2, (before[1] + after[1]) / 2
    print(f"{len(made)} {what}, {sum(len(body) for _, body in made) / len(made) / 1000:,.0f} KB each on average")
    rows = [["", "articles", "s", "articles/s", "CPU s an article", "times the library"]]
    per_page = spent / len(made)
    rows.append(
        ["trafilatura alone", f"{len(made)}", commas(took, 1), commas(len(made) / took, 2), commas(per_page, 3), "1.00"]
    )
    for kind, one in passages.items():
        for step, (seconds, each) in {f"pipeline, {kind}": (one.seconds, one.cpu), **one.steps}.items():
            whole = step.startswith("pipeline")
            rows.append(
                [
                    step if whole else f"    {step}",
                    commas(one.articles) if whole else "",
                    commas(seconds, 1),
                    commas(one.articles / seconds, 2 if whole else 0) if seconds else "-",
                    commas(each / one.articles, 3),
                    f"{each / one.articles / per_page:.2f}",
                ]
            )
    show(rows)
    for kind, one in passages.items():
        held = ", ".join(f"{count} {why}" for why, count in one.held.items() if count) or "none"
        print(
            f"{kind}: {one.pictures} pictures, {one.bytes / 1e6:.1f} MB published; pages that gave no article: {held}"
        )
    if tried:
        print(f"not looked up: {', '.join(sorted(set(tried))[:8])}")


if __name__ == "__main__":
    main()
