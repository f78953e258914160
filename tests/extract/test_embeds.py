"""Others' players, posts and charts: labelled links, with author, title and text where the page has them."""

# ruff: noqa: E501 - markup as real sites write it is wide

from __future__ import annotations

import pytest

from mirror.extract.embeds import of_address
from mirror.model import Embed
from tests.extract.made_up import PARAGRAPHS, article, lines, page, paragraphs


def embeds(markup: str) -> list[Embed]:
    found = article(page(paragraphs(PARAGRAPHS[:3]) + markup + paragraphs(PARAGRAPHS[3:])))
    assert lines(found)[:3] == list(PARAGRAPHS[:3])
    return [block for block in found.blocks if isinstance(block, Embed)]


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        (
            "<blockquote class='twitter-tweet' data-lang=en><p lang=en dir=ltr>It is open!<br>All of it. <a href='https://t.co/x'>pic</a></p>&mdash; The Mayor (@mayor) <a href='https://twitter.com/mayor/status/123456789?ref_src=tw'>March 1, 2027</a></blockquote><script async src='https://platform.twitter.com/widgets.js'></script>",
            Embed(
                kind="x",
                url="https://twitter.com/mayor/status/123456789",
                title="The Mayor (@mayor) March 1, 2027",
                text="It is open!All of it. pic",
            ),
        ),
        (
            "<blockquote class='instagram-media' data-instgrm-permalink='https://www.instagram.com/p/Cabc123/?utm_source=ig_embed'><div><a href='https://www.instagram.com/p/Cabc123/'>View this post on Instagram</a><p>A post shared by The Band (@band)</p></div></blockquote>",
            Embed(kind="instagram", url="https://www.instagram.com/p/Cabc123/", title="The Band (@band)"),
        ),
        (
            "<blockquote class='tiktok-embed' cite='https://www.tiktok.com/@band/video/7123' data-video-id=7123><section><a href='https://www.tiktok.com/@band?refer=embed'>@band</a><p>Playing on the bridge</p><a href='https://www.tiktok.com/music/1'>♬ original sound</a></section></blockquote>",
            Embed(
                kind="tiktok",
                url="https://www.tiktok.com/@band/video/7123",
                title="@band",
                text="Playing on the bridge",
            ),
        ),
        (
            "<div class='fb-post' data-href='https://www.facebook.com/town/posts/12'><blockquote cite='https://www.facebook.com/town/posts/12' class='fb-xfbml-parse-ignore'><p>The bridge is open.</p>Posted by <a href='#'>The Town</a></blockquote></div>",
            Embed(
                kind="facebook",
                url="https://www.facebook.com/town/posts/12",
                title="The Town",
                text="The bridge is open.",
            ),
        ),
        (
            "<blockquote class='bluesky-embed' data-bluesky-uri='at://did:plc:abc/app.bsky.feed.post/3kxyz'><p>Walked over it.</p>&mdash; Ilse (<a href='https://bsky.app/profile/did:plc:abc?ref_src=embed'>@ilse.example</a>)</blockquote>",
            Embed(
                kind="post",
                url="https://bsky.app/profile/did:plc:abc/post/3kxyz",
                title="Ilse (@ilse.example)",
                text="Walked over it.",
            ),
        ),
        (
            "<div class='embed' data-tweet-id='123456789012'></div>",
            Embed(kind="x", url="https://x.com/i/status/123456789012"),
        ),
        (
            "<div class='video-consent' data-youtube-id='aaaaaaaaaaa' data-title='The opening'><button>Play</button></div>",
            Embed(kind="youtube", url="https://www.youtube.com/watch?v=aaaaaaaaaaa", title="The opening"),
        ),
        (
            "<figure><div data-oembed-url='https://www.youtube.com/watch?v=aaaaaaaaaaa'><div><iframe src='https://www.youtube.com/embed/aaaaaaaaaaa'></iframe></div></div></figure>",
            Embed(kind="youtube", url="https://www.youtube.com/watch?v=aaaaaaaaaaa"),
        ),
        (
            "<div data-embed-html='&lt;iframe width=1 src=&quot;https://www.youtube.com/embed/aaaaaaaaaaa&quot;&gt;&lt;/iframe&gt;'>Loading</div>",
            Embed(kind="youtube", url="https://www.youtube.com/watch?v=aaaaaaaaaaa"),
        ),
        (
            "<iframe srcdoc=\"<a href='https://www.youtube.com/embed/aaaaaaaaaaa?autoplay=1'><img src=x></a>\" title='YouTube video player'></iframe>",
            Embed(kind="youtube", url="https://www.youtube.com/watch?v=aaaaaaaaaaa"),
        ),
        (
            "<iframe src='about:blank' data-cookieconsent-src='https://www.youtube-nocookie.com/embed/aaaaaaaaaaa?start=90'></iframe>",
            Embed(kind="youtube", url="https://www.youtube.com/watch?v=aaaaaaaaaaa&t=90s"),
        ),
        (
            "<noscript><iframe src='https://www.youtube.com/embed/aaaaaaaaaaa'></iframe></noscript>",
            Embed(kind="youtube", url="https://www.youtube.com/watch?v=aaaaaaaaaaa"),
        ),
        (
            "<figure><iframe src='https://player.vimeo.com/video/123456'></iframe><figcaption>The first bus, from the left bank.</figcaption></figure>",
            Embed(kind="vimeo", url="https://vimeo.com/123456", title="The first bus, from the left bank."),
        ),
        (
            "<div class='flourish-embed flourish-chart' data-src='visualisation/123456'><script src='https://public.flourish.studio/resources/embed.js'></script><noscript><img src='https://public.flourish.studio/visualisation/123456/thumbnail' alt='Cost of the bridge by year'></noscript></div>",
            Embed(
                kind="chart",
                url="https://public.flourish.studio/visualisation/123456/",
                title="Cost of the bridge by year",
            ),
        ),
        (
            "<iframe title='Cost of the bridge' aria-label='Bar chart' id='datawrapper-chart-AbCdE' src='https://datawrapper.dwcdn.net/AbCdE/3/'></iframe>",
            Embed(kind="chart", url="https://datawrapper.dwcdn.net/AbCdE/3/", title="Cost of the bridge"),
        ),
        (
            "<div class='infogram-embed' data-id='_/abcdef123456' data-type=interactive data-title='Traffic'></div>",
            Embed(kind="chart", url="https://infogram.com/_/abcdef123456", title="Traffic"),
        ),
        (
            "<iframe src='https://open.spotify.com/embed/episode/4abc?si=1'></iframe>",
            Embed(kind="audio", url="https://open.spotify.com/episode/4abc?si=1"),
        ),
        (
            "<iframe src='https://w.soundcloud.com/player/?url=https%3A//soundcloud.com/band/march&color=%23ff5500'></iframe>",
            Embed(kind="soundcloud", url="https://soundcloud.com/band/march"),
        ),
        (
            "<amp-vimeo data-videoid=123456 layout=responsive></amp-vimeo>",
            Embed(kind="vimeo", url="https://vimeo.com/123456"),
        ),
        (
            "<amp-brightcove data-account=906043040001 data-video-id=1401169490001 layout=responsive></amp-brightcove>",
            Embed(
                kind="video",
                url="https://players.brightcove.net/906043040001/default_default/index.html?videoId=1401169490001",
            ),
        ),
        (
            "<video poster='/p.jpg' data-src='https://cdn.example/a.mp4' aria-label='The first bus'></video>",
            Embed(kind="video", url="https://cdn.example/a.mp4", title="The first bus"),
        ),
    ],
)
def test_what_can_be_kept_of_an_embed_is_kept(markup: str, expected: Embed) -> None:
    assert embeds(markup) == [expected]


@pytest.mark.parametrize(
    "markup",
    [
        "<div data-embed-url='javascript:alert(1)'></div>",
        "<div data-youtube-id='\"><script>'></div>",
        "<div data-embed-html='&lt;script src=&quot;//ads.example/x.js&quot;&gt;'></div>",
        "<noscript><iframe src='https://www.googletagmanager.com/ns.html?id=GTM-1'></iframe></noscript>",
        "<div class='flourish-embed' data-src='../../etc/passwd'></div>",
        "<video poster='/p.jpg' data-poster='https://cdn.example/p.jpg'></video>",
    ],
)
def test_what_names_no_player_is_none(markup: str) -> None:
    assert embeds(markup) == []


def test_a_thousand_parameters_in_an_address_are_no_reason_to_stumble() -> None:
    url = "https://www.youtube.com/embed/aaaaaaaaaaa?" + "&".join(f"a{n}=1" for n in range(1000))
    assert of_address(url, None).url == "https://www.youtube.com/watch?v=aaaaaaaaaaa"
