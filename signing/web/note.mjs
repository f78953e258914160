// Keys as text and signed notes (C2SP signed-note v1). The specification is signing/keys.py and signing/note.py.

import { sha256, verifySignature } from './crypto.mjs';
import { BadKey, BadSignature, FormatError, shown } from './errors.mjs';
import { MAX_NUMBER, fromBase64, join, same, toBase64, toBytes, toHex, toText } from './packing.mjs';

export const ED25519 = 1;
export const COSIGNATURE = 4;
// A verification costs some milliseconds in JavaScript: a note of 64 lines of known keys keeps a reader busy for 0.3 s.
export const MAX_SIGNATURES = 64;

// Unicode's White_Space as in Go, "+", and control characters
const NOT_IN_NAMES =
  /[+\u0000-\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ud800-\udfff]/u;

export const isName = (name) => name !== '' && !NOT_IN_NAMES.test(name);

/** A public key with its name: {name, bytes, type, id (8 hex digits), label, text}. BadKey when a part is wrong. */
export function verifierKey(name, bytes, type = ED25519) {
  if (!isName(name)) throw new BadKey(`key name "${shown(name)}" is empty or holds a space, a control character or "+"`);
  if (type !== ED25519 && type !== COSIGNATURE) throw new BadKey(`key ${shown(name)} has unknown type ${type}`);
  if (bytes.length !== 32) throw new BadKey(`key ${shown(name)} has ${bytes.length} bytes instead of 32`);
  const typed = join([type], bytes);
  const id = toHex(sha256(join(toBytes(`${name}\n`), typed)).subarray(0, 4));
  return { name, bytes, type, id, label: `${shown(name)}+${id}`, text: `${name}+${id}+${toBase64(typed)}` };
}

/** The key that a verifier key text stands for. BadKey if anything about it is off, the key ID included. */
export function parseKey(text) {
  const [, name, id, encoded] = /^([^+]*)\+?([^+]*)\+?([^]*)$/.exec(text);
  let typed;
  try {
    typed = fromBase64(encoded);
  } catch (_) {
    throw new BadKey(`key ${shown(name)} is not written as name+id+base64`);
  }
  if (typed.length !== 33) throw new BadKey(`key ${shown(name)} has ${typed.length} bytes instead of 33`);
  const key = verifierKey(name, typed.subarray(1), typed[0]);
  if (key.id !== id) throw new BadKey(`key ${key.label} is written with the key ID ${shown(id, 16)}`);
  return key;
}

export const sameKey = (one, other) => one.text === other.text;

/** Whether `signature` (without the key ID) is the key's over a note's text. */
export async function verifies(key, text, signature) {
  if (key.type !== COSIGNATURE) return verifySignature(key.bytes, signature, text);
  if (signature.length !== 72 || timeOf(signature) > MAX_NUMBER) return false;
  const head = toBytes(`cosignature/v1\ntime ${timeOf(signature)}\n`);
  return verifySignature(key.bytes, signature.subarray(8), join(head, text));
}

/** The time in a cosignature: seconds since 1970, as BigInt. */
export const timeOf = (signature) => BigInt(`0x${toHex(signature.subarray(0, 8))}`);

// --- notes -----------------------------------------------------------------------------------------------------------

const PREFIX = toBytes('— ');

/** The parts of a note, unverified: {text, lines: [{name, id, signature}]}. FormatError unless `data` is a note. */
export function parseNote(data) {
  const control = data.findIndex((byte) => byte < 32 && byte !== 10);
  if (control >= 0) throw new FormatError(`a note holds no byte 0x${toHex([data[control]])} (at ${control})`);
  toText(data);
  let split = data.length - 2;
  while (split >= 0 && !(data[split] === 10 && data[split + 1] === 10)) split--;
  if (split < 0 || data[data.length - 1] !== 10) {
    throw new FormatError('a note is a text, an empty line and signature lines, each with a line feed at its end');
  }
  const rest = data.subarray(split + 2);
  if (!rest.length) throw new FormatError('the note has no signature lines');
  const lines = [];
  for (let from = 0; from < rest.length; ) {
    if (lines.length === MAX_SIGNATURES) {
      throw new FormatError(`the note has more than ${MAX_SIGNATURES} signature lines`);
    }
    const end = rest.indexOf(10, from);
    lines.push(parseLine(rest.subarray(from, end)));
    from = end + 1;
  }
  return { text: data.subarray(0, split + 1), lines };
}

function parseLine(line) {
  if (!same(line.subarray(0, PREFIX.length), PREFIX)) {
    throw new FormatError('a signature line begins with an em dash and a space');
  }
  const words = toText(line.subarray(PREFIX.length));
  const space = words.indexOf(' ');
  const name = space < 0 ? words : words.slice(0, space);
  if (!isName(name)) throw new FormatError('a signature line names its key without spaces');
  const signature = fromBase64(space < 0 ? '' : words.slice(space + 1));
  if (signature.length < 5) throw new FormatError('a signature line holds a key ID and a signature');
  return { name, id: toHex(signature.subarray(0, 4)), signature: signature.subarray(4) };
}

/** Keys by name and ID. BadKey when two different ones share both, which only somebody who made them so can bring about. */
export function keyTable(keys) {
  const table = new Map();
  for (const key of keys) {
    const place = `${key.name}+${key.id}`;
    if (table.has(place) && !sameKey(table.get(place), key)) throw new BadKey(`two different keys are both ${key.label}`);
    if (!table.has(place)) table.set(place, key);
  }
  return table;
}

/** The text of a note that at least one of `keys` signed, and which of them did, each once, in the order of their lines:
 * {text, signers}. FormatError unless `data` is a note; BadSignature when no known key signed it or a known key's
 * signature is bad. */
export async function openNote(data, keys) {
  const known = keyTable(keys);
  const { text, lines } = parseNote(data);
  const signers = new Set();
  for (const line of lines) {
    const key = known.get(`${line.name}+${line.id}`);
    if (!key) continue;
    if (!(await verifies(key, text, line.signature))) throw new BadSignature(`the signature of ${key.label} is wrong`);
    signers.add(key);
  }
  if (!signers.size) {
    const found = lines.slice(0, 3).map((line) => `${shown(line.name, 60)}+${line.id}`);
    throw new BadSignature(`no known key signed this, found ${found.join(', ')}`);
  }
  return { text, signers: Array.from(signers) };
}
