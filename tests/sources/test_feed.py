"""What feeds say, in every format they say it in, and what is left of the broken ones."""

from __future__ import annotations

import tarfile
import warnings
from pathlib import Path

import pytest

from mirror.sources import Item, NotUnderstood, Parsed
from mirror.sources._dates import moment
from mirror.sources.feed import parse, plain
from tests import needs

HERE = "https://news.example/rss/all.xml"


def read(text: str | bytes, content_type: str = "") -> Parsed:
    return parse(text.encode() if isinstance(text, str) else text, content_type=content_type, url=HERE)


def one(inside: str, **namespaces: str) -> Item:
    spaces = "".join(f' xmlns:{name}="{url}"' for name, url in namespaces.items())
    (item,) = read(f'<rss version="2.0"{spaces}><channel><item>{inside}</item></channel></rss>').items
    return item


def atom(inside: str) -> Item:
    (item,) = read(f'<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="fa">{inside}</feed>').items
    return item


def test_an_rss_item_in_full() -> None:
    item = one(
        "<title>Rain &amp;amp; <![CDATA[<i>sun</i>]]> می‌آید</title><link>/2027/rain?utm_source=x&amp;id=3</link>"
        "<guid isPermaLink='false'>tag:7</guid><pubDate>Mon, 01 Mar 2027 11:15:00 +0300</pubDate>"
        "<description>&lt;p&gt;It rained.&lt;/p&gt;</description><content:encoded><![CDATA[<p>It rained all day.</p>]]>"
        "</content:encoded><dc:creator>A. Author</dc:creator><author>b@news.example (B. Author)</author>"
        "<category>Weather</category><category>Weather</category><comments>https://news.example/comments</comments>"
        "<enclosure url='https://news.example/a.mp3'/><source url='https://other.example/'>Other</source>"
        "<media:content url='https://news.example/a.jpg'><media:title>Not the title</media:title></media:content>",
        content="http://purl.org/rss/1.0/modules/content/",
        dc="http://purl.org/dc/elements/1.1/",
        media="http://search.yahoo.com/mrss/",
    )
    assert item == Item(
        url="https://news.example/2027/rain?id=3",
        title="Rain & sun می\u200cآید",
        published="2027-03-01T08:15:00Z",
        guid="tag:7",
        summary="It rained.",
        content_html="<p>It rained all day.</p>",
        authors=("A. Author", "B. Author"),
        tags=("Weather",),
    )


def test_an_atom_entry_in_full() -> None:
    item = atom(
        "<title>Site</title><link href='/'/><author><name>Not of the entry</name></author>"
        "<entry xml:base='/2027/'><id>tag:8</id><title type='html'>Rain &amp;amp; &lt;b&gt;sun&lt;/b&gt;</title>"
        "<link rel='enclosure' href='a.mp3'/><link rel='alternate' type='text/html' href='rain'/>"
        "<author><name>C. Author</name><email>c@news.example</email></author><category term='w' label='Weather'/>"
        "<published>2027-03-01T11:15:00.123+03:00</published><updated>2027-03-01T09:00:00Z</updated>"
        "<summary>It rained.</summary><content type='xhtml'><div xmlns='http://www.w3.org/1999/xhtml'>"
        "<p title='a&quot;b'>All &lt;day&gt;</p></div></content></entry>"
    )
    assert item == Item(
        url="https://news.example/2027/rain",
        title="Rain & sun",
        published="2027-03-01T08:15:00Z",
        updated="2027-03-01T09:00:00Z",
        guid="tag:8",
        summary="It rained.",
        content_html="<div><p title='a\"b'>All &lt;day&gt;</p></div>",
        authors=("C. Author",),
        tags=("Weather",),
    )


def test_atom_03_and_text_content_are_read() -> None:
    old = read(
        "<feed version='0.3' xmlns='http://purl.org/atom/ns#'><entry><title>t</title><issued>2003-12-13T08:29:29-04:00"
        "</issued><link rel='alternate' type='text/html' href='http://a.example/1'/>"
        "<content type='text/html' mode='escaped'>&lt;p&gt;x&lt;/p&gt;</content></entry></feed>"
    ).items[0]
    assert (old.url, old.published, old.content_html) == ("http://a.example/1", "2003-12-13T12:29:29Z", "<p>x</p>")
    plain_text = atom("<entry><link href='/x'/><content>1 &lt; 2</content></entry>")
    assert (plain_text.summary, plain_text.content_html) == ("1 < 2", None)


def test_rdf_is_read() -> None:
    parsed = read(
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/"><channel rdf:about="https://a.example/"><title>A</title>'
        "<link>https://a.example/</link><dc:language>ru</dc:language></channel>"
        '<item rdf:about="https://a.example/1"><title>One</title><link>https://a.example/1</link>'
        '<dc:date>2027-03-01T08:00+03:00</dc:date></item><item rdf:about="https://a.example/2"/></rdf:RDF>'
    )
    assert (parsed.format, parsed.title, parsed.language, parsed.site) == ("rdf", "A", "ru", "https://a.example/")
    assert [item.url for item in parsed.items] == ["https://a.example/1", "https://a.example/2"]
    assert parsed.items[0].published == "2027-03-01T05:00:00Z"


def test_json_feed_is_read() -> None:
    parsed = read(
        '\ufeff{"version":"https://jsonfeed.org/version/1.1","title":"N","language":"zh-Hans","home_page_url":"/",'
        '"items":[{"id":7,"url":"a","title":"1 < 2 & <b>","content_html":"<p>x</p>","summary":"s","tags":["t",5],'
        '"date_published":"2027-03-01T08:15:00+08:00","authors":[{"name":"D"},{"url":"x"},5]},'
        '{"id":"https://news.example/b","content_text":"text","author":{"name":"E"}},{"id":"x"},5,'
        '{"url":null,"authors":null}]}'
    )
    assert (parsed.format, parsed.title, parsed.language, parsed.site) == (
        "json",
        "N",
        "zh-Hans",
        "https://news.example/",
    )
    first, second = parsed.items
    assert first == Item(
        url="https://news.example/rss/a",
        title="1 < 2 & <b>",
        published="2027-03-01T00:15:00Z",
        guid="7",
        summary="s",
        content_html="<p>x</p>",
        authors=("D",),
        tags=("t",),
    )
    assert (second.url, second.summary, second.authors) == ("https://news.example/b", "text", ("E",))


def test_json_that_is_nested_without_end_is_refused() -> None:
    with pytest.raises(NotUnderstood):
        read('{"items":' + "[" * 200_000)


@pytest.mark.parametrize(
    ("inside", "url"),
    [
        ("<link>https://a.example/1</link><guid>https://a.example/2</guid>", "https://a.example/1"),
        ("<guid>https://a.example/2</guid>", "https://a.example/2"),
        ("<guid isPermaLink='false'>https://a.example/2</guid>", "https://a.example/2"),
        ("<link href='https://a.example/3'/>", "https://a.example/3"),
        ("<link>feedproxy</link><feedburner:origLink>https://a.example/4</feedburner:origLink>", "https://a.example/4"),
        ("<link>javascript:x</link><guid>https://a.example/5</guid>", "https://a.example/5"),
        ("<atom:link rel='self' href='/self'/><link>\n https://a.example/6 \n</link>", "https://a.example/6"),
        ("<atom:link rel='self' href='https://a.example/7'/>", "https://a.example/7"),
    ],
)
def test_the_article_s_address_is_found(inside: str, url: str) -> None:
    spaces = {"feedburner": "http://rssnamespace.org/feedburner/ext/1.0", "atom": "http://www.w3.org/2005/Atom"}
    assert one(inside, **spaces).url == url


@pytest.mark.parametrize("inside", ["", "<title>t</title>", "<guid>7</guid>", "<link>mailto:a@b.example</link>"])
def test_an_item_without_address_is_no_item(inside: str) -> None:
    assert read(f"<rss><channel><item>{inside}</item></channel></rss>").items == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Mon, 01 Mar 2027 08:15:00 GMT", "2027-03-01T08:15:00Z"),
        ("Mon, 1 Mar 27 08:15 EST", "2027-03-01T13:15:00Z"),
        ("01 Mar 2027 08:15:00 MSK", "2027-03-01T05:15:00Z"),
        ("01 Mar 2027 08:15:00 IST", "2027-03-01T02:45:00Z"),
        ("01 Mar 2027 08:15:00 IRDT", "2027-03-01T03:45:00Z"),
        ("Mon, 01 Mar 2027 08:15:00 +0430", "2027-03-01T03:45:00Z"),
        ("2027-03-01", "2027-03-01T00:00:00Z"),
        ("2027-03-01T08:15:00Z", "2027-03-01T08:15:00Z"),
        ("2027-03-01 08:15:00 +0300", "2027-03-01T05:15:00Z"),
        ("20270301T081560+03", "2027-03-01T05:15:59Z"),
        ("2027-03-01T08:15:00.123456-05:30", "2027-03-01T13:45:00Z"),
        ("Mon, 01 Jan 0001 00:00:00 +0000", None),
        ("1970-01-01T00:00:00Z", None),
        ("2027-13-01", None),
        ("2027-03-01T08:15:00+99:00", None),
        ("yesterday", None),
        ("", None),
        (None, None),
        ("9" * 300, None),
    ],
)
def test_times_are_read_as_they_are_written(text: str | None, expected: str | None) -> None:
    assert moment(text) == expected


def test_plain_text_keeps_its_letters_and_loses_its_tags() -> None:
    assert plain("a <b>b</b>\n&amp; c < d می\u200cخواهم \U0001f468\u200d\U0001f469", 100) == (
        "a b & c < d می\u200cخواهم \U0001f468\u200d\U0001f469"
    )
    assert plain("word " * 100, 20) == "word word word…"
    assert plain("<p></p> ", 20) is None
    assert plain(None, 20) is None


@pytest.mark.parametrize(
    "text",
    [
        "<rss><channel><item><title>a & b</title><link>https://a.example/1</link></item></channel></rss>",
        "<rss><channel><item><title>a</b></title><link>https://a.example/1</link></item></channel></rss>",
        "<rss><channel><item><x:y>a</x:y><link>https://a.example/1</link></item></channel></rss>",
        "<rss><channel><item><title>a\x08b</title><link>https://a.example/1</link></item></channel></rss>",
        "<rss><channel><item><title>a&nbsp;&laquo;b&raquo;</title><link>https://a.example/1</link></item></channel></rss>",
        "\n\n <?xml version='1.0'?><rss><channel><item><link>https://a.example/1</link></item></channel></rss>junk <",
        "<rss><channel><item><link>https://a.example/1</link></item>",
        "<rss><channel><item><link>https://a.example/1</link><description>cut he",
        "<RSS><CHANNEL><ITEM><LINK>https://a.example/1</LINK></ITEM></CHANNEL></RSS>",
    ],
)
def test_broken_feeds_are_read_all_the_same(text: str) -> None:
    assert [item.url for item in read(text).items] == ["https://a.example/1"]


@pytest.mark.parametrize(("label", "codec"), [("windows-1251", "cp1251"), ("koi8-r", "koi8-r"), ("utf-16", "utf-16")])
def test_feeds_come_in_any_charset(label: str, codec: str) -> None:
    text = (
        f'<?xml version="1.0" encoding="{label}"?><rss><channel><item><title>Дождь — и солнце</title>'
        "<link>https://a.example/1</link></item></channel></rss>"
    )
    assert read(text.encode(codec, "replace")).items[0].title in {"Дождь — и солнце", "Дождь ? и солнце"}


# --- feeds of others --------------------------------------------------------------------------------------------------


def unpacked(name: str, into: Path) -> list[Path]:
    with tarfile.open(needs.shared(f"corpus/dev/feeds/{name}.tar.gz")) as archive:
        archive.extractall(into, filter="data")
    return sorted(path for path in into.rglob("*") if path.is_file())


def test_every_real_feed_yields_its_entries(tmp_path: Path) -> None:
    paths = unpacked("real-feeds", tmp_path)
    assert len(paths) == 41
    for path in paths:
        body = path.read_bytes()
        parsed = read(body)
        assert len(parsed.items) == body.count(b"<item>") + body.count(b"<entry>") + body.count(b"<item "), path.name
        assert len([item for item in parsed.items if not item.title]) == body.count(b"<title></title>"), path.name
        dated = [item for item in parsed.items if item.published or item.updated]
        # The channel has a date of its own; one feed gives the year 1, which is none.
        written = 0 if b" 0001 " in body else max(body.count(b"<pubDate>") - 1, body.count(b"<published>"))
        assert len(dated) >= min(written, len(parsed.items)), path.name


def test_other_readers_feeds_yield_their_entries(tmp_path: Path) -> None:
    import json

    expected = [path for path in unpacked("fastfeedparser-integration", tmp_path) if path.suffix == ".json"]
    compared = 0
    for path in expected:
        feed = path.with_suffix(".xml")
        if feed.exists():
            entries = json.loads(path.read_text())["entries"]
            parsed = read(feed.read_bytes())
            assert len(parsed.items) == len(entries), path.name
            assert [item.title for item in parsed.items] == [plain(entry["title"], 500) for entry in entries], path.name
            compared += 1
    assert compared >= 4


def test_every_feed_of_others_yields_at_least_what_feedparser_finds(tmp_path: Path) -> None:
    """feedparser's own cases, those of fastfeedparser, and real feeds: as many entries, as many of them with a link."""
    import io

    import feedparser

    compared = entries = 0
    for name in ("feedparser-tests", "fastfeedparser-integration", "real-feeds"):
        for path in unpacked(name, tmp_path / name):
            if path.suffix in (".json", ".py", ".txt"):
                continue
            body = path.read_bytes()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of its own deprecated fields
                theirs = feedparser.parse(io.BytesIO(body)).entries
            try:
                ours = read(body)
            except NotUnderstood:
                ours = Parsed(format="none")
            assert ours.entries >= len(theirs), path.name
            assert len(ours.items) >= sum(1 for entry in theirs if entry.get("link")), path.name
            compared, entries = compared + 1, entries + len(theirs)
    assert compared > 800
    assert entries > 1200


@pytest.mark.parametrize("name", ["data-import__stub_unian_rss.xml", "data-import__stub_ukranews_rss.xml"])
def test_ukrainian_feeds_yield_their_entries(name: str) -> None:
    body = needs.shared(f"corpus/dev/feeds/{name}").read_bytes()
    parsed = read(body)
    assert len(parsed.items) == body.count(b"<item>") > 0
    assert all(item.title and item.published for item in parsed.items)


def test_a_real_json_feed_yields_its_entries() -> None:
    parsed = read(needs.shared("corpus/dev/feeds/trafilatura__feed.json").read_bytes())
    assert parsed.format == "json"
    assert len(parsed.items) > 5
