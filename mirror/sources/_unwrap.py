"""Addresses behind which another one stands: counters and news finders that say in the address itself where they lead.

Those that do not (feedproxy, t.co, Google News since 2024) lead there when they are fetched, and the address a page was
fetched from counts then.
"""

from __future__ import annotations

import base64
import binascii
import re
from urllib.parse import parse_qs, urlsplit

from mirror.links import absolute, clean

_REDIRECTS = {  # host without www., path → the parameter that holds the address
    ("google.com", "/url"): ("url", "q"),
    ("news.google.com", "/news/url"): ("url",),
    ("bing.com", "/news/apiclick.aspx"): ("url",),
    ("l.facebook.com", "/l.php"): ("u",),
    ("vk.com", "/away.php"): ("to",),
    ("out.reddit.com", "/"): ("url",),
}
_LIKELY = ("google.", "/apiclick", "/l.php", "/away.php", "reddit.")
_GOOGLE_NEWS = re.compile(r"/(?:rss/)?(?:__i/rss/rd/)?articles/([A-Za-z0-9_=-]{10,2000})")
_INSIDE = re.compile(rb"https?://[\x21-\x7e]{4,2000}")


def unwrapped(url: str) -> str:
    """Where `url`, in normal form, says that it leads, in normal form; `url` itself where it says nothing."""
    for mark in _LIKELY:  # a fifth of a regular expression's time, and every address of a feed comes by
        if mark in url:
            break
    else:
        return url
    parts = urlsplit(url)
    host = (parts.hostname or "").removeprefix("www.")
    found: str | None = None
    names = _REDIRECTS.get((host, parts.path), ())
    if names:
        query = parse_qs(parts.query, max_num_fields=50)
        found = next((query[name][0] for name in names if name in query), None)
    elif host == "news.google.com" and (coded := _GOOGLE_NEWS.match(parts.path)):
        found = _coded(coded.group(1))
    made = absolute(found, found) if found else None
    return clean(made) if made else url


def _coded(text: str) -> str | None:
    """Until 2024 Google's article numbers were a message in base64 with the address in it."""
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return None
    inside = _INSIDE.search(data)
    # A length byte or a field's tag may follow; both are below the space or above the tilde, so the match ends there.
    return inside.group().decode("ascii") if inside else None
