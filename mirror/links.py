"""Addresses as they stand in feeds and pages, made absolute, comparable and free of tracking.

An article's identity is its address, so two spellings of one address must come out the same: scheme and host in lower
case, default port, dot segments and fragment gone, everything outside ASCII percent-encoded (RFC 3986, section 6).
Parameters are dropped by list and never all of them: `?id=` and `?objectId=` are the article on many sites. Their order
stays as it was; a server may care.

What a feed's item, a page's canonical link and the address it was fetched from have in common is
`clean(absolute(base, href))`. A link in an article's text is `outgoing(base, href)`: the same, but it keeps its
fragment, since it may lead to a place within another page.
"""

from __future__ import annotations

import re
from urllib.parse import SplitResult, quote, urljoin, urlsplit, urlunsplit

MAX_URL = 2048  # longer ones are errors or attacks; the bundle's schema has the same limit

_DEFAULT_PORTS = {"http": 80, "https": 443}
_STRIP = "".join(map(chr, range(0x21))) + "\x7f\xa0\u200b\u200e\u200f\u2028\u2029\ufeff"
_INSIDE = re.compile(r"[\t\r\n]")  # browsers drop these wherever they stand (WHATWG URL, section 4.4)
_IN_QUERY = "/?:@!$&'()*+,;=~-._[]|"
_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_ESCAPE = re.compile(r"%[0-9a-f]{2}", re.IGNORECASE)
_HOME = re.compile(r"|[a-z]{2}(?:[-_][a-z]{2,4})?|index(?:\.\w+)?|home|main")
_IN_PATH = "[A-Za-z0-9_~!$&'()*+,=:@.-]*+(?:%[0-9A-F]{2}[A-Za-z0-9_~!$&'()*+,=:@.-]*+)*+"
_NORMAL = re.compile(  # what most addresses are: in normal form already; the query is apart
    r"https?://[a-z][a-z0-9-]*+(?:\.[a-z0-9-]++)++(?<=[a-z])"
    rf"(?:(?:/(?!\.|/|\?|$){_IN_PATH})++/?|/)"
    r"(?:\?([A-Za-z0-9_~/?:@!$&'()*+,;=.-]++(?:%[0-9A-F]{2}[A-Za-z0-9_~/?:@!$&'()*+,;=.-]*+)*+)(?<!://))?"
)
_HOST = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?|\[[0-9a-f:.]+\]")

# By name and by beginning, after the lists of AdGuard, ClearURLs, Mozilla and courlan. Names that also identify
# articles somewhere (id, p, s, ref, source, page) are not here.
_TRACKING_NAMES = """
    fbclid gclid gclsrc dclid gbraid wbraid yclid ysclid ymclid msclkid twclid ttclid igshid igsh mc_cid mc_eid mkt_tok
    _openstat openstat _hsenc _hsmi __hssc __hstc __hsfp hsctatracking oly_anon_id oly_enc_id
    rb_clickid s_cid ncid cmpid cmp_id cmp ico icid xtor ns_mchannel ns_source ns_campaign ns_linkname ns_fee wt_mc
    wt.mc_id wt_zmc spm scm share_source sharer socid sr_share soc_src soc_trk smid smtyp ftag feature_src partner_id
    __twitter_impression __tn__ ocid ito sh_kit share_token from_source ref_src ref_url guccounter _ga _gl srsltid
    traffic_source sc_cmp rss_source rsspartner fb_ref fb_source action_object_map action_type_map action_ref_map mbid
    taid dgcid trkcampaign
"""
_TRACKING = frozenset(_TRACKING_NAMES.split())
_TRACKING_STARTS = (
    *("utm_", "itm_", "mtm_", "pk_", "piwik_", "matomo_", "hsa_", "at_", "stm_", "vero_", "fb_action_", "guce_referr"),
    *("ml_sub", "wickedid"),
)


def absolute(base: str, href: str | None, *, fragment: bool = False) -> str | None:
    """`href` as it stands at `base`, as a normal absolute address; None unless that is http or https, without user name
    and password, with a well-formed host and port, and at most `MAX_URL` long. The fragment goes unless wanted."""
    if href is None or len(href) > 4 * MAX_URL:
        return None
    if len(href) <= MAX_URL and _NORMAL.fullmatch(href):
        return href
    text = _INSIDE.sub("", href.strip(_STRIP))
    if not text or text.endswith("://"):
        return None
    try:
        made = _normal(urlsplit(urljoin(base, text)), fragment=fragment)
    except ValueError:  # brackets that are no address, ports that are no number, hosts no IDNA label can be made of
        return None
    return made if made is not None and len(made) <= MAX_URL else None


def clean(url: str, *, fragment: bool = False) -> str:
    """An absolute address without parameters that only track who followed it, and without fragment unless asked for."""
    found = _NORMAL.fullmatch(url)
    if found is not None:
        return _untracked(url, found)
    parts = urlsplit(url)
    return urlunsplit(parts._replace(query=_kept(parts.query), fragment=parts.fragment if fragment else ""))


def settled(base: str, href: str | None) -> str | None:
    """`clean(absolute(base, href))`, what makes an article's identity; None as `absolute` says."""
    if href is not None and len(href) <= MAX_URL and (found := _NORMAL.fullmatch(href)) is not None:
        return _untracked(href, found)
    made = absolute(base, href)
    return clean(made) if made is not None else None


def outgoing(base: str, href: str | None) -> str | None:
    """Where a link in a text leads: absolute, normal, without tracking, its fragment kept; None as `absolute` says."""
    made = absolute(base, href, fragment=True)
    return clean(made, fragment=True) if made else None


def host_of(url: str) -> str:
    """The host of an absolute address, in lower case, without port; "" where there is none."""
    return urlsplit(url).hostname or ""


def origin_of(url: str) -> str:
    """Scheme, host and port: `https://example.org`."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def same_site(first: str, second: str) -> bool:
    """Whether two addresses are on the same host, or one's host is below the other's (`www.`, `feeds.`)."""
    one, two = (host_of(url).removeprefix("www.") for url in (first, second))
    return bool(one) and (one == two or one.endswith("." + two) or two.endswith("." + one))


def is_home(url: str) -> bool:
    """Whether an absolute address is that of a site's front page, or of one language's."""
    parts = urlsplit(url)
    return not parts.query and bool(_HOME.fullmatch(parts.path.strip("/").lower()))


def _untracked(url: str, found: re.Match[str]) -> str:
    query = found[1]
    if query is None:
        return url
    kept = _kept(query)
    return f"{url[: -len(query)]}{kept}" if kept else url[: -len(query) - 1]


def _kept(query: str) -> str:
    return "&".join(
        piece for piece in query.split("&") if piece and not _tracks(piece.partition("=")[0].lower().strip())
    )


def _tracks(name: str) -> bool:
    return name in _TRACKING or name.startswith(_TRACKING_STARTS)


def _normal(parts: SplitResult, *, fragment: bool) -> str | None:
    scheme = parts.scheme.lower()
    if scheme not in _DEFAULT_PORTS or parts.username is not None or parts.password is not None:
        return None
    host = (parts.hostname or "").rstrip(".")
    if host in _DEFAULT_PORTS and parts.netloc.endswith(":"):
        return None  # http://https://example.org/: pasted together by hand
    if not host.isascii():
        host = host.encode("idna").decode("ascii")
    if ":" in host:
        host = f"[{host}]"
    if not _HOST.fullmatch(host):
        return None
    port = parts.port
    netloc = host if port is None or port == _DEFAULT_PORTS[scheme] else f"{host}:{port}"
    path = _encoded(_without_dots(parts.path) or "/", "/:@!$&'()*+,;=~-._")
    query = _encoded(parts.query, _IN_QUERY)
    return urlunsplit((scheme, netloc, path, query, _encoded(parts.fragment, _IN_QUERY) if fragment else ""))


def _encoded(text: str, safe: str) -> str:
    text = quote(_PERCENT.sub("%25", text), safe=safe + "%", encoding="utf-8", errors="replace")
    return _ESCAPE.sub(lambda found: found.group().upper(), text)


def _without_dots(path: str) -> str:
    """RFC 3986, section 5.2.4; `urljoin` leaves dots alone in addresses that were absolute to begin with."""
    if "/." not in path:
        return path
    kept: list[str] = []
    segments = path.split("/")
    for segment in segments[1:]:
        if segment == "..":
            if kept:
                kept.pop()
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)
