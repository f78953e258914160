"""The whole way of taking an article back, by the commands an operator and a reader type."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mirror.cli import main
from mirror.publication import Publication
from signing import packing
from tests.faults import walk as walking
from tests.faults.walk import Key
from tests.outlet import Outlet

SECRET = "Quetzalwort"
PARAGRAPH = "The council met on Tuesday to discuss the new bridge over the river, which has been closed since March. "


@dataclass
class Shell:
    """Types commands inside a publication's folder and reads their JSON."""

    folder: Path
    capsys: pytest.CaptureFixture[str]

    def __call__(self, *words: str, status: int = 0) -> Any:
        self.capsys.readouterr()
        got = main([*words, "--json", "--config", str(self.folder / "tamizdat.toml")])
        captured = self.capsys.readouterr()
        lines = [json.loads(line) for line in captured.out.splitlines()]
        assert got == status, (words, captured.out, captured.err)
        return lines[0] if len(lines) == 1 else lines

    def said(self, *words: str, status: int = 0) -> str:
        self.capsys.readouterr()
        assert main([*words, "--no-progress", "--config", str(self.folder / "tamizdat.toml")]) == status
        captured = self.capsys.readouterr()
        return captured.out + captured.err


def page(title: str, words: str) -> str:
    text = "".join(f"<p>{words} {PARAGRAPH * 3}</p>" for _ in range(5))
    return (
        f'<html lang="en"><head><title>{title}</title><meta property="og:type" content="article">'
        f'<meta property="og:title" content="{title}"></head>'
        f"<body><article><h1>{title}</h1>{text}</article></body></html>"
    )


@pytest.fixture
def outlet() -> Iterator[Outlet]:
    site = Outlet()
    site.page("/news/one", page("The bridge stays closed", "First."))
    site.page("/news/two", page(f"{SECRET} speaks about the bridge", f"{SECRET} said so."))
    site.page("/news/three", page("The river has risen again", "Third."))
    site.feed("/news/one", "/news/two", "/news/three")
    yield site
    site.close()


@pytest.fixture
def shell(tmp_path: Path, outlet: Outlet, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    """A publication with three articles on two mirrors."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "memory"))
    made = Shell(folder=tmp_path / "publication", capsys=capsys)
    assert main(["init", str(made.folder), "--name", "Test", "--origin", "test.example"]) == 0
    config = made.folder / "tamizdat.toml"
    config.write_text(config.read_text().replace('# per_host_delay = "1s"', "per_host_delay = 0"))
    made("outlet", "add", f"{outlet.url}/feed.xml", "--id", "paper", "--allow-private")
    for name in ("near", "far"):
        assert made("target", "add", name, str(tmp_path / name))["added"]
    assert made("run")["outlets"][0]["new"] == 3
    return made


def files(folder: Path) -> dict[str, bytes]:
    """Every file, gzip'd ones unpacked as well."""
    found: dict[str, bytes] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            data = found[str(path.relative_to(folder))] = path.read_bytes()
            if data[:2] == b"\x1f\x8b":
                found[f"{path.relative_to(folder)} unpacked"] = packing.gunzip(data, 1 << 24)
    return found


def traces(folder: Path, *secrets: str) -> list[str]:
    return [path for path, data in files(folder).items() if any(secret.encode() in data for secret in secrets)]


def bundle_of(tree: Path) -> tuple[str, dict[str, Any]]:
    """Digest and document of the article that will be withdrawn."""
    for path, data in files(tree).items():
        if path.startswith("o/") and path.endswith(" unpacked") and SECRET.encode() in data:
            document = json.loads(data.split(b"\n")[0])
            if document["kind"] == "article":
                return path.removesuffix(" unpacked")[2:].replace("/", ""), document
    raise AssertionError("it is not there")


def walk(shell: Shell, tree: Path) -> walking.Walked:
    publication = Publication.open(shell.folder)
    log, publisher = (Key.of(publication.key(role).verifier.text) for role in ("log", "publisher"))
    return walking.walk(tree, log=log, publisher=publisher)


def test_it_is_gone_from_archive_state_and_mirrors_and_a_saved_copy_says_withdrawn(
    shell: Shell, outlet: Outlet, tmp_path: Path
) -> None:
    near, far = tmp_path / "near", tmp_path / "far"
    pin = shell("status")["fingerprint"]
    digest, document = bundle_of(near)
    pack = tmp_path / "saved.tamizdat"
    shell("get", str(near / "o" / digest[:2] / digest[2:]), "-o", str(pack), "--trust", pin)
    assert shell("verify", str(pack), "--trust", pin)["current"] == "current"
    bundle = tmp_path / "saved.bundle"
    bundle.write_bytes((near / "o" / digest[:2] / digest[2:]).read_bytes())
    secrets = (SECRET, document["salt"])
    assert traces(shell.folder, *secrets)
    assert traces(far, *secrets)

    far.rename(tmp_path / "unplugged")
    done = shell("withdraw", f"{outlet.url}/news/two", "--reason", "safety", "--yes", status=3)
    assert done["carried_out"]
    assert done["revisions"] == [digest]
    assert [target["ok"] for target in done["targets"]] == [True, False]
    assert traces(shell.folder, *secrets) == []
    assert traces(near, *secrets) == []
    walk(shell, shell.folder / "archive")
    assert walk(shell, near).withdrawn == {digest}

    # The outlet still has it; nobody asks for it again, and the mirror that was away loses it too.
    (tmp_path / "unplugged").rename(far)
    outlet.hits.clear()
    outlet.page("/news/two", page(f"{SECRET} speaks again", f"{SECRET} said more."))
    assert shell("run")["outlets"][0]["new"] == 0
    assert "/news/two" not in outlet.hits
    assert traces(far, *secrets) == []
    assert {path: data for path, data in files(far).items() if ".tamizdat-tmp" not in path} == files(near)

    # The log is whole for every reader, and whoever has a copy is told.
    verdict = shell("verify", str(near), "--trust", pin)
    assert (verdict["authentic"], verdict["fresh"], verdict["problems"]) == (True, "fresh", [])
    saved = shell("verify", str(bundle), "--trust", pin, "--mirror", str(near))
    assert (saved["authentic"], saved["current"]) == (True, "withdrawn")
    # A pack has nothing but the edition from when it was made; the reader remembers what newer ones said.
    told = []
    for words in ((), ("--no-memory", "--mirror", str(near)), ("--mirror", str(far))):
        saved = shell("verify", str(pack), "--trust", pin, *words)
        assert (saved["authentic"], saved["current"]) == (True, "withdrawn")
        assert saved["withdrawal"]["reason"] == "safety"
        told.append(saved["withdrawal"]["time"])
    assert len(set(told)) == 1
    assert shell("verify", str(pack), "--trust", pin, "--no-memory")["current"] == "current"
    # Asked for by its digest, it is not simply missing.
    gone = shell("verify", str(near / "o" / digest[:2] / digest[2:]), "--trust", pin, "--no-memory", status=4)
    assert [one["state"] for one in gone["problems"]] == ["withdrawn"]
    assert gone["withdrawal"] == {"time": told[0], "reason": "safety"}
    # What is remembered are digests of all that was withdrawn, not what was read.
    remembered = b"".join(path.read_bytes() for path in (tmp_path / "memory").rglob("*.json"))
    assert digest.encode() in remembered
    assert traces(tmp_path / "memory", *secrets, "/news/") == []


def test_another_address_of_it_is_not_taken_either(shell: Shell, outlet: Outlet) -> None:
    shell("withdraw", f"{outlet.url}/news/two", "--yes")
    html = page(f"{SECRET} speaks about the bridge", f"{SECRET} said so.")
    link = f'<link rel="canonical" href="{outlet.url}/news/two">'
    outlet.page("/amp/two", html.replace("<head>", f"<head>{link}"))
    outlet.feed("/news/one", "/amp/two")
    report = shell("run")["outlets"][0]
    assert report["new"] == 0
    assert len(report["held"]) == 1
    assert "withdrawn" in report["held"][0]
    outlet.hits.clear()
    assert shell("run")["outlets"][0]["held"] == []
    assert "/amp/two" not in outlet.hits
    assert traces(shell.folder / "archive", SECRET) == []


def test_it_shows_what_goes_and_asks_first(shell: Shell, outlet: Outlet, monkeypatch: pytest.MonkeyPatch) -> None:
    digest, _ = bundle_of(shell.folder / "archive")
    refused = shell("withdraw", digest, status=2)
    assert "asks first" in refused["error"]
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    for answer, status in (("no\n", 2), ("yes\n", 0)):
        monkeypatch.setattr("sys.stdin.readline", lambda answer=answer: answer, raising=False)
        said = shell.said("withdraw", digest, "--reason", "asked by the author", status=status)
        assert f"{SECRET} speaks about the bridge" in said
        assert "1 revision: 1 bundle" in said
        assert "asked by the author" in said
        assert ("nothing was withdrawn" in said) == (status == 2)
    assert "can not be called back" in said
    assert "target near: gone" in said


def test_without_publishing_mirrors_keep_it_until_publish(shell: Shell, tmp_path: Path) -> None:
    digest, document = bundle_of(tmp_path / "near")
    done = shell("withdraw", digest, "--yes", "--no-publish")
    assert done["targets"] == []
    assert traces(shell.folder, document["salt"]) == []
    assert traces(tmp_path / "near", document["salt"])
    shell("publish")
    for name in ("near", "far"):
        assert traces(tmp_path / name, document["salt"], SECRET) == []


@pytest.mark.parametrize("what", ["https://nobody.example/", "0" * 64, "a/0123456789ab.html", "nonsense"])
def test_what_is_not_there_is_one_clear_line(shell: Shell, what: str) -> None:
    refused = shell("withdraw", what, "--yes", status=2)
    assert refused["error"].startswith(f"no article here is {what}")


def test_a_reason_that_fits_no_edition_is_refused_before_anything_happens(shell: Shell, outlet: Outlet) -> None:
    before = files(shell.folder / "archive")
    assert "reason" in shell("withdraw", f"{outlet.url}/news/two", "--reason", "x" * 101, "--yes", status=2)["error"]
    assert files(shell.folder / "archive") == before


def test_a_copy_of_the_folder_from_before_is_told_by_the_mirrors(shell: Shell, outlet: Outlet, tmp_path: Path) -> None:
    shutil.copytree(shell.folder, tmp_path / "old")
    shell("withdraw", f"{outlet.url}/news/two", "--yes")
    restored = Shell(folder=tmp_path / "old", capsys=shell.capsys)
    restored("run")
    assert traces(tmp_path / "near", SECRET) == []
    assert traces(tmp_path / "old" / "archive", SECRET) == []
    assert len(walk(restored, tmp_path / "near").withdrawn) == 1
