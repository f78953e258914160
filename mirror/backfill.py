"""An outlet's past: everything it published before it was added, as far as its sources lead back.

Two things go on at once. Each source is read backwards (`Source.back`), and what it lists goes into a table; from that
table pages are taken, like any others, by the rules of `mirror.collect`. Everything stands in the state file: how far
each source was read, and which addresses wait. So memory does not grow with the outlet's age, and Ctrl-C, a crash or a
power cut cost at most what was under way; the next call goes on.

The archive's lock is held for half a minute at a time, and then let go for a second: a run that waits gets in. A run
itself goes on with a back-fill that was begun when the outlet's configuration says how many articles it may take
(`backfill = 50`), after everything that is new.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, Self

from mirror.archive.rows import BackfillRow
from mirror.collect import Desk, Fetching, OutletReport, desk
from mirror.errors import TamizdatError, UsageError
from mirror.fetch import Event, Failed, Skipped, Visit, as_given
from mirror.output import Output
from mirror.output import count as number
from mirror.publication import Publication, timestamp
from mirror.sources import Batch, Item, sources

if TYPE_CHECKING:
    from mirror.archive import Archive
    from mirror.config import OutletConfig

WAIT = 600.0  # seconds for which a run that holds the lock is waited for
ROUND = 30.0  # seconds for which the lock is held
PAUSE = 1.0  # seconds between two rounds: a waiting run looks every fifth of a second
CHUNK = 50  # pages taken at a time
SEAL = 500  # articles that may wait for the log
TRIES = 3  # for a page that fails
DEAD = 10  # pages in a row that fail: the outlet itself does
MAX_BACKLOG = 2_000_000  # addresses of one outlet
MOST_WHOLE = 1000  # that wait, from when on no more are listed where the source brings the texts along


Left = Literal["nothing", "more", "stuck"]
"""What there is to take after a while of taking: nothing, more, or more that can't be had now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far it is. `left` are the addresses that wait; more may be found while not `listed`. `eta` is in seconds, at
    the pace so far; None before there is one. `limited`: it ended at its limit, not because there was no more."""

    outlet: str
    started: str
    listed: bool
    left: int
    given_up: int
    taken: int
    asked: int
    pace: float | None
    eta: float | None
    ended: str | None
    limited: bool
    problem: str | None

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in Progress.__slots__}

    def line(self) -> str:
        """For a person."""
        if self.ended:
            done = f"done: {number(self.taken, 'article')} of {number(self.asked, 'page')}"
            if self.limited:
                done = f"at its limit: {done.removeprefix('done: ')}, and there is more: the same command goes on"
        else:
            more = "" if self.listed else ", and what its sources still list"
            done = f"{number(self.taken, 'article')} taken, {number(self.left, 'address', 'addresses')} left{more}"
            if self.eta is not None and self.left:
                done += f": about {_span(self.eta)} at this pace"
        given_up = f"; {self.given_up} could not be had" if self.given_up else ""
        return f"back-fill of {self.outlet}: {done}{given_up}" + (f"; {self.problem}" if self.problem else "")


def progress(archive: Archive, outlet: str) -> Progress | None:
    """How far a back-fill is; None when there is none."""
    with archive.state.reading() as tx:
        row = tx.backfill(outlet)
        if row is None:
            return None
        left, given_up = tx.backlog_count(outlet)
    pace = row.asked / row.seconds if row.asked and row.seconds else None
    limited = _limited(row, left)
    if row.most is not None:
        left = min(left, max(0, row.most - row.taken))
    return Progress(
        outlet=outlet,
        started=row.started,
        listed=row.listed,
        left=left,
        given_up=given_up,
        taken=row.taken,
        asked=row.asked,
        pace=pace,
        eta=left / pace if pace else None,
        ended=row.ended,
        limited=limited,
        problem=row.problem,
    )


def _limited(row: BackfillRow, left: int) -> bool:
    return row.most is not None and row.taken >= row.most and (left > 0 or not row.listed)


def begin(
    archive: Archive, outlet: OutletConfig, *, since: str | None, until: str | None, most: int | None
) -> BackfillRow:
    """The back-fill of this outlet, begun or gone on with. Other dates than before begin anew; what was taken counts
    as taken. One that ended at its limit goes on too. Raises `UsageError` for an outlet without sources."""
    if not any(source.addresses(outlet) for source in sources().values()):
        raise UsageError(f"outlet {outlet.id}: has no sources to go back through", hint="tamizdat outlet test")
    with archive.state.writing() as tx:
        row = tx.backfill(outlet.id)
        over = row is not None and row.ended is not None and not _limited(row, tx.backlog_count(outlet.id)[0])
        if row is None or (row.since, row.until) != (since, until) or over:
            tx.drop_backfill(outlet.id)
            row = BackfillRow(outlet=outlet.id, started=timestamp(), since=since, until=until, most=most)
        else:
            row = replace(row, most=None if most is None else row.taken + most, problem=None, ended=None)
        tx.put_backfill(row)
    return row


class Backfilling:
    """One outlet's past, as much of it as there is time for."""

    def __init__(self, shared: Desk, outlet: OutletConfig, report: OutletReport | None = None) -> None:
        """Raises `TamizdatError` when the outlet's own way out, headers or cookies can't be used."""
        self.shared = shared
        self.outlet = outlet
        self.archive = shared.archive
        self.fetching = Fetching(shared, outlet, report)
        self._found = asyncio.Event()  # the table has something new, or nobody adds to it any more
        self._lister: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._lister = asyncio.create_task(self._list())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._lister is not None:
            self._lister.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._lister

    @property
    def row(self) -> BackfillRow:
        with self.archive.state.reading() as tx:
            row = tx.backfill(self.outlet.id)
        if row is None:
            raise TamizdatError(f"the back-fill of {self.outlet.id} was stopped")
        return row

    async def go(self, *, most: int | None = None, seconds: float | None = None) -> Left:
        """Takes at most so many articles, for about so long. To be called within the archive's lock."""
        deadline = None if seconds is None else time.monotonic() + seconds
        left = most
        dead = 0
        while True:
            row = self.row
            if row.most is not None and row.taken >= row.most:
                return self._ended()
            if (left is not None and left <= 0) or (deadline is not None and time.monotonic() >= deadline):
                return "more"
            wanted = [one for one in (left, None if row.most is None else row.most - row.taken) if one is not None]
            with self.archive.state.reading() as tx:
                chunk = tx.backlog(self.outlet.id, min([CHUNK, *wanted]))
            if not chunk:
                if self._lister is None or self._lister.done():
                    return self._ended() if self.row.listed else "stuck"
                if not await self._something(deadline):
                    return "more"
                continue
            taken, good = await self._take([loaded(text) for _, text in chunk])
            left = None if left is None else left - taken
            dead = 0 if good else dead + len(chunk)
            if dead >= DEAD or (not good and len(chunk) < CHUNK):
                self._change(problem=f"the last {dead} pages could not be had")
                return "stuck"

    async def _something(self, deadline: float | None) -> bool:
        """Waits for the table to have more, or for its end."""
        self._found.clear()
        if self._lister is not None and self._lister.done():
            return True
        try:
            async with asyncio.timeout(None if deadline is None else max(0.0, deadline - time.monotonic())):
                await self._found.wait()
        except TimeoutError:
            return False
        return True

    # --- what there is ------------------------------------------------------------------------------------------------

    async def _list(self) -> None:
        """Reads every source to its end, a batch at a time, into the table."""
        try:
            if self.row.listed:
                return
            whole = True
            for name, source in sources().items():
                if source.addresses(self.outlet):
                    whole = await self._list_one(name) and whole
            if whole:
                self._change(listed=True)
        except TamizdatError as error:
            self._change(problem=str(error))
        finally:
            self._found.set()

    async def _list_one(self, name: str) -> bool:
        """Whether the source was read to its end."""
        cursors = json.loads(self.row.cursors)
        if name in cursors and cursors[name] is None:
            return True
        batches = sources()[name].back(
            self.fetching.client, self.outlet, self.shared.memory, cursor=cursors.get(name), now=self.shared.now
        )
        async with contextlib.aclosing(_closable(batches)) as following:
            async for batch in following:
                if batch.problem:
                    self._change(problem=batch.problem)
                if batch.problem and not batch.done:
                    return False  # the next call tries from the same place
                while any(item.content_html for item in batch.items) and await asyncio.to_thread(self._many):
                    await asyncio.sleep(PAUSE)  # whole texts are not piled up: a disk has an end
                await asyncio.to_thread(self._keep, name, batch)
                self._found.set()
                if batch.done:
                    return True
                if self._full():
                    return False
        return False

    def _many(self) -> bool:
        with self.archive.state.reading() as tx:
            return tx.backlog_count(self.outlet.id)[0] >= MOST_WHOLE

    def _full(self) -> bool:
        with self.archive.state.reading() as tx:
            return sum(tx.backlog_count(self.outlet.id)) >= MAX_BACKLOG

    def _keep(self, name: str, batch: Batch) -> None:
        """The batch and how far the source was read, in one transaction."""
        row = self.row
        theirs = self.fetching.elsewhere
        wanted = {item.url: item for item in batch.items if within(item, row) and theirs(item.url) is None}
        known = self.archive.pages(self.outlet.id, wanted)
        new = {url: dumped(item) for url, item in wanted.items() if url not in known or known[url].checked is None}
        with self.archive.state.writing() as tx:
            fresh = tx.backfill(self.outlet.id)
            if fresh is None:
                return
            cursors = {**json.loads(fresh.cursors), name: None if batch.done else batch.cursor}
            tx.add_backlog(self.outlet.id, new)
            tx.put_backfill(replace(fresh, cursors=json.dumps(cursors)))

    # --- taking it ----------------------------------------------------------------------------------------------------

    async def _take(self, items: list[Item]) -> tuple[int, int]:
        """How many articles came of these pages, and how many pages were dealt with."""
        began = time.monotonic()
        before = self.fetching.report.new
        outlet = self.outlet.id
        urls = [item.url for item in items]
        known = self.archive.pages(outlet, urls)
        jobs = [item for item in items if (page := known.get(item.url)) is None or page.checked is None]
        visit = Visit(
            client=self.fetching.client,
            outlet=self.outlet,
            memory=self.shared.memory,
            now=datetime.now(UTC),
            dry_run=False,
        )
        for_good: set[str] = set()
        waiting: set[str] = set()

        async def events() -> AsyncGenerator[Event, None]:
            for item in jobs:
                if as_given(self.outlet, item) and (event := visit.given(item, known.get(item.url))) is not None:
                    yield event
            asked = [(item, known.get(item.url)) for item in jobs if not as_given(self.outlet, item)]
            async with contextlib.aclosing(visit.pages(asked)) as following:
                async for event in following:
                    if isinstance(event, Failed) and event.for_good:
                        for_good.add(event.url)
                    if isinstance(event, Skipped) and event.later:
                        waiting.add(event.url)
                    yield event

        await self.fetching.follow(events())
        after = self.archive.pages(outlet, urls)
        done = [url for url in urls if (page := after.get(url)) is not None and page.checked is not None]
        again = [url for url in urls if url not in set(done) | for_good | waiting]
        taken = self.fetching.report.new - before
        with self.archive.state.writing() as tx:
            tx.settle_backlog(outlet, done=done, again=again, given_up=for_good, tries=TRIES)
            row = tx.backfill(outlet)
            if row is not None:
                spent = time.monotonic() - began
                tx.put_backfill(
                    replace(
                        row,
                        taken=row.taken + taken,
                        asked=row.asked + len(urls) - len(waiting),
                        seconds=row.seconds + spent,
                    )
                )
        return taken, len(done) + len(for_good)

    def _ended(self) -> Left:
        self._change(ended=timestamp())
        return "nothing"

    def _change(self, **values: Any) -> None:
        with self.archive.state.writing() as tx:
            row = tx.backfill(self.outlet.id)
            if row is not None:
                tx.put_backfill(replace(row, **values))


async def _closable(batches: AsyncIterator[Batch]) -> AsyncGenerator[Batch, None]:
    """The same, closed when it is left early."""
    try:
        async for batch in batches:
            yield batch
    finally:
        close = getattr(batches, "aclose", None)
        if close is not None:
            await close()


def within(item: Item, row: BackfillRow) -> bool:
    """Whether an item is of the time asked for; one without a date is."""
    moment = item.published or item.updated
    if moment is None:
        return True
    # Dates and times of RFC 3339 in UTC compare as text; the last day counts whole.
    return (row.since is None or moment >= row.since) and (row.until is None or moment[: len(row.until)] <= row.until)


def dumped(item: Item) -> str:
    """As JSON, with empty fields left out."""
    from dataclasses import asdict

    return json.dumps(
        {name: value for name, value in asdict(item).items() if value not in (None, (), [], False)},
        ensure_ascii=False,
        separators=(",", ":"),
    )


def loaded(text: str) -> Item:
    """The opposite of `dumped`; fields that this version does not know are left out."""
    fields: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in json.loads(text).items()
        if name in Item.__slots__
    }
    return Item(**fields)


# --- the command ------------------------------------------------------------------------------------------------------


async def backfill(publication: Publication, archive: Archive, outlet: OutletConfig, out: Output) -> Progress:
    """Goes on with a back-fill that was begun, until it is done or somebody stops it; what it gives is logged as it
    comes, and published by the next run. Raises what fetching and sealing do, and `TamizdatError` when the outlet
    can't be asked."""
    from mirror.run import newest, seal

    unsealed = 0
    async with desk(publication, archive, out, what="back-fill") as shared, Backfilling(shared, outlet) as filling:
        while True:
            before = filling.fetching.report.new
            with archive.locked(wait=WAIT):
                left = await filling.go(seconds=ROUND)
            unsealed += filling.fetching.report.new - before
            now = progress(archive, outlet.id)
            if now is None:
                raise TamizdatError(f"the back-fill of {outlet.id} was stopped", hint="what it took stays")
            if unsealed >= SEAL or (left != "more" and unsealed):
                with newest(publication, archive, out, wait=WAIT):
                    seal(publication, archive, out)
                unsealed = 0
            if left != "more":
                return now
            out.note(now.line())
            await asyncio.sleep(PAUSE)


async def count(
    publication: Publication,
    archive: Archive,
    outlet: OutletConfig,
    out: Output,
    *,
    since: str | None = None,
    until: str | None = None,
    most: int | None = None,
) -> int:
    """How many pages a back-fill would ask for; nothing is written."""
    found: set[int] = set()
    row = BackfillRow(outlet=outlet.id, started="", since=since, until=until)
    async with desk(publication, archive, out, what="looking", dry_run=True) as shared:
        client = shared.client.of(outlet)
        for source in sources().values():
            if not source.addresses(outlet):
                continue
            batches = source.back(client, outlet, shared.memory, cursor=None, now=shared.now)
            async with contextlib.aclosing(_closable(batches)) as following:
                async for batch in following:
                    wanted = {item.url for item in batch.items if within(item, row)}
                    known = archive.pages(outlet.id, wanted)
                    found |= {hash(url) for url in wanted if url not in known or known[url].checked is None}
                    if batch.problem:
                        out.note(batch.problem)
                    if batch.done or batch.problem or len(found) >= (MAX_BACKLOG if most is None else most):
                        break
    return len(found) if most is None else min(len(found), most)


def _span(seconds: float) -> str:
    """Seconds as a person says them."""
    for unit, size in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        if seconds >= 1.5 * size:
            number = round(seconds / size)
            return f"{number} {unit}{'' if number == 1 else 's'}"
    return f"{max(1, round(seconds))} seconds"
