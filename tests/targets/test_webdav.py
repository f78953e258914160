"""WebDAV on Apache, nginx and WsgiDAV (which writes in place); and what happens when the way to one is bad."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import queue
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mirror.errors import UsageError
from mirror.targets import Retrying, Target, TargetError, meta_for, open_target
from mirror.targets._http import LONGEST_WAIT, Answer, Auth, explain, retry_after
from mirror.targets.webdav import WebdavTarget, parse_multistatus, read_site
from tests.net.proxies import Proxy, socks
from tests.servers import free_port
from tests.servers.apache import DavServer, fingerprint
from tests.servers.certificates import Certificates
from tests.servers.faulty import FaultyProxy, breaks_off, faulty, hangs, says
from tests.targets.suite import PLAIN, TargetSuite, no_secrets

FRESH = itertools.count(1)
SETTINGS = {"user": "pub", "password": "env:PASSWORD"}
SECRETS = {"env:PASSWORD": "testtest", "env:WRONG": "not-it"}


def place(server: DavServer, name: str = "") -> str:
    """A new folder there, made on the disk."""
    name = name or f"f{next(FRESH)}"
    folder = server.folder / name
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o777)
    return name


def dav(server: DavServer, path: str = "", **changed: str) -> Target:
    url = f"webdav+http://127.0.0.1:{server.port}/{path}"
    return open_target("dav", url, {**SETTINGS, **changed}, SECRETS.__getitem__)


def bare(url: str, *, seconds: float = 1.0, **changed: str) -> WebdavTarget:
    """Without retries, and impatient."""
    site = read_site("dav", url, {**SETTINGS, **changed}, scheme="webdav", more=("atomic",))
    return WebdavTarget(site=site, secret=SECRETS.__getitem__, idle=seconds, whole=2 * seconds)


@pytest.fixture(params=["apache", "nginx", "wsgidav"])
def server(request: pytest.FixtureRequest) -> DavServer:
    return request.getfixturevalue(f"{request.param}_server")


@pytest.fixture
def proxy(apache_server: DavServer) -> Iterator[FaultyProxy]:
    with faulty(apache_server.url) as proxy:
        yield proxy


def through(proxy: FaultyProxy, server: DavServer, **changed: str) -> WebdavTarget:
    return bare(proxy.url.replace("http:", "webdav+http:") + "/" + place(server), **changed)


def asked(proxy: FaultyProxy) -> dict[str, int]:
    methods = [method for method, _ in proxy.requests]
    return {method: methods.count(method) for method in methods}


class TestWebdav(TargetSuite, scheme="webdav"):
    @pytest.fixture
    def again(self, server: DavServer) -> Callable[[], Target]:
        name = place(server)
        return lambda: dav(server, name)

    @pytest.fixture(autouse=True)
    def _not_everywhere(self, server: DavServer, request: pytest.FixtureRequest) -> None:
        if server.name == "nginx" and request.node.name.endswith("a.b/.c]"):
            pytest.skip("nginx leaves names that begin with a dot out of its lists; none of ours does")
        if server.name == "wsgidav" and "never_half" in request.node.name:
            pytest.skip("WsgiDAV deletes what a MOVE replaces, as RFC 4918 says; Apache and nginx rename")
        if server.name == "wsgidav" and "what?" in request.node.name:
            pytest.skip("WsgiDAV cuts the place to move to at a question mark; none of our names has one")
        if server.name == "apache" and "never_half" in request.node.name:
            pytest.skip("Apache looks at a file's size before it opens it; below with two of one size")


# --- on real servers -----------------------------------------------------------------------------------------------


def test_a_wrong_password_is_told_and_never_shown(server: DavServer) -> None:
    target = dav(server, place(server), password="env:WRONG")
    with pytest.raises(TargetError, match="doesn't take these credentials") as caught:
        target.put("front", b"1", PLAIN)
    assert (caught.value.kind, caught.value.scope) == ("auth", "target")
    assert "not-it" not in str(caught.value) + str(caught.value.hint)
    checks = list(target.probe())
    assert (checks[-1].name, checks[-1].ok) == ("authentication", False)
    target.close()


def test_a_missing_folder_is_reported_and_never_made_by_a_push(server: DavServer) -> None:
    target = dav(server, "not-there/at-all")
    with pytest.raises(TargetError, match="no such folder") as caught:
        target.put("o/ab/cd", b"1", PLAIN)
    assert (caught.value.kind, caught.value.scope) == ("no_container", "target")
    assert not (server.folder / "not-there").exists()
    checks = list(target.probe())
    assert (checks[-1].name, checks[-1].ok) == ("folder", False)
    target.close()


def test_the_folder_itself_can_be_made_but_nothing_above_it(server: DavServer) -> None:
    name = place(server)
    target = bare(f"webdav+http://127.0.0.1:{server.port}/{name}/new", seconds=5)
    target.make_root()
    target.make_root()
    target.put("o/ab/cd", b"1", PLAIN)
    assert (server.folder / name / "new/o/ab/cd").read_bytes() == b"1"
    target.close()
    deeper = bare(f"webdav+http://127.0.0.1:{server.port}/{name}/no/way", seconds=5)
    with pytest.raises(TargetError) as caught:
        deeper.make_root()
    assert caught.value.kind == "no_container"
    deeper.close()


def test_an_account_that_may_only_read_is_told_from_a_wrong_one(apache_server: DavServer) -> None:
    target = dav(apache_server, "readonly")
    with pytest.raises(TargetError, match="not with this account") as caught:
        target.put("front", b"1", PLAIN)
    assert (caught.value.kind, caught.value.scope) == ("forbidden", "target")
    failed = [check for check in target.probe() if not check.ok]
    assert (failed[0].name, failed[0].fix) == ("put", "let this account write and delete in that folder")
    target.close()


def test_digest_is_used_where_the_server_wants_it_and_the_body_goes_once(apache_server: DavServer) -> None:
    with faulty(apache_server.url) as proxy:
        url = proxy.url.replace("http:", "webdav+http:") + "/digest"
        for number, settings in enumerate(({}, {"auth": "digest"})):
            target = bare(url, seconds=5, **settings)
            for each in range(3):
                target.put(f"d{number}-{each}", b"1", PLAIN)
            assert target.get(f"d{number}-1") == b"1"
            target.close()
        assert asked(proxy)["PUT"] == 6
        wrong = bare(url, seconds=5, password="env:WRONG")
        with pytest.raises(TargetError) as caught:
            wrong.put("front", b"1", PLAIN)
        assert caught.value.kind == "auth"
        wrong.close()


def test_a_file_larger_than_the_server_takes_is_one_file_s_problem(apache_server: DavServer) -> None:
    target = dav(apache_server, "small")
    with pytest.raises(TargetError, match="larger than the server takes") as caught:
        target.put("large", bytes(8_000_000), PLAIN)
    assert (caught.value.kind, caught.value.scope) == ("too_large", "object")
    target.put("large", bytes(90_000), PLAIN)
    target.close()


@pytest.fixture(params=["apache", "nginx"])
def tiny(request: pytest.FixtureRequest) -> Iterator[tuple[DavServer, str]]:
    """A folder of a server, on a disk of one megabyte."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a disk of one megabyte")
    server: DavServer = request.getfixturevalue(f"{request.param}_server")
    name = place(server)
    command = ["mount", "-t", "tmpfs", "-o", "size=1m,mode=777", "tmpfs", str(server.folder / name)]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"no right to mount here ({done.stderr.decode().strip()})")
    yield server, name
    subprocess.run(["umount", "-l", str(server.folder / name)], check=True)


def test_a_full_disk_keeps_what_was_there_and_says_so(tiny: tuple[DavServer, str]) -> None:
    server, name = tiny
    target = bare(f"webdav+http://127.0.0.1:{server.port}/{name}", seconds=5)
    target.commit({"front": b"old"})

    def fill() -> None:
        for number in range(20):
            target.put(f"o/aa/{number}", bytes(100_000), PLAIN)

    with pytest.raises(TargetError) as caught:
        fill()
    # nginx says 500 whatever it was, and has no word for what is left.
    expected = {"apache": ("quota", "make room"), "nginx": ("transient", "is the disk full")}[server.name]
    assert caught.value.kind == expected[0]
    assert expected[1] in str(caught.value.hint)
    with pytest.raises(TargetError):
        target.commit({"front": bytes(200_000)})
    assert target.get("front") == b"old"
    target.close()


def test_half_a_file_is_never_seen_also_where_the_server_writes_in_place(server: DavServer) -> None:
    name = place(server)
    target = dav(server, name)
    target.commit({"front": b"old"})
    assert [check.detail for check in target.probe() if check.name == "half-sent files"] == [
        "moved into place when they are whole" if server.name == "wsgidav" else "never seen by readers"
    ]
    staged = (server.folder / name / ".tamizdat-tmp").exists()
    assert staged == (server.name == "wsgidav")
    assert list(target.list()) == ["front"]
    target.close()


def test_a_server_said_to_be_atomic_that_isn_t_is_found_out(wsgidav_server: DavServer) -> None:
    target = dav(wsgidav_server, place(wsgidav_server), atomic="yes")
    target.put("o/ab/cd", b"1", PLAIN)
    found = [check for check in target.probe() if check.name == "half-sent files"]
    assert [(check.ok, check.detail) for check in found] == [(False, "a file half-sent is seen half")]
    target.close()


def test_compression_on_the_way_is_named(apache_server: DavServer) -> None:
    target = dav(apache_server, "zipped")
    (apache_server.folder / "zipped/front").write_bytes(b"1" * 5000)
    for act in (lambda: target.get("front"), lambda: target.put("front", b"1", PLAIN)):
        with pytest.raises(TargetError, match="Content-Encoding: gzip") as caught:
            act()
        assert caught.value.kind == "config"
    target.close()


def test_a_reader_of_apache_sees_the_old_pointer_or_the_new_one(apache_server: DavServer) -> None:
    versions = (b"a" * 200_000, b"b" * 200_000)
    target, reader = (dav(apache_server, "swap") for _ in range(2))
    place(apache_server, "swap")
    target.commit({"front": versions[0]})
    done, seen = threading.Event(), set()

    def read() -> None:
        while not done.is_set():
            seen.add(reader.get("front"))

    with ThreadPoolExecutor(2) as pool:
        reading = [pool.submit(read) for _ in range(2)]
        for turn in range(40):
            target.commit({"front": versions[turn % 2]})
        done.set()
        for each in reading:
            each.result()
    assert seen == set(versions)
    assert target.caps.atomic
    reader.close()
    target.close()


# --- requests ------------------------------------------------------------------------------------------------------


def test_a_first_push_makes_each_folder_once_and_an_increment_none(
    proxy: FaultyProxy, apache_server: DavServer
) -> None:
    first = through(proxy, apache_server)
    for number in range(12):
        first.put(f"o/{number % 6:02x}/{number}", b"x", PLAIN)
    first.commit({"checkpoint": b"1", "front": b"1"})
    first.close()
    # o, its six folders; one file was refused before the first of them was made.
    assert asked(proxy) == {"PROPFIND": 1, "OPTIONS": 1, "PUT": 15, "MKCOL": 7}
    proxy.requests.clear()
    again = bare(first.address)
    for number in range(12, 24):
        again.put(f"o/{number % 6:02x}/{number}", b"x", PLAIN)
    again.close()
    assert asked(proxy) == {"PROPFIND": 1, "OPTIONS": 1, "PUT": 12}


def test_many_threads_share_few_connections(proxy: FaultyProxy, apache_server: DavServer) -> None:
    target = through(proxy, apache_server)
    opened = []
    connect = target._web.wires.open
    target._web.wires.open = lambda: (opened.append(1), connect())[1]  # type: ignore[method-assign]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: target.put(f"o/{number}", b"x" * 8000, PLAIN), range(80)))
    assert 1 <= len(opened) <= 8
    target.close()


def test_a_connection_that_the_server_closed_meanwhile_is_no_failure(apache_server: DavServer) -> None:
    target = bare(f"webdav+http://127.0.0.1:{apache_server.port}/{place(apache_server)}", seconds=5)
    target.put("front", b"1", PLAIN)
    for line in target._web._idle:
        socket.socket.shutdown(line.sock, socket.SHUT_RDWR)
    target.put("front", b"2", PLAIN)
    assert target.get("front") == b"2"
    target.close()


@pytest.mark.parametrize(
    ("status", "headers", "kind"),
    [
        (301, {"location": "https://elsewhere.example/?secret=1"}, "config"),
        (400, {}, "config"),
        (401, {}, "auth"),
        (402, {}, "quota"),
        (403, {}, "forbidden"),
        (405, {}, "unsupported"),
        (408, {}, "transient"),
        (411, {}, "config"),
        (412, {}, "conflict"),
        (413, {}, "too_large"),
        (414, {}, "too_large"),
        (418, {}, "transient"),
        (423, {}, "transient"),
        (429, {}, "rate_limited"),
        (429, {"retry_after": "7"}, "rate_limited"),
        (451, {}, "forbidden"),
        (500, {}, "transient"),
        (501, {}, "unsupported"),
        (502, {}, "transient"),
        (503, {}, "transient"),
        (503, {"retry_after": "7"}, "rate_limited"),
        (504, {}, "transient"),
        (507, {}, "quota"),
    ],
)
def test_every_answer_has_a_kind_and_a_remedy(
    proxy: FaultyProxy, apache_server: DavServer, status: int, headers: dict[str, str], kind: str
) -> None:
    target = through(proxy, apache_server)
    target.put("first", b"1", PLAIN)
    proxy.first(1, says(status, "no", **headers))
    with pytest.raises(TargetError) as caught:
        target.put("front", b"1", PLAIN)
    error = caught.value
    assert (error.kind, error.retry_after) == (kind, 7 if "retry_after" in headers else None)
    assert error.hint
    assert str(status) in str(error)
    assert "\n" not in str(error)
    assert "secret" not in str(error)
    assert len(str(error)) < 300
    target.close()


def test_a_busy_server_is_tried_again_when_it_says(proxy: FaultyProxy, apache_server: DavServer) -> None:
    target = Retrying(through(proxy, apache_server), base=0.01)
    waited: list[float] = []
    target._sleep = waited.append
    proxy.first(1, says(503, retry_after="3"))
    target.put("front", b"1", PLAIN)
    assert 3 <= waited[0] < 4
    assert target.get("front") == b"1"
    target.close()


def test_the_time_to_wait_is_read_in_both_forms_and_from_the_servers_clock() -> None:
    date = {"date": "Mon, 23 Nov 2026 10:00:00 GMT"}
    assert retry_after({"retry-after": " 120 "}) == 120
    assert retry_after({"retry-after": "Mon, 23 Nov 2026 10:02:00 GMT", **date}) == 120
    assert retry_after({"retry-after": "Mon, 23 Nov 2026 09:00:00 GMT", **date}) == 0
    assert retry_after({"retry-after": "999999999"}) == LONGEST_WAIT
    for odd in ("", "soon", "-5", "1.5", "1e9", "9" * 40, "Mon, 99 Nov 2026 10:02:00 GMT"):
        assert retry_after({"retry-after": odd}) is None


def test_a_move_that_a_server_behind_a_proxy_takes_for_one_elsewhere_is_made_by_path(nginx_server: DavServer) -> None:
    with faulty(nginx_server.url) as proxy:
        target = through(proxy, nginx_server, atomic="no")
        proxy.first(1, says(502), "MOVE")
        target.put("o/ab/cd", b"1", PLAIN)
        target.put("o/ab/ce", b"2", PLAIN)
        assert target.get("o/ab/cd") == b"1"
        # Refused; by path; and the second by path at once.
        assert asked(proxy)["MOVE"] == 3
        target.close()


# --- when the way is bad -------------------------------------------------------------------------------------------


def test_a_server_that_hangs_is_given_up(proxy: FaultyProxy, apache_server: DavServer) -> None:
    target = through(proxy, apache_server)
    target.put("front", b"1", PLAIN)
    for method, act in (("PUT", lambda: target.put("front", b"2", PLAIN)), ("GET", lambda: target.get("front"))):
        proxy.first(9, hangs, method)
        with pytest.raises(TargetError, match="no answer in time") as caught:
            act()
        assert caught.value.kind == "transient"
    target.close()


def test_closing_ends_what_other_threads_wait_for(proxy: FaultyProxy, apache_server: DavServer) -> None:
    target = through(proxy, apache_server)
    target._web._seconds = 60, 60
    target.put("front", b"1", PLAIN)
    proxy.first(99, hangs)
    with ThreadPoolExecutor(3) as pool:
        waiting = [pool.submit(target.put, f"o/{number}", b"1", PLAIN) for number in range(3)]
        while sum(method == "PUT" for method, _ in proxy.requests) < 4:
            time.sleep(0.01)
        target.close()
        for each in waiting:
            error = each.exception()
            assert isinstance(error, TargetError)
            assert (error.kind, "closed from here" in str(error)) == ("unreachable", True)
    with pytest.raises(TargetError, match="closed from here"):
        target.get("front")


@pytest.mark.parametrize("cap", [None, 300_000])
def test_a_connection_that_breaks_off_never_gives_half_a_file(
    proxy: FaultyProxy, apache_server: DavServer, cap: int | None
) -> None:
    target = through(proxy, apache_server)
    target.put("large", bytes(250_000), PLAIN)
    proxy.first(1, breaks_off, "GET")
    with pytest.raises(TargetError, match="broke") as caught:
        target.get("large", cap=cap)
    assert caught.value.kind == "transient"
    assert target.get("large", cap=cap) == bytes(250_000)
    proxy.first(2, breaks_off)
    Retrying(target, base=0.01).put("front", b"1", PLAIN)
    assert target.get("front") == b"1"
    target.close()


class Scripted:
    """A server that answers every request with the next of these bytes, piece by piece, and then ends the connection.
    `heard` is what came."""

    def __init__(self, *answers: tuple[bytes, ...], pause: float = 0.0, tls: Path | None = None) -> None:
        self.heard: list[bytes] = []
        self._answers, self._pause = list(answers), pause
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        self._context = None
        if tls:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(tls)
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Scripted:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        socket.socket.shutdown(self._listening, socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                sock, _ = self._listening.accept()
            except OSError:
                return
            with sock:
                try:
                    talking = self._context.wrap_socket(sock, server_side=True) if self._context else sock
                    with talking:
                        talking.settimeout(10)
                        self.heard.append(talking.recv(65_536))
                        for piece in self._answers.pop(0) if self._answers else ():
                            talking.sendall(piece)
                            time.sleep(self._pause)
                except OSError:
                    continue


def test_a_server_that_sends_a_byte_now_and_then_cannot_hold_anybody() -> None:
    drip = (b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", *[b"x"] * 1000)
    with Scripted(drip, pause=0.02) as server:
        target = bare(f"webdav+http://127.0.0.1:{server.port}/", seconds=0.3)
        with pytest.raises(TargetError, match="no answer in time"):
            target.get("front")
        target.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 999999 what\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"".join(b"x%d: 1\r\n" % number for number in range(300)) + b"\r\n",
        b"HTTP/1.1 200 OK\r\nx: " + b"y" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 102 wait\r\n\r\n" * 30,
        b"\0" * 4000,
    ],
)
def test_what_is_no_answer_is_one_line_and_no_traceback(answer: bytes) -> None:
    with Scripted((answer,)) as server:
        target = bare(f"webdav+http://127.0.0.1:{server.port}/", seconds=2)
        with pytest.raises(TargetError) as caught:
            target.get("front", cap=1000)
        assert caught.value.kind == "transient"
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 300
        target.close()


def test_interim_answers_are_not_the_answer() -> None:
    with Scripted(
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\n\r\nnews",)
    ) as server:
        target = bare(f"webdav+http://127.0.0.1:{server.port}/", seconds=2)
        assert target.get("front") == b"news"
        target.close()


def test_a_refusal_before_the_whole_file_was_sent_is_understood() -> None:
    refusal = b"HTTP/1.1 507 Insufficient Storage\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    with Scripted((refusal,)) as server:
        target = bare(f"webdav+http://127.0.0.1:{server.port}/", seconds=5, atomic="yes")
        target._known = True
        with pytest.raises(TargetError, match="nothing more fits") as caught:
            target.put("large", bytes(30_000_000), PLAIN)
        assert caught.value.kind == "quota"
        target.close()


def test_credentials_go_nowhere_else_when_the_server_redirects() -> None:
    with Scripted() as other:
        moved = f"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{other.port}/\r\nContent-Length: 0\r\n\r\n"
        with Scripted((moved.encode(),)) as server:
            target = bare(f"webdav+http://127.0.0.1:{server.port}/", seconds=2)
            with pytest.raises(TargetError, match=f"redirects to http://127.0.0.1:{other.port}/") as caught:
                target.get("front")
            assert caught.value.kind == "config"
            assert b"Authorization: Basic" in server.heard[0]
            target.close()
        assert other.heard == []


def test_nobody_there_is_told_from_no_such_name() -> None:
    nobody = open_target("dav", f"webdav+http://127.0.0.1:{free_port()}/x", SETTINGS, SECRETS.__getitem__)
    with pytest.raises(TargetError, match="can't be reached") as caught:
        nobody.put("front", b"1", PLAIN)
    assert (caught.value.kind, caught.value.scope) == ("unreachable", "target")
    assert [(check.name, check.ok) for check in nobody.probe()][-1] == ("TCP", False)
    nameless = open_target("dav", "webdav://no-such-host.invalid/x", SETTINGS, SECRETS.__getitem__)
    with pytest.raises(TargetError, match="no address") as caught:
        nameless.get("front")
    assert caught.value.kind == "unreachable"
    assert [(check.name, check.ok) for check in nameless.probe()][-1] == ("DNS", False)


# --- TLS -----------------------------------------------------------------------------------------------------------


def test_a_certificate_counts_when_its_authority_does_or_when_it_is_the_one_named(
    apache_server: DavServer, nginx_server: DavServer, certificates: Certificates
) -> None:
    for server in (apache_server, nginx_server):
        url = f"webdav://pub@127.0.0.1:{server.secure}/{place(server)}"
        trusted = {"ca": f"file:{certificates.ca}"}, {"fingerprint": f"sha256:{fingerprint(certificates.good)}"}
        for settings in trusted:
            target = bare(url, seconds=5, **settings)
            target.put("o/ab/cd", b"1" * 200_000, PLAIN)
            assert target.get("o/ab/cd") == b"1" * 200_000
            assert [check for check in target.probe() if not check.ok] == []
            target.close()
        for settings, told in (
            ({}, "certificate refused"),
            ({"fingerprint": "0" * 64}, "shows another certificate"),
        ):
            target = bare(url, seconds=5, **settings)
            with pytest.raises(TargetError, match=told) as caught:
                target.get("front")
            assert (caught.value.kind, caught.value.scope) == ("tls", "target")
            assert [(check.name, check.ok) for check in target.probe()][-1] == ("TLS", False)
            target.close()


@pytest.mark.parametrize(
    ("which", "told"),
    [("expired", "expired"), ("wrong_name", "mismatch"), ("self_signed", "self-signed|self signed")],
)
def test_a_wrong_certificate_is_refused_before_anything_is_sent(
    certificates: Certificates, which: str, told: str
) -> None:
    with Scripted(tls=getattr(certificates, which)) as server:
        target = bare(f"webdav://127.0.0.1:{server.port}/", seconds=5, ca=f"file:{certificates.ca}")
        with pytest.raises(TargetError, match=told) as caught:
            target.put("front", b"1", PLAIN)
        assert caught.value.kind == "tls"
        assert "fingerprint=" in str(caught.value.hint)
        target.close()
    assert server.heard == []


def test_https_where_there_is_none_is_said_to_be_that(apache_server: DavServer) -> None:
    target = bare(f"webdav://127.0.0.1:{apache_server.port}/", seconds=5)
    with pytest.raises(TargetError, match="no TLS there") as caught:
        target.get("front")
    assert caught.value.kind == "tls"
    target.close()


@contextlib.contextmanager
def socks_in_a_thread(names: dict[str, int]) -> Iterator[Proxy]:
    """The SOCKS proxy, for whoever blocks."""
    ready: queue.Queue[tuple[Proxy, asyncio.AbstractEventLoop, asyncio.Event]] = queue.Queue()

    async def serve() -> None:
        ended = asyncio.Event()
        async with socks(names=names) as proxy:
            ready.put((proxy, asyncio.get_running_loop(), ended))
            await ended.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    proxy, loop, ended = ready.get(timeout=10)
    try:
        yield proxy
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()


def test_an_onion_is_reached_through_the_proxy_by_name(apache_server: DavServer) -> None:
    name = place(apache_server)
    host = "a" * 56 + ".onion"
    with socks_in_a_thread({host: apache_server.port}) as proxy:
        target = bare(f"webdav+http://{host}/{name}", seconds=5, egress=f"tor://127.0.0.1:{proxy.port}")
        target.put("o/ab/cd", b"1", PLAIN)
        assert (apache_server.folder / name / "o/ab/cd").read_bytes() == b"1"
        assert [check for check in target.probe() if check.required and not check.ok] == []
        target.close()
        assert {(wanted.host, wanted.kind) for wanted in proxy.log} == {(host, "name")}


# --- settings ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "changed", "told"),
    [
        ("webdav://", {}, "no address"),
        ("webdav://host:99999/", {}, "no address"),
        ("webdav://host/?x", {}, "no address"),
        ("webdav://höst/", {}, "no address"),
        ("webdav+ftp://host/", {}, "no address"),
        ("webdav+http://host/", {}, "in the clear"),
        ("webdav://pub:hunter2@host/", {}, "does not belong into the address"),
        ("webdav://host/a/../b", {}, "refused the key"),
        ("webdav://host/", {"password": ""}, "password of pub is missing"),
        ("webdav://host/", {"user": ""}, "no user"),
        ("webdav://host/", {"user": "a:b"}, "colon"),
        ("webdav://host/", {"token": "env:T"}, "three ways"),
        ("webdav://host/", {"user": "", "password": "", "header": "X-Key"}, "go together"),
        ("webdav://host/", {"user": "", "password": "", "header": "X Key", "header_secret": "env:T"}, "not the name"),
        ("webdav://host/", {"auth": "ntlm"}, "auth 'ntlm'"),
        ("webdav://host/", {"atomic": "maybe"}, "atomic 'maybe'"),
        ("webdav://host/", {"ca": "ca.pem"}, "from / on"),
        ("webdav://host/", {"fingerprint": "sha256:12"}, "no SHA-256"),
        ("webdav://host/", {"egress": "socks5://x:1"}, "names up"),
        ("webdav://abc.onion/", {"egress": "direct"}, "through Tor only"),
        ("webdav://host/", {"pasword": "x"}, "unknown setting"),
    ],
)
def test_settings_that_cannot_work_are_refused_before_any_request(url: str, changed: dict[str, str], told: str) -> None:
    with pytest.raises(TargetError, match=told) as caught:
        open_target("dav", url, {**SETTINGS, **changed}, no_secrets)
    assert "hunter2" not in str(caught.value) + str(caught.value.hint)
    assert caught.value.status == 2 or "refused the key" in told


def test_a_secret_is_a_reference_and_what_is_wrong_with_it_is_said() -> None:
    def secret(reference: str) -> str:
        raise UsageError(f"{reference}: $PASSWORD is not set", hint="export PASSWORD=…")

    target = open_target("dav", "webdav://host/", SETTINGS, secret)
    with pytest.raises(TargetError, match=r"env:PASSWORD: \$PASSWORD is not set") as caught:
        target.get("front")
    assert (caught.value.kind, caught.value.hint) == ("config", "export PASSWORD=…")
    assert [(check.name, check.ok) for check in target.probe()][-1] == ("secrets", False)
    plain = open_target("dav", "webdav://host/", {**SETTINGS, "password": "hunter2"}, no_secrets)
    with pytest.raises(TargetError, match="must be a reference") as caught:
        plain.get("front")
    assert "hunter2" not in str(caught.value)


def test_a_token_and_a_header_go_along_and_are_shown_nowhere() -> None:
    nothing = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
    for settings, sent in (
        ({"token": "env:T"}, b"Authorization: Bearer s3cret\r\n"),
        ({"header": "AccessKey", "header_secret": "env:T"}, b"AccessKey: s3cret\r\n"),
    ):
        with Scripted((nothing,)) as server:
            url = f"webdav+http://127.0.0.1:{server.port}/"
            target = open_target("dav", url, settings, {"env:T": "s3cret"}.__getitem__)
            assert target.get("front") is None
            target.close()
        assert sent in server.heard[0]
        assert "s3cret" not in repr(target) + target.address + repr(vars(target))
    assert "testtest" not in repr(Auth(user="pub", password="testtest"))


def test_a_known_hosts_own_path_is_in_the_message() -> None:
    for url, told in (
        ("webdav://cloud.example/remote.php/dav/", "/remote.php/dav/files/USER"),
        ("webdav://app.koofr.net/Koofr", "/dav/Koofr/FOLDER"),
    ):
        target = bare(url)
        error = target._failure(Answer(status=404, headers={}), "front")
        assert told in str(error.hint)


def test_the_digest_answer_is_that_of_the_specification(monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 7616, section 3.9.1."""
    monkeypatch.setattr(
        "mirror.targets._http.secrets.token_hex", lambda _: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
    )
    auth = Auth(user="Mufasa", password="Circle of Life")
    for algorithm, response in (
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ):
        told = (
            f'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={algorithm}, '
            'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", '
            'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
        )
        auth = Auth(user="Mufasa", password="Circle of Life")
        assert auth.challenged(Answer(status=401, headers={"www-authenticate": told}), {})
        header = auth.headers("GET", "/dir/index.html")["Authorization"]
        assert f'response="{response}"' in header


# --- lists ---------------------------------------------------------------------------------------------------------

LIST = """<?xml version="1.0"?><d:multistatus xmlns:d="DAV:">{}</d:multistatus>"""
FILE = "<d:response><d:href>{}</d:href><d:propstat><d:prop><d:resourcetype/></d:prop></d:propstat></d:response>"


def test_a_list_gives_this_folders_files_and_nothing_else() -> None:
    places = (
        "/n/",
        "/n/a",
        "http://other.example/n/b%20c",
        "/elsewhere/x",
        "/n/../y",
        "/n/z/deeper",
        "/n/%ff",
        "/n/%00",
    )
    body = LIST.format("".join(FILE.format(place) for place in places)).encode()
    answer = b"HTTP/1.1 207 Multi-Status\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    with Scripted((answer,)) as server:
        target = bare(f"webdav+http://127.0.0.1:{server.port}/n", seconds=2)
        target._known = True
        assert list(target.list()) == ["a", "b c"]
        target.close()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>log in</html>",
        b"<multistatus",
        LIST.format("").replace("DAV:", "dav:").encode(),
        b'<!DOCTYPE m [<!ENTITY a "b">]><d:multistatus xmlns:d="DAV:">&a;</d:multistatus>',
        b'<!DOCTYPE m SYSTEM "file:///etc/passwd"><d:multistatus xmlns:d="DAV:"/>',
        LIST.format("<a>" * 400).encode(),
        LIST.format("").encode("utf-16"),
        b"\0" * 100,
    ],
)
def test_a_list_that_is_none_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match="list"):
        list(parse_multistatus(body))


def test_properties_that_were_not_found_do_not_count() -> None:
    text = (
        "<d:response><d:href>/</d:href><d:propstat><d:prop><d:resourcetype><d:collection/></d:resourcetype></d:prop>"
        "<d:status>HTTP/1.1 200 OK</d:status></d:propstat><d:propstat><d:prop><d:quota-available-bytes>7"
        "</d:quota-available-bytes></d:prop><d:status>HTTP/1.1 404 Not Found</d:status></d:propstat></d:response>"
    )
    assert list(parse_multistatus(LIST.format(text).encode())) == [(b"/", {"resourcetype": "collection"})]


def test_what_is_left_of_the_quota_is_told_and_an_empty_one_is_named() -> None:
    text = (
        "<d:response><d:href>/</d:href><d:propstat><d:prop><d:quota-available-bytes>0</d:quota-available-bytes></d:prop>"
        "<d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response>"
    )
    body = LIST.format(text).encode()
    full = b"HTTP/1.1 207 Multi-Status\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    refused = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
    with Scripted((refused,), (full,)) as server:
        target = bare(f"webdav+http://127.0.0.1:{server.port}/", seconds=2, atomic="yes")
        target._known = True
        with pytest.raises(TargetError, match="nothing is left of the quota") as caught:
            target.put("front", b"1", meta_for("front"))
        assert caught.value.kind == "quota"
        target.close()


def test_an_error_page_of_the_server_is_not_repeated() -> None:
    error = explain(Answer(status=500, headers={}, body=b"<h1>secret path</h1>\n"), "dav: here")
    assert "secret" not in f"{error}{error.hint}"
