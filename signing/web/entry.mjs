// Log entries: what the log says was published. The specification is signing/entry.py.

import { FormatError, shown } from './errors.mjs';
import { MAX_JSON_NUMBER, checkDigest, checkTime, digestOf, fromDecimal, toBytes, toText } from './packing.mjs';

const FIRST = 'tamizdat entry v1';
export const MAX_BYTES = 300;

/** {kind, outlet, urlDigest, digest, size, time}, checked; outlet and urlDigest are null where the entry has "-". */
function checked(entry) {
  const { kind, outlet, urlDigest, digest, size, time } = entry;
  if (!['article', 'edition', 'withdrawal', 'trust'].includes(kind)) {
    throw new FormatError(`there are no log entries of kind ${shown(kind)}`);
  }
  if ((outlet === null) !== (urlDigest === null)) throw new FormatError('a log entry has outlet and URL, or neither');
  if (kind === 'article' ? outlet === null : kind !== 'withdrawal' && outlet !== null) {
    throw new FormatError(`a log entry of kind ${kind} has ${outlet === null ? 'no' : 'an'} outlet`);
  }
  if (outlet !== null && !/^[a-z0-9][a-z0-9-]{0,31}$/.test(outlet)) {
    throw new FormatError(`not an outlet id: ${shown(outlet)}`);
  }
  if (urlDigest !== null) checkDigest(urlDigest);
  checkDigest(digest);
  checkTime(time);
  if (!(size >= 1 && size <= MAX_JSON_NUMBER)) throw new FormatError(`a log entry cannot stand for ${size} bytes`);
  return entry;
}

export function encodeEntry({ kind, outlet, urlDigest, digest, size, time }) {
  return toBytes(`${FIRST}\n${kind}\n${outlet || '-'}\n${urlDigest || '-'}\n${digest} ${size}\n${time}\n`);
}

/** The entry in `data`. FormatError unless it is one, in its only spelling. */
export function parseEntry(data) {
  if (data.length > MAX_BYTES) throw new FormatError(`a log entry has at most ${MAX_BYTES} bytes, not ${data.length}`);
  const lines = toText(data).split('\n');
  if (lines.length !== 7 || lines[0] !== FIRST || lines[6]) {
    throw new FormatError(`a log entry is six lines, the first of them ${FIRST}`);
  }
  const space = `${lines[4]} `.indexOf(' ');
  return checked({
    kind: lines[1],
    outlet: lines[2] === '-' ? null : lines[2],
    urlDigest: lines[3] === '-' ? null : lines[3],
    digest: lines[4].slice(0, space),
    size: Number(fromDecimal(lines[4].slice(space + 1), BigInt(MAX_JSON_NUMBER))),
    time: lines[5],
  });
}

/** The entry for a bundle (or trust file) with this document, digest and size as stored. FormatError when the document
 * lacks what its entry needs. */
export function entryOf(document, digest, size) {
  const { kind, outlet, url } = document;
  if (kind === 'article') {
    if (!outlet || typeof outlet !== 'object' || typeof outlet.id !== 'string' || typeof url !== 'string') {
      throw new FormatError('an article has an outlet with an id, and a URL');
    }
    const time = checkTime(document.fetched);
    return checked({ kind, outlet: outlet.id, urlDigest: digestOf(toBytes(url)), digest, size, time });
  }
  if (kind !== 'edition' && kind !== 'trust') throw new FormatError(`a document of kind ${shown(kind)} has no log entry`);
  return checked({ kind, outlet: null, urlDigest: null, digest, size, time: checkTime(document.time) });
}
