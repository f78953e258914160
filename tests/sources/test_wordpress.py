"""What WordPress says of a post, and when that is not the whole of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mirror.sources import Item, NotUnderstood
from mirror.sources.wordpress import interface, parse, posts
from tests.net.world import client, reply, world

HERE = "https://news.example/wp-json/wp/v2/posts"


def post(**fields: Any) -> dict[str, Any]:
    return {
        "id": 7,
        "link": "https://news.example/2027/rain/",
        "date_gmt": "2027-03-01T08:15:00",
        "modified_gmt": "2027-03-01T09:00:00",
        "title": {"rendered": "Rain &#038; sun"},
        "excerpt": {"rendered": "<p>It rained.</p>\n"},
        "content": {"rendered": "<p>It rained all day.</p>", "protected": False},
    } | fields


def one(**fields: Any) -> Item:
    (item,) = parse(json.dumps([post(**fields)]).encode(), content_type="application/json", url=HERE).items
    return item


def test_a_post_in_full() -> None:
    embedded = {
        "author": [{"name": "A. Author"}, {"code": "rest_user_invalid_id", "message": "Invalid user ID."}],
        "wp:term": [
            [{"name": "Weather", "taxonomy": "category"}, {"name": "Uncategorized", "taxonomy": "category"}],
            [{"name": "rain", "taxonomy": "post_tag"}, {"name": "x", "taxonomy": "language"}],
        ],
        "wp:featuredmedia": [
            {
                "source_url": "https://news.example/up/clouds.jpg",
                "alt_text": 'Clouds "low"',
                "caption": {"rendered": "<p>Over the river</p>"},
            }
        ],
    }
    assert one(_embedded=embedded) == Item(
        url="https://news.example/2027/rain/",
        title="Rain & sun",
        published="2027-03-01T08:15:00Z",
        updated="2027-03-01T09:00:00Z",
        guid="wordpress:7",
        summary="It rained.",
        content_html='<figure><img src="https://news.example/up/clouds.jpg" alt="Clouds &quot;low&quot;">'
        "<figcaption>Over the river</figcaption></figure>\n<p>It rained all day.</p>",
        authors=("A. Author",),
        tags=("Weather", "rain"),
        complete=True,
    )


def test_a_cover_that_stands_in_the_text_is_not_shown_twice() -> None:
    media = {"wp:featuredmedia": [{"source_url": "https://news.example/up/clouds.jpg"}]}
    text = '<p>Text</p><img src="https://news.example/up/clouds-1024x576.jpg">'
    assert one(_embedded=media, content={"rendered": text, "protected": False}).content_html == text


@pytest.mark.parametrize(
    ("content", "has_text"),
    [
        ({"rendered": "<p>x</p>", "protected": True}, False),
        ({"rendered": "", "protected": False}, False),
        ({"rendered": '<p>x</p><div class="pmpro_content_message">Members only</div>', "protected": False}, True),
        ({"rendered": '<p>x</p><div class="box leaky-paywall">Subscribe</div>', "protected": False}, True),
        ({"rendered": '<p>x <a class="more-link" href="/x">More</a></p>', "protected": False}, True),
        ({"rendered": "<p>It began so [&hellip;]</p>", "protected": False}, True),
        (None, False),
        ({"rendered": 7}, False),
    ],
)
def test_a_post_that_may_be_cut_is_not_called_complete(content: Any, has_text: bool) -> None:
    item = one(content=content)
    assert not item.complete
    assert (item.content_html is not None) is has_text


def test_what_refuses_says_why() -> None:
    for body, says in (
        (b'{"code":"rest_forbidden","message":"Only for <b>members</b>."}', "Only for members"),
        (b"<html>login</html>", "web page"),
        (b"[]", "no articles"),
        (b'[{"id":1}]', "something else"),
    ):
        with pytest.raises(NotUnderstood, match=says):
            parse(body, content_type="", url=HERE)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("https://n.example/wp-json/", "https://n.example/wp-json/wp/v2/posts?per_page=50&_embed="),
        ("https://n.example/api", "https://n.example/api/wp/v2/posts?per_page=50&_embed="),
        ("https://n.example/?rest_route=/", "https://n.example/?rest_route=/wp/v2/posts&per_page=50&_embed="),
        (
            "https://n.example/wp-json/wp/v2/posts?categories=5&per_page=10",
            "https://n.example/wp-json/wp/v2/posts?categories=5&per_page=10&_embed=",
        ),
        ("https://n.example/static/posts.json", "https://n.example/static/posts.json"),
    ],
)
def test_the_address_of_the_posts_is_made_of_the_interface_s(given: str, expected: str) -> None:
    assert posts(given).startswith(expected)


async def test_a_site_says_where_its_interface_is() -> None:
    async with world() as site, client() as guest:
        link = '<https://x.example/>; rel=shortlink, </en/api/>; rel="https://api.w.org/"'
        site.answers["/"] = reply(b"<html></html>", link=link)
        assert interface(await guest.get(site.url("/"), allow_private=True)) == site.url("/en/api/")
        site.answers["/"] = reply(b"<html></html>")
        assert interface(await guest.get(site.url("/"), allow_private=True)) is None
