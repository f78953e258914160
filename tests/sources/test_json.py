"""Whatever JSON an outlet answers with, a source reads it or says that it is none of its own."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mirror.sources import NotUnderstood, Parsed, feed, listing, wordpress

POSTS = [
    {
        "id": 1,
        "link": "https://news.example/a",
        "date_gmt": "2027-03-01T00:00:00",
        "modified_gmt": "2027-03-01T00:00:00",
        "title": {"rendered": "Rain"},
        "excerpt": {"rendered": "It rained."},
        "content": {"rendered": "<p>It rained all day.</p>", "protected": False},
        "_embedded": {
            "author": [{"name": "A. Author"}],
            "wp:term": [[{"name": "Weather", "taxonomy": "category"}]],
            "wp:featuredmedia": [
                {
                    "source_url": "https://news.example/clouds.jpg",
                    "media_type": "image",
                    "caption": {"rendered": "Clouds"},
                    "alt_text": "Clouds",
                }
            ],
        },
    }
]
FEED = {
    "version": "https://jsonfeed.org/version/1.1",
    "title": "News",
    "home_page_url": "https://news.example/",
    "next_url": "https://news.example/2",
    "hubs": [{"type": "WebSub", "url": "https://hub.example/"}],
    "language": "en",
    "items": [
        {
            "id": "1",
            "url": "https://news.example/a",
            "external_url": "https://news.example/b",
            "title": "Rain",
            "summary": "It rained.",
            "content_html": "<p>It rained all day.</p>",
            "content_text": "It rained all day.",
            "date_published": "2027-03-01T00:00:00Z",
            "date_modified": "2027-03-01T00:00:00Z",
            "authors": [{"name": "A. Author"}],
            "author": {"name": "A. Author"},
            "tags": ["Weather"],
        }
    ],
}
LIST = [{"url": "https://news.example/a", "title": "Rain", "date": "2027-03-01"}, "https://news.example/b"]
ODD = (
    *(None, True, False, 0, 5, -1, 1.5, 1e308, 10**4000, "", "x", "\ud800", "https://[", "http://x:99999999/"),
    *([], {}, [[]], [None], [5], ["x"], {"a": 5}, {"rendered": 5}),
)


def places(value: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in inner:
        yield from places(child, (*path, key))


def replaced(document: Any, path: tuple[Any, ...], value: object) -> object:
    if not path:
        return value
    made = inner = copy.deepcopy(document)
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return made


@pytest.mark.parametrize(
    ("document", "parse"),
    [(POSTS, wordpress.parse), (FEED, feed.parse), (LIST, listing.parse)],
    ids=["posts", "feed", "list"],
)
def test_no_value_in_any_place_makes_reading_fail_otherwise(document: object, parse: Callable[..., Parsed]) -> None:
    read = 0
    for path in places(document):
        for odd in ODD:
            body = json.dumps(replaced(document, path, odd)).encode()
            try:
                parse(body, content_type="application/json", url="https://news.example/list")
                read += 1
            except NotUnderstood:
                pass
    assert read > 50
