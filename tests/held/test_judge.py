"""What makes a page that looks like an article one that is held back, and what does not."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirror.archive.judged import TextRow, near
from mirror.held import Facts, Said, common, facts_of, fits, judge, may_wait, simhash
from mirror.model import Draft, Paragraph, Update
from tests.extract.made_up import ARABIC, CHINESE, PARAGRAPHS, PERSIAN, RUSSIAN

URL = "https://news.example/n/4711.html"
TITLE = "The river bridge is open again after two years"
SAID = Said(url=URL, title=TITLE)
NOTHING = Said(url=URL)
FLASH = "A barge has hit the bridge over the river Sorn. More follows."
CARD = (
    "Be so kind and show your visiting card to the doorman before the curtain goes up tonight. He is an old man and "
    "asks everybody who passes, without regard for rank or name."
)


def facts(*paragraphs: str, title: str = TITLE, **changes: object) -> Facts:
    blocks = tuple(Paragraph(content=(text,)) for text in paragraphs)
    draft = Draft(url=URL, title=title, blocks=blocks, language="en", authors=("Ilse Marn",))
    return facts_of(replace(draft, **changes))  # type: ignore[arg-type]


def wall(text: str = CARD, title: str = "Dear visitor") -> Facts:
    return facts(text, title=title, authors=())


def rows(*pages: Facts, outlet: str = "lantern") -> tuple[TextRow, ...]:
    """These pages as the outlet's other ones."""
    return tuple(page.row(outlet, f"{URL}?{n}", f"{URL}?{n}") for n, page in enumerate(pages))


def verdict(*args: object, **options: object) -> str | None:
    reason = judge(*args, **options)  # type: ignore[arg-type]
    if reason is None:
        return None
    assert reason.text
    assert "\n" not in reason.text
    return reason.state


WHOLE = facts(*PARAGRAPHS)


# --- against what was published --------------------------------------------------------------------------------------


def test_a_text_of_which_little_is_left_has_shrunk() -> None:
    assert verdict(facts(*PARAGRAPHS[:2]), SAID, before=WHOLE) == "shrunk"
    assert verdict(facts(PARAGRAPHS[3]), SAID, before=WHOLE) == "shrunk"


def test_an_edit_that_takes_a_third_away_is_an_edit() -> None:
    assert verdict(facts(*PARAGRAPHS[:4]), SAID, before=WHOLE) is None
    assert verdict(facts(*PARAGRAPHS[2:]), SAID, before=WHOLE) is None


def test_a_correction_that_the_outlet_dates_may_halve_a_text_but_a_cut_one_may_not() -> None:
    long = facts(*PARAGRAPHS, *(f"{text} It was so." for text in PARAGRAPHS), modified="2027-03-01T10:00:00Z")
    corrected = facts(PARAGRAPHS[0], PARAGRAPHS[2], PARAGRAPHS[4], modified="2027-03-01T12:00:00Z")
    assert verdict(corrected, SAID, before=long) is None
    assert verdict(replace(corrected, modified=long.modified), SAID, before=long) == "shrunk"
    cut = facts(*PARAGRAPHS[:3], modified="2027-03-01T12:00:00Z")
    assert verdict(cut, SAID, before=long) == "shrunk", "the beginning alone is what paywalls leave"


def test_a_flash_that_grows_into_a_report_is_one_article() -> None:
    assert verdict(WHOLE, SAID, before=facts(FLASH, title="Barge hits bridge over the river")) is None
    assert verdict(facts(FLASH + " Nobody was hurt."), SAID, before=facts(FLASH)) is None


def test_a_live_blog_may_get_shorter_and_end_as_a_summary() -> None:
    def live(*texts: str) -> Facts:
        blocks = tuple(Update(time=None, title=None, blocks=(Paragraph(content=(text,)),)) for text in texts)
        return facts_of(Draft(url=URL, title=TITLE, blocks=blocks, language="en"))

    assert verdict(live(PARAGRAPHS[4]), SAID, before=live(*PARAGRAPHS)) is None
    long = live(*(f"{text} {number}." for number in range(4) for text in PARAGRAPHS))
    assert verdict(facts(*PARAGRAPHS), SAID, before=long) is None
    assert verdict(facts(PARAGRAPHS[0]), SAID, before=long) == "shrunk", "but not as a teaser"


def test_a_page_of_which_nothing_is_left_was_replaced() -> None:
    assert verdict(wall(), NOTHING, before=WHOLE) == "replaced"
    assert verdict(wall(" ".join(f"{CARD} {number}" for number in "abcdefgh")), NOTHING, before=WHOLE) == "replaced"


def test_a_page_that_is_written_anew_every_day_under_its_title_is_not() -> None:
    monday, tuesday = (
        facts(*PARAGRAPHS[:2], title="The day in brief: Monday"),
        facts(*PARAGRAPHS[2:], title="The day in brief: Tuesday"),
    )
    assert verdict(tuesday, NOTHING, before=monday) is None


def test_a_page_that_is_suddenly_in_another_language_is_held() -> None:
    russian = facts(*RUSSIAN, language="ru", title="Мост снова открыт")
    assert verdict(russian, NOTHING, before=WHOLE) == "language"
    german = facts(
        "Die Brücke über den Fluss ist nach zwei Jahren wieder offen, und der Verkehr in der Stadt läuft wie vor dem "
        "Unfall. Das sagte der Bürgermeister am Montag, und er war sehr zufrieden mit den Arbeitern und mit sich.",
        "Die Reparatur hat neunzehn Millionen gekostet, ein Drittel mehr als geplant, weil der zweite Pfeiler Risse "
        "hatte, die erst bei den Arbeiten entdeckt wurden und die nicht auf der Liste standen.",
        language="de",
    )
    assert verdict(german, SAID, before=WHOLE) == "language"


def test_a_language_that_is_only_named_otherwise_is_no_flip() -> None:
    assert verdict(replace(facts(*PARAGRAPHS, "And so on."), language="de"), SAID, before=WHOLE) is None
    assert verdict(facts(*PARAGRAPHS, "And so on.", language="en-GB"), SAID, before=WHOLE) is None


# --- against the outlet's other pages ---------------------------------------------------------------------------------


def test_the_same_text_at_several_addresses_is_no_article() -> None:
    assert verdict(wall(), SAID, alike=rows(wall())) == "alike", "not what the feed announced"
    assert verdict(wall(), NOTHING, alike=rows(wall(), wall())) == "alike", "nothing was announced"
    assert verdict(wall(), NOTHING, alike=rows(wall())) is None, "two may be one report"


def test_the_same_text_under_other_titles_is_no_article_though_the_titles_fit() -> None:
    """An article's own head around the same box each time: its title is the one that the feed has."""
    titles = ("Ferry stays in port for the winter", "Mayor resigns over bridge", "Lighthouse keeper retires at last")
    pages = [wall(title=title) for title in titles]
    assert verdict(pages[0], Said(url=URL, title=titles[0]), alike=rows(*pages[1:])) == "alike"


def test_agency_copy_at_two_addresses_and_in_two_languages_is_published() -> None:
    copy = facts(*PARAGRAPHS)
    assert verdict(copy, SAID, alike=rows(copy)) is None
    assert verdict(copy, SAID, alike=rows(copy, copy, copy)) is None, "the title is the one that was announced"
    other = Said(url="https://news.example/ru/1", title="Мост снова открыт через два года")
    russian = facts(*RUSSIAN, language="ru", title="Мост снова открыт через два года")
    assert verdict(russian, other, usual={"en": 50, "ru": 20}, alike=()) is None


def test_two_addresses_of_one_article_are_one() -> None:
    page = wall()
    twice = tuple(replace(row, article_url=URL) for row in rows(page, page, page))
    assert verdict(page, NOTHING, alike=twice, article_url=URL) is None


@pytest.mark.parametrize(
    "template",
    [
        "Weather for {} March: {} degrees in the morning, {} at noon, wind from the west with {} knots, and no rain.",
        "The numbers of draw {}: {}, {} and {}. The jackpot was not hit; the next draw is on Saturday at eight.",
        "Курс на {} марта: доллар {}, евро {}, юань {}. Центральный банк не менял ставку с прошлой недели.",
        "{}月{}日：上证指数收于{}点，成交额{}亿元。市场交投清淡，投资者观望情绪浓厚。",
    ],
)
def test_a_series_that_differs_in_numbers_alone_is_published(template: str) -> None:
    pages = [facts(template.format(*range(n, n + 4)), title=f"Report of day {n}", authors=()) for n in range(1, 30)]
    assert all(near(pages[0].simhash, page.simhash) for page in pages)
    for said in (NOTHING, Said(url=URL, title="Report of day 1")):
        assert verdict(pages[0], said, alike=rows(*pages[1:])) is None


def test_a_wall_with_a_number_of_its_own_each_time_is_the_same_wall() -> None:
    pages = [wall(f"{CARD} Your number is {n}7{n}a9.") for n in range(3)]
    assert verdict(pages[0], SAID, alike=rows(*pages[1:])) == "alike"


# --- against what was announced ---------------------------------------------------------------------------------------


def test_a_short_page_that_has_nothing_to_do_with_the_feeds_title_is_a_stranger() -> None:
    assert verdict(wall(), SAID) == "stranger"
    assert verdict(wall(), NOTHING) is None


@pytest.mark.parametrize(
    "said",
    [
        Said(url=URL, title="Bridge reopens after two years"),
        Said(url="https://news.example/2027/03/01/river-bridge-open-again", title="Photo of the day, from our archive"),
        Said(url=URL, title="Morning letter, the first one", summary=PARAGRAPHS[0][:120]),
        Said(url=URL, title="/n/4711.html"),
        Said(url=URL, title="LIVE"),
    ],
)
def test_an_article_that_fits_in_one_way_is_none(said: Said) -> None:
    assert verdict(facts(*PARAGRAPHS[:2], authors=()), said) is None


def test_titles_are_compared_in_scripts_without_spaces_and_in_those_with_many_endings() -> None:
    chinese = facts(*CHINESE, language="zh", title="索恩河大桥重新通车")
    assert fits(Said(url=URL, title="大桥通车：索恩河两岸重新相连"), chinese) is True
    assert fits(Said(url=URL, title="议会通过明年预算案"), chinese) is False
    russian = facts(*RUSSIAN, language="ru", title="Открыт мост через Сорн")
    assert fits(Said(url=URL, title="Открытие моста через реку"), russian) is True
    persian = facts(*PERSIAN, language="fa", title="پل سورن باز شد")
    assert fits(Said(url=URL, title="بازگشایی پل روی رودخانهٔ سورن"), persian) is True
    assert fits(Said(url=URL, title="مجلس بودجهٔ سال آینده را تصویب کرد"), persian) is False


def test_a_language_that_the_outlet_never_writes_is_held_unless_it_was_announced() -> None:
    usual = {"ru": 60}
    page = facts(PARAGRAPHS[0], PARAGRAPHS[1], language="en", authors=())
    assert verdict(page, NOTHING, usual=usual) == "language"
    assert verdict(page, Said(url=URL, title="Мост снова открыт для всех"), usual=usual) == "language"
    assert verdict(page, SAID, usual=usual) is None, "the feed's title is in that language, too"
    assert verdict(page, NOTHING, usual={"ru": 60, "en": 5}) is None
    assert verdict(page, NOTHING, usual={"ru": 6}) is None, "too little is known"
    assert verdict(page, Said(url=URL, language="en"), usual=usual) is None, "it is configured"


def test_a_page_with_far_less_text_than_the_feed_or_its_own_account_is_halved() -> None:
    part = facts(*PARAGRAPHS[:2])
    assert verdict(part, replace(SAID, letters=900)) == "halved"
    assert verdict(part, replace(SAID, letters=400)) is None
    assert verdict(part, replace(SAID, claimed=4000)) == "halved"
    assert verdict(WHOLE, replace(SAID, letters=900, claimed=900)) is None


def test_only_short_pages_without_a_name_wait() -> None:
    assert may_wait(wall(), NOTHING)
    assert not may_wait(WHOLE, SAID)
    assert not may_wait(facts(*PARAGRAPHS * 5), NOTHING)


# --- fingerprints -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("texts", [PARAGRAPHS, PERSIAN, ARABIC, CHINESE, RUSSIAN])
def test_fingerprints_tell_texts_of_any_script_apart(texts: tuple[str, ...]) -> None:
    whole = " ".join(texts)
    assert near(simhash(whole), simhash(f"{whole} 4711"))
    assert not near(simhash(whole), simhash(" ".join(texts[: len(texts) // 2])))
    letters = list(whole)
    random.Random(4).shuffle(letters)
    assert not near(simhash(whole), simhash("".join(letters)))


@given(st.text(max_size=300))
def test_fingerprints_and_shares_are_made_of_any_text(text: str) -> None:
    assert len(simhash(text)) == 8
    assert simhash(text) == simhash(text)
    assert 0 <= common(text, text[::-1]) <= 1


@given(st.text(max_size=200), st.text(max_size=60), st.text(max_size=60))
def test_judging_takes_any_text(text: str, title: str, announced: str) -> None:
    now = facts(text, title=title or "x")
    said = Said(url=URL, title=announced, summary=text[:20])
    assert judge(now, said, before=now) is None
    judge(now, said, before=WHOLE, alike=rows(now, WHOLE), usual={"en": 40})
