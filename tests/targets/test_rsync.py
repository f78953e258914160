"""rsync over SSH, on OpenSSH with a shell and with a key restricted to rrsync; and what happens when it goes wrong."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mirror.targets import Target, open_target
from tests.needs import program
from tests.servers.sshd import Sshd, sshd
from tests.targets.suite import ODD_KEYS, PLAIN, TargetSuite
from tests.targets.test_sftp import from_files

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
