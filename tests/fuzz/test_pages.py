"""A sample of hostile pages and feeds through the sandbox; `python -m tests.fuzz.pages` runs 10,000 and more."""

from __future__ import annotations

import pytest

from tests.fuzz import pages

# Each of these was stopped at a limit or fell over once.
FOUND = (89, 1283, 1451, 6230)


async def test_no_page_and_no_feed_hangs_crashes_or_bloats(everything: bool) -> None:
    results = await pages.run([*FOUND, *range(100_000, 100_120 if everything else 100_020)])
    assert len(results) == len(FOUND) + (120 if everything else 20)
    assert [f"{one.case.number} {one.case.how}: {one.outcome}" for one in results if one.finding] == []
    assert max(one.memory for one in results) < 512 << 20


def test_a_case_is_the_same_whenever_it_is_made() -> None:
    assert [pages.case(number) for number in range(20)] == [pages.case(number) for number in range(20)]


def test_the_cases_are_of_every_kind() -> None:
    assert {pages.case(number).kind for number in range(40)} == {"page", "feed", "sitemap"}


@pytest.mark.parametrize("mark", ["\x0c", "\x1b", "&#12;", "&#x1F;", "\ufffe"])
def test_a_control_character_behind_an_advertisement_does_not_cost_the_page(mark: str) -> None:
    page = pages.article().replace("<blockquote>", f"<div class=advertisement>Buy</div>{mark}<blockquote>")
    assert page.count(mark) == 1
    assert pages.page(page.encode(), "text/html; charset=utf-8") == "ok"
