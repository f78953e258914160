"""What a host says in the place of a mirror's file has a name and a remedy."""

from __future__ import annotations

import asyncio
import contextlib
import http.server
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mirror.answers import Answer, Observed, cache_words, is_cached, kind_of_page, sorted_answer, sorted_failure
from mirror.audit import opened, way_to
from mirror.config import AuditConfig, TargetConfig
from mirror.read import Patience, ReadError
from tests.net import proxies
from tests.servers.certificates import make_certificates
from tests.servers.faulty import faulty, says
from tests.servers.web import web_server
from tests.watched import tower


def page(body: str | bytes, status: int = 200, **headers: str) -> Answer:
    data = body if isinstance(body, bytes) else f"<html><body>{body}</body></html>".encode()
    sent = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Answer(url="https://m.example/front", path="front", status=status, headers=sent, body=data)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ('<iframe src="http://10.10.34.36?type=Invalid Site"></iframe>', "censor"),
        ("Доступ к запрашиваемому ресурсу ограничен", "censor"),
        ("<html>Доступ к сайту заблокирован".encode("cp1251"), "censor"),
        ("Bu internet sitesi hakkında 5651 sayılı Kanun uyarınca erişime engellenmiştir", "censor"),
        ("Your requested URL has been blocked as per the directions", "censor"),
        ("<title>Just a moment...</title>", "challenge"),
        ("This domain may be for sale", "parking"),
        ('<script>window.onload=function(){window.location.href="/lander"}</script>', "parking"),
        ("This Account has been suspended.", "suspended"),
        ("<h1>Bandwidth Limit Exceeded</h1>", "suspended"),
        ("<Code>NoSuchBucket</Code>", "gone"),
        ("There isn't a GitHub Pages site here.", "gone"),
        ("<input name=p type=password>", "login"),
        ("<h1>Welcome to nginx!</h1>", "default"),
        ("Something else", None),
    ],
)
def test_pages_are_told_apart_by_their_words(body: str | bytes, kind: str | None) -> None:
    assert kind_of_page(page(body)) == kind


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (page("", 401), "blocked", "password"),
        (page("<b>no</b>", 403), "blocked", "let everybody read"),
        (page("", 429), "blocked", "too many requests"),
        (page("", 451, Link='<https://a.example/>; rel="blocked-by"'), "blocked", "blocked by https://a.example/"),
        (page("", 502), "dead", "overloaded"),
        (page("Attention Required! | Cloudflare", 403), "blocked", "browser check"),
        (page("x", 403, cf_mitigated="challenge"), "blocked", "browser check"),
        (page("<Error><Code>NoSuchBucket</Code></Error>", 404), "dead", "does not exist"),
        (page("<title>Our shop</title>"), "blocked", "titled 'Our shop'"),
        (page(b"\xef\xbb\xbf  <!-- x --><!DOCTYPE html>"), "blocked", "a page answers"),
    ],
)
def test_an_answer_in_the_place_of_a_pointer_is_named(answer: Answer, state: str, words: str) -> None:
    found = sorted_answer(answer, pointer=True)
    assert found is not None
    assert found[0] == state
    assert words in found[1]


def test_what_is_no_pointer_may_be_absent_by_403_and_a_page_for_it_is_a_missing_file() -> None:
    assert sorted_answer(page("no", 403), pointer=False) is None
    assert sorted_answer(page("no", 404), pointer=False) is None
    assert (sorted_answer(page("home page"), pointer=False) or ("",))[0] == "incomplete"
    assert (sorted_answer(page("This domain is for sale"), pointer=False) or ("",))[0] == "blocked"
    assert sorted_answer(page(b"\x1f\x8b changed"), pointer=True) is None


def test_headers_of_caches_are_told() -> None:
    answer = page("", Age="17", Cache_Control="max-age=600", X_Cache="Hit from cloudfront", Server="x")
    assert cache_words(answer) == "age: 17, cache-control: max-age=600, x-cache: Hit from cloudfront"
    assert is_cached(answer)
    assert not is_cached(page("", Age="0", Cache_Control="no-cache"))
    assert not is_cached(None)


@pytest.mark.parametrize(
    ("message", "state", "words"),
    [
        ("https://m.example/front: redirects to another host, 'https://portal.example/login'", "blocked", "login"),
        ("https://m.example/front: redirects to another host, 'https://www.hugedomains.com/x'", "blocked", "parking"),
        ("https://m.example/front: redirects to another host, 'https://x.example/'", "blocked", "correct `public`"),
        ("https://m.example/front: silent for 8 s", "dead", "then hangs"),
        ("https://m.example/front: certificate verify failed: certificate has expired", "dead", "renew it"),
    ],
)
def test_no_answer_has_a_reason(message: str, state: str, words: str) -> None:
    found = sorted_failure(ReadError(message, unreachable=True), "https://m.example/", direct=False)
    assert found[0] == state
    assert words in found[1]


def test_a_name_that_leads_into_a_private_network_is_a_name_servers_block(monkeypatch: pytest.MonkeyPatch) -> None:
    address = "10.10.34.36"

    def lie(*_: Any, **__: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0))]

    monkeypatch.setattr(socket, "getaddrinfo", lie)
    error = ReadError("https://m.example/front: connection refused", unreachable=True)
    found = sorted_failure(error, "https://m.example/", direct=True)
    assert (found[0], "10.10.34.36" in found[1]) == ("blocked", True)
    assert sorted_failure(error, "https://m.example/", direct=False)[0] == "dead"
    address = "93.184.216.34"
    assert sorted_failure(error, "https://m.example/", direct=True)[0] == "dead"


@contextlib.contextmanager
def over_tls(pem: Path) -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_certificate_of_somebody_else_is_named_with_its_issuer(tmp_path: Path) -> None:
    made = make_certificates(tmp_path / "tls")
    with over_tls(made.good) as url:
        mirror = Observed(url, patience=Patience(connect=5, idle=5, total=10))
        with contextlib.closing(mirror), pytest.raises(ReadError) as caught:
            mirror.get("front", 100)
        state, words = sorted_failure(caught.value, url, direct=True)
    assert state == "blocked"
    assert "test authority" in words
    assert "intercepts" in words


def test_an_answer_is_kept_with_its_headers_also_when_it_is_too_large_or_an_error(tmp_path: Path) -> None:
    (tmp_path / "front").write_bytes(b"x" * 5000)
    with web_server(tmp_path) as web, faulty(web.url) as proxy:
        mirror = Observed(proxy.url)
        with contextlib.closing(mirror):
            with pytest.raises(ReadError, match="more than the 100 bytes"):
                mirror.get("front", 100)
            assert mirror.answers["front"].body == b"x" * 5000
            assert mirror.answers["front"].header("cache-control") == "no-cache"
            assert mirror.get("nothing", 100) is None
            assert mirror.answers["nothing"].status == 404
            proxy.plan = lambda *_: says(503, "SlowDown")
            with pytest.raises(ReadError):
                mirror.get("front", 100)
            assert b"SlowDown" in mirror.answers["front"].body
            proxy.plan = lambda *_: None
            assert mirror.fresh("front", 5000, "look=1") == b"x" * 5000
            assert proxy.requests[-1] == ("GET", "/front?look=1")
            assert mirror.get("front", 5000) == b"x" * 5000
            assert proxy.requests[-1] == ("GET", "/front")


async def test_an_onion_is_looked_at_through_tor_and_any_mirror_where_the_configuration_says(tmp_path: Path) -> None:
    onion = "m" * 56 + ".onion"
    with tower(tmp_path) as watched:
        (tmp_path / "front").write_bytes(b"hello")
        with web_server(tmp_path) as web:
            port = int(web.url.rpartition(":")[2])
            async with proxies.socks(names={onion: port, "m.example": port}) as proxy:
                publication = watched.publication
                through = f"tor://127.0.0.1:{proxy.port}"
                audit = AuditConfig(egress=through)
                publication = replace(publication, config=replace(publication.config, audit=audit))

                def read(target: TargetConfig) -> bytes | None:
                    with contextlib.closing(opened(None, target, publication)) as mirror:
                        return mirror.get("front", 100)

                for host in (onion, "m.example"):
                    target = TargetConfig(name="m", url="/x", public=f"http://{host}/")
                    assert await asyncio.to_thread(read, target) == b"hello"
                nobody = TargetConfig(name="m", url="/x", public="http://other.example/")
                with pytest.raises(ReadError):
                    await asyncio.to_thread(read, nobody)
                assert [(one.host, one.kind) for one in proxy.log] == [
                    (onion, "name"), ("m.example", "name"), ("other.example", "name"),
                ]  # fmt: skip
                assert len({one.login for one in proxy.log}) == 3  # circuits of their own
        direct = watched.publication
        tor = way_to(TargetConfig(name="m", url="/x", public=f"http://{onion}/"), direct)
        assert tor is not None
        assert (tor.kind, tor.port) == ("tor", 9050)
        assert way_to(TargetConfig(name="m", url="/x", public="https://m.example/"), direct) is None
        named = TargetConfig(name="m", url="/x", public="https://m.example/", audit_egress="socks5h://127.0.0.1:1")
        assert (way_to(named, direct) or tor).kind == "socks5h"
