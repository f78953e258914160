"""The tree and its proofs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signing import merkle
from signing.errors import BadProof
from signing.merkle import check_consistency, check_inclusion, consistency_proof, inclusion_proof, leaf_hash, root_of

LEAVES = [leaf_hash(bytes([number])) for number in range(70)]
ROOTS = [root_of(LEAVES[:size]) for size in range(71)]


def read(level: int, index: int) -> bytes:
    part = LEAVES[index << level : (index + 1) << level]
    assert len(part) == 1 << level, "a prover asked for a subtree that is not complete"
    return root_of(part)


def _includes(index: int, size: int, hashes: tuple[bytes, ...], **changes: bytes) -> None:
    parts = {"leaf": LEAVES[index % 70], "root": ROOTS[size % 71], **changes}
    check_inclusion(index=index, size=size, hashes=hashes, **parts)


def _continues(old: int, new: int, hashes: tuple[bytes, ...], **changes: bytes) -> None:
    parts = {"old_root": ROOTS[old % 71], "new_root": ROOTS[new % 71], **changes}
    check_consistency(old_size=old, new_size=new, hashes=hashes, **parts)


def _flips(hashes: tuple[bytes, ...]) -> list[tuple[bytes, ...]]:
    """The proof with each of its bits flipped in turn."""
    flipped = []
    for at, one in enumerate(hashes):
        for bit in range(256):
            other = bytearray(one)
            other[bit // 8] ^= 1 << bit % 8
            flipped.append((*hashes[:at], bytes(other), *hashes[at + 1 :]))
    return flipped


def _rearranged(hashes: tuple[bytes, ...]) -> list[tuple[bytes, ...]]:
    """The proof longer, shorter and in another order."""
    others = [(*hashes, bytes(32)), (bytes(32), *hashes), (*hashes, *hashes), hashes[:-1], hashes[1:], hashes[::-1]]
    return [other for other in others if other != hashes]


def test_every_proof_of_every_small_tree_is_accepted() -> None:
    for size in range(71):
        assert merkle.range_hash(0, size, read) == ROOTS[size]
        for index in range(size):
            _includes(index, size, inclusion_proof(size, index, read))
        for old in range(size + 1):
            _continues(old, size, consistency_proof(old, size, read))


def test_an_inclusion_proof_has_as_many_hashes_as_the_rfc_says() -> None:
    for size in range(1, 71):
        for index in range(size):
            below = (index ^ (size - 1)).bit_length()
            assert len(inclusion_proof(size, index, read)) == below + (index >> below).bit_count()


@pytest.mark.parametrize(("size", "index"), [(1, 0), (2, 1), (7, 6), (8, 5), (70, 3), (70, 69)])
def test_an_inclusion_proof_with_any_bit_changed_is_rejected(size: int, index: int) -> None:
    hashes = inclusion_proof(size, index, read)
    for other in _flips(hashes) + _rearranged(hashes):
        with pytest.raises(BadProof):
            _includes(index, size, other)
    for leaf in _flips((LEAVES[index],)):
        with pytest.raises(BadProof):
            _includes(index, size, hashes, leaf=leaf[0])
    for root in _flips((ROOTS[size],)):
        with pytest.raises(BadProof):
            _includes(index, size, hashes, root=root[0])


@pytest.mark.parametrize(("old", "new"), [(1, 2), (3, 7), (4, 7), (8, 64), (64, 70), (69, 70), (33, 70)])
def test_a_consistency_proof_with_any_bit_changed_is_rejected(old: int, new: int) -> None:
    hashes = consistency_proof(old, new, read)
    for other in _flips(hashes) + _rearranged(hashes):
        with pytest.raises(BadProof):
            _continues(old, new, other)
    for name, root in (("old_root", ROOTS[old]), ("new_root", ROOTS[new])):
        for changed in _flips((root,)):
            with pytest.raises(BadProof):
                _continues(old, new, hashes, **{name: changed[0]})


def test_an_inclusion_proof_fits_one_place_in_one_tree() -> None:
    """Except where two places are one: RFC 6962 does not bind the size, and the checkpoint that does is signed."""
    hashes = inclusion_proof(70, 37, read)
    for index in range(70):
        if index != 37:
            with pytest.raises(BadProof):
                check_inclusion(leaf=LEAVES[37], index=index, size=70, root=ROOTS[70], hashes=hashes)


def test_a_consistency_proof_fits_no_other_sizes() -> None:
    hashes = consistency_proof(33, 70, read)
    for old in range(71):
        if old != 33:
            with pytest.raises(BadProof):
                _continues(old, 70, hashes)


def test_nothing_needs_proof_from_the_empty_log_or_to_the_same_log() -> None:
    _continues(0, 9, ())
    _continues(9, 9, ())
    for old, new, hashes, changes in (
        (0, 9, (bytes(32),), {}),
        (9, 9, (bytes(32),), {}),
        (9, 9, (), {"old_root": ROOTS[8]}),
        (0, 9, (), {"old_root": ROOTS[1]}),
        (5, 9, (), {}),
    ):
        with pytest.raises(BadProof):
            _continues(old, new, hashes, **changes)


def test_a_proof_of_more_hashes_than_any_log_needs_is_not_looked_at() -> None:
    with pytest.raises(BadProof, match="at most 64 hashes"):
        _includes(0, 70, (bytes(32),) * 65)


@pytest.mark.parametrize(("index", "size"), [(-1, 5), (5, 5), (0, 0), (2**70, 2**71), (0, 2**63)])
def test_places_outside_the_log_are_refused(index: int, size: int) -> None:
    with pytest.raises(BadProof):
        inclusion_proof(size, index, read)
    with pytest.raises(BadProof):
        _includes(index, size, ())


@pytest.mark.parametrize(("old", "new"), [(-1, 5), (6, 5), (5, 2**63)])
def test_logs_that_shrink_are_refused(old: int, new: int) -> None:
    with pytest.raises(BadProof):
        consistency_proof(old, new, read)
    with pytest.raises(BadProof):
        _continues(old, new, ())


@given(st.integers(0, 2**63 - 1), st.integers(1, 2**63 - 1), st.lists(st.binary(max_size=33), max_size=70))
def test_any_hashes_are_a_bad_proof_and_nothing_worse(a: int, b: int, hashes: list[bytes]) -> None:
    zero = bytes(32)
    with pytest.raises(BadProof):
        check_inclusion(leaf=zero, index=a, size=b, root=b"\x01" * 32, hashes=hashes)
    with pytest.raises(BadProof):
        check_consistency(old_size=a, old_root=zero, new_size=b, new_root=b"\x01" * 32, hashes=hashes)


@given(st.integers(1, 2**63 - 1), st.data())
def test_proofs_of_astronomic_logs_are_made_and_checked(size: int, data: st.DataObject) -> None:
    """A log whose entries are all the same has one hash per level."""
    tower = [leaf_hash(b"same")]
    while len(tower) < 64:
        tower.append(merkle.node_hash(tower[-1], tower[-1]))

    def same(level: int, _index: int) -> bytes:
        return tower[level]

    root = merkle.range_hash(0, size, same)
    index = data.draw(st.integers(0, size - 1))
    check_inclusion(leaf=tower[0], index=index, size=size, root=root, hashes=inclusion_proof(size, index, same))
    old = data.draw(st.integers(1, size))
    check_consistency(
        old_size=old,
        old_root=merkle.range_hash(0, old, same),
        new_size=size,
        new_root=root,
        hashes=consistency_proof(old, size, same),
    )
