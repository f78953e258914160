"""The log as the state file has it: its head, the logs before it, and what was withdrawn; and facts with a name."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import sqlalchemy as sa

from mirror.archive import tables
from mirror.archive.errors import CorruptArchive, HeadMoved
from mirror.archive.queries import Queries, as_values, chunks
from mirror.archive.rows import (
    CheckpointRow,
    Head,
    LogRow,
    WithdrawalRow,
)

if TYPE_CHECKING:
    pass


class LogQueries(Queries):
    """Facts, the head, logs, kept heads, withdrawals."""

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
        self._c.execute(sa.insert(tables.heads).values(**as_values(head)))

    def swap_head(self, old: Head, new: Head) -> None:
        """Compare and swap: `new` takes the place of `old`, or `HeadMoved` is raised and the transaction must end."""
        done = self._c.execute(
            sa.update(tables.heads)
            .where(
                tables.heads.c.origin == old.origin, tables.heads.c.size == old.size, tables.heads.c.root == old.root
            )
            .where(tables.heads.c.checkpoint == old.checkpoint)
            .values(**as_values(new))
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
        self._c.execute(sa.insert(tables.logs).values(**as_values(row)))
        self._c.execute(sa.delete(tables.checkpoints))

    def checkpoints(self) -> tuple[CheckpointRow, ...]:
        """The kept heads of the current log, newest first."""
        rows = self._c.execute(sa.select(tables.checkpoints).order_by(tables.checkpoints.c.size.desc())).mappings()
        return tuple(CheckpointRow(**row) for row in rows)

    def add_checkpoint(self, row: CheckpointRow, *, keep: int) -> None:
        self._upsert(tables.checkpoints, as_values(row))
        kept = sa.select(tables.checkpoints.c.size).order_by(tables.checkpoints.c.size.desc()).limit(keep)
        self._c.execute(sa.delete(tables.checkpoints).where(tables.checkpoints.c.size.not_in(kept)))

    # --- withdrawals ------------------------------------------------------------------------------------------------

    def add_withdrawals(self, rows: Sequence[WithdrawalRow]) -> None:
        if rows:
            self._c.execute(sa.insert(tables.withdrawals), [as_values(row) for row in rows])

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
        for some in chunks(url_digests):
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
        for some in chunks(digests):
            query = sa.select(tables.resources.c.digest, tables.resources.c.article).where(
                tables.resources.c.digest.in_(some)
            )
            found.update(digest for digest, article in self._c.execute(query) if article not in articles)
        return found

    def forget_articles(self, digests: Iterable[str], *, entries: bool = False) -> None:
        """Removes what is known of these articles (titles, leads, addresses, resources); with `entries` also that they
        wait for the log."""
        for some in chunks(digests):
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
