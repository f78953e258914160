"""Two tabs of one reader, which share what is kept on the device: nothing that one did is undone by the other."""

from __future__ import annotations

import json

from tests.reader import acts
from tests.reader.browsers import Browser, Page
from tests.reader.conftest import KEPT, Trial

OURS = "[indexedDB.databases().then((all) => all.length), Object.keys(localStorage), Object.keys(sessionStorage)]"


def keep(page: Page, outlet: str) -> None:
    """Keeps an outlet's articles for when there is no network."""
    page.evaluate(f"(() => {{ location.hash = '#outlet/{outlet}'; }})()")
    page.await_one(selector=f"main [aria-labelledby='outlet-{outlet}'] button[aria-pressed='false']")
    page.click(selector=f"main [aria-labelledby='outlet-{outlet}'] button[aria-pressed]")
    page.await_one(selector=f"main [aria-labelledby='outlet-{outlet}'] button[aria-pressed='true']")


def test_what_one_tab_reads_keeps_and_adds_the_other_does_not_undo(browser: Browser, trial: Trial) -> None:
    scene = trial.scene
    mirror, added = trial.mirror("tabs"), trial.mirror("added-in-a-tab")
    file = trial.reader(mirror)
    with browser.visitor() as visitor:
        one, other = visitor.page(), visitor.page()
        for page in (one, other):
            page.open(file)
            acts.settled(page, "verified")
        one.show()
        acts.go(one, scene.short)
        acts.arrived(one, scene.short)
        keep(one, "lantern")
        acts.view(one, "mirrors")
        one.fill("textbox", "", added.url)
        acts.button(one, "mirror.add")
        one.wait(f"document.body.innerText.includes({json.dumps(added.url)})")

        other.show()
        acts.go(other, scene.newest)
        acts.arrived(other, scene.newest)
        keep(other, "fonar")
        acts.view(other, "about")
        acts.button(other, "again")
        acts.settled(other, "verified")

        # Both are opened again, where there is no network.
        trial.censor.dark = True
        for page in (one, other):
            page.show()
            page.open(file)
            assert acts.settled(page, "offline") == "offline"
            for made in (scene.short, scene.newest):
                acts.go(page, made)
                acts.arrived(page, made)
            acts.view(page, "settings")
            for outlet in ("The Lantern", "Фонарь"):
                page.await_one("link", f"={outlet}")
            acts.view(page, "mirrors")
            assert added.url in page.text()
            assert page.problems == []


def test_what_one_tab_wipes_the_other_does_not_bring_back(browser: Browser, trial: Trial) -> None:
    scene = trial.scene
    mirror = trial.mirror("wiped")
    file = trial.reader(mirror)
    with browser.visitor() as visitor:
        one, other = visitor.page(), visitor.page()
        for page in (one, other):
            page.open(file)
            acts.settled(page, "verified")
        acts.go(one, scene.short)
        acts.arrived(one, scene.short)
        # What the other one has asked for is on its way meanwhile.
        other.show()
        mirror.treat(stalled=True)
        acts.go(other, scene.long)
        one.show()
        acts.view(one, "settings")
        acts.button(one, "wipe")
        one.click("button", "=" + acts.words()["wipe"], nth=1)
        one.wait(f"document.body.innerText.includes({json.dumps(acts.words()['wipe.done'][:20])})")
        mirror.treat(stalled=False)
        other.show()
        acts.arrived(other, scene.long)
        acts.go(other, scene.newest)
        acts.arrived(other, scene.newest)
        for page in (one, other):
            assert page.evaluate(f"Promise.all({OURS})") == [0, [], []]
        mirror.treat(refused=True)
        for page in (other, one):
            page.open(file)
            assert acts.settled(page, "empty") == "empty"
            acts.go(page, scene.long)
            acts.refused(page, "unread")
            assert page.problems == []


def test_what_one_tab_is_told_not_to_keep_the_other_does_not_keep(browser: Browser, trial: Trial) -> None:
    scene = trial.scene
    file = trial.reader(trial.mirror("unkept"))
    with browser.visitor() as visitor:
        one, other = visitor.page(), visitor.page()
        for page in (one, other):
            page.open(file)
            acts.settled(page, "verified")
        one.show()
        acts.view(one, "settings")
        one.click("checkbox", acts.says("memory"))
        one.wait("!location.hash")
        other.show()
        acts.go(other, scene.short)
        acts.arrived(other, scene.short)
        keep(other, "lantern")
        assert other.evaluate(KEPT) == {"settings": ["memoryOnly"]}
        assert one.problems == other.problems == []
