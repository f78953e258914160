"""What a run takes from outlets: fetch → snapshot → article → pictures → bundle, into the archive.

Several outlets at a time, several pages of each; one that fails stops nobody else. Pages and pictures are parsed in the
sandbox. What became of a page is written down after what it led to is safe, so a crash fetches it again.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mirror import __version__, pack
from mirror.errors import TamizdatError
from mirror.model import Article, Draft, Picture, PictureRef, Resource
from mirror.output import Output
from mirror.publication import Publication, timestamp
from mirror.sandbox import Sandbox, SandboxError

if TYPE_CHECKING:
    from mirror.archive import Archive
    from mirror.archive.state import ArticleRow
    from mirror.config import OutletConfig
    from mirror.extract import Extraction
    from mirror.fetch import Gone, Snapshot
    from mirror.net import Client
    from signing.keys import SignerKey

GENERATOR = f"tamizdat/{__version__}"
# An article keeps at most this many pictures; galleries of hundreds exist, and a mirror is not a photo archive.
MAX_PICTURES = 40


@dataclass(slots=True, kw_only=True)
class OutletReport:
    """What one outlet gave. `held` were recognised as not being articles; `problem` is why nothing came at all."""

    id: str
    new: int = 0
    revised: int = 0
    unchanged: int = 0
    held: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    problem: str | None = None

    @property
    def ok(self) -> bool:
        return self.problem is None and not self.failed

    def as_json(self) -> dict[str, Any]:
        return {
            name: getattr(self, name) for name in ("id", "new", "revised", "unchanged", "held", "failed", "problem")
        }


async def fetch_all(
    publication: Publication, archive: Archive, outlets: list[OutletConfig], out: Output, *, dry_run: bool = False
) -> list[OutletReport]:
    """Ask every outlet, several at a time. One that fails stops nobody else."""
    if not outlets:
        return []
    from mirror.net import Client

    signer = publication.key("publisher")
    sandbox = Sandbox()
    try:
        async with Client.from_config(publication.config.fetch) as client:
            with out.bar("fetch", unit="page") as bar:
                jobs = [
                    Fetching(
                        publication,
                        archive,
                        outlet,
                        client=client,
                        sandbox=sandbox,
                        signer=signer,
                        out=out,
                        bar=bar,
                        dry_run=dry_run,
                    ).go()
                    for outlet in outlets
                ]
                return list(await asyncio.gather(*jobs))
    finally:
        sandbox.close()


class Fetching:
    """One outlet's part of a run."""

    def __init__(
        self,
        publication: Publication,
        archive: Archive,
        outlet: OutletConfig,
        *,
        client: Client,
        sandbox: Sandbox,
        signer: SignerKey,
        out: Output,
        bar: Any,
        dry_run: bool,
    ) -> None:
        self.config = publication.config
        self.archive = archive
        # The outlet's own view of the client: its way out, headers and cookies.
        self.client: Client = client.of(outlet) if hasattr(client, "of") else client
        self.sandbox = sandbox
        self.signer = signer
        self.outlet = outlet
        self.out = out
        self.bar = bar
        self.dry_run = dry_run
        self.report = OutletReport(id=outlet.id)
        self.queue = asyncio.Semaphore(4)  # pages of one outlet in work at once; the client paces the requests

    async def go(self) -> OutletReport:
        from mirror import fetch

        report = self.report
        tasks: list[asyncio.Task[None]] = []
        try:
            async for event in fetch.fetch_outlet(
                self.client, self.outlet, self.archive, now=datetime.now(UTC), dry_run=self.dry_run
            ):
                if isinstance(event, fetch.Snapshot):
                    await self.queue.acquire()
                    tasks.append(asyncio.create_task(self._page(event)))
                elif isinstance(event, fetch.Unchanged):
                    report.unchanged += 1
                    self._remember(event.page)
                elif isinstance(event, fetch.Problem):
                    report.problem = event.reason
                elif isinstance(event, fetch.Gone):
                    await self._gone(event)
                else:
                    (report.failed if isinstance(event, fetch.Failed) else report.held).append(
                        f"{event.url}: {event.reason}"
                    )
                    if event.page is not None:
                        self._remember(event.page)
        except TamizdatError as error:
            report.problem = str(error)
        await asyncio.gather(*tasks)
        if not self.dry_run:
            self._remember_outlet()
        if report.problem:
            self.out.note(f"outlet {self.outlet.id}: {report.problem}")
        return report

    async def _page(self, snapshot: Snapshot) -> None:
        try:
            await self.take(snapshot)
        finally:
            self.queue.release()

    async def take(self, snapshot: Snapshot) -> None:
        """One page, to the end: nothing it does may stop the others."""
        try:
            await self._take(snapshot)
        except TamizdatError as error:
            self.report.failed.append(f"{snapshot.url}: {error}")
            self.out.note(f"outlet {self.outlet.id}: {snapshot.url}: {error}")
        finally:
            self.bar.update()

    async def _take(self, snapshot: Snapshot) -> None:
        from mirror.extract import extract

        found = await self.sandbox.call(
            extract,
            snapshot.body,
            url=snapshot.final_url,
            content_type=snapshot.content_type,
            item=snapshot.item,
            language=self.outlet.language,
            keep=self.outlet.keep,
            drop=self.outlet.drop,
        )
        if found.article is None or found.state != "ok":
            self.report.held.append(f"{snapshot.url}: {found.state}: {found.reason}")
            self._remember(snapshot.page, state=found.state, reason=found.reason)
            return
        draft = found.article
        if self.archive.is_withdrawn(self.outlet.id, draft.url):
            self.report.held.append(f"{snapshot.url}: withdrawn: its article is never taken again")
            if not self.dry_run:
                # Another address of it, or it was read while somebody withdrew it: not even that is fetched again.
                self.archive.remember_withdrawn(self.outlet.id, snapshot.url, datetime.now(UTC))
            return
        key = pack.content_key(draft)
        before = self.archive.latest(self.outlet.id, draft.url)
        reason = self._judge(snapshot, found, before)
        if reason is not None:
            self.report.held.append(f"{snapshot.url}: held: {reason}")
            self._remember(snapshot.page, state="held", reason=str(reason))
            return
        if before is not None and before.content_key == key:
            self.report.unchanged += 1
            self._remember(snapshot.page, state="ok", article_url=draft.url)
            return
        if before is None:
            self.report.new += 1
        else:
            self.report.revised += 1
        if self.dry_run:
            self.out.say(f"{'new' if before is None else 'revised'}: {draft.title} <{draft.url}>")
            return
        pictures = await self._pictures(draft)
        await asyncio.to_thread(self._bundle, snapshot, draft, pictures, key, before)

    # --- where others look at a page on its way -----------------------------------------------------------------------

    def _judge(self, snapshot: Snapshot, found: Extraction, before: ArticleRow | None) -> str | None:
        """Why a page that came out as an article is held back all the same; None when it isn't. `before` is the
        article's newest revision."""
        return None

    async def _gone(self, event: Gone) -> None:
        """A page is no longer there, which is told of and recorded; nothing is deleted."""
        self.report.held.append(f"{event.url}: {event.reason}")
        self._remember(event.page)

    def _evidence(self, snapshot: Snapshot, pictures: Pictures) -> None:
        """What is kept beside an article as evidence of where it came from goes to `pictures.attach`."""

    def _bundle(self, snapshot: Snapshot, draft: Draft, pictures: Pictures, key: str, before: Any) -> None:
        self._evidence(snapshot, pictures)
        article = pictures.article(
            draft,
            outlet=self.outlet,
            fetched=snapshot.fetched,
            revision=1 if before is None else before.revision + 1,
            replaces=None if before is None else before.digest,
        )
        article, parts = pack.split(article, lambda: secrets.token_hex(16))
        stored = pack.bundle(pack.to_document(article), self.signer)
        self.archive.add(article, stored, {**pictures.objects, **parts}, key)
        self._remember(snapshot.page, state="ok", article_url=draft.url)

    async def _pictures(self, draft: Draft) -> Pictures:
        """Every picture that can be had. One that can't leaves a note and a gap, never an article unpublished."""
        made = Pictures()
        if self.outlet.pictures:
            refs = list(enumerate(draft.pictures))[:MAX_PICTURES]
            for place, ref in refs:
                try:
                    await self._picture(made, place, ref)
                except (TamizdatError, SandboxError) as error:
                    self.out.note(f"outlet {self.outlet.id}: {draft.url}: picture left out: {error}")
        return made

    async def _picture(self, made: Pictures, place: int, ref: PictureRef) -> None:
        from mirror import pictures as pictures_module

        problem: TamizdatError | None = None
        for url in ref.candidates[:3]:
            try:
                answer = await self.client.get(
                    url, cap=self.config.fetch.max_picture, allow_private=self.outlet.allow_private, accept="image/*"
                )
                limits = self.config.pictures
                encoded = await self.sandbox.call(
                    pictures_module.process,
                    answer.body,
                    max_width=limits.max_width,
                    max_bytes=limits.max_bytes,
                    thumbnail=ref.cover,
                )
            except TamizdatError as error:
                problem = error
                continue
            made.put(place, ref, encoded)
            return
        raise problem or TamizdatError("no address to fetch it from")

    def _remember(
        self, page: Any, *, state: str | None = None, reason: str | None = None, article_url: str | None = None
    ) -> None:
        """Write down what became of a page, after what it led to is safe: a crash in between fetches it again."""
        if not self.dry_run:
            self.archive.remember_page(page, state=state, reason=reason, article_url=article_url)

    def _remember_outlet(self) -> None:
        report = self.report
        self.archive.remember_outlet(
            self.outlet.id,
            now=timestamp(),
            error=report.problem or (report.failed[0] if report.failed else None),
            yielded=report.new + report.revised > 0,
        )


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
        self, draft: Draft, *, outlet: OutletConfig, fetched: str, revision: int, replaces: str | None
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
