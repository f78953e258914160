"""A moment in a text: as machines stamp it, and as people write it in many languages and three calendars.

No zone means UTC, so that the calendar day stays the one that was written. What is no date is None, never an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from itertools import islice

from mirror.extract.months import month, persian_month
from mirror.zones import MINUTES

MAX_STAMP = 64
MAX_TEXT = 400  # characters of a line that are searched for a date
FIRST_JALALI, LAST_JALALI = 1369, 1420  # 1990 to 2041
FIRST_BUDDHIST, LAST_BUDDHIST = 2533, 2643  # 1990 to 2100

_STAMP = re.compile(
    r"(\d{4})-?(\d{2})-?(\d{2})(?:[T ]+(\d{1,2}):?(\d{2})(?::?(\d{2}))?(?:[.,]\d+)?\s*(Z|UTC|GMT|[+-]\d{2}:?\d{2}|"
    r"[+-]\d{2}|[A-Z]{2,4})?)?",
    re.IGNORECASE,
)
_MAIL = re.compile(r"[A-Z][a-z]{2},? \d{1,2} [A-Z][a-z]{2}|\d{1,2} [A-Z][a-z]{2} \d{4}")


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
    return MINUTES.get(zone)


_HAN = re.compile(r"(\d{4})\s?[年년]\s?(\d{1,2})\s?[月월]\s?(\d{1,2})\s?[日号號일]?")
_MONGOLIAN = re.compile(r"(\d{4})\s?он(?:ы)?\s(\d{1,2})(?:[\s-]?[^\W\d_]{1,7})?\sсарын\s(\d{1,2})")
_VIETNAMESE = re.compile(r"(\d{1,2})\s+tháng\s+(\d{1,2}),?\s+(?:năm\s+)?(\d{4})", re.IGNORECASE)
_YEAR_FIRST = re.compile(r"(?<!\d)(\d{4})\s?([-/.])\s?(\d{1,2})\s?\2\s?(\d{1,2})(?!\d)")
_DOTTED = re.compile(r"(?<!\d)(\d{1,2})\.\s?(\d{1,2})\.\s?((?:19|20)\d\d)(?!\d)")
_DOTTED_IN_SHORT = re.compile(r"(?<![\d.])(\d\d)\.(\d\d)\.([0-4]\d)(?![\d.:])")
_SLASHED = re.compile(r"(?<!\d)(\d{1,2})([/-])(\d{1,2})\2((?:19|20)\d\d)(?!\d)")
# Signs of vowels and tones, which are no letters: India, Thailand, Laos, Burma, Cambodia.
_SIGNS = (
    r"[\u0900-\u0903\u093a-\u094f\u0981-\u0983\u09bc-\u09cd\u0a3c-\u0a4d\u0abc-\u0acd\u0bbe-\u0bcd\u0c3e-\u0c4d"
    r"\u0cbc-\u0ccd\u0d3b-\u0d4d\u0dca-\u0ddf\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ecd"
    r"\u102b-\u103e\u17b4-\u17d3]"
)
_THAI_IN_SHORT = r"[\u0e01-\u0e46][\u0e01-\u0e4e]{0,2}\.[\u0e01-\u0e2e]\."
_MONTH = rf"({_THAI_IN_SHORT}|[^\W\d_](?:[^\W\d_]|{_SIGNS}){{1,14}}(?: (?:الأول|الاول|الثاني))?)"
_DAY_FIRST = re.compile(
    rf"(?<!\d)(\d{{1,2}})(st|nd|rd|th|er|º|ª|°|\.|-?го|ی|a)?,?[\s-]{{1,3}}(?:de\s|d[’']|of\s|ng\s|من\s)?{_MONTH}"
    rf"(?:\s?/\s?{_MONTH})?\.?[,،]?[\s-]{{1,3}}(?:de\s|del\s|соли\s|ឆ្នាំ|[พค]\.ศ\.\s?)?"
    r"(\d{4}(?!\d)|['’]?\d\d(?=\s*(?:$|[)\]|,•])))",
    re.IGNORECASE,
)
_MONTH_FIRST = re.compile(rf"(?<!\w){_MONTH}\.?\s(\d{{1,2}})(?:st|nd|rd|th)?[,،၊]?\s(\d{{4}})(?!\d)", re.IGNORECASE)
# "2027 m. kovo 1 d.", "2027. gada 1. martā", "2027-yil 1-mart", "2027ko martxoaren 1a", "2027 жылғы 1 наурыз".
_YEAR = r"(?<!\d)(\d{4})\.?(?:ko|[\s-]?(?:m|g|gada|yil|yili|йил|йили|ж|жыл|жылы|жылғы|год|года)\b)?[.,]{0,2}\s"
_YEAR_MONTH = re.compile(rf"{_YEAR}(?:د\s)?{_MONTH}\.?\s(\d{{1,2}})(?!\d)", re.IGNORECASE)
_YEAR_DAY = re.compile(rf"{_YEAR}(\d{{1,2}})[.-]?\s?{_MONTH}", re.IGNORECASE)
_CLOCK = re.compile(
    r"(?P<before>\D{0,12}?)(?<!\d)(?P<hour>\d{1,2})(?:[:：](?P<minute>\d{2})(?::(?P<second>\d{2}))?(?!\d)|"
    r"\s?(?:h(?![^\W\d_])|[時时點点시])(?:\s?(?P<past>\d{2})(?!\d)[分분]?)?|(?=\s?[ap]\.?m\b))"
    r"\s?(?:(?P<half>[ap])\.?m\b\.?|(?P<arabic>[صم])(?!\w)|(?P<greek>[πμ])\.?μ\.?)?\s?\(?"
    r"(?:(?:GMT|UTC)\s?(?P<gmt>[+-]\d{1,2}(?::?\d{2})?)(?!\d)|(?P<offset>[+-]\d{2}:?\d{2})(?!\d)|(?P<zone>[A-ZА-Я]{1,4})\b)?",
    re.IGNORECASE,
)
_CLOCK_WITH_A_DOT = re.compile(
    r"[\s,|·–-]{1,4}(?:(?:klo|kl|ore|um|alle|godz|kell)\.?\s)?(?P<hour>\d{1,2})\.(?P<minute>\d{2})"
    r"(?![\d.]|\s?[%€$£₽])(?:\s?(?P<half>[ap])\.?m\b)?",
    re.IGNORECASE,
)
_MORNING, _AFTERNOON = re.compile("上午|午前|凌晨|오전"), re.compile("下午|午後|午后|晚上|오후")


def written(text: str, *, day_first: bool | None = None) -> Moment | None:
    """The first date in a text that people read, with the time of day when it follows; None without one. A date of
    three numbers counts when it says which is the day: 3/4/2027 only with `day_first`, whether the day comes first."""
    text = " ".join(text[:MAX_TEXT].split())
    first = _first_day(text, day_first)
    if first is None:
        return None
    _, end, day = first
    try:
        if (clock := _CLOCK.match(text, end)) is not None:
            at = day.replace(
                hour=_hour(clock),
                minute=int(clock["minute"] or clock["past"] or 0),
                second=int(clock["second"] or 0),
            )
            return _moment(at, _offset(_signed(clock["gmt"] or clock["offset"]) or clock["zone"]), timed=True)
        if (clock := _CLOCK_WITH_A_DOT.match(text, end)) is not None:
            return _moment(day.replace(hour=_hour(clock), minute=int(clock["minute"])), None, timed=True)
    except ValueError:  # no such hour: these numbers are something else
        pass
    return _moment(day, None, timed=False)


def _hour(clock: re.Match[str]) -> int:
    """The hour from 0 to 23 that a clock of twelve hours means, in whatever way it says which half of the day it is."""
    said = {name: text.lower() for name, text in clock.groupdict().items() if text}
    hour, before = int(said["hour"]), said.get("before", "")
    half = said.get("half") or said.get("arabic") or said.get("greek")
    if hour > 12 or not (half or _MORNING.search(before) or _AFTERNOON.search(before)):
        return hour
    return hour % 12 + 12 * (half in ("p", "م", "μ") or _AFTERNOON.search(before) is not None)


def around_date(text: str) -> list[str]:
    """A line without its date, its time of day and what says that these follow: what stands before and after, as far as
    there is something; the line itself without a date."""
    first = _first_day(text, True)
    if first is None:
        return [text]
    before, after = _LABEL_BEFORE.sub("", text[: first[0]]), _CLOCK_AFTER.sub("", text[first[1] :])
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


def _first_day(text: str, day_first: bool | None) -> tuple[int, int, datetime] | None:
    """(begin, end, day) of the first date in a text."""
    return min(_days_in(text, day_first), key=lambda one: one[0], default=None)


def _days_in(text: str, day_first: bool | None) -> Iterator[tuple[int, int, datetime]]:
    """The first date of each form."""
    for pattern, day_of in _FORMS:
        for found in islice(pattern.finditer(text), 6):
            if (day := day_of(found, day_first)) is not None:
                yield found.start(), found.end(), day
                break


_DayOf = Callable[[re.Match[str], bool | None], datetime | None]


def _of_numbers(year: int, month_: int, day: int, *, century: int = 0) -> _DayOf:
    """By the groups in which they stand, and what is left out of the year."""
    return lambda found, _: _made(int(found[year]) + century, int(found[month_]), int(found[day]))


def _of_name(year: int, name: int, day: int) -> _DayOf:
    return lambda found, _: _named(int(found[year]), (found[name],), int(found[day]))


def _slashed(found: re.Match[str], day_first: bool | None) -> datetime | None:
    one, two, year = int(found[1]), int(found[3]), int(found[4])
    if one == two or one > 12:
        return _made(year, two, one)
    if two > 12:
        return _made(year, one, two)
    if day_first is None:
        return None
    return _made(year, two, one) if day_first else _made(year, one, two)


def _day_then_name(found: re.Match[str], _: bool | None) -> datetime | None:
    year, names = int(found[5].lstrip("'’")), (found[3], found[4])
    if year < 100:
        year += 2500 if re.match(_THAI_IN_SHORT, found[3]) else 2000
    # Croatia's October is Poland's November, but Poles write no dot behind the day.
    if found[2] == "." and found[3].casefold() == "listopada":
        names = "october", None
    return _named(year, names, int(found[1]))


_FORMS: tuple[tuple[re.Pattern[str], _DayOf], ...] = (
    (_HAN, _of_numbers(1, 2, 3)),
    (_YEAR_FIRST, _of_numbers(1, 3, 4)),
    (_DOTTED, _of_numbers(3, 2, 1)),
    (_DOTTED_IN_SHORT, _of_numbers(3, 2, 1, century=2000)),
    (_VIETNAMESE, _of_numbers(3, 2, 1)),
    (_MONGOLIAN, _of_numbers(1, 2, 3)),
    (_SLASHED, _slashed),
    (_DAY_FIRST, _day_then_name),
    (_MONTH_FIRST, _of_name(3, 1, 2)),
    (_YEAR_MONTH, _of_name(1, 2, 3)),
    (_YEAR_DAY, _of_name(1, 3, 2)),
)


def _made(year: int, month: int, day: int) -> datetime | None:
    try:
        made = _day(year, month, day, None, None, None)
    except ValueError:
        return None
    return made if 1990 <= made.year <= 2100 else None


def _named(year: int, names: Sequence[str | None], day: int) -> datetime | None:
    number_of = persian_month if FIRST_JALALI <= year <= LAST_JALALI else month
    for name in names:
        if name and (number := number_of(name)):
            return _made(year, number, day)
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
