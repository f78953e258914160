"""A newsroom with mirrors, whose disk can be put back to yesterday; and a monitor that saw everything published."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from mirror import config as configuration
from mirror import pack
from mirror.archive import Addition
from mirror.model import Article, Resource
from mirror.output import Output
from mirror.publication import Publication, create
from mirror.run import RunReport, newest, publish_all, seal
from signing.keys import VerifierKey
from tests.faults.walk import Key, Walked, load, walk
from tests.world import OUTLET, START, article, picture

OUT = Output(progress=False)


def long_text(number: int, **changes: object) -> Article:
    """An article that takes several parts."""
    return article(number, words=6000, **changes)  # type: ignore[arg-type]


@dataclass
class Desk:
    """A publication with targets, which are folders outside of its own."""

    folder: Path
    targets: list[Path]
    now: datetime = START
    number: int = 0
    seen: list[bytes] = field(default_factory=list)  # every checkpoint that a monitor saw on a target
    published: set[str] = field(default_factory=set)  # digests of all articles that were sealed
    keys: tuple[VerifierKey, VerifierKey] | None = None

    @staticmethod
    def make(above: Path, *, targets: int = 2, light: bool = False) -> Desk:
        folder = above / "publication"
        create(folder, name="World", origin="world.example", now=START)
        config = folder / configuration.FILE_NAME
        config.write_text(config.read_text().replace('# reserve = "512MiB"', "reserve = 0"))
        configuration.add_outlet(config, id=OUTLET.id, name=OUTLET.name, url=OUTLET.url, language="en")
        places = [above / f"target-{number}" for number in range(targets)]
        for number, place in enumerate(places):
            place.mkdir()
            configuration.add_target(config, name=f"t{number}", url=str(place), light=light and number == 0)
        return Desk(folder, places)

    @property
    def publication(self) -> Publication:
        return Publication.open(self.folder)

    def addition(self, one: Article, objects: dict[str, bytes] | None = None, *, salt: str = "ab" * 16) -> Addition:
        whole, parts = pack.split(one, lambda: salt)
        stored = pack.bundle(pack.to_document(whole), self.publication.key("publisher"))
        return Addition(
            article=whole, stored=stored, objects={**parts, **(objects or {})}, content_key=pack.content_key(one)
        )

    def additions(self, count: int) -> list[Addition]:
        """News, some of it with a picture, some of it long."""
        made = []
        for _ in range(count):
            self.number += 1
            number = self.number
            if number % 3 == 0:
                cover, data = picture(number)
                made.append(self.addition(article(number, resources=(cover,)), {cover.digest: data}))
            elif number % 5 == 0:
                made.append(self.addition(long_text(number)))
            else:
                made.append(self.addition(article(number)))
        return made

    def revision(self, number: int, revision: int) -> Addition:
        return self.addition(article(number, revision=revision, fetched=self.stamp(), words=40 + revision))

    def stamp(self) -> str:
        return self.now.strftime("%Y-%m-%dT%H:%M:%SZ")

    def run(
        self, additions: Iterable[Addition] = (), *, publish: bool = True, minutes: float = 10, force: bool = False
    ) -> RunReport:
        """One run, without the fetching."""
        self.now += timedelta(minutes=minutes)
        report = RunReport()
        additions = list(additions)
        publication = self.publication
        with publication.archive() as archive, newest(publication, archive, OUT, report=report, now=self.now):
            archive.add_many(additions)
            report.sealed = seal(publication, archive, OUT, now=self.now, force=force)
            if publish:
                report.targets = publish_all(publication, archive, OUT, now=self.now)
        self.published.update(hashlib.sha256(one.stored).hexdigest() for one in additions)
        self.watch()
        return report

    def wait(self, additions: Iterable[Addition]) -> None:
        """Articles that are fetched and not sealed."""
        publication = self.publication
        with publication.archive() as archive, archive.locked():
            archive.add_many(additions)

    # --- backups ------------------------------------------------------------------------------------------------------

    def copy(self, name: str) -> Path:
        to = self.folder.parent / name
        shutil.copytree(self.folder, to)
        return to

    def restore(self, backup: Path, *parts: str) -> None:
        """The publication as it was then; only some folders of it when they are named."""
        for part in parts or [path.name for path in self.folder.iterdir()]:
            there = self.folder / part
            if there.is_dir():
                shutil.rmtree(there)
            elif there.exists():
                there.unlink()
            if (backup / part).is_dir():
                shutil.copytree(backup / part, there)
            else:
                shutil.copy2(backup / part, there)

    # --- the monitor --------------------------------------------------------------------------------------------------

    def watch(self) -> None:
        """What readers could see just now."""
        for target in self.targets:
            file = target / "checkpoint"
            if file.exists() and (data := file.read_bytes()) not in self.seen:
                self.seen.append(data)

    def walk(self, tree: Path | None = None, *, strict: bool = True, expected: set[str] | None = None) -> Walked:
        """One tree, by somebody who saw everything published. Raises `Broken` for a fork."""
        publication = self.publication
        log, publisher = (Key.of(publication.key(role).verifier.text) for role in ("log", "publisher"))
        files = load(tree or self.folder / "archive")
        wanted = self.published if expected is None else expected
        return walk(files, log=log, publisher=publisher, strict=strict, history=self.seen, expected=wanted)

    def check(self) -> Walked:
        """Everything is there, once, in one history; archive and targets are the same."""
        found = self.walk()
        files = load(self.folder / "archive")
        for target in self.targets:
            other = load(target)
            differ = sorted(path for path in files.keys() | other.keys() if files.get(path) != other.get(path))
            assert differ == []
        return found
