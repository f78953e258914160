"""Rules for single news sites, a file per site.

A site needs a file only where the general rules get its pages wrong. A file holds one value, `RULES`: which hosts,
which elements are the article's body, which never belong to it. It is found by being in this folder. Selectors are a
small part of CSS: `tag`, `.class`, `#id`, `[attribute]`, `[attribute=value]`, `[attribute^=value]`, descendants by a
space, alternatives by a comma. Others' packages add rules through the entry point group `tamizdat.outlets`.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from dataclasses import dataclass
from functools import lru_cache

from lxml import etree

from mirror import links


class SelectorError(ValueError):
    """A selector outside the small language above."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """`body`: selectors tried in order, the first that finds something holds the article. `drop`: taken out of the page
    before anything else is looked at."""

    hosts: tuple[str, ...]
    body: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()

    def before(self, other: Rules | None) -> Rules:
        """These rules first, then the other ones."""
        if other is None:
            return self
        return Rules(hosts=self.hosts + other.hosts, body=self.body + other.body, drop=self.drop + other.drop)

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


def select(root: etree._Element, selector: str) -> list[etree._Element]:
    """The elements a selector names, in the order of the page."""
    found = _compiled(selector)(root)
    return [element for element in found if isinstance(element, etree._Element)] if isinstance(found, list) else []


@lru_cache(maxsize=512)
def _compiled(selector: str) -> etree.XPath:
    return etree.XPath(" | ".join(_path(part.strip()) for part in selector.split(",")))


_STEP = re.compile(r"([a-zA-Z][\w-]*|\*)?((?:[.#][\w-]+|\[[\w-]+(?:\^?=[^\]\"']+)?\])*)")
_PART = re.compile(r"\.([\w-]+)|#([\w-]+)|\[([\w-]+)(?:(\^?=)([^\]\"']+))?\]")


def _path(selector: str) -> str:
    path = "."
    if not selector:
        raise SelectorError("a selector is empty")
    for step in selector.split():
        found = _STEP.fullmatch(step)
        if not found or not step:
            raise SelectorError(f"not a selector this project understands: {selector!r}")
        path += f"//{found[1] or '*'}"
        for part in _PART.finditer(found[2]):
            if part[1]:
                path += f"[contains(concat(' ', normalize-space(@class), ' '), ' {part[1]} ')]"
            elif part[2]:
                path += f"[@id='{part[2]}']"
            elif part[4] == "=":
                path += f"[@{part[3]}='{part[5]}']"
            elif part[4]:
                path += f"[starts-with(@{part[3]}, '{part[5]}')]"
            else:
                path += f"[@{part[3]}]"
    return path


@lru_cache(maxsize=1)
def registry() -> dict[str, Rules]:
    """Host name (without `www.`) to rules: the files of this folder, then others' packages."""
    found: dict[str, Rules] = {}
    for module in sorted(info.name for info in pkgutil.iter_modules(__path__)):
        rules: Rules = importlib.import_module(f"{__name__}.{module}").RULES
        found.update((host, rules) for host in rules.hosts)
    from importlib.metadata import entry_points

    for entry in entry_points(group="tamizdat.outlets"):
        rules = entry.load()
        for host in rules.hosts:
            found.setdefault(host, rules)
    return found


def rules_for(url: str) -> Rules | None:
    """The rules for an address: those of its host or of the nearest one above it."""
    host = links.host_of(url)
    rules = registry()
    while "." in host:
        if host in rules:
            return rules[host]
        host = host.partition(".")[2]
    return None
