"""What a host said in the place of a mirror's file, sorted: a censor's page, a provider's, a login, a parking page.

`Observed` is a mirror on the web that keeps the last answers with their headers; `sorted_answer` names one that isn't
the file, `sorted_failure` why there was none. Both give a state of `mirror.audit` and words for the operator. What is
looked for in pages:

    censor      words of the block pages of the lists that OONI and Censored Planet keep: Iran's frame on 10.10.34.*,
                peyvandha.ir; Russia's registry; Turkey's law 5651; Indonesia's Internet Positif; India, Korea, China …
    challenge   "checking your browser": a reader's program can't do that
    parking     the domain was sold, or has expired
    suspended   the provider closed the account, or its allowance is used up
    login       a password field: a private host, or a captive portal where this machine is
    gone        the bucket, container or site does not exist

A page that fits none of these is still no mirror. Words decide only what it is called.
"""

from __future__ import annotations

import contextlib
import ipaddress
import re
import socket
import ssl
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import urlsplit

from mirror.read import Patience, ReadError, WebMirror

if TYPE_CHECKING:
    import requests

    from mirror.egress import Egress

PEEK: Final = 65_536  # bytes of a page that are looked at
KEPT: Final = 8  # answers of a mirror that are kept
_HEADERS: Final = 60
_VALUE: Final = 1000  # bytes of a header that are kept

Named = tuple[Literal["blocked", "dead", "incomplete"], str]
"""A state of `mirror.audit`, and what to tell the operator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came when `path` was asked for. `body` is its beginning, at most `PEEK` bytes, or all that was taken for the
    file."""

    url: str
    path: str
    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    location: str = ""

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name), "")

    @property
    def is_page(self) -> bool:
        """Whether this is HTML, whatever it calls itself."""
        return re.match(rb"(\xef\xbb\xbf)?\s*(<!--.{0,500}?-->\s*)?<(!doctype|html|head|script|body|meta|title|iframe)",
                        self.body[:2000], re.IGNORECASE | re.DOTALL) is not None  # fmt: skip


class Observed(WebMirror):
    """A mirror on the web that remembers what it answered last."""

    def __init__(self, address: str, *, patience: Patience | None = None, way: Egress | None = None) -> None:
        super().__init__(address, patience=patience)
        self._way = way
        self._query = ""
        self.answers: OrderedDict[str, Answer] = OrderedDict()

    def get(self, path: str, cap: int) -> bytes | None:
        # More is read than the file may have: of a page in its place something must be known.
        data = super().get(path, max(cap, PEEK))
        if data is not None and len(data) > cap:
            raise ReadError(f"{self.name}/{path}: more than the {cap} bytes expected", path=path)
        return data

    def fresh(self, path: str, cap: int, query: str) -> bytes | None:
        """The same past caches: most take an address with another query for another file."""
        self._query = query
        try:
            return self.get(path, cap)
        finally:
            self._query = ""

    def _open(self) -> Any:
        if self._opened is None and self._way is not None:
            from mirror.web import Clock, Session

            clock = Clock(self.patience.idle)
            self._opened = Session(clock, self._base, self._way), clock
        return super()._open()

    def _ask(self, url: str, *rest: Any, **more: Any) -> requests.Response:
        return super()._ask(f"{url}?{self._query}" if self._query else url, *rest, **more)

    def _body(self, answer: requests.Response, url: str, *rest: Any, **more: Any) -> bytes | None:
        if answer.status_code not in (200, 206):
            self._keep(answer, url, self._peek(answer))
            return super()._body(answer, url, *rest, **more)
        self._keep(answer, url, b"")
        try:
            data = super()._body(answer, url, *rest, **more)
        except ReadError:
            self._keep(answer, url, self._peek(answer))
            raise
        self._keep(answer, url, data or b"")
        return data

    def _peek(self, answer: requests.Response) -> bytes:
        from mirror.web import FAILURES

        with contextlib.suppress(*FAILURES):
            return bytes(answer.raw.read(PEEK, decode_content=False))
        return b""

    def _keep(self, answer: requests.Response, url: str, body: bytes) -> None:
        path = url.removeprefix(self._base)
        headers = tuple((name[:100], value[:_VALUE]) for name, value in list(answer.headers.items())[:_HEADERS])
        self.answers.pop(path, None)
        self.answers[path] = Answer(url=url, path=path, status=answer.status_code, headers=headers, body=body)
        while len(self.answers) > KEPT:
            self.answers.popitem(last=False)


# --- an answer that isn't the file ---------------------------------------------------------------------------------

_PAGES: Final[tuple[tuple[str, str], ...]] = (
    (
        "censor",
        r"10\.10\.34\.3[4-6]|peyvandha\.ir|rkn\.gov\.ru|роскомнадзор|149-фз|доступ (к|на) [^<]{0,60}(огранич|заблокир)"
        r"|доступ ограничен|ресурс заблокирован|единый реестр|eri[sş]ime engellenmi[sş]|5651 say[ıi]l[ıi]|btk\.gov\.tr"
        r"|internet ?positif|trustpositif|aduankonten|warning\.or\.kr|department of telecommunications"
        r"|blocked (by|under|as per|in accordance)|has been blocked|access to this (web)?site (is|has been) "
        r"(blocked|denied|restricted|prohibited|suspended by)|未备案|根据相关法律|محجوب|تم حجب|مسدود|opendns\.com"
        r"|fortiguard|web filter",
    ),
    (
        "challenge",
        r"cf-chl|challenge-platform|just a moment\.\.\.|checking your browser|enable javascript and cookies|ddos-guard"
        r"|attention required! \| cloudflare|not a bot|captcha|qrator|awswafcookie",
    ),
    (
        "parking",
        r"domain (name )?(is|may be) (available )?for sale|buy this domain|domain (is|has been) parked|page is parked"
        r"|parked (free|by)|sedoparking|parkingcrew|hugedomains|afternic|bodis\.com|dan\.com|undeveloped"
        r"|domain (has )?expired|renew this domain|data-adblockkey|window\.location\.href ?= ?[\"']/lander|dropcatch",
    ),
    (
        "suspended",
        r"account (has been |is )?suspended|site (has been |is )?suspended|suspendedpage|bandwidth limit exceeded"
        r"|website (is )?(currently )?(unavailable|disabled)|defaultwebpage\.cgi|quota (has been )?exceeded",
    ),
    (
        "gone",
        r"nosuchbucket|specified bucket does not exist|containernotfound|specified container does not exist"
        r"|isn't a github pages site here|the page you're looking for could not be found|no such app|project not found"
        r"|deployment_not_found|accountdisabled|the account being accessed does not exist",
    ),
    ("login", r"type=[\"']?password|captive portal|hotspot|please (log|sign) in"),
    ("default", r"welcome to nginx|apache2? [^<]{0,20}default page|it works!|iis windows server|index of /"),
)
_SAID: Final[dict[str, Named]] = {
    "censor": ("blocked", "a censor's block page answers: where this was read from, the host is blocked. Look from "
               "elsewhere (audit_egress), and put a mirror on another host for readers there"),
    "challenge": ("blocked", "the host asks for a browser check, which no reader's program passes: turn the protection "
                  "against bots off for this site"),
    "parking": ("blocked", "a parking page answers: the domain expired or was sold. Renew it, or remove the target"),
    "suspended": ("blocked", "the provider has suspended the account or its allowance is used up: ask the provider"),
    "gone": ("dead", "the host says that this bucket or site does not exist (any more): make it again, or take the "
             "target out"),
    "login": ("blocked", "a login page answers: make the files public; if other sites show one too, this machine is "
              "behind a captive portal"),
    "default": ("blocked", "the web server answers with a page of its own: `public` does not lead to the folder that "
                "is pushed to"),
}  # fmt: skip
_REFUSED: Final = {
    401: "asks for a password: let everybody read",
    402: "payment required: ask the provider",
    403: "refuses readers: let everybody read (bucket policy, public access, file modes), or the provider blocks this "
    "network",
    407: "a proxy in between asks for a password",
    429: "too many requests: the host limits readers; ask for more, or use another host",
    451: "unavailable for legal reasons: a court or an authority had it blocked there",
    509: "its allowance of traffic is used up",
}


def kind_of_page(answer: Answer) -> str | None:
    """What a page is by its words and headers; None when they say nothing."""
    if answer.header("cf-mitigated").lower() == "challenge":
        return "challenge"
    text = answer.body[:PEEK].decode("utf-8", "replace")
    if text.count("\ufffd") > 20:
        text += answer.body[:PEEK].decode("cp1251", "replace")
    text = f"{text} {answer.location} {answer.header('server')}".lower()
    return next((kind for kind, words in _PAGES if re.search(words, text)), None)


def sorted_answer(answer: Answer | None, *, pointer: bool) -> Named | None:
    """What this answer is, when it is something in the place of a file. `pointer`: of a file that every mirror has, so
    that 403 and 404 can't mean that it is not there. None: nothing is known but that it isn't the file."""
    if answer is None:
        return None
    return _by_words(answer, pointer=pointer) or _by_status(answer, pointer=pointer)


def _by_words(answer: Answer, *, pointer: bool) -> Named | None:
    odd = answer.is_page or answer.status != 200
    kind = kind_of_page(answer) if odd and (pointer or answer.status == 200) else None
    if kind is None:
        return None
    state, words = _SAID[kind]
    return state, f"{answer.url} (status {answer.status}): {words}"


def _by_status(answer: Answer, *, pointer: bool) -> Named | None:
    where = f"{answer.url} (status {answer.status})"
    if answer.status in _REFUSED and (pointer or answer.status != 403):
        by = re.search(r'<([^>]{1,200})>; *rel="?blocked-by"?', answer.header("link"))  # RFC 7725, section 4
        return "blocked", f"{where}: {_REFUSED[answer.status]}{f' (blocked by {by[1]})' if by else ''}"
    if answer.status == 200 and answer.is_page:
        if pointer:
            return "blocked", (
                f"{where}: a page answers instead of the file: a block page, a portal, or a host that has one page for "
                f"every address. It is titled {_title(answer.body)!r}"
            )
        return "incomplete", (
            f"{answer.path} is missing: the host answers with a page of its own; let it answer 404, and push again"
        )
    if answer.status >= 500:
        return "dead", f"{where}: the server is broken or overloaded"
    return None


def _title(body: bytes) -> str:
    found = re.search(rb"<title[^>]{0,200}>([^<]{0,200})", body[:PEEK], re.IGNORECASE)
    return " ".join(found[1].decode("utf-8", "replace").split())[:80] if found else ""


def cache_words(answer: Answer | None) -> str:
    """What the headers say of a cache in front of the host; empty when they say nothing."""
    if answer is None:
        return ""
    names = ("age", "cache-control", "cf-cache-status", "x-cache", "x-cache-status", "x-served-by", "via", "expires")
    return ", ".join(f"{name}: {value[:80]}" for name in names if (value := answer.header(name)))


def is_cached(answer: Answer | None) -> bool:
    """Whether a cache in front of the host gave this answer, or is allowed to."""
    if answer is None:
        return False
    hit = any("hit" in answer.header(name).lower() for name in ("cf-cache-status", "x-cache", "x-cache-status"))
    seconds = re.search(r"(?:max-age|s-maxage)=(\d{1,9})", answer.header("cache-control"))
    return hit or answer.header("age") not in ("", "0") or (seconds is not None and int(seconds[1]) > 0)


# --- no answer -----------------------------------------------------------------------------------------------------


def sorted_failure(error: ReadError, address: str, *, direct: bool) -> Named:
    """Why nothing came. `direct`: not by way of a proxy, so this machine's own name server and connections count."""
    return _sorted_refusal(error, address) or _sorted_silence(str(error), address, direct=direct)


def _sorted_refusal(error: ReadError, address: str) -> Named | None:
    """Somebody answered."""
    message = str(error)
    if "redirects to another host" in message:
        kind = kind_of_page(Answer(url=address, path="", status=302, location=message))
        if kind is None and re.search(r"log-?in|sign-?in|portal|auth", message, re.IGNORECASE):
            kind = "login"
        return "blocked", f"{message}: {_SAID[kind][1] if kind else 'readers do not follow it; correct `public`'}"
    if (status := re.search(r": status (\d{3})$", message)) and int(status[1]) in _REFUSED:
        return "blocked", f"{message}: {_REFUSED[int(status[1])]}"
    if "Content-Encoding" in message:
        return "blocked", f"{message}: turn off compression (gzip, brotli) at the host or in the proxy before it"
    return None if error.unreachable else ("blocked", message)


def _sorted_silence(message: str, address: str, *, direct: bool) -> Named:
    host = urlsplit(address).hostname or ""
    if direct and (inward := _inward(host)):
        return "blocked", (
            f"{host} is {inward} for this machine's name server, which is no address of a public host: the name is "
            "blocked here. Look from elsewhere: audit_egress"
        )
    if "certificate verify failed" in message.lower().replace("_", " "):
        return _sorted_certificate(message, address, direct=direct)
    if re.search("silent for|not finished|too slow|[Rr]ead timed out", message):
        return "dead", f"{message}: it takes connections and then hangs; restart it, or ask the provider"
    return "dead", message


def _inward(host: str) -> str | None:
    """The address that a public name leads to, when it is one that no public host can have."""
    with contextlib.suppress(ValueError):
        ipaddress.ip_address(host)
        return None
    if "." not in host or host.endswith((".onion", ".localhost", ".local", ".lan", ".internal", ".home.arpa", ".test")):
        return None
    try:
        found = {str(each[4][0]) for each in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError):
        return None
    inward = sorted(one for one in found if not ipaddress.ip_address(one.partition("%")[0]).is_global)
    return inward[0] if inward and len(inward) == len(found) else None


def _sorted_certificate(message: str, address: str, *, direct: bool) -> Named:
    if "expired" in message:
        return "dead", f"{address}: its TLS certificate has expired: renew it"
    issuer = _issuer(address) if direct else None
    by = f" by {issuer}" if issuer else ""
    what = (
        "is for another name" if "ostname mismatch" in message or "IP address mismatch" in message else "is not trusted"
    )
    return "blocked", (
        f"{address}: the TLS certificate shown{by} {what}: somebody intercepts the connection here, or the host's "
        "certificate isn't set up. Compare from elsewhere: audit_egress"
    )


def _issuer(address: str) -> str | None:
    """Who issued the certificate that is shown there, unverified."""
    from cryptography import x509

    parts = urlsplit(address)
    try:
        text = ssl.get_server_certificate((parts.hostname or "", parts.port or 443), timeout=5)
        found = x509.load_pem_x509_certificate(text.encode()).issuer.rfc4514_string()
    except (OSError, ValueError):
        return None
    return " ".join(found.split())[:120]
