"""A web server over a folder, with the headers a good mirror sends or, when told, without them."""

from __future__ import annotations

import contextlib
import http.server
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(slots=True)
class WebServer:
    """Change the switches while it runs."""

    url: str = ""
    cors: bool = True
    ranges: bool = True
    pages_for_missing: bool = False
    cache_control: str = "no-cache"
    content_encoding: str | None = None
    requests: list[str] = field(default_factory=list)


class _Handler(http.server.BaseHTTPRequestHandler):
    web: WebServer
    folder: Path

    def do_GET(self) -> None:
        web = self.web
        web.requests.append(self.path)
        file = self.folder / self.path.lstrip("/").partition("?")[0]
        try:
            status, body = 200, file.read_bytes()
        except (OSError, ValueError):  # not `is_file` first: a push may delete it in between
            status, body = 404, b""
        if status == 404 and web.pages_for_missing:
            status, body = 200, b"<html>home page"
        wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if wanted and web.ranges and status == 200:
            whole, body = len(body), body[int(wanted[1]) : int(wanted[2]) + 1]
            status = 206
        self.send_response(status)
        kind = "text/html" if file.suffix == ".html" else "application/octet-stream"
        headers = {"Content-Type": kind, "Content-Length": str(len(body)), "Cache-Control": web.cache_control}
        if status == 206 and wanted:
            headers["Content-Range"] = f"bytes {wanted[1]}-{int(wanted[1]) + len(body) - 1}/{whole}"
        if web.cors:
            headers["Access-Control-Allow-Origin"] = "*"
        if web.content_encoding:
            headers["Content-Encoding"] = web.content_encoding
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def web_server(folder: Path) -> Iterator[WebServer]:
    web = WebServer()
    handler = type("Bound", (_Handler,), {"web": web, "folder": folder})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    web.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield web
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
