"""How bytes, numbers and documents are written."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signing import packing
from signing.errors import FormatError, shown

TREES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2**53 - 1) | st.text(st.characters(codec="utf-8"), max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


@given(st.binary(max_size=3000))
def test_gzip_goes_there_and_back_and_others_can_read_it(data: bytes) -> None:
    stored = packing.gzip_bytes(data)
    assert stored == packing.gzip_bytes(data)
    assert packing.gunzip(stored, len(data)) == data
    assert gzip.decompress(stored) == data
    if data:
        with pytest.raises(FormatError, match="unpacks to more"):
            packing.gunzip(stored, len(data) - 1)


@given(st.binary(max_size=200), st.data())
def test_mutated_gzip_is_refused_or_unpacks_to_the_same(data: bytes, draw: st.DataObject) -> None:
    stored = packing.gzip_bytes(data)
    at = draw.draw(st.integers(0, len(stored) - 1))
    mutant = stored[:at] + draw.draw(st.binary(max_size=3)) + stored[at + 1 :]
    with contextlib.suppress(FormatError):
        assert packing.gunzip(mutant, 1000) == data


def _with_name() -> bytes:
    out = io.BytesIO()
    with gzip.GzipFile(filename="name", mode="wb", fileobj=out, mtime=0) as file:
        file.write(b"data")
    return out.getvalue()


STORED = packing.gzip_bytes(b"data")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        STORED[:9],
        STORED[:10],
        STORED[:-1],
        STORED[:-8],
        STORED + b"\x00",
        STORED + STORED,
        STORED[:-8] + bytes(8),
        STORED[:10] + b"\xff" + STORED[11:],
        gzip.compress(b"data", mtime=1),
        _with_name(),
        zlib.compress(b"data"),
    ],
    ids=str,
)
def test_gzip_of_any_other_shape_is_refused(data: bytes) -> None:
    with pytest.raises(FormatError):
        packing.gunzip(data, 1000)


def test_a_gzip_bomb_is_cut_off_at_the_cap() -> None:
    bomb = packing.gzip_bytes(bytes(200_000_000))
    with pytest.raises(FormatError, match="more than 1000 bytes"):
        packing.gunzip(bomb, 1000)


@given(TREES)
def test_documents_are_read_as_they_were_written(document: object) -> None:
    for ascii_only in (True, False):
        text = json.dumps(document, ensure_ascii=ascii_only, separators=(",", ":"))
        try:
            data = text.encode()
        except UnicodeEncodeError:
            data = b"\x00"
        if any(0xD800 <= ord(c) < 0xE000 for c in json.dumps(document, ensure_ascii=False)):
            with pytest.raises(FormatError):
                packing.parse_json(data)
        else:
            assert packing.parse_json(data) == document
            assert packing.parse_json(data + b"\n") == document


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"{}\n\n",
        b"{\n}",
        b"{\r\n}",
        b"\t{}",
        b'{"a":1,"a":1}',
        b'[{"b":{"a":1,"c":2,"a":3}}]',
        b"NaN",
        b"[Infinity]",
        b"[-Infinity]",
        b"1.0",
        b"[1e3]",
        b"-1",
        b"-0",
        b"01",
        b"9007199254740992",
        b"9" * 5000,
        b"1" + b"0" * 1_000_000,
        b'"\\ud800"',
        b'"\\udc00\\ud800"',
        b'{"\\ud800":1}',
        b'["\xed\xa0\x80"]',
        b'"\xff"',
        b"\xef\xbb\xbf{}",
        '{"a":1}'.encode("utf-16"),
        b'"\x1f"',
        b"{} {}",
        b"{'a':1}",
        b"[1,]",
        b"[" * 65 + b"]" * 65,
        b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
        b'"' + b"\\" * 100_001,
    ],
    ids=lambda data: shown(data, 30),
)
def test_hostile_json_is_refused(data: bytes) -> None:
    with pytest.raises(FormatError):
        packing.parse_json(data)


def test_a_pair_of_surrogate_escapes_is_one_character() -> None:
    assert packing.parse_json(b'"\\ud83d\\ude00"') == "\U0001f600"


def test_64_levels_are_enough_and_allowed() -> None:
    # The innermost list is empty: 64 lists are 64 levels.
    assert packing.parse_json(b"[" * 64 + b"]" * 64)


@given(st.binary(max_size=60))
def test_any_bytes_are_a_document_or_refused(data: bytes) -> None:
    with contextlib.suppress(FormatError):
        packing.parse_json(data)


@given(st.binary(max_size=70))
def test_base64_has_one_spelling(data: bytes) -> None:
    text = packing.to_base64(data)
    assert packing.from_base64(text) == data
    for mutant in (text + b"=", text + b"\n", b" " + text, text.rstrip(b"=") + b"==="):
        with pytest.raises(FormatError):
            packing.from_base64(mutant)


@pytest.mark.parametrize("text", [b"AB==", b"AAB=", b"A", b"AA", b"AAA", b"A===", b"-_==", b"AA==AA==", b"\xc3\xa9"])
def test_other_spellings_of_base64_are_refused(text: bytes) -> None:
    with pytest.raises(FormatError):
        packing.from_base64(text)


@given(st.integers(0, 2**63 - 1))
def test_numbers_have_one_spelling(number: int) -> None:
    assert packing.from_decimal(b"%d" % number) == number


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"01",
        b"00",
        b"+1",
        b"-1",
        b"1_0",
        b" 1",
        b"1\n",
        b"1.0",
        "١".encode(),
        b"9223372036854775808",
        b"9" * 99999,
    ],
)
def test_other_spellings_of_numbers_are_refused(text: bytes) -> None:
    with pytest.raises(FormatError):
        packing.from_decimal(text)


@pytest.mark.parametrize("text", ["2027-03-01T08:15:00Z", "2028-02-29T23:59:59Z", "0001-01-01T00:00:00Z"])
def test_a_time_is_utc_with_seconds(text: str) -> None:
    assert packing.check_time(text) == text


@pytest.mark.parametrize(
    "text",
    [
        None,
        5,
        "",
        "2027-03-01",
        "2027-03-01T08:15:00",
        "2027-03-01T08:15:00+00:00",
        "2027-03-01T08:15:00.5Z",
        "2027-03-01 08:15:00Z",
        "2027-02-29T00:00:00Z",
        "2027-13-01T00:00:00Z",
        "2027-03-01T24:00:00Z",
        "2027-03-01T23:59:60Z",
        "0000-01-01T00:00:00Z",
        "2027-03-01T08:15:00Z\n",
        "٢٠٢٧-03-01T08:15:00Z",
    ],
)
def test_other_times_are_refused(text: object) -> None:
    with pytest.raises(FormatError):
        packing.check_time(text)


@pytest.mark.parametrize("text", [None, "", "A" * 64, "a" * 63, "a" * 65, "a" * 64 + "\n", "g" * 64])
def test_a_digest_is_64_lower_case_hex_digits(text: object) -> None:
    assert packing.check_digest("0f" * 32) == "0f" * 32
    with pytest.raises(FormatError):
        packing.check_digest(text)


def test_what_is_shown_cannot_play_with_the_terminal() -> None:
    assert shown("\x1b[31m\u202eabc\n\u2028\ud800") == "\\u001b[31m\\u202eabc\\u000a\\u2028\\ud800"
    assert shown("x" * 200, 5) == "xxxxx…"
    assert shown("привет — 中文") == "привет — 中文"
