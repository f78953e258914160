"""A page's whole text in its own order, and what became of each piece: for an operator to look at.

Beside it, for each fact about the article, what the page claims and where, so that it can be seen which claim was
believed. Pure like `extract`, for the same hostile bytes, and as capped; to be run in the same sandbox.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lxml import etree

from mirror import charset, outlets
from mirror.extract import Dropped, page
from mirror.extract.blocks import text_of_blocks
from mirror.extract.declared import article_object, linked_data, metas_of, name_in, text_in
from mirror.extract.page import attribute, key_of, squeeze, text_of
from mirror.model import Block, Draft, Embed, Quote, Table, Update

MAX_LINES = 3000
MAX_TEXT = 5000
MAX_CLAIMS = 60
APART = "not in the article's part of the page"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A paragraph, heading, caption or label of the page. `why` is the rule that dropped it, empty when it was kept."""

    text: str
    kept: bool
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What the page says of the article: the `fact`, its value, and where it stands. `used` says that the article has
    this value."""

    fact: str
    value: str
    place: str
    used: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    lines: tuple[Line, ...] = ()
    claims: tuple[Claim, ...] = ()


def original(
    body: bytes,
    *,
    url: str,
    content_type: str | None = None,
    article: Draft | None = None,
    dropped: tuple[Dropped, ...] = (),
    drop: tuple[str, ...] = (),
) -> Original:
    """The page in `body`, held against what was made of it. Empty for what is no page; raises nothing."""
    try:
        root = page.parse(charset.decode(body[: page.MAX_BYTES], content_type))
        claims = tuple(_claims(root, url, article))[:MAX_CLAIMS]
        return Original(lines=tuple(_lines(root, article, dropped, drop)), claims=claims)
    except (page.PageError, outlets.SelectorError, RecursionError):
        return Original()


def _lines(
    root: etree._Element, article: Draft | None, dropped: Sequence[Dropped], drop: Sequence[str]
) -> Iterator[Line]:
    ruled = {element: f"your rule: drop {one}" for one in drop for element in outlets.select(root, one)}
    reasons = {key_of(one.text): one.why for one in reversed(dropped)}
    texts = _texts(article) if article is not None else []
    kept = {key_of(line) for text in texts for line in text.split("\n")}
    # The headline and the standfirst are left out of the text because the article has them as such.
    heads = {key_of(text) for text in texts[:2]}
    whole = "\n".join(key_of(text) for text in texts)
    for number, run in enumerate(run for run in page.flow(root).runs() if run.text.strip()):
        if number >= MAX_LINES:
            return
        text = run.text.strip()[:MAX_TEXT]
        rule = next((ruled[one] for one in (run.element, *run.element.iterancestors()) if one in ruled), "")
        why = rule or reasons.get(key_of(text), "")
        # Short words stand in many sentences; only whole lines of them are the same line.
        there = bool(run.key) and (run.key in kept or (len(run.key) >= 24 and run.key in whole))
        if there and (not why or run.key in heads):
            yield Line(text=text, kept=True)
        else:
            yield Line(text=text, kept=False, why=why or APART)


def _texts(article: Draft) -> list[str]:
    captions = [text for picture in article.pictures for text in (picture.caption, picture.credit) if text]
    named = _sources(article.blocks)
    return [article.title, article.lead or "", text_of_blocks(article.blocks), *captions, *article.authors, *named]


def _sources(blocks: Sequence[Block]) -> Iterator[str]:
    """Texts of blocks that are not in their flow: who is quoted, what a table or an update is called."""
    for block in blocks:
        match block:
            case Quote(source=str(text)) | Table(caption=str(text)) | Embed(title=str(text)):
                yield text
            case Update(title=title, blocks=inner):
                yield from [title] if title else []
                yield from _sources(inner)


def _claims(root: etree._Element, url: str, article: Draft | None) -> Iterator[Claim]:
    metas = metas_of(root)
    linked = article_object(list(linked_data(root)), url, metas.get("og:title", [""])[0])
    used = _used(article)
    for fact, said, place in _said(root, metas, linked):
        value = squeeze(said)[:300]
        if value:
            key = value[:16] if fact in ("published", "modified") else key_of(value)
            yield Claim(fact=fact, value=value, place=place, used=key in used.get(fact, ()))


def _used(article: Draft | None) -> dict[str, set[str]]:
    if article is None:
        return {}
    return {
        "title": {key_of(article.title)},
        "lead": {key_of(article.lead or "-")},
        "authors": {key_of(one) for one in article.authors},
        "section": {key_of(article.section or "-")},
        "published": {(article.published or "-")[:16]},
        "modified": {(article.modified or "-")[:16]},
        "address": {key_of(article.url)},
        "language": {key_of(article.language or "-")},
    }


_METAS = {
    "title": ("og:title", "twitter:title", "headline"),
    "lead": ("og:description", "description", "twitter:description"),
    "authors": ("author", "article:author", "dc.creator", "parsely-author"),
    "section": ("article:section", "section"),
    "published": ("article:published_time", "datepublished", "date", "dc.date", "pubdate"),
    "modified": ("article:modified_time", "og:updated_time", "datemodified"),
    "address": ("og:url",),
    "language": ("og:locale", "content-language"),
}
_LINKED = {
    "title": "headline", "lead": "description", "section": "articleSection", "published": "datePublished",
    "modified": "dateModified", "language": "inLanguage",
}  # fmt: skip


def _said(root: etree._Element, metas: dict[str, list[str]], linked: object) -> Iterator[tuple[str, str, str]]:
    for element in list(root.iter("h1"))[:5]:
        yield "title", text_of(element), "<h1>"
    for element in list(root.iter("title"))[:1]:
        yield "title", text_of(element), "<title>"
    for fact, names in _METAS.items():
        for name in names:
            for value in metas.get(name, [])[:3]:
                yield fact, value, f"meta {name}"
    if isinstance(linked, dict):
        for fact, name in _LINKED.items():
            yield fact, text_in(linked.get(name)) or "", f"JSON-LD {name}"
        authors = linked.get("author")
        for one in authors[:10] if isinstance(authors, list) else [authors]:
            yield "authors", name_in(one) or "", "JSON-LD author"
    for element in list(root.iter("time"))[:3]:
        yield "published", attribute(element, "datetime"), "<time datetime>"
    for element in root.iter("link"):
        if "canonical" in attribute(element, "rel").lower().split():
            yield "address", element.get("href") or "", "link rel=canonical"
    html = root if root.tag == "html" else root.find(".//html")
    if html is not None:
        yield "language", html.get("lang") or "", "<html lang>"
