// How bytes, numbers and documents are written: one accepted spelling each. The specification is signing/packing.py.
//
// Numbers of logs go to 2^63-1 and are BigInt; numbers in documents go to 2^53-1 and are numbers.

import { FormatError, shown } from './errors.mjs';
import { unpack } from './gunzip.mjs';
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

/** What stored bytes unpack to, at most `cap` bytes. FormatError for another header, a second member, bytes after the
 * end, a wrong checksum, or more than `cap` bytes; no more than `cap` bytes are ever unpacked. */
export function gunzip(stored, cap) {
  const out = unpack(stored, cap);
  if (typeof out === 'string') throw new FormatError(out);
  return out;
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
