"""How it looks, for people to look at (`.shots`), and what a machine can say of it: axe-core, contrast, width."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from signing.evidence import prove
from tests.needs import ROOT, missing
from tests.reader import acts
from tests.reader.browsers import DESKTOP, PHONE, Browser, ChromiumPage, Page
from tests.reader.cases import Scene
from tests.reader.censor import folder
from tests.reader.conftest import Trial

LANGUAGES = ("en", "ru", "be", "uk", "fa", "ar", "zh", "es")
NARROW = "document.documentElement.scrollWidth <= document.documentElement.clientWidth + 1"
# WCAG 2.2 A and AA, and what axe calls good practice.
_RULES = "{runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']}"


@pytest.fixture(scope="session")
def axe() -> str:
    file = ROOT / ".ci" / "node" / "node_modules" / "axe-core" / "axe.min.js"
    if not file.exists():
        missing("axe-core (npm install --prefix .ci/node, as .ci/run does)")
    return file.read_text("utf-8")


def faults(page: Page, axe: str) -> list[str]:
    """What axe-core finds, with the elements; and what it can't decide about contrast."""
    page.evaluate(f"(() => {{ if (!window.axe) {{ {axe}; }} }})()")
    found: list[dict[str, Any]] = page.evaluate(f"""axe.run(document, {_RULES}).then((found) => {{
      const unsure = found.incomplete.filter((one) => one.id === 'color-contrast').map((one) => ({{
        id: one.id, nodes: one.nodes.filter((node) => !/overlap|obscured/i.test(node.failureSummary)),
      }}));
      return found.violations.concat(unsure).filter((one) => one.nodes.length).map((one) => ({{
        id: one.id, nodes: one.nodes.map((node) => node.html.slice(0, 160) + ' ' + node.failureSummary),
      }}));
    }})""")
    return [f"{one['id']}: {node}" for one in found for node in one["nodes"]]


def opened(page: Page, file: Path, scene: Scene) -> None:
    page.open(file)
    acts.settled(page, "verified")
    page.await_one(selector="main .list")


VIEWS: dict[str, Callable[[Page, Scene], None]] = {
    "front": lambda page, scene: page.await_one(selector="main .list"),
    "article": lambda page, scene: acts.read(page, scene.short),
    "search": lambda page, scene: acts.view(page, "search"),
    "settings": lambda page, scene: acts.view(page, "settings"),
    "about": lambda page, scene: acts.view(page, "about"),
    "mirrors": lambda page, scene: acts.view(page, "mirrors"),
}


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_view_is_accessible_in_both_themes_at_both_sizes(
    chromium: Browser, trial: Trial, axe: str, dark: bool
) -> None:
    scene, shots = trial.scene, trial.shots
    file = trial.reader(trial.mirror("looks"))
    theme = "dark" if dark else "light"
    found = []
    with chromium.page() as page:
        for size, name in ((PHONE, "phone"), (DESKTOP, "desktop")):
            page.look(size, dark=dark)
            for view, act in VIEWS.items():
                if view in ("front", "search"):
                    opened(page, file, scene)
                act(page, scene)
                page.evaluate("Promise.all(document.getAnimations().map((one) => one.finished.catch(() => 0)))")
                found += [f"{view} {name}: {fault}" for fault in faults(page, axe)]
                assert page.evaluate(NARROW), (view, name)
                page.shot(shots / "looks" / f"{view}-{name}-{theme}.png")
        assert page.evaluate("document.documentElement.dataset.theme") == theme
        assert page.problems == []
    assert found == []


def test_every_language_speaks_in_its_own_direction(browser: Browser, trial: Trial, everything: bool) -> None:
    scene, shots = trial.scene, trial.shots
    file = trial.reader(trial.mirror("languages"))
    rtl = {"fa", "ar"}
    # One visitor for all: a new one would unpack the program again, which is what most of the time would be spent on.
    with browser.page() as page:
        page.look(PHONE)
        for language in LANGUAGES if everything or browser.name == "chromium" else ("fa", "zh"):
            page.speak(language)
            page.open(file)
            assert acts.settled(page, "verified", language=language) == "verified"
            page.await_one(selector="main .list")
            root = page.evaluate("[document.documentElement.lang, document.documentElement.dir]")
            assert root == [language, "rtl" if language in rtl else "ltr"]
            assert page.evaluate(NARROW), language
            page.shot(shots / "languages" / f"front-{language}-{browser.name}.png")
            told = next((one for one in scene.press.made if one.language == language), scene.short)
            acts.read(page, told)
            assert page.evaluate("document.querySelector('main article').dir") == (
                "rtl" if told.language in rtl else "ltr"
            )
            assert page.evaluate(NARROW), language
            page.shot(shots / "languages" / f"article-{language}-{browser.name}.png")
        assert page.problems == []


def test_an_article_prints_as_an_article(chromium: Browser, trial: Trial) -> None:
    scene, shots = trial.scene, trial.shots
    file = trial.reader(trial.mirror("print"))
    with chromium.page() as page:
        assert isinstance(page, ChromiumPage)
        opened(page, file, scene)
        acts.read(page, scene.short)
        page.look(DESKTOP, printed=True)
        page.shot(shots / "looks" / "article-print.png")
        page.pdf(shots / "looks" / "article-print.pdf")
        assert scene.short.text in page.text()
        gone = (
            "Array.from(document.querySelectorAll('nav, button')).filter((one) => one.getClientRects().length).length"
        )
        assert page.evaluate(gone) == 0


def test_everything_can_be_done_by_keyboard(browser: Browser, trial: Trial) -> None:
    scene = trial.scene
    file = trial.reader(trial.mirror("keys"))
    with browser.page() as page:
        page.look(DESKTOP)
        opened(page, file, scene)
        page.press("Tab")
        # The first stop leads past the tools.
        assert page.evaluate("document.activeElement.className") == "skip"
        wanted = json.dumps(scene.short.title)
        for _ in range(60):
            page.press("Tab")
            if page.evaluate(f"document.activeElement.textContent === {wanted}"):
                break
        assert page.evaluate("document.activeElement.matches(':focus-visible')")
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
        page.press("Enter")
        acts.arrived(page, scene.short)
        page.wait("document.activeElement.tagName === 'H1'", what="the focus on the title")


def test_a_fork_stops_everything_and_its_evidence_convinces_strangers(browser: Browser, trial: Trial, axe: str) -> None:
    scene, shots = trial.scene, trial.shots
    host = trial.mirror(f"told-{browser.name}")
    file = trial.reader(host)
    with browser.page() as page:
        page.look(PHONE)
        opened(page, file, scene)
        host.files = folder(scene.other.tree)
        page.open(file)
        assert acts.settled(page, "fork") == "fork"
        assert acts.headlines(page) == []
        assert page.evaluate(NARROW)
        page.shot(shots / f"fork-{browser.name}.png")
        acts.go(page, scene.short)
        page.wait("document.querySelector('[role=alert]')")
        assert not acts.shows(page, scene.short)
        acts.button(page, "save.evidence")
        evidence = page.downloaded()
        assert prove(evidence.read_bytes(), pin=scene.press.pin, now=datetime.now(UTC))
        assert faults(page, axe) == []
        # It stays, whoever answers afterwards.
        host.files = folder(scene.tree)
        page.open(file)
        assert acts.settled(page, "fork") == "fork"
        assert page.problems == []
