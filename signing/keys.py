"""Keys as text: the two forms that C2SP signed-note and Go's `golang.org/x/mod/sumdb/note` share.

A verifier key is `<name>+<key ID, 8 hex digits>+<base64(type byte || 32-byte Ed25519 public key)>`. The key ID is the
first four bytes of SHA-256(name || 0x0A || type byte || public key). Base64 may itself hold `+`, so the text is split
at its first two. Types: 0x01 signs the text of a note; 0x04 is a witness, whose signature also covers the time at which
it saw a checkpoint (C2SP tlog-cosignature). A signer key is `PRIVATE+KEY+<name>+<key ID>+<base64(type byte || 32-byte
seed)>`; anybody who has it can sign.

The name must not be empty and holds neither `+` nor Unicode white space. Stricter than Go: hex digits are lower-case
and base64 is canonical, so that one key has one text.

A key has one role. Nothing in the key says which: `signing.roles.Trust` does, and refuses a key with two.

The keys of the example in `signing.note`:

    PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz
    PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from signing.errors import BadKey, FormatError, shown
from signing.packing import MAX_NUMBER, from_base64, to_base64

ED25519 = 0x01
COSIGNATURE = 0x04

_HEX_ID = re.compile("[0-9a-f]{8}", re.ASCII)
# Unicode's White_Space, as in Go's unicode.IsSpace. str.isspace() differs by U+001C-U+001F, which are control
# characters and refused all the same.
_NOT_IN_NAMES = re.compile("[+\x00-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ud800-\udfff]")


def is_name(name: str) -> bool:
    """Whether `name` can name a key or a log: not empty, no `+`, no white space, no control characters."""
    return bool(name) and not _NOT_IN_NAMES.search(name)


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key with its name. `kind` is the signature type: 1, or 4 for a witness. BadKey when a part is wrong."""

    name: str
    public: bytes
    kind: int = ED25519

    def __post_init__(self) -> None:
        if not is_name(self.name):
            raise BadKey(f'key name "{shown(self.name)}" is empty or holds a space, a control character or "+"')
        if self.kind not in (ED25519, COSIGNATURE):
            raise BadKey(f"key {shown(self.name)} has unknown type {self.kind}")
        if len(self.public) != 32:
            raise BadKey(f"key {shown(self.name)} has {len(self.public)} bytes instead of 32")

    @property
    def id(self) -> bytes:
        """The four bytes that stand before each of its signatures."""
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()[:4]

    @property
    def text(self) -> str:
        """The verifier key text."""
        return f"{self.name}+{self.id.hex()}+{to_base64(bytes([self.kind]) + self.public).decode()}"

    @property
    def label(self) -> str:
        """Name and key ID, safe to print."""
        return f"{shown(self.name)}+{self.id.hex()}"

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """The key `text` stands for. BadKey if anything about it is off, the key ID included."""
        name, _, rest = text.partition("+")
        hex_id, _, encoded = rest.partition("+")
        data = _key_bytes(encoded, name)
        key = cls(name, data[1:], data[0])
        if not _HEX_ID.fullmatch(hex_id) or key.id.hex() != hex_id:
            raise BadKey(f"key {key.label} is written with the key ID {shown(hex_id, 16)}")
        return key

    def verifies(self, text: bytes, signature: bytes) -> bool:
        """Whether `signature` (without the key ID) is this key's over a note's `text`."""
        if self.kind == COSIGNATURE:
            if len(signature) != 72:
                return False
            time = int.from_bytes(signature[:8], "big")
            if time > MAX_NUMBER:
                return False
            text, signature = _cosigned(text, time), signature[8:]
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, text)
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True, slots=True)
class SignerKey:
    """A private key with its name; `seed` is its 32 secret bytes and is left out of `repr`. `kind` is the signature
    type: 1, or 4 for a witness, whose key signs cosignatures and nothing else."""

    name: str
    seed: bytes = field(repr=False)
    kind: int = ED25519

    def __post_init__(self) -> None:
        if not is_name(self.name):
            raise BadKey(f'key name "{shown(self.name)}" is empty or holds a space, a control character or "+"')
        if self.kind not in (ED25519, COSIGNATURE):
            raise BadKey(f"private key {shown(self.name)} has unknown type {self.kind}")
        if len(self.seed) != 32:
            raise BadKey(f"private key {shown(self.name)} has {len(self.seed)} bytes instead of 32")

    @property
    def verifier(self) -> VerifierKey:
        """The public half."""
        public = Ed25519PrivateKey.from_private_bytes(self.seed).public_key()
        return VerifierKey(self.name, public.public_bytes(Encoding.Raw, PublicFormat.Raw), self.kind)

    @property
    def text(self) -> str:
        """The signer key text. It is a secret."""
        seed = to_base64(bytes([self.kind]) + self.seed).decode()
        return f"PRIVATE+KEY+{self.name}+{self.verifier.id.hex()}+{seed}"

    @classmethod
    def parse(cls, text: str) -> SignerKey:
        """The key `text` stands for. BadKey if anything about it is off; the message never holds the secret."""
        if not text.startswith("PRIVATE+KEY+"):
            raise BadKey("a private key begins with PRIVATE+KEY+")
        name, _, rest = text.removeprefix("PRIVATE+KEY+").partition("+")
        hex_id, _, encoded = rest.partition("+")
        data = _key_bytes(encoded, name)
        key = cls(name, data[1:], data[0])
        if key.verifier.id.hex() != hex_id:
            raise BadKey(f"private key {key.verifier.label} is written with another key ID")
        return key

    def sign(self, message: bytes) -> bytes:
        """The 64-byte Ed25519 signature of `message`. BadKey for a witness's key: what it signed here could be passed
        off as a cosignature."""
        if self.kind != ED25519:
            raise BadKey(f"key {self.verifier.label} is a witness's: it signs cosignatures only")
        return Ed25519PrivateKey.from_private_bytes(self.seed).sign(message)

    def cosign(self, text: bytes, time: int) -> bytes:
        """The 72 bytes (time, signature) by which a witness says that at `time`, in seconds since 1970, the checkpoint
        with this `text` was the largest it had seen of that log. BadKey unless this is a witness's key."""
        if self.kind != COSIGNATURE:
            raise BadKey(f"key {self.verifier.label} is not a witness's: it signs no cosignatures")
        if not 0 <= time <= MAX_NUMBER:
            raise FormatError(f"a cosignature has a time from 0 to 2^63-1, not {time}")
        signature = Ed25519PrivateKey.from_private_bytes(self.seed).sign(_cosigned(text, time))
        return time.to_bytes(8, "big") + signature


def _cosigned(text: bytes, time: int) -> bytes:
    return b"cosignature/v1\ntime %d\n" % time + text


def generate(name: str, seed: bytes) -> SignerKey:
    """The key that 32 random bytes make. Randomness is an argument: this package does no I/O."""
    return SignerKey(name, seed)


def _key_bytes(encoded: str, name: str) -> bytes:
    try:
        data = from_base64(encoded.encode("ascii"))
    except (FormatError, UnicodeEncodeError):
        raise BadKey(f"key {shown(name)} is not written as name+id+base64") from None
    if len(data) != 33:
        raise BadKey(f"key {shown(name)} has {len(data)} bytes instead of 33")
    return data
