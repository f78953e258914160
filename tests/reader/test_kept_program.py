"""The unpacked program lies in the browser's storage, so that the next start is quick: nobody's word, and no trace."""

from __future__ import annotations

import json

from tests.reader import acts
from tests.reader.browsers import PHONE, Browser
from tests.reader.conftest import Trial

PLACES = "JSON.stringify(Object.keys(localStorage).filter((one) => one.startsWith('tamizdat')).sort())"
FORGED = "document.title = 'forged'; window.tamizdat = { main() { document.body.textContent = 'forged'; } };"


def test_what_was_unpacked_is_kept_and_whoever_writes_there_gets_nothing_run(browser: Browser, trial: Trial) -> None:
    file = trial.reader(trial.mirror("kept"))
    with browser.visitor() as visitor:
        page = visitor.page()
        page.look(PHONE)
        page.open(file)
        assert acts.settled(page) == "verified"
        page.wait(f"{PLACES} !== '[]'", what="the kept program")
        assert json.loads(str(page.evaluate(PLACES))) == ["tamizdat program"]
        kept = page.evaluate("localStorage.getItem('tamizdat program')")
        page.open(file)
        assert acts.settled(page) == "verified"

        page.evaluate(f"localStorage.setItem('tamizdat program', {json.dumps(FORGED)})")
        page.open(file)
        assert acts.settled(page) == "verified"
        assert "forged" not in str(page.evaluate("document.title + document.body.textContent"))
        page.wait(f"localStorage.getItem('tamizdat program').length === {len(str(kept))}", what="the true program")


def test_one_letter_changed_in_what_is_kept_is_enough(browser: Browser, trial: Trial) -> None:
    file = trial.reader(trial.mirror("letter"))
    with browser.visitor() as visitor:
        page = visitor.page()
        page.look(PHONE)
        page.open(file)
        assert acts.settled(page) == "verified"
        page.wait(f"{PLACES} !== '[]'", what="the kept program")
        changed = "localStorage['tamizdat program'].replace('\"Verified\"', '\"Veriffed\"')"
        assert page.evaluate(f"{changed} !== localStorage['tamizdat program']")
        page.evaluate(f"localStorage['tamizdat program'] = {changed}")
        page.open(file)
        assert acts.settled(page) == "verified"
        assert "Veriffed" not in str(page.evaluate("document.body.innerText"))
