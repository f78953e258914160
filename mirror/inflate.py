"""Content codings undone within a limit: gzip and deflate, piece by piece, as answers and files come.

What a server sends may decode to a thousand times its size, so nothing past the cap is ever made, and what grows faster
than any page does is refused long before.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Literal

MEGABYTE = 1 << 20
MAX_RATIO = 250  # decoded bytes for one on the wire, past the first MiB; pages are at 4 to 30, bombs at 1000
MAX_MEMBERS = 1000  # gzip members in one body; each costs a new decoder, and those of block gzip hold 64 KB


class TooLarge(ValueError):
    """More bytes than the cap, or far more than what they came in."""


Coding = Literal["gzip", "deflate", "identity"]


class Inflater:
    """Undoes one content coding piece by piece and never holds more than `cap` bytes.

    `feed` and `finish` raise `TooLarge` past the cap and ValueError when the data is broken or ends early."""

    def __init__(self, coding: Coding, cap: int) -> None:
        self._coding = coding
        self._cap = cap
        self._pieces: list[bytes] = []
        self._size = 0
        self._fed = 0
        self._members = 0
        self._decoder: zlib._Decompress | None = None
        self._ended = False  # trailing bytes after the last member are ignored, as browsers do

    def feed(self, data: bytes) -> None:
        if self._coding == "identity":
            self._keep(data)
            return
        self._fed += len(data)
        while data and not self._ended:
            if self._decoder is None and self._members and not self._goes_on(data):
                self._ended = True
                return
            decoder = self._decoder or self._start(data)
            try:
                self._keep(decoder.decompress(data, self._cap - self._size + 1))
            except zlib.error as error:
                raise ValueError(str(error)) from None
            if self._size > max(MEGABYTE, self._fed * MAX_RATIO):
                raise TooLarge
            data = decoder.unconsumed_tail
            if decoder.eof:
                self._decoder = None
                data = decoder.unused_data

    def finish(self) -> bytes:
        if self._decoder is not None:
            raise ValueError("ends before its coding does")
        return b"".join(self._pieces)

    def _goes_on(self, data: bytes) -> bool:
        """Whether what comes after a member is another one. A member may end where a piece does, so only the next piece
        tells."""
        if self._coding == "deflate" or not data.startswith(b"\x1f"):
            return False
        if self._members >= MAX_MEMBERS:
            raise ValueError(f"more than {MAX_MEMBERS} members")
        return True

    def _start(self, data: bytes) -> zlib._Decompress:
        self._members += 1
        # RFC 9110 8.4.1.2 says zlib format; some servers send deflate bare. The first byte tells: 0x?8, ? at most 7.
        deflate = 15 if data[0] & 0x0F == 8 and data[0] >> 4 <= 7 else -15
        self._decoder = zlib.decompressobj(31 if self._coding == "gzip" else deflate)
        return self._decoder

    def _keep(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > self._cap:
            raise TooLarge
        if data:
            self._pieces.append(data)


def gunzip(data: bytes, cap: int) -> bytes:
    """The content of a gzip file that is served as such (`sitemap.xml.gz`); ValueError when broken or past `cap`."""
    inflater = Inflater("gzip", cap)
    inflater.feed(data)
    return inflater.finish()


def coding_of(headers: Mapping[str, str]) -> Coding | None:
    """The one coding a body has; None when it is one we did not ask for, or several on top of each other."""
    names = [name.strip().lower() for name in headers.get("content-encoding", "").split(",")]
    names = [name for name in names if name not in ("", "identity")]
    match names:
        case []:
            return "identity"
        case ["gzip" | "x-gzip"]:
            return "gzip"
        case ["deflate"]:
            return "deflate"
    return None
