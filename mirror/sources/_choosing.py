"""Which of the sources that were found to use, and why, in words an operator can agree or disagree with. Pure.

One source leads: a feed of the site itself where there is one - it is short and says most - else WordPress'
interface, a channel, a sitemap, and only then pages. Others stand beside it for a reason that can be named: they
announce articles that the first one misses, or give the whole text where it gives the beginning. What both tell of in
the same time is compared; that an archive has older articles is no reason to ask it every hour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from mirror.sources import Item
from mirror.sources._discover import Candidate, Discovery, is_comments, is_own

BESIDE = 3  # sources beside the first
GAIN = 0.3  # as large a share of articles more, for a source to stand beside the first
RECENT = timedelta(hours=72)
SILENT = timedelta(days=30)
_NAMES = {"feed": "feed", "sitemap": "sitemap", "wordpress": "WordPress", "telegram": "Telegram", "section": "page"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The sources to use, the leading one first; `why` has a line for each of them, `left` for each of the others."""

    used: tuple[Candidate, ...]
    why: tuple[str, ...]
    left: tuple[str, ...]

    def of(self, kind: str) -> list[str]:
        """The addresses to write into the configuration, of one kind."""
        return [one.url for one in self.used if one.kind == kind]


def choose(found: Discovery, *, now: datetime) -> Choice:
    """What to use of what was found; nothing is used only where nothing was found."""
    ranked = list(found.candidates)
    if not ranked:
        return Choice(used=(), why=(), left=found.notes)
    first, why_first = _first(ranked, found)
    used, why, left = [first], [f"{_named(first)}: {first.url}  {_facts(first, now)}{why_first}"], []
    for one in ranked:
        if one is first:
            continue
        reason, good = _beside(one, used, found, now)
        if good and len(used) <= BESIDE:
            used.append(one)
            why.append(f"{_named(one)} beside it: {one.url}  because it {reason}")
        elif one.kind != "section" or one.asked:
            left.append(f"{_named(one)} left out: {one.url}  {reason}")
    hubs = [one for one in used if one.hub]
    left += [f"{one.url} announces new articles at {one.hub} (WebSub); we look by the clock instead" for one in hubs]
    left += list(found.notes)
    left += [f"Telegram left out: @{name} is linked from the site; `telegram` takes it" for name in found.channels]
    return Choice(used=tuple(used), why=tuple(why), left=tuple(dict.fromkeys(left)))


def _first(ranked: Sequence[Candidate], found: Discovery) -> tuple[Candidate, str]:
    best = ranked[0]
    if best.kind == "feed" and not best.asked and (is_comments(best) or not is_own(best, found.site)):
        best = next((one for one in ranked if one.kind != "feed" and is_own(one, found.site)), best)
    asked = next((one for one in ranked if one.kind == "section" and one.asked), None)
    if asked is not None and best.kind != "section" and not best.asked and _other_language(asked, best):
        return asked, f"; the {_NAMES[best.kind]} of the site is in another language ({best.language})"
    return best, ""


def _beside(one: Candidate, used: Sequence[Candidate], found: Discovery, now: datetime) -> tuple[str, bool]:  # noqa: PLR0911 - one return a reason
    """Why a source is used beside those chosen already, or why not."""
    first = used[0]
    if one.kind == "feed" and is_comments(one):
        return "is of comments, a tag or an author", False
    if not is_own(one, found.site):
        return "leads to other sites", False
    if one.newest and now - _time(one.newest) > SILENT:
        return f"is silent since {one.newest[:10]}", False
    if _other_language(one, first):
        return f"is in another language ({one.language}): a separate outlet, if you want it", False
    known = {item.url for other in used for item in other.articles}
    more = [item.url for item in _same_time(one, used) if item.url not in known]
    share = len(more) / max(1, first.items)
    if one.kind == "wordpress" and not first.full and one.full:
        return f"gives whole texts and {_times(one, first)}", True
    if first.kind == "section":
        good = one.kind == "section" and len(more) > 0
        return (f"links to {len(more)} more articles" if good else "adds nothing"), good
    if one.kind in ("section", "telegram"):
        return "adds nothing that the first one misses", False
    if one.kind == "sitemap" and first.kind != "sitemap" and not one.news:
        return "lists everything the site has; put it into `sitemaps` to back-fill from it", False
    if share >= GAIN:
        return f"lists {len(more)} articles of the same time that the first one misses", True
    recent = [sum(1 for item in each.articles if _recent(item.published, now)) for each in (one, first)]
    if recent[1] and recent[0] >= 1.5 * recent[1] and _turns_over(first, now):
        return f"lists {recent[0] / recent[1]:.0f} times as many of the last three days", True
    return "tells of the same articles", False


def _same_time(one: Candidate, used: Sequence[Candidate]) -> list[Item]:
    """The articles of `one` that are not older than what the chosen ones tell of; all, where there are no times."""
    oldest = min((item.published for other in used for item in other.articles if item.published), default="")
    return [item for item in one.articles if not oldest or (item.published or item.updated or "") >= oldest]


def _recent(published: str | None, now: datetime) -> bool:
    return published is not None and now - _time(published) < RECENT


def _turns_over(one: Candidate, now: datetime) -> bool:
    """Whether all that a feed holds is of the last two days, so that what came before has fallen out already."""
    return all(item.published and now - _time(item.published) < timedelta(days=2) for item in one.articles)


def _other_language(one: Candidate, other: Candidate) -> bool:
    codes = [(each.language or "").partition("-")[0].partition("_")[0].lower() for each in (one, other)]
    return bool(codes[0] and codes[1]) and codes[0] != codes[1]


def _named(one: Candidate) -> str:
    return "news sitemap" if one.news else _NAMES[one.kind]


def _times(one: Candidate, other: Candidate) -> str:
    many = one.items / max(1, other.items)
    return f"lists {many:.0f} times as many" if many >= 1.5 else f"{one.items} articles"


def _facts(one: Candidate, now: datetime) -> str:
    facts = [f"{one.items} articles"]
    if one.newest:
        facts.append(f"newest {age_of(now - _time(one.newest))} old")
    days = _per_day(one)
    if days:
        facts.append(days)
    facts.append(
        "whole texts" if one.full else "the page is asked for the text" if one.kind != "feed" else "beginnings"
    )
    return ", ".join(facts)


def _per_day(one: Candidate) -> str:
    times = sorted(item.published for item in one.articles if item.published)
    if len(times) < 3:
        return ""
    span = (_time(times[-1]) - _time(times[0])) / timedelta(days=1)
    rate = len(times) / span if span > 0.04 else 0
    return f"{rate:.0f} a day" if rate >= 1.5 else f"{rate * 7:.0f} a week" if rate * 7 >= 1 else ""


def age_of(age: timedelta) -> str:
    """An age as people say it."""
    hours = max(age / timedelta(hours=1), 0)
    return f"{hours * 60:.0f} min" if hours < 1 else f"{hours:.0f} h" if hours < 48 else f"{hours / 24:.0f} days"


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
