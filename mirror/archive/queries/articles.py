"""Entries and articles, and the lists in which readers find them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from mirror.archive import tables
from mirror.archive.queries import Queries, as_values, chunks, is_current
from mirror.archive.rows import (
    ArticleRow,
    EditionRow,
    EntryRow,
    OpenPage,
    ResourceRow,
    Shelf,
)
from mirror.revisions import REMOVED

if TYPE_CHECKING:
    pass


class ArticleQueries(Queries):
    """Entries, articles, resources; shelves, open pages, editions."""

    # --- entries and articles -----------------------------------------------------------------------------------------

    def known(self, digest: str) -> bool:
        """Whether something with this digest is in the log or waits for it."""
        return (
            self._c.execute(sa.select(tables.entries.c.id).where(tables.entries.c.digest == digest)).first() is not None
        )

    def add_entry(self, entry: EntryRow) -> None:
        self._c.execute(sa.insert(tables.entries).values(**as_values(entry)))

    def add_articles(
        self, entries: Sequence[EntryRow], articles: Sequence[ArticleRow], resources: Sequence[ResourceRow]
    ) -> None:
        if entries:
            self._c.execute(sa.insert(tables.entries), [as_values(entry) for entry in entries])
            self._c.execute(sa.insert(tables.articles), [as_values(article) for article in articles])
        if resources:
            self._c.execute(
                insert(tables.resources).on_conflict_do_nothing(), [as_values(resource) for resource in resources]
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
        for some in chunks(digests):
            rows = self._c.execute(sa.select(tables.articles).where(tables.articles.c.digest.in_(some))).mappings()
            found.update({row["digest"]: ArticleRow(**row) for row in rows})
        return found

    def resources(self, articles: Iterable[str]) -> tuple[ResourceRow, ...]:
        found: list[ResourceRow] = []
        for some in chunks(articles):
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
            for some in chunks(urls):
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
            .where(tables.articles.c.outlet == outlet, tables.articles.c.aged.is_(aged), *is_current())
            .order_by(tables.articles.c.idx.desc())
            .limit(limit)
        ).mappings()
        return tuple(ArticleRow(**row) for row in rows)

    def oldest(self, outlet: str, limit: int, *, after: int) -> tuple[ArticleRow, ...]:
        """The same from the other end, oldest first."""
        rows = self._c.execute(
            sa.select(tables.articles)
            .where(tables.articles.c.outlet == outlet, tables.articles.c.idx > after, *is_current())
            .order_by(tables.articles.c.idx)
            .limit(limit)
        ).mappings()
        return tuple(ArticleRow(**row) for row in rows)

    def all_articles(self, outlet: str | None = None, *, since: str | None = None) -> Iterator[ArticleRow]:
        """Current sealed articles in the log's order, for exports; of one outlet, fetched since a time."""
        query = sa.select(tables.articles).where(*is_current()).order_by(tables.articles.c.idx)
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

    def article_count(self, outlet: str) -> int:
        """How many current articles of the outlet are sealed."""
        query = (
            sa.select(sa.func.count())
            .select_from(tables.articles)
            .where(tables.articles.c.outlet == outlet, *is_current())
        )
        return int(self._c.execute(query).scalar_one())

    def removed_articles(self, outlet: str) -> list[ArticleRow]:
        """The outlet's articles whose newest revision says that their page was removed, those noticed last first."""
        query = sa.select(tables.articles).where(
            tables.articles.c.outlet == outlet,
            tables.articles.c.superseded_by.is_(None),
            tables.articles.c.content_key.like(f"%{REMOVED}"),
        )
        rows = self._c.execute(query.order_by(tables.articles.c.idx.desc().nulls_first())).mappings()
        return [ArticleRow(**row) for row in rows]

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
            self._c.execute(sa.insert(tables.shelves), [as_values(shelf) for shelf in shelves])

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
        for some in chunks(digests):
            found.update(
                self._c.execute(sa.select(tables.shelves.c.digest).where(tables.shelves.c.digest.in_(some))).scalars()
            )
        return found

    def open_pages(self, outlets: Iterable[str]) -> dict[str, OpenPage]:
        found: dict[str, OpenPage] = {}
        for some in chunks(outlets):
            rows = self._c.execute(sa.select(tables.open_pages).where(tables.open_pages.c.outlet.in_(some))).mappings()
            found.update({row["outlet"]: OpenPage(**row) for row in rows})
        return found

    def put_open_page(self, page: OpenPage) -> None:
        self._upsert(tables.open_pages, as_values(page))

    def drop_open_page(self, outlet: str) -> None:
        self._c.execute(sa.delete(tables.open_pages).where(tables.open_pages.c.outlet == outlet))

    def editions(self) -> tuple[EditionRow, ...]:
        """The editions still kept, newest first."""
        rows = self._c.execute(sa.select(tables.editions).order_by(tables.editions.c.serial.desc())).mappings()
        return tuple(EditionRow(**row) for row in rows)

    def replace_editions(self, *, add: EditionRow, drop: Sequence[int]) -> None:
        if drop:
            self._c.execute(sa.delete(tables.editions).where(tables.editions.c.serial.in_(drop)))
        self._c.execute(sa.insert(tables.editions).values(**as_values(add)))
