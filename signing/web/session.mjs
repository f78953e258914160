// One look at a publication: the trust files once, then as many questions as one likes. What a reader can say of what it
// reads: authentic, fresh, current - and why. What mirror/verdict.py says, without a disk and without a network.
//
//   const session = await openSession({ read, pin, now, known, snapshot, schema, lean: true });
//   const { verdict, memory, edition } = await session.front();         // reads `front`, and no other file
//   const { bundle } = await session.listed({ digest });                // reads `o/…`, and no other file
//   const { document } = await session.whole(bundle);                   // its further parts, if it has any
//   if (session.due.length) await session.settle();                     // later: trust files, tiles
//
// A session does not end well or badly: every answer has a verdict of its own. When not even the trust files could be
// opened, `session.trust` is null and every question is answered with the same verdict (`error` is "trust" or "unread").
//
// **Lean** is what a reader is who has trust files already (remembered in `known`, or `snapshot`, those in its own file):
// nothing is read but what is asked for, and what should be looked at beyond that is put down in `session.due`:
//
//   "trust"   the trust files at hand have expired, or the edition names other ones and they could not be read
//   "tiles"   the newest edition is not shown to continue what was seen before by the lines in `front` alone
//
// and makes the verdict's `fresh` "unknown", never `authentic` less. `settle()` does all of it, and judges the same `front`
// again. It should also be called once a day, with {trust: true}: that is how a reader learns of a key that was revoked
// while the editions say nothing of it. Only when an edition that is not older than those known names another trust.json
// than the one at hand, or is signed by a key that is not in it, does a lean session walk the trust files at once: then
// `front()` reads `trust/…`, too. Without usable trust files at hand a session is never lean.

import { openCheckpoint, parseCheckpoint } from './checkpoint.mjs';
import {
  PIECE, checkCheckpoint, checkFresh, checkNewer, checkOf, checkSeen, failedCheck, isVerified, listedIn,
  unwitnessed, verifyBundle, verifyFront, verifyListed, verifyObject, verifyPart,
} from './checks.mjs';
import { BadEvidence, BadProof, Fork, FrozenLog, SigningError, Unread, VerifyError } from './errors.mjs';
import { evidenceOf, prove } from './evidence.mjs';
import { MAX_BYTES as MAX_FRONT, parseFront } from './front.mjs';
import { frontOf, recall, withdrawnToo } from './known.mjs';
import { consistencyProof, rangeHash } from './merkle.mjs';
import { parseNote } from './note.mjs';
import { digestOf, same, toBase64, toBytes, toText } from './packing.mjs';
import { MAX_BYTES as MAX_PROOF, parseProof } from './proof.mjs';
import { LOG_ENTRIES_BYTES, MAX_TILE_BYTES, tileHashes } from './tiles.mjs';
import { newestOf, older, walked, walkedAgain } from './trusted.mjs';

// Signed sizes bound these; so do our own, since a publisher's machine may be in other hands.
export const PICTURE = 16 << 20;
export const THUMBNAIL = 65536;
const MAX_WHOLE = 16 << 20;

const absent = (path) => Object.assign(new Unread(`${path} is missing`), { missing: true });
const objectPath = (digest, folder = 'o') => `${folder}/${digest.slice(0, 2)}/${digest.slice(2)}`;
const unreadable = (error) => error instanceof SigningError || error instanceof Unread;

/** A session; never rejects for what was read.
 *
 *   read      async (path, cap) => bytes, or null for what is not there; throws Unread for what cannot be read
 *   pin       "sha256:…" of 1.root.json, or the bytes of a root that is trusted
 *   now       the clock, "2027-03-01T08:15:00Z"
 *   schema    as `compileSchemas` makes it
 *   known     what `memory` was after the last visit (known.mjs), or anything else: what is no good of it is not used
 *   snapshot  {path: text} of trust files that came with the reader, or null
 *   lean      see above
 *   later     `checkCurrent` of later.mjs, to read the log on after an article that the newest edition does not list; without
 *             it, whether that is `current` stays "unknown" unless an edition says that it was withdrawn
 *             or lists a later revision
 *
 * Every question is answered with {verdict, memory, bundle, edition} and what is said below; members but `verdict` and
 * `memory` are null unless the verdict is authentic. `memory` is to be kept, and is the same object when nothing was learnt.
 * verdict: {authentic, check, error, reason, fresh, current, seen, age, checks, notes, publication, fingerprint, log,
 * serial, signer, witnesses, evidence, withdrawal, behind, due}: `error` is "trust", "missing", "unread" or null; `check`
 * the number that failed or null; `age` of the edition in seconds; `evidence` a document that proves a contradiction
 * (evidence.mjs) or null: only what was validly signed can make one; `withdrawal` {time, reason?} or null; `behind`
 * {editions, seconds} when a newer edition is known, else null.
 *
 *   session.front()      the newest edition here. `stored`: the file `front`; it is in `memory`, too (`frontOf`)
 *   session.listed({digest})   an article that this edition lists, or a page of older ones that was read in this session
 *   session.article({digest, url?, kind?})   a bundle by its own proof, which is read, and `front`
 *   session.page({digest})     `page`: the document of older articles, whose digest the edition or a page before names
 *                              (`older`); anything else is "missing"
 *   session.part(bundle, n)    `document` of the nth further part of a long article
 *   session.whole(bundle)      `document`: the article with the blocks of all its parts; all of them, or none
 *   session.resource(bundle, n)   `bytes` of its nth resource
 *   session.thumbnail(digest)     `bytes` of a thumbnail that the edition or a page names
 *   session.settle({trust})    what `due` names is looked at, and the answer is that of `front`, again; with `trust`, the
 *                              trust files in any case
 *   session.over(read, {lean}) a session on another mirror or file, with the same trust files and memory; what either
 *                              learns the other knows
 *   session.due, session.memory, session.edition (the newest that was verified here, or null)
 *   session.trust              {origin, name, logs, publishers, …, digest (of trust.json), expired: [role], versions} or null
 *   session.files              Map of the trust files in force, bytes by path */
export async function openSession({ read, pin, now, schema, known = null, snapshot = null, lean = false, later = byLists }) {
  const around = { pin, now, schema };
  const home = { around, later, memory: recall(known), view: null, best: undefined, notes: [], items: new Map(), pages: new Map() };
  let failed = null;
  try {
    const [seen, shipped] = [await walkedAgain(home.memory && home.memory.trust, around), await walkedAgain(snapshot, around)];
    home.view = seen && shipped ? (await newestOf(shipped, seen, around)).view : seen || shipped;
  } catch (error) {
    failed = error;
  }
  return look(home, read, lean, failed);
}

async function byLists(bundle, { document }) {
  const said = listedIn(bundle, document) || revisedIn(bundle, document);
  const [current, detail] = said || ['unknown', 'the newest edition does not say'];
  return { check: checkOf(13, current === 'current', detail), current, withdrawn: new Map() };
}

/** What an edition says that lists a later revision of this article; null when it lists none. */
function revisedIn({ document: { outlet, url, revision } }, { outlets }) {
  const later = (item) => item.url === url && item.revision > revision;
  const listed = outlets.some(({ id, articles }) => id === outlet.id && articles.some(later));
  return listed ? ['superseded', 'the newest edition lists a later revision'] : null;
}

async function look(home, read, lean, failed = null) {
  const here = { home, read, lean: lean && home.view !== null, walked: false, behind: false, failed, due: new Set() };
  Object.assign(here, { stored: null, front: null });
  if (!here.lean && !failed) {
    try {
      await walkHere(here);
    } catch (error) {
      here.failed = error;
    }
  }
  const ask = (make) => (question) => answer(here, make, question || {});
  return {
    front: ask(aFront),
    listed: ask(aListed),
    article: ask(anArticle),
    page: ask(aPage),
    part: (bundle, place) => answer(here, aPart, { bundle, place }),
    whole: (bundle) => answer(here, aWhole, { bundle }),
    resource: (bundle, place) => answer(here, aResource, { bundle, place }),
    thumbnail: (digest) => answer(here, aThumbnail, { digest }),
    settle: ask(settled),
    over: (another, { lean: also = lean } = {}) => look(home, another, also, failed),
    get due() {
      return Array.from(here.due);
    },
    get memory() {
      return home.memory;
    },
    get edition() {
      return here.front && here.front.edition;
    },
    get trust() {
      const { view } = home;
      return view && Object.assign({}, view.stated, { digest: digestOf(view.trust), expired: view.expired, versions: view.versions });
    },
    get files() {
      return home.view ? new Map(home.view.files) : new Map();
    },
  };
}

/** What `make` finds, as an answer: nothing that was read makes it reject. */
async function answer(here, make, question) {
  const { home } = here;
  const verdict = {
    authentic: false, check: null, error: null, reason: '', fresh: 'unknown', current: 'unknown', seen: null,
    age: null, checks: [], notes: [], publication: null, fingerprint: null, log: null, serial: null, signer: null,
    witnesses: [], evidence: null, withdrawal: null, behind: null, due: [],
  };
  const state = { here, home, verdict, bundle: null, edition: null, found: {} };
  try {
    if (here.failed) throw here.failed;
    await make(state, question);
  } catch (error) {
    verdict.authentic = false;
    verdict.reason = error.message;
    if (error instanceof VerifyError) {
      verdict.checks.push(...error.checks);
      verdict.check = error.check;
    } else if (error instanceof Unread) verdict.error = error.missing ? 'missing' : 'unread';
    else if (error instanceof SigningError) verdict.error = 'trust';
    else throw error;
    if (error.evidence) verdict.evidence = error.evidence;
  }
  const { view, memory, notes, around } = home;
  if (verdict.evidence) {
    // What would not convince a stranger raises no alarm here either.
    try {
      await prove(toBytes(JSON.stringify(verdict.evidence)), Object.assign({ roots: view ? view.files : [] }, around));
    } catch (error) {
      if (!(error instanceof BadEvidence)) throw error;
      verdict.evidence = null;
      verdict.notes.push(`no evidence is kept: ${error.message}`);
    }
  }
  if (view) Object.assign(verdict, { publication: view.stated.name, fingerprint: view.fingerprint });
  verdict.notes.push(...notes);
  verdict.due = Array.from(here.due);
  const { bundle, edition, found } = verdict.authentic ? state : { bundle: null, edition: null, found: null };
  return Object.assign({ verdict, memory, bundle, edition }, found);
}

async function need({ here }, path, cap) {
  const data = await here.read(path, cap);
  if (data === null) throw absent(path);
  return data;
}

// --- trust -----------------------------------------------------------------------------------------------------------

/** Walk the trust files of this mirror from the pin; they and those known so far: the newest of both count. */
async function walkHere(here) {
  const { home, read } = here;
  const served = await walked(read, home.around);
  for (;;) {
    const before = home.view;
    // A key that was revoked stays revoked, however old the trust files are that a mirror serves.
    const { view, note } = before ? await newestOf(before, served, home.around) : { view: served, note: null };
    if (home.view !== before) continue; // another mirror's came in the meantime
    if (view !== before) Object.assign(home, { view, best: undefined });
    if (note && !home.notes.includes(note)) home.notes.push(note);
    break;
  }
  Object.assign(here, { walked: true, behind: older(served, home.view) });
  here.due.delete('trust');
  if (home.memory) home.memory = Object.assign({}, home.memory, { trust: textsOf(home.view) });
}

const textsOf = ({ files }) => Object.fromEntries(Array.from(files, ([path, data]) => [path, toText(data)]));

// --- what is asked ---------------------------------------------------------------------------------------------------

async function aFront(state) {
  state.here.stored = await need(state, 'front', MAX_FRONT);
  await judgeFront(state);
}

async function judgeFront(state) {
  const { here, verdict } = state;
  here.front = await openFront(state, here.stored);
  const { edition } = here.front;
  verdict.checks.push(...edition.checks);
  foundOf(state, edition);
  verdict.current = 'current';
  state.found.stored = here.stored;
  await newest(state, here.front);
}

/** {edition, front, stored}, verified by the trust files at hand; where those may be too old, by those of this mirror. */
async function openFront(state, stored) {
  const { here, home } = state;
  const open = async () => {
    const { schema } = home.around;
    return Object.assign(await verifyFront(stored, { trust: home.view.stated, schema }), { stored });
  };
  let seen;
  try {
    seen = await open();
  } catch (error) {
    if (error instanceof VerifyError && error.check === 10) await refused(state, stored);
    if (here.walked || !(error instanceof VerifyError) || ![5, 10].includes(error.check)) throw error;
    await walkHere(here);
    return open();
  }
  const { trust, serial } = seen.edition.document;
  if (here.walked || trust.digest === digestOf(home.view.trust) || serial < (await bestOf(home)).serial) return seen;
  const before = home.view;
  try {
    await walkHere(here);
  } catch (error) {
    if (error.evidence || !unreadable(error)) throw error;
    here.due.add('trust');
    state.verdict.notes.push(`the edition names other trust files, which can't be used: ${error.message}`);
  }
  return home.view === before ? seen : open();
}

/** The front that was read in this session, or else is read now. */
async function frontHere(state) {
  const { here } = state;
  if (!here.front) {
    here.stored = await need(state, 'front', MAX_FRONT);
    here.front = await openFront(state, here.stored);
  }
  return here.front;
}

/** {serial, time, lists, digests} of the newest edition remembered: serial 0 if there is none, or none that is still good. */
async function bestOf(home) {
  const { view } = home;
  if (home.best === undefined) {
    let document = { serial: 0, time: '' };
    const stored = frontOf(home.memory);
    try {
      const { schema } = home.around;
      if (stored) ({ document } = (await verifyFront(stored, { trust: view.stated, schema })).edition);
    } catch (error) {
      if (!(error instanceof SigningError)) throw error;
    }
    // Meanwhile somebody may have learnt a newer one.
    if (home.best === undefined && home.view === view) home.best = document;
    else return bestOf(home);
  }
  return home.best;
}

function foundOf(state, bundle) {
  const { origin, size, root } = bundle.checkpoint;
  Object.assign(state.verdict, { authentic: true, signer: bundle.publisher.text, witnesses: bundle.witnesses });
  state.verdict.log = { origin, size: String(size), root };
  state.bundle = bundle;
}

async function anArticle(state, { digest, url = null, kind = null }) {
  const { home, verdict } = state;
  const stored = await needObject(state, digest, PIECE);
  const proof = await need(state, objectPath(digest, 'proof'), MAX_PROOF);
  const { schema } = home.around;
  const open = () => verifyBundle(stored, { digest, proof, trust: home.view.stated, schema, url, kind });
  let bundle;
  try {
    bundle = await open();
  } catch (error) {
    if (!(error instanceof VerifyError) || ![5, 10].includes(error.check)) throw error;
    if (error.check === 10) await refusedNote(state, parseProof(proof).checkpoint);
    if (state.here.walked) throw error;
    await walkHere(state.here);
    bundle = await open();
  }
  verdict.checks.push(...bundle.checks);
  foundOf(state, bundle);
  let seen;
  try {
    seen = await frontHere(state);
  } catch (error) {
    if (!unreadable(error)) throw error;
    verdict.notes.push(`the newest edition can't be used: ${error.message}`);
    withdrawnBefore(state, digest);
    return;
  }
  await freshness(state, seen.edition);
  const tiles = tilesOf(state, seen.edition);
  await oneHistory(state, bundle, seen, tiles);
  if (verdict.authentic) await seenBefore(state, seen, tiles);
  if (!verdict.authentic || bundle.kind !== 'article') return;
  let said = new Map();
  try {
    const tilesHere = (checkpoint) => tilesOf(state, { checkpoint });
    const found = await home.later(bundle, seen.edition, home.view.stated, tilesHere);
    verdict.checks.push(found.check);
    verdict.current = found.current;
    said = found.withdrawn;
  } catch (error) {
    if (!unreadable(error)) throw error;
    verdict.notes.push(`the log can't be read here: ${error.message}`);
  }
  if (verdict.current === 'withdrawn') verdict.withdrawal = Object.assign({}, saidBy(seen.edition).get(digest) || said.get(digest));
  // What was withdrawn or revised since this edition, this mirror can't know.
  if (verdict.current === 'current' && verdict.behind) verdict.current = 'unknown';
  withdrawnBefore(state, digest);
  remember(state, { withdrawn: said });
}

async function aListed(state, { digest }) {
  const { home, verdict } = state;
  const seen = await frontHere(state);
  const { edition } = seen;
  const listed = [].concat(...edition.document.outlets.map((outlet) => outlet.articles)).find((one) => one.digest === digest);
  const { item, by } = listed ? { item: listed, by: edition } : home.items.get(digest) || {};
  if (!item) throw absent('the article is not in the lists of this edition, which');
  const { schema } = home.around;
  const stored = await needObject(state, digest, PIECE);
  const bundle = await verifyListed(stored, { item, edition: by, trust: home.view.stated, schema });
  verdict.checks.push(...bundle.checks);
  foundOf(state, bundle);
  verdict.current = by === edition ? 'current' : 'unknown';
  await newest(state, seen);
  // What was withdrawn is never listed again: a newest edition that lists it knows better than our memory.
  withdrawnBefore(state, digest, by === edition && !verdict.behind ? {} : home.memory && home.memory.withdrawn);
}

/** What the edition says was withdrawn, by digest. */
const saidBy = ({ document }) => new Map(document.withdrawals.map(({ digest, time, reason }) =>
  [digest, reason === undefined ? { time } : { time, reason }]));

/** Check 13 by what an edition, this one or an earlier one, said of withdrawals: that is final. */
function withdrawnBefore({ here, home, verdict }, digest, remembered = home.memory && home.memory.withdrawn) {
  const earlier = Object.prototype.hasOwnProperty.call(remembered || {}, digest) ? remembered[digest] : null;
  const said = (here.front && saidBy(here.front.edition).get(digest)) || earlier;
  if (!said || verdict.current === 'withdrawn') return;
  Object.assign(verdict, { current: 'withdrawn', withdrawal: said });
  verdict.checks = verdict.checks.filter((one) => one.n !== 13);
  verdict.checks.push(checkOf(13, false, `withdrawn on ${said.time}${said.reason ? `: ${said.reason}` : ''}`));
}

/** An object's bytes; when it is gone and somebody said why, the verdict does too. */
async function needObject(state, digest, cap) {
  const data = await state.here.read(objectPath(digest), cap);
  if (data !== null) return data;
  try {
    await frontHere(state);
  } catch (error) {
    if (!unreadable(error)) throw error;
  }
  withdrawnBefore(state, digest);
  throw absent(objectPath(digest));
}

// --- what a verified bundle names ------------------------------------------------------------------------------------

/** The authentic verdict on what hangs on a bundle by its digest. */
function hanging(state, bundle) {
  if (!isVerified(bundle)) throw new TypeError('only a verified bundle names anything');
  foundOf(state, bundle);
}

/** What stands at this place of a list: a part of an article may point at a picture that there is not. */
function named(list, place) {
  if (!Number.isInteger(place) || !list[place]) throw absent(`number ${place}`);
  return list[place];
}

async function aPage(state, { digest }) {
  const { home } = state;
  const { edition } = await frontHere(state);
  for (const { id, older: first } of edition.document.outlets) {
    if (first) home.pages.set(first.digest, { size: first.size, outlet: id, by: edition });
  }
  const known = home.pages.get(digest);
  if (!known) throw absent('the page is named by no edition that was verified, and');
  const { schema } = home.around;
  const { size, outlet, by } = known;
  const page = await verifyPart(await need(state, objectPath(digest), PIECE), digest, size, { kind: 'page', schema });
  if (page.outlet !== outlet) failedCheck(7, `a page of ${outlet}, found one of ${page.outlet}`);
  hanging(state, by);
  for (const item of page.articles) home.items.set(item.digest, { item, by });
  if (page.older) home.pages.set(page.older.digest, { size: page.older.size, outlet, by });
  Object.assign(state.found, { page });
}

async function aPart(state, { bundle, place }) {
  hanging(state, bundle);
  state.found.document = await partOf(state, bundle, place);
}

async function partOf(state, { document }, place, room = { left: MAX_WHOLE }) {
  const { schema } = state.home.around;
  const { digest, size } = named(document.parts, place);
  return verifyPart(await need(state, objectPath(digest), PIECE), digest, size, { schema, room });
}

async function aWhole(state, { bundle }) {
  hanging(state, bundle);
  const { document } = bundle;
  const blocks = document.blocks.slice();
  const room = { left: MAX_WHOLE };
  for (let place = 0; place < document.parts.length; place++) {
    blocks.push(...(await partOf(state, bundle, place, room)).blocks);
  }
  state.found.document = Object.assign(Object.create(null), document, { blocks });
}

async function aResource(state, { bundle, place }) {
  hanging(state, bundle);
  const { digest, size } = named(bundle.document.resources, place);
  const stored = await need(state, objectPath(digest), Math.min(size, PICTURE));
  state.found.bytes = await verifyObject(stored, digest, size, PICTURE);
}

async function aThumbnail(state, { digest }) {
  const { edition } = await frontHere(state);
  const items = [].concat(...edition.document.outlets.map((outlet) => outlet.articles));
  const pages = Array.from(state.home.items.values(), (one) => one.item);
  if (!items.concat(pages).some((item) => item.thumbnail === digest)) throw absent('the thumbnail is in no list, and');
  hanging(state, edition);
  state.found.bytes = await verifyObject(await need(state, objectPath(digest), THUMBNAIL), digest, null, THUMBNAIL);
}

// --- what can wait ---------------------------------------------------------------------------------------------------

async function settled(state, { trust = false }) {
  const { here } = state;
  if (!here.walked && (trust || here.due.has('trust'))) await walkHere(here);
  here.lean = false;
  here.due.delete('tiles');
  if (!here.stored) here.stored = await need(state, 'front', MAX_FRONT);
  await judgeFront(state);
}

// --- freshness -------------------------------------------------------------------------------------------------------

async function newest(state, seen) {
  await freshness(state, seen.edition);
  await seenBefore(state, seen, tilesOf(state, seen.edition));
}

/** Check 12: by the clock, by the dates of the trust files, and by the newest edition known anywhere. */
async function freshness(state, edition) {
  const { here, home, verdict } = state;
  const { time, next, serial } = edition.document;
  const { stated, expired } = home.view;
  const best = await bestOf(home);
  const current = stated.logs[stated.logs.length - 1].origin;
  const late = edition.checkpoint.origin === current ? [] : [`its log was closed, the newest is ${current}`];
  const unseen = unwitnessed(edition, stated);
  if (unseen) late.push(unseen);
  if (best.serial > serial) {
    late.push(`edition ${best.serial} of ${best.time} is known from elsewhere`);
    const seconds = Math.max((Date.parse(best.time) - Date.parse(time)) / 1000, 0);
    verdict.behind = { editions: best.serial - serial, seconds };
  }
  // A lean reader has not asked for newer ones yet.
  if (expired.length && !here.walked) here.due.add('trust');
  const dates = here.walked ? expired : [];
  const { now } = home.around;
  const { check, fresh, age } = checkFresh({ time, next, now, serial, expired: dates, behind: here.behind, late });
  if (fresh === 'fresh' && here.due.has('trust')) {
    verdict.fresh = 'unknown';
    Object.assign(check, { ok: false, detail: `${check.detail}; the trust files were not asked for yet` });
  } else verdict.fresh = fresh;
  verdict.checks.push(check);
  Object.assign(verdict, { age, serial });
  state.edition = edition;
}

// --- one history -----------------------------------------------------------------------------------------------------

const logOf = ({ home }, { origin }) => home.view.stated.logs.find((log) => log.origin === origin);

function tilesOf(state, { checkpoint }) {
  const { path } = logOf(state, checkpoint);
  const { here } = state;
  return tileHashes(checkpoint.size, checkpoint.root, (tile) => {
    if (here.lean) {
      here.due.add('tiles');
      throw new Unread('tiles were not asked for yet');
    }
    const cap = tile.startsWith('tile/entries/') ? LOG_ENTRIES_BYTES : MAX_TILE_BYTES;
    return here.read(path ? `${path}/${tile}` : tile, cap);
  });
}

/** The checkpoint of an article's own proof and that of the newest edition, both signed, must be of one log. */
async function oneHistory(state, bundle, { edition, front }, tiles) {
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
    else if (unreadable(error)) {
      // Tiles don't travel in a pack. The proof stands without them.
      state.verdict.notes.push("whether article and newest edition are of one history can't be checked here");
    } else throw error;
  }
}

async function checkSeenBy(known, seen, consistency, tiles) {
  try {
    checkNewer(known, seen, consistency);
  } catch (error) {
    if (!(error instanceof BadProof)) throw error;
    if (!same(await rangeHash(0n, known.size, tiles.hash), known.root)) throw new Fork(known, seen);
  }
}

/** What check 10 refused because the log was frozen elsewhere may be worth keeping: whoever stole its key signed it. */
async function refused(state, stored) {
  await refusedNote(state, parseProof(parseFront(stored).proof).checkpoint);
}

async function refusedNote(state, note) {
  try {
    await checkCheckpoint(note, state.home.view.stated);
  } catch (error) {
    if (error instanceof FrozenLog) {
      const checkpoint = parseCheckpoint(parseNote(note).text);
      await endedElsewhere(state, logOf(state, checkpoint), checkpoint, note);
    } else if (!(error instanceof SigningError)) throw error;
  }
}

/** Whether this checkpoint, which the log's key signed, contradicts the statement of where the log ended; then the verdict
 * has the evidence. A smaller one is compared by the mirror's tiles; without those the answer is null. */
async function endedElsewhere(state, log, checkpoint, note) {
  const { home, verdict } = state;
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
      if (unreadable(error)) return null;
      throw error;
    }
  }
  const reason = `the log ${origin} was closed at ${frozen.size} entries, and its key signed another history of ${size}`;
  Object.assign(verdict, { authentic: false, reason });
  const { files } = home.view;
  verdict.evidence = evidenceOf([note], { type: 'freeze', origin, files, time: home.around.now, reason, prefix, hashes });
  return true;
}

/** {checkpoint, note} remembered of a log, or null: what its key did not sign says nothing. */
async function rememberedOf({ home }, { key, origin }) {
  const { checkpoints } = home.memory || { checkpoints: {} };
  if (!Object.prototype.hasOwnProperty.call(checkpoints, origin)) return null;
  const note = toBytes(checkpoints[origin]);
  try {
    return { checkpoint: await openCheckpoint(note, key, origin), note };
  } catch (error) {
    if (!(error instanceof SigningError)) throw error;
    return null;
  }
}

/** Check 11: compare with the newest checkpoint this reader has seen, then remember the larger one. */
async function seenBefore(state, seen, tiles) {
  const { home, verdict } = state;
  const { edition, front } = seen;
  if (await closedLogs(state)) return;
  for (;;) {
    const { memory } = home;
    const before = await rememberedOf(state, logOf(state, edition.checkpoint));
    let found = { seen: 'unknown' };
    try {
      found = await checkSeen(before && before.checkpoint, edition.checkpoint, front.consistency, tiles);
    } catch (error) {
      if (error instanceof Fork) {
        await forked(state, before, edition.note, error, tiles);
        return;
      }
      if (!(error instanceof Unread)) throw error;
    }
    const best = await bestOf(home);
    if (home.memory !== memory || home.best !== best) continue; // another mirror was faster: compare with what it had
    if (found.check) verdict.checks.push(found.check);
    verdict.seen = found.seen;
    if (found.seen === 'older') verdict.fresh = 'stale';
    else if (found.seen === 'unknown') verdict.fresh = 'unknown';
    else remember(state, { seen });
    return;
  }
}

/** Compare what was seen of each log that is closed by now with where the trust files say it ended; true if there is evidence. */
async function closedLogs(state) {
  const { home } = state;
  for (const log of home.view.stated.logs) {
    const kept = log.frozen && (await rememberedOf(state, log));
    if (!kept) continue;
    const contradicts = await endedElsewhere(state, log, kept.checkpoint, kept.note);
    if (contradicts === null || (contradicts && log.frozen.earlier)) {
      if (contradicts) return true;
      continue;
    }
    if (contradicts || kept.checkpoint.size < log.frozen.size) {
      // Shown to be a beginning of the closed log: its end is in the trust files, and needs no tiles. Or else the root keys
      // say that this key was lost or stolen; whoever has it must not keep readers away for ever: from the next visit on
      // their word counts.
      const checkpoints = Object.assign({}, home.memory.checkpoints);
      delete checkpoints[log.origin];
      home.memory = Object.assign({}, home.memory, { checkpoints }, contradicts ? { front: '' } : {});
    }
    if (contradicts) return true;
  }
  return false;
}

/** Put down what this visit taught: the newest edition and its checkpoint, the trust files, withdrawals by digest. */
function remember({ home }, { seen = null, withdrawn = [] }) {
  const { view } = home;
  const before = home.memory || recall({});
  const memory = Object.assign({}, before, { origin: view.stated.origin, trust: textsOf(view) });
  let said = withdrawn;
  if (seen) {
    const { document, checkpoint, note } = seen.edition;
    memory.checkpoints = Object.assign({}, before.checkpoints, { [checkpoint.origin]: toText(note) });
    if (document.serial >= home.best.serial) {
      memory.front = toBase64(seen.stored);
      home.best = document;
    }
    said = saidBy(seen.edition);
  }
  memory.withdrawn = withdrawnToo(before.withdrawn, said);
  if (JSON.stringify(memory) !== JSON.stringify(home.memory)) home.memory = memory;
}

/** Two statements signed by one log contradict each other: keep both, whole, in one document to show to others. */
async function forked(state, old, seen, error, tiles) {
  const { home, verdict } = state;
  verdict.authentic = false;
  verdict.reason = error.message;
  const { origin, size } = old.checkpoint;
  let prefix = null;
  let hashes = [];
  if (size !== error.seen.size) {
    prefix = await rangeHash(0n, size, tiles.hash);
    hashes = await consistencyProof(size, error.seen.size, tiles.hash);
  }
  const facts = { origin, files: home.view.files, time: home.around.now, reason: error.message, prefix, hashes };
  verdict.evidence = evidenceOf([old.note, seen], facts);
}
