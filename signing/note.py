"""Signed notes: text that one or more keys have signed (C2SP signed-note v1).

A note is a text ending in LF, an empty line, and one or more signature lines:

    <text, whose last byte is LF>
    <empty line>
    — <key name> <base64(4-byte key ID || signature)>

A line begins with an em dash (U+2014) and a space and ends in LF. The text may hold empty lines: the last one in the
note parts text from signatures. The signature covers the text with its last LF, without the empty line. The whole is
valid UTF-8 and holds no byte below 0x20 but LF. Here is one (from Go's `golang.org/x/mod/sumdb/note`):

    If you think cryptography is the answer to your problem,
    then you don't know what your problem is.

    — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=

which `open_note` opens with the key `PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW`.

A line belongs to a key when name *and* key ID match. Lines of unknown keys, or of known names with other IDs, are
ignored: they are how new kinds of signature arrive. A known key's bad signature rejects the note, and so does having
no good signature of any known key.

What Go's `note.Open` rejects is rejected here too. Stricter than Go are:

 1. base64 whose unused last bits are not zero (`…JnAM=` and `…JnAN=` are one signature to Go);
 2. more than 64 signature lines (Go: more than 100);
 3. a further line of a key that has signed already: it must be good as well, Go does not look at it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from signing.errors import BadKey, BadSignature, FormatError, shown
from signing.keys import SignerKey, VerifierKey, is_name
from signing.packing import from_base64, to_base64

# A verification costs 0.1 ms: a note of 64 lines of known keys keeps a reader busy for 10 ms at most.
MAX_SIGNATURES = 64

_PREFIX = "— ".encode()
_CONTROL = re.compile(rb"[\x00-\x09\x0b-\x1f]")


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureLine:
    """One line: who says to have signed, and the signature without the key ID. Nothing was verified."""

    name: str
    key_id: bytes
    signature: bytes

    def encode(self) -> bytes:
        """The line with its LF."""
        return _PREFIX + self.name.encode() + b" " + to_base64(self.key_id + self.signature) + b"\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A note that was taken apart and nothing else: the text is not to be believed."""

    text: bytes
    lines: tuple[SignatureLine, ...]

    def encode(self) -> bytes:
        """The note's bytes: exactly those it was parsed from."""
        return self.text + b"\n" + b"".join(line.encode() for line in self.lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedNote:
    """A text, and the known keys that really signed it, each once, in the order of their lines."""

    text: bytes
    signers: tuple[VerifierKey, ...]


def sign(text: bytes | str, *signers: SignerKey) -> bytes:
    """The note that says `signers` signed `text`. FormatError for a text that cannot be in a note."""
    data = text.encode() if isinstance(text, str) else text
    if not data.endswith(b"\n"):
        raise FormatError("a note's text ends in a line feed")
    if not signers or len(signers) > MAX_SIGNATURES:
        raise FormatError(f"a note has from 1 to {MAX_SIGNATURES} signatures")
    _check_bytes(data)
    lines = tuple(
        SignatureLine(name=signer.name, key_id=signer.verifier.id, signature=signer.sign(data)) for signer in signers
    )
    return Note(text=data, lines=lines).encode()


def parse(data: bytes) -> Note:
    """The parts of a note, unverified. FormatError unless `data` is a note; `parse(data).encode() == data`."""
    _check_bytes(data)
    split = data.rfind(b"\n\n")
    if split < 0 or not data.endswith(b"\n"):
        raise FormatError("a note is a text, an empty line and signature lines, each with a line feed at its end")
    text, rest = data[: split + 1], data[split + 2 :]
    if not rest:
        raise FormatError("the note has no signature lines")
    raw_lines = rest[:-1].split(b"\n", MAX_SIGNATURES)
    if len(raw_lines) > MAX_SIGNATURES:
        raise FormatError(f"the note has more than {MAX_SIGNATURES} signature lines")
    return Note(text=text, lines=tuple(parse_line(line) for line in raw_lines))


def open_note(data: bytes, keys: Iterable[VerifierKey]) -> OpenedNote:
    """The text of a note that at least one of `keys` signed, and which of them did.

    FormatError unless `data` is a note; BadSignature when no known key signed it or a known key's signature is bad;
    BadKey when two different `keys` share name and ID, which only somebody who made them so can bring about.
    """
    known: dict[tuple[str, bytes], VerifierKey] = {}
    for key in keys:
        if known.setdefault((key.name, key.id), key) != key:
            raise BadKey(f"two different keys are both {key.label}")
    note = parse(data)
    signers: dict[VerifierKey, None] = {}
    for line in note.lines:
        signer = known.get((line.name, line.key_id))
        if signer is None:
            continue
        if not signer.verifies(note.text, line.signature):
            raise BadSignature(f"the signature of {signer.label} is wrong")
        signers[signer] = None
    if not signers:
        names = ", ".join(f"{shown(line.name, 60)}+{line.key_id.hex()}" for line in note.lines[:3])
        wanted = ", ".join(key.label for key in list(known.values())[:3]) or "none"
        raise BadSignature(f"no known key signed this: expected {wanted}, found {names}")
    return OpenedNote(text=note.text, signers=tuple(signers))


def _check_bytes(data: bytes) -> None:
    if control := _CONTROL.search(data):
        raise FormatError(f"a note holds no byte 0x{control.group()[0]:02x} (at {control.start()})")
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FormatError(f"a note is UTF-8; byte {error.start} is not") from None


def parse_line(line: bytes) -> SignatureLine:
    """The signature line in `line`, which comes without its LF. FormatError unless it is one."""
    if not line.startswith(_PREFIX):
        raise FormatError("a signature line begins with an em dash and a space")
    try:
        # A line may come alone, from a witness: then nobody has looked at its bytes yet.
        name, _, encoded = line.removeprefix(_PREFIX).decode().partition(" ")
    except UnicodeDecodeError:
        raise FormatError("a signature line is UTF-8") from None
    if not is_name(name):
        raise FormatError("a signature line names its key without spaces")
    signature = from_base64(encoded.encode())
    if len(signature) < 5:
        raise FormatError("a signature line holds a key ID and a signature")
    return SignatureLine(name=name, key_id=signature[:4], signature=signature[4:])
