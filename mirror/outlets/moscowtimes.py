"""The Moscow Times. The body is a row of typed blocks; requests for donations, newsletters and related articles stand
between them and beside them, and the next article is appended on scrolling."""

from __future__ import annotations

from mirror.outlets import Rules

RULES = Rules(
    hosts=("themoscowtimes.com", "moscowtimes.ru", "moscowtimes.news"),
    body=(".article__content", "[data-article-content]"),
    drop=(
        ".contribute-modal, .contribute-bar, .contribute-article, .contribute-teaser, .contribute-banner",
        ".contribute-form, [class^=contribute-]",
        ".article__newsletter, .article__block--newsletter, .newsletterbanner",
        ".article__block--article, .article__block--link, .article__related-article",
        ".article__tags, .article__bottom, .sidebar, .cluster, .next-article-loader, .social, .byline__social",
    ),
)
