"""What a reader learns from a verified edition and the trust files that it names: further mirrors, a newer reader."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from mirror.publication import timestamp
from tests.reader import acts
from tests.reader.browsers import Browser, Page
from tests.reader.cases import Scene
from tests.reader.conftest import Trial
from tests.reader.waiting import until

# Seconds that the page can be told have passed.
CLOCK = "const now = Date.now; window.passed = 0; Date.now = () => now() + window.passed;"
# The publication lists a newer reader and names this mirror.
LEARNT = "learnt.mirrors.test"


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@dataclass(frozen=True, slots=True)
class Grown:
    """The scene's publication some minutes later."""

    tree: Path
    reader: bytes
    targets: str

    @property
    def digest(self) -> str:
        return digest(self.reader)


@pytest.fixture(scope="module")
def grown(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Grown:
    folder = tmp_path_factory.mktemp("grown")
    press = scene.press.split(folder / "publication")
    press.list_mirrors(f"http://{LEARNT}")
    made = timestamp(press.now + timedelta(minutes=1))
    newer = press.reader(folder / "newer.html", mirrors=(f"http://{LEARNT}",), made=made).read_bytes()
    press.retrust(lambda document: document.update(time=timestamp(press.now)), {"reader.html": newer})
    press.seal()
    targets = max(int(file.name.split(".")[0]) for file in press.tree.glob("trust/*.targets.json"))
    return Grown(press.tree, newer, f"trust/{targets}.targets.json")


def test_a_mirror_that_a_verified_edition_names_is_asked_when_the_first_is_gone(
    browser: Browser, trial: Trial, grown: Grown
) -> None:
    first = trial.censor.host("first.mirrors.test", grown.tree)
    learnt = trial.censor.host(LEARNT, grown.tree)
    file = trial.reader(first)
    with browser.page() as page:
        page.open(file)
        acts.settled(page, "verified")
        first.treat(refused=True)
        page.open(file)
        acts.settled(page, "verified")
        acts.read(page, trial.scene.newest)
        acts.view(page, "about")
        assert learnt.url in page.text()
        assert page.problems == []
        with browser.page() as stranger:
            stranger.open(file)
            assert acts.settled(stranger, "empty") == "empty"
    wanted = trial.scene.newest.digest
    assert f"o/{wanted[:2]}/{wanted[2:]}" in learnt.asked
    assert trial.censor.strangers == []


def says(page: Page, view: str, text: str) -> bool:
    """Whether this view, opened now, has this text."""
    acts.view(page, "about")
    acts.view(page, view)
    return text in page.text()


def look_around(page: Page, file: Path) -> None:
    """Opens the reader, and stays until it asks for trust files, as it does when nobody has read for a while."""
    page.open(file)
    acts.settled(page, "verified")
    page.evaluate("(() => { window.passed = 9000; })()")


def test_a_newer_reader_is_offered_once_root_keys_have_signed_it_and_saved_as_they_did(
    browser: Browser, trial: Trial, grown: Grown
) -> None:
    mirror = trial.censor.host(LEARNT, grown.tree)
    file = trial.reader(mirror)
    forged = grown.reader.replace(b"<title>", b"<title>Forged ")
    assert forged != grown.reader
    target = f"trust/targets/{grown.digest}.reader.html"

    def says_so(path: str, data: bytes | None) -> bytes | None:
        """The list names another reader, which the mirror has: nobody signed that."""
        other = digest(forged)
        if path == grown.targets and data:
            facts = json.loads(data)["signed"]["targets"]["reader.html"]
            text = data.decode().replace(grown.digest, other)
            return text.replace(f'"length":{facts["length"]}', f'"length":{len(forged)}').encode()
        return forged if path == f"trust/targets/{other}.reader.html" else data

    with browser.visitor() as visitor:
        page = visitor.page()
        page.before(CLOCK)
        mirror.treat(lie=says_so)
        look_around(page, file)
        assert until(lambda: grown.targets in mirror.asked)
        assert until(lambda: says(page, "mirrors", acts.words()["mirror.fails"])), page.told()
        acts.view(page, "settings")
        assert not page.has("button", acts.says("update.save"))

        mirror.treat(lie=None)
        look_around(page, file)
        assert until(lambda: mirror.asked.count(grown.targets) > 1)
        assert until(lambda: says(page, "settings", grown.digest)), page.told()

        # The right name, and other bytes under it.
        mirror.treat(lie=lambda path, data: forged if path == target else data)
        acts.button(page, "update.save")
        page.wait(f"document.body.innerText.includes({json.dumps(acts.words()['failed'].split('{')[0])})")
        assert list(visitor.downloads.iterdir()) == []
        mirror.treat(lie=None)
        acts.button(page, "update.save")
        saved = page.downloaded().read_bytes()
        assert b'"kind":"state"' in saved
        assert digest(re.sub(rb'(<script type="application/json" id="state">)[^<]*', rb"\1", saved)) == grown.digest
        page.click("checkbox", acts.says("memory"))
        page.wait("!location.hash", what="the mode in which nothing is kept")
        acts.button(page, "update.save")
        assert digest(page.downloaded().read_bytes()) == grown.digest
        assert page.problems == []

    newer = trial.where / "newer.html"
    newer.write_bytes(saved)
    with browser.page() as page:
        page.open(newer)
        acts.settled(page, "verified")
        acts.view(page, "about")
        assert grown.digest in page.text()
        acts.view(page, "settings")
        assert not page.has("button", acts.says("update.save"))
        assert page.problems == []
    assert trial.censor.strangers == []
