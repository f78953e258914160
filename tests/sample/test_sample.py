"""The sample outlet is a believable site, and what we publish of it is what its editors wrote."""

from __future__ import annotations

import gzip
import io
import json
import re
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from lxml import etree, html

from mirror.model import Embed, List, Quote, Table, Update
from mirror.sample import SampleOutlet, serve
from mirror.sample.drawing import SCENES, SECRETS, photograph


@pytest.fixture(scope="module")
def outlet() -> Iterator[SampleOutlet]:
    with serve() as running:
        yield running


def get(url: str, headers: dict[str, str] | None = None, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
    request = urllib.request.Request(url, headers=headers or {}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, {k.lower(): v for k, v in error.headers.items()}, error.read()


def squeezed(text: str) -> str:
    return " ".join(text.split())


def test_there_is_enough_to_read_in_every_language(outlet: SampleOutlet) -> None:
    truths = outlet.ground_truth()
    assert len(truths) >= 12
    for language in ("en", "ru", "fa", "zh"):
        ours = [truth for truth in truths if truth.language == language]
        assert len(ours) >= 3
        for truth in ours:
            words = len(re.findall(r"[\u4e00-\u9fff]|\w+", " ".join(truth.texts)))
            assert words >= 250 or any(isinstance(block, Update) for block in truth.blocks), truth.slug
            assert truth.direction == ("rtl" if language == "fa" else "ltr")
    kinds = {type(block) for truth in truths for block in truth.blocks}
    assert {Table, List, Quote, Update, Embed} <= kinds


def test_persian_texts_are_spelt_with_their_joining_controls(outlet: SampleOutlet) -> None:
    for truth in outlet.ground_truth():
        text = " ".join((truth.title, truth.lead, *truth.texts))
        if truth.language == "fa":
            assert text.count("\u200c") >= 15
            assert not re.search("[\u064a\u0643]", text), "Arabic yeh or kaf in Persian"
            assert not re.search(r"\bمی [\u0600-\u06ff]+", text), "a verb's prefix with a blank"


def test_every_text_is_in_the_page_among_what_is_not(outlet: SampleOutlet) -> None:
    for truth in outlet.ground_truth():
        status, headers, body = get(truth.url)
        assert status == 200
        assert headers["content-type"] == "text/html; charset=utf-8"
        root: Any = html.document_fromstring(body.decode())
        for script in root.xpath("//script | //style"):
            script.getparent().remove(script)
        said = squeezed(root.text_content())
        for text in (truth.title, truth.lead, *truth.texts, *truth.must_not_contain):
            assert squeezed(text) in said, f"{truth.slug}: {text[:60]}"
        assert b"/t/" in body


def test_the_editions_differ_in_their_markup(outlet: SampleOutlet) -> None:
    outlines: dict[str, frozenset[str]] = {}
    for truth in outlet.ground_truth():
        root: Any = html.document_fromstring(get(truth.url)[2].decode())
        classes = frozenset(
            word for element in root.iter(etree.Element) for word in (element.get("class") or "").split()
        )
        outlines.setdefault(truth.language, classes)
    for one, classes in outlines.items():
        for other, others in outlines.items():
            assert one == other or len(classes & others) < 4


@pytest.mark.parametrize("edition", ["", "/en", "/ru", "/fa", "/zh"])
def test_feeds_and_sitemaps_name_every_article(outlet: SampleOutlet, edition: str) -> None:
    import feedparser

    expected = {truth.url for truth in outlet.ground_truth() if f"/{truth.language}" == edition or not edition}
    for name in ("feed.xml", "atom.xml"):
        parsed: Any = feedparser.parse(get(f"{outlet.url}{edition}/{name}")[2])
        assert not parsed.bozo
        assert {entry.id for entry in parsed.entries} == expected
    feed = json.loads(get(f"{outlet.url}{edition}/feed.json")[2])
    assert {item["url"] for item in feed["items"]} == expected
    front = html.document_fromstring(get(f"{outlet.url}{edition}/")[2].decode())
    offered = {link.get("href") for link in front.iter("link") if link.get("rel") == "alternate"}
    assert offered == {f"{edition}/{name}" for name in ("feed.xml", "atom.xml", "feed.json")}
    places = etree.fromstring(get(f"{outlet.url}{edition}/sitemap.xml")[2])
    locations = {str(one.text) for one in places.iter("{*}loc")}
    if edition:
        assert locations == expected
    else:
        assert f"{outlet.url}/news-sitemap.xml" in locations
        news = etree.fromstring(get(f"{outlet.url}/news-sitemap.xml")[2])
        assert {str(one.text) for one in news.iter("{*}loc")} == expected
        assert b"Sitemap: " in get(f"{outlet.url}/robots.txt")[2]


def test_what_has_not_changed_is_not_sent_again(outlet: SampleOutlet) -> None:
    url = f"{outlet.url}/feed.xml"
    status, headers, body = get(url)
    assert status == 200
    assert get(url, {"If-None-Match": headers["etag"]})[0] == 304
    assert get(url, {"If-Modified-Since": headers["last-modified"]})[0] == 304
    assert get(url, {"If-None-Match": '"other"', "If-Modified-Since": headers["last-modified"]})[0] == 200
    zipped = get(url, {"Accept-Encoding": "gzip"})
    assert zipped[1]["content-encoding"] == "gzip"
    assert gzip.decompress(zipped[2]) == body
    assert get(url, method="HEAD")[2] == b""
    assert get(f"{outlet.url}/nothing/here")[0] == 404


def test_editors_edit_publish_and_take_down() -> None:
    with serve() as outlet:
        url = outlet.address("tide-clock")
        before = get(url)
        feed = get(f"{outlet.url}/en/feed.xml")
        assert outlet.edit("tide-clock", "A *late* correction: the clock is early.") == url
        after = get(url, {"If-None-Match": before[1]["etag"]})
        assert after[0] == 200
        assert b"A <em>late</em> correction: the clock is early." in after[2]
        truth = next(truth for truth in outlet.ground_truth() if truth.slug == "tide-clock")
        assert truth.paragraphs[-1] == "A late correction: the clock is early."
        assert outlet.held == ("seed-library",)
        assert get(outlet.address("seed-library"))[0] == 404
        outlet.publish("seed-library")
        assert get(outlet.address("seed-library"))[0] == 200
        new = outlet.publish("brand-new", title="Something new", paragraphs=["One.", "Two."], language="ru")
        assert b"Something new" in get(new)[2]
        assert get(f"{outlet.url}/en/feed.xml", {"If-None-Match": feed[1]["etag"]})[0] == 200
        outlet.wall("hleb")
        assert b"consent-wall" in get(outlet.address("hleb"))[2]
        outlet.wall("hleb", up=False)
        assert b"consent-wall" not in get(outlet.address("hleb"))[2]
        outlet.remove("hleb")
        assert get(outlet.address("hleb"))[0] == 410
        with pytest.raises(KeyError):
            outlet.publish("no-such-article")


def test_visits_are_noted_and_trackers_apart() -> None:
    with serve() as outlet:
        get(outlet.address("xiusan"), {"User-Agent": "tester"})
        assert [(hit.path, hit.status, hit.agent) for hit in outlet.hits] == [("/zh/xiusan", 200, "tester")]
        assert outlet.tracker_hits == ()
        get(f"{outlet.url}/t/pixel.gif?p=1")
        assert [hit.path for hit in outlet.tracker_hits] == ["/t/pixel.gif?p=1"]


def test_an_outlet_that_is_closed_leaves_nothing_behind() -> None:
    before = set(threading.enumerate())
    outlet = serve()
    outlet.close()
    outlet.close()
    assert set(threading.enumerate()) <= before
    with pytest.raises(urllib.error.URLError):
        get(outlet.url)


def test_pictures_are_photographs_with_what_must_not_get_out(everything: bool) -> None:
    from PIL import Image

    for name in SCENES if everything else ("clock", "rain"):
        data = photograph(name, 480)
        assert data == photograph.__wrapped__(name, 480), "the same every time"
        for secret in SECRETS:
            assert secret.encode() in data
        with Image.open(io.BytesIO(data)) as image:
            assert (image.format, image.size) == ("JPEG", (480, 300))
            assert image.getexif().get_ifd(0x8825)[2] == (48.0, 52.0, 36.0)


def test_what_is_extracted_is_what_the_editors_wrote(outlet: SampleOutlet) -> None:
    from mirror import pack
    from mirror.extract import extract
    from mirror.model import Embed, Update

    for truth in outlet.ground_truth():
        _, headers, body = get(truth.url)
        found = extract(body, url=truth.url, content_type=headers["content-type"])
        assert found.state == "ok", (truth.slug, found.reason)
        assert found.article is not None
        article = found.article
        posts = [
            inner for block in article.blocks for inner in (block.blocks if isinstance(block, Update) else [block])
        ]
        titles = [block.title or "" for block in posts if isinstance(block, Embed)]
        text = squeezed("\n".join([pack.text_of(article.blocks), *titles]))
        missing = [one for one in truth.texts if squeezed(one) not in text]
        assert missing == [], truth.slug
        assert [one for one in truth.must_not_contain if squeezed(one) in text] == [], truth.slug
        assert (article.title, article.authors, article.published) == (truth.title, truth.authors, truth.published)
        assert (article.language, article.direction) == (truth.language, truth.direction)
        assert truth.pictures[0].url in article.pictures[0].candidates


def test_the_long_article_is_too_long_for_one_piece(outlet: SampleOutlet) -> None:
    truth = next(truth for truth in outlet.ground_truth() if truth.slug == "logbook")
    assert len(gzip.compress(" ".join(truth.texts).encode(), 9)) > 12288
