"""What an operator does with pages that were held back: `held list`, `show`, `release`, `drop`."""

from __future__ import annotations

import argparse
import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mirror.errors import PartlyDone, TamizdatError, UsageError
from mirror.output import Output, count, one_line
from mirror.publication import Publication
from mirror.words import span

if TYPE_CHECKING:
    from mirror.archive import Archive
    from mirror.archive.judged import HeldRow
    from mirror.held import Store

SHOWN = 20  # pages that a list names; a filter names the others


def held_list(args: argparse.Namespace, out: Output) -> int:
    """What waits, by outlet and reason; with a filter, the pages."""
    from mirror.archive import judged
    from mirror.held import Store, summary

    publication = Publication.open(args.config)
    _known_outlet(publication, args.outlet)
    with publication.archive() as archive:
        with archive.state.reading() as tx:
            groups = judged.groups(tx, args.outlet)
            wanted = args.outlet is not None or args.reason is not None
            rows = judged.waiting(tx, outlet=args.outlet, state=args.reason) if wanted else ()
        store = Store(archive.folder)
        groups = tuple(group for group in groups if args.reason in (None, group.state))
        for group in groups:
            out.say(
                one_line(f"{group.outlet:20} {count(group.count, 'page'):>10} {group.state:12} {group.newest.reason}")
            )
            if not wanted:
                out.say(one_line(f"{'':20} newest {_ago(group.newest.since)}: {group.newest.url}"))
        newest = sorted(rows, key=lambda row: row.since, reverse=True)
        for row in newest[: args.limit]:
            out.say(one_line(f"  {row.url}"))
            out.say(one_line(f"    {row.state}, {_ago(row.since)}{_title(row)}{_gone(store, row)}: {row.reason}"))
        if len(rows) > args.limit:
            out.say(f"  … and {len(rows) - args.limit} more: --limit {len(rows)}")
        if not groups:
            out.say("nothing is held back")
        elif not wanted:
            out.say("`tamizdat held show URL` shows a page, `held release` and `held drop` decide")
        out.result(
            {"groups": summary(groups), "pages": [{**_as_json(row), "kept": store.has(row.digest)} for row in newest]}
        )
    return 0


def held_show(args: argparse.Namespace, out: Output) -> int:
    """One page: why it is held, and what would be published of it."""
    from mirror.archive import judged
    from mirror.held import Store, snapshot_of
    from mirror.preview import Shown

    publication = Publication.open(args.config)
    with publication.archive() as archive:
        with archive.state.reading() as tx:
            found = judged.find(tx, _address(args.url))
        if not found:
            raise UsageError(f"{args.url}: no such page is held back", hint="`tamizdat held list` names them")
        store = Store(archive.folder)
        pages = []
        for row in found:
            out.say(one_line(f"outlet {row.outlet}: {row.url}"))
            out.say(one_line(f"  {row.decided or 'held'}: {row.state}: {row.reason}"))
            out.say(one_line(f"  fetched {row.fetched}, {row.size} bytes, {row.letters} letters{_title(row)}"))
            snapshot = snapshot_of(archive, store, row)
            shown: dict[str, Any] | None = None
            if snapshot is None:
                out.say("  its bytes are gone; the next run that fetches it judges it anew")
            else:
                result = asyncio.run(_reduce(publication, row, snapshot))
                article = Shown(source=row.url, state=row.state, reason=row.reason, article=result)
                shown = article.as_json()["article"]
                out.say()
                out.say(article.as_text(short=False) if result else "It holds no text that could be published.")
            pages.append({**_as_json(row), "kept": snapshot is not None, "article": shown})
    out.result({"pages": pages})
    return 0


async def _reduce(publication: Publication, row: HeldRow, snapshot: Any) -> Any:
    """The article in it, whatever it looks like; None when there is none. Parsed in the sandbox, like any page."""
    from mirror.extract import extract
    from mirror.sandbox import Sandbox

    outlet = publication.config.outlets.get(row.outlet)
    sandbox = Sandbox()
    try:
        found = await sandbox.call(
            extract,
            snapshot.body,
            url=snapshot.final_url,
            content_type=snapshot.content_type,
            item=snapshot.item,
            language=outlet.language if outlet else None,
            keep=outlet.keep if outlet else (),
            drop=outlet.drop if outlet else (),
            force=True,
        )
    except TamizdatError:
        return None
    finally:
        sandbox.close()
    return found.article


def held_release(args: argparse.Namespace, out: Output) -> int:
    """Take the pages as they are: they go into the archive, and the next seal publishes them."""
    from mirror.archive import judged
    from mirror.held import Store
    from mirror.run import newest

    publication = Publication.open(args.config)
    released: list[str] = []
    failed: dict[str, str] = {}
    with publication.archive() as archive, newest(publication, archive, out):
        rows = _chosen(publication, archive, args)
        store = Store(archive.folder)
        for outlet in dict.fromkeys(row.outlet for row in rows):
            theirs = [row for row in rows if row.outlet == outlet]
            if outlet not in publication.config.outlets:
                failed |= {row.url: f"there is no outlet {outlet!r} any more" for row in theirs}
                continue
            done, problems = asyncio.run(_release(publication, archive, store, outlet, theirs, out))
            failed |= problems
            released += [row.url for row in done]
            with archive.state.writing() as tx:
                judged.decide(tx, done, "released")
        gone = [row for row in rows if not store.has(row.digest) and row.url in failed]
        _ask_again(archive, gone)
        store.tidy(archive)
    _say_decided(out, "released", released, failed)
    if released:
        out.say("they are published by the next `tamizdat run`")
    out.result({"released": released, "failed": failed})
    return PartlyDone.status if failed else 0


async def _release(  # noqa: PLR0917 - one place calls it
    publication: Publication, archive: Archive, store: Store, outlet: str, rows: Sequence[HeldRow], out: Output
) -> tuple[list[HeldRow], dict[str, str]]:
    from mirror.archive import judged
    from mirror.collect import Fetching, desk
    from mirror.held import snapshot_of

    done: list[HeldRow] = []
    problems: dict[str, str] = {}
    async with desk(publication, archive, out, what="release", total=len(rows)) as shared:
        job = Fetching(shared, publication.config.outlets[outlet])
        for row in rows:
            snapshot = snapshot_of(archive, store, row)
            if snapshot is None:
                problems[row.url] = "its bytes are gone: it is fetched again and judged anew"
                continue
            failures, refused = len(job.report.failed), len(job.report.held)
            text_key = await job.take_released(snapshot)
            if text_key is None:
                said = job.report.failed[failures:] + job.report.held[refused:]
                problems[row.url] = said[-1].removeprefix(f"{row.url}: ") if said else "it holds no text"
                continue
            done.append(replace(row, text_key=text_key))
    with archive.state.writing() as tx:
        for row in done:
            judged.hold(tx, row)
    return done, problems


def held_drop(args: argparse.Namespace, out: Output) -> int:
    """Forget the pages as they are: these bytes are not shown again."""
    from mirror.archive import judged
    from mirror.held import Store

    publication = Publication.open(args.config)
    with publication.archive() as archive, archive.locked():
        rows = _chosen(publication, archive, args)
        with archive.state.writing() as tx:
            judged.decide(tx, rows, "dropped")
        Store(archive.folder).tidy(archive)
    _say_decided(out, "dropped", [row.url for row in rows], {})
    out.result({"dropped": [row.url for row in rows]})
    return 0


def _chosen(publication: Publication, archive: Archive, args: argparse.Namespace) -> tuple[HeldRow, ...]:
    """The pages that are meant: those named, or all of an outlet, of a reason, or both. Raises `UsageError`."""
    from mirror.archive import judged

    if not args.pages and args.outlet is None and args.reason is None:
        raise UsageError("say which pages", hint="URLs, or --outlet ID, --reason STATE, or both")
    _known_outlet(publication, args.outlet)
    with archive.state.reading() as tx:
        if not args.pages:
            rows = judged.waiting(tx, outlet=args.outlet, state=args.reason)
            if not rows:
                raise UsageError("no such page is held back", hint="`tamizdat held list` shows what is")
            return rows
        chosen: list[HeldRow] = []
        for page in args.pages:
            found = [
                row
                for row in judged.find(tx, _address(page))
                if row.decided is None and args.outlet in (None, row.outlet) and args.reason in (None, row.state)
            ]
            if not found:
                raise UsageError(f"{page}: no such page is held back", hint="`tamizdat held list` names them")
            chosen += found
    return tuple(chosen)


def _known_outlet(publication: Publication, outlet: str | None) -> None:
    """Raises `UsageError` for a name that neither the configuration nor anything held back knows."""
    if outlet is None or outlet in publication.config.outlets:
        return
    from mirror.archive import judged

    with publication.archive() as archive, archive.state.reading() as tx:
        if judged.groups(tx, outlet):
            return
    known = ", ".join(publication.config.outlets) or "none yet"
    raise UsageError(f"there is no outlet {outlet!r}", hint=f"known: {known}")


def _ask_again(archive: Archive, rows: Sequence[HeldRow]) -> None:
    """Pages whose bytes are gone are forgotten as read: the next run that hears of them fetches them like new ones."""
    for row in rows:
        page = archive.pages(row.outlet, [row.url]).get(row.url)
        if page is not None:
            archive.remember_page(replace(page, checked=None, body_digest=None, etag=None, last_modified=None))


def _say_decided(out: Output, word: str, done: Sequence[str], failed: dict[str, str]) -> None:
    out.say(f"{word}: {count(len(done), 'page')}")
    for url in done[:SHOWN]:
        out.say(one_line(f"  {url}"))
    if len(done) > SHOWN:
        out.say(f"  … and {len(done) - SHOWN} more")
    for reason, number in Counter(failed.values()).most_common():
        urls = [url for url, said in failed.items() if said == reason]
        more = f", and {number - 1} more" if number > 1 else ""
        out.note(f"not {word}: {urls[0]}{more}: {reason}")


def _as_json(row: HeldRow) -> dict[str, Any]:
    names = ("outlet", "url", "final_url", "state", "reason", "since", "fetched", "size", "letters", "title", "decided")
    return {name: getattr(row, name) for name in names}


def _address(text: str) -> str:
    from mirror.links import absolute

    return absolute(text, text) or text


def _title(row: HeldRow) -> str:
    return f', "{row.title}"' if row.title else ""


def _gone(store: Store, row: HeldRow) -> str:
    return "" if store.has(row.digest) else ", bytes gone"


def _ago(time: str) -> str:
    then = datetime.fromisoformat(time)
    return f"{span(max(int((datetime.now(UTC) - then).total_seconds()), 0))} ago"
