"""Which runs of the page are the article.

Trafilatura says which *text* is the article; it has no equal in that, but its own output loses joiners, inlines and
pictures. So its text is only looked up: the runs of the page whose letters stand, in order, in the letters of that text
are chosen. Then small rules of ours speak: what trafilatura is known to leave in (donation boxes, "read more", share
bars, consent notices) goes, and a paragraph it lost between two others of the same box comes back.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Collection, Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from itertools import islice
from typing import cast

from lxml import etree

from mirror.extract import chrome
from mirror.extract.page import Group, Run, attribute, climb, key_of, says

ANCHOR = 24  # letters and digits that a run needs to be found by itself
ANCHOR_SYLLABLES = 14
ANCHOR_CJK = 9
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


SUSPICIOUS = 700  # letters; when less is found, the page is looked at again without our own pruning


# The engine's quick way, without its second opinions, over the part of the page that holds the prose. It is believed
# when it finds nearly all of that prose, or most of it and nearly all that stands beside what it found.
ALL_PROSE = 0.995  # share of the prose that the part holds
FOUND, MOST, MISSED = 0.9, 0.5, 0.05
NEARLY_ENOUGH = 2 / 3
HOLES = 0.045  # of what was found, missing in the midst of it: the engine took a paragraph for something else
WORDY = 2.0  # times what was found: the text is mostly other things
FEW = 4  # paragraphs
SHORT = 200  # letters of a text that holds all prose of its page
MAX_PROSE = 3000  # paragraphs
_SENTENCE_END = re.compile(r"[.!?…:;。！？؟۔»”“\"')」]\s*$")
_APART = ("footer", "nav", "aside", "form")


def article_text(root: etree._Element, tree: Group, url: str) -> str:
    """The letters and digits of what trafilatura takes for the article; "" if nothing. `tree` holds `root`'s runs."""
    prose = _prose(tree)
    with chrome.marked(root):
        text, pruned = _quickly(root, prose, url)
        if text:
            return text
        if pruned is None:
            pruned = _Pruned.of(root)
    text = _trafilatura(pruned.tree, url)
    if len(text) < SUSPICIOUS and pruned.taken >= len(text) and not _holds(text, prose):
        other = _trafilatura(deepcopy(root), url)
        if len(other) > 2 * len(text):
            return other
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pruned:
    tree: etree._Element
    taken: int  # characters

    @classmethod
    def of(cls, element: etree._Element) -> _Pruned:
        """A copy of the element, pruned."""
        tree = deepcopy(element)
        tree.tail = None
        return cls(tree=tree, taken=chrome.prune(tree))


def _holds(text: str, prose: Sequence[Run]) -> bool:
    """Whether a short text is long enough and holds nearly all of the page's prose."""
    total = sum(len(run.key) for run in prose)
    found = sum(len(run.key) for run in prose if run.key in text)
    return len(prose) >= FEW and len(text) >= SHORT and found >= FOUND * total


def _quickly(root: etree._Element, prose: Sequence[Run], url: str) -> tuple[str, _Pruned | None]:
    """As `article_text`, by the quick way; "" when that is not to be believed. Beside it the whole page without its
    surest furniture, if that was what the engine looked at."""
    if not 0 < len(prose) <= MAX_PROSE:
        return "", None
    total = sum(len(run.key) for run in prose)
    if len(prose) < FEW and WORDY * total < SUSPICIOUS:
        return "", None  # whatever is found would not be believed
    box = _part(prose, root)
    whole = None
    if box is None or box.tag in ("body", "html"):
        whole = _Pruned.of(root)
        part = whole.tree
    else:
        part = root.makeelement("html")
        inner = deepcopy(box)
        inner.tail = None
        etree.SubElement(part, "body").append(inner)
        chrome.prune(part)
    text = _trafilatura(part, url, fast=True)
    return (text if _is_believed(text, prose, total, whole is not None) else ""), whole


def _is_believed(text: str, prose: Sequence[Run], total: int, whole: bool) -> bool:
    """Whether what the quick way found is all the article; `total`: letters of the prose; `whole`: it was looked for in
    the whole page. Then second opinions are heard only if they find half as much again, which is not there."""
    if len(text) < SUSPICIOUS:
        # In so short a Chinese text a lost subheading weighs, and nobody would miss it.
        return _holds(text, prose) and _CJK.search(text) is None
    hits = {run for run in prose if run.key in text}
    found = sum(len(run.key) for run in hits)
    if whole and found >= NEARLY_ENOUGH * total:
        return True
    if len(text) > WORDY * found or _holes(prose, hits) > HOLES * found:
        return False
    if found >= FOUND * total:
        return True
    beside = {box for run in hits for box in islice(run.element.iterancestors(), 2)}
    missed = sum(
        len(run.key)
        for run in prose
        if run not in hits and not beside.isdisjoint(islice(run.element.iterancestors(), 2))
    )
    return found >= MOST * total and missed < MISSED * found


def _holes(prose: Sequence[Run], hits: Collection[Run]) -> int:
    """The letters of the prose that stands between what was found."""
    places = [number for number, run in enumerate(prose) if run in hits]
    between = prose[places[0] : places[-1]] if places else ()
    return sum(len(run.key) for run in between if run not in hits)


def _prose(tree: Group) -> list[Run]:
    """The page's paragraphs, as far as one can be told from a label: long, or a sentence; not mostly link."""
    return [
        run
        for run in tree.runs()
        if len(run.key) >= 15
        and run.linked <= 0.4
        and (
            len(run.key) >= 100
            or (len(run.key) >= 40 and _SENTENCE_END.search(run.text[-4:]))
            or _CJK.search(run.key) is not None
        )
        and next(run.element.iterancestors(*_APART), None) is None
    ]


def _part(prose: Sequence[Run], root: etree._Element) -> etree._Element | None:
    """The lowest box that holds the prose and a first-level heading, where the page has one."""
    least = ALL_PROSE * sum(len(run.key) for run in prose)
    best = lowest(prose, least)
    while best is not None and best.tag not in ("div", "article", "main", "section", "td"):
        best = best.getparent()
    above = {box for heading in root.iter("h1") for box in heading.iterancestors()}
    while above and best is not None and best not in above:
        best = best.getparent()
    return best


# elements; jusText, its second opinion, takes quadratic time: 16 s for 18,000 short paragraphs, 4 s for 9,000
MANY = 6000
# children; to put the texts between them into order, libxml2 takes quadratic time: 18 s for a paragraph of 12,000 links
CROWDED = 4000


# boxes around links, counted once for each link: the engine reads all links of every box; 8 s for 3,600,000
WRAPPED = 400_000


_LINKS = etree.XPath("count(descendant-or-self::a)")
_CROWDS = etree.XPath(f"descendant-or-self::*[count(*) > {CROWDED}]")


def _is_tower(tree: etree._Element) -> bool:
    """Whether so many links stand so deep that no engine can read them; no page that is written for people is."""
    around = 0
    if cast("float", _LINKS(tree)) <= WRAPPED // 256:  # no deeper than 256
        return False
    for link in tree.iter("a"):
        around += sum(1 for _ in link.iterancestors())
        if around > WRAPPED:
            return True
    return False


def _trafilatura(tree: etree._Element, url: str, *, fast: bool = False) -> str:
    """The letters and digits of what the engine finds in `tree`, which it leaves as it is."""
    from trafilatura import bare_extraction
    from trafilatura.settings import Extractor

    if _is_tower(tree):
        return ""
    for element in cast("list[etree._Element]", _CROWDS(tree)):
        if element.tag in ("p", "span", "td", "li", "dd", "figcaption", "font", "b", "i", "em", "strong"):
            text = " ".join(str(part) for part in element.itertext())
            del element[:]
            element.text = text
    try:
        # not its "python": that writes the text out once more
        options = Extractor(
            output_format="txt",
            url=url,
            comments=False,
            formatting=False,
            fast=fast or next(islice(tree.iter(), MANY, None), None) is not None,
        )
        if fast:
            options.focus = "quick"  # none of its own: a short text is not looked for again, at greater length
        document = bare_extraction(tree, options=options)
    except Exception:  # its own bugs on odd pages are no reason to fall over: the page just has no article then
        return ""
    if document is None or isinstance(document, dict):
        return ""
    body = document.body
    if body is not None and hasattr(body, "itertext"):
        return key_of(" ".join(str(text) for text in body.itertext()))
    return key_of(document.raw_text or "")


def choose(tree: Group, text: str) -> list[Run]:
    """Marks the runs that stand in `text` (letters and digits) as chosen; returns them in the order of the page."""
    runs = list(tree.runs())
    anchors = _anchors(runs, text)
    for run, place in anchors:
        run.chosen, run.place = True, place
    _between(runs, text)
    return [run for run in runs if run.chosen]


def everything(tree: Group) -> list[Run]:
    """All text of the page but its furniture, chosen: for a page that a person says is an article and no engine finds
    one in."""
    runs = list(tree.runs())
    for run in runs:
        run.chosen = (
            bool(run.key)
            and run.linked < 0.5
            and not chrome.is_chrome_run(run)
            and chrome.box_above(run.element, None) is None
        )
    return [run for run in runs if run.chosen]


def _is_anchor(run: Run) -> bool:
    length = len(run.key)
    return length >= ANCHOR or (
        length >= ANCHOR_CJK and length >= (ANCHOR, ANCHOR_SYLLABLES, ANCHOR_CJK)[says(run.key) - 1]
    )


def _anchors(runs: Sequence[Run], text: str) -> list[tuple[Run, int]]:
    """The heaviest set of long runs that stands in `text` in the same order as in the page."""
    found: list[tuple[Run, int]] = []
    copies: dict[str, int] = {}
    for run in runs:
        if _is_anchor(run):
            copies[run.key] = copies.get(run.key, 0) + 1
    mass = _mass(runs, text, copies)
    for run in runs:
        if not _is_anchor(run):
            continue
        place = text.find(run.key)
        places = 0
        while place >= 0 and places < 4:
            found.append((run, place))
            places += 1
            place = text.find(run.key, place + len(run.key)) if copies[run.key] > 1 else -1
        if not places and len(run.key) >= 2 * ANCHOR:
            partly = _partly(run.key, text)
            if partly >= 0:
                found.append((run, partly))
    # weighted longest increasing subsequence over the places, a Fenwick tree of (weight, index)
    places_sorted = sorted({place for _, place in found})
    best: list[tuple[int, int]] = [(0, -1)] * (len(places_sorted) + 1)
    before: list[int] = []
    end = (0, -1)
    pending: list[tuple[int, tuple[int, int]]] = []
    last: Run | None = None
    for index, (run, place) in enumerate(found):
        if run is not last:  # one run takes one place: its other places must not see it
            for position, value in pending:
                _raise(best, position, value)
            pending, last = [], run
        position = bisect_left(places_sorted, place) + 1
        weight, previous = _highest(best, position - 1)
        value = (weight + 4 * len(run.key) + mass.get(run.element, 0), index)
        before.append(previous)
        pending.append((position, value))
        end = max(end, value)
    chain: list[tuple[Run, int]] = []
    index = end[1]
    while index >= 0:
        chain.append(found[index])
        index = before[index]
    return chain[::-1]


def _raise(best: list[tuple[int, int]], position: int, value: tuple[int, int]) -> None:
    while position < len(best):
        best[position] = max(best[position], value)
        position += position & -position


def _highest(best: list[tuple[int, int]], position: int) -> tuple[int, int]:
    found = (0, -1)
    while position > 0:
        found = max(found, best[position])
        position -= position & -position
    return found


def _mass(runs: Sequence[Run], text: str, copies: dict[str, int]) -> dict[etree._Element, int]:
    """For the element of every run that the page holds more than once: how much sure text stands around it. Decides
    between the paragraph in the article and its copy in a teaser."""
    repeated = [run for run in runs if copies.get(run.key, 0) > 1]
    if not repeated:
        return {}
    around: dict[etree._Element, int] = {}
    for run in runs:
        if copies.get(run.key) == 1 and run.key in text:
            for box in _above(run.element, 4):
                around[box] = around.get(box, 0) + len(run.key)
    return {
        run.element: min(3 * len(run.key), sum(around.get(box, 0) for box in _above(run.element, 4)))
        for run in repeated
    }


def _above(element: etree._Element, levels: int) -> Iterable[etree._Element]:
    parent = element.getparent()
    while parent is not None and levels:
        yield parent
        parent, levels = parent.getparent(), levels - 1


def _partly(key: str, text: str) -> int:
    """Where a run begins of which at least three quarters stand in the text (trafilatura drops parts of paragraphs)."""
    step = 12
    pieces = range(0, len(key) - step + 1, step)
    hits: list[int] = []
    first = -1
    for start in pieces:
        place = text.find(key[start : start + step])
        if place >= 0:
            if first < 0:
                first = max(0, place - start)
            hits.append(place)
    return first if len(hits) >= 0.75 * len(pieces) else -1


def _between(runs: Sequence[Run], text: str) -> None:
    """Short runs: chosen if they stand in the text exactly between the places of the anchors around them."""
    chosen = [index for index, run in enumerate(runs) if run.chosen]
    if not chosen:
        short = [run for run in runs if run.key]
        _gap(short, text)
        return
    for left, right in zip([-1, *chosen], [*chosen, len(runs)], strict=True):
        begin = runs[left].place + len(runs[left].key) if left >= 0 else 0
        finish = runs[right].place if right < len(runs) else len(text)
        if begin >= finish:
            continue
        gap = runs[left + 1 : right]
        if left < 0:
            gap = [run for run in gap if _near(run, runs[right])]
            _gap_backwards(gap, text[begin:finish])
            continue
        if right == len(runs):
            gap = [run for run in gap if _near(run, runs[left])]
        _gap(gap, text[begin:finish], begin)


def _gap(runs: Sequence[Run], text: str, base: int = 0) -> None:
    cursor = 0
    for run in runs:
        if not run.key or len(text) - cursor < len(run.key):
            continue
        place = text.find(run.key, cursor)
        # a short word may stand anywhere; only where the text goes on is it this one
        if place >= 0 and (place - cursor <= 40 or len(run.key) >= 12):
            run.chosen, run.place = True, base + place
            cursor = place + len(run.key)


def _gap_backwards(runs: Sequence[Run], text: str) -> None:
    end = len(text)
    for run in reversed(runs):
        if not run.key or end < len(run.key):
            continue
        place = text.rfind(run.key, 0, end)
        if place >= 0 and (end - place - len(run.key) <= 40 or len(run.key) >= 12):
            run.chosen, run.place = True, place
            end = place


def _near(run: Run, anchor: Run) -> bool:
    """Whether a run outside the first or last anchor shares a box with it, four levels up at most."""
    boxes = {anchor.element, *_above(anchor.element, 4)}
    return run.element in boxes or any(
        box in boxes and box.tag not in ("body", "html") for box in _above(run.element, 4)
    )


def common_box(runs: Sequence[Run]) -> etree._Element | None:
    """The lowest element that holds at least 60 % of the chosen letters."""
    total = sum(len(run.key) for run in runs)
    return lowest(runs, 0.6 * total) if total else None


def lowest(runs: Iterable[Run], least: float) -> etree._Element | None:
    """The lowest element that holds so many letters of the runs, more than half of them."""
    weight: dict[etree._Element, int] = {}
    for run in runs:
        weight[run.element] = weight.get(run.element, 0) + len(run.key)
    for box, above in climb(list(weight)):
        held = weight.get(box, 0)
        if held >= least:
            return box
        if above is not None:
            weight[above] = weight.get(above, 0) + held
    return None


def fill(tree: Group, chosen: Sequence[Run]) -> None:
    """Paragraphs, lists, quotations and the headings over paragraphs that trafilatura left out between two chosen
    paragraphs of the same box come back: half an article is the error nobody sees."""
    weight: dict[etree._Element, int] = {}
    for run in chosen:
        parent = run.element.getparent()
        if run.element.tag == "p" and parent is not None:
            weight[parent] = weight.get(parent, 0) + len(run.key)
    first: dict[etree._Element, int] = {}
    last: dict[etree._Element, int] = {}
    for run in chosen:
        parent = run.element.getparent()
        if parent is not None and run.element.tag == "p":
            first.setdefault(parent, run.order)
            last[parent] = run.order
    seen = {run.key for run in chosen}
    _refrains(tree)
    headings: list[Run] = []
    for run in tree.runs():
        parent = run.element.getparent()
        if run.chosen:
            if run.element.tag == "p":
                for heading in headings:
                    heading.chosen = heading.element.getparent() is parent
            headings = []
            continue
        box = _box_of_text(run.element, weight) if run.key and not run.why and run.key not in seen else None
        if box is None or not first[box] < run.order < last[box] or not _is_text(run, box):
            continue
        if run.element.tag in _SUBHEADINGS:
            headings = [run]  # only right above a paragraph of the article
        elif len(run.key) >= 15:
            run.chosen = True


def _is_text(run: Run, box: etree._Element) -> bool:
    """Whether a run in a box of the article is neither link nor furniture. In a list fewer links are enough."""
    return (
        run.linked < (0.5 if run.element.getparent() is box else 0.3)
        and not chrome.is_chrome_run(run)
        and chrome.box_above(run.element, box) is None
    )


_SUBHEADINGS = ("h2", "h3", "h4")
_IN_TEXT = ("li", "ul", "ol", "blockquote", "p", "dl", "dd", "dt")


def _box_of_text(element: etree._Element, weight: dict[etree._Element, int]) -> etree._Element | None:
    """The box of paragraphs that a paragraph, a heading, an item of a list or a quotation stands in."""
    if element.tag not in _IN_TEXT and element.tag not in _SUBHEADINGS:
        return None
    for box in islice(element.iterancestors(), 8):
        if weight.get(box, 0) >= 400:
            return box
        if box.tag not in _IN_TEXT:
            return None
    return None


def _refrains(tree: Group) -> None:
    """A paragraph that its author wrote twice comes back: trafilatura tells it once. Only where nothing but copies of
    it stands between the two, and both are of one kind in one box; others are copies for another width."""
    groups: list[list[Run]] = []
    for run in tree.runs():
        if not run.key or run.element.tag not in ("p", "div", "blockquote"):
            continue
        if groups and run.key == groups[-1][-1].key and of_one_kind(groups[-1][-1].element, run.element):
            groups[-1].append(run)
        else:
            groups.append([run])
    for group in groups:
        if len(group) > 1 and any(run.chosen for run in group) and not any(run.why for run in group):
            for run in group:
                run.chosen = True


def of_one_kind(first: etree._Element, second: etree._Element) -> bool:
    """Whether two elements are siblings of one name and class, or the same."""
    return first is second or (
        first.getparent() is second.getparent()
        and first.tag == second.tag
        and attribute(first, "class").split() == attribute(second, "class").split()
    )
