"""Web archives that others made: what is taken of them, as what it is signed, and what is refused."""

from __future__ import annotations

import functools
import gzip
import hashlib
import io
import json
import re
import zipfile
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from mirror.sources.warc import ArchiveError, Captures
from tests.revisions.newsroom import Newsroom, page

SITE = "https://news.example"
HTML = (("Content-Type", "text/html; charset=utf-8"),)


class Archive:
    """A WARC file in the making."""

    def __init__(self, *, packed: bool = True) -> None:
        self.out = io.BytesIO()
        self.writer = WARCWriter(self.out, gzip=packed, warc_version="1.1")

    def answer(
        self, url: str, body: bytes | str, date: str = "2019-05-01T10:00:00Z", *, headers: Any = HTML,
        status: str = "200 OK", **more: str,
    ) -> Archive:  # fmt: skip
        data = body.encode() if isinstance(body, str) else body
        head = StatusAndHeaders(status, list(headers), protocol="HTTP/1.1")
        record = self.writer.create_warc_record(
            url, "response", payload=io.BytesIO(data), length=len(data), http_headers=head,
            warc_headers_dict={"WARC-Date": date, **{name.replace("_", "-"): value for name, value in more.items()}},
        )  # fmt: skip
        self.writer.write_record(record)
        return self

    def revisit(self, url: str, date: str, of: str, first: str, body: bytes) -> Archive:
        import base64

        digest = "sha1:" + base64.b32encode(hashlib.sha1(body).digest()).decode()  # noqa: S324 - WARC's own
        head = StatusAndHeaders("200 OK", list(HTML), protocol="HTTP/1.1")
        record = self.writer.create_revisit_record(
            url, digest, of, first, http_headers=head, warc_headers_dict={"WARC-Date": date}
        )
        self.writer.write_record(record)
        return self

    @property
    def data(self) -> bytes:
        return self.out.getvalue()


def read(data: bytes, tmp_path: Path, **more: Any) -> Captures:
    file = tmp_path / "a.warc"
    file.write_bytes(data)
    options = {"cap": 1 << 20, "picture_cap": 1 << 20, "spool": 1 << 24, "wanted": lambda url: url.startswith(SITE)}
    captures = Captures(**{**options, "now": datetime(2026, 11, 1, tzinfo=UTC), **more})
    try:
        captures.read(file)
    except ArchiveError:
        captures.__exit__()
        raise
    return captures


def bodies(captures: Captures, *, every: bool = True) -> dict[str, list[bytes]]:
    with captures:
        return {
            some[0].url: [captures.body(one) for one in some] for some in captures.pages(every=every)
        }  # fmt: skip


# --- what is read -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("packed", [False, True])
def test_pages_of_the_outlet_are_taken_and_the_newest_capture_counts(tmp_path: Path, packed: bool) -> None:
    archive = Archive(packed=packed)
    archive.answer(f"{SITE}/a", "second", "2020-01-01T00:00:00Z").answer(f"{SITE}/a", "first", "2019-01-01T00:00:00Z")
    archive.answer(f"{SITE}/b", "gone", status="404 Not Found").answer("https://other.example/", "other")
    archive.answer(f"{SITE}/c.css", "css", headers=(("Content-Type", "text/css"),))
    assert bodies(read(archive.data, tmp_path)) == {f"{SITE}/a": [b"first", b"second"]}
    assert bodies(read(archive.data, tmp_path), every=False) == {f"{SITE}/a": [b"second"]}


def test_a_file_that_is_packed_as_a_whole_reads_the_same(tmp_path: Path) -> None:
    plain = Archive(packed=False).answer(f"{SITE}/a", "one").answer(f"{SITE}/b", "two").data
    assert bodies(read(gzip.compress(plain), tmp_path)) == bodies(read(plain, tmp_path))


def test_codings_are_undone_and_those_that_were_undone_already_are_left(tmp_path: Path) -> None:
    text = b"<html>" + b"text " * 1000
    packed = gzip.compress(text)
    chunks = b"".join(
        b"%x\r\n%s\r\n" % (len(packed[at : at + 40]), packed[at : at + 40]) for at in range(0, len(packed), 40)
    )
    archive = Archive()
    for name, body, headers in (
        ("gzip", packed, (("Content-Encoding", "gzip"),)),
        ("chunked", chunks + b"0\r\n\r\n", (("Content-Encoding", "gzip"), ("Transfer-Encoding", "chunked"))),
        ("deflate", zlib.compress(text), (("Content-Encoding", "deflate"),)),
        (
            "undone",
            text,
            (("Content-Encoding", "gzip"), ("Transfer-Encoding", "chunked"), ("Content-Length", "9999999")),
        ),
        ("br", text, (("Content-Encoding", "br"),)),
    ):
        archive.answer(f"{SITE}/{name}", body, headers=(*HTML, *headers))
    found = bodies(read(archive.data, tmp_path))
    assert found == {f"{SITE}/{name}": [text] for name in ("gzip", "chunked", "deflate", "undone", "br")}


def test_a_page_captured_again_unchanged_counts_by_what_it_refers_to(tmp_path: Path) -> None:
    archive = Archive().answer(f"{SITE}/a", "text", "2019-01-01T00:00:00Z")
    archive.revisit(f"{SITE}/b", "2020-01-01T00:00:00Z", f"{SITE}/a", "2019-01-01T00:00:00Z", b"text")
    archive.revisit(f"{SITE}/c", "2020-01-01T00:00:00Z", f"{SITE}/nowhere", "2018-01-01T00:00:00Z", b"other")
    captures = read(archive.data, tmp_path)
    assert bodies(captures) == {f"{SITE}/a": [b"text"], f"{SITE}/b": [b"text"]}
    assert "its first capture is not here" in captures.counts.notes[0]


@pytest.mark.parametrize("packed", [False, True])
def test_a_file_that_ends_in_the_middle_gives_what_came_before(tmp_path: Path, packed: bool) -> None:
    whole = Archive(packed=packed).answer(f"{SITE}/a", "one").answer(f"{SITE}/b", "two" * 5000)
    captures = read(whole.data[:-20], tmp_path)
    assert bodies(captures) == {f"{SITE}/a": [b"one"]}
    assert "after 1 records; those are taken" in captures.counts.notes[0]
    rubbish = read(whole.data + b"\0rubbish", tmp_path)
    assert len(bodies(rubbish)) == 2


def half(archive: Archive) -> Archive:
    archive.answer(f"{SITE}/bad", "half", headers=(*HTML, ("Content-Length", "9999")))
    archive.answer(f"{SITE}/bad", "half", WARC_Truncated="length")
    return archive.answer(f"{SITE}/bad", b"5\r\nabcde\r\n", headers=(*HTML, ("Transfer-Encoding", "chunked")))


def bombs(archive: Archive) -> Archive:
    archive.answer(f"{SITE}/bad", gzip.compress(b"\0" * (1 << 22)), headers=(*HTML, ("Content-Encoding", "gzip")))
    return archive.answer(f"{SITE}/bad", b"x" * (1 << 21))


def times(archive: Archive) -> Archive:
    archive.answer(f"{SITE}/bad", "x", "2099-01-01T00:00:00Z").answer(f"{SITE}/bad", "x", "2019-02-31T00:00:00Z")
    return archive.answer(f"{SITE}/bad", "x", "yesterday").answer("https://news.example:x/bad", "x")


@pytest.mark.parametrize("spoil", [half, bombs, times])
def test_halves_bombs_and_impossible_times_are_no_pages(tmp_path: Path, spoil: Callable[[Archive], Archive]) -> None:
    captures = read(spoil(Archive().answer(f"{SITE}/a", "good")).answer(f"{SITE}/z", "good").data, tmp_path)
    assert captures.counts.skipped >= 2
    assert set(bodies(captures)) == {f"{SITE}/a", f"{SITE}/z"}


@pytest.mark.parametrize(
    "data",
    [b"", b"PK\x05\x06rubbish", b"<html>", b"WARC/1.1\r\n\r\n", b"WARC/1.1\r\nContent-Length: -1\r\n\r\n",
     b"WARC/1.1\r\nX: " + b"x" * 100_000, b"WARC/1.1\r\n" + b"X: x\r\n" * 50_000, b"\n" * 5000,
     b"\x28\xb5\x2f\xfd....", gzip.compress(b"no warc", mtime=0), b"\x1f\x8b\x08rubbish"],
)  # fmt: skip
def test_what_is_no_web_archive_is_one_clear_line(tmp_path: Path, data: bytes) -> None:
    if not data:
        assert bodies(read(data, tmp_path)) == {}
        return
    with pytest.raises(ArchiveError) as refused:
        read(data, tmp_path)
    assert "\n" not in str(refused.value)


@functools.cache
def whole(packed: bool) -> bytes:
    """Made once: every record has an identifier by chance."""
    return Archive(packed=packed).answer(f"{SITE}/a", "one").answer(f"{SITE}/b", "two").data


@settings(max_examples=150, deadline=None)
@given(st.booleans(), st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=4))
def test_rubbish_in_an_archive_never_does_more_than_end_it(
    tmp_path_factory: pytest.TempPathFactory, packed: bool, changes: list[tuple[float, int]]
) -> None:
    data = bytearray(whole(packed))
    for place, value in changes:
        data[int(place * len(data))] = value
    try:
        found = bodies(read(bytes(data), tmp_path_factory.mktemp("w")))
    except ArchiveError:
        return
    assert len(found) <= 2


def test_more_than_fits_ends_the_reading_and_keeps_what_came(tmp_path: Path) -> None:
    archive = Archive()
    for number in range(10):
        archive.answer(f"{SITE}/{number}", "x" * 1000)
    captures = read(archive.data, tmp_path, spool=4500)
    assert len(bodies(captures)) == 4
    assert "more than 4500 bytes" in captures.counts.notes[0]


# --- WACZ -------------------------------------------------------------------------------------------------------------


def wacz(
    warc: bytes, *, said: bytes | None = None, digest: str | None = None, name: str = "archive/data.warc.gz"
) -> bytes:
    out = io.BytesIO()
    resources = [
        {"name": "data", "path": name, "hash": f"sha256:{hashlib.sha256(said or warc).hexdigest()}", "bytes": len(warc)}
    ]
    package = json.dumps({"profile": "data-package", "wacz_version": "1.1.1", "resources": resources}).encode()
    whole = digest or f"sha256:{hashlib.sha256(package).hexdigest()}"
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("datapackage.json", package)
        archive.writestr(
            "datapackage-digest.json", json.dumps({"path": "datapackage.json", "hash": whole}).encode()
        )  # fmt: skip
        archive.writestr(name, warc)
        archive.writestr("../../outside.warc.gz", warc)
    return out.getvalue()


def test_a_wacz_package_is_read_when_its_digests_are_right(tmp_path: Path) -> None:
    warc = Archive().answer(f"{SITE}/a", "one").data
    assert bodies(read(wacz(warc), tmp_path)) == {f"{SITE}/a": [b"one"]}
    for bad in (
        wacz(warc, said=b"other"),
        wacz(warc, digest="sha256:" + "0" * 64),
        wacz(warc, name="../archive/data.warc.gz"),
        wacz(warc)[:-40],
        wacz(warc).replace(b"datapackage.json", b"datapackage.jsox"),
    ):
        with pytest.raises(ArchiveError):
            read(bad, tmp_path)


def test_a_wacz_package_of_little_does_not_unpack_without_end(tmp_path: Path) -> None:
    names = [f"archive/{number}.warc.gz" for number in range(3)]
    for method, why in ((zipfile.ZIP_DEFLATED, "unpacks to more"), (zipfile.ZIP_LZMA, "does not know")):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", method) as archive:
            resources = [{"path": name, "hash": f"sha256:{'0' * 64}"} for name in names]
            archive.writestr("datapackage.json", json.dumps({"resources": resources}), zipfile.ZIP_STORED)
            for name in names:
                archive.writestr(name, bytes(20_000))
        data = bytearray(out.getvalue())
        for place in [found.start() for found in re.finditer(rb"PK\x01\x02", data)][1:]:  # what it says of its sizes
            data[place + 24 : place + 28] = (400 << 20).to_bytes(4, "little")
        with pytest.raises(ArchiveError, match=why):
            read(bytes(data), tmp_path)


# --- the way into the archive -----------------------------------------------------------------------------------------


def picture() -> bytes:
    out = io.BytesIO()
    Image.radial_gradient("L").resize((640, 400)).convert("RGB").save(out, "JPEG")
    return out.getvalue()


def test_an_imported_article_is_signed_as_captured_by_others_with_the_archives_pictures(
    newsroom: Newsroom, tmp_path: Path
) -> None:
    config = newsroom.folder / "tamizdat.toml"
    config.write_text(config.read_text().replace("allow_private = true\n", "allow_private = true\nevidence = true\n"))
    old, site = f"{newsroom.outlet.url}/2019/old", newsroom.outlet.url
    photo = '<figure><img src="/p/bridge.jpg" width="640" height="400"><figcaption>The bridge</figcaption></figure>'

    def text(word: str) -> str:
        body = page("An old story of the bridge", *(f"Part {part}, {word}." for part in range(5)))
        return body.replace("</h1>", f"</h1>{photo}")

    archive = Archive().answer(old, text("first"), "2019-05-01T10:00:00Z")
    archive.answer(old, text("second"), "2019-06-01T10:00:00Z")
    archive.answer(f"{site}/p/bridge.jpg", picture(), headers=(("Content-Type", "image/jpeg"),))
    archive.answer(
        f"{site}/2019/blocked", "<html><head><title>Just a moment...</title></head><body><h1>Just a moment...</h1>"
        "<p>Checking your browser before you go on. Verify you are human.</p></body></html>",
    )  # fmt: skip
    # What is here already is newer than this.
    archive.answer(newsroom.url("one"), page("The story of one and its river", *["Older."] * 5), "2018-01-01T00:00:00Z")
    file = tmp_path / "old.wacz"
    file.write_bytes(wacz(archive.data))
    newsroom.outlet.hits.clear()
    done = newsroom("import", str(file), "--all-captures", "--offline")
    (report,) = done["outlets"]
    assert (report["new"], report["revised"], report["failed"]) == (1, 1, [])
    assert sorted(line.split(": ")[1].split(" ")[0] for line in report["held"]) == ["captured", "challenge"]
    assert newsroom.outlet.hits == []
    assert newsroom.newest("one")["revision"] == 1

    document = _newest(newsroom, old)
    assert (document["captured"], document["revision"]) == ("2019-06-01T10:00:00Z", 2)
    assert document["fetched"] > "2026"
    assert {one["role"] for one in document["resources"]} >= {"picture", "evidence"}
    assert newsroom("import", str(file), "--offline")["outlets"][0]["unchanged"] >= 1

    newsroom("run")
    place = tmp_path / "near" / "o" / document["digest"][:2] / document["digest"][2:]
    pin = newsroom("status")["fingerprint"]
    verdict = newsroom("verify", str(place), "--trust", pin)
    assert (verdict["authentic"], verdict["article"]["captured"]) == (True, "2019-06-01T10:00:00Z")
    assert "captured by others on 2019-06-01" in newsroom.said("verify", str(place), "--trust", pin)
    out = newsroom("export", old, "--format", "warc", "-o", str(tmp_path / "x"), "--unsigned")
    evidence = gzip.decompress(Path(out["file"]).read_bytes())
    assert b"WARC-Date: 2019-06-01T10:00:00Z" in evidence
    assert b"taken over from an archive, SHA-256 " in evidence
    assert b"WARC-Type: request" not in evidence


def _newest(newsroom: Newsroom, url: str) -> dict[str, Any]:
    from mirror.publication import Publication

    with Publication.open(newsroom.folder / "tamizdat.toml").archive() as archive:
        row = archive.latest("paper", url)
        assert row is not None
        return {**archive.documents(row.digest)[0], "digest": row.digest}


def test_a_withdrawn_article_does_not_come_back_from_an_archive(newsroom: Newsroom, tmp_path: Path) -> None:
    newsroom("withdraw", newsroom.url("two"), "--yes")
    file = tmp_path / "a.warc.gz"
    file.write_bytes(Archive().answer(newsroom.url("two"), newsroom.outlet.files["/news/two"][0]).data)
    report = newsroom("import", str(file), "--offline")["outlets"][0]
    assert (report["new"], report["revised"]) == (0, 0)
    assert "withdrawn" in report["held"][0]
    assert newsroom("import", str(tmp_path / "nothing.warc"), status=1)["error"]
    file.write_bytes(Archive().answer("https://other.example/", "x").data)
    assert newsroom("import", str(file), status=3)["outlets"] == []
    assert newsroom("import", str(file), "--outlet", "nobody", status=2)["status"] == 2
