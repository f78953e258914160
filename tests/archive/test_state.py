"""The state file: what a seal asks it is answered by indices, whatever the archive holds."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from mirror.archive import Archive
from mirror.archive.state import TargetRow
from tests.archive import newsroom
from tests.archive.newsroom import Pages, addition, at, fill, seal

# Tables that grow with the archive. The others have a bounded number of rows, or one per outlet.
GROW = ("entries", "articles", "resources", "shelves", "journal", "pages")


def test_nothing_that_grows_is_scanned_while_adding_and_sealing(tmp_path: Path) -> None:
    with newsroom.create(tmp_path) as archive, archive.locked():
        for number in range(10):  # so that editions and pages are pruned, and tiles become full
            fill(archive, 40, first=40 * number)
            seal(archive, at(1000 + number), render=Pages())
        asked: list[tuple[str, Any]] = []

        @sa.event.listens_for(archive.state._engine, "before_cursor_execute")
        def note(*given: Any) -> None:
            _, _, statement, parameters, _, many = given
            asked.append((statement, parameters[0] if many else parameters))

        archive.add_many([addition(500, picture=b"x", long=True), addition(3, revision=2, fetched=at(900))])
        assert archive.latest("outlet-0", "https://outlet-0.example/news/3") is not None
        assert seal(archive, at(2000), render=Pages())
        sa.event.remove(archive.state._engine, "before_cursor_execute", note)

        plans = _plans(archive, asked)
    assert len(plans) > 30
    scans = [plan for plan in plans if re.search(rf"SCAN ({'|'.join(GROW)})\b", plan)]
    # The one exception is an index that holds nothing but what waits.
    assert [plan for plan in scans if "entries_pending" not in plan] == []


def _plans(archive: Archive, asked: list[tuple[str, Any]]) -> list[str]:
    plans = []
    with archive.state._engine.connect() as connection:
        for statement, parameters in asked:
            if statement.startswith(("SELECT", "UPDATE", "DELETE", "INSERT")):
                rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
                plans.append("; ".join(str(row[3]) for row in rows) + " <- " + " ".join(statement.split()))
    return plans


def test_a_failed_transaction_leaves_nothing(tmp_path: Path) -> None:
    with newsroom.create(tmp_path) as archive:
        try:
            with archive.state.writing() as tx:
                tx.put_target(TargetRow(name="one", cursor=5))
                raise RuntimeError
        except RuntimeError:
            pass
        with archive.state.reading() as tx:
            assert tx.targets() == ()
            assert tx.target("one") == TargetRow(name="one")
        with archive.state.writing() as tx:
            tx.put_target(TargetRow(name="one", cursor=5))
            tx.put_target(TargetRow(name="one", cursor=6, last_error="slow"))
        with archive.state.reading() as tx:
            assert tx.targets() == (TargetRow(name="one", cursor=6, last_error="slow"),)
        with archive.state.writing() as tx:
            tx.forget_target("one")
        with archive.state.reading() as tx:
            assert tx.targets() == ()


def test_the_last_commit_survives_a_power_cut(tmp_path: Path) -> None:
    with newsroom.create(tmp_path) as archive, archive.state._engine.connect() as connection:
        settings = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30000}


def test_articles_are_listed_for_exports(tmp_path: Path) -> None:
    with newsroom.create(tmp_path) as archive, archive.locked():
        fill(archive, 3, of=0)
        fill(archive, 2, of=1)
        archive.add_many([addition(1, revision=2, fetched=at(50))])
        seal(archive, at(60), outlets=2)
        with archive.state.reading() as tx:
            assert len(list(tx.all_articles())) == 5
            assert [row.title for row in tx.all_articles("outlet-1")] == ["News number 0", "News number 1"]
            assert [row.revision for row in tx.all_articles(since=newsroom.stamp(at(50)))] == [2]
            assert tx.article_count("outlet-0") == 3
            assert tx.pending_count() == 0
            entry = tx.entry_at(0)
            assert entry is not None
            assert tx.entry(entry.digest) == entry
