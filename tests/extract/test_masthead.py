"""Kicker, byline and date are fields of an article, not its first paragraphs."""

from __future__ import annotations

import json

import pytest

from tests.extract.made_up import PARAGRAPHS, TITLE, article, lines, paragraphs

HEAD = (
    "<!DOCTYPE html><html lang=en><head><title>{title} | The Example</title>"
    "<meta property=og:site_name content='The Example'>"
    "<meta property=article:section content='City'><meta property=article:tag content='Bridges'></head><body><article>"
)


def story(above: str, below: str, *, title: str = TITLE, head: str = "") -> bytes:
    top = HEAD.format(title=title).replace("</head>", head + "</head>")
    return f"{top}<div>{above}<h1>{title}</h1>{below}{paragraphs()}</div></article></body></html>".encode()


@pytest.mark.parametrize(
    "line",
    [
        "City",
        "BRIDGES",
        "By Ilse Marn",
        "Von: Ilse Marn, Karl Test",
        "Автор: Ильзе Марн",
        "17:41 JST, October 13, 2024",
        "November 20, 2019 - 11:28 AMT",
        "Updated: Tue., Nov. 19, 2019",
        "Veröffentlicht am 13. Mai 2026 um 15:44",
        "Опубликовано 13 мая 2026, 15:44",
        "2026年5月13日 15:44",
        "3 Minuten Lesezeit",
        "5 min read",
        "Время чтения: 4 минуты",
        "Photo: Karl Test / Example Agency",
    ],
)
def test_a_line_of_the_masthead_is_no_paragraph(line: str) -> None:
    found = article(story("", f"<p>{line}</p>"))
    assert lines(found) == list(PARAGRAPHS)


def test_nothing_over_the_headline_is_the_article() -> None:
    found = article(story("<p class=section>Special coverage</p><p>All about bridges</p>", ""))
    assert lines(found) == list(PARAGRAPHS)


@pytest.mark.parametrize(
    "sentence",
    [
        "By Monday the bridge was open.",
        "On May 13, 2026, a barge hit the bridge.",
        "Nobody slept",
        "In October 2024 the town, for the first time in its history, decided to build a second bridge",
        "Photo albums from before the war show the old bridge",
    ],
)
def test_a_short_first_sentence_stays(sentence: str) -> None:
    assert lines(article(story("", f"<p>{sentence}</p>"))) == [sentence, *PARAGRAPHS]


def test_a_date_further_down_stays() -> None:
    more = f"<p>May 13, 2026</p><p>{PARAGRAPHS[0][::-1]}</p></div></article>"
    assert "May 13, 2026" in lines(article(story("", "").replace(b"</div></article>", more.encode())))


def test_a_kicker_that_the_page_declares_twice_belongs_to_the_title() -> None:
    whole = f"Sorn valley: {TITLE}"
    data = json.dumps({"@type": "NewsArticle", "headline": whole, "datePublished": "2027-03-01"})
    head = f"<meta property=og:title content='{whole}'><script type='application/ld+json'>{data}</script>"
    found = article(story("", "", head=head))
    assert found.title == whole
    assert lines(found) == list(PARAGRAPHS)


def test_a_standfirst_in_the_body_is_the_lead_when_the_page_says_so() -> None:
    lead = "Two years after a barge broke it, the bridge over the Sorn is whole again."
    body = f"<p class=entry-lead><strong>{lead}</strong></p>"
    described = article(story("", body, head=f"<meta name=description content='{lead}'>"))
    assert (described.lead, lines(described)) == (lead, list(PARAGRAPHS))
    # a class such as "introduction" alone may as well mean the first paragraph
    alone = article(story("", body.replace("entry-lead", "story-introduction")))
    assert lines(alone)[0] == lead
