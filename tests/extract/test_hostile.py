"""Pages written to hurt: no crash, no hang, no half article."""

from __future__ import annotations

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mirror.extract.page import MAX_BYTES
from tests.extract.made_up import PARAGRAPHS, lines, page, paragraphs, read

WHOLE = page()
PATIENCE = 20.0  # CPU seconds on a busy machine; each of these takes well under five


@pytest.mark.parametrize(
    "body",
    [
        "<div>" * 100_000,
        "<b>" * 100_000 + "x",
        "<p>" * 200_000,
        "<ul><li>" * 50_000,
        "<table><tr><td>" * 30_000,
        "<blockquote>" * 300 + PARAGRAPHS[0],
        f"<div class='{'a' * 1_000_000}'>" + paragraphs() + "</div>",
        f"<div class='{'newsletter-' * 90_000}'>" + paragraphs() + "</div>",
        f"<div style='{'display:' * 100_000}'>" + paragraphs() + "</div>",
        "".join(f"<div a{number}=1>" for number in range(20_000)),
        f"<p {' '.join(f'a{number}=x' for number in range(50_000))}>{PARAGRAPHS[0]}</p>",
        "&lt;" * 500_000,
        "&#x200c;" * 300_000,
        "&" * 1_000_000,
        "a" * 3_000_000,
        "word " * 200_000,
        "<p>" + "<a href=/x>y</a>" * 18_000 + "</p>",
        "<br>" * 50_000,
        "<p>x</p>" * 50_000,
        "<img src=/a.jpg srcset='" + "b.jpg 1w, " * 50_000 + "'>" + paragraphs(),
        "<figure>" + "<img src=/a.jpg><span class=credit>x</span>" * 9_000 + "</figure>" + paragraphs(),
        ("<div class=photo><img src=/a.jpg>" + "word " * 500 + "</div>") * 2_000 + paragraphs(),
        "<p>x</p>" + "<b>y</b>" * 9_000 + "<noscript><img src=/a.jpg></noscript>" * 9_000 + paragraphs(),
        "<div class=carousel>" * 200 + "<img src=/a.jpg><p class=caption>c</p>" * 5_000 + paragraphs(),
        "<figure>" * 250 + "<img src=/a.jpg>" + paragraphs(),
        "<script type='application/ld+json'>" + "[" * 200_000 + "</script>" + paragraphs(),
        "<script type='application/ld+json'>" + '{"@graph":' * 20_000 + "</script>" + paragraphs(),
        "<![CDATA[" * 10_000,
        "<!ENTITY lol 'lol'>" * 1000 + paragraphs(),
        "<!--" * 100_000,
        "\x00" * 100_000 + paragraphs(),
        "\ud7ff\ufffe\uffff" * 1000 + paragraphs(),
        "By " * 100_000,
        "( " * 100_000,
        "© " * 80_000,
    ],
    ids=lambda body: body[:24].encode("unicode_escape").decode(),
)
def test_a_hostile_page_is_read_or_refused_in_time(body: str) -> None:
    begun = time.process_time()
    found = read(page(body, title="A page that means no good"))
    assert time.process_time() - begun < PATIENCE
    assert found.state in ("ok", "challenge", "consent", "paywall", "gone", "index", "script-only", "error")
    assert (found.article is None) or found.state in ("ok", "paywall")


def test_links_in_a_tower_of_boxes_are_not_read_once_for_each_box() -> None:
    links = "<a href=/x>word word</a> "
    found = read(page("<div>" * 200 + paragraphs() + links * 18_000))
    assert (found.state, found.article) == ("error", None)
    assert read(page("<div>" * 200 + paragraphs() + links * 50)).state == "ok"


def test_too_many_bytes_are_refused_before_anything_is_parsed() -> None:
    found = read(b"<p>" + b"x" * MAX_BYTES)
    assert found.state == "error"
    assert str(MAX_BYTES) in found.reason


def test_an_article_that_is_nested_too_deep_is_refused_rather_than_cut() -> None:
    found = read(page(paragraphs(PARAGRAPHS[:4]) + "<div>" * 400 + f"<p>{PARAGRAPHS[4]}</p>"))
    assert found.state == "error"
    assert "too deep" in found.reason


def test_null_characters_do_not_end_the_page() -> None:
    found = read(WHOLE.replace(b"<p>Several", b"<p>\x00Sev\x00eral"))
    assert found.article is not None
    assert lines(found.article) == list(PARAGRAPHS)


@pytest.mark.parametrize(
    "entity",
    ["&nosuch;", "&#0;", "&#xD800;", "&#99999999999;", "&amp;lt;script&amp;gt;", "&lt;script&gt;x&lt;/script&gt;"],
)
def test_odd_entities_are_text_at_most(entity: str) -> None:
    found = read(page(f"<p>{PARAGRAPHS[0]} {entity}</p>" + paragraphs(PARAGRAPHS[1:])))
    assert found.article is not None
    assert lines(found.article)[0].startswith(PARAGRAPHS[0])
    repr(found.article).encode("utf-8")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.binary(max_size=6)), max_size=30), st.integers(0, len(WHOLE))
)
def test_no_damage_to_a_page_raises(changes: list[tuple[int, bytes]], cut: int) -> None:
    data = bytearray(WHOLE)
    for place, value in changes:
        data[place : place + len(value)] = value
    read(bytes(data[:cut]))


@settings(max_examples=60, deadline=None)
@given(
    st.binary(max_size=400),
    st.sampled_from([None, "text/html", "text/html; charset=utf-16", "text/html; charset=nonsense"]),
)
def test_no_bytes_whatever_raise(data: bytes, kind: str | None) -> None:
    found = read(data, content_type=kind)
    assert found.state != "ok"
