// What witnesses say about checkpoints: C2SP cosignature/v1. The specification is signing/cosignature.py.

import { MAX_BYTES, parseCheckpoint } from './checkpoint.mjs';
import { BadKey, BadSignature, FormatError } from './errors.mjs';
import { COSIGNATURE, keyTable, parseNote, timeOf, verifies } from './note.mjs';

/** Which of the witnesses `keys` cosigned the checkpoint in `data`, in the order of their lines, and when: a Map of key to
 * seconds since 1970 (BigInt). BadSignature when a known witness's line is wrong. The log's own signature is not looked
 * at here. */
export async function cosigners(data, keys) {
  const known = keyTable(keys);
  for (const key of keys) if (key.type !== COSIGNATURE) throw new BadKey(`key ${key.label} is not a witness's`);
  if (data.length > MAX_BYTES) throw new FormatError(`a checkpoint has at most ${MAX_BYTES} bytes, not ${data.length}`);
  const { text, lines } = parseNote(data);
  parseCheckpoint(text);
  const found = new Map();
  for (const line of lines) {
    const key = known.get(`${line.name}+${line.id}`);
    if (!key) continue;
    if (!(await verifies(key, text, line.signature))) throw new BadSignature(`the cosignature of ${key.label} is wrong`);
    const time = timeOf(line.signature);
    if (!(found.get(key) > time)) found.set(key, time);
  }
  return found;
}
