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
from urllib.parse import urlsplit

from mirror.sources import Placed
from mirror.sources.telegram import HOME, channel_of, page_of


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


class Owners:
    """The outlets of a publication by where they are. Asked for every address of every feed, so looking up costs no
    more than splitting the address, however many outlets there are."""

    def __init__(self, outlets: Iterable[Placed]) -> None:
        self._places: dict[tuple[str, int | None], list[tuple[str, str]]] = {}
        for outlet in outlets:
            for place in _places(outlet):
                parts = urlsplit(place)
                self._places.setdefault((_host(place), parts.port), []).append((parts.path.rstrip("/"), outlet.id))

    def elsewhere(self, url: str, outlet: Placed) -> str | None:
        """The id of another outlet that `url` belongs to rather than to `outlet`; None when there is none."""
        parts = urlsplit(url)
        host = _host(url)
        while host:
            found = [
                (len(path) if parts.path == path or parts.path.startswith(path + "/") else 0, name)
                for path, name in self._places.get((host, parts.port), ())
            ]
            if found:
                best, name = max(found)
                mine = max((fit for fit, other in found if other == outlet.id), default=-1)
                return name if best > mine else None
            host = host.partition(".")[2]
        return None


def _places(outlet: Placed) -> Iterator[str]:
    yield outlet.url
    for one in outlet.telegram:
        yield f"{HOME}/{_channel(one)}"


def _channel(given: str) -> str:
    """The name of a channel that is read at Telegram or, in its place, at another host."""
    return urlsplit(page_of(given)).path.rpartition("/")[2]


def _host(url: str) -> str:
    return (urlsplit(url).hostname or "").removeprefix("www.")


def _below(host: str, above: str) -> bool:
    return bool(above) and (host == above or host.endswith("." + above))
