// Passing on, and taking in what somebody else hands over.

import { PIECE, digestOf, frontOf } from '../../../../signing/web/verify.mjs';
import { Failed } from '../net.mjs';
import { DIGEST, digestIn, objectPath } from '../paths.mjs';
import { alarm, proven } from './alarm.mjs';
import { open, proofOf } from './articles.mjs';
import { readAny, readKept } from './bytes.mjs';
import { parse } from './json.mjs';
import { begin, commit, showKept } from './memory.mjs';
import { Refused, refuse } from './refused.mjs';
import { emit } from './status.mjs';

/** The verdict on what is in somebody's file: {verdict, bundle, edition, …} as the judge gives it; `ask` {digest, url?} */
export async function judgeFiles(me, read, ask) {
  await begin(me);
  const question = { digest: ask.digest, url: ask.url || null, kind: 'article' };
  let session = await me.home.over(read, { lean: true });
  let answer = await session.article(question);
  if (answer.verdict.authentic && session.due.includes('tiles')) {
    // A stranger may have it from another history of the log. Mirrors have tiles, a pack has none.
    const also = async (path, cap) => (/^(?:log\/[^/]+\/)?tile\/[0-9]/.test(path) ? tileOf(me, path, cap) : read(path, cap));
    const second = await me.home.over(also, { lean: false });
    const found = await second.article(question);
    if (found.verdict.authentic || found.verdict.evidence) [session, answer] = [second, found];
  }
  const { verdict } = answer;
  if (verdict.evidence) await alarm(me, verdict.evidence);
  if (!verdict.authentic) return answer;
  const whole = await session.whole(answer.bundle);
  if (!whole.verdict.authentic) return Object.assign({}, answer, { verdict: whole.verdict, bundle: null });
  me.documents.set(whole.document, answer.bundle);
  return Object.assign({}, answer, { document: whole.document });
}

/** A tile from whichever mirror has one; what it is worth is seen where its hashes lead. */
async function tileOf(me, path, cap) {
  try {
    return (await me.mirrors.object(path, { check: async () => {}, cap, stop: me.halt.signal })).data;
  } catch (error) {
    if (error instanceof Failed && error.why === 'missing') return null;
    throw error;
  }
}

/** Take in a pack's files (Map of bytes by path): what verifies is kept, {digest, verdict, document}. Refused otherwise. */
export async function adopt(me, files, digest = aboutOf(files)) {
  if (!digest) throw new Refused('missing', 'it is not said which article this is');
  const read = async (path) => files.get(path) || null;
  const { verdict, bundle, document } = await judgeFiles(me, read, { digest });
  if (!verdict.authentic || me.evidence || verdict.current === 'withdrawn') throw refuse(me, verdict);
  const wanted = [[objectPath(digest), 'article'], [objectPath(digest, 'proof'), 'proof']];
  for (const part of bundle.document.parts) wanted.push([objectPath(part.digest), 'part']);
  for (const { digest: name, size, role } of bundle.document.resources) {
    const path = objectPath(name);
    const data = role !== 'evidence' && files.get(path);
    if (data && data.length === size && digestOf(data) === name) wanted.push([path, 'picture']);
  }
  for (const [path, kind] of wanted) {
    await me.shelf.put(path, files.get(path), { kind, of: kind === 'article' ? null : digest, read: kind === 'article' });
  }
  me.bundles.set(digest, { bundle, document });
  await commit(me);
  if (files.has('front')) await showKept(me);
  emit(me);
  return { digest, verdict, document };
}

/** The article that a pack is about, by its pack.json or because there is no other proof in it; or null. */
function aboutOf(all) {
  const said = all.has('pack.json') ? parse(new TextDecoder().decode(all.get('pack.json').subarray(0, 4096))) : null;
  const proofs = Array.from(all.keys()).filter((path) => path.startsWith('proof/'));
  const digest = said ? said.digest : proofs.length === 1 ? digestIn(proofs[0]) : null;
  return typeof digest === 'string' && DIGEST.test(digest) ? digest : null;
}

/** What a document of evidence proves, {type, origin, text}: the alarm is on then, unless the root keys have explained it.
 * Rejects with BadEvidence when it proves nothing. */
export async function accuse(me, document) {
  await begin(me);
  const found = await proven(me, document);
  await alarm(me, document);
  return found;
}

/** What a pack of this article needs: Map of bytes by path. Refused when it can't be completed. */
export async function files(me, digest) {
  await begin(me);
  const { bundle } = me.bundles.get(digest) || (await open(me, digest, {}));
  const out = new Map();
  out.set(objectPath(digest), await readAny(me, objectPath(digest), PIECE));
  for (const part of bundle.document.parts) out.set(objectPath(part.digest), await readAny(me, objectPath(part.digest), PIECE));
  for (const { digest: name, role } of bundle.document.resources) {
    const data = role !== 'evidence' && (await readKept(me, objectPath(name)));
    if (data) out.set(objectPath(name), data);
  }
  const proof = await proofOf(me, bundle.digest);
  if (!proof) throw new Refused('unread', 'its proof is not to be had just now');
  out.set(objectPath(digest, 'proof'), proof);
  for (const [path, data] of me.home.files) out.set(path, data);
  const front = frontOf(me.home.memory);
  if (front) out.set('front', front);
  if (me.current) out.set('checkpoint', me.current.edition.note);
  for (const data of out.values()) if (!data) throw new Refused('unread', 'not all of it is to be had just now');
  return out;
}
