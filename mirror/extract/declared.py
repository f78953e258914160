"""What a page's markup declares for machines, as it stands: `<meta>` elements, JSON-LD, microdata and RDFa.

JSON-LD is read as sites write it: `@graph`, lists, references by `@id`, several values in one script, comments, commas
too many, line breaks and quotation marks that nobody escaped. What cannot be mended is searched for the few fields
that matter. Everything is capped, and every pass over it is linear.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lxml import etree

from mirror.extract.page import attribute, key_of, similar, squeeze, text_of

MAX_SCRIPT = 2**20  # characters of JSON-LD read per script
MAX_MENDED = 2**18  # characters of a broken one that are gone through one by one
MAX_SCRIPTS = 60
MAX_OBJECTS = 2000
MAX_WAITING = 20_000  # objects and lists that wait to be looked at
MAX_ITEM = 4000  # elements of one microdata item
MAX_VALUE = 2000  # characters of a value in microdata

_ARTICLE_TYPE = re.compile(r"(?:Article|BlogPosting|LiveBlogPosting|SocialMediaPosting|Report|Review|OpinionPiece)$")
_INSIDE = ("hasPart", "mainEntityOfPage", "mainEntity", "itemListElement", "item", "@included", "@graph")
_REFERENCES = ("author", "creator", "publisher", "image", "mainEntityOfPage", "isPartOf")
_COMMENTED = re.compile(r"^\s*(?:<!--|//\s*<!\[CDATA\[|/\*\s*<!\[CDATA\[\s*\*/|<!\[CDATA\[)")
_COMMENT_END = re.compile(r"(?:-->|//\s*\]\]>|/\*\s*\]\]>\s*\*/|\]\]>)\s*$")

# What of an item in microdata or RDFa is read, in small letters and as JSON-LD spells it; its text is not.
_SPELLED = {
    name.lower(): name
    for name in (
        "headline", "alternativeHeadline", "name", "datePublished", "dateCreated", "dateModified", "author", "creator",
        "articleSection", "keywords", "image", "publisher", "description", "inLanguage", "isAccessibleForFree", "url",
        "givenName", "familyName",
    )
}  # fmt: skip
_ITEMS = etree.XPath("//*[@itemtype or @typeof]")


def metas_of(root: etree._Element) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for element in root.iter("meta"):
        content = element.get("content")
        if content is None:
            continue
        for name in ("property", "name", "itemprop", "http-equiv"):
            named = (element.get(name) or "").strip().lower()[:80]
            # RDFa: a property may be several, between spaces
            keys = named.split() if name == "property" else [named] if named else []
            for key in keys if content.strip() else ():
                values = found.setdefault(key, [])
                if len(values) < 60:
                    values.append(squeeze(content[:4000]))
    return found


def first(metas: Mapping[str, list[str]], *names: str) -> str | None:
    for name in names:
        values = metas.get(name)
        if values and values[0]:
            return values[0]
    return None


def linked_data(root: etree._Element) -> Iterator[dict[str, Any]]:
    """The objects of all JSON-LD scripts, outer ones before those in them."""
    count = 0
    for number, script in enumerate(root.iter("script")):
        if "ld+json" not in attribute(script, "type").lower() or not script.text or len(script.text) > MAX_SCRIPT:
            continue
        if number > 20 * MAX_SCRIPTS:
            return
        stack: list[Any] = list(reversed(values_in(script.text)))
        while stack and count < MAX_OBJECTS:
            item = stack.pop()
            count += 1
            if len(stack) > MAX_WAITING:
                break
            if isinstance(item, list):
                stack.extend(reversed(item[:200]))
            elif isinstance(item, dict):
                yield item
                stack.extend(item[name] for name in _INSIDE if isinstance(item.get(name), dict | list))


def values_in(text: str) -> list[Any]:
    """The JSON values of a script, mended where they are broken; none when they are past mending."""
    text = _COMMENT_END.sub("", _COMMENTED.sub("", text.strip())).strip().rstrip(";")
    try:
        return [json.loads(text, strict=False)]
    except (ValueError, RecursionError):
        pass
    if len(text) > MAX_MENDED:
        return []
    if '"' not in text and "&quot;" in text:
        text = html.unescape(text)
    mended = mend(text)
    decoder = json.JSONDecoder(strict=False)
    found: list[Any] = []
    place = 0
    while len(found) < MAX_SCRIPTS and (start := _OPENS.search(mended, place)) is not None:
        try:
            value, place = decoder.raw_decode(mended, start.start())
        except (ValueError, RecursionError):
            break
        found.append(value)
    if not found and (saved := _salvaged(text)):
        found.append(saved)
    return found


_OPENS = re.compile(r"[{\[]")
_PIECE = re.compile(r'"|/\*|//|,|[^"/,]++|/')
_BETWEEN = re.compile(r"[\s,]*+")
# What may follow the quotation mark that ends a string.
_ENDED = re.compile(r"\s*+(?:$|[:}\]]|,\s*+(?:[\"\[{}\],\d/-]|true\b|false\b|null\b|$)|//|/\*)")
_TO_ESCAPE = re.compile(r'\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})|\\|"')
_FIELD = re.compile(r'"(headline|datePublished|dateModified|articleSection)"\s*+:\s*+"((?:[^"\\]|\\.){1,500}+)"')
_OF_ARTICLE = re.compile(r'"@type"\s*+:\s*+\[?\s*+"[A-Za-z:/.]{0,40}(?:Article|BlogPosting|LiveBlogPosting)"')


def mend(text: str) -> str:
    """JSON without comments, without commas too many, and with the quotation marks and backslashes in its strings
    escaped. One pass; what is JSON already keeps its meaning."""
    made: list[str] = []
    place = 0
    while (piece := _PIECE.match(text, place)) is not None:
        sign = piece.group()
        place = piece.end()
        if sign == '"':
            end = _string_end(text, place)
            made.append('"' + _TO_ESCAPE.sub(_escaped, text[place:end]) + '"')
            place = end + 1
        elif sign == "/*":
            end = text.find("*/", place)
            place = len(text) if end < 0 else end + 2
        elif sign == "//":
            end = text.find("\n", place)
            place = len(text) if end < 0 else end
        elif sign == ",":
            between = _BETWEEN.match(text, place)
            place = between.end() if between is not None else place
            if text[place : place + 1] not in ("", "}", "]"):
                made.append(",")
        else:
            made.append(sign)
    return "".join(made)


def _string_end(text: str, place: int) -> int:
    """Where a string that began before `place` ends: at the first quotation mark that something follows which may
    follow a string."""
    here = place
    while (mark := text.find('"', here)) >= 0:
        here = mark + 1
        slashes = mark
        while slashes > place and text[slashes - 1] == "\\":
            slashes -= 1
        if (mark - slashes) % 2 == 0 and _ENDED.match(text, here) is not None:
            return mark
    return len(text)


def _escaped(found: re.Match[str]) -> str:
    sign = found.group()
    return "\\" + sign if len(sign) == 1 else sign


def _salvaged(text: str) -> dict[str, Any]:
    """The few fields that matter of an article's data that is past mending (cut off in the middle, most often)."""
    if _OF_ARTICLE.search(text) is None:
        return {}
    found: dict[str, Any] = {}
    for field in _FIELD.finditer(text):
        found.setdefault(field[1], field[2].replace('\\"', '"').replace("\\/", "/"))
    return {"@type": "NewsArticle", **found} if found else {}


def types_of(item: Mapping[str, Any]) -> list[str]:
    value = item.get("@type")
    return [part for part in value[:20] if isinstance(part, str)] if isinstance(value, list) else [_text(value)]


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def article_object(objects: Sequence[dict[str, Any]], url: str, title: str) -> Mapping[str, Any]:
    """The object that describes the article of this page, its references to other objects followed; {} without one."""
    articles = [
        item
        for item in objects
        if any(_ARTICLE_TYPE.search(name) for name in types_of(item))
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
        alike = similar(text_in(item.get("headline")) or "", title) if title else 0.0
        of_a_claim = any(name.endswith("ClaimReview") for name in types_of(item))
        return 2.0 * same + alike + 0.2 * bool(item.get("datePublished")) - 3.0 * of_a_claim

    best = max(articles[:200], key=score)
    if any(name.endswith("ClaimReview") for name in types_of(best)):
        # who published the claim's review wrote neither this page nor, perhaps, this review
        best = {name: value for name, value in best.items() if name not in ("author", "creator", "name")}
    known: dict[str, dict[str, Any]] = {}
    for item in objects:
        name = item.get("@id")
        if isinstance(name, str) and len(item) > 1 and len(item) > len(known.get(name, ())):
            known[name] = item
    return {name: _followed(value, known) if name in _REFERENCES else value for name, value in best.items()}


def _followed(value: object, known: Mapping[str, dict[str, Any]]) -> object:
    """A value, or the values of a list, with what is known elsewhere of the objects they only refer to."""
    if isinstance(value, list):
        return [_followed(item, known) if isinstance(item, dict) else item for item in value[:50]]
    if isinstance(value, dict) and isinstance(value.get("@id"), str) and "name" not in value and "url" not in value:
        return {**known.get(value["@id"], {}), **value}
    return value


def marked_up(root: etree._Element) -> dict[str, Any]:
    """What microdata (`itemprop`) or simple RDFa (`property`, `typeof`) says of the article, in the form JSON-LD has;
    {} when it says nothing."""
    found = _ITEMS(root)
    for element in found[:200] if isinstance(found, list) else []:
        if not isinstance(element, etree._Element):
            continue
        for kind, name in (("itemtype", "itemprop"), ("typeof", "property")):
            types = [part.rstrip("/").rsplit("/", 1)[-1] for part in attribute(element, kind).split()]
            if any(_ARTICLE_TYPE.search(part.rsplit(":", 1)[-1]) for part in types):
                item = _item(element, kind, name, 0, [MAX_ITEM])
                if any(key in item for key in ("headline", "name", "datePublished", "author")):
                    return {"@type": types[0], **item}
    return {}


def _item(element: etree._Element, kind: str, name: str, depth: int, left: list[int]) -> dict[str, Any]:
    """The properties of an item; those of items within it are theirs."""
    made: dict[str, Any] = {}
    waiting = list(reversed(element))
    while waiting and left[0] > 0:
        child = waiting.pop()
        left[0] -= 1
        if not isinstance(child.tag, str):
            continue
        inner = child.get(kind) is not None or child.get("itemscope") is not None
        names = [part.rsplit(":", 1)[-1].lower() for part in attribute(child, name).split()[:4]]
        wanted = [part for part in names if part in _SPELLED]
        if wanted:
            value: object
            if inner and depth < 3:
                value = _item(child, kind, name, depth + 1, left)
                value = {"@type": attribute(child, kind).rstrip("/").rsplit("/", 1)[-1], **value} if value else None
            else:
                value = _value(child)
            for part in wanted if value else []:
                spelled = _SPELLED[part]
                if spelled not in made:
                    made[spelled] = value
                elif spelled in ("author", "creator", "image"):
                    made[spelled] = [*(made[spelled] if isinstance(made[spelled], list) else [made[spelled]]), value]
        if not inner and len(waiting) <= MAX_ITEM:
            waiting.extend(reversed(child))
    return made


def _value(element: etree._Element) -> str | None:
    for name in ("content", "datetime") if element.tag != "link" else ("href",):
        if value := (element.get(name) or "").strip():
            return value[:MAX_VALUE]
    if element.tag in ("img", "source", "amp-img"):
        return element.get("src")
    return text_of(element)[:MAX_VALUE] or None


def text_in(value: object) -> str | None:
    if isinstance(value, list):
        value = value[0] if value else None
    if isinstance(value, str):
        plain = value
        if "&" in plain or "<" in plain:
            plain = re.sub(r"<[^<>]{1,200}>", "", html.unescape(plain[:20_000]))
        return squeeze(plain[:20_000]) or None
    return None


def name_in(value: object) -> str | None:
    if isinstance(value, list):
        value = value[0] if value else None
    if isinstance(value, dict):
        return text_in(value.get("name")) or text_in(value.get("@value"))
    return text_in(value)
