"""About China from outside of it: China Digital Times (WordPress) and Radio Free Asia (Arc XP since 2024, Plone
before; it ceased to publish in 2025 and only partly began again).

Addresses are as public readers' lists had them in 2026, and none was tried: `outlet add` tries each.
"""

from __future__ import annotations

from mirror.outlets import Preset, Rules, named

_CDT = (
    Rules(
        body=(".entry-content", ".post-content"),
        drop=(
            ".sharedaddy, .jp-relatedposts, .yarpp-related, .post-tags, .author-box, .addtoany_share_save_container",
            *named("donat", "newsletter", "mailchimp", "related", within=".entry-content"),
        ),
    ),
)
_RFA = (
    Rules(
        body=("#storytext", ".article-body"),
        drop=("#commentsPlaceholder, .sharebox, .relatedstories, #storyfooter, .audio-player, .story_tools",),
    ),
    Rules(
        body=("article.b-article-body", ".b-article-body", "article"),
        drop=(
            ".b-ads-block, .c-ad",
            *named("newsletter", "related", "share-", "promo", "most-read", within="article"),
        ),
        since="2024-08-01",
    ),
)


def _rfa(id: str, name: str, language: str, path: str) -> Preset:
    return Preset(
        id=id,
        name=name,
        url=f"https://www.rfa.org/{path}/",
        language=language,
        hosts=("rfa.org",),
        feeds=(f"https://www.rfa.org/arc/outboundfeeds/{path}/rss/", f"https://www.rfa.org/{path}/rss2.xml"),
        exclude=("*/video/*", "*/multimedia/*"),
        rules=_RFA,
    )


PRESETS = (
    Preset(
        id="chinadigitaltimes",
        name="中国数字时代",
        url="https://chinadigitaltimes.net/chinese/",
        language="zh",
        hosts=("chinadigitaltimes.net",),
        feeds=(
            "https://chinadigitaltimes.net/chinese/feed/",
            "https://feeds.feedburner.com/chinadigitaltimes/IyPt",
        ),
        wordpress=("https://chinadigitaltimes.net/chinese/wp-json/",),
        rules=_CDT,
    ),
    Preset(
        id="chinadigitaltimes-en",
        name="China Digital Times",
        url="https://chinadigitaltimes.net/",
        language="en",
        hosts=("chinadigitaltimes.net",),
        feeds=("https://chinadigitaltimes.net/feed/",),
        wordpress=("https://chinadigitaltimes.net/wp-json/",),
        exclude=("*/chinese/*", "*/space/*"),
        rules=_CDT,
    ),
    _rfa("rfa", "Radio Free Asia", "en", "english"),
    _rfa("rfa-zh", "自由亚洲电台", "zh", "mandarin"),
)
