"""Steps of a probe that every kind of target shares.

A step is a name and a function that returns what it found, or raises `Failed` with what is wrong and the one line that
mends it. `walk` turns steps into checks, stops after the first required one that fails, and removes what was written.
"""

from __future__ import annotations

import contextlib
import gzip
import re
import secrets
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final

from mirror.errors import TamizdatError
from mirror.targets import IMMUTABLE, Check, Meta, Target

FOLDER: Final = "tamizdat-probe"
_READ_AT_MOST: Final = 1 << 20


class Failed(Exception):
    """`required` overrides the step's: the same step can find what only hinders and what makes it useless."""

    def __init__(self, detail: str, fix: str | None, *, required: bool | None = None) -> None:
        super().__init__(detail)
        self.detail, self.fix, self.required = detail, fix, required


@dataclass(frozen=True, slots=True)
class Step:
    name: str
    act: Callable[[], str]
    required: bool = True


def walk(target: Target, steps: Iterable[Step]) -> Iterator[Check]:
    """A check per step. Whatever ends the probe, its files are deleted."""
    written = False
    try:
        for step in steps:
            written = written or step.name in ("put", "public files")
            try:
                check = Check(name=step.name, ok=True, detail=step.act(), required=step.required)
            except Failed as failed:
                required = step.required if failed.required is None else failed.required
                check = Check(name=step.name, ok=False, detail=failed.detail, fix=failed.fix, required=required)
            except TamizdatError as error:
                kind = getattr(error, "kind", None)
                check = Check(
                    name=step.name, ok=False, detail=str(error), fix=error.hint, required=step.required, kind=kind
                )
            yield check
            if check.required and not check.ok:
                return
    finally:
        if written:
            with contextlib.suppress(TamizdatError):
                target.delete(KEYS.values())
                if target.caps.staged:
                    target.commit({})


# --- the way there -------------------------------------------------------------------------------------------------

CONNECT_SECONDS: Final = 10
SKEW: Final = 60  # seconds; S3 refuses signatures 15 minutes off, proofs of age suffer long before
EXPIRES_SOON: Final = 14  # days; a certificate that renews itself is renewed at 30
LOOPBACK: Final = re.compile(r"127\.|localhost$|\[?::1\]?$")


def dns_step(host: str, port: int) -> Step:
    """Whether the name has an address, and which."""

    def act() -> str:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            fix = "correct the host's name, or this machine's resolver"
            raise Failed(f"{host} has no address ({error})", fix) from None
        return f"{host} is {', '.join(sorted({str(each[4][0]) for each in found})[:4])}"

    return Step("DNS", act)


def tcp_step(host: str, port: int) -> Step:
    """Whether somebody listens there."""

    def act() -> str:
        began = time.monotonic()
        try:
            socket.create_connection((host, port), timeout=CONNECT_SECONDS).close()
        except OSError as error:
            fix = "correct the port; is the server up, is a firewall in between?"
            raise Failed(f"{host}:{port} doesn't answer ({error})", fix) from None
        return f"connected to port {port} in {(time.monotonic() - began) * 1000:.0f} ms"

    return Step("TCP", act)


def tls_step(
    host: str, port: int, *, tls: bool = True, before: Callable[[socket.socket], object] | None = None
) -> Step:
    """Whether the certificate is good for that name, and for how long. `tls` False: the settings ask for none, which
    is fine on this machine alone. `before` speaks what a protocol says in the clear first (FTP: AUTH TLS)."""

    def act() -> str:
        if not tls:
            if LOOPBACK.match(host):
                return "none, on this machine's own address"
            raise Failed("none: everybody on the way can change what is stored", "use https:// in the address")
        try:
            with socket.create_connection((host, port), timeout=CONNECT_SECONDS) as plain:
                if before is not None:
                    before(plain)
                with ssl.create_default_context().wrap_socket(plain, server_hostname=host) as wrapped:
                    return good_for(wrapped)
        except ssl.SSLCertVerificationError as error:
            raise Failed(f"certificate refused: {error.verify_message}", mend_certificate(error)) from None
        except (OSError, ValueError) as error:
            raise Failed(f"no TLS there ({error})", "http:// instead of https://, or another port?") from None

    return Step("TLS", act, required=tls)


def good_for(wrapped: ssl.SSLSocket) -> str:
    """How long the certificate of this connection is good for, in words; raises Failed when that is not long."""
    shown = wrapped.getpeercert() or {}
    begins, ends = (ssl.cert_time_to_seconds(str(shown.get(word))) for word in ("notBefore", "notAfter"))
    left = ends - time.time()
    days = f"{left / 86400:.0f} days" if left > 2 * 86400 else f"{left / 3600:.0f} hours"
    # Some are made for six days or less, and renewed when half of that is over.
    if left < min(EXPIRES_SOON * 86400, (ends - begins) / 4):
        raise Failed(f"the certificate ends in {days}", "renew it now, and let that happen by itself")
    return f"{wrapped.version()}, certificate good for {days} more"


_REFUSED: Final[tuple[tuple[int, str], ...]] = (  # X509_V_ERR_…, from OpenSSL's x509_vfy.h
    (10, "it has expired: renew it (certbot renew), and reload the server"),
    (9, "it is not valid yet: is this machine's clock right?"),
    (62, "it is for another name: use the name that is in it, or get one for this name"),
    (64, "it is for a name, not for this address: use the name"),
    (18, "it is signed by itself: get one that browsers know, for instance with certbot"),
    (19, "it is signed by an authority that browsers don't know: get one from an authority they do"),
    (20, "the server leaves out the certificate in between: serve fullchain.pem, not cert.pem"),
    (21, "the server leaves out the certificate in between: serve fullchain.pem, not cert.pem"),
)


def mend_certificate(error: ssl.SSLCertVerificationError) -> str:
    return dict(_REFUSED).get(error.verify_code, "correct the name, or the server's certificate")


def clock_step(url: str) -> Step:
    """Whether this machine's clock agrees with the server's `Date`. `url` is asked with HEAD; any answer will do."""

    def act() -> str:
        import requests

        try:
            answer = requests.head(url, timeout=CONNECT_SECONDS, allow_redirects=False)
            there = parsedate_to_datetime(answer.headers["Date"]).timestamp()
        except (requests.RequestException, KeyError, ValueError) as error:
            return f"the server doesn't tell its time ({type(error).__name__})"
        apart = time.time() - there
        if abs(apart) > SKEW:
            raise Failed(f"{apart:+.0f} s from the server's", "set this machine's clock: timedatectl set-ntp true")
        return f"{apart:+.0f} s from the server's"

    return Step("clock", act, required=False)


# --- files ---------------------------------------------------------------------------------------------------------

_TOKEN: Final = secrets.token_hex(4)  # so that two probes at once don't trip over each other
KEYS: Final = {
    "object": f"{FOLDER}/{_TOKEN}-object",
    "pointer": f"{FOLDER}/{_TOKEN}-pointer",
    "page": f"{FOLDER}/{_TOKEN}-page.html",
    "picture": f"{FOLDER}/{_TOKEN}-picture",
    "missing": f"{FOLDER}/{_TOKEN}-missing",
}


def random_gzip(size: int) -> bytes:
    # Compressed like the real objects, so that a server which labels or unpacks gzip shows it.
    return gzip.compress(secrets.token_bytes(size), mtime=0)


def files_steps(target: Target) -> Iterator[Step]:
    """Write, read back, overwrite, write twice, ask for what isn't there, delete."""
    key, pointer = KEYS["object"], KEYS["pointer"]
    data, old, new = random_gzip(9_000), b"1 " + random_gzip(64), b"2 " + random_gzip(80)

    def same(what: str, wanted: bytes) -> str:
        found = target.get(what, cap=_READ_AT_MOST)
        if found != wanted:
            told = "nothing" if found is None else f"{len(found)} other bytes"
            raise Failed(f"{len(wanted)} bytes went in, {told} came out", "this storage changes files; use another")
        return f"the same {len(wanted)} bytes"

    def put() -> str:
        target.put(key, data, Meta(content_type="application/gzip", cache_control=IMMUTABLE))
        target.flush()
        return f"{len(data)} bytes written"

    def first_pointer() -> str:
        target.commit({pointer: old})
        return same(pointer, old)

    def overwrite() -> str:
        target.commit({pointer: new})
        same(pointer, new)
        return "the new bytes at once"

    def twice() -> str:
        target.put(key, data, Meta(content_type="application/gzip", cache_control=IMMUTABLE))
        return "writing the same file again is accepted; " + same(key, data)

    def missing() -> str:
        if target.get(KEYS["missing"], cap=_READ_AT_MOST) is not None:
            raise Failed("a file that was never written is there", "this storage invents files; use another")
        return "a file that isn't there is said not to be there"

    def names() -> str:
        folder, _, last = key.rpartition("/")
        if target.get(f"{folder}/{last.upper()}", cap=_READ_AT_MOST) is not None:
            told = "upper and lower case are one there: two files whose names differ by that become one"
            raise Failed(
                told, "use a file system that tells them apart (ext4, not FAT or NTFS; on a Mac: APFS, case-sensitive)"
            )
        return "upper and lower case are told apart"

    def delete() -> str:
        target.delete((key, pointer))
        if target.get(key, cap=_READ_AT_MOST) is not None:
            raise Failed("a deleted file is still there", "allow this account to delete, and turn versioning off")
        return "gone"

    yield Step("put", put)
    yield Step("read back", lambda: same(key, data))
    yield Step("pointer", first_pointer)
    yield Step("overwrite", overwrite)
    yield Step("write twice", twice)
    yield Step("missing file", missing, required=False)
    yield Step("names", names, required=False)
    yield Step("delete", delete, required=False)


def public_steps(target: Target, public: str, provider: str | None = None, **names: str) -> Iterator[Step]:
    """See `mirror.targets._public`, which is loaded when readers have an address."""
    from mirror.targets._public import public_steps as steps

    yield from steps(target, public, provider, **names)
