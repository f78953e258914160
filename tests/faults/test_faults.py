"""Whatever a run dies of, and wherever: the next one puts it right, and no reader ever saw anything wrong.

Every system call by which sealing and publishing change the disk is made to fail in turn: the process is killed there,
or told that the disk is full or broken. What is left is walked twice by `walk.py`, which shares no code with the
project: once as it lies (nothing may be promised that is not there), and once after a plain second run.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.archive import newsroom
from tests.faults.harness import (
    LOG,
    OPENS,
    PART,
    PUBLISHER,
    Bench,
    Fault,
    Point,
    Unrecovered,
    faults,
    points,
    trial,
    work_folder,
)
from tests.faults.walk import Broken, walk
from tests.needs import ROOT, missing, program

SAMPLE = 20
SIZE = "44"  # of the log in `whole`: a trust file, 41 articles, two editions


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    program("strace")
    with tempfile.TemporaryDirectory(dir=work_folder()) as above, Bench(Path(above)) as made:
        if made.run(strace=["-e", "trace=fsync"])["status"] is None:
            missing("permission to trace one's own processes (ptrace)")
        yield made


@pytest.fixture(scope="module")
def found(bench: Bench) -> list[Point]:
    bench.reset()
    return points(bench)


def test_every_way_of_changing_the_disk_is_among_the_faults(found: list[Point]) -> None:
    calls = {point.call for point in found}
    assert {"pwrite64", "write", "fsync", "fdatasync", "ftruncate"} <= calls
    assert calls & {"rename", "renameat", "renameat2"}
    assert calls & {"unlink", "unlinkat"}
    assert calls & set(OPENS)
    places = "\n".join(point.what for point in found)
    for place in ("/state/state.sqlite", "/state/staging/", "/archive/tile/", "/archive/checkpoint", "/target/front"):
        assert place in places
    # The one that seals, the one that has the target, the one that pushes.
    assert len({point.thread for point in found}) == 3
    assert len(found) > 500


def test_a_run_recovers_from_any_fault(bench: Bench, found: list[Point], everything: bool, exhaustive: bool) -> None:
    chosen = faults(found, sample=None if everything else SAMPLE, part=1 if exhaustive else PART)
    assert len(chosen) >= SAMPLE
    if not everything:
        wrong = _trials(bench, chosen)
    else:
        with (
            tempfile.TemporaryDirectory(dir=work_folder()) as above,
            Bench(Path(above), like=bench) as second,
            ThreadPoolExecutor(2) as pool,
        ):
            halves = pool.map(_trials, (bench, second), (chosen[::2], chosen[1::2]))
            wrong = [line for half in halves for line in half]
    assert not wrong, "\n".join(wrong)


def _trials(bench: Bench, chosen: list[Fault]) -> list[str]:
    wrong: list[str] = []
    for fault in chosen:
        try:
            trial(bench, fault)
        except Unrecovered as problem:
            wrong.append(f"{fault}\n    {problem}")
    return wrong


def test_the_command_itself_recovers_from_being_killed(bench: Bench, found: list[Point]) -> None:
    """As above with a new Python each time, as cron starts it."""
    rename = [point for point in found if point.call.startswith("rename") and point.thread == 0]
    # Python itself makes none of these calls before the run does.
    point = rename[len(rename) // 2]
    folder = bench.reset()
    command = [sys.executable, "-m", "tests.faults.driver", str(folder)]
    traced = ["strace", "-o", "/dev/null", *Fault(point, "kill").strace]
    killed = subprocess.run([*traced, *command], cwd=ROOT, capture_output=True, check=False)
    assert killed.returncode in (-9, 137)
    again = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    assert (again.returncode, again.stderr) == (0, b"")
    for tree in ("archive", "target"):
        walk(folder / tree, log=LOG, publisher=PUBLISHER, expected=bench.expected)


# --- is the walk worth anything? ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "publication"
    with newsroom.create(folder) as archive, archive.locked():
        newsroom.fill(archive, 40)
        newsroom.seal(archive, newsroom.at(60))
        archive.add_many([newsroom.addition(3, revision=2, picture=b"new", long=True)])
        newsroom.seal(archive, newsroom.at(120))
    return folder


def _walk(tree: Path, history: list[bytes] | None = None) -> None:
    walk(tree, log=LOG, publisher=PUBLISHER, history=history or [])


@pytest.mark.parametrize(
    "pattern", ["o/*/*", "proof/*/*", "tile/0/*.p/*", "tile/entries/*.p/*", "checkpoint", "front", "trust/*.json"]
)
def test_the_walk_sees_what_is_missing_and_what_was_changed(whole: Path, pattern: str) -> None:
    tree = whole / "archive"
    _walk(tree)
    found = sorted(tree.glob(pattern))
    assert found
    for path in found:
        data = path.read_bytes()
        # A partial tile of an earlier size may be missing; a changed one may not be there.
        if path.parent.suffix != ".p" or path.name == SIZE:
            path.unlink()
            with pytest.raises(Broken):
                _walk(tree)
        if path.suffix != ".json":  # TUF's signatures are not the walk's business
            middle = len(data) // 2
            path.write_bytes(data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :])
            with pytest.raises(Broken):
                _walk(tree)
        path.write_bytes(data)
    _walk(tree)


def test_the_walk_sees_a_fork_and_a_rollback(whole: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    with newsroom.create(other) as archive, archive.locked():
        newsroom.fill(archive, 2, first=900)
        newsroom.seal(archive, newsroom.at(60))
    elsewhere = (other / "archive" / "checkpoint").read_bytes()
    with pytest.raises(Broken, match="FORK"):
        _walk(whole / "archive", [elsewhere])
    with pytest.raises(Broken, match="went back"):
        _walk(other / "archive", [(whole / "archive" / "checkpoint").read_bytes()])


def test_the_walk_sees_what_nothing_names(whole: Path) -> None:
    stray = whole / "archive" / "o" / "ab" / ("0" * 62)
    stray.parent.mkdir(exist_ok=True)
    stray.write_bytes(b"who am I")
    with pytest.raises(Broken, match="named by nothing"):
        _walk(whole / "archive")
    stray.unlink()


def test_the_publication_to_break_is_at_the_edge_of_everything(bench: Bench) -> None:
    tree = bench.reset() / "archive"
    before = walk(tree, log=LOG, publisher=PUBLISHER)
    assert before.head.size == 254
    assert not (tree / "tile/1").exists()
    assert bench.run()["status"] == 0
    after = walk(tree, log=LOG, publisher=PUBLISHER, expected=bench.expected)
    assert after.head.size == 258
    assert (tree / "tile/1/000.p/1").exists()
    assert not list(tree.glob("tile/0/000.p/*"))
    assert before.objects - after.objects, "nothing was pruned"
