// Points of edwards25519 (RFC 8032, 5.1), for browsers without Ed25519: what it takes to check a signature, and no secrets,
// so nothing here takes the same time for all numbers. Extended coordinates [X, Y, Z, T]: x = X/Z, y = Y/Z, xy = T/Z.

export const P = 2n ** 255n - 19n;
const D = 37095705934669439343138083508754565189542113879843219016388785533085940283555n;
const D2 = 2n * D;

/** a modulo p, not below 0. */
const mod = (a) => {
  const rest = a % P;
  return rest < 0n ? rest + P : rest;
};

function power(base, exponent) {
  let result = 1n;
  for (const bit of exponent.toString(2)) {
    result = (result * result) % P;
    if (bit === '1') result = (result * base) % P;
  }
  return result;
}

export const ZERO = [0n, 1n, 1n, 0n];

/** 5.1.4; complete, so any two points will do. Coordinates may come out below 0. */
export function add([x1, y1, z1, t1], [x2, y2, z2, t2]) {
  const a = (y1 - x1) * (y2 - x2);
  const b = (y1 + x1) * (y2 + x2);
  const c = ((t1 * t2) % P) * D2;
  const d = 2n * z1 * z2;
  return joined((b - a) % P, (d - c) % P, (d + c) % P, (b + a) % P);
}

export function double([x, y, z]) {
  const xx = x * x;
  const yy = y * y;
  const g = (xx - yy) % P;
  return joined((-2n * x * y) % P, (2n * z * z + g) % P, g, (xx + yy) % P);
}

const joined = (e, f, g, h) => [(e * f) % P, (g * h) % P, (f * g) % P, (e * h) % P];

export const negated = ([x, y, z, t]) => [-x, y, z, -t];

/** The point that 32 bytes as a number (little endian) stand for, or null. As OpenSSL reads them: y need not be reduced, and
 * the sign of x = 0 does not matter. */
export function pointOf(encoded) {
  const y = mod(encoded & (2n ** 255n - 1n));
  // 5.1.3: x = sqrt(u/v)
  const u = mod(y * y - 1n);
  const v = mod(D * y * y + 1n);
  let x = mod(u * v ** 3n * power(mod(u * v ** 7n), (P - 5n) / 8n));
  const square = mod(v * x * x);
  if (square === mod(-u)) x = mod(x * power(2n, (P - 1n) / 4n));
  else if (square !== u) return null;
  if ((x & 1n) !== encoded >> 255n) x = mod(-x);
  return [x, y, 1n, mod(x * y)];
}

/** The number that a point is written as. */
export function numberOf([x, y, z]) {
  const inverse = power(z, P - 2n);
  return mod(y * inverse) | ((mod(x * inverse) & 1n) << 255n);
}

export const BASE = pointOf(BigInt(`0x${'66'.repeat(31)}58`));
