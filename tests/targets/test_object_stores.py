"""Object stores on a bad way, and what is known of their providers before the first request."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from opendal.layers import TimeoutLayer

from mirror.providers import Provider, known
from mirror.targets import TargetError
from mirror.targets._opendal import _as_told
from mirror.targets.s3 import S3Target, policy, read_place
from tests.needs import ROOT
from tests.servers import S3Server
from tests.servers.faulty import FaultyProxy, Handler, faulty, hangs
from tests.targets.suite import PLAIN
from tests.targets.test_s3 import SECRETS, pasted, settings_for, through

KEYS = {"access_key": "a", "secret_key": "env:K"}


def elsewhere(act: Callable[[], object]) -> None:
    """Does it in another thread than the main one, as a push does."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(act).result(60)


@pytest.fixture
def proxy(rclone: S3Server) -> Iterator[FaultyProxy]:
    with faulty(rclone.endpoint) as proxy:
        yield proxy


def test_a_signature_for_another_region_says_which(proxy: FaultyProxy, rclone: S3Server) -> None:
    # As Amazon words it (docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html).
    told = "The authorization header is malformed; the region 'us-east-1' is wrong; expecting 'eu-central-1'"

    def elsewhere(handler: Handler) -> None:
        body = f"<Error><Code>AuthorizationHeaderMalformed</Code><Message>{told}</Message></Error>"
        handler.answer(400, [], body.encode())

    bare, _ = through(proxy, rclone)
    proxy.first(1, elsewhere)
    with pytest.raises(TargetError, match="another region") as caught:
        bare.put("front", b"1", PLAIN)
    assert 'region = "eu-central-1"' in str(caught.value.hint)
    bare.close()


def test_garage_asks_for_its_own_region(proxy: FaultyProxy, rclone: S3Server) -> None:
    # As Garage words it (github.com/PhantomPhoton/S3-Compatible/issues/28).
    told = "Authorization header malformed, unexpected scope: 20260519/us-east-1/s3/aws4_request"

    def elsewhere(handler: Handler) -> None:
        body = f"<Error><Code>AuthorizationHeaderMalformed</Code><Message>{told}</Message></Error>"
        handler.answer(400, [], body.encode())

    bare, _ = through(proxy, rclone)
    proxy.first(1, elsewhere)
    with pytest.raises(TargetError, match="another region") as caught:
        bare.put("front", b"1", PLAIN)
    assert "garage" in str(caught.value.hint)
    bare.close()


@pytest.mark.parametrize(
    "message",
    [
        "Forbidden: Bucket size quota is reached, maximum total size of objects for this bucket is 1 GB",
        "Cannot upload files, storage cap exceeded. See the Caps &amp; Alerts page to increase your cap.",
    ],
)
def test_a_full_bucket_that_is_called_forbidden_is_said_to_be_full(
    proxy: FaultyProxy, rclone: S3Server, message: str
) -> None:
    def full(handler: Handler) -> None:
        body = f"<Error><Code>AccessDenied</Code><Message>{message}</Message></Error>"
        handler.answer(403, [], body.encode())

    bare, _ = through(proxy, rclone)
    proxy.first(1, full)
    with pytest.raises(TargetError, match="over what is allowed") as caught:
        bare.put("front", b"1", PLAIN)
    assert (caught.value.kind, caught.value.scope) == ("quota", "target")
    bare.close()


def test_a_listing_that_hangs_stops_nobody_else(proxy: FaultyProxy, rclone: S3Server) -> None:
    bare, _ = through(proxy, rclone, seconds=1)
    bare.put("front", b"1", PLAIN)
    went_on: list[int] = []

    def hangs_on(handler: Handler) -> None:
        for turn in range(5):  # this is another thread of the same interpreter
            handler.proxy.stopping.wait(0.01)
            went_on.append(turn)
        hangs(handler)

    proxy.first(99, hangs_on, "GET")
    with pytest.raises(TargetError, match="no answer in time") as caught:
        list(bare.list())
    assert len(went_on) >= 5, "the whole interpreter stood still"
    assert caught.value.kind == "transient"
    bare.close()


def test_a_listing_without_end_is_not_read_to_its_end(
    proxy: FaultyProxy, rclone: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def some(number: int) -> str:
        rest = "<LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>x</ETag><Size>1</Size>"
        return f"<Contents><Key>{prefix}/o/{number}</Key>{rest}</Contents>"

    def endless(handler: Handler) -> None:
        again = "<IsTruncated>true</IsTruncated><NextContinuationToken>more</NextContinuationToken>"
        keys = "".join(f"{some(number)}" for number in range(100))
        body = f"<?xml version='1.0'?><ListBucketResult>{again}{keys}</ListBucketResult>"
        handler.answer(200, [("Content-Type", "application/xml")], body.encode())

    monkeypatch.setattr("mirror.targets._opendal.LISTED_AT_MOST", 800)
    bare, _ = through(proxy, rclone, seconds=30)
    prefix = bare.place.prefix
    proxy.first(1_000_000, endless, "GET")
    with pytest.raises(TargetError, match="lists more than 800 files") as caught:
        list(bare.list())
    assert (caught.value.kind, caught.value.scope) == ("corrupt", "target")

    def nothing(handler: Handler) -> None:
        again = "<IsTruncated>true</IsTruncated><NextContinuationToken>more</NextContinuationToken>"
        body = f"<?xml version='1.0'?><ListBucketResult>{again}</ListBucketResult>"
        handler.answer(200, [("Content-Type", "application/xml")], body.encode())

    monkeypatch.setattr("mirror.targets._opendal.LIST_SECONDS", 0.7)
    proxy.first(1_000_000, nothing, "GET")
    with pytest.raises(TargetError, match="listing ended before"):
        list(bare.list())
    bare.close()


def test_a_listing_of_a_bucket_that_is_not_there_says_so(rclone: S3Server) -> None:
    place = read_place("store", "s3://no-such-bucket", settings_for(rclone))
    target = S3Target(name="store", place=place, secret=SECRETS.__getitem__)
    with pytest.raises(TargetError) as caught:
        list(target.list())
    assert caught.value.kind == "no_container"
    target.close()


@pytest.mark.parametrize("finds", [True, False], ids=["where connections are found again", "where they are not"])
def test_closing_ends_what_hangs(
    proxy: FaultyProxy, rclone: S3Server, finds: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mirror.targets._opendal._FINDS", finds)
    others = set(threading.enumerate())
    bare, target = through(proxy, rclone, seconds=60)
    bare.put("front", b"1", PLAIN)
    hung: dict[str, Callable[[], object]] = {
        "PUT": lambda: target.put("o/aa/bb", bytes(100_000), PLAIN),
        "GET": lambda: target.get("front"),
        "list": lambda: list(target.list()),
        "DELETE": lambda: target.delete(["front"]),
    }
    before = len(proxy.requests)
    proxy.plan = lambda method, path, came: hangs
    with ThreadPoolExecutor(4) as pool:
        waiting = {name: pool.submit(act) for name, act in hung.items()}
        end = time.monotonic() + 20
        while len(proxy.requests) < before + len(hung) and time.monotonic() < end:
            time.sleep(0.02)
        assert [name for name, each in waiting.items() if each.done()] == []
        mine = [each for each in threading.enumerate() if each.name == "object-store" and each not in others]
        # One reads; two write where nobody could end that otherwise. The list asked for settings, maybe in a fourth.
        expected = {1, 2} if finds else {3, 4}
        if len(mine) not in expected:
            target.close()  # or everything above waits for a minute
        assert len(mine) in expected
        target.close()
        errors = {name: each.exception(timeout=30) for name, each in waiting.items()}  # by themselves: after a minute
    assert {name: type(error) for name, error in errors.items()} == dict.fromkeys(hung, TargetError)
    with pytest.raises(TargetError, match="ended before"):
        target.get("front")
    for each in mine:  # their connections were shut, so they have ended as well
        each.join(timeout=15)
    assert [each for each in mine if each.is_alive()] == []


@pytest.mark.parametrize("cap", [None, 300_000])
def test_an_answer_without_end_is_not_believed(
    proxy: FaultyProxy, rclone: S3Server, cap: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def endless(handler: Handler) -> None:
        handler.close_connection = True
        handler.send_response_only(200)
        handler.send_header("Content-Length", str(2**40))
        handler.end_headers()
        with contextlib.suppress(OSError):
            while not handler.proxy.stopping.is_set():
                handler.wfile.write(bytes(1 << 20))

    monkeypatch.setattr("mirror.targets._opendal.READ_AT_MOST", 10_000_000)
    bare, _ = through(proxy, rclone, seconds=20)
    proxy.first(1, endless, "GET")
    with pytest.raises(TargetError) as caught:
        bare.get("front", cap=cap)
    assert caught.value.kind == "too_large"
    bare.close()


def test_a_refusal_without_end_does_not_fill_the_memory(
    proxy: FaultyProxy, rclone: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def endless(handler: Handler) -> None:
        handler.close_connection = True
        handler.send_response_only(403)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        part = b"100000\r\n" + bytes(1 << 20) + b"\r\n"
        with contextlib.suppress(OSError):
            while not handler.proxy.stopping.is_set():
                handler.wfile.write(part)

    monkeypatch.setattr("mirror.targets._opendal.FLOOD", 32 * 2**20)
    monkeypatch.setattr("mirror.targets._opendal._LOOK", 0.05)
    bare, _ = through(proxy, rclone, seconds=30)
    bare.put("front", b"1", PLAIN)
    acts: list[tuple[str, Callable[[], object]]] = [
        ("PUT", lambda: bare.put("front", b"1", PLAIN)),
        ("PUT", lambda: elsewhere(lambda: bare.put("front", b"1", PLAIN))),
        ("DELETE", lambda: elsewhere(lambda: bare.delete(["front"]))),
        ("GET", lambda: bare.get("front", cap=9)),
    ]
    for method, act in acts:
        proxy.first(1, endless, method)
        with pytest.raises(TargetError, match="its answer has no end") as caught:
            act()
        assert (caught.value.kind, caught.value.scope) == ("corrupt", "target")
    assert bare.get("front", cap=9) == b"1"
    bare.close()


def test_no_upload_waits_longer_than_it_may(
    proxy: FaultyProxy, rclone: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[float] = []

    def noted(*, timeout: float, io_timeout: float) -> TimeoutLayer:
        given.append(io_timeout)
        return TimeoutLayer(timeout=timeout, io_timeout=io_timeout)

    monkeypatch.setattr("opendal.layers.TimeoutLayer", noted)
    bare, _ = through(proxy, rclone, seconds=120)
    for size in (0, 8_000, 120_000, 1_000_000):
        elsewhere(functools.partial(bare.put, "front", bytes(size), PLAIN))
    assert given == [120, 30, 45, 60]  # the first is for all else; the last upload has no less
    bare.close()


def test_an_upload_that_opendal_does_not_end_is_ended(
    proxy: FaultyProxy, rclone: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient = TimeoutLayer(timeout=500, io_timeout=500)
    monkeypatch.setattr("opendal.layers.TimeoutLayer", lambda **_: patient)
    monkeypatch.setattr("mirror.targets._opendal._GRACE", 0.2)
    bare, target = through(proxy, rclone, seconds=0.5)
    proxy.first(1, hangs)
    with pytest.raises(TargetError, match="no answer in time") as caught:
        elsewhere(lambda: bare.put("front", b"1", PLAIN))
    assert caught.value.kind == "transient"
    proxy.first(1, hangs, "DELETE")
    elsewhere(lambda: target.delete(["front"]))
    assert [method for method, _ in proxy.requests] == ["PUT", "DELETE", "DELETE"]
    bare.close()


def test_closing_ends_a_connection_that_nobody_answers(rclone: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as deaf, contextlib.ExitStack() as stack:
        address = deaf.getsockname()
        for _ in range(4):  # as many as wait to be accepted, and more
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(address)
        near = dataclasses.replace(rclone, endpoint=f"http://127.0.0.1:{address[1]}")
        target = S3Target(
            name="store", place=read_place("store", "s3://news", settings_for(near)), secret=SECRETS.__getitem__
        )
        monkeypatch.setattr(target, "_reachable", lambda: setattr(target, "_peers", frozenset([address])))
        with ThreadPoolExecutor(1) as pool:
            put = pool.submit(target.put, "front", b"1", PLAIN)
            time.sleep(1)  # to knock; sooner, it would be refused without
            assert not put.done()
            target.close()
            error = put.exception(timeout=10)
        assert isinstance(error, TargetError)
        assert "ended before" in str(error)


def test_addresses_are_read_as_the_system_writes_them() -> None:
    words = struct.pack("=I", int.from_bytes(socket.inet_aton("127.0.0.1"), "big")).hex()
    assert _as_told(words.upper()) == "127.0.0.1"
    packed = socket.inet_pton(socket.AF_INET6, "2001:db8::1:2")
    assert _as_told(struct.pack("=4I", *struct.unpack(">4I", packed)).hex()) == "2001:db8::1:2"


def test_bytes_that_trickle_in_are_not_waited_for_for_ever(proxy: FaultyProxy, rclone: S3Server) -> None:
    def trickles(handler: Handler) -> None:
        handler.close_connection = True
        handler.send_response_only(200)
        handler.send_header("Content-Length", "1000000")
        handler.end_headers()
        with contextlib.suppress(OSError):
            while not handler.proxy.stopping.wait(0.1):
                handler.wfile.write(b"x")

    bare, _ = through(proxy, rclone, seconds=1)
    proxy.first(1, trickles, "GET")
    with pytest.raises(TargetError, match="no answer in time") as caught:
        bare.get("front", cap=2_000_000)
    assert caught.value.kind == "transient"
    bare.close()


def test_a_store_that_shows_old_bytes_for_a_while_is_named_by_the_probe(proxy: FaultyProxy, rclone: S3Server) -> None:
    bare, _ = through(proxy, rclone, seconds=20)
    served: dict[str, tuple[int, list[tuple[str, str]], bytes]] = {}

    def first_answer(handler: Handler) -> None:
        if handler.path not in served:
            served[handler.path] = handler.forward()
        handler.answer(*served[handler.path])

    proxy.plan = lambda method, path, before: first_answer if method == "GET" and "pointer" in path else None
    last = list(bare.probe())[-1]
    assert (last.name, last.ok) == ("overwrite", False)
    assert "other bytes came out" in last.detail
    bare.close()


def test_the_way_there_is_tried_once_for_all_threads_that_wait(
    rclone: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = read_place("store", "s3://news", settings_for(dataclasses.replace(rclone, endpoint="http://192.0.2.1:9")))
    target = S3Target(name="store", place=place, secret=SECRETS.__getitem__)
    tried: list[object] = []

    def slow(*given: object, **more: object) -> socket.socket:
        tried.append(given)
        time.sleep(0.3)
        raise TimeoutError("timed out")

    monkeypatch.setattr("mirror.targets._opendal.socket.create_connection", slow)
    with ThreadPoolExecutor(16) as pool:
        errors = [pool.submit(target.put, f"o/{number}", b"1", PLAIN) for number in range(16)]
        raised = [each.exception() for each in errors]
    assert {error.kind for error in raised if isinstance(error, TargetError)} == {"unreachable"}
    assert len(raised) == 16
    assert len(tried) <= 3
    target.close()


# --- providers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "endpoint", "region"),
    [
        ({"provider": "r2", "account": "abc123"}, "https://abc123.r2.cloudflarestorage.com", "auto"),
        ({"provider": "Cloudflare", "account": "abc123"}, "https://abc123.r2.cloudflarestorage.com", "auto"),
        ({"provider": "b2", "region": "eu-central-003"}, "https://s3.eu-central-003.backblazeb2.com", "eu-central-003"),
        ({"provider": "hetzner", "region": "fsn1"}, "https://fsn1.your-objectstorage.com", "fsn1"),
        ({"provider": "wasabi", "region": "eu-west-2"}, "https://s3.eu-west-2.wasabisys.com", "eu-west-2"),
        ({"provider": "scaleway", "region": "nl-ams"}, "https://s3.nl-ams.scw.cloud", "nl-ams"),
        ({"provider": "digitalocean", "region": "fra1"}, "https://fra1.digitaloceanspaces.com", "fra1"),
        ({"provider": "ovh", "region": "gra"}, "https://s3.gra.io.cloud.ovh.net", "gra"),
        ({"provider": "idrive", "region": "eu-west-4"}, "https://s3.eu-west-4.idrivee2.com", "eu-west-4"),
        ({"provider": "linode", "region": "se-sto-1"}, "https://se-sto-1.linodeobjects.com", "se-sto-1"),
        ({"provider": "storj"}, "https://gateway.storjshare.io", "us-east-1"),
        ({"provider": "garage", "endpoint": "https://s3.example.org"}, "https://s3.example.org", "garage"),
        ({"provider": "minio", "endpoint": "10.0.0.2:9000"}, "https://10.0.0.2:9000", "us-east-1"),
        ({"provider": "aws"}, "https://s3.us-east-1.amazonaws.com", "us-east-1"),
        ({"provider": "aws", "region": "eu-south-1"}, "https://s3.eu-south-1.amazonaws.com", "eu-south-1"),
    ],
)
def test_a_provider_knows_its_endpoint_and_its_region(given: dict[str, str], endpoint: str, region: str) -> None:
    place = read_place("store", "s3://bucket", {**KEYS, **given})
    assert (place.endpoint, place.region) == (endpoint, region)
    assert place.provider is not None
    if place.provider.hosts:
        told_by_endpoint = read_place("store", "s3://bucket", {**KEYS, "endpoint": endpoint})
        assert (told_by_endpoint.provider, told_by_endpoint.region) == (place.provider, region)


@pytest.mark.parametrize(
    ("given", "told", "hint"),
    [
        ({"provider": "r2"}, 'for Cloudflare R2 the setting "account" is missing', "--set account="),
        ({"provider": "b2"}, 'for Backblaze B2 the setting "region" is missing', "--set region="),
        ({"provider": "minio"}, '"endpoint" is missing', "--set endpoint="),
        ({"provider": "r3"}, 'no provider of S3 is called "r3"', "hetzner"),
        ({"provider": "azure"}, 'no provider of S3 is called "azure"', "hetzner"),
        ({"provider": "r2", "account": "a/b"}, "account 'a/b' cannot be", "correct"),
    ],
)
def test_what_a_provider_needs_is_asked_for(given: dict[str, str], told: str, hint: str) -> None:
    with pytest.raises(TargetError, match=told) as caught:
        read_place("store", "s3://bucket", {**KEYS, **given})
    assert caught.value.kind == "config"
    assert hint in str(caught.value.hint)


@pytest.mark.parametrize("provider", [one for one in known().values() if "s3" in one.kinds], ids=lambda one: one.id)
def test_every_provider_has_a_policy_to_paste(provider: Provider) -> None:
    settings = {"provider": provider.id, "account": "abc123", "region": "eu-west-1"}
    if not provider.endpoint:
        settings["endpoint"] = "https://s3.example.org"
    text = policy("store", "s3://my-bucket", settings, "https://m.example")
    assert "my-bucket" in text
    assert not re.search(r"\{[a-z_]+\}|\b(BUCKET|ENDPOINT|REGION|KEY_POLICY|CORS_RULES)\b", text)
    for written in pasted(text):
        assert written.keys() & {"Statement", "CORSRules"}


def test_every_object_store_has_its_page_in_the_handbook() -> None:
    kinds = {"s3", "gcs", "azblob"}
    for provider in known().values():
        if kinds & set(provider.kinds):
            page = ROOT / f"docs/mirrors/{provider.page}.md"
            text = page.read_text()
            assert "tamizdat target add" in text, page
            assert "Take it down" in text, page
            assert provider.id in text or provider.id in ("aws", "ceph", "gcs"), provider.id
