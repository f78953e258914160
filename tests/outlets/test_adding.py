"""`outlet add` and `outlet presets` by what is known of an outlet, with a preset whose outlet is on loopback."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mirror import outlets
from mirror.cli import main
from mirror.config import load
from mirror.outlets import Preset
from tests.extract.made_up import PARAGRAPHS, page
from tests.outlet import Outlet


@pytest.fixture
def site() -> Iterator[Outlet]:
    with Outlet() as one:
        for number in range(4):
            one.page(f"/news/{number}.html", page(title=f"The river bridge is open again, part {number}"))
            one.page(f"/en/news/{number}.html", page(title=f"The bridge in English is open again, part {number}"))
        one.feed(*(f"/news/{number}.html" for number in range(4)), path="/hidden/rss")
        one.feed(*(f"/en/news/{number}.html" for number in range(4)), path="/hidden/rss-en")
        one.page("/", f"<title>The Front</title><meta property='og:site_name' content='By itself'><p>{PARAGRAPHS[0]}")
        one.page("/en", "<title>The Front</title>")
        yield one


@pytest.fixture
def known(site: Outlet, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Preset]]:
    """The presets `river` and `river-en`, of one host."""
    found = {
        "river": Preset(
            id="river",
            name="The River",
            url=f"{site.url}/",
            language="en-GB",
            hosts=("127.0.0.1",),
            feeds=(f"{site.url}/hidden/rss", f"{site.url}/gone"),
            articles=("/news/*",),
            exclude=("*/video/*",),
        ),
        "river-en": Preset(
            id="river-en",
            name="The River in English",
            url=f"{site.url}/en",
            language="en",
            hosts=("127.0.0.1", "mirror.example"),
            feeds=(f"{site.url}/hidden/rss-en",),
        ),
    }
    monkeypatch.setattr(outlets, "presets", lambda: found)
    outlets._hosts.cache_clear()
    yield found
    monkeypatch.undo()
    outlets._hosts.cache_clear()


@pytest.fixture
def publication(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "publication"
    assert main(["init", str(folder), "--name", "River", "--quiet"]) == 0
    monkeypatch.chdir(folder)
    return folder


def added(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["outlet", "add", *words, "--allow-private", "--json"]) == 0, capsys.readouterr().err
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    return told


@pytest.mark.parametrize("by_name", [True, False])
def test_an_outlet_is_added_by_the_name_of_its_preset_or_by_its_front_page(
    by_name: bool, publication: Path, site: Outlet, known: dict[str, Preset], capsys: pytest.CaptureFixture[str]
) -> None:
    told = added(capsys, "river" if by_name else f"{site.url}/")
    assert (told["id"], told["name"], told["preset"], told["url"]) == ("river", "The River", "river", f"{site.url}/")
    assert told["feeds"] == [f"{site.url}/hidden/rss"], "nothing but the preset names this feed"
    assert [line for line in told["left"] if f"{site.url}/gone" in line and "the preset has it" in line]
    assert [sample["state"] for sample in told["samples"]] == ["ok"] * 3
    written = load(publication / "tamizdat.toml").outlets["river"]
    assert (written.language, written.articles, written.exclude) == ("en-GB", ("/news/*",), ("*/video/*",))


def test_of_several_editions_of_a_host_the_address_decides(
    publication: Path, site: Outlet, known: dict[str, Preset], capsys: pytest.CaptureFixture[str]
) -> None:
    told = added(capsys, f"{site.url}/en/")
    assert (told["id"], told["feeds"]) == ("river-en", [f"{site.url}/hidden/rss-en"])
    assert outlets.edition(f"{site.url}/en/news/1.html") is None, "a part of a site is no edition"
    assert outlets.edition("http://mirror.example/en") is known["river-en"], "a mirror of it"
    assert outlets.edition("http://other.example/en") is None


def test_what_the_operator_says_counts_before_the_preset(
    publication: Path, site: Outlet, known: dict[str, Preset], capsys: pytest.CaptureFixture[str]
) -> None:
    told = added(capsys, "river", "--id", "mine", "--name", "Mine")
    assert (told["id"], told["name"], told["preset"]) == ("mine", "Mine", "river")


def test_a_preset_that_is_out_of_date_does_no_harm(
    publication: Path, site: Outlet, known: dict[str, Preset], capsys: pytest.CaptureFixture[str]
) -> None:
    del site.files["/hidden/rss"]
    site.feed(*(f"/news/{number}.html" for number in range(4)), path="/feed")
    told = added(capsys, "river")
    assert told["feeds"] == [f"{site.url}/feed"], "found as for anybody"
    assert len([line for line in told["left"] if "the preset has it" in line]) == 2


def test_feeds_at_another_host_are_taken_where_the_site_itself_does_not_answer(
    publication: Path, site: Outlet, known: dict[str, Preset], capsys: pytest.CaptureFixture[str]
) -> None:
    with Outlet() as gone:
        dead = gone.url
    known["river"] = Preset(
        id="river", name="The River", url=f"{dead}/", language="en", hosts=("127.0.0.1",), feeds=known["river"].feeds
    )
    told = added(capsys, "river")
    assert told["feeds"] == [f"{site.url}/hidden/rss"]
    assert [line for line in told["left"] if line.startswith(f"{dead}/: ")]


def test_people_are_told_that_an_outlet_is_known(
    publication: Path, site: Outlet, known: dict[str, Preset], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["outlet", "add", "river", "--allow-private"]) == 0
    assert "known: The River (preset river)" in capsys.readouterr().out


def test_a_name_that_no_preset_has_is_one_clear_line(publication: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["outlet", "add", "meduzza"]) == 2
    told = capsys.readouterr().err.splitlines()
    assert told[0] == "tamizdat: error: meduzza: no address, and no preset of that name"
    assert told[1].startswith("tamizdat: hint: did you mean meduza")
    assert main(["outlet", "add", "qqqqqqqq"]) == 2
    assert "tamizdat outlet presets" in capsys.readouterr().err


def test_the_presets_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["outlet", "presets", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["presets"]
    assert [one["id"] for one in told] == sorted(outlets.presets())
    assert {"meduza", "meduza-en", "svoboda", "radiofarda", "bbc-persian", "dw-ru", "iranintl"} < {
        one["id"] for one in told
    }
    assert main(["outlet", "presets"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(told)
    assert all("https://" in line for line in lines)


def test_every_preset_is_found_by_its_own_front_page_at_every_host() -> None:
    for preset in outlets.presets().values():
        assert outlets.edition(preset.url) is preset
        for host in preset.hosts:
            path = preset.url.split("/", 3)[3]
            assert outlets.edition(f"https://{host}/{path}") is preset
        for source in (*preset.feeds, *preset.sitemaps, *preset.wordpress, *preset.telegram):
            assert source.startswith("https://")
