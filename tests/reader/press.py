"""Publications for the reader's trials: real articles in four languages, with pictures, signed just now.

The articles are the sample outlet's. A `Press` is a `World`, so a test can seal again, withdraw, rotate keys or fork it
(`split`); `reader` writes the reader.html that its readers would have got.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mirror import reader
from mirror.config import MirrorInfo, OutletConfig
from mirror.model import Article, Paragraph, Resource, Update
from mirror.publication import timestamp
from mirror.sample import content, drawing
from tests.world import World

if TYPE_CHECKING:
    from PIL import Image

_BY_LANGUAGE = {
    "en": OutletConfig(id="lantern", name="The Lantern", url="https://lantern.example/", language="en"),
    "ru": OutletConfig(id="fonar", name="Фонарь", url="https://fonar.example/", language="ru"),
    "fa": OutletConfig(id="fanus", name="فانوس", url="https://fanus.example/", language="fa"),
    "zh": OutletConfig(id="denglong", name="灯笼", url="https://denglong.example/", language="zh"),
}
OUTLETS = tuple(_BY_LANGUAGE.values())


@cache
def _scene(name: str) -> Image.Image:
    return drawing.landscape(name)


@cache
def _drawn(name: str, width: int, quality: int) -> tuple[bytes, int, int]:
    # Six landscapes stand for all: drawing one takes half a second.
    names = sorted(drawing.SCENES)[:6]
    image = _scene(names[sum(name.encode()) % 6])
    image = image.resize((width, round(image.height * width / image.width)))
    out = io.BytesIO()
    image.save(out, "WEBP", quality=quality)
    return out.getvalue(), image.width, image.height


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """One article in the archive."""

    digest: str
    title: str
    text: str
    """A line of its body that no other has."""
    language: str


class Press(World):
    """`made` are its articles, the newest of each language first."""

    made: list[Made]

    def __init__(self, folder: Path, *, days_ago: float = 0, origin: str = "world.example") -> None:
        today = datetime.now(UTC).replace(microsecond=0) - timedelta(days=days_ago)
        super().__init__(folder, origin=origin, now=today - timedelta(days=30))
        self.now = today - timedelta(minutes=40)
        self.outlets = OUTLETS
        self.made = []

    def split(self, folder: Path) -> Press:
        other = super().split(folder)
        assert isinstance(other, Press)
        other.made = list(self.made)
        return other

    def list_mirrors(self, *urls: str) -> None:
        """The mirrors that the next edition names."""
        self.mirrors = tuple(
            MirrorInfo(
                url=url,
                kind="https" if url.startswith("https") else "http",
                since=timestamp(self.now),
                network=None,
                country=None,
                note=None,
            )
            for url in urls
        )

    def print_samples(self, *, fillers: int = 18) -> None:
        """All sample articles, and so many short ones besides."""
        for number, piece in enumerate(content.everything()):
            if not piece.held:
                self.print(piece, hours=number)
        for number in range(fillers):
            self.print_note(number)

    def print_note(self, number: int, title: str = "") -> str:
        """A short article that differs from every other."""
        language = ("en", "ru")[number % 2]
        outlet = _BY_LANGUAGE[language]
        said = hashlib.sha256(b"%d" % number).hexdigest()
        words = " ".join(said[at : at + 5] for at in range(0, 60, 5))
        usual = f"Harbour notes, number {number}" if number % 2 == 0 else f"Портовые заметки, выпуск {number}"
        hours = 20 + number if not title else 0.1
        made = Article(
            outlet=outlet.id, outlet_name=outlet.name, url=f"{outlet.url}notes/{number}", title=title or usual,
            fetched=self._then(hours), published=self._then(hours + 0.5), language=language,
            direction="ltr", blocks=(Paragraph(content=(f"Only here: {words}.",)),), revision=1,
            salt=said[:32], generator="tamizdat/test", section="City" if number % 2 == 0 else "Город",
            lead=f"What the harbour office wrote down: {words[:50]}.",
        )  # fmt: skip
        return self.put(made, text=f"Only here: {words}.")

    def print(self, piece: content.Piece, *, hours: float = 1) -> str:
        outlet = _BY_LANGUAGE[piece.language]
        resources: list[Resource] = []
        objects: dict[str, bytes] = {}

        def keep(data: bytes, **facts: Any) -> None:
            digest = hashlib.sha256(data).hexdigest()
            objects[digest] = data
            resources.append(Resource(digest=digest, size=len(data), media_type="image/webp", **facts))

        for place, shown in enumerate(piece.pictures):
            data, width, height = _drawn(shown.name, 800, 60)
            facts: dict[str, Any] = {"alt": shown.alt, "caption": shown.caption, "credit": shown.credit}
            if place == 0:
                facts |= {"cover": True, "thumbnail": len(piece.pictures)}
            keep(data, role="picture", width=width, height=height, **facts)
        data, width, height = _drawn(piece.pictures[0].name, 160, 40)
        keep(data, role="thumbnail", width=width, height=height)
        flat = [inner for block in piece.blocks for inner in (block.blocks if isinstance(block, Update) else [block])]
        line = next(content.plain(block.content) for block in flat if isinstance(block, Paragraph))
        made = Article(
            outlet=outlet.id, outlet_name=outlet.name, url=f"{outlet.url}{piece.slug}", title=piece.title,
            fetched=self._then(hours), published=self._then(hours + 0.5), language=piece.language,
            direction=piece.direction, blocks=piece.blocks, revision=1,
            salt=hashlib.sha256(piece.slug.encode()).hexdigest()[:32], generator="tamizdat/test", lead=piece.lead,
            authors=piece.authors, section=piece.section, tags=piece.tags, resources=tuple(resources),
        )  # fmt: skip
        return self.put(made, objects, text=line)

    def put(self, article: Article, objects: dict[str, bytes] | None = None, *, text: str = "") -> str:
        (digest,) = self.add(article, objects=objects or {})
        self.made.append(Made(digest=digest, title=article.title, text=text, language=article.language))
        return digest

    def revise(self, article: Article, **changes: Any) -> Article:
        return replace(article, revision=article.revision + 1, **changes)

    def _then(self, hours: float) -> str:
        return timestamp(self.now - timedelta(hours=hours))

    # --- the reader ---------------------------------------------------------------------------------------------------

    def reader(self, file: Path, *, mirrors: tuple[str, ...] = (), **changes: Any) -> Path:
        """The reader that somebody got today, with these mirrors in it; `changes` are to the publication data."""
        trust = {path: held for path in sorted(self.view().files) if (held := self._read(path)) is not None}
        data = reader.publication_data(
            name=self.publication.config.publication.name,
            origin=self.publication.config.publication.origin,
            pin=self.pin,
            made=timestamp(self.now),
            trust=trust,
            mirrors=mirrors,
        )
        data.update(changes)
        file.write_bytes(reader.page(data))
        return file
