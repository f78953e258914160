"""Real servers for the tests, each started on loopback in a folder of its own and stopped again.

A server is a context manager; `with` starts it, waits until it answers and, however the test ends, stops it and every
process it started. Nothing listens anywhere but on 127.0.0.1, and nothing is written outside the folder given.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path


class ServerFailed(RuntimeError):
    """A server did not come up; the message ends with the last lines it wrote."""


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Server:
    """Where a running S3 server is and which keys it takes. `bucket` exists; `missing_bucket` does not."""

    name: str
    endpoint: str
    bucket: str
    region: str = "us-east-1"
    access_key: str = "test"
    secret_key: str = "testtest"
    missing_bucket: str = "no-such-bucket"
    checks_secret: bool = True
    public_url: str | None = None  # where anybody may read the bucket, if the server can do that
    admin: Callable[..., str] | None = field(default=None, repr=False, compare=False)  # its own tool for administrators


# Below the ports that the system gives to whoever asks for any (32768 and more on Linux): one of those could go to
# another test between the moment it is chosen here and the moment its server takes it. Processes begin far apart.
_LOWEST, _PORTS = 10_000, 20_000
_NEXT = itertools.count(os.getpid() * 797)


def free_port() -> int:
    """A TCP port nobody listens on, and that nobody else is given: this process gives out none a second time."""
    for number in itertools.islice(_NEXT, _PORTS):
        port = _LOWEST + number % _PORTS
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise ServerFailed("no port is free")


def wait_for(ready: Callable[[], bool], *, seconds: float, what: str, log: Path | None = None) -> None:
    """Returns once `ready()` is true; raises ServerFailed when it never becomes so."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if ready():
            return
        time.sleep(0.02)
    tail = ""
    if log is not None and log.exists():
        tail = ": " + log.read_text(errors="replace")[-1500:]
    raise ServerFailed(f"{what} did not answer within {seconds:.0f} s{tail}")


def listening(port: int) -> bool:
    """Whether something accepts connections on this loopback port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def running(
    command: Sequence[str], *, log: Path, env: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a session of its own; at the end the whole session gets SIGTERM, then SIGKILL."""
    with log.open("ab") as out:
        process = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, **(env or {})},
        )
    try:
        yield process
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes], *, grace: float = 5) -> None:
    """Ends a process started by `running` and what it started. Only its own session is signalled."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            break
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(grace)
