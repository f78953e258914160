"""Where a request may go: which addresses, under which names, at which ports; and the error of one that gave no answer.

An address is judged *after* its name was resolved, and the connection goes to what was judged: `GuardedResolver` sits
in the connector. Addresses written as numbers never reach a resolver; `check_url` judges them before, and every
redirect as well.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable
from typing import Literal
from urllib.parse import urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult

from mirror.egress import DIRECT, Egress, ends_in_a_number, refusal
from mirror.errors import TamizdatError
from mirror.links import absolute

Lookup = Callable[[str], Awaitable[list[str]]]
Problem = Literal[
    "address",  # not a web address, or one we do not go to (private, port, user name in it)
    "resolve",  # the name has no address
    "connect",  # nobody answers there
    "proxy",  # the proxy (or Tor) does not answer, or refuses us; the outlet itself was not reached
    "paused",  # it failed too often, or asked for patience: not asked at all now
    "tls",  # certificate or handshake
    "timeout",  # the whole answer took too long
    "redirect",  # too many, in a circle, to nowhere, or down to http
    "too-large",
    "coding",  # a content coding we did not ask for, or broken
    "truncated",  # ended before its own length
    "protocol",  # not HTTP
]

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
    """A request that gave no answer we can use. `kind` says why, `url` which address failed (after redirects), `ours`
    that our own network is to blame."""

    def __init__(self, kind: Problem, url: str, message: str, *, hint: str | None = None, ours: bool = False) -> None:
        super().__init__(f"{url[:300]}: {message}", hint=hint)
        self.kind: Problem = kind
        self.url = url
        self.ours = ours


def permitted(address: str, *, allow_private: bool = False) -> bool:
    """Whether we connect to this IP address: globally reachable ones, with `allow_private` also this machine and the
    local network. An IPv6 address that carries an IPv4 one is judged by that."""
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


def check_url(url: str, *, allow_private: bool = False, egress: Egress = DIRECT) -> str:
    """`url` in normal form; FetchError unless it is one we may ask: http or https, no user name, a permitted port, and
    no address written as a number that is not permitted. Names are checked when they are resolved; through a proxy,
    which resolves them itself, those that would mean its own machine or network are refused, and so are all addresses
    that are not public, also with `allow_private`."""
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
    refused = refusal(host, egress, permitted)
    if refused is not None:
        raise FetchError("address", url, refused[0], hint=refused[1])
    try:
        ipaddress.ip_address(host)
    except ValueError:
        if ends_in_a_number(host):  # what a resolver would make of it is a guess, and a proxy's another one
            raise FetchError("address", url, f"{host[:60]} is neither a name nor an address") from None
        return normal
    if not permitted(host, allow_private=allow_private):
        raise _refused(url, host)
    return normal
