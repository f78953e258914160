"""The trials' own tools do what they say: a page that misbehaves is seen to, a network that cuts does cut."""

from __future__ import annotations

import json
import socket
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.reader.browsers import DESKTOP, PHONE, Browser, BrowserError, Page
from tests.reader.censor import CUT, Answer, Censor, Host, Line
from tests.reader.hostile import TEXTS, Beacon
from tests.reader.waiting import PATIENCE, until
from tests.servers.certificates import Certificates

PAGE = """<!DOCTYPE html><meta charset=utf-8><title>x</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline';
 connect-src http: https:; require-trusted-types-for 'script'; trusted-types 'none'">
<h1>Hello</h1><label>Name <input type=search></label><input type=file id=chosen><a id=saved download="x.txt">Save</a>
<button onclick="document.title='pressed'">Press me</button><div id=place><p>Drop it here</p></div>
<script>
  const place = document.getElementById('place');
  addEventListener('dragover', (event) => event.preventDefault());
  addEventListener('drop', async (event) => {
    event.preventDefault();
    place.textContent = 'dropped ' + await event.dataTransfer.files[0].text();
  });
  chosen.onchange = async () => { document.title = 'chose ' + await chosen.files[0].text(); };
  saved.href = URL.createObjectURL(new Blob(['kept']));
  localStorage.visits = Number(localStorage.visits || 0) + 1;
  console.error('said aloud');
  setTimeout(() => { throw new Error('thrown late'); });
</script>"""


@pytest.fixture
def page_file(tmp_path: Path) -> Path:
    file = tmp_path / "page.html"
    file.write_text(PAGE)
    return file


def test_a_page_from_disk_is_read_clicked_filled_and_given_files(
    browser: Browser, page_file: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data.txt"
    data.write_text("content")
    with browser.visitor() as visitor:
        page = visitor.page()
        page.open(page_file)
        assert "Hello" in page.text()
        page.click("button", "press")
        assert page.evaluate("document.title") == "pressed"
        page.fill("textbox", "name", "Ёлка ۱۲ 灯")
        assert page.evaluate("document.querySelector('[type=search]').value") == "Ёлка ۱۲ 灯"
        page.files("#chosen", data)
        page.wait("document.title === 'chose content'")
        page.drop("#place", data)
        page.wait("document.body.innerText.includes('dropped content')")
        page.click("link", "save")
        assert page.downloaded().read_text() == "kept"
        page.wait("1")
        assert any("said aloud" in one for one in page.problems)
        assert any("thrown late" in one for one in page.problems)
        page.open(page_file)
        assert page.evaluate("localStorage.visits") == "2"
    with browser.page() as stranger:
        stranger.open(page_file)
        assert stranger.evaluate("localStorage.visits") == "1"


def test_windows_have_sizes_colours_and_a_network_that_goes(
    browser: Browser, censor: Censor, page_file: Path, tmp_path: Path
) -> None:
    mirror = censor.host("m1.mirrors.test", lambda _path: b"there")
    ask = f"fetch('{mirror.url}/x').then((answer) => answer.text(), (error) => 'failed')"
    with browser.page(language="fa") as page:
        page.look(PHONE, dark=True)
        page.open(page_file)
        assert page.evaluate("[screen.width > 0, matchMedia('(prefers-color-scheme: dark)').matches]") == [True, True]
        assert page.evaluate("navigator.language") == "fa"
        page.look(DESKTOP)
        assert page.evaluate("[innerWidth, matchMedia('(prefers-color-scheme: dark)').matches]") == [1280, False]
        assert page.shot(tmp_path / "shot.png").read_bytes().startswith(b"\x89PNG")
        assert page.evaluate(ask) == "there"
        page.offline()
        assert page.evaluate("navigator.onLine") is False
        assert page.evaluate(ask) == "failed"
        page.offline(False)
        assert page.evaluate(ask) == "there"
        page.before("window.early = 7")
        page.open(page_file)
        assert page.evaluate("window.early") == 7
        page.evaluate("(() => { document.body.append(Object.assign(document.createElement('div'), {id: 'over'}));"
                      "over.style.cssText = 'position:fixed;inset:0'; })()")  # fmt: skip
        with pytest.raises(BrowserError, match="covered"):
            page.click("button", "press")


def test_a_careless_page_runs_and_asks_for_what_the_hostile_texts_say(
    browser: Browser, beacon: Beacon, tmp_path: Path
) -> None:
    """The trap shuts: most vectors fire where they are taken for HTML. Those that say nothing are seen to connect."""
    careless = tmp_path / "careless.html"
    careless.write_text("<!DOCTYPE html><meta charset=utf-8><body>")
    # Not what sends the page elsewhere or hides it.
    texts = [text for text in beacon.aimed(TEXTS) if "refresh" not in text and "<frame" not in text]
    with browser.page() as page:
        page.open(careless)
        page.evaluate(
            f"""{json.dumps(texts)}.forEach((text) => {{
              const place = document.body.appendChild(document.createElement('div'));
              place.append(document.createRange().createContextualFragment(text));
            }})"""
        )
        assert until(lambda: len(beacon.numbers()) >= 25), sorted(beacon.numbers())
        page.wait("window.pwned.length >= 10")


def test_a_connection_that_is_told_to_open_beforehand_is_counted(
    chromium: Browser, beacon: Beacon, tmp_path: Path
) -> None:
    """No policy of a page stops it in Chromium; so none of the reader's texts may become an element."""
    page_file = tmp_path / "eager.html"
    page_file.write_text(
        "<!DOCTYPE html><meta http-equiv=Content-Security-Policy content=\"default-src 'none'\">"
        f"<link rel=preconnect href='{beacon.url}'>"
    )
    with chromium.page(fresh=False) as page:
        page.open(page_file)
        assert until(lambda: beacon.connections) > 0
        assert beacon.asked == []


DATA = bytes(range(256)) * 100
# What comes of a request: how it was answered and how much came, or how it ended.
_FETCH = """(() => {
  window.control = new AbortController();
  window.end = 'failed';
  window.asked = fetch('%s', {signal: control.signal, headers: %s, redirect: 'error'})
    .then(async (answer) => [answer.status, (await answer.arrayBuffer()).byteLength])
    .catch(() => [window.end, 0]);
})()"""


def fetch(page: Page, url: str, headers: str = "{}") -> list[object]:
    """[status, bytes], or ["failed", 0]."""
    page.evaluate(_FETCH % (url, headers))
    found: list[object] = page.evaluate("window.asked")
    return found


def hangs(page: Page, host: Host, path: str, reached: Callable[[], bool]) -> bool:
    """Whether a request that came so far is not answered, until it is given up."""
    page.evaluate(_FETCH % (f"{host.url}/{path}", "{}"))
    assert until(reached), (host.name, host.asked, host.down)
    found: list[object] = page.evaluate("(() => { window.end = 'late'; control.abort(); return window.asked; })()")
    return found == ["late", 0]


def test_the_censor_cuts_stalls_resets_and_lies(
    browser: Browser, censor: Censor, certificates: Certificates, page_file: Path
) -> None:
    files = {"big": DATA, "small": b"small"}
    names: dict[str, dict[str, Any]] = {
        "plain": {}, "cut": {"cut": CUT}, "torn": {"cut": CUT, "torn": True}, "stalled": {"stalled": True},
        "refused": {"refused": True}, "lying": {"lie": lambda _path, _file: Answer(body=b"<h1>blocked", status=200)},
    }  # fmt: skip
    hosts = {name: censor.host(f"{name}.mirrors.test", files.get, **how) for name, how in names.items()}
    hosts["tls"] = censor.host("tls.mirrors.test", files.get, certificate=certificates.good)
    hosts["tls-cut"] = censor.host("tls-cut.mirrors.test", files.get, certificate=certificates.good, cut=CUT)
    hosts["other"] = censor.host("other.mirrors.test", files.get, certificate=certificates.wrong_name)
    hosts["self"] = censor.host("self.mirrors.test", files.get, certificate=certificates.self_signed)
    with browser.page() as page:
        page.open(page_file)
        assert fetch(page, hosts["plain"].url + "/big") == [200, len(DATA)]
        assert fetch(page, hosts["plain"].url + "/none") == [404, 8]
        assert fetch(page, hosts["plain"].url + "/big", headers="{Range: 'bytes=20000-'}") == [206, len(DATA) - 20_000]
        assert fetch(page, hosts["cut"].url + "/small") == [200, 5]
        assert hangs(page, hosts["cut"], "big", lambda: hosts["cut"].down == CUT)
        assert fetch(page, hosts["torn"].url + "/big") == ["failed", 0]
        assert hangs(page, hosts["stalled"], "small", lambda: hosts["stalled"].connections == 1)
        assert hosts["stalled"].down == 0
        assert fetch(page, hosts["refused"].url + "/small") == ["failed", 0]
        assert fetch(page, hosts["lying"].url + "/small") == [200, 11]
        assert fetch(page, hosts["tls"].url + "/big") == [200, len(DATA)]
        assert hangs(page, hosts["tls-cut"], "big", lambda: hosts["tls-cut"].down == CUT)
        assert fetch(page, hosts["other"].url + "/small") == ["failed", 0]
        assert fetch(page, hosts["self"].url + "/small") == ["failed", 0]
        assert hosts["other"].asked == hosts["self"].asked == []
        assert fetch(page, "http://nobody.mirrors.test/x") in ([502, 0], ["failed", 0])
        assert "GET http://nobody.mirrors.test/x" in censor.strangers
        censor.dark = True
        assert fetch(page, hosts["plain"].url + "/small") == ["failed", 0]


def test_a_thin_line_takes_as_long_as_it_would(censor: Censor) -> None:
    """100 kbit/s and 400 ms: 12,300 bytes are a second of it, so two at once that share the line, and two round trips
    each, are 2.8 s."""
    rate, rtt = 12_500, 0.4
    censor.host("m1.mirrors.test", lambda _path: bytes(12_300), line=Line(rate, rtt))

    def ask(_number: int) -> int:
        request = urllib.request.Request("http://m1.mirrors.test/x")
        request.set_proxy(censor.url.removeprefix("http://"), "http")
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return len(answer.read())

    begun = time.monotonic()
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(ask, range(2))) == [12_300] * 2
    assert time.monotonic() - begun > 2 * 12_300 / rate + 2 * rtt


def test_nothing_is_left_open(censor: Censor) -> None:
    """A stalled host does not keep the proxy from forgetting it."""
    host = censor.host("m1.mirrors.test", lambda _path: b"", stalled=True)
    with socket.create_connection(("127.0.0.1", int(censor.url.rpartition(":")[2]))) as asking:
        asking.sendall(b"GET http://m1.mirrors.test/ HTTP/1.1\r\nHost: m1.mirrors.test\r\n\r\n")
        asking.settimeout(PATIENCE)
        assert until(lambda: host.connections) == 1
        censor.forget()
        with pytest.raises(ConnectionResetError):
            asking.recv(1)
