"""The archive on loopback, served as a mirror would serve it: for a look, for the demo, and for tests.

Static files, `GET` and `HEAD`, single byte ranges, true 404s, CORS for everybody, the cache rules of
`deploy/nginx/mirror.conf`; nothing is listed and no request is logged. Real mirrors are web servers and object stores;
this one is not meant for the open Internet.
"""

from __future__ import annotations

import os
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from mirror.targets import meta_for

# One path on a mirror: letters, digits, dots, dashes and slashes are all the format ever uses.
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,199}\Z")
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})\Z")
_CHUNK = 1 << 16


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "tamizdat"
    sys_version = ""
    # Head and body are two writes: with Nagle's algorithm the second waits 40 ms for the reader's acknowledgement.
    disable_nagle_algorithm = True
    timeout = 60
    root: Path

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_OPTIONS(self) -> None:
        self.send_response(204)
        self._cors()
        self.send_header("Access-Control-Allow-Methods", "GET, HEAD, OPTIONS")
        self.send_header("Access-Control-Allow-Headers", "Range")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _cors(self) -> None:
        self.send_header("Access-Control-Allow-Origin", "*")
        self.send_header("Access-Control-Expose-Headers", "Content-Length, Content-Range, ETag")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")

    def _answer(self, *, body: bool) -> None:
        key = unquote(urlsplit(self.path).path).lstrip("/") or "index.html"
        path = self.root / key
        if not _KEY.match(key) or ".." in key.split("/") or not path.is_file():
            self._short(404, "not here\n", body=body)
            return
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            first, last, status = 0, size - 1, 200
            asked = _RANGE.match(self.headers.get("Range", ""))
            if asked and (asked[1] or asked[2]):
                if asked[1]:
                    first, last = int(asked[1]), min(int(asked[2] or size - 1), size - 1)
                else:
                    first = max(size - int(asked[2]), 0)
                if first > last:
                    self._short(416, "", body=body, content_range=f"bytes */{size}")
                    return
                status = 206
            meta = meta_for(key)
            self.send_response(status)
            self._cors()
            self.send_header("Content-Type", meta.content_type)
            self.send_header("Cache-Control", meta.cache_control)
            self.send_header("Accept-Ranges", "bytes")
            if status == 206:
                self.send_header("Content-Range", f"bytes {first}-{last}/{size}")
            self.send_header("Content-Length", str(last - first + 1))
            self.end_headers()
            if not body:
                return
            file.seek(first)
            left = last - first + 1
            while left > 0:
                chunk = file.read(min(_CHUNK, left))
                if not chunk:  # the file shrank under us; the reader sees a short body
                    self.close_connection = True
                    return
                self.wfile.write(chunk)
                left -= len(chunk)

    def _short(self, status: int, text: str, *, body: bool, content_range: str | None = None) -> None:
        data = text.encode()
        self.send_response(status)
        self._cors()
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Cache-Control", "no-store")
        if content_range:
            self.send_header("Content-Range", content_range)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if body:
            self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """No request is written down: who reads what is nobody's business."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A reader that went away is not worth a traceback."""


class Served:
    """A folder being served; `url` is its address. A context manager, or call `close()`."""

    def __init__(self, folder: Path, *, port: int = 0, host: str = "127.0.0.1") -> None:
        handler = type("_Bound", (_Handler,), {"root": folder})
        self._server = _Server((host, port), handler)
        self.url = f"http://{host}:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Return when the server stops (or on Ctrl-C)."""
        self._thread.join()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Served:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
