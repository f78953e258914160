"""Pages that are no article, made up after real ones: each is recognised, and for what it is."""

# ruff: noqa: E501 - made-up pages

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mirror.extract import extract
from tests.extract.made_up import PARAGRAPHS, RUSSIAN, page, paragraphs, read

PAGES = Path(__file__).parent / "pages"
URL = "https://news.example/2027/03/01/bridge"

# State and reason, and the pages that must come out so.
EXPECTED = {
    ("challenge", "the page is a bot check"): """
        akamai-denied akamai-sensor arvancloud aws-waf-202 aws-waf-captcha cloudflare-1020 cloudflare-iuam-2015
        cloudflare-managed-2022 cloudflare-turnstile-2025 datadome ddos-guard google-sorry imperva-incapsula
        imperva-pardon perimeterx press-and-hold qrator sucuri variti-servicepipe yandex-smartcaptcha""",
    ("challenge", "a filter answers in the outlet's place"): """
        belarus-block china-block china-icp fortiguard geo-451 iran-filter-page iran-filter russia-isp russia-warning-rt
        turkey-5651""",
    ("challenge", "a network's own page asks to log in to it"): "captive-fr hotel-wifi",
    ("consent", "the page asks for consent and holds no article"): """
        age-gate consent-didomi-fr consent-google consent-guce consent-onetrust consent-pur-abo consent-sourcepoint
        consent-youtube""",
    ("paywall", "the text stops where the page asks readers to pay"): """
        paywall-leaky-teaser paywall-ru paywall-zh register-wall""",
    ("paywall", "the page says that it is not free, and holds only the beginning"): "paywall-fr paywall-piano",
    ("paywall", "the page is a login form"): "login-es login-form",
    ("paywall", "the page sends readers to an app"): "app-only",
    ("gone", "the page says that there is nothing here"): """
        gone-ar gone-de gone-en gone-es gone-fa gone-it gone-ja gone-ko gone-pl gone-pt gone-ru gone-tr gone-uk
        gone-zh""",
    ("gone", "the page says that what was here has moved"): "moved-notice moved-script",
    ("index", "the page is a list of articles"): "author-page section-index tag-index",
    ("index", "the page is a list of search results"): "search-nothing search-results",
    ("index", "the page is a list of files"): "server-index-of",
    ("script-only", "the page has no text of its own: it comes by script"): "spa-angular spa-next spa-nuxt spa-react",
    ("script-only", "the page asks for another browser"): "noscript-only unsupported-browser",
    ("script-only", "the page only sends readers on to another one"): "moved-refresh",
    ("error", "the page is an error of the outlet's server"): """
        cloudflare-522 cloudfront-error trace-django trace-php varnish-guru wordpress-db""",
    ("error", "the page says that the outlet is under maintenance"): "maintenance-en maintenance-ru "
    "maintenance-wordpress",
    ("error", "the page is what a new web server shows"): "server-apache server-nginx",
    ("error", "the domain is parked or for sale"): "parked-links parked-sale",
    ("error", "the page asks for donations and holds no article"): "donation-only donation-ru",
    ("error", "the page is a form to sign up for newsletters"): "newsletter-signup",
    ("error", "the page is a print dialogue"): "print-dialog",
}
CASES = [(name, state, reason) for (state, reason), names in EXPECTED.items() for name in names.split()]


def test_every_made_up_page_has_its_expectation() -> None:
    assert sorted(name for name, _, _ in CASES) == sorted(path.stem for path in PAGES.glob("*.html"))
    assert len(CASES) >= 50


@pytest.mark.parametrize(("name", "state", "reason"), CASES)
def test_a_wall_is_held_back_for_what_it_is(name: str, state: str, reason: str) -> None:
    found = extract((PAGES / f"{name}.html").read_bytes(), url=URL, content_type="text/html")
    assert (found.state, found.reason.partition(': "')[0]) == (state, reason)
    assert found.article is None or state == "paywall", "the beginning of an article is shown to a person, at most"


# What says nothing by itself and is known by what a page around it would hide.
BARE = "akamai-sensor aws-waf-202 iran-filter moved-refresh spa-angular spa-next spa-nuxt spa-react"


@pytest.mark.parametrize("name", [name for name, _, _ in CASES if name not in BARE.split()])
def test_a_wall_inside_the_outlets_own_page_is_no_article_either(name: str) -> None:
    """Menus, a list of the most read and a footer of the outlet's, and the wall where the article should be."""
    text = (PAGES / f"{name}.html").read_text("utf-8")
    links = "".join(
        f"<li><a href='/section-{number}'>Section number {number} of the outlet</a></li>" for number in range(90)
    )
    furniture = f"<nav><ul>{links}</ul></nav>"
    foot = f"<footer><p>© The Example, all rights reserved.</p><ul>{links}</ul></footer>"
    text = re.sub(r"(<body[^>]*>)", lambda found: found[1] + furniture, text, count=1, flags=re.IGNORECASE)
    text = re.sub(r"(?=</body>)", foot, text, count=1, flags=re.IGNORECASE)
    assert extract(text.encode(), url=URL, content_type="text/html; charset=utf-8").state != "ok"


REPORTS = {
    "Роскомнадзор ограничил доступ к сайту газеты": (
        "Доступ к сайту газеты ограничен на основании закона об информации, сообщил Роскомнадзор в понедельник.",
        "При попытке открыть страницу абоненты видят надпись «Доступ к запрашиваемому ресурсу ограничен», рассказали "
        "несколько читателей из разных городов.",
        *RUSSIAN,
    ),
    "Access denied: how bot checks lock readers out": (
        "“Verifying you are human” has become the most read sentence of the web, a study of bot checks found.",
        "Whoever reads the news through a slow connection sees “you have been blocked” on every tenth page.",
        *PARAGRAPHS,
    ),
    "Donate now, says the mayor": (
        "The town asked for donations on Monday: every donation pays for a metre of the new bridge, the mayor said.",
        "“We need your help,” she told several hundred people on the market square, and a hat went round.",
        *PARAGRAPHS,
    ),
    "Page not found: the archive that lost a century": (
        "The town archive said on Monday that a hundred years of its papers cannot be found any more.",
        *PARAGRAPHS,
    ),
    "Maintenance of the old bridge costs millions": PARAGRAPHS,
    "Search for missing barge goes on": PARAGRAPHS,
    "Supporting the pillars": PARAGRAPHS,
    "Newsletters of the thirties found in an attic": PARAGRAPHS,
}


@pytest.mark.parametrize("title", REPORTS)
@pytest.mark.parametrize("declared", [True, False])
def test_a_report_about_such_things_is_an_article(title: str, declared: bool) -> None:
    data = page(paragraphs(REPORTS[title]), title=title)
    if not declared:
        data = re.sub(rb"<meta property[^>]*>", b"", data)
    found = read(data)
    assert found.state == "ok", found


def test_a_flash_of_two_sentences_about_a_blocking_is_an_article() -> None:
    text = "<p>Доступ к сайту газеты «Фонарь» ограничен, сообщил в понедельник Роскомнадзор. Подробности следуют.</p>"
    assert read(page(text, title="Роскомнадзор заблокировал «Фонарь»", lang="ru")).state == "ok"


def test_a_consent_dialogue_over_an_article_does_not_hide_it() -> None:
    banner = (PAGES / "consent-onetrust.html").read_text("utf-8").partition("<body>")[2].partition("</body>")[0]
    assert read(page(after=banner)).state == "ok"


def test_an_offer_to_subscribe_under_a_whole_article_is_no_paywall() -> None:
    offer = "<aside class='promo'><h3>Subscribe to our newsletter</h3><p>Already a subscriber? Manage your letters.</p></aside>"
    assert read(page(after=offer)).state == "ok"


def test_related_headlines_under_an_article_do_not_make_it_a_list() -> None:
    related = "".join(
        f"<div><h3><a href='/other/{number}'>Another headline of the day, number {number}</a></h3><p>{PARAGRAPHS[number]}</p></div>"
        for number in range(4)
    )
    data = re.sub(rb"<meta property[^>]*>", b"", page(after=f"<section>{related}</section>"))
    assert read(data).state == "ok"
