"""An outlet's past: all of it, once, from wherever it was left."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

from mirror.sources import Batch, sources
from mirror.sources.feed import paged
from mirror.sources.wordpress import posts
from tests.net.world import World, client, reply, world
from tests.sources.memory import AnOutlet, InMemory
from tests.sources.suite import NOW


async def gone_back(name: str, outlet: AnOutlet, *, cursor: str | None = None, most: int = 1000) -> list[Batch]:
    made: list[Batch] = []
    async with client() as guest:
        async for batch in sources()[name].back(guest, outlet, InMemory(), cursor=cursor, now=NOW):
            made.append(batch)
            if len(made) >= most:
                break
    return made


def names(site: World, batches: list[Batch]) -> list[str]:
    return [item.url.removeprefix(site.url("/")) for batch in batches for item in batch.items]


async def everywhere(name: str, outlet: AnOutlet, site: World) -> list[str]:
    """What a walk gives, after checking that one begun at any of its cursors gives the rest."""
    whole = await gone_back(name, outlet)
    assert whole[-1].done
    assert whole[-1].cursor is None
    assert all(batch.problem is None for batch in whole)
    for number, batch in enumerate(whole):
        if batch.cursor is not None:
            rest = await gone_back(name, outlet, cursor=batch.cursor)
            assert names(site, rest) == names(site, whole[number + 1 :])
    assert names(site, await gone_back(name, outlet, cursor="nonsense")) == names(site, whole)
    return names(site, whole)


def rss(site: World, *listed: str, more: str = "") -> bytes:
    items = "".join(f"<item><link>{site.url('/' + one)}</link></item>" for one in listed)
    space = 'xmlns:atom="http://www.w3.org/2005/Atom"'
    return reply(f"<rss {space}><channel>{more}{items}</channel></rss>".encode())


async def test_archived_feeds_are_followed_to_the_first() -> None:
    async with world() as site:
        older = "<atom:link rel='prev-archive' href='{}'/>"
        site.answers["/feed"] = rss(site, "e", "d", more=older.format("/2027"))
        site.answers["/2027"] = rss(site, "c", more=older.format("/2026"))
        site.answers["/2026"] = rss(site, "b", "a", more=older.format("/feed"))  # in a circle
        site.answers["/other"] = rss(site, "z", more="<atom:link rel='next' href='https://elsewhere.example/feed'/>")
        outlet = AnOutlet(feeds=(site.url("/feed"), site.url("/other")))
        assert await everywhere("feed", outlet, site) == ["e", "d", "c", "b", "a", "z"]


async def test_feeds_that_can_be_paged_are_and_those_that_cannot_end_at_once() -> None:
    async with world() as site:
        site.answers["/feed"] = rss(site, "d", "c")
        site.answers["/feed?paged=2"] = rss(site, "b", "a")
        site.answers["/same"] = site.answers["/same?paged=2"] = rss(site, "y")
        outlet = AnOutlet(feeds=(site.url("/feed"), site.url("/same")))
        assert await everywhere("feed", outlet, site) == ["d", "c", "b", "a", "y"]
        assert not any("paged=3" in path and "same" in path for path in site.paths())
    assert paged("https://n.example/?feed=rss2&paged=2", 3) == "https://n.example/?feed=rss2&paged=3"


def urlset(site: World, *listed: str) -> bytes:
    return f"<urlset>{''.join(f'<url><loc>{site.url(chr(47) + one)}</loc></url>' for one in listed)}</urlset>".encode()


async def test_sitemaps_are_read_whole_document_after_document() -> None:
    async with world() as site:
        parts = "".join(
            f"<sitemap><loc>{site.url(f'/part{n}')}</loc><lastmod>2027-0{n}-01</lastmod></sitemap>" for n in (1, 2, 3)
        )
        site.answers["/index.xml"] = reply(f"<sitemapindex>{parts}</sitemapindex>".encode())
        site.answers["/part1"] = reply(urlset(site, "a"))
        site.answers["/part2"] = reply(gzip.compress(urlset(site, *(f"m{n}" for n in range(5_000)))))
        site.answers["/part3"] = reply(f"<sitemapindex><sitemap><loc>{site.url('/deep')}</loc></sitemap>".encode())
        site.answers["/deep"] = reply(urlset(site, "z", "y"))
        outlet = AnOutlet(sitemaps=(site.url("/index.xml"),))
        found = await everywhere("sitemap", outlet, site)
        assert found == ["z", "y", *(f"m{n}" for n in range(5_000)), "a"]


async def test_a_broken_part_of_a_sitemap_is_told_of_and_the_others_are_read() -> None:
    async with world() as site:
        parts = "".join(f"<sitemap><loc>{site.url(f'/part{n}')}</loc></sitemap>" for n in (1, 2, 3))
        site.answers["/index.xml"] = reply(f"<sitemapindex>{parts}</sitemapindex>".encode())
        site.answers["/part1"] = reply(b"<!doctype html><html>error</html>")
        site.answers["/part3"] = reply(urlset(site, "a"))
        batches = await gone_back("sitemap", AnOutlet(sitemaps=(site.url("/index.xml"),)))
    assert names(site, batches) == ["a"]
    problems = [batch.problem for batch in batches if batch.problem]
    assert len(problems) == 2
    assert "web page" in problems[0]
    assert "404" in problems[1]


async def test_what_may_pass_ends_the_walk_and_its_cursor_takes_it_up_there() -> None:
    async with world() as site:
        older = "<atom:link rel='next' href='/2'/>"
        site.answers["/feed"] = rss(site, "b", more=older)
        site.answers["/2"] = reply(b"", 503, "Later", retry_after="60")
        outlet = AnOutlet(feeds=(site.url("/feed"),))
        first, second = await gone_back("feed", outlet)
        assert names(site, [first]) == ["b"]
        assert not second.done
        assert "60 s" in (second.problem or "")
        site.answers["/2"] = rss(site, "a")
        assert names(site, await gone_back("feed", outlet, cursor=second.cursor)) == ["a"]


async def test_robots_txt_is_obeyed_on_the_way_back() -> None:
    async with world() as site:
        site.answers["/robots.txt"] = reply(b"User-agent: *\nDisallow: /map", content_type="text/plain")
        site.answers["/map.xml"] = reply(urlset(site, "a"))
        (batch,) = await gone_back("sitemap", AnOutlet(sitemaps=(site.url("/map.xml"),)))
        assert "robots.txt" in (batch.problem or "")
        assert not batch.done
        assert site.count("/map.xml") == 0


async def test_wordpress_is_read_page_by_page_until_it_says_there_is_no_more() -> None:
    async with world() as site:
        base = posts(site.url("/wp-json/"))
        path = base.removeprefix(site.url(""))
        for number, listed in ((1, "dc"), (2, "ba")):
            answer = [{"link": site.url(f"/{one}"), "content": {"rendered": "x"}} for one in listed]
            at = path if number == 1 else f"{path}&page={number}"
            site.answers[at] = reply(json.dumps(answer).encode(), content_type="application/json")
        site.answers[f"{path}&page=3"] = reply(b'{"code":"rest_post_invalid_page_number"}', 400, "Bad Request")
        outlet = AnOutlet(wordpress=(site.url("/wp-json/"),))
        assert await everywhere("wordpress", outlet, site) == ["d", "c", "b", "a"]


async def test_a_channel_is_read_to_its_first_post() -> None:
    async with world() as site:

        def page(numbers: range, before: int | None) -> bytes:
            more = f'<a class="tme_messages_more" href="/s/newsexample?before={before}"></a>' if before else ""
            posts_made = "".join(
                f'<div class="tgme_widget_message" data-post="newsexample/{n}"><div class="tgme_widget_message_text">'
                f'<a href="{site.url(f"/{n}")}">x</a></div></div>'
                for n in numbers
            )
            return reply(f"<html><body>{more}{posts_made}</body></html>".encode())

        site.answers["/s/newsexample"] = page(range(5, 7), 5)
        site.answers["/s/newsexample?before=5"] = page(range(3, 5), 3)
        site.answers["/s/newsexample?before=3"] = page(range(1, 3), None)
        outlet = AnOutlet(telegram=(site.url("/s/newsexample"),), url=site.url("/"))
        assert await everywhere("telegram", outlet, site) == ["6", "5", "4", "3", "2", "1"]


async def test_sections_are_followed_along_what_they_call_next() -> None:
    async with world() as site:
        for number in (1, 2, 3):
            more = f'<a rel="next" href="/news/?page={number + 1}">Older</a>' if number < 3 else ""
            link = f'<a href="/x/{number}">short</a><a href="/y/{number}">short</a>{more}'
            at = "/news/" if number == 1 else f"/news/?page={number}"
            site.answers[at] = reply(f"<html><body>{link}</body></html>".encode())
        outlet = AnOutlet(sections=(site.url("/news/"),), articles=("/x/*",))
        assert await everywhere("section", outlet, site) == ["x/1", "x/2", "x/3"]


async def test_a_long_list_is_read_in_pieces(tmp_path: Path) -> None:
    async with world() as site:
        file = tmp_path / "list.txt"
        file.write_text("".join(f"{site.url(f'/{n}')}\n" for n in range(2500)))
        site.answers["/more.txt"] = reply(site.url("/last").encode(), content_type="text/plain")
        outlet = AnOutlet(lists=(str(file), site.url("/more.txt")))
        assert await everywhere("list", outlet, site) == [*map(str, range(2500)), "last"]


async def test_nothing_to_go_back_in_is_done_at_once() -> None:
    for name in sources():
        (batch,) = await gone_back(name, AnOutlet())
        assert (batch.done, batch.items, batch.problem) == (True, (), None)
