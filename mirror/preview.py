"""What would be published, shown and stored nowhere; and pages given by hand.

`preview` and `outlet test` run a page through the same reduction as `run` (`mirror.reading`), in the same sandbox, and
stop there. A page of an outlet that the configuration knows is asked for and reduced as that outlet's are. With
`explain` a page's whole text comes along, and its pictures, for `mirror.sidebyside`.
"""

from __future__ import annotations

import asyncio
import hashlib
import textwrap
from collections import deque
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mirror import pack
from mirror.errors import TamizdatError, UsageError
from mirror.inflate import gunzip
from mirror.links import absolute, same_site
from mirror.model import Draft
from mirror.output import Output, count
from mirror.publication import Publication, timestamp
from mirror.sandbox import Sandbox

if TYPE_CHECKING:
    from mirror.archive import Archive
    from mirror.collect import OutletReport
    from mirror.config import OutletConfig
    from mirror.extract.original import Original
    from mirror.fetch import Snapshot
    from mirror.net import Client, FetchSettings, Response
    from mirror.reading import Reading
    from mirror.sources import Found, Item
    from mirror.sources.state import FeedState, PageState

LARGEST = 8 << 20  # bytes of a page, as in the configuration's default
AHEAD = 16  # pages in work: enough for every processor, few enough to hold in memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One page and what became of it."""

    source: str
    state: str
    reason: str
    article: Draft | None = None
    dated: str | None = None
    """When it was published by the page's own clock, which may show another day than UTC."""
    via: str = "page"
    """Which form of the article was taken: page, feed, amp."""
    notes: tuple[str, ...] = ()
    original: Original | None = None
    """With `explain`: the page's text, and what it claims."""
    rendered: str = ""
    """With `explain`: the page that readers would see, its pictures in it."""

    def as_json(self) -> dict[str, Any]:
        """A line of `preview --json`."""
        return {"source": self.source, "state": self.state, "reason": self.reason, "article": self._article()}

    def _article(self) -> dict[str, Any] | None:
        draft = self.article
        if draft is None:
            return None
        return {
            "url": draft.url,
            "title": draft.title,
            "lead": draft.lead,
            "authors": list(draft.authors),
            "published": draft.published,
            "dated": self.dated,
            "modified": draft.modified,
            "language": draft.language,
            "direction": draft.direction,
            "text": pack.text_of(draft.blocks),
            "blocks": pack.blocks_to_json(draft.blocks),
            "pictures": [
                {
                    "url": one.candidates[0] if one.candidates else None,
                    "cover": one.cover,
                    "alt": one.alt,
                    "caption": one.caption,
                    "credit": one.credit,
                }
                for one in draft.pictures
            ],
        }

    def as_text(self, *, short: bool) -> str:
        """For a person; `short` is the beginning only."""
        draft = self.article
        if draft is None:
            return f"{self.state}: {self.source}\n  {self.reason}"
        lines = [draft.title, f"  {draft.url}"]
        there = self.dated if self.dated and self.dated[:10] != (draft.published or "")[:10] else None
        when = f"{draft.published} ({there} there)" if there else draft.published
        facts = [when, ", ".join(draft.authors), draft.language, draft.section]
        lines.append("  " + " · ".join(fact for fact in facts if fact))
        if self.state != "ok":
            lines.append(f"  NOT published: {self.state}: {self.reason}")
        text = pack.text_of(draft.blocks)
        if short:
            lines.append("  " + textwrap.shorten(text, 240, placeholder=" …"))
            pictures = count(len(draft.pictures), "picture")
            lines.append(f"  {len(text):,} characters, {pictures}")
            return "\n".join(lines)
        if draft.lead:
            lines += ["", draft.lead]
        for picture in draft.pictures:
            words = " / ".join(word for word in (picture.caption, picture.credit) if word)
            lines.append(f"  [{'cover' if picture.cover else 'picture'}: {words or picture.alt or 'no caption'}]")
        return "\n".join([*lines, "", text, ""])


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A page to look at: at an address, or in a file saved from one."""

    source: str
    url: str
    file: Path | None = None


def pages_given(pages: Iterable[str], *, url: str | None, listed: Path | None) -> list[Given]:
    """The pages named on the command line and in a list. Raises `UsageError`."""
    given = [_given(page, url) for page in pages]
    if listed is not None:
        try:
            lines = listed.read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{listed}: can't be read: {getattr(error, 'strerror', None) or error}") from error
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            given.append(_listed(line, listed, number))
    if not given:
        raise UsageError("no pages given", hint="tamizdat preview https://…, or a FILE with --url, or --urls LIST.tsv")
    return given


def _listed(line: str, listed: Path, number: int) -> Given:
    """A line of a list: FILE<tab>URL, either way round, or a URL alone."""
    columns = [column.strip() for column in line.split("\t")]
    addresses = [column for column in columns if column.lower().startswith(("http://", "https://"))]
    names = [column for column in columns if column and column not in addresses]
    where = absolute(addresses[0], addresses[0]) if addresses else None
    if where is None or len(names) > 1:
        raise UsageError(f"{listed}:{number}: must be FILE<tab>URL, or a URL")
    if not names:
        return Given(source=addresses[0], url=where)
    file = Path(names[0])
    if not file.is_absolute() and not file.exists():
        file = listed.parent / names[0]
    return Given(source=names[0], url=where, file=file)


def _given(page: str, url: str | None) -> Given:
    if page.lower().startswith(("http://", "https://")):
        where = absolute(page, page)
        if where is None:
            raise UsageError(f"{page}: not an http(s) address")
        return Given(source=page, url=where)
    file = Path(page)
    if not file.is_file():
        raise UsageError(f"{page}: no such file, and not an http(s) address")
    where = absolute(url, url) if url else None
    if where is None:
        raise UsageError(f"{page}: say which address this page was saved from", hint="--url https://…")
    return Given(source=page, url=where, file=file)


async def preview_pages(
    fetching: FetchSettings,
    given: Sequence[Given],
    *,
    allow_private: bool = False,
    outlets: Iterable[OutletConfig] = (),
    keep: tuple[str, ...] = (),
    drop: tuple[str, ...] = (),
    explain: bool = False,
) -> AsyncIterator[Shown]:
    """Each page in the order given, several in work at once; a page that fails is shown as `error`. `keep` and `drop`
    are tried on top of what the page's outlet has in its configuration."""
    from mirror.net import Client

    known = list(outlets)
    sandbox = Sandbox()
    running: deque[asyncio.Task[Shown]] = deque()
    try:
        async with Client.from_config(fetching) as client:
            for one in given:
                outlet = _outlet_of(one.url, known, allow_private=allow_private)
                outlet = replace(outlet, keep=(*keep, *outlet.keep), drop=(*outlet.drop, *drop))
                running.append(asyncio.create_task(_show(client, sandbox, one, outlet, explain=explain)))
                if len(running) >= AHEAD:
                    yield await running.popleft()
            while running:
                yield await running.popleft()
    finally:
        for task in running:
            task.cancel()
        sandbox.close()


def _outlet_of(url: str, known: Iterable[OutletConfig], *, allow_private: bool) -> OutletConfig:
    """The outlet whose page this is; one without any settings when it is none's."""
    from mirror.config import OutletConfig

    for one in known:
        if same_site(one.url, url):
            return replace(one, allow_private=one.allow_private or allow_private)
    return OutletConfig(id="preview", name="Preview", url=url, allow_private=allow_private)


async def _show(client: Client, sandbox: Sandbox, given: Given, outlet: OutletConfig, *, explain: bool) -> Shown:
    try:
        mine = client.of(outlet)
        snapshot = await snapshot_of(mine, given, outlet.id, allow_private=outlet.allow_private)
        return await show(mine, sandbox, outlet, snapshot, source=given.source, explain=explain)
    except TamizdatError as error:
        return _failed(given.source, error)


async def show(
    client: Client, sandbox: Sandbox, outlet: OutletConfig, snapshot: Snapshot, *, source: str, explain: bool = False,
    force: bool = False,
) -> Shown:  # fmt: skip
    """What would be published of one snapshot. `client` is the outlet's own. Raises `TamizdatError`."""
    from mirror.reading import Reader

    reader = Reader(client, sandbox, outlet, NoMemory(), now=datetime.now(UTC), dry_run=True, explain=explain)
    reading = await reader.read(snapshot, force=force)
    found = reading.found
    shown = Shown(
        source=source, state=found.state, reason=found.reason, article=found.article, dated=found.dated,
        via=reading.via, notes=reading.notes,
    )  # fmt: skip
    return await _explained(client, sandbox, outlet, snapshot, reading, shown) if explain else shown


async def _explained(  # noqa: PLR0917 - what there is to explain with
    client: Client, sandbox: Sandbox, outlet: OutletConfig, snapshot: Snapshot, reading: Reading, shown: Shown
) -> Shown:
    from mirror.extract.original import original

    found = await sandbox.call(
        original,
        snapshot.body,
        url=snapshot.final_url,
        content_type=snapshot.content_type,
        article=shown.article,
        dropped=reading.found.dropped,
        drop=outlet.drop,
    )
    if shown.article is None:
        return replace(shown, original=found)
    rendered, gaps = await _rendered(client, sandbox, outlet, snapshot, shown.article)
    return replace(shown, original=found, rendered=rendered, notes=(*shown.notes, *gaps))


async def _rendered(
    client: Client, sandbox: Sandbox, outlet: OutletConfig, snapshot: Snapshot, draft: Draft
) -> tuple[str, list[str]]:
    """The article's page as readers would see it, and a line for each picture that is not in it."""
    from mirror.collect import MAX_PICTURES, Pictures, picture
    from mirror.config import FetchConfig, PicturesConfig
    from mirror.pages import article_page
    from mirror.sidebyside import ROOT, inlined

    made, gaps = Pictures(), []
    refs = draft.pictures[:MAX_PICTURES] if outlet.pictures else ()
    limits = PicturesConfig()
    encoded = await asyncio.gather(
        *(picture(client, sandbox, ref, outlet=outlet, limits=limits, cap=FetchConfig().max_picture) for ref in refs),
        return_exceptions=True,
    )
    for place, one in enumerate(encoded):
        if isinstance(one, TamizdatError):
            gaps.append(f"picture left out: {one}")
        elif isinstance(one, BaseException):
            raise one
        else:
            made.put(place, refs[place], one)
    article = made.article(draft, outlet=outlet, fetched=snapshot.fetched, revision=1, replaces=None)
    page = article_page(article, digest="0" * 64, index=0, publication="preview", root=ROOT)
    types = {resource.digest: resource.media_type for resource in made.resources}
    return inlined(page, made.objects, types), gaps


class _PageGoneError(TamizdatError):
    """The outlet has the page no more."""


def _failed(source: str, error: TamizdatError) -> Shown:
    return Shown(source=source, state="gone" if isinstance(error, _PageGoneError) else "error", reason=str(error))


async def _read(client: Client, given: Given, *, allow_private: bool) -> tuple[bytes, str, str, Response | None]:
    if given.file is None:
        answer = await client.get(given.url, allow_private=allow_private)
        if answer.status in (404, 410):
            raise _PageGoneError(f"{given.url}: status {answer.status}: the page is gone")
        return answer.body, answer.url, answer.content_type, answer
    try:
        with given.file.open("rb") as file:
            body = file.read(LARGEST + 1)
    except OSError as error:
        raise TamizdatError(f"{given.file}: {error.strerror or error}") from error
    if body[:2] == b"\x1f\x8b":  # saved compressed, as archives of pages are
        try:
            body = gunzip(body, LARGEST)
        except ValueError as error:
            raise TamizdatError(f"{given.file}: {error}") from error
    if len(body) > LARGEST:
        raise TamizdatError(f"{given.file}: larger than {LARGEST} bytes")
    return body, given.url, "", None


async def snapshot_of(
    client: Client, given: Given, outlet: str, *, allow_private: bool, known: PageState | None = None
) -> Snapshot:
    """The page as it comes now, or as it stands in its file; `known` is what is remembered of it. Raises
    `TamizdatError`."""
    from mirror.fetch import Snapshot, next_look
    from mirror.sources.state import PageState

    body, final, content_type, answer = await _read(client, given, allow_private=allow_private)
    now = timestamp(datetime.now(UTC))
    page = known or PageState(outlet=outlet, url=given.url, first_seen=now)
    page = replace(page, final_url=final, checked=now, state=None, reason=None)
    if answer is not None:
        # From now on runs look at it as at any other. One that was only ever given as a file may be nowhere else.
        digest = hashlib.sha256(body).hexdigest()
        changed = page.changed if page.body_digest == digest else now
        etag, last_modified = answer.validators.etag, answer.validators.last_modified
        page = replace(page, etag=etag, last_modified=last_modified, body_digest=digest, changed=changed)
        page = replace(page, due=next_look(page))
    return Snapshot(
        url=given.url,
        final_url=final,
        fetched=now,
        status=answer.status if answer is not None else 200,
        content_type=content_type,
        body=body,
        item=None,
        page=page,
        response=answer,
    )


async def _sampled(client: Client, sandbox: Sandbox, outlet: OutletConfig, item: Item) -> Shown:
    try:
        given = Given(source=item.url, url=item.url)
        snapshot = await snapshot_of(client, given, outlet.id, allow_private=outlet.allow_private)
        return await show(client, sandbox, outlet, replace(snapshot, item=item), source=item.url)
    except TamizdatError as error:
        return _failed(item.url, error)


async def sample(
    client: Client, outlet: OutletConfig, *, many: int, found: Found | None = None
) -> AsyncIterator[Shown]:
    """The newest articles that an outlet's sources name; `found` is what they named a moment ago."""
    from mirror.fetch import look

    if found is None:
        found = await look(client, outlet, NoMemory(), now=datetime.now(UTC), dry_run=True)
    sandbox = Sandbox()
    try:
        if found.problem:
            yield Shown(source=outlet.url, state="error", reason=found.problem)
        for item in found.items[:many]:
            if item.complete and outlet.text != "page":  # as in a run, its page is not asked for
                yield await _given_whole(sandbox, outlet, item)
                continue
            yield await _sampled(client.of(outlet), sandbox, outlet, item)
    finally:
        sandbox.close()


async def _given_whole(sandbox: Sandbox, outlet: OutletConfig, item: Item) -> Shown:
    from mirror.extract import extract, given

    try:
        made = await sandbox.call(
            extract,
            given.page_of(item, language=outlet.language),
            url=item.url,
            content_type=given.TYPE,
            language=outlet.language,
            keep=given.KEEP,
            drop=outlet.drop,
        )
    except TamizdatError as error:
        return Shown(source=item.url, state="error", reason=str(error))
    return Shown(source=item.url, state=made.state, reason=made.reason, article=made.article, dated=made.dated)


class NoMemory:
    """For a look: nothing is known from before and nothing is kept."""

    def feed(self, url: str) -> None:
        return None

    def remember_feed(self, state: FeedState) -> None:
        return None

    def pages(self, outlet: str, urls: Iterable[str]) -> Mapping[str, PageState]:
        return {}

    def due(self, outlet: str, moment: str, limit: int) -> list[PageState]:
        return []


async def add_pages(
    publication: Publication,
    archive: Archive,
    pages: Sequence[str],
    *,
    url: str | None,
    outlet: str | None,
    out: Output,
) -> list[OutletReport]:
    """Snapshot given pages into the archive, each under its outlet. Raises `UsageError` when that can't be told."""
    from mirror.collect import Fetching, desk
    from mirror.run import choose_outlets

    given = pages_given(pages, url=url, listed=None)
    owners = [_owner(publication, one.url, outlet) for one in given]
    jobs: dict[str, Fetching] = {}
    async with desk(publication, archive, out, what="add", total=len(given)) as shared:
        for one, owner in zip(given, owners, strict=True):
            if owner not in jobs:
                jobs[owner] = Fetching(shared, choose_outlets(publication, [owner])[0])
            job = jobs[owner]
            try:
                known = shared.memory.pages(owner, [one.url]).get(one.url)
                private = job.outlet.allow_private
                snapshot = await snapshot_of(job.client, one, owner, allow_private=private, known=known)
            except TamizdatError as error:
                job.report.failed.append(str(error))
                continue
            if snapshot.status != 200:
                job.report.failed.append(f"{one.url}: answered {snapshot.status}")
                continue
            await job.take(snapshot)
    return [job.report for job in jobs.values()]


def _owner(publication: Publication, url: str, outlet: str | None) -> str:
    known = publication.config.outlets
    if outlet is not None:
        if outlet not in known:
            raise UsageError(f"there is no outlet {outlet!r}", hint=f"known: {', '.join(known) or 'none yet'}")
        return outlet
    for name, one in known.items():
        if same_site(one.url, url):
            return name
    raise UsageError(f"{url}: of no outlet that is known", hint="add its outlet first, or say whose it is: --outlet ID")
