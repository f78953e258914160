// One file from one mirror, with a bound on everything, and what came so far when the line breaks: whoever asks goes on from
// there, at another mirror or at the same. Believes nothing and decides nothing.

import { Unread } from '../../../signing/web/verify.mjs';

const PATH = /^(?:[a-z0-9][A-Za-z0-9.-]{0,99}\/){0,12}[a-z0-9][A-Za-z0-9.-]{0,99}$/;
// Milliseconds. To the first byte (names, TLS and 400 ms a round trip on a line with losses), and without bytes after that.
const FIRST = 15000;
const IDLE = 8000;
// Where a line has frozen before, it is waited for no longer than this.
const FROZEN = 1500;
// So many bytes count as a sign of life; fewer could be dripped for ever.
const ALIVE = 256;
// Bytes a second that are enough, on average, and milliseconds that any file may take.
const RATE = 1024;
const WHOLE = 30000;
const EMPTY = new Uint8Array();

/** Why a mirror did not give a file; `whole` is true when it gave the beginning instead of a part. `why`:
 *
 *   network   no answer: name, address, certificate, CORS, reset before the first byte - a page can't see which
 *   slow      no answer for too long
 *   cut       the line broke or froze after the answer began; `part` has what came
 *   status    an answer that is neither the file nor "there is none"
 *   large     more than there may be
 *   range     an answer to a part that is no such part
 *   stopped   nobody wants it any more */
export class Failed extends Unread {
  constructor(why, text, part = null) {
    super(text);
    this.why = why;
    this.part = part;
  }
}

/** Calls `make` once `stop`, an AbortSignal or null, is aborted; what comes back takes that back. It must be taken back: a
 * signal lives as long as the page, and holds all that it would call. */
export function upon(stop, make) {
  if (!stop) return () => {};
  if (stop.aborted) make();
  stop.addEventListener('abort', make);
  return () => stop.removeEventListener('abort', make);
}

/** `get(home, path, …)` → bytes, or null for what the mirror says it has not. Failed for everything else.
 *
 *   cap       most bytes
 *   size      how many it has, where that is known: fewer is `cut`
 *   have      its first bytes, where they are known: only the rest is asked for (and what comes back begins with them)
 *   piece     at most so many bytes are asked for; when it has more, that is `cut`
 *   offset    where it begins in `path`, for a file inside a pack; needs `size`
 *   first     how many milliseconds to wait for its first byte
 *   freeze    at how many bytes this mirror's lines froze before
 *   stop      an AbortSignal: once it is aborted, nobody wants this any more
 *   alive     called as bytes come, with how many there are and a function that gives them
 *
 * Credentials, referrer and headers other than Range are never sent, redirects never followed: a page can't see where to, and
 * no third host is told what is read. Nothing comes from the browser's own cache and nothing stays in it. */
export function createNet({ fetch, setTimeout = globalThis.setTimeout, clearTimeout = globalThis.clearTimeout }) {
  return async function get(home, path, options) {
    const { cap, size = null, have = EMPTY, offset = 0, piece = null, freeze = Infinity, first = null, stop = null } = options;
    const { alive = () => {} } = options;
    if (!PATH.test(path)) throw new Failed('status', `${path} is not a path of the mirror format`);
    const most = size === null ? cap : Math.min(cap, size);
    const from = offset + have.length;
    const partial = from > 0 || piece !== null;
    if (size !== null && have.length >= size) return have;
    const controller = new AbortController();
    const parts = have.length ? [have] : [];
    let count = have.length;
    let whole = false; // the whole came where a part was asked for
    let opened = false; // there is an answer, if no bytes yet

    let end;
    const ended = new Promise((_, reject) => (end = (why, text) => reject(new Failed(why, `${path}: ${text}`))));
    ended.catch(() => {});
    const leave = upon(stop, () => end('stopped', 'not wanted any more'));
    const total = setTimeout(() => end(opened ? 'cut' : 'slow', 'too slow'), WHOLE + (most / RATE) * 1000);
    let timer;
    const wait = (ms) => {
      clearTimeout(timer);
      timer = setTimeout(() => end(opened ? 'cut' : 'slow', `nothing came for ${ms / 1000} seconds`), ms);
    };
    // Whatever a browser does with the signal: this ends when it should.
    const within = (promise) => Promise.race([promise, ended]);

    const joined = () => {
      const out = new Uint8Array(Math.min(count, most));
      let at = 0;
      for (const one of parts) {
        out.set(one.subarray(0, out.length - at), at);
        at += one.length;
        if (at >= out.length) break;
      }
      return out;
    };

    try {
      wait(first || FIRST);
      const asked = { cache: 'no-store', credentials: 'omit', redirect: 'error', referrerPolicy: 'no-referrer', signal: controller.signal };
      const last = piece ? Math.min(from + piece, offset + most) - 1 : offset ? offset + size - 1 : '';
      if (partial) asked.headers = { Range: `bytes=${from}-${last}` };
      const pending = fetch(`${home}/${path}`, asked);
      pending.catch(() => {});
      const answer = await within(pending);
      opened = true;
      // 403 is how object stores say "no such key" to somebody who may not list.
      if ([403, 404, 410].includes(answer.status)) return null;
      if (answer.status !== 200 && !(partial && answer.status === 206)) {
        throw new Failed(partial && answer.status === 416 ? 'range' : 'status', `${path}: status ${answer.status}`);
      }
      let skip = 0;
      if (answer.status === 206) {
        // Most hosts don't show this header to a page of another origin. Then the hash of the whole decides.
        const said = answer.headers.get('Content-Range');
        const range = said && /^bytes ([0-9]+)-[0-9]+\/([0-9]+|\*)$/.exec(said);
        const other = range && offset === 0 && size !== null && range[2] !== '*' && Number(range[2]) !== size;
        if (said && (!range || Number(range[1]) !== from || other)) throw new Failed('range', `${path}: ${said.slice(0, 80)}`);
      } else if (partial) {
        // The whole file instead of the rest: what was there before is not a part of it.
        whole = true;
        parts.length = 0;
        count = 0;
        skip = offset;
      }
      const room = most - count + skip;
      if (!offset && Number(answer.headers.get('Content-Length')) > room) throw new Failed('large', `${path}: too large`);
      if (answer.body) {
        const stream = answer.body.getReader();
        let fed = 0;
        wait(IDLE);
        for (;;) {
          const reading = stream.read();
          reading.catch(() => {});
          const { done, value } = await within(reading);
          if (done) break;
          const wanted = skip ? value.subarray(Math.min(skip, value.length)) : value;
          skip -= Math.min(skip, value.length);
          if (wanted.length) parts.push(wanted);
          count += wanted.length;
          alive(count, joined);
          // All of it is here; whether the line also ends well is of no interest.
          if (size !== null && count >= most) break;
          if (count > most) throw new Failed('large', `${path}: more than ${most} bytes`);
          fed += value.length;
          if (fed >= ALIVE || count - have.length >= freeze) {
            fed = 0;
            wait(count - have.length >= freeze ? FROZEN : IDLE);
          }
        }
      }
      if (size !== null && count < size) throw new Failed('cut', `${path}: ${count} of ${size} bytes`);
      return joined();
    } catch (error) {
      const failed = error instanceof Failed ? error : new Failed(opened ? 'cut' : 'network', `${path}: ${error && error.message}`);
      if (failed.why === 'cut' || failed.why === 'stopped') failed.part = joined();
      failed.whole = whole;
      throw failed;
    } finally {
      clearTimeout(timer);
      clearTimeout(total);
      leave();
      controller.abort(); // whatever is still on its way is not wanted
    }
  };
}
