"""What stands between a page's top and the article's first sentence, and is set in fields of its own: the headline, the
kicker over it, who wrote it and when, how long it takes to read."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mirror.extract import captions
from mirror.extract.bylines import by_line
from mirror.extract.metadata import Metadata
from mirror.extract.page import Group, Run, key_of, similar

NEAR = 4  # runs after the headline that may still be masthead
BEFORE = 0.2  # share of the letters that may be dropped for standing before the headline
MAX_LABEL = 60
MAX_BY_LINE = 120

_READING_TIME = re.compile(
    r"(?:(?:reading time|lesezeit|temps de lecture|tiempo de lectura|время (?:чтения|на чтение)|زمان مطالعه|"
    r"وقت القراءة|阅读时间)\s*[:：]?\s*)?"
    r"[\d۰-۹٠-٩]{1,3}\s*[-‑]?\s*(?:min(?:ute[ns]?|uti|uto?s)?\b\.?|мин(?:ут\w?)?\b\.?|دقیقه|دقائق|分钟|分鐘|分)\s*"
    r"(?:read|lesezeit|de lecture|de lectura|di lettura|чтения|на чтение|مطالعه|للقراءة)?",
    re.IGNORECASE,
)
_DATE = re.compile(
    r"(?:19|20)\d\d\s?[-/.年]\s?\d{1,2}|\d{1,2}\s?[-/.]\s?\d{1,2}\s?[-/.]\s?(?:19|20)\d\d|"
    r"\d{1,2}(?:st|nd|rd|th|er|\.|º)?,?\s+(?:de\s+|d['’])?[^\W\d]{3,14}\.?,?\s+(?:de\s+|del\s+)?(?:19|20)\d\d|"
    r"[^\W\d]{3,14}\.?\s+\d{1,2}(?:st|nd|rd|th)?,?\s+(?:19|20)\d\d|"
    r"[۰-۹٠-٩]{1,4}[\s/-]+[^\W\d]{0,12}[\s/-]*[۰-۹٠-٩]{1,4}[\s/-]*[۰-۹٠-٩]{0,4}"
)
_SENTENCE_END = (".", "!", "?", "…", "。", "！", "？", "؟", "۔", ":", "：")


def without(tree: Group, chosen: Sequence[Run], found: Metadata) -> list[Run]:
    """Unchooses the runs of the masthead; the others, in order."""
    total = sum(len(run.key) for run in chosen) or 1
    headline = _headline(tree, found)
    above = [run for run in chosen if headline is not None and run.order < headline.order]
    if sum(len(run.key) for run in above) < BEFORE * total:
        for run in above:
            run.leave_out("above the headline")
    labels = {key_of(text).casefold() for text in (found.section, found.site, *found.tags, *found.authors) if text}
    near = 0
    for run in chosen:
        if not run.chosen:
            continue
        if _is_headline(run, found, near):
            run.leave_out("the headline again")
        elif near < NEAR and _is_masthead(run, labels):
            run.leave_out("kicker, by-line, date or reading time")
        else:
            near += 1
    return [run for run in chosen if run.chosen]


def _headline(tree: Group, found: Metadata) -> Run | None:
    """The last first-level heading that says the title; without one, no place in the page is the article's
    beginning."""
    last: Run | None = None
    for run in tree.runs():
        if run.element.tag == "h1" and run.key in found.headings:
            last = run
    return last


def _is_headline(run: Run, found: Metadata, near: int) -> bool:
    if run.key in found.headings:
        return run.element.tag in ("h1", "h2", "h3") or near < 3
    if near == 0 and len(run.text) <= 2 * MAX_LABEL and not run.text.endswith(_SENTENCE_END[:4]):
        title = key_of(found.title or "")  # which may have the site's name at its end
        if len(run.key) >= max(6, 0.4 * len(title)) and title.startswith(run.key):
            return True
    if run.element.tag in ("h1", "h2") and near < 3:
        title = key_of(found.title or "")
        kicker = len(title) >= 12 and run.key.endswith(title) and len(run.key) <= 2 * len(title)
        return kicker or (run.element.tag == "h1" and similar(run.text, found.title or "") > 0.8)
    return False


def _is_masthead(run: Run, labels: set[str]) -> bool:
    text = run.text
    if len(text) <= MAX_LABEL and run.key.casefold() in labels:
        return True
    if run.element.tag in ("h1", "h2", "h3", "h4") or text.endswith(_SENTENCE_END):
        return False
    if _READING_TIME.fullmatch(text) or _is_time(text):
        return True
    return (len(text) <= MAX_BY_LINE and by_line(text)) or captions.is_credit(text)


def _is_time(text: str) -> bool:
    """A date and what is said of it ("Updated", a city, a zone), but no sentence around it."""
    if len(text) > MAX_LABEL:
        return False
    rest, dates = _DATE.subn(" ", text)
    return dates > 0 and sum(character.isalpha() for character in rest) <= 24
