"""An outlet is asked the way its operator chose or not at all, and what is secret stays between the two."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from mirror.config import OutletConfig
from mirror.egress import DIRECT, Cookie, EgressError, credentials, ends_in_a_number, parse, read_cookies
from mirror.errors import TamizdatError
from mirror.guard import check_url
from mirror.net import Client, FetchError
from mirror.secrets import SecretError
from tests.net import proxies
from tests.net.test_net import certificate as certificate  # noqa: PLC0414 - a fixture
from tests.net.world import World, client, moved, names, reply, world


def outlet(url: str = "https://news.example/", **settings: object) -> OutletConfig:
    return OutletConfig(**({"id": "news", "name": "News", "url": url, "allow_private": True} | settings))  # type: ignore[arg-type]


async def get(guest: Client, url: str) -> bytes:
    return (await guest.get(url, allow_private=True)).body


# --- the way out ------------------------------------------------------------------------------------------------------


async def test_through_socks_the_proxy_looks_the_name_up_and_nobody_here_does() -> None:
    lookup, asked = names({"news.example": ["127.0.0.1"]})
    async with world() as site, client(lookup=lookup) as guest:
        site.answers["/"] = reply(b"hello")
        async with proxies.socks(names={"news.example": site.port}) as proxy:
            view = guest.of(outlet(egress=f"socks5h://127.0.0.1:{proxy.port}"))
            answer = await view.get(f"http://news.example:{site.port}/", allow_private=True)
    assert answer.body == b"hello"
    assert proxy.log == [proxies.Wanted(host="news.example", port=site.port, kind="name")]
    assert asked == []
    assert (answer.egress, answer.address, view.egress, guest.egress) == ("socks5h", None, "socks5h", "direct")


async def test_an_http_proxy_gets_plain_requests_as_such_and_tunnels_tls(certificate: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    trusting = ssl.create_default_context(cafile=str(certificate))
    async with world() as plain, world(ssl=context) as tls, client(tls=trusting) as guest:
        plain.answers["/a"] = reply(b"plain")
        tls.answers["/b"] = reply(b"tls")
        known = {"plain.example": plain.port, "news.example": tls.port}
        async with proxies.http(names=known, login=("me", "p:w")) as proxy:
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("WAY", f"http://me:p%3Aw@127.0.0.1:{proxy.port}")
                through = guest.of(outlet(egress="env:WAY"))
            first = await through.get(f"http://plain.example:{plain.port}/a", allow_private=True)
            assert (first.status, first.body) == (200, b"plain"), plain.log
            answer = await through.get(f"https://news.example:{tls.port}/b", allow_private=True)
    assert answer.body == b"tls"
    assert [(one.kind, one.host, one.login) for one in proxy.log] == [
        ("GET", "plain.example", ("me", "p:w")),
        ("CONNECT", "news.example", ("me", "p:w")),
    ]
    assert "proxy-authorization" not in {name.lower() for name in answer.sent}
    assert "proxy-authorization" not in tls.log[0].headers


async def test_tls_inside_socks_is_checked_against_the_name(certificate: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    trusting = ssl.create_default_context(cafile=str(certificate))
    async with world(ssl=context) as tls, client(tls=trusting) as guest:
        tls.answers["/"] = reply(b"tls")
        async with proxies.socks(names={"news.example": tls.port, "other.example": tls.port}) as proxy:
            view = guest.of(outlet(egress=f"socks5h://127.0.0.1:{proxy.port}"))
            answer = await view.get(f"https://news.example:{tls.port}/", allow_private=True)
            with pytest.raises(FetchError) as error:
                await view.get(f"https://other.example:{tls.port}/", allow_private=True)
    assert answer.body == b"tls"
    expected = x509.load_pem_x509_certificate(certificate.read_bytes()).public_bytes(Encoding.DER)
    assert answer.certificate == hashlib.sha256(expected).hexdigest()
    assert error.value.kind == "tls"


async def test_every_outlet_has_tor_circuits_of_its_own_and_every_run_new_ones() -> None:
    async with world() as site:
        site.answers["/"] = reply(b"x")
        onion = "a" * 56 + ".onion"
        async with proxies.socks(names={"news.example": site.port, onion: site.port}) as tor:
            way = f"tor://127.0.0.1:{tor.port}"
            for _ in range(2):
                async with client(egress=way) as guest:
                    for name in ("one", "two"):
                        await get(guest.of(outlet(id=name)), f"http://news.example:{site.port}/")
                    answer = await guest.of(outlet(id="one")).get(f"http://{onion}:{site.port}/", allow_private=True)
                    assert answer.egress == "tor"
    users = [wanted.login[0] for wanted in tor.log if wanted.login]
    assert users == ["one", "two", "one"] * 2
    assert len({wanted.login[1] for wanted in tor.log if wanted.login}) == 2


@pytest.mark.parametrize("kind", ["socks5h", "http", "tor"])
async def test_a_dead_proxy_is_an_error_and_never_a_reason_to_go_directly(kind: str) -> None:
    async with proxies.socks() as gone:
        port = gone.port
    lookup, asked = names({"news.example": ["127.0.0.1"]})
    async with world() as site, client(lookup=lookup) as guest:
        site.answers["/"] = reply(b"direct")
        view = guest.of(outlet(egress=f"{kind}://127.0.0.1:{port}"))
        with pytest.raises(FetchError, match="it is not asked any other way") as error:
            await get(view, f"http://news.example:{site.port}/")
    assert error.value.kind == "proxy"
    assert site.log == []
    assert asked == []
    assert str(port) not in str(error.value).replace(f":{site.port}/", "")


@pytest.mark.parametrize(("kind", "expected"), [("socks5h", "proxy"), ("http", "proxy")])
async def test_a_wrong_password_is_told_without_the_password(
    kind: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve = proxies.http if kind == "http" else proxies.socks
    async with world() as site, client() as guest, serve(names={"news.example": site.port}, login=("a", "b")) as proxy:
        monkeypatch.setenv("WAY", f"{kind}://user:hunter2@127.0.0.1:{proxy.port}")
        view = guest.of(outlet(egress="env:WAY"))
        if kind == "http":  # a plain request's 407 is an answer like any other
            assert (await view.get(f"http://news.example:{site.port}/", allow_private=True)).status == 407
        with pytest.raises(FetchError) as error:
            await get(view, f"{'https' if kind == 'http' else 'http'}://news.example:{site.port}/")
    assert error.value.kind == expected
    assert "hunter2" not in str(error.value) + repr(view._egress)
    assert site.log == []


async def test_what_the_proxy_cannot_reach_is_the_outlets_failure_not_the_proxys() -> None:
    async with client() as guest, proxies.socks(reply=5) as proxy:
        with pytest.raises(FetchError, match="cannot reach it") as error:
            await get(guest.of(outlet(egress=f"socks5h://127.0.0.1:{proxy.port}")), "http://news.example/")
    assert error.value.kind == "connect"
    assert len(proxy.log) == 3  # tried again, as a direct connection would be


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "10.0.0.1", "192.168.1.1", "169.254.169.254", "[::1]", "[fd00::1]", "[::ffff:10.0.0.1]"),
        *("localhost", "router", "printer.local", "db.internal", "nas.lan", "x.localhost", "gateway.home.arpa"),
        *("127.1", "2130706433", "0x7f.1", "0177.0.0.1", "0x7f000001", "news.example.1"),
    ],
)
async def test_through_a_proxy_nothing_of_its_own_network_is_asked_for(host: str) -> None:
    async with client() as guest, proxies.socks(names={"news.example": 1}) as proxy:
        view = guest.of(outlet(egress=f"socks5h://127.0.0.1:{proxy.port}"))
        with pytest.raises(FetchError) as error:
            await view.get(f"http://{host}/", allow_private=True)
    assert error.value.kind == "address"
    assert proxy.log == []


async def test_a_redirect_inside_is_refused_through_a_proxy_too() -> None:
    async with world() as site, client() as guest, proxies.socks(names={"news.example": site.port}) as proxy:
        site.answers["/"] = moved("http://192.168.1.1/")
        view = guest.of(outlet(egress=f"socks5h://127.0.0.1:{proxy.port}"))
        with pytest.raises(FetchError, match="not a public address") as error:
            await get(view, f"http://news.example:{site.port}/")
    assert error.value.kind == "address"
    assert len(proxy.log) == 1


@pytest.mark.parametrize("way", ["direct", "socks5h://127.0.0.1:1", "http://127.0.0.1:1"])
def test_onion_names_go_to_tor_and_nowhere_else(way: str) -> None:
    onion = f"http://{'a' * 56}.onion/"
    with pytest.raises(FetchError, match="through Tor only") as error:
        check_url(onion, egress=parse(way))
    assert error.value.hint == 'say egress = "tor" for this outlet'
    assert check_url(onion, egress=parse("tor")) == onion


def test_names_that_end_in_a_number_are_no_names() -> None:
    assert all(map(ends_in_a_number, ("127.1", "0x7f.0x1", "0177.0.0.1", "2130706433", "a.0x", "1.")))
    assert not any(map(ends_in_a_number, ("news.example", "1.example", "0xg", "x1.y1", "xn--80ak6aa92e.com")))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("socks5://127.0.0.1:9", "look names up on this machine"),
        ("socks4a://127.0.0.1:9", "look names up on this machine"),
        ("https://127.0.0.1:9", "not one of the ways out"),
        ("none", "not one of the ways out"),
        ("", "not one of the ways out"),
        ("socks5h://127.0.0.1", "host and port"),
        ("http://:8080", "host and port"),
        ("socks5h://u:hunter2@127.0.0.1:9", "must not have a password"),
        ("tor://me@127.0.0.1:9", "no user name"),
        ("http://127.0.0.1:99999", "not one of the ways out"),
        ("http://127.0.0.1:9/path", "not one of the ways out"),
        ("socks5h://" + "u" * 300 + "@127.0.0.1:9", "at most 255"),
    ],
)
def test_what_is_no_way_out_is_told_without_repeating_it(text: str, message: str) -> None:
    with pytest.raises(EgressError, match=message) as error:
        parse(text)
    assert "hunter2" not in str(error.value) + str(error.value.hint)


def test_ways_out_are_read(tmp_path: Path) -> None:
    assert parse("direct") == DIRECT
    assert (parse("tor").host, parse("tor").port) == ("127.0.0.1", 9050)
    secret = tmp_path / "proxy"
    secret.write_text("socks5h://me:p%40w@proxy.example:1080\n")
    secret.chmod(0o600)
    found = parse("file:proxy", folder=tmp_path)
    assert (found.kind, found.host, found.port, found.username, found.password) == (
        *("socks5h", "proxy.example", 1080, "me", "p@w"),
    )
    assert "p@w" not in repr(found)
    secret.chmod(0o644)
    with pytest.raises(SecretError):
        parse("file:proxy", folder=tmp_path)


async def test_an_outlet_whose_secrets_are_missing_is_not_asked_at_all() -> None:
    async with client() as guest:
        for settings in ({"egress": "env:NOT_SET"}, {"cookies": "env:NOT_SET"}, {"headers": {"X-Key": "env:NOT_SET"}}):
            with pytest.raises(TamizdatError, match="NOT_SET"):
                guest.of(outlet(**settings))


# --- headers, cookies, user agent -------------------------------------------------------------------------------------


async def own(site: World, guest: Client, monkeypatch: pytest.MonkeyPatch, **settings: object) -> Client:
    monkeypatch.setenv("SESSION", "sid=s3cret; lang=fa")
    monkeypatch.setenv("TOKEN", "t0ken")
    headers = {"X-Mirror": "yes", "X-Token": "env:TOKEN"}
    return guest.of(outlet(site.url(), cookies="env:SESSION", headers=headers, **settings))


async def test_headers_and_cookies_go_to_the_outlet_and_are_shown_to_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    async with world() as site, client() as guest:
        view = await own(site, guest, monkeypatch, user_agent="Paper/2")
        site.answers["/"] = reply(b"members", set_cookie="sid=other")
        for _ in range(2):
            answer = await view.get(site.url(), allow_private=True)
        await guest.get(site.url(), allow_private=True)
    for asked in site.log[:2]:
        assert asked.headers["cookie"] == "sid=s3cret; lang=fa"
        assert (asked.headers["x-mirror"], asked.headers["x-token"]) == ("yes", "t0ken")
        assert asked.headers["user-agent"] == "Paper/2"
    assert not {"cookie", "x-mirror", "x-token"} & set(site.log[2].headers)
    sent = {name.lower(): value for name, value in answer.sent.items()}
    assert sent["x-mirror"] == "yes"
    assert sent["user-agent"] == "Paper/2"
    assert not {"cookie", "x-token"} & set(sent)
    assert (answer.address, answer.certificate, answer.egress) == ("127.0.0.1", None, "direct")
    assert "s3cret" not in repr(answer) + repr(view._credentials)


async def test_another_origin_gets_no_secrets_and_leads_back_to_none(monkeypatch: pytest.MonkeyPatch) -> None:
    async with world() as site, world() as other, client() as guest:
        view = await own(site, guest, monkeypatch)
        site.answers |= {"/": moved(other.url("/away")), "/back": reply(b"ok")}
        other.answers["/away"] = moved(site.url("/back"))
        assert await get(view, site.url()) == b"ok"
        await get(view, other.url("/picture.jpg"))
    assert "cookie" in site.log[0].headers
    for asked in (*other.log, site.log[1]):
        assert not {"cookie", "x-mirror", "x-token"} & set(asked.headers)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://news.example/a", True),
        ("https://www.news.example/a", True),
        ("http://news.example/a", False),
        ("https://evil.news.example/a", False),
        ("https://newsxexample/a", False),
        ("https://news.example.evil.example/a", False),
        ("https://news.example:8443/a", False),
        ("https://example/a", False),
    ],
)
def test_only_the_outlets_own_host_over_tls_gets_them(
    url: str, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "t0ken")
    found = credentials(outlet("https://www.news.example/", headers={"X-Token": "env:TOKEN"}, allow_private=False))
    assert found is not None
    assert bool(found.for_url(url, now=0.0)) is expected


def test_a_cookie_file_is_read_as_browsers_write_it() -> None:
    text = (
        "# Netscape HTTP Cookie File\n\n"
        "news.example\tFALSE\t/\tTRUE\t0\tsession\tabc\n"
        "#HttpOnly_.news.example\tTRUE\t/members\tTRUE\t2000000000\tlogin\tdef\n"
        ".news.example\tTRUE\t/\tFALSE\t100\told\tx\n"
        "other.example\tFALSE\t/\tTRUE\t0\tforeign\tsecret\n"
        "broken line\n"
        "news.example\tFALSE\t/\tTRUE\t0\tbad\ta\x01b\n"
    )
    found = read_cookies(text, "news.example", named="outlet news")
    assert [cookie.name for cookie in found] == ["session", "login", "old"]
    assert found[1] == Cookie(
        name="login", value="def", domain="news.example", below=True, path="/members", expires=2e9
    )


@pytest.mark.parametrize("text", ["", "nothing at all", "a=b\nX: y", "a=é", "other.example\tFALSE\t/\tTRUE\t0\ta\tb"])
def test_cookies_that_cannot_be_sent_are_refused_without_repeating_them(text: str) -> None:
    with pytest.raises(EgressError) as error:
        read_cookies(text, "news.example", named="outlet news")
    assert not text or text not in str(error.value)


@pytest.mark.parametrize("name", ["Host", "cookie", "User-Agent", "Transfer-Encoding", "a b", "x\r\ny", ""])
def test_some_headers_are_not_the_operators_to_set(name: str) -> None:
    with pytest.raises(EgressError, match="not a header that can be set"):
        credentials(outlet(headers={name: "x"}))


async def test_views_share_pace_and_connections_and_close_nothing() -> None:
    async with world() as site, client() as guest:
        site.answers["/"] = reply(b"x")
        first, second = guest.of(outlet(id="a")), guest.of(outlet(id="b"))
        async with first:
            await get(first, site.url())
        await asyncio.gather(get(second, site.url()), get(guest, site.url()))
        first.slow_down("http://slow.example/", 7.0)
        assert second._host("slow.example", False).interval == 7.0
    assert site.count("/") == 3
