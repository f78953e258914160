"""The Moscow Times article of the shared material, word for word, by its own rules and by the general ones."""

from __future__ import annotations

import json

import pytest

from mirror.model import Paragraph
from tests.extract.made_up import article, lines, text
from tests.needs import shared

OWN = "https://www.themoscowtimes.com/2022/02/24/belarus-says-its-army-not-taking-part-in-ukraine-invasion-a76564"


@pytest.mark.parametrize("url", [OWN, "http://127.0.0.1:8099/2022/02/24/a76564", "http://localhost:1234/a76564.html"])
def test_the_article_comes_out_exactly(url: str) -> None:
    truth = json.loads(shared("corpus/moscowtimes/a76564.json").read_text("utf-8"))
    found = article(shared("corpus/moscowtimes/a76564.html").read_bytes(), url=url)
    assert found.title == truth["title"]
    assert [" ".join(line.split()) for line in lines(found)] == [
        " ".join(line.split()) for line in truth["body_text"].split("\n\n")
    ]
    assert len(found.blocks) == 9
    assert all(isinstance(block, Paragraph) for block in found.blocks)
    assert [(picture.cover, picture.caption, picture.credit) for picture in found.pictures] == [
        (True, truth["caption"], truth["credit"])
    ]
    assert found.pictures[0].candidates[0].endswith("/article_1360/3b/lukashenko-president.jpg")
    assert found.authors == ()
    assert found.published == "2022-02-24T09:00:00Z"
    assert found.modified is None
    assert (found.language, found.direction) == ("en", "ltr")
    everything = repr(found)
    for unwanted in truth["must_not_contain"]:
        assert unwanted not in everything
    assert truth["caption"] not in text(found)


def test_its_address_is_the_canonical_one_without_tracking() -> None:
    data = shared("corpus/moscowtimes/a76564.html").read_bytes()
    assert article(data, url=OWN + "?utm_source=telegram&fbclid=1").url == OWN
    # on another host the page's claim to be somebody else's counts for nothing
    assert article(data, url="http://127.0.0.1:8099/x?utm_source=rss").url == "http://127.0.0.1:8099/x"
