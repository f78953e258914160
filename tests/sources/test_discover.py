"""`outlet add` is given any address of a site and finds what to follow."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime

import pytest

from mirror import sample
from mirror.net import FetchError
from mirror.sources import discover
from mirror.sources._choosing import Choice, choose
from mirror.sources._discover import MAX_REQUESTS, Discovery
from mirror.sources.wordpress import posts
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


# --- what is chosen, and why ------------------------------------------------------------------------------------------

NOW = datetime(2027, 3, 9, 12, tzinfo=UTC)


def chosen(found: Discovery) -> Choice:
    return choose(found, now=NOW)


def news(site: World, *names: str, hour: int = 8) -> bytes:
    """A news sitemap, an article an hour."""
    entries = "".join(
        f"<url><loc>{site.url('/' + name)}</loc><news:news><news:title>{name}</news:title>"
        f"<news:publication_date>2027-03-09T{max(hour - n, 0):02}:00:00Z</news:publication_date></news:news></url>"
        for n, name in enumerate(names)
    )
    return reply(f'<urlset xmlns:news="http://www.google.com/schemas/sitemap-news/0.9">{entries}</urlset>'.encode())


def links(section: str, many: int = 5) -> str:
    return "".join(f"<h3><a href='/{section}/2027/03/{n}.html'>Headline {n}</a></h3>" for n in range(many))


def wordpress(site: World, *names: str) -> dict[str, bytes]:
    body = [
        {
            "link": site.url("/" + name),
            "title": {"rendered": name},
            "date_gmt": f"2027-03-0{8 - n % 8}T00:00:00",
            "content": {"rendered": "<p>All of it.</p>", "protected": False},
        }
        for n, name in enumerate(names)
    ]
    path = posts(site.url("/wp-json/")).removeprefix(site.url(""))
    return {path: reply(json.dumps(body).encode(), content_type="application/json")}


async def test_a_news_sitemap_stands_beside_a_feed_that_misses_articles() -> None:
    async with world() as site, client() as guest:
        site.answers |= {
            "/": page("<link rel=alternate type=application/rss+xml href=/feed>"),
            "/feed": rss(site, "a", "b", day=9, full=True),
            "/robots.txt": reply(f"Sitemap: {site.url('/news.xml')}\nSitemap: {site.url('/all.xml')}".encode()),
            "/news.xml": news(site, "a", "b", "c", "d"),
            "/all.xml": reply(f"<urlset><url><loc>{site.url('/about')}</loc></url></urlset>".encode()),
        }
        choice = chosen(await discover(guest, site.url("/"), allow_private=True))
    assert [(one.kind, one.url) for one in choice.used] == [
        *(("feed", site.url("/feed")), ("sitemap", site.url("/news.xml")))
    ]
    assert choice.why == (
        f"feed: {site.url('/feed')}  2 articles, newest 12 h old, whole texts",
        f"news sitemap beside it: {site.url('/news.xml')}  because it lists 2 articles of the same time that the first "
        "one misses",
    )
    assert choice.left == (
        f"sitemap left out: {site.url('/all.xml')}  lists everything the site has; put it into `sitemaps` to back-fill "
        "from it",
    )


async def test_wordpress_stands_beside_a_feed_of_beginnings_and_is_left_out_when_it_refuses() -> None:
    async with world() as site, client() as guest:
        site.answers |= {
            "/": page("<link rel=alternate type=text/xml href=/feed><link rel='https://api.w.org/' href=/wp-json/>"),
            "/feed": rss(site, "a", "b", day=8),
        } | wordpress(site, *"abcdef")
        choice = chosen(await discover(guest, site.url("/"), allow_private=True))
        assert [one.kind for one in choice.used] == ["feed", "wordpress"]
        assert choice.why[1].endswith("because it gives whole texts and lists 3 times as many")
        site.answers |= {path: reply(b"{}", 401, "No") for path in wordpress(site)}
        choice = chosen(await discover(guest, site.url("/"), allow_private=True))
        assert [one.kind for one in choice.used] == ["feed"]
        assert "WordPress left out: it refuses (401)" in choice.left


async def test_a_site_of_scripts_with_wordpress_behind_it_is_read_by_its_interface() -> None:
    async with world() as site, client() as guest:
        site.answers |= {"/": page("<script src=/app.js></script>", "<div id=root></div>")} | wordpress(site, "a", "b")
        found = await discover(guest, site.url("/"), allow_private=True)
        assert [one.kind for one in chosen(found).used] == ["wordpress"]
        assert found.candidates[0].url == site.url("/wp-json/")
        assert len(site.log) <= MAX_REQUESTS


async def test_a_site_that_has_only_pages_is_read_by_those_that_list_articles() -> None:
    async with world() as site, client() as guest:
        menu = "<nav><a href=/politics/>P</a><a href=/sport/>S</a><a href=/about/>About</a></nav>"
        site.answers |= {
            "/": page(body=menu + links("politics")),
            "/politics/": page(body=menu + links("politics")),
            "/sport/": page(body=menu + links("sport")),
            "/about/": page(body=menu + "<p>Us</p>"),
        }
        choice = chosen(await discover(guest, site.url("/"), allow_private=True))
        assert [(one.kind, one.url) for one in choice.used] == [
            *(("section", site.url("/")), ("section", site.url("/sport/")))
        ]
        assert len(site.log) <= MAX_REQUESTS


async def test_a_site_that_has_only_a_sitemap_index_is_read_by_it() -> None:
    async with world() as site, client() as guest:
        index = f"<sitemapindex><sitemap><loc>{site.url('/1.xml')}</loc></sitemap></sitemapindex>"
        site.answers |= {"/": page(), "/sitemap_index.xml": reply(index.encode()), "/1.xml": news(site, "a", "b")}
        choice = chosen(await discover(guest, site.url("/"), allow_private=True))
    assert choice.of("sitemap") == [site.url("/sitemap_index.xml")]


async def test_a_language_edition_without_a_feed_of_its_own_is_read_by_its_page() -> None:
    async with world() as site, client() as guest:
        site.answers |= {
            "/": reply(b"<html lang=en><link rel=alternate type=text/xml href=/feed>"),
            "/fa/": page(body=links("fa")),
            "/feed": rss(site, "a", "b", day=9),  # in Russian
        }
        choice = chosen(await discover(guest, site.url("/fa/"), allow_private=True))
    assert (choice.used[0].kind, choice.used[0].url) == ("section", site.url("/fa/"))
    assert "another language (ru)" in choice.why[0]
    assert "a separate outlet" in choice.left[0]


async def test_the_feed_of_an_edition_is_not_joined_by_what_is_of_the_others() -> None:
    """Each edition of the built-in outlet has a feed, and the site has one of all of them, and a sitemap of news."""
    with sample.serve() as outlet:
        async with client() as guest:
            for language in ("en", "ru", "fa", "zh"):
                found = await discover(guest, f"{outlet.url}/{language}/", allow_private=True)
                choice = choose(found, now=datetime(2026, 11, 22, tzinfo=UTC))
                assert [one.url for one in choice.used] == [f"{outlet.url}/{language}/feed.xml"]
                assert choice.articles == ()
                assert found.language == language
            found = await discover(guest, outlet.url, allow_private=True)
            assert found.part is None
            assert choose(found, now=datetime(2026, 11, 22, tzinfo=UTC)).used[0].url == f"{outlet.url}/feed.xml"


async def test_a_section_without_a_feed_takes_its_articles_out_of_the_site_s() -> None:
    async with world() as site, client() as guest:
        site.answers |= {
            "/": page("<link rel=alternate type=text/xml href=/feed>"),
            "/city/": page("<link rel=alternate type=text/xml href=/feed>", "<p>Nothing to see</p>"),
            "/city/a": page("<link rel=alternate type=text/xml href=/feed>"),
            "/feed": rss(site, "city/a", "city/b", "city/c", "sea/d", "sea/e", day=9),
            "/news-sitemap.xml": news(site, "sea/f", "sea/g", "sea/h", "city/i"),
        }
        for asked in ("/city/", "/city", "/city/index.html"):
            site.answers[asked] = site.answers["/city/"]
            choice = chosen(await discover(guest, site.url(asked), allow_private=True))
            assert [one.url for one in choice.used] == [site.url("/feed")]
            assert choice.articles == ("/city/*",)
            assert choice.why[0].startswith(f"feed: {site.url('/feed')}  3 articles")
            assert choice.why[1] == 'of these only what is below /city/: articles = ["/city/*"]'
            assert "is of other parts of the site (1 of 4 are below /city/)" in choice.left[0]
        for asked in ("/", "/city/a"):  # the whole site, and an article
            assert chosen(await discover(guest, site.url(asked), allow_private=True)).articles == ()


async def test_a_section_with_a_feed_and_articles_anywhere_takes_nothing_of_the_whole_site() -> None:
    declared = "<link rel=alternate type=text/xml href=/feed>"
    async with world() as site, client() as guest:
        site.answers |= {
            "/": page(declared),
            "/city/": page(declared + "<link rel=alternate type=text/xml href=/city.xml>"),
            "/feed": rss(site, *"abcdefgh", day=9),
            "/city.xml": rss(site, "a", "b", day=9),
        }
        choice = chosen(await discover(guest, site.url("/city/"), allow_private=True))
        assert (choice.of("feed"), choice.articles) == ([site.url("/city.xml")], ())
        assert choice.left == (f"feed left out: {site.url('/feed')}  is of the whole site",)
        # An article's page names the feed of the comments on it; that is no part of the site.
        site.answers["/a"] = site.answers["/city/"]
        site.answers["/city.xml"] = rss(site, "a#1", "a#2", title="What people said")
        assert chosen(await discover(guest, site.url("/a"), allow_private=True)).of("feed") == [site.url("/feed")]


async def test_a_section_that_the_site_s_feed_does_not_tell_of_is_read_by_its_page() -> None:
    async with world() as site, client() as guest:
        site.answers |= {
            "/": page("<link rel=alternate type=text/xml href=/feed>"),
            "/city/": page(body=links("city")),
            "/feed": rss(site, "sea/a", "sea/b").replace(b"<language>ru</language>", b" " * 23),
        }
        choice = chosen(await discover(guest, site.url("/city/"), allow_private=True))
    assert [(one.kind, one.url) for one in choice.used] == [("section", site.url("/city/"))]
    assert choice.why[0].endswith("; the feed of the site is of other parts of it")


async def test_a_wall_is_told_from_a_site_and_what_can_be_done_is_said() -> None:
    wall = reply(
        b"<html><head><title>Just a moment...</title></head></html>", 403, "Forbidden", cf_mitigated="challenge"
    )
    async with world() as site, client() as guest:
        site.answers |= dict.fromkeys(("/", "/feed", "/robots.txt"), wall)
        found = await discover(guest, site.url("/"), allow_private=True)
        assert not found
        assert "wall" in (found.problem or "")
        assert all(word in (found.hint or "") for word in ("egress", "cookies", "import", "Telegram"))
        assert len(site.log) < 12
        site.answers["/feed"] = rss(site, "a")  # some walls let programs have what is made for them
        found = await discover(guest, site.url("/"), allow_private=True)
        assert [one.kind for one in found] == ["feed"]
        assert any("wall" in line for line in chosen(found).left)


async def test_what_robots_txt_forbids_is_left_out_and_said() -> None:
    async with world() as site, client() as guest:
        site.answers |= {
            "/": page("<link rel=alternate type=text/xml href=/feed>"),
            "/feed": rss(site, "a"),
            "/robots.txt": reply(b"User-agent: *\nDisallow: /feed$", content_type="text/plain"),
        }
        found = await discover(guest, site.url("/"), allow_private=True)
        assert not found
        assert any("robots.txt forbids it" in note for note in found.notes)
        assert site.count("/feed") == 0


async def test_hubs_and_channels_are_told_of() -> None:
    async with world() as site, client() as guest:
        feed = rss(site, "a", day=9).replace(b"<channel>", b"<channel><link rel='hub' href='https://hub.example/'/>")
        site.answers |= {
            "/": page("<link rel=alternate type=text/xml href=/feed>", "<a href='https://t.me/s/newsexample'>T</a>"),
            "/feed": reply(feed.partition(b"\r\n\r\n")[2]),
        }
        choice = chosen(await discover(guest, site.url("/"), allow_private=True))
    assert f"{site.url('/feed')} announces new articles at https://hub.example/ (WebSub)" in choice.left[0]
    assert "@newsexample" in choice.left[1]


async def test_an_address_that_is_wrong_is_said_to_be() -> None:
    async with world() as site, client() as guest:
        site.answers |= {"/": page("<link rel=alternate type=text/xml href=/feed>"), "/feed": rss(site, "a", day=9)}
        choice = chosen(await discover(guest, site.url("/wrong"), allow_private=True))
    assert choice.of("feed") == [site.url("/feed")]
    assert f"{site.url('/wrong')} itself answered 404; this is what was found around it" in choice.left


async def test_silent_and_foreign_feeds_are_not_used() -> None:
    async with world() as site, client() as guest:
        old = rss(site, "z").replace(b"2027-03-01", b"2019-03-01")
        site.answers |= {
            "/": page(
                "".join(f"<link rel=alternate type=text/xml href=/{name}>" for name in ("old", "foreign", "now"))
            ),
            "/old": old,
            "/foreign": rss(site, "x").replace(site.url("/x").encode(), b"https://elsewhere.example/xxxxx")[: 10**6],
            "/now": rss(site, "a", "b", day=9),
        }
        found = await discover(guest, site.url("/"), allow_private=True)
    choice = chosen(found)
    assert choice.of("feed") == [site.url("/now")]
    assert any("is silent since 2019-03-01" in line for line in choice.left)
