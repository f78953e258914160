"""Title, times, authors and the rest."""


# ruff: noqa: E501

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirror.extract import bylines, declared, language, metadata, moments, nearby, times
from mirror.extract.metadata import Metadata
from mirror.extract.names import clean_names, is_own
from mirror.extract.page import parse
from tests.extract.made_up import (
    ARABIC,
    CHINESE,
    PARAGRAPHS,
    PERSIAN,
    RUSSIAN,
    TITLE,
    URL,
    article,
    lines,
    page,
    paragraphs,
    read,
)


def linked(**values: object) -> str:
    data = {"@context": "https://schema.org", "@type": "NewsArticle", **values}
    return f"<script type='application/ld+json'>{json.dumps(data)}</script>"


def said(body: str = "", head: str = "", *, url: str = URL, title: str = f"{TITLE} - The Example") -> Metadata:
    """What a page without any declaration but these says of itself."""
    return metadata.read(parse(f"<html><head><title>{title}</title>{head}</head><body>{body}</body></html>"), url)


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
    assert moments.stamp(text) == expected


@given(st.text(max_size=80))
def test_no_text_whatever_breaks_the_reading_of_times(text: str) -> None:
    found = moments.stamp(text)
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
    assert clean_names(names, {"theexample", "newsexample"}) == expected


def test_the_publication_is_an_author_only_where_its_data_says_so_and_nobody_else_signed() -> None:
    meta = "<meta name='author' content='The Example'><meta property='og:site_name' content='The Example'>"
    assert article(page(head=meta)).authors == ("The Example",)
    signed = "<article><h1>{title}</h1><div class='author-info'><img src='i.png'><b>Ilse Marn</b></div>{body}</article>"
    assert article(page(around=signed, head=meta)).authors == ("Ilse Marn",)
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


# What stands in the head.


@pytest.mark.parametrize(
    "script",
    [
        '{"@type": "NewsArticle", "headline": "Open again", "datePublished": "2027-03-01", "author": {"name": "Ilse Marn"}}',
        '[{"@type": "WebSite"}, {"@type": ["Thing", "ReportageNewsArticle"], "headline": "Open again", "datePublished": "2027-03-01", "author": "Ilse Marn"}]',
        '{"@graph": [{"@type": "http://schema.org/BlogPosting", "headline": "Open again", "datePublished": "2027-03-01", "author": {"@id": "#p"}}, {"@type": "Person", "@id": "#p", "name": "Ilse Marn"}]}',
        '{"@type": "WebPage", "mainEntity": {"@type": "LiveBlogPosting", "headline": "Open again", "datePublished": "2027-03-01", "author": [{"givenName": "Ilse", "familyName": "Marn"}]}}',
        '{"@type": "NewsArticle", "headline": "Open again", "datePublished": "2027-03-01", "author": ["Ilse Marn",],}',
        '{"@type": "NewsArticle", /* for "them" */ "headline": "Open again", // and so on\n "datePublished": "2027-03-01", "author": "Ilse Marn"}',
        '{"@type": "NewsArticle", "headline": "Open again", "description": "He said "yes", and\nleft\\! ", "datePublished": "2027-03-01", "author": "Ilse Marn"}',
        '{"@type": "BreadcrumbList"} {"@type": "NewsArticle", "headline": "Open again", "datePublished": "2027-03-01", "author": "Ilse Marn"}',
        '//<![CDATA[\n{"@type": "NewsArticle", "headline": "Open again", "datePublished": "2027-03-01", "author": "Ilse Marn"}\n//]]>',
        '<!-- {"@type": "NewsArticle", "headline": "Open again", "datePublished": "2027-03-01", "author": "Ilse Marn"}; -->',
        "{&quot;@type&quot;: &quot;NewsArticle&quot;,, &quot;headline&quot;: &quot;Open again&quot;, &quot;datePublished&quot;: &quot;2027-03-01&quot;, &quot;author&quot;: &quot;Ilse Marn&quot;}",
    ],
)
def test_json_ld_is_read_as_sites_write_it(script: str) -> None:
    found = said(head=f'<script type="application/ld+json">{script}</script>', title="")
    assert (found.title, found.published, found.authors) == ("Open again", "2027-03-01T00:00:00Z", ("Ilse Marn",))


def test_data_that_is_cut_off_still_tells_title_and_date() -> None:
    script = '{"@type": "NewsArticle", "headline": "Open \\"again\\"", "datePublished": "2027-03-01", "articleBody": "It was {'
    found = said(head=f"<script type='application/ld+json'>{script}</script>", title="")
    assert (found.title, found.published) == ('Open "again"', "2027-03-01T00:00:00Z")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_mending_changes_nothing_in_what_is_json_already(value: object) -> None:
    ends = ('"', ":", ",", "}", "]", "/")
    texts = json.dumps(value)
    if not any(f'\\"{end}' in texts.replace(" ", "") for end in ends):  # a quoted mark that could end a string, too
        assert json.loads(declared.mend(texts)) == value


@given(st.text(alphabet='{}[]",:/*\\ a1\n', max_size=60))
def test_no_text_whatever_breaks_the_reading_of_data(text: str) -> None:
    assert isinstance(declared.values_in(text), list)


@pytest.mark.parametrize(
    "script",
    [
        "[" * 100_000,
        '{"a":' * 50_000,
        "[" * 900 + "]" * 900,
        '"' * 100_000,
        "[1" + "," * 100_000 + "x]",
        "/*" * 50_000,
        '{"a": "' + "\\" * 99_999,
        '{"@type": ' + "[" * 900 + "]" * 900 + ', "headline": "x"}',
        '{"@type": "NewsArticle", "headline": ' + "9" * 20_000 + "}",
        '{"@type": "NewsArticle", "headline": "x", "author": [' + ",".join(["{}"] * 50_000) + "]}",
        " " * 2**20 + "{}",
    ],
)
def test_bombs_in_the_data_are_passed_over(script: str) -> None:
    found = said(f"<h1>{TITLE}</h1>", f"<script type='application/ld+json'>{script}</script>")
    assert found.title == TITLE


def test_microdata_and_rdfa_are_read_where_there_is_no_json_ld() -> None:
    micro = (
        "<div itemscope itemtype='https://schema.org/NewsArticle'><h1 itemprop='headline'>Open again</h1>"
        "<meta itemprop='dateModified' content='2027-03-02T08:00:00Z'>"
        "<span itemprop='author' itemscope itemtype='https://schema.org/Person'><b itemprop='name'>Ilse Marn</b></span>"
        "<span itemprop='author' itemscope itemtype='https://schema.org/Person'><b itemprop='name'>Piet Holm</b></span>"
        "<time itemprop='datePublished' datetime='2027-03-01T08:00:00+01:00'>1 March</time></div>"
        "<div itemscope itemtype='https://schema.org/Comment'><span itemprop='author'>A Reader</span></div>"
    )
    found = said(micro, title="")
    assert (found.title, found.published, found.modified) == (
        "Open again",
        "2027-03-01T07:00:00Z",
        "2027-03-02T08:00:00Z",
    )
    assert found.authors == ("Ilse Marn", "Piet Holm")
    rdfa = (
        "<article typeof='schema:Article'><span property='schema:name' content='Open again'></span>"
        "<span property='schema:datePublished' content='2027-03-01T07:00:00Z'>1 March</span>"
        "<span property='schema:author' typeof='schema:Person'><i property='schema:name'>Ilse Marn</i></span></article>"
    )
    found = said(rdfa, title="")
    assert (found.published, found.authors) == ("2027-03-01T07:00:00Z", ("Ilse Marn",))


@pytest.mark.parametrize(
    ("canonical", "believed"),
    [
        ("/2027/03/01/bridge-reopens-at-last?utm_source=x", "https://news.example/2027/03/01/bridge-reopens-at-last"),
        ("https://www.news.example/a-b-c", "https://www.news.example/a-b-c"),
        ("https://other.example/2027/03/01/bridge-reopens", None),
        ("https://news.example/", None),
        ("/en", None),
        ("/404.html", None),
        ("/error", None),
        ("/not-found/", None),
        ("javascript:alert(1)", None),
    ],
)
def test_a_canonical_address_is_believed_within_the_site_and_for_an_article(
    canonical: str, believed: str | None
) -> None:
    assert said(head=f"<link rel='canonical' href='{canonical}'>").canonical == believed


def test_the_list_that_an_article_is_in_is_not_its_address() -> None:
    head = "<link rel='canonical' href='/news/'><meta property='og:url' content='/news/2027/bridge'>"
    assert (
        said(head=head, url="https://news.example/news/2027/bridge").canonical
        == "https://news.example/news/2027/bridge"
    )


@pytest.mark.parametrize(
    ("head", "free"),
    [
        (linked(headline="x", isAccessibleForFree=False), False),
        (linked(headline="x", isAccessibleForFree="http://schema.org/False"), False),
        (linked(headline="x", isAccessibleForFree="true"), True),
        ("<meta property='article:content_tier' content='locked'>", False),
        ("<meta property='article:content_tier' content='free'>", True),
        ("<meta property='article:content_tier' content='metered'>", None),
        ("", None),
    ],
)
def test_a_page_says_whether_it_is_free(head: str, free: bool | None) -> None:
    assert said(head=head).free is free


def test_sections_and_tags_come_from_wherever_they_are_named() -> None:
    found = said(
        head=linked(
            headline="x", articleSection=["Town", "News"], keywords=[{"name": "bridges"}, "Sorn, river", "#river"]
        )
    )
    assert (found.section, found.tags) == ("Town", ("bridges", "Sorn", "river"))
    found = said("<a rel='tag' href='/t/1'>Bridges</a>", "<meta name='parsely-section' content='Town'>")
    assert (found.section, found.tags) == ("Town", ("Bridges",))
    assert said(head="<meta property='article:section' content='https://news.example/town'>").section is None


# Times.


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("۱۵ اردیبهشت ۱۴۰۳", "2024-05-04T00:00:00Z"),
        ("دوشنبه ۱۵ اردیبهشت ۱۴۰۳ - ۱۰:۳۰", "2024-05-04T10:30:00Z"),
        ("1403/02/15", "2024-05-04T00:00:00Z"),
        ("30 اسفند 1399", "2021-03-20T00:00:00Z"),
        ("30/12/1403", None),
        ("۲۵ ژوئن ۲۰۲۴", "2024-06-25T00:00:00Z"),
        ("٥ كانون الأول ٢٠٢٤", "2024-12-05T00:00:00Z"),
        ("5 آذار/مارس 2024", "2024-03-05T00:00:00Z"),
        ("12 ноября 2024, 10:30 МСК", "2024-11-12T07:30:00Z"),
        ("3 липня 2024 року", "2024-07-03T00:00:00Z"),
        ("2005年07月31日 19:24", "2005-07-31T19:24:00Z"),
        ("2024년 5월 3일", "2024-05-03T00:00:00Z"),
        ("March 1, 2027 9:15 pm", "2027-03-01T21:15:00Z"),
        ("Nov. 5th, 2024 7:05 a.m. EST", "2024-11-05T12:05:00Z"),
        ("1er mars 2027", "2027-03-01T00:00:00Z"),
        ("18 de novembro de 2024 às 10h", "2024-11-18T10:00:00Z"),
        ("28. April 2023, 10:00 (UTC+3)", "2023-04-28T07:00:00Z"),
        ("28.04.2023", "2023-04-28T00:00:00Z"),
        ("25/12/2027", "2027-12-25T00:00:00Z"),
        ("12/25/2027", "2027-12-25T00:00:00Z"),
        ("3/4/2027", None),
        ("31 February 2027", None),
        ("5 sandwiches 2027", None),
    ],
)
def test_dates_are_read_as_people_write_them(text: str, expected: str | None) -> None:
    found = moments.written(text)
    assert (str(found) if found else None) == expected


@pytest.mark.parametrize(
    ("jalali", "expected"),
    [
        ((1403, 1, 1), "2024-03-20"),
        ((1404, 1, 1), "2025-03-21"),
        ((1399, 12, 30), "2021-03-20"),
        ((1375, 12, 30), "1997-03-20"),
    ],
)
def test_the_persian_calendar_has_its_leap_years(jalali: tuple[int, int, int], expected: str) -> None:
    assert moments.from_jalali(*jalali).isoformat() == expected


def test_days_that_the_persian_calendar_does_not_have_are_refused() -> None:
    for day in ((1403, 13, 1), (1403, 7, 31), (1402, 12, 30), (1403, 1, 0)):
        with pytest.raises(ValueError, match="no day"):
            moments.from_jalali(*day)


ARTICLE_TIME = "<meta property='article:published_time' content='2027-03-01T10:00:00+03:00'>"


def test_each_declaration_of_the_date_is_believed_before_the_next() -> None:
    body = f"<h1>{TITLE}</h1><p>1 May 2027</p>"
    assert said(body).published == "2027-05-01T00:00:00Z"
    body = f"<h1>{TITLE}</h1><time datetime='2027-04-01'>then</time><p>1 May 2027</p>"
    assert said(body).published == "2027-04-01T00:00:00Z"
    micro = f"<div itemscope itemtype='//schema.org/Article'><meta itemprop='headline' content='x'>{body}<i itemprop='datePublished'>2027-03-20</i></div>"
    assert said(micro).published == "2027-03-20T00:00:00Z"
    assert said(micro, ARTICLE_TIME).published == "2027-03-01T07:00:00Z"
    assert (
        said(micro, ARTICLE_TIME + linked(headline=TITLE, datePublished="2027-02-01T08:00:00Z")).published
        == "2027-02-01T08:00:00Z"
    )


def test_when_a_page_was_changed_is_not_when_it_was_published() -> None:
    body = f"<h1>{TITLE}</h1><p class=updated>Updated <time datetime='2027-03-05T08:00Z'>5 March</time></p><time datetime='2027-02-02'>another article</time>"
    assert said(body).published is None
    found = said(f"<h1>{TITLE}</h1><p>Обновлено: 5 марта 2027</p><p>1 марта 2027</p>")
    assert (found.published, found.modified) == ("2027-03-01T00:00:00Z", "2027-03-05T00:00:00Z")
    assert said(head="<meta property='og:updated_time' content='2027-03-05'>").published is None
    twice = linked(headline="x", datePublished="2027-03-05T08:00:00Z", dateModified="2027-03-05T08:00:00Z")
    found = said(head=twice + ARTICLE_TIME)
    assert (found.published, found.modified) == ("2027-03-01T07:00:00Z", "2027-03-05T08:00:00Z")


def test_a_date_without_time_or_zone_takes_them_from_where_they_are_given() -> None:
    assert (
        said(head=linked(headline="x", datePublished="2027-03-01") + ARTICLE_TIME).published == "2027-03-01T07:00:00Z"
    )
    assert (
        said(head=linked(headline="x", datePublished="2027-03-01T10:00:00") + ARTICLE_TIME).published
        == "2027-03-01T07:00:00Z"
    )
    assert (
        said(head=linked(headline="x", datePublished="2027-03-01T11:00:00") + ARTICLE_TIME).published
        == "2027-03-01T11:00:00Z"
    )


def test_a_caption_with_a_date_is_not_the_date_of_the_article() -> None:
    body = f"<h1>{TITLE}</h1><p>Workers at the second pillar of the bridge in the old town of Sorn, 24 April 2026</p><ul><li><b>Datum</b> 01.03.2027</li></ul>"
    assert said(body).published == "2027-03-01T00:00:00Z"


def test_the_feed_has_the_time_where_the_page_has_only_the_day() -> None:
    assert times.agreed(None, "Mon, 01 Mar 2027 08:00:00 +0100") == "2027-03-01T07:00:00Z"
    assert times.agreed("2027-03-01T00:00:00Z", "Mon, 01 Mar 2027 08:00:00 +0100") == "2027-03-01T07:00:00Z"
    assert times.agreed("2027-03-01T09:00:00Z", "Mon, 01 Mar 2027 08:00:00 +0100") == "2027-03-01T09:00:00Z"
    assert times.agreed("2027-02-01T00:00:00Z", "Mon, 01 Mar 2027 08:00:00 +0100") == "2027-02-01T00:00:00Z"
    assert times.agreed("2027-02-01T00:00:00Z", None) == "2027-02-01T00:00:00Z"


# Titles.


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("大桥两年之后周一上午重新通车_时政_新闻网", "大桥两年之后周一上午重新通车"),
        ("大桥两年之后周一上午重新通车--新闻网", "大桥两年之后周一上午重新通车"),
        ("The bridge is open again after two years | World | The Example", "The bridge is open again after two years"),
        ("The bridge is open again – The Example", "The bridge is open again"),
        ("Bridge: open again - and how", "Bridge: open again - and how"),
    ],
)
def test_titles_lose_the_site_and_the_section_behind_them(title: str, expected: str) -> None:
    site = "" if "大" in title else "<meta property='og:site_name' content='The Example'>"
    assert said("<p>x</p>", site, title=title).title == expected


def test_the_name_of_the_site_in_a_heading_is_no_title() -> None:
    found = said("<h1>新闻网</h1><h2>大桥两年之后周一上午重新通车</h2>", title="大桥两年之后周一上午重新通车 新闻网")
    assert (found.title or "").startswith("大桥两年之后周一上午重新通车")


def test_a_kicker_in_a_box_of_its_own_is_not_part_of_the_title() -> None:
    body = f"<h1><span class='title__overline'>In the town</span> - <span>{TITLE}</span></h1>"
    og = f"<meta property='og:title' content='The Sorn: {TITLE}'>"
    assert said(body, og, title="x").title == TITLE
    # a title that the data has whole, and that no box parts, stays whole
    head = linked(headline=f"Rivers: {TITLE}") + f"<meta property='og:title' content='{TITLE}'>"
    assert said(f"<h1>Rivers: {TITLE}</h1>", head).title == f"Rivers: {TITLE}"


def test_a_heading_for_search_engines_gives_way_to_the_one_that_is_shown() -> None:
    body = f"<h1>Sorn bridge 2027: reopening, lorries, costs</h1><h2>In the town {TITLE}</h2><p>x</p>"
    head = f"<meta property='og:title' content='{TITLE}'>" + linked(
        headline="Sorn bridge 2027: reopening, lorries, costs"
    )
    assert said(body, head, title="Sorn bridge 2027: reopening, lorries, costs").title == TITLE


# Authors.


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("By Ilse Marn", ("Ilse Marn",)),
        ("By<br><a href='/ilse'>Ilse Marn</a>", ("Ilse Marn",)),
        ("Von Ilse Marn und Piet van der Berg", ("Ilse Marn", "Piet van der Berg")),
        ("Par Ilse Marn", ("Ilse Marn",)),
        ("por Ilse Marn | 1 marzo 2027", ("Ilse Marn",)),
        ("Автор: Анна Северова", ("Анна Северова",)),
        ("نویسنده: مریم رودکی", ("مریم رودکی",)),
        ("作者：孙大桥 来源：新闻网", ("孙大桥",)),
        ("新闻网记者 王大桥 张小河", ("王大桥", "张小河")),
        ("(记者 王大桥)", ("王大桥",)),
        ("By Reuters", ("Reuters",)),
        ("By the river we sat down and waited", ()),
        ("Von Montag an ist die Brücke wieder offen", ()),
        ("By The Example", ()),
        ("记者近日了解到", ()),
    ],
)
def test_a_by_line_that_people_read_names_the_author(line: str, expected: tuple[str, ...]) -> None:
    found = said(
        f"<h1>{TITLE}</h1><p>{line}</p><p>{PARAGRAPHS[0]}</p>", "<meta property='og:site_name' content='The Example'>"
    )
    assert found.authors == expected


def test_a_label_with_a_name_elsewhere_on_the_page_will_do() -> None:
    assert said(f"<h1>{TITLE}</h1>{paragraphs()}<ul><li><b>Autorin/Autor</b> Ilse Marn</li></ul>").authors == (
        "Ilse Marn",
    )


def test_marked_authors_of_other_articles_are_not_this_ones() -> None:
    others = "".join(
        f"<div><h3>Other {n}</h3><p class=info><a rel=author>Piet Holm{'x' * n}</a></p></div>" for n in range(4)
    )
    body = f"{others}<article><h1>{TITLE}</h1><p class=info>by <a rel=author>Ilse Marn</a>, <a rel=author>Ada Kron</a></p>{paragraphs()}</article>{others}"
    assert said(body).authors == ("Ilse Marn", "Ada Kron")


def test_names_in_one_by_line_box_are_told_apart() -> None:
    body = f"<h1>{TITLE}</h1><div class='article-byline'><span>Ilse Marn</span> <span>Piet Holm</span> <i>Topic:</i> <i>Bridges</i></div>"
    assert said(body).authors == ("Ilse Marn", "Piet Holm")


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (
            "<meta name='parsely-author' content='Ilse Marn'><meta name='parsely-author' content='Piet Holm'>",
            ("Ilse Marn", "Piet Holm"),
        ),
        ("<meta name='dc.creator' content='Marn, Ilse'>", ("Ilse Marn",)),
        ("<meta name='sailthru.author' content='Ilse Marn, MD, PhD'>", ("Ilse Marn",)),
        (
            "<meta name='twitter:label1' content='Written by'><meta name='twitter:data1' content='Ilse Marn'>",
            ("Ilse Marn",),
        ),
        (
            "<meta name='author' content='The Example - Ilse Marn'><meta property='og:site_name' content='The Example'>",
            ("Ilse Marn",),
        ),
        (
            "<meta name='author' content='The Example, Sorn, Nowhere'><meta property='og:site_name' content='The Example'>",
            ("The Example",),
        ),
        ("<meta property='article:author' content='https://social.example/ilse'>", ()),
        ("<meta name='author' content='webadmin'>", ()),
        ("<meta name='author' content='ilse.marn'>", ()),
        ("<meta name='author' content='No author'>", ()),
        ("<meta name='author' content='Mr Ilse Marn'>", ("Mr Ilse Marn",)),
        ("<meta name='author' content='Фото: Анна Северова'>", ()),
    ],
)
def test_meta_elements_name_authors(head: str, expected: tuple[str, ...]) -> None:
    assert said(f"<h1>{TITLE}</h1>", head).authors == expected


def test_a_by_line_that_is_left_empty_means_that_nobody_signed() -> None:
    own = linked(
        headline=TITLE, author={"@type": "Organization", "name": "The Example"}, publisher={"name": "The Example"}
    )
    assert said(f"<h1>{TITLE}</h1>", own).authors == ("The Example",)
    assert said(f"<h1>{TITLE}</h1><div class=byline><a>Share this</a></div>", own).authors == ()
    assert said(f"<h1>{TITLE}</h1><p class=byline>1 March 2027</p>", own).authors == ("The Example",)


def test_a_reporter_with_a_name_like_the_paper_is_no_paper() -> None:
    assert clean_names(["Ada Sternberg"], {"stern", "sternde"}) == ("Ada Sternberg",)
    assert is_own("Redaktion stern.de", {"stern", "sternde"})
    assert not is_own("Ada Stern", {"stern", "sternde"})


@given(st.text(max_size=200))
def test_no_text_whatever_breaks_the_reading_of_names(text: str) -> None:
    assert all(0 < len(name) <= 60 for name in clean_names([text], {"theexample"}))
    assert isinstance(bylines.by_line(text), bool)


# Languages, and letters that must not be lost.


@pytest.mark.parametrize(
    ("text", "claims", "expected"),
    [
        (
            "Міст через річку Сорн відкрили для руху в понеділок уранці, її мешканці чекали цього два роки. " * 3,
            ["ru"],
            "uk",
        ),
        ("Мост через реку Сорн открыли для движения в понедельник утром, этого ждали два года. " * 3, ["uk"], "ru"),
        ("Мост через реку Сорн открыли для движения в понедельник утром, этого ждали два года. " * 3, ["kk"], "kk"),
        ("Сорн өзені арқылы өтетін көпір дүйсенбі күні таңертең ашылды, тұрғындар екі жыл күтті. " * 3, ["en"], "kk"),
        (" ".join(ARABIC), ["fa"], "ar"),
        (
            "索恩河大橋週一上午重新通車。兩年前，一艘駁船撞毀了大橋的一個橋墩，這座城市從此被分成兩半，車輛無法過橋。"
            * 3,
            ["zh-CN"],
            "zh-Hant",
        ),
        (" ".join(CHINESE), ["zh"], "zh"),
        (
            "Die Brücke ist wieder offen und der Verkehr rollt, wie die Stadt mit dem Bürgermeister sagte. " * 4,
            ["en", "de_DE"],
            "de",
        ),
        ("Bridge tolls: 3, 4, 5.", ["pt-BR"], "pt"),
        ("", ["fa-IR"], "fa"),
        ("", [None, "<b>"], None),
    ],
)
def test_a_claim_gives_way_to_letters_that_only_one_language_has(
    text: str, claims: list[str | None], expected: str | None
) -> None:
    assert language.settle(claims, text) == expected


def test_joiners_and_direction_marks_stay_in_titles_names_sections_and_tags() -> None:
    title, name = "پل می\u200cشود \u2067باز\u2069 پس از دو سال انتظار", "مریم می\u200cرودکی"
    head = linked(
        headline=title,
        author={"name": name},
        articleSection="شهر\u200cها",
        keywords=["می\u200cرود"],
        description="می\u200cآید",
    )
    found = said(f"<h1>{title}</h1>", head, title="x")
    assert (found.title, found.authors, found.section, found.tags) == (title, (name,), "شهر\u200cها", ("می\u200cرود",))
    assert found.description == "می\u200cآید"


def test_lines_are_what_a_browser_would_set_as_lines() -> None:
    root = parse(
        "<body><h1>One <b>and</b> one</h1><div>two<br>three<span hidden>not</span><p>four</p>five</div><script>x</script></body>"
    )
    assert [line.text for line in nearby.lines_of(root)] == ["One and one", "two", "three", "four", "five"]


@pytest.mark.parametrize(
    "markup",
    [
        "<span class=author>Ilse Marn</span>" * 4000,
        "<span class=byline>" * 120 + "x" + "</span>" * 120,
        "<div itemscope itemtype='//schema.org/Article'><i itemprop=author>x</i></div>" * 3000,
        "<h1>" + "<span class=kicker>a</span>" * 4000 + "</h1>",
        "a<br>" * 8000,
    ],
)
def test_a_page_full_of_marks_is_read_to_the_end(markup: str) -> None:
    assert read(page(paragraphs() + markup).replace(b"article:published_time", b"x")).state == "ok"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("<p>12/03/2027 by Ilse Marn, for the town's readers</p>", ("Ilse Marn",)),
        ("<div class='Post__AuthorName-sc-1x kZ'>x</div><div class='meta author-info'>Ilse Marn</div>", ("Ilse Marn",)),
        ("<p class=credit>AFP</p>", ("AFP",)),
        ("<button>AA</button>", ()),
        (
            "<p>A text.</p><p>(Reporting by Ilse Marn and Piet Holm; Editing by Ada Stern)</p>",
            ("Ilse Marn", "Piet Holm"),
        ),
        ("<p>A text.</p><p>Text: Ilse Marn</p>", ("Ilse Marn",)),
        ("<p>李 明</p><p>正文。</p>", ("李明",)),
        ("<p>高清</p><p>正文。</p>", ()),
        ("<p><a href='/s'>李明</a></p><p>正文。</p>", ()),
        ("<p>正文。（李明 上海报道）</p>", ("李明",)),
        ("<p>正文。</p><p>日报记者 李明 山东冠县报道</p>", ("李明",)),
        ("<p>正文。</p><p>（责编：李明、王小红）</p>", ("李明", "王小红")),
    ],
)
def test_who_signed_is_found_where_no_by_line_is(body: str, expected: tuple[str, ...]) -> None:
    assert said(f"<h1>{TITLE}</h1>{body}").authors == expected


def test_an_address_or_a_paper_beside_no_name_is_nobody() -> None:
    assert clean_names(["Ilse Marn (https://marn.example/ilse)"], {"example"}) == ("Ilse Marn",)
    assert clean_names(["The Example (www.news.example)"], {"newsexample"}) == ()
    own = linked(headline=TITLE, author={"@type": "Person", "name": ", The Example"}, publisher={"name": "The Example"})
    assert said(f"<h1>{TITLE}</h1><p class=byline>Ilse Marn</p>", own).authors == ("Ilse Marn",)


def test_a_property_may_be_several() -> None:
    head = "<meta property='dc:creator twitter:creator' content='Ilse Marn'><meta name='author' content='Piet Holm'>"
    assert said(f"<h1>{TITLE}</h1>", head).authors == ("Ilse Marn",)


def test_a_by_line_may_be_followed_by_its_day() -> None:
    body = f"<h1>{TITLE}</h1><footer><span>Submitted by <a href='/user/3'>Ilse Marn</a> on Fri, 03/12/2027 - 10:12</span></footer>"
    assert said(body).authors == ("Ilse Marn",)
