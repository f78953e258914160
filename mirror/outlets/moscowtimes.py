"""The Moscow Times, in English and in Russian. The body is a row of typed blocks; requests for donations, newsletters
and related articles stand between them and beside them, and the next article is appended on scrolling."""

from __future__ import annotations

from mirror.outlets import Preset, Rules

_RULES = (
    Rules(
        body=(".article__content", "[data-article-content]"),
        drop=(
            ".contribute-modal, .contribute-bar, .contribute-article, .contribute-teaser, .contribute-banner",
            ".contribute-form, [class^=contribute-]",
            ".article__newsletter, .article__block--newsletter, .newsletterbanner",
            ".article__block--article, .article__block--link, .article__related-article",
            ".article__tags, .article__bottom, .sidebar, .cluster, .next-article-loader, .social, .byline__social",
        ),
    ),
)

PRESETS = (
    Preset(
        id="moscowtimes",
        name="The Moscow Times",
        url="https://www.themoscowtimes.com/",
        language="en",
        hosts=("themoscowtimes.com", "moscowtimes.news"),
        feeds=("https://www.themoscowtimes.com/rss/news", "https://www.themoscowtimes.com/rss/opinion"),
        rules=_RULES,
    ),
    Preset(
        id="moscowtimes-ru",
        name="The Moscow Times. Русская служба",
        url="https://www.moscowtimes.ru/",
        language="ru",
        hosts=("moscowtimes.ru", "moscowtimes.eu", "ru.themoscowtimes.com"),
        feeds=("https://www.moscowtimes.ru/rss/news",),
        telegram=("https://t.me/s/moscowtimes_ru",),
        rules=_RULES,
    ),
)
