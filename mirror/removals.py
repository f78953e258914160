"""Pages that an outlet took down: noticed, told of, and never silently mirrored as deletion.

A page is taken for removed when it was found gone (404, 410, a redirect to the front page or a list, a page that says
so) at two looks at least a day apart. Then a further revision is made, with the content of the one before and
`removed`: since when, and what the outlet answered. When the page is back, the next revision has no `removed`.

An outlet that goes dark is no outlet that removes its articles. What a run finds gone counts only when

* the outlet's front page answers, and is no bot check,
* at most a fifth of the pages looked at in this run are gone (one page always may be), and
* another page known to have been there still answers, where there is one.

Where the run itself saw too few pages to tell, a few known ones are asked for. What does not count is not written down:
the next run looks again.

Such a revision may come to the top of a front page, like every other: a reader has to learn of it, one order for all
is what monitors and readers check, and within a seal articles are logged by when they were published, so that the news
comes first. So that an outlet that empties its archive does not push out its own news, at most `AT_ONCE` are made per
run; the others follow.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from mirror import pack, revisions
from mirror.errors import TamizdatError
from mirror.model import Removed

if TYPE_CHECKING:
    from mirror.archive import Addition, Archive
    from mirror.archive.state import ArticleRow
    from mirror.config import OutletConfig
    from mirror.fetch import Gone
    from mirror.net import Client
    from mirror.sandbox import Sandbox
    from mirror.sources.state import FeedMemory, PageState
    from signing.keys import SignerKey

APART = timedelta(hours=24)  # between the first look that finds a page gone and the one that settles it
SHARE = 5  # one in so many pages may be gone
PROBES = 10  # known pages asked for, at most, to tell a removal from an outage
AT_ONCE = 5  # revisions of one outlet in one run
ANSWER = 100  # characters, as the schema has it


@dataclass(slots=True, kw_only=True)
class Settled:
    """What became of the pages that were gone. `pages` are to be written down, after what they led to was added; `told`
    are a line each for the report; `problem` is why none of them counts."""

    removed: int = 0
    pages: list[tuple[PageState, Addition | None]] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    problem: str | None = None


@dataclass(slots=True, kw_only=True)
class Removals:
    """The pages of one outlet that one run found gone. `memory` is where robots.txt is known from."""

    archive: Archive
    memory: FeedMemory
    outlet: OutletConfig
    client: Client
    sandbox: Sandbox
    signer: SignerKey
    generator: str
    dry_run: bool = False
    salt: Callable[[], str] = lambda: secrets.token_hex(16)
    alive: int = 0  # pages that answered with what they are
    _gone: list[Gone] = field(default_factory=list)

    def saw(self, event: Gone) -> None:
        """A page was found gone."""
        self._gone.append(event)

    async def settle(self, now: datetime) -> Settled:
        """Decide, once the run has looked at everything. Raises what the archive raises."""
        made = Settled()
        if not self._gone:
            return made
        rows = {event.url: self.archive.led_to(self.outlet.id, event.url) for event in self._gone}
        for event in self._gone:
            if rows[event.url] is None:  # nothing was published of it
                made.pages.append((event.page, None))
                made.told.append(f"{event.url}: {event.reason}")
        known = [event for event in self._gone if rows[event.url] is not None]
        if not known:
            return made
        made.problem = await self._outage(known)
        if made.problem is not None:
            return made
        for event in known:
            row = rows[event.url]
            assert row is not None  # noqa: S101 - of `known`
            self._one(event, row, made, now)
        return made

    def _one(self, event: Gone, row: ArticleRow, made: Settled, now: datetime) -> None:
        if revisions.is_removed(row):
            made.pages.append((event.page, None))
        elif now - _time(event.since) < APART:
            made.pages.append((event.page, None))
            made.told.append(f"{event.url}: {event.reason}; looked at again before it is taken for removed")
        elif made.removed < AT_ONCE:
            made.removed += 1
            made.pages.append((event.page, None if self.dry_run else self._revision(event, row)))
            made.told.append(f"{event.url}: removed by the outlet: {event.answer}, since {event.since}")
        else:
            made.told.append(f"{event.url}: {event.reason}; its revision waits for the next run")

    def _revision(self, event: Gone, before: ArticleRow) -> Addition:
        """The revision that says so: what it shows is what the one before showed."""
        from mirror.archive import Addition

        article = replace(
            self.archive.article(before.digest),
            revision=before.revision + 1,
            replaces=before.digest,
            removed=Removed(noticed=event.since, answer=pack.shorten(" ".join(event.answer.split()), ANSWER)),
            salt=self.salt(),
            generator=self.generator,
        )
        article, parts = pack.split(article, self.salt)
        stored = pack.bundle(pack.to_document(article), self.signer)
        key = revisions.removed_key(before.content_key)
        return Addition(article=article, stored=stored, objects=parts, content_key=key)

    # --- a removal, or an outage --------------------------------------------------------------------------------------

    async def _outage(self, gone: list[Gone]) -> str | None:
        """Why pages that are gone are not taken for removed; None when they are."""
        problem = await self._front_page()
        if problem is not None:
            return f"{_pages(len(gone))} not there, but {problem}: taken for an outage, nothing is called removed"
        alive = self.alive
        others = 1
        if not alive or _too_many(len(gone), alive):
            asked = [page for page in self._others(gone) if await self._allowed(page.url)]
            others = len(asked)
            alive += sum([await self._answers(page) for page in asked])
        if not alive and others:
            return (
                f"{_pages(len(gone))} not there, and no other answers: taken for an outage, nothing is called removed"
            )
        if _too_many(len(gone), alive):
            return (
                f"{len(gone)} of {len(gone) + alive} pages are not there, all at once: taken for a block or an outage, "
                "nothing is called removed"
            )
        return None

    def _others(self, gone: list[Gone]) -> list[PageState]:
        names = {event.url for event in gone}
        wanted = min(PROBES, (SHARE - 1) * len(gone))
        return [page for page in self.archive.good_pages(self.outlet.id, wanted + len(names)) if page.url not in names][
            :wanted
        ]

    async def _front_page(self) -> str | None:
        from mirror.extract import extract

        if not await self._allowed(self.outlet.url):
            return None
        try:
            answer = await self.client.get(self.outlet.url, allow_private=self.outlet.allow_private)
        except TamizdatError as error:
            return f"its front page neither: {error}"
        if answer.status != 200:
            return f"its front page answers {answer.status}"
        found = await self.sandbox.call(extract, answer.body, url=answer.url, content_type=answer.content_type)
        return "its front page is a bot check" if found.state == "challenge" else None

    async def _answers(self, page: PageState) -> bool:
        from mirror.net import Validators

        validators = Validators(etag=page.etag, last_modified=page.last_modified)
        try:
            answer = await self.client.get(page.url, validators=validators, allow_private=self.outlet.allow_private)
        except TamizdatError:
            return False
        return answer.not_modified or answer.status == 200

    async def _allowed(self, url: str) -> bool:
        from mirror.robots import allowed

        refused = await allowed(
            self.client,
            url,
            outlet=self.outlet,
            memory=self.memory,
            now=datetime.now(UTC),
            dry_run=self.dry_run,
        )
        return refused is None


def _too_many(gone: int, alive: int) -> bool:
    return gone > 1 and gone * SHARE > gone + alive


def _pages(number: int) -> str:
    return "a page is" if number == 1 else f"{number} pages are"


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
