"""The standfirst: the sentence or two under a headline that say what the article is about."""

from __future__ import annotations

import re
from collections.abc import Sequence

from lxml import etree

from mirror.extract import chrome
from mirror.extract.metadata import Metadata
from mirror.extract.page import Group, Run, attribute, key_of, remembered

SHORTEST, LONGEST = 30, 600  # characters
REST = 200  # letters that must be left of the article

_NAMES = re.compile(
    r"(?:^|[\s_-])(?:lead|lede|intro|introduction|standfirst|dek|deck|subtitle|sub-?title|subhead(?:line|ing)?|"
    r"sub-?headline|summary|abstract|excerpt|teaser|chapo|chapeau|sottotitolo|description|"
    r"vorspann|entradilla|bajada|perex|zajawka|ingress|anons)(?:$|[\s_-])",
    re.IGNORECASE,
)
_is_names = remembered(_NAMES)


def take(tree: Group, chosen: Sequence[Run], found: Metadata, *, live: bool) -> str | None:
    """A short text marked as standfirst before the body, which is then unchosen; else the page's own description of
    itself, when the body does not begin with it. A live blog has its text in its posts, not in `chosen`."""
    if not chosen:
        return found.description
    marked = _marked(tree, chosen, found)
    if marked is not None and (live or sum(len(run.key) for run in chosen) - len(marked.key) > REST):
        marked.leave_out("the standfirst, kept as such")
        return marked.text
    if found.description:
        beginning = "".join(run.key for run in chosen[:3])
        sample = key_of(found.description.removesuffix("…"))[:40]
        if sample and not beginning.startswith(sample):
            return found.description
    return None


def _marked(tree: Group, chosen: Sequence[Run], found: Metadata) -> Run | None:
    describes = key_of(found.description or "")
    last = chosen[min(1, len(chosen) - 1)].order
    seen_title = False
    for run in tree.runs():
        if run.key in found.headings:
            seen_title = True
        if run.order > last:
            return None
        if not seen_title or not SHORTEST <= len(run.text) <= LONGEST or run.linked > 0.5 or chrome.is_chrome_run(run):
            continue
        if _is_named(run, chosen):
            return run
        # the description may also be a copy of the first paragraph, which then stays where it is
        apart = run.element.tag in ("h2", "h3", "h4") or not run.chosen or _has_name(run.element)
        if describes and run.key == describes and apart:
            return run
    return None


def _is_named(run: Run, chosen: Sequence[Run]) -> bool:
    """Whether the class of the run, or of a box of its own, is a standfirst's."""
    return not _among_paragraphs(run, chosen) and any(
        _has_name(box)
        for box in (run.element, *list(run.element.iterancestors())[:2])
        if box.tag not in ("body", "article", "main")
    )


def _has_name(element: etree._Element) -> bool:
    return _is_names(attribute(element, "class"))


def _among_paragraphs(run: Run, chosen: Sequence[Run]) -> bool:
    """Whether a run is one of several of its kind in its box: the first paragraph of a body, whatever the box is
    called."""
    parent = run.element.getparent()
    if run.element.tag not in ("p", "div", "span"):
        return False
    alike = sum(1 for other in chosen if other.element.tag == run.element.tag and other.element.getparent() is parent)
    return alike >= 3
