"""Where pages say who wrote an article, when they do not say it for machines: elements marked as author, the by-line
that people read, who signed at the end; in the forms that languages have for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from lxml import etree

from mirror.extract import nearby
from mirror.extract.moments import around_date
from mirror.extract.names import (
    AGENCY,
    BY,
    BY_WORD,
    BY_WORDS,
    EDGE,
    HAN_FAMILIES,
    HAN_NO_NAME,
    HANGUL_NAME,
    LABELS,
    ROLE,
    clean_names,
    is_name,
    without_by,
)
from mirror.extract.nearby import Line
from mirror.extract.page import attribute, is_hidden, key_of, marks, remembered, squeeze, text_of

AFTER = 14  # lines after the headline in which a by-line may stand
MAX_LINE = 100  # characters of a by-line
FEW = 300  # characters of the box that holds the marked authors of one article


# In a line of its own, a name after it.
_BY_LINE = re.compile(
    rf"^(?:[-–—|•·]\s*)?(?:(?:written|posted|story|text|words|reported|published|submitted)\s+)?"
    rf"(?:(?:{BY_WORDS})(?:\s*[:：՝|]\s*(?:[-–—]\s*)?|\s+(?:[-–—]\s+)?)|(?:{LABELS})\s*[:：]\s*|"
    r"(?:author|автор|نویسنده|کاتب|الكاتب|लेखक|作者)\s?[,،，]\s?)(?P<names>\S.*)$",
    re.IGNORECASE,
)
# "An analysis by …", "Ein Kommentar von …", "Aus Kiew berichtet …".
_KIND_BY = re.compile(
    r"^(?:an?\s|eine?\s|une?\s|uma?\s|una\s)?(?:news\s|gast-?)?(?:analy[sz]e|analysis|kommentar|commentary|beitrag|interview|bericht|"
    r"reportage|essay|kolumne|column|opinion|report|review|feature|an[áa]lisis|análise|analisi|opini[óo]n|opinião|reportaje|"
    r"crónica|entrevista|intervista|commento|editoriale|glosse|rezension|porträt|protokoll|leitartikel|meinung|chronique|"
    r"tribune|enquête|récit|blog)\s+(?:by|von|par|por|di|de)\s+(?P<names>\S.*)$|"
    r"^aus\s\S+(?:\s\S+)?\sberichte[tn]\s(?P<told>\S.*)$",
    re.IGNORECASE,
)
_HAN_BY_LINE = re.compile(
    r"(?:作\s?者|撰文|撰稿|執筆|(?:取材・)?文)\s*[:：／/｜|・]\s*"
    r"(?P<names>[\u3400-\u9fff·•．]{2,12}(?:[、，,\s]{1,2}[\u3400-\u9fff·]{2,4}){0,5})"
)
_HAN_REPORTER = re.compile(
    r"[记記]者(?P<written>[\u3400-\u9fff·]{2,4})[/／](?:文|[\u3400-\u9fff]{1,6}(?:报道|報導|報道|电|電))|"
    r"^[^（(]{0,12}[记記]者[\s　]+(?P<alone>[\u3400-\u9fff·]{2,4}(?:[\s　、]+[\u3400-\u9fff·]{2,4}){0,5}?)"
    r"(?:[\s　]+[\u3400-\u9fff]{0,8}(?:报道|報導|報道))?$|"
    rf"^[\u3400-\u9fff]{{2,6}}[记記]者(?P<close>[{HAN_FAMILIES}][\u3400-\u9fff]{{1,2}})$|"
    r"[（(][^（()）]{0,12}[记記]者[\s　]+(?P<inside>[\u3400-\u9fff·]{2,4}(?:[\s　、]+[\u3400-\u9fff·]{2,4}){0,5})[)）]"
)
_OF_OTHERS = re.compile(
    r"comment|related|sidebar|footer|teaser|recommend|popular|most-?read|more-?from|promo", re.IGNORECASE
)
_MARKED = re.compile(
    r"(?:^|[\s_-])(?:byline|author|autor)s?(?:[-_]{1,2}(?:author|name|link|person|text)(?:[-_]{1,2}name)?)?(?:$|\s)"
)
_is_author_class = remembered(_MARKED)


def marked_people(root: etree._Element, headings: Sequence[str] = ()) -> list[str]:
    """The names that stand in elements marked as author, those nearest after the headline: where many are marked, the
    others belong to other articles."""
    for pattern in ("rel", "itemprop", "class"):
        hits: list[etree._Element] = []
        start: int | None = None
        for element in root.iter(
            "h1", "a", "span", "div", "p", "address", "ul", "li", "strong", "cite", "em", "b", "h4", "h5"
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
    for above in islice(first.iterancestors(), 5):
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
        pieces = _pieces(element)
        whole = " ".join(pieces) == text and is_name(without_by(text), 4)  # not what only a line's end parts
        if len(pieces) == 1 or (whole and not any(map(ROLE.match, pieces)) and not all(map(is_name, pieces))):
            yield text
            continue
        for number, piece in enumerate(pieces):
            if number and piece.endswith((":", "：")) and not BY_WORD.fullmatch(piece.rstrip(":： ")):
                break  # what follows is labelled as something else
            yield piece


def _pieces(element: etree._Element) -> list[str]:
    """The texts inside an element; what begins with a comma belongs to the one before it."""
    made: list[str] = []
    for part in islice(element.itertext(), 40):
        piece = squeeze(str(part))
        if made and len(piece) > 1 and piece[0] in ",，":
            made[-1] += piece
        elif piece:
            made.append(piece)
    return made


def loosely_marked(root: etree._Element, headings: Sequence[str], own: set[str]) -> tuple[str, ...]:
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
        if pieces and BY_WORD.fullmatch(pieces[0].rstrip(":： ")):
            pieces = pieces[1:]
        if pieces and _are_names(name := without_by(pieces[0]).strip(EDGE)) and (names := clean_names([name], own)):
            return names
    return ()


def _are_names(text: str) -> bool:
    """Whether a text is one person's name, or one and an agency's behind a stroke."""
    first, *others = text.split("/")
    return is_name(first.strip(), 4) and all(
        AGENCY.match(other.strip()) or is_name(other.strip(), 4) for other in others
    )


_LOOSELY_MARKED = re.compile(
    r"(?:^|[\s_-])(?:author|autor|auteur|byline|writer|reporter|contributor|journalist|signature|firma|avtor|yazar|"
    r"skribent)s?[-_]?(?:names?|info|meta|box|details?|block|wrap(?:per)?|title|link|text|top)?(?:$|[\s_-])|"
    r"(?-i:(?<=[a-z0-9])(?:Author|By[Ll]ine|Contributor|Writer|Reporter)s?(?:Names?|Info|Link)?(?:$|[\s_-]))",
    re.IGNORECASE,
)
_is_loosely_marked = remembered(_LOOSELY_MARKED)


def linked_author(root: etree._Element, headings: Sequence[str], own: set[str]) -> tuple[str, ...]:
    """The names that lead to authors' pages, between the headline and the second long paragraph: the first and those in
    its box."""
    after = not headings
    hits: list[etree._Element] = []
    long = 0
    for element in root.iter("h1", "h2", "p", "a"):
        if element.tag in ("h1", "h2"):
            after = after or key_of(text_of(element)) in headings
        elif not after:
            continue
        elif element.tag == "p":
            long += len(text_of(element)) > LONG
            if long > 1:
                break
        elif (
            _AUTHORS_PAGE.search(element.get("href") or "")
            and is_name(text_of(element), 4)
            and not any(_OF_OTHERS.search(marks(box)) for box in islice(element.iterancestors(), 6))
            and not is_hidden(element)
        ):
            hits.append(element)
            if len(hits) >= 8:
                break
    return clean_names([text_of(hit) for hit in _together(hits)], own) if hits else ()


LONG = 120  # letters of a paragraph of the text
_AUTHORS_PAGE = re.compile(
    r"/(?:authors?|autor(?:es|en|in|i|ka|zy)?|auteurs?|autore|avtor[yi]?|by|byline|reporters?|journalists?|journalistes?|"
    r"columnists?|columnistas?|contributors?|writers?|yazar(?:lar)?|skribent(?:er)?|forfatter|staff|redakteure?|"
    r"redaktion|firmas?|penulis)/[^/?#]{3,80}/?(?:$|[?#])",
    re.IGNORECASE,
)


def signed(lines: Sequence[Line], headings: Sequence[str], own: set[str]) -> tuple[str, ...]:
    """Who signed where no by-line is: an agency alone right under the headline; "(Reporting by …; Editing by …)"; a
    Chinese name alone under the headline or before its town at the end, at last the editor in charge."""
    place = nearby.headline(lines, headings)
    for line in lines[place + 1 : place + 4]:  # without a headline: the first ones
        agency = line.text.strip(EDGE)
        if AGENCY.match(agency) and agency != "AA":  # that is more often a button for larger letters
            return (agency,)
        if _HAN_ALONE.fullmatch(line.text) and not _HAN_WORDS.search(line.text) and not _is_link(line.element):
            return (re.sub(r"\s", "", line.text),)
    for pattern in (_REPORTING, _HAN_AT_END, _HAN_IN_CHARGE):
        for line in lines[max(0, place) :]:
            if found := pattern.search(line.text):
                parts = [found["names"]] if pattern is _REPORTING else re.split(r"[、，,\s　]+", found["names"])
                names = clean_names([part for part in parts if not HAN_NO_NAME.search(part)], own)
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
# At the end of an article: "新京报记者 张三 山东济南报道", "（本报记者 张三）".
_HAN_SIGNED = re.compile(
    r"^[\u3400-\u9fff]{0,8}记者[\s　]+(?P<alone>[\u3400-\u9fff·]{2,4}(?:[\s　、]+[\u3400-\u9fff·]{2,4}){0,3}?)"
    r"[\s　]+[\u3400-\u9fff]{2,8}(?:报道|報導)$|"
    r"[（(][\u3400-\u9fff]{0,8}记者[:：\s　]+"
    r"(?P<inside>[\u3400-\u9fff·]{2,4}(?:[\s　、]+[\u3400-\u9fff·]{2,4}){0,3})[)）]$"
)
# Between the time and where the text is from: "08:19 [ 张三 ] 来源：".
_HAN_BY_DATE = re.compile(
    rf"(?:\d[:：]\d\d|日)[\s　]*[\[【(（]?[\s　]*(?P<names>[{HAN_FAMILIES}][\u3400-\u9fff]{{1,2}})"
    r"[\s　]*[\]】)）]?[\s　\ue000-\uf8ff]*(?:来源|來源)[:：]"
)
_HAN_ALONE = re.compile(rf"[{HAN_FAMILIES}][\s　]?[\u3400-\u9fff](?:[\s　]?[\u3400-\u9fff])?")
# Words that begin like a family name and stand alone under headlines.
_HAN_WORDS = re.compile(
    r"^(?:高清|高考|高层|金融|金属|马上|方法|方案|安全|文学|文化|江苏|江西|黄金|石油|石家庄|史记|史料|何时|周刊|周末|周[一二三四五六日]|许可|"
    r"常见|常识|武汉|武器|程序|万元|钱包|易车|华为|任务|田园|田径|方向|白酒|白领|康复|龙头|段落|雷达|王国|林业|曾经|于是|余额|顾客|任命|"
    r"高校|高速|金价|夏季|秦皇岛|钟表|汤圆|杜绝|毛利|范围|康养|孔雀|汪洋|龙江|黄山|黄河|温州|马拉松|何为|何处|方便|白皮书|江湖|江南)"
)


def by_line_of(lines: Sequence[Line], headings: Sequence[str], own: set[str]) -> tuple[str, ...]:
    """The by-line as people read it: a line near the headline that begins with "By", or a label with a name."""
    place = nearby.headline(lines, headings)
    near = [*lines[place + 1 : place + 1 + AFTER], *lines[max(0, place - 4) : max(0, place)]] if place >= 0 else []
    for number, line in enumerate(near):
        text = line.text
        if BY_WORD.fullmatch(text.rstrip(":： ")) and number + 1 < len(near):
            text = f"{text} {near[number + 1].text}"
        for part in around_date(text) if len(text) <= MAX_LINE else ():
            for pattern in (_BY_LINE, _KIND_BY):
                if (found := pattern.match(part)) and (names := _all_names(_told(found), own)):
                    return names
    return _eastern(lines, place, own) or _labelled(lines, own)


def _eastern(lines: Sequence[Line], place: int, own: set[str]) -> tuple[str, ...]:
    """The reporter that Chinese, Japanese and Korean papers name beside the headline or, in form, at the text's end."""
    beside = lines[max(0, place - 4) : place + 40] if place >= 0 else lines[:200]
    for line in beside:
        for pattern in (_HAN_BY_LINE, _HAN_REPORTER, _HAN_BY_DATE):
            if (found := pattern.search(line.text)) and (names := _han_names(_told(found), own)):
                return names
        if (found := _HANGUL_REPORTER.search(line.text[:100])) and (names := clean_names([found["names"]], own)):
            return names
    for line in lines[place + 40 :] if place >= 0 else lines[200:]:
        if (found := _HAN_SIGNED.search(line.text)) and (names := _han_names(_told(found), own)):
            return names
    return ()


def _labelled(lines: Sequence[Line], own: set[str]) -> tuple[str, ...]:
    for line in lines:
        found = _LABELLED.match(line.text) if len(line.text) <= MAX_LINE else None
        if found and (names := _all_names(_told(found), own)):
            return names
    return ()


def _told(found: re.Match[str]) -> str:
    """The first of a pattern's named groups that is there."""
    return next(text for text in found.groupdict().values() if text)


def _han_names(text: str, own: set[str]) -> tuple[str, ...]:
    return clean_names([part for part in re.split(r"[、，,\s　]+", text) if not HAN_NO_NAME.search(part)], own)


_HANGUL_REPORTER = re.compile(
    r"(?:^|[\[(=\s])(?P<names>[가-힣]{2,4}(?:\s?[,·]\s?[가-힣]{2,4}){0,3})"
    r"\s?(?:선임\s?|수석\s?|인턴\s?)?(?:기자|특파원)(?:$|[\s=\])])"
)
_LABELLED = re.compile(
    r"(?:texte?|texto|testo|teksti?|текст|words|words by|story by|report by|written by)\s*[:：]\s*(?P<told>\S.*)|"
    r"(?:autor(?:in|en|es|a|y|zy)?(?:/autor(?:in)?)?|auteur(?:e|s|\(s\))?|autore|authors?|автор(?:ы|ка)?|"
    r"نویسنده|الكاتب|الكاتبة|作者|yazar|szerző|skribent|kirjoittaja|συντάκτης)\s*[:：]?\s+(?P<names>\S.*)",
    re.IGNORECASE,
)


def _all_names(text: str, own: set[str]) -> tuple[str, ...]:
    """The names in the rest of a by-line, if there is nothing else in it but times, roles and places."""
    text = _REST.split(_PLACE.sub("", text))[0]
    if (last := _LAST.match(text)) and not AGENCY.match(last["after"]):
        text = last["names"]
    first, *others = _PARTS.split(text)
    if not others and _IN_SHORT.fullmatch(text) and text.casefold() not in own:
        return (text,)
    names = clean_names([text], own)
    if any(_HANGUL.match(name) and not HANGUL_NAME.fullmatch(name) for name in names):
        return ()
    people = clean_names([first], own)
    if people and all(map(is_name, people)) and all(len(other.split()) <= 4 for other in others):
        names = tuple(name for name in names if is_name(name) or AGENCY.match(name))  # "…, Berlin", "…, CNN"
    return names if names and all(is_name(name) or AGENCY.match(name) for name in names) else ()


_HANGUL = re.compile(r"[가-힣]")
_IN_SHORT = re.compile(r"[A-Z]{2,5}")  # "By PTI"


_PARTS = re.compile(r"\s*[,/]\s*")
# Who comes after "and" is the last one: what follows behind a comma is where they are.
_LAST = re.compile(
    r"(?P<names>[^,]+(?:,[^,]+)*\s(?:and|und|et|y|e|en|og|och|ja|i|и|і|та)\s[^,]+),\s(?P<after>[^,]+)$", re.IGNORECASE
)
# Where one of several is: "By A. N. Other in Kyiv and …".
_PLACE = re.compile(r",?\s(?:in|em|à|aus)(?:\s[A-ZÀ-Ž][\w.'’-]{1,30}){1,3}(?=\s(?:and|und|et|e|&)\s)")
_REST = re.compile(
    r"\s[|•·–—]\s|\s{2,}|\son\s+(?=[A-Z]|\d)|,?\s(?:in|em)\s+(?=(?-i:[A-Z]))|"
    r"[\s,;]+(?:photos?|fotos?|bilder|editor|фото|illustrations?|video)\b",
    re.IGNORECASE,
)


def by_line(text: str) -> bool:
    """Whether a line says who wrote the article and nothing else: "By A. N. Other", "Von: Eva Muster"."""
    return bool(BY.match(text)) and bool(clean_names([text], set()))
