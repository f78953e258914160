// The file `front`: the newest edition with its proof. The specification is signing/front.py.

import { FormatError } from './errors.mjs';
import { MAX_HASHES, MAX_SIZE } from './merkle.mjs';
import { fromBase64, fromDecimal, gunzip } from './packing.mjs';
import { cut } from './proof.mjs';

export const MAX_BYTES = 8192;
export const MAX_UNPACKED = 65536;
const MAX_CONSISTENCY = 16;
const FIRST = 'tamizdat front v1';

/** {edition, proof, consistency: Map of size (as text) to hashes}, unverified. FormatError unless `stored` is a front. */
export function parseFront(stored) {
  if (stored.length > MAX_BYTES) {
    throw new FormatError(`a front file has at most ${MAX_BYTES} bytes, not ${stored.length}`);
  }
  const what = `a front file begins with \`${FIRST}\` and an edition, and a proof follows`;
  const [lines, proof] = cut(gunzip(stored, MAX_UNPACKED), what);
  if (lines.length < 2 || lines[0] !== FIRST || !lines[1].startsWith('edition ')) throw new FormatError(what);
  if (lines.length - 2 > MAX_CONSISTENCY) {
    throw new FormatError(`a front file has at most ${MAX_CONSISTENCY} consistency proofs`);
  }
  const consistency = new Map();
  let before = 0n;
  for (const line of lines.slice(2)) {
    const [word, ...rest] = line.split(' ');
    if (word !== 'consistency' || rest.length < 2 || rest.length > MAX_HASHES + 1) {
      throw new FormatError('after the edition come consistency proofs and an empty line');
    }
    const size = fromDecimal(rest[0]);
    const hashes = rest.slice(1).map(fromBase64);
    if (size > MAX_SIZE || hashes.some((one) => one.length !== 32)) throw new FormatError('no consistency proof');
    if (size <= before) throw new FormatError('consistency proofs stand by growing size');
    consistency.set(String((before = size)), hashes);
  }
  const edition = fromBase64(lines[1].slice(8));
  if (!edition.length || !proof.length) throw new FormatError('a front file has an edition and a proof');
  return { edition, proof, consistency };
}
