"""What a reader fetches to see the front page and one article: bytes, requests, the largest piece.

    python benchmarks/bench_reader.py [OUTLETS ARTICLES]     default 20 outlets of 100 articles each, made up, with long
                                                             Russian, Persian and English titles; and the sample outlet

The mirror is served on loopback by `tamizdat serve`'s server; a pipe in between counts every byte in both directions,
headers and all. `body` is what the files weigh, `wire` adds the headers. Nothing is cached. What is fetched is verified
by `signing.verify`, as the reader does.

    light       this project's: `front`, then the article with the median size among those on it
    tiles       a client of plain C2SP tiles, as if there were no `front`: checkpoint, newest entries tile, the newest
                edition, the hash tiles that prove it, then the article
    new reader  the trust metadata, walked from the fingerprint alone; once, or when it has expired

Goal: two requests, front page at most 8 KiB, text at most 12 KiB.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from _common import Wire, commas, only_loopback, serving, show


class Reader:
    """A mirror read through the pipe; what was fetched since `reset`."""

    def __init__(self, address: str) -> None:
        from mirror.read import WebMirror

        self._wire = Wire(address)
        self._mirror = WebMirror(self._wire.url)
        self.name = address
        self.reset()

    def reset(self) -> None:
        """As a reader that comes anew: another connection, nothing counted."""
        self._mirror.close()
        self._mirror._session = None
        self._wire.up = self._wire.down = 0
        self.sizes: list[int] = []
        self.requests = 0

    def get(self, path: str, cap: int) -> bytes | None:
        self.requests += 1
        data = self._mirror.get(path, cap)
        if data is not None:
            self.sizes.append(len(data))
        return data

    def need(self, path: str) -> bytes:
        data = self.get(path, 1 << 20)
        if data is None:
            raise SystemExit(f"{path} is missing")
        return data

    def row(self, what: str) -> list[str]:
        numbers = (self.requests, sum(self.sizes), max(self.sizes, default=0), self._wire.down, self._wire.up)
        return [what, *(commas(number) for number in numbers)]


HEADS = ["", "requests", "body", "largest", "wire, down", "wire, up"]


def medians(reader: Reader, trust: Any, pin: str, tree: Path) -> list[list[str]]:
    """One row a way of reading, for this archive."""
    import schemas
    from mirror.known import Memory
    from mirror.read import object_path
    from mirror.trusted import open_trust
    from signing.verify import verify_front, verify_listed, verify_object

    rows = []

    def front() -> Any:
        return verify_front(reader.need("front"), trust=trust, schema=schemas.check)[0]

    edition = front()
    listed = [item for outlet in edition.document["outlets"] for item in outlet["articles"]]
    median = sorted(listed, key=lambda item: item["size"])[len(listed) // 2]

    def article() -> Any:
        stored = reader.need(object_path(median["digest"]))
        return verify_listed(stored, item=median, edition=edition, trust=trust, schema=schemas.check)

    def way(what: str, *steps: Callable[[], Any]) -> None:
        reader.reset()
        for step in steps:
            step()
        rows.append(reader.row(what))

    def thumbnails() -> None:
        for digest in dict.fromkeys(item["thumbnail"] for item in listed if "thumbnail" in item):
            verify_object(reader.need(object_path(digest)), digest, cap=1 << 20)

    def pictures() -> None:
        document = article().document
        for one in document["resources"]:
            if one["role"] == "picture":
                verify_object(reader.need(object_path(one["digest"])), one["digest"], one["size"], 16 << 20)

    def tiles() -> None:
        by_tiles(reader, edition)

    def cold() -> None:
        open_trust(reader, pin=pin, memory=Memory(None), now=datetime.now(UTC))

    way("light: front page", front)
    way("light: front page and one article's text", front, article)
    way("tiles: the same", tiles, article)
    way("new reader: trust, front page, one article", cold, front, article)
    older = next((outlet["older"] for outlet in edition.document["outlets"] if outlet.get("older")), None)
    if older:
        way("light: front page and a page of older articles", front, lambda: reader.need(object_path(older["digest"])))
    if any("thumbnail" in item for item in listed):
        way("light: front page with all its thumbnails", front, thumbnails)
        way("light: front page, one article with its pictures", front, pictures)
    way("without this format: index.html and the article's page", lambda: plain(reader, median["url"]))
    shown = {outlet["id"] for outlet in edition.document["outlets"] if outlet["articles"]}
    sizes = sorted(path.stat().st_size for path in tree.glob("o/*/*") if path.read_bytes()[:2] == b"\x1f\x8b")
    print(
        f"{len(listed)} articles of {len(shown)} outlets on the front page, "
        f"{sum('lead' in item for item in listed)} of them with a lead; "
        f"article listed: median {statistics.median(item['size'] for item in listed):,.0f} bytes, "
        f"largest {max(item['size'] for item in listed):,}; largest of {len(sizes):,} text objects: {sizes[-1]:,}"
    )
    return rows


def by_tiles(reader: Reader, edition: Any) -> None:
    """Checkpoint, newest entries, the hash tiles that prove the edition, and the edition. Raises what is wrong."""
    from mirror.read import object_path
    from signing.checkpoint import parse_text
    from signing.note import parse
    from signing.tiles import TileHashes

    head = parse_text(parse(reader.need("checkpoint")).text)
    hashes = TileHashes(head.size, head.root, reader.need)
    entries = hashes.entries((head.size - 1) // 256)
    if edition.digest.encode() not in entries[-1]:
        raise SystemExit("the edition is not the newest entry")
    hashes.inclusion(head.size - 1)
    reader.need(object_path(edition.digest))


def plain(reader: Reader, url: str) -> None:
    """The pages for people who have no reader, without their style or pictures being anywhere else."""
    from mirror.read import page_path

    reader.need("index.html")
    reader.need(page_path(url))


def measure(title: str, folder: Path, pin: str) -> None:
    """Serve an archive and print its table."""
    from mirror.known import Memory
    from mirror.read import FolderMirror
    from mirror.trusted import open_trust

    trust = open_trust(FolderMirror(folder), pin=pin, memory=Memory(None), now=datetime.now(UTC)).trust
    print(title)
    with serving("mirror", folder) as address:
        show([HEADS, *medians(Reader(address), trust, pin, folder)])
    print()


def sample(folder: Path) -> tuple[Path, str]:
    """A publication of the built-in sample outlet, by a real run; its tree and fingerprint."""
    import asyncio

    from mirror import sample as built_in
    from mirror.config_edit import add_outlet
    from mirror.output import Output
    from mirror.publication import Publication, create
    from mirror.run import run

    made = create(folder, name="Sample", origin="sample.example", now=datetime.now(UTC))
    with built_in.serve() as outlet:
        path = made.publication.config.path
        for language in ("en", "ru", "fa", "zh"):
            url = f"{outlet.url}/{language}/"
            name = f"The Harbour Lantern, {language}"
            add_outlet(path, id=language, name=name, url=url, feeds=[f"{url}feed.xml"], allow_private=True)
        publication = Publication.open(path)
        report = asyncio.run(run(publication, Output(quiet=True)))
    if report.status or not report.sealed:
        raise SystemExit(f"the run failed: {report.as_json()}")
    return publication.tree, made.fingerprint


def main() -> None:
    from _articles import outlets, publication

    many, each = (int(one) for one in sys.argv[1:3]) if len(sys.argv) > 2 else (20, 100)
    with tempfile.TemporaryDirectory(prefix="tamizdat-bench-") as name:
        folder = Path(name)
        with only_loopback():
            tree, pin = sample(folder / "sample")
            measure("The sample outlet", tree, pin)
        real, os.fsync = os.fsync, lambda fd: None
        try:
            made, pin = publication(folder / "made", outlets(many), each, pictures=1)
        finally:
            os.fsync = real
        measure(f"{many} outlets of {each} articles each, made up", made.tree, pin)


if __name__ == "__main__":
    main()
