// Proofs that travel: C2SP tlog-proof. The specification is signing/proof.py.

import { MAX_BYTES as MAX_CHECKPOINT } from './checkpoint.mjs';
import { FormatError } from './errors.mjs';
import { MAX_HASHES, MAX_SIZE } from './merkle.mjs';
import { fromBase64, fromDecimal, toText } from './packing.mjs';

export const MAX_BYTES = MAX_CHECKPOINT + 16384;
const MAX_EXTRA = 8192;
const FIRST = 'c2sp.org/tlog-proof@v1';

/** Head and rest of bytes with an empty line between them; FormatError(`what`) without one. */
export function cut(data, what) {
  const gap = data.findIndex((byte, at) => byte === 10 && data[at + 1] === 10);
  if (gap < 0) throw new FormatError(what);
  return [toText(data.subarray(0, gap)).split('\n'), data.subarray(gap + 2)];
}

/** {index (BigInt), hashes, checkpoint (bytes), extra (bytes or null)}, unverified. FormatError unless `data` is a proof. */
export function parseProof(data) {
  if (data.length > MAX_BYTES) throw new FormatError(`a proof has at most ${MAX_BYTES} bytes, not ${data.length}`);
  const what = `a proof begins with ${FIRST} and has an empty line before its checkpoint`;
  const [lines, checkpoint] = cut(data, what);
  if (lines.shift() !== FIRST) throw new FormatError(what);
  let extra = null;
  if (lines.length && lines[0].startsWith('extra ')) {
    // Nobody signs it and no check uses it, but a proof has one form.
    extra = fromBase64(lines.shift().slice(6));
    if (extra.length < 1 || extra.length > MAX_EXTRA) throw new FormatError(`\`extra\` has 1 to ${MAX_EXTRA} bytes`);
  }
  if (!lines.length || !lines[0].startsWith('index ')) throw new FormatError('a proof has an index');
  const index = fromDecimal(lines.shift().slice(6), MAX_SIZE - 1n);
  const hashes = lines.map(fromBase64);
  if (hashes.length > MAX_HASHES || hashes.some((one) => one.length !== 32)) {
    throw new FormatError(`a proof has at most ${MAX_HASHES} hashes of 32 bytes`);
  }
  if (!checkpoint.length || checkpoint.length > MAX_CHECKPOINT) {
    throw new FormatError(`a proof ends in a checkpoint of at most ${MAX_CHECKPOINT} bytes`);
  }
  return { index, hashes, checkpoint, extra };
}
