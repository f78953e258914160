"""Every mirror is watched: what is wrong with one has a name, one lost look is no dead mirror, and what is ours to mend
is mended."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from mirror import status
from mirror.archive.state import TargetRow
from mirror.audit import Audited, State
from mirror.read import Patience
from mirror.reader import page, publication_data
from mirror.watching import settle, stamp
from tests.servers.faulty import Handler, hangs, says
from tests.watched import Tower, at, shows, tower

NOW = at("2031-04-02T12:00:00Z")


@pytest.fixture
def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tower]:
    monkeypatch.setattr("mirror.audit.PATIENCE", Patience(connect=1.0, idle=0.7, total=2.0, look=5.0))
    with tower(tmp_path) as made:
        yield made


def objects(place: Path) -> list[Path]:
    return sorted(file for file in (place / "o").rglob("*") if file.is_file())


def change(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1] + b"!")


# --- every state, by real servers -------------------------------------------------------------------------------------


def test_every_sick_mirror_is_named_rightly_in_one_round_and_status_shows_the_sick_first(watched: Tower) -> None:
    names = ("good", "dead", "hangs", "broken", "legal", "censored", "parked", "login", "moved", "private", "cached",
             "stale", "emptied", "lacks", "altered", "spa", "gone")  # fmt: skip
    places = {name: watched.mirror(name) for name in names}
    watched.news(1, 2, 3)
    watched.push()
    old = {name: (places["good"] / name).read_bytes() for name in ("front", "checkpoint")}
    assert {one.state for one in watched.look().values()} == {"ok"}
    watched.news(4)
    watched.push()

    proxy = watched.proxies
    proxy["hangs"].plan = lambda *_: hangs
    proxy["broken"].plan = lambda *_: says(503)
    proxy["legal"].plan = lambda *_: says(451, Link='<https://court.example/>; rel="blocked-by"')
    proxy["censored"].plan = lambda *_: shows("M", '<iframe src="http://10.10.34.34?type=Invalid"></iframe>')
    proxy["parked"].plan = lambda *_: shows("x.example", "This domain is for sale")
    proxy["login"].plan = lambda *_: shows("Welcome", "<form><input type='password' name=p></form>")
    proxy["moved"].plan = lambda *_: says(302, Location="http://sorry.invalid/")
    proxy["private"].plan = lambda *_: says(403)
    proxy["gone"].plan = lambda *_: says(404, "NoSuchBucket")

    def cached(handler: Handler) -> None:
        handler.answer(
            200, [("Age", "240"), ("Cache-Control", "max-age=600"), ("CF-Cache-Status", "HIT")], old["front"]
        )

    proxy["cached"].plan = lambda method, path, before: cached if path == "/front" else None
    for name, data in old.items():
        (places["stale"] / name).write_bytes(data)
    shutil.rmtree(places["emptied"])
    places["emptied"].mkdir()
    changed = objects(places["altered"])[0]
    change(changed)
    objects(places["lacks"])[0].unlink()
    objects(places["spa"])[0].unlink()
    watched.webs["spa"].pages_for_missing = True
    # Nobody listens there any more.
    config = watched.publication.config.path
    config.write_text(config.read_text().replace(proxy["dead"].url, "http://127.0.0.1:9"))
    watched.sweep_all(*names)

    watched.look(0.1, mend=False)
    found = {name: watched.row(name) for name in names}
    states = {name: row.audit_result for name, row in found.items()}
    assert states == {
        "good": "ok", "dead": "dead", "hangs": "dead", "broken": "dead", "legal": "blocked", "censored": "blocked",
        "parked": "blocked", "login": "blocked", "moved": "blocked", "private": "blocked", "cached": "stale",
        "stale": "stale", "emptied": "incomplete", "lacks": "incomplete", "altered": "tampered", "spa": "incomplete",
        "gone": "dead",
    }  # fmt: skip
    for name, words in {
        "dead": "refused", "hangs": "hangs", "broken": "503", "legal": "blocked by https://court.example/",
        "censored": "a censor's block page", "parked": "parking page", "login": "login page",
        "moved": "sorry.invalid", "private": "let everybody read", "cached": "age: 240, cache-control: max-age=600",
        "stale": "shows the log at", "emptied": "emptied", "lacks": "missing", "altered": "not what was pushed",
        "spa": "missing", "gone": "does not exist",
    }.items():  # fmt: skip
        assert words in (found[name].audit_detail or ""), (name, found[name].audit_detail)
    assert "a cache in front" in (found["cached"].audit_detail or "")
    assert "cache" not in (found["stale"].audit_detail or "")
    assert (found["stale"].lag_serial, found["good"].lag_serial) == (1, 0)
    assert (found["stale"].lag_seconds or 0) > 0
    # What was altered is kept, with what it should be.
    exhibit = json.loads(Path(found["altered"].evidence or "").read_text())
    assert exhibit["expected_sha256"] == "".join(changed.parts[-2:])
    body = Path(found["altered"].evidence or "").with_name(exhibit["body"])
    assert body.read_bytes() == changed.read_bytes()
    assert ["Cache-Control", "no-cache"] in exhibit["headers"]

    report = status.gather(watched.publication, now=watched.now)
    lines = report.lines()
    assert report.status == 3
    shown = [line.split()[1] for line in lines if line.startswith("! ") and line.split()[1] in names]
    assert sorted(shown) == sorted(set(names) - {"good"})
    assert shown[0] == "altered"  # the worst first
    (summary,) = [line for line in lines if line.startswith("mirrors: ")]
    assert "17, named to readers: 17 · 1 tampered · 6 blocked · 4 dead · 2 stale · 3 incomplete · 1 ok" in summary
    by_name = {one["name"]: one for one in report.as_json()["targets"]}
    assert {name: one["audit"] for name, one in by_name.items()} == states
    assert by_name["lacks"]["damaged"] == {"missing": 1}
    assert len([one for one in report.as_json()["warnings"] if one.startswith("target ")]) == 16
    assert b"needs attention" in report.html()


def test_with_two_hundred_mirrors_status_names_the_sick_and_counts_the_rest(watched: Tower) -> None:
    for number in range(200):
        (watched.folder / f"m{number}").mkdir()
    tables = "".join(
        f'[target.m{number}]\nurl = "{watched.folder}/m{number}"\npublic = "http://m{number}.example/"\n'
        for number in range(200)
    )
    path = watched.publication.config.path
    path.write_text(path.read_text() + tables)
    watched.world.seal()
    sick: dict[int, State] = {**dict.fromkeys(range(3, 23), "dead"), **dict.fromkeys(range(50, 55), "tampered"),
                              **dict.fromkeys(range(90, 95), "stale")}  # fmt: skip
    with watched.archive() as archive, archive.state.writing() as tx:
        for number in range(200):
            found = Audited(target=f"m{number}", state=sick.get(number, "ok"), detail="because", serial=1)
            row = TargetRow(name=f"m{number}")
            tx.change_target(f"m{number}", cursor=tx.head_seq(), **settle(row, found, watched.now))
    lines = status.gather(watched.publication, now=watched.now).lines()
    assert [int(line.split()[1][1:]) for line in lines if line.startswith("! m")] == [
        *range(50, 55), *range(3, 23), *range(90, 95),
    ]  # fmt: skip
    assert any("170 mirrors more: fine" in line for line in lines)
    assert any("200, named to readers: 200 · 5 tampered · 20 dead · 5 stale · 170 ok" in line for line in lines)
    whole = status.gather(watched.publication, now=watched.now, everything=True).lines()
    assert sum(line.startswith(("! m", "  m")) for line in whole) == 200


# --- what a mirror is, after several looks ----------------------------------------------------------------------------


def after(row: TargetRow, *states: State, hours: float = 1, counts: bool = True) -> TargetRow:
    for number, state in enumerate(states):
        found = Audited(target="m", state=state, detail="")
        # `replace` can't be typed for fields given by name.
        row = replace(row, **settle(row, found, NOW + timedelta(hours=hours * number), counts=counts))  # type: ignore[arg-type]
    return row


def test_one_lost_look_is_no_dead_mirror_and_two_are() -> None:
    good = after(TargetRow(name="m"), "ok", "ok")
    assert (good.state, good.looks_ok, good.good_since, good.state_since) == (
        "ok", 2, "2031-04-02T12:00:00Z", "2031-04-02T12:00:00Z",
    )  # fmt: skip
    once = after(good, "dead")
    assert (once.state, once.audit_result, once.looks_bad) == ("ok", "dead", 1)
    assert after(once, "slow").state == "slow"
    twice = after(once, "dead", "dead")
    assert (twice.state, twice.looks_bad, twice.bad_since) == ("dead", 3, once.bad_since)
    assert twice.state_since == once.bad_since
    assert after(twice, "ok").state == "ok"


@pytest.mark.parametrize("state", ["tampered", "forked", "ahead"])
def test_what_a_look_proves_counts_at_once(state: State) -> None:
    assert after(after(TargetRow(name="m"), "ok"), state).state == state


def test_a_mirror_that_was_never_good_is_what_its_first_look_says() -> None:
    assert after(TargetRow(name="m"), "dead").state == "dead"


def test_what_says_nothing_of_a_mirror_is_remembered_and_not_counted() -> None:
    row = after(after(TargetRow(name="m"), "ok"), "dead", "dead", "dead", counts=False)
    assert (row.state, row.audit_result, row.looks_bad) == ("ok", "dead", 0)


def test_an_old_pointer_from_a_cache_right_after_a_push_is_not_held_against_the_mirror() -> None:
    pushed = replace(after(TargetRow(name="m"), "ok"), last_ok="2031-04-02T12:00:00Z")
    found = Audited(target="m", state="stale", detail="", cached=True)
    assert "looks_bad" not in settle(pushed, found, NOW + timedelta(minutes=10))
    assert settle(pushed, found, NOW + timedelta(hours=1))["looks_bad"] == 1


def test_when_no_mirror_answers_it_is_our_own_network(watched: Tower) -> None:
    for name in ("a", "b", "c"):
        watched.mirror(name)
    watched.news(1)
    watched.push()
    watched.look()
    for proxy in watched.proxies.values():
        proxy.plan = lambda *_: says(503)
    for _ in range(3):
        watched.look(12)
    assert {(row.state, row.looks_bad) for row in map(watched.row, "abc")} == {("ok", 0)}
    assert any("this machine's own network" in note for note in watched.notes)
    watched.proxies["a"].plan = lambda *_: None
    watched.look(1)
    assert [watched.row(name).looks_bad for name in "abc"] == [0, 1, 1]


# --- everything is read in time, and mended ---------------------------------------------------------------------------


def test_a_look_at_a_good_mirror_is_two_requests_and_the_sweep_reads_all_of_it_in_a_week(watched: Tower) -> None:
    watched.mirror("m")
    watched.news(1, 2, 3)
    watched.push()
    watched.look()
    lines = sum(1 for file in (watched.folder / "m").rglob("*") if file.is_file())
    web = watched.webs["m"]
    before = len(web.requests)
    watched.look(1)
    assert 3 <= len(web.requests) - before <= 5
    asked = set(web.requests)
    for _ in range(7):
        web.requests.clear()
        watched.look(24)
        asked |= set(web.requests)
        assert len(web.requests) < lines
    there = {
        f"/{file.relative_to(watched.folder / 'm')}" for file in (watched.folder / "m").rglob("*") if file.is_file()
    }
    assert there <= asked
    row = watched.row("m")
    assert row.sweep_done is not None


def test_reader_html_is_read_once_a_day_from_the_day_after_it_was_made(watched: Tower) -> None:
    place = watched.mirror("m")
    watched.news(1)
    made = page(publication_data(name="W", origin="w", pin="", made=stamp(watched.now), trust={}, mirrors=()))
    with watched.archive() as archive, archive.locked(watched.now):
        archive.show({"reader.html": made})
    watched.push()
    web = watched.webs["m"]

    def readings(hours: float) -> int:
        web.requests.clear()
        watched.look(hours)
        return web.requests.count("/reader.html")

    assert [readings(hours) for hours in (1, 22, 2, 1, 22, 2)] == [0, 0, 1, 0, 0, 1]
    change(place / "reader.html")
    assert readings(1) == 0
    assert watched.look(24)["m"].state == "tampered"


def test_what_is_missing_or_changed_is_sent_again_file_by_file(watched: Tower) -> None:
    place = watched.mirror("m")
    watched.news(1, 2, 3)
    watched.push()
    watched.look()
    kept = {file: file.read_bytes() for file in place.rglob("*") if file.is_file()}
    gone, changed = objects(place)[1], objects(place)[2]
    tile = next(file for file in (place / "tile").rglob("*") if file.is_file())
    gone.unlink()
    tile.unlink()
    change(changed)
    watched.sweep_all("m")
    found = watched.look()["m"]
    assert found.state == "tampered"
    assert {file: file.read_bytes() for file in place.rglob("*") if file.is_file()} == kept
    row = watched.row("m")
    assert (row.repaired, row.cursor > 0) == (3, True)
    assert any("3 files sent again" in note for note in watched.notes)
    found = watched.look()["m"]
    assert (found.state, watched.row("m").state) == ("ok", "ok")


def test_a_host_that_undoes_every_repair_is_named_and_left_alone(watched: Tower) -> None:
    place = watched.mirror("m")
    watched.news(1, 2)
    watched.push()
    victim = objects(place)[0]
    right = victim.read_bytes()
    for _ in range(5):
        change(victim)
        watched.sweep_all("m")
        watched.look(2)
    row = watched.row("m")
    assert row.relapses == 3
    assert "mended 3 times and was wrong again each time" in (row.audit_detail or "")
    assert victim.read_bytes() != right  # not mended any more


def test_repairs_of_long_ago_count_no_more(watched: Tower) -> None:
    watched.mirror("m")
    watched.news(1)
    watched.push()
    watched.look()
    with watched.archive() as archive, archive.state.writing() as tx:
        tx.change_target("m", relapses=2)
    watched.look(24)
    assert watched.row("m").relapses == 2
    # The trust files of this world end after two weeks.
    with watched.archive() as archive, archive.state.writing() as tx:
        tx.change_target("m", good_since="2031-03-01T00:00:00Z")
    watched.look(24)
    assert watched.row("m").relapses == 0


def test_a_file_that_the_host_has_right_and_readers_get_wrong_is_not_sent_again(watched: Tower) -> None:
    place = watched.mirror("m")
    watched.news(1, 2)
    watched.push()
    victim = f"/{objects(place)[0].relative_to(place)}"
    watched.proxies["m"].plan = lambda method, path, before: says(200) if path.startswith(victim) else None
    watched.sweep_all("m")
    assert watched.look()["m"].state == "tampered"
    assert watched.row("m").repaired == 0
    assert any("the host has it right and readers get something else" in note for note in watched.notes)


def test_an_emptied_mirror_is_filled_again_by_the_next_push(watched: Tower) -> None:
    place = watched.mirror("m")
    watched.news(1, 2)
    watched.push()
    watched.look()
    for inner in list(place.iterdir()):
        shutil.rmtree(inner) if inner.is_dir() else inner.unlink()
    assert watched.look()["m"].emptied
    assert watched.row("m").cursor == 0
    watched.push()
    assert watched.look()["m"].state == "ok"


def test_a_damaged_pointer_is_pushed_again_and_not_overwritten_by_a_repair(watched: Tower) -> None:
    place = watched.mirror("m")
    watched.news(1)
    watched.push()
    right = (place / "front").read_bytes()
    change(place / "front")
    found = watched.look()["m"]
    assert found.state == "tampered"
    assert (place / "front").read_bytes() != right
    watched.push()
    assert (place / "front").read_bytes() == right


def test_a_withdrawn_article_that_is_still_served_is_found_and_removed(watched: Tower) -> None:
    place = watched.mirror("m")
    digests = watched.news(1, 2)
    watched.push()
    victim = place / "o" / digests[1][:2] / digests[1][2:]
    kept = victim.read_bytes()
    watched.world.withdraw(digests[1], "asked for")
    watched.world.seal()
    watched.push()
    assert not victim.exists()
    victim.parent.mkdir(parents=True, exist_ok=True)
    victim.write_bytes(kept)
    watched.sweep_all("m")
    found = watched.look()["m"]
    assert "still there although withdrawn" in found.detail
    assert not victim.exists()


def test_a_mirror_that_nobody_else_reaches_is_read_with_the_credentials(watched: Tower) -> None:
    place = watched.mirror("m", served=False)
    watched.news(1, 2)
    watched.push()
    assert watched.look()["m"].state == "ok"
    objects(place)[0].unlink()
    watched.sweep_all("m")
    assert watched.look(0.1) == {}  # once an hour
    assert watched.look(1)["m"].state == "incomplete"
    assert objects(place)
    # Its push failed a moment ago: it is not tried a second time.
    found = watched.look(2, failed={"m": "no route"})["m"]
    assert (found.state, found.detail) == ("dead", "the push failed: no route")
