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
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cache
from itertools import islice
from typing import Any

from lxml import etree

from mirror.extract import nearby
from mirror.extract.declared import first, text_in
from mirror.extract.nearby import Line
from mirror.extract.page import attribute, is_hidden, marks, text_of

AFTER = 12  # lines after the headline in which the date may stand
BEFORE = 4
MAX_LINE = 160  # characters of a line that is about the date
MAX_AROUND = 40  # letters of such a line: a place, a label, a name
MAX_STAMP = 64

_STAMP = re.compile(
    r"(\d{4})-?(\d{2})-?(\d{2})(?:[T ]+(\d{1,2}):?(\d{2})(?::?(\d{2}))?(?:[.,]\d+)?\s*(Z|UTC|GMT|[+-]\d{2}:?\d{2}|"
    r"[+-]\d{2}|[A-Z]{2,4})?)?",
    re.IGNORECASE,
)
_MAIL = re.compile(r"[A-Z][a-z]{2},? \d{1,2} [A-Z][a-z]{2}|\d{1,2} [A-Z][a-z]{2} \d{4}")
_ZONES = {
    "Z": 0,
    "UTC": 0,
    "GMT": 0,
    "WET": 0,
    "MSK": 180,
    "МСК": 180,
    "CET": 60,
    "MEZ": 60,
    "CEST": 120,
    "MESZ": 120,
    "EET": 120,
    "EEST": 180,
    "EST": -300,
    "EDT": -240,
    "ET": -300,
    "PST": -480,
    "PDT": -420,
    "BST": 60,
    "CST": -360,
    "CDT": -300,
    "MST": -420,
    "MDT": -360,
    "IST": 330,
    "IRST": 210,
    "JST": 540,
    "KST": 540,
    "HKT": 480,
    "SGT": 480,
    "AEST": 600,
    "AEDT": 660,
}
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
_CHANGED = re.compile(
    r"updat|modif|last[-_ ]?(?:edit|change)|aktualisier|geändert|mis[e]? à jour|actuali[sz]ad|atualizad|aggiornat|"
    r"zaktualizowan|aktualizacj|aktualizov|обновлен|оновлен|изменен|به‌?\s?روز|بروزرسانی|تحديث|更新|修改|güncelle|"
    r"oppdater|"
    r"uppdatera|opdatere|bijgewerkt|päivite|diperbarui|수정",
    re.IGNORECASE,
)
_LABEL = re.compile(
    r"(?:datum|date|published|posted|veröffentlicht|publié(?: le)?|publicado(?: el| em)?|pubblicato(?: il)?|data|fecha|"
    r"дата(?: публикации| публікації)?|опубликовано|опубліковано|تاریخ(?: انتشار)?|منتشر شده در|تاريخ النشر|نشر في|"
    r"发布时间|发表时间|时间|日期|發布時間|掲載日|公開日)\s*[:：]?\s*(?=[\d\w])",
    re.IGNORECASE,
)
_NOT_THE_ARTICLES = re.compile(r"related|comment|sidebar|footer|teaser|recommend|most-?read|popular", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A time as read: `utc` is the moment, `local` what the page shows; `zoned` and `timed` say what was given."""

    utc: datetime
    local: datetime
    zoned: bool
    timed: bool

    def __str__(self) -> str:
        return self.utc.strftime("%Y-%m-%dT%H:%M:%SZ")

    @property
    def there(self) -> str:
        """The same moment by the clock of the page, `2027-03-01T08:00:00+01:00`: its day is the page's day."""
        minutes = round((self.local - self.utc) / timedelta(minutes=1))
        sign, minutes = ("-", -minutes) if minutes < 0 else ("+", minutes)
        zone = f"{sign}{minutes // 60:02}:{minutes % 60:02}" if minutes else "Z"
        return self.local.strftime("%Y-%m-%dT%H:%M:%S") + zone


@dataclass(frozen=True, slots=True, kw_only=True)
class Dates:
    """When an article was published and when it was changed after that, `YYYY-MM-DDTHH:MM:SSZ`; `there` is the first by
    the page's own clock."""

    published: str | None = None
    modified: str | None = None
    there: str | None = None


def stamp(text: str | None) -> str | None:
    """A time as `YYYY-MM-DDTHH:MM:SSZ`; None for what is none, or lies before 1990. No zone means UTC."""
    found = moment(text)
    return str(found) if found is not None else None


def moment(text: str | None) -> Moment | None:
    """The time that a machine's stamp or a written date means; None for what is none, or lies before 1990."""
    if not text:
        return None
    text = text.strip()[:MAX_STAMP]
    try:
        if re.fullmatch(r"\d{10}|\d{13}", text):
            return _moment(datetime.fromtimestamp(int(text[:10]), UTC), 0, timed=True)
        if found := _STAMP.match(text):
            return _moment(
                _day(int(found[1]), int(found[2]), int(found[3]), found[4], found[5], found[6]),
                _offset(found[7]),
                timed=found[4] is not None,
            )
        if _MAIL.match(text):
            read = parsedate_to_datetime(text)
            shift = read.utcoffset()
            minutes = None if shift is None else round(shift.total_seconds() / 60)
            return _moment(read.replace(tzinfo=UTC), minutes, timed=True)
    except (ValueError, OverflowError, OSError, TypeError):
        pass
    return written(text)


def _day(year: int, month: int, day: int, *clock: str | None) -> datetime:
    """Raises ValueError for days that no calendar has."""
    hour, minute, second = (int(part or 0) for part in clock)
    if FIRST_JALALI <= year <= LAST_JALALI:
        plain = from_jalali(year, month, day)
        year, month, day = plain.year, plain.month, plain.day
    if FIRST_BUDDHIST <= year <= LAST_BUDDHIST:
        year -= 543
    return datetime(year, month, day, hour, minute, min(59, second), tzinfo=UTC)


def _moment(local: datetime, minutes: int | None, *, timed: bool) -> Moment | None:
    utc = local - timedelta(minutes=minutes or 0)
    if not 1990 <= utc.year <= 2100:
        return None
    return Moment(utc=utc, local=local, zoned=minutes is not None, timed=timed)


def _offset(zone: str | None) -> int | None:
    """Minutes east of Greenwich; None when the zone is not known."""
    if not zone:
        return None
    zone = zone.upper()
    if zone[0] in "+-":
        digits = zone[1:].replace(":", "").ljust(4, "0")
        minutes = int(digits[:2]) * 60 + int(digits[2:])
        return -minutes if zone[0] == "-" else minutes
    return _ZONES.get(zone)


# Dates as people write them.

FIRST_JALALI, LAST_JALALI = 1369, 1420  # 1990 to 2041
FIRST_BUDDHIST, LAST_BUDDHIST = 2533, 2643  # 1990 to 2100

_MONTHS = (
    "january jan januar jänner janvier janv enero ene gennaio gen janeiro januari stycznia styczeń ledna leden "
    "января январь янв січня січень студзеня януари ocak oca yanvar tammikuuta tammikuu ianuarie január ιανουαρίου "
    "يناير ژانویه جنوری ינואר janúar",
    "february feb februar feber février fevrier févr fév febrero febbraio febb fevereiro fev februari lutego luty "
    "února únor "
    "февраля февраль фев февр лютого лютий лютага февруари şubat fevral helmikuuta helmikuu februarie február "
    "φεβρουαρίου "
    "فبراير شباط فوریه فروری פברואר febrúar",
    "march mar märz mrz mars marzo março marco maart mrt marca marzec března březen марта март мар березня березень "
    "сакавіка mart maaliskuuta maaliskuu martie március μαρτίου مارس آذار مارچ מרץ maret",
    "april apr avril avr abril abr aprile kwietnia kwiecień dubna duben апреля апрель апр квітня квітень красавіка "
    "април "
    "nisan aprel huhtikuuta huhtikuu aprilie április απριλίου أبريل ابريل إبريل نيسان آوریل اپریل אפריל apríl",
    "may mai mayo maggio mag maio mei maja maj května květen мая май травня травень траўня mayıs toukokuuta "
    "toukokuu május "
    "μαΐου مايو أيار ایار می مه מאי maí",
    "june jun juni juin junio giugno giu junho czerwca czerwiec června červen июня июнь июн червня червень чэрвеня юни "
    "haziran iyun kesäkuuta kesäkuu iunie június ιουνίου يونيو حزيران ژوئن جون יוני júní",
    "july jul juli juillet juil julio luglio lug julho lipca lipiec července červenec июля июль июл липня липень "
    "ліпеня юли "
    "temmuz iyul heinäkuuta heinäkuu iulie július ιουλίου يوليو تموز ژوئیه جولای جولائی יולי júlí",
    "august aug août aout agosto ago augustus sierpnia sierpień srpna srpen августа август авг серпня серпень жніўня "
    "ağustos avqust elokuuta elokuu augusztus αυγούστου أغسطس آب اوت اوگست آگست אוגוסט ágúst agustus",
    "september sept sep septembre septiembre settembre setembro set wrzesnia września wrzesień září сентября "
    "сентябрь сен "
    "сент вересня вересень верасня септември eylül sentyabr syyskuuta syyskuu septembrie szeptember σεπτεμβρίου سبتمبر "
    "أيلول ایلول سپتامبر ستمبر ספטמבר",
    "october oct oktober okt octobre octubre ottobre ott outubro out października październik října říjen октября "
    "октябрь "
    "окт жовтня жовтень кастрычніка октомври ekim oktyabr lokakuuta lokakuu octombrie október οκτωβρίου أكتوبر اكتوبر "
    "اکتبر اکتوبر אוקטובר",
    "november nov novembre noviembre novembro listopada listopad listopadu ноября ноябрь ноя нояб листопада листопад "
    "лістапада ноември kasım noyabr marraskuuta marraskuu noiembrie νοεμβρίου نوفمبر نوامبر نومبر נובמבר nóvember",
    "december dec dezember dez décembre decembre déc diciembre dic dicembre dezembro desember grudnia grudzień "
    "prosince "
    "prosinec декабря декабрь дек грудня грудень снежня декември aralık dekabr joulukuuta joulukuu decembrie "
    "δεκεμβρίου "
    "ديسمبر دسامبر دسمبر דצמבר desember desembre",
)
_SYLLABLES = (
    "जनवरी มกราคม មករា ဇန်နဝါရီ জানুয়ারি ጃንዩወሪ",
    "फरवरी फ़रवरी กุมภาพันธ์ កុម្ភៈ ဖေဖော်ဝါရီ ফেব্রুয়ারি ፌብሩወሪ",
    "मार्च มีนาคม មីនា မတ် মার্চ ማርች",
    "अप्रैल เมษายน មេសា ဧပြီ এপ্রিল ኤፕሪል",
    "मई พฤษภาคม ឧសភា မေ মে ሜይ",
    "जून มิถุนายน មិថុនា ဇွန် জুন ጁን",
    "जुलाई กรกฎาคม កក្កដា ဇူလိုင် জুলাই ጁላይ",
    "अगस्त สิงหาคม សីហា ဩဂုတ် သြဂုတ် আগস্ট ኦገስት",
    "सितंबर सितम्बर กันยายน កញ្ញា စက်တင်ဘာ সেপ্টেম্বর ሴፕቴምበር",
    "अक्टूबर अक्तूबर ตุลาคม តុលា အောက်တိုဘာ অক্টোবর ኦክቶበር",
    "नवंबर नवम्बर พฤศจิกายน វិច្ឆិកា နိုဝင်ဘာ নভেম্বর ኖቬምበር",
    "दिसंबर दिसम्बर ธันวาคม ធ្នូ ဒီဇင်ဘာ ডিসেম্বর ዲሴምበር",
)
_LEVANT = {
    "كانون الثاني": 1,
    "تشرين الأول": 10,
    "تشرين الاول": 10,
    "تشرين الثاني": 11,
    "كانون الأول": 12,
    "كانون الاول": 12,
}
_JALALI = (
    "فروردین حمل",
    "اردیبهشت ثور",
    "خرداد جوزا",
    "تیر سرطان",
    "مرداد امرداد اسد",
    "شهریور سنبله",
    "مهر میزان",
    "آبان عقرب",
    "آذر قوس",
    "دی جدی",
    "بهمن دلو",
    "اسفند حوت",
)


@cache
def _names() -> dict[str, int]:
    known = {name: number for number, names in enumerate(_MONTHS, 1) for name in names.split()}
    known.update({name: number for number, names in enumerate(_SYLLABLES, 1) for name in names.split()})
    known.update(_LEVANT)
    return known


@cache
def _jalali_names() -> dict[str, int]:
    return {name: number for number, names in enumerate(_JALALI, 1) for name in names.split()}


_HAN = re.compile(r"(\d{4})\s?[年년]\s?(\d{1,2})\s?[月월]\s?(\d{1,2})\s?[日号號일]?")
_VIET = re.compile(r"(\d{1,2})\s+tháng\s+(\d{1,2}),?\s+(?:năm\s+)?(\d{4})", re.IGNORECASE)
_YEAR_FIRST = re.compile(r"(?<!\d)(\d{4})\s?([-/.])\s?(\d{1,2})\s?\2\s?(\d{1,2})(?!\d)")
_DOTTED = re.compile(r"(?<!\d)(\d{1,2})\.\s?(\d{1,2})\.\s?((?:19|20)\d\d)(?!\d)")
_SLASHED = re.compile(r"(?<!\d)(\d{1,2})([/-])(\d{1,2})\2((?:19|20)\d\d)(?!\d)")
# Signs of vowels and tones, which are no letters: India, Thailand, Laos, Burma, Cambodia.
_SIGNS = (
    r"[\u0900-\u0903\u093a-\u094f\u0981-\u0983\u09bc-\u09cd\u0a3c-\u0a4d\u0abc-\u0acd\u0bbe-\u0bcd\u0c3e-\u0c4d"
    r"\u0cbc-\u0ccd\u0d3b-\u0d4d\u0dca-\u0ddf\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ecd"
    r"\u102b-\u103e\u17b4-\u17d3]"
)
_MONTH_NAME = rf"([^\W\d_](?:[^\W\d_]|{_SIGNS}){{1,14}}(?: (?:الأول|الاول|الثاني))?)"
_DAY_FIRST = re.compile(
    rf"(?<!\d)(\d{{1,2}})(?:st|nd|rd|th|er|º|ª|°|\.|-?го)?,?[\s-]{{1,3}}(?:de\s|d[’']|of\s)?{_MONTH_NAME}"
    rf"(?:\s?/\s?{_MONTH_NAME})?\.?,?[\s-]{{1,3}}(?:de\s|del\s|[พค]\.ศ\.\s?)?(\d{{4}}(?!\d)|['’]?\d\d(?=\s*(?:$|[)\]|,•])))",
    re.IGNORECASE,
)
_MONTH_FIRST = re.compile(
    rf"(?<!\w){_MONTH_NAME}\.?\s(\d{{1,2}})(?:st|nd|rd|th)?,?\s(\d{{4}})(?!\d)|"
    rf"(?<!\d)(\d{{4}})[.,]?\s{_MONTH_NAME}\s(\d{{1,2}})(?!\d)",
    re.IGNORECASE,
)
_CLOCK = re.compile(
    r"\D{0,12}?(?<!\d)(\d{1,2})[:：](\d{2})(?::(\d{2}))?(?!\d)\s?(?:([ap])\.?m\b\.?)?\s?\(?"
    r"(?:(?:GMT|UTC)\s?([+-]\d{1,2}(?::?\d{2})?)(?!\d)|([+-]\d{2}:?\d{2})(?!\d)|([A-ZА-Я]{1,4})\b)?",
    re.IGNORECASE,
)


def written(text: str, *, day_first: bool | None = None) -> Moment | None:
    """The first date in a text that people read, with the time of day when it follows; None without one. A date of
    three numbers counts when it says which is the day: 3/4/2027 only with `day_first`, whether the day comes first."""
    text = " ".join(text[:400].split())
    best: tuple[int, int, datetime] | None = None
    for begin, end, day in _days_in(text, day_first):
        if best is None or begin < best[0]:
            best = begin, end, day
    if best is None:
        return None
    begin, end, day = best
    minutes: int | None = None
    clock = _CLOCK.match(text, end)
    try:
        if clock is not None:
            hour = int(clock[1])
            if clock[4]:
                hour = hour % 12 + (12 if clock[4].lower() == "p" else 0)
            day = day.replace(hour=hour, minute=int(clock[2]), second=int(clock[3] or 0))
            minutes = _offset(_signed(clock[5] or clock[6]) or clock[7])
    except ValueError:
        clock = None
    return _moment(day, minutes, timed=clock is not None)


def around_date(text: str) -> list[str]:
    """A line without its date, its time of day and what says that these follow: what stands before and after, as far as
    there is something; the line itself without a date."""
    best: tuple[int, int] | None = None
    for begin, end, _ in _days_in(text, day_first=True):
        if best is None or begin < best[0]:
            best = begin, end
    if best is None:
        return [text]
    before, after = _LABEL_BEFORE.sub("", text[: best[0]]), _CLOCK_AFTER.sub("", text[best[1] :])
    return [part for part in (before, after) if part]


_LABEL_BEFORE = re.compile(
    r"(?:[\s,;:|•·–—(\[-]|\b(?:last|first|published|updated|posted|modified|created|date|stand|on|at|am|vom|le|el|il|em|"
    r"veröffentlicht|aktualisiert|publié|mis|à|jour|publicado|actualizado|atualizado|pubblicato|aggiornato|opublikowano|"
    r"опубликовано|обновлено|дата|mon|tue|wed|thu|fri|sat|sun|monday|tuesday|wednesday|thursday|friday|saturday|sunday)\b)+$",
    re.IGNORECASE,
)
_CLOCK_AFTER = re.compile(
    r"^(?:[\s,;:|•·–—)\]-]|\b(?:at|um|kl|à|a las|às|alle|ore|om|o|в|об)\b|\d{1,2}\s?[:.h]\s?\d{2}(?::\d{2})?|"
    r"\b(?:uhr|h|hrs?|[ap]\.?m\.?|gmt|utc|[ceb]e?s?t|msk|мск|ist|[pecm][sd]?t)\b|[+-]\d{1,2}:?\d{2})+",
    re.IGNORECASE,
)


def _signed(zone: str | None) -> str | None:
    """`+3` as `+03`."""
    return zone if not zone or len(zone) != 2 else f"{zone[0]}0{zone[1]}"


def _days_in(text: str, day_first: bool | None = None) -> Iterator[tuple[int, int, datetime]]:
    """(begin, end, day) of the first date of each form."""
    for pattern, order in ((_HAN, "123"), (_YEAR_FIRST, "134"), (_DOTTED, "321"), (_VIET, "321")):
        for found in islice(pattern.finditer(text), 4):
            year, month, day = (int(found[int(number)]) for number in order)
            if (made := _made(year, month, day)) is not None:
                yield found.start(), found.end(), made
                break
    for found in islice(_SLASHED.finditer(text), 4):
        one, two, year = int(found[1]), int(found[3]), int(found[4])
        month, day = (two, one) if one > 12 else (one, two)
        if one != two and one <= 12 and two <= 12:
            if day_first is None:
                continue
            month, day = (two, one) if day_first else (one, two)
        if (made := _made(year, month, day)) is not None:
            yield found.start(), found.end(), made
            break
    for found in islice(_DAY_FIRST.finditer(text), 6):
        year = int(found[4].lstrip("'’"))
        if (made := _named(year + 2000 * (year < 100), (found[2], found[3]), int(found[1]))) is not None:
            yield found.start(), found.end(), made
            break
    for found in islice(_MONTH_FIRST.finditer(text), 6):
        at = 3 if found[1] else 4, 1 if found[1] else 5, 2 if found[1] else 6
        if (made := _named(int(found[at[0]]), (found[at[1]],), int(found[at[2]]))) is not None:
            yield found.start(), found.end(), made
            break


def _made(year: int, month: int, day: int) -> datetime | None:
    try:
        made = _day(year, month, day, None, None, None)
    except ValueError:
        return None
    return made if 1990 <= made.year <= 2100 else None


def _named(year: int, names: Sequence[str | None], day: int) -> datetime | None:
    known = _jalali_names() if FIRST_JALALI <= year <= LAST_JALALI else _names()
    for name in names:
        if name and (month := known.get(name.casefold()) or known.get(name.split()[0].casefold())):
            return _made(year, month, day)
    return None


def from_jalali(year: int, month: int, day: int) -> date:
    """A day of the Persian solar calendar. Raises ValueError for one that it does not have. The leap years follow the
    33-year rule, which agrees with the equinox from 1343 to 1502."""
    leap = year % 33 in (1, 5, 9, 13, 17, 22, 26, 30)
    if not (1 <= month <= 12 and 1 <= day <= (31 if month <= 6 else 30 if month < 12 or leap else 29)):
        raise ValueError(f"{year}-{month}-{day} is no day of the Persian calendar")
    days = sum(366 if before % 33 in (1, 5, 9, 13, 17, 22, 26, 30) else 365 for before in range(1300, year))
    days += (month - 1) * 31 - max(0, month - 7) + day - 1
    return date(1921, 3, 21) + timedelta(days=days)


# Where a page says it.


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
    for line in near:
        if len(line.text) > MAX_LINE or is_hidden(line.element):
            continue
        label = _CHANGED.search(line.text)
        early = label is None or label.start() <= 8
        found = written(line.text if early or label is None else line.text[: label.start()], day_first=known)
        if found is None:
            continue
        if label is not None and label.start() <= 8:
            changed = changed or found
        elif (place >= 0 or found.timed) and sum(map(str.isalpha, line.text)) <= MAX_AROUND:
            published = found
            break
    for line in lines if published is None else ():
        if len(line.text) <= MAX_LINE and (label := _LABEL.match(line.text)):
            published = written(line.text[label.end() :][:40], day_first=known)
            if published is not None:
                break
    return published, changed


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
