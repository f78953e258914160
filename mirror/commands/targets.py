"""`target`: add, probe, list, pause and remove the places that are pushed to; what to paste at a host."""

from __future__ import annotations

import argparse
import contextlib
import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mirror import config as configuration
from mirror import config_edit, limits, pasted
from mirror.commands.asking import PASSWORDS, SECRETS, Asker, Wanted, can_ask, kept_if_done
from mirror.errors import TamizdatError, UsageError
from mirror.output import Output, count
from mirror.publication import Publication

if TYPE_CHECKING:
    from mirror.providers import Provider


def target_add(args: argparse.Namespace, out: Output) -> int:
    """Probe a place, then write it into the configuration. What was not said is asked for, if anybody can answer."""
    publication = Publication.open(args.config)
    name, url = _name_and_place(args)
    if name is not None and name in publication.config.targets:
        raise UsageError(f"there is a target {name!r} already", hint="choose another NAME, or remove that one first")
    wanted = Wanted(name=name or "", url=url or "", light=args.light, packs=args.packs, settings=_given(args.set))
    if url is not None and name is not None:
        _understood(wanted, args.public, out)
        return _written(publication, wanted, args, out)
    if not can_ask(out):
        raise UsageError(
            "target add: NAME and URL are needed where nobody can be asked",
            hint="tamizdat target add NAME URL --public https://… --set K=V; on a terminal it asks for them",
        )
    asker = Asker(publication, out)
    with kept_if_done(wanted):
        asker.target(name, url, args.public, wanted)
        while True:
            out.say()
            try:
                status = _written(publication, wanted, args, out)
                break
            except TamizdatError as error:
                if error.status not in (TamizdatError.status, UsageError.status) or not asker.again(error, wanted):
                    raise
    out.say(f"the same in one line: {wanted.line()}")
    return status


def _interval(wanted: Wanted) -> str | None:
    """How long its host wants between two pushes."""
    place = configuration.TargetConfig(name=wanted.name, url=wanted.url, public=wanted.public, settings=wanted.settings)
    provider = limits.provider_of(place)
    return provider.min_interval if provider is not None else None


def _name_and_place(args: argparse.Namespace) -> tuple[str | None, str | None]:
    """One word alone is the place when it looks like one."""
    if args.name is not None and args.url is None and not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,31}", args.name):
        return None, args.name
    return args.name, args.url


def _given(pairs: list[str]) -> dict[str, str]:
    settings = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise UsageError(f"--set {key}: must be K=V")
        settings[key] = value
    return settings


def _understood(wanted: Wanted, public: str | None, out: Output) -> None:
    """Puts the target's own address in place of what was pasted."""
    from mirror.targets import added, built_in, kind_of, scheme_of

    wanted.public = public
    given = wanted.url
    if (
        "@" not in given
        and scheme_of(given) != "file"
        and (scheme_of(given) in added() or kind_of(given) in built_in())
    ):
        return
    place = pasted.recognise(given)
    if place.password is not None:
        setting = PASSWORDS.get(place.url.partition(":")[0].partition("+")[0], "password")
        raise UsageError(
            "a password in an address ends up in lists and logs",
            hint=f"leave it out there, change it, and say --set {setting}=env:NAME, file:/path or cred:NAME",
        )
    wanted.url, wanted.settings = place.url, {**place.settings, **wanted.settings}
    if place.url != given:
        out.note(f"{place.told}: {place.url}")
    if place.public and not public:
        out.note(f"readers would find it at {place.public}: add --public {place.public}")


def _written(publication: Publication, wanted: Wanted, args: argparse.Namespace, out: Output) -> int:
    """Writes it, tries it, and takes it out again when it doesn't work."""
    config = publication.config
    url = wanted.url
    made: Path | None = None
    if not re.match(r"[a-z][a-z0-9+.-]*:", url, re.IGNORECASE):
        # A folder means the same wherever cron starts us.
        folder = Path(os.path.expanduser(url)).absolute()
        url = str(folder)
        _apart(folder, publication)
        if folder.parent.is_dir() and not folder.exists():
            # Only now, never at a push: later a missing folder is a disk that isn't mounted.
            folder.mkdir()
            made = folder
        _on_a_disk(folder, wanted, out)
    checks: list[dict[str, Any]] = []
    warnings: list[str] = []
    try:
        with config_edit.unless_failed(config.path):
            config_edit.add_target(
                config.path,
                name=wanted.name,
                url=url,
                public=wanted.public,
                light=wanted.light,
                packs=wanted.packs,
                min_interval=_interval(wanted),
                since=datetime.now(UTC),
                settings=wanted.settings,
            )
            written = Publication.open(config.path)
            _about_host(written.config.targets[wanted.name], out)
            _tried(written, wanted.name, out, checks, probe=not args.no_probe)
            warnings = limits.of_target(written, written.config.targets[wanted.name])
    except BaseException as error:
        if made is not None:
            with contextlib.suppress(OSError):  # not empty: then it isn't ours to remove
                made.rmdir()
        if checks and isinstance(error, TamizdatError):
            error.facts |= {"name": wanted.name, "added": False, "checks": checks}
        raise
    if not args.no_probe:
        warnings = [*warnings, *_strangers(written, wanted.name), *_compared(written, wanted.name, out)]
    for line in warnings:
        out.note(line)
    if not wanted.public and wanted.url.startswith("git"):
        out.note("without --public no reader is told of it")
    bad = [check for check in checks if not check["ok"]]
    if bad:
        names = ", ".join(check["name"] for check in bad)
        out.note(f"{count(len(bad), 'thing')} to mend ({names}); then: tamizdat target probe {wanted.name}")
    name = wanted.name
    out.say(f"added target {name!r} to {config.path}; `tamizdat run` or `tamizdat publish {name}` fills it")
    out.result({"name": name, "added": True, "url": url, "checks": checks, "warnings": warnings})
    return 0


def _compared(publication: Publication, name: str, out: Output) -> list[str]:
    """Where the new mirror is, and what it shares with those there are: who takes one takes the other."""
    from mirror import diversity

    targets = [one for one in publication.config.targets.values() if not one.paused]
    try:
        spots = diversity.current(publication.folder / "state", targets, now=datetime.now(UTC))
    except OSError:
        return []
    spot = spots.get(name)
    if spot is None or spot.network is None:
        return []
    out.say(f"for readers it is in {spot.network}{f', {spot.country}' if spot.country else ''}")
    others = [other for other in spots.values() if other.name != name]
    return [f"not independent: {line}" for line in diversity.shares(spot, others)]


def _about_host(target: configuration.TargetConfig, out: Output) -> None:
    """What is known of its host: limits, price, and what to know before."""
    provider = limits.provider_of(target)
    if provider is None:
        return
    facts = "; ".join(filter(None, (limits.in_words(provider.limits), provider.price)))
    out.say(f"{provider.name}{': ' + facts if facts else ''}")
    if provider.advice:
        out.say(f"  {provider.advice}")
    if provider.min_interval:
        out.say(f"  so it is pushed to every {provider.min_interval} at most (min_interval); withdrawals go at once")
    if provider.page:
        out.say(f"  step by step: docs/mirrors/{provider.page}.md")


def _tried(publication: Publication, name: str, out: Output, checks: list[dict[str, Any]], *, probe: bool) -> None:
    """Raises TamizdatError for a target that doesn't work. Without `probe` nothing is contacted, and only settings that
    cannot work, or are none, are found."""
    if not probe:
        publication.open_target(publication.config.targets[name]).close()
        return
    missing = _probe(publication, name, out, checks)
    if missing and can_ask(out) and _made_there(publication, name, out):
        checks.clear()
        _probe(publication, name, out, checks)
    for check in checks:
        if check["must"] and not check["ok"]:
            raise TamizdatError(f"target {name}: {check['name']}: {check['detail']}", hint=check["fix"] or None)


def _apart(folder: Path, publication: Publication) -> None:
    """Raises UsageError for a folder that must not be a web root: the publication with its keys, or a part of it."""
    place, ours = os.path.realpath(folder), os.path.realpath(publication.folder)
    if f"{ours}/".startswith(f"{place.rstrip('/')}/"):
        raise UsageError(
            f"{folder}: the publication itself is in there, with its keys",
            hint="a mirror's folder is one that everybody may read: take an empty one of its own",
        )
    inside = os.path.relpath(place, ours).split(os.sep)[0]
    if inside in ("archive", "state", "keys", "evidence", SECRETS):
        raise UsageError(f"{folder}: that is a part of the publication itself", hint="take an empty folder of its own")


def _strangers(publication: Publication, name: str) -> list[str]:
    """A line when something else is served from that place, whose first page a push would replace."""
    from mirror.audit import FIRST
    from mirror.targets import TargetError

    target = publication.open_target(publication.config.targets[name])
    try:
        with contextlib.closing(target):
            if target.get("index.html", 1 << 20) is None or target.get(FIRST, 1 << 20) is not None:
                return []
    except TargetError as error:
        if error.kind != "too_large":
            return []
    return ["there is an index.html already, which the first push replaces: is that place used for something else?"]


_REMOVABLE = re.compile(r"/(?:media|run/media|mnt|Volumes)/")


def _on_a_disk(folder: Path, wanted: Wanted, out: Output) -> None:
    """What lies on a stick or a mounted disk is never to be taken for the empty folder that is there without it."""
    from mirror.targets.file import file_system

    real = os.path.realpath(folder)
    point, _ = file_system(real)
    if not _REMOVABLE.match(f"{real}/"):
        return
    if point == "/":
        out.note(f"nothing is mounted on {folder} or above it: is the disk plugged in?")
    elif _REMOVABLE.match(f"{point}/"):
        wanted.settings.setdefault("mount", point)


def _made_there(publication: Publication, name: str, out: Output) -> bool:
    """Makes the target's folder where its protocol can, if somebody at the terminal wants that: only when a target is
    added, since later a missing folder is a mistake or a host that lost it. Raises TargetError."""
    target = publication.open_target(publication.config.targets[name])
    with contextlib.closing(target):
        at_host: Any = target
        while hasattr(at_host, "inner"):  # retries and packs are around it
            at_host = at_host.inner
        make = getattr(at_host, "make_root", None)
        if make is None or not Asker(publication, out).yes("The folder isn't there. Make it?"):
            return False
        make()
    return True


def _probe(publication: Publication, name: str, out: Output, shown: list[dict[str, Any]]) -> bool:
    """Try everything a target must do; each check goes to `shown` as it is made. Whether it ended at a folder or bucket
    that isn't there."""
    config = publication.config.targets[name]
    target = publication.open_target(config)
    missing = False
    try:
        for check in target.probe(config.public):
            # One that isn't required is advice: it doesn't keep the target out.
            shown.append(
                {"name": check.name, "ok": check.ok, "detail": check.detail, "fix": check.fix, "must": check.required}
            )
            missing = missing or check.kind == "no_container"
            out.say(f"  {'ok  ' if check.ok else 'FAIL' if check.required else 'warn'} {check.name}: {check.detail}")
            if not check.ok and check.fix:
                out.say(f"       → {check.fix}")
    finally:
        target.close()
    return missing


def target_list(args: argparse.Namespace, out: Output) -> int:
    """The targets of the configuration."""
    publication = Publication.open(args.config)
    targets = publication.config.targets.values()
    for one in targets:
        marks = ", ".join(
            word for word, on in (("light", one.light), ("packs", one.packs), ("paused", one.paused)) if on
        )
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
        config_edit.remove_target(publication.config.path, args.name)
        with archive.state.writing() as tx:
            tx.forget_target(args.name)
    out.say(f"removed target {args.name!r}; what is there stays")
    out.result({"removed": args.name})
    return 0


def target_pause(args: argparse.Namespace, out: Output) -> int:
    """Skip a target, or take it up again; when resumed, it gets everything it missed."""
    publication = Publication.open(args.config)
    _known_target(publication, args.name)
    config_edit.set_paused(publication.config.path, "target", args.name, not args.resume)
    out.say(f"target {args.name!r} is {'pushed to again' if args.resume else 'paused'}")
    out.result({"name": args.name, "paused": not args.resume})
    return 0


def _known_target(publication: Publication, name: str) -> None:
    if name not in publication.config.targets:
        raise UsageError(
            f"there is no target {name!r}", hint=f"known: {', '.join(publication.config.targets) or 'none yet'}"
        )


def target_policy(args: argparse.Namespace, out: Output) -> int:
    """Print the least a host must allow, ready to paste: what the publishing key may, and what readers may."""
    target = _target_given(args)
    text = policy_of(target)
    out.say(text)
    out.result({"url": target.url, "policy": text})
    return 0


def _target_given(args: argparse.Namespace) -> configuration.TargetConfig:
    """The target of this name; or one that isn't in any configuration yet, by its address."""
    if re.fullmatch(r"[a-z0-9][a-z0-9-]{0,31}", args.target):
        publication = Publication.open(args.config)
        _known_target(publication, args.target)
        return publication.config.targets[args.target]
    place = pasted.recognise(args.target)
    return configuration.TargetConfig(
        name="new", url=place.url, public=args.public or place.public, settings={**place.settings, **_given(args.set)}
    )


def policy_of(target: configuration.TargetConfig) -> str:
    """Raises UsageError for a kind that has nothing of the sort."""
    from importlib import import_module

    from mirror.targets import built_in, kind_of

    kind = kind_of(target.url)
    if kind in built_in():
        made = getattr(import_module(f"mirror.targets.{kind}"), "policy", None)
        if made is not None:
            return str(made(target.name, target.url, target.settings, target.public))
    raise UsageError(
        f"a {kind} target has no policy to paste",
        hint="s3, gcs and azblob have one; for a web server of your own: tamizdat target setup NAME --for nginx",
    )


def target_setup(args: argparse.Namespace, out: Output) -> int:
    """Print a configuration for the web server (or Tor) that serves a target's folder."""
    from mirror import setups

    root, public = args.root, args.public
    if args.name is not None:
        publication = Publication.open(args.config)
        _known_target(publication, args.name)
        target = publication.config.targets[args.name]
        public = public or target.public
        if root is None:
            root = setups.root_of(target.url)
            if root is None:
                raise UsageError(
                    f"target {args.name}: its address doesn't tell the folder's path on the server",
                    hint="--root FOLDER",
                )
            if not target.url.startswith(("/", "file:")):
                out.note(f"the folder is {root} if the account isn't put into one there (chroot, rrsync); else --root")
    text = setups.make(args.kind, root=root, public=public)
    out.say(text.rstrip("\n"))
    out.result({"for": args.kind, "root": root, "public": public, "text": text})
    return 0


def target_providers(args: argparse.Namespace, out: Output) -> int:
    """What is known of hosts."""
    from mirror import providers

    shown = [one for one in providers.known().values() if one.kinds and (args.id is None or one.id == args.id)]
    if not shown:
        raise UsageError(f"no provider is called {args.id!r}", hint="tamizdat target providers lists them")
    for one in shown:
        facts = "; ".join(filter(None, (limits.in_words(one.limits), one.price)))
        out.say(f"{one.id:16} {one.name} ({', '.join(one.kinds)}){': ' + facts if facts else ''}")
        if args.id is not None:
            _say_provider(one, out)
    out.result({"providers": [limits.as_json(one) for one in shown]})
    return 0


def _say_provider(one: Provider, out: Output) -> None:
    if one.endpoint:
        out.say(f"  endpoint   {one.endpoint}{'  needs: ' + ', '.join(one.needs) if one.needs else ''}")
    if one.advice:
        out.say(f"  advice     {one.advice}")
    for line in one.console:
        out.say(f"  there      {line}")
    for check, text in one.mends.items():
        out.say(f"  {check}: {text}")
    if one.page:
        out.say(f"  handbook   docs/mirrors/{one.page}.md")
    for address in one.sources:
        out.say(f"  source     {address}")
