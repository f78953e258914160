"""Title, times, authors and the rest."""


# ruff: noqa: E501

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirror.extract import language, people, times
from tests.extract.made_up import ARABIC, CHINESE, PARAGRAPHS, PERSIAN, RUSSIAN, TITLE, article, lines, page, paragraphs


def linked(**values: object) -> str:
    data = {"@context": "https://schema.org", "@type": "NewsArticle", **values}
    return f"<script type='application/ld+json'>{json.dumps(data)}</script>"


def test_the_title_is_the_heading_closest_to_what_the_page_calls_itself() -> None:
    around = "<h1>The Example</h1><article><h1>{title}</h1>{body}</article><aside><h1>Something else</h1></aside>"
    assert article(page(around=around)).title == TITLE


def test_a_kicker_in_the_heading_is_not_part_of_the_title() -> None:
    around = "<article><h1><span>Traffic</span> {title}</h1>{body}</article>"
    assert article(page(around=around, head=linked(headline=TITLE))).title == TITLE


def test_without_a_heading_the_title_loses_the_name_of_the_site() -> None:
    data = page(around="<article>{body}</article>").replace(b"<meta property='og:title'", b"<meta property='x'")
    assert article(data).title == TITLE


def test_a_page_without_any_title_takes_the_one_from_the_feed() -> None:
    @dataclass
    class Item:
        title: str | None = "The title in the feed"
        published: str | None = "Mon, 01 Mar 2027 08:00:00 +0100"

    data = f"<html><body><div>{paragraphs()}</div></body></html>".encode()
    found = article(data, item=Item())
    assert found.title == "The title in the feed"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2027-03-01T09:15:00+01:00", "2027-03-01T08:15:00Z"),
        ("2027-03-01T09:15:00.123Z", "2027-03-01T09:15:00Z"),
        ("2027-03-01 09:15", "2027-03-01T09:15:00Z"),
        ("2027-03-01 09:15:30 +0330", "2027-03-01T05:45:30Z"),
        ("20270301", "2027-03-01T00:00:00Z"),
        ("2027-03-01T00:30:00 MSK", "2027-02-28T21:30:00Z"),
        ("Mon, 01 Mar 2027 08:00:00 +0100", "2027-03-01T07:00:00Z"),
        ("1803888000", "2027-03-01T08:00:00Z"),
        ("1803888000123", "2027-03-01T08:00:00Z"),
        ("2027-13-01", None),
        ("2027-02-30", None),
        ("1970-01-01", None),
        ("0001-01-01T00:00:00Z", None),
        ("yesterday", None),
        ("", None),
        (None, None),
    ],
)
def test_times_are_read_in_many_forms_and_written_in_one(text: str | None, expected: str | None) -> None:
    assert times.stamp(text) == expected


@given(st.text(max_size=80))
def test_no_text_whatever_breaks_the_reading_of_times(text: str) -> None:
    found = times.stamp(text)
    assert found is None or len(found) == 20


def test_the_data_of_the_page_decides_when_it_was_published_and_changed() -> None:
    head = linked(headline=TITLE, datePublished="2027-03-01T10:00:00+03:00", dateModified="2027-03-02T10:00:00+03:00")
    found = article(page(head=head))
    assert (found.published, found.modified) == ("2027-03-01T07:00:00Z", "2027-03-02T07:00:00Z")
    same = article(page(head=linked(headline=TITLE, datePublished="2027-03-01", dateModified="2027-03-01")))
    assert same.modified is None


def test_a_time_element_after_the_title_is_used_when_nothing_else_is_there() -> None:
    around = "<article><h1>{title}</h1><time datetime='2027-03-01T06:00:00Z'>1 March</time>{body}</article>"
    data = page(around=around).replace(b"article:published_time", b"x")
    assert article(data).published == "2027-03-01T06:00:00Z"


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["By Ilse Marn"], ("Ilse Marn",)),
        (["Ilse Marn and Piet van der Berg"], ("Ilse Marn", "Piet van der Berg")),
        (["Von Ilse Marn, Piet Holm"], ("Ilse Marn", "Piet Holm")),
        (["Автор: Анна Северова"], ("Анна Северова",)),
        (["The Example"], ()),
        (["news.example"], ()),
        (["Reuters"], ("Reuters",)),
        (["Ilse Marn, AFP"], ("Ilse Marn", "AFP")),
        (["Ilse Marn, Senior Correspondent"], ("Ilse Marn",)),
        (["ilse@news.example"], ()),
        (["https://news.example/authors/ilse"], ()),
        (["admin"], ()),
        (["Staff"], ()),
        (["ILSE MARN"], ("Ilse Marn",)),
        (["Ilse Marn", "Ilse  Marn"], ("Ilse Marn",)),
        (["<b>x</b>"], ()),
        (["a" * 500], ()),
    ],
)
def test_authors_are_people(names: list[str], expected: tuple[str, ...]) -> None:
    assert people.clean_names(names, {"theexample", "newsexample"}) == expected


def test_the_publication_is_an_author_only_where_its_data_says_so_and_nobody_else_signed() -> None:
    assert article(page(head="<meta name='author' content='The Example'>")).authors == ()
    own = {"@type": "Organization", "name": "The Example"}
    assert article(page(head=linked(headline=TITLE, author=own))).authors == ("The Example",)
    assert article(page(head=linked(headline=TITLE, author=[own, {"name": "Ilse Marn"}]))).authors == ("Ilse Marn",)
    around = "<article><h1>{title}</h1><p>By Ilse Marn</p>{body}</article>"
    assert article(page(around=around, head=linked(headline=TITLE, author=own))).authors == ("Ilse Marn",)
    people = linked(
        headline=TITLE, author=[{"@type": "Person", "name": "Ilse Marn"}, {"@type": "Person", "name": "Piet Holm"}]
    )
    assert article(page(head=people)).authors == ("Ilse Marn", "Piet Holm")


def test_section_tags_and_lead() -> None:
    head = (
        "<meta property='article:section' content='Town'><meta property='article:tag' content='bridges'>"
        "<meta property='article:tag' content='Sorn'><meta name='description' content='After two years the town is one again.'>"
    )
    found = article(page(head=head))
    assert (found.section, found.tags, found.lead) == (
        "Town",
        ("bridges", "Sorn"),
        "After two years the town is one again.",
    )


def test_a_standfirst_is_the_lead_and_not_the_first_paragraph() -> None:
    around = "<article><header><h1>{title}</h1><h2 class='subtitle'>After two years the town is one town again.</h2></header>{body}</article>"
    found = article(page(around=around))
    assert found.lead == "After two years the town is one town again."
    assert lines(found) == list(PARAGRAPHS)


def test_a_description_that_only_repeats_the_beginning_is_no_lead() -> None:
    head = f"<meta name='description' content='{PARAGRAPHS[0][:100]}…'>"
    found = article(page(head=head))
    assert found.lead is None
    assert lines(found) == list(PARAGRAPHS)


@pytest.mark.parametrize(
    "broken",
    [
        "{",
        "[[[[",
        "null",
        '"x"',
        "{}",
        '{"@graph": 7}',
        '{"@type": ["NewsArticle"], "author": 3, "image": [[]]}',
        "[" * 5000,
    ],
)
def test_broken_data_in_the_page_is_passed_over(broken: str) -> None:
    found = article(page(head=f"<script type='application/ld+json'>{broken}</script>"))
    assert found.title == TITLE


def test_the_data_of_another_article_on_the_page_is_not_taken() -> None:
    other = linked(headline="The owl is back", url="https://news.example/owl", datePublished="2020-01-01")
    own = linked(
        headline=TITLE, url="https://news.example/2027/03/01/bridge-reopens", datePublished="2027-03-01T07:00:00Z"
    )
    assert article(page(head=other + own)).published == "2027-03-01T07:00:00Z"


@pytest.mark.parametrize(
    ("texts", "claimed", "expected"),
    [
        (RUSSIAN, "en", "ru"),
        (PERSIAN, "en", "fa"),
        (ARABIC, "en-US", "ar"),
        (CHINESE, "en", "zh-Hans"),
        (PARAGRAPHS, "ru", "en"),
        (PERSIAN, "ar", "fa"),
        (PARAGRAPHS, "en-GB", "en"),
        (CHINESE, "zh-Hant-TW", "zh-Hans"),
    ],
)
def test_the_claimed_language_holds_unless_the_letters_deny_it(
    texts: tuple[str, ...], claimed: str, expected: str
) -> None:
    assert article(page(paragraphs(texts), lang=claimed, title=texts[0][:40])).language == expected


def test_the_configured_language_counts_when_the_page_claims_none() -> None:
    data = page(paragraphs(PERSIAN), title=PERSIAN[0][:40]).replace(b"<html lang='en'>", b"<html>")
    assert article(data, language="fa").language == "fa"


@pytest.mark.parametrize(
    ("claim", "expected"),
    [
        ("en_US", "en"),
        ("fa-IR", "fa"),
        ("zh-CN", "zh-Hans"),
        ("iw", "he"),
        ("x", None),
        ("", None),
        ("<script>", None),
        ("und", None),
    ],
)
def test_language_tags_are_tidied(claim: str, expected: str | None) -> None:
    assert language.tag_of(claim) == expected
