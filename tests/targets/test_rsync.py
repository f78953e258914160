"""rsync over SSH, on OpenSSH with a shell and with a key restricted to rrsync; and what happens when it goes wrong."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pytest

from mirror.targets import Retrying, Target, TargetError, open_target
from mirror.targets._ssh import read_login
from mirror.targets.rsync import RsyncTarget
from tests.needs import program
from tests.servers.sshd import Sshd, sshd
from tests.targets.suite import ODD_KEYS, PLAIN, TargetSuite
from tests.targets.test_sftp import from_files, refusal

FRESH = itertools.count(1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    program("rsync")
    with sshd(tmp_path_factory.mktemp("sshd") / "s") as server:
        yield server


def place(server: Sshd) -> Path:
    made = server.data / f"n{next(FRESH)}"
    made.mkdir()
    return made


def opened(server: Sshd, path: Path | str, state: Path, **settings: str) -> Target:
    url = server.url("rsync", path)
    return open_target("friend", url, server.settings(**settings), from_files, state=state)


class TestRsync(TargetSuite, scheme="rsync"):
    @pytest.fixture
    def again(self, server: Sshd, tmp_path: Path) -> Callable[[], Target]:
        folder = place(server)
        return lambda: opened(server, folder, tmp_path)

    # A run of rsync for each operation makes these two dear, so all names go together, and who looks reads the disk.

    def test_odd_names_are_kept_as_they_are(self, target: Target) -> None:  # type: ignore[override]
        for key in ODD_KEYS:
            target.put(key, key.encode(), PLAIN)
        assert list(target.list()) == sorted(ODD_KEYS)
        with ThreadPoolExecutor(len(ODD_KEYS)) as pool:
            assert list(pool.map(target.get, ODD_KEYS)) == [key.encode() for key in ODD_KEYS]
        target.delete(ODD_KEYS)
        assert list(target.list()) == []

    def test_a_reader_sees_the_old_pointer_or_the_new_one_but_never_half(
        self, target: Target, again: Callable[[], Target], server: Sshd
    ) -> None:
        versions = (b"a" * 200_000, b"b" * 30_000)
        target.commit({"front": versions[0]})
        front = max(server.data.glob("n*/front"), key=lambda found: found.stat().st_mtime)
        done, seen = threading.Event(), set()

        def read() -> None:
            while not done.is_set():
                seen.add(front.read_bytes())

        with ThreadPoolExecutor(1) as pool:
            reader = pool.submit(read)
            for turn in range(1, 6):
                target.commit({"front": versions[turn % 2]})
            done.set()
            reader.result()
        assert seen == set(versions)


# --- keys that may do one thing only --------------------------------------------------------------------------------


def restricted(server: Sshd, command: str) -> None:
    """Lets the key in for this command alone; `%` stands for the server's data."""
    public = (server.folder / "key.pub").read_text()
    line = command.replace("%", str(server.data))
    (server.folder / "authorized").write_text(f'command="{line}",restrict {public}')


@pytest.fixture
def narrow(server: Sshd) -> Iterator[Sshd]:
    """The same server, its key to be restricted by the test."""
    before = (server.folder / "authorized").read_text()
    yield server
    (server.folder / "authorized").write_text(before)


def test_a_key_restricted_to_rrsync_is_enough(narrow: Sshd, tmp_path: Path) -> None:
    folder = place(narrow)
    restricted(narrow, f"{program('rrsync')} %")
    target = opened(narrow, f"/{folder.name}", tmp_path)
    checks = list(target.probe())
    assert [(check.name, check.detail) for check in checks if not check.ok] == []
    target.put("новости/with space", b"1", PLAIN)
    target.commit({"front": b"2"})
    assert target.get("front", cap=10) == b"2"
    assert list(target.list()) == ["front", "новости/with space"]
    target.delete(["front"])
    assert not (folder / "front").exists()
    target.close()
    assert (folder / "новости/with space").read_bytes() == b"1"


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        ("rrsync -ro %", "forbidden"),
        ("rrsync %/missing", "no_container"),
        ("internal-sftp", "config"),
        ("echo Welcome to my server; rsync --server", "config"),
        ("sh -c 'no-such-rsync --server'", "unsupported"),
        ("exit 1", "transient"),
    ],
)
def test_what_an_account_may_not_do_is_named(narrow: Sshd, tmp_path: Path, command: str, kind: str) -> None:
    restricted(narrow, command.replace("rrsync", program("rrsync")))
    target = opened(narrow, narrow.data if "rrsync" not in command else "/", tmp_path)
    inner = target.inner if isinstance(target, Retrying) else target
    error = refusal(inner)
    assert error.kind == kind, error


# --- when the way is bad --------------------------------------------------------------------------------------------


def test_a_flush_whose_connection_is_killed_sends_the_rest_the_next_time(server: Sshd, tmp_path: Path) -> None:
    root = place(server)
    target = opened(server, root, tmp_path)
    target.put("first", b"1", PLAIN)
    target.flush()
    files = {f"o/{number}": os.urandom(3_000_000) for number in range(12)}
    for key, data in files.items():
        target.put(key, data, PLAIN)
    with ThreadPoolExecutor(1) as pool:
        flushing = pool.submit(target.flush)
        for _ in range(400):
            if (root / "o").exists() or flushing.done():
                break
            time.sleep(0.005)
        server.signal_sessions(signal.SIGKILL)
        flushing.result()
    assert {key: (root / key).read_bytes() for key in files} == files
    target.close()
    assert not list(tmp_path.glob("spool-*"))


def test_a_server_that_hangs_is_given_up_and_close_ends_it_sooner(tmp_path: Path) -> None:
    with sshd(tmp_path / "s") as server:
        login = read_login("friend", "rsync", server.url("rsync"), server.settings())
        target = RsyncTarget(name="friend", login=login, secret=from_files, state=tmp_path / "state", idle_seconds=2)
        target.put("one", b"1", PLAIN)
        target.flush()
        server.signal_sessions(signal.SIGSTOP)
        target.put("two", b"2", PLAIN)
        with pytest.raises(TargetError) as caught:
            target.flush()
        assert caught.value.kind == "transient"
        target.close()
        again = RsyncTarget(name="friend", login=login, secret=from_files, state=tmp_path / "state")
        again.put("one", b"1", PLAIN)
        again.flush()
        server.signal_sessions(signal.SIGSTOP)
        with ThreadPoolExecutor(1) as pool:
            hanging = pool.submit(again.get, "one")
            assert not wait([hanging], timeout=0.5).done
            again.close()
            assert isinstance(hanging.exception(timeout=20), TargetError)


def test_no_secret_is_on_disk_or_in_the_arguments(server: Sshd, tmp_path: Path) -> None:
    target = opened(server, place(server), tmp_path)
    target.put("one", b"1", PLAIN)
    target.flush()
    secret = server.key.read_text().splitlines()[2]
    inner = target.inner if isinstance(target, Retrying) else target
    assert isinstance(inner, RsyncTarget)
    assert secret not in " ".join(inner._ssh)
    files = [each for folder in (tmp_path, Path(str(inner._sockets))) for each in folder.rglob("*") if each.is_file()]
    assert files
    assert not [each for each in files if secret.encode() in each.read_bytes()]
    target.close()
    assert not Path(str(inner._sockets)).exists()


def test_what_a_killed_process_left_on_this_side_goes_away(server: Sshd, tmp_path: Path) -> None:
    code = """
import os, sys
from mirror.targets import open_target, meta_for
from pathlib import Path
url, key, host, state = sys.argv[1:]
secret = lambda ref: open(ref[5:]).read().rstrip()
target = open_target("t", url, {"key": key, "host_key": host}, secret, state=Path(state))
target.put("one", b"1", meta_for("one"))
os._exit(9)
"""
    root = place(server)
    command = [
        sys.executable,
        "-c",
        code,
        server.url("rsync", root),
        str(server.key),
        server.fingerprint,
        str(tmp_path),
    ]
    assert subprocess.run(command, check=False).returncode == 9
    assert len(list(tmp_path.glob("spool-*"))) == 1
    target = opened(server, root, tmp_path)
    target.put("two", b"2", PLAIN)
    target.flush()
    assert len(list(tmp_path.glob("spool-*"))) == 1
    target.close()
    assert list(tmp_path.glob("spool-*")) == []
