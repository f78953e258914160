"""What a page says about itself: title, times, authors, section, tags, language claims, lead, cover, canonical address.

Order of belief, measured on 600 pages of 420 outlets: the title is the `<h1>` closest to `og:title`, then the JSON-LD
headline; the date is JSON-LD `datePublished`, then the meta elements, then `<time>`, then htmldate's guess. The
publication is not an author of its articles, and neither is an agency.
"""


# ruff: noqa: E501

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from difflib import SequenceMatcher
from typing import Any

from lxml import etree

from mirror import links
from mirror.extract.page import attribute, is_hidden, key_of, marks, squeeze, text_of

MAX_SCRIPT = 2**20  # characters of JSON-LD read per script
MAX_OBJECTS = 2000
MAX_TITLE = 500
MAX_LEAD = 1000

_ARTICLE_TYPE = re.compile(r"(?:Article|BlogPosting|LiveBlogPosting|Report|Review|OpinionPiece)$")
_SUFFIX = re.compile(r"\s+(?:[|–—·•»:/]|::|-|<|«)\s+")


@dataclass(slots=True)
class Metadata:
    title: str | None = None
    published: str | None = None
    modified: str | None = None
    authors: tuple[str, ...] = ()
    section: str | None = None
    tags: tuple[str, ...] = ()
    description: str | None = None
    site: str | None = None
    canonical: str | None = None
    images: tuple[str, ...] = ()
    image_alt: str | None = None
    languages: list[str | None] = field(default_factory=list)
    type: str | None = None  # og:type
    linked: Mapping[str, Any] = field(default_factory=dict)  # the article's JSON-LD object
    free: bool | None = None  # isAccessibleForFree
    headings: tuple[str, ...] = ()  # texts that are the title, in the page's several forms


def read(root: etree._Element, url: str) -> Metadata:
    """Everything but the dates that need a guess; see `guess_date`."""
    metas = _metas(root)
    objects = list(_linked_data(root))
    canonical = _canonical(root, metas, url)
    linked = _article_object(objects, canonical or url, metas.get("og:title", [""])[0])
    found = Metadata(linked=linked, canonical=canonical)
    found.site = _first(metas, "og:site_name", "application-name", "publisher") or _name(linked.get("publisher"))
    found.type = _first(metas, "og:type")
    found.description = _lead(
        _first(metas, "og:description", "description", "twitter:description") or _text(linked.get("description"))
    )
    page_title = next((text_of(element) for element in root.iter("title") if element.getparent() is not None), "")
    found.title, found.headings = _title(root, metas, linked, page_title, found.site)
    found.published, found.modified = _dates(root, metas, linked)
    found.authors = _authors(root, metas, linked, url, found.site)
    found.section = _section(metas, linked)
    found.tags = _tags(root, metas, linked)
    found.images = tuple(_images(metas, linked))
    found.image_alt = _first(metas, "og:image:alt", "twitter:image:alt")
    html = root if root.tag == "html" else root.find(".//html")
    found.languages = [
        _text(linked.get("inLanguage")) or _name(linked.get("inLanguage")),
        html.get("lang") or html.get("{http://www.w3.org/XML/1998/namespace}lang") or html.get("xml:lang")
        if html is not None
        else None,
        _first(metas, "og:locale"),
        _first(metas, "content-language", "language", "dc.language"),
    ]
    free = linked.get("isAccessibleForFree")
    if free is not None:
        found.free = str(free).strip().lower() not in ("false", "no", "0")
    return found


# --- meta elements and JSON-LD ---------------------------------------------------------------------------------------------


def _metas(root: etree._Element) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for element in root.iter("meta"):
        content = element.get("content")
        if content is None:
            continue
        for name in ("property", "name", "itemprop", "http-equiv"):
            key = (element.get(name) or "").strip().lower()[:80]
            if key and content.strip():
                values = found.setdefault(key, [])
                if len(values) < 60:
                    values.append(squeeze(content[:4000]))
    return found


def _first(metas: Mapping[str, list[str]], *names: str) -> str | None:
    for name in names:
        values = metas.get(name)
        if values and values[0]:
            return values[0]
    return None


def _linked_data(root: etree._Element) -> Iterator[dict[str, Any]]:
    count = 0
    for script in root.iter("script"):
        if "ld+json" not in attribute(script, "type").lower() or not script.text or len(script.text) > MAX_SCRIPT:
            continue
        text = (
            re.sub(r"^\s*(?:<!--|//<!\[CDATA\[|<!\[CDATA\[)|(?:-->|//\]\]>|\]\]>)\s*$", "", script.text.strip())
            .strip()
            .rstrip(";")
        )
        try:
            value = json.loads(text, strict=False)
        except (ValueError, RecursionError):
            continue
        stack: list[Any] = [value]
        while stack and count < MAX_OBJECTS:
            item = stack.pop(0)
            count += 1
            if isinstance(item, list):
                stack = item[:200] + stack
            elif isinstance(item, dict):
                yield item
                stack = [
                    item[name]
                    for name in ("@graph", "mainEntity", "mainEntityOfPage", "hasPart", "itemListElement")
                    if isinstance(item.get(name), dict | list)
                ] + stack


def _types(item: Mapping[str, Any]) -> list[str]:
    value = item.get("@type")
    return [str(part) for part in value] if isinstance(value, list) else [str(value or "")]


def _article_object(objects: Sequence[dict[str, Any]], url: str, title: str) -> Mapping[str, Any]:
    articles = [
        item
        for item in objects
        if any(_ARTICLE_TYPE.search(name) for name in _types(item))
        and (item.get("headline") or item.get("datePublished") or item.get("articleBody") or item.get("name"))
    ]
    if not articles:
        return {}
    here = key_of(url.split("?", 1)[0])

    def score(item: Mapping[str, Any]) -> float:
        page = item.get("mainEntityOfPage")
        addresses = [item.get("url"), item.get("@id"), page.get("@id") if isinstance(page, dict) else page]
        same = any(
            isinstance(address, str) and key_of(address.split("?", 1)[0].split("#", 1)[0]) == here
            for address in addresses
        )
        alike = similar(_text(item.get("headline")) or "", title) if title else 0.0
        return 2.0 * same + alike + 0.2 * bool(item.get("datePublished"))

    return max(articles, key=score)


def _text(value: object) -> str | None:
    if isinstance(value, list):
        value = value[0] if value else None
    if isinstance(value, str):
        plain = value
        if "&" in plain or "<" in plain:
            import html

            plain = re.sub(r"<[^<>]{1,200}>", "", html.unescape(plain[:20_000]))
        return squeeze(plain[:20_000]) or None
    return None


def _name(value: object) -> str | None:
    if isinstance(value, list):
        value = value[0] if value else None
    if isinstance(value, dict):
        return _text(value.get("name")) or _text(value.get("@value"))
    return _text(value)


# --- title ---------------------------------------------------------------------------------------------------------------


def similar(one: str, other: str) -> float:
    """0 to 1; 1 when the letters are the same."""
    first, second = key_of(one).casefold()[:400], key_of(other).casefold()[:400]
    if not first or not second:
        return 0.0
    if first == second:
        return 1.0
    if first in second or second in first:
        return 0.55 + 0.45 * min(len(first), len(second)) / max(len(first), len(second))
    return SequenceMatcher(None, first, second, autojunk=False).ratio()


def _title(
    root: etree._Element, metas: Mapping[str, list[str]], linked: Mapping[str, Any], page_title: str, site: str | None
) -> tuple[str | None, tuple[str, ...]]:
    og = _bare(_first(metas, "og:title", "twitter:title") or "", site)
    headline = _text(linked.get("headline")) or ""
    shown = _bare(page_title, site)
    references = [text for text in (og, headline, shown) if text]
    headings: list[str] = []
    for element in root.iter("h1"):
        if len(headings) < 30 and not is_hidden(element):
            text = text_of(element)
            if text and len(text) <= MAX_TITLE and key_of(text) != key_of(site or ""):
                headings.append(text)
    best, score = "", 0.0
    for text in headings:
        value = max((similar(text, reference) for reference in references), default=0.3 if len(headings) == 1 else 0.0)
        if value > score:
            best, score = text, value
    title: str
    if best and score >= 0.5:
        title = best
        # a kicker that shares the h1 ("Opinion Why …"): the headline alone is the title
        for reference in (headline, og):
            if (
                reference
                and key_of(title) != key_of(reference)
                and key_of(title).endswith(key_of(reference))
                and len(key_of(reference)) > 0.5 * len(key_of(title))
            ):
                title = title[-_tail_length(title, len(key_of(reference))) :].lstrip(" :|–—-")
                break
    elif len(headings) == 1 and not headline and not og:
        title = headings[0]
    else:
        title = headline or og or shown or (headings[0] if headings else "")
    forms = tuple(dict.fromkeys(key_of(text) for text in (title, best, og, headline, shown) if text))
    return squeeze(title)[:MAX_TITLE] or None, forms


def _tail_length(text: str, letters: int) -> int:
    """How many characters at the end of `text` hold that many letters and digits."""
    count = 0
    for number, character in enumerate(reversed(text), 1):
        count += character.isalnum()
        if count == letters:
            return number
    return len(text)


def _bare(title: str, site: str | None) -> str:
    """A title without the site's name at either end."""
    title = squeeze(title)
    parts = _SUFFIX.split(title)
    if len(parts) < 2:
        return title
    name = key_of(site or "").casefold()
    for place in (-1, 0):
        part = key_of(parts[place]).casefold()
        if name and part and (part == name or (len(part) > 3 and (part in name or name in part))):
            if place == -1:
                cut = list(_SUFFIX.finditer(title))[-1].start()
                return title[:cut].strip()
            return title[next(iter(_SUFFIX.finditer(title))).end() :].strip()
    last = list(_SUFFIX.finditer(title))[-1]
    # without a known site name only a short last part after a bar or dash is one
    if not name and len(title) - last.end() <= 30 and last.start() >= 20:
        return title[: last.start()].strip()
    return title


# --- times -----------------------------------------------------------------------------------------------------------------

_STAMP = re.compile(
    r"(\d{4})-?(\d{2})-?(\d{2})(?:[T ]+(\d{1,2}):?(\d{2})(?::?(\d{2}))?(?:[.,]\d+)?\s*(Z|UTC|GMT|[+-]\d{2}:?\d{2}|[+-]\d{2}|[A-Z]{2,4})?)?",
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
    """A time as `YYYY-MM-DDTHH:MM:SSZ`; None for what is none, or lies before 1990. Without a zone it is taken as UTC."""
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
            from email.utils import parsedate_to_datetime

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


def _dates(
    root: etree._Element, metas: Mapping[str, list[str]], linked: Mapping[str, Any]
) -> tuple[str | None, str | None]:
    published = stamp(_text(linked.get("datePublished")))
    modified = stamp(_text(linked.get("dateModified")))
    for name in (
        "article:published_time", "og:article:published_time", "article:published", "og:published_time", "datepublished", "date", "pubdate", "publishdate", "publish-date",
        "publish_date", "parsely-pub-date", "sailthru.date", "dc.date.issued", "dcterms.created", "dc.date", "dcterms.date", "article.published", "published_at", "publication_date",
        "cxenseparse:recs:publishtime", "cxenseparse:publishtime", "originalpublicationdate", "rnews:datepublished", "weibo: article:create_at",
    ):  # fmt: skip
        if published:
            break
        published = stamp(_first(metas, name))
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
        modified = modified or stamp(_first(metas, name))
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


# --- people ------------------------------------------------------------------------------------------------------------------

_BY = re.compile(
    r"^(?:(?:written|posted|story|text|words|reported|edited|published|article|report|analysis|opinion|review)\s+)?(?:by|von|par|por|di|da|de|av|af|door|przez|od|автор(?:ы|ка)?|текст|"
    r"نویسنده|نوشته|بقلم|كتب|作者|文|记者|撰文|autor(?:ka|in|es)?|auteur|autore|author|redacción|texte|foto|tekst)\s*[:：/|]?\s+|^(?:by|作者|记者|文|автор|text|von)\s*[:：]\s*",
    re.IGNORECASE,
)
_NO_PERSON = re.compile(
    r"^(?:admin(?:istrator)?|editor(?:s|ial)?(?: board| team)?|staff(?: writer| reporter)?s?|redaktion\w*|redakcja|redazione|redacción|la rédaction|rédaction|redaktsiya|редакция|editorial|newsroom|news ?desk|"
    r"web ?desk|online|agenc(?:y|ies)|agencias?|wires?|wire reports|guest(?: author| contributor)?|contributor|correspondent|press release|unknown|anonymous|null|undefined|none|website|reporter|the|"
    r"afp|ap|reuters|associated press|the associated press|agence france-presse|dpa|apa|epa|efe|ansa|tass|тасс|риа новости|интерфакс|interfax|xinhua|新华社|中新网|中新社|ria novosti|bloomberg|pap|ntb|tt|"
    r"upi|ani|pti|ians|irna|isna|yonhap|kyodo|belta|ukrinform|unian)(?:\b.{0,12})?$",
    re.IGNORECASE,
)
_SEPARATOR = re.compile(
    r"\s*(?:,|;|\||、|，|•|·|\s&\s|\sand\s|\sund\s|\set\s|\sy\s|\se\s|\si\s|\sи\s|\sو\s|\swith\s|\soch\s|\sen\s|\sog\s|\sve\s)\s*(?=\S)",
    re.IGNORECASE,
)
_ROLE = re.compile(
    r"^(?:.*\b(?:editor|correspondent|reporter|writer|journalist|staff|columnist|bureau|producer|contributor|chief|redakteur\w*|korrespondent\w*|journaliste|корреспондент|редактор|журналист|"
    r"updated|published|posted|photo\w*|min read|minutes?|ago|copyright|special to|for|the .* times|news|press|magazine|media|tv|radio|online|www\.|https?:)\b.*|.*\d.*|.*[@<>{}/\\].*)$",
    re.IGNORECASE,
)


def _authors(
    root: etree._Element, metas: Mapping[str, list[str]], linked: Mapping[str, Any], url: str, site: str | None
) -> tuple[str, ...]:
    host = links.host_of(url)
    own = {
        key_of(name).casefold() for name in (site, _name(linked.get("publisher")), host.removeprefix("www.")) if name
    }
    own |= {key_of(part).casefold() for part in host.split(".") if len(part) > 3}
    for names in (
        list(_linked_people(linked)),
        [
            value
            for key in (
                "author",
                "article:author",
                "byl",
                "parsely-author",
                "sailthru.author",
                "dc.creator",
                "dcterms.creator",
                "cxenseparse:author",
            )
            for value in metas.get(key, [])
        ][:12],
        list(_marked_people(root)),
    ):
        cleaned = clean_names(names, own)
        if cleaned:
            return cleaned
    return ()


def _linked_people(linked: Mapping[str, Any]) -> Iterator[str]:
    value = linked.get("author") or linked.get("creator")
    for item in value[:20] if isinstance(value, list) else [value]:
        if isinstance(item, dict):
            if "Organization" in " ".join(_types(item)):
                continue
            names = item.get("name")
            for name in names if isinstance(names, list) else [names]:
                if isinstance(name, str):
                    yield name
        elif isinstance(item, str):
            yield item


def _marked_people(root: etree._Element) -> Iterator[str]:
    for pattern in ("rel", "itemprop", "class"):
        names: list[str] = []
        for element in root.iter("a", "span", "div", "p", "address", "li", "strong", "cite"):
            value = attribute(element, pattern).lower()
            if pattern == "rel":
                hit = "author" in value.split()
            elif pattern == "itemprop":
                hit = value in ("author", "creator")
            else:
                hit = bool(
                    re.search(
                        r"(?:^|[\s_-])(?:byline|author)(?:[-_]{1,2}(?:author|name|link|person)(?:[-_]{1,2}name)?)?(?:$|\s)",
                        value,
                    )
                )
            if not hit or is_hidden(element):
                continue
            if any(
                re.search(r"comment|related|sidebar|footer|teaser", marks(box), re.IGNORECASE)
                for box in list(element.iterancestors())[:6]
            ):
                continue
            inner = [box for box in element.iter("*") if attribute(box, "itemprop") == "name"]
            text = text_of(inner[0]) if inner else text_of(element)
            if text and len(text) <= 120:
                names.append(text)
            if len(names) >= 8:
                break
        if names:
            yield from names
            return


def clean_names(names: Sequence[str], own: set[str]) -> tuple[str, ...]:
    """People only: no "By", no roles, addresses or agencies, not the publication itself; better fewer than bad ones."""
    found: dict[str, str] = {}
    for raw in names[:20]:
        text = squeeze(raw)[:300]
        if text.startswith(("http:", "https:")):
            continue
        text = re.sub(r"[\w.+-]+@[\w.-]+|@\w+", "", text)
        text = _BY.sub("", text).strip(" -–—:|,.()")
        for part in _SEPARATOR.split(text):
            name = _BY.sub("", part.strip(" -–—:|,.()")).strip(" -–—:|,()")
            name = re.sub(r"\s*\([^()]*\)\s*$", "", name)
            key = key_of(name).casefold()
            if (
                not key
                or len(name) > 60
                or len(name) < 2
                or len(name.split()) > 6
                or _NO_PERSON.match(name)
                or _ROLE.match(name)
            ):
                continue
            if any(key == other or (len(key) > 5 and (key in other or other in key)) for other in own if other):
                continue
            found.setdefault(key, name.title() if name.isupper() and len(name) > 4 else name)
    return tuple(list(found.values())[:12])


# --- the rest ------------------------------------------------------------------------------------------------------------------


def _lead(text: str | None) -> str | None:
    text = squeeze(text or "")
    return text[:MAX_LEAD] or None


def _section(metas: Mapping[str, list[str]], linked: Mapping[str, Any]) -> str | None:
    value = linked.get("articleSection")
    found = (
        _first(metas, "article:section", "og:article:section")
        or _text(value)
        or _first(metas, "section", "parsely-section")
    )
    return found[:80] if found and not found.startswith("http") else None


def _tags(root: etree._Element, metas: Mapping[str, list[str]], linked: Mapping[str, Any]) -> tuple[str, ...]:
    raw: list[str] = list(metas.get("article:tag", []))
    if not raw:
        value = linked.get("keywords")
        raw = (
            [item for item in value if isinstance(item, str)]
            if isinstance(value, list)
            else [value]
            if isinstance(value, str)
            else []
        )
    if not raw:
        raw = [text_of(link) for link in root.iter("a") if "tag" in attribute(link, "rel").split()][:20]
    if not raw:
        raw = [value for name in ("news_keywords",) for value in metas.get(name, [])]
    found: dict[str, str] = {}
    for item in raw[:60]:
        for part in re.split(r"[,;،，]", _text(item) or ""):
            tag = squeeze(part).strip("#")
            if tag and len(tag) <= 60 and not re.match(r"https?:|\w+:\S+$", tag):
                found.setdefault(tag.casefold(), tag)
    return tuple(list(found.values())[:20])


def _images(metas: Mapping[str, list[str]], linked: Mapping[str, Any]) -> Iterator[str]:
    for name in ("og:image:secure_url", "og:image", "og:image:url", "twitter:image", "twitter:image:src"):
        yield from metas.get(name, [])[:2]
    value = linked.get("image")
    for item in value[:6] if isinstance(value, list) else [value]:
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict) and isinstance(item.get("url"), str):
            yield item["url"]


def _canonical(root: etree._Element, metas: Mapping[str, list[str]], url: str) -> str | None:
    """The page's own address for itself, believed only within one site and never when it is the front page."""
    for link in root.iter("link"):
        if "canonical" in attribute(link, "rel").lower().split():
            found = links.absolute(url, link.get("href"))
            if found and links.same_site(found, url) and (not links.is_home(found) or links.is_home(url)):
                return links.clean(found)
    found = links.absolute(url, _first(metas, "og:url"))
    if found and links.same_site(found, url) and not links.is_home(found):
        return links.clean(found)
    return None
