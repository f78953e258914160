"""Addresses: absolute, on the web, without what follows readers around."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirror.extract import urls

BASE = "https://news.example/2027/a?id=7"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("/x", "https://news.example/x"),
        ("//cdn.example/x", "https://cdn.example/x"),
        ("http://a.example/?id=5&utm_source=tg&utm_campaign=z&fbclid=1", "http://a.example/?id=5"),
        ("http://a.example/?objectId=5&amp=1", "http://a.example/?objectId=5&amp=1"),
        ("https://a.example/a b?q=я", "https://a.example/a%20b?q=я"),
        ("javascript:alert(1)", None),
        (" JavaScript:alert(1)", None),
        ("java\nscript:alert(1)", None),
        ("data:text/html,x", None),
        ("ftp://a.example/x", None),
        ("https://user:secret@a.example/", None),
        ("https://", None),
        ("http://https://a.example/x", None),
        ("http://[::1", None),
        ("http://a.example:99999/", None),
        ("https://a.example/" + "x" * 3000, None),
        (None, None),
    ],
)
def test_links_are_cleaned(url: str | None, expected: str | None) -> None:
    assert urls.clean(url, BASE) == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("HTTPS://News.Example:443/a#top", "https://news.example/a"),
        ("http://news.example:8080", "http://news.example:8080/"),
        ("http://[::1]:80/a?utm_medium=x", "http://[::1]/a"),
        ("https://news.example/a?b=2&a=1&ico=x", "https://news.example/a?b=2&a=1"),
    ],
)
def test_two_spellings_of_one_address_become_one(url: str, expected: str) -> None:
    assert urls.canonical(url) == expected


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://www.news.example/a", "https://news.example/b", True),
        ("https://amp.news.example/a", "https://news.example/b", True),
        ("https://a.co.uk/", "https://b.co.uk/", False),
        ("https://news.example/", "https://evil.example/", False),
        ("http://127.0.0.1:80/", "http://127.0.0.1:8080/", True),
        ("http://127.0.0.1/", "http://10.0.0.1/", False),
        ("https://news.example/", "javascript:x", False),
    ],
)
def test_sites_are_told_apart(one: str, other: str, same: bool) -> None:
    assert urls.same_site(one, other) is same


@given(st.text(max_size=120))
def test_whatever_stands_in_a_link_only_web_addresses_come_out(text: str) -> None:
    found = urls.clean(text, BASE)
    assert found is None or (found.startswith(("https://", "http://")) and " " not in found and "\n" not in found)
