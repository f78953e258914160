"""The unpacked program lies in the browser's storage, so that the next start is quick: nobody's word, and no trace."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reader import acts
from tests.reader.browsers import PHONE, Browser, Page
from tests.reader.conftest import Trial

PLACES = "Object.keys(localStorage).filter((one) => one.startsWith('tamizdat'))"
PROGRAM = "localStorage['tamizdat program']"
FORGED = "document.title = 'forged'; window.tamizdat = { main() { document.body.textContent = 'forged'; } };"


@pytest.fixture
def file(trial: Trial) -> Path:
    return trial.reader(trial.mirror("kept"))


@pytest.fixture
def opened(browser: Browser, file: Path) -> Iterator[Page]:
    """Somebody's reader at its first start, once its program is kept."""
    with browser.page() as page:
        page.look(PHONE)
        page.open(file)
        assert acts.settled(page) == "verified"
        page.wait(f"{PLACES}.length", what="the kept program")
        yield page


def test_what_was_unpacked_is_kept_and_whoever_writes_there_gets_nothing_run(opened: Page, file: Path) -> None:
    assert opened.evaluate(PLACES) == ["tamizdat program"]
    kept = opened.evaluate(PROGRAM)
    opened.open(file)
    assert acts.settled(opened) == "verified"

    opened.evaluate(f"{PROGRAM} = {json.dumps(FORGED)}")
    opened.open(file)
    assert acts.settled(opened) == "verified"
    assert "forged" not in str(opened.evaluate("document.title + document.body.textContent"))
    opened.wait(f"{PROGRAM} !== {json.dumps(FORGED)}", what="the true program")
    assert opened.evaluate(PROGRAM) == kept


def test_one_letter_changed_in_what_is_kept_is_enough(opened: Page, file: Path) -> None:
    changed = f"{PROGRAM}.replace('\"Verified\"', '\"Veriffed\"')"
    assert opened.evaluate(f"{changed} !== {PROGRAM}")
    opened.evaluate(f"{PROGRAM} = {changed}")
    opened.open(file)
    assert acts.settled(opened) == "verified"
    assert "Veriffed" not in str(opened.evaluate("document.body.innerText"))
