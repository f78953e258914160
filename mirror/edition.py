"""The front page as a document: what of the news fits the few kilobytes every reader loads first. Pure.

An edition lists per outlet its newest articles, best first, as far as the `front` has room; what comes after is in
page objects of at most `PIECE` bytes that the edition names by digest. When room is short, in this order:

 1. items go, the oldest of the longest lists first: articles are taken in rounds, every outlet's newest before any
    outlet's second, and within a round the outlets with the newest articles first;
 2. leads are shortened, then left out, rather than leave an outlet without its newest article;
 3. mirrors and withdrawals are halved, titles shortened;
 4. outlets go, those whose newest article is the oldest first.

At most `MIRRORS` mirrors are listed. Are there more, every edition lists the next `MIRRORS` of them in turn (by its
serial), so that a reader who keeps what it has seen gets to know them all. At most `WITHDRAWALS` withdrawals are
listed, the newest ones: what was withdrawn is gone from the mirrors, and the list tells readers who hold a copy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from mirror import __version__
from mirror.pack import PIECE, Json, PackError, bundle, object_bytes, one_line, sealed, shorten
from signing.packing import gzip_bytes

if TYPE_CHECKING:
    from mirror.model import Direction
    from signing.keys import SignerKey

# About 60 bytes each after compression: a tenth of the front.
MIRRORS: Final = 12
# About 45 bytes each: a digest does not compress.
WITHDRAWALS: Final = 24
# What a list shows of an article; the article itself has everything.
TITLE: Final = 200
LEAD: Final = 240
# More of one outlet than this helps nobody choose; and a quiet outlet should not push the others' leads out.
PER_OUTLET: Final = 32
# Bytes that `front` may have; and those where so many headlines fit: the rest would be a third of a second on 2G.
FULL: Final = 8192
LIGHT: Final = 6144
HEADLINES: Final = 30
GENERATOR: Final = f"tamizdat/{__version__}"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutletNews:
    """An outlet and its articles, the newest first, as the items `edition.schema.json` describes."""

    id: str
    name: str
    url: str
    language: str
    direction: Direction
    items: tuple[Mapping[str, Any], ...]
    older: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Room:
    """How generous an edition is."""

    lead: int = LEAD
    title: int = TITLE
    mirrors: int = MIRRORS
    withdrawals: int = WITHDRAWALS


_ROOMS: Final = (
    _Room(),
    _Room(lead=120),
    _Room(lead=60),
    _Room(lead=0),
    _Room(lead=0, mirrors=6, withdrawals=8),
    _Room(lead=0, title=80, mirrors=3, withdrawals=3),
)


def compose(
    *,
    name: str,
    origin: str,
    serial: int,
    now: datetime | str,
    due_seconds: int,
    outlets: Sequence[OutletNews],
    mirrors: Sequence[Mapping[str, Any]],
    withdrawals: Sequence[Mapping[str, Any]],
    trust: Mapping[str, Any],
    signer: SignerKey,
    fits: Callable[[bytes, int], bool],
    generator: str = GENERATOR,
) -> bytes:
    """The stored, signed edition with as much news as `fits` lets in.

    `fits` is asked with candidates and the bytes that the front may have, and must say yes to smaller ones; what comes
    back was accepted by it. Where thirty headlines with leads (or all there are) fit 6 KiB, it is no larger. `mirrors`
    are in the operator's order, `withdrawals` the newest first, `trust` is `{"digest", "size"}`. `now` is UTC; `next`
    is `due_seconds` later. Costs about ten compressions, however many articles there are. Raises `PackError` when not
    even an edition without any outlet fits, `SchemaError` when something given does not fit the schema.
    """
    moment = parse_time(now)
    ranked = sorted(range(len(outlets)), key=lambda at: _freshness(outlets[at]), reverse=True)
    # (outlet, position) in the order in which articles get a place
    deepest = min(PER_OUTLET, max((len(outlet.items) for outlet in outlets), default=0))
    order = [(at, depth) for depth in range(deepest) for at in ranked if depth < len(outlets[at].items)]
    first_round = sum(1 for outlet in outlets if outlet.items)

    def edition(count: int, room: _Room, kept: int | None = None) -> Json:
        listed: list[list[Json]] = [[] for _ in outlets]
        for at, depth in order[:count]:
            listed[at].append(_item(outlets[at].items[depth], room))
        shown = range(len(outlets)) if kept is None else sorted(ranked[:kept])
        return {
            "v": 1,
            "kind": "edition",
            "publication": {"name": name, "origin": origin},
            "serial": serial,
            "time": format_time(moment),
            "next": format_time(moment + timedelta(seconds=due_seconds)),
            "outlets": [_outlet(outlets[at], listed[at]) for at in shown],
            "mirrors": _in_turn(mirrors, serial, room.mirrors),
            "withdrawals": [dict(withdrawal) for withdrawal in withdrawals[: room.withdrawals]],
            "trust": dict(trust),
            "generator": generator,
        }

    def good(document: Json, most: int = FULL) -> bool:
        return fits(sealed(document, signer), most)

    def largest(room: _Room, most: int) -> int | None:
        return _largest(len(order), lambda count: good(edition(count, room), most))

    # First for a light front.
    enough = max(first_round, min(HEADLINES, len(order)))
    light = (_Room(), _Room(lead=120), _Room(lead=90), _Room(lead=60))
    rooms = [(room, LIGHT, enough) for room in light] + [(room, FULL, first_round) for room in _ROOMS]
    for room, most, least in rooms:
        if most < FULL and not good(edition(least, room), most):
            continue
        count = largest(room, most)
        if count is not None and count >= least:
            return bundle(edition(count, room), signer)
    # Even with the barest items not every outlet has a place: as many outlets as possible, one article each.
    room = _ROOMS[-1]
    kept = _largest(len(outlets), lambda kept: good(edition(kept, room, kept)))
    if kept is None:
        raise PackError("the edition does not fit the front even without articles")
    return bundle(edition(kept, room, kept), signer)


def page(outlet: str, items: Sequence[Mapping[str, Any]], older: Mapping[str, Any] | None = None) -> bytes:
    """The stored page object with an outlet's older articles, in the order given, at most `PIECE` bytes.

    Leads are shortened and left out, then titles shortened, until it fits. What then is still too much are addresses
    made to be long: the articles with the longest ones are not listed (they stay in the log and on the mirrors). Raises
    `SchemaError` when an item does not fit the schema, more than 100 items included.
    """

    def document(room: _Room, without: frozenset[int] = frozenset()) -> Json:
        listed = [_item(item, room) for at, item in enumerate(items) if at not in without]
        result: Json = {"v": 1, "kind": "page", "outlet": outlet, "articles": listed}
        return {**result, "older": dict(older)} if older is not None else result

    def good(candidate: Json) -> bool:
        return len(gzip_bytes(one_line(candidate))) <= PIECE

    for room in (_Room(), _Room(lead=160), _Room(lead=80), _Room(lead=0), _Room(lead=0, title=80)):
        if good(candidate := document(room)):
            return object_bytes(candidate)
    longest = sorted(range(len(items)), key=lambda at: len(str(items[at].get("url", ""))), reverse=True)
    for count in range(1, len(items) + 1):
        if good(candidate := document(room, frozenset(longest[:count]))):
            return object_bytes(candidate)
    raise PackError(f"the page of older articles of {outlet} does not fit {PIECE} bytes even when empty")


def parse_time(time: datetime | str) -> datetime:
    """A time given as `YYYY-MM-DDTHH:MM:SSZ` or as an aware datetime, in UTC. ValueError for anything else."""
    moment = datetime.fromisoformat(time) if isinstance(time, str) else time
    if moment.tzinfo is None:
        raise ValueError(f"time without a zone: {time!s}")
    return moment.astimezone(UTC)


def format_time(moment: datetime) -> str:
    """`YYYY-MM-DDTHH:MM:SSZ`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _freshness(outlet: OutletNews) -> str:
    # When we fetched it: an outlet that dates its news into next year must not come first for that.
    return max((str(item["fetched"]) for item in outlet.items[:1]), default="")


def _outlet(outlet: OutletNews, listed: list[Json]) -> Json:
    entry: Json = {
        "id": outlet.id,
        "name": outlet.name,
        "url": outlet.url,
        "language": outlet.language,
        "direction": outlet.direction,
        "articles": listed,
    }
    if outlet.older is not None:
        entry["older"] = dict(outlet.older)
    return entry


_ITEM_KEYS = (
    "title", "lead", "published", "fetched", "language", "direction", "url", "digest", "size", "index", "revision",
    "thumbnail",
)  # fmt: skip


def _item(item: Mapping[str, Any], room: _Room) -> Json:
    """The item in the one order of keys, its texts shortened to what there is room for."""
    result: Json = {key: item[key] for key in _ITEM_KEYS if item.get(key) is not None}
    # A key that is no item key is a mistake of the caller's: the schema shall say so, not this function hide it.
    result |= {key: value for key, value in item.items() if key not in _ITEM_KEYS}
    result["title"] = shorten(result["title"], room.title)
    if "lead" in result:
        if room.lead:
            result["lead"] = shorten(result["lead"], room.lead)
        else:
            del result["lead"]
    return result


def _in_turn(mirrors: Sequence[Mapping[str, Any]], serial: int, count: int) -> list[Json]:
    if len(mirrors) > count:
        start = serial * count % len(mirrors)
        mirrors = [*mirrors[start:], *mirrors[:start]][:count]
    return [dict(mirror) for mirror in mirrors]


def _largest(limit: int, good: Callable[[int], bool]) -> int | None:
    """A largest count from 0 to `limit` that is good (None when 0 is not). Compressed sizes grow with the count but for
    a few bytes, so near the limit one more might fit; what is returned was tried."""
    if not good(0):
        return None
    low, high = 0, 1
    while high < limit and good(high):
        low, high = high, high * 2
    high = min(high, limit)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if good(middle) else (low, middle - 1)
    return low
