"""When an article was published and changed, as far as its page says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from lxml import etree

from mirror.extract.declared import first, text_in
from mirror.extract.page import attribute, marks, text_of

_STAMP = re.compile(
    r"(\d{4})-?(\d{2})-?(\d{2})(?:[T ]+(\d{1,2}):?(\d{2})(?::?(\d{2}))?(?:[.,]\d+)?\s*(Z|UTC|GMT|[+-]\d{2}:?\d{2}|"
    r"[+-]\d{2}|[A-Z]{2,4})?)?",
    re.IGNORECASE,
)
_ZONES = {
    "Z": 0,
    "UTC": 0,
    "GMT": 0,
    "MSK": 180,
    "CET": 60,
    "CEST": 120,
    "EET": 120,
    "EEST": 180,
    "EST": -300,
    "EDT": -240,
    "PST": -480,
    "PDT": -420,
    "BST": 60,
    "CST": -360,
    "CDT": -300,
    "IRST": 210,
}


def stamp(text: str | None) -> str | None:
    """A time as `YYYY-MM-DDTHH:MM:SSZ`; None for what is none, or lies before 1990. No zone means UTC."""
    if not text:
        return None
    text = text.strip()[:64]
    found = _STAMP.match(text)
    moment: datetime | None = None
    try:
        if re.fullmatch(r"\d{10}|\d{13}", text):
            moment = datetime.fromtimestamp(int(text[:10]), UTC)
        elif found:
            year, month, day = (int(found[number]) for number in (1, 2, 3))
            moment = datetime(
                year, month, day, int(found[4] or 0), int(found[5] or 0), min(59, int(found[6] or 0)), tzinfo=UTC
            )
            moment -= timedelta(minutes=_offset(found[7]))
        elif re.match(r"[A-Z][a-z]{2},? \d{1,2} [A-Z][a-z]{2}|\d{1,2} [A-Z][a-z]{2} \d{4}", text):
            moment = parsedate_to_datetime(text)
            moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError, OSError, TypeError):
        return None
    if moment is None or not 1990 <= moment.year <= 2100:
        return None
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _offset(zone: str | None) -> int:
    if not zone:
        return 0
    zone = zone.upper()
    if zone[0] in "+-":
        digits = zone[1:].replace(":", "").ljust(4, "0")
        minutes = int(digits[:2]) * 60 + int(digits[2:])
        return -minutes if zone[0] == "-" else minutes
    return _ZONES.get(zone, 0)


def dates_of(
    root: etree._Element, metas: Mapping[str, list[str]], linked: Mapping[str, Any]
) -> tuple[str | None, str | None]:
    published = stamp(text_in(linked.get("datePublished")))
    modified = stamp(text_in(linked.get("dateModified")))
    for name in (
        "article:published_time", "og:article:published_time", "article:published", "og:published_time",
        "datepublished", "date", "pubdate", "publishdate", "publish-date", "publish_date", "parsely-pub-date",
        "sailthru.date", "dc.date.issued", "dcterms.created", "dc.date", "dcterms.date", "article.published",
        "published_at", "publication_date", "cxenseparse:recs:publishtime", "cxenseparse:publishtime",
        "originalpublicationdate", "rnews:datepublished", "weibo: article:create_at",
    ):  # fmt: skip
        if published:
            break
        published = stamp(first(metas, name))
    if not published:
        for element in root.iter("time", "span", "div", "p", "abbr"):
            if "datepublished" in attribute(element, "itemprop").lower() or element.get("pubdate") is not None:
                published = stamp(element.get("datetime") or element.get("content") or text_of(element))
                if published:
                    break
    if not published:
        published = _time_element(root)
    for name in (
        "article:modified_time",
        "og:updated_time",
        "datemodified",
        "last-modified",
        "lastmod",
        "dcterms.modified",
        "article:modified",
    ):
        modified = modified or stamp(first(metas, name))
    if published and modified and modified <= published:
        modified = None
    return published, modified


def _time_element(root: etree._Element) -> str | None:
    """The `<time>` that stands closest after the title."""
    after = False
    for element in root.iter("h1", "time"):
        if element.tag == "h1":
            after = True
        elif after and (found := stamp(element.get("datetime"))):
            above = " ".join(marks(box) for box in list(element.iterancestors())[:4])
            if not re.search(r"update|modif|related|comment|sidebar", f"{marks(element)} {above}", re.IGNORECASE):
                return found
    return None


def guess_date(text: str, url: str) -> str | None:
    """htmldate's reading of the page, as midnight UTC; used when the page has no stamp of its own."""
    try:
        from htmldate import find_date

        return stamp(find_date(text, url=url, original_date=True, extensive_search=True, outputformat="%Y-%m-%d"))
    except Exception:  # a guess is a convenience
        return None
