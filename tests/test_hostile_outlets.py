"""What an outlet that was taken over, or somebody in its place, cannot do: to other outlets, to its readers, to us."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mirror import collect, pack
from mirror.belonging import Owners, own
from mirror.breakers import InMemory
from mirror.cli import main
from mirror.collect import OutletReport
from mirror.config import OutletConfig
from mirror.net import Client, FetchError, Pace
from mirror.output import Output
from mirror.publication import Publication
from mirror.run import choose_outlets
from mirror.sources.state import FeedState
from tests.outlet import Outlet
from tests.test_collect import WALL, page, text


class Newsroom:
    """A publication of outlets `mine` and, when asked for, `theirs`, which stands under another host's name."""

    def __init__(self, folder: Path, mine: Outlet, theirs: Outlet) -> None:
        self.folder, self.mine, self.theirs = folder, mine, theirs
        self.elsewhere = theirs.url.replace("127.0.0.1", "localhost")

    def configure(self, extra: str = "", *, both: bool = False) -> None:
        path = self.folder / "tamizdat.toml"
        table = (
            f'\n[outlet.mine]\nname = "Mine"\nurl = "{self.mine.url}/"\nfeeds = ["{self.mine.url}/feed.xml"]\n'
            f"allow_private = true\n{extra}"
        )
        if both:
            table += (
                f'\n[outlet.theirs]\nname = "Theirs"\nurl = "{self.elsewhere}/"\n'
                f'feeds = ["{self.elsewhere}/feed.xml"]\nallow_private = true\n'
            )
        path.write_text(path.read_text("utf-8").partition("\n[outlet.")[0] + table, "utf-8")

    def feed(self, *items: tuple[str, str]) -> None:
        """Address and text of each."""
        made = "".join(
            f"<item><title>A story</title><link>{url}</link>"
            f"<content:encoded><![CDATA[{html}]]></content:encoded></item>"
            for url, html in items
        )
        head = "<rss xmlns:content='http://purl.org/rss/1.0/modules/content/'><channel>"
        self.mine.files["/feed.xml"] = (f"{head}{made}</channel></rss>".encode(), "application/rss+xml")

    def take(self, *names: str) -> dict[str, OutletReport]:
        publication = Publication.open(self.folder)
        with publication.archive() as archive, archive.locked():
            outlets = choose_outlets(publication, list(names))
            reports = asyncio.run(collect.fetch_all(publication, archive, outlets, Output(quiet=True), insist=True))
        return {report.id: report for report in reports}

    def text(self, outlet: str, url: str) -> str | None:
        with Publication.open(self.folder).archive() as archive:
            row = archive.latest(outlet, url)
            return None if row is None else pack.text_of(archive.article(row.digest).blocks)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("empty") / "paper"
    assert main(["init", str(folder), "--name", "Paper", "--origin", "paper.example", "--quiet"]) == 0
    return folder


@pytest.fixture
def newsroom(empty: Path, tmp_path: Path) -> Iterator[Newsroom]:
    folder = tmp_path / "paper"
    shutil.copytree(empty, folder)
    with Outlet() as mine, Outlet() as theirs:
        made = Newsroom(folder, mine, theirs)
        made.configure()
        yield made


def outlet(name: str, url: str, **more: Any) -> OutletConfig:
    return OutletConfig(id=name, name=name, url=url, **more)


# --- one outlet against another ---------------------------------------------------------------------------------------


def test_a_source_speaks_for_the_outlets_own_hosts_alone() -> None:
    mine = outlet("a", "https://www.a.example/", feeds=("https://feeds.other.example/a",), telegram=("@achannel",))
    for url in ("https://a.example/x", "https://en.a.example/x", "https://feeds.other.example/x"):
        assert own(mine, url)
    for url in (
        "https://b.example/",
        "https://other.example/x",
        "https://a.example.evil.example/",
        "https://xa.example",
    ):
        assert not own(mine, url)
    assert own(mine, "https://t.me/AChannel/7")
    assert not own(mine, "https://t.me/another/7")
    assert not own(outlet("t", "https://t.me/achannel"), "https://t.me/another/7")
    relayed = outlet("r", "https://a.example/", telegram=("https://relay.example/s/achannel",))
    assert own(relayed, "https://t.me/achannel/7")


def test_an_address_belongs_to_the_outlet_whose_host_and_path_fit_best() -> None:
    whole, part = outlet("whole", "https://a.example/"), outlet("part", "https://www.a.example/en/")
    below = outlet("below", "https://b.a.example/")
    one, two = outlet("one", "https://t.me/onechan"), outlet("two", "https://two.example/", telegram=("@twochan",))
    every = (whole, part, below, one, two)
    elsewhere = Owners(every).elsewhere
    owners = {
        "https://a.example/en/x": "part",
        "https://b.a.example/en/x": "below",
        "https://t.me/onechan/3": "one",
        "https://t.me/twochan/3": "two",
    }
    for url, owner in owners.items():
        assert elsewhere(url, next(one for one in every if one.id == owner)) is None
        assert {elsewhere(url, one) for one in every if one.id != owner} == {owner}
    for url in ("https://unknown.example/", "https://a.example/english"):  # nobody's, and nobody's alone
        assert elsewhere(url, part) is None


@pytest.mark.parametrize("theirs", [text("theirs", 8), ""])
def test_a_feed_does_not_say_what_stands_at_somebody_elses_address(newsroom: Newsroom, theirs: str) -> None:
    url = f"{newsroom.elsewhere}/story"
    newsroom.theirs.page("/story", page("A story", theirs) if theirs else WALL)
    newsroom.feed((url, text("forged", 8)))
    for mode in ("feed", "auto"):
        newsroom.configure(f'text = "{mode}"\n')
        report = newsroom.take()["mine"]
        said = newsroom.text("mine", url)
        assert (said is None) == (theirs == "")
        assert text("forged", 8)[3:60] not in (said or "")
    assert bool(report.held) == (theirs == "")


def test_an_outlet_publishes_nothing_at_another_ones_address(newsroom: Newsroom) -> None:
    newsroom.configure(both=True)
    newsroom.theirs.page("/story", page("A story", text("theirs", 8)))
    newsroom.theirs.feed("/story")
    led = f"<html><head><meta http-equiv='refresh' content='0;url={newsroom.elsewhere}/story'></head></html>"
    newsroom.mine.page("/away", led)
    canonical = f"<link rel=canonical href='{newsroom.elsewhere}/story'>"
    newsroom.mine.page("/claims", page("A story of ours", text("ours", 8), head=canonical))
    newsroom.feed((f"{newsroom.elsewhere}/story", text("forged", 8)), (f"{newsroom.mine.url}/claims", ""))
    reports = newsroom.take("mine")
    assert newsroom.text("mine", f"{newsroom.elsewhere}/story") is None
    assert newsroom.theirs.hits == []
    assert reports["mine"].new == 1
    assert text("ours", 8)[3:60] in (newsroom.text("mine", f"{newsroom.mine.url}/claims") or "")
    assert newsroom.take("theirs")["theirs"].new == 1


def test_what_leads_to_another_outlets_article_is_held(newsroom: Newsroom) -> None:
    newsroom.configure(both=True)
    newsroom.theirs.page("/story", page("A story", text("theirs", 8)))
    newsroom.mine.moved["/away"] = f"{newsroom.elsewhere}/story"
    newsroom.feed((f"{newsroom.mine.url}/away", ""))
    report = newsroom.take("mine")["mine"]
    assert report.new == 0
    assert "belongs to outlet theirs" in report.held[0]
    newsroom.theirs.hits.clear()
    newsroom.take("mine")
    assert "/story" not in newsroom.theirs.hits  # it is not asked for again and again


# --- one article from several answers ---------------------------------------------------------------------------------


def test_an_amp_copy_that_leads_to_another_site_is_none_of_this_article(newsroom: Newsroom) -> None:
    newsroom.mine.page("/a", WALL.replace("<head>", f"<head><link rel=amphtml href='{newsroom.mine.url}/a/amp'>"))
    newsroom.mine.moved["/a/amp"] = f"{newsroom.elsewhere}/evil"
    newsroom.theirs.page("/evil", page("A story", text("evil", 8)))
    newsroom.feed((f"{newsroom.mine.url}/a", ""))
    assert newsroom.take()["mine"].new == 0


def test_an_amp_copy_names_no_other_article_as_itself(newsroom: Newsroom) -> None:
    url = newsroom.mine.url
    newsroom.mine.page("/old", page("An old story", text("old", 8)))
    newsroom.feed((f"{url}/old", ""))
    newsroom.take()
    newsroom.mine.page("/a", WALL.replace("<head>", f"<head><link rel=amphtml href='{url}/a/amp'>"))
    newsroom.mine.page("/a/amp", page("A story", text("amp", 8), head=f"<link rel=canonical href='{url}/old'>"))
    newsroom.feed((f"{url}/old", ""), (f"{url}/a", ""))
    report = newsroom.take()["mine"]
    assert (report.new, report.revised) == (1, 0)
    assert text("amp", 8)[3:60] in (newsroom.text("mine", f"{url}/a") or "")


def test_a_release_is_for_what_was_seen_and_not_for_the_pages_behind_it(newsroom: Newsroom) -> None:
    url = newsroom.mine.url
    onward = "<div class='pagination'><a href='/long/2' rel=next>2</a></div>"
    first = page("A long story", text("first", 8) + onward, head=f"<link rel=next href='{url}/long/2'>")
    newsroom.mine.page("/long/2", WALL)
    newsroom.mine.page("/long", first)
    newsroom.feed((f"{url}/long", ""))
    report = newsroom.take()["mine"]
    assert (report.new, len(report.held)) == (0, 1)
    assert main(["held", "release", "--outlet", "mine", "--config", str(newsroom.folder), "--quiet"]) == 3
    assert newsroom.text("mine", f"{url}/long") is None
    newsroom.mine.page("/long/2", page("A long story", text("second", 8)))
    assert main(["held", "release", "--outlet", "mine", "--config", str(newsroom.folder), "--quiet"]) == 0
    assert text("second", 8)[3:60] in (newsroom.text("mine", f"{url}/long") or "")


# --- what stays with us -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("account", [True, False])
def test_a_page_that_was_asked_for_with_an_account_is_no_evidence(
    newsroom: Newsroom, account: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SESSION", "sid=s3cret")
    newsroom.configure("evidence = true\n" + ('cookies = "env:SESSION"\n' if account else ""))
    newsroom.mine.page("/a", page("A story", text("a", 8) + "<p hidden>You are operator@example.org</p>"))
    newsroom.feed((f"{newsroom.mine.url}/a", ""))
    assert newsroom.take()["mine"].new == 1
    with Publication.open(newsroom.folder).archive() as archive:
        row = archive.latest("mine", f"{newsroom.mine.url}/a")
        assert row is not None
        roles = {resource.role for resource in archive.article(row.digest).resources}
    assert ("evidence" in roles) is not account


async def test_an_outlet_cannot_have_another_ones_host_left_alone() -> None:
    kept = InMemory()
    with Outlet() as site:
        site.busy.add("/broken")
        theirs = site.url.replace("127.0.0.1", "localhost")
        client = Client(pace=Pace(interval=0.0, retries=0), breakers=kept)
        async with client:
            hostile = client.of(outlet("mine", "http://127.0.0.1:1/", allow_private=True))
            for _ in range(6):
                with contextlib.suppress(FetchError):
                    await hostile.get(f"{theirs}/broken", allow_private=True)
            with pytest.raises(FetchError, match="failed 5 times"):
                await hostile.get(f"{theirs}/broken", allow_private=True)
            victim = client.of(outlet("theirs", theirs, allow_private=True))
            assert (await victim.get(f"{theirs}/", allow_private=True)).status == 404


def test_an_outlet_that_keeps_us_waiting_does_not_keep_the_others(
    newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    newsroom.configure(both=True)
    names = [f"/slow{number}" for number in range(6)]
    for name in names:
        newsroom.mine.page(name, page(f"Story {name}", text(name)))
    newsroom.feed(*((newsroom.mine.url + name, "") for name in names))
    newsroom.theirs.page("/story", page("A story", text("theirs", 8)))
    newsroom.theirs.feed("/story")
    take = collect.Fetching.take

    async def slow(self: collect.Fetching, *given: Any, **more: Any) -> None:
        await (asyncio.sleep(600) if self.outlet.id == "mine" else take(self, *given, **more))

    monkeypatch.setattr(collect.Fetching, "take", slow)
    monkeypatch.setattr(collect, "PAGES", 2)
    monkeypatch.setattr(collect, "LONGEST", 4.0)
    reports = newsroom.take()
    assert "stopped after" in reports["mine"].failed[0]
    assert reports["theirs"].new == 1


def test_what_is_remembered_of_documents_has_an_end(newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mirror.archive.MOST_DOCUMENTS", 3)
    with Publication.open(newsroom.folder).archive() as archive:
        for number in range(6):
            state = FeedState(url=f"https://{number}.example/robots.txt", checked=f"2027-03-0{number + 1}T00:00:00Z")
            archive.remember_all([state], {}, {})
        kept = [number for number in range(6) if archive.feed(f"https://{number}.example/robots.txt")]
    assert kept == [3, 4, 5]
