"""Many targets in one run: what hangs is let go, what is dead is tried more seldom, and all others have everything."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mirror.archive.state import TargetRow
from mirror.config import TargetConfig
from mirror.publish import LONGEST_BACK_OFF, failed, known_there
from mirror.publishing import waits_until
from tests.needs import ROOT
from tests.servers.many import Mirrors, many_mirrors
from tests.thicket import RUN, Thicket

NOW = datetime(2031, 4, 2, 8, tzinfo=UTC)


def stamp(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def after(failures: int) -> float:
    """Seconds a target waits after so many failures in a row."""
    columns = failed(TargetRow(name="t", failures=failures - 1), stamp(NOW), "refused", sent=False)
    row = TargetRow(name="t", **columns)  # type: ignore[arg-type]
    then = waits_until(row, NOW)
    return (then - NOW).total_seconds() if then else 0.0


def test_a_target_that_keeps_failing_is_tried_more_and_more_seldom_and_never_forgotten() -> None:
    assert [after(failures) / 60 for failures in range(1, 12)] == [0, 0, 5, 10, 20, 40, 80, 160, 320, 360, 360]
    assert after(5000) == LONGEST_BACK_OFF


def test_a_target_that_took_files_goes_on_with_the_next_run() -> None:
    columns = failed(TargetRow(name="t", failures=9), stamp(NOW), "the line broke", sent=True)
    assert (columns["failures"], columns["next_try"]) == (1, None)


def test_a_time_that_the_server_names_is_kept_within_reason() -> None:
    row = TargetRow(name="t")
    for seconds, expected in ((90.0, 90.0), (1e9, LONGEST_BACK_OFF)):
        columns = failed(row, stamp(NOW), "too fast", sent=False, retry_after=seconds)
        assert columns["next_try"] == stamp(NOW + timedelta(seconds=expected))


def test_a_wait_that_a_wrong_clock_wrote_down_is_not_believed() -> None:
    row = TargetRow(name="t", next_try=stamp(NOW + timedelta(days=400)))
    assert waits_until(row, NOW) is None
    assert waits_until(row, NOW + timedelta(days=400, minutes=-1)) is not None
    assert waits_until(row, NOW + timedelta(days=401)) is None


def test_another_place_under_the_same_name_is_tried_at_once() -> None:
    row = TargetRow(
        name="t", url="/one", failures=9, next_try=stamp(NOW), cursor=7, filling=3, ahead="1", deletes_cursor=7
    )
    fresh = known_there(row, TargetConfig(name="t", url="/two"))
    assert (fresh.failures, fresh.next_try, fresh.cursor, fresh.filling, fresh.ahead, fresh.deletes_cursor) == (
        0, None, 0, None, None, 0,
    )  # fmt: skip


@pytest.fixture(scope="module")
def mirrors() -> Iterator[Mirrors]:
    with many_mirrors() as mirrors:
        yield mirrors


def complaints(said: str, name: str) -> list[str]:
    return [line for line in said.splitlines() if line.startswith(f"tamizdat: target {name}: ")]


def test_all_healthy_targets_have_everything_while_others_are_dead_hang_lie_and_stand_still(
    mirrors: Mirrors, tmp_path: Path
) -> None:
    # A busy machine needs longer. Whoever waited for those that hang would never be done: they take all there is.
    for seconds in (5, 12, 25):
        thicket = Thicket(
            tmp_path / f"p{seconds}", mirrors, good=8, slow=1, dead=2, hanging=2, tampered=1, stale=1,
            publish=f'deadline = "{seconds}s"',
        )  # fmt: skip
        thicket.articles(4)
        thicket.world.seal()
        first = thicket.run("publish")
        healthy = {name for kind in ("good", "slow", "tampered", "stale") for name in thicket.names[kind]}
        if first.pushed.keys() == healthy:
            break
    assert first.status == 3
    assert first.pushed.keys() == healthy
    for name in thicket.names["hanging"]:
        (line,) = complaints(first.said, name)
        assert line.endswith(f"transient: deadline: not done in {seconds} s; the next run goes on from there")
    for name in thicket.names["dead"]:
        (line,) = complaints(first.said, name)
        assert "refused" in line
    with thicket.world.publication.archive() as archive, archive.state.reading() as tx:
        rows, head = {row.name: row for row in tx.targets()}, tx.head_seq()
    assert {name for name, row in rows.items() if row.cursor == head} == healthy
    assert {name: row.failures for name, row in rows.items() if row.failures} == {
        name: 1 for kind in ("dead", "hanging") for name in thicket.names[kind]
    }
    # After the third time they are left alone for a while, unless somebody insists.
    with thicket.world.publication.archive() as archive, archive.state.writing() as tx:
        for name in thicket.names["dead"]:
            tx.change_target(name, failures=2)
        for name in thicket.names["hanging"]:
            tx.change_target(name, next_try=stamp(datetime.now(UTC) + timedelta(hours=1)))
    assert "refused" in complaints(thicket.run("publish", *thicket.names["dead"]).said, "dead001")[0]
    requests = mirrors.ask("count")
    rested = thicket.run("publish")
    assert mirrors.ask("count") - requests <= 2 * len(healthy)  # only who is newest is asked
    for name in thicket.names["dead"]:
        (line,) = complaints(rested.said, name)
        assert "not tried again before " in line
        assert f"tamizdat publish {name}" in line
        assert "refused" in line


def test_ctrl_c_in_a_run_with_hanging_targets_ends_it_and_the_next_one_goes_on(
    mirrors: Mirrors, tmp_path: Path
) -> None:
    thicket = Thicket(tmp_path / "p", mirrors, good=1, hanging=2)
    thicket.articles(3)
    thicket.world.seal()
    for number in (signal.SIGINT, signal.SIGTERM):
        command = [sys.executable, "-c", RUN, "publish", "--no-progress", "--config", str(thicket.folder)]
        process = subprocess.Popen(
            command, cwd=ROOT, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
        )
        lock = thicket.folder / "state" / "lock"
        end = time.monotonic() + 60
        while f"pid {process.pid} " not in (lock.read_text() if lock.exists() else ""):
            assert time.monotonic() < end
            time.sleep(0.01)
        time.sleep(1.5)  # it asks the mirrors for a second, then it pushes
        process.send_signal(number)
        said: Any = process.communicate(timeout=60)[1]
        assert process.returncode == 130, said
        assert "stopped; nothing is lost" in said
    done = thicket.run("publish", "good000")
    assert done.status == 0, done.said
    with thicket.world.publication.archive() as archive, archive.state.reading() as tx:
        assert [tx.target(name).cursor for name in thicket.names["good"]] == [tx.head_seq()]
        # Being stopped is no failure of theirs.
        assert [tx.target(name).failures for name in thicket.names["hanging"]] == [0, 0]
