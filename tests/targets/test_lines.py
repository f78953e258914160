"""Bad lines to every kind of server: slow ones deliver, one that breaks in the middle leaves no half file behind."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mirror.targets import Retrying, Target, TargetError, open_target
from tests.servers import S3Server
from tests.servers.apache import DavServer
from tests.servers.cut import Wire, wire
from tests.servers.git import bare, git_web
from tests.servers.sshd import sshd
from tests.targets.suite import PLAIN

FRESH = itertools.count(1)
KINDS = ("s3", "sftp", "rsync", "webdav", "put", "git")

Opened = Callable[[str, int], Target]
"""Opens the same place through this port; the text tells apart what the two keep on this computer."""


def secret(reference: str) -> str:
    if reference.startswith("file:"):
        return Path(reference.removeprefix("file:")).read_text().rstrip("\n")
    return {"env:ID": "test", "env:KEY": "testtest", "env:PASSWORD": "testtest", "env:TOKEN": "good-token"}[reference]


@contextlib.contextmanager
def served(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[int, Opened]]:
    """A real server of this kind: its port, and how to open one new place there through a port."""
    number = next(FRESH)
    with contextlib.ExitStack() as stack:
        if kind == "s3":
            store: S3Server = request.getfixturevalue("rclone")
            port, url = int(store.endpoint.rpartition(":")[2]), f"s3://{store.bucket}/line{number}"

            def settings(port: int) -> dict[str, str]:
                keys = {"access_key": "env:ID", "secret_key": "env:KEY", "region": "us-east-1"}
                return {"endpoint": f"http://127.0.0.1:{port}", **keys}

        elif kind in ("sftp", "rsync"):
            server = stack.enter_context(sshd(tmp_path / "sshd"))
            folder = server.data / "news"
            folder.mkdir()
            port, url = server.port, f"{kind}://{server.user}@127.0.0.1:{{port}}{folder}"

            def settings(port: int) -> dict[str, str]:
                return server.settings()

        elif kind == "git":
            hub = stack.enter_context(git_web(tmp_path / "hub"))
            bare(hub.root / "news.git")
            port, url = int(hub.url.rpartition(":")[2]), "git+http://127.0.0.1:{port}/news.git"

            def settings(port: int) -> dict[str, str]:
                return {"token": "env:TOKEN"}

        else:
            web: DavServer = request.getfixturevalue("apache_server" if kind == "webdav" else "nginx_server")
            folder = web.folder / f"line{number}"
            folder.mkdir()
            folder.chmod(0o777)
            place = f"line{number}" if kind == "webdav" else f"put/line{number}"
            port, url = web.port, f"{kind}+http://127.0.0.1:{{port}}/{place}"

            def settings(port: int) -> dict[str, str]:
                return {"user": "pub", "password": "env:PASSWORD"}

        def opened(who: str, port: int) -> Target:
            target = open_target("line", url.format(port=port), settings(port), secret, state=tmp_path / who)
            if isinstance(target, Retrying):
                target._base = 0.05
            stack.callback(target.close)
            return target

        yield port, opened


def port_of(line: Wire) -> int:
    return int(line.url.rpartition(":")[2])


@pytest.mark.parametrize("kind", KINDS)
def test_a_slow_line_delivers_everything(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    data = random.Random(1).randbytes(150_000)
    with served(kind, request, tmp_path) as (port, opened), wire(f"http://127.0.0.1:{port}") as line:
        line.rate = 300_000
        target = opened("one", port_of(line))
        target.put("o/ab/cd", data, PLAIN)
        target.flush()
        target.commit({"checkpoint": b"c1", "front": b"f1"})
        assert target.get("o/ab/cd", cap=len(data)) == data
        straight = opened("two", port)
        found = {key: straight.get(key) for key in ("o/ab/cd", "checkpoint", "front")}
        assert found == {"o/ab/cd": data, "checkpoint": b"c1", "front": b"f1"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_line_that_breaks_leaves_no_half_file_and_is_worth_another_try(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    data = os.urandom(400_000)
    with served(kind, request, tmp_path) as (port, opened), wire(f"http://127.0.0.1:{port}") as line:
        straight = opened("two", port)
        straight.put("o/ab/old", b"old", PLAIN)
        straight.commit({"front": b"f1"})
        line.after = 150_000
        target = opened("one", port_of(line))

        def push() -> None:
            target.put("o/ab/cd", data, PLAIN)
            target.flush()
            target.commit({"front": b"f2"})

        with pytest.raises(TargetError) as caught:
            push()
        assert line.cuts >= 1
        assert caught.value.kind in ("transient", "unreachable"), caught.value
        target.close()
        later = opened("three", port)
        assert later.get("o/ab/cd") in (None, data)
        assert later.get("front") == b"f1"
        line.after = None
        again = opened("one", port_of(line))
        again.put("o/ab/cd", data, PLAIN)
        again.flush()
        again.commit({"front": b"f2"})
        last = opened("four", port)
        assert (last.get("o/ab/cd"), last.get("front"), last.get("o/ab/old")) == (data, b"f2", b"old")
