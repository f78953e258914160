// The Merkle tree of RFC 6962. Sizes and places are BigInt. The specification is signing/merkle.py.

import { sha256 } from './sha2.mjs';
import { BadProof } from './errors.mjs';
import { MAX_NUMBER, join, same } from './packing.mjs';

export const EMPTY_ROOT = sha256(new Uint8Array());
export const MAX_SIZE = MAX_NUMBER;
export const MAX_HASHES = 64;

export const leafHash = (entry) => sha256(join([0], entry));
export const nodeHash = (left, right) => sha256(join([1], left, right));

/** The root over leaf hashes held in memory. */
export function rootOf(hashes) {
  if (!hashes.length) return EMPTY_ROOT;
  let level = hashes;
  while (level.length > 1) {
    const above = [];
    for (let at = 0; at + 1 < level.length; at += 2) above.push(nodeHash(level[at], level[at + 1]));
    // An odd one rises unpaired, which is RFC 6962's split.
    if (level.length % 2) above.push(level[level.length - 1]);
    level = above;
  }
  return level[0];
}

/** Return if `hashes` prove that the entry with hash `leaf` is entry `index` of the tree (size, root), as in RFC 9162
 * 2.1.3.2; throw BadProof if not. */
export function checkInclusion({ leaf, index, size, root, hashes }) {
  if (!(0n <= index && index < size && size <= MAX_SIZE)) throw new BadProof(`no entry ${index} in a log of ${size}`);
  checkHashes([leaf, root], hashes);
  const what = `the inclusion proof of entry ${index} in a log of ${size}`;
  let node = index;
  let last = size - 1n;
  let result = leaf;
  for (const sibling of hashes) {
    if (!last) throw new BadProof(`${what} is too long: ${hashes.length} hashes`);
    if (node & 1n || node === last) {
      result = nodeHash(sibling, result);
      while (!(node & 1n) && node) {
        node >>= 1n;
        last >>= 1n;
      }
    } else {
      result = nodeHash(result, sibling);
    }
    node >>= 1n;
    last >>= 1n;
  }
  if (last) throw new BadProof(`${what} is too short: ${hashes.length} hashes`);
  if (!same(result, root)) throw new BadProof(`${what} leads to another root`);
}

/** Return if `hashes` prove that the tree (oldSize, oldRoot) is the beginning of (newSize, newRoot), as in RFC 9162
 * 2.1.4.2; throw BadProof if not. */
export function checkConsistency({ oldSize, oldRoot, newSize, newRoot, hashes }) {
  if (!(0n <= oldSize && oldSize <= newSize && newSize <= MAX_SIZE)) {
    throw new BadProof(`a log of ${newSize} does not continue one of ${oldSize}`);
  }
  checkHashes([oldRoot, newRoot], hashes);
  const what = `the consistency proof from ${oldSize} to ${newSize}`;
  if (oldSize === 0n || oldSize === newSize) {
    if (oldSize === newSize && !same(oldRoot, newRoot)) throw new BadProof(`two logs of ${oldSize} have different roots`);
    if (oldSize === 0n && !same(oldRoot, EMPTY_ROOT)) throw new BadProof('the empty log has another root');
    if (hashes.length) throw new BadProof(`${what} should be empty, it has ${hashes.length} hashes`);
    return;
  }
  if (!hashes.length) throw new BadProof(`${what} is empty`);
  // A whole power of two is itself a subtree of the new tree, and its root starts the climb.
  const path = oldSize & (oldSize - 1n) ? hashes : [oldRoot, ...hashes];
  let node = oldSize - 1n;
  let last = newSize - 1n;
  while (node & 1n) {
    node >>= 1n;
    last >>= 1n;
  }
  let before = path[0];
  let after = path[0];
  for (const sibling of path.slice(1)) {
    if (!last) throw new BadProof(`${what} is too long: ${hashes.length} hashes`);
    if (node & 1n || node === last) {
      before = nodeHash(sibling, before);
      after = nodeHash(sibling, after);
      while (!(node & 1n) && node) {
        node >>= 1n;
        last >>= 1n;
      }
    } else {
      after = nodeHash(after, sibling);
    }
    node >>= 1n;
    last >>= 1n;
  }
  if (last) throw new BadProof(`${what} is too short: ${hashes.length} hashes`);
  if (!same(before, oldRoot) || !same(after, newRoot)) throw new BadProof(`${what} leads to other roots`);
}

// --- provers, over hashes that a mirror serves: `await read(level, index)` is the root of the complete subtree over the
// entries from index * 2^level up to (index + 1) * 2^level ---------------------------------------------------------------

const bitLength = (n) => BigInt(n.toString(2).length);

/** The hash over the entries from `low` up to `high`; with `low` 0, the root of the tree of size `high`. */
export async function rangeHash(low, high, read) {
  const roots = [];
  while (low < high) {
    const level = bitLength(high - low) - 1n;
    roots.push(await read(level, low >> level));
    low += 1n << level;
  }
  return roots.length ? roots.reduceRight((right, left) => nodeHash(left, right)) : EMPTY_ROOT;
}

/** The proof that the tree of `oldSize` is the beginning of the tree of `newSize` (RFC 6962 2.1.2). */
export async function consistencyProof(oldSize, newSize, read) {
  if (!oldSize || oldSize === newSize) return [];
  let low = 0n;
  let high = newSize;
  const hashes = [];
  while (high !== oldSize) {
    const split = low + (1n << (bitLength(high - low - 1n) - 1n));
    if (oldSize <= split) {
      hashes.push(await rangeHash(split, high, read));
      high = split;
    } else {
      hashes.push(await rangeHash(low, split, read));
      low = split;
    }
  }
  if (low) hashes.push(await rangeHash(low, high, read));
  return hashes.reverse();
}

function checkHashes(own, hashes) {
  if (hashes.length > MAX_HASHES) throw new BadProof(`a proof has at most ${MAX_HASHES} hashes, not ${hashes.length}`);
  if (own.concat(hashes).some((one) => one.length !== 32)) throw new BadProof('a hash has 32 bytes');
}
