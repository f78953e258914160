"""Chromium, as new as the system's and as old as phones have it, by the Chrome DevTools Protocol."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.needs import ROOT, missing, program
from tests.reader.browsers.browser import Browser, Visitor, address, appears, started
from tests.reader.browsers.channel import BrowserError, Json
from tests.reader.browsers.page import DESKTOP, Page
from tests.reader.waiting import until

_SWITCHES = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --no-default-browser-check "
    "--disable-background-networking --disable-component-update --disable-sync --disable-extensions "
    "--disable-dev-shm-usage --hide-scrollbars --font-render-hinting=none --disable-features=HttpsUpgrades,Translate "
    "--remote-debugging-port=0 --window-size=1280,800"
)
_CHROMIUM: Final = _SWITCHES.split(" ")
_KEYS: Final = {
    "Enter": ("Enter", 13, "\r"), "Tab": ("Tab", 9, ""), "Escape": ("Escape", 27, ""), "Space": (" ", 32, " "),
    "ArrowDown": ("ArrowDown", 40, ""), "ArrowUp": ("ArrowUp", 38, ""), "Home": ("Home", 36, ""),
    "End": ("End", 35, ""), "ArrowLeft": ("ArrowLeft", 37, ""), "ArrowRight": ("ArrowRight", 39, ""),
    "Backspace": ("Backspace", 8, ""),
}  # fmt: skip


class Chromium(Browser):
    """Chromium by the DevTools protocol."""

    FAREWELL = "Browser.close"

    def __init__(self, url: str, name: str) -> None:
        super().__init__(url, name)
        told = self.channel.call("Browser.getVersion")
        self.version, self.agent = str(told["product"]), str(told["userAgent"])

    def _whose(self, message: Json) -> str | None:
        return message.get("sessionId")

    def _visitor(self, folder: Path, language: str | None, fresh: bool) -> Visitor:
        return ChromiumVisitor(self, folder, language, fresh)


class ChromiumVisitor(Visitor):
    browser: Chromium

    def __init__(self, browser: Chromium, folder: Path, language: str | None, fresh: bool) -> None:
        super().__init__(browser, folder, language, fresh)
        self.context: Json = browser.channel.call("Target.createBrowserContext") if fresh else {}
        with contextlib.suppress(BrowserError):  # Chromium 80 has it for pages alone
            browser.channel.call("Browser.setDownloadBehavior", {**self.saving, **self.context})

    @property
    def saving(self) -> Json:
        """Files are saved without a question."""
        return {"behavior": "allow", "downloadPath": str(self.downloads)}

    def _page(self) -> Page:
        return ChromiumPage(self)

    def _dispose(self) -> None:
        self.browser.channel.call("Target.disposeBrowserContext", self.context)


class ChromiumPage(Page):
    visitor: ChromiumVisitor

    def __init__(self, visitor: ChromiumVisitor) -> None:
        channel = visitor.browser.channel
        made = channel.call("Target.createTarget", {"url": "about:blank", **visitor.context})
        self.target = made["targetId"]
        attached = channel.call("Target.attachToTarget", {"targetId": self.target, "flatten": True})
        self.loaded: set[str] = set()  # documents, by the browser's names for their loading
        super().__init__(visitor, attached["sessionId"])
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.call(f"{domain}.enable")
        self.call("Page.setLifecycleEventsEnabled", {"enabled": True})
        if "Chrome/80." in visitor.browser.version:
            self.call("Page.setDownloadBehavior", visitor.saving)

    def call(self, method: str, params: Json | None = None) -> Json:
        return self.channel.call(method, params, sessionId=self.key)

    def heard(self, method: str, params: Json) -> None:
        if method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Page.lifecycleEvent" and params["name"] == "load":
            self.loaded.add(params["loaderId"])
        elif method == "Log.entryAdded":
            entry = params["entry"]
            self.notices.append(f"{entry['source']}: {entry['text']}")
        elif method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            thrown = details.get("exception", {}).get("description") or details.get("text")
            self.problems.append(f"exception: {thrown}")
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
            said = " ".join(str(one.get("value", one.get("description", ""))) for one in params["args"])
            self.problems.append(f"console {params['type']}: {said}")
        elif method == "Page.javascriptDialogOpening":
            self.problems.append(f"dialog: {params['message']}")

    def open(self, where: str | Path) -> None:
        answer = self.call("Page.navigate", {"url": address(where)})
        if "errorText" in answer:
            raise BrowserError(f"{where}: {answer['errorText']}")
        document = answer.get("loaderId")  # none: it is the one that is open, and only the fragment is another
        if document and not until(lambda: document in self.loaded):
            raise BrowserError(f"{where}: never loaded")

    def _evaluate(self, function: str) -> str | None:
        asked = {"expression": f"({function})()", "returnByValue": True, "awaitPromise": True, "userGesture": False}
        answer = self.call("Runtime.evaluate", asked)
        if "exceptionDetails" in answer:
            thrown = answer["exceptionDetails"]
            raise BrowserError(str(thrown.get("exception", {}).get("description") or thrown.get("text")))
        text: str | None = answer["result"].get("value")
        return text

    def _press_mouse(self, x: float, y: float) -> None:
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            button = {"button": "none"} if kind == "mouseMoved" else {"button": "left", "clickCount": 1}
            self.call("Input.dispatchMouseEvent", {"type": kind, "x": x, "y": y, **button})

    def write(self, text: str) -> None:
        self.call("Input.insertText", {"text": text})

    def press(self, key: str, *, shift: bool = False) -> None:
        name, code, text = _KEYS[key]
        common = {"key": name, "code": key, "windowsVirtualKeyCode": code, "modifiers": 8 if shift else 0}
        self.call("Input.dispatchKeyEvent", {"type": "keyDown" if text else "rawKeyDown", "text": text, **common})
        self.call("Input.dispatchKeyEvent", {"type": "keyUp", **common})

    def files(self, selector: str, *paths: Path) -> None:
        asked = {"expression": f"document.querySelector({json.dumps(selector)})"}
        found = self.call("Runtime.evaluate", asked)["result"]
        if "objectId" not in found:
            raise BrowserError(f"no {selector}; {self.told()}")
        given = [str(path.resolve()) for path in paths]
        self.call("DOM.setFileInputFiles", {"objectId": found["objectId"], "files": given})

    def drop(self, selector: str, *paths: Path) -> None:
        x, y = self.evaluate(
            f"(() => {{ const box = document.querySelector({json.dumps(selector)}).getBoundingClientRect();"
            "return [box.left + Math.min(box.width / 2, 200), box.top + Math.min(box.height / 2, 200)]; })()"
        )
        data = {"items": [], "files": [str(path.resolve()) for path in paths], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            self.call("Input.dispatchDragEvent", {"type": kind, "x": x, "y": y, "data": data})

    def look(
        self, size: tuple[int, int] = DESKTOP, *, dark: bool = False, printed: bool = False, zoom: float = 1
    ) -> None:
        width, height = round(size[0] / zoom), round(size[1] / zoom)
        metrics = {"width": width, "height": height, "deviceScaleFactor": zoom, "mobile": size[0] < 600}
        self.call("Emulation.setDeviceMetricsOverride", metrics)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", {"media": "print" if printed else "", "features": [scheme]})

    def speak(self, language: str) -> None:
        told = {"userAgent": self.visitor.browser.agent, "acceptLanguage": language}
        self.call("Emulation.setUserAgentOverride", told)

    def offline(self, on: bool = True) -> None:
        self.call(
            "Network.emulateNetworkConditions",
            {"offline": on, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1},
        )

    def show(self) -> None:
        self.call("Page.bringToFront")

    def forget(self) -> None:
        """What files from disk have kept in databases is gone, and this page is empty: a new visitor for less. What
        runs `before` documents stays, and a reader's unpacked program."""
        self.open("about:blank")
        self.call("Storage.clearDataForOrigin", {"origin": "file://", "storageTypes": "indexeddb"})
        for noted in (self.problems, self.notices, self.requests):
            noted.clear()

    def slow(self, factor: int) -> None:
        """A processor that is so many times slower."""
        self.call("Emulation.setCPUThrottlingRate", {"rate": factor})

    def _picture(self) -> bytes:
        return base64.b64decode(self.call("Page.captureScreenshot", {"format": "png"})["data"])

    def pdf(self, path: Path) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(self.call("Page.printToPDF", {"printBackground": False})["data"]))
        return path

    def before(self, script: str) -> None:
        self.call("Page.addScriptToEvaluateOnNewDocument", {"source": script})

    def _close(self) -> None:
        self.channel.call("Target.closeTarget", {"targetId": self.target})


@contextlib.contextmanager
def chromium(
    *, proxy: str | None = None, trusted: Sequence[Path] = (), binary: str | None = None, name: str = "chromium"
) -> Iterator[Chromium]:
    """A running Chromium, or another of its kind. `trusted` are certificates that count although nobody knows who
    issued them. Without a proxy all names but loopback lead nowhere."""
    command = [binary or program("chromium", "chromium-browser", "google-chrome"), *_CHROMIUM]
    command += (
        [f"--proxy-server={proxy}"]
        if proxy
        else ["--no-proxy-server", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
    )
    if trusted:
        command.append(f"--ignore-certificate-errors-spki-list={','.join(map(_pin, trusted))}")
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
        log = Path(profile) / "log"
        with started([*command, f"--user-data-dir={profile}", "about:blank"], log) as process:
            port, path = appears(Path(profile) / "DevToolsActivePort", process, log).split()
            browser = Chromium(f"ws://127.0.0.1:{port}{path}", name)
            try:
                yield browser
            finally:
                browser.end()


def _pin(certificate: Path) -> str:
    """By what Chromium knows a certificate's public key: base64 of its SHA-256."""
    public = x509.load_pem_x509_certificate(certificate.read_bytes()).public_key()
    data = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


def old_chromium(version: int) -> str:
    """The program of Chromium 80 or 92: npm packages hold it, compressed (`.ci/run` puts them into .ci/node)."""
    folder = ROOT / ".ci" / "node" / "node_modules" / f"chromium{version}"
    packed, made = folder / "bin" / "chromium.br", folder / "chromium"
    if not made.exists():
        if not packed.exists():
            missing(f"Chromium {version} (npm install --prefix .ci/node, as .ci/run does)")
        unpack = (
            "const [, from, to] = process.argv, fs = require('fs');"
            "fs.writeFileSync(to, require('zlib').brotliDecompressSync(fs.readFileSync(from)), {mode: 0o755});"
        )
        aside = folder / f".chromium.{os.getpid()}"
        subprocess.run(
            [program("node", "nodejs"), "-e", unpack, "--", str(packed), str(aside)], check=True, timeout=120
        )
        aside.rename(made)
    return str(made)
