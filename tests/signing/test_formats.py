"""Checkpoints, entries, proofs and front files: each goes there and back, and anything near it is refused."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signing import checkpoint, entry, front, note, packing, proof
from signing.checkpoint import Checkpoint
from signing.entry import Entry
from signing.errors import BadKey, BadSignature, FormatError
from signing.front import Front
from signing.keys import SignerKey, VerifierKey
from signing.merkle import EMPTY_ROOT
from signing.packing import digest_of, gzip_bytes
from signing.proof import Proof
from tests.signing.world import LOG, PUBLISHER, article, edition, publish

HASH = st.binary(min_size=32, max_size=32)
DIGEST = HASH.map(bytes.hex)
OUTLET = st.from_regex(r"\A[a-z0-9][a-z0-9-]{0,31}\Z")
TIME = st.datetimes().map(lambda moment: moment.strftime("%Y-%m-%dT%H:%M:%SZ").zfill(20))


def _mutants(data: bytes, draw: st.DataObject) -> bytes:
    at = draw.draw(st.integers(0, len(data) - 1))
    return data[:at] + draw.draw(st.binary(max_size=2)) + data[at + 1 :]


# --- checkpoint ------------------------------------------------------------------------------------------------------


@given(st.integers(1, 2**63 - 1), HASH)
def test_a_checkpoint_goes_there_and_back(size: int, root: bytes) -> None:
    made = Checkpoint(LOG.name, size, root)
    assert checkpoint.parse_text(made.text) == made
    assert checkpoint.open_checkpoint(checkpoint.sign(made, LOG), LOG.verifier, LOG.name) == made


@given(st.data())
def test_a_mutated_checkpoint_text_is_another_or_refused(draw: st.DataObject) -> None:
    text = Checkpoint(LOG.name, 812, bytes(32)).text
    mutant = _mutants(text, draw)
    with contextlib.suppress(FormatError):
        assert checkpoint.parse_text(mutant).text == mutant


ROOT64 = packing.to_base64(bytes(32)).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"o\n1\n{ROOT64}",
        f"o\n1\n{ROOT64}\nextension\n",
        f"o\n01\n{ROOT64}\n",
        f"o\n0_5\n{ROOT64}\n",
        f"o\n-1\n{ROOT64}\n",
        f"o\n9223372036854775808\n{ROOT64}\n",
        f"o\n0\n{ROOT64}\n",
        f"o\n1\n{ROOT64[:-2]}\n",
        f"\n1\n{ROOT64}\n",
        f"o o\n1\n{ROOT64}\n",
        f"o\u2028o\n1\n{ROOT64}\n",
        f"o\r\n1\r\n{ROOT64}\r\n",
        "o\n1\nAAAA\n",
    ],
)
def test_what_is_not_quite_a_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(FormatError):
        checkpoint.parse_text(text.encode())
    with pytest.raises(FormatError):
        checkpoint.parse_text(b"\xff\n1\n" + ROOT64.encode() + b"\n")


def test_the_empty_log_has_the_empty_root() -> None:
    assert Checkpoint("o", 0, EMPTY_ROOT).size == 0
    for size in (-1, 0, 2**63):
        with pytest.raises(FormatError):
            Checkpoint("o", size, bytes(32))


def test_a_log_s_key_speaks_only_for_the_log_it_is_named_after() -> None:
    other = SignerKey("example.org/log/2028", LOG.seed)
    here = Checkpoint(LOG.name, 5, bytes(32))
    with pytest.raises(BadKey):
        checkpoint.sign(here, other)
    with pytest.raises(BadKey):
        checkpoint.open_checkpoint(checkpoint.sign(here, LOG), other.verifier, LOG.name)
    with pytest.raises(BadKey):
        checkpoint.open_checkpoint(checkpoint.sign(here, LOG), VerifierKey(LOG.name, LOG.verifier.public, 4), LOG.name)
    # The key signed, as a note, a checkpoint that names another log.
    crossed = note.sign(Checkpoint("example.org/log/2028", 5, bytes(32)).text, LOG)
    with pytest.raises(BadSignature, match="is of the log"):
        checkpoint.open_checkpoint(crossed, LOG.verifier, LOG.name)


def test_a_huge_checkpoint_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(FormatError, match="at most 65536"):
        checkpoint.open_checkpoint(b"x" * 65_537, LOG.verifier, LOG.name)


# --- entry -----------------------------------------------------------------------------------------------------------


@given(OUTLET, DIGEST, DIGEST, st.integers(1, 2**53 - 1), TIME)
def test_an_entry_goes_there_and_back_in_300_bytes(outlet: str, url: str, digest: str, size: int, time: str) -> None:
    for made in (
        Entry(kind="article", outlet=outlet, url_digest=url, digest=digest, size=size, time=time),
        Entry(kind="withdrawal", outlet=outlet, url_digest=url, digest=digest, size=size, time=time),
        Entry(kind="edition", digest=digest, size=size, time=time),
        Entry(kind="trust", digest=digest, size=size, time=time),
        Entry(kind="withdrawal", digest=digest, size=size, time=time),
    ):
        data = made.encode()
        assert len(data) <= entry.MAX_BYTES
        assert entry.parse(data) == made


@given(st.data())
def test_a_mutated_entry_is_another_or_refused(draw: st.DataObject) -> None:
    mutant = _mutants(entry.entry_of(article(), "ab" * 32, 900).encode(), draw)
    with contextlib.suppress(FormatError):
        assert entry.parse(mutant).encode() == mutant


def test_entries_are_derived_from_documents() -> None:
    made = entry.entry_of(article(), "ab" * 32, 900)
    assert (made.kind, made.outlet, made.time) == ("article", "sample", "2027-03-01T08:15:00Z")
    assert made.url_digest == digest_of(b"https://news.example/2027/a-story")
    assert entry.entry_of(edition([]), "ab" * 32, 9).encode().split(b"\n")[1:4] == [b"edition", b"-", b"-"]
    trust = {"kind": "trust", "time": "2027-03-01T08:15:00Z"}
    assert entry.entry_of(trust, "ab" * 32, 9).kind == "trust"


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"kind": "withdrawal", "time": "2027-03-01T08:15:00Z"},
        {"kind": ["article"]},
        article(outlet="sample"),
        article(outlet={"id": 5}),
        article(outlet={"id": "UPPER"}),
        article(outlet={"id": "-"}),
        article(outlet={"id": "a\nb"}),
        article(url=None),
        article(url="https://\ud800"),
        article(fetched="yesterday"),
        edition([], time=5),
    ],
    ids=str,
)
def test_documents_without_what_an_entry_needs_have_none(document: dict[str, object]) -> None:
    with pytest.raises(FormatError):
        entry.entry_of(document, "ab" * 32, 900)


GOOD = entry.entry_of(article(), "ab" * 32, 900).encode()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        GOOD[:-1],
        GOOD + b"\n",
        GOOD + b"x" * 300,
        GOOD.replace(b"v1", b"v2"),
        GOOD.replace(b"\n", b"\r\n"),
        GOOD.replace(b"article", b"edition"),
        GOOD.replace(b"article", b"picture"),
        GOOD.replace(b"sample", b"-"),
        GOOD.replace(b"sample", b""),
        GOOD.replace(b"sample", "é".encode()),
        GOOD.replace(b" 900", b" 0900"),
        GOOD.replace(b" 900", b" 0"),
        GOOD.replace(b" 900", b""),
        GOOD.replace(b" 900", b"  900"),
        GOOD.replace(b"abab", b"ABAB"),
        GOOD.replace(b"Z", b"+00:00"),
    ],
)
def test_what_is_not_quite_an_entry_is_refused(data: bytes) -> None:
    with pytest.raises(FormatError):
        entry.parse(data)


# --- proof -----------------------------------------------------------------------------------------------------------


@given(st.integers(0, 2**40), st.lists(HASH, max_size=64), st.none() | st.binary(min_size=1, max_size=50))
def test_a_proof_goes_there_and_back(index: int, hashes: list[bytes], extra: bytes | None) -> None:
    made = Proof(index=index, hashes=tuple(hashes), checkpoint=b"any\n\nbytes\n", extra=extra)
    assert proof.parse(made.encode()) == made


@given(st.data())
def test_a_mutated_proof_is_another_or_refused(draw: st.DataObject) -> None:
    made = Proof(index=5, hashes=(bytes(32), bytes(range(32))), checkpoint=b"checkpoint\n", extra=b"extra")
    mutant = _mutants(made.encode(), draw)
    with contextlib.suppress(FormatError):
        assert proof.parse(mutant).encode() == mutant


PROOF = Proof(index=5, hashes=(bytes(32),), checkpoint=b"checkpoint\n").encode()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        PROOF[:-11],
        PROOF.replace(b"@v1", b"@v2"),
        PROOF.replace(b"index 5\n", b""),
        PROOF.replace(b"index 5", b"index 05"),
        PROOF.replace(b"index 5", b"index  5"),
        PROOF.replace(b"index 5", b"index 5\r"),
        PROOF.replace(b"index 5", b"index " + b"9" * 70_000),
        PROOF.replace(b"index 5", b"extra \nindex 5"),
        PROOF.replace(b"index 5", b"extra AAB=\nindex 5"),
        PROOF.replace(b"index 5", b"extra AAA=\nextra AAA=\nindex 5"),
        PROOF.replace(b"index 5", b"index 5\nextra AAA="),
        PROOF.replace(b"AAA=\n", b"AAB=\n"),
        PROOF.replace(b"AAAA=\n", b"AA==\n"),
        PROOF.replace(b"index 5\n", b"index 5\n" + (packing.to_base64(bytes(32)) + b"\n") * 64),
        PROOF + b"x" * proof.MAX_BYTES,
        PROOF + b"x" * checkpoint.MAX_BYTES,
    ],
    ids=lambda data: str(len(data)),
)
def test_what_is_not_quite_a_proof_is_refused(data: bytes) -> None:
    with pytest.raises(FormatError):
        proof.parse(data)


def test_a_proof_is_made_of_hashes_and_a_checkpoint() -> None:
    for wrong in ({"index": -1}, {"hashes": (b"short",)}, {"hashes": (bytes(32),) * 65}, {"checkpoint": b""}):
        parts: dict[str, object] = {"index": 0, "hashes": (), "checkpoint": b"c", **wrong}
        with pytest.raises(FormatError):
            Proof(**parts)  # type: ignore[arg-type]


# --- front -----------------------------------------------------------------------------------------------------------

CONSISTENCY = st.dictionaries(st.integers(1, 2**40), st.lists(HASH, min_size=1, max_size=5).map(tuple), max_size=5)


@given(st.binary(min_size=1, max_size=500), st.binary(min_size=1, max_size=500), CONSISTENCY)
def test_a_front_file_goes_there_and_back(edition: bytes, proof: bytes, old: dict[int, tuple[bytes, ...]]) -> None:
    made = Front(edition=edition, proof=proof, consistency=tuple(old.items()))
    assert front.parse(made.encode()) == made
    assert [size for size, _ in made.consistency] == sorted(old)


@given(st.data())
def test_a_mutated_front_text_is_another_or_refused(draw: st.DataObject) -> None:
    text = packing.gunzip(publish().front, front.MAX_UNPACKED)
    mutant = _mutants(text, draw)
    with contextlib.suppress(FormatError):
        assert packing.gunzip(front.parse(gzip_bytes(mutant)).encode(), front.MAX_UNPACKED) == mutant


HASH64 = packing.to_base64(bytes(32)).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tamizdat front v1\nedition AAAA\n",
        "tamizdat front v2\nedition AAAA\n\nproof",
        "tamizdat front v1\n\nproof",
        "tamizdat front v1\nedition AAAA\n\n",
        "tamizdat front v1\nedition \n\nproof",
        "tamizdat front v1\nedition AAB=\n\nproof",
        f"tamizdat front v1\nconsistency 5 {HASH64}\nedition AAAA\n\nproof",
        "tamizdat front v1\nedition AAAA\nconsistency 5\n\nproof",
        "tamizdat front v1\nedition AAAA\nconsistency 5 AAAA\n\nproof",
        f"tamizdat front v1\nedition AAAA\nconsistency 0 {HASH64}\n\nproof",
        f"tamizdat front v1\nedition AAAA\nconsistency 05 {HASH64}\n\nproof",
        f"tamizdat front v1\nedition AAAA\nconsistency 5 {HASH64} \n\nproof",
        f"tamizdat front v1\nedition AAAA\nconsistency 5 {HASH64}\nconsistency 5 {HASH64}\n\nproof",
        f"tamizdat front v1\nedition AAAA\nconsistency 5 {HASH64}\nconsistency 4 {HASH64}\n\nproof",
        "tamizdat front v1\nedition AAAA\n" + "".join(f"consistency {n} {HASH64}\n" for n in range(1, 18)) + "\nproof",
        f"tamizdat front v1\nedition AAAA\nconsistency 5{f' {HASH64}' * 65}\n\nproof",
    ],
    ids=lambda text: str(len(text)),
)
def test_what_is_not_quite_a_front_file_is_refused(text: str) -> None:
    with pytest.raises(FormatError):
        front.parse(gzip_bytes(text.encode()))


def test_a_front_file_is_capped_packed_and_unpacked() -> None:
    with pytest.raises(FormatError, match="at most 8192"):
        front.parse(bytes(8193))
    bomb = gzip_bytes(b"tamizdat front v1\nedition AAAA\n\n" + bytes(3_000_000))
    assert len(bomb) < 8192
    with pytest.raises(FormatError, match="more than 65536"):
        front.parse(bomb)


def test_a_front_file_without_its_parts_is_not_made() -> None:
    good = (5, (bytes(32),))
    for consistency in ((good, good), ((0, (bytes(32),)),), ((5, ()),), tuple((n, (bytes(32),)) for n in range(1, 18))):
        with pytest.raises(FormatError):
            Front(edition=b"e", proof=b"p", consistency=consistency)
    with pytest.raises(FormatError):
        Front(edition=b"", proof=b"p")


def test_the_publisher_is_not_a_log() -> None:
    with pytest.raises(BadKey):
        checkpoint.sign(Checkpoint(LOG.name, 5, bytes(32)), PUBLISHER)
