"""Which of the sources that were found to use, and why, in words an operator can agree or disagree with. Pure.

One source leads: a feed of the site itself where there is one - it is short and says most - else WordPress'
interface, a channel, a sitemap, and only then pages. Others stand beside it for a reason that can be named: they
announce articles that the first one misses, or give the whole text where it gives the beginning. What both tell of in
the same time is compared; that an archive has older articles is no reason to ask it every hour.

Who gives the address of a section or of a language edition wants that one: what is of other parts stays out, by its
path where the part has one of its own (`articles = ["/fa/*"]`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from mirror.sources import Item
from mirror.sources._discover import MIN_LINKS, Candidate, Discovery, is_comments, is_own

BESIDE = 3  # sources beside the first
GAIN = 0.3  # as large a share of articles more, for a source to stand beside the first
RECENT = timedelta(hours=72)
SILENT = timedelta(days=30)
_NAMES = {"feed": "feed", "sitemap": "sitemap", "wordpress": "WordPress", "telegram": "Telegram", "section": "page"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The sources to use, the leading one first; `why` has a line for each of them, `left` for each of the others.
    `articles` are the patterns of the addresses that are wanted, none where all are."""

    used: tuple[Candidate, ...]
    why: tuple[str, ...]
    left: tuple[str, ...]
    articles: tuple[str, ...] = ()

    def of(self, kind: str) -> list[str]:
        """The addresses to write into the configuration, of one kind."""
        return [one.url for one in self.used if one.kind == kind]


def choose(found: Discovery, *, now: datetime) -> Choice:
    """What to use of what was found; nothing is used only where nothing was found."""
    ranked = list(found.candidates)
    if not ranked:
        return Choice(used=(), why=(), left=found.notes)
    first, why_first = _first(ranked, found)
    part = _part(first, ranked, found)
    whole = {one.url: one for one in ranked}
    if part is not None:
        first, *others = (replace(one, articles=_below(one, part)) for one in (first, *_without(ranked, first)))
    else:
        others = _without(ranked, first)
    used, why, left = [first], [f"{_named(first)}: {first.url}  {_facts(first, now)}{why_first}"], []
    for one in others:
        reason, good = _elsewhere(one, whole[one.url], first, found, part) or _beside(one, used, found, now)
        if good and len(used) <= BESIDE:
            used.append(one)
            why.append(f"{_named(one)} beside it: {one.url}  because it {reason}")
        elif one.kind != "section" or one.asked:
            left.append(f"{_named(one)} left out: {one.url}  {reason}")
    narrowed = part is not None and any(one.items < whole[one.url].items for one in used)
    if narrowed:
        why.append(f'of these only what is below {part}: articles = ["{part}*"]')
    hubs = [one for one in used if one.hub]
    left += [f"{one.url} announces new articles at {one.hub} (WebSub); we look by the clock instead" for one in hubs]
    left += list(found.notes)
    left += [f"Telegram left out: @{name} is linked from the site; `telegram` takes it" for name in found.channels]
    articles = (f"{part}*",) if narrowed else ()
    return Choice(used=tuple(used), why=tuple(why), left=tuple(dict.fromkeys(left)), articles=articles)


def _first(ranked: Sequence[Candidate], found: Discovery) -> tuple[Candidate, str]:
    best = ranked[0]
    if best.kind == "feed" and not best.asked and (is_comments(best) or not is_own(best, found.site)):
        best = next((one for one in ranked if one.kind != "feed" and is_own(one, found.site)), best)
    asked = next((one for one in ranked if one.kind == "section" and one.asked), None)
    if asked is not None and best.kind != "section" and not best.asked and _other_language(asked, best):
        return asked, f"; the {_NAMES[best.kind]} of the site is in another language ({best.language})"
    if asked is not None and best.kind != "section" and not best.asked and found.part:
        inside = [len(_below(one, found.part)) for one in (asked, best)]
        if inside[0] >= MIN_LINKS > inside[1]:
            return asked, f"; the {_NAMES[best.kind]} of the site is of other parts of it"
    return best, ""


def _without(ranked: Sequence[Candidate], first: Candidate) -> list[Candidate]:
    return [one for one in ranked if one is not first]


def _below(one: Candidate, part: str) -> tuple[Item, ...]:
    return tuple(item for item in one.articles if urlsplit(item.url).path.startswith(part))


def _part(first: Candidate, ranked: Sequence[Candidate], found: Discovery) -> str | None:
    """The path that tells the articles of the part that was asked for from all others; None where there is no such
    part, or its articles are anywhere."""
    if found.part is None:
        return None
    if found.apart or first.kind == "section":
        return found.part if first.items and len(_below(first, found.part)) == first.items else None
    return found.part if len(_below(first, found.part)) >= MIN_LINKS else None


def _elsewhere(
    one: Candidate, whole: Candidate, first: Candidate, found: Discovery, part: str | None
) -> tuple[str, bool] | None:
    """Why a source is of other parts of the site than the one that was asked for; None when it is not."""
    if _other_language(one, first):
        return None
    if part is not None and one.items * 2 < whole.items:
        return f"is of other parts of the site ({one.items} of {whole.items} are below {part})", False
    apart = found.apart or (first.kind == "section" and found.part is not None)
    if part is None and apart and not one.asked and not urlsplit(one.url).path.startswith(found.part or "/"):
        return "is of the whole site", False
    return None


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
    if one.kind == "section" and one.asked and found.part and not found.apart:
        more = [item.url for item in _below(one, found.part) if item.url not in known]
        if len(more) >= MIN_LINKS:
            return f"links to {len(more)} articles of this part of the site that the first one misses", True
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
