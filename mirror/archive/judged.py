"""What judging pages remembers: how every page's text looked, and the pages that are held back. See `mirror.held`.

Both tables are asked by index only, so an outlet of fifty thousand addresses costs no memory and a page the same time
whatever was read before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from mirror.archive import tables
from mirror.archive.state import Tx

NEAR = 3  # bits in which the fingerprints of two texts that are called alike may differ
_LOOKED_AT = 200  # rows of one band; more have something else in common

Decision = Literal["released", "dropped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TextRow:
    """How a page's text looked. `simhash` are 8 bytes; `held` says that it was not let through."""

    outlet: str
    url: str
    article_url: str
    letters: int
    text_key: str
    title_key: str
    simhash: bytes
    language: str | None = None
    held: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldRow:
    """A page that is held back, or was until the operator decided. `item` is JSON; times are RFC 3339."""

    outlet: str
    url: str
    final_url: str
    content_type: str
    fetched: str
    digest: str
    size: int
    state: str
    reason: str
    since: str
    letters: int
    title: str | None = None
    text_key: str | None = None
    item: str | None = None
    given: bool = False  # the source's own text, not a page
    rules: str = ""
    decided: Decision | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldGroup:
    """The pages of one outlet that wait for the same reason; `newest` is one of them."""

    outlet: str
    state: str
    count: int
    newest: HeldRow


def put_text(tx: Tx, row: TextRow) -> None:
    """Writes how a page's text looks now."""
    bands = {f"band{number}": int.from_bytes(row.simhash[2 * number : 2 * number + 2]) for number in range(4)}
    tx._upsert(tables.texts, {field.name: getattr(row, field.name) for field in fields(row)} | bands)


def near(one: bytes, other: bytes) -> bool:
    """Whether two fingerprints are of texts that are called alike."""
    return (int.from_bytes(one) ^ int.from_bytes(other)).bit_count() <= NEAR


def alike(tx: Tx, row: TextRow) -> tuple[TextRow, ...]:
    """The outlet's other addresses with the same text, or one so near that only numbers and the like differ."""
    c = tables.texts.c
    columns = [c[field.name] for field in fields(TextRow)]
    here = (c.outlet == row.outlet, c.url != row.url)
    found = {
        one["url"]: TextRow(**one)
        for one in tx._c.execute(
            sa.select(*columns).where(*here, c.text_key == row.text_key).limit(_LOOKED_AT)
        ).mappings()
    }
    for number in range(4):
        band = int.from_bytes(row.simhash[2 * number : 2 * number + 2])
        query = sa.select(*columns).where(*here, c[f"band{number}"] == band).limit(_LOOKED_AT)
        for one in tx._c.execute(query).mappings():
            if near(one["simhash"], row.simhash):
                found.setdefault(one["url"], TextRow(**one))
    return tuple(found.values())


def languages(tx: Tx, outlet: str) -> dict[str, int]:
    """In which languages the outlet's pages were, and how many each."""
    c = tables.texts.c
    query = (
        sa.select(c.language, sa.func.count())
        .where(c.outlet == outlet, c.held.is_(False), c.language.is_not(None))
        .group_by(c.language)
    )
    return {str(row[0]): int(row[1]) for row in tx._c.execute(query)}


def hold(tx: Tx, row: HeldRow) -> None:
    """Writes the row; one that stood there for the same reason keeps its `since`."""
    before = held(tx, row.outlet, row.url)
    values = {field.name: getattr(row, field.name) for field in fields(row)}
    if before is not None and before.decided is None and before.state == row.state:
        values["since"] = before.since
    tx._upsert(tables.held_pages, values)


def held(tx: Tx, outlet: str, url: str) -> HeldRow | None:
    """What is known of this page, decided or not."""
    c = tables.held_pages.c
    row = tx._c.execute(sa.select(tables.held_pages).where(c.outlet == outlet, c.url == url)).mappings().first()
    return None if row is None else HeldRow(**row)


def find(tx: Tx, url: str) -> tuple[HeldRow, ...]:
    """The pages at this address, asked for or led to, of whichever outlet."""
    c = tables.held_pages.c
    query = sa.select(tables.held_pages).where(sa.or_(c.url == url, c.final_url == url))
    return tuple(HeldRow(**row) for row in tx._c.execute(query).mappings())


def waiting(
    tx: Tx, *, outlet: str | None = None, state: str | None = None, but_rules: str | None = None, limit: int = -1
) -> tuple[HeldRow, ...]:
    """The pages that nobody has decided about, the oldest first; with `but_rules` only those judged by other ones."""
    c = tables.held_pages.c
    query = sa.select(tables.held_pages).where(c.decided.is_(None))
    if outlet is not None:
        query = query.where(c.outlet == outlet)
    if state is not None:
        query = query.where(c.state == state)
    if but_rules is not None:
        query = query.where(c.rules != but_rules)
    query = query.order_by(c.since, c.url).limit(limit)
    return tuple(HeldRow(**row) for row in tx._c.execute(query).mappings())


def groups(tx: Tx, outlet: str | None = None) -> tuple[HeldGroup, ...]:
    """What waits, one value for each outlet and reason, the largest first."""
    c = tables.held_pages.c
    query = sa.select(c.outlet, c.state, sa.func.count().label("count")).where(c.decided.is_(None))
    if outlet is not None:
        query = query.where(c.outlet == outlet)
    query = query.group_by(c.outlet, c.state).order_by(sa.desc("count"), c.outlet, c.state)
    found = []
    for one in tx._c.execute(query).mappings().all():
        newest = (
            sa.select(tables.held_pages)
            .where(c.decided.is_(None), c.outlet == one["outlet"], c.state == one["state"])
            .order_by(c.since.desc(), c.url)
            .limit(1)
        )
        row = tx._c.execute(newest).mappings().one()
        found.append(
            HeldGroup(outlet=one["outlet"], state=one["state"], count=int(one["count"]), newest=HeldRow(**row))
        )
    return tuple(found)


def decide(tx: Tx, rows: Sequence[HeldRow], decision: Decision) -> None:
    """Writes down what the operator decided about these bytes of these pages."""
    c = tables.held_pages.c
    for row in rows:
        tx._c.execute(
            sa.update(tables.held_pages)
            .where(c.outlet == row.outlet, c.url == row.url, c.digest == row.digest)
            .values(decided=decision)
        )
        if decision == "dropped":
            statement = insert(tables.dropped_pages).values(outlet=row.outlet, digest=row.digest)
            tx._c.execute(statement.on_conflict_do_nothing())


def dropped(tx: Tx, outlet: str, digest: str) -> bool:
    """Whether these bytes were dropped, at whichever address of the outlet."""
    c = tables.dropped_pages.c
    return tx._c.execute(sa.select(c.digest).where(c.outlet == outlet, c.digest == digest)).first() is not None


def released_text(tx: Tx, outlet: str, text_key: str) -> bool:
    """Whether a page of the outlet with this text was released."""
    c = tables.held_pages.c
    query = sa.select(c.url).where(c.outlet == outlet, c.text_key == text_key, c.decided == "released").limit(1)
    return tx._c.execute(query).first() is not None


def settle(tx: Tx, outlet: str, url: str) -> None:
    """The page gave an article: it is not held any more."""
    c = tables.held_pages.c
    tx._c.execute(sa.delete(tables.held_pages).where(c.outlet == outlet, c.url == url))


def forget(tx: Tx, outlet: str, urls: Sequence[str]) -> bool:
    """Removes what is remembered of these pages: their article was withdrawn. Whether there was anything."""
    gone = 0
    for table in (tables.texts, tables.held_pages):
        for url in urls:
            gone += tx._c.execute(sa.delete(table).where(table.c.outlet == outlet, table.c.url == url)).rowcount
    c = tables.texts.c
    gone += tx._c.execute(sa.delete(tables.texts).where(c.outlet == outlet, c.article_url.in_(urls))).rowcount
    return gone > 0


def kept(tx: Tx) -> Iterator[tuple[str, bool]]:
    """The digests of all bytes that rows name, the oldest first, and whether somebody may still want them."""
    c = tables.held_pages.c
    query = (
        sa.select(c.digest, sa.func.max(c.decided.is_(None)), sa.func.max(c.since).label("last"))
        .group_by(c.digest)
        .order_by("last")
    )
    for digest, wanted, _ in tx._c.execute(query):
        yield digest, bool(wanted)
