"""The mirror's front page, `index.html`: a signed edition as a newspaper's front.

Per outlet the newest article large, a few more with their first lines, the rest as headlines. Every item carries its
own language and direction: one edition may hold Persian beside English. Times are dates, never ages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mirror.pages.article import command, keep_it, page_path
from mirror.pages.blocks import REL
from mirror.pages.html import Html, el, join, outward
from mirror.pages.page import bdi, direction, fill, lang, ltr, note, object_path, page, when
from mirror.pages.words import Words, moment, number, words

# Beyond these an outlet's items are headlines: a long front page should stay small on a slow link.
WITH_LEAD = 6
WITH_PICTURE = 6
LEAD = 220  # characters of the first lines shown


def front_page(
    edition: Mapping[str, Any],
    *,
    pages: Mapping[str, str] | None = None,
    reader: str | None = None,
    language: str | None = None,
) -> bytes:
    """The edition document as an HTML page.

    `pages` maps bundle digests to page paths; an item that is not in it is shown without a link (a light mirror has no
    pages). Without `pages` every item is linked to where its page lies. `reader` is the path of the reader's file where
    the mirror has one. `language` is that of our own sentences: by default the outlets' when they share one, else
    English.
    """
    outlets: Sequence[Mapping[str, Any]] = edition["outlets"]
    tongues = {str(outlet["language"]).partition("-")[0] for outlet in outlets}
    say = words(language or (tongues.pop() if len(tongues) == 1 else "en"))
    languages = {say.language, *(str(item["language"]) for outlet in outlets for item in outlet["articles"])}
    name = str(edition["publication"]["name"])
    content = join(
        (
            el("a", say.skip, href="#text", class_="skip"),
            masthead(edition, say, name),
            el("main", *(section(outlet, say, pages, reader) for outlet in outlets), id="text", tabindex="-1"),
            foot(edition, say, name, reader),
        )
    )
    return page(
        title=name,
        language=say.language,
        text_direction=say.direction,
        pieces={"front", "skip"},
        languages=languages | {str(outlet["language"]) for outlet in outlets},
        head=(el("link", rel="alternate", type="application/atom+xml", href="feed.xml", title=name),),
        body=content,
    )


def masthead(edition: Mapping[str, Any], say: Words, name: str) -> Html:
    serial = fill(say.edition, serial=number(int(edition["serial"]), say.language))
    return el(
        "header",
        el("h1", bdi(name)),
        el("p", join((serial, when(str(edition["time"]), say.language)), say.dot), class_="ui"),
        el("p", fill(say.neutral, publication=name), say.gap, el("a", say.how, href="#check"), class_="ui"),
        class_="mast",
    )


def section(outlet: Mapping[str, Any], say: Words, pages: Mapping[str, str] | None, reader: str | None) -> Html:
    tongue = str(outlet["language"])
    site = outward(str(outlet["url"]))
    items = [item_of(item, place, pages) for place, item in enumerate(outlet["articles"])]
    # The older pages hold every article, those listed here included.
    held = int(outlet["older"]["articles"]) if outlet.get("older") else 0
    count = fill(say.older, count=number(held, say.language)) if held > len(items) else None
    label = f"outlet-{outlet['id']}"
    return el(
        "section",
        el(
            "header",
            el("h2", bdi(str(outlet["name"])), id=label),
            el(
                "span",
                el("a", say.original_site, href=site, rel=REL),
                class_="ui",
                lang=say.language,
                dir=say.direction,
            )
            if site
            else None,
        ),
        el("ul", *items, class_="list"),
        el("p", join((count, el("a", say.reader, href=reader) if reader else None), " "), class_="ui")
        if count
        else None,
        class_="outlet",
        lang=lang(tongue),
        dir=direction(str(outlet["direction"])),
        aria_labelledby=label,
    )


def item_of(item: Mapping[str, Any], place: int, pages: Mapping[str, str] | None) -> Html:
    tongue = str(item["language"])
    path = page_path(str(item["url"])) if pages is None else pages.get(str(item["digest"]))
    title = bdi(str(item["title"]))
    lead = str(item.get("lead", "")) if place < WITH_LEAD else ""
    thumbnail = object_path(str(item["thumbnail"])) if item.get("thumbnail") and place < WITH_PICTURE else None
    time = str(item.get("published") or item["fetched"])
    return el(
        "li",
        el(
            "article",
            el("h3", el("a", title, href=path) if path else title),
            el("p", bdi(shorten(lead))) if lead else None,
            el("time", moment(time, tongue, clock=False), datetime=time),
            # After the words in the source: the headline is read first, and loaded first.
            el("img", src=thumbnail, width=320, height=200, alt="", loading="lazy") if thumbnail else None,
            class_="item",
        ),
        lang=lang(tongue),
        dir=direction(str(item["direction"])),
        class_="pic" if thumbnail else None,
    )


def shorten(text: str) -> str:
    """The first lines, cut between words where there are blanks."""
    if len(text) <= LEAD:
        return text
    cut = text[:LEAD]
    return (cut.rpartition(" ")[0] or cut).rstrip(" ,.;:،؛，。；：—–-") + "…"


def foot(edition: Mapping[str, Any], say: Words, name: str, reader: str | None) -> Html:
    mirrors = [mirror for mirror in edition["mirrors"] if outward(str(mirror["url"]))]
    # Left to the reader where nothing is known: the address in the browser's own bar.
    first = str(mirrors[0]["url"]) if mirrors else "https://…/"
    publication = edition["publication"]
    feed = el("a", say.feed, href="feed.xml")
    return el(
        "footer",
        el(
            "div",
            el(
                "div",
                el("h2", say.check),
                note(say.nothing, fill(say.check_front, publication=name), fill(say.says, publication=name)),
                el("ol", *(el("li", step) for step in say.steps)),
                command(f"tamizdat verify {first}"),
                *(keep_it(reader, say, name) if reader else ()),
            ),
            el(
                "div",
                mirror_list(mirrors, say) if mirrors else None,
                withdrawn(edition["withdrawals"], say) if edition["withdrawals"] else None,
                el("p", say.due, " ", when(str(edition["next"]), say.language), "。" if say.language == "zh" else "."),
                el("p", join((bdi(name), ltr(str(publication["origin"])), feed), say.dot)),
            ),
            class_="cols",
        ),
        id="check",
        class_="ui",
    )


def mirror_list(mirrors: Sequence[Mapping[str, Any]], say: Words) -> Html:
    rows = []
    for mirror in mirrors:
        url = str(mirror["url"])
        notes = [str(mirror[key]) for key in ("network", "country", "note") if mirror.get(key)]
        since = join((say.since, " ", moment(str(mirror["since"]), say.language, clock=False)))
        facts = join((since, *(bdi(text) for text in notes)), say.dot)
        rows.append(el("li", el("a", ltr(url), href=url, rel=REL), " ", facts))
    return join((el("h2", say.mirrors), note(say.mirrors_say), el("ul", *rows)))


def withdrawn(withdrawals: Sequence[Mapping[str, Any]], say: Words) -> Html:
    rows = []
    for withdrawal in withdrawals:
        reason = str(withdrawal.get("reason", ""))
        facts = (when(str(withdrawal["time"]), say.language), bdi(reason) if reason else None)
        rows.append(el("li", join(facts, say.dot), " ", ltr(str(withdrawal["digest"])[:16] + "…")))
    return join((el("h2", say.withdrawn), el("ul", *rows)))
