"""HTTP as a good and careful guest.

Good: one honest name with a contact, at most two requests to a host at a time and a pause between them, conditional
requests, no retries but for what may pass (no connection, 5xx), `Retry-After` handed to the caller, no cookies.

Careful: whoever writes a feed or answers a request decides where we go next and what we must read. So

* only http and https, and ports 80 and 443, unless an outlet was added with `allow_private`;
* every address is checked *after* the name was resolved, and the connection goes to that address and no other: the
  check sits in the connector's resolver, so a name that changes its mind between check and use (DNS rebinding) gains
  nothing. Addresses written as numbers never reach a resolver and are checked before;
* redirects are followed by hand, at most five, each one checked like the first, never from https to http;
* sizes are capped on the wire and again while decoding, one content coding at most (a gzip bomb stops at the cap);
* the time is that of the whole answer, not of a read: a server that sends two bytes a second does not hold us.

Timing, randomness and name lookup are arguments of `Client`, so tests need no clock and no DNS.
"""

from __future__ import annotations

import asyncio
import ipaddress
import random
import re
import socket
import ssl
import time
import zlib
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from importlib import metadata
from typing import Literal, Protocol, Self
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from mirror.errors import TamizdatError
from mirror.links import absolute

Lookup = Callable[[str], Awaitable[list[str]]]
Problem = Literal[
    "address",  # not a web address, or one we do not go to (private, port, user name in it)
    "resolve",  # the name has no address
    "connect",  # nobody answers there
    "tls",  # certificate or handshake
    "timeout",  # the whole answer took too long
    "redirect",  # too many, in a circle, to nowhere, or down to http
    "too-large",
    "coding",  # a content coding we did not ask for, or broken
    "truncated",  # ended before its own length
    "protocol",  # not HTTP
]

MEGABYTE = 1 << 20
MAX_REDIRECTS = 5
MAX_HEADER_LINE = 16_384  # some sites send security policies of 10 KB
MAX_HEADERS = 100
MAX_VALIDATOR = 1024  # an ETag is given back with every request; nobody needs more
MAX_MEMBERS = 64  # gzip members in one body; each costs a new decoder
MAX_RETRY_AFTER = 7 * 86_400.0

PAGE = "text/html,application/xhtml+xml;q=0.9,*/*;q=0.1"
FEED = (
    "application/atom+xml,application/rss+xml,application/feed+json,application/xml;q=0.9,text/xml;q=0.9,"
    "application/json;q=0.8,*/*;q=0.1"
)
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PASSING = frozenset({500, 502, 503, 504})
_RETRIED: frozenset[str] = frozenset({"connect", "truncated"})
_CONTACT = re.compile(r"[\x21-\x27\x2a-\x7e]{1,200}")  # printable ASCII without space and brackets
_PRINTABLE = re.compile(r"[\x20-\x7e]{1,300}")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_NAT64_LOCAL = ipaddress.IPv6Network("64:ff9b:1::/48")
_V4_COMPATIBLE = ipaddress.IPv6Network("::/96")
# What `allow_private` opens: this machine and the local network. Never link-local (cloud metadata lives there),
# multicast or addresses that stand for several machines.
_PRIVATE = tuple(
    ipaddress.ip_network(net)
    for net in ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "::1/128", "fc00::/7")
)


class FetchError(TamizdatError):
    """A request that gave no answer we can use. `kind` says why, `url` which address failed (after redirects)."""

    def __init__(self, kind: Problem, url: str, message: str, *, hint: str | None = None) -> None:
        super().__init__(f"{url[:300]}: {message}", hint=hint)
        self.kind: Problem = kind
        self.url = url


@dataclass(frozen=True, slots=True, kw_only=True)
class Validators:
    """What a server gave to ask again with, byte for byte. Never parsed, never compared."""

    etag: str | None = None
    last_modified: str | None = None

    def __bool__(self) -> bool:
        return bool(self.etag or self.last_modified)


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """An answer, whatever its status. `url` is where it came from, `hops` the addresses before it. `body` is decoded
    from its content coding; it is empty when `not_modified`. `validators` are those to keep: the new ones, and those we
    sent where a 304 repeated none. `retry_after` is in seconds. `headers` have lower-case names."""

    status: int
    url: str
    hops: tuple[str, ...]
    headers: Mapping[str, str]
    body: bytes
    validators: Validators
    not_modified: bool
    retry_after: float | None

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "")

    @property
    def media_type(self) -> str:
        """`text/html` of `Text/HTML; charset=utf-8`."""
        return self.content_type.partition(";")[0].strip().lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How hosts are treated: seconds between two requests to one, how many at once to it and to all; and how long (in
    seconds) and how large (in bytes) one answer may be unless the request says otherwise."""

    interval: float = 1.0
    per_host: int = 2
    together: int = 8
    retries: int = 2
    backoff: float = 1.0  # seconds before the first retry; doubled for the next; ± half by chance
    deadline: float = 60.0
    cap: int = 8 * MEGABYTE


class FetchSettings(Protocol):
    """The part of the configuration a client needs (`mirror.config.FetchConfig` is one)."""

    @property
    def contact(self) -> str | None: ...
    @property
    def user_agent(self) -> str | None: ...
    @property
    def deadline(self) -> float: ...
    @property
    def concurrency(self) -> int: ...
    @property
    def per_host_delay(self) -> float: ...
    @property
    def max_page(self) -> int: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What stays the same through the redirects and retries of one request."""

    accept: str
    cap: int
    validators: Validators | None
    allow_private: bool


@dataclass(slots=True)
class _Host:
    gate: asyncio.Semaphore
    interval: float
    next_start: float = 0.0


@dataclass(slots=True)
class _Budget:
    """Seconds an attempt may still spend waiting for servers; waiting for our own turn is not counted."""

    left: float
    clock: Callable[[], float] = field(default=time.monotonic)


# --- addresses --------------------------------------------------------------------------------------------------------


def permitted(address: str, *, allow_private: bool = False) -> bool:
    """Whether we connect to this IP address: globally reachable ones, with `allow_private` also this machine and the
    local network. An IPv6 address that carries an IPv4 one is judged by both."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo or (None, None))[1]
        if ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)
        if inner is not None:
            return permitted(str(inner), allow_private=allow_private)
        if ip in _NAT64_LOCAL or ip.is_site_local or (ip in _V4_COMPATIBLE and not ip.is_loopback):
            return False
    if allow_private and any(ip.version == net.version and ip in net for net in _PRIVATE):
        return True
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified or ip.is_link_local)


async def system_lookup(host: str) -> list[str]:
    """The addresses the system's resolver has for `host`; OSError when there are none."""
    found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class GuardedResolver(AbstractResolver):
    """A connector's resolver that gives back only addresses we are willing to connect to."""

    def __init__(self, lookup: Lookup, *, allow_private: bool) -> None:
        self._lookup = lookup
        self._allow_private = allow_private

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Raises OSError (there is no such name) or FetchError (there is, and we do not go there)."""
        found = await self._lookup(host)
        kept = [address for address in found if permitted(address, allow_private=self._allow_private)]
        if found and not kept:
            raise _refused(f"//{host}", found[0])
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for address in kept
        ]

    async def close(self) -> None:
        """Nothing to close."""


def _refused(url: str, address: str) -> FetchError:
    return FetchError(
        "address",
        url,
        f"{address} is not a public address",
        hint="an outlet on this machine or the local network is added with --allow-private",
    )


def check_url(url: str, *, allow_private: bool = False) -> str:
    """`url` in normal form; FetchError unless it is one we may ask: http or https, no user name, a permitted port, and
    no address written as a number that is not permitted. Names are checked when they are resolved."""
    normal = absolute(url, url)
    if normal is None:
        raise FetchError(
            "address", url, "not a web address (http:// or https://, no user name, at most 2048 characters)"
        )
    parts = urlsplit(normal)
    if parts.port not in (None, 80, 443) and not allow_private:
        raise FetchError(
            "address",
            url,
            f"port {parts.port}: only 80 and 443 are used",
            hint="an outlet on this machine or the local network is added with --allow-private",
        )
    host = parts.hostname or ""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return normal
    if not permitted(host, allow_private=allow_private):
        raise _refused(url, host)
    return normal


# --- content codings --------------------------------------------------------------------------------------------------


class Inflater:
    """Undoes one content coding piece by piece and never holds more than `cap` bytes.

    `feed` and `finish` raise `TooLarge` past the cap and ValueError when the data is broken or ends early."""

    def __init__(self, coding: Literal["gzip", "deflate", "identity"], cap: int) -> None:
        self._coding = coding
        self._cap = cap
        self._pieces: list[bytes] = []
        self._size = 0
        self._members = 0
        self._decoder: zlib._Decompress | None = None
        self._ended = False  # trailing bytes after the last member are ignored, as browsers do

    def feed(self, data: bytes) -> None:
        if self._coding == "identity":
            self._keep(data)
            return
        while data and not self._ended:
            decoder = self._decoder or self._start(data)
            try:
                self._keep(decoder.decompress(data, self._cap - self._size + 1))
            except zlib.error as error:
                raise ValueError(str(error)) from None
            data = decoder.unconsumed_tail
            if decoder.eof:
                self._decoder = None
                data = decoder.unused_data
                self._ended = self._coding == "deflate" or not data.startswith(b"\x1f") or self._members >= MAX_MEMBERS

    def finish(self) -> bytes:
        if self._decoder is not None:
            raise ValueError("ends before its coding does")
        return b"".join(self._pieces)

    def _start(self, data: bytes) -> zlib._Decompress:
        self._members += 1
        # RFC 9110 8.4.1.2 says zlib format; some servers send deflate bare. The first byte tells: 0x?8, ? at most 7.
        deflate = 15 if data[0] & 0x0F == 8 and data[0] >> 4 <= 7 else -15
        self._decoder = zlib.decompressobj(31 if self._coding == "gzip" else deflate)
        return self._decoder

    def _keep(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > self._cap:
            raise TooLarge
        if data:
            self._pieces.append(data)


class TooLarge(ValueError):
    """More bytes than the cap."""


def gunzip(data: bytes, cap: int) -> bytes:
    """The content of a gzip file that is served as such (`sitemap.xml.gz`); ValueError when broken or past `cap`."""
    inflater = Inflater("gzip", cap)
    inflater.feed(data)
    return inflater.finish()


def _coding(headers: Mapping[str, str]) -> Literal["gzip", "deflate", "identity"] | None:
    """The one coding a body has; None when it is one we did not ask for, or several on top of each other."""
    names = [name.strip().lower() for name in headers.get("content-encoding", "").split(",")]
    names = [name for name in names if name not in ("", "identity")]
    match names:
        case []:
            return "identity"
        case ["gzip" | "x-gzip"]:
            return "gzip"
        case ["deflate"]:
            return "deflate"
    return None


# --- the client -------------------------------------------------------------------------------------------------------


class Client:
    """Asks for pages, feeds and pictures. An async context manager; `close` waits for its connections.

    `contact` is an address or URL where the people asked can complain; it stands in the User-Agent, which `user_agent`
    replaces as a whole. `tls` replaces the
    system's certificate store. `lookup`, `sleep`, `clock` and `chance` are for tests."""

    def __init__(
        self,
        *,
        contact: str | None = None,
        user_agent: str | None = None,
        pace: Pace | None = None,
        tls: ssl.SSLContext | None = None,
        lookup: Lookup = system_lookup,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.user_agent = _user_agent(user_agent, contact)
        self._pace = pace or Pace()
        self._tls = tls
        self._lookup = lookup
        self._sleep = sleep
        self._clock = clock
        self._chance = chance
        self._hosts: dict[tuple[str, bool], _Host] = {}
        self._sessions: dict[bool, aiohttp.ClientSession] = {}

    @classmethod
    def from_config(cls, config: FetchSettings) -> Self:
        """A client as `[fetch]` in `tamizdat.toml` wants it."""
        pace = Pace(
            interval=config.per_host_delay,
            together=config.concurrency,
            deadline=config.deadline,
            cap=config.max_page,
        )
        return cls(contact=config.contact, user_agent=config.user_agent, pace=pace)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes every connection; the client may not be used after."""
        sessions = list(self._sessions.values())
        self._sessions.clear()
        for session in sessions:
            await session.close()
        await asyncio.sleep(0)  # lets transports say goodbye, so that nothing is left to the garbage collector

    def slow_down(self, url: str, seconds: float) -> None:
        """At least `seconds` between requests to the host of `url` from now on (a `Crawl-delay`)."""
        state = self._host(urlsplit(url).netloc, private=False)
        state.interval = max(state.interval, seconds)

    async def get(
        self,
        url: str,
        *,
        accept: str = PAGE,
        cap: int | None = None,
        validators: Validators | None = None,
        allow_private: bool = False,
        deadline: float | None = None,
    ) -> Response:
        """The answer to GET `url`, after at most five redirects, whatever its status.

        `cap` is in bytes, for the body on the wire and decoded alike; `deadline` is in seconds for one attempt with
        its redirects, not counting the wait for our turn (defaults: `Pace`). `validators` make the request conditional.
        `accept` is the header of that name. Answers 500, 502, 503, 504 and broken connections are tried again,
        `Pace.retries` times; the last 5xx is returned.

        Raises FetchError for everything that is no complete answer within these limits."""
        cap = self._pace.cap if cap is None else cap
        deadline = self._pace.deadline if deadline is None else deadline
        asked = _Asked(accept=accept, cap=cap, validators=validators, allow_private=allow_private)
        pause = self._pace.backoff
        for tries_left in range(self._pace.retries, -1, -1):
            try:
                response = await self._attempt(url, asked, deadline)
            except FetchError as error:
                if error.kind not in _RETRIED or not tries_left:
                    raise
            else:
                wait = response.retry_after or 0.0
                challenged = "cf-mitigated" in response.headers
                if response.status not in _PASSING or challenged or wait > pause or not tries_left:
                    return response
            await self._sleep(pause * (0.5 + self._chance()))
            pause *= 2
        raise AssertionError("unreachable")  # pragma: no cover

    async def _attempt(self, url: str, asked: _Asked, deadline: float) -> Response:
        budget = _Budget(left=deadline, clock=self._clock)
        here = check_url(url, allow_private=asked.allow_private)
        hops: list[str] = []
        while True:
            answer = await self._hop(here, asked, budget)
            if isinstance(answer, Response):
                return replace(answer, hops=tuple(hops))
            there = absolute(here, answer)
            if there is None:
                raise FetchError("redirect", here, f"redirects to {answer[:200]!r}, which is not a web address")
            there = check_url(there, allow_private=asked.allow_private)
            if here.startswith("https:") and there.startswith("http:"):
                raise FetchError("redirect", here, f"redirects from https to {there[:200]}")
            hops.append(here)
            if there in hops:
                raise FetchError("redirect", here, "redirects in a circle")
            if len(hops) > MAX_REDIRECTS:
                raise FetchError("redirect", here, f"more than {MAX_REDIRECTS} redirects")
            here = there

    async def _hop(self, url: str, asked: _Asked, budget: _Budget) -> Response | str:
        """The answer of one server, or where it sends us (as it wrote it)."""
        host = self._host(urlsplit(url).netloc, asked.allow_private)
        async with host.gate:
            now = self._clock()
            start = max(now, host.next_start)
            host.next_start = start + host.interval
            if start > now:
                await self._sleep(start - now)
            began = budget.clock()
            try:
                async with asyncio.timeout(budget.left), AsyncExitStack() as stack:
                    return await self._ask(stack, url, asked)
            except TimeoutError:
                raise FetchError("timeout", url, "took too long to answer") from None
            except FetchError as error:
                raise error if error.url == url else _at(error, url) from None
            except aiohttp.ClientError as error:
                raise _translated(error, url) from None
            except OSError as error:
                raise FetchError("connect", url, error.strerror or str(error) or "no connection") from None
            except ValueError as error:  # a response aiohttp itself could not make sense of
                raise FetchError("protocol", url, _one_line(error)) from None
            finally:
                budget.left -= budget.clock() - began

    async def _ask(self, stack: AsyncExitStack, url: str, asked: _Asked) -> Response | str:
        sent = {"Accept": asked.accept, "Accept-Encoding": "gzip, deflate", "User-Agent": self.user_agent}
        validators = asked.validators
        if validators and validators.etag:
            sent["If-None-Match"] = validators.etag
        if validators and validators.last_modified:
            sent["If-Modified-Since"] = validators.last_modified
        session = self._session(asked.allow_private)
        request = session.get(URL(url, encoded=True), headers=sent, allow_redirects=False)
        answer = await stack.enter_async_context(request)
        headers = _headers(answer)
        if answer.status in _REDIRECTS and headers.get("location"):
            return headers["location"]
        not_modified = answer.status == 304
        if not_modified and not validators:
            raise FetchError("protocol", url, "answers 304 to an unconditional request")
        fresh = _validators(headers)
        return Response(
            status=answer.status,
            url=url,
            hops=(),
            headers=headers,
            body=b"" if not_modified else await _body(answer, headers, url, asked.cap),
            validators=(fresh or validators or fresh) if not_modified else fresh,
            not_modified=not_modified,
            retry_after=retry_after(headers.get("retry-after")),
        )

    def _host(self, host: str, private: bool) -> _Host:
        if (host, private) not in self._hosts:
            # An outlet on one's own machine or network needs no manners, and a demonstration has no time for them.
            interval = 0.0 if private else self._pace.interval
            self._hosts[host, private] = _Host(gate=asyncio.Semaphore(self._pace.per_host), interval=interval)
        return self._hosts[host, private]

    def _session(self, allow_private: bool) -> aiohttp.ClientSession:
        """One session for public addresses and one for outlets that may be private: connections and looked-up names are
        kept and used again, and must not pass from the one to the other."""
        if allow_private not in self._sessions:
            connector = aiohttp.TCPConnector(
                resolver=GuardedResolver(self._lookup, allow_private=allow_private),
                limit=self._pace.together,
                ttl_dns_cache=60,
                ssl=self._tls if self._tls is not None else True,
            )
            self._sessions[allow_private] = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=15.0),
                auto_decompress=False,
                trust_env=False,
                max_line_size=MAX_HEADER_LINE,
                max_field_size=MAX_HEADER_LINE,
                max_headers=MAX_HEADERS,
                requote_redirect_url=False,
            )
        return self._sessions[allow_private]


# --- one answer -------------------------------------------------------------------------------------------------------


async def _body(answer: aiohttp.ClientResponse, headers: Mapping[str, str], url: str, cap: int) -> bytes:
    coding = _coding(headers)
    if coding is None:
        raise FetchError("coding", url, f"content coding {headers['content-encoding'][:60]!r} was not asked for")
    if (answer.content_length or 0) > cap:
        raise FetchError("too-large", url, f"{answer.content_length} bytes; at most {cap} are read")
    inflater = Inflater(coding, cap)
    wire = 0
    try:
        async for piece in answer.content.iter_any():
            wire += len(piece)
            if wire > cap:
                raise TooLarge
            inflater.feed(piece)
        return inflater.finish()
    except TooLarge:
        raise FetchError("too-large", url, f"more than {cap} bytes") from None
    except ValueError as error:
        raise FetchError("coding", url, f"broken {coding}: {_one_line(error)}") from None


def _headers(answer: aiohttp.ClientResponse) -> dict[str, str]:
    """Names in lower case, repeated ones joined; without cookies, which are for nobody else to see."""
    made: dict[str, str] = {}
    for name, value in answer.headers.items():
        text = value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        key = name.lower()
        if key not in ("set-cookie", "set-cookie2"):
            made[key] = f"{made[key]}, {text}" if key in made else text
    return made


def _validators(headers: Mapping[str, str]) -> Validators:
    return Validators(etag=_kept(headers.get("etag")), last_modified=_kept(headers.get("last-modified")))


def _kept(value: str | None) -> str | None:
    """A validator that can be sent back as it came; others are not kept at all rather than changed."""
    return value if value and len(value) <= MAX_VALIDATOR and value.isprintable() and "\ufffd" not in value else None


def retry_after(value: str | None, *, now: float | None = None) -> float | None:
    """Seconds a `Retry-After` asks us to stay away, at most a week; None where there is none that can be read."""
    if not value:
        return None
    value = value.strip()
    if re.fullmatch(r"[0-9]{1,9}", value):
        return min(float(value), MAX_RETRY_AFTER)
    try:
        seconds = parsedate_to_datetime(value[:60]).timestamp() - (time.time() if now is None else now)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER)


def _at(error: FetchError, url: str) -> FetchError:
    """The resolver knows the host; the reader wants the address."""
    return FetchError(error.kind, url, str(error).partition(": ")[2], hint=error.hint)


def _translated(error: aiohttp.ClientError, url: str) -> FetchError:
    for kind, problem, message in _AIOHTTP_ERRORS:
        if isinstance(error, kind):
            return FetchError(problem, url, message or _one_line(error))
    return FetchError("protocol", url, _one_line(error))


# The first that fits counts: aiohttp's DNS and TLS errors are connector errors too.
_AIOHTTP_ERRORS: tuple[tuple[type[Exception], Problem, str], ...] = (
    (aiohttp.ClientConnectorDNSError, "resolve", "the name has no address"),
    (aiohttp.ClientSSLError, "tls", ""),
    (aiohttp.ClientConnectorError, "connect", "nobody answers there"),
    (aiohttp.ServerTimeoutError, "timeout", "took too long to answer"),
    (aiohttp.ServerDisconnectedError, "connect", "the server closed the connection without an answer"),
    (aiohttp.ClientOSError, "connect", "the connection broke"),
    (aiohttp.ClientPayloadError, "truncated", "the answer ended before its own length"),
)


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def _user_agent(wanted: str | None, contact: str | None) -> str:
    if wanted is not None and _PRINTABLE.fullmatch(wanted):
        return wanted
    try:
        version = metadata.version("tamizdat")
    except metadata.PackageNotFoundError:  # run from a copy of the sources
        version = "0"
    good = contact is not None and _CONTACT.fullmatch(contact)
    return f"tamizdat/{version} (+{contact})" if good else f"tamizdat/{version}"
