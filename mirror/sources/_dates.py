"""Times as feeds write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_tz

from mirror.zones import MINUTES

_ZONE = re.compile(r"\b([A-Z]{3,4})\s*$")
_ISO = re.compile(
    r"(\d{4})-?(\d{2})-?(\d{2})"
    r"(?:[T\s]+(\d{2}):?(\d{2})(?::?(\d{2})(?:[.,]\d{1,9})?)?\s*(Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)?)?",
    re.IGNORECASE,
)
_RFC822 = re.compile(
    r"(?:[A-Z][a-z]{2}, )?(\d{1,2}) (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) (\d{4}) "
    r"(\d\d):(\d\d):(\d\d) (?:GMT|UTC|Z|([+-]\d{4}))"
)
_CLOCK = r"([0-9][0-9]):([0-9][0-9]):([0-9][0-9])"
_PLAIN_RFC822 = re.compile(
    r"(?:[A-Z][a-z][a-z], )?([0-9]?[0-9]) ([A-Z][a-z][a-z]) ([0-9]{4}) "
    rf"{_CLOCK} ([A-Z]+|([+-][0-9][0-9])([0-9][0-9]))"
)
_PLAIN_ISO = re.compile(
    rf"([0-9]{{4}})-([0-9][0-9])-([0-9][0-9])T{_CLOCK}(?:\.[0-9]+)?(Z|([+-][0-9][0-9]):([0-9][0-9]))"
)
_MONTHS = {"Jan": 1, "Feb": 2, "Mar": 3, "Apr": 4, "May": 5, "Jun": 6}
_MONTHS |= {"Jul": 7, "Aug": 8, "Sep": 9, "Oct": 10, "Nov": 11, "Dec": 12}
_NUMBERS = {name: f"{number:02}" for name, number in _MONTHS.items()}
_UTC = frozenset({"GMT", "UTC", "Z", "+0000", "+00:00"})


def moment(text: str | None) -> str | None:
    """A time in RFC 822 or ISO 8601, or something near it, as RFC 3339 in UTC; None when it is neither, or not between
    1990 and 2100. Without a zone it is taken for UTC; without a time of day for midnight."""
    if not text:
        return None
    if (found := _PLAIN_RFC822.fullmatch(text)) is not None:  # nine in ten are one of these two
        day, month, year, hour, minute, second, zone, away, further = found.groups()
        month = _NUMBERS.get(month, "")
        day = day if len(day) == 2 else "0" + day
    elif (found := _PLAIN_ISO.fullmatch(text)) is not None:
        year, month, day, hour, minute, second, zone, away, further = found.groups()
    else:
        return _calculated(text)
    # Days that every month has, and no other day in UTC.
    if (
        not ("01" <= month <= "12" and "01" <= day <= "28" and "1990" <= year < "2100")
        or not (hour < "24" and minute < "60" and second < "60")
        or (away is None and zone not in _UTC)
    ):
        return _calculated(text)
    if away is not None and zone not in _UTC:
        passed = int(hour) * 60 + int(minute) - int(away) * 60 - int(away[0] + further)
        if not (0 <= passed < 1440 and further < "60" and away[1:] < "24"):
            return _calculated(text)
        hour, minute = f"{passed // 60:02}", f"{passed % 60:02}"
    return f"{year}-{month}-{day}T{hour}:{minute}:{second}Z"


def _calculated(text: str) -> str | None:
    if " 0001 " in text:  # what programs write that have no date
        return None
    usual = _RFC822.fullmatch(text)
    if usual is None:
        text = " ".join(text[:100].split())
    found = _usual(usual) if usual else (_iso(text) if text[:4].isdigit() else None) or _rfc822(text)
    if found is None or not 1990 <= found.year < 2100:
        return None
    return f"{found.isoformat(timespec='seconds')[:19]}Z"


def _iso(text: str) -> datetime | None:
    match = _ISO.fullmatch(text)
    if not match:
        return None
    year, month, day, hour, minute, second, zone = match.groups()
    try:
        offset = timedelta(0)
        if zone and zone[0] in "+-":
            digits = zone[1:].replace(":", "").ljust(4, "0")
            offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:])) * (-1 if zone[0] == "-" else 1)
        clock = int(hour or 0), int(minute or 0), min(int(second or 0), 59)  # 60 is a leap second
        return datetime(int(year), int(month), int(day), *clock, tzinfo=timezone(offset)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _usual(parts: re.Match[str]) -> datetime | None:
    day, month, year, hour, minute, second, zone = parts.groups()
    try:
        at = datetime(int(year), _MONTHS[month], int(day), int(hour), int(minute), min(int(second), 59))  # noqa: DTZ001
        if zone is None or zone == "+0000":
            return at
        away = timedelta(hours=int(zone[1:3]), minutes=int(zone[3:]))
        return at + away if zone[0] == "-" else at - away
    except (ValueError, OverflowError):
        return None


def _rfc822(text: str) -> datetime | None:
    try:
        parts = parsedate_tz(text)
        if parts is None:
            return None
        offset = parts[9] or 0
        named = _ZONE.search(text)
        if named and named.group(1) in MINUTES:
            offset = MINUTES[named.group(1)] * 60
        year, month, day, hour, minute, second = parts[:6]
        at = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=timezone(timedelta(seconds=offset)))
        return at.astimezone(UTC)
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
