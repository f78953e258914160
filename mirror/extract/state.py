"""Whether a page is an article at all. Anything else that gets signed and mirrored is a lie nobody meant to tell.

Told apart by what such pages have in common: the scripts and words of bot walls, filters, dialogues and errors
(`walls`), with nothing beside them; "not found" with status 200; lists, by what they say of themselves and by their
linked headlines; pages whose text comes by script; articles cut at a paywall. What a page declares for machines (an
article's JSON-LD, its `og:type`, its time) speaks for it: then only a page with next to no text is doubted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from lxml import etree

from mirror import links
from mirror.extract import walls
from mirror.extract.declared import linked_data, types_of
from mirror.extract.metadata import Metadata
from mirror.extract.page import Run, attribute, key_of, marks, remembered, says, squeeze, text_of
from mirror.extract.walls import State, Wall

__all__ = ["State", "Verdict", "after", "before", "claimed", "page_title"]

Verdict = tuple[State, str]

# letters and digits, by what one says; less is no article unless the page says firmly that it is one
SHORT = (220, 110, 80)

_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_PARTS = re.compile(r"\s+[|–—·»«:-]+\s+")
_WALL_MARK = re.compile(
    r"pay-?wall|piano|tp-container|reg(?:istration)?-?wall|premium(?:$|[\s_-])|"
    r"subscri(?:be|ption|ber)s?[-_]?(?:wall|box|prompt|overlay|only)|(?:^|[\s_-])(?:locked|restricted)(?:$|[\s_-])|"
    r"meter(?:ed)?[-_]?wall|abo-?(?:wall|box)|fade-?out",
    re.IGNORECASE,
)
_is_wall_mark = remembered(_WALL_MARK)
_LIST_TYPES = frozenset(("CollectionPage", "SearchResultsPage", "ProfilePage"))
_LIST_PATH = re.compile(
    r"/(?:search|suche|recherche|buscar|poisk)/?$|"
    r"/(?:tags?|author|authors|category|categories|topics?|rubrics?|keyword)/[^/]+/?$",
    re.IGNORECASE,
)
_SHELLS = ("root", "app", "__next", "__nuxt", "svelte", "___gatsby", "q-app")
# Of the kinds in `walls`, those that put their words into a page that otherwise looks like the article's.
_INTRUDERS = (walls.CHALLENGE, walls.CONSENT, walls.GONE)


def before(root: etree._Element, metadata: Metadata, url: str, source: str, visible: str) -> Verdict | None:
    """What can be said before the body was looked for. `visible` is the page's text."""
    title = page_title(root)
    if len(visible) < 3000 and not metadata.linked:
        named = any(walls.CHALLENGE.title.match(part) for part in _parts(title))
        said = walls.CHALLENGE.text.search(visible)
        if (named or said or len(visible) < 300) and walls.MARKS.search(source[:400_000]):
            return "challenge", _named(walls.CHALLENGE, title if named else "")
        if len(visible) < 700 and walls.FILTER_MARKS.search(source[:400_000]):
            return "challenge", walls.FILTER.reason
    if "http-equiv" in source[:4000].lower() and len(visible) < 200:
        for meta in root.iter("meta"):
            if attribute(meta, "http-equiv").lower() == "refresh" and "url=" in attribute(meta, "content").lower():
                return "script-only", "the page only sends readers on to another one"
    host = links.host_of(url)
    if re.match(r"(?:consent|privacy|cmp|guce)\.", host) and len(visible) < 20_000:
        return "consent", "the address is a consent dialogue"
    return None


def after(root: etree._Element, metadata: Metadata, url: str, chosen: Sequence[Run], visible: str) -> Verdict:
    """The verdict once the body was looked for. `chosen` are the runs of the body, `visible` is the page's text."""
    page = _Page(root, metadata, url, chosen, visible)
    for judge in (_front, _wall, _list, _paywall, _empty):
        found = judge(page)
        if found is not None:
            return found
    return "ok", ""


class _Page:
    """What the judges below look at."""

    def __init__(self, root: etree._Element, metadata: Metadata, url: str, chosen: Sequence[Run], visible: str) -> None:
        self.root, self.metadata, self.url, self.chosen = root, metadata, url, chosen
        self.letters = sum(len(run.key) for run in chosen)
        self.visible = visible
        self.weight = says("".join(run.key for run in chosen[:20]) or self.visible[:200])
        least = SHORT[self.weight - 1]
        self.short, self.scant = self.letters < least, self.letters < 3 * least
        self.title = page_title(root)
        first = next(root.iter("h1"), None)
        if first is None:
            first = next(root.iter("h2"), None)
        self.heading = text_of(first)[:300] if first is not None else ""
        self.body = " ".join(run.text for run in chosen)
        # An article for machines. A time alone is not enough: error pages have one, too.
        self.declared = bool(metadata.linked) or (metadata.type == "article" and metadata.published is not None)
        self.claims = self.declared or metadata.type == "article" or metadata.published is not None

    def names(self) -> list[str]:
        """Everything that a wall could stand in as a title, whole and in parts."""
        return _parts(self.title) + _parts(self.heading) + _parts(self.metadata.title or "")


def _front(page: _Page) -> Verdict | None:
    if links.is_home(page.url) and not page.metadata.linked and not _is_one_text(page):
        return "index", "the address is a front page"
    return None


def _is_one_text(page: _Page) -> bool:
    """Whether a front page is nothing but one long text under a headline: no headline leads to another page, and the
    text is a good part of what there is to read."""
    if (
        page.metadata.title is None
        or page.letters * page.weight < 1500
        or page.letters < 0.4 * len(key_of(page.visible))
    ):
        return False
    if sum(1 for run in page.chosen if len(run.key) * page.weight >= 100) < 5:
        return False
    if sum(len(run.key) * run.linked for run in page.chosen) > 0.15 * page.letters:
        return False
    if sum(1 for _ in page.root.iter("article")) > 1:
        return False
    return not any(_headline_target(page.url, element) for element in page.root.iter("h1", "h2", "h3", "h4"))


# --- walls ------------------------------------------------------------------------------------------------------------


def _wall(page: _Page) -> Verdict | None:
    if page.declared and not page.scant:
        return None
    names = page.names()
    shown = page.body if len(page.visible) > 4000 else f"{page.body} {page.visible}"
    tokens = attribute_tokens(page.root)
    if "error404" in tokens:
        return "gone", walls.GONE.reason
    for wall in _INTRUDERS if page.declared else walls.WALLS:
        title = next((name for name in names if wall.title.match(name)), None)
        if _stands(page, wall, title is not None, shown[:8000]):
            return wall.state, _named(wall, title or "")
    if page.short and not page.declared and _has_input(page.root, "password"):
        return walls.LOGIN.state, walls.LOGIN.reason
    return None


def _stands(page: _Page, wall: Wall, titled: bool, shown: str) -> bool:  # noqa: PLR0911 - one return a reason
    """Whether the page is this wall and nothing else."""
    size = page.letters * page.weight
    if size >= wall.limit:
        return False
    hits = {found.group().casefold() for found in wall.text.finditer(shown)}
    if not titled and len(hits) < wall.need:
        return False
    share = _share(page.chosen, wall.text)
    if page.declared:  # the article's own head around somebody else's words
        return (titled and (page.short or share >= 0.4)) or (len(hits) >= wall.need and share >= 0.6)
    if titled and page.short:
        return True
    if titled and (share >= 0.2 or (hits and not page.letters)):
        return True
    if titled and page.scant and not page.claims and wall.need == 1:
        return True
    if wall is walls.LOGIN or (page.claims and wall not in _INTRUDERS):
        return False
    if len(hits) < wall.need or not (page.scant or wall.need > 1 or len(hits) > 1):
        return False
    return share >= 0.4 if page.letters else len(page.visible) < 1500


def _share(chosen: Sequence[Run], phrases: re.Pattern[str]) -> float:
    """How much of the body, by letters, stands in paragraphs with such phrases."""
    whole = sum(len(run.key) for run in chosen)
    return sum(len(run.key) for run in chosen if phrases.search(run.text[:4000])) / whole if whole else 0.0


def _named(wall: Wall, title: str) -> str:
    return f'{wall.reason}: "{title[:80]}"' if title else wall.reason


def _parts(title: str) -> list[str]:
    """A title and its parts; one as long as a sentence is none that a wall has."""
    whole = [title, *_PARTS.split(title)[:4]] if title else []
    return [part.strip(" .!·|") for part in dict.fromkeys(whole) if 0 < len(part) <= 120]


# --- lists ------------------------------------------------------------------------------------------------------------


def _list(page: _Page) -> Verdict | None:  # noqa: PLR0911 - one return a kind of list
    metadata = page.metadata
    linked = sum(len(run.key) * run.linked for run in page.chosen)
    if page.letters and linked > 0.85 * page.letters:
        return "index", "the page is a list of links"
    if metadata.linked:
        return None
    tokens = attribute_tokens(page.root)
    single = any(token.startswith(("single", "postid-", "post-template")) for token in tokens)
    listing = tokens & {"category", "tag", "author", "date", "search", "post-type-archive"}
    if not single and (("archive" in tokens and listing) or "search-results" in tokens):  # WordPress says it itself
        return "index", "the page is a list of articles"
    kinds = {name for item in linked_data(page.root) for name in types_of(item)}
    if kinds & _LIST_TYPES or (metadata.type == "profile" and page.scant):
        return "index", "the page says that it is a list"
    split = urlsplit(page.url)
    if _LIST_PATH.search(split.path) and not page.declared:
        return "index", "the address is one of a list"
    if not page.declared and _linked_headlines(page):
        return "index", "the page is a list of articles"
    if metadata.type == "article" or metadata.published or not page.chosen:
        return None
    if linked > 0.5 * page.letters:
        return "index", "the page is a list of articles"
    many = sum(1 for run in page.chosen if run.linked > 0.8)
    if metadata.type in ("website", "object") and many >= 8 and linked > 0.25 * page.letters:
        return "index", "the page is a list of articles"
    articles = sum(1 for _ in page.root.iter("article"))
    if metadata.type == "website" and articles >= 8 and linked > 0.15 * page.letters:
        return "index", "the page is a list of articles"
    return None


def _linked_headlines(page: _Page) -> bool:
    """Whether the body is teasers: headlines that lead to other pages of the site, a paragraph or so under each."""
    boxes = {run.element for run in page.chosen}
    targets: set[str] = set()
    between = 0
    started = False
    for element in page.root.iter(etree.Element):
        if element.tag in ("h2", "h3", "h4"):
            target = _headline_target(page.url, element)
            if target:
                targets.add(target)
                started = True
        elif element in boxes and started:
            between += 1
    return len(targets) >= 3 and 0 < between <= 2.5 * len(targets) and _starts_late(page, boxes)


def _starts_late(page: _Page, boxes: set[etree._Element]) -> bool:
    """Whether next to nothing of the body stands before the first linked headline: an article's related ones follow
    it."""
    seen = 0
    inside = {run.element: len(run.key) for run in page.chosen}
    for element in page.root.iter(etree.Element):
        if element.tag in ("h2", "h3", "h4") and _headline_target(page.url, element):
            break
        if element in boxes:
            seen += inside[element]
    return seen <= 0.2 * page.letters


def _headline_target(url: str, element: etree._Element) -> str | None:
    """Where a headline that is one link leads: another page of the same site, else None."""
    link = next(element.iter("a"), None)
    if link is None and (above := element.getparent()) is not None and above.tag == "a":
        link = above
    if link is None or len(key_of(text_of(element))) < 12:
        return None
    if link is not element.getparent() and len(text_of(link)) < 0.8 * len(text_of(element)):
        return None
    target = links.absolute(url, link.get("href"))
    return target if target and links.same_site(target, url) and target != links.absolute(url, url) else None


def attribute_tokens(root: etree._Element) -> set[str]:
    """The classes of the page's body."""
    body = root.find("body")
    return set(attribute(body, "class").lower().split()) if body is not None else set()


# --- paywalls ---------------------------------------------------------------------------------------------------------


def _paywall(page: _Page) -> Verdict | None:  # noqa: PLR0911 - one return a kind
    size = page.letters * page.weight
    if size >= 2500:
        return None
    if page.metadata.free is False and (size < 900 or walls.PAYWALL.search(page.visible)):
        return "paywall", "the page says that it is not free, and holds only the beginning"
    if size >= 1500:
        return None
    hits = {found.group().casefold() for found in walls.PAYWALL.finditer(_end(page))}
    if hits and _has_wall(page.root):
        return "paywall", "the text stops where the page asks readers to pay"
    if len(hits) >= 2 and page.scant:
        return "paywall", "the text stops where the page asks readers to pay or to register"
    if page.short and _has_wall(page.root) and walls.PAYWALL.search(page.visible):
        return "paywall", "the page asks readers to pay and holds no text"
    return None


def _end(page: _Page) -> str:
    """The last paragraphs of the body and a little of what follows it."""
    if not page.chosen:
        return page.visible[:3000]
    last = " ".join(run.text for run in page.chosen[-3:] if len(run.text) < 600)
    tail = page.chosen[-1].text[-40:]
    place = page.visible.rfind(tail)
    return f"{last} {page.visible[place : place + 500] if place >= 0 else ''}"


def _has_wall(root: etree._Element) -> bool:
    return any(_is_wall_mark(marks(element)) for element in root.iter("div", "section", "aside", "p", "article"))


# --- pages without text -----------------------------------------------------------------------------------------------


def _empty(page: _Page) -> Verdict | None:
    if not page.short:
        return None
    if _needs_script(page.root, page.visible):
        return "script-only", "the page has no text of its own: it comes by script"
    if not page.letters:
        return "error", "no article text was found in the page"
    if not page.claims or page.letters < 40:
        return "error", f"only {page.letters} letters of text were found in the page"
    return None


def claimed(metadata: Metadata) -> int:
    """How many letters the article has by its JSON-LD, about; 0 when that does not say. Words are not counted alike in
    scripts without spaces: there a number of them says nothing."""
    body, words = metadata.linked.get("articleBody"), str(metadata.linked.get("wordCount") or "")
    letters = len(key_of(body[:200_000])) if isinstance(body, str) else 0
    if not words.isascii() or not words.isdigit() or len(words) > 6 or _CJK.search(metadata.title or ""):
        return letters
    return max(letters, int(int(words) * 4.8))


def page_title(root: etree._Element) -> str:
    element = next(iter(root.iter("title")), None)
    return text_of(element)[:300] if element is not None else ""


def visible_in(root: etree._Element) -> str:
    """The beginning of the page's text, as it stands in the tree."""
    body = root.find("body")
    parts: list[str] = []
    length = 0
    for element in (body if body is not None else root).iter(etree.Element):
        text = element.text
        if text and element.tag not in _UNSEEN:
            parts.append(text)
            length += len(text)
        text = element.tail
        if text:
            parts.append(text)
            length += len(text)
        if length > 60_000:
            break
    return squeeze(" ".join(parts))


_UNSEEN = frozenset(("script", "style", "template", "noscript", "svg"))


def _has_input(root: etree._Element, kind: str) -> bool:
    return any(attribute(field, "type").lower() == kind for field in root.iter("input"))


def _needs_script(root: etree._Element, visible: str) -> bool:
    if walls.SCRIPT.search(visible) or any(walls.SCRIPT.search(text_of(element)) for element in root.iter("noscript")):
        return True
    for element in root.iter("div", "main"):
        if attribute(element, "id") in _SHELLS and len(text_of(element)) < 200:
            return True
    scripts = sum(len(script.text or "") + 2000 * (script.get("src") is not None) for script in root.iter("script"))
    return len(visible) < 1500 and scripts > 20 * max(100, len(visible))
