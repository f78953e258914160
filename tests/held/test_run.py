"""A site behind a feed whose pages turn into something else, and what an operator sees and does."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mirror.archive.state import State
from mirror.cli import main
from mirror.sandbox import Sandbox
from tests.extract.made_up import PARAGRAPHS, page, paragraphs
from tests.outlet import Outlet

WALLS = Path(__file__).parent / "pages"
STORIES = {
    f"/2027/03/0{number}/{title.lower().replace(' ', '-')}": (title, PARAGRAPHS[number:] + PARAGRAPHS[:number])
    for number, title in enumerate(("Bridge opens again", "Ferry stays in port", "Lighthouse keeper retires"), 1)
}


class Shell:
    """Types commands inside a publication's folder and reads their JSON."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.capsys = folder, capsys

    def __call__(self, *words: str, status: int = 0) -> Any:
        self.capsys.readouterr()
        got = main([*words, "--json", "--config", str(self.folder / "tamizdat.toml")])
        captured = self.capsys.readouterr()
        assert got == status, (words, captured.out, captured.err)
        lines = [json.loads(line) for line in captured.out.splitlines()]
        return lines[0] if len(lines) == 1 else lines

    def text(self, *words: str, status: int = 0) -> str:
        """What a person reads."""
        self.capsys.readouterr()
        assert main([*words, "--config", str(self.folder / "tamizdat.toml")]) == status
        return self.capsys.readouterr().out

    def run(self, status: int = 0) -> dict[str, Any]:
        report = self("run", "--outlet", "lantern", status=status)
        outlet: dict[str, Any] = report["outlets"][0]
        return outlet

    def revisions(self) -> dict[str, int]:
        """The newest revision of every article in the archive, by the end of its address."""
        state = State(self.folder / "state" / "state.sqlite")
        try:
            with state.reading() as tx:
                return {
                    re.sub(r"https?://[^/]+", "", url): tx.at_address(outlet, url)[-1].revision
                    for outlet, url in tx.addresses()
                }
        finally:
            state.close()


def story(path: str, texts: tuple[str, ...] | None = None, **changes: str) -> bytes:
    title, own = STORIES[path]
    return page(paragraphs(own if texts is None else texts), title=title, **changes)


def feed(outlet: Outlet, stories: dict[str, str]) -> None:
    """A feed that names these pages with their titles."""
    items = "".join(
        f"<item><title>{title}</title><link>{outlet.url}{path}</link></item>" for path, title in stories.items()
    )
    text = f'<?xml version="1.0"?><rss version="2.0"><channel><title>The Lantern</title>{items}</channel></rss>'
    outlet.files["/feed.xml"] = (text.encode(), "application/rss+xml")


@pytest.fixture
def site() -> Iterator[Outlet]:
    with Outlet() as outlet:
        for path in STORIES:
            outlet.page(path, story(path))
        feed(outlet, {path: title for path, (title, _) in STORIES.items()})
        yield outlet


@pytest.fixture
def shell(tmp_path: Path, site: Outlet, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "memory"))
    made = Shell(tmp_path / "publication", capsys)
    assert main(["init", str(made.folder), "--name", "Test", "--origin", "test.example"]) == 0
    config = made.folder / "tamizdat.toml"
    config.write_text(
        config.read_text().replace('# per_host_delay = "1s"', "per_host_delay = 0")
        + f'\n[outlet.lantern]\nname = "The Lantern"\nurl = "{site.url}/"\n'
        f'feeds = ["{site.url}/feed.xml"]\nallow_private = true\npictures = false\n'
    )
    return made


@pytest.fixture
def inline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages are parsed here, not in children: what a sandbox does is tested elsewhere, and starting one takes long."""

    async def call(self: Sandbox, function: Any, *args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    monkeypatch.setattr(Sandbox, "call", call)


def test_a_day_of_block_pages_leaves_articles_alone_and_ends_by_itself(shell: Shell, site: Outlet) -> None:
    first = shell.run()
    assert (first["new"], first["held"], first["problem"]) == (3, [], None)
    before = shell.revisions()

    wall = (WALLS / "cloudflare-managed-2022.html").read_bytes()
    new = "/2027/03/04/mayor-resigns"
    for number, path in enumerate((*STORIES, new)):
        site.page(path, wall.replace(b"7f1a2b3c4d5e6f70", b"7f1a2b3c4d5e6f7%d" % number))
    feed(site, {new: "Mayor resigns", **{path: title for path, (title, _) in STORIES.items()}})
    blocked = shell.run(status=3)
    assert (blocked["new"], blocked["revised"], blocked["failed"]) == (0, 0, [])
    assert "4 challenge" in blocked["problem"]
    assert shell.revisions() == before, "nothing was signed of it"

    status = shell("status", status=3)
    (group,) = status["held"]
    assert (group["outlet"], group["state"], group["count"]) == ("lantern", "challenge", 4)
    assert "bot check" in group["newest"]["reason"]
    page_of_it = shell.folder / "status.html"
    text = shell.text("status", "--html", str(page_of_it), status=3)
    assert "4 pages: challenge" in text
    assert "4 pages: challenge" in page_of_it.read_text()

    for path in STORIES:
        site.page(path, story(path))
    site.page(new, page(title="Mayor resigns"))
    after = shell.run()
    assert (after["new"], after["revised"], after["held"], after["problem"]) == (1, 0, [], None)
    assert shell("status")["held"] == []
    assert shell.revisions() == {**before, new: 1}


@pytest.mark.usefixtures("inline")
def test_an_unknown_wall_with_a_new_name_each_time_is_held_as_a_stranger_or_for_being_alike(
    shell: Shell, site: Outlet
) -> None:
    """No rule knows this page: it is long enough, and says of itself that it is an article."""
    for number, path in enumerate(STORIES):
        text = paragraphs(
            (
                "Good day, dear visitor of our pages, whoever you may be and wherever you have come from this morning.",
                f"Our doorman wishes to see your visiting card, number {number}77{number}, before the curtain goes up; "
                "he is an old man and asks all who pass, without regard for rank or name or the colour of the coat.",
                "Be so kind and come back with it later, and bring an umbrella, since the forecast is bad.",
            )
        )
        site.page(path, page(text, title="Dear visitor"))
    report = shell.run(status=3)
    assert report["new"] == 0
    assert len(report["held"]) == 3
    assert {group["state"] for group in shell("held")["groups"]} <= {"alike", "stranger"}
    assert shell.revisions() == {}


@pytest.mark.usefixtures("inline")
def test_pages_without_a_name_wait_for_those_behind_them(shell: Shell, site: Outlet) -> None:
    """Addresses that are numbers, from a feed without titles: only each other can tell what they are."""
    paths = [f"/news/{number}.html" for number in range(4)]
    for path in paths[:3]:
        site.page(path, page(title="Dear visitor"))
    site.page(paths[3], page(paragraphs(PARAGRAPHS[1:]), title="The ferry"))
    feed(site, dict.fromkeys(paths, ""))
    report = shell.run()
    assert report["new"] == 1
    assert [line.partition(": ")[2].partition(":")[0] for line in report["held"]] == ["alike"] * 3
    assert list(shell.revisions()) == [paths[3]]


@pytest.mark.usefixtures("inline")
def test_a_shrunk_article_is_held_released_and_then_left_alone(shell: Shell, site: Outlet) -> None:
    shell.run()
    path = next(iter(STORIES))
    site.page(path, story(path, STORIES[path][1][:1]))
    held = shell.run()
    assert (held["revised"], len(held["held"])) == (0, 1)
    assert "shrunk" in held["held"][0]
    assert shell.revisions()[path] == 1
    listed = shell("held", "--reason", "shrunk")
    assert [one["kept"] for one in listed["pages"]] == [True]
    shown = shell("held", "show", site.url + path)["pages"][0]
    assert shown["state"] == "shrunk"
    assert shown["article"]["text"] == STORIES[path][1][0]

    assert shell("held", "release", "--outlet", "lantern", "--reason", "shrunk")["released"] == [site.url + path]
    assert shell.revisions()[path] == 2
    assert shell("held")["groups"] == []
    assert not list((shell.folder / "state" / "held").iterdir()), "bytes that nobody needs any more are gone"
    # Other bytes with the same text: no new revision, nothing held.
    site.page(path, story(path, STORIES[path][1][:1], after="<footer><p>Support us today!</p></footer>"))
    again = shell.run()
    assert (again["unchanged"] + again["revised"], again["revised"], again["held"]) == (3, 0, [])
    # What comes later is judged anew.
    site.page(path, story(path))
    assert shell.run()["revised"] == 1
    site.page(path, story(path, STORIES[path][1][1:2]))
    assert "shrunk" in shell.run()["held"][0]


@pytest.mark.usefixtures("inline")
def test_what_extraction_refused_can_be_released_and_stays_so(shell: Shell, site: Outlet) -> None:
    path = next(iter(STORIES))
    wall = "<div class='paywall'><h3>Subscribe to continue reading</h3><p>Already a subscriber? Sign in.</p></div>"
    body = paragraphs(STORIES[path][1][:2]) + wall
    site.page(path, page(body, title=STORIES[path][0]))
    assert "paywall" in shell.run()["held"][0]
    assert shell("held", "release", site.url + path)["released"] == [site.url + path]
    assert shell.revisions()[path] == 1
    site.page(path, page(body, title=STORIES[path][0], after="<footer><p>Today only!</p></footer>"))
    assert shell.run()["held"] == [], "the same text was released"
    site.page(path, page(paragraphs(STORIES[path][1][2:3]) + wall, title=STORIES[path][0]))
    assert "paywall" in shell.run()["held"][0], "another one was not"


@pytest.mark.usefixtures("inline")
def test_dropped_bytes_do_not_come_back_and_changed_ones_do(shell: Shell, site: Outlet) -> None:
    path = next(iter(STORIES))
    wall = (WALLS / "maintenance-en.html").read_bytes()
    site.page(path, wall)
    assert len(shell.run()["held"]) == 1
    assert shell("held", "drop", "--outlet", "lantern")["dropped"] == [site.url + path]
    assert shell("held")["groups"] == []
    site.page(path, story(path))
    assert shell.run()["new"] == 1
    site.page(path, wall)
    assert shell.run()["held"] == []
    assert shell("held")["groups"] == []
    shell("add", site.url + path, status=3)  # who asks for it by name is told that nothing came of it
    site.page(path, wall.replace(b"shortly", b"very shortly"))
    assert len(shell.run()["held"]) == 1


@pytest.mark.usefixtures("inline")
def test_a_held_page_is_judged_again_when_the_rules_have_changed(
    shell: Shell, site: Outlet, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = next(iter(STORIES))
    site.page(path, page("", around="<div class='odd'><p>Short words stand here.</p></div>{title}{body}", title="News"))
    assert len(shell.run()["held"]) == 1
    config = shell.folder / "tamizdat.toml"
    site.page(path, b"")  # gone at the outlet: only the kept bytes can be judged
    from mirror import held

    seen: list[str] = []
    original = held.Holding.outdated

    def outdated(self: held.Holding, limit: int = 200) -> Any:
        found = original(self, limit)
        seen.extend(snapshot.url for snapshot in found)
        return found

    monkeypatch.setattr(held.Holding, "outdated", outdated)
    shell.run(status=0)
    assert seen == []
    config.write_text(config.read_text() + 'keep = ["div.odd"]\n')
    shell.run()
    assert seen == [site.url + path]


@pytest.mark.usefixtures("inline")
def test_commands_refuse_what_makes_no_sense_in_one_line(shell: Shell, site: Outlet) -> None:
    assert shell.text("held") == "nothing is held back\n"
    for words in (
        ("held", "release"),
        ("held", "drop"),
        ("held", "show", f"{site.url}/nowhere"),
        ("held", "release", f"{site.url}/nowhere"),
        ("held", "release", "--reason", "shrunk"),
        ("held", "drop", "--outlet", "nobody"),
        ("held", "list", "--outlet", "nobody"),
    ):
        answer = shell(*words, status=2)
        assert answer["error"], words
        assert answer["hint"], words


@pytest.mark.usefixtures("inline")
def test_bytes_that_are_gone_are_fetched_again(shell: Shell, site: Outlet) -> None:
    path = next(iter(STORIES))
    site.page(path, (WALLS / "gone-en.html").read_bytes())
    assert len(shell.run()["held"]) == 1
    for file in (shell.folder / "state" / "held").iterdir():
        file.unlink()
    assert not shell("held", "--outlet", "lantern")["pages"][0]["kept"]
    assert "bytes are gone" in shell.text("held", "show", site.url + path)
    answer = shell("held", "release", site.url + path, status=3)
    assert "fetched again" in answer["failed"][site.url + path]
    site.page(path, story(path))
    assert shell.run()["new"] == 1
    assert shell("held")["groups"] == []
