"""Cosignatures, policies, and what check 10 makes of them."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signing import checkpoint, cosignature, note
from signing.checkpoint import Checkpoint
from signing.cosignature import attach, cosigners, witness_key
from signing.errors import BadKey, BadSignature, FormatError, SigningError, Unwitnessed
from signing.keys import COSIGNATURE, SignerKey, VerifierKey
from signing.policy import MAX_LINES, Policy
from signing.roles import LogKey, Trust
from signing.verify import check_checkpoint
from tests.needs import shared
from tests.signing.world import FROM, LOG, PUBLISHER, publisher

WITNESSES = tuple(witness_key(f"w{n}.example/w", bytes([n]) * 32) for n in (1, 2, 3))
ONE, TWO, THREE = WITNESSES
HEAD = Checkpoint(LOG.name, 42, bytes(range(32)))
PLAIN = checkpoint.sign(HEAD, LOG)
TEXT = "".join(f"witness w{n} {one.verifier.text}\n" for n, one in enumerate(WITNESSES, 1))
TWO_OF_THREE = Policy.parse(f"{TEXT}group g 2 w1 w2 w3\nquorum g\n".encode())


def line(witness: SignerKey, time: int = 1_800_000_000) -> bytes:
    return cosignature.sign(HEAD.text, witness, time)


def trust(policy: Policy | None = TWO_OF_THREE, unwitnessed: int = 0) -> Trust:
    log = LogKey(origin=LOG.name, key=LOG.verifier, valid_from=FROM, unwitnessed=unwitnessed)
    return Trust(
        origin="example.org",
        name="Example",
        logs=(log,),
        publishers=(publisher(PUBLISHER.verifier),),
        policy=policy,
    )


# --- cosignatures ----------------------------------------------------------------------------------------------------


def test_the_cosigned_checkpoint_known_beforehand_is_made_again_byte_by_byte() -> None:
    vectors = shared("vectors/tlog.md").read_text()
    whole = vectors[vectors.index("tamizdat.example/log/test\n8\n") :].encode().rstrip(b"\n") + b"\n"
    log = SignerKey("tamizdat.example/log/test", bytes(range(32)))
    witness = witness_key("witness.example/w1", bytes(range(32, 64)))
    assert f"witness vkey: {witness.verifier.text} " in vectors
    head = checkpoint.open_checkpoint(whole, log.verifier, log.name)
    made = attach(checkpoint.sign(head, log), [cosignature.sign(head.text, witness, 1_767_225_600)])
    assert made == whole
    assert cosigners(whole, [witness.verifier]) == {witness.verifier: 1_767_225_600}


def test_a_witness_says_when_and_the_last_time_counts() -> None:
    data = attach(PLAIN, [line(ONE, 7), line(TWO, 9)])
    assert cosigners(data, [TWO.verifier, ONE.verifier]) == {ONE.verifier: 7, TWO.verifier: 9}
    assert cosigners(data + line(ONE, 8), [ONE.verifier]) == {ONE.verifier: 8}
    assert cosigners(PLAIN, [ONE.verifier]) == {}
    assert cosigners(data, []) == {}


def test_a_wrong_line_of_a_known_witness_refuses_and_lines_of_others_are_passed_over() -> None:
    wrong = cosignature.sign(Checkpoint(LOG.name, 41, HEAD.root).text, TWO, 7)
    with pytest.raises(BadSignature, match="cosignature of w2"):
        cosigners(PLAIN + line(ONE) + wrong, [ONE.verifier, TWO.verifier])
    assert list(cosigners(PLAIN + line(ONE) + wrong, [ONE.verifier])) == [ONE.verifier]
    quantum = note.SignatureLine(name=ONE.name, key_id=b"\x06abc", signature=bytes(2428)).encode()
    assert list(cosigners(PLAIN + quantum + line(ONE), [ONE.verifier])) == [ONE.verifier]


def test_a_witness_key_signs_cosignatures_only_and_no_other_key_does() -> None:
    with pytest.raises(BadKey, match="cosignatures only"):
        ONE.sign(HEAD.text)
    with pytest.raises(BadKey, match="cosignatures only"):
        note.sign(HEAD.text, ONE)
    with pytest.raises(BadKey, match="signs no cosignatures"):
        cosignature.sign(HEAD.text, LOG, 7)
    with pytest.raises(BadKey, match="not a witness's"):
        cosigners(PLAIN, [LOG.verifier])
    for time in (-1, 2**63):
        with pytest.raises(FormatError, match="time from 0"):
            cosignature.sign(HEAD.text, ONE, time)
    with pytest.raises(FormatError):
        cosignature.sign(HEAD.text + b"extension\n", ONE, 7)
    with pytest.raises(BadKey, match="unknown type 6"):
        SignerKey("a", bytes(32), 6)


def test_a_witness_key_as_text_goes_there_and_back() -> None:
    assert SignerKey.parse(ONE.text) == ONE
    assert SignerKey.parse(ONE.text).kind == COSIGNATURE
    assert VerifierKey.parse(ONE.verifier.text) == ONE.verifier
    assert ONE.text.split("+")[4].startswith("BA")  # base64 of the type byte 4


def test_lines_are_attached_in_one_order_and_replace_older_ones_of_their_key() -> None:
    orders = {attach(PLAIN, order) for order in itertools.permutations([line(ONE), line(TWO), line(THREE)])}
    (whole,) = orders
    assert attach(whole, []) == whole
    assert note.parse(whole).lines[0].name == LOG.name
    newer = attach(whole, [line(TWO, 1_900_000_000)])
    assert len(note.parse(newer).lines) == 4
    assert cosigners(newer, [TWO.verifier]) == {TWO.verifier: 1_900_000_000}
    assert attach(PLAIN, []) == PLAIN


@pytest.mark.parametrize(
    "bad", [b"", b"x\n", line(ONE)[:-1], line(ONE) + line(TWO), "— a b\n".encode(), b"\n"], ids=repr
)
def test_what_is_no_line_is_not_attached(bad: bytes) -> None:
    with pytest.raises(FormatError):
        attach(PLAIN, [bad])


def test_no_more_lines_are_attached_than_a_note_may_have() -> None:
    many = [line(witness_key(f"w{n}.example", bytes([n]) * 32)) for n in range(64)]
    assert len(note.parse(attach(PLAIN, many[:63])).lines) == 64
    with pytest.raises(FormatError, match="at most 64"):
        attach(PLAIN, many)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_changed_byte_of_a_cosigned_checkpoint_adds_a_witness(draw: st.DataObject) -> None:
    whole = attach(PLAIN, [line(ONE), line(TWO)])
    at = draw.draw(st.integers(0, len(whole) - 1))
    changed = whole[:at] + bytes([whole[at] ^ draw.draw(st.integers(1, 255))]) + whole[at + 1 :]
    keys = [one.verifier for one in WITNESSES]
    try:
        found = cosigners(changed, keys)
    except SigningError:
        return
    # A changed line names a key that nobody knows; what counts is as it was signed.
    assert set(found.items()) <= set(cosigners(whole, keys).items())
    assert not found or note.parse(changed).text == HEAD.text


# --- policies --------------------------------------------------------------------------------------------------------


def test_a_policy_says_who_what_and_how_many() -> None:
    policy = TWO_OF_THREE
    assert [one.name for one in policy.witnesses] == ["w1", "w2", "w3"]
    assert policy.keys == tuple(one.verifier for one in WITNESSES)
    assert (policy.quorum, policy.required, policy.need) == ("g", True, "2 of (w1, w2, w3)")
    assert Policy.parse(policy.text) == policy
    assert policy.witnesses[0].url is None
    none = Policy.parse(f"log {LOG.verifier.text} https://l.example/\nquorum none\n".encode())
    assert (none.required, none.need, none.satisfied([])) == (False, "no witness", True)
    assert (none.logs[0].key, none.logs[0].url) == (LOG.verifier, "https://l.example/")


@settings(deadline=None)
@given(st.sets(st.sampled_from(range(3))), st.integers(1, 3), st.sampled_from(["number", "any", "all"]))
def test_a_quorum_is_what_counting_says(signed: set[int], needed: int, word: str) -> None:
    threshold = str(needed) if word == "number" else word
    policy = Policy.parse(f"{TEXT}group g {threshold} w1 w2 w3\nquorum g\n".encode())
    wanted = {"number": needed, "any": 1, "all": 3}[word]
    assert policy.satisfied([WITNESSES[n].verifier for n in signed]) == (len(signed) >= wanted)


def test_groups_of_groups_decide_as_the_specification_s_example_does() -> None:
    keys = {name: witness_key(f"{name}.example", name.encode() * 16) for name in ("X1", "X2", "X3", "Y1", "Y2", "Y3")}
    lines = "".join(f"witness {name} {one.verifier.text}\n" for name, one in keys.items())
    policy = Policy.parse(
        f"{lines}group X-witnesses 2 X1 X2 X3\ngroup Y-witnesses any Y1 Y2 Y3\n"
        "group X-and-Y all X-witnesses Y-witnesses\nquorum X-and-Y\n".encode()
    )
    for count in range(7):
        for names in itertools.combinations(keys, count):
            xs = sum(name.startswith("X") for name in names)
            assert policy.satisfied([keys[name].verifier for name in names]) == (xs >= 2 and count > xs)


def test_one_public_key_counts_once_whatever_it_is_called() -> None:
    twin = VerifierKey("elsewhere.example/w", ONE.verifier.public, COSIGNATURE)
    assert not TWO_OF_THREE.satisfied([ONE.verifier, twin])
    as_log = VerifierKey(TWO.name, TWO.verifier.public)
    assert not TWO_OF_THREE.satisfied([ONE.verifier, as_log])


def test_room_for_as_many_as_a_checkpoint_can_have_and_no_more() -> None:
    def text(count: int) -> bytes:
        made = "".join(f"witness w{n} {witness_key(f'w{n}.x', bytes([n]) * 32).verifier.text}\n" for n in range(count))
        return f"{made}group all-of-them all {' '.join(f'w{n}' for n in range(count))}\nquorum all-of-them\n".encode()

    assert len(Policy.parse(text(MAX_LINES)).keys) == MAX_LINES
    with pytest.raises(FormatError, match="line 65: there are more than 64"):
        Policy.parse(text(MAX_LINES + 1))
    with pytest.raises(FormatError, match="at most 65536"):
        Policy.parse(b"#" * 70_000)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("quorum none", "ends in a line feed"),
        ("\n# nothing\n", "has a quorum line"),
        ("quorum none\nquorum none\n", "line 2: there is a quorum line already"),
        ("quorum a\n", "line 1: a is not defined"),
        (f"{TEXT}group g 4 w1 w2 w3\nquorum g\n", "line 4: a group of 3 cannot need 4"),
        (f"{TEXT}group g 02 w1 w2 w3\nquorum g\n", "all, any or a number, not 02"),
        (f"{TEXT}group g 2 w1 w2 w2\nquorum g\n", "w2 is a member already"),
        (f"{TEXT}group g any g\nquorum g\n", "g is not defined"),
        (f"{TEXT}group w1 any w2\nquorum w1\n", "w1 is defined already"),
        (f"{TEXT}group none any w2\nquorum none\n", "nothing can be named none"),
        (f"{TEXT}group g any none\nquorum g\n", "none is not defined"),
        (f"{TEXT}group g any\nquorum g\n", "not a log, witness, group or quorum line"),
        ("quorum\tnone\r\n", "line 1: byte 0x0d"),
        ("quorum none\x7f\n", "line 1: byte 0x7f"),
        ("witness a b c d\n", "not a log, witness"),
        (f"{TEXT}witness w4 {ONE.verifier.text}\n", "stands in another line"),
    ],
)
def test_a_policy_that_is_wrong_is_refused_with_its_line(text: str, words: str) -> None:
    with pytest.raises(FormatError) as caught:
        Policy.parse(text.encode())
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_key_of_the_wrong_kind_is_no_witness() -> None:
    with pytest.raises(BadKey, match=r"line 1: .* is of type 1, a witness's is of type 4"):
        Policy.parse(f"witness a {LOG.verifier.text}\nquorum a\n".encode())
    with pytest.raises(BadKey, match="is of type 4, a log's is of type 1"):
        Policy.parse(f"log {ONE.verifier.text}\nquorum none\n".encode())


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_a_policy_or_refused(data: bytes) -> None:
    said = ""
    try:
        assert Policy.parse(data).text == data
    except (FormatError, BadKey) as error:
        said = str(error)
    assert "\n" not in said


# --- check 10 --------------------------------------------------------------------------------------------------------


def test_a_quorum_of_witnesses_is_named() -> None:
    checked = check_checkpoint(attach(PLAIN, [line(THREE, 5), line(ONE, 9)]), trust())
    assert (checked.checkpoint, checked.key) == (HEAD, LOG.verifier)
    assert checked.names == ("w1.example/w", "w3.example/w")
    assert checked.witnessed == 9


def test_too_few_witnesses_say_who_signed_and_who_is_asked_for() -> None:
    with pytest.raises(Unwitnessed) as caught:
        check_checkpoint(attach(PLAIN, [line(TWO)]), trust())
    assert caught.value.have == ("w2.example/w",)
    assert caught.value.need == "2 of (w1, w2, w3)"
    with pytest.raises(Unwitnessed, match="cosigned by no witness; the policy asks for 2 of"):
        check_checkpoint(PLAIN, trust())


def test_checkpoints_older_than_the_policy_need_no_witness() -> None:
    assert check_checkpoint(PLAIN, trust(unwitnessed=42)).witnessed is None
    with pytest.raises(Unwitnessed):
        check_checkpoint(PLAIN, trust(unwitnessed=41))
    assert check_checkpoint(PLAIN, trust(None)).witnesses == ()


def test_a_witness_that_is_us_is_no_witness() -> None:
    own = VerifierKey(LOG.name, LOG.verifier.public, COSIGNATURE)
    with pytest.raises(BadKey, match="a witness's and our own"):
        trust(Policy.parse(f"witness a {own.text}\nquorum a\n".encode()))
