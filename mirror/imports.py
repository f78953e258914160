"""Articles out of web archives, through the same pipeline as everything else.

What is taken over is signed as what it is: `captured` says when somebody else captured the page, `fetched` when it was
taken over here. The first can't be checked by anybody, the second is the publisher's own word, as always; and a key may
only sign for times at which it is trusted, which the first may long precede.

Pages come from the archive alone: its further pages, its AMP copies. Pictures come from it too where it has them, else
from the outlet, unless that is not wanted. What is older than the newest revision here is not taken: it would stand
above what is newer. What is held back is told and not kept, and pages that `run` knows stay as `run` knows them.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mirror.belonging import Owners
from mirror.collect import Fetching, OutletReport, desk
from mirror.errors import UsageError
from mirror.held import Holding
from mirror.links import same_site
from mirror.net import FetchError, Response, Validators
from mirror.output import Output
from mirror.publication import Publication, timestamp
from mirror.reading import Reader
from mirror.run import choose_outlets
from mirror.sources import Item
from mirror.sources._patterns import wanted
from mirror.sources.warc import Capture, Captures, Counts

if TYPE_CHECKING:
    from mirror.archive import Addition, Archive
    from mirror.archive.state import ArticleRow
    from mirror.collect import Desk
    from mirror.config import OutletConfig
    from mirror.extract import Extraction
    from mirror.fetch import Event, Gone, Snapshot
    from mirror.model import Draft
    from mirror.net import Client
    from mirror.reading import Reading
    from mirror.sources.state import PageState

SPOOL = 8 << 30  # bytes of pages and pictures kept on disk while importing


async def take_over(
    publication: Publication,
    archive: Archive,
    files: Sequence[Path],
    *,
    outlet: str | None,
    every: bool,
    offline: bool,
    dry_run: bool,
    out: Output,
) -> tuple[list[OutletReport], Counts]:
    """The articles in these files, into the archive: of this outlet, or of every one whose host their addresses have.
    With `every` each capture is a revision of its own, in the order of time; otherwise the newest counts. Raises
    `UsageError`, `ArchiveError`."""
    outlets = choose_outlets(publication, [outlet] if outlet else [])
    if not outlets:
        raise UsageError("no outlets yet", hint="tamizdat outlet add https://…")
    owners = Owners(publication.config.outlets.values())
    fetching = publication.config.fetch
    with Captures(
        cap=fetching.max_page,
        picture_cap=fetching.max_picture,
        spool=SPOOL,
        wanted=lambda url: _owner(outlets, owners, url) is not None,
        pictures=any(one.pictures for one in outlets),
    ) as captures:
        with out.bar("read", total=len(files), unit="file") as bar:
            for file in files:
                captures.read(file)
                bar.update()
        pages = captures.pages(every=every)
        reports: list[OutletReport] = []
        total = sum(len(some) for some in pages)
        async with desk(publication, archive, out, what="import", total=total, dry_run=dry_run) as shared:
            for one in outlets:
                own = [
                    some
                    for some in pages
                    if _owner(outlets, owners, some[0].url) == one.id and wanted(one, [Item(url=some[0].url)])
                ]
                if own:
                    reports.append(await Importing(shared, one, captures, offline=offline).all(own))
        return reports, captures.counts


def _owner(outlets: Sequence[OutletConfig], owners: Owners, url: str) -> str | None:
    return next((one.id for one in outlets if same_site(one.url, url) and owners.elsewhere(url, one) is None), None)


class Importing(Fetching):
    """One outlet's part of an import."""

    def __init__(self, shared: Desk, outlet: OutletConfig, captures: Captures, *, offline: bool) -> None:
        super().__init__(shared, outlet)
        self.captures = captures
        client: Any = FromArchive(captures, shared.client.of(outlet), offline=offline)
        self.client = client
        self.files: dict[str, str] = client.files
        self.reader = Reader(client, shared.sandbox, outlet, shared.memory, now=shared.now, dry_run=shared.dry_run)
        # Kept pages would be judged again, and published, as if we had fetched them.
        self.holding = Holding(self.archive, outlet, dry_run=True)
        self.known: dict[str, PageState] = {}

    async def all(self, pages: Sequence[Sequence[Capture]]) -> OutletReport:
        """Every capture of every page: first the first of each, then the second."""
        self.known = dict(self.archive.pages(self.outlet.id, [some[0].url for some in pages]))
        for number in range(max(len(some) for some in pages)):
            await self.follow(self._events([some[number] for some in pages if len(some) > number]))
        return self.report

    async def _events(self, captures: Sequence[Capture]) -> AsyncGenerator[Event, None]:
        for capture in captures:
            yield self._snapshot(capture)

    def _snapshot(self, capture: Capture) -> Snapshot:
        from mirror.fetch import Snapshot
        from mirror.sources.state import PageState

        self.files[capture.url] = capture.file
        answer = _answer(self.captures, capture)
        now = timestamp(datetime.now(UTC))
        return Snapshot(
            url=capture.url,
            final_url=capture.url,
            fetched=now,
            captured=capture.date,
            status=200,
            content_type=answer.content_type,
            body=answer.body,
            item=Item(url=capture.url),
            # Never asked for: a feed that lists it makes it new to `run`.
            page=PageState(outlet=self.outlet.id, url=capture.url, first_seen=now),
            response=answer,
        )

    async def _revise(
        self, snapshot: Snapshot, reading: Reading, draft: Draft, before: ArticleRow | None, key: str, *, force: bool,
        first: bool,
    ) -> None:  # fmt: skip
        older = before is not None and before.fetched > (snapshot.captured or "")
        if older and before is not None and not self._same(before, key):
            self.report.held.append(
                f"{snapshot.url}: captured on {snapshot.captured}: a newer revision, of {before.fetched}, is here"
            )
            return
        await super()._revise(snapshot, reading, draft, before, key, force=force, first=first)

    def _taken_down(self, snapshot: Snapshot, found: Extraction) -> Gone | None:
        """What an archive has says nothing of what the outlet has."""
        return None

    def _evidence(self, snapshot: Snapshot, reading: Reading, pictures: Any) -> None:
        if not self.outlet.evidence or snapshot.response is None or snapshot.captured is None:
            return
        from mirror import warc
        from mirror.collect import GENERATOR

        answers = [warc.Taken.of(one, snapshot.captured) for one in (snapshot.response, *reading.more)]
        source = f"taken over from an archive, SHA-256 {self.files.get(snapshot.url, 'unknown')}"
        answers = [replace(one, sent=None, egress=None, source=source) for one in answers]
        data = warc.evidence(answers, generator=GENERATOR, outlet=self.outlet.id)
        if data is not None:
            pictures.attach(data, warc.MEDIA_TYPE)

    async def _remember(
        self,
        page: PageState,
        *,
        state: str | None = None,
        reason: str | None = None,
        article_url: str | None = None,
        addition: Addition | None = None,
    ) -> None:
        known = self.known.get(page.url)
        if known is None and article_url is not None:
            await super()._remember(page, article_url=article_url, addition=addition)
        elif addition is not None:
            await super()._remember(known or page, addition=addition)


class FromArchive:
    """The client of one outlet (`mirror.net.Client`), which answers from an archive."""

    def __init__(self, captures: Captures, client: Client, *, offline: bool) -> None:
        self._captures = captures
        self._client = client
        self._offline = offline
        self.files: dict[str, str] = {}

    async def get(self, url: str, *, accept: str = "", **more: Any) -> Response:
        """Raises FetchError for what is neither in the archive nor to be fetched."""
        if accept.startswith("image/"):
            found = self._captures.image(url)
            if found is None and not self._offline:
                return await self._client.get(url, accept=accept, **more)
        elif url.endswith("/robots.txt"):
            # Nothing but pictures is asked of the outlet.
            return _response(url, 404, {}, b"")
        else:
            found = self._captures.page(url)
        if found is None:
            raise FetchError("resolve", url, "is not in the archive")
        return _answer(self._captures, found)

    def slow_down(self, url: str, seconds: float) -> None:
        self._client.slow_down(url, seconds)

    @property
    def root(self) -> FromArchive:
        return self

    def manner(self, url: str) -> tuple[object, ...]:
        return ()


def _answer(captures: Captures, capture: Capture) -> Response:
    headers = {name: value for name, value in reversed(capture.headers) if not name.startswith("set-cookie")}
    return _response(capture.url, 200, headers, captures.body(capture), address=capture.address)


def _response(url: str, status: int, headers: dict[str, str], body: bytes, *, address: str | None = None) -> Response:
    return Response(
        status=status,
        url=url,
        hops=(),
        headers=headers,
        body=body,
        validators=Validators(),
        not_modified=False,
        retry_after=None,
        address=address,
    )
