// Outlets whose articles are kept for when there is no net.

import { digestIn, objectPath } from '../paths.mjs';
import { open, proofOf } from './articles.mjs';
import { readKept } from './bytes.mjs';
import { keptOutlets, listed } from './lists.mjs';
import { begin, setting } from './memory.mjs';
import { Refused } from './refused.mjs';
import { emit } from './status.mjs';
import { SHORT, later, pause, quiet } from './waiting.mjs';

/** Chooses an outlet to be kept, or no more; its texts come when nobody reads. */
export async function keep(me, id, on) {
  await begin(me);
  // In another tab others may have been chosen.
  const there = await me.store.get('settings', 'kept');
  if (there) me.settings.set('kept', there);
  const list = keptOutlets(me).filter((one) => one !== id);
  await setting(me, 'kept', on ? list.concat(id) : list);
  for (const [outlet, one] of listed(me)) {
    if (outlet.id !== id) continue;
    for (const [path, note] of me.shelf.list()) {
      if (note.of === one.digest || path === objectPath(one.digest)) await me.shelf.touch(path, { kept: on, used: note.used });
    }
  }
  emit(me);
  if (on) later(me, SHORT, () => keepUp(me));
}

/** The texts of the outlets that are kept, the newest first, one at a time: nobody is to be slowed down by it. */
export async function keepUp(me) {
  if (me.keeping || !me.current || !me.current.url || me.evidence || !keptOutlets(me).length) return;
  const at = me.wiped;
  const tried = new Set();
  const when = ([, one]) => Date.parse(one.published || one.fetched);
  // Anew each time: meanwhile other outlets are chosen, and editions come.
  const next = () => listed(me)
    .filter(([outlet, { digest }]) => keptOutlets(me).includes(outlet.id) && !tried.has(digest)
      && !(me.shelf.has(objectPath(digest)) && me.shelf.has(objectPath(digest, 'proof'))))
    .sort((a, b) => when(b) - when(a) || b[1].index - a[1].index)[0];
  me.keeping = true;
  try {
    for (let found; (found = next()) && at === me.wiped && !me.evidence; ) {
      const [, { digest }] = found;
      tried.add(digest);
      try {
        await open(me, digest, { kept: true });
        // No room: everything else would come in vain, too, and again at the next time.
        if (!me.shelf.has(objectPath(digest))) return;
        await proofOf(me, digest);
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        if (error.kind === 'unread') return;
      }
      emit(me);
      await quiet(me, SHORT);
      await pause(me, 200 + 300 * me.random());
    }
  } finally {
    me.keeping = null;
    emit(me);
  }
}

/** Every article that is kept, verified again: [{digest, document, read, kept}]; `each` is told of one after the other. */
export async function stored(me, each = () => {}) {
  await begin(me);
  const list = [];
  if (me.evidence) return list;
  const session = await me.home.over((path) => readKept(me, path), { lean: true });
  for (const [path, note] of me.shelf.list()) {
    if (note.kind !== 'article') continue;
    const digest = digestIn(path);
    try {
      const { document } = me.bundles.get(digest) || (await open(me, digest, {}, session));
      const one = { digest, document, read: note.read, kept: note.kept };
      list.push(one);
      each(one);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
    }
  }
  return list;
}
