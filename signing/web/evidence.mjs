// Portable evidence that somebody contradicted himself. The specification is signing/evidence.py.

import { openCheckpoint } from './checkpoint.mjs';
import { trustOf } from './checks.mjs';
import { BadEvidence, SigningError, shown } from './errors.mjs';
import { MAX_HASHES, checkConsistency } from './merkle.mjs';
import { checkDigest, fromBase64, fromHex, parseJson, same, toBase64, toBytes, toHex, toText } from './packing.mjs';
import { sameVersionContradiction, walk } from './trust.mjs';

export const MAX_BYTES = 4 << 20;
const MAX_FILES = 300;

const refuse = (what) => {
  throw new BadEvidence(what);
};
const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

/** What the evidence in a file proves to somebody who pinned `pin`: {type, origin, text}. BadEvidence when it proves
 * nothing, whatever the reason: nobody can raise an alarm with garbage. `now` decides nothing. `roots` (a Map by path) are
 * root files known from elsewhere, verified: whoever hands evidence over may have left out those by which a key no longer
 * counts alone. */
export async function prove(data, { pin, now, roots = [] }) {
  try {
    if (data.length > MAX_BYTES) refuse(`evidence has at most ${MAX_BYTES} bytes, not ${data.length}`);
    return await proved(parseJson(data), pin, now, roots);
  } catch (error) {
    if (!(error instanceof SigningError) || error instanceof BadEvidence) throw error;
    throw new BadEvidence(error.message);
  }
}

async function proved(document, pin, now, roots) {
  if (!isObject(document) || document.kind !== 'evidence' || document.v !== 1) refuse('this is not evidence');
  const { type, origin, files } = document;
  if (typeof origin !== 'string') refuse('"origin" is not a text');
  if (!isObject(files) || Object.keys(files).length > MAX_FILES || !texts(Object.values(files))) {
    refuse(`"files" has at most ${MAX_FILES} trust files by path`);
  }
  const view = await walk((path) => (path in files ? toBytes(files[path]) : null), { pin, now });
  const trust = trustOf(parseJson(view.trust), view.policy);
  if (type === 'trust') {
    if (origin !== trust.origin) refuse(`the trust files are of ${shown(trust.origin)}, not of ${shown(origin)}`);
    const { metadata } = document;
    if (!Array.isArray(metadata) || metadata.length !== 2 || !texts(metadata)) refuse('"metadata" is a list of two texts');
    const found = await sameVersionContradiction(...metadata.map(toBytes), new Map([...roots, ...view.files]));
    if (!found) refuse('these two trust files do not contradict each other, or are not signed by the keys in force');
    // The online key alone signs the others: whoever copied it could accuse the publication for ever.
    if (!['root', 'targets'].includes(found.role)) refuse(`two files of the role ${found.role} are no evidence`);
    return { type, origin, text: `${origin} signed two different files that are both ${found.role} ${found.version}` };
  }
  const log = trust.logs.find((one) => one.origin === origin);
  if (!log) refuse(`${shown(trust.origin)} has no log ${shown(origin)}`);
  const open = async (count) => {
    const { checkpoints } = document;
    if (!Array.isArray(checkpoints) || checkpoints.length !== count || !texts(checkpoints)) {
      refuse(`"checkpoints" is a list of ${count} texts`);
    }
    // The log's own signature is what it has to answer for, witnesses and freezes or not.
    return Promise.all(checkpoints.map((note) => openCheckpoint(toBytes(note), log.key, origin)));
  };
  if (type === 'fork') {
    const [old, seen] = (await open(2)).sort((a, b) => (a.size < b.size ? -1 : a.size > b.size ? 1 : 0));
    if (old.size === seen.size && same(old.root, seen.root)) refuse('both are the same checkpoint');
    contradicts(document, old, seen.size, seen.root);
    return { type, origin, text: `the key of the log ${origin} signed two histories, of ${old.size} and ${seen.size}` };
  }
  if (type === 'freeze') {
    const [one] = await open(1);
    const { frozen } = log;
    if (!frozen) refuse(`the log ${shown(origin)} is not frozen`);
    if (one.size <= frozen.size) contradicts(document, one, frozen.size, frozen.root);
    return { type, origin, text: `the key of the log ${origin} signed ${one.size} entries; it ended at ${frozen.size}` };
  }
  return refuse(`there is no evidence of type ${shown(type)}`);
}

const texts = (values) => values.every((value) => typeof value === 'string');

/** Return if no log can have been `old` and then (size, root). */
function contradicts(document, old, size, root) {
  if (old.size === size) {
    if (same(old.root, root)) refuse('this is the checkpoint at which the log ended');
    return;
  }
  const prefix = fromHex(checkDigest(document.prefix));
  const { hashes } = document;
  if (!Array.isArray(hashes) || hashes.length > MAX_HASHES || !texts(hashes)) refuse('"hashes" is a list of texts');
  if (same(prefix, old.root)) refuse('the larger tree begins with the smaller one: this is one history');
  checkConsistency({ oldSize: old.size, oldRoot: prefix, newSize: size, newRoot: root, hashes: hashes.map(fromBase64) });
}

/** The document that shows these checkpoints (notes as they were served, oldest first) to be irreconcilable, as plain data
 * to be written as JSON: two for a fork, one for a freeze; or, for "trust", two metadata files. `files` is a Map of trust
 * files. Nothing is verified. */
export function evidenceOf(notes, { type = 'fork', origin, files, time, reason, where, prefix = null, hashes = [] }) {
  const document = { v: 1, kind: 'evidence', type, origin, reason };
  if (where) document.where = where;
  document.time = time;
  document[type === 'trust' ? 'metadata' : 'checkpoints'] = notes.map(toText);
  if (prefix) Object.assign(document, { prefix: toHex(prefix), hashes: hashes.map(toBase64) });
  document.files = {};
  for (const [path, data] of files) document.files[path] = toText(data);
  return document;
}
