"""PUT and DELETE on nginx, which knows nothing else here."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from mirror.targets import Target, TargetError, open_target
from tests.servers.apache import DavServer
from tests.servers.certificates import Certificates
from tests.servers.faulty import faulty, says
from tests.targets.suite import PLAIN, TargetSuite, no_secrets

FRESH = itertools.count(1)
SETTINGS = {"user": "pub", "password": "env:PASSWORD"}
SECRETS = {"env:PASSWORD": "testtest", "env:WRONG": "not-it"}


def put(server: DavServer, path: str, **changed: str) -> Target:
    url = f"put+http://127.0.0.1:{server.port}/{path}"
    return open_target("web", url, {**SETTINGS, **changed}, SECRETS.__getitem__)


class TestPut(TargetSuite, scheme="put"):
    @pytest.fixture
    def again(self, nginx_server: DavServer) -> Callable[[], Target]:
        number = next(FRESH)
        return lambda: put(nginx_server, f"put/{number}")


def test_it_says_that_it_cannot_list(nginx_server: DavServer) -> None:
    target = put(nginx_server, "put/x")
    with pytest.raises(TargetError, match="can't say which files") as caught:
        list(target.list())
    assert (caught.value.kind, target.caps.list) == ("unsupported", False)
    target.close()


def test_the_probe_reads_as_a_reader(nginx_server: DavServer) -> None:
    target = put(nginx_server, "put/news")
    checks = list(target.probe(f"{nginx_server.url}/public/news"))
    assert [(check.name, check.detail) for check in checks if check.required and not check.ok] == []
    names = [check.name for check in checks]
    assert names[:7] == ["configuration", "secrets", "DNS", "TCP", "TLS", "authentication", "clock"]
    assert "half-sent files" in names
    assert "CORS" in names
    target.close()


@pytest.mark.parametrize(
    ("path", "changed", "kind", "step"),
    [
        ("put", {"password": "env:WRONG"}, "auth", "authentication"),
        ("readonly", {}, "forbidden", "put"),
        ("get", {}, "unsupported", "put"),
        ("no/create", {}, "transient", "put"),
    ],
)
def test_what_is_wrong_is_named_by_a_push_and_by_the_probe(
    nginx_server: DavServer, path: str, changed: dict[str, str], kind: str, step: str
) -> None:
    with faulty(nginx_server.url) as proxy:
        url = proxy.url.replace("http:", "put+http:") + f"/{path}"
        target = open_target("web", url, {**SETTINGS, **changed}, SECRETS.__getitem__)
        with pytest.raises(TargetError) as caught:
            target.inner.put("o/ab/cd", b"1", PLAIN)  # type: ignore[attr-defined]
        assert caught.value.kind == kind
        assert caught.value.hint
        failed = [check for check in target.probe() if check.required and not check.ok]
        assert [check.name for check in failed] == [step]
        target.close()


def test_a_file_larger_than_the_server_takes_is_one_file_s_problem(nginx_server: DavServer) -> None:
    target = put(nginx_server, "small")
    with pytest.raises(TargetError, match="larger than the server takes") as caught:
        target.put("large", bytes(30_000_000), PLAIN)
    assert (caught.value.kind, caught.value.scope) == ("too_large", "object")
    assert "client_max_body_size" in str(caught.value.hint)
    target.put("o/ab/cd", bytes(90_000), PLAIN)
    target.close()


def test_a_key_in_a_header_of_the_servers_own(nginx_server: DavServer) -> None:
    url = f"put+http://127.0.0.1:{nginx_server.port}/key"
    settings = {"header": "X-Api-Key", "header_secret": "env:PASSWORD"}
    target = open_target("web", url, settings, SECRETS.__getitem__)
    target.put("o/ab/cd", b"1", PLAIN)
    assert target.get("o/ab/cd") == b"1"
    target.close()
    wrong = open_target("web", url, {**settings, "header_secret": "env:WRONG"}, SECRETS.__getitem__)
    with pytest.raises(TargetError) as caught:
        wrong.put("o/ab/cd", b"1", PLAIN)
    assert caught.value.kind == "auth"
    wrong.close()


def test_compression_on_the_way_is_named(nginx_server: DavServer) -> None:
    with faulty(nginx_server.url) as proxy:
        target = open_target("web", proxy.url.replace("http:", "put+http:") + "/put", SETTINGS, SECRETS.__getitem__)
        proxy.first(1, says(200, "x", content_encoding="gzip"), "GET")
        with pytest.raises(TargetError, match="Content-Encoding: gzip") as caught:
            target.get("front")
        assert caught.value.kind == "config"
        target.close()


def test_with_tls_it_is_the_same(nginx_server: DavServer, certificates: Certificates) -> None:
    url = f"put://127.0.0.1:{nginx_server.secure}/put/tls"
    target = open_target("web", url, {**SETTINGS, "ca": f"file:{certificates.ca}"}, SECRETS.__getitem__)
    target.put("o/ab/cd", b"1" * 300_000, PLAIN)
    assert target.get("o/ab/cd") == b"1" * 300_000
    target.close()


@pytest.mark.parametrize(
    ("url", "changed", "told"),
    [
        ("put+http://host/", {}, "in the clear"),
        ("put://host/", {"atomic": "auto"}, "atomic 'auto'"),
        ("put://", {}, "no address"),
    ],
)
def test_settings_that_cannot_work_are_refused(url: str, changed: dict[str, str], told: str) -> None:
    with pytest.raises(TargetError, match=told) as caught:
        open_target("web", url, {**SETTINGS, **changed}, no_secrets)
    assert caught.value.status == 2


def test_a_server_said_to_write_in_place_is_believed(nginx_server: DavServer) -> None:
    target = put(nginx_server, "put", atomic="no")
    assert not target.caps.atomic
    assert [check.ok for check in target.probe() if check.name == "half-sent files"] == [True]
    target.close()
