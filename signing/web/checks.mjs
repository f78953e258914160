// The numbered checks: stored bytes in, a verdict out. The specification is signing/verify.py, whose table of numbers holds
// here too: 1-10 decide what is authentic, 11 and 12 what is fresh, 13 what is current.

import { MAX_BYTES as MAX_CHECKPOINT, openCheckpoint, parseCheckpoint } from './checkpoint.mjs';
import { cosigners } from './cosignature.mjs';
import { digest as digestLarge } from './crypto.mjs';
import { encodeEntry, entryOf } from './entry.mjs';
import {
  BadKey, BadProof, BadSignature, Fork, FormatError, FrozenLog, MissingProof, SigningError, Unwitnessed, VerifyError, shown,
} from './errors.mjs';
import { MAX_BYTES as MAX_FRONT, MAX_UNPACKED, parseFront } from './front.mjs';
import { checkConsistency, checkInclusion, leafHash, rangeHash } from './merkle.mjs';
import { ED25519, openNote, parseKey, parseNote, sameKey } from './note.mjs';
import {
  MAX_JSON_NUMBER, checkDigest, checkTime, digestOf, fromHex, gunzip, parseJson, same, toHex,
} from './packing.mjs';
import { parsePolicy } from './policy.mjs';
import { parseProof } from './proof.mjs';

export const PIECE = 12288;
export const UNPACKED = 1 << 20;
export const CLOCK_SLACK = 3600;

export const NAMES = [
  '',
  'size within the cap',
  'SHA-256 of the stored bytes',
  'gunzip within the cap',
  'note syntax',
  'publisher signature',
  'JSON and schema',
  'URL or id asked for',
  'log entry',
  'inclusion proof',
  'checkpoint signature',
  'newest checkpoint seen',
  'freshness',
  'current',
];

const SCHEMAS = { article: 'bundle', edition: 'edition', part: 'part', page: 'page' };
export const checkOf = (n, ok, detail) => ({ n, name: NAMES[n], ok, detail: shown(detail, 400) });
const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

// --- who is trusted --------------------------------------------------------------------------------------------------

/** The trust that a parsed trust.json states, with the bytes of the witness policy that goes with it (or null): {origin,
 * name, logs, publishers, policy, successors}. FormatError or BadKey if it is none; members that are not about keys are
 * left to its schema. */
export function trustOf(document, policy = null) {
  const bad = (what) => {
    throw new FormatError(`trust file: ${what}`);
  };
  const text = (value) => (typeof value === 'string' ? value : bad('a member is not a text'));
  const list = (value) => (Array.isArray(value) && value.every(isObject) ? value : bad('a member is not a list of objects'));
  const number = (value) =>
    Number.isInteger(value) && value >= 0 && value <= MAX_JSON_NUMBER ? BigInt(value) : bad('a member is not a number');
  const window = (item) => {
    const key = parseKey(text(item.key));
    if (key.type !== ED25519) throw new BadKey(`key ${key.label} is a witness's`);
    return { key, from: checkTime(item.from), until: 'until' in item ? checkTime(item.until) : null };
  };
  const frozen = (item) => {
    if (!isObject(item) || typeof item.earlier !== 'boolean') bad('"frozen" has size, root and earlier');
    return { size: number(item.size), root: fromHex(checkDigest(item.root)), earlier: item.earlier };
  };
  if (!isObject(document) || document.kind !== 'trust') throw new FormatError('not a trust file');
  const logs = list(document.logs).map((item) => {
    const log = Object.assign(window(item), {
      origin: text(item.origin),
      path: 'path' in item ? text(item.path) : '',
      frozen: 'frozen' in item ? frozen(item.frozen) : null,
      unwitnessed: 'unwitnessed' in item ? number(item.unwitnessed) : 0n,
    });
    if (log.key.name !== log.origin) throw new BadKey(`key ${log.key.label} is named otherwise than its log`);
    if (log.path && !/^log\/[a-z0-9][a-z0-9.-]{0,40}$/.test(log.path)) bad(`a log cannot stand in ${shown(log.path)}`);
    return log;
  });
  const publishers = list(document.publishers).map((item) => {
    if (!Array.isArray(item.outlets)) bad('"outlets" is not a list');
    return Object.assign(window(item), { outlets: item.outlets.map(text) });
  });
  const { successors = {} } = document;
  if (!isObject(successors)) bad('"successors" is not an object');
  Object.values(successors).forEach(checkDigest);
  const trust = {
    origin: text(document.origin),
    name: text(document.name),
    logs,
    publishers,
    policy: policy === null ? null : parsePolicy(policy),
    successors,
  };

  if (!logs.length) bad('there is no log');
  const distinct = (values) => new Set(values).size === values.length;
  if (!distinct(logs.map((log) => log.origin)) || !distinct(logs.map((log) => log.path))) bad('two logs are one');
  if (logs[0].path) bad("the first log stands in the mirror's root");
  logs.forEach((log, place) => {
    if (!log.frozen !== (place === logs.length - 1)) bad('every log but the current one has an end');
  });
  // A note does not say what it is for: a key has one role.
  const bytes = (items) => items.map(({ key }) => toHex(key.bytes));
  const others = new Set(bytes(publishers));
  const witnesses = bytes(trust.policy ? trust.policy.witnesses : []);
  if (!distinct(bytes(logs).concat(Array.from(others)))) throw new BadKey('a key of a log has another role too');
  if (witnesses.some((one) => others.has(one) || bytes(logs).includes(one))) {
    throw new BadKey("a witness's key is our own");
  }
  return trust;
}

/** Why this checkpoint of this log does not count, because the log was frozen; null if it does. */
export function notCounting(log, { size, root }) {
  const { frozen } = log;
  if (!frozen || (size === frozen.size && same(root, frozen.root))) return null;
  const where = `the log ${shown(log.origin)} was frozen at ${frozen.size} entries`;
  if (size === frozen.size) return `${where} with another root`;
  if (size > frozen.size) return `${where}; this is a later checkpoint, of ${size}`;
  if (frozen.earlier) return null;
  return `${where}; this proof is of an earlier checkpoint, of ${size}: ask a mirror for the new one`;
}

/** What is odd about a later state of a trust: its current log is another one, and its key was not promised; or null. */
export function unannounced(trust, later) {
  const promised = trust.successors.log;
  const knows = (log) => trust.logs.some((one) => one.origin === log.origin);
  if (promised === undefined || knows(later.logs[later.logs.length - 1])) return null;
  const first = later.logs.find((log) => !knows(log));
  return digestOf(first.key.bytes) === promised
    ? null
    : `the key of the log ${shown(first.origin)} is not the announced successor`;
}

/** Why a publisher's key does not count for a bundle with this entry; null if it does. */
function problem({ key, outlets, from, until }, entry) {
  if (!outlets.includes('*') && !outlets.includes(entry.outlet)) return `${key.label} is not trusted for this outlet`;
  if (entry.time < from || (until !== null && entry.time > until)) {
    return `${key.label} is valid from ${from} until ${until || 'further notice'}, the bundle is of ${entry.time}`;
  }
  return null;
}

// --- bundles ---------------------------------------------------------------------------------------------------------

// Whatever was verified here, and nothing else: having it is the proof.
const made = new WeakSet();
export const isVerified = (bundle) => made.has(bundle);

function verified(fields) {
  const bundle = Object.freeze(fields);
  made.add(bundle);
  return bundle;
}

/** VerifyError for check `n`. */
export const failedCheck = (n, detail) => new Run().failed(n, detail);

/** The checks made so far. */
class Run {
  constructor() {
    this.checks = [];
  }

  passed(n, detail) {
    this.checks.push(checkOf(n, true, detail));
  }

  failed(n, detail) {
    this.checks.push(checkOf(n, false, detail));
    throw new VerifyError(n, NAMES[n], shown(detail, 400), this.checks);
  }

  /** What `make` returns; what it refuses fails check `n`. */
  async attempt(n, make, kinds = [SigningError], head = '') {
    try {
      return await make();
    } catch (error) {
      if (!kinds.some((kind) => error instanceof kind)) throw error;
      return this.failed(n, head + error.message);
    }
  }
}

/** The bundle in `stored`, authentic by its own proof. VerifyError, with all checks made, if it is not.
 *
 * `digest` is the name it was asked for by, null if by none; `kind` "article", "edition" or null for either; `url` the
 * article's canonical URL if that was asked for; `cap` the most bytes it may have; `schema` as `compileSchemas` makes it. */
export async function verifyBundle(stored, { digest, proof, trust, schema, kind = null, url = null, cap = PIECE }) {
  const run = new Run();
  const opened = await open(run, stored, { digest, trust, schema, kind, url, cap, size: null });

  // 9: the entry is in the tree that the proof's checkpoint describes - which nobody has signed for yet.
  const { parsed, claimed } = await run.attempt(9, () => {
    const one = parseProof(proof);
    const { size, root } = parseCheckpoint(parseNote(one.checkpoint).text);
    checkInclusion({ leaf: leafHash(encodeEntry(opened.entry)), index: one.index, size, root, hashes: one.hashes });
    return { parsed: one, claimed: size };
  });
  run.passed(9, `entry ${parsed.index} of ${claimed}, by ${parsed.hashes.length} hashes`);

  // 10: a trusted log signed that checkpoint, where it still counts, and enough witnesses did.
  const checked = await run.attempt(10, () => checkCheckpoint(parsed.checkpoint, trust, opened.entry.time));
  const { checkpoint, witnesses } = checked;
  const by = witnesses.length ? `cosigned by ${witnesses.map((key) => key.name).join(', ')}` : 'no witness is required';
  run.passed(10, `signed by ${checked.key.label}, log ${checkpoint.origin} of ${checkpoint.size}; ${by}`);
  const { index } = parsed;
  return verified(Object.assign(opened, {
    index, checkpoint, checks: run.checks, note: parsed.checkpoint, witnesses: witnesses.map((key) => key.name),
  }));
}

/** The article in `stored`, authentic because a verified edition lists its digest. `item` is that edition's list entry, or
 * one from an older page whose digest was followed from there: take it from nowhere else. VerifyError if it is not. */
export async function verifyListed(stored, { item, edition, trust, schema }) {
  const run = new Run();
  if (!isVerified(edition) || edition.kind !== 'edition') run.failed(2, 'only an edition lists anything');
  const { digest, size, url, index } = item;
  if (typeof digest !== 'string' || !Number.isInteger(size) || typeof url !== 'string' || !Number.isInteger(index)) {
    run.failed(2, 'the list entry has no digest, size, URL and index');
  }
  const opened = await open(run, stored, { digest, trust, schema, kind: 'article', url, cap: PIECE, size });
  const { serial } = edition.document;
  run.passed(9, `by edition ${serial}, which is entry ${edition.index}; it says this is entry ${index}`);
  run.passed(10, `as for edition ${serial}`);
  const { checkpoint, note, witnesses } = edition;
  return verified(Object.assign(opened, { index: BigInt(index), checkpoint, note, witnesses, checks: run.checks }));
}

/** {edition, front} of a `front` file, the edition verified. VerifyError if it is not authentic (what is wrong with the
 * wrapping counts as check 1, 3 or 4). The consistency proofs in it are not checked: `checkSeen` does. */
export async function verifyFront(stored, { trust, schema }) {
  const run = new Run();
  if (stored.length > MAX_FRONT) run.failed(1, `the front file has ${stored.length} bytes, the cap is ${MAX_FRONT}`);
  await run.attempt(3, () => gunzip(stored, MAX_UNPACKED), [FormatError], 'the front file: ');
  const front = await run.attempt(4, () => parseFront(stored), [FormatError], 'the front file: ');
  const edition = await verifyBundle(front.edition, { digest: null, proof: front.proof, trust, schema, kind: 'edition' });
  const last = edition.checkpoint.size - 1n;
  if (edition.index !== last) {
    // Anybody can prove an older edition against the newest checkpoint: a mirror that stands still would look new.
    run.checks.push(...edition.checks.filter((one) => one.n < 9));
    run.failed(9, `the edition is entry ${edition.index}, the newest one is the last entry, ${last}`);
  }
  return { edition, front };
}

/** Checks 1 to 8. */
async function open(run, stored, { digest, trust, schema, kind, url, cap, size }) {
  const found = await checkStored(run, stored, { digest, size, cap });
  const text = await unpack(run, stored);

  // 4: a note, of which nothing is believed yet.
  const { lines } = await run.attempt(4, () => parseNote(text), [FormatError]);
  run.passed(4, `a signed note with ${lines.length} signatures`);

  // 5, first half: some publisher key's signature is good. Only then is the text parsed.
  const keys = trust.publishers.map((one) => one.key);
  const opened = await run.attempt(5, () => openNote(text, keys), [BadSignature, BadKey]);
  const signers = trust.publishers.filter((one) => opened.signers.some((key) => sameKey(key, one.key)));

  const half = 'signed; for which outlet and time cannot be known';
  const attempt = (n, make, before) => {
    try {
      return make();
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      run.passed(5, half);
      before();
      return run.failed(n, error.message);
    }
  };
  const document = attempt(6, () => parseDocument(opened.text, kind, schema), () => {});
  const rest = () => askedFor(run, document, { url, digest, trust });
  const entry = attempt(8, () => entryOf(document, found, stored.length), rest);

  // 5, second half: one of the signers is trusted for this outlet at this time.
  const publisher = signers.find((one) => problem(one, entry) === null);
  if (!publisher) run.failed(5, signers.map((one) => problem(one, entry)).join('; '));
  run.passed(5, `signed by ${publisher.key.label}, trusted for ${entry.outlet || 'editions'} at ${entry.time}`);
  rest();
  run.passed(8, `${entry.kind} of ${entry.time}`);
  return { kind: entry.kind, digest: found, size: stored.length, document, entry, publisher: publisher.key };
}

async function checkStored(run, stored, { digest, size, cap }) {
  if (stored.length > cap) run.failed(1, `${stored.length} bytes, the cap is ${cap}`);
  if (size !== null && stored.length !== size) run.failed(1, `${stored.length} bytes, the list says ${size}`);
  run.passed(1, `${stored.length} bytes of at most ${cap}`);
  const found = await digestLarge(stored);
  if (digest !== null && found !== digest) run.failed(2, `expected ${shown(digest, 64)}, found ${found}`);
  run.passed(2, found);
  return found;
}

async function unpack(run, stored, cap = UNPACKED) {
  const text = await run.attempt(3, () => gunzip(stored, cap), [FormatError]);
  run.passed(3, `${text.length} bytes of at most ${cap}`);
  return text;
}

/** The strictly parsed document that its schema accepts. */
function parseDocument(text, kind, schema) {
  const document = parseJson(text);
  const found = isObject(document) ? document.kind : null;
  if (kind === null ? found !== 'article' && found !== 'edition' : found !== kind) {
    throw new FormatError(`expected the kind ${kind || 'article or edition'}, found ${shown(found)}`);
  }
  if (schema) schema(SCHEMAS[found], document);
  return document;
}

function askedFor(run, document, { url, digest, trust }) {
  run.passed(6, `one ${document.kind}`);
  if (document.kind === 'edition') {
    const origin = isObject(document.publication) ? document.publication.origin : null;
    if (origin !== trust.origin) run.failed(7, `expected an edition of ${shown(trust.origin)}, found ${shown(origin)}`);
  }
  if (url !== null && document.url !== url) run.failed(7, `expected ${shown(url)}, found ${shown(document.url)}`);
  run.passed(7, url !== null ? `the article at ${shown(url)}` : digest !== null ? 'asked for by its SHA-256' : 'any');
}

// --- objects that a verified bundle names by digest ------------------------------------------------------------------

/** `stored`, which has the digest (and size, unless null) that a verified bundle gives. VerifyError for check 1 or 2. */
export async function verifyObject(stored, digest, size = null, cap = PIECE) {
  await checkStored(new Run(), stored, { digest, size, cap });
  return stored;
}

/** The document in a further part of a long article, or an older page of an edition. VerifyError for 1, 2, 3 or 6. No more
 * than `room.left` bytes are unpacked, and those are taken from it. */
export async function verifyPart(stored, digest, size = null, { kind = 'part', schema = null, room = { left: UNPACKED } } = {}) {
  const run = new Run();
  await checkStored(run, stored, { digest, size, cap: PIECE });
  const text = await unpack(run, stored, Math.min(room.left, UNPACKED));
  room.left -= text.length;
  return run.attempt(6, () => parseDocument(text, kind, schema), [FormatError]);
}

// --- check 10, for anybody -------------------------------------------------------------------------------------------

/** {checkpoint, log, key, witnesses, witnessed}: a checkpoint that the key of a log of `trust` signed, where it still
 * counts, and as many witnesses as the policy asks for. With `time`, that of an entry in it, the log must not have ended
 * before. FormatError, BadSignature, FrozenLog or Unwitnessed otherwise. */
export async function checkCheckpoint(data, trust, time = null) {
  if (data.length > MAX_CHECKPOINT) throw new FormatError(`a checkpoint has at most ${MAX_CHECKPOINT} bytes`);
  const { origin } = parseCheckpoint(parseNote(data).text);
  const log = trust.logs.find((one) => one.origin === origin);
  if (!log) throw new BadSignature(`the checkpoint is of the log ${shown(origin)}, which is not trusted`);
  const checkpoint = await openCheckpoint(data, log.key, origin);
  if (time !== null && log.until !== null && time > log.until) {
    throw new BadSignature(`the log ${origin} ended at ${log.until}, the entry is of ${time}`);
  }
  const frozen = notCounting(log, checkpoint);
  if (frozen !== null) throw new FrozenLog(frozen);
  const cosigned = trust.policy ? await cosigners(data, trust.policy.keys) : new Map();
  const witnesses = Array.from(cosigned.keys());
  const exempt = (log.frozen && checkpoint.size === log.frozen.size) || checkpoint.size <= log.unwitnessed;
  if (trust.policy && !exempt && !trust.policy.satisfied(witnesses)) {
    const names = witnesses.map((key) => key.name).join(', ') || 'no witness';
    throw new Unwitnessed(`the checkpoint of ${checkpoint.size} is cosigned by ${names}; the policy asks for more`);
  }
  let witnessed = null;
  for (const at of cosigned.values()) if (witnessed === null || at > witnessed) witnessed = at;
  return { checkpoint, log, key: log.key, witnesses, witnessed };
}

// --- check 11 --------------------------------------------------------------------------------------------------------

/** "same", "newer" or "older": how the verified checkpoint `seen` stands to the newest one known (or null). `consistency`
 * is a Map of proofs by old size (as text). Fork when they have one size and different roots; MissingProof or BadProof
 * when continuity is not shown, which says nothing against the log. */
export function checkNewer(known, seen, consistency = new Map()) {
  if (!known) return 'newer';
  if (known.origin !== seen.origin) throw new BadProof('these are different logs');
  if (known.size === seen.size) {
    if (!same(known.root, seen.root)) throw new Fork(known, seen);
    return 'same';
  }
  if (seen.size < known.size) return 'older';
  const hashes = known.size === 0n ? [] : consistency.get(String(known.size));
  if (!hashes) throw new MissingProof(`no consistency proof from ${known.size} to ${seen.size} was offered`);
  checkConsistency({ oldSize: known.size, oldRoot: known.root, newSize: seen.size, newRoot: seen.root, hashes });
  return 'newer';
}

/** Check 11 and a word ("first", "same", "newer", "older", "unknown"): {check, seen}. `tiles` are the hashes of `seen`'s log
 * (tiles.mjs), or null. Fork when both checkpoints cannot be of one log. What reading a tile throws, other than
 * SigningError, goes through. */
export async function checkSeen(known, seen, consistency = new Map(), tiles = null) {
  const answer = (ok, detail, word) => ({ check: checkOf(11, ok, detail), seen: word });
  const size = `size ${seen.size}`;
  if (!known) return answer(true, 'nothing remembered of this log; first visit', 'first');
  if (known.origin === seen.origin && seen.size < known.size) {
    return answer(false, `${size} is older than ${known.size}, seen before`, 'older');
  }
  const unknown = (why) => answer(false, `consistency with size ${known.size} can't be checked here: ${why}`, 'unknown');
  try {
    if (checkNewer(known, seen, consistency) === 'same') return answer(true, `${size}, as seen before`, 'same');
  } catch (error) {
    if (!(error instanceof BadProof)) throw error;
    // Nobody signs the lines of a front file, so a wrong one is no more than a missing one.
    if (!tiles || known.origin !== seen.origin) return unknown(error.message);
    let root;
    try {
      root = await rangeHash(0n, known.size, tiles.hash);
    } catch (reason) {
      if (!(reason instanceof SigningError)) throw reason;
      return unknown(reason.message);
    }
    if (!same(root, known.root)) throw new Fork(known, seen);
  }
  return answer(true, `${size} continues size ${known.size}, seen before`, 'newer');
}

// --- check 12 --------------------------------------------------------------------------------------------------------

const seconds = (time) => Date.parse(time) / 1000;

/** Check 12 and the verdict ("fresh", "stale", "unknown"): {check, fresh, age}. `age` in seconds, not below 0. */
export function checkFresh({ time, next, now, serial = null, expired = [], behind = false, late = [] }) {
  let detail = `edition ${serial === null ? '' : `${serial} `}of ${time}, next due by ${next}`;
  let fresh = now <= next && !expired.length && !behind && !late.length ? 'fresh' : 'stale';
  if (expired.length) detail += `; expired: ${expired.join(', ')}`;
  if (behind) detail += "; this mirror's trust files are older than those seen before";
  detail = [detail, ...late].join('; ');
  const age = seconds(now) - seconds(time);
  if (-age > CLOCK_SLACK) {
    detail += '; it is dated in the future, or this clock is slow';
    fresh = 'unknown';
  }
  return { check: checkOf(12, fresh === 'fresh', detail), fresh, age: Math.max(age, 0) };
}

/** Why an edition of the current log cannot be fresh though check 10 let it pass: only its size, older than the policy,
 * excuses it from witnesses, and whoever stole the log's key can sign another history of that few entries. Else null. */
export function unwitnessed({ checkpoint, witnesses }, { policy, logs }) {
  if (!policy || !policy.required || checkpoint.origin !== logs[logs.length - 1].origin) return null;
  const keys = policy.keys.filter((key) => witnesses.includes(key.name));
  return policy.satisfied(keys) ? null : 'it is older than the witness policy, and too few witnesses saw it';
}

// --- check 13 --------------------------------------------------------------------------------------------------------

/** What the edition itself says of a bundle, ["current" or "withdrawn", why], or null: then the log has to be read on
 * (later.mjs). */
export function listedIn({ digest }, { withdrawals, outlets }) {
  const objects = (value) => (Array.isArray(value) ? value.filter(isObject) : []);
  for (const one of objects(withdrawals)) if (one.digest === digest) return ['withdrawn', `withdrawn on ${one.time}`];
  for (const outlet of objects(outlets)) {
    if (objects(outlet.articles).some((item) => item.digest === digest)) {
      return ['current', 'the newest edition lists this revision'];
    }
  }
  return null;
}
