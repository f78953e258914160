"""The outlet's own calendar day, days of three numbers, and dates where no markup says which they are."""

from __future__ import annotations

import pytest

from mirror.extract import metadata, moments, nearby, times
from mirror.extract.metadata import Metadata
from mirror.extract.page import parse
from tests.extract.made_up import PARAGRAPHS, TITLE, page, read

HERE = "https://news.example/town/the-bridge-is-open"
LATE = "<meta property='article:published_time' content='2027-03-01T21:50:00Z'>"


def said(body: str = "", head: str = "", *, url: str = HERE, lang: str = "", title: str = TITLE) -> Metadata:
    words = f"<html lang='{lang}'><head><title>{title}</title>{head}</head><body>{body}</body></html>"
    return metadata.read(parse(words), url)


def test_the_moment_is_kept_and_so_is_the_day_that_the_page_gives_it() -> None:
    head = "<meta property='article:published_time' content='2027-03-02T04:11:00+05:30'>"
    found = said(head=head)
    assert (found.published, found.dated) == ("2027-03-01T22:41:00Z", "2027-03-02T04:11:00+05:30")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Tue, Mar 02, 2027 - 5:50 AM", "2027-03-02T05:50:00+08:00"),
        ("2 марта 2027, 00:50", "2027-03-02T00:50:00+03:00"),
        ("March 1, 2027 at 4:50 p.m. EST", "2027-03-01T16:50:00-05:00"),
        ("1 March 2027", "2027-03-01T21:50:00Z"),
        ("March 2, 2027 at 3:17 a.m.", "2027-03-01T21:50:00Z"),  # no zone is that far from Greenwich by such minutes
        ("Updated: March 2, 2027 5:50 AM", "2027-03-01T21:50:00Z"),
    ],
)
def test_the_clock_beside_the_headline_tells_the_zone_of_a_stamp_in_utc(line: str, expected: str) -> None:
    found = said(f"<h1>{TITLE}</h1><p>{line}</p><p>{PARAGRAPHS[0]}</p>", LATE)
    assert (found.published, found.dated) == ("2027-03-01T21:50:00Z", expected)


def test_another_stamp_of_the_same_moment_tells_the_zone() -> None:
    head = LATE + "<meta name='parsely-pub-date' content='2027-03-02T00:50:00+03:00'>"
    assert said(head=head).dated == "2027-03-02T00:50:00+03:00"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://news.example/2027/03/02/bridge", "2027-03-02"),
        ("https://news.example/2027-03-02-bridge", "2027-03-02"),
        ("https://news.example/20270302/bridge", "2027-03-02"),
        ("https://news.example/2027/03/01/bridge", "2027-03-01T21:50:00Z"),
        ("https://news.example/2027/02/28/bridge", "2027-03-01T21:50:00Z"),  # nowhere was it that day
        ("https://news.example/2027/02/31/bridge", "2027-03-01T21:50:00Z"),
        ("https://news.example/id/202703021234", "2027-03-01T21:50:00Z"),
    ],
)
def test_the_day_in_the_address_is_the_outlets_when_there_is_a_zone_for_it(url: str, expected: str) -> None:
    assert said(head=LATE, url=url).dated == expected


def test_the_day_in_the_address_is_taken_where_the_page_names_none() -> None:
    assert times.guess_date("<p>x", "https://news.example/2027/03/02/4181.aspx") == "2027-03-02T00:00:00Z"
    assert times.guess_date("<p>x", "https://news.example/4181.aspx") is None


def test_what_is_extracted_says_when_by_the_pages_clock() -> None:
    given = b"<meta property='article:published_time' content='2027-03-02T04:11:00+05:30'>"
    data = page().replace(b"<meta property='article:published_time'", given + b"<meta property='x'")
    found = read(data)
    assert found.article is not None
    assert (found.article.published, found.dated) == ("2027-03-01T22:41:00Z", "2027-03-02T04:11:00+05:30")
    assert read(b"").dated is None


@pytest.mark.parametrize(
    ("stamp", "lang", "expected"),
    [
        ("10/05/2027 05:22 pm", "es", "2027-05-10T17:22:00Z"),
        ("10/05/2027", "en-GB", "2027-05-10T00:00:00Z"),
        ("10/05/2027", "ru", "2027-05-10T00:00:00Z"),
        ("10/05/2027", "en-US", None),
        ("10/05/2027", "en", None),
        ("10/05/2027", "", None),
        ("10/25/2027", "es", "2027-10-25T00:00:00Z"),
    ],
)
def test_the_language_says_which_of_three_numbers_is_the_day(stamp: str, lang: str, expected: str | None) -> None:
    assert said(head=f"<meta property='article:published_time' content='{stamp}'>", lang=lang).published == expected


def test_a_day_known_otherwise_says_it_better_than_the_language() -> None:
    head = "<meta property='article:published_time' content='10/05/2027'>"
    changed = "<meta property='article:modified_time' content='2027-10-05T17:36:11Z'>"
    assert said(head=head + changed, lang="es").published == "2027-10-05T00:00:00Z"
    assert said(head=head, url="https://news.example/2027/10/05/bridge").published == "2027-10-05T00:00:00Z"
    assert said(head=head, url="https://news.example/2027/05/10/bridge").published == "2027-05-10T00:00:00Z"


def test_a_day_of_three_numbers_beside_the_headline_is_read_in_the_pages_language() -> None:
    body = f"<h1>{TITLE}</h1><p>03/04/2027 10:15</p><p>{PARAGRAPHS[0]}</p>"
    assert said(body, lang="pt-BR").published == "2027-04-03T10:15:00Z"
    assert said(body, lang="en").published is None


@pytest.mark.parametrize(
    ("line", "published", "modified"),
    [
        ("Published 1 March 2027 | Updated 5 March 2027", 1, 5),
        ("Updated 5 March 2027 | Published 1 March 2027", 1, 5),
        ("1 March 2027 (updated 5 March 2027)", 1, 5),
        ("Last updated on 5 March 2027, first published on 1 March 2027", 1, 5),
        ("Dernière mise à jour le 5 mars 2027", None, 5),
        ("Publié le 1 mars 2027, mis à jour le 5 mars 2027", 1, 5),
        ("Последнее обновление: 5 марта 2027", None, 5),
        ("Опубликовано 1 марта 2027, обновлено 5 марта 2027", 1, 5),
        ("Оновлено 5 березня 2027. Опубліковано 1 березня 2027", 1, 5),
        ("Actualizat: 5 martie 2027", None, 5),
        ("Ažurirano 5. ožujka 2027.", None, 5),
        ("Ενημερώθηκε: 5 Μαρτίου 2027", None, 5),
        ("اپ ڈیٹ: 5 مارچ 2027", None, 5),
        ("Cập nhật: 5/3/2027", None, 5),
        ("발행 2027.03.01 수정 2027.03.05", 1, 5),
        ("Posted on 1 March 2027", 1, None),
    ],
)
def test_a_line_tells_the_first_day_from_that_of_a_change(
    line: str, published: int | None, modified: int | None
) -> None:
    found = said(f"<h1>{TITLE}</h1><p>{line}</p><p>{PARAGRAPHS[0]}</p>", lang="vi")
    days = [int(stamp[8:10]) if stamp else None for stamp in (found.published, found.modified)]
    assert days == [published, modified]


def test_a_label_in_a_line_of_its_own_speaks_for_the_next_one() -> None:
    body = f"<h1>{TITLE}</h1><p>Last updated</p><p>5 March 2027</p><p>1 March 2027</p><p>{PARAGRAPHS[0]}</p>"
    found = said(body)
    assert (found.published, found.modified) == ("2027-03-01T00:00:00Z", "2027-03-05T00:00:00Z")
    assert said(f"<h1>{TITLE}</h1><p>Zuletzt aktualisiert:</p><p>5. März 2027</p>").published is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("( Sorn, 14 Gennaio 20 )", "2020-01-14T00:00:00Z"),
        ("14 Jan '20", "2020-01-14T00:00:00Z"),
        ("14 января 20 человек", None),
        ("14 January 20:30", None),
    ],
)
def test_a_year_may_have_two_figures_at_the_end_of_a_date(text: str, expected: str | None) -> None:
    found = moments.written(text)
    assert (str(found) if found else None) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Publié le 1 mars 2027 à 10h00 Par Ilse Marn", ["Par Ilse Marn"]),
        ("By Ilse Marn Updated: 1 March 2027, 10:00 am EST", ["By Ilse Marn"]),
        ("Stand: 01.03.2027 08:00 Uhr Von Ilse Marn", ["Von Ilse Marn"]),
        ("Ilse Marn, 1 March 2027, Oberstadt", ["Ilse Marn", "Oberstadt"]),
        ("By Ilse Marn", ["By Ilse Marn"]),
        ("1 March 2027", []),
    ],
)
def test_a_line_is_read_around_its_date(line: str, expected: list[str]) -> None:
    assert moments.around_date(line) == expected


def test_the_headline_is_found_where_the_title_names_the_blog_as_well() -> None:
    body = "<p>桥梁博客</p><p><b>给计算机系学生的建议</b></p><p>2027年1月2日</p><p>虽然大概一两年前我还在夸夸其谈。</p>"
    found = said(body, title="Bridges on Paper - 给计算机系学生的建议")
    assert found.published == "2027-01-02T00:00:00Z"


def test_lines_stand_as_a_browser_sets_them() -> None:
    root = parse(
        "<body><div>one <!-- no --> <b>bold</b> line<br>two<script>x</script> and <p hidden>gone</p>three"
        "<p>four</p> five <?pi x?>six</div></body>"
    )
    assert [line.text for line in nearby.lines_of(root)] == ["one bold line", "two and three", "four", "five six"]
