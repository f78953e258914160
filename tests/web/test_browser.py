"""The twin in a real browser, from plain files: with WebCrypto, and on plain http where there is none."""

from __future__ import annotations

import json
import queue
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.needs import ROOT, program

VECTORS = ROOT / "tests" / "vectors"
TYPES = {".html": "text/html", ".mjs": "text/javascript", ".js": "text/javascript", ".json": "application/json"}


def vectors() -> bytes:
    read = lambda file: json.loads(file.read_text())  # noqa: E731
    cases = [(file.name, read(file)) for file in sorted((VECTORS / "cases").glob("*.json"))]
    asked = [(name, case) for name, case in cases if case["ask"]["what"] in ("bundle", "front", "listed")]
    mirrors = {file.stem: read(file)["files"] for file in (VECTORS / "mirrors").glob("*.json")}
    return json.dumps({"cases": [one for one in asked if "mirror" in one[1]], "mirrors": mirrors}).encode()


@pytest.fixture
def served() -> Iterator[tuple[int, queue.Queue[Any]]]:
    """A port of loopback with our sources, and what the page sends back."""
    results: queue.Queue[Any] = queue.Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            file = ROOT / (self.path.lstrip("/") if self.path != "/" else "tests/web/browser.html")
            if self.path == "/vectors":
                self.answer(vectors(), "application/json")
            elif file.suffix in TYPES and file.is_file():
                self.answer(file.read_bytes(), TYPES[file.suffix])
            else:
                self.send_error(404)

        def do_POST(self) -> None:
            results.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.answer(b"{}", "application/json")

        def answer(self, data: bytes, kind: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            """Nobody reads it."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_address[1], results
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(("host", "backend"), [("127.0.0.1", "webcrypto"), ("mirror.test", "javascript")])
def test_a_browser_gives_every_case_about_a_mirror_its_verdict(
    served: tuple[int, queue.Queue[Any]], tmp_path: Path, host: str, backend: str
) -> None:
    port, results = served
    browser = subprocess.Popen(
        [
            program("chromium", "chromium-browser", "google-chrome"),
            "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
            "--host-resolver-rules=MAP mirror.test 127.0.0.1", "--remote-debugging-port=0",
            f"--user-data-dir={tmp_path}", f"http://{host}:{port}/",
        ],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        result = results.get(timeout=120)
    finally:
        browser.kill()
        browser.wait(30)
    assert "crash" not in result, result
    assert result["wrong"] == []
    assert result["count"] > 100
    assert (result["backend"], result["subtle"]) == (backend, backend == "webcrypto")
