// What a reader remembers between visits: plain data, which the caller keeps. Nothing is remembered about which article was
// looked at.
//
//   {origin,
//    trust: {path: text}        the newest trust files
//    checkpoints: {log: note}   the newest checkpoint of each log
//    front: base64              the file `front` with the newest edition seen anywhere
//    withdrawn: {digest: {time, reason?}}   what editions and logs said, the newest 1,000
//
// Whoever can write where it is kept can change it (in Chromium all local pages share one store). So its shape is checked
// here, and what it says is verified again before it is used; all but the withdrawals, which only ever warn.

import { fromBase64 } from './packing.mjs';
import { MAX_BYTES as MAX_FRONT } from './front.mjs';

const MAX_WITHDRAWN = 1000;
const MAX_FILES = 600; // 256 roots, and room
const MAX_TEXT = 1 << 20;

const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);
const isText = (value) => typeof value === 'string' && value.length <= MAX_TEXT;

/** What is good of `memory`, whatever it is, with all members; null when it is none at all. */
export function recall(memory) {
  if (!isObject(memory)) return null;
  const table = (value, most, good) => {
    const entries = isObject(value) ? Object.entries(value) : [];
    return Object.fromEntries(entries.filter((entry) => good(entry[1])).slice(0, most));
  };
  const { origin, trust, checkpoints, front, withdrawn } = memory;
  return {
    origin: isText(origin) ? origin : '',
    trust: table(trust, MAX_FILES, isText),
    checkpoints: table(checkpoints, MAX_FILES, isText),
    front: isText(front) ? front : '',
    withdrawn: table(withdrawn, MAX_WITHDRAWN, (one) => isObject(one) && isText(one.time) && isText(one.reason || '')),
  };
}

/** The remembered file `front`, or null. */
export function frontOf(memory) {
  const { front } = recall(memory) || {};
  if (!front || front.length > 2 * MAX_FRONT) return null;
  try {
    return fromBase64(front);
  } catch (_) {
    return null;
  }
}

/** What is known of withdrawals, and these too: what an edition said (with a reason) is not forgotten for what the log says
 * (without). */
export function withdrawnToo(before, said) {
  const all = Object.assign({}, before);
  for (const [digest, one] of said) all[digest] = Object.assign({}, one, all[digest]);
  const newest = Object.entries(all).sort(([a, one], [b, other]) => (`${one.time} ${a}` < `${other.time} ${b}` ? -1 : 1));
  return Object.fromEntries(newest.slice(-MAX_WITHDRAWN));
}

