"""The sample outlet on a loopback port: a small HTTP/1.1 server with ETag, Last-Modified, conditional GET and gzip."""

from __future__ import annotations

import gzip
import hashlib
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from mirror.model import Block, Direction, Embed, Heading, Inline, List, Paragraph, Quote, Table, Update
from mirror.sample import feeds, templates
from mirror.sample.content import LANGUAGES, Piece, everything, inline, plain
from mirror.sample.drawing import SCENES, WIDTH, photograph

TYPES = {
    "html": "text/html; charset=utf-8",
    "rss": "application/rss+xml; charset=utf-8",
    "atom": "application/atom+xml; charset=utf-8",
    "xml": "application/xml; charset=utf-8",
    "json": "application/feed+json; charset=utf-8",
    "txt": "text/plain; charset=utf-8",
    "jpg": "image/jpeg",
    "js": "text/javascript",
    "gif": "image/gif",
}
PIXEL = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b")
IMAGE = re.compile(r"/img/([a-z]+)-([0-9]+)\.jpg")
ARTICLE = re.compile(r"/([a-z]{2})/([a-z0-9-]+)/?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One request. `agent` is the User-Agent it came with."""

    method: str
    path: str
    status: int
    agent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TruthPicture:
    url: str
    alt: str
    caption: str
    credit: str
    cover: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What an extractor should find in one article's page.

    `paragraphs` are the plain paragraphs in order, those of updates included; `texts` is everything the body says
    (paragraphs, headings, list points, quotations, cells); `must_not_contain` are texts of the page around it.
    """

    slug: str
    url: str
    language: str
    direction: Direction
    title: str
    lead: str
    authors: tuple[str, ...]
    section: str
    tags: tuple[str, ...]
    published: str
    modified: str
    paragraphs: tuple[str, ...]
    texts: tuple[str, ...]
    blocks: tuple[Block, ...]
    pictures: tuple[TruthPicture, ...]
    must_not_contain: tuple[str, ...]


def texts_of(blocks: Sequence[Block]) -> list[str]:
    """Every text of the body, in order."""
    found: list[str] = []
    lines: list[tuple[Inline, ...]]
    for block in blocks:
        lines = []
        if isinstance(block, Paragraph | Heading):
            lines = [block.content]
        elif isinstance(block, Quote):
            lines = [part.content for part in block.blocks if isinstance(part, Paragraph)]
        elif isinstance(block, List):
            lines = [part.content for item in block.items for part in item if isinstance(part, Paragraph)]
        elif isinstance(block, Table):
            lines = [cell.content for row in block.rows for cell in row]
        elif isinstance(block, Embed) and block.title:
            found.append(block.title)
        elif isinstance(block, Update):
            found += [block.title] if block.title else []
            found += texts_of(block.blocks)
        found += [plain(content) for content in lines]
    return found


def paragraphs_of(blocks: Sequence[Block]) -> list[str]:
    found: list[str] = []
    for block in blocks:
        if isinstance(block, Paragraph):
            found.append(plain(block.content))
        elif isinstance(block, Update):
            found += paragraphs_of(block.blocks)
    return found


class SampleOutlet:
    """A running outlet. Close it, or use it as a context manager."""

    def __init__(self, port: int = 0) -> None:
        self._lock = threading.Lock()
        self._pieces = {piece.slug: piece for piece in everything()}
        self._visible = {piece.slug for piece in everything() if not piece.held}
        self._broken: dict[str, str] = {}
        self._hits: list[Hit] = []
        outlet = self

        class Handler(_Handler):
            site = outlet

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="sample outlet", daemon=True
        )
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop serving. Closing twice does no harm."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    # --- what happened ---

    @property
    def hits(self) -> tuple[Hit, ...]:
        """Every request so far."""
        with self._lock:
            return tuple(self._hits)

    @property
    def tracker_hits(self) -> tuple[Hit, ...]:
        """The requests that only a tracked browser makes; none of ours ever should."""
        return tuple(hit for hit in self.hits if hit.path.startswith("/t/"))

    def note(self, hit: Hit) -> None:
        with self._lock:
            self._hits.append(hit)

    # --- what the editors do ---

    def edit(self, slug: str, paragraph: str, *, modified: str | None = None) -> str:
        """Append a paragraph to an article, as a correction would be; returns the article's address.

        `modified` is one minute after the last change unless given, so that a test has the same times every day.
        """
        with self._lock:
            piece = self._pieces[slug]
            later = feeds.moment(piece.modified) + timedelta(minutes=1)
            stamp = modified or later.strftime("%Y-%m-%dT%H:%M:%SZ")
            self._pieces[slug] = piece.with_paragraph(paragraph, stamp)
        return self.address(slug)

    def publish(
        self,
        slug: str,
        *,
        title: str | None = None,
        paragraphs: Sequence[str] = (),
        language: str = "en",
        published: str = "2026-11-21T08:00:00Z",
    ) -> str:
        """Bring out an article that was held back (`held`), or with `title` a new one; returns its address."""
        with self._lock:
            if title is not None:
                model = next(piece for piece in everything() if piece.language == language)
                self._pieces[slug] = replace(
                    model,
                    slug=slug,
                    title=title,
                    lead=paragraphs[0] if paragraphs else title,
                    published=published,
                    modified=published,
                    blocks=tuple(Paragraph(content=inline(text)) for text in paragraphs),
                    held=False,
                )
            elif slug not in self._pieces:
                raise KeyError(slug)
            self._visible.add(slug)
        return self.address(slug)

    def remove(self, slug: str) -> None:
        """Take an article down: its page is gone (410) and it leaves the feeds."""
        with self._lock:
            self._visible.discard(slug)
            self._broken[slug] = "gone"

    def wall(self, slug: str, up: bool = True) -> None:
        """Answer for this article with a consent wall instead of the page, or stop doing so."""
        with self._lock:
            if up:
                self._broken[slug] = "consent"
            else:
                self._broken.pop(slug, None)

    @property
    def held(self) -> tuple[str, ...]:
        """Slugs that `publish` can still bring out."""
        with self._lock:
            return tuple(slug for slug in self._pieces if slug not in self._visible and slug not in self._broken)

    def address(self, slug: str) -> str:
        return f"{self.url}/{self._pieces[slug].language}/{slug}"

    def ground_truth(self) -> tuple[Truth, ...]:
        """What is to be found in every article that is out, as it is now."""
        return tuple(self._truth(piece) for piece in self.pieces())

    def pieces(self, language: str | None = None) -> list[Piece]:
        with self._lock:
            return [
                piece
                for piece in self._pieces.values()
                if piece.slug in self._visible and language in (None, piece.language)
            ]

    def _truth(self, piece: Piece) -> Truth:
        pictures = tuple(
            TruthPicture(
                url=self.url + templates.image_url(one),
                alt=one.alt,
                caption=one.caption,
                credit=one.credit,
                cover=place == 0,
            )
            for place, one in enumerate(piece.pictures)
        )
        return Truth(
            slug=piece.slug,
            url=f"{self.url}/{piece.language}/{piece.slug}",
            language=piece.language,
            direction=piece.direction,
            title=piece.title,
            lead=piece.lead,
            authors=piece.authors,
            section=piece.section,
            tags=piece.tags,
            published=piece.published,
            modified=piece.modified,
            paragraphs=tuple(paragraphs_of(piece.blocks)),
            texts=tuple(texts_of(piece.blocks)),
            blocks=piece.blocks,
            pictures=pictures,
            must_not_contain=templates.CHROME[piece.language].texts(),
        )

    # --- what is served ---

    def answer(self, path: str) -> tuple[int, str, bytes, str | None]:  # noqa: PLR0911 - one a kind
        """Status, kind, body and time of last change for a path."""
        if path.startswith("/t/"):
            return (200, "js", b"window.tracked=1", None) if path.endswith(".js") else (200, "gif", PIXEL, None)
        if found := IMAGE.fullmatch(path):
            if found[1] in SCENES and int(found[2]) in (WIDTH, templates.SMALL):
                return 200, "jpg", photograph(found[1], int(found[2])), "2026-10-01T00:00:00Z"
            return self.nothing()
        if path == "/robots.txt":
            return 200, "txt", feeds.robots(self.url).encode(), None
        if path == "/sitemap.xml":
            return 200, "xml", feeds.sitemap_index(self.url).encode(), None
        if path == "/news-sitemap.xml":
            return 200, "xml", feeds.news_sitemap(self.url, self.pieces()).encode(), None
        first, _, rest = path.removeprefix("/").partition("/")
        language = first if first in LANGUAGES else None
        name = rest if language else path.removeprefix("/")
        pieces = self.pieces(language)
        changed = max((piece.modified for piece in pieces), default=None)
        listings: dict[str, tuple[str, Callable[[], str]]] = {
            "": ("html", lambda: templates.index(self.url, feeds.newest_first(pieces), language)),
            "feed.xml": ("rss", lambda: feeds.rss(self.url, pieces, language)),
            "atom.xml": ("atom", lambda: feeds.atom(self.url, pieces, language)),
            "feed.json": ("json", lambda: feeds.json_feed(self.url, pieces, language)),
            "sitemap.xml": ("xml", lambda: feeds.sitemap(self.url, pieces)),
        }
        if name in listings:
            kind, make = listings[name]
            return 200, kind, make().encode(), changed
        if found := ARTICLE.fullmatch(path):
            return self.page(found[1], found[2])
        return self.nothing()

    def page(self, language: str, slug: str) -> tuple[int, str, bytes, str | None]:
        state = self._broken.get(slug)
        if state == "gone":
            return 410, "html", b"<!DOCTYPE html><title>Gone</title><h1>This article was removed</h1>", None
        if state == "consent":
            chrome = templates.CHROME[language]
            wall = (
                f'<!DOCTYPE html><html lang="{language}"><title>{chrome.accept}</title><body>'
                f'<div id="consent-wall" class="consent-wall"><h1>{chrome.consent}</h1><form action="/t/consent">'
                f"<button>{chrome.accept}</button></form></div></body></html>"
            )
            return 200, "html", wall.encode(), None
        piece = next((piece for piece in self.pieces(language) if piece.slug == slug), None)
        if piece is None:
            return self.nothing()
        return 200, "html", templates.article(self.url, piece, self.pieces(language)).encode(), piece.modified

    def nothing(self) -> tuple[int, str, bytes, str | None]:
        return 404, "html", b"<!DOCTYPE html><title>Not found</title><h1>404</h1>", None


class _Handler(BaseHTTPRequestHandler):
    site: SampleOutlet
    protocol_version = "HTTP/1.1"
    server_version = "lantern"
    sys_version = ""
    timeout = 20

    def do_GET(self) -> None:
        self.respond(with_body=True)

    def do_HEAD(self) -> None:
        self.respond(with_body=False)

    def do_POST(self) -> None:
        # Only beacons post here; read what they send so that the connection stays usable.
        self.rfile.read(min(int(self.headers.get("Content-Length") or 0), 1 << 16))
        self.respond(with_body=True)

    def respond(self, *, with_body: bool) -> None:
        status, kind, body, changed = self.site.answer(urlsplit(self.path).path)
        tag = f'"{hashlib.sha256(body).hexdigest()[:20]}"'
        when = feeds.moment(changed).astimezone(UTC) if changed else None
        cacheable = status == 200
        if cacheable and self.unchanged(tag, when):
            status, body = 304, b""
        zipped = (
            status == 200
            and kind not in ("jpg", "gif")
            and "gzip" in (self.headers.get("Accept-Encoding") or "")
            and len(body) > 256
        )
        if zipped:
            body = gzip.compress(body, 6, mtime=0)
        self.site.note(
            Hit(method=self.command, path=self.path, status=status, agent=self.headers.get("User-Agent") or "")
        )
        self.send_response(status)
        if cacheable:
            self.send_header("ETag", tag)
            self.send_header("Cache-Control", "max-age=0")
            self.send_header("Vary", "Accept-Encoding")
            if when:
                self.send_header("Last-Modified", format_datetime(when, usegmt=True))
        if zipped:
            self.send_header("Content-Encoding", "gzip")
        if status != 304:
            self.send_header("Content-Type", TYPES[kind])
            self.send_header("Content-Length", str(len(body)))
        if kind == "html":
            self.send_header("Set-Cookie", "visitor=4815162342; Path=/; SameSite=Lax")
        self.end_headers()
        if with_body and body:
            self.wfile.write(body)

    def unchanged(self, tag: str, when: datetime | None) -> bool:
        """RFC 9110 13.2.2: the entity tag decides; the date only where no tag was sent."""
        wanted = self.headers.get("If-None-Match")
        if wanted is not None:
            return wanted.strip() == "*" or tag in [one.strip().removeprefix("W/") for one in wanted.split(",")]
        since = self.headers.get("If-Modified-Since")
        if since is None or when is None:
            return False
        try:
            return when <= parsedate_to_datetime(since)
        except (TypeError, ValueError):
            return False

    def log_message(self, *args: Any) -> None:
        """Nothing: `hits` is the log."""
