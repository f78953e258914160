"""Whose an address is: what an outlet's sources may speak of, and what belongs to another outlet of the publication.

Feeds, interfaces and channels name addresses, and some bring the text along. A text counts only for addresses at the
outlet's own hosts: whoever writes a feed must not be able to say what stands at somebody else's address. What is
fetched from elsewhere is what elsewhere answered, and may be taken - but not where it is another outlet's: then that
outlet takes it, or nobody does.

The hosts of a publication's outlets may lie within each other, and several outlets may share one (`t.me/one`,
`t.me/two`): the longest host that fits decides, then the longest path.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol
from urllib.parse import urlsplit

from mirror.sources.telegram import HOME, channel_of, page_of


class Placed(Protocol):
    """The part of an outlet's configuration that says where it is (`mirror.config.OutletConfig` is one)."""

    @property
    def id(self) -> str: ...
    @property
    def url(self) -> str: ...
    @property
    def feeds(self) -> tuple[str, ...]: ...
    @property
    def sitemaps(self) -> tuple[str, ...]: ...
    @property
    def wordpress(self) -> tuple[str, ...]: ...
    @property
    def telegram(self) -> tuple[str, ...]: ...
    @property
    def lists(self) -> tuple[str, ...]: ...
    @property
    def sections(self) -> tuple[str, ...]: ...


def own(outlet: Placed, url: str) -> bool:
    """Whether an absolute address is at one of the outlet's own hosts, or below one: its front page's, or those that
    the operator named as its sources. At Telegram it has to be of one of the outlet's channels."""
    channel = channel_of(url)
    if channel is not None:
        mine = (*map(_channel, outlet.telegram), channel_of(outlet.url))
        return channel.lower() in {one.lower() for one in mine if one}
    host = _host(url)
    places = (outlet.url, *outlet.feeds, *outlet.sitemaps, *outlet.wordpress, *outlet.lists, *outlet.sections)
    return any(_below(host, _host(one)) for one in places if one.startswith(("http://", "https://")))


def elsewhere(url: str, outlet: Placed, outlets: Iterable[Placed]) -> str | None:
    """The id of another outlet that `url` belongs to rather than to `outlet`; None when there is none."""
    mine = _fit(url, outlet)
    best = max(((_fit(url, one), one.id) for one in outlets if one.id != outlet.id), default=((0, 0), ""))
    return best[1] if best[0] > mine else None


def _fit(url: str, outlet: Placed) -> tuple[int, int]:
    """How closely an address fits an outlet: letters of the host that fits, then of the path."""
    return max((_closeness(url, place) for place in _places(outlet)), default=(0, 0))


def _places(outlet: Placed) -> Iterator[str]:
    yield outlet.url
    for one in outlet.telegram:
        yield f"{HOME}/{_channel(one)}"


def _closeness(url: str, place: str) -> tuple[int, int]:
    one, other = urlsplit(url), urlsplit(place)
    if one.port != other.port or not _below(_host(url), _host(place)):
        return (0, 0)
    path = other.path.rstrip("/")
    inside = one.path == path or one.path.startswith(path + "/")
    return (len(_host(place)), len(path) if inside else 0)


def _channel(given: str) -> str:
    """The name of a channel that is read at Telegram or, in its place, at another host."""
    return urlsplit(page_of(given)).path.rpartition("/")[2]


def _host(url: str) -> str:
    return (urlsplit(url).hostname or "").removeprefix("www.")


def _below(host: str, above: str) -> bool:
    return bool(above) and (host == above or host.endswith("." + above))
