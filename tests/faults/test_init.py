"""Whatever an `init` dies of, and wherever: no half publication, no mixed keys, and the next one works."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mirror import publication as publications
from mirror.archive import lock
from mirror.errors import Busy, UsageError
from tests.faults.harness import Bench, Unrecovered, faults, work_folder
from tests.faults.initial import Start, check_whole, trial
from tests.needs import missing, program

SAMPLE = 9


@pytest.fixture(scope="module")
def above() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=work_folder()) as above:
        yield Path(above)


@pytest.fixture(scope="module")
def start(above: Path) -> Iterator[Start]:
    program("strace")
    with Bench(above) as bench:
        if bench.run("--init", strace=["-e", "trace=fsync"])["status"] is None:
            missing("permission to trace one's own processes (ptrace)")
        yield Start(bench)


def _trials(start: Start, *, everything: bool) -> list[str]:
    wrong: list[str] = []
    for fault in faults(start.points, sample=None if everything else SAMPLE):
        try:
            trial(start, fault)
        except Unrecovered as problem:
            wrong.append(f"{fault}\n    {problem}")
    return wrong


def test_an_init_recovers_from_any_fault(start: Start, everything: bool) -> None:
    places = "\n".join(point.what for point in start.points)
    for place in ("/keys/root.key", "/state/state.sqlite", "/archive/trust/", "/tamizdat.toml"):
        assert place in places
    wrong = _trials(start, everything=everything)
    assert not wrong, "\n".join(wrong)


def test_an_init_after_an_interrupted_one_recovers_from_any_fault(start: Start, above: Path, everything: bool) -> None:
    second = start.interrupted(above / "interrupted")
    assert any(point.call.startswith("unlink") and "root.key" in point.what for point in second.points)
    wrong = _trials(second, everything=everything)
    assert not wrong, "\n".join(wrong)


# --- what it must not touch ---------------------------------------------------------------------------------


def _create(folder: Path) -> publications.Created:
    return publications.create(folder, name="Test", origin="test.example", now=datetime.now(UTC))


def test_a_publication_that_is_there_is_left_alone(tmp_path: Path) -> None:
    made = _create(tmp_path / "new")
    # As when it was killed after the last move.
    (tmp_path / "new" / ".tamizdat-init-x").mkdir()
    for lost in (None, "tamizdat.toml"):
        if lost:
            (tmp_path / "new" / lost).rename(tmp_path / lost)
        with pytest.raises(UsageError, match="nothing was changed" if not lost else "not an empty folder"):
            _create(tmp_path / "new")
    (tmp_path / "tamizdat.toml").rename(tmp_path / "new" / "tamizdat.toml")
    check_whole(tmp_path / "new")
    assert publications.Publication.open(tmp_path / "new").fingerprint() == made.fingerprint


@pytest.mark.parametrize("name", ["letter.txt", ".tamizdat-init-x", "keys"])
def test_what_is_not_ours_is_not_removed(tmp_path: Path, name: str) -> None:
    (tmp_path / name).symlink_to("/nowhere")
    with pytest.raises(UsageError, match="not an empty folder"):
        _create(tmp_path)
    assert os.listdir(tmp_path) == [name]


def test_of_two_inits_at_once_one_is_told_to_wait(tmp_path: Path) -> None:
    with lock.only_one(tmp_path), pytest.raises(Busy, match="another `tamizdat init`"):
        _create(tmp_path)
    check_whole(_create(tmp_path).publication.folder)
