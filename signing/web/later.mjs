// Check 13 by the log: what was published about the address of an article after it. That may be a lot to read, so a page that
// must be small and quick does without.

import { checkOf, listedIn } from './checks.mjs';
import { BadProof, FormatError } from './errors.mjs';
import { parseEntry } from './entry.mjs';
import { leafHash } from './merkle.mjs';
import { same } from './packing.mjs';
import { tilePath } from './tiles.mjs';

// How much of the log is read to learn whether an article was revised later: about 50,000 entries.
const SCAN_BYTES = 8 << 20;

/** Check 13 of an article and the verdict ("current", "superseded", "withdrawn", "unknown"), by the newest edition known:
 * {check, current, withdrawn}. `tilesOf({origin, size, root})` gives the tiles of a log (tiles.mjs); `withdrawn` is a Map of
 * {time} by digest, of what the entries say that came by. What reading throws goes through. */
export async function checkCurrent(bundle, edition, trust, tilesOf) {
  const withdrawn = new Map();
  const entries = (log, start, end) => entriesOf(edition, log, start, end, tilesOf, withdrawn);
  const [current, detail] = listedIn(bundle, edition.document) || (await followed(bundle, edition, trust, entries));
  return { check: checkOf(13, current === 'current', detail), current, withdrawn };
}

async function followed(bundle, edition, trust, entries) {
  const ranges = laterEntries(bundle, edition, trust);
  if (!ranges) return ['unknown', 'the newest edition here is older than this article, or of another log'];
  let superseded = null;
  let unread = null;
  for (const { log, start, end } of ranges) {
    const list = await entries(log, start, end);
    for (let at = 0; at < list.length; at++) {
      const entry = list[at];
      if (entry.urlDigest !== bundle.entry.urlDigest || entry.outlet !== bundle.entry.outlet) continue;
      const place = `log entry ${start + BigInt(at)} of ${entry.time}`;
      if (entry.kind === 'withdrawal') return ['withdrawn', `withdrawn by ${place}`];
      superseded = superseded || `superseded by ${place}`;
    }
    const read = start + BigInt(list.length);
    if (read < end) {
      unread = `not revised before entry ${read} of the log ${log.origin}; not read on`;
      break;
    }
  }
  if (superseded) return ['superseded', superseded];
  if (unread) return ['unknown', unread];
  return ['current', `no later entry about this address among ${edition.checkpoint.size}`];
}

/** Where the entries after this bundle's stand, up to this edition's checkpoint: [{log, start, end}], or null when the
 * edition is not newer. */
export function laterEntries(bundle, edition, trust) {
  const place = (one) => trust.logs.findIndex((log) => log.origin === one.checkpoint.origin);
  const first = place(bundle);
  const last = place(edition);
  if (first < 0 || last < 0 || first > last) return null;
  const ranges = trust.logs.slice(first, last + 1).map((log, at) => ({
    log,
    start: at === 0 ? bundle.index + 1n : 0n,
    end: first + at === last ? edition.checkpoint.size : log.frozen ? log.frozen.size : 0n,
  }));
  return ranges.some(({ start, end }) => start > end) ? null : ranges;
}

/** The entries of a log from `start` up to `end`, as many as a reader can be asked to load. */
async function entriesOf(edition, log, start, end, tilesOf, withdrawn) {
  const { size, root } = log.origin === edition.checkpoint.origin ? edition.checkpoint : log.frozen;
  const tiles = tilesOf({ origin: log.origin, size, root });
  const list = [];
  let bytes = 0;
  for (let at = start; at < end && bytes <= SCAN_BYTES; ) {
    const tile = await entriesTile(tiles, at / 256n);
    for (const data of tile.slice(Number(at % 256n))) {
      bytes += data.length;
      const entry = parseEntry(data);
      if (entry.kind === 'withdrawal') withdrawn.set(entry.digest, { time: entry.time });
      list.push(entry);
    }
    at = (at / 256n + 1n) * 256n;
  }
  return list;
}

/** The bytes of the entries from 256 * number on, as far as the log goes. */
async function entriesTile(tiles, number) {
  const left = tiles.size - number * 256n;
  if (left < 1n) throw new BadProof(`a log of ${tiles.size} has no entries tile ${number}`);
  const width = left < 256n ? Number(left) : 256;
  const [data, found] = await tiles.file('entries', number, width);
  const list = [];
  for (let at = 0; at < data.length; ) {
    const start = at + 2;
    at = start + ((data[start - 2] << 8) | data[start - 1]);
    if (start > data.length || at > data.length || list.length === 256) {
      throw new FormatError('an entries tile ends inside an entry or has more than 256');
    }
    list.push(data.subarray(start, at));
  }
  if (list.length !== found) throw new FormatError(`an entries tile has ${list.length} entries instead of ${found}`);
  const wanted = await tiles.leaves(number);
  const own = list.slice(0, width);
  if (!own.every((entry, at) => same(leafHash(entry), wanted[at]))) {
    throw new BadProof(`${tilePath('entries', number, width)}: its entries are not those of the log`);
  }
  return own;
}
