"""Packed mirrors: the same mirror in a few files, whatever is deleted, merged, lost or broken off in between."""

from __future__ import annotations

import contextlib
import hashlib
import io
import itertools
import json
import os
import random
import shutil
import zipfile
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mirror import packed
from mirror.archive import Archive
from mirror.cli import main
from mirror.config import TargetConfig
from mirror.known import Memory
from mirror.packed import List, Pack
from mirror.publish import publish
from mirror.read import ReadError, WebMirror, open_mirror
from mirror.sweep import check_mirror
from mirror.targets import Target, TargetError, open_target
from mirror.targets._packing import Packing
from mirror.targets.memory import MemoryTarget
from signing.errors import FormatError
from signing.packing import gzip_bytes
from tests.servers.web import WebServer, web_server
from tests.targets.suite import PLAIN, TargetSuite, no_secrets
from tests.world import World, article, picture


class TestPacking(TargetSuite):
    @pytest.fixture
    def again(self, tmp_path: Path) -> Callable[[], Target]:
        (tmp_path / "host").mkdir()
        numbers = itertools.count(1)

        def opened() -> Target:
            # The first one publishes. The others are readers elsewhere: what they see was committed.
            inner = open_target("disk", str(tmp_path / "host"), {}, no_secrets)
            number = next(numbers)
            return Packing(inner, tmp_path / "state" if number == 1 else tmp_path / f"state{number}")

        return opened

    def test_what_goes_in_comes_out(self, target: Target, again: Callable[[], Target]) -> None:
        target.put("o/ab/cd", b"news", PLAIN)
        target.flush()
        assert target.get("o/ab/cd") == b"news"
        other = again()
        assert other.get("o/ab/cd") is None  # staged: not before the commit
        target.commit({"front": b"1"})
        later = again()
        assert later.get("o/ab/cd") == b"news"
        other.close()
        later.close()


class Host:
    """A store whose requests are counted, with a packing target before it that can be opened anew."""

    def __init__(self, folder: Path, *, fan: int = 4, pack: int = packed.PACK) -> None:
        self.inner = MemoryTarget(name="host")
        self.state, self._fan, self._pack = folder / "state", fan, pack
        self.target = self.open()

    def open(self) -> Packing:
        self.target = Packing(self.inner, self.state, fan=self._fan, pack=self._pack)
        return self.target

    def seal(self, files: Mapping[str, bytes], *, gone: tuple[str, ...] = (), front: bytes = b"1") -> None:
        for key, data in files.items():
            self.target.put(key, data, PLAIN)
        self.target.flush()
        self.target.delete(gone)
        self.target.commit({"front": front})

    @property
    def packs(self) -> list[str]:
        return sorted(key for key in self.inner.files if key.startswith("pack/"))

    def unzipped(self) -> dict[str, bytes]:
        """What somebody with unzip gets: every pack of the list, the oldest first."""
        found: dict[str, bytes] = {}
        for pack in reversed(packed.parse_list(self.inner.files["packs"][0]).packs):
            with zipfile.ZipFile(io.BytesIO(self.inner.files[pack.path][0])) as archive:
                assert archive.testzip() is None
                found |= {name: archive.read(name) for name in archive.namelist() if name != packed.INDEX_NAME}
        return found


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def names(count: int, start: int = 0) -> dict[str, bytes]:
    made = {}
    for number in range(start, start + count):
        data = random.Random(number).randbytes(900)
        digest = hashlib.sha256(data).hexdigest()
        made[f"o/{digest[:2]}/{digest[2:]}"] = data
    return made


def test_a_seal_is_one_file_whatever_it_holds(host: Host) -> None:
    files = names(300)
    host.seal({**files, "tile/0/000.p/5": b"tile", "trust/1.root.json": b"{}"})
    assert set(host.inner.files) == {"front", "packs", "tile/0/000.p/5", "trust/1.root.json", *host.packs}
    assert len(host.packs) == 1
    assert host.unzipped() == files
    name = host.packs[0][5:37]
    assert hashlib.sha256(host.inner.files[host.packs[0]][0]).hexdigest()[:32] == name
    assert host.inner.files[host.packs[0]][1].content_type == "application/zip"
    assert host.inner.files["packs"][1].cache_control == "no-cache"


def test_a_seal_without_objects_leaves_the_packs_alone(host: Host) -> None:
    host.seal(names(3))
    before = dict(host.inner.files)
    host.seal({}, front=b"2")
    assert host.inner.files.pop("front")[0] == b"2"
    before.pop("front")
    assert host.inner.files == before


def test_two_hundred_seals_are_a_few_packs_and_each_byte_was_sent_a_few_times(host: Host) -> None:
    sent = 0
    put = host.inner.put

    def counted(key: str, data: bytes, meta: object) -> None:
        nonlocal sent
        sent += len(data) if key.startswith("pack/") else 0
        put(key, data, meta)  # type: ignore[arg-type]

    host.inner.put = counted  # type: ignore[method-assign]
    wanted: dict[str, bytes] = {}
    most = 0
    for turn in range(200):
        files = names(3, start=3 * turn)
        wanted |= files
        host.seal(files)
        most = max(most, len(host.packs))
    assert most <= 20
    assert host.unzipped() == wanted
    assert list(host.target.list("o/")) == sorted(wanted)
    # 600 files of 900 bytes; each goes up with its seal and once for each of the tiers there are.
    assert sent < 600 * 1200 * 6


def test_what_is_deleted_is_gone_from_every_pack(host: Host) -> None:
    secret = b"the name of a source " * 40
    files = {**names(5), "o/aa/" + "b" * 62: secret}
    host.seal(files)
    host.seal(names(5, start=5))
    host.seal({}, gone=("o/aa/" + "b" * 62, "o/zz/never-there"))
    assert not any(secret in data for data, _ in host.inner.files.values())
    assert host.target.get("o/aa/" + "b" * 62) is None
    assert host.unzipped() == {**names(10)}
    assert not any(secret in file.read_bytes() for file in host.state.rglob("*") if file.is_file())


def test_a_pack_of_nothing_but_what_was_deleted_goes(host: Host) -> None:
    files = names(3)
    host.seal(files)
    host.seal({}, gone=tuple(files))
    assert host.packs == []
    assert packed.parse_list(host.inner.files["packs"][0]).packs == ()
    assert list(host.target.list()) == ["front"]


def test_the_newer_bytes_of_a_proof_count(host: Host) -> None:
    key = "proof/ab/" + "c" * 62
    host.seal({key: b"old", **names(2)})
    host.seal({key: b"new"})
    assert host.target.get(key) == b"new"
    assert host.unzipped()[key] == b"new"
    for turn in range(8):  # merged
        host.seal(names(1, start=50 + turn))
    assert host.target.get(key) == b"new"


def test_the_list_comes_before_the_pointers_and_the_packs_before_the_list(host: Host) -> None:
    order: list[str] = []
    put = host.inner.put
    host.inner.put = lambda key, data, meta: (order.append(key), put(key, data, meta))[1]  # type: ignore[method-assign]
    host.seal(names(2))
    assert [key.partition("/")[0] for key in order] == ["pack", "packs", "front"]


def test_a_push_broken_off_anywhere_is_finished_by_the_next_and_leaves_no_pack_behind(tmp_path: Path) -> None:
    for at in range(1, 60):
        host = Host(tmp_path / str(at))
        wanted = {}
        for turn in range(5):
            wanted |= names(2, start=2 * turn)
            if turn == 3:
                gone = next(iter(wanted))
                del wanted[gone]
            broken = _break(host.inner, after=at - 10 * turn)
            try:
                host.seal(names(2, start=2 * turn), gone=(gone,) if turn == 3 else (), front=b"%d" % turn)
            except ZeroDivisionError:
                broken()
                host.open()  # a new process; the journal's cursor had not moved, so it puts the same again
                host.seal(names(2, start=2 * turn), gone=(gone,) if turn == 3 else (), front=b"%d" % turn)
            broken()
            assert host.unzipped() == wanted, at
        host.seal(names(1, start=90))
        listed = {one.path for one in packed.parse_list(host.inner.files["packs"][0]).packs}
        assert set(host.packs) == listed, at


def _break(inner: MemoryTarget, *, after: int) -> Callable[[], None]:
    """The so-many-th request from now on and all later ones raise; returns what mends it."""
    calls = itertools.count(1)
    kept = {name: getattr(inner, name) for name in ("put", "get", "delete", "commit")}

    def guarded(name: str) -> Callable[..., object]:
        def call(*arguments: object) -> object:
            if next(calls) >= after > 0:
                raise ZeroDivisionError
            return kept[name](*arguments)

        return call

    for name in kept:
        setattr(inner, name, guarded(name))

    def mend() -> None:
        for name, method in kept.items():
            setattr(inner, name, method)

    return mend


def test_lost_state_is_read_back_from_the_host(host: Host) -> None:
    files = names(4)
    host.seal(files)
    host.seal(names(4, start=4))
    shutil.rmtree(host.state)
    host.open()
    assert host.target.get(next(iter(files))) == next(iter(files.values()))
    host.seal(names(4, start=8), gone=(next(iter(files)),))
    assert host.unzipped() == {key: data for key, data in names(12).items() if key != next(iter(files))}


def test_a_host_that_was_emptied_gets_a_new_list(host: Host) -> None:
    host.seal(names(4))
    host.inner.files.clear()
    host.open()
    host.seal(names(2))
    assert host.unzipped() == names(2)


def test_a_power_cut_takes_nothing_that_was_flushed_and_half_a_record_is_forgotten(host: Host) -> None:
    files = names(3)
    for key, data in files.items():
        host.target.put(key, data, PLAIN)
    host.target.flush()
    spool = host.state / "spool"
    whole = spool.read_bytes()
    spool.write_bytes(whole + whole[:200])
    host.open()
    host.target.commit({"front": b"1"})
    assert host.unzipped() == files
    assert not spool.exists()


def test_a_first_push_sends_packs_before_the_end_and_lists_them_at_the_end(tmp_path: Path) -> None:
    host = Host(tmp_path, pack=20_000)
    files = names(100)
    keys = list(files)
    for number, key in enumerate(keys):
        host.target.put(key, files[key], PLAIN)
        if number % 30 == 29:
            host.target.flush()
    assert len(host.packs) >= 3
    assert "packs" not in host.inner.files
    host.target.delete((keys[0],))
    host.open()  # a new process in between
    host.target.commit({"front": b"1"})
    del files[keys[0]]
    assert host.unzipped() == files
    assert set(host.packs) == {one.path for one in packed.parse_list(host.inner.files["packs"][0]).packs}


def test_no_changed_object_is_copied_out_of_a_pack_and_what_is_sent_again_makes_it_whole(host: Host) -> None:
    proof = "proof/ab/" + "c" * 62
    files = {**names(4), proof: b"a proof, which nothing names"}
    forged, kept, *_ = files
    host.seal(files)
    data, meta = host.inner.files[host.packs[0]]
    host.inner.files[host.packs[0]] = data.replace(files[forged][:9], b"forged!!!"), meta
    host.open()
    assert host.target.get(forged) is None
    assert host.target.get(kept) == files[kept]
    host.seal({}, gone=(kept,))
    assert not any(b"forged!!!" in stored for stored, _ in host.inner.files.values())
    host.seal({forged: files[forged], kept: files[kept]})  # what a repair does
    assert host.unzipped() == files


def test_what_is_sent_again_takes_the_place_of_what_was_changed(host: Host) -> None:
    files = names(4)
    forged = next(iter(files))
    host.seal(files)
    data, meta = host.inner.files[host.packs[0]]
    host.inner.files[host.packs[0]] = data.replace(files[forged][:9], b"forged!!!"), meta
    host.open()
    host.seal({forged: files[forged]})
    assert not any(b"forged!!!" in stored for stored, _ in host.inner.files.values())
    assert host.unzipped() == files


def test_a_pack_that_is_gone_is_forgotten_once_its_files_are_sent_again(host: Host) -> None:
    files = names(4)
    host.seal(files)
    host.seal(names(2, start=10))
    del host.inner.files[packed.parse_list(host.inner.files["packs"][0]).packs[1].path]
    host.open()
    assert host.target.get(next(iter(files))) is None
    host.seal(files)
    assert host.unzipped() == {**files, **names(2, start=10)}


def test_a_list_that_somebody_changed_is_said_to_be(host: Host) -> None:
    host.seal(names(1))
    host.inner.files["packs"] = b"<html>", PLAIN
    host.open()
    with pytest.raises(TargetError, match="packs: ") as caught:
        host.seal(names(1, start=9))
    assert "delete it" in str(caught.value.hint)


# --- the list and the index are hostile input ----------------------------------------------------------------------

GOOD = Pack(name="ab" * 16, size=500, index_offset=400, index_size=100)


def test_a_list_is_written_in_one_way_and_read_back() -> None:
    listed = List(serial=7, packs=(GOOD, Pack(name="cd" * 16, size=9, index_offset=0, index_size=9)))
    assert packed.parse_list(packed.list_bytes(listed)) == listed
    assert packed.parse_list(packed.list_bytes(List())) == List()


@pytest.mark.parametrize(
    "change",
    [
        lambda one: one | {"v": 2},
        lambda one: one | {"kind": "front"},
        lambda one: one | {"more": 1},
        lambda one: one | {"serial": -1},
        lambda one: one | {"serial": True},
        lambda one: one | {"packs": {}},
        lambda one: one | {"packs": [one["packs"][0], one["packs"][0]]},
        lambda one: one | {"packs": [["../etc/passwd", 500, 400, 100]]},
        lambda one: one | {"packs": [["ab" * 16, 500, 401, 100]]},
        lambda one: one | {"packs": [["ab" * 16, 500, 400, 0]]},
        lambda one: one | {"packs": [["ab" * 16, 1 << 40, 400, 100]]},
        lambda one: one | {"packs": [["ab" * 16, 500, 400]]},
        lambda one: one | {"packs": [["ab" * 16, "500", 400, 100]]},
        lambda one: [one],
    ],
)
def test_a_list_that_is_none_is_refused(change: Callable[[dict[str, object]], object]) -> None:
    good = json.loads(packed.list_bytes(List(serial=1, packs=(GOOD,))))
    with pytest.raises(FormatError):
        packed.parse_list(json.dumps(change(good)).encode())


@pytest.mark.parametrize(
    "stored",
    [
        b"",
        b"not gzip",
        gzip_bytes(b"0 1 o/ab/cd\n")[:-3],
        gzip_bytes(b"0 1 o/ab/cd\n") + b"more",
        gzip_bytes(b"0 1 o/ab/cd"),
        gzip_bytes(b"0 501 o/ab/cd\n"),
        gzip_bytes(b"-1 1 o/ab/cd\n"),
        gzip_bytes(b"0 1 /etc/passwd\n"),
        gzip_bytes(b"0 1 \xd0\xb0\n"),
        gzip_bytes(bytes(packed.INDEX_UNPACKED + 1)),
        gzip_bytes(b"0 1 o/ab/cd\n" * (packed.FILES + 1)),
    ],
)
def test_an_index_that_is_none_is_refused(stored: bytes) -> None:
    with pytest.raises(FormatError):
        packed.parse_index(stored, 500)


# --- for readers ---------------------------------------------------------------------------------------------------


class Stand:
    """A publication whose one mirror is packed."""

    def __init__(self, folder: Path) -> None:
        self.world = World(folder / "publication")
        self.mirror = folder / "mirror"
        self.mirror.mkdir()
        self.config = TargetConfig(name="m", url=str(self.mirror), packs=True)

    def news(self, *numbers: int) -> list[str]:
        shown, data = picture(numbers[0])
        more = {"resources": (shown,), "words": 4000}
        digests = self.world.add(article(numbers[0], **more), objects={shown.digest: data})  # type: ignore[arg-type]
        digests += self.world.add(*[article(number) for number in numbers[1:]])
        self.seal()
        return digests

    def seal(self) -> None:
        self.world.seal()
        with Archive(self.world.publication.folder, reserve=0) as archive:
            target = self.world.publication.open_target(self.config)
            with contextlib.closing(target):
                publish(archive, target, self.config, now="2031-04-02T09:00:00Z")

    def verify(self, where: str) -> int:
        with contextlib.closing(open_mirror(where)) as mirror:
            return check_mirror(mirror, pin=self.world.pin, memory=Memory(None), now=self.world.now).status


@pytest.fixture
def stand(tmp_path: Path) -> Stand:
    return Stand(tmp_path)


@pytest.fixture
def web(stand: Stand) -> Iterator[WebServer]:
    with web_server(stand.mirror) as web:
        yield web


def files(folder: Path) -> list[str]:
    return sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())


@pytest.mark.parametrize("ranges", [True, False])
def test_a_reader_reads_a_packed_mirror_like_any_other(stand: Stand, web: WebServer, ranges: bool) -> None:
    digests = [*stand.news(1, 2, 3), *stand.news(4, 5)]
    web.ranges = ranges
    assert not [path for path in files(stand.mirror) if path.startswith(("o/", "proof/"))]
    with contextlib.closing(WebMirror(web.url)) as mirror:
        for digest in digests:
            stored = mirror.get(f"o/{digest[:2]}/{digest[2:]}", 1 << 20)
            assert stored is not None
            assert hashlib.sha256(stored).hexdigest() == digest
        assert mirror.get("o/ab/" + "c" * 62, 1 << 20) is None
        asked = mirror.requests
        mirror.get(f"proof/{digests[0][:2]}/{digests[0][2:]}", 1 << 16)
        # What was learned is kept: one range, or nothing at all where the whole pack had to be read.
        assert mirror.requests - asked <= 1
        with pytest.raises(ReadError, match="expected"):
            mirror.get(f"o/{digests[0][:2]}/{digests[0][2:]}", 10)


def test_the_command_verifies_a_packed_mirror_and_catches_a_flipped_byte(stand: Stand, web: WebServer) -> None:
    stand.news(1, 2, 3)
    for where in (str(stand.mirror), web.url):
        assert stand.verify(where) == 0
    pack = next((stand.mirror / "pack").iterdir())
    good = pack.read_bytes()
    listed = packed.parse_list((stand.mirror / "packs").read_bytes()).packs[0]
    index = packed.parse_index(good[listed.index_offset :][: listed.index_size], listed.size)
    for offset, size in index.values():
        place = offset + size // 2
        pack.write_bytes(good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :])
        for where in (str(stand.mirror), web.url):
            assert stand.verify(where) == 4
    pack.write_bytes(good)
    assert stand.verify(web.url) == 0
    pack.unlink()
    assert stand.verify(web.url) == 4


def test_a_withdrawn_article_is_gone_from_the_mirror_s_packs(stand: Stand, web: WebServer) -> None:
    digest = stand.news(1, 2)[1]
    with contextlib.closing(open_mirror(web.url)) as mirror:
        stored = mirror.get(f"o/{digest[:2]}/{digest[2:]}", 1 << 20)
    assert stored is not None
    stand.world.withdraw(article(2).url, "asked by the author")
    stand.seal()
    assert stored[10:200] not in b"".join(file.read_bytes() for file in (stand.mirror / "pack").iterdir())
    assert stand.verify(web.url) == 0


def test_unzipping_all_packs_gives_a_plain_mirror(stand: Stand, tmp_path: Path) -> None:
    stand.news(1, 2)
    stand.news(3)
    plain = tmp_path / "plain"
    shutil.copytree(stand.mirror, plain)
    for pack in reversed(packed.parse_list((plain / "packs").read_bytes()).packs):
        with zipfile.ZipFile(plain / pack.path) as archive:
            archive.extractall(plain, [name for name in archive.namelist() if name != packed.INDEX_NAME])
    shutil.rmtree(plain / "pack")
    os.remove(plain / "packs")
    assert stand.verify(str(plain)) == 0


def test_a_reader_who_holds_yesterday_s_list_finds_what_was_merged(stand: Stand, web: WebServer) -> None:
    first = stand.news(1)[0]
    with contextlib.closing(WebMirror(web.url)) as mirror:
        assert mirror.get(f"o/{first[:2]}/{first[2:]}", 1 << 20) is not None
        for number in range(2, 12):
            last = stand.news(number)[0]
        for digest in (first, last):
            assert mirror.get(f"o/{digest[:2]}/{digest[2:]}", 1 << 20) is not None


def test_an_audit_finds_what_is_wrong_in_a_pack_and_a_repair_makes_the_mirror_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = World(tmp_path / "publication", now=datetime.now(UTC))
    world.add(*[article(number) for number in range(6)])
    world.seal()
    mirror, config = tmp_path / "mirror", str(world.publication.folder / "tamizdat.toml")
    mirror.mkdir()
    with web_server(mirror) as web:
        with Path(config).open("a") as file:
            file.write(f'[target.m]\nurl = "{mirror}"\npublic = "{web.url}/"\npacks = true\n')
        assert main(["publish", "--config", config]) == 0
        assert main(["audit", "--full", "m", "--config", config]) == 0
        pack = next((mirror / "pack").iterdir())
        good = pack.read_bytes()
        pack.write_bytes(good[:200] + bytes([good[200] ^ 1]) + good[201:])
        assert main(["audit", "--full", "m", "--config", config]) == 4
        assert main(["audit", "--full", "--repair", "m", "--config", config]) == 0
        assert "sent again" in capsys.readouterr().out
        for where in (web.url, str(mirror)):
            with contextlib.closing(open_mirror(where)) as opened:
                check = check_mirror(opened, pin=world.pin, memory=Memory(None), now=datetime.now(UTC))
            assert check.problems == []
