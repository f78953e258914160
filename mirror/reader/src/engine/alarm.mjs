// The alarm: somebody proved that a key of the publication contradicted itself.

import { prove, toBytes } from '../../../../signing/web/verify.mjs';
import { readerAt } from './bytes.mjs';
import { parse } from './json.mjs';
import { emit } from './status.mjs';

/** Whether this proves that a key of the publication contradicted itself, and the root keys have not said that it was
 * stolen. Kept then, for good. */
export async function alarm(me, document) {
  if (me.evidence) return true;
  if (!(await alarming(me, document))) return false;
  me.evidence = document;
  await me.store.put('evidence', 'evidence', JSON.stringify(document));
  emit(me);
  return true;
}

/** What this proves, {type, origin, text}; rejects with BadEvidence when it proves nothing. Whoever accuses may have left out
 * the roots by which a key no longer counts alone. */
export const proven = (me, document) =>
  prove(toBytes(JSON.stringify(document)), { pin: me.publication.pin, now: me.clock.text(), roots: me.home.files });

/** Whether it proves something, and the root keys have not explained that. */
async function alarming(me, document) {
  try {
    await proven(me, document);
  } catch (_) {
    return false;
  }
  const logs = (me.home && me.home.trust && me.home.trust.logs) || [];
  const log = logs.find((one) => one.origin === document.origin);
  return document.type === 'trust' || !(log && log.frozen && !log.frozen.earlier);
}

/** An alarm that was raised before stays on, if what is kept still proves it. */
export async function recallEvidence(me) {
  const kept = await me.store.get('evidence', 'evidence');
  const document = typeof kept === 'string' ? parse(kept) : null;
  if (document && !me.evidence && (await alarming(me, document))) me.evidence = document;
}

/** With an alarm on: only whether the root keys have explained it. */
export async function explain(me) {
  const at = me.wiped;
  for (const mirror of me.mirrors.rank().slice(0, 5)) {
    if (at !== me.wiped) return false;
    const session = await me.home.over(readerAt(me, mirror, {}), { lean: true });
    await session.settle({ trust: true });
    if (me.evidence && !(await alarming(me, me.evidence))) {
      await me.store.put('evidence', 'explained', JSON.stringify(me.evidence));
      await me.store.delete('evidence', 'evidence');
      me.evidence = null;
      return true;
    }
  }
  return false;
}
