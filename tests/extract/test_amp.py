"""A whole AMP page: elements of its own kind, markup for advertisements and sharing, the facts in JSON-LD."""

# ruff: noqa: E501

from __future__ import annotations

import json

import pytest

from mirror.model import Embed, Picture
from tests.extract.made_up import PARAGRAPHS, TITLE, URL, article, lines

HEAD = """<!doctype html><html ⚡ lang="en"><head><meta charset="utf-8"><title>{title} - The Example</title>
<link rel="canonical" href="{url}"><meta name="viewport" content="width=device-width">
<script async src="https://cdn.ampproject.org/v0.js"></script>
<script async custom-element="amp-ad" src="https://cdn.ampproject.org/v0/amp-ad-0.1.js"></script>
<style amp-boilerplate>body{{-webkit-animation:-amp-start 8s steps(1,end) 0s 1 normal both}}</style>
<noscript><style amp-boilerplate>body{{-webkit-animation:none}}</style></noscript>
<style amp-custom>.ad{{display:block}}</style><script type="application/ld+json">{told}</script></head>"""
BODY = """<body><amp-analytics type="gtag"><script type="application/json">{{"vars":{{"account":"UA-1"}}}}</script>
</amp-analytics><amp-consent id="consent" layout="nodisplay"><div>We value your privacy. <button>Accept</button></div>
</amp-consent><amp-sidebar id="menu" layout="nodisplay"><ul><li><a href="/world">World</a></li><li><a href="/sport">Sport
</a></li></ul></amp-sidebar><header><a href="/"><amp-img src="/logo.png" width="120" height="40" alt="The Example"></amp-img>
</a></header><main><article><h1>{title}</h1><p class="byline">By <a href="/people/ilse">Ilse Marn</a></p>
<amp-social-share type="twitter" width="45" height="33"></amp-social-share><amp-social-share type="email"></amp-social-share>
<figure><amp-img src="/img/bridge-640.jpg" srcset="/img/bridge-640.jpg 640w, /img/bridge-1280.jpg 1280w" width="1280"
height="720" layout="responsive" alt="The bridge"><amp-img placeholder src="/img/blur.jpg" layout="fill"></amp-img><noscript>
<img src="/img/bridge-640.jpg" width="1280" height="720" alt="The bridge"></noscript></amp-img><figcaption>People on the
bridge. Photo: A. Lens</figcaption></figure><p>{p[0]}</p><p>{p[1]}</p>
<amp-ad width="300" height="250" type="doubleclick" data-slot="/1/x"><div placeholder>Advertisement</div><div fallback>
Buy a boat from us today, it floats on every river.</div></amp-ad><p>{p[2]}</p>
<amp-youtube data-videoid="dQw4w9WgXcQ" width="480" height="270" layout="responsive"></amp-youtube><p>{p[3]}</p>
<amp-twitter data-tweetid="1234567890123" width="375" height="472" layout="responsive"></amp-twitter>
<amp-carousel width="400" height="300" type="slides"><amp-img src="/img/one.jpg" width="800" height="600" alt="One"></amp-img>
<amp-img src="/img/two.jpg" width="800" height="600" alt="Two"></amp-img></amp-carousel><p>{p[4]}</p>
<amp-social-share type="whatsapp"></amp-social-share><amp-embed type="taboola" width="400" height="300"><p>From around the
web: this doctor found the trick</p></amp-embed></article>
<amp-list src="/more.json" width="auto" height="200"><template type="amp-mustache"><a href="{{{{url}}}}">{{{{title}}}}</a>
</template></amp-list></main><amp-sticky-ad layout="nodisplay"><amp-ad type="x"></amp-ad></amp-sticky-ad>
<amp-user-notification id="n" layout="nodisplay">This site uses cookies. <button>I accept</button></amp-user-notification>
<footer><p>© The Example, all rights reserved.</p></footer></body></html>"""


def amp_page(*, url: str = URL, title: str = TITLE, texts: tuple[str, ...] = PARAGRAPHS) -> bytes:
    told = {
        "@context": "http://schema.org",
        "@type": "NewsArticle",
        "mainEntityOfPage": url,
        "headline": title,
        "datePublished": "2027-03-01T09:15:00+01:00",
        "dateModified": "2027-03-01T10:00:00+01:00",
        "author": {"@type": "Person", "name": "Ilse Marn"},
        "publisher": {
            "@type": "Organization",
            "name": "The Example",
            "logo": {"@type": "ImageObject", "url": "/logo.png"},
        },
        "image": {"@type": "ImageObject", "url": "/img/bridge-1280.jpg", "width": 1280, "height": 720},
    }
    return (HEAD.format(title=title, url=url, told=json.dumps(told)) + BODY.format(title=title, p=texts)).encode()


def test_an_amp_page_is_its_article() -> None:
    found = article(amp_page(), url=f"{URL}/amp")
    assert lines(found) == list(PARAGRAPHS)
    assert (found.url, found.title, found.authors) == (URL, TITLE, ("Ilse Marn",))
    assert (found.published, found.modified) == ("2027-03-01T08:15:00Z", "2027-03-01T09:00:00Z")
    assert [(block.kind, block.url) for block in found.blocks if isinstance(block, Embed)] == [
        ("youtube", "https://www.youtube.com/watch?v=dQw4w9WgXcQ"),
        ("x", "https://x.com/i/status/1234567890123"),
    ]


def test_the_pictures_of_an_amp_page_come_once_each_the_largest_first() -> None:
    found = article(amp_page(), url=f"{URL}/amp")
    first = [one.candidates[0].rpartition("/")[2] for one in found.pictures]
    assert first == ["bridge-1280.jpg", "one.jpg", "two.jpg"]
    assert (found.pictures[0].caption, found.pictures[0].credit) == ("People on the bridge.", "A. Lens")
    assert found.pictures[0].cover
    shown = [block.resource for block in found.blocks if isinstance(block, Picture)]
    assert shown == sorted(set(shown))


@pytest.mark.parametrize(
    "unwanted", ["Advertisement", "boat", "privacy", "cookies", "doctor", "{{title}}", "UA-1", "⚡"]
)
def test_nothing_around_the_article_of_an_amp_page_comes_along(unwanted: str) -> None:
    assert unwanted not in repr(article(amp_page(), url=f"{URL}/amp"))
