"""What somebody does with reader.html, and what they then see, in the words of its interface."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from mirror import reader
from tests.reader.browsers import BrowserError, Page
from tests.reader.press import Made
from tests.reader.waiting import PATIENCE

_STATE = "document.querySelector('.state [role=status]')"


@cache
def words(language: str = "en") -> dict[str, str]:
    """The interface's words, from its sources."""
    file = Path(reader.__file__).parent / "lang" / f"{language}.json"
    table: dict[str, str] = json.loads(file.read_text("utf-8"))
    return table


def says(key: str, language: str = "en") -> str:
    """A regular expression for a control with these words, up to the first place that is filled in."""
    text = words(language)[key].split("{")[0].strip()
    return "".join("\\" + letter if letter in "()[].?*+^$|" else letter for letter in text)


def states(language: str = "en") -> dict[str, str]:
    """Which words say which state."""
    return {text: key[6:] for key, text in words(language).items() if key.startswith("state.")}


def state(page: Page, language: str = "en") -> str | None:
    """The state that the page says it is in: None as long as it says nothing."""
    said = page.evaluate(f"{_STATE} && {_STATE}.textContent")
    if not said:
        return None
    known = states(language)
    if said not in known:
        raise BrowserError(f"{said!r} is no state's words; {page.told()}")
    return known[said]


def settled(page: Page, *wanted: str, seconds: float = PATIENCE, language: str = "en") -> str:
    """Waits for one of these states, or for any but "searching" when none is named."""
    texts = [text for text, name in states(language).items() if (name in wanted if wanted else name != "searching")]
    page.wait(f"{json.dumps(texts)}.includes(({_STATE} || {{}}).textContent)", seconds, what=f"state {wanted}")
    found = state(page, language)
    assert found is not None
    return found


def headlines(page: Page) -> list[str]:
    found: list[str] = page.evaluate("Array.from(document.querySelectorAll('main article h3'), (one) => one.innerText)")
    return found


def shows(page: Page, made: Made) -> bool:
    return bool(page.evaluate(f"document.body.innerText.includes({json.dumps(made.text)})"))


def go(page: Page, made: Made) -> None:
    """To the article from the front page, where it need not be listed in full: by its address in the page."""
    page.evaluate(f"(() => {{ location.hash = '#article/{made.digest}'; }})()")


def view(page: Page, name: str) -> None:
    """To one of the reader's own views: search, settings, about, mirrors."""
    page.evaluate(f"(() => {{ location.hash = '#{name}'; }})()")
    title = json.dumps(words()[name])
    page.wait(f"(document.querySelector('main h1') || {{}}).textContent === {title}", what=f"the view {name}")


def arrived(page: Page, made: Made, seconds: float = PATIENCE) -> None:
    """Waits for the article's text."""
    page.wait(f"document.body.innerText.includes({json.dumps(made.text)})", seconds, what=f"the text of {made.title!r}")


def read(page: Page, made: Made, seconds: float = PATIENCE) -> None:
    """Chooses the article on the front page and waits for its text."""
    page.click("link", "=" + made.title, seconds=seconds)
    arrived(page, made, seconds)


def refused(page: Page, *kinds: str, seconds: float = PATIENCE) -> None:
    """Waits until an article is refused in words, for one of these reasons or for any; or everything is, for a fork."""
    titles = [text for key, text in words().items() if key.startswith("refused.") and not key.endswith(".what")]
    wanted = [words()[f"refused.{kind}"] for kind in kinds] or [*titles, words()["state.fork"]]
    page.wait(f"{json.dumps(wanted)}.includes((document.querySelector('main h1') || {{}}).textContent)", seconds,
              what="a refusal")  # fmt: skip


def front(page: Page) -> None:
    """Back to the front page."""
    page.click(selector="header .brand")
    page.await_one(selector="main .list")


def button(page: Page, key: str, **more: Any) -> None:
    page.click("button", says(key), **more)
