"""Proofs that travel: C2SP tlog-proof, everything a reader with the log's key needs to check one entry offline.

    c2sp.org/tlog-proof@v1
    extra <base64>          may be absent; NOT authenticated, and used by no check. In proofs that travel it holds
                            a minisign signature of the bundle (mirror/passing.py)
    index <decimal>
    <base64 hash>           none or more; the leaf's sibling first
    <empty line>
    <the checkpoint, verbatim, with all its signatures>

A whole one, of entry 5 of the log in `signing.checkpoint`:

    c2sp.org/tlog-proof@v1
    index 5
    vBoGQ7EuTS18d5GPROD095qDi2z57FtcKD4fTYhZnms=
    yoVOoSjtBQtBs1/8G4e46yveRh6eO1WW7Oa51ZdaCuA=
    037kGJdt2VdTwcc4Yrk5j6Kiz5tP8P3+izDNlSCWFLc=

    tamizdat.example/log/test
    8
    XcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=

    — tamizdat.example/log/test /b6YCXAXr1nHYh5EZmjK0AdEQiNs/Y0dTXWv9YMpFuL3UVPhivOlGJYvXUgWieR26MvqU0OuQixnG6hhFCy3tZLmnwI=
    — witness.example/w1 IDJKvgAAAABpVbkAI6bm5iuX6D20ysZnk4cdC2lZ9GyL550r0GU2Cr1G/ffeEb83xBVYh49j8HoVP3qSHcbhX9/RBgy0JLc8eGHfAw==

The entry itself is not in the proof: the reader rebuilds it. A proof of 20 hashes (a log of a million) has 1.2 KB.
"""  # noqa: E501

from __future__ import annotations

from dataclasses import dataclass

from signing.checkpoint import MAX_BYTES as MAX_CHECKPOINT
from signing.errors import FormatError
from signing.merkle import MAX_HASHES, MAX_SIZE
from signing.packing import from_base64, from_decimal, to_base64

MAX_EXTRA = 8192
MAX_BYTES = MAX_CHECKPOINT + 16_384
_FIRST = b"c2sp.org/tlog-proof@v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A proof, taken apart and not verified. `checkpoint` is the note's bytes. FormatError when it cannot exist."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.index < MAX_SIZE:
            raise FormatError(f"no log has an entry {self.index}")
        if len(self.hashes) > MAX_HASHES or any(len(one) != 32 for one in self.hashes):
            raise FormatError(f"a proof has at most {MAX_HASHES} hashes of 32 bytes")
        if not self.checkpoint or len(self.checkpoint) > MAX_CHECKPOINT:
            raise FormatError(f"a proof ends in a checkpoint of at most {MAX_CHECKPOINT} bytes")
        if self.extra is not None and not 1 <= len(self.extra) <= MAX_EXTRA:
            raise FormatError(f"a proof has no `extra` line, or one of 1 to {MAX_EXTRA} bytes")

    def encode(self) -> bytes:
        """The proof's bytes."""
        extra = b"" if self.extra is None else b"extra %s\n" % to_base64(self.extra)
        hashes = b"".join(to_base64(one) + b"\n" for one in self.hashes)
        return b"%s\n%sindex %d\n%s\n%s" % (_FIRST, extra, self.index, hashes, self.checkpoint)


def parse(data: bytes) -> Proof:
    """The proof in `data`. FormatError unless it is one of at most `MAX_BYTES`; `parse(data).encode() == data`. The
    checkpoint is only cut off: `signing.checkpoint` opens it."""
    if len(data) > MAX_BYTES:
        raise FormatError(f"a proof has at most {MAX_BYTES} bytes, not {len(data)}")
    head, gap, checkpoint = data.partition(b"\n\n")
    lines = head.split(b"\n")
    if not gap or lines.pop(0) != _FIRST:
        raise FormatError(f"a proof begins with {_FIRST.decode()} and has an empty line before its checkpoint")
    extra = None
    if lines and lines[0].startswith(b"extra "):
        extra = from_base64(lines.pop(0).removeprefix(b"extra "))
    if not lines or not lines[0].startswith(b"index "):
        raise FormatError("a proof has an index")
    index = from_decimal(lines.pop(0).removeprefix(b"index "), MAX_SIZE - 1)
    if len(lines) > MAX_HASHES:
        raise FormatError(f"a proof has at most {MAX_HASHES} hashes, not {len(lines)}")
    return Proof(index=index, hashes=tuple(from_base64(line) for line in lines), checkpoint=checkpoint, extra=extra)
