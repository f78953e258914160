"""`backfill`: an outlet's articles from before it was added."""

from __future__ import annotations

import argparse
import asyncio
import re
from datetime import date

from mirror.errors import PartlyDone, UsageError
from mirror.output import Output
from mirror.publication import Publication

_DATE = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?\Z", re.ASCII)


def backfill(args: argparse.Namespace, out: Output) -> int:
    """Begin with an outlet's past or go on with it; or say how far that is; or stop it."""
    from mirror import backfill as past
    from mirror.run import choose_outlets

    publication = Publication.open(args.config)
    since, until = _day(args.since, "--since"), _day(args.until, "--until")
    if since and until and since[: len(until)] > until[: len(since)]:
        raise UsageError(f"--since {since} is after --until {until}")
    outlet = choose_outlets(publication, [args.outlet])[0]
    with publication.archive() as archive:
        if args.stop:
            with archive.state.writing() as tx:
                there = tx.backfill(outlet.id) is not None
                tx.drop_backfill(outlet.id)
            out.say(f"outlet {outlet.id}: {'stopped; what it took stays' if there else 'there is no back-fill'}")
            out.result({"outlet": outlet.id, "stopped": there})
            return 0
        if args.status:
            found = past.progress(archive, outlet.id)
            out.say(found.line() if found else f"outlet {outlet.id}: there is no back-fill")
            out.result(found.as_json() if found else {"outlet": outlet.id, "started": None})
            return 0
        if args.dry_run:
            pages = asyncio.run(
                past.count(publication, archive, outlet, out, since=since, until=until, most=args.limit)
            )
            out.say(f"outlet {outlet.id}: {pages} pages would be asked for")
            out.result({"outlet": outlet.id, "pages": pages})
            return 0
        past.begin(archive, outlet, since=since, until=until, most=args.limit)
        if args.later:
            many = f"{outlet.backfill} articles a run" if outlet.backfill else "set backfill = N for it"
            out.say(f"outlet {outlet.id}: runs go on with it from now on ({many})")
            out.result({"outlet": outlet.id, "per_run": outlet.backfill})
            return 0
        done = asyncio.run(past.backfill(publication, archive, outlet, out))
    out.say(done.line())
    out.result(done.as_json())
    return 0 if done.ended else PartlyDone.status


def _day(text: str | None, option: str) -> str | None:
    """A date, a month or a year, as dates in UTC begin."""
    if text is None:
        return None
    if not _DATE.match(text):
        raise UsageError(f"{option} {text}: must be a date such as 2027-03-01, 2027-03 or 2027")
    try:
        date.fromisoformat(f"{text}-01-01"[:10] if len(text) < 10 else text)
    except ValueError:
        raise UsageError(f"{option} {text}: there is no such date") from None
    return text
