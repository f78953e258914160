"""Azure Blob Storage, on Azurite; keys, shared access signatures, and what Azure says when it says no."""

from __future__ import annotations

import base64
import itertools
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest

from mirror.targets import Retrying, Target, TargetError, meta_for, open_target
from mirror.targets.azblob import AzblobTarget, policy, read_place
from tests.servers.azurite import ACCOUNT, KEY, Azurite, azurite
from tests.servers.cut import wire
from tests.servers.faulty import Fault, FaultyProxy, Handler, breaks_off, faulty
from tests.targets.suite import PLAIN, TargetSuite, no_secrets

FRESH = itertools.count(1)


@pytest.fixture(scope="module")
def azure() -> Iterator[Azurite]:
    with azurite() as server:
        yield server


@pytest.fixture
def proxy(azure: Azurite) -> Iterator[FaultyProxy]:
    with faulty(azure.endpoint) as proxy:
        yield proxy


def near(endpoint: str, *, sas: str = "", key: str = KEY, container: str = "news", prefix: str = "") -> AzblobTarget:
    """A target without retries, with the account's key or a SAS."""
    which = {"sas": "env:IT"} if sas else {"account_key": "env:IT"}
    settings = {"account": ACCOUNT, "endpoint": endpoint, **which}
    place = read_place("azure", f"azblob://{container}/{prefix or next(FRESH)}", settings)
    return AzblobTarget(
        name="azure", place=place, secret={"env:IT": sas or key}.__getitem__, control_seconds=5, transfer_seconds=5
    )


def past(proxy: FaultyProxy) -> AzblobTarget:
    return near(f"{proxy.url}/{ACCOUNT}")


class TestAzblob(TargetSuite, scheme="azblob"):
    """As it should be used: with a signature for this container alone."""

    @pytest.fixture
    def again(self, azure: Azurite) -> Callable[[], Target]:
        url, settings = f"azblob://news/suite/{next(FRESH)}", {"account": ACCOUNT, "endpoint": azure.endpoint}
        secrets = {"env:SAS": azure.sas("rcwdl")}
        return lambda: open_target("azure", url, {**settings, "sas": "env:SAS"}, secrets.__getitem__)


def test_the_account_key_does_as_well(azure: Azurite) -> None:
    target = near(azure.endpoint)
    target.put("o/aa/bb", b"1", PLAIN)
    assert (target.get("o/aa/bb"), list(target.list())) == (b"1", ["o/aa/bb"])
    target.close()


def test_every_file_is_given_its_type_and_its_time(azure: Azurite) -> None:
    target = near(azure.endpoint, prefix="meta")
    target.put("o/ab/cd", b"\x1f\x8b", meta_for("o/ab/cd", b"\x1f\x8b"))
    target.commit({"checkpoint": b"x"})
    found, pointer = azure.head("meta/o/ab/cd"), azure.head("meta/checkpoint")
    assert (found["content-type"], found["cache-control"]) == ("application/gzip", meta_for("o/ab").cache_control)
    assert "content-encoding" not in found
    assert (pointer["content-type"], pointer["cache-control"]) == ("text/plain; charset=utf-8", "no-cache")
    target.close()


def test_the_probe_reads_as_a_reader(azure: Azurite) -> None:
    target = near(azure.endpoint, sas=azure.sas("rcwdl"), prefix="probe")
    checks = list(target.probe(f"{azure.public_url}/probe"))
    assert [(check.name, check.detail) for check in checks if not check.ok] == []
    assert checks[-1].name == "speed"
    target.close()


def test_a_container_nobody_may_read_is_found(azure: Azurite) -> None:
    azure.make("closed", public=False)
    target = near(azure.endpoint, container="closed", prefix="x")
    checks = list(target.probe(f"{azure.endpoint}/closed/x"))
    assert (checks[-1].name, checks[-1].ok) == ("anonymous read", False)
    target.close()


def test_wrong_keys_are_told_from_a_missing_container(azure: Azurite) -> None:
    other = base64.b64encode(b"k" * 64).decode()
    forged = re.sub(r"(?<=sig=)[^&]*", quote(base64.b64encode(b"k" * 32), safe=""), azure.sas("rcwdl"))
    for target in (near(azure.endpoint, key=other), near(azure.endpoint, sas=forged)):
        with pytest.raises(TargetError, match="key or the SAS is wrong") as caught:
            target.put("front", b"1", PLAIN)
        assert (caught.value.kind, caught.value.scope) == ("auth", "target")
        checks = list(target.probe())
        assert (checks[-1].name, checks[-1].ok) == ("authentication", False)
        target.close()
    target = near(azure.endpoint, container="no-such")
    with pytest.raises(TargetError, match="container does not exist") as caught:
        target.put("front", b"1", PLAIN)
    assert caught.value.kind == "no_container"
    with pytest.raises(TargetError, match="container does not exist"):
        target.get("front")
    with pytest.raises(TargetError, match="container does not exist"):
        list(target.list())
    assert [(check.name, check.ok) for check in target.probe()][-1] == ("container", False)
    target.close()


def test_a_signature_reaches_its_own_container_and_does_what_it_allows(azure: Azurite) -> None:
    azure.make("theirs", public=True)
    elsewhere = near(azure.endpoint, sas=azure.sas("rcwdl"), container="theirs")
    with pytest.raises(TargetError) as caught:
        elsewhere.put("front", b"1", PLAIN)
    assert caught.value.kind in ("auth", "forbidden")
    elsewhere.close()
    reads = near(azure.endpoint, sas=azure.sas("rl"))
    with pytest.raises(TargetError, match="may not do that") as caught:
        reads.put("front", b"1", PLAIN)
    assert (caught.value.kind, caught.value.scope) == ("forbidden", "target")
    assert "--permissions rcwdl" in str(caught.value.hint)
    assert [(check.name, check.ok) for check in reads.probe()][-1] == ("put", False)
    reads.close()


def test_a_signature_that_has_ended_says_when(azure: Azurite) -> None:
    target = near(azure.endpoint, sas=azure.sas("rcwdl", hours=-2))
    with pytest.raises(TargetError, match=r"the SAS has expired on \d{4}-\d\d-\d\d") as caught:
        target.put("front", b"1", PLAIN)
    assert caught.value.kind == "auth"
    target.close()


def azure_says(status: int, code: str, **headers: str) -> Fault:
    def fault(handler: Handler) -> None:
        body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>no</Message></Error>" if code else ""
        named = [(name.replace("_", "-"), value) for name, value in headers.items()]
        handler.answer(status, [("Content-Type", "application/xml"), *named], body.encode())

    return fault


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (403, "AuthenticationFailed", "auth"),
        (401, "NoAuthenticationInformation", "auth"),
        (403, "AuthorizationPermissionMismatch", "forbidden"),
        (403, "AccountIsDisabled", "forbidden"),
        (403, "KeyBasedAuthenticationNotPermitted", "forbidden"),
        (403, "", "forbidden"),
        (404, "ContainerNotFound", "no_container"),
        (404, "", "no_container"),
        (409, "ContainerBeingDeleted", "no_container"),
        (400, "InvalidResourceName", "config"),
        (400, "", "config"),
        (405, "", "config"),
        (412, "LeaseIdMissing", "conflict"),
        (413, "RequestBodyTooLarge", "too_large"),
        (429, "", "rate_limited"),
        (503, "ServerBusy", "rate_limited"),
        (500, "OperationTimedOut", "transient"),
        (500, "InternalError", "transient"),
        (507, "", "quota"),
    ],
)
def test_every_answer_has_a_kind_and_a_remedy(proxy: FaultyProxy, status: int, code: str, kind: str) -> None:
    target = past(proxy)
    proxy.first(1, azure_says(status, code))
    with pytest.raises(TargetError) as caught:
        target.put("front", b"1", PLAIN)
    assert caught.value.kind == kind
    assert caught.value.hint
    assert len(str(caught.value)) < 300
    assert "sig=" not in str(caught.value)
    assert len(proxy.requests) == 1
    target.close()


def test_a_busy_server_is_waited_for_and_a_broken_line_sends_again(proxy: FaultyProxy) -> None:
    waited: list[float] = []
    target = Retrying(past(proxy), base=0.01, sleep=waited.append)
    proxy.first(1, azure_says(503, "ServerBusy", retry_after="4"))
    target.put("front", b"1", PLAIN)
    assert 4 <= waited[0] < 5
    proxy.first(2, breaks_off)
    target.put("front", b"2", PLAIN)
    assert target.get("front") == b"2"
    assert [method for method, _ in proxy.requests] == ["PUT"] * 5 + ["GET"]
    target.close()


def test_one_file_is_one_request(proxy: FaultyProxy) -> None:
    target = past(proxy)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: target.put(f"o/{number}", b"x" * 8000, PLAIN), range(12)))
    target.commit({"checkpoint": b"1", "front": b"2"})
    target.delete(["o/1"])
    counted = [method for method, _ in proxy.requests]
    assert {method: counted.count(method) for method in set(counted)} == {"PUT": 14, "DELETE": 1}
    target.close()


def test_an_upload_cut_half_way_leaves_the_old_file_and_is_sent_again(azure: Azurite) -> None:
    with wire(azure.endpoint) as cable:
        target = near(f"{cable.url}/{ACCOUNT}")
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


# --- settings ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "changed", "told"),
    [
        ("azblob://", {}, "no container"),
        ("azblob://a", {}, "no container"),
        ("azblob://UPPER", {}, "no container"),
        ("azblob://news/../x", {}, "refused the key"),
        ("azblob://news", {"account": ""}, '"account" is missing'),
        ("azblob://news", {"account": "Not-One"}, "no storage account"),
        ("azblob://news", {"sas": ""}, '"sas" is missing'),
        ("azblob://news", {"account_key": "env:KEY"}, "both set"),
        ("azblob://news", {"sas": "sv=1&sig=secret"}, "must be a reference"),
        ("azblob://news", {"endpoint": "ftp://x"}, "no Azure endpoint"),
        ("azblob://news", {"acount": "x"}, "unknown setting"),
    ],
)
def test_settings_that_cannot_work_are_refused_before_any_request(url: str, changed: dict[str, str], told: str) -> None:
    with pytest.raises(TargetError, match=told) as caught:
        open_target("azure", url, {"account": "mine", "sas": "env:SAS", **changed}, no_secrets)
    assert caught.value.kind == "config"
    assert "sig=secret" not in str(caught.value)


@pytest.mark.parametrize(("sas", "key", "told"), [("abc", "", "no SAS"), ("", "wrong", "not whole"), ("", "", "whole")])
def test_a_secret_that_is_none_is_a_mistake_in_the_settings(azure: Azurite, sas: str, key: str, told: str) -> None:
    target = near(azure.endpoint, sas=sas, key=key)
    with pytest.raises(TargetError, match=told) as caught:
        target.put("front", b"1", PLAIN)
    assert (caught.value.kind, caught.value.status) == ("config", 2)
    assert [(check.name, check.ok) for check in target.probe()][-1] == ("secrets", False)
    target.close()


def test_without_an_endpoint_it_is_the_public_cloud() -> None:
    place = read_place("azure", "azblob://$web/a/b/", {"account": "mine", "sas": "env:SAS"})
    assert (place.endpoint.url, place.container, place.prefix) == (
        "https://mine.blob.core.windows.net",
        "$web",
        "a/b",
    )


def test_the_policy_signs_for_one_container_and_can_be_revoked() -> None:
    text = policy("azure", "azblob://news/x", {"account": "mine"}, None)
    assert "--permissions rcwdl" in text
    assert "--policy-name tamizdat" in text
    assert "--public-access blob" in text
    assert "cors add --account-name mine" in text
    assert "policy delete --account-name mine --container-name news" in text
    assert not re.search(r"\{[a-z]+\}|CONTAINER|ACCOUNT", text)
