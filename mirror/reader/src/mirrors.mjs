// Which mirrors there are, what became of each, which is asked next - and one file from whichever gives it whole and true.

import { PIECE, VerifyError } from '../../../signing/web/verify.mjs';
import { Failed, upon } from './net.mjs';

const MOST = 100;
const MINUTE = 60000;
const HOUR = 60 * MINUTE;
// Milliseconds without a word after which the next mirror is asked too; the longest wait for a small file that trickles.
const HEDGE = 1500;
const LONGEST = 4000;
// A file of at most so many bytes may come from two mirrors at once; a picture on a slow line must not.
const SMALL = 16384;
// Where lines break and browsers lose what had come, so many bytes are asked for at a time; and how often in vain.
const PART = 4096;
const TRIES = 3;
// So many new bytes make it worth while to ask again where the line broke.
const GAIN = 1024;
const EMPTY = new Uint8Array();
// Whose mirror it is; the later ones are tried after the earlier ones, all else being equal.
const ORIGINS = ['page', 'added', 'edition', 'built-in', 'kept'];

// Hosts that are somebody else's at each reader's home: lists must not have readers knock there.
const INSIDE =
  /^(?:0|10|127|169\.254|192\.168|172\.(?:1[6-9]|2\d|3[01])|100\.(?:6[4-9]|[7-9]\d|1[01]\d|12[0-7]))\.[\d.]+$|^\[(?:::|f[cde])|^[^.[]+\.?$|\.(?:local(?:host)?|lan|home|internal|arpa)\.?$/;

/** The address of a mirror in one spelling, or null for what can't be one. */
export function mirrorUrl(text) {
  try {
    const url = new URL(String(text).trim().slice(0, 1024));
    // Also a query or fragment with nothing in it: what is asked for would stand behind it.
    if (!/^https?:$/.test(url.protocol) || url.username || url.password || /[?#]/.test(url.href)) return null;
    return url.href.replace(/\/+$/, '');
  } catch (_) {
    return null;
  }
}

/** The mirrors of one publication.
 *
 *   secure   this page came over https: it can't read mirrors over http, but those on this machine
 *   changed  called when something is to be shown or kept
 *
 * A mirror: {url, from, ok (true, false, null: not asked yet), fails, until (ms; not asked first before), why, rtt (ms or null),
 * cut (bytes at which its lines freeze, or null), piece (bytes to ask for at a time, or null), odd (gives no parts), behind}. */
export function createMirrors({ get, clock, random, setTimeout, clearTimeout, secure = false, changed = () => {} }) {
  const all = new Map();
  const trying = new Map();
  const jitter = () => 0.75 + random() / 2;

  function learn(urls, from) {
    for (const text of urls) {
      const url = mirrorUrl(text);
      if (!url) continue;
      const known = all.get(url);
      if (known) {
        if (ORIGINS.indexOf(from) < ORIGINS.indexOf(known.from)) known.from = from;
      } else {
        const listed = /kept|edition/.test(from);
        if (listed && INSIDE.test(new URL(url).hostname)) continue;
        if (all.size >= MOST) {
          const room = from !== 'kept' && Array.from(all.values()).find((one) => /kept|edition/.test(one.from) && !one.ok);
          if (!room) continue;
          all.delete(room.url);
        }
        all.set(url, { url, from, ok: null, fails: 0, until: 0, why: '', rtt: null, cut: null, behind: false, odd: false, piece: null });
      }
    }
  }

  const usable = ({ url }) => !secure || url.startsWith('https:') || /^http:\/\/(?:localhost|127\.0\.0\.1|\[::1\])(?:[:/]|$)/.test(url);

  /** In the order in which to ask: those that rest come last, but they come: one that works may be among them. Those that
   * only the store knows come after those that somebody vouches for. */
  function rank(...first) {
    const now = clock.ms();
    const score = (one) =>
      (first.includes(one.url) ? -1e9 : 0) + (one.until > now ? 1e7 + (one.until - now) / 1000 : 0) + one.fails * 4000 + (one.behind ? 6000 : 0) +
      (/kept|added/.test(one.from) && !one.ok ? 3000 : 0) + (one.rtt === null ? HEDGE : one.rtt) * jitter();
    const list = Array.from(all.values()).filter(usable).map((one) => [score(one), one]);
    return list.sort(([a], [b]) => a - b).map(([, one]) => one);
  }

  /** It gave what was asked for. One that forged a front stays where it is, however true its objects are. */
  function good(one, rtt = null, front = false) {
    one.ok = true;
    if (front || one.why !== 'refused') Object.assign(one, { fails: 0, until: 0, why: '' });
    if (rtt !== null) {
      // A clock that was set meanwhile makes it years, or less than nothing.
      const took = Math.min(Math.max(rtt, 1), MINUTE);
      one.rtt = one.rtt === null ? took : Math.round((one.rtt + took) / 2);
    }
    changed();
  }

  /** Until when it rests for what it forged; or 0. */
  const resting = ({ why, until }) => (why === 'refused' && until > clock.ms() ? until : 0);

  /** A failure. Of the network: a rest of half a minute, doubled up to six hours. Bytes that are not what they should be: six
   * hours, up to a week, which is not shortened by giving no answer then. */
  function bad(one, why) {
    const forged = why === 'refused';
    const before = resting(one);
    one.fails = Math.min(one.fails + 1, 20);
    const rest = forged ? Math.min(6 * HOUR * 4 ** (one.fails - 1), 168 * HOUR) : Math.min((MINUTE / 2) * 2 ** (one.fails - 1), 6 * HOUR);
    Object.assign(one, { ok: false, why, until: clock.ms() + rest * jitter() });
    if (before) Object.assign(one, { why: 'refused', until: Math.max(before, one.until) });
    changed();
  }

  /** What the first attempt gives that does not throw. `next()` names the mirror to ask, or null; a failure starts the next
   * at once, silence after a while, and the longer it lasts the more at a time. Rejects with the list of [mirror, error]. */
  function race(next, attempt, { longest = LONGEST, stop = null } = {}) {
    // On a slow line every answer takes long.
    const fastest = Math.min(...Array.from(all.values(), ({ ok, rtt }) => (ok && rtt) || Infinity));
    const hedge = fastest < Infinity ? Math.max(HEDGE, Math.min(LONGEST, 1.3 * fastest)) : HEDGE;
    return new Promise((resolve, reject) => {
      const running = new Set();
      const errors = [];
      let wanted = 1;
      let timer = null;
      let done = false;
      let leave = () => {};
      const finish = (settle, value) => {
        if (done) return;
        done = true;
        leave();
        clearTimeout(timer);
        for (const one of running) one.halt.abort();
        settle(value);
      };
      const start = (mirror) => {
        const halt = new AbortController();
        const one = { began: clock.ms(), heard: null, halt };
        running.add(one);
        trying.set(one, mirror.url);
        changed();
        const gone = () => {
          running.delete(one);
          trying.delete(one);
          changed();
        };
        attempt(mirror, { stop: halt.signal, alive: () => (one.heard = clock.ms()) }).then(
          (value) => {
            gone();
            finish(resolve, value);
          },
          (error) => {
            gone();
            errors.push([mirror, error]);
            fill();
          },
        );
      };
      const fill = () => {
        while (!done && running.size < wanted) {
          const mirror = next();
          if (!mirror) break;
          start(mirror);
        }
        if (!running.size) finish(reject, errors);
      };
      const tick = () => {
        const now = clock.ms();
        const alive = ({ began, heard }) => heard !== null && now - heard < hedge && now - began < longest;
        if (!Array.from(running).some(alive)) wanted = Math.min(wanted * 2, 16);
        fill();
        if (!done) timer = setTimeout(tick, hedge);
      };
      leave = upon(stop, () => finish(reject, errors));
      timer = setTimeout(tick, hedge);
      fill();
    });
  }

  /** Write down what became of the mirrors that failed, unless all of them did and nobody answered: then our own line is
   * down, and that counts for nobody. */
  function blame(errors, worked) {
    const real = errors.filter(([, { why }]) => !['stopped', 'missing', 'mixed'].includes(why));
    const answered = worked || errors.some(([, { why }]) => !['stopped', 'network', 'slow'].includes(why));
    for (const [mirror, error] of real) {
      if (answered) bad(mirror, error.why || 'network');
      else Object.assign(mirror, { ok: false, why: resting(mirror) ? mirror.why : error.why || 'network' });
    }
    changed();
  }

  /** One file that `check` knows when it is whole (it throws VerifyError otherwise): from the first mirror that gives it, put
   * together from pieces of several where lines break. Rejects with Failed; `why` is "missing" when none says it has it,
   * "refused" when all that came was something else.
   *
   *   first   addresses to begin with */
  async function object(path, { check, size = null, cap = PIECE, first = [], stop = null, alive = () => {} }) {
    let best = EMPTY;
    let owners = [];
    let pure = false; // pieces of several mirrors did not fit: from now on each for itself
    const own = new Map(); // mirror → what it alone gave
    const high = new Map(); // mirror → how far it came
    const tries = new Map(); // mirror → how often nothing came
    const under = new Map(); // mirror → what came from it so far, while it is asked
    const queue = rank(...first);
    const failed = [];
    const better = (part, from) => {
      if (part.length > best.length && (path.endsWith('.html') || !isPage(part))) [best, owners] = [part, from];
    };
    const again = (mirror, place) => void queue.splice(place, 0, mirror);

    /** In one go, or in pieces one after the other. */
    const whole = async (mirror, have, options) => {
      for (let part = have; ; ) {
        try {
          return await get(mirror, path, Object.assign({ have: part, piece: mirror.piece }, options));
        } catch (error) {
          if (!mirror.piece || error.why !== 'cut' || error.part.length < part.length + PART) throw error;
          part = error.part;
        }
      }
    };
    const attempt = async (mirror, { stop: halted, alive: heard }) => {
      const began = clock.ms();
      // A line that is silent now may have brought much before.
      if (!pure) for (const [other, part] of under) better(part(), other.since.concat(other.mirror));
      const have = mirror.odd ? EMPTY : pure ? own.get(mirror) || EMPTY : best;
      const me = { mirror, since: have.length && !pure ? owners : [] };
      let data;
      try {
        data = await whole(mirror, have, {
          cap, size, freeze: mirror.cut || Infinity, stop: halted,
          alive: (count, part) => {
            under.set(me, part);
            heard();
            alive(count);
          },
        });
      } catch (found) {
        if (!(found instanceof Failed)) throw found;
        const page = found.part && isPage(found.part) && !path.endsWith('.html');
        const error = page ? new Failed('blocked', `${path}: a page stands there`) : found;
        const gained = (error.part ? error.part.length : 0) - have.length;
        const further = gained > 0 && error.part.length >= (high.get(mirror) || 0) + GAIN;
        if (gained > 0) {
          high.set(mirror, error.part.length);
          own.set(mirror, error.part);
          better(error.part, me.since.concat(mirror));
        }
        if (error.why === 'cut' && further) {
          mirror.cut = Math.max(GAIN, Math.min(mirror.cut || Infinity, gained));
          // Another one of which nothing bad is known, then this one again.
          again(mirror, queue.length && queue[0].ok !== false ? 1 : 0);
          throw new Failed('stopped', error.message);
        }
        if (error.whole) mirror.odd = true;
        const vain = (tries.get(mirror) || 0) + 1;
        if (error.why === 'cut' && size !== null && size > PART && !mirror.odd && vain <= TRIES) {
          tries.set(mirror, vain);
          mirror.piece = PART;
          again(mirror, 0);
          throw new Failed('stopped', error.message);
        }
        if (have.length && ['network', 'range'].includes(error.why)) {
          // Old browsers ask permission before they ask for a part, and most hosts don't answer that.
          mirror.odd = true;
          mirror.piece = null;
          again(mirror, 0);
          throw new Failed('stopped', error.message);
        }
        failed.push([mirror, error]);
        throw error;
      } finally {
        under.delete(me);
      }
      if (data === null) {
        const error = new Failed('missing', `${path} is missing`);
        failed.push([mirror, error]);
        throw error;
      }
      try {
        await check(data);
      } catch (error) {
        if (!(error instanceof VerifyError)) throw error;
        if (have.length) {
          // Whose piece it was can't be told, or parts are not what this host gives.
          if (pure) mirror.odd = true;
          pure = true;
          own.delete(mirror);
          best = EMPTY;
          again(mirror, 0);
          throw new Failed('mixed', error.message);
        }
        const refused = new Failed(isPage(data) ? 'blocked' : 'refused', `${path}: ${error.message}`);
        failed.push([mirror, refused]);
        throw refused;
      }
      good(mirror, have.length || data.length > SMALL ? null : clock.ms() - began);
      return { data, mirror };
    };

    try {
      const longest = size !== null && size > SMALL ? Infinity : LONGEST;
      const found = await race(() => queue.shift() || null, attempt, { longest, stop });
      blame(failed, true);
      return found;
    } catch (error) {
      if (!Array.isArray(error)) throw error;
      for (const [, each] of error) if (!(each instanceof Failed)) throw each;
      blame(failed, false);
      const whys = failed.map(([, { why }]) => why);
      const why = ['refused', 'missing', 'blocked'].find((each) => whys.includes(each)) || 'network';
      throw new Failed(why, failed.length ? failed[failed.length - 1][1].message : `${path}: no mirror`);
    }
  }

  return {
    learn,
    rank,
    good,
    bad,
    blame,
    race,
    object,
    find: (url) => all.get(mirrorUrl(url)) || null,
    get trying() {
      return Array.from(new Set(trying.values()));
    },
    /** Plain data: for the list that is shown. */
    list: () =>
      Array.from(all.values(), ({ url, from, ok, fails, until, why, rtt, behind }) => ({
        url, from, ok, fails, until: until > clock.ms() ? until : null, why, rtt, behind,
      })),
    /** What to keep of them; `recall` takes it back, and believes nothing in it: `as`, where it came with the file, it is no
     * more than addresses, since whoever passed that on could have named the others as dead and his own as quick. */
    remember: () =>
      Array.from(all.values())
        .filter(({ from, fails }) => from !== 'kept' || fails < 12)
        .map(({ url, from, fails, until, why, rtt, cut, behind }) => ({ url, from, fails, until, why, rtt, cut, behind })),
    recall(list, as = null) {
      const number = (value, most) => (Number.isFinite(value) && value > 0 ? Math.min(value, most) : 0);
      for (const one of Array.isArray(list) ? list.slice(0, MOST) : []) {
        if (typeof one !== 'object' || one === null || typeof one.url !== 'string') continue;
        learn([one.url], as || (one.from === 'added' ? 'added' : 'kept'));
        const known = all.get(mirrorUrl(one.url));
        if (!known || as) continue;
        known.fails = Math.floor(number(one.fails, 20));
        // A clock that was years ahead once must not make a mirror rest for years.
        known.until = number(one.until, clock.ms() + 168 * HOUR);
        known.why = typeof one.why === 'string' && /^[a-z]{1,9}$/.test(one.why) ? one.why : '';
        known.rtt = number(one.rtt, MINUTE) || null;
        known.cut = number(one.cut, 1 << 20) || null;
        known.behind = one.behind === true;
      }
    },
    forget() {
      all.clear();
    },
  };
}

/** Whether these bytes are a web page: what stands where a file should be when a host or a censor has nothing better. */
export function isPage(data) {
  let at = 0;
  while ([0xef, 0xbb, 0xbf, 32, 9, 13, 10].includes(data[at])) at++;
  return data[at] === 0x3c;
}
