"""The guest's list of manners and precautions, line by line: `LINES` says which test keeps each of them.

Servers here misbehave on loopback in the way the line tells of. A line kept elsewhere is named with its file.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import functools
import gzip
import importlib
import zlib
from collections.abc import Callable

import pytest

from mirror import breakers
from mirror.breakers import FAILURES, FIRST, LONGEST, HostState, InMemory
from mirror.inflate import Inflater, TooLarge
from mirror.net import Client, FetchError, Pace, Validators
from tests.net.world import Talk, World, client, moved, names, reply, world

NET, ROBOTS, EGRESS, FETCH, BOX = (f"tests.net.test_{name}" for name in ("net", "robots", "egress", "fetch", "sandbox"))
FEEDS, POLLING, CHARSET, LINKS = (f"tests.sources.test_{name}" for name in ("feed", "polling", "charset", "links"))
STATES, META, IMAGES, LIVE, EMBEDS, JOINED, BODY = (
    f"tests.extract.test_{name}" for name in ("states", "metadata", "images", "liveblog", "embeds", "joined", "body")
)
FLOW, COLLECT, ANY_SOURCE = "tests.net.test_hygiene_flow", "tests.test_collect", "tests.sources.suite:SourceSuite"
HERE = __name__

LINES: dict[str, list[str]] = {
    "conditional: validators go back verbatim": [f"{NET}:test_validators_go_back_byte_for_byte_and_304_has_no_body"],
    "conditional: per URL and final URL": [
        f"{HERE}:test_validators_go_to_the_address_that_gave_them_and_to_no_other_on_the_way",
    ],
    "conditional: on 200 the new ones are stored": [f"{NET}:test_new_validators_are_kept_from_200_and_from_304"],
    "conditional: 304 without a condition": [f"{NET}:test_304_to_an_unconditional_request_is_an_error"],
    "conditional: the new ones are stored also when the body is the same; 304 has the items of before": [
        f"{ANY_SOURCE}.test_new_validators_are_kept_with_an_old_body",
        f"{ANY_SOURCE}.test_not_modified_still_yields_the_items",
    ],
    "conditional: who insists sends validators too": [
        f"{FETCH}:test_pages_seen_before_are_asked_again_conditionally",
        f"{COLLECT}:test_an_outlet_without_news_costs_one_conditional_request_a_feed_and_no_other",
    ],
    "the least time between two looks: ttl, sy:updatePeriod, Cache-Control": [
        f"{POLLING}:test_a_feed_says_how_often_it_wants_to_be_asked",
        f"{POLLING}:test_a_document_is_not_asked_before_it_wants_to_be",
    ],
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
    "the same guard for pictures, feeds, sitemaps, robots.txt and further pages": [
        f"{NET}:test_a_redirect_is_checked_like_a_first_address",  # they have no other way out than this client
        f"{FETCH}:test_a_page_that_points_inside_is_not_followed",
        f"{FLOW}:test_an_article_is_at_the_address_it_names_only_where_that_can_be_true",
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
    "XML: no DTD, no entities, no files": [f"{ANY_SOURCE}.test_entities_are_not_expanded_and_files_not_read"],
    "sitemap .gz likewise": ["tests.sources.test_sitemap:test_a_gz_bomb_is_refused_in_no_time"],
    "depth and nodes of a page": [
        "tests.extract.test_hostile:test_a_hostile_page_is_read_or_refused_in_time",
        "tests.extract.test_hostile:test_an_article_that_is_nested_too_deep_is_refused_rather_than_cut",
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
    "charset: BOM, HTTP, meta, then the letters; old labels mean their successors; joiners stay": [
        f"{FLOW}:test_articles_are_read_in_the_charset_they_are_in_whatever_they_say",
        f"{CHARSET}:test_a_byte_order_mark_wins_over_everything_and_is_taken_off",
        f"{CHARSET}:test_labels_are_read_as_browsers_read_them",
        f"{CHARSET}:test_a_declaration_that_gives_what_nobody_writes_is_not_believed",
        f"{CHARSET}:test_format_characters_stay",
        f"{BODY}:test_no_invisible_character_is_lost",
    ],
    "is it the article: status, challenge, consent, gone, index, script-only": [
        f"{FLOW}:test_only_articles_are_published_and_everything_else_says_what_it_is",
        f"{STATES}:test_a_page_that_is_no_article_says_what_it_is",
        f"{STATES}:test_an_article_about_cookies_captchas_and_missing_pages_is_an_article",
        "tests.held.test_walls:test_a_wall_is_held_back_for_what_it_is",
    ],
    "is it the article: expected language, same template, far shorter than announced": [
        "tests.held.test_judge:test_a_page_that_is_suddenly_in_another_language_is_held",
        "tests.held.test_run:test_a_day_of_block_pages_leaves_articles_alone_and_ends_by_itself",
        "tests.held.test_judge:test_a_page_with_far_less_text_than_the_feed_or_its_own_account_is_halved",
    ],
    "canonical: identity where it can be true": [
        f"{FLOW}:test_an_article_is_at_the_address_it_names_only_where_that_can_be_true",
        f"{META}:test_a_canonical_address_is_believed_within_the_site_and_for_an_article",
    ],
    "canonical: one spelling; tracking dropped by list and never all of it": [
        f"{LINKS}:test_the_feed_and_the_page_name_one_article",
        f"{LINKS}:test_only_tracking_parameters_are_dropped",
        f"{COLLECT}:test_an_article_that_many_ways_lead_to_is_one",
    ],
    "canonical: wrapped addresses": [
        "tests.sources.test_lists_and_sections:test_an_address_behind_another_one_is_found"
    ],
    "AMP: a fall-back, never the identity": [
        f"{FLOW}:test_the_amp_copy_of_a_page_behind_a_consent_dialogue_gives_the_article_and_not_its_address",
        f"{COLLECT}:test_the_amp_copy_stands_in_for_a_page_that_needs_scripts",
        f"{JOINED}:test_the_amp_copy_is_named_when_it_is_on_the_same_site",
    ],
    "paywalls and consent: what the page says of itself; walls are not broken": [
        f"{META}:test_a_page_says_whether_it_is_free",
        f"{STATES}:test_an_article_behind_a_paywall_is_never_ok",
    ],
    "paywalls and consent: the feed's text, WordPress or AMP instead": [
        f"{FLOW}:test_walls_are_not_broken_and_the_feed_gives_what_the_outlet_gives_everybody",
        f"{COLLECT}:test_the_feeds_text_stands_in_for_a_bot_check",
        f"{FETCH}:test_an_article_taken_from_the_feed_costs_no_request_for_its_page",
    ],
    "pagination: the same family, twenty pages, what overlaps once": [
        f"{FLOW}:test_an_article_without_end_is_read_up_to_the_limit_and_a_circle_once",
        f"{COLLECT}:test_further_pages_are_joined_and_each_is_asked_for_once",
        f"{JOINED}:test_another_article_a_day_and_comments_are_no_next_page",
        f"{JOINED}:test_pages_follow_one_another_and_what_is_repeated_stands_once",
        f"{JOINED}:test_the_whole_article_on_one_page_is_preferred_and_has_no_next_page",
    ],
    "pictures: lazy ones, the largest, no placeholders, templates filled": [
        f"{FLOW}:test_pictures_that_come_by_script_are_found_and_the_largest_is_taken",
        f"{IMAGES}:test_the_largest_reasonable_file_is_the_first_candidate",
        f"{IMAGES}:test_pixels_placeholders_icons_and_hidden_pictures_are_none",
        f"{IMAGES}:test_pictures_that_a_script_would_show_are_found",
        f"{IMAGES}:test_holes_in_addresses_are_filled_as_the_pages_other_pictures_show",
        f"{IMAGES}:test_caption_and_credit_are_kept_apart_and_out_of_the_text",
    ],
    "pictures: nothing of the camera, no SVG": [
        f"{FLOW}:test_pictures_that_come_by_script_are_found_and_the_largest_is_taken",
        "tests.test_pictures:test_camera_place_author_profile_and_comments_are_gone",
        "tests.test_pictures:test_formats_outside_the_list_are_refused",
    ],
    "live blogs: dated posts, each look a version": [
        f"{FLOW}:test_each_look_at_a_live_blog_is_a_revision_with_dated_posts",
        f"{LIVE}:test_posts_keep_time_title_text_and_the_order_of_the_page",
        f"{LIVE}:test_a_live_blog_whose_posts_come_by_script_is_held_back_and_says_so",
    ],
    "embeds: what they are, whose, their text; nothing asked for": [
        f"{FLOW}:test_embeds_become_labelled_links_and_nothing_of_theirs_is_asked_for",
        f"{EMBEDS}:test_what_can_be_kept_of_an_embed_is_kept",
        "tests.pages.test_pages:test_a_page_loads_nothing_but_its_own_style_and_pictures",
    ],
    "edits: what a reader reads makes a version, and nothing else": [
        f"{FLOW}:test_what_changes_on_every_visit_is_no_edit_and_a_word_is",
        "tests.revisions.test_changes:test_rotating_links_quotation_marks_and_picture_addresses_make_no_revision",
        "tests.revisions.test_changes:test_a_word_a_number_a_joiner_or_a_caption_makes_one",
        "tests.revisions.test_changes:test_only_real_changes_reach_the_log",
    ],
    "edits: looked at again after 15 min, 1 h, 6 h, 24 h, 7 d": [
        f"{FETCH}:test_how_often_a_page_is_asked_again_depends_on_its_age",
        f"{FETCH}:test_a_page_is_looked_at_again_after_its_feed_has_forgotten_it",
    ],
    "removal is an event and no deletion": [
        f"{FETCH}:test_a_page_that_disappears_is_an_event_and_may_return",
        f"{FETCH}:test_a_page_that_leads_to_the_front_page_is_gone_and_not_the_front_page",
        "tests.revisions.test_removals:test_a_page_gone_for_a_day_is_a_revision_that_says_so_and_keeps_the_text",
        "tests.revisions.test_removals:test_an_outlet_that_goes_dark_removes_nothing",
    ],
    "duplicates: canonical, guid, the same words; agency copy stays": [
        f"{COLLECT}:test_an_article_that_many_ways_lead_to_is_one",
        f"{COLLECT}:test_a_new_headline_in_the_address_is_a_revision_when_the_feed_says_that_it_is_the_same",
        f"{COLLECT}:test_a_feed_that_uses_one_guid_for_everything_merges_nothing",
        f"{COLLECT}:test_notices_in_the_same_few_words_stay_apart",
        "tests.held.test_judge:test_agency_copy_at_two_addresses_and_in_two_languages_is_published",
    ],
    "duplicates: alike by fingerprint": [
        "tests.held.test_judge:test_the_same_text_at_several_addresses_is_no_article",
        "tests.held.test_judge:test_fingerprints_tell_texts_of_any_script_apart",
    ],
    "feeds: the strict parser first, the patient one on errors": [
        f"{FEEDS}:test_broken_feeds_are_read_all_the_same",
        f"{FEEDS}:test_every_feed_of_others_yields_at_least_what_feedparser_finds",
    ],
    "a failed outlet never stops the run, and what was good stays": [
        f"{ANY_SOURCE}.test_what_cannot_be_read_is_a_problem_and_the_old_items_stay",
        f"{COLLECT}:test_an_outlet_that_fails_run_after_run_is_left_alone_and_asked_again_later",
        f"{FETCH}:test_one_failing_feed_is_a_problem_and_the_other_s_articles_still_come",
    ],
    "evidence: address, certificate, request": [
        f"{EGRESS}:test_tls_inside_socks_is_checked_against_the_name",
        f"{EGRESS}:test_headers_and_cookies_go_to_the_outlet_and_are_shown_to_nobody",
    ],
    "evidence: the bytes as they came, for other programs too; no secrets": [
        "tests.warc.test_evidence:test_the_same_answers_give_the_same_bytes_and_no_secret_is_in_them",
        "tests.warc.test_evidence:test_warcio_finds_every_digest_right",
    ],
    "refused by TLS fingerprint: what a browser saved can be imported": [
        "tests.warc.test_import:test_pages_of_the_outlet_are_taken_and_the_newest_capture_counts",
        "tests.sources.test_discover:test_a_wall_is_told_from_a_site_and_what_can_be_done_is_said",
    ],
}


@pytest.mark.parametrize("line", LINES)
def test_every_line_is_kept_by_tests_that_exist(line: str) -> None:
    assert LINES[line]
    for place in LINES[line]:
        module, _, name = place.partition(":")
        assert callable(functools.reduce(getattr, name.split("."), importlib.import_module(module))), place


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
