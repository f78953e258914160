"""Answers known beforehand: the shared vectors, RFC 6962's tree, and the examples in the docstrings."""

from __future__ import annotations

import re
from types import ModuleType

import pytest

import signing.checkpoint
import signing.entry
import signing.front
import signing.keys
import signing.note
import signing.packing
import signing.proof
import signing.roles
from signing import checkpoint, entry, note, packing, proof, roles, tiles, verify
from signing.checkpoint import Checkpoint
from signing.errors import BadSignature
from signing.keys import SignerKey, VerifierKey
from signing.merkle import EMPTY_ROOT, check_inclusion, leaf_hash, node_hash, root_of
from signing.tiles import Tree
from tests.needs import shared
from tests.signing.test_note import PETER_KEY, PETER_NOTE
from tests.signing.world import any_schema, no_files

LEAVES = [
    bytes.fromhex(leaf)
    for leaf in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]


@pytest.fixture(scope="module")
def vectors() -> str:
    return shared("vectors/tlog.md").read_text()


def test_the_roots_of_the_reference_tree(vectors: str) -> None:
    listed = vectors.split("roots size 1..8 (hex):\n")[1].split("\n")[:8]
    tree = Tree.load(0, EMPTY_ROOT, no_files)
    for size, root in enumerate(listed, start=1):
        tree.append(LEAVES[size - 1])
        assert tree.root.hex() == root
        assert root_of([leaf_hash(leaf) for leaf in LEAVES[:size]]).hex() == root
    assert ", ".join(leaf.hex() or '""' for leaf in LEAVES) in vectors


def test_the_complete_proof_and_the_cosigned_checkpoint(vectors: str) -> None:
    text = vectors[vectors.index("c2sp.org/tlog-proof@v1\n") :].encode()
    log = VerifierKey.parse(_after(vectors, "log vkey:"))
    witness = VerifierKey.parse(_after(vectors, "witness vkey:"))
    parsed = proof.parse(text)
    assert parsed.encode() == text

    tree = Tree.load(0, EMPTY_ROOT, no_files)
    for leaf in LEAVES:
        tree.append(leaf)
    assert (parsed.index, parsed.hashes) == (5, tree.inclusion(5))
    opened = checkpoint.open_checkpoint(parsed.checkpoint, log, "tamizdat.example/log/test")
    assert opened == Checkpoint("tamizdat.example/log/test", 8, tree.root)
    check_inclusion(leaf=leaf_hash(LEAVES[5]), index=5, size=8, root=opened.root, hashes=parsed.hashes)

    assert note.open_note(parsed.checkpoint, [log, witness]).signers == (log, witness)
    assert (witness.kind, log.kind) == (4, 1)
    signer = SignerKey(log.name, bytes(range(32)))
    assert signer.verifier == log
    assert parsed.checkpoint.startswith(checkpoint.sign(opened, signer))


def test_a_cosignature_covers_its_time(vectors: str) -> None:
    witness = VerifierKey.parse(_after(vectors, "witness vkey:"))
    text = vectors[vectors.index("tamizdat.example/log/test\n8\n") :].encode()
    assert b"IDJKvgAAAABpVbkA" in text
    assert note.open_note(text, [witness]).signers == (witness,)
    with pytest.raises(BadSignature):
        note.open_note(text.replace(b"IDJKvgAAAABpVbkA", b"IDJKvgAAAABpVbkB"), [witness])
    assert not witness.verifies(b"text\n", b"short")


def _after(text: str, label: str) -> str:
    return next(line.removeprefix(label).split()[0] for line in text.splitlines() if line.startswith(label))


# --- the docstrings' examples ----------------------------------------------------------------------------------------


def _examples(module: ModuleType, first: str) -> list[bytes]:
    """The indented blocks of the module's docstring that begin with `first`."""
    text = re.sub(r"^(?! {4}|$).*$", "\x00", module.__doc__ or "", flags=re.MULTILINE)
    blocks = ["\n".join(line[4:] for line in block.strip("\n").split("\n")) + "\n" for block in text.split("\x00")]
    return [block.encode() for block in blocks if block.startswith(first)]


def test_the_example_of_a_note_is_real() -> None:
    assert _examples(signing.note, "If you think") == [PETER_NOTE]


def test_the_example_keys_are_a_pair() -> None:
    (block,) = _examples(signing.keys, "PRIVATE+KEY+Peter")
    secret, public = block.decode().split()
    assert SignerKey.parse(secret).verifier.text == public == PETER_KEY


def test_the_examples_of_a_checkpoint_and_a_proof_are_real() -> None:
    (signed,) = _examples(signing.checkpoint, "tamizdat.example/log/test\n")
    key = re.search(r"`(tamizdat\.example/log/test\+\S+)`", signing.checkpoint.__doc__ or "")
    assert key
    opened = checkpoint.open_checkpoint(signed, VerifierKey.parse(key[1]), "tamizdat.example/log/test")
    examples = _examples(signing.proof, "c2sp.org/tlog-proof@v1\nindex 5")
    parsed = proof.parse(examples[0])
    assert parsed.checkpoint == signed
    check_inclusion(
        leaf=leaf_hash(LEAVES[parsed.index]),
        index=parsed.index,
        size=opened.size,
        root=opened.root,
        hashes=parsed.hashes,
    )


def test_the_example_of_an_entry_is_real() -> None:
    example = _examples(signing.entry, "tamizdat entry v1\narticle\nsample")[0]
    parsed = entry.parse(example)
    assert parsed.url_digest == packing.digest_of(b"https://news.example/a/1")
    assert parsed.encode() == example


def test_the_example_of_a_stored_object_is_real() -> None:
    (example,) = _examples(signing.packing, "1f8b")
    assert packing.gunzip(bytes.fromhex(example.decode()), 100) == b"tamizdat\n"


def test_the_example_tree_is_real() -> None:
    leaves = [leaf_hash(b""), leaf_hash(b"\x00")]
    text = signing.merkle.__doc__ or ""
    for value in (*leaves, node_hash(*leaves)):
        assert value.hex() in text


def test_the_example_of_tiles_is_real() -> None:
    listed = [tile.path for tile in tiles.tiles_of(70_000)]
    (block,) = _examples(signing.tiles, "tile/0/000")
    for path in block.decode().replace("…", " ").split():
        assert path in listed
    assert len(listed) == 2 * 274 + 2 + 1


def test_the_examples_of_a_trust_file_and_a_front_file_are_real_and_belong_together() -> None:
    (document,) = _examples(signing.roles, '{"v":1,"kind":"trust"')
    trust = roles.Trust.from_document(packing.parse_json(document.replace(b"\n", b"")))
    text = _examples(signing.front, "tamizdat front v1\nedition H4sI")[0]
    edition, front, newest = verify.verify_front(packing.gzip_bytes(text), trust=trust, schema=any_schema)
    assert edition.document["serial"] == 12
    assert newest.size == 42
    assert len(front.consistency) == 2
