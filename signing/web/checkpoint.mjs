// Checkpoints: what a log says about itself (C2SP tlog-checkpoint). The specification is signing/checkpoint.py.

import { BadKey, BadSignature, FormatError, shown } from './errors.mjs';
import { EMPTY_ROOT, MAX_SIZE } from './merkle.mjs';
import { ED25519, isName, openNote } from './note.mjs';
import { fromBase64, fromDecimal, same, toText } from './packing.mjs';

export const MAX_BYTES = 65536;

/** {origin, size (BigInt), root} of a note's text; nothing is verified. FormatError unless it is a checkpoint without
 * extension lines. */
export function parseCheckpoint(text) {
  const parts = toText(text).split('\n');
  if (parts.length !== 4 || parts[3]) throw new FormatError("a checkpoint's text is three lines: origin, size, root");
  const checkpoint = { origin: parts[0], size: fromDecimal(parts[1]), root: fromBase64(parts[2]) };
  const { origin, size, root } = checkpoint;
  if (!isName(origin)) throw new FormatError(`"${shown(origin)}" cannot be the origin of a log`);
  if (size > MAX_SIZE) throw new FormatError(`a log cannot have ${size} entries`);
  if (root.length !== 32 || (size === 0n && !same(root, EMPTY_ROOT))) {
    throw new FormatError(`a log of ${size} cannot have this root`);
  }
  return checkpoint;
}

/** The checkpoint of the log `origin` that `key` signed. FormatError unless `data` is a checkpoint, BadKey if `key` is not
 * that log's, BadSignature if the signature is missing or wrong or the checkpoint is of another log. */
export async function openCheckpoint(data, key, origin) {
  if (key.name !== origin || key.type !== ED25519) {
    throw new BadKey(`key ${key.label} is not the key of the log ${shown(origin)}`);
  }
  if (data.length > MAX_BYTES) throw new FormatError(`a checkpoint has at most ${MAX_BYTES} bytes, not ${data.length}`);
  const checkpoint = parseCheckpoint((await openNote(data, [key])).text);
  if (checkpoint.origin !== origin) {
    throw new BadSignature(`the checkpoint is of the log ${shown(checkpoint.origin)}, not of ${shown(origin)}`);
  }
  return checkpoint;
}
