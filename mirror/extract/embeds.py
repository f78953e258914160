"""Somebody else's players and posts, as labelled links: kind, the address a person would open, text if the page has
it."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

from lxml import etree

from mirror import links
from mirror.extract.page import attribute, squeeze, text_of
from mirror.model import Embed

_KINDS = (
    ("youtube", r"(?:^|\.)(?:youtube\.com|youtube-nocookie\.com|youtu\.be)$"),
    ("telegram", r"(?:^|\.)(?:t\.me|telegram\.me|telegram\.org)$"),
    ("x", r"(?:^|\.)(?:twitter\.com|x\.com)$"),
    ("instagram", r"(?:^|\.)instagram\.com$"),
    ("facebook", r"(?:^|\.)(?:facebook\.com|fb\.watch)$"),
    ("tiktok", r"(?:^|\.)tiktok\.com$"),
    ("vimeo", r"(?:^|\.)vimeo\.com$"),
    ("soundcloud", r"(?:^|\.)soundcloud\.com$"),
)
# Frames that are no content: measuring, advertising, consent, comments, sharing.
_NOISE = re.compile(
    r"doubleclick|googlesyndication|googletagmanager|google-analytics|adservice|adsystem|/ads?[/.?]|ads\.|recaptcha|"
    r"disqus|consent|cookielaw|onetrust|"
    r"facebook\.com/(?:plugins/(?:like|share|page|follow)|tr)|addthis|sharethis|outbrain|taboola|newsletter|"
    r"subscribe|donat|mailchimp|about:blank|"
    r"platform\.twitter\.com/widgets/(?:follow|tweet_button)|accounts\.google|/login|piano\.io|permutive|criteo|"
    r"amazon-adsystem",
    re.IGNORECASE,
)
# In this order: `src` of a player that waits for consent is a placeholder.
_ADDRESSES = (
    *("data-src", "data-lazy-src", "data-original", "data-cookieblock-src", "data-cmp-src", "data-consent-src"),
    *("data-litespeed-src", "data-src-cmplz", "src", "data-url", "data"),
)
MAX_TEXT = 2000
MAX_TITLE = 300


def in_element(element: etree._Element, base: str) -> Embed | None:  # noqa: PLR0911 - one return a kind
    """The embed an element stands for; None for frames that are none, and for addresses that are not http(s)."""
    tag = str(element.tag)
    if tag == "script":
        post = element.get("data-telegram-post") or ""
        return Embed(kind="telegram", url=f"https://t.me/{post}") if re.fullmatch(r"\w{3,64}/\d{1,12}", post) else None
    if tag in ("blockquote", "div", "section", "figure", "article", "a"):
        return _quoted(element, base)
    if tag in ("amp-youtube", "lite-youtube", "youtube-video"):
        video = element.get("data-videoid") or element.get("videoid") or ""
        title = squeeze(element.get("playlabel") or element.get("title") or "") or None
        return _youtube(video, title) if video else None
    if tag == "amp-twitter":
        number = element.get("data-tweetid") or ""
        return Embed(kind="x", url=f"https://x.com/i/status/{number}") if number.isdigit() else None
    if tag == "amp-instagram":
        code = element.get("data-shortcode") or ""
        return (
            Embed(kind="instagram", url=f"https://www.instagram.com/p/{code}/")
            if re.fullmatch(r"[\w-]{5,40}", code)
            else None
        )
    if tag in ("amp-facebook",):
        url = links.outgoing(base, element.get("data-href"))
        return Embed(kind="facebook", url=url) if url else None
    title = squeeze(element.get("title") or element.get("aria-label") or "")[:MAX_TITLE] or None
    for address in _addresses(element):
        url = links.absolute(base, address, fragment=True)
        if url is None or _NOISE.search(url):
            continue
        if tag in ("video", "audio", "amp-video", "amp-audio"):
            return of_address(url, title, kind=tag.removeprefix("amp-"))
        return of_address(url, title)
    return None


def _addresses(element: etree._Element) -> list[str]:
    found = [value for name in _ADDRESSES if (value := element.get(name))]
    found += [value for source in element.iter("source", "param") if (value := source.get("src"))]
    return found


def _quoted(element: etree._Element, base: str) -> Embed | None:
    classes = attribute(element, "class")
    text = text_of(element)[:MAX_TEXT] or None
    if "instagram-media" in classes:
        url = links.outgoing(base, element.get("data-instgrm-permalink"))
        kind = "instagram"
    elif "tiktok" in classes:
        url, kind = links.outgoing(base, element.get("cite")), "tiktok"
    elif "fb-" in classes:
        url, kind = links.outgoing(base, element.get("data-href")), "facebook"
    else:
        url, kind = None, "x"
    anchors = [address for link in element.iter("a") if (address := links.outgoing(base, link.get("href")))]
    if url is None:
        posts = [
            link for link in anchors if re.search(r"/status(?:es)?/\d|/p/|/video/|/posts?/|/reel/|t\.me/\w+/\d", link)
        ]
        url = posts[-1] if posts else (anchors[-1] if anchors else None)
    if url is None:
        return None
    found = of_address(url, None)
    kind = found.kind if found.kind != "other" else kind
    return Embed(kind=kind, url=found.url, text=text)


def of_address(url: str, title: str | None, *, kind: str | None = None) -> Embed:  # noqa: PLR0911 - one return a kind
    """The embed for an address: players are turned into the page a person would open."""
    parts = urlsplit(url)
    host = (parts.hostname or "").removeprefix("www.")
    known = next((name for name, pattern in _KINDS if re.search(pattern, host)), None)
    if known == "youtube":
        query = parse_qs(parts.query)
        video = (query.get("v") or [""])[0] or (
            re.search(r"/(?:embed|v|shorts|live)/([\w-]{6,20})", parts.path) or ["", ""]
        )[1]
        if not video and host == "youtu.be":
            video = parts.path.strip("/")
        if video and video != "videoseries":
            return _youtube(video, title) or Embed(kind="youtube", url=url, title=title)
        if query.get("list"):
            return Embed(
                kind="youtube", url=f"https://www.youtube.com/playlist?list={query['list'][0]}"[:500], title=title
            )
    elif known == "vimeo":
        number = re.search(r"/(?:video/)?(\d{4,12})", parts.path)
        if number:
            return Embed(kind="vimeo", url=f"https://vimeo.com/{number[1]}", title=title)
    elif known in ("facebook", "soundcloud"):
        target = (parse_qs(parts.query).get("href") or parse_qs(parts.query).get("url") or [""])[0]
        inner = links.outgoing(url, target) if target.startswith("http") else None
        if inner:
            return Embed(kind=known, url=inner, title=title)
    elif known == "telegram":
        post = re.match(r"/(?:s/)?(\w{3,64}/\d{1,12})", parts.path)
        if post:
            return Embed(kind="telegram", url=f"https://t.me/{post[1]}", title=title)
    elif known == "x":
        post_id = (parse_qs(parts.query).get("id") or [""])[0]
        if post_id.isdigit():
            return Embed(kind="x", url=f"https://x.com/i/status/{post_id}", title=title)
    return Embed(kind=known or kind or "other", url=links.clean(url, fragment=True), title=title)


def _youtube(video: str, title: str | None) -> Embed | None:
    return (
        Embed(kind="youtube", url=f"https://www.youtube.com/watch?v={video}", title=title)
        if re.fullmatch(r"[\w-]{6,20}", video)
        else None
    )
