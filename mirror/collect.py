"""What a run takes from outlets: fetch → snapshot → article → pictures → bundle, into the archive.

Several outlets at a time, several pages of each; one that fails stops nobody else. Pages and pictures are parsed in the
sandbox. What became of a page is written down after what it led to is safe, so a crash fetches it again.

One article has one address, whatever ways lead to it (`Fetching.known_as`): the page's canonical address; the address
under which the feed's name for it (guid), or the same page, led to an article with much the same text before; the
address of an article of the outlet that says exactly the same, word for word. So an article that is in two feeds, on a
mirror domain, under an address with a campaign in it or with a new headline in it, is one article with revisions.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from mirror import __version__, pack, revisions
from mirror.belonging import Owners
from mirror.errors import TamizdatError
from mirror.held import Holding, facts_of
from mirror.model import Article, Draft, Picture, PictureRef, Resource
from mirror.output import Output
from mirror.publication import Publication, timestamp
from mirror.remembering import Claims, PageNote, Remembering, Writer
from mirror.removals import Removals
from mirror.sandbox import PICTURE, Sandbox, SandboxError, sharing

if TYPE_CHECKING:
    from mirror.archive import Addition, Archive
    from mirror.archive.state import ArticleRow
    from mirror.config import OutletConfig, PicturesConfig
    from mirror.extract import Extraction
    from mirror.fetch import Event, Failed, Gone, Snapshot
    from mirror.net import Client
    from mirror.reading import Reading
    from mirror.sources.state import PageState
    from signing.keys import SignerKey

GENERATOR = f"tamizdat/{__version__}"
# An article keeps at most this many pictures; galleries of hundreds exist, and a mirror is not a photo archive.
MAX_PICTURES = 40
PICTURES_AHEAD = 4  # pictures of one article under way at once
PAGES = 16  # pages in work at once, of all outlets: bounds memory
OUTLETS = 32  # outlets asked at once
LONGEST = 3600.0  # seconds of one run for one outlet: each of its answers may be slow, and it may have thousands
SAME = 200  # letters that two articles at two addresses must share to be one
NEAR = timedelta(days=3)  # and how far apart their dates may be
TRIES, FIRST_REST, LONGEST_REST = 5, timedelta(minutes=15), timedelta(hours=24)


@dataclass(slots=True, kw_only=True)
class OutletReport:
    """What one outlet gave. `removed` were taken down there, `gone` says which pages are no longer there; `held` were
    recognised as not being articles; `problem` is why nothing came at all."""

    id: str
    new: int = 0
    revised: int = 0
    unchanged: int = 0
    removed: int = 0
    gone: list[str] = field(default_factory=list)
    held: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    problem: str | None = None

    @property
    def ok(self) -> bool:
        return self.problem is None and not self.failed

    def as_json(self) -> dict[str, Any]:
        names = ("id", "new", "revised", "unchanged", "removed", "gone", "held", "failed", "problem")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What the outlets of one run share."""

    publication: Publication
    archive: Archive
    client: Client
    sandbox: Sandbox
    signer: SignerKey
    writer: Writer
    memory: Remembering
    out: Output
    bar: Any
    now: datetime
    dry_run: bool
    owners: Owners
    gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(PAGES))


@contextlib.asynccontextmanager
async def desk(
    publication: Publication,
    archive: Archive,
    out: Output,
    *,
    what: str = "fetch",
    total: int | None = None,
    dry_run: bool = False,
) -> AsyncIterator[Desk]:
    """Everything it takes to fetch, for as long as it is needed; what was to be remembered is, at the end."""
    from mirror.net import Client

    signer = publication.key("publisher")
    sandbox = Sandbox()
    memory = Remembering(archive, dry_run=dry_run)
    try:
        async with Client.from_config(publication.config.fetch, breakers=memory) as client:
            with sharing(sandbox), out.bar(what, total=total, unit="page") as bar:
                yield Desk(
                    publication=publication,
                    archive=archive,
                    client=client,
                    sandbox=sandbox,
                    signer=signer,
                    writer=Writer(archive),
                    memory=memory,
                    out=out,
                    bar=bar,
                    now=datetime.now(UTC),
                    dry_run=dry_run,
                    owners=Owners(publication.config.outlets.values()),
                )
    finally:
        sandbox.close()
        memory.flush()


async def fetch_all(
    publication: Publication,
    archive: Archive,
    outlets: list[OutletConfig],
    out: Output,
    *,
    dry_run: bool = False,
    insist: bool = False,
) -> list[OutletReport]:
    """Ask every outlet, several at a time. One that fails stops nobody else; one that failed in run after run is left
    alone for a while, unless somebody insists."""
    if not outlets:
        return []
    some = asyncio.Semaphore(OUTLETS)
    async with desk(publication, archive, out, dry_run=dry_run) as shared:

        async def one(outlet: OutletConfig) -> OutletReport:
            async with some:
                return await take_outlet(shared, outlet, insist=insist)

        reports = list(await asyncio.gather(*map(one, outlets)))
        if not dry_run:
            # Only now: what is new comes before what is old.
            await asyncio.gather(*(take_past(shared, *pair) for pair in zip(outlets, reports, strict=True)))
        return reports


async def take_past(shared: Desk, outlet: OutletConfig, report: OutletReport) -> None:
    """Some of the outlet's older articles, where a back-fill was begun and its configuration says how many."""
    from mirror.backfill import Backfilling

    if not outlet.backfill or report.problem is not None:
        return
    with shared.archive.state.reading() as tx:
        row = tx.backfill(outlet.id)
    if row is None or row.ended is not None:
        return
    try:
        async with Backfilling(shared, outlet, report) as filling:
            await filling.go(most=outlet.backfill)
    except TamizdatError as error:
        report.failed.append(f"back-fill: {error}")


async def take_outlet(shared: Desk, outlet: OutletConfig, *, insist: bool = False) -> OutletReport:
    """One outlet's part of a run, whatever happens in it."""
    report = OutletReport(id=outlet.id)
    rest = None if insist else resting(shared.archive, outlet.id, shared.now)
    if rest is not None:
        report.problem = rest
        shared.out.note(f"outlet {outlet.id}: {rest}")
        return report
    try:
        return await Fetching(shared, outlet, report, insist=insist).go()
    except TamizdatError as error:  # its way out or its secrets can't be used
        report.problem = str(error)
        shared.out.note(f"outlet {outlet.id}: {error}")
        if not shared.dry_run:
            shared.memory.outlet(outlet.id, now=timestamp(), error=report.problem, failed=True, yielded=False)
        return report


def resting(archive: Archive, outlet: str, now: datetime) -> str | None:
    """Why an outlet is not asked now: it failed as a whole in several runs on end. None when it is."""
    with archive.state.reading() as tx:
        row = tx.outlet(outlet)
    if row.failures < TRIES or row.last_try is None:
        return None
    rest = min(FIRST_REST * 2 ** min(row.failures - TRIES, 10), LONGEST_REST)
    again = datetime.fromisoformat(row.last_try) + rest
    if not now < again < now + 2 * LONGEST_REST:  # further off than the longest rest: a clock was wrong
        return None
    return f"failed {row.failures} times in a row ({row.last_error}); asked again after {timestamp(again)}"


class Fetching:
    """One outlet's part of a run."""

    def __init__(
        self, shared: Desk, outlet: OutletConfig, report: OutletReport | None = None, *, insist: bool = False
    ) -> None:
        """With `insist` pages are asked for again before their time. Raises `TamizdatError` when the outlet's own way
        out, headers or cookies can't be used."""
        from mirror.reading import Reader

        self.shared = shared
        self.config = shared.publication.config
        self.archive = shared.archive
        self.outlet = outlet
        # The outlet's own view of the client: its way out, headers and cookies.
        self.client: Client = shared.client.of(outlet)
        self.sandbox = shared.sandbox
        self.signer = shared.signer
        self.out = shared.out
        self.bar = shared.bar
        self.dry_run = shared.dry_run
        self.insist = insist
        self.report = report or OutletReport(id=outlet.id)
        self.reader = Reader(self.client, shared.sandbox, outlet, shared.memory, now=shared.now, dry_run=shared.dry_run)
        self.claims = Claims()
        self.gate = asyncio.Semaphore(max(1, PAGES // 2))  # one slow outlet leaves room for another
        self.holding = Holding(self.archive, outlet, dry_run=self.dry_run)
        self.removals = Removals(
            archive=self.archive,
            memory=shared.memory,
            outlet=outlet,
            client=self.client,
            sandbox=shared.sandbox,
            signer=shared.signer,
            generator=GENERATOR,
            dry_run=shared.dry_run,
        )

    async def go(self) -> OutletReport:
        """Everything that is due."""
        from mirror import fetch

        report = self.report
        events = fetch.fetch_outlet(
            self.client,
            self.outlet,
            self.shared.memory,
            now=self.shared.now,
            dry_run=self.dry_run,
            insist=self.insist,
            others=lambda url: self.elsewhere(url) is not None,
        )
        try:
            async with asyncio.timeout(LONGEST):
                await self._judge_again()
                await self.follow(events)
        except TimeoutError:
            report.failed.append(f"stopped after {LONGEST / 60:.0f} min, for the others' sake; the next run goes on")
        await self._settle()
        report.problem = report.problem or self.holding.problem(self.removals.alive)
        if not self.dry_run:
            self.shared.memory.outlet(
                self.outlet.id,
                now=timestamp(),
                error=report.problem or (report.failed[0] if report.failed else None),
                failed=report.problem is not None,
                yielded=report.new + report.revised > 0,
            )
        if report.problem:
            self.out.note(f"outlet {self.outlet.id}: {report.problem}")
        return report

    async def follow(self, events: AsyncGenerator[Event, None]) -> None:
        """Every event to its end, several at once."""
        tasks: set[asyncio.Task[None]] = set()
        try:
            try:
                await self._begin_all(events, tasks)
            except TamizdatError as error:
                self.report.problem = str(error)
            await asyncio.gather(*tasks)
        except BaseException:
            # Also when one of them fails (the disk is full): none goes on when nobody waits for it.
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            raise
        for snapshot in self.holding.waited():
            await self.take(snapshot)
        self.holding.flush()

    async def _begin_all(self, events: AsyncGenerator[Event, None], tasks: set[asyncio.Task[None]]) -> None:
        """Counts each event, or begins what it takes to deal with it."""
        from mirror.fetch import Failed, Gone, Problem, Snapshot, Unchanged

        async with contextlib.aclosing(events):
            async for event in events:
                if isinstance(event, Problem):
                    self.report.problem = event.reason
                elif isinstance(event, Unchanged):
                    self.report.unchanged += 1
                    self.removals.alive += event.page.state in (None, "ok")
                    self._start(tasks, self._remember(event.page))
                elif isinstance(event, Gone):
                    await self._gone(event)
                elif isinstance(event, Snapshot) or (isinstance(event, Failed) and event.instead):
                    # Waits here, not in the task: or all pages of a large outlet would be in memory at once.
                    await self.gate.acquire()
                    await self.shared.gate.acquire()
                    # Not in the job itself: one that is stopped before it began would keep its place for good.
                    self._start(tasks, self._page(event), self._leave)
                else:
                    (self.report.failed if isinstance(event, Failed) else self.report.held).append(
                        f"{event.url}: {event.reason}"
                    )
                    if event.page is not None:
                        self._start(tasks, self._remember(event.page))

    async def _judge_again(self) -> None:
        """What was held back by other rules than today's, from the bytes that were kept."""
        for snapshot in self.holding.outdated():
            await self.take(snapshot)
        self.holding.counts.clear()
        self.removals.alive = 0

    @staticmethod
    def _start(
        tasks: set[asyncio.Task[None]],
        job: Coroutine[Any, Any, None],
        then: Callable[[asyncio.Task[None]], None] | None = None,
    ) -> None:
        task = asyncio.create_task(job)
        if then is not None:
            task.add_done_callback(then)
        tasks.add(task)
        task.add_done_callback(
            lambda done: tasks.discard(done) if not done.cancelled() and not done.exception() else None
        )

    def _leave(self, _: asyncio.Task[None]) -> None:
        self.shared.gate.release()
        self.gate.release()

    async def _page(self, event: Snapshot | Failed) -> None:
        from mirror.fetch import Failed

        if not isinstance(event, Failed):
            await self.take(event, first=True)
        elif event.instead is not None:
            await self.take(event.instead, refused=event)

    async def take(
        self, snapshot: Snapshot, *, force: bool = False, refused: Failed | None = None, first: bool = False
    ) -> None:
        """One page, to the end: nothing it does may stop the others. With `force` an operator has said that it is an
        article. `refused` is the server's answer that this snapshot stands in for. A page seen for the `first` time may
        wait for those behind it: `holding.waited`."""
        try:
            await self._take(snapshot, force=force, refused=refused, first=first)
        except TamizdatError as error:
            self.report.failed.append(f"{snapshot.url}: {error}")
            self.out.note(f"outlet {self.outlet.id}: {snapshot.url}: {error}")
        finally:
            self.bar.update()

    async def _take(self, snapshot: Snapshot, *, force: bool, refused: Failed | None, first: bool) -> None:
        reading = await self.reader.read(snapshot, force=force)
        found = reading.found
        for note in reading.notes:
            self.out.note(f"outlet {self.outlet.id}: {snapshot.url}: {note}")
        if found.article is None or found.state != "ok":
            released = None if force else await self._released(snapshot)
            if released is None:
                await self._no_article(snapshot, found, refused)
                return
            reading, found, force = released, released.found, True
        draft = found.article
        if draft is None:
            return
        other = self.elsewhere(draft.url)
        if other is not None:
            reason = f"{draft.url} belongs to outlet {other}"
            self.report.held.append(f"{snapshot.url}: elsewhere: {reason}")
            await self._remember(snapshot.page, state="elsewhere", reason=reason)
            return
        if self.archive.is_withdrawn(self.outlet.id, draft.url):
            self.report.held.append(f"{snapshot.url}: withdrawn: its article is never taken again")
            if not self.dry_run:
                # Another address of it, or it was read while somebody withdrew it: not even that is fetched again.
                self.archive.remember_withdrawn(self.outlet.id, snapshot.url, datetime.now(UTC))
            return
        key = pack.content_key(draft)
        guid = snapshot.item.guid if snapshot.item is not None else None
        # Two pages of one article must not both find that there is none yet.
        async with self.claims.of(draft.url, f"content {key}", *([f"guid {guid}"] if guid else [])):
            draft, before = self.known_as(snapshot, draft, key)
            await self._revise(snapshot, reading, draft, before, key, force=force, first=first)

    def elsewhere(self, url: str) -> str | None:
        """The other outlet of the publication whose address this is; None when it is nobody else's."""
        return self.shared.owners.elsewhere(url, self.outlet)

    async def take_released(self, snapshot: Snapshot) -> str | None:
        """One page that the operator has released, to the end. Returns the key of its text (`mirror.held`); None when
        it holds none, or `report` says why not."""
        reading = await self.reader.read(snapshot, force=True)
        if reading.found.article is None:
            self.report.held.append(f"{snapshot.url}: {reading.found.state}: {reading.found.reason}")
            return None
        report = self.report
        before = report.new + report.revised + report.unchanged
        await self.take(snapshot, force=True)
        taken = report.new + report.revised + report.unchanged > before
        return facts_of(reading.found.article).text_key if taken else None

    async def _released(self, snapshot: Snapshot) -> Reading | None:
        """The article in a page that is none by its looks, when the operator has released this very text before."""
        row = self.holding.released(snapshot)
        if row is None:
            return None
        reading = await self.reader.read(snapshot, force=True)
        draft = reading.found.article
        return reading if draft is not None and facts_of(draft).text_key == row.text_key else None

    async def _no_article(self, snapshot: Snapshot, found: Extraction, refused: Failed | None) -> None:
        if refused is not None:
            self.report.failed.append(f"{refused.url}: {refused.reason}")
            return
        if (gone := self._taken_down(snapshot, found)) is not None:
            await self._gone(gone)
            return
        if self.holding.hold(snapshot, found.state, found.reason, found):
            self.report.held.append(f"{snapshot.url}: {found.state}: {found.reason}")
        await self._remember(snapshot.page, state=found.state, reason=found.reason)

    async def _revise(
        self, snapshot: Snapshot, reading: Reading, draft: Draft, before: ArticleRow | None, key: str, *, force: bool,
        first: bool,
    ) -> None:  # fmt: skip
        same = before is not None and self._same(before, key)
        # What gave the same article before is what it was.
        if not force and not (same and snapshot.page.state == "ok"):
            reason = self.holding.judge(snapshot, reading.found, draft, before, last=not first)
            if reason == "wait":
                return
            if reason is not None:
                if self.holding.hold(snapshot, reason.state, reason.text, reading.found, draft=draft):
                    self.report.held.append(f"{snapshot.url}: {reason}")
                await self._remember(snapshot.page, state=reason.state, reason=reason.text)
                return
        self.removals.alive += 1
        self.holding.let_through(snapshot)
        if same:
            self.report.unchanged += 1
            await self._remember(snapshot.page, state="ok", article_url=draft.url)
            return
        if before is None:
            self.report.new += 1
        else:
            self.report.revised += 1
        if self.dry_run:
            self.out.say(f"{'new' if before is None else 'revised'}: {draft.title} <{draft.url}>")
            return
        pictures = await self._pictures(draft)
        addition = await asyncio.to_thread(self._bundle, snapshot, reading, draft, pictures, key, before)
        await self._remember(snapshot.page, state="ok", article_url=draft.url, addition=addition)

    def known_as(self, snapshot: Snapshot, draft: Draft, key: str) -> tuple[Draft, ArticleRow | None]:
        """The draft under the address that its article has here, and the article's newest revision."""
        outlet = self.outlet.id
        before = self.archive.latest(outlet, draft.url)
        if before is not None:
            return draft, before
        guid = snapshot.item.guid if snapshot.item is not None else None
        with self.archive.state.reading() as tx:
            by_page = tx.article_url(outlet, snapshot.url)
            by_guid = tx.led_by_guid(outlet, guid) if guid else None
            same = tx.with_content(outlet, key)
        for url in dict.fromkeys((by_page, by_guid)):
            row = self.archive.latest(outlet, url) if url else None
            # A feed that uses a guid twice, or an address that always leads to the newest article, makes no identity.
            if row is not None and ((url == by_guid and row.title == draft.title) or self._alike(row, draft)):
                return replace(draft, url=row.url), row
        if same is not None and _is_one(same, draft):
            return replace(draft, url=same.url), self.archive.latest(outlet, same.url)
        return draft, None

    def _alike(self, row: ArticleRow, draft: Draft) -> bool:
        try:
            before = self.archive.article(row.digest)
        except TamizdatError:
            return False
        return overlap(pack.text_of(before.blocks), pack.text_of(draft.blocks)) >= 0.5

    def _same(self, before: ArticleRow, key: str) -> bool:
        """Whether nothing changed that a reader would see. The key of an article from an earlier version of this
        program, which counted more as a change, is made anew."""
        known = before.content_key
        if not revisions.comparable(known):
            known = pack.content_key(self.archive.article(before.digest))
        return known == key

    # --- where others look at a page on its way -----------------------------------------------------------------------

    async def _gone(self, event: Gone) -> None:
        """A page is no longer there, which is told of and recorded; nothing is deleted. Whether it counts is decided
        when the run has seen everything."""
        self.removals.saw(event)

    async def _settle(self) -> None:
        try:
            settled = await self.removals.settle(datetime.now(UTC))
        except TamizdatError as error:
            self.report.failed.append(f"removals: {error}")
            return
        self.report.removed += settled.removed
        self.report.gone += settled.told
        self.report.problem = self.report.problem or settled.problem
        for page, addition in settled.pages:
            await self._remember(page, addition=addition)

    def _taken_down(self, snapshot: Snapshot, found: Extraction) -> Gone | None:
        """The event that a page which gave an article says now that it is gone, or leads to a list instead."""
        from mirror import fetch

        led_away = found.state == "index" and snapshot.final_url not in (snapshot.url, snapshot.page.url)
        if not (found.state == "gone" or led_away) or self.archive.led_to(self.outlet.id, snapshot.url) is None:
            return None
        answer = "leads to a list of articles" if led_away else "the page says that there is nothing"
        since = snapshot.gone_since or snapshot.fetched
        return fetch.gone(snapshot.url, snapshot.page, answer, since=since, moment=snapshot.fetched)

    def _evidence(self, snapshot: Snapshot, reading: Reading, pictures: Pictures) -> None:
        """What is kept beside an article as evidence of where it came from goes to `pictures.attach`."""
        if not self.outlet.evidence or snapshot.response is None:
            return
        from mirror import warc

        if self.outlet.cookies or any(name.lower() == "authorization" for name in self.outlet.headers):
            # A page that knows its visitor says who that is: names, addresses, keys in its links and scripts.
            self.out.note(f"outlet {self.outlet.id}: {snapshot.url}: asked for with an account: no evidence kept")
            return
        answers = [warc.Taken.of(one, snapshot.fetched) for one in (snapshot.response, *reading.more)]
        data = warc.evidence(answers, generator=GENERATOR, outlet=self.outlet.id)
        if data is None:
            self.out.note(
                f"outlet {self.outlet.id}: {snapshot.url}: more than {warc.MOST} bytes of evidence: none kept"
            )
        else:
            pictures.attach(data, warc.MEDIA_TYPE)

    def _bundle(  # noqa: PLR0917 - what was found, in the order of finding
        self,
        snapshot: Snapshot,
        reading: Reading,
        draft: Draft,
        pictures: Pictures,
        key: str,
        before: ArticleRow | None,
    ) -> Addition:
        from mirror.archive import Addition

        self._evidence(snapshot, reading, pictures)
        article = pictures.article(
            draft,
            outlet=self.outlet,
            fetched=snapshot.fetched,
            revision=1 if before is None else before.revision + 1,
            replaces=None if before is None else before.digest,
            captured=snapshot.captured,
        )
        article, parts = pack.split(article, lambda: secrets.token_hex(16))
        stored = pack.bundle(pack.to_document(article), self.signer)
        return Addition(article=article, stored=stored, objects={**pictures.objects, **parts}, content_key=key)

    async def _pictures(self, draft: Draft) -> Pictures:
        """Every picture that can be had. One that can't leaves a note and a gap, never an article unpublished."""
        made = Pictures()
        if not self.outlet.pictures:
            return made
        some = asyncio.Semaphore(PICTURES_AHEAD)

        async def one(ref: PictureRef) -> Any:
            async with some:
                try:
                    return await picture(
                        self.client,
                        self.sandbox,
                        ref,
                        outlet=self.outlet,
                        limits=self.config.pictures,
                        cap=self.config.fetch.max_picture,
                    )
                except (TamizdatError, SandboxError) as error:
                    return error

        refs = draft.pictures[:MAX_PICTURES]
        # In their places whatever order they come in: the same page gives the same article.
        for place, encoded in enumerate(await asyncio.gather(*map(one, refs))):
            if isinstance(encoded, Exception):
                self.out.note(f"outlet {self.outlet.id}: {draft.url}: picture left out: {encoded}")
            else:
                made.put(place, refs[place], encoded)
        return made

    async def _remember(
        self,
        page: PageState,
        *,
        state: str | None = None,
        reason: str | None = None,
        article_url: str | None = None,
        addition: Addition | None = None,
    ) -> None:
        """Write down what became of a page, after what it led to is safe: a crash in between fetches it again."""
        if not self.dry_run:
            note = PageNote(page=page, state=state, reason=reason, article_url=article_url)
            await self.shared.writer.put(note, addition)


async def picture(
    client: Client, sandbox: Sandbox, ref: PictureRef, *, outlet: OutletConfig, limits: PicturesConfig, cap: int
) -> Any:
    """The picture, encoded (`mirror.pictures`), from the first of its addresses that gives one. Raises
    `TamizdatError`."""
    from mirror import pictures

    problem: TamizdatError | None = None
    for url in ref.candidates[:3]:
        try:
            answer = await client.get(url, cap=cap, allow_private=outlet.allow_private, accept="image/*")
            return await sandbox.call_within(
                PICTURE,
                pictures.process,
                answer.body,
                max_width=limits.max_width,
                max_bytes=limits.max_bytes,
                thumbnail=ref.cover,
            )
        except TamizdatError as error:
            problem = error
    raise problem or TamizdatError("no address to fetch it from")


def _is_one(row: ArticleRow, draft: Draft) -> bool:
    """Whether an article and a draft that say the same, word for word, are one article at two addresses, and not two
    short notices."""
    if sum(map(str.isalnum, pack.text_of(draft.blocks))) < SAME:
        return False
    if row.published is None or draft.published is None:
        return True
    return abs(datetime.fromisoformat(row.published) - datetime.fromisoformat(draft.published)) <= NEAR


def overlap(one: str, other: str) -> float:
    """How much of the shorter text stands in the other one, from 0 to 1, in runs of five words (of five characters
    where a script has no spaces)."""
    first, second = (_runs(text) for text in (one, other))
    smaller = min(len(first), len(second))
    return len(first & second) / smaller if smaller else 0.0


def _runs(text: str) -> set[tuple[str, ...]]:
    words = re.findall(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\u3040-\u30ff\u3400-\u9fff]+", text[:200_000].casefold())
    return set(zip(*(words[start:] for start in range(5)), strict=False))


@dataclass(slots=True)
class Pictures:
    """The pictures of one article on their way from the page's places to resources."""

    objects: dict[str, bytes] = field(default_factory=dict)
    resources: list[Resource] = field(default_factory=list)
    places: dict[int, int] = field(default_factory=dict)  # place in the draft → place among the resources

    def put(self, place: int, ref: PictureRef, encoded: Any) -> None:
        """Add one picture, and its thumbnail where there is one."""
        thumbnail = None
        if encoded.thumbnail is not None:
            thumbnail = self._resource("thumbnail", encoded.thumbnail)
        self.places[place] = self._resource(
            "picture", encoded.main, ref=ref, thumbnail=thumbnail
        )  # fmt: skip

    def attach(self, data: bytes, media_type: str) -> None:
        """Add a file of evidence."""
        digest = hashlib.sha256(data).hexdigest()
        self.objects[digest] = data
        self.resources.append(Resource(role="evidence", digest=digest, size=len(data), media_type=media_type))

    def _resource(self, role: Any, image: Any, *, ref: PictureRef | None = None, thumbnail: int | None = None) -> int:
        digest = hashlib.sha256(image.data).hexdigest()
        self.objects[digest] = image.data
        self.resources.append(
            Resource(
                role=role,
                digest=digest,
                size=len(image.data),
                media_type=image.media_type,
                width=image.width,
                height=image.height,
                alt=ref.alt if ref else None,
                caption=ref.caption if ref else None,
                credit=ref.credit if ref else None,
                cover=ref.cover if ref else False,
                thumbnail=thumbnail,
            )
        )
        return len(self.resources) - 1

    def article(
        self,
        draft: Draft,
        *,
        outlet: OutletConfig,
        fetched: str,
        revision: int,
        replaces: str | None,
        captured: str | None = None,
    ) -> Article:
        """The article to sign: picture blocks whose picture could not be had are gone."""
        return Article(
            outlet=outlet.id,
            outlet_name=outlet.name,
            url=draft.url,
            title=draft.title,
            fetched=fetched,
            language=draft.language or outlet.language or "und",
            direction=draft.direction,
            blocks=_placed(draft.blocks, self.places),
            revision=revision,
            salt=secrets.token_hex(16),
            generator=GENERATOR,
            replaces=replaces,
            captured=captured,
            published=draft.published,
            modified=draft.modified,
            lead=draft.lead,
            authors=draft.authors,
            section=draft.section,
            tags=draft.tags,
            resources=tuple(self.resources),
        )


def _placed(blocks: tuple[Any, ...], places: dict[int, int]) -> tuple[Any, ...]:
    from dataclasses import replace

    kept: list[Any] = []
    for block in blocks:
        if isinstance(block, Picture):
            if block.resource in places:
                kept.append(Picture(resource=places[block.resource]))
        elif hasattr(block, "blocks"):
            inner = _placed(block.blocks, places)
            if inner:
                kept.append(replace(block, blocks=inner))
        else:
            kept.append(block)
    return tuple(kept)
