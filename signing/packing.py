r"""How bytes, numbers and documents are written. Everything here has exactly one accepted spelling.

Numbers are decimal without sign or leading zero (`0|[1-9][0-9]*`), at most 2^63-1. Base64 is the standard alphabet
with padding; the unused bits of the last character are zero. (Go's decoder lets those bits be anything, so one
signature could be written in several ways.) Times are `YYYY-MM-DDTHH:MM:SSZ`, which also sort as text.

Stored objects are gzip (RFC 1952) with one fixed header - deflate, no flags, no name, time zero, "best compression",
unknown system - one member, and nothing after it. The text "tamizdat\n" is stored as these 29 bytes (header,
body, CRC-32, length; hex):

    1f8b0800 00000000 02ff  2b49cccdac4a492ce10200  24392877  09000000

Readers cap the output before they begin: deflate grows up to 1032-fold.

Documents are one line of JSON (RFC 8259) in UTF-8, with or without one LF at the end. Of what RFC 8259 allows,
refused are: names that occur twice in one object (readers disagree which one counts), `NaN` and `Infinity` (not JSON,
but Python's parser takes them), numbers other than whole ones from 0 to 2^53-1 (JavaScript rounds above; `1.0` and `1`
are one number to a schema and two to a program), surrogates without their other half (they cannot be written as
UTF-8), a byte order mark, bytes below 0x20, and more than 64 levels of nesting.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
import zlib
from datetime import datetime
from typing import NoReturn

from signing.errors import FormatError, shown

MAX_NUMBER = 2**63 - 1
MAX_JSON_NUMBER = 2**53 - 1
MAX_DEPTH = 64

_DECIMAL = re.compile(rb"0|[1-9][0-9]{0,18}")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)
_SURROGATE = re.compile("[\ud800-\udfff]")
_CONTROL = re.compile(rb"[\x00-\x1f]")
_GZIP_HEADER = bytes.fromhex("1f8b0800000000 0002ff")


# --- numbers, base64, digests, times --------------------------------------------------------------------------------


def to_base64(data: bytes) -> bytes:
    """Padded standard base64."""
    return base64.b64encode(data)


def from_base64(text: bytes) -> bytes:
    """The bytes `text` stands for. FormatError unless `text` is exactly what `to_base64` writes."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise FormatError("not base64") from None
    if base64.b64encode(data) != text:
        raise FormatError("base64 is not in its canonical form")
    return data


def from_decimal(text: bytes, limit: int = MAX_NUMBER) -> int:
    """A number from 0 to `limit`. FormatError for any other spelling than `0|[1-9][0-9]*`."""
    if not _DECIMAL.fullmatch(text) or (number := int(text)) > limit:
        raise FormatError(f"not a number from 0 to {limit}: {shown(text)}")
    return number


def digest_of(data: bytes) -> str:
    """SHA-256 as 64 lower-case hex digits: the name of a stored object."""
    return hashlib.sha256(data).hexdigest()


def check_digest(text: object) -> str:
    """`text`, which is a SHA-256 in lower-case hex. FormatError otherwise."""
    if not isinstance(text, str) or not _DIGEST.fullmatch(text):
        raise FormatError(f"not 64 lower-case hex digits: {shown(text)}")
    return text


def check_time(text: object) -> str:
    """`text`, which is a UTC time that exists, written `YYYY-MM-DDTHH:MM:SSZ`. FormatError otherwise."""
    if not isinstance(text, str) or not _TIME.fullmatch(text):
        raise FormatError(f"not a time like 2027-03-01T08:15:00Z: {shown(text)}")
    try:
        datetime.fromisoformat(text)
    except ValueError:
        raise FormatError(f"no such time: {text}") from None
    return text


# --- gzip -------------------------------------------------------------------------------------------------------------


def gzip_bytes(data: bytes) -> bytes:
    """`data` as a stored object: the same bytes each time (for one build of zlib)."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    body = packer.compress(data) + packer.flush()
    return _GZIP_HEADER + body + zlib.crc32(data).to_bytes(4, "little") + (len(data) % 2**32).to_bytes(4, "little")


def gunzip(data: bytes, cap: int) -> bytes:
    """What `data` unpacks to, at most `cap` bytes. FormatError for another header, a second member, bytes after the
    end, a wrong checksum, or more than `cap` bytes; no more than `cap` + 1 bytes are ever unpacked."""
    if data[: len(_GZIP_HEADER)] != _GZIP_HEADER:
        raise FormatError("not gzip with the header of a stored object")
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        out = unpacker.decompress(data[len(_GZIP_HEADER) :], cap + 1)
    except zlib.error as error:
        raise FormatError(f"damaged gzip: {error}") from None
    if len(out) > cap:
        raise FormatError(f"unpacks to more than {cap} bytes")
    if not unpacker.eof:
        raise FormatError("gzip ends too early")
    trailer = zlib.crc32(out).to_bytes(4, "little") + (len(out) % 2**32).to_bytes(4, "little")
    if unpacker.unused_data != trailer:
        raise FormatError("gzip checksum is wrong, or something follows the end")
    return out


# --- JSON -------------------------------------------------------------------------------------------------------------


def parse_json(data: bytes) -> object:
    """The document in `data`: dict, list, str, int, bool or None. FormatError for everything the module docstring
    refuses; no input can exhaust the stack."""
    line = data[:-1] if data.endswith(b"\n") else data
    if control := _CONTROL.search(line):
        raise FormatError(f"JSON is not one line: byte 0x{control.group()[0]:02x} at {control.start()}")
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FormatError(f"JSON is not UTF-8 at byte {error.start}") from None
    try:
        document: object = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_int=_whole,
            parse_float=_refuse_number,
            parse_constant=_refuse_number,
        )
    except RecursionError:
        raise FormatError(f"JSON is nested deeper than {MAX_DEPTH}") from None
    except json.JSONDecodeError as error:
        raise FormatError(f"not JSON at character {error.pos}: {error.msg}") from None
    _check_tree(document)
    return document


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise FormatError(f'JSON object names "{shown(twice)}" twice')
    return members


def _whole(digits: str) -> int:
    # The length is looked at first: int() of a million digits takes quadratic time, or raises.
    if len(digits) > 16 or digits.startswith("-") or (number := int(digits)) > MAX_JSON_NUMBER:
        raise FormatError(f"JSON number is not from 0 to 2^53-1: {shown(digits, 20)}")
    return number


def _refuse_number(digits: str) -> NoReturn:
    raise FormatError(f"JSON number is not a whole number: {shown(digits, 20)}")


def _check_tree(document: object) -> None:
    level: list[object] = [document]
    depth = 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise FormatError(f"JSON is nested deeper than {MAX_DEPTH}")
        below: list[object] = []
        for value in level:
            if isinstance(value, str):
                _check_text(value)
            elif isinstance(value, list):
                below.extend(value)
            elif isinstance(value, dict):
                for name in value:
                    _check_text(name)
                below.extend(value.values())
        level = below


def _check_text(text: str) -> None:
    if not text.isascii() and _SURROGATE.search(text):
        raise FormatError("JSON text holds half of a surrogate pair")
