"""Packs from the operator's side, with minisign and the reader as judges."""

from __future__ import annotations

import contextlib
import json
import subprocess
from pathlib import Path

import pytest

from mirror.cli import main
from mirror.errors import DoNotTrust, UsageError
from mirror.export import export, sign_file
from mirror.read import PackMirror
from signing import minisign
from signing.errors import SigningError
from tests.needs import program
from tests.world import World, article


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    made = World(tmp_path / "world")
    made.add(*(article(number) for number in range(1, 4)))
    made.seal()
    return made


def minisigned(file: Path, public: Path) -> bool:
    done = subprocess.run(
        [program("minisign"), "-V", "-m", str(file), "-p", str(public)], capture_output=True, check=False, timeout=30
    )
    return done.returncode == 0


def public_key(world: World, folder: Path) -> Path:
    """As a reader gets it: from the trust files."""
    view = world.view()
    info = view.targets["minisign.pub"]
    path = folder / "minisign.pub"
    path.write_bytes((world.tree / info.path("minisign.pub")).read_bytes())
    return path


def test_minisign_accepts_every_pack_and_the_reader_verifies_it(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    public = public_key(world, tmp_path)
    config = str(world.publication.config.path)
    for number in range(1, 4):
        url = article(number).url
        file = tmp_path / f"{number}.tamizdat"
        assert main(["export", url, "-o", str(file), "--config", config, "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert told["file"] == str(file)
        assert told["minisign"] in public.read_text()
        assert minisigned(file, public)
        comment = minisign.verify(
            file.read_bytes(), Path(told["signature"]).read_bytes(), minisign.PublicKey.parse(public.read_bytes())
        )
        assert f"file:{number}.tamizdat origin:world.example index:" in comment
        assert main(["verify", str(file), "--trust", world.pin, "--json"]) == 0
        verdict = json.loads(capsys.readouterr().out)
        assert verdict["authentic"]
        assert verdict["article"]["url"] == url


def test_a_flipped_byte_anywhere_is_refused(world: World, tmp_path: Path, everything: bool) -> None:
    public = public_key(world, tmp_path)
    made = export(world.publication, article(1).url, output=tmp_path / "a", now=world.now)
    assert made.file == tmp_path / "a.tamizdat"
    assert made.signature == tmp_path / "a.tamizdat.minisig"
    assert minisigned(made.file, public)
    key = minisign.PublicKey.parse(public.read_bytes())
    for file, step in ((made.file, 53 if everything else 997), (made.signature, 7 if everything else 61)):
        good = file.read_bytes()
        # What is before the signature's first line end is anybody's remark.
        start = good.index(b"\n") + 1 if file == made.signature else 0
        for at in range(start, len(good), step):
            file.write_bytes(good[:at] + bytes([good[at] ^ 2]) + good[at + 1 :])
            # minisign's program looks neither at the padding of base64 nor at the unused bits before it; our own
            # reading of the format does.
            if b"=" not in good[at : at + 2] or file == made.file:
                assert not minisigned(made.file, public), (file, at)
            with pytest.raises(SigningError):
                minisign.verify(made.file.read_bytes(), made.signature.read_bytes(), key)
        file.write_bytes(good)
    assert minisigned(made.file, public)


def test_an_article_is_named_by_digest_address_or_page(world: World, tmp_path: Path) -> None:
    by_url = export(world.publication, article(2).url, output=tmp_path / "url", now=world.now)
    by_digest = export(world.publication, by_url.digest, output=tmp_path / "digest", now=world.now)
    assert by_url.file.read_bytes() == by_digest.file.read_bytes()
    assert by_digest.title == article(2).title
    folder = tmp_path / "folder"
    folder.mkdir()
    named = export(world.publication, by_url.digest, output=folder, sign=False, now=world.now)
    assert named.file == folder / f"{by_url.digest[:12]}.tamizdat"
    assert named.signature is None
    assert [path.name for path in folder.iterdir()] == [named.file.name]
    with contextlib.closing(PackMirror(named.file)) as pack:
        assert json.loads(pack.get("pack.json", 1000) or b"")["digest"] == by_url.digest


def test_what_cannot_be_exported_is_said_and_nothing_is_written(world: World, tmp_path: Path) -> None:
    output = tmp_path / "out"
    with pytest.raises(UsageError, match="no article here"):
        export(world.publication, "https://elsewhere.example/", output=output, now=world.now)
    with pytest.raises(UsageError, match="unknown format"):
        export(world.publication, article(1).url, form="scroll", output=output, now=world.now)
    world.add(article(9))
    with pytest.raises(UsageError, match="not in the log yet"):
        export(world.publication, article(9).url, output=output, now=world.now)
    digest = export(world.publication, article(1).url, output=tmp_path / "good", sign=False, now=world.now).digest
    path = world.tree / "o" / digest[:2] / digest[2:]
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(DoNotTrust, match="does not verify"):
        export(world.publication, article(1).url, output=output, now=world.now)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("out")]


def test_without_the_key_that_readers_know_nothing_is_signed(world: World, tmp_path: Path) -> None:
    release = tmp_path / "reader.html"
    release.write_bytes(b"<!doctype html>")
    signature = sign_file(world.publication, release, now=world.now)
    assert minisigned(release, public_key(world, tmp_path))
    assert b"index" not in signature.read_bytes()
    with pytest.raises(UsageError, match="No such file"):
        sign_file(world.publication, tmp_path / "none", now=world.now)
    key = world.publication.key_path("minisign")
    kept = key.read_text()
    key.unlink()
    with pytest.raises(UsageError, match="no minisign key"):
        export(world.publication, article(1).url, output=tmp_path / "a", now=world.now)
    key.touch(mode=0o600)
    key.write_text(minisign.SignerKey("world.example/minisign", b"x" * 32).text + "\n")
    with pytest.raises(UsageError, match="not the key that the trust files name"):
        sign_file(world.publication, release, now=world.now)
    key.write_text(kept)
    assert sign_file(world.publication, release, now=world.now) == signature


def test_a_publication_that_names_no_minisign_key_is_told_how_to(world: World, tmp_path: Path) -> None:
    world.retrust(lambda document: document.update(name="World"), {"minisign.pub": None})
    with pytest.raises(UsageError, match="name no minisign key") as caught:
        export(world.publication, article(1).url, output=tmp_path / "a", now=world.now)
    assert "key rotate minisign" in (caught.value.hint or "")
    assert not (tmp_path / "a").exists()


def test_releases_are_signed_by_a_command(world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = [tmp_path / "reader.html", tmp_path / "release.tar.gz"]
    for name in names:
        name.write_bytes(name.name.encode())
    config = str(world.publication.config.path)
    assert main(["key", "minisign", *map(str, names), "--config", config, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["signatures"] == [f"{name}.minisig" for name in names]
    public = public_key(world, tmp_path)
    assert all(minisigned(name, public) for name in names)
    assert main(["key", "minisign", str(tmp_path / "none"), "--config", config]) == 2
