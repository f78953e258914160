"""Readers among liars: web servers and packs that do their worst to `verify` and `get`.

Whatever comes: the right exit status, one line of error, no traceback, an end in bounded time and memory, nothing
written outside of `-o`, nothing kept or shown that was not verified.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import json
import os
import resource
import shutil
import struct
import threading
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mirror.copying import Copying
from mirror.errors import UsageError
from mirror.known import Memory
from mirror.read import FolderMirror, PackMirror, ReadError, WebMirror, object_path, proof_path
from mirror.sweep import check_mirror
from signing import checkpoint as checkpoints
from signing import front as fronts
from signing.checkpoint import Checkpoint
from signing.entry import Entry, entry_of
from signing.merkle import leaf_hash, node_hash
from signing.note import parse as parse_note
from signing.packing import gunzip, gzip_bytes, parse_json
from signing.proof import Proof
from signing.tiles import LOG_ENTRIES_BYTES
from tests.liar import RESET, Liar, Lie, answer, honest
from tests.teller import Say, teller
from tests.world import World, article, picture

HTML = b"<!DOCTYPE html><html><title>Blocked</title><h1>This site is blocked</h1></html>"


class Place:
    """A small mirror, and what stands on it."""

    def __init__(self, folder: Path) -> None:
        self.world = World(folder / "publication", now=datetime.now(UTC) - timedelta(minutes=10))
        resource_, data = picture(1)
        self.first = self.world.add(article(1, resources=(resource_,)), objects={resource_.digest: data})[0]
        self.world.seal()
        self.long = self.world.add(article(2, words=9000))[0]
        self.world.seal()
        self.tree = self.world.tree
        self.page = next((self.tree / "a").iterdir()).relative_to(self.tree).as_posix()
        self.files = {path: (self.tree / path).read_bytes() for path in FolderMirror(self.tree).walk()}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place(tmp_path_factory.mktemp("hostile"))


@pytest.fixture
def say(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Say:
    return teller(tmp_path, capsys, monkeypatch)


def _grown(before: int) -> int:
    """MiB that this process's largest size has grown by."""
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10


def _endless(head: bytes) -> Iterator[bytes]:
    yield head
    for _ in range(2000):
        yield b"\0" * 65536


def _slowly(text: bytes) -> Iterator[bytes]:
    for byte in text:
        yield bytes([byte])
        time.sleep(0.1)


def _status(status: str) -> Lie:
    def lie(_path: str, _file: bytes | None) -> Iterator[bytes]:
        yield answer(b"no", status=status)

    return lie


def _raw(data: bytes) -> Lie:
    def lie(_path: str, _file: bytes | None) -> Iterator[bytes]:
        yield data

    return lie


def _with(change: Callable[[bytes], bytes]) -> Lie:
    """A lie about files that exist."""

    def lie(path: str, file: bytes | None) -> Iterator[bytes]:
        if file is None:
            yield from honest(path, file)
        else:
            yield change(file)

    return lie


def _redirect(where: str) -> Lie:
    return _raw(answer(b"", f"Location: {where}", status="302 Found"))


OK = b"HTTP/1.1 200 OK\r\n"
BOMB = gzip_bytes(b"\0" * (64 << 20))

# What a server does to every request, and the exit statuses that say so: 1 could not be read, 4 do not trust.
EVERYTHING: dict[str, tuple[Lie, set[int]]] = {
    "a block page for everything": (_raw(answer(HTML)), {4}),
    "404 for everything": (_status("404 Not Found"), {4}),
    "410 for everything": (_status("410 Gone"), {4}),
    "403 for everything": (_status("403 Forbidden"), {4}),
    "401 for everything": (_status("401 Unauthorized"), {1}),
    "451 for everything": (_status("451 Unavailable For Legal Reasons"), {1}),
    "429 for everything": (_status("429 Too Many Requests"), {1}),
    "500 for everything": (_status("500 Oops"), {1}),
    "status 999": (_status("999 What"), {1}),
    "status 204": (_status("204 No Content"), {4}),
    "a trickled body": (lambda _p, _f: _after(OK + b"Content-Length: 4000\r\n\r\n", b"x" * 400), {1}),
    "trickled headers": (lambda _p, _f: _slowly(OK + b"X-Slow: " + b"y" * 400), {1}),
    "a trickled chunk size": (lambda _p, _f: _after(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"0" * 400), {1}),
    "silence": (lambda _p, _f: _silence(), {1}),
    "informational answers without end": (lambda _p, _f: _forever(b"HTTP/1.1 100 Continue\r\n\r\n"), {1}),
    "a body without end": (lambda _p, _f: _endless(OK + b"\r\n"), {4}),
    "chunks without end": (lambda _p, _f: _chunks(), {4}),
    "an error without end": (lambda _p, _f: _endless(b"HTTP/1.1 500 Oops\r\n\r\n"), {1}),
    "a missing file without end": (lambda _p, _f: _endless(b"HTTP/1.1 404 No\r\n\r\n"), {4}),
    "a redirect without end": (lambda _p, _f: _endless(b"HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n"), {4}),
    "a packed redirect": (_raw(answer(BOMB, "Location: /x", "Content-Encoding: gzip", status="302 Found")), {4}),
    "half the length": (_with(lambda file: answer(file, length=str(len(file) // 2))), {4}),
    "twice the length": (_with(lambda file: answer(file, length=str(len(file) * 2))), {1}),
    "a length of 19 digits": (_with(lambda file: answer(file, length="9" * 19)), {4}),
    "a length of 5,000 digits": (_with(lambda file: answer(file, length="9" * 5000)), {4}),
    "two lengths": (_with(lambda file: answer(file, "Content-Length: 3")), {1}),
    "a length that is no number": (_with(lambda file: answer(file + b"!", length="many")), {4}),
    "garbage for chunks": (_raw(OK + b"Transfer-Encoding: chunked\r\n\r\nZZZ\r\nhello\r\n"), {1}),
    "a chunk of 2^60 bytes": (_raw(OK + b"Transfer-Encoding: chunked\r\n\r\n1000000000000000\r\nhello\r\n"), {1, 4}),
    "a negative chunk": (_raw(OK + b"Transfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n"), {1}),
    "compressed on the way": (_with(lambda file: answer(zlib.compress(file), "Content-Encoding: gzip")), {4}),
    "said to be compressed": (_with(lambda file: answer(file, "Content-Encoding: br")), {4}),
    "a redirect to itself": (_redirect("/front"), {4}),
    "a redirect to another host": (_redirect("http://127.0.0.2:1/front"), {4}),
    "a redirect to another port": (_redirect("http://127.0.0.1:1/front"), {4}),
    "a redirect to a file": (_redirect("file:///etc/passwd"), {4}),
    "a redirect to nowhere": (_raw(answer(b"", status="301 Moved")), {4}),
    "a redirect to what is no address": (_redirect("http://[::1/"), {1, 4}),
    "a connection closed at once": (_raw(b""), {1}),
    "a connection reset": (_raw(RESET), {1}),
    "a reset in the middle": (lambda _p, f: iter([answer(f or b"", length="9000")[:90], RESET]), {1}),
    "another protocol": (_raw(b"SSH-2.0-OpenSSH_9.2\r\n"), {1}),
    "HTTP/0.9": (_raw(b"front page\n" * 50), {1}),
    "a header of 4 MB": (_raw(OK + b"X-Long: " + b"x" * (4 << 20) + b"\r\n\r\n"), {1}),
    "20,000 headers": (_raw(OK + b"X-Many: 1\r\n" * 20_000 + b"\r\n"), {1}),
    "zero bytes": (_raw(OK + b"X: \0\r\nContent-Length: 0\r\n\r\n"), {1, 4}),
    "a bit of every file flipped": (_with(lambda file: answer(_flipped(file))), {4}),
    "nothing in every file": (_with(lambda _file: answer(b"")), {4}),
}  # fmt: skip


def _flipped(file: bytes) -> bytes:
    return file[: len(file) // 2] + bytes([file[len(file) // 2] ^ 4]) + file[len(file) // 2 + 1 :]


def _after(head: bytes, slow: bytes) -> Iterator[bytes]:
    yield head
    yield from _slowly(slow)


def _silence() -> Iterator[bytes]:
    time.sleep(30)
    yield b""


def _forever(data: bytes) -> Iterator[bytes]:
    while True:
        yield data


def _chunks() -> Iterator[bytes]:
    yield OK + b"Transfer-Encoding: chunked\r\n\r\n"
    for _ in range(2000):
        yield b"10000\r\n" + b"\0" * 65536 + b"\r\n"


@pytest.mark.parametrize("name", EVERYTHING)
def test_whatever_a_server_does_the_reader_ends_and_says_so(place: Place, say: Say, name: str) -> None:
    lie, statuses = EVERYTHING[name]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    trust = ("--trust", place.world.pin)
    with Liar(place.tree, lie) as liar:
        told = say("verify", liar.url, *trust, "--json")
        assert told.status in statuses, told.out
        assert (told.json["authentic"], told.json["article"], told.json["status"]) == (False, None, told.status)
        assert told.seconds < 20
        told = say("verify", f"{liar.url}/{object_path(place.first)}", *trust)
        assert told.status in statuses
        assert "Article 1" not in told.out
        told = say("get", liar.url, *trust)
        assert told.status in statuses
        assert told.out == ""
        assert told.err.startswith("tamizdat: error: ")
        told = say("get", liar.url, *trust, "-o", "out")
        assert told.status in statuses
    kept = [one.relative_to("out").as_posix() for one in Path("out").rglob("*") if one.is_file()]
    assert all(one.startswith(".part/") for one in kept), "what was not verified is not in its place"
    assert _grown(before) < 60
    assert not Path("pack.tamizdat").exists()
    # And the same folder still takes the honest mirror's files.
    with Liar(place.tree, honest) as mirror:
        assert say("get", mirror.url, *trust, "-o", "out").status == 0
    assert say("verify", "out", *trust).status == 0


HARMLESS: dict[str, Lie] = {
    "no length": _with(lambda file: OK + b"Connection: close\r\n\r\n" + file),
    "a negative length": _with(lambda file: answer(file, "Connection: close", length="-5")),
    "chunks": _with(lambda file: OK + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(file), file)),
    "a wrong content type": _with(lambda file: answer(file, "Content-Type: text/html; charset=utf-16")),
    "cookies": _with(lambda file: answer(file, "Set-Cookie: reader=17; Path=/")),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_does_no_harm_is_borne(place: Place, say: Say, name: str) -> None:
    with Liar(place.tree, HARMLESS[name]) as liar:
        assert say("verify", liar.url, "--trust", place.world.pin).status == 0
        assert not any(b"ookie" in request for request in liar.requests), "nobody is recognised by a cookie"
        assert not any(b"python" in request.lower() for request in liar.requests)


def test_a_redirect_within_the_host_is_followed(place: Place, say: Say) -> None:
    def lie(path: str, file: bytes | None) -> Iterator[bytes]:
        if path.startswith("real/"):
            other = place.tree / path.removeprefix("real/")
            yield from honest(path, other.read_bytes() if other.is_file() else None)
        else:
            yield answer(b"moved", f"Location: /real/{path}", status="301 Moved")

    with Liar(place.tree, lie) as liar:
        assert say("verify", liar.url, "--trust", place.world.pin).status == 0


@pytest.mark.parametrize(
    "kind", ["front", "checkpoint", "trust/timestamp", "object", "proof", "tile", "part", "entries"]
)
@pytest.mark.parametrize("what", ["missing", "a block page", "empty", "a bomb", "oversized", "reset", "another's"])
def test_one_file_that_is_wrong_is_named(place: Place, say: Say, kind: str, what: str) -> None:
    document: Any = parse_json(gunzip(place.files[object_path(place.long)], 1 << 20).split(b"\n")[0])
    wrong = {
        "object": object_path(place.first),
        "proof": proof_path(place.first),
        "part": object_path(document["parts"][0]["digest"]),
        "tile": next(path for path in place.files if path.startswith("tile/0/") and path.endswith("/5")),
        "entries": next(path for path in place.files if path.startswith("tile/entries/") and path.endswith("/5")),
        "trust/timestamp": "trust/timestamp.json",
    }.get(kind, kind)
    bodies: dict[str, Callable[[bytes], bytes]] = {
        "missing": lambda _: answer(b"", status="404 Not Found"),
        "a block page": lambda _: answer(HTML),
        "empty": lambda _: answer(b""),
        "a bomb": lambda _: answer(BOMB[:8192]),
        "oversized": lambda file: answer(file * 300),
        "reset": lambda _: RESET,
        "another's": lambda _: answer(place.files[object_path(place.long)]),
    }

    def lie(path: str, file: bytes | None) -> Iterator[bytes]:
        if path == wrong and file is not None:
            yield bodies[what](file)
        else:
            yield from honest(path, file)

    with Liar(place.tree, lie) as liar:
        told = say("verify", liar.url, "--trust", place.world.pin, "--json")
        assert told.status == (1 if what == "reset" else 4)
        assert told.json["authentic"] is False
        named = {problem["path"] for problem in told.json["problems"]}
        assert wrong in named or (kind.startswith("trust") and "trust" in named)
        # Of two mirrors, the honest one is enough.
        with Liar(place.tree, honest) as mirror:
            assert say("get", liar.url, mirror.url, "--trust", place.world.pin, "-o", "out").status == 0
    for path, data in place.files.items():
        if path.split("/")[0] not in ("a", "index.html", "feed.xml"):
            assert (Path("out") / path).read_bytes() == data


def test_a_mirror_that_answers_differently_each_time_can_slip_nothing_in(place: Place, say: Say) -> None:
    """Every file is right when it is asked for the first time and wrong from then on - and the other way round."""
    for right in (1, 0):
        seen: dict[str, int] = {}

        def lie(path: str, file: bytes | None, right: int = right, seen: dict[str, int] = seen) -> Iterator[bytes]:
            seen[path] = seen.get(path, 0) + 1
            if file is None or seen[path] % 2 == right:
                yield from honest(path, file)
            else:
                yield answer(_flipped(file))

        with Liar(place.tree, lie) as liar:
            for path in (object_path(place.long), object_path(place.first)):
                status = say("get", f"{liar.url}/{path}", "--trust", place.world.pin, "-o", "pack.tamizdat").status
                assert status == (0 if right and path == object_path(place.long) else 4)
            if right:
                seen.clear()
                assert say("get", f"{liar.url}", "--trust", place.world.pin, "-o", "out").status == 0
                assert all(count == 1 for count in seen.values()), "nothing is asked for twice"
                assert say("verify", "out", "--trust", place.world.pin).status == 0
        if Path("pack.tamizdat").exists():
            assert say("verify", "pack.tamizdat", "--trust", place.world.pin).status == 0


def test_a_sweep_asks_for_each_file_once_and_over_few_connections(place: Place) -> None:
    with Liar(place.tree, honest) as mirror:
        web = WebMirror(mirror.url)
        verdict = check_mirror(web, pin=place.world.pin, memory=Memory(None), now=datetime.now(UTC))
        web.close()
        assert verdict.status == 0
        assert len(mirror.asked) == len(set(mirror.asked))
        trusted = {path for path in place.files if path.split("/")[0] not in ("a", "index.html", "feed.xml")}
        assert trusted <= set(mirror.asked)


def test_a_log_of_2_to_the_60_entries_keeps_nobody_busy(place: Place, say: Say, tmp_path: Path) -> None:
    """Signed by the log itself: whoever stole its key can claim any size."""
    world = place.world
    log = world.publication.key("log")
    honest_front = fronts.parse(place.files["front"])
    stored = honest_front.edition
    document: Any = parse_json(parse_note(gunzip(stored, 1 << 20)).text)
    entry = entry_of(document, hashlib.sha256(stored).hexdigest(), len(stored))
    siblings = tuple(hashlib.sha256(b"%d" % level).digest() for level in range(60))
    root = leaf_hash(entry.encode())
    for sibling in siblings:
        root = node_hash(root, sibling)
    signed = checkpoints.sign(Checkpoint(origin=log.name, size=1 << 60, root=root), log)
    proof = Proof(index=0, hashes=siblings, checkpoint=signed).encode()
    forged = fronts.Front(edition=stored, proof=proof).encode()

    def lie(path: str, file: bytes | None) -> Iterator[bytes]:
        yield from honest(path, {"front": forged, "checkpoint": signed}.get(path, file))

    with Liar(place.tree, lie) as liar:
        told = say("verify", liar.url, "--trust", world.pin, "--json")
        assert (told.status, told.json["authentic"]) == (4, False)
        assert told.seconds < 30
        told = say("verify", f"{liar.url}/{object_path(place.first)}", "--trust", world.pin, "--json")
        assert told.json["current"] != "superseded"
        only_checkpoint: Lie = lambda path, file: honest(path, signed if path == "checkpoint" else file)  # noqa: E731
        liar.lie = only_checkpoint
        assert say("verify", liar.url, "--trust", world.pin).status == 4


def test_a_mirror_that_falls_silent_is_given_up_not_blamed(place: Place, say: Say) -> None:
    answered: list[str] = []

    def lie(path: str, file: bytes | None) -> Iterator[bytes]:
        answered.append(path)
        if len(answered) > 12:
            yield RESET
        else:
            yield from honest(path, file)

    with Liar(place.tree, lie) as liar:
        told = say("verify", liar.url, "--trust", place.world.pin, "--json")
        assert told.status == 1
        assert {problem["state"] for problem in told.json["problems"]} == {"unreachable"}
        assert "not read on" in told.json["notes"][-1]


def test_two_signed_checkpoints_of_one_size_are_evidence(place: Place, say: Say, tmp_path: Path) -> None:
    log = place.world.publication.key("log")
    size = 1 + max(int(path.rsplit("/", 1)[1]) for path in place.files if path.startswith("tile/0/000.p/")) - 1
    other = checkpoints.sign(Checkpoint(origin=log.name, size=size, root=b"\7" * 32), log)

    def lie(path: str, file: bytes | None) -> Iterator[bytes]:
        yield from honest(path, other if path == "checkpoint" else file)

    with Liar(place.tree, lie) as liar:
        told = say("verify", liar.url, "--trust", place.world.pin, "--json")
        assert told.status == 5
        evidence = json.loads(Path(told.json["evidence"]).read_text())
        assert other.decode() in evidence["checkpoints"]
        assert len(set(evidence["checkpoints"])) == 2
        assert Path(told.json["evidence"]).is_relative_to(tmp_path / "memory")
        assert say("get", liar.url, "--trust", place.world.pin, "-o", "out").status == 5
    # Nothing of it is remembered as true.
    assert say("verify", str(place.tree), "--trust", place.world.pin).status == 0


def test_a_slow_mirror_does_not_hold_up_a_reader_of_another(place: Place, tmp_path: Path) -> None:
    memory = Memory(tmp_path / "known")
    other_has_read = threading.Event()

    def drip(path: str, file: bytes | None) -> Iterator[bytes]:
        if path == "front":
            other_has_read.wait(60)
        yield from honest(path, file)

    with Liar(place.tree, drip) as slow:
        reader = threading.Thread(
            target=check_mirror,
            args=(WebMirror(slow.url),),
            kwargs={"pin": place.world.pin, "memory": memory, "now": datetime.now(UTC)},
        )
        reader.start()
        while "front" not in slow.asked:
            time.sleep(0.01)
        now = datetime.now(UTC)
        assert check_mirror(FolderMirror(place.tree), pin=place.world.pin, memory=memory, now=now).status == 0
        assert reader.is_alive()
        other_has_read.set()
        reader.join()


# --- pins -----------------------------------------------------------------------------------------------------------


def test_a_pin_is_remembered_and_another_one_refused_later(place: Place, say: Say, tmp_path: Path) -> None:
    assert say("verify", str(place.tree)).status == 4, "nothing is authentic without a pin"
    assert say("get", str(place.tree), "-o", "out").status == 4
    assert say("verify", str(place.tree), "--trust", place.world.pin).status == 0
    assert say("verify", str(place.tree)).status == 0
    stranger = World(tmp_path / "stranger", now=datetime.now(UTC) - timedelta(minutes=5))
    stranger.add(article(7))
    stranger.seal()
    told = say("verify", str(stranger.tree), "--trust", stranger.pin, "--json")
    assert told.status == 4
    assert "another trust root was pinned" in told.json["problems"][0]["detail"]
    assert say("verify", str(place.tree)).status == 0, "and it was not remembered"
    assert say("verify", str(stranger.tree), "--trust", stranger.pin, "--no-memory").status == 0
    root = str(place.tree / "trust" / "1.root.json")
    assert say("verify", str(place.tree), "--trust", root).status == 0


def test_a_memory_that_cannot_be_written_is_said_not_skipped(
    place: Place, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/proc/nothing")
    told = say("verify", str(place.tree), "--trust", place.world.pin)
    assert told.status == 1
    assert "--no-memory" in told.err
    assert say("verify", str(place.tree), "--trust", place.world.pin, "--no-memory").status == 0


def test_a_damaged_memory_is_said_not_forgotten(place: Place, say: Say, tmp_path: Path) -> None:
    assert say("verify", str(place.tree), "--trust", place.world.pin).status == 0
    (file,) = (tmp_path / "memory" / "tamizdat" / "known").glob("*.json")
    file.write_bytes(file.read_bytes()[:-40])
    told = say("verify", str(place.tree), "--trust", place.world.pin)
    assert told.status == 1
    assert "can't be read" in told.err


def test_somebody_elses_folder_does_not_bring_its_own_trust(
    place: Place, say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = str(place.world.publication.folder)
    for what in (folder, f"{folder}/archive", f"{folder}/archive/{object_path(place.first)}"):
        assert say("verify", what).status == 4
    # Whoever stands inside of it means it; but that is not remembered.
    assert say("verify", folder, "--config", f"{folder}/tamizdat.toml").status == 0
    assert say("verify", folder).status == 4


def test_an_address_that_was_asked_for_is_the_one_that_counts(place: Place, say: Say) -> None:
    trust = ("--trust", place.world.pin)
    path = f"{place.tree}/{object_path(place.first)}"
    assert say("verify", path, *trust, "--url", "https://lantern.example/1").status == 0
    told = say("verify", path, *trust, "--url", "https://lantern.example/2", "--json")
    assert (told.status, told.json["checks"][-1]["n"]) == (4, 7)
    assert say("verify", str(place.tree), *trust, "--url", "https://lantern.example/1").status == 2


def test_an_edition_is_a_bundle_that_verifies_but_no_article_to_get(place: Place, say: Say) -> None:
    edition = hashlib.sha256(fronts.parse(place.files["front"]).edition).hexdigest()
    path = f"{place.tree}/{object_path(edition)}"
    told = say("verify", path, "--trust", place.world.pin, "--json")
    assert (told.status, told.json["article"]) == (0, None)
    assert say("get", path, "--trust", place.world.pin, "-o", "pack.tamizdat").status == 2


def test_a_key_that_was_revoked_stays_revoked_on_an_old_mirror(tmp_path: Path, say: Say) -> None:
    """The newest trust files that a reader has seen count, not those of the mirror at hand."""
    from signing import authority, trust

    world = World(tmp_path / "world", now=datetime.now(UTC) - timedelta(minutes=10))
    world.add(article(1))
    world.seal()
    tree = world.tree
    old = {path: (tree / path).read_bytes() for path in FolderMirror(tree).walk()}
    view = trust.walk(FolderMirror(tree).get, pin=world.pin, now=world.now)
    document = json.loads(view.trust)
    document["publishers"][0]["until"] = "2026-01-01T00:00:00Z"
    document["publishers"][0]["from"] = "2026-01-01T00:00:00Z"
    text = json.dumps(document, separators=(",", ":")).encode()
    key = world.publication.key
    changed = authority.retarget(
        lambda path: (tree / path).read_bytes() if (tree / path).is_file() else None,
        [key("root")],
        key("online"),
        text,
        world.now,
    )
    memory = Memory(tmp_path / "memory" / "tamizdat" / "known")
    assert say("verify", str(tree), "--trust", world.pin).status == 0
    seen = memory.recall("world.example")
    assert seen is not None
    newest = dict(view.files) | changed
    seen.trust = {path: data.decode() for path, data in newest.items()}
    memory.update("world.example", lambda _known: seen)
    assert {path: (tree / path).read_bytes() for path in old} == old
    assert say("verify", str(tree), "--json").status == 4


# --- addresses ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "what",
    [
        "http://[::1", "http://", "https:///x", "http://user:password@127.0.0.1/", "http://127.0.0.1:99999/",
        "http://127.0.0.1:0/", "http://127.0.0.1:1/", "http://127.0.0.1/?x=1", "ftp://127.0.0.1/",
        "file:///nothing", "",
        "~nobody-of-that-name/x", "x" * 5000, "o/ab/" + "c" * 62, "/o/ab/" + "c" * 62, "http://a b/", "http://./",
        "http://" + "a" * 300 + "/", "http://\u00e9\u0301.invalid/", "/dev/zero", "/dev/null", "/proc/self/mem",
    ],
)  # fmt: skip
def test_an_address_that_is_none_is_one_line(say: Say, what: str) -> None:
    for command in (("verify", what), ("get", what)):
        told = say(*command, "--trust", "sha256:" + "a" * 64)
        assert told.status in (1, 2, 4)
        assert "password" not in told.err or "password" in what


# --- packs ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def pack(place: Place, say: Say) -> bytes:
    got = say("get", f"{place.tree}/{object_path(place.first)}", "--trust", place.world.pin, "-o", "pack.tamizdat")
    assert got.status == 0
    return Path("pack.tamizdat").read_bytes()


def _zip(files: list[tuple[zipfile.ZipInfo | str, bytes]], method: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as made:
        for name, data in files:
            made.writestr(name, data)
    return out.getvalue()


def _contents(pack: bytes) -> list[tuple[zipfile.ZipInfo | str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(pack)) as opened:
        return [(info.filename, opened.read(info)) for info in opened.infolist()]


def _flag_encrypted(pack: bytes) -> bytes:
    data = bytearray(pack)
    at = data.index(b"PK\1\2")
    while at != -1:
        data[at + 8] |= 1
        at = data.find(b"PK\1\2", at + 4)
    return bytes(data)


def _linked(pack: bytes) -> bytes:
    files = _contents(pack)
    for place, (name, data) in enumerate(files):
        info = zipfile.ZipInfo(str(name))
        info.create_system = 3
        info.external_attr = 0o120777 << 16
        files[place] = (info, b"/etc/passwd" if str(name).startswith("o/") else data)
    return _zip(files)


def _claims(pack: bytes, digest: str) -> bytes:
    about = json.dumps({"v": 1, "kind": "pack", "digest": digest}, separators=(",", ":")).encode()
    return _zip([(name, about if name == "pack.json" else data) for name, data in _contents(pack)])


def _sizes(pack: bytes, size: int) -> bytes:
    """Every entry says it is of this size, in its header and in the list of contents."""
    data = bytearray(pack)
    for mark, where in ((b"PK\3\4", 18), (b"PK\1\2", 20)):
        at = data.find(mark)
        while at != -1:
            data[at + where : at + where + 8] = struct.pack("<LL", size, size)
            at = data.find(mark, at + 4)
    return bytes(data)


PACKS: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"PK",
    "no files": lambda _: _zip([]),
    "truncated": lambda pack: pack[: len(pack) // 2],
    "without its last byte": lambda pack: pack[:-1],
    "with a byte more": lambda pack: pack + b"!",
    "with something before": lambda pack: b"PK\3\4 and more" + pack,
    "compressed": lambda pack: _zip(_contents(pack), zipfile.ZIP_DEFLATED),
    "a bomb": lambda pack: _zip([*_contents(pack)[:1], ("front", b"\0" * (64 << 20))], zipfile.ZIP_DEFLATED),
    "encrypted": _flag_encrypted,
    "links": _linked,
    "sizes of 4 GiB": lambda pack: _sizes(pack, 0xFFFFFFFE),
    "sizes of 64 bits": lambda pack: _sizes(pack, 0xFFFFFFFF),
    "sizes of nothing": lambda pack: _sizes(pack, 0),
    "another's digest": lambda pack: _claims(pack, "a" * 64),
    "a path for a digest": lambda pack: _claims(pack, "../../../../etc/passwd"),
    "a digest of capitals": lambda pack: _claims(pack, "A" * 64),
    "a pack.json that is none": lambda pack: _zip([("pack.json", b"[" * 900)]),
    "a pack.json of 100 MB": lambda _: _zip([("pack.json", b" " * (100 << 20))]),
    "100,000 entries": lambda _: _zip([(f"o/{number}", b"") for number in range(100_000)]),
    "an end that promises 4 GiB": lambda pack: pack[:-10] + b"\xff\xff\xff\xff" + pack[-6:],
    "absolute paths": lambda pack: _zip([("/" + str(name), data) for name, data in _contents(pack)]),
    "paths that climb": lambda pack: _zip([("../" + str(name), data) for name, data in _contents(pack)]),
    "zeros": lambda _: b"PK" + b"\0" * 70_000,
    "an end and nothing else": lambda _: b"PK\5\6" + b"\0" * 18,
    "a 64-bit end": lambda pack: pack[:-22] + b"PK\6\7" + b"\0" * 16 + pack[-22:],
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("name", [*PACKS, "two files of one name"])
def test_a_pack_that_is_not_one_is_refused(place: Place, say: Say, pack: bytes, name: str) -> None:
    made = _zip([*_contents(pack), _contents(pack)[-1]]) if name.startswith("two") else PACKS[name](pack)
    assert made != pack
    Path("pack.tamizdat").write_bytes(made)
    del made
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    told = say("verify", "pack.tamizdat", "--trust", place.world.pin)
    assert told.status in (1, 4)
    assert told.seconds < 5
    assert _grown(before) < 60
    assert "authentic: yes" not in told.out
    assert sorted(Path().iterdir()) == [Path("pack.tamizdat")]


def test_an_honest_pack_verifies_and_every_flipped_bit_in_it_is_harmless_or_caught(
    place: Place, say: Say, pack: bytes
) -> None:
    trust = ("--trust", place.world.pin)
    assert say("verify", "pack.tamizdat", *trust).status == 0
    for at in range(3, len(pack), len(pack) // 150):
        data = bytearray(pack)
        data[at] ^= 0x10
        Path("pack.tamizdat").write_bytes(data)
        told = say("verify", "pack.tamizdat", *trust, "--json")
        if told.status == 0:
            # A bit in a date, or in what says how fresh it is: the article itself is the signed one.
            assert told.json["article"]["digest"] == place.first
            assert told.json["article"]["title"] == "Article 1"


def test_what_zipfile_stumbles_over_is_a_pack_that_cannot_be_read(tmp_path: Path, pack: bytes) -> None:
    file = tmp_path / "fuzz.tamizdat"
    for at in range(len(pack) - 900, len(pack)):
        for bit in (0, 7):
            data = bytearray(pack)
            data[at] ^= 1 << bit
            file.write_bytes(data)
            try:
                opened = PackMirror(file)
            except ReadError:
                continue
            for path in ("pack.json", "front", "checkpoint"):
                with contextlib.suppress(ReadError):
                    opened.get(path, 8192)
            opened.close()


# --- saved pages and bundles ----------------------------------------------------------------------------------------


def test_a_saved_page_needs_its_mirror_and_must_say_what_the_bundle_says(place: Place, say: Say) -> None:
    trust = ("--trust", place.world.pin)
    Path("out").mkdir()
    saved = Path("out/saved.html")
    page = place.files[place.page]
    saved.write_bytes(page)
    assert say("verify", str(saved), *trust).status == 2
    with Liar(place.tree, honest) as mirror:
        assert say("verify", str(saved), *trust, "--mirror", mirror.url).status == 0
        assert say("verify", f"{mirror.url}/{place.page}", *trust).status == 0
        saved.write_bytes(page.replace(b"The end.", b"The end, they said."))
        assert say("verify", str(saved), *trust, "--mirror", mirror.url).status == 4
        saved.write_bytes(page + b" " * (5 << 20))
        assert say("verify", str(saved), *trust, "--mirror", mirror.url).status == 1
        saved.write_bytes(b"<html>" + base64.b64encode(b"x" * 900))
        assert say("verify", str(saved), *trust, "--mirror", mirror.url).status == 1
        # A page that names an edition shows no article.
        edition = hashlib.sha256(fronts.parse(place.files["front"]).edition).hexdigest()
        saved.write_bytes(b'<html><meta name="tamizdat:bundle" content="%s">' % edition.encode())
        assert say("verify", str(saved), *trust, "--mirror", mirror.url).status == 4


def test_a_bundle_as_a_file_is_looked_up_where_one_says(place: Place, say: Say) -> None:
    trust = ("--trust", place.world.pin)
    Path("out").mkdir()
    file = Path("out/bundle.gz")
    file.write_bytes(place.files[object_path(place.first)])
    assert say("verify", str(file), *trust, "--mirror", str(place.tree)).status == 0
    assert say("verify", str(file), *trust).status == 4
    file.write_bytes(_flipped(place.files[object_path(place.first)]))
    assert say("verify", str(file), *trust, "--mirror", str(place.tree)).status == 4
    file.write_bytes(BOMB)
    assert say("verify", str(file), *trust, "--mirror", str(place.tree)).status == 4


# --- copies ---------------------------------------------------------------------------------------------------------


def test_a_copy_that_was_cut_continues_and_asks_for_nothing_twice(place: Place, say: Say) -> None:
    trust = ("--trust", place.world.pin)
    sent: list[str] = []

    def cut(path: str, file: bytes | None) -> Iterator[bytes]:
        if len(sent) > 14:
            yield RESET
            return
        sent.append(path)
        yield from honest(path, file)

    with Liar(place.tree, cut) as liar:
        assert say("get", liar.url, *trust, "-o", "out").status == 1
    with Liar(place.tree, honest) as mirror:
        assert say("get", mirror.url, *trust, "-o", "out").status == 0
        again = set(mirror.asked) & set(sent)
        assert again <= {"front", "checkpoint", "trust/timestamp.json", "trust/2.root.json"}, again
        mirror.asked.clear()
        assert say("get", mirror.url, *trust, "-o", "out").status == 0
        assert set(mirror.asked) <= {"front", "checkpoint", "trust/timestamp.json", "trust/2.root.json", "reader.html"}
    assert not Path("out/.part").exists()


def test_leftovers_of_a_liar_are_replaced(place: Place, say: Say) -> None:
    trust = ("--trust", place.world.pin)
    for path, data in place.files.items():
        for folder in ("out", "out/.part"):
            file = Path(folder) / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(_flipped(data))
    with Liar(place.tree, honest) as mirror:
        assert say("get", mirror.url, *trust, "-o", "out").status == 0
    assert say("verify", "out", *trust).status == 0


def test_a_copy_does_not_follow_links_that_stand_in_its_way(place: Place, say: Say, tmp_path: Path) -> None:
    outside = tmp_path / "precious"
    outside.write_text("precious")
    path = Path("out") / object_path(place.first)
    path.parent.mkdir(parents=True)
    path.symlink_to(outside)
    assert say("get", str(place.tree), "--trust", place.world.pin, "-o", "out").status == 0
    assert outside.read_text() == "precious"
    assert not path.is_symlink()


def _outside(tmp_path: Path, place: Place) -> Path:
    """A folder beside, with what a copy would put and delete in it."""
    outside = tmp_path / "precious"
    shutil.copytree(place.tree, outside)
    return outside


def _listing(folder: Path) -> dict[str, bytes]:
    return {path: (folder / path).read_bytes() for path in FolderMirror(folder).walk()}


@pytest.mark.parametrize("linked", ["o", "tile", "trust/targets", "proof", ".part", ".part/o"])
def test_a_copy_does_not_follow_a_linked_folder_out_of_its_own(
    place: Place, say: Say, tmp_path: Path, linked: str
) -> None:
    outside = _outside(tmp_path, place)
    (outside / "strange").write_text("not of this mirror")
    before = _listing(outside)
    link = Path("out") / linked
    link.parent.mkdir(parents=True)
    link.symlink_to(outside)
    with Liar(place.tree, honest) as mirror:
        told = say("get", mirror.url, "--trust", place.world.pin, "-o", "out")
    assert told.status == 2
    assert f"{link} stands in the way: a link, which is not followed" in told.err
    assert _listing(outside) == before
    assert not Path("out/front").exists()


@pytest.mark.parametrize("where", ["front", "trust/1.root.json", ".part/trust/1.root.json", ".part", "o"])
def test_a_copy_does_not_wait_for_a_fifo(place: Place, say: Say, where: str) -> None:
    fifo = Path("out") / where
    fifo.parent.mkdir(parents=True)
    os.mkfifo(fifo)
    told = say("get", str(place.tree), "--trust", place.world.pin, "-o", "out")
    assert (told.status, "stands in the way: not a f" in told.err) == (2, True)
    assert told.seconds < 20


def test_what_was_left_behind_and_is_not_the_mirrors_is_not_put_in_its_place(place: Place, say: Say) -> None:
    left = Path("out/.part")
    left.mkdir(parents=True)
    (left / "stranger.html").write_text("verified by nobody")
    (left / "link.html").symlink_to("/etc/hostname")
    assert say("get", str(place.tree), "--trust", place.world.pin, "-o", "out").status == 0
    assert _listing(Path("out")).keys() <= place.files.keys()
    assert not left.exists()


def test_what_was_withdrawn_is_not_removed_behind_a_link(tmp_path: Path, place: Place) -> None:
    outside = _outside(tmp_path, place)
    before = _listing(outside)
    copied = tmp_path / "copied"
    copied.mkdir()
    (copied / "o").symlink_to(outside / "o")
    with contextlib.closing(FolderMirror(place.tree)) as mirror:
        copy = Copying(mirror, copied, reuse=True)
        withdrawn = Entry(kind="withdrawal", digest=place.first, size=1, time="2027-03-01T08:00:00Z")
        with pytest.raises(UsageError, match="not followed"):
            copy.drop_withdrawn([withdrawn])
        copy.drop_unnamed(set())
    assert _listing(outside) == before


def test_a_tile_of_entries_without_end_is_cut_where_no_tile_of_ours_goes_on(place: Place, say: Say) -> None:
    def lie(path: str, file: bytes | None) -> Iterator[bytes]:
        if path.startswith("tile/entries/"):
            yield from _endless(b"HTTP/1.1 200 OK\r\n\r\n")
        else:
            yield from honest(path, file)

    with Liar(place.tree, lie) as liar:
        told = say("verify", liar.url, "--trust", place.world.pin)
    assert told.status != 0
    assert f"more than the {LOG_ENTRIES_BYTES} bytes expected" in told.said
    assert LOG_ENTRIES_BYTES == 256 * 302
