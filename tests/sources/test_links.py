"""One article has one address, however a feed spells it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirror.links import MAX_URL, absolute, clean, is_home, outgoing, same_site

BASE = "https://example.org/news/2027/feed.xml?a=1"


@pytest.mark.parametrize(
    ("href", "expected"),
    [
        ("story", "https://example.org/news/2027/story"),
        ("/a/../b/./c", "https://example.org/b/c"),
        ("https://example.org//x", "https://example.org//x"),
        ("https://EXAMPLE.org:443/a/../b", "https://example.org/b"),
        ("HTTP://example.org:80", "http://example.org/"),
        ("http://example.org:8080/a#top", "http://example.org:8080/a"),
        ("//cdn.example.org./x", "https://cdn.example.org/x"),
        ("?id=7", "https://example.org/news/2027/feed.xml?id=7"),
        (
            "/новости/сегодня?q=да",
            "https://example.org/%D0%BD%D0%BE%D0%B2%D0%BE%D1%81%D1%82%D0%B8/%D1%81%D0%B5%D0%B3%D0%BE%D0%B4%D0%BD%D1%8F?q=%D0%B4%D0%B0",
        ),
        ("https://пример.рф/", "https://xn--e1afmkfd.xn--p1ai/"),
        ("  \n/a b\t", "https://example.org/a%20b"),
        ("/100%/%e2%82%ac", "https://example.org/100%25/%E2%82%AC"),
        ("http://[2001:DB8::1]:81/", "http://[2001:db8::1]:81/"),
    ],
)
def test_an_address_is_made_absolute_and_normal(href: str, expected: str) -> None:
    assert absolute(BASE, href) == expected
    assert absolute(BASE, expected) == expected


@pytest.mark.parametrize(
    "href",
    [
        *(None, "", "  ", "javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "mailto:a@example.org"),
        *("ftp://example.org/", "http://", "http:///x", "https://user:pw@example.org/", "https://user@example.org/"),
        *("java\nscript:alert(1)", " JavaScript:alert(1)", "https://", "http://https://a.example/x"),
        *("http://[::1", "http://a:b/", "http://example.org:99999/", "http://exa mple.org/"),
        *("http://a/" + "x" * MAX_URL, "http://" + "ё" * 90 + "/"),
    ],
)
def test_what_is_no_web_address_is_none(href: str | None) -> None:
    assert absolute(BASE, href) is None


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://a.org/x?utm_source=rss&id=7&fbclid=1", "https://a.org/x?id=7"),
        ("https://a.org/x?UTM_Medium=rss#frag", "https://a.org/x"),
        ("https://a.org/x?objectId=9&page=2&ref=main", "https://a.org/x?objectId=9&page=2&ref=main"),
        ("https://a.org/x?b=2&a=1", "https://a.org/x?b=2&a=1"),
        ("https://a.org/x?at_medium=RSS&at_campaign=rss", "https://a.org/x"),
        ("https://a.org/x?a=%D0%B4&&", "https://a.org/x?a=%D0%B4"),
        ("https://a.org/x?7", "https://a.org/x?7"),
        (
            "https://a.org/x?objectId=5&amp=1&vero_conv=z&guce_referrer_sig=y&share_token=w",
            "https://a.org/x?objectId=5&amp=1",
        ),
    ],
)
def test_only_tracking_parameters_are_dropped(url: str, expected: str) -> None:
    assert clean(url) == expected


@pytest.mark.parametrize(
    "spelling",
    [
        "https://example.org/story?id=7",
        "HTTPS://Example.org:443/news/../story?id=7&utm_medium=rss#top",
        "//example.org./story?fbclid=1&id=7",
        "/story?id=7&ref_src=feed",
    ],
)
def test_the_feed_and_the_page_name_one_article(spelling: str) -> None:
    made = absolute(BASE, spelling)
    assert made is not None
    assert clean(made) == "https://example.org/story?id=7"


def test_a_link_in_a_text_keeps_its_place_within_a_page() -> None:
    assert outgoing(BASE, "/law?utm_source=x#article-5") == "https://example.org/law#article-5"
    assert outgoing(BASE, "/law#:~:text=the%20end <b>") == "https://example.org/law#:~:text=the%20end%20%3Cb%3E"
    assert outgoing(BASE, "javascript:void(0)#x") is None


@pytest.mark.parametrize(
    ("url", "home"),
    [
        ("https://example.org", True),
        ("https://example.org/ru/", True),
        ("https://example.org/index.html", True),
        ("https://example.org/?p=7", False),
        ("https://example.org/ru/story", False),
    ],
)
def test_front_pages_are_told_from_articles(url: str, home: bool) -> None:
    assert is_home(url) is home


def test_a_site_is_its_host_and_what_is_below_it() -> None:
    assert same_site("https://www.example.org/a", "http://example.org/")
    assert same_site("https://feeds.example.org/a", "https://www.example.org/")
    assert not same_site("https://notexample.org/", "https://example.org/")
    assert not same_site("https://a.co.uk/", "https://b.co.uk/")
    assert same_site("http://127.0.0.1:80/", "http://127.0.0.1:8080/")
    assert not same_site("http://127.0.0.1/", "http://10.0.0.1/")


@given(st.text(max_size=60))
def test_making_it_normal_twice_changes_nothing(href: str) -> None:
    made = absolute(BASE, href)
    if made is not None:
        assert made.isascii()
        assert absolute("https://elsewhere.example/", made) == made
        assert absolute("https://elsewhere.example/", clean(made)) == clean(made)
