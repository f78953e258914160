"""A newsroom with mirrors, whose disk can be put back to yesterday; and a monitor that saw everything published."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from mirror import config as configuration
from mirror import config_edit, pack
from mirror.archive import Addition
from mirror.archive.state import Head
from mirror.model import Article
from mirror.output import Output
from mirror.publication import Publication, create
from mirror.run import RunReport, newest, publish_all, seal
from signing import authority
from signing.keys import SignerKey
from tests.faults.walk import Key, Walked, load, walk
from tests.world import OUTLET, START, World, article, picture

OUT = Output(progress=False)


def long_text(number: int, **changes: object) -> Article:
    """An article that takes several parts."""
    return article(number, words=6000, **changes)  # type: ignore[arg-type]  # passed on


@dataclass
class Desk:
    """A publication with targets, which are folders outside of its own."""

    folder: Path
    targets: list[Path]
    now: datetime = START
    number: int = 0
    seen: list[bytes] = field(default_factory=list)  # every checkpoint that a monitor saw on a target
    published: set[str] = field(default_factory=set)  # digests of all articles that were sealed
    closed: list[tuple[str, Key]] = field(default_factory=list)  # folder and key of the logs before

    @staticmethod
    def make(above: Path, *, targets: int = 2, light: bool = False) -> Desk:
        folder = above / "publication"
        create(folder, name="World", origin="world.example", now=START)
        config = folder / configuration.FILE_NAME
        config.write_text(config.read_text().replace('# reserve = "512MiB"', "reserve = 0"))
        config_edit.add_outlet(config, id=OUTLET.id, name=OUTLET.name, url=OUTLET.url, language="en")
        places = [above / f"target-{number}" for number in range(targets)]
        for number, place in enumerate(places):
            place.mkdir()
            config_edit.add_target(config, name=f"t{number}", url=str(place), light=light and number == 0)
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
            elif number % 20 == 5:
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

    # --- what happens to a publication -------------------------------------------------------------------------------

    def world(self) -> World:
        """The same publication, for what only root keys do. Its clock is this one's."""
        made = World.__new__(World)
        made.now, made.pin, made.witnesses = self.now, self.publication.fingerprint(), ()
        made.publication = self.publication
        return made

    def withdraw(self, addition: Addition) -> None:
        """The article, with all its revisions; it goes with the next run."""
        publication = self.publication
        with publication.archive() as archive, archive.locked():
            found = archive.withdraw(hashlib.sha256(addition.stored).hexdigest(), "a reason", self.now)
        self.published -= {row.digest for row in found.revisions}

    def begin_log(self, year: str, *, stolen: bool) -> None:
        before = self.publication.key("log").verifier
        with self.publication.archive() as archive:
            self.closed.append((archive.head().path, Key.of(before.text)))
        self.world().begin_log(year, earlier=not stolen)

    def new_online_key(self) -> None:
        """A new root, with another online key."""
        publication = self.publication
        root = publication.key("root")
        new = SignerKey(publication.key("online").name, hashlib.sha256(b"new online").digest())
        with publication.archive() as archive, archive.locked():
            view = self.world().view()
            files = authority.rotate(
                archive.store.read, signers=[root], root=[root], threshold=1, online=new, now=self.now
            )
            archive.replace_trust(files, view.trust)
        file = publication.config.keys.folder / "online.key"
        file.write_text(new.text + "\n")

    def timestamp_version(self) -> int:
        """Of the trust files in the archive."""
        return self.world().view().versions["timestamp"]

    def head(self) -> Head:
        with self.publication.archive() as archive:
            return archive.head()

    def object_of(self, addition: Addition) -> Path:
        digest = hashlib.sha256(addition.stored).hexdigest()
        return self.folder / "archive" / "o" / digest[:2] / digest[2:]

    def forget_waiting(self) -> None:
        """As on a machine that never fetched what waits here."""
        with self.publication.archive() as archive, archive.locked(), archive.state.writing() as tx:
            waiting = [row.digest for row in tx.pending(1000) if row.kind == "article"]
            tx.forget_articles(waiting, entries=True)
        for digest in waiting:
            (self.folder / "archive" / "o" / digest[:2] / digest[2:]).unlink()

    def rows(self) -> dict[str, list[tuple[object, ...]]]:
        """What the state file says of what is published; not in which order it learnt that, nor how far targets are."""
        tables = {
            "heads": "*",
            "entries": "digest, kind, outlet, url_digest, size, time, idx",
            "articles": "digest, outlet, url, title, lead, published, fetched, language, direction, size, revision, "
            "thumbnail, content_key, idx, superseded_by IS NULL",  # by which one does not matter
            "resources": "*",
            "shelves": "*",
            "open_pages": "*",
            "editions": "*",
            "checkpoints": "size, root",
            "withdrawals": "digest, outlet, url_digest, size, time, reason, idx",
            "withdrawn": "*",
            "logs": "*",
            "journal": "path, op, kind, rank, mutable, sha256, size",
        }
        found: dict[str, list[tuple[object, ...]]] = {}
        with sqlite3.connect(self.folder / "state" / "state.sqlite") as connection:
            for table, columns in tables.items():
                # Proofs are made anew, and the timestamp is signed by every run.
                where = " WHERE op = 'put' AND kind <> 'proof' AND path <> 'trust/timestamp.json'"
                where = where if table == "journal" else ""
                rows = connection.execute(f"SELECT {columns} FROM {table}{where}").fetchall()  # noqa: S608 - our own names
                found[table] = sorted(rows, key=repr)
        connection.close()
        return found

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
        with publication.archive() as archive:
            below = archive.head().path
        return walk(
            files,
            log=log,
            publisher=publisher,
            strict=strict,
            history=[one for one in self.seen if one.startswith(f"{log.name}\n".encode())],
            expected=wanted,
            below=below,
            closed=self.closed,
        )

    def check(self) -> Walked:
        """Everything is there, once, in one history; archive and targets are the same."""
        found = self.walk()
        files = load(self.folder / "archive")
        for target in self.targets:
            other = load(target)
            differ = sorted(path for path in files.keys() | other.keys() if files.get(path) != other.get(path))
            assert differ == []
        return found
