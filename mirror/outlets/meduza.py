"""Meduza. The parts of a page are `GeneralMaterial-module_...` (with hashes behind) and `data-testid`; before 2022 the
classes had no hashes, and before 2018 others. Between the paragraphs stand related articles, requests for money, and
how to read on when the site is blocked.

The notice that Russian law makes outlets print ("...создано иностранным агентом...") is taken as text where it stands
in the body, as any other sentence of the outlet, and goes where it is a box of its own.

Addresses are as public readers' lists had them in 2026, and none was tried: `outlet add` tries each.
"""

from __future__ import annotations

from mirror.outlets import Preset, Rules, named

_RULES = (
    Rules(
        body=(".GeneralMaterial-article", ".Body"),
        drop=(".Toolbar, [class^=RelatedBlock], [class^=AudioPanel], .Progress-panel, [class*=Donat]",),
        since="2015-01-01",
    ),
    Rules(
        body=(
            "[class^='GeneralMaterial-module'][class*='article']",
            "[class^='GeneralMaterial-module'][class*='body']",
        ),
        drop=(
            "[data-testid=toolbar], [data-testid^=related], [data-testid=tag], [data-testid=audio-panel]",
            "[data-testid*=donat], [data-testid*=support], [data-testid*=banner], [data-testid*=subscri]",
            "[class^=RelatedBlock], [class^=RelatedRichBlock], [class^=Toolbar], [class^=AudioPanel]",
            *named("donat", "crowdfund", "subscri", "newsletter", within="[class^='GeneralMaterial-module']"),
        ),
        since="2020-06-01",
    ),
)
_EXCLUDE = ("*/podcasts/*", "*/episodes/*", "*/games/*", "*/quiz/*")

PRESETS = (
    Preset(
        id="meduza",
        name="Meduza",
        url="https://meduza.io/",
        language="ru",
        hosts=("meduza.io",),
        feeds=("https://meduza.io/rss/all", "https://meduza.io/rss/news", "https://meduza.io/rss2/all"),
        sitemaps=("https://meduza.io/sitemap.xml",),
        telegram=("https://t.me/s/meduzalive",),
        exclude=("*/en/*", *_EXCLUDE),
        rules=_RULES,
    ),
    Preset(
        id="meduza-en",
        name="Meduza in English",
        url="https://meduza.io/en",
        language="en",
        hosts=("meduza.io",),
        feeds=("https://meduza.io/rss/en/all",),
        telegram=("https://t.me/s/meduzaio",),
        exclude=_EXCLUDE,
        rules=_RULES,
    ),
)
