"""A reverse proxy on loopback that counts requests and, when told, fails some of them.

What stands behind it is a real server; signatures stay valid because the Host header is passed on as it came.
"""

from __future__ import annotations

import contextlib
import http.client
import http.server
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

Fault = Callable[["Handler"], None]


@dataclass(slots=True)
class FaultyProxy:
    """`requests` is what came, as (method, path). `plan` decides: given the method, the path and how many requests came
    before, it returns a fault or None."""

    url: str
    requests: list[tuple[str, str]] = field(default_factory=list)
    plan: Callable[[str, str, int], Fault | None] = lambda method, path, before: None
    stopping: threading.Event = field(default_factory=threading.Event)

    def first(self, times: int, fault: Fault, method: str = "PUT") -> None:
        """The next `times` requests with this method meet the fault."""
        left = [times]

        def plan(asked: str, path: str, before: int) -> Fault | None:
            if asked == method and left[0] > 0:
                left[0] -= 1
                return fault
            return None

        self.plan = plan


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy: FaultyProxy
    behind: str
    body: bytes

    def handle_any(self) -> None:
        self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        before = len(self.proxy.requests)
        self.proxy.requests.append((self.command, self.path))
        fault = self.proxy.plan(self.command, self.path, before)
        if fault:
            fault(self)
        else:
            self.answer(*self.forward())

    do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = handle_any
    do_OPTIONS = do_PROPFIND = do_MKCOL = do_MOVE = handle_any

    def forward(self) -> tuple[int, list[tuple[str, str]], bytes]:
        """What the server behind says."""
        parts = urlsplit(self.behind)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
        with contextlib.closing(connection):
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                connection.putheader(name, value)
            connection.endheaders(self.body or None)
            answer = connection.getresponse()
            dropped = {"transfer-encoding", "connection", "keep-alive"}
            headers = [(name, value) for name, value in answer.getheaders() if name.lower() not in dropped]
            return answer.status, headers, answer.read()

    def answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() != "content-length" or self.command == "HEAD":
                self.send_header(name, value)
        if self.command != "HEAD":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def says(status: int, code: str = "", **headers: str) -> Fault:
    """Answers with this status, S3 error code and headers (`retry_after="2"`)."""

    def fault(handler: Handler) -> None:
        body = f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode() if code else b""
        handler.answer(status, [(name.replace("_", "-"), value) for name, value in headers.items()], body)

    return fault


def hangs(handler: Handler) -> None:
    """Takes the request and says nothing more."""
    handler.proxy.stopping.wait(60)
    handler.close_connection = True


def breaks_off(handler: Handler) -> None:
    """Answers truly, but the connection ends in the middle of the body (of a put: before any answer)."""
    handler.close_connection = True
    if handler.command == "GET":
        status, headers, body = handler.forward()
        handler.send_response_only(status)
        for name, value in headers:
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body[: len(body) // 2])
        handler.wfile.flush()
    with contextlib.suppress(OSError):
        handler.connection.shutdown(socket.SHUT_RDWR)


class _Quiet(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that gives up is what these tests are about; no traceback on stderr."""


@contextlib.contextmanager
def faulty(behind: str) -> Iterator[FaultyProxy]:
    """A proxy before the server at `behind` (`http://127.0.0.1:PORT`)."""
    proxy = FaultyProxy(url="")
    handler = type("Bound", (Handler,), {"proxy": proxy, "behind": behind})
    server = _Quiet(("127.0.0.1", 0), handler)
    proxy.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.stopping.set()
        server.shutdown()
        server.server_close()
        thread.join()
