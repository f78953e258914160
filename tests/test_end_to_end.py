"""The whole way, by the commands an operator types: outlet → run → two mirrors → a reader's verdict."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from mirror.cli import main
from mirror.read import FolderMirror
from signing import checkpoint as checkpoints
from signing import note
from signing.checkpoint import Checkpoint
from signing.merkle import range_hash
from signing.packing import gunzip
from signing.tiles import TileHashes
from tests.needs import IN_CI, shared
from tests.outlet import Outlet
from tests.servers.radosgw import installed as radosgw_is_there
from tests.servers.s3 import s3_server

MT = "/2022/02/24/belarus-says-its-army-not-taking-part-in-ukraine-invasion-a76564"


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


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "memory"))
    made = Shell(folder=tmp_path / "publication", capsys=capsys)
    assert main(["init", str(made.folder), "--name", "Test", "--origin", "test.example"]) == 0
    config = made.folder / "tamizdat.toml"
    config.write_text(config.read_text().replace('# per_host_delay = "1s"', "per_host_delay = 0"))
    return made


def _photo() -> bytes:
    """A picture with colour, and with a place in its metadata."""
    image = Image.linear_gradient("L").resize((1360, 900)).convert("RGB")
    exif = Image.Exif()
    exif[0x010E] = "SECRET-PLACE 55.75 37.61"
    out = io.BytesIO()
    image.save(out, "JPEG", exif=exif)
    return out.getvalue()


@pytest.fixture
def moscow() -> Iterator[Outlet]:
    html = shared("corpus/moscowtimes/a76564.html").read_text()
    with Outlet() as outlet:
        for site in ("https://www.themoscowtimes.com", "https://static.themoscowtimes.com"):
            html = html.replace(site, outlet.url)
        outlet.page(MT, html)
        for width in (1360, 640):
            outlet.files[f"/image/article_{width}/3b/lukashenko-president.jpg"] = (_photo(), "image/jpeg")
        outlet.feed(MT, title="The Moscow Times")
        outlet.page("/", '<title>MT</title><link rel="alternate" type="application/rss+xml" href="/feed.xml">')
        yield outlet


def _bundles(tree: Path, kind: str = "article") -> list[tuple[str, dict[str, Any], bytes]]:
    found = []
    for path in FolderMirror(tree).walk():
        data = (tree / path).read_bytes()
        if path.startswith("o/") and data[:2] == b"\x1f\x8b":
            text = gunzip(data, 1 << 20)
            document = json.loads(text.split(b"\n")[0])
            if document["kind"] == kind:
                found.append((path, document, text))
    return found


def test_a_page_behind_a_feed_becomes_a_bundle_with_its_text_and_nothing_else(shell: Shell, moscow: Outlet) -> None:
    truth = json.loads(shared("corpus/moscowtimes/a76564.json").read_text())
    added = shell("outlet", "add", f"{moscow.url}/", "--id", "mt", "--name", "The Moscow Times", "--allow-private")
    assert added["samples"][0]["state"] == "ok"
    report = shell("run")
    assert [report["outlets"][0][key] for key in ("new", "revised", "held", "failed")] == [1, 0, [], []]
    ((_, document, text),) = _bundles(shell.folder / "archive")
    assert document["title"] == truth["title"]
    paragraphs = [block["content"] for block in document["blocks"] if block["type"] == "paragraph"]
    assert len(paragraphs) == 9
    wanted = [" ".join(paragraph.split()) for paragraph in truth["body_text"].split("\n\n")]
    assert [" ".join("".join(content).split()) for content in paragraphs] == wanted
    (cover,) = [one for one in document["resources"] if one["role"] == "picture"]
    assert (cover["caption"], cover["credit"], cover["cover"]) == (truth["caption"], truth["credit"], True)
    for unwanted in truth["must_not_contain"]:
        assert unwanted.encode() not in text
    for path in FolderMirror(shell.folder / "archive").walk():
        assert b"SECRET-PLACE" not in (shell.folder / "archive" / path).read_bytes()


def test_two_mirrors_are_filled_verified_left_alone_and_brought_up_to_date(
    shell: Shell, moscow: Outlet, tmp_path: Path
) -> None:
    shell("outlet", "add", f"{moscow.url}/feed.xml", "--id", "mt", "--allow-private")
    mirrors = [tmp_path / "one", tmp_path / "two"]
    for mirror in mirrors:
        assert shell("target", "add", mirror.name, str(mirror))["added"]
    first = shell("run")
    assert [target["audit"] for target in first["targets"]] == ["ok", "ok"]
    for mirror in mirrors:
        verdict = shell("verify", str(mirror))
        assert (verdict["authentic"], verdict["fresh"], verdict["problems"]) == (True, "fresh", [])
    article = _bundles(mirrors[0])[0][0]

    before = {path: (mirrors[0] / path).read_bytes() for path in FolderMirror(mirrors[0]).walk()}
    again = shell("run")
    assert again["changed"] is False
    assert (again["outlets"][0]["new"], again["outlets"][0]["revised"]) == (0, 0)
    after = {path: (mirrors[0] / path).read_bytes() for path in FolderMirror(mirrors[0]).walk()}
    changed = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    assert changed == {"trust/timestamp.json"}, "a run with nothing new uploads only what states freshness"
    assert [(target["puts"], target["pointers"]) for target in again["targets"]] == [(0, 1), (0, 1)]

    html = moscow.files[MT][0].decode()
    moscow.page(MT, html.replace("coming under artillery attack along its northern border with", "shelled from"))
    # Named, an outlet is asked for everything now; otherwise a page has its times.
    third = shell("run", "--outlet", "mt")
    assert third["outlets"][0]["revised"] == 1
    assert sorted(one["revision"] for _, one, _ in _bundles(mirrors[0])) == [1, 2]
    old = shell("verify", str(mirrors[0] / article))
    assert (old["authentic"], old["current"]) == (True, "superseded")
    newer = next(path for path, one, _ in _bundles(mirrors[1]) if one["revision"] == 2)
    assert shell("verify", str(mirrors[1] / newer))["current"] == "current"
    # Banner noise is no revision.
    moscow.page(MT, moscow.files[MT][0].decode().replace("Support us", "Support us today!"))
    assert shell("run", "--outlet", "mt")["outlets"][0]["unchanged"] == 1


def test_a_folder_and_an_s3_bucket_are_two_mirrors_of_one_publication(
    shell: Shell, moscow: Outlet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On Ceph's gateway where it is installed (always in CI), else on a lighter server."""
    with s3_server("radosgw" if radosgw_is_there() or IN_CI else "moto") as server:
        monkeypatch.setenv("TEST_KEY", server.access_key)
        secret = tmp_path / "secret"
        secret.write_text(server.secret_key + "\n")
        secret.chmod(0o600)
        shell("outlet", "add", f"{moscow.url}/feed.xml", "--id", "mt", "--allow-private")
        assert shell("target", "add", "folder", str(tmp_path / "folder"))["added"]
        settings = [f"endpoint={server.endpoint}", f"region={server.region}", "access_key=env:TEST_KEY"]
        words = [word for one in [*settings, f"secret_key=file:{secret}"] for word in ("--set", one)]
        public = f"{server.public_url or f'{server.endpoint}/{server.bucket}'}/mirror"
        added = shell("target", "add", "bucket", f"s3://{server.bucket}/mirror", "--public", public, *words)
        assert added["added"]
        assert server.secret_key not in (shell.folder / "tamizdat.toml").read_text()
        report = shell("run")
        assert [(one["name"], one["ok"], one["audit"]) for one in report["targets"]] == [
            ("folder", True, "ok"),
            ("bucket", True, "ok"),
        ]
        for address in (str(tmp_path / "folder"), public):
            verdict = shell("verify", address)
            assert (verdict["authentic"], verdict["fresh"], verdict["problems"]) == (True, "fresh", [])
        again = shell("run")
        assert again["changed"] is False
        assert [(one["puts"], one["pointers"]) for one in again["targets"]] == [(0, 1), (0, 1)]
        shell("target", "add", "private", f"s3://{server.bucket}/elsewhere", *words)
        shell("publish", "private")
        shell("audit", "private")
        shell("audit", "folder")
        refused = shell("target", "add", "typo", "s3://no-such-bucket/x", *words, status=1)
        assert "no-such-bucket" in refused["error"]
        assert "typo" not in (shell.folder / "tamizdat.toml").read_text()


def test_an_article_travels_alone_in_a_pack_and_verifies_with_no_mirror(
    shell: Shell, moscow: Outlet, tmp_path: Path
) -> None:
    shell("outlet", "add", f"{moscow.url}/feed.xml", "--id", "mt", "--allow-private")
    shell("target", "add", "one", str(tmp_path / "one"))
    shell("run")
    pin = shell("status")["fingerprint"]
    path = _bundles(tmp_path / "one")[0][0]
    pack = tmp_path / "article.tamizdat"
    shell("get", str(tmp_path / "one" / path), "-o", str(pack), "--trust", pin)
    shell("get", str(tmp_path / "one"), "-o", str(tmp_path / "copy"), "--trust", pin)
    assert shell("verify", str(tmp_path / "copy"), "--trust", pin)["authentic"]
    page = next((tmp_path / "one" / "a").iterdir())
    assert shell("verify", str(page), "--trust", pin)["authentic"]
    honest = page.read_bytes()
    for lie in (honest.replace(b"artillery", b"no"), honest.replace(b"</footer>", b"<p>Buy gold!</p></footer>")):
        assert lie != honest
        page.write_bytes(lie)
        assert "page" in shell("verify", str(page), "--trust", pin, status=4)["problems"][0]["detail"]
    page.write_bytes(honest)
    shutil.rmtree(tmp_path / "one")
    verdict = shell("verify", str(pack), "--trust", pin)
    assert (verdict["authentic"], verdict["current"]) == (True, "current")
    assert verdict["article"]["title"].startswith("Belarus Says")
    data = bytearray(pack.read_bytes())
    at = data.index(b"\x1f\x8b", data.index(path.encode()))
    data[at + 40] ^= 1
    pack.write_bytes(data)
    assert shell("verify", str(pack), "--trust", pin, status=4)["authentic"] is False


def test_of_two_runs_at_once_one_works_and_the_other_says_it_is_busy(shell: Shell, moscow: Outlet) -> None:
    shell("outlet", "add", f"{moscow.url}/feed.xml", "--id", "mt", "--allow-private")
    command = [sys.executable, "-m", "mirror.cli", "run", "--config", str(shell.folder / "tamizdat.toml")]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(shell.folder)], stdout=subprocess.PIPE, text=True, env=environment
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline().strip() == "held"
        second = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment, check=False)
        assert second.returncode == 75
        assert second.stderr.startswith("tamizdat: error: ")
        assert str(holder.pid) in second.stderr
    finally:
        holder.kill()
        holder.wait()
        assert holder.stdout is not None
        holder.stdout.close()
    # A killed holder leaves no stale lock.
    assert subprocess.run(command, capture_output=True, timeout=60, env=environment, check=False).returncode == 0


_HOLD = """
import sys, time
from pathlib import Path
from mirror.archive import Archive
with Archive(Path(sys.argv[1])) as archive, archive.locked():
    print("held", flush=True)
    time.sleep(60)
"""


def test_an_outlet_that_yields_nothing_is_partly_done_and_named(shell: Shell, moscow: Outlet) -> None:
    shell("outlet", "add", f"{moscow.url}/feed.xml", "--id", "mt", "--allow-private")
    moscow.feed()
    report = shell("run", status=3)
    assert report["outlets"][0]["problem"]
    page = shell.folder / "status.html"
    status = shell("status", "--html", str(page), status=3)
    assert any("mt" in warning for warning in status["warnings"])
    assert "needs attention" in page.read_text()


def test_a_target_that_is_gone_fails_alone(shell: Shell, moscow: Outlet, tmp_path: Path) -> None:
    shell("outlet", "add", f"{moscow.url}/feed.xml", "--id", "mt", "--allow-private")
    for name in ("one", "two"):
        shell("target", "add", name, str(tmp_path / name))
    shutil.rmtree(tmp_path / "one")
    report = shell("run", status=3)
    assert {target["name"]: target["ok"] for target in report["targets"]} == {"one": False, "two": True}
    assert shell("verify", str(tmp_path / "two"))["authentic"]
    (tmp_path / "one").mkdir()
    shell("run")
    assert shell("verify", str(tmp_path / "one"))["authentic"], "what it missed is caught up"


def _entries(tree: Path) -> tuple[Checkpoint, list[bytes]]:
    """The checkpoint of a short log, and its entries, checked against it."""
    head = checkpoints.parse_text(note.parse((tree / "checkpoint").read_bytes()).text)
    hashes = TileHashes(head.size, head.root, lambda path: (tree / path).read_bytes())
    return head, hashes.entries(0)


def test_a_restored_backup_catches_up_and_signs_no_second_history(shell: Shell, moscow: Outlet, tmp_path: Path) -> None:
    shell("outlet", "add", f"{moscow.url}/feed.xml", "--id", "mt", "--allow-private")
    one = tmp_path / "one"
    shell("target", "add", "one", str(one))
    shell("run")
    shutil.copytree(shell.folder, tmp_path / "backup")
    html = moscow.files[MT][0].decode()
    moscow.page(MT, html.replace("coming under artillery attack", "shelled"))
    shell("run", "--outlet", "mt")
    (lost,) = (path for path, document, _ in _bundles(one) if document["revision"] == 2)
    head, newest = _entries(one)
    assert shell("verify", str(one))["log"]["size"] == head.size
    shutil.rmtree(shell.folder)
    shutil.copytree(tmp_path / "backup", shell.folder)
    assert len(_entries(shell.folder / "archive")[1]) < len(newest)
    moscow.page(MT, html.replace("coming under artillery attack", "under fire"))
    report = shell("run", "--outlet", "mt")
    assert report["caught_up"]["entries"] > 0
    assert report["outlets"][0]["revised"] == 1
    # What was signed in the lost time stays, each entry in its place, and what comes after it begins with it.
    after, entries = _entries(one)
    assert entries[: len(newest)] == newest
    assert len(entries) == after.size > head.size
    assert len(set(entries)) == len(entries)
    hashes = TileHashes(after.size, after.root, lambda path: (one / path).read_bytes())
    assert range_hash(0, head.size, hashes.read) == head.root
    assert {document["revision"] for _, document, _ in _bundles(one)} == {1, 2, 3}
    for where in (one, shell.folder / "archive"):
        verdict = shell("verify", str(where))  # by a reader who remembers the checkpoint of the lost time
        assert (verdict["authentic"], verdict["fresh"], verdict["evidence"]) == (True, "fresh", None)
        verdict = shell("verify", str(where / lost))
        assert (verdict["authentic"], verdict["current"]) == (True, "superseded")
    # A mirror can't stop the press by inventing a checkpoint.
    right = (one / "checkpoint").read_bytes()
    shutil.rmtree(one)
    one.mkdir()
    (one / "checkpoint").write_bytes(right.replace(b"\n%d\n" % after.size, b"\n99\n"))
    shell("run")
    assert (one / "checkpoint").read_bytes() == right


def test_private_addresses_are_refused_unless_allowed(shell: Shell, moscow: Outlet) -> None:
    error = shell("outlet", "add", f"{moscow.url}/", "--id", "mt", status=1)
    assert "--allow-private" in f"{error['error']} {error['hint']}"
    assert moscow.hits == []


def test_preview_shows_a_page_and_stores_nothing(shell: Shell, moscow: Outlet) -> None:
    before = sorted(path.as_posix() for path in shell.folder.rglob("*"))
    shown = shell("preview", moscow.url + MT, "--allow-private")
    assert (shown["state"], shown["article"]["title"][:7]) == ("ok", "Belarus")
    assert shown["article"]["pictures"][0]["credit"] == "president.gov.by"
    assert len(shown["article"]["text"].split("\n\n")) == 9
    file = shared("corpus/moscowtimes/a76564.html")
    assert shell("preview", str(file), "--url", "https://www.themoscowtimes.com" + MT)["state"] == "ok"
    assert sorted(path.as_posix() for path in shell.folder.rglob("*")) == before


def test_a_page_given_by_hand_is_published_with_the_next_run(shell: Shell, moscow: Outlet) -> None:
    shell("outlet", "add", f"{moscow.url}/feed.xml", "--id", "mt", "--allow-private")
    other = MT + "-b"
    moscow.page(other, moscow.files[MT][0].decode().replace("a76564", "a76564-b").replace("Belarus Says", "Minsk Says"))
    report = shell("add", moscow.url + other)
    assert report["outlets"][0]["new"] == 1
    shell("run")
    titles = {document["title"][:6] for _, document, _ in _bundles(shell.folder / "archive")}
    assert titles == {"Belaru", "Minsk "}
    # No feed lists it; it is looked at again all the same, and what an error's page says is not taken.
    moscow.page(other, moscow.files[other][0].decode().replace("coming under artillery attack", "shelled"))
    with contextlib.closing(sqlite3.connect(shell.folder / "state" / "state.sqlite")) as state, state:
        state.execute("update pages set due = first_seen where due is not null and url = ?", (moscow.url + other,))
    assert shell("run")["outlets"][0]["revised"] == 1
    moscow.busy.add(other)
    assert "answered 503" in shell("add", moscow.url + other, status=3)["outlets"][0]["failed"][0]


def test_a_quiet_run_loads_nothing_expensive(shell: Shell, moscow: Outlet) -> None:
    """That is what keeps it below a second of processor time; seconds themselves are for the benchmarks."""
    shell("outlet", "add", f"{moscow.url}/feed.xml", "--id", "mt", "--allow-private")
    shell("run")
    code = (
        "import sys; from mirror.cli import main; status = main(sys.argv[1:]);"
        "heavy = {'trafilatura', 'PIL', 'opendal', 'feedparser', 'moto'} & set(sys.modules);"
        "print(status, sorted(heavy))"
    )
    words = ["run", "--quiet", "--config", str(shell.folder / "tamizdat.toml")]
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == "0 []"
