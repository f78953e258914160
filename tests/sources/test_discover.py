"""`outlet add` is given any address of a site and finds what to follow."""

from __future__ import annotations

import time

import pytest

from mirror import sample
from mirror.net import FetchError
from mirror.sources import discover
from mirror.sources._discover import MAX_REQUESTS
from tests.net.world import World, client, moved, reply, world


def rss(site: World, *names: str, title: str = "News", day: int = 1, full: bool = False) -> bytes:
    text = "<content:encoded>&lt;p&gt;x&lt;/p&gt;</content:encoded>" if full else ""
    rest = f"<pubDate>2027-03-{day:02}</pubDate>{text}</item>"
    items = "".join(f"<item><title>{name}</title><link>{site.url('/' + name)}</link>{rest}" for name in names)
    space = 'xmlns:content="http://purl.org/rss/1.0/modules/content/"'
    return reply(
        f"<rss {space}><channel><title>{title}</title><language>ru</language>{items}</channel></rss>".encode(),
        content_type="application/rss+xml",
    )


def page(head: str = "", body: str = "") -> bytes:
    return reply(f"<!doctype html><html lang='fa-IR'><head>{head}</head><body>{body}</body></html>".encode())


async def test_the_feed_a_front_page_declares_is_found() -> None:
    async with world() as site, client() as guest:
        site.answers["/"] = page(
            "<title>خبر</title><meta property='og:site_name' content='Khabar &amp; co'>"
            "<link rel=alternate type='application/rss+xml' title=Comments href='/comments/feed'>"
            "<link rel='ALTERNATE' type='application/atom+xml; charset=utf-8' href='all.xml'>"
            "<link rel=alternate type='application/json' href='/wp-json/wp/v2/pages/2'>"
        )
        site.answers["/all.xml"] = rss(site, "a", "b")
        found = await discover(guest, site.url("/"), allow_private=True)
    assert [one.url for one in found] == [site.url("/all.xml")]
    best = found.candidates[0]
    assert (best.kind, best.format, best.title, best.language, best.items) == ("feed", "rss", "News", "ru", 2)
    assert (found.name, found.language, found.site, found.problem) == ("Khabar & co", "fa-IR", site.url("/"), None)
    assert "/comments/feed" not in site.paths()
    assert "/feed" not in site.paths()  # nothing is guessed where something is declared


async def test_an_article_leads_to_the_site_s_feed() -> None:
    async with world() as site, client() as guest:
        site.answers["/2027/a.html"] = page("<title>One article</title>")
        site.answers["/"] = page("<link rel=alternate type=application/rss+xml href=/rss>")
        site.answers["/rss"] = rss(site, "2027/a.html")
        found = await discover(guest, site.url("/2027/a.html"), allow_private=True)
    assert [one.url for one in found.feeds] == [site.url("/rss")]


async def test_a_feed_given_directly_is_taken_first() -> None:
    async with world() as site, client() as guest:
        site.answers["/mine.xml"] = rss(site, "a", "b", title="Mine")
        site.answers["/"] = page("<title>Site</title>")
        found = await discover(guest, site.url("/mine.xml"), allow_private=True)
    assert found.candidates[0].url == site.url("/mine.xml")
    assert found.candidates[0].title == "Mine"


async def test_links_and_common_places_are_tried_when_nothing_is_declared() -> None:
    async with world() as site, client() as guest:
        site.answers["/"] = page(
            body="<a href='/export/rss2.php'>RSS</a><a href='/about'>About</a><a href='/crisis'>x</a>"
        )
        site.answers["/export/rss2.php"] = rss(site, "a")
        found = await discover(guest, site.url("/"), allow_private=True)
        assert [one.url for one in found.feeds] == [site.url("/export/rss2.php")]
        assert "/about" not in site.paths()
    async with world() as site, client() as guest:
        site.answers["/"] = page()
        site.answers["/rss"] = moved("/feeds/main.xml")
        site.answers["/feeds/main.xml"] = rss(site, "a")
        found = await discover(guest, site.url("/"), allow_private=True)
        assert [one.url for one in found.feeds] == [site.url("/rss")]


async def test_sitemaps_are_found_by_robots_txt_the_news_one_first() -> None:
    async with world() as site, client() as guest:
        site.answers["/"] = page()
        site.answers["/robots.txt"] = reply(
            f"Sitemap: {site.url('/big.xml')}\nSitemap: {site.url('/google-news.xml')}\n".encode(),
            content_type="text/plain",
        )
        index = f"<sitemapindex><sitemap><loc>{site.url('/part.xml')}</loc></sitemap></sitemapindex>"
        site.answers["/big.xml"] = reply(index.encode())
        for name, path in (("part", "/part.xml"), ("google-news", "/google-news.xml")):
            site.answers[path] = reply(f"<urlset><url><loc>{site.url('/' + name)}</loc></url></urlset>".encode())
        found = await discover(guest, site.url("/"), allow_private=True)
    assert [one.url for one in found.sitemaps] == [site.url("/google-news.xml"), site.url("/big.xml")]
    assert found.candidates[1].format == "sitemap-index"
    assert found.candidates[1].articles[0].url == site.url("/part")


async def test_the_best_feed_comes_first_and_the_same_one_once() -> None:
    async with world() as site, client() as guest:
        links = "".join(
            f"<link rel=alternate type=text/xml href=/{name}>"
            for name in ("stale", "talk", "copy", "news", "full", "empty")
        )
        site.answers |= {
            "/": page(links),
            "/stale": rss(site, "z"),
            "/talk": rss(site, "a#c1", title="Comments on: News", day=9),
            "/news": rss(site, "a", "b", day=8),
            "/copy": rss(site, "a", "b", day=8),
            "/full": rss(site, "a", "b", "c", day=8, full=True),
            "/empty": rss(site),
        }
        found = await discover(guest, site.url("/"), allow_private=True)
    assert [one.url.rsplit("/", 1)[1] for one in found.feeds] == ["full", "copy", "stale", "talk"]


async def test_nothing_found_says_what_was_tried() -> None:
    async with world() as site, client() as guest:
        site.answers["/"] = page()
        found = await discover(guest, site.url("/"), allow_private=True)
        assert not found
        assert "no feed and no sitemap" in (found.problem or "")
        assert len(site.log) <= MAX_REQUESTS + 2
        found = await discover(guest, site.url("/missing"), allow_private=True)
        assert "404" in (found.problem or "")


async def test_a_site_that_does_not_answer_is_an_error_and_a_private_one_is_refused() -> None:
    async with world() as site:
        url = site.url("/")
    async with client() as guest:
        with pytest.raises(FetchError) as error:
            await discover(guest, url, allow_private=True)
        assert error.value.kind == "connect"
        with pytest.raises(FetchError) as error:
            await discover(guest, "http://127.0.0.1/")
        assert error.value.kind == "address"


@pytest.mark.parametrize(
    "unit", ["<", "<!--", "<a href=/feed>", "<link rel=alternate type=text/xml href='/x", "<![CDATA[", "&"]
)
async def test_a_hostile_page_takes_seconds_at_most(unit: str) -> None:
    async with world() as site, client() as guest:
        site.answers["/"] = reply(("<html>" + unit * (7_000_000 // len(unit))).encode())
        began = time.process_time()
        assert not await discover(guest, site.url("/"), allow_private=True)
        assert time.process_time() - began < 10
        assert len(site.log) <= MAX_REQUESTS + 4


async def test_what_was_asked_for_comes_before_what_the_whole_site_has() -> None:
    """A language edition's page gives that edition's feed, and a feed's own address gives that feed."""
    with sample.serve() as outlet:
        async with client() as guest:
            for asked, feed in (("/ru/", "/ru/feed.xml"), ("/fa/feed.xml", "/fa/feed.xml"), ("/", "/feed.xml")):
                found = await discover(guest, outlet.url + asked, allow_private=True)
                assert found.candidates[0].url == outlet.url + feed
                assert len(found.candidates) > 1, "the others are still shown"
