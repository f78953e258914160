"""Telling people of mirrors: a signed list, DNS records, codes for cameras, the feed."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from lxml import etree

import schemas
from mirror.cli import main
from mirror.config import MirrorInfo
from mirror.discovery import RECORDS, mirrors_json, page_of, qr, read_mirrors_json, txt_records
from mirror.errors import UsageError
from mirror.known import Memory
from mirror.read import FolderMirror
from mirror.sweep import check_mirror
from signing.errors import FormatError
from tests.needs import ROOT, program

NOW = datetime(2031, 4, 2, 8, 0, 0, tzinfo=UTC)


def mirror(url: str = "https://one.example/", **more: str) -> MirrorInfo:
    facts = {"since": None, "network": None, "country": None, "note": None, **more}
    return MirrorInfo(url=url, kind="https", **facts)  # type: ignore[arg-type]


def test_the_list_says_who_when_and_where() -> None:
    mirrors = [mirror(country="NL", since="2030-01-01T00:00:00Z"), mirror("https://two.example/x/", note="Fast")]
    data = mirrors_json(mirrors, name="World", origin="world.example", now=NOW)
    assert json.loads(data)["mirrors"] == [
        {"url": "https://one.example/", "kind": "https", "since": "2030-01-01T00:00:00Z", "country": "NL"},
        {"url": "https://two.example/x/", "kind": "https", "since": "2031-04-02T08:00:00Z", "note": "Fast"},
    ]
    found = read_mirrors_json(data)
    assert (found.name, found.origin, found.time) == ("World", "world.example", "2031-04-02T08:00:00Z")
    assert found.mirrors == ("https://one.example/", "https://two.example/x/")


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{}", b'{"v":1}', mirrors_json([], name="W", origin="w.example", now=NOW)[:-2]]
)
def test_a_list_that_is_none_is_refused(data: bytes) -> None:
    with pytest.raises((FormatError, schemas.SchemaError)):
        read_mirrors_json(data)


def test_dns_records_hold_addresses_and_never_the_pin() -> None:
    long = "https://long.example/" + "x" * 400
    lines = txt_records([mirror(), mirror(long)], "News.Example.org.")
    assert lines[0] == '_tamizdat.news.example.org. 3600 IN TXT "v=tamizdat1 m=https://one.example/"'
    assert not any("sha256" in line for line in lines)
    strings = lines[1].split('"')[1::2]
    assert "".join(strings) == f"v=tamizdat1 m={long}"
    assert max(map(len, strings)) <= 255
    assert len(txt_records([mirror()] * 40, "a.example")) == RECORDS
    assert txt_records([mirror()], "_tamizdat.a.example")[0].startswith("_tamizdat.a.example. ")
    for bad in ("", "localhost", "a b.example", "-a.example", "a.example\n", "x" * 64 + ".example"):
        with pytest.raises(UsageError):
            txt_records([mirror()], bad)
    with pytest.raises(UsageError, match="no mirror"):
        txt_records([], "a.example")


def test_a_name_server_s_own_checker_takes_the_records(tmp_path: Path) -> None:
    checker = program("named-checkzone")
    zone = tmp_path / "zone"
    head = "$TTL 3600\n@ IN SOA ns.a.example. x.a.example. 1 2 3 4 5\n@ IN NS ns\nns IN A 192.0.2.1\n"
    zone.write_text(
        head + "\n".join(txt_records([mirror(), mirror("https://l.example/" + "x" * 400)], "a.example")) + "\n"
    )
    done = subprocess.run([checker, "a.example", str(zone)], capture_output=True, text=True, check=False, timeout=20)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    "text", ["https://one.example/news/", "sha256:" + "0123456789abcdef" * 4, "http://" + "a2" * 28 + ".onion/"]
)
def test_a_camera_reads_the_code(text: str, tmp_path: Path) -> None:
    zxingcpp = pytest.importorskip("zxingcpp")
    from PIL import Image

    (tmp_path / "code.png").write_bytes(qr(text, "png"))
    with Image.open(tmp_path / "code.png") as picture:
        found = zxingcpp.read_barcodes(picture.convert("L"))
    assert [one.text for one in found] == [text]
    drawn = etree.fromstring(qr(text, "svg"))
    assert drawn.tag.endswith("svg")
    assert qr(text, "svg") == qr(text, "svg")
    assert "\x1b" not in qr(text, "text").decode()


def test_what_is_too_long_for_a_code_is_said() -> None:
    with pytest.raises(UsageError, match="too long"):
        qr("x" * 5000, "png")


def test_a_phone_opens_the_page_for_people() -> None:
    assert page_of("https://one.example") == "https://one.example/"
    assert page_of("https://one.example/x") == "https://one.example/x/"
    assert page_of("https://one.example/x/") == "https://one.example/x/"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    folder = tmp_path / "p"
    assert main(["init", str(folder), "--name", "P", "--origin", "p.example"]) == 0
    with (folder / "tamizdat.toml").open("a") as file:
        file.write('[target.one]\nurl = "/srv/one"\npublic = "https://one.example/x"\n')
    return folder / "tamizdat.toml"


def test_the_commands_print_what_to_paste(config: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    common = ["--config", str(config)]
    capsys.readouterr()
    assert main(["mirrors", "txt", *common]) == 0
    assert capsys.readouterr().out == '_tamizdat.p.example. 3600 IN TXT "v=tamizdat1 m=https://one.example/x"\n'
    assert main(["mirrors", "json", *common]) == 0
    assert read_mirrors_json(capsys.readouterr().out.encode()).mirrors == ("https://one.example/x",)
    assert main(["mirrors", "qr", "--json", *common]) == 0
    assert json.loads(capsys.readouterr().out)["text"] == "https://one.example/x/"
    assert main(["mirrors", "qr", "one", "-o", str(tmp_path / "c.svg"), *common]) == 0
    assert (tmp_path / "c.svg").read_bytes().startswith(b"<?xml")
    assert main(["mirrors", "qr", "-o", str(tmp_path / "c.bmp"), *common]) == 2
    assert main(["mirrors", "qr", "nobody", *common]) == 2
    assert main(["mirrors", "qr", "-o", str(tmp_path / "no" / "c.svg"), *common]) == 2


def test_root_keys_sign_the_list_along_with_whatever_they_sign(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    common = ["--config", str(config)]
    assert main(["key", "request", "--mirrors", "-o", str(config.with_name("r.json")), *common]) == 0
    assert "mirror https://one.example/x" in capsys.readouterr().out
    assert main(["key", "renew", *common]) == 0
    assert "mirror https://one.example/x" in capsys.readouterr().out
    signed = list((config.parent / "archive" / "trust" / "targets").glob("*.mirrors.json"))
    assert len(signed) == 1
    assert read_mirrors_json(signed[0].read_bytes()).mirrors == ("https://one.example/x",)
    assert main(["key", "request", "--mirrors", "-o", str(config.with_name("r2.json")), *common]) == 2
    assert "these mirrors already" in capsys.readouterr().err
    # The next change leaves the list as it is; what it says of mirrors is of those in the reader.
    before = signed[0].read_bytes()
    assert main(["key", "renew", *common]) == 0
    assert [path.read_bytes() for path in signed[0].parent.glob("*.mirrors.json")] == [before]


def test_a_mirror_with_a_signed_list_is_good_and_a_changed_list_is_caught(config: Path) -> None:
    common = ["--config", str(config), "--quiet"]
    assert main(["key", "renew", *common]) == 0
    assert main(["seal", *common]) == 0
    folder = config.parent
    pin = next(folder.glob("archive/trust/1.root.json")).read_bytes()
    check = lambda: check_mirror(FolderMirror(folder / "archive"), pin=pin, memory=Memory(None), now=datetime.now(UTC))  # noqa: E731
    assert check().problems == []
    signed = next((folder / "archive" / "trust" / "targets").glob("*.mirrors.json"))
    signed.write_bytes(signed.read_bytes().replace(b"one.example", b"two.example"))
    assert [problem.state for problem in check().problems] == ["tampered"]


def test_the_feed_names_the_other_mirrors_copies(config: Path) -> None:
    from mirror import pages
    from tests.schemas.articles import EDITION

    edition = {
        **EDITION,
        "mirrors": [{"url": "https://one.example/x", "kind": "https", "since": "2031-04-02T08:00:00Z"}],
    }
    tree = etree.fromstring(pages.atom(edition))
    links = tree.findall("{http://www.w3.org/2005/Atom}link[@rel='duplicate']")
    assert [link.get("href") for link in links] == ["https://one.example/x/feed.xml"]


def test_the_schema_is_among_those_the_software_carries() -> None:
    assert (ROOT / "schemas" / "mirrors.schema.json").is_file()
    assert "mirrors" in schemas.NAMES
