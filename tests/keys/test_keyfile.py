"""A key under a passphrase: what is in the file, and what does not open it."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from hypothesis import given, settings
from hypothesis import strategies as st

from mirror import keys
from mirror.errors import UsageError
from mirror.secrets import Secret
from signing.errors import BadKey
from signing.keyfile import WrongPassphrase, is_sealed, open_key, public_half, salt_of, seal_key
from signing.keys import SignerKey

KEY = SignerKey("example.org/online", bytes(range(100, 132)))
SALT, NONCE = bytes(range(16)), bytes(range(16, 28))
SEALED = seal_key(KEY.text, "passphrase", SALT, NONCE)


def test_a_sealed_key_opens_with_its_passphrase_and_shows_only_its_public_half() -> None:
    assert open_key(SEALED, "passphrase") == KEY
    assert is_sealed(SEALED)
    assert public_half(SEALED) == KEY.verifier
    assert salt_of(SEALED) == SALT
    assert base64.b64encode(KEY.seed)[4:20].decode() not in SEALED
    assert "PRIVATE" not in SEALED


def test_the_file_is_what_the_specification_says() -> None:
    """Opened with nothing but the libraries of the specification."""
    first, scrypt, public, body = SEALED.rstrip("\n").split("\n")
    assert (first, public) == ("tamizdat key v1", KEY.verifier.text)
    name, *numbers, salt = scrypt.split(" ")
    assert (name, numbers) == ("scrypt", ["17", "8", "1"])
    key = Scrypt(salt=base64.b64decode(salt), length=32, n=2**17, r=8, p=1).derive(b"passphrase")
    data = base64.b64decode(body)
    head = f"{first}\n{scrypt}\n{public}\n".encode()
    assert ChaCha20Poly1305(key).decrypt(data[:12], data[12:], head) == KEY.text.encode()


def test_a_passphrase_may_be_typed_with_accents_composed_or_not() -> None:
    assert open_key(seal_key(KEY.text, "caf\u00e9 noir", SALT, NONCE), "cafe\u0301 noir") == KEY


@pytest.mark.parametrize("passphrase", ["", "Passphrase", "passphrase "])
def test_another_passphrase_opens_nothing(passphrase: str) -> None:
    with pytest.raises(WrongPassphrase) as caught:
        open_key(SEALED, passphrase)
    assert str(caught.value) == "wrong passphrase"


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(SEALED) - 1), st.integers(1, 127))
def test_a_changed_file_is_no_key(place: int, change: int) -> None:
    changed = SEALED[:place] + chr(ord(SEALED[place]) ^ change) + SEALED[place + 1 :]
    # A changed salt would cost a second each: what it leads to is the same as for a wrong passphrase.
    if changed.split("\n")[1:2] != SEALED.split("\n")[1:2] and "scrypt 17 8 1 " in changed:
        return
    with pytest.raises(BadKey):
        open_key(changed, "passphrase")


@pytest.mark.parametrize(
    "text",
    [
        SEALED.replace("scrypt 17", "scrypt 30"),
        SEALED.replace("scrypt 17 8 1", "scrypt 17 8 1024"),
        SEALED.replace("v1", "v2"),
        SEALED + "more\n",
        SEALED.rstrip("\n"),
        "tamizdat key v1\n",
        "",
        "tamizdat key v1\n" + "x" * 10_000,
    ],
)
def test_a_file_of_another_form_is_refused_before_anything_is_stretched(text: str) -> None:
    with pytest.raises(BadKey):
        open_key(text, "passphrase")
    with pytest.raises(BadKey):
        public_half(text)


def test_a_public_half_that_is_not_the_keys_is_found_when_it_is_opened() -> None:
    other = SignerKey("example.org/online", b"x" * 32)
    with pytest.raises(WrongPassphrase):
        open_key(SEALED.replace(KEY.verifier.text, other.verifier.text), "passphrase")


def test_what_is_no_key_is_not_sealed() -> None:
    with pytest.raises(BadKey):
        seal_key("not a key", "passphrase", SALT, NONCE)
    with pytest.raises(ValueError, match="16 bytes"):
        seal_key(KEY.text, "", SALT, NONCE)


# --- files ------------------------------------------------------------------------------------------------------------


def test_a_key_file_is_private_and_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "online.key"
    keys.write_key(path, KEY, Secret("passphrase"), salt=SALT)
    assert path.stat().st_mode & 0o777 == 0o600
    assert keys.read_key(path, lambda: Secret("passphrase")) == KEY
    assert keys.read_public(path) == KEY.verifier
    with pytest.raises(UsageError, match="never overwritten"):
        keys.write_key(path, KEY)
    path.chmod(0o640)
    with pytest.raises(UsageError, match="other users can read"):
        keys.read_key(path)


def test_changing_a_passphrase_that_was_interrupted_goes_on_where_it_was(tmp_path: Path) -> None:
    old, new = Secret("old passphrase"), Secret("new passphrase")
    paths = [tmp_path / f"{name}.key" for name in ("log", "online", "publisher")]
    for number, path in enumerate(paths):
        keys.write_key(path, SignerKey(f"example.org/{number}", bytes([number]) * 32), old, salt=SALT)
    assert keys.encrypt(paths[:1], lambda: old, new) == paths[:1]
    assert keys.encrypt(paths, lambda: old, new) == paths[1:]
    assert {keys.read_key(path, lambda: new).name for path in paths} == {f"example.org/{n}" for n in range(3)}
    assert len({salt_of(path.read_text()) for path in paths}) == 2


def test_nothing_is_changed_when_one_key_does_not_open(tmp_path: Path) -> None:
    paths = [tmp_path / "a.key", tmp_path / "b.key"]
    keys.write_key(paths[0], KEY, Secret("one"), salt=SALT)
    keys.write_key(paths[1], KEY, Secret("two"), salt=SALT)
    before = [path.read_bytes() for path in paths]
    with pytest.raises(UsageError, match=r"b\.key: wrong passphrase"):
        keys.encrypt(paths, lambda: Secret("one"), Secret("three"))
    assert [path.read_bytes() for path in paths] == before


def test_a_passphrase_itself_is_never_taken_for_a_reference() -> None:
    with pytest.raises(UsageError) as caught:
        keys.passphrase("hunter2 hunter2", folder=Path(), what="keys")
    assert "hunter2" not in str(caught.value)
