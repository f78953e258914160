"""An article on several pages: where the next one is, and all of them as one article. Pure.

`next_page` follows a link only within the *family* of the page's own address: the same address but for a page number
(`?page=2`, `/page/2`, `/2`, `-2.html`, `_2.html`) or a word for the whole (`?page=all`, `_all.html`). The number must
be the one after this page's. "Next article", `rel=next` of a blog's next post and pages of comments are none of that.
A link to the whole article on one page is preferred.

A bare number at the end of an address is weak evidence (`/2027/03/02` is a day, `/iphone-15.html` a telephone): when it
is this page's own number, the page must also lead to the first page, which is the address without one.
"""

# ruff: noqa: SIM905 - word lists are easier to read and to change as text

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Final
from urllib.parse import urlsplit

from lxml import etree

from mirror import links
from mirror.extract.blocks import plain, text_of_blocks
from mirror.extract.page import attribute, key_of, marks, squeeze, text_of
from mirror.model import (
    Block,
    Draft,
    Embed,
    Footnotes,
    Heading,
    Paragraph,
    Picture,
    PictureRef,
    Rule,
    Update,
)

MAX_PAGES: Final = 20  # the first one included; no article has more, a calendar has
MAX_LINKS = 5000  # looked at in one page

_PARAMETERS = frozenset(
    "page pg paged pageno page_no pagenum pagenumber page_number currentpage seite pagina strana strona side sida "
    "stranica pagen_1 p".split()
)
_WHOLE_PARAMETERS = frozenset("showall viewall view_all single singlepage single_page onepage fullpage".split())
_WHOLE = r"all|full|single|singlepage|single-page|onepage|one-page|viewall|view-all|komplettansicht"
_WHOLE_VALUE = re.compile(rf"(?:{_WHOLE}|1|true|yes)", re.IGNORECASE)
_NUMBER = re.compile(r"[0-9]{1,2}")
_STRONG = re.compile(
    rf"(.{{2,}}?)[/_,-](?:(?:page|seite|pagina|pag|strona|strana|sida)[-_/=]?|p)([0-9]{{1,2}}|{_WHOLE})(\.[a-z]{{2,5}})?",
    re.IGNORECASE,
)
_WORD = re.compile(rf"(.{{2,}})[/_-]({_WHOLE})(\.[a-z]{{2,5}})?", re.IGNORECASE)
_BARE = (
    re.compile(r"(.{2,})/([0-9]{1,2})(\.[a-z]{2,5})?", re.IGNORECASE),
    re.compile(r"(.{2,})[_,-]([0-9]{1,2})(\.[a-z]{2,5})", re.IGNORECASE),
)
# An address without this is read as no page of a family by any of the ways above.
_READABLE = re.compile(rf"\?|(?:[0-9]|{_WHOLE})(?:\.[a-z]{{2,5}})?/*\s*(?:#|\Z)", re.IGNORECASE)
_DATE = re.compile(r"/(?:19|20)[0-9]{2}(?:/[0-9]{1,2})?$")

_SAYS_NEXT = re.compile(
    r"next|continue|older|weiter|nächste|suivant|siguiente|seguente|successiv|próxim|proxim|següent|volgende|następn|dalej|"
    r"nästa|neste|næste|sonraki|далее|дальше|следующ|вперёд|вперед|наступн|بعد|التالي|اگلا|下一|下页|下頁|后页|次の|次へ|다음|"
    r"^[›»>→≫]+$",
    re.IGNORECASE,
)
_SAYS_WHOLE = re.compile(
    r"(?:single|one|whole|full|entire|complete)[ -](?:page|article|story|text|view)|view all|show all|all pages|"
    r"auf einer seite|artikel auf einer|alles auf|tout (?:lire|afficher)|en una (?:sola )?página|tutto su una|"
    r"na jednej stronie|одной страниц|полностью|целиком|весь текст|همه صفحات|متن کامل|"
    r"يك صفحة|صفحة واحدة|全文|单页|單頁|全部|1ページ|全ページ|전체",
    re.IGNORECASE,
)
_PAGER = re.compile(
    r"pag(?:ination|er|ing|e[-_]?(?:links?|nav|numbers?|list))|(?:^|[\s_-])(?:pages|wp-pagenavi|post-page-numbers|seiten|"
    r"multipage|article-pages?)(?:$|[\s_-])",
    re.IGNORECASE,
)
_COMMENTS = re.compile(r"comment|disqus|respond|komment|replies", re.IGNORECASE)


# --- addresses -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """One way to read an address: the family's own address, and which page of it (0: the whole on one page)."""

    family: tuple[str, str, tuple[str, ...]]
    number: int
    weak: bool = False  # only a bare number says so


def _plain_address(url: str) -> _Reading:
    parts = urlsplit(links.clean(url))
    query = tuple(sorted(piece for piece in parts.query.split("&") if piece))
    return _Reading(family=(_host(parts.hostname), parts.path.rstrip("/"), query), number=1)


def _host(name: str | None) -> str:
    return (name or "").removeprefix("www.")


def _readings(url: str) -> Iterator[_Reading]:
    """The ways in which an address can be that of a certain page of a family."""
    parts = urlsplit(links.clean(url))
    host, path = _host(parts.hostname), parts.path.rstrip("/")
    pieces = [piece for piece in parts.query.split("&") if piece]
    for piece in pieces:
        name, _, value = piece.partition("=")
        rest = tuple(sorted(other for other in pieces if other is not piece))
        name = name.lower()
        if name in _PARAMETERS and _NUMBER.fullmatch(value):
            yield _Reading(family=(host, path, rest), number=int(value), weak=name == "p")
        elif (name in _PARAMETERS and re.fullmatch(_WHOLE, value, re.IGNORECASE)) or (
            name in _WHOLE_PARAMETERS and _WHOLE_VALUE.fullmatch(value or "1")
        ):
            yield _Reading(family=(host, path, rest), number=0)
    query = tuple(sorted(pieces))
    for pattern in (_STRONG, _WORD, *_BARE):
        match = pattern.fullmatch(path[-600:])
        if match is None:
            continue
        stem, mark, ending = match[1], match[2], match[3] or ""
        weak = pattern in _BARE
        if weak and _DATE.search(stem):
            continue
        number = int(mark) if mark.isdigit() else 0
        yield _Reading(family=(host, path[:-600] + stem + ending, query), number=number, weak=weak)


def same_family(one: str, other: str) -> bool:
    """Whether two absolute addresses are the same one but for a page number."""
    families = [{_plain_address(url).family, *(reading.family for reading in _readings(url))} for url in (one, other)]
    return bool(families[0] & families[1])


# --- the next page -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Link:
    url: str
    text: str
    declared: bool  # rel=next
    pager: bool  # it stands among page numbers


def next_page(root: etree._Element, url: str, canonical: str | None = None) -> str | None:
    """The address of the article's next page, or of the whole article on one page; None when there is none.

    `root` is the page's tree, `url` the address it was fetched from, `canonical` the address it gives as its own."""
    here = links.clean(url)
    homes = {_plain_address(here).family}
    first = _plain_address(canonical).family if canonical else None
    stems = {_stem(address) for address in (here, url, canonical) if address}
    own = list(_readings(here))
    found = [link for link in _links(root, url, stems, every=bool(own)) if links.clean(link.url) != here]
    if first is not None and first[0] == _host(urlsplit(here).hostname):
        homes.add(first)
    # Which page is this? Its own address says so, when that belongs to the family or the first page is linked.
    linked = {_plain_address(link.url).family for link in found} | ({first} if first else set())
    current = 1
    for reading in own:
        if reading.number == 0 and reading.family in linked:
            return None  # this is the whole
        if reading.number >= 2 and (not reading.weak or reading.family in linked):
            current, homes = reading.number, {reading.family}
            break
    whole: str | None = None
    after: str | None = None
    for link in found:
        for reading in _readings(link.url):
            if reading.family not in homes:
                continue
            if reading.number == 0:
                if whole is None and (link.pager or _SAYS_WHOLE.search(link.text)):
                    whole = links.clean(link.url)
            elif after is None and _leads_on(link, reading.number, current):
                after = links.clean(link.url)
    return whole or after


def _leads_on(link: _Link, number: int, current: int) -> bool:
    says = link.declared or bool(_SAYS_NEXT.search(link.text))
    if number == current + 1:
        return says or link.pager or link.text == str(number)
    # Pages counted from 0: the second one is number 1.
    return number == 1 and current == 1 and (says or (link.pager and link.text == "2"))


def _stem(url: str) -> str:
    """What the addresses of all pages of an article have in common, as far as it is quick to say: the beginning of the
    longest part of the path. Empty when nothing can be said."""
    longest = max(urlsplit(url).path.split("/"), key=len)
    stem = re.sub(r"(?:[-_.,]?(?:p|page)?[-_.,]?\d{1,2})?(?:\.\w{1,5})?$", "", longest[:200], flags=re.IGNORECASE)[:12]
    return stem if stem.isascii() and "%" not in stem else ""


def _links(root: etree._Element, url: str, stems: set[str], *, every: bool) -> Iterator[_Link]:
    """The page's links that may lead to another page of the article; `stems` is what their addresses must hold one of
    (most links of a page lead elsewhere, and making addresses absolute takes time). With `every` also those that can
    only be the first page."""
    base = url
    for element in root.iter("base"):
        base = links.absolute(url, element.get("href")) or url
        break
    kinds: dict[etree._Element, tuple[bool, bool]] = {}  # boxes: whether they are called pager, comments
    for count, element in enumerate(root.iter("link", "a")):
        if count >= MAX_LINKS:
            return
        href = element.get("href") or ""
        if not any(stem in href for stem in stems) and not href.strip().startswith(("?", "./?")):
            continue
        relations = attribute(element, "rel").lower().split()
        if element.tag == "link" and "next" not in relations:
            continue
        if not every and not _READABLE.search(href):
            continue
        if "#" in href and _COMMENTS.search(href.partition("#")[2]):
            continue
        target = links.absolute(base, href)
        if target is None or not links.same_site(target, url):
            continue
        pager = comments = False
        for box in (element, *islice(element.iterancestors(), 4)):
            kind = kinds.get(box)
            if kind is None:
                name = "" if box.tag in ("body", "html") else marks(box)
                kind = kinds[box] = (_PAGER.search(name) is not None, _COMMENTS.search(name) is not None)
            pager, comments = pager or kind[0], comments or kind[1]
        if comments:
            continue
        text = squeeze(text_of(element)[:80] or element.get("aria-label") or element.get("title") or _alt(element))
        yield _Link(url=target, text=text[:80], declared="next" in relations, pager=pager)


def _alt(element: etree._Element) -> str:
    return next((attribute(image, "alt") for image in element.iter("img")), "")


def amp_page(root: etree._Element, url: str) -> str | None:
    """The address of the page's AMP copy on the same site, as `rel=amphtml` gives it; None when there is none."""
    for element in root.iter("link"):
        if "amphtml" in attribute(element, "rel").lower().split():
            target = links.absolute(url, element.get("href"))
            if target is not None and links.same_site(target, url) and target != links.clean(url):
                return target
    return None


# --- several pages as one ------------------------------------------------------------------------------------------

MOSTLY = 0.8  # share of letters that makes a page a copy of what is known, or the whole of it
REPEATED = 12  # letters from which on a text that was there before is a repetition wherever it stands
_PAGE_LABEL = re.compile(
    r"(?:page|pages|seite|página|pagina|strona|sida|side|страница|стр|صفحه|الصفحة|第)?\W{0,3}[0-9۰-۹٠-٩]{1,2}\s{0,2}"
    r"(?:(?:of|/|von|sur|de|di|z|av|af|из|از|من|页|頁|ページ)\s{0,2}[0-9۰-۹٠-٩]{0,2})?(?:页|頁|ページ)?\W{0,3}|"
    r"(?:continued|fortsetzung|suite|продолжение|ادامه|تابع|续|續)\W{0,3}(?:from|von|с)?.{0,30}",
    re.IGNORECASE,
)
_ENDS = re.compile(r"[.!?…:;。！？؟۔»”\"')\]]\s*$")


def join(drafts: Sequence[Draft]) -> Draft:
    """One article from its pages, each reduced by itself, in their order: at most `MAX_PAGES`, at least one.

    The first page gives title, lead, people and times (`modified` is the latest). From further pages comes what was
    not there before: repeated lead, headline, pictures and paragraphs are left out, and so is a page that only repeats
    what is known, or whose address belongs to another article. A page that holds all that is known and more is the
    whole article and takes the place of the others. A sentence that was cut by the end of a page is put together."""
    whole = drafts[0]
    for draft in drafts[1:MAX_PAGES]:
        if not same_family(whole.url, draft.url):
            continue
        known = _texts(whole)
        new = _texts(draft)
        total, repeated = sum(map(len, new)), sum(len(text) for text in new if text in known)
        size = sum(map(len, known))
        if total and repeated >= MOSTLY * total:
            continue
        if size and sum(len(text) for text in known if text in new) >= MOSTLY * size:
            whole = _instead(whole, draft)
        else:
            whole = _after(whole, draft, known)
        if draft.modified is not None and (whole.modified is None or draft.modified > whole.modified):
            whole = replace(whole, modified=draft.modified)
    return whole


def _texts(draft: Draft) -> dict[str, None]:
    """The letters of every block, in order."""
    return dict.fromkeys(key for block in draft.blocks if (key := key_of(text_of_blocks((block,)))))


def _instead(first: Draft, whole: Draft) -> Draft:
    """The whole article with what its first page said of it."""
    covers = tuple(picture for picture in first.pictures if picture.cover)
    pictures, blocks = whole.pictures, whole.blocks
    if covers and not any(picture.cover for picture in pictures):
        place = _place(covers[0], pictures)
        if place is None:
            pictures = (*pictures, covers[0])
        else:
            pictures = tuple(replace(one, cover=True) if at == place else one for at, one in enumerate(pictures))
    return replace(first, blocks=blocks, pictures=pictures, lead=first.lead or whole.lead)


def _after(whole: Draft, draft: Draft, known: dict[str, None]) -> Draft:
    pictures = list(whole.pictures)
    places: list[int | None] = []  # where this page's pictures are now; None for those that are there already
    for picture in draft.pictures:
        if _place(picture, pictures) is None:
            places.append(len(pictures))
            pictures.append(replace(picture, cover=False))
        else:
            places.append(None)
    seen = {key_of(whole.title), key_of(draft.title), key_of(whole.lead or ""), key_of(draft.lead or ""), *known}
    embeds = {block.url for block in whole.blocks if isinstance(block, Embed)}
    more: list[Block] = []
    for block in _moved(draft.blocks, places):
        key = key_of(text_of_blocks((block,)))
        if isinstance(block, Embed):
            if block.url in embeds:
                continue
        elif not isinstance(block, Picture | Rule) and (
            not key
            or (key in seen and (len(key) >= REPEATED or not more))
            or (isinstance(block, Paragraph | Heading) and _PAGE_LABEL.fullmatch(squeeze(plain(block.content))[:60]))
        ):
            continue
        more.append(block)
    blocks = list(whole.blocks)
    while blocks and isinstance(blocks[-1], Paragraph) and _PAGE_LABEL.fullmatch(squeeze(plain(blocks[-1].content))):
        blocks.pop()
    return replace(whole, blocks=_sewn(blocks, more), pictures=tuple(pictures))


def _place(picture: PictureRef, among: Iterable[PictureRef]) -> int | None:
    mine = set(picture.candidates)
    return next((at for at, other in enumerate(among) if mine & set(other.candidates)), None)


def _moved(blocks: Iterable[Any], places: Sequence[int | None]) -> Iterator[Any]:
    for block in blocks:
        if isinstance(block, Picture):
            place = places[block.resource]
            if place is not None:
                yield Picture(resource=place)
        elif isinstance(block, Update):
            inner = tuple(_moved(block.blocks, places))
            if inner or block.title:
                yield replace(block, blocks=inner)
        else:
            yield block


def _sewn(blocks: list[Block], more: list[Block]) -> tuple[Block, ...]:
    """Two pages one after the other; notes go to the end, and a sentence cut in two is one again."""
    notes = [block for block in (*blocks, *more) if isinstance(block, Footnotes)]
    blocks = [block for block in blocks if not isinstance(block, Footnotes)]
    more = [block for block in more if not isinstance(block, Footnotes)]
    last = blocks[-1] if blocks else None
    start = more[0] if more else None
    if isinstance(last, Paragraph) and isinstance(start, Paragraph):
        before, after = plain(last.content), plain(start.content)
        if after[:1].islower() and not _ENDS.search(before):
            blocks[-1] = Paragraph(content=(*last.content, " ", *start.content))
            more = more[1:]
    return (*blocks, *more, *([_one(notes)] if notes else []))


def _one(notes: Sequence[Footnotes]) -> Footnotes:
    labels: set[str] = set()
    items = []
    for block in notes:
        for note in block.items:
            if note.label not in labels:
                labels.add(note.label)
                items.append(note)
    return Footnotes(items=tuple(items))
