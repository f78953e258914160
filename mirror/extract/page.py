"""A page as a tree of runs: what stands where, before anybody decides what of it is the article.

A *run* is a stretch of text with its inline elements that a browser would set as one paragraph: the whole of a `<p>`,
the bare text between two `<div>`s, or what stands between two double `<br>`s (how Chinese portals of the 2000s and many
Persian sites mark paragraphs). *Media* is a picture, a player or a quoted post. A *group* is an element that holds
blocks. Runs keep the original lxml nodes, so every character of the page, ZERO WIDTH NON-JOINER included, is still
there when the blocks are made.

Limits, each for a page that somebody wrote to hurt us: bytes (before parsing), elements (after), depth (libxml2 stops
at 256 and cuts the rest off, which would be half an article and nobody told; such a page is refused instead).
"""

# ruff: noqa: SIM905 - word lists are easier to read and to change as text

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Literal, cast

from lxml import etree
from lxml import html as lxml_html

MAX_BYTES = 8 * 2**20
MAX_ELEMENTS = 20_000  # the largest of 559 news pages has 6,066
MAX_ATTRIBUTES = 500  # of one element; 50 was the most. libxml2 takes time by their square: 18 s for 50,000
MAX_ATTRIBUTE = 600  # characters of class, id, style looked at

BLOCKS = frozenset(
    "address article aside blockquote body caption center dd details dialog dir div dl dt fieldset figcaption figure "
    "footer form h1 h2 h3 h4 h5 h6 header hgroup hr html legend li main menu nav ol optgroup p pre section summary "
    "table tbody td tfoot th thead tr ul".split()
)
# Never text, never media.
SKIPPED = frozenset(
    "script style template noscript head link meta title base button input select option textarea svg math canvas map "
    "nav dialog datalist frameset noframes applet param source track colgroup col rp rt progress meter "
    # of AMP: what advertises, measures, asks or is filled by script
    "amp-ad amp-embed amp-sticky-ad amp-auto-ads amp-social-share amp-analytics amp-pixel amp-consent amp-sidebar "
    "amp-user-notification amp-list amp-next-page amp-lightbox amp-date-countdown amp-state".split()
)
IMAGES = frozenset(("img", "picture", "amp-img", "image"))
PLAYERS = frozenset(
    "iframe video audio embed object amp-iframe amp-youtube amp-twitter amp-instagram amp-facebook amp-video amp-audio "
    "amp-vimeo amp-dailymotion amp-brightcove amp-tiktok amp-soundcloud amp-reddit lite-youtube lite-vimeo "
    "youtube-video".split()
)
_QUOTED_POST = re.compile(
    r"(?:^|\s)(?:twitter-tweet|twitter-video|instagram-media|tiktok-embed|fb-post|fb-video|telegram-post|bluesky-embed|"
    r"mastodon-embed|reddit-embed-bq|flourish-embed|infogram-embed|text-post-media)(?:\s|$)"
)
# A box that waits for a script or for consent names what will be shown in it.
_WAITING = frozenset(
    "data-tweet-id data-tweetid data-youtube-id data-oembed-url data-embed-url data-iframe-src data-instgrm-permalink "
    "data-embed-code data-embed-html data-iframe".split()
)
MAX_POST = 3000  # characters; a "post" with more text is a part of the page
_CUSTOM_IMAGE = re.compile(r"(?:^|-)(?:image|img|picture|photo)s?(?:-|$)")
_HIDDEN_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_HIDDEN_CLASSES = frozenset(
    "visuallyhidden visually-hidden screen-reader screen-reader-text screen-reader-only sr-only u-hidden is-hidden "
    "a11y-hidden element-invisible print-only d-none".split()
)
_CAPTION_CLASS = re.compile(
    r"caption|cutline|bildunterschrift|bildtext|(?:^|[\s_-])legende?(?:$|[\s_-])|image[-_]*(?:meta|info|desc)|"
    r"photo[-_]*(?:credit|desc|info|meta)|"
    r"(?:image|picture|photo|media|figure|featured)[-_a-z]*[-_](?:credits?|copyright|source|text|legend|title|"
    r"lead)\b|wp-caption-text|mediainfo|"
    r"(?:^|[\s_-])credits?(?:$|[\s_-])|img[-_]*(?:desc|text|info)|pic[-_]*(?:desc|text|info)",
    re.IGNORECASE,
)
MAX_CAPTION = 800  # characters; a "caption" with more text than this is an article in a box

_COUNT = etree.XPath("count(descendant-or-self::*)")
_WORD = re.compile(r"[^\W_]+")
_NO_WORD = {number: None for number in range(128) if not chr(number).isalnum()}


class PageError(Exception):
    """The bytes are no page that can be read; `str()` says why, on one line."""


@dataclass(slots=True, eq=False)
class Run:
    """Text with its inline elements. `nodes` are strings and whole lxml elements, in order."""

    element: etree._Element  # the block element it stands in
    nodes: list[str | etree._Element]
    text: str
    key: str  # letters and digits only, for comparing
    linked: float  # share of the text that is link
    order: int
    chosen: bool = False
    place: int = -1  # where it was found in the chosen text
    why: str = ""  # the rule that took it out of the chosen text
    furniture: bool | None = None  # what `chrome.is_chrome_run` found, once it was asked

    def leave_out(self, why: str) -> None:
        self.chosen, self.why = False, why


@dataclass(slots=True, eq=False)
class Media:
    kind: Literal["image", "embed", "rule"]
    element: etree._Element
    order: int


@dataclass(slots=True, eq=False)
class Group:
    tag: str
    element: etree._Element
    items: list[Run | Media | Group] = field(default_factory=list)
    flat: list[Run | Media] | None = None  # all in it, in order, once it was asked for

    def leaves(self) -> list[Run | Media]:
        """All runs and media in it, in order. Asked for only when the tree is whole."""
        if self.flat is None:
            self.flat = []
            waiting: list[Run | Media | Group] = self.items[::-1]
            while waiting:
                item = waiting.pop()
                if isinstance(item, Group):
                    waiting.extend(reversed(item.items))
                else:
                    self.flat.append(item)
        return self.flat

    def runs(self) -> Iterator[Run]:
        return (item for item in self.leaves() if isinstance(item, Run))

    def media(self) -> Iterator[Media]:
        return (item for item in self.leaves() if isinstance(item, Media))

    def groups(self) -> Iterator[Group]:
        """This group and all in it."""
        yield self
        for item in self.items:
            if isinstance(item, Group):
                yield from item.groups()


# In Mongolian, a narrow no-break space parts a word from its endings and shapes both: it is a letter, nearly.
BLANKS = re.compile(r"(?:[^\S\u202f]|(?<![\u180b-\u18aa])\u202f|\u202f(?![\u1820-\u18aa]))+")


def squeeze(text: str) -> str:
    """One space for every stretch of white space, none at the ends. Joiners and direction marks stay."""
    return BLANKS.sub(" ", text).strip() if "\u202f" in text else " ".join(text.split())


def spaced(text: str) -> str:
    """As `squeeze`, but a space at either end stays one."""
    if "\u202f" in text:
        return BLANKS.sub(" ", text)
    words = text.split()
    if not words:
        return " " if text else ""
    return f"{' ' if text[0].isspace() else ''}{' '.join(words)}{' ' if text[-1].isspace() else ''}"


def key_of(text: str) -> str:
    """Only the letters and digits: what two renderings of the same text have in common."""
    return text.translate(_NO_WORD) if text.isascii() else "".join(_WORD.findall(text))


_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
# Scripts of India and South-East Asia, Tibet and Ethiopia: a letter is a syllable, its vowel no letter of its own.
_SYLLABLES = re.compile(r"[\u0900-\u109f\u1200-\u139f\u1780-\u17ff\u1a20-\u1aaf]")


def says(text: str) -> int:
    """How many letters of an alphabet a letter of this text is worth, about: 3 for Chinese, Japanese and Korean, 2
    where letters are syllables, 1 for alphabets."""
    if text.isascii():
        return 1
    if _CJK.search(text):
        return 3
    return 2 if _SYLLABLES.search(text) else 1


def similar(one: str, other: str) -> float:
    """0 to 1; 1 when the letters are the same."""
    first, second = key_of(one).casefold()[:400], key_of(other).casefold()[:400]
    if not first or not second:
        return 0.0
    if first == second:
        return 1.0
    if first in second or second in first:
        return 0.55 + 0.45 * min(len(first), len(second)) / max(len(first), len(second))
    return SequenceMatcher(None, first, second, autojunk=False).ratio()


def attribute(element: etree._Element, name: str) -> str:
    """The attribute's value, cut to a length that is safe to search with expressions."""
    return (element.get(name) or "")[:MAX_ATTRIBUTE]


_MARKS = ("class", "id", "role", "data-component", "data-testid", "data-block")


def marks(element: etree._Element) -> str:
    """Class, id and the like in one string: where sites say what a box is for."""
    get, names = element.get, element.keys()
    if len(names) == 1:
        return (get(names[0]) or "")[:MAX_ATTRIBUTE] if names[0] in _MARKS else ""
    if not names:
        return ""
    found = [value[:MAX_ATTRIBUTE] for name in _MARKS if (value := get(name))]
    return " ".join(found) if found else ""


def climb(elements: Iterable[etree._Element]) -> list[tuple[etree._Element, etree._Element | None]]:
    """The elements and all boxes around them, each once and with the box around it; what is within before what is
    around. Weights are summed along it in linear time, however deep the page is."""
    known: set[etree._Element] = set()
    chains: list[list[tuple[etree._Element, etree._Element | None]]] = []
    for element in elements:
        here: etree._Element | None = element
        chain: list[tuple[etree._Element, etree._Element | None]] = []
        while here is not None and here not in known:
            known.add(here)
            above = here.getparent()
            chain.append((here, above))
            here = above
        if chain:
            chains.append(chain)
    # a chain ends at a box of an earlier one
    return [step for chain in reversed(chains) for step in chain]


def raw_text(element: etree._Element) -> str:
    """All text in an element as it stands, scripts included."""
    if not len(element):
        return element.text or ""
    return "".join(cast("Iterator[str]", element.itertext()))


def text_of(element: etree._Element) -> str:
    return squeeze(raw_text(element))


_TAG = re.compile(r"<([a-zA-Z][^\s/>]*)")
_ATTRIBUTE = re.compile(r"[\s/]*+[^\s/>=][^\s/>=]*+(?:\s*+=\s*+(?:\"[^\"]*+\"|'[^']*+'|[^\s>]*+))?+")
_START_TAG = re.compile(rf"{_TAG.pattern}((?:{_ATTRIBUTE.pattern}){{0,{MAX_ATTRIBUTES}}}+)")
_RAW = {name: re.compile(f"</{name}", re.IGNORECASE) for name in ("script", "style", "textarea", "title", "xmp")}


def _survey(text: str) -> None:
    """Raises PageError for what would keep the parser busy for minutes. One pass over the start tags, each character
    looked at once."""
    place = 0
    count = 0
    search, least = _START_TAG.search, MAX_ATTRIBUTES  # characters: no attribute is shorter than one
    while (tag := search(text, place)) is not None:
        count += 1
        if count > MAX_ELEMENTS:
            raise PageError(f"the page has more than {MAX_ELEMENTS} elements")
        begin, place = tag.span(2)
        if place - begin >= least and _ATTRIBUTE.match(text, place) is not None:
            raise PageError(f"an element of the page has more than {MAX_ATTRIBUTES} attributes")
        raw = _RAW.get(tag[1].lower())
        if raw is not None:
            end = raw.search(text, place)
            place = end.start() if end is not None else len(text)


# libxml2 reads these, as they are and as numbers, and lxml refuses to write what it has read: a form feed behind an
# advertisement would cost the page.
_WRITABLE = bytes(byte if byte >= 32 or byte in b"\t\n\r" else 32 for byte in range(256))
_UNWRITABLE_NUMBER = re.compile(
    r"&#(?:0*(?:[1-8]|1[124-9]|2[0-9]|3[01]|65534|65535)(?![0-9])"
    r"|[xX]0*(?:[1-8bBcCeEfF]|1[0-9a-fA-F]|[fF]{3}[eEfF])(?![0-9a-fA-F]));?"
)


def parse(text: str) -> etree._Element:
    """The page's root element. Raises PageError for what is empty, too deep or too large."""
    written = _UNWRITABLE_NUMBER.sub(" ", text).replace("\ufffe", " ").replace("\uffff", " ")
    data = written.encode("utf-8", "replace").translate(_WRITABLE, b"\0")
    if len(data) > 2 * MAX_BYTES:
        raise PageError(f"the page has {len(data)} bytes; {2 * MAX_BYTES} are read at most")
    if not data.strip():
        raise PageError("the page is empty")
    _survey(text)
    parser = etree.HTMLParser(  # type: ignore[call-arg]  # the stubs lag behind
        encoding="utf-8",
        remove_comments=True,
        remove_pis=True,
        huge_tree=False,
        collect_ids=False,
        default_doctype=False,
    )
    # lxml.html's own look-up asks Python for every element; trafilatura only wants this one class
    parser.set_element_class_lookup(etree.ElementDefaultClassLookup(element=lxml_html.HtmlElement))
    try:
        root = etree.fromstring(data, parser)
    except (etree.LxmlError, ValueError, AssertionError) as error:
        raise PageError(f"not HTML: {squeeze(str(error))[:120]}") from None
    if root is None:
        raise PageError("not HTML: no element was found")
    if any(entry.type_name == "ERR_RESOURCE_LIMIT" or "xcessive depth" in entry.message for entry in parser.error_log):
        raise PageError("elements are nested too deep to be read whole")
    if cast("float", _COUNT(root)) > MAX_ELEMENTS:
        raise PageError(f"the page has more than {MAX_ELEMENTS} elements")
    for element in root.iter("noscript"):
        # a <noscript> that was not closed properly swallows the page: browsers with scripts show what is in it
        if next(iter(element.iter("p", "div")), None) is not None and len(text_of(element)) > 0.5 * len(text_of(root)):
            element.tag = "div"
    return root


def is_hidden(element: etree._Element) -> bool:
    """Whether the page itself says that a person does not see this."""
    get = element.get
    hidden, style, classes = get("hidden"), get("style"), get("class")
    if (hidden is None and not style and not classes) or element.tag in ("html", "body"):
        return False
    if hidden is not None and hidden.lower() != "until-found":
        return True
    if style and _HIDDEN_STYLE.search(style[:MAX_ATTRIBUTE]):
        return True
    return classes is not None and not _HIDDEN_CLASSES.isdisjoint(classes[:MAX_ATTRIBUTE].lower().split())


def remembered(pattern: re.Pattern[str], *words: str) -> Callable[[str], bool]:
    """Whether the pattern is found in class names: a page says the same few hundred of them over and over. One memory
    a pattern, since a pattern as part of the key would be read whole at every look. `words` are quick to look for:
    where none of them is, neither is the pattern."""

    @lru_cache(maxsize=1024)  # of at most 3,600 characters: what a hostile page can make of all memories stays small
    def found(names: str) -> bool:
        if not names:
            return False
        if words:
            lower = names.lower()
            for word in words:
                if word in lower:
                    break
            else:
                return False
        return pattern.search(names) is not None

    return found


_is_caption_class = remembered(
    _CAPTION_CLASS,
    *"caption cutline bild legend image photo picture media figure featured credit img pic".split(),
)
_is_quoted_class = remembered(_QUOTED_POST)


def is_caption(element: etree._Element) -> bool:
    tag = element.tag
    if tag == "figcaption":
        return True
    classes = element.get("class")
    return classes is not None and tag != "body" and _is_caption_class(classes[:MAX_ATTRIBUTE])


def is_quoted_post(element: etree._Element) -> bool:
    names = element.keys()
    if not names:
        return False
    if "class" in names and _is_quoted_class(attribute(element, "class")):
        return True
    waits = (
        not _WAITING.isdisjoint(names)
        and element.tag in ("div", "figure", "span", "section")
        and any(element.get(name) for name in _WAITING)
    )
    return waits and len(text_of(element)) <= MAX_POST and next(iter(element.iter("p", "figcaption")), None) is None


_OWN_LINES = BLOCKS | IMAGES | PLAYERS


def _holds_blocks(root: etree._Element) -> set[etree._Element]:
    """The inline elements that hold blocks, media or paragraph breaks: they are walked through, not kept whole."""
    found: set[etree._Element] = set()
    breaks: dict[etree._Element, int] = {}
    for element in root.iter(etree.Element):
        tag = element.tag
        if tag in _OWN_LINES or ("-" in tag and is_custom_image(element)):
            parent = element.getparent()
            while parent is not None and parent.tag not in BLOCKS and parent not in found:
                found.add(parent)
                parent = parent.getparent()
        elif tag == "br":
            parent = element.getparent()
            if parent is not None and parent.tag not in BLOCKS:
                breaks[parent] = breaks.get(parent, 0) + 1
                if breaks[parent] >= 2:
                    while parent is not None and parent.tag not in BLOCKS and parent not in found:
                        found.add(parent)
                        parent = parent.getparent()
    return found


class _Walker:
    def __init__(self, root: etree._Element) -> None:
        self.through = _holds_blocks(root)
        self.order = 0
        self.nodes: list[str | etree._Element] = []
        self.links = 0

    def walk(self, element: etree._Element) -> Group:
        group = Group(str(element.tag), element)
        self._into(group, element)
        self._flush(group)
        return group

    def _into(self, group: Group, element: etree._Element) -> None:
        text = element.text
        if text:
            self.nodes.append(text)
        for child in element:
            self._child(group, child)
            text = child.tail
            if text:
                self.nodes.append(text)

    def _child(self, group: Group, child: etree._Element) -> None:  # noqa: PLR0912 - one branch a kind
        tag = child.tag
        if not isinstance(tag, str):
            return
        if tag == "button" and not is_hidden(child):
            for image in child.iter("img"):  # a picture that opens large when it is pressed
                self._media(group, "image", image)
            return
        named = bool(child.keys())
        if tag in SKIPPED or (named and is_hidden(child)):
            self._skipped(group, child)
            return
        if tag in IMAGES or ("-" in tag and is_custom_image(child)):
            self._media(group, "image", child)
        elif tag in PLAYERS or (named and is_quoted_post(child)):
            self._media(group, "embed", child)
        elif tag == "hr":
            self._media(group, "rule", child)
        elif tag in BLOCKS:
            self._flush(group)
            if (
                (named or tag == "figcaption")
                and is_caption(child)
                and len(text_of(child)) <= MAX_CAPTION
                and not _holds_media(child)
            ):
                return  # belongs to its picture
            inner = Group(tag, child)
            self._into(inner, child)
            self._flush(inner)
            if inner.items:
                group.items.append(inner)
        elif child in self.through:
            if tag == "a" and text_of(child):
                self._flush(group)
                self.links += 1
                self._into(group, child)
                self._flush(group)
                self.links -= 1
            else:
                self._into(group, child)
        elif named and is_caption(child) and _beside_picture(child):
            return
        else:
            self.nodes.append(child)

    def _skipped(self, group: Group, child: etree._Element) -> None:
        """What is never text may still stand for media."""
        if child.tag == "script" and (child.get("data-telegram-post") or child.get("data-telegram-discussion")):
            self._media(group, "embed", child)
        elif child.tag == "noscript" and (image := _only_image(child)) is not None:
            self._media(group, "image", image)
        elif child.tag == "noscript" and (frame := next(iter(child.iter("iframe")), None)) is not None:
            self._media(group, "embed", frame)

    def _media(self, group: Group, kind: Literal["image", "embed", "rule"], element: etree._Element) -> None:
        if kind == "image" and is_emoji(element):
            self.nodes.append(element.get("alt") or "")
            return
        self._flush(group)
        group.items.append(Media(kind, element, self.order))
        self.order += 1

    def _flush(self, group: Group) -> None:
        """Ends the run; two line breaks with nothing between end a paragraph as well."""
        if not self.nodes:
            return
        nodes, self.nodes = self.nodes, []
        if len(nodes) == 1:
            only = nodes[0]
            if not isinstance(only, str):
                if only.tag != "br":
                    self._add(group, nodes)
            elif not only.isspace():
                self._add(group, nodes)
            return
        if all(isinstance(node, str) and node.isspace() for node in nodes):
            return
        part: list[str | etree._Element] = []
        breaks = 0
        for node in nodes:
            if not isinstance(node, str) and node.tag == "br":
                breaks += 1
                if breaks == 2:
                    self._add(group, part)
                    part = []
                elif breaks == 1:
                    part.append(node)
                continue
            if not isinstance(node, str) or node.strip():
                if (
                    isinstance(node, str)
                    and breaks == 1
                    and node[:1] in "\u3000\u00a0"
                    and len(node) - len(node.lstrip()) >= 2
                ):
                    # one break and an indent: how typewritten Chinese and Arabic pages begin a paragraph
                    self._add(group, part)
                    part = []
                breaks = 0
            part.append(node)
        self._add(group, part)

    def _add(self, group: Group, nodes: list[str | etree._Element]) -> None:
        only = nodes[0] if len(nodes) == 1 else None
        text = squeeze(only if isinstance(only, str) else "".join(_plain(nodes)))
        key = key_of(text)
        if not key and not text:
            return
        share = 1.0 if self.links else 0.0 if isinstance(only, str) else _linked(nodes, len(text))
        group.items.append(Run(group.element, nodes, text, key, share, self.order))
        self.order += 1


def _plain(nodes: list[str | etree._Element]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, str):
            yield node
        elif node.tag == "br":
            yield " "
        else:
            yield from visible_text(node)


def visible_text(element: etree._Element) -> Iterator[str]:
    """The text of an inline element without scripts and hidden parts."""
    if element.tag in SKIPPED or is_hidden(element):
        return
    if element.text:
        yield element.text
    for child in element:
        if isinstance(child.tag, str):
            if child.tag == "br":
                yield " "
            else:
                yield from visible_text(child)
        if child.tail:
            yield child.tail


def _linked(nodes: list[str | etree._Element], total: int) -> float:
    if not total:
        return 0.0
    length = 0
    for node in nodes:
        if isinstance(node, str):
            continue
        for link in [node] if node.tag == "a" else node.iter("a"):
            length += len(text_of(link))
    return min(1.0, length / total)


def _holds_media(element: etree._Element) -> bool:
    return any(True for _ in element.iter("img", "iframe", "video"))


def _beside_picture(element: etree._Element) -> bool:
    parent = element.getparent()
    return parent is not None and _holds_media(parent)


def _only_image(noscript: etree._Element) -> etree._Element | None:
    """The picture of a lazy loader whose own element comes by script: nothing but an image, and none beside it."""
    found = list(noscript.iter("img"))
    parent = noscript.getparent()
    if len(found) != 1 or parent is None or text_of(noscript):
        return None
    beside = any(image is not found[0] for image in parent.iter(*IMAGES)) or any(
        is_custom_image(element) for element in parent
    )
    return None if beside else found[0]


def is_custom_image(element: etree._Element) -> bool:
    """Whether an element of the site's own making (`<brick-image-v3 data-src=…>`) stands for a picture."""
    tag = element.tag
    if not isinstance(tag, str) or "-" not in tag:
        return False
    return bool(_CUSTOM_IMAGE.search(tag) and (element.get("src") or element.get("data-src")))


def is_emoji(element: etree._Element) -> bool:
    """Pictures that stand for a character: kept as the text of their `alt`."""
    alt = element.get("alt") or ""
    return 0 < len(alt) <= 8 and (
        "emoji" in marks(element) or "smiley" in marks(element) or "emoji" in attribute(element, "src")
    )


def flow(root: etree._Element) -> Group:
    """The page as groups, runs and media in its own order. Not only `<body>`: broken pages have two, or none."""
    return _Walker(root).walk(root)
