"""Whoever answers a request decides where we go next and what we read; these are the ways they try."""

from __future__ import annotations

import asyncio
import datetime as dt
import gzip
import ipaddress
import itertools
import ssl
import time
import zlib
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from mirror.config import FetchConfig
from mirror.guard import check_url, permitted
from mirror.inflate import MAX_MEMBERS, Inflater, TooLarge, gunzip
from mirror.net import MAX_RETRY_AFTER, Client, FetchError, Pace, Validators, retry_after
from tests.net.world import Talk, client, moved, names, reply, world

# --- what is asked ----------------------------------------------------------------------------------------------


async def test_a_page_is_fetched_with_an_honest_name_and_no_cookies() -> None:
    async with world() as site, client(contact="press@example.org") as guest:
        site.answers["/"] = reply("Привет".encode(), etag='"a"', last_modified="yesterday-ish", set_cookie="id=1")
        for _ in range(2):
            answer = await guest.get(site.url(), allow_private=True)
    assert answer.status == 200
    assert answer.body.decode() == "Привет"
    assert answer.media_type == "text/html"
    assert answer.validators == Validators(etag='"a"', last_modified="yesterday-ish")
    assert "set-cookie" not in answer.headers
    asked = site.log[1].headers
    assert asked["user-agent"].startswith("tamizdat/")
    assert asked["user-agent"].endswith("(+press@example.org)")
    assert asked["accept-encoding"] == "gzip, deflate"
    assert "cookie" not in asked
    assert "if-none-match" not in asked


async def test_a_client_is_made_from_the_configuration() -> None:
    config = FetchConfig(contact="https://example.org/about", deadline=1.0, max_page=10, per_host_delay=0.0)

    async def silence(_: Talk) -> None:
        await asyncio.sleep(60)

    async with world() as site, Client.from_config(config) as guest:
        assert guest.user_agent.endswith("(+https://example.org/about)")
        site.answers |= {"/silence": silence, "/large": reply(b"x" * 11)}
        for path, kind in (("/silence", "timeout"), ("/large", "too-large")):
            with pytest.raises(FetchError) as error:
                await guest.get(site.url(path), allow_private=True)
            assert error.value.kind == kind
    async with Client(user_agent="Mozilla/5.0 (X11)") as disguised:
        assert disguised.user_agent == "Mozilla/5.0 (X11)"


@pytest.mark.parametrize("contact", ["a b", "x) evil (y", "a\r\nX: y", "ё", "", "x" * 201])
async def test_a_contact_that_cannot_stand_in_a_header_is_left_out(contact: str) -> None:
    async with client(contact=contact) as guest:
        assert "(" not in guest.user_agent


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    async with world() as site, client() as guest:
        site.answers["/"] = reply(b"direct")
        assert (await guest.get(site.url(), allow_private=True)).body == b"direct"


# --- conditional requests ---------------------------------------------------------------------------------------


async def test_validators_go_back_byte_for_byte_and_304_has_no_body() -> None:
    known = Validators(etag='W/"odd , value"', last_modified="Mon, 32 Foo 2027 25:00:00 XYZ")
    async with world() as site, client() as guest:
        site.answers["/"] = reply(b"", 304, "Not Modified", content_length="")
        answer = await guest.get(site.url(), validators=known, allow_private=True)
    assert answer.not_modified
    assert answer.body == b""
    assert answer.validators == known
    assert site.log[0].headers["if-none-match"] == known.etag
    assert site.log[0].headers["if-modified-since"] == known.last_modified


async def test_new_validators_are_kept_from_200_and_from_304() -> None:
    old = Validators(etag='"old"')
    async with world() as site, client() as guest:
        site.answers["/304"] = reply(b"", 304, "Not Modified", content_length="", etag='"newer"')
        site.answers["/200"] = reply(b"same", etag='"newest"')
        assert (await guest.get(site.url("/304"), validators=old, allow_private=True)).validators.etag == '"newer"'
        assert (await guest.get(site.url("/200"), validators=old, allow_private=True)).validators.etag == '"newest"'


async def test_304_to_an_unconditional_request_is_an_error() -> None:
    async with world() as site, client() as guest:
        site.answers["/"] = reply(b"", 304, "Not Modified", content_length="")
        with pytest.raises(FetchError, match="unconditional") as error:
            await guest.get(site.url(), allow_private=True)
    assert error.value.kind == "protocol"


async def test_a_validator_that_is_too_long_is_not_kept() -> None:
    async with world() as site, client() as guest:
        site.answers["/"] = reply(b"x", etag='"' + "a" * 2000 + '"', last_modified="Mon")
        answer = await guest.get(site.url(), allow_private=True)
    assert answer.validators == Validators(last_modified="Mon")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        (" 7 ", 7.0),
        ("999999999", MAX_RETRY_AFTER),
        ("Fri, 01 Jan 2027 00:01:00 GMT", 60.0),
        ("Fri, 01 Jan 2021 00:00:00 GMT", 0.0),
        ("Fri, 01 Jan 2027 00:01:00", 60.0),
        ("soon", None),
        ("-5", None),
        ("", None),
        (None, None),
        ("9" * 5000, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str | None, seconds: float | None) -> None:
    now = dt.datetime(2027, 1, 1, tzinfo=dt.UTC).timestamp()
    assert retry_after(value, now=now) == seconds


async def test_429_is_handed_over_with_its_retry_after_and_not_retried() -> None:
    async with world() as site, client() as guest:
        site.answers["/"] = reply(b"slow down", 429, "Too Many Requests", retry_after="90")
        answer = await guest.get(site.url(), allow_private=True)
    assert (answer.status, answer.retry_after) == (429, 90.0)
    assert site.count("/") == 1


# --- retries and pace -------------------------------------------------------------------------------------------


async def test_5xx_is_tried_again_with_growing_jittered_pauses_and_then_handed_over() -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async with world() as site, client(sleep=sleep, chance=lambda: 0.25, pace=Pace(interval=0.0)) as guest:
        site.answers["/"] = reply(b"", 503, "Unavailable")
        assert (await guest.get(site.url(), allow_private=True)).status == 503
    assert site.count("/") == 3
    assert slept == [0.75, 1.5]


async def test_no_retry_comes_before_the_time_that_the_server_names() -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async with world() as site, client(sleep=sleep, chance=lambda: 0.0, pace=Pace(interval=0.0)) as guest:
        site.answers["/"] = reply(b"", 503, "Unavailable", retry_after="1")
        await guest.get(site.url(), allow_private=True)
    assert slept == [1.0, 1.0]


async def test_a_time_that_is_named_as_a_date_is_held_against_the_clients_clock() -> None:
    moment = dt.datetime(2027, 1, 1, tzinfo=dt.UTC).timestamp()
    async with world() as site, client(now=lambda: moment) as guest:
        site.answers["/"] = reply(b"", 429, "Too Many Requests", retry_after="Fri, 01 Jan 2027 00:01:00 GMT")
        assert (await guest.get(site.url(), allow_private=True)).retry_after == 60.0


async def test_503_that_names_a_time_or_a_challenge_is_not_tried_again() -> None:
    async with world() as site, client() as guest:
        site.answers["/wait"] = reply(b"", 503, "Unavailable", retry_after="3600")
        site.answers["/bot"] = reply(b"", 503, "Unavailable", cf_mitigated="challenge")
        assert (await guest.get(site.url("/wait"), allow_private=True)).retry_after == 3600.0
        assert (await guest.get(site.url("/bot"), allow_private=True)).status == 503
    assert site.paths() == ["/wait", "/bot"]


async def test_a_broken_connection_is_tried_again_and_404_is_not() -> None:
    async def hang_up_once(talk: Talk) -> None:
        if site.count("/") > 1:
            await talk.write(reply(b"second time"))

    async with world() as site, client() as guest:
        site.answers["/"] = hang_up_once
        assert (await guest.get(site.url(), allow_private=True)).body == b"second time"
        assert (await guest.get(site.url("/gone"), allow_private=True)).status == 404
    assert site.paths() == ["/", "/", "/gone"]


async def test_requests_to_one_host_are_paced_and_limited() -> None:
    clock = [100.0]
    slept: list[float] = []
    open_now = most = 0

    async def sleep(seconds: float) -> None:
        slept.append(round(seconds, 3))
        clock[0] += seconds

    async def slow(talk: Talk) -> None:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        await asyncio.sleep(0.02)
        open_now -= 1
        await talk.write(reply(b"x"))

    lookup, _ = names({"news.example": ["127.0.0.1"]})
    async with (
        world() as site,
        client(sleep=sleep, clock=lambda: clock[0], pace=Pace(), lookup=lookup, chance=lambda: 0.0) as guest,
    ):
        site.answers["/"] = slow
        guest._host(f"127.0.0.1:{site.port}", True).interval = 0.5  # private hosts are not paced by themselves
        await asyncio.gather(*(guest.get(site.url(), allow_private=True) for _ in range(6)))
    assert most == 1
    assert sum(slept) == pytest.approx(2.5, abs=0.01)


# --- where we go --------------------------------------------------------------------------------------------------

PUBLIC = ["93.184.215.14", "2606:2800:220:1:248:1893:25c8:1946", "64:ff9b::5db8:d70e", "::ffff:93.184.215.14"]
NEVER = [
    *("169.254.169.254", "0.0.0.1", "224.0.0.1", "255.255.255.255", "240.0.0.1", "192.0.2.1", "198.18.0.1"),
    *("fe80::1", "fe80::1%eth0", "ff02::1", "::", "2001:db8::1", "fec0::1", "64:ff9b:1::a00:1", "::7f00:1", "::a00:1"),
    *("64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1", "::ffff:169.254.169.254", "example.org", "", "127.1", "0x7f000001"),
]
LOCAL = [
    *("127.0.0.1", "127.8.8.8", "10.0.0.1", "172.16.5.4", "192.168.1.1", "100.64.0.1", "::1", "fd00::1"),
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::1", "64:ff9b::7f00:1", "64:ff9b::c0a8:101"),
]


def test_only_public_addresses_are_permitted_and_local_ones_on_request() -> None:
    for address in PUBLIC:
        assert permitted(address), address
        assert permitted(address, allow_private=True), address
    for address in LOCAL:
        assert not permitted(address), address
        assert permitted(address, allow_private=True), address
    for address in NEVER:
        assert not permitted(address), address
        assert not permitted(address, allow_private=True), address


@given(st.ip_addresses())
def test_what_is_permitted_is_global_in_every_reading(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    if permitted(str(ip)):
        assert not (ip.is_private or ip.is_loopback or ip.is_link_local or ip.is_multicast or ip.is_unspecified) or (
            isinstance(ip, ipaddress.IPv6Address) and (ip.ipv4_mapped or ip.teredo)
        )


@pytest.mark.parametrize(
    "url",
    [
        *("file:///etc/passwd", "ftp://example.org/", "gopher://example.org/", "http://user:pw@example.org/", "x"),
        *("http://example.org:22/", "http://example.org:8080/", "http://127.0.0.1/", "http://[::1]/"),
        *("http://[::ffff:7f00:1]/", "http://169.254.169.254/latest/meta-data", "http://10.0.0.1:80/"),
    ],
)
def test_some_addresses_are_not_even_asked(url: str) -> None:
    with pytest.raises(FetchError) as error:
        check_url(url)
    assert error.value.kind == "address"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f.1", "[::1]"])
async def test_this_machine_is_refused_under_all_its_names(host: str) -> None:
    async with client() as guest:
        with pytest.raises(FetchError) as error:
            await guest.get(f"http://{host}/")
    assert error.value.kind in {"address", "resolve", "protocol"}


async def test_a_name_that_points_inside_is_refused_before_anything_is_connected() -> None:
    lookup, _ = names({"inside.example": ["10.1.2.3", "127.0.0.1"]})
    async with client(lookup=lookup) as guest:
        with pytest.raises(FetchError, match=r"http://inside.example/: 10.1.2.3 is not a public address") as error:
            await guest.get("http://inside.example/")
    assert error.value.kind == "address"
    assert "--allow-private" in str(error.value.hint)


async def test_a_name_is_resolved_once_and_the_connection_goes_to_that_address() -> None:
    """DNS rebinding: the second answer of the name service would be another machine."""
    answers = [["127.0.0.1"], ["127.0.0.9"]]
    asked = []

    async def lookup(host: str) -> list[str]:
        asked.append(host)
        return answers[min(len(asked), 2) - 1]

    async with world() as site, client(lookup=lookup) as guest:
        site.answers["/"] = reply(b"first")
        assert (await guest.get(site.url(host="news.example"), allow_private=True)).body == b"first"
    assert asked == ["news.example"]
    assert site.log[0].headers["host"] == f"news.example:{site.port}"


async def test_of_mixed_addresses_only_the_permitted_are_used() -> None:
    lookup, _ = names({"mixed.example": ["169.254.169.254", "127.0.0.1"]})
    async with world() as site, client(lookup=lookup) as guest:
        site.answers["/"] = reply(b"ok")
        assert (await guest.get(site.url(host="mixed.example"), allow_private=True)).body == b"ok"


async def test_what_a_private_outlet_resolved_does_not_serve_a_public_one() -> None:
    lookup, _ = names({"both.example": ["127.0.0.1"]})
    async with world() as site, client(lookup=lookup) as guest:
        site.answers["/"] = reply(b"ok")
        await guest.get(site.url(host="both.example"), allow_private=True)
        guest._shared.pace = Pace()
        with pytest.raises(FetchError) as error:
            await guest.get("http://both.example/")
    assert error.value.kind == "address"


async def test_an_unknown_name_says_so() -> None:
    lookup, asked = names({})
    async with client(lookup=lookup) as guest:
        with pytest.raises(FetchError, match="no address") as error:
            await guest.get("http://nowhere.example/")
    assert error.value.kind == "resolve"
    assert asked == ["nowhere.example"]


# --- redirects ------------------------------------------------------------------------------------------------------


async def test_redirects_are_followed_and_remembered() -> None:
    async with world() as site, client() as guest:
        site.answers |= {"/a": moved("/b", 301), "/b": moved("c?x=ё", 307), "/c?x=%D1%91": reply(b"here")}
        answer = await guest.get(site.url("/a"), allow_private=True)
    assert answer.body == b"here"
    assert answer.url == site.url("/c?x=%D1%91")
    assert answer.hops == (site.url("/a"), site.url("/b"))


@pytest.mark.parametrize(
    ("location", "kind"),
    [
        ("http://169.254.169.254/latest/meta-data/", "address"),
        ("http://[::ffff:169.254.169.254]/", "address"),
        ("http://metadata.example/", "address"),
        ("file:///etc/passwd", "redirect"),
        ("javascript:alert(1)", "redirect"),
        ("http://user:pw@127.0.0.1/", "redirect"),
        ("/loop", "redirect"),
        ("http://" + "a" * 3000, "redirect"),
        ("//", "redirect"),
    ],
)
async def test_a_redirect_is_checked_like_a_first_address(location: str, kind: str) -> None:
    lookup, _ = names({"metadata.example": ["169.254.169.254"]})
    async with world() as site, client(lookup=lookup) as guest:
        site.answers["/loop"] = moved(location)
        with pytest.raises(FetchError) as error:
            await guest.get(site.url("/loop"), allow_private=True)
    assert error.value.kind == kind
    assert site.count("/loop") == 1


async def test_five_redirects_are_enough() -> None:
    async with world() as site, client() as guest:
        site.answers |= {f"/{n}": moved(f"/{n + 1}") for n in range(20)}
        with pytest.raises(FetchError, match="more than 5") as error:
            await guest.get(site.url("/0"), allow_private=True)
        assert error.value.kind == "redirect"
        assert len(site.log) == 6
        site.answers["/5"] = reply(b"there")
        assert (await guest.get(site.url("/0"), allow_private=True)).body == b"there"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "news.example")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder(subject_name=name, issuer_name=name, public_key=key.public_key())
        .serial_number(7)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("news.example")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    plain = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    path.write_bytes(pem + made.public_bytes(serialization.Encoding.PEM))
    return path


async def test_https_keeps_the_name_and_never_goes_down_to_http(certificate: Path) -> None:
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.load_cert_chain(certificate)
    trusting = ssl.create_default_context(cafile=str(certificate))
    lookup, _ = names({"news.example": ["127.0.0.1"]})
    async with world(ssl=serving) as site, client(lookup=lookup, tls=trusting) as guest:
        url = site.url(host="news.example").replace("http:", "https:")
        site.answers |= {"/": reply(b"secret"), "/down": moved(site.url("/", "news.example"))}
        assert (await guest.get(url, allow_private=True)).body == b"secret"
        with pytest.raises(FetchError, match="from https to http:") as error:
            await guest.get(url + "down", allow_private=True)
        assert error.value.kind == "redirect"
        with pytest.raises(FetchError) as error:
            await guest.get(url.replace("news.example", "127.0.0.1"), allow_private=True)
        assert error.value.kind == "tls"
    async with world(ssl=serving) as site, client(lookup=lookup) as stranger:
        with pytest.raises(FetchError) as error:
            await stranger.get(site.url(host="news.example").replace("http:", "https:"), allow_private=True)
        assert error.value.kind == "tls"


# --- how much and how long --------------------------------------------------------------------------------------


async def test_a_server_that_trickles_does_not_hold_us() -> None:
    ended: list[str] = []

    async def trickle(talk: Talk) -> None:
        await talk.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n")
        for _ in range(1000):
            await talk.write(b"ab")
            await asyncio.sleep(0.05)
        ended.append("body")

    async def trickled_headers(talk: Talk) -> None:
        await talk.write(b"HTTP/1.1 200 OK\r\n")
        for n in range(90):
            await talk.write(f"X-{n}: y\r\n".encode())
            await asyncio.sleep(0.05 if n < 20 else 1)
        ended.append("headers")

    async def silence(_: Talk) -> None:
        await asyncio.sleep(60)
        ended.append("silence")

    async with world() as site, client() as guest:
        site.answers |= {"/body": trickle, "/headers": trickled_headers, "/silence": silence}
        for path in ("/body", "/headers", "/silence"):
            with pytest.raises(FetchError) as error:
                await guest.get(site.url(path), allow_private=True, deadline=0.3)
            assert error.value.kind == "timeout"
            assert site.count(path) == 1
        assert ended == []  # each would have gone on for about a minute


async def test_the_deadline_spans_redirects() -> None:
    async def late(talk: Talk) -> None:
        await asyncio.sleep(0.15)
        await talk.write(moved(talk.asked.path + "x"))

    async with world() as site, client() as guest:
        site.answers |= {"/" + "x" * n: late for n in range(6)}
        with pytest.raises(FetchError) as error:
            await guest.get(site.url("/"), allow_private=True, deadline=0.35)
    assert error.value.kind == "timeout"


async def test_a_body_is_capped_by_its_length_on_the_wire_and_after_decoding() -> None:
    async def endless(talk: Talk) -> None:
        await talk.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n")
        while True:
            await talk.write(b"x" * 65536)

    bomb = gzip.compress(bytes(50_000_000))
    async with world() as site, client() as guest:
        site.answers |= {
            "/says": reply(b"x", content_length=str(10**12)),
            "/endless": endless,
            "/bomb": reply(bomb, content_encoding="gzip"),
            "/deflate": reply(zlib.compress(bytes(50_000_000)), content_encoding="deflate"),
        }
        for path in ("/says", "/endless", "/bomb", "/deflate"):
            with pytest.raises(FetchError) as error:
                await guest.get(site.url(path), allow_private=True, cap=100_000)
            assert error.value.kind == "too-large", path
            assert site.count(path) == 1


async def test_gzip_and_both_forms_of_deflate_are_decoded() -> None:
    text = ("слово " * 3000).encode()
    bare = zlib.compressobj(wbits=-15)
    async with world() as site, client() as guest:
        site.answers |= {
            "/gzip": reply(gzip.compress(text), content_encoding="gzip"),
            "/x-gzip": reply(gzip.compress(text), content_encoding="X-GZIP"),
            "/members": reply(gzip.compress(text[:1000]) + gzip.compress(text[1000:]), content_encoding="gzip"),
            "/trailing": reply(gzip.compress(text) + b"\0\0garbage", content_encoding="gzip"),
            "/zlib": reply(zlib.compress(text), content_encoding="deflate"),
            "/bare": reply(bare.compress(text) + bare.flush(), content_encoding="deflate"),
            "/identity": reply(text, content_encoding="identity"),
        }
        for path in list(site.answers):
            assert (await guest.get(site.url(path), allow_private=True)).body == text, path


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip", "gzip, br", "compress", "x" * 500])
async def test_other_codings_and_stacked_ones_are_refused(coding: str) -> None:
    async with world() as site, client() as guest:
        site.answers["/"] = reply(gzip.compress(b"x"), content_encoding=coding)
        with pytest.raises(FetchError) as error:
            await guest.get(site.url(), allow_private=True)
    assert error.value.kind == "coding"


@pytest.mark.parametrize("body", [gzip.compress(b"text" * 1000, mtime=0)[:-20], b"not gzip at all", b"\x1f\x8b\x08"])
async def test_a_broken_or_cut_coding_is_an_error_and_not_half_an_article(body: bytes) -> None:
    async with world() as site, client() as guest:
        site.answers["/"] = reply(body, content_encoding="gzip")
        with pytest.raises(FetchError) as error:
            await guest.get(site.url(), allow_private=True)
    assert error.value.kind == "coding"


@pytest.mark.parametrize(
    "answer",
    [
        reply(b"half an art", content_length="4000"),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnot a number\r\nhello\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nhello\r\n",
    ],
)
async def test_an_answer_cut_short_is_an_error_and_not_half_an_article(answer: bytes) -> None:
    async with world() as site, client() as guest:
        site.answers["/"] = answer
        with pytest.raises(FetchError) as error:
            await guest.get(site.url(), allow_private=True)
    assert error.value.kind in {"truncated", "protocol"}


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x16\x03\x01\x00\x05hello",
        b"HTTP/1.1 banana\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(5000)) + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 " + b"O" * 100_000 + b"K\r\n\r\n",
    ],
)
async def test_what_is_not_http_or_has_endless_headers_is_an_error(answer: bytes) -> None:
    async with world() as site, client() as guest:
        site.answers["/"] = answer
        with pytest.raises(FetchError) as error:
            await guest.get(site.url(), allow_private=True)
    assert error.value.kind in {"protocol", "connect"}
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 700


async def test_nobody_home_is_a_connection_error_after_the_retries() -> None:
    async with world() as site:
        url = site.url()
    async with client() as guest:
        with pytest.raises(FetchError) as error:
            await guest.get(url, allow_private=True)
    assert error.value.kind == "connect"


async def test_a_client_that_asked_nothing_closes() -> None:
    guest = Client()
    await guest.close()
    await guest.close()


# --- decoding by itself -------------------------------------------------------------------------------------------


@given(st.binary(max_size=3000), st.lists(st.integers(0, 3000), max_size=6), st.sampled_from(["gzip", "deflate"]))
def test_decoding_does_not_depend_on_how_the_bytes_arrive(data: bytes, cuts: list[int], coding: str) -> None:
    packed = gzip.compress(data) if coding == "gzip" else zlib.compress(data)
    places = [0, *sorted(cut % (len(packed) + 1) for cut in cuts), len(packed)]
    inflater = Inflater(coding, len(data))  # type: ignore[arg-type]
    for start, end in itertools.pairwise(places):
        inflater.feed(packed[start:end])
    assert inflater.finish() == data


def test_a_member_may_end_where_a_piece_does() -> None:
    members = [gzip.compress(text) for text in (b"half an ", b"article ", b"is none")]
    inflater = Inflater("gzip", 100)
    for piece in (*members, b"\0\0", b"\x1f\x8b and what else follows"):
        inflater.feed(piece)
    assert inflater.finish() == b"half an article is none"


def test_more_members_than_anybody_writes_are_an_error_and_not_half_an_article() -> None:
    assert gunzip(gzip.compress(b"a") * MAX_MEMBERS, MAX_MEMBERS) == b"a" * MAX_MEMBERS
    with pytest.raises(ValueError, match=f"more than {MAX_MEMBERS} members"):
        gunzip(gzip.compress(b"a") * (MAX_MEMBERS + 1), 2 * MAX_MEMBERS)


@given(st.binary(max_size=300))
def test_no_bytes_make_decoding_raise_anything_but_valueerror(data: bytes) -> None:
    for coding in ("gzip", "deflate", "identity"):
        try:
            inflater = Inflater(coding, 1000)  # type: ignore[arg-type]
            inflater.feed(data)
            inflater.finish()
        except ValueError:
            pass


def test_a_gzip_file_is_read_within_its_cap() -> None:
    assert gunzip(gzip.compress(b"a" * 100), 100) == b"a" * 100
    with pytest.raises(TooLarge):
        gunzip(gzip.compress(b"a" * 101), 100)
    began = time.process_time()
    with pytest.raises(ValueError, match="members"):
        gunzip(gzip.compress(b"") * 100_000 + b"\x1f\x8bxx", 100)  # not read to the end: it has none
    assert time.process_time() - began < 2
