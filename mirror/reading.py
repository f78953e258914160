"""A snapshot as an article: its further pages, and other forms of it where the page itself gives none.

What `run` publishes and what `preview` shows come from here, so both are the same.

Further pages (`Extraction.next`) are fetched while they are on the same site and robots.txt lets us, at most 19 of
them, and the article is reduced again with all of them. A page that is a bot check, a consent dialogue, a paywall,
empty without scripts or broken is tried in two other forms before it is held back: the text that the feed carries,
where it does not end as a teaser, and the AMP copy that the page names. Neither is ever the article's identity: that
stays the address that was announced. `text = "page"` in the outlet's configuration keeps to the page.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, Protocol

from mirror.belonging import own
from mirror.errors import TamizdatError
from mirror.extract import given
from mirror.links import absolute, clean, same_site

if TYPE_CHECKING:
    from mirror.extract import Extraction
    from mirror.fetch import Snapshot
    from mirror.net import Client, Response
    from mirror.sandbox import Sandbox
    from mirror.sources import Outlet
    from mirror.sources.state import FeedMemory

MAX_MORE = 19
INSTEAD = frozenset({"challenge", "consent", "script-only", "paywall", "error"})
LONGER = 1.2  # another form of a paywalled article has to say this much more than what everybody may read
KEPT = 4 << 20  # bytes of further pages and other forms that are kept for the length of a run
LEAST = 600  # letters of a feed's text that is taken for the whole article without the source's word for it

Via = Literal["page", "feed", "amp"]


class Reduced(Protocol):
    """What of an outlet's configuration reducing needs."""

    @property
    def language(self) -> str | None: ...
    @property
    def keep(self) -> tuple[str, ...]: ...
    @property
    def drop(self) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a snapshot came to. `via` says which form of the article was taken, `more` are the further answers that went
    into it (for evidence), `notes` what the operator may want to know."""

    found: Extraction
    via: Via = "page"
    more: tuple[Response, ...] = ()
    notes: tuple[str, ...] = ()


class Reader:
    """Reads the pages of one outlet in one run."""

    def __init__(
        self,
        client: Client,
        sandbox: Sandbox,
        outlet: Any,
        memory: FeedMemory,
        *,
        now: datetime,
        dry_run: bool = False,
        explain: bool = False,
    ) -> None:
        self.client = client
        self.sandbox = sandbox
        self.outlet = outlet
        self.memory = memory
        self.now = now
        self.dry_run = dry_run
        self.explain = explain
        self._kept: dict[str, Response] = {}

    async def read(self, snapshot: Snapshot, *, force: bool = False) -> Reading:
        """Raises what the sandbox raises for the page itself; what goes wrong with anything else is a note."""
        if snapshot.given:
            return Reading(found=await self._given(snapshot, force=force), via="feed")
        found = await self._extract(snapshot, snapshot.body, force=force)
        if found.state == "ok" and found.next:
            return await self._joined(snapshot, found, force=force)
        if found.state in INSTEAD and not force and getattr(self.outlet, "text", "auto") == "auto":
            return await self._instead(snapshot, found)
        return Reading(found=found)

    async def _extract(
        self, snapshot: Snapshot, body: bytes, *, force: bool = False, more: tuple[Any, ...] = (), url: str = "",
        content_type: str | None = None, keep: tuple[str, ...] | None = None,
    ) -> Extraction:  # fmt: skip
        from mirror.extract import extract

        outlet: Reduced = self.outlet
        return await self.sandbox.call(
            extract,
            body,
            url=url or snapshot.final_url,
            content_type=snapshot.content_type if content_type is None else content_type,
            item=snapshot.item,
            language=outlet.language,
            keep=outlet.keep if keep is None else keep,
            drop=outlet.drop,
            rules=getattr(outlet, "rules", ()),
            captured=snapshot.fetched,
            more=more,
            force=force,
            explain=self.explain,
        )

    # --- further pages ------------------------------------------------------------------------------------------------

    async def _joined(self, snapshot: Snapshot, first: Extraction, *, force: bool) -> Reading:
        """The article with its further pages. One that is not there, or that robots.txt keeps us from, ends it with a
        note; raises `FetchError` where another run may have more luck: half an article must not pass for all of it."""
        from mirror.extract.joined import same_family

        seen = {clean(snapshot.final_url), clean(snapshot.url)}
        answers: list[Response] = []
        wanted = first.next
        problem = ""
        while wanted and len(answers) < MAX_MORE:
            url = absolute(snapshot.final_url, wanted)
            if url is None or clean(url) in seen or not same_site(url, snapshot.final_url):
                break
            seen.add(clean(url))
            answer, problem = await self._get(url, passing=True)
            if answer is None or clean(answer.url) in seen - {clean(url)}:
                break
            if not same_site(answer.url, snapshot.final_url):
                problem = f"{url} leads to another site"
                break
            answers.append(answer)
            page = await self._extract(snapshot, answer.body, url=answer.url, content_type=answer.content_type)
            if force and page.state in INSTEAD - {"error"} and same_family(answer.url, snapshot.final_url):
                # Who released the first page has not seen this one.
                reason = f"a further page: {page.reason}"
                return Reading(found=replace(first, state=page.state, reason=reason, article=None))
            wanted = page.next
        if not answers:
            return Reading(found=first, notes=(f"its next page could not be had: {problem}",) if problem else ())
        more = tuple((one.url, one.body, one.content_type) for one in answers)
        found = await self._extract(snapshot, snapshot.body, force=force, more=more)
        notes = (f"its pages after the {len(answers) + 1}th could not be had: {problem}",) if problem else ()
        return Reading(found=found, more=tuple(answers), notes=notes)

    # --- other forms --------------------------------------------------------------------------------------------------

    async def _instead(self, snapshot: Snapshot, found: Extraction) -> Reading:
        """The feed's text or the AMP copy in place of a page that holds no article; the page's own state when neither
        gives one."""
        item = snapshot.item
        enough = found.letters * LONGER if found.state == "paywall" else 0
        try:
            if item is not None and item.content_html and own(self.outlet, item.url):
                made = replace(snapshot, final_url=item.url, body=given.page_of(item), content_type=given.TYPE)
                full = await self._given(made)
                if full.state == "ok" and full.letters > enough:
                    return Reading(found=full, via="feed", notes=(f"{_says(found)}; taken from the feed",))
            if found.amp:
                copy = await self._amp(snapshot, found.amp)
                if copy is not None and copy[0].state == "ok" and copy[0].letters > enough:
                    note = f"{_says(found)}; taken from its AMP copy"
                    return Reading(found=copy[0], via="amp", more=(copy[1],), notes=(note,))
        except TamizdatError as error:
            return Reading(found=found, notes=(f"no other form of it could be read: {error}",))
        return Reading(found=found)

    async def _given(self, snapshot: Snapshot, *, force: bool = False) -> Extraction:
        """What the source's own text of the article gives. A teaser is no article, whatever it looks like."""
        item = snapshot.item
        body = snapshot.body
        if self.outlet.language and item is not None and not force:
            body = given.page_of(item, language=self.outlet.language)
        found = await self._extract(
            snapshot, body, force=force, content_type=given.TYPE, url=snapshot.url, keep=given.KEEP
        )
        if found.state != "ok" or item is None or item.complete or force:
            return found
        if given.is_teaser(item.content_html or ""):
            return replace(found, state="paywall", reason="the feed carries only the beginning of it")
        if found.letters < LEAST and getattr(self.outlet, "text", "auto") != "feed":
            return replace(found, state="error", reason=f"the feed carries {found.letters} letters of it")
        return found

    async def _amp(self, snapshot: Snapshot, amp: str) -> tuple[Extraction, Response] | None:
        url = absolute(snapshot.final_url, amp)
        if url is None or not same_site(url, snapshot.final_url) or clean(url) == clean(snapshot.final_url):
            return None
        answer, _ = await self._get(url)
        if answer is None or not same_site(answer.url, snapshot.final_url):
            return None
        found = await self._extract(snapshot, answer.body, url=answer.url, content_type=answer.content_type)
        if found.article is not None:
            found = replace(found, article=replace(found.article, url=clean(snapshot.final_url)))
        return found, answer

    async def _get(self, url: str, *, passing: bool = False) -> tuple[Response | None, str]:
        """The answer, or why there is none; with `passing`, what may pass is raised."""
        from mirror.net import FetchError
        from mirror.robots import allowed

        outlet: Outlet = self.outlet
        if url in self._kept:
            return self._kept[url], ""
        refused = await allowed(self.client, url, outlet=outlet, memory=self.memory, now=self.now, dry_run=self.dry_run)
        if refused is not None:
            return None, refused
        try:
            answer = await self.client.get(url, allow_private=outlet.allow_private)
        except FetchError as error:
            if passing and error.kind not in ("address", "redirect", "too-large"):
                raise
            return None, str(error)
        if passing and (answer.status == 429 or answer.status >= 500):
            raise FetchError("protocol", url, f"answered {answer.status}")
        if answer.status != 200:
            return None, f"{url}: answered {answer.status}"
        self._keep(url, answer)
        return answer, ""

    def _keep(self, url: str, answer: Response) -> None:
        """A page that waits to be judged is read again at the end of the run; what belongs to it need not be asked for
        again."""
        self._kept[url] = answer
        size = sum(len(one.body) for one in self._kept.values())
        while size > KEPT:
            size -= len(self._kept.pop(next(iter(self._kept))).body)


def _says(found: Extraction) -> str:
    return f"{found.state}: {found.reason}" if found.reason else found.state
