"""`tamizdat import`: articles out of web archives that others made."""

from __future__ import annotations

import argparse
import asyncio

from mirror.commands.operator import say_outlets
from mirror.errors import PartlyDone
from mirror.output import Output, count, one_line
from mirror.publication import Publication


def take_over(args: argparse.Namespace, out: Output) -> int:
    """Read the files, take what is an article of an outlet of ours; it waits for the next seal."""
    from mirror.imports import take_over as run
    from mirror.run import newest

    publication = Publication.open(args.config)
    with publication.archive() as archive, newest(publication, archive, out):
        reports, counts = asyncio.run(
            run(
                publication,
                archive,
                args.files,
                outlet=args.outlet,
                every=args.all_captures,
                offline=args.offline,
                dry_run=args.dry_run,
                out=out,
            )
        )
    out.say(
        f"read {count(counts.records, 'record')}: {count(counts.pages, 'page')} of our outlets, "
        f"{count(counts.pictures, 'picture')}, {counts.skipped} skipped"
    )
    for note in counts.notes:
        out.say(one_line(f"  {note}"))
    say_outlets(reports, out)
    if not reports:
        out.say("no page of an outlet of ours is in there")
    elif not args.dry_run:
        out.say("they are published by the next `tamizdat run`")
    read = {name: getattr(counts, name) for name in ("records", "pages", "pictures", "skipped", "notes")}
    out.result({"read": read, "outlets": [one.as_json() for one in reports]})
    return 0 if reports and all(one.ok for one in reports) else PartlyDone.status
