"""What the publication remembers: one SQLite file, typed accessors, no query anywhere else. Its tables are in
`mirror.archive.tables`, what stands in them in `mirror.archive.rows`.

A sealed article costs the same whatever the archive holds: every query here that is made while sealing is answered by
an index. WAL and synchronous=FULL: NORMAL can lose the last commit in a power cut, and the head must not be lost.
The file is on the same disk as the archive, written under the archive's lock, and read by anybody at any time.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from mirror.archive import tables
from mirror.archive.errors import CorruptArchive, DiskFull, HeadMoved, NewerState, StorageFailed
from mirror.archive.rows import (
    ArticleRow,
    BackfillRow,
    Change,
    CheckpointRow,
    DamagedRow,
    EditionRow,
    EntryRow,
    Head,
    LogRow,
    OpenPage,
    OutletRow,
    ResourceRow,
    Shelf,
    TargetRow,
    WithdrawalRow,
)
from mirror.archive.tables import SCHEMA
from mirror.revisions import REMOVED

if TYPE_CHECKING:
    from mirror.breakers import HostState
    from mirror.sources.state import FeedState, PageState

__all__ = [
    "SCHEMA",
    "ArticleRow",
    "BackfillRow",
    "Change",
    "CheckpointRow",
    "DamagedRow",
    "EditionRow",
    "EntryRow",
    "Head",
    "LogRow",
    "OpenPage",
    "OutletRow",
    "ResourceRow",
    "Shelf",
    "State",
    "TargetRow",
    "Tx",
    "WithdrawalRow",
]

_T = TypeVar("_T")
_MANY = 400  # values in one IN (…): SQLite's default limit on variables was 999 for long


def _dict(row: Any) -> dict[str, Any]:
    return {field.name: getattr(row, field.name) for field in fields(row)}


# --- transactions -----------------------------------------------------------------------------------------------------


class Tx:
    """The accessors, within one transaction. Those that write need one from `State.writing`."""

    def __init__(self, connection: sa.Connection) -> None:
        self._c = connection

    # --- facts --------------------------------------------------------------------------------------------------------

    def fact(self, name: str) -> str | None:
        found: str | None = self._c.execute(sa.select(tables.facts.c.value).where(tables.facts.c.name == name)).scalar()
        return found

    def put_fact(self, name: str, value: str) -> None:
        self._upsert(tables.facts, {"name": name, "value": value})

    def drop_fact(self, name: str) -> None:
        self._c.execute(sa.delete(tables.facts).where(tables.facts.c.name == name))

    # --- the log ------------------------------------------------------------------------------------------------------

    def head(self) -> Head:
        """The head; raises `CorruptArchive` when there is none."""
        row = self._c.execute(sa.select(tables.heads)).mappings().first()
        if row is None:
            raise CorruptArchive("the state file has no log head", hint="restore it, or rebuild it from a mirror")
        return Head(**row)

    def has_head(self) -> bool:
        return self._c.execute(sa.select(tables.heads.c.origin)).first() is not None

    def create_head(self, head: Head) -> None:
        self._c.execute(sa.insert(tables.heads).values(**_dict(head)))

    def swap_head(self, old: Head, new: Head) -> None:
        """Compare and swap: `new` takes the place of `old`, or `HeadMoved` is raised and the transaction must end."""
        done = self._c.execute(
            sa.update(tables.heads)
            .where(
                tables.heads.c.origin == old.origin, tables.heads.c.size == old.size, tables.heads.c.root == old.root
            )
            .where(tables.heads.c.checkpoint == old.checkpoint)
            .values(**_dict(new))
        )
        if done.rowcount != 1:
            raise HeadMoved(
                f"{old.origin}: another process sealed while this one did (was at size {old.size})",
                hint="nothing was signed twice; run again",
            )

    def logs(self) -> tuple[LogRow, ...]:
        """The logs that were closed, oldest first."""
        rows = self._c.execute(sa.select(tables.logs).order_by(tables.logs.c.base)).mappings()
        return tuple(LogRow(**row) for row in rows)

    def add_log(self, row: LogRow) -> None:
        """Closes a log. The kept heads, which were its, are forgotten."""
        self._c.execute(sa.insert(tables.logs).values(**_dict(row)))
        self._c.execute(sa.delete(tables.checkpoints))

    def checkpoints(self) -> tuple[CheckpointRow, ...]:
        """The kept heads of the current log, newest first."""
        rows = self._c.execute(sa.select(tables.checkpoints).order_by(tables.checkpoints.c.size.desc())).mappings()
        return tuple(CheckpointRow(**row) for row in rows)

    def add_checkpoint(self, row: CheckpointRow, *, keep: int) -> None:
        self._upsert(tables.checkpoints, _dict(row))
        kept = sa.select(tables.checkpoints.c.size).order_by(tables.checkpoints.c.size.desc()).limit(keep)
        self._c.execute(sa.delete(tables.checkpoints).where(tables.checkpoints.c.size.not_in(kept)))

    # --- entries and articles -----------------------------------------------------------------------------------------

    def known(self, digest: str) -> bool:
        """Whether something with this digest is in the log or waits for it."""
        return (
            self._c.execute(sa.select(tables.entries.c.id).where(tables.entries.c.digest == digest)).first() is not None
        )

    def add_entry(self, entry: EntryRow) -> None:
        self._c.execute(sa.insert(tables.entries).values(**_dict(entry)))

    def add_articles(
        self, entries: Sequence[EntryRow], articles: Sequence[ArticleRow], resources: Sequence[ResourceRow]
    ) -> None:
        if entries:
            self._c.execute(sa.insert(tables.entries), [_dict(entry) for entry in entries])
            self._c.execute(sa.insert(tables.articles), [_dict(article) for article in articles])
        if resources:
            self._c.execute(
                insert(tables.resources).on_conflict_do_nothing(), [_dict(resource) for resource in resources]
            )

    def pending(self, limit: int) -> tuple[EntryRow, ...]:
        """The oldest entries that wait for a seal."""
        rows = self._c.execute(
            sa.select(*(column for column in tables.entries.c if column.name != "id"))
            .where(tables.entries.c.idx.is_(None))
            .order_by(tables.entries.c.id)
            .limit(limit)
        ).mappings()
        return tuple(EntryRow(**row) for row in rows)

    def pending_count(self) -> int:
        return int(self._c.execute(sa.select(sa.func.count()).where(tables.entries.c.idx.is_(None))).scalar_one())

    def entry(self, digest: str) -> EntryRow | None:
        columns = [column for column in tables.entries.c if column.name != "id"]
        row = self._c.execute(sa.select(*columns).where(tables.entries.c.digest == digest)).mappings().first()
        return None if row is None else EntryRow(**row)

    def entry_at(self, index: int) -> EntryRow | None:
        """The entry at this place in all logs. None for a withdrawal too: see `withdrawals`."""
        columns = [column for column in tables.entries.c if column.name != "id"]
        row = self._c.execute(sa.select(*columns).where(tables.entries.c.idx == index)).mappings().first()
        return None if row is None else EntryRow(**row)

    def entries_from(self, first: int, limit: int) -> tuple[EntryRow, ...]:
        """Sealed entries at place `first` and after it, in order; withdrawals are not among them."""
        columns = [column for column in tables.entries.c if column.name != "id"]
        query = sa.select(*columns).where(tables.entries.c.idx >= first).order_by(tables.entries.c.idx).limit(limit)
        return tuple(EntryRow(**row) for row in self._c.execute(query).mappings())

    def articles(self, digests: Iterable[str]) -> dict[str, ArticleRow]:
        found: dict[str, ArticleRow] = {}
        for some in _chunks(digests):
            rows = self._c.execute(sa.select(tables.articles).where(tables.articles.c.digest.in_(some))).mappings()
            found.update({row["digest"]: ArticleRow(**row) for row in rows})
        return found

    def resources(self, articles: Iterable[str]) -> tuple[ResourceRow, ...]:
        found: list[ResourceRow] = []
        for some in _chunks(articles):
            query = sa.select(tables.resources).where(tables.resources.c.article.in_(some))
            found += [ResourceRow(**row) for row in self._c.execute(query).mappings()]
        return tuple(found)

    def latest(self, outlet: str, url: str) -> ArticleRow | None:
        """The newest revision of the article at this canonical address, sealed or waiting."""
        row = (
            self._c.execute(
                sa.select(tables.articles)
                .where(tables.articles.c.outlet == outlet, tables.articles.c.url == url)
                .order_by(tables.articles.c.revision.desc(), tables.articles.c.idx.desc().nulls_first())
                .limit(1)
            )
            .mappings()
            .first()
        )
        return None if row is None else ArticleRow(**row)

    def at_address(self, outlet: str, url: str) -> tuple[ArticleRow, ...]:
        """Every revision of the article at this canonical address, sealed or waiting, superseded or not."""
        query = sa.select(tables.articles).where(tables.articles.c.outlet == outlet, tables.articles.c.url == url)
        return tuple(
            ArticleRow(**row) for row in self._c.execute(query.order_by(tables.articles.c.revision)).mappings()
        )

    def addresses(self, url: str | None = None) -> Iterator[tuple[str, str]]:
        """(outlet, canonical address) of every article, or of those at this one. Looks at all of them."""
        query = sa.select(tables.articles.c.outlet, tables.articles.c.url).distinct()
        if url is not None:
            query = query.where(tables.articles.c.url == url)
        for row in self._c.execute(query.execution_options(yield_per=500)):
            yield row.outlet, row.url

    def revisions(self, addresses: Iterable[tuple[str, str]]) -> tuple[ArticleRow, ...]:
        """Every revision, at these (outlet, address) pairs, that nothing supersedes yet."""
        by_outlet: dict[str, list[str]] = {}
        for outlet, url in addresses:
            by_outlet.setdefault(outlet, []).append(url)
        found: list[ArticleRow] = []
        for outlet, urls in by_outlet.items():
            for some in _chunks(urls):
                query = sa.select(tables.articles).where(
                    tables.articles.c.outlet == outlet,
                    tables.articles.c.url.in_(some),
                    tables.articles.c.superseded_by.is_(None),
                )
                found += [ArticleRow(**row) for row in self._c.execute(query).mappings()]
        return tuple(found)

    def newest(self, outlet: str, limit: int, *, aged: bool = False) -> tuple[ArticleRow, ...]:
        """The outlet's newest current sealed articles, the last logged first: its news, or what it had published long
        before we fetched it."""
        rows = self._c.execute(
            sa.select(tables.articles)
            .where(tables.articles.c.outlet == outlet, tables.articles.c.aged.is_(aged), *_is_current())
            .order_by(tables.articles.c.idx.desc())
            .limit(limit)
        ).mappings()
        return tuple(ArticleRow(**row) for row in rows)

    def oldest(self, outlet: str, limit: int, *, after: int) -> tuple[ArticleRow, ...]:
        """The same from the other end, oldest first."""
        rows = self._c.execute(
            sa.select(tables.articles)
            .where(tables.articles.c.outlet == outlet, tables.articles.c.idx > after, *_is_current())
            .order_by(tables.articles.c.idx)
            .limit(limit)
        ).mappings()
        return tuple(ArticleRow(**row) for row in rows)

    def all_articles(self, outlet: str | None = None, *, since: str | None = None) -> Iterator[ArticleRow]:
        """Current sealed articles in the log's order, for exports; of one outlet, fetched since a time."""
        query = sa.select(tables.articles).where(*_is_current()).order_by(tables.articles.c.idx)
        if outlet is not None:
            query = query.where(tables.articles.c.outlet == outlet)
        if since is not None:
            query = query.where(tables.articles.c.fetched >= since)
        for row in self._c.execute(query.execution_options(yield_per=500)).mappings():
            yield ArticleRow(**row)

    def seal_entries(self, indices: Mapping[str, int]) -> None:
        """Gives entries, and their articles, their log indices."""
        values = [{"d": digest, "i": index} for digest, index in indices.items()]
        for table in (tables.entries, tables.articles):
            self._c.execute(
                sa.update(table)
                .where(table.c.digest == sa.bindparam("d"), table.c.idx.is_(None))
                .values(idx=sa.bindparam("i")),
                values,
            )

    def supersede(self, pairs: Mapping[str, str]) -> None:
        """Marks articles (keys) as superseded by others (values)."""
        if pairs:
            self._c.execute(
                sa.update(tables.articles)
                .where(tables.articles.c.digest == sa.bindparam("old"))
                .values(superseded_by=sa.bindparam("new")),
                [{"old": old, "new": new} for old, new in pairs.items()],
            )

    # --- withdrawals ------------------------------------------------------------------------------------------------

    def add_withdrawals(self, rows: Sequence[WithdrawalRow]) -> None:
        if rows:
            self._c.execute(sa.insert(tables.withdrawals), [_dict(row) for row in rows])

    def pending_withdrawals(self, limit: int) -> tuple[WithdrawalRow, ...]:
        """The oldest withdrawals that wait for a seal."""
        columns = [column for column in tables.withdrawals.c if column.name != "id"]
        query = (
            sa.select(*columns).where(tables.withdrawals.c.idx.is_(None)).order_by(tables.withdrawals.c.id).limit(limit)
        )
        return tuple(WithdrawalRow(**row) for row in self._c.execute(query).mappings())

    def withdrawals(self, limit: int) -> tuple[WithdrawalRow, ...]:
        """The newest withdrawals, sealed or not, newest first."""
        columns = [column for column in tables.withdrawals.c if column.name != "id"]
        query = sa.select(*columns).order_by(tables.withdrawals.c.id.desc()).limit(limit)
        return tuple(WithdrawalRow(**row) for row in self._c.execute(query).mappings())

    def seal_withdrawals(self, indices: Mapping[str, int]) -> None:
        """Gives withdrawals, by digest, their places in the log."""
        if indices:
            self._c.execute(
                sa.update(tables.withdrawals)
                .where(tables.withdrawals.c.digest == sa.bindparam("d"))
                .values(idx=sa.bindparam("i")),
                [{"d": digest, "i": index} for digest, index in indices.items()],
            )

    def withdraw_address(self, outlet: str, url_digest: str, time: str) -> None:
        """Remembers that nothing is taken from this address (its SHA-256) any more."""
        self._upsert(tables.withdrawn, {"outlet": outlet, "url_digest": url_digest, "time": time})

    def withdrawn(self, outlet: str, url_digests: Iterable[str]) -> set[str]:
        """Those of these addresses that are withdrawn."""
        found: set[str] = set()
        for some in _chunks(url_digests):
            query = sa.select(tables.withdrawn.c.url_digest)
            query = query.where(tables.withdrawn.c.outlet == outlet, tables.withdrawn.c.url_digest.in_(some))
            found.update(self._c.execute(query).scalars())
        return found

    def withdrawn_anywhere(self) -> frozenset[str]:
        """The withdrawn addresses of all outlets, as SHA-256."""
        return frozenset(self._c.execute(sa.select(tables.withdrawn.c.url_digest)).scalars())

    def used_by_others(self, digests: Iterable[str], articles: Collection[str]) -> set[str]:
        """Those of the objects `digests` that an article which is not one of `articles` has as well."""
        found: set[str] = set()
        for some in _chunks(digests):
            query = sa.select(tables.resources.c.digest, tables.resources.c.article).where(
                tables.resources.c.digest.in_(some)
            )
            found.update(digest for digest, article in self._c.execute(query) if article not in articles)
        return found

    def forget_articles(self, digests: Iterable[str], *, entries: bool = False) -> None:
        """Removes what is known of these articles (titles, leads, addresses, resources); with `entries` also that they
        wait for the log."""
        for some in _chunks(digests):
            self._c.execute(sa.delete(tables.resources).where(tables.resources.c.article.in_(some)))
            self._c.execute(sa.delete(tables.articles).where(tables.articles.c.digest.in_(some)))
            if entries:
                self._c.execute(
                    sa.delete(tables.entries).where(tables.entries.c.digest.in_(some), tables.entries.c.idx.is_(None))
                )

    def forget_pages(self, outlet: str, url: str) -> tuple[str, ...]:
        """Removes what fetching remembers of the article at this canonical address, feeds that were read included; and
        returns every address that led to it."""
        led = sa.or_(tables.pages.c.url == url, tables.pages.c.final_url == url, tables.pages.c.article_url == url)
        query = sa.select(tables.pages.c.url, tables.pages.c.final_url).where(tables.pages.c.outlet == outlet, led)
        urls = {url, *(one for row in self._c.execute(query) for one in row if one)}
        self._c.execute(sa.delete(tables.pages).where(tables.pages.c.outlet == outlet, led))
        # Items of a feed hold titles and sometimes whole texts: the feed is read anew, and `remember_feed` filters.
        for one in urls:
            self._c.execute(sa.delete(tables.feeds).where(sa.func.instr(tables.feeds.c.content, one) > 0))
        return tuple(sorted(urls))

    # --- shelves and editions -----------------------------------------------------------------------------------------

    def last_shelf(self, outlet: str) -> Shelf | None:
        query = (
            sa.select(tables.shelves)
            .where(tables.shelves.c.outlet == outlet)
            .order_by(tables.shelves.c.number.desc())
            .limit(1)
        )
        row = self._c.execute(query).mappings().first()
        return None if row is None else Shelf(**row)

    def add_shelves(self, shelves: Sequence[Shelf]) -> None:
        if shelves:
            self._c.execute(sa.insert(tables.shelves), [_dict(shelf) for shelf in shelves])

    def shelf_before(self, outlet: str, idx: int) -> Shelf | None:
        """The newest shelf all of whose articles come before place `idx`."""
        query = sa.select(tables.shelves).where(tables.shelves.c.outlet == outlet, tables.shelves.c.last < idx)
        row = self._c.execute(query.order_by(tables.shelves.c.number.desc()).limit(1)).mappings().first()
        return None if row is None else Shelf(**row)

    def shelf_number(self, outlet: str, digest: str) -> int | None:
        """The number of the outlet's shelf that is this page object; None when there is none."""
        query = sa.select(tables.shelves.c.number).where(
            tables.shelves.c.outlet == outlet, tables.shelves.c.digest == digest
        )
        found: int | None = self._c.execute(query).scalar()
        return found

    def drop_shelves(self, outlet: str, number: int) -> None:
        """Removes the shelves of an outlet from `number` on."""
        self._c.execute(
            sa.delete(tables.shelves).where(tables.shelves.c.outlet == outlet, tables.shelves.c.number >= number)
        )

    def shelf_digests(self, outlet: str, number: int) -> tuple[str, ...]:
        """The page objects of an outlet's shelves from `number` on."""
        query = sa.select(tables.shelves.c.digest).where(
            tables.shelves.c.outlet == outlet, tables.shelves.c.number >= number
        )
        return tuple(self._c.execute(query).scalars())

    def shelved(self, digests: Iterable[str]) -> set[str]:
        """Those of `digests` that are sealed shelves."""
        found: set[str] = set()
        for some in _chunks(digests):
            found.update(
                self._c.execute(sa.select(tables.shelves.c.digest).where(tables.shelves.c.digest.in_(some))).scalars()
            )
        return found

    def open_pages(self, outlets: Iterable[str]) -> dict[str, OpenPage]:
        found: dict[str, OpenPage] = {}
        for some in _chunks(outlets):
            rows = self._c.execute(sa.select(tables.open_pages).where(tables.open_pages.c.outlet.in_(some))).mappings()
            found.update({row["outlet"]: OpenPage(**row) for row in rows})
        return found

    def put_open_page(self, page: OpenPage) -> None:
        self._upsert(tables.open_pages, _dict(page))

    def drop_open_page(self, outlet: str) -> None:
        self._c.execute(sa.delete(tables.open_pages).where(tables.open_pages.c.outlet == outlet))

    def editions(self) -> tuple[EditionRow, ...]:
        """The editions still kept, newest first."""
        rows = self._c.execute(sa.select(tables.editions).order_by(tables.editions.c.serial.desc())).mappings()
        return tuple(EditionRow(**row) for row in rows)

    def replace_editions(self, *, add: EditionRow, drop: Sequence[int]) -> None:
        if drop:
            self._c.execute(sa.delete(tables.editions).where(tables.editions.c.serial.in_(drop)))
        self._c.execute(sa.insert(tables.editions).values(**_dict(add)))

    # --- journal ------------------------------------------------------------------------------------------------------

    def record(self, changes: Sequence[Change]) -> int:
        """How many of `changes` are news and were appended, in the order given.

        A path has one line, its newest. A put of the bytes that the journal has for that path already is no news: a
        picture shared by two articles is not sent twice.
        """
        before: dict[str, tuple[str, str | None]] = {}
        for some in _chunks(change.path for change in changes):
            query = sa.select(tables.journal.c.path, tables.journal.c.op, tables.journal.c.sha256).where(
                tables.journal.c.path.in_(some)
            )
            before.update({path: (op, sha256) for path, op, sha256 in self._c.execute(query)})
        news: dict[str, Change] = {}
        for change in changes:
            if before.get(change.path) == (change.op, change.sha256):
                continue
            if change.op == "delete" and change.path not in before:
                continue  # never offered to a target
            news[change.path] = change
        if news:
            values = [{name: value for name, value in _dict(c).items() if name != "seq"} for c in news.values()]
            self._c.execute(sa.insert(tables.journal).prefix_with("OR REPLACE"), values)
        return len(news)

    def hold(self, changes: Sequence[Change]) -> None:
        """Keeps lines back from the journal, in this order."""
        values = [{name: value for name, value in _dict(c).items() if name != "seq"} for c in changes]
        if values:
            self._c.execute(sa.insert(tables.held), values)

    def held(self) -> tuple[Change, ...]:
        """The lines kept back, in order."""
        return tuple(
            Change(**row) for row in self._c.execute(sa.select(tables.held).order_by(tables.held.c.seq)).mappings()
        )

    def drop_held(self) -> None:
        self._c.execute(sa.delete(tables.held))

    def head_seq(self) -> int:
        return int(self._c.execute(sa.select(sa.func.max(tables.journal.c.seq))).scalar() or 0)

    def line_count(self) -> int:
        """How many lines the journal has."""
        return int(self._c.execute(sa.select(sa.func.count()).select_from(tables.journal)).scalar_one())

    def backlog_of(self, cursor: int, immutable_cursor: int, filling: int) -> tuple[int, int]:
        """How many files, and bytes, a target that has got so far still lacks; at most, where it is being filled."""
        row = tables.journal.c
        lacking = sa.or_(
            sa.and_(row.mutable, row.seq > cursor),
            sa.and_(sa.not_(row.mutable), sa.or_(row.seq > immutable_cursor, row.seq < filling)),
        )
        query = sa.select(sa.func.count(), sa.func.sum(row.size)).where(row.op == "put", lacking)
        if not filling:
            query = query.where(row.seq > min(cursor, immutable_cursor))
        files, size = self._c.execute(query).one()
        return int(files), int(size or 0)

    def changes(
        self, after: int, limit: int | None, *, mutable: bool | None = None, op: Literal["put", "delete"] | None = None
    ) -> tuple[Change, ...]:
        """Lines of the journal after number `after`, in order, at most `limit`."""
        query = sa.select(tables.journal).where(tables.journal.c.seq > after).order_by(tables.journal.c.seq)
        if mutable is not None:
            query = query.where(tables.journal.c.mutable if mutable else sa.not_(tables.journal.c.mutable))
        if op is not None:
            query = query.where(tables.journal.c.op == sa.literal_column(f"'{op}'"))
        if limit is not None:
            query = query.limit(limit)
        return tuple(Change(**row) for row in self._c.execute(query).mappings())

    def changes_before(self, before: int, limit: int) -> tuple[Change, ...]:
        """Puts of files that never change, with numbers below `before`, the newest first, at most `limit`."""
        query = sa.select(tables.journal).where(tables.journal.c.seq < before, sa.not_(tables.journal.c.mutable))
        query = query.where(tables.journal.c.op == "put").order_by(tables.journal.c.seq.desc()).limit(limit)
        return tuple(Change(**row) for row in self._c.execute(query).mappings())

    def changes_of_kind(self, kinds: Iterable[str], before: int) -> tuple[Change, ...]:
        """The same of these kinds, all of them, in the journal's order. Reads the whole journal."""
        query = sa.select(tables.journal).where(tables.journal.c.seq < before, sa.not_(tables.journal.c.mutable))
        query = query.where(tables.journal.c.op == "put", tables.journal.c.kind.in_(list(kinds)))
        return tuple(Change(**row) for row in self._c.execute(query.order_by(tables.journal.c.seq)).mappings())

    def offered(self, paths: Iterable[str]) -> dict[str, Change]:
        """The journal's lines for these paths, those that are puts."""
        found: dict[str, Change] = {}
        for some in _chunks(paths):
            query = sa.select(tables.journal).where(tables.journal.c.path.in_(some), tables.journal.c.op == "put")
            found.update({row["path"]: Change(**row) for row in self._c.execute(query).mappings()})
        return found

    def offered_totals(self) -> tuple[int, int, int]:
        """How many files the journal offers, their bytes, and the largest one's. Reads the whole journal."""
        size = tables.journal.c.size
        query = sa.select(sa.func.count(), sa.func.sum(size), sa.func.max(size)).where(tables.journal.c.op == "put")
        files, total, largest = self._c.execute(query).one()
        return int(files), int(total or 0), int(largest or 0)

    def lines_of(self, paths: Iterable[str]) -> tuple[Change, ...]:
        """The journal's lines for these paths, deletes too, in order."""
        found: list[Change] = []
        for some in _chunks(paths):
            query = sa.select(tables.journal).where(tables.journal.c.path.in_(some))
            found += [Change(**row) for row in self._c.execute(query).mappings()]
        return tuple(sorted(found, key=lambda change: change.seq))

    def offered_below(self, folder: str) -> tuple[str, ...]:
        """Paths below `folder/` that the journal offers."""
        query = sa.select(tables.journal.c.path).where(
            tables.journal.c.path >= f"{folder}/", tables.journal.c.path < f"{folder}0", tables.journal.c.op == "put"
        )
        return tuple(self._c.execute(query).scalars())

    def known_objects(self, digests: Iterable[str]) -> set[str]:
        """Those of `digests` that anything refers to: an entry, a resource, the journal."""
        wanted = list(digests)
        found: set[str] = set()
        for some in _chunks(wanted):
            for column in (tables.entries.c.digest, tables.resources.c.digest):
                found.update(self._c.execute(sa.select(column).where(column.in_(some))).scalars())
            # The entry of a withdrawn bundle stays; a file of it that lies about must not.
            query = sa.select(tables.withdrawals.c.digest).where(
                tables.withdrawals.c.digest.in_(some), tables.withdrawals.c.idx.is_not(None)
            )
            found.difference_update(self._c.execute(query).scalars())
        offered = self.offered(f"o/{digest[:2]}/{digest[2:]}" for digest in wanted)
        return found | {path[2:].replace("/", "") for path in offered}

    # --- targets ------------------------------------------------------------------------------------------------------

    def target(self, name: str) -> TargetRow:
        """What is known of a target; everything zero for a new one."""
        row = self._c.execute(sa.select(tables.targets).where(tables.targets.c.name == name)).mappings().first()
        return TargetRow(name=name) if row is None else TargetRow(**row)

    def targets(self) -> tuple[TargetRow, ...]:
        rows = self._c.execute(sa.select(tables.targets).order_by(tables.targets.c.name)).mappings()
        return tuple(TargetRow(**row) for row in rows)

    def put_target(self, row: TargetRow) -> None:
        self._upsert(tables.targets, _dict(row))

    def change_target(self, name: str, **columns: object) -> None:
        """Sets these columns of a target and leaves the others: pushes and looks write at the same time."""
        self._upsert(tables.targets, {"name": name, **columns})

    def forget_target(self, name: str) -> None:
        for table, column in ((tables.targets, tables.targets.c.name), (tables.damaged, tables.damaged.c.target)):
            self._c.execute(sa.delete(table).where(column == name))

    def damaged(self, target: str) -> tuple[DamagedRow, ...]:
        """The files known to be wrong or missing at a target, by path."""
        query = sa.select(tables.damaged).where(tables.damaged.c.target == target).order_by(tables.damaged.c.path)
        return tuple(DamagedRow(**row) for row in self._c.execute(query).mappings())

    def put_damaged(self, row: DamagedRow) -> None:
        self._upsert(tables.damaged, _dict(row))

    def drop_damaged(self, target: str, paths: Iterable[str] | None = None) -> None:
        """Forgets these files of a target, or all."""
        of_it = sa.delete(tables.damaged).where(tables.damaged.c.target == target)
        for some in _chunks(paths) if paths is not None else (None,):
            self._c.execute(of_it if some is None else of_it.where(tables.damaged.c.path.in_(some)))

    # --- taking an outlet's past --------------------------------------------------------------------------------------

    def backfill(self, outlet: str) -> BackfillRow | None:
        query = sa.select(tables.backfills).where(tables.backfills.c.outlet == outlet)
        row = self._c.execute(query).mappings().first()
        return None if row is None else BackfillRow(**row)

    def backfills(self) -> tuple[BackfillRow, ...]:
        rows = self._c.execute(sa.select(tables.backfills).order_by(tables.backfills.c.outlet)).mappings()
        return tuple(BackfillRow(**row) for row in rows)

    def put_backfill(self, row: BackfillRow) -> None:
        self._upsert(tables.backfills, _dict(row))

    def drop_backfill(self, outlet: str) -> None:
        """Forgets a back-fill and what of it still waits."""
        self._c.execute(sa.delete(tables.backfills).where(tables.backfills.c.outlet == outlet))
        self._c.execute(sa.delete(tables.backlog).where(tables.backlog.c.outlet == outlet))

    def add_backlog(self, outlet: str, items: Mapping[str, str]) -> int:
        """How many of these addresses, with what is known of each as JSON, were not waiting already."""
        if not items:
            return 0
        rows = [{"outlet": outlet, "url": url, "item": item} for url, item in items.items()]
        before = self._c.execute(sa.text("SELECT total_changes()")).scalar_one()
        self._c.execute(insert(tables.backlog).on_conflict_do_nothing(), rows)
        return int(self._c.execute(sa.text("SELECT total_changes()")).scalar_one()) - int(before)

    def backlog(self, outlet: str, limit: int) -> list[tuple[str, str]]:
        """The next addresses to take, with what is known of them: those not tried yet first."""
        waiting = tables.backlog.c
        query = (
            sa.select(waiting.url, waiting.item)
            .where(waiting.outlet == outlet, waiting.state.is_(None))
            .order_by(waiting.tries, waiting.id)
            .limit(limit)
        )
        return [(row[0], row[1]) for row in self._c.execute(query)]

    def backlog_count(self, outlet: str) -> tuple[int, int]:
        """How many addresses wait, and how many were given up."""
        query = sa.select(
            sa.func.count().filter(tables.backlog.c.state.is_(None)),
            sa.func.count().filter(tables.backlog.c.state.is_not(None)),
        ).where(tables.backlog.c.outlet == outlet)
        waiting, failed = self._c.execute(query).one()
        return int(waiting), int(failed)

    def settle_backlog(
        self,
        outlet: str,
        *,
        done: Iterable[str],
        again: Iterable[str] = (),
        given_up: Iterable[str] = (),
        tries: int = 3,
    ) -> None:
        """Those done are forgotten; those to be tried again have one try more behind them, and are given up after so
        many."""
        mine = tables.backlog.c.outlet == outlet
        for some in _chunks(done):
            self._c.execute(sa.delete(tables.backlog).where(mine, tables.backlog.c.url.in_(some)))
        for some in _chunks(again):
            one_more = sa.update(tables.backlog).where(mine, tables.backlog.c.url.in_(some))
            self._c.execute(one_more.values(tries=tables.backlog.c.tries + 1))
            spent = sa.update(tables.backlog).where(
                mine, tables.backlog.c.url.in_(some), tables.backlog.c.tries >= tries
            )
            self._c.execute(spent.values(state="failed", item="{}"))
        for some in _chunks(given_up):
            self._c.execute(
                sa.update(tables.backlog).where(mine, tables.backlog.c.url.in_(some)).values(state="failed", item="{}")
            )

    # --- fetching -----------------------------------------------------------------------------------------------------

    def outlet(self, outlet: str) -> OutletRow:
        row = self._c.execute(sa.select(tables.outlets).where(tables.outlets.c.id == outlet)).mappings().first()
        return OutletRow(id=outlet) if row is None else OutletRow(**row)

    def outlets(self) -> tuple[OutletRow, ...]:
        rows = self._c.execute(sa.select(tables.outlets).order_by(tables.outlets.c.id)).mappings()
        return tuple(OutletRow(**row) for row in rows)

    def put_outlet(self, row: OutletRow) -> None:
        self._upsert(tables.outlets, _dict(row))

    def article_count(self, outlet: str) -> int:
        """How many current articles of the outlet are sealed."""
        query = (
            sa.select(sa.func.count())
            .select_from(tables.articles)
            .where(tables.articles.c.outlet == outlet, *_is_current())
        )
        return int(self._c.execute(query).scalar_one())

    def feed(self, url: str) -> FeedState | None:
        from mirror.sources.state import FeedState

        row = self._c.execute(sa.select(tables.feeds).where(tables.feeds.c.url == url)).mappings().first()
        return None if row is None else FeedState(**row)

    def remember_feed(self, state: FeedState) -> None:
        self._upsert(tables.feeds, _dict(state))

    def forget_feeds(self, *, most: int) -> None:
        """All but so many documents, those forgotten that were not asked for longest: an index can name others in each
        run, and a feed hosts without end, each with a robots.txt of its own."""
        beyond = sa.select(tables.feeds.c.url).order_by(tables.feeds.c.checked.desc()).limit(-1).offset(most)
        self._c.execute(sa.delete(tables.feeds).where(tables.feeds.c.url.in_(beyond)))

    def host(self, host: str) -> HostState | None:
        from mirror.breakers import HostState

        row = self._c.execute(sa.select(tables.hosts).where(tables.hosts.c.host == host)).mappings().first()
        if row is None:
            return None
        return HostState(failures=row["failures"], until=row["until"], retry_after_until=row["retry_after_until"])

    def put_host(self, host: str, state: HostState) -> None:
        """A host of which there is nothing bad to say is forgotten."""
        if not (state.failures or state.until or state.retry_after_until):
            self._c.execute(sa.delete(tables.hosts).where(tables.hosts.c.host == host))
        else:
            self._upsert(tables.hosts, {"host": host, **_dict(state)})

    def pages(self, outlet: str, urls: Iterable[str]) -> dict[str, PageState]:
        """What is known of these pages, by address."""
        from mirror.sources.state import PageState

        columns = [column for column in tables.pages.c if column.name != "article_url"]
        found: dict[str, PageState] = {}
        for some in _chunks(urls):
            query = sa.select(*columns).where(tables.pages.c.outlet == outlet, tables.pages.c.url.in_(some))
            found.update({row["url"]: PageState(**row) for row in self._c.execute(query).mappings()})
        return found

    def good_pages(self, outlet: str, limit: int) -> list[PageState]:
        """Pages of the outlet that gave articles when they were last asked for, those first seen last."""
        from mirror.sources.state import PageState

        columns = [column for column in tables.pages.c if column.name != "article_url"]
        query = sa.select(*columns).where(tables.pages.c.outlet == outlet, tables.pages.c.state == "ok")
        query = query.order_by(tables.pages.c.first_seen.desc()).limit(limit)
        return [PageState(**row) for row in self._c.execute(query).mappings()]

    def removed_articles(self, outlet: str) -> list[ArticleRow]:
        """The outlet's articles whose newest revision says that their page was removed, those noticed last first."""
        query = sa.select(tables.articles).where(
            tables.articles.c.outlet == outlet,
            tables.articles.c.superseded_by.is_(None),
            tables.articles.c.content_key.like(f"%{REMOVED}"),
        )
        rows = self._c.execute(query.order_by(tables.articles.c.idx.desc().nulls_first())).mappings()
        return [ArticleRow(**row) for row in rows]

    def due_pages(self, outlet: str, moment: str, limit: int) -> list[PageState]:
        """The outlet's pages that are to be asked for again by `moment`: at most `limit` of those first seen last, and
        as many of those that have waited longest."""
        from mirror.sources.state import PageState

        columns = [column for column in tables.pages.c if column.name != "article_url"]
        due = sa.select(*columns).where(
            tables.pages.c.outlet == outlet, tables.pages.c.due.is_not(None), tables.pages.c.due <= moment
        )
        found: dict[str, PageState] = {}
        for order in (tables.pages.c.first_seen.desc(), tables.pages.c.due):
            rows = self._c.execute(due.order_by(order, tables.pages.c.url).limit(limit)).mappings()
            found.update({row["url"]: PageState(**row) for row in rows})
        return list(found.values())

    def led_by_guid(self, outlet: str, guid: str) -> str | None:
        """The canonical address of the article that the feed called this before, where all its pages led to one."""
        query = (
            sa.select(tables.pages.c.article_url)
            .where(
                tables.pages.c.outlet == outlet, tables.pages.c.guid == guid, tables.pages.c.article_url.is_not(None)
            )
            .distinct()
            .limit(2)
        )
        found: list[str] = [row[0] for row in self._c.execute(query)]
        return found[0] if len(found) == 1 else None

    def with_content(self, outlet: str, content_key: str) -> ArticleRow | None:
        """The outlet's oldest current article of this content, sealed or not."""
        query = (
            sa.select(tables.articles)
            .where(
                tables.articles.c.outlet == outlet,
                tables.articles.c.content_key == content_key,
                tables.articles.c.superseded_by.is_(None),
            )
            .order_by(tables.articles.c.fetched)
            .limit(1)
        )
        row = self._c.execute(query).mappings().first()
        return None if row is None else ArticleRow(**row)

    def remember_page(
        self, page: PageState, *, state: str | None = None, reason: str | None = None, article_url: str | None = None
    ) -> None:
        """Writes the page's row. `state` and `reason`, when given, take the place of the page's own; `article_url` is
        the canonical address under which its article is kept, and stays as it was when not given."""
        values = _dict(page)
        if state is not None:
            values |= {"state": state, "reason": reason}
        if article_url is not None:
            values["article_url"] = article_url
        self._upsert(tables.pages, values)

    def article_url(self, outlet: str, url: str) -> str | None:
        """The canonical address of the article that this page led to, where one did."""
        query = sa.select(tables.pages.c.article_url).where(tables.pages.c.outlet == outlet, tables.pages.c.url == url)
        found: str | None = self._c.execute(query).scalar()
        return found

    def _upsert(self, table: sa.Table, values: dict[str, Any]) -> None:
        keys = [column.name for column in table.primary_key]
        statement = insert(table).values(**values)
        changed = {name: statement.excluded[name] for name in values if name not in keys}
        self._c.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed))


def _is_current() -> tuple[sa.ColumnElement[bool], ...]:
    # Word for word the condition of the index articles_current, or SQLite would not use it.
    return (tables.articles.c.idx.is_not(None), tables.articles.c.superseded_by.is_(None))


def _chunks(values: Iterable[_T]) -> Iterator[list[_T]]:
    wanted = list(dict.fromkeys(values))
    for start in range(0, len(wanted), _MANY):
        yield wanted[start : start + _MANY]


class State:
    """The state file. `reading()` and `writing()` give a `Tx` each."""

    def __init__(self, path: Path) -> None:
        """Opens the file; raises `NewerState`, `CorruptArchive`, `StorageFailed`."""
        self.path = path
        self._engine = _open(path)
        with self.reading() as tx:
            try:
                found = tx._c.execute(sa.select(tables.facts.c.value).where(tables.facts.c.name == "schema")).scalar()
            except sa.exc.OperationalError as error:
                if "no such table" not in str(error):
                    raise
                found = None
        if found is None:
            raise CorruptArchive(f"{path}: not a state file of tamizdat", hint="restore it from a backup")
        if int(found) > SCHEMA:
            raise NewerState(
                f"{path}: written by a newer tamizdat (schema {found}, this one knows {SCHEMA})", hint="upgrade"
            )
        if int(found) < SCHEMA:
            with self.writing() as tx:
                tables.upgrade(tx._c)

    @classmethod
    def create(cls, path: Path) -> State:
        """The state file, made anew when there is none or only the beginning of one."""
        engine = _open(path)
        with _errors(path), engine.connect().execution_options(writing=True) as connection, connection.begin():
            tables.meta.create_all(connection)
            connection.execute(insert(tables.facts).values(name="schema", value=str(SCHEMA)).on_conflict_do_nothing())
        engine.dispose()
        return cls(path)

    @contextlib.contextmanager
    def reading(self) -> Iterator[Tx]:
        """A consistent view; sees nothing of what is committed after its first query."""
        with _errors(self.path), self._engine.connect() as connection, connection.begin():
            yield Tx(connection)

    @contextlib.contextmanager
    def writing(self) -> Iterator[Tx]:
        """One transaction: all of it is durable when the block ends, or, after an exception, none of it.

        After a `StorageFailed` from the commit itself nobody knows which; the process has to end and open afresh.
        """
        with (
            _errors(self.path),
            self._engine.connect().execution_options(writing=True) as connection,
            connection.begin(),
        ):
            yield Tx(connection)

    def settle(self) -> None:
        """What the write-ahead log holds is in the file itself, synced; raises `StorageFailed`."""
        with _errors(self.path), self._engine.connect() as connection:
            # SQLAlchemy types the driver's connection as possibly absent; of an open one it is not.
            connection.connection.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # type: ignore[union-attr]

    def scrub(self) -> None:
        """What was deleted is in no file any more: the database is written anew and its write-ahead log emptied. Costs
        as much time and disk as the database is large. Raises `StorageFailed`, also when another process reads."""
        with _errors(self.path), self._engine.connect() as connection:
            # SQLAlchemy types the driver's connection as possibly absent; of an open one it is not.
            driver: Any = connection.connection.driver_connection
            driver.execute("VACUUM")
            busy, _, _ = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise StorageFailed(
                f"{self.path}: another process reads it, so deleted text is still in {self.path.name}-wal",
                hint="run again when `tamizdat status` and the like have ended",
            )

    def backup(self, path: Path) -> None:
        """A copy made while others read and write (`cp` of a file with a write-ahead log is not one)."""
        import sqlite3

        with _errors(self.path), self._engine.connect() as connection, sqlite3.connect(path) as copy:
            # SQLAlchemy types the driver's connection as possibly absent; of an open one it is not.
            connection.connection.driver_connection.backup(copy)  # type: ignore[union-attr]

    def close(self) -> None:
        self._engine.dispose()


def _open(path: Path) -> sa.Engine:
    # autocommit mode of the driver, and BEGIN by hand: the driver's own way starts transactions too late.
    engine = sa.create_engine(
        sa.URL.create("sqlite", database=str(path)),
        connect_args={"timeout": 30, "isolation_level": None},
        max_overflow=-1,  # every target pushes from a few threads: none of them shall wait for a connection
    )

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        # secure_delete: what is withdrawn shall not be left in free pages.
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
            connection.execute(f"PRAGMA {pragma}").close()

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        writing = connection.get_execution_options().get("writing")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    return engine


@contextlib.contextmanager
def _errors(path: Path) -> Iterator[None]:
    """SQLite's errors as ours."""
    try:
        yield
    except sa.exc.DBAPIError as error:
        said = str(error.orig)
        if "full" in said:
            raise DiskFull(f"{path}: no space left", hint="make room and run again") from error
        if "locked" in said or "busy" in said:
            raise StorageFailed(
                f"{path}: still in use by another process after 30 s", hint="run again later"
            ) from error
        if "malformed" in said or "not a database" in said:
            raise CorruptArchive(f"{path}: damaged ({said})", hint="restore it, or rebuild it from a mirror") from error
        if isinstance(error, (sa.exc.OperationalError, sa.exc.DatabaseError)) and not isinstance(
            error, (sa.exc.IntegrityError, sa.exc.ProgrammingError)
        ):
            raise StorageFailed(f"{path}: {said}", hint="check the disk, then run again") from error
        raise
