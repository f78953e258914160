"""What a reader may believe: every file of a mirror, changed in every way, is caught - or is one nobody trusts."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from mirror.errors import DoNotTrust
from mirror.findings import Verdict
from mirror.known import Memory
from mirror.read import FolderMirror, WebMirror, object_path, proof_path
from mirror.serve import Served
from mirror.sweep import check_mirror
from mirror.verdict import check_article
from signing.trust import TrustError, walk
from tests.world import World, article, picture


class Small:
    """A small mirror: three seals, a long article, pictures, a revision."""

    def __init__(self, folder: Path) -> None:
        self.world = World(folder / "publication")
        resource, data = picture(1)
        self.first_revision = self.world.add(
            article(1, resources=(resource,)), article(2), objects={resource.digest: data}
        )[0]
        self.world.seal()
        self.old = self.world.add(article(3, words=9000))[0]
        self.world.seal()
        (self.revised,) = self.world.add(article(1, revision=2, replaces=None))
        self.first = self.world.add(article(4))[0]
        self.world.seal()
        self.tree = self.world.tree

    def check(self, tree: Path | None = None, *, now: datetime | None = None, pin: str | None = None) -> Verdict:
        return check_mirror(
            FolderMirror(tree or self.tree),
            pin=pin or self.world.pin,
            memory=Memory(None),
            now=now or self.world.now,
        )


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Small:
    return Small(tmp_path_factory.mktemp("small"))


@pytest.fixture
def copy(small: Small, tmp_path: Path) -> Path:
    shutil.copytree(small.tree, tmp_path / "copy")
    return tmp_path / "copy"


def _untrusted(path: str) -> bool:
    return path in ("index.html", "feed.xml") or path.startswith("a/")


def _files(tree: Path) -> Iterator[Path]:
    for path in FolderMirror(tree).walk():
        yield tree / path


def test_an_honest_mirror_is_authentic_fresh_and_complete(small: Small) -> None:
    verdict = small.check()
    assert (verdict.authentic, verdict.fresh, verdict.problems, verdict.status) == (True, "fresh", [], 0)
    read = verdict.files
    assert read == sum(not _untrusted(file.relative_to(small.tree).as_posix()) for file in _files(small.tree))
    assert {check.n for check in verdict.checks if check.ok} >= set(range(1, 13))


def test_every_flipped_bit_is_caught_and_named(small: Small, copy: Path, everything: bool) -> None:
    """Every byte of small files, at least 2,000 offsets in all; a tenth of them when only sampling."""
    rng = random.Random(2031)
    places: list[tuple[Path, int]] = []
    for file in _files(copy):
        size = file.stat().st_size
        offsets = range(size) if size <= 120 else sorted(rng.sample(range(size), min(size, 90)))
        places += [(file, offset) for offset in offsets]
    trusted = [place for place in places if not _untrusted(place[0].relative_to(copy).as_posix())]
    assert len(trusted) >= 2000
    chosen = trusted if everything else trusted[:: len(trusted) // 200]
    for file, offset in chosen:
        honest = file.read_bytes()
        path = file.relative_to(copy).as_posix()
        changed = bytearray(honest)
        changed[offset] ^= 1 << rng.randrange(8)
        file.write_bytes(changed)
        verdict = small.check(copy)
        assert not verdict.authentic, f"{path}: bit flipped in byte {offset} went unnoticed"
        assert verdict.status == DoNotTrust.status
        named = {problem.path for problem in verdict.problems}
        assert path in named or (path.startswith("trust/") and "trust" in named), f"{path}: caught, but named {named}"
        file.write_bytes(honest)
    assert small.check(copy).authentic


def _reading(files: dict[str, bytes]) -> Callable[[str, int], bytes | None]:
    return lambda path, _cap: files.get(path)


def test_no_bit_of_the_trust_files_can_change(small: Small, everything: bool) -> None:
    """All eight bits of each byte: TUF signs what the files mean, and here not even their form may change."""
    mirror = FolderMirror(small.tree)
    files = dict(walk(mirror.get, pin=small.world.pin, now=small.world.now).files)
    for path, data in files.items():
        places = [(at, bit) for at in range(len(data)) for bit in range(8)]
        for at, bit in places if everything else places[::97]:
            changed = {**files, path: data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]}
            with pytest.raises(TrustError):
                walk(_reading(changed), pin=small.world.pin, now=small.world.now)


Damage = Callable[[Path, Path], None]


def _swap(first: Path, second: Path) -> None:
    a, b = first.read_bytes(), second.read_bytes()
    first.write_bytes(b)
    second.write_bytes(a)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda file, _: file.write_bytes(b""), id="empty"),
        pytest.param(lambda file, _: file.write_bytes(file.read_bytes()[:-1]), id="truncated"),
        pytest.param(lambda file, _: file.write_bytes(file.read_bytes() + b"\n"), id="with a byte more"),
        pytest.param(lambda file, _: file.write_bytes(file.read_bytes() * 3), id="three times over"),
        pytest.param(lambda file, _: file.write_bytes(b"\0" * (20 << 20)), id="oversized"),
        pytest.param(lambda file, _: file.write_bytes(b"<!DOCTYPE html><h1>Blocked</h1>"), id="a block page"),
        pytest.param(_swap, id="swapped with another"),
        pytest.param(lambda file, _: (file.unlink(), file.mkdir()), id="a folder in its place"),
        pytest.param(lambda file, _: (file.unlink(), file.symlink_to("/dev/zero")), id="a link to something endless"),
    ],
)
def test_damaged_files_are_caught_wherever_they_are(small: Small, copy: Path, damage: Damage) -> None:
    files = [file for file in _files(copy) if not _untrusted(file.relative_to(copy).as_posix())]
    by_kind = {file.relative_to(copy).parts[0] + file.suffix: file for file in files}
    for file in by_kind.values():
        path = file.relative_to(copy).as_posix()
        honest = file.read_bytes()
        other = next(one for one in files if one != file and one.read_bytes() != honest)
        kept = other.read_bytes()
        damage(file, other)
        verdict = small.check(copy)
        # A partial tile of an older checkpoint, or the proof or bundle of a pruned edition, may be missing.
        may_be_absent = file.is_dir() and (".p/" in path or verdict.authentic)
        assert not verdict.authentic or may_be_absent, f"{path} went unnoticed"
        if file.is_dir():
            file.rmdir()
        elif file.is_symlink():
            file.unlink()
        file.write_bytes(honest)
        other.write_bytes(kept)
    assert small.check(copy).authentic


def test_a_missing_article_is_named_not_overlooked(small: Small, copy: Path) -> None:
    (copy / object_path(small.first)).unlink()
    verdict = small.check(copy)
    assert [(one.path, one.state) for one in verdict.problems] == [(object_path(small.first), "missing")]
    assert verdict.status == DoNotTrust.status


def test_an_older_state_of_the_whole_mirror_is_stale_not_forged(small: Small) -> None:
    verdict = small.check(now=small.world.now + timedelta(days=3))
    assert (verdict.authentic, verdict.fresh, verdict.status) == (True, "stale", 4)
    assert verdict.age_seconds == 3 * 86_400


def test_a_mirror_that_goes_back_is_noticed_by_who_was_here_before(tmp_path: Path) -> None:
    world = World(tmp_path / "publication")
    world.add(article(1))
    world.seal()
    shutil.copytree(world.tree, tmp_path / "yesterday")
    world.add(article(2))
    world.seal()
    memory = Memory(tmp_path / "memory")
    assert check_mirror(FolderMirror(world.tree), pin=world.pin, memory=memory, now=world.now).status == 0
    back = check_mirror(FolderMirror(tmp_path / "yesterday"), pin=None, memory=memory, now=world.now)
    assert (back.authentic, back.fresh) == (True, "stale")
    assert any(check.n == 11 and not check.ok for check in back.checks)


def test_two_histories_under_one_key_are_kept_as_evidence(tmp_path: Path) -> None:
    world = World(tmp_path / "publication")
    world.add(article(1))
    world.seal()
    other = world.split(tmp_path / "fork")
    world.add(article(2))
    world.seal()
    memory = Memory(tmp_path / "memory")
    assert check_mirror(FolderMirror(world.tree), pin=world.pin, memory=memory, now=world.now).status == 0
    other.add(article(3), article(4))
    other.seal()
    verdict = check_mirror(FolderMirror(other.tree), pin=None, memory=memory, now=other.now)
    assert verdict.status == 5
    assert verdict.evidence is not None
    assert Path(verdict.evidence).read_text().count("world.example/log/2031") >= 4
    # Noise is no evidence: an unsigned change to the same file raises no such alarm.
    checkpoint = other.tree / "checkpoint"
    checkpoint.write_bytes(checkpoint.read_bytes().replace(b"=\n\n", b"A\n\n"))
    assert check_mirror(FolderMirror(other.tree), pin=world.pin, memory=Memory(None), now=other.now).status == 4


def test_another_publication_with_its_own_root_is_refused(small: Small, tmp_path: Path) -> None:
    stranger = World(tmp_path / "stranger")
    stranger.add(article(1))
    stranger.seal()
    assert [one.state for one in small.check(stranger.tree).problems] == ["untrusted"]
    unpinned = check_mirror(FolderMirror(small.tree), pin=None, memory=Memory(None), now=small.world.now)
    assert (unpinned.authentic, unpinned.status) == (False, 4)
    assert "sha256" in unpinned.notes[0]


def test_an_article_of_before_is_authentic_and_superseded(small: Small) -> None:
    mirror = FolderMirror(small.tree)
    for digest, current in ((small.first_revision, "superseded"), (small.revised, "current"), (small.old, "current")):
        verdict, bundle = check_article(
            mirror, digest=digest, pin=small.world.pin, memory=Memory(None), now=small.world.now, what="x"
        )
        assert bundle is not None
        assert (verdict.authentic, verdict.current, verdict.status) == (True, current, 0)


def test_an_article_whose_part_was_changed_is_not_shown(small: Small, copy: Path) -> None:
    mirror = FolderMirror(copy)
    verdict, bundle = check_article(
        mirror, digest=small.old, pin=small.world.pin, memory=Memory(None), now=small.world.now, what="x"
    )
    assert bundle is not None
    parts = bundle.document["parts"]
    assert isinstance(parts, list)
    assert len(parts) >= 2
    file = copy / object_path(parts[1]["digest"])
    file.write_bytes(bytes([file.read_bytes()[0] ^ 1]) + file.read_bytes()[1:])
    verdict, bundle = check_article(
        mirror, digest=small.old, pin=small.world.pin, memory=Memory(None), now=small.world.now, what="x"
    )
    assert bundle is None
    assert not verdict.authentic


def test_the_proof_of_one_article_does_not_vouch_for_another(small: Small, copy: Path) -> None:
    _swap(copy / proof_path(small.first), copy / proof_path(small.revised))
    verdict, bundle = check_article(
        FolderMirror(copy), digest=small.first, pin=small.world.pin, memory=Memory(None), now=small.world.now, what="x"
    )
    assert bundle is None
    assert [check.n for check in verdict.checks if not check.ok] == [9]


def test_a_mirror_on_the_web_gives_the_same_verdict(small: Small) -> None:
    with Served(small.tree) as served:
        mirror = WebMirror(served.url)
        verdict = check_mirror(mirror, pin=small.world.pin, memory=Memory(None), now=small.world.now)
        mirror.close()
    assert (verdict.authentic, verdict.fresh) == (True, "fresh")


def test_trust_that_was_renewed_leaves_nothing_behind_that_cannot_be_checked(tmp_path: Path) -> None:
    world = World(tmp_path / "publication")
    world.add(article(1))
    world.seal()
    assert (world.tree / "trust" / "2.snapshot.json").is_file()
    world.seal(days=80)
    files = sorted(path.name for path in (world.tree / "trust").glob("*.json"))
    assert files == ["1.root.json", "2.targets.json", "3.snapshot.json", "timestamp.json"]
    verdict = check_mirror(FolderMirror(world.tree), pin=world.pin, memory=Memory(None), now=world.now)
    assert (verdict.authentic, verdict.fresh, verdict.problems) == (True, "fresh", [])
