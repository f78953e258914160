// Articles and pictures, verified each time before they are given out.

import { MAX_PROOF, PIECE, SigningError, Unread, toBytes, toText, verifyBundle } from '../../../../signing/web/verify.mjs';
import { Failed } from '../net.mjs';
import { DIGEST, objectPath } from '../paths.mjs';
import { alarm } from './alarm.mjs';
import { readAny, readAt, readKept } from './bytes.mjs';
import { isKept, listed } from './lists.mjs';
import { begin, forgetArticle } from './memory.mjs';
import { Refused, refuse } from './refused.mjs';
import { emit } from './status.mjs';
import { SHORT, later } from './waiting.mjs';

const sessionOf = async (me) => (me.current ? me.current.session : me.home.over((path, cap) => readAny(me, path, cap), { lean: true }));

/** {bundle, document, verdict} of a verified article, all of it; `note` says how it is kept. Refused otherwise. */
export async function open(me, digest, note, given = null) {
  const session = given || (await sessionOf(me));
  const path = objectPath(digest);
  const item = listed(me).find(([, one]) => one.digest === digest);
  me.plans.set(path, Object.assign({ kind: 'article', size: item ? item[1].size : null }, note));
  let answer = await session.listed({ digest });
  if (!answer.verdict.authentic && answer.verdict.error === 'missing' && answer.verdict.current !== 'withdrawn') {
    const read = given ? readKept : readAny;
    const proof = await (given ? me.shelf.get(objectPath(digest, 'proof')) : proofOf(me, digest));
    const also = async (asked, cap) => {
      if (asked !== objectPath(digest, 'proof')) return read(me, asked, cap);
      if (proof === undefined) throw new Unread(`${asked} is not to be had just now`);
      return proof;
    };
    answer = await (await me.home.over(also, { lean: true })).article({ digest, kind: 'article' });
  }
  me.plans.delete(path);
  const { verdict, bundle } = answer;
  if (verdict.evidence) await alarm(me, verdict.evidence);
  if (verdict.current === 'withdrawn') {
    forgetArticle(me, digest);
    throw refuse(me, verdict);
  }
  if (!verdict.authentic || me.evidence) {
    // Only for what it is, not for what could not be had beside it.
    if (!given && verdict.check !== null) await me.shelf.drop(path);
    throw refuse(me, verdict, digest);
  }
  for (const { digest: name, size } of bundle.document.parts) {
    me.plans.set(objectPath(name), Object.assign({ kind: 'part', size }, note, { of: digest, read: false }));
  }
  const whole = await session.whole(bundle);
  if (!whole.verdict.authentic) throw refuse(me, whole.verdict, ...bundle.document.parts.map((part) => part.digest));
  const { document } = whole;
  me.documents.set(document, bundle);
  if (!given) me.bundles.set(digest, { bundle, document });
  return { bundle, document, verdict };
}

/** {document, verdict, from (an address, or "stored"), kept} of an article. Refused otherwise. */
export async function article(me, digest) {
  await begin(me);
  if (!DIGEST.test(digest)) throw new Refused('missing', 'not an article');
  if (me.evidence) throw new Refused('rejected', 'the publication contradicts itself');
  const path = objectPath(digest);
  me.sources.delete(path);
  const { document, verdict } = await open(me, digest, { read: true, kept: isKept(me, digest) });
  const note = me.shelf.note(path);
  if (note) me.shelf.touch(path, { read: true });
  later(me, SHORT, () => proofOf(me, digest));
  emit(me);
  const from = me.sources.get(path) || 'stored';
  return { document, verdict, from, kept: !!note && me.store.persistent };
}

/** The article's own proof: so that it can be verified when no edition lists it any more, and passed on. Null where none of
 * those asked has it, undefined where nobody answered. */
export async function proofOf(me, digest) {
  const path = objectPath(digest, 'proof');
  const from = me.sources.get(objectPath(digest));
  let stored = null;
  try {
    stored = await readAny(me, objectPath(digest), PIECE);
  } catch (error) {
    if (!(error instanceof Unread)) throw error;
  }
  if (!stored) return null;
  const proves = async (proof) => {
    if (proof === null) throw new Failed('missing', `${path} is missing`);
    try {
      await verifyBundle(stored, { digest, proof, trust: me.home.trust, schema: me.schema });
    } catch (error) {
      if (!(error instanceof SigningError)) throw error;
      throw new Failed('refused', `${path}: ${error.message}`);
    }
    return proof;
  };
  try {
    const kept = await me.shelf.get(path);
    if (kept) return await proves(kept);
  } catch (error) {
    if (!(error instanceof Failed)) throw error;
    await me.shelf.drop(path);
  }
  // No other mirror need know what is read.
  const queue = me.mirrors.rank(from);
  const attempt = async (mirror, { stop, alive }) => proves(await readAt(me, mirror, path, { cap: MAX_PROOF, stop, alive }));
  let data = null;
  try {
    data = await me.mirrors.race(() => queue.shift() || null, attempt, { stop: me.halt.signal });
  } catch (error) {
    if (!Array.isArray(error)) throw error;
    const said = (word) => error.some(([, { why }]) => why === word);
    me.spoilt[said('refused') ? 'add' : 'delete'](path);
    return said('missing') ? null : undefined;
  }
  me.spoilt.delete(path);
  // Nobody signed that line: a mirror could mark with it who passes this on, or have it look badly signed.
  data = toBytes(toText(data).replace(/\nextra .*/, ''));
  const note = me.shelf.note(objectPath(digest));
  if (note) await me.shelf.put(path, data, { kind: 'proof', of: digest, kept: note.kept });
  return data;
}

/** A picture of a document that was given out here; `alive` is told how many bytes there are. */
export async function picture(me, document, index, { alive } = {}) {
  const bundle = me.documents.get(document);
  const resource = bundle && bundle.document.resources[index];
  if (!resource || resource.role === 'evidence') throw new Refused('missing', 'no such picture');
  const path = objectPath(resource.digest);
  const { size } = resource;
  const note = me.shelf.note(objectPath(bundle.digest));
  if (note) me.plans.set(path, { kind: 'picture', of: bundle.digest, kept: note.kept, size });
  else me.plans.set(path, { size });
  const read = (asked, cap) => readAny(me, asked, cap, alive);
  const { verdict, bytes } = await (await me.home.over(read, { lean: true })).resource(bundle, index);
  if (!verdict.authentic) throw refuse(me, verdict, resource.digest);
  return new Blob([bytes], { type: resource.media_type });
}

/** The small picture of an item of a list, or of this digest. */
export async function thumbnail(me, item) {
  const digest = typeof item === 'string' ? item : item.thumbnail;
  if (!me.current) throw new Refused('missing', 'no such picture');
  me.plans.set(objectPath(digest), { kind: 'thumbnail' });
  const { verdict, bytes } = await me.current.session.thumbnail(digest);
  if (!verdict.authentic) throw refuse(me, verdict, digest);
  // Which kind it is a browser sees for itself; this one can hold no script.
  return new Blob([bytes], { type: 'image/webp' });
}
