"""A verdict in words, for somebody who has never heard of logs and checkpoints and may be frightened: what is known,
what that means, and what to do. No word of alarm where nothing is wrong; not knowing is said as that."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from mirror.findings import Verdict
from mirror.known import Newest
from mirror.output import Output, one_line

# Why something can't be called authentic, when nothing worse is known than one of these states.
_NOT_KNOWN = {
    "unpinned": "unknown, no trust root is pinned: this tool has not been told whose signature to look for",
    "unreachable": "unknown, the mirror can't be reached or is too slow: nothing it said was wrong",
    "withdrawn": "unknown, it is not here any more and so can't be checked",
    "missing": "unknown, what is missing can't be checked: nothing that is here was found to be changed",
    "unreadable": "unknown, something else came than was asked for",
    "outdated": "unknown, the proof that came with it no longer counts: that is no sign of a forgery",
    "unwitnessed": "not confirmed: the publication signed it, but too few of its witnesses have seen it yet",
}
_WRONG = {
    "forked": "NO: somebody who holds the publication's keys signed two histories that contradict each other",
    "untrusted": "NO: this can't be shown to come from the publication whose fingerprint you pinned",
    "contradictory": "NO: the publication signed two different things where there can be only one",
}
_CHANGED = "NO: something here is not what the publication signed"


def show(verdict: Verdict, out: Output) -> None:
    """Print the verdict: three lines that answer, what they are about, then the reasons and what to do."""
    say = out.say
    if verdict.article and verdict.authentic:
        say(one_line(verdict.article["title"]))
        say(one_line(f"  {verdict.article['outlet']['name']} · {verdict.article['url']}"))
        say(f"  fetched {verdict.article['fetched']} · revision {verdict.article['revision']}")
        for line in told_of(verdict.article):
            say(one_line(f"  {line}"))
    say(f"authentic: {one_line(authentic_words(verdict))}")
    say(f"fresh:     {fresh_words(verdict)}")
    if not verdict.is_mirror:
        say(f"current:   {current_words(verdict)}")
    if verdict.signer and verdict.authentic:
        signer = f"by {verdict.signer.split('+')[0]} for {verdict.publication}, pinned {verdict.fingerprint}"
        say(f"signed     {one_line(signer)}")
    if verdict.log:
        size = f"{verdict.log.origin}, {verdict.log.size} entries{_earlier_words(verdict)}"
        say(f"log        {one_line(size)}: the public list of all that was published")
    if verdict.witnesses and verdict.authentic:
        names = ", ".join(verdict.witnesses)
        say(f"witnessed  {one_line(f'by {names}: they saw the same list that you see')}")
    if verdict.is_mirror:
        say(f"read       {verdict.files} files, {verdict.bytes:,} bytes")
    _show_reasons(verdict, out)


def told_of(article: Mapping[str, Any]) -> list[str]:
    """What a reader must know of where an article's text stands today, and where it came from."""
    lines = []
    if "captured" in article:
        lines.append(f"captured by others on {article['captured']} and taken over from their archive")
    if "removed" in article:
        gone = article["removed"]
        lines.append(f"REMOVED at the outlet, noticed {gone['noticed']}: {gone['answer']}; this is its last known text")
    return lines


def _show_reasons(verdict: Verdict, out: Output) -> None:
    say = out.say
    for check in verdict.checks:
        if not check.ok:
            say(one_line(f"  check {check.n} {check.name}: {check.detail}"))
    shown = verdict.problems[:20]
    for problem in shown:
        say(one_line(f"  {problem.state}: {problem.path + ': ' if problem.path else ''}{problem.detail}"))
    if len(verdict.problems) > len(shown):
        say(f"  … and {len(verdict.problems) - len(shown)} more (--json has all)")
    for look in verdict.elsewhere:
        edition = f", edition {look['edition']['serial']}" if look["edition"] else ""
        detail = f": {look['detail']}" if look["detail"] else ""
        say(one_line(f"  compared with {look['mirror']}: {look['state']}{edition}{detail}"))
    for note in verdict.notes if {problem.state for problem in verdict.problems} != {"unpinned"} else ():
        say(one_line(f"  note: {note}"))
    if verdict.advice:
        say(f"  what to do: {verdict.advice}")
    if verdict.evidence:
        say(f"  evidence of two histories: {verdict.evidence}")


def show_evidence(verdict: Verdict, out: Output) -> None:
    """Print what a file proves that accuses somebody."""
    (problem,) = verdict.problems
    if verdict.evidence:
        out.say("evidence:  PROVEN")
        out.say(one_line(f"  {problem.detail}"))
        out.say("  whoever pinned this publication can check this file; show it to others and to the publisher")
    elif problem.state == "unproven":
        out.say("evidence:  none: this file accuses somebody and does not prove it")
        out.say(one_line(f"  {problem.detail}"))
    else:
        out.say("evidence:  unknown, no trust root is pinned")
        out.say(one_line(f"  {problem.detail}"))
    for note in verdict.notes:
        out.say(one_line(f"  note: {note}"))


def authentic_words(verdict: Verdict) -> str:
    """Whether this is what the publication signed. No without cause frightens."""
    states = {problem.state for problem in verdict.problems}
    name = verdict.publication or "the publication"
    if verdict.authentic:
        return f"yes: every file is as {name} signed it" if verdict.is_mirror else f"yes: {name} signed exactly this"
    worst = next((words for state, words in _WRONG.items() if state in states), None)
    if worst or not states or not states <= _NOT_KNOWN.keys():
        return worst or _CHANGED
    return next(words for state, words in reversed(_NOT_KNOWN.items()) if state in states)


def fresh_words(verdict: Verdict) -> str:
    """How old the newest is that is known, and whether something newer should be there."""
    if verdict.here is None or verdict.age_seconds is None:
        known = verdict.newest
        if known:
            return f"{verdict.fresh}; the newest edition known is number {known.serial} of {known.time}"
        return "unknown: nothing that could be checked says how old it is"
    age = span(verdict.age_seconds)
    entries = verdict.behind.get("entries")
    if verdict.newest is None or verdict.newest.serial <= verdict.here.serial:
        words = f"{verdict.fresh}, newest edition known is {age} old (number {verdict.here.serial})"
        if entries:
            return f"{words}; its log is {entries} entries behind what was seen before"
        if verdict.fresh == "stale":
            return one_line(f"{words}; {_why_stale(verdict, verdict.here)}")
        return words
    behind = span(verdict.behind.get("seconds", 0))
    return (
        f"{verdict.fresh}, the newest edition here is {age} old (number {verdict.here.serial}); "
        f"newest known anywhere is number {verdict.newest.serial} of {verdict.newest.time}, {behind} newer"
    )


def _why_stale(verdict: Verdict, here: Newest) -> str:
    """Why the newest edition that is known does not count as fresh."""
    if (verdict.age_seconds or 0) > (_when(here.next) - _when(here.time)).total_seconds():
        return f"the next one was due on {here.next}"
    # The first part of what check 12 says are number and dates.
    reasons = [part for check in verdict.checks if check.n == 12 for part in check.detail.split("; ")[1:]]
    return "; ".join(reasons) or "it can't be told from here whether there is a newer one"


def _when(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def current_words(verdict: Verdict) -> str:
    """Whether there is a later version of an article, or the publisher took it back."""
    if verdict.current == "withdrawn":
        said = verdict.withdrawal or {}
        reason = f": {said['reason']}" if "reason" in said else ""
        return one_line(f"withdrawn on {said.get('time', 'an unknown day')}{reason}")
    if verdict.current == "superseded":
        return "superseded: there is a later version of this article"
    if verdict.current == "unknown":
        return "unknown: it may have been revised or withdrawn since, that can't be seen here"
    return "current: as of that edition there is no later version, and it was not withdrawn"


def _earlier_words(verdict: Verdict) -> str:
    newest = verdict.log.origin if verdict.log is not None else ""
    closed = [one for one in verdict.logs if one["closed"] and one["origin"] != newest]
    return f"; before it {', '.join(one['origin'] for one in closed)}" if closed else ""


def span(seconds: int) -> str:
    """A length of time in words: 45 s, 12 min, 5 h, 3 days."""
    for size, unit in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
