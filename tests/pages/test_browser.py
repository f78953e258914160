"""The same in a real browser, from a server and from a folder. Pictures of the pages go to `$TAMIZDAT_ARTIFACTS`."""

from __future__ import annotations

import functools
import hashlib
import http.server
import io
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mirror.pages import article_page, front_page, page_path
from tests.needs import program
from tests.pages.browser import Browser, browser
from tests.pages.samples import DIGEST, HOSTILE, HOSTILE_URLS, article, edition

TOUCH = (
    "for (const e of document.querySelectorAll('*')) {"
    "e.dispatchEvent(new Event('mouseover')); if (e.focus) e.focus(); e.dispatchEvent(new Event('error'))}"
)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser(program("chromium", "chromium-browser", "google-chrome")) as page:
        yield page


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A mirror's folder: a page per language, one per hostile text, and a front page."""
    from PIL import Image

    root = tmp_path_factory.mktemp("mirror")
    buffer = io.BytesIO()
    Image.new("RGB", (1200, 800), (90, 120, 150)).save(buffer, "WEBP")
    digest = hashlib.sha256(buffer.getvalue()).hexdigest()
    (root / "o" / digest[:2]).mkdir(parents=True)
    (root / "o" / digest[:2] / digest[2:]).write_bytes(buffer.getvalue())
    (root / "a").mkdir()
    calm = {"en": "A calm line of text", "ru": "Спокойная строка", "fa": "یک خط آرام", "zh": "一行平静的文字"}
    for language, text in calm.items():
        one = article(text * 12, language=language, direction="rtl" if language == "fa" else "ltr", digest=digest)
        write(root / "a" / f"{language}.html", replace(one, title=text))
    for number, text in enumerate(HOSTILE):
        write(root / "a" / f"text{number}.html", article(text, digest=digest))
        (root / f"front{number}.html").write_bytes(front_page(edition(text)))
    for number, url in enumerate(HOSTILE_URLS):
        write(root / "a" / f"url{number}.html", article(url=url, digest=digest))
    document = edition("A calm line")
    for outlet in document["outlets"]:
        for item in outlet["articles"]:
            item["thumbnail"] = digest
            write(root / page_path(item["url"]), article(digest=digest))
    (root / "index.html").write_bytes(front_page(document))
    return root


def write(path: Path, one: Any) -> None:
    path.write_bytes(article_page(one, digest=DIGEST, index=7, publication="Example", mirrors=["https://m.example/"]))


@pytest.fixture(scope="module")
def served(mirror: Path) -> Iterator[str]:
    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args: Any) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(mirror))) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def asked(page: Browser, start: str) -> list[str]:
    """What the page asked for besides itself and its icon."""
    return [url for url in page.requests[1:] if url != "data:,"]


@pytest.mark.parametrize("from_folder", [True, False])
def test_pictures_are_shown_from_a_server_and_from_a_folder(
    chromium: Browser, mirror: Path, served: str, from_folder: bool
) -> None:
    start = mirror.as_uri() if from_folder else served
    for path in ("a/en.html", "a/fa.html", "index.html"):
        chromium.open(f"{start}/{path}")
        chromium.evaluate("document.querySelectorAll('img').forEach(i => i.loading = 'eager')")
        chromium.idle(0.5)
        widths = chromium.evaluate("[...document.images].map(i => i.naturalWidth)")
        assert widths
        assert set(widths) == {1200}
        assert all(url.startswith(f"{start}/o/") for url in asked(chromium, start))
        assert chromium.problems == []


def test_hostile_pages_run_nothing_and_ask_for_nothing(
    chromium: Browser, mirror: Path, served: str, everything: bool
) -> None:
    paths = (
        sorted(mirror.glob("a/text*.html")) + sorted(mirror.glob("a/url*.html")) + sorted(mirror.glob("front*.html"))
    )
    assert len(paths) >= 2 * len(HOSTILE) + len(HOSTILE_URLS)
    for path in paths if everything else paths[::5]:
        address = f"{served}/{path.relative_to(mirror)}"
        chromium.open(address)
        title = chromium.evaluate("document.title")
        # Try what a reader might do by accident: touch and focus everything.
        chromium.evaluate(TOUCH)
        assert chromium.evaluate("location.href").startswith(address)
        assert chromium.evaluate("document.title") == title != "pwned"
        assert chromium.evaluate("document.scripts.length") == 0
        assert all(url.startswith(f"{served}/o/") for url in asked(chromium, served)), path.name
        # A picture whose digest leads nowhere is a 404 and no more.
        assert [problem for problem in chromium.problems if "404" not in problem] == [], path.name


@pytest.mark.parametrize("width", [320, 360, 390, 1280])
def test_nothing_is_cut_off_on_a_small_screen(chromium: Browser, mirror: Path, width: int) -> None:
    for path in ("a/en.html", "a/ru.html", "a/fa.html", "a/zh.html", "index.html"):
        chromium.open(f"{mirror.as_uri()}/{path}", width=width)
        assert chromium.evaluate("innerWidth") == width
        assert chromium.evaluate("document.documentElement.scrollWidth") <= width, path


def test_the_style_is_applied_and_follows_the_theme(chromium: Browser, mirror: Path) -> None:
    paper = "getComputedStyle(document.body).backgroundColor"
    chromium.open(f"{mirror.as_uri()}/a/en.html")
    light = chromium.evaluate(paper)
    chromium.open(f"{mirror.as_uri()}/a/en.html", dark=True)
    assert (light, chromium.evaluate(paper)) == ("rgb(253, 252, 249)", "rgb(23, 22, 20)")


def test_pages_can_be_looked_at(chromium: Browser, mirror: Path, tmp_path: Path) -> None:
    folder = Path(os.environ.get("TAMIZDAT_ARTIFACTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    for name, width, dark in (("phone", 390, False), ("dark", 390, True), ("desktop", 1280, False)):
        for path in ("a/en.html", "a/fa.html", "index.html"):
            chromium.open(f"{mirror.as_uri()}/{path}", width=width, dark=dark)
            shot = folder / f"{Path(path).stem}-{name}.png"
            chromium.shot(shot)
            assert shot.stat().st_size > 5000
    chromium.pdf(folder / "index.pdf")
    assert (folder / "index.pdf").read_bytes().startswith(b"%PDF")
