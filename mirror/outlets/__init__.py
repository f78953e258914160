"""What is known of single news sites: a file per site or family of sites.

A file holds `PRESETS`: where the site's articles are announced, so that `tamizdat outlet add` has somewhere to begin,
and rules for its pages where the general ones get them wrong. It is found by being in this folder; others' packages
add theirs through the entry point group `tamizdat.outlets` (a `Preset`, or several).

Rules are dated. Sites are rebuilt every few years, and a page captured before that has the markup of its time: of the
rules of a site those count that began last before the page was captured.

Selectors are CSS 3 as `cssselect` reads it.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from lxml import etree

from mirror import links

MAX_SELECTOR = 500


class SelectorError(ValueError):
    """Not a CSS selector."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """`body`: selectors tried in order, the first that finds something holds the article. `drop`: taken out of the page
    before anything else is looked at. `since`: the day (`2024-06-30`) from which the site's pages look like this."""

    body: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    since: str = ""

    def before(self, other: Rules | None) -> Rules:
        """These rules first, then the other ones."""
        if other is None:
            return self
        return Rules(body=self.body + other.body, drop=self.drop + other.drop, since=self.since)

    def prune(self, root: etree._Element) -> None:
        from mirror.extract import chrome

        for selector in self.drop:
            for element in select(root, selector):
                chrome.drop(element)

    def bodies(self, root: etree._Element) -> list[etree._Element]:
        for selector in self.body:
            found = select(root, selector)
            if found:
                return found
        return []


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """An outlet as it is known before anybody asked it. `id` is how it is called in `outlet add ID`; `hosts` are its
    own, without `www.`, its mirrors included; the addresses are what sources of `mirror.sources` read. What is written
    here may be out of date: `outlet add` looks at each before it believes it. `articles` and `exclude` are patterns of
    `mirror.sources._patterns`. `rules`: the newest last."""

    id: str
    name: str
    url: str
    language: str
    hosts: tuple[str, ...]
    feeds: tuple[str, ...] = ()
    sitemaps: tuple[str, ...] = ()
    wordpress: tuple[str, ...] = ()
    telegram: tuple[str, ...] = ()
    articles: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    rules: tuple[Rules, ...] = ()


def named(*words: str, within: str) -> tuple[str, ...]:
    """Selectors of what has one of these words within its class names, small or with a capital, below `within`: for
    sites whose class names are made by a program (`Donation-module_root__x1Yz`). Never of the page's own frame."""
    return tuple(f"{within} [class*={word}], {within} [class*={word.capitalize()}]" for word in words)


def select(root: etree._Element, selector: str) -> list[etree._Element]:
    """The elements a selector names, in the order of the page. Raises SelectorError."""
    found = compiled(selector)(root)
    return [element for element in found if isinstance(element, etree._Element)] if isinstance(found, list) else []


@lru_cache(maxsize=512)
def compiled(selector: str) -> etree.XPath:
    """Raises SelectorError for what is no selector, or none that can be asked of a page at rest (`:hover`)."""
    from cssselect import HTMLTranslator
    from cssselect import SelectorError as Refused

    if not selector.strip():
        raise SelectorError("a selector is empty")
    if len(selector) > MAX_SELECTOR:
        raise SelectorError(f"a selector has {len(selector)} characters; at most {MAX_SELECTOR} are read")
    try:
        return etree.XPath(HTMLTranslator().css_to_xpath(selector))
    except (Refused, etree.XPathError, ValueError) as error:
        raise SelectorError(f"not a selector: {selector!r} ({error})") from None


@lru_cache(maxsize=1)
def presets() -> dict[str, Preset]:
    """Every preset by its id: the files of this folder, then others' packages."""
    found: dict[str, Preset] = {}
    for module in sorted(info.name for info in pkgutil.iter_modules(__path__)):
        for preset in _several(importlib.import_module(f"{__name__}.{module}").PRESETS):
            found[preset.id] = preset
    from importlib.metadata import entry_points

    for entry in entry_points(group="tamizdat.outlets"):
        for preset in _several(entry.load()):
            found.setdefault(preset.id, preset)
    return found


def _several(value: Preset | Iterable[Preset]) -> Iterator[Preset]:
    if isinstance(value, Preset):
        yield value
    else:
        yield from value


@lru_cache(maxsize=1)
def _hosts() -> dict[str, tuple[Preset, ...]]:
    found: dict[str, tuple[Preset, ...]] = {}
    for preset in presets().values():
        for host in preset.hosts:
            found[host] = (*found.get(host, ()), preset)
    return found


def presets_for(url: str) -> tuple[Preset, ...]:
    """The presets of an address: those of its host or of the nearest one above it; of several language editions of one
    host first the one whose own address the given one begins with."""
    host = links.host_of(url)
    known = _hosts()
    while "." in host:
        if host in known:
            return tuple(sorted(known[host], key=lambda one: -_shared(one.url, url)))
        host = host.partition(".")[2]
    return ()


def _shared(own: str, url: str) -> int:
    """How many letters of the path of `own` the path of `url` begins with; -1 when it goes another way."""
    path, asked = _path(own), _path(url)
    return len(path) if asked.startswith(path) else -1


def _path(url: str) -> str:
    return re.sub(r"^\w+://[^/?#]*|[?#].*", "", url).rstrip("/") + "/"


def edition(url: str) -> Preset | None:
    """The preset whose front page this address is, at its own host or at a mirror of it; an address further below asks
    for a part of the site, which a preset knows nothing of."""
    return next((one for one in presets_for(url) if _path(one.url) == _path(url)), None)


def rules_for(url: str, *, captured: str | None = None) -> Rules | None:
    """The rules for a page by its address and the time it was captured (RFC 3339; None: now)."""
    for preset in presets_for(url)[:1]:
        return newest(preset.rules, captured=captured)
    return None


def newest(rules: Iterable[Rules], *, captured: str | None = None) -> Rules | None:
    """Of rules of different days those that count for a page of this time; for one older than all of them, none."""
    fitting = [one for one in rules if captured is None or one.since <= captured[:10]]
    return max(fitting, key=lambda one: one.since, default=None)
