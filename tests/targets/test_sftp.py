"""SFTP on OpenSSH, on ProFTPD's mod_sftp and on asyncssh's server; and what happens when something is wrong."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mirror.targets import Target, open_target
from tests.servers.sshd import Sshd, sshd
from tests.targets.suite import TargetSuite

FRESH = itertools.count(1)


def from_files(reference: str) -> str:
    """The tests' secrets: only files."""
    assert reference.startswith("file:")
    return Path(reference.removeprefix("file:")).read_text().rstrip("\n")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with sshd(tmp_path_factory.mktemp("sshd") / "s") as server:
        yield server


def place(server: Sshd) -> Path:
    made = server.data / f"n{next(FRESH)}"
    made.mkdir()
    return made


def opened(server: Sshd, path: Path | str, **settings: str) -> Target:
    return open_target("friend", server.url("sftp", path), server.settings(**settings), from_files)


class TestSftp(TargetSuite, scheme="sftp"):
    @pytest.fixture
    def again(self, server: Sshd) -> Callable[[], Target]:
        folder = place(server)
        return lambda: opened(server, folder)
