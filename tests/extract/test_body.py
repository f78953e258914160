"""Which text is the article's, and that its characters stay as they were."""


# ruff: noqa: E501

from __future__ import annotations

import pytest

from tests.extract.made_up import (
    ARABIC,
    CHINESE,
    PARAGRAPHS,
    PERSIAN,
    RUSSIAN,
    TITLE,
    article,
    lines,
    page,
    paragraphs,
    text,
)

CARRIERS = "\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u2066\u2067\u2068\u2069\u2060"


def test_an_article_is_its_paragraphs_and_nothing_of_the_page_around_them() -> None:
    found = article(page())
    assert found.title == TITLE
    assert lines(found) == list(PARAGRAPHS)
    assert found.direction == "ltr"
    assert found.language == "en"


def test_persian_keeps_its_zero_width_non_joiners() -> None:
    assert sum(line.count("\u200c") for line in PERSIAN) >= 8
    found = article(page(paragraphs(PERSIAN), title="پل دوباره باز شد و مردم می‌گذرند", lang="fa"))
    assert lines(found) == list(PERSIAN)
    assert found.title == "پل دوباره باز شد و مردم می‌گذرند"
    assert (found.language, found.direction) == ("fa", "rtl")


@pytest.mark.parametrize("carrier", CARRIERS)
def test_no_invisible_character_is_lost(carrier: str) -> None:
    marked = PARAGRAPHS[0].replace("river ", f"river{carrier} ")
    found = article(page(paragraphs((marked, *PARAGRAPHS[1:]))))
    assert lines(found)[0] == marked


def test_emoji_joined_into_one_sign_stay_one() -> None:
    marked = PARAGRAPHS[1] + " 👩‍👩‍👧 ❤️"
    assert lines(article(page(paragraphs((PARAGRAPHS[0], marked, *PARAGRAPHS[2:])))))[1] == marked


@pytest.mark.parametrize(
    ("texts", "language", "direction"), [(ARABIC, "ar", "rtl"), (RUSSIAN, "ru", "ltr"), (CHINESE, "zh", "ltr")]
)
def test_other_scripts_come_whole(texts: tuple[str, ...], language: str, direction: str) -> None:
    found = article(page(paragraphs(texts), lang=language, title=texts[0][:30]))
    assert lines(found) == list(texts)
    assert (found.language, found.direction) == (language, direction)


def test_chinese_paragraphs_set_with_double_breaks_are_paragraphs() -> None:
    body = "<div id='content'>" + "<br><br>".join(f"\u3000\u3000{line}" for line in CHINESE) + "</div>"
    found = article(page(body, title="索恩河大桥重新通车", lang="zh"))
    assert lines(found) == list(CHINESE)


def test_chinese_paragraphs_set_with_one_break_and_an_indent_are_paragraphs() -> None:
    body = "<div id='content'>" + "<br>".join(f"\u3000\u3000{line}" for line in CHINESE) + "</div>"
    assert lines(article(page(body, title="索恩河大桥重新通车", lang="zh"))) == list(CHINESE)


def test_a_page_in_gb2312_is_read_as_chinese() -> None:
    data = page(paragraphs(CHINESE), title="索恩河大桥重新通车", lang="zh").decode()
    encoded = data.replace("charset='utf-8'", "charset='gb2312'").replace("© ", "").encode("gb18030")
    found = article(encoded, content_type="text/html")
    assert lines(found) == list(CHINESE)
    assert found.title == "索恩河大桥重新通车"


def test_a_page_in_windows_1251_is_read_as_russian() -> None:
    data = page(paragraphs(RUSSIAN), title="Мост снова открыт после ремонта", lang="ru").decode()
    encoded = data.replace("charset='utf-8'", "charset='windows-1251'").encode("cp1251")
    assert lines(article(encoded)) == list(RUSSIAN)


def test_an_article_inside_an_article_is_told_once() -> None:
    found = article(page(around="<article><article><h1>{title}</h1>{body}</article></article>"))
    assert lines(found) == list(PARAGRAPHS)


DONATION = (
    "<{tag}{marked}><h3>A Message from The Example:</h3><p>Dear readers,</p>"
    "<p>We are facing unprecedented challenges. The authorities claim our work is unlawful and put our staff at risk.</p>"
    "<p>We refuse to be silenced. But to continue our work, <a href='/contribute'>we need your help</a>.</p>"
    "<p>Your support, no matter how small, makes a world of difference. If you can, please support us monthly.</p>"
    "<form><label><input type=radio>Once</label><button>Continue</button></form></{tag}>"
)


@pytest.mark.parametrize("marked", [" class='contribute-article'", " class='donation-box'", " class='x1a'", ""])
@pytest.mark.parametrize("place", ["in the middle", "at the end", "beside"])
def test_a_donation_box_is_no_part_of_the_article_whatever_it_is_called(marked: str, place: str) -> None:
    box = DONATION.format(tag="div", marked=marked)
    parts = [f"<p>{line}</p>" for line in PARAGRAPHS]
    if place == "in the middle":
        data = page("".join([*parts[:2], box, *parts[2:]]))
    elif place == "at the end":
        data = page("".join([*parts, box]))
    else:
        data = page(
            "".join(parts), around="<article><h1>{title}</h1><div class='body'>{body}</div>" + box + "</article>"
        )
    assert lines(article(data)) == list(PARAGRAPHS)


def test_an_article_about_donations_keeps_its_sentences() -> None:
    about = (
        "The foundation said on Tuesday that people who donate to the museum would be named on its wall, a practice that "
        "it had given up in 1987 after a dispute with the family of its founder.",
        *PARAGRAPHS[1:],
    )
    assert lines(article(page(paragraphs(about)))) == list(about)


@pytest.mark.parametrize(
    "furniture",
    [
        "<p>Read more: <a href='/x'>Ten things to know about bridges</a></p>",
        "<p><strong>Also read</strong> <a href='/x'>The barge captain speaks</a></p>",
        "<p><a href='/x'>Читайте также: Капитан баржи рассказал</a></p>",
        "<div class='newsletter-signup'><p>Sign up for our free weekly newsletter and never miss a story.</p></div>",
        "<aside class='related-articles'><h4>Related</h4><ul><li><a href='/y'>Five bridges that fell down</a></li></ul></aside>",
        "<div class='social-share'><a href='https://facebook.com/sharer'>Share</a> <a href='https://x.com/intent'>Tweet</a></div>",
        "<div class='ad-slot'><span>Advertisement</span><p>Buy our garden shears, now with a free ribbon for you.</p></div>",
        "<p>Advertisement</p>",
        "<p>Реклама</p>",
        "<p>بیشتر بخوانید: <a href='/z'>پل‌های دیگر</a></p>",
        "<p>اقرأ أيضا: <a href='/z'>جسور أخرى</a></p>",
        "<p>相关阅读：<a href='/z'>倒塌的桥</a></p>",
        "<script>var text = 'We need your help to keep providing you with the truth';</script>",
        "<style>.x{color:red}</style>",
        "<!-- a comment that nobody reads -->",
        "<p style='display:none'>Hidden words that no reader sees but that a machine would happily publish.</p>",
        "<p hidden>Hidden words that no reader sees but that a machine would happily publish.</p>",
        "<span class='sr-only'>Hidden words for screen readers only</span>",
        "<template><p>Words of a template that is never shown to anybody who reads this page.</p></template>",
        "<div class='consent'><p>Externer Inhalt: An dieser Stelle finden Sie einen Inhalt von YouTube. Mit Ihrer Zustimmung "
        "wird er geladen.</p><button>Alle akzeptieren</button></div>",
        "<p>To view this content, please accept cookies of YouTube in your cookie settings.</p>",
    ],
)
def test_furniture_between_the_paragraphs_is_left_out(furniture: str) -> None:
    parts = [f"<p>{line}</p>" for line in PARAGRAPHS]
    found = article(page("".join([*parts[:3], furniture, *parts[3:]])))
    assert lines(found) == list(PARAGRAPHS)


def test_the_next_article_on_the_same_page_is_left_out() -> None:
    following = "".join(
        f"<p>{line}</p>"
        for line in (
            "An owl that had escaped from the zoo in November was found in a church tower on Sunday evening, tired but well.",
            "The keepers said that they had known where it was for weeks, but that nobody had wanted to climb the stairs.",
        )
    )
    data = page(
        after=f"<div class='infinite-scroll next-article'><article><h1>The owl is back</h1>{following}</article></div>"
    )
    assert lines(article(data)) == list(PARAGRAPHS)


def test_most_read_and_related_stories_beside_the_article_are_left_out() -> None:
    beside = (
        "<aside class='sidebar'><h4>Most read</h4><ol><li><a href='/a'>Something Entirely Different</a></li></ol></aside>"
        "<section class='cluster cluster--related'><h3>Read more</h3><div><a href='/b'><h3>Another Story Altogether</h3>"
        "<p>Guards reported that nothing had happened in several regions at all.</p></a></div></section>"
    )
    found = article(page(after=beside))
    assert lines(found) == list(PARAGRAPHS)


def test_the_same_text_in_a_teaser_before_the_article_does_not_confuse_it() -> None:
    before = f"<div class='top'><a href='/x'><h3>{TITLE}</h3><p>{PARAGRAPHS[0]}</p></a></div>"
    found = article(page(before=before))
    assert lines(found) == list(PARAGRAPHS)
    assert "Link" not in repr(found.blocks[0])


def test_a_noscript_that_was_never_closed_does_not_swallow_the_article() -> None:
    data = page(around="<noscript><div id='nojs'></noscript><article><h1>{title}</h1>{body}</article>")
    assert lines(article(data)) == list(PARAGRAPHS)


def test_the_same_page_gives_the_same_article() -> None:
    data = page(paragraphs() + DONATION.format(tag="aside", marked=""))
    first = article(data)
    for _ in range(4):  # extractors with caches have given something else on the fourth call
        assert article(data) == first
    assert "help" not in text(first)
