"""HTTP as a good and careful guest.

Good: one honest name with a contact, one request to a host at a time and a pause between them, conditional requests, no
retries but for what may pass (no connection, 5xx), `Retry-After` handed to the caller, hosts that fail left alone
(`mirror.breakers`), no cookies but those an outlet gave its mirror (`mirror.egress`).

Careful: whoever writes a feed or answers a request decides where we go next and what we must read. So

* only http and https, and ports 80 and 443, unless an outlet was added with `allow_private`;
* every address is checked *after* the name was resolved, and the connection goes to that address and no other, so a
  name that changes its mind between check and use (DNS rebinding) gains nothing (`mirror.guard`);
* redirects are followed by hand, at most five, each one checked like the first, never from https to http;
* sizes are capped on the wire and again while decoding, one content coding at most (`mirror.inflate`);
* the time is that of the whole answer, not of a read: a server that sends two bytes a second does not hold us.

`Client.of(outlet)` asks the way that outlet is asked: through its proxy or Tor, with its headers and cookies.

Timing, randomness and name lookup are arguments of `Client`, so tests need no clock and no DNS.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import random
import re
import secrets
import ssl
import time
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC
from email.utils import parsedate_to_datetime
from importlib import metadata
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol, Self
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from mirror import breakers as breaking
from mirror.egress import Credentials, Egress, OutletSettings, credentials
from mirror.egress import parse as parse_egress
from mirror.guard import FetchError, GuardedResolver, Lookup, Problem, check_url, system_lookup
from mirror.inflate import MEGABYTE, Inflater, TooLarge, coding_of
from mirror.links import absolute, same_site

if TYPE_CHECKING:
    from aiohttp.connector import Connection

__all__ = ["FEED", "PAGE", "Client", "FetchError", "FetchSettings", "Pace", "Response", "Validators", "retry_after"]

MAX_REDIRECTS = 5
MAX_HEADER_LINE = 16_384  # some sites send security policies of 10 KB
MAX_HEADERS = 100
MAX_VALIDATOR = 1024  # an ETag is given back with every request; nobody needs more
MAX_RETRY_AFTER = 7 * 86_400.0

PAGE = "text/html,application/xhtml+xml;q=0.9,*/*;q=0.1"
FEED = (
    "application/atom+xml,application/rss+xml,application/feed+json,application/xml;q=0.9,text/xml;q=0.9,"
    "application/json;q=0.8,*/*;q=0.1"
)
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PASSING = frozenset({500, 502, 503, 504})
_RETRIED: frozenset[str] = frozenset({"connect", "truncated"})
_ITS_DOING: frozenset[str] = frozenset({"connect", "tls", "timeout", "truncated", "protocol"})
_OUR_NETWORK = frozenset({errno.ENETUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL, errno.EMFILE, errno.ENFILE})
_UNSHOWN = frozenset({"cookie", "authorization", "proxy-authorization"})
_CONTACT = re.compile(r"[\x21-\x27\x2a-\x7e]{1,200}")  # printable ASCII without space and brackets
_PRINTABLE = re.compile(r"[\x20-\x7e]{1,300}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Validators:
    """What a server gave to ask again with, byte for byte. Never parsed, never compared. `url` is the address that gave
    them: no other one on the way there is sent them, since what is unchanged there says nothing of this page. Without
    it they go to every hop."""

    etag: str | None = None
    last_modified: str | None = None
    url: str | None = field(default=None, compare=False)

    def __bool__(self) -> bool:
        return bool(self.etag or self.last_modified)


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """An answer, whatever its status. `url` is where it came from, `hops` the addresses before it. `body` is decoded
    from its content coding; it is empty when `not_modified`. `validators` are those to keep: the new ones, and those we
    sent where a 304 repeated none. `retry_after` is in seconds. `headers` have lower-case names.

    For the evidence: `sent` are the request's headers as they went out, without cookies, authorization and what the
    configuration keeps secret; `address` the IP address that answered (None through a proxy), `certificate` the SHA-256
    of its TLS certificate (hex, of the DER form), `egress` the way out: direct, tor, socks5h or http."""

    status: int
    url: str
    hops: tuple[str, ...]
    headers: Mapping[str, str]
    body: bytes
    validators: Validators
    not_modified: bool
    retry_after: float | None
    sent: Mapping[str, str] = field(default_factory=dict)
    address: str | None = None
    certificate: str | None = None
    egress: str | None = None

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
    per_host: int = 1
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
    @property
    def egress(self) -> str: ...
    @property
    def folder(self) -> Path: ...


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


# --- the client -------------------------------------------------------------------------------------------------------


@dataclass(slots=True, kw_only=True)
class _Shared:
    """What a client and its views for outlets have in common."""

    pace: Pace
    tls: ssl.SSLContext | None
    lookup: Lookup
    sleep: Callable[[float], Awaitable[None]]
    clock: Callable[[], float]
    chance: Callable[[], float]
    now: Callable[[], float]
    breakers: breaking.Breakers | None
    contact: str | None
    user_agent: str | None
    egress: str
    folder: Path
    token: str  # new with every run: Tor circuits of two runs have nothing in common
    hosts: dict[tuple[str, bool], _Host] = field(default_factory=dict)
    sessions: dict[tuple[Egress, bool], aiohttp.ClientSession] = field(default_factory=dict)


class Client:
    """Asks for pages, feeds and pictures. An async context manager; `close` waits for its connections.

    `contact` is an address or URL where the people asked can complain; it stands in the User-Agent, which `user_agent`
    replaces as a whole. `egress` is the way out (`mirror.egress`), `folder` where its references start, `breakers` what
    is remembered of failing hosts over runs (nothing, when there are none). `tls` replaces the system's certificate
    store. `lookup`, `sleep`, `clock`, `now` (Unix time) and `chance` are for tests. Raises EgressError or SecretError
    when there is no such way out."""

    def __init__(
        self,
        *,
        contact: str | None = None,
        user_agent: str | None = None,
        pace: Pace | None = None,
        egress: str = "direct",
        folder: Path = Path(),
        breakers: breaking.Breakers | None = None,
        tls: ssl.SSLContext | None = None,
        lookup: Lookup = system_lookup,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.user_agent = _user_agent(user_agent, contact)
        self._shared = _Shared(
            pace=pace or Pace(),
            tls=tls,
            lookup=lookup,
            sleep=sleep,
            clock=clock,
            chance=chance,
            now=now,
            breakers=breakers,
            contact=contact,
            user_agent=user_agent,
            egress=egress,
            folder=folder,
            token=secrets.token_hex(8),
        )
        self._egress = parse_egress(egress, folder=folder, isolation=("tamizdat", self._shared.token))
        self._credentials: Credentials | None = None
        self._outlet: OutletSettings | None = None
        self._root: Client | None = None
        self._owns = True

    @classmethod
    def from_config(cls, config: FetchSettings, *, breakers: breaking.Breakers | None = None) -> Self:
        """A client as `[fetch]` in `tamizdat.toml` wants it."""
        pace = Pace(
            interval=config.per_host_delay,
            together=config.concurrency,
            deadline=config.deadline,
            cap=config.max_page,
        )
        return cls(
            contact=config.contact,
            user_agent=config.user_agent,
            pace=pace,
            egress=config.egress,
            folder=config.folder,
            breakers=breakers,
        )

    def of(self, outlet: OutletSettings) -> Self:
        """A client that asks as this outlet is asked: its way out, its headers and cookies, its user agent. Pace,
        connections and what is known of failing hosts are shared; closing it closes nothing. Raises EgressError or
        SecretError when the outlet's settings cannot be used: then it is not asked at all."""
        shared = self._shared
        view = object.__new__(type(self))
        view._shared = shared
        view._root = self.root
        view._owns = False
        view._outlet = outlet
        view.user_agent = _user_agent(outlet.user_agent or shared.user_agent, shared.contact)
        view._egress = parse_egress(
            outlet.egress or shared.egress, folder=shared.folder, isolation=(outlet.id, shared.token)
        )
        view._credentials = credentials(outlet, folder=shared.folder, tor=view._egress.kind == "tor")
        return view

    @property
    def egress(self) -> str:
        """The way out, as evidence and messages name it: direct, tor, socks5h or http."""
        return self._egress.label

    @property
    def root(self) -> Client:
        """The client that this is a view of; itself when it is none."""
        return self._root or self

    def manner(self, url: str) -> tuple[object, ...]:
        """What sets this view's way of asking for `url` apart; views with the same are answered the same."""
        known = self._credentials is not None and self._credentials.own(url)
        return (self.user_agent, self._egress.label, self._outlet.id if known and self._outlet is not None else None)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes every connection; the client may not be used after."""
        if not self._owns:
            return
        sessions = list(self._shared.sessions.values())
        self._shared.sessions.clear()
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
        pace = self._shared.pace
        cap = pace.cap if cap is None else cap
        deadline = pace.deadline if deadline is None else deadline
        asked = _Asked(accept=accept, cap=cap, validators=validators, allow_private=allow_private)
        pause = pace.backoff
        for tries_left in range(pace.retries, -1, -1):
            wait = 0.0
            try:
                response = await self._attempt(url, asked, deadline)
            except FetchError as error:
                if error.kind not in _RETRIED or not tries_left:
                    self._failed(error)
                    raise
            else:
                wait = response.retry_after or 0.0
                challenged = "cf-mitigated" in response.headers
                if response.status not in _PASSING or challenged or wait > pause or not tries_left:
                    self._answered(response)
                    return response
            await self._shared.sleep(max(wait, pause * (0.5 + self._shared.chance())))
            pause *= 2
        raise AssertionError("unreachable")  # pragma: no cover

    # What is remembered of hosts over runs.

    def _remembered(self, url: str) -> str:
        """The name under which that is remembered. What an outlet made us ask of others' hosts is its own affair: its
        links to pages that fail there, a hundred at once, must not keep us from another outlet at that host."""
        host, outlet = urlsplit(url).netloc, self._outlet
        return host if outlet is None or same_site(url, outlet.url) else f"{host} for {outlet.id}"

    def _check_host(self, url: str) -> None:
        if self._shared.breakers is None:
            return
        host = urlsplit(url).netloc
        state = self._shared.breakers.load(self._remembered(url))
        left = breaking.wait(state, self._shared.now()) if state else 0.0
        if state and left:
            asked_to = state.retry_after_until >= state.until
            why = "asked us to come back later" if asked_to else f"failed {state.failures} times in a row"
            raise FetchError("paused", url, f"{host} {why}; it is asked again in {max(1, round(left / 60))} min")

    def _failed(self, error: FetchError) -> None:
        if error.kind in _ITS_DOING and not error.ours:
            self._change(error.url, lambda state, now: breaking.failed(state, now, self._shared.chance))

    def _answered(self, response: Response) -> None:
        wait = response.retry_after
        if response.status in (429, 503) and wait is not None:
            self._change(response.url, lambda state, now: breaking.told_to_wait(state, now, wait))
        elif response.status >= 500:
            self._change(response.url, lambda state, now: breaking.failed(state, now, self._shared.chance))
        else:
            self._change(response.url, lambda _, __: breaking.HostState())

    def _change(self, url: str, change: Callable[[breaking.HostState, float], breaking.HostState]) -> None:
        breakers = self._shared.breakers
        if breakers is None:
            return
        host = self._remembered(url)
        before = breakers.load(host)
        after = change(before or breaking.HostState(), self._shared.now())
        if after != (before or breaking.HostState()):
            breakers.save(host, after)

    async def _attempt(self, url: str, asked: _Asked, deadline: float) -> Response:
        budget = _Budget(left=deadline, clock=self._shared.clock)
        here = check_url(url, allow_private=asked.allow_private, egress=self._egress)
        hops: list[str] = []
        own = True
        while True:
            own = own and self._credentials is not None and self._credentials.own(here)
            answer = await self._hop(here, asked, budget, own)
            if isinstance(answer, Response):
                return replace(answer, hops=tuple(hops))
            there = absolute(here, answer)
            if there is None:
                raise FetchError("redirect", here, f"redirects to {answer[:200]!r}, which is not a web address")
            there = check_url(there, allow_private=asked.allow_private, egress=self._egress)
            if here.startswith("https:") and there.startswith("http:"):
                raise FetchError("redirect", here, f"redirects from https to {there[:200]}")
            hops.append(here)
            if there in hops:
                raise FetchError("redirect", here, "redirects in a circle")
            if len(hops) > MAX_REDIRECTS:
                raise FetchError("redirect", here, f"more than {MAX_REDIRECTS} redirects")
            here = there

    async def _hop(self, url: str, asked: _Asked, budget: _Budget, own: bool) -> Response | str:
        """The answer of one server, or where it sends us (as it wrote it)."""
        shared = self._shared
        host = self._host(urlsplit(url).netloc, asked.allow_private)
        async with host.gate:
            self._check_host(url)  # here, since the ones waiting behind a failing request learn from it
            now = shared.clock()
            start = max(now, host.next_start)
            # Later by up to a fifth: a rhythm to the millisecond meets every other visitor's that has one.
            host.next_start = start + host.interval * (1.0 + 0.2 * shared.chance())
            if start > now:
                await shared.sleep(start - now)
            began = budget.clock()
            try:
                async with asyncio.timeout(budget.left), AsyncExitStack() as stack:
                    return await self._ask(stack, url, asked, own)
            except TimeoutError:
                raise FetchError("timeout", url, "took too long to answer") from None
            except FetchError as error:
                raise error if error.url == url else _at(error, url) from None
            except aiohttp.ClientError as error:
                raise _translated(error, url) from None
            except OSError as error:
                message = error.strerror or str(error) or "no connection"
                raise FetchError("connect", url, message, ours=error.errno in _OUR_NETWORK) from None
            except ValueError as error:  # a response aiohttp itself could not make sense of
                raise FetchError("protocol", url, _one_line(error)) from None
            except Exception as error:
                if not self._egress.proxied or not type(error).__module__.startswith(("aiohttp_socks", "python_socks")):
                    raise
                raise _of_proxy(error, url, self._egress) from None
            finally:
                budget.left -= budget.clock() - began

    async def _ask(self, stack: AsyncExitStack, url: str, asked: _Asked, own: bool) -> Response | str:
        sent = {"Accept": asked.accept, "Accept-Encoding": "gzip, deflate", "User-Agent": self.user_agent}
        if own and self._credentials is not None:
            sent |= self._credentials.for_url(url, now=self._shared.now())
        validators = asked.validators
        if validators and validators.url not in (None, url):
            validators = None
        if validators and validators.etag:
            sent["If-None-Match"] = validators.etag
        if validators and validators.last_modified:
            sent["If-Modified-Since"] = validators.last_modified
        session = self._session(asked.allow_private)
        way = self._way(url, sent)
        request = session.get(URL(url, encoded=True), headers=sent, allow_redirects=False, **way)
        answer = await stack.enter_async_context(request)
        headers = _headers(answer)
        if answer.status in _REDIRECTS and headers.get("location"):
            return headers["location"]
        not_modified = answer.status == 304
        if not_modified and not validators:
            raise FetchError("protocol", url, "answers 304 to an unconditional request")
        fresh = _validators(headers, url)
        return Response(
            status=answer.status,
            url=url,
            hops=(),
            headers=headers,
            body=b"" if not_modified else await _body(answer, headers, url, asked.cap),
            validators=(fresh or validators or fresh) if not_modified else fresh,
            not_modified=not_modified,
            retry_after=retry_after(headers.get("retry-after"), now=self._shared.now()),
            sent=self._shown(answer.request_info.headers),
            address=None if self._egress.proxied else getattr(answer, "address", None),
            certificate=getattr(answer, "certificate", None),
            egress=self._egress.label,
        )

    def _shown(self, headers: Mapping[str, str]) -> Mapping[str, str]:
        hidden = _UNSHOWN | (self._credentials.secret if self._credentials else frozenset())
        return MappingProxyType({name: value for name, value in headers.items() if name.lower() not in hidden})

    def _way(self, url: str, sent: dict[str, str]) -> dict[str, Any]:
        """What one request says of its proxy. Plain http goes to an HTTP proxy as such, https by CONNECT: most proxies
        let CONNECT through to port 443 only. The proxy's password stands in the head that the proxy reads and passes
        on without it."""
        egress = self._egress
        if egress.kind != "http":
            return {}
        way: dict[str, Any] = {"proxy": URL.build(scheme="http", host=egress.host, port=egress.port)}
        if egress.username is not None:
            pair = b64encode(f"{egress.username}:{egress.password or ''}".encode()).decode()
            to_proxy = {"Proxy-Authorization": f"Basic {pair}"}
            if url.startswith("https:"):
                way["proxy_headers"] = to_proxy
            else:
                sent |= to_proxy
        return way

    def _host(self, host: str, private: bool) -> _Host:
        if (host, private) not in self._shared.hosts:
            # An outlet on one's own machine or network needs no manners, and a demonstration has no time for them.
            pace = self._shared.pace
            self._shared.hosts[host, private] = _Host(
                gate=asyncio.Semaphore(pace.per_host), interval=0.0 if private else pace.interval
            )
        return self._shared.hosts[host, private]

    def _session(self, allow_private: bool) -> aiohttp.ClientSession:
        """One session for each way out, and one more for outlets that may be private: connections and looked-up names
        are kept and used again, and must not pass from the one to the other."""
        key = (self._egress, allow_private)
        sessions = self._shared.sessions
        if key not in sessions:
            sessions[key] = aiohttp.ClientSession(
                connector=self._connector(allow_private),
                response_class=_Answer,
                cookie_jar=aiohttp.DummyCookieJar(),
                # Tor builds a circuit first, to an onion service two of them and a meeting point.
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=60.0 if self._egress.proxied else 15.0),
                auto_decompress=False,
                trust_env=False,
                max_line_size=MAX_HEADER_LINE,
                max_field_size=MAX_HEADER_LINE,
                max_headers=MAX_HEADERS,
                requote_redirect_url=False,
            )
        return sessions[key]

    def _connector(self, allow_private: bool) -> aiohttp.TCPConnector:
        shared, egress = self._shared, self._egress
        tls = shared.tls if shared.tls is not None else True
        if egress.kind in ("tor", "socks5h"):
            from aiohttp_socks import ProxyConnector, ProxyType

            return ProxyConnector(
                host=egress.host,
                port=egress.port,
                proxy_type=ProxyType.SOCKS5,
                username=egress.username,
                password=egress.password or ("" if egress.username is not None else None),
                rdns=True,
                limit=shared.pace.together,
                ssl=tls,
            )
        # An HTTP proxy is the one host that is looked up then, and the operator's own choice.
        resolver: AbstractResolver = aiohttp.ThreadedResolver()
        if not egress.proxied:
            resolver = GuardedResolver(shared.lookup, allow_private=allow_private)
        return aiohttp.TCPConnector(resolver=resolver, limit=shared.pace.together, ttl_dns_cache=60, ssl=tls)


class _Answer(aiohttp.ClientResponse):
    """An answer that knows who gave it: the connection may be gone by the time the headers are read."""

    address: str | None = None
    certificate: str | None = None

    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        transport = connection.transport
        if transport is not None:
            peer = transport.get_extra_info("peername")
            self.address = str(peer[0]) if peer else None
            tls = transport.get_extra_info("ssl_object")
            certificate = tls.getpeercert(binary_form=True) if tls is not None else None
            self.certificate = hashlib.sha256(certificate).hexdigest() if certificate else None
        return await super().start(connection)


# --- one answer -------------------------------------------------------------------------------------------------------


async def _body(answer: aiohttp.ClientResponse, headers: Mapping[str, str], url: str, cap: int) -> bytes:
    coding = coding_of(headers)
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


def _validators(headers: Mapping[str, str], url: str) -> Validators:
    return Validators(etag=_kept(headers.get("etag")), last_modified=_kept(headers.get("last-modified")), url=url)


def _kept(value: str | None) -> str | None:
    """A validator that can be sent back as it came; others are not kept at all rather than changed."""
    return value if value and len(value) <= MAX_VALIDATOR and value.isprintable() and "\ufffd" not in value else None


def retry_after(value: str | None, *, now: float) -> float | None:
    """Seconds a `Retry-After` asks us to stay away, at most a week; None where there is none that can be read. `now` is
    Unix time."""
    if not value:
        return None
    value = value.strip()
    if re.fullmatch(r"[0-9]{1,9}", value):
        return min(float(value), MAX_RETRY_AFTER)
    try:
        moment = parsedate_to_datetime(value[:60])
        # In GMT whether or not it says so (RFC 9110, section 5.6.7); without a zone Python takes it for this machine's.
        seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER)


def _at(error: FetchError, url: str) -> FetchError:
    """The resolver knows the host; the reader wants the address."""
    return FetchError(error.kind, url, str(error).partition(": ")[2], hint=error.hint)


def _of_proxy(error: Exception, url: str, egress: Egress) -> FetchError:
    """What a SOCKS proxy says. Its text is not repeated: it may name the proxy. Codes: RFC 1928, section 6, and Tor's
    own for onion services (0xF0 and above)."""
    named = "Tor" if egress.kind == "tor" else "the proxy"
    code = getattr(error, "error_code", None)
    if type(error).__name__ == "ProxyTimeoutError":
        return FetchError("timeout", url, f"took too long to answer through {named}")
    if isinstance(code, int) and (3 <= code <= 6 or code >= 0xF0):
        return FetchError("connect", url, f"{named} cannot reach it (SOCKS reply {code})")
    if type(error).__name__ == "ProxyConnectionError":
        return FetchError("proxy", url, f"{named} does not answer; it is not asked any other way")
    return FetchError("proxy", url, f"{named} refuses: SOCKS reply {code}" if code else f"{named} refuses us")


def _translated(error: aiohttp.ClientError, url: str) -> FetchError:
    if isinstance(error, aiohttp.ClientProxyConnectionError):
        return FetchError("proxy", url, "the proxy does not answer; it is not asked any other way")
    if isinstance(error, aiohttp.ClientHttpProxyError):
        passing = error.status in _PASSING
        return FetchError("connect" if passing else "proxy", url, f"the proxy answered {error.status}")
    if isinstance(error.__cause__, ssl.SSLError):  # through a SOCKS proxy; directly it is one of aiohttp's
        return FetchError("tls", url, _one_line(error.__cause__))
    if isinstance(error, aiohttp.ClientConnectorError) and error.os_error.errno in _OUR_NETWORK:
        return FetchError("connect", url, "there is no network", ours=True)
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
