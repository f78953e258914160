// One question to one mirror; session.mjs answers it.

import { Unread } from './errors.mjs';
import { checkCurrent } from './later.mjs';
import { openSession } from './session.mjs';

export { Unread };

/** The verdict on what is asked, and what to remember: {verdict, memory, bundle, edition}, as session.mjs says.
 *
 *   read    async (path, cap) => bytes, or null for what is not there; throws Unread for what cannot be read
 *   pin     "sha256:…" of 1.root.json, or the bytes of a root that is trusted
 *   now     the clock, "2027-03-01T08:15:00Z"
 *   known   what `memory` was after the last visit, or null; plain data, to be stored by the caller
 *   schema  as `compileSchemas` makes it
 *   ask     {what: "front"}, {what: "article", digest, url?}, {what: "listed", digest} */
export async function judge({ read, pin, now, known = null, schema, ask }) {
  const session = await openSession({ read, pin, now, known, schema, later: checkCurrent });
  return session[ask.what](ask);
}
