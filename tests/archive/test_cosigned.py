"""A seal that needs witnesses promises nothing to anybody before it has them."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from mirror.archive import Archive, Keys
from mirror.archive.staging import Staged
from mirror.archive.state import Tx
from mirror.config import TargetConfig
from mirror.errors import UsageError
from mirror.publish import publish
from mirror.targets.memory import MemoryTarget
from signing import cosignature, front, proof
from signing.keys import SignerKey
from tests.archive import newsroom
from tests.archive.newsroom import KEYS, Pages, addition, at, begin, fill, seal
from tests.faults import walk as walking
from tests.faults.walk import Key

LOG = Key.of(KEYS.log.verifier.text)
PUBLISHER = Key.of(KEYS.publisher.verifier.text)
NAMES = ("one", "two", "three")
WITNESSES = [cosignature.witness_key(f"{n}.example/w", hashlib.sha256(n.encode()).digest()) for n in NAMES]
PUBLIC = [witness.verifier for witness in WITNESSES]


def lines(archive: Archive, *witnesses: SignerKey) -> list[bytes]:
    """What these witnesses say about the head."""
    text = archive.head().checkpoint.partition(b"\n\n")[0] + b"\n"
    return [cosignature.sign(text, witness, 1_900_000_000) for witness in witnesses]


def walk(folder: Path, *, strict: bool = True) -> walking.Walked:
    return walking.walk(folder / "archive", log=LOG, publisher=PUBLISHER, strict=strict)


def cosigners(data: bytes) -> list[str]:
    return sorted(key.name.partition(".")[0] for key in cosignature.cosigners(data, PUBLIC))


def files_of(target: MemoryTarget) -> dict[str, bytes]:
    return {path: data for path, (data, _) in target.files.items()}


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    """Sealed once without witnesses, then a second time with them."""
    with newsroom.create(tmp_path / "publication") as archive, archive.locked():
        fill(archive, 3)
        seal(archive, at(60), render=Pages())
        more(archive)
        yield archive


def more(archive: Archive, *, keys: Keys = KEYS, first: int = 10) -> None:
    fill(archive, 2, first=first)
    archive.add_many([addition(first + 5, picture=b"picture", long=True)])
    (done,) = seal(archive, at(100 + first), render=Pages(), witnesses=PUBLIC, keys=keys)
    assert done.articles == 3


def test_a_seal_that_waits_is_on_no_mirror_but_freshness_and_the_seal_before_are(archive: Archive) -> None:
    assert archive.uncosigned() == archive.head().checkpoint
    assert walking.Head.of(archive.store.read("checkpoint") or b"", LOG).size == 5
    assert seal(archive, at(500), force=True, witnesses=PUBLIC) == [], "one at a time"
    target, config = MemoryTarget(name="new"), TargetConfig(name="new", url="memory:")
    publish(archive, target, config, now="2027-03-01T09:00:00Z")
    there = files_of(target)
    assert walking.Head.of(there["checkpoint"], LOG).size == 5
    assert there == newsroom.tree(archive.tree), "the archive's own tree promises nothing either"
    walking.walk(there, log=LOG, publisher=PUBLISHER, strict=False)
    archive.refresh_trust(KEYS, at(700))
    done = publish(archive, target, config, now="2027-03-01T10:00:00Z")
    assert (done.pointers, done.deleted) == (1, 0)
    assert files_of(target)["trust/timestamp.json"] != there["trust/timestamp.json"]

    assert archive.attach_cosignatures(lines(archive, *WITNESSES[:2]), complete=True, now=at(710))
    publish(archive, target, config, now="2027-03-01T11:00:00Z")
    assert files_of(target) == newsroom.tree(archive.tree)
    assert len(walk(archive.folder).articles) == 6


def test_cosignatures_are_in_checkpoint_front_and_the_new_proofs(archive: Archive) -> None:
    assert not archive.attach_cosignatures([], complete=False, now=at(200))
    assert archive.attach_cosignatures(lines(archive, WITNESSES[0]), complete=False, now=at(200))
    waiting = archive.uncosigned()
    assert waiting is not None
    assert cosigners(waiting) == ["one"]
    assert cosigners(archive.store.read("checkpoint") or b"") == []
    archive.attach_cosignatures(lines(archive, WITNESSES[1]), complete=True, now=at(210))
    assert archive.uncosigned() is None
    assert_cosigned(archive, ["one", "two"])
    assert not archive.attach_cosignatures(lines(archive, WITNESSES[1]), complete=True, now=at(220))
    # A third one comes late.
    assert archive.attach_cosignatures(lines(archive, WITNESSES[2]), complete=True, now=at(230))
    assert_cosigned(archive, ["one", "three", "two"])
    walk(archive.folder)
    more(archive, first=30)
    archive.attach_cosignatures(lines(archive, *WITNESSES), complete=True, now=at(240))
    walk(archive.folder)


def assert_cosigned(archive: Archive, names: list[str]) -> None:
    head = archive.head()
    assert head.served == head.checkpoint == archive.store.read("checkpoint")
    assert cosigners(head.checkpoint) == names
    stored = archive.store.read("front") or b""
    assert len(stored) <= front.MAX_BYTES
    assert proof.parse(front.parse(stored).proof).checkpoint == head.checkpoint
    ends = [proof.parse(archive.store.read(path) or b"").checkpoint for path in archive.store.walk("proof")]
    assert ends.count(head.checkpoint) == 4, "three articles and the edition"
    with archive.state.reading() as tx:
        for path, line in tx.offered(archive.store.walk()).items():
            assert line.sha256 == hashlib.sha256(archive.store.read(path) or b"").hexdigest(), path


def test_the_front_leaves_room_for_every_witness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mirror.edition.LIGHT", 0)  # as full as it may be
    many = [cosignature.witness_key(f"w{n}.example.org/witness", bytes([n]) * 32) for n in range(20)]
    with newsroom.create(tmp_path) as archive, archive.locked():
        for number in range(4):
            for outlet in range(6):
                fill(archive, 20, first=20 * number, of=outlet)
            seal(archive, at(60 + number), outlets=6, witnesses=[key.verifier for key in many])
            archive.attach_cosignatures(lines(archive, *many), complete=True, now=at(60 + number))
            stored = archive.store.read("front") or b""
            assert 7000 < len(stored) <= front.MAX_BYTES
        walk(tmp_path)


def test_what_is_no_cosignature_changes_nothing(archive: Archive) -> None:
    before = newsroom.tree(archive.folder / "archive"), archive.head()
    with pytest.raises(UsageError, match="not cosignatures"):
        archive.attach_cosignatures([b"nonsense\n"], complete=True, now=at(200))
    assert (newsroom.tree(archive.folder / "archive"), archive.head()) == before


class Killed(BaseException):
    """Stands for SIGKILL."""


@pytest.mark.parametrize(("kind", "name"), [(Tx, "put_fact"), (Tx, "record"), (Staged, "apply")])
@pytest.mark.parametrize("step", ["seal", "attach"])
def test_killed_in_either_step_the_next_run_completes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, kind: type, name: str
) -> None:
    folder = tmp_path / "publication"
    with newsroom.create(folder) as archive, archive.locked():
        fill(archive, 3)
        seal(archive, at(60), render=Pages())
        if step == "attach":
            more(archive)

    def die(*_: object, **__: object) -> None:
        raise Killed

    with Archive(folder, reserve=0) as archive, archive.locked():
        said = lines(archive, *WITNESSES)
        if step == "seal":
            fill(archive, 2, first=10)
            archive.add_many([addition(15, picture=b"picture", long=True)])
        monkeypatch.setattr(kind, name, die)
        with pytest.raises(Killed):
            act(archive, step, said)
        monkeypatch.undo()
    walk(folder, strict=False)
    with Archive(folder, reserve=0) as archive, archive.locked():
        seal(archive, at(220), render=Pages(), witnesses=PUBLIC)
        if archive.uncosigned() is not None:
            assert len(list((folder / "state" / "staging").iterdir())) == 1, "what is held"
            archive.attach_cosignatures(lines(archive, *WITNESSES), complete=True, now=at(230))
        assert archive.uncosigned() is None
        assert not list((folder / "state" / "staging").iterdir())
    assert len(walk(folder).articles) == 6


def act(archive: Archive, step: str, said: list[bytes]) -> None:
    if step == "seal":
        seal(archive, at(110), render=Pages(), witnesses=PUBLIC)
    else:
        archive.attach_cosignatures(said, complete=True, now=at(200))


def test_a_lost_staging_file_of_a_held_seal_is_said(archive: Archive) -> None:
    from mirror.archive.errors import CorruptArchive

    shutil.rmtree(archive.folder / "state" / "staging")
    (archive.folder / "state" / "staging").mkdir()
    with pytest.raises(CorruptArchive, match="staged files"):
        archive.attach_cosignatures(lines(archive, *WITNESSES), complete=True, now=at(200))


def test_a_log_is_frozen_at_a_checkpoint_that_nobody_witnessed_only_when_readers_are_told(archive: Archive) -> None:
    with pytest.raises(UsageError, match="waits for cosignatures"):
        begin(archive, 2028, at(300), reissue=True)
    archive.attach_cosignatures(lines(archive, WITNESSES[0]), complete=False, now=at(250))
    last = archive.head().checkpoint
    keys = begin(archive, 2028, at(300), reissue=True, unwitnessed=archive.head().size)
    assert archive.uncosigned() is None
    assert archive.store.read("checkpoint") == archive.store.read("log/2027/checkpoint") == last
    assert cosigners(last) == ["one"]
    proofs = [proof.parse(archive.store.read(path) or b"") for path in archive.store.walk("proof")]
    assert {one.checkpoint for one in proofs} == {last}
    seal(archive, at(310), keys=keys, render=Pages())
    found = walking.walk(
        archive.tree,
        log=Key.of(keys.log.verifier.text),
        publisher=PUBLISHER,
        below="log/2028",
        closed=[("", LOG)],
    )
    assert len(found.articles) == 6
