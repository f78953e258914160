"""Pictures of a page: the best file, caption and credit apart, the cover once."""


# ruff: noqa: E501

from __future__ import annotations

import pytest

from mirror.extract import captions, images
from mirror.model import Picture
from tests.extract.made_up import PARAGRAPHS, article, page, paragraphs, text


def between(middle: str, *, head: str = "") -> bytes:
    return page(paragraphs(PARAGRAPHS[:3]) + middle + paragraphs(PARAGRAPHS[3:]), head=head)


BASE = "https://news.example/img/"


@pytest.mark.parametrize(
    ("markup", "best"),
    [
        ("<img src='/img/river-bridge.jpg' width=800 height=500>", "river-bridge.jpg"),
        ("<img src='data:image/gif;base64,R0lGOD' data-src='/img/river-bridge.jpg'>", "river-bridge.jpg"),
        ("<img src='/img/grey-placeholder.png' data-original='/img/river-bridge.jpg'>", "river-bridge.jpg"),
        ("<img src='/img/spacer.gif' data-lazy-src='/img/river-bridge.jpg'>", "river-bridge.jpg"),
        ("<img src='/img/s.jpg' srcset='/img/s.jpg 320w, /img/m.jpg 640w, /img/l.jpg 1280w'>", "l.jpg"),
        ("<img src='/img/s.jpg' srcset='/img/l.jpg 1280w, /img/xxl.jpg 4000w'>", "l.jpg"),
        ("<img src='/img/s.jpg' srcset='/img/s.jpg 1x, /img/l.jpg 2x'>", "l.jpg"),
        ("<img data-srcset='/img/s.jpg 320w,/img/l.jpg 1024w' src='data:,'>", "l.jpg"),
        (
            "<picture><source srcset='/img/l.webp 1200w, /img/s.webp 300w' type='image/webp'><img src='/img/s.jpg' width=300></picture>",
            "l.webp",
        ),
        (
            "<img class=lazy src='data:,' alt=''><noscript><img src='/img/river-bridge.jpg' width=900></noscript>",
            "river-bridge.jpg",
        ),
        ("<a href='/img/full-bridge.jpg'><img src='/img/bridge-300x200.jpg'></a>", "full-bridge.jpg"),
        # never a larger picture replaced by a smaller one
        ("<img src='/img/bridge-1200x800.jpg' data-src='/img/bridge-150x100.jpg'>", "bridge-1200x800.jpg"),
    ],
)
def test_the_largest_reasonable_file_is_the_first_candidate(markup: str, best: str) -> None:
    found = article(between(markup))
    assert [block for block in found.blocks if isinstance(block, Picture)]
    picture = next(picture for picture in found.pictures if not picture.cover)
    assert picture.candidates[0] == BASE + best


@pytest.mark.parametrize(
    "markup",
    [
        "<img src='https://mc.yandex.ru/watch/1' width=1 height=1>",
        "<img src='/pixel.gif' width=1 height=1>",
        "<img src='https://www.facebook.com/tr?id=1&ev=PageView'>",
        "<img src='data:image/png;base64,AAAA'>",
        "<img src='/img/icons/share.svg'>",
        "<img class='avatar' src='/img/people/reporter.jpg'>",
        "<img src='/img/mail.png' width=24 height=24>",
        "<img src='javascript:alert(1)'>",
        "<img>",
        "<div style='display:none'><img src='/img/river-bridge.jpg'></div>",
    ],
)
def test_pixels_placeholders_icons_and_hidden_pictures_are_none(markup: str) -> None:
    found = article(between(markup))
    assert found.pictures == ()
    assert not [block for block in found.blocks if isinstance(block, Picture)]


@pytest.mark.parametrize(
    "markup",
    [
        "<figure><img src='/img/river-bridge.jpg'><figcaption>The new pillar.<span class='credits'>Photo: A. Lens</span></figcaption></figure>",
        "<figure><img src='/img/river-bridge.jpg'><figcaption><p>The new pillar.</p><small>A. Lens</small></figcaption></figure>",
        "<figure><div><picture><img src='/img/river-bridge.jpg'></picture></div><figcaption>The new pillar. (Photo: A. Lens)</figcaption></figure>",
        "<div class='wp-caption'><img src='/img/river-bridge.jpg'><p class='wp-caption-text'>The new pillar. © A. Lens</p></div>",
        "<div class='image'><img src='/img/river-bridge.jpg'><div class='image-caption'>The new pillar.</div>"
        "<div class='image-credit'>A. Lens</div></div>",
        "<figure><img src='/img/river-bridge.jpg'><figcaption>The new pillar. Foto: A. Lens</figcaption></figure>",
        "<figure><img src='/img/river-bridge.jpg'><div class='bildautor'>Foto: Bild: A. Lens</div>"
        "<figcaption>The new pillar.</figcaption></figure>",
        # boxes that no class calls a caption
        "<div class='article__picture'><img src='/img/river-bridge.jpg'><p>The new pillar. <span>Photo: A. Lens</span></p></div>",
        "<div><span>Photo: A. Lens</span><img src='/img/river-bridge.jpg'><div>The new pillar.</div></div>",
        "<div class='widget-image'><span><picture><img src='/img/river-bridge.jpg'></picture></span>"
        "<p><span>The new pillar.</span></p><p>Image: A. Lens</p></div>",
        "<p class='caption'><span><img src='/img/river-bridge.jpg'></span><span>The new pillar. (Photo: A. Lens)</span></p>",
        "<img src='/img/river-bridge.jpg' data-caption='The new pillar.' data-credit='A. Lens'>",
        "<figure><img src='/img/river-bridge.jpg'><figcaption><span class='visually-hidden'>Image caption</span>"
        "The new pillar. © A. Lens</figcaption></figure>",
    ],
)
def test_caption_and_credit_are_kept_apart_and_out_of_the_text(markup: str) -> None:
    found = article(between(markup))
    picture = next(picture for picture in found.pictures if not picture.cover)
    assert picture.caption == "The new pillar."
    assert picture.credit == "A. Lens" or (picture.credit is None and "image-credit" in markup)
    assert "pillar." not in text(found).replace("the second pillar ", "")
    assert "Lens" not in text(found)


def test_alternative_text_is_no_caption() -> None:
    found = article(between("<img src='/img/river-bridge.jpg' alt='A bridge in the fog' title='Bridge' width=800>"))
    assert [(one.alt, one.caption) for one in found.pictures] == [("A bridge in the fog", None)]


def test_a_paragraph_beside_a_picture_is_no_caption() -> None:
    middle = f"<div class='row'><img src='/img/river-bridge.jpg'><p>{PARAGRAPHS[0][::-1]}</p><p>{PARAGRAPHS[1][::-1]}</p></div>"
    found = article(between(middle))
    assert found.pictures[0].caption is None
    assert PARAGRAPHS[0][::-1] in text(found)


@pytest.mark.parametrize(
    "markup",
    [
        "<a href='/2027/02/other-story'><img src='/img/river-bridge.jpg' width=800></a>",
        "<div><img src='/img/river-bridge.jpg' class=round><p>By Ilse Marn</p></div>",
    ],
)
def test_the_way_to_another_article_and_a_portrait_of_the_author_are_no_pictures(markup: str) -> None:
    assert article(between(f"<div class='photo'>{markup}</div>")).pictures == ()


@pytest.mark.parametrize(
    "markup",
    [
        "<noscript><img src='/img/river-bridge.jpg' width=900></noscript>",
        "<div data-srcset='/img/river-bridge.jpg 1200w' class=lazy><noscript><img src='/img/s.jpg'></noscript></div>",
        "<brick-image-v3 data-src='/img/river-bridge.jpg'></brick-image-v3>",
        "<img src='data:,' data-flickity-lazyload-srcset='/img/river-bridge.jpg 900w'>",
        "<img src='data:,' data-lazyimage-src='/img/river-bridge.jpg'>",
        "<div class=ui-modal><figure><img src='/img/river-bridge.jpg'><figcaption>The band.</figcaption></figure></div>",
        "<img class='border img-share' width=634 height=459 src='/img/river-bridge.jpg'>",
    ],
)
def test_pictures_that_a_script_would_show_are_found(markup: str) -> None:
    found = article(between(markup))
    assert [picture.candidates[0] for picture in found.pictures] == [BASE + "river-bridge.jpg"]


def test_pictures_that_share_a_placeholder_are_not_one() -> None:
    images_ = "".join(
        f"<img src='/img/soft-grey.png' data-src='/img/{name}.jpg'>" for name in ("river-bridge", "brass-band")
    )
    found = article(between(images_))
    assert [one.candidates[0] for one in found.pictures] == [BASE + "river-bridge.jpg", BASE + "brass-band.jpg"]


def test_json_ld_tells_what_the_page_does_not_show_of_its_cover() -> None:
    picture = '{"@type":"ImageObject","url":"https://cdn.example/river-bridge.jpg","caption":"The bridge.","creditText":"A. Lens"}'
    head = f'<script type="application/ld+json">{{"@type":"NewsArticle","headline":"x","image":{picture}}}</script>'
    (cover,) = article(page(head=head)).pictures
    assert (cover.cover, cover.caption, cover.credit) == (True, "The bridge.", "A. Lens")


def test_a_slide_show_over_the_text_is_kept_whole() -> None:
    slides = "".join(
        f"<div class=slide><img src='/img/{name}.jpg' width=900 height=600><div class=caption>{number} of 2 | {caption}</div></div>"
        for number, name, caption in ((1, "river-bridge", "The bridge."), (2, "brass-band", "The band plays."))
    )
    found = article(page(f"<div class=carousel>{slides}</div>" + paragraphs()))
    assert [(one.cover, one.caption) for one in found.pictures] == [(True, "The bridge."), (False, "The band plays.")]
    assert found.blocks[0] == Picture(resource=1)


def test_two_pictures_named_for_previews_stay_two() -> None:
    head = "".join(f"<meta property='og:image' content='{BASE}{name}.jpg'>" for name in ("river-bridge", "brass-band"))
    figures = [
        f"<figure><img src='/img/{name}.jpg'><figcaption>{name}</figcaption></figure>"
        for name in ("river-bridge", "brass-band")
    ]
    found = article(page(figures[0] + paragraphs(PARAGRAPHS[:3]) + figures[1] + paragraphs(PARAGRAPHS[3:]), head=head))
    assert [(one.caption, one.cover) for one in found.pictures] == [("river-bridge", True), ("brass-band", False)]


def test_the_lead_figure_is_the_cover_and_stands_nowhere_else() -> None:
    figure = (
        "<figure><img src='https://cdn.example/image/640/river-bridge.jpg' alt='A bridge'>"
        "<figcaption>The bridge on Monday.<span class='x__credits'>city.example</span></figcaption></figure>"
    )
    head = "<meta property='og:image' content='https://cdn.example/image/1360/river-bridge.jpg'>"
    found = article(page(figure + paragraphs(), head=head))
    assert len(found.pictures) == 1
    cover = found.pictures[0]
    assert (cover.cover, cover.alt, cover.caption, cover.credit) == (
        True,
        "A bridge",
        "The bridge on Monday.",
        "city.example",
    )
    assert "https://cdn.example/image/1360/river-bridge.jpg" in cover.candidates
    assert not [block for block in found.blocks if isinstance(block, Picture)]


def test_a_cover_that_the_body_repeats_is_kept_once_with_its_caption() -> None:
    head = "<meta property='og:image' content='https://cdn.example/river-bridge-1200x630.jpg'>"
    figure = "<figure><img src='https://cdn.example/river-bridge-800x400.jpg'><figcaption>The new pillar.</figcaption></figure>"
    other = "<figure><img src='https://cdn.example/brass-band.jpg'><figcaption>The band.</figcaption></figure>"
    found = article(between(figure + f"<p>{PARAGRAPHS[0]} And so on.</p>" + other, head=head))
    assert [picture.caption for picture in found.pictures] == ["The new pillar.", "The band."]
    assert [picture.cover for picture in found.pictures] == [True, False]
    places = [block.resource for block in found.blocks if isinstance(block, Picture)]
    assert places == [1]


def test_the_logo_that_a_site_names_for_every_page_is_no_cover() -> None:
    head = "<meta property='og:image' content='https://cdn.example/share-default-logo.png'>"
    assert article(page(head=head)).pictures == ()


def test_a_picture_shown_twice_is_fetched_once() -> None:
    image = "<img src='/img/river-bridge.jpg' width=800>"
    found = article(between(image + f"<p>{PARAGRAPHS[0]} Again.</p>" + image))
    assert len(found.pictures) == 1


def test_sets_of_sources_are_read_as_browsers_read_them() -> None:
    assert images.parse_srcset("a,b.jpg 100w, c.jpg 2x , d.jpg") == [("a,b.jpg", 100), ("c.jpg", 1200), ("d.jpg", 0)]
    assert images.parse_srcset("") == []
    assert images.parse_srcset(", ,") == []
    assert images.parse_srcset("data:image/png;base64,AA 1x, b.jpg 2x") == [("b.jpg", 1200)]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://a/x/river-bridge-300x200.jpg", "https://a/x/river-bridge-1024x768.webp", True),
        (
            "https://a/article_1360/3b/lukashenko-president.jpg",
            "https://a/article_640/3b/lukashenko-president.jpg",
            True,
        ),
        ("https://a/resize/https%3A%2F%2Fb%2Fphotos%2Friver-bridge.jpg", "https://b/photos/river-bridge.jpg", True),
        ("https://a/image.jpg?id=1", "https://a/image.jpg?id=2", False),
        ("https://a/river-bridge.jpg", "https://a/brass-band.jpg", False),
    ],
)
def test_sizes_of_one_picture_are_recognised(one: str, other: str, same: bool) -> None:
    assert images.same_picture(one, other) is same


def test_holes_in_addresses_are_filled_as_the_pages_other_pictures_show() -> None:
    known = "<img src='/img/77_600.jpg' srcset='/img/77_602.jpg 379w, /img/77_604.jpg 767w, /img/77_605.jpg 1199w, /img/77_609.jpg 2400w'>"
    lazy = "<figure><img data-url='/img/59234409_${formatId}.jpg'><figcaption>The new pillar.</figcaption></figure>"
    found = article(between(f"<figure>{known}<figcaption>The band.</figcaption></figure>{lazy}"))
    picture = next(one for one in found.pictures if one.caption == "The new pillar.")
    assert picture.candidates == (BASE + "59234409_605.jpg", BASE + "59234409_604.jpg")
    assert article(between(lazy)).pictures == ()


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ("<img data-src='/img/river_{width}x.jpg' data-widths='[180, 720, 1080, 2048]'>", "river_1080x.jpg"),
        ("<img data-src='/img/river.jpg?w=%7Bwidth%7D'>", "river.jpg?w=1200"),
    ],
)
def test_a_hole_for_the_width_takes_one_for_a_screen(markup: str, expected: str) -> None:
    (picture,) = article(between(markup)).pictures
    assert picture.candidates[0] == BASE + expected


@pytest.mark.parametrize("address", ["/img/{{item.photo}}.jpg", "/img/${a}/${b}.jpg", "#{img_src}", "{" * 5000])
def test_holes_that_nothing_fills_leave_no_picture(address: str) -> None:
    assert article(between(f"<img src='{address}' width=800>")).pictures == ()


def test_numbers_that_every_picture_or_every_day_has_do_not_make_two_pictures_one() -> None:
    one = "https://a/dims4/default/0b554ae/2147483647/strip/true/quality/90/?url=https%3A%2F%2Fb%2F43%2F040034dc1ab44c97adc76c7d28d7f642"
    other = "https://a/dims4/default/5e9b8de/2147483647/strip/true/quality/90/?url=https%3A%2F%2Fb%2F5a%2F1ad075f731f516d980479bc7622f1111"
    smaller = one.replace("quality/90", "quality/60/resize/599x400!")
    assert not images.same_picture(one, other)
    assert images.same_picture(one, smaller)
    assert not images.same_picture("https://a/20270301/river.jpg", "https://a/20270301/band.jpg")
    assert not images.same_picture("https://a/story-12345678/a.jpg/x/r1.jpg", "https://a/story-12345678/a.jpg/x/r2.jpg")
    assert images.same_picture("https://a/img/AS20270301003419_comm.jpg", "https://b/comm_L/AS20270301003419.jpg")


def test_a_thumbnail_does_not_come_before_the_picture_it_is_of() -> None:
    small, large = "https://a/river-bridge-150x100.jpg", "https://a/river-bridge-1200x800.jpg"
    assert images.larger_first([small, large]) == (large, small)
    assert images.larger_first([large, small]) == (large, small)
    assert images.larger_first([small, "https://a/river-bridge.jpg"]) == (small, "https://a/river-bridge.jpg")
    head = f"<meta property='og:image' content='{large}'>"
    (cover,) = article(
        page(f"<figure><img src='{small}'><figcaption>The bridge.</figcaption></figure>{paragraphs()}", head=head)
    ).pictures
    assert cover.candidates == (large, small)


@pytest.mark.parametrize(
    ("text", "caption", "credit"),
    [
        ("The bridge is open again. (Ada Lens)", "The bridge is open again.", "Ada Lens"),
        ("The bridge is open again. Ada Lens/Agency", "The bridge is open again.", "Ada Lens/Agency"),
        ("The bridge is open again.Ada Lens/dpa", "The bridge is open again.", "Ada Lens/dpa"),
        (
            "El puente (Sorn), el 1 de marzo. Ada Lens (AGENCIA)",
            "El puente (Sorn), el 1 de marzo.",
            "Ada Lens (AGENCIA)",
        ),
        ("The bridge is open again. | Ada Lens/dpa", "The bridge is open again.", "Ada Lens/dpa"),
        ("The bridge is open again. Getty Images", "The bridge is open again.", "Getty Images"),
        ("再開した橋（ソルンで、３日）＝ＡＰ", "再開した橋（ソルンで、３日）", "ＡＰ"),
        ("Мост снова открыт. Фото: А. Линза", "Мост снова открыт.", "Фото: А. Линза"),
        ("The bridge, seen from the left bank (2027)", "The bridge, seen from the left bank (2027)", ""),
        ("The bridge is open again. (It was closed for two long years, and nobody liked that at all.)", None, ""),
        ("The mayor and the band | the day after", "The mayor and the band | the day after", ""),
        ("Bread and/or butter", "Bread and/or butter", ""),
    ],
)
def test_who_took_a_picture_is_told_from_what_it_shows(text: str, caption: str | None, credit: str) -> None:
    assert captions.split_credit(text) == (text if caption is None else caption, credit)


def test_the_background_of_the_masthead_is_the_cover_when_there_is_no_other() -> None:
    def hero(name: str, style: str) -> bytes:
        return page(around=f"<article><div class='{name}' style=\"{style}\"><h1>{{title}}</h1></div>{{body}}</article>")

    (cover,) = article(hero("hero", "background-image: url('/img/river-bridge.jpg')")).pictures
    assert (cover.cover, cover.candidates) == (True, (BASE + "river-bridge.jpg",))
    assert article(hero("wrapper", "background-image: url('/img/river-bridge.jpg')")).pictures == ()
    assert article(hero("hero", "background: url(data:image/png;base64,AA)")).pictures == ()
    assert article(hero("hero", "background: url(/img/default-logo.png)")).pictures == ()
    assert article(hero("hero", "background:" * 20_000)).pictures == ()


def test_joiners_and_direction_marks_stay_in_what_is_said_of_a_picture() -> None:
    alt, caption = "پل می\u200cشود", "\u2067پل\u2069 پس از دو سال باز می\u200cشود."
    markup = f"<figure><img src='/img/river-bridge.jpg' alt='{alt}'><figcaption>{caption}<span class=credit>عکس: می\u200cرودکی</span></figcaption></figure>"
    (picture,) = article(between(markup)).pictures
    assert (picture.alt, picture.caption, picture.credit) == (alt, caption, "می\u200cرودکی")


def test_amp_pictures_and_galleries_are_pictures() -> None:
    markup = "".join(
        f"<figure><amp-img src='/img/{name}.jpg' width=800 height=500 alt='{name}'></amp-img><figcaption>{name}</figcaption></figure>"
        for name in ("river-bridge", "brass-band")
    )
    found = article(between(f"<div class=gallery>{markup}</div>"))
    assert [(one.candidates[0], one.caption) for one in found.pictures] == [
        (BASE + "river-bridge.jpg", "river-bridge"),
        (BASE + "brass-band.jpg", "brass-band"),
    ]


@pytest.mark.parametrize(
    "markup",
    [
        "<img width=800 srcset='" + ", ".join(f"/img/a{n}.jpg {n}w" for n in range(60_000)) + "'>",
        "<img width=800 srcset='" + "," * 200_000 + "'>",
        "<img width=800 data-src='" + "{" * 200_000 + "'>",
        "<img width=800 data-caption='" + ". (" * 60_000 + "'>",
        "".join(
            f"<figure><img src='/p{n}.jpg' width=800><figcaption>{'. (A ' * 150}</figcaption></figure>"
            for n in range(60)
        ),
    ],
)
def test_a_picture_that_says_too_much_is_read_as_far_as_it_makes_sense(markup: str) -> None:
    found = article(between(markup))
    assert all(len(one.candidates) <= images.MAX_CANDIDATES and len(one.caption or "") <= 800 for one in found.pictures)
    assert "brass band" in text(found)
