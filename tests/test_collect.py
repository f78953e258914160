"""From an outlet's pages to articles in the archive: one for each, whole, and from wherever it can be had."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mirror import collect
from mirror.archive import DiskFull
from mirror.breakers import HostState
from mirror.cli import main
from mirror.collect import OutletReport, overlap
from mirror.errors import TamizdatError
from mirror.extract.given import is_teaser, page_of
from mirror.fetch import Unchanged
from mirror.output import Output
from mirror.publication import Publication
from mirror.remembering import Claims, OutletNote, PageNote, Remembering, Writer
from mirror.run import choose_outlets
from mirror.sources import Item
from mirror.sources.state import FeedState, PageState
from tests.outlet import Outlet

NOUNS = [
    *("harbour", "ferry", "council", "teacher", "bridge", "winter", "market", "library", "tram", "baker", "flood"),
    *("budget", "mayor", "orchard", "signal", "theatre", "grain", "doctor", "pension", "island", "lantern", "court"),
]
WALL = "<html><head><title>Just a moment...</title></head><body><p>Checking your browser</p></body></html>"


def text(seed: str, paragraphs: int = 6) -> str:
    """Paragraphs that no other seed has."""
    chance = random.Random(seed)
    said = (" ".join(f"The {chance.choice(NOUNS)} met the {chance.choice(NOUNS)} of the {chance.choice(NOUNS)}."
                     for _ in range(7)) for _ in range(paragraphs))  # fmt: skip
    return "".join(f"<p>{one}</p>" for one in said)


def page(title: str, body: str, *, head: str = "") -> str:
    return (
        f"<html lang=en><head><title>{title}</title><meta property='og:type' content='article'>"
        f"<meta property='article:published_time' content='2027-03-01T08:00:00Z'>{head}</head>"
        f"<body><article><h1>{title}</h1>{body}</article></body></html>"
    )


@dataclass
class Desk:
    site: Outlet
    folder: Path

    def feed(self, *items: str) -> None:
        head = "<rss xmlns:content='http://purl.org/rss/1.0/modules/content/'><channel>"
        self.site.files["/feed.xml"] = (f"{head}{''.join(items)}</channel></rss>".encode(), "application/rss+xml")

    def item(self, path: str, *, guid: str = "", html: str = "", title: str = "") -> str:
        named = f"<guid isPermaLink='false'>{guid}</guid>" if guid else ""
        content = f"<content:encoded><![CDATA[{html}]]></content:encoded>" if html else ""
        return f"<item><title>{title}</title><link>{self.site.url}{path}</link>{named}{content}</item>"

    def configure(self, extra: str = "") -> None:
        path = self.folder / "tamizdat.toml"
        before = path.read_text("utf-8").partition("\n[outlet.site]")[0]
        table = (
            f'\n[outlet.site]\nname = "Site"\nurl = "{self.site.url}/"\nfeeds = ["{self.site.url}/feed.xml"]\n'
            f"allow_private = true\n{extra}"
        )
        path.write_text(before + table, "utf-8")

    def take(self, *, insist: bool = True) -> OutletReport:
        """One run's fetching."""
        publication = Publication.open(self.folder)
        with publication.archive() as archive, archive.locked():
            outlets = choose_outlets(publication, ())
            (report,) = asyncio.run(collect.fetch_all(publication, archive, outlets, Output(quiet=True), insist=insist))
        return report

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with sqlite3.connect(self.folder / "state" / "state.sqlite") as state:
            found = state.execute(query).fetchall()
        state.close()
        return found

    def articles(self) -> list[tuple[str, int]]:
        """Path and revision of each."""
        rows = self.rows("SELECT url, revision FROM articles ORDER BY url, revision")
        return [(url.removeprefix(self.site.url), revision) for url, revision in rows]

    def whole(self, path: str) -> str:
        from mirror import pack

        with Publication.open(self.folder).archive() as archive:
            row = archive.latest("site", self.site.url + path)
            assert row is not None
            return pack.text_of(archive.article(row.digest).blocks)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("empty") / "paper"
    assert main(["init", str(folder), "--name", "Paper", "--origin", "paper.example", "--quiet"]) == 0
    return folder


@pytest.fixture
def desk(empty: Path, tmp_path: Path) -> Iterator[Desk]:
    import shutil

    folder = tmp_path / "paper"
    shutil.copytree(empty, folder)
    with Outlet() as site:
        made = Desk(site=site, folder=folder)
        made.configure()
        yield made


# --- one article, one address -----------------------------------------------------------------------------------------


def test_an_article_that_many_ways_lead_to_is_one(desk: Desk) -> None:
    body = text("one")
    canonical = f"<link rel=canonical href='{desk.site.url}/one'>"
    desk.site.page("/one", page("One", body, head=canonical))
    desk.site.page("/copy", page("One", body, head=canonical))
    desk.site.page("/mirrored", page("One", body))  # says nothing of itself: the words are the same
    desk.site.page("/two", page("Two", text("two")))
    items = ("/one?utm_source=rss", "/one", "/copy?fbclid=1", "/mirrored", "/two")
    desk.feed(*(desk.item(path) for path in items))
    report = desk.take()
    assert (report.new, report.revised, report.failed) == (2, 0, [])
    paths = [path for path, _ in desk.articles()]
    assert "/two" in paths
    assert len(paths) == 2
    assert len([hit for hit in desk.site.hits if hit == "/one"]) == 1


def test_a_new_headline_in_the_address_is_a_revision_when_the_feed_says_that_it_is_the_same(desk: Desk) -> None:
    body = text("story")
    desk.site.page("/storm-comes", page("A storm comes", body))
    desk.feed(desk.item("/storm-comes", guid="post-17"))
    assert desk.take().new == 1
    desk.site.page(
        "/storm-is-over", page("The storm is over", body + "<p>It ended at noon, the harbour office said.</p>")
    )
    desk.feed(desk.item("/storm-is-over", guid="post-17"))
    report = desk.take()
    assert (report.new, report.revised) == (0, 1)
    assert desk.articles() == [("/storm-comes", 1), ("/storm-comes", 2)]


def test_a_feed_that_uses_one_guid_for_everything_merges_nothing(desk: Desk) -> None:
    for name in ("a", "b", "c"):
        desk.site.page(f"/{name}", page(f"Story {name}", text(name)))
    desk.feed(*(desk.item(f"/{name}", guid="0") for name in "abc"))
    assert desk.take().new == 3
    assert desk.articles() == [("/a", 1), ("/b", 1), ("/c", 1)]


def test_notices_in_the_same_few_words_stay_apart(desk: Desk) -> None:
    notice = "<p>The office is closed today because of the storm. Please come back tomorrow at nine.</p>"
    for day in ("1", "2"):
        desk.site.page(f"/notice/{day}", page("The office is closed", notice))
    desk.feed(*(desk.item(f"/notice/{day}") for day in ("1", "2")))
    desk.take()
    assert all(revision == 1 for _, revision in desk.articles())


def test_overlap_is_of_words_and_of_characters_where_there_are_no_spaces() -> None:
    long, short = text("long", 9), text("other", 9)
    assert overlap(long, long) == 1.0
    assert overlap(long, long[: len(long) // 2]) > 0.9
    assert overlap("港口灯塔今天重新开放了", "港口灯塔今天重新开放了，市长说") > 0.9
    assert overlap("港口灯塔今天重新开放了", "图书馆明年将会搬到新楼") == 0.0
    assert overlap(long, short) < 0.5
    assert overlap("", long) == 0.0


# --- all of an article ------------------------------------------------------------------------------------------------


def test_further_pages_are_joined_and_each_is_asked_for_once(desk: Desk) -> None:
    parts = [text(f"part {number}", 4) for number in (1, 2, 3)]
    for number, part in enumerate(parts, 1):
        address = "/long" if number == 1 else f"/long/{number}"
        later = f"<link rel=next href='{desk.site.url}/long/{number + 1}'>" if number < 3 else ""
        pages = "".join(f"<a href='/long{'' if n == 1 else f'/{n}'}'>{n}</a> " for n in (1, 2, 3))
        onward = f"<a rel=next href='/long/{number + 1}'>Next page</a>" if number < 3 else ""
        body = f"{part}<div class='pagination'>{pages}{onward}</div>"
        desk.site.page(address, page("A long story", body, head=later))
    desk.feed(desk.item("/long"))
    report = desk.take()
    assert (report.new, report.failed, report.held) == (1, [], [])
    whole = desk.whole("/long")
    for part in parts:
        assert part[3:120] in whole
    assert [desk.site.hits.count(path) for path in ("/long", "/long/2", "/long/3")] == [1, 1, 1]


def test_an_article_whose_next_page_fails_for_now_is_not_published_by_half(desk: Desk) -> None:
    head = f"<link rel=next href='{desk.site.url}/cut/2'>"
    onward = "<div class='pagination'><a href='/cut/2' rel=next>2</a></div>"
    desk.site.page("/cut", page("A cut story", text("cut") + onward, head=head))
    desk.feed(desk.item("/cut"))
    desk.site.busy.add("/cut/2")
    report = desk.take()
    assert (report.new, report.held) == (0, [])
    assert "503" in report.failed[0]
    desk.site.busy.clear()
    desk.site.page("/cut/2", page("A cut story", text("its end", 4)))
    report = desk.take()
    assert (report.new, report.failed) == (1, [])
    assert text("its end", 4)[3:100] in desk.whole("/cut")


# --- other forms of it ------------------------------------------------------------------------------------------------


def test_the_feeds_text_stands_in_for_a_bot_check(desk: Desk) -> None:
    desk.site.page("/a", WALL)
    desk.feed(desk.item("/a", html=text("full", 8), title="Behind the wall"))
    report = desk.take()
    assert (report.new, report.held, report.failed) == (1, [], [])
    assert desk.articles() == [("/a", 1)]
    assert text("full", 8)[3:100] in desk.whole("/a")


@pytest.mark.parametrize(
    ("html", "extra"),
    [
        (text("teaser", 2) + "<p>The rest […]</p>", ""),
        (text("tiny", 1), ""),
        (text("full", 8), 'text = "page"\n'),
    ],
)
def test_a_teaser_does_not(desk: Desk, html: str, extra: str) -> None:
    desk.configure(extra)
    desk.site.page("/a", WALL)
    desk.feed(desk.item("/a", html=html, title="Behind the wall"))
    report = desk.take()
    assert report.new == 0
    assert "challenge" in report.held[0]
    assert desk.articles() == []


def test_texts_come_from_the_feed_when_the_operator_says_so(desk: Desk) -> None:
    desk.configure('text = "feed"\n')
    desk.feed(desk.item("/a", html=text("feed", 3), title="From the feed"))
    assert desk.take().new == 1
    assert "/a" not in desk.site.hits
    assert desk.take().new == 0
    desk.feed(desk.item("/a", html=text("feed", 4), title="From the feed"))
    assert desk.take().revised == 1


def test_the_amp_copy_stands_in_for_a_page_that_needs_scripts(desk: Desk) -> None:
    head = f"<link rel=amphtml href='{desk.site.url}/a/amp'><link rel=canonical href='{desk.site.url}/a'>"
    shell = f"<html lang=en><head><title>Story</title>{head}</head><body><div id=root></div>"
    desk.site.page("/a", shell + "<noscript>You need to enable JavaScript to run this app.</noscript></body></html>")
    desk.site.page("/a/amp", page("A story", text("amp")))
    desk.feed(desk.item("/a"))
    report = desk.take()
    assert (report.new, report.held) == (1, [])
    assert desk.articles() == [("/a", 1)]


def test_a_page_made_of_an_item_says_what_its_source_said_and_no_more() -> None:
    credit = '<p>The post <a href="https://x.example/a">A</a> appeared first on <a href="https://x.example/">X</a>.</p>'
    item = Item(url="https://x.example/a", title='A "b" <c>', content_html=f"<p>Text</p>{credit}", authors=("<i>N",))
    made = page_of(item, language="fa").decode()
    assert "appeared first" not in made
    assert '<meta property="og:title" content="A &quot;b&quot; &lt;c&gt;">' in made
    assert '<html lang="fa">' in made
    assert "appeared first" in page_of(Item(url="https://x.example/other", content_html=f"<p>T</p>{credit}")).decode()
    assert page_of(Item(url="https://x.example/a", title="\ud800", content_html="<p>\udfff"))


@pytest.mark.parametrize(
    ("html", "teaser"),
    [
        ("<p>And so on […]</p>", True),
        ("<p>And so on&hellip;</p>", True),
        ("<p>Text. <a>Read more</a></p>", True),
        ("<p>متن. <a>ادامه مطلب</a> »</p>", True),
        ("<p>It ended.</p>", False),
        ("", False),
        ("<p>He read more.</p>", False),
    ],
)
def test_teasers_are_known_by_how_they_end(html: str, teaser: bool) -> None:
    assert is_teaser(html) is teaser


# --- a run over much that is unchanged, and what it remembers ---------------------------------------------------------


def test_an_outlet_without_news_costs_one_conditional_request_a_feed_and_no_other(desk: Desk) -> None:
    names = ["a", "b", "c"]
    for name in names:
        desk.site.page(f"/{name}", page(f"Story {name}", text(name)))
    desk.feed(*(desk.item(f"/{name}") for name in names))
    assert desk.take(insist=False).new == 3
    desk.site.hits.clear()
    report = desk.take(insist=False)
    assert desk.site.hits == ["/feed.xml"]
    assert (report.new, report.revised, report.failed, report.problem) == (0, 0, [], None)


def test_a_dozen_outlets_without_news_cost_one_request_each(desk: Desk) -> None:
    tables = []
    for n in range(12):
        desk.site.page(f"/{n}/a", page(f"Story {n}", text(str(n))))
        desk.feed(desk.item(f"/{n}/a"))
        desk.site.files[f"/{n}.xml"] = desk.site.files["/feed.xml"]
        tables.append(
            f'\n[outlet.o{n}]\nname = "O{n}"\nurl = "{desk.site.url}/{n}/"\nfeeds = ["{desk.site.url}/{n}.xml"]\n'
            "allow_private = true\n"
        )
    path = desk.folder / "tamizdat.toml"
    path.write_text(path.read_text("utf-8").partition("\n[outlet.site]")[0] + "".join(tables), "utf-8")

    def run() -> int:
        publication = Publication.open(desk.folder)
        desk.site.hits.clear()
        with publication.archive() as archive, archive.locked():
            outlets = choose_outlets(publication, ())
            reports = asyncio.run(collect.fetch_all(publication, archive, outlets, Output(quiet=True)))
        assert [(report.problem, report.failed) for report in reports] == [(None, [])] * 12
        return sum(report.new for report in reports)

    assert run() == 12
    assert desk.site.hits.count("/robots.txt") == 1
    assert run() == 0
    assert sorted(desk.site.hits) == sorted(f"/{n}.xml" for n in range(12))


def test_an_outlet_that_fails_run_after_run_is_left_alone_and_asked_again_later(desk: Desk) -> None:
    desk.feed()
    for _ in range(collect.TRIES):
        assert desk.take(insist=False).problem is not None
    desk.site.hits.clear()
    report = desk.take(insist=False)
    assert "asked again after" in (report.problem or "")
    assert desk.site.hits == []
    desk.site.page("/a", page("A story", text("a")))
    desk.feed(desk.item("/a"))
    publication = Publication.open(desk.folder)
    with publication.archive() as archive:
        from datetime import UTC, datetime

        later = datetime.now(UTC) + collect.FIRST_REST + timedelta(minutes=1)
        assert collect.resting(archive, "site", later) is None
    assert desk.take(insist=True).new == 1
    assert desk.take(insist=False).problem is None


def test_what_fetching_learns_is_written_together_and_only_what_changed(desk: Desk) -> None:
    with Publication.open(desk.folder).archive() as archive:
        memory = Remembering(archive)
        memory.remember_feed(FeedState(url="https://x.example/f", etag='"1"'))
        memory.save("x.example", HostState(failures=2, until=5.0))
        memory.outlet("site", now="2027-03-01T08:00:00Z", error=None, failed=False, yielded=True)
        assert memory.feed("https://x.example/f") == FeedState(url="https://x.example/f", etag='"1"')
        assert archive.feed("https://x.example/f") is None
        memory.flush()
        assert archive.feed("https://x.example/f") == FeedState(url="https://x.example/f", etag='"1"')
        assert Remembering(archive).load("x.example") == HostState(failures=2, until=5.0)
        memory.save("x.example", HostState())
        memory.flush()
        assert archive.host("x.example") is None
        idle = Remembering(archive, dry_run=True)
        idle.remember_feed(FeedState(url="https://x.example/g"))
        idle.flush()
        assert archive.feed("https://x.example/g") is None
    assert OutletNote(now="", error=None, failed=False, yielded=False) != OutletNote(
        now="", error=None, failed=True, yielded=False
    )


# --- how it is written down -------------------------------------------------------------------------------------------


class Slow:
    """Stands in for the archive: what was written together, in the order of writing."""

    def __init__(self, *, refuse: str = "") -> None:
        self.written: list[list[str]] = []
        self.refuse = refuse

    def add_many(self, additions: Any) -> None:
        import time

        time.sleep(0.01)
        names = [f"article {one.article}" for one in additions]
        if self.refuse and f"article {self.refuse}" in names:
            raise ValueError("an object is missing")
        self.written.append(names)

    def remember_pages(self, notes: Any) -> None:
        self.written.append([f"page {note.page.url}" for note in notes])


def note(name: str) -> PageNote:
    return PageNote(page=PageState(outlet="o", url=name, first_seen="2027-03-01T08:00:00Z"))


async def test_pages_are_written_after_their_articles_and_many_at_a_time() -> None:
    archive: Any = Slow()
    writer = Writer(archive)
    names = [str(number) for number in range(40)]
    await asyncio.gather(*(writer.put(note(name), SimpleNamespace(article=name)) for name in names))  # type: ignore[arg-type]
    order = [one for batch in archive.written for one in batch]
    assert sorted(order) == sorted([f"article {one}" for one in names] + [f"page {one}" for one in names])
    assert all(order.index(f"article {one}") < order.index(f"page {one}") for one in names)
    assert len(archive.written) < 20


async def test_one_that_cannot_be_added_takes_no_other_with_it() -> None:
    archive: Any = Slow(refuse="3")
    writer = Writer(archive)
    jobs = [writer.put(note(str(n)), SimpleNamespace(article=str(n))) for n in range(6)]  # type: ignore[arg-type]
    done = await asyncio.gather(*jobs, return_exceptions=True)
    assert [type(one) for one in done] == [type(None)] * 3 + [ValueError] + [type(None)] * 2
    pages = [one for batch in archive.written for one in batch if one.startswith("page")]
    assert sorted(pages) == [f"page {n}" for n in (0, 1, 2, 4, 5)]


async def test_a_full_disk_is_told_to_all_who_wait() -> None:
    class Full(Slow):
        def remember_pages(self, notes: Any) -> None:
            raise TamizdatError("no space left")

    archive: Any = Full()
    writer = Writer(archive)
    done = await asyncio.gather(*(writer.put(note(str(n))) for n in range(3)), return_exceptions=True)
    assert [str(one) for one in done] == ["no space left"] * 3


async def test_two_that_claim_one_name_take_turns_and_others_do_not_wait() -> None:
    claims = Claims()
    order: list[str] = []

    async def work(name: str, *names: str) -> None:
        async with claims.of(*names):
            order.append(f"{name} in")
            await asyncio.sleep(0.01)
            order.append(f"{name} out")

    await asyncio.gather(work("1", "a", "b"), work("2", "b", "c"), work("3", "d"))
    assert order.index("1 out") < order.index("2 in")
    assert order.index("3 in") < order.index("1 out")


def test_when_one_page_can_not_be_written_down_no_other_goes_on_unattended() -> None:
    ended: list[str] = []

    async def events() -> Any:
        for name in ("https://e.example/waits", "https://e.example/fails"):
            yield Unchanged(url=name, page=PageState(outlet="e", url=name, first_seen="2027-03-01T08:00:00Z"))

    async def remember(page: PageState) -> None:
        try:
            await asyncio.sleep(0)
            if page.url.endswith("fails"):
                raise DiskFull("no space left")
            await asyncio.Event().wait()
        finally:
            ended.append(page.url)

    fetching: Any = collect.Fetching.__new__(collect.Fetching)
    fetching.report, fetching.removals, fetching._remember = OutletReport(id="e"), SimpleNamespace(alive=0), remember

    async def follow() -> None:
        with pytest.raises(DiskFull):
            await fetching.follow(events())
        assert sorted(ended) == ["https://e.example/fails", "https://e.example/waits"]

    asyncio.run(follow())
