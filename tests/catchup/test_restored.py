"""Yesterday's archive and keys are put back, and `run` is called: no fork, no lost entry, no index twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from mirror.archive import Rollback
from tests.catchup.desk import Desk
from tests.faults.walk import Broken


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    made = Desk.make(tmp_path)
    made.run(made.additions(7))
    return made


def test_a_restored_archive_catches_up_and_goes_on(desk: Desk) -> None:
    backup = desk.copy("yesterday")
    desk.run([*desk.additions(40), desk.revision(2, 2)])
    desk.run(desk.additions(3))
    desk.run([desk.revision(2, 3), *desk.additions(30)])
    lost = desk.walk()
    desk.restore(backup)
    report = desk.run(desk.additions(2))
    assert report.status == 0
    assert report.caught_up is not None
    assert report.caught_up.entries == lost.head.size - 9
    after = desk.check()
    assert after.head.size == lost.head.size + 3
    assert after.articles[: len(lost.articles)] == lost.articles
