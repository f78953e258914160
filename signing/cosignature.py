"""What witnesses say about checkpoints: C2SP cosignature/v1, with Ed25519 keys.

A witness follows a log and signs a checkpoint only if it continues every one it signed before. Its signature stands in
the checkpoint's note like any other, as a line of a key of type 0x04. The signature is 72 bytes: the time as a 64-bit
big-endian number of seconds since 1970, then Ed25519 over

    cosignature/v1
    time 1767225600
    tamizdat.example/log/test
    8
    XcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=

which is two lines and the checkpoint's text. It says: at that time this was the largest tree of this log that I had
seen, and it holds all that I saw before. The line for the example in `signing.checkpoint` is the last one there, of
the key

    witness.example/w1+20324abe+BCmsuuFBvMrwsi4alNNNC8c2HlJtC/4SyJeUvJMilm3X

The signed bytes don't hold the witness's name, so a witness is its public key: whoever counts, counts keys. Lines of
other kinds (ML-DSA-44 is 0x06, 2420 bytes) belong to keys that nobody here knows and are ignored like all such lines.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from signing import note
from signing.checkpoint import MAX_BYTES, parse_text
from signing.errors import BadKey, BadSignature, FormatError
from signing.keys import COSIGNATURE, SignerKey, VerifierKey
from signing.note import Note, SignatureLine


def witness_key(name: str, seed: bytes) -> SignerKey:
    """The witness's key that 32 random bytes make."""
    return SignerKey(name, seed, COSIGNATURE)


def sign(checkpoint_text: bytes, signer: SignerKey, time: int) -> bytes:
    """The signature line, with its LF, by which a witness says that this was the newest at `time`, in seconds since
    1970. FormatError unless the text is a checkpoint's, BadKey unless the key is a witness's."""
    parse_text(checkpoint_text)
    signature = signer.cosign(checkpoint_text, time)
    return SignatureLine(name=signer.name, key_id=signer.verifier.id, signature=signature).encode()


def cosigners(data: bytes, keys: Iterable[VerifierKey]) -> dict[VerifierKey, int]:
    """Which of the witnesses `keys` cosigned the checkpoint in `data`, and when (the last time, in seconds since 1970),
    in the order of their lines. No key may have: the log's own signature is not looked at here.

    BadSignature when the line of a known witness is wrong; FormatError unless `data` is a checkpoint of at most
    `MAX_BYTES`; BadKey when a key is no witness's, or two keys share name and ID.
    """
    return dict(_cosigners(data, tuple(keys)))


# As for `open_checkpoint`: all proofs of one seal end in the same checkpoint.
@lru_cache(maxsize=16)
def _cosigners(data: bytes, keys: tuple[VerifierKey, ...]) -> tuple[tuple[VerifierKey, int], ...]:
    known: dict[tuple[str, bytes], VerifierKey] = {}
    for key in keys:
        if key.kind != COSIGNATURE:
            raise BadKey(f"key {key.label} is not a witness's")
        if known.setdefault((key.name, key.id), key) != key:
            raise BadKey(f"two different keys are both {key.label}")
    if len(data) > MAX_BYTES:
        raise FormatError(f"a checkpoint has at most {MAX_BYTES} bytes, not {len(data)}")
    parsed = note.parse(data)
    parse_text(parsed.text)
    found: dict[VerifierKey, int] = {}
    for line in parsed.lines:
        witness = known.get((line.name, line.key_id))
        if witness is None:
            continue
        if not witness.verifies(parsed.text, line.signature):
            raise BadSignature(f"the cosignature of {witness.label} is wrong")
        found[witness] = max(found.get(witness, 0), int.from_bytes(line.signature[:8], "big"))
    return tuple(found.items())


def attach(checkpoint: bytes, lines: Iterable[bytes]) -> bytes:
    """The checkpoint with these signature lines (each with its LF): first the log's own line, then one line a key,
    by name and ID, whatever the order in which they came. A line takes the place of that key's older one. Nothing is
    verified. FormatError unless all of it is in form and the result is a checkpoint of at most `MAX_BYTES`."""
    parsed = note.parse(checkpoint)
    origin = parse_text(parsed.text).origin
    by_key = {(line.name, line.key_id): line for line in parsed.lines}
    for raw in lines:
        if not raw.endswith(b"\n"):
            raise FormatError("a signature line ends in a line feed")
        line = note.parse_line(raw[:-1])
        by_key[line.name, line.key_id] = line
    in_order = sorted(by_key.values(), key=lambda line: (line.name != origin, line.name, line.key_id))
    whole = Note(text=parsed.text, lines=tuple(in_order)).encode()
    if len(in_order) > note.MAX_SIGNATURES or len(whole) > MAX_BYTES:
        raise FormatError(
            f"a checkpoint has at most {note.MAX_SIGNATURES} signature lines and {MAX_BYTES} bytes, "
            f"not {len(in_order)} and {len(whole)}"
        )
    return whole
