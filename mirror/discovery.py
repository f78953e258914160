"""How readers hear of mirrors, besides from each other: a signed list, DNS, codes to print and to show.

The newest mirrors are in every edition, and there they are signed and logged. All else says less and promises nothing:

    mirrors.json     a target of the trust files, signed by root keys whenever those sign anything: for readers who
                     have an old list and find none of its mirrors alive
    DNS              TXT records to paste; addresses alone. No pin is in them, since whoever lies about names would lie
                     about the pin to somebody who asks for the first time
    QR codes         of an address, for a screen or paper; of the pin, for paper
    feed.xml         each mirror's copy of the feed as `rel="duplicate"` (RFC 6249)
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import schemas
from mirror.errors import UsageError
from mirror.publication import as_json, timestamp
from signing.errors import FormatError
from signing.packing import parse_json

if TYPE_CHECKING:
    from mirror.config import MirrorInfo

NAME: Final = "mirrors.json"
LABEL: Final = "_tamizdat"
TXT: Final = "v=tamizdat1"
STRING: Final = 255  # bytes of one string of a TXT record (RFC 1035 3.3)
RECORDS: Final = 12  # more do not fit the answers that small resolvers pass on (RFC 9715: 1,232 bytes)
_DOMAIN: Final = re.compile(
    r"(?=.{1,240}\Z)(_?[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """What a `mirrors.json` says."""

    name: str
    origin: str
    time: str
    mirrors: tuple[str, ...]
    """Their addresses."""


def entries(mirrors: Iterable[MirrorInfo], now: datetime) -> list[dict[str, Any]]:
    """The mirrors as an edition and `mirrors.json` list them; one that nobody wrote a beginning for begins now."""
    found = []
    for one in mirrors:
        facts = {name: getattr(one, name) for name in ("url", "kind", "since", "network", "country", "note")}
        facts["since"] = one.since or timestamp(now)
        found.append({name: value for name, value in facts.items() if value is not None})
    return found


def mirrors_json(mirrors: Iterable[MirrorInfo], *, name: str, origin: str, now: datetime) -> bytes:
    """The file. Raises `SchemaError` for a mirror that could not be in an edition either."""
    document = {
        "v": 1,
        "kind": "mirrors",
        "publication": {"name": name, "origin": origin},
        "time": timestamp(now),
        "mirrors": entries(mirrors, now),
    }
    schemas.check_twice("mirrors", document)
    return as_json(document).encode()


def read_mirrors_json(data: bytes) -> Listed:
    """What such a file says. FormatError or `SchemaError` when it is none."""
    document = parse_json(data)
    schemas.check("mirrors", document)
    if not isinstance(document, dict):
        raise FormatError("a list of mirrors is an object")
    return Listed(
        name=document["publication"]["name"],
        origin=document["publication"]["origin"],
        time=document["time"],
        mirrors=tuple(one["url"] for one in document["mirrors"]),
    )


def txt_records(mirrors: Sequence[MirrorInfo], domain: str) -> list[str]:
    """Lines for a zone file: one record a mirror, below `_tamizdat.DOMAIN`, the operator's first ones when there are
    more than `RECORDS`. Raises `UsageError` for what is no domain name, or without mirrors."""
    domain = domain.rstrip(".").lower()
    if not _DOMAIN.fullmatch(domain):
        raise UsageError(f"{domain!r} is no domain name", hint="for instance news.example.org")
    if not mirrors:
        raise UsageError("there is no mirror to tell of", hint="tamizdat target add NAME URL --public https://…")
    name = domain if domain.startswith(f"{LABEL}.") else f"{LABEL}.{domain}"
    return [f"{name}. 3600 IN TXT {_strings(f'{TXT} m={one.url}')}" for one in mirrors[:RECORDS]]


def _strings(text: str) -> str:
    """Character strings of a zone file (RFC 1035 5.1)."""
    data = text.encode("ascii")  # addresses are; the schema says so
    parts = [data[at : at + STRING].decode() for at in range(0, len(data), STRING)]
    return " ".join('"' + re.sub(r'(["\\])', r"\\\1", part) + '"' for part in parts)


def qr(text: str, kind: str) -> bytes:
    """A QR code: `svg`, `png` (8 pixels a module), or `text` for a terminal. Error correction M or better, a border of
    four modules, as ISO/IEC 18004 asks. UsageError when it is too long for any."""
    import segno

    try:
        code = segno.make_qr(text, error="m")
    except segno.DataOverflowError as error:
        raise UsageError(f"too long for a QR code: {error}") from error
    if kind == "text":
        out = io.StringIO()
        code.terminal(out, border=2, compact=True)
        return out.getvalue().encode()
    stream = io.BytesIO()
    # No date in it, so that the same address gives the same file.
    options: dict[str, Any] = {"svgclass": None, "lineclass": None, "xmldecl": True} if kind == "svg" else {}
    code.save(stream, kind=kind, scale=8, border=4, dark="black", light="white", **options)
    return stream.getvalue()


def page_of(public: str) -> str:
    """What a phone's camera shall open: the mirror's front page for people."""
    return public if urlsplit(public).path.endswith("/") else f"{public}/"
