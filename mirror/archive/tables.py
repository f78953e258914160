"""The tables of the state file (`mirror.archive.state`), and how files of earlier versions become like these.

    meta         schema version, and single facts: since when a mirror is listed
    heads        the log's head: size, root, signed checkpoint, time, newest edition; the one row that is swapped
    logs         the logs before the current one, as they were closed
    checkpoints  the last few heads of the current log, for the consistency proofs in `front`
    entries      everything that is or will be in a log; `idx` is null until it is sealed
    withdrawals  what was taken back: the entries that say so; `idx` is null until they are sealed
    withdrawn    addresses, as SHA-256, that are never fetched again
    articles     what an edition's items need, so that nothing is read back
    resources    the objects beside a bundle
    shelves      sealed pages of older articles, per outlet
    open_pages   the page that is not full yet, per outlet: what an edition's `older` names
    editions     the editions still kept, and the open pages they name
    journal      the newest operation on every path of the archive, in the order targets must see them
    held         lines for the journal that wait until a seal has its cosignatures
    targets      how far each target is, and what readers get there
    damaged      files that are wrong or missing at a target, until a look finds them right
    outlets, feeds, pages, hosts   what fetching remembers
    texts        what the text of every page looked like when it was last read: for telling pages that are all alike
    held_pages   pages that were held back, why, and what the operator decided (`mirror.archive.judged`)
    dropped_pages   bytes that the operator does not want to see again
    backfills, backlog   how far taking an outlet's older articles is, and what it has found and not yet taken

`idx` counts through all logs, one after the other: the index in its log is `idx` less the log's `base`. So whatever is
ordered by it stays ordered when a new log begins.
"""

from __future__ import annotations

import sqlalchemy as sa

SCHEMA = 4

meta = sa.MetaData()

facts = sa.Table(
    "meta", meta, sa.Column("name", sa.Text, primary_key=True), sa.Column("value", sa.Text, nullable=False)
)
heads = sa.Table(
    "heads",
    meta,
    sa.Column("origin", sa.Text, primary_key=True),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("root", sa.LargeBinary, nullable=False),
    sa.Column("checkpoint", sa.LargeBinary, nullable=False),
    sa.Column("time", sa.Text, nullable=False),
    sa.Column("serial", sa.Integer, nullable=False),
    sa.Column("trust_digest", sa.Text, nullable=False),
    sa.Column("trust_size", sa.Integer, nullable=False),
    sa.Column("setting", sa.Text, nullable=False),
    sa.Column("path", sa.Text, nullable=False, server_default=""),
    sa.Column("base", sa.Integer, nullable=False, server_default="0"),
    sa.Column("served", sa.LargeBinary, nullable=False, server_default=sa.text("x''")),
)
logs = sa.Table(
    "logs",
    meta,
    sa.Column("base", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("origin", sa.Text, nullable=False, unique=True),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("root", sa.LargeBinary, nullable=False),
    sa.Column("checkpoint", sa.LargeBinary, nullable=False),
    sa.Column("time", sa.Text, nullable=False),
)
checkpoints = sa.Table(
    "checkpoints",
    meta,
    sa.Column("size", sa.Integer, primary_key=True),
    sa.Column("root", sa.LargeBinary, nullable=False),
    sa.Column("checkpoint", sa.LargeBinary, nullable=False),
    sa.Column("time", sa.Text, nullable=False),
)
entries = sa.Table(
    "entries",
    meta,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("digest", sa.Text, nullable=False, unique=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("outlet", sa.Text),
    sa.Column("url_digest", sa.Text),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("time", sa.Text, nullable=False),
    sa.Column("idx", sa.Integer, unique=True),
    sqlite_autoincrement=True,
)
sa.Index("entries_pending", entries.c.id, sqlite_where=entries.c.idx.is_(None))
articles = sa.Table(
    "articles",
    meta,
    sa.Column("digest", sa.Text, sa.ForeignKey("entries.digest"), primary_key=True),
    sa.Column("outlet", sa.Text, nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("lead", sa.Text),
    sa.Column("published", sa.Text),
    sa.Column("fetched", sa.Text, nullable=False),
    sa.Column("language", sa.Text, nullable=False),
    sa.Column("direction", sa.Text, nullable=False),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("thumbnail", sa.Text),
    sa.Column("content_key", sa.Text, nullable=False),
    sa.Column("idx", sa.Integer),  # the entry's, repeated for the index below
    sa.Column("superseded_by", sa.Text),
    # Much older than when it was fetched: taken by a back-fill. It is not among the newest because it came last.
    sa.Column("aged", sa.Boolean, nullable=False, server_default="0"),
)
sa.Index("articles_by_address", articles.c.outlet, articles.c.url, articles.c.revision)
sa.Index(
    "articles_news",
    articles.c.outlet,
    articles.c.idx,
    sqlite_where=sa.and_(articles.c.idx.is_not(None), articles.c.superseded_by.is_(None), articles.c.aged.is_(False)),
)
sa.Index(
    "articles_current",
    articles.c.outlet,
    articles.c.idx,
    sqlite_where=sa.and_(articles.c.idx.is_not(None), articles.c.superseded_by.is_(None)),
)
resources = sa.Table(
    "resources",
    meta,
    sa.Column("article", sa.Text, sa.ForeignKey("articles.digest"), primary_key=True),
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("size", sa.Integer, nullable=False),
)
sa.Index("resources_by_digest", resources.c.digest)
withdrawals = sa.Table(
    "withdrawals",
    meta,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("digest", sa.Text, nullable=False, unique=True),  # of the bundle that is withdrawn
    sa.Column("outlet", sa.Text, nullable=False),
    sa.Column("url_digest", sa.Text, nullable=False),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("time", sa.Text, nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("idx", sa.Integer, unique=True),
)
sa.Index("withdrawals_pending", withdrawals.c.id, sqlite_where=withdrawals.c.idx.is_(None))
withdrawn = sa.Table(
    "withdrawn",
    meta,
    sa.Column("outlet", sa.Text, primary_key=True),
    sa.Column("url_digest", sa.Text, primary_key=True),
    sa.Column("time", sa.Text, nullable=False),
)
shelves = sa.Table(
    "shelves",
    meta,
    sa.Column("outlet", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("articles", sa.Integer, nullable=False),  # on it and on all before it
    sa.Column("last", sa.Integer, nullable=False),  # log index of its newest item
)
sa.Index("shelves_by_digest", shelves.c.digest)
open_pages = sa.Table(
    "open_pages",
    meta,
    sa.Column("outlet", sa.Text, primary_key=True),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("articles", sa.Integer, nullable=False),
)
editions = sa.Table(
    "editions",
    meta,
    sa.Column("serial", sa.Integer, primary_key=True),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("idx", sa.Integer, nullable=False),
    sa.Column("time", sa.Text, nullable=False),
    sa.Column("pages", sa.Text, nullable=False),  # digests of the open pages it names, parted by spaces
)


def _lines(name: str) -> sa.Table:
    return sa.Table(
        name,
        meta,
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("path", sa.Text, nullable=False, unique=True),
        sa.Column("op", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("rank", sa.Integer, nullable=False),
        sa.Column("mutable", sa.Boolean, nullable=False),
        sa.Column("sha256", sa.Text),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("log_size", sa.Integer, nullable=False),
        sqlite_autoincrement=True,  # a number is never used twice, even when the row that had it was replaced
    )


journal = _lines("journal")
held = _lines("held")
sa.Index("journal_mutable", journal.c.seq, sqlite_where=journal.c.mutable)
sa.Index("journal_deletes", journal.c.seq, sqlite_where=journal.c.op == "delete")
targets = sa.Table(
    "targets",
    meta,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("url", sa.Text),
    sa.Column("cursor", sa.Integer, nullable=False, server_default="0"),
    sa.Column("immutable_cursor", sa.Integer, nullable=False, server_default="0"),
    sa.Column("last_try", sa.Text),
    sa.Column("last_ok", sa.Text),
    sa.Column("last_error", sa.Text),
    sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
    sa.Column("last_audit", sa.Text),
    sa.Column("audit_result", sa.Text),
    sa.Column("audit_detail", sa.Text),
    # Added with schema 4; `upgrade` takes their definitions from here.
    *(
        sa.Column(name, kind, nullable=default is None, server_default=default)
        for name, kind, default in (
            # Written by the push: `mirror.publish`.
            ("deletes_cursor", sa.Integer, "0"),
            ("filling", sa.Integer, None),
            ("ahead", sa.Text, None),
            ("next_try", sa.Text, None),
            ("deadline_missed", sa.Integer, "0"),
            # Written by whoever looks as a reader does: `mirror.watching`.
            ("state", sa.Text, None),
            ("state_since", sa.Text, None),
            ("looks_ok", sa.Integer, "0"),
            ("looks_bad", sa.Integer, "0"),
            ("good_since", sa.Text, None),
            ("bad_since", sa.Text, None),
            ("last_good", sa.Text, None),
            ("next_look", sa.Text, None),
            ("served_serial", sa.Integer, None),
            ("lag_serial", sa.Integer, None),
            ("lag_seconds", sa.Integer, None),
            ("evidence", sa.Text, None),
            ("sweep_at", sa.Integer, "0"),
            ("sweep_began", sa.Text, None),
            ("sweep_done", sa.Text, None),
            ("sweep_files", sa.Integer, "0"),
            ("repaired", sa.Integer, "0"),
            ("repaired_at", sa.Text, None),
            ("relapses", sa.Integer, "0"),
            ("listed", sa.Boolean, None),
            ("listed_since", sa.Text, None),
            ("listed_why", sa.Text, None),
        )
    ),
)
damaged = sa.Table(
    "damaged",
    meta,
    sa.Column("target", sa.Text, primary_key=True),
    sa.Column("path", sa.Text, primary_key=True),
    sa.Column("problem", sa.Text, nullable=False),  # missing, tampered
    sa.Column("since", sa.Text, nullable=False),
    sa.Column("repaired", sa.Text),  # when it was last sent again; null: not yet
    sa.Column("repairs", sa.Integer, nullable=False, server_default="0"),
)
outlets = sa.Table(
    "outlets",
    meta,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("last_try", sa.Text),
    sa.Column("last_ok", sa.Text),
    sa.Column("last_error", sa.Text),
    sa.Column("last_yield", sa.Text),
    sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
)
feeds = sa.Table(
    "feeds",
    meta,
    sa.Column("url", sa.Text, primary_key=True),
    sa.Column("etag", sa.Text),
    sa.Column("last_modified", sa.Text),
    sa.Column("body_digest", sa.Text),
    sa.Column("checked", sa.Text),
    sa.Column("content", sa.Text),
)
pages = sa.Table(
    "pages",
    meta,
    sa.Column("outlet", sa.Text, primary_key=True),
    sa.Column("url", sa.Text, primary_key=True),
    sa.Column("final_url", sa.Text),
    sa.Column("article_url", sa.Text),
    sa.Column("etag", sa.Text),
    sa.Column("last_modified", sa.Text),
    sa.Column("body_digest", sa.Text),
    sa.Column("first_seen", sa.Text, nullable=False),
    sa.Column("checked", sa.Text),
    sa.Column("changed", sa.Text),
    sa.Column("state", sa.Text),
    sa.Column("reason", sa.Text),
    sa.Column("guid", sa.Text),
    sa.Column("due", sa.Text),  # when it is asked for again; null: no more
)
sa.Index("pages_due", pages.c.outlet, pages.c.due, sqlite_where=pages.c.due.is_not(None))
sa.Index("pages_guid", pages.c.outlet, pages.c.guid, sqlite_where=pages.c.guid.is_not(None))
sa.Index("articles_same", articles.c.outlet, articles.c.content_key)
hosts = sa.Table(
    "hosts",
    meta,
    sa.Column("host", sa.Text, primary_key=True),
    sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
    # Unix times before which it is not asked: by our own patience, and by its own word.
    sa.Column("until", sa.Float, nullable=False, server_default="0"),
    sa.Column("retry_after_until", sa.Float, nullable=False, server_default="0"),
)
backfills = sa.Table(
    "backfills",
    meta,
    sa.Column("outlet", sa.Text, primary_key=True),
    sa.Column("started", sa.Text, nullable=False),
    sa.Column("since", sa.Text),
    sa.Column("until", sa.Text),
    sa.Column("most", sa.Integer),  # articles to take; null: all
    sa.Column("cursors", sa.Text, nullable=False),  # JSON: source → how far it was read
    sa.Column("listed", sa.Boolean, nullable=False, server_default="0"),  # every source was read to its end
    sa.Column("taken", sa.Integer, nullable=False, server_default="0"),  # new articles
    sa.Column("asked", sa.Integer, nullable=False, server_default="0"),  # pages dealt with
    sa.Column("seconds", sa.Float, nullable=False, server_default="0"),  # spent on them, for the pace
    sa.Column("ended", sa.Text),
    sa.Column("problem", sa.Text),
)
backlog = sa.Table(
    "backlog",
    meta,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("outlet", sa.Text, nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("item", sa.Text, nullable=False),  # JSON
    sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
    sa.Column("state", sa.Text),  # null: waits
    sa.UniqueConstraint("outlet", "url"),
)
sa.Index("backlog_waiting", backlog.c.outlet, backlog.c.tries, backlog.c.id, sqlite_where=backlog.c.state.is_(None))
texts = sa.Table(
    "texts",
    meta,
    sa.Column("outlet", sa.Text, primary_key=True),
    sa.Column("url", sa.Text, primary_key=True),  # as it was asked for
    sa.Column("article_url", sa.Text, nullable=False),
    sa.Column("letters", sa.Integer, nullable=False),
    sa.Column("text_key", sa.Text, nullable=False),
    sa.Column("title_key", sa.Text, nullable=False),
    sa.Column("simhash", sa.LargeBinary, nullable=False),  # 8 bytes
    # Its quarters: two that differ in three bits at most have one in common.
    *(sa.Column(f"band{number}", sa.Integer, nullable=False) for number in range(4)),
    sa.Column("language", sa.Text),
    sa.Column("held", sa.Boolean, nullable=False, server_default="0"),
)
sa.Index("texts_same", texts.c.outlet, texts.c.text_key)
sa.Index("texts_language", texts.c.outlet, texts.c.language, sqlite_where=texts.c.held.is_(False))
for _number in range(4):
    sa.Index(f"texts_band{_number}", texts.c.outlet, texts.c[f"band{_number}"])
held_pages = sa.Table(
    "held_pages",
    meta,
    sa.Column("outlet", sa.Text, primary_key=True),
    sa.Column("url", sa.Text, primary_key=True),
    sa.Column("final_url", sa.Text, nullable=False),
    sa.Column("content_type", sa.Text, nullable=False),
    sa.Column("fetched", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),  # of the bytes, which may be gone
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("since", sa.Text, nullable=False),
    sa.Column("letters", sa.Integer, nullable=False),
    sa.Column("title", sa.Text),
    sa.Column("text_key", sa.Text),
    sa.Column("item", sa.Text),  # JSON: what the source said of it
    sa.Column("given", sa.Boolean, nullable=False, server_default="0"),  # the source's own text, not a page
    sa.Column("rules", sa.Text, nullable=False),  # by which version of the rules it was judged
    sa.Column("decided", sa.Text),  # released, dropped; null: it waits for the operator
)
sa.Index("held_waiting", held_pages.c.outlet, held_pages.c.state, sqlite_where=held_pages.c.decided.is_(None))
sa.Index("held_by_digest", held_pages.c.digest)
dropped_pages = sa.Table(
    "dropped_pages",
    meta,
    sa.Column("outlet", sa.Text, primary_key=True),
    sa.Column("digest", sa.Text, primary_key=True),
)
sa.Index("held_by_text", held_pages.c.outlet, held_pages.c.text_key, sqlite_where=held_pages.c.decided == "released")


def upgrade(connection: sa.Connection) -> None:
    """Brings a state file to this schema, in the one transaction that is open; nothing when somebody else just did."""
    found = int(connection.execute(sa.select(facts.c.value).where(facts.c.name == "schema")).scalar_one())
    if found < 2:
        for column in ("path TEXT NOT NULL DEFAULT ''", "base INTEGER NOT NULL DEFAULT 0"):
            connection.exec_driver_sql(f"ALTER TABLE heads ADD COLUMN {column}")
        connection.exec_driver_sql("ALTER TABLE heads ADD COLUMN served BLOB NOT NULL DEFAULT x''")
        connection.execute(sa.update(heads).values(served=heads.c.checkpoint))
        connection.exec_driver_sql("DROP INDEX articles_current")
        connection.exec_driver_sql("ALTER TABLE articles DROP COLUMN withdrawn")
        meta.create_all(connection)  # the tables that are new
    if found < 3:
        for column in ("guid TEXT", "due TEXT"):
            connection.exec_driver_sql(f"ALTER TABLE pages ADD COLUMN {column}")
        connection.exec_driver_sql("ALTER TABLE articles ADD COLUMN aged BOOLEAN NOT NULL DEFAULT '0'")
        connection.exec_driver_sql(
            "UPDATE pages SET due = checked WHERE first_seen > strftime('%Y-%m-%d', 'now', '-7 days')"
        )
        meta.create_all(connection)
        for index in (*pages.indexes, *articles.indexes):
            index.create(connection, checkfirst=True)
    if found < 4:
        known = {row[1] for row in connection.exec_driver_sql("PRAGMA table_info(targets)")}
        for added in (one for one in targets.columns if one.name not in known):
            definition = sa.schema.CreateColumn(added).compile(dialect=connection.dialect)
            connection.exec_driver_sql(f"ALTER TABLE targets ADD COLUMN {definition}")
        connection.execute(sa.update(targets).values(deletes_cursor=targets.c.cursor))
        meta.create_all(connection)
    connection.execute(sa.update(facts).where(facts.c.name == "schema").values(value=str(SCHEMA)))
