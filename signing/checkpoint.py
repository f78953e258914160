"""Checkpoints: what a log says about itself (C2SP tlog-checkpoint).

A checkpoint is a signed note whose text is three lines: the log's origin, its size in decimal, and its root in base64.
The log's key signs it, and that key's name is the origin; so one key cannot speak for two logs. Witnesses may add lines
of their own. Extension lines are refused: cosignatures need not cover them, and this version has no use for them. Here
is one of a log of 8 entries:

    tamizdat.example/log/test
    8
    XcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=

    — tamizdat.example/log/test /b6YCXAXr1nHYh5EZmjK0AdEQiNs/Y0dTXWv9YMpFuL3UVPhivOlGJYvXUgWieR26MvqU0OuQixnG6hhFCy3tZLmnwI=
    — witness.example/w1 IDJKvgAAAABpVbkAI6bm5iuX6D20ysZnk4cdC2lZ9GyL550r0GU2Cr1G/ffeEb83xBVYh49j8HoVP3qSHcbhX9/RBgy0JLc8eGHfAw==

The log's key is
`tamizdat.example/log/test+fdbe9809+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4`.

Bytes that differ can be the same checkpoint (cosignatures come and go); compare `Checkpoint`s.
"""  # noqa: E501

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from signing import note
from signing.errors import BadKey, BadSignature, FormatError, shown
from signing.keys import ED25519, SignerKey, VerifierKey, is_name
from signing.merkle import EMPTY_ROOT, MAX_SIZE
from signing.packing import from_base64, from_decimal, to_base64

# 64 signature lines of up to 1 KiB: room for witnesses, for the odd post-quantum signature, not for much else.
MAX_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A log, its size and its root. FormatError when there can be no such checkpoint."""

    origin: str
    size: int
    root: bytes

    def __post_init__(self) -> None:
        if not is_name(self.origin):
            raise FormatError(f'"{shown(self.origin)}" cannot be the origin of a log')
        if not 0 <= self.size <= MAX_SIZE:
            raise FormatError(f"a log cannot have {self.size} entries")
        if len(self.root) != 32 or (self.size == 0 and self.root != EMPTY_ROOT):
            raise FormatError(f"a log of {self.size} cannot have root {self.root.hex()}")

    @property
    def text(self) -> bytes:
        """The text that is signed."""
        return b"%s\n%d\n%s\n" % (self.origin.encode(), self.size, to_base64(self.root))


def parse_text(text: bytes) -> Checkpoint:
    """The checkpoint a note's `text` states; nothing is verified. FormatError unless it is one, without extensions."""
    parts = text.split(b"\n", 4)
    if len(parts) != 4 or parts[3]:
        raise FormatError("a checkpoint's text is three lines: origin, size, root")
    try:
        origin = parts[0].decode()
    except UnicodeDecodeError:
        raise FormatError("a checkpoint's origin is UTF-8") from None
    return Checkpoint(origin, from_decimal(parts[1]), from_base64(parts[2]))


def sign(checkpoint: Checkpoint, signer: SignerKey) -> bytes:
    """The checkpoint as a note of the log's key. BadKey if the key is named otherwise than the log."""
    if signer.name != checkpoint.origin:
        raise BadKey(f"key {shown(signer.name)} cannot sign for the log {shown(checkpoint.origin)}")
    return note.sign(checkpoint.text, signer)


# Every proof of one seal carries the same checkpoint; whoever reads a mirror in the log's order opens it once. The
# answer depends on nothing but the arguments, and a refusal is not remembered.
@lru_cache(maxsize=16)
def open_checkpoint(data: bytes, key: VerifierKey, origin: str) -> Checkpoint:
    """The checkpoint of the log `origin` that `key` signed. FormatError unless `data` is a checkpoint of at most
    `MAX_BYTES`, BadKey if `key` is not that log's, BadSignature if the signature is missing or wrong, or if the
    checkpoint is of another log."""
    if key.name != origin or key.kind != ED25519:
        raise BadKey(f"key {key.label} is not the key of the log {shown(origin)}")
    if len(data) > MAX_BYTES:
        raise FormatError(f"a checkpoint has at most {MAX_BYTES} bytes, not {len(data)}")
    checkpoint = parse_text(note.open_note(data, [key]).text)
    if checkpoint.origin != origin:
        raise BadSignature(f"the checkpoint is of the log {shown(checkpoint.origin)}, not of {shown(origin)}")
    return checkpoint
