"""Whatever an `init` dies of, and wherever: no half publication, no mixed keys, and the next one works."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mirror import publication as publications
from mirror.archive import lock
from mirror.errors import Busy, UsageError
from tests.faults.harness import PART, Bench, Unrecovered, faults, work_folder
from tests.faults.initial import Start, check_whole, trial
from tests.needs import missing, program

SAMPLE = 9


@pytest.fixture(scope="module")
def starts(everything: bool) -> Iterator[list[Start]]:
    """Where there is nothing yet; two of them, to work side by side, when there is much to do."""
    program("strace")
    with contextlib.ExitStack() as stack:
        found: list[Start] = []
        for _ in range(2 if everything else 1):
            above = stack.enter_context(tempfile.TemporaryDirectory(dir=work_folder()))
            bench = stack.enter_context(Bench(Path(above), like=found[0].bench if found else None))
            if bench.run("--init", strace=["-e", "trace=fsync"])["status"] is None:
                missing("permission to trace one's own processes (ptrace)")
            found.append(Start(bench))
        yield found


def _trials(starts: list[Start], *, everything: bool, exhaustive: bool) -> list[str]:
    chosen = faults(starts[0].points, sample=None if everything else SAMPLE, part=1 if exhaustive else PART)

    def some(number: int) -> list[str]:
        wrong: list[str] = []
        for fault in chosen[number :: len(starts)]:
            try:
                trial(starts[number], fault)
            except Unrecovered as problem:
                wrong.append(f"{fault}\n    {problem}")
        return wrong

    with ThreadPoolExecutor(len(starts)) as pool:
        return [line for part in pool.map(some, range(len(starts))) for line in part]


def test_an_init_recovers_from_any_fault(starts: list[Start], everything: bool, exhaustive: bool) -> None:
    places = "\n".join(point.what for point in starts[0].points)
    for place in ("/keys/root.key", "/state/state.sqlite", "/archive/trust/", "/tamizdat.toml"):
        assert place in places
    wrong = _trials(starts, everything=everything, exhaustive=exhaustive)
    assert not wrong, "\n".join(wrong)


def test_an_init_after_an_interrupted_one_recovers_from_any_fault(
    starts: list[Start], everything: bool, exhaustive: bool, tmp_path: Path
) -> None:
    second = [start.interrupted(tmp_path / str(number)) for number, start in enumerate(starts)]
    assert any(point.call.startswith("unlink") and "root.key" in point.what for point in second[0].points)
    wrong = _trials(second, everything=everything, exhaustive=exhaustive)
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
