// Looking for the newest edition: mirrors are asked until one gives what verifies; then, when nobody waits, what else there is
// to know.

import { MAX_FRONT } from '../../../../signing/web/verify.mjs';
import { isPage } from '../mirrors.mjs';
import { Failed } from '../net.mjs';
import { alarm, explain } from './alarm.mjs';
import { readAt, readerAt } from './bytes.mjs';
import { keepUp } from './keeping.mjs';
import { begin, commit, keepMirrors, openHome, setting, showKept, take } from './memory.mjs';
import { emit, status } from './status.mjs';
import { SHORT, later, pause } from './waiting.mjs';

const DAY = 86400000;
const SLOW = 1200; // milliseconds, for a front of some 5 KB
// So many mirrors that all know nothing newer are believed to be behind together, or this clock is ahead.
const AGREE = 3;
// Milliseconds without reading before anything is asked for that has nothing to do with what is read.
const QUIET = 8000;

/** A search, the one under way if there is one, and what can wait afterwards; the status between both. */
export async function refresh(me) {
  const fresh = !me.refreshing;
  const found = await look(me);
  if (fresh) {
    me.last = me.clock.ms();
    later(me, QUIET, () => afterwards(me));
  }
  return found;
}

/** One search at a time; the status afterwards. */
function look(me) {
  return me.refreshing || (me.refreshing = (async () => {
    const at = me.wiped;
    try {
      await begin(me);
      if (at === me.wiped && (!me.evidence || (await explain(me)))) await search(me, at);
    } catch (error) {
      // Nothing that was read may end here; if it does, the reader goes on with what it has.
      me.result = me.current ? 'offline' : 'broken';
      me.reason = String(error && error.message);
    } finally {
      me.refreshing = null;
      me.searching = false;
      emit(me);
    }
    return status(me);
  })());
}

async function afterwards(me) {
  // Those who agree may stand still together, on purpose or not, and be the quickest: then some others are asked, too.
  if (me.unasked) await look(me);
  await lookAround(me);
  await keepUp(me);
}

async function search(me, at) {
  me.searching = true;
  emit(me);
  // A clock may be set right while the page is open, by years.
  if (Math.abs(me.clock.ms() - me.opened) > DAY / 24) {
    const home = await openHome(me, me.home.memory);
    if (at !== me.wiped) return;
    me.home = home;
  }
  const found = { older: 0, refused: 0, late: 0, stale: null };
  const failed = [];
  const asked = new Set();
  // Anew each time: an old edition may have named a mirror that has the newest.
  const next = () => {
    const mirror = me.mirrors.rank().find((one) => !asked.has(one)) || null;
    asked.add(mirror);
    return mirror;
  };
  const attempt = async (mirror, { stop, alive }) => {
    try {
      return await visit(me, mirror, stop, alive, found);
    } catch (error) {
      if (error instanceof Failed) failed.push([mirror, error]);
      throw error;
    }
  };
  let best = null;
  try {
    best = await me.mirrors.race(next, attempt, { stop: me.halt.signal });
  } catch (error) {
    if (!Array.isArray(error)) throw error;
    for (const [, each] of error) if (!(each instanceof Failed)) throw each;
    best = found.stale;
  }
  if (at !== me.wiped) return;
  me.unasked = found.late >= AGREE && me.mirrors.rank().some((one) => !asked.has(one));
  me.mirrors.blame(failed, !!best);
  if (best) await arrive(me, best);
  else {
    const answered = found.refused || failed.some(([, { why }]) => ['blocked', 'status', 'large'].includes(why));
    if (me.current) me.result = found.older ? 'lagging' : 'offline';
    else me.result = answered ? 'broken' : 'empty';
    me.reason = failed.length ? failed[failed.length - 1][1].message : 'no mirror is known';
  }
  if (me.settings.get('memoryOnly') !== true) await keepMirrors(me);
}

/** What one mirror's front is worth: {mirror, session, verdict, edition} when it may win, Failed when the next should be asked. */
async function visit(me, mirror, stop, alive, found) {
  const began = me.clock.ms();
  const front = await readAt(me, mirror, 'front', { cap: MAX_FRONT, stop, alive });
  if (front === null) throw new Failed('status', `${mirror.url}: no front`);
  if (isPage(front)) throw new Failed('blocked', `${mirror.url}: a page stands where the front should`);
  const rtt = me.clock.ms() - began;
  const session = await me.home.over(readerAt(me, mirror, { stop, alive, front }), { lean: true });
  let answer = await session.front();
  // The lines in the front don't reach back to what was seen here before: tiles do.
  const tiles = session.due.includes('tiles');
  if (tiles) answer = await session.settle();
  const { verdict, edition } = answer;
  const no = (why, text = verdict.reason) => new Failed(why, `${mirror.url}: ${text}`);
  if (verdict.evidence && (await alarm(me, verdict.evidence))) throw no('refused');
  if (!verdict.authentic) {
    if (verdict.error === 'unread' || verdict.error === 'missing') throw no('cut');
    // Cut off on the way by somebody who closes a line politely: no forgery.
    if (verdict.check === 3 && /too early/.test(verdict.reason)) throw no('cut');
    found.refused++;
    throw no('refused');
  }
  me.mirrors.good(mirror, rtt, true);
  me.mirrors.learn(edition.document.mirrors.map((one) => one.url), 'edition');
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
  // True, and a newer one was due: somebody else may have it, and is asked first the next time.
  mirror.behind = true;
  if (!found.stale || found.stale.edition.document.serial < edition.document.serial) found.stale = good;
  if (++found.late >= AGREE) return found.stale;
  throw no('missing', 'a newer edition was due');
}

async function arrive(me, { mirror, session, verdict, edition, tiles, rtt }) {
  const at = me.wiped;
  me.slow = rtt > SLOW;
  if (me.evidence) return;
  // Kept before it is shown, unless the disk is very slow.
  await Promise.race([commit(me), pause(me, SHORT)]);
  if (me.evidence || at !== me.wiped) return;
  // A session that has read tiles would go on to; and another tab may have known more.
  if (tiles || session.memory !== me.home.memory) {
    const before = me.current;
    await showKept(me, mirror.url);
    // What was kept counts no more by the trust files that another tab knew: an older one is not the newest.
    if (me.current === before) me.current = null;
  } else take(me, session, verdict, edition, mirror.url);
  me.result = me.current ? 'verified' : 'broken';
  me.reason = '';
}

/** Once a day, or when trust files at hand have expired: another mirror's trust files and its view of the log. */
async function lookAround(me) {
  if (!me.current || !me.current.url || me.evidence) return;
  const last = me.settings.get('walked');
  const due = me.current.session.due.includes('trust') || !(last <= me.clock.ms() && me.clock.ms() - last < DAY);
  if (!due) return;
  const at = me.wiped;
  const list = me.mirrors.rank();
  const others = list.filter((one) => one.url !== me.current.url).slice(0, 3).concat(list.filter((one) => one.url === me.current.url));
  const failed = [];
  me.lapsed = true;
  for (const mirror of others) {
    const session = await me.home.over(readerAt(me, mirror, {}), { lean: true });
    const { verdict } = await session.settle({ trust: true });
    if (at !== me.wiped || (verdict.evidence && (await alarm(me, verdict.evidence)))) return;
    if (!verdict.authentic) {
      failed.push([mirror, new Failed(verdict.error ? 'network' : 'refused', verdict.reason)]);
      continue;
    }
    await commit(me);
    await again(me, mirror);
    if (!session.trust.expired.length) {
      me.lapsed = false;
      await setting(me, 'walked', me.clock.ms());
      break;
    }
  }
  me.mirrors.blame(failed, true);
  emit(me);
}

/** What another mirror showed, beside what is shown: the newer one, by the trust files that count now. */
async function again(me, mirror) {
  const before = me.current;
  await showKept(me, mirror.url);
  const { current } = me;
  if (current === before) Object.assign(me, { current: null, result: 'broken' });
  else if (before && before.edition.document.serial === current.edition.document.serial) current.url = before.url;
  else me.result = 'verified';
}
