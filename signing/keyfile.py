"""A private key as it lies on a disk: in the clear, or under a passphrase. No I/O; salt and nonce are arguments.

In the clear it is one line, the signer key text (`signing.keys`). Under a passphrase it is four lines:

    tamizdat key v1
    scrypt 17 8 1 AAECAwQFBgcICQoLDA0ODw==
    example.org/online+2a5b10b4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW
    EBESExQVFhcYGRobv3…

1 what this is · 2 scrypt (RFC 7914) with N = 2^17, r = 8, p = 1 and 16 bytes of salt: 128 MiB and about half a second
a guess · 3 the public half, so that a list of keys needs no passphrase · 4 base64 of a 12-byte nonce and the signer key
text under ChaCha20-Poly1305 (RFC 8439). Its key is the 32 bytes that scrypt makes of the passphrase (UTF-8, NFC); the
first three lines with their line ends are authenticated with it. Other parameters of scrypt are refused: a file must
not be able to ask for all the memory there is.

Keys of one folder may share a salt, so that one passphrase is stretched once a process; a nonce serves once a salt.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from signing.errors import BadKey, FormatError
from signing.keys import SignerKey, VerifierKey
from signing.packing import from_base64, to_base64

LARGEST = 4096
"""Bytes: the most a key file may have; one is about 400."""

SALT = 16
NONCE = 12

_FIRST = "tamizdat key v1"
_SCRYPT = "scrypt 17 8 1 "
_WRONG = "not a private key of this tool"


class WrongPassphrase(BadKey):
    """The passphrase does not open this key, or the file was changed: the two cannot be told apart."""


def is_sealed(text: str) -> bool:
    """Whether this is a key under a passphrase."""
    return text.startswith(_FIRST + "\n")


def seal_key(text: str, passphrase: str, salt: bytes, nonce: bytes) -> str:
    """The private key `text` (one line, `PRIVATE+KEY+…`) under a passphrase. BadKey when it is no private key;
    ValueError for an empty passphrase, or a salt or nonce of another length than 16 and 12 bytes."""
    key = SignerKey.parse(text.strip())
    if not passphrase or len(salt) != SALT or len(nonce) != NONCE:
        raise ValueError("a passphrase, 16 bytes of salt and 12 of nonce are needed")
    head = f"{_FIRST}\n{_SCRYPT}{to_base64(salt).decode()}\n{key.verifier.text}\n"
    sealed = ChaCha20Poly1305(_stretched(passphrase, salt)).encrypt(nonce, key.text.encode(), head.encode())
    return f"{head}{to_base64(nonce + sealed).decode()}\n"


def open_key(text: str, passphrase: str) -> SignerKey:
    """The key in this file, sealed or (whatever the passphrase) in the clear. `WrongPassphrase`, or BadKey when this is
    no key file; neither message holds anything of it."""
    if not is_sealed(text):
        return SignerKey.parse(text.strip())
    head, salt, nonce, sealed = _parts(text)
    try:
        plain = ChaCha20Poly1305(_stretched(passphrase, salt)).decrypt(nonce, sealed, head.encode())
        key = SignerKey.parse(plain.decode("ascii"))
    except (InvalidTag, UnicodeDecodeError):
        raise WrongPassphrase("wrong passphrase") from None
    if key.verifier != public_half(text):
        raise BadKey(_WRONG)
    return key


def public_half(text: str) -> VerifierKey:
    """The public half of the key in this file. Of a sealed one it is what the file says, proven only by opening it.
    BadKey when this is no key file."""
    if not is_sealed(text):
        return SignerKey.parse(text.strip()).verifier
    head, *_ = _parts(text)
    return VerifierKey.parse(head.split("\n")[2])


def salt_of(text: str) -> bytes | None:
    """The salt of a sealed key, None for one in the clear. BadKey when this is no key file."""
    return _parts(text)[1] if is_sealed(text) else None


def _parts(text: str) -> tuple[str, bytes, bytes, bytes]:
    """The first three lines, the salt, the nonce and what is sealed."""
    lines = text.split("\n")
    if len(text) > LARGEST or len(lines) != 5 or lines[4] or lines[0] != _FIRST or not lines[1].startswith(_SCRYPT):
        raise BadKey(_WRONG)
    try:
        salt = from_base64(lines[1].removeprefix(_SCRYPT).encode("ascii"))
        data = from_base64(lines[3].encode("ascii"))
    except (FormatError, UnicodeEncodeError):
        raise BadKey(_WRONG) from None
    if len(salt) != SALT or len(data) <= NONCE + 16:
        raise BadKey(_WRONG)
    return "\n".join(lines[:3]) + "\n", salt, data[:NONCE], data[NONCE:]


# Half a second each: a run opens three keys, and asks for the passphrase once.
@lru_cache(maxsize=16)
def _stretched(passphrase: str, salt: bytes) -> bytes:
    text = unicodedata.normalize("NFC", passphrase).encode()
    return Scrypt(salt=salt, length=32, n=1 << 17, r=8, p=1).derive(text)
