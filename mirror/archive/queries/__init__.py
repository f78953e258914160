"""The queries of the state file, a class for each part of it; `mirror.archive.state.Tx` is all of them together.

    log.py        facts, the head, the logs before it, withdrawals
    articles.py   entries and articles, and the lists in which readers find them
    journal.py    what changed, in order, and how far each target is
    fetching.py   what is known of outlets, hosts and pages, and what of an outlet's past still waits

What is held back has its own: `mirror.archive.judged`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from mirror.archive import tables

_T = TypeVar("_T")
_MANY = 400  # values in one IN (…): SQLite's default limit on variables was 999 for long


class Queries:
    """One transaction's."""

    def __init__(self, connection: sa.Connection) -> None:
        self._c = connection

    def _upsert(self, table: sa.Table, values: dict[str, Any]) -> None:
        keys = [column.name for column in table.primary_key]
        statement = insert(table).values(**values)
        changed = {name: statement.excluded[name] for name in values if name not in keys}
        self._c.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed))


def is_current() -> tuple[sa.ColumnElement[bool], ...]:
    """The condition that an article is sealed and nothing supersedes it."""
    # Word for word the condition of the index articles_current, or SQLite would not use it.
    return (tables.articles.c.idx.is_not(None), tables.articles.c.superseded_by.is_(None))


def chunks(values: Iterable[_T]) -> Iterator[list[_T]]:
    """The values, each once, as many at a time as one query takes."""
    wanted = list(dict.fromkeys(values))
    for start in range(0, len(wanted), _MANY):
        yield wanted[start : start + _MANY]


def as_values(row: Any) -> dict[str, Any]:
    """The columns of a row."""
    return {field.name: getattr(row, field.name) for field in fields(row)}
