"""Who wrote an article, in the page's own words.

Believed in this order: JSON-LD, then the meta elements, then what is marked as author beside the headline, then the
by-line that people read. The publication itself is no author as long as anybody else is; where its data declares it in
so many words, nobody else signed and the page has no by-line that is left empty, it is what the page says, and kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from lxml import etree

from mirror import links
from mirror.extract import nearby
from mirror.extract.bylines import by_line_of, linked_author, loosely_marked, marked_people, signed
from mirror.extract.declared import first, name_in, text_in, types_of
from mirror.extract.names import AGENCY, EDGE, MOST, clean_names, is_name, is_own, says_more, sorted_out
from mirror.extract.nearby import Line
from mirror.extract.page import key_of

_METAS = (
    "dc:creator", "dcterms:creator",
    "author", "article:author", "og:article:author", "article:byline", "byl", "byline", "parsely-author",
    "sailthru.author", "dcsext.author", "cxenseparse:author", "rnews:author", "dc.creator", "dcterms.creator",
    "dc.contributor.author", "citation_author", "citation_authors", "bepress_citation_author", "eprints.creators_name",
)  # fmt: skip
_LAST_NAME_FIRST = ("dc:creator", "dc.creator", "dcterms.creator", "citation_author", "bepress_citation_author")


def authors_of(
    root: etree._Element,
    metas: Mapping[str, list[str]],
    linked: Mapping[str, Any],
    url: str,
    site: str | None,
    *,
    headings: Sequence[str] = (),
    lines: Callable[[], list[Line]] | None = None,
) -> tuple[str, ...]:
    """Who wrote the article. `headings` are the letters of its title's forms, `lines` gives the page's lines when they
    are needed."""
    own = _own_names(metas, linked, url, site)
    declared = sorted_out(_linked_people(linked), own)
    publication = dict(declared.own)
    found = tuple(declared.people.values()) or _meta_people(metas, own, publication)
    if found:
        return _with_those_beside(found, root, headings, own)
    places = marked_people(root, headings)
    if not declared.own and (marked := clean_names([text for text in places if not says_more(text)], own)):
        return marked
    rows = lines() if lines is not None else nearby.lines_of(root)
    found = by_line_of(rows, headings, own)
    if not found and not declared.own:
        found = loosely_marked(root, headings, own) or linked_author(root, headings, own) or signed(rows, headings, own)
    if found:
        return found
    publication.update((key_of(text).casefold(), text.strip(EDGE)) for text in places if is_own(text, own))
    places = [text for text in places if len(text) > len("abc/d") and not re.search(r"\d", text)]  # initials, a date
    if not places or any(is_own(text, own) for text in places):  # else the page has a place for names, left empty
        return tuple(publication.values())[:1]
    return ()


def _with_those_beside(
    found: tuple[str, ...], root: etree._Element, headings: Sequence[str], own: set[str]
) -> tuple[str, ...]:
    """Who is declared, or all that the page links as authors beside its headline, where those are among them: much
    software declares only who made the page."""
    links_ = _LINKED_AS_AUTHORS(root)
    if not isinstance(links_, list) or len(links_) < 2:
        return found
    marked = clean_names(marked_people(root, headings), own)
    known = {key_of(name).casefold() for name in found}
    keys = {key_of(name).casefold() for name in marked}
    return marked if known < keys and all(is_name(name) or AGENCY.match(name) for name in marked) else found


_LINKED_AS_AUTHORS = etree.XPath("//a[@rel='author']")


def _meta_people(metas: Mapping[str, list[str]], own: set[str], publication: dict[str, str]) -> tuple[str, ...]:
    """Who the meta elements name. Beside the publication's name, or where the data is signed with it, only what looks
    like a name counts: "The Example, Springfield, Germany". The publication's name itself is put into `publication`."""
    signed = bool(publication)
    for key in _METAS:
        names = [
            _last_name_last(value) if key in _LAST_NAME_FIRST else value
            for value in metas.get(key, [])[:MOST]
            if len(_OF_THE_SITE.findall(value)) < 2
        ]
        meant = sorted_out(((name, False) for name in names), own)
        publication.update((name, said) for name, said in meant.own.items() if name not in publication)
        strict = signed or bool(meant.own)
        people = [name for name in meant.people.values() if not strict or is_name(name) or AGENCY.match(name)]
        if people:
            return tuple(people)
    label = (metas.get("twitter:label1") or [""])[0]
    if _WRITTEN_BY.fullmatch(label.rstrip(": ")):
        meant = sorted_out(((name, False) for name in metas.get("twitter:data1", [])[:1]), own)
        publication.update((name, said) for name, said in meant.own.items() if name not in publication)
        return tuple(meant.people.values())
    return ()


# Who made the web site: "content: Example, design: A. N. Other, code: …".
_OF_THE_SITE = re.compile(
    r"\b(?:content|design|code|concept|programming|development|photos?|hosting)\s*:", re.IGNORECASE
)
_WRITTEN_BY = re.compile(
    r"written by|by|author|verfasst von|geschrieben von|écrit par|escrito por|scritto da|napisane przez|autor|"
    r"написано(?: автором)?|автор|geschreven door|yazan|نوشته شده توسط|كتب بواسطة|作者",
    re.IGNORECASE,
)


def _own_names(metas: Mapping[str, list[str]], linked: Mapping[str, Any], url: str, site: str | None) -> set[str]:
    host = links.host_of(url).removeprefix("www.")
    declared = (first(metas, name) for name in ("citation_publisher", "dc.publisher", "dcterms.publisher"))
    own = {key_of(name).casefold() for name in (site, name_in(linked.get("publisher")), host, *declared) if name}
    return own | {key_of(part).casefold() for part in host.split(".") if len(part) > 3}


def _linked_people(linked: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
    """The names that the article's data has, each with whether it says that this is an organisation."""
    value = linked.get("author") or linked.get("creator")
    if isinstance(value, dict) and isinstance(value.get("@list"), list):
        value = value["@list"]
    for item in value[:20] if isinstance(value, list) else [value]:
        if isinstance(item, dict):
            organisation = any("Organization" in kind for kind in types_of(item))
            names = item.get("name") or " ".join(
                part for part in (text_in(item.get("givenName")), text_in(item.get("familyName"))) if part
            )
            for name in names[:20] if isinstance(names, list) else [name_in(names)]:
                if isinstance(name, str) and (text := text_in(name)) and text[0] not in ",;":  # no name, only a paper
                    yield text, organisation
        elif isinstance(item, str) and (text := text_in(item)):
            yield text, False


def _last_name_last(name: str) -> str:
    parts = name.split(",")
    return f"{parts[1].strip()} {parts[0].strip()}" if len(parts) == 2 and " " not in parts[0].strip() else name
