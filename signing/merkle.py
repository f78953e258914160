"""The Merkle tree of RFC 6962: hashes of entries, proofs that an entry is in, proofs that nothing was taken out.

    leaf   SHA-256(0x00 || entry)
    node   SHA-256(0x01 || left || right)
    empty  SHA-256("")

A tree of n entries splits at the largest power of two below n. The prefix bytes keep an entry from posing as a node.

An *inclusion proof* of entry `index` in a tree of `size` is the list of sibling hashes from the leaf up (RFC 6962
§2.1.1; checked as in RFC 9162 §2.1.3.2). A *consistency proof* from `old_size` to `new_size` shows that the smaller
tree is the beginning of the larger one (RFC 6962 §2.1.2; checked as in RFC 9162 §2.1.4.2); it is empty when the sizes
are equal or the old tree is empty.

Provers get hashes through `read(level, index)`: the root of the complete subtree over the entries from
`index * 2**level` up to `(index + 1) * 2**level`. They never ask for a subtree that is not complete.

A whole example, the tree over the two entries "" and 0x00 (hex):

    leaf 0  6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d
    leaf 1  96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7
    root    fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125

The inclusion proof of entry 0 is leaf 1; the consistency proof from size 1 to size 2 is leaf 1 as well.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

from signing.errors import BadProof

EMPTY_ROOT = hashlib.sha256(b"").digest()
MAX_SIZE = 2**63 - 1
# A tree of 2^63-1 entries has 63 levels above its leaves; a consistency proof may need one hash more.
MAX_HASHES = 64

Read = Callable[[int, int], bytes]


def leaf_hash(entry: bytes) -> bytes:
    """The hash of one entry."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of two neighbours."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_of(hashes: Sequence[bytes]) -> bytes:
    """The root over these leaf hashes, all of them held in memory."""
    if not hashes:
        return EMPTY_ROOT
    level = list(hashes)
    while len(level) > 1:
        paired = [node_hash(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
        # An odd one rises unpaired: it becomes the right child further up, which is RFC 6962's split.
        if len(level) % 2:
            paired.append(level[-1])
        level = paired
    return level[0]


def range_hash(low: int, high: int, read: Read) -> bytes:
    """The hash of the subtree over the entries from `low` up to `high`, where `low` is a multiple of the smallest power
    of two that is not below `high - low`; with `low` 0 it is the root of the tree of size `high`."""
    if low == high:
        return EMPTY_ROOT
    roots: list[bytes] = []
    while low < high:
        level = (high - low).bit_length() - 1
        roots.append(read(level, low >> level))
        low += 1 << level
    result = roots.pop()
    while roots:
        result = node_hash(roots.pop(), result)
    return result


def inclusion_proof(size: int, index: int, read: Read) -> tuple[bytes, ...]:
    """The proof that entry `index` is in the tree of `size`. BadProof if it cannot be."""
    if not 0 <= index < size <= MAX_SIZE:
        raise BadProof(f"no entry {index} in a log of {size}")
    hashes: list[bytes] = []
    node, last, level = index, size - 1, 0
    while last:
        sibling = node ^ 1
        if sibling <= last:
            hashes.append(range_hash(sibling << level, min(size, (sibling + 1) << level), read))
        node, last, level = node >> 1, last >> 1, level + 1
    return tuple(hashes)


def consistency_proof(old_size: int, new_size: int, read: Read) -> tuple[bytes, ...]:
    """The proof that the tree of `old_size` is the beginning of the tree of `new_size`. BadProof if it cannot be."""
    if not 0 <= old_size <= new_size <= MAX_SIZE:
        raise BadProof(f"a log of {new_size} does not continue one of {old_size}")
    if old_size in (0, new_size):
        return ()
    # RFC 6962's SUBPROOF, from the root down: (low, high) is the subtree in which the old tree still ends.
    low, high = 0, new_size
    hashes: list[bytes] = []
    while high != old_size:
        split = low + (1 << (high - low - 1).bit_length() - 1)
        if old_size <= split:
            hashes.append(range_hash(split, high, read))
            high = split
        else:
            hashes.append(range_hash(low, split, read))
            low = split
    # The old tree's own last subtree: left out when it is the whole old tree, whose root the checker has.
    if low:
        hashes.append(range_hash(low, high, read))
    return tuple(reversed(hashes))


def check_inclusion(*, leaf: bytes, index: int, size: int, root: bytes, hashes: Sequence[bytes]) -> None:
    """Return if `hashes` prove that the entry with the hash `leaf` is entry `index` of the tree (`size`, `root`);
    raise BadProof if not."""
    if not 0 <= index < size <= MAX_SIZE:
        raise BadProof(f"no entry {index} in a log of {size}")
    _check_hashes((leaf, root, *hashes), len(hashes))
    node, last = index, size - 1
    result = leaf
    for sibling in hashes:
        if last == 0:
            raise BadProof(f"the inclusion proof of entry {index} in a log of {size} is too long: {len(hashes)} hashes")
        if node & 1 or node == last:
            result = node_hash(sibling, result)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            result = node_hash(result, sibling)
        node, last = node >> 1, last >> 1
    if last:
        raise BadProof(f"the inclusion proof of entry {index} in a log of {size} is too short: {len(hashes)} hashes")
    if result != root:
        raise BadProof(f"the proof leads to root {result.hex()}, the log of {size} has {root.hex()}")


def check_consistency(
    *, old_size: int, old_root: bytes, new_size: int, new_root: bytes, hashes: Sequence[bytes]
) -> None:
    """Return if `hashes` prove that the tree (`old_size`, `old_root`) is the beginning of (`new_size`, `new_root`);
    raise BadProof if not."""
    if not 0 <= old_size <= new_size <= MAX_SIZE:
        raise BadProof(f"a log of {new_size} does not continue one of {old_size}")
    _check_hashes((old_root, new_root, *hashes), len(hashes))
    step = f"the consistency proof from {old_size} to {new_size}"
    if old_size in (0, new_size):
        _check_nothing_to_prove(old_size, old_root, new_size, new_root)
        if hashes:
            raise BadProof(f"{step} should be empty, it has {len(hashes)} hashes")
        return
    if not hashes:
        raise BadProof(f"{step} is empty")
    # A whole power of two is itself a subtree of the new tree, and its root starts the climb.
    path = list(hashes) if old_size & (old_size - 1) else [old_root, *hashes]
    # The first hash stands at the top of the run of right children that ends in the old tree's last entry.
    skipped = (old_size & -old_size).bit_length() - 1
    node, last = (old_size - 1) >> skipped, (new_size - 1) >> skipped
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise BadProof(f"{step} is too long: {len(hashes)} hashes")
        if node & 1 or node == last:
            old = node_hash(sibling, old)
            new = node_hash(sibling, new)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        node, last = node >> 1, last >> 1
    if last:
        raise BadProof(f"{step} is too short: {len(hashes)} hashes")
    if (old, new) != (old_root, new_root):
        raise BadProof(
            f"{step} leads to roots {old.hex()} and {new.hex()}, not to {old_root.hex()} and {new_root.hex()}"
        )


def _check_nothing_to_prove(old_size: int, old_root: bytes, new_size: int, new_root: bytes) -> None:
    if old_size == new_size and old_root != new_root:
        raise BadProof(f"two logs of {old_size}: one with root {old_root.hex()}, one with {new_root.hex()}")
    if old_size == 0 and old_root != EMPTY_ROOT:
        raise BadProof(f"the empty log has root {EMPTY_ROOT.hex()}, not {old_root.hex()}")


def _check_hashes(all_of_them: tuple[bytes, ...], proof_length: int) -> None:
    if proof_length > MAX_HASHES:
        raise BadProof(f"a proof has at most {MAX_HASHES} hashes, not {proof_length}")
    if any(len(one) != 32 for one in all_of_them):
        raise BadProof("a hash has 32 bytes")
