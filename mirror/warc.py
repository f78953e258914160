"""What was fetched, as evidence: a WARC 1.1 file of the requests and the answers an article was made from.

Format: ISO 28500:2017 (https://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/), a gzip member
for each record, so that pywb, ReplayWeb.page and `warcio` open it. In it are, in this order,

    warcinfo    the program that fetched, the outlet, what was changed about the answers (below)
    for the article's page and each of its further pages:
    response    status line, headers, body
    request     as it went out
    metadata    addresses that redirected here, SHA-256 of the TLS certificate, the way out

Left out: cookies, authorization, and every header of ours that is not on a list (`SENT`); cookies of the outlet's, and
its headers that have an IP address in them, which may be ours. Of our user agent only the program's name stays: who
asks is told to the outlet, not to the world, and another user agent may be what lets us in.
Changed, because the bytes on the wire are not kept: bodies are decoded from their content coding, and what the headers
said of coding and length stands under `X-Archive-Orig-…`, as crawlers do it. Redirects on the way are named, not
recorded. So the file shows what a server said, and cannot prove it: who distrusts the publisher gains nothing by it.

The same answers give the same bytes: identifiers are made of what they name, times are those of the answers.
"""

from __future__ import annotations

import hashlib
import io
import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from mirror.net import Response

MEDIA_TYPE: Final = "application/warc+gzip"
# Stored bytes. Readers take objects of up to 16 MiB; a page's HTML compresses to a tenth of what may be fetched.
MOST: Final = 4 << 20
CONFORMS: Final = "http://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/"
SENT: Final = frozenset(
    {"accept", "accept-encoding", "accept-language", "host", "if-modified-since", "if-none-match", "user-agent"}
)
_NEVER = frozenset({"set-cookie", "set-cookie2", "cookie", "authorization", "proxy-authorization"})
_CODING = frozenset({"content-encoding", "transfer-encoding", "content-length"})
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}")
_OURS = re.compile(r"tamizdat/[0-9A-Za-z.+-]{1,40}")
_ADDRESS = re.compile(
    r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])|(?<![\w:])(?:[0-9A-Fa-f]{0,4}:){3,7}[0-9A-Fa-f]{1,4}(?![\w:])"
)
_SPACE = uuid.UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")  # RFC 9562, 6.6: names that are URLs
_MANY = 100  # header lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """One answer. `time` is RFC 3339 in UTC; `headers` as they came, names in any case; `body` without its content
    coding. `source` says where it is from when we did not fetch it ourselves."""

    url: str
    time: str
    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes
    sent: Mapping[str, str] | None = None
    hops: tuple[str, ...] = ()
    address: str | None = None
    certificate: str | None = None
    egress: str | None = None
    source: str | None = None

    @classmethod
    def of(cls, response: Response, time: str) -> Taken:
        """An answer of our own client."""
        return cls(
            url=response.url,
            time=time,
            status=response.status,
            headers=tuple(response.headers.items()),
            body=response.body,
            sent=response.sent,
            hops=response.hops,
            address=response.address,
            certificate=response.certificate,
            egress=response.egress,
        )


def evidence(answers: Sequence[Taken], *, generator: str, outlet: str, most: int = MOST) -> bytes | None:
    """The WARC file of these answers, the article's page first. Further pages that would make it larger than `most`
    bytes are left out; None when already the first one does."""
    from warcio.warcwriter import WARCWriter

    out = io.BytesIO()
    writer = WARCWriter(out, gzip=True, warc_version="1.1")
    _info(writer, answers, generator=generator, outlet=outlet)
    kept = 0
    for place, answer in enumerate(answers):
        _write(writer, answer, place)
        if out.tell() > most:
            out.truncate(kept)
            return out.getvalue() if place else None
        kept = out.tell()
    return out.getvalue()


def _info(writer: Any, answers: Sequence[Taken], *, generator: str, outlet: str) -> None:
    fields = {
        "software": generator,
        "format": "WARC File Format 1.1",
        "conformsTo": CONFORMS,
        "isPartOf": outlet,
        "description": "What an article was made from. Bodies are decoded from their content coding; cookies and "
        "authorization are left out; redirects are named in the metadata.",
    }
    _Records(writer=writer, url="", time=answers[0].time).put("warcinfo", _fields(fields.items()))


def _write(writer: Any, answer: Taken, place: int) -> None:
    records = _Records(writer=writer, url=answer.url, time=answer.time, place=place)
    if answer.address:
        records.headers["WARC-IP-Address"] = answer.address
    first = f"HTTP/1.1 {answer.status} {_phrase(answer.status)}"
    records.put("response", _head(first, _received(answer)) + answer.body)
    if answer.sent is not None:
        records.put("request", _head(f"GET {_target(answer.url)} HTTP/1.1", _asked(answer)))
    told = [("via", hop) for hop in answer.hops]
    more = {"tlsCertificateSha256": answer.certificate, "egress": answer.egress, "source": answer.source}
    told += [(name, value) for name, value in more.items() if value]
    if told:
        records.put("metadata", _fields(told))


@dataclass(slots=True, kw_only=True)
class _Records:
    """The records of one answer; all after the first refer to that."""

    writer: Any
    url: str
    time: str
    place: int = 0
    headers: dict[str, str] = field(default_factory=dict)

    def put(self, kind: str, block: bytes) -> None:
        digest = hashlib.sha256(block).hexdigest()
        name = f"<urn:uuid:{uuid.uuid5(_SPACE, f'{kind} {self.place} {self.url} {self.time} {digest}')}>"
        record = self.writer.create_warc_record(
            self.url,
            kind,
            payload=io.BytesIO(block),
            length=len(block),
            warc_headers_dict={"WARC-Record-ID": name, "WARC-Date": self.time, **self.headers},
        )
        self.writer.write_record(record)
        self.headers.setdefault("WARC-Concurrent-To", name)


# --- headers ----------------------------------------------------------------------------------------------------------


def _received(answer: Taken) -> Iterable[tuple[str, str]]:
    for name, value in answer.headers[:_MANY]:
        if name.lower() in _NEVER or not _NAME.fullmatch(name) or _ADDRESS.search(value):
            continue
        yield (f"X-Archive-Orig-{name}" if name.lower() in _CODING else name), value
    yield "Content-Length", str(len(answer.body))


def _asked(answer: Taken) -> Iterable[tuple[str, str]]:
    from urllib.parse import urlsplit

    sent = {name: value for name, value in (answer.sent or {}).items() if name.lower() in SENT}
    for name, value in sent.items():
        if name.lower() == "user-agent":
            ours = _OURS.match(value)
            sent[name] = ours[0] if ours else "(left out)"
    if not any(name.lower() == "host" for name in sent):
        yield "Host", urlsplit(answer.url).netloc
    yield from sent.items()


def _target(url: str) -> str:
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    return _one_line((parts.path or "/") + (f"?{parts.query}" if parts.query else "")).replace(" ", "%20")


def _head(first: str, headers: Iterable[tuple[str, str]]) -> bytes:
    lines = [first, *(f"{name}: {_one_line(value)}" for name, value in headers)]
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "replace")


def _fields(fields: Iterable[tuple[str, str]]) -> bytes:
    return "".join(f"{name}: {_one_line(value)}\r\n" for name, value in fields).encode("utf-8", "replace")


def _one_line(value: str) -> str:
    return " ".join(value.split())


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
