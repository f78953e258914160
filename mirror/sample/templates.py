"""The sample outlet's pages, made the way real sites make theirs: one markup per language edition, all of them full of
what is not the article.

    en   semantic and modern: <article>, <figure>, JSON-LD, lazy pictures with srcset, a consent layer
    ru   a blogging system's: div.entry-content, wp-caption, sharedaddy, Open Graph and microdata only
    fa   an old content system's: tables of div, data-src pictures with <noscript>, captions in a paragraph
    zh   a front-end framework's: hashed class names, text blocks as <div data-component>, JSON-LD in a @graph

The texts in `CHROME` stand on every page and must never get into an article. Scripts, pixels and frames point at `/t/`
on this very server, which notes each hit: that nothing of ours ever asks for them can be counted.
"""

# ruff: noqa: E501 - markup as real sites write it is wide

from __future__ import annotations

import html
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mirror.model import (
    Block,
    Embed,
    Heading,
    Inline,
    Link,
    List,
    Paragraph,
    Picture,
    Quote,
    Styled,
    Table,
    Update,
)
from mirror.sample.content import Piece, SamplePicture
from mirror.sample.drawing import HEIGHT, WIDTH

SMALL = 480  # the width of the small rendition of every picture
NAMES = {"en": "The Harbour Lantern", "ru": "Портовый фонарь", "fa": "فانوس بندر", "zh": "港灯报"}
ALL_NAMES = "The Harbour Lantern"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chrome:
    """What stands around, between and after the text of every article of one edition."""

    consent: str
    accept: str
    donate_middle: str
    donate_end: str
    newsletter: str
    share: str
    related: str
    most_read: str
    advertisement: str
    comments: str
    copyright: str
    by: str

    def texts(self) -> tuple[str, ...]:
        return (
            self.consent,
            self.donate_middle,
            self.donate_end,
            self.newsletter,
            self.most_read,
            self.comments,
            self.copyright,
        )


CHROME = {
    "en": Chrome(
        consent="We and our 412 partners store cookies on your device to personalise what you see.",
        accept="Accept all",
        donate_middle="The Harbour Lantern needs you. Support independent journalism from as little as two crowns.",
        donate_end="Since you are here: make a donation today and keep the lamp burning.",
        newsletter="Sign up for our newsletter: the five stories you need, every Friday.",
        share="Share this article",
        related="Related articles",
        most_read="Most read this week",
        advertisement="Advertisement",
        comments="Join the conversation: 34 comments",
        copyright="© 2026 The Harbour Lantern. All rights reserved.",
        by="By",
    ),
    "ru": Chrome(
        consent="Мы используем файлы cookie, чтобы показывать вам более подходящую рекламу.",
        accept="Согласиться",
        donate_middle="Поддержите «Портовый фонарь»: оформите ежемесячное пожертвование прямо сейчас.",
        donate_end="Этот текст бесплатный, потому что за него заплатили читатели. Помогите нам работать дальше.",
        newsletter="Подпишитесь на нашу рассылку: главное за неделю по пятницам.",
        share="Поделиться",
        related="Читайте также",
        most_read="Самое читаемое за неделю",
        advertisement="Реклама",
        comments="Комментарии читателей: 34",
        copyright="© 2026 «Портовый фонарь». Все права защищены.",
        by="Автор:",
    ),
    "fa": Chrome(
        consent="این وب‌گاه برای نمایش تبلیغات مناسب‌تر از کوکی استفاده می‌کند.",
        accept="می‌پذیرم",
        donate_middle="از فانوس بندر حمایت کنید: با کمک مالی ماهانهٔ خود چراغ ما را روشن نگه دارید.",
        donate_end="اگر این گزارش را پسندیدید، همین امروز کمک مالی کنید.",
        newsletter="در خبرنامهٔ ما نام‌نویسی کنید؛ هر جمعه پنج خبر مهم هفته.",
        share="اشتراک‌گذاری",
        related="مطالب مرتبط",
        most_read="پربازدیدترین‌های هفته",
        advertisement="تبلیغات",
        comments="دیدگاه خوانندگان: ۳۴",
        copyright="© ۲۰۲۶ فانوس بندر. همهٔ حقوق محفوظ است.",
        by="نویسنده:",
    ),
    "zh": Chrome(
        consent="本网站使用 Cookie 为您推送更合适的广告内容。",
        accept="同意并继续",
        donate_middle="支持港灯报：每月捐助十元，让灯一直亮着。",
        donate_end="读完这篇报道，欢迎您立即捐款支持我们。",
        newsletter="订阅港灯报电子报，每周五早上送到您的邮箱。",
        share="分享到",
        related="相关阅读",
        most_read="本周热门排行",
        advertisement="广告",
        comments="读者评论：34 条",
        copyright="版权所有 © 2026 港灯报，未经许可不得转载。",
        by="记者：",
    ),
}

e = html.escape


def inlines(content: Sequence[Inline]) -> str:
    out = []
    for one in content:
        if isinstance(one, str):
            out.append(e(one, quote=False))
        elif isinstance(one, Link):
            out.append(f'<a href="{e(one.url)}" target="_blank" rel="noopener">{inlines(one.content)}</a>')
        elif isinstance(one, Styled):
            tag = "strong" if one.style == "strong" else "em"
            out.append(f"<{tag}>{inlines(one.content)}</{tag}>")
    return "".join(out)


def rows(table: Table) -> str:
    lines = []
    for row in table.rows:
        cells = "".join(
            f"<th>{inlines(cell.content)}</th>" if cell.header else f"<td>{inlines(cell.content)}</td>" for cell in row
        )
        lines.append(f"<tr>{cells}</tr>")
    return "".join(lines)


def points(block: List) -> str:
    tag = "ol" if block.ordered else "ul"
    items = "".join(
        f"<li>{''.join(inlines(part.content) for part in item if isinstance(part, Paragraph))}</li>"
        for item in block.items
    )
    return f"<{tag}>{items}</{tag}>"


def quoted(block: Quote) -> str:
    return "".join(f"<p>{inlines(part.content)}</p>" for part in block.blocks if isinstance(part, Paragraph))


def trackers(piece: Piece) -> str:
    """Analytics as found in the wild, all on this server."""
    page = f"{piece.language}/{piece.slug}"
    return (
        '<link rel="preconnect" href="/t/preconnect"><link rel="prefetch" href="/t/prefetch.js">'
        '<script async src="/t/analytics.js"></script>'
        f"<script>(function(){{var i=new Image();i.src='/t/beacon?p={page}&r='+Math.random();"
        "window.dataLayer=window.dataLayer||[];navigator.sendBeacon&&navigator.sendBeacon('/t/send')}})()</script>"
        f'<noscript><img src="/t/pixel.gif?p={page}" height="1" width="1" style="display:none" alt=""></noscript>'
    )


def image_url(picture: SamplePicture, width: int = WIDTH) -> str:
    return f"/img/{picture.name}-{width}.jpg"


class Template:
    """Renders one edition's pages. `base` is the site's address, `others` what related boxes link to."""

    language = ""

    def __init__(self, base: str, piece: Piece, others: Sequence[Piece]) -> None:
        self.base = base
        self.piece = piece
        self.others = [other for other in others if other.slug != piece.slug][:4]
        self.chrome = CHROME[piece.language]
        self.name = NAMES[piece.language]
        self.url = f"{base}/{piece.language}/{piece.slug}"

    # --- shared pieces ---

    def open_graph(self) -> str:
        piece = self.piece
        tags = {
            "og:type": "article",
            "og:title": piece.title,
            "og:description": piece.lead,
            "og:url": self.url,
            "og:site_name": self.name,
            "og:image": self.base + image_url(piece.pictures[0]),
            "og:locale": {"en": "en_GB", "ru": "ru_RU", "fa": "fa_IR", "zh": "zh_CN"}[piece.language],
            "article:published_time": piece.published,
            "article:modified_time": piece.modified,
            "article:section": piece.section,
        }
        found = [f'<meta property="{name}" content="{e(value)}">' for name, value in tags.items()]
        found += [f'<meta property="article:tag" content="{e(tag)}">' for tag in piece.tags]
        found.append(f'<meta name="description" content="{e(piece.lead)}">')
        found.append('<meta name="twitter:card" content="summary_large_image">')
        return "".join(found)

    def news_article(self) -> dict[str, object]:
        piece = self.piece
        return {
            "@type": "LiveBlogPosting" if piece.live else "NewsArticle",
            "headline": piece.title,
            "description": piece.lead,
            "datePublished": piece.published,
            "dateModified": piece.modified,
            "inLanguage": piece.language,
            "articleSection": piece.section,
            "keywords": list(piece.tags),
            "author": [{"@type": "Person", "name": author} for author in piece.authors],
            "publisher": {"@type": "NewsMediaOrganization", "name": self.name},
            "image": [self.base + image_url(piece.pictures[0])],
            "mainEntityOfPage": {"@type": "WebPage", "@id": self.url},
        }

    def json_ld(self, data: object) -> str:
        text = json.dumps(data, ensure_ascii=False).replace("</", "<\\/")
        return f'<script type="application/ld+json">{text}</script>'

    def head(self, extra: str) -> str:
        piece = self.piece
        edition = f"/{piece.language}"
        return (
            f'<!DOCTYPE html><html lang="{piece.language}" dir="{piece.direction}"><head><meta charset="utf-8">'
            f"<title>{e(piece.title)} | {e(self.name)}</title>"
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f'<link rel="canonical" href="{self.url}">'
            f'<link rel="alternate" type="application/rss+xml" title="{e(self.name)}" href="{edition}/feed.xml">'
            f'<link rel="alternate" type="application/atom+xml" title="{e(self.name)}" href="{edition}/atom.xml">'
            f"{self.open_graph()}{extra}{trackers(piece)}</head>"
        )

    def links(self, tag: str = "li") -> str:
        return "".join(
            f'<{tag}><a href="/{other.language}/{other.slug}">{e(other.title)}</a></{tag}>' for other in self.others
        )

    def body(self) -> str:
        """The blocks, with a donation box after the second one."""
        out = []
        for place, block in enumerate(self.piece.blocks):
            out.append(self.block(block))
            if place == 1:
                out.append(self.interruption())
        return "\n".join(out)

    def block(self, block: Block) -> str:  # noqa: PLR0911 - one return a kind
        if isinstance(block, Heading):
            return f"<h{block.level}>{inlines(block.content)}</h{block.level}>"
        if isinstance(block, List):
            return points(block)
        if isinstance(block, Table):
            return self.table(block)
        if isinstance(block, Quote):
            return self.quote(block)
        if isinstance(block, Picture):
            return self.picture(self.piece.pictures[block.resource])
        if isinstance(block, Embed):
            return self.embed(block)
        if isinstance(block, Update):
            return self.update(block)
        if isinstance(block, Paragraph):
            return self.paragraph(inlines(block.content))
        raise TypeError(f"the sample has no {type(block).__name__}")

    def paragraph(self, inner: str) -> str:
        return f"<p>{inner}</p>"

    def table(self, block: Table) -> str:
        return f"<table><tbody>{rows(block)}</tbody></table>"

    def quote(self, block: Quote) -> str:
        return f"<blockquote>{quoted(block)}<cite>{e(block.source or '')}</cite></blockquote>"

    def picture(self, picture: SamplePicture) -> str:
        raise NotImplementedError

    def embed(self, block: Embed) -> str:
        raise NotImplementedError

    def update(self, block: Update) -> str:
        inner = "".join(self.block(one) for one in block.blocks)
        return (
            f'<article class="live-update" itemprop="liveBlogUpdate"><time datetime="{block.time}">'
            f"{(block.time or '')[11:16]}</time><h2>{e(block.title or '')}</h2>{inner}</article>"
        )

    def interruption(self) -> str:
        raise NotImplementedError

    def page(self) -> str:
        raise NotImplementedError


class Modern(Template):
    language = "en"

    def picture(self, picture: SamplePicture) -> str:
        full, small = image_url(picture), image_url(picture, SMALL)
        return (
            f'<figure class="story-figure"><picture><source type="image/jpeg" srcset="{small} {SMALL}w, {full} {WIDTH}w">'
            f'<img src="{small}" srcset="{small} {SMALL}w, {full} {WIDTH}w" sizes="(min-width: 60em) 50em, 100vw" '
            f'width="{WIDTH}" height="{HEIGHT}" loading="lazy" alt="{e(picture.alt)}"></picture>'
            f'<figcaption><span class="caption">{e(picture.caption)}</span> '
            f'<span class="credit">{e(picture.credit)}</span></figcaption></figure>'
        )

    def embed(self, block: Embed) -> str:
        return (
            f'<div class="video-embed"><iframe src="/t/frame" data-src="{e(block.url)}" title="{e(block.title or "")}" '
            f'allowfullscreen></iframe><a href="{e(block.url)}">{e(block.title or block.url)}</a></div>'
        )

    def interruption(self) -> str:
        return (
            f'<aside class="donate-box" data-nosnippet><h3>♥</h3><p>{e(self.chrome.donate_middle)}</p>'
            '<form action="/t/donate"><button>2</button><button>5</button><button>10</button></form></aside>'
            f'<div class="ad-slot"><span>{e(self.chrome.advertisement)}</span><script src="/t/ad.js"></script></div>'
        )

    def page(self) -> str:
        piece, chrome = self.piece, self.chrome
        data = {"@context": "https://schema.org", **self.news_article()}
        if piece.live:
            data["liveBlogUpdate"] = [
                {"@type": "BlogPosting", "headline": block.title, "datePublished": block.time}
                for block in piece.blocks
                if isinstance(block, Update)
            ]
        authors = ", ".join(f'<a rel="author" href="/en/people">{e(author)}</a>' for author in piece.authors)
        return (
            self.head(self.json_ld(data))
            + f'<body><div id="consent-modal" class="consent-banner" role="dialog"><p>{e(chrome.consent)}</p>'
            f"<button>{e(chrome.accept)}</button></div>"
            f'<header class="site-header"><a href="/en/">{e(self.name)}</a><nav><ul><li><a href="/en/">News</a></li>'
            '<li><a href="/ru/">Русский</a></li><li><a href="/fa/">فارسی</a></li><li><a href="/zh/">中文</a></li></ul></nav>'
            f'</header><main><article class="story"><header><p class="section">{e(piece.section)}</p>'
            f'<h1>{e(piece.title)}</h1><p class="standfirst">{e(piece.lead)}</p>'
            f'<p class="byline">{chrome.by} {authors}</p><time datetime="{piece.published}">{piece.published[:10]}</time>'
            f'<div class="share-bar"><span>{e(chrome.share)}</span><a href="/t/share?to=a">A</a>'
            f'<a href="/t/share?to=b">B</a></div></header>{self.picture(piece.pictures[0])}'
            f'<div class="story-body">{self.body()}</div>'
            f'<div class="newsletter-signup"><p>{e(chrome.newsletter)}</p><form action="/t/subscribe">'
            f'<input type="email" name="email"></form></div><div class="donation-footer"><p>{e(chrome.donate_end)}</p></div>'
            f'</article><section class="related-articles"><h2>{e(chrome.related)}</h2><ul>{self.links()}</ul></section>'
            f'<section id="comments" class="comments"><h2>{e(chrome.comments)}</h2></section></main>'
            f'<aside class="sidebar"><h2>{e(chrome.most_read)}</h2><ol>{self.links()}</ol></aside>'
            f'<footer class="site-footer"><p>{e(chrome.copyright)}</p></footer>'
            '<iframe src="/t/frame" width="0" height="0" hidden></iframe></body></html>'
        )


class Blog(Template):
    language = "ru"

    def picture(self, picture: SamplePicture) -> str:
        full = image_url(picture)
        return (
            f'<div class="wp-caption aligncenter"><a href="{full}"><img class="wp-image-77 size-full" src="{full}" '
            f'alt="{e(picture.alt)}" width="{WIDTH}" height="{HEIGHT}" loading="lazy" '
            f'srcset="{full} {WIDTH}w, {image_url(picture, SMALL)} {SMALL}w"></a>'
            f'<p class="wp-caption-text">{e(picture.caption)} <span class="photo-credit">{e(picture.credit)}</span></p></div>'
        )

    def embed(self, block: Embed) -> str:
        return (
            f'<blockquote class="telegram-post" data-telegram-post="paragraf_boat/112"><a href="{e(block.url)}">'
            f'{e(block.title or block.url)}</a></blockquote><script async src="/t/widget.js"></script>'
        )

    def quote(self, block: Quote) -> str:
        return f'<blockquote class="wp-block-quote">{quoted(block)}<cite>{e(block.source or "")}</cite></blockquote>'

    def table(self, block: Table) -> str:
        return f'<figure class="wp-block-table"><table><tbody>{rows(block)}</tbody></table></figure>'

    def interruption(self) -> str:
        other = self.others[0]
        return (
            f'<div class="donate-inline"><p><strong>{e(self.chrome.donate_middle)}</strong></p></div>'
            f'<p class="read-also">{e(self.chrome.related)}: <a href="/ru/{other.slug}">{e(other.title)}</a></p>'
        )

    def page(self) -> str:
        piece, chrome = self.piece, self.chrome
        authors = ", ".join(f'<span itemprop="author">{e(author)}</span>' for author in piece.authors)
        names = ", ".join(piece.authors)
        return (
            self.head(f'<meta name="author" content="{e(names)}"><meta name="generator" content="WordPress 6.8">')
            + f'<body class="single single-post postid-77"><div id="page" class="site"><div id="masthead"><a href="/ru/">'
            f'{e(self.name)}</a><ul class="menu"><li><a href="/en/">English</a></li><li><a href="/fa/">فارسی</a></li></ul></div>'
            f'<div id="content" class="site-content"><div id="primary"><div class="post hentry" itemscope '
            f'itemtype="https://schema.org/NewsArticle"><div class="entry-header"><h1 class="entry-title" '
            f'itemprop="headline">{e(piece.title)}</h1><div class="entry-meta">{chrome.by} {authors} '
            f'<time class="entry-date published" itemprop="datePublished" datetime="{piece.published}">{piece.published[:10]}</time>'
            f'<time class="updated" itemprop="dateModified" datetime="{piece.modified}"></time></div></div>'
            f'<div class="entry-content" itemprop="articleBody"><p class="entry-lead"><strong>{e(piece.lead)}</strong></p>'
            f"{self.picture(piece.pictures[0])}{self.body()}"
            f'<div class="sharedaddy sd-sharing-enabled"><h3>{e(chrome.share)}</h3><ul><li><a href="/t/share?to=a">A</a></li></ul>'
            f'</div><div class="donate-block"><p>{e(chrome.donate_end)}</p></div></div>'
            f'<div class="newsletter-widget"><p>{e(chrome.newsletter)}</p></div>'
            f'<div id="jp-relatedposts" class="jp-relatedposts"><h3>{e(chrome.related)}</h3>{self.links("p")}</div>'
            f'<div id="comments" class="comments-area"><h2>{e(chrome.comments)}</h2></div></div></div>'
            f'<div id="secondary" class="widget-area"><h2>{e(chrome.most_read)}</h2><ul>{self.links()}</ul></div></div>'
            f'<div id="colophon" class="site-footer">{e(chrome.copyright)}</div></div>'
            f'<div class="cookie-notice" id="cookie-notice"><span>{e(chrome.consent)}</span><a href="#">{e(chrome.accept)}</a>'
            "</div></body></html>"
        )


class Soup(Template):
    language = "fa"

    def picture(self, picture: SamplePicture) -> str:
        full = image_url(picture)
        blank = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
        return (
            f'<div class="photo_box"><img class="lazyload" src="{blank}" data-src="{full}" alt="{e(picture.alt)}">'
            f'<noscript><img src="{full}" alt="{e(picture.alt)}"></noscript>'
            f'<p class="caption">{e(picture.caption)} <span class="photographer">{e(picture.credit)}</span></p></div>'
        )

    def embed(self, block: Embed) -> str:
        return f'<div class="embed_box"><a href="{e(block.url)}">{e(block.title or block.url)}</a></div>'

    def quote(self, block: Quote) -> str:
        return f'<blockquote class="naghl">{quoted(block)}<footer>{e(block.source or "")}</footer></blockquote>'

    def interruption(self) -> str:
        return (
            f'<div class="donate_box"><div class="donate_text">{e(self.chrome.donate_middle)}</div></div>'
            f'<div class="ads_box"><div>{e(self.chrome.advertisement)}</div><img src="/t/ad.gif" width="300" height="250" alt="">'
            "</div>"
        )

    def page(self) -> str:
        piece, chrome = self.piece, self.chrome
        data = {
            "@context": "https://schema.org",
            "@graph": [{"@type": "WebSite", "name": self.name}, self.news_article()],
        }
        authors = "، ".join(e(author) for author in piece.authors)
        return (
            self.head(self.json_ld(data))
            + f'<body class="rtl"><div id="cookie_bar" class="cookie-bar">{e(chrome.consent)} <a href="#">{e(chrome.accept)}</a></div>'
            f'<div id="top"><div class="logo"><a href="/fa/">{e(self.name)}</a></div><div class="menu"><a href="/en/">English</a> '
            f'<a href="/zh/">中文</a></div></div><div id="wrapper"><div id="main_body"><div class="news_header">'
            f'<div class="rutitr">{e(piece.section)}</div><h1 class="titr">{e(piece.title)}</h1>'
            f'<div class="subtitle">{e(piece.lead)}</div><div class="news_info"><span class="author">{chrome.by} {authors}</span> '
            f'<span class="news_date"><time datetime="{piece.published}">{piece.published[:10]}</time></span></div></div>'
            f'<div class="news_text">{self.picture(piece.pictures[0])}{self.body()}</div>'
            f'<div class="share_box"><span>{e(chrome.share)}</span><a href="/t/share?to=a">A</a></div>'
            f'<div class="donate_box">{e(chrome.donate_end)}</div><div class="newsletter_box">{e(chrome.newsletter)}</div>'
            f'<div class="related_news"><h3>{e(chrome.related)}</h3><ul>{self.links()}</ul></div>'
            f'<div class="comments_box"><h3>{e(chrome.comments)}</h3></div></div>'
            f'<div id="left_col" class="sidebar"><h3>{e(chrome.most_read)}</h3><ul>{self.links()}</ul></div></div>'
            f'<div id="footer">{e(chrome.copyright)}</div></body></html>'
        )


class Framework(Template):
    language = "zh"

    def paragraph(self, inner: str) -> str:
        return f'<div class="css-1n7hynb" data-component="text-block"><p class="css-8hvvyd">{inner}</p></div>'

    def picture(self, picture: SamplePicture) -> str:
        full, small = image_url(picture), image_url(picture, SMALL)
        return (
            f'<div class="css-79elbk" data-component="image-block"><figure class="css-34mq5c"><div class="css-x15j1o">'
            f'<img alt="{e(picture.alt)}" src="{full}" srcset="{small} {SMALL}w, {full} {WIDTH}w" width="{WIDTH}" height="{HEIGHT}" '
            f'decoding="async"></div><figcaption class="css-1pf1e6a"><span>{e(picture.caption)}</span>'
            f'<span class="css-credit">{e(picture.credit)}</span></figcaption></figure></div>'
        )

    def embed(self, block: Embed) -> str:
        return f'<div data-component="embed-block"><a href="{e(block.url)}">{e(block.title or block.url)}</a></div>'

    def quote(self, block: Quote) -> str:
        return (
            f'<div data-component="quote-block"><blockquote>{quoted(block)}<footer>{e(block.source or "")}</footer>'
            "</blockquote></div>"
        )

    def interruption(self) -> str:
        return (
            f'<div class="css-donate" data-component="donate-promo"><p>{e(self.chrome.donate_middle)}</p></div>'
            f'<div data-component="ad-slot" class="ad-slot"><span>{e(self.chrome.advertisement)}</span></div>'
        )

    def page(self) -> str:
        piece, chrome = self.piece, self.chrome
        state = json.dumps({"props": {"pageProps": {"slug": piece.slug}}, "page": "/[lang]/[slug]"})
        authors = "、".join(e(author) for author in piece.authors)
        return (
            self.head(self.json_ld({"@context": "https://schema.org", **self.news_article()}))
            + f'<body><div id="__next"><div class="css-wrap"><header class="css-hdr"><a href="/zh/">{e(self.name)}</a></header>'
            f'<main id="main-content" class="css-1bd5x"><article class="css-pv1rh1"><div class="css-hl" '
            f'data-component="headline-block"><h1 class="css-h1x">{e(piece.title)}</h1></div>'
            f'<div data-component="byline-block" class="byline"><span>{chrome.by}{authors}</span> '
            f'<time datetime="{piece.published}">{piece.published[:10]}</time></div>'
            f'<div data-component="share-tools" class="share-tools"><span>{e(chrome.share)}</span><a href="/t/share">A</a></div>'
            f'{self.picture(piece.pictures[0])}<div data-component="summary-block" class="summary"><p><b>{e(piece.lead)}</b></p></div>'
            f'{self.body()}<div data-component="donate-promo" class="donate-promo"><p>{e(chrome.donate_end)}</p></div>'
            f'<section data-component="newsletter-block" class="newsletter-block"><p>{e(chrome.newsletter)}</p></section>'
            f'</article><section data-component="related" class="related-links"><h2>{e(chrome.related)}</h2><ul>{self.links()}</ul>'
            f'</section><section class="comments"><h2>{e(chrome.comments)}</h2></section></main>'
            f'<aside class="css-side most-read"><h2>{e(chrome.most_read)}</h2><ol>{self.links()}</ol></aside>'
            f'<footer class="css-ftr"><p>{e(chrome.copyright)}</p></footer></div></div>'
            f'<div class="cookie-consent" id="cookie-consent">{e(chrome.consent)}<button>{e(chrome.accept)}</button></div>'
            f'<script id="__NEXT_DATA__" type="application/json">{state}</script></body></html>'
        )


TEMPLATES: dict[str, Callable[[str, Piece, Sequence[Piece]], Template]] = {
    template.language: template for template in (Modern, Blog, Soup, Framework)
}


def article(base: str, piece: Piece, others: Sequence[Piece]) -> str:
    """An article's page."""
    return TEMPLATES[piece.language](base, piece, others).page()


def index(base: str, pieces: Sequence[Piece], language: str | None) -> str:
    """A section's front, or the whole site's (`language` None): headlines and where the feeds are."""
    name = NAMES[language] if language else ALL_NAMES
    prefix = f"/{language}" if language else ""
    items = "".join(
        f'<li lang="{piece.language}" dir="{piece.direction}"><article><h2><a href="/{piece.language}/{piece.slug}">'
        f"{e(piece.title)}</a></h2><p>{e(piece.lead)}</p></article></li>"
        for piece in pieces
    )
    direction = "rtl" if language == "fa" else "ltr"
    return (
        f'<!DOCTYPE html><html lang="{language or "en"}" dir="{direction}"><head><meta charset="utf-8"><title>{e(name)}</title>'
        f'<link rel="alternate" type="application/rss+xml" title="{e(name)}" href="{prefix}/feed.xml">'
        f'<link rel="alternate" type="application/atom+xml" title="{e(name)}" href="{prefix}/atom.xml">'
        f'<link rel="alternate" type="application/feed+json" title="{e(name)}" href="{prefix}/feed.json">'
        f'<meta property="og:site_name" content="{e(name)}"><meta property="og:type" content="website">'
        f'<script async src="/t/analytics.js"></script></head><body><h1>{e(name)}</h1>'
        '<nav><a href="/en/">English</a> <a href="/ru/">Русский</a> <a href="/fa/">فارسی</a> <a href="/zh/">中文</a></nav>'
        f"<main><ul>{items}</ul></main></body></html>"
    )
