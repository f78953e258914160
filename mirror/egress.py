"""How requests to one outlet leave this machine, and what only that outlet is told.

The way out (`egress`), by outlet or for all of them under `[fetch]`:

    direct                       from this machine's own address
    tor                          Tor's SOCKS port on this machine, 127.0.0.1:9050; tor://HOST:PORT for another
    socks5h://[NAME:PASSWORD@]HOST:PORT
    http://[NAME:PASSWORD@]HOST:PORT
    env:NAME, file:PATH, cred:NAME    one of these, kept as a secret, since it may hold a password

There is no falling back: an outlet that is asked through Tor is never asked directly, whatever fails. Names are
resolved at the proxy (a lookup here would tell the local network which outlet is read), so the guard that checks
addresses cannot see them. Therefore through a proxy only names are asked for, and public addresses written as numbers:
nothing that means the proxy's own machine or network. `.onion` names go to Tor and nowhere else, not even to a name
server (RFC 7686). Through Tor each outlet has circuits of its own: Tor keeps streams with different SOCKS user names
apart (IsolateSOCKSAuth, on by default), and the password is new with every run.

`headers` and `cookies` are for an outlet that gave its mirror a key. They go to that outlet's own host alone (`www.` or
not), over https, or to this machine itself with `allow_private`; a redirect to anywhere else ends it, also when the
chain leads back. They are never shown: not in errors, not in the request that is kept as evidence.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol
from urllib.parse import unquote, urlsplit

from mirror.errors import UsageError
from mirror.secrets import is_reference, resolve

Kind = Literal["direct", "tor", "socks5h", "http"]

MAX_COOKIES = 100
MAX_COOKIE_HEADER = 8192
TOR = ("127.0.0.1", 9050)
# Set by the client itself; one of these from the configuration would break a request or smuggle a second one.
RESERVED = frozenset(
    {
        *("accept-encoding", "connection", "content-length", "content-encoding", "cookie", "expect", "host"),
        *("if-match", "if-modified-since", "if-none-match", "if-range", "if-unmodified-since", "keep-alive", "range"),
        *("proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "user-agent"),
    }
)
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")  # RFC 9110, section 5.6.2
_VALUE = re.compile(r"[\x20-\x7e]{0,4096}")
_PAIR = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+=[\x21-\x3a\x3c-\x7e ]*")  # no ";" and nothing outside ASCII
_PLACE = re.compile(r"\[?[0-9A-Za-z._:-]{1,255}\]?")
_INWARD = (".localhost", ".local", ".internal", ".intranet", ".lan", ".home", ".corp", ".home.arpa", ".localdomain")


class EgressError(UsageError):
    """A way out, a header or a cookie that cannot be used as it was given. Never repeats it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Egress:
    """One way out. `key` tells two of them apart in memory and may hold a password: it is never shown; `label` names
    the kind alone, and is what evidence says."""

    kind: Kind = "direct"
    host: str = ""
    port: int = 0
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)

    @property
    def label(self) -> str:
        return self.kind

    @property
    def proxied(self) -> bool:
        return self.kind != "direct"


DIRECT = Egress()


class OutletSettings(Protocol):
    """The part of an outlet's configuration that says how it is asked (`mirror.config.OutletConfig` is one)."""

    @property
    def id(self) -> str: ...
    @property
    def url(self) -> str: ...
    @property
    def allow_private(self) -> bool: ...
    @property
    def egress(self) -> str | None: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def cookies(self) -> str | None: ...
    @property
    def user_agent(self) -> str | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Cookie:
    """One line of a cookie file. `domain` is without a dot in front; `below` says whether hosts below it get it too."""

    name: str
    value: str = field(repr=False)
    domain: str = ""
    below: bool = False
    path: str = "/"
    expires: float = 0.0  # Unix time; 0: with the session, which is the run


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What one outlet's own host is told beside the request, and where that host is."""

    host: str
    port: int
    allow_private: bool = False
    onion: bool = False
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    secret: frozenset[str] = frozenset()
    cookies: tuple[Cookie, ...] = field(default=(), repr=False)

    def for_url(self, url: str, *, now: float) -> dict[str, str]:
        """The further headers of a request for `url`; none when that is not the outlet's own."""
        if not (self.headers or self.cookies) or not self.own(url):
            return {}
        made = dict(self.headers)
        path = urlsplit(url).path or "/"
        host = urlsplit(url).hostname or ""
        sent = [f"{one.name}={one.value}" for one in self.cookies if _sent_to(one, host, path, now)]
        if sent:
            made["Cookie"] = "; ".join(sent)
        return made

    def own(self, url: str) -> bool:
        """Whether this is the outlet's own host, over a connection that nobody on the way reads."""
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        if host.removeprefix("www.") != self.host:
            return False
        if parts.scheme == "https":
            return self.port in (port, 80)  # an outlet given as http:// that moved to https
        return port == self.port and ((self.allow_private and _is_loopback(host)) or self.onion)


def _sent_to(cookie: Cookie, host: str, path: str, now: float) -> bool:
    """RFC 6265, sections 5.1.3 and 5.1.4."""
    if cookie.expires and cookie.expires <= now:
        return False
    fits = not cookie.domain or host == cookie.domain or (cookie.below and host.endswith("." + cookie.domain))
    return fits and (path == cookie.path or path.startswith(cookie.path.rstrip("/") + "/"))


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


# --- reading what the configuration says ------------------------------------------------------------------------------


def parse(text: str, *, folder: Path = Path(), isolation: tuple[str, str] | None = None) -> Egress:
    """The way out that `text` names. `folder` is where relative `file:` references start; `isolation` is the SOCKS user
    name and password that keep an outlet's Tor circuits apart. Raises EgressError, which never repeats the text."""
    secret = is_reference(text)
    if secret:
        text = resolve(text, folder=folder).reveal().strip()
    if text == "direct":
        return DIRECT
    if text == "tor":
        text = f"tor://{TOR[0]}:{TOR[1]}"
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise _unknown() from None
    if parts.scheme in ("socks5", "socks4", "socks4a", "socks"):
        raise EgressError(
            f"egress: {parts.scheme}:// would look names up on this machine",
            hint="say socks5h://, with which the proxy looks them up",
        )
    if parts.scheme not in ("tor", "socks5h", "http") or parts.path.strip("/") or parts.query or parts.fragment:
        raise _unknown()
    if not _PLACE.fullmatch(host) or not port:
        raise EgressError("egress: the proxy's host and port are missing", hint="socks5h://HOST:PORT, for example")
    username = unquote(parts.username) if parts.username else None
    password = unquote(parts.password) if parts.password else None
    if password is not None and not secret:
        raise EgressError(
            "egress must not have a password in it", hint='say egress = "env:NAME" (or file:, cred:) instead'
        )
    if parts.scheme == "tor":
        if username or password:
            raise EgressError("egress: tor:// takes no user name; it keeps the outlets apart by itself")
        username, password = isolation or ("tamizdat", "0")
    if max(len((username or "").encode()), len((password or "").encode())) > 255:
        raise EgressError("egress: a user name or password has at most 255 bytes")  # RFC 1929, section 2
    kind: Kind = "tor" if parts.scheme == "tor" else "http" if parts.scheme == "http" else "socks5h"
    return Egress(kind=kind, host=host, port=port, username=username, password=password)


def _unknown() -> EgressError:
    return EgressError(
        "egress is not one of the ways out",
        hint='"direct", "tor", "socks5h://HOST:PORT", "http://HOST:PORT", or env:, file: or cred: that holds one',
    )


def credentials(outlet: OutletSettings, *, folder: Path = Path(), tor: bool = False) -> Credentials | None:
    """What this outlet's own host is told; None when that is nothing. Raises EgressError and SecretError."""
    if not outlet.headers and not outlet.cookies:
        return None
    parts = urlsplit(outlet.url)
    host = (parts.hostname or "").removeprefix("www.")
    headers, secret = [], set()
    for name, given in outlet.headers.items():
        if not _TOKEN.fullmatch(name) or name.lower() in RESERVED:
            raise EgressError(
                f"outlet {outlet.id}: headers: {name[:100]!r} is not a header that can be set",
                hint="cookies = and user_agent = are keys of their own" if name.lower() in RESERVED else None,
            )
        value = given
        if is_reference(given):
            value = resolve(given, folder=folder).reveal()
            secret.add(name.lower())
        if not _VALUE.fullmatch(value):
            raise EgressError(f"outlet {outlet.id}: headers: {name} must be one line of printable ASCII")
        headers.append((name, value))
    cookies: tuple[Cookie, ...] = ()
    if outlet.cookies:
        if not is_reference(outlet.cookies):
            raise EgressError(f"outlet {outlet.id}: cookies must be a reference: env:NAME, file:/path or cred:NAME")
        cookies = read_cookies(resolve(outlet.cookies, folder=folder).reveal(), host, named=f"outlet {outlet.id}")
    return Credentials(
        host=host,
        port=parts.port or (443 if parts.scheme == "https" else 80),
        allow_private=outlet.allow_private,
        onion=tor and host.endswith(".onion"),
        headers=tuple(headers),
        secret=frozenset(secret),
        cookies=cookies,
    )


def read_cookies(text: str, host: str, *, named: str) -> tuple[Cookie, ...]:
    """The cookies in `text` that are for `host`: a file as browsers' add-ons, curl and wget write it (seven fields with
    tabs between them, `#HttpOnly_` in front of some), or one line `a=b; c=d`. Raises EgressError when there are none:
    a session that was copied wrongly should not look like an outlet that answers oddly."""
    if "\t" not in text:
        pairs = [pair.strip() for pair in text.strip().removeprefix("Cookie:").split(";") if pair.strip()]
        if not pairs or not all(_PAIR.fullmatch(pair) for pair in pairs):
            raise EgressError(f"{named}: cookies are neither a Netscape cookie file nor a=b; c=d")
        found = [Cookie(name=name, value=value) for name, _, value in (pair.partition("=") for pair in pairs)]
    else:
        found = [cookie for line in text.splitlines() if (cookie := _netscape(line)) and _may_have(cookie, host)]
    size = sum(len(one.name) + len(one.value) + 3 for one in found)
    if not found or len(found) > MAX_COOKIES or size > MAX_COOKIE_HEADER:
        raise EgressError(
            f"{named}: {len(found)} cookies for {host}, {size} bytes; 1 to {MAX_COOKIES}, {MAX_COOKIE_HEADER} bytes"
        )
    return tuple(found)


def _netscape(line: str) -> Cookie | None:
    fields = line.removeprefix("#HttpOnly_").rstrip("\r\n").split("\t")
    if len(fields) != 7 or fields[0].startswith("#"):
        return None
    domain, below, path, _, expires, name, value = fields
    if not _PAIR.fullmatch(f"{name}={value}") or not re.fullmatch(r"[0-9]{1,15}", expires):
        return None
    bare = domain.lower().lstrip(".")
    return Cookie(
        name=name,
        value=value,
        domain=bare,
        below=below.upper() == "TRUE",
        path=path if path.startswith("/") else "/",
        expires=float(expires),
    )


def _may_have(cookie: Cookie, host: str) -> bool:
    return cookie.domain.removeprefix("www.") == host or (cookie.below and host.endswith("." + cookie.domain))


# --- what may be asked for through a proxy ----------------------------------------------------------------------------


def refusal(host: str, egress: Egress, permitted: Callable[[str], bool]) -> tuple[str, str | None] | None:
    """Why `host` is not asked for this way (and a hint), None when it may be. `permitted` judges an IP address."""
    if host == "onion" or host.endswith(".onion"):
        if egress.kind == "tor":
            return None
        return "an .onion address is reached through Tor only", 'say egress = "tor" for this outlet'
    if not egress.proxied:
        return None
    try:
        ipaddress.ip_address(host)
    except ValueError:
        inward = "." not in host or host.endswith(_INWARD)
        return ("that name means the proxy's own machine or network", None) if inward else None
    return None if permitted(host) else (f"{host} is not a public address", None)


def ends_in_a_number(host: str) -> bool:
    """Whether resolvers may read this name as an IPv4 address (0x7f.1, 2130706433, 0177.0.0.1): its last part is a
    number, decimal, octal or hexadecimal (WHATWG URL, section 3.5). No name has a number for a top-level domain."""
    last = host.rstrip(".").rpartition(".")[2]
    return re.fullmatch(r"[0-9]+|0[xX][0-9A-Fa-f]*", last) is not None
