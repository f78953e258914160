// Ed25519 and SHA-256, by WebCrypto where it gives the right answers, else in JavaScript.
//
// The right answers are OpenSSL's, which the Python verifier asks: S must be below the group's order, the equation is
// checked without the cofactor, R is compared as bytes, and keys of small order or in a non-canonical encoding count for
// what they are. Browsers differ on the last two (WebCrypto's draft wants small order refused, some libraries clear the
// cofactor), so a native implementation is used only after it has answered a few known questions, and never for keys or
// points of small order. Nobody who has only honest keys ever meets these cases.

import { BASE, P, ZERO, add, double, negated, numberOf, pointOf } from './curve.mjs';
import { join, fromHex, toHex } from './packing.mjs';
import { sha256, sha512 } from './sha2.mjs';

export { sha256, sha512 };

const N = 2n ** 252n + 27742317777372353535851937790883648493n;

// y of all points of order 1, 2, 4 and 8, also where they are not reduced below p. RFC 7748's curve has no others.
const EIGHTH = 0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd83d3d706a17c7n;
const SMALL = [0n, 1n, P - 1n, P, P + 1n, EIGHTH, P - EIGHTH];

const isSmall = (point) => SMALL.includes(number(point) & (2n ** 255n - 1n));

/** Whether `signature` is the key's over `message`, in JavaScript: 3 ms. */
export async function verifyHere(publicKey, signature, message) {
  if (publicKey.length !== 32 || signature.length !== 64) return false;
  const s = number(signature.subarray(32));
  const key = pointOf(number(publicKey));
  if (s >= N || !key) return false;
  const r = signature.subarray(0, 32);
  const k = number(await hashed(512, join(r, publicKey, message))) % N;
  // s*B - k*A, both multiplications in one pass (Shamir's trick).
  const minus = negated(key);
  const table = [null, BASE, minus, add(BASE, minus)];
  let sum = ZERO;
  for (let bit = 252n; bit >= 0n; bit--) {
    sum = double(sum);
    const addend = table[Number(((s >> bit) & 1n) | (((k >> bit) & 1n) << 1n))];
    if (addend) sum = add(sum, addend);
  }
  return numberOf(sum) === number(r);
}

const number = (bytes) => BigInt(`0x${toHex(Uint8Array.from(bytes).reverse())}`);

// --- WebCrypto -------------------------------------------------------------------------------------------------------

// Public key, signature of the byte 0x72, and OpenSSL's verdict: RFC 8032 7.1 test 2; the same with S + N; a signature whose R
// has a component of order 8, which only checking with the cofactor accepts.
const RFC_KEY = '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c';
const RFC_R = '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da';
const QUESTIONS = [
  [RFC_KEY, `${RFC_R}085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00`, true],
  [RFC_KEY, `${RFC_R}f52db7415978abc61b2c2eb6aeebfca0387b2eaeb4302aeeb00d291612bb0c10`, false],
  [
    'ce0835d5eef35d3d7194904428ab19ee30b76afce559883b3b3542994e42af45',
    'ca546e2e3c289f3ca313fbc0cd84a0e07bf7290bbaaa4ae9f433c00a49d7ea66' +
      '5a3c6d243b7114fc584fd136b7a9dd8ea1d4b6f1efeeaff9a27d7a627b1d970f',
    false,
  ],
];

let native = null; // a promise of WebCrypto's answerer, or of null
let forced = false;

/** Use the JavaScript implementations alone from now on (or no longer). */
export function forceFallback(on = true) {
  forced = on;
}

/** "webcrypto" or "javascript": who answers. */
export async function backend() {
  return (await provider()) ? 'webcrypto' : 'javascript';
}

function provider() {
  if (forced) return null;
  if (!native) native = probe();
  return native;
}

async function probe() {
  const subtle = typeof crypto === 'object' && crypto && crypto.subtle;
  if (!subtle) return null;
  const verify = async (publicKey, signature, message) => {
    const key = await subtle.importKey('raw', publicKey, { name: 'Ed25519' }, false, ['verify']);
    return subtle.verify({ name: 'Ed25519' }, key, signature, message);
  };
  try {
    for (const [key, signature, expected] of QUESTIONS) {
      if ((await verify(fromHex(key), fromHex(signature), Uint8Array.of(0x72))) !== expected) return null;
    }
    return verify;
  } catch (_) {
    return null; // an old browser does not know Ed25519
  }
}

/** Whether `signature` is the key's over `message`. */
export async function verifySignature(publicKey, signature, message) {
  if (publicKey.length !== 32 || signature.length !== 64) return false;
  const ask = isSmall(publicKey) || isSmall(signature.subarray(0, 32)) ? null : await provider();
  if (!ask) return verifyHere(publicKey, signature, message);
  try {
    return await ask(publicKey, signature, message);
  } catch (_) {
    // A key that is not on the curve cannot be imported.
    return verifyHere(publicKey, signature, message);
  }
}

/** SHA-256 in hex of what may be large: pictures have megabytes, which JavaScript needs a second for on a phone. */
export const digest = async (bytes) => toHex(await hashed(256, bytes));

async function hashed(bits, bytes) {
  if (bytes.length > 1024 && !forced && typeof crypto === 'object' && crypto && crypto.subtle) {
    return new Uint8Array(await crypto.subtle.digest(`SHA-${bits}`, bytes));
  }
  return bits === 512 ? sha512(bytes) : sha256(bytes);
}
