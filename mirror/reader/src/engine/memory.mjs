// What is remembered between visits: kept before it is shown, verified again before it is used, and merged with what another
// tab, or a copy of this file, has learnt.

import { Unread, frontOf, openSession } from '../../../../signing/web/verify.mjs';
import { objectPath } from '../paths.mjs';
import { openShelf } from '../store.mjs';
import { alarm, recallEvidence } from './alarm.mjs';
import { readAny, readKept } from './bytes.mjs';
import { isObject, parse } from './json.mjs';
import { emit } from './status.mjs';

const MAX_MEMORY = 8 << 20; // characters, as stored
const SETTING = /^[a-z][A-Za-z]{0,31}$/;

/** Settles when the settings were read. */
export const loaded = (me) => me.loading || (me.loading = load(me));

async function load(me) {
  await me.store.ready;
  const given = isObject(me.state) && isObject(me.state.settings) ? Object.entries(me.state.settings) : [];
  const kept = await me.store.all('settings');
  for (const [key, value] of given.concat(kept)) if (SETTING.test(key)) me.settings.set(key, value);
  // A file that somebody else wrote must not be able to have this device's own reading deleted.
  if (kept.some(([key, value]) => key === 'memoryOnly' && value === true)) await me.store.forget(['settings', 'memoryOnly']);
  else if (me.settings.get('memoryOnly') === true) me.store.leave();
}

/** Keeps a setting; TypeError for what can be no name of one. */
export async function setting(me, key, value) {
  if (!SETTING.test(key)) throw new TypeError(`no setting is called ${key}`);
  await loaded(me);
  me.settings.set(key, value);
  await me.store.put('settings', key, value);
}

/** Writes down what is known of mirrors, and those that were added in another tab. */
export function keepMirrors({ store, mirrors }) {
  const added = (found) => (Array.isArray(found) ? found : []).filter((one) => one && one.from === 'added' && !mirrors.find(one.url));
  return store.update('mirrors', 'list', (found) => mirrors.remember().concat(added(found)).slice(0, 100));
}

/** A session with nothing but what is kept here, `known` as the memory; all others come from it. */
export async function openHome(me, known) {
  me.opened = me.clock.ms();
  return openSession({
    read: (path) => readKept(me, path), pin: me.publication.pin, now: me.clock.text(), schema: me.schema, known,
    snapshot: me.publication.trust, lean: true,
  });
}

/** Keep what was learnt, before it is shown. When another tab wrote meanwhile, the newer of both stays. */
export async function commit(me) {
  const at = me.wiped;
  if (!me.home || !me.home.memory || me.evidence) return;
  for (let round = 0; round < 4 && at === me.wiped; round++) {
    const text = JSON.stringify(me.home.memory);
    if (text === me.raw) return;
    const before = me.raw;
    const there = await me.store.update('head', 'memory', (found) => (found === before || found === null ? text : undefined));
    if (there === null || there === text) {
      me.raw = text;
      return;
    }
    me.raw = typeof there === 'string' ? there : null;
    if (me.raw === null) {
      await me.store.delete('head', 'memory');
      continue;
    }
    await meet(me, parse(me.raw));
  }
}

const nowhere = (path) => {
  throw new Unread(`${path} is not kept here`);
};

/** Another tab's memory, or one from a copy of this file, and ours: ours is judged against it, so nothing is lost. */
async function meet(me, known) {
  const at = me.wiped;
  const { files, memory } = me.home;
  const mine = frontOf(memory);
  const { withdrawn } = memory || {};
  const other = await openHome(me, known && Object.assign({}, known, { withdrawn: Object.assign({}, known.withdrawn, withdrawn) }));
  if (!other.memory || !other.trust) return;
  if (mine) {
    // With the trust files known here: what they revoked stays revoked.
    const read = async (path) => (path === 'front' ? mine : path.startsWith('trust/') ? files.get(path) || null : nowhere(path));
    const theirs = await other.over(read, { lean: false });
    const { verdict } = await theirs.front();
    if (verdict.evidence && (await alarm(me, verdict.evidence))) return;
    // Larger, and only tiles could show that it goes on: what is larger stays, and is what later ones are held against.
    if (verdict.authentic && verdict.seen === 'unknown') return;
  }
  if (at !== me.wiped) return;
  me.home = other;
  await showKept(me);
}

async function boot(me) {
  await loaded(me);
  const given = isObject(me.state) ? me.state : {};
  me.shelf = await openShelf(me.store, { now: me.clock.ms });
  me.raw = await me.store.get('head', 'memory');
  if (typeof me.raw !== 'string' || me.raw.length > MAX_MEMORY) me.raw = null;
  me.home = await openHome(me, parse(me.raw));
  if (isObject(given.memory)) {
    if (me.home.memory) await meet(me, given.memory);
    else me.home = await openHome(me, given.memory);
  }
  me.mirrors.learn(me.publication.mirrors || [], 'built-in');
  if (me.origin.base) me.mirrors.learn([me.origin.base], 'page');
  me.mirrors.recall(given.mirrors, 'kept');
  me.mirrors.recall(await me.store.get('mirrors', 'list'));
  await recallEvidence(me);
  await showKept(me);
}

/** Settles when what is kept was read, and verified again. */
export const begin = (me) => me.booted || (me.booted = boot(me));

/** A slow disk opened only now: what is kept there counts as if it had been there from the beginning. */
export async function beginLate(me) {
  await begin(me);
  me.loading = null;
  await loaded(me);
  if (!me.store.persistent) return;
  me.shelf = await openShelf(me.store, { now: me.clock.ms });
  await recallEvidence(me);
  me.raw = await me.store.get('head', 'memory');
  if (typeof me.raw === 'string') await meet(me, parse(me.raw));
  await commit(me);
  emit(me);
}

/** The edition that is kept, verified again; `url` is the mirror that has it, too. */
export async function showKept(me, url = null) {
  if (!frontOf(me.home.memory)) return;
  const session = await me.home.over((path, cap) => readAny(me, path, cap), { lean: true });
  const { verdict, edition } = await session.front();
  if (verdict.authentic) take(me, session, verdict, edition, url);
  else if (verdict.evidence) await alarm(me, verdict.evidence);
}

/** From now on this is the newest edition. */
export function take(me, session, verdict, edition, url) {
  const before = me.current && me.current.edition.document;
  const { document } = edition;
  // What was shown already is still what a mirror gave.
  const from = url || !before || before.serial !== document.serial ? url : me.current.url;
  me.current = { session, edition, url: from, fresh: verdict.fresh };
  me.clock.saw(document.time);
  me.mirrors.learn(document.mirrors.map((one) => one.url), 'edition');
  for (const { digest } of document.withdrawals) forgetArticle(me, digest);
  if (!before || before.serial !== document.serial) me.pages.clear();
  emit(me);
}

/** Lets go of an article with all that belongs to it. */
export function forgetArticle(me, digest) {
  me.bundles.delete(digest);
  for (const [path, note] of me.shelf.list()) {
    if (note.of === digest || path === objectPath(digest) || path === objectPath(digest, 'proof')) me.shelf.drop(path);
  }
}
