"""The command itself, as cron calls it: killed at random moments while it fetches, called twice, with a wrong clock."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mirror import config_edit, sample
from mirror.publication import Publication
from tests.faults.walk import Key, Walked, gunzip, walk
from tests.needs import ROOT, chance, program

CHAINS, MANY, SAMPLE = 12, 3, 1  # with `--all`, in CI, else; of so many kills each, and then an undisturbed run
KILLS = 3
# Killed after the first seal and before the first push: the truth, and what an operator must hear after a restore.
NOBODY_TO_ASK = (
    "tamizdat: no mirror has a checkpoint and no witness answered, so nobody could be asked whether this archive is "
    "the newest\n"
)


def command(publication: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "mirror.cli", *words, "--no-progress", "--config", str(publication)]


def call(publication: Path, *words: str, before: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*before, *command(publication, *words)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=120,
        env={**os.environ, "DONT_FAKE_MONOTONIC": "1"},
    )  # fmt: skip


def make(folder: Path, outlet: str | None = None) -> Path:
    """A publication with a folder as its target."""
    assert main_init(folder).returncode == 0
    path = folder / "tamizdat.toml"
    path.write_text(path.read_text().replace('# per_host_delay = "1s"', "per_host_delay = 0"))
    (folder / "target").mkdir()
    config_edit.add_target(path, name="folder", url=str(folder / "target"))
    if outlet is not None:
        feeds = [f"{outlet}/{language}/feed.xml" for language in ("en", "fa")]
        config_edit.add_outlet(path, id="lantern", name="Lantern", url=outlet, feeds=feeds, allow_private=True)
    return folder


def main_init(folder: Path) -> subprocess.CompletedProcess[bytes]:
    words = [sys.executable, "-m", "mirror.cli", "init", str(folder), "--name", "Test", "--origin", "test.example"]
    return subprocess.run(words, cwd=ROOT, capture_output=True, check=False)


@dataclass
class Trees:
    """Both trees of a publication, walked, and what was seen of them before."""

    folder: Path
    history: dict[str, list[bytes]] = field(default_factory=dict)

    def walk(self, *, strict: bool) -> list[Walked]:
        """What is in those of the trees that have a checkpoint by now."""
        keys = Publication.open(self.folder).keys()
        found = []
        for name in ("archive", "target"):
            tree = self.folder / name
            seen = self.history.setdefault(name, [])
            if not (tree / "front").exists():
                # The very first time: the front comes after the checkpoint, and nothing was ever there before.
                assert not strict
                assert not seen
                continue
            log, publisher = (Key.of(key.verifier.text) for key in (keys.log, keys.publisher))
            found.append(walk(tree, log=log, publisher=publisher, strict=strict, history=seen))
            seen.append((tree / "checkpoint").read_bytes())
        return found

    def urls(self) -> Counter[str]:
        """The address of every article in the log, as often as it is there."""
        archive, target = self.walk(strict=True)
        assert archive == target
        found = Counter[str]()
        for digest in archive.articles:
            bundle = gunzip((self.folder / "archive" / "o" / digest[:2] / digest[2:]).read_bytes())
            found[json.loads(bundle.partition(b"\n\n")[0])["url"]] += 1
        return found


@pytest.fixture(scope="module")
def outlet() -> Iterator[sample.SampleOutlet]:
    with sample.serve() as outlet:
        yield outlet


def test_a_run_killed_while_it_fetches_loses_nothing_and_doubles_nothing(
    outlet: sample.SampleOutlet, tmp_path: Path, everything: bool, exhaustive: bool
) -> None:
    undisturbed = make(tmp_path / "undisturbed", outlet.url)
    began = time.monotonic()
    done = call(undisturbed, "run")
    seconds = time.monotonic() - began
    assert done.returncode == 0, done.stderr
    expected = Trees(undisturbed).urls()
    assert len(expected) >= 6
    assert set(expected.values()) == {1}

    drawn, _ = chance("kills")
    for chain in range(CHAINS if exhaustive else MANY if everything else SAMPLE):
        folder = make(tmp_path / f"chain-{chain}", outlet.url)
        trees = Trees(folder)
        story: list[str] = []
        for _ in range(KILLS):
            moment = drawn.uniform(0.2, 1.0) * seconds
            status = _killed_after(moment, folder)
            story.append(f"{status} after {moment:.2f} s")
            trees.walk(strict=False)
        never_pushed = not (folder / "target" / "checkpoint").exists()
        again = call(folder, "run")
        assert again.returncode == 0, story
        assert again.stderr in ("", NOBODY_TO_ASK if never_pushed else ""), story
        assert trees.urls() == expected, story
        assert [*(folder / "state" / "tmp").iterdir(), *(folder / "state" / "staging").iterdir()] == [], story


def _killed_after(seconds: float, folder: Path) -> int:
    """The exit status of a run that is killed then, if it is still there. Its children must go too: they are told apart
    by their session."""
    with subprocess.Popen(
        command(folder, "run"), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as process:
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
    until = time.monotonic() + 20
    while left := _session(process.pid):
        assert time.monotonic() < until, f"still there after their run was killed: {left}"
        time.sleep(0.05)
    return process.returncode


def _session(leader: int) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, session = path.read_text().rpartition(") ")[2].split()[:4]
            if int(session) == leader and state != "Z":
                found.append((path.parent / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


KILLED = """
import os, signal, sys
from mirror import cli
from mirror.targets.file import FileTarget

place, *words = sys.argv[1:]
replace, flush = os.replace, FileTarget.flush

def die_first(old, new):
    if os.path.abspath(new) == place:
        os.kill(os.getpid(), signal.SIGKILL)
    replace(old, new)

def die_before_it_is_noted(target):
    if place.endswith("/the first batch"):
        os.kill(os.getpid(), signal.SIGKILL)
    flush(target)

os.replace, FileTarget.flush = die_first, die_before_it_is_noted
sys.exit(cli.main(words))
"""


@pytest.mark.parametrize(
    ("moment", "moved"),
    [("the first batch", False), ("checkpoint", False), ("front", False), ("the first batch", True)],
)
def test_a_first_push_that_was_cut_off_is_completed_by_the_next_run(tmp_path: Path, moment: str, moved: bool) -> None:
    folder = make(tmp_path / "publication")
    target = folder / "target"
    if moved:  # under the name of a target that has everything
        assert call(folder, "run").returncode == 0
        target = folder / "elsewhere"
        target.mkdir()
        path = folder / "tamizdat.toml"
        path.write_text(path.read_text().replace(str(folder / "target"), str(target)))
    command = [sys.executable, "-c", KILLED, str(target / moment), "run", "--no-progress", "--config", str(folder)]
    killed = subprocess.run(command, cwd=ROOT, capture_output=True, check=False, timeout=120)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert (target / "trust/1.root.json").exists()
    assert (target / "checkpoint").exists() == (moment == "front")
    again = call(folder, "run")
    assert again.returncode == 0, again.stderr
    assert "shows none any more" not in again.stderr
    assert _files(target) == _files(folder / "archive")


def test_a_target_that_its_host_emptied_is_filled_again_and_one_that_lost_its_checkpoint_is_explained(
    tmp_path: Path,
) -> None:
    folder = make(tmp_path / "publication")
    target = folder / "target"
    assert call(folder, "run").returncode == 0
    shutil.rmtree(target)
    target.mkdir()
    assert call(folder, "seal", "--force").returncode == 0
    filled = call(folder, "run")
    assert filled.returncode == 0
    assert filled.stderr.splitlines()[-1] == (
        "tamizdat: target folder: it had been emptied, everything was pushed there again"
    )
    assert _files(target) == _files(folder / "archive")

    (target / "checkpoint").unlink()
    assert call(folder, "seal", "--force").returncode == 0
    shown = _files(target)
    refused = call(folder, "run")
    assert refused.returncode == 3
    (line,) = [one for one in refused.stderr.splitlines() if one.startswith("tamizdat: target folder: ")]
    assert "shows none any more" in line
    assert "`tamizdat target remove folder`, then `tamizdat target add`" in line
    assert _files(target) == shown
    assert call(folder, "target", "remove", "folder").returncode == 0
    assert call(folder, "target", "add", "folder", str(target)).returncode == 0
    again = call(folder, "run")
    assert again.returncode == 0, again.stderr
    assert _files(target) == _files(folder / "archive")


def _files(tree: Path) -> dict[str, bytes]:
    return {str(path.relative_to(tree)): path.read_bytes() for path in tree.rglob("*") if path.is_file()}


def test_two_runs_at_once_one_works_and_the_other_exits_75(outlet: sample.SampleOutlet, tmp_path: Path) -> None:
    folder = make(tmp_path / "publication", outlet.url)
    first = subprocess.Popen(
        command(folder, "run"), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    lock = folder / "state" / "lock"
    until = time.monotonic() + 60
    while not (lock.exists() and f"pid {first.pid} " in lock.read_text()):
        assert first.poll() is None
        assert time.monotonic() < until
        time.sleep(0.01)
    first.send_signal(signal.SIGSTOP)  # it stays at work until the other one has come and gone
    try:
        second = call(folder, "run")
    finally:
        first.send_signal(signal.SIGCONT)
    assert second.returncode == 75
    error, hint = second.stderr.splitlines()
    assert error.startswith(f"tamizdat: error: {lock}: another run holds the lock (process {first.pid}, since ")
    assert hint.startswith("tamizdat: hint: ")
    said = first.communicate(timeout=120)[1]
    assert (first.returncode, said) == (0, "")
    assert set(Trees(folder).urls().values()) == {1}


def test_with_a_clock_that_went_back_nothing_is_signed_until_it_is_right_again(tmp_path: Path) -> None:
    faketime = program("faketime")
    folder = make(tmp_path / "publication")
    assert call(folder, "run").returncode == 0
    trees = Trees(folder)
    trees.walk(strict=True)
    signed = _signed(folder)
    for words in (("run",), ("seal", "--force")):
        refused = call(folder, *words, before=[faketime, "-f", "-2h"])
        assert refused.returncode == 1, refused.stderr
        errors = [line for line in refused.stderr.splitlines() if line.startswith("tamizdat: error: ")]
        assert len(errors) == 1, refused.stderr
        assert "clock" in errors[0]
        assert len(refused.stderr.splitlines()) <= 2
        assert _signed(folder) == signed
    again = call(folder, "seal", "--force")
    assert (again.returncode, again.stderr) == (0, "")
    assert call(folder, "run").returncode == 0
    assert _signed(folder) != signed
    assert [one.editions for one in trees.walk(strict=True)] == [2, 2]


def _signed(folder: Path) -> dict[str, bytes]:
    """All that readers get."""
    trees = (folder / name for name in ("archive", "target"))
    return {str(path): path.read_bytes() for tree in trees for path in tree.rglob("*") if path.is_file()}
