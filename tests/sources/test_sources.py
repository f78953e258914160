"""Every source runs the suite, and every source the registry finds is enrolled here."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from html import escape

from mirror.sources import Item, Source, merged, sources
from mirror.sources._polling import dumped, loaded
from mirror.sources.feed import parse
from mirror.sources.telegram import announced
from tests.sources.memory import AnOutlet
from tests.sources.suite import SourceSuite


class FeedSuite(SourceSuite):
    source = "feed"

    def outlet(self, *urls: str) -> AnOutlet:
        return AnOutlet(feeds=urls)


class TestRss(FeedSuite):
    def document(self, base: str, names: list[str], *, extra: str = "", prolog: str = "") -> bytes:
        items = "".join(
            f"<item><title>{escape(name)}{extra if not n else ''}</title><link>{base}/{escape(name)}</link>"
            f"<pubDate>Mon, 01 Mar 2027 {7 - n % 8:02}:00:00 +0000</pubDate></item>\n"
            for n, name in enumerate(names)
        )
        return (
            f'<?xml version="1.0"?>{prolog}<rss version="2.0"><channel><title>N</title>{items}</channel></rss>'.encode()
        )


class TestAtom(FeedSuite):
    def document(self, base: str, names: list[str], *, extra: str = "", prolog: str = "") -> bytes:
        items = "".join(
            f"<entry><id>urn:{n}</id><link href='{base}/{escape(name)}'/><title>{escape(name)}"
            f"{extra if not n else ''}</title></entry>"
            for n, name in enumerate(names)
        )
        return f"{prolog}<feed xmlns='http://www.w3.org/2005/Atom'><title>N</title>{items}</feed>".encode()


class TestSitemap(SourceSuite):
    source = "sitemap"

    def outlet(self, *urls: str) -> AnOutlet:
        return AnOutlet(sitemaps=urls)

    def document(self, base: str, names: list[str], *, extra: str = "", prolog: str = "") -> bytes:
        items = "".join(
            f"<url><loc>{base}/{escape(name)}</loc>{f'<title>{extra}</title>' if extra and not n else ''}</url>\n"
            for n, name in enumerate(names)
        )
        return f"{prolog}<urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'>{items}</urlset>".encode()


class TestWordPress(SourceSuite):
    source = "wordpress"

    def outlet(self, *urls: str) -> AnOutlet:
        return AnOutlet(wordpress=urls)

    def document(self, base: str, names: list[str], *, extra: str = "", prolog: str = "") -> bytes:
        posts = [
            {
                "id": n,
                "link": f"{base}/{name}",
                "date_gmt": f"2027-03-01T{7 - n % 8:02}:00:00",
                "title": {"rendered": escape(name) + (extra if not n else "")},
                "content": {"rendered": f"{prolog if not n else ''}<p>Text.</p>", "protected": False},
            }
            for n, name in enumerate(names)
        ]
        # What an entity would stand for is text to WordPress; nobody may read it as anything else.
        return json.dumps(posts, ensure_ascii=False).replace("a" * 16, "a").encode()


class TestTelegram(SourceSuite):
    source = "telegram"

    def outlet(self, *urls: str) -> AnOutlet:
        return AnOutlet(telegram=urls, url=urls[0].rpartition("/")[0] + "/")

    def test_every_article_is_announced_once_in_normal_form(self, implementation: Source) -> None:
        body = self.document("https://news.example", ["b?utm_source=rss&id=7", "ёж", "b?id=7", "a"])
        parsed = implementation.parse(body, content_type="", url="https://t.me/s/news")
        assert len(parsed.items) == 4  # posts
        assert [item.url for item in announced("https://www.news.example/")(parsed.items)] == [
            *("https://news.example/b?id=7", "https://news.example/%D1%91%D0%B6", "https://news.example/a")
        ]

    def document(self, base: str, names: list[str], *, extra: str = "", prolog: str = "") -> bytes:
        """Posts that link to the articles; without the outlet the posts themselves are what is announced."""
        channel = f"c{hashlib.sha256(repr(names).encode()).hexdigest()[:12]}"
        posts = "".join(
            f'<div class="tgme_widget_message_wrap"><div class="tgme_widget_message js-widget_message" '
            f'data-post="{channel}/{len(names) - n}">'
            f'<div class="tgme_widget_message_text js-message_text">Post {extra if not n else ""}'
            f'<a href="{base}/{escape(name)}">{escape(name)}</a></div>'
            f'<a class="tgme_widget_message_date"><time datetime="2027-03-01T{7 - n % 8:02}:00:00+00:00"></time></a>'
            "</div></div>\n"
            for n, name in reversed(list(enumerate(names)))
        )
        return f"<!DOCTYPE html>{prolog}<html><head></head><body><section>{posts}</section></body></html>".encode()


class TestList(SourceSuite):
    source = "list"

    def outlet(self, *urls: str) -> AnOutlet:
        return AnOutlet(lists=urls)

    def document(self, base: str, names: list[str], *, extra: str = "", prolog: str = "") -> bytes:
        lines = "".join(f"{base}/{name}\t{escape(name)} {extra if not n else ''}\n" for n, name in enumerate(names))
        return f"# {prolog}\nurl\ttitle\n{lines}".encode()


class TestSection(SourceSuite):
    source = "section"

    def outlet(self, *urls: str) -> AnOutlet:
        return AnOutlet(sections=urls)

    def document(self, base: str, names: list[str], *, extra: str = "", prolog: str = "") -> bytes:
        links = "".join(
            f'<article><h2><a href="{base}/{escape(name)}">{escape(name)} {extra if not n else ""}</a></h2></article>\n'
            for n, name in enumerate(names)
        )
        return (
            f'<!DOCTYPE html>{prolog}<html><head><title>N</title></head><body><nav><a href="/about">About this whole '
            f"site and its people</a></nav><main>{links}</main></body></html>"
        ).encode()


ENROLLED = (TestRss, TestAtom, TestSitemap, TestWordPress, TestTelegram, TestList, TestSection)


def test_what_the_registry_finds_is_enrolled() -> None:
    # What is imported from a file (WARC) is no document that is asked for again and again, and has a suite of its own.
    assert set(sources()) == {suite.source for suite in ENROLLED}
    for name, source in sources().items():
        assert source.name == name


def test_the_registry_is_cheap_until_it_is_used() -> None:
    code = (
        "import sys, mirror.sources, mirror.fetch, mirror.sources.state, mirror.links, mirror.charset, mirror.robots\n"
        "mirror.sources.sources()\n"
        "heavy = {'aiohttp', 'feedparser', 'lxml', 'sqlalchemy', 'charset_normalizer'} & set(sys.modules)\n"
        "sys.exit(repr(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_items_come_back_from_memory_as_they_went() -> None:
    body = TestRss().document("https://news.example", ["a", "ё"], extra="&lt;b&gt;x&lt;/b&gt; \u200c")
    parsed = parse(body, content_type="", url="https://news.example/x")
    assert loaded(dumped(parsed)) == parsed
    assert json.loads(dumped(parsed))["v"] == 1
    for broken in (
        None,
        "",
        "{}",
        "[]",
        "null",
        '{"v":2,"items":[]}',
        '{"v":1,"items":[{"nope":1}]}',
        '{"v":1,"items":5}',
    ):
        assert loaded(broken) is None


def test_the_newest_come_first_and_an_address_counts_once() -> None:
    old = Item(url="https://a.example/1", published="2027-01-01T00:00:00Z", title="first teller")
    new = Item(url="https://a.example/2", updated="2027-02-01T00:00:00Z")
    same = Item(url="https://a.example/1", published="2027-03-01T00:00:00Z", title="second teller")
    undated = Item(url="https://a.example/3")
    assert merged(((undated, old), (new, same))) == (new, old, undated)
