"""Somebody else's players, posts and charts, as labelled links: kind, the address a person would open, and of its
author, title and text what the page has.

Nothing is fetched from there. Where a page waits for consent, or for a script, the address stands in another attribute
(`data-src` and its many relatives), in the markup that an attribute holds, or in `srcdoc`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

from lxml import etree

from mirror import links
from mirror.extract.page import attribute, key_of, squeeze, text_of
from mirror.model import Embed

# What readers are told by name; then what is only called by its sort.
_KINDS = (
    ("youtube", r"(?:^|\.)(?:youtube\.com|youtube-nocookie\.com|youtu\.be)$"),
    ("telegram", r"(?:^|\.)(?:t\.me|telegram\.me|telegram\.org)$"),
    ("x", r"(?:^|\.)(?:twitter\.com|x\.com)$"),
    ("instagram", r"(?:^|\.)instagram\.com$"),
    ("facebook", r"(?:^|\.)(?:facebook\.com|fb\.watch)$"),
    ("tiktok", r"(?:^|\.)tiktok\.com$"),
    ("vimeo", r"(?:^|\.)vimeo\.com$"),
    ("soundcloud", r"(?:^|\.)soundcloud\.com$"),
    (
        "video",
        r"(?:^|\.)(?:dailymotion\.com|rutube\.ru|vkvideo\.ru|aparat\.com|twitch\.tv|brightcove\.(?:net|com)|jwplatform\.com|"
        r"jwplayer\.com|kaltura\.com|streamable\.com|odysee\.com|rumble\.com|bilibili\.com|v\.qq\.com|youku\.com|wistia\.(?:net|"
        r"com)|loom\.com|archive\.org)$",
    ),
    (
        "audio",
        r"(?:^|\.)(?:spotify\.com|podcasts\.apple\.com|acast\.com|megaphone\.fm|audioboom\.com|simplecast\.com|castbox\.fm|"
        r"mixcloud\.com|deezer\.com|bandcamp\.com|podbean\.com|libsyn\.com|omny\.fm|podigee\.io|anchor\.fm|transistor\.fm|"
        r"buzzsprout\.com|spreaker\.com|redcircle\.com)$",
    ),
    (
        "chart",
        r"(?:^|\.)(?:dwcdn\.net|datawrapper\.de|flourish\.studio|flo\.uri\.sh|infogram\.com|tableau\.com|everviz\.com|"
        r"chartblocks\.(?:com|io)|plotly\.com|observablehq\.com|ourworldindata\.org|piktochart\.com|visme\.co)$",
    ),
    (
        "map",
        r"(?:^|\.)(?:openstreetmap\.(?:org|fr)|mapbox\.com|arcgis\.com|deepstatemap\.live|maphub\.net|uebermaps\.com)$",
    ),
    ("document", r"(?:^|\.)(?:documentcloud\.org|scribd\.com|issuu\.com|docs\.google\.com|drive\.google\.com)$"),
    (
        "post",
        r"(?:^|\.)(?:reddit\.com|redditmedia\.com|bsky\.app|threads\.(?:net|com)|linkedin\.com|tumblr\.com|weibo\.com|"
        r"vk\.com|ok\.ru|truthsocial\.com|pinterest\.com|mastodon\.\w+)$",
    ),
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
    *("data-litespeed-src", "data-src-cmplz", "data-embed-url", "data-oembed-url", "data-iframe-src", "data-video-url"),
    *("src", "data-url", "data"),
)
# A title that says nothing of what is shown.
_NO_TITLE = re.compile(
    r"(?:youtube|vimeo|video|audio|facebook|instagram|twitter|x|tiktok|telegram|spotify|soundcloud|embed(?:ded)?|iframe|"
    r"media|player|post|tweet|content|chart|widget|interactive|datawrapper|undefined|null|untitled|the|an?|of|from|\W)+",
    re.IGNORECASE,
)
_POST_ADDRESS = re.compile(
    r"/status(?:es)?/\d|/p/|/video/|/posts?/|/reel/|t\.me/\w+/\d|/comments/|/profile/[^/]+/post/"
)
_CALL_TO_OPEN = re.compile(
    r"(?:view|see|watch) (?:this|more).{0,40}(?:on|from) \w+|view (?:on|post)|посмотреть (?:эту|этот|в|на).{0,40}|"
    r"(?:a|this) post (?:shared )?by|post(?:ed)? by|публикация от|sieh dir diesen beitrag auf.{0,20}an|♬.{0,80}",
    re.IGNORECASE,
)
_PUNCTUATED = re.compile(r"(?<=[(@]) | (?=[),.])")
_IN_MARKUP = re.compile(r"\b(?:src|href|cite)\s*=\s*[\"']((?:https?:)?//[^\"'\s<>]{4,1500})", re.IGNORECASE)
_DATA = re.compile(r"data-(?!.*(?:poster|thumb|image|img|preview|share|logo))")
MAX_TEXT = 2000
MAX_TITLE = 300
MAX_MARKUP = 20_000  # characters of an attribute that holds markup


def in_element(element: etree._Element, base: str) -> Embed | None:
    """The embed an element stands for; None for frames that are none, and for addresses that are not http(s)."""
    tag = str(element.tag)
    if tag == "script":
        return _telegram(element)
    if found := _named(element, base):
        return found
    if tag in ("blockquote", "div", "section", "figure", "article", "a", "p", "span"):
        return _quoted(element, base) or _waiting(element, base)
    title = _title(element)
    for address in _addresses(element):
        url = links.absolute(base, address, fragment=True)
        if url is None or _NOISE.search(url):
            continue
        if tag in ("video", "audio", "amp-video", "amp-audio"):
            return of_address(url, title, kind=tag.removeprefix("amp-"))
        return of_address(url, title)
    return None


def _telegram(element: etree._Element) -> Embed | None:
    post = element.get("data-telegram-post") or ""
    return Embed(kind="telegram", url=f"https://t.me/{post}") if re.fullmatch(r"\w{3,64}/\d{1,12}", post) else None


def _named(element: etree._Element, base: str) -> Embed | None:  # noqa: PLR0911 - one return a kind
    """The embed of an element that names what it shows by number only."""
    tag = str(element.tag)
    title = _title(element)
    get = element.get
    video = get("data-videoid") or get("videoid") or get("data-youtube-id") or get("data-youtube") or ""
    if tag in ("amp-youtube", "lite-youtube", "youtube-video") or get("data-youtube-id") or get("data-youtube"):
        return _youtube(video, squeeze(get("playlabel") or "")[:MAX_TITLE] or title)
    if tag in ("amp-vimeo", "lite-vimeo") and video.isdigit():
        return Embed(kind="vimeo", url=f"https://vimeo.com/{video}", title=title)
    if tag == "amp-dailymotion" and re.fullmatch(r"\w{4,20}", video):
        return Embed(kind="video", url=f"https://www.dailymotion.com/video/{video}", title=title)
    if tag == "amp-brightcove" and re.fullmatch(r"\d{4,20} \d{4,20}", f"{get('data-account')} {get('data-video-id')}"):
        account, number = get("data-account"), get("data-video-id")
        url = f"https://players.brightcove.net/{account}/default_default/index.html?videoId={number}"
        return Embed(kind="video", url=url, title=title)
    tweet = get("data-tweetid") or get("data-tweet-id") or ""
    if tweet.isdigit():
        return Embed(kind="x", url=f"https://x.com/i/status/{tweet}", title=title, text=_own_text(element))
    code = get("data-shortcode") or ""
    if tag == "amp-instagram" and re.fullmatch(r"[\w-]{5,40}", code):
        return Embed(kind="instagram", url=f"https://www.instagram.com/p/{code}/", title=title)
    if tag == "amp-facebook":
        target = links.outgoing(base, get("data-href"))
        return Embed(kind="facebook", url=target, title=title) if target else None
    return _chart(element)


def _chart(element: etree._Element) -> Embed | None:
    classes, source = attribute(element, "class"), attribute(element, "data-src")
    if "flourish-embed" in classes and re.fullmatch(r"(?:visualisation|story)/\d{1,12}", source):
        url = f"https://public.flourish.studio/{source}/"
    elif "infogram-embed" in classes and re.fullmatch(r"(?:_/)?[\w-]{6,80}", number := attribute(element, "data-id")):
        url = f"https://infogram.com/{number}"
    else:
        return None
    shown = next((image.get("alt") for image in element.iter("img") if image.get("alt")), None)
    return Embed(
        kind="chart", url=url, title=_title(element) or _meaningful(shown) or _meaningful(element.get("data-title"))
    )


def _title(element: etree._Element) -> str | None:
    """What the element, or the caption of its figure, says that it shows."""
    for name in ("title", "aria-label", "data-title"):
        if (title := _meaningful(element.get(name))) is not None:
            return title
    figure = next((above for above in list(element.iterancestors())[:4] if above.tag == "figure"), None)
    if figure is None or next(iter(figure.iter("img", "picture")), None) is not None:
        return None
    caption = next(iter(figure.iter("figcaption")), None)
    return _meaningful(text_of(caption)) if caption is not None else None


def _meaningful(text: str | None) -> str | None:
    title = squeeze((text or "")[: 4 * MAX_TITLE])[:MAX_TITLE]
    return title if key_of(title) and not (len(title) <= 60 and _NO_TITLE.fullmatch(title)) else None


def _addresses(element: etree._Element) -> Iterator[str]:
    yield from (value for name in _ADDRESSES if (value := element.get(name)))
    yield from (
        value for source in element.iter("source", "param") if (value := source.get("src") or source.get("data-src"))
    )
    for name, value in ((str(name), str(value)) for name, value in element.attrib.items()):
        if _DATA.match(name) and name not in _ADDRESSES and re.match(r"(?:https?:)?//", value):
            yield value
    yield from _IN_MARKUP.findall(element.get("srcdoc", "")[:MAX_MARKUP])


def _waiting(element: etree._Element, base: str) -> Embed | None:
    """The player for which an empty box with an address, or with markup in an attribute, holds the place."""
    addresses = [value for name in _ADDRESSES if name != "src" and (value := element.get(name))]
    for markup in [str(value)[:MAX_MARKUP] for _, value in element.attrib.items()][:50]:
        if "<" in markup:
            addresses += _IN_MARKUP.findall(markup)
    for inner in list(element.iter("iframe", "video", "audio"))[:3]:
        addresses += _addresses(inner)
    for address in addresses:
        url = links.absolute(base, address, fragment=True)
        if url is not None and not _NOISE.search(url):
            found = of_address(url, _title(element))
            if found.kind != "other" or element.get("data-oembed-url") or element.get("data-embed-url"):
                return found
    return None


def _quoted(element: etree._Element, base: str) -> Embed | None:
    """A post that stands in the page as a quotation: its text, and as title who wrote it and when."""
    classes = attribute(element, "class")
    if "instagram-media" in classes:
        url, kind = links.outgoing(base, element.get("data-instgrm-permalink")), "instagram"
    elif "tiktok" in classes:
        url, kind = links.outgoing(base, element.get("cite")), "tiktok"
    elif "fb-" in classes:
        url, kind = links.outgoing(base, element.get("data-href")), "facebook"
    elif "twitter" in classes:
        url, kind = None, "x"
    elif re.search(r"bluesky|mastodon|reddit|telegram|threads", classes):
        url, kind = links.outgoing(base, element.get("data-embed-url") or element.get("cite")), "post"
        if url is None and element.get("data-bluesky-uri"):
            match = re.fullmatch(
                r"at://([\w:.-]{4,100})/app\.bsky\.feed\.post/(\w{4,40})", element.get("data-bluesky-uri", "")
            )
            url = f"https://bsky.app/profile/{match[1]}/post/{match[2]}" if match else None
    else:
        return None
    anchors = [address for link in element.iter("a") if (address := links.outgoing(base, link.get("href")))]
    if url is None:
        posts = [link for link in anchors if _POST_ADDRESS.search(link)]
        url = posts[-1] if posts else (anchors[-1] if anchors else None)
    if url is None:
        return None
    found = of_address(url, None)
    kind = found.kind if found.kind != "other" else kind
    text = _own_text(element)
    return Embed(kind=kind, url=found.url, title=_author(element, text), text=text)


def _own_text(element: etree._Element) -> str | None:
    """What a quoted post says: its paragraphs, else all of it."""
    paragraphs = [text for part in list(element.iter("p"))[:50] if (text := text_of(part)) and not _says_open(text)]
    text = "\n".join(paragraphs).replace("\n", " ") if paragraphs else text_of(element)
    if not paragraphs and (_says_open(text) or next(iter(element.iter("iframe")), None) is not None):
        return None
    return text[:MAX_TEXT] or None


def _says_open(text: str) -> bool:
    return len(text) <= 160 and bool(_CALL_TO_OPEN.match(text))


def _author(element: etree._Element, text: str | None) -> str | None:
    """The line under a quoted post: `— Name (@name) March 1, 2027`."""
    if next(iter(element.iter("p")), None) is None:
        return None
    whole = _spaced(element)
    for part in list(element.iter("p"))[:50]:
        said = _spaced(part)
        if said and not _says_open(said):
            whole = whole.replace(said, "\n", 1)
    rest = _PUNCTUATED.sub("", squeeze(_CALL_TO_OPEN.sub(" ", whole))).strip(" —–-·|\n")
    return rest[:MAX_TITLE] if 2 < len(rest) <= 160 and key_of(rest) != key_of(text or "") else None


def _spaced(element: etree._Element) -> str:
    return squeeze(" ".join(str(text) for text in element.itertext())[: 4 * MAX_TEXT])


def of_address(url: str, title: str | None, *, kind: str | None = None) -> Embed:  # noqa: PLR0911, PLR0912 - one a kind
    """The embed for an address: players are turned into the page a person would open."""
    parts = urlsplit(url)
    host = (parts.hostname or "").removeprefix("www.")
    known = next((name for name, pattern in _KINDS if re.search(pattern, host)), None)
    if known is None and re.search(r"(?:^|\.)(?:google|yandex)\.[a-z.]{2,6}$", host) and "/map" in parts.path:
        known = "map"
    query = parse_qs(parts.query, max_num_fields=100) if parts.query.count("&") < 100 else {}
    if known == "youtube":
        video = (query.get("v") or [""])[0] or (
            re.search(r"/(?:embed|v|shorts|live)/([\w-]{6,20})", parts.path) or ["", ""]
        )[1]
        if not video and host == "youtu.be":
            video = parts.path.strip("/")
        if video and video != "videoseries":
            start = (query.get("start") or query.get("t") or [""])[0].removesuffix("s")
            made = _youtube(video, title, start if start.isascii() and start.isdigit() else "")
            return made or Embed(kind="youtube", url=url, title=title)
        if query.get("list"):
            return Embed(
                kind="youtube", url=f"https://www.youtube.com/playlist?list={query['list'][0]}"[:500], title=title
            )
    elif known == "vimeo":
        number = re.search(r"/(?:video/)?(\d{4,12})", parts.path)
        if number:
            return Embed(kind="vimeo", url=f"https://vimeo.com/{number[1]}", title=title)
    elif known in ("facebook", "soundcloud"):
        target = (query.get("href") or query.get("url") or [""])[0]
        inner = links.outgoing(url, target) if target.startswith("http") else None
        if inner:
            return Embed(kind=known, url=inner, title=title)
    elif known == "telegram":
        post = re.match(r"/(?:s/)?(\w{3,64}/\d{1,12})", parts.path)
        if post:
            return Embed(kind="telegram", url=f"https://t.me/{post[1]}", title=title)
    elif known == "x":
        post_id = (query.get("id") or [""])[0]
        if post_id.isdigit():
            return Embed(kind="x", url=f"https://x.com/i/status/{post_id}", title=title)
    elif known == "instagram":
        return Embed(kind=known, url=re.sub(r"/embed(?:/captioned)?/?$", "/", links.clean(url)), title=title)
    elif known == "audio" and host.endswith("spotify.com"):
        return Embed(
            kind="audio", url=links.clean(url).replace("/embed-podcast/", "/").replace("/embed/", "/"), title=title
        )
    elif known == "post" and "/video_ext" in parts.path:
        known = "video"
    return Embed(kind=known or kind or "other", url=links.clean(url, fragment=True), title=title)


def _youtube(video: str, title: str | None, start: str = "") -> Embed | None:
    if not re.fullmatch(r"[\w-]{6,20}", video):
        return None
    at = f"&t={start[:6]}s" if start.strip("0") else ""
    return Embed(kind="youtube", url=f"https://www.youtube.com/watch?v={video}{at}", title=title)
