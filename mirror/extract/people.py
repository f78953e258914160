"""Who wrote an article. Better nobody than a wrong name: no agency, no role, not the publication itself."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lxml import etree

from mirror import links
from mirror.extract.declared import name_in, types_of
from mirror.extract.page import attribute, is_hidden, key_of, marks, squeeze, text_of

_BY = re.compile(
    r"^(?:(?:written|posted|story|text|words|reported|edited|published|article|report|analysis|opinion|"
    r"review)\s+)?(?:by|von|par|por|di|da|de|av|af|door|przez|od|автор(?:ы|ка)?|текст|"
    r"نویسنده|نوشته|بقلم|كتب|作者|文|记者|撰文|autor(?:ka|in|es)?|auteur|autore|author|redacción|texte|foto|tekst)\s*[:：/|"
    r"]?\s+|^(?:by|作者|记者|文|автор|text|von)\s*[:：]\s*",
    re.IGNORECASE,
)
_NO_PERSON = re.compile(
    r"^(?:admin(?:istrator)?|editor(?:s|ial)?(?: board| team)?|staff(?: writer| reporter)?s?|redaktion\w*|redakcja|"
    r"redazione|redacción|la rédaction|rédaction|redaktsiya|редакция|editorial|newsroom|news ?desk|"
    r"web ?desk|online|agenc(?:y|ies)|agencias?|wires?|wire reports|guest(?: author| contributor)?|contributor|"
    r"correspondent|press release|unknown|anonymous|null|undefined|none|website|reporter|the|"
    r"afp|ap|reuters|associated press|the associated press|agence france-presse|dpa|apa|epa|efe|ansa|tass|тасс|"
    r"риа новости|интерфакс|interfax|xinhua|新华社|中新网|中新社|ria novosti|bloomberg|pap|ntb|tt|"
    r"upi|ani|pti|ians|irna|isna|yonhap|kyodo|belta|ukrinform|unian)(?:\b.{0,12})?$",
    re.IGNORECASE,
)
_SEPARATOR = re.compile(
    r"\s*(?:,|;|\||、|，|•|·|\s&\s|\sand\s|\sund\s|\set\s|\sy\s|\se\s|\si\s|\sи\s|\sو\s|\swith\s|\soch\s|\sen\s|\sog\s|"
    r"\sve\s)\s*(?=\S)",
    re.IGNORECASE,
)
_ROLE = re.compile(
    r"^(?:.*\b(?:editor|correspondent|reporter|writer|journalist|staff|columnist|bureau|producer|contributor|chief|"
    r"redakteur\w*|korrespondent\w*|journaliste|корреспондент|редактор|журналист|"
    r"updated|published|posted|photo\w*|min read|minutes?|ago|copyright|special to|for|the .* times|news|press|"
    r"magazine|media|tv|radio|online|www\.|https?:)\b.*|.*\d.*|.*[@<>{}/\\].*)$",
    re.IGNORECASE,
)


def authors_of(
    root: etree._Element, metas: Mapping[str, list[str]], linked: Mapping[str, Any], url: str, site: str | None
) -> tuple[str, ...]:
    host = links.host_of(url)
    own = {
        key_of(name).casefold() for name in (site, name_in(linked.get("publisher")), host.removeprefix("www.")) if name
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
            if "Organization" in " ".join(types_of(item)):
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
                        r"(?:^|[\s_-])(?:byline|author)(?:[-_]{1,2}(?:author|name|link|"
                        r"person)(?:[-_]{1,2}name)?)?(?:$|\s)",
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


def by_line(text: str) -> bool:
    """Whether a line says who wrote the article and nothing else: "By A. N. Other", "Von: Eva Muster"."""
    return bool(_BY.match(text)) and bool(clean_names([text], set()))
