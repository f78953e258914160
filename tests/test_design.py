"""DESIGN.md's examples are real: they verify against each other, as its reader would check them."""

from __future__ import annotations

import re

import pytest

import schemas
from signing import checkpoint as checkpoints
from signing import note, proof
from signing.entry import parse as parse_entry
from signing.merkle import check_inclusion, leaf_hash
from signing.packing import parse_json
from signing.roles import Trust
from tests.needs import ROOT

TEXT = (ROOT / "DESIGN.md").read_text("utf-8")
EXAMPLES = dict(re.findall(r"<!-- example: (\w+) -->\n```\n(.*?\n)```", TEXT, re.DOTALL))


@pytest.fixture(scope="module")
def trust() -> Trust:
    document = parse_json(EXAMPLES["trust"].encode())
    schemas.check("trust", document)
    return Trust.from_document(document)


def test_every_format_has_its_example() -> None:
    assert set(EXAMPLES) == {"article", "edition", "front", "entry", "checkpoint", "proof", "trust"}
    assert "@@" not in TEXT


@pytest.mark.parametrize(("example", "schema"), [("article", "bundle"), ("edition", "edition")])
def test_the_bundles_are_signed_by_the_publisher_and_fit_their_schema(trust: Trust, example: str, schema: str) -> None:
    opened = note.open_note(EXAMPLES[example].encode(), [one.key for one in trust.publishers])
    document = parse_json(opened.text)
    schemas.check_twice(schema, document)
    assert opened.text.count(b"\n") == 1


def test_the_proof_shows_that_the_entry_is_in_the_log(trust: Trust) -> None:
    entry = parse_entry(EXAMPLES["entry"].encode())
    article = parse_json(note.parse(EXAMPLES["article"].encode()).text)
    assert isinstance(article, dict)
    assert (entry.kind, entry.outlet, entry.time) == ("article", article["outlet"]["id"], article["fetched"])
    parsed = proof.parse(EXAMPLES["proof"].encode())
    (log,) = trust.logs
    head = checkpoints.open_checkpoint(parsed.checkpoint, log.key, log.origin)
    check_inclusion(
        leaf=leaf_hash(EXAMPLES["entry"].encode()),
        index=parsed.index,
        size=head.size,
        root=head.root,
        hashes=parsed.hashes,
    )


def test_the_checkpoint_is_the_logs(trust: Trust) -> None:
    (log,) = trust.logs
    newest = checkpoints.open_checkpoint(EXAMPLES["checkpoint"].encode(), log.key, log.origin)
    assert newest.size > 4
    assert EXAMPLES["checkpoint"].rsplit(" ", 1)[0] in EXAMPLES["front"]
