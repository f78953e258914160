"""What a reader's browser meets at a mirror's public address.

The reader is a page: from a file (its origin is `null`), or from another mirror. It fetches without credentials,
follows no redirect, and hashes what comes *after* the browser has undone any Content-Encoding; `tamizdat verify` and
the audit ask for `identity` and hash what comes. So both are tried. A reader sends no header that needs a preflight,
and of an answer's headers it looks at Content-Length alone, which no server has to expose.

Every failure says what to do at that very host, from `mirror.providers`: by its name, else by its `Server` header.
"""

from __future__ import annotations

import contextlib
import difflib
import re
import socket
import ssl
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin, urlsplit

from mirror.targets import IMMUTABLE, Meta, Target, kind_of, meta_for
from mirror.targets._probe import (
    CONNECT_SECONDS,
    KEYS,
    LOOPBACK,
    Failed,
    Step,
    good_for,
    mend_certificate,
    random_gzip,
)

if TYPE_CHECKING:
    from mirror.egress import Egress
    from mirror.providers import CheckName, Provider

STALE: Final = 300  # seconds a pointer may be kept by a cache
SLOW: Final = 20_000  # bytes a second; below this a page with pictures takes minutes
ORIGINS: Final = ("null", "https://reader.example")
SPEED_BYTES: Final = 65_536
READ_AT_MOST: Final = 1 << 20
SECONDS: Final = 40.0  # for one answer, all of it
IDLE: Final = 20.0  # seconds of silence
PAUSE: Final = 5.0  # seconds between two looks at a host that is building its pages

# An address to obscure, a script to move, a place to put an advertisement: what hosts that rewrite pages look for.
PAGE: Final = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>probe</title>
<style>p { margin: 0 }</style>
</head>
<body>
<!-- probe -->
<p>probe\u2014<a href="mailto:probe@mirror.example">probe@mirror.example</a></p>


<script>/* probe */</script>
</body>
</html>
""".encode()
PICTURE: Final = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360606060000000050001a5f64540"
    "0000000049454e44ae426082"
)


def public_steps(target: Target, public: str, provider: str | None = None, **names: str) -> Iterator[Step]:
    """Anonymous requests to the address readers use. `provider` is the id of the host, when the settings say it;
    `names` (bucket, endpoint, region, account, container) are put into what is to be typed there."""
    reader = _AsReader(target, public, provider, names)
    yield Step("public files", reader.write)
    if reader.encrypted is not None:
        yield Step("public TLS", reader.tls, required=reader.encrypted)
    yield Step("anonymous read", reader.anonymous)
    yield Step("compression", reader.compression, required=False)
    yield Step("CORS", reader.cors, required=False)
    yield Step("caching", reader.caching, required=False)
    yield Step("rewriting", reader.rewriting, required=False)
    yield Step("content types", reader.types, required=False)
    yield Step("ranges", reader.ranges, required=False)
    yield Step("missing file in public", reader.absent, required=False)
    yield Step("speed", reader.speed, required=False)


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes  # as it came
    seconds: float

    def all(self, name: str) -> tuple[str, ...]:
        return tuple(value for each, value in self.headers if each.lower() == name.lower())

    def get(self, name: str) -> str:
        """The header's value, several joined by commas; empty when it isn't there."""
        return ", ".join(self.all(name)).strip()

    @property
    def html(self) -> bool:
        return self.get("Content-Type").lower().startswith("text/html") or self.body[:200].lstrip()[:1] == b"<"

    @property
    def title(self) -> str:
        found = re.search(rb"<title[^>]{0,200}>([^<]{0,200})", self.body, re.IGNORECASE)
        return " ".join(found[1].decode("utf-8", "replace").split())[:60] if found else ""

    def undone(self) -> bytes | None:
        """The body as a browser hands it to a page; None when it can't make sense of it."""
        data = self.body
        for coding in reversed([part.strip().lower() for part in self.get("Content-Encoding").split(",")]):
            if coding in ("", "identity"):
                continue
            if coding not in ("gzip", "x-gzip", "deflate"):
                return None
            try:
                data = zlib.decompressobj(47).decompress(data, READ_AT_MOST)
            except zlib.error:
                return None
        return data


class Unanswered(Failed):
    """Nothing came, or not in time."""


def ask(url: str, method: str = "GET", **headers: str) -> Answer:
    """One request on a connection of its own, nothing followed. Raises Unanswered."""
    from mirror.web import FAILURES, Clock, Session

    host = urlsplit(url).hostname or ""
    clock = Clock(IDLE)
    clock.start(SECONDS)
    began = time.monotonic()
    with Session(clock, url, _tor() if host.endswith(".onion") else None) as session:
        # A browser's authorities are Mozilla's, more or less; a test has its own.
        session.verify = ssl.get_default_verify_paths().cafile if LOOPBACK.match(host) else True
        try:
            sent = {name.replace("_", "-"): value for name, value in headers.items()}
            with session.request(
                method, url, headers=sent, stream=True, timeout=(CONNECT_SECONDS, IDLE), allow_redirects=False
            ) as answer:
                parts: list[bytes] = []
                size = 0
                while part := answer.raw.read(min(1 << 16, READ_AT_MOST - size), decode_content=False):
                    parts.append(part)
                    size += len(part)
                    clock.left()
                found = tuple((name, value[:2000]) for name, value in answer.raw.headers.items())
                return Answer(answer.status_code, found, b"".join(parts), time.monotonic() - began)
        except FAILURES as error:
            raise _unanswered(url, error) from None


TOR: Final = (9050, 9150)  # where Tor, and where Tor Browser, take connections on this machine


def _tor() -> Egress:
    """The way to onion addresses."""
    from mirror.egress import parse

    for port in TOR:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return parse(f"tor://127.0.0.1:{port}")
    fix = "start Tor on this machine (apt install tor), or add it with --no-probe"
    raise Unanswered("an onion address is read through Tor, and there is none on this machine", fix)


def _unanswered(url: str, error: Exception) -> Unanswered:
    text = str(error)
    host = urlsplit(url).hostname or url
    for pattern, told, fix in _SILENCES:
        if re.search(pattern, text):
            young = host.endswith(".onion") and told in ("too slow", "no way there")
            return Unanswered(f"no answer from {host}: {told}", _YOUNG if young else fix)
    reason = re.sub(r"<[^>]*>|\(Caused by |HTTPS?Connection(Pool)?\([^)]*\)[:,]? ?", "", text)[:200]
    return Unanswered(f"no answer from {host}: {reason}", "check the address, and the server behind it")


_YOUNG: Final = "a new address takes a minute to be known, so try again; or Tor is off: journalctl -u tor@default"
_SILENCES: Final[tuple[tuple[str, str, str], ...]] = (
    (
        r"Name or service|NameResolution|nodename|No address|getaddrinfo",
        "the name has no address",
        "make the DNS record (A and AAAA, or CNAME to the host), or correct --public",
    ),
    (r"refused", "connection refused", "is the web server up, and listening on that port for everybody?"),
    (r"unreachable|No route", "no way there", "is the address right, is a firewall in between?"),
    (r"CERTIFICATE|certificate", "its certificate is refused", "get one that browsers know, for this very name"),
    (r"WRONG_VERSION|record layer|UNKNOWN_PROTOCOL", "no TLS there", "http:// instead of https://, or another port?"),
    (r"timed out|TimeoutError|silent for|not finished", "too slow", "is a firewall in between, is the server busy?"),
    (r"SOCKS|Tor ", "no way to Tor from here", "start Tor on this machine: apt install tor"),
    (
        r"reset|closed connection|RemoteDisconnected",
        "the connection was cut",
        "a filter on the way, or a server's limit",
    ),
)


class _AsReader:
    def __init__(self, target: Target, public: str, provider: str | None, names: Mapping[str, str]) -> None:
        self._target, self._public = target, public
        self._base = public.rstrip("/") + "/"
        self._host = urlsplit(self._base).hostname or ""
        self._provider = provider
        self._names = {"public": public.rstrip("/"), "host": self._host, **names}
        self._data = random_gzip(SPEED_BYTES)
        self._object: Answer | None = None
        self._up = 0.0

    @property
    def encrypted(self) -> bool | None:
        """Whether it is https; None where that is not to be asked for: onion addresses, this machine."""
        if urlsplit(self._base).scheme == "https":
            return True
        return None if self._host.endswith(".onion") or LOOPBACK.match(self._host) else False

    # --- what to say ------------------------------------------------------------------------------------------------

    @cached_property
    def _known(self) -> tuple[Provider, ...]:
        """Whose host this is, the surest first."""
        from mirror import providers

        server = self._object.get("Server") if self._object else ""
        found = (
            providers.known().get(self._provider or ""),
            providers.by_host(self._base),
            providers.by_host(self._names.get("endpoint", "")),
            providers.by_host(self._target.address),
            providers.known().get(kind_of(self._target.address)),
            providers.by_server(server),
        )
        return tuple(one for one in found if one is not None)

    def _fix(self, check: CheckName) -> str:
        from mirror import providers

        told = (f"{one.name}: {text}" for one in self._known if (text := one.mend(check, self._names)))
        return next(told, providers.EVERYTHING[check])

    def _fail(self, check: CheckName, detail: str, *, fatal: bool | None = None) -> Failed:
        return Failed(detail, self._fix(check), required=fatal)

    def _ask(self, key: str, method: str = "GET", **headers: str) -> Answer:
        answer = ask(self._base + key, method, **{"Origin": "null", **headers})
        if self._object is None:
            self._object = answer  # for its `Server`, should nothing better come
            self.__dict__.pop("_known", None)
        return answer

    # --- the steps --------------------------------------------------------------------------------------------------

    def write(self) -> str:
        parts = urlsplit(self._base)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
            raise Failed(f"{self._public} is not a web address", "write it like https://mirror.example/")
        meta = Meta(content_type="application/gzip", cache_control=IMMUTABLE)
        began = time.monotonic()
        self._target.put(KEYS["object"], self._data, meta)
        self._up = time.monotonic() - began
        self._target.put(KEYS["page"], PAGE, meta_for("index.html"))
        self._target.put(KEYS["picture"], PICTURE, meta_for("o/", PICTURE))
        self._target.flush()
        self._target.commit({KEYS["pointer"]: b"1"})
        return "four files put there to be read"

    def tls(self) -> str:
        if not self.encrypted:
            detail = "http: a reader's page that came by https may not fetch from there, and filters read along"
            raise Failed(detail, self._fix("TLS for readers"))
        host, port = self._host, urlsplit(self._base).port or 443
        context = ssl.create_default_context()
        context.set_alpn_protocols(["h2", "http/1.1"])
        try:
            with (
                socket.create_connection((host, port), timeout=CONNECT_SECONDS) as plain,
                context.wrap_socket(plain, server_hostname=host) as wrapped,
            ):
                told = good_for(wrapped)
                version = "HTTP/2" if wrapped.selected_alpn_protocol() == "h2" else "HTTP/1.1"
        except ssl.SSLCertVerificationError as error:
            raise Failed(f"{host}: certificate refused: {error.verify_message}", mend_certificate(error)) from None
        except ssl.SSLError as error:
            if re.search("(?<!WRONG_)VERSION|_PROTOCOL|HANDSHAKE|INTERNAL_ERROR|UNRECOGNIZED_NAME", error.reason or ""):
                fix = "turn on TLS 1.2 and 1.3 there, for this very name"
                raise Failed(f"{host}: no TLS that browsers speak ({error.reason})", fix) from None
            raise Failed(f"{host}: no TLS there ({error.reason})", "another port, or is it http only?") from None
        except (OSError, ValueError) as error:
            raise _unanswered(self._base, error) from None
        return f"{told}, {version}{_six(host, port)}"

    def anonymous(self) -> str:
        answer = self._object = self._first()
        if answer.status in range(300, 400):
            raise self._redirected(answer)
        self._walled(answer)
        if answer.status != 200:
            settles = self._target.caps.settles
            when = f"pushed {settles:.0f} s ago" if settles else "just written"
            raise Failed(f"status {answer.status} for a file {when}", self._unreadable(answer.status))
        if answer.html and answer.body != self._data:
            called = f" ({answer.title})" if answer.title else ""
            raise self._fail("anonymous read", f"a page of the host{called} comes in the file's place")
        coding = answer.get("Content-Encoding").lower()
        if coding not in ("", "identity"):
            raise self._fail("compression", f"Content-Encoding: {coding} was added to a file asked for as it is")
        if answer.body != self._data:
            raise self._fail("rewriting", _difference(self._data, answer.body))
        return f"the same {len(answer.body)} bytes in {answer.seconds:.2f} s"

    def _first(self) -> Answer:
        """The object just written, as soon as it shows where a host builds its pages before it serves them."""
        until = time.monotonic() + self._target.caps.settles
        while True:
            answer = ask(self._base + KEYS["object"], Origin="null")
            if answer.status != 404 or time.monotonic() > until:
                return answer
            time.sleep(min(PAUSE, self._target.caps.settles / 4))

    def _redirected(self, answer: Answer) -> Failed:
        where = urljoin(self._base + KEYS["object"], answer.get("Location")[:400])
        here, there = urlsplit(self._base), urlsplit(where)
        told = f"redirects to {where[:200]}, which readers don't follow"
        if there.path.endswith("/" + KEYS["object"]) and there.scheme in ("http", "https"):
            better = where[: -len(KEYS["object"])].rstrip("/")
            why = "https" if (here.hostname, here.scheme) == (there.hostname, "http") else "the name itself"
            return Failed(
                told,
                f"give readers the address where files are, {why if why == 'https' else 'at once'}: --public {better}",
            )
        return Failed(told, self._fix("redirect"))

    def _walled(self, answer: Answer) -> None:
        """Raises Failed when somebody stands between the file and whoever has no cookies and runs no scripts."""
        from mirror.extract.walls import FILTER_MARKS, MARKS

        text = answer.body[:20_000].decode("utf-8", "replace")
        if answer.get("cf-mitigated").lower() == "challenge" or re.search(r"<title>just a moment", text, re.IGNORECASE):
            from mirror.providers import named

            told = "Cloudflare's check for bots answers in the file's place"
            raise Failed(told, f"Cloudflare: {named('cloudflare').mend('bot check', self._names)}")
        if answer.get("x-amzn-waf-action"):
            raise self._fail("bot check", "AWS's firewall (WAF) answers in the file's place")
        if answer.body != self._data and answer.html:
            if "slowAES" in text or "__test=" in text:
                raise self._fail(
                    "bot check", "a script that sets a cookie answers first: only a whole browser gets files"
                )
            if FILTER_MARKS.search(text):
                raise self._fail("bot check", "a filter on the way from here answers in the file's place")
            if MARKS.search(text):
                raise self._fail("bot check", "a check for bots answers in the file's place")

    def _unreadable(self, status: int) -> str:
        if status in (404, 410):
            if self._target.caps.settles:
                return self._fix("anonymous read")
            return "the address must lead to the very folder or bucket prefix that files are pushed to"
        return self._fix("anonymous read") if status in (401, 403) else "the server's own log says why"

    def compression(self) -> str:
        """With what browsers send, the bytes a page gets must be the bytes stored."""
        added: list[str] = []
        for what, wanted in (("object", self._data), ("pointer", b"1"), ("page", None)):
            answer = self._ask(KEYS[what], Accept_Encoding="gzip")
            coding = answer.get("Content-Encoding").lower()
            if coding in ("", "identity"):
                continue
            got = answer.undone()
            if wanted is not None and got != wanted:
                told = f"Content-Encoding: {coding} for browsers: they unpack what was stored so, and its hash breaks"
                raise self._fail("compression", told, fatal=True)
            added.append(what)
        if "object" in added:
            raise self._fail(
                "compression", "files are compressed on the way although they are already: no ranges, no sizes"
            )
        if added:
            return f"{' and '.join(added)} compressed on the way; unpacked they are the same bytes"
        return "none added"

    def cors(self) -> str:
        seen: list[str] = []
        for origin in ORIGINS:
            answer = self._ask(KEYS["object"], Origin=origin)
            given = answer.all("Access-Control-Allow-Origin")
            if len(given) > 1 or (given and "," in given[0]):
                told = f"Access-Control-Allow-Origin comes twice ({', '.join(given)[:100]}), which browsers refuse"
                raise Failed(told, f"send it in one place only, not in a proxy and behind it. {self._fix('CORS')}")
            if not given:
                told = f"no Access-Control-Allow-Origin for {_page(origin)}"
                raise self._fail("CORS", told + (f", though for {_page(seen[0])}" if seen else ""))
            if given[0] not in ("*", origin):
                raise self._fail("CORS", f"Access-Control-Allow-Origin: {given[0][:100]} shuts out {_page(origin)}")
            if given[0] != "*" and "origin" not in answer.get("Vary").lower():
                told = (
                    "it repeats whoever asks, without `Vary: Origin`: caches then give one reader's answer to another"
                )
                raise self._fail("CORS", told)
            seen.append(origin)
        absent = self._ask(KEYS["missing"])
        if absent.status in (404, 403) and not absent.all("Access-Control-Allow-Origin"):
            told = "not with 404s: to a page, a file that isn't there looks like a mirror that is down"
            raise self._fail("CORS", told)
        return f"Access-Control-Allow-Origin: {given[0]}"

    def caching(self) -> str:
        answer = self._ask(KEYS["pointer"])
        control = answer.get("Cache-Control")
        kept = [int(each) for each in re.findall(r"(?:s-maxage|max-age)=\"?(\d{1,10})", control)]
        longest = max(kept, default=0)
        if longest > STALE and not re.search(r"no-cache|no-store", control):
            if longest <= max((one.limits.pointer_seconds or 0 for one in self._known), default=0):
                return f"{control}: this host keeps every file so long; news shows that much later there"
            raise self._fail("caching", f"pointers may be kept for {longest} s ({control[:80]})")
        if self._target.caps.settles:
            return f"{control or 'no Cache-Control'}; a new pointer shows when the host has built its pages"
        self._target.commit({KEYS["pointer"]: b"2"})
        again = self._ask(KEYS["pointer"])
        if again.body != b"2":
            raise self._fail("caching", f"a pointer just overwritten is still served as it was{_cached(again)}")
        if not control:
            raise self._fail("caching", "no Cache-Control: browsers keep pointers as long as they like")
        return f"{control}; a new pointer shows at once"

    def rewriting(self) -> str:
        page = self._ask(KEYS["page"], Accept="text/html,application/xhtml+xml,*/*;q=0.8")
        if page.body != PAGE and page.undone() != PAGE:
            raise self._fail("rewriting", _injected(page.body))
        return "pages come as they are stored"

    def types(self) -> str:
        page, picture = self._ask(KEYS["page"]), self._ask(KEYS["picture"])
        kind = page.get("Content-Type") or "nothing"
        strict = "nosniff" in page.get("X-Content-Type-Options").lower()
        if not kind.lower().startswith("text/html"):
            shown = "browsers show its source or save it" if strict else "browsers may not show it"
            raise self._fail("content types", f"a page comes as {kind}: {shown}")
        if page.get("Content-Disposition").lower().startswith("attachment"):
            raise self._fail("content types", "a page comes as an attachment: browsers save it instead of showing it")
        if (charset := re.search(r"charset=\"?([\w-]+)", kind)) and charset[1].lower() not in ("utf-8", "utf8"):
            raise self._fail("content types", f"a page comes as {kind}: everything but English turns into nonsense")
        plain = self._object or self._ask(KEYS["object"])
        for what, answer in (("an object", plain), ("a picture", picture)):
            other = answer.get("Content-Type").lower()
            if other.startswith(("text/", "application/json", "application/xml")):
                worse = ", and nosniff keeps browsers from showing it" if strict and what == "a picture" else ""
                raise self._fail("content types", f"{what} comes as {other}{worse}")
        return f"pages {kind}, objects {plain.get('Content-Type') or 'nothing'}"

    def ranges(self) -> str:
        answer = self._ask(KEYS["object"], Range="bytes=100-199")
        if answer.status != 206 or answer.body != self._data[100:200]:
            told = f"status {answer.status}, {len(answer.body)} bytes for 100 asked for"
            raise self._fail("ranges", told)
        return "206 with the right bytes"

    def absent(self) -> str:
        answer = self._ask(KEYS["missing"])
        status, kept = answer.status, re.search(r"max-age=(\d{1,10})", answer.get("Cache-Control"))
        if status == 403:
            return "status 403: the bucket may not be listed, readers take that for absent"
        if status == 200:
            page = (
                f"a page{f' ({answer.title})' if answer.title else ''}" if answer.html else f"{len(answer.body)} bytes"
            )
            raise self._fail("missing file in public", f"status 200 and {page} for a file that isn't there")
        if status in range(300, 400):
            told = f"a redirect to {answer.get('Location')[:100]} for a file that isn't there"
            raise self._fail("missing file in public", told)
        if status not in (404, 410):
            raise self._fail("missing file in public", f"status {status} for a file that isn't there")
        if kept and int(kept[1]) > STALE and not re.search("no-cache|no-store", answer.get("Cache-Control")):
            told = f"a 404 may be kept for {kept[1]} s: whoever asks too early misses the file for so long"
            raise self._fail("missing file in public", told)
        return f"status {status}"

    def speed(self) -> str:
        answer = self._ask(KEYS["object"])
        size, took = len(answer.body), max(answer.seconds, 1e-6)
        up = f"; up {size / max(self._up, 1e-6) / 1024:,.0f} KiB/s" if self._up else ""
        told = f"{took:.2f} s for {size // 1024} KiB, down {size / took / 1024:,.0f} KiB/s{up}"
        if size / took < SLOW:
            raise Failed(told, "a mirror nearer to readers, or with more bandwidth, would serve them better")
        return told


def _page(origin: str) -> str:
    return "a reader opened from a file (origin null)" if origin == "null" else "a page of another mirror"


def _six(host: str, port: int) -> str:
    """Whether readers with IPv6 alone get there. Tried only from where there is IPv6."""
    with contextlib.suppress(OSError):
        found = socket.getaddrinfo(host, port, socket.AF_INET6, socket.SOCK_STREAM)
        try:
            with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as tried:
                tried.settimeout(CONNECT_SECONDS)
                tried.connect(found[0][4])
        except OSError as error:
            if "unreachable" in str(error).lower() or "cannot assign" in str(error).lower():
                return ", IPv6 (not to be tried from here)"
            return f", IPv6 address that doesn't answer ({error}): remove the AAAA record or mend it"
        return ", IPv6 too"
    return ", no IPv6"


def _cached(answer: Answer) -> str:
    """What the answer says about the cache it came from."""
    told = [
        f"{name}: {answer.get(name)[:60]}"
        for name in ("Age", "CF-Cache-Status", "X-Cache", "X-Proxy-Cache", "X-Varnish", "Via")
        if answer.get(name)
    ]
    return f" ({'; '.join(told)})" if told else ""


def _difference(wanted: bytes, found: bytes) -> str:
    told = f"{len(wanted)} bytes went in, {len(found)} others came out"
    changes: tuple[tuple[str, Callable[[bytes], bytes]], ...] = (
        ("line ends were changed (text mode)", lambda data: data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")),
        ("a byte order mark was put before it", lambda data: data.removeprefix(b"\xef\xbb\xbf")),
    )
    for what, undo in changes:
        if found != wanted and undo(found) == undo(wanted):
            return f"{told}: {what}"
    if found == wanted[: len(found)]:
        return f"{told}: cut off"
    return told


def _injected(found: bytes) -> str:
    """What was put into the page, as far as it says who did it."""
    old, new = PAGE.decode(), found.decode("utf-8", "replace")[:20_000]
    parts = difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes() if len(new) < 4000 else ()
    added = "".join(new[start:end] for tag, _, _, start, end in parts if tag != "equal") or new
    link = re.search(r"""(?:src|href|action)\s*=\s*["']?([^"'\s>]{1,120})""", added)
    if link:
        return f"pages are rewritten: {link[1]} was put in"
    return f"pages are rewritten: {len(PAGE)} bytes went in, {len(found)} others came out"
