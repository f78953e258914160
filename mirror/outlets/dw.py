"""Deutsche Welle. Since the end of 2022 pages are made by a program whose class names are hashes; `.rich-text` is in
some of them, else the article is `.content-area` with the text in a box of its own. Until then pages had `.longText`.

Addresses are as public readers' lists had them in 2026, and none was tried: `outlet add` tries each.
"""

from __future__ import annotations

from mirror.outlets import Preset, Rules, named

_RULES = (
    Rules(
        body=("#bodyContent .longText", ".longText"),
        drop=("#sharing-bar, .sharing-item, .linkList, .smallList, .picBox, .article_ad, .vjs-modal",),
    ),
    Rules(
        drop=(
            ".advertise, .rich-text-ad, .gpt-slot, [data-tracking-name^=sharing-icons], .copy-button-wrapper, .sr-only",
            "[data-tracking-name*=related], [data-tracking-name*=newsletter], [data-tracking-name*=recommend]",
            "article > footer, .embed-teaser, .vjs-modal",
            *named("newsletter", "related", within="article"),
        ),
        since="2022-11-01",
    ),
)
_ONION = "dwnewsgngmhlplxy6o2twtfgjnrnjxbegbwqx6wnotdhkzt562tszfid.onion"


def _edition(id: str, name: str, language: str, path: str, *feeds: str, telegram: tuple[str, ...] = ()) -> Preset:
    return Preset(
        id=id,
        name=name,
        url=f"https://www.dw.com/{path}",
        language=language,
        hosts=("dw.com", _ONION),
        feeds=tuple(f"https://rss.dw.com/{feed}" for feed in feeds),
        telegram=tuple(f"https://t.me/s/{channel}" for channel in telegram),
        articles=(f"/{path}/*/a-*",),  # others are videos, galleries, programmes and lists
        rules=_RULES,
    )


PRESETS = (
    _edition("dw", "Deutsche Welle", "en", "en", "rdf/rss-en-all"),
    _edition("dw-ru", "DW на русском", "ru", "ru", "rdf/rss-ru-all", "xml/rss-ru-all", telegram=("dwglavnoe",)),
    _edition("dw-fa", "DW فارسی", "fa", "fa-ir", "rdf/rss-per-all", "xml/rss-fa-all", telegram=("dw_farsi",)),
    _edition("dw-zh", "DW 中文", "zh", "zh", "rdf/rss-chi-all"),
    _edition("dw-uk", "DW українською", "uk", "uk", "rdf/rss-ukr-all", "xml/rss-ukr-all"),
)
