"""BBC News in the languages of countries where it is blocked. One system renders all of them since 2020 ("Simorgh"):
`main[role=main]` is a row of boxes, the class names are hashes, what can be relied on are roles, `data-*` and the
addresses of the links that skip over a box. Recommendations, podcasts and appeals ("read us on Telegram", "if the site
does not open") stand between the paragraphs as `section[role=region]`. Each picture's caption begins with words only
for those who cannot see it. Until 2020 pages had `.story-body`.

Addresses are as public readers' lists had them in 2026, and none was tried: `outlet add` tries each.
"""

from __future__ import annotations

from mirror.outlets import Preset, Rules

_RULES = (
    Rules(
        drop=(
            ".sharetools, .twite, .with-extracted-share-icons, .story-more, .top-stories-promo, .tags-container",
            ".story-body__link-also, .see-alsos, .off-screen, .story-body__mini-info-list-and-share, .bbccom_slot",
            ".social-embed-post, .media-placeholder__smp-message",
        ),
        since="2009-01-01",
    ),
    Rules(
        drop=(
            "main section[role=region], main nav, main aside",
            "[data-e2e*=recommendations], [data-e2e*=related], [data-e2e*=most-read], [data-e2e*=podcast]",
            "[data-testid*=recommendations], [data-testid*=related], [data-testid=top-stories], [data-testid=features]",
            "[data-testid*=whatsapp], [data-component*=promo], [data-component=links-block], [data-component=tags]",
            "[data-component=ad-slot], [data-component=include-block], [data-testid*=podcast], [data-testid*=account]",
            "a[href^='#end-of'], [id^=end-of-], a[href^='#skip'], main figcaption > span:first-child:not(:only-child)",
            "main figure p[role=text] > span:first-child:not(:only-child)",
            "[class*=visually-hidden], [class*=VisuallyHidden], main button",
        ),
        since="2020-06-01",
    ),
)
_ONIONS = (
    "bbcnewsd73hkzno2ini43t4gblxvycyac5aw4gnv7t2rccijh7745uqd.onion",
    "bbcweb3hytmzhn5d532owbu6oqadra5z3ar726vq5kgwwn6aucdccrad.onion",
)


def _edition(id: str, name: str, language: str, path: str, feed: str, *, telegram: tuple[str, ...] = ()) -> Preset:
    return Preset(
        id=id,
        name=name,
        url=f"https://www.bbc.com/{path}",
        language=language,
        hosts=("bbc.com", "bbc.co.uk", *_ONIONS),
        feeds=(f"https://feeds.bbci.co.uk/{feed}/rss.xml",),
        telegram=tuple(f"https://t.me/s/{channel}" for channel in telegram),
        exclude=("*/av/*", "*/media-*", "*/bbc_*_radio/*", "*/podcasts/*", "*/topics/*"),
        rules=_RULES,
    )


PRESETS = (
    _edition("bbc-russian", "BBC News Русская служба", "ru", "russian", "russian", telegram=("bbcrussian",)),
    _edition("bbc-persian", "BBC News فارسی", "fa", "persian", "persian", telegram=("bbcpersian",)),
    _edition("bbc-chinese", "BBC News 中文", "zh", "zhongwen/simp", "zhongwen/simp"),
    _edition("bbc-chinese-trad", "BBC News 中文（繁體）", "zh-Hant", "zhongwen/trad", "zhongwen/trad"),
    _edition("bbc-ukrainian", "BBC News Україна", "uk", "ukrainian", "ukrainian"),
    _edition("bbc-burmese", "BBC News မြန်မာ", "my", "burmese", "burmese"),
    _edition("bbc", "BBC News", "en", "news", "news"),
)
