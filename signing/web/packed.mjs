// Packed mirrors, where objects and proofs lie together in a few zip files. The specification is mirror/packed.py. Nothing of
// it is signed and nothing needs to be: what comes out is an object or a proof, and those are checked like any other.

import { FormatError, Unread } from './errors.mjs';
import { gunzip, parseJson, toText } from './packing.mjs';

const LIST = 1 << 18;
const PACK = 32 << 20;
const INDEX = 1 << 20;
const INDEX_UNPACKED = 8 << 20;
const FILES = 16384;
const WHOLE = 2 * PACK + INDEX + FILES * 512;
const KEPT = 4; // indexes

const bad = (what) => {
  throw new FormatError(`packs: ${what}`);
};

/** [{name, path, size, indexOffset, indexSize}] of the bytes of `packs`, the newest pack first. FormatError for anything that
 * is not exactly such a list. */
export function parsePacks(data) {
  if (data.length > LIST) bad(`more than ${LIST} bytes`);
  const document = parseJson(data);
  const { v, kind, serial, packs } = Object(document);
  const keys = Object.keys(Object(document)).sort().join();
  if (keys !== 'kind,packs,serial,v' || v !== 1 || kind !== 'packs' || !Number.isInteger(serial) || !Array.isArray(packs)) {
    bad('not a list of packs, version 1');
  }
  const names = new Set();
  return packs.map((row) => {
    const [name, size, indexOffset, indexSize] = Array.isArray(row) && row.length === 4 ? row : [];
    if (typeof name !== 'string' || !/^[0-9a-f]{32}$/.test(name) || ![size, indexOffset, indexSize].every(Number.isInteger)) {
      bad('an entry has a name and three numbers');
    }
    if (size > WHOLE || indexSize < 1 || indexSize > INDEX || indexOffset + indexSize > size) {
      bad(`${name}: its index can't be where it is said to be`);
    }
    if (names.has(name)) bad('one pack is listed twice');
    names.add(name);
    return { name, path: `pack/${name}.zip`, size, indexOffset, indexSize };
  });
}

/** Map of [offset, size] by path, from the stored index of a pack of `size` bytes. FormatError when it is none. */
export function parseIndex(stored, size) {
  const lines = toText(gunzip(stored, INDEX_UNPACKED)).split('\n');
  if (lines.pop() !== '' || lines.length > FILES) bad(`an index has at most ${FILES} lines`);
  return new Map(lines.map((line) => {
    const [, offset, length, path] = /^(0|[1-9][0-9]{0,8}) (0|[1-9][0-9]{0,8}) ([a-z0-9][A-Za-z0-9./-]{0,199})$/.exec(line) || bad('an index line');
    if (Number(offset) + Number(length) > size) bad('an index line that names no file of this pack');
    return [path, [Number(offset), Number(length)]];
  }));
}

/** A `read` on a mirror that may be packed, made of one on its plain files and of `part(path, offset, size)`, which gives that
 * range of a file (fewer bytes where the file ends), the whole of it when the host gives no ranges, null when there is no such
 * file, and throws as `read` does. Nothing more is read of a mirror that has the file under its own name. */
export function packedReader(read, part = read.part) {
  let packs = null;
  const indexes = new Map();
  let whole = null; // {path, data}: one file that its host does not give in parts

  const range = async (path, offset, size) => {
    if (!whole || whole.path !== path) {
      const data = await part(path, offset, size);
      if (data === null || data.length <= size) return data;
      whole = { path, data };
    }
    return whole.data.slice(offset, offset + size);
  };
  const indexOf = async ({ name, path, size, indexOffset, indexSize }) => {
    const kept = indexes.get(name);
    if (kept) return kept;
    const stored = await range(path, indexOffset, indexSize);
    if (stored === null || stored.length !== indexSize) return new Map();
    const found = parseIndex(stored, size);
    indexes.set(name, found);
    if (indexes.size > KEPT) indexes.delete(indexes.keys().next().value);
    return found;
  };
  const find = async (path, cap) => {
    for (const pack of packs) {
      const place = (await indexOf(pack)).get(path);
      if (!place) continue;
      const [offset, size] = place;
      if (size > cap) bad(`${path}: ${size} bytes in ${pack.path}, at most ${cap} are expected`);
      const data = size ? await range(pack.path, offset, size) : new Uint8Array();
      // Merged away just now, or cut short: an older pack may have it, or the next list.
      if (data && data.length === size) return data;
    }
    return null;
  };
  const list = async () => {
    const stored = await read('packs', LIST);
    packs = stored ? parsePacks(stored) : [];
    return JSON.stringify(packs);
  };
  const inPacks = async (path, cap) => {
    try {
      const before = packs ? JSON.stringify(packs) : await list();
      const data = await find(path, cap);
      if (data || !packs.length) return data;
      // Packs are merged into others while one reads: the list may be of yesterday.
      return (await list()) === before ? null : await find(path, cap);
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      throw new Unread(error.message);
    }
  };

  return async (path, cap) => {
    if (!/^(?:o|proof)\//.test(path)) return read(path, cap);
    const first = packs && packs.length ? inPacks : read;
    const data = await first(path, cap);
    return data === null ? (first === read ? inPacks : read)(path, cap) : data;
  };
}
