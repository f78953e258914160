"""What a page's head declares for machines: its `<meta>` elements and its JSON-LD, as they stand."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lxml import etree

from mirror.extract.page import attribute, key_of, similar, squeeze

MAX_SCRIPT = 2**20  # characters of JSON-LD read per script
MAX_OBJECTS = 2000

_ARTICLE_TYPE = re.compile(r"(?:Article|BlogPosting|LiveBlogPosting|Report|Review|OpinionPiece)$")


def metas_of(root: etree._Element) -> dict[str, list[str]]:
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


def first(metas: Mapping[str, list[str]], *names: str) -> str | None:
    for name in names:
        values = metas.get(name)
        if values and values[0]:
            return values[0]
    return None


def linked_data(root: etree._Element) -> Iterator[dict[str, Any]]:
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


def types_of(item: Mapping[str, Any]) -> list[str]:
    value = item.get("@type")
    return [str(part) for part in value] if isinstance(value, list) else [str(value or "")]


def article_object(objects: Sequence[dict[str, Any]], url: str, title: str) -> Mapping[str, Any]:
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
        return 2.0 * same + alike + 0.2 * bool(item.get("datePublished"))

    return max(articles, key=score)


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
