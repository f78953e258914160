"""Follows a mirror and a witness from outside while a publication is crashed: was there ever a second history?

    python -m tests.faults.monitor MIRROR-FOLDER WITNESS-URL LOG-KEY…

It looks all the time, answers each line on stdin after another look, and ends when stdin is closed.
Written like `walk.py`, of which it uses only the hashing: nothing of the project is imported. Every checkpoint that was
ever seen in either place is kept, and held against the entries that the mirror has. Prints what it saw; exit status 1
for a contradiction.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import select
import struct
import sys
import urllib.error
import urllib.request
from pathlib import Path

from tests.faults.walk import Broken, Head, Key, Log, name


class Monitor:
    def __init__(self, mirror: Path, witness: str, keys: list[Key]) -> None:
        self.mirror, self.witness = mirror, witness
        self.keys = {key.name: key for key in keys}
        self.seen: dict[str, dict[int, tuple[bytes, str]]] = {}  # origin → size → root and where
        self.checked: dict[str, int] = {}
        self.looks = self.published = 0
        self.logs: list[str] = []  # in the order in which they appeared
        self.shown = "", 0
        self.problem: str | None = None

    def look(self) -> None:
        """One look at both."""
        self.looks += 1
        with contextlib.suppress(FileNotFoundError):
            self.take((self.mirror / "checkpoint").read_bytes(), "mirror")
        for origin in self.logs[-1:] or list(self.keys)[:1]:
            place = f"{self.witness}/{hashlib.sha256(origin.encode()).hexdigest()}/checkpoint"
            with (
                contextlib.suppress(urllib.error.URLError, OSError),
                urllib.request.urlopen(place, timeout=5) as answer,
            ):
                self.take(answer.read(), "witness")

    def take(self, data: bytes, where: str) -> None:
        """A checkpoint that was seen; raises `Broken` when it contradicts another."""
        origin = data.split(b"\n", 1)[0].decode()
        if origin not in self.keys:
            raise Broken(f"{where}: a checkpoint of {origin}")
        head = Head.of(data, self.keys[origin])
        known = self.seen.setdefault(origin, {})
        root, place = known.setdefault(head.size, (head.root, where))
        if root != head.root:
            raise Broken(f"FORK: two roots for size {head.size} of {origin}, {place} and {where}")
        if where == "mirror" and (origin, head.size) != self.shown:
            self.publish(origin, head.size)

    def publish(self, origin: str, size: int) -> None:
        """The mirror shows this now."""
        if origin not in self.logs:
            self.logs.append(origin)
        if self.logs[-1] != origin:
            raise Broken(f"the mirror went back to {origin}")
        if origin == self.shown[0] and size < self.shown[1]:
            raise Broken(f"the mirror went back from {self.shown[1]} to {size}")
        self.shown = origin, size
        self.published += 1
        self.check(origin, size)

    def check(self, origin: str, size: int) -> None:
        """Every checkpoint seen so far is of the log that the mirror has."""
        entries = self.entries(origin, size)
        log = Log(entries)
        for old, (root, where) in self.seen[origin].items():
            if old <= size and log.root(old) != root:
                raise Broken(f"FORK: the {where}'s checkpoint of {old} is not of the log of {size} ({origin})")
        digests = [entry.split(b"\n")[4] for entry in entries if entry.split(b"\n")[1] != b"withdrawal"]
        if len(set(digests)) < len(digests):
            raise Broken(f"something is in {origin} twice")
        self.checked[origin] = size

    def entries(self, origin: str, size: int) -> list[bytes]:
        first = origin == next(iter(self.keys))
        tiles = self.mirror / ("tile" if first else f"log/{origin.rpartition('/')[2]}/tile") / "entries"
        entries: list[bytes] = []
        for number in range((size + 255) // 256):
            width = min(256, size - number * 256)
            data = b""
            for path in (tiles / f"{name(number)}.p/{width}", tiles / name(number)):
                with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                    data = data or path.read_bytes()
            if not data:
                raise Broken(f"the mirror promises {size} entries of {origin} and lacks tile {number}")
            some: list[bytes] = []
            while data:
                (length,) = struct.unpack(">H", data[:2])
                some.append(data[2 : 2 + length])
                data = data[2 + length :]
            entries += some[:width]
        return entries

    def finish(self) -> None:
        """The last word: what the witness saw may have been published later, or be waiting still."""
        self.look()
        for origin in self.logs:
            self.check(origin, self.checked[origin])


def main() -> int:
    monitor = Monitor(Path(sys.argv[1]), sys.argv[2], [Key.of(text) for text in sys.argv[3:]])
    print("ready", flush=True)
    try:
        while True:
            asked = select.select([sys.stdin], [], [], 0.02)[0]
            if asked and not sys.stdin.readline():
                break
            monitor.look()
            if asked:
                print("looked", flush=True)
        monitor.finish()
    except Broken as problem:
        monitor.problem = str(problem)
    said = {
        "problem": monitor.problem,
        "looks": monitor.looks,
        "published": monitor.published,
        "logs": monitor.logs,
        "sizes": monitor.checked,
    }
    print(json.dumps(said), flush=True)
    return 1 if monitor.problem else 0


if __name__ == "__main__":
    sys.exit(main())
