// Strict gunzip, which stands alone: the page of the reader unpacks its own code with it before there is anything else.

import { crc32 } from './crc32.mjs';

const HEADER = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 0xff];

/** What stored bytes unpack to, at most `cap` bytes; or a text that says what is wrong: another header than that of a
 * stored object, a second member, bytes after the end, a wrong checksum, more than `cap` bytes. No more than `cap` bytes are
 * ever unpacked. */
export function unpack(stored, cap) {
  if (HEADER.some((byte, at) => stored[at] !== byte)) return 'not gzip with the header of a stored object';
  try {
    const { out, end } = inflate(stored, HEADER.length, cap);
    const sums = [crc32(out), out.length];
    const good = stored.length === end + 8 && sums.every((sum, word) =>
      [0, 8, 16, 24].every((shift, at) => stored[end + 4 * word + at] === ((sum >>> shift) & 255)));
    return good ? out : 'gzip checksum is wrong, or something follows the end';
  } catch (problem) {
    if (typeof problem !== 'string') throw problem;
    return problem;
  }
}

// Inflate of our own, since DecompressionStream cannot tell what follows the end, nor stop at a cap, and old browsers
// lack "deflate-raw". RFC 1951, a bit at a time as in Mark Adler's puff; it refuses what zlib refuses.
const LENGTH_BASE = [
  3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258,
];
const LENGTH_EXTRA = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
const ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

function inflate(data, at, cap) {
  let out = new Uint8Array(Math.min(cap, 65536));
  let size = 0;
  let held = 0;
  let count = 0;

  const bad = (what) => `damaged gzip: ${what}`;
  const bits = (wanted) => {
    while (count < wanted) {
      if (at >= data.length) throw 'gzip ends too early';
      held |= data[at++] << count;
      count += 8;
    }
    const value = held & ((1 << wanted) - 1);
    held >>>= wanted;
    count -= wanted;
    return value;
  };
  const put = (byte) => {
    if (size >= cap) throw `unpacks to more than ${cap} bytes`;
    if (size === out.length) {
      const larger = new Uint8Array(Math.min(cap, size * 2));
      larger.set(out);
      out = larger;
    }
    out[size++] = byte;
  };
  // A Huffman code as the number of codes of each length, and the symbols in order.
  const code = (lengths, what) => {
    const counts = new Array(16).fill(0);
    for (const length of lengths) counts[length]++;
    const used = lengths.length - counts[0];
    let left = 1;
    for (let length = 1; length < 16; length++) {
      left = left * 2 - counts[length];
      if (left < 0) throw bad(`${what} are too many`);
    }
    // Incomplete codes are refused as zlib does: only one code of one bit, or none at all, may stand alone.
    if (left > 0 && used > 0 && (what === 'code lengths' || counts[1] !== used)) throw bad(`${what} are incomplete`);
    const symbols = [];
    for (let length = 1; length < 16; length++) {
      for (let symbol = 0; symbol < lengths.length; symbol++) if (lengths[symbol] === length) symbols.push(symbol);
    }
    return { counts, symbols };
  };
  const decode = ({ counts, symbols }) => {
    let value = 0;
    let first = 0;
    let index = 0;
    for (let length = 1; length < 16; length++) {
      value |= bits(1);
      if (value - counts[length] < first) return symbols[index + value - first];
      index += counts[length];
      first = (first + counts[length]) << 1;
      value <<= 1;
    }
    throw bad('no such code');
  };
  const dynamic = () => {
    const literals = bits(5) + 257;
    const distances = bits(5) + 1;
    const known = bits(4) + 4;
    if (literals > 286 || distances > 30) throw bad('too many codes');
    const lengths = new Array(19).fill(0);
    for (let place = 0; place < known; place++) lengths[ORDER[place]] = bits(3);
    const meta = code(lengths, 'code lengths');
    const all = [];
    while (all.length < literals + distances) {
      const symbol = decode(meta);
      if (symbol < 16) {
        all.push(symbol);
        continue;
      }
      if (symbol === 16 && !all.length) throw bad('nothing to repeat');
      const value = symbol === 16 ? all[all.length - 1] : 0;
      let repeat = symbol === 16 ? 3 + bits(2) : symbol === 17 ? 3 + bits(3) : 11 + bits(7);
      if (all.length + repeat > literals + distances) throw bad('too many lengths');
      while (repeat--) all.push(value);
    }
    if (!all[256]) throw bad('no end of block');
    return [code(all.slice(0, literals), 'literals'), code(all.slice(literals), 'distances')];
  };
  const fixed = () => {
    const lengths = Array.from({ length: 288 }, (_, n) => (n < 144 ? 8 : n < 256 ? 9 : n < 280 ? 7 : 8));
    return [code(lengths, 'literals'), code(new Array(32).fill(5), 'distances')];
  };

  let last = 0;
  while (!last) {
    last = bits(1);
    const type = bits(2);
    if (type === 3) throw bad('no such block');
    if (type === 0) {
      held = 0;
      count = 0;
      const length = bits(16);
      if (bits(16) !== (length ^ 0xffff)) throw bad('a stored block');
      if (at + length > data.length) throw 'gzip ends too early';
      for (let left = length; left; left--) put(data[at++]);
      continue;
    }
    const [literals, distances] = type === 1 ? fixed() : dynamic();
    for (;;) {
      const symbol = decode(literals);
      if (symbol === 256) break;
      if (symbol < 256) {
        put(symbol);
        continue;
      }
      if (symbol > 285) throw bad('no such length');
      let length = LENGTH_BASE[symbol - 257] + bits(LENGTH_EXTRA[symbol - 257]);
      const place = decode(distances);
      if (place > 29) throw bad('no such distance');
      const extra = place < 4 ? 0 : (place >> 1) - 1;
      const distance = place < 4 ? place + 1 : ((2 + (place & 1)) << extra) + 1 + bits(extra);
      if (distance > size) throw bad('a distance before the beginning');
      while (length--) put(out[size - distance]);
    }
  }
  return { out: out.subarray(0, size), end: at };
}
