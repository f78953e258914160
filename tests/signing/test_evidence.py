"""Portable evidence: what is proved is proved to everybody, and garbage proves nothing."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import schemas
from signing import authority, checkpoint, evidence, packing
from signing.checkpoint import Checkpoint
from signing.errors import BadEvidence
from signing.merkle import range_hash
from signing.trust import same_version_contradiction
from tests.vectors.asked_of_time import second_history
from tests.vectors.publication import LOG, NOW, ONLINE, Publication, trust_files
from tests.vectors.run import HERE

PUBLICATION = Publication(trust_files())
for number in range(20):
    PUBLICATION.log.tree.append(b"entry %d" % number)
FACTS: dict[str, Any] = {"origin": LOG.name, "files": PUBLICATION.files, "time": NOW, "reason": "seen", "where": "m2"}
OURS = PUBLICATION.log.signed()
FORK = evidence.fork_document([OURS, second_history(21).signed()], **FACTS)


def prove(document: Any, **changes: Any) -> evidence.Misbehaviour:
    return evidence.prove(document, **{"pin": PUBLICATION.pin, "now": NOW, **changes})


def prove_or_say(document: Any) -> tuple[evidence.Misbehaviour | None, str]:
    try:
        return prove(document), ""
    except BadEvidence as error:
        return None, str(error)


def test_the_file_alone_and_the_pin_are_enough() -> None:
    found = prove(evidence.encode(FORK))
    assert (found.type, found.origin) == ("fork", LOG.name)
    assert found.text.startswith(f"the key of the log {LOG.name} ({LOG.verifier.id.hex()}) signed two histories: 21 ")
    assert "\n" not in found.text
    assert prove(FORK) == found
    assert prove(FORK, pin=PUBLICATION.files["trust/1.root.json"]) == found


def test_what_is_made_here_is_as_its_schema_says() -> None:
    small = second_history(6).signed()
    shown = {"prefix": bytes(32), "hashes": [bytes(32)]}
    for document in (
        FORK,
        evidence.fork_document([small, OURS], **FACTS, **shown),
        evidence.freeze_document(small, **FACTS),
        evidence.trust_document([b"{}", b"{}"], **FACTS),
    ):
        schemas.check_twice("evidence", document)
        assert evidence.parse(evidence.encode(document)) == document
        assert packing.parse_json(evidence.encode(document)) == document


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 20), st.integers(1, 20))
def test_two_sizes_of_one_honest_log_are_never_evidence_and_of_two_logs_always(small: int, other: int) -> None:
    """With the best proof there is."""
    tree = PUBLICATION.log.tree
    root = range_hash(0, small, tree.read)
    shown = {"prefix": root, "hashes": tree.consistency(small)}
    honest = checkpoint.sign(Checkpoint(LOG.name, small, root), LOG)
    with pytest.raises(BadEvidence, match=r"one history|leads to|should be|same checkpoint"):
        prove(evidence.fork_document([honest, OURS], **FACTS, **shown))
    forged = second_history(small).signed()
    assert prove(evidence.fork_document([forged, OURS], **FACTS, **shown)).type == "fork"
    if other != small:
        wrong = {"prefix": root, "hashes": tree.consistency(other)}
        with pytest.raises(BadEvidence):
            prove(evidence.fork_document([honest, OURS], **FACTS, **wrong))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_mutated_file_proves_the_same_or_nothing(draw: st.DataObject) -> None:
    data = evidence.encode(FORK)
    at = draw.draw(st.integers(0, len(data) - 1))
    changed = data[:at] + bytes([draw.draw(st.integers(0, 255))]) + data[at + 1 :]
    found, said = prove_or_say(changed)
    assert "\n" not in said
    assert found in (None, prove(FORK))


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(sorted({*FORK, "prefix", "hashes", "metadata"})),
    st.none() | st.integers() | st.text(max_size=5) | st.lists(st.text(max_size=3), max_size=3),
)
def test_any_value_in_any_member_proves_the_same_or_nothing(name: str, value: Any) -> None:
    document = copy.deepcopy(FORK) | {name: value}
    found, said = prove_or_say(document)
    assert "\n" not in said
    assert found is None or found.type == "fork"


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=100))
def test_garbage_is_no_evidence(data: bytes) -> None:
    with pytest.raises(BadEvidence):
        prove(data)


def test_evidence_has_a_size() -> None:
    with pytest.raises(BadEvidence, match="at most 4194304"):
        prove(b" " * (evidence.MAX_BYTES + 1))
    with pytest.raises(BadEvidence, match="at most 300 trust files"):
        prove(FORK | {"files": {str(n): "" for n in range(301)}})


def test_a_stolen_online_key_accuses_nobody() -> None:
    """It signs timestamps and snapshots alone, as many of one version as somebody likes."""
    files = PUBLICATION.files
    times = ("2027-03-02T08:00:00Z", "2027-03-02T09:00:00Z")
    for path in ("trust/timestamp.json", "trust/2.snapshot.json"):
        later = "2027-06-01T00:00:00Z" if "snapshot" in path else ""
        one, two = (authority.refresh(files.get, ONLINE, later or now)[path] for now in times)
        if later:
            two = authority.refresh(files.get, ONLINE, "2027-06-01T01:00:00Z")[path]
        assert same_version_contradiction(one, two, files) is not None
        document = evidence.trust_document([one, two], **{**FACTS, "origin": "example.org"})
        with pytest.raises(BadEvidence, match="work of an online key, and accuse nobody"):
            prove(document)


def test_half_a_surrogate_is_no_evidence() -> None:
    with pytest.raises(BadEvidence, match="UTF-8"):
        prove(FORK | {"checkpoints": ["\ud800", "x"]})


def test_every_evidence_among_the_vectors_that_proves_something_fits_the_schema() -> None:
    proved = 0
    for path in sorted((HERE / "cases").glob("evidence-*.json")):
        case = json.loads(path.read_text())
        if case["expect"]["evidence"]:
            document = evidence.parse(packing.from_base64(case["ask"]["data"].encode()))
            schemas.check("evidence", document)
            proved += 1
    assert proved > 8
