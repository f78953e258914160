"""The client's side: honest witnesses, dead ones, ones that lie; and what a policy makes of their answers."""

from __future__ import annotations

import contextlib
import http.server
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mirror.witness import client
from mirror.witness.store import Witness
from signing import cosignature, note
from signing.keys import SignerKey
from signing.policy import Policy
from tests.witness.servers import LOG, Log, Running, witness

KEY = LOG.verifier


def policy(*lines: str, quorum: str = "none") -> Policy:
    return Policy.parse(("".join(lines) + f"quorum {quorum}\n").encode())


@contextlib.contextmanager
def odd(reply: Callable[[bytes], tuple[int, str, bytes]]) -> Iterator[tuple[str, list[str]]]:
    """A server that answers every POST (and GET) by `reply(body)`; its address, and the paths asked for."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, kind, data = reply(body)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            if status in (301, 307):
                self.send_header("Location", kind)
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(data)

        do_GET = do_POST

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        server.server_close()


def line_of(key: SignerKey, url: str, name: str = "w") -> str:
    return f"witness {name} {key.verifier.text} {url}\n"


WITNESS = cosignature.witness_key("witness.example/odd", b"o" * 32)


def test_every_witness_cosigns_and_catches_up_from_wherever_it_is(tmp_path: Path) -> None:
    log = Log()
    with contextlib.ExitStack() as stack:
        running = [stack.enter_context(witness(tmp_path / f"w{n}", KEY, name=f"witness{n}.example")) for n in range(3)]
        rules = policy(*(one.line(f"w{n}") for n, one in enumerate(running)))
        for size in (2, 7, 7, 40):
            checkpoint = log.checkpoint(size)
            said: list[str] = []
            lines = client.cosign(checkpoint, rules, lambda old, size=size: log.proof(old, size), report=said.append)  # type: ignore[misc]
            assert said == []
            cosigned = cosignature.attach(checkpoint, lines)
            assert set(cosignature.cosigners(cosigned, rules.keys)) == set(rules.keys)
        # One was away for a while: its own old size is what it gets a proof from.
        alone = policy(running[0].line("w0"))
        assert client.cosign(log.checkpoint(41), alone, lambda old: log.proof(old, 41))
        lines = client.cosign(log.checkpoint(50), rules, lambda old: log.proof(old, 50))
        assert len(lines) == 3
        newest = client.newest_cosigned(rules, KEY.name)
        assert [(one.name, cosigned_size(data)) for one, data in newest] == [("w0", 50), ("w1", 50), ("w2", 50)]
        assert client.newest_cosigned(rules, "another.example/log") == []


def cosigned_size(data: bytes) -> int:
    return int(note.parse(data).text.split(b"\n")[1])


def test_a_witness_that_has_seen_more_or_something_else_is_named(tmp_path: Path) -> None:
    log, other = Log(), Log(fork=b"!", at=1)
    with witness(tmp_path / "w", KEY) as running:
        rules = policy(running.line("w"))
        assert client.cosign(log.checkpoint(6), rules, lambda old: log.proof(old, 6))
        for asked, size, words in ((log, 4, "more than the 4 offered"), (other, 6, "another history of 6")):
            (reply,) = client.ask(asked.checkpoint(size), rules, lambda old, a=asked, s=size: a.proof(old, s))  # type: ignore[misc]
            assert reply.lines == ()
            assert words in (reply.problem or "")
            assert reply.size == 6
        (reply,) = client.ask(other.checkpoint(9), rules, lambda old: other.proof(old, 9))
        assert "status 422" in (reply.problem or "")


def test_a_witness_that_cannot_be_reached_is_one_plain_line() -> None:
    log = Log()
    with closed_port() as port:
        rules = policy(line_of(WITNESS, f"http://127.0.0.1:{port}", "w2"))
        said: list[str] = []
        assert client.cosign(log.checkpoint(5), rules, lambda old: log.proof(old, 5), report=said.append) == []
        assert said == ["witness w2 does not answer (connection refused)"]
        silent: list[client.Reply] = []
        assert client.newest_cosigned(rules, KEY.name, report=silent.append) == []
        assert [one.line for one in silent] == said


def test_a_witness_that_does_not_follow_the_log_is_told_from_one_that_fails() -> None:
    log = Log()
    for answer, follows, words in (
        ((404, "text/plain", b"unknown log\n"), False, "witness w does not follow this log (status 404)"),
        ((503, "text/plain", b"come\nback\n"), True, "witness w refuses: status 503 (come back)"),
        ((403, "text/plain", b""), True, "witness w refuses: status 403"),
    ):
        with odd(lambda _body, answer=answer: answer) as (url, _):  # type: ignore[misc]
            (reply,) = client.ask(log.checkpoint(5), policy(line_of(WITNESS, url)), lambda old: log.proof(old, 5))
        assert (reply.line, reply.follows) == (words, follows)


@contextlib.contextmanager
def closed_port() -> Iterator[int]:
    """A port that nobody listens on, and that nobody else gets meanwhile."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield int(held.getsockname()[1])


def test_a_witness_that_lies_or_babbles_is_ignored_and_reported() -> None:
    log = Log()
    checkpoint = log.checkpoint(5)
    text = note.parse(checkpoint).text
    good = cosignature.sign(text, WITNESS, int(time.time()))
    another = cosignature.sign(text, cosignature.witness_key("else.example", b"e" * 32), 5)
    wrong = cosignature.sign(Log(fork=b"x").checkpoint(5).split(b"\n\n")[0] + b"\n", WITNESS, 5)
    early = cosignature.sign(text, WITNESS, int(time.time()) + 86_400)
    dilithium = note.SignatureLine(name="pq.example/w", key_id=b"abcd", signature=b"\6" * 2428).encode()
    size = "text/x.tlog.size"
    cases: list[tuple[tuple[int, str, bytes], bool, str]] = [
        ((200, "text/plain", good), True, ""),
        ((200, "text/plain", dilithium + another + good), True, ""),
        ((200, "text/plain", wrong + good), True, ""),
        ((200, "text/plain", another), False, "without a line of the key"),
        ((200, "text/plain", wrong), False, "is wrong"),
        ((200, "text/plain", early), False, "ahead"),
        ((200, "text/html", b"<html>welcome</html>\n"), False, "em dash"),
        ((200, "text/plain", b""), False, "without a line of the key"),
        ((200, "text/plain", b"\xff\x00" * 50), False, "a note"),
        ((200, "text/plain", good * 3000), False, "more than"),
        ((307, "http://127.0.0.1:1/", good), False, "status 307"),
        ((500, "text/plain", b"oops\x1b[2J"), False, "status 500"),
        ((409, size, b"0\n"), False, "changes its mind"),
        ((409, size, b"3\n"), False, "changes its mind"),
        ((409, size, b"-1\n"), False, "not a number"),
        ((409, size, b"9" * 300), False, ""),
        ((409, "text/plain", b"3\n"), False, "status 409"),
        ((409, size, b"6\n"), False, "more than the 5"),
    ]
    for answer, fine, words in cases:
        with odd(lambda _body, answer=answer: answer) as (url, asked):  # type: ignore[misc]
            (reply,) = client.ask(checkpoint, policy(line_of(WITNESS, url)), lambda old: log.proof(old, 5), deadline=5)
        assert bool(reply.lines) == fine, answer
        assert (reply.problem is None) == fine, answer
        assert words in (reply.problem or ""), (answer, reply.problem)
        assert "\x1b" not in (reply.problem or "")
        assert all(line == good for line in reply.lines)
        assert len(asked) <= 2


def test_only_web_addresses_are_asked() -> None:
    log = Log()
    for address in (
        "file:///etc/passwd", "ftp://127.0.0.1/", "http://user:pw@127.0.0.1/", "http://", "gopher", "http://127.0.0.1/?x",
    ):  # fmt: skip
        (reply,) = client.ask(log.checkpoint(2), policy(line_of(WITNESS, address)), lambda old: log.proof(old, 2))
        assert "not a witness's address" in (reply.problem or ""), address
    assert client.ask(log.checkpoint(2), policy(f"witness w {WITNESS.verifier.text}\n"), lambda old: []) == ()


def test_one_that_hangs_costs_the_deadline_and_with_a_quorum_not_even_that(tmp_path: Path) -> None:
    log = Log()
    release = threading.Event()

    def hang(_body: bytes) -> tuple[int, str, bytes]:
        release.wait(20)
        return 500, "text/plain", b""

    try:
        with odd(hang) as (url, _), witness(tmp_path / "w", KEY) as running:
            hanging = line_of(WITNESS, url, "hanging")
            started = time.monotonic()
            said: list[str] = []
            rules = policy(running.line("w"), hanging, "group both all w hanging\n", quorum="both")
            proof: Callable[[int], list[bytes]] = lambda old: log.proof(old, 3)  # noqa: E731
            assert len(client.cosign(log.checkpoint(3), rules, proof, deadline=1.5, report=said.append)) == 1
            assert 1.4 < time.monotonic() - started < 15
            assert len(said) == 1
            started = time.monotonic()
            rules = policy(running.line("w"), hanging, quorum="w")
            assert client.cosign(log.checkpoint(3), rules, proof, deadline=15)
            assert time.monotonic() - started < 10
    finally:
        release.set()


def test_quorums_and_groups_decide_with_some_witnesses_down(tmp_path: Path) -> None:
    log = Log()
    with contextlib.ExitStack() as stack:
        up: list[Running] = [
            stack.enter_context(witness(tmp_path / f"w{n}", KEY, name=f"w{n}.example")) for n in range(2)
        ]
        down = f"witness gone {WITNESS.verifier.text} http://127.0.0.1:9\n"
        lines = (up[0].line("a"), up[1].line("b"), down)
        checkpoint = log.checkpoint(4)
        for groups, quorum, enough in (
            ("group two 2 a b gone\n", "two", True),
            ("group all all a b gone\n", "all", False),
            ("group any any b gone\ngroup both all a any\n", "both", True),
            ("group inner 2 b gone\ngroup both all a inner\n", "both", False),
            ("", "gone", False),
            ("", "a", True),
            ("", "none", True),
        ):
            rules = policy(*lines, groups, quorum=quorum)
            said: list[str] = []
            got = client.cosign(checkpoint, rules, lambda old: log.proof(old, 4), report=said.append)
            have = cosignature.cosigners(cosignature.attach(checkpoint, got), rules.keys)
            assert rules.satisfied(have) is enough, groups
            assert len(said) == 1
            assert "gone" in said[0]


def test_a_monitor_believes_a_witness_only_its_own_signature(tmp_path: Path) -> None:
    log = Log()
    own = cosignature.attach(
        log.checkpoint(3), [cosignature.sign(note.parse(log.checkpoint(3)).text, WITNESS, 1_900_000_000)]
    )
    for data, words in (
        (own, None),
        (log.checkpoint(3), "not cosigned"),
        (own.replace(b"\n3\n", b"\n4\n"), "wrong"),
        (b"<html>", "note"),
    ):
        with odd(lambda _body, data=data: (200, "text/plain", data)) as (url, _):  # type: ignore[misc]
            said: list[client.Reply] = []
            found = client.newest_cosigned(policy(line_of(WITNESS, url)), KEY.name, report=said.append)
        assert [one for _, one in found] == ([own] if words is None else [])
        assert bool(said) == (words is not None)
        assert words is None or words in said[0].line


def test_a_folder_that_is_no_witness_is_refused(tmp_path: Path) -> None:
    from mirror.errors import UsageError

    with pytest.raises(UsageError):
        Witness(tmp_path)
    for name in ("", "with space", "plus+"):
        with pytest.raises(UsageError):
            Witness.create(tmp_path / "w", name)
