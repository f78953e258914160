"""Two runs at once: one works, the other says so and ends with status 75."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mirror.archive import lock
from mirror.errors import Busy
from tests.needs import ROOT

HOLD = """
import sys, time
from pathlib import Path
from mirror.archive import lock
with lock.locked(Path(sys.argv[1]), now="2027-03-01T08:00:00Z"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lock"


def hold(path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def end(process: subprocess.Popen[str]) -> None:
    process.communicate()


def test_a_second_one_is_told_who_holds_it_and_since_when(path: Path) -> None:
    process = hold(path)
    try:
        since = rf"process {process.pid}, since 2027-03-01T08:00:00Z"
        with pytest.raises(Busy, match=since) as caught, lock.locked(path, now="2027-03-01T09:00:00Z"):
            pass
        assert caught.value.status == 75
        assert lock.holder(path) == lock.Holder(pid=process.pid, since="2027-03-01T08:00:00Z", held=True)
    finally:
        end(process)
    assert lock.holder(path) is None
    assert path.exists(), "removing the file would let two in"


def test_a_killed_holder_leaves_no_lock_but_a_note(path: Path) -> None:
    process = hold(path)
    process.kill()
    end(process)
    with lock.locked(path, now="2027-03-01T09:00:00Z") as dead:
        assert dead == lock.Holder(pid=process.pid, since="2027-03-01T08:00:00Z", held=False)
    with lock.locked(path, now="2027-03-01T10:00:00Z") as dead:
        assert dead is None


def test_a_stopped_holder_still_holds_it(path: Path) -> None:
    process = hold(path)
    try:
        os.kill(process.pid, signal.SIGSTOP)
        with pytest.raises(Busy), lock.locked(path, now="2027-03-01T09:00:00Z"):
            pass
        os.kill(process.pid, signal.SIGCONT)
    finally:
        end(process)
    with lock.locked(path, now="2027-03-01T09:00:00Z"):
        pass


def test_waiting_gets_it_as_soon_as_it_is_free(path: Path) -> None:
    process = hold(path)
    assert process.stdin is not None
    began = time.monotonic()
    with pytest.raises(Busy), lock.locked(path, now="x", wait=0.3):
        pass
    assert time.monotonic() - began >= 0.3
    process.stdin.close()
    with lock.locked(path, now="2027-03-01T09:00:00Z", wait=30):
        pass
    assert process.stdout is not None
    process.stdout.close()
    process.wait()


def test_a_run_that_failed_leaves_its_note(path: Path) -> None:
    with pytest.raises(RuntimeError), lock.locked(path, now="2027-03-01T09:00:00Z"):
        raise RuntimeError
    left = lock.holder(path)
    assert left == lock.Holder(pid=os.getpid(), since="2027-03-01T09:00:00Z", held=False)


def test_nonsense_in_the_lock_file_is_nobody(path: Path) -> None:
    path.write_bytes(b"\xff\xfe pid what")
    assert lock.holder(path) is None
    with lock.locked(path, now="2027-03-01T09:00:00Z") as dead:
        assert dead is None
