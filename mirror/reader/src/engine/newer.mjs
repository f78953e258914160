// A newer reader.

import { parseJson, verifyObject } from '../../../../signing/web/verify.mjs';
import { Failed } from '../net.mjs';
import { begin } from './memory.mjs';
import { Refused } from './refused.mjs';

const MAX_READER = 1 << 20;

/** {size, digest, bytes()} of a newer reader that the root keys vouch for, or null. */
export async function newer(me) {
  await begin(me);
  if (me.evidence || !me.home.trust) return null;
  const version = (paths) => Math.max(0, ...paths.map((path) => Number((/^trust\/([0-9]+)\.targets\.json$/.exec(path) || [])[1] || 0)));
  const { targets } = me.home.trust.versions;
  // The file came with the trust files of the day before it was listed itself.
  if (targets <= version(Object.keys(me.publication.trust || {}))) return null;
  const { signed } = parseJson(me.home.files.get(`trust/${targets}.targets.json`), true);
  const target = signed.targets['reader.html'];
  if (!target || target.hashes.sha256 === me.build || target.length > MAX_READER) return null;
  const { length: size, hashes: { sha256: digest } } = target;
  return {
    size,
    digest,
    async bytes({ alive } = {}) {
      const check = (data) => verifyObject(data, digest, size, MAX_READER);
      try {
        const path = `trust/targets/${digest}.reader.html`;
        return (await me.mirrors.object(path, { check, size, cap: MAX_READER, alive })).data;
      } catch (error) {
        if (!(error instanceof Failed)) throw error;
        throw new Refused(error.why === 'missing' ? 'missing' : 'unread', error.message);
      }
    },
  };
}
