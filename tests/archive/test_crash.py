"""Killed in the middle, restored from the wrong copy, run twice at once: never two histories.

What every single system call can do to a run is in tests/faults, and two commands at once as well; here are the moments
that matter, by name.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from mirror.archive import Archive, lock, plan
from mirror.archive.errors import CorruptArchive, DiskFull, HeadMoved, StorageFailed
from mirror.archive.staging import Staged, StagedFile, decode, name_of
from mirror.archive.state import Head, Tx
from tests.archive import newsroom
from tests.archive.newsroom import KEYS, Pages, addition, at, fill, seal
from tests.faults import walk as walking
from tests.faults.walk import Key

LOG_KEY = Key.of(KEYS.log.verifier.text)
PUBLISHER = Key.of(KEYS.publisher.verifier.text)


class Killed(BaseException):
    """Stands for SIGKILL: nothing catches it."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A publication with two articles sealed."""
    with newsroom.create(tmp_path / "publication") as archive, archive.locked():
        fill(archive, 2)
        seal(archive, at(60))
    return tmp_path / "publication"


@pytest.fixture
def opened(folder: Path) -> Iterator[Archive]:
    with Archive(folder, reserve=0) as archive:
        yield archive


def walk(folder: Path, *, strict: bool = True) -> walking.Walked:
    return walking.walk(folder / "archive", log=LOG_KEY, publisher=PUBLISHER, strict=strict)


def die(*_: object, **__: object) -> None:
    raise Killed


def killed_while(folder: Path, work: Callable[[Archive], object]) -> None:
    """A run that is killed in `work`, which has the lock."""

    def run() -> None:
        with Archive(folder, reserve=0) as archive, archive.locked():
            work(archive)

    with pytest.raises(Killed):
        run()


def add_and_seal(archive: Archive) -> None:
    fill(archive, 1, first=2)
    seal(archive, at(70), render=Pages())


def staged(folder: Path) -> list[str]:
    return [path.name for path in (folder / "state" / "staging").iterdir()]


def test_killed_before_the_swap_nothing_happened(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = newsroom.tree(folder / "archive")
    monkeypatch.setattr(Tx, "swap_head", die)
    killed_while(folder, add_and_seal)
    monkeypatch.undo()
    assert len(staged(folder)) == 1
    after = newsroom.tree(folder / "archive")
    assert {path for path in after.keys() - before.keys() if not path.startswith("o/")} == set()
    with Archive(folder, reserve=0) as archive, archive.locked():
        assert staged(folder) == []
        assert archive.head().size == 4
        (done,) = seal(archive, at(71))
        assert (done.articles, done.size) == (1, 6)
    walk(folder)


def test_killed_after_the_swap_the_next_one_finishes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Staged, "apply", die)
    killed_while(folder, add_and_seal)
    monkeypatch.undo()
    assert len(staged(folder)) == 1
    walk(folder, strict=False)  # readers still see the old state, whole
    with Archive(folder, reserve=0) as archive:
        assert archive.head().size == 6
        with archive.locked():
            assert staged(folder) == []
            assert seal(archive, at(71)) == []
    assert walk(folder).head.size == 6


@pytest.mark.parametrize("times", [1, 2, 3])
def test_finishing_may_itself_be_killed_any_number_of_times(
    folder: Path, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    from mirror.archive.files import Store

    write = Store.write_many
    left = 0

    def write_some(store: Store, files: Mapping[str, bytes], *, replace: bool) -> int:
        nonlocal left
        if store.root.name == "archive":
            left -= 1
            if left < 0:
                raise Killed
        return write(store, files, replace=replace)

    left = 1  # the new article's object; then the first files of the seal
    monkeypatch.setattr(Store, "write_many", write_some)
    killed_while(folder, add_and_seal)
    for number in range(times):
        left = number + 1
        killed_while(folder, lambda archive: None)
        walk(folder, strict=False)
    monkeypatch.undo()
    with Archive(folder, reserve=0) as archive, archive.locked():
        pass
    assert walk(folder).head.size == 6


def test_what_was_staged_on_another_head_is_thrown_away(folder: Path) -> None:
    stray = Staged(
        origin=newsroom.LOG,
        size=99,
        root=b"r" * 32,
        files=(StagedFile(path="checkpoint", data=b"of another history", rank=50, replace=True),),
        deletes=("front",),
    )
    (folder / "state" / "staging" / name_of(stray.size, stray.encode())).write_bytes(stray.encode())
    with Archive(folder, reserve=0) as archive, archive.locked():
        assert staged(folder) == []
    assert walk(folder).head.size == 4


def test_a_staging_file_says_what_it_holds_and_half_of_one_is_refused(tmp_path: Path) -> None:
    whole = Staged(
        origin=newsroom.LOG,
        size=9,
        root=b"r" * 32,
        files=(
            StagedFile(path="tile/0/000.p/9", data=b"t" * 700, rank=20, replace=False),
            StagedFile(path="front", data=b"", rank=60, replace=True),
        ),
        deletes=("o/ab/cd",),
    )
    data = whole.encode()
    assert decode(data, tmp_path) == whole
    for cut in (0, 100, 600, 1500, 1800):
        with pytest.raises(CorruptArchive, match="damaged"):
            decode(data[:cut], tmp_path)


def test_a_lost_staging_file_is_noticed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Staged, "apply", die)
    killed_while(folder, add_and_seal)
    monkeypatch.undo()
    for name in staged(folder):
        (folder / "state" / "staging" / name).unlink()
    lost = pytest.raises(CorruptArchive, match="files are missing")
    with Archive(folder, reserve=0) as archive, lost, archive.locked():
        pass


def test_objects_of_a_run_that_died_before_its_rows_are_removed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Archive(folder, reserve=0) as archive, archive.locked():
        fill(archive, 1, first=2)  # waits, with its row: stays
    monkeypatch.setattr(Tx, "add_articles", die)
    killed_while(folder, lambda archive: archive.add_many([addition(3, picture=b"orphan")]))
    monkeypatch.undo()
    objects = len(list((folder / "archive" / "o").rglob("*")))
    with Archive(folder, reserve=0) as archive, archive.locked():
        assert len(list((folder / "archive" / "o").rglob("*"))) < objects
        assert seal(archive, at(70))[0].articles == 1
    walk(folder)


# --- two at once ------------------------------------------------------------


class SealsMeanwhile(Pages):
    """Seals with another archive object while the first one's seal is being made: the lock was got past."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def front(self, edition: dict[str, Any]) -> Mapping[str, bytes]:
        with Archive(self.folder, reserve=0) as other:
            past_the_lock(other)
            fill(other, 1, first=50)
            assert len(seal(other, at(80))) == 1
        return super().front(edition)


def past_the_lock(archive: Archive) -> None:
    archive._held = True


def test_whoever_loses_the_swap_signs_nothing_that_anybody_sees(folder: Path, opened: Archive) -> None:
    past_the_lock(opened)
    fill(opened, 1, first=2)
    with pytest.raises(HeadMoved, match="another process sealed"):
        seal(opened, at(70), render=SealsMeanwhile(folder))
    assert staged(folder) == []
    found = walk(folder)
    assert (found.head.size, found.editions) == (7, 2)
    with Archive(folder, reserve=0) as again, again.locked():
        assert seal(again, at(90)) == []


def test_one_that_was_overtaken_while_writing_leaves_the_newer_pointers(
    folder: Path, opened: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply = Staged.apply
    overtaken: list[int] = []

    def slow(self: Staged, *args: Any, **kwargs: Any) -> None:
        if not overtaken:
            overtaken.append(1)
            with Archive(folder, reserve=0) as other:
                past_the_lock(other)
                # What the slower one has committed is in its staging file, and is finished first.
                other._sequencer.recover()
                fill(other, 1, first=50)
                seal(other, at(80))
        apply(self, *args, **kwargs)

    monkeypatch.setattr(Staged, "apply", slow)
    past_the_lock(opened)
    fill(opened, 1, first=2)
    seal(opened, at(70))
    monkeypatch.undo()
    assert walk(folder).head.size == 8


def contend(folder: str, number: int, barrier: Any, results: Any) -> None:
    with Archive(Path(folder), reserve=0) as archive:
        past_the_lock(archive)
        fill(archive, 1, first=100 + number)
        barrier.wait(60)
        try:
            done = seal(archive, at(100 + number))
            results.put(("sealed", sum(one.articles for one in done)))
        except HeadMoved:
            results.put(("lost", 0))


def test_of_four_processes_without_a_lock_none_makes_a_fork(folder: Path) -> None:
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(4), context.Queue()
    processes = [context.Process(target=contend, args=(str(folder), n, barrier, results)) for n in range(4)]
    for process in processes:
        process.start()
    outcome = [results.get(timeout=120) for _ in processes]
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    results.close()
    assert ("sealed", 0) not in outcome or len(outcome) > 1
    assert any(kind == "sealed" for kind, _ in outcome)
    with Archive(folder, reserve=0) as archive, archive.locked():
        seal(archive, at(200))
    assert len(walk(folder).articles) == 6


# --- the disk ------------------------------------------------------------


def test_a_full_disk_is_said_before_anything_is_staged_and_the_next_run_completes(folder: Path) -> None:
    with Archive(folder, reserve=0) as archive, archive.locked():
        fill(archive, 1, first=2)
        archive.store.reserve = 2**60
        with pytest.raises(DiskFull, match="kept in reserve"):
            seal(archive, at(70))
        assert staged(folder) == []
        archive.store.reserve = 0
        assert len(seal(archive, at(70))) == 1
    walk(folder)


def test_a_broken_disk_under_the_state_is_one_line(opened: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    import sqlite3

    import sqlalchemy as sa

    def fail(*_: object) -> None:
        raise sa.exc.OperationalError("UPDATE", {}, sqlite3.OperationalError("disk I/O error"))

    monkeypatch.setattr(Tx, "swap_head", fail)
    with opened.locked(), pytest.raises(StorageFailed, match="disk I/O error") as caught:
        add_and_seal(opened)
    assert "\n" not in str(caught.value)
    assert len(staged(opened.folder)) == 1, "only the next one to open knows whether it was committed"


def test_a_failed_run_leaves_the_lock_free_and_its_note(folder: Path, opened: Archive) -> None:
    made = addition(5, picture=b"x")
    with pytest.raises(ValueError, match="not given"), opened.locked():
        opened.add(made.article, made.stored, {}, made.content_key)
    note = lock.holder(folder / "state" / "lock")
    assert note is not None
    assert not note.held
    with opened.locked():
        pass
    assert lock.holder(folder / "state" / "lock") is None


def test_the_head_is_swapped_only_for_the_one_that_was_read(opened: Archive) -> None:
    head = opened.head()
    values = newsroom.fields(head)
    for changed in ({"size": 3}, {"root": b"x" * 32}, {"checkpoint": b"x"}, {"origin": "other/log"}):
        with pytest.raises(HeadMoved), opened.state.writing() as tx:
            tx.swap_head(Head(**{**values, **changed}), Head(**{**values, "size": 77}))
    assert opened.head() == head
    assert plan.KEEP_EDITIONS == 8
