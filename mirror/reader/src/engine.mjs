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

import { createClock } from './clock.mjs';
import { article, picture, thumbnail } from './engine/articles.mjs';
import { readAt } from './engine/bytes.mjs';
import { keep, stored } from './engine/keeping.mjs';
import { itemOf, keptOutlets, listed, older } from './engine/lists.mjs';
import { refresh } from './engine/looking.mjs';
import { begin, beginLate, commit, keepMirrors, loaded, openHome, setting } from './engine/memory.mjs';
import { newer } from './engine/newer.mjs';
import { accuse, adopt, files, judgeFiles } from './engine/passing.mjs';
import { emit, status } from './engine/status.mjs';
import { first } from './engine/waiting.mjs';
import { createMirrors, mirrorUrl } from './mirrors.mjs';
import { createNet } from './net.mjs';

export { Refused } from './engine/refused.mjs';

/** The engine; does nothing before `start()`.
 *
 *   publication  what the file says of itself: {name, origin, pin, made, trust: {path: text}, mirrors: [url]}
 *   state        what an earlier copy of this file remembered (`snapshot()`), or null: as little believed as the store
 *   store        as openStore gives it         schema   as compileSchemas gives it
 *   origin       {served, base?, secure?}: whether a mirror served this page, from which address, and over https
 *   build        SHA-256 of this file without its state, or null
 *   now          the time, as text or in milliseconds since 1970; `random` 0 to 1; `timers` {setTimeout, clearTimeout} */
export function createEngine(parts) {
  const { publication, now = Date.now, fetch = own(), timers = globalThis, ...given } = parts;
  const time = () => (typeof now() === 'string' ? Date.parse(now()) : now());
  const setTimeout = (make, ms) => timers.setTimeout(make, ms);
  const clearTimeout = (id) => timers.clearTimeout(id);
  const clock = createClock({ now: time, made: publication.made });

  // What all of engine/ knows.
  const me = {
    publication, state: null, origin: {}, build: null, random: Math.random, ...given, clock, setTimeout,
    get: createNet({ fetch, setTimeout, clearTimeout }),
    listeners: new Set(),
    told: false, // whether the listeners are about to be told
    shelf: null,
    home: null, // the session that all others come from: trust files and memory
    opened: 0, // when, ms
    raw: null, // the memory as it lies in the store
    current: null, // {session, edition, trust, url (null: kept), fresh}: the newest edition
    evidence: null,
    result: null, // what the last search came to: a name of the list above, or null before there was one
    reason: '',
    searching: false,
    unasked: false, // whether so many mirrors agreed to know nothing newer that others were not asked
    since: [null, ''],
    settings: new Map(),
    loading: null, // promises of what is done once: the settings are there, all that is kept is
    booted: null,
    refreshing: null,
    keeping: null,
    slow: false, // whether the front was long in coming: a line for text
    lapsed: false, // whether mirrors were asked for trust files that have not expired, in vain
    wiped: 0,
    halt: new AbortController(), // for all that is under way
    reading: 0, // how many are waited for by somebody who reads
    last: 0, // when that ended, ms
    pages: new Map(), // outlet → {next, items}
    documents: new WeakMap(), // document → bundle: what pictures may be asked of
    bundles: new Map(), // digest → {bundle, document}
    plans: new Map(), // path → {size, and the note} of what is about to be read
    pending: new Map(), // path → promise: who asks twice waits for one answer
    sources: new Map(), // path → address it came from
    spoilt: new Set(), // paths of which mirrors gave something else, and none the right thing
  };
  const { store } = me;
  me.mirrors = createMirrors({
    get: (...asked) => readAt(me, ...asked), clock, random: me.random, setTimeout, clearTimeout, secure: !!me.origin.secure,
    changed: () => emit(me),
  });
  store.onlate = () => beginLate(me);
  const on = (make) => (...asked) => make(me, ...asked);

  const engine = {
    get status() {
      return status(me);
    },
    get edition() {
      return me.current && !me.evidence ? me.current.edition.document : null;
    },
    subscribe(listener) {
      me.listeners.add(listener);
      return () => me.listeners.delete(listener);
    },
    start: on(refresh),
    refresh: on(refresh),
    items: () => (me.evidence ? [] : listed(me).map((one) => itemOf(me, one))),
    older: first(me, older),
    article: first(me, article),
    picture: first(me, picture),
    thumbnail: first(me, thumbnail),
    keep: on(keep),
    kept: on(keptOutlets),
    stored: on(stored),
    judgeFiles: on(judgeFiles),
    adopt: on(adopt),
    files: on(files),
    accuse: on(accuse),
    newer: on(newer),
    mirrors: () => me.mirrors.list(),
    /** Whether this can be the address of a mirror; it is asked with the next search. */
    async addMirror(text) {
      await begin(me);
      const url = mirrorUrl(text);
      if (!url) return false;
      me.mirrors.learn([url], 'added');
      const one = me.mirrors.find(url);
      if (!one) return false;
      one.rtt = 1; // whoever adds one wants it asked
      await keepMirrors(me);
      emit(me);
      return true;
    },
    snapshot: () => ({
      v: 1,
      kind: 'state',
      memory: me.home ? me.home.memory : null,
      mirrors: me.mirrors.remember().map(({ url, from }) => ({ url, from })),
      settings: Object.fromEntries(me.settings),
    }),
    settings: {
      async get(key) {
        await loaded(me);
        return me.settings.has(key) ? me.settings.get(key) : null;
      },
      set: on(setting),
    },
    async setMemoryOnly(wanted) {
      await begin(me);
      if (wanted) {
        await store.put('settings', 'memoryOnly', true);
        await store.forget(['settings', 'memoryOnly']);
        me.settings.set('memoryOnly', true);
        me.shelf.forget();
      } else {
        await store.reopen();
        me.settings.set('memoryOnly', false);
        for (const [key, value] of me.settings) await store.put('settings', key, value);
        me.raw = null;
        await commit(me);
      }
      emit(me);
    },
    /** Nothing that was learnt or kept is left, here or on the device; what is under way ends. */
    async wipe() {
      const going = me.refreshing;
      me.wiped++;
      me.halt.abort();
      me.halt = new AbortController();
      await begin(me);
      for (const one of [me.pages, me.bundles, me.plans, me.pending, me.sources, me.spoilt, me.settings]) one.clear();
      Object.assign(me, { current: null, evidence: null, raw: null, result: 'empty', reason: '' });
      me.shelf.forget();
      me.mirrors.forget();
      me.mirrors.learn(publication.mirrors || [], 'built-in');
      await store.clear();
      me.home = await openHome(me, null);
      await going;
      emit(me);
    },
  };
  return engine;
}

/** The browser's fetch, bound to its window. */
function own() {
  return globalThis.fetch && globalThis.fetch.bind(globalThis);
}
