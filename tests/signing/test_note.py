"""Signed notes and their keys."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signing import note
from signing.errors import BadKey, BadSignature, FormatError, SigningError
from signing.keys import SignerKey, VerifierKey, generate, is_name
from tests.signing.world import LOG, PUBLISHER, STRANGER, key

# The example of golang.org/x/mod/sumdb/note.
PETER_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETER_SECRET = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
PETER_NOTE = """If you think cryptography is the answer to your problem,
then you don't know what your problem is.

— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=
""".encode()

# The example of C2SP signed-note, whose key the page does not give.
QUASIMODO_NOTE = """Ognuno sta solo sul cuor della terra
trafitto da un raggio di sole:

ed è subito sera.

— quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=
""".encode()  # noqa: E501

ANY_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"], min_codepoint=0x20), max_size=60).map(
    lambda text: text + "\n"
)
ANY_SEED = st.binary(min_size=32, max_size=32)
ANY_NAME = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20).filter(is_name)


def test_the_example_of_go_opens_and_is_signed_alike() -> None:
    opened = note.open_note(PETER_NOTE, [VerifierKey.parse(PETER_KEY)])
    assert opened.text.startswith(b"If you think")
    assert [signer.name for signer in opened.signers] == ["PeterNeumann"]
    peter = SignerKey.parse(PETER_SECRET)
    assert note.sign(opened.text, peter) == PETER_NOTE
    assert (peter.text, peter.verifier.text) == (PETER_SECRET, PETER_KEY)


def test_the_example_of_c2sp_parses_with_its_empty_line_in_the_text() -> None:
    parsed = note.parse(QUASIMODO_NOTE)
    assert parsed.text.endswith("\n\ned è subito sera.\n".encode())
    assert [(line.name, line.key_id.hex()) for line in parsed.lines] == [("quasimodo.example/salvatore", "367ba04b")]
    assert parsed.encode() == QUASIMODO_NOTE


def test_go_s_doubly_signed_example_opens_with_the_first_key() -> None:
    second = (
        "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n"
    )
    opened = note.open_note(PETER_NOTE + second.encode(), [VerifierKey.parse(PETER_KEY)])
    assert len(opened.signers) == 1


def test_lines_of_unknown_keys_are_ignored_even_with_a_known_name() -> None:
    signed = note.sign("text\n", STRANGER, key("witness.example/w", 3), PUBLISHER)
    assert note.open_note(signed, [PUBLISHER.verifier, LOG.verifier]).signers == (PUBLISHER.verifier,)


def test_signers_are_counted_once_in_the_order_of_their_lines() -> None:
    signed = note.sign("text\n", LOG, PUBLISHER, LOG)
    assert note.open_note(signed, [PUBLISHER.verifier, LOG.verifier]).signers == (LOG.verifier, PUBLISHER.verifier)


def test_a_bad_signature_of_a_known_key_rejects_the_note() -> None:
    signed = note.sign("text\n", LOG, PUBLISHER).replace(b"text", b"tixt")
    good = note.sign("tixt\n", LOG)
    mixed = good + signed.split(b"\n\n")[1].split(b"\n")[1] + b"\n"
    assert note.open_note(mixed, [LOG.verifier]).signers == (LOG.verifier,)
    with pytest.raises(BadSignature, match="the signature of"):
        note.open_note(mixed, [LOG.verifier, PUBLISHER.verifier])


def test_no_known_signature_rejects_the_note_and_says_who_signed() -> None:
    with pytest.raises(BadSignature, match=r"expected example.org/log/2027\+.*, found example.org/publisher\+"):
        note.open_note(note.sign("text\n", PUBLISHER), [LOG.verifier])
    with pytest.raises(BadSignature, match="expected none"):
        note.open_note(note.sign("text\n", PUBLISHER), [])


def test_two_known_keys_with_one_name_and_id_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(VerifierKey, "id", property(lambda self: b"same"))
    with pytest.raises(BadKey, match="two different keys"):
        note.open_note(note.sign("text\n", PUBLISHER), [PUBLISHER.verifier, STRANGER.verifier])


LINE = b"\xe2\x80\x94 name AAAAAAA=\n"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"text\n",
        b"text\n\n",
        b"text\n" + LINE,
        b"text\n\n" + LINE[:-1],
        b"text\n\n" + LINE + b"\n",
        b"text\n\n" + LINE.replace(b"\n", b"\r\n"),
        b"te\txt\n\n" + LINE,
        b"te\x00xt\n\n" + LINE,
        b"te\xffxt\n\n" + LINE,
        b"te\xed\xa0\x80xt\n\n" + LINE,
        b"te\xc0\x8axt\n\n" + LINE,
        b"text\n\n" + LINE.replace(b"\xe2\x80\x94", b"-"),
        b"text\n\n" + LINE.replace(b"\x94 ", b"\x94"),
        b"text\n\n" + LINE.replace(b"name", b""),
        b"text\n\n" + LINE.replace(b"name", b"na+me"),
        b"text\n\n" + LINE.replace(b"name", "na\u3000me".encode()),
        b"text\n\n" + LINE.replace(b"AAAAAAA=", b""),
        b"text\n\n" + LINE.replace(b"AAAAAAA=", b"AAAAAAB="),
        b"text\n\n" + LINE.replace(b"AAAAAAA=", b"AAAAAAA"),
        b"text\n\n" + LINE.replace(b"AAAAAAA=", b"AAAAAA=="),
        b"text\n\n" + LINE.replace(b"AAAAAAA=", b"AAAAAAA= "),
        b"text\n\n" + LINE.replace(b"AAAAAAA=", b"AAAA AAA="),
        b"text\n\n" + LINE * 65,
    ],
)
def test_what_is_not_quite_a_note_is_refused(data: bytes) -> None:
    with pytest.raises(FormatError):
        note.parse(data)


def test_up_to_64_signature_lines_are_accepted() -> None:
    assert len(note.parse(b"text\n\n" + LINE * 64).lines) == 64


@pytest.mark.parametrize("text", ["no line feed", "con\x07trol\n", "tab\t\n", ""])
def test_a_text_that_cannot_be_in_a_note_is_not_signed(text: str) -> None:
    with pytest.raises(FormatError):
        note.sign(text, PUBLISHER)


def test_nothing_is_signed_by_nobody_or_by_a_crowd() -> None:
    for signers in ((), (PUBLISHER,) * 65):
        with pytest.raises(FormatError):
            note.sign("text\n", *signers)


@given(ANY_TEXT, st.lists(ANY_SEED, min_size=1, max_size=3), ANY_NAME)
def test_whatever_is_signed_opens_and_encodes_back(text: str, seeds: list[bytes], name: str) -> None:
    signers = [generate(name, seed) for seed in seeds]
    signed = note.sign(text, *signers)
    assert note.parse(signed).encode() == signed
    opened = note.open_note(signed, [signer.verifier for signer in signers])
    assert opened.text == text.encode()
    assert set(opened.signers) == {signer.verifier for signer in signers}


@given(ANY_TEXT, st.data())
def test_a_mutated_note_is_refused_or_says_the_same(text: str, data: st.DataObject) -> None:
    signed = note.sign(text, PUBLISHER)
    at = data.draw(st.integers(0, len(signed) - 1))
    new = data.draw(st.binary(max_size=2))
    mutant = signed[:at] + new + signed[at + 1 :]
    try:
        opened = note.open_note(mutant, [PUBLISHER.verifier])
    except SigningError:
        return
    assert mutant == signed
    assert opened.text == text.encode()


@given(st.binary(max_size=80))
def test_any_bytes_parse_to_themselves_or_are_refused(data: bytes) -> None:
    for candidate in (data, data + b"\n\n" + LINE):
        with contextlib.suppress(FormatError):
            assert note.parse(candidate).encode() == candidate


# --- keys ------------------------------------------------------------------------------------------------------------


@given(ANY_NAME, ANY_SEED)
def test_keys_go_to_text_and_back(name: str, seed: bytes) -> None:
    signer = generate(name, seed)
    assert SignerKey.parse(signer.text) == signer
    assert VerifierKey.parse(signer.verifier.text) == signer.verifier
    witness = VerifierKey(name, signer.verifier.public, 4)
    assert VerifierKey.parse(witness.text) == witness
    assert witness.id != signer.verifier.id


@given(st.data())
def test_a_mutated_key_text_is_refused(data: st.DataObject) -> None:
    for text, parse in ((PETER_KEY, VerifierKey.parse), (PETER_SECRET, SignerKey.parse)):
        at = data.draw(st.integers(0, len(text) - 1))
        mutant = text[:at] + data.draw(st.text(max_size=2)) + text[at + 1 :]
        if mutant != text:
            with pytest.raises(BadKey):
                parse(mutant)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        "name+c74f20a3",
        PETER_KEY.replace("c74f20a3", "C74F20A3"),
        PETER_KEY.replace("c74f20a3", "c74f20a"),
        PETER_KEY.replace("ARpc", "Arpc"),
        PETER_KEY + "=",
        PETER_KEY.replace("PeterNeumann", "Peter Neumann"),
        PETER_KEY.replace("PeterNeumann", "\ud800"),
        PETER_SECRET,
    ],
)
def test_a_verifier_key_with_anything_off_is_refused(text: str) -> None:
    with pytest.raises(BadKey):
        VerifierKey.parse(text)


@pytest.mark.parametrize(
    "text",
    ["", PETER_KEY, PETER_SECRET[:-4], PETER_SECRET.replace("c74f", "c74e"), PETER_SECRET.replace("+AYEK", "+AoEK")],
)
def test_a_private_key_with_anything_off_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(BadKey) as caught:
        SignerKey.parse(text)
    assert "FALVFGyNhPJE" not in str(caught.value)


def test_a_private_key_does_not_show_its_secret() -> None:
    assert "seed" not in repr(PUBLISHER)
    assert repr(PUBLISHER.seed) not in repr(PUBLISHER)


@pytest.mark.parametrize(("public", "kind"), [(b"short", 1), (bytes(32), 2), (bytes(32), 0)])
def test_a_key_of_unknown_type_or_length_is_refused(public: bytes, kind: int) -> None:
    with pytest.raises(BadKey):
        VerifierKey("name", public, kind)


def test_a_key_needs_a_name_and_32_bytes() -> None:
    for name, seed in (("", bytes(32)), ("a b", bytes(32)), ("a", bytes(31))):
        with pytest.raises(BadKey):
            SignerKey(name, seed)
