"""Firefox by WebDriver BiDi."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from tests.needs import program
from tests.reader.browsers.browser import Browser, Visitor, address, appears, started
from tests.reader.browsers.channel import BrowserError, Json
from tests.reader.browsers.page import DESKTOP, Page

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
_SCHEME: Final = "layout.css.prefers-color-scheme.content-override"  # 0 dark, 1 light, 2 as the system has it


class Firefox(Browser):
    """Firefox by WebDriver BiDi."""

    FAREWELL = "browser.close"

    def __init__(self, url: str, name: str = "firefox") -> None:
        super().__init__(url, name)
        told = self.channel.call("session.new", {"capabilities": {}})
        self.version = str(told["capabilities"]["browserVersion"])
        events = ["log.entryAdded", "network.beforeRequestSent", "network.fetchError"]
        self.channel.call("session.subscribe", {"events": events})
        self._chrome: str | None = None

    def _whose(self, message: Json) -> str | None:
        params = message.get("params", {})
        context: str | None = params.get("context") or params.get("source", {}).get("context")
        return context

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
    browser: Firefox

    def __init__(self, browser: Firefox, folder: Path, language: str | None, fresh: bool) -> None:
        super().__init__(browser, folder, language, fresh)
        self.dark = False
        self.context = browser.channel.call("browser.createUserContext")["userContext"] if fresh else "default"
        allowed = {"type": "allowed", "destinationFolder": str(folder)}
        browser.channel.call(
            "browser.setDownloadBehavior", {"downloadBehavior": allowed, "userContexts": [self.context]}
        )

    def _page(self) -> Page:
        return FirefoxPage(self)

    def _dispose(self) -> None:
        self.browser.channel.call("browser.removeUserContext", {"userContext": self.context})

    def close(self) -> None:
        super().close()
        if self.dark:
            self.browser.set(_SCHEME, 2)


class FirefoxPage(Page):
    visitor: FirefoxVisitor

    def __init__(self, visitor: FirefoxVisitor) -> None:
        made = {"type": "tab", "userContext": visitor.context}
        super().__init__(visitor, visitor.browser.channel.call("browsingContext.create", made)["context"])

    def call(self, method: str, params: Json) -> Json:
        return self.channel.call(method, {"context": self.key, **params})

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
            {"expression": expression, "target": {"context": self.key}, "awaitPromise": True},
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
        if dark != self.visitor.dark:
            self.visitor.dark = dark
            self.visitor.browser.set(_SCHEME, 0 if dark else 1)
            self.wait(f"matchMedia('(prefers-color-scheme: dark)').matches === {json.dumps(dark)}")

    def speak(self, language: str) -> None:
        self.channel.call("emulation.setLocaleOverride", {"locale": language, "contexts": [self.key]})

    def offline(self, on: bool = True) -> None:
        conditions = {"type": "offline"} if on else None
        self.channel.call("emulation.setNetworkConditions", {"networkConditions": conditions, "contexts": [self.key]})

    def show(self) -> None:
        self.call("browsingContext.activate", {})

    def _picture(self) -> bytes:
        return base64.b64decode(self.call("browsingContext.captureScreenshot", {})["data"])

    def pdf(self, path: Path) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(self.call("browsingContext.print", {})["data"]))
        return path

    def before(self, script: str) -> None:
        self.channel.call(
            "script.addPreloadScript", {"functionDeclaration": f"() => {{ {script} }}", "contexts": [self.key]}
        )

    def _close(self) -> None:
        self.call("browsingContext.close", {})


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
        with started(command, log, env) as process:
            told = json.loads(appears(profile / "WebDriverBiDiServer.json", process, log))
            browser = Firefox(f"ws://{told['ws_host']}:{told['ws_port']}/session")
            try:
                yield browser
            finally:
                browser.end()
