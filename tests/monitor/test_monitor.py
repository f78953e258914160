"""A monitor that knows nothing but the pin, before honest, slow, lagging, lying and forked mirrors."""

from __future__ import annotations

import base64
import copy
import json
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mirror import vigil
from mirror.cli import main
from mirror.errors import DoNotTrust, TamizdatError, Unpinned
from mirror.monitor import Monitor, Report
from mirror.publication import Publication
from mirror.read import Patience
from mirror.vigil import Range
from signing import checkpoint as checkpoints
from signing import evidence
from signing.checkpoint import Checkpoint
from signing.errors import FormatError
from signing.keys import SignerKey
from signing.merkle import leaf_hash, root_of
from signing.tiles import Tile, Tree, decode_entries, encode_entries
from tests.faults.walk import Log as WalkedLog
from tests.liar import Liar, Lie, answer, honest
from tests.servers.web import web_server
from tests.world import World, article

QUICK = Patience(connect=2.0, idle=1.0, total=2.0, rate=1e6, look=3.0)


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path / "publication")
    made.add(article(1), article(2))
    made.seal()
    return made


def branch(world: World, folder: Path) -> World:
    """The same publication, keys and all, from here on with a life of its own."""
    shutil.copytree(world.publication.folder, folder)
    other = copy.copy(world)
    other.publication = Publication.open(folder / "tamizdat.toml")
    return other


def snapshot(world: World, folder: Path) -> str:
    """A mirror that stays as the publication is now."""
    shutil.copytree(world.tree, folder)
    return str(folder)


def watch(world: World, state: Path, *mirrors: str | Path, now: datetime | None = None) -> Report:
    watching = Monitor([str(one) for one in mirrors], pin=world.pin, folder=made(state), patience=QUICK)
    return watching.look(now or world.now)


def made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def texts(report: Report) -> str:
    return "\n".join([*(one.text for one in report.findings), *(one.text for one in report.alarms)])


@contextmanager
def lying(world: World, lie: Lie) -> Iterator[str]:
    with Liar(world.tree, lie) as liar:
        yield liar.url


def proved(report: Report, world: World) -> list[str]:
    """The evidence of each alarm, judged by the pin alone: what it proves."""
    kinds = []
    for alarm in report.alarms:
        if alarm.evidence:
            found = evidence.prove(Path(alarm.evidence).read_bytes(), pin=world.pin, now=world.now)
            kinds.append(found.type)
    return kinds


# --- what it keeps ----------------------------------------------------------------------------------------------------


def test_a_compact_range_gives_every_root_that_the_whole_tree_gives() -> None:
    leaves = [leaf_hash(b"%d" % index) for index in range(130)]
    grown = Range()
    for size in range(131):
        assert grown.root == root_of(leaves[:size])
        assert Range(grown.size, grown.edge).root == grown.root
        if size < 130:
            grown.append(leaves[size])
    with pytest.raises(FormatError):
        Range(3, (leaves[0],))


def test_a_damaged_state_is_an_error_and_no_new_beginning(world: World, tmp_path: Path) -> None:
    assert watch(world, tmp_path / "s", world.tree).status == 0
    file = tmp_path / "s" / vigil.NAME
    whole = file.read_text()
    for bad in (whole[:-10], whole.replace('"edge": ["', '"edge": ["AAAA', 1), "[]", "null", '{"v":1}'):
        file.write_text(bad)
        with pytest.raises(TamizdatError):
            watch(world, tmp_path / "s", world.tree)


# --- honest mirrors ---------------------------------------------------------------------------------------------------


def test_an_honest_publication_is_followed_through_its_whole_life(world: World, tmp_path: Path) -> None:
    for number in range(3, 9):
        report = watch(world, tmp_path / "s", world.tree)
        assert (report.status, texts(report)) == (0, "")
        (log,) = report.logs
        # Another implementation over all entries gives the same.
        data = (world.tree / "checkpoint").read_bytes().decode().splitlines()
        assert (str(log["size"]), log["root"]) == (data[1], base64.b64decode(data[2]).hex())
        assert WalkedLog(entries_of(world)).root(log["size"]).hex() == log["root"]
        assert log["editions"] == number - 2
        world.add(article(number))
        world.seal()


def entries_of(world: World) -> list[bytes]:
    size = int((world.tree / "checkpoint").read_text().splitlines()[1])
    return [
        entry
        for number in range(-(-size // 256))
        for entry in decode_entries(
            (world.tree / Tile("entries", number, min(256, size - number * 256)).path).read_bytes()
        )
    ]


def test_a_look_with_nothing_new_is_three_small_requests_a_mirror(world: World, tmp_path: Path) -> None:
    with web_server(world.tree) as one, web_server(world.tree) as two:
        assert watch(world, tmp_path / "s", one.url, two.url).status == 0
        one.requests.clear()
        two.requests.clear()
        report = watch(world, tmp_path / "s", one.url, two.url)
        assert (report.status, report.requests) == (0, 6)
        assert one.requests == ["/trust/2.root.json", "/trust/timestamp.json", "/checkpoint"]
        # And what is new costs what is new.
        world.add(article(5))
        world.seal()
        one.requests.clear()
        assert watch(world, tmp_path / "s", one.url).status == 0
        assert len([path for path in one.requests if path.startswith("/tile/")]) == 1


def test_one_mirror_that_is_down_is_said_and_the_others_are_followed(world: World, tmp_path: Path) -> None:
    gone = "http://127.0.0.1:9"
    report = watch(world, tmp_path / "s", gone, world.tree)
    assert report.status == 3
    assert {one["address"]: one["state"] for one in report.mirrors} == {gone: "dead", str(world.tree): "fine"}
    assert report.logs[0]["size"] > 0
    assert watch(world, tmp_path / "other", gone).status == 3


def test_a_mirror_that_lags_is_late_then_stale(world: World, tmp_path: Path) -> None:
    old = snapshot(world, tmp_path / "old")
    assert watch(world, tmp_path / "s", old, world.tree).status == 0
    world.add(article(3))
    world.seal()
    report = watch(world, tmp_path / "s", old, world.tree)
    assert (report.status, report.mirrors[0]["state"]) == (0, "late")
    report = watch(world, tmp_path / "s", old, world.tree, now=world.now + timedelta(hours=3))
    assert (report.status, report.mirrors[0]["state"]) == (3, "stale")
    # A monitor that comes for the first time knows a frozen mirror by its overdue edition.
    world.seal(days=3)
    report = watch(world, tmp_path / "fresh", old, world.tree)
    assert (report.status, report.mirrors[0]["state"]) == (3, "stale")


def test_a_mirror_that_goes_back_is_stale_at_once(world: World, tmp_path: Path) -> None:
    old = snapshot(world, tmp_path / "old")
    world.add(article(3))
    world.seal()
    with lying(world, honest) as url:
        assert watch(world, tmp_path / "s", url).status == 0

    def back(path: str, _file: bytes | None) -> Iterator[bytes]:
        file = Path(old) / path
        yield from honest(path, file.read_bytes() if file.is_file() else None)

    state = tmp_path / "s" / vigil.NAME
    with lying(world, back) as other:
        state.write_text(state.read_text().replace(url, other))
        report = watch(world, tmp_path / "s", other)
    assert report.status == 3
    assert "which it served before" in texts(report)
    assert report.logs[0]["size"] > Checkpointed(Path(old)).size  # and nothing was forgotten


class Checkpointed:
    def __init__(self, tree: Path) -> None:
        self.size = int((tree / "checkpoint").read_text().splitlines()[1])


def test_trust_files_that_nobody_renews_are_noticed_before_they_expire(world: World, tmp_path: Path) -> None:
    assert watch(world, tmp_path / "s", world.tree, now=world.now + timedelta(hours=12)).status == 0
    report = watch(world, tmp_path / "s", world.tree, now=world.now + timedelta(days=8))
    assert report.status == 3
    assert "timestamp metadata expires in" in texts(report)
    assert "no new edition since" in texts(report)
    report = watch(world, tmp_path / "s", world.tree, now=world.now + timedelta(days=15))
    assert "timestamp metadata expired" in texts(report)
    assert report.status == 3  # true bytes stay true


# --- two histories ----------------------------------------------------------------------------------------------------


def test_a_fork_shown_by_one_of_two_mirrors_is_evidence_at_the_first_look(world: World, tmp_path: Path) -> None:
    other = branch(world, tmp_path / "fork")
    world.add(article(3))
    other.add(article(33))
    world.seal()
    other.seal()
    report = watch(world, tmp_path / "s", world.tree, other.tree)
    assert report.status == 5
    assert proved(report, world) == ["fork"]
    # Whoever gets the file sees the same, with the pin alone.
    (alarm,) = report.alarms
    assert main(["verify", str(alarm.evidence), "--trust", world.pin, "--no-memory"]) == 5


@pytest.mark.parametrize("more", [0, 1, 3])
def test_a_fork_shown_later_is_proved_by_the_logs_own_tiles(world: World, tmp_path: Path, more: int) -> None:
    """The second history is shorter than, as long as, or longer than the first one."""
    other = branch(world, tmp_path / "fork")
    world.add(article(3), article(4))
    world.seal()
    assert watch(world, tmp_path / "s", world.tree).status == 0
    known = Checkpointed(world.tree).size
    for number in range(more):
        other.add(article(30 + number))
    other.seal()
    report = watch(world, tmp_path / "s", other.tree, world.tree)
    assert report.status == 5, texts(report)
    assert proved(report, world) == ["fork"]
    assert report.logs[0]["size"] == known  # the history seen first is the one followed
    assert (Checkpointed(other.tree).size > known) == (more == 3)


def test_an_alarm_stays_until_it_is_acknowledged_and_does_not_come_back(world: World, tmp_path: Path) -> None:
    other = branch(world, tmp_path / "fork")
    world.add(article(3))
    other.add(article(33))
    world.seal()
    other.seal()
    assert watch(world, tmp_path / "s", world.tree, other.tree).status == 5
    assert watch(world, tmp_path / "s", world.tree).status == 5
    watching = Monitor([str(world.tree)], pin=world.pin, folder=tmp_path / "s")
    assert len(watching.acknowledge()) == 1
    assert watch(world, tmp_path / "s", world.tree).status == 0
    # The mirror still shows what readers must not be shown; the evidence is known.
    assert watch(world, tmp_path / "s", world.tree, other.tree).status == 4
    assert len(list((tmp_path / "s/evidence").iterdir())) == 1


def test_two_signed_roots_of_one_version_are_evidence(world: World, tmp_path: Path) -> None:
    from mirror.publication import read_key
    from signing import authority

    online, root = world.publication.key("online"), read_key(world.publication.folder / "keys" / "root.key")
    views = []
    for name in ("one", "two"):
        tree = Path(snapshot(world, tmp_path / name))

        def read(path: str, _cap: int = 0, tree: Path = tree) -> bytes | None:
            return (tree / path).read_bytes() if (tree / path).is_file() else None

        document = json.loads(next((tree / "trust/targets").glob("*.trust.json")).read_bytes())
        document["name"] = f"World {name}"
        text = json.dumps(document, separators=(",", ":")).encode()
        files = authority.retarget(read, (root,), online, text, world.now)
        for path, data in files.items():
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            (tree / path).write_bytes(data)
        views.append(tree)
    report = watch(world, tmp_path / "s", *views)
    assert report.status == 5
    assert set(proved(report, world)) == {"trust"}


def authored(tree: Path, make: Callable[[Callable[[str], bytes | None]], dict[str, bytes]]) -> None:
    """Put into a tree the trust files that `make` makes of those that are there."""
    for path, data in make(lambda path: (tree / path).read_bytes() if (tree / path).is_file() else None).items():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_bytes(data)


def renamed(tree: Path, name: str) -> bytes:
    document = json.loads(next((tree / "trust/targets").glob("*.trust.json")).read_bytes())
    return json.dumps({**document, "name": f"World {name}"}, separators=(",", ":")).encode()


def test_a_root_key_that_counted_alone_once_accuses_nobody_who_knows_the_newer_root(
    world: World, tmp_path: Path
) -> None:
    from signing import authority

    key, now = world.publication.key, world.now
    shares = (key("root"), SignerKey("second", b"2" * 32), SignerKey("third", b"3" * 32))
    online = key("online")
    public = Path(snapshot(world, tmp_path / "public"))
    authored(
        public, lambda read: authority.rotate(
            read, signers=shares[:1], root=shares, threshold=2, online=online, now=now,
        ),
    )  # fmt: skip
    evil = []
    for name in ("one", "two"):  # what the stolen one signs, under the first root, with the version of today
        tree = Path(snapshot(world, tmp_path / name))
        text = renamed(tree, name)
        authored(tree, lambda read, text=text: authority.retarget(read, shares[:1], online, text, now))  # type: ignore[misc]
        evil.append(tree)
    newest = {max(file.name for file in (tree / "trust").glob("*.targets.json")) for tree in (public, *evil)}
    assert len(newest) == 1
    orders = {
        "known": [[public], evil],
        "at once": [[*evil, public]],
        "met later": [evil[:1], [evil[1], public], evil],
    }
    for name, looks in orders.items():
        for mirrors in looks:
            report = watch(world, tmp_path / name, *mirrors)
            assert report.status < 5, (name, texts(report))
            assert not report.alarms
        assert proved(report, world) == []
    # To somebody who knows no newer root, they are two statements.
    assert proved(watch(world, tmp_path / "apart", *evil), world) == ["trust"]


def test_two_of_three_root_keys_that_contradict_themselves_are_still_accused(world: World, tmp_path: Path) -> None:
    from signing import authority

    key, now = world.publication.key, world.now
    shares = (key("root"), SignerKey("second", b"2" * 32), SignerKey("third", b"3" * 32))
    online = key("online")
    authored(
        world.tree, lambda read: authority.rotate(
            read, signers=shares[:1], root=shares, threshold=2, online=online, now=now,
        ),
    )  # fmt: skip
    trees = [Path(snapshot(world, tmp_path / name)) for name in ("one", "two")]
    for tree in trees:
        text = renamed(tree, tree.name)
        authored(tree, lambda read, text=text: authority.retarget(read, shares[:2], online, text, now))  # type: ignore[misc]
    report = watch(world, tmp_path / "s", *trees)
    assert (report.status, proved(report, world)) == (5, ["trust"])


def test_two_timestamps_of_one_version_are_no_evidence(world: World, tmp_path: Path) -> None:
    from signing import authority

    trees = [Path(snapshot(world, tmp_path / name)) for name in ("one", "two")]
    online = world.publication.key("online")
    for hours, tree in enumerate(trees, 1):
        now = world.now + timedelta(hours=hours)
        authored(tree, lambda read, now=now: authority.refresh(read, online, now))  # type: ignore[misc]
    report = watch(world, tmp_path / "s", *trees)
    assert (report.status, report.alarms) == (4, [])
    assert "two different timestamp files are both version" in texts(report)


# --- mirrors that lie -------------------------------------------------------------------------------------------------


def test_a_tile_of_entries_without_end_is_cut_where_no_tile_of_ours_goes_on(world: World, tmp_path: Path) -> None:
    def endless(path: str, file: bytes | None) -> Iterator[bytes]:
        if not path.startswith("tile/entries"):
            yield from honest(path, file)
            return
        yield b"HTTP/1.1 200 OK\r\n\r\n"
        for _ in range(500):
            yield b"\0" * 65536

    with lying(world, endless) as url:
        report = watch(world, tmp_path / "s", url)
    assert report.status == 3
    assert f"more than the {256 * 302} bytes expected" in texts(report)


def test_what_only_a_mirror_made_up_is_no_evidence_and_is_gone_with_it(world: World, tmp_path: Path) -> None:
    checkpoint = (world.tree / "checkpoint").read_bytes()
    origin = checkpoint.split(b"\n")[0].decode()
    size = Checkpointed(world.tree).size
    tile = Tile("entries", 0, size).path
    swapped = decode_entries((world.tree / tile).read_bytes())
    swapped[0], swapped[1] = swapped[1], swapped[0]
    forged = Checkpoint(origin, size, b"\1" * 32).text + checkpoint[checkpoint.index(b"\n\n") + 1 :]
    lies: dict[str, tuple[dict[str, bytes], int]] = {
        "an unsigned checkpoint": ({"checkpoint": forged}, 4),
        "no checkpoint at all": ({"checkpoint": b"\0" * 300}, 4),
        "another log's checkpoint": ({"checkpoint": checkpoint.replace(origin.encode(), b"x.example/log/1")}, 4),
        "entries in another order": ({tile: encode_entries(swapped)}, 4),
        "entries cut short": ({tile: encode_entries(swapped[:-1])}, 4),
        "entries that are none": ({tile: b"\xff" * 50}, 4),
        "a web page for everything": ({}, 4),
        "a timestamp of nobody's": ({"trust/timestamp.json": b"{}"}, 4),
    }
    for number, (what, (files, status)) in enumerate(lies.items()):

        def lie(path: str, file: bytes | None, files: dict[str, bytes] = files, what: str = what) -> Iterator[bytes]:
            if what.startswith("a web page"):
                yield answer(b"<html>hello</html>")
            else:
                yield from honest(path, files.get(path, file))

        state = tmp_path / f"s{number}"
        with lying(world, lie) as url:
            report = watch(world, state, url)
            assert (report.status, report.alarms) == (status, []), what
            assert report.mirrors[0]["state"] == "invalid", what
            # Beside an honest mirror the log is followed all the same.
            report = watch(world, state, url, world.tree)
            assert report.logs[0]["size"] == size, what
            assert [one["state"] for one in report.mirrors][1] == "fine", what
        assert watch(world, state, world.tree).status == 0, what


def test_a_mirror_that_trickles_or_hangs_costs_a_deadline_and_no_more(world: World, tmp_path: Path) -> None:
    ended: list[str] = []

    def trickle(path: str, _file: bytes | None) -> Iterator[bytes]:
        for _ in range(600):
            yield b"H"
            time.sleep(0.1)
        ended.append(path)

    with lying(world, trickle) as url:
        report = watch(world, tmp_path / "s", url, world.tree)
        assert ended == [], "nobody waits for the end"
    assert (report.status, report.mirrors[0]["state"]) == (3, "dead")


def test_a_mirror_that_withholds_what_a_checkpoint_promises_is_named(world: World, tmp_path: Path) -> None:
    def without_entries(path: str, file: bytes | None) -> Iterator[bytes]:
        yield from honest(path, None if path.startswith("tile/entries") else file)

    with lying(world, without_entries) as url:
        report = watch(world, tmp_path / "s", url)
        assert report.status == 3
        assert "no mirror has them" in texts(report)
        assert watch(world, tmp_path / "s", url, world.tree).logs[0]["size"] == Checkpointed(world.tree).size


def test_an_interrupted_first_look_goes_on_where_it_stopped(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mirror import monitor

    monkeypatch.setattr(monitor, "SAVE_EVERY", 1)
    long = Tampering(world, tmp_path / "long")
    entry = next(one for one in entries_of(world) if b"\narticle\n" in one)
    long.append(*[entry] * 300)
    size = Checkpointed(long.tree).size
    assert size > 300
    asked: list[str] = []

    def cut(path: str, file: bytes | None) -> Iterator[bytes]:
        asked.append(path)
        yield from honest(path, None if path.startswith("tile/entries/001") else file)

    with Liar(long.tree, cut) as liar:
        assert watch(world, tmp_path / "s", liar.url).status == 3
    state = vigil.load(tmp_path / "s")
    (followed,) = state.logs.values()
    assert followed.tally.range.size == 0
    assert followed.under_way is not None
    assert followed.under_way.range.size == 256
    with web_server(long.tree) as web:
        report = watch(world, tmp_path / "s", web.url)
        assert (report.status, report.logs[0]["size"]) == (0, size)
        assert "/tile/entries/000" not in web.requests
    # Had the mirror of the first look lied, the second one would have begun again.
    lied = tmp_path / "lied"
    state.logs[followed_origin(state)].under_way = vigil.Tally(range=Range(1, (b"x" * 32,)))
    vigil.save(made(lied), state)
    assert watch(world, lied, long.tree).logs[0]["size"] == size


def followed_origin(state: vigil.State) -> str:
    (origin,) = state.logs
    return origin


def test_a_monitor_killed_at_any_moment_goes_on_from_a_whole_state(
    world: World, tmp_path: Path, everything: bool
) -> None:
    """Every look sees a longer log; whenever it is killed, what it knows is a beginning of that log."""
    chance = random.Random(11)
    state = made(tmp_path / "s")
    command = [sys.executable, "-m", "mirror.cli", "monitor", str(world.tree), "--trust", world.pin,
               "--state", str(state), "--every", "1", "--json"]  # fmt: skip
    known = 0
    for number in range(12 if everything else 3):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
            assert running.stdout is not None
            running.stdout.readline()
            world.add(*(article(1000 + 10 * number + one) for one in range(4)))
            world.seal()
            time.sleep(chance.uniform(0.0, 1.2))
            running.kill()
        remembered = vigil.load(state)
        (followed,) = remembered.logs.values()
        size = followed.tally.range.size
        assert known <= size <= Checkpointed(world.tree).size
        assert WalkedLog(entries_of(world)).root(size) == followed.tally.range.root
        known = size
    assert watch(world, state, world.tree).logs[0]["size"] == Checkpointed(world.tree).size
    assert not vigil.load(state).alarms


def test_a_log_that_claims_to_be_endless_is_not_read_without_end(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mirror import monitor

    monkeypatch.setattr(monitor, "MAX_TILES", 3)
    monkeypatch.setattr(monitor, "SAVE_EVERY", 1)
    key = world.publication.key("log")
    huge = checkpoints.sign(Checkpoint(key.name, 1 << 60, b"\4" * 32), key)
    tile = encode_entries([b"x" * 20] * 256)
    asked: list[str] = []

    def endless(path: str, file: bytes | None) -> Iterator[bytes]:
        asked.append(path)
        yield from honest(path, huge if path == "checkpoint" else tile if path.startswith("tile/entries") else file)

    with lying(world, endless) as url:
        report = watch(world, tmp_path / "s", url)
    assert report.status == 3
    assert "the next look goes on" in texts(report)
    assert len([path for path in asked if path.startswith("tile")]) == 3


# --- what a log may not hold ------------------------------------------------------------------------------------------


class Tampering:
    """A tree whose log was continued by somebody who has the log's key."""

    def __init__(self, world: World, folder: Path) -> None:
        self.tree = Path(snapshot(world, folder))
        self.key = world.publication.key("log")

    def append(self, *entries: bytes) -> None:
        head = checkpoints.open_checkpoint((self.tree / "checkpoint").read_bytes(), self.key.verifier, self.key.name)
        tree = Tree.load(head.size, head.root, lambda path: (self.tree / path).read_bytes())
        for entry in entries:
            tree.append(entry)
        for path, data in tree.files().items():
            (self.tree / path).parent.mkdir(parents=True, exist_ok=True)
            (self.tree / path).write_bytes(data)
        new = Checkpoint(self.key.name, tree.size, tree.root)
        (self.tree / "checkpoint").write_bytes(checkpoints.sign(new, self.key))


def test_an_entry_that_is_none_raises_an_alarm_that_stays(world: World, tmp_path: Path) -> None:
    bad = Tampering(world, tmp_path / "bad")
    bad.append(b"tamizdat entry v1\nsecret\n")
    report = watch(world, tmp_path / "s", bad.tree)
    assert report.status == 4
    assert f"entry {Checkpointed(world.tree).size} of the log" in texts(report)
    assert watch(world, tmp_path / "s", bad.tree).status == 4


def test_an_edition_logged_twice_or_never_signed_raises_an_alarm(world: World, tmp_path: Path) -> None:
    entries = entries_of(world)
    edition = next(one for one in entries if b"\nedition\n" in one)
    article_entry = next(one for one in entries if b"\narticle\n" in one)
    twice = Tampering(world, tmp_path / "twice")
    twice.append(edition)
    report = watch(world, tmp_path / "s", twice.tree)
    assert report.status == 4
    assert "serials grow by one" in texts(report)
    # An article's bundle passed off as an edition.
    lines = article_entry.decode().split("\n")
    posing = "\n".join([lines[0], "edition", "-", "-", *lines[4:]]).encode()
    other = Tampering(world, tmp_path / "posing")
    other.append(posing)
    report = watch(world, tmp_path / "s2", other.tree)
    assert report.status == 4
    assert "that is none" in texts(report)


def test_a_trust_file_made_for_one_reader_is_noticed_because_it_is_in_no_log(world: World, tmp_path: Path) -> None:
    from mirror.publication import read_key
    from signing import authority

    tree = Path(snapshot(world, tmp_path / "private"))
    document = json.loads(next((tree / "trust/targets").glob("*.trust.json")).read_bytes())
    document["name"] = "World, for you alone"
    root = read_key(world.publication.folder / "keys" / "root.key")

    def read(path: str, _cap: int = 0) -> bytes | None:
        return (tree / path).read_bytes() if (tree / path).is_file() else None

    text = json.dumps(document, separators=(",", ":")).encode()
    for path, data in authority.retarget(read, (root,), world.publication.key("online"), text, world.now).items():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_bytes(data)
    assert watch(world, tmp_path / "s", tree, world.tree).status == 0  # it may be on its way into the log
    world.add(article(7))
    world.now += timedelta(hours=2)
    world.seal()
    report = watch(world, tmp_path / "s", tree, world.tree)
    assert report.status == 4
    assert "made for somebody alone" in texts(report)


# --- the command ------------------------------------------------------------------------------------------------------


def test_the_command_tells_the_hook_what_changed_and_only_that(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    now = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=5)
    world = World(tmp_path / "publication", now=now)
    world.add(article(1))
    world.seal()
    heard = tmp_path / "heard"
    script = tmp_path / "hook.py"
    script.write_text(f"import sys; open({str(heard)!r}, 'ab').write(sys.stdin.buffer.read() + b'\\n')")
    good, gone = str(world.tree), "http://127.0.0.1:9"
    common = ["--trust", world.pin, "--hook", f"{sys.executable} {script}"]
    assert main(["monitor", good, *common]) == 0
    assert not heard.exists()
    for _ in range(3):
        assert main(["monitor", good, gone, *common]) == 3
    assert [json.loads(line)["status"] for line in heard.read_text().splitlines()] == [3]
    assert main(["monitor", good, *common]) == 0
    assert [json.loads(line)["status"] for line in heard.read_text().splitlines()] == [3, 0]
    # A hook that fails is said, and told again.
    bad = ["--trust", world.pin, "--hook", f"{sys.executable} -c 'import sys; sys.exit(9)'"]
    assert main(["monitor", good, gone, *bad]) == 3
    assert "ended with status 9" in capsys.readouterr().err
    assert main(["monitor", good, gone, *common]) == 3
    assert len(heard.read_text().splitlines()) == 3
    capsys.readouterr()
    assert main(["monitor", good, "--trust", world.pin, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["status"], found["logs"][0]["editions"]) == (0, 1)
    assert main(["monitor", "--trust", world.pin, "--acknowledge"]) == 0


def test_the_command_refuses_what_makes_no_sense(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    pin = "sha256:" + "0" * 64
    assert main(["monitor", "--trust", pin]) == 2
    assert main(["monitor", str(tmp_path)]) == 2
    assert main(["monitor", str(tmp_path), "--trust", "sha256:zz"]) == 2
    assert main(["monitor", str(tmp_path), "--trust", pin, "--hook", "'"]) == 2
    assert main(["monitor", str(tmp_path), "--trust", pin, "--every", "0"]) == 2
    assert main(["monitor", str(tmp_path), "--trust", pin, "--witness", str(tmp_path / "none")]) == 2
    assert main(["monitor", str(tmp_path), "--trust", pin, "--state", str(tmp_path / "s")]) == 3
    (tmp_path / "bad.policy").write_text("quorum nobody\n")
    assert main(["monitor", str(tmp_path), "--trust", pin, "--witness", str(tmp_path / "bad.policy")]) == 2


def test_a_folder_of_one_publication_watches_no_other(world: World, tmp_path: Path) -> None:
    assert watch(world, tmp_path / "s", world.tree).status == 0
    with pytest.raises(DoNotTrust):
        Monitor([str(world.tree)], pin="sha256:" + "1" * 64, folder=tmp_path / "s")
    assert Monitor([str(world.tree)], pin=None, folder=tmp_path / "s").look(world.now).status == 0
    with pytest.raises(Unpinned):
        Monitor([str(world.tree)], pin=None, folder=made(tmp_path / "new"))


def test_a_root_file_can_be_the_pin_and_another_publication_is_refused(world: World, tmp_path: Path) -> None:
    other = World(tmp_path / "other", origin="other.example")
    other.seal()
    report = watch(world, tmp_path / "s", other.tree, world.tree)
    assert report.status == 4
    assert [one["state"] for one in report.mirrors] == ["invalid", "fine"]
