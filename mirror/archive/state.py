"""What the publication remembers: one SQLite file, and its transactions. Its tables are in `mirror.archive.tables`,
what stands in them in `mirror.archive.rows`, and every query in `mirror.archive.queries` and `mirror.archive.judged`.

A sealed article costs the same whatever the archive holds: every query that is made while sealing is answered by
an index. WAL and synchronous=FULL: NORMAL can lose the last commit in a power cut, and the head must not be lost.
The file is on the same disk as the archive, written under the archive's lock, and read by anybody at any time.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from mirror.archive import tables
from mirror.archive.errors import CorruptArchive, DiskFull, NewerState, StorageFailed
from mirror.archive.queries.articles import ArticleQueries
from mirror.archive.queries.fetching import FetchingQueries
from mirror.archive.queries.journal import JournalQueries
from mirror.archive.queries.log import LogQueries
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


PATIENCE = 30.0  # seconds for whoever else writes to the file to end


class Tx(LogQueries, ArticleQueries, JournalQueries, FetchingQueries):
    """The accessors, within one transaction. Those that write need one from `State.writing`."""


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
        """What the write-ahead log holds is in the file itself, synced; raises `StorageFailed`, also when another
        process reads an older state."""
        with self._driver() as driver:
            _, logged, moved = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if moved < logged:
            raise self._is_read("what was committed last is not in the file itself yet")

    def scrub(self) -> None:
        """What was deleted is in no file any more: the database is written anew and its write-ahead log emptied. Costs
        as much time and disk as the database is large. Raises `StorageFailed`, also when another process reads."""
        with self._driver() as driver:
            driver.execute("VACUUM")
            busy, _, _ = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise self._is_read(f"deleted text is still in {self.path.name}-wal")

    @contextlib.contextmanager
    def _driver(self) -> Iterator[Any]:
        """A connection of the driver's, outside of any transaction."""
        with _errors(self.path), self._engine.connect() as connection:
            yield connection.connection.driver_connection

    def _is_read(self, so: str) -> StorageFailed:
        return StorageFailed(
            f"{self.path}: another process reads it, so {so}",
            hint="run again when `tamizdat status` and the like have ended",
        )

    def close(self) -> None:
        self._engine.dispose()


def _open(path: Path) -> sa.Engine:
    # autocommit mode of the driver, and BEGIN by hand: the driver's own way starts transactions too late.
    engine = sa.create_engine(
        sa.URL.create("sqlite", database=str(path)),
        connect_args={"timeout": PATIENCE, "isolation_level": None},
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
    """SQLite's errors as ours, by way of SQLAlchemy or from the driver itself."""
    try:
        yield
    except (sa.exc.DBAPIError, sqlite3.Error) as error:
        said = str(error.orig) if isinstance(error, sa.exc.DBAPIError) else str(error)
        if "full" in said:
            raise DiskFull(f"{path}: no space left", hint="make room and run again") from error
        if "locked" in said or "busy" in said:
            raise StorageFailed(
                f"{path}: still in use by another process after {PATIENCE:.0f} s", hint="run again later"
            ) from error
        if "malformed" in said or "not a database" in said:
            raise CorruptArchive(f"{path}: damaged ({said})", hint="restore it, or rebuild it from a mirror") from error
        if isinstance(error, _STORAGE) and not isinstance(error, _MISTAKES):
            raise StorageFailed(f"{path}: {said}", hint="check the disk, then run again") from error
        raise


_STORAGE = (sa.exc.OperationalError, sa.exc.DatabaseError, sqlite3.DatabaseError)
_MISTAKES = (sa.exc.IntegrityError, sa.exc.ProgrammingError, sqlite3.IntegrityError, sqlite3.ProgrammingError)
