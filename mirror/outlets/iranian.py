"""Iranian newsrooms abroad: Iran International and IranWire.

Addresses are as public readers' lists had them in 2026, and none was tried: `outlet add` tries each. Lists disagree
about Iran International's feed, and its front page declares none; its channel is open.
"""

from __future__ import annotations

from mirror.outlets import Preset, Rules, named

_RULES = (
    Rules(
        drop=(
            *named("related", "most-viewed", "share_", "share-", "newsletter", "promo", within="article"),
            *named("donat", "subscri", "vpn", "comments", "comment-list", within="article"),
        ),
    ),
)

PRESETS = (
    Preset(
        id="iranintl",
        name="ایران اینترنشنال",
        url="https://www.iranintl.com/",
        language="fa",
        hosts=("iranintl.com",),
        feeds=("https://www.iranintl.com/feed", "https://www.iranintl.com/rss"),
        sitemaps=("https://www.iranintl.com/sitemap.xml",),
        telegram=("https://t.me/s/IranintlTV",),
        exclude=("*/en/*", "*/ar/*", "*/video/*"),
        rules=_RULES,
    ),
    Preset(
        id="iranintl-en",
        name="Iran International",
        url="https://www.iranintl.com/en",
        language="en",
        hosts=("iranintl.com",),
        feeds=("https://www.iranintl.com/en/feed", "https://www.iranintl.com/en/rss"),
        exclude=("*/video/*",),
        rules=_RULES,
    ),
    Preset(
        id="iranwire",
        name="ایران‌وایر",
        url="https://iranwire.com/fa/",
        language="fa",
        hosts=("iranwire.com",),
        feeds=("https://iranwire.com/fa/feed/",),
        telegram=("https://t.me/s/iranwire",),
        rules=_RULES,
    ),
    Preset(
        id="iranwire-en",
        name="IranWire",
        url="https://iranwire.com/en/",
        language="en",
        hosts=("iranwire.com",),
        feeds=("https://iranwire.com/en/feed/",),
        rules=_RULES,
    ),
)
