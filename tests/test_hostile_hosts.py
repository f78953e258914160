"""What a mirror's host, or somebody who hands an operator an address, cannot do: to the publisher, to its disk, to it
all."""

from __future__ import annotations

import base64
import contextlib
import http.server
import json
import os
import shutil
import socketserver
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mirror import config as configuration
from mirror import packed, pasted
from mirror.catchup.forks import save_fork
from mirror.cli import main
from mirror.errors import TamizdatError
from mirror.packed import List, Pack
from mirror.publish import publish
from mirror.targets import Target, TargetError, meta_for, open_target
from mirror.targets._http import half_sent
from mirror.targets._packing import INDEXES, Packing
from mirror.targets.memory import MemoryTarget
from mirror.targets.put import PutTarget
from mirror.targets.rclone import explain as explain_rclone
from signing.packing import gzip_bytes
from signing.tiles import TileHashes
from tests.servers.faulty import says
from tests.targets.suite import PLAIN, no_secrets
from tests.test_publish import NOW, Tree, Watched, config
from tests.watched import Tower, tower

SECRET = "Very-Secret-77"  # what must be seen nowhere


@pytest.fixture
def place(tmp_path: Path) -> Path:
    assert main(["init", str(tmp_path / "news"), "--name", "News", "--quiet"]) == 0
    return tmp_path / "news"


@pytest.fixture
def tamizdat(place: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    def call(*words: str) -> tuple[int, str]:
        capsys.readouterr()
        status = main([*words, "--config", str(place / "tamizdat.toml")])
        return status, "".join(capsys.readouterr())

    return call


# --- lists of packs ------------------------------------------------------------------------------------------------


def full_index() -> bytes:
    return gzip_bytes(packed.index_bytes({f"o/00/{number:08d}": (0, 0) for number in range(packed.FILES)}))


def test_a_list_of_a_thousand_full_packs_does_not_fill_a_readers_memory() -> None:
    index = full_index()
    packs = tuple(
        Pack(name=f"{number:032x}", size=len(index), index_offset=0, index_size=len(index)) for number in range(24)
    )

    class Liar:
        asked = 0

        def whole(self, path: str, cap: int) -> bytes | None:
            return packed.list_bytes(List(serial=1, packs=packs))

        def part(self, path: str, offset: int, size: int) -> bytes | None:
            self.asked += 1
            return index

    reader = packed.Packs(liar := Liar())
    assert reader.get("o/ff/nothing", 100) is None
    assert liar.asked == len(packs)
    assert sum(map(len, reader._indexes.values())) <= packed.KEPT
    assert reader.get("o/00/00000007", 100) == b""  # the list is still of use


def packing(tmp_path: Path, inner: Target, state: str = "state") -> Packing:
    return Packing(inner, tmp_path / state)


def test_a_host_that_loses_its_list_of_packs_loses_no_article(tmp_path: Path) -> None:
    inner = MemoryTarget(name="host")
    target = packing(tmp_path, inner)
    for number in range(3):
        target.put(f"o/aa/{number}", b"article %d" % number, PLAIN)
        target.flush()
        target.commit({"front": b"%d" % number})
    held = sorted(key for key in inner.files if key.startswith("pack/"))
    del inner.files["packs"]  # or, for a moment, the host says so
    target = packing(tmp_path, inner)
    target.put("o/aa/3", b"article 3", PLAIN)
    target.flush()
    target.commit({"front": b"3"})
    assert set(held) <= set(inner.files)
    for state in ("state", "nothing known"):
        reader = packing(tmp_path, inner, state)
        assert [reader.get(f"o/aa/{number}") for number in range(4)] == [b"article %d" % number for number in range(4)]


def test_a_forged_list_of_packs_is_not_loaded_whatever_it_names(tmp_path: Path) -> None:
    asked: list[str] = []

    class Liar(MemoryTarget):
        def get(self, key: str, cap: int | None = None) -> bytes | None:
            asked.append(key)
            return super().get(key, cap)

    many = INDEXES // packed.INDEX + 1
    packs = tuple(
        Pack(name=f"{number:032x}", size=packed.WHOLE, index_offset=0, index_size=packed.INDEX)
        for number in range(many)
    )
    inner = Liar(name="host")
    inner.put("packs", packed.list_bytes(List(serial=9, packs=packs)), PLAIN)
    target = packing(tmp_path, inner)
    target.put("o/aa/1", b"article", PLAIN)
    with pytest.raises(TargetError) as caught:
        target.commit({"front": b"1"})
    assert caught.value.kind == "corrupt"
    assert "lists more than was ever pushed" in str(caught.value)
    assert asked == ["packs"]
    assert "front" not in inner.files


def test_bytes_under_a_packs_name_that_are_not_it_get_into_no_other_pack(tmp_path: Path) -> None:
    index = gzip_bytes(packed.index_bytes({"o/aa/forged": (0, 4)}))
    forged = b"evil" + index
    pack = Pack(name="0" * 32, size=len(forged), index_offset=4, index_size=len(index))
    inner = MemoryTarget(name="host")
    inner.put(pack.path, forged, PLAIN)
    inner.put("packs", packed.list_bytes(List(serial=9, packs=(pack,))), PLAIN)
    target = packing(tmp_path, inner)
    assert target.get("o/aa/forged") is None
    target.put("o/aa/1", b"article", PLAIN)
    target.flush()
    target.commit({"front": b"1"})
    listed = packed.parse_list(inner.files["packs"][0])
    assert pack.name not in [one.name for one in listed.packs]
    assert all(b"evil" not in inner.files[one.path][0] for one in listed.packs)
    assert not list((tmp_path / "state" / "index").glob("000*"))


# --- who says for ever that there is nothing -----------------------------------------------------------------------


def test_a_host_that_always_says_it_was_emptied_is_not_sent_everything_for_ever(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    tree.seal(20)
    target = Watched()

    class Denying(Watched):
        def get(self, key: str, cap: int | None = None) -> bytes | None:
            return None if key == "trust/1.root.json" else super().get(key, cap)

    denying = Denying()
    denying.files = target.files
    publish(tree, target, config(), now=NOW)
    errors: list[str] = []
    for _ in range(6):
        tree.seal(1)
        try:
            publish(tree, denying, config(), now=NOW)
        except TargetError as error:
            errors.append(f"{error.kind}: {error}")
    sent = sum(call == "put" and key.startswith("o/") for call, key in denying.calls)
    assert sent <= 3 * 24
    assert errors == ["corrupt: t: trust/1.root.json is gone again, after everything was sent anew 3 times"] * 3
    assert tree.row().last_error == errors[0].partition(": ")[2]
    tree.state.close()


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Tower]:
    with tower(tmp_path) as made:
        yield made


def test_a_mirror_that_is_emptied_again_and_again_is_left_alone(watched: Tower) -> None:
    mirror = watched.mirror("m")
    watched.news(1)
    watched.push()
    for _ in range(5):
        for inner in list(mirror.iterdir()):
            shutil.rmtree(inner) if inner.is_dir() else inner.unlink()
        watched.look()
        with contextlib.suppress(TargetError):
            watched.push()
    row = watched.row("m")
    assert row.relapses == 3
    assert row.cursor > 0  # the next push doesn't begin anew
    assert not list(mirror.iterdir())


# --- answers without end, and words that a terminal would obey -------------------------------------------------------


class Endless(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response_only(200)
        self.send_header("Content-Length", str(1 << 40))
        self.end_headers()
        with contextlib.suppress(OSError):
            while True:
                self.wfile.write(bytes(1 << 16))

    def do_PUT(self) -> None:
        with contextlib.suppress(OSError):
            self.rfile.read(int(self.headers["Content-Length"]))
        self.close_connection = True

    def do_PROPFIND(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        path = self.path if self.path.endswith("/") else f"{self.path}/"
        one = (
            "<D:response><D:href>{}{}/</D:href><D:propstat><D:prop><D:resourcetype><D:collection/></D:resourcetype>"
            "</D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>"
        )
        many = "".join(one.format(path, number) for number in range(50))
        body = f'<D:multistatus xmlns:D="DAV:">{many}</D:multistatus>'.encode()
        self.send_response_only(207)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_OPTIONS(self) -> None:
        self.send_response_only(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Whoever asked had enough."""


@pytest.fixture
def endless() -> Iterator[str]:
    server = _Server(("127.0.0.1", 0), Endless)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_probe_that_looks_at_half_sent_files_reads_no_file_without_end(endless: str) -> None:
    target: Any = open_target("t", f"put+http://{endless}/x", {}, no_secrets)
    inner: PutTarget = target.inner
    with contextlib.closing(target), pytest.raises(TargetError) as caught:
        list(half_sent(inner.site, inner._web, "a/key", b"old"))
    assert caught.value.kind == "too_large"


def test_folders_in_folders_without_end_are_given_up(endless: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mirror.targets.webdav._LISTED", 2_000)
    target = open_target("t", f"webdav+http://{endless}/x", {"atomic": "yes"}, no_secrets)
    with contextlib.closing(target), pytest.raises(TargetError) as caught:
        list(target.list())
    assert (caught.value.kind, caught.value.scope) == ("corrupt", "target")


def test_what_a_server_says_carries_no_control_characters_into_messages_and_state() -> None:
    error = TargetError("t: it says \x1b]0;owned\x07\r\n\u202eline \x9b2J two", kind="transient")
    assert str(error) == "t: it says ]0;owned line 2J two"


def test_a_hostile_page_in_a_mirrors_place_is_named_without_its_control_characters(watched: Tower) -> None:
    watched.mirror("m")
    watched.news(1)
    watched.push()
    page = b"<html><title>\x1b]0;owned\x07" + b"<title" * 10_000 + b"</title>"
    watched.proxies["m"].plan = lambda method, path, before: (
        lambda handler: handler.answer(200, [("Content-Type", "text/html")], page)
    )
    found = watched.look()["m"]
    assert found.state == "blocked"
    assert "\x1b" not in json.dumps(found.detail, ensure_ascii=False)
    watched.proxies["m"].plan = lambda method, path, before: says(200)
    assert watched.look()["m"].state in ("tampered", "blocked")


class Garbage(socketserver.BaseRequestHandler):
    """Redirects to nowhere, in words that are no HTTP."""

    def handle(self) -> None:
        while self.request.recv(65_536):
            self.request.sendall(b"HTTP/1.1 307 \x1b[2J\r\nLocation: http://127.0.0.1/\x1b\r\n\x00\r\n\r\n")


def test_a_shared_access_signature_is_in_no_message_whatever_the_host_answers() -> None:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Garbage) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        settings = {
            "endpoint": f"http://127.0.0.1:{server.server_address[1]}",
            "account": "abcd",
            "sas": "env:SAS",
        }
        sas = f"sv=2026-01-01&sp=rcwdl&sig={SECRET}"
        target: Any = open_target("t", "azblob://container", settings, lambda reference: sas)
        inner = target.inner
        tried: list[Callable[[], object]] = [
            lambda: inner.get("front", 10),
            lambda: inner.put("o/aa/1", b"x", PLAIN),
            lambda: inner.delete(("front",)),
            lambda: list(inner.list("tamizdat-probe/")),
        ]
        for act in tried:
            with pytest.raises(TargetError) as caught:
                act()
            assert SECRET not in f"{caught.value} {caught.value.hint}"
        assert SECRET not in repr(list(inner.probe()))
        target.close()
        server.shutdown()
        thread.join()


def test_what_rclone_says_of_an_address_is_told_without_its_query_and_login() -> None:
    said = f'Put "https://u:{SECRET}@abcd.blob.example/c/x?sv=1&sig={SECRET}": dial tcp: no such host'
    error = explain_rclone(said, what="t")
    assert error.kind == "unreachable"
    assert SECRET not in f"{error} {error.hint}"
    assert "https://abcd.blob.example/c/x" in str(error)


def test_one_fork_is_kept_once_however_often_it_is_seen(tmp_path: Path) -> None:
    ours = b"example.org/log\n7\n" + base64.b64encode(bytes(32)) + "\n\n— example.org/log AAAA\n".encode()
    theirs = ours.replace(b"AAAAAAA", b"BBBBBBB", 1)
    kept = set()
    for number in range(3):
        noise = f"— witness{number}.example BBBB\n".encode()
        kept.add(
            save_fork(
                tmp_path,
                origin="example.org/log",
                checkpoints=(ours, theirs + noise),
                old=7,
                hashes=TileHashes(7, bytes(32), lambda path: b""),
                files={},
                where="https://m.example/",
                now=datetime(2031, 3, 1 + number, tzinfo=UTC),
            )
        )
    assert len(kept) == 1
    assert list(tmp_path.iterdir()) == list(kept)


# --- addresses and settings from strangers, and mistakes -------------------------------------------------------------


@pytest.mark.parametrize("inside", [".", "..", "archive", "state/x", "keys", "secrets", "../link"])
def test_a_folder_in_which_the_publication_is_becomes_no_web_root(
    inside: str, place: Path, tamizdat: Callable[..., tuple[int, str]]
) -> None:
    (place.parent / "link").symlink_to(place)
    before = sorted(place.rglob("*"))
    status, text = tamizdat("target", "add", "m", str(place / inside))
    assert status == 2
    assert "the publication itself" in text
    assert sorted(place.rglob("*")) == before


def test_a_place_with_somebody_elses_first_page_is_told_of(
    place: Path, tamizdat: Callable[..., tuple[int, str]]
) -> None:
    site = place.parent / "site"
    site.mkdir()
    (site / "index.html").write_text("mine")
    status, text = tamizdat("target", "add", "m", str(site))
    assert status == 0
    assert "there is an index.html already" in text
    assert (site / "index.html").read_text() == "mine"
    status, text = tamizdat("target", "add", "n", str(place.parent / "fresh"))
    assert status == 0
    assert "index.html" not in text


def test_what_a_push_deletes_is_what_was_pushed(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "news")
    paths = tree.seal(2)
    shared = tmp_path / "shared"
    (shared / "o").mkdir(parents=True)
    theirs = {shared / "o" / "theirs": "a", shared / "notes.txt": "b"}
    for file, text in theirs.items():
        file.write_text(text)
    target = open_target("t", str(shared), {}, no_secrets)
    publish(tree, target, config(), now=NOW)
    tree.delete(paths)
    publish(tree, target, config(), now=NOW)
    target.close()
    assert not any((shared / path).exists() for path in paths)
    assert {file: file.read_text() for file in theirs} == theirs
    tree.state.close()


def test_two_buckets_of_one_name_are_two_places_and_one_folder_under_two_names_is_one(tmp_path: Path) -> None:
    head = '[publication]\nname = "N"\norigin = "n.example"\n'

    def two(first: str, second: str) -> None:
        configuration.parse(f"{head}[target.a]\n{first}\n[target.b]\n{second}\n", tmp_path / "tamizdat.toml")

    two(
        'url = "s3://news"\nsettings = { endpoint = "https://one.example" }',
        'url = "s3://news"\nsettings = { endpoint = "https://two.example" }',
    )
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    for first, second in (
        (f"{tmp_path}/real", f"{tmp_path}/link/"),
        (f"{tmp_path}/real", f"file://{tmp_path}/real"),
        ("s3://news", "s3://news/"),
    ):
        with pytest.raises(TamizdatError, match="push to the same place"):
            two(f'url = "{first}"', f'url = "{second}"')


@pytest.mark.parametrize(
    "words",
    [
        ["m", "rsync://u@h/p", "--set", f"endpoint=https://u:{SECRET}@h"],
        ["m", "azblob://container", "--set", "account=abcd", "--set", f"sas={SECRET}"],
        ["m", "put://h/p", "--set", f"anything={SECRET}"],
        ["m", f"http://u:{SECRET}@h/"],
        ["m", f"https://h/c?sig={SECRET}"],
        ["m", f"sftp://u:{SECRET}@h/p"],
        ["m", f"git+https://u:{SECRET}@h/o/r.git"],
    ],
)
def test_a_secret_in_the_wrong_place_is_neither_kept_nor_repeated(
    words: list[str], place: Path, tamizdat: Callable[..., tuple[int, str]]
) -> None:
    before = (place / "tamizdat.toml").read_bytes()
    for how in ([], ["--json"]):
        status, text = tamizdat("target", "add", "--no-probe", *words, *how)
        assert status == 2
        assert SECRET not in text
    assert (place / "tamizdat.toml").read_bytes() == before
    with contextlib.suppress(TamizdatError):
        assert SECRET not in repr(pasted.recognise(words[1]))


ODD = (
    "s3://", "s3://a/../b", "s3://B?x", "gcs://b/%2e%2e", "sftp://u@-oProxyCommand=touch%20x/p", "sftp://-oX@h/p",
    "sftp://u@h:99999/p", "sftp://u@[::1/p", "rsync://h/module", "webdav://h/../x",
    "webdav+http://192.0.2.1/x", "put+http://h", "ftps://u@h/\r\nDELE x", "git+ext::sh -c id", "ext::sh -c id",
    "git+ssh://git@-oProxyCommand=x/o/r.git", "git+ssh://git@h/-x", "git+ssh://git@h/o/r.git#--x",
    "git+ssh://git@h/o/r.git#a..b", "rclone::local:/etc", "rclone:a,type=local:/etc", "rclone:x:../../etc",
    "https://[::1", "%", "\x00", "a\nb", "\x1b]0;x\x07://b", "s3+x://b", "a" * 5000 + "://b",
    "s3://b\n[keys]\nfolder = '/tmp'",
)  # fmt: skip


@pytest.mark.parametrize("url", ODD)
def test_an_odd_address_is_one_clear_line_and_nothing_is_kept(
    url: str, place: Path, tamizdat: Callable[..., tuple[int, str]]
) -> None:
    before = (place / "tamizdat.toml").read_bytes()
    for words in (["add", "--no-probe", "m", url], ["policy", url]):
        status, text = tamizdat("target", *words)
        assert status in (1, 2), text
        assert text.startswith("tamizdat: error: ")
        assert text.count("tamizdat: error: ") == 1
        assert "a mistake in this tool" not in text
        assert "\x1b" not in text
    assert (place / "tamizdat.toml").read_bytes() == before


@pytest.mark.parametrize(
    "words",
    [
        ["setup", "--for", "nginx", "--root", "/x", "--public", "https://["],
        ["setup", "--for", "nginx", "--root", "/x;}\n", "--public", "https://m.example/"],
        ["policy", "s3://bucket", "--set", "endpoint=https://[::1"],
        ["add", "--no-probe", "m", "s3://bucket", "--set", "endpoint=https://[::1"],
        ["add", "--no-probe", "m", "rclone:r:p", "--set", "config=relative"],
        ["add", "--no-probe", "m", "sftp://u@h/p", "--set", "host_key=SHA256:short"],
    ],
)
def test_an_odd_setting_is_one_clear_line(words: list[str], tamizdat: Callable[..., tuple[int, str]]) -> None:
    status, text = tamizdat("target", *words)
    assert status == 2
    assert text.count("tamizdat: error: ") == 1
    assert "a mistake in this tool" not in text


# --- other accounts of this machine ----------------------------------------------------------------------------------


def test_what_is_kept_of_targets_is_for_this_account_alone(place: Path, tmp_path: Path) -> None:
    """Packs hold what is not published yet, stores of git and known hosts say where to."""
    publication = configuration.load(place / "tamizdat.toml").folder
    assert (publication / "state").stat().st_mode & 0o077 == 0
    target = Packing(MemoryTarget(name="host"), tmp_path / "t" / "packs")
    old = os.umask(0)
    try:
        target.put("o/aa/1", b"article", meta_for("o/aa/1"))
        target.flush()
        target.commit({"front": b"1"})
    finally:
        os.umask(old)
    assert (tmp_path / "t" / "packs").stat().st_mode & 0o077 == 0
