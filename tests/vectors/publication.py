"""A publication with keys from fixed seeds, whose mirror is the same bytes wherever it is made.

Objects are gzip members with a *stored* deflate block: zlib's builds compress differently, and none compresses these.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from signing import authority, checkpoint, cosignature, note
from signing.checkpoint import Checkpoint
from signing.entry import Entry, entry_of
from signing.front import Front
from signing.keys import SignerKey, VerifierKey
from signing.merkle import EMPTY_ROOT
from signing.packing import digest_of, to_base64
from signing.proof import Proof
from signing.tiles import Tree
from signing.trust import fingerprint

ORIGIN = "example.org"
BEGIN = "2027-03-01T08:00:00Z"
FIRST = "2027-03-01T08:30:00Z"
SECOND = "2027-03-01T09:00:00Z"
THIRD = "2027-03-01T09:30:00Z"
NOW = "2027-03-01T10:00:00Z"
DUE = "2027-03-01T15:30:00Z"
GENERATOR = "tamizdat/0.1.0"


def key(name: str) -> SignerKey:
    return SignerKey(name, hashlib.sha256(b"vector " + name.encode()).digest())


def witness(number: int) -> SignerKey:
    name = f"witness{number}.example/w"
    return cosignature.witness_key(name, hashlib.sha256(b"vector " + name.encode()).digest())


LOG = key("example.org/log/2027")
NEXT_LOG = key("example.org/log/2028")
PUBLISHER = key("example.org/publisher")
SECOND_PUBLISHER = key("example.org/publisher-2")
STRANGER = SignerKey(PUBLISHER.name, hashlib.sha256(b"vector stranger").digest())
ROOTS = tuple(key(f"example.org/root-{n}") for n in (1, 2, 3))
ONLINE = key("example.org/online")
WITNESSES = tuple(witness(n) for n in (1, 2, 3))
POLICY = (
    "# two of three\n"
    + "".join(f"witness w{n} {one.verifier.text}\n" for n, one in enumerate(WITNESSES, 1))
    + "group all-of-them 2 w1 w2 w3\nquorum all-of-them\n"
).encode()


def seconds(time: str) -> int:
    return int(datetime.fromisoformat(time).timestamp())


def stored(data: bytes) -> bytes:
    """`data` as a stored object, uncompressed inside."""
    blocks = [data[at : at + 65_535] for at in range(0, len(data), 65_535)] or [b""]
    body = b"".join(
        bytes([place == len(blocks) - 1])
        + len(block).to_bytes(2, "little")
        + (len(block) ^ 0xFFFF).to_bytes(2, "little")
        + block
        for place, block in enumerate(blocks)
    )
    return gzipped(body, data)


def gzipped(body: bytes, data: bytes) -> bytes:
    """A gzip member of ours around a deflate stream that unpacks to `data`."""
    trailer = zlib.crc32(data).to_bytes(4, "little") + (len(data) % 2**32).to_bytes(4, "little")
    return bytes.fromhex("1f8b08000000000002ff") + body + trailer


def one_line(document: object) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def bundle(document: object, *signers: SignerKey) -> bytes:
    return stored(note.sign(one_line(document), *(signers or (PUBLISHER,))))


def salt(text: str) -> str:
    return hashlib.sha256(b"salt " + text.encode()).hexdigest()[:32]


def article(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "v": 1,
        "kind": "article",
        "outlet": {"id": "sample", "name": "Sample News"},
        "url": f"https://news.example/2027/{number}",
        "fetched": "2027-03-01T08:15:00Z",
        "language": "en",
        "direction": "ltr",
        "title": f"Story {number} — Пример",
        "authors": [],
        "tags": [],
        "blocks": [{"type": "paragraph", "content": [f"What happened, number {number}."]}],
        "parts": [],
        "resources": [],
        "revision": 1,
        "salt": salt(f"article {number}"),
        "generator": GENERATOR,
        **changes,
    }


def url_digest(url: str) -> str:
    return digest_of(url.encode())


def nothing(path: str) -> bytes:
    raise KeyError(path)


@dataclass
class Log:
    """A log, with everything that a mirror has of it, below `path`."""

    signer: SignerKey
    path: str = ""
    tree: Tree = field(default_factory=lambda: Tree.load(0, EMPTY_ROOT, nothing))
    sizes: list[int] = field(default_factory=list)

    def checkpoint(self) -> Checkpoint:
        return Checkpoint(self.signer.name, self.tree.size, self.tree.root)

    def signed(self, witnesses: Sequence[SignerKey] = (), time: str = NOW) -> bytes:
        plain = checkpoint.sign(self.checkpoint(), self.signer)
        text = self.checkpoint().text
        return cosignature.attach(plain, [cosignature.sign(text, one, seconds(time)) for one in witnesses])


class Publication:
    """What a mirror serves, made step by step. `digests` are the objects' names by the names used here."""

    def __init__(
        self, files: Mapping[str, bytes], *, witnesses: Sequence[SignerKey] = (), log: SignerKey = LOG
    ) -> None:
        self.files: dict[str, bytes] = dict(files)
        self.witnesses = witnesses
        self.log = Log(log)
        self.pin = fingerprint(files["trust/1.root.json"])
        self.digests: dict[str, str] = {}
        self.items: dict[str, dict[str, Any]] = {}
        self.withdrawn: list[dict[str, Any]] = []
        self.waiting: list[tuple[str, int]] = []
        self.serial = 0
        trust = next(data for path, data in files.items() if path.endswith(".trust.json"))
        self.trust: dict[str, Any] = {"digest": digest_of(trust), "size": len(trust)}
        self.log.tree.append(Entry(kind="trust", **self.trust, time=BEGIN).encode())

    def put(self, data: bytes) -> str:
        digest = digest_of(data)
        self.files[f"o/{digest[:2]}/{digest[2:]}"] = data
        return digest

    def add(self, name: str, document: dict[str, Any], *signers: SignerKey, data: bytes | None = None) -> str:
        """An article (or whatever the document is) into the next seal; its digest."""
        made = bundle(document, *signers) if data is None else data
        digest = self.put(made)
        index = self.log.tree.append(entry_of(document, digest, len(made)).encode())
        self.waiting.append((digest, index))
        self.digests[name] = digest
        if document["kind"] == "article":
            self.items[document["url"]] = {
                "title": document["title"],
                "fetched": document["fetched"],
                "language": document["language"],
                "direction": document["direction"],
                "url": document["url"],
                "digest": digest,
                "size": len(made),
                "index": index,
                "revision": document["revision"],
            }
        return digest

    def withdraw(self, name: str, url: str, time: str) -> None:
        digest = self.digests[name]
        path = f"o/{digest[:2]}/{digest[2:]}"
        self.log.tree.append(
            Entry(
                kind="withdrawal",
                outlet="sample",
                url_digest=url_digest(url),
                digest=digest,
                size=len(self.files[path]),
                time=time,
            ).encode()
        )
        self.withdrawn.insert(0, {"digest": digest, "time": time})
        del self.items[url]

    def edition(self, time: str, **changes: Any) -> dict[str, Any]:
        return {
            "v": 1,
            "kind": "edition",
            "publication": {"name": "Example", "origin": ORIGIN},
            "serial": self.serial,
            "time": time,
            "next": DUE,
            "outlets": [
                {
                    "id": "sample",
                    "name": "Sample News",
                    "url": "https://news.example/",
                    "language": "en",
                    "direction": "ltr",
                    "articles": sorted(self.items.values(), key=lambda item: -int(item["index"])),
                }
            ],
            "mirrors": [],
            "withdrawals": list(self.withdrawn),
            "trust": dict(self.trust),
            "generator": GENERATOR,
            **changes,
        }

    def seal(self, time: str, *, publisher: SignerKey = PUBLISHER, **changes: Any) -> None:
        """An edition of everything added, the checkpoint, the proofs, the tiles, the front."""
        self.serial += 1
        edition = self.add(f"edition {self.serial}", self.edition(time, **changes), publisher)
        note_bytes = self.log.signed(self.witnesses, time)
        tree, prefix = self.log.tree, self.log.path + "/" if self.log.path else ""
        for digest, index in self.waiting:
            proof = Proof(index=index, hashes=tree.inclusion(index), checkpoint=note_bytes).encode()
            self.files[f"proof/{digest[:2]}/{digest[2:]}"] = proof
        self.files |= {prefix + path: data for path, data in tree.files().items()}
        self.files["checkpoint"] = note_bytes
        if prefix:
            self.files[f"{prefix}checkpoint"] = note_bytes
        self.files["front"] = self.front(edition)
        self.log.sizes.append(tree.size)
        self.waiting.clear()

    def front(self, edition: str, files: Mapping[str, bytes] | None = None) -> bytes:
        """A front file about the edition with this digest, out of these files."""
        found = self.files if files is None else files
        front = Front(
            edition=found[f"o/{edition[:2]}/{edition[2:]}"],
            proof=found[f"proof/{edition[:2]}/{edition[2:]}"],
            consistency=tuple((n, self.log.tree.consistency(n)) for n in self.log.sizes if n < self.log.tree.size),
        )
        lines = [
            b"consistency %d %s\n" % (size, b" ".join(map(to_base64, hashes))) for size, hashes in front.consistency
        ]
        return stored(
            b"tamizdat front v1\nedition %s\n%s\n%s" % (to_base64(front.edition), b"".join(lines), front.proof)
        )

    def log_key(self, **changes: Any) -> dict[str, Any]:
        return log_key(self.log.signer.verifier, **changes)


def log_key(verifier: VerifierKey, **changes: Any) -> dict[str, Any]:
    return {"origin": verifier.name, "key": verifier.text, "from": BEGIN, **changes}


def publisher_key(verifier: VerifierKey, *outlets: str, **changes: Any) -> dict[str, Any]:
    return {"key": verifier.text, "outlets": list(outlets) or ["*"], "from": BEGIN, **changes}


def trust_json(
    *,
    logs: Sequence[Mapping[str, Any]] | None = None,
    publishers: Sequence[Mapping[str, Any]] | None = None,
    time: str = BEGIN,
    **changes: Any,
) -> Any:
    """What makes trust.json out of the root that it is signed under."""

    def make(version: int, digest: str) -> bytes:
        document = {
            "v": 1,
            "kind": "trust",
            "origin": ORIGIN,
            "name": "Example",
            "time": time,
            "logs": list(logs or [log_key(LOG.verifier)]),
            "publishers": list(publishers or [publisher_key(PUBLISHER.verifier, **{"from": "2027-01-01T00:00:00Z"})]),
            **changes,
            "root": {"version": version, "digest": digest},
        }
        return one_line(document)[:-1]

    return make


def trust_files(
    *, roots: Sequence[SignerKey] = ROOTS[:1], threshold: int = 1, policy: bytes | None = None, **changes: Any
) -> dict[str, bytes]:
    return authority.create(
        root=list(roots),
        threshold=threshold,
        online=ONLINE,
        trust_document=trust_json(**changes),
        now=BEGIN,
        targets={} if policy is None else {"witness.policy": policy},
    )
