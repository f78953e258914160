"""A small world for tests that need everything: a publication of our own, with articles that were never fetched."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import schemas
from mirror import pack
from mirror.archive import Addition, Archive
from mirror.config import MirrorInfo, OutletConfig
from mirror.keys import write_key
from mirror.model import Article, Paragraph, Resource
from mirror.publication import Publication, create
from mirror.render import Pages
from signing import authority, cosignature
from signing.keys import SignerKey
from signing.note import parse as parse_note
from signing.policy import Policy
from signing.trust import POLICY, TrustView, walk

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
        self.witnesses: tuple[SignerKey, ...] = ()
        self.outlets: tuple[OutletConfig, ...] = (OUTLET,)
        self.mirrors: tuple[MirrorInfo, ...] | None = None  # None: those of the configuration

    @property
    def tree(self) -> Path:
        return self.publication.tree

    def split(self, folder: Path) -> World:
        """The same publication once more, keys and all: from here on both write histories of their own."""
        shutil.copytree(self.publication.folder, folder)
        other = type(self).__new__(type(self))
        other.now, other.pin, other.witnesses = self.now, self.pin, self.witnesses
        other.outlets, other.mirrors = self.outlets, self.mirrors
        other.publication = Publication.open(folder / "tamizdat.toml")
        return other

    # --- articles ---------------------------------------------------------------------------------------------------

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

    def withdraw(self, what: str, reason: str | None = None) -> None:
        """Take back the article with this digest or address, with the next `seal`."""
        with self._archive() as archive, archive.locked(self.now):
            archive.withdraw(what, reason, self.now)

    def seal(self, *, force: bool = True, days: float = 0, cosigning: int | None = None) -> None:
        """A new edition, `days` later than the last; cosigned by all of the world's witnesses, or so many of them."""
        self.now += timedelta(days=days, minutes=1)
        config = self.publication.config
        signing = self.witnesses if cosigning is None else self.witnesses[:cosigning]
        with self._archive() as archive, archive.locked(self.now):
            while archive.seal(
                keys=self.publication.keys(),
                publication=config.publication,
                outlets=self.outlets,
                mirrors=config.mirrors if self.mirrors is None else self.mirrors,
                due_seconds=config.edition.due,
                now=self.now,
                witnesses=[one.verifier for one in self.witnesses],
                render=Pages("World"),
                force=force,
            ):
                force = False
                if (checkpoint := archive.uncosigned()) is not None:
                    archive.attach_cosignatures(self.cosigned(checkpoint, signing), complete=True, now=self.now)
            archive.refresh_trust(self.publication.keys(), self.now)

    # --- trust ------------------------------------------------------------------------------------------------------

    def view(self) -> TrustView:
        """The trust files as they are now."""
        return walk(lambda path, _cap: self._read(path), pin=self.pin, now=self.now)

    def trust_files(
        self, change: Callable[[dict[str, Any]], None], targets: dict[str, bytes | None] | None = None
    ) -> tuple[dict[str, bytes], bytes]:
        """What the root key signs when trust.json is changed like this (and further targets are): the files by path,
        and trust.json. Nothing is published."""
        document = json.loads(self.view().trust)
        change(document)
        schemas.check("trust", document)
        data = json.dumps(document, separators=(",", ":")).encode()
        key = self.publication.key
        files = authority.retarget(self._read, [key("root")], key("online"), data, self.now, targets=targets or {})
        return files, data

    def retrust(self, change: Callable[[dict[str, Any]], None], targets: dict[str, bytes | None] | None = None) -> None:
        """A new trust.json, published."""
        files, document = self.trust_files(change, targets)
        with self._archive() as archive, archive.locked(self.now):
            archive.replace_trust(files, document)

    def begin_log(self, year: str, *, earlier: bool, promised: bool = True) -> SignerKey:
        """Close the log where it is and begin the next one; returns the old log's key. `earlier` false: that key was
        stolen. With `promised` false the new log's key is another one than `successor` says."""
        folder = self.publication.config.keys.folder
        old = self.publication.key("log")
        origin = f"{old.name.rpartition('/')[0]}/{year}"
        promise = self.publication.key("log-successor")
        new = SignerKey(origin, promise.seed if promised else b"other" + b"\0" * 27)
        following = SignerKey(promise.name, hashlib.sha256(origin.encode()).digest())
        with self._archive() as archive, archive.locked(self.now):
            head = archive.head()

            def change(document: dict[str, Any]) -> None:
                document["logs"][-1]["frozen"] = {"size": head.size, "root": head.root.hex(), "earlier": earlier}
                since = f"{self.now:%Y-%m-%dT%H:%M:%SZ}"
                path = f"log/{year}"
                document["logs"].append({"origin": origin, "key": new.verifier.text, "from": since, "path": path})
                document["successors"]["log"] = hashlib.sha256(following.verifier.public).hexdigest()

            files, document = self.trust_files(change)
            archive.begin_log(
                origin,
                f"log/{year}",
                trust_files=files,
                trust_document=document,
                reissue=not earlier,
                now=self.now,
            )
        for role, key in (("log", new), ("log-successor", following)):
            (folder / f"{role}.key").unlink()
            write_key(folder / f"{role}.key", key)
        return old

    # --- witnesses --------------------------------------------------------------------------------------------------

    def witnessed_by(self, count: int, quorum: int) -> None:
        """From now on so many witnesses are asked and so many needed; what is older needs none."""
        self.witnesses = tuple(
            cosignature.witness_key(f"witness{number}.example", bytes([100 + number]) * 32) for number in range(count)
        )
        lines = [f"witness w{number} {one.verifier.text}" for number, one in enumerate(self.witnesses)]
        names = " ".join(f"w{number}" for number in range(count))
        policy = "\n".join([*lines, f"group all {quorum} {names}", "quorum all", ""]).encode()
        Policy.parse(policy)
        with self._archive() as archive:
            size = archive.head().size

        def change(document: dict[str, Any]) -> None:
            for log in document["logs"]:
                log["unwitnessed"] = log["frozen"]["size"] if "frozen" in log else size

        self.retrust(change, {POLICY: policy})

    def cosigned(self, checkpoint: bytes, witnesses: tuple[SignerKey, ...] | None = None) -> list[bytes]:
        """The lines by which these witnesses (all when left out) say that they saw this checkpoint now."""
        text = parse_note(checkpoint).text
        signing = self.witnesses if witnesses is None else witnesses
        return [cosignature.sign(text, one, int(self.now.timestamp())) for one in signing]

    def _read(self, path: str) -> bytes | None:
        file = self.tree / path
        return file.read_bytes() if file.is_file() else None

    def _archive(self) -> Archive:
        return Archive(self.publication.folder, reserve=0)
