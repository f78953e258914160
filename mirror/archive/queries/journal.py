"""The journal, the lines that wait for cosignatures, and how far each target is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal

import sqlalchemy as sa

from mirror.archive import tables
from mirror.archive.queries import Queries, as_values, chunks
from mirror.archive.rows import (
    Change,
    DamagedRow,
    TargetRow,
)

if TYPE_CHECKING:
    pass


class JournalQueries(Queries):
    """Journal, held lines, targets, damaged files."""

    # --- journal ------------------------------------------------------------------------------------------------------

    def record(self, changes: Sequence[Change]) -> int:
        """How many of `changes` are news and were appended, in the order given.

        A path has one line, its newest. A put of the bytes that the journal has for that path already is no news: a
        picture shared by two articles is not sent twice.
        """
        before: dict[str, tuple[str, str | None]] = {}
        for some in chunks(change.path for change in changes):
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
            values = [{name: value for name, value in as_values(c).items() if name != "seq"} for c in news.values()]
            self._c.execute(sa.insert(tables.journal).prefix_with("OR REPLACE"), values)
        return len(news)

    def hold(self, changes: Sequence[Change]) -> None:
        """Keeps lines back from the journal, in this order."""
        values = [{name: value for name, value in as_values(c).items() if name != "seq"} for c in changes]
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
        for some in chunks(paths):
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
        for some in chunks(paths):
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
        for some in chunks(wanted):
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
        self._upsert(tables.targets, as_values(row))

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
        self._upsert(tables.damaged, as_values(row))

    def drop_damaged(self, target: str, paths: Iterable[str] | None = None) -> None:
        """Forgets these files of a target, or all."""
        of_it = sa.delete(tables.damaged).where(tables.damaged.c.target == target)
        for some in chunks(paths) if paths is not None else (None,):
            self._c.execute(of_it if some is None else of_it.where(tables.damaged.c.path.in_(some)))
