"""What the page's layout says about the chosen text: which of it is another article's, a list of links, or stands on
the outskirts of the page; and which boxes hold more of the same article.

Only shapes are looked at, no words: how much of a box is link, whether a box has a headline of its own that leads
elsewhere, whether boxes of the same kind stand in a row. So the rules hold for sites nobody here has seen.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from urllib.parse import urlsplit

from lxml import etree

from mirror.extract import chrome
from mirror.extract.metadata import Metadata
from mirror.extract.page import Run, attribute, climb, says

ENOUGH = (200, 100, 80)  # letters (by what one says) that must be left of an article when others beside it are cut off
SENTENCE = (60, 30, 25)  # letters (by what one says) of a run that is more than a label
FEW = 0.25  # share of the chosen letters that a box on the outskirts may hold and still be dropped
MAX_CARD = 400  # letters of a teaser
LEVELS = 5  # how far above two boxes of one article the box is that holds both
LINKS = 3  # so many links make a list
ROW = 6  # so many cells of links and nothing else make a menu; fewer may be an article's own sources
OTHER = "another article on the same page"
LINKED = 0.6  # share of a box that is link when the box is a list of links

_LIST_BOXES = frozenset(("ul", "ol", "table", "td", "div", "section", "aside", "dl", "nav"))
_HEADINGS = ("h2", "h3", "h4", "h5")
_POST_BODY = re.compile(r"(?:post|entry|article|story|blog)[-_]?(?:body|content|text|entry)", re.IGNORECASE)
_POST_TITLE = re.compile(r"(?:post|entry|article|story|blog)[-_]?(?:title|heading|headline|header)", re.IGNORECASE)
_POST_NUMBER = re.compile(r"(?:^|\s)post-(\d{1,12})(?=\s|$)")
_BODY_NAME = re.compile(
    r"body|content|text|article|story|paragraph|copy|entry|post|main|inhalt|texto|corps|cuerpo|tresc", re.IGNORECASE
)


def is_sentence(run: Run) -> bool:
    """Whether a run is more than a label or a link."""
    least = SENTENCE[says(run.key[:40]) - 1]
    return len(run.key) >= least and run.linked < 0.3


def _enough(runs: Sequence[Run]) -> bool:
    letters = sum(len(run.key) for run in runs)
    return letters >= ENOUGH[max((says(run.key[:40]) for run in runs[:5]), default=1) - 1]


# --- several articles on one page -------------------------------------------------------------------------------------


def one_article(runs: Sequence[Run], chosen: Sequence[Run], found: Metadata, url: str) -> list[Run]:
    """Unchooses what belongs to further articles of the page (endless scroll, blogs, "next story"); the rest in order.

    A further article is an `<article>` after the headline with a headline of its own that links to another address, or
    the second and later of several boxes of one kind that each have a title of their own kind before them."""
    chosen = _without_linked_articles(runs, chosen, found, url)
    return _without_later_posts(runs, chosen, found)


def _without_linked_articles(runs: Sequence[Run], chosen: Sequence[Run], found: Metadata, url: str) -> list[Run]:
    headline = _headline(runs, found)
    own = set(headline.element.iterancestors("article")) if headline is not None else set()
    holders: dict[etree._Element, list[Run]] = {}
    for run in chosen:
        for box in run.element.iterancestors("article"):
            if box not in own:
                holders.setdefault(box, []).append(run)
    if not holders or (headline is None and len(holders) < 2):
        return list(chosen)
    homes = {_path(address) for address in (found.canonical or url, url)}
    mine = _numbers(own)
    others = {
        id(run)
        for box, inside in holders.items()
        if (headline is None or inside[0].order > headline.order)
        and ((mine and (number := _numbers([box])) and not number & mine) or _leads_elsewhere(box, homes))
        for run in inside
    }
    left = [run for run in chosen if id(run) not in others]
    if not others or not _enough(left):
        return list(chosen)
    for run in chosen:
        if id(run) in others:
            run.leave_out(OTHER)
    return left


def _headline(runs: Sequence[Run], found: Metadata) -> Run | None:
    second: Run | None = None
    for run in runs:
        if run.key in found.headings:
            if run.element.tag == "h1":
                return run
            if run.element.tag == "h2":
                second = second or run
    return second


def _path(url: str) -> str:
    """The address without scheme, query and fragment."""
    parts = urlsplit(url)
    return (parts.hostname or "").removeprefix("www.") + parts.path.rstrip("/")


def _numbers(boxes: Iterable[etree._Element]) -> set[str]:
    """The numbers WordPress gives posts, in the classes and ids of their boxes (`post-123`)."""
    return {number for box in boxes for number in _POST_NUMBER.findall(f"{box.get('id')} {attribute(box, 'class')}")}


def _leads_elsewhere(box: etree._Element, homes: set[str]) -> bool:
    """Whether the first headline in a box is a link to another address, or the box's own permanent link is."""
    heading = next(iter(box.iter("h1", "h2", "h3", "h4")), None)
    link = next((link for link in box.iter("a") if "bookmark" in attribute(link, "rel").split()), None)
    if heading is not None:
        link = next(iter(heading.iter("a")), next(iter(heading.iterancestors("a")), link))
    target = attribute(link, "href").strip() if link is not None else ""
    if not re.match(r"(?:https?:)?//[^/?#]+/[^?#]|/?[\w%.~-]+[/\w%.~-]", target, re.IGNORECASE):
        return False  # nothing, a place on this page, the front page, something else than a page
    try:
        path = urlsplit(target).path.rstrip("/")
    except ValueError:
        return False
    return bool(path) and not any(home.endswith(path) for home in homes)


def _without_later_posts(runs: Sequence[Run], chosen: Sequence[Run], found: Metadata) -> list[Run]:
    titles, bodies = _posts(runs)
    kinds: dict[tuple[str, str], list[int]] = {}
    for box, inside in bodies.items():
        if inside:
            kinds.setdefault((str(box.tag), attribute(box, "class")), []).append(inside[0].order)
    starts = max(kinds.values(), key=len, default=[])
    headed = [max((title.order for title in titles if title.order < start), default=-1) for start in starts]
    if len(starts) < 2 or len(set(headed)) < len(starts) or -1 in headed:
        return list(chosen)  # one title over several boxes: an article in pieces
    by_order = {title.order: title for title in titles}
    begin = next((order for order in headed if by_order[order].key in found.headings), headed[0])
    end = min((order for order in headed if order > begin), default=chosen[-1].order + 1)
    left = [run for run in chosen if begin < run.order < end]
    if not _enough(left):
        return list(chosen)
    for run in chosen:
        if not begin < run.order < end:
            run.leave_out(OTHER)
    return left


def _posts(runs: Sequence[Run]) -> tuple[list[Run], dict[etree._Element, list[Run]]]:
    """The first runs of boxes called titles, and the chosen runs of boxes called bodies, of posts."""
    titles: list[Run] = []
    bodies: dict[etree._Element, list[Run]] = {}
    kinds: dict[etree._Element, str] = {}
    for run in runs:
        for box in (run.element, *run.element.iterancestors("div", "td", "section", "header")):
            kind = kinds.get(box)
            if kind is None:
                kind = kinds[box] = _kind_of(attribute(box, "class"))
                if kind == "title":
                    titles.append(run)
                elif kind == "body":
                    bodies[box] = []
            if kind == "body" and run.chosen:
                bodies[box].append(run)
            if kind:
                break
    return titles, bodies


@lru_cache(maxsize=1024)
def _kind_of(names: str) -> str:
    """What class names call a part of a post: "title", "body" or nothing."""
    each = names.split()
    if any(map(_POST_BODY.fullmatch, each)):
        return "body"
    return "title" if any(map(_POST_TITLE.fullmatch, each)) else ""


# --- the outskirts, and lists of links --------------------------------------------------------------------------------


class _Weights:
    """Letters of all runs in every box, and how many of them are link."""

    def __init__(self, runs: Sequence[Run]) -> None:
        letters = self.letters = dict[etree._Element, int]()
        linked = self.linked = dict[etree._Element, float]()
        links = self.links = dict[etree._Element, int]()
        for run in runs:
            if not run.key:
                continue
            box, length = run.element, len(run.key)
            letters[box] = letters.get(box, 0) + length
            if run.linked > 0:
                linked[box] = linked.get(box, 0.0) + length * run.linked
                links[box] = links.get(box, 0) + _links_in(run)
        for box, above in climb(list(letters)):
            if above is None:
                continue
            letters[above] = letters.get(above, 0) + letters[box]
            if box in links:
                linked[above] = linked.get(above, 0.0) + linked[box]
                links[above] = links.get(above, 0) + links[box]

    def density(self, box: etree._Element) -> float:
        return self.linked.get(box, 0.0) / max(1, self.letters.get(box, 0))


def _links_in(run: Run) -> int:
    if run.linked <= 0:
        return 0
    inside = sum(
        1 + sum(1 for _ in node.iter("a")) - (node.tag == "a") for node in run.nodes if not isinstance(node, str)
    )
    return max(1, inside) if run.linked > 0.5 else inside


def trim(runs: Sequence[Run], chosen: Sequence[Run], top: etree._Element | None) -> list[Run]:
    """Unchooses lists of links, and boxes outside the article's own that hold no sentence or mostly links."""
    weights = _Weights(runs)
    total = sum(len(run.key) for run in chosen) or 1
    top = _whole(chosen, top)
    above = {top, *top.iterancestors()} if top is not None else set()
    sentences = [run.order for run in chosen if is_sentence(run)]
    first, last = (sentences[0], sentences[-1]) if sentences else (0, -1)
    held: dict[etree._Element, int] = {}
    says: dict[etree._Element, bool] = {}
    branches: dict[int, etree._Element] = {}
    for run in chosen:
        branch = _branch(run, above) if top is not None and run.element is not top else None
        if branch is None or top in (branch, *run.element.iterancestors()):
            continue
        branches[id(run)] = branch
        held[branch] = held.get(branch, 0) + len(run.key)
        heads = run.element.tag in _HEADINGS and run.linked < 0.3 and first < run.order < last
        says[branch] = says.get(branch, False) or heads or is_sentence(run)
    cards = _cards(runs, weights, above, total)
    rows = _rows_of_links(runs)
    dropped: list[Run] = []
    for run in chosen:
        outside = branches.get(id(run))
        if (
            outside is not None
            and held[outside] < FEW * total
            and (not says[outside] or weights.density(outside) > 0.35)
        ):
            run.leave_out("on the outskirts of the page, among links and labels")
        elif any(above_ in cards for above_ in (run.element, *run.element.iterancestors())):
            run.leave_out("a card that leads to another article")
        elif id(run) in rows:
            run.leave_out("in a row of links")
        elif (box := _list_of_links(run, weights, above, total)) is not None:
            run.leave_out(f"in a list of links: {chrome.box_name(box)}")
        else:
            continue
        dropped.append(run)
    told = [run for run in chosen if run.chosen and is_sentence(run)]
    if sum(len(run.key) for run in dropped) > 0.5 * total and not _enough(told):
        # a page that is all links: nothing can be told apart
        for run in dropped:
            run.chosen, run.why = True, ""
    return [run for run in chosen if run.chosen]


def _whole(chosen: Sequence[Run], top: etree._Element | None) -> etree._Element | None:
    """The article's own box, or the one above it as long as that holds paragraphs of the article beside it: a long list
    or quotation may hold most of an article's text."""
    direct = {run.element.getparent() for run in chosen if run.element.tag == "p" and is_sentence(run)}
    if top is None:
        return None
    for box in top.iterancestors():
        if box.tag in ("body", "html"):
            break
        if box in direct:
            top = box
    return top


def _branch(run: Run, above: set[etree._Element]) -> etree._Element | None:
    """The highest box around a run that does not also hold the article."""
    if run.element in above:
        return None
    box = run.element
    while (parent := box.getparent()) is not None and parent not in above:
        box = parent
    return box


def _list_of_links(run: Run, weights: _Weights, above: set[etree._Element], total: int) -> etree._Element | None:
    box: etree._Element | None = run.element
    steps = 0
    while box is not None and box not in above and steps < 8:
        if (
            box.tag in _LIST_BOXES
            and weights.links.get(box, 0) >= LINKS
            and weights.density(box) > LINKED
            and weights.letters.get(box, 0) < FEW * total
        ):
            return box
        box, steps = box.getparent(), steps + 1
    return None


def _cards(runs: Sequence[Run], weights: _Weights, above: set[etree._Element], total: int) -> set[etree._Element]:
    """Boxes of one kind in a row, each with a headline that is a link and little else."""
    kinds: dict[tuple[etree._Element | None, str, str], list[etree._Element]] = {}
    for run in runs:
        if run.linked < 0.95 or not (run.element.tag in _HEADINGS or _up_to_heading(run.element)):
            continue
        box = run.element
        while (parent := box.getparent()) is not None and parent not in above:
            if weights.letters.get(parent, 0) > MAX_CARD or weights.letters.get(parent, 0) > FEW * total:
                break
            box = parent
            kinds.setdefault((parent.getparent(), str(box.tag), attribute(box, "class")), []).append(box)
    found: set[etree._Element] = set()
    for boxes in map(set, kinds.values()):
        if len(boxes) >= 2 and sum(weights.letters.get(box, 0) for box in boxes) < FEW * total:
            found |= boxes
    return found


def _rows_of_links(runs: Sequence[Run]) -> set[int]:
    """The runs (by `id`) of many in a row that are links and nothing else, each in its own cell or box."""
    found: set[int] = set()
    row: list[Run] = []
    for run in runs:
        if run.key and run.linked > 0.85 and run.element.tag in ("td", "li", "div", "dd", "section"):
            row.append(run)
        elif run.key:
            if len(row) >= ROW:
                found.update(map(id, row))
            row = []
    if len(row) >= ROW:
        found.update(map(id, row))
    return found


def _up_to_heading(element: etree._Element) -> bool:
    return any(above.tag in _HEADINGS for above in list(element.iterancestors())[:2])


# --- one article in several boxes -------------------------------------------------------------------------------------


def rejoin(runs: Sequence[Run], chosen: Sequence[Run]) -> list[Run]:
    """Chooses the text of boxes that are of the same kind as those of the article, and stand beside them: half an
    article is the error nobody sees. Returns all chosen runs in order."""
    total = sum(len(run.key) for run in chosen)
    weight: dict[etree._Element, int] = {}
    for run in chosen:
        parent = run.element.getparent()
        if run.element.tag == "p" and parent is not None:
            weight[parent] = weight.get(parent, 0) + len(run.key)
    kinds = {
        (str(box.tag), name)
        for box, letters in weight.items()
        if letters >= 0.15 * total and (name := _kind(box)) and _BODY_NAME.search(name)
    }
    if not kinds:
        return list(chosen)
    around = {above for box in weight for above in box.iterancestors()}
    places = {above for box in weight for above in list(box.iterancestors())[:LEVELS]}
    known = {run.key for run in chosen}
    for box, inside in _of_kind(runs, kinds).items():
        if weight.get(box, 0) >= 0.5 * total or not _stands_in(box, places):
            continue  # the engine saw that box and left the paragraph out
        edge = next((above for above in box.iterancestors() if above in around), None)
        good = [
            run
            for run in inside
            if run.linked < 0.5 and not chrome.is_chrome_run(run) and chrome.box_above(run.element, edge) is None
        ]
        sure = sum(len(run.key) for run in good if is_sentence(run) and run.key not in known)
        if sure < 100 or sure < 0.6 * sum(len(run.key) for run in inside):
            continue
        for run in good:
            if run.key not in known:
                known.add(run.key)
                run.chosen = True
    return [run for run in runs if run.chosen]


def _of_kind(runs: Sequence[Run], kinds: set[tuple[str, str]]) -> dict[etree._Element, list[Run]]:
    """The paragraphs and headings that were not chosen, by the box they stand in, of boxes of these kinds."""
    found: dict[etree._Element, list[Run]] = {}
    for run in runs:
        box = run.element.getparent()
        if not run.chosen and not run.why and run.key and box is not None and run.element.tag in ("p", "h2", "h3"):
            if box in found:
                found[box].append(run)
            elif (str(box.tag), _kind(box)) in kinds:
                found[box] = [run]
    return found


def _stands_in(box: etree._Element, places: set[etree._Element]) -> bool:
    return any(above in places for above in list(box.iterancestors())[:LEVELS])


def _kind(box: etree._Element) -> str:
    """What a box is called, without the words that set one of its kind apart (`-last`, `--wide`)."""
    return " ".join(sorted(_plain_names(attribute(box, "class"))))


def _plain_names(names: str) -> Iterator[str]:
    for name in names.split():
        if not name.startswith("-") and "--" not in name and not re.search(r"\d{3}|last|first", name):
            yield name
