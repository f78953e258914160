"""What stays on the device, what leaves it, and what somebody writes into either: another page's values in the store,
a script in the file. Nothing is believed for lying there, nothing runs."""

from __future__ import annotations

import html
import json

from tests.reader import acts
from tests.reader.browsers import Browser
from tests.reader.conftest import KEPT, Trial
from tests.reader.hostile import Beacon
from tests.reader.waiting import until

# Every value that lies there becomes `%s`, a function of its kind, key and old value.
POISON = """(async () => {
  const make = %s;
  let count = 0;
  for (const {name} of await indexedDB.databases()) {
    const db = await new Promise((done) => { indexedDB.open(name).onsuccess = (event) => done(event.target.result); });
    for (const kind of db.objectStoreNames) {
      const box = db.transaction(kind, 'readwrite').objectStore(kind);
      const all = await new Promise((done) => {
        const [keys, values] = [box.getAllKeys(), box.getAll()];
        values.onsuccess = () => done(keys.result.map((key, at) => [key, values.result[at]]));
      });
      for (const [key, value] of all) { box.put(make(kind, key, value), key); count++; }
      for (const [key, value] of make(kind, null, null) || []) { box.put(value, key); count++; }
      await new Promise((done) => { box.transaction.oncomplete = done; });
    }
    db.close();
  }
  return count;
})()"""
EVIDENCE = {"v": 1, "kind": "evidence", "type": "fork", "origin": "world.example", "notes": ["a\n", "b\n"]}


def test_what_another_file_writes_into_the_store_is_shown_to_nobody(
    chromium: Browser, trial: Trial, beacon: Beacon
) -> None:
    """Chromium has one store for all files on disk."""
    mirror = trial.mirror("poisoned")
    file = trial.reader(mirror)
    other = trial.where / "other.html"
    other.write_text("<!DOCTYPE html><p>Another file")
    listed = json.dumps([
        {"url": beacon.url, "from": "added", "fails": 0, "until": 0, "why": "", "rtt": 1, "cut": None},
        {"url": "javascript:1", "from": "kept"}, None, 7, {"url": 7, "fails": "x", "until": {}},
    ])  # fmt: skip
    evidence = json.dumps(json.dumps(EVIDENCE))
    hostile = [
        """(kind, key) => (key === null ? null : '{"__proto__": {"polluted": 1}}')""",
        "(kind, key) => (key === null ? null : 'x'.repeat(1 << 20))",
        "(kind, key, value) => key === null ? null : new Uint8Array(value && value.length || 9)",
        "(kind, key, value) => key === null ? null : typeof value === 'string' ? value.slice(0, -9) : -1e308",
        "(kind, key, value) => key === null ? (kind === 'settings' ? [['ui', {size: 9e9, theme: '<b>'}],"
        " ['memoryOnly', true], ['kept', {length: 1e9}], ['walked', Infinity], ['__proto__', {polluted: 1}]]"
        f" : kind === 'evidence' ? [['evidence', {evidence}], ['explained', 7]]"
        f" : kind === 'mirrors' ? [['list', {listed}]] : null) : value",
    ]
    with chromium.page() as page:
        for make in hostile:
            mirror.treat(refused=False)
            page.open(file)
            acts.settled(page, "verified")
            acts.read(page, trial.scene.short)
            page.open(other)
            assert page.evaluate(POISON % make) >= 4
            for dead in (True, False):
                mirror.treat(refused=dead)
                page.open(file)
                assert acts.settled(page) in (("empty", "offline") if dead else ("verified",)), make
                assert page.evaluate("Object.prototype.polluted === undefined")
            acts.read(page, trial.scene.short)
        assert page.problems == []
    assert beacon.asked == []
    assert trial.censor.strangers == []


def test_memory_only_leaves_nothing_and_wiping_removes_what_there_was(chromium: Browser, trial: Trial) -> None:
    file = trial.reader(trial.mirror("leaving"))
    with chromium.page() as page:
        page.open(file)
        acts.settled(page, "verified")
        acts.read(page, trial.scene.short)
        title = trial.scene.short.title
        assert page.evaluate("location.hash").startswith("#article/")
        page.wait(f"({KEPT}).then((found) => found.obj && found.head)")
        acts.view(page, "settings")
        acts.button(page, "wipe")
        page.click("button", "=" + acts.words()["wipe"], nth=1)
        page.wait(f"document.body.innerText.includes({json.dumps(acts.words()['wipe.done'][:20])})")
        assert page.evaluate("indexedDB.databases()") == []
        assert page.evaluate("[localStorage.length, sessionStorage.length, location.hash]") == [0, 0, "#settings"]

        page.open(file)
        acts.settled(page, "verified")
        acts.view(page, "settings")
        page.click("checkbox", acts.says("memory"))
        page.wait("!location.hash")
        acts.front(page)
        before = page.evaluate("[location.href, document.title]")
        acts.read(page, trial.scene.short)
        assert page.evaluate("[location.href, document.title]") == before
        assert title not in before[1]
        assert page.evaluate(KEPT) == {"settings": ["memoryOnly"]}
        assert page.problems == []


def test_whoever_wants_text_alone_asks_for_no_picture(chromium: Browser, trial: Trial) -> None:
    mirror = trial.mirror("text")
    mirror.treat(refused=True)
    file = trial.reader(mirror)
    with chromium.page() as page:
        page.open(file)
        acts.settled(page, "empty")
        acts.view(page, "settings")
        page.click("radio", acts.says("pictures.never"))
        page.wait(f"({KEPT}).then((found) => found.settings)")
        mirror.treat(refused=False)
        page.open(file)
        acts.settled(page, "verified")
        acts.read(page, trial.scene.short)
        # The article's proof is asked for when all that is shown has been for a second.
        assert until(lambda: any(path.startswith("proof/") for path in mirror.asked))
        assert trial.scene.pictures.isdisjoint(mirror.asked)
        assert page.problems == []


def test_a_picture_that_a_mirror_changed_is_not_shown_and_said_to_be_wrong(chromium: Browser, trial: Trial) -> None:
    pictures = trial.scene.pictures
    mirror = trial.mirror("painted")
    mirror.treat(lie=lambda path, file: file[:-1] + bytes([file[-1] ^ 1]) if file and path in pictures else file)
    with chromium.page() as page:
        page.open(trial.reader(mirror))
        acts.settled(page, "verified")
        acts.read(page, trial.scene.short)
        page.evaluate("document.querySelector('article figure').scrollIntoView({block: 'center'})")
        page.wait(
            f"document.querySelector('article').innerText.includes({json.dumps(acts.words()['picture.rejected'].split('{')[0])})"
        )
        assert not page.evaluate("Array.from(document.images).some((one) => one.naturalWidth)")
        assert pictures.intersection(mirror.asked)
        assert page.problems == []


def test_a_reader_saved_with_its_state_knows_elsewhere_what_it_knew_here(chromium: Browser, trial: Trial) -> None:
    mirror = trial.mirror("saved")
    file = trial.reader()
    with chromium.page() as page:
        page.open(file)
        acts.settled(page, "empty")
        acts.view(page, "mirrors")
        page.fill("textbox", "", mirror.url)
        acts.button(page, "mirror.add")
        acts.settled(page, "verified")
        acts.view(page, "settings")
        acts.button(page, "save.state")
        saved = trial.where / "saved.html"
        saved.write_bytes(page.downloaded().read_bytes())
        assert page.problems == []
    mirror.treat(refused=True)
    with chromium.page() as page:
        page.open(saved)
        assert acts.settled(page) == "offline"
        assert trial.scene.short.title in acts.headlines(page)
        mirror.treat(refused=False)
        page.open(saved)
        assert acts.settled(page, "verified") == "verified"
        assert page.problems == []


def test_what_is_written_into_the_file_by_hand_does_not_run(browser: Browser, trial: Trial, beacon: Beacon) -> None:
    ran = "window.pwned = 1; top.pwned = 1;"
    inside = html.escape(f"<script>{ran}</script><img src='{beacon.url}/5'>")
    put = (
        f"<script>{ran}</script><script src='{beacon.url}/1'></script><img src='{beacon.url}/2' onerror='{ran}'>"
        f"<style>@import '{beacon.url}/3'; html {{ background: url('{beacon.url}/4'); opacity: 0.5 }}</style>"
        f'<iframe srcdoc="{inside}"></iframe><svg onload="{ran}"></svg><link rel=stylesheet href="{beacon.url}/6">'
        f"<p id=written>Written by hand</p>"
    )
    file = trial.reader(trial.mirror("written"))
    page_bytes = file.read_bytes()
    assert page_bytes.count(b"</body>") == 1
    changed = trial.where / "changed.html"
    changed.write_bytes(page_bytes.replace(b"</body>", put.encode() + b"</body>"))
    careless = trial.where / "careless.html"
    careless.write_text(f"<!DOCTYPE html><body>{put}</body>")
    with browser.page(fresh=False) as page:
        page.open(changed)
        acts.settled(page, "verified")
        assert page.evaluate("document.getElementById('written') !== null")
        beacon.quiet()
        untouched = "[window.pwned === undefined, getComputedStyle(document.documentElement).opacity]"
        assert page.evaluate(untouched) == [True, "1"]
        assert (beacon.connections, beacon.asked) == (0, [])
        # Elsewhere all of it does.
        page.open(careless)
        page.wait("window.pwned === 1")
        assert until(lambda: beacon.numbers() >= {1, 2, 3, 5, 6}), beacon.numbers()
