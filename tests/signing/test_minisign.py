"""Minisign's format, with minisign itself as the judge."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signing import minisign
from signing.errors import BadKey, BadSignature, FormatError, SigningError
from signing.keys import SignerKey
from signing.minisign import PublicKey
from tests.needs import program

KEY = SignerKey("example.org/minisign", bytes(range(32)))
OTHER = SignerKey("example.org/minisign", bytes(range(1, 33)))
COMMENT = minisign.comment(timestamp=1_800_000_000, file="a.tamizdat", origin="example.org", index=7)
DATA = b"what is signed\n"


def said(arguments: list[str], folder: Path) -> tuple[int, str]:
    done = subprocess.run(
        [program("minisign"), *arguments], cwd=folder, capture_output=True, text=True, check=False, timeout=30
    )
    return done.returncode, done.stdout + done.stderr


def test_the_key_of_the_module_s_example_is_that_of_a_known_seed() -> None:
    example = "".join(line.strip() + "\n" for line in (minisign.__doc__ or "").splitlines()[4:6])
    assert example.encode() == minisign.public_text(KEY) == minisign.public_text(KEY.verifier)


def test_minisign_accepts_what_we_sign_and_shows_the_comment(tmp_path: Path) -> None:
    (tmp_path / "a.tamizdat").write_bytes(DATA)
    (tmp_path / "a.tamizdat.minisig").write_bytes(minisign.sign(DATA, KEY, COMMENT))
    (tmp_path / "minisign.pub").write_bytes(minisign.public_text(KEY))
    for option in (["-p", "minisign.pub"], ["-P", PublicKey.of(KEY).line], ["-H", "-p", "minisign.pub"]):
        status, text = said(["-V", "-m", "a.tamizdat", *option], tmp_path)
        assert status == 0, text
        assert COMMENT in text
    (tmp_path / "other.pub").write_bytes(minisign.public_text(OTHER))
    status, text = said(["-V", "-m", "a.tamizdat", "-p", "other.pub"], tmp_path)
    assert status != 0
    assert PublicKey.of(KEY).label in text
    assert PublicKey.of(OTHER).label in text


def test_we_accept_what_minisign_signs_and_not_its_old_form(tmp_path: Path) -> None:
    assert said(["-G", "-W", "-p", "p.pub", "-s", "s.key"], tmp_path)[0] == 0
    key = PublicKey.parse((tmp_path / "p.pub").read_bytes())
    assert key.text == (tmp_path / "p.pub").read_bytes()
    (tmp_path / "f").write_bytes(DATA)
    assert said(["-S", "-s", "s.key", "-m", "f", "-t", "a comment, ещё"], tmp_path)[0] == 0
    assert minisign.verify(DATA, (tmp_path / "f.minisig").read_bytes(), key) == "a comment, ещё"
    assert said(["-S", "-s", "s.key", "-m", "f"], tmp_path)[0] == 0
    assert minisign.verify(DATA, (tmp_path / "f.minisig").read_bytes(), key).endswith("\tfile:f\thashed")
    with pytest.raises(BadSignature):
        minisign.verify(DATA + b"x", (tmp_path / "f.minisig").read_bytes(), key)
    assert said(["-S", "-l", "-s", "s.key", "-m", "f"], tmp_path)[0] == 0
    with pytest.raises(FormatError, match="old form"):
        minisign.verify(DATA, (tmp_path / "f.minisig").read_bytes(), key)


def test_no_changed_byte_goes_unseen_by_us_or_by_minisign(tmp_path: Path, everything: bool) -> None:
    good = minisign.sign(DATA, KEY, COMMENT)
    key = PublicKey.of(KEY)
    (tmp_path / "minisign.pub").write_bytes(key.text)
    (tmp_path / "f").write_bytes(DATA)
    starts = [good.index(line) for line in good.split(b"\n")[1:-1]]
    judged = 0
    for at in range(starts[0], len(good) - 1):
        bad = good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :]
        with pytest.raises(SigningError):
            minisign.verify(DATA, bad, key)
        if everything or at % 13 == 0:
            (tmp_path / "f.minisig").write_bytes(bad)
            judged += said(["-V", "-m", "f", "-p", "minisign.pub"], tmp_path)[0] != 0
    # The unused last bits of base64, and the label before the trusted comment, are all that minisign lets pass.
    assert judged >= (len(good) - starts[0]) // (1 if everything else 13) - 4
    (tmp_path / "f.minisig").write_bytes(good)
    for at in range(len(DATA)):
        bad = DATA[:at] + bytes([DATA[at] ^ 1]) + DATA[at + 1 :]
        with pytest.raises(BadSignature):
            minisign.verify(bad, good, key)
        if everything or at % 5 == 0:
            (tmp_path / "f").write_bytes(bad)
            assert said(["-V", "-m", "f", "-p", "minisign.pub"], tmp_path)[0] != 0


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[:-1],
        lambda text: text + b"\n",
        lambda text: text.replace(b"\n", b"\r\n"),
        lambda text: text.replace(b"untrusted", b"Untrusted", 1),
        lambda text: text.replace(b"\ntrusted comment: ", b"\ntrusted comment:", 1),
        lambda text: text.replace(b"trusted comment: timestamp", "trusted comment: \u202etimestamp".encode(), 1),
        lambda text: text.replace(b"file:a", b"file:b", 1),
        lambda text: text.replace(b"file:a", b"file:\xff", 1),
        lambda text: text.replace(b"==", b"=", 1),
        lambda text: b"",
        lambda text: b"\n" * 4,
        lambda text: text + b"x" * 10_000,
    ],
    ids=range(12),
)
def test_another_file_is_no_signature(change: object) -> None:
    assert callable(change)
    with pytest.raises(SigningError):
        minisign.verify(DATA, change(minisign.sign(DATA, KEY, COMMENT)), PublicKey.of(KEY))


def test_a_signature_of_another_key_names_both() -> None:
    with pytest.raises(BadSignature) as caught:
        minisign.verify(DATA, minisign.sign(DATA, OTHER, COMMENT), PublicKey.of(KEY))
    assert PublicKey.of(KEY).label in str(caught.value)
    assert PublicKey.of(OTHER).label in str(caught.value)


def test_the_two_letters_cannot_be_swapped() -> None:
    import hashlib

    lines = minisign.sign(DATA, KEY, COMMENT).split(b"\n")
    lines[1] = base64.b64encode(b"Ed" + base64.b64decode(lines[1])[2:])
    with pytest.raises(FormatError, match="old form"):
        minisign.verify(hashlib.blake2b(DATA).digest(), b"\n".join(lines), PublicKey.of(KEY))


@pytest.mark.parametrize("data", [b"", b"x", b"untrusted comment: x\nRWQ=\n", b"untrusted comment: x\n\xff\n", b"\n\n"])
def test_what_is_no_key_is_refused(data: bytes) -> None:
    with pytest.raises(BadKey):
        PublicKey.parse(data)


def test_a_comment_is_printable_ascii() -> None:
    made = minisign.comment(timestamp=1, file="статья \u202e.tamizdat", origin="example.org")
    assert made.isascii()
    assert made.startswith("timestamp:1 file:%D1%81")
    assert made.endswith(".tamizdat origin:example.org")
    for bad in ("é", "a\nb", "a\tb", "x" * 1025):
        with pytest.raises(FormatError):
            minisign.sign(DATA, KEY, bad)


@given(data=st.binary(max_size=200), seed=st.binary(min_size=32, max_size=32), text=st.text(max_size=40))
def test_what_is_signed_verifies_with_its_comment(data: bytes, seed: bytes, text: str) -> None:
    key = SignerKey("a/minisign", seed)
    made = minisign.comment(timestamp=0, file=text, origin="a")
    assert minisign.verify(data, minisign.sign(data, key, made), PublicKey.of(key)) == made


@given(data=st.binary(max_size=400))
def test_any_bytes_are_refused_in_one_way(data: bytes) -> None:
    with pytest.raises(SigningError):
        minisign.verify(DATA, data, PublicKey.of(KEY))
    with pytest.raises(BadKey):
        PublicKey.parse(data)
