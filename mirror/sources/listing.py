"""Lists of articles' addresses that somebody made: a file below the publication's folder, or one on the web.

    [outlet.news]
    lists = ["news.txt", "https://news.example/articles.csv"]

Understood are text (an address a line, `#` begins a remark), CSV and tab-separated columns (with a line of names or
without: the column that holds addresses counts, others named title and date are read), JSON (a list of addresses, or of
objects with `url`, `title`, `date`) and OPML (`url` or `htmlUrl` of its outlines; feeds belong into `feeds`).
"""

from __future__ import annotations

import asyncio
import csv
import os
import stat
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from mirror.links import absolute, clean
from mirror.sources import MAX_ITEMS, Batch, Found, Item, NotUnderstood, Outlet, Parsed, merged
from mirror.sources._dates import moment
from mirror.sources._patterns import wanted
from mirror.sources._unwrap import unwrapped
from mirror.sources._xml import read, root_of, text_of
from mirror.sources.feed import MAX_TITLE, plain
from mirror.sources.state import FeedMemory

if TYPE_CHECKING:
    from mirror.net import Client

MAX_FILE = 64 << 20
MAX_LINES = 1_000_000
MAX_LINE = 20_000
_WEB = ("http://", "https://")
_ADDRESS = ("url", "link", "address", "href", "loc", "permalink")
_TITLE = ("title", "headline", "name")
_DATE = ("published", "date", "date_published", "time", "pubdate", "lastmod")


class ListSource:
    """Lists named in an outlet's configuration."""

    name = "list"

    def addresses(self, outlet: Outlet) -> tuple[str, ...]:
        return outlet.lists

    def parse(self, body: bytes, *, content_type: str, url: str) -> Parsed:
        return parse(body, content_type=content_type, url=url)

    async def find(
        self, client: Client, outlet: Outlet, memory: FeedMemory, *, now: datetime, dry_run: bool = False
    ) -> Found:
        from mirror.sources._polling import poll

        web = tuple(one for one in outlet.lists if one.startswith(_WEB))
        found = await poll(self, client, outlet, memory, addresses=web, now=now, dry_run=dry_run, accept="*/*")
        groups, problems = [found.items], [found.problem] if found.problem else []
        for path in (one for one in outlet.lists if not one.startswith(_WEB)):
            try:
                body = await asyncio.to_thread(read_file, path)
                parsed = await asyncio.to_thread(parse, body, content_type="", url=outlet.url)
                groups.append(wanted(outlet, parsed.items))
            except (NotUnderstood, OSError) as error:
                problems.append(f"{path}: {error.strerror if isinstance(error, OSError) else error}")
        return replace(found, items=merged(tuple(groups)), problem="; ".join(problems)[:1000] or None)

    async def back(
        self, client: Client, outlet: Outlet, memory: FeedMemory, *, cursor: str | None, now: datetime
    ) -> AsyncIterator[Batch]:
        """Each list from its beginning, `MAX_ITEMS` at a time."""
        from mirror.sources._backing import ask, cursor_of, parts_of

        parts = parts_of(cursor, str, int)
        place, skip = 0, 0
        if parts is not None and parts[0] in outlet.lists:
            place, skip = outlet.lists.index(str(parts[0])), int(str(parts[1]))
        for address in outlet.lists[place:]:
            body, content_type, base = b"", "", outlet.url
            problem: str | None = None
            if address.startswith(_WEB):
                answer = await ask(client, outlet, memory, address, now=now, accept="*/*")
                if answer.response is None:
                    yield Batch(cursor=cursor_of(address, skip), problem=answer.problem)
                    return
                body, content_type = answer.response.body, answer.response.content_type
                base = answer.response.url
            else:
                try:
                    body = await asyncio.to_thread(read_file, address)
                except OSError as error:
                    problem = f"{address}: {error.strerror}"
            entries = _entries(body, content_type, base)
            for _ in range(skip):
                next(entries, None)
            while problem is None:
                try:
                    items = await asyncio.to_thread(lambda: tuple(islice(entries, MAX_ITEMS)))  # noqa: B023 - used here
                except NotUnderstood as error:
                    problem = f"{address}: {error}"
                    break
                if not items:
                    break
                skip += len(items)
                yield Batch(items=wanted(outlet, items), cursor=cursor_of(address, skip))
            if problem:
                yield Batch(cursor=cursor_of(address, skip), problem=problem)
            skip = 0
        yield Batch(done=True)


SOURCE = ListSource()


def read_file(path: str) -> bytes:
    """What is in the file; raises OSError, also for what is no ordinary file or too large."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        about = os.fstat(handle)
        if not stat.S_ISREG(about.st_mode):
            raise OSError(0, "it is not an ordinary file")
        if about.st_size > MAX_FILE:
            raise OSError(0, f"it is larger than {MAX_FILE} bytes")
        return file.read(MAX_FILE)


def parse(body: bytes, *, content_type: str, url: str) -> Parsed:
    """The list in `body`: the first `MAX_ITEMS` addresses, each once. Raises `NotUnderstood`."""
    unique: dict[str, Item] = {}
    for item in _entries(body, content_type, url):
        unique.setdefault(item.url, item)
        if len(unique) >= MAX_ITEMS:
            break
    if not unique:
        raise NotUnderstood("there are no articles in it: not one address that begins with http:// or https://")
    return Parsed(format="list", items=tuple(unique.values()), entries=len(unique))


def _entries(body: bytes, content_type: str, base: str) -> Iterator[Item]:
    """Every address of the list, in its order; raises `NotUnderstood` for what is no list."""
    text = text_of(body, content_type)
    if text.startswith("<"):
        root = root_of(text)
        if root != "opml":
            raise NotUnderstood(
                "it is a web page, not a list" if root in ("html", "body", "head") else "it is not a list"
            )
        yield from _outlines(text, base)
    elif text.startswith(("[", "{")):
        yield from _members(text, base)
    else:
        yield from _lines(text, base)


def _made(base: str, href: object, title: object = None, published: object = None) -> Item | None:
    url = absolute(base, href) if isinstance(href, str) else None
    if url is None:
        return None
    return Item(
        url=unwrapped(clean(url)),
        title=plain(title, MAX_TITLE) if isinstance(title, str) else None,
        published=moment(published) if isinstance(published, str) else None,
    )


def _members(text: str, base: str) -> Iterator[Item]:
    from mirror.sources.wordpress import members

    if text.startswith("{"):  # {"articles": [ … ]}
        start = text.find("[", 0, 4000)
        text = text[start:] if start >= 0 else "[]"
    for member in islice(members(text), MAX_LINES):
        if isinstance(member, dict):
            named = {str(name).lower(): value for name, value in islice(member.items(), 100)}
            item = _made(base, _first(named, _ADDRESS), _first(named, _TITLE), _first(named, _DATE))
        else:
            item = _made(base, member) if isinstance(member, str) and member.startswith(("/", *_WEB)) else None
        if item is not None:
            yield item


def _first(named: dict[str, Any], names: Iterable[str]) -> object:
    return next((named[name] for name in names if named.get(name)), None)


def _lines(text: str, base: str) -> Iterator[Item]:
    head = next((line for line in text[:MAX_LINE].splitlines() if line.strip() and not line.startswith("#")), "")
    mark = next((one for one in ("\t", ";", ",") if one in head), "")
    names = [name.strip().strip('"').lower() for name in head.split(mark)] if mark else [head.strip().lower()]
    named = any(name in _ADDRESS for name in names)
    seen = 0
    lines = (line[:MAX_LINE] for line in islice(_split(text), MAX_LINES) if line.strip() and not line.startswith("#"))
    rows: Iterable[list[str]] = csv.reader(lines, delimiter=mark) if mark else ([line.strip()] for line in lines)
    try:
        for row in rows:
            seen += 1
            if named and seen == 1:
                continue
            fields = dict(zip(names, row, strict=False)) if named else {}
            href = next((cell.strip() for cell in row if cell.strip().startswith(_WEB)), None)
            if href is None and fields:
                href = next((fields[name].strip() for name in _ADDRESS if fields.get(name, "").startswith("/")), None)
            item = _made(base, href, _first(fields, _TITLE), _first(fields, _DATE))
            if item is not None:
                yield item
    except csv.Error:
        return  # a quote that never ends: what came before counts


def _split(text: str) -> Iterator[str]:
    """Lines one after another, without a list of all of them."""
    place = 0
    while place < len(text):
        end = text.find("\n", place)
        end = len(text) if end < 0 else end
        yield text[place:end].rstrip("\r")
        place = end + 1


def _outlines(text: str, base: str) -> Iterator[Item]:
    sink = _Outlines(base)
    read(text, sink)
    yield from sink.items


class _Outlines:
    """The sink for OPML."""

    def __init__(self, base: str) -> None:
        self._base = base
        self.items: list[Item] = []

    def start(self, name: tuple[str, str], attributes: dict[tuple[str, str], str]) -> None:
        given = {local: value for (_, local), value in attributes.items()}
        href = given.get("url") or (given.get("htmlUrl") if not given.get("xmlUrl") else None)
        item = _made(self._base, href, given.get("title") or given.get("text")) if name[1] == "outline" else None
        if item is not None and len(self.items) < MAX_LINES:
            self.items.append(item)

    def end(self, name: tuple[str, str]) -> None:
        """Outlines say everything in attributes."""

    def data(self, text: str) -> None:
        """And nothing in text."""
