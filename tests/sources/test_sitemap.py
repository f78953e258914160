"""Sitemaps: everything a site ever had, of which the newest counts."""

from __future__ import annotations

import gzip
import time

import pytest

from mirror.sources import MAX_ITEMS, NotUnderstood, Parsed
from mirror.sources.sitemap import parse
from tests import needs
from tests.net.world import client, reply, world
from tests.sources.memory import AnOutlet, InMemory
from tests.sources.suite import NOW

SPACE = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'


def read(text: str | bytes, url: str = "https://news.example/sitemap.xml") -> Parsed:
    return parse(text.encode() if isinstance(text, str) else text, content_type="application/xml", url=url)


def test_a_news_sitemap_says_title_and_time() -> None:
    (item,) = read(
        f'<urlset {SPACE} xmlns:news="http://www.google.com/schemas/sitemap-news/0.9" '
        'xmlns:image="http://www.google.com/schemas/sitemap-image/1.1"><url><loc>\n https://news.example/a?utm_id=s '
        "</loc><image:image><image:loc>https://news.example/a.jpg</image:loc><image:title>Not it</image:title>"
        "</image:image><news:news><news:publication><news:name>N</news:name><news:language>ru</news:language>"
        "</news:publication><news:publication_date>2027-03-01T08:15:00+03:00</news:publication_date>"
        "<news:title>Дождь &amp; солнце</news:title><news:keywords>a, b</news:keywords></news:news>"
        "<lastmod>2027-03-01</lastmod></url></urlset>"
    ).items
    assert item.url == "https://news.example/a"
    assert item.title == "Дождь & солнце"
    assert (item.published, item.updated) == ("2027-03-01T05:15:00Z", "2027-03-01T00:00:00Z")
    assert item.tags == ("a", "b")


def test_of_many_the_newest_count() -> None:
    urls = "".join(
        f"<url><loc>https://news.example/{n}</loc><lastmod>20{n % 27:02}-01-01</lastmod></url>" for n in range(20_000)
    )
    parsed = read(f"<urlset {SPACE}>{urls}</urlset>")
    assert len(parsed.items) == MAX_ITEMS
    assert {item.updated for item in parsed.items} <= {f"20{n}-01-01T00:00:00Z" for n in (25, 26)}


def test_an_index_leads_to_its_newest_documents() -> None:
    parsed = read(
        f"<sitemapindex {SPACE}><sitemap><loc>https://news.example/old.xml</loc><lastmod>2020-01-01</lastmod></sitemap>"
        "<sitemap><loc>https://news.example/new.xml</loc><lastmod>2027-01-01</lastmod></sitemap>"
        "<sitemap><loc>https://elsewhere.example/x.xml</loc></sitemap></sitemapindex>"
    )
    assert parsed.links == ("https://news.example/new.xml", "https://news.example/old.xml")
    assert parsed.items == ()


def test_addresses_of_other_sites_do_not_count() -> None:
    parsed = read(f"<urlset {SPACE}><url><loc>https://elsewhere.example/</loc></url><url><loc>/a</loc></url></urlset>")
    assert [item.url for item in parsed.items] == ["https://news.example/a"]


def test_plain_text_and_gz_files_are_read_and_feeds_too() -> None:
    text = b"https://news.example/a\r\nhttps://news.example/b\r\n\r\nhttps://other.example/\r\n"
    assert [item.url for item in read(text).items] == ["https://news.example/a", "https://news.example/b"]
    assert len(read(gzip.compress(text)).items) == 2
    rss = "<rss><channel><item><link>https://news.example/a</link></item></channel></rss>"
    assert read(rss).format == "rss"
    assert len(read(gzip.compress(rss.encode())).items) == 1


def test_a_gz_bomb_is_refused_in_no_time() -> None:
    bomb = gzip.compress(bytes(300_000_000), 9)
    began = time.process_time()
    with pytest.raises(NotUnderstood, match="far too large"):
        read(bomb)
    assert time.process_time() - began < 5


def test_the_shared_sitemaps_are_read() -> None:
    folder = needs.shared("corpus/dev/feeds")
    for name, base, items, links in (
        ("trafilatura__sitemap.xml.gz", "https://www.sitemaps.org/", 84, 0),
        ("trafilatura__sitemap2.xml", "http://www.example.com/", 0, 2),
        ("ultimate-sitemap-parser__google-news.xml", "https://example.org/", 2, 0),
        ("ultimate-sitemap-parser__plaintext.txt", "https://example.org/", 2, 0),
        ("ultimate-sitemap-parser__simple-urlset.xml", "https://example.org/", 2, 0),
        ("ultimate-sitemap-parser__rss2.0.xml", "https://example.org/", 2, 0),
        ("ultimate-sitemap-parser__atom1.0.xml", "https://example.org/", 2, 0),
    ):
        parsed = read((folder / name).read_bytes(), base)
        assert (len(parsed.items), len(parsed.links)) == (items, links), name


async def test_an_index_is_followed_one_level_and_not_in_circles() -> None:
    memory = InMemory()
    async with world() as site, client() as guest:
        inner = "".join(
            f"<sitemap><loc>{site.url(f'/{name}')}</loc></sitemap>" for name in ("index.xml", "a.xml", "b.xml")
        )
        site.answers["/index.xml"] = reply(f"<sitemapindex>{inner}</sitemapindex>".encode(), etag='"1"')
        site.answers["/a.xml"] = reply(f"<urlset><url><loc>{site.url('/1')}</loc></url></urlset>".encode(), etag='"a"')
        site.answers["/b.xml"] = reply(f"<sitemapindex>{inner}</sitemapindex>".encode())
        outlet = AnOutlet(sitemaps=(site.url("/index.xml"),))
        from mirror.sources.sitemap import SOURCE

        found = await SOURCE.find(guest, outlet, memory, now=NOW)
        assert [item.url for item in found.items] == [site.url("/1")]
        assert found.problem is None
        site.answers["/index.xml"] = site.answers["/a.xml"] = reply(b"", 304, "Not Modified", content_length="")
        again = await SOURCE.find(guest, outlet, memory, now=NOW)
    assert again.items == found.items
    assert site.count("/index.xml") == 2
