"""A host's wishes are read as RFC 9309 wants, asked for once a day, and kept when it doesn't answer."""

from __future__ import annotations

import asyncio
import re
import socket
import tracemalloc
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirror.robots import Rules, allowed, parse, rules_for
from tests.net.test_egress import outlet
from tests.net.world import Talk, World, client, reply, world
from tests.sources.memory import AnOutlet, InMemory

NOW = datetime(2027, 3, 1, 8, 0, tzinfo=UTC)
SITE = "https://news.example"


def allows(text: str, path: str) -> bool:
    return parse(text).allows(SITE + path)


@pytest.mark.parametrize(
    ("rules", "path", "verdict"),
    [
        ("User-agent: *\nDisallow: /", "/a", False),
        ("User-agent: *\nDisallow:", "/a", True),
        ("User-agent: *\nDisallow: /\nAllow: /news", "/news/1", True),
        ("User-agent: *\nAllow: /news\nDisallow: /news/private", "/news/private/1", False),
        ("User-agent: *\nDisallow: /a\nAllow: /a", "/a", True),
        ("User-agent: Other\nDisallow: /", "/a", True),
        ("User-agent: *\nDisallow: /\nUser-agent: Tamizdat\nDisallow: /x", "/a", True),
        ("User-agent: tamizdat\nUser-agent: other\nDisallow: /x\n\nUser-agent: TAMIZDAT\nDisallow: /y", "/y", False),
        ("User-agent: tamizdat\nUser-agent: other\nDisallow: /x\n\nUser-agent: TAMIZDAT\nDisallow: /y", "/x", False),
        ("User-agent: *\nDisallow: /*.php$", "/a/b.php", False),
        ("User-agent: *\nDisallow: /*.php$", "/a/b.php?x=1", True),
        ("User-agent: *\nDisallow: /*?print=", "/a?print=1", False),
        ("User-agent: *\nDisallow: /%D0%B0", "/а/1", False),
        ("User-agent: *\nDisallow: /а", "/%D0%B0/1", False),
        ("User-agent: *\nDisallow: /a%2Fb", "/a/b", True),
        ("User-agent: *\nDisallow: /", "/robots.txt", True),
        ("\ufeffuser-agent : *  # all\n disallow : /a # not a", "/a", False),
        ("Disallow: /", "/a", True),
        ("<!doctype html><p>User-agent: *", "/a", True),
        ("", "/a", True),
        ("\ufeffUser-agent: *\nDisallow: /", "/a", False),
        ("user-agent tamizdat\ndisallow /\n", "/a", False),
        ("User-agent: *\rDisallow: /a\r", "/a", False),
        ("User-agent: *\nDisallow: /\nUser-agent: Tamizdat/1.0\nAllow: /", "/a", True),
        ("User-agent: mytamizdat\nDisallow: /", "/a", True),
        ("User-agent: tamizdat\nHost: news.example\nUser-agent: other\nDisallow: /", "/a", False),
        ("Disallow: /\nUser-agent: other\nDisallow: /x\nUser-agent: *\nDisallow: /y", "/x", True),
        ("User-agent: *\nDisallow: /\nAllow: /story/index.html", "/story/", True),
        ("User-agent: *\nDisallow: /page\nAllow: /*.html", "/page.html", True),
        ("User-agent: *\nDisallow: /a$", "/a/b", True),
    ],
)
def test_the_longest_rule_for_us_decides(rules: str, path: str, verdict: bool) -> None:
    assert allows(rules, path) is verdict


def test_delay_and_sitemaps_are_read() -> None:
    rules = parse("User-agent: *\nCrawl-delay: 3.5\nSitemap: https://news.example/s.xml\nCrawl-delay: x\n")
    assert rules.sitemaps == ("https://news.example/s.xml",)
    assert parse("User-agent: *\nCrawl-delay: 3.5").delay == 3.5
    assert parse("User-agent: *\nCrawl-delay: inf").delay is None


@given(st.text("ab*/", max_size=12), st.text("ab/", max_size=12))
def test_patterns_fit_as_the_plain_definition_says(pattern: str, path: str) -> None:
    wanted = "/" + "".join(".*" if letter == "*" else re.escape(letter) for letter in pattern)
    assert allows(f"User-agent: *\nDisallow: /{pattern}", f"/{path}") != bool(re.match(wanted, f"/{path}"))


HOSTILE = {
    "many wildcards": "User-agent: *\n" + ("Disallow: /" + "*a" * 490 + "\n") * 5000,
    "every rule for every visitor": "".join(f"User-agent: a{n}\n" for n in range(8000))
    + "".join(f"Disallow: /{n}\n" for n in range(20_000)),
    "every rule for us, by many names": "User-agent: *\nUser-agent: tamizdat\n" * 5000 + "Disallow: /b\n" * 20_000,
    "dollars": "User-agent: *\n" + "Disallow: /$$$$$$$$$$$$$$$$\n" * 18_000,
    "no line ends": "User-agent: *" + " " * 500_000,
    "colons": ":" * 500_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_rules_take_little_time_and_memory(text: str) -> None:
    tracemalloc.start()
    try:
        rules = parse(text)
        for _ in range(3):
            rules.allows(SITE + "/" + "a" * 2000)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 40 << 20
    assert rules.read is not None


async def asks(site: World, path: str = "/a", *, memory: InMemory | None = None, now: datetime = NOW) -> str | None:
    async with client() as guest:
        return await allowed(guest, site.url(path), outlet=AnOutlet(), memory=memory or InMemory(), now=now)


async def test_no_file_allows_everything_and_no_answer_means_wait() -> None:
    async with world() as site:
        assert await asks(site) is None
        site.answers["/robots.txt"] = reply(b"<html>not here</html>")
        assert await asks(site) is None
        site.answers["/robots.txt"] = reply(b"", 403, "Forbidden")
        assert await asks(site) is None
        site.answers["/robots.txt"] = reply(b"", 503, "Unavailable")
        assert "cannot be read (answered 503), so we wait" in (await asks(site) or "")
        site.answers["/robots.txt"] = reply(b"User-agent: *\nDisallow: /a", content_type="text/plain")
        assert "asks us not to" in (await asks(site) or "")
        assert await asks(site, "/b") is None


async def test_nobody_there_to_ask_is_told_as_what_it_is() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}/a"
        async with client() as guest:
            why = await allowed(guest, url, outlet=AnOutlet(), memory=InMemory(), now=NOW)
    assert why is not None
    assert why.startswith("its robots.txt cannot be read: ")
    assert "permission" not in why, "which helps nothing"


async def test_rules_are_asked_for_once_a_day_and_outlive_a_failure() -> None:
    memory = InMemory()
    plain = {"content_type": "text/plain", "etag": '"r"'}
    async with world() as site:
        site.answers["/robots.txt"] = reply(b"User-agent: *\nDisallow: /a", **plain)
        for hours in (0, 1, 23):
            assert await asks(site, memory=memory, now=NOW + timedelta(hours=hours)) is not None
        assert site.count("/robots.txt") == 1
        site.answers["/robots.txt"] = reply(b"", 304, "Not Modified", content_length="")
        assert await asks(site, memory=memory, now=NOW + timedelta(hours=25)) is not None
        assert site.log[-1].headers["if-none-match"] == '"r"'
        site.answers["/robots.txt"] = reply(b"", 503, "Unavailable")
        assert await asks(site, memory=memory, now=NOW + timedelta(hours=80)) is not None
        assert await asks(site, "/b", memory=memory, now=NOW + timedelta(hours=80)) is None


async def test_pages_asked_together_ask_for_the_rules_once() -> None:
    async def slow(talk: Talk) -> None:
        await asyncio.sleep(0.05)
        await talk.write(reply(b"User-agent: *\nCrawl-delay: 3000", content_type="text/plain"))

    async with world() as site, client() as guest:
        site.answers["/robots.txt"] = slow
        memory = InMemory()
        wanted = [rules_for(guest, site.url(f"/{n}"), allow_private=True, memory=memory, now=NOW) for n in range(9)]
        rules = await asyncio.gather(*wanted)
        assert [one.delay for one in rules if isinstance(one, Rules)] == [3000.0] * 9
        assert site.count("/robots.txt") == 1
        assert guest._host(f"127.0.0.1:{site.port}", False).interval == 10.0  # slower is as good as never


async def test_outlets_of_one_host_ask_for_its_rules_once_unless_they_ask_in_another_way() -> None:
    async with world() as site, client() as guest:
        site.answers["/robots.txt"] = reply(b"User-agent: *\nDisallow: /x", content_type="text/plain")
        views = [guest.of(outlet(id=f"o{n}", url=site.url("/"))) for n in range(5)]
        other = guest.of(outlet(id="other", url=site.url("/"), user_agent="Somebody/1.0"))
        for n, view in enumerate([*views, other]):
            rules = await rules_for(view, site.url("/x"), allow_private=True, memory=InMemory(), now=NOW)
            assert isinstance(rules, Rules)
            assert not rules.allows(site.url("/x"))
            assert site.count("/robots.txt") == (1 if n < len(views) else 2)


async def test_permission_makes_us_not_even_ask() -> None:
    async with world() as site, client() as guest:
        outlet = replace(AnOutlet(), robots="ignore")
        assert await allowed(guest, site.url("/a"), outlet=outlet, memory=InMemory(), now=NOW) is None
        assert site.log == []
