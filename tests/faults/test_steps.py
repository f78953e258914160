"""Whatever signs is killed at random, over and over, each time on top of what the crash before left; now and then the
disk is put back to an older copy. A monitor and a witness that see everything from outside never see a second history.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mirror.publication import Publication
from tests.faults import steps
from tests.faults.harness import PUBLISHER, Bench, Fault, Point, points, work_folder
from tests.faults.walk import Broken, Key, load, walk
from tests.needs import ROOT, chance, missing, program
from tests.witness.servers import witness

CRASHES = 200
MANY = 60  # of them in CI, at other places with every change of the program
SAMPLE = 10


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    program("strace")
    with tempfile.TemporaryDirectory(dir=work_folder()) as above, Bench(Path(above)) as made:
        if made.run(strace=["-e", "trace=fsync"])["status"] is None:
            missing("permission to trace one's own processes (ptrace)")
        yield made


@contextmanager
def _monitor(mirror: Path, url: str) -> Iterator[subprocess.Popen[str]]:
    keys = [steps.log_key(year).verifier.text for year in steps.YEARS]
    with subprocess.Popen(
        [sys.executable, "-m", "tests.faults.monitor", str(mirror), url, *keys],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        try:
            yield process
        finally:
            process.kill()


class Chain:
    """A publication in the bench's place, and its backups."""

    def __init__(self, bench: Bench, chance: random.Random) -> None:
        self.bench, self.chance = bench, chance
        self.folder = bench.folder
        self.number = 0
        self.backups: list[Path] = []
        self.told: Counter[str] = Counter()

    def step(self, name: str, fault: Fault | None = None) -> int:
        """The exit status of one step; -9 when it was killed."""
        self.number += 1
        words = ("--step", name, str(self.number))
        thread = fault.point.thread if fault else 0
        done = self.bench.run(*words, strace=fault.strace if fault else None, thread=thread)
        assert done["status"] in (0, -9), (name, str(fault), done["said"])
        self.told[name + (" killed" if done["status"] else "")] += 1
        return int(done["status"])

    def publish(self, monitor: subprocess.Popen[str]) -> None:
        """A seal that nothing disturbs, and that the monitor has seen."""
        self.step("seal")
        assert monitor.stdin is not None
        assert monitor.stdout is not None
        monitor.stdin.write("look\n")
        monitor.stdin.flush()
        said = monitor.stdout.readline()
        assert said == "looked\n", said

    def points(self, name: str) -> list[Point]:
        self.number += 1
        return points(self.bench, "--step", name, str(self.number))

    def back_up(self) -> None:
        to = self.folder.with_name(f"backup-{len(self.backups)}")
        for part in ("archive", "state"):
            shutil.copytree(self.folder / part, to / part)
        self.backups.append(to)

    def put_back(self, *parts: str) -> None:
        backup = self.chance.choice(self.backups)
        # Not the archive folder alone: what was sealed and not yet published was nowhere else.
        for part in parts or self.chance.choice([("archive", "state"), ("archive", "state"), ("state",)]):
            shutil.rmtree(self.folder / part)
            shutil.copytree(backup / part, self.folder / part)
        self.told["put back"] += 1


def test_no_crash_and_no_old_copy_ever_makes_a_second_history(bench: Bench, everything: bool, exhaustive: bool) -> None:
    wanted = CRASHES if exhaustive else MANY if everything else SAMPLE
    drawn, seed = chance("steps")
    if bench.folder.exists():
        shutil.rmtree(bench.folder)
    chain = Chain(bench, drawn)
    keys = [steps.log_key(year).verifier for year in steps.YEARS]
    with witness(bench.folder.with_name("witness"), *keys) as watching:
        steps.make(bench.folder, watching.line("w1"))
        with _monitor(bench.folder / "target", watching.url) as monitor:
            for _ in range(3):
                chain.publish(monitor)
            found = {name: chain.points(name) for name in steps.STEPS}
            chain.back_up()
            chain.publish(monitor)
            chain.put_back("state")
            chain.step("freeze")  # before anything else has put it right
            killed = 0
            tries = 0
            while killed < wanted:
                tries += 1
                assert tries < 3 * wanted + 20, f"seed {seed}: the kills miss"
                if tries % 4 == 0:
                    # Only what was published can be taken over again: what just a witness saw was lost with the disk.
                    chain.publish(monitor)
                    if tries % 8 == 0:
                        chain.back_up()
                    chain.put_back()
                name = drawn.choice(steps.STEPS)
                killed += chain.step(name, Fault(drawn.choice(found[name]), "kill")) == -9
            chain.publish(monitor)
            chain.step("refresh")
            said = json.loads(monitor.communicate("", timeout=60)[0].splitlines()[-1])
    assert said["problem"] is None, f"seed {seed}: {said}"
    assert monitor.returncode == 0
    assert said["published"] >= 5, (seed, said, chain.told)
    assert len(said["logs"]) >= 2
    _is_whole(bench.folder, seed)


def _is_whole(folder: Path, seed: str) -> None:
    """Archive and mirror are the same, and right, and nothing is left over."""
    publication = Publication.open(folder)
    tree = folder / "archive"
    with publication.archive() as archive:
        logs = archive.logs()
    by_origin = {steps.log_key(year).name: steps.log_key(year).verifier.text for year in steps.YEARS}
    closed = [(log.path, Key.of(by_origin[log.origin])) for log in logs[:-1]]
    one, other = load(tree), load(folder / "target")
    # Which of several valid proofs of an entry is there may differ after proofs were begun to be made anew.
    differ = sorted(path for path in one if one[path] != other.get(path) and not path.startswith("proof/"))
    assert differ == [], f"seed {seed}: archive and mirror differ"
    for files, strict in ((one, True), (other, False)):
        try:
            walk(
                files,
                log=Key.of(by_origin[logs[-1].origin]),
                publisher=PUBLISHER,
                strict=strict,
                below=logs[-1].path,
                closed=closed,
            )
        except Broken as problem:
            raise AssertionError(f"seed {seed}: {problem}") from problem
    left = [path for name in ("tmp", "staging") for path in (folder / "state" / name).iterdir()]
    assert not left, f"seed {seed}: left over: {left}"
