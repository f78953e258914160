"""A browser that runs, whichever it is, and the visitors that share it: starting, profiles, ending."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

from tests.reader.browsers.channel import BrowserError, Channel, Json
from tests.reader.browsers.page import Page
from tests.reader.waiting import until


class Visitor(ABC):
    """A profile of its own within a running browser, or with `fresh` false the one that the browser began with.
    `downloads` is where its files are saved."""

    def __init__(self, browser: Browser, folder: Path, language: str | None, fresh: bool) -> None:
        self.browser, self.downloads, self.language, self.fresh = browser, folder, language, fresh
        self.taken: dict[Path, int] = {}  # files that were given out already, with their times
        self.pages: list[Page] = []

    @abstractmethod
    def _page(self) -> Page: ...

    @abstractmethod
    def _dispose(self) -> None:
        """The profile goes, and its pages with it."""

    def page(self) -> Page:
        page = self._page()
        self.pages.append(page)
        if self.language:
            page.speak(self.language)
        return page

    def close(self) -> None:
        if self.fresh:
            with contextlib.suppress(BrowserError):
                self._dispose()
        for page in self.pages:
            if not self.fresh:
                with contextlib.suppress(BrowserError):
                    page.close()
            self.browser.pages.pop(page.key, None)


class Browser(ABC):
    """A running browser that listens at `url`; `pages` are the open ones by what it calls them."""

    FAREWELL: ClassVar[str]
    """The command that ends it."""

    def __init__(self, url: str, name: str) -> None:
        self.name = name
        self.pages: dict[str, Page] = {}
        self.channel = Channel(url, self._heard)

    @abstractmethod
    def _whose(self, message: Json) -> str | None:
        """The key of the page that this is about."""

    @abstractmethod
    def _visitor(self, folder: Path, language: str | None, fresh: bool) -> Visitor: ...

    def _heard(self, message: Json) -> None:
        page = self.pages.get(self._whose(message) or "")
        if page is not None:
            page.heard(message.get("method", ""), message.get("params", {}))

    def end(self) -> None:
        with contextlib.suppress(BrowserError):
            self.channel.call(self.FAREWELL, patience=5)
        self.channel.close()

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
def started(command: Sequence[str], log: Path, env: dict[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
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


def appears(file: Path, process: subprocess.Popen[bytes], log: Path) -> str:
    """What stands in the file in which a browser says where it listens."""

    def read() -> str:
        if process.poll() is not None:
            raise BrowserError(f"the browser ended: {log.read_text(errors='replace')[-1500:]}")
        return file.read_text().strip() if file.exists() else ""

    text = until(read)
    if not text:
        raise BrowserError(f"the browser did not start: {log.read_text(errors='replace')[-1500:]}")
    return text
