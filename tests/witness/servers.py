"""Witnesses that really listen, on loopback: in a thread for speed, as a process of their own to be killed."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mirror.witness.server import Server
from mirror.witness.store import Witness
from signing.checkpoint import Checkpoint
from signing.checkpoint import sign as sign_checkpoint
from signing.keys import SignerKey, VerifierKey
from signing.merkle import consistency_proof, leaf_hash, root_of
from signing.packing import to_base64

LOG = SignerKey("log.example/2031", b"l" * 32)


class Log:
    """A small log in memory; `Log(fork=b"…")` is one whose entries differ from `at` on."""

    def __init__(self, key: SignerKey = LOG, *, fork: bytes = b"", at: int = 0) -> None:
        self.key = key
        self._fork, self._at = fork, at

    def leaf(self, index: int) -> bytes:
        return leaf_hash(b"entry %d" % index + (self._fork if index >= self._at else b""))

    def root(self, size: int) -> bytes:
        return root_of([self.leaf(index) for index in range(size)])

    def checkpoint(self, size: int) -> bytes:
        return sign_checkpoint(Checkpoint(self.key.name, size, self.root(size)), self.key)

    def proof(self, old: int, new: int) -> list[bytes]:
        def read(level: int, index: int) -> bytes:
            return root_of([self.leaf(one) for one in range(index << level, (index + 1) << level)])

        return list(consistency_proof(old, new, read))

    def request(self, old: int, new: int) -> bytes:
        lines = b"".join(to_base64(one) + b"\n" for one in self.proof(old, new))
        return b"old %d\n%s\n%s" % (old, lines, self.checkpoint(new))


@dataclass(frozen=True, slots=True)
class Running:
    """A witness that listens."""

    url: str
    key: VerifierKey
    folder: Path

    def line(self, name: str) -> str:
        """Its line in a policy."""
        return f"witness {name} {self.key.text} {self.url}\n"


@contextlib.contextmanager
def witness(
    folder: Path,
    *logs: VerifierKey,
    name: str = "witness.example/w1",
    clock: Callable[[], float] = time.time,
    connections: int = 64,
    deadline: float = 15.0,
) -> Iterator[Running]:
    """A witness in this process, on a port of its own; the folder is made when it is not there."""
    key = Witness(folder).signer.verifier if folder.exists() else Witness.create(folder, name)
    served = Witness(folder)
    for log in logs:
        served.add_log(log)
    started: list[tuple[asyncio.AbstractEventLoop, asyncio.Event, int]] = []
    ready = threading.Event()

    async def main() -> None:
        server = Server(served, clock=clock, connections=connections, deadline=deadline)
        stop = asyncio.Event()
        started.append((asyncio.get_running_loop(), stop, await server.start("127.0.0.1", 0)))
        ready.set()
        await stop.wait()
        await server.stop()

    with served.serving(int(clock())):
        thread = threading.Thread(target=asyncio.run, args=(main(),), daemon=True)
        thread.start()
        assert ready.wait(10)
        loop, stop, port = started[0]
        try:
            yield Running(f"http://127.0.0.1:{port}", key, folder)
        finally:
            loop.call_soon_threadsafe(stop.set)
            thread.join(10)


@contextlib.contextmanager
def process(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`tamizdat witness serve` as a process, and its address; killed at the end."""
    command = [sys.executable, "-m", "mirror.cli", "witness", "serve", str(folder), "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout is not None
            yield running, json.loads(running.stdout.readline())["url"]
        finally:
            running.kill()


def monitored(url: str, origin: str) -> str:
    """Where a monitor reads what a witness has cosigned of this log."""
    return f"{url}/{hashlib.sha256(origin.encode()).hexdigest()}/checkpoint"
