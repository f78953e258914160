"""What fetching remembers: outlets, documents, hosts, pages; and what of an outlet's past still waits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from mirror.archive import tables
from mirror.archive.queries import Queries, as_values, chunks
from mirror.archive.rows import (
    BackfillRow,
    OutletRow,
)

if TYPE_CHECKING:
    from mirror.breakers import HostState
    from mirror.sources.state import FeedState, PageState


class FetchingQueries(Queries):
    """Back-fills, outlets, feeds, hosts, pages."""

    # --- taking an outlet's past --------------------------------------------------------------------------------------

    def backfill(self, outlet: str) -> BackfillRow | None:
        query = sa.select(tables.backfills).where(tables.backfills.c.outlet == outlet)
        row = self._c.execute(query).mappings().first()
        return None if row is None else BackfillRow(**row)

    def backfills(self) -> tuple[BackfillRow, ...]:
        rows = self._c.execute(sa.select(tables.backfills).order_by(tables.backfills.c.outlet)).mappings()
        return tuple(BackfillRow(**row) for row in rows)

    def put_backfill(self, row: BackfillRow) -> None:
        self._upsert(tables.backfills, as_values(row))

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
        for some in chunks(done):
            self._c.execute(sa.delete(tables.backlog).where(mine, tables.backlog.c.url.in_(some)))
        for some in chunks(again):
            one_more = sa.update(tables.backlog).where(mine, tables.backlog.c.url.in_(some))
            self._c.execute(one_more.values(tries=tables.backlog.c.tries + 1))
            spent = sa.update(tables.backlog).where(
                mine, tables.backlog.c.url.in_(some), tables.backlog.c.tries >= tries
            )
            self._c.execute(spent.values(state="failed", item="{}"))
        for some in chunks(given_up):
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
        self._upsert(tables.outlets, as_values(row))

    def feed(self, url: str) -> FeedState | None:
        from mirror.sources.state import FeedState

        row = self._c.execute(sa.select(tables.feeds).where(tables.feeds.c.url == url)).mappings().first()
        return None if row is None else FeedState(**row)

    def remember_feed(self, state: FeedState) -> None:
        self._upsert(tables.feeds, as_values(state))

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
            self._upsert(tables.hosts, {"host": host, **as_values(state)})

    def pages(self, outlet: str, urls: Iterable[str]) -> dict[str, PageState]:
        """What is known of these pages, by address."""
        from mirror.sources.state import PageState

        columns = [column for column in tables.pages.c if column.name != "article_url"]
        found: dict[str, PageState] = {}
        for some in chunks(urls):
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

    def remember_page(
        self, page: PageState, *, state: str | None = None, reason: str | None = None, article_url: str | None = None
    ) -> None:
        """Writes the page's row. `state` and `reason`, when given, take the place of the page's own; `article_url` is
        the canonical address under which its article is kept, and stays as it was when not given."""
        values = as_values(page)
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
