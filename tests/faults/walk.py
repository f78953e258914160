"""An independent walk over a mirror tree: does everything that is promised exist, once, and in one history?

Written from the format's text with the standard library and Ed25519 alone; nothing of the project is imported, so a
mistake in its code cannot hide in here as well. It holds the whole log in memory: for tests.

    python -m tests.faults.walk FOLDER LOG-KEY PUBLISHER-KEY      (verifier keys as text)
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import os
import re
import struct
import sys
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


class Broken(Exception):
    """What a reader, or the law, could hold against this tree."""


def need(condition: object, what: str) -> None:
    if not condition:
        raise Broken(what)


# --- notes --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Key:
    name: str
    public: bytes

    @staticmethod
    def of(text: str) -> Key:
        name, _, encoded = text.split("+", 2)
        data = base64.b64decode(encoded)
        return Key(name, data[1:])

    @property
    def id(self) -> bytes:
        return hashlib.sha256(self.name.encode() + b"\n\x01" + self.public).digest()[:4]


@functools.lru_cache(maxsize=100_000)
def open_note(data: bytes, key: Key) -> bytes:
    """The text of a note that `key` signed."""
    text, _, lines = data.rpartition(b"\n\n")
    text += b"\n"
    for line in lines.splitlines():
        dash, name, encoded = line.decode().split(" ")
        signature = base64.b64decode(encoded)
        if dash == "—" and name == key.name and signature[:4] == key.id:
            try:
                Ed25519PublicKey.from_public_bytes(key.public).verify(signature[4:], text)
            except InvalidSignature:
                raise Broken(f"bad signature of {name}") from None
            return text
    raise Broken(f"no signature of {key.name}")


def gunzip(data: bytes) -> bytes:
    unpacker = zlib.decompressobj(wbits=31)
    out = unpacker.decompress(data)
    need(unpacker.eof and not unpacker.unused_data, "not one gzip member")
    return out


@functools.lru_cache(maxsize=100_000)
def open_bundle(data: bytes, key: Key) -> dict[str, Any]:
    """The document in a bundle that `key` signed."""
    text = open_note(gunzip(data), key)
    need(text.count(b"\n") == 1, "a bundle is one line")
    document: dict[str, Any] = json.loads(text)
    return document


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@dataclass(frozen=True)
class Head:
    origin: str
    size: int
    root: bytes

    @staticmethod
    def of(data: bytes, key: Key) -> Head:
        origin, size, root = open_note(data, key).decode().splitlines()
        need(origin == key.name, f"checkpoint of {origin}")
        return Head(origin, int(size), base64.b64decode(root))


# --- the tree of RFC 6962 -----------------------------------------------------------------------------------


def node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


class Log:
    """The leaves, and what follows from them."""

    def __init__(self, entries: Sequence[bytes]) -> None:
        self.entries = entries
        self.leaves = [hashlib.sha256(b"\x00" + entry).digest() for entry in entries]
        self._ranges: dict[tuple[int, int], bytes] = {}

    def hash(self, low: int, high: int) -> bytes:
        if high - low == 1:
            return self.leaves[low]
        found = self._ranges.get((low, high))
        if found is None:
            split = low + (1 << (high - low - 1).bit_length() - 1)
            found = self._ranges[low, high] = node(self.hash(low, split), self.hash(split, high))
        return found

    def root(self, size: int) -> bytes:
        return self.hash(0, size) if size else hashlib.sha256(b"").digest()

    def inclusion(self, index: int, size: int) -> list[bytes]:
        def path(low: int, high: int) -> list[bytes]:
            if high - low == 1:
                return []
            split = low + (1 << (high - low - 1).bit_length() - 1)
            if index < split:
                return [*path(low, split), self.hash(split, high)]
            return [*path(split, high), self.hash(low, split)]

        return path(0, size)

    def consistency(self, old: int, size: int) -> list[bytes]:
        def sub(low: int, high: int, whole: bool) -> list[bytes]:
            if old == high:
                return [] if whole else [self.hash(low, high)]
            split = low + (1 << (high - low - 1).bit_length() - 1)
            if old <= split:
                return [*sub(low, split, whole), self.hash(split, high)]
            return [*sub(split, high, False), self.hash(low, split)]

        return sub(0, size, True)


# --- the walk -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Entry:
    kind: str
    outlet: str
    url: str
    digest: str
    size: int
    time: str

    @staticmethod
    def of(data: bytes) -> Entry:
        need(len(data) <= 300, "entry of more than 300 bytes")
        first, kind, outlet, url, stored, time, end = data.decode("ascii").split("\n")
        need(first == "tamizdat entry v1" and end == "", "not an entry")
        digest, size = stored.split(" ")
        return Entry(kind, outlet, url, digest, int(size), time)


@dataclass
class Walked:
    """`articles` are those that are not withdrawn."""

    head: Head
    articles: list[str] = field(default_factory=list)
    editions: int = 0
    objects: set[str] = field(default_factory=set)
    withdrawn: set[str] = field(default_factory=set)


class Walk:
    def __init__(self, files: Mapping[str, bytes], log: Key, publisher: Key, *, below: str = "") -> None:
        self.files, self.log_key, self.publisher = files, log, publisher
        self.below = f"{below}/" if below else ""
        self.objects: set[str] = set()
        self.proven: set[str] = set()  # what has a proof though it is withdrawn
        self.known: set[tuple[int, str, int]] = set()  # index, digest and size of every entry, whatever its log

    def read(self, path: str) -> bytes:
        need(path in self.files, f"{path} is missing")
        return self.files[path]

    def object(self, digest: str, size: int | None = None) -> bytes:
        data = self.read(f"o/{digest[:2]}/{digest[2:]}")
        need(sha256(data) == digest, f"object {digest} has other bytes")
        need(size is None or len(data) == size, f"object {digest} has {len(data)} bytes, not {size}")
        self.objects.add(digest)
        return data

    def tree(
        self,
        *,
        strict: bool,
        history: Iterable[bytes],
        expected: set[str] | None,
        closed: Sequence[tuple[str, Key]] = (),
    ) -> Walked:
        """Raises `Broken`. `strict`: the tree is at rest, so nothing may lie about that nothing names. `history`: every
        checkpoint ever seen of this log. `expected`: the digests of exactly the articles that must be in it. `closed`:
        folder and key of the logs before, the oldest first."""
        ended = [self.closed_log(folder, key, strict) for folder, key in closed]
        log, head = self.log(self.read("checkpoint"), strict)
        need(not self.below or self.read(f"{self.below}checkpoint") == self.read("checkpoint"), "two checkpoints")
        for seen in history:
            old = Head.of(seen, self.log_key)
            need(old.size <= head.size, f"checkpoint went back from {old.size} to {head.size}")
            need(log.root(old.size) == old.root, f"FORK: two roots for size {old.size}")

        every = [
            (one, key, [Entry.of(data) for data in one.entries]) for (_, key), one in zip(closed, ended, strict=True)
        ]
        every.append((log, self.log_key, [Entry.of(data) for data in log.entries]))
        walked = Walked(head=head)
        walked.withdrawn = {e.digest for _, _, some in every for e in some if e.kind == "withdrawal"}
        digests = [entry.digest for _, _, some in every for entry in some if entry.kind != "withdrawal"]
        need(len(set(digests)) == len(digests), "something is in the logs twice")
        need(walked.withdrawn <= set(digests), "something is withdrawn that was never logged")
        times = [entry.time for _, _, some in every for entry in some if entry.kind == "edition"]
        need(times == sorted(times), "editions go back in time")
        kept: list[tuple[int, dict[str, Any]]] = []  # how many entries there were before it, in all logs
        before = serial = since = 0
        entries: list[Entry] = []
        for log, key, some in every:
            self.log_key = key
            for index, entry in enumerate(some):
                entries.append(entry)
                self.known.add((index, entry.digest, entry.size))
                if entry.kind == "article":
                    self.article(log, index, entry, withdrawn=entry.digest in walked.withdrawn, strict=strict)
                    if entry.digest not in walked.withdrawn:
                        walked.articles.append(entry.digest)
                elif entry.kind == "edition":
                    serial, since = serial + 1, since + 1
                    if f"o/{entry.digest[:2]}/{entry.digest[2:]}" in self.files:
                        edition = self.bundle(entry)
                        need(edition["serial"] == serial, f"edition {edition['serial']} is the log's number {serial}")
                        self.proof(log, index, entry.digest)
                        kept.append((before + index, edition))
                elif entry.kind == "withdrawal":
                    since = 0
                else:
                    need(entry.kind == "trust", f"entry of kind {entry.kind}")
            before += len(some)
        walked.editions = serial
        need(kept and kept[-1][0] == len(entries) - 1, "the newest edition is missing or not the last entry")
        need(len(kept) == min(since, 8) or not strict, f"{len(kept)} editions kept of {serial}, {since} since")
        for place, edition in kept:
            withdrawn = {e.digest for e in entries[: place + 1] if e.kind == "withdrawal"}
            if strict or withdrawn == walked.withdrawn:
                self.edition(edition, entries[: place + 1], newest=place == len(entries) - 1)
                listed = {one["digest"] for one in edition["withdrawals"]}
                need(listed <= withdrawn and len(listed) == min(len(withdrawn), 24), "withdrawals are not listed")
        self.front(log, head, every[-1][2])
        self.trust()
        if expected is not None:
            need(set(walked.articles) == expected, "the articles in the log are not those that were added")
        if strict:
            self.nothing_else()
        walked.objects = self.objects
        return walked

    def log(self, checkpoint: bytes, strict: bool) -> tuple[Log, Head]:
        """The log with this checkpoint, whole."""
        head = Head.of(checkpoint, self.log_key)
        log = Log(self.entries(head.size))
        need(log.root(head.size) == head.root, "the entries do not add up to the checkpoint's root")
        self.tiles(log, head.size, strict)
        return log, head

    def closed_log(self, folder: str, key: Key, strict: bool) -> Log:
        """A log that ended: its last checkpoint is in a folder of its own."""
        other = Walk(self.files, key, self.publisher, below=folder)
        place = folder or f"log/{key.name.rpartition('/')[2]}"
        return other.log(self.read(f"{place}/checkpoint"), strict)[0]

    def entries(self, size: int) -> list[bytes]:
        entries: list[bytes] = []
        for number in range((size + 255) // 256):
            data = self.tile(f"tile/entries/{name(number)}", min(256, size - number * 256))
            some: list[bytes] = []
            while data:
                (length,) = struct.unpack(">H", data[:2])
                some.append(data[2 : 2 + length])
                data = data[2 + length :]
            entries += some[: size - number * 256]
        need(len(entries) == size, f"{len(entries)} entries, not {size}")
        return entries

    def tile(self, path: str, width: int) -> bytes:
        path = self.below + path
        partial = f"{path}.p/{width}"
        return self.read(partial if width < 256 and partial in self.files else path)

    def tiles(self, log: Log, size: int, strict: bool) -> None:
        level, hashes = 0, log.leaves
        truth: dict[tuple[str, str], bytes] = {}
        while hashes:
            for number in range((len(hashes) + 255) // 256):
                part = hashes[number * 256 : number * 256 + 256]
                path = f"tile/{level}/{name(number)}"
                data = self.tile(path, len(part))
                need(data[: len(part) * 32] == b"".join(part), f"{path} has other hashes")
                truth[str(level), name(number)] = b"".join(part)
            level += 1
            span = 256**level
            hashes = [log.hash(i * span, (i + 1) * span) for i in range(size // span)]
        for path in sorted(self.files):
            if not path.startswith(f"{self.below}tile/"):
                continue
            own = path.removeprefix(self.below)
            found = re.fullmatch(r"tile/(\d+)/((?:x\d{3}/)*\d{3})(?:\.p/(\d+))?", own)
            entries = re.fullmatch(r"tile/entries/((?:x\d{3}/)*\d{3})\.p/(\d+)", own)
            if entries and strict:
                number, width = int(entries[1].replace("x", "").replace("/", "")), int(entries[2])
                some = log.entries[number * 256 : number * 256 + width]
                packed = b"".join(struct.pack(">H", len(entry)) + entry for entry in some)
                need(self.files[path] == packed, f"{path} contradicts the log")
                need(size < number * 256 + 256, f"{path} lies beside its full tile")
            if found and (strict or (found[1], found[2]) in truth):
                data = self.files[path]
                known = truth.get((found[1], found[2]), b"")
                need(len(data) == int(found[3] or 256) * 32, f"{path} has {len(data)} bytes")
                shared = min(len(data), len(known))
                need(data[:shared] == known[:shared], f"{path} contradicts the log")
                need(shared == len(data) or not strict, f"{path} is ahead of the checkpoint")
                need(not (strict and found[3] and len(known) == 8192), f"{path} lies beside its full tile")

    def bundle(self, entry: Entry) -> dict[str, Any]:
        document = open_bundle(self.object(entry.digest, entry.size), self.publisher)
        need(document["kind"] == entry.kind, "kind of bundle and entry differ")
        need(
            entry.time == document["fetched" if entry.kind == "article" else "time"], "time of bundle and entry differ"
        )
        return document

    def article(self, log: Log, index: int, entry: Entry, *, withdrawn: bool, strict: bool) -> None:
        if withdrawn:
            place = f"o/{entry.digest[:2]}/{entry.digest[2:]}"
            need(not strict or place not in self.files, f"{place} is withdrawn and still there")
            self.proof(log, index, entry.digest)
            self.proven.add(entry.digest)
            return
        document = self.bundle(entry)
        need(document["outlet"]["id"] == entry.outlet, "outlet of bundle and entry differ")
        need(sha256(document["url"].encode()) == entry.url, "address of bundle and entry differ")
        for other in (*document["parts"], *document["resources"]):
            self.object(other["digest"], other["size"])
        self.proof(log, index, entry.digest)

    def proof(self, log: Log, index: int, digest: str) -> None:
        self.check_proof(self.read(f"proof/{digest[:2]}/{digest[2:]}"), log, index)

    def check_proof(self, data: bytes, log: Log, index: int) -> None:
        head, _, checkpoint = data.partition(b"\n\n")
        first, number, *hashes = head.decode().splitlines()
        need(first == "c2sp.org/tlog-proof@v1" and number == f"index {index}", "proof of another entry")
        then = Head.of(checkpoint, self.log_key)
        need(then.size <= len(log.leaves) and log.root(then.size) == then.root, "FORK: a proof's checkpoint")
        need([base64.b64decode(h) for h in hashes] == log.inclusion(index, then.size), f"proof of {index} is wrong")

    def edition(self, edition: dict[str, Any], entries: Sequence[Entry], *, newest: bool) -> None:
        trust = edition["trust"]
        need(any(e.kind == "trust" and e.digest == trust["digest"] for e in entries), "trust file that is not logged")
        if newest:
            data = self.read(f"trust/targets/{trust['digest']}.trust.json")
            need(sha256(data) == trust["digest"] and len(data) == trust["size"], "trust file with other bytes")
        for outlet in edition["outlets"]:
            for item in outlet["articles"]:
                self.item(item, entries)
            seen, older = 0, outlet.get("older")
            total = older["articles"] if older else 0
            while older:
                page = json.loads(gunzip(self.object(older["digest"], older["size"])))
                need(page["kind"] == "page" and page["outlet"] == outlet["id"], "page of another outlet")
                for item in page["articles"]:
                    self.item(item, entries)
                seen += len(page["articles"])
                need(total - seen == (page["older"]["articles"] if "older" in page else 0), "pages are miscounted")
                older = page.get("older")

    def item(self, item: dict[str, Any], entries: Sequence[Entry]) -> None:
        entry = next((one for one in entries if one.digest == item["digest"] and one.kind == "article"), None)
        if entry is None:
            raise Broken("an edition lists what was logged after it, or never")
        need((item["index"], item["digest"], item["size"]) in self.known, "an item's index is another entry's")
        need(
            not any(one.digest == item["digest"] and one.kind == "withdrawal" for one in entries),
            "an edition lists what was withdrawn before it",
        )
        need(
            entry.url == sha256(item["url"].encode()) and entry.time == item["fetched"],
            "an item differs from its entry",
        )
        if "thumbnail" in item:
            self.object(item["thumbnail"])

    def front(self, log: Log, head: Head, entries: Sequence[Entry]) -> None:
        data = self.read("front")
        need(len(data) <= 8192, "front of more than 8 KiB")
        text, _, proof = gunzip(data).partition(b"\n\n")
        first, edition, *consistency = text.decode().splitlines()
        need(first == "tamizdat front v1" and edition.startswith("edition "), "not a front")
        digest = sha256(base64.b64decode(edition.removeprefix("edition ")))
        index = next((i for i, e in enumerate(entries) if e.digest == digest and e.kind == "edition"), None)
        # While it is being published, the checkpoint is a moment ahead of the front; never the other way round.
        need(index is not None, "front shows an edition that is not in the checkpoint's log")
        need(index is not None and index <= head.size - 1, "front is ahead of the checkpoint")
        self.check_proof(proof, log, index or 0)
        size = (index or 0) + 1
        for line in consistency:
            word, old, *hashes = line.split(" ")
            need(word == "consistency", f"front has a line {word}")
            need([base64.b64decode(h) for h in hashes] == log.consistency(int(old), size), "wrong consistency proof")

    def trust(self) -> None:
        stamp = json.loads(self.read("trust/timestamp.json"))["signed"]
        ((snapshot_name, meta),) = stamp["meta"].items()
        need(snapshot_name == "snapshot.json", "timestamp names something else")
        snapshot = json.loads(self.read(f"trust/{meta['version']}.snapshot.json"))["signed"]
        targets = json.loads(self.read(f"trust/{snapshot['meta']['targets.json']['version']}.targets.json"))["signed"]
        digest = targets["targets"]["trust.json"]["hashes"]["sha256"]
        need(sha256(self.read(f"trust/targets/{digest}.trust.json")) == digest, "trust.json has other bytes")
        need("trust/1.root.json" in self.files, "the first root is missing")

    def nothing_else(self) -> None:
        for path in sorted(self.files):
            if path.startswith("o/"):
                need(path[2:].replace("/", "") in self.objects, f"{path} is named by nothing")
            elif path.startswith("proof/"):
                known = self.objects | self.proven
                need(path[6:].replace("/", "") in known, f"{path} proves nothing that is here")
            else:
                pattern = (
                    r"front|index\.html|feed\.xml|a/[0-9a-f]{12}\.html|trust/[\w./]+(\.json|\.policy|\.pub|\.html)"
                    r"|reader\.html(\.minisig)?"
                )
                pattern += r"|(log/[a-z0-9.-]+/)?(checkpoint|tile/[\w./]+)"
                need(re.fullmatch(pattern, path), f"{path} does not belong here")


def read(file: os.DirEntry[str]) -> bytes:
    with open(file.path, "rb") as opened:
        return opened.read()


def load(folder: Path, read: Callable[[os.DirEntry[str]], bytes] = read) -> dict[str, bytes]:
    """Every file of a tree. Not those in the place where a folder target writes before it renames: no web server hands
    them out."""
    files: dict[str, bytes] = {}
    waiting = [str(folder)]
    while waiting:
        with os.scandir(waiting.pop()) as found:
            for entry in found:
                if not entry.is_dir(follow_symlinks=False):
                    files[entry.path[len(str(folder)) + 1 :]] = read(entry)
                elif entry.name != ".tamizdat-tmp":
                    waiting.append(entry.path)
    return files


def name(number: int) -> str:
    digits = f"{number:03}"
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[i : i + 3] for i in range(0, len(digits), 3)]
    return "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])


def walk(
    tree: Path | Mapping[str, bytes],
    *,
    log: Key,
    publisher: Key,
    strict: bool = True,
    history: Iterable[bytes] = (),
    expected: set[str] | None = None,
    below: str = "",
    closed: Sequence[tuple[str, Key]] = (),
) -> Walked:
    """What is in the tree (a folder, or its files); raises `Broken`. `log` is the key of the current log, whose tiles
    are in the folder `below`; `closed` are folder and key of the logs before it."""
    files = load(tree) if isinstance(tree, Path) else tree
    try:
        walker = Walk(files, log, publisher, below=below)
        return walker.tree(strict=strict, history=history, expected=expected, closed=closed)
    except (ValueError, LookupError, TypeError, AttributeError, zlib.error, struct.error) as error:
        raise Broken(f"something does not parse: {error!r}") from error


if __name__ == "__main__":
    found = walk(Path(sys.argv[1]), log=Key.of(sys.argv[2]), publisher=Key.of(sys.argv[3]))
    print(f"size {found.head.size}, {len(found.articles)} articles, {found.editions} editions: good")
