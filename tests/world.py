"""A small world for tests that need everything: a publication of our own, with articles that were never fetched."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mirror import pack
from mirror.archive import Addition, Archive
from mirror.config import OutletConfig
from mirror.model import Article, Paragraph, Resource
from mirror.publication import Publication, create
from mirror.render import Pages

START = datetime(2031, 4, 2, 8, 0, 0, tzinfo=UTC)
OUTLET = OutletConfig(id="lantern", name="The Lantern", url="https://lantern.example/", language="en")


def article(
    number: int, *, words: int = 60, revision: int = 1, replaces: str | None = None, **changes: object
) -> Article:
    """A made-up article; the same number gives the same one."""
    text = " ".join(hashlib.sha256(f"{number} {word} {revision}".encode()).hexdigest()[:7] for word in range(words))
    made = Article(
        outlet=OUTLET.id,
        outlet_name=OUTLET.name,
        url=f"https://lantern.example/{number}",
        title=f"Article {number}",
        fetched="2031-04-02T08:00:00Z",
        language="en",
        direction="ltr",
        blocks=(Paragraph(content=(text,)), Paragraph(content=("The end.",))),
        revision=revision,
        salt=hashlib.sha256(f"salt {number} {revision}".encode()).hexdigest()[:32],
        generator="tamizdat/test",
        replaces=replaces,
        published="2031-04-02T06:00:00Z",
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def picture(number: int, size: int = 700) -> tuple[Resource, bytes]:
    """Bytes that pass for a picture: the format only hashes them."""
    data = (hashlib.sha256(b"%d" % number).digest() * (size // 32 + 1))[:size]
    digest = hashlib.sha256(data).hexdigest()
    return Resource(role="picture", digest=digest, size=size, media_type="image/webp", width=10, height=10), data


class World:
    """A publication in a folder, its clock in the test's hand."""

    def __init__(self, folder: Path, *, origin: str = "world.example", now: datetime = START) -> None:
        self.now = now
        made = create(folder, name="World", origin=origin, now=now)
        self.publication: Publication = made.publication
        self.pin = made.fingerprint

    @property
    def tree(self) -> Path:
        return self.publication.tree

    def add(self, *articles: Article, objects: dict[str, bytes] | None = None) -> list[str]:
        """Put articles into the archive; returns their digests. They wait for `seal`."""
        signer = self.publication.key("publisher")
        digests = []
        with self._archive() as archive, archive.locked(self.now):
            for one in articles:
                whole, parts = pack.split(one, lambda: "ab" * 16)
                stored = pack.bundle(pack.to_document(whole), signer)
                key = hashlib.sha256(repr(one.blocks).encode()).hexdigest()
                archive.add_many(
                    [Addition(article=whole, stored=stored, objects={**parts, **(objects or {})}, content_key=key)]
                )
                digests.append(hashlib.sha256(stored).hexdigest())
        return digests

    def seal(self, *, force: bool = True, days: float = 0) -> None:
        """A new edition, `days` later than the last."""
        self.now += timedelta(days=days, minutes=1)
        config = self.publication.config
        with self._archive() as archive, archive.locked(self.now):
            while archive.seal(
                keys=self.publication.keys(),
                publication=config.publication,
                outlets=(OUTLET,),
                mirrors=config.mirrors,
                due_seconds=config.edition.due,
                now=self.now,
                render=Pages("World"),
                force=force,
            ):
                force = False
            archive.refresh_trust(self.publication.keys(), self.now)

    def _archive(self) -> Archive:
        return Archive(self.publication.folder, reserve=0)
