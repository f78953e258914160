"""Mirrors of one publication, each a folder with a web server and, before it, whatever a test puts there."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from mirror import config_edit
from mirror.archive import Archive
from mirror.archive.state import TargetRow
from mirror.audit import Audited
from mirror.output import Output
from mirror.publication import Publication
from mirror.publish import publish
from mirror.watching import stamp, watch
from tests.servers.faulty import FaultyProxy, Handler, faulty
from tests.servers.web import WebServer, web_server
from tests.world import START, World, article, picture

PAGE = b"<!DOCTYPE html><html><head><title>%s</title></head><body>%s</body></html>"


def shows(title: str, body: str = "", status: int = 200, **headers: str) -> Callable[[Handler], None]:
    """Answers everything with a page."""

    def fault(handler: Handler) -> None:
        sent = [("Content-Type", "text/html"), *((name.replace("_", "-"), value) for name, value in headers.items())]
        handler.answer(status, sent, PAGE % (title.encode(), body.encode()))

    return fault


class Notes(Output):
    """Keeps what is said on the side."""

    def __init__(self, notes: list[str]) -> None:
        super().__init__(quiet=True)
        self._notes = notes

    def note(self, text: str) -> None:
        self._notes.append(text)


class Tower:
    """A publication with mirrors, and a clock."""

    def __init__(self, folder: Path, stack: contextlib.ExitStack, now: datetime) -> None:
        self.folder, self._stack = folder, stack
        self.world = World(folder / "publication", now=now)
        self.webs: dict[str, WebServer] = {}
        self.proxies: dict[str, FaultyProxy] = {}
        self.now = self.world.now
        self.notes: list[str] = []

    @property
    def publication(self) -> Publication:
        return Publication.open(self.folder / "publication" / "tamizdat.toml")

    def mirror(self, name: str, *, served: bool = True) -> Path:
        """A new mirror; its folder. `served` False: readers can't reach it, credentials can."""
        place = self.folder / name
        place.mkdir()
        public = None
        if served:
            self.webs[name] = self._stack.enter_context(web_server(place))
            self.proxies[name] = self._stack.enter_context(faulty(self.webs[name].url))
            public = self.proxies[name].url
        config_edit.add_target(
            self.publication.config.path, name=name, url=str(place), public=public, light=False,
            since=self.now, settings={},
        )  # fmt: skip
        return place

    def news(self, *numbers: int) -> list[str]:
        shown, data = picture(numbers[0])
        digests = self.world.add(article(numbers[0], resources=(shown,), words=4000), objects={shown.digest: data})
        digests += self.world.add(*[article(number) for number in numbers[1:]])
        self.world.seal()
        self.now = max(self.now, self.world.now)
        return digests

    def push(self, *names: str) -> None:
        with self.archive() as archive:
            for name, target in self.publication.config.targets.items():
                if not names or name in names:
                    publish(archive, self.publication.open_target(target), target, now=stamp(self.now))

    def archive(self) -> Archive:
        return Archive(self.publication.folder, reserve=0)

    def look(self, hours: float = 0.5, **how: Any) -> dict[str, Audited]:
        """A round, so much later."""
        self.now += timedelta(hours=hours)
        out = Notes(self.notes)
        with self.archive() as archive, archive.locked(self.now):
            return {one.target: one for one in watch(self.publication, archive, out, now=self.now, **how)}

    def row(self, name: str) -> TargetRow:
        with self.archive() as archive, archive.state.reading() as tx:
            return tx.target(name)

    def sweep_all(self, *names: str) -> None:
        """Everything is due at the next look."""
        with self.archive() as archive, archive.state.writing() as tx:
            for name in names:
                tx.change_target(name, sweep_at=-1, sweep_files=0, sweep_began=stamp(self.now - timedelta(days=30)))


@contextlib.contextmanager
def tower(folder: Path, now: datetime = START) -> Iterator[Tower]:
    with contextlib.ExitStack() as stack:
        yield Tower(folder, stack, now)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)
