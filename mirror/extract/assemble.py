"""The steps of `extract`, in order."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice

from lxml import etree

from mirror import charset, links, outlets
from mirror.extract import (
    Dropped,
    Extraction,
    Further,
    Hints,
    State,
    body,
    captions,
    chrome,
    cover,
    footnotes,
    images,
    joined,
    language,
    layout,
    lead,
    liveblog,
    masthead,
    metadata,
    page,
    state,
    times,
    titles,
)
from mirror.extract.blocks import Builder, plain, text_of_blocks
from mirror.extract.liveblog import Live
from mirror.extract.metadata import Metadata
from mirror.extract.page import Group, Run, key_of, squeeze
from mirror.model import Block, Draft, Heading, Paragraph, Quote, Rule

_NOT_HTML = re.compile(rb"%PDF-|\x89PNG|\xff\xd8\xff|GIF8|PK\x03\x04|RIFF|\x1f\x8b|\x00\x00\x00.ftyp|BM....\x00\x00")

MAX_DROPPED, MAX_DROPPED_TEXT = 500, 2000  # pieces, characters of one


def assemble(
    data: bytes,
    *,
    url: str,
    content_type: str | None,
    item: Hints | None,
    language: str | None,
    keep: tuple[str, ...],
    drop: tuple[str, ...],
    more: tuple[Further, ...] = (),
    force: bool = False,
    explain: bool = False,
    rules: tuple[outlets.Rules, ...] = (),
    captured: str | None = None,
) -> Extraction:
    kind = (content_type or "").split(";")[0].strip().lower()
    if _NOT_HTML.match(data[:64]) or (
        kind and not re.fullmatch(r"text/.*|application/(?:xhtml\+xml|xml|octet-stream)|unknown/unknown|\*/\*", kind)
    ):
        return Extraction(state="error", reason=f"not a page: {kind or 'binary data'}")
    source = charset.decode(data, content_type)
    root = page.parse(source)
    _proxies = list(root.iter())  # kept: lxml would make its objects anew at every look at an element
    base = _base(root, url)
    found = metadata.read(root, url)
    visible = "" if force else state.visible_in(root)
    verdict = None if force else state.before(root, found, url, source, visible)
    if verdict is not None:
        return Extraction(state=verdict[0], reason=verdict[1])
    following, amp = joined.next_page(root, url, found.canonical), joined.amp_page(root, url)
    ruled = _ruled(found.canonical or url, keep, drop, rules, captured)
    if ruled is not None:
        ruled.prune(root)
    notes = footnotes.lift(root)
    tree = page.flow(root)
    runs = list(tree.runs())
    chosen = _choose(root, tree, url, ruled)
    top = body.common_box(chosen) if chosen else None
    if chosen:
        chosen = layout.one_article(runs, chosen, found, url)
        chosen = layout.rejoin(runs, chosen)
        top = body.common_box(chosen)
        chosen = layout.trim(runs, chosen, top)
        chosen = chrome.sift(chosen, top)
        body.fill(tree, chosen)
        chosen = [run for run in runs if run.chosen]
    chosen = masthead.without(tree, chosen, found)
    if force and not chosen:
        chosen = body.everything(tree)
    letters = sum(len(run.key) for run in chosen)
    name: State = "ok"
    reason = ""
    if not force:
        same = ruled is None and not notes.notes  # the tree is as it was
        name, reason = state.after(root, found, url, chosen, visible if same else state.visible_in(root))
    builder = Builder(album=images.Album(base), first=-1, last=-1, top=top)
    live = liveblog.find(found.linked, root, tree, builder)
    name, reason = liveblog.verdict(live, found.linked, root, letters, (name, reason)) if not force else ("ok", "")
    draft = None
    if name in ("ok", "paywall"):
        draft = _draft(tree, chosen, found, url, builder, live, notes, source, item)
        if draft is None:
            name, reason = "error", "no title was found in the page"
        elif force and not draft.blocks:
            name, reason, draft = "error", "no text was found in the page", None
        else:
            draft = _settled(draft, found, language)
    dropped = _dropped(tree, top) if explain else ()
    one = Extraction(
        state=name,
        reason=reason,
        article=draft,
        dated=(found.dated if draft.published == found.published else draft.published) if draft is not None else None,
        letters=letters,
        claimed=state.claimed(found),
        next=following,
        amp=amp,
        dropped=dropped,
    )
    return _with_more(one, more, url, keep=keep, drop=drop, force=force, rules=rules, captured=captured)


def _ruled(
    url: str, keep: tuple[str, ...], drop: tuple[str, ...], dated: tuple[outlets.Rules, ...], captured: str | None
) -> outlets.Rules | None:
    """What the operator said counts before what is known of the outlet."""
    ruled = outlets.rules_for(url, captured=captured)
    own = outlets.newest(dated, captured=captured)
    if own is not None:
        ruled = own.before(ruled)
    return outlets.Rules(body=keep, drop=drop).before(ruled) if keep or drop else ruled


def _with_more(
    found: Extraction,
    more: Sequence[Further],
    url: str,
    *,
    keep: tuple[str, ...],
    drop: tuple[str, ...],
    force: bool,
    rules: tuple[outlets.Rules, ...],
    captured: str | None,
) -> Extraction:
    """The article with its further pages."""
    if found.article is None or not more:
        return found
    first = found.article
    others = [
        _further(one, url, language=first.language, keep=keep, drop=drop, force=force, rules=rules, captured=captured)
        for one in more
    ]
    pages = [one for one in others if one.article is not None]
    found = replace(
        found,
        article=joined.join([first, *(one.article for one in pages if one.article is not None)]),
        letters=found.letters + sum(one.letters for one in pages),
    )
    walled = next((one for one in others if one.state in _WALLS), None)
    if walled is None or found.state != "ok":
        return found
    article = found.article if walled.state == "paywall" else None
    return replace(found, state=walled.state, reason=f"a further page: {walled.reason}", article=article)


# A wall in place of a further page makes half an article, which nobody would notice. A further page that is gone, or
# holds no text, was a wrong link.
_WALLS: tuple[State, ...] = ("challenge", "consent", "paywall", "script-only")


def _further(
    more: Further,
    first: str,
    *,
    language: str | None,
    keep: tuple[str, ...],
    drop: tuple[str, ...],
    force: bool,
    rules: tuple[outlets.Rules, ...],
    captured: str | None,
) -> Extraction:
    """A further page reduced by itself. Its wall counts only where it is the article's: not on a page of another."""
    url, data, content_type = more
    if not joined.same_family(first, url):
        return Extraction(state="error", reason="not a page of this article")
    try:
        return assemble(
            data,
            url=url,
            content_type=content_type,
            item=None,
            language=language,
            keep=keep,
            drop=drop,
            force=force,
            rules=rules,
            captured=captured,
        )
    except page.PageError as error:
        return Extraction(state="error", reason=str(error))


def _base(root: etree._Element, url: str) -> str:
    for element in root.iter("base"):
        found = links.absolute(url, element.get("href"))
        if found:
            return found
    return url


def _choose(root: etree._Element, tree: Group, url: str, rules: outlets.Rules | None) -> list[Run]:
    if rules is not None:
        boxes = rules.bodies(root)
        inside: set[etree._Element] = set()
        for box in boxes:
            inside.update(box.iter())
        chosen = []
        for run in tree.runs():
            if run.key and run.element in inside:
                run.chosen = True
                chosen.append(run)
        if sum(len(run.key) for run in chosen) >= 100:
            return chosen
        for run in chosen:
            run.chosen = False
    text = body.article_text(root, tree, url)
    return body.choose(tree, text) if text else []


def _draft(  # noqa: PLR0917 - what the steps before it found
    tree: Group,
    chosen: list[Run],
    found: Metadata,
    url: str,
    builder: Builder,
    live: Live,
    notes: footnotes.Lifted,
    source: str,
    item: Hints | None,
) -> Draft | None:
    album = builder.album
    chosen = _told_once(_without_captions(tree, chosen, album))
    standfirst = lead.take(tree, chosen, found, live=bool(live.posts))
    chosen = [run for run in chosen if run.chosen]
    first = min([run.order for run in chosen[:1]] + [live.first] * bool(live.posts), default=0)
    last = _end(tree, chosen)
    shown = cover.find(tree, chosen, found, album, first)
    blocks = replace(builder, first=first, last=last).build(tree)
    pictures = builder.pictures
    if live.posts:
        blocks = liveblog.join(blocks, live.posts)
    if shown is not None:
        blocks, pictures = cover.place(blocks, pictures, shown)
    blocks = _tidy(blocks)
    if (noted := notes.block(blocks, builder)) is not None:
        blocks.append(noted)
    title = found.title or _title_of(item) or _first_words(blocks)
    if not title or not key_of(title):
        return None
    return Draft(
        url=found.canonical or links.clean(links.absolute(url, url) or url),
        title=title,
        blocks=tuple(blocks),
        pictures=tuple(pictures),
        lead=standfirst,
        authors=found.authors,
        section=found.section,
        tags=found.tags,
        published=times.agreed(found.published, item.published if item is not None else None)
        or times.guess_date(source, url),
        modified=found.modified,
    )


def _without_captions(tree: Group, chosen: Sequence[Run], album: images.Album) -> list[Run]:
    """What stands under a picture is no paragraph."""
    boxes: set[etree._Element] = set()
    last = chosen[-1].order if chosen else -1
    around = {box for box, _ in page.climb(run.element for run in chosen) if box.tag not in ("body", "html")}
    for item in tree.media():
        if (
            item.kind == "image"
            and item.order <= last + 1
            and not around.isdisjoint(islice(item.element.iterancestors(), captions.FARTHEST))
            and (found := album.picture(item.element)) is not None
        ):
            boxes.update(box for box in found.boxes if box.tag != "figure")
    for run in chosen:
        if run.element in boxes or any(above in boxes for above in run.element.iterancestors()):
            run.leave_out("what stands under a picture")
    return [run for run in chosen if run.chosen]


def _told_once(chosen: Sequence[Run]) -> list[Run]:
    """Without the paragraphs that stand in the page a second time for another width or as a quotation pulled out: right
    after their like, in another box or under another name. Of two of one kind in one box the author meant both."""
    before: Run | None = None
    for run in chosen:
        twin = before is not None and run.key and run.key == before.key
        if twin and before is not None and not body.of_one_kind(before.element, run.element):
            run.leave_out("the same paragraph again")
        else:
            before = run
    return [run for run in chosen if run.chosen]


def _dropped(tree: Group, top: etree._Element | None) -> tuple[Dropped, ...]:
    """What was left out of the text that was looked at, and what stands in the body's own box and was never in it."""
    runs = [run for run in tree.runs() if run.key]
    chosen = [run.order for run in runs if run.chosen]
    first, last = (chosen[0], chosen[-1]) if chosen else (0, -1)
    found: list[Dropped] = []
    for run in runs:
        if run.chosen:
            continue
        inside = first < run.order < last or (top is not None and top in run.element.iterancestors())
        if run.why or inside:
            why = run.why or (
                "words of the page's furniture" if chrome.is_chrome_run(run) else "not in the article's text"
            )
            found.append(Dropped(text=run.text[:MAX_DROPPED_TEXT], why=why))
    return tuple(found[:MAX_DROPPED])


def _title_of(item: Hints | None) -> str | None:
    return squeeze(item.title)[: titles.MAX_TITLE] if item is not None and item.title else None


def _first_words(blocks: Sequence[Block]) -> str | None:
    """For pages that have no title anywhere (old blogs, posts): the first heading, or the first words of the text."""
    for block in blocks:
        if isinstance(block, Heading):
            return plain(block.content)
    for block in blocks:
        if isinstance(block, Paragraph):
            text = plain(block.content).replace("\n", " ")
            return text if len(text) <= 80 else text[:80].rsplit(" ", 1)[0] + "…"
    return None


def _end(tree: Group, chosen: Sequence[Run]) -> int:
    """Where media stop being the article's: a picture or player right after the last paragraph, in its own box or the
    one above, still belongs to it."""
    if not chosen:
        return -1
    end = chosen[-1].order
    box = chosen[-1].element.getparent()
    if box is None or box.tag in ("body", "html"):
        return end + 1
    for item in tree.media():
        if item.order == end + 1 and box in item.element.iterancestors():
            end = item.order
    return end + 1


def _tidy(blocks: list[Block]) -> list[Block]:
    """No rules at the ends, no headings with nothing under them at the end, no quotation twice in a row."""
    kept: list[Block] = []
    for block in blocks:
        if kept and isinstance(block, Quote) and block == kept[-1]:
            continue
        kept.append(block)
    while kept and isinstance(kept[0], Rule):
        kept.pop(0)
    while kept and isinstance(kept[-1], Rule | Heading):
        kept.pop()
    return kept


def _settled(draft: Draft, found: Metadata, configured: str | None) -> Draft:
    text = f"{draft.title} {draft.lead or ''} {text_of_blocks(draft.blocks)[:6000]}"
    spoken = language.settle([*found.languages, configured], text)
    return replace(draft, language=spoken, direction=language.direction_of(spoken, text))
