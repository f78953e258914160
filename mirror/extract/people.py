"""Who wrote an article, in the page's own words.

Believed in this order: JSON-LD, then the meta elements, then what is marked as author beside the headline, then the
by-line that people read. Better nobody than a wrong name: no role, no address, no login, no desk. An agency is named
where the page names it. The publication itself is no author as long as anybody else is; where its data declares it in
so many words, nobody else signed and the page has no by-line that is left empty, it is what the page says, and kept.
"""

# ruff: noqa: SIM905 - word lists are easier to read and to change as text

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from lxml import etree

from mirror import links
from mirror.extract import nearby
from mirror.extract.declared import name_in, text_in, types_of
from mirror.extract.nearby import Line
from mirror.extract.page import attribute, is_hidden, key_of, marks, remembered, squeeze, text_of

MOST = 12
AFTER = 14  # lines after the headline in which a by-line may stand
MAX_LINE = 100  # characters of a by-line
FEW = 300  # characters of the box that holds the marked authors of one article

_METAS = (
    "dc:creator", "dcterms:creator",
    "author", "article:author", "og:article:author", "article:byline", "byl", "byline", "parsely-author",
    "sailthru.author", "dcsext.author", "cxenseparse:author", "rnews:author", "dc.creator", "dcterms.creator",
    "dc.contributor.author", "citation_author", "bepress_citation_author", "eprints.creators_name",
)  # fmt: skip
_LAST_NAME_FIRST = ("dc:creator", "dc.creator", "dcterms.creator", "citation_author", "bepress_citation_author")

_BY_WORDS = (
    r"by|von|vom|par|por|per|di|da|de|av|af|door|przez|od|autor(?:ka|in|es|zy|s)?|auteure?s?|autore|autori|autrice|"
    r"authors?|author\(s\)|auteur\(s\)|autorin/autor|autor/in|автор(?:ы|ка|и|ом)?|текст|беседовал[аи]?|"
    r"написал[аи]?|подготовил[аи]?|записал[аи]?|"
    r"نویسنده|نوشتهٔ?|گزارش از|به قلم|بقلم|كتب|كتبت|تحرير|إعداد|作者|撰文|撰稿|采写|文|記者|记者|本报记者|"
    r"기자|redacción|texte|text|tekst|teksti|szerző|yazar|yazan|geschreven door|scritto da|escrito por|écrit par|"
    r"geschrieben von|verfasst von|skrevet af|skrevet av|napisał[a]?|posté par|publié par|publicado por"
)
_BY = re.compile(
    rf"^(?:(?:written|posted|story|text|words|reported|edited|published|article|report|analysis|opinion|"
    rf"review)\s+)?(?:{_BY_WORDS})\s*(?:[:：/|]\s*|\s)\s*(?=\S)|^(?:words|автор|作者|记者|記者|文)\s*[:：／/]\s*",
    re.IGNORECASE,
)
# Only with a colon or a space before what looks like a name, in a line of its own.
_BY_LINE = re.compile(
    rf"^(?:[-–—|•·]\s*)?(?:(?:written|posted|story|text|words|reported|published|submitted)\s+)?(?P<by>{_BY_WORDS})"
    r"(?:\s*[:：]\s*|\s+)(?P<names>\S.*)$",
    re.IGNORECASE,
)
_HAN_BY_LINE = re.compile(
    r"(?:作\s?者|撰文|撰稿|"
    r"文)\s*[:：／/]\s*(?P<names>[\u3400-\u9fff·•．]{2,12}(?:[、，,\s]{1,2}[\u3400-\u9fff·]{2,4}){0,5})"
)
_HAN_REPORTER = re.compile(
    r"记者(?P<written>[\u3400-\u9fff·]{2,4})[/／]文|"
    r"^[^（(]{0,12}记者[\s　]+(?P<alone>[\u3400-\u9fff·]{2,4}(?:[\s　、]+[\u3400-\u9fff·]{2,4}){0,5}?)"
    r"(?:[\s　]+[\u3400-\u9fff]{2,8}(?:报道|報導))?$|"
    r"[（(][^（()）]{0,12}记者[\s　]+(?P<inside>[\u3400-\u9fff·]{2,4}(?:[\s　、]+[\u3400-\u9fff·]{2,4}){0,5})[)）]"
)
_HAN_NO_NAME = re.compile(
    r"编辑|来源|记者|时间|日期|字号|点击|浏览|阅读|发布|评论|未知|佚名|匿名|网络|转载|本站|本网|不详"
)
_AGENCIES = (
    r"afp|ap|reuters|associated press|the associated press|ap news|agence france[- ]presse|dpa|dpa-afx|"
    r"deutsche presse[- ]agentur|apa|sda|keystone-sda|ats|"
    r"epa|agencia efe|efe|europa press|ansa|agi|adnkronos|lusa|belga|anp|ritzau|stt|tass|тасс|риа новости|"
    r"интерфакс|interfax|"
    r"xinhua|新华社|中新网|中新社|共同|時事|jiji|jiji press|ria novosti|bloomberg(?: news)?|pap|ntb|tt|upi|ani|pti|"
    r"ians|"
    r"irna|isna|tasnim|yonhap|연합뉴스|kyodo(?: news)?|belta|ukrinform|укрінформ|unian|уніан|anadolu(?: agency)?|"
    r"aa|dha|iha|mti|"
    r"čtk|ctk|tanjug|hina|agerpres|mediafax|bns|elta|leta|notimex|télam|telam|ansa\.it|press association|pa media|"
    r"canadian press|the canadian press|australian associated press|aap|sid|kna|epd|ots|wam|spa|mena|petra|sana|رويترز|"
    r"أ ف ب|فرانس برس|د ب أ|خبرگزاری فرانسه|رویترز|ایسنا|ایرنا|roiters"
)
_AGENCY = re.compile(rf"^(?:{_AGENCIES})$", re.IGNORECASE)
_NO_PERSON = re.compile(
    r"^(?:(?:user |super |web)?admin(?:istrator)?|editor(?:s|ial)?(?: board| team| desk)?|"
    r"(?:the )?staff(?: writer| reporter)?s?|redaktion\w*|die redaktion|redaktori?|redakcja|redakce|redakcija|"
    r"redazione|la redazione|redacción|la redacción|redacao|redação|da redação|la rédaction|rédaction|redaktsiya|"
    r"редакция|редакція|toimitus|redactie|editorial|newsroom|news ?desk|web ?desk|online|agenc(?:y|ies)|agencias?|"
    r"wires?|guest(?: author| contributor| post)?|contributor|correspondent|press release|unknown|anonymous|website|"
    r"reporter|the)(?:\b.{0,12})?$|"
    r"^(?:user|desk|national desk|agenturen|agences|wire (?:reports|services?)|staff and \S.*|contributed|anonymus|"
    r"no author|none|null|undefined|nan|n/?a|author|autor|auteur|name|follow(?: author)?|\w*admin\w*|"
    r"monday|tuesday|wednesday|thursday|friday|saturday|sunday|mr|mrs|dr|prof|jr|sr|ms|md|phd|rdn?|mph|mba|esq|"
    r"publi(?:ziert|shed|cado|é|cato)(?: am| on| el| le)?|佚名|网络|未知|匿名|本站|编辑|责任编辑|تحریریه|سردبیر|"
    r"التحرير|هيئة التحرير)\.?$",
    re.IGNORECASE,
)
_SEPARATOR = re.compile(
    r"\s*(?:,|;|\||、|，|،|／|•|·(?=\s)|\s&\s|\sand\s|\sund\s|\set\s|\sy\s|\se\s|\si\s|\sи\s|\sі\s|\sта\s|\sو\s|"
    r"\swith\s|"
    r"\smit\s|\savec\s|\scon\s|\soch\s|\sen\s|\sog\s|\sja\s|\sve\s|\sa\s(?=[A-ZÀ-Ž])|\sa\.\s)\s*(?=\S)",
    re.IGNORECASE,
)
_DASH = re.compile(r"\s+[-–—|]\s+")
_ROLE = re.compile(
    r"^(?:.*\b(?:editor|correspondent|reporter|writer|journalist|staff|columnist|bureau|producer|contributor|chief|"
    r"director|"
    r"redakteur\w*|korrespondent\w*|journaliste|periodista|giornalista|корреспондент|редактор|журналист|обозреватель|"
    r"updated|published|posted|veröffentlicht|aktualisiert|actualizado|photo\w*|min read|minutes?|ago|copyright|"
    r"special to|"
    r"for|founder|фото|envoyée?s? spécia\w+|the .* times|news|press|magazine|media|tv|radio|online|subscribe|follow|"
    r"www\.|https?:)\b.*|.*\d.*|.*[@<>{}/\\©].*)$",
    re.IGNORECASE,
)
_LABEL = re.compile(r"^[^\W\d_]{1,20}(?:\s[^\W\d_]{1,20})?\s*[:：]")
_LOGIN = re.compile(r"[A-Za-z0-9]+(?:[._][A-Za-z0-9]+)+|[a-z0-9]+(?:-[a-z0-9]+)+")
_TAIL = re.compile(
    r"\s+(?:envoyée?s? spécia\w+|correspondant\w*|our correspondent|special to|à [A-ZÀ-Ž]|aus [A-ZÄÖÜ]|"
    r"собкор|спецкор)\b.*$",
)
_SENTENCE = re.compile(r"(?<=[^\W\d_]{3})\.\s+[^\W\d_]{3}.*$")
_PARTICLES = frozenset(
    "de da do dos das del della der den di du van von vom zu zur ter ten te el al bin ibn la le las los y e i af av "
    "st".split()
)
_CASELESS = re.compile(
    r"[\u0590-\u08ff\u0900-\u0dff\u0e00-\u109f\u10d0-\u10ff\u1200-\u139f\u1780-\u17ff"
    r"\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]"
)
_NO_SPACES = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af·•．\s]{2,14}")
_OF_OTHERS = re.compile(
    r"comment|related|sidebar|footer|teaser|recommend|popular|most-?read|more-?from|promo", re.IGNORECASE
)
_MARKED = re.compile(
    r"(?:^|[\s_-])(?:byline|author|autor)s?(?:[-_]{1,2}(?:author|name|link|person|text)(?:[-_]{1,2}name)?)?(?:$|\s)"
)
_is_author_class = remembered(_MARKED)


@dataclass(slots=True)
class Names:
    """`people` are people, agencies and others who wrote; `own` is what names the publication itself."""

    people: dict[str, str] = field(default_factory=dict)
    own: dict[str, str] = field(default_factory=dict)


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
    own = _own_names(linked, url, site)
    declared = sorted_out(_linked_people(linked), own)
    publication = dict(declared.own)
    found = tuple(declared.people.values()) or _meta_people(metas, own, publication)
    if found:
        return found
    places = _marked_people(root, headings)
    if not declared.own and (marked := clean_names(places, own)):
        return marked
    rows = lines() if lines is not None else nearby.lines_of(root)
    found = _by_line_of(rows, headings, own)
    if not found and not declared.own:
        found = _loosely_marked(root, headings, own) or _signed(rows, headings, own)
    if found:
        return found
    publication.update((key_of(text).casefold(), text.strip(_EDGE)) for text in places if is_own(text, own))
    places = [text for text in places if len(text) > len("abc/d") and not re.search(r"\d", text)]  # initials, a date
    if not places or any(is_own(text, own) for text in places):  # else the page has a place for names, left empty
        return tuple(publication.values())[:1]
    return ()


def _meta_people(metas: Mapping[str, list[str]], own: set[str], publication: dict[str, str]) -> tuple[str, ...]:
    """Who the meta elements name. Beside the publication's name, or where the data is signed with it, only what looks
    like a name counts: "The Example, Springfield, Germany". The publication's name itself is put into `publication`."""
    signed = bool(publication)
    for key in _METAS:
        names = [_last_name_last(value) if key in _LAST_NAME_FIRST else value for value in metas.get(key, [])[:MOST]]
        meant = sorted_out(((name, False) for name in names), own)
        publication.update((name, said) for name, said in meant.own.items() if name not in publication)
        strict = signed or bool(meant.own)
        people = [name for name in meant.people.values() if not strict or is_name(name) or _AGENCY.match(name)]
        if people:
            return tuple(people)
    label = (metas.get("twitter:label1") or [""])[0]
    if _WRITTEN_BY.fullmatch(label.rstrip(": ")):
        meant = sorted_out(((name, False) for name in metas.get("twitter:data1", [])[:1]), own)
        publication.update((name, said) for name, said in meant.own.items() if name not in publication)
        return tuple(meant.people.values())
    return ()


_WRITTEN_BY = re.compile(
    r"written by|by|author|verfasst von|geschrieben von|écrit par|escrito por|scritto da|napisane przez|autor|"
    r"написано(?: автором)?|автор|geschreven door|yazan|نوشته شده توسط|كتب بواسطة|作者",
    re.IGNORECASE,
)


def _own_names(linked: Mapping[str, Any], url: str, site: str | None) -> set[str]:
    host = links.host_of(url).removeprefix("www.")
    own = {key_of(name).casefold() for name in (site, name_in(linked.get("publisher")), host) if name}
    return own | {key_of(part).casefold() for part in host.split(".") if len(part) > 3}


def _linked_people(linked: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
    """The names that the article's data has, each with whether it says that this is an organisation."""
    value = linked.get("author") or linked.get("creator")
    for item in value[:20] if isinstance(value, list) else [value]:
        if isinstance(item, dict):
            organisation = any("Organization" in kind for kind in types_of(item))
            names = item.get("name") or " ".join(
                part for part in (text_in(item.get("givenName")), text_in(item.get("familyName"))) if part
            )
            for name in names[:20] if isinstance(names, list) else [names]:
                if isinstance(name, str) and (text := text_in(name)) and text[0] not in ",;":  # no name, only a paper
                    yield text, organisation
        elif isinstance(item, str) and (text := text_in(item)):
            yield text, False


def _last_name_last(name: str) -> str:
    parts = name.split(",")
    return f"{parts[1].strip()} {parts[0].strip()}" if len(parts) == 2 and " " not in parts[0].strip() else name


def clean_names(names: Iterable[str], own: set[str]) -> tuple[str, ...]:
    """Who is named, without "By", roles, addresses and the publication itself (`own`, letters only, small)."""
    return tuple(sorted_out(((name, False) for name in names), own).people.values())


def sorted_out(names: Iterable[tuple[str, bool]], own: set[str]) -> Names:
    """The names in texts of names; with each, whether it is declared to be an organisation's."""
    found = Names()
    for raw, organisation in islice(names, 20):
        text = squeeze(raw[:300])
        if text.lower().startswith(("http:", "https:", "www.")):
            continue
        text = re.sub(r"[\w.+-]{1,64}@[\w.-]{1,64}|@\w{1,64}", "", text)
        if not organisation and (address := _IN_BRACKETS.search(text)) is not None:
            text = text[: address.start()]
            if is_own(re.sub(r"^(?:https?://)?(?:www\.)?", "", address[1]), own):
                found.own.setdefault(key_of(text).casefold(), text.strip(_EDGE))
                continue
        if organisation:
            _sort(found, text, own, organisation=True)
            continue
        text = _BY.sub("", text).strip(_EDGE)
        if is_own(text, own):
            found.own.setdefault(key_of(text).casefold(), text)
            continue
        for part in _SEPARATOR.split(text):
            for piece in _DASH.split(part) if len(_DASH.split(part)) <= 3 else ():
                if _sort(found, _BY.sub("", piece.strip(_EDGE)), own, organisation=False):
                    break  # what comes after a dash is where or for whom
    found.people = dict(list(found.people.items())[:MOST])
    return found


_IN_BRACKETS = re.compile(r"\s*\(([^()]*)\)\s*$")
_EDGE = " -–—:|,.()[]*•·/\u200e\u200f"


def _sort(found: Names, name: str, own: set[str], *, organisation: bool) -> bool:
    """Puts a single name where it belongs; whether it was somebody's."""
    name = re.sub(r"\s*\([^()]*\)\s*$", "", name.strip(_EDGE))
    name = _SENTENCE.sub("", _TAIL.sub("", name)).strip(" -–—:|,()")
    key = key_of(name).casefold()
    if not 2 <= len(name) <= 60 or not key or len(name.split()) > 7:
        return False
    if is_own(name, own):
        found.own.setdefault(key, name)
        return False
    if _AGENCY.match(name):
        found.people.setdefault(key, name)
        return True
    if _NO_PERSON.match(name) or _LABEL.match(name) or _BY_WORD.fullmatch(name):
        return False
    if not organisation and (
        len(name.split()) > 6 or _ROLE.match(name) or _LOGIN.fullmatch(name) or _HAN_NO_NAME.search(name)
    ):
        return False
    name = re.sub(r"(?<=[\u3400-\u9fff]) (?=[\u3400-\u9fff])", "", name)  # 赵 培
    found.people.setdefault(key, name.title() if name.isupper() and len(name) > 4 else name)
    return True


_BY_WORD = re.compile(rf"(?:{_BY_WORDS})", re.IGNORECASE)
_DESK = re.compile(
    r"redaktion\w*|redacción|redazione|rédaction|redakcja|redakce|redactie|редакция|online|digital|news|desk|team|"
    r"staff|"
    r"editorial|editors?|newsroom|office|web|com|the|der|die|das|le|la|el|il|von|of|de|and|agencies|agenturen",
    re.IGNORECASE,
)


def is_own(name: str, own: set[str]) -> bool:
    """Whether a name is the publication's: the same, a part of it, or that with words for a desk around it."""
    key = key_of(name).casefold()
    if any(key == other or (len(key) > 5 and key in other) for other in own):
        return True
    words = [key_of(word).casefold() for word in name.split()[:8]]
    for begin in range(len(words)):
        for end in range(begin + 1, len(words) + 1):
            if "".join(words[begin:end]) in own:
                rest = words[:begin] + words[end:]
                return all(_DESK.fullmatch(word) for word in rest if word)
    return False


def _marked_people(root: etree._Element, headings: Sequence[str] = ()) -> list[str]:
    """The names that stand in elements marked as author, those nearest after the headline: where many are marked, the
    others belong to other articles."""
    for pattern in ("rel", "itemprop", "class"):
        hits: list[etree._Element] = []
        start: int | None = None
        for element in root.iter(
            "h1", "a", "span", "div", "p", "address", "li", "strong", "cite", "em", "b", "h4", "h5"
        ):
            if element.tag == "h1":
                if start is None and (not headings or key_of(text_of(element)) in headings):
                    start = len(hits)
                continue
            value = attribute(element, pattern).lower()
            if not value or not _is_marked(pattern, value) or is_hidden(element):
                continue
            if hits and hits[-1] in element.iterancestors():
                continue
            if any(_OF_OTHERS.search(marks(box)) for box in islice(element.iterancestors(), 6)):
                continue
            hits.append(element)
            if len(hits) >= 60:
                break
        if hits:
            first = start if start is not None and start < len(hits) else 0
            return list(_names_in(_together(hits[first:])))
    return []


def _is_marked(pattern: str, value: str) -> bool:
    if pattern == "rel":
        return "author" in value.split()
    if pattern == "itemprop":
        return value in ("author", "creator")
    return _is_author_class(value)


def _together(hits: Sequence[etree._Element]) -> Iterator[etree._Element]:
    """The first one, and those that share a small box with it."""
    first = hits[0]
    box = first
    for above in islice(first.iterancestors(), 3):
        if above.tag in ("body", "main", "article") or len(text_of(above)) > FEW:
            break
        box = above
    inside = set(box.iter())
    for hit in hits[:8]:
        if hit is first or hit in inside:
            yield hit


def _names_in(elements: Iterable[etree._Element]) -> Iterator[str]:
    for element in elements:
        inner = [box for box in element.iter("*") if attribute(box, "itemprop") == "name"]
        if inner:
            yield from (text_of(box) or (box.get("content") or "")[:100] for box in inner[:8])
            continue
        text = text_of(element)
        if not text or len(text) > 160:
            continue
        pieces = [piece for part in islice(element.itertext(), 40) if (piece := squeeze(str(part)))]
        if len(pieces) == 1 or is_name(_BY.sub("", text), 4):
            yield text
            continue
        for number, piece in enumerate(pieces):
            if number and piece.endswith((":", "：")) and not _BY_WORD.fullmatch(piece.rstrip(":： ")):
                break  # what follows is labelled as something else
            yield piece


def is_name(text: str, most: int = 5) -> bool:
    """Whether a text looks like one person's name and nothing else."""
    words = text.split()
    if not 2 <= len(text) <= 40 or re.search(r"[\d@<>{}/\\:：;!?。…\"“”«»]", text):
        return False
    if _CASELESS.search(text):
        return bool(_NO_SPACES.fullmatch(text)) or (2 <= len(words) <= most and all(len(word) <= 14 for word in words))
    capital = [word for word in words if word[:1].isupper()]
    return (
        2 <= len(words) <= most
        and len(capital) >= 2
        and all(
            word[:1].isupper() or word.casefold() in _PARTICLES or word[:2] in ("d'", "d’", "l'", "o'")
            for word in words
        )
    )


def _loosely_marked(root: etree._Element, headings: Sequence[str], own: set[str]) -> tuple[str, ...]:
    """The name in the first box after the headline whose class has a word for authors in it, however it goes on
    ("author-info", "Post__AuthorName-sc-1x"): one that looks like a name, and nothing in the box before it but "by"."""
    after = not headings
    seen = 0
    for element in root.iter("h1", "h2", "a", "span", "div", "p", "li", "strong", "cite", "em", "b", "h4", "h5", "h6"):
        if element.tag in ("h1", "h2"):
            after = after or key_of(text_of(element)) in headings
            continue
        if not after or not _is_loosely_marked(attribute(element, "class")) or is_hidden(element):
            continue
        seen += 1
        if seen > 8:
            break
        if any(_OF_OTHERS.search(marks(box)) for box in islice(element.iterancestors(), 6)):
            continue
        pieces = [piece for part in islice(element.itertext(), 40) if (piece := squeeze(str(part)))]
        if pieces and _BY_WORD.fullmatch(pieces[0].rstrip(":： ")):
            pieces = pieces[1:]
        if pieces and is_name(name := _BY.sub("", pieces[0]).strip(_EDGE), 4) and (names := clean_names([name], own)):
            return names
    return ()


_LOOSELY_MARKED = re.compile(
    r"(?:^|[\s_-])(?:author|autor|byline|writer|reporter)s?[-_]?(?:names?|info|meta|box|details?|block|wrap(?:per)?|"
    r"title|link|text|top)?(?:$|[\s_-])",
    re.IGNORECASE,
)
_is_loosely_marked = remembered(_LOOSELY_MARKED)


def _signed(lines: Sequence[Line], headings: Sequence[str], own: set[str]) -> tuple[str, ...]:
    """Who signed where no by-line is: an agency alone right under the headline; "(Reporting by …; Editing by …)"; a
    Chinese name alone under the headline or before its town at the end, at last the editor in charge."""
    place = nearby.headline(lines, headings)
    under = lines[place + 1 : place + 4] if place >= 0 else []
    for line in under:
        agency = line.text.strip(_EDGE)
        if _AGENCY.match(agency) and agency != "AA":  # that is more often a button for larger letters
            return (agency,)
        if _HAN_ALONE.fullmatch(line.text) and not _HAN_WORDS.search(line.text) and not _is_link(line.element):
            return (re.sub(r"\s", "", line.text),)
    for pattern in (_REPORTING, _HAN_AT_END, _HAN_IN_CHARGE):
        for line in lines[max(0, place) :]:
            if found := pattern.search(line.text):
                parts = [found["names"]] if pattern is _REPORTING else re.split(r"[、，,\s　]+", found["names"])
                names = clean_names([part for part in parts if not _HAN_NO_NAME.search(part)], own)
                if names and all(is_name(name) for name in names):
                    return names
    return ()


def _is_link(element: etree._Element) -> bool:
    return next(element.iter("a"), None) is not None


_REPORTING = re.compile(
    r"[（(]?(?:additional )?reporting by (?P<names>[^;；()]{3,80}?)(?:;|\)|\.$|, editing by)", re.IGNORECASE
)
_HAN_AT_END = re.compile(
    r"[（(](?P<names>[\u3400-\u9fff·]{2,4}(?:[\s　、]+[\u3400-\u9fff·]{2,4})?)[\s　]+[\u3400-\u9fff]{2,6}"
    r"(?:报道|報導|電|电)[)）]"
)
_HAN_IN_CHARGE = re.compile(
    r"(?:责任编辑|責任編輯|责编)\s*[:：]\s*"
    r"(?P<names>[\u3400-\u9fff·]{2,4}(?:[\s　、，,]+[\u3400-\u9fff·]{2,4}){0,3})(?![\u3400-\u9fff])"
)
_HAN_FAMILIES = (
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜范方"
    "石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚張劉陳楊趙黃吳孫馬羅鄭謝韓馮鄧許呂蘇盧蔣賈葉閻餘鐘"
)
_HAN_ALONE = re.compile(rf"[{_HAN_FAMILIES}][\s　]?[\u3400-\u9fff](?:[\s　]?[\u3400-\u9fff])?")
# Words that begin like a family name and stand alone under headlines.
_HAN_WORDS = re.compile(
    r"^(?:高清|高考|高层|金融|金属|马上|方法|方案|安全|文学|文化|江苏|江西|黄金|石油|石家庄|史记|史料|何时|周刊|周末|周[一二三四五六日]|许可|"
    r"常见|常识|武汉|武器|程序|万元|钱包|易车|华为|任务|田园|田径|方向|白酒|白领|康复|龙头|段落|雷达|王国|林业|曾经|于是|余额|顾客|任命|"
    r"高校|高速|金价|夏季|秦皇岛|钟表|汤圆|杜绝|毛利|范围|康养|孔雀|汪洋|龙江|黄山|黄河|温州|马拉松|何为|何处|方便|白皮书|江湖|江南)"
)


def _by_line_of(lines: Sequence[Line], headings: Sequence[str], own: set[str]) -> tuple[str, ...]:
    """The by-line as people read it: a line near the headline that begins with "By", or a label with a name."""
    place = nearby.headline(lines, headings)
    near = [*lines[place + 1 : place + 1 + AFTER], *lines[max(0, place - 4) : max(0, place)]] if place >= 0 else []
    for number, line in enumerate(near):
        text = line.text
        if _BY_WORD.fullmatch(text.rstrip(":： ")) and number + 1 < len(near):
            text = f"{text} {near[number + 1].text}"
        found = _BY_LINE.match(_DATED.sub("", text)) if len(text) <= MAX_LINE else None
        if found and (names := _all_names(found["names"], own)):
            return names
    for line in lines[max(0, place - 4) : place + 40] if place >= 0 else lines[:200]:
        for pattern in (_HAN_BY_LINE, _HAN_REPORTER):
            if found := pattern.search(line.text):
                parts = re.split(r"[、，,\s　]+", next(text for text in found.groups() if text))
                if kept := clean_names([part for part in parts if not _HAN_NO_NAME.search(part)], own):
                    return kept
    for line in lines:
        found = _LABELLED.match(line.text) if len(line.text) <= MAX_LINE else None
        if found and (names := _all_names(found["names"] or found["told"], own)):
            return names
    return ()


# A date before the by-line: "12/03/2017 by A. N. Other", "Posted on 3 March 2020 by …".
_DATED = re.compile(
    r"^(?:posted|published|updated|am|on|le|el|il|\s){0,3}[^:]{0,20}?\b(?:19|20)?\d\d(?:[,\s|•·–-]+\d{1,2}:\d\d(?:\s?[ap]m)?)?"
    r"[,\s|•·–-]+(?=(?:by|von|par|por|di|door|av|af|przez|автор|текст)\b)",
    re.IGNORECASE,
)
_LABELLED = re.compile(
    r"(?:texte?|texto|testo|teksti?|текст|words|words by|story by|report by|written by)\s*[:：]\s*(?P<told>\S.*)|"
    r"(?:autor(?:in|en|es|a|y|zy)?(?:/autor(?:in)?)?|auteur(?:e|s|\(s\))?|autore|authors?|автор(?:ы|ка)?|"
    r"نویسنده|الكاتب|الكاتبة|作者|yazar|szerző|skribent|kirjoittaja|συντάκτης)\s*[:：]?\s+(?P<names>\S.*)",
    re.IGNORECASE,
)


def _all_names(text: str, own: set[str]) -> tuple[str, ...]:
    """The names in the rest of a by-line, if there is nothing else in it but times and roles."""
    names = clean_names([re.split(r"\s[|•·–—]\s|\s{2,}|\son\s+(?=[A-Z]|\d)", text)[0]], own)
    return names if names and all(is_name(name) or _AGENCY.match(name) for name in names) else ()


def by_line(text: str) -> bool:
    """Whether a line says who wrote the article and nothing else: "By A. N. Other", "Von: Eva Muster"."""
    return bool(_BY.match(text)) and bool(clean_names([text], set()))
