"""The guest's list of manners and precautions, line by line: `LINES` says which test keeps each of them.

Servers here misbehave on loopback in the way the line tells of. A line kept elsewhere is named with its file.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gzip
import importlib
import zlib
from collections.abc import Callable

import pytest

from mirror import breakers
from mirror.breakers import FAILURES, FIRST, LONGEST, HostState, InMemory
from mirror.net import Client, FetchError, Inflater, Pace, TooLarge, Validators
from tests.net.world import Talk, World, client, moved, names, reply, world

NET, ROBOTS, EGRESS, FETCH, BOX = (f"tests.net.test_{name}" for name in ("net", "robots", "egress", "fetch", "sandbox"))
HERE = __name__

LINES: dict[str, list[str]] = {
    "conditional: validators go back verbatim": [f"{NET}:test_validators_go_back_byte_for_byte_and_304_has_no_body"],
    "conditional: per URL and final URL": [
        f"{HERE}:test_validators_go_to_the_address_that_gave_them_and_to_no_other_on_the_way",
    ],
    "conditional: on 200 the new ones are stored": [f"{NET}:test_new_validators_are_kept_from_200_and_from_304"],
    "conditional: 304 without a condition": [f"{NET}:test_304_to_an_unconditional_request_is_an_error"],
    "Retry-After is read, and believed over runs": [
        f"{NET}:test_retry_after_is_seconds_or_a_date",
        f"{NET}:test_429_is_handed_over_with_its_retry_after_and_not_retried",
        f"{FETCH}:test_a_host_that_asks_for_patience_is_left_alone",
        f"{HERE}:test_a_host_that_asked_for_patience_is_left_alone_by_the_next_run",
    ],
    "robots: kept for 24 h, 4xx allows, 5xx keeps the old ones or waits": [
        f"{ROBOTS}:test_no_file_allows_everything_and_no_answer_means_wait",
        f"{ROBOTS}:test_rules_are_asked_for_once_a_day_and_outlive_a_failure",
    ],
    "robots: Crawl-delay is capped": [f"{ROBOTS}:test_pages_asked_together_ask_for_the_rules_once"],
    "robots: hostile files": [f"{ROBOTS}:test_hostile_rules_take_little_time_and_memory"],
    "one connection to a host": [f"{NET}:test_requests_to_one_host_are_paced_and_limited"],
    "an honest name with a contact": [f"{NET}:test_a_page_is_fetched_with_an_honest_name_and_no_cookies"],
    "jitter": [
        f"{HERE}:test_pauses_between_requests_are_not_a_rhythm",
        f"{NET}:test_5xx_is_tried_again_with_growing_jittered_pauses_and_then_handed_over",
    ],
    "http and https, ports 80 and 443": [f"{NET}:test_some_addresses_are_not_even_asked"],
    "at most five redirects, every hop checked": [
        f"{NET}:test_five_redirects_are_enough",
        f"{NET}:test_a_redirect_is_checked_like_a_first_address",
    ],
    "addresses that mean the inside": [
        f"{NET}:test_only_public_addresses_are_permitted_and_local_ones_on_request",
        f"{NET}:test_what_is_permitted_is_global_in_every_reading",
        f"{NET}:test_this_machine_is_refused_under_all_its_names",
        f"{HERE}:test_addresses_in_odd_notations_lead_nowhere",
    ],
    "resolved once, connected to that address": [
        f"{NET}:test_a_name_is_resolved_once_and_the_connection_goes_to_that_address",
        f"{HERE}:test_a_name_that_turns_inward_between_two_requests_is_refused",
    ],
    "no https to http": [f"{NET}:test_https_keeps_the_name_and_never_goes_down_to_http"],
    "secrets stay with their origin": [f"{EGRESS}:test_another_origin_gets_no_secrets_and_leads_back_to_none"],
    "proxies: names only, nothing of their inside, no falling back": [
        f"{EGRESS}:test_through_a_proxy_nothing_of_its_own_network_is_asked_for",
        f"{EGRESS}:test_a_redirect_inside_is_refused_through_a_proxy_too",
        f"{EGRESS}:test_a_dead_proxy_is_an_error_and_never_a_reason_to_go_directly",
        f"{EGRESS}:test_through_socks_the_proxy_looks_the_name_up_and_nobody_here_does",
        f"{EGRESS}:test_onion_names_go_to_tor_and_nowhere_else",
    ],
    "no credentials in messages or evidence": [
        f"{EGRESS}:test_a_wrong_password_is_told_without_the_password",
        f"{EGRESS}:test_headers_and_cookies_go_to_the_outlet_and_are_shown_to_nobody",
    ],
    "bombs: caps on the wire and after decoding": [
        f"{NET}:test_a_body_is_capped_by_its_length_on_the_wire_and_after_decoding",
        f"{HERE}:test_a_bomb_is_stopped_early_and_takes_no_memory",
        f"{NET}:test_a_gzip_file_is_read_within_its_cap",
    ],
    "one content coding, of those that were asked for": [f"{NET}:test_other_codings_and_stacked_ones_are_refused"],
    "ratio limit": [f"{HERE}:test_what_expands_a_thousandfold_is_refused_below_the_cap"],
    "header size and number": [f"{NET}:test_what_is_not_http_or_has_endless_headers_is_an_error"],
    "total time, headers and body": [
        f"{NET}:test_a_server_that_trickles_does_not_hold_us",
        f"{NET}:test_the_deadline_spans_redirects",
        f"{HERE}:test_headers_that_drip_do_not_hold_us",
    ],
    "answers that end wrongly": [
        f"{NET}:test_an_answer_cut_short_is_an_error_and_not_half_an_article",
        f"{NET}:test_a_broken_or_cut_coding_is_an_error_and_not_half_an_article",
        f"{HERE}:test_what_follows_an_answer_is_never_taken_for_the_next_one",
        f"{HERE}:test_a_body_without_end_is_stopped_at_the_cap",
    ],
    "parsing in a child with limits": [
        f"{BOX}:test_a_parser_that_loops_in_c_code_is_stopped_and_the_others_go_on",
        f"{BOX}:test_a_parser_that_swells_is_stopped_at_512_mib",
    ],
    "retries for connections and 5xx": [
        f"{NET}:test_a_broken_connection_is_tried_again_and_404_is_not",
        f"{NET}:test_503_that_names_a_time_or_a_challenge_is_not_tried_again",
    ],
    "breaker: 15 min to 24 h, over runs": [
        f"{HERE}:test_a_host_that_fails_is_left_alone_longer_each_time_up_to_a_day",
        f"{HERE}:test_failures_are_remembered_over_runs_and_forgotten_after_a_good_answer",
        f"{HERE}:test_what_is_not_the_hosts_doing_does_not_count",
    ],
    "a failed outlet never stops the run": [
        f"{FETCH}:test_one_failing_feed_is_a_problem_and_the_other_s_articles_still_come",
    ],
    "evidence: address, certificate, request": [
        f"{EGRESS}:test_tls_inside_socks_is_checked_against_the_name",
        f"{EGRESS}:test_headers_and_cookies_go_to_the_outlet_and_are_shown_to_nobody",
    ],
}


@pytest.mark.parametrize("line", LINES)
def test_every_line_is_kept_by_tests_that_exist(line: str) -> None:
    assert LINES[line]
    for place in LINES[line]:
        module, _, name = place.partition(":")
        assert callable(getattr(importlib.import_module(module), name)), place


# --- conditional ------------------------------------------------------------------------------------------------------


async def test_validators_go_to_the_address_that_gave_them_and_to_no_other_on_the_way() -> None:
    """`/a` led to `/b` when the validators were given and leads to `/c` now: `/c` would say "not modified" of a page
    we never had."""
    async with world() as site, client() as guest:
        site.answers |= {"/a": moved("/b"), "/b": reply(b"old", last_modified="Mon, 01 Mar 2027 08:00:00 GMT")}
        known = (await guest.get(site.url("/a"), allow_private=True)).validators
        assert known.url == site.url("/b")
        site.answers["/a"] = moved("/c")

        async def not_newer(talk: Talk) -> None:
            conditional = "if-modified-since" in talk.asked.headers
            await talk.write(reply(b"", 304, content_length="") if conditional else reply(b"another page"))

        site.answers["/c"] = not_newer
        answer = await guest.get(site.url("/a"), validators=known, allow_private=True)
        assert answer.body == b"another page"
        site.answers["/a"] = moved("/b")
        site.answers["/b"] = reply(b"", 304, "Not Modified", content_length="")
        assert (await guest.get(site.url("/a"), validators=known, allow_private=True)).not_modified
        everywhere = Validators(last_modified=known.last_modified)
        await guest.get(site.url("/b"), validators=everywhere, allow_private=True)
    with_condition = [asked.path for asked in site.log if "if-modified-since" in asked.headers]
    assert with_condition == ["/b", "/b"]


# --- where we go ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    [
        *("0177.0.0.1", "0x7f.0x0.0x0.0x1", "2130706433", "017700000001", "127.0.1", "0", "0x0", "127.0.0.1."),
        "①②⑦.0.0.1",
        *("[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]", "[2002:7f00:1::]", "[64:ff9b::7f00:1]", "[::127.0.0.1]"),
        *("[fe80::1%25eth0]", "[::1%25lo]", "[2001:0:7f00:1::]", "100.64.0.1", "169.254.169.254", "[fd00:ec2::254]"),
    ],
)  # fmt: skip
async def test_addresses_in_odd_notations_lead_nowhere(host: str) -> None:
    lookup, asked = names({})
    async with client(lookup=lookup) as guest:
        with pytest.raises(FetchError) as error:
            await guest.get(f"http://{host}/")
    assert error.value.kind == "address"
    assert asked == []


async def test_a_name_that_turns_inward_between_two_requests_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [["93.184.215.14"], ["127.0.0.1"]]
    connected: list[str] = []

    async def lookup(_: str) -> list[str]:
        return answers.pop(0)

    async def connect(addr_infos: list[tuple[object, object, object, object, tuple[str, int]]], **_: object) -> None:
        connected.extend(info[4][0] for info in addr_infos)
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr("aiohappyeyeballs.start_connection", connect)
    async with client(lookup=lookup, pace=Pace(interval=0.0, retries=0)) as guest:
        for kind in ("connect", "address"):
            with pytest.raises(FetchError) as error:
                await guest.get("http://turns.example/")
            assert error.value.kind == kind
            for session in guest._shared.sessions.values():  # as after the minute that a lookup is kept
                session.connector.clear_dns_cache()  # type: ignore[union-attr]
    assert connected == ["93.184.215.14"]


# --- answers ----------------------------------------------------------------------------------------------------------


def bomb(size: int, coding: str = "gzip") -> bytes:
    data = b"\0" * size
    return gzip.compress(data) if coding == "gzip" else zlib.compress(data)


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_a_bomb_is_stopped_early_and_takes_no_memory(coding: str) -> None:
    async with world() as site, client() as guest:
        site.answers["/"] = reply(bomb(40 << 20, coding), content_encoding=coding)
        with pytest.raises(FetchError) as error:
            await guest.get(site.url(), allow_private=True)
    assert error.value.kind == "too-large"


def test_what_expands_a_thousandfold_is_refused_below_the_cap() -> None:
    inflater = Inflater("gzip", 100 << 20)
    with pytest.raises(TooLarge):
        inflater.feed(bomb(20 << 20))
    small = Inflater("gzip", 100 << 20)
    small.feed(bomb(900_000))  # a page of nothing but spaces is odd, and harmless
    assert len(small.finish()) == 900_000


async def drip(talk: Talk) -> None:
    await talk.write(b"HTTP/1.1 200 OK\r\n")
    for number in range(1000):
        await talk.write(f"X-{number}: a\r\n".encode())
        await asyncio.sleep(0.02)


async def test_headers_that_drip_do_not_hold_us() -> None:
    async with world() as site, client() as guest:
        site.answers["/"] = drip
        with pytest.raises(FetchError) as error:
            await guest.get(site.url(), allow_private=True, deadline=0.2)
    assert error.value.kind == "timeout"


async def endless(talk: Talk) -> None:
    await talk.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        await talk.write(b"10000\r\n" + b"x" * 65_536 + b"\r\n")


async def test_a_body_without_end_is_stopped_at_the_cap() -> None:
    async with world() as site, client() as guest:
        site.answers["/"] = endless
        with pytest.raises(FetchError) as error:
            await guest.get(site.url(), allow_private=True, cap=1 << 20)
    assert error.value.kind == "too-large"


@pytest.mark.parametrize(
    "first",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok and some garbage",
    ],
)
async def test_what_follows_an_answer_is_never_taken_for_the_next_one(first: bytes) -> None:
    async with world() as site, client(pace=Pace(interval=0.0, backoff=0.0, per_host=1)) as guest:
        site.answers |= {"/": first, "/next": reply(b"good")}
        with contextlib.suppress(FetchError):  # to refuse the whole is as good
            assert (await guest.get(site.url(), allow_private=True)).body == b"ok"
        assert (await guest.get(site.url("/next"), allow_private=True)).body == b"good"


# --- pace and patience ------------------------------------------------------------------------------------------------


async def test_pauses_between_requests_are_not_a_rhythm() -> None:
    clock = [0.0]
    slept: list[float] = []
    chances = iter([0.0, 0.5, 1.0, 0.25] * 3)

    async def sleep(seconds: float) -> None:
        slept.append(round(seconds, 3))
        clock[0] += seconds

    async with (
        world() as site,
        client(sleep=sleep, clock=lambda: clock[0], chance=lambda: next(chances), pace=Pace()) as guest,
    ):
        site.answers["/"] = reply(b"x")
        guest._host(f"127.0.0.1:{site.port}", True).interval = 1.0
        for _ in range(4):
            await guest.get(site.url(), allow_private=True)
    assert slept == [1.0, 1.1, 1.2]


def test_a_host_that_fails_is_left_alone_longer_each_time_up_to_a_day() -> None:
    state, now, pauses = HostState(), 1_000_000.0, []
    for _ in range(FAILURES + 9):
        state = breakers.failed(state, now, lambda: 0.5)
        pauses.append(breakers.wait(state, now))
        now += pauses[-1]
    assert pauses[: FAILURES - 1] == [0.0] * (FAILURES - 1)
    assert pauses[FAILURES - 1 : FAILURES + 3] == [FIRST, 2 * FIRST, 4 * FIRST, 8 * FIRST]
    assert pauses[-1] == LONGEST
    four = HostState(failures=FAILURES - 1)
    assert breakers.failed(four, 0.0, lambda: 0.0).until == pytest.approx(0.9 * FIRST)
    assert breakers.failed(four, 0.0, lambda: 1.0).until == pytest.approx(1.1 * FIRST)
    assert breakers.wait(HostState(until=now + 40 * LONGEST), now) == 0.0  # written by a clock that was wrong


async def fail(site: World, memory: InMemory, now: float, *, times: int = 1) -> list[str]:
    """What a run says that asks that often; the pace has no retries."""
    said = []
    async with Client(
        pace=Pace(interval=0.0, retries=0), breakers=memory, now=lambda: now, chance=lambda: 0.5
    ) as guest:
        for _ in range(times):
            try:
                answer = await guest.get(site.url(), allow_private=True)
                said.append(str(answer.status))
            except FetchError as error:
                said.append(error.kind)
    return said


async def test_failures_are_remembered_over_runs_and_forgotten_after_a_good_answer() -> None:
    memory, start = InMemory(), 1_000_000.0
    async with world() as site:
        site.answers["/"] = reply(b"sorry", 500, "Oops")
        assert await fail(site, memory, start, times=3) == ["500"] * 3
        assert await fail(site, memory, start + 60, times=4) == ["500", "500", "paused", "paused"]
        assert site.count("/") == 5
        assert await fail(site, memory, start + 60 + FIRST + 1, times=2) == ["500", "paused"]
        site.answers["/"] = reply(b"back")
        assert await fail(site, memory, start + 60 + FIRST + 60, times=1) == ["paused"]
        assert await fail(site, memory, start + 60 + 3.1 * FIRST, times=1) == ["200"]
    assert memory.hosts[f"127.0.0.1:{site.port}"] == HostState()


async def test_a_host_that_asked_for_patience_is_left_alone_by_the_next_run() -> None:
    memory, start = InMemory(), 1_000_000.0
    async with world() as site:
        site.answers["/"] = reply(b"later", 429, "Too Many Requests", retry_after="600")
        assert await fail(site, memory, start, times=2) == ["429", "paused"]
        assert await fail(site, memory, start + 590) == ["paused"]
        assert await fail(site, memory, start + 610) == ["429"]
        site.answers["/"] = reply(b"much later", 503, "No", retry_after="99999999")
        assert await fail(site, memory, start + 1300) == ["503"]
        assert await fail(site, memory, start + 1300 + LONGEST + 1) == ["503"]  # a day is the most anybody gets


@pytest.mark.parametrize("cause", ["404", "no name", "our network", "a dead proxy", "too large"])
async def test_what_is_not_the_hosts_doing_does_not_count(cause: str, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = InMemory()
    lookup, _ = names({"news.example": ["127.0.0.1"]})
    egress = "socks5h://127.0.0.1:9" if cause == "a dead proxy" else "direct"

    async def unreachable(*_: object, **__: object) -> None:
        raise OSError(errno.ENETUNREACH, "Network is unreachable")

    if cause == "our network":
        monkeypatch.setattr("aiohappyeyeballs.start_connection", unreachable)
    async with (
        world() as site,
        client(breakers=memory, lookup=lookup, egress=egress, pace=Pace(interval=0.0, retries=0)) as guest,
    ):
        site.answers["/large"] = reply(b"x" * 2000)
        ask: Callable[[str], str] = {"no name": lambda _: "http://nowhere.example/"}.get(
            cause, lambda path: f"http://news.example:{site.port}{path}"
        )
        said = []
        for _ in range(FAILURES + 1):
            try:
                wanted = ask("/large" if cause == "too large" else "/")
                said.append(str((await guest.get(wanted, allow_private=True, cap=1000)).status))
            except FetchError as error:
                said.append(error.kind)
    assert len(set(said)) == 1
    assert "paused" not in said
    assert all(state == HostState() for state in memory.hosts.values())
