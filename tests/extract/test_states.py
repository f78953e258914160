"""What is no article is never called one."""


# ruff: noqa: E501

from __future__ import annotations

import pytest

from tests.extract.made_up import PARAGRAPHS, page, paragraphs, read

CLOUDFLARE = (
    "<!DOCTYPE html><html lang='en-US'><head><title>Just a moment...</title><meta http-equiv='refresh' content='390'></head><body>"
    "<div class='main-wrapper'><div class='main-content'><h1>news.example</h1><h2>Verifying you are human. This may take a few seconds.</h2>"
    "<p>news.example needs to review the security of your connection before proceeding.</p><noscript>Enable JavaScript and cookies to "
    "continue</noscript></div></div><script>window._cf_chl_opt={cvId:'3'};</script><p>Ray ID: 8a1b Performance & security by Cloudflare</p></body></html>"
)
CONSENT = (
    "<html lang='en'><head><title>Before you continue</title></head><body><h1>Before you continue</h1><p>We and our 840 partners use cookies "
    "and similar technologies to store and access information on a device, such as unique identifiers and browsing data.</p>"
    "<p>If you agree, we will use them to measure, to personalise and to improve our services for you and for others.</p>"
    "<button>Reject all</button><button>Accept all</button><p>Manage options at any time in your privacy settings. Accept all or reject all.</p></body></html>"
)


@pytest.mark.parametrize(
    ("data", "state"),
    [
        (CLOUDFLARE, "challenge"),
        (
            "<html><head><title>Attention Required! | Cloudflare</title></head><body><h1>Sorry, you have been blocked</h1></body></html>",
            "challenge",
        ),
        (
            "<html><head><title>DDOS-GUARD</title></head><body><h1>Checking your browser before accessing</h1></body></html>",
            "challenge",
        ),
        (
            "<html><head><title>Проверка браузера</title></head><body>Подтвердите, что вы не робот</body></html>",
            "challenge",
        ),
        (
            "<html><head><title></title><script src='https://x.token.awswaf.com/challenge.js'></script></head><body><script>AwsWafIntegration.getToken()</script></body></html>",
            "challenge",
        ),
        (
            "<html><head><title>Access denied</title></head><body>You don't have permission to access this on this server.</body></html>",
            "challenge",
        ),
        (CONSENT, "consent"),
        (
            "<html><head><title>404 - Page not found</title></head><body><h1>Page not found</h1><p>The page you are looking for has moved or never was.</p></body></html>",
            "gone",
        ),
        (
            "<html lang=ru><head><title>Страница не найдена</title></head><body><h1>Страница не найдена</h1><p>Попробуйте поиск по сайту.</p></body></html>",
            "gone",
        ),
        (
            "<html lang=fa><head><title>خطا</title></head><body><h1>صفحه مورد نظر یافت نشد</h1><p>به صفحهٔ نخست بروید</p></body></html>",
            "gone",
        ),
        (
            "<html><head><title>The Example</title></head><body><div id='root'></div><noscript>You need to enable JavaScript to run this app.</noscript></body></html>",
            "script-only",
        ),
        ("<html><head><title>A story</title></head><body><h1>A story</h1></body></html>", "error"),
        ("<html></html>", "error"),
        ("", "error"),
        ("   \n ", "error"),
        ("plain words", "error"),
    ],
)
def test_a_page_that_is_no_article_says_what_it_is(data: str, state: str) -> None:
    found = read(data.encode())
    assert found.state == state, found
    assert found.article is None
    assert found.reason
    assert "\n" not in found.reason


def test_a_front_page_is_an_index() -> None:
    teasers = "".join(
        f"<article><h2><a href='/{number}'>Headline number {number} of the day</a></h2><p><a href='/{number}'>{line}</a></p></article>"
        for number, line in enumerate(PARAGRAPHS * 3)
    )
    data = f"<html><head><title>The Example</title><meta property='og:type' content='website'></head><body><h1>The Example</h1>{teasers}</body></html>"
    for url in ("https://news.example/", "https://news.example/en/", "https://news.example/section/town"):
        found = read(data.encode(), url=url)
        assert found.state == "index", (url, found)
        assert found.article is None


def test_a_front_page_that_is_one_long_text_is_an_article() -> None:
    text = paragraphs(PARAGRAPHS * 3)
    data = f"<html><head><title>On the bridges of Sorn</title></head><body><h1>On the bridges of Sorn</h1><article>{text}</article></body></html>"
    assert read(data.encode(), url="https://news.example/").state == "ok"
    latest = data.replace("<h1>", "<h2><a href='/2027/03/on-bridges'>").replace("</h1>", "</a></h2>")
    assert read(latest.encode(), url="https://news.example/").state == "index"


def test_an_article_behind_a_paywall_is_never_ok() -> None:
    head = '<script type=\'application/ld+json\'>{"@type":"NewsArticle","headline":"x","isAccessibleForFree":false}</script>'
    wall = "<div class='paywall'><h3>Subscribe to continue reading</h3><p>Already a subscriber? Sign in.</p></div>"
    found = read(page(paragraphs(PARAGRAPHS[:2]) + wall, head=head))
    assert found.state == "paywall"
    found = read(page(paragraphs(PARAGRAPHS[:2]) + wall))
    assert found.state == "paywall"


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"%PDF-1.7 ...", "application/pdf"),
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b'{"a": 1}', "application/json"),
        (b"GIF89a", None),
        (b"\x1f\x8b\x08\x00", "text/html"),
        (b"PK\x03\x04", None),
    ],
)
def test_what_is_not_html_is_an_error_with_a_reason(data: bytes, kind: str | None) -> None:
    found = read(data, content_type=kind)
    assert found.state == "error"
    assert "not a page" in found.reason


def test_an_article_about_cookies_captchas_and_missing_pages_is_an_article() -> None:
    about = (
        "The court ruled on Monday that sites may not demand that visitors accept all cookies before they can read a page at all.",
        "“Verifying you are human” has become the most read sentence of the web, a study of bot checks found; most people hate it.",
        "Error pages that say “page not found” are older than most of their readers, said the author of the study, Ilse Marn.",
        *PARAGRAPHS,
    )
    found = read(page(paragraphs(about), title="Court forbids cookie walls and other nuisances"))
    assert found.state == "ok", found
