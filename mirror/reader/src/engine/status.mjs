// What is told of the engine: one of the nine states (engine.mjs), and what is known beside it.

import { toHex } from '../../../../signing/web/verify.mjs';

export function emit(me) {
  if (me.told) return;
  me.told = true;
  Promise.resolve().then(() => {
    me.told = false;
    const one = status(me);
    for (const listener of Array.from(me.listeners)) listener(one);
  });
}

/** The roles of the trust files that have expired, when no mirror has newer ones; or null. */
const expired = (me) => (me.lapsed && me.home.trust && me.home.trust.expired.length ? me.home.trust.expired.join(', ') : null);

function stateName(me) {
  if (me.evidence) return 'fork';
  if (me.result === null || (me.searching && !(me.current && me.current.url))) return 'searching';
  if (!me.current) return me.result === 'broken' ? me.result : 'empty';
  if (me.result === 'lagging') return me.result;
  if (me.result !== 'verified' || !me.current.url) return 'offline';
  if (me.clock.slow) return 'unknown-clock';
  return me.current.fresh === 'stale' || expired(me) || me.clock.passed(me.current.edition.document.next) ? 'stale' : 'verified';
}

export function status(me) {
  const name = stateName(me);
  if (me.since[1] !== name) me.since = [me.clock.text(), name];
  const { edition = null, url = null } = me.current || {};
  const document = edition && edition.document;
  return {
    name,
    since: me.since[0],
    age: document ? me.clock.age(document.time) : null,
    time: document ? document.time : null,
    next: document ? document.next : null,
    serial: document ? document.serial : null,
    mirror: url,
    log: edition && { origin: edition.checkpoint.origin, size: String(edition.checkpoint.size), root: toHex(edition.checkpoint.root) },
    signers: edition ? [edition.publisher.text] : [],
    witnesses: edition ? edition.witnesses.slice() : [],
    reason: me.reason || (expired(me) ? `expired: ${expired(me)}` : ''),
    evidence: me.evidence,
    served: !!me.origin.served,
    slow: me.slow,
    trying: me.mirrors.trying,
    searching: me.searching,
    persistent: me.store.persistent,
    memoryOnly: me.settings.get('memoryOnly') === true,
    keeping: !!me.keeping,
    build: me.build,
  };
}
