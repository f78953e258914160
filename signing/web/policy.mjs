// Which witnesses a checkpoint needs: C2SP tlog-policy. The specification is signing/policy.py.

import { BadKey, FormatError, shown } from './errors.mjs';
import { COSIGNATURE, ED25519, parseKey } from './note.mjs';
import { fromDecimal, toHex, toText } from './packing.mjs';

export const MAX_BYTES = 65536;
const MAX_LINES = 64;

/** {witnesses: [{name, key, url}], groups, quorum, keys, required, satisfied(keys)}. FormatError unless `data` is a policy;
 * BadKey for a damaged key or one of the wrong type. */
export function parsePolicy(data) {
  if (data.length > MAX_BYTES) throw new FormatError(`a witness policy has at most ${MAX_BYTES} bytes`);
  if (data.some((byte) => (byte < 32 && byte !== 9 && byte !== 10) || byte === 127)) {
    throw new FormatError('a witness policy holds no control characters');
  }
  if (data[data.length - 1] !== 10) throw new FormatError('a witness policy ends in a line feed');
  const state = { logs: [], witnesses: [], groups: [], quorum: null, defined: new Set(), taken: new Set() };
  // One character a byte: names are opaque bytes to the specification.
  const text = Array.from(data, (byte) => String.fromCharCode(byte)).join('');
  for (const line of text.split('\n')) {
    const words = line.split(/[ \t]+/).filter(Boolean);
    if (words.length && words[0][0] !== '#') readLine(state, words);
  }
  const { witnesses, groups, quorum } = state;
  if (quorum === null) throw new FormatError('a witness policy has a quorum line');
  const required = quorum !== 'none';
  const satisfied = (keys) => {
    if (!required) return true;
    const present = new Set(keys.filter((key) => key.type === COSIGNATURE).map((key) => toHex(key.bytes)));
    // A group's members stand before it, so one pass decides them all.
    const reached = new Map(witnesses.map(({ name, key }) => [name, present.has(toHex(key.bytes))]));
    for (const { name, threshold, members } of groups) {
      reached.set(name, members.filter((member) => reached.get(member)).length >= threshold);
    }
    return reached.get(quorum);
  };
  return { witnesses, groups, quorum, required, satisfied, keys: witnesses.map(({ key }) => key) };
}

function readLine(state, [kind, ...rest]) {
  const { logs, witnesses, groups, defined, taken } = state;
  const define = (name) => {
    if (name === 'none' || defined.has(name)) throw new FormatError(`${shown(name)} is defined already`);
    defined.add(name);
    return name;
  };
  if (kind === 'log' && (rest.length === 1 || rest.length === 2)) {
    logs.push(readKey(taken, rest[0], 'log', ED25519));
  } else if (kind === 'witness' && (rest.length === 2 || rest.length === 3)) {
    const name = define(rest[0]);
    const key = readKey(taken, rest[1], 'witness', COSIGNATURE);
    witnesses.push({ name, key, url: rest[2] || null });
  } else if (kind === 'group' && rest.length >= 3) {
    const [name, wanted, ...members] = rest;
    const threshold = wanted === 'any' ? 1n : wanted === 'all' ? BigInt(members.length) : fromDecimal(wanted);
    if (threshold < 1n || threshold > BigInt(members.length)) {
      throw new FormatError(`a group of ${members.length} cannot need ${threshold}`);
    }
    for (const member of members) {
      if (!defined.has(member)) throw new FormatError(`${shown(member)} is not defined above`);
      if (taken.has(`member ${member}`)) throw new FormatError(`${shown(member)} is a member already`);
      taken.add(`member ${member}`);
    }
    groups.push({ name: define(name), threshold: Number(threshold), members });
  } else if (kind === 'quorum' && rest.length === 1) {
    if (state.quorum !== null) throw new FormatError('there is a quorum line already');
    if (rest[0] !== 'none' && !defined.has(rest[0])) throw new FormatError(`${shown(rest[0])} is not defined above`);
    state.quorum = rest[0];
  } else {
    throw new FormatError(`not a log, witness, group or quorum line: ${shown(kind)}`);
  }
  if (Math.max(logs.length, witnesses.length, groups.length) > MAX_LINES) {
    throw new FormatError(`there are more than ${MAX_LINES} lines of this kind`);
  }
}

function readKey(taken, word, what, type) {
  let text;
  try {
    text = toText(Uint8Array.from(word, (c) => c.charCodeAt(0)));
  } catch (_) {
    throw new BadKey('a key is UTF-8');
  }
  const key = parseKey(text);
  if (key.type !== type) throw new BadKey(`key ${key.label} is of type ${key.type}, a ${what}'s is of type ${type}`);
  const place = `${what} ${toHex(key.bytes)}`;
  if (taken.has(place)) throw new FormatError(`the public key of ${key.label} stands in another line too`);
  taken.add(place);
  return key;
}
