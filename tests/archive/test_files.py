"""The durable store: a file is whole or not there, and never changes unless it may."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from mirror.archive.errors import CorruptArchive, DiskFull, StorageFailed
from mirror.archive.files import Store, check_key


@pytest.fixture
def store(tmp_path: Path) -> Store:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tmp").mkdir()
    return Store(tmp_path / "tree", tmp_path / "tmp", reserve=0)


def test_what_was_written_is_read_back(store: Store) -> None:
    assert store.write_many({"o/ab/cd": b"one", "checkpoint": b"two"}, replace=False) == 2
    assert store.read("o/ab/cd") == b"one"
    assert store.exists("checkpoint")
    assert store.read("nothing") is None
    assert sorted(store.walk()) == ["checkpoint", "o/ab/cd"]
    assert list(store.walk("o")) == ["o/ab/cd"]
    assert list(store.tmp.iterdir()) == []


def test_other_users_can_read_what_a_web_server_serves(store: Store) -> None:
    before = os.umask(0o022)
    try:
        store.write_many({"o/ab/cd": b"one"}, replace=False)
    finally:
        os.umask(before)
    assert store.path("o/ab/cd").stat().st_mode & 0o777 == 0o644


def test_an_immutable_file_may_be_written_again_but_not_changed(store: Store) -> None:
    store.write_many({"tile/0/000": b"one"}, replace=False)
    inode = store.path("tile/0/000").stat().st_ino
    assert store.write_many({"tile/0/000": b"one"}, replace=False) == 0
    assert store.path("tile/0/000").stat().st_ino == inode
    with pytest.raises(CorruptArchive, match="never changes"):
        store.write_many({"tile/0/000": b"two"}, replace=False)
    assert store.write_many({"tile/0/000": b"two"}, replace=True) == 1
    assert store.read("tile/0/000") == b"two"


def test_a_refused_batch_changes_nothing(store: Store) -> None:
    store.write_many({"tile/0/000": b"one"}, replace=False)
    with pytest.raises(CorruptArchive):
        store.write_many({"o/aa/bb": b"new", "tile/0/000": b"two"}, replace=False)
    assert not store.exists("o/aa/bb")


@pytest.mark.parametrize(
    "key", ["", "/etc/passwd", "../x", "o/../x", "o//x", "o/.hidden", ".x", "o/", "a\nb", "a b", "é", "x/" * 9 + "x"]
)
def test_a_key_stays_inside_the_tree(store: Store, key: str) -> None:
    with pytest.raises(ValueError, match="not a key"):
        check_key(key)
    with pytest.raises(ValueError, match="not a key"):
        store.write_many({key: b""}, replace=True)


def test_deleting_leaves_no_empty_folders_and_can_be_repeated(store: Store) -> None:
    store.write_many({"tile/0/000.p/5": b"one", "tile/0/001": b"two"}, replace=False)
    assert store.delete(["tile/0/000.p/5", "never/there"]) == 1
    assert store.delete(["tile/0/000.p/5"]) == 0
    assert not (store.root / "tile/0/000.p").exists()
    assert store.exists("tile/0/001")
    store.write_many({"tile/0/000.p/5": b"one"}, replace=False)
    assert store.read("tile/0/000.p/5") == b"one"
    store.delete(["tile/0/000.p/5", "tile/0/001"])
    assert store.root.is_dir()


def test_what_dead_runs_left_is_swept(store: Store) -> None:
    (store.tmp / "123-0").write_bytes(b"half")
    assert store.sweep() == 1
    assert list(store.tmp.iterdir()) == []


def test_the_reserve_is_kept_free(store: Store) -> None:
    store.reserve = 2**60
    with pytest.raises(DiskFull, match="kept in reserve") as caught:
        store.write_many({"o/ab/cd": b"one"}, replace=False)
    assert caught.value.hint
    assert "\n" not in str(caught.value)
    assert not store.exists("o/ab/cd")


@pytest.mark.parametrize("call", ["write", "fsync", "rename", "open"])
@pytest.mark.parametrize(("number", "kind"), [(errno.ENOSPC, DiskFull), (errno.EIO, StorageFailed)])
def test_a_failing_disk_is_one_line_and_leaves_nothing_half_done(
    store: Store, monkeypatch: pytest.MonkeyPatch, call: str, number: int, kind: type[StorageFailed]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(kind) as caught:
        store.write_many({"o/ab/cd": b"one"}, replace=False)
    monkeypatch.undo()
    assert "\n" not in str(caught.value)
    assert caught.value.status == 1
    assert caught.value.hint
    assert list(store.tmp.iterdir()) == []
    assert not store.exists("o/ab/cd")


def test_the_file_is_synced_before_its_name_and_its_name_before_the_folder_above(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    fsync, rename = os.fsync, os.rename

    def note_sync(descriptor: int) -> None:
        order.append(f"fsync {Path(os.readlink(f'/proc/self/fd/{descriptor}')).relative_to(store.root.parent)}")
        fsync(descriptor)

    def note_rename(source: Path, target: Path) -> None:
        order.append(f"rename {target.relative_to(store.root.parent)}")
        rename(source, target)

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(os, "rename", note_rename)
    store.write_many({"o/ab/cd": b"one"}, replace=False)
    assert order[0].startswith("fsync tmp/")
    assert order[1:] == ["rename tree/o/ab/cd", "fsync tree/o/ab", "fsync tree/o", "fsync tree"]


def test_a_file_that_is_there_already_is_made_durable_all_the_same(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A run that was killed between its rename and its fsync of the folder leaves exactly that.
    store.write_many({"o/ab/cd": b"one"}, replace=False)
    synced: list[str] = []
    fsync = os.fsync

    def note(descriptor: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    store.write_many({"o/ab/cd": b"one"}, replace=False)
    assert str(store.root / "o/ab") in synced
