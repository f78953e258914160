"""Google Cloud Storage, on a server that imitates it; tokens, and what Google says when it says no."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from urllib.request import urlopen

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from mirror.targets import Retrying, Target, TargetError, meta_for, open_target
from mirror.targets.gcs import GcsTarget, policy, read_place
from tests.servers.cut import wire
from tests.servers.faulty import Fault, FaultyProxy, Handler, breaks_off, faulty
from tests.servers.gcs import EMAIL, PRIVATE, GcsServer, TokenServer, account_key, gcs_server, token_server
from tests.targets.suite import PLAIN, TargetSuite, no_secrets

FRESH = itertools.count(1)


@pytest.fixture(scope="module")
def gcs() -> Iterator[GcsServer]:
    with gcs_server() as server:
        yield server


@pytest.fixture
def proxy(gcs: GcsServer) -> Iterator[FaultyProxy]:
    with faulty(gcs.endpoint) as proxy:
        yield proxy


@pytest.fixture
def tokens() -> Iterator[TokenServer]:
    with token_server() as server:
        yield server


def near(endpoint: str, bucket: str = "news", prefix: str = "") -> GcsTarget:
    """A target without retries."""
    place = read_place("google", f"gcs://{bucket}/{prefix or next(FRESH)}", {"endpoint": endpoint})
    return GcsTarget(name="google", place=place, secret=no_secrets, control_seconds=5, transfer_seconds=5)


def with_key(endpoint: str, key: str) -> GcsTarget:
    place = read_place("google", f"gcs://news/{next(FRESH)}", {"endpoint": endpoint, "credentials": "file:key.json"})
    return GcsTarget(name="google", place=place, secret={"file:key.json": key}.__getitem__)


class TestGcs(TargetSuite, scheme="gcs"):
    @pytest.fixture
    def again(self, gcs: GcsServer) -> Callable[[], Target]:
        url = f"gcs://{gcs.bucket}/suite/{next(FRESH)}"
        return lambda: open_target("google", url, {"endpoint": gcs.endpoint}, no_secrets)


def test_every_file_is_given_its_type_and_its_time(gcs: GcsServer) -> None:
    target = near(gcs.endpoint, prefix="meta")
    target.put("o/ab/cd", b"\x1f\x8b", meta_for("o/ab/cd", b"\x1f\x8b"))
    target.commit({"checkpoint": b"x"})
    found, pointer = gcs.describe("meta/o/ab/cd"), gcs.describe("meta/checkpoint")
    assert (found["contentType"], found["cacheControl"]) == ("application/gzip", meta_for("o/ab").cache_control)
    assert "contentEncoding" not in found
    assert (pointer["contentType"], pointer["cacheControl"]) == ("text/plain; charset=utf-8", "no-cache")
    target.close()


def test_the_probe_reads_as_a_reader(gcs: GcsServer) -> None:
    target = near(gcs.endpoint, prefix="probe")
    checks = list(target.probe(f"{gcs.public_url}/probe"))
    assert [(check.name, check.detail) for check in checks if not check.ok] == []
    assert checks[-1].name == "speed"
    target.close()


def test_a_missing_bucket_is_reported_and_never_made(gcs: GcsServer) -> None:
    target = near(gcs.endpoint, "no-such-bucket")
    with pytest.raises(TargetError, match="bucket does not exist") as caught:
        target.put("front", b"1", PLAIN)
    assert (caught.value.kind, caught.value.scope) == ("no_container", "target")
    last = list(target.probe())[-1]
    assert (last.name, last.ok) == ("put", False)
    with urlopen(f"{gcs.endpoint}/storage/v1/b", timeout=10) as answer:
        assert [each["name"] for each in json.load(answer)["items"]] == [gcs.bucket]
    target.close()


def google_says(status: int, reason: str, message: str = "no", **headers: str) -> Fault:
    """An error as the JSON interface words it (docs.cloud.google.com/storage/docs/json_api/v1/status-codes)."""

    def fault(handler: Handler) -> None:
        detail = {"domain": "global", "reason": reason, "message": message}
        body = json.dumps({"error": {"errors": [detail], "code": status, "message": message}}).encode()
        named = [(name.replace("_", "-"), value) for name, value in headers.items()]
        handler.answer(status, [("Content-Type", "application/json"), *named], body)

    return fault


@pytest.mark.parametrize(
    ("status", "reason", "message", "kind"),
    [
        (401, "authError", "Invalid Credentials", "auth"),
        (403, "forbidden", "tamizdat does not have storage.objects.create access", "forbidden"),
        (403, "accountDisabled", "The billing account for the owning project is disabled", "forbidden"),
        (403, "userRateLimitExceeded", "User Rate Limit Exceeded", "rate_limited"),
        (404, "notFound", "The specified bucket does not exist.", "no_container"),
        (405, "methodNotAllowed", "no", "config"),
        (400, "invalid", "Invalid bucket name", "config"),
        (408, "uploadBrokenConnection", "no", "transient"),
        (412, "conditionNotMet", "no", "conflict"),
        (413, "uploadTooLarge", "no", "too_large"),
        (429, "rateLimitExceeded", "The object exceeded the rate limit for object mutation operations", "rate_limited"),
        (500, "internalError", "no", "transient"),
        (503, "backendError", "no", "transient"),
    ],
)
def test_every_answer_has_a_kind_and_a_remedy(
    proxy: FaultyProxy, status: int, reason: str, message: str, kind: str
) -> None:
    target = near(proxy.url)
    proxy.first(1, google_says(status, reason, message), "POST")
    with pytest.raises(TargetError) as caught:
        target.put("front", b"1", PLAIN)
    assert caught.value.kind == kind
    assert caught.value.hint
    assert len(str(caught.value)) < 300
    assert "Backtrace" not in str(caught.value)
    assert len(proxy.requests) == 1
    if status == 403 and "billing" in message:
        assert "billing" in str(caught.value)
    target.close()


def test_a_missing_bucket_is_no_missing_file_when_read(proxy: FaultyProxy) -> None:
    target = near(proxy.url)
    proxy.first(1, google_says(404, "notFound", "The specified bucket does not exist."), "GET")
    with pytest.raises(TargetError) as caught:
        target.get("front")
    assert caught.value.kind == "no_container"
    proxy.first(1, google_says(404, "notFound", "No such object: news/front"), "GET")
    assert target.get("front") is None
    target.close()


def test_the_time_google_names_is_waited_and_the_file_sent_again(proxy: FaultyProxy) -> None:
    waited: list[float] = []
    bare = near(proxy.url)
    target = Retrying(bare, base=0.01, sleep=waited.append)
    proxy.first(1, google_says(429, "rateLimitExceeded", retry_after="3"), "POST")
    target.put("front", b"1", PLAIN)
    assert 3 <= waited[0] < 4
    proxy.first(2, breaks_off, "POST")
    target.put("front", b"2", PLAIN)
    assert target.get("front") == b"2"
    assert [method for method, _ in proxy.requests] == ["POST"] * 5 + ["GET"]
    target.close()


def test_an_upload_cut_half_way_leaves_the_old_file_and_is_sent_again(gcs: GcsServer) -> None:
    with wire(gcs.endpoint) as cable:
        target = near(cable.url)
        target.put("front", b"old", PLAIN)
        cable.after = 200_000
        with pytest.raises(TargetError) as caught:
            target.put("front", bytes(1_000_000), PLAIN)
        assert (caught.value.kind, caught.value.scope) == ("transient", "object")
        assert cable.cuts >= 1
        cable.after = None
        later = Retrying(target, base=0.01)  # as a push does: another connection may be going down still
        assert later.get("front") == b"old"
        later.put("front", bytes(1_000_000), PLAIN)
        assert later.get("front") == bytes(1_000_000)
        later.close()


# --- keys and tokens -----------------------------------------------------------------------------------------------


def test_one_token_serves_every_request_and_goes_to_the_store_alone(gcs: GcsServer, tokens: TokenServer) -> None:
    sent: list[str] = []

    def passes_on(handler: Handler) -> None:
        sent.append(handler.headers["Authorization"])
        handler.answer(*handler.forward())

    with faulty(gcs.endpoint) as proxy:
        proxy.plan = lambda method, path, before: passes_on
        target = with_key(proxy.url, account_key(tokens.url))
        for number in range(3):
            target.put(f"o/{number}", b"1", PLAIN)
        assert list(target.list()) == ["o/0", "o/1", "o/2"]
        target.close()
    assert tokens.given == 1
    assert set(sent) == {"Bearer ya29.1"}
    assert tokens.claims["iss"] == EMAIL
    assert tokens.claims["scope"] == "https://www.googleapis.com/auth/devstorage.read_write"


def test_a_token_about_to_end_is_renewed(gcs: GcsServer, tokens: TokenServer) -> None:
    tokens.seconds = 0
    target = with_key(gcs.endpoint, account_key(tokens.url))
    target.put("o/1", b"1", PLAIN)
    target.put("o/2", b"1", PLAIN)
    assert tokens.given == 2
    target.close()


def test_a_key_that_was_deleted_is_said_to_be_that(gcs: GcsServer, tokens: TokenServer) -> None:
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    target = with_key(gcs.endpoint, account_key(tokens.url, other))
    with pytest.raises(TargetError, match="doesn't accept the key of tamizdat-news@") as caught:
        target.put("front", b"1", PLAIN)
    assert (caught.value.kind, caught.value.scope) == ("auth", "target")
    assert "invalid_grant" in str(caught.value)
    assert "clock" in str(caught.value.hint)
    checks = list(target.probe())
    assert (checks[-1].name, checks[-1].ok) == ("authentication", False)
    assert EMAIL in next(check.detail for check in checks if check.name == "secrets")
    target.close()


@pytest.mark.parametrize(
    ("answer", "kind", "retry_after"),
    [
        ((503, b"", {"Retry-After": "7"}), "transient", 7.0),
        ((429, b"<html>", {}), "transient", None),
        ((401, b'{"error": "unauthorized_client"}', {}), "auth", None),
        ((200, b"not json", {}), "auth", None),
        ((200, b'{"access_token": "x"}', {}), "auth", None),
        ((302, b"", {"Location": "http://127.0.0.1:1/"}), "auth", None),
    ],
)
def test_whatever_the_token_server_says_is_one_clear_line(
    gcs: GcsServer,
    tokens: TokenServer,
    answer: tuple[int, bytes, dict[str, str]],
    kind: str,
    retry_after: float | None,
) -> None:
    tokens.answer = answer
    target = with_key(gcs.endpoint, account_key(tokens.url))
    with pytest.raises(TargetError) as caught:
        target.put("front", b"1", PLAIN)
    assert (caught.value.kind, caught.value.retry_after) == (kind, retry_after)
    assert len(str(caught.value)) < 200
    target.close()


def test_nobody_there_to_give_tokens_is_said_so(gcs: GcsServer) -> None:
    target = with_key(gcs.endpoint, account_key("http://127.0.0.1:1/token"))
    with pytest.raises(TargetError, match=r"no token from 127\.0\.0\.1") as caught:
        target.put("front", b"1", PLAIN)
    assert caught.value.kind == "unreachable"
    target.close()


def _elliptic() -> str:
    key = json.loads(account_key("https://oauth2.googleapis.com/token"))
    private = ec.generate_private_key(ec.SECP256R1())
    key["private_key"] = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return json.dumps(key)


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("", "no service account's key"),
        ("{}", "no service account's key"),
        ("[]", "no service account's key"),
        ('{"type": "authorized_user"}', "no service account's key"),
        ("x" * 70_000, "no service account's key"),
        (account_key("http://oauth2.example/token"), "token_uri is not https"),
        (account_key("https://oauth2.example/token").replace("MII", "???"), "cannot be read"),
        (_elliptic(), "cannot be read"),
    ],
)
def test_a_key_that_is_none_is_a_mistake_in_the_settings(gcs: GcsServer, key: str, told: str) -> None:
    target = with_key(gcs.endpoint, key)
    with pytest.raises(TargetError, match=told) as caught:
        target.put("front", b"1", PLAIN)
    assert (caught.value.kind, caught.value.status) == ("config", 2)
    assert "PRIVATE KEY" not in str(caught.value)
    target.close()


def test_nothing_secret_is_shown(tokens: TokenServer) -> None:
    target = with_key("http://127.0.0.1:1", account_key(tokens.url))
    part = account_key(tokens.url)[300:340]
    assert part not in repr(target) + repr(target.place) + target.address + repr(vars(target))
    assert PRIVATE is not None
    target.close()


# --- settings ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "changed", "told"),
    [
        ("gcs://", {}, "no bucket"),
        ("gcs://UPPER", {}, "no bucket"),
        ("gcs://bucket/../x", {}, "refused the key"),
        ("gcs://bucket", {"credentials": ""}, '"credentials" is missing'),
        ("gcs://bucket", {"credentials": "/home/key.json"}, "must be a reference"),
        ("gcs://bucket", {"endpoint": "https://storage.googleapis.com/storage"}, "no endpoint of Google storage"),
        ("gcs://bucket", {"credential": "file:x"}, "unknown setting"),
    ],
)
def test_settings_that_cannot_work_are_refused_before_any_request(url: str, changed: dict[str, str], told: str) -> None:
    with pytest.raises(TargetError, match=told) as caught:
        open_target("google", url, {"credentials": "file:key.json", **changed}, no_secrets)
    assert caught.value.kind == "config"


def test_nobody_pushes_without_a_key_beyond_this_machine() -> None:
    with pytest.raises(TargetError, match='"credentials" is missing'):
        read_place("google", "gcs://bucket", {"endpoint": "https://storage.example.org"})


def test_the_policy_gives_the_key_files_and_readers_single_files() -> None:
    text = policy("News_1", "gcs://my-bucket/x", {}, None)
    assert "--role=roles/storage.objectUser" in text
    assert "--member=allUsers --role=roles/storage.legacyObjectReader" in text
    assert "storage.admin" not in text
    assert "tamizdat-news-1@PROJECT.iam" in text
    rules = json.loads(text[text.index("\n[") : text.index("\n]") + 2])
    assert (rules[0]["origin"], rules[0]["method"]) == (["*"], ["GET", "HEAD"])
    assert "{" not in text.replace(json.dumps(rules, indent=2), "")
