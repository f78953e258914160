"""Blocks and inlines: what the page's markup becomes."""


# ruff: noqa: E501

from __future__ import annotations

import json

import pytest

from mirror.model import (
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
    Rule,
    Styled,
    Table,
    Update,
)
from tests.extract.made_up import CHINESE, PARAGRAPHS, PERSIAN, TITLE, article, lines, page, paragraphs


def between(middle: str) -> bytes:
    return page(paragraphs(PARAGRAPHS[:3]) + middle + paragraphs(PARAGRAPHS[3:]))


def test_links_and_emphasis_stay_where_they_were() -> None:
    body = (
        "<p>The bridge, <a href='/about?utm_source=x&id=7'>built in <em>1911</em></a>, was opened <b>on Monday</b> after two "
        "years of repairs<sup>2</sup>, and H<sub>2</sub>O flows under it with <code>9.81</code> again.</p>"
    )
    first = article(page(body + paragraphs())).blocks[0]
    assert first == Paragraph(
        content=(
            "The bridge, ",
            Link(
                url="https://news.example/about?id=7",
                content=("built in ", Styled(style="emphasis", content=("1911",))),
            ),
            ", was opened ",
            Styled(style="strong", content=("on Monday",)),
            " after two years of repairs",
            Styled(style="sup", content=("2",)),
            ", and H",
            Styled(style="sub", content=("2",)),
            "O flows under it with ",
            InlineCode(text="9.81"),
            " again.",
        )
    )


@pytest.mark.parametrize(
    "href",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "data:text/html,x",
        "mailto:a@b.c",
        "file:///etc/passwd",
        "#top",
        "http://[",
        "",
    ],
)
def test_links_that_are_not_to_the_web_become_plain_text(href: str) -> None:
    found = article(
        page(f"<p>{PARAGRAPHS[0]} See <a href='{href}'>what is there</a> for more.</p>" + paragraphs(PARAGRAPHS[1:]))
    )
    assert found.blocks[0] == Paragraph(content=(f"{PARAGRAPHS[0]} See what is there for more.",))


def test_white_space_is_squeezed_across_inlines_and_never_lost() -> None:
    body = f"<p>  {PARAGRAPHS[0]}\n\n <b> And </b>\t<i>this</i> , too.&nbsp;</p>" + paragraphs(PARAGRAPHS[1:])
    assert lines(article(page(body)))[0] == f"{PARAGRAPHS[0]} And this , too."


def test_a_single_break_is_a_break_and_two_part_paragraphs() -> None:
    verse = (
        "Over the river and under the sky,<br>the old bridge is open, the water is high.<br><br>So bring us a ribbon."
    )
    found = article(between(f"<p>{verse}</p>"))
    assert found.blocks[3] == Paragraph(
        content=("Over the river and under the sky,", Break(), "the old bridge is open, the water is high.")
    )
    assert found.blocks[4] == Paragraph(content=("So bring us a ribbon.",))


def test_headings_keep_their_order_and_the_headline_is_not_one() -> None:
    found = article(
        between("<h2>What it cost</h2><p>Nineteen million crowns was the final sum.</p><h4>And who paid</h4>")
    )
    headings = [block for block in found.blocks if isinstance(block, Heading)]
    assert headings == [Heading(level=2, content=("What it cost",)), Heading(level=4, content=("And who paid",))]
    assert TITLE not in lines(found)


def test_lists_with_lists_inside() -> None:
    found = article(
        between(
            "<ul><li>Open to <b>people</b> on foot</li><li>Open to buses<ol><li>line 4</li><li>line 11</li></ol></li></ul>"
        )
    )
    assert (
        List(
            ordered=False,
            items=(
                (Paragraph(content=("Open to ", Styled(style="strong", content=("people",)), " on foot")),),
                (
                    Paragraph(content=("Open to buses",)),
                    List(ordered=True, items=((Paragraph(content=("line 4",)),), (Paragraph(content=("line 11",)),))),
                ),
            ),
        )
        in found.blocks
    )


def test_a_quote_keeps_its_source_apart() -> None:
    found = article(
        between(
            "<blockquote><p>Nobody believed that it would ever be finished, and now it is.</p><cite>Ilse Marn, teacher</cite></blockquote>"
        )
    )
    assert (
        Quote(
            blocks=(Paragraph(content=("Nobody believed that it would ever be finished, and now it is.",)),),
            source="Ilse Marn, teacher",
        )
        in found.blocks
    )


def test_a_table_of_figures_is_a_table_and_a_table_for_layout_is_not() -> None:
    found = article(
        between(
            "<table><caption>What it cost</caption><tr><th>Year</th><th>Million crowns</th></tr><tr><td>2025</td><td>8</td></tr>"
            "<tr><td>2026</td><td>11</td></tr></table>"
        )
    )
    table = next(block for block in found.blocks if isinstance(block, Table))
    assert table.caption == "What it cost"
    assert table.rows[0] == (Cell(content=("Year",), header=True), Cell(content=("Million crowns",), header=True))
    assert table.rows[2] == (Cell(content=("2026",)), Cell(content=("11",)))
    layout = article(page(around="<table><tr><td width=120>&nbsp;</td><td><h1>{title}</h1>{body}</td></tr></table>"))
    assert lines(layout) == list(PARAGRAPHS)
    assert not any(isinstance(block, Table) for block in layout.blocks)


def test_code_and_rules() -> None:
    found = article(
        between("<pre><code>open bridge\n  --now</code></pre><hr><p>That was the whole command, the engineer said.</p>")
    )
    assert Code(text="open bridge\n  --now") in found.blocks
    assert Rule() in found.blocks


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        (
            "<iframe src='https://www.youtube-nocookie.com/embed/dQw4w9WgXcQ?autoplay=1' title='The opening'></iframe>",
            Embed(kind="youtube", url="https://www.youtube.com/watch?v=dQw4w9WgXcQ", title="The opening"),
        ),
        (
            "<div class='consent'><iframe data-src='https://youtu.be/dQw4w9WgXcQ'></iframe></div>".replace(
                "consent", "video"
            ),
            Embed(kind="youtube", url="https://www.youtube.com/watch?v=dQw4w9WgXcQ"),
        ),
        (
            "<script async src='https://telegram.org/js/telegram-widget.js?22' data-telegram-post='bridgenews/41'></script>",
            Embed(kind="telegram", url="https://t.me/bridgenews/41"),
        ),
        (
            "<iframe src='https://t.me/bridgenews/41?embed=1'></iframe>",
            Embed(kind="telegram", url="https://t.me/bridgenews/41"),
        ),
        (
            "<blockquote class='twitter-tweet'><p>It is open!</p>— The Mayor (@mayor) <a href='https://twitter.com/mayor/"
            "status/123456789?ref_src=twsrc'>March 1, 2027</a></blockquote>",
            Embed(
                kind="x",
                url="https://twitter.com/mayor/status/123456789",
                title="The Mayor (@mayor) March 1, 2027",
                text="It is open!",
            ),
        ),
        (
            "<blockquote class='instagram-media' data-instgrm-permalink='https://www.instagram.com/p/Cabc123/?utm_source=ig'></blockquote>",
            Embed(kind="instagram", url="https://www.instagram.com/p/Cabc123/"),
        ),
        (
            "<iframe src='https://player.vimeo.com/video/76979871?h=8'></iframe>",
            Embed(kind="vimeo", url="https://vimeo.com/76979871"),
        ),
        (
            "<audio controls src='/sound/band.mp3'></audio>",
            Embed(kind="audio", url="https://news.example/sound/band.mp3"),
        ),
        (
            "<video><source src='https://cdn.example/a.mp4'></video>",
            Embed(kind="video", url="https://cdn.example/a.mp4"),
        ),
    ],
)
def test_players_and_posts_become_labelled_links(markup: str, expected: Embed) -> None:
    found = [block for block in article(between(markup)).blocks if isinstance(block, Embed)]
    assert found == [expected]


@pytest.mark.parametrize(
    "src",
    [
        "https://www.googletagmanager.com/ns.html?id=GTM-X",
        "https://ad.doubleclick.net/frame",
        "https://www.facebook.com/plugins/like.php?href=x",
        "about:blank",
        "javascript:void(0)",
        "data:text/html,<p>x</p>",
    ],
)
def test_frames_that_measure_and_advertise_are_nothing(src: str) -> None:
    assert not [
        block for block in article(between(f"<iframe src='{src}'></iframe>")).blocks if isinstance(block, Embed)
    ]


def test_updates_of_a_live_blog_are_dated_posts() -> None:
    posts = "".join(
        f"<div class='live-post'><time datetime='2027-03-01T{hour}:00:00Z'>{hour}:00</time><h3>{headline}</h3><p>{line}</p></div>"
        for hour, headline, line in (("11", "The buses run", PARAGRAPHS[4]), ("10", "The ribbon is cut", PARAGRAPHS[1]))
    )
    found = article(page(paragraphs(PARAGRAPHS[:1]) + posts))
    updates = [block for block in found.blocks if isinstance(block, Update)]
    assert [(post.time, post.title) for post in updates] == [
        ("2027-03-01T11:00:00Z", "The buses run"),
        ("2027-03-01T10:00:00Z", "The ribbon is cut"),
    ]
    assert updates[1].blocks == (Paragraph(content=(PARAGRAPHS[1],)),)
    assert lines(found).count(PARAGRAPHS[1]) == 1


def test_a_live_blog_keeps_its_cover_its_lead_and_what_stands_in_its_posts() -> None:
    lead = "All day long reporters of this paper walked over the bridge and back again."
    cover = "<figure><img src='/img/bridge.jpg'><figcaption>The bridge.</figcaption></figure>"
    media = (
        "<figure><img src='/img/band.jpg'><figcaption>The band.</figcaption></figure>",
        "<iframe src='/wait' data-src='https://www.youtube.com/embed/aaaaaaaaaaa' title='The start'></iframe>"
        "<a href='https://www.youtube.com/watch?v=aaaaaaaaaaa'>The start, filmed from a roof</a>",
    )
    posts = "".join(
        f"<article class='live-update'><time datetime='2027-03-01T1{number}:00:00Z'>1{number}</time><h2>Post {number}</h2>"
        f"<p>{PARAGRAPHS[number]}</p>{inner}</article>"
        for number, inner in enumerate(media)
    )
    found = article(page(f"<p class=standfirst>{lead}</p>{cover}{posts}"))
    assert found.lead == lead
    assert [(one.cover, one.caption) for one in found.pictures] == [(True, "The bridge."), (False, "The band.")]
    first, second = found.blocks
    assert isinstance(first, Update)
    assert isinstance(second, Update)
    assert first.blocks == (Paragraph(content=(PARAGRAPHS[0],)), Picture(resource=1))
    video = Embed(kind="youtube", url="https://www.youtube.com/watch?v=aaaaaaaaaaa", title="The start")
    assert second.blocks == (Paragraph(content=(PARAGRAPHS[1],)), video)


def test_the_link_beside_a_player_is_its_title() -> None:
    player = "<div><iframe src='https://www.youtube.com/embed/aaaaaaaaaaa'></iframe>"
    link = "<a href='https://youtu.be/aaaaaaaaaaa?si=track'>The start, filmed from a roof</a></div>"
    found = article(between(player + link))
    assert "The start, filmed from a roof" not in lines(found)
    assert [block.title for block in found.blocks if isinstance(block, Embed)] == ["The start, filmed from a roof"]


def test_updates_that_only_the_data_of_the_page_holds_are_taken_from_there() -> None:
    data = {
        "@type": "LiveBlogPosting",
        "headline": TITLE,
        "datePublished": "2027-03-01T08:00:00Z",
        "liveBlogUpdate": [
            {
                "@type": "BlogPosting",
                "headline": "First",
                "datePublished": "2027-03-01T09:00:00Z",
                "articleBody": PARAGRAPHS[2],
            },
            {
                "@type": "BlogPosting",
                "headline": "Second",
                "datePublished": "2027-03-01T10:00:00Z",
                "articleBody": PARAGRAPHS[3],
            },
        ],
    }
    head = f"<script type='application/ld+json'>{json.dumps(data)}</script>"
    found = article(page("<div id='posts' data-url='/live/7'></div>", head=head))
    assert [block.title for block in found.blocks if isinstance(block, Update)] == ["First", "Second"]


def test_a_pull_quote_that_only_repeats_the_text_is_left_out_and_another_one_stays() -> None:
    repeated = "<aside class='pullquote'><p>“From today it is four hundred metres again”</p></aside>"
    own = "<aside class='wp-block-pullquote'><p>A bridge is a promise that somebody keeps.</p><cite>Ilse Marn</cite></aside>"
    found = article(between(repeated + own))
    quotes = [block for block in found.blocks if isinstance(block, Quote)]
    assert quotes == [
        Quote(blocks=(Paragraph(content=("A bridge is a promise that somebody keeps.",)),), source="Ilse Marn")
    ]


def test_the_speaker_of_a_quote_may_stand_in_a_caption_or_a_last_line() -> None:
    said = "<p>Nobody believed that it would ever be finished, and now it is.</p>"
    for markup in (
        f"<figure><blockquote>{said}</blockquote><figcaption>Ilse Marn</figcaption></figure>",
        f"<blockquote>{said}<p class='quote__author'>Ilse Marn</p></blockquote>",
    ):
        quote = next(block for block in article(between(markup)).blocks if isinstance(block, Quote))
        assert (quote.source, len(quote.blocks)) == ("Ilse Marn", 1)


def test_cells_that_reach_over_others_leave_the_columns_in_line() -> None:
    table = (
        "<figure><table><tr><th rowspan=2>Year</th><th colspan=2>Cost</th></tr><tr><th>planned</th><th>real</th></tr>"
        "<tr><td>2026</td><td>8</td><td>11</td></tr></table><figcaption>In millions.</figcaption></figure>"
    )
    found = next(block for block in article(between(table)).blocks if isinstance(block, Table))
    assert [["".join(map(str, cell.content)) for cell in row] for row in found.rows] == [
        ["Year", "Cost", ""],
        ["", "planned", "real"],
        ["2026", "8", "11"],
    ]
    assert found.caption == "In millions."


@pytest.mark.parametrize("span", ["9999999", "-1", "x", "²", "0"])
def test_a_span_that_is_none_or_too_large_is_bounded(span: str) -> None:
    table = f"<table><tr><th colspan='{span}' rowspan='{span}'>Year</th><th>b</th></tr><tr><td>2026</td><td>8</td></tr></table>"
    found = next(block for block in article(between(table)).blocks if isinstance(block, Table))
    assert sum(len(row) for row in found.rows) < 200


def test_terms_and_their_meanings_are_a_list_and_long_answers_are_paragraphs() -> None:
    short = "<dl><dt>Span</dt><dd>What lies between two pillars.</dd><div><dt>Pier</dt><dd>What it rests on.</dd></div></dl>"
    found = article(between(short))
    bold = lambda text: Paragraph(content=(Styled(style="strong", content=(text,)),))  # noqa: E731
    assert List(
        ordered=False,
        items=(
            (bold("Span"), Paragraph(content=("What lies between two pillars.",))),
            (bold("Pier"), Paragraph(content=("What it rests on.",))),
        ),
    ) in list(found.blocks)
    answers = f"<dl><dt>Who paid?</dt><dd><p>{'The town did, and the road office as well. ' * 10}</p></dd></dl>"
    found = article(between(answers))
    assert bold("Who paid?") in found.blocks
    assert not any(isinstance(block, List) for block in found.blocks)


def test_what_unfolds_keeps_its_summary_and_its_text() -> None:
    found = article(
        between("<details><summary>How it was built</summary><p>With cranes from the port of the town.</p></details>")
    )
    assert Paragraph(content=(Styled(style="strong", content=("How it was built",)),)) in found.blocks
    assert "With cranes from the port of the town." in lines(found)


def test_verse_in_pre_is_verse_and_a_pasted_article_is_paragraphs() -> None:
    verse = "<pre class='wp-block-verse'>Over the river and\nunder the sky\n\nthe bridge is open</pre>"
    found = article(between(verse))
    assert Paragraph(content=("Over the river and", Break(), "under the sky")) in found.blocks
    assert Paragraph(content=("the bridge is open",)) in found.blocks
    pasted = article(page("<pre>" + "\n\n".join(PARAGRAPHS) + "</pre>"))
    assert lines(pasted) == list(PARAGRAPHS)
    assert not any(isinstance(block, Code) for block in pasted.blocks)


def test_readings_beside_characters_are_kept_in_brackets() -> None:
    ruby = "<p>市長は<ruby>漢字<rp>(</rp><rt>かんじ</rt><rp>)</rp></ruby>の橋を開けました。多くの人が集まりました。</p>"
    found = article(page("".join([ruby, *(f"<p>{text}</p>" for text in CHINESE)]), lang="ja"))
    assert lines(found)[0] == "市長は漢字（かんじ）の橋を開けました。多くの人が集まりました。"


def test_the_direction_of_words_in_a_line_is_kept_by_marks() -> None:
    body = (
        f"<p>{PERSIAN[0]} تلفن <span dir=ltr>+98 21 1234</span> است، <bdi>user_1</bdi> گفت <bdo dir=ltr>abc</bdo>.</p>"
        f"<p><span dir=ltr>{PERSIAN[1]}</span></p><p><span dir=rtl>{PERSIAN[2]}</span></p>"
    )
    found = lines(article(page(body, lang="fa").replace(b"<body", b"<body dir=rtl")))
    assert found[0].endswith("\u2066+98 21 1234\u2069 است، \u2068user_1\u2069 گفت \u202dabc\u202c.")
    assert found[1:] == list(PERSIAN[1:])
