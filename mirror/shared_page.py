"""An article as one page for a messenger: readable without scripts, with the whole pack inside for whoever checks.

    page(article, …)        the page's bytes
    with_signature(page, s) the page with a minisign signature of itself at its end
    extract(data)           the pack in a page, as bytes
    is_shared(data)         whether this claims to be such a page

The form, which the reader's `share.mjs` writes as well:

    <!doctype html><html lang="…" dir="…"><head> … </head><body>
    … the article, its pictures as data: addresses, and how to check it …
    <script type="text/plain" id="pack">
    -----BEGIN TAMIZDAT PACK-----
    UEsDBBQAAAAAAAAAIQC3…            the pack (`.tamizdat`), base64 in lines of 76
    -----END TAMIZDAT PACK-----
    </script></body></html>
    <!-- minisign
    untrusted comment: signature of world.example/minisign
    RUQ…                             a signature file of all that stands before "<!-- minisign"
    trusted comment: timestamp:… file:… origin:… index:…
    …
    -->

Nothing of the page but the pack counts for us. What it shows may be anybody's: `verify` and the reader take the pack
out and show the article that is signed in it. The signature at the end is for people with minisign and no tool of ours;
a page that the reader made has none, since only the publication has that key. There, `article.minisig` in the pack
serves: the publication's minisign signature of the bundle's stored bytes, if one came along in the `extra` line of the
proof, which nobody else looks at.

*Taking the pack out.* As text, never by an HTML parser: the two marker lines must stand in the page exactly once each,
as whole lines, in this order, with nothing but canonical base64 in lines between them (CR is dropped: mail adds it).
Sizes are capped before anything is read. An article whose own text has such a line gets `<wbr>` before it and its
first hyphen written as `&#45;`. The markers are those of PEM so that `certutil -decode page.html article.zip` of
Windows finds the pack, too.

*Limits.* A page has at most 32 MiB and its pack at most 18 MiB; pictures are shown up to 3 MiB in all, further ones by
their descriptions; all of them are in the pack. Shown are WebP, JPEG, PNG, GIF and AVIF, which cannot hold script.

*Safety.* The policy allows the one style sheet, by its hash, and `data:` pictures: nothing is loaded from anywhere. The
data element has a type no browser runs. There is no address in the page but those of links a person may follow.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, Final

from mirror import pack as packing
from mirror.model import Article, Resource
from mirror.pages.article import heading, removed
from mirror.pages.blocks import Body
from mirror.pages.html import Html, el, escape, join, outward
from mirror.pages.page import csp, direction, fill, lang, ltr
from mirror.pages.style import script_pieces, sheet
from mirror.pages.words import Words, moment, words
from signing.errors import FormatError
from signing.packing import from_base64

MAX_BYTES: Final = 32 << 20
MAX_PACK: Final = 18 << 20
MAX_SHOWN: Final = 3 << 20
BEGIN: Final = "-----BEGIN TAMIZDAT PACK-----"
END: Final = "-----END TAMIZDAT PACK-----"
SIGNED: Final = "<!-- minisign"
SIGNATURE: Final = "article.minisig"
"""The name, in a pack, of the publication's minisign signature of the bundle."""

_BEGIN = re.compile(rb"^" + BEGIN.encode() + rb"\r?$", re.MULTILINE)
_END = re.compile(rb"^" + END.encode() + rb"\r?$", re.MULTILINE)
_MARKED = re.compile(r"(\n)?-----(?=BEGIN|END)")
_SHOWN = frozenset({"image/webp", "image/jpeg", "image/png", "image/gif", "image/avif"})
_WORDS = Path(__file__).parent / "pages" / "shared"


# --- reading ---------------------------------------------------------------------------------------------------------


def is_shared(data: bytes) -> bool:
    """Whether a pack stands in these bytes, or begins to."""
    return _BEGIN.search(data) is not None


def extract(data: bytes) -> bytes:
    """The pack in a page. FormatError when there is none, or more than one."""
    if len(data) > MAX_BYTES:
        raise FormatError(f"a page that was passed on has at most {MAX_BYTES} bytes")
    begins, ends = (list(islice(marker.finditer(data), 2)) for marker in (_BEGIN, _END))
    if not begins or not ends:
        raise FormatError("there is no pack in this page, or it was cut off")
    if len(begins) > 1 or len(ends) > 1:
        raise FormatError("there are two packs in this page, and no way to tell which one is meant")
    if ends[0].start() < begins[0].end():
        raise FormatError("the pack in this page ends before it begins")
    found = from_base64(data[begins[0].end() : ends[0].start()].translate(None, b"\r\n"))
    if len(found) > MAX_PACK:
        raise FormatError(f"the pack in a page has at most {MAX_PACK} bytes, not {len(found)}")
    return found


# --- writing ---------------------------------------------------------------------------------------------------------


def page(
    document: Mapping[str, Any],
    parts: Sequence[Mapping[str, Any]],
    *,
    digest: str,
    publication: str,
    pack: bytes,
    picture: Callable[[str], bytes | None],
    by_hand: str | None,
) -> bytes:
    """The page of an article that was verified, without a signature of its own.

    `document` is the bundle's and `parts` are all of its parts'; `picture` gives the bytes of the picture with a
    digest, or None. `by_hand` says what minisign can check: "page" (it will get `with_signature`), "bundle" (the pack
    holds `article.minisig`) or None. FormatError when the pack is larger than a page may carry.
    """
    if len(pack) > MAX_PACK:
        raise FormatError(f"the article with its pictures is larger ({len(pack)} bytes) than a page can carry")
    article = packing.from_document(document)
    if article.parts:
        article = packing.join(article, parts)
    say = words(article.language)
    texts, language = _texts(article.language)
    way = "rtl" if language in ("ar", "fa") else "ltr"
    own = lang(article.language).partition("-")[0].lower()
    frame = {} if language == own else {"lang": language, "dir": way}
    # Other words than those of this page, and in fewer languages.
    spoken = {} if say.language == own else {"lang": say.language, "dir": say.direction}
    body = _Inline(article.resources, picture, language=article.language, words=say, direction=article.direction)
    text = body.render(article.blocks)
    covers = [
        body.picture(place)
        for place, resource in enumerate(article.resources)
        if resource.cover and place not in body.shown
    ]
    bar = el(
        "nav",
        el("span", texts["page.passed"], say.gap, el("a", texts["page.how"], href="#check")),
        class_="ui",
        **frame,
    )
    original = outward(article.url)
    facts = (
        (texts["original"], el("a", ltr(original), href=original) if original else ltr(article.url)),
        (texts["fetched"], moment(article.fetched, say.language)),
        (texts["bundle"], ltr(digest)),
    )
    foot = el(
        "footer",
        el("h2", texts["page.check"]),
        el("p", texts["page.nothing"]),
        el("p", texts["page.easy"]),
        _commands(["tamizdat verify article.html", "tamizdat get article.html -o signed.html"]),
        *_by_hand(texts, publication, digest, by_hand),
        el("p", texts["page.since"]),
        _meaning(article, say, texts, publication, spoken),
        el("dl", *(join((el("dt", name), el("dd", value))) for name, value in facts)),
        id="check",
        class_="ui",
        **frame,
    )
    gone = removed(article, say, spoken)
    shown = el("main", el("article", gone, heading(article, say), join(covers[:1]), text), id="text")
    pieces = {
        "base",
        "article",
        "facts",
        *body.used,
        *(["removed"] if gone else []),
        *script_pieces([article.language]),
    }
    style, source = sheet(frozenset(pieces))
    head = el(
        "head",
        el("meta", charset="utf-8"),
        csp(f"default-src 'none'; img-src data:; style-src {source}; base-uri 'none'; form-action 'none'"),
        el("meta", name="viewport", content="width=device-width,initial-scale=1"),
        el("meta", name="referrer", content="no-referrer"),
        el("meta", http_equiv="x-dns-prefetch-control", content="off"),
        el("title", f"{article.title} — {article.outlet_name}"),
        el("link", rel="icon", href="data:,"),
        style,
    )
    lines = base64.b64encode(pack).decode()
    folded = "\n".join(lines[at : at + 76] for at in range(0, len(lines), 76))
    root = f'<html lang="{lang(article.language)}" dir="{direction(article.direction)}">'
    made = (
        f"<!doctype html>{_unmarked(f'{root}{head}<body>{bar}{shown}{foot}')}\n"
        f'<script type="text/plain" id="pack">\n{BEGIN}\n{folded}\n{END}\n</script></body></html>\n'
    ).encode()
    if len(made) > MAX_BYTES:
        raise FormatError(f"the page would have {len(made)} bytes, more than one that is passed on may have")
    return made


def with_signature(made: bytes, signature: bytes) -> bytes:
    """The page with this minisign signature file, which is of `made`, at its end."""
    return b"%s%s\n%s-->\n" % (made, SIGNED.encode(), signature)


def signed_part(data: bytes) -> tuple[bytes, bytes] | None:
    """A page, and the signature file at its end; None where there is none."""
    before, found, after = data.rpartition(b"\n" + SIGNED.encode() + b"\n")
    return (before + b"\n", after.removesuffix(b"-->\n")) if found and after.endswith(b"-->\n") else None


def _by_hand(texts: Mapping[str, str], publication: str, digest: str, by_hand: str | None) -> list[Html]:
    if by_hand is None:
        return [el("p", texts["page.none"])]
    path = f"o/{digest[:2]}/{digest[2:]}"
    lines = {
        "page": [
            f"sed '/^{SIGNED}$/,$d' article.html > page",
            f"sed '1,/^{SIGNED}$/d;/^-->$/,$d' article.html > page.minisig",
            "minisign -Vm page -P KEY",
        ],
        "bundle": [
            "sed '1,/^-*BEGIN TAMIZDAT PACK/d;/^-*END TAMIZDAT PACK/,$d' article.html | base64 -d > article.zip",
            "unzip article.zip -d article",
            f"minisign -Vm article/{path} -x article/{SIGNATURE} -P KEY && gunzip < article/{path}",
        ],
    }
    meaning = texts["ok"] if by_hand == "page" else texts["page.ok_pack"]
    return [
        el("p", fill(texts["page.hand"], publication=publication)),
        _commands(lines[by_hand]),
        el("p", fill(meaning, publication=publication), " ", escape(texts["page.bad"])),
    ]


def _meaning(
    article: Article, say: Words, texts: Mapping[str, str], publication: str, spoken: Mapping[str, str]
) -> Html:
    """What the signature says, and what it does not."""
    if article.captured is None:
        return el("p", fill(texts["says"], publication=publication, outlet=article.outlet_name))
    taken = fill(say.captured, publication=publication, time=moment(article.captured, say.language))
    return el("p", taken, " ", fill(say.does_not_say, outlet=article.outlet_name), **spoken)


def _commands(lines: Sequence[str]) -> Html:
    return el("p", el("code", join(lines, Html("<br>")), class_="run", dir="ltr"))


def _unmarked(markup: str) -> str:
    """The markup with nothing that could pass for a marker, nor after a browser has saved the page as it sees it."""
    return _MARKED.sub(lambda found: ("\n<wbr>" if found[1] else "") + "&#45;----", markup)


@cache
def _texts(language: str) -> tuple[Mapping[str, str], str]:
    """What the page says in its own name, and in which language: the article's if there is a table for it."""
    wanted = language.partition("-")[0].lower()
    file = next((one for one in sorted(_WORDS.glob("*.json")) if one.stem == wanted), _WORDS / "en.json")
    found: dict[str, str] = json.loads(file.read_text("utf-8"))
    return found, file.stem


class _Inline(Body):
    """Blocks whose pictures are in the page itself, as long as there is room."""

    def __init__(self, resources: Sequence[Resource], picture: Callable[[str], bytes | None], **about: Any) -> None:
        super().__init__(resources=resources, root="", **about)
        self._bytes = picture
        self._room = MAX_SHOWN

    def image(self, resource: Resource) -> Html:
        data = self._bytes(resource.digest) if resource.media_type in _SHOWN and resource.size <= self._room else None
        if data is None:
            return el("img", alt=resource.alt or "")
        self._room -= len(data)
        image = el("img", width=resource.width, height=resource.height, alt=resource.alt or "")
        source = f"data:{resource.media_type};base64,{base64.b64encode(data).decode()}"
        return Html(image.replace("<img", f'<img src="{source}"', 1))
