"""Footnotes: the mark in the text and the note that it leads to, taken apart before anybody looks for the article.

A mark is a link within the page that says what it is (`role=doc-noteref`, `rel=footnote`, a class like `footnote-ref`,
`reference`, `data-fn`, `#fn1`, `#cite_note-1`, `#_ftn1`) or a number or asterisk inside a sentence that leads to a
short text further down. So do WordPress, Ghost, Substack, Markdown, Wikipedia, DocBook and Word write them. Notes that
stand in the text itself and are shown beside it (`span.sidenote`) are marks with their notes. What is at the other end
of a table of contents, a row of pages or a list of questions is no note.

`lift` takes the notes out of the tree and puts an element `MARK` where each mark stood: it has no text, so the engine
sees sentences without stray numbers, and a list of notes is not mistaken for the article, nor cut off as none. Those
whose marks turn out to stand in the article come back at its end (`Lifted.block`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from lxml import etree

from mirror.extract.blocks import MARK, Builder
from mirror.extract.chrome import drop
from mirror.extract.page import attribute, flow, is_hidden, key_of, marks, remembered, squeeze, text_of
from mirror.model import (
    Block,
    Footnote,
    Footnotes,
    Heading,
    Inline,
    Link,
    List,
    Note,
    Paragraph,
    Quote,
    Styled,
    Table,
    Update,
)

MAX_NOTES: Final = 1000
MAX_NOTE = 5000  # characters; longer is a section of the text
MAX_LABEL = 12  # characters of a mark that nothing but its look tells

_MARK_WORDS = re.compile(
    r"(?:^|[\s_:-])(?:footnotes?|endnotes?|fn-?ref|note-?ref|doc-noteref|footnote-(?:ref|anchor|link)|sdfootnoteanc|"
    r"sdendnoteanc|refbody|fn|reference|easy-footnote|mfn|noteref)(?:$|[\s_:\d-])",
    re.IGNORECASE,
)
_TARGET_WORDS = re.compile(
    r"_?(?:fn|ftn|edn|foot-?note|end-?note|sdfootnote|sdendnote|note|cite_note)[-_:.]?[\w.:-]{0,60}", re.IGNORECASE
)
_NUMBER = re.compile(
    r"[\[({⟨（［〔]?\s*(?:[0-9]{1,4}|[۰-۹]{1,4}|[٠-٩]{1,4}|[०-९]{1,4}|[*†‡§¶#＊※]{1,4}|[a-z]|[ivxl]{1,6}|[①-⑳]|"
    r"note\s*[0-9]{1,3}|прим\.?\s*[0-9]{0,3}|注\s*[0-9]{0,3})\s*[\])}⟩）］〕.]?",
    re.IGNORECASE,
)
_AROUND = "[](){}⟨⟩（）［］〔〕.:; \t\r\n\xa0"
_BACK = re.compile(
    r"(?:back|back to (?:the )?(?:text|content|article|top|reference)|return|return to (?:text|article)|jump up.{0,12}|"
    r"zurück|zurück zum text|retour|volver|назад|назад к тексту|вернуться|вернуться к тексту|вверх|بازگشت|"
    r"بازگشت به متن|返回|返回正文)?",
    re.IGNORECASE,
)
_WORDS = re.compile(r"[^\W_]+")
_BACK_WORDS = re.compile(
    r"back-?(?:link|ref|to)|reverse|return|doc-backlink|mw-cite-backlink|footnote-backref", re.IGNORECASE
)
_BESIDE = re.compile(
    r"(?:^|\s)(?:sidenote|marginnote|side-note|margin-note|inline-footnote|modern-footnotes-footnote__note|"
    r"footnote[-_]+(?:tooltip|text|content|body|note|inline)|footnote_tooltip)(?:\s|$)",
    re.IGNORECASE,
)
_is_beside = remembered(_BESIDE)
_BOXES = ("li", "p", "dd", "aside", "div", "td", "section", "blockquote", "tr")
_NEVER = frozenset("html body main article header footer nav form table ul ol dl figure h1 h2 h3 h4 h5 h6".split())  # noqa: SIM905 - a row of names


@dataclass(slots=True, eq=False)
class _Mark:
    element: etree._Element
    label: str
    box: etree._Element  # the note


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifted:
    """The notes that were taken out of a page, by label, in the order of their first marks."""

    notes: dict[str, tuple[etree._Element, str]]  # the note's element, and what its first mark said

    def block(self, blocks: Iterable[Block], builder: Builder) -> Footnotes | None:
        """The notes whose marks stand in `blocks`; None when there are none."""
        wanted = dict.fromkeys(_labels(blocks))
        items: list[Footnote] = []
        for label, (box, said) in self.notes.items():
            if label in wanted and (content := _content(box, said or label, builder)):
                items.append(Footnote(label=label, content=content))
        return Footnotes(items=tuple(items)) if items else None


def lift(root: etree._Element) -> Lifted:
    """The page's notes, taken out of its tree. Each mark is an element `MARK` now, with its label."""
    for element in list(root.iter(MARK)):  # the page's own would be taken for ours
        element.tag = "span"
    found = [*_Finder(root).marks(), *_beside(root)]
    if not found:
        return Lifted(notes={})
    labels = _named(found)
    notes: dict[str, tuple[etree._Element, str]] = {}
    for mark in found:
        label = labels[mark.box]
        _replace(mark.element, label)
        notes.setdefault(label, (mark.box, mark.label))
    for box, _ in notes.values():
        if box.getparent() is not None:
            drop(box)
            box.tail = None
    return Lifted(notes=notes)


# --- finding -------------------------------------------------------------------------------------------------------


class _Finder:
    """Marks that are links within the page. Sizes are kept: a page may hold thousands of links in one paragraph."""

    def __init__(self, root: etree._Element) -> None:
        self.root = root
        self.places: dict[str, tuple[int, etree._Element]] = {}  # each name that is linked: where it stands
        self._sizes: dict[etree._Element, int] = {}
        self._boxes: dict[etree._Element, etree._Element | None] = {}
        self._ways_back: dict[etree._Element, frozenset[str]] = {}
        wanted = {href[1:] for link in root.iter("a") if (href := _fragment(link))}
        if not wanted:
            return
        for at, element in enumerate(root.iter(etree.Element)):
            for name in (element.get("id"), element.get("name") if element.tag == "a" else None):
                if name and name in wanted:
                    self.places.setdefault(name, (at, element))

    def marks(self) -> list[_Mark]:
        found: list[_Mark] = []
        boxes: set[etree._Element] = set()
        if not self.places:
            return found
        for at, link in enumerate(self.root.iter(etree.Element)):
            if link.tag != "a" or len(found) >= MAX_NOTES:
                continue
            name = (_fragment(link) or "")[1:]
            if name not in self.places or self.places[name][0] <= at:  # leads back, or to the top
                continue
            text = squeeze(text_of(link)[:100])
            if len(text) > 40 or not self._in_a_sentence(link):
                continue
            box = self._box(self.places[name][1])
            if box is None or self._size(box) > MAX_NOTE:
                continue
            if any(above is box or above in boxes for above in link.iterancestors()):
                continue
            if self._says_so(link, name, text) or self._looks_so(link, box, text):
                boxes.add(box)
                found.append(_Mark(link, text.strip(_AROUND), box))
        return found

    def _size(self, element: etree._Element) -> int:
        size = self._sizes.get(element)
        if size is None:
            size = self._sizes[element] = len(text_of(element))
        return size

    def _in_a_sentence(self, link: etree._Element) -> bool:
        """Whether more than marks stands in the block of a link: a row of page numbers is no text."""
        for box in link.iterancestors():
            if box.tag in ("td", "th", "h1", "h2", "h3", "h4", "caption", "figcaption"):
                return self._size(box) - self._size(link) >= 4
            if box.tag in ("p", "li", "dd", "blockquote", "div", "section", "article"):
                return self._size(box) - self._size(link) >= 15
        return False

    def _says_so(self, link: etree._Element, name: str, text: str) -> bool:
        parent = link.getparent()
        around = [link] if parent is None or parent.tag not in ("sup", "span") else [link, parent]
        if any("noteref" in attribute(one, kind) for one in around for kind in ("role", "epub:type")):
            return True
        if "footnote" in attribute(link, "rel").lower() or any(one.get("data-fn") for one in around):
            return True
        named = any(_MARK_WORDS.search(marks(one)) for one in around) or bool(_TARGET_WORDS.fullmatch(name))
        return named and (bool(_NUMBER.fullmatch(text)) or not text)

    def _looks_so(self, link: etree._Element, box: etree._Element, text: str) -> bool:
        """A number in a sentence that is raised or in brackets, or to whose note a link back belongs."""
        if not text or len(text) > MAX_LABEL or not _NUMBER.fullmatch(text):
            return False
        parent = link.getparent()
        own = {link.get("id"), link.get("name"), parent.get("id") if parent is not None else None} - {None}
        raised = next(iter(link.iter("sup")), None) is not None or (parent is not None and parent.tag == "sup")
        back = bool(own & self._back(box))
        starts = key_of(text_of(box)[:40]).casefold().startswith(key_of(text).casefold())
        return (raised or text[0] in "[({（［〔" or back) and (back or starts or box.tag == "li")

    def _back(self, box: etree._Element) -> frozenset[str]:
        found = self._ways_back.get(box)
        if found is None:
            found = frozenset((_fragment(link) or "#")[1:] for link in box.iter("a"))
            self._ways_back[box] = found
        return found

    def _box(self, target: etree._Element) -> etree._Element | None:
        """The element that holds one note and nothing else; None when the target is no note."""
        if target not in self._boxes:
            self._boxes[target] = self._find_box(target)
        return self._boxes[target]

    def _find_box(self, target: etree._Element) -> etree._Element | None:
        here: etree._Element | None = target.getnext() if target.tag == "dt" else target
        while here is not None and here.tag not in _BOXES:
            if here.tag in _NEVER:
                return None
            here = here.getparent()
        if here is None or next(iter(here.iter("h1", "h2", "h3", "article", "form")), None) is not None:
            return None
        # `<td><a name=fn1>1</a></td><td>Text</td>`, a number in a box of its own beside its text.
        parent = here.getparent()
        while (
            parent is not None
            and parent.tag in ("div", "tr", "aside", "li")
            and self._only_number(here, target, parent)
        ):
            here, parent = parent, parent.getparent()
        return here

    def _only_number(self, here: etree._Element, target: etree._Element, parent: etree._Element) -> bool:
        """Whether a box holds only the number of its note, and the one around it the whole note and no other."""
        if self._size(here) > MAX_LABEL or not _NUMBER.fullmatch(text_of(here)) or self._size(parent) > MAX_NOTE:
            return False
        names = {
            name for element in parent.iter(etree.Element) for name in (element.get("id"), element.get("name")) if name
        }
        return all(self.places[name][1] is target for name in names if name in self.places)


def _fragment(link: etree._Element) -> str | None:
    href = (link.get("href") or "").strip()
    return href if 1 < len(href) <= 200 and href[0] == "#" else None


def _beside(root: etree._Element) -> list[_Mark]:
    """Notes in the text itself; each is its own mark."""
    found: list[_Mark] = []
    for element in root.iter("span", "small", "aside"):
        if len(found) >= MAX_NOTES:
            break
        if not _is_beside(attribute(element, "class")):
            continue
        if any(above.tag == "a" or _is_beside(attribute(above, "class")) for above in element.iterancestors()):
            continue
        if not 0 < len(text_of(element)) <= MAX_NOTE:
            continue
        before = element.getprevious()
        while before is not None and before.tag in ("input", "label") and not text_of(before):
            before = before.getprevious() if not before.tail or not before.tail.strip() else None
        if before is not None and (not before.tail or not before.tail.strip()) and _NUMBER.fullmatch(text_of(before)):
            found.append(_Mark(before, text_of(before).strip(_AROUND), element))
        else:
            stand_in = etree.Element("span")
            element.addprevious(stand_in)  # lxml moves the tail of nothing: `element` keeps its own
            found.append(_Mark(stand_in, "", element))
    return found


def _named(found: list[_Mark]) -> dict[etree._Element, str]:
    """A label for each note: what its first mark says, unless that is nothing or two notes would share it."""
    labels: dict[etree._Element, str] = {}
    for mark in found:
        labels.setdefault(mark.box, mark.label[:40])
    said = list(labels.values())
    if all(said) and len(set(said)) == len(said):
        return labels
    return {box: str(number) for number, box in enumerate(labels, 1)}


def _replace(mark: etree._Element, label: str) -> None:
    """Puts `MARK` where a mark stands, without the brackets and the raised box around it."""
    outer = mark.getparent()
    if outer is None:
        return
    parent = outer
    while (
        parent.tag in ("sup", "span", "b", "small", "cite")
        and len(parent) == 1
        and not ((parent.text or "") + (mark.tail or "")).strip(_AROUND)
        and (outer := parent.getparent()) is not None
    ):
        mark, parent = parent, outer
    made = etree.Element(MARK, label=label)
    made.tail = mark.tail
    before = mark.getprevious()
    text = (before.tail if before is not None else parent.text) or ""
    if text.endswith(("[", "(")) and (made.tail or "").startswith(("]", ")")):
        text, made.tail = text[:-1], (made.tail or "")[1:]
        if before is not None:
            before.tail = text
        else:
            parent.text = text
    parent.replace(mark, made)


# --- the notes' text -----------------------------------------------------------------------------------------------


def _content(box: etree._Element, label: str, builder: Builder) -> tuple[Paragraph | List, ...]:
    for link in list(box.iter("a", "span", "sup")):
        if link is box or link.getparent() is None:
            continue
        back = (link.tag == "a" and _fragment(link) is not None) or _BACK_WORDS.search(marks(link))
        text = text_of(link)
        if back and (
            _is_back(text)
            or _NUMBER.fullmatch(text[:20])
            or text.strip(_AROUND) == label
            or _BACK_WORDS.search(marks(link))
        ):
            drop(link)
    box.tag = "div" if box.tag not in ("p", "div") else box.tag
    for name in ("hidden", "style", "class"):  # a note that is shown on demand is hidden until then
        if box.get(name) is not None and is_hidden(box):
            del box.attrib[name]
    tree = flow(box)
    runs = list(tree.runs())
    for run in runs:
        run.chosen = True
    inner = replace(builder, first=-1, last=-1, top=box, count=0)
    found: list[Paragraph | List] = []
    for block in inner.build(tree):
        match block:
            case Paragraph() | List():
                found.append(block)
            case Heading(content=content):
                found.append(Paragraph(content=content))
            case Quote(blocks=blocks):
                found.extend(blocks)
            case _:
                pass
    if found and isinstance(found[0], Paragraph):
        first = _without_label(found[0].content, label)
        found = [*([Paragraph(content=first)] if first else []), *found[1:]]
    return tuple(found)


def _is_back(text: str) -> bool:
    return len(text) <= 60 and bool(_BACK.fullmatch(" ".join(_WORDS.findall(text))))


def _without_label(content: tuple[Inline, ...], label: str) -> tuple[Inline, ...]:  # noqa: PLR0911 - one a case
    """A note's text without the number at its beginning."""
    if not content:
        return content
    first = content[0]
    if isinstance(first, Styled) and isinstance(first.content[0], str) and len(first.content) == 1:
        if first.content[0].strip(_AROUND) == label:
            return _without_label(content[1:], label)
        return content
    if not isinstance(first, str):
        return content
    text = first.lstrip(_AROUND + "^↑")
    if text.startswith(label) and not text[len(label) : len(label) + 1].isalnum():
        text = text[len(label) :].lstrip(_AROUND)
    if text == first:
        return content
    if first.lstrip()[:1] in "[({" and text == first.lstrip(_AROUND):
        return content  # a bracket that opens the note's own words
    return (text, *content[1:]) if text else _without_label(content[1:], label)


def _labels(blocks: Iterable[Any]) -> Iterator[str]:
    """The labels of the marks in blocks, in order."""
    for block in blocks:
        match block:
            case Paragraph() | Heading():
                yield from _labels_in(block.content)
            case Quote() | Update():
                yield from _labels(block.blocks)
            case List():
                for item in block.items:
                    yield from _labels(item)
            case Table():
                for row in block.rows:
                    for cell in row:
                        yield from _labels_in(cell.content)
            case _:
                pass


def _labels_in(content: Iterable[Inline]) -> Iterator[str]:
    for inline in content:
        if isinstance(inline, Note):
            yield inline.label
        elif isinstance(inline, Link | Styled):
            yield from _labels_in(inline.content)
