"""`preview`: what would be published, in the terminal and side by side in a browser."""

from __future__ import annotations

import base64
import json
import re
import urllib.error
import urllib.request
from html.parser import HTMLParser
from pathlib import Path

import pytest

from mirror import sidebyside
from mirror.cli import main
from mirror.extract import extract
from mirror.extract.original import original
from mirror.preview import Shown
from tests.outlet import Outlet

EVIL = "</s></p><script>alert(1)</script><img src=x onerror=alert(2)>"
BODY = "".join(
    f"<p>The {word} of the harbour was opened again on Tuesday, after a year in which nobody had used it.</p>"
    for word in ("gate", "bridge", "market", "station", "lighthouse")
)
PAGE = f"""<html lang="en"><head><title>The gate is open | News</title>
<meta property="og:title" content="The gate is open">
<meta property="og:type" content="article"><meta property="article:published_time" content="2027-03-01T08:00:00Z">
<meta name="author" content="Ida Marsh"></head><body><div>Menu {EVIL.replace("<", "&lt;")}</div>
<article><h1>The gate is open</h1>{BODY}
<p class="extra">The ferry keeps its timetable &amp; its old fares until the end of the month.</p>
<figure><img src="/p.png"><figcaption>The gate at noon.</figcaption></figure></article></body></html>"""


class Reader(HTMLParser):
    """What a browser would make of a file: the elements in it, and every address it could load."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loads: list[str] = []
        self.handlers: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loads += [value or "" for name, value in attrs if name in ("src", "srcset", "data", "poster")]
        self.handlers += [name for name, _ in attrs if name.startswith("on")]


def picture() -> bytes:
    import io

    from PIL import Image

    out = io.BytesIO()
    Image.linear_gradient("L").resize((400, 300)).convert("RGB").save(out, "PNG")
    return out.getvalue()


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """The file for two pages, one of them a bot check; and the frame in it."""
    folder = tmp_path_factory.mktemp("preview")
    with Outlet() as site:
        site.page("/gate", PAGE)
        site.page("/wall", f"<title>Just a moment...</title><p>Checking your browser {EVIL}</p>")
        site.files["/p.png"] = (picture(), "image/png")
        words = [f"{site.url}/gate", f"{site.url}/wall", "--allow-private", "--drop", ".extra", "--quiet"]
        assert main(["preview", *words, "--html", str(folder / "out.html")]) == 3
    text = (folder / "out.html").read_text("utf-8")
    frame = next(load for load in Reader(text).loads if load.startswith("data:text/html"))
    return text, base64.b64decode(frame.partition(",")[2]).decode()


def test_what_was_kept_and_what_was_dropped_stand_in_the_pages_order_with_reasons(written: tuple[str, str]) -> None:
    text, _ = written
    assert re.search(r'class="line kept"[^>]*>The gate is open<', text)
    assert re.search(r"<s>The ferry keeps its timetable &amp; [^<]*</s><[^>]*>your rule: drop \.extra<", text)
    places = [text.index(words) for words in ("Menu ", "The gate of the harbour", "The bridge of", "The ferry keeps")]
    assert places == sorted(places)
    assert "would be published" in text
    assert "NOT published: challenge" in text


def test_the_article_is_shown_as_readers_will_see_it_with_its_pictures(written: tuple[str, str]) -> None:
    _, frame = written
    assert "The gate of the harbour was opened again" in frame
    assert "ferry" not in frame
    assert "The gate at noon." in frame
    assert [load for load in Reader(frame).loads if load.startswith("data:image/webp;base64,UklGR")]


def test_where_each_fact_is_from_is_said_and_what_else_the_page_claims(written: tuple[str, str]) -> None:
    text, _ = written
    rows = re.findall(r"<tr[^>]*><td>(\w*)</td><td><bdi[^>]*>([^<]*)</bdi></td><td>([^<]*)</td>", text)
    assert ("title", "The gate is open", "&lt;h1&gt;, meta og:title") in rows
    assert ("", "The gate is open | News", "&lt;title&gt;") in rows
    assert ("authors", "Ida Marsh", "meta author") in rows
    assert ("published", "2027-03-01T08:00:00Z", "meta article:published_time") in rows


def test_nothing_an_outlet_wrote_runs_or_is_loaded(written: tuple[str, str]) -> None:
    for text in written:
        found = Reader(text)
        assert "script" not in found.tags
        assert found.handlers == []
        assert all(load.startswith(("data:image/", "data:text/html")) for load in found.loads)
        policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
        assert policy
        assert policy[1].startswith("default-src &#x27;none&#x27;" if "&#x27;" in policy[1] else "default-src 'none'")
    assert 'iframe sandbox=""' in written[0]


def test_hostile_words_in_every_place_stay_words() -> None:
    page = PAGE.replace("The gate is open", f"The gate {EVIL.replace('<', '&lt;')}").encode()
    found = extract(page, url="https://x.example/a", explain=True)
    shown = Shown(
        source=f"https://x.example/{EVIL}",
        state="paywall",
        reason=EVIL,
        article=found.article,
        notes=(EVIL,),
        original=original(page, url="https://x.example/a", article=found.article, dropped=found.dropped),
    )
    made = Reader(sidebyside.page([shown, shown]).decode())
    assert "script" not in made.tags
    assert "img" not in made.tags
    assert made.handlers == []


def test_the_outlets_own_day_is_shown_where_utc_has_another() -> None:
    found = extract(
        PAGE.replace("2027-03-01T08:00:00Z", "2027-03-02T04:11:00+05:30").encode(), url="https://a.example/b"
    )
    shown = Shown(source="x", state=found.state, reason="", article=found.article, dated=found.dated)
    assert "2027-03-01T22:41:00Z (2027-03-02T04:11:00+05:30 there)" in shown.as_text(short=True)
    assert shown.as_json()["article"]["dated"] == "2027-03-02T04:11:00+05:30"


def test_any_bytes_have_an_original() -> None:
    for body in (b"", b"\0" * 100, b"<" * 5000, b"<p>" * 20_000 + b"deep", b"\xff\xfe<\0p\0", "<p>سلام‌ها".encode()):
        assert isinstance(original(body, url="https://x.example/").lines, tuple)
    assert original("<p>می‌روم".encode(), url="https://x.example/").lines[0].text == "می‌روم"


def test_rules_can_be_tried_on_a_saved_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "page.html"
    file.write_text(PAGE, "utf-8")
    words = ["preview", str(file), "--url", "https://x.example/a", "--json"]
    assert main([*words, "--keep", "article", "--drop", "figure"]) == 0
    kept = json.loads(capsys.readouterr().out)["article"]
    assert "ferry" in kept["text"]
    assert kept["pictures"] == []
    assert main([*words, "--keep", "article", "--drop", ".extra"]) == 0
    assert "ferry" not in json.loads(capsys.readouterr().out)["article"]["text"]
    assert main([*words, "--drop", "a["]) == 2
    assert "not a selector: 'a['" in json.loads(capsys.readouterr().out)["error"]


def test_a_page_that_is_no_longer_there_is_gone_and_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    with Outlet() as site:
        assert main(["preview", f"{site.url}/news/none", "--allow-private", "--json"]) == 3
    told = json.loads(capsys.readouterr().out)
    assert (told["state"], told["article"]) == ("gone", None)
    assert told["reason"].endswith("status 404: the page is gone")


def test_the_page_on_loopback_is_given_once_and_only_at_its_own_address() -> None:
    with sidebyside.Once(b"<p>hello") as once:
        where = once.url.rpartition("/")[0]
        for wrong in (where + "/", where + "/x"):
            with pytest.raises(urllib.error.HTTPError):
                urllib.request.urlopen(wrong)
        elsewhere = urllib.request.Request(once.url, headers={"Host": "evil.example"})
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(elsewhere)
        assert not once.wait(0)
        with urllib.request.urlopen(once.url) as answer:
            assert answer.read() == b"<p>hello"
            assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert once.wait(5)
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(once.url)
