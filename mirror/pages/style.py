"""The style sheet of a page: only the pieces that the page needs, made small, and its hash for the CSP.

The pieces are the `.css` files beside this one. A page of plain paragraphs carries `base` and `article` only.
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
    "article",
    "front",
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


@cache
def piece(name: str) -> str:
    """One style file without comments and needless blanks."""
    css = re.sub(r"/\*.*?\*/", "", (HERE / f"{name}.css").read_text(encoding="utf-8"), flags=re.DOTALL)
    css = re.sub(r"\s+", " ", css)
    return re.sub(r" ?([{};,]) ?", r"\1", css).replace(";}", "}").strip()


def script_pieces(languages: Iterable[str]) -> set[str]:
    """The pieces that the scripts of these languages need."""
    tags = {language.lower() for language in languages}
    bases = {tag.partition("-")[0] for tag in tags}
    needed = {"arabic"} if bases & ARABIC else set()
    needed |= {"chinese"} if "zh" in bases else set()
    return needed | ({"mongolian"} if any(tag.startswith("mn-mong") for tag in tags) else set())


@cache
def sheet(names: frozenset[str]) -> tuple[Html, str]:
    """The `<style>` element with these pieces, and its source expression for `style-src`."""
    css = "".join(piece(name) for name in PIECES if name in names)
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    return el("style", Html(css)), f"'sha256-{digest}'"
