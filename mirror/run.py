"""The whole flow, in order: fetch → snapshot → article → bundle → log → seal → publish → audit.

`run` is what cron calls. It may be called at any time, twice at once and after any crash: one lock, everything durable
before anything points at it, and each step starts from what the one before left on disk.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import secrets
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mirror import __version__, pack
from mirror.errors import PartlyDone, TamizdatError, UsageError
from mirror.model import Article, Draft, Picture, PictureRef, Resource
from mirror.output import Output
from mirror.publication import Publication, timestamp
from mirror.sandbox import Sandbox, SandboxError

if TYPE_CHECKING:
    from mirror.archive import Archive, Sealed
    from mirror.audit import Audited
    from mirror.config import OutletConfig, TargetConfig
    from mirror.fetch import Snapshot
    from mirror.net import Client
    from mirror.publish import Published
    from signing.keys import SignerKey, VerifierKey

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


@dataclass(slots=True, kw_only=True)
class TargetReport:
    """What became of one target."""

    name: str
    published: Published | None = None
    audited: Audited | None = None
    problem: str | None = None

    @property
    def ok(self) -> bool:
        return self.problem is None and (self.audited is None or self.audited.ok)

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "ok": self.ok,
            "puts": self.published.puts if self.published else 0,
            "bytes": self.published.bytes if self.published else 0,
            "pointers": self.published.pointers if self.published else 0,
            "audit": self.audited.state if self.audited else None,
            "problem": self.problem or (self.audited.detail if self.audited and not self.audited.ok else None),
        }


@dataclass(slots=True, kw_only=True)
class RunReport:
    outlets: list[OutletReport] = field(default_factory=list)
    sealed: list[Sealed] = field(default_factory=list)
    targets: list[TargetReport] = field(default_factory=list)

    @property
    def status(self) -> int:
        parts: list[OutletReport | TargetReport] = [*self.outlets, *self.targets]
        return 0 if all(part.ok for part in parts) else PartlyDone.status

    def as_json(self) -> dict[str, Any]:
        return {
            "status": self.status,
            "changed": bool(self.sealed),
            "outlets": [outlet.as_json() for outlet in self.outlets],
            "sealed": [{"size": one.size, "serial": one.serial, "articles": one.articles} for one in self.sealed],
            "targets": [target.as_json() for target in self.targets],
        }


async def run(
    publication: Publication, out: Output, *, outlets: Iterable[str] = (), publish: bool = True, dry_run: bool = False,
    wait: float = 0.0,
) -> RunReport:  # fmt: skip
    """One pass over everything; returns what happened. Raises `Busy` when another run holds the lock."""
    now = datetime.now(UTC)
    report = RunReport()
    chosen = choose_outlets(publication, outlets)
    archive = publication.archive()
    with archive.locked(now, wait=wait):
        report.outlets = await fetch_all(publication, archive, chosen, out, dry_run=dry_run)
        if dry_run:
            return report
        report.sealed = seal(publication, archive, out)
        if publish:
            report.targets = publish_all(publication, archive, out)
    return report


def choose_outlets(publication: Publication, ids: Iterable[str]) -> list[OutletConfig]:
    """The outlets to ask: those named, else all that aren't paused. Raises `UsageError` for an unknown name."""
    known = publication.config.outlets
    wanted = list(ids)
    for name in wanted:
        if name not in known:
            raise UsageError(f"there is no outlet {name!r}", hint=f"known: {', '.join(known) or 'none yet'}")
    return [known[name] for name in wanted] if wanted else [one for one in known.values() if not one.paused]


# --- fetch → snapshot → article → bundle ----------------------------------------------------------------------------


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
        self.client = client
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
        key = pack.content_key(draft)
        before = self.archive.latest(self.outlet.id, draft.url)
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

    def _bundle(self, snapshot: Snapshot, draft: Draft, pictures: Pictures, key: str, before: Any) -> None:
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


# --- log → seal -----------------------------------------------------------------------------------------------------


def seal(
    publication: Publication, archive: Archive, out: Output, *, force: bool = False, now: datetime | None = None
) -> list[Sealed]:
    """Append what waits to the log and sign a new edition; nothing when nothing is due. Freshens the trust metadata."""
    from mirror.render import Pages

    now = now or datetime.now(UTC)
    keys = publication.keys()
    config = publication.config
    done: list[Sealed] = []
    with out.bar("seal", unit="article") as bar:
        while True:
            sealed = archive.seal(
                keys=keys,
                publication=config.publication,
                outlets=tuple(config.outlets.values()),
                mirrors=config.mirrors,
                due_seconds=config.edition.due,
                now=now,
                render=Pages(config.publication.name, [mirror.url for mirror in config.mirrors]),
                force=force and not done,
                before=None if done else lambda: _ask_mirrors(publication, archive, keys.log.verifier, out),
            )
            if sealed is None:
                break
            done.append(sealed)
            bar.update(sealed.articles)
            for problem in sealed.problems:
                out.note(problem)
    archive.refresh_trust(keys, now)
    return done


# Enough to notice a restored backup; asking all of two hundred would delay the press.
MIRRORS_ASKED = 3


def _ask_mirrors(publication: Publication, archive: Archive, log: VerifierKey, out: Output) -> None:
    """Raise `Rollback` when a mirror serves a checkpoint of ours that this archive does not know: the archive is an old
    copy, and sealing would make a second history. Only our own log key's word counts, so no mirror can stop the press
    with an invention; one that can't be reached says nothing."""
    from concurrent.futures import ThreadPoolExecutor

    from signing.checkpoint import open_checkpoint
    from signing.errors import SigningError

    origin = archive.head().origin
    chosen = sorted(choose_targets(publication, ()), key=lambda one: one.public is None)[:MIRRORS_ASKED]
    if not chosen:
        return
    with ThreadPoolExecutor(max_workers=len(chosen)) as pool:
        for target, data in zip(chosen, pool.map(lambda one: _checkpoint_at(publication, one), chosen), strict=True):
            if data is None:
                continue
            try:
                served = open_checkpoint(data, log, origin)
            except SigningError as error:
                out.note(f"target {target.name}: what it serves as checkpoint is not ours: {error}")
                continue
            archive.refuse_if_behind(served, f"target {target.name}")


def _checkpoint_at(publication: Publication, target: TargetConfig) -> bytes | None:
    """What readers of a target, or else we ourselves, get as its checkpoint; None when there is none or no answer."""
    from mirror.read import open_mirror
    from mirror.secrets import resolver
    from mirror.targets import open_target
    from signing.checkpoint import MAX_BYTES

    try:
        if target.public:
            return open_mirror(target.public).get("checkpoint", MAX_BYTES)
        with contextlib.closing(
            open_target(target.name, target.url, target.settings, resolver(publication.folder))
        ) as opened:
            return opened.get("checkpoint", MAX_BYTES)
    except TamizdatError:
        return None


# --- publish → audit ------------------------------------------------------------------------------------------------


def publish_all(
    publication: Publication,
    archive: Archive,
    out: Output,
    names: Iterable[str] = (),
    *,
    now: datetime | None = None,
) -> list[TargetReport]:
    """Push to every target that isn't paused, each on its own, then read each back as a reader would."""
    from concurrent.futures import ThreadPoolExecutor

    targets = choose_targets(publication, names)
    if not targets:
        return []
    # A slow or hanging target must not delay the others: every target has its own thread, up to a bound.
    stop = threading.Event()
    with ThreadPoolExecutor(max_workers=min(len(targets), 16), thread_name_prefix="target") as pool:
        jobs = [pool.submit(_publish, publication, archive, target, out, stop, now) for target in targets]
        try:
            return [job.result() for job in jobs]
        except BaseException:
            stop.set()  # an interrupt reaches this thread alone; without this it would wait for every push
            raise


def choose_targets(publication: Publication, names: Iterable[str]) -> list[TargetConfig]:
    """The targets to use: those named, else all that aren't paused. Raises `UsageError` for an unknown name."""
    known = publication.config.targets
    wanted = list(names)
    for name in wanted:
        if name not in known:
            raise UsageError(f"there is no target {name!r}", hint=f"known: {', '.join(known) or 'none yet'}")
    return [known[name] for name in wanted] if wanted else [one for one in known.values() if not one.paused]


def _publish(
    publication: Publication,
    archive: Archive,
    target: TargetConfig,
    out: Output,
    stop: threading.Event,
    now: datetime | None,
) -> TargetReport:
    from mirror.audit import audit
    from mirror.publish import publish
    from mirror.secrets import resolver
    from mirror.targets import open_target

    report = TargetReport(name=target.name)
    try:
        opened = open_target(target.name, target.url, target.settings, resolver(publication.folder))
        with contextlib.closing(opened), out.bar(f"publish {target.name}") as bar:
            report.published = publish(archive, opened, target, now=timestamp(now), progress=bar, stop=stop)
            if report.published.changed:
                report.audited = audit(opened, target, publication, archive, now=now or datetime.now(UTC))
    except TamizdatError as error:
        report.problem = str(error)
        out.note(f"target {target.name}: {error}")
    return report
