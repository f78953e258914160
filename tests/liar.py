"""A web server that does to its readers whatever a test says, byte by byte."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

# Given the path asked for and the honest file (None: there is none), the bytes to send; then the connection is closed.
Lie = Callable[[str, bytes | None], Iterator[bytes]]

RESET = b"<reset>"  # yielded alone: the connection is torn down


def answer(body: bytes, *headers: str, status: str = "200 OK", length: str | None = None) -> bytes:
    """A whole HTTP answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body


def honest(_path: str, file: bytes | None) -> Iterator[bytes]:
    """No lie at all."""
    yield answer(b"not here", status="404 Not Found") if file is None else answer(file)


class Liar:
    """Serves `tree` by way of `lie`; `asked` are the paths in the order they were asked for."""

    def __init__(self, tree: Path, lie: Lie) -> None:
        self.tree = tree
        self.lie = lie
        self.asked: list[str] = []
        self.requests: list[bytes] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._closed = False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while not self._closed:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with connection:
            connection.settimeout(20)
            try:
                request = b""
                while b"\r\n\r\n" not in request:
                    more = connection.recv(65536)
                    if not more:
                        return
                    request += more
                self.requests.append(request)
                path = request.split(b" ")[1].decode().lstrip("/")
                self.asked.append(path)
                file = self.tree / path
                for piece in self.lie(path, file.read_bytes() if file.is_file() else None):
                    if piece == RESET:
                        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                        return
                    connection.sendall(piece)
                    if self._closed:
                        return
            except OSError:
                return

    def close(self) -> None:
        self._closed = True
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()

    def __enter__(self) -> Liar:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
