"""The reference target, and what is the same for all: names, headers, retries, the registry."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint

import pytest

import mirror.targets
import tests.targets
from mirror.targets import Retrying, Target, TargetError, built_in, meta_for, open_target, scheme_of
from mirror.targets.memory import MemoryTarget
from tests.targets.suite import ENROLLED, PLAIN, TargetSuite, no_secrets


class TestMemory(TargetSuite, scheme="memory"):
    @pytest.fixture
    def again(self, request: pytest.FixtureRequest) -> Callable[[], Target]:
        return lambda: open_target("t", f"memory:{request.node.nodeid}", {}, no_secrets)


class TestRetryingMemory(TargetSuite):
    """A wrapper is a target itself."""

    @pytest.fixture
    def again(self) -> Callable[[], Target]:
        store: dict[str, tuple[bytes, mirror.targets.Meta]] = {}
        return lambda: Retrying(MemoryTarget(name="t", store=store))


def test_every_kind_of_target_is_enrolled_in_the_suite() -> None:
    found = [each.name for each in pkgutil.iter_modules(tests.targets.__path__) if each.name.startswith("test_")]
    for name in found:
        importlib.import_module(f"tests.targets.{name}")
    assert found
    assert sorted(ENROLLED) == list(built_in())
    assert set(built_in()) >= {"file", "memory", "s3"}


def test_an_unknown_kind_says_which_are_known() -> None:
    with pytest.raises(TargetError, match="no target speaks gopher:") as caught:
        open_target("t", "gopher://host/x", {}, no_secrets)
    assert caught.value.kind == "config"
    assert caught.value.status == 2
    assert ", ".join(built_in()) in str(caught.value.hint)
    with pytest.raises(TargetError) as caught:
        open_target("t", "s33://b", {}, no_secrets)
    assert "did you mean s3:" in str(caught.value.hint)


def test_a_misspelt_setting_says_which_was_meant() -> None:
    with pytest.raises(TargetError) as caught:
        open_target("t", "s3://b", {"acces_key": "1"}, no_secrets)
    assert caught.value.hint == 'did you mean "access_key"?'


def test_packages_join_by_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    good = EntryPoint("mem2", "mirror.targets.memory:target", "tamizdat.targets")
    bad = EntryPoint("broken", "no.such.module:target", "tamizdat.targets")
    monkeypatch.setattr(mirror.targets, "added", lambda: {"mem2": good, "broken": bad})
    assert open_target("t", "mem2:x", {}, no_secrets).name == "t"
    with pytest.raises(TargetError, match="cannot be loaded") as caught:
        open_target("t", "broken:x", {}, no_secrets)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "scheme"),
    [("/srv/x", "file"), ("file:/srv", "file"), ("s3://b/p", "s3"), ("x/y", "file"), ("./a:b", "file")],
)
def test_what_has_no_scheme_is_a_folder(url: str, scheme: str) -> None:
    assert scheme_of(url) == scheme


def test_nothing_heavy_is_imported_before_it_is_used() -> None:
    heavy = ("opendal", "requests", "sqlalchemy", "aiohttp", "boto3")
    code = f"""
import sys
from mirror.targets import open_target, built_in
built_in()
def secret(reference): raise SystemExit("resolved")
settings = {{"access_key": "env:A", "secret_key": "env:B", "endpoint": "http://127.0.0.1:1"}}
open_target("a", "/nowhere", {{}}, secret), open_target("b", "s3://bucket", settings, secret).close()
import mirror.publish
print([name for name in {heavy!r} if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr, done.returncode) == ("[]", "", 0)


# --- how files are served ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "head", "kind", "cache"),
    [
        ("o/ab/cd", b"\x1f\x8b\x08", "application/gzip", "immutable"),
        ("o/ab/cd", b"RIFF\0\0\0\0WEBP", "image/webp", "immutable"),
        ("o/ab/cd", b"?", "application/octet-stream", "immutable"),
        ("tile/0/000.p/3", b"", "application/octet-stream", "immutable"),
        ("tile/entries/000", b"", "application/octet-stream", "immutable"),
        ("proof/ab/cd", b"", "text/plain; charset=utf-8", "max-age=86400"),
        ("trust/1.root.json", b"", "application/json", "immutable"),
        ("trust/timestamp.json", b"", "application/json", "no-cache"),
        ("trust/targets/ab.trust.json", b"", "application/json", "immutable"),
        ("front", b"\x1f\x8b", "application/gzip", "no-cache"),
        ("checkpoint", b"", "text/plain; charset=utf-8", "no-cache"),
        ("index.html", b"", "text/html; charset=utf-8", "max-age=300"),
        ("a/0123456789ab.html", b"", "text/html; charset=utf-8", "max-age=300"),
        ("feed.xml", b"", "application/atom+xml; charset=utf-8", "max-age=300"),
        ("something-new", b"", "application/octet-stream", "no-cache"),
    ],
)
def test_every_file_of_a_mirror_has_its_type_and_its_time(path: str, head: bytes, kind: str, cache: str) -> None:
    meta = meta_for(path, head)
    assert meta.content_type == kind
    assert cache in meta.cache_control


# --- retries -------------------------------------------------------------------------------------------------------


class Flaky(MemoryTarget):
    def __init__(self, *failures: TargetError) -> None:
        super().__init__(name="flaky")
        self.failures = list(failures)
        self.tries = 0

    def put(self, key: str, data: bytes, meta: mirror.targets.Meta) -> None:
        self.tries += 1
        if self.failures:
            raise self.failures.pop(0)
        super().put(key, data, meta)


def retrying(inner: Target) -> tuple[Retrying, list[float]]:
    slept: list[float] = []
    return Retrying(inner, sleep=slept.append, clock=lambda: sum(slept), jitter=lambda: 0.5), slept


def test_what_may_work_next_time_is_tried_again() -> None:
    flaky = Flaky(TargetError("x", kind="transient"), TargetError("x", kind="rate_limited"))
    target, slept = retrying(flaky)
    target.put("a", b"1", PLAIN)
    assert (flaky.tries, slept) == (3, [0.5, 1.0])


def test_a_time_the_server_names_is_waited_for() -> None:
    target, slept = retrying(Flaky(TargetError("x", kind="rate_limited", retry_after=7)))
    target.put("a", b"1", PLAIN)
    assert slept == [7.5]


def test_a_time_too_long_to_wait_for_is_handed_on() -> None:
    target, slept = retrying(Flaky(TargetError("x", kind="rate_limited", retry_after=600)))
    with pytest.raises(TargetError) as caught:
        target.put("a", b"1", PLAIN)
    assert (caught.value.retry_after, slept) == (600, [])


def test_after_four_tries_it_is_over() -> None:
    flaky = Flaky(*[TargetError("x", kind="transient") for _ in range(9)])
    target, slept = retrying(flaky)
    with pytest.raises(TargetError):
        target.commit({"front": b"1"})
    assert (flaky.tries, len(slept)) == (4, 3)


def test_what_cannot_work_next_time_is_not_tried_again() -> None:
    flaky = Flaky(TargetError("x", kind="auth"))
    target, slept = retrying(flaky)
    with pytest.raises(TargetError):
        target.put("a", b"1", PLAIN)
    assert (flaky.tries, slept) == (1, [])


def test_a_full_target_says_so() -> None:
    target = MemoryTarget(name="small", room=10)
    target.put("a", b"12345", PLAIN)
    with pytest.raises(TargetError, match="no room") as caught:
        target.put("b", b"123456", PLAIN)
    assert (caught.value.kind, caught.value.scope) == ("quota", "target")
    target.put("a", b"1234567890", PLAIN)
