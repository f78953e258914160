"""An outlet's past, taken a piece at a time and gone on with after anything."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mirror import backfill as past
from mirror.archive.plan import object_path, read_document
from mirror.archive.rows import BackfillRow
from mirror.cli import main
from mirror.output import Output
from mirror.publication import Publication
from mirror.run import choose_outlets
from mirror.sources import Item
from tests.outlet import Outlet


@dataclass
class Paper:
    """A publication with one outlet, whose sitemap leads to its past and whose feed has the last article only."""

    site: Outlet
    folder: Path

    def run(self, *words: str) -> int:
        return main([*words, "--quiet", "--config", str(self.folder / "tamizdat.toml")])

    def past(self, many: int, *, first: int = 0) -> None:
        entries = [f"<url><loc>{self.site.url}/today</loc><lastmod>2027-03-01</lastmod></url>"]
        for number in range(first, first + many):
            day = f"2020-{1 + number // 28 % 12:02}-{1 + number % 28:02}"
            self.site.page(f"/{day}/{number}", article(number, day))
            entries.append(f"<url><loc>{self.site.url}/{day}/{number}</loc><lastmod>{day}</lastmod></url>")
        text = f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{"".join(entries)}</urlset>'
        self.site.files["/sitemap.xml"] = (text.encode(), "application/xml")

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with sqlite3.connect(self.folder / "state" / "state.sqlite") as state:
            found = state.execute(query).fetchall()
        state.close()
        return found

    def titles(self) -> list[str]:
        return [title for (title,) in self.rows("SELECT title FROM articles ORDER BY title")]


WORDS = [
    *("harbour", "ferry", "council", "teacher", "bridge", "winter", "market", "library", "tram", "baker", "flood"),
    *("budget", "mayor", "orchard", "signal", "theatre", "grain", "doctor", "pension", "island", "lantern", "court"),
    *("strike", "lighthouse", "clock", "museum", "quarry", "vineyard", "hospital", "archive", "school", "market"),
]


def article(number: int, day: str) -> str:
    chance = random.Random(number)  # nothing like the next one, or they would be taken for one page under many names
    words = " ".join(f"The {chance.choice(WORDS)} {chance.choice(WORDS)} saw {chance.choice(WORDS)}." for _ in range(9))
    return (
        f"<html lang=en><head><title>Story {number}</title><meta property='og:type' content='article'>"
        f"<meta property='article:published_time' content='{day}T08:00:00Z'></head>"
        f"<body><article><h1>Story {number}</h1><p>{words}</p></article></body></html>"
    )


@pytest.fixture
def paper(tmp_path: Path) -> Iterator[Paper]:
    folder = tmp_path / "paper"
    with Outlet() as site:
        assert main(["init", str(folder), "--name", "Paper", "--origin", "paper.example"]) == 0
        made = Paper(site=site, folder=folder)
        site.page("/today", article(1000, "2027-03-01"))
        item = f"<item><link>{site.url}/today</link><pubDate>Mon, 01 Mar 2027 08:00:00 GMT</pubDate></item>"
        site.files["/feed.xml"] = (f"<rss><channel>{item}</channel></rss>".encode(), "application/rss+xml")
        table = (
            f'\n[outlet.site]\nname = "Site"\nurl = "{site.url}/"\nfeeds = ["{site.url}/feed.xml"]\n'
            f'sitemaps = ["{site.url}/sitemap.xml"]\nallow_private = true\nrobots = "ignore"\n'
        )
        made.past(0)
        config = folder / "tamizdat.toml"
        config.write_text(config.read_text("utf-8") + table, "utf-8")
        yield made


def result(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return found


def test_all_that_the_sources_list_is_taken_logged_and_asked_for_once(
    paper: Paper, capsys: pytest.CaptureFixture[str]
) -> None:
    paper.past(12)
    assert paper.run("backfill", "site", "--json") == 0
    done = result(capsys)
    assert (done["left"], done["given_up"], done["listed"]) == (0, 0, True)
    assert done["ended"] is not None
    assert len(paper.titles()) == 13
    assert paper.rows("SELECT count(*) FROM articles WHERE idx IS NULL") == [(0,)]
    assert paper.rows("SELECT count(*) FROM backlog") == [(0,)]
    asked = [path for path in paper.site.hits if path.startswith("/2020")]
    assert len(asked) == len(set(asked)) == 12
    assert paper.run("verify", str(paper.folder)) == 0


def test_what_is_old_does_not_push_the_news_off_the_front(paper: Paper) -> None:
    assert paper.run("run") == 0
    paper.past(6)
    assert paper.run("backfill", "site") == 0
    with Publication.open(paper.folder).archive() as archive, archive.state.reading() as tx:
        edition = read_document(
            archive.store.read(object_path(max(tx.editions(), key=lambda one: one.serial).digest)) or b""
        )
        news = [row.title for row in tx.newest("site", 5)]
    assert news == ["Story 1000"]
    assert edition["outlets"][0]["articles"][0]["title"] == "Story 1000"
    assert len(edition["outlets"][0]["articles"]) > 1


def test_it_stops_at_the_limit_and_goes_on_from_there(paper: Paper, capsys: pytest.CaptureFixture[str]) -> None:
    paper.past(9)
    assert paper.run("backfill", "site", "--limit", "4", "--json") == 0
    first = result(capsys)
    assert (first["taken"], first["limited"]) == (4, True)
    assert len(paper.titles()) == 4
    assert paper.run("backfill", "site", "--status") == 0
    assert "at its limit: 4 articles of 4 pages, and there is more" in capsys.readouterr().out
    assert paper.run("backfill", "site", "--json") == 0
    last = result(capsys)
    assert (last["started"], last["limited"]) == (first["started"], False), "the same one went on"
    assert len(paper.titles()) == 10
    asked = [path for path in paper.site.hits if path.startswith("/2020")]
    assert len(asked) == len(set(asked))


def test_dates_bound_it(paper: Paper) -> None:
    paper.past(60)
    assert paper.run("backfill", "site", "--since", "2020-02-27", "--until", "2020-03") == 0
    taken = {url.rsplit("/", 2)[-2] for (url,) in paper.rows("SELECT url FROM articles") if "2020" in url}
    assert taken == {"2020-02-27", "2020-02-28", "2020-03-01", "2020-03-02", "2020-03-03", "2020-03-04"}


@pytest.mark.parametrize(
    "words",
    [
        ("--since", "tomorrow"),
        ("--until", "2027-02-30"),
        ("--since", "2027", "--until", "2026"),
        ("--limit", "0"),
    ],
)
def test_a_date_that_is_none_is_refused(paper: Paper, words: tuple[str, ...]) -> None:
    assert paper.run("backfill", "site", *words) == 2


def test_a_day_belongs_to_the_time_asked_for_up_to_its_end() -> None:
    row = BackfillRow(outlet="o", started="", since="2020-02", until="2020-03-04")
    times = {
        "2020-01-31T23:59:59Z": False,
        "2020-02-01T00:00:00Z": True,
        "2020-03-04T23:59:59Z": True,
        "2020-03-05T00:00:00Z": False,
    }
    assert {one: past.within(Item(url="u", published=one), row) for one in times} == times
    assert past.within(Item(url="u"), row)


def test_a_dry_run_counts_and_writes_nothing(paper: Paper, capsys: pytest.CaptureFixture[str]) -> None:
    paper.past(7)
    assert paper.run("backfill", "site", "--dry-run", "--json") == 0
    assert result(capsys)["pages"] == 8
    assert paper.rows("SELECT * FROM backfills") == paper.rows("SELECT * FROM backlog") == paper.titles() == []


def test_pages_that_are_not_there_are_given_up_and_those_that_fail_are_tried_again(
    paper: Paper, capsys: pytest.CaptureFixture[str]
) -> None:
    paper.past(6)
    lost = [path for path in paper.site.files if path.startswith("/2020")][:2]
    for path in lost:
        del paper.site.files[path]
    assert paper.run("backfill", "site", "--json") == 0
    done = result(capsys)
    assert (done["given_up"], done["left"]) == (2, 0)
    assert len(paper.titles()) == 5
    assert all(paper.site.hits.count(path) == 1 for path in lost)


def test_status_says_what_is_left_and_stop_forgets_it(paper: Paper, capsys: pytest.CaptureFixture[str]) -> None:
    paper.past(9)
    assert paper.run("backfill", "site", "--status", "--json") == 0
    assert result(capsys) == {"outlet": "site", "started": None}
    assert paper.run("backfill", "site", "--later") == 0
    publication = Publication.open(paper.folder)

    async def a_little() -> None:
        out = Output(quiet=True)
        (outlet,) = choose_outlets(publication, ["site"])
        with publication.archive() as archive, archive.locked():
            async with past.desk(publication, archive, out) as shared, past.Backfilling(shared, outlet) as filling:
                assert await filling.go(most=3) == "more"

    asyncio.run(a_little())
    capsys.readouterr()
    assert paper.run("backfill", "site", "--status", "--json") == 0
    told = result(capsys)
    assert (told["taken"], told["left"]) == (3, 7)
    assert told["eta"] > 0
    assert paper.run("backfill", "site", "--stop", "--json") == 0
    assert result(capsys)["stopped"] is True
    assert paper.rows("SELECT * FROM backlog") == []
    assert len(paper.titles()) == 3


def test_a_run_takes_what_is_new_first_and_then_as_many_old_ones_as_it_may(paper: Paper) -> None:
    paper.past(9)
    config = paper.folder / "tamizdat.toml"
    config.write_text(config.read_text("utf-8").replace('name = "Site"', 'name = "Site"\nmax_new = 1\nbackfill = 3'))
    assert paper.run("run") == 0
    assert paper.titles() == ["Story 1000"]
    assert paper.run("backfill", "site", "--later") == 0
    paper.site.hits.clear()
    assert paper.run("run") == 0
    pages = [path for path in paper.site.hits if path.startswith("/2020")]
    assert len(pages) == 4  # one that the sitemap has new, and three of the past
    assert len(paper.titles()) == 5


def test_it_goes_on_after_it_was_killed_in_the_middle(paper: Paper) -> None:
    """SIGKILL: nothing of the program had a chance to tidy up."""
    paper.past(20)
    command = [sys.executable, "-m", "mirror.cli", "backfill", "site", "--quiet", "--config", str(paper.folder)]
    asked, killed = threading.Semaphore(0), threading.Event()

    def first_six(path: str) -> None:
        if path.startswith("/2020"):
            asked.release()
            if sum(one.startswith("/2020") for one in list(paper.site.hits)) > 6:
                killed.wait(60)

    paper.site.before = first_six
    child = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(Path(past.__file__).parent.parent)})
    try:
        for _ in range(7):
            assert asked.acquire(timeout=60)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
        killed.set()
    before = len(paper.titles())
    assert before < 21
    assert paper.run("backfill", "site") == 0
    assert len(paper.titles()) == len(set(paper.titles())) == 21
    assert paper.run("verify", str(paper.folder)) == 0


def test_items_survive_the_table() -> None:
    item = Item(url="https://x.example/a", title="Ä", authors=("a", "b"), content_html="<p>…", complete=True)
    assert past.loaded(past.dumped(item)) == item
    assert past.loaded('{"url":"u","of_another_version":1}') == Item(url="u")


def test_whole_texts_are_not_piled_up_while_they_are_listed(paper: Paper, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    keep = past.Backfilling._keep

    def kept(self: past.Backfilling, *given: Any) -> None:
        seen.extend(row[0] for row in paper.rows("SELECT count(*) FROM backlog WHERE state IS NULL"))
        keep(self, *given)

    monkeypatch.setattr(past.Backfilling, "_keep", kept)
    monkeypatch.setattr(past, "MOST_WHOLE", 1)
    monkeypatch.setattr(past, "PAUSE", 0.01)
    chain = ["/feed.xml", "/feed2.xml", "/feed3.xml"]
    for number, path in enumerate(chain):
        later = f"<atom:link rel='next' href='{paper.site.url}{chain[number + 1]}'/>" if path != chain[-1] else ""
        body = article(number, "2020-01-01").partition("</h1>")[2].partition("</article>")[0] * 3
        item = f"<item><link>{paper.site.url}/n{number}</link><title>Story {number}</title>"
        text = (
            "<rss xmlns:content='http://purl.org/rss/1.0/modules/content/' xmlns:atom='http://www.w3.org/2005/Atom'>"
            f"<channel>{later}{item}<content:encoded><![CDATA[{body}]]></content:encoded></item></channel></rss>"
        )
        paper.site.files[path] = (text.encode(), "application/rss+xml")
    config = paper.folder / "tamizdat.toml"
    config.write_text(
        config.read_text("utf-8").replace('robots = "ignore"', 'robots = "ignore"\ntext = "feed"'), "utf-8"
    )
    assert main(["backfill", "site", "--config", str(paper.folder / "tamizdat.toml")]) == 0
    assert {"Story 0", "Story 1", "Story 2"} <= set(paper.titles())
    assert max(seen[:3]) == 0
