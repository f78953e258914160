"""What the reader passes on, held against the operator's tool, both ways."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from mirror import shared_page
from mirror.cli import main
from mirror.export import export
from mirror.model import Code, Embed, Paragraph, Picture, Resource
from mirror.read import PackMirror, pack_bytes
from mirror.reader import page, publication_data
from tests.needs import ROOT, program
from tests.test_shared_page import GOOD, public_key, runs, told
from tests.world import World, article, picture


def passed(world: World, digest: str, out: Path, *files: Path, source: Path | None = None) -> list[dict[str, Any]]:
    """What tests/reader/sharing.mjs says of each file."""
    asked = {"archive": str(world.tree), "pin": world.pin, "origin": "world.example", "digest": digest, "out": str(out)}
    asked["now"] = f"{world.now:%Y-%m-%dT%H:%M:%SZ}"
    whole: dict[str, Any] = {**asked, "files": list(map(str, files)), "source": source and str(source)}
    done = subprocess.run(
        [program("node"), str(ROOT / "tests/reader/sharing.mjs")],
        input=json.dumps(whole), capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    made = World(tmp_path / "world")
    first, first_data = picture(1)
    second, second_data = picture(2)
    resources: tuple[Resource, ...] = (first, second)
    text = "\n".join((shared_page.BEGIN, "AAAA", shared_page.END, "</script><b>"))
    blocks = (Code(text=text), Picture(resource=0), Embed(kind="video", url="https://v.example/1", title=text))
    long = tuple(Paragraph(content=(f"{number} {'ab' * 40}{number * 7919}",)) for number in range(900))
    made.add(
        article(1, resources=resources, blocks=(*blocks, *long)),
        article(2, language="fa", direction="rtl", title="چراغ‌ها"),
        objects={first.digest: first_data, second.digest: second_data},
    )
    made.seal()
    return made


def test_each_takes_in_what_the_other_passes_on(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = {
        form: export(world.publication, article(1).url, form=form, output=tmp_path / "python", now=world.now)
        for form in ("pack", "html")
    }
    digest = made["pack"].digest
    found = passed(world, digest, tmp_path / "reader", *(one.file for one in made.values()))
    assert [one["kind"] for one in found] == ["article"] * 4, found
    assert {(one["digest"], one["title"], one["blocks"]) for one in found} == {(digest, "Article 1", 903)}
    assert [one["page"] for one in found] == [False, True, False, True]

    page = (tmp_path / "reader.html").read_bytes()
    pack = (tmp_path / "reader.tamizdat").read_bytes()
    assert shared_page.extract(page) == pack
    for name in ("reader.tamizdat", "reader.html", "python.html.again.html"):
        assert main(["verify", str(tmp_path / name), "--trust", world.pin, "--json"]) == 0, name
        verdict = json.loads(capsys.readouterr().out)
        assert (verdict["authentic"], verdict["article"]["title"]) == (True, "Article 1")
        assert verdict["current"] == "current"
        assert not [note for note in verdict["notes"] if "pictures" in note]
    # Read and written by Python, it is the same file.
    with_python = PackMirror(tmp_path / "reader.tamizdat")
    files = {name: with_python.get(name, 1 << 24) or b"" for name in with_python._names}
    with_python.close()
    assert pack_bytes(files) == pack


def test_a_signature_for_minisign_stays_with_an_article_through_readers(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    exported = export(world.publication, article(2).url, form="html", output=tmp_path / "python", now=world.now)
    passed(world, exported.digest, tmp_path / "reader", exported.file)
    again = tmp_path / "python.html.again.html"
    done = runs(told(again, 1), again, tmp_path / "empty", public_key(world))
    assert GOOD in done.stdout, done
    assert "چراغ‌ها" in done.stdout
    # One that came from mirrors has none, and says so.
    assert "minisign -V" not in (tmp_path / "reader.html").read_text()
    assert '<html lang="fa" dir="rtl">' in again.read_text()


def test_a_reader_that_was_saved_still_knows_which_release_it_is(world: World, tmp_path: Path) -> None:
    digest = export(world.publication, article(2).url, output=tmp_path / "python", now=world.now).digest
    data = publication_data(
        name="World", origin="world.example", pin=world.pin, made=f"{world.now:%Y-%m-%dT%H:%M:%SZ}",
        trust=dict(world.view().files), mirrors=["https://m1.example"],
    )  # fmt: skip
    source = tmp_path / "source.html"
    source.write_bytes(page(data))
    first, saved, *_rest = passed(world, digest, tmp_path / "reader", source=source)
    release = hashlib.sha256(source.read_bytes()).hexdigest()
    for found in (first, saved):
        assert (found["kind"], found["release"], found["same"]) == ("reader", release, True), found
        assert found["mirrors"] == ["https://m1.example"]
    assert (tmp_path / "reader.saved.html").read_bytes() != source.read_bytes()
    assert (tmp_path / "reader.bare.html").read_bytes() == source.read_bytes()
