"""The sample outlet's feeds (RSS 2.0, Atom 1.0, JSON Feed 1.1) and sitemaps."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from email.utils import format_datetime
from xml.sax.saxutils import escape, quoteattr

from mirror.sample.content import LANGUAGES, Piece
from mirror.sample.drawing import WIDTH
from mirror.sample.templates import ALL_NAMES, NAMES, image_url

DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'


def moment(time: str) -> datetime:
    return datetime.strptime(time, "%Y-%m-%dT%H:%M:%S%z")


def newest_first(pieces: Sequence[Piece]) -> list[Piece]:
    return sorted(pieces, key=lambda piece: (piece.published, piece.slug), reverse=True)


def address(base: str, piece: Piece) -> str:
    return f"{base}/{piece.language}/{piece.slug}"


def rss(base: str, pieces: Sequence[Piece], language: str | None) -> str:
    items = []
    for piece in newest_first(pieces):
        url = address(base, piece)
        items.append(
            f"<item><title>{escape(piece.title)}</title><link>{url}?utm_source=rss&amp;utm_medium=feed</link>"
            f'<guid isPermaLink="true">{url}</guid><pubDate>{format_datetime(moment(piece.published))}</pubDate>'
            f"<description>{escape(f'<p>{piece.lead}</p>')}</description>"
            + "".join(f"<dc:creator>{escape(author)}</dc:creator>" for author in piece.authors)
            + f"<category>{escape(piece.section)}</category>"
            f'<media:content url="{base}{image_url(piece.pictures[0])}" medium="image" width="{WIDTH}"/></item>'
        )
    prefix = f"/{language}" if language else ""
    name = NAMES[language] if language else ALL_NAMES
    return (
        f'{DECLARATION}<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/" '
        'xmlns:media="http://search.yahoo.com/mrss/" xmlns:atom="http://www.w3.org/2005/Atom"><channel>'
        f"<title>{escape(name)}</title><link>{base}{prefix}/</link><description>{escape(name)}</description>"
        f"<language>{language or 'en'}</language>"
        f'<atom:link href="{base}{prefix}/feed.xml" rel="self" type="application/rss+xml"/>'
        f"{''.join(items)}</channel></rss>\n"
    )


def atom(base: str, pieces: Sequence[Piece], language: str | None) -> str:
    ordered = newest_first(pieces)
    entries = []
    for piece in ordered:
        url = address(base, piece)
        entries.append(
            f"<entry xml:lang={quoteattr(piece.language)}><id>{url}</id><title>{escape(piece.title)}</title>"
            f'<link rel="alternate" href="{url}"/><published>{piece.published}</published>'
            f"<updated>{piece.modified}</updated>"
            + "".join(f"<author><name>{escape(author)}</name></author>" for author in piece.authors)
            + f"<summary>{escape(piece.lead)}</summary></entry>"
        )
    prefix = f"/{language}" if language else ""
    name = NAMES[language] if language else ALL_NAMES
    updated = max((piece.modified for piece in ordered), default="2026-01-01T00:00:00Z")
    return (
        f'{DECLARATION}<feed xmlns="http://www.w3.org/2005/Atom"><id>{base}{prefix}/</id><title>{escape(name)}</title>'
        f'<updated>{updated}</updated><link rel="self" href="{base}{prefix}/atom.xml"/>'
        f'<link rel="alternate" href="{base}{prefix}/"/>{"".join(entries)}</feed>\n'
    )


def json_feed(base: str, pieces: Sequence[Piece], language: str | None) -> str:
    prefix = f"/{language}" if language else ""
    feed = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": NAMES[language] if language else ALL_NAMES,
        "home_page_url": f"{base}{prefix}/",
        "feed_url": f"{base}{prefix}/feed.json",
        "language": language or "en",
        "items": [
            {
                "id": address(base, piece),
                "url": address(base, piece),
                "title": piece.title,
                "summary": piece.lead,
                "content_text": piece.lead,
                "date_published": piece.published,
                "date_modified": piece.modified,
                "language": piece.language,
                "authors": [{"name": author} for author in piece.authors],
                "tags": list(piece.tags),
                "image": base + image_url(piece.pictures[0]),
            }
            for piece in newest_first(pieces)
        ],
    }
    return json.dumps(feed, ensure_ascii=False, indent=1) + "\n"


def sitemap(base: str, pieces: Sequence[Piece]) -> str:
    urls = "".join(
        f"<url><loc>{address(base, piece)}</loc><lastmod>{piece.modified}</lastmod></url>"
        for piece in newest_first(pieces)
    )
    return f'{DECLARATION}<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{urls}</urlset>\n'


def news_sitemap(base: str, pieces: Sequence[Piece]) -> str:
    urls = "".join(
        f"<url><loc>{address(base, piece)}</loc><news:news><news:publication><news:name>"
        f"{escape(NAMES[piece.language])}</news:name><news:language>{piece.language}</news:language></news:publication>"
        f"<news:publication_date>{piece.published}</news:publication_date><news:title>{escape(piece.title)}</news:title>"
        "</news:news></url>"
        for piece in newest_first(pieces)
    )
    return (
        f'{DECLARATION}<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" '
        f'xmlns:news="http://www.google.com/schemas/sitemap-news/0.9">{urls}</urlset>\n'
    )


def sitemap_index(base: str) -> str:
    maps = "".join(f"<sitemap><loc>{base}/{language}/sitemap.xml</loc></sitemap>" for language in LANGUAGES)
    maps += f"<sitemap><loc>{base}/news-sitemap.xml</loc></sitemap>"
    return f'{DECLARATION}<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{maps}</sitemapindex>\n'


def robots(base: str) -> str:
    return f"User-agent: *\nDisallow: /t/\nSitemap: {base}/sitemap.xml\nSitemap: {base}/news-sitemap.xml\n"
