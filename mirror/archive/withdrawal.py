"""Taking an article back: what goes, what stays, and what is remembered.

Everything that holds its text goes: every revision's bundle (and in it the salt, so that nobody can confirm the text by
guessing), its parts, the pictures and thumbnails that no other article has, its page for people, every edition and page
of older articles that names it, and its rows in the state file. Its log entries and proofs stay: they hold digests. For
every revision the log gets an entry that says it was withdrawn, and the new edition lists them.

The address is remembered, as SHA-256, and nothing is taken from it again. So is every address that led to it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mirror.archive import judged
from mirror.archive.plan import Batch, object_path, timestamp
from mirror.archive.staging import Staged
from mirror.archive.state import ArticleRow, Tx, WithdrawalRow
from mirror.errors import UsageError

if TYPE_CHECKING:
    from signing.entry import Entry

REASON = 100  # characters that the edition's schema allows


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An article that could be withdrawn: its address, and its revisions, the oldest first."""

    outlet: str
    url: str
    revisions: tuple[ArticleRow, ...]
    objects: Mapping[str, str]
    """Digest and kind of what goes with it: bundles, parts, pictures that no other article has, thumbnails."""

    @property
    def title(self) -> str:
        return self.revisions[-1].title

    @property
    def page(self) -> str:
        """The path of its page for people."""
        return page_of(self.url)


def url_digest(url: str) -> str:
    """The address as the log has it."""
    return hashlib.sha256(url.encode("utf-8", "surrogatepass")).hexdigest()


def page_of(url: str) -> str:
    """The path of the page for people (as `mirror.pages.page_path`, whose module costs more to load)."""
    return f"a/{url_digest(url)[:12]}.html"


def find(tx: Tx, what: str) -> Found:
    """The article with this digest (of any revision), at this address, or with its page at this path. Raises
    `UsageError` when there is none, or one of several outlets."""
    name = what.strip()
    path = name[name.index("a/") :] if name.endswith(".html") and "a/" in name else None
    row = tx.articles([name]).get(name)
    addresses = [(row.outlet, row.url)] if row else list(tx.addresses(name))
    if not addresses and path is not None:
        addresses = [address for address in tx.addresses() if page_of(address[1]) == path[-len(page_of("")) :]]
    if not addresses:
        raise UsageError(
            f"no article here is {what}",
            hint="give the digest of its bundle, its address at the outlet, or the path of its page (a/….html)",
        )
    if len(addresses) > 1:
        names = ", ".join(outlet for outlet, _ in addresses)
        raise UsageError(f"{what} is an article of several outlets ({names})", hint="give the digest of its bundle")
    outlet, url = addresses[0]
    revisions = tx.at_address(outlet, url)
    return Found(outlet=outlet, url=url, revisions=revisions, objects=_objects(tx, {r.digest: r for r in revisions}))


def check_reason(reason: str | None) -> str | None:
    """The reason as an edition may say it; raises `UsageError`."""
    if reason is None:
        return None
    words = " ".join(reason.split())
    if not words or len(words) > REASON or not words.isprintable():
        raise UsageError(f"the reason must be text of 1 to {REASON} characters", hint="readers see it; keep it short")
    return words


def queue(tx: Tx, found: Found, reason: str | None, now: datetime) -> None:
    """Writes down that the article is withdrawn: the next seal does it. Of what still waits for the log nothing is
    logged; it is forgotten at once."""
    time, digest = timestamp(now), url_digest(found.url)
    if tx.withdrawn(found.outlet, [digest]):
        raise UsageError(f"{found.url} is withdrawn already", hint="the next seal carries it out: `tamizdat run`")
    tx.add_withdrawals(
        [
            WithdrawalRow(
                digest=row.digest, outlet=row.outlet, url_digest=digest, size=row.size, time=time, reason=reason
            )
            for row in found.revisions
            if row.idx is not None
        ]
    )
    led = tx.forget_pages(found.outlet, found.url)
    judged.forget(tx, found.outlet, led)
    for url in led:
        tx.withdraw_address(found.outlet, url_digest(url), time)
    tx.forget_articles([row.digest for row in found.revisions if row.idx is None], entries=True)
    tx.put_fact("scrub", "due")


def dropped_at_once(tx: Tx, found: Found) -> tuple[str, ...]:
    """The files of the revisions that wait for the log: nobody has been promised them."""
    waiting = {row.digest: row for row in found.revisions if row.idx is None}
    return tuple(object_path(digest) for digest in _objects(tx, waiting))


def staged(found: Found, deletes: tuple[str, ...]) -> Staged:
    """A change that only deletes."""
    return Staged(origin=found.outlet, size=0, root=b"", files=(), deletes=deletes)


def carry_out(tx: Tx, batch: Batch) -> None:
    """Puts into the batch what its withdrawals remove."""
    batch.withdrawn = tx.articles(row.digest for row in batch.withdrawals)
    for digest, kind in _objects(tx, batch.withdrawn).items():
        batch.gone[object_path(digest)] = kind
    for row in batch.withdrawn.values():
        batch.gone[page_of(row.url)] = "html"


def entry_of(row: WithdrawalRow) -> Entry:
    """The log entry that says so: outlet and address as the article's entry has them, digest and size of its bundle,
    and the time of the withdrawal."""
    from signing.entry import Entry

    return Entry(
        kind="withdrawal",
        outlet=row.outlet,
        url_digest=row.url_digest,
        digest=row.digest,
        size=row.size,
        time=row.time,
    )


def listed(row: WithdrawalRow) -> dict[str, Any]:
    """The withdrawal as an edition lists it."""
    said = {"digest": row.digest, "time": row.time}
    return {**said, "reason": row.reason} if row.reason else said


def _objects(tx: Tx, articles: Mapping[str, ArticleRow]) -> dict[str, str]:
    """Digest and kind of every object that only these articles need."""
    resources = {row.digest: row.kind for row in tx.resources(articles)}
    shared = tx.used_by_others(resources, articles)
    only = {digest: kind for digest, kind in resources.items() if digest not in shared}
    return {**dict.fromkeys(articles, "bundle"), **only}
