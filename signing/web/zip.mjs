// Packs: stored zips laid out like a mirror (`.tamizdat`), as mirror/read.py reads them. One file must not be two different
// packs to two programs, so it is read in one way: the list of contents is at the very end, and there is one.

import { FormatError, Unread, shown } from './errors.mjs';
import { crc32 } from './crc32.mjs';
import { checkDigest, parseJson } from './packing.mjs';

const FILES = 4096;
const NAMES = FILES * 256; // bytes of the list of contents; ours take about 120 an entry
const END = 22;
const LOCATOR = 20;
const HEAD = 30; // of a file in the zip
const ENTRY = 46; // in the list
const ABOUT = 'pack.json';
export const MAX_PACK = 64 << 20;

const refuse = (what) => {
  throw new FormatError(`not a pack: ${what}`);
};

/** {read, digest, names} of a pack: a `read` for judge and sessions, the digest of the bundle it is about, and the paths in
 * it. FormatError for anything but such a zip. `bytes` are not copied. */
export function packReader(bytes) {
  const files = contents(bytes);
  const read = async (path, cap) => (files.has(path) ? stored(bytes, path, files.get(path), cap) : null);
  let about;
  try {
    about = parseJson(stored(bytes, ABOUT, files.get(ABOUT) || refuse(`there is no ${ABOUT}`), 1024));
  } catch (error) {
    throw error instanceof Unread ? new FormatError(error.message) : error;
  }
  const { kind, digest } = Object(about);
  if (kind !== 'pack') refuse(`${ABOUT} is of another kind`);
  return { read, digest: checkDigest(digest), names: Array.from(files.keys()) };
}

/** Map of what the list at the end says of each file, by name. */
function contents(bytes) {
  const size = bytes.length;
  if (size > MAX_PACK) refuse(`more than ${MAX_PACK} bytes`);
  const view = viewOf(bytes);
  const end = size - END;
  if (end < 0 || view.getUint32(end, true) !== 0x06054b50 || view.getUint16(end + 20, true)) refuse('it is cut short, or no zip');
  if (end >= LOCATOR && view.getUint32(end - LOCATOR, true) === 0x07064b50) refuse('a 64-bit zip');
  const [disk, first, here, count] = [4, 6, 8, 10].map((at) => view.getUint16(end + at, true));
  const [length, start] = [12, 16].map((at) => view.getUint32(end + at, true));
  if (disk || first || here !== count || count > FILES || length > NAMES) refuse('more than a pack may hold');
  if (start + length !== end) refuse('something stands before or after its list of contents');
  const files = new Map();
  let at = start;
  let sum = 0;
  for (let left = count; left; left--) {
    if (at + ENTRY > end || view.getUint32(at, true) !== 0x02014b50) refuse('its list of contents is damaged');
    // As Python does: 6.3 is the newest there is.
    if (bytes[at + 6] > 63) refuse('a zip of a version to come');
    const [name, extra, comment] = [28, 30, 32].map((place) => view.getUint16(at + place, true));
    const next = at + ENTRY + name + extra + comment;
    if (next > end) refuse('its list of contents is damaged');
    const path = nameOf(bytes.subarray(at + ENTRY, at + ENTRY + name));
    if ((sum += view.getUint32(at + 24, true)) > size) refuse('its files lie in one another');
    if (files.has(path)) refuse(`two files of one name, ${shown(path)}`);
    files.set(path, {
      flags: view.getUint16(at + 8, true),
      method: view.getUint16(at + 10, true),
      crc: view.getUint32(at + 16, true),
      packed: view.getUint32(at + 20, true),
      size: view.getUint32(at + 24, true),
      offset: view.getUint32(at + 42, true),
      most: start,
    });
    at = next;
  }
  if (at !== end) refuse('its list of contents is damaged');
  return files;
}

const viewOf = (bytes) => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

/** A name with a character a byte: those of the mirror format are ASCII, and others are never asked for. */
function nameOf(bytes) {
  // Some programs end a name here, others don't.
  if (!bytes.every(Boolean)) refuse('a name with a zero byte');
  return String.fromCharCode(...bytes);
}

/** A file's bytes. Unread when it is larger than `cap`, not stored as it is, not where the list says, or damaged. */
function stored(bytes, path, { flags, method, crc, packed, size, offset, most }, cap) {
  const refused = (what) => {
    throw new Unread(`${path} in a pack: ${what}`);
  };
  if (method || flags & 0x2061 || packed !== size) refused('compressed or encrypted; packs are stored');
  if (size > cap) refused(`larger than the ${cap} bytes expected`);
  const view = viewOf(bytes);
  const from = offset + HEAD;
  if (from > most || view.getUint32(offset, true) !== 0x04034b50) refused('not where the list of contents says');
  const [name, extra] = [26, 28].map((at) => view.getUint16(offset + at, true));
  const begin = from + name + extra;
  if (begin + size > most || nameOf(bytes.subarray(from, from + name)) !== path) refused('not where the list of contents says');
  const data = bytes.subarray(begin, begin + size);
  if (crc32(data) !== crc) refused('its checksum is wrong');
  return data;
}
