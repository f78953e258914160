"""FTP with TLS on vsftpd, which wants sessions resumed and has no MLSD, and on pyftpdlib, which fails when told to."""

from __future__ import annotations

import itertools
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager

import pytest

from mirror.targets import Retrying, Target, TargetError, open_target
from mirror.targets.ftps import FtpsTarget, _machine_line, _unix_line, read_place
from tests.servers import free_port
from tests.servers.apache import fingerprint
from tests.servers.certificates import Certificates
from tests.servers.ftpd import ftpd
from tests.servers.vsftpd import FtpServer, vsftpd
from tests.targets.suite import PLAIN, TargetSuite, no_secrets

FRESH = itertools.count(1)
SECRETS = {"env:PASSWORD": "testtest", "env:WRONG": "not-it"}


@pytest.fixture(scope="module")
def vsftpd_server(certificates: Certificates) -> Iterator[FtpServer]:
    with vsftpd(certificates.good) as server:
        yield server


@pytest.fixture(scope="module")
def pyftpdlib_server(certificates: Certificates) -> Iterator[FtpServer]:
    with ftpd(certificates.good, nat="10.1.2.3") as server:
        yield server


@pytest.fixture(params=["vsftpd", "pyftpdlib"])
def server(request: pytest.FixtureRequest) -> FtpServer:
    return request.getfixturevalue(f"{request.param}_server")


def folder(server: FtpServer) -> str:
    """A new folder there, as a URL names it."""
    name = f"f{next(FRESH)}"
    (server.folder / name).mkdir()
    (server.folder / name).chmod(0o777)
    return f"pub/{name}" if server.name == "vsftpd" else name


def settings_for(server: FtpServer, certificates: Certificates, **changed: str) -> dict[str, str]:
    given = {"ca": f"file:{certificates.ca}"}
    if server.user:
        given |= {"user": server.user, "password": "env:PASSWORD"}
    return {key: value for key, value in {**given, **changed}.items() if value}


def ftp(server: FtpServer, path: str, certificates: Certificates, **changed: str) -> Target:
    url = f"ftps://127.0.0.1:{server.port}/{path}"
    return open_target("site", url, settings_for(server, certificates, **changed), SECRETS.__getitem__)


def bare(server: FtpServer, path: str, certificates: Certificates, *, seconds: float = 5, **changed: str) -> FtpsTarget:
    """Without retries, and impatient."""
    url = f"ftps://127.0.0.1:{server.port}/{path}"
    place = read_place("site", url, settings_for(server, certificates, **changed))
    return FtpsTarget(place=place, secret=SECRETS.__getitem__, idle=seconds, whole=2 * seconds)


def fails_next(server: FtpServer, told: str) -> None:
    (server.folder.parent / "fault").write_text(told)


class TestFtps(TargetSuite, scheme="ftps"):
    @pytest.fixture
    def again(self, server: FtpServer, certificates: Certificates) -> Callable[[], Target]:
        path = folder(server)
        return lambda: ftp(server, path, certificates)


# --- on real servers -----------------------------------------------------------------------------------------------


def test_tls_from_the_start_works_as_well(certificates: Certificates) -> None:
    with vsftpd(certificates.good, implicit=True) as server:
        url = f"ftps+implicit://127.0.0.1:{server.port}/{folder(server)}"
        target = open_target("site", url, settings_for(server, certificates), no_secrets)
        target.put("o/ab/cd", b"1" * 300_000, PLAIN)
        assert target.get("o/ab/cd") == b"1" * 300_000
        assert [check for check in target.probe() if not check.ok] == []
        target.close()


def test_a_wrong_password_is_told_and_never_shown(pyftpdlib_server: FtpServer, certificates: Certificates) -> None:
    target = ftp(pyftpdlib_server, folder(pyftpdlib_server), certificates, password="env:WRONG")
    with pytest.raises(TargetError, match="doesn't take this user and password") as caught:
        target.put("front", b"1", PLAIN)
    assert (caught.value.kind, caught.value.scope) == ("auth", "target")
    assert "not-it" not in str(caught.value) + str(caught.value.hint)
    checks = list(target.probe())
    assert (checks[-1].name, checks[-1].ok) == ("authentication", False)
    target.close()


def test_a_missing_folder_is_reported_and_never_made_by_a_push(server: FtpServer, certificates: Certificates) -> None:
    above = folder(server)
    target = bare(server, f"{above}/new", certificates)
    with pytest.raises(TargetError, match="no such folder") as caught:
        target.put("o/ab/cd", b"1", PLAIN)
    assert (caught.value.kind, caught.value.scope) == ("no_container", "target")
    checks = list(target.probe())
    assert (checks[-1].name, checks[-1].ok) == ("folder", False)
    place = server.folder / above.rpartition("/")[2]
    assert list(place.iterdir()) == []
    target.make_root()
    target.make_root()
    target.put("o/ab/cd", b"1", PLAIN)
    assert (place / "new/o/ab/cd").read_bytes() == b"1"
    target.close()
    deeper = bare(server, f"{above}/no/way", certificates)
    with pytest.raises(TargetError):
        deeper.make_root()
    assert not (place / "no").exists()
    deeper.close()


def test_an_account_that_may_only_read_is_told_from_a_wrong_one(certificates: Certificates) -> None:
    with ftpd(certificates.good, perm="elr") as server:
        (server.folder / "front").write_bytes(b"1")
        target = ftp(server, "", certificates)
        assert target.get("front") == b"1"
        for act in (lambda: target.put("front", b"2", PLAIN), lambda: target.delete(["front"])):
            with pytest.raises(TargetError, match="refused") as caught:
                act()
            assert (caught.value.kind, caught.value.scope) == ("forbidden", "target")
        failed = [check for check in target.probe() if not check.ok]
        assert failed[0].name == "put"
        target.close()


def test_no_more_connections_are_used_than_the_host_allows(certificates: Certificates) -> None:
    with vsftpd(certificates.good, most=2) as server:
        target = bare(server, folder(server), certificates, workers="6")
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(lambda number: target.put(f"o/{number}", b"x" * 8000, PLAIN), range(24)))
        assert target._most <= 2
        assert len(list(target.list("o/"))) == 24
        target.close()


@pytest.mark.parametrize("start", [vsftpd, ftpd])
def test_when_others_use_all_connections_that_is_said(
    certificates: Certificates, start: Callable[..., AbstractContextManager[FtpServer]]
) -> None:
    with start(certificates.good, most=1) as server:
        path = folder(server)
        first, other = bare(server, path, certificates), bare(server, path, certificates)
        # Whether it was up was asked with a connection that may still be counted.
        Retrying(first, base=0.2).put("front", b"1", PLAIN)
        with pytest.raises(TargetError, match="too many connections") as caught:
            other.get("front")
        assert (caught.value.kind, caught.value.scope) == ("rate_limited", "object")
        other.close()
        first.close()


def test_a_connection_that_the_server_takes_away_is_replaced(
    pyftpdlib_server: FtpServer, certificates: Certificates
) -> None:
    target = bare(pyftpdlib_server, folder(pyftpdlib_server), certificates)
    target.put("front", b"1", PLAIN)
    fails_next(pyftpdlib_server, "421 Timeout.")
    target.put("front", b"2", PLAIN)
    assert target.get("front") == b"2"
    target.close()


def test_where_a_file_cannot_be_renamed_onto_another_the_old_one_goes_first(certificates: Certificates) -> None:
    with ftpd(certificates.good, replaces=False, mlsd=False) as server:
        target = ftp(server, folder(server), certificates)
        assert target.caps.atomic
        for number in range(3):
            target.commit({"front": b"%d" % number})
            assert target.get("front") == b"%d" % number
        assert not target.caps.atomic
        found = [(check.name, check.ok) for check in target.probe() if not check.ok]
        assert found == [("replacing", False)]
        assert list(target.list()) == ["front"]
        target.close()


@pytest.fixture
def tiny(vsftpd_server: FtpServer) -> Iterator[str]:
    """A folder of vsftpd's, on a disk of one megabyte."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a disk of one megabyte")
    path = folder(vsftpd_server)
    place = vsftpd_server.folder / path.rpartition("/")[2]
    command = ["mount", "-t", "tmpfs", "-o", "size=1m,mode=777", "tmpfs", str(place)]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"no right to mount here ({done.stderr.decode().strip()})")
    yield path
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_full_disk_keeps_what_was_there_and_says_so(
    vsftpd_server: FtpServer, tiny: str, certificates: Certificates
) -> None:
    target = bare(vsftpd_server, tiny, certificates)
    target.commit({"front": b"old"})

    def fill() -> None:
        for number in range(20):
            target.put(f"o/aa/{number}", bytes(100_000), PLAIN)

    with pytest.raises(TargetError, match="nothing more fits") as caught:
        fill()
    assert (caught.value.kind, caught.value.scope) == ("quota", "target")
    with pytest.raises(TargetError):
        target.commit({"front": bytes(200_000)})
    assert target.get("front") == b"old"
    target.close()


# --- when the way is bad -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        ("425 Can't open data connection.", "transient"),
        ("426 Transfer aborted.", "transient"),
        ("450 File busy.", "transient"),
        ("451 Local error.", "transient"),
        ("451 Failure writing to local file.", "quota"),
        ("452 Insufficient storage space.", "quota"),
        ("500 What?", "unsupported"),
        ("502 Not implemented.", "unsupported"),
        ("522 SSL connection failed: session reuse required.", "tls"),
        ("530 Not logged in.", "auth"),
        ("532 Need account.", "auth"),
        ("550 Permission denied.", "forbidden"),
        ("550 Disk quota exceeded.", "quota"),
        ("552 Exceeded storage allocation.", "quota"),
        ("553 Not allowed.", "forbidden"),
        ("599 \x07 what is that", "transient"),
    ],
)
def test_every_answer_has_a_kind_and_a_remedy(
    pyftpdlib_server: FtpServer, certificates: Certificates, told: str, kind: str
) -> None:
    target = bare(pyftpdlib_server, folder(pyftpdlib_server), certificates)
    target.commit({"front": b"old"})
    # Twice where the answer may mean that the folder for temporary files went away.
    fails_next(pyftpdlib_server, "\n".join([told] * (2 if told[:3] in ("550", "553") and kind != "quota" else 1)))
    with pytest.raises(TargetError) as caught:
        target.commit({"front": b"new"})
    error = caught.value
    assert error.kind == kind
    assert error.hint
    assert str(error).isprintable()
    assert target.get("front") == b"old"
    target.commit({"front": b"new"})
    assert target.get("front") == b"new"
    target.close()


def test_a_connection_lost_in_the_middle_of_a_file_never_leaves_half_of_it(
    pyftpdlib_server: FtpServer, certificates: Certificates
) -> None:
    path = folder(pyftpdlib_server)
    before, target = (bare(pyftpdlib_server, path, certificates) for _ in range(2))
    before.commit({"front": b"old"})
    before.close()
    fails_next(pyftpdlib_server, "lose")
    with pytest.raises(TargetError) as caught:
        target.commit({"front": bytes(20_000_000)})
    assert caught.value.kind == "transient"
    assert target.get("front") == b"old"
    assert list(target.list()) == ["front"]
    fails_next(pyftpdlib_server, "lose")
    Retrying(target, base=0.01).commit({"front": bytes(2_000_000)})
    assert target.get("front") == bytes(2_000_000)
    target.close()


def test_a_server_that_hangs_is_given_up(pyftpdlib_server: FtpServer, certificates: Certificates) -> None:
    target = bare(pyftpdlib_server, folder(pyftpdlib_server), certificates, seconds=0.7)
    target.put("front", b"1", PLAIN)
    fails_next(pyftpdlib_server, "hang")
    with pytest.raises(TargetError, match="no answer in time") as caught:
        target.put("front", b"2", PLAIN)
    assert caught.value.kind == "transient"
    assert target.get("front") == b"1"
    target.close()


def test_closing_ends_what_other_threads_wait_for(pyftpdlib_server: FtpServer, certificates: Certificates) -> None:
    target = bare(pyftpdlib_server, folder(pyftpdlib_server), certificates, seconds=60)
    target.put("front", b"1", PLAIN)
    fails_next(pyftpdlib_server, "hang")
    ended: list[Exception] = []

    def act() -> None:
        try:
            target.put("front", b"2", PLAIN)
        except TargetError as error:
            ended.append(error)

    thread = threading.Thread(target=act)
    thread.start()
    while (pyftpdlib_server.folder.parent / "fault").exists():
        time.sleep(0.01)
    target.close()
    thread.join(10)
    assert [getattr(error, "kind", None) for error in ended] == ["unreachable"]
    with pytest.raises(TargetError, match="closed from here"):
        target.get("front")


def test_an_idle_connection_that_the_server_ended_is_no_failure(
    pyftpdlib_server: FtpServer, certificates: Certificates
) -> None:
    target = bare(pyftpdlib_server, folder(pyftpdlib_server), certificates)
    target.put("front", b"1", PLAIN)
    for talk in target._idle:
        assert talk.sock is not None
        talk.sock.shutdown(2)
    target.put("front", b"2", PLAIN)
    assert target.get("front") == b"2"
    target.close()


def test_nobody_there_is_told_from_no_such_name(certificates: Certificates) -> None:
    nobody = FtpServer(name="none", port=free_port(), folder=certificates.ca.parent)
    target = ftp(nobody, "x", certificates)
    with pytest.raises(TargetError, match="can't be reached") as caught:
        target.put("front", b"1", PLAIN)
    assert (caught.value.kind, caught.value.scope) == ("unreachable", "target")
    assert [(check.name, check.ok) for check in target.probe()][-1] == ("TCP", False)
    target.close()


# --- TLS -----------------------------------------------------------------------------------------------------------


def test_a_certificate_counts_when_its_authority_does_or_when_it_is_the_one_named(
    vsftpd_server: FtpServer, certificates: Certificates
) -> None:
    path = folder(vsftpd_server)
    named = bare(vsftpd_server, path, certificates, ca="", fingerprint=f"sha256:{fingerprint(certificates.good)}")
    named.put("front", b"1", PLAIN)
    assert [check for check in named.probe() if not check.ok] == []
    named.close()
    for changed, told in (
        ({"ca": ""}, "certificate refused"),
        ({"ca": "", "fingerprint": "0" * 64}, "shows another certificate"),
    ):
        target = bare(vsftpd_server, path, certificates, **changed)
        with pytest.raises(TargetError, match=told) as caught:
            target.get("front")
        assert (caught.value.kind, caught.value.scope) == ("tls", "target")
        assert [(check.name, check.ok) for check in target.probe()][-1] == ("TLS", False)
        target.close()


def test_an_old_certificate_and_one_of_another_name_are_refused(certificates: Certificates) -> None:
    for certificate, told in ((certificates.expired, "expired"), (certificates.wrong_name, "mismatch")):
        with vsftpd(certificate) as server:
            target = bare(server, "", certificates)
            with pytest.raises(TargetError, match=told) as caught:
                target.get("front")
            assert caught.value.kind == "tls"
            target.close()


def test_without_tls_only_when_the_settings_say_so_and_the_server_may_insist(
    server: FtpServer, certificates: Certificates
) -> None:
    target = bare(server, folder(server), certificates, tls="none")
    with pytest.raises(TargetError) as caught:
        target.put("front", b"1", PLAIN)
    assert caught.value.kind == "tls"
    assert "tls = none" in str(caught.value.hint)
    target.close()


def test_in_the_clear_on_this_machine(certificates: Certificates) -> None:
    with vsftpd(certificates.good, force=False) as server:
        target = bare(server, folder(server), certificates, tls="none")
        target.put("o/ab/cd", b"1", PLAIN)
        assert target.get("o/ab/cd") == b"1"
        assert [check for check in target.probe() if not check.ok] == []
        target.close()


# --- settings and answers ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "changed", "told"),
    [
        ("ftps://", {}, "no address"),
        ("ftps+plain://host/", {}, "no address"),
        ("ftps://host:0x/", {}, "no address"),
        ("ftps://pub:hunter2@host/", {}, "does not belong into the address"),
        ("ftps://host/a/../b", {}, "refused the key"),
        ("ftps://host/a%0d%0aDELE x", {}, "refused the key"),
        ("ftps://host/", {"user": "a\r\nDELE x", "password": "env:P"}, "control character"),
        ("ftps://host/", {"user": "pub"}, "password of pub is missing"),
        ("ftps://host/", {"password": "env:P"}, "no user"),
        ("ftps://host/", {"tls": "no"}, "tls 'no'"),
        ("ftps+implicit://host/", {"tls": "none"}, "TLS from the start"),
        ("ftps://host/", {"workers": "0"}, "workers '0'"),
        ("ftps://host/", {"worker": "1"}, "unknown setting"),
    ],
)
def test_settings_that_cannot_work_are_refused_before_any_connection(
    url: str, changed: dict[str, str], told: str
) -> None:
    with pytest.raises(TargetError, match=told) as caught:
        open_target("site", url, changed, no_secrets)
    assert "hunter2" not in str(caught.value) + str(caught.value.hint)


def test_the_folder_begins_at_the_accounts_own_or_at_the_servers_root() -> None:
    assert read_place("site", "ftps://host/srv/www/", {}).root == "srv/www"
    assert read_place("site", "ftps://host//srv/www", {}).root == "/srv/www"
    assert read_place("site", "ftps://host", {}).root == ""


def test_lines_of_a_listing_are_read_strictly() -> None:
    assert _unix_line(b"-rw-r--r--    1 0  0   12 Nov 23 03:36 a b") == ("a b", False)
    assert _unix_line(b"drwxr-xr-x+   2 u  g 4096 Jan  1  2025 o") == ("o", True)
    assert _machine_line(b"modify=20261123;Type=file;size=1; a b") == ("a b", False)
    assert _machine_line(b"type=dir; o") == ("o", True)
    for line in (
        b"",
        b"total 12",
        b"lrwxrwxrwx 1 0 0 12 Nov 23 03:36 a -> b",
        b"drwxr-xr-x 2 0 0 0 Nov 23 03:36 ..",
        b"\xff",
    ):
        assert _unix_line(line) is None
    for line in (b"", b"type=cdir; .", b"type=pdir; ..", b"type=file;", b"type=file; a/b", b"type=file; \xff", b"x"):
        assert _machine_line(line) is None
