"""Live blogs: whichever way a system marks its posts up, and pages whose posts only come by script."""

# ruff: noqa: E501 - markup as real sites write it is wide

from __future__ import annotations

import json

import pytest

from mirror.extract import extract
from mirror.model import Draft, Update
from mirror.pack import text_of
from tests.extract.made_up import PARAGRAPHS, TITLE, URL, article, page, paragraphs

TEXTS = (PARAGRAPHS[4], PARAGRAPHS[3], PARAGRAPHS[1])
TIMES = ("2027-03-01T11:00:00Z", "2027-03-01T10:30:00Z", "2027-03-01T10:00:00Z")
SECONDS = ("1803898800", "1803897000", "1803895200")


def posts(form: str) -> str:
    return "".join(
        form.format(n=n, time=time, seconds=seconds, text=text, url=f"{URL}#post-{n}")
        for n, (time, seconds, text) in enumerate(zip(TIMES, SECONDS, TEXTS, strict=True))
    )


FORMS = {
    "class and time": "<article class='liveblog__entry' id=p{n}><a href='{url}'><time datetime='{time}'>later</time></a><h3>Post {n}</h3><p>{text}</p></article>",
    "post number": "<div data-post-id='{n}'><time datetime='{time}'>11:00</time><h4>Post {n}</h4><div class=body><p>{text}</p></div></div>",
    "seconds": "<li data-entry-id=e{n} data-timestamp={seconds}><span>11:00</span><h3>Post {n}</h3><p>{text}</p></li>",
    "microdata": "<div itemprop=liveBlogUpdate itemscope itemtype='https://schema.org/BlogPosting'><meta itemprop=datePublished content='{time}'><h2 itemprop=headline>Post {n}</h2><div itemprop=articleBody><p>{text}</p></div></div>",
    "block number": "<section data-block-id=b{n} class='block'><p class=block-time><time datetime='{time}'>11.00</time></p><h2>Post {n}</h2><p>{text}</p></section>",
}


def updates(found: Draft) -> list[tuple[str | None, str | None]]:
    return [(block.time, block.title) for block in found.blocks if isinstance(block, Update)]


def data(*numbers: int) -> str:
    listed = [
        {
            "@type": "BlogPosting",
            "headline": f"Post {n}",
            "datePublished": TIMES[n],
            "articleBody": f"{TEXTS[n]}",
        }
        for n in numbers
    ]
    blog = {"@type": "LiveBlogPosting", "headline": TITLE, "datePublished": TIMES[2], "liveBlogUpdate": listed}
    return f"<script type='application/ld+json'>{json.dumps(blog)}</script>"


@pytest.mark.parametrize("form", FORMS)
def test_posts_keep_time_title_text_and_the_order_of_the_page(form: str) -> None:
    body = f"{paragraphs(PARAGRAPHS[:1])}<div class='live-blog'>{posts(FORMS[form])}</div>"
    found = article(page(body))
    assert updates(found) == [(time, f"Post {n}") for n, time in enumerate(TIMES)]
    assert [text_of(block.blocks) for block in found.blocks if isinstance(block, Update)] == list(TEXTS)
    assert text_of(found.blocks).count(PARAGRAPHS[0]) == 1


def test_numbers_of_posts_on_a_page_that_is_no_live_blog_are_nothing() -> None:
    found = article(page(paragraphs() + f"<div class='latest'>{posts(FORMS['post number'])}</div>"))
    assert updates(found) == []


def test_posts_that_only_the_data_has_are_put_where_their_time_belongs() -> None:
    form = FORMS["class and time"]
    shown = "".join(form.format(n=n, time=TIMES[n], text=TEXTS[n], url=URL, seconds="") for n in (0, 2))
    found = article(page(f"<div class='live-blog'>{shown}</div>", head=data(0, 1, 2)))
    assert updates(found) == [(time, f"Post {n}") for n, time in enumerate(TIMES)]


def test_a_live_blog_whose_posts_come_by_script_is_held_back_and_says_so() -> None:
    for head, body in (
        (data(), f"<p>{PARAGRAPHS[0]}</p><div id=posts></div>"),
        (
            "",
            f"<p>{PARAGRAPHS[0]}</p><div class='live-blog' data-url='/live/7/0'><script type='text/html'><p>x</p></script></div>",
        ),
    ):
        found = extract(page(body, head=head), url=URL)
        assert found.state == "script-only"
        assert "live blog" in found.reason


def test_a_long_article_with_an_empty_ticker_beside_it_is_an_article() -> None:
    ticker = "<div class='newsticker' data-url='/ticker/7'></div>"
    assert extract(page(paragraphs() * 2 + ticker), url=URL).state == "ok"
