"""The page of one article: `a/<12 hex>.html`, for a person with any browser and nothing else.

The page is rendered from the signed article and is itself not signed: it says so at its top, and at its foot what
checks it. What a signature means, and where a reader's file is, is told once, on the front page. It carries no mark
that could be taken for a verdict; only `tamizdat` and the reader give those. For tools,
`<meta name="tamizdat:bundle" content="<digest>">` names what it was rendered from. That is a hint to look something up
by, and as unproven as the rest.

An article is for slow and counted lines: what is not its own text has about 3.5 KB, the style with it. Hence no way
past the two links at the top, and the original's host in place of its address, which stands in the link and on paper.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

from mirror.model import Article, Block
from mirror.pages.blocks import REL, Body, host
from mirror.pages.changes import changed
from mirror.pages.html import Html, el, escape, join, outward
from mirror.pages.page import bdi, direction, fill, lang, ltr, page
from mirror.pages.words import Words, moment, number, words


def page_path(url: str) -> str:
    """Where the page of the article with this canonical address lies on a mirror."""
    return f"a/{hashlib.sha256(url.encode('utf-8', 'surrogatepass')).hexdigest()[:12]}.html"


def article_page(
    article: Article,
    *,
    digest: str,
    index: int,
    publication: str,
    mirrors: Sequence[str] = (),
    parts_blocks: tuple[Block, ...] = (),
    before: Article | None = None,
    root: str = "../",
) -> bytes:
    """The article as an HTML page.

    `digest` is of the stored bundle, `index` its place in the log, `publication` the name of who signed. `mirrors` are
    base addresses; the first one appears in the command to run. `parts_blocks` are the blocks of `article.parts`, in
    order; without them a long article's page says that it is not complete. `before` is the whole revision that this one
    replaces: what changed since is shown. `root` leads from the page to the mirror's top. Pure, and total: any
    `Article` gives a page, nothing is trusted.
    """
    say = words(article.language)
    body = Body(
        resources=article.resources, language=article.language, words=say, root=root, direction=article.direction
    )
    text = body.render((*article.blocks, *parts_blocks))
    covers = [
        body.picture(place)
        for place, resource in enumerate(article.resources)
        if resource.cover and place not in body.shown
    ]
    own = words(article.language).language == lang(article.language).partition("-")[0].lower()
    # Our own sentences are in the article's language where we know it; else in English, and marked as such.
    frame = {} if own else {"lang": say.language, "dir": say.direction}

    bar = el(
        "nav",
        el("a", say.front, href=f"{root}index.html"),
        el("span", fill(say.neutral, publication=publication), say.gap, el("a", say.how, href="#check")),
        class_="ui",
        **frame,
    )
    whole = replace(article, blocks=(*article.blocks, *parts_blocks))
    since = changed(whole, before, say, root=root, frame=frame)
    rest = el("p", say.rest, class_="ui") if article.parts and not parts_blocks else None
    content = el(
        "main", el("article", removed(article, say, frame), heading(article, say), since, join(covers[:1]), text, rest)
    )
    foot = el(
        "footer",
        *how_to_check(article, say, index=index, publication=publication, mirrors=mirrors, root=root),
        id="check",
        class_="ui",
        **frame,
    )
    return page(
        title=f"{article.title} — {article.outlet_name}",
        language=article.language,
        text_direction=direction(article.direction),
        pieces={"article", *body.used, *(["removed"] if article.removed else []), *(["changes"] if since else [])},
        languages={article.language},
        head=(el("meta", name="tamizdat:bundle", content=digest),),
        body=join((bar, content, foot)),
        alike=True,
    )


def removed(article: Article, say: Words, frame: Mapping[str, str]) -> Html | None:
    """What is said at the top when the outlet no longer has the page."""
    if article.removed is None:
        return None
    noticed = moment(article.removed.noticed, say.language)
    said = fill(say.removed, noticed=noticed, answer=article.removed.answer)
    return el("p", said, class_="ui removed", role="note", **frame)


def heading(article: Article, say: Words) -> Html:
    kicker = join((bdi(article.outlet_name), bdi(article.section) if article.section else None), say.dot)
    authors = join((bdi(author) for author in article.authors), say.comma)
    dates = join(
        (
            join((say.published, " ", moment(article.published, article.language))) if article.published else None,
            join((say.modified, " ", moment(article.modified, article.language)))
            if article.modified and article.modified != article.published
            else None,
        ),
        say.comma,
    )
    byline = join((join((say.by, say.gap, el("b", authors))) if authors else None, dates), say.dot)
    return el(
        "header",
        el("p", kicker, class_="ui kicker"),
        el("h1", bdi(article.title)),
        el("p", bdi(article.lead), class_="lead") if article.lead else None,
        el("p", byline, class_="ui by") if byline else None,
    )


def how_to_check(
    article: Article, say: Words, *, index: int, publication: str, mirrors: Sequence[str], root: str
) -> list[Html]:
    """What checks the page, the command for it, and where the article comes from."""
    original = outward(article.url)
    place = next((mirror.rstrip("/") + "/" for mirror in mirrors if outward(mirror)), "")
    colon = "：" if say.language == "zh" else ": "
    facts = (
        (say.original, el("a", bdi(host(original)), href=original, rel=REL) if original else ltr(article.url)),
        (say.fetched, moment(article.fetched, say.language)),
        *([(say.revision, escape(number(article.revision, say.language)))] if article.revision > 1 else []),
        (say.index, escape(number(index, say.language))),
    )
    return [
        el("h2", say.check),
        el("p", say.with_what, " ", el("a", say.more, href=f"{root}index.html#check")),
        command(f"tamizdat verify {place}{page_path(article.url) if place else page_path(article.url)[2:]}"),
        *([taken_over(article, article.captured, say, publication)] if article.captured else []),
        el("p", join((join((name, colon, value)) for name, value in facts), say.dot)),
    ]


def taken_over(article: Article, captured: str, say: Words, publication: str) -> Html:
    """What the signature of an article says that others captured, as the front page tells only of the usual ones."""
    taken = fill(say.captured, publication=publication, time=moment(captured, say.language))
    return el("p", taken, " ", fill(say.does_not_say, outlet=article.outlet_name))


def keep_it(reader: str, say: Words, publication: str) -> tuple[Html, ...]:
    """Where the reader's file is, and why it is not believed for being there."""
    # Saved, not opened: opened from a mirror, it could be anything.
    link = el("a", ltr("reader.html"), href=reader, download="reader.html")
    forged = el("p", fill(say.forged, publication=publication))
    return el("p", say.keep, say.gap, link), forged, command("sha256sum reader.html")


def command(text: str) -> Html:
    return el("code", text, class_="run", dir="ltr")
