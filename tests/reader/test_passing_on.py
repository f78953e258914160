"""Passing an article on in real browsers: read, saved as a page, opened by somebody without a reader, taken in by
another one without a network; and a page of somebody who wants to fool both."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from mirror import shared_page
from mirror.cli import main
from tests.reader import acts
from tests.reader.browsers import PHONE, Browser
from tests.reader.conftest import Trial


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def test_an_article_goes_from_reader_to_page_to_reader(
    browser: Browser, trial: Trial, capsys: pytest.CaptureFixture[str]
) -> None:
    scene, where = trial.scene, trial.where
    file = trial.reader(trial.mirror("passing"))
    saved: dict[str, Path] = {}
    with browser.page() as page:
        page.open(file)
        acts.settled(page, "verified")
        acts.read(page, scene.short)
        for form in ("html", "pack"):
            acts.button(page, "pass")
            acts.button(page, f"pass.as_{form}")
            saved[form] = where / f"passed.{form}"
            saved[form].write_bytes(page.downloaded().read_bytes())
        assert page.problems == []
    assert shared_page.extract(saved["html"].read_bytes()) == saved["pack"].read_bytes()
    for one in saved.values():
        assert main(["verify", str(one), "--trust", scene.press.pin, "--json"]) == 0
        verdict = json.loads(capsys.readouterr().out)
        assert verdict["article"]["title"] == scene.short.title

    page_file = saved["html"].rename(where / "article.html")
    with browser.page() as page:
        page.open(page_file)
        assert acts.shows(page, scene.short)
        assert page.evaluate("getComputedStyle(document.querySelector('.run')).display") == "block"
        assert page.problems == []

    # Somebody else's words around it, and a script: the reader shows what is signed.
    lie = re.sub(
        rb"<article>.*</article>", b"<article><h1>The war is over</h1></article>", page_file.read_bytes(), flags=re.S
    )
    lying = where / "lying.html"
    lying.write_bytes(lie.replace(b"</body>", b"<script>document.title = 'ran'</script></body>"))
    for away in (lying, saved["pack"]):
        alone = scene.press.reader(where / f"alone {away.name}", mirrors=())
        alone = alone.rename(alone.with_suffix(".reader.html"))
        with browser.page() as page:
            page.look(PHONE)
            page.open(alone)
            assert acts.settled(page) == "empty"
            page.files("input[type=file]", away)
            acts.arrived(page, scene.short)
            assert "The war is over" not in page.text()
            assert page.evaluate("document.title") != "ran"
            assert page.problems == []
            page.shot(trial.shots / f"taken-in-{away.suffix[1:]}-{browser.name}.png")
