// A mirror read over http(s), with a bound on everything: the one module here that has a network, and the only one that may
// be replaced (a service worker, a pack, a folder). It believes nothing and decides nothing.

import { Unread } from './errors.mjs';

const PATH = /^(?:[a-z0-9][A-Za-z0-9.-]{0,99}\/){0,12}[a-z0-9][A-Za-z0-9.-]{0,99}$/;
const CHANGING = ['front', 'checkpoint', 'packs', 'trust/timestamp.json'];

/** A `read` for judge: async (path, cap) => bytes, or null for what the mirror says it does not have. It has a `part`, as
 * packed.mjs asks for; a host that gives no ranges may send up to `whole` bytes in place of one.
 *
 * Unread is thrown for what cannot be had: more than `cap` bytes, any redirect (a page cannot see where to, and a reader
 * tells no third host what it reads), a status that says neither yes nor no, or no end in time. One file may take
 * `perFile` milliseconds and `cap / rate` seconds more; all of them together `total` milliseconds, however slowly a mirror
 * gives each in the last moment. Credentials, referrer and headers but for a range are never sent. */
export function mirrorReader(
  base,
  { perFile = 60000, rate = 4096, total = 300000, whole = 72 << 20, fetch = globalThis.fetch } = {},
) {
  const home = base.replace(/\/+$/, '');
  const end = Date.now() + total;

  const get = async (path, cap, headers, statuses) => {
    if (!PATH.test(path)) throw new Unread(`${path} is not a path of the mirror format`);
    const left = Math.min(perFile + (cap / rate) * 1000, end - Date.now());
    if (left <= 0) throw new Unread(`${home} is too slow`);
    const controller = new AbortController();
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      controller.abort();
    }, left);
    try {
      const answer = await fetch(`${home}/${path}`, {
        cache: CHANGING.includes(path) ? 'no-store' : 'default',
        credentials: 'omit',
        headers,
        redirect: 'error',
        referrerPolicy: 'no-referrer',
        signal: controller.signal,
      });
      // 403 is how object stores say "no such key" to somebody who may not list.
      if ([403, 404, 410].includes(answer.status)) return null;
      if (!statuses.includes(answer.status)) throw new Unread(`${path}: status ${answer.status}`);
      if (Number(answer.headers.get('Content-Length')) > cap) throw new Unread(`${path}: more than ${cap} bytes`);
      return await body(answer, cap, path);
    } catch (error) {
      if (error instanceof Unread) throw error;
      throw new Unread(late ? `${path}: ${home} is too slow` : `${path}: ${error && error.message}`);
    } finally {
      clearTimeout(timer);
      controller.abort(); // whatever is still on its way is not wanted
    }
  };
  const read = (path, cap) => get(path, cap, {}, [200]);
  // A range that ends where the file does is all of it, and then some hosts say 200.
  read.part = (path, offset, size) => get(path, whole, { Range: `bytes=${offset}-${offset + size - 1}` }, [200, 206]);
  return read;
}

/** The bytes of an answer, counted as they come and after any decompression by the browser. */
async function body(answer, cap, path) {
  if (!answer.body) return new Uint8Array();
  const stream = answer.body.getReader();
  const parts = [];
  let size = 0;
  for (;;) {
    const { done, value } = await stream.read();
    if (done) break;
    size += value.length;
    if (size > cap) throw new Unread(`${path}: more than ${cap} bytes`);
    parts.push(value);
  }
  const out = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
