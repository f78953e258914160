"""A server that dies in the middle of a push, or the push itself, at one point after the other; and a watcher."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import mirror.publish
from mirror.config import TargetConfig
from mirror.filling import named_by
from mirror.publication import Publication
from mirror.publish import fill, publish
from mirror.targets import Meta, Retrying, Target, TargetError, open_target
from tests.faults.watcher import Watcher
from tests.needs import ROOT, chance, program
from tests.servers import free_port, listening, wait_for
from tests.servers.web import web_server
from tests.world import World, article, picture

POINTS = 50
SAMPLE = 6
NGINX = """
daemon off; master_process off; pid {folder}/pid; error_log {folder}/log;
events {{ worker_connections 64; }}
http {{
  access_log off; client_body_temp_path {folder}/tmp; proxy_temp_path {folder}/tmp; fastcgi_temp_path {folder}/tmp;
  uwsgi_temp_path {folder}/tmp; scgi_temp_path {folder}/tmp;
  server {{ listen 127.0.0.1:{port}; root {folder}/www; client_max_body_size 9m; client_body_in_file_only off;
    location / {{ dav_methods PUT DELETE; create_full_put_path on; }} }}
}}
"""


class Host:
    """nginx that takes PUT, dies by SIGKILL and comes back, over the folder `www`. Readers read that folder through
    another server, which lives on."""

    def __init__(self, folder: Path) -> None:
        self.www, self.port = folder / "www", free_port()
        for name in ("www", "tmp"):
            (folder / name).mkdir(parents=True)
        self._conf = folder / "nginx.conf"
        self._conf.write_text(NGINX.format(folder=folder, port=self.port))
        self._command = [program("nginx"), "-p", str(folder), "-e", str(folder / "log"), "-c", str(self._conf)]
        self._process: subprocess.Popen[bytes] | None = None
        self.deaths = 0

    def start(self) -> None:
        self._process = subprocess.Popen(self._command)
        wait_for(lambda: listening(self.port), seconds=20, what="nginx")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
            self.deaths += 1

    def files(self) -> dict[str, bytes]:
        return {str(path.relative_to(self.www)): path.read_bytes() for path in self.www.rglob("*") if path.is_file()}


class Deadly:
    """The same target; in the middle of its `number`th action something happens."""

    def __init__(self, inner: Target, number: int, happens: Callable[[], None]) -> None:
        self.inner, self.caps, self.name, self.address = inner, inner.caps, inner.name, inner.address
        self._number = self._left = number
        self._happens, self._lock = happens, threading.Lock()
        self.get, self.flush, self.close = inner.get, inner.flush, inner.close

    def _act(self, action: Callable[[], None]) -> None:
        with self._lock:
            self._left -= 1
            now = self._left == 0
        if now:
            dying = threading.Timer(chance(f"push {self._number}")[0].uniform(0.0, 0.002), self._happens)
            dying.start()
            try:
                action()
            finally:
                dying.join()
        else:
            action()

    def put(self, key: str, data: bytes, meta: Meta) -> None:
        self._act(lambda: self.inner.put(key, data, meta))

    def commit(self, pointers: Mapping[str, bytes]) -> None:
        for key, data in pointers.items():
            self._act(lambda key=key, data=data: self.inner.commit({key: data}))  # type: ignore[misc]

    def delete(self, keys: Iterable[str]) -> None:
        for key in keys:
            self._act(lambda key=key: self.inner.delete((key,)))  # type: ignore[misc]


class Press:
    """A publication that goes on publishing to one target."""

    def __init__(self, folder: Path, port: int) -> None:
        self.world = World(folder)
        self.number = 0
        self.config = TargetConfig(name="t", url=f"put+http://127.0.0.1:{port}/")
        self.news(12)

    @classmethod
    def of(cls, folder: Path, url: str) -> Press:
        """One that was made before."""
        press = cls.__new__(cls)
        press.world = World.__new__(World)
        press.world.publication = Publication.open(folder / "tamizdat.toml")
        press.config = TargetConfig(name="t", url=url)
        return press

    def news(self, count: int) -> None:
        for _ in range(count):
            self.number += 1
            cover, data = picture(self.number, 40_000)
            words = 6000 if self.number % 5 == 0 else 60
            self.world.add(article(self.number, words=words, resources=(cover,)), objects={cover.digest: data})
        self.world.seal()

    def push(self, number: int = 0, happens: Callable[[], None] = lambda: None) -> int:
        """How many files were sent. Raises `TargetError`."""
        opened: Any = open_target("t", self.config.url, {}, lambda reference: "")
        if isinstance(opened, Retrying):
            opened.attempts = 2
        now = "2031-04-02T09:00:00Z"
        with self.world._archive() as archive, contextlib.closing(opened):
            target: Any = Deadly(opened, number, happens)
            done = publish(archive, target, self.config, now=now, named=named_by)
            older = fill(archive, target, self.config, now=now) if done.filling else done
            return done.puts + done.pointers + done.deleted + (older.puts if older is not done else 0)

    def tree(self) -> dict[str, bytes]:
        with self.world._archive() as archive:
            return {path: archive.store.read(path) or b"" for path in archive.store.walk()}


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    host = Host(tmp_path / "host")
    host.start()
    yield host
    host.kill()


@pytest.mark.parametrize("filled", [False, True])
def test_a_server_killed_in_the_middle_of_a_push_is_complete_in_the_end_and_never_promises_what_is_not_there(
    host: Host, tmp_path: Path, filled: bool, exhaustive: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if filled:  # so that even this small archive is filled from the newest on
        monkeypatch.setattr(mirror.publish, "BATCH", 16)
    press = Press(tmp_path / "publication", host.port)
    points = (POINTS if exhaustive else SAMPLE) // 2
    with web_server(host.www) as web:
        keys = press.world.publication.keys()
        watcher = Watcher(web.url, keys.log.verifier.text, keys.publisher.verifier.text)
        with watcher:
            if not filled:
                press.push()
            for point in range(points):
                press.news(3)
                before = host.deaths
                # What a push of three articles does is spread over the points, pointers and deletes included.
                with contextlib.suppress(TargetError):
                    press.push(1 + point * 28 // points, host.kill)
                assert host.deaths == before + 1
                host.start()
                if point % 3 == 2:
                    press.push()
            press.push()
            enough = max(watcher.looks + 2, points + 1)
            wait_for(lambda: watcher.looks >= enough, seconds=60, what="the watcher")
        assert watcher.broken == []
        assert max(watcher.editions) == points + 1
    assert host.files() == press.tree()


def test_the_watcher_notices_what_is_missing_and_what_is_wrong(host: Host, tmp_path: Path) -> None:
    press = Press(tmp_path / "publication", host.port)
    press.push()
    keys = press.world.publication.keys()
    with web_server(host.www) as web:

        def looks() -> list[str]:
            watcher = Watcher(web.url, keys.log.verifier.text, keys.publisher.verifier.text)
            watcher.look()
            return watcher.broken

        assert looks() == []
        watched = [path for path in web.requests if path.startswith(("/o/", "/tile/", "/trust/", "/proof/"))]
        watched = [path for path in dict.fromkeys(watched) if path != "/trust/timestamp.json"]
        assert len(watched) > 40
        for path in watched[:: max(1, len(watched) // 12)]:
            file = host.www / path[1:]
            kept = file.read_bytes()
            file.unlink()
            assert [one for one in looks() if "is missing" in one], path
            file.write_bytes(kept[:-1])
            if path.startswith("/o/"):
                assert "other bytes" in " ".join(looks()), path
            file.write_bytes(kept)
        (host.www / "front").write_bytes(b"nonsense")
        assert "front" in " ".join(looks())


PUSHER = """
import os, signal, sys
from pathlib import Path
from tests.faults.test_targets_killed import Press
press = Press.of(Path(sys.argv[1]), sys.argv[2])
press.push(int(sys.argv[3]), lambda: os.kill(os.getpid(), signal.SIGKILL))
"""


def test_a_push_that_is_killed_itself_is_completed_by_the_next_one(
    host: Host, tmp_path: Path, exhaustive: bool
) -> None:
    press = Press(tmp_path / "publication", host.port)
    keys = press.world.publication.keys()
    points = 20 if exhaustive else 3
    with (
        web_server(host.www) as web,
        Watcher(web.url, keys.log.verifier.text, keys.publisher.verifier.text) as watcher,
    ):
        for point in range(points):
            number = 1 + point * 30 // points
            command = [sys.executable, "-c", PUSHER, str(press.world.publication.folder), press.config.url, str(number)]
            killed = subprocess.run(
                command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, check=False
            )
            assert killed.returncode == -signal.SIGKILL, killed.stderr
            press.news(2)
        press.push()
        watcher.look()
    assert watcher.broken == []
    assert host.files() == press.tree()
