"""Front pages and pages of older articles: what fits, what gives way."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from mirror.edition import LEAD, LIGHT, MIRRORS, TITLE, WITHDRAWALS, OutletNews, compose, page
from mirror.pack import PIECE, PackError
from schemas import SchemaError, check
from signing.front import Front
from signing.keys import SignerKey
from signing.note import open_note
from signing.packing import gunzip, parse_json
from tests.schemas.articles import OLDER, TIME, TRUST, an_item
from tests.test_pack import words

SIGNER = SignerKey("example.org/publisher", b"p" * 32)
FRONT = 8192
# As hard to compress as the real thing: 40 hashes of proof, four consistency proofs.
PROOF = b"c2sp.org/tlog-proof@v1\nindex 123456\n"


def hashes(count: int, seed: str) -> tuple[bytes, ...]:
    return tuple(hashlib.sha256(f"{seed} {number}".encode()).digest() for number in range(count))


def front_fits(asked: list[int] | None = None) -> Callable[[bytes, int], bool]:
    """What the sequencer asks: does the front with this edition, a proof and consistency proofs stay within 8 KiB?"""
    from base64 import b64encode

    proof = PROOF + b"".join(b64encode(each) + b"\n" for each in hashes(20, "proof"))
    proof += b"\nexample.org/log/2027\n123457\n" + b64encode(hashes(1, "root")[0]) + b"\n\n"
    proof += "— example.org/log/2027 ".encode() + b64encode(b"".join(hashes(2, "sig"))[:68].ljust(68, b"x")) + b"\n"
    consistency = ((123000, hashes(10, "old")),)

    def fits(edition: bytes, most: int) -> bool:
        if asked is not None:
            asked.append(len(edition))
        return len(Front(edition=edition, proof=proof, consistency=consistency).encode()) <= most

    return fits


def news(number: int, count: int, *, minute: int = 0, **more: Any) -> OutletNews:
    """An outlet with `count` articles whose texts hardly compress."""
    items = tuple(
        an_item(
            number * 1000 + at,
            title=words(9, number * 1000 + at)[:120],
            lead=words(60, number * 1000 + at + 500),
            url=f"https://outlet-{number}.example/{words(3, at, 'abcdefghijklm')[:-1].replace(' ', '-')}",
            digest=hashlib.sha256(f"{number} {at}".encode()).hexdigest(),
            thumbnail=hashlib.sha256(f"t {number} {at}".encode()).hexdigest(),
            fetched=f"2027-03-01T{23 - at % 24:02}:{59 - minute:02}:00Z",
        )
        for at in range(count)
    )
    base = OutletNews(
        id=f"outlet-{number}",
        name=f"Outlet {number}",
        url=f"https://outlet-{number}.example/",
        language="ru",
        direction="ltr",
        items=items,
        older={**OLDER, "digest": hashlib.sha256(b"older %d" % number).hexdigest()},
    )
    return replace(base, **more)


def mirrors(count: int) -> list[dict[str, Any]]:
    return [{"url": f"https://m{number}.example/", "kind": "s3", "since": TIME} for number in range(count)]


def withdrawals(count: int) -> list[dict[str, Any]]:
    return [{"digest": hashlib.sha256(b"w %d" % at).hexdigest(), "time": TIME} for at in range(count)]


def composed(*outlets: OutletNews, fits: Callable[[bytes, int], bool] | None = None, **more: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "name": "Example",
        "origin": "example.org",
        "serial": 12,
        "now": datetime(2027, 3, 1, 8, 15, tzinfo=UTC),
        "due_seconds": 3600,
        "mirrors": [],
        "withdrawals": [],
        "trust": {"digest": TRUST["root"]["digest"], "size": 900},
        "signer": SIGNER,
        "fits": fits or front_fits(),
    } | more
    stored = compose(outlets=outlets, **given)
    assert given["fits"](stored, FRONT)
    document = parse_json(open_note(gunzip(stored, 1_000_000), [SIGNER.verifier]).text)
    check("edition", document)
    return document  # type: ignore[return-value]


def listed(document: dict[str, Any]) -> dict[str, int]:
    return {outlet["id"]: len(outlet["articles"]) for outlet in document["outlets"]}


def test_a_small_publication_fits_whole() -> None:
    document = composed(news(1, 3), news(2, 0), mirrors=mirrors(2), withdrawals=withdrawals(1))
    assert listed(document) == {"outlet-1": 3, "outlet-2": 0}
    assert document["time"] == TIME
    assert document["next"] == "2027-03-01T09:15:00Z"
    assert document["serial"] == 12
    assert document["mirrors"] == mirrors(2)
    assert document["withdrawals"] == withdrawals(1)
    first = document["outlets"][0]["articles"][0]
    assert list(first) == list(an_item())
    assert first["digest"] == news(1, 3).items[0]["digest"]
    assert len(first["lead"]) <= LEAD
    assert first["lead"].endswith("…")
    assert len(first["title"]) <= TITLE
    assert document["outlets"][0]["older"]["articles"] == 32


def test_an_edition_without_outlets_is_an_edition() -> None:
    assert composed()["outlets"] == []


def test_much_news_fills_the_front_and_every_outlet_has_its_newest() -> None:
    outlets = [news(number, 40, minute=number) for number in range(6)]
    document = composed(*outlets, mirrors=mirrors(3))
    counts = listed(document)
    assert min(counts.values()) >= 2
    assert max(counts.values()) - min(counts.values()) <= 1
    for outlet, entry in zip(outlets, document["outlets"], strict=True):
        shown = [item["digest"] for item in entry["articles"]]
        assert shown == [item["digest"] for item in outlet.items[: len(shown)]]


def test_a_quiet_outlet_is_not_pushed_out_by_a_busy_one() -> None:
    counts = listed(composed(news(1, 300), news(2, 1, minute=59)))
    assert counts["outlet-2"] == 1
    assert counts["outlet-1"] > 8


def test_leads_give_way_before_an_outlet_loses_its_newest_article() -> None:
    document = composed(*(news(number, 10) for number in range(16)))
    assert set(listed(document).values()) >= {1}
    assert 0 not in listed(document).values()
    leads = [item.get("lead", "") for outlet in document["outlets"] for item in outlet["articles"]]
    assert max(map(len, leads)) <= 120


def test_of_too_many_outlets_those_with_the_oldest_news_are_left_out() -> None:
    outlets = [news(number, 2, minute=number % 60) for number in range(200)]
    document = composed(*outlets, mirrors=mirrors(100), withdrawals=withdrawals(100))
    counts = listed(document)
    assert 15 < len(counts) < 200
    assert min(counts.values()) == 1
    newest = {outlet.items[0]["fetched"] for outlet in outlets if outlet.id in counts}
    assert min(newest) >= max(outlet.items[0]["fetched"] for outlet in outlets if outlet.id not in counts)
    assert len(document["mirrors"]) == 3


def test_an_outlet_that_dates_its_news_into_the_future_gains_nothing() -> None:
    liar = news(1, 1, minute=59)
    liar = replace(liar, items=({**liar.items[0], "published": "9999-01-01T00:00:00Z"},))
    outlets = [news(number, 1) for number in range(2, 150)]
    assert "outlet-1" not in listed(composed(liar, *outlets))


def test_many_mirrors_take_turns_and_all_come_up() -> None:
    everyone = mirrors(30)
    seen: set[str] = set()
    for serial in range(1, 31):
        urls = [mirror["url"] for mirror in composed(mirrors=everyone, serial=serial)["mirrors"]]
        assert len(urls) == MIRRORS == len(set(urls))
        seen |= set(urls)
        if serial == 3:
            assert len(seen) == 30
    assert len(seen) == 30


def test_the_newest_withdrawals_are_listed() -> None:
    assert composed(withdrawals=withdrawals(300))["withdrawals"] == withdrawals(WITHDRAWALS)


def test_composing_asks_seldom_however_much_there_is() -> None:
    asked: list[int] = []
    composed(*(news(number, 200) for number in range(20)), fits=front_fits(asked))
    assert len(asked) < 45


def test_the_same_news_makes_the_same_edition() -> None:
    assert composed(news(1, 30), news(2, 30)) == composed(news(1, 30), news(2, 30))
    assert composed(now="2027-03-01T08:15:00Z") == composed()


def test_what_cannot_be_an_edition_is_refused() -> None:
    with pytest.raises(PackError, match="does not fit"):
        composed(news(1, 3), fits=lambda stored, most: False)
    for more in ({"origin": "not an origin"}, {"serial": 0}, {"trust": {}}, {"mirrors": [{"url": "ftp://x/"}]}):
        with pytest.raises(SchemaError):
            composed(news(1, 1), **more)
    with pytest.raises(SchemaError, match="surprise"):
        composed(replace(news(1, 1), items=({**an_item(), "surprise": 1},)))
    with pytest.raises(ValueError, match="zone"):
        composed(now=datetime(2027, 3, 1))  # noqa: DTZ001


# --- older pages -----------------------------------------------------------------------------------------------------


def unpacked(stored: bytes) -> dict[str, Any]:
    assert len(stored) <= PIECE
    document = parse_json(gunzip(stored, 1_000_000))
    check("page", document)
    return document  # type: ignore[return-value]


def test_a_page_lists_a_shelf_of_articles_within_a_piece() -> None:
    outlet = news(1, 32)
    document = unpacked(page("outlet-1", outlet.items, OLDER))
    assert [item["digest"] for item in document["articles"]] == [item["digest"] for item in outlet.items]
    assert document["older"] == OLDER
    assert page("outlet-1", outlet.items, OLDER) == page("outlet-1", outlet.items, OLDER)
    assert "older" not in unpacked(page("outlet-1", outlet.items[:1], None))
    assert unpacked(page("outlet-1", (), None))["articles"] == []


def test_a_page_gives_up_leads_before_articles() -> None:
    small = unpacked(page("outlet-1", news(1, 8).items, None))
    assert all(len(item["lead"]) > 200 for item in small["articles"])
    full = unpacked(page("outlet-1", news(1, 60).items, None))
    assert len(full["articles"]) == 60
    assert not any("lead" in item for item in full["articles"])


def test_addresses_made_to_be_long_cost_only_their_own_articles_a_place() -> None:
    rng = random.Random(1)
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    honest = news(1, 16).items
    hostile = [
        {**item, "url": "https://a.example/" + "".join(rng.choices(letters, k=1000))} for item in news(2, 16).items
    ]
    document = unpacked(page("outlet-1", [*hostile, *honest], OLDER))
    digests = [item["digest"] for item in document["articles"]]
    assert digests[-16:] == [item["digest"] for item in honest]
    assert 16 <= len(digests) < 32


def test_an_item_that_is_none_is_refused_on_a_page() -> None:
    with pytest.raises(SchemaError, match="/articles/0/index"):
        page("outlet-1", [an_item(index=-1)], None)
    with pytest.raises(SchemaError):
        page("Outlet", [an_item()], None)
    with pytest.raises(SchemaError, match="100 entries"):
        page("outlet-1", [an_item(number) for number in range(101)], None)


def test_thirty_headlines_with_leads_make_a_front_of_six_kilobytes() -> None:
    """The leads give way to that, as long as there are some; fewer articles keep theirs whole."""

    def plain(count: int) -> OutletNews:
        items = tuple(
            an_item(
                at,
                title=f"The harbour office has {at} new lanterns",
                lead=f"Number {at}: " + "the lamps went on at dusk, and everybody on the quay saw it. " * 4,
                url=f"https://outlet.example/2031/04/{at}",
                digest=hashlib.sha256(b"%d" % at).hexdigest(),
            )
            for at in range(count)
        )
        return OutletNews(id="o", name="O", url="https://o.example/", language="en", direction="ltr", items=items)

    light: list[bool] = []

    def fits(edition: bytes, most: int) -> bool:
        good = front_fits()(edition, most)
        light.append(good and most == LIGHT)
        return good

    many = composed(plain(30), plain(2), fits=fits)
    listed = [one for outlet in many["outlets"] for one in outlet["articles"]]
    assert len(listed) >= 30
    assert any(light)
    assert all(0 < len(one["lead"]) <= LEAD for one in listed)
    few = composed(plain(3))
    assert all(len(one["lead"]) > LEAD - 10 for outlet in few["outlets"] for one in outlet["articles"])
