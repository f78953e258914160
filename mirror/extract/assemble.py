"""The steps of `extract`, in order."""


# ruff: noqa: E501, PLR0917

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from lxml import etree

from mirror import charset, links, outlets
from mirror.extract import Extraction, Hints, body, chrome, images, language, liveblog, metadata, page, state
from mirror.extract.blocks import Builder, plain, text_of_blocks
from mirror.extract.metadata import Metadata
from mirror.extract.page import Group, Media, Run, key_of, squeeze
from mirror.model import Block, Draft, Heading, Paragraph, Picture, PictureRef, Quote, Rule, Update

_NOT_HTML = re.compile(rb"%PDF-|\x89PNG|\xff\xd8\xff|GIF8|PK\x03\x04|RIFF|\x1f\x8b|\x00\x00\x00.ftyp|BM....\x00\x00")
_LEAD_CLASS = re.compile(
    r"(?:^|[\s_-])(?:lead|lede|intro|introduction|standfirst|dek|deck|subtitle|sub-?title|subhead(?:line|ing)?|sub-?headline|summary|abstract|excerpt|teaser|chapo|chapeau|sottotitolo|description|"
    r"vorspann|entradilla|bajada|perex|zajawka|ingress|anons)(?:$|[\s_-])",
    re.IGNORECASE,
)
_BAD_COVER = re.compile(
    r"logo|default|placeholder|share[-_]?(?:image|img|pic)|social[-_]?(?:share|image)|og[-_]?(?:image|default)|favicon|no[-_]?image|fallback|\.svg",
    re.IGNORECASE,
)


def assemble(
    data: bytes,
    *,
    url: str,
    content_type: str | None,
    item: Hints | None,
    language: str | None,
    keep: tuple[str, ...],
    drop: tuple[str, ...],
) -> Extraction:
    kind = (content_type or "").split(";")[0].strip().lower()
    if _NOT_HTML.match(data[:64]) or (
        kind and not re.fullmatch(r"text/.*|application/(?:xhtml\+xml|xml|octet-stream)|unknown/unknown|\*/\*", kind)
    ):
        return Extraction(state="error", reason=f"not a page: {kind or 'binary data'}")
    source = charset.decode(data, content_type)
    root = page.parse(source)
    base = _base(root, url)
    found = metadata.read(root, url)
    verdict = state.before(root, found, url, source)
    if verdict is not None:
        return Extraction(state=verdict[0], reason=verdict[1])
    rules = outlets.rules_for(found.canonical or url)
    if keep or drop:
        rules = outlets.Rules(hosts=(), body=keep, drop=drop).before(rules)
    if rules is not None:
        rules.prune(root)
    tree = page.flow(root)
    chosen = _choose(root, tree, url, rules)
    top = body.common_box(chosen) if chosen else None
    if chosen:
        chosen = chrome.sift(chosen, top)
        body.fill(tree, chosen)
        chosen = [run for run in tree.runs() if run.chosen]
    chosen = _without_title(chosen, found)
    name, reason = state.after(root, found, url, chosen)
    live = liveblog.updates(found.linked, root, tree, base)
    if live and name in ("script-only", "error"):
        name, reason = "ok", ""
    if name not in ("ok", "paywall"):
        return Extraction(state=name, reason=reason)
    draft = _draft(tree, chosen, top, found, url, base, live, source, item)
    if draft is None:
        return Extraction(state="error", reason="no title was found in the page")
    draft = _settled(draft, found, item, language)
    return Extraction(state=name, reason=reason, article=draft)


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
    text = body.article_text(root, url)
    return body.choose(tree, text) if text else []


def _without_title(chosen: Sequence[Run], found: Metadata) -> list[Run]:
    """The headline is not part of the body, nor is a line of the masthead before it."""
    kept: list[Run] = []
    for number, run in enumerate(chosen):
        again = run.key in found.headings and (run.element.tag in ("h1", "h2", "h3") or number < 3)
        if again or (run.element.tag == "h1" and number < 3 and metadata.similar(run.text, found.title or "") > 0.8):
            run.chosen = False
        else:
            kept.append(run)
    return kept


def _draft(
    tree: Group,
    chosen: Sequence[Run],
    top: etree._Element | None,
    found: Metadata,
    url: str,
    base: str,
    live: tuple[Update, ...],
    source: str,
    item: Hints | None,
) -> Draft | None:
    lead = _lead(tree, chosen, found)
    chosen = [run for run in chosen if run.chosen]
    first = chosen[0].order if chosen else 0
    last = chosen[-1].order if chosen else -1
    builder = Builder(base=base, first=first, last=_end(tree, chosen, last), top=top)
    cover = _cover(tree, chosen, found, builder, base, first)
    blocks = builder.build(tree)
    pictures = builder.pictures
    if cover is not None:
        blocks, pictures, cover = _place_cover(blocks, pictures, cover)
    blocks = _tidy(blocks)
    if live:
        blocks = liveblog.join(blocks, live)
    title = found.title or title_of(item) or _first_words(blocks)
    if not title or not key_of(title):
        return None
    published = found.published or metadata.guess_date(source, url)
    return Draft(
        url=found.canonical or links.clean(links.absolute(url, url) or url),
        title=title,
        blocks=tuple(blocks),
        pictures=tuple(pictures),
        lead=lead,
        authors=found.authors,
        section=found.section,
        tags=found.tags,
        published=published,
        modified=found.modified,
    )


def title_of(item: Hints | None) -> str | None:
    return squeeze(item.title)[: metadata.MAX_TITLE] if item is not None and item.title else None


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


def _end(tree: Group, chosen: Sequence[Run], last: int) -> int:
    """Where media stop being the article's: a picture or player right after the last paragraph, in its own box or the one
    above, still belongs to it."""
    if not chosen:
        return last
    box = chosen[-1].element.getparent()
    if box is None or box.tag in ("body", "html"):
        return last + 1
    end = last
    for item in _media(tree):
        if item.order == end + 1 and box in item.element.iterancestors():
            end = item.order
    return end + 1


def _media(group: Group) -> list[Media]:
    found: list[Media] = []
    for item in group.items:
        if isinstance(item, Media):
            found.append(item)
        elif isinstance(item, Group):
            found.extend(_media(item))
    return found


def _lead(tree: Group, chosen: Sequence[Run], found: Metadata) -> str | None:
    """The standfirst: a short text marked as one before the body, or the page's description when the body does not
    begin with it."""
    if not chosen:
        return found.description
    marked: Run | None = None
    describes = key_of(found.description or "")
    seen_title = False
    for run in tree.runs():
        if run.key in found.headings:
            seen_title = True
        if run.order > chosen[min(1, len(chosen) - 1)].order:
            break
        if not seen_title or not 30 <= len(run.text) <= 600 or run.linked > 0.5 or chrome.is_chrome_run(run):
            continue
        named = not _among_paragraphs(run, chosen) and any(
            _LEAD_CLASS.search(page.attribute(box, "class"))
            for box in (run.element, *list(run.element.iterancestors())[:2])
            if box.tag not in ("body", "article", "main")
        )
        if named or (describes and run.key == describes and (run.element.tag in ("h2", "h3", "h4") or not run.chosen)):
            marked = run
            break
    if marked is not None and sum(len(run.key) for run in chosen) - len(marked.key) > 200:
        marked.chosen = False
        return marked.text
    if found.description:
        beginning = "".join(run.key for run in chosen[:3])
        sample = describes.removesuffix("…")[:60]
        if sample and not beginning.startswith(sample[:40]):
            return found.description
    return None


def _among_paragraphs(run: Run, chosen: Sequence[Run]) -> bool:
    """Whether a run is one of several of its kind in its box: the first paragraph of a body, whatever the box is called."""
    parent = run.element.getparent()
    if run.element.tag not in ("p", "div", "span"):
        return False
    return (
        sum(1 for other in chosen if other.element.tag == run.element.tag and other.element.getparent() is parent) >= 3
    )


def _cover(
    tree: Group, chosen: Sequence[Run], found: Metadata, builder: Builder, base: str, first: int
) -> PictureRef | None:
    """The lead figure between headline and text, else the picture the page names for previews."""
    named = [
        address
        for text in found.images
        if (address := images.usable(text, base)) and not _BAD_COVER.search(address.rsplit("/", 1)[-1])
    ]
    named = list(dict.fromkeys(named))
    title_order = -1
    for run in tree.runs():
        if run.key in found.headings and run.order < first:
            title_order = run.order
    boxes = set(chosen[0].element.iterancestors()) if chosen else set()
    candidates: list[images.Found] = []
    for item in _media(tree):
        if item.kind != "image" or item.order >= first:
            continue
        near = item.order > title_order >= 0 or any(
            box in boxes and box.tag in ("article", "main") for box in item.element.iterancestors()
        )
        picture = images.in_element(item.element, base) if near or named else None
        if picture is None:
            continue
        same = any(images.same_picture(one, other) for one in named for other in picture.candidates)
        if same:
            return _ref(picture, named, found)
        if near and not _in_chrome(item.element):
            candidates.append(picture)
    shown = [picture for picture in candidates if picture.caption or picture.credit]
    if shown:
        return _ref(shown[0], [], found)
    if named:
        return PictureRef(candidates=tuple(named[: images.MAX_CANDIDATES]), cover=True, alt=found.image_alt)
    return _ref(candidates[0], [], found) if candidates else None


def _in_chrome(element: etree._Element) -> bool:
    box = chrome.box_above(element, None)
    return box is not None


def _ref(picture: images.Found, named: Sequence[str], found: Metadata) -> PictureRef:
    candidates = tuple(dict.fromkeys((*picture.candidates, *named)))[: images.MAX_CANDIDATES]
    return PictureRef(
        candidates=candidates,
        cover=True,
        alt=picture.alt or found.image_alt,
        caption=picture.caption,
        credit=picture.credit,
    )


def _place_cover(
    blocks: list[Block], pictures: list[PictureRef], cover: PictureRef
) -> tuple[list[Block], list[PictureRef], PictureRef]:
    """The cover first in the list and nowhere in the body; a copy of it in the body gives it caption and credit."""
    twin: int | None = None
    for number, picture in enumerate(pictures):
        if any(images.same_picture(one, other) for one in cover.candidates for other in picture.candidates):
            twin = number
            break
    if twin is not None:
        same = pictures[twin]
        cover = replace(
            cover,
            candidates=tuple(dict.fromkeys((*same.candidates, *cover.candidates)))[: images.MAX_CANDIDATES],
            alt=cover.alt or same.alt,
            caption=cover.caption or same.caption,
            credit=cover.credit or same.credit,
        )
    kept = [picture for number, picture in enumerate(pictures) if number != twin]
    places = {number: place for place, number in enumerate((n for n in range(len(pictures)) if n != twin), 1)}

    def move(block: Block) -> Block | None:
        if isinstance(block, Picture):
            return Picture(resource=places[block.resource]) if block.resource in places else None
        return block

    moved = [new for block in blocks if (new := move(block)) is not None]
    return moved, [cover, *kept], cover


def _tidy(blocks: list[Block]) -> list[Block]:
    """No rules at the ends, no headings with nothing under them at the end, no paragraph twice in a row."""
    kept: list[Block] = []
    for block in blocks:
        if kept and isinstance(block, Paragraph | Quote) and block == kept[-1]:
            continue
        kept.append(block)
    while kept and isinstance(kept[0], Rule):
        kept.pop(0)
    while kept and isinstance(kept[-1], Rule | Heading):
        kept.pop()
    return kept


def _settled(draft: Draft, found: Metadata, item: Hints | None, configured: str | None) -> Draft:
    text = f"{draft.title} {draft.lead or ''} {text_of_blocks(draft.blocks)[:6000]}"
    spoken = language.settle([*found.languages, configured], text)
    published = draft.published
    if item is not None:
        published = published or metadata.stamp(item.published)
    return replace(draft, language=spoken, direction=language.direction_of(spoken, text), published=published)


__all__ = ["assemble", "plain", "squeeze"]
