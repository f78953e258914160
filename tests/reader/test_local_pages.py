"""What another page on the same disk does to a reader on Chromium, where all files have one store; and what is in it
once a reader was wiped."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reader import acts
from tests.reader.browsers import Browser, Page
from tests.reader.conftest import Trial

BOTH = ["tamizdat program", "tamizdat ru"]
KEPT = "Object.keys(localStorage).filter((one) => one.startsWith('tamizdat')).sort()"


def speaks(page: Page, language: str) -> None:
    """Chooses the language of the interface, in the view of the settings."""
    page.evaluate(
        "(() => { const list = document.querySelector('#language');"
        f" list.value = {json.dumps(language)}; list.dispatchEvent(new Event('change')); }})()"
    )
    # The view is drawn anew once the choice is stored; before that a page that is left forgets it.
    title = json.dumps(acts.words(language)["settings"])
    page.wait(f"document.querySelector('main h1').textContent === {title}", what=f"the interface in {language}")


@pytest.fixture
def file(trial: Trial) -> Path:
    return trial.reader(trial.mirror("local"))


@pytest.fixture
def opened(chromium: Browser, file: Path) -> Iterator[Page]:
    """A reader in the view of its settings."""
    with chromium.page() as page:
        page.open(file)
        acts.settled(page, "verified")
        acts.view(page, "settings")
        yield page


def test_one_script_of_the_reader_in_the_place_of_another_does_not_keep_it_from_starting(
    opened: Page, file: Path
) -> None:
    """All of them may run by the page's policy: only what each leaves says which it was."""
    speaks(opened, "ru")
    opened.open(file)
    acts.settled(opened, "verified", language="ru")
    opened.wait(
        f"JSON.stringify({KEPT}) === {json.dumps(json.dumps(BOTH, separators=(',', ':')))}", what="both scripts"
    )
    program, russian = [opened.evaluate(f"localStorage[{json.dumps(name)}]") for name in BOTH]
    boot = opened.evaluate("[...document.scripts].pop().textContent")
    for values in ((russian, program), (boot, boot), (russian, russian), (program, program)):
        for name, value in zip(BOTH, values, strict=True):
            opened.evaluate(f"localStorage.setItem({json.dumps(name)}, {json.dumps(value)})")
        opened.open(file)
        acts.settled(opened, "verified", language="ru")
        assert opened.evaluate("document.querySelectorAll('header.bar').length") == 1
        found = f"JSON.stringify({json.dumps(BOTH)}.map((name) => localStorage[name].length))"
        opened.wait(f"{found} === '[{len(program)},{len(russian)}]'", what="the right ones again")


def test_after_a_wipe_nothing_comes_back_that_the_reader_then_needs(opened: Page) -> None:
    acts.button(opened, "wipe")
    opened.click("button", "=" + acts.words()["wipe"], nth=1)
    opened.wait(f"document.body.innerText.includes({json.dumps(acts.words()['wipe.done'][:20])})")
    # Words that have to be unpacked; then the reader looks for mirrors and says what it finds.
    speaks(opened, "ru")
    opened.evaluate("(() => { location.hash = '#about'; })()")
    opened.click("button", acts.says("again", "ru"))
    acts.settled(opened, "verified", language="ru")
    assert opened.evaluate(KEPT) == []
    assert opened.evaluate("indexedDB.databases()") == []
