"""Connections to one host: TCP (or through a proxy), then TLS by these rules, and a way to end them all at once.

    ca            file:/path or /path of PEM certificates: these authorities count, and no others
    fingerprint   sha256:… of the server's own certificate: that one counts, whoever signed it, whatever name is in it
    egress        tor, tor://HOST:PORT, socks5h://HOST:PORT, http://HOST:PORT (mirror.egress); `.onion` goes through Tor

Without `ca` and `fingerprint` the system's authorities count, and the name must be right. In the clear only to this
machine itself and to `.onion` (which Tor encrypts end to end). Nothing is taken from the environment.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mirror.egress import DIRECT, Egress, parse
from mirror.errors import TamizdatError
from mirror.targets import Kind, Secret, TargetError
from mirror.targets._probe import Failed, Step, dns_step, good_for, mend_certificate, tcp_step

SETTINGS: Final = ("ca", "fingerprint", "egress")
CONNECT_SECONDS: Final = 10.0
IDLE_SECONDS: Final = 60.0  # for the next bytes, in either direction
WHOLE_SECONDS: Final = 120.0  # for one request and its answer, besides what its bytes take on the slowest line
SLOWEST: Final = 16_384  # bytes a second; a line slower than this does not carry a publication
_PINNED: Final = re.compile(r"(?:sha256:)?((?:[0-9a-f]{2}:?){31}[0-9a-f]{2})", re.IGNORECASE)
_LOOPBACK: Final = re.compile(r"127\.\d{1,3}\.\d{1,3}\.\d{1,3}|localhost|::1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """Where a host is and how it is reached."""

    host: str
    port: int
    tls: bool = True
    ca: Path | None = None
    fingerprint: str | None = None  # 64 hex digits
    egress: Egress = DIRECT

    @property
    def private(self) -> bool:
        """Whether nobody on the way can read or change what is sent even without TLS."""
        return is_private(self.host)


def is_private(host: str) -> bool:
    return bool(_LOOPBACK.fullmatch(host)) or host.endswith(".onion")


def read_way(name: str, host: str, port: int, *, tls: bool, settings: Mapping[str, str]) -> Way:
    """The way these settings name; raises TargetError (`config`)."""

    def wrong(message: str, hint: str | None) -> TargetError:
        return TargetError(f"{name}: {message}", kind="config", hint=hint)

    ca = settings.get("ca")
    path = Path(ca.removeprefix("file:")) if ca else None
    if path is not None and not path.is_absolute():
        raise wrong(f"ca = {ca!r} is not a file's path from / on", "ca = file:/path/of/authority.pem")
    pinned = settings.get("fingerprint")
    matched = _PINNED.fullmatch(pinned) if pinned else None
    if pinned and not matched:
        hint = "it has 64 hex digits: openssl x509 -in cert.pem -noout -fingerprint -sha256"
        raise wrong("fingerprint is no SHA-256", hint)
    try:
        given = settings.get("egress") or ("tor" if host.endswith(".onion") else "direct")
        egress = parse(given, isolation=("tamizdat", name))
    except TamizdatError as error:
        raise wrong(str(error), error.hint) from None
    if host.endswith(".onion") and egress.kind not in ("tor", "socks5h"):
        raise wrong("an .onion address is reached through Tor only", "egress = tor")
    return Way(
        host=host,
        port=port,
        tls=tls,
        ca=path,
        fingerprint=matched[1].replace(":", "").lower() if matched else None,
        egress=egress,
    )


def reveal(name: str, secret: Secret, settings: Mapping[str, str], key: str) -> str:
    """The secret this setting refers to, "" when there is no such setting. A secret itself is refused: it would stand
    in a file that is shown around."""
    given = settings.get(key, "")
    if not given:
        return ""
    if not re.match(r"(env|file|cred):", given):
        hint = f"{key} = env:NAME, file:/path or cred:NAME"
        raise TargetError(f"{name}: {key} must be a reference, not the secret itself", kind="config", hint=hint)
    try:
        return secret(given)
    except TamizdatError as error:
        raise TargetError(f"{name}: {error}", kind="config", hint=error.hint) from error


class Wires:
    """Sockets to one host. `close` may be called from any thread: every socket ends, none is opened any more, and
    whoever waits on one gets an OSError, which `explain` turns into "was closed"."""

    def __init__(self, name: str, way: Way, *, connect_seconds: float = CONNECT_SECONDS) -> None:
        self.name, self.way = name, way
        self.connect_seconds = connect_seconds
        self._context: ssl.SSLContext | None = None
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self.closed = False

    # --- opening and closing ----------------------------------------------------------------------------------------

    def connect(self, port: int | None = None) -> socket.socket:
        """A socket without TLS, to the host's usual port or another one. Raises TargetError."""
        way, where = self.way, port or self.way.port
        if self.closed:
            raise self._was_closed()
        try:
            sock = self._dial(where)
        except TargetError:
            raise
        except Exception as error:
            raise self._cannot_reach(error, where) from None
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._keep(sock, way)

    def secure(self, sock: socket.socket, *, session: ssl.SSLSession | None = None) -> ssl.SSLSocket:
        """The same connection with TLS, the certificate checked. Raises TargetError, and the socket is gone then."""
        try:
            context = self.context()
            sock.settimeout(self.connect_seconds)
            with self._lock:
                self._open.discard(sock)
                wrapped = context.wrap_socket(
                    sock, server_hostname=self.way.host, session=session, do_handshake_on_connect=False
                )
                self._open.add(wrapped)
        except (OSError, ValueError) as error:
            self.forget(sock)
            raise self.explain(error, "TLS") from None
        try:
            if self.closed:
                raise self._was_closed()
            wrapped.do_handshake()
            pinned = self.way.fingerprint
            if pinned:
                found = hashlib.sha256(wrapped.getpeercert(binary_form=True) or b"").hexdigest()
                if found != pinned:
                    raise TargetError(
                        f"{self.name}: {self.way.host} shows another certificate than the one in the settings",
                        kind="tls",
                        hint=f"renewed by yourself: fingerprint = sha256:{found}; else somebody is in between",
                    )
        except (OSError, ValueError) as error:
            self.forget(wrapped)
            raise self.explain(error, "TLS") from None
        except TargetError:
            self.forget(wrapped)
            raise
        return wrapped

    def open(self) -> socket.socket:
        sock = self.connect()
        return self.secure(sock) if self.way.tls else sock

    def forget(self, sock: socket.socket) -> None:
        with self._lock:
            self._open.discard(sock)
        with contextlib.suppress(OSError):
            sock.close()

    def close(self) -> None:
        with self._lock:
            self.closed = True
            for sock in self._open:
                # Not SSLSocket's own: it would take TLS away under a thread that is about to write.
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def __del__(self) -> None:
        # Whoever forgets to close leaves no connection behind.
        for sock in self._open:
            sock.close()

    def context(self) -> ssl.SSLContext:
        with self._lock:
            if self._context is None:
                ca, context = self.way.ca, ssl.create_default_context()
                if ca is not None:
                    try:
                        context = ssl.create_default_context(cafile=str(ca))
                    except (OSError, ssl.SSLError) as error:
                        raise TargetError(
                            f"{self.name}: ca {ca}: {getattr(error, 'strerror', None) or error}",
                            kind="config",
                            hint="a file of certificates in PEM form that this account can read",
                        ) from None
                if self.way.fingerprint:
                    context.check_hostname = False
                    context.verify_mode = ssl.CERT_NONE  # `secure` compares the certificate itself
                self._context = context
            return self._context

    def _keep(self, sock: socket.socket, way: Way) -> socket.socket:
        with self._lock:
            self._open.add(sock)
        if self.closed:
            self.forget(sock)
            raise self._was_closed()
        return sock

    def _dial(self, port: int) -> socket.socket:
        way = self.way
        if not way.egress.proxied:
            return socket.create_connection((way.host, port), timeout=self.connect_seconds)
        from python_socks import ProxyType
        from python_socks.sync import Proxy

        out = way.egress
        kind = ProxyType.HTTP if out.kind == "http" else ProxyType.SOCKS5
        proxy = Proxy(
            proxy_type=kind, host=out.host, port=out.port, username=out.username, password=out.password, rdns=True
        )
        # Tor builds a circuit first, and for an onion a second one.
        return proxy.connect(way.host, port, timeout=max(self.connect_seconds, 60.0))

    # --- what goes wrong --------------------------------------------------------------------------------------------

    def _was_closed(self) -> TargetError:
        return TargetError(f"{self.name}: the connection was closed from here", kind="unreachable", hint="run again")

    def _cannot_reach(self, error: Exception, port: int) -> TargetError:
        way = self.way
        if self.closed:
            return self._was_closed()
        if way.egress.proxied:
            message = f"{self.name}: {way.host}:{port} can't be reached through {way.egress.label}: {_said(error)}"
            hint = "is the proxy running, and the address right?"
        elif isinstance(error, socket.gaierror | UnicodeError):
            message = f"{self.name}: the name {way.host} has no address ({_said(error)})"
            hint = "correct the host's name, or this machine's resolver"
        else:
            message = f"{self.name}: {way.host}:{port} can't be reached: {_said(error)}"
            hint = "is the server up, the port right, a firewall in between?"
        return TargetError(message, kind="unreachable", hint=hint)

    def explain(self, error: Exception, what: str) -> TargetError:
        """The TargetError for what a socket raised in the middle of things."""
        kind: Kind = "transient"
        where = f"{self.name}: {self.way.host}: {what}"
        if self.closed:
            return self._was_closed()
        if isinstance(error, ssl.SSLCertVerificationError):
            own = "; for a server of your own: --set ca=file:/path/of/authority.pem, or --set fingerprint=sha256:…"
            said, hint = f"certificate refused: {error.verify_message}", mend_certificate(error) + own
            kind = "tls"
        elif isinstance(error, TimeoutError):
            said, hint = "no answer in time", "set workers to fewer, if it stays so"
        elif isinstance(error, ssl.SSLError) and what == "TLS":
            said, hint = f"no TLS there ({_said(error)})", "another port, or another scheme?"
            kind = "tls"
        else:
            said, hint = f"the connection broke: {_said(error)}", "the next run goes on"
        return TargetError(f"{where}: {said}", kind=kind, hint=hint)


class Deadline:
    """When an operation must be over. Bytes that move push it back, so that large files may take their time but a
    server that sends a byte now and then cannot hold anybody."""

    def __init__(self, *, idle: float = IDLE_SECONDS, whole: float = WHOLE_SECONDS) -> None:
        self._idle, self._end = idle, time.monotonic() + whole

    def moved(self, size: int) -> None:
        self._end += size / SLOWEST

    def left(self) -> float:
        """Seconds to wait for the next bytes; raises TimeoutError when the time is over."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("the whole took too long")
        return min(left, self._idle)


def _said(error: Exception) -> str:
    """One short line of an exception's own words."""
    said = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return re.sub(r"\s*\(_ssl\.c:\d+\)|[^\x20-\x7e]", "", str(said))[:160]


# --- steps of a probe ----------------------------------------------------------------------------------------------


def way_steps(wires: Wires, *, secure: bool = True) -> Iterator[Step]:
    """DNS, TCP and, when told, TLS by the target's own rules. Through a proxy the first two are the proxy's."""
    way = wires.way

    def through() -> str:
        wires.forget(wires.connect())
        return f"{way.host}:{way.port} reached through {way.egress.label}"

    if way.egress.proxied:
        yield Step("TCP", through)
    else:
        yield dns_step(way.host, way.port)
        yield tcp_step(way.host, way.port)
    if secure:
        yield Step("TLS", lambda: tls_told(wires, wires.open), required=way.tls)


def tls_told(wires: Wires, opened: object) -> str:
    """What is to be said of a connection's TLS."""
    way = wires.way
    if not way.tls:
        return f"none, {'Tor encrypts it' if way.host.endswith('.onion') else 'on this machine only'}"
    sock = opened() if callable(opened) else opened
    try:
        if not isinstance(sock, ssl.SSLSocket):
            raise Failed("none", "turn TLS on at the server")
        if way.fingerprint:
            return f"{sock.version()}, the certificate is the one in the settings"
        return good_for(sock)
    finally:
        if isinstance(sock, socket.socket):
            wires.forget(sock)
