"""The engine's quick way: when it is believed, and that the whole page is given to the whole engine when it is not."""

from __future__ import annotations

import re

import pytest
from lxml import etree

from mirror.extract import body, page

URL = "https://example.org/2026/11/23/a"


def sentence(number: int) -> str:
    return f"The {number}. paragraph tells of the harbour and {number * 7} ships that left it before the storm."


def paragraphs(first: int, last: int) -> str:
    return "".join(f"<p>{sentence(number)}</p>" for number in range(first, last))


def page_of(inner: str) -> str:
    menu = "".join(f'<li><a href="/{number}">Section {number}</a></li>' for number in range(20))
    return (
        f"<html><head><title>Ships</title></head><body><nav><ul>{menu}</ul></nav>{inner}"
        "<footer>All of it</footer></body></html>"
    )


ARTICLE = page_of(f'<div id="all"><h1>Ships</h1><div class="text">{paragraphs(1, 20)}</div></div>')


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[bool, int]]:
    """What the engine was asked: whether quickly, and how many elements it was given."""
    told: list[tuple[bool, int]] = []
    engine = body._trafilatura

    def look(tree: etree._Element, url: str, *, fast: bool = False) -> str:
        told.append((fast, sum(1 for _ in tree.iter())))
        return engine(tree, url, fast=fast)

    monkeypatch.setattr(body, "_trafilatura", look)
    return told


def text_in(source: str) -> str:
    root = page.parse(source)
    return body.article_text(root, page.flow(root), URL)


def saying(monkeypatch: pytest.MonkeyPatch, quickly: str, fully: str) -> list[bool]:
    """Lets the engine say these; returns the list of how it was asked."""
    told: list[bool] = []

    def say(tree: etree._Element, url: str, *, fast: bool = False) -> str:
        told.append(fast)
        return page.key_of(quickly if fast else fully)

    monkeypatch.setattr(body, "_trafilatura", say)
    return told


def words(numbers: range) -> str:
    return " ".join(sentence(number) for number in numbers)


def test_an_article_in_one_box_is_found_by_the_quick_way_alone(asked: list[tuple[bool, int]]) -> None:
    text = text_in(ARTICLE)
    assert page.key_of(words(range(1, 20))) in text
    assert [fast for fast, _ in asked] == [True]


def test_the_quick_way_is_given_the_box_of_the_headline_and_the_prose_only(asked: list[tuple[bool, int]]) -> None:
    root = page.parse(ARTICLE)
    prose = body._prose(page.flow(root))
    part = body._part(prose, root)
    assert part is not None
    assert part.get("id") == "all"
    text_in(ARTICLE)
    assert asked[0][1] < 30 < sum(1 for _ in root.iter())


def test_the_part_reaches_up_to_the_prose_of_two_columns() -> None:
    root = page.parse(page_of(f"<section><div>{paragraphs(1, 9)}</div><div>{paragraphs(9, 17)}</div></section>"))
    part = body._part(body._prose(page.flow(root)), root)
    assert part is not None
    assert part.tag == "section"


@pytest.mark.parametrize(
    "quickly",
    [
        pytest.param("", id="nothing"),
        pytest.param(words(range(1, 9)), id="less than half of the prose"),
        pytest.param(words(range(1, 9)) + words(range(11, 20)), id="a hole in the midst of the prose"),
        pytest.param(words(range(1, 20)) + words(range(100, 125)), id="mostly what is no prose of the page"),
        pytest.param(words(range(1, 3)), id="a short text"),
    ],
)
def test_what_is_not_to_be_believed_is_asked_again_of_the_whole_engine(
    monkeypatch: pytest.MonkeyPatch, quickly: str
) -> None:
    whole = words(range(1, 20))
    told = saying(monkeypatch, quickly, whole)
    assert text_in(ARTICLE) == page.key_of(whole)
    assert told == [True, False]


def test_most_of_the_prose_is_believed_when_nothing_beside_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    other = f'<div class="other"><div>{paragraphs(30, 40)}</div></div>'
    source = page_of(f'<div><h1>Ships</h1><div class="a"><div class="b">{paragraphs(1, 20)}</div></div>{other}</div>')
    told = saying(monkeypatch, words(range(1, 20)), "")
    assert text_in(source) == page.key_of(words(range(1, 20)))
    assert told == [True]


def test_a_short_article_is_believed_when_it_holds_all_prose(monkeypatch: pytest.MonkeyPatch) -> None:
    told = saying(monkeypatch, words(range(1, 6)), "")
    assert text_in(page_of(f"<div><h1>Ships</h1>{paragraphs(1, 6)}</div>")) == page.key_of(words(range(1, 6)))
    assert told == [True]


def test_next_to_no_prose_goes_to_the_whole_engine_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    told = saying(monkeypatch, "never asked", words(range(1, 3)))
    assert text_in(page_of(f"<div><h1>Ships</h1>{paragraphs(1, 3)}</div>")) == page.key_of(words(range(1, 3)))
    assert told == [False]


def test_a_short_text_is_looked_for_again_where_much_was_taken_out(monkeypatch: pytest.MonkeyPatch) -> None:
    hidden = f'<div hidden="hidden">{"<span>A long text that nobody sees.</span>" * 12}</div>'
    told = saying(monkeypatch, "", "A label")
    text_in(page_of(f"<div><h1>Ships</h1>{paragraphs(1, 7)}{hidden}</div>"))
    assert told == [True, False, False]


def test_the_lowest_box_is_found_in_a_deep_page() -> None:
    deep = "<div>" * 100 + paragraphs(1, 200) + "</div>" * 100
    runs = list(page.flow(page.parse(page_of(deep))).runs())
    box = body.common_box([run for run in runs if run.element.tag == "p"])
    assert box is not None
    assert box.find("p") is not None
    assert body.common_box([]) is None


def test_half_of_a_whole_page_is_not_believed_and_nearly_all_of_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    # without a box around the prose, the engine is given the whole page both ways
    loose = f"<html><head><title>Ships</title></head><body>{paragraphs(1, 41)}</body></html>"
    told = saying(monkeypatch, words(range(1, 24)), "the whole engine's")
    assert text_in(loose) == page.key_of("the whole engine's")
    assert told == [True, False]
    told.clear()
    told = saying(monkeypatch, words(range(1, 31)), "never asked")
    assert text_in(loose) == page.key_of(words(range(1, 31)))
    assert told == [True]


def test_marks_of_furniture_are_gone_afterwards_and_a_page_that_has_them_itself_loses_nothing() -> None:
    own = '<div data-tamizdat-furniture="1"><p>{}</p></div>'
    inner = "".join(own.format(sentence(number)) for number in range(1, 20))
    root = page.parse(page_of(f'<div id="all"><h1>Ships</h1>{inner}<div class="newsletter">Write to us</div></div>'))
    before = etree.tostring(root)
    text = body.article_text(root, page.flow(root), URL)
    assert all(page.key_of(sentence(number)) in text for number in range(1, 20))
    assert page.key_of("Write to us") not in text
    assert etree.tostring(root) == before


def test_space_at_the_ends_stays_one_space() -> None:
    assert [page.spaced(text) for text in ("", " \n", "a", "\ta  b\n", "a\u00a0 b", "\u202fa \u202f")] == [
        *("", " ", "a", " a b ", "a b", " a "),
    ]
    assert page.spaced("\u1820\u202f\u1821  \u1822") == "\u1820\u202f\u1821 \u1822"


@pytest.mark.parametrize("pattern", [page._CAPTION_CLASS])
def test_words_that_are_looked_for_first_are_in_all_that_the_pattern_finds(pattern: re.Pattern[str]) -> None:
    for names in (
        *("wp-caption-text", "Cutline", "bildunterschrift", "bildtext", "x legende", "image-meta", "image__info"),
        *("photo-credit", "photo_desc", "media-text", "figure_source", "featured-x-copyright", "mediainfo", "credits"),
        *("img-desc", "imgtext", "pic-info", "picture-lead"),
    ):
        assert pattern.search(names), names
        assert page._is_caption_class(names), names
    assert not page._is_caption_class("photo")
