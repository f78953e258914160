"""Minisign signatures of packs and releases, for people who would rather not trust this tool to check them.

The formats are those of minisign 0.11 (`minisign.c`; there is no other specification). A public key is two lines:

    untrusted comment: minisign public key 4C476354A75A4756
    RWRWR1qnVGNHTAOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4

base64 of `Ed`, 8 bytes of key ID, 32 bytes of Ed25519 key. People see the ID as a little-endian number in hex. A
signature is four lines:

    untrusted comment: <text>
    <base64 of `ED`, key ID, Ed25519(BLAKE2b-512(file))>
    trusted comment: <text>
    <base64 of Ed25519(the 64 bytes of the first signature || the trusted comment without its prefix and LF)>

Ours differ from minisign's in nothing that its program could notice. The key ID is no random number but the first 8
bytes of SHA-256(public key), so that a key is all there is to keep: it lies in a key file like every other
(`signing.keyfile`), and its name is `<origin>/minisign`. The trusted comment is printable ASCII, since minisign 0.11
prints whatever a comment holds, marks that turn the writing direction included.

Refused here though minisign takes them: the old form `Ed`, in which the file itself is signed (with it, whoever gets
64 bytes of their own signed has a signature of every file with that hash, since the two letters are not signed); base64
that is not canonical; more or fewer than four lines; a comment with control characters other than tab.

A minisign key signs nothing else. There is no rotation or expiry in the format: which key counts is a target of the
trust files, `minisign.pub`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from signing.errors import BadKey, BadSignature, FormatError, shown
from signing.keys import SignerKey, VerifierKey
from signing.packing import from_base64, to_base64

LARGEST: Final = 10_000
"""Bytes: the most a signature or key file may have. Minisign caps the trusted comment at 8,192."""

_UNTRUSTED = "untrusted comment: "
_TRUSTED = "trusted comment: "
_PREHASHED = b"ED"
_KEY = b"Ed"


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """A minisign public key. BadKey when a part has another length."""

    id: bytes
    public: bytes

    def __post_init__(self) -> None:
        if len(self.id) != 8 or len(self.public) != 32:
            raise BadKey("a minisign key has an ID of 8 bytes and 32 bytes of key")

    @property
    def label(self) -> str:
        """The ID as minisign shows it: without leading zeros."""
        return f"{int.from_bytes(self.id, 'little'):X}"

    @property
    def text(self) -> bytes:
        """The public key file."""
        return f"{_UNTRUSTED}minisign public key {self.label}\n{self.line}\n".encode()

    @property
    def line(self) -> str:
        """What follows `minisign -P`."""
        return to_base64(_KEY + self.id + self.public).decode()

    @classmethod
    def of(cls, key: SignerKey | VerifierKey) -> PublicKey:
        """The minisign form of one of our keys."""
        public = key.verifier.public if isinstance(key, SignerKey) else key.public
        return cls(id=hashlib.sha256(public).digest()[:8], public=public)

    @classmethod
    def parse(cls, data: bytes) -> PublicKey:
        """The key in a public key file, whoever made it. BadKey when there is none."""
        try:
            lines = _lines(data, 2)
            raw = from_base64(lines[1].encode("ascii"))
        except (FormatError, UnicodeEncodeError):
            raise BadKey("not a minisign public key: two lines, a comment and base64") from None
        if not lines[0].startswith(_UNTRUSTED) or len(raw) != 42 or raw[:2] != _KEY:
            raise BadKey("not a minisign public key: two lines, a comment and base64")
        return cls(id=raw[2:10], public=raw[10:])


def public_text(key: SignerKey | VerifierKey) -> bytes:
    """The public key file of one of our keys: what `minisign -p` takes, and the target `minisign.pub`."""
    return PublicKey.of(key).text


def comment(*, timestamp: int, file: str, origin: str, index: int | None = None) -> str:
    """A trusted comment as ours are: `timestamp:… file:… origin:… index:…`. The time is in seconds since 1970, `index`
    is the article's in the log. What is not printable ASCII is percent-encoded."""
    parts = {
        "timestamp": str(timestamp),
        "file": file,
        "origin": origin,
        "index": None if index is None else str(index),
    }
    kept = "!$&'()*+,-./:;=@[]_~"
    return " ".join(f"{name}:{quote(text, safe=kept)}" for name, text in parts.items() if text is not None)


def sign(data: bytes, key: SignerKey, trusted: str) -> bytes:
    """The signature file of `data`, for `data`'s name with `.minisig` after it. FormatError unless the comment is
    printable ASCII of at most 1,024 characters."""
    if not (trusted.isascii() and trusted.isprintable() and len(trusted) <= 1024):
        raise FormatError(f"a trusted comment is printable ASCII, at most 1024 characters: {shown(trusted)}")
    signature = key.sign(_hash(data))
    both = key.sign(signature + trusted.encode())
    encoded = to_base64(_PREHASHED + PublicKey.of(key).id + signature).decode()
    text = f"{_UNTRUSTED}signature of {key.name}\n{encoded}\n{_TRUSTED}{trusted}\n{to_base64(both).decode()}\n"
    return text.encode()


def verify(data: bytes, signature: bytes, key: PublicKey) -> str:
    """The trusted comment, if `signature` is a signature file of `key` over `data`. FormatError when it is no signature
    file, BadSignature when it is of another key or wrong."""
    lines = _lines(signature, 4)
    trusted = lines[2].removeprefix(_TRUSTED)
    if not lines[0].startswith(_UNTRUSTED) or trusted == lines[2]:
        raise FormatError("a minisign signature has an untrusted and a trusted comment")
    first, second = (from_base64(line.encode("ascii")) for line in (lines[1], lines[3]))
    if len(first) != 74 or len(second) != 64:
        raise FormatError("a minisign signature has 74 and 64 bytes")
    if first[:2] == _KEY:
        raise FormatError("a minisign signature in the old form, over the file itself: sign it again without -l")
    if first[:2] != _PREHASHED:
        raise FormatError(f"a minisign signature of an unknown kind: {shown(first[:2])}")
    if first[2:10] != key.id:
        found = f"{int.from_bytes(first[2:10], 'little'):X}"
        raise BadSignature(f"signed by the minisign key {found}, not by {key.label}")
    verifier = VerifierKey("minisign", key.public)
    if not verifier.verifies(_hash(data), first[10:]):
        raise BadSignature(f"the minisign signature of {key.label} is wrong")
    if not verifier.verifies(first[10:] + trusted.encode(), second):
        raise BadSignature(f"the trusted comment is not what {key.label} signed")
    return trusted


def _hash(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=64).digest()


def _lines(data: bytes, count: int) -> list[str]:
    if len(data) > LARGEST:
        raise FormatError(f"a minisign file has at most {LARGEST} bytes, not {len(data)}")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise FormatError("a minisign file is text") from None
    lines = text.split("\n")
    if len(lines) != count + 1 or lines[-1]:
        raise FormatError(f"not a minisign file of {count} lines")
    for line in lines[1::2] if count == 4 else lines[1:2]:
        if not line.isascii():
            raise FormatError("a minisign file has base64 in every second line")
    if not all(line.replace("\t", " ").isprintable() for line in lines):
        raise FormatError("a minisign file holds control characters")
    return lines[:-1]
