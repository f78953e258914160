"""When an article was published and changed, as far as its page says.

Believed in this order: JSON-LD (or microdata), then the meta elements, then `<time>` after the headline, then the date
that people read beside the headline, in the calendar and the language it is written in, then htmldate's guess. A stamp
that says when the page was *changed* is never taken for when it was published. Where the first stamp has no time of
day or no zone and another one means the same moment in full, that one is taken. No zone at all means UTC: so the
calendar day stays the one that the page shows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cache
from itertools import islice
from typing import Any

from lxml import etree

from mirror.extract import nearby
from mirror.extract.declared import first, text_in
from mirror.extract.moments import Moment, moment, stamp, written
from mirror.extract.nearby import Line
from mirror.extract.page import attribute, is_hidden, marks, text_of

AFTER = 12  # lines after the headline in which the date may stand
BEFORE = 4
MAX_LINE = 160  # characters of a line that is about the date
MAX_AROUND = 40  # letters of such a line: a place, a label, a name

_PUBLISHED = (
    "article:published_time", "og:article:published_time", "article:published", "og:published_time",
    "datepublished", "parsely-pub-date", "sailthru.date", "dc.date.issued", "dcterms.issued", "dcterms.created",
    "dc.date.created", "citation_publication_date", "citation_online_date", "prism.publicationdate",
    "article.published",
    "published_at", "publication_date", "pubdate", "publishdate", "publish-date", "publish_date", "publishtime",
    "cxenseparse:recs:publishtime", "cxenseparse:publishtime", "originalpublicationdate", "rnews:datepublished",
    "weibo: article:create_at", "displaydate", "iso-8601-publish-date", "article_date_original", "dc.date",
    "dcterms.date", "date",
)  # fmt: skip
_MODIFIED = (
    "article:modified_time", "og:article:modified_time", "og:updated_time", "datemodified", "last-modified", "lastmod",
    "dcterms.modified", "dc.date.modified", "article:modified", "rnews:datemodified", "cxenseparse:recs:modifytime",
    "weibo: article:update_at",
)  # fmt: skip
# What says that a page was changed then; what says that it was published.
_CHANGED = re.compile(
    r"updat|modif|revised|last[-_ ]?(?:edit|change)|aktualisier|geändert|mis[e]? à jour|actuali[sz]ad|actualitzad|"
    r"atualizad|aggiornat|zaktualizowan|aktualizacj|aktualizov|actualizat|ažuriran|posodobljen|frissít|frissül|обновл|оновл|абноўл|"
    r"изменен|ажуриран|жаңартыл|навсозӣ|навшуд|به‌?\s?روز|بروزرسانی|ویرایش|تحديث|تعديل|اپ ?ڈیٹ|更新|"
    r"修改|güncelle|yenilən|yangilan|oppdater|uppdatera|opdatere|bijgewerkt|päivite|uuendat|atjaunin|papildin|atnaujin|përditësuar|ενημερώ|განახლ|թարմաց|"
    r"עודכן|עדכון|अपडेट|अद्यतन|আপডেট|อัปเดต|ปรับปรุง|cập nhật|diperbarui|dikemas ?kini|수정|업데이트",
    re.IGNORECASE,
)
_LABEL = re.compile(
    r"(?:(?:(?:first|originally) )?(?:published|posted)(?: on| at)?|datum|date|data|fecha|veröffentlicht(?: am)?|"
    r"erstellt(?: am)?|publiée?(?: le)?|publicado(?: el| em)?|publicat|pubblicato(?: il)?|gepubliceerd(?: op)?|"
    r"publicerad|publisert|udgivet|julkaistu|opublikowano|zveřejněno|publikováno|objavljeno|megjelent|yayınlan\w+|"
    r"paskelbta|publicēts|diterbitkan|дата(?: публикации| публікації)?|опубликовано|опубліковано|апублікавана|"
    r"публикувано|објављено|δημοσιεύτηκε|δημοσίευση|تاریخ(?: انتشار)?|منتشر شده در|تاريخ النشر|نشر في|"
    r"发布时间|发表时间|时间|日期|發布時間|掲載日|公開日|입력|등록)\s*[:：]?\s*(?=[\d\w])",
    re.IGNORECASE,
)
_ONLY_CHANGED = re.compile(rf"\D{{0,20}}(?:{_CHANGED.pattern})\D{{0,12}}", re.IGNORECASE)
_NOT_THE_ARTICLES = re.compile(r"related|comment|sidebar|footer|teaser|recommend|most-?read|popular", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dates:
    """When an article was published and when it was changed after that, `YYYY-MM-DDTHH:MM:SSZ`; `there` is the first by
    the page's own clock."""

    published: str | None = None
    modified: str | None = None
    there: str | None = None


def dates_of(
    root: etree._Element,
    metas: Mapping[str, list[str]],
    linked: Mapping[str, Any],
    marked: Mapping[str, Any],
    *,
    url: str = "",
    headings: Sequence[str] = (),
    lines: Callable[[], list[Line]] | None = None,
) -> Dates:
    changed = moment(text_in(linked.get("dateModified")))
    own = moment(text_in(linked.get("datePublished")))
    stamps = [found for name in _PUBLISHED if (found := moment(first(metas, name))) is not None]
    named = _day_in(url)
    if own is None and not stamps:
        said = [text_in(linked.get("datePublished")), *(first(metas, name) for name in _PUBLISHED)]
        near = [changed, *(moment(first(metas, name)) for name in _MODIFIED)]
        days = [named, *(other.local.date() if other is not None else None for other in near)]
        own = _of_three_numbers(said, days, _day_comes_first(root, metas))
    published = own or (stamps[0] if stamps else None)
    twice = own is not None and changed is not None and own.utc == changed.utc
    if own is not None and twice and stamps and stamps[0].local.date() < own.local.date():
        published = stamps[0]  # the data has the time of the last change twice
    for name in _MODIFIED:
        changed = changed or moment(first(metas, name))
    changed = changed or moment(text_in(marked.get("dateModified")))
    if published is None:
        published = (
            moment(text_in(marked.get("datePublished")))
            or _marked(root)
            or _time_element(root)
            or moment(text_in(linked.get("dateCreated")))
        )
    if published is None:
        rows = lines() if lines is not None else nearby.lines_of(root)
        published, seen = _shown(rows, headings, day_first=_day_comes_first(root, metas))
        changed = changed or seen
    if published is not None and not (published.timed and published.zoned):
        published = _in_full(published, [*stamps, *([found] if (found := _time_element(root)) is not None else [])])
    if published is not None and changed is not None and changed.utc <= published.utc:
        changed = None
    return Dates(
        published=str(published) if published is not None else None,
        modified=str(changed) if changed is not None else None,
        there=_by_its_clock(published, [own, *stamps], named, headings, lines) if published is not None else None,
    )


def _by_its_clock(
    published: Moment,
    others: Sequence[Moment | None],
    named: date | None,
    headings: Sequence[str],
    lines: Callable[[], list[Line]] | None,
) -> str:
    """A time by the page's own clock. Where its stamp is in UTC, another one of the same moment may tell the zone, or
    the clock that people read beside the headline; where none does, the day next to that in UTC which the address names
    is the outlet's, if there is a zone in which it was that day."""
    if published.local != published.utc or not published.timed or not published.zoned:
        return published.there
    for other in others:
        if other is not None and other.utc == published.utc != other.local:
            return other.there
    if named == published.utc.date() or _SAME_DAY[0] <= published.utc.hour < _SAME_DAY[1]:
        return published.there
    for other in _beside(lines() if lines is not None else [], headings):
        apart = round((other.local - published.utc.replace(second=0)) / timedelta(minutes=1))
        if other.timed and apart % 15 == 0 and _WESTERNMOST <= apart <= _EASTERNMOST:
            return replace(published, local=published.utc + timedelta(minutes=apart)).there
    if named is not None:
        far = (_WESTERNMOST_MANY, _EASTERNMOST_MANY)
        if named in [(published.utc + timedelta(minutes=minutes)).date() for minutes in far]:
            return named.isoformat()
    return published.there


_WESTERNMOST, _EASTERNMOST = -12 * 60, 14 * 60  # minutes
_WESTERNMOST_MANY, _EASTERNMOST_MANY = -8 * 60, 11 * 60  # from California to Sydney
_SAME_DAY = (8, 13)  # hours in UTC in which it is the same day from there to there


def _beside(lines: Sequence[Line], headings: Sequence[str]) -> Iterator[Moment]:
    """The dates that people read just under the headline or above it, but for those of changes."""
    place = nearby.headline(lines, headings)
    near = [*lines[place + 1 : place + 1 + AFTER], *reversed(lines[max(0, place - BEFORE) : place])]
    for line in near if place >= 0 else ():
        if len(line.text) > MAX_LINE or not _YEAR.search(line.text) or is_hidden(line.element):
            continue
        label = _CHANGED.search(line.text)
        found = written(line.text if label is None else line.text[: label.start()].ljust(1))
        if found is not None and sum(map(str.isalpha, line.text)) <= MAX_AROUND:
            yield found


_YEAR = re.compile(r"(?:19|20|13|14|25)\d\d|[۱١][۰-۹٠-٩]{3}")


_IN_ADDRESS = re.compile(r"/((?:19|20)\d\d)([/-]?)(0?[1-9]|1[0-2])\2(0[1-9]|[12]\d|3[01]|[1-9](?=[/-]))(?![\d])")


def _day_in(url: str) -> date | None:
    """The day that an address names: `/2027/03/01/`, `/2027-03-01-`, `/20270301/`."""
    found = _IN_ADDRESS.search(url)
    if found is None:
        return None
    try:
        return date(int(found[1]), int(found[3]), int(found[4]))
    except ValueError:
        return None


def _day_comes_first(root: etree._Element, metas: Mapping[str, list[str]]) -> bool:
    """Whether 3/4/2027 is in April by the page's own account of its language. English alone tells nothing, nor does
    that of the United States, which is what many systems say that nobody asked."""
    html_ = root if root.tag == "html" else root.find(".//html")
    said = (html_.get("lang") if html_ is not None else None) or first(metas, "og:locale") or ""
    tag = said.strip().lower().replace("_", "-")
    return bool(_DAY_FIRST_IN.match(tag))


_DAY_FIRST_IN = re.compile(
    r"(?:en-(?:gb|au|nz|ie|in|za|pk|ng|ke)|ar|az|be|bg|bn|ca|cs|da|de|el|es|et|fa|fi|fr|gl|gu|he|hi|hr|hy|id|it|ka|kk|"
    r"ml|mr|ms|nb|nl|nn|no|pa|pl|ps|pt|ro|ru|sk|sl|sq|sr|ta|te|th|tr|uk|ur|uz|vi)(?:-|$)"
)


def _of_three_numbers(said: Sequence[str | None], known: Sequence[date | None], day_first: bool) -> Moment | None:
    """The first stamp of three numbers of which the page does not say which is the day: that next to a day which the
    page or its address names, else what its language says."""
    days = [day for day in known if day is not None]
    for text in said:
        either = [found for first_ in (True, False) if text and (found := written(text, day_first=first_)) is not None]
        close = [one for one in either if any(abs(one.local.date() - day) <= timedelta(days=2) for day in days)]
        if close:
            return close[0]
        if either and day_first:
            return either[0]
    return None


def _in_full(short: Moment, others: Sequence[Moment]) -> Moment:
    """The same moment from another declaration that has the time of day and the zone."""
    for other in others:
        same_day = other.local.date() == short.local.date()
        same = same_day and (not short.timed or (other.zoned and other.local.time() == short.local.time()))
        if other.timed and same:
            return other
    return short


def _marked(root: etree._Element) -> Moment | None:
    for element in root.iter("time", "span", "div", "p", "abbr"):
        if "datepublished" in attribute(element, "itemprop").lower() or element.get("pubdate") is not None:
            found = moment(element.get("datetime") or element.get("content") or text_of(element))
            if found is not None:
                return found
    return None


def _time_element(root: etree._Element) -> Moment | None:
    """The `<time>` that stands closest after the title; once one said when the article was changed, only one beside
    it."""
    after = False
    beside: etree._Element | None = None
    for element in root.iter("h1", "time"):
        if element.tag == "h1":
            after = True
        elif after and (found := moment(element.get("datetime"))):
            above = " ".join(marks(box) for box in islice(element.iterancestors(), 4))
            if _NOT_THE_ARTICLES.search(f"{marks(element)} {above}"):
                continue
            if beside is not None and beside not in element.iterancestors():
                return None
            if not _is_about_change(element):
                return found
            beside = beside if beside is not None else next(islice(element.iterancestors(), 1, 2), element)
    return None


def _is_about_change(element: etree._Element) -> bool:
    """Whether a stamp is marked, or introduced in its line, as that of a change."""
    parent = element.getparent()
    named = [
        marks(element),
        attribute(element, "itemprop"),
        *(marks(box) for box in islice(element.iterancestors(), 4)),
    ]
    before = (parent.text or "")[-60:] if parent is not None and parent[0] is element else ""
    previous = element.getprevious()
    if previous is not None:
        before = (
            f"{text_of(previous)[-60:]} {(previous.tail or '')[-60:]}"
            if previous.tag != "time"
            else previous.tail or ""
        )
    return any(_CHANGED.search(text) for text in (*named, before, text_of(element)[:60]))


def _shown(lines: Sequence[Line], headings: Sequence[str], *, day_first: bool) -> tuple[Moment | None, Moment | None]:
    """The date that people read beside the headline, and that of the last change."""
    place = nearby.headline(lines, headings)
    if place >= 0:
        near = [*lines[place + 1 : place + 1 + AFTER], *reversed(lines[max(0, place - BEFORE) : place])]
    else:
        near = list(lines[:80])
    known = True if day_first else None
    published: Moment | None = None
    changed: Moment | None = None
    above = ""
    for line in near:
        if len(line.text) > MAX_LINE or is_hidden(line.element):
            continue
        found, later = _both_in(above + line.text, known)
        above = f"{line.text} " if _ONLY_CHANGED.fullmatch(line.text) else ""  # its day is the next line's
        changed = changed or later
        if found is not None and (place >= 0 or found.timed) and sum(map(str.isalpha, line.text)) <= MAX_AROUND:
            published = found
            break
    for line in lines if published is None else ():
        if len(line.text) <= MAX_LINE and (label := _LABEL.match(line.text)):
            published = written(line.text[label.end() :][:40], day_first=known)
            if published is not None:
                break
    return published, changed


def _both_in(text: str, day_first: bool | None) -> tuple[Moment | None, Moment | None]:
    """The date of a line, and the one that it says is a change's: "1 March 2027, updated 5 March 2027", or the other
    way round."""
    label = _CHANGED.search(text)
    if label is None:
        return written(text, day_first=day_first), None
    changed = written(text[label.start() :], day_first=day_first)
    if (before := written(text[: label.start()], day_first=day_first)) is not None:
        return before, changed
    first = _LABEL.search(text, label.end())
    return written(text[first.end() :], day_first=day_first) if first is not None else None, changed


def agreed(shown: str | None, given: str | None) -> str | None:
    """What the page says, or what the source gave (a feed's item) where the page says nothing, or only the same day."""
    source = stamp(given)
    if shown is None or source is None:
        return shown or source
    hours = abs(datetime.fromisoformat(shown) - datetime.fromisoformat(source)) / timedelta(hours=1)
    return source if shown.endswith("T00:00:00Z") and hours < 36 else shown


_LANGUAGES = """
    en de fr es pt it nl pl cs ro hu tr ru uk be kk az hy ka fa ar zh ja ko vi id el bg sr sv da fi he hi ur
"""


@cache
def _dateparser() -> Any:
    """htmldate's own second reader, for the languages that outlets write in. For all of its 205 locales it compiles
    patterns for 4.6 s at the first date that needs it, which is what a page may take altogether."""
    from dateparser.date import DateDataParser  # type: ignore[import-untyped]

    return DateDataParser(
        languages=_LANGUAGES.split(),
        settings={
            "NORMALIZE": True,
            "PARSERS": ["custom-formats", "absolute-time"],
            "PREFER_DATES_FROM": "past",
            "PREFER_LOCALE_DATE_ORDER": True,
            "RETURN_AS_TIMEZONE_AWARE": False,
            "STRICT_PARSING": True,
        },
    )


def guess_date(text: str, url: str) -> str | None:
    """The day in the page's address, else htmldate's reading of the page, as midnight UTC; used when the page has no
    stamp of its own."""
    if (named := _day_in(url)) is not None:
        return stamp(named.isoformat())
    try:
        from htmldate import extractors, find_date

        extractors.get_external_parser = _dateparser
        return stamp(find_date(text, url=url, original_date=True, extensive_search=True, outputformat="%Y-%m-%d"))
    except Exception:  # a guess is a convenience
        return None
