"""Who is heard before anything is signed, when others hang or break off."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

from mirror.catchup.asking import STAMP, Source, ask, closing
from mirror.targets import TargetError
from mirror.witness import client
from signing import cosignature
from signing.policy import Policy
from tests.witness.servers import LOG, Log, witness

ORIGIN = LOG.verifier.name
HANGING = cosignature.witness_key("witness.example/hanging", b"h" * 32)


class Place:
    """A mirror that shows its checkpoint, and then does `then` with whoever asks for more."""

    def __init__(self, then: threading.Event | TargetError | None = None) -> None:
        self.then = then
        self.closed = threading.Event()

    def get(self, path: str, cap: int) -> bytes | None:
        if path == STAMP and isinstance(self.then, threading.Event):
            self.then.wait(30)
        elif path == STAMP and self.then is not None:
            raise self.then
        return path.encode()

    def close(self) -> None:
        self.closed.set()


def test_whoever_shows_a_checkpoint_was_heard_whatever_becomes_of_him_then() -> None:
    release = threading.Event()
    good, failing, hanging = Place(), Place(TargetError("broke off", kind="transient")), Place(release)
    sources = [Source("good", lambda: good), Source("failing", lambda: failing), Source("hanging", lambda: hanging)]
    try:
        heard = ask(sources, None, ORIGIN, 2.0)
    finally:
        release.set()
    assert sorted(one.name for one in heard.answers if one.checkpoint == b"checkpoint") == [
        "failing",
        "good",
        "hanging",
    ]
    assert [one.name for one in heard.answers if one.stamp is not None] == ["good"]
    assert heard.silent == {"failing", "hanging"}, "they are asked last from now on"


def test_a_witness_that_hangs_does_not_take_the_others_words_with_it(tmp_path: Path) -> None:
    log = Log()
    with witness(tmp_path / "w", LOG.verifier) as running, socket.create_server(("127.0.0.1", 0)) as silent:
        hangs = f"witness hanging {HANGING.verifier.text} http://127.0.0.1:{silent.getsockname()[1]}\n"
        policy = Policy.parse(f"{hangs}{running.line('good')}quorum none\n".encode())
        good = Policy.parse(f"{running.line('good')}quorum none\n".encode())
        assert client.cosign(log.checkpoint(3), good, lambda old: log.proof(old, 3))
        heard = ask([], policy, ORIGIN, 2.0)
    assert [(one.name, one.source) for one in heard.answers] == [("witness good", None)]
    assert (heard.answers[0].checkpoint or b"").startswith(log.checkpoint(3))


def test_what_was_opened_to_ask_is_closed_again_also_what_was_opened_too_late() -> None:
    place, late = Place(), Place()
    opening, opened = threading.Event(), threading.Event()

    def slowly() -> Place:
        opening.set()
        opened.wait(30)
        return late

    slow = Source("slow", slowly)
    with closing([Source("quick", lambda: place), slow]) as (quick, _):
        assert quick.get("checkpoint", 100) == b"checkpoint"
        asking = threading.Thread(target=slow.get, args=("checkpoint", 100), daemon=True)
        asking.start()
        assert opening.wait(30)
    assert place.closed.wait(30)
    opened.set()
    assert late.closed.wait(30)
    asking.join(30)
