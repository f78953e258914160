"""A news site of one page and a feed, on loopback: what tests put behind `outlet add`."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Outlet:
    """Serves `files` (path → bytes and content type) with ETags and conditional GET; `hits` are the paths asked for.
    Those in `busy` are answered with 503, those in `moved` with where they are now, those in `answers` with another
    status and more headers. `before` is called with the path before anything is answered."""

    def __init__(self, files: Mapping[str, tuple[bytes, str]] = {}) -> None:
        self.files = dict(files)
        self.hits: list[str] = []
        self.busy: set[str] = set()
        self.moved: dict[str, str] = {}
        self.answers: dict[str, tuple[int, dict[str, str]]] = {}
        self.before: Callable[[str], object] = lambda path: None
        outlet = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                path = self.path.partition("?")[0]
                outlet.hits.append(path)
                outlet.before(path)
                if path in outlet.moved:
                    self.send_response(302)
                    self.send_header("Location", outlet.moved[path])
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                found = outlet.files.get(path)
                body, kind = found or (b"nothing here", "text/plain")
                tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
                fresh = found is not None and self.headers.get("If-None-Match") == tag
                fresh = fresh and path not in outlet.busy and path not in outlet.answers
                usual = 503 if path in outlet.busy else 304 if fresh else 200 if found else 404
                status, more = outlet.answers.get(path, (usual, {}))
                self.send_response(status)
                for name, value in more.items():
                    self.send_header(name, value)
                self.send_header("ETag", tag)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", "0" if fresh else str(len(body)))
                self.end_headers()
                if not fresh:
                    self.wfile.write(body)

            def log_message(self, *args: Any) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def page(self, path: str, html: str | bytes) -> None:
        body = html.encode() if isinstance(html, str) else html
        self.files[path] = (body, "text/html; charset=utf-8")

    def feed(self, *paths: str, path: str = "/feed.xml", title: str = "Feed") -> None:
        """An RSS feed that names these pages."""
        items = "".join(f"<item><title>{p}</title><link>{self.url}{p}</link></item>" for p in paths)
        text = f'<?xml version="1.0"?><rss version="2.0"><channel><title>{title}</title>{items}</channel></rss>'
        self.files[path] = (text.encode(), "application/rss+xml")

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Outlet:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
