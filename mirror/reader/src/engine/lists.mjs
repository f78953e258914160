// What the newest edition lists, with the older pages that were asked for.

import { objectPath } from '../paths.mjs';
import { begin } from './memory.mjs';
import { refuse } from './refused.mjs';
import { emit } from './status.mjs';

/** [outlet, item] of all that is listed, each article once in its outlet. */
export const listed = (me) => {
  const list = [];
  for (const outlet of me.current ? me.current.edition.document.outlets : []) {
    const seen = new Set();
    const { items = [] } = me.pages.get(outlet.id) || {};
    for (const one of outlet.articles.concat(items)) {
      if (seen.has(one.digest)) continue;
      seen.add(one.digest);
      list.push([outlet, one]);
    }
  }
  return list;
};

/** Such an item as it is given out. */
export function itemOf(me, [outlet, one]) {
  const note = me.shelf && me.shelf.note(objectPath(one.digest));
  return Object.assign({}, one, {
    outlet: outlet.id, outletName: outlet.name, read: !!(note && note.read), stored: !!note, kept: !!(note && note.kept),
  });
}

// What it says are names to be shown, also of outlets that no edition has: whoever writes into the store has no words here.
const OUTLET = /^[a-z0-9][a-z0-9-]{0,31}$/;

/** The ids of the outlets that are kept. */
export const keptOutlets = (me) => [].concat(me.settings.get('kept') || []).slice(0, 999).filter((id) => typeof id === 'string' && OUTLET.test(id));

/** Whether an outlet that is kept lists this article. */
export const isKept = (me, digest) => {
  const found = listed(me).find(([, one]) => one.digest === digest);
  return !!found && keptOutlets(me).includes(found[0].id);
};

/** The items of the next older page of an outlet that has any which are not known; none when there is none. */
export async function older(me, id) {
  await begin(me);
  const { current } = me;
  const outlet = current && current.edition.document.outlets.find((one) => one.id === id);
  if (!outlet) return [];
  const { serial } = current.edition.document;
  const place = me.pages.get(id) || { next: outlet.older || null, items: [] };
  const known = new Set(outlet.articles.concat(place.items).map((one) => one.digest));
  while (place.next) {
    me.plans.set(objectPath(place.next.digest), { kind: 'page', size: place.next.size });
    const { verdict, page } = await current.session.page({ digest: place.next.digest });
    if (!verdict.authentic) throw refuse(me, verdict, place.next.digest);
    if (!me.current || me.current.edition.document.serial !== serial) return [];
    const fresh = page.articles.filter((one) => !known.has(one.digest));
    place.next = page.older || null;
    place.items = place.items.concat(fresh);
    me.pages.set(id, place);
    if (fresh.length) {
      emit(me);
      return fresh.map((one) => itemOf(me, [outlet, one]));
    }
  }
  return [];
}
