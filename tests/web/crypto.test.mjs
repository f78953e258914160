// Hashes and signatures: the JavaScript ones against Node's OpenSSL, which is what the Python verifier asks.

import './as_in_2020.mjs';
import assert from 'node:assert/strict';
import { createHash, createPublicKey, generateKeyPairSync, randomBytes, sign, verify, webcrypto } from 'node:crypto';
import { test } from 'node:test';

import { backend, digest, forceFallback, sha256, sha512, verifyHere, verifySignature } from '../../signing/web/crypto.mjs';
import { BASE, ZERO, add, double, negated, numberOf, pointOf } from '../../signing/web/curve.mjs';
import { fromHex, join, toHex } from '../../signing/web/packing.mjs';
import { Point } from './vendor/noble-ed25519/index.js';

// Node 18 has it, and does not say so.
if (!globalThis.crypto) globalThis.crypto = webcrypto;

const N = 2n ** 252n + 27742317777372353535851937790883648493n;
const number = (bytes) => BigInt(`0x${toHex(Uint8Array.from(bytes).reverse())}`);
const little = (n) => fromHex(n.toString(16).padStart(64, '0')).reverse();
const HEAD = Buffer.from('302a300506032b6570032100', 'hex');
const openssl = (key, signature, message) =>
  verify(null, message, createPublicKey({ key: Buffer.concat([HEAD, key]), format: 'der', type: 'spki' }), signature);

test('SHA-256 and SHA-512 are those of FIPS 180-4, at every length around the ends of blocks', async () => {
  const lengths = Array.from({ length: 300 }, (_, n) => n).concat([4095, 4096, 4097, 65536, 100001]);
  for (const length of lengths) {
    const data = new Uint8Array(randomBytes(length));
    assert.equal(toHex(sha256(data)), createHash('sha256').update(data).digest('hex'), `${length}`);
    assert.equal(toHex(sha512(data)), createHash('sha512').update(data).digest('hex'), `${length}`);
    assert.equal(await digest(data), toHex(sha256(data)));
  }
});

test('points are added, doubled, read and written as by noble', () => {
  const bytesOf = (point) => toHex(little(numberOf(point)));
  const theirs = (point) => toHex(point.toBytes());
  assert.equal(bytesOf(BASE), theirs(Point.BASE));
  assert.equal(bytesOf(ZERO), theirs(Point.ZERO));
  let refused = 0;
  for (let n = 0; n < 300; n++) {
    // half of all numbers below p are the y of a point; every fourth is taken close to the ends of the range
    const bytes = n % 4 ? new Uint8Array(randomBytes(32)) : little((n % 8 ? 2n ** 255n - BigInt(n) : BigInt(n)) % 2n ** 255n);
    if (n % 3 === 0) bytes[31] |= 0x80;
    let expected = null;
    try {
      expected = Point.fromBytes(bytes, true);
    } catch (_) {
      refused++;
    }
    const found = pointOf(number(bytes));
    assert.equal(found === null, expected === null, toHex(bytes));
    if (!found) continue;
    assert.equal(bytesOf(found), theirs(expected));
    assert.equal(bytesOf(double(found)), theirs(expected.double()));
    assert.equal(bytesOf(add(found, found)), theirs(expected.double()));
    assert.equal(bytesOf(add(double(found), BASE)), theirs(expected.double().add(Point.BASE)));
    assert.equal(bytesOf(add(found, negated(found))), theirs(Point.ZERO));
    assert.equal(bytesOf(add(found, ZERO)), theirs(expected));
  }
  assert.ok(refused > 50 && refused < 250);
});

// Signatures that implementations disagree about, made from points of small order.
function edges() {
  const small = [
    '0100000000000000000000000000000000000000000000000000000000000000',
    '0100000000000000000000000000000000000000000000000000000000000080',
    'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
    'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
    '0000000000000000000000000000000000000000000000000000000000000000',
    '0000000000000000000000000000000000000000000000000000000000000080',
    'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
    '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  ].map(fromHex);
  const made = [];
  const a = 0x1234567890abcdefn;
  const message = Uint8Array.of(1, 2, 3);
  const challenge = (R, A, m) => number(sha512(join(R, A, m))) % N;
  const torsion = small.map((bytes) => Point.fromBytes(bytes, true));
  for (let k = 0; k < torsion.length; k++) {
    for (let r = 3n; r < 9n; r++) {
      const B = Point.BASE;
      const add = (point) => point.add(torsion[k]).toBytes();
      const honest = B.multiply(a).toBytes();
      // the key of small order; R with such a component; the key with one
      for (const [A, R] of [[small[k], B.multiply(r).toBytes()], [honest, add(B.multiply(r))], [add(B.multiply(a)), B.multiply(r).toBytes()], [honest, small[k]], [small[k], small[k]]]) {
        const h = challenge(R, A, message);
        const secret = A === small[k] ? 0n : a;
        const nonce = R === small[k] ? 0n : r;
        made.push([A, join(R, little((nonce + h * secret) % N)), message]);
      }
    }
  }
  return made;
}

for (const fallback of [false, true]) {
  test(`every signature gets OpenSSL's verdict ${fallback ? 'in plain JavaScript' : 'with WebCrypto'}`, async (t) => {
    forceFallback(fallback);
    t.after(() => forceFallback(false));
    assert.equal(await backend(), fallback ? 'javascript' : 'webcrypto');
    let good = 0;
    const cases = edges();
    for (let n = 0; n < 12; n++) {
      const { publicKey, privateKey } = generateKeyPairSync('ed25519');
      const key = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }).subarray(12));
      const message = new Uint8Array(randomBytes(n * 40));
      const signature = new Uint8Array(sign(null, message, privateKey));
      const s = number(signature.subarray(32));
      cases.push([key, signature, message]);
      cases.push([key, signature, join(message, [0])]);
      for (const more of [N, 2n * N, 2n ** 255n]) {
        if (s + more < 2n ** 256n) cases.push([key, join(signature.subarray(0, 32), little(s + more)), message]);
      }
      const flipped = Uint8Array.from(signature);
      flipped[n * 5] ^= 1;
      cases.push([key, flipped, message]);
      const off = Uint8Array.from(key);
      off[n] ^= 4;
      cases.push([off, signature, message]);
    }
    for (const [key, signature, message] of cases) {
      const expected = openssl(key, signature, message);
      good += expected;
      const what = `${toHex(key)} ${toHex(signature)}`;
      assert.equal(await verifySignature(key, signature, message), expected, what);
      assert.equal(await verifyHere(key, signature, message), expected, what);
    }
    assert.ok(good > 30 && good < cases.length - 50, `${good} of ${cases.length}`);
    assert.equal(await verifySignature(cases[0][0].subarray(1), cases[0][1], cases[0][2]), false);
    assert.equal(await verifySignature(cases[0][0], cases[0][1].subarray(1), cases[0][2]), false);
  });
}

test('an engine that checks with the cofactor, or takes S above the order, is not asked', async () => {
  const real = globalThis.crypto.subtle;
  for (const wrong of [() => true, () => false]) {
    Object.defineProperty(globalThis, 'crypto', {
      configurable: true,
      value: { subtle: { importKey: async () => ({}), verify: async () => wrong(), digest: real.digest.bind(real) } },
    });
    const fresh = await import(`../../signing/web/crypto.mjs?engine=${wrong()}`);
    assert.equal(await fresh.backend(), 'javascript');
  }
  Object.defineProperty(globalThis, 'crypto', { configurable: true, value: undefined });
  const none = await import('../../signing/web/crypto.mjs?engine=none');
  assert.equal(await none.backend(), 'javascript');
  assert.equal(await none.digest(new Uint8Array(5000)), createHash('sha256').update(new Uint8Array(5000)).digest('hex'));
});
