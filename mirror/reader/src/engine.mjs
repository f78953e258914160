// The reader without a face: finds a mirror, believes none, keeps what was verified. Every answer of the judge
// (signing/web/session.mjs) becomes one of these states:
//
//   searching      asking, and nothing is known yet
//   verified       the newest edition, from a mirror, signed and logged, not past its time
//   offline        no mirror gave anything that could be verified; what is kept was verified again
//   lagging        the mirrors that answered have only older editions than the one that is kept
//   stale          verified, but a newer edition was due, or the trust files have expired everywhere
//   unknown-clock  verified; how old it is can't be said, since this device's clock is behind
//   empty          nothing kept, nobody answered
//   broken         nothing kept; mirrors answered, and nothing of it could be verified, were it only a page that says "blocked":
//                  says nothing about who is to blame
//   fork           keys of the publication signed two things that contradict each other. Stays, over restarts too, until it
//                  is wiped or the root keys say that the key was stolen
//
// What is on the device and what comes from mirrors is treated alike: verified, each time, before it is shown.

import {
  MAX_FRONT, MAX_PROOF, PICTURE, PIECE, SigningError, Unread, digestOf, frontOf, openSession, packedReader, parseJson, prove, toBytes, toHex, toText, verifyBundle,
  verifyObject,
} from '../../../signing/web/verify.mjs';
import { createClock } from './clock.mjs';
import { createMirrors, isPage, mirrorUrl } from './mirrors.mjs';
import { Failed, createNet } from './net.mjs';
import { openShelf } from './store.mjs';

const MAX_MEMORY = 8 << 20; // characters, as stored
const MAX_READER = 1 << 20;
const DAY = 86400000;
const SLOW = 1200; // milliseconds, for a front of some 5 KB
const objectPath = (digest, folder = 'o') => `${folder}/${digest.slice(0, 2)}/${digest.slice(2)}`;
const DIGEST = /^[0-9a-f]{64}$/;
const OBJECT = /^(?:o|proof)\//;
// So many mirrors that all know nothing newer are believed to be behind together, or this clock is ahead.
const AGREE = 3;
// Milliseconds without reading before other things are asked for: what belongs to the article, and all else.
const SHORT = 1000;
const QUIET = 8000;
const SETTING = /^[a-z][A-Za-z]{0,31}$/;

/** What was asked for can't be shown. `kind`: "unread" (not to be had just now), "missing" (no mirror has it), "rejected"
 * (what came is not what was signed; `check` is the number that failed), "withdrawn" (`withdrawal`: {time, reason?}). */
export class Refused extends Error {
  constructor(kind, reason, { check = null, withdrawal = null } = {}) {
    super(reason);
    Object.assign(this, { kind, check, reason, withdrawal });
  }
}

/** The engine; does nothing before `start()`.
 *
 *   publication  what the file says of itself: {name, origin, pin, made, trust: {path: text}, mirrors: [url]}
 *   state        what an earlier copy of this file remembered (`snapshot()`), or null: as little believed as the store
 *   store        as openStore gives it         schema   as compileSchemas gives it
 *   origin       {served, base?, secure?}: whether a mirror served this page, from which address, and over https
 *   build        SHA-256 of this file without its state, or null
 *   now          the time, as text or in milliseconds since 1970; `random` 0 to 1; `timers` {setTimeout, clearTimeout} */
export function createEngine(parts) {
  const {
    publication, state = null, store, schema, origin = {}, build = null, now = Date.now, fetch = own(), random = Math.random,
    timers = globalThis,
  } = parts;
  const time = () => (typeof now() === 'string' ? Date.parse(now()) : now());
  const setTimeout = (make, ms) => timers.setTimeout(make, ms);
  const clearTimeout = (id) => timers.clearTimeout(id);
  const { pin } = publication;
  const clock = createClock({ now: time, made: publication.made });
  const get = createNet({ fetch, setTimeout, clearTimeout });
  const listeners = new Set();

  let shelf = null;
  let home = null; // the session that all others come from: trust files and memory
  let opened = 0; // when, ms
  let raw = null; // the memory as it lies in the store
  let current = null; // {session, edition, trust, url (null: kept), fresh}: the newest edition
  let evidence = null;
  let result = null; // what the last search came to: a name of the list above, or null before there was one
  let reason = '';
  let searching = false;
  let since = [null, ''];
  const settings = new Map();
  let booted = null;
  let refreshing = null;
  let keeping = null;
  let slow = false; // whether the front was long in coming: a line for text
  let lapsed = false; // whether mirrors were asked for trust files that have not expired, in vain
  let wiped = 0;
  let halt = null;
  let stopped = null; // settles when all that is under way is not wanted any more
  const anew = () => (stopped = new Promise((resolve) => (halt = resolve)));
  anew();
  const pages = new Map(); // outlet → {from, next, items}
  const documents = new WeakMap(); // document → bundle: what pictures may be asked of
  const bundles = new Map(); // digest → {bundle, document}
  const plans = new Map(); // path → {size, and the note} of what is about to be read
  const pending = new Map(); // path → promise: who asks twice waits for one answer
  const sources = new Map(); // path → address it came from
  const spoilt = new Set(); // paths of which mirrors gave something else, and none the right thing

  const mirrors = createMirrors({
    get: readAt, clock, random, setTimeout, clearTimeout, secure: !!origin.secure, changed: emit,
  });

  // Who reads comes first: work that nobody waits for begins when nobody has read for a while.
  let reading = 0;
  let last = 0;
  const first = (make) => async (...asked) => {
    reading++;
    try {
      return await make(...asked);
    } finally {
      reading--;
      last = clock.ms();
    }
  };
  async function quiet(ms) {
    while (reading || clock.ms() - last < ms) await new Promise((resolve) => setTimeout(resolve, 500));
  }

  // --- what is told ---------------------------------------------------------------------------------------------------

  let told = false;
  function emit() {
    if (told) return;
    told = true;
    Promise.resolve().then(() => {
      told = false;
      const one = status();
      for (const listener of Array.from(listeners)) listener(one);
    });
  }

  /** The roles of the trust files that have expired, when no mirror has newer ones; or null. */
  const expired = () => (lapsed && home.trust && home.trust.expired.length ? home.trust.expired.join(', ') : null);

  function stateName() {
    if (evidence) return 'fork';
    if (result === null || (searching && !(current && current.url))) return 'searching';
    if (!current) return result === 'broken' ? result : 'empty';
    if (result === 'lagging') return result;
    if (result !== 'verified' || !current.url) return 'offline';
    if (clock.slow) return 'unknown-clock';
    return current.fresh === 'stale' || expired() || clock.passed(current.edition.document.next) ? 'stale' : 'verified';
  }

  function status() {
    const name = stateName();
    if (since[1] !== name) since = [clock.text(), name];
    const { edition = null, url = null } = current || {};
    const document = edition && edition.document;
    return {
      name,
      since: since[0],
      age: document ? clock.age(document.time) : null,
      time: document ? document.time : null,
      next: document ? document.next : null,
      serial: document ? document.serial : null,
      mirror: url,
      log: edition && { origin: edition.checkpoint.origin, size: String(edition.checkpoint.size), root: toHex(edition.checkpoint.root) },
      signers: edition ? [edition.publisher.text] : [],
      witnesses: edition ? edition.witnesses.slice() : [],
      reason: reason || (expired() ? `expired: ${expired()}` : ''),
      evidence,
      served: !!origin.served,
      slow,
      trying: mirrors.trying,
      searching,
      persistent: store.persistent,
      memoryOnly: settings.get('memoryOnly') === true,
      keeping: !!keeping,
      build,
    };
  }

  // --- reading bytes --------------------------------------------------------------------------------------------------

  /** One file of one mirror, from a pack where that is how it keeps them. */
  async function readAt(mirror, path, options) {
    const object = OBJECT.test(path);
    const plain = object && mirror.packed ? null : await twice(mirror, path, options);
    if (plain !== null || !object) return plain;
    // An object is looked for in so many bytes of lists: a mirror can have thousands.
    mirror.left = options.cap + (2 << 20);
    if (!mirror.packs) {
      const elsewhere = async (asked, cap) => (OBJECT.test(asked) ? null : twice(mirror, asked, { cap }));
      mirror.packs = packedReader(elsewhere, (pack, offset, size) => partAt(mirror, pack, offset, size));
    }
    try {
      const data = await mirror.packs(path, options.cap);
      if (data !== null) mirror.packed = true;
      return data;
    } catch (error) {
      if (error instanceof Failed) throw error;
      throw new Failed('status', error.message);
    }
  }

  /** Where a line is frozen after so many bytes, the next request on it hangs: then once more, on a new line. */
  async function twice(mirror, path, options) {
    try {
      return await get(mirror.url, path, Object.assign({}, options, { first: mirror.ok && mirror.rtt ? Math.max(4000, 4 * mirror.rtt) : null }));
    } catch (error) {
      const again = mirror.ok ? ['slow', 'network'] : [];
      if (!again.concat(OBJECT.test(path) ? [] : 'cut').includes(error.why)) throw error;
      return get(mirror.url, path, options);
    }
  }

  /** Bytes of a pack, gone on with where the line breaks. */
  async function partAt(mirror, path, offset, size) {
    let have = new Uint8Array();
    if ((mirror.left -= size + 8192) < 0) throw new Failed('status', `${path} is one pack too many`);
    for (let vain = 0; ; ) {
      try {
        return await get(mirror.url, path, { cap: size, size, offset, have, piece: mirror.piece, freeze: mirror.cut || Infinity });
      } catch (error) {
        if (error.why !== 'cut' || (error.part.length < have.length + 1024 && ++vain > 3)) throw error;
        if (error.part.length === have.length) mirror.piece = 4096;
        if (error.part.length > have.length) have = error.part;
      }
    }
  }

  /** A `read` for one mirror: what is asked of it alone. */
  function readerAt(mirror, { stop = Promise.race([stopped, new Promise((done) => setTimeout(done, 90000))]), alive, front = null }) {
    return async (path, cap) => {
      if (path === 'front' && front) return front;
      if (OBJECT.test(path)) return readAny(path, cap);
      return readAt(mirror, path, { cap, stop, alive });
    };
  }

  /** What is kept here, and nothing else; objects are what their names say, or they are let go. */
  async function readKept(path) {
    if (path === 'front') return home ? frontOf(home.memory) : null;
    if (!OBJECT.test(path)) throw new Unread(`${path} is not kept here`);
    const data = await shelf.get(path);
    if (data && path.startsWith('o/')) {
      try {
        await verifyObject(data, path.slice(2).replace('/', ''), null, PICTURE);
      } catch (_) {
        await shelf.drop(path);
        return null;
      }
    }
    return data;
  }

  /** Objects and proofs: kept, or from whichever mirror has them. */
  async function readAny(path, cap, alive) {
    const kept = await readKept(path);
    const plan = plans.get(path);
    if (kept || path === 'front') {
      plans.delete(path);
      sources.set(path, 'stored');
      if (kept && shelf.has(path)) shelf.touch(path);
      return kept;
    }
    if (!pending.has(path)) {
      const asked = fromMirrors(path, cap, plan || {}, alive);
      const gone = () => pending.delete(path);
      asked.then(gone, gone);
      pending.set(path, asked);
    }
    plans.delete(path);
    return pending.get(path);
  }

  async function fromMirrors(path, cap, { size = null, ...note }, alive) {
    const digest = path.startsWith('o/') ? path.slice(2).replace('/', '') : null;
    const check = digest ? (data) => verifyObject(data, digest, size, cap) : async () => {};
    const first = current && current.url ? [current.url] : [];
    const at = wiped;
    try {
      const { data, mirror } = await mirrors.object(path, { check, size, cap, first, stop: stopped, alive });
      sources.set(path, mirror.url);
      spoilt.delete(path);
      if (digest && note.kind && at === wiped) await shelf.put(path, data, note);
      return data;
    } catch (error) {
      if (!(error instanceof Failed)) throw error;
      if (error.why === 'refused') spoilt.add(path);
      if (error.why === 'missing') return null;
      throw error;
    }
  }

  // --- memory ---------------------------------------------------------------------------------------------------------

  let loading = null;
  const loaded = () => loading || (loading = load());
  async function load() {
    await store.ready;
    const given = isObject(state) && isObject(state.settings) ? Object.entries(state.settings) : [];
    const kept = await store.all('settings');
    for (const [key, value] of given.concat(kept)) if (SETTING.test(key)) settings.set(key, value);
    // A file that somebody else wrote must not be able to have this device's own reading deleted.
    if (kept.some(([key, value]) => key === 'memoryOnly' && value === true)) await store.forget(['settings', 'memoryOnly']);
    else if (settings.get('memoryOnly') === true) store.leave();
  }

  async function openHome(known) {
    opened = clock.ms();
    return openSession({ read: readKept, pin, now: clock.text(), schema, known, snapshot: publication.trust, lean: true });
  }

  /** Keep what was learnt, before it is shown. When another tab wrote meanwhile, the newer of both stays. */
  async function commit() {
    const at = wiped;
    if (!home || !home.memory || evidence) return;
    for (let round = 0; round < 4 && at === wiped; round++) {
      const text = JSON.stringify(home.memory);
      if (text === raw) return;
      const before = raw;
      const there = await store.update('head', 'memory', (found) => (found === before || found === null ? text : undefined));
      if (there === null || there === text) {
        raw = text;
        return;
      }
      raw = typeof there === 'string' ? there : null;
      if (raw === null) {
        await store.delete('head', 'memory');
        continue;
      }
      await meet(parse(raw));
    }
  }

  /** Another tab's memory, or one from a copy of this file, and ours: ours is judged against it, so nothing is lost. */
  async function meet(known) {
    const { files, memory } = home;
    const mine = frontOf(memory);
    const { withdrawn } = memory || {};
    const other = await openHome(known && Object.assign({}, known, { withdrawn: Object.assign({}, known.withdrawn, withdrawn) }));
    if (!other.memory || !other.trust) return;
    if (mine) {
      // With the trust files known here: what they revoked stays revoked.
      const read = async (path) => (path === 'front' ? mine : path.startsWith('trust/') ? files.get(path) || null : nowhere(path));
      const theirs = await other.over(read, { lean: false });
      const { verdict } = await theirs.front();
      if (verdict.evidence && (await alarm(verdict.evidence))) return;
      // Larger, and only tiles could show that it goes on: what is larger stays, and is what later ones are held against.
      if (verdict.authentic && verdict.seen === 'unknown') return;
    }
    home = other;
    await showKept();
  }

  const nowhere = (path) => {
    throw new Unread(`${path} is not kept here`);
  };

  /** Whether this proves that a key of the publication contradicted itself, and the root keys have not said that it was
   * stolen. Kept then, for good. */
  async function alarm(document) {
    if (evidence) return true;
    if (!(await alarming(document))) return false;
    evidence = document;
    await store.put('evidence', 'evidence', JSON.stringify(document));
    emit();
    return true;
  }

  // Whoever accuses may have left out the roots by which a key no longer counts alone.
  const proven = (document) => prove(toBytes(JSON.stringify(document)), { pin, now: clock.text(), roots: home.files });

  async function alarming(document) {
    try {
      await proven(document);
    } catch (_) {
      return false;
    }
    const logs = (home && home.trust && home.trust.logs) || [];
    const log = logs.find((one) => one.origin === document.origin);
    return document.type === 'trust' || !(log && log.frozen && !log.frozen.earlier);
  }

  // --- beginning ------------------------------------------------------------------------------------------------------

  async function boot() {
    await loaded();
    const given = isObject(state) ? state : {};
    shelf = await openShelf(store, { now: time });
    raw = await store.get('head', 'memory');
    if (typeof raw !== 'string' || raw.length > MAX_MEMORY) raw = null;
    home = await openHome(parse(raw));
    if (isObject(given.memory)) {
      if (home.memory) await meet(given.memory);
      else home = await openHome(given.memory);
    }
    mirrors.learn(publication.mirrors || [], 'built-in');
    if (origin.base) mirrors.learn([origin.base], 'page');
    mirrors.recall(given.mirrors, 'kept');
    mirrors.recall(await store.get('mirrors', 'list'));
    await recallEvidence();
    await showKept();
  }

  async function recallEvidence() {
    const kept = await store.get('evidence', 'evidence');
    const document = typeof kept === 'string' ? parse(kept) : null;
    if (document && !evidence && (await alarming(document))) evidence = document;
  }

  /** The edition that is kept, verified again; `url` is the mirror that has it, too. */
  async function showKept(url = null) {
    if (!frontOf(home.memory)) return;
    const session = await home.over(readAny, { lean: true });
    const { verdict, edition } = await session.front();
    if (verdict.authentic) take(session, verdict, edition, url);
    else if (verdict.evidence) await alarm(verdict.evidence);
  }

  function take(session, verdict, edition, url) {
    const before = current && current.edition.document;
    const { document } = edition;
    // What was shown already is still what a mirror gave.
    const from = url || !before || before.serial !== document.serial ? url : current.url;
    current = { session, edition, url: from, fresh: verdict.fresh };
    clock.saw(document.time);
    mirrors.learn(document.mirrors.map((one) => one.url), 'edition');
    for (const { digest } of document.withdrawals) forgetArticle(digest);
    if (!before || before.serial !== document.serial) pages.clear();
    emit();
  }

  function forgetArticle(digest) {
    bundles.delete(digest);
    for (const [path, note] of shelf.list()) {
      if (note.of === digest || path === objectPath(digest) || path === objectPath(digest, 'proof')) shelf.drop(path);
    }
  }

  // --- searching ------------------------------------------------------------------------------------------------------

  async function search() {
    const at = wiped;
    searching = true;
    emit();
    if (clock.ms() - opened > DAY / 24) home = await openHome(home.memory);
    const found = { older: 0, refused: 0, late: 0, stale: null };
    const failed = [];
    const asked = new Set();
    // Anew each time: an old edition may have named a mirror that has the newest.
    const next = () => {
      const mirror = mirrors.rank().find((one) => !asked.has(one)) || null;
      asked.add(mirror);
      return mirror;
    };
    const attempt = async (mirror, { stop, alive }) => {
      try {
        return await visit(mirror, stop, alive, found);
      } catch (error) {
        if (error instanceof Failed) failed.push([mirror, error]);
        throw error;
      }
    };
    let best = null;
    try {
      best = await mirrors.race(next, attempt, { stop: stopped });
    } catch (error) {
      if (!Array.isArray(error)) throw error;
      for (const [, each] of error) if (!(each instanceof Failed)) throw each;
      best = found.stale;
    }
    if (at !== wiped) return;
    mirrors.blame(failed, !!best);
    if (best) await arrive(best);
    else {
      const answered = found.refused || failed.some(([, { why }]) => ['blocked', 'status', 'large'].includes(why));
      if (current) result = found.older ? 'lagging' : 'offline';
      else result = answered ? 'broken' : 'empty';
      reason = failed.length ? failed[failed.length - 1][1].message : 'no mirror is known';
    }
    if (settings.get('memoryOnly') !== true) await store.put('mirrors', 'list', mirrors.remember());
  }

  /** What one mirror's front is worth: {mirror, session, verdict, edition} when it may win, Failed when the next should be asked. */
  async function visit(mirror, stop, alive, found) {
    const began = clock.ms();
    const front = await readAt(mirror, 'front', { cap: MAX_FRONT, stop, alive });
    if (front === null) throw new Failed('status', `${mirror.url}: no front`);
    if (isPage(front)) throw new Failed('blocked', `${mirror.url}: a page stands where the front should`);
    const rtt = clock.ms() - began;
    const session = await home.over(readerAt(mirror, { stop, alive, front }), { lean: true });
    let answer = await session.front();
    // The lines in the front don't reach back to what was seen here before: tiles do.
    const tiles = session.due.includes('tiles');
    if (tiles) answer = await session.settle();
    const { verdict, edition } = answer;
    const no = (why, text = verdict.reason) => new Failed(why, `${mirror.url}: ${text}`);
    if (verdict.evidence && (await alarm(verdict.evidence))) throw no('refused');
    if (!verdict.authentic) {
      if (verdict.error === 'unread' || verdict.error === 'missing') throw no('cut');
      // Cut off on the way by somebody who closes a line politely: no forgery.
      if (verdict.check === 3 && /too early/.test(verdict.reason)) throw no('cut');
      found.refused++;
      throw no('refused');
    }
    mirrors.good(mirror, rtt, true);
    mirrors.learn(edition.document.mirrors.map((one) => one.url), 'edition');
    mirror.behind = verdict.seen === 'older' || !!verdict.behind;
    if (mirror.behind) {
      found.older++;
      throw no('missing', 'an older edition than the one known');
    }
    if (verdict.seen === 'unknown') {
      found.refused++;
      throw no('missing', 'it is not shown to continue what was seen before');
    }
    const good = { mirror, session, verdict, edition, tiles, rtt };
    if (verdict.fresh !== 'stale') return good;
    // True, and a newer one was due: somebody else may have it.
    if (!found.stale || found.stale.edition.document.serial < edition.document.serial) found.stale = good;
    if (++found.late >= AGREE) return found.stale;
    throw no('missing', 'a newer edition was due');
  }

  async function arrive({ mirror, session, verdict, edition, tiles, rtt }) {
    const at = wiped;
    slow = rtt > SLOW;
    if (evidence) return;
    // Kept before it is shown, unless the disk is very slow.
    await Promise.race([commit(), new Promise((resolve) => setTimeout(resolve, SHORT))]);
    if (evidence || at !== wiped) return;
    // A session that has read tiles would go on to; and another tab may have known more.
    if (tiles || session.memory !== home.memory) {
      const before = current;
      await showKept(mirror.url);
      // What was kept counts no more by the trust files that another tab knew: an older one is not the newest.
      if (current === before) current = null;
    } else take(session, verdict, edition, mirror.url);
    result = current ? 'verified' : 'broken';
    reason = '';
  }

  /** Once a day, or when trust files at hand have expired: another mirror's trust files and its view of the log. */
  async function lookAround() {
    if (!current || !current.url || evidence) return;
    const last = settings.get('walked');
    const due = current.session.due.includes('trust') || !(last <= time() && time() - last < DAY);
    if (!due) return;
    const at = wiped;
    const list = mirrors.rank();
    const others = list.filter((one) => one.url !== current.url).slice(0, 3).concat(list.filter((one) => one.url === current.url));
    const failed = [];
    lapsed = true;
    for (const mirror of others) {
      const session = await home.over(readerAt(mirror, {}), { lean: true });
      const { verdict, edition } = await session.settle({ trust: true });
      if (at !== wiped || (verdict.evidence && (await alarm(verdict.evidence)))) return;
      if (!verdict.authentic) {
        failed.push([mirror, new Failed(verdict.error ? 'network' : 'refused', verdict.reason)]);
        continue;
      }
      await commit();
      await again(edition, mirror);
      if (!session.trust.expired.length) {
        lapsed = false;
        await setting('walked', time());
        break;
      }
    }
    mirrors.blame(failed, true);
    emit();
  }

  /** What another mirror showed, beside what is shown: the newer one, by the trust files that count now. */
  async function again(edition, mirror) {
    const before = current;
    await showKept(edition.document.serial > before.edition.document.serial ? mirror.url : before.url);
    if (current === before) [current, result] = [null, 'broken'];
  }

  /** With an alarm on: only whether the root keys have explained it. */
  async function explain() {
    const at = wiped;
    for (const mirror of mirrors.rank().slice(0, 5)) {
      if (at !== wiped) return false;
      const session = await home.over(readerAt(mirror, {}), { lean: true });
      await session.settle({ trust: true });
      if (evidence && !(await alarming(evidence))) {
        await store.put('evidence', 'explained', JSON.stringify(evidence));
        await store.delete('evidence', 'evidence');
        evidence = null;
        return true;
      }
    }
    return false;
  }

  async function refresh() {
    if (!refreshing) {
      refreshing = (async () => {
        try {
          await begin();
          if (!evidence || (await explain())) await search();
        } catch (error) {
          // Nothing that was read may end here; if it does, the reader goes on with what it has.
          result = current ? 'offline' : 'broken';
          reason = String(error && error.message);
        } finally {
          refreshing = null;
          searching = false;
          emit();
        }
        return status();
      })();
      refreshing.then(() => {
        last = clock.ms();
        later(QUIET, afterwards);
      });
    }
    return refreshing;
  }

  const begin = () => booted || (booted = boot());

  // A slow disk opened only now: what is kept there counts as if it had been there from the beginning.
  store.onlate = async () => {
    await begin();
    loading = null;
    await loaded();
    if (!store.persistent) return;
    shelf = await openShelf(store, { now: time });
    await recallEvidence();
    raw = await store.get('head', 'memory');
    if (typeof raw === 'string') await meet(parse(raw));
    await commit();
    emit();
  };

  async function afterwards() {
    await lookAround();
    await keepUp();
  }

  /** Work that nobody waits for. */
  async function later(ms, make) {
    const at = wiped;
    try {
      await quiet(ms);
      if (at === wiped) await make();
    } catch (error) {
      reason = String(error && error.message);
    }
  }

  // --- articles -------------------------------------------------------------------------------------------------------

  const listed = () => {
    const list = [];
    for (const outlet of current ? current.edition.document.outlets : []) {
      const seen = new Set();
      const { items = [] } = pages.get(outlet.id) || {};
      for (const one of outlet.articles.concat(items)) {
        if (seen.has(one.digest)) continue;
        seen.add(one.digest);
        list.push([outlet, one]);
      }
    }
    return list;
  };

  function itemOf([outlet, one]) {
    const note = shelf && shelf.note(objectPath(one.digest));
    return Object.assign({}, one, {
      outlet: outlet.id, outletName: outlet.name, read: !!(note && note.read), stored: !!note, kept: !!(note && note.kept),
    });
  }

  /** Why these files are not given out. */
  function refuse(verdict, ...digests) {
    const { error, check, reason: why, withdrawal } = verdict;
    if (verdict.current === 'withdrawn') return new Refused('withdrawn', why, { withdrawal });
    // Somebody has it, and it is not what it should be; or its proof is not.
    const [object, proof] = ['o', 'proof'].map((folder) => digests.some((one) => spoilt.has(objectPath(one, folder))));
    if (/^(?:missing|unread)$/.test(error)) {
      return object || proof ? new Refused('rejected', why, { check: object ? 2 : 9 }) : new Refused(error, why);
    }
    return new Refused('rejected', why, { check });
  }

  const here = async () => (current ? current.session : home.over(readAny, { lean: true }));

  /** {bundle, document, verdict} of a verified article, all of it; `note` says how it is kept. Refused otherwise. */
  async function open(digest, note, given = null) {
    const session = given || (await here());
    const path = objectPath(digest);
    const item = listed().find(([, one]) => one.digest === digest);
    plans.set(path, Object.assign({ kind: 'article', size: item ? item[1].size : null }, note));
    let answer = await session.listed({ digest });
    if (!answer.verdict.authentic && answer.verdict.error === 'missing' && answer.verdict.current !== 'withdrawn') {
      const read = given ? readKept : readAny;
      const proof = await (given ? shelf.get(objectPath(digest, 'proof')) : proofOf(digest));
      const also = async (asked, cap) => (asked === objectPath(digest, 'proof') ? proof : read(asked, cap));
      answer = await (await home.over(also, { lean: true })).article({ digest, kind: 'article' });
    }
    plans.delete(path);
    const { verdict, bundle } = answer;
    if (verdict.evidence) await alarm(verdict.evidence);
    if (verdict.current === 'withdrawn') {
      forgetArticle(digest);
      throw refuse(verdict);
    }
    if (!verdict.authentic || evidence) {
      if (!given) await shelf.drop(path);
      throw refuse(verdict, digest);
    }
    for (const { digest: name, size } of bundle.document.parts) {
      plans.set(objectPath(name), Object.assign({ kind: 'part', size }, note, { of: digest, read: false }));
    }
    const whole = await session.whole(bundle);
    if (!whole.verdict.authentic) throw refuse(whole.verdict, ...bundle.document.parts.map((part) => part.digest));
    const { document } = whole;
    documents.set(document, bundle);
    if (!given) bundles.set(digest, { bundle, document });
    return { bundle, document, verdict };
  }

  async function article(digest) {
    await begin();
    if (!DIGEST.test(digest)) throw new Refused('missing', 'not an article');
    if (evidence) throw new Refused('rejected', 'the publication contradicts itself');
    const path = objectPath(digest);
    sources.delete(path);
    const { document, verdict } = await open(digest, { read: true, kept: isKept(digest) });
    const note = shelf.note(path);
    if (note) shelf.touch(path, { read: true });
    later(SHORT, () => proofOf(digest));
    emit();
    const from = sources.get(path) || 'stored';
    return { document, verdict, from, kept: !!note && store.persistent };
  }

  /** The article's own proof, or null: so that it can be verified when no edition lists it any more, and passed on. */
  async function proofOf(digest) {
    const path = objectPath(digest, 'proof');
    const from = sources.get(objectPath(digest));
    let stored = null;
    try {
      stored = await readAny(objectPath(digest), PIECE);
    } catch (error) {
      if (!(error instanceof Unread)) throw error;
    }
    if (!stored) return null;
    const proves = async (proof) => {
      if (proof === null) throw new Failed('missing', `${path} is missing`);
      try {
        await verifyBundle(stored, { digest, proof, trust: home.trust, schema });
      } catch (error) {
        if (!(error instanceof SigningError)) throw error;
        throw new Failed('refused', `${path}: ${error.message}`);
      }
      return proof;
    };
    try {
      const kept = await shelf.get(path);
      if (kept) return await proves(kept);
    } catch (error) {
      if (!(error instanceof Failed)) throw error;
      await shelf.drop(path);
    }
    // No other mirror need know what is read.
    const queue = mirrors.rank(from);
    const attempt = async (mirror, { stop, alive }) => proves(await readAt(mirror, path, { cap: MAX_PROOF, stop, alive }));
    let data = null;
    try {
      data = await mirrors.race(() => queue.shift() || null, attempt, { stop: stopped });
    } catch (error) {
      if (!Array.isArray(error)) throw error;
      if (error.some(([, { why }]) => why === 'refused')) spoilt.add(path);
      return null;
    }
    spoilt.delete(path);
    // Nobody signed that line: a mirror could mark with it who passes this on, or have it look badly signed.
    data = toBytes(toText(data).replace(/\nextra .*/, ''));
    const note = shelf.note(objectPath(digest));
    if (note) await shelf.put(path, data, { kind: 'proof', of: digest, kept: note.kept });
    return data;
  }

  /** A picture of a document that was given out here; `alive` is told how many bytes there are. */
  async function picture(document, index, { alive } = {}) {
    const bundle = documents.get(document);
    const resource = bundle && bundle.document.resources[index];
    if (!resource || resource.role === 'evidence') throw new Refused('missing', 'no such picture');
    const path = objectPath(resource.digest);
    const { size } = resource;
    const note = shelf.note(objectPath(bundle.digest));
    if (note) plans.set(path, { kind: 'picture', of: bundle.digest, kept: note.kept, size });
    else plans.set(path, { size });
    const read = (asked, cap) => readAny(asked, cap, alive);
    const { verdict, bytes } = await (await home.over(read, { lean: true })).resource(bundle, index);
    if (!verdict.authentic) throw refuse(verdict, resource.digest);
    return new Blob([bytes], { type: resource.media_type });
  }

  async function thumbnail(item) {
    const digest = typeof item === 'string' ? item : item.thumbnail;
    if (!current) throw new Refused('missing', 'no such picture');
    plans.set(objectPath(digest), { kind: 'thumbnail' });
    const { verdict, bytes } = await current.session.thumbnail(digest);
    if (!verdict.authentic) throw refuse(verdict, digest);
    // Which kind it is a browser sees for itself; this one can hold no script.
    return new Blob([bytes], { type: 'image/webp' });
  }

  async function older(id) {
    await begin();
    const outlet = current && current.edition.document.outlets.find((one) => one.id === id);
    if (!outlet) return [];
    const { serial } = current.edition.document;
    const place = pages.get(id) || { next: outlet.older || null, items: [] };
    const known = new Set(outlet.articles.concat(place.items).map((one) => one.digest));
    while (place.next) {
      plans.set(objectPath(place.next.digest), { kind: 'page', size: place.next.size });
      const { verdict, page } = await current.session.page({ digest: place.next.digest });
      if (!verdict.authentic) throw refuse(verdict, place.next.digest);
      if (current.edition.document.serial !== serial) return [];
      const fresh = page.articles.filter((one) => !known.has(one.digest));
      place.next = page.older || null;
      place.items = place.items.concat(fresh);
      pages.set(id, place);
      if (fresh.length) {
        emit();
        return fresh.map((one) => itemOf([outlet, one]));
      }
    }
    return [];
  }

  // --- keeping --------------------------------------------------------------------------------------------------------

  const keptOutlets = () => [].concat(settings.get('kept') || []).slice(0, 999).filter((id) => typeof id === 'string');
  const isKept = (digest) => {
    const found = listed().find(([, one]) => one.digest === digest);
    return !!found && keptOutlets().includes(found[0].id);
  };

  async function keep(id, on) {
    const list = keptOutlets().filter((one) => one !== id);
    await setting('kept', on ? list.concat(id) : list);
    for (const [outlet, one] of listed()) {
      if (outlet.id !== id) continue;
      for (const [path, note] of shelf.list()) {
        if (note.of === one.digest || path === objectPath(one.digest)) await shelf.touch(path, { kept: on, used: note.used });
      }
    }
    emit();
    if (on) later(SHORT, keepUp);
  }

  /** The texts of the outlets that are kept, the newest first, one at a time: nobody is to be slowed down by it. */
  async function keepUp() {
    if (keeping || !current || !current.url || evidence || !keptOutlets().length) return;
    const at = wiped;
    keeping = true;
    try {
      const wanted = listed().filter(([outlet]) => keptOutlets().includes(outlet.id));
      const when = ([, one]) => Date.parse(one.published || one.fetched);
      wanted.sort((a, b) => when(b) - when(a) || b[1].index - a[1].index);
      for (const [outlet, one] of wanted) {
        if (at !== wiped || evidence || !keptOutlets().includes(outlet.id)) return;
        if (shelf.has(objectPath(one.digest)) && shelf.has(objectPath(one.digest, 'proof'))) continue;
        try {
          await open(one.digest, { kept: true });
          await proofOf(one.digest);
        } catch (error) {
          if (!(error instanceof Refused)) throw error;
          if (error.kind === 'unread') return;
        }
        emit();
        await quiet(SHORT);
        await new Promise((resolve) => setTimeout(resolve, 200 + 300 * random()));
      }
    } finally {
      keeping = null;
      emit();
    }
  }

  /** Every article that is kept, verified again: [{digest, document, read, kept}]; `each` is told of one after the other. */
  async function stored(each = () => {}) {
    await begin();
    const list = [];
    if (evidence) return list;
    const session = await home.over(readKept, { lean: true });
    for (const [path, note] of shelf.list()) {
      if (note.kind !== 'article') continue;
      const digest = path.slice(2).replace('/', '');
      try {
        const { document } = bundles.get(digest) || (await open(digest, {}, session));
        const one = { digest, document, read: note.read, kept: note.kept };
        list.push(one);
        each(one);
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
      }
    }
    return list;
  }

  // --- passing on, taking in ------------------------------------------------------------------------------------------

  /** The verdict on what is in somebody's file: {verdict, bundle, edition, …} as the judge gives it; `ask` {digest, url?} */
  async function judgeFiles(read, ask) {
    await begin();
    const question = { digest: ask.digest, url: ask.url || null, kind: 'article' };
    let session = await home.over(read, { lean: true });
    let answer = await session.article(question);
    if (answer.verdict.authentic && session.due.includes('tiles')) {
      // A stranger may have it from another history of the log. Mirrors have tiles, a pack has none.
      const also = async (path, cap) => (/^(?:log\/[^/]+\/)?tile\/[0-9]/.test(path) ? tileOf(path, cap) : read(path, cap));
      const second = await home.over(also, { lean: false });
      const found = await second.article(question);
      if (found.verdict.authentic || found.verdict.evidence) [session, answer] = [second, found];
    }
    const { verdict } = answer;
    if (verdict.evidence) await alarm(verdict.evidence);
    if (!verdict.authentic) return answer;
    const whole = await session.whole(answer.bundle);
    if (!whole.verdict.authentic) return Object.assign({}, answer, { verdict: whole.verdict, bundle: null });
    documents.set(whole.document, answer.bundle);
    return Object.assign({}, answer, { document: whole.document });
  }

  /** A tile from whichever mirror has one; what it is worth is seen where its hashes lead. */
  async function tileOf(path, cap) {
    try {
      return (await mirrors.object(path, { check: async () => {}, cap, stop: stopped })).data;
    } catch (error) {
      if (error instanceof Failed && error.why === 'missing') return null;
      throw error;
    }
  }

  /** Take in a pack's files (Map of bytes by path): what verifies is kept, {digest, verdict, document}. Refused otherwise. */
  async function adopt(files, digest = aboutOf(files)) {
    if (!digest) throw new Refused('missing', 'it is not said which article this is');
    const read = async (path) => files.get(path) || null;
    const { verdict, bundle, document } = await judgeFiles(read, { digest });
    if (!verdict.authentic || evidence || verdict.current === 'withdrawn') throw refuse(verdict);
    const wanted = [[objectPath(digest), 'article'], [objectPath(digest, 'proof'), 'proof']];
    for (const part of bundle.document.parts) wanted.push([objectPath(part.digest), 'part']);
    for (const { digest: name, size, role } of bundle.document.resources) {
      const path = objectPath(name);
      const data = role !== 'evidence' && files.get(path);
      if (data && data.length === size && digestOf(data) === name) wanted.push([path, 'picture']);
    }
    for (const [path, kind] of wanted) {
      await shelf.put(path, files.get(path), { kind, of: kind === 'article' ? null : digest, read: kind === 'article' });
    }
    bundles.set(digest, { bundle, document });
    await commit();
    if (files.has('front')) await showKept();
    emit();
    return { digest, verdict, document };
  }

  /** The article that a pack is about, by its pack.json or because there is no other proof in it; or null. */
  function aboutOf(all) {
    const said = all.has('pack.json') ? parse(new TextDecoder().decode(all.get('pack.json').subarray(0, 4096))) : null;
    const proofs = Array.from(all.keys()).filter((path) => path.startsWith('proof/'));
    const digest = said ? said.digest : proofs.length === 1 ? proofs[0].slice(6).replace('/', '') : null;
    return typeof digest === 'string' && DIGEST.test(digest) ? digest : null;
  }

  /** What a document of evidence proves, {type, origin, text}: the alarm is on then, unless the root keys have explained it.
   * Rejects with BadEvidence when it proves nothing. */
  async function accuse(document) {
    await begin();
    const found = await proven(document);
    await alarm(document);
    return found;
  }

  /** What a pack of this article needs: Map of bytes by path. Refused when it can't be completed. */
  async function files(digest) {
    await begin();
    const { bundle } = bundles.get(digest) || (await open(digest, {}));
    const out = new Map();
    out.set(objectPath(digest), await readAny(objectPath(digest), PIECE));
    for (const part of bundle.document.parts) out.set(objectPath(part.digest), await readAny(objectPath(part.digest), PIECE));
    for (const { digest: name, role } of bundle.document.resources) {
      const data = role !== 'evidence' && (await readKept(objectPath(name)));
      if (data) out.set(objectPath(name), data);
    }
    const proof = await proofOf(bundle.digest);
    if (!proof) throw new Refused('unread', 'its proof is not to be had just now');
    out.set(objectPath(digest, 'proof'), proof);
    for (const [path, data] of home.files) out.set(path, data);
    const front = frontOf(home.memory);
    if (front) out.set('front', front);
    if (current) out.set('checkpoint', current.edition.note);
    for (const data of out.values()) if (!data) throw new Refused('unread', 'not all of it is to be had just now');
    return out;
  }

  // --- the reader itself ----------------------------------------------------------------------------------------------

  /** {size, digest, bytes()} of a newer reader that the root keys vouch for, or null. */
  async function newer() {
    await begin();
    if (evidence || !home.trust) return null;
    const version = (paths) => Math.max(0, ...paths.map((path) => Number((/^trust\/([0-9]+)\.targets\.json$/.exec(path) || [])[1] || 0)));
    const { targets } = home.trust.versions;
    // The file came with the trust files of the day before it was listed itself.
    if (targets <= version(Object.keys(publication.trust || {}))) return null;
    const { signed } = parseJson(home.files.get(`trust/${targets}.targets.json`), true);
    const target = signed.targets['reader.html'];
    if (!target || target.hashes.sha256 === build || target.length > MAX_READER) return null;
    const { length: size, hashes: { sha256: digest } } = target;
    return {
      size,
      digest,
      async bytes({ alive } = {}) {
        const check = (data) => verifyObject(data, digest, size, MAX_READER);
        try {
          const path = `trust/targets/${digest}.reader.html`;
          return (await mirrors.object(path, { check, size, cap: MAX_READER, alive })).data;
        } catch (error) {
          if (!(error instanceof Failed)) throw error;
          throw new Refused(error.why === 'missing' ? 'missing' : 'unread', error.message);
        }
      },
    };
  }

  async function setting(key, value) {
    if (!SETTING.test(key)) throw new TypeError(`no setting is called ${key}`);
    await loaded();
    settings.set(key, value);
    await store.put('settings', key, value);
  }

  const engine = {
    get status() {
      return status();
    },
    get edition() {
      return current && !evidence ? current.edition.document : null;
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    start: refresh,
    refresh,
    items: () => (evidence ? [] : listed().map(itemOf)),
    older: first(older),
    article: first(article),
    picture: first(picture),
    thumbnail: first(thumbnail),
    keep,
    kept: keptOutlets,
    stored,
    judgeFiles,
    adopt,
    files,
    accuse,
    mirrors: () => mirrors.list(),
    /** Whether this can be the address of a mirror; it is asked with the next search. */
    async addMirror(text) {
      await begin();
      const url = mirrorUrl(text);
      if (!url) return false;
      mirrors.learn([url], 'added');
      const one = mirrors.find(url);
      if (!one) return false;
      one.rtt = 1; // whoever adds one wants it asked
      await store.put('mirrors', 'list', mirrors.remember());
      emit();
      return true;
    },
    snapshot: () => ({
      v: 1,
      kind: 'state',
      memory: home ? home.memory : null,
      mirrors: mirrors.remember().map(({ url, from }) => ({ url, from })),
      settings: Object.fromEntries(settings),
    }),
    newer,
    settings: {
      async get(key) {
        await loaded();
        return settings.has(key) ? settings.get(key) : null;
      },
      set: setting,
    },
    async setMemoryOnly(on) {
      await begin();
      if (on) {
        await store.put('settings', 'memoryOnly', true);
        await store.forget(['settings', 'memoryOnly']);
        settings.set('memoryOnly', true);
        shelf.forget();
      } else {
        await store.reopen();
        settings.set('memoryOnly', false);
        for (const [key, value] of settings) await store.put('settings', key, value);
        raw = null;
        await commit();
      }
      emit();
    },
    /** Nothing that was learnt or kept is left, here or on the device; what is under way ends. */
    async wipe() {
      const going = refreshing;
      wiped++;
      halt();
      anew();
      await begin();
      for (const one of [pages, bundles, plans, pending, sources, spoilt, settings]) one.clear();
      [current, evidence, raw, result, reason] = [null, null, null, 'empty', ''];
      shelf.forget();
      mirrors.forget();
      mirrors.learn(publication.mirrors || [], 'built-in');
      await store.clear();
      home = await openHome(null);
      await going;
      emit();
    },
  };
  return engine;
}

const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

function parse(text) {
  try {
    return typeof text === 'string' ? JSON.parse(text) : null;
  } catch (_) {
    return null;
  }
}

/** The browser's fetch, bound to its window. */
function own() {
  return globalThis.fetch && globalThis.fetch.bind(globalThis);
}
