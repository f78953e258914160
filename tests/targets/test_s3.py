"""S3, on Ceph's gateway and two lighter servers; and what happens when the way to one is bad."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError

from mirror.errors import UsageError
from mirror.targets import Retrying, Target, TargetError, meta_for, open_target
from mirror.targets.s3 import S3Target, default_region, policy, read_place
from tests.needs import program
from tests.servers import S3Server, free_port
from tests.servers.cut import wire
from tests.servers.faulty import FaultyProxy, breaks_off, faulty, hangs, says
from tests.servers.s3 import client, make_readable
from tests.targets.suite import PLAIN, TargetSuite, no_secrets

FRESH = itertools.count(1)
SECRETS = {"env:ID": "test", "env:KEY": "testtest"}


def settings_for(server: S3Server, **changed: str) -> dict[str, str]:
    given = {"endpoint": server.endpoint, "region": server.region, "access_key": "env:ID", "secret_key": "env:KEY"}
    return {**given, **changed}


def bucket(
    server: S3Server, prefix: str, *, name: str = "", secrets: dict[str, str] = SECRETS, **changed: str
) -> Target:
    url = f"s3://{name or server.bucket}/{prefix}"
    return open_target("store", url, settings_for(server, **changed), secrets.__getitem__)


def pasted(text: str) -> list[dict[str, object]]:
    """The JSON objects in what `target policy` prints, in order."""
    found, at, decoder = [], 0, json.JSONDecoder()
    while (at := text.find("\n{", at)) >= 0:
        value, at = decoder.raw_decode(text, at + 1)
        found.append(value)
    return found


def cut_short(server: S3Server, url: str) -> S3Target:
    place = read_place("store", f"s3://{server.bucket}/cut", settings_for(dataclasses.replace(server, endpoint=url)))
    return S3Target(name="store", place=place, secret=SECRETS.__getitem__, transfer_seconds=20)


def through(proxy: FaultyProxy, server: S3Server, *, seconds: float = 1.0) -> tuple[S3Target, Retrying]:
    """The target through a proxy, alone and with retries that don't dawdle."""
    near = dataclasses.replace(server, endpoint=proxy.url)
    place = read_place("store", f"s3://{server.bucket}/f{next(FRESH)}", settings_for(near))
    target = S3Target(
        name="store", place=place, secret=SECRETS.__getitem__, control_seconds=seconds, transfer_seconds=seconds
    )
    return target, Retrying(target, base=0.01)


@pytest.fixture
def proxy(rclone: S3Server) -> Iterator[FaultyProxy]:
    with faulty(rclone.endpoint) as proxy:
        yield proxy


class TestS3(TargetSuite, scheme="s3"):
    @pytest.fixture
    def again(self, server: S3Server) -> Callable[[], Target]:
        number = next(FRESH)
        return lambda: bucket(server, f"suite/{number}")

    @pytest.fixture(autouse=True)
    def _whole_files(self, server: S3Server, request: pytest.FixtureRequest) -> None:
        if server.name == "rclone" and "never_half" in request.node.name:
            pytest.skip("rclone serve s3 writes a file in place; Ceph's gateway and moto stand for stores that don't")


# --- on real servers -----------------------------------------------------------------------------------------------


def test_files_are_served_with_their_type_and_their_time(server: S3Server) -> None:
    if server.name == "rclone":
        pytest.skip("rclone serve s3 keeps no cache-control")
    prefix = f"meta/{next(FRESH)}"
    target = bucket(server, prefix)
    target.put("o/ab/cd", b"\x1f\x8b", meta_for("o/ab/cd", b"\x1f\x8b"))
    target.commit({"checkpoint": b"x"})
    with contextlib.closing(client(server)) as s3:
        found = s3.head_object(Bucket=server.bucket, Key=f"{prefix}/o/ab/cd")
        pointer = s3.head_object(Bucket=server.bucket, Key=f"{prefix}/checkpoint")
    assert found["ContentType"] == "application/gzip"
    assert found["CacheControl"] == meta_for("o/ab/cd").cache_control
    assert "ContentEncoding" not in found
    assert (pointer["ContentType"], pointer["CacheControl"]) == ("text/plain; charset=utf-8", "no-cache")


def test_without_a_prefix_files_lie_at_the_top_of_the_bucket(server: S3Server) -> None:
    target = bucket(server, "")
    target.put("top-level", b"1", PLAIN)
    with contextlib.closing(client(server)) as s3:
        assert s3.get_object(Bucket=server.bucket, Key="top-level")["Body"].read() == b"1"
    assert "top-level" in list(target.list())
    target.delete(["top-level"])


def test_a_wrong_secret_is_told_from_a_wrong_bucket(server: S3Server) -> None:
    if not server.checks_secret:
        pytest.skip(f"{server.name} takes any key")
    target = bucket(server, "x", secrets={**SECRETS, "env:KEY": "wrong"})
    with pytest.raises(TargetError, match="secret key is wrong") as caught:
        target.put("front", b"1", PLAIN)
    assert (caught.value.kind, caught.value.scope) == ("auth", "target")
    assert "wrong" not in str(caught.value).replace("secret key is wrong", "")
    with pytest.raises(TargetError) as caught:
        target.get("front", cap=100)
    assert caught.value.kind == "auth"
    checks = list(target.probe())
    assert (checks[-1].name, checks[-1].ok) == ("authentication", False)
    assert "console" in str(checks[-1].fix)


def test_an_unknown_access_key_is_said_to_be_unknown(server: S3Server) -> None:
    if server.name != "radosgw":
        pytest.skip(f"{server.name} doesn't tell the two apart")
    with pytest.raises(TargetError, match="doesn't know the access key") as caught:
        bucket(server, "x", secrets={**SECRETS, "env:ID": "nobody"}).put("front", b"1", PLAIN)
    assert caught.value.kind == "auth"


def test_a_missing_bucket_is_reported_and_never_made(server: S3Server) -> None:
    target = bucket(server, "", name=server.missing_bucket)
    with pytest.raises(TargetError) as caught:
        target.put("front", b"1", PLAIN)
    assert caught.value.kind == "no_container"
    checks = list(target.probe())
    assert (checks[-1].name, checks[-1].ok) == ("bucket", False)
    with contextlib.closing(client(server)) as s3:
        assert server.missing_bucket not in [each["Name"] for each in s3.list_buckets()["Buckets"]]


def test_the_probe_asks_in_order_and_reads_as_a_reader(server: S3Server) -> None:
    if server.public_url is None:
        pytest.skip(f"{server.name} answers nobody without keys")
    number = next(FRESH)
    target = bucket(server, f"probe/{number}")
    checks = list(target.probe(f"{server.public_url}/probe/{number}"))
    bad = {check.name: check.detail for check in checks if not check.ok}
    if server.name == "moto":  # which repeats any origin, and forgets to say so
        assert "Vary: Origin" in bad.pop("CORS")
    assert bad == {}
    before = ["configuration", "secrets", "DNS", "TCP", "TLS", "clock", "authentication", "bucket"]
    files = ["put", "read back", "pointer", "overwrite", "write twice", "missing file", "names", "delete"]
    public = ["public files", "anonymous read", "compression", "CORS", "caching", "rewriting", "content types"]
    assert [check.name for check in checks] == [*before, *files, *public, "ranges", "missing file in public", "speed"]
    assert list(target.list()) == []


def test_a_bucket_that_readers_may_not_read_is_found(server: S3Server) -> None:
    if server.public_url is None:
        pytest.skip(f"{server.name} answers nobody without keys")
    with contextlib.closing(client(server)) as s3:
        s3.create_bucket(Bucket="closed")
    checks = list(bucket(server, "", name="closed").probe(server.public_url.replace("news", "closed")))
    assert (checks[-1].name, checks[-1].ok) == ("anonymous read", False)
    assert "s3:GetObject" in str(checks[-1].fix)


# --- who may do what -----------------------------------------------------------------------------------------------


def user(server: S3Server, name: str, policy: Mapping[str, object]) -> dict[str, str]:
    """A user of the gateway with this policy and nothing else; the secrets to be it."""
    if server.admin is None:
        pytest.skip(f"{server.name} has no users")
    keys = [f"--access-key={name}", f"--secret-key={name}-secret"]
    server.admin("user", "create", f"--uid={name}", f"--display-name={name}", "--max-buckets=-1", *keys)
    with contextlib.closing(client(server, "iam")) as iam:
        iam.put_user_policy(UserName=name, PolicyName="tamizdat", PolicyDocument=json.dumps(policy))
    return {"env:ID": name, "env:KEY": f"{name}-secret"}


@pytest.mark.parametrize("prefix", ["", "just/here"])
def test_the_policy_to_paste_lets_a_key_publish_and_nothing_more(server: S3Server, prefix: str) -> None:
    name = f"limited{next(FRESH)}"
    printed = policy("store", f"s3://{server.bucket}/{prefix}", {"endpoint": server.endpoint}, None)
    of_the_key, of_readers, cors = pasted(printed)
    secrets = user(server, name, of_the_key)
    with contextlib.closing(client(server)) as s3:
        s3.create_bucket(Bucket="others")
        s3.put_object(Bucket="others", Key="k", Body=b"1")
        s3.put_bucket_policy(Bucket=server.bucket, Policy=json.dumps(of_readers))
        s3.put_bucket_cors(Bucket=server.bucket, CORSConfiguration=cors)

    target = bucket(server, prefix, secrets=secrets)
    checks = list(target.probe(f"{server.public_url}/{prefix}"))
    assert [(check.name, check.detail) for check in checks if not check.ok] == []
    target.put("o/aa/bb", b"1", PLAIN)
    target.commit({"front": b"2"})
    assert (target.get("front"), target.get("never")) == (b"2", None)
    assert {"front", "o/aa/bb"} <= set(target.list())
    target.delete(["front", "o/aa/bb"])
    target.close()

    news = server.bucket
    with contextlib.closing(client(server, key=name, secret=f"{name}-secret")) as limited:
        refused: dict[str, Callable[[], object]] = {
            "write elsewhere": lambda: limited.put_object(Bucket="others", Key="k", Body=b"2"),
            "read elsewhere": lambda: limited.get_object(Bucket="others", Key="k"),
            "list elsewhere": lambda: limited.list_objects_v2(Bucket="others"),
            "change the policy": lambda: limited.put_bucket_policy(Bucket=news, Policy=json.dumps(of_readers)),
            "drop the policy": lambda: limited.delete_bucket_policy(Bucket=news),
            "drop CORS": lambda: limited.delete_bucket_cors(Bucket=news),
            "hide it": lambda: limited.put_bucket_acl(Bucket=news, ACL="private"),
            "drop the bucket": lambda: limited.delete_bucket(Bucket=news),
            "make one": lambda: limited.create_bucket(Bucket=f"{name}-own"),
        }
        if prefix:
            refused["write beside"] = lambda: limited.put_object(Bucket=news, Key="beside", Body=b"2")
            refused["list beside"] = lambda: limited.list_objects_v2(Bucket=news, Prefix="beside")
        for what, act in refused.items():
            with pytest.raises(ClientError) as caught:
                act()
            assert caught.value.response["Error"]["Code"] in ("AccessDenied", "TooManyBuckets"), what
        assert limited.list_buckets()["Buckets"] == []
    make_readable(server)


def test_keys_that_may_only_read_are_found_before_anything_is_pushed(server: S3Server) -> None:
    where = f"arn:aws:s3:::{server.bucket}"
    allow = {"Effect": "Allow", "Action": ["s3:GetObject", "s3:ListBucket"], "Resource": [where, f"{where}/*"]}
    secrets = user(server, "onlyreads", {"Version": "2012-10-17", "Statement": [allow]})
    target = bucket(server, "x", secrets=secrets)
    with pytest.raises(TargetError, match="may not do that") as caught:
        target.put("front", b"1", PLAIN)
    assert (caught.value.kind, caught.value.scope) == ("forbidden", "target")
    assert "s3:PutObject" in str(caught.value.hint)
    assert [(check.name, check.ok) for check in target.probe()][-2:] == [("bucket", True), ("put", False)]


def test_over_the_quota_is_said_to_be_that(server: S3Server) -> None:
    if server.admin is None:
        pytest.skip(f"{server.name} has no quotas")
    server.admin("user", "create", "--uid=small", "--display-name=s", "--access-key=small", "--secret-key=small-secret")
    server.admin("quota", "set", "--quota-scope=user", "--uid=small", "--max-size=8192")
    server.admin("quota", "enable", "--quota-scope=user", "--uid=small")
    with contextlib.closing(client(server, key="small", secret="small-secret")) as s3:
        s3.create_bucket(Bucket="small")
    target = bucket(server, "", name="small", secrets={"env:ID": "small", "env:KEY": "small-secret"})
    with pytest.raises(TargetError, match="over the quota") as caught:
        target.put("o/aa/bb", bytes(100_000), PLAIN)
    assert (caught.value.kind, caught.value.scope) == ("quota", "target")


def test_a_wrong_clock_is_said_to_be_that(server: S3Server) -> None:
    if server.name != "radosgw":
        pytest.skip(f"{server.name} looks at no clock")
    code = """
import sys
from mirror.targets import open_target
endpoint, bucket = sys.argv[1:]
settings = {"endpoint": endpoint, "access_key": "test", "secret_key": "testtest"}
for check in open_target("t", f"s3://{bucket}/clock", settings, str).probe():
    print(check.name, check.ok, check.detail, check.fix, sep="|")
"""
    told = subprocess.run(
        [program("faketime"), "-f", "-40m", sys.executable, "-c", code, server.endpoint, server.bucket],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={**os.environ, "FAKETIME_DONT_FAKE_MONOTONIC": "1"},
    ).stdout.splitlines()
    assert [line.split("|")[:2] for line in told[-2:]] == [["clock", "False"], ["authentication", "False"]]
    assert "clock is wrong (403 RequestTimeTooSkewed)|set it: timedatectl set-ntp true" in told[-1]


def test_an_upload_cut_half_way_leaves_the_old_file_and_is_sent_again(server: S3Server) -> None:
    with wire(server.endpoint) as cable:
        target = cut_short(server, cable.url)
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


def test_sixteen_threads_push_and_the_process_ends_well(server: S3Server) -> None:
    code = """
import sys
from concurrent.futures import ThreadPoolExecutor
from mirror.targets import open_target, meta_for
endpoint, bucket, prefix = sys.argv[1:]
settings = {"endpoint": endpoint, "access_key": "test", "secret_key": "env:K"}
target = open_target("t", f"s3://{bucket}/{prefix}", settings, lambda reference: "testtest")
with ThreadPoolExecutor(16) as pool:
    for done in [pool.submit(target.put, f"o/{n}", b"x" * 8000, meta_for("o/")) for n in range(60)]:
        done.result()
"""
    for number in range(3):
        command = [sys.executable, "-c", code, server.endpoint, server.bucket, f"exit/{number}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        assert (done.returncode, done.stderr) == (0, "")
    assert len(list(bucket(server, "exit").list())) == 180


# --- when the way is bad -------------------------------------------------------------------------------------------


def test_a_busy_server_is_tried_again_when_it_says(proxy: FaultyProxy, rclone: S3Server) -> None:
    _, target = through(proxy, rclone)
    proxy.first(1, says(503, "SlowDown", retry_after="1"))
    began = time.monotonic()
    target.put("front", b"1", PLAIN)
    assert time.monotonic() - began >= 1
    assert [method for method, _ in proxy.requests] == ["PUT", "PUT"]
    assert target.get("front") == b"1"


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (503, "SlowDown", "rate_limited"),
        (503, "", "transient"),
        (429, "", "rate_limited"),
        (500, "InternalError", "transient"),
        (502, "", "transient"),
        (507, "", "quota"),
        (403, "", "forbidden"),
        (403, "AccessDenied", "forbidden"),
        (403, "SignatureDoesNotMatch", "auth"),
        (403, "InvalidAccessKeyId", "auth"),
        (400, "ExpiredToken", "auth"),
        (401, "", "auth"),
        (403, "RequestTimeTooSkewed", "config"),
        (403, "QuotaExceeded", "quota"),
        (507, "XMinioStorageFull", "quota"),
        (400, "BadDigest", "transient"),
        (501, "NotImplemented", "unsupported"),
        (403, "AllAccessDisabled", "forbidden"),
        (400, "AuthorizationHeaderMalformed", "config"),
        (301, "PermanentRedirect", "config"),
        (404, "NoSuchBucket", "no_container"),
        (405, "", "config"),
        (409, "", "conflict"),
        (412, "PreconditionFailed", "conflict"),
        (413, "EntityTooLarge", "too_large"),
        (418, "", "transient"),
    ],
)
def test_every_answer_has_a_kind_and_a_remedy(
    proxy: FaultyProxy, rclone: S3Server, status: int, code: str, kind: str
) -> None:
    bare, _ = through(proxy, rclone)
    proxy.first(1, says(status, code))
    with pytest.raises(TargetError) as caught:
        bare.put("front", b"1", PLAIN)
    assert caught.value.kind == kind
    assert caught.value.hint
    assert "\n" not in str(caught.value)
    assert "Backtrace" not in str(caught.value)
    assert len(str(caught.value)) < 300
    assert len(proxy.requests) == 1


def test_a_bucket_of_another_region_says_which(proxy: FaultyProxy, rclone: S3Server) -> None:
    bare, _ = through(proxy, rclone)
    proxy.first(1, says(301, "PermanentRedirect", x_amz_bucket_region="eu-west-3"))
    with pytest.raises(TargetError) as caught:
        bare.put("front", b"1", PLAIN)
    assert 'region = "eu-west-3"' in str(caught.value.hint)


def test_a_server_that_hangs_is_given_up_and_tried_again(proxy: FaultyProxy, rclone: S3Server) -> None:
    bare, target = through(proxy, rclone, seconds=0.5)
    proxy.first(1, hangs)
    target.put("front", b"1", PLAIN)
    proxy.first(99, hangs)
    with pytest.raises(TargetError, match="no answer in time") as caught:
        bare.put("front", b"1", PLAIN)
    assert caught.value.kind == "transient"
    proxy.first(99, hangs, "GET")
    with pytest.raises(TargetError, match="no answer in time"):
        bare.get("front", cap=100)


@pytest.mark.parametrize("cap", [None, 300_000])
def test_a_connection_that_breaks_off_never_gives_half_a_file(
    proxy: FaultyProxy, rclone: S3Server, cap: int | None
) -> None:
    bare, target = through(proxy, rclone)
    target.put("large", bytes(250_000), PLAIN)
    proxy.first(1, breaks_off, "GET")
    with pytest.raises(TargetError) as caught:
        bare.get("large", cap=cap)
    assert caught.value.kind == "transient"
    proxy.first(1, breaks_off, "GET")
    assert target.get("large", cap=cap) == bytes(250_000)


def test_a_put_whose_connection_breaks_is_sent_again(proxy: FaultyProxy, rclone: S3Server) -> None:
    _, target = through(proxy, rclone)
    proxy.first(2, breaks_off)
    target.put("front", b"1", PLAIN)
    assert target.get("front") == b"1"
    assert [method for method, _ in proxy.requests] == ["PUT", "PUT", "PUT", "GET"]


def test_one_file_is_one_request(proxy: FaultyProxy, rclone: S3Server) -> None:
    _, target = through(proxy, rclone)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: target.put(f"o/{number}", b"x" * 8000, PLAIN), range(40)))
    target.flush()
    target.commit({"checkpoint": b"1", "front": b"2"})
    target.get("front", cap=100)
    target.delete(["o/1", "o/2"])
    counted = [method for method, _ in proxy.requests]
    assert {method: counted.count(method) for method in set(counted)} == {"PUT": 42, "GET": 1, "DELETE": 2}


def test_nobody_there_is_told_from_no_such_name(rclone: S3Server) -> None:
    nobody = dataclasses.replace(rclone, endpoint=f"http://127.0.0.1:{free_port()}")
    with pytest.raises(TargetError, match="can't be reached") as caught:
        bucket(nobody, "x").put("front", b"1", PLAIN)
    assert (caught.value.kind, caught.value.scope) == ("unreachable", "target")
    assert [(check.name, check.ok) for check in bucket(nobody, "x").probe()][-1] == ("TCP", False)
    nameless = dataclasses.replace(rclone, endpoint="http://no-such-host.invalid")
    with pytest.raises(TargetError, match="no address") as caught:
        bucket(nameless, "x").put("front", b"1", PLAIN)
    assert caught.value.kind == "unreachable"
    assert [(check.name, check.ok) for check in bucket(nameless, "x").probe()][-1] == ("DNS", False)


def test_https_where_there_is_none_is_said_to_be_that(rclone: S3Server) -> None:
    secure = dataclasses.replace(rclone, endpoint=rclone.endpoint.replace("http:", "https:"))
    with pytest.raises(TargetError, match="no safe connection") as caught:
        bucket(secure, "x").put("front", b"1", PLAIN)
    assert caught.value.kind == "tls"
    assert [(check.name, check.ok) for check in bucket(secure, "x").probe()][-1] == ("TLS", False)


# --- settings ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "changed", "told"),
    [
        ("s3://", {}, "no bucket"),
        ("s3://b", {}, "no bucket"),
        ("s3://bucket/../x", {}, "refused the key"),
        ("s3://bucket", {"access_key": ""}, '"access_key" is missing'),
        ("s3://bucket", {"secret_key": ""}, '"secret_key" is missing'),
        ("s3://bucket", {"endpoint": "ftp://x"}, "no S3 endpoint"),
        ("s3://bucket", {"endpoint": "https://x/path"}, "no S3 endpoint"),
        ("s3://bucket", {"endpoint": "https://id:key@x"}, "keys do not belong"),
        ("s3://bucket", {"endpoint": "https://x:99999"}, "no address"),
        ("s3://bucket", {"style": "vhost"}, "style"),
        ("s3://bucket", {"regoin": "x"}, "unknown setting"),
    ],
)
def test_settings_that_cannot_work_are_refused_before_any_request(url: str, changed: dict[str, str], told: str) -> None:
    settings = {"endpoint": "https://s3.example.org", "access_key": "env:ID", "secret_key": "env:KEY", **changed}
    with pytest.raises(TargetError, match=told) as caught:
        open_target("store", url, settings, no_secrets)
    assert "id:key" not in str(caught.value)


@pytest.mark.parametrize(
    ("endpoint", "region"),
    [
        ("https://s3.eu-central-1.amazonaws.com", "eu-central-1"),
        ("https://s3.dualstack.eu-west-2.amazonaws.com", "eu-west-2"),
        ("https://s3.us-west-004.backblazeb2.com", "us-west-004"),
        ("https://abc123.r2.cloudflarestorage.com", "auto"),
        ("https://s3.fr-par.scw.cloud", "fr-par"),
        ("https://minio.example.org:9000", "us-east-1"),
        ("http://127.0.0.1:9000", "us-east-1"),
    ],
)
def test_the_region_is_found_from_the_endpoint(endpoint: str, region: str) -> None:
    assert default_region(endpoint) == region


def test_without_an_endpoint_it_is_amazon() -> None:
    settings = {"access_key": "a", "secret_key": "env:K", "region": "eu-west-1"}
    place = read_place("store", "s3://bucket/a/b/", settings)
    assert (place.endpoint, place.host) == ("https://s3.eu-west-1.amazonaws.com", "bucket.s3.eu-west-1.amazonaws.com")
    assert (place.virtual, place.prefix, place.port) == (True, "a/b", 443)
    assert not read_place("store", "s3://dotted.bucket", settings).virtual


def test_a_secret_that_is_not_there_is_a_mistake_in_the_settings(rclone: S3Server) -> None:
    def secret(reference: str) -> str:
        raise UsageError(f"{reference}: $KEY is not set", hint="export KEY=…")

    target = open_target("store", "s3://news/x", settings_for(rclone), secret)
    with pytest.raises(TargetError, match=r"env:ID: \$KEY is not set") as caught:
        target.put("front", b"1", PLAIN)
    assert (caught.value.kind, caught.value.status, caught.value.hint) == ("config", 2, "export KEY=…")
    assert [(check.name, check.ok) for check in target.probe()][-1] == ("secrets", False)
