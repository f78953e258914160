"""A host that allows few pushes: what is new waits, what must not wait goes at once, and nobody is called stale."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from mirror import providers, status
from mirror.archive.state import TargetRow
from mirror.cli import main
from mirror.commands.operator import _say_targets
from mirror.config import TargetConfig, load
from mirror.errors import ConfigError
from mirror.interval import due
from mirror.output import Output
from mirror.publishing import TargetReport, publish_to
from mirror.run import RunReport
from mirror.units import duration
from mirror.watching import stamp
from tests.watched import Tower, tower
from tests.world import article

TEN = timedelta(minutes=10)


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[Tower]:
    """Two mirrors; the one called `pages` takes a push every ten minutes."""
    with tower(tmp_path) as made:
        made.mirror("pages")
        made.mirror("box")
        path = made.publication.config.path
        path.write_text(path.read_text().replace("[target.pages]\n", '[target.pages]\nmin_interval = "10m"\n'))
        made.news(1, 2)
        push(made)
        yield made


def push(world: Tower, *, insist: bool = False) -> dict[str, TargetReport]:
    """What a run does, at the tower's time."""
    targets = list(world.publication.config.targets.values())
    with world.archive() as archive, archive.locked(world.now):
        reports = publish_to(world.publication, archive, targets, Output(quiet=True), now=world.now, insist=insist)
    return {one.name: one for one in reports}


def front(world: Tower, name: str) -> bytes:
    return (world.folder / name / "front").read_bytes()


def test_a_push_before_its_time_is_skipped_for_that_mirror_alone_and_is_no_failure(
    slow: Tower, capsys: pytest.CaptureFixture[str]
) -> None:
    before, began = front(slow, "pages"), slow.now
    slow.news(3)
    found = push(slow)
    assert slow.now < began + TEN
    assert (found["pages"].not_due, found["box"].not_due) == (began + TEN, None)
    assert front(slow, "pages") == before != front(slow, "box")
    assert found["pages"].as_json()["not_due"] == stamp(began + TEN)
    assert RunReport(targets=list(found.values())).status == 0
    _say_targets(list(found.values()), Output())
    assert f"target pages: not due before {began + TEN:%H:%M} UTC (min_interval)\n" in capsys.readouterr().out
    slow.now = began + TEN
    assert push(slow)["pages"].not_due is None
    assert front(slow, "pages") == front(slow, "box")


def test_a_mirror_that_waits_is_not_stale_and_status_says_until_when(slow: Tower) -> None:
    began = slow.now
    slow.news(3)
    push(slow)
    for _ in range(3):
        assert {name: one.state for name, one in slow.look(0.01).items()} == {"pages": "ok", "box": "ok"}
    row = slow.row("pages")
    assert (row.state, row.lag_serial) == ("ok", 1)
    assert f"what is newer goes there at {began + TEN:%H:%M} UTC" in str(row.audit_detail)
    report = status.gather(slow.publication, now=slow.now)
    (line,) = [line for line in report.lines() if line.strip().startswith("pages ")]
    assert "1 behind" in line
    assert f"not due before {began + TEN:%H:%M} UTC" in line
    assert not report.troubles
    # When it is due and nobody pushes, it is as stale as any other.
    slow.now = began + TEN
    assert slow.look(0)["pages"].state == "stale"


def test_a_mirror_that_waits_is_still_held_to_what_was_pushed_there(slow: Tower) -> None:
    old = front(slow, "pages")
    slow.now += TEN
    slow.news(3)
    push(slow)
    slow.news(4)
    push(slow)
    place = slow.folder / "pages" / "front"
    new = place.read_bytes()
    place.write_bytes(old)
    found = slow.look(0.01)["pages"]
    assert found.state == "stale"
    assert "does not show yet" in found.detail
    assert slow.row("pages").looks_bad == 0  # it may still be building
    place.write_bytes(new[:-1] + b"!")
    assert slow.look(0.01)["pages"].state == "tampered"


def test_a_withdrawal_is_pushed_at_once(slow: Tower) -> None:
    (digest,) = slow.world.add(article(9))
    slow.world.seal()
    slow.now += TEN
    push(slow)
    there = slow.folder / "pages" / "o" / digest[:2] / digest[2:]
    assert there.exists()
    slow.world.withdraw(digest)
    slow.world.seal()
    assert push(slow)["pages"].not_due is None
    assert not there.exists()
    assert front(slow, "pages") == front(slow, "box")


def test_a_mirror_that_is_named_is_pushed_to_at_once(slow: Tower) -> None:
    slow.news(3)
    assert push(slow, insist=True)["pages"].not_due is None
    assert front(slow, "pages") == front(slow, "box")


def test_a_new_place_a_mended_one_and_a_wrong_clock_do_not_wait(slow: Tower) -> None:
    slow.news(3)
    config = slow.publication.config.targets["pages"]
    row = slow.row("pages")

    def waits(config: TargetConfig, row: TargetRow) -> bool:
        with slow.archive() as archive, archive.state.reading() as tx:
            return due(tx, config, row, slow.now) is not None

    assert waits(config, row)
    assert not waits(replace(config, min_interval=None), row)
    assert not waits(config, replace(row, cursor=0))
    assert not waits(config, replace(row, last_ok=None))
    assert not waits(config, replace(row, last_ok=stamp(slow.now + timedelta(days=400))))
    assert not waits(config, replace(row, repaired_at=stamp(slow.now)))
    with slow.archive() as archive, archive.state.reading() as tx:
        (root,) = [line for line in tx.changes(0, None, op="put") if line.path.endswith("1.root.json")]
    assert not waits(config, replace(row, immutable_cursor=root.seq - 1))


def test_it_is_a_duration_of_at_most_a_day(slow: Tower) -> None:
    path = slow.publication.config.path
    assert load(path).targets["pages"].min_interval == 600
    for wrong, said in (('"2d"', "between 1 and 86400 seconds"), ('"10min"', 'a duration such as "15m"')):
        path.write_text(path.read_text().replace('"10m"', wrong))
        with pytest.raises(ConfigError, match=said):
            load(path)
        path.write_text(path.read_text().replace(wrong, '"10m"'))


def test_what_is_known_of_a_host_keeps_its_limit() -> None:
    known = [one for one in providers.known().values() if one.limits.pushes_per_hour]
    assert {one.id for one in known} >= {"github-pages", "gitlab-pages"}
    for one in known:
        assert one.min_interval is not None
        assert 3600 / duration(one.min_interval) <= (one.limits.pushes_per_hour or 0)


def test_target_add_writes_what_its_host_wants(slow: Tower, capsys: pytest.CaptureFixture[str]) -> None:
    path = slow.publication.config.path
    for name, place, wanted in (
        ("hub", "git+https://github.com/o/r.git#main", 600.0),
        ("lab", "git+https://gitlab.com/o/r.git", 3600.0),
        ("berg", "git+https://codeberg.org/o/r.git", None),
    ):
        words = ["target", "add", name, place, "--no-probe", "--set", "token=env:TOKEN", "--config", str(path)]
        assert main(words) == 0
        assert ("(min_interval)" in capsys.readouterr().out) == (wanted is not None)
        assert load(path).targets[name].min_interval == wanted
