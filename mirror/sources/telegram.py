"""Public Telegram channels, as their page for browsers shows them (`https://t.me/s/NAME`): no account, no programme.

    [outlet.news]
    telegram = ["@newsexample"]

A post that links to an article of the outlet announces that article. Any other post with text or pictures is an
article of its own, `https://t.me/NAME/ID`, whole in itself. Where t.me cannot be reached, another host that shows the
same pages is named in the address: `telegram = ["https://relay.example/s/newsexample"]`; posts keep their address.

What the page shows of a post: text with links, the author where the channel signs, time, pictures (of a video its
still), where it was forwarded from. Replies' quotations, polls, stickers and counters are not the post's text.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mirror.links import absolute, clean, is_home, outgoing, same_site
from mirror.sources import MAX_ITEMS, Batch, Found, Item, NotUnderstood, Outlet, Parsed
from mirror.sources._dates import moment
from mirror.sources._html import classes, inner_text, tree_of
from mirror.sources._patterns import is_post
from mirror.sources.feed import MAX_TITLE, plain
from mirror.sources.state import FeedMemory

if TYPE_CHECKING:
    from mirror.net import Client

HOME = "https://t.me"
LONGEST_TITLE = 150  # a first line that is longer is the beginning of the text, not its title
_NAME = r"[A-Za-z][A-Za-z0-9_]{3,31}"
_ADDRESS = re.compile(rf"(https?://[^/]+)/(?:s/)?({_NAME})/?")
_CHANNEL = re.compile(rf"@?({_NAME})")
_POST = re.compile(rf"({_NAME})/(\d{{1,12}})")
_OWN_HOSTS = frozenset({"t.me", "telegram.me", "telegram.dog"})
_BACKGROUND = re.compile(r"background-image\s*:\s*url\(\s*['\"]?([^'\")\s]{8,2000})")
_KEPT = {  # elements of a post's text, and what they become
    **{"b": "b", "strong": "b", "i": "i", "em": "i", "u": "u", "s": "s", "del": "s", "code": "code", "pre": "pre"},
    **{"blockquote": "blockquote", "tg-spoiler": ""},
}
_PICTURES = frozenset({"tgme_widget_message_photo_wrap", "tgme_widget_message_video_thumb"})
MAX_PICTURES = 20
MAX_DEPTH = 30


class TelegramSource:
    """Channels named in an outlet's configuration."""

    name = "telegram"

    def addresses(self, outlet: Outlet) -> tuple[str, ...]:
        return tuple(page_of(one) for one in outlet.telegram)

    def parse(self, body: bytes, *, content_type: str, url: str) -> Parsed:
        return parse(body, content_type=content_type, url=url)

    async def find(
        self, client: Client, outlet: Outlet, memory: FeedMemory, *, now: datetime, dry_run: bool = False
    ) -> Found:
        from mirror.net import PAGE
        from mirror.sources._polling import poll

        return await poll(
            self,
            client,
            outlet,
            memory,
            addresses=self.addresses(outlet),
            now=now,
            dry_run=dry_run,
            accept=PAGE,
            shaped=announced(outlet.url),
        )

    def back(
        self, client: Client, outlet: Outlet, memory: FeedMemory, *, cursor: str | None, now: datetime
    ) -> AsyncIterator[Batch]:
        """To the channel's first post, twenty at a time (`?before=`)."""
        from mirror.net import PAGE
        from mirror.sources._backing import chain

        shaped = announced(outlet.url)
        return chain(self, client, outlet, memory, cursor=cursor, now=now, accept=PAGE, shaped=shaped)


SOURCE = TelegramSource()


def page_of(given: str) -> str:
    """The page of a channel that was given by name or address."""
    if named := _CHANNEL.fullmatch(given):
        return f"{HOME}/s/{named.group(1)}"
    found = _ADDRESS.fullmatch(given)
    return f"{found.group(1)}/s/{found.group(2)}" if found else given


def channel_of(url: str) -> str | None:
    """The channel's name, when `url` is the address of one at Telegram, or of a post of it; None for all others."""
    parts = urlsplit(url)
    host = (parts.hostname or "").removeprefix("www.")
    found = re.fullmatch(rf"/(?:s/)?({_NAME})(?:/\d+)?/?", parts.path)
    return found.group(1) if host in _OWN_HOSTS and found else None


def announced(site: str) -> Callable[[tuple[Item, ...]], tuple[Item, ...]]:
    """Puts in the place of every post that links to articles of `site` these articles."""

    def shaped(items: tuple[Item, ...]) -> tuple[Item, ...]:
        made: dict[str, Item] = {}
        for item in items:
            for one in _articles(item, site) or (item,):
                made.setdefault(one.url, one)
        return tuple(made.values())

    return shaped


def _articles(item: Item, site: str) -> tuple[Item, ...]:
    if not is_post(item) or not item.content_html:
        return ()
    links = dict.fromkeys(re.findall(r'<a href="([^"<>]{1,2048})"', item.content_html))
    urls = [clean(made) for one in links if (made := absolute(site, one.replace("&amp;", "&"))) is not None]
    own = [one for one in dict.fromkeys(urls) if same_site(one, site) and not is_home(one)]
    if (urlsplit(site).hostname or "") in _OWN_HOSTS:
        return ()
    return tuple(Item(url=one, title=item.title if len(own) == 1 else None, published=item.published) for one in own)


def parse(body: bytes, *, content_type: str, url: str) -> Parsed:
    """The posts on the page, the newest first; raises `NotUnderstood`."""
    root = tree_of(body, content_type)
    posts = [one for one in root.iter("div") if one.get("data-post") and "tgme_widget_message" in classes(one)]
    title = next((one.get("content") for one in root.iter("meta") if one.get("property") == "og:title"), None)
    if not posts:
        raise NotUnderstood(
            "it is a web page with no articles in it: not a public channel's, or the channel shows no posts to browsers"
        )
    items: list[Item] = []
    for post in reversed(posts[-MAX_ITEMS:]):
        item = _item(post, plain(title, MAX_TITLE))
        if item is not None:
            items.append(item)
    return Parsed(
        format="telegram",
        items=tuple({item.url: item for item in reversed(items)}.values())[::-1],
        entries=len(posts),
        title=plain(title, MAX_TITLE),
        site=url,
        next=_older(root, posts, url),
    )


def _older(root: Any, posts: list[Any], url: str) -> str | None:
    """The page with older posts. What the page itself names is preferred; it names none on the first."""
    for link in root.iter("a", "link"):
        if "tme_messages_more" in classes(link) or (link.tag == "link" and link.get("rel") == "prev"):
            found = absolute(url, link.get("href"))
            if found and "before=" in found:
                return found
    return None


def _item(post: Any, channel: str | None) -> Item | None:
    found = _POST.fullmatch(post.get("data-post", ""))
    if found is None or "service_message" in classes(post):
        return None
    text = _part(post, "tgme_widget_message_text", without="js-message_reply_text")
    pieces = list(_paragraphs(text)) if text is not None else []
    pictures = list(_pictures(post))
    if not pieces and not pictures:
        return None  # a sticker, a poll, a file without a word
    title, pieces = _titled(pieces, channel)
    forwarded = _part(post, "tgme_widget_message_forwarded_from_name")
    if forwarded is not None:
        href = outgoing(HOME, forwarded.get("href"))
        origin = escape(inner_text(forwarded))
        pieces.insert(0, f'<p>↪ <a href="{escape(href)}">{origin}</a></p>' if href else f"<p>↪ {origin}</p>")
    preview = _part(post, "tgme_widget_message_link_preview")
    if preview is not None and (href := outgoing(HOME, preview.get("href"))):
        named = _part(preview, "link_preview_title")
        words = escape(inner_text(named) if named is not None else href)
        if f'href="{escape(href)}"' not in "".join(pieces):
            pieces.append(f'<p><a href="{escape(href)}">{words}</a></p>')
    times = [one.get("datetime") for one in post.iter("time") if one.get("datetime")]
    signed = _part(post, "tgme_widget_message_from_author")
    return Item(
        url=f"{HOME}/{found.group(1)}/{found.group(2)}",
        title=title,
        published=moment(times[-1]) if times else None,
        guid=f"telegram:{found.group()}",
        content_html="\n".join([*pieces, *pictures]),
        authors=(name,) if signed is not None and (name := plain(inner_text(signed), 200)) else (),
        complete=True,
    )


def _part(post: Any, name: str, *, without: str = "") -> Any:
    for one in post.iter():
        if isinstance(one.tag, str) and name in classes(one) and not (without and without in classes(one)):
            return one
    return None


def _titled(pieces: list[str], channel: str | None) -> tuple[str | None, list[str]]:
    """The post's first line as its title, taken out of the text when it stands there alone; else its beginning."""
    if not pieces:
        return channel, pieces
    line, _, rest = pieces[0].removeprefix("<p>").removesuffix("</p>").partition("<br>")
    first = plain(line, MAX_TITLE) or ""
    if (
        pieces[0].startswith("<p>")
        and 0 < len(first) <= LONGEST_TITLE
        and "<a " not in line
        and (rest or len(pieces) > 1)
    ):
        return first, ([f"<p>{rest.strip()}</p>"] if rest.strip() else []) + pieces[1:]
    whole = next((made for one in pieces if (made := plain(one, LONGEST_TITLE))), None)
    return whole or channel, pieces


def _paragraphs(text: Any) -> Iterator[str]:
    """A post's text as HTML: an empty line is a new paragraph, a line's end a break."""
    inside = "".join(_inside(text, 0))
    for piece in re.split(r"(<pre>.*?</pre>|<blockquote>.*?</blockquote>)", inside, flags=re.DOTALL):
        if piece.startswith(("<pre>", "<blockquote>")):
            yield piece
            continue
        lines: list[str] = []
        for line in [
            *(" ".join(one.split()) for one in piece.split("<br>")),
            "",
        ]:  # never by a pattern: a post may be megabytes of spaces
            if line:
                lines.append(line)
            elif lines:
                yield f"<p>{'<br>'.join(lines)}</p>"
                lines = []


def _inside(element: Any, depth: int) -> Iterator[str]:
    yield escape(element.text or "", quote=False)
    for child in element:
        if isinstance(child.tag, str) and depth < MAX_DEPTH:
            yield from _element(child, depth)
        yield escape(child.tail or "", quote=False)


def _element(child: Any, depth: int) -> Iterator[str]:
    tag = child.tag
    if tag == "br":
        yield "<br>"
    elif "emoji" in classes(child) or tag == "tg-emoji":
        yield escape(inner_text(child), quote=False)
    elif tag == "a":
        href = outgoing(HOME, child.get("href"))
        words = "".join(_inside(child, depth + 1))
        # Hashtags search within the channel, which readers elsewhere cannot.
        yield words if href is None or words.startswith("#") else f'<a href="{escape(href)}">{words}</a>'
    elif tag in ("script", "style"):
        return
    elif _KEPT.get(tag):
        yield f"<{_KEPT[tag]}>"
        yield from _inside(child, depth + 1)
        yield f"</{_KEPT[tag]}>"
    else:
        yield from _inside(child, depth + 1)


def _pictures(post: Any) -> Iterator[str]:
    seen: set[str] = set()
    for one in post.iter("a", "i", "div"):
        if not _PICTURES & classes(one):
            continue
        found = _BACKGROUND.search((one.get("style") or "")[:4000])
        source = absolute(HOME, found.group(1)) if found else None
        if source and source not in seen and len(seen) < MAX_PICTURES:
            seen.add(source)
            yield f'<figure><img src="{escape(source)}"></figure>'
