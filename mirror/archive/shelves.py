"""Which articles are current, and the pages of older ones.

An outlet's articles stand on shelves of 32, which never change, and on one open page with those that came since. Each
page names the one before it by digest, an edition names the open ones. Withdrawing an article is the one thing that
changes a shelf: it and all shelves after it are made anew, and the old pages go.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from mirror.archive.plan import SHELF, Batch, object_path
from mirror.archive.state import ArticleRow, OpenPage, Shelf, Tx

_ALL = 2**31


def supersede(tx: Tx, batch: Batch) -> None:
    """Of every address that has a new revision, the highest revision is the current one."""
    addresses: dict[tuple[str, str], list[ArticleRow]] = {}
    for row in batch.articles.values():
        addresses.setdefault((row.outlet, row.url), []).append(row)
    for row in tx.revisions(addresses):
        if row.idx is not None:
            addresses[row.outlet, row.url].append(row)
    for rows in addresses.values():
        newest = max(rows, key=lambda row: (row.revision, row.idx or 0))
        batch.superseded.update({row.digest: newest.digest for row in rows if row is not newest})


def shelve(tx: Tx, batch: Batch, outlets: Iterable[str]) -> None:
    """Pages of older articles: what is beyond an outlet's last shelf is its open page, at most `SHELF` articles; when
    there are more, the oldest of them become a shelf that never changes. An outlet without news keeps its page."""
    batch.open_pages = tx.open_pages(outlets)
    new: dict[str, list[ArticleRow]] = {}
    for row in batch.articles.values():
        rows = new.setdefault(row.outlet, [])
        if batch.is_listed(row):
            rows.append(row)
    affected: dict[str, int] = {}
    for row in batch.withdrawn.values():
        affected[row.outlet] = min(row.idx or 0, affected.get(row.outlet, row.idx or 0))
    for outlet in dict.fromkeys([*new, *affected]):
        shelf = tx.last_shelf(outlet)
        # One more than can be there: an outlet's open page never holds more than SHELF.
        limit = SHELF + 1
        old: set[str] = set()
        if outlet in affected:
            shelf, limit = tx.shelf_before(outlet, affected[outlet]), _ALL
            old = _drop(tx, batch, outlet, shelf)
        rows = [row for row in tx.oldest(outlet, limit, after=shelf.last if shelf else -1) if batch.is_listed(row)]
        rows += new.get(outlet, [])
        made = _pages(batch, outlet, rows, shelf, old=bool(old))
        batch.gone.update({object_path(digest): "page" for digest in old - made})


def _drop(tx: Tx, batch: Batch, outlet: str, shelf: Shelf | None) -> set[str]:
    """The digests of the outlet's pages after this shelf, which are made anew."""
    number = shelf.number + 1 if shelf else 0
    batch.dropped_shelves[outlet] = number
    opened = tx.open_pages([outlet]).get(outlet)
    return {*tx.shelf_digests(outlet, number), *([opened.digest] if opened else [])}


def _pages(batch: Batch, outlet: str, rows: list[ArticleRow], shelf: Shelf | None, *, old: bool) -> set[str]:
    """Makes the pages that hold `rows`, after `shelf`; returns their digests."""
    made: set[str] = set()
    if not rows and shelf is None and old:
        batch.closed_pages.append(outlet)
        batch.open_pages.pop(outlet, None)
    # An open page without articles leads to the shelves when all that was on it is withdrawn.
    while rows or (old and shelf is not None and not made):
        count = min(SHELF, len(rows))
        stored = _page(batch, outlet, rows[:count], shelf)
        digest = hashlib.sha256(stored).hexdigest()
        made.add(digest)
        batch.files.append(("page", object_path(digest), stored))
        total = count + (shelf.articles if shelf else 0)
        if count == len(rows):
            page = OpenPage(outlet=outlet, digest=digest, size=len(stored), articles=total)
            batch.open_pages[outlet] = page
            batch.new_pages.append(page)
            break
        shelf = Shelf(
            outlet=outlet,
            number=shelf.number + 1 if shelf else 0,
            digest=digest,
            size=len(stored),
            articles=total,
            last=rows[count - 1].idx or 0,
        )
        batch.shelves.append(shelf)
        rows = rows[count:]
    return made


def _page(batch: Batch, outlet: str, rows: Sequence[ArticleRow], before: Shelf | None) -> bytes:
    from mirror.edition import page

    older = {"digest": before.digest, "size": before.size, "articles": before.articles} if before else None
    return page(outlet, [batch.item(row) for row in reversed(rows)], older)
