"""Which pages of an outlet are asked for, how often, and what each answer leads to."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mirror.fetch import (
    AHEAD,
    Event,
    Failed,
    Gone,
    Limits,
    Problem,
    Skipped,
    Snapshot,
    Unchanged,
    fetch_outlet,
    is_due,
    next_look,
)
from mirror.net import Pace
from mirror.sources.state import PageState
from tests.net.world import Talk, World, client, moved, names, reply, world
from tests.sources.memory import AnOutlet, InMemory

NOW = datetime(2027, 3, 1, 8, 0, tzinfo=UTC)


def announce(site: World, *paths: str) -> None:
    """A feed that lists these pages, the first as the newest, and a page for each that has none yet."""
    items = "".join(
        f"<item><link>{site.url(path)}</link><pubDate>{(NOW - timedelta(minutes=n)).isoformat()}</pubDate></item>"
        for n, path in enumerate(paths)
    )
    site.answers["/feed"] = reply(f"<rss><channel>{items}</channel></rss>".encode(), content_type="text/xml")
    for path in paths:
        site.answers.setdefault(path, reply(f"<p>{path}</p>".encode(), etag=f'"{path}"'))


async def run(
    site: World,
    memory: InMemory,
    *,
    now: datetime = NOW,
    keep: bool = True,
    limits: Limits | None = None,
    max_new: int = 100,
) -> list[Event]:
    """One run; its pages are remembered as a caller does, unless not `keep`."""
    outlet = AnOutlet(feeds=(site.url("/feed"),), max_new=max_new)
    async with client() as guest:
        events = [event async for event in fetch_outlet(guest, outlet, memory, now=now, limits=limits)]
    for event in events:
        if keep and not isinstance(event, Problem) and event.page is not None:
            memory.remember_page(event.page)
    return events


def kinds(events: list[Event]) -> list[str]:
    return [type(event).__name__ for event in events]


async def test_new_pages_come_newest_first_with_what_the_feed_said() -> None:
    memory = InMemory()
    async with world() as site:
        announce(site, "/b", "/a")
        site.answers["/b"] = reply("Привет".encode("cp1251"), content_type="text/html; charset=windows-1251")
        first, second = await run(site, memory)
    assert isinstance(first, Snapshot)
    assert isinstance(second, Snapshot)
    assert (first.url, second.url) == (site.url("/b"), site.url("/a"))
    assert first.body == "Привет".encode("cp1251")
    assert (first.status, first.content_type) == (200, "text/html; charset=windows-1251")
    assert first.item is not None
    assert first.item.published == first.fetched == "2027-03-01T08:00:00Z"
    assert second.page == PageState(
        outlet="news",
        url=site.url("/a"),
        final_url=site.url("/a"),
        etag='"/a"',
        body_digest=second.page.body_digest,
        first_seen="2027-03-01T08:00:00Z",
        checked="2027-03-01T08:00:00Z",
        changed="2027-03-01T08:00:00Z",
        due="2027-03-01T08:15:00Z",
    )


async def test_pages_seen_before_are_asked_again_conditionally() -> None:
    memory = InMemory()
    async with world() as site:
        announce(site, "/a", "/b", "/c")
        await run(site, memory)
        site.answers["/a"] = reply(b"", 304, "Not Modified", content_length="")
        site.answers["/c"] = reply(b"<p>edited</p>", etag='"new"')
        assert await run(site, memory, now=NOW + timedelta(minutes=10)) == []
        assert site.log[-1].path == "/feed"
        events = await run(site, memory, now=NOW + timedelta(minutes=15))
    assert kinds(events) == ["Unchanged", "Unchanged", "Snapshot"]
    assert site.log[-3].headers["if-none-match"] == '"/a"'
    edited = memory.known["news", site.url("/c")]
    assert (edited.first_seen, edited.changed) == ("2027-03-01T08:00:00Z", "2027-03-01T08:15:00Z")
    same = memory.known["news", site.url("/b")]
    assert (same.checked, same.changed) == ("2027-03-01T08:15:00Z", "2027-03-01T08:00:00Z")


async def test_what_the_caller_did_not_remember_is_fetched_again() -> None:
    """A crash between the fetch and the archive must not lose an article."""
    memory = InMemory()
    async with world() as site:
        announce(site, "/a")
        assert kinds(await run(site, memory, keep=False)) == ["Snapshot"]
        site.answers["/feed"] = reply(b"", 304, "Not Modified", content_length="")
        # This feed gave no validators, so 304 makes no sense; its articles are known all the same.
        assert kinds(await run(site, memory, keep=False)) == ["Problem", "Snapshot"]
        announce(site, "/a")
        assert kinds(await run(site, memory)) == ["Snapshot"]
        assert kinds(await run(site, memory, now=NOW + timedelta(minutes=20))) == ["Unchanged"]


async def test_an_edit_comes_even_when_the_feed_says_not_modified() -> None:
    memory = InMemory()
    async with world() as site:
        announce(site, "/a")
        feed = site.answers["/feed"]
        assert isinstance(feed, bytes)
        site.answers["/feed"] = feed.replace(b"\r\n\r\n", b'\r\nETag: "f"\r\n\r\n', 1)
        await run(site, memory)
        site.answers["/feed"] = reply(b"", 304, "Not Modified", content_length="")
        site.answers["/a"] = reply(b"<p>edited</p>")
        assert kinds(await run(site, memory, now=NOW + timedelta(hours=1))) == ["Snapshot"]


async def test_a_page_that_disappears_is_an_event_and_may_return() -> None:
    memory = InMemory()
    async with world() as site:
        announce(site, "/a")
        await run(site, memory)
        here = site.answers["/a"]
        site.answers["/a"] = reply(b"gone", 410, "Gone")
        (gone,) = await run(site, memory, now=NOW + timedelta(hours=1))
        assert isinstance(gone, Gone)
        assert "410" in gone.reason
        assert memory.known["news", site.url("/a")].state == "gone"
        (still,) = await run(site, memory, now=NOW + timedelta(hours=26))
        assert isinstance(still, Gone)
        assert (still.since, still.answer) == ("2027-03-01T09:00:00Z", "answered 410")
        site.answers["/a"] = here
        (back,) = await run(site, memory, now=NOW + timedelta(days=8))
    assert isinstance(back, Snapshot)
    assert back.gone_since == "2027-03-01T09:00:00Z"
    assert "if-none-match" not in site.log[-1].headers


async def test_a_page_that_leads_to_the_front_page_is_gone_and_not_the_front_page() -> None:
    memory = InMemory()
    async with world() as site:
        announce(site, "/a")
        await run(site, memory)
        site.answers["/a"] = moved("/")
        site.answers["/"] = reply(b"<h1>News</h1>")
        (gone,) = await run(site, memory, now=NOW + timedelta(hours=1))
    assert isinstance(gone, Gone)
    assert gone.answer == "leads to the front page"


async def test_a_page_is_looked_at_again_after_its_feed_has_forgotten_it() -> None:
    memory = InMemory()
    async with world() as site:
        announce(site, "/a")
        await run(site, memory)
        announce(site, "/b")
        await run(site, memory, now=NOW + timedelta(minutes=1))
        site.answers["/a"] = reply(b"<p>edited</p>")
        events = await run(site, memory, now=NOW + timedelta(minutes=15))
        assert [event.url for event in events if isinstance(event, Snapshot)] == [site.url("/a")]
        assert await run(site, memory, now=NOW + timedelta(minutes=15, seconds=30)) == []


async def test_a_page_that_the_feed_calls_updated_is_looked_at_before_its_time() -> None:
    memory = InMemory()
    async with world() as site:
        announce(site, "/a")
        await run(site, memory)
        entry = f"<entry><link href='{site.url('/a')}'/><updated>2027-03-01T08:03:00Z</updated></entry>"
        feed = f"<feed xmlns='http://www.w3.org/2005/Atom'>{entry}</feed>".encode()
        site.answers["/feed"] = reply(feed, content_type="application/atom+xml")
        assert kinds(await run(site, memory, now=NOW + timedelta(minutes=5))) == ["Unchanged"]
        assert await run(site, memory, now=NOW + timedelta(minutes=6)) == []


async def test_not_modified_at_another_place_than_last_time_is_asked_again_in_full() -> None:
    memory = InMemory()
    async with world() as site:
        announce(site, "/a")
        site.answers["/a"] = moved("/one")
        site.answers["/one"] = reply(b"<p>one</p>", etag='"1"')
        await run(site, memory)
        site.answers["/a"] = moved("/two")

        async def two(talk: Talk) -> None:
            same = talk.asked.headers.get("if-none-match") == '"1"'
            await talk.write(reply(b"", 304, "Not Modified") if same else reply(b"<p>two</p>", etag='"1"'))

        site.answers["/two"] = two
        (event,) = await run(site, memory, now=NOW + timedelta(hours=1))
    assert isinstance(event, Snapshot)
    assert event.body == b"<p>two</p>"


CONTENT = "xmlns:content='http://purl.org/rss/1.0/modules/content/'"


def full_text(site: World, html: str) -> bytes:
    """A feed with one article, whole."""
    item = f"<item><link>{site.url('/a')}</link><content:encoded><![CDATA[{html}]]></content:encoded></item>"
    return reply(f"<rss {CONTENT}><channel>{item}</channel></rss>".encode(), content_type="text/xml")


async def test_an_article_taken_from_the_feed_costs_no_request_for_its_page() -> None:
    memory = InMemory()
    async with world() as site, client() as guest:
        site.answers["/feed"] = full_text(site, "<p>All of it.</p>")
        outlet = AnOutlet(feeds=(site.url("/feed"),), text="feed")

        async def once(minutes: int) -> list[Event]:
            now = NOW + timedelta(minutes=minutes)
            events = [event async for event in fetch_outlet(guest, outlet, memory, now=now)]
            for event in events:
                if isinstance(event, Snapshot):
                    memory.remember_page(event.page)
            return events

        (first,) = await once(0)
        assert isinstance(first, Snapshot)
        assert first.given
        assert b"All of it." in first.body
        assert await once(20) == []
        site.answers["/feed"] = full_text(site, "<p>All of it, corrected.</p>")
        assert kinds(await once(40)) == ["Snapshot"]
    assert site.count("/a") == 0


async def test_what_the_feed_gave_comes_with_the_refusal_of_a_server() -> None:
    async with world() as site:
        site.answers["/feed"] = full_text(site, "<p>All of it.</p>")
        site.answers["/a"] = reply(b"", 403, "Forbidden", cf_mitigated="challenge")
        (event,) = await run(site, InMemory())
    assert isinstance(event, Failed)
    assert event.instead is not None
    assert event.instead.given


async def test_a_page_that_never_was_there_fails_and_stays_new() -> None:
    memory = InMemory()
    async with world() as site:
        announce(site, "/a", "/b")
        site.answers["/a"] = reply(b"", 404, "Not Found")
        site.answers["/b"] = reply(b"half", content_length="4000")
        events = await run(site, memory)
        assert kinds(events) == ["Failed", "Failed"]
        assert memory.known == {}
        del site.answers["/a"], site.answers["/b"]
        announce(site, "/a", "/b")
        assert kinds(await run(site, memory)) == ["Snapshot", "Snapshot"]


async def test_a_feed_without_articles_and_an_outlet_without_feed_are_problems() -> None:
    async with world() as site, client() as guest:
        announce(site)
        (problem,) = await run(site, InMemory())
        assert isinstance(problem, Problem)
        assert "no articles" in problem.reason
        events = [event async for event in fetch_outlet(guest, AnOutlet(), InMemory(), now=NOW)]
    assert events == [Problem(reason="news has neither feeds nor sitemaps")]


async def test_one_failing_feed_is_a_problem_and_the_other_s_articles_still_come() -> None:
    async with world() as site, client() as guest:
        announce(site, "/a")
        outlet = AnOutlet(feeds=(site.url("/missing"), site.url("/feed")))
        events = [event async for event in fetch_outlet(guest, outlet, InMemory(), now=NOW)]
    assert kinds(events) == ["Problem", "Snapshot"]


async def test_new_ones_are_bounded_and_the_rest_comes_with_the_next_run() -> None:
    memory = InMemory()
    async with world() as site:
        announce(site, *(f"/{n}" for n in range(10)))
        events = await run(site, memory, max_new=4)
        assert [event.url for event in events if isinstance(event, Snapshot)] == [site.url(f"/{n}") for n in range(4)]
        events = await run(site, memory, max_new=4, now=NOW + timedelta(minutes=15))
        assert kinds(events) == ["Snapshot"] * 4 + ["Unchanged"] * 4


async def test_of_many_to_ask_again_the_newest_come_and_those_that_waited_longest() -> None:
    memory = InMemory()
    limits = Limits(again=6, again_newest=4)
    async with world() as site:
        announce(site, *(f"/{n}" for n in range(12)))
        await run(site, memory)
        seen: list[set[str]] = []
        for minutes in (15, 16, 17, 18):
            events = await run(site, memory, now=NOW + timedelta(minutes=minutes), limits=limits)
            seen.append({event.url.rsplit("/", 1)[1] for event in events if isinstance(event, Unchanged)})
    assert [len(one) for one in seen] == [6, 6, 0, 0]
    assert set().union(*seen) == {str(n) for n in range(12)}


def at(ago: timedelta) -> str:
    return (NOW - ago).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize(
    ("age", "since", "after"),
    [
        (timedelta(0), timedelta(0), timedelta(minutes=15)),
        (timedelta(minutes=16), timedelta(0), timedelta(hours=1)),
        (timedelta(minutes=50), timedelta(minutes=30), timedelta(hours=1)),
        (timedelta(hours=2), timedelta(0), timedelta(hours=6)),
        (timedelta(hours=7), timedelta(0), timedelta(days=1)),
        (timedelta(days=3), timedelta(0), timedelta(days=7)),
        (timedelta(days=3), timedelta(days=3), timedelta(minutes=15)),
        (timedelta(days=8), timedelta(0), None),
    ],
)
def test_how_often_a_page_is_asked_again_depends_on_its_age(
    age: timedelta, since: timedelta, after: timedelta | None
) -> None:
    page = PageState(outlet="o", url="u", first_seen=at(age), checked=at(since))
    wanted = None if after is None else at(age - after)
    assert next_look(page) == wanted
    assert is_due(replace(page, due=wanted), NOW) is (wanted is not None and wanted <= at(timedelta(0)))


def test_lists_are_not_asked_again_and_what_is_gone_is_a_day_and_a_week_later() -> None:
    seen = PageState(outlet="o", url="u", first_seen=at(timedelta(days=30)), checked=at(timedelta(0)))
    assert next_look(replace(seen, state="index")) is None
    gone = replace(seen, state="gone", changed=at(timedelta(hours=3)))
    assert next_look(gone) == at(timedelta(hours=-21))
    assert next_look(replace(gone, changed=at(timedelta(days=2)))) == at(timedelta(days=-5))
    assert next_look(replace(gone, changed=at(timedelta(days=100)))) is None


async def test_a_host_that_asks_for_patience_is_left_alone() -> None:
    async with world() as site:
        announce(site, *(f"/{n}" for n in range(12)))
        for n in range(12):
            site.answers[f"/{n}"] = reply(b"", 429, "Too Many Requests", retry_after="600")
        events = await run(site, InMemory())
    assert isinstance(events[0], Failed)
    assert isinstance(events[-1], Skipped)
    assert "600 s" in events[-1].reason
    assert len([path for path in site.paths() if path.strip("/").isdigit()]) <= AHEAD


async def test_a_host_that_fails_again_and_again_is_left_alone() -> None:
    async with world() as site:
        announce(site, *(f"/{n}" for n in range(30)))
        for n in range(30):
            site.answers[f"/{n}"] = reply(b"", 403, "Forbidden", cf_mitigated="challenge")
        events = await run(site, InMemory())
    assert "browser" in events[0].reason
    assert kinds(events).count("Failed") < 12
    assert isinstance(events[-1], Skipped)


async def test_robots_txt_keeps_us_from_pages() -> None:
    async with world() as site:
        announce(site, "/open", "/closed/a")
        site.answers["/robots.txt"] = reply(b"User-agent: *\nDisallow: /closed", content_type="text/plain")
        events = await run(site, InMemory())
    assert kinds(events) == ["Snapshot", "Skipped"]
    assert site.count("/closed/a") == 0


async def test_a_page_that_points_inside_is_not_followed() -> None:
    """A feed of a public outlet names an address of our own network."""
    lookup, _ = names({"news.example": ["127.0.0.1"], "inside.example": ["10.0.0.7"]})
    async with world() as site, client(lookup=lookup) as guest:
        announce(site, "/a")
        evil = "<item><link>http://inside.example/admin</link></item><item><link>http://169.254.169.254/</link></item>"
        site.answers["/feed"] = reply(f"<rss><channel>{evil}</channel></rss>".encode())
        outlet = AnOutlet(feeds=(site.url("/feed"),))
        memory = InMemory()
        assert [event async for event in fetch_outlet(guest, outlet, memory, now=NOW)]  # fills the feed's memory
        public = replace(outlet, allow_private=False)
        events = [event async for event in fetch_outlet(guest, public, memory, now=NOW)]
    assert kinds(events)[0] == "Problem"  # the feed itself is on loopback
    assert all(isinstance(event, Problem | Failed | Skipped) for event in events)


async def test_leaving_early_cancels_what_is_under_way() -> None:
    async def never(_: Talk) -> None:
        await asyncio.sleep(60)

    async with world() as site, client() as guest:
        announce(site, *(f"/{n}" for n in range(8)))
        for n in range(1, 8):
            site.answers[f"/{n}"] = never
        events = fetch_outlet(guest, AnOutlet(feeds=(site.url("/feed"),)), InMemory(), now=NOW)
        assert isinstance(await anext(events), Snapshot)
        await events.aclose()
        assert [task for task in asyncio.all_tasks() if "_guarded" in repr(task)] == []


async def test_a_few_pages_are_under_way_at_once() -> None:
    under_way = most = 0

    async def slow(talk: Talk) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.02)
        under_way -= 1
        await talk.write(reply(b"x"))

    async with world() as site, client(pace=Pace(interval=0.0, per_host=20)) as guest:
        announce(site, *(f"/{n}" for n in range(12)))
        for n in range(12):
            site.answers[f"/{n}"] = slow
        outlet = AnOutlet(feeds=(site.url("/feed"),))
        events = [event async for event in fetch_outlet(guest, outlet, InMemory(), now=NOW)]
    assert kinds(events) == ["Snapshot"] * 12
    assert 1 < most <= AHEAD
