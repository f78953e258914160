"""Rules for single sites."""


# ruff: noqa: E501

from __future__ import annotations

import pytest
from lxml import html

from mirror import outlets
from tests.extract.made_up import PARAGRAPHS, article, lines, page, paragraphs, read


def test_every_file_of_the_folder_is_found_and_names_its_hosts() -> None:
    found = outlets.registry()
    assert "themoscowtimes.com" in found
    for host, rules in found.items():
        assert host == host.lower().removeprefix("www.")
        for selector in (*rules.body, *rules.drop):
            outlets.select(html.fromstring("<p>x</p>"), selector)


@pytest.mark.parametrize(
    ("url", "known"),
    [
        ("https://www.themoscowtimes.com/x", True),
        ("https://ru.themoscowtimes.com/x", True),
        ("https://nothemoscowtimes.com/x", False),
        ("https://themoscowtimes.com.evil.example/x", False),
        ("not an address", False),
    ],
)
def test_rules_count_for_a_host_and_those_below_it(url: str, known: bool) -> None:
    assert (outlets.rules_for(url) is not None) is known


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


@pytest.mark.parametrize("selector", ["p > a", "p:first-child", "p[", "p + p", "a[href='x'] or 1", ""])
def test_selectors_outside_the_small_language_are_mistakes(selector: str) -> None:
    with pytest.raises(ValueError, match="selector"):
        outlets.select(html.fromstring("<p>x</p>"), selector)


def test_selectors_select() -> None:
    tree = html.fromstring("<div><p id='a' class='x y'>1</p><section class='y'><p data-k='vw'>2</p></section></div>")
    for selector, expected in {
        "p": "12", ".x": "1", "#a": "1", ".y p": "2", "p.x.y": "1", "[data-k]": "2", "[data-k=vw]": "2", "p[data-k^=v]": "2", "#a, .y p": "12", ".z": "",
    }.items():  # fmt: skip
        assert "".join(element.text or "" for element in outlets.select(tree, selector)) == expected


def test_selectors_of_the_configuration_come_before_all_rules() -> None:
    body = f"<div class='text'>{paragraphs()}</div><div class='more'><p>{PARAGRAPHS[0]} Once more, with words about it.</p></div>"
    found = article(page(body), keep=(".text",), drop=("p.none",))
    assert lines(found) == list(PARAGRAPHS)
    assert lines(article(page(body), drop=(".more",))) == list(PARAGRAPHS)
    refused = read(page(body), keep=("p > a",))
    assert (refused.state, refused.article) == ("error", None)
    assert "p > a" in refused.reason
