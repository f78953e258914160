"""Real browsers for the reader's trials, each driven by its own protocol over a websocket: no driver in between.

Drivers change what a file from disk may do: Firefox' Remote Agent turns `security.fileuri.strict_origin_policy` off
unless `remote.prefs.recommended` is false, other tools start Chromium with dozens of switches. Here both start with
the settings that readers have, but for updates and telemetry, and with the test's proxy for every host that isn't
loopback. A script that is put into a page to ask something is nothing the page's CSP knows of; what asks by `eval`
inside would fail.

`Browser.visitor()` is a new profile for the price of a context, and has pages: `open`, `evaluate`, `wait` (by polling),
`click` and `fill` what has a role and a name as somebody with a screen reader would find it, `files` and `drop`,
`downloads`, `look` (size, dark, print), `shot`. `problems` are exceptions and errors that scripts logged, `notices`
what the browser itself said (something blocked or not loaded), `requests` the addresses asked for.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import aiohttp

from tests.needs import ROOT, missing, program

PATIENCE: Final = 60.0  # seconds for one answer or one state: two noisy cores
PHONE: Final = (360, 740)
DESKTOP: Final = (1280, 800)
Json = dict[str, Any]


class BrowserError(Exception):
    """The browser refused, a script in the page threw, or what was waited for did not come."""


class Channel:
    """A websocket to a browser. `call` sends a command and gives back its result; everything else that comes goes to
    `heard`, on the channel's own thread."""

    def __init__(self, url: str, heard: Callable[[Json], None]) -> None:
        self._heard = heard
        self._count = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Json]] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._run(self._connect(url))

    def _run(self, what: Any, patience: float = PATIENCE) -> Any:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(patience)

    async def _connect(self, url: str) -> None:
        self._session = aiohttp.ClientSession()
        self._socket = await self._session.ws_connect(url, max_msg_size=1 << 28, heartbeat=None)
        self._reading = asyncio.ensure_future(self._read())

    async def _read(self) -> None:
        async for message in self._socket:
            if message.type is not aiohttp.WSMsgType.TEXT:
                continue
            said: Json = json.loads(message.data)
            waiting = self._waiting.pop(said.get("id", 0), None)
            if waiting is None:
                self._heard(said)
            elif not waiting.done():
                waiting.set_result(said)
        for left in self._waiting.values():
            if not left.done():
                left.set_exception(BrowserError("the browser ended"))

    async def _ask(self, message: Json) -> Json:
        answer = self._loop.create_future()
        self._waiting[message["id"]] = answer
        await self._socket.send_json(message)
        return await answer

    def call(self, method: str, params: Json | None = None, *, patience: float = PATIENCE, **envelope: str) -> Json:
        """The result. BrowserError when the browser says no, or nothing in time."""
        message: Json = {"id": next(self._count), "method": method, "params": params or {}, **envelope}
        try:
            answer: Json = self._run(self._ask(message), patience)
        except TimeoutError:
            raise BrowserError(f"{method}: no answer in {patience:.0f} s") from None
        except aiohttp.ClientError as error:
            raise BrowserError(f"{method}: {error}") from None
        if "error" in answer:
            raise BrowserError(f"{method}: {answer['error']} {answer.get('message', '')}"[:600])
        result: Json = answer.get("result", {})
        return result

    def close(self) -> None:
        async def end() -> None:
            await self._socket.close()
            self._reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reading
            await self._session.close()

        with contextlib.suppress(TimeoutError, BrowserError):
            self._run(end(), 10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


# Elements by role and name, as far as the accessibility tree is worth here; a name is a regular expression, or exact
# when it begins with "=". Only what is laid out counts.
_FIND: Final = r"""
((selector, role, name) => {
  const ROLES = {
    button: 'button,summary,input[type=button],input[type=submit],[role=button]', link: 'a[href],[role=link]',
    heading: 'h1,h2,h3,h4,h5,h6,[role=heading]', checkbox: 'input[type=checkbox],[role=checkbox],[role=switch]',
    textbox: 'input:not([type]),input[type=text],input[type=url],input[type=search],textarea,[role=searchbox]',
    radio: 'input[type=radio],[role=radio]', combobox: 'select,[role=combobox]', img: 'img,[role=img]',
    article: 'article', status: '[role=status],output', alert: '[role=alert]', dialog: 'dialog,[role=dialog]',
    tab: '[role=tab]', option: 'option', main: 'main', navigation: 'nav', search: '[role=search]',
  };
  const words = (one) => (one ? one.textContent : '');
  const nameOf = (one) => {
    const by = one.getAttribute('aria-labelledby');
    const label = by ? by.split(/\s+/).map((id) => words(document.getElementById(id))).join(' ')
      : one.getAttribute('aria-label') || (one.labels && one.labels.length ? words(one.labels[0]) : '')
      || one.getAttribute('alt')
      || (/^(INPUT|TEXTAREA|SELECT)$/.test(one.tagName) ? one.placeholder || one.value : words(one))
      || one.getAttribute('title') || '';
    return label.replace(/\s+/g, ' ').trim();
  };
  const fits = (one) =>
    !name || (name[0] === '=' ? nameOf(one) === name.slice(1) : new RegExp(name, 'i').test(nameOf(one)));
  const seen = (one) => one.getClientRects().length > 0 && getComputedStyle(one).visibility !== 'hidden';
  const all = Array.from(document.querySelectorAll(role ? ROLES[role] || `[role=${role}]` : selector));
  return all.filter((one) => fits(one) && (seen(one) || selector === 'input[type=file]'));
})"""


class Page(ABC):
    """One tab. What both browsers do alike stands here."""

    def __init__(self, visitor: Visitor) -> None:
        self.visitor = visitor
        self.problems: list[str] = []
        self.notices: list[str] = []
        self.requests: list[str] = []

    # --- what each browser does its own way ---

    @abstractmethod
    def open(self, where: str | Path) -> None:
        """Goes there and comes back when it has loaded."""

    @abstractmethod
    def _evaluate(self, function: str) -> str | None:
        """The text that this asynchronous function without arguments gives back."""

    @abstractmethod
    def _press_mouse(self, x: float, y: float) -> None: ...

    @abstractmethod
    def write(self, text: str) -> None:
        """Types into whatever has the focus."""

    @abstractmethod
    def press(self, key: str, *, shift: bool = False) -> None:
        """A key by its name: Tab, Enter, Escape, Space, ArrowDown …"""

    @abstractmethod
    def files(self, selector: str, *paths: Path) -> None:
        """Chooses files in an `<input type=file>`."""

    @abstractmethod
    def drop(self, selector: str, *paths: Path) -> None:
        """Drops files there."""

    @abstractmethod
    def look(
        self, size: tuple[int, int] = DESKTOP, *, dark: bool = False, printed: bool = False, zoom: float = 1
    ) -> None:
        """Size of the window in CSS pixels, colour scheme, medium."""

    @abstractmethod
    def offline(self, on: bool = True) -> None:
        """Without a network, as the device would say."""

    @abstractmethod
    def _picture(self) -> bytes: ...

    @abstractmethod
    def before(self, script: str) -> None:
        """Runs this in every document that is opened from now on, before its own scripts."""

    @abstractmethod
    def close(self) -> None: ...

    # --- what follows from it ---

    def evaluate(self, expression: str) -> Any:
        """What the expression comes to, awaited, as JSON would carry it. BrowserError when it throws."""
        text = self._evaluate(f"async () => JSON.stringify(await ({expression}))")
        return None if text is None else json.loads(text)

    def wait(self, expression: str, seconds: float = PATIENCE, *, what: str = "") -> Any:
        """Asks until the answer is true in JavaScript's sense, and gives it back."""
        end = time.monotonic() + seconds
        while True:
            found = None
            try:
                found = self.evaluate(f"Promise.resolve({expression}).then((found) => found || null)")
            except BrowserError as error:
                if "context" not in str(error) and "navigat" not in str(error):
                    raise
            if found is not None:
                return found
            if time.monotonic() > end:
                raise BrowserError(f"{what or expression}: not within {seconds:.0f} s; {self.told()}")
            time.sleep(0.05)

    def told(self) -> str:
        """What the page shows and what went wrong, for whoever reads why a test failed."""
        text = ""
        with contextlib.suppress(BrowserError):
            text = self.text()
        return f"the page says {text[:1500]!r}; problems {self.problems[-5:]}; notices {self.notices[-5:]}"

    def text(self) -> str:
        """What is to be read, as laid out."""
        shown: str = self.evaluate("document.body ? document.body.innerText : ''")
        return shown

    def _at(self, selector: str, role: str, name: str) -> str:
        return f"{_FIND}({json.dumps(selector)}, {json.dumps(role)}, {json.dumps(name)})"

    def has(self, role: str = "", name: str = "", *, selector: str = "") -> int:
        """How many there are."""
        count: int = self.evaluate(f"{self._at(selector, role, name)}.length")
        return count

    def await_one(self, role: str = "", name: str = "", *, selector: str = "", seconds: float = PATIENCE) -> None:
        what = f"{role or selector} {name!r}"
        self.wait(f"{self._at(selector, role, name)}.length", seconds, what=what)

    def click(
        self, role: str = "", name: str = "", *, selector: str = "", seconds: float = PATIENCE, nth: int = 0
    ) -> None:
        """A real click in the middle of it, once it is there. BrowserError when something else lies over it."""
        what = f"{role or selector} {name!r}"
        found = self.wait(
            f"""(() => {{
              const one = {self._at(selector, role, name)}[{nth}];
              if (!one) return null;
              one.scrollIntoView({{block: 'center', behavior: 'instant'}});
              const box = one.getBoundingClientRect();
              const [x, y] = [box.left + Math.min(box.width / 2, 200), box.top + Math.min(box.height / 2, 100)];
              const hit = document.elementFromPoint(x, y);
              const fits = hit && (one.contains(hit) || hit.contains(one) || (one.labels && one.labels[0] === hit));
              return {{x, y, fits: Boolean(fits), hit: hit ? hit.outerHTML.slice(0, 200) : ''}};
            }})()""",
            seconds,
            what=what,
        )
        if not found["fits"]:
            raise BrowserError(f"{what} is covered by {found['hit']}")
        self._press_mouse(found["x"], found["y"])

    def fill(self, role: str, name: str, text: str) -> None:
        self.click(role, name)
        self.evaluate("document.activeElement.select && document.activeElement.select()")
        self.write(text)

    def downloaded(self, seconds: float = PATIENCE) -> Path:
        """The file that was saved last, once it is whole; each is given once."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            here = [file for file in self.visitor.downloads.iterdir() if file not in self.visitor.taken]
            if here and not any(file.suffix in (".crdownload", ".part", ".tmp") for file in here):
                sizes = [file.stat().st_size for file in here]
                time.sleep(0.15)
                if sizes == [file.stat().st_size for file in here] and all(sizes):
                    newest = max(here, key=lambda file: file.stat().st_mtime_ns)
                    self.visitor.taken.update(here)
                    return newest
            time.sleep(0.05)
        raise BrowserError(f"nothing was saved; {self.told()}")

    def shot(self, path: Path) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self._picture())
        return path


class Visitor(ABC):
    """A profile of its own within a running browser. `downloads` is where its files are saved."""

    def __init__(self, folder: Path) -> None:
        self.downloads = folder
        self.taken: set[Path] = set()
        self.pages: list[Page] = []

    @abstractmethod
    def page(self) -> Page: ...

    @abstractmethod
    def close(self) -> None: ...


class Browser(ABC):
    """A running browser."""

    name: str

    @abstractmethod
    def _visitor(self, folder: Path, language: str | None, fresh: bool) -> Visitor: ...

    @contextlib.contextmanager
    def visitor(self, *, language: str | None = None, fresh: bool = True) -> Iterator[Visitor]:
        """Somebody who was never here, whose browser speaks `language`. Not `fresh`: the profile the browser began
        with, which all such visitors share. Chromium connects beforehand (`rel=preconnect`) only there."""
        with tempfile.TemporaryDirectory(prefix="downloads-", ignore_cleanup_errors=True) as folder:
            visitor = self._visitor(Path(folder), language, fresh)
            try:
                yield visitor
            finally:
                visitor.close()

    @contextlib.contextmanager
    def page(self, *, language: str | None = None, fresh: bool = True) -> Iterator[Page]:
        """One page of a new visitor."""
        with self.visitor(language=language, fresh=fresh) as visitor:
            yield visitor.page()


def address(where: str | Path) -> str:
    return where.resolve().as_uri() if isinstance(where, Path) else where


@contextlib.contextmanager
def _process(command: Sequence[str], log: Path, env: dict[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """A browser with all its children, ended as a group; and by the kernel when this process is killed."""
    if shutil.which("setpriv"):
        command = ["setpriv", "--pdeathsig", "TERM", "--", *command]
    with log.open("wb") as told:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=told, stderr=told, start_new_session=True, env=env
        )
    try:
        yield process
    finally:
        for how in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, how)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(5)
                break


def _appears(file: Path, process: subprocess.Popen[bytes], log: Path) -> str:
    """What stands in the file in which a browser says where it listens."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        if file.exists() and (text := file.read_text()).strip():
            return text
        time.sleep(0.05)
    raise BrowserError(f"the browser did not start: {log.read_text(errors='replace')[-1500:]}")


# --- Chromium ---------------------------------------------------------------------------------------------------------

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

    def __init__(self, url: str, name: str) -> None:
        self.name = name
        self.pages: dict[str, ChromiumPage] = {}
        self.channel = Channel(url, self._heard)
        self.version = str(self.channel.call("Browser.getVersion")["product"])

    def _heard(self, message: Json) -> None:
        page = self.pages.get(message.get("sessionId", ""))
        if page is not None:
            page.heard(message["method"], message.get("params", {}))

    def _visitor(self, folder: Path, language: str | None, fresh: bool) -> Visitor:
        return ChromiumVisitor(self, folder, language, fresh)


class ChromiumVisitor(Visitor):
    def __init__(self, browser: Chromium, folder: Path, language: str | None, fresh: bool) -> None:
        super().__init__(folder)
        self.browser, self.language = browser, language
        self.context: Json = browser.channel.call("Target.createBrowserContext") if fresh else {}
        with contextlib.suppress(BrowserError):  # Chromium 80 has it for pages alone
            where = {"behavior": "allow", "downloadPath": str(folder), **self.context}
            browser.channel.call("Browser.setDownloadBehavior", where)

    def page(self) -> Page:
        page = ChromiumPage(self)
        self.pages.append(page)
        return page

    def close(self) -> None:
        with contextlib.suppress(BrowserError):
            if self.context:
                self.browser.channel.call("Target.disposeBrowserContext", self.context)
        for page in self.pages:
            if not self.context:
                with contextlib.suppress(BrowserError):
                    page.close()
            self.browser.pages.pop(getattr(page, "session", ""), None)


class ChromiumPage(Page):
    visitor: ChromiumVisitor

    def __init__(self, visitor: ChromiumVisitor) -> None:
        super().__init__(visitor)
        self.loaded = threading.Event()
        self.channel = visitor.browser.channel
        made = self.channel.call("Target.createTarget", {"url": "about:blank", **visitor.context})
        self.target = made["targetId"]
        self.session = self.channel.call("Target.attachToTarget", {"targetId": self.target, "flatten": True})[
            "sessionId"
        ]
        visitor.browser.pages[self.session] = self
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.call(f"{domain}.enable")
        if "Chrome/80." in visitor.browser.version:
            where = {"behavior": "allow", "downloadPath": str(visitor.downloads)}
            self.call("Page.setDownloadBehavior", where)
        if visitor.language:
            agent = self.channel.call("Browser.getVersion")["userAgent"]
            self.call("Emulation.setUserAgentOverride", {"userAgent": agent, "acceptLanguage": visitor.language})

    def call(self, method: str, params: Json | None = None) -> Json:
        return self.channel.call(method, params, sessionId=self.session)

    def heard(self, method: str, params: Json) -> None:
        if method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Page.loadEventFired":
            self.loaded.set()
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
        self.loaded.clear()
        answer = self.call("Page.navigate", {"url": address(where)})
        if "errorText" in answer:
            raise BrowserError(f"{where}: {answer['errorText']}")
        if not self.loaded.wait(PATIENCE):
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
        found = self.call("Runtime.evaluate", {"expression": f"document.querySelector({json.dumps(selector)})"})[
            "result"
        ]
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

    def offline(self, on: bool = True) -> None:
        self.call(
            "Network.emulateNetworkConditions",
            {"offline": on, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1},
        )

    def forget(self) -> None:
        """What files from disk have kept here is gone, and this page is empty: a new visitor for less. What runs
        `before` documents stays."""
        self.open("about:blank")
        self.call("Storage.clearDataForOrigin", {"origin": "file://", "storageTypes": "all"})
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

    def close(self) -> None:
        self.channel.call("Target.closeTarget", {"targetId": self.target})
        self.visitor.browser.pages.pop(self.session, None)


@contextlib.contextmanager
def chromium(
    *, proxy: str | None = None, trusted: Sequence[str] = (), binary: str | None = None, name: str = "chromium"
) -> Iterator[Chromium]:
    """A running Chromium, or another of its kind. `trusted` are the public keys (base64 of SHA-256) of certificates
    that count although nobody knows who issued them. Without a proxy all names but loopback lead nowhere."""
    command = [binary or program("chromium", "chromium-browser", "google-chrome"), *_CHROMIUM]
    command += (
        [f"--proxy-server={proxy}"]
        if proxy
        else ["--no-proxy-server", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
    )
    if trusted:
        command.append(f"--ignore-certificate-errors-spki-list={','.join(trusted)}")
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
        log = Path(profile) / "log"
        with _process([*command, f"--user-data-dir={profile}", "about:blank"], log) as process:
            port, path = _appears(Path(profile) / "DevToolsActivePort", process, log).split()
            browser = Chromium(f"ws://127.0.0.1:{port}{path}", name)
            try:
                yield browser
            finally:
                with contextlib.suppress(BrowserError, TimeoutError):
                    browser.channel.call("Browser.close", patience=5)
                browser.channel.close()


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


# --- Firefox ----------------------------------------------------------------------------------------------------------

# Only what keeps it quiet, and the proxy. `remote.prefs.recommended` false: otherwise its own remote agent changes,
# among many others, which files from disk are of one origin.
_PREFERENCES: Final[dict[str, Any]] = {
    "remote.prefs.recommended": False,
    "app.normandy.enabled": False,
    "app.update.disabledForTesting": True,
    "browser.aboutwelcome.enabled": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "browser.safebrowsing.downloads.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.homepage_override.mstone": "ignore",
    "browser.startup.page": 0,
    "browser.topsites.contile.enabled": False,
    "browser.newtabpage.activity-stream.feeds.topsites": False,
    "browser.newtabpage.activity-stream.feeds.section.topstories": False,
    "datareporting.healthreport.uploadEnabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "datareporting.policy.dataSubmissionPolicyBypassNotification": True,
    "dom.push.connection.enabled": False,
    "extensions.getAddons.cache.enabled": False,
    "extensions.systemAddon.update.enabled": False,
    "extensions.update.enabled": False,
    "geo.enabled": False,
    "media.gmp-manager.updateEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "data:,",
    "toolkit.telemetry.reportingpolicy.firstRun": False,
    "toolkit.telemetry.server": "data:,",
    "browser.download.always_ask_before_handling_new_types": False,
    "browser.download.alwaysOpenPanel": False,
}
_SCHEMES: Final = {False: 1, True: 0}  # layout.css.prefers-color-scheme.content-override


class Firefox(Browser):
    """Firefox by WebDriver BiDi."""

    def __init__(self, url: str, name: str = "firefox") -> None:
        self.name = name
        self.pages: dict[str, FirefoxPage] = {}
        self.channel = Channel(url, self._heard)
        told = self.channel.call("session.new", {"capabilities": {}})
        self.version = str(told["capabilities"]["browserVersion"])
        events = ["browsingContext.load", "log.entryAdded", "network.beforeRequestSent", "network.fetchError"]
        self.channel.call("session.subscribe", {"events": events})
        self._chrome: str | None = None

    def _heard(self, message: Json) -> None:
        params = message.get("params", {})
        context = params.get("context") or params.get("source", {}).get("context")
        page = self.pages.get(context)
        if page is not None:
            page.heard(message.get("method", ""), params)

    def set(self, name: str, value: object) -> None:
        """A setting of the whole browser, by its own privileged page."""
        if self._chrome is None:
            tree = self.channel.call("browsingContext.getTree", {"moz:scope": "chrome"})
            self._chrome = tree["contexts"][0]["context"]
        kind = {bool: "Bool", int: "Int", str: "String"}[type(value)]
        ask = {
            "expression": f"Services.prefs.set{kind}Pref({json.dumps(name)}, {json.dumps(value)})",
            "target": {"context": self._chrome},
            "awaitPromise": False,
        }
        answer = self.channel.call("script.evaluate", ask)
        if answer["type"] != "success":
            raise BrowserError(str(answer))

    def _visitor(self, folder: Path, language: str | None, fresh: bool) -> Visitor:
        return FirefoxVisitor(self, folder, language, fresh)


class FirefoxVisitor(Visitor):
    def __init__(self, browser: Firefox, folder: Path, language: str | None, fresh: bool) -> None:
        super().__init__(folder)
        self.browser = browser
        self.context = browser.channel.call("browser.createUserContext")["userContext"] if fresh else "default"
        allowed = {"type": "allowed", "destinationFolder": str(folder)}
        browser.channel.call(
            "browser.setDownloadBehavior", {"downloadBehavior": allowed, "userContexts": [self.context]}
        )
        if language:
            browser.channel.call("emulation.setLocaleOverride", {"locale": language, "userContexts": [self.context]})

    def page(self) -> Page:
        page = FirefoxPage(self)
        self.pages.append(page)
        return page

    def close(self) -> None:
        with contextlib.suppress(BrowserError):
            if self.context != "default":
                self.browser.channel.call("browser.removeUserContext", {"userContext": self.context})
        for page in self.pages:
            if self.context == "default":
                with contextlib.suppress(BrowserError):
                    page.close()
            self.browser.pages.pop(getattr(page, "context", ""), None)
        if any(getattr(page, "dark", False) for page in self.pages):
            self.browser.set("layout.css.prefers-color-scheme.content-override", 2)


class FirefoxPage(Page):
    visitor: FirefoxVisitor

    def __init__(self, visitor: FirefoxVisitor) -> None:
        super().__init__(visitor)
        self.dark = False
        self.channel = visitor.browser.channel
        made = self.channel.call("browsingContext.create", {"type": "tab", "userContext": visitor.context})
        self.context = made["context"]
        visitor.browser.pages[self.context] = self

    def call(self, method: str, params: Json) -> Json:
        return self.channel.call(method, {"context": self.context, **params})

    def heard(self, method: str, params: Json) -> None:
        if method == "network.beforeRequestSent":
            self.requests.append(params["request"]["url"])
        elif method == "network.fetchError":
            self.notices.append(f"network: {params.get('errorText')} {params['request']['url']}")
        elif method == "log.entryAdded":
            text = f"{params['type']}: {params.get('text')}"
            if "Content-Security-Policy" in text or "Cross-Origin Request Blocked" in text:
                self.notices.append(text)
            elif params["type"] == "javascript" and params["level"] == "error":
                self.problems.append(f"exception: {text}")
            elif params["type"] == "console" and params["level"] in ("error", "warn"):
                self.problems.append(f"console {params['level']}: {text}")
            elif params["type"] != "console":
                self.notices.append(text)

    def open(self, where: str | Path) -> None:
        self.call("browsingContext.navigate", {"url": address(where), "wait": "complete"})

    def _ask(self, expression: str) -> Json:
        answer = self.channel.call(
            "script.evaluate",
            {"expression": expression, "target": {"context": self.context}, "awaitPromise": True},
        )
        if answer["type"] != "success":
            raise BrowserError(str(answer["exceptionDetails"].get("text")))
        result: Json = answer["result"]
        return result

    def _evaluate(self, function: str) -> str | None:
        return self._ask(f"({function})()").get("value")

    def _press_mouse(self, x: float, y: float) -> None:
        at = {"x": round(x), "y": round(y), "duration": 0}
        does = [{"type": "pointerMove", **at}, {"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}]
        self.call("input.performActions", {"actions": [{"type": "pointer", "id": "mouse", "actions": does}]})

    def _type(self, *keys: str) -> None:
        does = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self.call("input.performActions", {"actions": [{"type": "key", "id": "keys", "actions": does}]})

    def write(self, text: str) -> None:
        self._type(*text)

    def press(self, key: str, *, shift: bool = False) -> None:
        codes = {"Enter": "\ue007", "Tab": "\ue004", "Escape": "\ue00c", "Space": " ", "ArrowDown": "\ue015"}
        codes |= {"ArrowUp": "\ue013", "ArrowLeft": "\ue012", "ArrowRight": "\ue014", "Home": "\ue011", "End": "\ue010"}
        codes |= {"Backspace": "\ue003"}
        if not shift:
            self._type(codes[key])
            return
        does = [("keyDown", "\ue008"), ("keyDown", codes[key]), ("keyUp", codes[key]), ("keyUp", "\ue008")]
        actions = [{"type": kind, "value": value} for kind, value in does]
        self.call("input.performActions", {"actions": [{"type": "key", "id": "keys", "actions": actions}]})

    def files(self, selector: str, *paths: Path) -> None:
        found = self._ask(f"document.querySelector({json.dumps(selector)})")
        if "sharedId" not in found:
            raise BrowserError(f"no {selector}; {self.told()}")
        given = [str(path.resolve()) for path in paths]
        self.call("input.setFiles", {"element": {"sharedId": found["sharedId"]}, "files": given})

    def drop(self, selector: str, *paths: Path) -> None:
        """There is no real drop in BiDi: files chosen in an input of our own, handed over by the events of one."""
        self.evaluate(
            "(() => { const one = document.createElement('input'); one.type = 'file'; one.multiple = true;"
            "one.id = 'dropped-here'; document.body.append(one); })()"
        )
        self.files("#dropped-here", *paths)
        self.evaluate(
            f"""(() => {{
              const from = document.getElementById('dropped-here');
              const dataTransfer = new DataTransfer();
              for (const file of from.files) dataTransfer.items.add(file);
              from.remove();
              const on = document.querySelector({json.dumps(selector)});
              for (const kind of ['dragenter', 'dragover', 'drop']) {{
                on.dispatchEvent(new DragEvent(kind, {{bubbles: true, cancelable: true, dataTransfer}}));
              }}
            }})()"""
        )

    def look(
        self, size: tuple[int, int] = DESKTOP, *, dark: bool = False, printed: bool = False, zoom: float = 1
    ) -> None:
        if printed:
            # WebDriver BiDi emulates no media; who asks for it is to fail, not to pass on the screen's look.
            raise BrowserError("Firefox shows print only as a PDF: pdf()")
        viewport = {"width": round(size[0] / zoom), "height": round(size[1] / zoom)}
        self.call("browsingContext.setViewport", {"viewport": viewport, "devicePixelRatio": zoom})
        if dark != self.dark:
            self.dark = dark
            self.visitor.browser.set("layout.css.prefers-color-scheme.content-override", _SCHEMES[dark])
            self.wait(f"matchMedia('(prefers-color-scheme: dark)').matches === {json.dumps(dark)}")

    def offline(self, on: bool = True) -> None:
        conditions = {"type": "offline"} if on else None
        self.channel.call(
            "emulation.setNetworkConditions", {"networkConditions": conditions, "contexts": [self.context]}
        )

    def _picture(self) -> bytes:
        return base64.b64decode(self.call("browsingContext.captureScreenshot", {})["data"])

    def pdf(self, path: Path) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(self.call("browsingContext.print", {})["data"]))
        return path

    def before(self, script: str) -> None:
        self.channel.call(
            "script.addPreloadScript", {"functionDeclaration": f"() => {{ {script} }}", "contexts": [self.context]}
        )

    def close(self) -> None:
        self.call("browsingContext.close", {})
        self.visitor.browser.pages.pop(self.context, None)


@contextlib.contextmanager
def firefox(*, proxy: str | None = None, authority: Path | None = None) -> Iterator[Firefox]:
    """A running Firefox that takes certificates of this authority. Without a proxy all names but loopback lead
    nowhere."""
    binary = program("firefox-esr", "firefox")
    where = (proxy or "http://127.0.0.1:9").removeprefix("http://")
    host, _, port = where.partition(":")
    settings = dict(_PREFERENCES)
    settings |= {"network.proxy.type": 1, "network.proxy.http": host, "network.proxy.http_port": int(port)}
    settings |= {"network.proxy.ssl": host, "network.proxy.ssl_port": int(port)}
    with tempfile.TemporaryDirectory(prefix="firefox-", ignore_cleanup_errors=True) as folder:
        profile = Path(folder)
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in settings.items()]
        (profile / "user.js").write_text("".join(lines))
        if authority is not None:
            tool = program("certutil")
            subprocess.run([tool, "-N", "-d", f"sql:{profile}", "--empty-password"], check=True, timeout=60)
            said = ["-n", "test authority", "-t", "CT,,", "-i", str(authority)]
            subprocess.run([tool, "-A", "-d", f"sql:{profile}", *said], check=True, timeout=60)
        log = profile / "log"
        command = [binary, "--headless", "--no-remote", "--profile", folder, "--remote-debugging-port=0"]
        command += ["-remote-allow-system-access", "about:blank"]
        env = {**os.environ, "MOZ_CRASHREPORTER_DISABLE": "1", "HOME": folder}
        with _process(command, log, env) as process:
            told = json.loads(_appears(profile / "WebDriverBiDiServer.json", process, log))
            browser = Firefox(f"ws://{told['ws_host']}:{told['ws_port']}/session")
            try:
                yield browser
            finally:
                with contextlib.suppress(BrowserError, TimeoutError):
                    browser.channel.call("browser.close", patience=5)
                browser.channel.close()
        shutil.rmtree(profile, ignore_errors=True)
