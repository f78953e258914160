"""Reading mirrors with several logs, witnesses and withdrawals; several mirrors at once; and what is remembered."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mirror import read
from mirror.errors import DoNotTrust
from mirror.findings import Verdict
from mirror.gather import gather
from mirror.known import MAX_WITHDRAWN, Known, Memory
from mirror.publication import Publication
from mirror.read import FolderMirror, WebMirror, object_path, proof_path
from mirror.sweep import check_mirror
from mirror.verdict import check_article, check_front
from signing.evidence import prove
from tests.liar import Liar, honest
from tests.teller import QUICK, Say, teller
from tests.world import World, article, picture


class Long:
    """A publication with three logs, the second closed because its key was stolen; witnesses; something withdrawn."""

    def __init__(self, folder: Path) -> None:
        self.world = world = World(folder / "publication")
        shown, data = picture(1)
        self.first, self.taken = world.add(article(1, resources=(shown,)), article(2), objects={shown.digest: data})
        world.seal()
        self.early = folder / "early"
        shutil.copytree(world.tree, self.early)
        world.begin_log("2032", earlier=True)
        world.witnessed_by(3, 2)
        (self.second,) = world.add(article(3))
        world.seal(cosigning=2)
        self.middle = folder / "middle"
        shutil.copytree(world.tree, self.middle)
        self.thief = world.split(folder / "thief")
        world.begin_log("2033", earlier=False)
        self.third = world.add(article(1, revision=2), article(5))[1]
        world.seal()
        world.withdraw(self.taken, "safety")
        world.seal()
        self.tree = world.tree

    def check(self, tree: Path | None = None, memory: Memory | None = None) -> Verdict:
        mirror = FolderMirror(tree or self.tree)
        return check_mirror(mirror, pin=self.world.pin, memory=memory or Memory(None), now=self.world.now)

    def look(self, digest: str, tree: Path | None = None, memory: Memory | None = None) -> Verdict:
        verdict, _bundle = check_article(
            FolderMirror(tree or self.tree),
            digest=digest,
            pin=self.world.pin,
            memory=memory or Memory(None),
            now=self.world.now,
            what="it",
        )
        return verdict


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Long:
    return Long(tmp_path_factory.mktemp("long"))


@pytest.fixture
def say(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Say:
    return teller(tmp_path, capsys, monkeypatch)


# --- several logs ----------------------------------------------------------------------------------------------------


def test_every_log_of_a_mirror_is_read_to_its_end(long: Long) -> None:
    verdict = long.check()
    assert (verdict.authentic, verdict.fresh, verdict.problems, verdict.status) == (True, "fresh", [], 0)
    assert [(one["path"], one["closed"]) for one in verdict.logs] == [
        ("", True),
        ("log/2032", True),
        ("log/2033", False),
    ]
    assert verdict.log is not None
    assert verdict.log.origin == "world.example/log/2033"
    assert len(verdict.witnesses) == 3
    pages = ("index.html", "feed.xml", "a/")
    files = [path for path in FolderMirror(long.tree).walk() if not path.startswith(pages)]
    assert verdict.files == len(files)


def test_every_flipped_bit_is_caught_in_whatever_log_it_is(long: Long, tmp_path: Path, everything: bool) -> None:
    rng = random.Random(2033)
    copy = tmp_path / "copy"
    shutil.copytree(long.tree, copy)
    files = [path for path in FolderMirror(copy).walk() if not path.startswith(("index.html", "feed.xml", "a/"))]
    assert sum(path.startswith("log/") for path in files) > 8
    for path in files if everything else files[::3]:
        file = copy / path
        whole = file.read_bytes()
        for _ in range(4 if everything else 1):
            offset = rng.randrange(len(whole))
            changed = bytearray(whole)
            changed[offset] ^= 1 << rng.randrange(8)
            file.write_bytes(changed)
            verdict = long.check(copy)
            if verdict.authentic and b"\n\xe2\x80\x94 witness" in whole[:offset] + b"witness":
                continue  # the line of a witness nobody knows is nobody's word, and enough others are there
            assert not verdict.authentic, f"{path}: bit flipped in byte {offset} went unnoticed"
            assert verdict.status == DoNotTrust.status
            named = {problem.path for problem in verdict.problems}
            assert path in named or (path.startswith("trust/") and "trust" in named), f"{path}: but named {named}"
        file.write_bytes(whole)


def test_a_missing_file_of_a_closed_log_is_named(long: Long, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(long.tree, copy)
    tile = next(path for path in FolderMirror(copy).walk() if path.startswith("log/2032/tile/entries/"))
    for path in ("log/2031/checkpoint", "log/2032/checkpoint", tile, proof_path(long.second)):
        whole = (copy / path).read_bytes()
        (copy / path).unlink()
        verdict = long.check(copy)
        assert (path, "missing") in {(one.path, one.state) for one in verdict.problems}
        (copy / path).write_bytes(whole)


def test_articles_of_every_log_are_authentic_and_revisions_are_found_across_logs(long: Long) -> None:
    assert [long.look(one).current for one in (long.first, long.second, long.third)] == [
        "superseded",
        "current",
        "current",
    ]
    assert all(long.look(one).status == 0 for one in (long.first, long.second, long.third))
    gone = long.look(long.taken)
    assert (gone.authentic, gone.current, gone.status) == (False, "withdrawn", 4)
    assert gone.withdrawal is not None
    assert gone.withdrawal["reason"] == "safety"


def test_proofs_from_before_a_log_was_closed_in_good_order_go_on_counting(long: Long, tmp_path: Path) -> None:
    memory = Memory(tmp_path / "known")
    assert long.check(memory=memory).status == 0
    kept = long.look(long.first, tree=long.early, memory=memory)
    assert (kept.authentic, kept.fresh, kept.current) == (True, "stale", "unknown")
    # … those of a log whose key was stolen don't, but accuse nobody.
    late = long.look(long.second, tree=long.middle, memory=memory)
    assert late.authentic, "this proof ends in the very checkpoint that the log was closed with"
    assert late.evidence is None


def test_what_was_seen_of_a_log_is_compared_with_where_it_is_said_to_have_ended(long: Long, tmp_path: Path) -> None:
    memory = Memory(tmp_path / "known")
    thief = long.thief
    thief.add(article(66))
    thief.seal()
    assert check_mirror(FolderMirror(thief.tree), pin=thief.pin, memory=memory, now=thief.now).status == 0
    told = long.check(memory=memory)
    assert (told.status, told.authentic) == (5, False)
    assert told.evidence is not None
    evidence = Path(told.evidence).read_bytes()
    assert prove(evidence, pin=long.world.pin, now=long.world.now).type == "freeze"
    # Who saw an honest beginning of that log is not disturbed.
    calm = Memory(tmp_path / "calm")
    for tree in (long.early, long.middle, long.tree):
        mirror = FolderMirror(tree)
        verdict, _ = check_front(mirror, pin=long.world.pin, memory=calm, now=long.world.now)
        assert verdict.status == 0, verdict.problems
    known = calm.recall("world.example")
    assert known is not None
    ends = {one["origin"]: one["size"] for one in long.check().logs}
    assert {origin: int(note.split("\n")[1]) for origin, note in known.checkpoints.items()} == ends


def test_a_copy_has_the_files_of_all_logs(long: Long, say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    trust = ("--trust", long.world.pin)
    with Liar(long.middle, honest) as mirror:
        got = say("get", mirror.url, *trust, "-o", "out")
        assert "not fresh" in got.err  # in 2031
        assert got.status == 0
        mirror.tree = long.tree
        assert say("get", mirror.url, "-o", "out").status == 0
    pages = ("index.html", "feed.xml", "a/")
    there = {path for path in FolderMirror(long.tree).walk() if not path.startswith(pages)}
    here = set(FolderMirror(Path("out")).walk())
    assert there - here == set()
    assert object_path(long.taken) not in here
    assert {path for path in here - there if path.startswith("o/")} == set()
    assert long.check(Path("out").resolve()).status == 0


# --- withdrawals and contradictions ----------------------------------------------------------------------------------


def test_what_was_withdrawn_long_ago_is_said_by_the_log_when_no_edition_lists_it(tmp_path: Path) -> None:
    world = World(tmp_path / "publication")
    first, *others = world.add(*(article(number) for number in range(30)))
    world.seal()
    pack = tmp_path / "early"
    shutil.copytree(world.tree, pack)
    world.withdraw(first, "asked by the author")
    world.seal()
    memory = Memory(tmp_path / "known")
    seen, _ = check_front(FolderMirror(world.tree), pin=world.pin, memory=memory, now=world.now)
    assert seen.status == 0
    for digest in others[:27]:
        world.withdraw(digest)
    world.seal(days=0.1)
    _, edition = check_front(FolderMirror(world.tree), pin=world.pin, memory=Memory(None), now=world.now)
    assert edition is not None
    listed = edition.document["withdrawals"]
    assert isinstance(listed, list)
    assert first not in {one["digest"] for one in listed}

    def asked(tree: Path, memory: Memory, beside: FolderMirror | None = None) -> Verdict:
        mirror = FolderMirror(tree)
        known = {"pin": world.pin, "memory": memory, "now": world.now}
        return check_article(mirror, digest=first, what="it", beside=beside, **known)[0]  # type: ignore[arg-type]

    whole = check_mirror(FolderMirror(world.tree), pin=world.pin, memory=Memory(tmp_path / "swept"), now=world.now)
    assert (whole.status, whole.problems) == (0, [])
    gone = asked(world.tree, Memory(None))
    assert (gone.authentic, gone.current, gone.status) == (False, "withdrawn", 4)
    assert gone.withdrawal is not None
    assert set(gone.withdrawal) == {"time"}
    assert "it was withdrawn on 20" in gone.problems[0].detail
    # Who saw the edition that did list it knows why; who read the whole log that it was.
    assert asked(world.tree, memory).withdrawal == {**gone.withdrawal, "reason": "asked by the author"}
    kept = asked(pack, memory)
    assert (kept.authentic, kept.current, kept.status) == (True, "withdrawn", 0)
    assert kept.withdrawal == {**gone.withdrawal, "reason": "asked by the author"}
    assert asked(pack, Memory(tmp_path / "swept")).withdrawal == gone.withdrawal
    beside = asked(pack, Memory(None), FolderMirror(world.tree))
    assert (beside.authentic, beside.current, beside.withdrawal) == (True, "withdrawn", gone.withdrawal)
    assert asked(pack, Memory(None)).current == "current"
    # Nothing says that the one that was not withdrawn may be missing.
    path = object_path(others[-1])
    (world.tree / path).unlink()
    whole = check_mirror(FolderMirror(world.tree), pin=world.pin, memory=Memory(None), now=world.now)
    assert [(one.path, one.state) for one in whole.problems] == [(path, "missing")]


def test_so_many_withdrawals_are_remembered_and_the_newest_stay() -> None:
    known = Known(origin="world.example", pin="sha256:")
    known.withdraw({f"{number:064x}": {"time": f"{2031 + number:04}"} for number in range(MAX_WITHDRAWN + 5)})
    known.withdraw({f"{1000:064x}": {"time": "3031", "reason": "safety"}})
    known.withdraw({f"{1000:064x}": {"time": "3031"}})
    assert len(known.withdrawn) == MAX_WITHDRAWN
    assert f"{4:064x}" not in known.withdrawn
    assert known.withdrawn[f"{1000:064x}"]["reason"] == "safety"


def test_two_editions_of_one_number_are_the_publishers_contradiction(tmp_path: Path) -> None:
    world = World(tmp_path / "publication")
    world.add(article(1))
    world.seal()
    world.seal()
    assert check_mirror(FolderMirror(world.tree), pin=world.pin, memory=Memory(None), now=world.now).status == 0
    with sqlite3.connect(world.publication.folder / "state" / "state.sqlite") as state:
        state.execute("UPDATE heads SET serial = serial - 1")
        state.execute("UPDATE editions SET serial = serial - 1")
    world.add(article(2))
    world.seal()
    verdict = check_mirror(FolderMirror(world.tree), pin=world.pin, memory=Memory(None), now=world.now)
    assert [one.state for one in verdict.problems] == ["contradictory"]
    assert (verdict.authentic, verdict.status) == (False, 4)
    assert "two editions 2, both signed by the publisher" in verdict.problems[0].detail


# --- in the middle of something --------------------------------------------------------------------------------------


def test_a_push_that_was_cut_off_anywhere_leaves_a_mirror_that_is_authentic(long: Long, tmp_path: Path) -> None:
    """Files before pointers, in the order of a push; what is there already of the next edition is a note."""
    world = long.world.split(tmp_path / "copy")
    before = tmp_path / "before"
    shutil.copytree(world.tree, before)
    world.add(article(21), article(22))
    world.seal()
    world.begin_log("2034", earlier=False)
    shutil.copytree(world.tree, tmp_path / "closed")
    world.add(article(23))
    world.seal()
    for target in (before, tmp_path / "closed"):
        verdict = check_mirror(FolderMirror(target), pin=world.pin, memory=Memory(None), now=world.now)
        assert verdict.authentic, verdict.problems
        mirror = tmp_path / "mirror"
        shutil.copytree(target, mirror)
        pages = ("index.html", "feed.xml", "a/")
        new = [
            one for one in FolderMirror(world.tree).walk() if not (target / one).exists() and not one.startswith(pages)
        ]
        assert len(new) >= 8
        for path in new:
            (mirror / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(world.tree / path, mirror / path)
        verdict = check_mirror(FolderMirror(mirror), pin=world.pin, memory=Memory(None), now=world.now)
        assert (verdict.authentic, verdict.problems) == (True, [])
        assert sum("a newer edition is on its way" in note for note in verdict.notes) == 1
        # Not everything passes for something to come.
        for path, data in (("proof/ab/" + "c" * 62, b"x"), ("o/ab/" + "c" * 62, b"x"), ("tile/x", b""), ("news", b"")):
            (mirror / path).parent.mkdir(parents=True, exist_ok=True)
            (mirror / path).write_bytes(data)
            verdict = check_mirror(FolderMirror(mirror), pin=world.pin, memory=Memory(None), now=world.now)
            assert [(one.path, one.state) for one in verdict.problems] == [(path, "unexpected")]
            (mirror / path).unlink()
        shutil.rmtree(mirror)


def test_while_a_seal_waits_for_witnesses_archive_and_mirrors_are_good(tmp_path: Path, say: Say) -> None:
    """Two of three witnesses are needed, and nobody answers."""
    world = World(tmp_path / "publication", now=datetime.now(UTC) - timedelta(minutes=10))
    world.add(article(1))
    world.seal()
    config = ("--config", str(world.publication.folder / "tamizdat.toml"))
    for name in ("near", "far"):
        assert say("target", "add", name, str(tmp_path / name), *config).status == 0
    world.publication = Publication.open(world.publication.folder)
    assert say("run", *config).status == 0
    world.witnessed_by(3, 2)
    world.now = datetime.now(UTC) - timedelta(minutes=1)  # `seal` adds it
    world.seal(cosigning=2)
    assert say("publish", *config).status == 0
    trust = ("--trust", world.pin, "--no-memory")
    folders = [str(one) for one in (world.tree, tmp_path / "near", tmp_path / "far")]
    sizes = [say("verify", one, *trust, "--json").json["log"]["size"] for one in folders]
    assert len(set(sizes)) == 1
    world.add(article(2, fetched=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"))
    for _ in range(2):
        assert say("run", *config).status == 3
        for folder in (str(world.publication.folder), *folders):
            told = say("verify", folder, *trust, "--json").json
            assert (told["authentic"], told["fresh"], told["problems"]) == (True, "fresh", [])
            assert told["status"] == 0
            assert told["log"]["size"] == sizes[0]
    told = say("verify", str(world.tree), *trust)
    assert (told.status, "note: " in told.out, "what to do" in told.out) == (0, True, False)
    assert "not yet part of what this mirror publishes" in told.out
    # The witnesses are back.
    with world._archive() as archive, archive.locked(world.now):
        checkpoint = archive.uncosigned()
        assert checkpoint is not None
        archive.attach_cosignatures(world.cosigned(checkpoint), complete=True, now=datetime.now(UTC))
    assert say("run", *config).status == 0
    for folder in folders:
        told = say("verify", folder, *trust, "--json").json
        assert (told["status"], told["log"]["size"] > sizes[0]) == (0, True)
        assert not any("a newer edition is on its way" in note for note in told["notes"])


# --- several mirrors -------------------------------------------------------------------------------------------------


def test_mirrors_are_asked_at_once_and_the_newest_counts(
    long: Long, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read, "PATIENCE", QUICK)
    stop = threading.Event()

    def silent(_path: str, _file: bytes | None) -> Iterator[bytes]:
        stop.wait(60)
        yield b""

    with (
        Liar(long.early, honest) as old,
        Liar(long.tree, silent) as dead,
        Liar(long.tree, honest) as new,
        Liar(tmp_path, honest) as empty,
    ):
        memory = Memory(tmp_path / "known").held()
        mirrors = [WebMirror(one.url) for one in (old, dead, new, empty)]
        began = time.monotonic()
        looks = gather(mirrors, pin=long.world.pin, memory=memory, now=long.world.now)
        assert time.monotonic() - began < 30
        stop.set()
    assert [look.status for look in looks] == [4, 1, 0, 4]
    assert (looks[0].authentic, looks[0].fresh) == (True, "stale")
    assert looks[0].newest == looks[2].here
    assert looks[0].behind["editions"] == 3
    known = memory.recall("world.example")
    assert known is not None
    assert known.newest == looks[2].here
    assert set(known.checkpoints) == {"world.example/log/2031", "world.example/log/2033"}


def test_a_held_memory_holds_what_may_not_be_written_down(long: Long, tmp_path: Path) -> None:
    memory = Memory(tmp_path / "known", learn=False)
    held = memory.held()
    assert long.check(memory=held).status == 0
    assert memory.recall("world.example") is None
    assert not (tmp_path / "known").exists()
    assert long.check(long.early, memory=held).fresh == "stale"


# --- what is remembered ----------------------------------------------------------------------------------------------


def test_the_newest_edition_known_anywhere_is_remembered(long: Long, tmp_path: Path) -> None:
    memory = Memory(tmp_path / "known")
    assert long.check(memory=memory).status == 0
    back = long.check(long.middle, memory=memory)
    assert back.here is not None
    assert back.newest is not None
    assert (back.here.serial, back.newest.serial, back.fresh) == (2, 4, "stale")
    assert back.as_json()["newest"]["serial"] == 4
    assert back.as_json()["behind"]["editions"] == 2
    # A memory that an earlier version of this tool wrote says nothing of editions, and is read all the same.
    (file,) = (tmp_path / "known").glob("*.json")
    kept = json.loads(file.read_text())
    del kept["newest"]
    file.write_text(json.dumps(kept))
    assert long.check(memory=memory).status == 0


def test_an_article_alone_is_checked_again_with_the_trust_files_of_an_earlier_visit(long: Long, tmp_path: Path) -> None:
    memory = Memory(tmp_path / "known")
    assert long.check(memory=memory).status == 0
    alone = tmp_path / "alone"
    for path in (object_path(long.second), proof_path(long.second), "checkpoint"):
        (alone / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(long.tree / path, alone / path)
    verdict = long.look(long.second, tree=alone, memory=memory)
    assert (verdict.authentic, verdict.fresh) == (True, "unknown")
    assert "checked again and used" in verdict.notes[0]
    assert verdict.newest is not None
    assert long.look(long.second, tree=alone).status == 4, "without an earlier visit there is nobody to believe"
    # What is remembered is never believed as it stands.
    (file,) = (tmp_path / "known").glob("*.json")
    file.write_text(file.read_text().replace("world.example/publisher+", "world.example/publishes+"))
    verdict = long.look(long.second, tree=alone, memory=memory)
    assert (verdict.authentic, verdict.status) == (False, 4)


def test_a_mirror_that_is_late_is_not_blamed_for_newer_dates(long: Long) -> None:
    mirror = FolderMirror(long.tree)
    later = long.world.now + timedelta(days=2)
    verdict, edition = check_front(mirror, pin=long.world.pin, memory=Memory(None), now=later)
    assert edition is not None
    assert (verdict.authentic, verdict.fresh, verdict.problems) == (True, "stale", [])
