"""What it means to be a target. Every kind runs this, against a real server where it talks to one.

A kind enrols with a subclass that names its scheme and gives the fixture `again`, a function that opens one and the
same empty place anew each time:

    class TestFolder(TargetSuite, scheme="file"):
        @pytest.fixture
        def again(self, tmp_path): return lambda: open_target("t", str(tmp_path), {}, no_secrets)
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from mirror.targets import Meta, Target, TargetError, meta_for

ENROLLED: dict[str, list[str]] = {}

PLAIN = Meta(content_type="application/octet-stream", cache_control="no-cache")
ODD_KEYS = (
    "o/ab/" + "c" * 62,
    "tile/0/x001/234.p/7",
    "with space",
    "percent%20and+plus",
    "what?#&=;",
    "quotes'\"<>",
    "новости/статья",
    "خبر",
    "新闻.html",
    "a.b/.c",
    "~tilde!$()*,@:",
    "UPPER/lower",
)
BAD_KEYS = (
    "",
    "/",
    "/etc/passwd",
    "../up",
    "a/../../b",
    "a//b",
    "a/",
    "./a",
    "a/.",
    "nul\0",
    "new\nline",
    "a\\b",
    " a",
)


def no_secrets(reference: str) -> str:
    raise AssertionError(f"{reference} was resolved")


def listed(target: Target, prefix: str = "") -> list[str] | None:
    """What it lists; None of one that can't."""
    return list(target.list(prefix)) if target.caps.list else None


class TargetSuite:
    def __init_subclass__(cls, *, scheme: str = "", **rest: object) -> None:
        super().__init_subclass__(**rest)
        if scheme:
            ENROLLED.setdefault(scheme, []).append(cls.__name__)

    @pytest.fixture
    def again(self) -> Callable[[], Target]:
        raise NotImplementedError

    @pytest.fixture
    def target(self, again: Callable[[], Target]) -> Iterator[Target]:
        target = again()
        yield target
        target.close()

    def test_what_goes_in_comes_out(self, target: Target, again: Callable[[], Target]) -> None:
        target.put("o/ab/cd", b"news", PLAIN)
        target.flush()
        assert target.get("o/ab/cd") == b"news"
        other = again()
        assert other.get("o/ab/cd") == b"news"
        other.close()

    def test_a_file_that_was_never_written_is_not_there(self, target: Target) -> None:
        assert target.get("o/ab/cd") is None
        assert target.get("o/ab/cd", cap=10) is None

    def test_an_empty_file_is_a_file(self, target: Target) -> None:
        target.put("empty", b"", PLAIN)
        assert target.get("empty") == b""
        assert target.get("empty", cap=10) == b""

    def test_a_large_file_arrives_whole(self, target: Target) -> None:
        data = os.urandom(5 * 2**20 + 1)
        target.put("large", data, PLAIN)
        found = target.get("large", cap=len(data))
        assert found is not None
        assert hashlib.sha256(found).digest() == hashlib.sha256(data).digest()

    def test_no_more_is_read_than_was_asked_for(self, target: Target) -> None:
        target.put("large", bytes(100_000), PLAIN)
        with pytest.raises(TargetError) as caught:
            target.get("large", cap=99_999)
        assert caught.value.kind == "too_large"
        assert target.get("large", cap=100_000) == bytes(100_000)

    def test_writing_again_is_harmless_and_writing_anew_replaces(self, target: Target) -> None:
        for data in (b"one", b"one", b"longer than one", b"2"):
            target.put("o/aa/bb", data, PLAIN)
            assert target.get("o/aa/bb") == data

    def test_pointers_are_replaced_at_once(self, target: Target) -> None:
        for number in range(3):
            pointers = {"trust/timestamp.json": b"t%d" % number, "checkpoint": b"c%d" % number, "front": b"%d" % number}
            target.commit(pointers)
            assert {key: target.get(key) for key in pointers} == pointers

    def test_a_commit_of_nothing_is_nothing(self, target: Target) -> None:
        target.commit({})
        assert listed(target) in ([], None)

    def test_a_reader_sees_the_old_pointer_or_the_new_one_but_never_half(
        self, target: Target, again: Callable[[], Target]
    ) -> None:
        versions = (b"a" * 200_000, b"b" * 30_000)
        target.commit({"front": versions[0]})
        done, seen = threading.Event(), set()
        reader = again()

        def read() -> None:
            while not done.is_set():
                seen.add(reader.get("front"))

        with ThreadPoolExecutor(2) as pool:
            readers = [pool.submit(read) for _ in range(2)]
            end = time.monotonic() + 2
            turn = 0
            while turn < 5 or (turn < 40 and time.monotonic() < end):
                turn += 1
                target.commit({"front": versions[turn % 2]})
            done.set()
            for each in readers:
                each.result()
        reader.close()
        assert seen
        assert seen <= set(versions)

    def test_files_are_deleted_and_deleting_again_is_no_error(self, target: Target) -> None:
        target.put("o/aa/bb", b"1", PLAIN)
        target.put("o/aa/cc", b"2", PLAIN)
        target.delete(["o/aa/bb", "o/zz/never"])
        target.delete(["o/aa/bb"])
        assert target.get("o/aa/bb") is None
        assert target.get("o/aa/cc") == b"2"
        target.delete(["o/aa/cc"])
        target.put("o/aa/dd", b"3", PLAIN)
        assert listed(target) in (["o/aa/dd"], None)

    def test_listing_gives_every_key_below_a_prefix(self, target: Target) -> None:
        keys = ["o/aa/1", "o/aa/2", "o/ab/1", "tile/0/000", "front"]
        for key in keys:
            target.put(key, b"x", PLAIN)
        assert listed(target) in (sorted(keys), None)
        assert listed(target, "o/") in (["o/aa/1", "o/aa/2", "o/ab/1"], None)
        assert listed(target, "o/a") in (["o/aa/1", "o/aa/2", "o/ab/1"], None)
        assert listed(target, "o/aa/2") in (["o/aa/2"], None)
        assert listed(target, "nothing/") in ([], None)

    @pytest.mark.parametrize("key", ODD_KEYS)
    def test_odd_names_are_kept_as_they_are(self, target: Target, key: str) -> None:
        target.put(key, key.encode(), PLAIN)
        assert target.get(key) == key.encode()
        assert listed(target) in ([key], None)
        target.delete([key])
        assert target.get(key) is None

    @pytest.mark.parametrize("key", BAD_KEYS)
    def test_a_key_that_could_escape_is_refused(self, target: Target, key: str) -> None:
        acts: tuple[Callable[[], object], ...] = (
            lambda: target.put(key, b"", PLAIN),
            lambda: target.get(key),
            lambda: target.delete([key]),
            lambda: target.commit({key: b""}),
        )
        for act in acts:
            with pytest.raises(TargetError) as caught:
                act()
            assert "\n" not in str(caught.value)

    def test_many_files_at_once_all_arrive(self, target: Target) -> None:
        files = {f"o/{number % 16:02x}/{number:062x}": b"%d" % number * 500 for number in range(120)}
        with ThreadPoolExecutor(target.caps.workers) as pool:
            for done in [pool.submit(target.put, key, data, meta_for(key, data)) for key, data in files.items()]:
                done.result()
        target.flush()
        assert listed(target, "o/") in (sorted(files), None)
        with ThreadPoolExecutor(target.caps.workers) as pool:
            assert dict(zip(files, pool.map(target.get, files), strict=True)) == files

    def test_the_probe_finds_nothing_wrong_and_leaves_nothing_behind(self, target: Target) -> None:
        checks = list(target.probe())
        assert [check for check in checks if check.required and not check.ok] == []
        assert all(check.detail for check in checks)
        assert all(check.fix for check in checks if not check.ok)
        assert listed(target) in ([], None)

    def test_it_says_where_it_is_in_one_line_without_secrets(self, target: Target) -> None:
        assert target.name
        assert "\n" not in target.address
        assert "testtest" not in target.address + repr(target)
