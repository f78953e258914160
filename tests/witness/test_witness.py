"""The witness's rules and its HTTP, asked over real connections."""

from __future__ import annotations

import contextlib
import http.client
import os
import random
import select
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from mirror.cli import main
from mirror.errors import Busy, TamizdatError, UsageError
from mirror.witness.store import MAX_BODY, Witness
from signing import cosignature, note
from signing.checkpoint import parse_text
from signing.keys import SignerKey, VerifierKey
from signing.packing import to_base64
from tests.witness.servers import LOG, Log, Running, monitored, process, witness

KEY = LOG.verifier


@dataclass(frozen=True, slots=True)
class Said:
    status: int
    kind: str
    body: bytes


def ask(url: str, method: str, path: str, body: bytes | None = None, **headers: str) -> Said:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)
    with contextlib.closing(connection):
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return Said(answer.status, answer.headers.get("Content-Type", ""), answer.read())


def post(url: str, body: bytes) -> Said:
    return ask(url, "POST", "/add-checkpoint", body)


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Running]:
    with witness(tmp_path / "w", KEY) as running:
        yield running


def test_a_log_that_grows_is_cosigned_and_a_monitor_sees_the_newest(one: Running) -> None:
    log = Log()
    old = 0
    for size in (1, 5, 5, 8, 300):
        said = post(one.url, log.request(old, size))
        assert said.status == 200, said
        signed = log.checkpoint(size) + said.body
        assert abs(cosignature.cosigners(signed, [one.key])[one.key] - time.time()) < 60
        old = size
        shown = ask(monitored(one.url, KEY.name), "GET", urlsplit(monitored(one.url, KEY.name)).path)
        assert shown.status == 200
        assert shown.body == signed
    health = ask(one.url, "GET", "/health")
    assert (health.status, health.body.decode().strip()) == (200, one.key.text)


def test_each_refusal_has_the_status_of_the_specification(one: Running) -> None:
    log, other = Log(), Log(fork=b"!", at=2)
    assert post(one.url, log.request(0, 4)).status == 200
    unknown = SignerKey("unknown.example/log", b"u" * 32)
    impostor = SignerKey(KEY.name, b"i" * 32)
    cases = {
        "unknown origin": (Log(unknown).request(0, 1), 404),
        "signed by another key of that name": (Log(impostor).request(4, 6), 403),
        "old size above the checkpoint's": (log.request(4, 6).replace(b"old 4", b"old 7"), 400),
        "old size not the one cosigned last": (log.request(3, 6), 409),
        "nothing remembered, says the client": (log.request(0, 6), 409),
        "same size, other root": (other.request(4, 4), 409),
        "a proof that does not fit": (b"old 4\n" + to_base64(b"x" * 32) + b"\n\n" + log.checkpoint(6), 422),
        "no proof": (b"old 4\n\n" + log.checkpoint(6), 422),
        "a proof where none is needed": (b"old 4\n" + to_base64(b"x" * 32) + b"\n\n" + log.checkpoint(4), 422),
        "another history": (other.request(4, 6), 422),
        "rolled back": (b"old 4\n\n" + log.checkpoint(3), 400),
        "no old line": (log.checkpoint(6), 400),
        "a leading zero": (log.request(4, 6).replace(b"old 4", b"old 04"), 400),
        "64 proof lines": (b"old 4\n" + (to_base64(b"x" * 32) + b"\n") * 64 + b"\n" + log.checkpoint(6), 400),
        "a proof line of 31 bytes": (b"old 4\n" + to_base64(b"x" * 31) + b"\n\n" + log.checkpoint(6), 400),
        "no checkpoint": (b"old 4\n\n", 400),
        "nothing": (b"", 400),
        "other bytes": (os.urandom(400), 400),
    }
    for what, (body, status) in cases.items():
        said = post(one.url, body)
        assert said.status == status, (what, said)
        if status == 409:
            assert (said.kind, said.body) == ("text/x.tlog.size", b"4\n"), what
        assert "—".encode() not in said.body
    # The one that signs two roots for one size has convicted itself: both notes are kept.
    (kept,) = (one.folder / "conflicts").iterdir()
    assert kept.read_bytes().count(b"\n4\n") == 2
    # And nothing of all that moved the witness.
    assert post(one.url, log.request(4, 6)).status == 200


def test_lines_of_unknown_keys_and_kinds_are_ignored_and_not_kept(one: Running) -> None:
    log = Log()
    dilithium = note.SignatureLine(name="pq.example/w", key_id=b"abcd", signature=b"\6" * 2428).encode()
    assert post(one.url, log.request(0, 3) + dilithium).status == 200
    shown = ask(one.url, "GET", urlsplit(monitored(one.url, KEY.name)).path)
    assert {line.name for line in note.parse(shown.body).lines} == {KEY.name, one.key.name}


def test_the_empty_log_can_be_cosigned(one: Running) -> None:
    log = Log()
    assert post(one.url, log.request(0, 0)).status == 200
    assert post(one.url, log.request(0, 2)).status == 200


def test_odd_requests_are_answered_and_end_there(one: Running) -> None:
    assert ask(one.url, "GET", "/").status == 404
    assert ask(one.url, "GET", "/add-checkpoint").status == 405
    assert ask(one.url, "DELETE", "/health").status == 405
    assert ask(one.url, "GET", "/" + "0" * 64 + "/checkpoint").status == 404
    assert ask(one.url, "POST", "/add-checkpoint", b"", **{"Transfer-Encoding": "chunked"}).status == 411
    port = urlsplit(one.url).port
    for raw, status in (
        (b"HELO\r\n\r\n", b"400"),
        (b"GET /health HTTP/1.1\r\n" + b"X: y\r\n" * 3000 + b"\r\n", b"400"),
        (b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", b"400"),
        (b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: -1\r\n\r\n", b"400"),
        (b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (MAX_BODY + 1), b"413"),
    ):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
            sock.sendall(raw)
            assert sock.recv(100).split(b" ")[1] == status, raw[:40]


def test_one_connection_serves_many_requests(one: Running) -> None:
    log = Log()
    connection = http.client.HTTPConnection(urlsplit(one.url).netloc, timeout=20)
    with contextlib.closing(connection):
        for size in range(1, 6):
            connection.request("POST", "/add-checkpoint", log.request(size - 1, size))
            answer = connection.getresponse()
            assert (answer.status, bool(answer.read())) == (200, True)


def test_whoever_is_slow_on_purpose_keeps_nobody_else_waiting(tmp_path: Path) -> None:
    with witness(tmp_path / "w", KEY, connections=8, deadline=3.0) as running:
        port = urlsplit(running.url).port
        slow = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(30)]
        try:
            for sock in slow:
                with contextlib.suppress(OSError):
                    sock.sendall(b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: 500\r\n\r\nold")
            assert post(running.url, Log().request(0, 3)).status == 200
            ended, _, _ = select.select(slow, [], [], 0)
            assert 0 < len(ended) < len(slow), "some made room, and nobody waited until the clock had put out all"
            # Whoever was not put out to make room is put out by the clock.
            for sock in slow:
                sock.settimeout(20)
                with contextlib.suppress(ConnectionError):
                    assert sock.recv(1) == b""
        finally:
            for sock in slow:
                sock.close()


def test_a_witness_never_signs_a_time_older_than_the_last(tmp_path: Path) -> None:
    now = [2_000_000_000.0]
    log = Log()
    with witness(tmp_path / "w", KEY, clock=lambda: now[0]) as running:

        def signed_at(old: int, size: int) -> int | None:
            said = post(running.url, log.request(old, size))
            if said.status != 200:
                assert said.status == 503
                return None
            return cosignature.cosigners(log.checkpoint(size) + said.body, [running.key])[running.key]

        assert signed_at(0, 2) == 2_000_000_000
        now[0] -= 10
        assert signed_at(2, 3) == 2_000_000_000  # a step of the clock
        now[0] -= 3600
        assert signed_at(3, 4) is None
        now[0] += 7200
        assert signed_at(3, 4) == int(now[0])
    late = Witness(tmp_path / "w")
    with pytest.raises(TamizdatError, match="has signed at"), late.serving(1_900_000_000):
        pass
    with late.serving(1_900_000_000, clock_was_wrong=True):
        assert late.add_checkpoint(log.request(4, 5), 1_900_000_000).status == 200


def test_two_processes_never_serve_one_witness(one: Running) -> None:
    with pytest.raises(Busy), Witness(one.folder).serving(int(time.time())):
        pass


def test_a_log_is_followed_with_one_key_for_good(one: Running) -> None:
    watched = Witness(one.folder)
    assert not watched.add_log(KEY)
    with pytest.raises(UsageError, match="another key"):
        watched.add_log(SignerKey(KEY.name, b"z" * 32).verifier)
    with pytest.raises(UsageError, match="not a log's key"):
        watched.add_log(one.key)
    # Added and removed while the server runs; what was cosigned is not forgotten in between.
    log = Log()
    assert post(one.url, log.request(0, 4)).status == 200
    watched.remove_log(KEY.name)
    assert post(one.url, log.request(4, 5)).status == 404
    watched.add_log(KEY)
    assert post(one.url, log.request(0, 5)).status == 409
    assert post(one.url, log.request(4, 5)).status == 200


def test_a_damaged_memory_stops_the_witness_instead_of_being_forgotten(tmp_path: Path) -> None:
    log = Log()
    with witness(tmp_path / "w", KEY) as running:
        assert post(running.url, log.request(0, 4)).status == 200
    (head,) = (tmp_path / "w/heads").iterdir()
    good = head.read_bytes()
    other = Log(fork=b"!").checkpoint(4)
    for bad in (good[:-20] + b"\n", log.checkpoint(4), other, good.replace(b"\n4\n", b"\n3\n")):
        head.write_bytes(bad)
        with pytest.raises(TamizdatError), Witness(tmp_path / "w").serving(int(time.time())):
            pass


def test_a_disk_that_takes_nothing_gets_nobody_a_signature(one: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    from mirror import durable

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    log = Log()
    assert post(one.url, log.request(0, 2)).status == 200
    with monkeypatch.context() as patched:
        patched.setattr(durable, "write", full)
        said = post(one.url, log.request(2, 4))
        assert said.status == 500
        assert "—".encode() not in said.body
    assert post(one.url, log.request(2, 4)).status == 200


def test_many_at_once_get_one_history(one: Running) -> None:
    """A hundred requests from a log and its forks at the same moment: all that is cosigned hangs together."""
    logs = [Log(), Log(fork=b"a", at=1), Log(fork=b"b", at=3)]
    cosigned: list[tuple[int, bytes]] = []

    def offer(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(8):
            log, size = chance.choice(logs), chance.randrange(1, 12)
            said = post(one.url, log.request(min(chance.choice((0, size - 1, size)), size), size))
            if said.status == 200:
                cosigned.append((size, log.root(size)))
            elif said.status == 409 and (old := int(said.body)) <= size:
                said = post(one.url, log.request(old, size))
                if said.status == 200:
                    cosigned.append((size, log.root(size)))

    threads = [threading.Thread(target=offer, args=(seed,)) for seed in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert cosigned  # how many depends on who comes first
    assert_one_history(cosigned, logs)


def assert_one_history(cosigned: list[tuple[int, bytes]], logs: list[Log]) -> None:
    """Some single log has all of these as its beginnings."""
    assert any(all(log.root(size) == root for size, root in cosigned) for log in logs), cosigned


def test_a_witness_killed_at_any_moment_has_never_cosigned_two_histories(tmp_path: Path, everything: bool) -> None:
    folder = tmp_path / "w"
    Witness.create(folder, "witness.example/w1")
    Witness(folder).add_log(KEY)
    chance = random.Random(7)
    logs = [Log(), Log(fork=b"evil", at=2)]
    cosigned: list[tuple[int, bytes]] = []
    size = 1
    rounds = 0
    while rounds < (30 if everything else 6) or len(cosigned) < 2:
        rounds += 1
        assert rounds < 200
        with process(folder) as (running, url):
            killer = threading.Timer(chance.uniform(0.0, 0.25), running.kill)
            killer.start()
            try:
                while running.poll() is None:
                    # Both histories are offered, as continuations of whatever the witness says it has.
                    for log in chance.sample(logs, 2):
                        said = post(url, log.request(0, size))
                        if said.status == 409 and int(said.body) <= size:
                            said = post(url, log.request(int(said.body), size))
                        if said.status == 200:
                            line = log.checkpoint(size) + said.body
                            assert cosignature.cosigners(line, [Witness(folder).signer.verifier])
                            cosigned.append((size, log.root(size)))
                    size = min(size + 1, 60)
            except (OSError, http.client.HTTPException):
                pass  # killed in the middle of an answer
            finally:
                killer.cancel()
    assert_one_history(cosigned, logs)
    head = Witness(folder).head(KEY.name)
    assert head is not None
    assert head.checkpoint.size >= max(size for size, _ in cosigned)
    assert_one_history([*cosigned, (head.checkpoint.size, head.checkpoint.root)], logs)


def test_the_commands_make_and_show_a_witness(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(tmp_path / "w")
    os.environ["TAMIZDAT_TEST_PHRASE"] = "correct horse"
    phrase = ["--passphrase", "env:TAMIZDAT_TEST_PHRASE"]
    try:
        assert main(["witness", "init", folder, "--name", "witness.example/w1", *phrase]) == 0
        assert main(["witness", "init", folder, "--name", "witness.example/w1"]) == 2
        assert main(["witness", "add-log", folder, KEY.text, "--origin", KEY.name]) == 0
        assert main(["witness", "add-log", folder, KEY.text, "--origin", "other.example"]) == 2
        assert main(["witness", "add-log", folder, "nonsense"]) == 2
        capsys.readouterr()
        assert main(["witness", "list", folder, *phrase, "--json"]) == 0
        assert KEY.name in capsys.readouterr().out
        assert main(["witness", "list", folder]) == 2  # the key is asked for, and no passphrase was given
        assert main(["witness", "remove-log", folder, KEY.name]) == 0
        assert main(["witness", "remove-log", folder, KEY.name]) == 2
        assert main(["witness", "list", str(tmp_path / "elsewhere")]) == 2
    finally:
        del os.environ["TAMIZDAT_TEST_PHRASE"]
    secret = (tmp_path / "w/witness.key").read_text()
    assert "PRIVATE+KEY" not in secret
    assert (tmp_path / "w/witness.key").stat().st_mode & 0o077 == 0


def test_a_cosignature_is_of_the_checkpoints_text_and_the_time(one: Running) -> None:
    """Checked by hand, from the specification alone."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    log = Log()
    body = post(one.url, log.request(0, 3)).body
    line = note.parse_line(body[:-1])
    when = int.from_bytes(line.signature[:8], "big")
    text = note.parse(log.checkpoint(3)).text
    Ed25519PublicKey.from_public_bytes(one.key.public).verify(
        line.signature[8:], b"cosignature/v1\ntime %d\n" % when + text
    )
    assert parse_text(text).size == 3
    assert VerifierKey.parse(one.key.text).kind == 4
