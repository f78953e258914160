"""A new target of a large archive: of use at once, and whole in the end, whatever happens in between."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import mirror.publish
from mirror.filling import Ranges, is_there, named_by, unpack
from mirror.publish import Published, fill, publish
from mirror.targets import TargetError
from mirror.targets.memory import CAPS
from tests.test_publish import BATCH, NOW, Tree, Watched, config
from tests.world import World, article, picture

EDITIONS = 60  # of five articles each: four times as many files as make filling worth it


def names(_tx: Any, front: bytes) -> list[str]:
    """What the front of this little world names."""
    return front.decode().split("\n")[1:]


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tree]:
    """An archive with much in it; nothing is ever written to it."""
    tree = Tree(tmp_path_factory.mktemp("grown") / "publication")
    for _ in range(EDITIONS):
        tree.seal(5)
    yield tree
    tree.state.close()


@pytest.fixture
def tree(grown: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tree]:
    """One's own copy of it."""
    monkeypatch.setattr(mirror.publish, "BATCH", BATCH)
    made = Tree(tmp_path / "publication")
    made.write({path: data for path, data in grown.files().items() if not path.startswith(("front", "checkpoint"))})
    made.serial = grown.serial
    made.seal(5)
    yield made
    made.state.close()


def push(tree: Tree, target: Watched, **more: Any) -> Published:
    return publish(tree, target, config(**more), now=NOW, named=names)


def promised(target: Watched) -> list[str]:
    return target.held()["front"].decode().split("\n")[1:]


def check_row(tree: Tree, target: Watched) -> None:
    """What is written down about the target is true."""
    with tree.state.reading() as tx:
        row, lines = tx.target("t"), tx.changes(0, None, op="put")
    ahead = unpack(row.ahead)
    assert all(line.path in target.files for line in lines if is_there(line, row, ahead) and not line.mutable)


def test_a_new_target_shows_the_newest_edition_first_and_gets_the_rest_newest_first(tree: Tree) -> None:
    target = Watched()
    done = push(tree, target)
    assert done.filling
    assert done.puts < len(tree.files()) / 2
    assert set(promised(target)) <= target.held().keys()
    assert {path for path in tree.files() if path.startswith(("tile/", "trust/"))} <= target.held().keys()
    check_row(tree, target)
    order = [key for call, key in target.calls if call == "commit"]
    assert order == ["trust/timestamp.json", "checkpoint", "front", "index.html", "feed.xml"]
    target.calls.clear()
    older = fill(tree, target, config(), now=NOW)
    assert not older.filling
    assert target.held() == tree.files()
    with tree.state.reading() as tx:
        seqs = {line.path: line.seq for line in tx.changes(0, None, op="put")}
    came = [seqs[key] for call, key in target.calls if call == "put"]
    # By batches; inside one, objects before proofs.
    step = BATCH
    assert all(
        max(came[n + 2 * step : n + 3 * step]) < min(came[n : n + step])
        for n in range(0, len(came) - 2 * step, step)
        if came[n + 2 * step :]
    )
    row = tree.row()
    assert (row.filling, row.ahead, row.cursor, row.failures) == (None, None, row.immutable_cursor, 0)
    target.calls.clear()
    assert not push(tree, target).changed
    assert target.calls == []


def test_what_was_sent_ahead_is_not_sent_again(tree: Tree) -> None:
    target = Watched()
    push(tree, target)
    fill(tree, target, config(), now=NOW)
    put = [key for call, key in target.calls if call == "put"]
    assert len(put) == len(set(put))


def test_a_small_archive_is_pushed_at_once(tree: Tree, tmp_path: Path) -> None:
    small = Tree(tmp_path / "small")
    small.seal(5)
    target = Watched()
    assert not push(small, target).filling
    assert target.held() == small.files()
    small.state.close()


def test_new_editions_arrive_while_older_files_are_still_to_come(tree: Tree) -> None:
    target = Watched()
    push(tree, target)
    for _ in range(3):
        new = tree.seal(4)
        done = push(tree, target)
        assert done.filling
        assert {*promised(target), *new} <= target.held().keys()
        fill(tree, target, config(), now=NOW, until=time.monotonic())  # no time left: nothing is sent
        check_row(tree, target)
    fill(tree, target, config(), now=NOW)
    assert target.held() == tree.files()


def test_an_edition_that_lists_an_old_article_again_waits_for_it(tree: Tree) -> None:
    target = Watched()
    push(tree, target)
    old = next(path for path in sorted(tree.files()) if path.startswith("o/") and path not in target.files)
    tree.serial += 1
    tree.write({"front": "\n".join([str(tree.serial), old]).encode(), "checkpoint": b"next"})
    push(tree, target)
    assert old in target.files
    check_row(tree, target)


def test_what_is_withdrawn_while_a_target_is_filled_never_comes_back(tree: Tree) -> None:
    target = Watched()
    push(tree, target)
    there = promised(target)[0]
    missing = next(path for path in sorted(tree.files()) if path.startswith("o/") and path not in target.files)
    tree.delete([there, missing])
    tree.seal(2)
    push(tree, target)
    fill(tree, target, config(), now=NOW)
    assert target.held() == tree.files()


def test_time_that_runs_out_ends_filling_at_a_batch_and_the_next_run_goes_on(tree: Tree) -> None:
    target = Watched()
    push(tree, target)
    rounds = 0
    while tree.row().filling is not None:
        before, rounds = len(target.calls), rounds + 1
        until = [time.monotonic() + 3600]

        def soon(call: str, key: str, until: list[float] = until) -> None:
            until[0] = 0

        class Until(float):
            """The end comes with the first file."""

            def __gt__(self, other: object, until: list[float] = until) -> bool:
                return until[0] > float(str(other))

        target.fail = soon
        fill(tree, target, config(), now=NOW, until=Until())
        assert len(target.calls) - before <= BATCH
        check_row(tree, target)
    assert rounds > 3
    assert target.held() == tree.files()


@pytest.mark.parametrize("step", [1, 7, 40, 170, 400])
def test_a_target_that_fails_while_it_is_filled_is_whole_in_the_end(tree: Tree, step: int) -> None:
    """It breaks at every `step`th file, and comes back."""
    target = Watched()
    calls = itertools.count(1)

    def fail(call: str, key: str) -> None:
        if call != "get" and next(calls) % (step * 23 + 300) == 0:
            raise TargetError("gone", kind="unreachable")

    target.fail = fail
    for _ in range(40):
        try:
            done = push(tree, target)
            if done.filling:
                done = fill(tree, target, config(), now=NOW)
        except TargetError:
            assert "front" not in target.files or set(promised(target)) <= target.held().keys()
            check_row(tree, target)
            tree.seal(1)
        else:
            break
    assert target.held() == tree.files()


def test_where_nothing_shows_before_the_commit_nothing_is_believed_to_be_there_before_it(tree: Tree) -> None:
    class Staged(Watched):
        caps = replace(CAPS, staged=True)

        def __init__(self) -> None:
            super().__init__()
            self.index: dict[str, Any] = {}

        def put(self, key: str, data: bytes, meta: Any) -> None:
            self._note("put", key)
            self.index[key] = (data, meta)

        def delete(self, keys: Any) -> None:
            for key in keys:
                self._note("delete", key)
                self.index[key] = None

        def commit(self, pointers: Any) -> None:
            self._note("commit", " ".join(pointers))
            self.index.update({key: (data, None) for key, data in pointers.items()})
            for key, found in self.index.items():
                if found is None:
                    self.files.pop(key, None)
                else:
                    self.files[key] = found
            self.index = {}

    target = Staged()

    def fail(call: str, key: str) -> None:
        if call == "commit":
            raise TargetError("the branch moved", kind="conflict")

    target.fail = fail
    with pytest.raises(TargetError):
        push(tree, target)
    row = tree.row()
    assert (row.cursor, row.immutable_cursor, row.filling) == (0, 0, None)
    target.index, target.fail = {}, lambda call, key: None
    target.calls.clear()
    assert push(tree, target).filling
    assert set(promised(target)) <= target.held().keys()
    fill(tree, target, config(), now=NOW)
    assert [call for call, _ in target.calls].count("commit") == 2
    assert target.held() == tree.files()
    tree.delete([path for path in tree.files() if path.startswith("o/")][:3])
    tree.seal(1)
    target.calls.clear()
    push(tree, target)
    assert [call for call, _ in target.calls if call in ("delete", "commit")] == ["delete"] * 3 + ["commit"]
    assert target.held() == tree.files()


def test_numbers_are_kept_as_ranges() -> None:
    found = Ranges().with_more([5, 3, 4, 9]).with_more([1, 10, 2])
    assert found.text() == "1-5 9-10"
    assert [number for number in range(12) if number in unpack(found.text())] == [1, 2, 3, 4, 5, 9, 10]
    assert not unpack(None)
    assert not unpack("nonsense")
    assert 7 not in unpack("")


def test_an_edition_names_its_articles_with_all_that_belongs_to_them(tmp_path: Path) -> None:
    world = World(tmp_path / "publication")
    cover, data = picture(1)
    (long,) = world.add(article(1, words=6000, resources=(cover,)), objects={cover.digest: data})
    (short,) = world.add(article(2))
    world.seal()
    with world.publication.archive() as archive, archive.state.reading() as tx:
        named = named_by(tx, archive.store.read("front") or b"")
        whole = {
            line.path for line in tx.changes(0, None, mutable=False, op="put") if line.kind not in ("tile", "trust")
        }
        assert len(tx.resources([long])) > 2
    assert {f"o/{cover.digest[:2]}/{cover.digest[2:]}", f"proof/{short[:2]}/{short[2:]}"} < named
    # Nothing else is in so young an archive.
    assert named == whole
