"""rclone's API: a folder behind it, and servers of three kinds; and what is wrong when it is."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mirror.targets import Target, TargetError, meta_for, open_target
from mirror.targets.rclone import RcloneTarget
from tests.servers import S3Server, free_port, listening, running, wait_for
from tests.servers.s3 import client, rclone_program
from tests.targets.suite import PLAIN, TargetSuite, no_secrets

FRESH = itertools.count(1)
SECRETS = {"env:PASS": "conf-password", "env:WRONG": "another"}


def conf(folder: Path, **remotes: dict[str, str]) -> str:
    """An rclone.conf with these remotes; its path."""
    place = folder / f"rclone{next(FRESH)}.conf"
    place.write_text(
        "".join(f"[{name}]\n" + "".join(f"{k} = {v}\n" for k, v in of.items()) for name, of in remotes.items())
    )
    place.chmod(0o600)
    return str(place)


@pytest.fixture(autouse=True)
def _needs_rclone() -> None:
    rclone_program()


@pytest.fixture
def opened() -> Iterator[Callable[..., Target]]:
    """Opens targets that are closed at the end."""
    with contextlib.ExitStack() as stack:

        def opens(url: str, **settings: str) -> Target:
            return stack.enter_context(contextlib.closing(open_target("any", url, settings, SECRETS.__getitem__)))

        yield opens


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "files" / "mirror").mkdir(parents=True)
    return tmp_path


@pytest.fixture
def local(folder: Path) -> str:
    return conf(folder, disk={"type": "alias", "remote": str(folder / "files")})


class TestRclone(TargetSuite, scheme="rclone"):
    @pytest.fixture
    def again(self, opened: Callable[..., Target], local: str) -> Callable[[], Target]:
        return lambda: opened("rclone:disk:mirror", config=local)


def serve(kind: str, folder: Path, *more: str) -> contextlib.AbstractContextManager[int]:
    @contextlib.contextmanager
    def run() -> Iterator[int]:
        port = free_port()
        command = [rclone_program(), "serve", kind, "--addr", f"127.0.0.1:{port}", "--config", "/nonexistent"]
        command += ["--vfs-cache-mode=writes", f"--cache-dir={folder}/cache", *more, str(folder / "data")]
        with running(command, log=folder / "log", env={"HOME": str(folder)}):
            wait_for(lambda: listening(port), seconds=20, what=f"rclone serve {kind}", log=folder / "log")
            yield port

    return run()


def obscure(text: str) -> str:
    command = [rclone_program(), "obscure", text]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize(("kind", "whole"), [("webdav", False), ("sftp", True), ("s3", True)])
def test_through_a_server_it_is_the_same(kind: str, whole: bool, tmp_path: Path, opened: Callable[..., Target]) -> None:
    (tmp_path / "data" / "news").mkdir(parents=True)
    login = {
        "webdav": ("--user=me", "--pass=secret"),
        "sftp": ("--user=me", "--pass=secret"),
        "s3": ("--auth-key=test,testtest",),
    }[kind]
    hidden, wrong_one = obscure("secret"), obscure("wrong")
    with serve(kind, tmp_path, *login) as port:
        remote = {
            "webdav": {"type": "webdav", "url": f"http://127.0.0.1:{port}", "user": "me", "pass": hidden},
            "sftp": {"type": "sftp", "host": "127.0.0.1", "port": str(port), "user": "me", "pass": hidden},
            "s3": {
                "type": "s3",
                "provider": "Rclone",
                "endpoint": f"http://127.0.0.1:{port}",
                "access_key_id": "test",
                "secret_access_key": "testtest",
                "force_path_style": "true",
            },
        }[kind]
        config = conf(tmp_path, far=remote)
        target = opened("rclone:far:news", config=config)
        files = {f"o/{number:02}/наш": os.urandom(9000) for number in range(20)}
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda item: target.put(*item, PLAIN), files.items()))
        assert target.caps.atomic is whole
        target.commit({"front": b"1"})
        target.commit({"front": b"22"})
        assert target.get("front") == b"22"
        assert list(target.list()) == sorted([*files, "front"])
        target.delete(["front"])
        assert target.get("front") is None
        assert [check.name for check in target.probe() if not check.ok] == []
        away = opened("rclone:far:away", config=config)
        with pytest.raises(TargetError) as caught:
            away.put("front", b"1", PLAIN)
        assert caught.value.kind == "no_container"
        wrong = {**remote, "pass": wrong_one, "secret_access_key": "wrong"}
        with pytest.raises(TargetError) as caught:
            opened("rclone:far:news", config=conf(tmp_path, far=wrong)).put("front", b"1", PLAIN)
        assert caught.value.kind == "auth"
        assert wrong_one not in str(caught.value)
    assert sorted(each.name for each in (tmp_path / "data").iterdir()) == ["news"]
    with pytest.raises(TargetError) as caught:
        opened("rclone:far:news", config=config).put("front", b"1", PLAIN)
    assert caught.value.kind == "unreachable"


def test_a_store_that_keeps_headers_is_given_them(
    rclone_moto: S3Server, tmp_path: Path, opened: Callable[..., Target]
) -> None:
    server = rclone_moto
    remote = {
        "type": "s3",
        "provider": "Other",
        "endpoint": server.endpoint,
        "access_key_id": server.access_key,
        "secret_access_key": server.secret_key,
        "force_path_style": "true",
    }
    target = opened(f"rclone:moto:{server.bucket}/here", config=conf(tmp_path, moto=remote))
    target.put("o/ab/cd", b"\x1f\x8b", meta_for("o/ab/cd", b"\x1f\x8b"))
    target.commit({"checkpoint": b"x"})
    assert target.caps.headers
    with contextlib.closing(client(server)) as s3:
        found = s3.head_object(Bucket=server.bucket, Key="here/o/ab/cd")
        pointer = s3.head_object(Bucket=server.bucket, Key="here/checkpoint")
    assert (found["ContentType"], "immutable" in found["CacheControl"]) == ("application/gzip", True)
    assert (pointer["ContentType"], pointer["CacheControl"]) == ("text/plain; charset=utf-8", "no-cache")


@pytest.fixture(scope="module")
def rclone_moto() -> Iterator[S3Server]:
    from tests.servers.s3 import s3_server

    with s3_server("moto") as server:
        yield server


def test_a_folder_that_is_not_there_is_not_made(folder: Path, local: str, opened: Callable[..., Target]) -> None:
    target = opened("rclone:disk:mirorr", config=local)
    with pytest.raises(TargetError, match="no such folder") as caught:
        target.put("front", b"1", PLAIN)
    assert (caught.value.kind, "rclone mkdir" in str(caught.value.hint)) == ("no_container", True)
    assert [each.name for each in (folder / "files").iterdir()] == ["mirror"]
    check = list(target.probe())[-1]
    assert (check.name, check.ok) == ("folder", False)


def test_a_remote_that_rclone_does_not_know_is_a_mistake_in_the_settings(
    local: str, opened: Callable[..., Target]
) -> None:
    target = opened("rclone:other:mirror", config=local)
    with pytest.raises(TargetError, match="no such remote") as caught:
        target.put("front", b"1", PLAIN)
    assert (caught.value.kind, caught.value.scope, caught.value.status) == ("config", "target", 2)


def test_an_encrypted_configuration_is_opened_with_its_password(
    local: str, opened: Callable[..., Target], tmp_path: Path
) -> None:
    env = {**os.environ, "RCLONE_CONFIG_PASS": "conf-password"}
    command = [
        rclone_program(),
        "config",
        "encryption",
        "set",
        "--config",
        local,
        "--password-command",
        "echo conf-password",
    ]
    subprocess.run(command, check=True, env=env, capture_output=True, timeout=60)
    assert "disk" not in Path(local).read_text()
    target = opened("rclone:disk:mirror", config=local, password="env:PASS")
    target.put("front", b"1", PLAIN)
    assert (tmp_path / "files/mirror/front").read_bytes() == b"1"
    texts = [
        entry.read_bytes()
        for process in Path("/proc").glob("[0-9]*")
        for entry in (process / "cmdline", process / "environ")
        if process.name != str(os.getpid()) and b"rcd" in read(process / "cmdline")
        if read(entry)
    ]
    assert texts
    assert not any(b"conf-password" in text for text in texts)
    for settings in ({}, {"password": "env:WRONG"}):
        with pytest.raises(TargetError, match=r"rclone\.conf cannot be opened") as caught:
            opened("rclone:disk:mirror", config=local, **settings).put("front", b"1", PLAIN)
        assert caught.value.kind == "config"
        assert "password" in str(caught.value.hint)


def read(place: Path) -> bytes:
    try:
        return place.read_bytes()
    except OSError:
        return b""


def test_a_full_disk_is_said_to_be_full_and_no_half_file_stands(tmp_path: Path, opened: Callable[..., Target]) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can mount a disk of one megabyte")
    tiny = tmp_path / "tiny"
    tiny.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(tiny)], check=False).returncode:
        pytest.skip("no right to mount here")
    try:
        target = opened("rclone:disk:", config=conf(tmp_path, disk={"type": "alias", "remote": str(tiny)}))
        target.commit({"front": b"old"})
        with pytest.raises(TargetError, match="full") as caught:
            target.commit({"front": bytes(2_000_000)})
        assert (caught.value.kind, caught.value.scope) == ("quota", "target")
        assert target.get("front") == b"old"
        target.close()
    finally:
        subprocess.run(["umount", str(tiny)], check=True)


def test_a_server_that_hangs_is_left_and_close_ends_it_at_once(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:

        def hanging(seconds: float) -> tuple[RcloneTarget, socket.socket]:
            silent = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            url = f"http://127.0.0.1:{silent.getsockname()[1]}"
            config = conf(tmp_path, far={"type": "webdav", "url": url})
            target = RcloneTarget(
                name="any", remote="far", path="news", config=config, password=None, secret=no_secrets, seconds=seconds
            )
            return target, silent

        impatient, _ = hanging(0.5)
        with contextlib.closing(impatient), pytest.raises(TargetError, match="no answer for") as caught:
            impatient.put("front", b"1", PLAIN)
        assert (caught.value.kind, caught.value.scope) == ("transient", "object")
        patient, silent = hanging(60)

        def close_once_asked() -> None:
            stack.enter_context(silent.accept()[0])
            patient.close()

        closing = threading.Thread(target=close_once_asked)
        closing.start()
        with pytest.raises(TargetError, match="rclone ended"):
            patient.put("front", b"1", PLAIN)
        closing.join()


def daemon_of(target: Target) -> int:
    """The process of the rclone behind it."""
    bare = getattr(target, "inner", target)
    assert isinstance(bare, RcloneTarget)
    assert bare._daemon is not None
    shell = bare._daemon._process.pid
    children = Path(f"/proc/{shell}/task/{shell}/children").read_text().split()
    grand = Path(f"/proc/{children[0]}/task/{children[0]}/children").read_text().split()
    return int((grand or children)[0])


def test_when_rclone_dies_another_is_started(local: str, opened: Callable[..., Target]) -> None:
    target = opened("rclone:disk:mirror", config=local)
    target.put("a", b"1", PLAIN)
    first = daemon_of(target)
    os.kill(first, signal.SIGKILL)
    target.put("b", b"2", PLAIN)
    assert daemon_of(target) != first
    assert list(target.list()) == ["a", "b"]


def test_closing_and_being_killed_both_end_rclone(local: str, opened: Callable[..., Target]) -> None:
    target = opened("rclone:disk:mirror", config=local)
    target.put("a", b"1", PLAIN)
    there = daemon_of(target)
    target.close()
    assert gone(there)
    code = """
import sys, time
from mirror.targets import open_target, meta_for
target = open_target("t", "rclone:disk:mirror", {"config": sys.argv[1]}, None)
target.put("b", b"1", meta_for("front"))
from tests.targets.test_rclone import daemon_of
print(daemon_of(target), target.inner._daemon._folder, flush=True)
time.sleep(60)
"""
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen([sys.executable, "-c", code, local], stdout=subprocess.PIPE, text=True, cwd=root) as process:
        assert process.stdout is not None
        there, folder = process.stdout.readline().split()
        assert Path(folder).is_dir()
        process.kill()
    assert gone(int(there))
    assert not Path(folder).exists()


def gone(pid: int) -> bool:
    """Whether that process ends within ten seconds."""
    for _ in range(200):
        if not read(Path(f"/proc/{pid}/cmdline")):
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize(
    ("url", "settings", "told"),
    [
        ("rclone:", {}, "no remote"),
        ("rclone:name", {}, "no remote"),
        ("rclone::local:/tmp", {}, "no remote"),
        ("rclone:sftp,pass=x:/tmp", {}, "no remote"),
        ("rclone:-x:/tmp", {}, "no remote"),
        ("rclone:disk:a/../b", {}, "refused the key"),
        ("rclone:disk:a", {"config": "relative.conf"}, "no path"),
        ("rclone:disk:a", {"colour": "red"}, "unknown setting"),
    ],
)
def test_settings_that_cannot_work_are_refused_before_anything_runs(
    url: str, settings: dict[str, str], told: str
) -> None:
    with pytest.raises(TargetError, match=told):
        open_target("any", url, settings, no_secrets)
