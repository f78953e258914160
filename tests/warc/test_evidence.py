"""What was fetched, kept beside an article: made, published, taken out again, and read by others' programs."""

from __future__ import annotations

import gzip
import io
import subprocess
from pathlib import Path
from typing import Any

from warcio.archiveiterator import ArchiveIterator

from mirror import warc
from mirror.warc import Taken
from tests.needs import program
from tests.revisions.newsroom import Newsroom, story

PAGE = Taken(
    url="https://news.example/a?x=1",
    time="2027-03-01T08:15:00Z",
    status=200,
    headers=(
        ("content-type", "text/html; charset=utf-8"), ("content-encoding", "gzip"), ("content-length", "99"),
        ("set-cookie", "id=SECRET"), ("x-odd", "é\r\nInjected: 1"), ("bad name", "1"),
        ("x-you-are", "ip=198.51.100.7"), ("x-six", "2001:db8::7"), ("date", "Mon, 01 Mar 2027 08:15:00 GMT"),
    ),
    body="<p>é</p>".encode(),
    sent={"User-Agent": "tamizdat/1.2 (+https://me.example)", "Cookie": "s=SECRET", "Authorization": "Basic SECRET",
          "X-Token": "SECRET"},
    hops=("http://news.example/a",),
    address="192.0.2.1",
    certificate="ab" * 32,
    egress="direct",
)  # fmt: skip


def made(*answers: Taken, **more: Any) -> bytes | None:
    return warc.evidence(answers, generator="tamizdat/1", outlet="paper", **more)


def records(data: bytes) -> list[tuple[str, dict[str, str], bytes]]:
    return [
        (one.rec_type, dict(one.rec_headers.headers), one.raw_stream.read())
        for one in ArchiveIterator(io.BytesIO(data))
    ]


def test_the_same_answers_give_the_same_bytes_and_no_secret_is_in_them() -> None:
    data = made(PAGE)
    assert data is not None
    assert data == made(PAGE)
    plain = gzip.decompress(data)
    assert b"SECRET" not in plain
    assert b"\r\nInjected" not in plain
    assert b"User-Agent: tamizdat/1.2\r\n" in plain
    assert b"date: Mon, 01 Mar 2027" in plain
    for private in (b"me.example", b"198.51.100.7", b"2001:db8"):  # ours, and where we asked from
        assert private not in plain
    assert [kind for kind, _, _ in records(data)] == ["warcinfo", "response", "request", "metadata"]
    for line in (b"via: http://news.example/a", b"egress: direct", b"tlsCertificateSha256: abab", b"software: tami",
                 b"WARC-IP-Address: 192.0.2.1", b"X-Archive-Orig-content-encoding: gzip"):  # fmt: skip
        assert line in plain
    response, request = records(data)[1:3]
    assert response[2] == PAGE.body
    assert request[1]["WARC-Concurrent-To"] == response[1]["WARC-Record-ID"]


def test_further_pages_are_in_it_as_far_as_there_is_room() -> None:
    import random

    noise = random.Random(1).randbytes(3000)
    second = Taken(url="https://news.example/a?p=2", time=PAGE.time, status=200, headers=(), body=noise)
    whole = made(PAGE, second)
    assert whole is not None
    assert [kind for kind, _, _ in records(whole)].count("response") == 2
    shorter = made(PAGE, second, most=3000)
    assert shorter is not None
    assert shorter == made(PAGE)
    assert made(second, most=3000) is None


def test_warcio_finds_every_digest_right(tmp_path: Path) -> None:
    data = made(PAGE)
    assert data is not None
    (tmp_path / "e.warc.gz").write_bytes(data)
    done = subprocess.run(
        [program("warcio"), "check", "-v", str(tmp_path / "e.warc.gz")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("digest pass") == 4


def test_evidence_is_published_verified_taken_out_and_left_out_of_packs_and_light_mirrors(
    newsroom: Newsroom, tmp_path: Path
) -> None:
    config = newsroom.folder / "tamizdat.toml"
    config.write_text(config.read_text().replace("allow_private = true\n", "allow_private = true\nevidence = true\n"))
    newsroom("target", "add", "small", str(tmp_path / "small"), "--light")
    newsroom.outlet.page("/news/one", story("one").replace("on Tuesday", "on Wednesday", 1))
    assert newsroom.run()["revised"] == 1
    document = newsroom.newest("one")
    (kept,) = [one for one in document["resources"] if one["role"] == "evidence"]
    assert kept["media_type"] == "application/warc+gzip"

    def place(folder: str, digest: str) -> Path:
        return tmp_path / folder / "o" / digest[:2] / digest[2:]

    data = place("near", kept["digest"]).read_bytes()
    response = next(body for kind, _, body in records(data) if kind == "response")
    assert response == newsroom.outlet.files["/news/one"][0]
    assert b"User-Agent: tamizdat/" in gzip.decompress(data)
    assert b"WARC-IP-Address: 127.0.0.1" in gzip.decompress(data)
    assert not place("small", kept["digest"]).exists()

    pin = newsroom("status")["fingerprint"]
    verdict = newsroom("verify", str(place("near", document["digest"])), "--trust", pin)
    assert (verdict["authentic"], verdict["notes"]) == (True, [])
    light = newsroom("verify", str(place("small", document["digest"])), "--trust", pin)
    assert light["authentic"]
    assert "what it was made from is not here" in light["notes"][0]
    assert newsroom("verify", str(tmp_path / "small"), "--trust", pin)["authentic"]

    # Nobody downloads it for reading; a pack without it is whole.
    newsroom("get", str(place("near", document["digest"])), "-o", str(tmp_path / "one.tamizdat"), "--trust", pin)
    assert kept["digest"][2:].encode() not in (tmp_path / "one.tamizdat").read_bytes()
    assert newsroom("verify", str(tmp_path / "one.tamizdat"), "--trust", pin)["authentic"]
    out = newsroom("export", newsroom.url("one"), "--format", "warc", "-o", str(tmp_path / "one"), "--unsigned")
    assert Path(out["file"]).read_bytes() == data
    assert out["file"].endswith("one.warc.gz")
    refused = newsroom("export", newsroom.url("two"), "--format", "warc", status=2)
    assert "evidence = true" in refused["hint"]

    # Changed on the way, it is told of.
    broken = bytearray(data)
    broken[100] ^= 1
    place("near", kept["digest"]).write_bytes(broken)
    assert newsroom("verify", str(place("near", document["digest"])), "--trust", pin, status=4)["problems"]
