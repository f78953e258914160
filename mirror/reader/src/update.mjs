// A newer reader: its size and digest stand in the trust files, signed by the root keys, so the old reader vouches for
// it.

import { digestOf, toText } from '../../../signing/web/verify.mjs';
import { dataIn, withState } from './share.mjs';

/** What is on offer, {size, digest, save()}, or null. `save({withState})` gives the new file as a Blob; with
 * `withState` it remembers what this reader does. Nothing replaces the file that is open: a browser can't, and one that
 * did could be made to. Throws what `engine.newer` throws, and Error for a file that is not of this publication. */
export async function newerReader(engine, { publication }) {
  const found = await engine.newer();
  if (!found) return null;
  const { size, digest } = found;
  return {
    size,
    digest,
    async save({ withState: remembering = false } = {}) {
      const bytes = await found.bytes();
      if (bytes.length !== size || digestOf(bytes) !== digest) {
        throw new Error('what came is not the reader that was signed');
      }
      const text = toText(bytes);
      // Whoever signs trust files for two publications could mix them up, and this reader would be lost.
      const { pin } = dataIn(text, 'publication') || {};
      if (pin !== publication.pin) throw new Error('the newer reader is of another publication');
      // As it was signed, it has nothing in `#state`.
      if (!remembering) return new Blob([bytes], { type: 'text/html' });
      return new Blob([withState(text, engine.snapshot())], { type: 'text/html' });
    },
  };
}
