"""Made-up articles that weigh what real ones do: invented words by Zipf's law, in Latin, Cyrillic and Persian letters,
a median of 450 words, long titles, a lead for most. Stored, they take as many bytes as news in these scripts does."""

from __future__ import annotations

import hashlib
import itertools
import math
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from mirror import pack
from mirror.archive import Addition, Archive
from mirror.config import OutletConfig
from mirror.model import Article, Paragraph, Picture, Resource
from mirror.publication import Publication, create, timestamp
from mirror.render import Pages

LETTERS = {
    "ru": ("оеаинтсрвлкмдпу", "бгзйчхжшюцщэфяыь"),
    "fa": ("ایردنهتمسوبش", "کگلپخزقعفجچحطصغ"),
    "en": ("etaoinshrdlu", "cmfwypvbgkqjxz"),
}
WORDS = 450


@cache
def _vocabulary(language: str) -> tuple[list[str], list[float]]:
    chance = random.Random(language)
    often, seldom = LETTERS[language]

    def word() -> str:
        length = max(2, round(chance.gauss(6.5, 2.8)))
        return "".join(chance.choice(often if chance.random() < 0.82 else seldom) for _ in range(length))

    words = list(dict.fromkeys(word() for _ in range(9000)))
    return words, list(itertools.accumulate(1 / (rank + 2.7) for rank in range(len(words))))


def _text(chance: random.Random, language: str, words: int) -> str:
    known, weights = _vocabulary(language)
    text = " ".join(chance.choices(known, cum_weights=weights, k=words))
    return text[:1].upper() + text[1:]


def article(number: int, outlet: OutletConfig, now: datetime, *, pictures: int = 0) -> tuple[Article, dict[str, bytes]]:
    """The article of that number, always the same, and its pictures' bytes. Number 0 is the oldest."""
    chance = random.Random(f"{outlet.id} {number}")
    language = outlet.language or "en"
    count = max(60, round(math.exp(chance.gauss(math.log(WORDS), 0.55))))
    blocks: list[Paragraph | Picture] = []
    while count > 0:
        some = min(count, chance.randrange(25, 70))
        blocks.append(Paragraph(content=(_text(chance, language, some) + ".",)))
        count -= some
    objects: dict[str, bytes] = {}
    resources: list[Resource] = []
    for place in range(pictures):
        small = None
        if place == 0:
            small = len(resources)
            resources.append(_picture(chance, objects, "thumbnail", 6_000))
        blocks.insert(min(place * 3, len(blocks)), Picture(resource=len(resources)))
        resources.append(_picture(chance, objects, "picture", 70_000, thumbnail=small))
    when = now - timedelta(minutes=14 * max(0, 5000 - number))
    slug = hashlib.sha256(f"{outlet.id} {number}".encode()).hexdigest()[:24]
    made = Article(
        outlet=outlet.id,
        outlet_name=outlet.name,
        url=f"{outlet.url}news/{when:%Y/%m/%d}/some-words-of-the-title-{slug[:9]}-{number}",
        title=_text(chance, language, chance.randrange(9, 19)),
        fetched=timestamp(when),
        language=language,
        direction="rtl" if language == "fa" else "ltr",
        blocks=tuple(blocks),
        revision=1,
        salt=hashlib.sha256(slug.encode()).hexdigest()[:32],
        generator="tamizdat/bench",
        published=timestamp(when - timedelta(minutes=5)),
        lead=_text(chance, language, chance.randrange(22, 40)) if chance.random() < 0.8 else None,
        resources=tuple(resources),
    )
    return made, objects


def _picture(
    chance: random.Random, objects: dict[str, bytes], role: str, size: int, thumbnail: int | None = None
) -> Resource:
    data = chance.randbytes(round(size * math.exp(chance.gauss(0, 0.4))))
    digest = hashlib.sha256(data).hexdigest()
    objects[digest] = data
    return Resource(
        # A literal type, given as text.
        role=role,  # type: ignore[arg-type]
        digest=digest,
        size=len(data),
        media_type="image/webp",
        width=1200,
        height=800,
        cover=thumbnail is not None,
        thumbnail=thumbnail,
    )


def outlets(count: int) -> list[OutletConfig]:
    """So many outlets, of the three languages in turn."""
    names = {"ru": "Независимая хроника", "fa": "روزنامه آزاد", "en": "The Free Chronicle"}
    languages = list(names)
    return [
        OutletConfig(
            id=f"outlet-{number}",
            name=f"{names[languages[number % 3]]} {number + 1}",
            url=f"https://outlet-{number}.example/",
            language=languages[number % 3],
        )
        for number in range(count)
    ]


def publication(folder: Path, of: list[OutletConfig], articles: int, *, pictures: int = 0) -> tuple[Publication, str]:
    """A sealed publication with so many articles of each outlet, and its fingerprint."""
    now = datetime.now(UTC)
    made = create(folder, name="Хроника", origin="bench.example", now=now - timedelta(days=50))
    signer = made.publication.key("publisher")

    def additions() -> Iterator[Addition]:
        for number in range(articles):
            for outlet in of:
                whole, objects = article(number + 5000 - articles, outlet, now, pictures=pictures)
                split, parts = pack.split(whole, lambda: "ab" * 16)
                stored = pack.sealed(pack.to_document(split), signer)
                key = hashlib.sha256(stored).hexdigest()
                yield Addition(article=split, stored=stored, objects={**objects, **parts}, content_key=key)

    config = made.publication.config
    with Archive(folder, reserve=0) as archive, archive.locked(now):
        archive.add_many(additions())
        while archive.seal(
            keys=made.publication.keys(),
            publication=config.publication,
            outlets=of,
            due_seconds=config.edition.due,
            now=now,
            render=Pages(config.publication.name),
        ):
            pass
        archive.refresh_trust(made.publication.keys(), now)
    return made.publication, made.fingerprint
