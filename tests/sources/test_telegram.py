"""A channel's posts as articles, in the markup that t.me shows to browsers."""

from __future__ import annotations

import pytest

from mirror.sources import Item, NotUnderstood, Parsed
from mirror.sources.telegram import announced, channel_of, page_of, parse

HERE = "https://t.me/s/newsexample"


def message(inside: str, *, number: int = 5, more: str = "") -> str:
    return (
        f'<div class="tgme_widget_message_wrap js-widget_message_wrap"><div class="tgme_widget_message '
        f'text_not_supported_wrap js-widget_message{more}" data-post="newsexample/{number}">'
        '<div class="tgme_widget_message_user"><a href="https://t.me/newsexample"><img src="/face.jpg"></a></div>'
        '<div class="tgme_widget_message_bubble"><div class="tgme_widget_message_author">'
        f'<a href="https://t.me/newsexample"><span>News</span></a></div>{inside}'
        '<div class="tgme_widget_message_footer"><span class="tgme_widget_message_views">3.1K</span>'
        f'<span class="tgme_widget_message_from_author">A. Author</span><a class="tgme_widget_message_date" href='
        f'"https://t.me/newsexample/{number}"><time datetime="2027-03-01T11:15:00+03:00">11:15</time></a></div></div>'
        "</div></div>"
    )


def channel(*messages: str, before: str = "") -> Parsed:
    more = (
        f'<a href="/s/newsexample?before={before}" class="tme_messages_more" data-before="{before}"></a>'
        if before
        else ""
    )
    head = '<meta property="og:title" content="News example">'
    text = f"<!DOCTYPE html><html><head>{head}</head><body>{more}{''.join(messages)}</body></html>"
    return parse(text.encode(), content_type="text/html; charset=utf-8", url=HERE)


def text(inside: str) -> str:
    return f'<div class="tgme_widget_message_text js-message_text" dir="auto">{inside}</div>'


def one(*inside: str) -> Item:
    (item,) = channel(message("".join(inside))).items
    return item


def test_a_post_in_full() -> None:
    item = one(
        '<a class="tgme_widget_message_reply" href="https://t.me/newsexample/4"><div class="tgme_widget_message_text '
        'js-message_reply_text">What came before</div></a>',
        '<div class="tgme_widget_message_forwarded_from">Forwarded from <a '
        'class="tgme_widget_message_forwarded_from_name" href="https://t.me/other/9">Other &amp; co</a></div>',
        '<a class="tgme_widget_message_photo_wrap 5" href="https://t.me/newsexample/5" style="background-image:'
        'url(\'https://cdn.example/file/a.jpg\')"><div class="tgme_widget_message_photo"></div></a>',
        text(
            '<b>Rain <i class="emoji" style="background-image:url(\'//telegram.org/x.png\')"><b>🌧</b></i></b><br/><br/>'
            'It rained <a href="https://other.example/?utm_source=t&amp;id=1">all day</a>,<br/>می\u200cآید '
            '<a href="?q=%23rain">#rain</a>.<pre>a\nb</pre><tg-spoiler>1 &lt; 2</tg-spoiler><script>x</script>'
        ),
    )
    assert item == Item(
        url="https://t.me/newsexample/5",
        title="Rain 🌧",
        published="2027-03-01T08:15:00Z",
        guid="telegram:newsexample/5",
        content_html='<p>↪ <a href="https://t.me/other/9">Other &amp; co</a></p>\n'
        '<p>It rained <a href="https://other.example/?id=1">all day</a>,<br>می\u200cآید #rain.</p>\n'
        "<pre>a\nb</pre>\n<p>1 &lt; 2</p>\n"
        '<figure><img src="https://cdn.example/file/a.jpg"></figure>',
        authors=("A. Author",),
        complete=True,
    )


def test_a_first_line_that_is_no_title_stays_in_the_text() -> None:
    long = "Word " * 60
    item = one(text(long))
    assert item.title is not None
    assert item.title.endswith("…")
    assert item.content_html == f"<p>{long.strip()}</p>"
    only = one(text("Short and alone"))
    assert (only.title, only.content_html) == ("Short and alone", "<p>Short and alone</p>")


def test_what_has_neither_words_nor_pictures_is_no_article() -> None:
    parsed = channel(
        message('<div class="tgme_widget_message_sticker_wrap"></div>', number=1),
        message('<div class="tgme_widget_message_poll">Yes or no?</div>', number=2),
        message(text("Channel created"), number=3, more=" service_message"),
        message(text("Words"), number=4),
        before="1",
    )
    assert [item.url for item in parsed.items] == ["https://t.me/newsexample/4"]
    assert (parsed.title, parsed.entries, parsed.next) == ("News example", 4, "https://t.me/s/newsexample?before=1")


def test_a_post_that_links_to_the_outlet_s_articles_announces_them() -> None:
    preview = (
        '<a class="tgme_widget_message_link_preview" href="https://www.news.example/2027/b?utm_medium=t"><div class='
        '"link_preview_site_name">News</div><div class="link_preview_title">B in full</div></a>'
    )
    parsed = channel(
        message(text('Read <a href="https://news.example/2027/a">here</a>'), number=1),
        message(text("B is out") + preview, number=2),
        message(
            text('Us: <a href="https://news.example/">news.example</a>, <a href="https://o.example/x">o</a>'), number=3
        ),
    )
    items = announced("https://news.example/")(parsed.items)
    assert [item.url for item in items] == [
        *("https://t.me/newsexample/3", "https://www.news.example/2027/b", "https://news.example/2027/a")
    ]
    assert [item.complete for item in items] == [True, False, False]
    assert items[1].published == "2027-03-01T08:15:00Z"
    assert announced("https://t.me/newsexample")(parsed.items) == parsed.items


def test_a_page_without_posts_says_what_it_may_be() -> None:
    with pytest.raises(NotUnderstood, match="not a public channel"):
        parse(b"<!DOCTYPE html><html><body>If you have Telegram, ...</body></html>", content_type="", url=HERE)


@pytest.mark.parametrize(
    ("given", "page"),
    [
        ("@newsexample", HERE),
        ("newsexample", HERE),
        ("https://t.me/newsexample", HERE),
        ("https://t.me/s/newsexample/", HERE),
        ("https://relay.example/s/newsexample", "https://relay.example/s/newsexample"),
    ],
)
def test_a_channel_is_named_or_addressed(given: str, page: str) -> None:
    assert page_of(given) == page


def test_addresses_at_telegram_are_known() -> None:
    assert channel_of("https://t.me/s/newsexample") == "newsexample"
    assert channel_of("https://telegram.me/newsexample/17") == "newsexample"
    assert channel_of("https://t.me/+AbCdEf") is None
    assert channel_of("https://news.example/newsexample") is None


def test_a_post_of_nothing_but_spaces_costs_no_more_than_its_length() -> None:
    inner = f"One{' ' * 200_000}two<br> <br>three <br> four"
    body = (
        '<html><body><div class="tgme_widget_message" data-post="channel/7">'
        f'<div class="tgme_widget_message_text">{inner}</div></div></body></html>'
    )
    (item,) = parse(body.encode(), content_type="text/html", url="https://t.me/s/channel").items
    assert (item.title, item.content_html) == ("One two", "<p>three<br>four</p>")
