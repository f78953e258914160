"""Russian newsrooms abroad: Novaya Gazeta Europe, The Insider, Mediazona, iStories. Between their paragraphs stand
requests for money, links to their channels and how to read them without a VPN.

Addresses are as public readers' lists had them in 2026, and none was tried: `outlet add` tries each. Of these pages
less is known than of others': the rules take out what is surely no text and leave the choice of the body to the
general ones, but for Mediazona and iStories.
"""

from __future__ import annotations

from mirror.outlets import Preset, Rules, named

_WORDS = ("donat", "subscri", "crowdfund", "related", "newsletter", "vpn", "share_", "share-")
_AROUND = (*named(*_WORDS, within="article"), *named(*_WORDS, within="main"))
_NOVAYA = (Rules(drop=_AROUND, since="2022-04-01"),)
_INSIDER = (Rules(drop=_AROUND),)
_ZONA = (
    Rules(
        body=(".mz-publish__text", "[class^=mz-publish][class*=text]"),
        drop=(
            ".mz-publish__sidebar, .mz-publish-context-cite",
            *named(*_WORDS, within=".mz-publish__text"),
        ),
    ),
)
_ISTORIES = (Rules(body=("[class*=BlocksContainer]",), drop=_AROUND, since="2020-04-01"),)

PRESETS = (
    Preset(
        id="novayagazeta-eu",
        name="Новая газета Европа",
        url="https://novayagazeta.eu/",
        language="ru",
        hosts=("novayagazeta.eu",),
        feeds=("https://novayagazeta.eu/feed/rss",),
        sitemaps=("https://novayagazeta.eu/sitemap.xml",),
        telegram=("https://t.me/s/novaya_europe",),
        exclude=("*/en/*", "*/amp/*"),
        rules=_NOVAYA,
    ),
    Preset(
        id="novayagazeta-eu-en",
        name="Novaya Gazeta Europe",
        url="https://novayagazeta.eu/en",
        language="en",
        hosts=("novayagazeta.eu",),
        feeds=("https://novayagazeta.eu/feed/rss/en",),
        exclude=("*/amp/*",),
        rules=_NOVAYA,
    ),
    Preset(
        id="theinsider",
        name="The Insider",
        url="https://theins.ru/",
        language="ru",
        hosts=("theins.ru", "theins.press"),
        feeds=("https://theins.ru/feed",),
        telegram=("https://t.me/s/theinsider",),
        exclude=("*/en/*",),
        rules=_INSIDER,
    ),
    Preset(
        id="theinsider-en",
        name="The Insider in English",
        url="https://theins.ru/en",
        language="en",
        hosts=("theins.ru", "theins.press"),
        feeds=("https://theins.ru/en/feed",),
        sitemaps=("https://theins.ru/en/sitemap.xml",),
        rules=_INSIDER,
    ),
    Preset(
        id="mediazona",
        name="Медиазона",
        url="https://zona.media/",
        language="ru",
        hosts=("zona.media",),
        feeds=("https://zona.media/rss",),
        telegram=("https://t.me/s/mediazzzona",),
        exclude=("*/theme/*",),
        rules=_ZONA,
    ),
    Preset(
        id="mediazona-en",
        name="Mediazona in English",
        url="https://en.zona.media/",
        language="en",
        hosts=("en.zona.media",),
        feeds=("https://en.zona.media/rss",),
        rules=_ZONA,
    ),
    Preset(
        id="istories",
        name="Важные истории",
        url="https://istories.media/",
        language="ru",
        hosts=("istories.media",),
        feeds=("https://istories.media/rss/all.xml",),
        telegram=("https://t.me/s/istories_media",),
        exclude=("*/en/*",),
        rules=_ISTORIES,
    ),
)
