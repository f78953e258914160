"""Articles on several pages: which address is the next page, and all pages as one article."""

from __future__ import annotations

import pytest
from lxml import html as lxml_html

from mirror.extract import extract
from mirror.extract.joined import MAX_PAGES, amp_page, join, next_page, same_family
from mirror.model import Draft, Embed, Footnote, Footnotes, Heading, Note, Paragraph, Picture, PictureRef
from tests.extract.made_up import PARAGRAPHS, TITLE, article, page, paragraphs

URL = "https://news.example/2027/03/01/bridge-reopens"


def tree(links: str, head: str = "") -> lxml_html.HtmlElement:
    return lxml_html.document_fromstring(
        f"<html><head>{head}</head><body><article><p>{PARAGRAPHS[0]}</p>{links}</article></body></html>"
    )


@pytest.mark.parametrize(
    ("url", "links", "expected"),
    [
        (URL, "<a href='?page=2'>2</a>", f"{URL}?page=2"),
        (URL, "<a rel=next href='/2027/03/01/bridge-reopens/2/'>go on</a>", f"{URL}/2/"),
        (URL, "<div class=page-links><a href='/2027/03/01/bridge-reopens/page/2'>II</a></div>", f"{URL}/page/2"),
        (f"{URL}/page/2", "<a href='/2027/03/01/bridge-reopens/page/3'>Next page</a>", f"{URL}/page/3"),
        (f"{URL}?page=2&x=1", "<a href='?x=1&page=3&utm_source=y'>»</a>", f"{URL}?x=1&page=3"),
        ("https://n.example/a/t1.htm", "<a href='t1_2.htm'>下一页</a>", "https://n.example/a/t1_2.htm"),
        (
            "https://n.example/a/t1_2.htm",
            "<a href='t1.htm'>1</a><a href='t1_3.htm'>3</a>",
            "https://n.example/a/t1_3.htm",
        ),
        (
            "https://n.example/node/7",
            "<ul class=pager><li><a href='?page=1'>2</a></ul>",
            "https://n.example/node/7?page=1",
        ),
        (URL, "<a href='?page=2'>۲</a> <a href='?page=2'>صفحه بعدی</a>", f"{URL}?page=2"),
        (URL, "<a href='?page=2'><img alt='Weiter' src=x.png></a>", f"{URL}?page=2"),
    ],
)
def test_the_next_page_of_an_article_is_found(url: str, links: str, expected: str) -> None:
    assert next_page(tree(links), url) == expected


@pytest.mark.parametrize(
    ("url", "links"),
    [
        (URL, "<a rel=next href='/2027/03/02/another-story'>Next article</a>"),
        (URL, "<a rel=next href='/2027/03/01/bridge-closed'>Next post</a>"),
        ("https://n.example/2027/03/01", "<a rel=next href='/2027/03/02'>next</a>"),
        ("https://n.example/iphone-14.html", "<a href='/iphone-15.html'>next</a>"),
        ("https://n.example/?p=3", "<a rel=next href='/?p=4'>next</a>"),
        ("https://n.example/news/41", "<a rel=next href='/news/42'>next</a>"),
        (URL, "<div class=comments-pagination><a href='?page=2'>2</a></div>"),
        (URL, "<a href='?page=2#comments'>2</a>"),
        (URL, "<a href='https://other.example/2027/03/01/bridge-reopens?page=2'>2</a>"),
        (URL, "<a href='?page=3'>3</a>"),
        (URL, "<a href='?page=2'>The mayor speaks</a>"),
        (f"{URL}?page=2", "<a href='/2027/03/01/bridge-reopens'>1</a><b>2</b>"),
        (URL, "<a href='javascript:next()'>next</a><a href='?page=99999999999'>next</a>"),
    ],
)
def test_another_article_a_day_and_comments_are_no_next_page(url: str, links: str) -> None:
    assert next_page(tree(links), url) is None


def test_the_whole_article_on_one_page_is_preferred_and_has_no_next_page() -> None:
    links = "<div class=pagination><a href='?page=2'>2</a><a href='?page=all'>View as single page</a></div>"
    assert next_page(tree(links), URL) == f"{URL}?page=all"
    back = f"<a href='{URL}'>1</a><div class=pagination><a href='?page=2'>2</a></div>"
    assert next_page(tree(back), f"{URL}?page=all") is None


def test_the_canonical_address_of_a_page_counts_as_its_family() -> None:
    links = "<a href='/2027/03/01/bridge-reopens/3'>3</a>"
    assert next_page(tree(links), f"{URL}/2", canonical=URL) == f"{URL}/3"
    assert next_page(tree("<a rel=next href='/2027/03/01/bridge-reopens/2'>2</a>"), f"{URL}?from=feed", canonical=URL)


def test_the_declared_next_page_of_the_head_counts() -> None:
    assert next_page(tree("", f"<link rel=next href='{URL}?page=2'>"), URL) == f"{URL}?page=2"
    assert next_page(tree("", "<link rel=next href='/2027/02/28/older-story'>"), URL) is None


def test_families_are_told_by_their_addresses() -> None:
    assert same_family(URL, f"{URL}/2")
    assert same_family(f"{URL}?page=2", f"{URL}?page=3")
    assert not same_family(URL, "https://news.example/2027/03/01/bridge-closed")
    assert not same_family("https://n.example/?p=1500", "https://n.example/?p=1501")


def test_the_amp_copy_is_named_when_it_is_on_the_same_site() -> None:
    assert amp_page(tree("", "<link rel=amphtml href='?amp=1'>"), URL) == f"{URL}?amp=1"
    assert (
        amp_page(tree("", "<link rel=amphtml href='https://amp.news.example/x'>"), URL) == "https://amp.news.example/x"
    )
    assert amp_page(tree("", "<link rel=amphtml href='https://cdn.other.example/x'>"), URL) is None


# --- joining ---


def draft(*blocks: object, url: str = URL, **more: object) -> Draft:
    made = tuple(Paragraph(content=(block,)) if isinstance(block, str) else block for block in blocks)
    return Draft(url=url, title=TITLE, blocks=made, **more)  # type: ignore[arg-type]


def texts(one: Draft) -> list[object]:
    return [block.content[0] if isinstance(block, Paragraph) else block for block in one.blocks]


def test_pages_follow_one_another_and_what_is_repeated_stands_once() -> None:
    cover = PictureRef(candidates=("https://news.example/a.jpg",), cover=True)
    second = PictureRef(candidates=("https://news.example/b.jpg",), caption="The band.", cover=True)
    whole = join(
        [
            draft(Picture(resource=0), *PARAGRAPHS[:3], "Page 1 of 2", pictures=(cover,), lead="The lead."),
            draft(
                Heading(level=2, content=(TITLE,)),
                "The lead.",
                Picture(resource=0),
                PARAGRAPHS[1],
                Picture(resource=1),
                *PARAGRAPHS[3:],
                "Page 2 of 2",
                url=f"{URL}?page=2",
                pictures=(cover, second),
                modified="2027-03-02T00:00:00Z",
            ),
        ]
    )
    assert texts(whole) == [Picture(resource=0), *PARAGRAPHS[:3], Picture(resource=1), *PARAGRAPHS[3:]]
    assert [(picture.caption, picture.cover) for picture in whole.pictures] == [(None, True), ("The band.", False)]
    assert whole.modified == "2027-03-02T00:00:00Z"


def test_a_page_of_another_article_or_the_same_page_again_adds_nothing() -> None:
    first = draft(*PARAGRAPHS[:3])
    other = draft(*PARAGRAPHS[3:], url="https://news.example/2027/03/01/bridge-closed")
    again = draft(*PARAGRAPHS[:3], "12 comments", url=f"{URL}?page=2")
    assert join([first, other, again]).blocks == first.blocks


def test_the_whole_on_one_page_takes_the_place_of_its_parts() -> None:
    cover = PictureRef(candidates=("https://news.example/a.jpg",), cover=True)
    first = draft(Picture(resource=0), *PARAGRAPHS[:2], pictures=(cover,), lead="The lead.")
    whole = join([first, draft(*PARAGRAPHS, url=f"{URL}?page=all")])
    assert texts(whole) == list(PARAGRAPHS)
    assert (whole.url, whole.lead, whole.pictures) == (URL, "The lead.", (cover,))


def test_a_sentence_that_the_end_of_a_page_cut_is_one_again() -> None:
    whole = join([draft(PARAGRAPHS[0], "The mayor cut the"), draft("ribbon with shears.", url=f"{URL}?page=2")])
    assert whole.blocks[-1] == Paragraph(content=("The mayor cut the", " ", "ribbon with shears."))


def test_notes_of_all_pages_stand_at_the_end() -> None:
    def notes(label: str) -> Footnotes:
        return Footnotes(items=(Footnote(label=label, content=(Paragraph(content=(f"note {label}",)),)),))

    mark = Paragraph(content=(PARAGRAPHS[0], Note(label="1")))
    video = Embed(kind="youtube", url="https://www.youtube.com/watch?v=aaaaaaaaaaa")
    whole = join([draft(mark, video, notes("1")), draft(PARAGRAPHS[1], video, notes("2"), url=f"{URL}?page=2")])
    assert whole.blocks[:3] == (mark, video, Paragraph(content=(PARAGRAPHS[1],)))
    assert whole.blocks[3:] == (Footnotes(items=(*notes("1").items, *notes("2").items)),)


def test_no_more_pages_than_the_limit_are_joined() -> None:
    pages = [draft(f"This is what the page with the number {n} says.", url=f"{URL}?page={n}") for n in range(1, 40)]
    assert len(join(pages).blocks) == MAX_PAGES


def test_pages_are_joined_from_their_bytes() -> None:
    pager = "<div class=pagination><b>1</b> <a href='?page=2'>2</a></div>"
    first = page(paragraphs(PARAGRAPHS[:3]) + pager)
    more = page(paragraphs(PARAGRAPHS[2:]) + pager)
    found = extract(first, url=URL)
    assert found.next == f"{URL}?page=2"
    whole = extract(first, url=URL, more=[(found.next, more, None)]).article
    assert whole is not None
    assert [block.content[0] for block in whole.blocks if isinstance(block, Paragraph)] == list(PARAGRAPHS)
    assert article(first).blocks == whole.blocks[:3]
