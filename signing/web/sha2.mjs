// SHA-256 and SHA-512 (FIPS 180-4), synchronous and everywhere: on a page that came by plain http there is no
// crypto.subtle, and for the 65 bytes of a Merkle node asking it costs more than the hash.
//
// The constants are computed: the first 64 bits of the fractional parts of the square roots of the first 8 primes and of
// the cube roots of the first 80. SHA-256 uses the first 32 bits of the same numbers.

const primes = [];
for (let n = 2; primes.length < 80; n++) if (primes.every((prime) => n % prime)) primes.push(n);

function fraction(prime, power) {
  // floor(root(prime) * 2^64), by bisection; only its last 64 bits are used
  const wanted = BigInt(prime) << (64n * power);
  let low = 0n;
  for (let bit = 1n << 69n; bit; bit >>= 1n) if ((low + bit) ** power <= wanted) low += bit;
  return low;
}

const high = (n) => Number((n >> 32n) & 0xffffffffn) | 0;
const low = (n) => Number(n & 0xffffffffn) | 0;
const ROOTS = primes.slice(0, 8).map((prime) => fraction(prime, 2n));
const CUBES = primes.map((prime) => fraction(prime, 3n));
const IH = Int32Array.from(ROOTS, high);
const IL = Int32Array.from(ROOTS, low);
const KH = Int32Array.from(CUBES, high);
const KL = Int32Array.from(CUBES, low);

/** The message with its padding: a one bit, zeros, the length in bits at the end of the last block. */
function padded(bytes, block) {
  const out = new Uint8Array(Math.ceil((bytes.length + 1 + block / 8) / block) * block);
  out.set(bytes);
  out[bytes.length] = 0x80;
  const view = new DataView(out.buffer);
  view.setUint32(out.length - 8, Math.floor(bytes.length / 0x20000000));
  view.setUint32(out.length - 4, (bytes.length << 3) >>> 0);
  return view;
}

export function sha256(bytes) {
  const view = padded(bytes, 64);
  const state = Int32Array.from(IH);
  const w = new Int32Array(64);
  for (let at = 0; at < view.byteLength; at += 64) {
    for (let i = 0; i < 16; i++) w[i] = view.getInt32(at + 4 * i);
    for (let i = 16; i < 64; i++) {
      const x = w[i - 15];
      const y = w[i - 2];
      const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
      const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
      w[i] = (w[i - 16] + s0 + w[i - 7] + s1) | 0;
    }
    let [a, b, c, d, e, f, g, h] = state;
    for (let i = 0; i < 64; i++) {
      const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
      const t1 = (h + s1 + ((e & f) ^ (~e & g)) + KH[i] + w[i]) | 0;
      const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
      const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      h = g;
      g = f;
      f = e;
      e = (d + t1) | 0;
      d = c;
      c = b;
      b = a;
      a = (t1 + t2) | 0;
    }
    [a, b, c, d, e, f, g, h].forEach((one, i) => {
      state[i] += one;
    });
  }
  return bigEndian(state);
}

/** SHA-512 in halves of 32 bits: numbers of 64 bits would be BigInt, and thirty times slower. */
export function sha512(bytes) {
  const view = padded(bytes, 128);
  const h = Int32Array.from(IH);
  const l = Int32Array.from(IL);
  const wh = new Int32Array(80);
  const wl = new Int32Array(80);
  const v = new Int32Array(16); // a..h, high and low half in turn
  let sh = 0;
  let sl = 0; // the running sum: its low half is unsigned and may exceed 32 bits until `carry`
  const add = (hi, lo) => {
    sh = (sh + hi) | 0;
    sl += lo >>> 0;
  };
  const carry = () => {
    sh = (sh + Math.floor(sl / 4294967296)) | 0;
    sl |= 0;
  };
  // Right rotations of (hi, lo) by three amounts, together; a negative amount is a shift.
  let rh = 0;
  let rl = 0;
  const turn = (hi, lo, ...amounts) => {
    rh = 0;
    rl = 0;
    for (const amount of amounts) {
      const n = Math.abs(amount);
      const swap = n >= 32;
      const x = swap ? lo : hi;
      const y = swap ? hi : lo;
      const k = n % 32;
      rh ^= (x >>> k) | (amount < 0 ? 0 : y << (32 - k));
      rl ^= (y >>> k) | (x << (32 - k));
    }
  };
  for (let at = 0; at < view.byteLength; at += 128) {
    for (let i = 0; i < 16; i++) {
      wh[i] = view.getInt32(at + 8 * i);
      wl[i] = view.getInt32(at + 8 * i + 4);
    }
    for (let i = 16; i < 80; i++) {
      sh = wh[i - 16];
      sl = wl[i - 16] >>> 0;
      turn(wh[i - 15], wl[i - 15], 1, 8, -7);
      add(rh, rl);
      add(wh[i - 7], wl[i - 7]);
      turn(wh[i - 2], wl[i - 2], 19, 61, -6);
      add(rh, rl);
      carry();
      wh[i] = sh;
      wl[i] = sl;
    }
    for (let i = 0; i < 8; i++) {
      v[2 * i] = h[i];
      v[2 * i + 1] = l[i];
    }
    for (let i = 0; i < 80; i++) {
      sh = v[14];
      sl = v[15] >>> 0;
      turn(v[8], v[9], 14, 18, 41);
      add(rh, rl);
      add((v[8] & v[10]) ^ (~v[8] & v[12]), (v[9] & v[11]) ^ (~v[9] & v[13]));
      add(KH[i], KL[i]);
      add(wh[i], wl[i]);
      carry();
      const th = sh;
      const tl = sl;
      sl >>>= 0;
      turn(v[0], v[1], 28, 34, 39);
      add(rh, rl);
      add((v[0] & v[2]) ^ (v[0] & v[4]) ^ (v[2] & v[4]), (v[1] & v[3]) ^ (v[1] & v[5]) ^ (v[3] & v[5]));
      carry();
      const ah = sh;
      const al = sl;
      sh = v[6];
      sl = v[7] >>> 0;
      add(th, tl);
      carry();
      v.copyWithin(2, 0, 14);
      v[0] = ah;
      v[1] = al;
      v[8] = sh;
      v[9] = sl;
    }
    for (let i = 0; i < 8; i++) {
      sh = h[i];
      sl = l[i] >>> 0;
      add(v[2 * i], v[2 * i + 1]);
      carry();
      h[i] = sh;
      l[i] = sl;
    }
  }
  const both = new Int32Array(16);
  for (let i = 0; i < 8; i++) {
    both[2 * i] = h[i];
    both[2 * i + 1] = l[i];
  }
  return bigEndian(both);
}

function bigEndian(words) {
  const out = new DataView(new ArrayBuffer(words.length * 4));
  words.forEach((word, i) => out.setInt32(4 * i, word));
  return new Uint8Array(out.buffer);
}
