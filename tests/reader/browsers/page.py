"""One tab, whatever browser shows it: what can be asked of it and done in it."""

from __future__ import annotations

import contextlib
import json
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.reader.browsers.channel import BrowserError, Json
from tests.reader.waiting import PATIENCE, until

if TYPE_CHECKING:
    from tests.reader.browsers.browser import Visitor

PHONE: Final = (360, 740)
DESKTOP: Final = (1280, 800)

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
    """One tab; `key` is what its browser calls it by."""

    def __init__(self, visitor: Visitor, key: str) -> None:
        self.visitor, self.key = visitor, key
        self.channel = visitor.browser.channel
        self.problems: list[str] = []
        self.notices: list[str] = []
        self.requests: list[str] = []
        visitor.browser.pages[key] = self

    # --- what each browser does its own way ---

    @abstractmethod
    def heard(self, method: str, params: Json) -> None:
        """The browser tells something about this page; on the channel's thread."""

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
    def speak(self, language: str) -> None:
        """What is opened from now on is asked for by somebody who reads this language."""

    @abstractmethod
    def offline(self, on: bool = True) -> None:
        """Without a network, as the device would say."""

    @abstractmethod
    def show(self) -> None:
        """Before the other tabs, as the one that somebody looks at."""

    @abstractmethod
    def _picture(self) -> bytes: ...

    @abstractmethod
    def before(self, script: str) -> None:
        """Runs this in every document that is opened from now on, before its own scripts."""

    @abstractmethod
    def _close(self) -> None: ...

    # --- what follows from it ---

    def evaluate(self, expression: str) -> Any:
        """What the expression comes to, awaited, as JSON would carry it. BrowserError when it throws."""
        text = self._evaluate(f"async () => JSON.stringify(await ({expression}))")
        return None if text is None else json.loads(text)

    def wait(self, expression: str, seconds: float = PATIENCE, *, what: str = "") -> Any:
        """Asks until the answer is true in JavaScript's sense, and gives it back."""

        def ask() -> tuple[Any] | None:
            try:
                found = self.evaluate(f"Promise.resolve({expression}).then((found) => found || null)")
            except BrowserError as error:
                if "context" not in str(error) and "navigat" not in str(error):
                    raise
                return None
            return None if found is None else (found,)

        answer = until(ask, seconds)
        if answer is None:
            raise BrowserError(f"{what or expression}: not within {seconds:.0f} s; {self.told()}")
        return answer[0]

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

        def whole() -> Path | None:
            try:
                here = {file: file.stat() for file in self.visitor.downloads.iterdir()}
                time.sleep(0.15)
                again = {file: file.stat() for file in self.visitor.downloads.iterdir()}
            except FileNotFoundError:  # renamed meanwhile: it is whole, or about to be
                return None
            # Chromium writes a file of the same name over the one before.
            new = {file for file, one in here.items() if self.visitor.taken.get(file) != one.st_mtime_ns}
            passing = any(file.name[0] == "." or file.suffix in (".crdownload", ".part", ".tmp") for file in new)
            if not new or passing or any(not one.st_size for one in here.values()):
                return None
            if {file: one.st_size for file, one in here.items()} != {file: one.st_size for file, one in again.items()}:
                return None
            self.visitor.taken |= {file: here[file].st_mtime_ns for file in new}
            return max(new, key=lambda file: here[file].st_mtime_ns)

        file = until(whole, seconds)
        if file is None:
            raise BrowserError(f"nothing was saved; {self.told()}")
        return file

    def shot(self, path: Path) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self._picture())
        return path

    def close(self) -> None:
        self._close()
        self.visitor.browser.pages.pop(self.key, None)
