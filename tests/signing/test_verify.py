"""The numbered checks, end to end, each made to fail in turn."""

from __future__ import annotations

import copy
import dataclasses
import inspect
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signing import note, packing, verify
from signing.checkpoint import Checkpoint
from signing.cosignature import witness_key
from signing.entry import Entry
from signing.errors import (
    BadKey,
    BadProof,
    Fork,
    FormatError,
    FrozenLog,
    MissingProof,
    SigningError,
    Unwitnessed,
    VerifyError,
)
from signing.front import Front
from signing.keys import SignerKey, VerifierKey
from signing.packing import digest_of, gzip_bytes
from signing.policy import Policy
from signing.proof import Proof
from signing.proof import parse as parse_proof
from signing.roles import Frozen, LogKey, Trust
from signing.verify import (
    Check,
    VerifiedBundle,
    check_checkpoint,
    check_fresh,
    check_newer,
    check_seen,
    verify_bundle,
    verify_front,
    verify_listed,
)
from tests.signing.world import (
    FROM,
    LOG,
    PUBLISHER,
    STRANGER,
    URL,
    World,
    any_schema,
    article,
    bundle,
    edition,
    key,
    one_line,
    publish,
    publisher,
    trust,
)

SEALED = publish()
DIGEST = digest_of(SEALED.article)


def check(stored: bytes = SEALED.article, **changes: Any) -> VerifiedBundle:
    asked: dict[str, Any] = {
        "digest": DIGEST,
        "proof": SEALED.article_proof,
        "trust": trust(),
        "schema": any_schema,
        "url": URL,
        "cap": verify.PIECE,
        **changes,
    }
    return verify_bundle(stored, **asked)


def logged(document: dict[str, object], *signers: SignerKey, stored: bytes | None = None) -> dict[str, Any]:
    """What `check` needs to look at a bundle of its own, in a log of its own."""
    world = World()
    data = bundle(document, *signers) if stored is None else stored
    index = world.log(data, document)
    return {"stored": data, "digest": digest_of(data), "proof": world.proof(index), "url": document.get("url")}


def fails(number: int, detail: str, attempt: Callable[[], object]) -> VerifyError:
    with pytest.raises(VerifyError) as caught:
        attempt()
    error = caught.value
    assert error.check == number, str(error)
    assert detail in error.detail
    assert [one.n for one in error.checks] == list(range(1, number + 1)) or "front file" in error.detail
    assert [one.ok for one in error.checks] == [True] * (len(error.checks) - 1) + [False]
    assert error.checks[-1] == Check(number, verify.NAMES[number], False, error.detail)
    assert "\n" not in str(error)
    return error


def test_an_article_is_authentic_and_says_why() -> None:
    found = check()
    assert [one.n for one in found.checks] == list(range(1, 11))
    assert all(one.ok and one.detail and "\n" not in one.detail for one in found.checks)
    assert (found.kind, found.digest, found.size, found.index) == ("article", DIGEST, len(SEALED.article), 40)
    assert found.publisher == PUBLISHER.verifier
    assert found.document["title"] == "Пример — a story"
    assert found.checkpoint.size == 42
    assert "no witness is required by policy" in found.checks[9].detail
    assert "trusted for sample at 2027-03-01T08:15:00Z" in found.checks[4].detail


def test_what_was_not_asked_for_is_said() -> None:
    found = check(digest=None, url=None)
    assert "not asked for by name" in found.checks[1].detail
    assert "nothing more was asked for" in found.checks[6].detail
    assert "asked for by its SHA-256" in check(url=None).checks[6].detail


def test_1_size() -> None:
    fails(1, f"{len(SEALED.article)} bytes, the cap is 100", lambda: check(cap=100))


def test_2_digest() -> None:
    fails(2, f"expected {'ab' * 32}, found {DIGEST}", lambda: check(digest="ab" * 32))
    flipped = SEALED.article[:-1] + bytes([SEALED.article[-1] ^ 1])
    fails(2, f"expected {DIGEST}", lambda: check(flipped))


def test_3_gunzip() -> None:
    bomb = gzip_bytes(bytes(2_000_000))
    fails(3, "more than 1048576 bytes", lambda: check(bomb, digest=digest_of(bomb)))
    twice = SEALED.article + SEALED.article
    fails(3, "something follows the end", lambda: check(twice, digest=None))


def test_4_note() -> None:
    bare = gzip_bytes(one_line(article()).encode())
    fails(4, "a note is", lambda: check(bare, digest=None))


def test_5_signature() -> None:
    fails(5, "no known key signed this", lambda: check(**logged(article(), STRANGER)))
    tampered = packing.gunzip(SEALED.article, 10_000).replace(b"a story", b"a stery")
    fails(5, "the signature of example.org/publisher", lambda: check(gzip_bytes(tampered), digest=None))


def test_5_outlet() -> None:
    other = trust(publishers=(publisher(PUBLISHER.verifier, "another", "third"),))
    fails(5, "is trusted for another, third, not for outlet sample", lambda: check(trust=other))
    right = trust(publishers=(publisher(PUBLISHER.verifier, "another", "sample"),))
    assert check(trust=right).publisher == PUBLISHER.verifier


def test_5_time() -> None:
    late = trust(publishers=(publisher(PUBLISHER.verifier, since="2027-03-01T08:15:01Z"),))
    fails(5, "is valid from 2027-03-01T08:15:01Z", lambda: check(trust=late))
    over = trust(publishers=(publisher(PUBLISHER.verifier, until="2027-03-01T08:14:59Z"),))
    fails(5, "until 2027-03-01T08:14:59Z, the bundle is of 2027-03-01T08:15:00Z", lambda: check(trust=over))
    just = publisher(PUBLISHER.verifier, since="2027-03-01T08:15:00Z", until="2027-03-01T08:15:00Z")
    assert check(trust=trust(publishers=(just,)))


def test_5_an_edition_needs_a_key_for_all_outlets() -> None:
    one = trust(publishers=(publisher(PUBLISHER.verifier, "sample"),))
    fails(
        5,
        "not for an edition",
        lambda: check(SEALED.edition, digest=None, url=None, proof=SEALED.edition_proof, trust=one),
    )


def test_5_one_trusted_signer_of_several_is_enough() -> None:
    outlet = key("news.example/own", 5)
    both = trust(publishers=(publisher(outlet.verifier, "another"), publisher(PUBLISHER.verifier)))
    assert check(**logged(article(), outlet, PUBLISHER), trust=both).publisher == PUBLISHER.verifier


def test_6_json() -> None:
    for text in ('{"kind":"article","kind":"article"}\n', "[]\n", '"\\ud800"\n', '{"v":1.5}\n', "{}\n{}\n"):
        stored = gzip_bytes(note.sign(text, PUBLISHER))
        error = fails(6, "", lambda stored=stored: check(stored, digest=None))  # type: ignore[misc]
        assert "signed by example.org/publisher" in error.checks[4].detail


def test_6_schema() -> None:
    def schema(name: str, document: object) -> None:
        assert name == "bundle"
        raise ValueError("/title: too long\n(12 MB)")

    fails(6, "schema: /title: too long\\u000a(12 MB)", lambda: check(schema=schema))


def test_6_kind() -> None:
    fails(6, "expected the kind edition, found article", lambda: check(kind="edition"))
    fails(6, "found withdrawal", lambda: check(bundle({"kind": "withdrawal"}), digest=None))
    fails(6, "found {'a': 1}", lambda: check(bundle({"kind": {"a": 1}}), digest=None))
    assert check(kind="article")


def test_7_url() -> None:
    fails(7, f"expected https://news.example/other, found {URL}", lambda: check(url="https://news.example/other"))


def test_7_an_edition_of_another_publication() -> None:
    other = edition([], publication={"name": "Other", "origin": "other.org"})
    fails(7, "expected an edition of example.org, found one of other.org", lambda: check(**logged(other)))
    none = edition([], publication="x")
    fails(7, "found one of None", lambda: check(**logged(none)))


def test_8_entry() -> None:
    broken = article(fetched="yesterday")
    fails(8, "not a time", lambda: check(bundle(broken), digest=None))
    elsewhere = article(fetched="yesterday", url="https://news.example/other")
    fails(7, "expected", lambda: check(bundle(elsewhere), digest=None))


def test_9_inclusion() -> None:
    good = parse_proof(SEALED.article_proof)
    for index in (0, 39, 41, 42, 2**40):
        moved = dataclasses.replace(good, index=index).encode()
        fails(9, "", lambda moved=moved: check(proof=moved))  # type: ignore[misc]
    other = parse_proof(SEALED.edition_proof)
    fails(9, "the proof leads to root", lambda: check(proof=dataclasses.replace(good, hashes=other.hashes).encode()))
    fails(9, "", lambda: check(proof=SEALED.edition_proof))
    fails(9, "a proof begins with", lambda: check(proof=b"<html>not found</html>"))
    fails(9, "a note is", lambda: check(proof=dataclasses.replace(good, checkpoint=b"checkpoint\n").encode()))
    fails(9, "a proof has at most", lambda: check(proof=bytes(10_000_000)))


def test_10_signature() -> None:
    world = World()
    index = world.log(SEALED.article, article())
    forged = note.sign(Checkpoint(LOG.name, world.tree.size, world.tree.root).text, key(LOG.name, 77))
    fails(10, "no known key signed this", lambda: check(proof=world.proof(index, forged)))
    by_publisher = note.sign(Checkpoint(LOG.name, world.tree.size, world.tree.root).text, PUBLISHER)
    fails(10, "no known key signed this", lambda: check(proof=world.proof(index, by_publisher)))
    good = parse_proof(SEALED.article_proof)
    broken = good.checkpoint.replace(b"\n42\n", b"\n41\n")
    assert broken != good.checkpoint


def test_10_origin() -> None:
    world = World()
    index = world.log(SEALED.article, article())
    other = SignerKey("other.org/log", LOG.seed)
    fails(
        10,
        "is of the log other.org/log, trusted logs: example.org/log/2027",
        lambda: check(proof=world.proof(index, world.checkpoint(other))),
    )
    with pytest.raises(FormatError, match="there is no log"):
        trust(logs=())


def test_10_a_log_that_had_ended() -> None:
    ended = LogKey(origin=LOG.name, key=LOG.verifier, valid_from=FROM, valid_until="2027-02-28T00:00:00Z")
    fails(10, "ended at 2027-02-28T00:00:00Z", lambda: check(trust=trust(logs=(ended,))))
    # The first entries of a log were fetched before it began.
    begun = LogKey(origin=LOG.name, key=LOG.verifier, valid_from="2027-03-01T09:00:00Z")
    assert check(trust=trust(logs=(begun,)))
    with pytest.raises(FormatError, match="two logs have one origin"):
        trust(logs=(ended, begun))


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_change_to_any_byte_is_authentic(draw: st.DataObject) -> None:
    """Except to what nobody signs or needs: lines of unknown keys."""
    for name in ("stored", "proof"):
        data = SEALED.article if name == "stored" else SEALED.article_proof
        at = draw.draw(st.integers(0, len(data) - 1))
        mutant = data[:at] + draw.draw(st.binary(max_size=2)) + data[at + 1 :]
        if mutant == data:
            continue
        with pytest.raises(VerifyError):
            check(mutant, digest=None) if name == "stored" else check(proof=mutant)


def test_every_bit_of_a_proof_counts() -> None:
    data = SEALED.article_proof
    for at in range(len(data)):
        for bit in range(8):
            mutant = data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]
            with pytest.raises(VerifyError):
                check(proof=mutant)


# --- an article that an edition lists --------------------------------------------------------------------------------


def the_edition() -> VerifiedBundle:
    return verify_front(SEALED.front, trust=trust(), schema=any_schema)[0]


def listed(stored: bytes = SEALED.article, item: dict[str, object] | None = None) -> VerifiedBundle:
    return verify_listed(
        stored, item=SEALED.item if item is None else item, edition=the_edition(), trust=trust(), schema=any_schema
    )


def test_a_listed_article_is_authentic_by_the_edition() -> None:
    found = listed()
    assert [one.n for one in found.checks] == list(range(1, 11))
    assert found.index == SEALED.item["index"]
    for number in (8, 9, 10):
        assert "edition 12" in found.checks[number - 1].detail
    assert found.checkpoint == the_edition().checkpoint


def test_a_listed_article_must_be_the_one_listed() -> None:
    item = SEALED.item
    fails(1, "the list says 5", lambda: listed(item={**item, "size": 5}))
    fails(1, "the cap is 12288", lambda: listed(bytes(12_289)))
    fails(2, "expected abab", lambda: listed(item={**item, "digest": "ab" * 32}))
    fails(7, "expected https://else.example", lambda: listed(item={**item, "url": "https://else.example"}))
    forged = bundle(article(), STRANGER)
    fails(5, "no known key", lambda: listed(forged, {**item, "digest": digest_of(forged), "size": len(forged)}))
    fails(6, "expected the kind article", lambda: listed(SEALED.edition, _item(SEALED.edition)))
    with pytest.raises(VerifyError, match="has no digest"):
        listed(item={})
    with pytest.raises(VerifyError, match="an article lists nothing"):
        verify_listed(SEALED.article, item=item, edition=check(), trust=trust(), schema=any_schema)


def _item(stored: bytes) -> dict[str, object]:
    return {**SEALED.item, "digest": digest_of(stored), "size": len(stored)}


# --- the front file --------------------------------------------------------------------------------------------------


def test_a_front_file_gives_the_edition_and_the_checkpoint() -> None:
    found, front, newest = verify_front(SEALED.front, trust=trust(), schema=any_schema)
    assert (found.kind, found.document["serial"]) == ("edition", 12)
    assert newest == found.checkpoint
    assert [size for size, _ in front.consistency] == [7, 40]
    assert front.edition == SEALED.edition


def test_a_broken_front_file_is_refused() -> None:
    def fronted(stored: bytes) -> Callable[[], object]:
        return lambda: verify_front(stored, trust=trust(), schema=any_schema)

    fails(1, "the front file has 8193 bytes", fronted(bytes(8193)))
    fails(3, "the front file: not gzip", fronted(b"<html>"))
    fails(4, "the front file: ", fronted(gzip_bytes(b"tamizdat front v2\n")))
    article_first = Front(edition=SEALED.article, proof=SEALED.article_proof).encode()
    fails(6, "expected the kind edition, found article", fronted(article_first))
    wrong_proof = Front(edition=SEALED.edition, proof=SEALED.article_proof).encode()
    fails(9, "", fronted(wrong_proof))


# --- objects and parts -----------------------------------------------------------------------------------------------


def test_an_object_is_what_its_digest_says() -> None:
    data = b"picture"
    assert verify.verify_object(data, digest_of(data), 7, 100) == data
    assert verify.verify_object(data, digest_of(data)) == data
    fails(1, "the cap is 5", lambda: verify.verify_object(data, digest_of(data), 7, 5))
    fails(1, "the list says 8", lambda: verify.verify_object(data, digest_of(data), 8, 100))
    fails(2, "expected", lambda: verify.verify_object(data, "ab" * 32, 7, 100))


def test_a_part_is_a_document_of_its_kind() -> None:
    stored = gzip_bytes(one_line({"v": 1, "kind": "part", "blocks": []}).encode())
    digest, size = digest_of(stored), len(stored)
    seen: list[str] = []
    found = verify.verify_part(stored, digest, size, schema=lambda name, _: seen.append(name))
    assert (found["kind"], seen) == ("part", ["part"])
    assert verify.verify_part(stored, digest)
    attempts: list[tuple[int, Callable[[], object]]] = [
        (1, lambda: verify.verify_part(stored, digest, size + 1)),
        (2, lambda: verify.verify_part(stored, "ab" * 32, size)),
        (3, lambda: verify.verify_part(b"text", digest_of(b"text"), 4)),
        (6, lambda: verify.verify_part(stored, digest, size, kind="page")),
    ]
    for number, attempt in attempts:
        with pytest.raises(VerifyError) as caught:
            attempt()
        assert caught.value.check == number


# --- who makes verdicts ----------------------------------------------------------------------------------------------


def test_only_verify_makes_a_verified_bundle() -> None:
    found = check()
    parts = {one.name: getattr(found, one.name) for one in dataclasses.fields(found)}
    with pytest.raises(TypeError, match=r"only signing\.verify"):
        VerifiedBundle(**parts)
    with pytest.raises(TypeError, match=r"only signing\.verify"):
        VerifiedBundle(**parts, made_here=object())
    with pytest.raises((TypeError, ValueError)):
        dataclasses.replace(found, digest="ab" * 32)
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.digest = "ab" * 32  # type: ignore[misc]
    assert copy.copy(found) == found


def test_the_docstring_names_every_check() -> None:
    text = inspect.getdoc(verify) or ""
    for number in verify.NAMES:
        assert f"\n{number:2}  " in text.replace("    ", "") or f" {number}  " in text


# --- trust -----------------------------------------------------------------------------------------------------------


def trust_document() -> dict[str, object]:
    return {
        "v": 1,
        "kind": "trust",
        "origin": "example.org",
        "name": "Example",
        "time": FROM,
        "logs": [{"origin": LOG.name, "key": LOG.verifier.text, "from": FROM}],
        "publishers": [
            {"key": PUBLISHER.verifier.text, "outlets": ["*"], "from": FROM, "until": "2028-01-01T00:00:00Z"}
        ],
        "root": {"version": 1, "digest": "ab" * 32},
    }


def test_trust_comes_from_its_document() -> None:
    found = Trust.from_document(trust_document())
    assert found.logs == trust().logs
    assert found.publishers == (publisher(PUBLISHER.verifier, until="2028-01-01T00:00:00Z"),)
    assert check(trust=found)


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "article"},
        {"origin": 5},
        {"name": None},
        {"logs": {}},
        {"logs": ["x"]},
        {"logs": [{}]},
        {"logs": [{"origin": "other.org/log", "key": LOG.verifier.text, "from": FROM}]},
        {"logs": [{"origin": LOG.name, "key": LOG.verifier.text + "=", "from": FROM}]},
        {"logs": [{"origin": LOG.name, "key": LOG.verifier.text, "from": "2027"}]},
        {"logs": [{"origin": LOG.name, "key": LOG.verifier.text, "from": FROM, "until": None}]},
        {"logs": [{"origin": LOG.name, "key": VerifierKey(LOG.name, LOG.verifier.public, 4).text, "from": FROM}]},
        {"publishers": None},
        {"publishers": [{"key": PUBLISHER.verifier.text, "outlets": "*", "from": FROM}]},
        {"publishers": [{"key": PUBLISHER.verifier.text, "outlets": [1], "from": FROM}]},
        {"publishers": [{"key": LOG.verifier.text, "outlets": ["*"], "from": FROM}]},
        {"publishers": [{"key": SignerKey("x", LOG.seed).verifier.text, "outlets": ["*"], "from": FROM}]},
    ],
    ids=str,
)
def test_a_trust_file_with_anything_off_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises((FormatError, BadKey)):
        Trust.from_document({**trust_document(), **changes})
    with pytest.raises(FormatError):
        Trust.from_document([])


# --- check 11 --------------------------------------------------------------------------------------------------------


def test_a_newer_checkpoint_continues_the_known_one() -> None:
    _, front, newest = verify_front(SEALED.front, trust=trust(), schema=any_schema)
    world = World()
    known = Checkpoint(LOG.name, 40, world.tree.root)
    assert check_newer(None, newest) == "newer"
    assert check_newer(newest, newest) == "same"
    assert check_newer(newest, known) == "older"
    assert check_newer(known, newest, front.consistency) == "newer"
    assert check_newer(Checkpoint(LOG.name, 0, digest_bytes(b"")), newest) == "newer"
    with pytest.raises(MissingProof):
        check_newer(known, newest)
    with pytest.raises(MissingProof):
        check_newer(Checkpoint(LOG.name, 39, known.root), newest, front.consistency)


def digest_bytes(data: bytes) -> bytes:
    return bytes.fromhex(digest_of(data))


def test_a_history_that_was_rewritten_is_noticed() -> None:
    _, front, newest = verify_front(SEALED.front, trust=trust(), schema=any_schema)
    with pytest.raises(Fork) as caught:
        check_newer(dataclasses.replace(newest, root=bytes(32)), newest)
    assert caught.value.new == newest
    assert caught.value.known.root == bytes(32)
    assert isinstance(caught.value, SigningError)
    with pytest.raises(BadProof) as wrong:
        check_newer(Checkpoint(LOG.name, 40, bytes(32)), newest, front.consistency)
    assert not isinstance(wrong.value, MissingProof)
    with pytest.raises(BadProof, match="different logs"):
        check_newer(Checkpoint("example.org/log/2026", 40, bytes(32)), newest, front.consistency)


# --- nothing hostile does worse than be refused ----------------------------------------------------------------------


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200), st.binary(max_size=200), st.sampled_from([b"", b"\x1f\x8b\x08\0\0\0\0\0\x02\xff"]))
def test_any_bytes_are_refused_with_a_number(stored: bytes, proof: bytes, head: bytes) -> None:
    for attempt in (
        lambda: check(head + stored, digest=None, proof=proof),
        lambda: check(gzip_bytes(note.sign("{}\n", PUBLISHER)), digest=None, proof=proof),
        lambda: check(proof=proof),
        lambda: verify_front(head + stored, trust=trust(), schema=any_schema),
        lambda: verify.verify_part(head + stored, digest_of(head + stored)),
    ):
        with pytest.raises(VerifyError):
            attempt()


def test_a_proof_can_carry_extra_data_that_nobody_reads() -> None:
    good = parse_proof(SEALED.article_proof)
    extra = Proof(index=good.index, hashes=good.hashes, checkpoint=good.checkpoint, extra=b"anything")
    assert check(proof=extra.encode()).index == good.index


# --- logs that ended -------------------------------------------------------------------------------------------------

END = Checkpoint(LOG.name, 42, SEALED.world.tree.root)
NEXT = key("example.org/log/2028", 28)


def two_logs(*, earlier: bool, **changes: Any) -> Trust:
    ended = LogKey(
        origin=LOG.name,
        key=LOG.verifier,
        valid_from=FROM,
        frozen=Frozen(size=END.size, root=END.root, earlier=earlier),
    )
    current = LogKey(origin=NEXT.name, key=NEXT.verifier, valid_from=FROM, path="log/2028")
    return dataclasses.replace(trust(logs=(ended, current)), **changes)


def at_size(size: int, signer: SignerKey = LOG) -> bytes:
    world = World()
    while world.tree.size < size:
        world.tree.append(b"later")
    return world.checkpoint(signer)


@pytest.mark.parametrize("earlier", [True, False])
def test_a_frozen_log_counts_at_its_end_and_never_later(earlier: bool) -> None:
    both = two_logs(earlier=earlier)
    assert check(trust=both).checkpoint == END
    with pytest.raises(FrozenLog, match="frozen at 42 entries; this is a later checkpoint, of 43"):
        check_checkpoint(at_size(43), both)
    with pytest.raises(FrozenLog, match="frozen at 42 entries with root"):
        check_checkpoint(at_size(42), both)
    assert check_checkpoint(at_size(43, NEXT), both).log.prefix == "log/2028/"


def test_the_past_of_a_log_counts_after_an_orderly_end_and_not_after_a_theft() -> None:
    assert check_checkpoint(at_size(40), two_logs(earlier=True)).checkpoint.size == 40
    with pytest.raises(FrozenLog, match="of an earlier checkpoint, of 40: ask a mirror for the new one"):
        check_checkpoint(at_size(40), two_logs(earlier=False))


def test_the_end_that_the_root_keys_vouch_for_needs_no_witness() -> None:
    asked = Policy.parse(f"witness w {witness_key('w.example', bytes(32)).verifier.text}\nquorum w\n".encode())
    both = two_logs(earlier=True, policy=asked)
    assert check(trust=both).witnesses == ()
    assert "no witness is required for this checkpoint" in check(trust=both).checks[9].detail
    with pytest.raises(Unwitnessed):
        check_checkpoint(at_size(40), both)


@pytest.mark.parametrize(
    ("logs", "words"),
    [
        ((), "there is no log"),
        ((two_logs(earlier=True).logs[0],), "the current log example.org/log/2027 is frozen"),
        ((two_logs(earlier=True).logs[1],), "the first log stands in the mirror's root"),
        ((trust().logs[0], two_logs(earlier=True).logs[1]), "is not the current log and has no end"),
        ((two_logs(earlier=True).logs[0], trust().logs[0]), "one origin"),
    ],
)
def test_logs_that_cannot_be_one_publication_s_are_refused(logs: tuple[LogKey, ...], words: str) -> None:
    with pytest.raises(FormatError, match=words):
        trust(logs=logs)


@pytest.mark.parametrize(
    "path", ["/", "log", "log/", "log/..", "log/a/b", "tile", "log/A", "../log/x", "log/" + "a" * 42]
)
def test_a_log_stands_nowhere_else(path: str) -> None:
    with pytest.raises(FormatError, match="cannot stand in"):
        LogKey(origin=LOG.name, key=LOG.verifier, valid_from=FROM, path=path)


def test_a_key_is_one_log_s() -> None:
    twin = SignerKey(NEXT.name, LOG.seed).verifier
    second = LogKey(origin=NEXT.name, key=twin, valid_from=FROM, path="log/2028")
    with pytest.raises(BadKey, match="one key is that of two logs"):
        trust(logs=(two_logs(earlier=True).logs[0], second))


def test_a_successor_that_was_not_announced_is_told() -> None:
    now = two_logs(earlier=True)

    def before(promised: bytes) -> Trust:
        return dataclasses.replace(trust(), successors={"log": digest_of(promised)})

    assert before(NEXT.verifier.public).unannounced(now) is None
    assert (
        before(bytes(32)).unannounced(now) == "the key of the log example.org/log/2028 is not the announced successor"
    )
    assert before(bytes(32)).unannounced(trust()) is None
    assert trust().unannounced(now) is None


# --- checks 11 to 13 -------------------------------------------------------------------------------------------------


def known_at(size: int) -> Checkpoint:
    world = World()
    return Checkpoint(LOG.name, 40, world.tree.root) if size == 40 else Checkpoint(LOG.name, size, bytes(32))


def test_11_says_in_one_word_what_was_seen() -> None:
    _, front, newest = verify_front(SEALED.front, trust=trust(), schema=any_schema)
    tiles = {**SEALED.world.files, **SEALED.world.tree.files()}
    for known, lines, read, word, ok in (
        (None, (), None, "first", True),
        (newest, (), None, "same", True),
        (known_at(40), front.consistency, None, "newer", True),
        (known_at(40), (), tiles.__getitem__, "newer", True),
        (known_at(40), (), None, "unknown", False),
        (known_at(40), (), {}.__getitem__, "unknown", False),
        (known_at(50), (), None, "older", False),
    ):
        made, seen = check_seen(known, newest, lines, read)
        assert (made.n, made.name, made.ok, seen) == (11, verify.NAMES[11], ok, word)
        assert "\n" not in made.detail


def test_11_finds_a_fork_only_where_the_signed_tree_shows_it() -> None:
    _, front, newest = verify_front(SEALED.front, trust=trust(), schema=any_schema)
    tiles = {**SEALED.world.files, **SEALED.world.tree.files()}
    rewritten = Checkpoint(LOG.name, 40, bytes(32))
    assert check_seen(rewritten, newest, front.consistency)[1] == "unknown"
    with pytest.raises(Fork) as caught:
        check_seen(rewritten, newest, front.consistency, tiles.__getitem__)
    assert (caught.value.known, caught.value.new) == (rewritten, newest)
    wrong = {path: bytes(len(data)) for path, data in tiles.items()}
    assert check_seen(rewritten, newest, (), wrong.__getitem__)[1] == "unknown"
    other = Checkpoint("example.org/log/2026", 40, bytes(32))
    assert check_seen(other, newest, (), tiles.__getitem__)[1] == "unknown"


@pytest.mark.parametrize(
    ("now", "more", "verdict"),
    [
        ("2027-03-01T15:00:00Z", {}, "fresh"),
        ("2027-03-01T15:00:01Z", {}, "stale"),
        ("2027-03-01T08:00:00Z", {}, "fresh"),
        ("2027-03-01T07:59:59Z", {}, "unknown"),
        ("2027-03-01T10:00:00Z", {"expired": ("timestamp",)}, "stale"),
        ("2027-03-01T10:00:00Z", {"behind": True}, "stale"),
    ],
)
def test_12_is_about_time(now: str, more: dict[str, Any], verdict: str) -> None:
    made, found = check_fresh("2027-03-01T09:00:00Z", "2027-03-01T15:00:00Z", now, serial=7, **more)
    assert (made.n, made.ok, found) == (12, verdict == "fresh", verdict)
    assert made.detail.startswith("edition 7 of 2027-03-01T09:00:00Z, next due by 2027-03-01T15:00:00Z")
    assert all(role in made.detail for role in more.get("expired", ()))


def test_12_wants_to_know_where_the_clock_stands() -> None:
    with pytest.raises(ValueError, match="without a zone"):
        check_fresh("2027-03-01T09:00:00Z", "2027-03-01T15:00:00Z", datetime(2027, 3, 1))  # noqa: DTZ001
    with pytest.raises(FormatError):
        check_fresh("2027-03-01T09:00:00Z", "2027-03-01T15:00:00Z", "2027-03-01 10:00")


def test_13_stops_reading_where_it_is_told_to_and_says_so() -> None:
    edition, _, _ = verify_front(SEALED.front, trust=trust(), schema=any_schema)
    found = check(digest=None)
    unlisted = dataclasses.replace(edition, document={}, made_here=verify._MADE_HERE)

    def entry(kind: str, **changes: Any) -> Entry:
        return dataclasses.replace(found.entry, kind=kind, **changes)

    def current(*entries: Entry, edition: VerifiedBundle = unlisted) -> tuple[bool, str, str]:
        made, verdict = verify.check_current(found, edition, trust(), lambda _log, _start, _end: entries)
        return made.ok, verdict, made.detail

    assert current(edition=edition) == (True, "current", "the newest edition lists this revision")
    assert current() == (False, "unknown", f"not revised before entry 41 of the log {LOG.name}; not read on")
    assert current(entry("article"))[1] == "superseded"
    assert current(entry("withdrawal"))[1] == "withdrawn"
    assert current(entry("article", outlet="other"))[1] == "current"
    older = dataclasses.replace(edition, checkpoint=Checkpoint(LOG.name, 40, bytes(32)), made_here=verify._MADE_HERE)
    unknown = dataclasses.replace(older, document={}, made_here=verify._MADE_HERE)
    assert current(edition=unknown)[1] == "unknown"


def test_13_reads_on_in_the_logs_that_came_after() -> None:
    both = two_logs(earlier=True)
    edition, _, _ = verify_front(SEALED.front, trust=trust(), schema=any_schema)
    found = check(digest=None)
    later = dataclasses.replace(
        edition, document={}, checkpoint=Checkpoint(NEXT.name, 5, bytes(32)), made_here=verify._MADE_HERE
    )
    ranges = verify.later_entries(found, later, both)
    assert ranges == ((both.logs[0], 41, 42), (both.logs[1], 0, 5))
    assert verify.later_entries(later, found, both) is None
    asked: list[tuple[str, int, int]] = []

    def entries(log: LogKey, start: int, end: int) -> list[Entry]:
        asked.append((log.origin, start, end))
        return [dataclasses.replace(found.entry, outlet="other")] * (end - start)

    assert verify.check_current(found, later, both, entries)[1] == "current"
    assert asked == [(LOG.name, 41, 42), (NEXT.name, 0, 5)]
