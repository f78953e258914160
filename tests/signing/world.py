"""A small publication in memory: its keys, its log, an article and an edition in it, and what a mirror would serve."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from signing import checkpoint, note
from signing.checkpoint import Checkpoint
from signing.entry import entry_of
from signing.front import Front
from signing.keys import SignerKey, VerifierKey
from signing.merkle import EMPTY_ROOT
from signing.packing import digest_of, gzip_bytes
from signing.proof import Proof
from signing.roles import LogKey, PublisherKey, Trust
from signing.tiles import Tree

URL = "https://news.example/2027/a-story"
LOG = SignerKey("example.org/log/2027", bytes(range(32)))
PUBLISHER = SignerKey("example.org/publisher", bytes(range(32, 64)))
STRANGER = SignerKey("example.org/publisher", bytes(range(64, 96)))
FROM = "2027-01-01T00:00:00Z"


def key(name: str, number: int) -> SignerKey:
    return SignerKey(name, bytes([number]) * 32)


def article(**changes: object) -> dict[str, object]:
    return {
        "v": 1,
        "kind": "article",
        "outlet": {"id": "sample", "name": "Sample"},
        "url": URL,
        "fetched": "2027-03-01T08:15:00Z",
        "title": "Пример — a story",
        "revision": 1,
        **changes,
    }


def edition(items: list[dict[str, object]], **changes: object) -> dict[str, object]:
    return {
        "v": 1,
        "kind": "edition",
        "publication": {"name": "Example", "origin": "example.org"},
        "serial": 12,
        "time": "2027-03-01T09:00:00Z",
        "outlets": [{"id": "sample", "articles": items}],
        **changes,
    }


def one_line(document: object) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n"


def bundle(document: object, *signers: SignerKey) -> bytes:
    return gzip_bytes(note.sign(one_line(document), *(signers or (PUBLISHER,))))


def trust(*, publishers: tuple[PublisherKey, ...] | None = None, logs: tuple[LogKey, ...] | None = None) -> Trust:
    return Trust(
        origin="example.org",
        name="Example",
        logs=(LogKey(origin=LOG.name, key=LOG.verifier, valid_from=FROM),) if logs is None else logs,
        publishers=(publisher(PUBLISHER.verifier),) if publishers is None else publishers,
    )


def publisher(verifier: VerifierKey, *outlets: str, since: str = FROM, until: str | None = None) -> PublisherKey:
    return PublisherKey(key=verifier, outlets=outlets or ("*",), valid_from=since, valid_until=until)


def any_schema(_name: str, _document: object) -> None:
    """Accepts everything: the real schemas belong to another package."""


def no_files(path: str) -> bytes:
    """The mirror of a log that is still empty."""
    raise KeyError(path)


@dataclass
class World:
    """A log of 40 unrelated entries with room for more."""

    files: dict[str, bytes] = field(default_factory=dict)
    tree: Tree = field(init=False)

    def __post_init__(self) -> None:
        self.tree = Tree.load(0, EMPTY_ROOT, self.files.__getitem__)
        for number in range(40):
            self.tree.append(b"unrelated %d" % number)

    def log(self, stored: bytes, document: dict[str, object]) -> int:
        return self.tree.append(entry_of(document, digest_of(stored), len(stored)).encode())

    def checkpoint(self, signer: SignerKey = LOG, origin: str | None = None) -> bytes:
        return checkpoint.sign(Checkpoint(origin or signer.name, self.tree.size, self.tree.root), signer)

    def proof(self, index: int, at: bytes | None = None) -> bytes:
        return Proof(index=index, hashes=self.tree.inclusion(index), checkpoint=at or self.checkpoint()).encode()


@dataclass(frozen=True)
class Published:
    """An article and the edition that lists it, sealed together."""

    world: World
    article: bytes
    article_proof: bytes
    edition: bytes
    edition_proof: bytes
    item: dict[str, object]
    front: bytes


def publish(document: dict[str, object] | None = None) -> Published:
    world = World()
    old_sizes = (7, world.tree.size)
    text = document or article()
    stored = bundle(text)
    index = world.log(stored, text)
    item: dict[str, object] = {"digest": digest_of(stored), "size": len(stored), "url": text["url"], "index": index}
    listing = edition([item])
    stored_edition = bundle(listing)
    edition_index = world.log(stored_edition, listing)
    proof = world.proof(edition_index)
    front = Front(
        edition=stored_edition,
        proof=proof,
        consistency=tuple((size, world.tree.consistency(size)) for size in old_sizes),
    )
    return Published(
        world=world,
        article=stored,
        article_proof=world.proof(index),
        edition=stored_edition,
        edition_proof=proof,
        item=item,
        front=front.encode(),
    )
