"""Writes `engine_worlds.json`, what mirrors serve to the reader's engine in its tests:
`python -m tests.reader.engine_worlds`.

One publication with keys from fixed seeds (`tests/vectors/publication.py`), at several times of its life, the same
bytes wherever it is made. `worlds` are the mirrors, each {path: digest of a blob}; `facts` what the tests ask for by
name.
"""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from signing import authority, evidence
from signing.packing import digest_of
from tests.vectors.publication import (
    BEGIN,
    LOG,
    NEXT_LOG,
    ONLINE,
    PUBLISHER,
    ROOTS,
    SECOND_PUBLISHER,
    Log,
    Publication,
    article,
    log_key,
    one_line,
    publisher_key,
    salt,
    stored,
    trust_files,
    trust_json,
)

FILE = Path(__file__).with_name("engine_worlds.json")
READER = b"<!DOCTYPE html>\n<title>the next reader</title>\n"
LISTED = 6
"""So many articles stand in an edition; the others on pages of older ones."""


def noise(name: str, size: int) -> bytes:
    """Bytes that pass for a picture, and that nothing packs."""
    block = b"".join(hashlib.sha256(f"{name} {number}".encode()).digest() for number in range(size // 32 + 1))
    return b"\xff\xd8" + block[: size - 2]


def at(minutes: int) -> str:
    """So many minutes after the log began."""
    day, minute = divmod(8 * 60 + minutes, 24 * 60)
    return f"2027-03-{1 + day:02}T{minute // 60:02}:{minute % 60:02}:00Z"


class Press(Publication):
    """Two outlets, of which one has a picture, a long text, and pages of older articles."""

    mirrors: tuple[str, ...] = ()

    def edition(self, time: str, **changes: Any) -> dict[str, Any]:
        whole = super().edition(time, **changes)
        items = whole["outlets"][0]["articles"]
        sample = [one for one in items if "/ru/" not in one["url"]]
        other = [one for one in items if "/ru/" in one["url"]]
        first = {**whole["outlets"][0], "articles": sample[:LISTED]}
        if older := self.pages(sample[LISTED:]):
            first["older"] = older
        second = {"id": "fonar", "name": "Фонарь", "url": "https://fonar.example/", "language": "ru"}
        whole["outlets"] = [first, {**second, "direction": "ltr", "articles": other}]
        whole["mirrors"] = [{"url": url, "kind": "https", "since": BEGIN} for url in self.mirrors]
        return whole

    def pages(self, items: list[dict[str, Any]]) -> dict[str, Any] | None:
        """The newest page of a chain with these articles, three on each."""
        before: dict[str, Any] | None = None
        while items:
            page: dict[str, Any] = {"v": 1, "kind": "page", "outlet": "sample", "articles": items[-3:]}
            items = items[:-3]
            if before:
                page["older"] = before
            data = stored(one_line(page))
            count = len(page["articles"]) + (before["articles"] if before else 0)
            before = {"digest": self.put(data), "size": len(data), "articles": count}
        return before

    def write(self, number: int, **changes: Any) -> str:
        return self.add(f"story {number}", article(number, **changes))

    def text(self, name: str) -> dict[str, Any]:
        """A further part of an article."""
        blocks = [{"type": "paragraph", "content": [f"The rest of {name}."]}]
        data = stored(one_line({"v": 1, "kind": "part", "blocks": blocks, "salt": salt(name)}))
        return {"digest": self.put(data), "size": len(data)}

    def picture(self, name: str, size: int, **more: Any) -> dict[str, Any]:
        data = noise(name, size)
        return {"role": "picture", "digest": self.put(data), "size": size, "media_type": "image/jpeg", **more}


def first(press: Press) -> None:
    """Ten articles, one with pictures, one long, one in Russian, and the first seal."""
    for number in range(1, 8):
        press.write(number)
    large = press.picture("large", 40_000, alt="A harbour", thumbnail=1)
    small = press.picture("small", 900) | {"role": "thumbnail"}
    blocks = [{"type": "paragraph", "content": ["With a picture."]}, {"type": "picture", "resource": 0}]
    press.write(8, resources=[large, small], blocks=blocks)
    press.items[article(8)["url"]]["thumbnail"] = small["digest"]
    press.write(9, parts=[press.text("nine, one"), press.text("nine, two")])
    press.write(10, url="https://news.example/ru/10", language="ru", title="Фонарь горит")
    press.seal(at(30), next=at(30 + 720))


def second(press: Press) -> None:
    """One article is withdrawn, one comes; the mirrors are named."""
    press.withdraw("story 7", article(7)["url"], at(55))
    press.write(11)
    press.mirrors = ("https://m1.example", "https://m2.example/", "http://learned.example/news")
    press.seal(at(60), next=at(60 + 720))


def later(press: Press, seals: int) -> None:
    """So many seals more. A front has lines for the last eight."""
    for number in range(seals):
        minutes = 62 + 3 * number
        press.write(20 + number)
        press.log.sizes = press.log.sizes[-8:]
        press.seal(at(minutes), next=at(minutes + 720))


def renewed(press: Press, time: str, targets: dict[str, bytes] | None = None, **changes: Any) -> None:
    """Trust files that say something else, published and logged."""
    document = trust_json(time=time, **changes)
    read = press.files.get
    made = authority.retarget(read, [ROOTS[0]], ONLINE, document, time, targets=targets or {})
    for path in [path for path in press.files if path.endswith(".trust.json")]:
        del press.files[path]
    press.files |= made
    data = next(data for path, data in made.items() if path.endswith(".trust.json"))
    press.trust = {"digest": digest_of(data), "size": len(data)}


def served(press: Press) -> dict[str, bytes]:
    """What a mirror has, without what only older editions and checkpoints need."""
    old = [digest for name, digest in press.digests.items() if name.startswith("edition")][:-1]
    gone = {f"{folder}/{digest[:2]}/{digest[2:]}" for digest in old for folder in ("o", "proof")}
    size = press.log.tree.size

    def partial(path: str) -> bool:
        return ".p/" in path and path.startswith(press.log.path) and not path.endswith(f".p/{size % 256}")

    return {path: data for path, data in press.files.items() if path not in gone and not partial(path)}


def worlds() -> tuple[dict[str, dict[str, bytes]], dict[str, Any]]:
    made: dict[str, dict[str, bytes]] = {}
    press = Press(trust_files())
    first(press)
    made["first"] = served(press)
    second(press)
    made["second"] = served(press)

    other = copy.deepcopy(press)
    later(other, 12)
    made["later"] = served(other)

    # The same keys, another history of the same size, and one that is longer.
    forked = Press(trust_files())
    first(forked)
    forked.write(66, title="Only here")
    forked.write(67)
    forked.seal(at(60), next=at(60 + 720))
    made["fork"] = served(forked)
    later(forked, 12)
    made["long fork"] = served(forked)

    # The publisher's key is replaced, and a reader is among the targets.
    rotated = copy.deepcopy(press)
    renewed(
        rotated,
        at(70),
        targets={"reader.html": READER},
        publishers=[
            publisher_key(PUBLISHER.verifier, **{"from": "2027-01-01T00:00:00Z", "until": at(70)}),
            publisher_key(SECOND_PUBLISHER.verifier, **{"from": at(70)}),
        ],
    )
    rotated.add("story 12", article(12, fetched=at(75)), SECOND_PUBLISHER)
    rotated.seal(at(80), publisher=SECOND_PUBLISHER, next=at(80 + 720))
    made["rotated"] = served(rotated)

    # The log's key was stolen: it is closed where it was, and a new log begins.
    stolen = copy.deepcopy(press)
    size, root = stolen.log.tree.size, stolen.log.tree.root
    frozen = {"size": size, "root": root.hex(), "earlier": False}
    renewed(
        stolen,
        at(90),
        logs=[log_key(LOG.verifier, frozen=frozen), log_key(NEXT_LOG.verifier, path="log/2028")],
    )
    stolen.log = Log(NEXT_LOG, "log/2028")
    stolen.write(13)
    stolen.seal(at(95), next=at(95 + 720))
    made["stolen"] = served(stolen)

    # The online key signed again two weeks later; everything else is as it was.
    fresh = copy.deepcopy(press)
    fresh.files |= authority.refresh(fresh.files.get, ONLINE, "2027-03-16T08:00:00Z")
    fresh.write(14)
    fresh.seal("2027-03-16T08:00:00Z", next="2027-03-16T20:00:00Z")
    made["fortnight"] = served(fresh)

    # Three share the root now; who had it alone before signs something of his own, and calls that a contradiction.
    shared = copy.deepcopy(press)
    keys: dict[str, Any] = {"signers": [ROOTS[0]], "root": list(ROOTS), "threshold": 2, "online": ONLINE}
    shared.files |= authority.rotate(shared.files.get, **keys, now=at(62))
    made["shared"] = served(shared)
    alone = copy.deepcopy(press)
    path = next(path for path in shared.files if path.endswith(".targets.json") and path not in press.files)
    while path not in alone.files:
        renewed(alone, at(63), name="Mine alone")
    accusation = evidence.trust_document(
        [shared.files[path], alone.files[path]],
        origin="example.org",
        files={path: data for path, data in alone.files.items() if path.startswith("trust/")},
        time=at(64),
        reason="made up",
    )

    digests = {
        **press.digests,
        **other.digests,
        "only fork": forked.digests["story 66"],
        "stolen": stolen.digests["story 13"],
    }
    facts = {
        "pin": press.pin,
        "origin": "example.org",
        "digests": {name: digest for name, digest in digests.items() if not name.startswith("edition")},
        "reader": digest_of(READER),
        "accusation": accusation,
        "times": {"first": at(30), "second": at(60), "later": at(62 + 3 * 11), "rotated": at(80), "stolen": at(95)},
    }
    return made, facts


def document() -> str:
    made, facts = worlds()
    blobs: dict[str, str] = {}
    tables: dict[str, dict[str, str]] = {}
    for name, files in made.items():
        tables[name] = {}
        for path, data in sorted(files.items()):
            digest = digest_of(data)[:16]
            blobs[digest] = base64.b64encode(data).decode()
            tables[name][path] = digest
    return json.dumps({"facts": facts, "worlds": tables, "blobs": blobs}, indent=0, sort_keys=True) + "\n"


if __name__ == "__main__":
    (Path(sys.argv[1]) if len(sys.argv) > 1 else FILE).write_text(document(), "utf-8")
