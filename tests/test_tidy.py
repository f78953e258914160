"""What pages hold is made to fit the schema, and what was good stays as it is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mirror import tidy as module
from mirror.model import (
    Article,
    Break,
    Cell,
    Code,
    Embed,
    Heading,
    InlineCode,
    Link,
    List,
    Paragraph,
    Picture,
    Quote,
    Resource,
    Styled,
    Table,
    Update,
)
from mirror.pack import bundle, split, text_of, to_document
from mirror.tidy import address, tidy
from schemas import check, source
from signing.keys import SignerKey
from tests.schemas.articles import EVERYTHING, ZWNJ, articles
from tests.schemas.test_schemas import BAD_URLS, GOOD_URLS


def tidied(*blocks: Any, **more: Any) -> Article:
    """The article with these blocks, tidied, which then fits the schema."""
    article = tidy(replace(EVERYTHING, blocks=blocks, **more))
    check("bundle", to_document(article))
    assert tidy(article) == article
    return article


def paragraph(*content: Any) -> Paragraph:
    return Paragraph(content=content)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(articles())
def test_a_good_article_stays_as_it_is(article: Article) -> None:
    assert tidy(article) == article


ANY_TEXT = st.text(max_size=20) | st.sampled_from(["", "\x00", "a\nb", "\ud800", "\uffff", "<b>", "x" * 6000])
ANY_URL = st.sampled_from([*BAD_URLS, *GOOD_URLS, ""]) | ANY_TEXT
ANY_INLINE: st.SearchStrategy[Any] = st.recursive(
    ANY_TEXT | st.builds(InlineCode, text=ANY_TEXT) | st.builds(Break),
    lambda inner: (
        st.builds(Link, url=ANY_URL, content=st.lists(inner, max_size=2).map(tuple))
        | st.builds(Styled, style=st.just("strong"), content=st.lists(inner, max_size=2).map(tuple))
    ),
    max_leaves=6,
)
ANY_CONTENT = st.lists(ANY_INLINE, max_size=3).map(tuple)
ANY_FLOW: st.SearchStrategy[Any] = st.recursive(
    st.builds(Paragraph, content=ANY_CONTENT),
    lambda inner: st.builds(
        List, ordered=st.booleans(), items=st.lists(st.lists(inner, max_size=2).map(tuple), max_size=2).map(tuple)
    ),
    max_leaves=6,
)
ANY_FLOWS = st.lists(ANY_FLOW, max_size=3).map(tuple)
ANY_ROW = st.lists(st.builds(Cell, content=ANY_CONTENT, header=st.booleans()), max_size=2).map(tuple)
ANY_OPTION = st.none() | ANY_TEXT
ANY_SIMPLE: st.SearchStrategy[Any] = (
    ANY_FLOW
    | st.builds(Heading, level=st.integers(0, 7), content=ANY_CONTENT)
    | st.builds(Quote, blocks=ANY_FLOWS, source=ANY_OPTION)
    | st.builds(Table, rows=st.lists(ANY_ROW, max_size=2).map(tuple), caption=ANY_OPTION)
    | st.builds(Picture, resource=st.integers(-2, 4))
    | st.builds(Embed, kind=ANY_TEXT, url=ANY_URL, title=ANY_OPTION, text=ANY_OPTION)
)
ANY_BLOCK = (
    ANY_SIMPLE
    | st.builds(Code, text=ANY_TEXT)
    | st.builds(Update, time=ANY_OPTION, title=ANY_OPTION, blocks=st.lists(ANY_SIMPLE, max_size=3).map(tuple))
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(ANY_BLOCK, max_size=4), ANY_TEXT, ANY_OPTION, st.lists(ANY_TEXT, max_size=3), ANY_OPTION)
def test_whatever_a_page_holds_fits_afterwards(
    blocks: list[Any], title: str, lead: str | None, names: list[str], time: str | None
) -> None:
    tidied(
        *blocks,
        title=title,
        lead=lead,
        authors=tuple(names),
        tags=tuple(names),
        section=lead,
        published=time,
        modified=time,
    )


def test_controls_go_and_format_characters_stay() -> None:
    article = tidied(
        paragraph("a\x00b\n\tc\x9b\ud800d", f"نمی{ZWNJ}شود\u200f\u202b\u202c"),
        Code(text="a\r\n\tb\x1b[0m"),
        title="  Two\nlines\r\n",
    )
    assert article.title == "Two lines"
    assert article.blocks == (paragraph("ab cd", f"نمی{ZWNJ}شود\u200f\u202b\u202c"), Code(text="a\n\tb[0m"))


def test_a_bad_link_costs_the_link_and_not_its_words() -> None:
    for url in ("javascript:alert(1)", "", "#top", "/relative", "mailto:a@example.org", "https://u:p@example.org/"):
        article = tidied(paragraph("see ", Link(url=url, content=("this", Styled(style="sup", content=("2",)))), "."))
        assert article.blocks == (paragraph("see ", "this", Styled(style="sup", content=("2",)), "."),)
        assert tidied(Embed(kind="x", url=url, title="Video", text=None)).blocks == (paragraph("Video"),)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("https://example.org/a b", "https://example.org/a%20b"),
        ("https://example.org/a|b{c}", "https://example.org/a%7Cb%7Bc%7D"),
        ("https://example.org/%20 \u202e", "https://example.org/%20%20%E2%80%AE"),
        (" HTTPS://example.org/\n", "https://example.org/"),
        ('https://example.org/?q="x"#<y>', "https://example.org/?q=%22x%22#%3Cy%3E"),
        ("https://example.org/" + "x" * 3000, None),
        ("https://example.org\\@evil.example/", None),
        ("ftp://example.org/", None),
        ("https:example.org", None),
    ],
)
def test_an_address_is_mended_or_given_up(given: str, expected: str | None) -> None:
    assert address(given) == expected


def test_good_addresses_are_not_touched() -> None:
    assert [address(url) for url in GOOD_URLS] == GOOD_URLS


def test_what_is_too_deep_is_flattened_without_losing_a_word() -> None:
    inline: Any = "deep"
    block: Any = paragraph("deep")
    for level in range(30):
        inline = Styled(style="strong", content=(f"{level} ", inline))
        block = List(ordered=False, items=((paragraph(f"{level}"), block),))
    article = tidied(paragraph(inline), block, Quote(blocks=(block,)), Update(time=None, title=None, blocks=(block,)))
    for before, after in zip((paragraph(inline), block), article.blocks, strict=False):
        assert text_of([after]).split() == text_of([before]).split()


def test_what_has_too_many_entries_is_parted() -> None:
    article = tidied(
        paragraph(*(Break() if at % 2 else "x" for at in range(5001))),
        List(ordered=True, items=tuple((paragraph("x"),) for _ in range(4001))),
        Table(rows=tuple((Cell(content=("x",)),) for _ in range(4001))),
        Quote(blocks=tuple(paragraph("x") for _ in range(2001))),
        Code(text="x\n" * 100_001),
        paragraph("x" * 250_001),
    )
    assert len(article.blocks) > 12
    kept = "".join(text_of(article.blocks).split())
    assert len(kept) == 2501 + 4001 + 4001 + 2001 + 100_001 + 250_001


def test_pictures_and_thumbnails_that_are_not_there_are_dropped() -> None:
    resources = (
        Resource(role="picture", digest="0" * 64, size=1, media_type="image/webp", thumbnail=7),
        Resource(role="thumbnail", digest="0" * 64, size=1, media_type="image/webp"),
    )
    article = tidied(Picture(resource=0), Picture(resource=1), Picture(resource=2), resources=resources)
    assert article.blocks == (Picture(resource=0),)
    assert article.resources[0].thumbnail is None


def test_dates_that_do_not_exist_and_empty_things_are_left_out() -> None:
    article = tidied(
        paragraph(),
        paragraph(""),
        Heading(level=1, content=("h",)),
        Quote(blocks=()),
        List(ordered=True, items=((), (paragraph(""),))),
        Table(rows=((), ())),
        Update(time="yesterday", title="", blocks=(paragraph("x"),)),
        published="2027-02-30T00:00:00Z",
        modified="2027-02-03",
        lead="",
        language="not a language",
        authors=("", "a\n"),
    )
    assert article.blocks == (Heading(level=2, content=("h",)), Update(time=None, title=None, blocks=(paragraph("x"),)))
    assert (article.published, article.modified, article.lead, article.language) == (None, None, None, "und")
    assert article.authors == ("a",)


def test_splitting_tidies_so_that_no_page_can_spoil_a_run() -> None:
    article = replace(EVERYTHING, parts=(), blocks=(paragraph("a\x00", Link(url="javascript:x", content=("b",))),))
    whole, stored = split(article, lambda: "0" * 32)
    assert (whole.blocks, stored) == ((paragraph("a", "b"),), {})
    assert bundle(to_document(whole), SignerKey("example.org/publisher", b"p" * 32))


def test_the_limits_here_are_those_of_the_schema() -> None:
    bundle = source("bundle")
    parts = bundle["$defs"]
    assert parts["text"]["maxLength"] == parts["code_text"]["maxLength"] == module.TEXT
    assert parts["content"]["maxItems"] == module.CONTENT
    assert parts["flow"]["maxItems"] == parts["update"]["properties"]["blocks"]["maxItems"] == module.FLOW
    assert parts["list"]["properties"]["items"]["maxItems"] == module.ITEMS
    assert parts["table"]["properties"]["rows"]["maxItems"] == module.ITEMS
    assert parts["table"]["properties"]["rows"]["items"]["maxItems"] == module.CELLS
    assert (parts["name"]["maxLength"], parts["title"]["maxLength"]) == (module.NAME, module.TITLE)
    assert (parts["lead"]["maxLength"], parts["url"]["maxLength"]) == (module.LEAD, module.URL)
    assert bundle["properties"]["authors"]["maxItems"] == bundle["properties"]["tags"]["maxItems"] == module.NAMES
