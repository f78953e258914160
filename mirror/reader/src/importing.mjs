// Files that somebody sent: packs, pages with a pack inside, evidence, other readers. They are looked at as data: none
// is run, no part of one becomes markup, and what is shown afterwards is what verifies, not what the file shows.

import {
  FormatError, MAX_EVIDENCE, MAX_PACK, SigningError, Unread, fromBase64, packReader, parseJson, toText,
} from '../../../signing/web/verify.mjs';
import { mirrorUrl } from './mirrors.mjs';
import { BEGIN, END, MAX_PAGE, MAX_PAGED, dataIn, releaseOf } from './share.mjs';

const OBJECT = 16 << 20; // bytes; no file in a pack is larger
const MAX_MIRRORS = 12;

/** What a file is, and what came of it. Never throws for what is in the file.
 *
 *   {kind: 'article', digest, document, verdict, page}   verified and kept; `page`: it was in a page, whose own text
 *                                                        counts for nothing
 *   {kind: 'evidence', type, origin, text}               it proves to whoever pinned this root that keys contradict
 *                                                        themselves
 *   {kind: 'reader', release, same, mirrors, take()}     another reader, not run. `same`: of this publication. `take()`
 *                                                        adds the mirrors it knows, and says how many were new
 *   {kind: 'unknown', why, reason}                       nothing was taken from it. `why`: "large", "unread", "empty",
 *                                                        "other" (no kind of file we know), "damaged", "unproven", or
 *                                                        as Refused says: "rejected", "withdrawn", "missing"
 *
 * `publication` is this reader's own data, `now` the time as text. */
export async function importFile(engine, file, { publication, now }) {
  try {
    const start = await bytesOf(file.slice(0, 4096));
    const kind = kindOf(start);
    if (!kind) return unknown(start.length ? 'other' : 'empty', 'not a pack, a page, evidence or a reader');
    if (file.size > kind.cap) return unknown('large', `more than ${kind.cap} bytes`);
    return await kind.take({ engine, publication, now }, await bytesOf(file));
  } catch (error) {
    return explained(error);
  }
}

const unknown = (why, reason) => ({ kind: 'unknown', why, reason });

/** What went wrong as an answer. Only what nobody foresaw is thrown. */
function explained(error) {
  if (error instanceof SigningError || error instanceof Unread) return unknown('damaged', error.message);
  // Refused, whatever made it; and what a browser throws when a file is gone or may not be read.
  if (error && typeof error.kind === 'string') return unknown(error.kind, error.reason || error.message);
  const unread = error && /^(?:NotReadable|NotFound|Security|Abort)Error$/.test(error.name);
  if (unread) return unknown('unread', error.message);
  throw error;
}

const bytesOf = async (blob) => new Uint8Array(await blob.arrayBuffer());

function kindOf(start) {
  const at = start.findIndex((byte) => ![0x20, 0x09, 0x0a, 0x0d].includes(byte));
  if (start[0] === 0x50 && start[1] === 0x4b) return { cap: MAX_PACK, take: takePack };
  if (start[at] === 0x7b) return { cap: MAX_EVIDENCE, take: takeEvidence };
  // A byte order mark, which some programs put before every page.
  const first = start[0] === 0xef && start[1] === 0xbb && start[2] === 0xbf ? start[3] : start[at];
  return first === 0x3c ? { cap: MAX_PAGE, take: takePage } : null;
}

// --- articles --------------------------------------------------------------------------------------------------------

async function takePack({ engine }, bytes, page = false) {
  const { read, digest, names } = packReader(bytes);
  const files = new Map();
  for (const path of names) {
    try {
      files.set(path, await read(path, OBJECT));
    } catch (error) {
      // A picture may be damaged and the text whole; what is needed and not there is said later.
      if (!(error instanceof Unread)) throw error;
    }
  }
  const { document, verdict } = await engine.adopt(files, digest);
  return { kind: 'article', digest, document, verdict, page };
}

/** The pack in a page that was passed on, taken out as text. FormatError when there is none, or no telling which. */
export function packIn(text) {
  // With `^` and `$` of JavaScript a CR alone would part lines, too: not for who else reads such pages.
  const lines = (marker) => {
    const whole = new RegExp(`(^|\\n)${marker}(?=\\r?(?:\\n|$))`, 'g');
    return Array.from(text.matchAll(whole), ({ index, 1: before }) => index + before.length);
  };
  const [begins, ends] = [lines(BEGIN), lines(END)];
  if (!begins.length || !ends.length) throw new FormatError('there is no pack in this page, or it was cut off');
  if (begins.length > 1 || ends.length > 1) {
    throw new FormatError('there are two packs in this page, and no way to tell which one is meant');
  }
  if (ends[0] < begins[0]) throw new FormatError('the pack in this page ends before it begins');
  const packed = text.slice(begins[0] + BEGIN.length, ends[0]).replace(/[\r\n]/g, '');
  const most = Math.ceil(MAX_PAGED / 3) * 4;
  if (packed.length > most) throw new FormatError(`the pack in a page has at most ${MAX_PAGED} bytes`);
  return fromBase64(packed);
}

/** A page: with a pack, a reader, or neither. */
async function takePage(about, bytes) {
  // One character a byte; what is looked for is ASCII.
  const text = new TextDecoder('latin1').decode(bytes);
  if (text.includes(`\n${BEGIN}`)) return takePack(about, packIn(text), true);
  if (releaseOf(text)) return takeReader(about, toText(bytes));
  return unknown('other', 'a page without a pack in it');
}

// --- evidence, readers -----------------------------------------------------------------------------------------------

async function takeEvidence({ engine }, bytes) {
  try {
    return { kind: 'evidence', ...(await engine.accuse(parseJson(bytes))) };
  } catch (error) {
    if (!(error instanceof SigningError)) throw error;
    return unknown('unproven', error.message);
  }
}

/** Somebody's reader. It was made by anybody, and of what it remembers only addresses of mirrors can be of use: they
 * are believed no more than others. */
function takeReader({ engine, publication }, text) {
  const data = dataIn(text, 'publication');
  const state = dataIn(text, 'state');
  const known = [].concat(listOf(state, 'mirrors'), listOf(data, 'mirrors')).map((one) => mirrorUrl((one && one.url) || one));
  const good = known.filter(Boolean);
  const mirrors = Array.from(new Set(good)).slice(0, MAX_MIRRORS);
  return {
    kind: 'reader',
    release: releaseOf(text),
    same: !!data && data.pin === publication.pin,
    mirrors,
    async take() {
      const before = engine.mirrors().length;
      for (const url of mirrors) await engine.addMirror(url);
      return engine.mirrors().length - before;
    },
  };
}

const listOf = (document, name) => (document && Array.isArray(document[name]) ? document[name].slice(0, 100) : []);
