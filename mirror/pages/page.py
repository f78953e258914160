"""What every page has around its text: the head, with its safety settings, and the frame.

Safety settings, and why:

- *CSP.* `default-src 'none'`: nothing is loaded but our one style sheet (by its hash) and pictures from where the page
  itself lies. Nothing else on the page could ask for more: no outlet markup ever gets here. This is the second net.
  In a `file:` page Chromium and Firefox read `'self'` as "files" and show the pictures beside it.
- *No referrer*, and *no DNS prefetch*: browsers look up the hosts of a page's links before anybody clicks. On the wire
  that names the blocked outlet while its article is being read.
- *robots `noindex`.* An outlet wants to be found, and a mirror would help - but a search engine's copy would
  outlive a withdrawal, which may protect a person; mirrors in search results are easy to find for those who block them;
  and a forged mirror would rank like a true one, when a page proves nothing about itself. Readers find mirrors through
  the outlet and the signed mirror list. There is no `rel=canonical` beside it: search engines may carry the `noindex`
  over to the address it names, and the outlet's own page would vanish with the copies.
- *Icon `data:,`*, so that browsers do not ask the mirror for `/favicon.ico`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from mirror.model import Direction
from mirror.pages.html import Html, el, escape, join
from mirror.pages.style import script_pieces, sheet
from mirror.pages.words import moment

LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8}){0,3}")
HEX = re.compile(r"[0-9a-f]{64}")
MASTER = re.compile(r"\{([a-z]+)\}")
_TURNS = dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A)))

_HEAD = Html(
    "<meta charset=utf-8><meta name=viewport content='width=device-width'><meta name=referrer content=no-referrer>"
    "<meta name=robots content=noindex><meta http-equiv=x-dns-prefetch-control content=off>"
    '<link rel=icon href="data:,">'
)


def lang(language: str) -> str:
    """A language tag fit for `lang=`: `und` for what is not one."""
    return language if LANGUAGE.fullmatch(language) else "und"


def direction(value: str) -> Direction:
    return "rtl" if value == "rtl" else "ltr"


def bdi(text: str) -> Html:
    """Somebody else's text inside a line of ours: its direction is its own affair and ends with it, also when the text
    itself says that it ends (in Chromium that counts for the element, too, and what follows turns ours around)."""
    return el("bdi", text.translate(_TURNS))


def fill(template: str, **values: str) -> Html:
    """Our sentence with others' names in it, each isolated so that it cannot turn the rest of the line around."""
    pieces = MASTER.split(template)
    return join(bdi(values[text]) if place % 2 else text for place, text in enumerate(pieces))


def ltr(text: str) -> Html:
    """Something to copy (an address, a digest, a command), left to right on every page."""
    return el("code", text, dir="ltr")


def object_path(digest: str) -> str | None:
    """Where an object lies on a mirror; `None` for what is no digest."""
    return f"o/{digest[:2]}/{digest[2:]}" if HEX.fullmatch(digest) else None


def page(
    *,
    title: str,
    language: str,
    text_direction: Direction,
    pieces: Iterable[str],
    languages: Iterable[str],
    head: Iterable[Html] = (),
    body: Html,
    alike: bool = False,
) -> bytes:
    """A whole page. `pieces` are the style pieces it needs besides `base`; `languages` all those that occur in it, and
    `alike` is whether it is about one text, so that all of it may have one script's fonts."""
    style, source = sheet(frozenset({"base", *pieces, *script_pieces(languages)}), alike=alike)
    policy = f"default-src 'none';img-src 'self' data:;style-src {source};base-uri 'none';form-action 'none'"
    top = join(
        (
            _HEAD,
            csp(policy),
            el("title", title),
            *head,
            style,
        )
    )
    # What HTML lets be left out is: the marks around head and body, and the end of it all.
    way = ' dir="rtl"' if text_direction == "rtl" else ""
    return f'<!doctype html><html lang="{lang(language)}"{way}>{top}{body}\n'.encode()


def csp(policy: str) -> Html:
    # The policy is ours throughout; written without entities so that a person can read the source.
    return Html(f'<meta http-equiv="Content-Security-Policy" content="{policy}">')


def note(*sentences: str | None) -> Html:
    """A paragraph of sentences."""
    return el("p", join((escape(sentence) for sentence in sentences if sentence), " "))


def when(time: str, language: str) -> Html:
    return el("time", moment(time, language), datetime=time)
