// What a reader can say of a mirror or an article: authentic, fresh, current - and why. What mirror/verdict.py says, without
// a disk: what is to be remembered is handed back.

import { openCheckpoint, parseCheckpoint } from './checkpoint.mjs';
import {
  PIECE, checkCheckpoint, checkCurrent, checkFresh, checkNewer, checkSeen, trustOf, unannounced, unwitnessed, verifyBundle,
  verifyFront, verifyListed, verifyPart,
} from './checks.mjs';
import { parseJson, same, toBytes, toText } from './packing.mjs';
import { BadProof, Fork, FrozenLog, SigningError, TrustError, VerifyError } from './errors.mjs';
import { parseEntry } from './entry.mjs';
import { evidenceOf } from './evidence.mjs';
import { MAX_BYTES as MAX_FRONT } from './front.mjs';
import { consistencyProof, rangeHash } from './merkle.mjs';
import { parseNote } from './note.mjs';
import { MAX_BYTES as MAX_PROOF, parseProof } from './proof.mjs';
import { LOG_ENTRIES_BYTES, MAX_TILE_BYTES, tileHashes } from './tiles.mjs';
import { sameVersionContradiction, walk } from './trust.mjs';

// How much of the log is read to learn whether an article was revised later: about 50,000 entries.
const SCAN_BYTES = 8 << 20;

/** Thrown by `read` functions for what could not be read, as opposed to what is not there (null). Says nothing against
 * anybody's signatures. */
export class Unread extends Error {}

const absent = (path) => Object.assign(new Unread(`${path} is missing`), { missing: true });

/** The verdict on what is asked, and what to remember: {verdict, memory, bundle, edition}.
 *
 *   read    async (path, cap) => bytes, or null for what is not there; throws Unread for what cannot be read
 *   pin     "sha256:…" of 1.root.json, or the bytes of a root that is trusted
 *   now     the clock, "2027-03-01T08:15:00Z"
 *   known   what `memory` was after the last visit, or null; plain data, to be stored by the caller
 *   schema  as `compileSchemas` makes it
 *   ask     {what: "front"}, {what: "article", digest, url?}, {what: "listed", digest}
 *
 * verdict: {authentic, check, error, reason, fresh, current, seen, age, checks, notes, publication, fingerprint, log,
 * serial, signer, witnesses, evidence}. `error` is "trust", "missing", "unread" or null; `check` the number that failed or
 * null. `evidence` is a document that proves a contradiction (evidence.mjs), or null: only what was validly signed can make
 * one. `memory` is what was known, unless the log's newest checkpoint could be believed, or what was known
 * is of a thief. */
export async function judge({ read, pin, now, known = null, schema, ask }) {
  const verdict = {
    authentic: false, check: null, error: null, reason: '', fresh: 'unknown', current: 'unknown', seen: null,
    age: null, checks: [], notes: [], publication: null, fingerprint: null, log: null, serial: null, signer: null,
    witnesses: [], evidence: null,
  };
  const state = { read, now, known, schema, verdict, memory: known, bundle: null, edition: null };
  const fail = (error) => {
    verdict.authentic = false;
    verdict.reason = error.message;
    if (error instanceof VerifyError) {
      verdict.checks.push(...error.checks);
      verdict.check = error.check;
    } else if (error instanceof Unread) verdict.error = error.missing ? 'missing' : 'unread';
    else if (error instanceof SigningError) verdict.error = 'trust';
    else throw error;
  };
  try {
    await openTrust(state, pin);
    await (ask.what === 'front' ? aFront(state) : ask.what === 'listed' ? aListed(state, ask) : anArticle(state, ask));
  } catch (error) {
    fail(error);
  }
  const { memory, bundle, edition } = state;
  return { verdict, memory, bundle: verdict.authentic ? bundle : null, edition: verdict.authentic ? edition : null };
}

async function need(state, path, cap) {
  const data = await state.read(path, cap);
  if (data === null) throw absent(path);
  return data;
}

const objectPath = (digest, folder = 'o') => `${folder}/${digest.slice(0, 2)}/${digest.slice(2)}`;

// --- trust -----------------------------------------------------------------------------------------------------------

/** Walk the mirror's trust files from the pin, and those that are remembered; the newest of both count. */
async function openTrust(state, pin) {
  const { read, now, known, schema, verdict } = state;
  const served = await walk(read, { pin, now });
  let view = served;
  let trust = readTrust(served, schema);
  state.behind = false;
  if (known) {
    const origin = trust.origin;
    if (known.origin && known.origin !== origin) throw new TrustError(`this is not ${known.origin}`);
    const files = new Map(Object.entries(known.trust || {}).map(([path, text]) => [path, toBytes(text)]));
    if (files.size) {
      const seen = await walk(async (path) => files.get(path) || null, { pin, now });
      await noContradiction(state, seen, served, origin);
      // A key that was revoked stays revoked, however old the trust files are that a mirror serves.
      view = await newestTrust(seen, served, { pin, now });
      trust = readTrust(view, schema);
      state.behind = older(served, view);
      const odd = unannounced(readTrust(seen, schema), trust);
      if (odd) verdict.notes.push(odd);
    }
  }
  Object.assign(state, { view, trust });
  verdict.publication = trust.name;
  verdict.fingerprint = view.fingerprint;
}

function readTrust(view, schema) {
  const document = parseJson(view.trust);
  schema('trust', document);
  return trustOf(document, view.policy);
}

/** Only root and targets say who may sign; the other files are about dates. */
const older = ({ versions: one }, { versions: other }) =>
  one.root < other.root || (one.root === other.root && one.targets < other.targets);

/** The newest roots of both with the newest targets of both, as far as those roots still vouch for them: a mirror must not
 * undo a newer trust.json by adding a newer root to an old one, nor the other way round. */
async function newestTrust(seen, served, { pin, now }) {
  const [before, after] = older(served, seen) ? [served, seen] : [seen, served];
  if (before.versions.targets <= after.versions.targets) return after;
  // What stolen online keys said about versions must not lock anybody out (TUF 5.3.11).
  if (before.online.join() !== after.online.join()) return after;
  const files = new Map(after.files);
  for (const [path, data] of before.files) if (!path.endsWith('.root.json')) files.set(path, data);
  try {
    return await walk(async (path) => files.get(path) || null, { pin, now });
  } catch (error) {
    if (!(error instanceof TrustError)) throw error;
    return after;
  }
}

/** TrustError when two files of one role and version contradict each other, both signed by those who may: that is evidence
 * against the root keys. */
async function noContradiction({ verdict, now }, seen, served, origin) {
  // All roots of both: what a key could sign alone once accuses nobody when it has become one of three.
  const roots = new Map([...served.files, ...seen.files]);
  const places = [];
  const shared = Math.min(seen.versions.root, served.versions.root);
  for (let version = 1; version <= shared; version++) places.push(['root', version]);
  if (seen.versions.targets === served.versions.targets) places.push(['targets', served.versions.targets]);
  for (const [role, version] of places) {
    const [one, other] = [seen, served].map((view) => view.files.get(`trust/${version}.${role}.json`));
    if (!one || !other || same(one, other) || !(await sameVersionContradiction(one, other, roots))) continue;
    const reason = `two different files are both version ${version} of ${role}`;
    const { files } = served.versions.root > seen.versions.root ? served : seen;
    verdict.evidence = evidenceOf([one, other], { type: 'trust', origin, files, time: now, reason });
    throw new TrustError(reason);
  }
}

// --- what is asked ---------------------------------------------------------------------------------------------------

async function aFront(state) {
  const { verdict } = state;
  const { edition, front } = await verifyFront(await need(state, 'front', MAX_FRONT), state);
  verdict.checks.push(...edition.checks);
  found(state, edition);
  verdict.current = 'current';
  await newest(state, edition, front);
}

async function anArticle(state, { digest, url = null, kind = null }) {
  const { verdict } = state;
  const stored = await need(state, objectPath(digest), PIECE);
  const proof = await need(state, objectPath(digest, 'proof'), MAX_PROOF);
  const { trust, schema } = state;
  let bundle;
  try {
    bundle = await verifyBundle(stored, { digest, proof, trust, schema, url, kind });
  } catch (error) {
    if (error instanceof VerifyError && error.check === 10) await refused(state, parseProof(proof).checkpoint);
    throw error;
  }
  verdict.checks.push(...bundle.checks);
  found(state, bundle);
  let edition;
  let front;
  try {
    ({ edition, front } = await verifyFront(await need(state, 'front', MAX_FRONT), state));
  } catch (error) {
    if (!(error instanceof SigningError || error instanceof Unread)) throw error;
    verdict.notes.push(`the newest edition can't be used: ${error.message}`);
    return;
  }
  const tiles = tilesOf(state, edition);
  await freshness(state, edition);
  await oneHistory(state, bundle, edition, front, tiles);
  if (verdict.authentic) await newer11(state, edition, front, tiles);
  if (verdict.authentic && bundle.kind === 'article') {
    try {
      const { check, current } = await checkCurrent(bundle, edition, trust, (log, start, end) =>
        entriesOf(state, edition, log, start, end),
      );
      verdict.checks.push(check);
      verdict.current = current;
    } catch (error) {
      if (!(error instanceof SigningError || error instanceof Unread)) throw error;
      verdict.notes.push(`the log can't be read here: ${error.message}`);
    }
  }
}

async function aListed(state, { digest }) {
  const { trust, schema, verdict } = state;
  const { edition, front } = await verifyFront(await need(state, 'front', MAX_FRONT), state);
  const items = [].concat(...edition.document.outlets.map((outlet) => outlet.articles));
  const item = items.find((one) => one.digest === digest);
  if (!item) throw absent('the article is not in the lists of this edition, which');
  const bundle = await verifyListed(await need(state, objectPath(digest), PIECE), { item, edition, trust, schema });
  verdict.checks.push(...bundle.checks);
  found(state, bundle);
  verdict.current = 'current';
  await newest(state, edition, front);
}

function found(state, bundle) {
  const { verdict } = state;
  const { origin, size } = bundle.checkpoint;
  Object.assign(verdict, { authentic: true, signer: bundle.publisher.text, witnesses: bundle.witnesses });
  verdict.log = { origin, size: String(size), root: bundle.checkpoint.root };
  state.bundle = bundle;
}

async function newest(state, edition, front) {
  await freshness(state, edition);
  await newer11(state, edition, front, tilesOf(state, edition));
}

function freshness(state, edition) {
  const { verdict, now, view, behind, trust } = state;
  const { time, next, serial } = edition.document;
  const current = trust.logs[trust.logs.length - 1].origin;
  const late = edition.checkpoint.origin === current ? [] : [`its log was closed, the newest is ${current}`];
  const unseen = unwitnessed(edition, trust);
  if (unseen) late.push(unseen);
  const { check, fresh, age } = checkFresh({ time, next, now, serial, expired: view.expired, behind, late });
  verdict.checks.push(check);
  Object.assign(verdict, { fresh, age, serial });
  state.edition = edition;
}

// --- one history -----------------------------------------------------------------------------------------------------

const logOf = ({ trust }, { origin }) => trust.logs.find((log) => log.origin === origin);

function tilesOf(state, { checkpoint }) {
  const { path } = logOf(state, checkpoint);
  return tileHashes(checkpoint.size, checkpoint.root, (tile) =>
    state.read(
      path ? `${path}/${tile}` : tile,
      tile.startsWith('tile/entries/') ? LOG_ENTRIES_BYTES : MAX_TILE_BYTES,
    ),
  );
}

/** The checkpoint of an article's own proof and that of the newest edition, both signed, must be of one log. */
async function oneHistory(state, bundle, edition, front, tiles) {
  const own = logOf(state, bundle.checkpoint);
  if (own.frozen) {
    await endedElsewhere(state, own, bundle.checkpoint, bundle.note);
    return;
  }
  if (bundle.checkpoint.origin !== edition.checkpoint.origin) return;
  const ahead = bundle.checkpoint.size > edition.checkpoint.size;
  const [old, seen] = ahead ? [edition, bundle] : [bundle, edition];
  const hashes = ahead ? tilesOf(state, bundle) : tiles;
  try {
    await checkSeenBy(old.checkpoint, seen.checkpoint, ahead ? new Map() : front.consistency, hashes);
  } catch (error) {
    if (error instanceof Fork) await forked(state, old, seen.note, error, hashes);
    else if (error instanceof SigningError || error instanceof Unread) {
      // Tiles don't travel in a pack. The proof stands without them.
      state.verdict.notes.push("whether article and newest edition are of one history can't be checked here");
    } else throw error;
  }
}

/** What check 10 refused because the log was frozen elsewhere may be worth keeping: whoever stole its key signed it. */
async function refused(state, note) {
  try {
    await checkCheckpoint(note, state.trust);
  } catch (error) {
    if (error instanceof FrozenLog) {
      const checkpoint = parseCheckpoint(parseNote(note).text);
      await endedElsewhere(state, logOf(state, checkpoint), checkpoint, note);
    } else if (!(error instanceof SigningError)) throw error;
  }
}

/** Whether this checkpoint, which the log's key signed, contradicts the statement of where the log ended; then the verdict
 * has the evidence. A smaller one is compared by the mirror's tiles; without those nothing is said. */
async function endedElsewhere(state, log, checkpoint, note) {
  const { verdict, view, now } = state;
  const { frozen, origin } = log;
  const { size, root } = checkpoint;
  if (!frozen || (size === frozen.size && same(root, frozen.root))) return false;
  let prefix = null;
  let hashes = [];
  if (size < frozen.size) {
    const tiles = tilesOf(state, { checkpoint: { origin, ...frozen } });
    try {
      prefix = await rangeHash(0n, size, tiles.hash);
      if (same(prefix, root)) return false;
      hashes = await consistencyProof(size, frozen.size, tiles.hash);
    } catch (error) {
      if (error instanceof SigningError || error instanceof Unread) return false;
      throw error;
    }
  }
  const reason = `the log ${origin} was closed at ${frozen.size} entries, and its key signed another history of ${size}`;
  Object.assign(verdict, { authentic: false, reason });
  verdict.evidence = evidenceOf([note], { type: 'freeze', origin, files: view.files, time: now, reason, prefix, hashes });
  return true;
}

async function checkSeenBy(known, seen, consistency, tiles) {
  try {
    checkNewer(known, seen, consistency);
  } catch (error) {
    if (!(error instanceof BadProof)) throw error;
    if (!same(await rangeHash(0n, known.size, tiles.hash), known.root)) throw new Fork(known, seen);
  }
}

/** Check 11: compare with the newest checkpoint this reader has seen, then remember the larger one. */
async function newer11(state, edition, front, tiles) {
  const { verdict, known, trust } = state;
  for (const log of trust.logs) {
    const kept = log.frozen && known && known.checkpoints && known.checkpoints[log.origin];
    if (!kept) continue;
    const note = toBytes(kept);
    if (await endedElsewhere(state, log, await openCheckpoint(note, log.key, log.origin), note)) {
      if (!log.frozen.earlier) {
        // The root keys say that this key was lost or stolen; whoever has it must not keep readers away for ever. From the
        // next visit on their word counts.
        const checkpoints = Object.assign({}, known.checkpoints);
        delete checkpoints[log.origin];
        state.memory = Object.assign({}, known, { checkpoints, serial: 0 });
      }
      return;
    }
  }
  const { origin } = edition.checkpoint;
  const text = known && known.checkpoints && known.checkpoints[origin];
  let before = null;
  if (text) {
    const note = toBytes(text);
    before = { checkpoint: await openCheckpoint(note, logOf(state, edition.checkpoint).key, origin), note };
  }
  try {
    const { check, seen } = await checkSeen(before && before.checkpoint, edition.checkpoint, front.consistency, tiles);
    verdict.checks.push(check);
    verdict.seen = seen;
    if (seen === 'older') verdict.fresh = 'stale';
    if (seen === 'unknown') verdict.fresh = 'unknown';
    if (seen !== 'older' && seen !== 'unknown') learn(state, edition);
  } catch (error) {
    if (error instanceof Fork) await forked(state, before, edition.note, error, tiles);
    else if (error instanceof Unread) Object.assign(verdict, { seen: 'unknown', fresh: 'unknown' });
    else throw error;
  }
}

/** What to remember after this visit. Nothing about which article was looked at. */
function learn(state, edition) {
  const { known, view, trust } = state;
  const { document, checkpoint, note } = edition;
  const before = known || {};
  const files = {};
  for (const [path, data] of view.files) files[path] = toText(data);
  state.memory = {
    origin: trust.origin,
    pin: before.pin || view.fingerprint,
    checkpoints: Object.assign({}, before.checkpoints, { [checkpoint.origin]: toText(note) }),
    trust: files,
    serial: Math.max(before.serial || 0, document.serial),
    mirrors: document.serial >= (before.serial || 0) && document.mirrors.length
      ? document.mirrors.map((one) => one.url)
      : before.mirrors || [],
  };
}

/** Two statements signed by one log contradict each other: keep both, whole, in one document to show to others. */
async function forked(state, old, seen, error, tiles) {
  const { verdict, view, now } = state;
  verdict.authentic = false;
  verdict.reason = error.message;
  const { origin, size } = old.checkpoint;
  let prefix = null;
  let hashes = [];
  if (size !== error.seen.size) {
    prefix = await rangeHash(0n, size, tiles.hash);
    hashes = await consistencyProof(size, error.seen.size, tiles.hash);
  }
  const facts = { origin, files: view.files, time: now, reason: error.message, prefix, hashes };
  verdict.evidence = evidenceOf([old.note, seen], facts);
}

/** The entries of a log from `start` up to `end`, as many as a reader can be asked to load. */
async function entriesOf(state, edition, log, start, end) {
  const newestLog = log.origin === edition.checkpoint.origin;
  const { size, root } = newestLog ? edition.checkpoint : log.frozen;
  const tiles = tilesOf(state, { checkpoint: { origin: log.origin, size, root } });
  const list = [];
  let bytes = 0;
  for (let at = start; at < end && bytes <= SCAN_BYTES; ) {
    const tile = await tiles.entries(at / 256n);
    for (const data of tile.slice(Number(at % 256n))) {
      bytes += data.length;
      list.push(parseEntry(data));
    }
    at = (at / 256n + 1n) * 256n;
  }
  return list;
}
