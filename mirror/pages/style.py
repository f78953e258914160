"""The style sheet of a page: only the pieces that the page needs, made small, and its hash for the CSP.

The pieces are the `.css` files beside this one. A page of plain paragraphs carries `base` and `article` only: on a slow
or counted line, every byte that is not the text is one too many.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from mirror.pages.html import Html, el

HERE = Path(__file__).parent
# In the order in which they go into a page; later ones may refine earlier ones.
PIECES = (
    "base",
    "skip",
    "headings",
    "list",
    "article",
    "facts",
    "front",
    "rule",
    "raised",
    "picture",
    "quote",
    "table",
    "code",
    "embed",
    "update",
    "notes",
    "removed",
    "changes",
    "arabic",
    "chinese",
    "mongolian",
)
ARABIC = frozenset({"ar", "fa", "ur", "ps", "ckb", "prs"})
_SET = re.compile(r"--(serif|sans|high|head):([^;}]+);?")
_MEDIA = re.compile(r"(@media[^{]+)\{((?:[^{}]+\{[^{}]*\})*)\}")


@cache
def piece(name: str) -> str:
    """One style file without comments and needless blanks."""
    css = re.sub(r"/\*.*?\*/", "", (HERE / f"{name}.css").read_text(encoding="utf-8"), flags=re.DOTALL)
    css = re.sub(r"\s+", " ", css)
    return re.sub(r" ?([{};,>]) ?", r"\1", css).replace(";}", "}").strip()


def script_pieces(languages: Iterable[str]) -> set[str]:
    """The pieces that the scripts of these languages need."""
    tags = {language.lower() for language in languages}
    bases = {tag.partition("-")[0] for tag in tags}
    needed = {"arabic"} if bases & ARABIC else set()
    needed |= {"chinese"} if "zh" in bases else set()
    return needed | ({"mongolian"} if any(tag.startswith("mn-mong") for tag in tags) else set())


def settled(css: str) -> str:
    """The same style for a page about one text: the fonts and heights of its script, for our own lines there too."""
    found = dict(_SET.findall(css))  # of two, the later one counts, as it does in a browser
    css = _SET.sub("", css)
    while named := re.search(r"var\(--(serif|sans|high|head)\)", css):
        css = css.replace(named[0], found[named[1]])
    css = re.sub(r"calc\(([\d.]+)\*([\d.]+)\)", lambda by: f"{float(by[1]) * float(by[2]):.3g}", css)
    return re.sub(r"(?<=[{}])[^{}@]+\{\}", "", css.replace(";}", "}"))


def gathered(css: str) -> str:
    """The same style with what pieces say of one medium in one place, at the end, and short names of its own."""
    media: dict[str, str] = {}
    for condition, rules in _MEDIA.findall(css):
        media[condition] = media.get(condition, "") + rules
    # Paper has the last word: its sheets may be as narrow as a phone.
    ordered = sorted(media.items(), key=lambda one: one[0] == "@media print")
    css = _MEDIA.sub("", css) + "".join(f"{condition}{{{rules}}}" for condition, rules in ordered)
    names = sorted(set(re.findall(r"--[a-z]{2,}(?=[:)])", css)))
    for name, short in zip(names, "abcdefghijklmnopqrstuvwxyz", strict=False):
        css = re.sub(rf"{name}(?=[:)])", f"--{short}", css)
    return css


@cache
def sheet(names: frozenset[str], *, alike: bool = False) -> tuple[Html, str]:
    """The `<style>` element with these pieces, and its source expression for `style-src`. `alike` says that the page
    is about one text."""
    css = "".join(piece(name) for name in PIECES if name in names)
    css = gathered(settled(css) if alike else css)
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    return el("style", Html(css)), f"'sha256-{digest}'"
