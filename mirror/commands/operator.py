"""What operators run: `init`, `run` and its steps, `add`, `preview`, `status`, `doctor`, `serve`."""

from __future__ import annotations

import argparse
import asyncio
import os
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mirror import config as configuration
from mirror.errors import PartlyDone, TamizdatError, UsageError
from mirror.output import Output, count, entries, one_line
from mirror.publication import Publication, create, timestamp

if TYPE_CHECKING:
    from mirror.collect import OutletReport
    from mirror.publishing import TargetReport
    from mirror.run import RunReport


def init(args: argparse.Namespace, out: Output) -> int:
    """Make a publication and say what to pin and what to back up."""
    made = create(args.folder, name=args.name, origin=args.origin, now=datetime.now(UTC), passphrase=args.passphrase)
    config = made.publication.config
    out.say(f"{args.folder}: publication {config.publication.name!r}, origin {config.publication.origin}")
    out.say()
    out.say("Readers pin this fingerprint; tell it on channels that are yours, more than one:")
    out.say(f"  {made.fingerprint}")
    out.say()
    out.say("Back up, now, on something that is not this computer:")
    out.say(f"  {config.keys.folder}      the keys; whoever has them can publish under your name")
    out.say(f"  {config.path}")
    out.say()
    out.say("Then move off this computer, to a stick that stays in a drawer; daily runs need neither. First let a run")
    out.say("name your mirrors in reader.html, which root.key signs (`tamizdat reader` says what is in it):")
    out.say(f"  {config.keys.folder / 'root.key'}            whoever has it can take the publication over for good")
    out.say(f"  {config.keys.folder / 'log-successor.key'}   the log's next key, promised to readers already")
    if args.passphrase is None:
        out.say("The keys are not under a passphrase: tamizdat key encrypt")
    out.say("One root key is a single point of failure; with three of which two must sign, none is:")
    out.say("  deploy/runbooks/two-of-three.md, in the folder of the sources")
    out.say()
    out.say("Next:")
    out.say(f"  cd {args.folder}")
    out.say("  tamizdat outlet add https://…")
    out.result(
        {
            "folder": str(args.folder),
            "name": config.publication.name,
            "origin": config.publication.origin,
            "fingerprint": made.fingerprint,
            "back_up": [str(config.keys.folder), str(config.path)],
            "move_offline": [str(config.keys.folder / name) for name in ("root.key", "log-successor.key")],
            "encrypted": args.passphrase is not None,
        }
    )
    return 0


# --- run and its steps ----------------------------------------------------------------------------------------------


def run(args: argparse.Namespace, out: Output) -> int:
    """Everything, once."""
    from mirror.changes import due
    from mirror.run import run as run_all

    publication = Publication.open(args.config)
    report = asyncio.run(
        run_all(
            publication,
            out,
            outlets=args.outlet,
            publish=not args.no_publish,
            dry_run=args.dry_run,
            wait=args.wait_lock,
        )
    )
    say_outlets(report.outlets, out)
    _say_sealed(report, out)
    _say_targets(report.targets, out)
    with publication.archive() as archive:
        for line in due(publication, archive, datetime.now(UTC)):
            out.note(line)
    out.result(report.as_json())
    return report.status


def fetch(args: argparse.Namespace, out: Output) -> int:
    """Only the first step."""
    from mirror.collect import fetch_all
    from mirror.run import RunReport, choose_outlets, newest

    publication = Publication.open(args.config)
    outlets = choose_outlets(publication, args.outlet)
    with publication.archive() as archive, newest(publication, archive, out):
        report = RunReport(outlets=asyncio.run(fetch_all(publication, archive, outlets, out, insist=bool(args.outlet))))
    say_outlets(report.outlets, out)
    out.result(report.as_json())
    return report.status


def seal(args: argparse.Namespace, out: Output) -> int:
    """Only the log."""
    from mirror.run import RunReport, newest
    from mirror.run import seal as seal_all

    publication = Publication.open(args.config)
    report = RunReport()
    with publication.archive() as archive, newest(publication, archive, out, report=report):
        report.sealed = seal_all(publication, archive, out, force=args.force)
        report.uncosigned = archive.uncosigned() is not None
    _say_sealed(report, out)
    out.result(report.as_json())
    return report.status


def publish(args: argparse.Namespace, out: Output) -> int:
    """Only the targets."""
    from mirror.run import RunReport, newest, publish_all

    publication = Publication.open(args.config)
    report = RunReport()
    with publication.archive() as archive, newest(publication, archive, out, report=report):
        report.targets = publish_all(publication, archive, out, args.targets)
    _say_targets(report.targets, out)
    out.result(report.as_json())
    return report.status


def say_outlets(reports: list[OutletReport], out: Output) -> None:
    for one in reports:
        counts = f"{one.new} new, {one.revised} revised, {one.unchanged} unchanged"
        if one.removed:
            counts += f", {one.removed} removed there"
        if len(one.gone) > one.removed:
            counts += f", {len(one.gone) - one.removed} gone"
        if one.held:
            counts += f", {len(one.held)} held back"
        if one.failed:
            counts += f", {len(one.failed)} failed"
        out.say(f"outlet {one.id}: {counts}")
        for line in (*one.gone[:5], *one.held[:5], *one.failed[:5]):
            out.say(one_line(f"  {line}"))


def _say_sealed(report: RunReport, out: Output) -> None:
    if not report.sealed:
        out.say("nothing new to seal")
        return
    last = report.sealed[-1]
    articles = sum(one.articles for one in report.sealed)
    out.say(f"sealed {count(articles, 'article')}: edition {last.serial}, log of {entries(last.size)}")


def _say_targets(reports: list[TargetReport], out: Output) -> None:
    for one in reports:
        if one.problem or one.published is None:
            out.say(f"target {one.name}: FAILED: {one.problem}")
            continue
        pushed = f"{count(one.published.puts, 'file')}, {one.published.bytes:,} bytes"
        nothing = f"not due before {one.not_due:%H:%M} UTC (min_interval)" if one.not_due else "nothing to push"
        audited = f"; read back: {one.audited.state}" if one.audited else ""
        older = "; older articles follow with the next runs" if one.filling else ""
        out.say(f"target {one.name}: {pushed if one.published.changed else nothing}{audited}{older}")
        if one.audited and not one.audited.ok:
            out.say(f"  {one.audited.detail}")


# --- pages given by hand --------------------------------------------------------------------------------------------


def add(args: argparse.Namespace, out: Output) -> int:
    """Snapshot given pages; they wait for the next seal."""
    from mirror.preview import add_pages
    from mirror.run import newest

    publication = Publication.open(args.config)
    with publication.archive() as archive, newest(publication, archive, out):
        reports = asyncio.run(add_pages(publication, archive, args.pages, url=args.url, outlet=args.outlet, out=out))
    say_outlets(reports, out)
    if any(one.new + one.revised for one in reports):
        out.say("they are published by the next `tamizdat run`")
    told = sum(one.new + one.revised + one.unchanged + len(one.held) + len(one.gone + one.failed) for one in reports)
    dropped = len(args.pages) - told
    if dropped > 0:
        was = "page is as it was when it was" if dropped == 1 else "pages are as they were when they were"
        out.note(f"{dropped} {was} dropped (`tamizdat held drop`); nothing was taken")
    out.result({"outlets": [one.as_json() for one in reports]})
    good = dropped <= 0 and all(one.ok and not one.held and not one.gone for one in reports)
    return 0 if good else PartlyDone.status


def _check_selectors(*given: list[str]) -> None:
    from mirror.outlets import SelectorError, compiled

    for selector in (one for some in given for one in some):
        try:
            compiled(selector)
        except SelectorError as error:
            raise UsageError(str(error), hint="CSS, as in a style sheet") from None


def preview(args: argparse.Namespace, out: Output) -> int:
    """Show what would be published, in the terminal or in a browser."""
    from mirror import sidebyside
    from mirror.preview import Shown, pages_given, preview_pages

    outlets: list[configuration.OutletConfig] = []
    try:
        path = configuration.find(args.config)
    except UsageError:  # no publication here: a look needs none
        fetching = configuration.FetchConfig()
    else:
        config = configuration.load(path)
        fetching, outlets = config.fetch, list(config.outlets.values())
    given = pages_given(args.pages, url=args.url, listed=args.urls)
    _check_selectors(args.keep, args.drop)
    explain = args.html is not None or args.open

    async def look() -> list[Shown]:
        kept: list[Shown] = []
        async for one in preview_pages(
            fetching,
            given,
            allow_private=args.allow_private,
            outlets=outlets,
            keep=tuple(args.keep),
            drop=tuple(args.drop),
            explain=explain,
        ):
            states.append(one.state)
            if explain:
                kept.append(one)
            if out.as_json:
                out.result(one.as_json())
            else:
                out.say(one.as_text(short=explain))
        return kept

    states: list[str] = []
    kept = asyncio.run(look())
    if args.html is not None:
        args.html.write_bytes(sidebyside.page(kept))
        out.note(f"written to {args.html}: open it in a browser")
    if args.open:
        with sidebyside.Once(sidebyside.page(kept)) as once:
            out.note(f"{once.url} shows it, once; Ctrl-C ends this")
            sidebyside.browse(once.url)
            once.wait()
    return 0 if all(state == "ok" for state in states) else PartlyDone.status


# --- looking --------------------------------------------------------------------------------------------------------


def status(args: argparse.Namespace, out: Output) -> int:
    """How the publication is doing; status 3 when something needs attention."""
    from mirror.status import gather

    report = gather(Publication.open(args.config), now=datetime.now(UTC), everything=args.all)
    for line in report.lines():
        out.say(line)
    if args.html is not None:
        temporary = args.html.with_name(f".{args.html.name}.{os.getpid()}")
        try:
            temporary.write_bytes(report.html())
            temporary.chmod(0o644)  # for a web server to show
            temporary.replace(args.html)
        except OSError as error:
            raise UsageError(f"--html {args.html}: {error.strerror or error}") from error
    out.result(report.as_json())
    return report.status


def doctor(args: argparse.Namespace, out: Output) -> int:
    """Check everything that can be wrong on this computer, and say what to do."""
    from mirror.doctor import examine

    bad = 0
    checks = []
    for check in examine(args.config, offline=args.offline):
        checks.append(asdict(check))
        bad += check.state == "bad"
        out.say(f"  {check.state:4} {check.name}: {check.detail}")
        if check.fix and check.state != "ok":
            out.say(f"       → {check.fix}")
    out.result({"ok": bad == 0, "checks": checks})
    return TamizdatError.status if bad else 0


def serve(args: argparse.Namespace, out: Output) -> int:
    """Serve the archive until Ctrl-C."""
    from mirror.serve import Served

    publication = Publication.open(args.config)
    try:
        served = Served(publication.tree, port=args.port)
    except OSError as error:
        raise TamizdatError(f"port {args.port}: {error.strerror}", hint="choose another with --port") from error
    with served:
        out.say(f"{served.url}/  (Ctrl-C stops it)")
        out.result({"url": served.url, "fingerprint": publication.fingerprint(), "time": timestamp()})
        try:
            served.wait()
        except KeyboardInterrupt:
            return 0
    return 0
