"""A real browser for tests: Chromium over its debugging pipe, with nothing but the standard library.

It is started without a profile, and every host but loopback is mapped to nowhere.
"""

from __future__ import annotations

import base64
import json
import os
import select
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

PATIENCE = 60.0  # seconds for one answer: two noisy cores
_FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-extensions --disable-dev-shm-usage --no-proxy-server "
    "--hide-scrollbars --font-render-hinting=none --remote-debugging-pipe"
)
FLAGS = _FLAGS.split(" ")


class Browser:
    """One page. `requests` are the addresses it asked for (its own included), `said` what its scripts logged."""

    def __init__(self, process: subprocess.Popen[bytes], to: int, fro: int) -> None:
        self.process, self.to, self.fro = process, to, fro
        self.buffer = b""
        self.count = 0
        self.events: list[dict[str, Any]] = []
        self.requests: list[str] = []
        self.problems: list[str] = []
        target = self.call("Target.createTarget", {"url": "about:blank"}, session=None)["targetId"]
        self.session = self.call("Target.attachToTarget", {"targetId": target, "flatten": True}, session=None)[
            "sessionId"
        ]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def read(self, deadline: float) -> dict[str, Any]:
        while b"\0" not in self.buffer:
            ready, _, _ = select.select([self.fro], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError("the browser does not answer")
            piece = os.read(self.fro, 1 << 20)
            if not piece:
                raise EOFError("the browser ended")
            self.buffer += piece
        message, _, self.buffer = self.buffer.partition(b"\0")
        result: dict[str, Any] = json.loads(message)
        return result

    def note(self, message: dict[str, Any]) -> None:
        self.events.append(message)
        method, params = message.get("method"), message.get("params", {})
        if method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Log.entryAdded":
            self.problems.append(params["entry"]["text"])
        elif method in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Page.javascriptDialogOpening"):
            self.problems.append(f"{method}: {json.dumps(params)[:300]}")

    def call(self, method: str, params: dict[str, Any] | None = None, session: str | None = "") -> dict[str, Any]:
        self.count += 1
        message: dict[str, Any] = {"id": self.count, "method": method, "params": params or {}}
        if session is not None:
            message["sessionId"] = self.session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + PATIENCE
        while True:
            answer = self.read(deadline)
            if answer.get("id") == self.count:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                result: dict[str, Any] = answer["result"]
                return result
            self.note(answer)

    def wait(self, event: str, seconds: float = PATIENCE) -> None:
        deadline = time.monotonic() + seconds
        while not any(message.get("method") == event for message in self.events):
            self.note(self.read(deadline))

    def idle(self, seconds: float) -> None:
        """Let the page do what it will for so long."""
        deadline = time.monotonic() + seconds
        with suppress(TimeoutError):
            while True:
                self.note(self.read(deadline))

    def open(self, url: str, *, width: int = 390, height: int = 844, dark: bool = False, scale: float = 1) -> None:
        self.call(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": width < 600},
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", {"features": [scheme]})
        self.events.clear()
        self.requests.clear()
        self.problems.clear()
        self.call("Page.navigate", {"url": url})
        self.wait("Page.loadEventFired")
        self.idle(0.3)

    def evaluate(self, expression: str) -> Any:
        return self.call("Runtime.evaluate", {"expression": expression, "returnByValue": True})["result"].get("value")

    def shot(self, path: Path, *, full: bool = True) -> None:
        params: dict[str, Any] = {"format": "png", "captureBeyondViewport": full}
        if full:
            self.evaluate("document.querySelectorAll('img').forEach(i => i.loading = 'eager')")
            self.idle(0.5)
            size = self.call("Page.getLayoutMetrics")["cssContentSize"]
            params["clip"] = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], 9000), "scale": 1}
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", params)["data"]))

    def pdf(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self.call("Page.printToPDF", {"printBackground": True})["data"]))


@contextmanager
def browser(chromium: str) -> Iterator[Browser]:
    """A running Chromium, ended with its profile removed."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        down_read, down_write = os.pipe()
        up_read, up_write = os.pipe()

        def pipes() -> None:
            # The browser expects its debugging pipe at descriptors 3 and 4.
            a, b = os.dup(down_read), os.dup(up_write)
            os.dup2(a, 3)
            os.dup2(b, 4)
            os.set_inheritable(3, True)
            os.set_inheritable(4, True)

        process = subprocess.Popen(
            [chromium, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            preexec_fn=pipes,  # noqa: PLW1509 - nothing else can place descriptors 3 and 4
            close_fds=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(down_read)
        os.close(up_write)
        page: Browser | None = None
        try:
            page = Browser(process, down_write, up_read)
            yield page
        finally:
            if page is not None:
                with suppress(OSError, EOFError, TimeoutError, RuntimeError):
                    page.call("Browser.close", session=None)
            os.close(down_write)
            os.close(up_read)
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
