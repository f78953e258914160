"""Addresses as they are published: absolute, http or https, without what only serves to follow readers around."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

MAX_URL = 2048

# Parameters that say where a reader came from. By list, never all of them: `?id=` is the article at many outlets.
_TRACKING = re.compile(
    r"(?:utm_\w+|at_(?:medium|campaign\w*|custom\d|link_\w+|format|bbc_team|ptr_name)|mtm_\w+|pk_\w+|hsa_\w+|fbclid|gclid|"
    r"gclsrc|dclid|wbraid|gbraid|msclkid|twclid|ttclid|yclid|ymclid|ysclid|_openstat|mc_[ce]id|igshid|igsh|oly_\w+_id|"
    r"vero_\w+|_hs(?:enc|mi)|__twitter_impression|ico|cmpid|cmp|ocid|ncid|ito|sh_kit|smid|smtyp|wt_mc|xtor|traffic_source|"
    r"guccounter|guce_referr\w*|ref_src|ref_url|spm|scm|share_token|from_source|feature|__tn__|fb_action_\w+)",
    re.IGNORECASE,
)
_UNSAFE = re.compile(r"[\x00-\x20\x7f<>\"`{}|\\^\u2028\u2029]")


def split(url: str) -> SplitResult | None:
    """The parts of an http(s) address, or None."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not host or parts.username is not None or parts.netloc.endswith(":"):
        return None
    return parts


def absolute(url: str | None, base: str) -> str | None:
    """`url` seen from `base`, escaped where needed; None unless it is http(s) with a host."""
    if not url:
        return None
    url = url.strip()
    if (
        not url
        or url.endswith("://")
        or len(url) > MAX_URL
        or url[:11].lower() == "javascript:"
        or url[:5].lower() == "data:"
    ):
        return None
    try:
        joined = urljoin(base, url)
    except ValueError:
        return None
    joined = _UNSAFE.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), joined)
    parts = split(joined)
    if parts is None or len(joined) > MAX_URL:
        return None
    return joined


def clean(url: str | None, base: str, *, fragment: bool = True) -> str | None:
    """Like `absolute`, without tracking parameters; the rest of the query stays as it was, byte for byte."""
    found = absolute(url, base)
    if found is None:
        return None
    parts = urlsplit(found)
    query = parts.query
    if query:
        kept = [pair for pair in query.split("&") if not _TRACKING.fullmatch(pair.partition("=")[0])]
        query = "&".join(kept)
    return urlunsplit((parts.scheme, parts.netloc, parts.path, query, parts.fragment if fragment else ""))


def canonical(url: str) -> str:
    """The form two addresses of one page share: lower-case host, no default port, no fragment, no tracking."""
    found = clean(url, url, fragment=False) or url
    parts = split(found)
    if parts is None:
        return found
    host = parts.hostname or ""
    if ":" in host:
        host = f"[{host}]"
    port = parts.port
    if port is not None and port != {"http": 80, "https": 443}[parts.scheme]:
        host = f"{host}:{port}"
    return urlunsplit((parts.scheme, host, parts.path or "/", parts.query, ""))


def without_parameters(url: str, names: frozenset[str]) -> str:
    parts = urlsplit(url)
    pairs = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name not in names]
    return urlunsplit((parts.scheme, parts.netloc, parts.path, urlencode(pairs), parts.fragment))


def host_of(url: str) -> str:
    parts = split(url)
    return (parts.hostname or "").removeprefix("www.") if parts else ""


def same_site(one: str, other: str) -> bool:
    """Whether both addresses belong to one outlet as far as names can tell: equal hosts, or one below the other, or
    the same two last labels (three where the second is as short as in `co.uk`)."""
    first, second = host_of(one), host_of(other)
    if not first or not second:
        return False
    if first == second or first.endswith("." + second) or second.endswith("." + first):
        return True
    return _site(first) == _site(second) and "." in first


def _site(host: str) -> str:
    labels = host.split(".")
    if host.replace(".", "").isdigit():
        return host
    return ".".join(labels[-3:] if len(labels) > 2 and len(labels[-2]) <= 3 else labels[-2:])


def is_home(url: str) -> bool:
    """Whether the address is a site's front page (or a language's front page)."""
    parts = split(url)
    if parts is None:
        return False
    path = parts.path.strip("/").lower()
    return not parts.query and (
        not path or bool(re.fullmatch(r"[a-z]{2}(?:[-_][a-z]{2,4})?|index(?:\.\w+)?|home|main", path))
    )
