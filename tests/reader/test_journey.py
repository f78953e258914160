"""What readers do, from the first opening to passing an article on, in two browsers, from disk and from a mirror."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mirror import reader
from mirror.cli import main
from mirror.export import export
from tests.reader import acts
from tests.reader.browsers import DESKTOP, PHONE, Browser, Page
from tests.reader.cases import Scene
from tests.reader.censor import Censor
from tests.reader.conftest import Trial

PICTURE = "Array.from(document.querySelectorAll('article img')).some((one) => one.complete && one.naturalWidth > 100)"


def see_picture(page: Page) -> None:
    """Until a picture of the article is there: by itself, or at a tap."""
    page.await_one(selector="article figure")
    page.evaluate("document.querySelector('article figure').scrollIntoView({block: 'center'})")
    if page.has("button", acts.says("picture.show")):
        acts.button(page, "picture.show")
    page.wait(PICTURE, what="a picture")


def choose(page: Page, kind: str) -> Path:
    """Passes the open article on as a web page or as a signed file; what was saved."""
    acts.button(page, "pass")
    page.click("button", acts.says(f"pass.as_{kind}"))
    return page.downloaded()


# A file of these bytes is dropped; `heard` is what the line says that comes and goes. Firefox takes no file from disk
# on a page that came over http.
DROP = """(() => {
  const line = document.querySelector('.said');
  window.heard = [];
  new MutationObserver(() => heard.push(line.textContent)).observe(line, { childList: true });
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([Uint8Array.from(atob(%s), (one) => one.charCodeAt(0))], 'sent.tamizdat'));
  const dropped = new DragEvent('drop', { bubbles: true, cancelable: true, dataTransfer });
  document.querySelector('main').dispatchEvent(dropped);
})()"""


@pytest.mark.parametrize("home", ["disk", "mirror"])
def test_open_read_pass_on_and_go_offline(
    browser: Browser, trial: Trial, home: str, capsys: pytest.CaptureFixture[str]
) -> None:
    scene, shots = trial.scene, trial.shots
    mirror = trial.mirror(home)
    file = trial.reader(mirror)
    data = file.read_bytes()
    if home == "mirror":
        tree = mirror.files
        mirror.files = lambda path: data if path == "reader.html" else tree(path)
    where = file if home == "disk" else f"{mirror.url}/reader.html"
    name = f"{home}-{browser.name}"
    with browser.visitor() as visitor:
        page = visitor.page()
        page.look(PHONE)
        page.open(where)
        # A page that a mirror served never says that it is verified.
        assert acts.settled(page) == ("verified" if home == "disk" else "served")
        page.await_one(selector="main .list")
        assert scene.short.title in acts.headlines(page)
        assert page.evaluate("document.querySelector('.state .age').innerText.trim().length") > 3
        page.shot(shots / f"front-{name}.png")
        acts.read(page, scene.short)
        see_picture(page)
        page.shot(shots / f"article-{name}.png")

        web_page = choose(page, "html")
        pack = choose(page, "pack")
        assert (web_page.suffix, pack.suffix) == (".html", ".tamizdat")

        if home == "disk":
            # No network, a new start: what was read is still there, and said to be a kept copy.
            page.offline()
            page.open(where)
            assert acts.settled(page, "offline") == "offline"
            acts.read(page, scene.short)
            see_picture(page)
            page.shot(shots / f"offline-{name}.png")
        else:
            # Nor does it when it takes in an article that verifies.
            page.evaluate(DROP % json.dumps(base64.b64encode(pack.read_bytes()).decode()))
            page.wait(f"heard.includes({json.dumps(acts.words()['state.served'])})", what="what is said of the file")
            assert acts.words()["state.verified"] not in page.evaluate("heard")
        assert page.problems == []
        for given in (web_page, pack):
            assert main(["verify", str(given), "--trust", scene.press.pin, "--no-memory"]) == 0, capsys.readouterr()
    assert trial.censor.strangers == []


def test_a_file_is_dropped_and_one_with_a_changed_bit_is_not_believed(
    browser: Browser, scene: Scene, censor: Censor, tmp_path: Path
) -> None:
    good = tmp_path / "good.tamizdat"
    export(scene.press.publication, scene.short.digest, output=good, sign=False, now=datetime.now(UTC))
    bad = tmp_path / "bad.tamizdat"
    data = bytearray(good.read_bytes())
    path = f"o/{scene.short.digest[:2]}/{scene.short.digest[2:]}".encode()
    data[data.index(path) + len(path) + 200] ^= 1
    bad.write_bytes(data)
    file = scene.press.reader(tmp_path / "reader.html")
    with browser.page() as page:
        page.look(DESKTOP)
        page.open(file)
        acts.settled(page)
        page.drop("main", bad)
        page.wait(
            f"document.body.innerText.includes({json.dumps(acts.words()['import.unknown'][:30])})", what="a refusal"
        )
        assert not acts.shows(page, scene.short)
        page.press("Escape")
        page.drop("main", good)
        acts.arrived(page, scene.short)
        assert page.problems == []


def test_two_requests_bring_the_first_article(browser: Browser, trial: Trial) -> None:
    mirror = trial.mirror("two")
    file = trial.reader(mirror)
    one = trial.scene.short
    text = f"o/{one.digest[:2]}/{one.digest[2:]}"
    with browser.page() as page:
        page.look(PHONE)
        page.open(file)
        acts.read(page, one)
        asked = [path for path in mirror.asked if path not in trial.scene.pictures]
    assert asked[:2] == ["front", text]


def test_the_file_and_the_front_keep_to_their_budgets(scene: Scene, tmp_path: Path) -> None:
    file = scene.press.reader(
        tmp_path / "reader.html", mirrors=tuple(f"https://mirror{n}.example/news" for n in range(12))
    )
    assert file.stat().st_size <= 100_000
    data = reader.parts(file.read_bytes())[1]
    assert len(reader.page(data, languages=["en"])) <= 65_536
    assert len((scene.tree / "front").read_bytes()) <= 8192
