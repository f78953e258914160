"""Lists that people make, pages that link to articles, and the patterns that say which addresses are."""

from __future__ import annotations

from pathlib import Path

import pytest

from mirror.sources import Item, NotUnderstood, listing, section, sources
from mirror.sources._patterns import matches, wanted
from mirror.sources._unwrap import unwrapped
from tests.net.world import client, reply, world
from tests.sources.memory import AnOutlet, InMemory
from tests.sources.suite import NOW

HERE = "https://news.example/list"


@pytest.mark.parametrize(
    "text",
    [
        "# ours\nhttps://news.example/a\n\nhttps://news.example/b?utm_source=x\nhttps://news.example/a\nnot one\n",
        'url,title,date\nhttps://news.example/a,"A, and more",2027-03-01\nhttps://news.example/b,B,\n',
        "A\thttps://news.example/a\nB\thttps://news.example/b\n",
        "Date;Link\n2027-03-01;https://news.example/a\n;/b\n",
        '["https://news.example/a", "/b", 5, null, "x"]',
        '{"articles": [{"URL": "https://news.example/a", "title": "A"}, {"link": "/b"}, {"x": 1}]}',
        '<opml version="2.0"><body><outline text="A" type="link" url="https://news.example/a"/><outline text="f" '
        'xmlUrl="https://news.example/feed" htmlUrl="https://news.example/"/><outline htmlUrl="/b"/></body></opml>',
    ],
)
def test_lists_come_in_many_forms(text: str) -> None:
    parsed = listing.parse(text.encode(), content_type="", url=HERE)
    assert [item.url for item in parsed.items] == ["https://news.example/a", "https://news.example/b"]


def test_columns_of_a_list_are_read_by_their_names() -> None:
    text = 'url,title,date\nhttps://news.example/a,"A, and more",2027-03-01T08:00:00Z\n'
    (item,) = listing.parse(text.encode(), content_type="", url=HERE).items
    assert item == Item(url="https://news.example/a", title="A, and more", published="2027-03-01T08:00:00Z")


async def test_a_list_may_be_a_file_and_a_broken_one_is_a_problem(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.txt", tmp_path / "bad.txt"
    good.write_text("https://news.example/a\n/nothing\n")
    bad.write_text("nothing at all\n")
    outlet = AnOutlet(lists=(str(good), str(bad), str(tmp_path), str(tmp_path / "none.txt")))
    async with client() as guest:
        found = await sources()["list"].find(guest, outlet, InMemory(), now=NOW)
    assert [item.url for item in found.items] == ["https://news.example/a"]
    for path, says in (
        (bad, "no articles"),
        (tmp_path, "directory"),
        (tmp_path / "none.txt", "No such file"),
    ):
        assert f"{path}: " in (found.problem or "")
        assert says in (found.problem or "")


PAGE = """<!doctype html><html lang="ru"><body>
<header><a href="/about">О проекте и о тех, кто его делает</a><nav>
<a href="/2027/03/01/not-this-one-in-the-menu">x</a></nav></header>
<main><h2><a href="/news/short">Коротко</a></h2>
<div class="card"><a href="/2027/03/rain">Дождь</a></div>
<div class="card"><a href="/politics/a-long-name-of-something">Этот заголовок длинный, как бывает</a></div>
<div class="card"><a href="/politics/a-long-name-of-something"><img src="x.jpg" alt="x"></a></div>
<article><a href="/x/77"><h3>Headline inside</h3></a><a class="tag" href="/tag/weather">weather</a></article>
<a href="/files/report-of-the-whole-year-2027.pdf">Отчёт за весь год в одном файле</a>
<a href="https://other.example/2027/03/01/a-long-name">Elsewhere</a><a href="/">Home</a></main>
<footer><a href="/legal/terms-of-use-of-this-site">Terms and conditions of this whole site</a></footer>
<a class="pagination next" href="?page=2">2</a></body></html>"""


def test_links_that_are_headlines_are_articles_and_menus_are_not() -> None:
    parsed = section.parse(PAGE.encode(), content_type="", url="https://news.example/politics/")
    assert [item.url.removeprefix("https://news.example") for item in parsed.items] == [
        *("/news/short", "/2027/03/rain", "/politics/a-long-name-of-something", "/x/77")
    ]
    assert parsed.items[2].title == "Этот заголовок длинный, как бывает"
    assert (parsed.language, parsed.next) == ("ru", "https://news.example/politics/?page=2")


def test_with_patterns_every_link_that_matches_is_an_article() -> None:
    parsed = section.parse(PAGE.encode(), content_type="", url="https://news.example/politics/", articles=("/about",))
    assert [item.url for item in parsed.items] == ["https://news.example/about"]
    with pytest.raises(NotUnderstood, match="no link matches"):
        section.parse(PAGE.encode(), content_type="", url="https://news.example/politics/", articles=("/nothing/*",))


async def test_what_was_remembered_under_other_patterns_does_not_count() -> None:
    memory = InMemory()
    async with world() as site, client() as guest:
        site.answers["/politics/"] = reply(PAGE.encode(), etag='"1"')
        for articles, many in (((), 4), (("/x/*", "/news/*"), 2), ((), 4)):
            outlet = AnOutlet(sections=(site.url("/politics/"),), articles=articles)
            found = await sources()["section"].find(guest, outlet, memory, now=NOW)
            assert len(found.items) == many
    assert site.log[-1].headers["if-none-match"] == '"1"'


@pytest.mark.parametrize(
    ("pattern", "path", "fits"),
    [
        ("/news/*", "/news/a", True),
        ("/news/*", "/news/2027/a?id=1", True),
        ("/news/*", "/new/s", False),
        ("/news/*.html", "/news/a.html?x=1", True),
        ("/news/*.html", "/news/a", False),
        ("/a*b*c", "/a-b-c", True),
        ("/a*b*c", "/a-c-b", False),
        ("/ab*ba", "/aba", False),
        ("/?id=*", "/?id=5", True),
        ("/?id=*", "/?page=5", False),
        ("*/amp", "/x/amp", True),
        ("/новости/*", "/%D0%BD%D0%BE%D0%B2%D0%BE%D1%81%D1%82%D0%B8/a", True),
        ("https://news.example/x*", "/x1", True),
        ("https://other.example/*", "/x1", False),
        ("/exact", "/exact", True),
        ("/exact", "/exactly", False),
    ],
)
def test_patterns_mean_what_they_seem_to(pattern: str, path: str, fits: bool) -> None:
    assert matches(pattern, f"https://news.example{path}") is fits


def test_patterns_choose_and_exclude() -> None:
    urls = ["https://news.example/news/a", "https://news.example/news/horoscope/b", "https://news.example/shop/c"]
    post = Item(url="https://t.me/news/1", guid="telegram:news/1", complete=True)
    outlet = AnOutlet(articles=("/news/*",), exclude=("/news/horoscope/*",))
    assert wanted(outlet, (*(Item(url=url) for url in urls), post)) == (Item(url=urls[0]), post)


@pytest.mark.parametrize(
    ("wrapped", "url"),
    [
        ("https://www.google.com/url?rct=j&url=https://news.example/a?utm_source%3Dx&ct=ga", "https://news.example/a"),
        ("https://l.facebook.com/l.php?u=https%3A%2F%2Fnews.example%2Fa&h=x", "https://news.example/a"),
        (
            "https://news.google.com/rss/articles/CBMiFmh0dHBzOi8vbmV3cy5leGFtcGxlL2HSAQA?oc=5",
            "https://news.example/a",
        ),
        (
            "https://news.google.com/rss/articles/CBMiAAAAAAAAAAAA",
            "https://news.google.com/rss/articles/CBMiAAAAAAAAAAAA",
        ),
        (
            "https://news.example/google.html?url=https://other.example/",
            "https://news.example/google.html?url=https://other.example/",
        ),
        ("https://www.google.com/url?url=javascript:x", "https://www.google.com/url?url=javascript:x"),
    ],
)
def test_an_address_behind_another_one_is_found(wrapped: str, url: str) -> None:
    assert unwrapped(wrapped) == url
