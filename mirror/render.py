"""The pages that go with a seal: one per article, the front page, and the Atom feed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mirror import pack, pages
from mirror.model import Article
from mirror.reader import NAME as READER

Documents = tuple[Mapping[str, Any], Sequence[Mapping[str, Any]]]
"""The document of an article's bundle, and those of its parts."""


class Pages:
    """Renders for one publication; `mirrors` are addresses that a page may name in the command it shows, `reader` is
    whether reader.html will stand beside the front page."""

    def __init__(self, publication: str, mirrors: Sequence[str] = (), *, reader: bool = False) -> None:
        self._publication = publication
        self._mirrors = tuple(mirrors)
        self._reader = reader

    def article(
        self,
        document: Mapping[str, Any],
        parts: Sequence[Mapping[str, Any]],
        *,
        digest: str,
        index: int,
        before: Documents | None = None,
    ) -> tuple[str, bytes]:
        """Path and bytes of one article's page, from its bundle's document and those of its parts; `before` are those
        of the revision that it replaces."""
        article = _whole(document, parts)
        page = pages.article_page(
            article,
            digest=digest,
            index=index,
            publication=self._publication,
            mirrors=self._mirrors,
            before=_whole(*before) if before else None,
        )
        return pages.page_path(article.url), page

    def front(self, edition: Mapping[str, Any]) -> Mapping[str, bytes]:
        """`index.html` and `feed.xml`."""
        # Relative links in the feed: one mirror's address in it would break every mirror the day that one is blocked.
        reader = READER if self._reader else None
        return {"index.html": _small_front(edition, reader), "feed.xml": pages.atom(edition)}


def _whole(document: Mapping[str, Any], parts: Sequence[Mapping[str, Any]]) -> Article:
    article = pack.from_document(document)
    return pack.join(article, parts) if article.parts else article


# Some networks freeze a connection after about 16 KB; a page without scripts can't ask for the rest in pieces.
FRONT_PAGE = 14_336


def _small_front(edition: Mapping[str, Any], reader: str | None) -> bytes:
    """`index.html` with as many first lines as keep it below the freeze; every headline stays."""
    page = b""
    for leads in (None, 6, 3, 1, 0):
        page = pages.front_page(edition if leads is None else _with_leads(edition, leads), reader=reader)
        if len(page) <= FRONT_PAGE:
            break
    return page


def _with_leads(edition: Mapping[str, Any], many: int) -> dict[str, Any]:
    def shown(outlet: Mapping[str, Any]) -> dict[str, Any]:
        items = [
            item if place < many else {key: value for key, value in item.items() if key != "lead"}
            for place, item in enumerate(outlet["articles"])
        ]
        return {**outlet, "articles": items}

    return {**edition, "outlets": [shown(outlet) for outlet in edition["outlets"]]}
