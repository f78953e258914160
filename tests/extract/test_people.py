"""Who wrote an article: by-lines as papers of many languages set them, and what stands there and is none."""

from __future__ import annotations

import json

import pytest

from mirror.extract import metadata
from mirror.extract.names import without_by
from mirror.extract.page import parse
from tests.extract.made_up import PARAGRAPHS, TITLE, URL

SITE = "<meta property='og:site_name' content='The Example'>"


def under(line: str, *, url: str = URL) -> tuple[str, ...]:
    """The authors of a page with this line, or this element, under its headline and nothing declared."""
    box = line if line.startswith("<") else f"<div>{line}</div>"
    body = f"<h1>{TITLE}</h1>{box}<p>{PARAGRAPHS[0]}</p><p>{PARAGRAPHS[1]}</p>"
    return metadata.read(
        parse(f"<html><head><title>{TITLE}</title>{SITE}</head><body>{body}</body></html>"), url
    ).authors


def declared(author: object, body: str = "") -> tuple[str, ...]:
    """The authors of a page whose JSON-LD says this."""
    data = json.dumps({"@type": "NewsArticle", "headline": TITLE, "author": author})
    head = f"<title>{TITLE}</title>{SITE}<script type='application/ld+json'>{data}</script>"
    page = f"<html><head>{head}</head><body><h1>{TITLE}</h1>{body}<p>{PARAGRAPHS[0]}</p></body></html>"
    return metadata.read(parse(page), URL).authors


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("By ILSE MARN and PIET HOLM", ("Ilse Marn", "Piet Holm")),
        ("By Ilse Marn, Associated Press", ("Ilse Marn",)),
        ("By Ilse Marn, CNN", ("Ilse Marn",)),
        ("By Ilse Marn, Piet Holm and Ada Kron in Lower Sorn", ("Ilse Marn", "Piet Holm", "Ada Kron")),
        ("By Ilse Marn and Piet Holm, Lower Sorn", ("Ilse Marn", "Piet Holm")),
        ("By Ilse Marn in Oberstadt and Piet Holm in Lower Sorn", ("Ilse Marn", "Piet Holm")),
        ("By RFE/RL's Upper Sorn Service", ("RFE/RL's Upper Sorn Service",)),
        ("By Ilse Marn Staff Writer", ("Ilse Marn",)),
        ("By Ilse Marn, Political Editor", ("Ilse Marn",)),
        ("By Reuters Staff", ("Reuters",)),
        ("By PTI", ("PTI",)),
        ("By TSN, in News, Town · 1 Mar 2027, 20:02 · 0 Comments", ("TSN",)),
        ("Posted by Ilse Marn on March 3, 2027", ("Ilse Marn",)),
        ("By Ilse Marn Updated: 1 March 2027", ("Ilse Marn",)),
        ("By Ilse Marn March 1, 2027 10:00 am", ("Ilse Marn",)),
        ("Von Ilse Marn, Oberstadt", ("Ilse Marn",)),
        ("Von Ilse Marn und Piet Holm, Oberstadt", ("Ilse Marn", "Piet Holm")),
        ("Eine Analyse von Ilse Marn", ("Ilse Marn",)),
        ("Ein Gastbeitrag von Ilse Marn", ("Ilse Marn",)),
        ("Aus Oberstadt berichtet Ilse Marn", ("Ilse Marn",)),
        ("Text: Ilse Marn, Fotos: Piet Holm", ("Ilse Marn",)),
        ("Stand: 01.03.2027 08:00 Uhr Von Ilse Marn, ARD-Studio Oberstadt", ("Ilse Marn",)),
        ("Publié le 1 mars 2027 à 10h00 Par Ilse Marn", ("Ilse Marn",)),
        ("Propos recueillis par Ilse Marn", ("Ilse Marn",)),
        ("Par Ilse Marn (Sornville, envoyée spéciale)", ("Ilse Marn",)),
        ("Por Ilse Marn Marzo 1, 2027", ("Ilse Marn",)),
        ("Por Ilse Marn, em Sornópolis", ("Ilse Marn",)),
        ("A cura di Ilse Marn", ("Ilse Marn",)),
        ("Opracowanie: Ilse Marn", ("Ilse Marn",)),
        ("Írta: Marn Ilse", ("Marn Ilse",)),
        ("Autorius: Jonas Tiltas", ("Jonas Tiltas",)),
        ("Haber: Aylin Köprü", ("Aylin Köprü",)),
        ("Γράφει ο Νίκος Γεφυράς", ("Νίκος Γεφυράς",)),
        ("Oleh Budi Jembatan", ("Budi Jembatan",)),
        ("Penulis: Budi Jembatan | Editor: Ani", ("Budi Jembatan",)),
        ("Авторы: Иван Мостов, Анна Северова", ("Иван Мостов", "Анна Северова")),
        ("Беседовала Анна Северова", ("Анна Северова",)),
        ("Підготував Іван Мостенко", ("Іван Мостенко",)),
        ("Журналіст: Іван Мостенко", ("Іван Мостенко",)),
        ("Аўтар: Іван Мастоў", ("Іван Мастоў",)),
        ("Piše: Ilse Marn", ("Ilse Marn",)),
        ("Пише: Иван Мост", ("Иван Мост",)),
        ("Аутор: Иван Мост", ("Иван Мост",)),
        ("Avtorica: Ilse Marn", ("Ilse Marn",)),
        ("Scris de Ilie Pod", ("Ilie Pod",)),
        ("Nga Ilir Ura", ("Ilir Ura",)),
        ("Müəllif: Aylin Körpü", ("Aylin Körpü",)),
        ("Муаллиф: Али Кўприк", ("Али Кўприк",)),
        ("ავტორი: ილია ხიდი", ("ილია ხიდი",)),
        ("Հեղինակ՝ Արամ Կամուրջ", ("Արամ Կամուրջ",)),
        ("نویسندگان: مریم رودکی، سمیر پل", ("مریم رودکی", "سمیر پل")),
        ("لیکوال: احمد پل", ("احمد پل",)),
        ("تحریر: احمد پل", ("احمد پل",)),
        ("எழுதியவர்: மோகன் பாலம்", ("மோகன் பாலம்",)),
        ("โดย สมชาย สะพาน", ("สมชาย สะพาน",)),
        ("ដោយ សុខ ស្ពាន", ("សុខ ស្ពាន",)),
        ("Mwandishi: Juma Daraja", ("Juma Daraja",)),
        ("خبرنگار: مریم رودکی", ("مریم رودکی",)),
        ("گزارش: مریم رودکی", ("مریم رودکی",)),
        ("كتب - سمير الجسر", ("سمير الجسر",)),
        ("بواسطة سمير الجسر", ("سمير الجسر",)),
        ("द्वारा मोहन सेतु", ("मोहन सेतु",)),
        ("מאת ישראל גשר", ("ישראל גשר",)),
        ("作者: 王大桥 张小河", ("王大桥", "张小河")),
        ("文｜王大桥", ("王大桥",)),
        ("记者王大桥/上城报道", ("王大桥",)),
        ("記者 張小河 報導", ("張小河",)),
        ("新闻网记者王大桥", ("王大桥",)),
        ("2027年3月1日08:19 [ 王大桥 ] 来源：[ 桥报 ]", ("王大桥",)),
        ("取材・文／橋本太郎", ("橋本太郎",)),
        ("김다리 기자 kim@news.example", ("김다리",)),
        ("[김다리 기자]", ("김다리",)),
    ],
)
def test_by_lines_of_many_languages_name_the_author(line: str, expected: tuple[str, ...]) -> None:
    assert under(line) == expected


@pytest.mark.parametrize(
    "line",
    [
        "By 2030, all bridges are open",
        "By Tuesday, Ilse Marn had left",
        "By New York",
        "By Popular Demand",
        "By Monday Morning",
        "By The Numbers",
        "Photo by Ilse Marn",
        "Foto: Ilse Marn",
        "Translated by Ilse Marn",
        "Sponsored by Sorn Bank",
        "Published by Penguin Books",
        "Text To Speech",
        "Text Message Alerts",
        "Sort by Date Newest",
        "Di più su Roma Capitale",
        "Da Roma a Milano",
        "De Paris à Moscou",
        "Von Kiew bis Moskau",
        "Od Moskwy do Berlina",
        "Nga Tirana në Prishtinë",
        "Piše se drukčije",
        "Пише нам читалац",
        "Par exemple, Ilse Marn",
        "Автор фото, Getty Images",
        "Фото Иван Мостов / ТАСС",
        "Перевод: Иван Мостов",
        "مترجم: مریم رودکی",
        "记者从市政府获悉",
        "作者：佚名",
        "기자회견 열려",
        "기자 수첩",
        "글 크기 조절",
        "Haber Merkezi",
        "By Staff and agencies",
        "<div class='byline'>Listen to this article</div>",
        "<div class='signature'>Sign The Petition</div>",
        "<div class='author-info'>Read More Stories</div>",
        "<div class='reporter'>Report An Error</div>",
        "<a href='/authors/list'>All Authors</a>",
        "<a href='/staff/jobs-here'>Join Our Team</a>",
        "<a href='/author/the-example'>The Example</a>",
        "<a href='/tag/ilse-marn'>Ilse Marn</a>",
    ],
)
def test_what_stands_where_a_by_line_might_be_names_nobody(line: str) -> None:
    assert under(line) == ()


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ("<a href='/author/ilse-marn'>Ilse Marn</a>", ("Ilse Marn",)),
        ("<p><a href='/avtory/severova/'>Анна Северова</a></p>", ("Анна Северова",)),
        (
            "<p><a href='/authors/ilse'>Ilse Marn</a> and <a href='/authors/piet'>Piet Holm</a></p>",
            ("Ilse Marn", "Piet Holm"),
        ),
        ("<ul class='authors'><li>Ilse Marn</li><li>Piet Holm</li></ul>", ("Ilse Marn", "Piet Holm")),
        ("<div class='author'>Ilse Marn<span>Senior Reporter</span></div>", ("Ilse Marn",)),
        ("<div class='byline-contributor'>Ilse Marn</div>", ("Ilse Marn",)),
        ("<div class='ArticleByline_name__x1 x-TextContributorName'>Ilse Marn</div>", ("Ilse Marn",)),
        ("<p class='byline'>By Ilse Marn, Piet Holm, and Ada Kron</p>", ("Ilse Marn", "Piet Holm", "Ada Kron")),
        ("<p class='author'>Ilse Marn is a reporter at The Example</p>", ("Ilse Marn",)),
        ("<p class='author'>Ilse Marn (@ilsemarn)</p>", ("Ilse Marn",)),
        ("<p class='byline'>By <b>Ilse Marn</b>, Associated Press</p>", ("Ilse Marn",)),
        ("<p class='byline'>By <b>Ilse Marn</b>, <b>Piet Holm</b></p>", ("Ilse Marn", "Piet Holm")),
        ("<p class='byline'>Ilse Marn<br>The Example</p>", ("Ilse Marn",)),
        ("<p class='byline'><span>Ilse</span> <span>Marn</span></p>", ("Ilse Marn",)),
        ("<p class='firma'>Ilse Marn / EFE</p>", ("Ilse Marn", "EFE")),
        (
            "<ul><li><strong>نویسنده, </strong>مریم رودکی</li><li><strong>شغل, </strong>روزنامه</li></ul>",
            ("مریم رودکی",),
        ),
        (
            "<p><span>Автор, </span><strong>Анна Северова</strong></p><p><span>Место работы, </span>Мост</p>",
            ("Анна Северова",),
        ),
    ],
)
def test_names_that_markup_shows_as_authors_are_read(box: str, expected: tuple[str, ...]) -> None:
    assert under(box) == expected


def test_a_link_to_an_author_far_down_the_page_is_not_this_articles() -> None:
    body = "".join(f"<p>{text}</p>" for text in PARAGRAPHS[:3])
    page = f"<h1>{TITLE}</h1>{body}<a href='/author/piet-holm'>Piet Holm</a>"
    found = metadata.read(parse(f"<html><head><title>{TITLE}</title></head><body>{page}</body></html>"), URL)
    assert found.authors == ()


@pytest.mark.parametrize(
    ("author", "expected"),
    [
        ("Ilse Marn, CNN Business", ("Ilse Marn",)),
        ("Ilse Marn, The Upper Sorn Post", ("Ilse Marn",)),
        ("Ilse Marn, Lower Sorn Times", ("Ilse Marn",)),
        ("Ilse Marn in Oberstadt", ("Ilse Marn",)),
        ("ILSE MARN, PIET HOLM", ("Ilse Marn", "Piet Holm")),
        ("Ilse Marn, Senior Director, Content & Marketing, Bridge Institute", ("Ilse Marn",)),
        ("Ilse Marn/dpa", ("Ilse Marn", "dpa")),
        ("Ilse Marn, dpa", ("Ilse Marn", "dpa")),
        ("Ilse Marn (text), Piet Holm (photos)", ("Ilse Marn", "Piet Holm")),
        (["Ilse Marn, Associated Press", "Piet Holm, Associated Press"], ("Ilse Marn", "Piet Holm")),
        ("Reuters Staff", ("Reuters",)),
        ("Prof. Ilse Marn, University of Upper Sorn", ("Prof. Ilse Marn",)),
        ("Ilse Marn, Institute for Bridges", ("Ilse Marn",)),
        ("Иван Мост, специально для Примера", ("Иван Мост",)),
        ("Ilse Marn, special to The Bridge", ("Ilse Marn",)),
        ("ilse marn, piet holm", ("ilse marn", "piet holm")),
        ("The Bridge Keeper", ("The Bridge Keeper",)),
        ("the author", ()),
        ("De Redactie", ()),
        ("Von Holm", ("Von Holm",)),
        ("De Marn", ("De Marn",)),
        ("Di Mario Ponte", ("Mario Ponte",)),
        ("王大桥 张小河", ("王大桥", "张小河")),
        ("赵 桥", ("赵桥",)),
        ("김다리 기자", ("김다리",)),
        ({"@type": "Person", "name": {"@value": "Ilse Marn"}}, ("Ilse Marn",)),
        ({"@list": [{"@type": "Person", "name": "Ilse Marn"}]}, ("Ilse Marn",)),
    ],
)
def test_declared_names_lose_what_is_no_name(author: object, expected: tuple[str, ...]) -> None:
    assert declared(author) == expected


def test_all_who_are_linked_as_authors_beside_the_headline_count_when_who_is_declared_is_among_them() -> None:
    box = (
        "<section><div><div><p><a rel='author'><span>Ilse</span> <span>Marn</span></a></p></div></div>"
        "<div><div><p><a rel='author'>Piet Holm</a></p></div></div></section>"
    )
    assert declared("Piet Holm", box) == ("Ilse Marn", "Piet Holm")
    assert declared("Ada Kron", box) == ("Ada Kron",)


def test_who_made_the_web_site_wrote_no_article() -> None:
    head = "<meta name='author' content='content: Example, design: Piet Holm, code: Ada Kron'>"
    body = f"<h1>{TITLE}</h1><p>By Ilse Marn</p><p>{PARAGRAPHS[0]}</p>"
    page = f"<html><head><title>{TITLE}</title>{head}</head><body>{body}</body></html>"
    assert metadata.read(parse(page), URL).authors == ("Ilse Marn",)


def test_a_journals_publisher_is_not_its_author() -> None:
    head = "<meta name='dc.publisher' content='Bridge Press'><meta name='author' content='Bridge Press'>"
    head += "<meta name='dc.creator' content='Ilse Marn'>"
    page = f"<html><head><title>{TITLE}</title>{head}</head><body><h1>{TITLE}</h1><p>{PARAGRAPHS[0]}</p></body></html>"
    assert metadata.read(parse(page), URL).authors == ("Ilse Marn",)


def test_a_reporter_named_at_the_end_of_a_long_chinese_article_is_found() -> None:
    text = "".join(f"<p>大桥两年之后周一上午重新通车，第{number}天也没有人说什么。</p>" for number in range(50))
    page = f"<h1>大桥重新通车</h1>{text}<p>桥报记者 王大桥 上城下城报道</p>"
    found = metadata.read(parse(f"<html><head><title>大桥重新通车</title></head><body>{page}</body></html>"), URL)
    assert found.authors == ("王大桥",)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("By Ilse Marn", "Ilse Marn"),
        ("von Ilse Marn", "Ilse Marn"),
        ("Von Ilse Marn", "Ilse Marn"),
        ("Von Holm", "Von Holm"),
        ("De Marn Holm", "De Marn Holm"),
        ("Di Marn", "Di Marn"),
        ("Autor: Ilse Marn", "Ilse Marn"),
    ],
)
def test_the_word_before_a_name_goes_unless_it_is_part_of_it(text: str, expected: str) -> None:
    assert without_by(text) == expected
