"""How often a document wants to be asked, and what it says of itself."""

from __future__ import annotations

import os
from datetime import timedelta

import pytest

from mirror.sandbox import Sandbox, sharing
from mirror.sources import Parsed, sources
from mirror.sources._apart import LARGE
from mirror.sources._asking import ask_all
from mirror.sources._polling import dumped, loaded, poll
from mirror.sources.feed import parse
from tests.net.jobs import Swelling
from tests.net.world import client, reply, world
from tests.sources.memory import AnOutlet, InMemory
from tests.sources.suite import NOW

SPACES = 'xmlns:atom="http://www.w3.org/2005/Atom" xmlns:sy="http://purl.org/rss/1.0/modules/syndication/"'


def feed(inside: str) -> bytes:
    return f"<rss {SPACES}><channel>{inside}<item><link>/a</link></item></channel></rss>".encode()


def said(inside: str) -> Parsed:
    return parse(feed(inside), content_type="", url="https://news.example/feed")


@pytest.mark.parametrize(
    ("inside", "seconds"),
    [
        ("", None),
        ("<ttl>60</ttl>", 3600),
        ("<ttl>0</ttl>", None),
        ("<ttl>never</ttl>", None),
        ("<ttl>99999999999</ttl>", None),
        ("<sy:updatePeriod>hourly</sy:updatePeriod><sy:updateFrequency>2</sy:updateFrequency>", 1800),
        ("<sy:updatePeriod> daily </sy:updatePeriod>", 6 * 3600),
        ("<sy:updatePeriod>sometimes</sy:updatePeriod>", None),
    ],
)
def test_a_feed_says_how_often_it_wants_to_be_asked(inside: str, seconds: int | None) -> None:
    assert said(inside).every == seconds


def test_hubs_and_archives_are_read_in_every_format() -> None:
    rss = said(
        "<atom:link rel='hub' href='https://hub.example/'/><atom:link rel='self' href='https://news.example/x'/>"
        "<link>https://news.example/</link><atom:link rel='prev-archive' href='/2026'/>"
        "<atom:link rel='next' href='/n'/>"
    )
    assert (rss.hub, rss.site, rss.next) == (
        *("https://hub.example/", "https://news.example/", "https://news.example/2026"),
    )
    atom = parse(
        b"<feed xmlns='http://www.w3.org/2005/Atom'><link rel='hub' href='https://hub.example/'/>"
        b"<link rel='next' href='/n'/><entry><link href='/a'/></entry></feed>",
        content_type="",
        url="https://news.example/feed",
    )
    assert (atom.hub, atom.next, atom.site) == ("https://hub.example/", "https://news.example/n", None)
    made = parse(
        b'{"items":[{"url":"/a"}],"next_url":"/n","hubs":[{"type":"WebSub","url":"https://hub.example/"}]}',
        content_type="",
        url="https://news.example/feed",
    )
    assert (made.hub, made.next) == ("https://hub.example/", "https://news.example/n")
    assert all(loaded(dumped(one)) == one for one in (rss, atom, made))


@pytest.mark.parametrize(
    ("inside", "cache", "waits"),
    [
        ("<ttl>60</ttl>", "", 58),
        ("", "public, max-age=1800", 28),
        ("<ttl>60</ttl>", "max-age=600", 58),
        ("", "max-age=31536000", 58),  # a year is what caches are told for everything
    ],
)
async def test_a_document_is_not_asked_before_it_wants_to_be(inside: str, cache: str, waits: int) -> None:
    memory = InMemory()
    source = sources()["feed"]
    async with world() as site, client() as guest:
        site.answers["/feed"] = reply(feed(inside), cache_control=cache)
        outlet = AnOutlet(feeds=(site.url("/feed"),))
        first = await source.find(guest, outlet, memory, now=NOW)
        again = await source.find(guest, outlet, memory, now=NOW + timedelta(minutes=waits - 1))
        assert site.count("/feed") == 1
        assert (again.items, again.changed, again.problem) == (first.items, False, None)
        await source.find(guest, outlet, memory, now=NOW + timedelta(minutes=waits))
        assert site.count("/feed") == 2


async def test_a_clock_that_was_set_back_does_not_keep_a_feed_from_being_asked() -> None:
    memory = InMemory()
    async with world() as site, client() as guest:
        site.answers["/feed"] = reply(feed("<ttl>60</ttl>"))
        outlet = AnOutlet(feeds=(site.url("/feed"),))
        for now in (NOW, NOW - timedelta(days=9)):
            await sources()["feed"].find(guest, outlet, memory, now=now)
        assert site.count("/feed") == 2


async def test_a_large_document_is_read_in_the_sandbox_and_one_that_swells_is_a_problem_of_its_own() -> None:
    memory, sandbox = InMemory(), Sandbox(workers=1)
    filler = b" " * LARGE
    async with world() as site, client() as guest:
        site.answers |= {"/bad": reply(b"swell" + filler), "/odd": reply(b"strange" + filler)}
        site.answers |= {"/large": reply(filler + b"."), "/small": reply(b"small")}
        outlet = AnOutlet(feeds=tuple(site.url(f"/{name}") for name in ("bad", "odd", "large", "small")))
        with sharing(sandbox):
            found = await poll(Swelling(), guest, outlet, memory, addresses=outlet.feeds, now=NOW, dry_run=False)
        sandbox.close()
        assert {item.url.partition("#")[0] for item in found.items} == {site.url("/large"), site.url("/small")}
        here = {item.url.partition("#")[0] for item in found.items if item.url.endswith(f"#{os.getpid()}")}
        assert here == {site.url("/small")}
        assert found.problem == (
            f"{site.url('/bad')}: reading needed more than 512 MiB; {site.url('/odd')}: it is strange"
        )
        memory.feeds.clear()
        alone = await poll(  # a document by itself, outside a run
            Swelling(), guest, outlet, memory, addresses=outlet.feeds[2:3], now=NOW, dry_run=False
        )
    assert [item.url.partition("#")[0] for item in alone.items] == [site.url("/large")]
    assert not alone.items[0].url.endswith(f"#{os.getpid()}")


async def test_what_each_source_gives_is_told() -> None:
    async with world() as site, client() as guest:
        inside = "<ttl>30</ttl><atom:link rel='hub' href='https://hub.example/'/>"
        site.answers["/feed"] = reply(
            feed(inside).replace(b"</item>", b"<pubDate>2027-03-01T06:00:00Z</pubDate></item>")
        )
        outlet = AnOutlet(feeds=(site.url("/feed"),), sitemaps=(site.url("/none.xml"),))
        told, found = await ask_all(guest, outlet, now=NOW)
        assert len(found.items) == 1
        first, second = told
        assert (first.source, first.articles, first.age, first.every, first.hubs) == (
            *("feed", 1, "2 h", 1800, ("https://hub.example/",)),
        )
        assert "WebSub" in first.as_text()
        assert (second.source, second.articles) == ("sitemap", 0)
        assert "404" in (second.problem or "")
