"""Rules for single sites."""


# ruff: noqa: E501

from __future__ import annotations

import pytest
from lxml import html

from mirror import outlets
from mirror.extract import extract
from tests.extract.made_up import PARAGRAPHS, article, lines, page, paragraphs, read


def test_every_file_of_the_folder_is_found_and_names_its_hosts() -> None:
    found = outlets.presets()
    assert "moscowtimes" in found
    for name, preset in found.items():
        assert name == preset.id
        assert preset.hosts
        for host in preset.hosts:
            assert host == host.lower().removeprefix("www.")
            assert preset in outlets.presets_for(f"https://www.{host}/x")
        assert [one.since for one in preset.rules] == sorted(one.since for one in preset.rules)
        for rules in preset.rules:
            for selector in (*rules.body, *rules.drop):
                outlets.select(html.fromstring("<p>x</p>"), selector)


@pytest.mark.parametrize(
    ("url", "known"),
    [
        ("https://www.themoscowtimes.com/x", "moscowtimes"),
        ("https://ru.themoscowtimes.com/x", "moscowtimes-ru"),
        ("https://nothemoscowtimes.com/x", None),
        ("https://themoscowtimes.com.evil.example/x", None),
        ("not an address", None),
    ],
)
def test_rules_count_for_a_host_and_those_below_it(url: str, known: str | None) -> None:
    assert [preset.id for preset in outlets.presets_for(url)[:1]] == ([known] if known else [])
    assert (outlets.rules_for(url) is not None) is (known is not None)


def test_of_dated_rules_those_count_that_held_when_the_page_was_captured() -> None:
    rules = (outlets.Rules(body=(".old",), since="2019-01-01"), outlets.Rules(body=(".new",), since="2024-06-01"))
    for captured, expected in {
        None: ".new",
        "2026-01-01T00:00:00Z": ".new",
        "2024-06-01T00:00:00Z": ".new",
        "2024-05-31T23:59:59Z": ".old",
    }.items():
        chosen = outlets.newest(rules, captured=captured)
        assert chosen is not None
        assert chosen.body == (expected,)
    assert outlets.newest(rules, captured="2018-12-31T00:00:00Z") is None
    body = f"<div class='old'>{paragraphs()}</div><div class='new'><p>{PARAGRAPHS[0]} And more words about the bridge.</p></div>"
    found = extract(page(body), url="https://news.example/a", rules=rules, captured="2020-01-01T00:00:00Z").article
    assert found is not None
    assert lines(found) == list(PARAGRAPHS)


def test_the_rules_of_a_site_decide_what_is_its_body() -> None:
    body = (
        "<div class='article__content'>"
        + "".join(f"<div class='article__block article__block--html'><p>{line}</p></div>" for line in PARAGRAPHS)
        + "<div class='article__block article__block--article'><p>Another article that one might like to read as well.</p></div></div>"
        "<div class='contribute-teaser'><p>Some words which the general rules would have to think about.</p></div>"
    )
    found = article(page(body), url="https://www.themoscowtimes.com/2027/03/01/bridge-a1")
    assert lines(found) == list(PARAGRAPHS)


def test_rules_that_find_nothing_leave_the_page_to_the_general_ones() -> None:
    found = article(page(paragraphs()), url="https://www.themoscowtimes.com/2027/03/01/bridge-a1")
    assert lines(found) == list(PARAGRAPHS)


@pytest.mark.parametrize("selector", ["p >", "p[", "a[href='x'] or 1", "", " ", "p::first-line", "a" * 501])
def test_what_is_no_selector_is_a_mistake(selector: str) -> None:
    with pytest.raises(ValueError, match="selector"):
        outlets.select(html.fromstring("<p>x</p>"), selector)


def test_selectors_select() -> None:
    tree = html.fromstring("<div><p id='a' class='x y'>1</p><section class='y'><p data-k='vw'>2</p></section></div>")
    for selector, expected in {
        "p": "12", ".x": "1", "#a": "1", ".y p": "2", "p.x.y": "1", "[data-k]": "2", "[data-k=vw]": "2", "p[data-k^=v]": "2", "div > p": "1", "p:not(.x)": "2", "section p:first-child": "2", "#a, .y p": "12", ".z": "",
    }.items():  # fmt: skip
        assert "".join(element.text or "" for element in outlets.select(tree, selector)) == expected


def test_selectors_of_the_configuration_come_before_all_rules() -> None:
    body = f"<div class='text'>{paragraphs()}</div><div class='more'><p>{PARAGRAPHS[0]} Once more, with words about it.</p></div>"
    found = article(page(body), keep=(".text",), drop=("p.none",))
    assert lines(found) == list(PARAGRAPHS)
    assert lines(article(page(body), drop=(".more",))) == list(PARAGRAPHS)
    refused = read(page(body), keep=("p >",))
    assert (refused.state, refused.article) == ("error", None)
    assert "p >" in refused.reason
