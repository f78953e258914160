"""A bad wire to a real server: no more than a rate, and after so many bytes from the client it hangs up on both."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER on, no seconds: close() sends RST


@dataclass(slots=True)
class Wire:
    """`after` is how many bytes of a connection get through, then it is cut; None: all. `cuts` counts. `rate` is in
    bytes a second and direction, for each connection."""

    url: str
    after: int | None = None
    rate: int | None = None
    cuts: int = 0
    threads: list[threading.Thread] = field(default_factory=list)


@contextlib.contextmanager
def wire(behind: str) -> Iterator[Wire]:
    """A wire to the server at `behind` (`http://127.0.0.1:PORT`)."""
    to = urlsplit(behind).port or 0
    listener = socket.create_server(("127.0.0.1", 0))
    state = Wire(url=f"http://127.0.0.1:{listener.getsockname()[1]}")

    def carry(source: socket.socket, sink: socket.socket, from_client: bool) -> None:
        passed = 0
        with contextlib.suppress(OSError):
            while data := source.recv(16_384):
                passed += len(data)
                if from_client and state.after is not None and passed > state.after:
                    sink.sendall(data[: max(0, len(data) - (passed - state.after))])
                    state.cuts += 1
                    break
                if state.rate:
                    time.sleep(len(data) / state.rate)
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                end.shutdown(socket.SHUT_RDWR)

    def accept() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", to))
            pairs = ((client, server, True), (server, client, False))
            both = [threading.Thread(target=carry, args=pair, daemon=True) for pair in pairs]
            state.threads.extend(both)
            for each in both:
                each.start()
            threading.Thread(target=_close_after, args=(both, client, server), daemon=True).start()

    accepting = threading.Thread(target=accept, daemon=True)
    accepting.start()
    try:
        yield state
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        accepting.join()


def _close_after(both: list[threading.Thread], *ends: socket.socket) -> None:
    for each in both:
        each.join()
    for end in ends:
        end.close()
