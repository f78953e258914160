"""The built-in outlet through the whole pipeline, held against what its editors wrote."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mirror import pack, sample
from mirror.cli import main
from mirror.model import Paragraph, Update
from mirror.read import FolderMirror
from signing.packing import gunzip


@dataclass
class Newsroom:
    outlet: sample.SampleOutlet
    folder: Path

    def run(self, *words: str) -> int:
        return main([*words, "--quiet", "--config", str(self.folder / "tamizdat.toml")])

    def documents(self, kind: str = "article") -> list[dict[str, Any]]:
        found = []
        tree = self.folder / "archive"
        for path in FolderMirror(tree).walk():
            data = (tree / path).read_bytes()
            if path.startswith("o/") and data[:2] == b"\x1f\x8b":
                document = json.loads(gunzip(data, 1 << 20).split(b"\n")[0])
                if document["kind"] == kind:
                    found.append(document)
        return found

    def whole(self, url: str) -> dict[str, Any]:
        """The newest revision of an article, its parts joined."""
        newest = max((one for one in self.documents() if one["url"] == url), key=lambda one: int(one["revision"]))
        tree = self.folder / "archive"
        for part in newest["parts"]:
            data = (tree / "o" / part["digest"][:2] / part["digest"][2:]).read_bytes()
            newest["blocks"] += json.loads(gunzip(data, 1 << 20))["blocks"]
        return newest


@pytest.fixture(scope="module")
def newsroom(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Newsroom]:
    folder = tmp_path_factory.mktemp("sample") / "publication"
    with sample.serve() as outlet:
        made = Newsroom(outlet=outlet, folder=folder)
        assert main(["init", str(folder), "--name", "Sample", "--origin", "sample.example"]) == 0
        for language in ("en", "ru", "fa", "zh"):
            words = ["outlet", "add", f"{outlet.url}/{language}/", "--id", language, "--allow-private"]
            assert made.run(*words) == 0
        assert made.run("run") == 0
        yield made


def paragraphs(blocks: Any) -> list[str]:
    found: list[str] = []
    for block in blocks:
        if isinstance(block, Paragraph):
            found.append(" ".join(pack.plain(block.content).split()))
        elif isinstance(block, Update):
            found += paragraphs(block.blocks)
    return found


def test_every_article_is_what_its_editors_wrote_and_nothing_around_it(newsroom: Newsroom) -> None:
    truths = newsroom.outlet.ground_truth()
    assert len(truths) >= 12
    assert {truth.language for truth in truths} == {"en", "ru", "fa", "zh"}
    for truth in truths:
        document = newsroom.whole(truth.url)
        assert document["title"] == truth.title
        assert document["language"].split("-")[0] == truth.language
        assert document["direction"] == truth.direction
        got = paragraphs(pack.blocks_from_json(document["blocks"]))
        wanted = [" ".join(text.split()) for text in truth.paragraphs]
        assert got == wanted, truth.slug
        text = json.dumps(document, ensure_ascii=False)
        for unwanted in truth.must_not_contain:
            assert unwanted not in text, (truth.slug, unwanted)
        captions = {
            (one.get("caption"), one.get("credit")) for one in document["resources"] if one["role"] == "picture"
        }
        assert captions >= {(one.caption, one.credit) for one in truth.pictures}, truth.slug


def test_zero_width_joiners_of_persian_survive(newsroom: Newsroom) -> None:
    persian = [truth for truth in newsroom.outlet.ground_truth() if truth.language == "fa"]
    for truth in persian:
        wanted = sum(text.count("\u200c") for text in truth.paragraphs)
        got = "".join(paragraphs(pack.blocks_from_json(newsroom.whole(truth.url)["blocks"]))).count("\u200c")
        assert wanted > 5
        assert got == wanted


def test_a_long_article_comes_in_pieces_that_survive_a_line_that_freezes(newsroom: Newsroom) -> None:
    long = [document for document in newsroom.documents() if document["parts"]]
    assert long
    tree = newsroom.folder / "archive"
    for path in FolderMirror(tree).walk():
        size = (tree / path).stat().st_size
        if path == "front":
            assert size <= 8192
        elif path == "index.html":
            assert size <= 14_336
        elif path.startswith("o/") and (tree / path).read_bytes()[:2] == b"\x1f\x8b":
            assert size <= 12_288


def test_no_tracker_is_called_and_no_place_is_told(newsroom: Newsroom) -> None:
    assert newsroom.outlet.tracker_hits == ()
    tree = newsroom.folder / "archive"
    pictures = 0
    for path in FolderMirror(tree).walk():
        data = (tree / path).read_bytes()
        if data[:4] != b"RIFF":
            continue
        # By its chunks and not by the letters: "GPS" is in any megabyte of compressed bytes with a chance of 1 in 16.
        pictures += 1
        place, chunks = 12, set()
        while place < len(data):
            chunks.add(data[place : place + 4])
            size = int.from_bytes(data[place + 4 : place + 8], "little")
            place += 8 + size + size % 2
        assert chunks <= {b"VP8 ", b"VP8L", b"VP8X", b"ALPH"}, path
    assert pictures


def test_an_edit_is_a_revision_and_a_consent_wall_is_held_back(newsroom: Newsroom) -> None:
    outlet = newsroom.outlet
    slug = next(truth.slug for truth in outlet.ground_truth() if truth.language == "ru")
    walled = next(truth.slug for truth in outlet.ground_truth() if truth.language == "zh")
    before = {document["url"] for document in newsroom.documents()}
    url = outlet.edit(slug, "Уточнение: библиотека открыта и по средам.")
    outlet.wall(walled)
    newcomer = outlet.publish(outlet.held[0])
    # Named, an outlet is asked for everything now; otherwise a page has its times.
    named = [word for language in ("en", "ru", "fa", "zh") for word in ("--outlet", language)]
    assert newsroom.run("run", *named) == 0
    document = newsroom.whole(url)
    assert document["revision"] == 2
    assert "по средам" in json.dumps(document, ensure_ascii=False)
    assert {one["url"] for one in newsroom.documents()} - before == {newcomer}
    assert newsroom.whole(outlet.address(walled))["revision"] == 1
    assert newsroom.run("verify", str(newsroom.folder)) == 0
