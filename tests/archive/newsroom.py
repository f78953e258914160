"""A small publication that tests run: fixed keys and salts, articles made from numbers, a clock moved by hand.

No pytest in here: the fault driver and the benchmark use it too. The same numbers make the same bytes.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from mirror import pack
from mirror.archive import Addition, Archive, Keys, Renderer, Sealed
from mirror.config import MirrorInfo, OutletConfig, PublicationConfig
from mirror.model import Article, Paragraph, Part, Resource
from signing import authority
from signing.keys import SignerKey, VerifierKey, generate

ORIGIN = "newsroom.example"
LOG = f"{ORIGIN}/log/2027"
PUBLICATION = PublicationConfig(name="The Newsroom", origin=ORIGIN)
START = datetime(2027, 3, 1, 8, 0, 0, tzinfo=UTC)


def key(role: str) -> SignerKey:
    name = LOG if role == "log" else f"{ORIGIN}/{role}"
    return generate(name, hashlib.sha256(f"key for tests: {role}".encode()).digest())


KEYS = Keys(publisher=key("publisher"), log=key("log"), online=key("online"))


def outlet(number: int = 0) -> OutletConfig:
    return OutletConfig(
        id=f"outlet-{number}", name=f"Outlet {number}", url=f"https://outlet-{number}.example/", language="en"
    )


def seal(
    archive: Archive,
    now: datetime,
    *,
    outlets: int = 1,
    due: int = 86400,
    mirrors: Sequence[MirrorInfo] = (),
    render: Renderer | None = None,
    force: bool = False,
    keys: Keys = KEYS,
    witnesses: Sequence[VerifierKey] = (),
) -> list[Sealed]:
    """Everything that came of sealing until there was nothing to seal; the archive must be locked."""
    done: list[Sealed] = []
    while sealed := archive.seal(
        keys=keys,
        publication=PUBLICATION,
        outlets=[outlet(number) for number in range(outlets)],
        due_seconds=due,
        now=now,
        mirrors=mirrors,
        witnesses=witnesses,
        render=render,
        force=force and not done,
    ):
        done.append(sealed)
    return done


def at(seconds: float = 0) -> datetime:
    return START + timedelta(seconds=seconds)


def stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def create(folder: Path, *, reserve: int = 0, now: datetime = START) -> Archive:
    def document(version: int, digest: str) -> bytes:
        return pack.one_line(
            {
                "v": 1,
                "kind": "trust",
                "origin": ORIGIN,
                "name": "The Newsroom",
                "time": stamp(now),
                "logs": [{"origin": LOG, "key": KEYS.log.verifier.text, "from": stamp(now)}],
                "publishers": [{"key": KEYS.publisher.verifier.text, "outlets": ["*"], "from": stamp(now)}],
                "root": {"version": version, "digest": digest},
            }
        )

    files = authority.create(root=(key("root"),), threshold=1, online=KEYS.online, trust_document=document, now=now)
    trusted = next(data for path, data in files.items() if path.endswith(".trust.json"))
    return Archive.create(
        folder, log_origin=LOG, keys=KEYS, trust_files=files, trust_document=trusted, now=now, reserve=reserve
    )


def log_keys(year: int) -> Keys:
    """The same keys with the log key of another year."""
    origin = f"{ORIGIN}/log/{year}"
    return dataclasses.replace(KEYS, log=generate(origin, hashlib.sha256(origin.encode()).digest()))


def begin(archive: Archive, year: int, now: datetime, *, reissue: bool, unwitnessed: int = 0, **frozen: Any) -> Keys:
    """Closes the log where it is and begins that of `year`; returns the keys from then on. The archive must be locked;
    `frozen` says something else in the trust document than what is true."""
    keys = log_keys(year)
    ended = [
        {
            "origin": log.origin,
            "key": (KEYS.log if log.origin == LOG else log_keys(int(log.origin[-4:])).log).verifier.text,
            "from": stamp(START),
            "until": stamp(now),
            **({"path": log.path} if log.path else {}),
            **({"unwitnessed": unwitnessed} if unwitnessed else {}),
            "frozen": {"size": log.size, "root": log.root.hex(), "earlier": not reissue, **frozen},
        }
        for log in archive.logs()
    ]
    path = f"log/{year}"
    newest = {"origin": keys.log.name, "key": keys.log.verifier.text, "from": stamp(now), "path": path}
    document = pack.one_line(
        {
            "v": 1,
            "kind": "trust",
            "origin": ORIGIN,
            "name": "The Newsroom",
            "time": stamp(now),
            "logs": [*ended, newest],
            "publishers": [{"key": KEYS.publisher.verifier.text, "outlets": ["*"], "from": stamp(START)}],
            "root": {
                "version": 1,
                "digest": hashlib.sha256(archive.store.read("trust/1.root.json") or b"").hexdigest(),
            },
        }
    )
    files = authority.retarget(archive.store.read, (key("root"),), KEYS.online, document, now)
    archive.begin_log(keys.log.name, path, trust_files=files, trust_document=document, reissue=reissue, now=now)
    return keys


def addition(
    number: int,
    *,
    of: int = 0,
    revision: int = 1,
    text: str | None = None,
    picture: bytes | None = None,
    long: bool = False,
    fetched: datetime | None = None,
    replaces: str | None = None,
) -> Addition:
    """Article `number` of outlet `of`; with `picture`, those bytes stand for its picture; `long` ones have a part."""
    words = text or f"This is what happened, as number {number} in revision {revision} tells it."
    resources: tuple[Resource, ...] = ()
    objects: dict[str, bytes] = {}
    if picture is not None:
        digest = hashlib.sha256(picture).hexdigest()
        small = hashlib.sha256(b"small " + picture).hexdigest()
        objects = {digest: picture, small: b"small " + picture}
        resources = (
            Resource(
                role="picture",
                digest=digest,
                size=len(picture),
                media_type="image/webp",
                width=64,
                height=48,
                cover=True,
                thumbnail=1,
            ),
            Resource(
                role="thumbnail",
                digest=small,
                size=len(picture) + 6,
                media_type="image/webp",
                width=16,
                height=12,
            ),
        )
    parts: tuple[Part, ...] = ()
    if long:
        data = pack.object_bytes(
            {
                "v": 1,
                "kind": "part",
                "blocks": [{"type": "paragraph", "content": [f"The rest of number {number}."]}],
                "salt": _salt("part", number, revision),
            }
        )
        digest = hashlib.sha256(data).hexdigest()
        objects[digest] = data
        parts = (Part(digest=digest, size=len(data)),)
    moment = fetched or at(number)
    article = Article(
        outlet=f"outlet-{of}",
        outlet_name=f"Outlet {of}",
        url=f"https://outlet-{of}.example/news/{number}",
        title=f"News number {number}",
        lead=f"In short: {number}.",
        fetched=stamp(moment),
        published=stamp(moment),
        language="en",
        direction="ltr",
        blocks=(Paragraph(content=(words,)),),
        revision=revision,
        replaces=replaces,
        salt=_salt("article", of, number, revision),
        generator="tamizdat/0.1.0",
        resources=resources,
        parts=parts,
    )
    return Addition(
        article=article,
        stored=pack.bundle(pack.to_document(article), KEYS.publisher),
        objects=objects,
        content_key=hashlib.sha256(words.encode()).hexdigest(),
    )


def _salt(*what: object) -> str:
    return hashlib.sha256(repr(what).encode()).hexdigest()[:32]


def fill(archive: Archive, count: int, *, first: int = 0, of: int = 0) -> None:
    """Adds `count` articles; the archive must be locked."""
    archive.add_many(addition(number, of=of) for number in range(first, first + count))


class Pages:
    """A renderer that says what it was given."""

    def article(
        self,
        document: dict[str, Any],
        parts: list[dict[str, Any]],
        *,
        digest: str,
        index: int,
        before: object = None,
    ) -> tuple[str, bytes]:
        article = pack.join(pack.from_document(document), parts)
        name = hashlib.sha256(article.url.encode()).hexdigest()[:12]
        words = pack.text_of(article.blocks)
        return f"a/{name}.html", f"<p>{article.title} r{article.revision} {digest} {index}: {words}</p>".encode()

    def front(self, edition: dict[str, Any]) -> Mapping[str, bytes]:
        return {"index.html": f"<p>edition {edition['serial']}</p>".encode(), "feed.xml": b"<feed/>"}


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def editions(archive: Archive) -> Sequence[int]:
    with archive.state.reading() as tx:
        return [row.serial for row in tx.editions()]


def digest(made: Addition) -> str:
    """The digest of its bundle."""
    return hashlib.sha256(made.stored).hexdigest()


def fields(row: Any) -> dict[str, Any]:
    """A dataclass as keyword arguments."""
    return {field.name: getattr(row, field.name) for field in dataclasses.fields(row)}
