"""`tamizdat audit`: a look, all of it, and mending."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mirror.cli import main
from mirror.listing import refresh
from mirror.run import publish_all, watch_all
from mirror.targets._probe import FOLDER
from tests.servers.faulty import says
from tests.watched import Tower, tower
from tests.world import World

Said = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Tower]:
    # Commands have no clock but the real one.
    with tower(tmp_path, now=datetime.now(UTC).replace(microsecond=0)) as made:
        yield made


@pytest.fixture
def said(watched: Tower, capsys: pytest.CaptureFixture[str]) -> Said:
    def run(*words: str, status: int = 0) -> list[dict[str, Any]]:
        capsys.readouterr()
        ended = main([*words, "--config", str(watched.publication.config.path), "--json"])
        told = capsys.readouterr()
        assert ended == status, told
        return [json.loads(line) for line in told.out.splitlines()]

    return run


def files(place: Path, folder: str) -> list[Path]:
    return sorted(file for file in (place / folder).rglob("*") if file.is_file())


def test_a_look_at_all_a_full_reading_of_one_and_a_repair(watched: Tower, said: Said) -> None:
    one, two = watched.mirror("one"), watched.mirror("two", served=False)
    watched.news(1, 2, 3)
    watched.push()
    assert {line["mirror"]: line["state"] for line in said("audit")} == {"one": "ok", "two": "ok"}
    (whole,) = said("audit", "--full", "one")
    assert whole["verdict"]["authentic"] is True
    # A page for people, which no signature covers, and an object.
    page = files(one, "a")[0]
    page.write_bytes(b"<!DOCTYPE html><script>evil()</script>")
    gone = files(one, "o")[0]
    gone.unlink()
    tile = files(two, "tile")[0]
    tile.write_bytes(b"")
    with watched.archive() as archive, archive.state.writing() as tx:
        tx.change_target("one", last_ok="2026-01-01T00:00:00Z")  # the caches had their time
    (whole,) = said("audit", "--full", "one", status=4)
    assert {entry["path"] for entry in whole["damaged"]} <= {str(gone.relative_to(one))}
    status = said("status", status=3)[0]
    (about,) = [entry for entry in status["targets"] if entry["name"] == "one"]
    assert (about["audit"], about["damaged"]) == ("tampered", {"missing": 1, "tampered": 1})
    probe = one / FOLDER / "page.html"
    probe.parent.mkdir()
    probe.write_bytes(b"left")
    (mended,) = said("audit", "--full", "--repair", "one")
    assert (mended["state"], mended["repaired"]) == ("ok", True)
    assert gone.exists()
    assert b"evil" not in page.read_bytes()
    assert not probe.exists()
    (mended,) = said("audit", "--full", "--repair", "two")
    assert (mended["state"], tile.stat().st_size > 0) == ("ok", True)
    assert said("status")[0]["status"] == 0


def test_an_address_that_is_no_target_is_read_as_any_reader_does(watched: Tower, said: Said) -> None:
    one = watched.mirror("one")
    watched.news(1, 2)
    watched.push()
    assert said("audit", watched.webs["one"].url)[0]["state"] == "ok"
    files(one, "o")[0].unlink()
    assert said("audit", watched.webs["one"].url, status=4)[0]["state"] == "incomplete"
    assert said("audit", str(watched.folder / "nowhere"), status=3)[0]["state"] == "dead"


def test_a_run_looks_at_mirrors_that_nothing_was_pushed_to_and_an_edition_drops_the_liar(watched: Tower) -> None:
    from tests.watched import Notes

    for name in ("one", "two"):
        watched.mirror(name)
    watched.news(1, 2)
    out = Notes(watched.notes)

    def run(world: World) -> dict[str, str]:
        with watched.archive() as archive, archive.locked(watched.now):
            reports = publish_all(watched.publication, archive, out)
            watch_all(watched.publication, archive, out, reports)
        return {one.name: one.audited.state if one.audited else "not looked at" for one in reports}

    def listed() -> list[str]:
        with watched.archive() as archive:
            return [one.url for one in refresh(archive, watched.publication.config, watched.now, out)]

    assert run(watched.world) == {"one": "ok", "two": "ok"}
    assert run(watched.world) == {"one": "ok", "two": "ok"}  # a glance
    assert len(listed()) == 2
    watched.proxies["one"].plan = lambda *_: says(200)
    assert run(watched.world)["one"] == "tampered"
    assert listed() == [watched.proxies["two"].url]
    assert any("not named to readers any more: tampered" in note for note in watched.notes)
