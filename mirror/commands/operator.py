"""What operators run: `init`, `outlet`, `run` and its steps, `status`, `doctor`, `serve`."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import difflib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mirror import config as configuration
from mirror import config_edit
from mirror.errors import PartlyDone, TamizdatError, UsageError
from mirror.output import Output, count, entries, one_line
from mirror.publication import Publication, create, timestamp

if TYPE_CHECKING:
    from mirror.collect import OutletReport
    from mirror.net import Client
    from mirror.outlets import Preset
    from mirror.publishing import TargetReport
    from mirror.run import RunReport
    from mirror.sources import Found


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


# --- outlets --------------------------------------------------------------------------------------------------------


def outlet_add(args: argparse.Namespace, out: Output) -> int:
    """Find the best sources, say why, show three articles, write the configuration."""
    publication = Publication.open(args.config)
    return asyncio.run(_outlet_add(publication, args, out))


async def _outlet_add(publication: Publication, args: argparse.Namespace, out: Output) -> int:
    from mirror.net import Client
    from mirror.sources import discover
    from mirror.sources._choosing import choose

    url, preset = _asked_for(args.url)
    config = publication.config
    outlet_id = args.id or (preset.id if preset else _free_id(url, config.outlets))
    if outlet_id in config.outlets:
        raise UsageError(f"there is an outlet {outlet_id!r} already", hint="choose another with --id")
    async with Client.from_config(config.fetch) as client:
        if preset is not None:
            out.say(f"known: {preset.name} (preset {preset.id}); its sources are tried first")
        found = await discover(client, url, allow_private=args.allow_private, known=preset)
        choice = choose(found, now=datetime.now(UTC))
        for line in choice.why:
            out.say(f"uses  {line}")
        for line in choice.left:
            out.say(f"      {line}")
        if not choice.used:
            raise TamizdatError(
                _about(url, found.problem or "nothing that lists articles"),
                hint=found.hint or "give the address of a feed, or of a page that links to one",
            )
        first = choice.used[0]
        called = args.name or (preset.name if preset else found.name or first.title or urlsplit(url).hostname or url)
        name = " ".join(called.split())[:100]
        language = preset.language if preset else found.language or first.language
        site = url if preset else found.site
        named = {
            "feeds": choice.of("feed"),
            "sitemaps": choice.of("sitemap"),
            "wordpress": choice.of("wordpress"),
            "telegram": [f"@{one.rpartition('/')[2]}" for one in choice.of("telegram")],
            "sections": choice.of("section"),
            "articles": list(preset.articles if preset and preset.articles else choice.articles),
            "exclude": list(preset.exclude if preset else ()),
        }
        same = [one.id for one in config.outlets.values() if _takes_the_same(one, site, named["feeds"])]
        if same and args.id is None:
            raise UsageError(
                f"outlet {same[0]!r} takes {site} already",
                hint="--id NAME adds it all the same, for instance one section beside the whole",
            )
        with unless_failed(config.path):
            config_edit.add_outlet(
                config.path,
                id=outlet_id,
                name=name,
                url=site,
                language=language,
                allow_private=args.allow_private,
                **named,
            )
            samples = await _samples(Publication.open(config.path), client, outlet_id, out)
    out.say()
    out.say(f"added outlet {outlet_id!r} to {config.path}")
    if not any(sample["state"] == "ok" for sample in samples):
        out.note(f"none of the samples came out as an article; look at `tamizdat outlet test {outlet_id}`")
    out.result(
        {
            "id": outlet_id,
            "name": name,
            "url": site,
            "preset": preset.id if preset else None,
            **named,
            "language": language,
            "why": list(choice.why),
            "left": list(choice.left),
            "samples": samples,
        }
    )
    return 0


def _takes_the_same(outlet: configuration.OutletConfig, site: str, feeds: Sequence[str]) -> bool:
    return outlet.url.rstrip("/") == site.rstrip("/") and (not feeds or not {*feeds}.isdisjoint(outlet.feeds))


def _about(url: str, problem: str) -> str:
    """The problem with its address before it, once."""
    return problem if problem.startswith(("http://", "https://")) else f"{url}: {problem}"


def _asked_for(given: str) -> tuple[str, Preset | None]:
    """The address that was meant, by itself or by the id of a preset, and the preset if it is the front page of one."""
    from mirror import outlets

    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]*", given) and given.lower() != "localhost":
        preset = outlets.presets().get(given.lower())
        if preset is None:
            near = difflib.get_close_matches(given.lower(), outlets.presets(), n=3)
            raise UsageError(
                f"{given}: no address, and no preset of that name",
                hint=f"did you mean {' or '.join(near)}?" if near else "tamizdat outlet presets lists them",
            )
        return preset.url, preset
    url = _address(given)
    return url, outlets.edition(url)


def _address(given: str) -> str:
    """The address that was meant: of a site, or `@name` of a Telegram channel."""
    from mirror.links import absolute

    if re.fullmatch(r"@[A-Za-z]\w{3,31}", given):
        return f"https://t.me/{given[1:]}"
    text = given if re.match(r"[a-z][a-z0-9+.-]*:", given, re.IGNORECASE) else f"https://{given}"
    url = absolute(text, text)
    if url is None:
        raise UsageError(f"{given}: not an http(s) address")
    return url


@contextlib.contextmanager
def unless_failed(path: Path) -> Iterator[None]:
    """The configuration is what it was, byte for byte, when what is tried with a change to it fails."""
    before = path.read_bytes().decode()
    try:
        yield
    except BaseException:
        config_edit.write(path, before)
        raise


def _free_id(url: str, taken: Any) -> str:
    from mirror.sources.telegram import channel_of

    host = (urlsplit(url).hostname or "outlet").removeprefix("www.")
    channel = channel_of(url)
    if channel:
        host = f"{channel}.t"
    labels = [label for label in re.split(r"[^a-z0-9]+", host.lower()) if label]
    base = "-".join(labels[:-1] if len(labels) > 1 and not labels[-1].isdigit() else labels)[:28].strip("-") or "outlet"
    name, count = base, 2
    while name in taken:
        name, count = f"{base}-{count}", count + 1
    return name


async def _samples(
    publication: Publication, client: Client, outlet_id: str, out: Output, *, found: Found | None = None
) -> list[dict[str, Any]]:
    from mirror.preview import sample

    outlet = publication.config.outlets[outlet_id]
    shown = []
    async for one in sample(client.of(outlet), outlet, many=3, found=found):
        shown.append(one.as_json())
        out.say()
        out.say(one.as_text(short=True))
    return shown


def outlet_presets(args: argparse.Namespace, out: Output) -> int:
    """The outlets of which something is known before they are added."""
    from mirror import outlets

    known = sorted(outlets.presets().values(), key=lambda one: one.id)
    for one in known:
        out.say(f"{one.id:22} {one.language:8} {one.name}  {one.url}")
    out.result(
        {
            "presets": [
                {
                    **{"id": one.id, "name": one.name, "url": one.url, "language": one.language},
                    **{"hosts": list(one.hosts), "feeds": list(one.feeds), "sitemaps": list(one.sitemaps)},
                    **{"wordpress": list(one.wordpress), "telegram": list(one.telegram)},
                    **{"articles": list(one.articles), "exclude": list(one.exclude)},
                }
                for one in known
            ]
        }
    )
    return 0


def outlet_list(args: argparse.Namespace, out: Output) -> int:
    """The outlets of the configuration."""
    publication = Publication.open(args.config)
    outlets = publication.config.outlets.values()
    for one in outlets:
        out.say(f"{one.id:20} {one.name}{' (paused)' if one.paused else ''}")
        told = (*one.feeds, *one.sitemaps, *one.wordpress, *one.telegram, *one.lists, *one.sections)
        out.say(f"{'':20} {one.url}; {', '.join(told)}")
    if not outlets:
        out.say("no outlets yet: tamizdat outlet add https://…")
    out.result({"outlets": [asdict(one) for one in outlets]})
    return 0


def outlet_test(args: argparse.Namespace, out: Output) -> int:
    """Say what each source gives, fetch and reduce the newest articles; nothing is stored."""
    publication = Publication.open(args.config)
    if args.id not in publication.config.outlets:
        raise UsageError(
            f"there is no outlet {args.id!r}", hint=f"known: {', '.join(publication.config.outlets) or 'none yet'}"
        )

    async def test() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        from mirror.net import Client
        from mirror.sources._asking import ask_all

        outlet = publication.config.outlets[args.id]
        async with Client.from_config(publication.config.fetch) as client:
            told, found = await ask_all(client.of(outlet), outlet, now=datetime.now(UTC))
            for one in told:
                out.say(one.as_text())
            return [one.as_json() for one in told], await _samples(publication, client, args.id, out, found=found)

    told, samples = asyncio.run(test())
    if not samples:
        raise PartlyDone(f"outlet {args.id}: its sources name no articles")
    out.result({"id": args.id, "sources": told, "samples": samples})
    good = all(sample["state"] == "ok" for sample in samples) and not any(one["problem"] for one in told)
    return 0 if good else PartlyDone.status


def outlet_remove(args: argparse.Namespace, out: Output) -> int:
    """Take an outlet out of the configuration; its published articles stay."""
    publication = Publication.open(args.config)
    config_edit.remove_outlet(publication.config.path, args.id)
    out.say(f"removed outlet {args.id!r}; what is published stays")
    out.result({"removed": args.id})
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
