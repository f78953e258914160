// Where objects and proofs lie on a mirror, and on the shelf.

export const DIGEST = /^[0-9a-f]{64}$/;

/** The path of an object, or of an article's proof (`folder` "proof"). */
export const objectPath = (digest, folder = 'o') => `${folder}/${digest.slice(0, 2)}/${digest.slice(2)}`;

/** The digest in such a path. */
export const digestIn = (path) => path.slice(path.indexOf('/') + 1).replace('/', '');
