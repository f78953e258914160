"""`tamizdat outlet`: add, list, test and remove the news sites to take articles from."""

from __future__ import annotations

import argparse
import asyncio
import difflib
import re
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mirror import config as configuration
from mirror import config_edit
from mirror.errors import PartlyDone, TamizdatError, UsageError
from mirror.output import Output
from mirror.publication import Publication

if TYPE_CHECKING:
    from mirror.net import Client
    from mirror.outlets import Preset
    from mirror.sources import Found


def add(args: argparse.Namespace, out: Output) -> int:
    """Find the best sources, say why, show three articles, write the configuration."""
    publication = Publication.open(args.config)
    return asyncio.run(_add(publication, args, out))


async def _add(publication: Publication, args: argparse.Namespace, out: Output) -> int:
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
        with config_edit.unless_failed(config.path):
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


def presets(args: argparse.Namespace, out: Output) -> int:
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


def list_all(args: argparse.Namespace, out: Output) -> int:
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


def test(args: argparse.Namespace, out: Output) -> int:
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


def remove(args: argparse.Namespace, out: Output) -> int:
    """Take an outlet out of the configuration; its published articles stay."""
    publication = Publication.open(args.config)
    config_edit.remove_outlet(publication.config.path, args.id)
    out.say(f"removed outlet {args.id!r}; what is published stays")
    out.result({"removed": args.id})
    return 0
