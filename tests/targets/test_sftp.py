"""SFTP on OpenSSH, on ProFTPD's mod_sftp and on asyncssh's server; and what happens when something is wrong."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import pytest

from mirror.targets import Retrying, Target, TargetError, open_target
from mirror.targets._ssh import _Prompt, read_login
from mirror.targets.sftp import TEMPORARY, SftpTarget
from tests.needs import program
from tests.servers import free_port
from tests.servers.ssh_in_python import PASSWORD, USER, PythonSsh, python_ssh
from tests.servers.sshd import Sshd, fingerprint, keygen, sshd
from tests.targets.suite import PLAIN, TargetSuite, no_secrets

FRESH = itertools.count(1)
NOBODYS = "SHA256:" + "A" * 43


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


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PythonSsh]:
    """A server with passwords and without OpenSSH's extensions."""
    with python_ssh(tmp_path_factory.mktemp("plain") / "s", extensions=False) as server:
        yield server


def with_password(server: PythonSsh, folder: Path, tmp_path: Path, password: str = PASSWORD) -> Target:
    secret = tmp_path / "password"
    secret.write_text(password + "\n")
    settings = {"password": f"file:{secret}", "host_key": server.fingerprint}
    return open_target("friend", f"sftp://{USER}@127.0.0.1:{server.port}{folder}", settings, from_files)


class TestSftpWithoutExtensions(TargetSuite, scheme="sftp"):
    @pytest.fixture
    def again(self, plain: PythonSsh, tmp_path: Path) -> Callable[[], Target]:
        folder = plain.data / f"n{next(FRESH)}"
        folder.mkdir()
        return lambda: with_password(plain, folder, tmp_path)

    def test_a_reader_sees_the_old_pointer_or_the_new_one_but_never_half(
        self, target: Target, again: Callable[[], Target]
    ) -> None:
        """Without a rename that replaces there may be a moment with none; `caps` says so."""
        versions = (b"a" * 200_000, b"b" * 30_000)
        target.commit({"front": versions[0]})
        assert not target.caps.atomic
        done, seen = threading.Event(), set()
        reader = again()

        def read() -> None:
            while not done.is_set():
                seen.add(reader.get("front"))

        with ThreadPoolExecutor(1) as pool:
            reading = pool.submit(read)
            for turn in range(1, 12):
                target.commit({"front": versions[turn % 2]})
            done.set()
            reading.result()
        reader.close()
        assert set(versions) & seen
        assert seen <= {*versions, None}


def test_a_wrong_password_is_offered_once_and_never_shown(plain: PythonSsh, tmp_path: Path) -> None:
    plain.passwords.clear()
    target = with_password(plain, plain.data, tmp_path, "tr0ub4dor")
    with ThreadPoolExecutor(16) as pool:
        tried = [pool.submit(target.put, f"o/{number}", b"1", PLAIN) for number in range(16)]
    errors = [each.exception() for each in tried]
    assert {getattr(error, "kind", None) for error in errors} == {"auth"}
    assert not [error for error in errors if "tr0ub4dor" in f"{error} {error!r}"]
    assert len(plain.passwords) < 16  # those who wait for a login share its outcome
    target.close()


# --- failures that both kinds over SSH meet ------------------------------------------------------------------------

KINDS = pytest.mark.parametrize("scheme", ["sftp", "rsync"])


def made(
    scheme: str, server: Sshd, path: Path | str, state: Path, settings: dict[str, str] | None = None, **changed: str
) -> Target:
    if scheme == "rsync":
        program("rsync")
    settings = server.settings(**changed) if settings is None else settings
    return open_target("friend", server.url(scheme, path), settings, from_files, state=state)


def put_and_flush(target: Target, data: bytes) -> None:
    target.put("o/ab/cd", data, PLAIN)
    target.flush()


def refusal(target: Target) -> TargetError:
    """What a put and its flush raise."""
    try:
        with pytest.raises(TargetError) as caught:
            put_and_flush(target, b"news")
    finally:
        target.close()
    assert "\n" not in str(caught.value)
    assert caught.value.hint
    return caught.value


@KINDS
def test_a_key_that_the_server_does_not_know_is_refused_once(scheme: str, server: Sshd, tmp_path: Path) -> None:
    other = keygen(tmp_path / "other")
    target = made(scheme, server, place(server), tmp_path, key=str(other))
    error = refusal(target)
    assert (error.kind, error.scope) == ("auth", "target")
    assert "ssh-copy-id" in str(error.hint)
    assert "PRIVATE" not in str(error)


@KINDS
def test_a_host_key_that_nobody_confirmed_is_shown_and_nothing_is_sent(
    scheme: str, server: Sshd, tmp_path: Path
) -> None:
    (tmp_path / "known").write_text("")
    folder = place(server)
    settings = {"key": str(server.key), "known_hosts": str(tmp_path / "known")}
    error = refusal(made(scheme, server, folder, tmp_path, settings))
    assert error.kind == "tls"
    assert f"--set host_key={server.fingerprint}" in str(error.hint)
    checks = list(made(scheme, server, folder, tmp_path, settings).probe())
    assert (checks[-1].name, checks[-1].ok) == ("host key", False)
    assert server.fingerprint in str(checks[-1].fix)
    assert list(folder.iterdir()) == []


@KINDS
def test_another_host_key_than_the_pinned_one_is_a_warning_with_both(scheme: str, server: Sshd, tmp_path: Path) -> None:
    pinned = fingerprint(Path(f"{keygen(tmp_path / 'host')}.pub"))
    error = refusal(made(scheme, server, place(server), tmp_path, host_key=pinned))
    assert error.kind == "tls"
    assert "ANOTHER HOST KEY" in str(error)
    assert pinned in str(error)
    assert server.fingerprint in str(error)


@KINDS
def test_a_key_of_known_hosts_is_good_enough(scheme: str, server: Sshd, tmp_path: Path) -> None:
    public = (server.folder / "host.pub").read_text()
    (tmp_path / "known").write_text(f"[127.0.0.1]:{server.port} {public}")
    settings = {"key": str(server.key), "known_hosts": str(tmp_path / "known")}
    target = made(scheme, server, place(server), tmp_path, settings)
    target.commit({"front": b"1"})
    assert target.get("front") == b"1"
    target.close()


@KINDS
def test_a_folder_that_is_not_there_is_reported_and_never_made(scheme: str, server: Sshd, tmp_path: Path) -> None:
    error = refusal(made(scheme, server, server.data / "missing", tmp_path))
    assert error.kind == "no_container"
    assert "mkdir" in str(error.hint)
    checks = list(made(scheme, server, server.data / "missing", tmp_path).probe())
    assert (checks[-1].name, checks[-1].ok) == ("folder exists", False)
    assert not (server.data / "missing").exists()


@KINDS
def test_a_full_disk_is_told_as_that_and_nothing_is_lost(scheme: str, server: Sshd, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can mount a disk of one megabyte")
    tiny = place(server)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(tiny)], check=False).returncode:
        pytest.skip("no right to mount here")
    try:
        target = made(scheme, server, tiny, tmp_path)
        target.commit({"front": b"old"})
        with pytest.raises(TargetError) as caught:
            put_and_flush(target, bytes(2_000_000))
        assert (caught.value.kind, caught.value.scope) == ("quota", "target")
        target.close()
        target = made(scheme, server, tiny, tmp_path)
        assert target.get("front") == b"old"
        assert list(target.list()) == ["front"]
        target.commit({"front": b"new"})
        assert (tiny / "front").read_bytes() == b"new"
        assert [each.name for each in tiny.iterdir() if each.is_file()] == ["front"]
        target.close()
    finally:
        subprocess.run(["umount", "-l", str(tiny)], check=True)


@KINDS
def test_the_probe_asks_in_order(scheme: str, server: Sshd, tmp_path: Path) -> None:
    target = made(scheme, server, place(server), tmp_path)
    checks = list(target.probe())
    target.close()
    assert [(check.name, check.detail) for check in checks if not check.ok and check.name != "space"] == []
    names = [check.name for check in checks if check.name not in ("programs", "space", "replacing", "clock", "names")]
    way = ["configuration", "secrets", "DNS", "TCP", "SSH", "host key", "authentication", "folder exists"]
    files = ["put", "read back", "pointer", "overwrite", "write twice", "missing file", "delete"]
    assert names == [*way, *files]


def greet(listener: socket.socket) -> None:
    """As an FTP server would; twice, since the probe looks at the port before it listens."""
    for _ in range(2):
        with contextlib.suppress(OSError), listener.accept()[0] as connection:
            connection.sendall(b"220 hello\r\n")


@KINDS
def test_what_is_no_ssh_server_is_said_to_be_none(scheme: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as pool:
        port = listener.getsockname()[1]
        pool.submit(greet, listener)
        target = open_target(
            "t", f"{scheme}://me@127.0.0.1:{port}/srv", {"host_key": NOBODYS}, no_secrets, state=tmp_path
        )
        checks = list(target.probe())
        assert (checks[-1].name, checks[-1].ok) == ("SSH", False)
        target.close()
    target = open_target(
        "t", f"{scheme}://me@127.0.0.1:{free_port()}/", {"host_key": NOBODYS}, no_secrets, state=tmp_path
    )
    assert [(check.name, check.ok) for check in target.probe()][-1] == ("TCP", False)
    assert refusal(target).kind == "unreachable"


@pytest.mark.parametrize(
    ("url", "settings", "told"),
    [
        ("sftp://host/srv", {}, "names no account"),
        ("sftp://me:secret@host/srv", {}, "password does not belong"),
        ("sftp://me@/srv", {}, "no host"),
        ("sftp://me@host:99999/srv", {}, "can't be read"),
        ("sftp://me@host/srv/../etc", {}, "no usable folder"),
        ("sftp://me@host", {}, "no usable folder"),
        ("sftp://me@host/srv", {"key": "relative"}, "key must say"),
        ("sftp://me@host/srv", {"password": "hunter2"}, "password must say"),
        ("sftp://me@host/srv", {"host_key": "AAAA"}, "no fingerprint"),
        ("sftp://me@host/srv", {"proxy": "ftp://x:1"}, "proxy is not one"),
        ("sftp://me@host/srv", {"sync": "never"}, "sync"),
        ("sftp://me@host/srv", {"keey": "x"}, "unknown setting"),
        ("sftp://me@abcdef.onion/srv", {}, "Tor only"),
        ("rsync://me@host/srv", {"password": "env:X"}, "takes no password"),
        ("rsync://me@host/srv", {"proxy": "tor"}, "unknown setting"),
    ],
)
def test_settings_that_cannot_work_are_refused_before_anything_is_contacted(
    url: str, settings: dict[str, str], told: str
) -> None:
    with pytest.raises(TargetError, match=told) as caught:
        open_target("friend", url, settings, no_secrets)
    assert caught.value.kind == "config"
    assert "secret@" not in str(caught.value)
    assert "hunter2" not in str(caught.value)


# --- SFTP alone ----------------------------------------------------------------------------------------------------


def test_files_are_readable_by_a_web_server_whatever_the_umask_there(tmp_path: Path) -> None:
    with sshd(tmp_path / "s", sftp="internal-sftp -u 0077") as server:
        target = opened(server, server.data)
        for number in range(3):
            target.put(f"o/ab/{number}", b"1", PLAIN)
        target.commit({"front": b"1"})
        target.close()
        for file in (server.data / "o/ab/0", server.data / "o/ab/2", server.data / "front"):
            assert stat.S_IMODE(file.stat().st_mode) == 0o644
        assert stat.S_IMODE((server.data / "o/ab").stat().st_mode) == 0o755
        assert not (server.data / TEMPORARY).exists()


def test_a_server_for_reading_only_is_said_to_be_that(tmp_path: Path) -> None:
    with sshd(tmp_path / "s", sftp="internal-sftp -R") as server:
        (server.data / "front").write_bytes(b"1")
        assert opened(server, server.data).get("front") == b"1"
        error = refusal(opened(server, server.data))
    assert (error.kind, error.scope) == ("forbidden", "target")
    assert "internal-sftp -R" in str(error.hint)


def test_an_account_without_sftp_is_said_to_have_none(tmp_path: Path) -> None:
    with sshd(tmp_path / "s", sftp="/nonexistent/sftp-server") as server:
        assert refusal(opened(server, server.data)).kind == "unsupported"
    with sshd(tmp_path / "t", restrict='command="echo Welcome to my server, enjoy it"') as server:
        error = refusal(opened(server, server.data))
    assert error.kind == "config"
    assert "login scripts" in str(error.hint)


def test_a_folder_in_the_way_and_a_file_in_the_way_are_conflicts(server: Sshd) -> None:
    root = place(server)
    (root / "front").mkdir()
    (root / "o").write_bytes(b"file")
    target = opened(server, root)
    acts: tuple[Callable[[], None], ...] = (
        lambda: target.commit({"front": b"1"}),
        lambda: target.put("o/ab/cd", b"1", PLAIN),
    )
    for act in acts:
        with pytest.raises(TargetError) as caught:
            act()
        assert caught.value.kind == "conflict"
    assert target.get("front") is None
    target.close()
    assert sorted(each.name for each in root.iterdir()) == ["front", "o"]


def test_a_connection_killed_in_the_middle_is_taken_up_again_with_no_half_file(server: Sshd) -> None:
    root = place(server)
    target = opened(server, root)
    files = {f"o/{number % 8}/{number}": os.urandom(200_000) for number in range(80)}
    started = threading.Event()

    def put(key: str) -> None:
        target.put(key, files[key], PLAIN)
        started.set()

    with ThreadPoolExecutor(16) as pool:
        running = [pool.submit(put, key) for key in files]
        assert started.wait(30)
        assert server.signal_sessions(signal.SIGKILL)
        for each in running:
            each.result()
    target.commit({"front": b"1"})
    for key, data in files.items():
        assert (root / key).read_bytes() == data
    target.close()
    assert not (root / TEMPORARY).exists()


def bare(server: Sshd, root: Path, *, seconds: float) -> SftpTarget:
    """Without retries, and impatient."""
    login = read_login("friend", "sftp", server.url("sftp", root), server.settings())
    return SftpTarget(name="friend", login=login, secret=from_files, idle_seconds=seconds)


def test_a_server_that_hangs_is_given_up(tmp_path: Path) -> None:
    with sshd(tmp_path / "s") as server:
        target = bare(server, server.data, seconds=1)
        target.put("one", b"1", PLAIN)
        server.signal_sessions(signal.SIGSTOP)
        with pytest.raises(TargetError, match="no answer for 1 s") as caught:
            target.put("two", b"2", PLAIN)
        assert caught.value.kind == "transient"
        target.close()


def test_closing_from_another_thread_ends_what_hangs(tmp_path: Path) -> None:
    with sshd(tmp_path / "s") as server:
        target = bare(server, server.data, seconds=60)
        whole = Retrying(target)
        whole.put("one", b"1", PLAIN)
        server.signal_sessions(signal.SIGSTOP)
        with ThreadPoolExecutor(3) as pool:
            hanging: list[Future[Any]] = [
                pool.submit(whole.put, "two", bytes(300_000), PLAIN),
                pool.submit(whole.get, "one"),
                pool.submit(whole.commit, {"front": b"1"}),
            ]
            assert not wait(hanging, timeout=0.5).done
            whole.close()
            assert len(wait(hanging, timeout=20).done) == 3
        for each in hanging:
            assert isinstance(each.exception(), TargetError)
        with pytest.raises(TargetError, match="closed"):
            whole.put("three", b"3", PLAIN)


def test_a_server_started_again_in_between_is_found_again(tmp_path: Path) -> None:
    with sshd(tmp_path / "s") as server:
        target = opened(server, server.data)
        target.put("one", b"1", PLAIN)
        server.stop()
        server.start()
        target.put("two", b"2", PLAIN)
        assert list(target.list()) == ["one", "two"]
        target.close()


def test_what_a_killed_push_left_behind_is_never_listed_and_goes_away_when_it_is_old(server: Sshd) -> None:
    root = place(server)
    code = """
import os, sys, threading
from concurrent.futures import ThreadPoolExecutor
from mirror.targets import open_target, meta_for
url, key, host = sys.argv[1:]
target = open_target("t", url, {"key": key, "host_key": host}, lambda ref: open(ref[5:]).read().rstrip())
data = os.urandom(3_000_000)
with ThreadPoolExecutor(8) as pool:
    for n in range(10_000):
        pool.submit(target.put, f"o/aa/{n}", data, meta_for("o/"))
"""
    command = [sys.executable, "-c", code, server.url("sftp", root), str(server.key), server.fingerprint]
    process = subprocess.Popen(command)
    for _ in range(400):
        if (root / "o/aa/4").exists() and any((root / TEMPORARY).iterdir()):
            break
        time.sleep(0.05)
    process.kill()
    process.wait()
    time.sleep(0.2)
    target = opened(server, root)
    assert all((root / key).stat().st_size == 3_000_000 for key in target.list())
    target.close()
    left = list((root / TEMPORARY).iterdir())
    assert left
    target = opened(server, root)
    target.put("front", b"1", PLAIN)  # they are young: another process may be at them
    target.close()
    assert sorted((root / TEMPORARY).iterdir()) == sorted(left)
    for each in left:
        os.utime(each, (1, 1))
    target = opened(server, root)
    target.put("front", b"2", PLAIN)
    target.close()
    assert not (root / TEMPORARY).exists()


def test_a_key_with_a_passphrase_needs_it(server: Sshd, tmp_path: Path) -> None:
    locked = keygen(tmp_path / "locked", passphrase="correct horse")
    for given, told in ((None, "protected by a passphrase"), ("wrong", "does not open"), ("correct horse", "refuses")):
        (tmp_path / "passphrase").write_text(f"{given}\n")
        more = {} if given is None else {"passphrase": f"file:{tmp_path / 'passphrase'}"}
        error = refusal(opened(server, place(server), key=str(locked), **more))
        assert told in str(error)
        assert error.kind == ("auth" if told == "refuses" else "config")
        assert "horse" not in str(error)


def test_no_compiler_is_run_to_load_asyncssh_and_nothing_is_changed_by_it() -> None:
    cache = Path("/etc/ld.so.cache")
    if not cache.exists() or b"liboqs" in cache.read_bytes():
        pytest.skip("liboqs is installed here: then asyncssh looks for it, and rightly")
    code = """
import ctypes.util, os, sys
run, find = [], ctypes.util.find_library
def note(event, given):
    if event == "subprocess.Popen":
        run.append(os.path.basename(str(given[0])))
sys.addaudithook(note)
from mirror.targets._ssh import load
load()
assert ctypes.util.find_library is find and "asyncssh.crypto.x509" not in sys.modules
import asyncssh, asyncssh.crypto.x509
from cryptography.hazmat.backends.openssl import backend
assert asyncssh.crypto.mlkem_available == backend.mlkem_supported()
print(*sorted(set(run)))
"""
    env = {name: value for name, value in os.environ.items() if name != "LD_LIBRARY_PATH"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=env)
    assert (done.returncode, done.stderr) == (0, "")
    assert set(done.stdout.split()) <= {"ldconfig"}


def test_a_connection_that_a_wrong_setting_makes_useless_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "key").write_text("no key\n")
    monkeypatch.setattr("mirror.targets._ssh.load", lambda: time.sleep(0.5))  # as long as it takes to connect
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"sftp://pub@127.0.0.1:{listening.getsockname()[1]}/www"
        target = open_target("friend", url, {"key": f"file:{tmp_path / 'key'}", "host_key": NOBODYS}, from_files)
        with pytest.raises(TargetError, match="no private key") as caught:
            target.put("front", b"1", PLAIN)
        assert caught.value.kind == "config"
        listening.settimeout(10)
        near, _ = listening.accept()
        with near:
            near.settimeout(10)
            assert near.recv(100) == b""
        target.close()


def test_a_server_that_waits_for_an_acknowledgement_gets_it_at_once() -> None:
    if sys.platform != "linux":
        pytest.skip("TCP_QUICKACK is Linux' alone; elsewhere the system decides when to acknowledge")
    with socket.create_server(("127.0.0.1", 0)) as listening, _Prompt() as near:
        near.connect(listening.getsockname())
        far, _ = listening.accept()
        with far:
            for _ in range(5):  # a conversation, in which the system would begin to wait
                near.sendall(b"a question")
                far.sendall(far.recv(100))
                assert near.recv(100) == b"a question"
                assert near.getsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK) == 1
