"""Somebody who reads a mirror all the while, and notices every promise that isn't kept.

Nothing of `mirror` or `signing` is used: the format's own description, SHA-256, gzip and Ed25519. It reads like anybody
else, one file after the other, so what is deleted while it reads is no broken promise: only what is missing although
the pointer that names it still stands.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import requests
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


class Broken(Exception):
    """What is there is wrong, whatever the pointers say."""


@dataclass
class Watcher:
    """`log` and `publisher` are verifier keys as text. Used with `with`, it looks until the end."""

    url: str
    log: str
    publisher: str
    looks: int = 0
    editions: set[int] = field(default_factory=set)
    broken: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._over = threading.Event()
        self._session = requests.Session()
        self._known: set[str] = set()  # objects that were there and right; those never change
        self._largest = self._newest = 0
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join(60)
        self._session.close()

    def _watch(self) -> None:
        while not self._over.is_set():
            self.look()
            self._over.wait(0.005)

    def look(self) -> None:
        """Reads everything that the pointers promise."""
        for pointer, named in (
            ("trust/timestamp.json", self._trust),
            ("checkpoint", self._tiles),
            ("front", self._front),
        ):
            try:
                self._promises(pointer, named)
            except Broken as problem:
                self.broken.append(f"{pointer}: {problem}")
            except (requests.RequestException, InvalidSignature, OSError, ValueError, LookupError) as problem:
                self.broken.append(f"{pointer}: {type(problem).__name__}: {problem}")
        self.looks += 1

    def _promises(self, pointer: str, named: Callable[[bytes], Iterator[str]]) -> None:
        data = self._get(pointer)
        if data is None:
            return  # nothing is promised yet
        for path in named(data):
            # Asked again, in case it came and the pointer went in between.
            if (
                path not in self._known
                and all(self._get(path) is None for _ in range(2))
                and self._get(pointer) == data
            ):
                raise Broken(f"{path} is missing")

    def _get(self, path: str) -> bytes | None:
        answer = self._session.get(f"{self.url}/{path}", timeout=30)
        if answer.status_code == 404:
            return None
        if answer.status_code != 200:
            raise Broken(f"{path}: status {answer.status_code}")
        if path.startswith("o/"):
            if hashlib.sha256(answer.content).hexdigest() != path[2:].replace("/", ""):
                raise Broken(f"{path} has other bytes than its name says")
            self._known.add(path)
        return answer.content

    # --- what the pointers name ---------------------------------------------------------------------------------------

    def _trust(self, data: bytes) -> Iterator[str]:
        version = json.loads(data)["signed"]["meta"]["snapshot.json"]["version"]
        yield f"trust/{version}.snapshot.json"
        snapshot = self._get(f"trust/{version}.snapshot.json")
        if snapshot is None:
            return
        version = json.loads(snapshot)["signed"]["meta"]["targets.json"]["version"]
        yield f"trust/{version}.targets.json"
        targets = self._get(f"trust/{version}.targets.json")
        for name, about in json.loads(targets or b'{"signed":{"targets":{}}}')["signed"]["targets"].items():
            folder, _, file = name.rpartition("/")
            yield "/".join(part for part in ("trust/targets", folder, f"{about['hashes']['sha256']}.{file}") if part)
        yield "trust/1.root.json"

    def _tiles(self, data: bytes) -> Iterator[str]:
        _, size, _ = self._checkpoint(data)
        if size < self._largest:
            raise Broken(f"the log went back from {self._largest} to {size}")
        self._largest = size
        for level in ("entries", "0", "1", "2"):
            count = size >> {"entries": 0, "0": 0, "1": 8, "2": 16}[level]
            for number in range(-(-count // 256)):
                width = min(256, count - number * 256)
                yield f"tile/{level}/{number:03}" + (f".p/{width}" if width < 256 else "")

    def _front(self, data: bytes) -> Iterator[str]:
        head, _, proof = gzip.decompress(data).partition(b"\n\n")
        lines = head.split(b"\n")
        if lines[0] != b"tamizdat front v1":
            raise Broken("no front page")
        stored = base64.b64decode(lines[1].removeprefix(b"edition "), validate=True)
        text = self._signed(gzip.decompress(stored), self.publisher)
        edition = json.loads(text)
        self._included(stored, edition, proof)
        if edition["serial"] < self._newest:
            raise Broken(f"edition {edition['serial']} after {self._newest}")
        self._newest = edition["serial"]
        self.editions.add(edition["serial"])
        yield _object(hashlib.sha256(stored).hexdigest())
        for outlet in edition["outlets"]:
            if "older" in outlet:
                yield _object(outlet["older"]["digest"])
            for item in outlet["articles"]:
                yield from self._article(item)

    def _article(self, item: dict[str, Any]) -> Iterator[str]:
        digest = item["digest"]
        if (whole := f"all of {digest}") in self._known:
            return
        yield _object(digest)
        yield f"proof/{digest[:2]}/{digest[2:]}"
        if "thumbnail" in item:
            yield _object(item["thumbnail"])
        bundle = self._get(_object(digest))
        if bundle is None:
            return
        document = json.loads(self._signed(gzip.decompress(bundle), self.publisher))
        for one in (*document["parts"], *document["resources"]):
            yield _object(one["digest"])
        self._known.add(whole)  # the one who asked went on, so all of these were there

    # --- signatures and hashes ----------------------------------------------------------------------------------------

    def _signed(self, note: bytes, key: str) -> bytes:
        text, _, signatures = note.rpartition(b"\n\n")
        name, _, public = key.split("+", 2)
        for line in signatures.decode().splitlines():
            found = re.fullmatch(rf"— {re.escape(name)} (\S+)", line)
            if found:
                raw = base64.b64decode(found[1])
                Ed25519PublicKey.from_public_bytes(base64.b64decode(public)[1:]).verify(raw[4:], text + b"\n")
                return text + b"\n"
        raise Broken(f"no signature of {name}")

    def _checkpoint(self, note: bytes) -> tuple[str, int, bytes]:
        origin, size, root = self._signed(note, self.log).decode().splitlines()[:3]
        return origin, int(size), base64.b64decode(root)

    def _included(self, stored: bytes, edition: dict[str, Any], proof: bytes) -> None:
        """RFC 9162, 2.1.3.2."""
        head, _, checkpoint = proof.partition(b"\n\n")
        _, index, *hashes = head.decode().splitlines()
        entry = (
            f"tamizdat entry v1\nedition\n-\n-\n{hashlib.sha256(stored).hexdigest()} {len(stored)}\n{edition['time']}\n"
        )
        _, size, root = self._checkpoint(checkpoint)
        place, last = int(index.removeprefix("index ")), size - 1
        found = hashlib.sha256(b"\0" + entry.encode()).digest()
        for step in map(base64.b64decode, hashes):
            if place & 1 or place == last:
                found = hashlib.sha256(b"\1" + step + found).digest()
                while not place & 1 and place:
                    place, last = place >> 1, last >> 1
            else:
                found = hashlib.sha256(b"\1" + found + step).digest()
            place, last = place >> 1, last >> 1
        if found != root:
            raise Broken("the edition is not in the log")


def _object(digest: str) -> str:
    return f"o/{digest[:2]}/{digest[2:]}"
