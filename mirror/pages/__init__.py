"""Pages a person can open without scripts: `a/<12 hex>.html`, `index.html`, `feed.xml`.

Pure functions from signed documents to bytes. They are a convenience and never trusted: whoever runs a mirror can serve
other ones. Hence two rules. A page says plainly that it proves nothing, and shows no verdict of its own. And nothing an
outlet wrote is ever markup: articles are trees of typed blocks, every text is escaped, and there is not one script.

    article_page   an article, with how to check it in the article's own language
    front_page     an edition
    atom           an edition for feed readers
    page_path      where an article's page lies

`page` says which safety settings every page has and why; `words` holds our own sentences in eight languages.
"""

from __future__ import annotations

from mirror.pages.article import article_page, page_path
from mirror.pages.feed import atom
from mirror.pages.front import front_page

__all__ = ["article_page", "atom", "front_page", "page_path"]
