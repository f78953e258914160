// Whom a reader trusts for what a mirror carries: the mirror's trust files and those known before, the newer ones win. What
// mirror/trusted.py says.

import { trustOf, unannounced } from './checks.mjs';
import { SigningError, TrustError } from './errors.mjs';
import { evidenceOf } from './evidence.mjs';
import { parseJson, same, toBytes } from './packing.mjs';
import { sameVersionContradiction, walk } from './trust.mjs';

/** What the trust files behind `read` say: the `view` of trust.mjs, with `document` and `stated` (who is trusted). */
export async function walked(read, { pin, now, schema }) {
  const view = await walk(read, { pin, now });
  const document = parseJson(view.trust);
  schema('trust', document);
  return Object.assign(view, { document, stated: trustOf(document, view.policy) });
}

/** The same of files by path as text, which were remembered or came with the reader; null when they are no good any more,
 * whatever is wrong: they may have been written by anybody. */
export async function walkedAgain(texts, around) {
  const files = new Map(Object.entries(texts || {}).map(([path, text]) => [path, toBytes(text)]));
  try {
    return files.size ? await walked(async (path) => files.get(path) || null, around) : null;
  } catch (error) {
    if (!(error instanceof SigningError)) throw error;
    return null;
  }
}

/** Only root and targets say who may sign; the other files are about dates. */
export const older = ({ versions: one }, { versions: other }) =>
  one.root < other.root || (one.root === other.root && one.targets < other.targets);

/** {view, note}: the newest roots of both with the newest targets of both, as far as those roots still vouch for them: a
 * mirror must not undo a newer trust.json by adding a newer root to an old one, nor the other way round. TrustError when
 * they are of different publications, or contradict each other: then the error has `evidence`. */
export async function newestOf(seen, served, around) {
  const { origin } = seen.stated;
  if (served.stated.origin !== origin) throw new TrustError(`this is not ${origin}`);
  await noContradiction(seen, served, around);
  const view = await newest(seen, served, around);
  return { view, note: unannounced(seen.stated, view.stated) };
}

async function newest(seen, served, around) {
  const [before, after] = older(served, seen) ? [served, seen] : [seen, served];
  if (before.versions.targets <= after.versions.targets) return after;
  // What stolen online keys said about versions must not lock anybody out (TUF 5.3.11).
  if (before.online.join() !== after.online.join()) return after;
  const files = new Map(after.files);
  for (const [path, data] of before.files) if (!path.endsWith('.root.json')) files.set(path, data);
  try {
    return await walked(async (path) => files.get(path) || null, around);
  } catch (error) {
    if (!(error instanceof TrustError)) throw error;
    return after;
  }
}

async function noContradiction(seen, served, { now }) {
  // All roots of both: what a key could sign alone once accuses nobody when it has become one of three.
  const roots = new Map([...served.files, ...seen.files]);
  const places = [];
  const shared = Math.min(seen.versions.root, served.versions.root);
  for (let version = 1; version <= shared; version++) places.push(['root', version]);
  if (seen.versions.targets === served.versions.targets) places.push(['targets', served.versions.targets]);
  for (const [role, version] of places) {
    const [one, other] = [seen, served].map((view) => view.files.get(`trust/${version}.${role}.json`));
    if (!one || !other || same(one, other) || !(await sameVersionContradiction(one, other, roots))) continue;
    const error = new TrustError(`two different files are both version ${version} of ${role}`);
    const { files } = served.versions.root > seen.versions.root ? served : seen;
    const { origin } = seen.stated;
    error.evidence = evidenceOf([one, other], { type: 'trust', origin, files, time: now, reason: error.message });
    throw error;
  }
}
