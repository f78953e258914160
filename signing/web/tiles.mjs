// The log as static files (C2SP tlog-tiles), read and bound to a signed root. The specification is signing/tiles.py.

import { BadProof, FormatError } from './errors.mjs';
import { nodeHash, rangeHash } from './merkle.mjs';
import { same } from './packing.mjs';

export const MAX_TILE_BYTES = 8192;
export const MAX_ENTRIES_BYTES = 256 * 65537;
// What a tile of entries of a log of ours can have: entries have at most 300 bytes.
export const LOG_ENTRIES_BYTES = 256 * (2 + 300);

/** Where a mirror has a tile: `level` a number or "entries". */
export function tilePath(level, number, width = 256) {
  const digits = String(number);
  const groups = digits.padStart(Math.ceil(digits.length / 3) * 3, '0').match(/.../g);
  const last = groups.pop();
  const name = `tile/${level}/${groups.map((group) => `x${group}/`).join('')}${last}`;
  return width === 256 ? name : `${name}.p/${width}`;
}

/** A reader of the tiles of the log (size, root). `readFile(path)` gives a file's bytes, null when there is none.
 *   hash(level, index)          as `read` of merkle.mjs; BadProof or FormatError when the tiles do not lead to the root
 *   leaves(number)              the hashes of the entries from 256 * number on
 *   file(level, number, width)  [bytes, width] of a tile as it is there, of which nothing is believed yet */
export function tileHashes(size, root, readFile) {
  const cache = new Map(); // as promises: whoever asks twice waits for one answer
  const once = (name, make) => {
    if (!cache.has(name)) cache.set(name, make());
    return cache.get(name);
  };

  const file = async (level, number, width) => {
    let data = await readFile(tilePath(level, number, width));
    let found = width;
    // A partial tile may be gone when the full one is there.
    if (data === null && width < 256) data = await readFile(tilePath(level, number, (found = 256)));
    if (data === null) throw new BadProof(`${tilePath(level, number, width)} is missing`);
    return [data, found];
  };
  const hashesOf = async (level, number, width) => {
    const [data, found] = await file(level, number, width);
    if (data.length !== found * 32) throw new FormatError(`a tile of ${found} hashes has ${data.length} bytes`);
    const rows = [[]];
    for (let at = 0; at < width; at++) rows[0].push(data.slice(32 * at, 32 * at + 32));
    for (let row = 0; row < 8; row++) {
      const above = [];
      for (let at = 0; at + 1 < rows[row].length; at += 2) above.push(nodeHash(rows[row][at], rows[row][at + 1]));
      rows.push(above);
    }
    return rows;
  };
  // The partial tiles at the right edge must add up to the root.
  const edge = () =>
    once('edge', async () => {
      const rows = new Map();
      for (let level = 0n; size >> (8n * level); level++) {
        const count = size >> (8n * level);
        if (count % 256n) rows.set(level, await hashesOf(level, count / 256n, Number(count % 256n)));
      }
      const found = await rangeHash(0n, size, (level, index) => {
        const row = Number(level % 8n);
        return rows.get(level / 8n)[row][Number(index % (256n >> (level % 8n)))];
      });
      if (!same(found, root)) throw new BadProof(`the tiles of the log of ${size} add up to another root`);
      return rows;
    });
  const tile = async (level, number) => {
    if (number === size >> (8n * level + 8n)) return (await edge()).get(level);
    return once(`${level} ${number}`, async () => {
      const above = (await tile(level + 1n, number / 256n))[0][Number(number % 256n)];
      const rows = await hashesOf(level, number, 256);
      if (!same(rows[8][0], above)) throw new BadProof(`${tilePath(level, number)} does not fit the level above`);
      return rows;
    });
  };
  const hash = async (level, index) => {
    if ((index + 1n) << level > size) throw new BadProof(`a log of ${size} has no such subtree`);
    const row = level % 8n;
    const number = index >> (8n - row);
    return (await tile(level / 8n, number))[Number(row)][Number(index - (number << (8n - row)))];
  };
  const leaves = async (number) => (await tile(0n, number))[0];
  return { size, root, hash, leaves, file };
}
