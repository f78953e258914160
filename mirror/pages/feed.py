"""The edition as an Atom feed (RFC 4287), `feed.xml`: mirrors can be followed with any feed reader.

Identifiers are `urn:uuid:` (version 5, from the article's canonical address), so an article stays the same entry on
every mirror and through every revision; `updated` is when the newest revision was fetched. Links are relative to the
mirror when no base is given: the same file works on each of them. Like every page, the feed is a convenience and proves
nothing.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape as xml_escape
from xml.sax.saxutils import quoteattr

from mirror.pages.article import page_path
from mirror.pages.html import clean, outward
from mirror.pages.page import lang


def element(name: str, text: str | None = None, **attributes: str | None) -> str:
    """One element with text (escaped) or empty."""
    opening = name + "".join(
        f" {key.rstrip('_').replace('__', ':')}={quoteattr(clean(value))}"
        for key, value in attributes.items()
        if value is not None
    )
    return f"<{opening}/>" if text is None else f"<{opening}>{xml_escape(clean(text))}</{name}>"


def urn(text: str) -> str:
    return uuid.uuid5(uuid.NAMESPACE_URL, clean(text)).urn


def atom(edition: Mapping[str, Any], *, base: str | None = None, pages: Mapping[str, str] | None = None) -> bytes:
    """The edition document as an Atom feed, newest first over all outlets.

    `base` is the mirror's own address, ending in a slash, for readers that do not resolve relative links. `pages` is as
    for `front_page`; an item without a page links to the original.
    """
    publication = edition["publication"]
    start = base if base and outward(base) else ""
    lines = [
        '<?xml version="1.0" encoding="utf-8"?>',
        '<feed xmlns="http://www.w3.org/2005/Atom">',
        element("id", urn(f"tamizdat:{publication['origin']}")),
        element("title", str(publication["name"])),
        element("updated", str(edition["time"])),
        f"<author>{element('name', str(publication['name']))}</author>",
        element("link", rel="self", type="application/atom+xml", href=f"{start}feed.xml"),
        element("link", rel="alternate", type="text/html", href=f"{start}index.html"),
        # The same file elsewhere (RFC 6249): who follows one mirror's feed hears of the others while it lives.
        *(
            element("link", rel="duplicate", type="application/atom+xml", href=f"{mirror['url'].rstrip('/')}/feed.xml")
            for mirror in edition["mirrors"]
            if outward(str(mirror["url"]))
        ),
        element("generator", str(edition["generator"])),
    ]
    items = [(str(outlet["name"]), item) for outlet in edition["outlets"] for item in outlet["articles"]]
    items.sort(
        key=lambda pair: (str(pair[1].get("published") or pair[1]["fetched"]), str(pair[1]["url"])), reverse=True
    )
    seen: set[str] = set()
    for outlet, item in items:
        identity = urn(str(item["url"]))
        if identity in seen:  # RFC 4287 4.1.1: an entry once
            continue
        seen.add(identity)
        lines.extend(entry(outlet, item, identity, start, pages))
    return "\n".join([*lines, "</feed>", ""]).encode()


def entry(
    outlet: str, item: Mapping[str, Any], identity: str, start: str, pages: Mapping[str, str] | None
) -> list[str]:
    url = outward(str(item["url"]))
    path = page_path(str(item["url"])) if pages is None else pages.get(str(item["digest"]))
    where = f"{start}{path}" if path else url
    published, lead = item.get("published"), item.get("lead")
    language = lang(str(item["language"]))
    return [
        f"<entry xml:lang={quoteattr(language)}>",
        element("id", identity),
        element("title", str(item["title"]), type="text"),
        element("updated", str(item["fetched"])),
        *([element("published", str(published))] if published else []),
        f"<author>{element('name', outlet)}</author>",
        *([element("link", rel="alternate", type="text/html", hreflang=language, href=where)] if where else []),
        *([element("link", rel="via", href=url)] if url else []),
        element("summary", str(lead) if lead else str(item["title"]), type="text"),
        "</entry>",
    ]
