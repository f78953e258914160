// Why something is not shown.

import { objectPath } from '../paths.mjs';

/** What was asked for can't be shown. `kind`: "unread" (not to be had just now), "missing" (no mirror has it), "rejected"
 * (what came is not what was signed; `check` is the number that failed), "withdrawn" (`withdrawal`: {time, reason?}). */
export class Refused extends Error {
  constructor(kind, reason, { check = null, withdrawal = null } = {}) {
    super(reason);
    Object.assign(this, { kind, check, reason, withdrawal });
  }
}

/** Why these files are not given out. */
export function refuse(me, verdict, ...digests) {
  const { error, check, reason: why, withdrawal } = verdict;
  if (verdict.current === 'withdrawn') return new Refused('withdrawn', why, { withdrawal });
  // Somebody has it, and it is not what it should be; or its proof is not.
  const [object, proof] = ['o', 'proof'].map((folder) => digests.some((one) => me.spoilt.has(objectPath(one, folder))));
  if (/^(?:missing|unread)$/.test(error)) {
    return object || proof ? new Refused('rejected', why, { check: object ? 2 : 9 }) : new Refused(error, why);
  }
  return new Refused('rejected', why, { check });
}
