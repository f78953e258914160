"""What one run that adds one article costs in archives of 10², 10⁴ and 10⁵ articles. It must not grow.

    python benchmarks/bench_growth.py [ARTICLES ...]         TAMIZDAT_BENCH_GROWTH="100 1000" does the same

Each archive is made in 100 seals, without syncing the disk. Then a site gets a new article, and a fresh process does
what `tamizdat run` does: fetch, seal, push to an object store (S3 on loopback, which counts), read the mirror back. CPU
is user and system time of that process and its children, the median of three runs after one that isn't counted; so are
requests and bytes. The sizes are rounded so that every log ends at the same place in its last tile and every list of
older articles at the same place on its page: both are sent again by every run until they are full, and would hide the
rest.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from _common import commas, counts, cpu, serving, show

SIZES = (100, 10_000, 100_000)
ROUNDS = 3
SEALS = 100
STEPS = ("start", "fetch", "seal", "publish")
PAGE = """<!doctype html><html lang="en"><head><title>{title}</title><meta property="og:type" content="article">
<meta property="article:published_time" content="2031-04-02T08:00:00Z"></head><body><nav><a href="/">Home</a></nav>
<article><h1>{title}</h1>{text}</article></body></html>"""


def body(number: int) -> str:
    """Some 2,400 characters that are no other article's."""
    words = [hashlib.sha256(b"%d %d" % (number, at)).hexdigest()[: 3 + at % 6] for at in range(12)]
    return "</p><p>".join(" ".join((words * 30)[at::7]) + "." for at in range(6))


def rounded(size: int) -> int:
    """The number of articles next to `size` that ends where 100 articles end."""
    return max(0, round((size - 100) / 256)) * 256 + 100


def build(folder: Path, site: str, bucket: str, size: int) -> float:
    """A publication with so many articles of one outlet; returns entries appended a second, sealing included."""
    from mirror import pack
    from mirror.archive import Addition, Archive
    from mirror.config_edit import add_outlet, add_target
    from mirror.model import Article, Paragraph
    from mirror.publication import Publication, create, timestamp
    from mirror.render import Pages
    from mirror.sources.state import PageState

    now = datetime.now(UTC)
    path = create(folder, name="Growth", origin="growth.example", now=now).publication.config.path
    add_outlet(path, id="site", name="Site", url=site, feeds=[f"{site}/feed.xml"], language="en", allow_private=True)
    keys = {"access_key": "env:BENCH_KEY", "secret_key": "env:BENCH_KEY"}
    add_target(path, name="bucket", url="s3://bucket/", settings={"endpoint": bucket, "region": "us-east-1", **keys})
    publication = Publication.open(path)
    signer, config = publication.key("publisher"), publication.config
    moment = timestamp(now)
    text = (Paragraph(content=(body(0)[:400],)),)  # short: what old articles hold is never read again
    model = Article(
        outlet="site", outlet_name="Site", url="", title="", fetched=moment, language="en", direction="ltr",
        blocks=text, revision=1, salt="", generator="tamizdat/bench", published=moment,
    )  # fmt: skip

    def addition(number: int) -> Addition:
        url, salt = f"{site}/old/{number}", hashlib.sha256(b"%d" % number).hexdigest()[:32]
        article = replace(model, url=url, title=f"Article {number} of a long series of articles", salt=salt)
        stored = pack.sealed(pack.to_document(article), signer)
        return Addition(article=article, stored=stored, objects={}, content_key=salt * 2)

    spent = 0.0
    edges = [size * number // SEALS for number in range(SEALS + 1)]
    with Archive(folder, reserve=0) as archive, archive.locked(now):
        for first, last in itertools.pairwise(edges):
            archive.add_many(addition(number) for number in range(first, last))
            with archive.state.writing() as tx:
                for number in range(first, last):
                    url = f"{site}/old/{number}"
                    page = PageState(outlet="site", url=url, first_seen=moment, checked=moment, final_url=url)
                    tx.remember_page(page, state="ok", reason=None, article_url=url)
            began = time.perf_counter()
            archive.seal(
                keys=publication.keys(),
                publication=config.publication,
                outlets=tuple(config.outlets.values()),
                mirrors=config.mirrors,
                due_seconds=config.edition.due,
                now=now,
                render=Pages("Growth") if size <= 1000 else None,
                force=True,
            )
            spent += time.perf_counter() - began
        # The bucket serves the archive's own files to begin with: it has everything up to here.
        with archive.state.writing() as tx:
            head, row = tx.head_seq(), tx.target("bucket")
            place = f"s3://bucket/ {bucket}"
            tx.put_target(replace(row, url=place, cursor=head, immutable_cursor=head))
    return (size + SEALS) / spent


def one_run(folder: Path) -> None:
    """What `tamizdat run` does, in this process; prints what each step cost as JSON."""
    from mirror.collect import fetch_all
    from mirror.output import Output
    from mirror.publication import Publication
    from mirror.run import choose_outlets, publish_all, seal

    spent = {}
    out = Output(quiet=True)
    publication = Publication.open(folder / "tamizdat.toml")
    archive = publication.archive()
    with archive.locked(datetime.now(UTC)):
        spent["start"] = cpu()
        report = asyncio.run(fetch_all(publication, archive, choose_outlets(publication, ()), out))
        spent["fetch"] = cpu()
        sealed = seal(publication, archive, out)
        spent["seal"] = cpu()
        targets = publish_all(publication, archive, out)
        spent["publish"] = cpu()
    print(
        json.dumps(
            {
                **{step: spent[step] - before for step, before in zip(STEPS, [0.0, *spent.values()], strict=False)},
                "new": report[0].new,
                "problem": report[0].problem or (report[0].failed + report[0].held or [None])[0],
                "sealed": sum(one.articles for one in sealed),
                "size": archive.head().size,
                "targets": [target.problem or (target.audited.state if target.audited else "") for target in targets],
            }
        )
    )


def measured(folder: Path, bucket: str) -> Mapping[str, float]:
    """Costs of one run in a fresh process: CPU seconds by step and altogether, requests and bytes."""
    before = counts(bucket)
    command = [sys.executable, __file__, "--one-run", str(folder)]
    spent = cpu()
    answer = subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, "BENCH_KEY": "k"})
    spent = cpu() - spent
    told = json.loads(answer.stdout)
    after = counts(bucket) - before
    if told["targets"] != ["ok"] and told["new"]:
        raise SystemExit(f"the run failed: {told}")
    return {
        **{step: told[step] for step in STEPS},
        "all": spent,
        "new": told["new"],
        "size": told["size"],
        "put": after["PUT"],
        "get": after["GET"] + after["HEAD"],
        "delete": after["DELETE"],
        "bytes": after["bytes"],
        "tiles": after["bytes tile"],
    }


def measure(size: int, folder: Path) -> tuple[dict[str, float], dict[str, float], float]:
    """Medians for a run with one new article and for one with nothing new, and entries appended a second."""
    pages = folder / "site"
    pages.mkdir()
    publication = folder / "publication"
    real, os.fsync = os.fsync, lambda fd: None
    with serving("site", pages) as site, serving("bucket", publication / "archive") as bucket:

        def news(number: int) -> None:
            links = [f"{site}/new/{at}" for at in range(number, -1, -1)]
            title = f"News number {number} of our correspondent in the field"
            page = PAGE.format(title=title, text=f"<p>{body(1_000_000 + size + number)}</p>")
            (pages / hashlib.sha256(f"new/{number}".encode()).hexdigest()[:32]).write_text(page)
            items = "".join(f"<item><title>News</title><link>{link}</link></item>" for link in links)
            feed = f'<rss version="2.0"><channel><title>Site</title>{items}</channel></rss>'
            (pages / "feed.xml").write_text(feed)

        try:
            pace = build(publication, site, bucket, size)
        finally:
            os.fsync = real
        found, quiet = [], []
        for number in range(ROUNDS + 1):
            news(number)
            found.append(measured(publication, bucket))
            if found[-1]["new"] != 1:
                raise SystemExit(f"one article was expected: {found[-1]}")
        for _ in range(ROUNDS):
            quiet.append(measured(publication, bucket))
    return (
        {name: statistics.median(one[name] for one in found[1:]) for name in found[0]},
        {name: statistics.median(one[name] for one in quiet) for name in quiet[0]},
        pace,
    )


def main() -> None:
    if sys.argv[1:2] == ["--one-run"]:
        one_run(Path(sys.argv[2]))
        return
    asked = sys.argv[1:] or os.environ.get("TAMIZDAT_BENCH_GROWTH", "").split()
    sizes = [rounded(int(size)) for size in asked] or [rounded(size) for size in SIZES]
    found = []
    for size in sizes:
        began = time.perf_counter()
        with tempfile.TemporaryDirectory(prefix="tamizdat-bench-") as folder:
            found.append(measure(size, Path(folder)))
        took = time.perf_counter() - began
        print(
            f"{size:,} articles: {found[-1][2]:,.0f} log entries appended a second; all took {took:.0f} s", flush=True
        )
    print()
    rows = [["", *(f"{size:,}" for size in sizes), "last / first"]]

    def row(what: str, name: str, which: int, unit: str) -> None:
        values = [one[which][name] for one in found]
        told = [commas(value, 2 if unit == "s" else 0) for value in values]
        rows.append([f"{what}, {unit}" if unit else what, *told, f"{values[-1] / values[0]:.2f}" if values[0] else "-"])

    row("entries in the log", "size", 0, "")
    row("one new article: CPU of the whole run", "all", 0, "s")
    row("    start, open, lock", "start", 0, "s")
    row("    fetch, extract", "fetch", 0, "s")
    row("    seal", "seal", 0, "s")
    row("    publish, audit", "publish", 0, "s")
    row("    requests: put", "put", 0, "")
    row("    requests: get, head (audit)", "get", 0, "")
    row("    requests: delete", "delete", 0, "")
    row("    uploaded", "bytes", 0, "bytes")
    row("        of them the log's last tiles", "tiles", 0, "bytes")
    row("nothing new: CPU of the whole run", "all", 1, "s")
    row("    requests: put", "put", 1, "")
    row("    uploaded", "bytes", 1, "bytes")
    show(rows)


if __name__ == "__main__":
    main()
