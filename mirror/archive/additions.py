"""An article on its way into the archive, and what the state file remembers of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mirror.archive.rows import ArticleRow, EntryRow, ResourceRow, is_aged

if TYPE_CHECKING:
    from mirror.model import Article


@dataclass(frozen=True, slots=True, kw_only=True)
class Addition:
    """An article on its way in: `stored` is its bundle, `objects` what it names (parts, pictures) by digest; those that
    the archive has already may be left out."""

    article: Article
    stored: bytes
    objects: Mapping[str, bytes]
    content_key: str


def entry_of(digest: str, addition: Addition) -> EntryRow:
    """What the log will say of it."""
    from mirror.pack import to_document
    from signing import entry as entries

    entry = entries.entry_of(to_document(addition.article), digest, len(addition.stored))
    return EntryRow(
        digest=entry.digest,
        kind=entry.kind,
        outlet=entry.outlet,
        url_digest=entry.url_digest,
        size=entry.size,
        time=entry.time,
    )


def row_of(digest: str, article: Article, size: int, content_key: str) -> ArticleRow:
    """How editions list it; `size` is its bundle's."""
    from mirror.pack import shorten

    return ArticleRow(
        digest=digest,
        outlet=article.outlet,
        url=article.url,
        title=shorten(article.title, 240),
        lead=shorten(article.lead, 240) if article.lead else None,
        published=article.published,
        fetched=article.captured or article.fetched,  # when it was as it says
        language=article.language,
        direction=article.direction,
        size=size,
        revision=article.revision,
        thumbnail=_thumbnail(article),
        content_key=content_key,
        aged=is_aged(article),
    )


def _thumbnail(article: Article) -> str | None:
    """The digest of the small picture that stands beside the title in lists: the cover's, else the first one's."""
    pictures = sorted(article.resources, key=lambda resource: not resource.cover)
    places = [picture.thumbnail for picture in pictures if picture.role == "picture" and picture.thumbnail is not None]
    return article.resources[places[0]].digest if places else None


def resources_of(digest: str, article: Article) -> list[ResourceRow]:
    """The objects that its bundle names."""
    parts = [ResourceRow(article=digest, digest=part.digest, kind="part", size=part.size) for part in article.parts]
    return parts + [
        ResourceRow(article=digest, digest=resource.digest, kind=resource.role, size=resource.size)
        for resource in article.resources
    ]
