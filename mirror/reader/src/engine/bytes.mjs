// Bytes: of one mirror, from whichever mirror has them, or kept here. Nobody vouches for any of them; who reads verifies.

import { PICTURE, Unread, frontOf, packedReader, verifyObject } from '../../../../signing/web/verify.mjs';
import { Failed, upon } from '../net.mjs';
import { digestIn } from '../paths.mjs';
import { pause } from './waiting.mjs';

const OBJECT = /^(?:o|proof)\//;

/** One file of one mirror, from a pack where that is how it keeps them. */
export async function readAt(me, mirror, path, options) {
  const object = OBJECT.test(path);
  const plain = object && mirror.packed ? null : await twice(me, mirror, path, options);
  if (plain !== null || !object) return plain;
  // An object is looked for in so many bytes of lists: a mirror can have thousands.
  mirror.left = options.cap + (2 << 20);
  if (!mirror.packs) {
    const elsewhere = async (asked, cap) => (OBJECT.test(asked) ? null : twice(me, mirror, asked, { cap }));
    mirror.packs = packedReader(elsewhere, (pack, offset, size) => partAt(me, mirror, pack, offset, size));
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
async function twice(me, mirror, path, options) {
  try {
    return await me.get(mirror.url, path, Object.assign({}, options, { first: mirror.ok && mirror.rtt ? Math.max(4000, 4 * mirror.rtt) : null }));
  } catch (error) {
    const again = mirror.ok ? ['slow', 'network'] : [];
    if (!again.concat(OBJECT.test(path) ? [] : 'cut').includes(error.why)) throw error;
    return me.get(mirror.url, path, options);
  }
}

/** Bytes of a pack, gone on with where the line breaks. */
async function partAt(me, mirror, path, offset, size) {
  let have = new Uint8Array();
  if ((mirror.left -= size + 8192) < 0) throw new Failed('status', `${path} is one pack too many`);
  for (let vain = 0; ; ) {
    try {
      return await me.get(mirror.url, path, { cap: size, size, offset, have, piece: mirror.piece, freeze: mirror.cut || Infinity });
    } catch (error) {
      if (error.why !== 'cut' || (error.part.length < have.length + 1024 && ++vain > 3)) throw error;
      if (error.part.length === have.length) mirror.piece = 4096;
      if (error.part.length > have.length) have = error.part;
    }
  }
}

/** Aborted when nothing is wanted any more, and after a minute and a half. */
function limited(me) {
  const end = new AbortController();
  const abort = () => end.abort();
  const leave = upon(me.halt.signal, abort);
  pause(me, 90000).then(leave).then(abort);
  return end.signal;
}

/** A `read` for one mirror: what is asked of it alone. */
export function readerAt(me, mirror, { stop = limited(me), alive, front = null }) {
  return async (path, cap) => {
    if (path === 'front' && front) return front;
    if (OBJECT.test(path)) return readAny(me, path, cap);
    return readAt(me, mirror, path, { cap, stop, alive });
  };
}

/** What is kept here, and nothing else; objects are what their names say, or they are let go. */
export async function readKept(me, path) {
  if (path === 'front') return me.home ? frontOf(me.home.memory) : null;
  if (!OBJECT.test(path)) throw new Unread(`${path} is not kept here`);
  const data = await me.shelf.get(path);
  if (data && path.startsWith('o/')) {
    try {
      await verifyObject(data, digestIn(path), null, PICTURE);
    } catch (_) {
      await me.shelf.drop(path);
      return null;
    }
  }
  return data;
}

/** Objects and proofs: kept, or from whichever mirror has them. */
export async function readAny(me, path, cap, alive) {
  const kept = await readKept(me, path);
  const plan = me.plans.get(path);
  if (kept || path === 'front') {
    me.plans.delete(path);
    me.sources.set(path, 'stored');
    if (kept && me.shelf.has(path)) me.shelf.touch(path);
    return kept;
  }
  if (!me.pending.has(path)) {
    const asked = fromMirrors(me, path, cap, plan || {}, alive);
    const gone = () => me.pending.delete(path);
    asked.then(gone, gone);
    me.pending.set(path, asked);
  }
  me.plans.delete(path);
  return me.pending.get(path);
}

async function fromMirrors(me, path, cap, { size = null, ...note }, alive) {
  const digest = path.startsWith('o/') ? digestIn(path) : null;
  const check = digest ? (data) => verifyObject(data, digest, size, cap) : async () => {};
  const first = me.current && me.current.url ? [me.current.url] : [];
  const at = me.wiped;
  try {
    const { data, mirror } = await me.mirrors.object(path, { check, size, cap, first, stop: me.halt.signal, alive });
    me.sources.set(path, mirror.url);
    me.spoilt.delete(path);
    if (digest && note.kind && at === me.wiped) await me.shelf.put(path, data, note);
    return data;
  } catch (error) {
    if (!(error instanceof Failed)) throw error;
    me.spoilt[error.why === 'refused' ? 'add' : 'delete'](path);
    if (error.why === 'missing') return null;
    throw error;
  }
}
