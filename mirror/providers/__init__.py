"""What is known of hosts before the first request: how their addresses look, what they limit, what mends what.

    objects.py    S3 and compatible stores, Google Cloud Storage, Azure
    pages.py      hosts of static pages fed by git
    servers.py    web servers one runs oneself, told by their `Server` header, and caches in front of them

Each has one table, `PROVIDERS`. Facts come from the host's own pages, named in `sources`; a fact nobody looked up is
left out rather than guessed. `mends` answers the checks of a probe: what to type or to click *there*. In its texts
`{bucket}`, `{endpoint}`, `{region}`, `{account}` and `{public}` stand for what the target's settings say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import Final, Literal
from urllib.parse import urlsplit

from mirror.errors import UsageError

CheckName = Literal[
    "anonymous read",
    "redirect",
    "compression",
    "rewriting",
    "CORS",
    "CORS for ranges",
    "caching",
    "content types",
    "ranges",
    "missing file in public",
    "TLS for readers",
    "bot check",
]
"""The checks of a probe that a host's own settings mend."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a host allows at most; None: no limit known. `pointer_seconds`: how long at least between two writes of one
    name, or how long its caches keep a pointer whatever the headers say."""

    files: int | None = None
    bytes: int | None = None
    object_bytes: int | None = None
    traffic_bytes_per_month: int | None = None
    pushes_per_hour: int | None = None
    pointer_seconds: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """One host, or one kind of web server. Patterns are regular expressions over the whole of a host's name."""

    id: str  # of `--set provider=…` and `target providers`
    name: str
    kinds: tuple[str, ...]  # kinds of targets it is pushed to with
    hosts: tuple[str, ...] = ()  # of the address pushed to
    public_hosts: tuple[str, ...] = ()  # of the address readers use
    server: str | None = None  # of the `Server` header, from its beginning
    endpoint: str | None = None  # a template: https://{account}.r2.cloudflarestorage.com
    needs: tuple[str, ...] = ()  # the names in the template that the operator must give
    region: str | None = None  # when there is one for all
    limits: Limits = field(default_factory=Limits)
    min_interval: str | None = None  # of the target, so that `limits.pushes_per_hour` is kept; `target add` writes it
    price: str = ""  # one line, with its date
    asn: tuple[int, ...] = ()
    cdn: str | None = None
    mends: Mapping[CheckName, str] = field(default_factory=lambda: MappingProxyType({}))
    console: tuple[str, ...] = ()  # what to do there, from nothing to a key
    policy: str | None = None  # least privilege, to paste; a template
    page: str | None = None  # docs/mirrors/<page>.md
    advice: str = ""  # one line said when such a target is added
    sources: tuple[str, ...] = ()

    def mend(self, check: CheckName, names: Mapping[str, str]) -> str | None:
        """What to do there about this check; names it doesn't know stay in capitals, to be filled in."""
        text = self.mends.get(check)
        return None if text is None else fill(text, names)


def fill(template: str, names: Mapping[str, str]) -> str:
    """`{name}` replaced by what `names` has, or by NAME; other braces (JSON, nginx) stay as they are."""
    return re.sub(r"\{([a-z_]+)\}", lambda match: names.get(match[1]) or match[1].upper(), template)


@cache
def known() -> Mapping[str, Provider]:
    """All of them by id, in the order of the tables."""
    from mirror.providers import objects, pages, servers

    found: dict[str, Provider] = {}
    for one in (*objects.PROVIDERS, *pages.PROVIDERS, *servers.PROVIDERS):
        if one.id in found:
            raise AssertionError(f"two providers are called {one.id}")
        found[one.id] = one
    return MappingProxyType(found)


def named(name: str) -> Provider:
    """The provider with this id; raises UsageError for one nobody knows."""
    try:
        return known()[name]
    except KeyError:
        raise UsageError(f"no provider is called {name!r}", hint="tamizdat target providers lists them") from None


def by_host(address: str) -> Provider | None:
    """Whose address this is: one pushed to, or one that readers use."""
    try:
        host = urlsplit(address if "//" in address else f"//{address}").hostname or ""
    except ValueError:
        return None
    return _first(one for one in known().values() if _matches(host, (*one.hosts, *one.public_hosts)))


def by_server(header: str) -> Provider | None:
    """Which software says this of itself in its `Server` header."""
    return _first(one for one in known().values() if one.server and re.match(one.server, header, re.IGNORECASE))


def _matches(host: str, patterns: Iterable[str]) -> bool:
    return any(re.fullmatch(pattern, host, re.IGNORECASE) for pattern in patterns)


def _first(found: Iterable[Provider]) -> Provider | None:
    return next(iter(found), None)


EVERYTHING: Final[Mapping[CheckName, str]] = MappingProxyType(
    {
        "anonymous read": "let everybody read: a bucket policy with s3:GetObject for *, public access, or chmod o+rX",
        "redirect": "use the address where files are answered without a redirect",
        "compression": "turn compression off for this host: what is hashed must be what is served",
        "rewriting": "turn off whatever rewrites files on the way",
        "CORS": "send `Access-Control-Allow-Origin: *` with every answer to GET and HEAD",
        "CORS for ranges": "answer OPTIONS with `Access-Control-Allow-Headers: Range`",
        "caching": "send `Cache-Control: no-cache` for front, checkpoint and trust/timestamp.json",
        "content types": "serve .html as text/html; charset=utf-8, files without an ending as application/octet-stream",
        "ranges": "turn on byte ranges, so that pictures resume on a bad line",
        "missing file in public": "answer 404 for a file that isn't there, without a page of your own",
        "TLS for readers": "get a certificate that browsers know, for this very name (certbot does)",
        "bot check": "turn the check for bots off for this host: readers' pages cannot pass it",
    }
)
"""What is true of any host, for those of which nothing better is known."""
