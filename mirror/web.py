"""HTTP as a reader needs it: one plain request after the other, nothing followed, nothing kept, a clock on every byte.

`requests` has no limit on how long an answer may take in all, reads the whole body of a redirect before it says that
there was one, and sends cookies back. A mirror may be hostile, so none of that is left to it.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import math
import socket
import time
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

if TYPE_CHECKING:
    from mirror.egress import Egress

# Everything that these libraries raise over what a server sends, or does not send.
FAILURES = (requests.RequestException, urllib3.exceptions.HTTPError, http.client.HTTPException, OSError, ValueError)


class Clock:
    """When the answer in work must be complete. `idle` is the longest silence in it; both in seconds."""

    def __init__(self, idle: float) -> None:
        self._idle = idle
        self._end = 0.0
        self._late = ""

    def start(self, total: float, last: float = math.inf) -> None:
        """An answer begins that may take `total` seconds, but not beyond `last` (of `time.monotonic`), when everything
        that this server is asked for must have come."""
        now = time.monotonic()
        self._end = min(now + total, last)
        self._late = f"not finished after {total:.0f} s" if now + total <= last else "too slow, for all that it gives"

    def left(self) -> float:
        """How long to wait for the next byte. Raises TimeoutError when the time is up."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError(self._late)
        return min(left, self._idle)

    def why(self, waited: float) -> str:
        """What to say when nothing came for so long as `left` allowed."""
        return self._late if waited < self._idle else f"silent for {waited:.0f} s"


class _Watched(io.RawIOBase):
    """A socket to read from, until the clock says stop: headers, chunk sizes and trailers too, however slowly they
    trickle."""

    def __init__(self, sock: socket.socket, clock: Clock) -> None:
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)
        self._clock = clock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._clock.left()
        self._sock.settimeout(left)
        with contextlib.suppress(TimeoutError):  # whose own words are "timed out"
            return self._raw.readinto(buffer)
        raise TimeoutError(self._clock.why(left))

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()


class Session(requests.Session):
    """A session whose answers all come within what `clock` allows. `way` is the way out; None: what the environment
    says."""

    def __init__(self, clock: Clock, address: str, way: Egress | None = None) -> None:
        super().__init__()
        # Proxies from the environment are the reader's wish; passwords from ~/.netrc would be a leak.
        self.trust_env = False
        self.proxies = requests.utils.get_environ_proxies(address, no_proxy=None) if way is None else _proxies(way)
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self.headers.clear()
        self.headers["Accept-Encoding"] = "identity"
        self.headers["User-Agent"] = "Mozilla/5.0"  # nothing that singles out the reader
        self.mount("http://", _Adapter(clock, way))
        self.mount("https://", _Adapter(clock, way))

    def get_redirect_target(self, resp: requests.Response) -> None:
        """None: with any other answer, `requests` reads the redirect's body, unpacked and without end."""


def _proxies(way: Egress) -> dict[str, str]:
    """For a proxy that speaks HTTP; SOCKS is spoken below it."""
    if way.kind != "http":
        return {}
    user = f"{quote(way.username, safe='')}:{quote(way.password or '', safe='')}@" if way.username else ""
    return dict.fromkeys(("http", "https"), f"http://{user}{way.host}:{way.port}")


class _Adapter(HTTPAdapter):
    def __init__(self, clock: Clock, way: Egress | None = None) -> None:
        class Answer(http.client.HTTPResponse):
            def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
                super().__init__(sock, *args, **kwargs)
                self.fp.close()
                self.fp = io.BufferedReader(_Watched(sock, clock))

        class Plain(HTTPConnection):
            response_class = Answer

            def _new_conn(self) -> socket.socket:
                return _through(way, self) or super()._new_conn()

        class Secure(HTTPSConnection):
            response_class = Answer

            def _new_conn(self) -> socket.socket:
                return _through(way, self) or super()._new_conn()

        class PlainPool(HTTPConnectionPool):
            ConnectionCls = Plain

        class SecurePool(HTTPSConnectionPool):
            ConnectionCls = Secure

        self._pools = {"http": PlainPool, "https": SecurePool}
        super().__init__(pool_connections=1, pool_maxsize=1)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs)
        if type(manager) is urllib3.ProxyManager:  # SOCKS has its own: there the clock is looked at between chunks
            manager.pool_classes_by_scheme = self._pools
        return manager


def _through(way: Egress | None, connection: HTTPConnection) -> socket.socket | None:
    """A connection by way of a SOCKS proxy, which looks the name up; None where there is no such proxy. (requests has
    SOCKS from PySocks; the client for outlets has python-socks already, and one is enough.)"""
    if way is None or way.kind not in ("tor", "socks5h"):
        return None
    from python_socks import ProxyError, ProxyType
    from python_socks.sync import Proxy

    proxy = Proxy(ProxyType.SOCKS5, way.host, way.port, way.username, way.password, rdns=True)
    wait = connection.timeout if isinstance(connection.timeout, int | float) else None
    try:
        return proxy.connect(connection.host, connection.port, timeout=wait)
    except ProxyError as error:
        raise OSError(f"the proxy at {way.host}:{way.port} says: {error}") from error
