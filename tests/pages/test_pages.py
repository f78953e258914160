"""Pages are complete, say what they must, and stay inert whatever is in the texts."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from lxml import html as lxml_html

from mirror.model import Article, Footnote, Footnotes, Link, Note, Paragraph, Part, Removed, Update
from mirror.pack import cut
from mirror.pages import article_page, atom, front_page, page_path
from mirror.pages.html import Html, el, escape, outward
from mirror.pages.style import HERE, piece, script_pieces, sheet
from mirror.pages.words import ALL, ENGLISH, Words, moment, solar_hijri, words
from tests.pages.samples import DIGEST, HOSTILE, HOSTILE_URLS, article, edition, paragraph

_ELEMENTS = (
    "html head meta title link style body a nav span bdi main article header footer p h1 h2 h3 h4 b em strong sub sup "
    "code br ul ol li blockquote div table tr th td caption figure img figcaption aside hr pre section time dl dt dd "
    "tbody"
)
parse_xml: Any = etree.fromstring
ELEMENTS = frozenset(_ELEMENTS.split())
_ATTRIBUTES = (
    "lang dir charset http-equiv content name rel href type title class id tabindex datetime aria-label "
    "aria-labelledby role scope src width height alt loading decoding download"
)
ATTRIBUTES = frozenset(_ATTRIBUTES.split())
OUTWARD = re.compile(r"https?://(outlet|m)\.example(/|$)")
OURS = re.compile(
    r"(\.\./)?(index\.html(#check)?|feed\.xml|reader\.html|a/[0-9a-f]{12}\.html|o/[0-9a-f]{2}/[0-9a-f]{62})$|#[a-z]+[0-9]*$"
)


def render(one: Any = None, **options: Any) -> bytes:
    return article_page(one or article(), digest=DIGEST, index=7, publication="Example Press", **options)


def check_inert(page: bytes) -> Any:
    """Only our elements and attributes, no script, and addresses of two kinds; returns the tree."""
    assert b"\x00" not in page
    root = lxml_html.document_fromstring(page.decode("utf-8"))
    for element in root.iter():
        assert isinstance(element.tag, str), f"a comment or instruction: {element!r}"
        assert element.tag in ELEMENTS, element.tag
        for name, value in element.attrib.items():
            assert name in ATTRIBUTES, f"{element.tag} {name}"
            if name == "src":
                assert re.fullmatch(r"(\.\./)?o/[0-9a-f]{2}/[0-9a-f]{62}", value)
            elif name == "href" and element.tag == "link":
                assert value in ("data:,", "feed.xml")
            elif name == "href":
                assert OUTWARD.match(value) or OURS.match(value), value
    assert len(root.findall(".//style")) == 1
    assert len(root.findall(".//meta[@http-equiv]")) == 2
    return root


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_in_every_field_of_an_article_is_inert(text: str) -> None:
    for language in ("en", "fa", text):
        page = render(article(text, language=language), mirrors=[text, "https://m.example/"])
        root = check_inert(page)
        assert root.find(".//style").text.startswith(":root")


@pytest.mark.parametrize("url", HOSTILE_URLS)
def test_hostile_addresses_in_an_article_become_text(url: str) -> None:
    check_inert(render(article(url=url)))
    assert outward(url) is None


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_in_every_field_of_an_edition_is_inert(text: str) -> None:
    check_inert(front_page(edition(text)))


@pytest.mark.parametrize("url", HOSTILE_URLS)
def test_hostile_addresses_in_an_edition_become_text(url: str) -> None:
    check_inert(front_page(edition(url=url)))
    feed = parse_xml(atom(edition(url=url)))
    for link in feed.iter("{*}link"):
        assert OURS.match(link.get("href")) or OUTWARD.match(link.get("href"))


@pytest.mark.parametrize("bad", ["../../../etc/passwd", "AB" * 32, '" onerror="x', "", "ab" * 31])
def test_a_digest_that_is_none_never_becomes_an_address(bad: str) -> None:
    assert b"<img" not in render(article(digest=bad))
    document = edition()
    document["outlets"][0]["articles"][0]["thumbnail"] = bad
    check_inert(front_page(document))


def test_only_pictures_are_shown_as_pictures() -> None:
    assert b"<img" not in render(article(media_type="text/html"))


@given(st.text(), st.sampled_from(["", "http://outlet.example/", "https://outlet.example/?"]))
@settings(max_examples=60, deadline=None)
def test_no_text_gets_out_of_its_place(text: str, start: str) -> None:
    root = check_inert(render(article(text, url=start + text)))
    assert len(root.findall(".//h1")) == 1


def test_the_text_is_all_there_and_nothing_is_changed() -> None:
    text = "“Ærø” & <b>, ‌نیم‌فاصله، 中文 — \N{ZERO WIDTH JOINER}"
    root = check_inert(render(article(text)))
    said = "".join(root.find(".//main").itertext())
    # Title, lead, section, outlet, two authors; then the blocks' 26 texts, 2 captions and 2 credits.
    assert said.count(text) >= 30


def test_a_page_loads_nothing_but_its_own_style_and_pictures() -> None:
    for page in (render(), front_page(edition())):
        root = check_inert(page)
        policy = root.find(".//meta[@http-equiv='Content-Security-Policy']").get("content")
        digest = base64.b64encode(hashlib.sha256(root.find(".//style").text.encode()).digest()).decode()
        assert policy == (
            f"default-src 'none';img-src 'self' data:;style-src 'sha256-{digest}';base-uri 'none';form-action 'none'"
        )
        assert root.find(".//meta[@name='referrer']").get("content") == "no-referrer"
        assert root.find(".//meta[@http-equiv='x-dns-prefetch-control']").get("content") == "off"
        assert "noindex" in root.find(".//meta[@name='robots']").get("content")
        assert not root.findall(".//link[@rel='canonical']")


@pytest.mark.parametrize("language", ["en", "ru", "fa", "zh"])
def test_a_page_says_in_its_language_how_to_check_it_and_what_that_means(language: str) -> None:
    one = article(language=language, direction="rtl" if language == "fa" else "ltr")
    root = check_inert(render(one, mirrors=["https://m.example"]))
    say = words(language)
    foot = "".join(root.find(".//footer[@id='check']").itertext())
    for sentence in (say.check, say.with_what, say.more, say.original):
        assert sentence in foot
    (front,) = root.xpath("//footer//a[@href='../index.html#check']")
    assert front.text_content() == say.more
    (original,) = root.xpath("//footer//a[@rel]")
    assert (original.text_content(), original.get("href")) == ("outlet.example", one.url)
    for fact in (moment(one.fetched, language), f"tamizdat verify https://m.example/{page_path(one.url)}"):
        assert fact in foot
    assert root.get("lang") == language
    assert (root.get("dir") or "ltr") == one.direction


def test_a_language_we_have_no_words_for_gets_english_ones_marked_as_english() -> None:
    root = check_inert(render(article(language="he", direction="rtl")))
    foot = root.find(".//footer[@id='check']")
    assert (root.get("lang"), root.get("dir")) == ("he", "rtl")
    assert (foot.get("lang"), foot.get("dir")) == ("en", "ltr")
    assert ENGLISH.check in "".join(foot.itertext())


def test_a_page_never_looks_like_a_verdict() -> None:
    for page in (render(), front_page(edition())):
        text = page.decode().lower()
        for word in ("✓", "✔", "🔒", "authentic", "verified", "#0a0", "green"):
            assert word not in text


def test_without_a_mirror_the_command_names_the_saved_page() -> None:
    url = article().url
    assert f"tamizdat verify {page_path(url)[2:]}</code>".encode() in render()


def test_a_long_article_shows_its_parts_or_says_that_they_are_missing() -> None:
    long = article(body=(paragraph("first"),), parts=(Part(digest=DIGEST, size=1),))
    assert ENGLISH.rest.encode() in render(long)
    whole = render(long, parts_blocks=(paragraph("second"),))
    assert ENGLISH.rest.encode() not in whole
    assert b"<p>first</p><p>second</p>" in whole


def test_the_cover_is_shown_once() -> None:
    assert render(article(body=(paragraph("no picture among the blocks"),))).count(b"<img") == 1


def test_pictures_have_sizes_and_load_when_they_are_needed() -> None:
    for image in check_inert(render()).iter("img"):
        assert (image.get("width"), image.get("height"), image.get("loading")) == ("1200", "800", "lazy")
        assert image.get("src") == f"../o/{DIGEST[:2]}/{DIGEST[2:]}"


# What a newspaper's article is made of in each script; of a line each.
LINES = {
    "en": "The harbour office opened its doors at six as it had every morning for as long as people remember.",
    "ru": "Портовая контора открылась в шесть, как открывалась каждое утро, сколько люди себя помнят.",
    "uk": "Портова контора відчинилася о шостій, як відчинялася щоранку, відколи люди себе пам’ятають.",
    "be": "Партовая кантора адчынілася а шостай, як адчынялася кожную раніцу, колькі людзі сябе памятаюць.",
    "es": "La oficina del puerto abrió a las seis, como todas las mañanas desde que la gente recuerda.",
    "fa": "دفتر بندر مثل هر روز صبح، تا جایی که مردم به یاد دارند، ساعت شش درهایش را باز کرد.",
    "ar": "فتح مكتب الميناء أبوابه في السادسة كما يفعل كل صباح منذ أن وعى الناس.",
    "zh": "港务处六点开门，从人们记事起每天早晨都是如此。",
    "ur": "بندرگاہ کا دفتر ہر صبح کی طرح چھ بجے کھلا، جب سے لوگوں کو یاد ہے۔",
}


def six_kilobytes(language: str) -> Article:
    """An article of paragraphs with 6 KB of text: what a reader reads between the two bars, its picture's line too."""
    line = LINES[language]
    way: Any = "rtl" if language in ("fa", "ar", "ur") else "ltr"
    one = article(line, language=language, direction=way, url="https://outlet.example/2027/03/01/harbour-office-clock")
    one = replace(
        one, outlet_name="Harbour Light", section="City", authors=("Ann Example",), resources=one.resources[:1]
    )
    text: list[str] = []
    while True:
        body = (*(paragraph(piece) for piece in text), paragraph(f"{line} {line}"))
        if len(shown(replace(one, blocks=body)).encode()) > 6144:
            return replace(one, blocks=body[:-1])
        text.append(f"{line} {line}")


def shown(one: Article) -> str:
    return str(check_inert(render(one)).find(".//article").text_content())


@pytest.mark.parametrize("language", sorted(LINES))
def test_a_page_with_six_kilobytes_of_text_has_at_most_ten(language: str) -> None:
    one = six_kilobytes(language)
    page = render(one, mirrors=["https://mirror-of-news.example/"])
    assert 5600 < len(shown(one).encode()) <= 6144
    assert len(page) <= 10 * 1024


@pytest.mark.parametrize("language", sorted(LINES))
def test_what_is_not_the_articles_own_text_is_small(language: str) -> None:
    page = render(six_kilobytes(language), mirrors=["https://mirror-of-news.example/"])
    own = lxml_html.tostring(check_inert(page).find(".//article"), encoding="utf-8")
    assert len(page) - len(own) <= 3584


def noted(*labels: str) -> Paragraph:
    return Paragraph(content=("text", *(Note(label=label) for label in labels)))


def notes(**texts: str) -> Footnotes:
    return Footnotes(items=tuple(Footnote(label=key[1:], content=(paragraph(text),)) for key, text in texts.items()))


def test_a_mark_leads_to_its_note_and_the_note_back() -> None:
    body = (noted("1", "2"), noted("1"), notes(n1="first", n2="second", n3="nobody asked"))
    root = check_inert(render(article(body=body)))
    marks = root.findall(".//sup")
    assert [(mark.get("id"), mark.find("a").get("href")) for mark in marks] == [
        ("m1", "#n1"),
        ("m2", "#n2"),
        (None, "#n1"),
    ]
    foot = root.find(".//section[@class='notes']")
    assert [(one.get("id"), "".join(one.itertext())) for one in foot] == [
        ("n1", "1first"),
        ("n2", "2second"),
        ("n3", "3nobody asked"),
    ]
    assert [link.get("href") for link in foot.iter("a")] == ["#m1", "#m2"]


def test_the_next_note_of_a_label_is_meant_then_the_last_one_before() -> None:
    body = (noted("1"), notes(n1="of part one"), noted("1"), notes(n1="of part two"), noted("1", "9"))
    root = check_inert(render(article(body=body)))
    assert [mark.find("a").get("href") for mark in root.findall(".//sup") if len(mark.findall("a"))] == [
        "#n1",
        "#n2",
        "#n2",
    ]
    assert "".join(root.findall(".//sup")[-1].itertext()) == "9"


def test_a_note_that_was_cut_in_two_is_one_note() -> None:
    long = Footnotes(items=(Footnote(label="1", content=(paragraph("one"), paragraph("two"))),))
    halves = cut(long)
    assert halves is not None
    root = check_inert(render(article(body=(noted("1"), *halves))))
    assert [(one.get("id"), "".join(one.itertext())) for one in root.findall(".//section[@class='notes']/div")] == [
        ("n1", "1one"),
        (None, "two"),
    ]


@pytest.mark.parametrize("language", ["en", "ru", "fa", "zh"])
def test_a_page_that_the_outlet_removed_says_so_at_its_top(language: str) -> None:
    gone = Removed(noticed="2027-03-09T08:00:00Z", answer="410 Gone")
    root = check_inert(render(article(language=language, removed=gone)))
    said = "".join(root.find(".//article")[0].itertext())
    assert said == words(language).removed.format(noticed=moment(gone.noticed, language), answer="410 Gone")
    assert words(language).removed[:12] not in "".join(check_inert(render(article(language=language))).itertext())


def test_updates_have_their_times_and_can_be_pointed_at() -> None:
    posts = tuple(Update(time=f"2027-03-01T0{n}:00:00Z", title=None, blocks=(paragraph(f"post {n}"),)) for n in (9, 8))
    root = check_inert(render(article(body=posts)))
    found = root.findall(".//section[@class='update']")
    assert [(one.get("id"), one.find("a").get("href")) for one in found] == [("u1", "#u1"), ("u2", "#u2")]
    assert [one.find("a/time").get("datetime") for one in found] == ["2027-03-01T09:00:00Z", "2027-03-01T08:00:00Z"]


def test_a_line_against_the_direction_of_its_article_has_its_own() -> None:
    body = (
        paragraph("متن فارسی با یک نام English در میان"),
        paragraph("“A whole sentence in English,” she said."),
        paragraph("BBC این خبر را منتشر کرده است و می‌گوید"),
        paragraph("2027"),
    )
    root = check_inert(render(article("متن", language="fa", direction="rtl", body=body)))
    assert [one.get("dir") for one in root.findall(".//article/p")] == [None, "ltr", None, None]
    other = check_inert(render(article(body=(paragraph("متن فارسی با یک نام"), paragraph("He said سلام to us.")))))
    assert [one.get("dir") for one in other.findall(".//article/p")] == ["rtl", None]


def test_deeply_nested_inlines_end_somewhere() -> None:
    inner: Any = ("deep",)
    for _ in range(500):
        inner = (Link(url="https://outlet.example/", content=inner),)
    check_inert(render(article(body=(Paragraph(content=inner),))))


def test_headings_do_not_skip_the_title_and_the_landmarks_are_there() -> None:
    for page in (render(), front_page(edition())):
        root = check_inert(page)
        assert len(root.findall(".//h1")) == 1
        assert len(root.findall(".//main")) == 1
        identifiers = [element.get("id") for element in root.iter() if element.get("id")]
        assert len(identifiers) == len(set(identifiers))


def test_the_front_page_marks_every_item_with_its_language_and_direction() -> None:
    root = check_inert(front_page(edition(), reader="reader.html"))
    items = root.findall(".//ul[@class='list']/li")
    assert [(one.get("lang"), one.get("dir")) for one in items] == [("en", "ltr"), ("fa", "rtl"), ("fa", "rtl")]
    assert items[0].find(".//a").get("href") == page_path("https://outlet.example/an-article")
    said = "".join(root.itertext())
    for fact in ("12", "1 March 2027, 10:00 UTC", "https://outlet.example/an-article", "NL", "40"):
        assert fact in said


def test_a_mirror_without_pages_gets_a_front_page_without_dead_links() -> None:
    root = check_inert(front_page(edition(), pages={}))
    assert not root.findall(".//h3/a")
    assert check_inert(front_page(edition(), pages={DIGEST: page_path("x")})).find(".//h3/a") is not None


def test_an_empty_edition_has_a_front_page_and_a_feed() -> None:
    document = edition()
    document.update(outlets=[], mirrors=[], withdrawals=[])
    check_inert(front_page(document))
    parse_xml(atom(document))


# --- feed -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("base", [None, "https://m.example/", "javascript:alert(1)//"])
def test_the_feed_is_atom_whatever_the_texts_are(text: str, base: str | None) -> None:
    feed = parse_xml(atom(edition(text), base=base))
    names = {"a": "http://www.w3.org/2005/Atom"}
    one = lambda path: feed.xpath(path, namespaces=names)  # noqa: E731
    assert len(one("/a:feed/a:id")) == len(one("/a:feed/a:title")) == len(one("/a:feed/a:updated")) == 1
    entries = one("/a:feed/a:entry")
    assert len(entries) == 3
    for entry in entries:
        for required in ("id", "title", "updated", "summary"):
            assert len(entry.findall(f"a:{required}", names)) == 1
        assert re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", entry.find("a:id", names).text)
    assert len({entry.find("a:id", names).text for entry in entries}) == 3
    for link in feed.iter("{*}link"):
        assert not link.get("href").lower().startswith(("javascript", "data"))


def test_feed_readers_understand_the_feed() -> None:
    import feedparser

    parsed: Any = feedparser.parse(atom(edition(), base="https://m.example/mirror/"))
    assert not parsed.bozo
    assert parsed.entries[0].link.startswith("https://m.example/mirror/a/")


def test_an_article_stays_the_same_entry_through_its_revisions() -> None:
    document = edition()
    before = re.findall(rb"urn:uuid:[0-9a-f-]+", atom(document))
    document["outlets"][0]["articles"][0].update(title="Changed", digest="cd" * 32, revision=2)
    assert re.findall(rb"urn:uuid:[0-9a-f-]+", atom(document, base="https://m.example/")) == before


# --- words and dates ----------------------------------------------------------------------------------------------


def test_every_language_says_everything_with_the_same_blanks() -> None:
    blanks = lambda text: sorted(re.findall(r"\{[a-z]+\}", text))  # noqa: E731
    for say in ALL.values():
        assert say.embed.keys() == ENGLISH.embed.keys()
        for field in fields(Words):
            value, english = getattr(say, field.name), getattr(ENGLISH, field.name)
            assert value, field.name
            if isinstance(value, str):
                assert blanks(value) == blanks(english), f"{say.language} {field.name}"


SAME = {  # here: in the reader
    "front": "front",
    "by": "by",
    "removed": "removed",
    "back": "back_to_text",
    "notes": "notes",
    "original": "original",
    "fetched": "fetched",
    "revision": "revision",
    "picture": "photo",
    "scroll": "table",
    "mirrors": "mirrors",
    "edition": "edition",
}


@pytest.mark.parametrize("language", sorted(ALL))
def test_pages_and_the_reader_have_one_word_for_each_thing(language: str) -> None:
    say = ALL[language]
    reader, shared = (
        json.loads((HERE.parent / folder / f"{language}.json").read_text("utf-8"))
        for folder in ("reader/lang", "pages/shared")
    )
    assert {here: getattr(say, here) for here in SAME} == {here: reader[there] for here, there in SAME.items()}
    for kind in ("video", "audio", "chart", "map", "document", "post"):
        assert say.embed[kind] == reader[f"embed.{kind}"]
    assert (shared["original"], shared["fetched"], shared["bundle"]) == (say.original, say.fetched, reader["digest"])
    assert shared["says"].startswith(reader["says"])
    assert shared["says"].endswith(say.does_not_say)


@pytest.mark.parametrize(("language", "dot"), [("fa", " | "), ("ar", " | "), ("ru", " · ")])
def test_no_dot_stands_among_digits_that_have_a_dot_for_a_zero(language: str, dot: str) -> None:
    one = replace(article(), language=language, direction=words(language).direction)
    assert dot == words(language).dot
    assert (" · " in render(one).decode()) == (dot == " · ")


def test_a_chinese_label_and_what_follows_have_no_blank_between_them() -> None:
    page = render(replace(article(), language="zh")).decode()
    assert "作者：<b>" in page
    assert "： " not in page


@pytest.mark.parametrize(
    ("gregorian", "expected"),
    [
        ((2024, 3, 20), (1403, 1, 1)),
        ((2025, 3, 20), (1403, 12, 30)),
        ((2025, 3, 21), (1404, 1, 1)),
        ((2026, 3, 21), (1405, 1, 1)),
        ((2027, 2, 28), (1405, 12, 9)),
        ((1979, 2, 11), (1357, 11, 22)),
        ((2028, 2, 29), (1406, 12, 10)),
    ],
)
def test_persian_dates_are_those_of_the_solar_hijri_calendar(gregorian: Any, expected: Any) -> None:
    assert solar_hijri(*gregorian) == expected


def test_times_are_dates_in_the_language_of_the_page() -> None:
    time = "2027-03-01T08:05:00Z"
    assert moment(time, "en") == "1 March 2027, 08:05 UTC"
    assert moment(time, "ru-RU") == "1 марта 2027, 08:05 UTC"
    assert moment(time, "zh-Hans") == "2027年3月1日 08:05（UTC）"
    assert moment(time, "fa") == "۱۰ اسفند ۱۴۰۵، ۰۸:۰۵ (UTC)"
    assert moment(time, "fi", clock=False) == "1 March 2027"
    assert moment("soon", "en") == "soon"


# --- style and builder ------------------------------------------------------------------------------------------


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_every_text_colour_can_be_read_in_both_themes() -> None:
    css = (HERE / "base.css").read_text(encoding="utf-8")
    # A wash is gray with an alpha of 1/15.

    def over(paper: str) -> list[int]:
        return [int(int(paper[at : at + 2], 16) * 14 / 15 + 0x88 / 15) for at in (1, 3, 5)]

    themes = [dict(re.findall(r"--(\w+):(#[0-9a-f]{6})", part)) for part in re.findall(r":root\{(.*?)\}", css)[:2]]
    assert len(themes) == 2
    for theme in themes:
        theme["wash"] = "#" + "".join(f"{one:02x}" for one in over(theme["paper"]))
        for ink in ("ink", "soft", "link"):
            for paper in ("paper", "wash"):
                light, dark = sorted((luminance(theme[ink]), luminance(theme[paper])), reverse=True)
                assert (light + 0.05) / (dark + 0.05) >= 4.5, (ink, paper, theme)


def test_style_asks_for_nothing_from_outside() -> None:
    for path in HERE.glob("*.css"):
        css = piece(path.stem)
        assert "url(" not in css
        assert "@import" not in css
        assert "<" not in css


@pytest.mark.parametrize("alike", [True, False])
@pytest.mark.parametrize("language", ["en", "fa", "zh", "mn-Mong"])
def test_a_sheet_names_nothing_that_it_does_not_define_and_paper_has_the_last_word(language: str, alike: bool) -> None:
    names = frozenset(path.stem for path in HERE.glob("*.css")) - {"arabic", "chinese", "mongolian"}
    css, _source = sheet(names | script_pieces([language]), alike=alike)
    assert set(re.findall(r"var\((--\w+)\)", css)) == set(re.findall(r"(--\w+):", css))
    assert css.count("@media print{") == 1
    assert css.rindex("@media") == css.rindex("@media print{")
    assert css.count("{") == css.count("}")
    assert "{}" not in css
    assert ("calc(" in css.replace("calc(100%", "")) is not alike


def test_a_page_carries_only_the_style_it_needs() -> None:
    plain = render(article(body=(paragraph("only words"),)))
    assert b"blockquote{" not in plain
    assert b"table{" not in plain
    assert b"blockquote{" in render()


def test_mongolian_in_its_own_script_stands_in_columns_and_keeps_what_shapes_it() -> None:
    text = "ᠬᠣᠲᠠ\u202fᠶᠢᠨ ᠳᠠᠷᠤᠭ\u180eᠠ ᠪᠢᠴᠢᠭ\u180b ᠪᠢᠴᠢᠭ\u180c ᠪᠢᠴᠢᠭ\u180d ᠪᠢᠴᠢᠭ\u180f"
    page = render(article(text, language="mn-Mong")).decode()
    root = check_inert(page.encode())
    assert root.get("lang") == "mn-Mong"
    assert text in [paragraph.text_content() for paragraph in root.iterfind(".//article//p")]
    assert "writing-mode:vertical-lr" in page
    for language in ("mn", "en", "mn-Cyrl", "ja"):
        assert b"writing-mode" not in render(article(text, language=language))


def test_the_builder_escapes_what_is_not_markup_and_refuses_other_addresses() -> None:
    assert el("p", "a<b", Html("<br>"), None, title='"') == '<p title="&quot;">a&lt;b<br></p>'
    assert escape(escape("&")) == "&amp;"
    with pytest.raises(ValueError, match="not an address"):
        el("a", "x", href="javascript:alert(1)")
    with pytest.raises(ValueError, match="not an address"):
        el("img", src="//evil.invalid/x")


def test_the_front_page_says_where_the_reader_is_and_why_this_copy_is_not_believed() -> None:
    root = check_inert(front_page(edition(), reader="reader.html"))
    (link,) = root.xpath("//footer//a[@href='reader.html']")
    assert link.get("download") == "reader.html"  # opened from a mirror, it could be anything
    said = " ".join(root.xpath("//footer")[0].text_content().split())
    assert "A mirror can give you a forged one" in said
    assert "on its own channels, not here" in said
    assert "sha256sum reader.html" in said
    assert not re.search(r"\b[0-9a-f]{64}\b", said.replace(DIGEST, ""))  # nothing here to compare it with


@pytest.mark.parametrize("language", sorted(ALL))
def test_the_front_page_says_what_a_signature_says_and_where_the_ways_to_check_come_from(language: str) -> None:
    root = check_inert(front_page(edition(), language=language))
    assert root.find("body")[0].get("href") == "#text"
    said = root.find(".//footer[@id='check']").text_content()
    say = words(language)
    for sentence in (say.nothing, say.says.format(publication="A calm line"), *say.steps):
        assert sentence in said


def test_what_others_captured_says_so_on_its_page() -> None:
    taken = replace(article(), captured="2026-05-04T03:02:00Z")
    said = check_inert(render(taken)).find(".//footer[@id='check']").text_content()
    assert "others captured the page at the address below on 4 May 2026, 03:02 UTC, Example Press took it over" in said
    assert "others captured" not in check_inert(render()).text_content()


def test_a_name_that_ends_its_own_isolate_turns_nothing_of_ours_around() -> None:
    turns = "".join(map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A))))
    text = render(replace(article(), outlet_name=f"The {turns}Lantern", title=f"Lanterns{turns}")).decode()
    assert "<bdi>The Lantern</bdi>" in text
    assert "<bdi>Lanterns</bdi>" in text
