"""What operators run to take an article back: `withdraw`."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mirror.errors import UsageError
from mirror.output import Output, entries, one_line
from mirror.publication import Publication

if TYPE_CHECKING:
    from mirror.withdraw import Withdrawn


def withdraw(args: argparse.Namespace, out: Output) -> int:
    """Show what goes, ask, and do it."""
    from mirror import withdraw as module
    from mirror.archive.withdrawal import check_reason
    from mirror.run import newest

    reason = check_reason(args.reason)
    publication = Publication.open(args.config)
    with publication.archive() as archive:
        if not args.yes:
            # Asked before the lock is taken: nobody knows how long somebody thinks.
            found = archive.find(args.article)
            _say(module.shown(found), reason, out)
            if not _agrees(out):
                raise UsageError("nothing was withdrawn", hint="--yes does it without asking")
        with newest(publication, archive, out):
            found = archive.find(args.article)
            if args.yes:
                _say(module.shown(found), reason, out)
            done = module.withdraw(
                publication, archive, found, reason, out, now=datetime.now(UTC), publish=not args.no_publish
            )
    _say_done(done, out, published=not args.no_publish)
    out.result({"status": done.status, **done.as_json()})
    return done.status


def _say(shown: dict[str, Any], reason: str | None, out: Output) -> None:
    out.say(f"withdraws: {one_line(str(shown['title']))}")
    out.say(f"           {one_line(str(shown['url']))} of outlet {shown['outlet']!r}")
    revisions, objects = shown["revisions"], shown["objects"]
    parts = ", ".join(f"{count} {kind}{'s' if count > 1 else ''}" for kind, count in objects.items())
    out.say(f"goes:      {len(revisions)} revision{'s' if len(revisions) > 1 else ''}: {parts}; its page;")
    out.say("           the editions and lists that name it; its rows in the state file")
    out.say("stays:     log entries and proofs (digests, no text); the fact of the withdrawal, in log and editions")
    out.say(f"readers are told: {reason or 'no reason'}")
    out.say("Its address is never fetched again. There is no way back.")


def _agrees(out: Output) -> bool:
    if out.as_json or not sys.stdin.isatty():
        raise UsageError("withdrawing asks first, and there is nobody to ask", hint="--yes does it without asking")
    out.say()
    sys.stderr.write("Withdraw it? Type yes: ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() == "yes"


def _say_done(done: Withdrawn, out: Output, *, published: bool) -> None:
    from mirror.withdraw import BEYOND_REACH

    out.say()
    for one in done.sealed:
        out.say(f"sealed: edition {one.serial}, log of {entries(one.size)}")
    if not done.carried_out:
        out.note("it is queued; the next seal carries it out (one waits for witnesses, or the log is closing)")
    elif done.uncosigned:
        out.note("mirrors keep it until the witnesses have cosigned; `tamizdat run` asks them again")
    for target in done.targets:
        state = "gone" if target.ok else f"not yet: {target.as_json()['problem']}"
        out.say(f"target {target.name}: {state}")
    if not published:
        out.say("Mirrors still have it: `tamizdat publish` deletes it there.")
    if not done.scrubbed:
        out.note("the state file could not be written anew, its text may still be in there; the next run tries again")
    out.say(BEYOND_REACH)
