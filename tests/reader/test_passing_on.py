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
from tests.reader.browsers import Browser
from tests.reader.cases import Scene
from tests.reader.censor import Censor


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def test_an_article_goes_from_reader_to_page_to_reader(
    browser: Browser, scene: Scene, censor: Censor, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mirror = censor.host("passing.mirrors.test", scene.tree)
    file = scene.press.reader(tmp_path / "reader.html", mirrors=(mirror.url,))
    saved: dict[str, Path] = {}
    with browser.page() as page:
        page.open(file)
        acts.settled(page, "verified")
        acts.read(page, scene.short)
        for form in ("html", "pack"):
            acts.button(page, "pass")
            acts.button(page, f"pass.as_{form}")
            saved[form] = tmp_path / f"passed.{form}"
            saved[form].write_bytes(page.downloaded().read_bytes())
        assert acts.calm(page) == []
    assert shared_page.extract(saved["html"].read_bytes()) == saved["pack"].read_bytes()
    for one in saved.values():
        assert main(["verify", str(one), "--trust", scene.press.pin, "--json"]) == 0
        verdict = json.loads(capsys.readouterr().out)
        assert verdict["article"]["title"] == scene.short.title

    page_file = saved["html"].rename(tmp_path / "article.html")
    with browser.page() as page:
        page.open(page_file)
        assert acts.shows(page, scene.short)
        assert page.evaluate("getComputedStyle(document.querySelector('.run')).display") == "block"
        assert acts.calm(page) == []

    # Somebody else's words around it, and a script: the reader shows what is signed.
    lie = re.sub(
        rb"<article>.*</article>", b"<article><h1>The war is over</h1></article>", page_file.read_bytes(), flags=re.S
    )
    lying = tmp_path / "lying.html"
    lying.write_bytes(lie.replace(b"</body>", b"<script>document.title = 'ran'</script></body>"))
    for away in (lying, saved["pack"]):
        alone = scene.press.reader(tmp_path / f"alone {away.name}", mirrors=())
        alone = alone.rename(alone.with_suffix(".reader.html"))
        with browser.page() as page:
            page.open(alone)
            acts.settled(page)
            page.files("input[type=file]", away)
            page.wait(f"document.body.innerText.includes({json.dumps(scene.short.text)})", what="the article")
            assert "The war is over" not in page.text()
            assert page.evaluate("document.title") != "ran"
            assert acts.calm(page) == []
