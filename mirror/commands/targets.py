"""`target`: add, probe, list, pause and remove the places that are pushed to."""

from __future__ import annotations

import argparse
import contextlib
import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mirror import config as configuration
from mirror.commands.operator import unless_failed
from mirror.errors import TamizdatError, UsageError
from mirror.output import Output
from mirror.publication import Publication


def target_add(args: argparse.Namespace, out: Output) -> int:
    """Probe a place, then write it into the configuration."""
    publication = Publication.open(args.config)
    config = publication.config
    if args.name in config.targets:
        raise UsageError(
            f"there is a target {args.name!r} already", hint="choose another NAME, or remove that one first"
        )
    settings = {}
    for pair in args.set:
        key, equals, value = pair.partition("=")
        if not equals:
            raise UsageError(f"--set {key}: must be K=V")
        settings[key] = value
    url = args.url
    made: Path | None = None
    if not re.match(r"[a-z][a-z0-9+.-]*:", url, re.IGNORECASE):
        # A folder means the same wherever cron starts us.
        folder = Path(os.path.expanduser(url)).absolute()
        url = str(folder)
        if folder.parent.is_dir() and not folder.exists():
            # Only now, never at a push: later a missing folder is a disk that isn't mounted.
            folder.mkdir()
            made = folder
    checks: list[dict[str, Any]] = []
    try:
        with unless_failed(config.path):
            configuration.add_target(
                config.path,
                name=args.name,
                url=url,
                public=args.public,
                light=args.light,
                packs=args.packs,
                since=datetime.now(UTC),
                settings=settings,
            )
            if not args.no_probe:
                _probe(Publication.open(config.path), args.name, out, checks)
            for check in checks:
                if check["must"] and not check["ok"]:
                    raise TamizdatError(
                        f"target {args.name}: {check['name']}: {check['detail']}", hint=check["fix"] or None
                    )
    except BaseException as error:
        if made is not None:
            with contextlib.suppress(OSError):  # not empty: then it isn't ours to remove
                made.rmdir()
        if checks and isinstance(error, TamizdatError):
            error.facts |= {"name": args.name, "added": False, "checks": checks}
        raise
    out.say(f"added target {args.name!r} to {config.path}; `tamizdat run` or `tamizdat publish {args.name}` fills it")
    out.result({"name": args.name, "added": True, "checks": checks})
    return 0


def _probe(publication: Publication, name: str, out: Output, shown: list[dict[str, Any]]) -> None:
    """Try everything a target must do; each check goes to `shown` as it is made."""
    config = publication.config.targets[name]
    target = publication.open_target(config)
    try:
        for check in target.probe(config.public):
            # One that isn't required is advice: it doesn't keep the target out.
            shown.append(
                {"name": check.name, "ok": check.ok, "detail": check.detail, "fix": check.fix, "must": check.required}
            )
            out.say(f"  {'ok  ' if check.ok else 'FAIL' if check.required else 'warn'} {check.name}: {check.detail}")
            if not check.ok and check.fix:
                out.say(f"       → {check.fix}")
    finally:
        target.close()


def target_list(args: argparse.Namespace, out: Output) -> int:
    """The targets of the configuration."""
    publication = Publication.open(args.config)
    targets = publication.config.targets.values()
    for one in targets:
        marks = ", ".join(word for word, on in (("light", one.light), ("packs", one.packs), ("paused", one.paused)) if on)
        out.say(f"{one.name:20} {one.url}{' (' + marks + ')' if marks else ''}")
        if one.public:
            out.say(f"{'':20} readers: {one.public}")
    if not targets:
        out.say("no targets yet: tamizdat target add NAME URL")
    out.result(
        {
            "targets": [
                {"name": one.name, "url": one.url, "public": one.public, "light": one.light, "paused": one.paused}
                for one in targets
            ]
        }
    )
    return 0


def target_probe(args: argparse.Namespace, out: Output) -> int:
    """Try a target again."""
    publication = Publication.open(args.config)
    _known_target(publication, args.name)
    checks: list[dict[str, Any]] = []
    _probe(publication, args.name, out, checks)
    out.result({"name": args.name, "checks": checks})
    return 0 if all(check["ok"] or not check["must"] for check in checks) else TamizdatError.status


def target_remove(args: argparse.Namespace, out: Output) -> int:
    """Take a target out of the configuration, and forget how far it was."""
    publication = Publication.open(args.config)
    _known_target(publication, args.name)
    with publication.archive() as archive, archive.locked():  # first, so that a busy archive leaves all as it was
        configuration.remove_target(publication.config.path, args.name)
        with archive.state.writing() as tx:
            tx.forget_target(args.name)
    out.say(f"removed target {args.name!r}; what is there stays")
    out.result({"removed": args.name})
    return 0


def target_pause(args: argparse.Namespace, out: Output) -> int:
    """Skip a target, or take it up again; when resumed, it gets everything it missed."""
    publication = Publication.open(args.config)
    _known_target(publication, args.name)
    configuration.set_paused(publication.config.path, "target", args.name, not args.resume)
    out.say(f"target {args.name!r} is {'pushed to again' if args.resume else 'paused'}")
    out.result({"name": args.name, "paused": not args.resume})
    return 0


def _known_target(publication: Publication, name: str) -> None:
    if name not in publication.config.targets:
        raise UsageError(
            f"there is no target {name!r}", hint=f"known: {', '.join(publication.config.targets) or 'none yet'}"
        )
