"""Publishing: never a promise before what it promises, never more than what changed, never one target for another."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import mirror.publish
from mirror.archive.errors import CorruptArchive
from mirror.archive.files import Store
from mirror.archive.plan import put
from mirror.archive.state import Change, State
from mirror.config import TargetConfig
from mirror.publish import Stopped, publish
from mirror.targets import Meta, Retrying, Target, TargetError, open_target
from mirror.targets.memory import CAPS, MemoryTarget
from tests.servers.faulty import faulty
from tests.servers.s3 import s3_server

NOW = "2030-01-01T00:00:00Z"


class Tree:
    """An archive's journal and files, the real ones, without articles."""

    def __init__(self, folder: Path) -> None:
        for name in ("state/tmp", "archive"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        self.store = Store(folder / "archive", folder / "state" / "tmp", reserve=0)
        self.state = State.create(folder / "state" / "state.sqlite")
        self.serial = 0

    def write(self, files: Mapping[str, bytes]) -> None:
        """Files with their lines in the journal, in the format's order."""
        lines = sorted((put(path, data, kind_of(path), 0) for path, data in files.items()), key=lambda line: line.rank)
        self.store.write_many(files, replace=True)
        with self.state.writing() as tx:
            tx.record(lines)

    def seal(self, articles: int = 3) -> list[str]:
        """An edition with so many new articles: objects, a tile, proofs, trust, checkpoint, front and pages. Returns
        the paths of the objects."""
        self.serial += 1
        stamp = f"{self.serial}".encode()
        files: dict[str, bytes] = {}
        objects = [b"\x1f\x8barticle %d of %s" % (number, stamp) for number in range(articles)]
        named = [hashlib.sha256(data).hexdigest() for data in objects]
        for digest, data in zip(named, objects, strict=True):
            files[f"o/{digest[:2]}/{digest[2:]}"] = data
            files[f"proof/{digest[:2]}/{digest[2:]}"] = b"proof " + data
            files[f"a/{digest[:12]}.html"] = b"<title>" + data
        if self.serial == 1:
            files["trust/1.root.json"] = b'{"root":1}'
        files[f"tile/0/000.p/{self.serial}"] = stamp
        pointers = {"trust/timestamp.json": stamp, "checkpoint": stamp, "index.html": stamp, "feed.xml": stamp}
        # The front of this world names what it promises, so that a reader can look whether it is there.
        pointers["front"] = "\n".join([str(self.serial), *sorted(path for path in files if path != "front")]).encode()
        self.write({**files, **pointers})
        return [path for path in files if path.startswith("o/")]

    def delete(self, paths: Iterable[str]) -> None:
        paths = list(paths)
        with self.state.writing() as tx:
            tx.record(
                [
                    Change(
                        path=p, op="delete", kind=kind_of(p), rank=10, mutable=False, sha256=None, size=0, log_size=0
                    )
                    for p in paths
                ]
            )
        self.store.delete(paths)

    def files(self) -> dict[str, bytes]:
        return {path: self.store.read(path) or b"" for path in self.store.walk()}

    def row(self, name: str = "t") -> Any:
        with self.state.reading() as tx:
            return tx.target(name)


def kind_of(path: str) -> str:
    top = path.partition("/")[0]
    if top == "a" or path.endswith((".html", ".xml")):
        return "html"
    return {"o": "bundle"}.get(top, top)


def config(name: str = "t", url: str = "memory:t", **more: Any) -> TargetConfig:
    return TargetConfig(name=name, url=url, **more)


class Watched(MemoryTarget):
    """Writes down what it is asked to do; `fail` may raise."""

    def __init__(self, fail: Any = None) -> None:
        super().__init__(name="t")
        self.calls: list[tuple[str, str]] = []
        self.fail = fail or (lambda call, key: None)

    def _note(self, call: str, key: str) -> None:
        self.calls.append((call, key))
        self.fail(call, key)

    def put(self, key: str, data: bytes, meta: Meta) -> None:
        self._note("put", key)
        super().put(key, data, meta)

    def commit(self, pointers: Mapping[str, bytes]) -> None:
        for key, data in pointers.items():
            self._note("commit", key)
            MemoryTarget.put(self, key, data, Meta(content_type="", cache_control=""))

    def get(self, key: str, cap: int | None = None) -> bytes | None:
        self._note("get", key)
        return super().get(key, cap)

    def delete(self, keys: Iterable[str]) -> None:
        for key in keys:
            self._note("delete", key)
            super().delete((key,))

    def held(self) -> dict[str, bytes]:
        return {key: data for key, (data, _) in self.files.items()}


BATCH = 64  # small, so that few files make several


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tree]:
    monkeypatch.setattr(mirror.publish, "BATCH", BATCH)
    tree = Tree(tmp_path / "publication")
    yield tree
    tree.state.close()


def push(tree: Tree, target: Target, settings: TargetConfig | None = None, **more: Any) -> Any:
    return publish(tree, target, settings or config(), now=NOW, **more)


def places(calls: list[tuple[str, str]], start: str) -> list[int]:
    return [place for place, (_, key) in enumerate(calls) if key.startswith(start)]


# --- what is pushed ------------------------------------------------------------------------------------------------


def test_a_push_makes_the_target_the_same_as_the_archive(tree: Tree) -> None:
    tree.seal(5)
    target = Watched()
    done = push(tree, target)
    assert target.held() == tree.files()
    assert (done.puts, done.pointers, done.deleted) == (5 * 3 + 2, 5, 0)
    assert done.bytes == sum(map(len, tree.files().values()))
    assert done.changed
    row = tree.row()
    assert (row.last_ok, row.last_error, row.failures) == (NOW, None, 0)


def test_nothing_is_promised_before_it_is_there(tree: Tree) -> None:
    tree.seal(20)
    target = Watched()
    push(tree, target)
    # The first root goes ahead of all: it promises nothing, and where it isn't, nothing of ours is.
    order = ["trust/1", "o/", "tile/", "proof/", "a/", "trust/timestamp", "checkpoint", "front", "index.html"]
    found = [places(target.calls, start) for start in order]
    assert all(found)
    for before, after in itertools.pairwise(found):
        assert max(before) < min(after)


def test_a_reader_at_any_moment_finds_everything_the_front_names(tree: Tree) -> None:
    target = Watched()
    looked = [0]

    def look(call: str, key: str) -> None:
        found = MemoryTarget.get(target, "front")
        if found is not None and call != "get":
            looked[0] += 1
            missing = [path for path in found.decode().split("\n")[1:] if path not in target.files]
            assert missing == []

    target.fail = look
    for _ in range(4):
        tree.seal(10)
        push(tree, target)
    assert looked[0] > 50


def test_nothing_new_is_not_a_single_request(tree: Tree) -> None:
    tree.seal()
    target = Watched()
    push(tree, target)
    target.calls.clear()
    done = push(tree, target)
    assert not done.changed
    assert target.calls == []
    assert not push(tree, Retrying(target)).changed


def test_a_push_costs_what_changed(tree: Tree) -> None:
    tree.seal(90)
    target = Watched()
    push(tree, target)
    target.calls.clear()
    tree.write({"trust/timestamp.json": b"signed again"})
    push(tree, target)
    assert target.calls == [("get", "trust/1.root.json"), ("commit", "trust/timestamp.json")]
    target.calls.clear()
    tree.seal(1)
    push(tree, target)
    assert len(target.calls) == 1 + 4 + 5
    assert target.held() == tree.files()


def test_what_the_archive_deletes_goes_from_the_target_last(tree: Tree) -> None:
    paths = tree.seal(3)
    target = Watched()
    push(tree, target)
    tree.delete(paths[:2])
    tree.seal(1)
    target.calls.clear()
    done = push(tree, target)
    assert done.deleted == 2
    assert {call for call, _ in target.calls[-2:]} == {"delete"}
    assert target.held() == tree.files()


def test_what_was_deleted_before_the_first_push_is_never_put(tree: Tree) -> None:
    paths = tree.seal(3)
    tree.delete(paths)
    target = Watched()
    push(tree, target)
    assert not set(places(target.calls, "o/")) & {n for n, (call, _) in enumerate(target.calls) if call == "put"}
    assert target.held() == tree.files()


def test_a_light_target_gets_text_but_no_pages_and_no_large_pictures(tree: Tree) -> None:
    tree.seal(2)
    for number, (kind, size) in enumerate([("picture", 100_000), ("picture", 9_000), ("evidence", 10)]):
        data = bytes([number]) * size
        digest = hashlib.sha256(data).hexdigest()
        path = f"o/{digest[:2]}/{digest[2:]}"
        tree.store.write_many({path: data}, replace=False)
        with tree.state.writing() as tx:
            tx.record([put(path, data, kind, 0)])
    target = Watched()
    push(tree, target, config(light=True))
    sizes = sorted(len(data) for key, data in target.held().items() if key.startswith("o/"))
    assert sizes[-1] == 9_000
    assert len(sizes) == 3
    assert not [key for key in target.held() if key.endswith((".html", ".xml"))]
    assert {"front", "checkpoint", "trust/timestamp.json"} <= set(target.held())
    assert not push(tree, target, config(light=True)).changed


def test_another_place_under_the_same_name_gets_everything(tree: Tree) -> None:
    tree.seal()
    push(tree, Watched(), config(url="s3://one", settings={"endpoint": "https://a.example"}))
    other = Watched()
    push(tree, other, config(url="s3://one", settings={"endpoint": "https://b.example"}))
    assert other.held() == tree.files()


def test_a_target_that_was_emptied_is_filled_again_with_the_next_news(tree: Tree) -> None:
    tree.seal()
    target = Watched()
    push(tree, target)
    target.files.clear()
    tree.seal()
    push(tree, target)
    assert target.held() == tree.files()


def test_a_target_that_may_not_be_read_is_still_pushed_to(tree: Tree) -> None:
    def fail(call: str, key: str) -> None:
        if call == "get":
            raise TargetError("may not read", kind="forbidden")

    target = Watched(fail)
    for _ in range(2):
        tree.seal()
        push(tree, target)
    assert target.held() == tree.files()


def test_more_than_one_batch_arrives_and_progress_is_told(tree: Tree) -> None:
    class Bar:
        done, whole = 0, 0

        def update(self, n: int = 1) -> None:
            self.done += n

        def total(self, n: int) -> None:
            self.whole = n

    tree.seal(BATCH)
    target, bar = Watched(), Bar()
    done = push(tree, target, progress=bar)
    assert target.held() == tree.files()
    assert bar.done == done.puts + done.pointers == bar.whole
    assert done.puts > BATCH


def test_no_more_bytes_a_second_than_allowed(tree: Tree) -> None:
    tree.write({f"o/aa/{number:062x}": bytes(10_000) + b"%d" % number for number in range(6)})
    began = time.monotonic()
    push(tree, Watched(), config(bandwidth=100_000))
    assert time.monotonic() - began >= 0.49


# --- when a target fails -------------------------------------------------------------------------------------------


def test_what_every_file_would_meet_ends_the_push_at_once(tree: Tree) -> None:
    tree.seal(60)

    def fail(call: str, key: str) -> None:
        raise TargetError("the secret key is wrong", kind="auth", hint="make new ones")

    target = Watched(fail)
    with pytest.raises(TargetError, match="secret key"):
        push(tree, target)
    assert len(target.calls) <= target.caps.workers
    row = tree.row()
    assert (row.last_try, row.last_ok, row.failures) == (NOW, None, 1)
    assert "secret key" in row.last_error
    with pytest.raises(TargetError):
        push(tree, target)
    assert tree.row().failures == 2
    push(tree, healed := Watched())
    assert healed.held() == tree.files()
    assert (tree.row().failures, tree.row().last_error) == (0, None)


def test_the_third_file_that_fails_ends_the_push(tree: Tree) -> None:
    tree.seal(60)

    def fail(call: str, key: str) -> None:
        if key.startswith("o/"):
            raise TargetError("no answer in time", kind="transient")

    target = Watched(fail)
    with pytest.raises(TargetError):
        push(tree, target)
    assert len(target.calls) < 3 + target.caps.workers


def test_one_file_that_fails_keeps_the_pointers_back_but_not_the_other_files(tree: Tree) -> None:
    paths = tree.seal(50)
    bad = paths[7]

    def fail(call: str, key: str) -> None:
        if key == bad:
            raise TargetError("too large", kind="too_large")

    target = Watched(fail)
    with pytest.raises(TargetError, match="too large"):
        push(tree, target)
    assert len(places(target.calls, "o/")) == 50
    assert "front" not in target.files
    target.fail = lambda call, key: None
    push(tree, target)
    assert target.held() == tree.files()


def test_a_push_broken_off_goes_on_at_its_last_batch(tree: Tree) -> None:
    tree.write({f"o/{n % 256:02x}/{n:062x}": b"%d" % n for n in range(3 * BATCH)})

    class Broken(Exception):
        pass

    seen = itertools.count(1)

    def fail(call: str, key: str) -> None:
        if next(seen) == 2 * BATCH + 5:
            raise Broken

    target = Watched(fail)
    with pytest.raises(Broken):
        push(tree, target)
    assert tree.row().immutable_cursor == 2 * BATCH
    target.fail = lambda call, key: None
    target.calls.clear()
    push(tree, target)
    assert len(target.calls) == BATCH
    assert target.held() == tree.files()


def test_a_push_is_stopped_when_asked_and_goes_on_later(tree: Tree) -> None:
    tree.seal(90)
    stop = threading.Event()
    target = Watched()

    def fail(call: str, key: str) -> None:
        if len(target.calls) >= 100:  # several threads call: none need see just the hundredth
            stop.set()

    target.fail = fail
    with pytest.raises(Stopped):
        push(tree, target, stop=stop)
    assert len(target.calls) < 100 + 2 * target.caps.workers
    assert "front" not in target.files
    push(tree, target)
    assert target.held() == tree.files()


def test_a_damaged_file_stays_in_the_archive_and_stops_the_push(tree: Tree) -> None:
    path = tree.seal(3)[1]
    tree.store.path(path).chmod(0o644)
    tree.store.path(path).write_bytes(b"bit rot")
    target = Watched()
    with pytest.raises(CorruptArchive, match=path):
        push(tree, target)
    assert path not in target.files
    assert "front" not in target.files
    tree.store.path(path).unlink()
    with pytest.raises(CorruptArchive, match="is missing"):
        push(tree, target)


def test_a_seal_in_the_middle_of_a_push_never_shows_before_its_objects(tree: Tree) -> None:
    tree.seal(5)
    target = Watched()
    sealed: list[int] = []

    def fail(call: str, key: str) -> None:
        if key.startswith("proof/") and not sealed:
            sealed.append(1)
            tree.seal(5)
        if key == "front":
            front = tree.store.read("front") or b""
            assert set(front.decode().split("\n")[1:]) <= {*target.files, "front", "index.html", "feed.xml"}

    target.fail = fail
    push(tree, target)
    assert target.held() == tree.files()
    assert tree.row().cursor == tree.row().immutable_cursor


def test_a_failing_target_stops_no_other(tree: Tree) -> None:
    tree.seal(30)

    def fail(call: str, key: str) -> None:
        time.sleep(0.01)
        raise TargetError("refused", kind="unreachable")

    good, bad = Watched(), Watched(fail)
    beside = threading.Thread(target=push, args=(tree, good, config("good")))
    beside.start()
    with pytest.raises(TargetError, match="refused"):
        push(tree, bad, config("bad"))
    beside.join()
    assert good.held() == tree.files()
    assert (tree.row("good").failures, tree.row("good").last_error) == (0, None)
    assert tree.row("bad").failures == 1


# --- killed --------------------------------------------------------------------------------------------------------

PUSHER = """
import sys, time
from pathlib import Path
from mirror.targets import open_target
from tests import test_publish as t
tree = t.Tree(Path(sys.argv[1]))
target = open_target("t", sys.argv[2], {}, None)
slow = target.put
def put(key, data, meta):
    time.sleep(0.002)
    slow(key, data, meta)
target.put = put
print("up", flush=True)
try:
    t.push(tree, target, t.config(url=sys.argv[2]))
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_push_killed_at_any_moment_is_completed_by_the_next(tree: Tree, tmp_path: Path, number: int) -> None:
    root = Path(__file__).parent.parent
    place = tmp_path / "mirror"
    place.mkdir()
    tree.seal(150)
    publication = tmp_path / "publication"
    for wait in (0.05, 0.2, 0.4):
        command = [sys.executable, "-c", PUSHER, str(publication), str(place)]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, cwd=root, env={**os.environ, "PYTHONPATH": str(root)}
        )
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(wait)
        process.send_signal(number)
        assert process.wait(20) in (-number, 130, 0)
        process.stdout.close()
        front = place / "front"
        if front.exists():
            assert all((place / path).exists() for path in front.read_text().split("\n")[1:] if path.startswith("o/"))
    target = open_target("t", str(place), {}, lambda reference: "")
    push(tree, target, config(url=str(place)))
    target.close()
    assert {path: target.get(path) for path in target.list()} == tree.files()


def test_what_a_first_push_left_behind_when_it_broke_off_is_deleted_like_all_else(tree: Tree) -> None:
    paths = tree.seal(30)
    sent = 0

    def breaks(call: str, key: str) -> None:
        nonlocal sent
        sent += call == "put"
        if sent > 12:
            raise TargetError("t: gone", kind="unreachable")

    target = Watched(breaks)
    with pytest.raises(TargetError):
        push(tree, target)
    left = [path for path in paths if path in target.held()]
    assert left
    target.fail = lambda call, key: None
    tree.delete(left)  # withdrawn meanwhile
    push(tree, target)
    assert target.held() == tree.files()


# --- against a real server -----------------------------------------------------------------------------------------


def test_pushing_to_an_object_store_sends_one_request_a_file_and_none_for_nothing(tree: Tree) -> None:
    with s3_server("moto") as server, faulty(server.endpoint) as proxy:
        settings = {"endpoint": proxy.url, "access_key": "test", "secret_key": "env:K"}
        target = open_target("t", "s3://news/mirror", settings, lambda reference: "testtest")
        to = config(url="s3://news/mirror", settings=settings)
        tree.seal(30)
        done = push(tree, target, to)
        assert len(proxy.requests) == done.puts + done.pointers == 30 * 3 + 2 + 5
        proxy.requests.clear()
        assert not push(tree, target, to).changed
        assert proxy.requests == []
        tree.seal(2)
        push(tree, target, to)
        assert len(proxy.requests) == 1 + 2 * 3 + 1 + 5
        # Listed past the proxy: opendal's listing holds the interpreter's lock, and the proxy is in this process.
        direct = open_target("t", "s3://news/mirror", {**settings, "endpoint": server.endpoint}, lambda _: "testtest")
        assert {key: direct.get(key) for key in direct.list()} == tree.files()


# --- hosts that replace a file in parts, or show it late -----------------------------------------------------------


class InParts(Watched):
    """Where a file that is written shows in parts; `break_off` says how much of a pointer arrives."""

    caps = dataclasses.replace(CAPS, atomic=False)

    def __init__(self, break_off: Any) -> None:
        super().__init__()
        self.break_off = break_off

    def commit(self, pointers: Mapping[str, bytes]) -> None:
        super().commit({key: self.break_off(key, data) for key, data in pointers.items()})


@pytest.mark.parametrize("arrives", [b"", b"1", None])
def test_half_a_pointer_is_noticed_and_sent_again(tree: Tree, arrives: bytes | None) -> None:
    tree.seal()
    broken = {"front": 2, "checkpoint": 1}

    def break_off(key: str, data: bytes) -> bytes:
        if not broken.get(key):
            return data
        broken[key] -= 1
        return data[: len(data) // 2] if arrives is None else data[: len(arrives)]

    target = InParts(break_off)
    push(tree, target)
    assert target.held() == tree.files()
    assert [key for call, key in target.calls if call == "commit"].count("front") == 3


def test_a_pointer_that_never_arrives_whole_is_reported_and_sent_by_the_next_push(tree: Tree) -> None:
    tree.seal()
    target = InParts(lambda key, data: data[:1] if key == "front" else data)
    with pytest.raises(TargetError, match="front: half of it arrived") as caught:
        push(tree, target)
    assert caught.value.kind == "corrupt"
    target.break_off = lambda key, data: data
    push(tree, target)
    assert target.held() == tree.files()


def test_a_host_that_still_shows_the_old_pointer_only_lags_behind(tree: Tree) -> None:
    tree.seal()
    target = InParts(lambda key, data: data)
    push(tree, target)
    tree.seal()
    kept = target.held()
    late: dict[str, bytes] = {}

    def remember(key: str, data: bytes) -> bytes:
        late[key] = data
        return kept[key]

    target.break_off = remember
    assert push(tree, target).pointers == 5
    assert {key: tree.files()[key] for key in late} == late
    assert len(late) == 5


def test_a_host_where_pointers_can_not_be_read_back_is_believed(tree: Tree) -> None:
    tree.seal()
    target = InParts(lambda key, data: data)

    def fail(call: str, key: str) -> None:
        if call == "get":
            raise TargetError("no", kind="forbidden")

    target.fail = fail
    push(tree, target)
    assert target.held() == tree.files()


def test_a_target_that_missed_its_deadline_again_and_again_gets_smaller_batches(tree: Tree) -> None:
    tree.seal(40)
    flushed: list[int] = []

    class Flushing(Watched):
        def flush(self) -> None:
            flushed.append(len(self.calls))

    for missed, size in ((0, BATCH), (1, BATCH // 4), (9, 16)):
        name = f"missed {missed}"
        with tree.state.writing() as tx:
            tx.change_target(name, deadline_missed=missed)
        flushed.clear()
        target = Flushing()
        push(tree, target, config(name))
        assert flushed[0] == size + 1  # the first root ahead of them
        assert target.held() == tree.files()
        assert tree.row(name).deadline_missed == 0


def test_in_an_archive_of_years_a_new_target_is_not_asked_to_delete_what_it_never_had(tree: Tree) -> None:
    tree.delete(tree.seal(9)[:5])
    target = Watched()
    assert push(tree, target).deleted == 0
    assert target.held() == tree.files()
    # One that was used before under another name may have it all.
    tree.delete(gone := tree.seal(3))
    used = Watched()
    used.files = {**{key: (data, None) for key, data in target.held().items()}, gone[0]: (b"withdrawn", None)}  # type: ignore[dict-item]
    assert push(tree, used, config("again")).deleted == 8
    assert used.held() == tree.files()
