// How bytes, numbers and documents are written: one accepted spelling each. The specification is signing/packing.py.
//
// Numbers of logs go to 2^63-1 and are BigInt; numbers in documents go to 2^53-1 and are numbers.

import { FormatError, shown } from './errors.mjs';
import { sha256 } from './sha2.mjs';

export const MAX_NUMBER = 2n ** 63n - 1n;
export const MAX_JSON_NUMBER = 9007199254740991;
export const MAX_DEPTH = 64;

// --- bytes and text --------------------------------------------------------------------------------------------------

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export const toBytes = (text) => encoder.encode(text);

/** The text of UTF-8 bytes; a byte order mark stays. FormatError if they are none. */
export function toText(bytes) {
  try {
    return decoder.decode(bytes);
  } catch (_) {
    throw new FormatError('not UTF-8');
  }
}

export function join(...parts) {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

export function same(one, other) {
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}

export const toHex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

/** The bytes of lower-case hex that is known to be well formed. */
export const fromHex = (text) => Uint8Array.from(text.match(/../g) || [], (pair) => parseInt(pair, 16));

export const digestOf = (bytes) => toHex(sha256(bytes));

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

export function toBase64(bytes) {
  let out = '';
  for (let at = 0; at < bytes.length; at += 3) {
    const left = bytes.length - at;
    const three = (bytes[at] << 16) | (bytes[at + 1] << 8) | bytes[at + 2];
    out += ALPHABET[three >> 18] + ALPHABET[(three >> 12) & 63];
    out += (left > 1 ? ALPHABET[(three >> 6) & 63] : '=') + (left > 2 ? ALPHABET[three & 63] : '=');
  }
  return out;
}

/** The bytes that base64 text stands for. FormatError unless it is exactly what `toBase64` writes. */
export function fromBase64(text) {
  if (text.length % 4 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) throw new FormatError('not base64');
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const out = new Uint8Array((text.length / 4) * 3 - padding);
  let bits = 0;
  let held = 0;
  let at = 0;
  for (let place = 0; place < text.length - padding; place++) {
    held = ((held << 6) | ALPHABET.indexOf(text[place])) & 0xffff;
    bits += 6;
    if (bits >= 8) out[at++] = held >> (bits -= 8);
  }
  if (held & ((1 << bits) - 1)) throw new FormatError('base64 is not in its canonical form');
  return out;
}

/** A number from 0 to `limit`, as BigInt. FormatError for any other spelling than `0|[1-9][0-9]*`. */
export function fromDecimal(text, limit = MAX_NUMBER) {
  if (!/^(?:0|[1-9][0-9]{0,18})$/.test(text) || BigInt(text) > limit) {
    throw new FormatError(`not a number from 0 to ${limit}: ${shown(text)}`);
  }
  return BigInt(text);
}

export function checkDigest(text) {
  if (typeof text !== 'string' || !/^[0-9a-f]{64}$/.test(text)) {
    throw new FormatError(`not 64 lower-case hex digits: ${shown(text)}`);
  }
  return text;
}

/** `text`, which is a UTC time that exists, written `YYYY-MM-DDTHH:MM:SSZ`. FormatError otherwise. */
export function checkTime(text) {
  const parts =
    typeof text === 'string' &&
    /^([0-9]{4})-([0-9]{2})-([0-9]{2})T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z$/.exec(text);
  if (!parts) throw new FormatError(`not a time like 2027-03-01T08:15:00Z: ${shown(text)}`);
  const [year, month, day] = parts.slice(1).map(Number);
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const days = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1];
  if (year < 1 || !days || day < 1 || day > days) throw new FormatError(`no such time: ${text}`);
  return text;
}

// --- gzip ------------------------------------------------------------------------------------------------------------

const GZIP_HEADER = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 0xff);

let crcTable = null;

function crc32(bytes) {
  if (!crcTable) {
    crcTable = Int32Array.from({ length: 256 }, (_, n) => {
      for (let bit = 0; bit < 8; bit++) n = n & 1 ? (n >>> 1) ^ 0xedb88320 : n >>> 1;
      return n;
    });
  }
  let crc = -1;
  for (const byte of bytes) crc = (crc >>> 8) ^ crcTable[(crc ^ byte) & 255];
  return ~crc >>> 0;
}

/** What stored bytes unpack to, at most `cap` bytes. FormatError for another header, a second member, bytes after the
 * end, a wrong checksum, or more than `cap` bytes; no more than `cap` bytes are ever unpacked. */
export function gunzip(stored, cap) {
  if (!same(stored.subarray(0, 10), GZIP_HEADER)) throw new FormatError('not gzip with the header of a stored object');
  const { out, end } = inflate(stored, 10, cap);
  const expected = [crc32(out), out.length].map((n) => [n & 255, (n >> 8) & 255, (n >> 16) & 255, n >>> 24]);
  if (!same(stored.subarray(end), Uint8Array.from(expected[0].concat(expected[1])))) {
    throw new FormatError('gzip checksum is wrong, or something follows the end');
  }
  return out;
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

  const bad = (what) => new FormatError(`damaged gzip: ${what}`);
  const bits = (wanted) => {
    while (count < wanted) {
      if (at >= data.length) throw new FormatError('gzip ends too early');
      held |= data[at++] << count;
      count += 8;
    }
    const value = held & ((1 << wanted) - 1);
    held >>>= wanted;
    count -= wanted;
    return value;
  };
  const put = (byte) => {
    if (size >= cap) throw new FormatError(`unpacks to more than ${cap} bytes`);
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
      if (at + length > data.length) throw new FormatError('gzip ends too early');
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

// --- JSON ------------------------------------------------------------------------------------------------------------

/** The document in `bytes`: objects without prototype, arrays, strings, numbers, booleans, null. FormatError for all that
 * signing/packing.py refuses. `lax` also takes line breaks between tokens and negative numbers, as TUF metadata may. */
export function parseJson(bytes, lax = false) {
  const line = !lax && bytes[bytes.length - 1] === 10 ? bytes.subarray(0, -1) : bytes;
  if (!lax && line.some((byte) => byte < 32)) throw new FormatError('JSON is not one line');
  const text = toText(line);
  let at = 0;

  const bad = (what) => new FormatError(`not JSON at character ${at}: ${what}`);
  const blank = () => {
    while (text[at] === ' ' || text[at] === '\n' || text[at] === '\r' || text[at] === '\t') at++;
  };
  const string = () => {
    let out = '';
    let from = ++at;
    for (;;) {
      const c = text[at];
      if (c === undefined || c < ' ') throw bad('a string without end');
      if (c !== '"' && c !== '\\') {
        at++;
        continue;
      }
      out += text.slice(from, at++);
      if (c === '"') break;
      const escape = text[at++];
      const plain = '"\\/bfnrt'.indexOf(escape || ' ');
      if (plain >= 0) out += '"\\/\b\f\n\r\t'[plain];
      else if (escape === 'u' && /^[0-9A-Fa-f]{4}$/.test(text.slice(at, at + 4))) {
        out += String.fromCharCode(parseInt(text.slice(at, at + 4), 16));
        at += 4;
      } else throw bad('an escape');
      from = at;
    }
    if (/[\ud800-\udfff]/u.test(out)) throw new FormatError('JSON text holds half of a surrogate pair');
    return out;
  };
  const number = () => {
    const digits = /^-?(?:0|[1-9][0-9]*)/.exec(text.slice(at, at + 30));
    if (!digits || /[.eE]/.test(text[at + digits[0].length] || '')) throw bad('not a whole number');
    at += digits[0].length;
    if (digits[0].length > 17 || (digits[0][0] === '-' && !lax) || Math.abs(digits[0]) > MAX_JSON_NUMBER) {
      throw new FormatError(`JSON number is not from 0 to 2^53-1: ${digits[0].slice(0, 20)}`);
    }
    return Number(digits[0]);
  };
  const members = (close, one) => {
    at++;
    blank();
    if (text[at] === close) {
      at++;
      return;
    }
    for (;;) {
      one();
      blank();
      const c = text[at++];
      if (c === close) return;
      if (c !== ',') throw bad(`expected , or ${close}`);
      blank();
    }
  };
  const value = (depth) => {
    if (depth > MAX_DEPTH) throw new FormatError(`JSON is nested deeper than ${MAX_DEPTH}`);
    blank();
    const c = text[at];
    if (c === '"') return string();
    if (c === '[') {
      const list = [];
      members(']', () => list.push(value(depth + 1)));
      return list;
    }
    if (c === '{') {
      // No prototype: a member called __proto__ is a member.
      const object = Object.create(null);
      members('}', () => {
        if (text[at] !== '"') throw bad('a name');
        const name = string();
        if (name in object) throw new FormatError(`JSON object names "${shown(name)}" twice`);
        blank();
        if (text[at++] !== ':') throw bad('expected :');
        object[name] = value(depth + 1);
      });
      return object;
    }
    for (const [word, meaning] of [['true', true], ['false', false], ['null', null]]) {
      if (text.startsWith(word, at)) {
        at += word.length;
        return meaning;
      }
    }
    return number();
  };

  const document = value(1);
  blank();
  if (at < text.length) throw bad('something follows the end');
  return document;
}
