"""Every source runs the suite, and every source the registry finds is enrolled here."""

from __future__ import annotations

import json
import subprocess
import sys
from html import escape

from mirror.sources import Item, merged, sources
from mirror.sources._polling import dumped, loaded
from mirror.sources.feed import parse
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


ENROLLED = (TestRss, TestAtom, TestSitemap)


def test_what_the_registry_finds_is_enrolled() -> None:
    assert set(sources()) == {suite.source for suite in ENROLLED} == {"feed", "sitemap"}
    for name, source in sources().items():
        assert source.name == name


def test_the_registry_is_cheap_until_it_is_used() -> None:
    code = (
        "import sys, mirror.sources, mirror.fetch, mirror.sources.state, mirror.links, mirror.charset, mirror.robots\n"
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
