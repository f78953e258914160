"""`mirrors`: where readers find the publication, how independent those places are, and how to tell people of them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mirror.errors import TamizdatError, UsageError
from mirror.output import Output, one_line
from mirror.publication import Publication

if TYPE_CHECKING:
    from mirror.config import MirrorInfo
    from mirror.diversity import Spot

DOWNLOAD = 64 << 20  # bytes of a list of networks; iptoasn.com's has 9 MB
_SECONDS = 300


def show(args: argparse.Namespace, out: Output) -> int:
    """The mirrors that readers are told of, and what they have in common; from what was found last."""
    return _show(Publication.open(args.config), out, again=None)


def check(args: argparse.Namespace, out: Output) -> int:
    """Look again: DNS for every mirror's name, and on request the registrars of the names."""
    publication = Publication.open(args.config)
    return _show(publication, out, again=timedelta(0), registrars=args.registrar)


def _show(publication: Publication, out: Output, *, again: timedelta | None, registrars: bool = False) -> int:
    from mirror import diversity

    state, targets = publication.folder / "state", _with_public(publication)
    spots = diversity.current(state, targets, now=datetime.now(UTC), again=again)
    if registrars:
        spots = _ask_registrars(spots, out)
        diversity.save(state, spots)
    judged = diversity.judge(spots.values())
    for target in targets:
        spot = spots.get(target.name)
        facts = [] if spot is None else [spot.network, spot.country, spot.cdn and f"behind {spot.cdn}", spot.provider]
        facts += [] if spot is None else [spot.registrar and f"registrar {spot.registrar}", spot.problem]
        told = ", ".join(one_line(fact) for fact in facts if fact) or "not looked at yet: tamizdat mirrors check"
        out.say(f"{target.name:20} {target.public}")
        out.say(f"{'':20} {told}")
    if not targets:
        out.say("no target has an address for readers: tamizdat target add NAME URL --public https://…")
    elif judged.mirrors:
        out.say("")
        out.say(judged.line())
        for line in judged.advice:
            out.say(f"  {line}")
        if judged.advice:
            out.say(
                "  `tamizdat target providers` lists hosts; docs/mirrors/README.md says which are unlike each other"
            )
    out.result(
        {
            "mirrors": [{**asdict(spot), "name": name} for name, spot in spots.items()],
            "count": judged.mirrors,
            "independent": judged.independent,
            "weakest": judged.weakest,
            "counts": dict(judged.counts),
            "advice": list(judged.advice),
        }
    )
    return 0


def _ask_registrars(spots: dict[str, Spot], out: Output) -> dict[str, Spot]:
    from mirror.rdap import registrar_of

    known: dict[str, str | None] = {}
    found = {}
    for name, spot in spots.items():
        domain = spot.domain
        if domain and not domain.endswith(".onion") and domain not in known:
            try:
                known[domain] = registrar_of(domain)
            except TamizdatError as error:
                out.note(str(error))
                known[domain] = None
        found[name] = replace(spot, registrar=spot.registrar or known.get(domain or ""))
    return found


def json_file(args: argparse.Namespace, out: Output) -> int:
    """`mirrors.json` as it would be signed."""
    from mirror.discovery import mirrors_json

    publication = Publication.open(args.config)
    config = publication.config
    who = config.publication
    data = mirrors_json(config.mirrors, name=who.name, origin=who.origin, now=datetime.now(UTC))
    _give(data, args.output, out, {"mirrors": [one.url for one in config.mirrors]})
    return 0


def txt(args: argparse.Namespace, out: Output) -> int:
    """DNS records to paste."""
    from mirror.discovery import RECORDS, txt_records

    publication = Publication.open(args.config)
    mirrors = publication.config.mirrors
    records = txt_records(mirrors, args.domain or publication.config.publication.origin.partition("/")[0])
    for line in records:
        out.say(line)
    if len(mirrors) > RECORDS:
        out.note(f"only the first {RECORDS} of {len(mirrors)} mirrors: larger answers get lost on the way")
    out.result({"records": records})
    return 0


def qr(args: argparse.Namespace, out: Output) -> int:
    """A QR code of a mirror's page, or of what readers pin."""
    from mirror.discovery import page_of
    from mirror.discovery import qr as code

    publication = Publication.open(args.config)
    text = publication.fingerprint() if args.pin else page_of(_one(publication, args.name).url)
    kind = "text" if args.output is None else args.output.suffix.lower().removeprefix(".")
    if kind not in ("text", "svg", "png"):
        raise UsageError(f"{args.output}: a QR code is made as .svg or .png", hint="-o code.svg")
    _give(code(text, kind), args.output, out, {"text": text})
    out.note(text)
    return 0


def refresh(args: argparse.Namespace, out: Output) -> int:
    """A newer table of networks, from a list anybody may use."""
    from mirror import networks

    publication = Publication.open(args.config)
    source = args.source or networks.SOURCE
    data = _read(source)
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    made = networks.refresh(publication.folder / "state", data, what=source, date=today)
    out.say(f"networks as of {made.date}, from {source}; `tamizdat mirrors check` looks at your mirrors again")
    out.result({"date": made.date, "source": made.source})
    return 0


def _read(source: str) -> bytes:
    if not source.startswith(("http://", "https://")):
        try:
            data = Path(source).read_bytes()
        except OSError as error:
            raise UsageError(f"{source}: {error.strerror or error}") from error
        return data
    import requests

    from mirror.read import reason

    parts: list[bytes] = []
    size = 0
    try:
        with requests.get(source, stream=True, timeout=(10, 30)) as answer:
            if answer.status_code != 200:
                raise TamizdatError(f"{source}: status {answer.status_code}", hint="--from FILE takes a list you have")
            for chunk in _chunks(answer, datetime.now(UTC) + timedelta(seconds=_SECONDS)):
                parts.append(chunk)
                size += len(chunk)
                if size > DOWNLOAD:
                    raise TamizdatError(f"{source}: more than {DOWNLOAD} bytes; that is no list of networks")
    except (requests.RequestException, OSError) as error:
        raise TamizdatError(f"{source}: {reason(error)}", hint="--from FILE takes a list you have") from error
    return b"".join(parts)


def _chunks(answer: Any, end: datetime) -> Iterator[bytes]:
    for chunk in answer.iter_content(1 << 16):
        if datetime.now(UTC) > end:
            raise TimeoutError(f"not finished after {_SECONDS} s")
        yield chunk


def _with_public(publication: Publication) -> list[Any]:
    return [one for one in publication.config.targets.values() if one.public and not one.paused]


def _one(publication: Publication, name: str | None) -> MirrorInfo:
    """The mirror of this name, else the first."""
    mirrors = publication.config.mirrors
    if not mirrors:
        raise UsageError("no target has an address for readers", hint="tamizdat target add NAME URL --public https://…")
    if name is None:
        return mirrors[0]
    target = publication.config.targets.get(name)
    if target is None or not target.public:
        known = ", ".join(one.name for one in _with_public(publication))
        raise UsageError(f"no mirror is called {name!r}", hint=f"known: {known}")
    return next(one for one in mirrors if one.url == target.public)


def _give(data: bytes, output: Path | None, out: Output, facts: dict[str, Any]) -> None:
    """To a file, or to the screen (there as the one result, when that is asked for in JSON)."""
    if output is not None:
        try:
            output.write_bytes(data)
        except OSError as error:
            raise UsageError(f"{output}: {error.strerror or error}") from error
        out.say(f"wrote {output}")
        out.result({**facts, "file": str(output)})
        return
    if not out.as_json:
        sys.stdout.write(data.decode())
    out.result({**facts, "content": data.decode()})
