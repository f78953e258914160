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
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlsplit

from mirror.errors import TamizdatError
from mirror.targets import IMMUTABLE, Check, Meta, Target, meta_for

FOLDER: Final = "tamizdat-probe"
STALE: Final = 300  # seconds a pointer may be kept by a cache
SLOW: Final = 20_000  # bytes a second; below this a page with pictures takes minutes
_SPEED_BYTES: Final = 65_536
_TIMEOUT: Final = (10, 20)  # seconds to connect, and between two reads
_READ_AT_MOST: Final = 1 << 20


class Failed(Exception):
    def __init__(self, detail: str, fix: str | None) -> None:
        super().__init__(detail)
        self.detail, self.fix = detail, fix


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
                check = Check(name=step.name, ok=False, detail=failed.detail, fix=failed.fix, required=step.required)
            except TamizdatError as error:
                check = Check(name=step.name, ok=False, detail=str(error), fix=error.hint, required=step.required)
            yield check
            if step.required and not check.ok:
                return
    finally:
        if written:
            with contextlib.suppress(TamizdatError):
                target.delete(_KEYS.values())


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
    days = (ssl.cert_time_to_seconds(str((wrapped.getpeercert() or {}).get("notAfter"))) - time.time()) / 86400
    if days < EXPIRES_SOON:
        raise Failed(f"the certificate ends in {days:.0f} days", "renew it now, and let that happen by itself")
    return f"{wrapped.version()}, certificate good for {days:.0f} days more"


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
_KEYS: Final = {
    "object": f"{FOLDER}/{_TOKEN}-object",
    "pointer": f"{FOLDER}/{_TOKEN}-pointer",
    "page": f"{FOLDER}/{_TOKEN}-page.html",
    "missing": f"{FOLDER}/{_TOKEN}-missing",
}


def _random(size: int) -> bytes:
    # Compressed like the real objects, so that a server which labels or unpacks gzip shows it.
    return gzip.compress(secrets.token_bytes(size), mtime=0)


def files_steps(target: Target) -> Iterator[Step]:
    """Write, read back, overwrite, write twice, ask for what isn't there, delete."""
    key, pointer = _KEYS["object"], _KEYS["pointer"]
    data, old, new = _random(9_000), b"1 " + _random(64), b"2 " + _random(80)

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
        if target.get(_KEYS["missing"], cap=_READ_AT_MOST) is not None:
            raise Failed("a file that was never written is there", "this storage invents files; use another")
        return "a file that isn't there is said not to be there"

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
    yield Step("delete", delete, required=False)


# --- what a reader meets -------------------------------------------------------------------------------------------


def public_steps(target: Target, public: str) -> Iterator[Step]:
    """Anonymous requests to the address readers use, as the reader's page makes them (`Origin: null`)."""
    as_reader = _AsReader(target, public)
    yield Step("public files", as_reader.write)
    yield Step("anonymous read", as_reader.anonymous)
    yield Step("CORS", as_reader.cors, required=False)
    yield Step("caching", as_reader.caching, required=False)
    yield Step("content types", as_reader.types, required=False)
    yield Step("ranges", as_reader.ranges, required=False)
    yield Step("missing file in public", as_reader.absent, required=False)
    yield Step("speed", as_reader.speed, required=False)


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


class _AsReader:
    def __init__(self, target: Target, public: str) -> None:
        self._target, self._public = target, public
        self._base = public.rstrip("/") + "/"
        self._data = _random(_SPEED_BYTES)
        self._object: Mapping[str, str] = {}

    def _get(self, key: str, **headers: str) -> _Answer:
        import requests

        try:
            # Plain `requests.get`, a new connection each time: nothing to close when a probe is left half-way.
            with requests.get(
                self._base + key,
                headers={"Origin": "null", "Accept-Encoding": "identity", **headers},
                stream=True,
                timeout=_TIMEOUT,
                allow_redirects=False,
            ) as answer:
                body: bytes = answer.raw.read(_READ_AT_MOST, decode_content=False)
                return _Answer(answer.status_code, answer.headers, body)
        except (requests.RequestException, OSError, ValueError) as error:
            reason = re.sub(r"<[^>]*>|\(Caused by |HTTPS?Connection(Pool)?\([^)]*\): ?", "", str(error))[:200]
            fix = "check the address, its DNS and its certificate"
            raise Failed(f"no answer from {self._base}: {reason}", fix) from None

    def write(self) -> str:
        parts = urlsplit(self._base)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
            raise Failed(f"{self._public} is not a web address", "write it like https://mirror.example/")
        meta = Meta(content_type="application/gzip", cache_control=IMMUTABLE)
        self._target.put(_KEYS["object"], self._data, meta)
        self._target.put(_KEYS["page"], b"<!doctype html><title>probe</title>", meta_for("index.html"))
        self._target.commit({_KEYS["pointer"]: b"1"})
        return "three files put there to be read"

    def anonymous(self) -> str:
        began = time.monotonic()
        answer = self._get(_KEYS["object"])
        took = time.monotonic() - began
        self._object, status = answer.headers, answer.status
        if status in range(300, 400):
            where = answer.headers.get("Location", "")[:200]
            raise Failed(f"redirects to {where}", "use the address where files are answered without a redirect")
        if status != 200:
            raise Failed(f"status {status} for a file just written", _UNREADABLE.get(status, "its log says why"))
        coding = answer.headers.get("Content-Encoding", "identity")
        if coding != "identity":
            raise Failed(f"Content-Encoding: {coding} was added", "turn compression off for this host")
        if answer.body != self._data:
            told = f"{len(self._data)} bytes went in, {len(answer.body)} others came out"
            raise Failed(told, "turn off whatever rewrites files on the way")
        return f"the same {len(answer.body)} bytes in {took:.2f} s"

    def cors(self) -> str:
        allowed = self._object.get("Access-Control-Allow-Origin")
        if allowed not in ("*", "null"):
            told = f"Access-Control-Allow-Origin: {allowed}" if allowed else "no Access-Control-Allow-Origin"
            fix = (
                "send `Access-Control-Allow-Origin: *` with GET and HEAD (S3: a CORS rule; nginx: add_header … always)"
            )
            raise Failed(told, fix)
        return f"Access-Control-Allow-Origin: {allowed}"

    def caching(self) -> str:
        control = self._get(_KEYS["pointer"]).headers.get("Cache-Control", "")
        kept = re.search(r"max-age=(\d{1,10})", control)
        if kept and int(kept[1]) > STALE and not re.search(r"no-cache|no-store", control):
            fix = "send `Cache-Control: no-cache` for front and checkpoint"
            raise Failed(f"pointers may be kept for {kept[1]} s", fix)
        self._target.commit({_KEYS["pointer"]: b"2"})
        if self._get(_KEYS["pointer"]).body != b"2":
            fix = "turn the cache in front of it off for front and checkpoint"
            raise Failed("a pointer just overwritten is still served as it was", fix)
        if not control:
            fix = "send `no-cache` for front and checkpoint, `immutable` below o/ and tile/"
            raise Failed("no Cache-Control", fix)
        return f"{control}; a new pointer shows at once"

    def types(self) -> str:
        page = self._get(_KEYS["page"]).headers.get("Content-Type", "nothing")
        other = self._object.get("Content-Type", "nothing")
        if not page.lower().startswith("text/html"):
            raise Failed(f"a page comes as {page}", "serve .html as text/html; charset=utf-8")
        if other.lower().startswith("text/"):
            fix = "serve files without an ending as application/octet-stream"
            raise Failed(f"an object comes as {other}", fix)
        return f"pages {page}, objects {other}"

    def ranges(self) -> str:
        answer = self._get(_KEYS["object"], Range="bytes=100-199")
        if answer.status != 206 or answer.body != self._data[100:200]:
            told = f"status {answer.status}, {len(answer.body)} bytes for 100 asked for"
            raise Failed(told, "turn on byte ranges, so that pictures resume on a bad line")
        return "206 with the right bytes"

    def absent(self) -> str:
        status = self._get(_KEYS["missing"]).status
        if status == 403:
            return "status 403: the bucket may not be listed, readers take that for absent"
        if status not in (404, 410):
            fix = "answer 404 for a file that isn't there, without a page of your own"
            raise Failed(f"status {status} for a file that isn't there", fix)
        return f"status {status}"

    def speed(self) -> str:
        began = time.monotonic()
        size = len(self._get(_KEYS["object"]).body)
        took = max(time.monotonic() - began, 1e-6)
        told = f"{took:.2f} s for {size // 1024} KiB, {size / took / 1024:,.0f} KiB/s"
        if size / took < SLOW:
            raise Failed(told, "a mirror nearer to readers, or with more bandwidth, would serve them better")
        return told


_MAY_NOT: Final = "let everybody read: a bucket policy with s3:GetObject for *, or public access, or chmod o+r"
_UNREADABLE: Final = {
    401: _MAY_NOT,
    403: _MAY_NOT,
    404: "the address must lead to the very folder or bucket prefix that files are pushed to",
    410: "the address must lead to the very folder or bucket prefix that files are pushed to",
}
