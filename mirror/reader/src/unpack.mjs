// The unpacker of reader.html's own program, and the half of its packer that has to be the same (build.mjs has the rest): no
// format that common tools open is dense enough for all of it to fit. For what is checked by its hash before it runs;
// whatever comes from elsewhere is gzip (gunzip.mjs). `node mirror/reader/unpack.mjs reader.html` shows what is in it.
//
// Context mixing, as in lpaq and paq8 (Matt Mahoney): seven looks at what stands before, and a long one at where the same
// stood before, foretell the next bit; what foretold well weighs more from then on. The chance goes to a range coder whose
// digits are printable characters. Only sums, products and quotients of doubles, and tables made of them: they are the same
// on every machine. Logarithms are not.

/** The digits: ASCII without blanks and "<", for which "~" stands. Digit 0 is "!". */
export const BASE = 93;
export const TOP = BASE ** 7; // of seven digits at a time; times 2^16 more would be beyond what doubles hold
const LARGEST = 1 << 20; // bytes; ours have 170,000

const LOOKS = 7;
const INPUTS = LOOKS + 2;
const SLOTS = 22; // 2^22 bits in their surroundings
const LONG = 6; // bytes that must be the same for the long look

// The logistic function in steps of 1/128 from -16 to 16, and its inverse for 4,096 odds.
const SQUASH = new Float64Array(4097);
const STRETCH = new Float64Array(4096);
for (let i = 0, odds = 1; i <= 2048; i++, odds *= 1.0078430972064479) {
  // Times e^(1/128).
  SQUASH[2048 + i] = odds / (1 + odds);
  SQUASH[2048 - i] = 1 / (1 + odds);
}
for (let i = 0, at = 0; i < 4096; i++) {
  const chance = (i + 0.5) / 4096;
  while (SQUASH[at + 1] < chance) at++;
  STRETCH[i] = (at - 2048 + (chance - SQUASH[at]) / (SQUASH[at + 1] - SQUASH[at])) / 128;
}
const squash = (x) => {
  const place = x < -15.9 ? 12.8 : x > 15.9 ? 4083.2 : x * 128 + 2048;
  const at = place | 0;
  return SQUASH[at] + (SQUASH[at + 1] - SQUASH[at]) * (place - at);
};

// By how much a chance moves that was met so many times.
const PACE = Float64Array.from({ length: 256 }, (_, met) => 1 / (Math.min(met, 60) + 1.3));
const RATE = 0.015;

/** What nobody has taught anything: chances with how often they were met (24 and 8 bits), weights, and corrections. */
const untaught = () => [
  new Uint32Array(1 << SLOTS).fill(1 << 31),
  new Float64Array(INPUTS << 8).fill(0.3),
  new Float64Array(INPUTS << 11).fill(0.3),
  Float64Array.from({ length: 33 << 16 }, (_, i) => squash(((i % 33) - 16) / 2)),
  new Uint32Array(32).fill(1 << 31),
];

/** One more `bit` was met at a place of such a table. */
function meet(table, place, bit) {
  const chance = table[place] >>> 8;
  const met = table[place] & 255;
  const moved = chance + ((bit ? 0xffffff : 0) - chance) * PACE[met];
  table[place] = (moved << 8) | Math.min(met + 1, 255);
}

/** Foretells a text bit by bit: `code(chance)` says what the next one is, given that it is a one in `chance` of 65,536 cases.
 * Gives the bytes before the first zero, and what was learnt of them: {bytes, taught}. Throws when there is no end. */
export function foretell(code, given) {
  const taught = given ? given.map((table) => table.slice()) : untaught();
  const [slots, byBits, byBefore, refined, longer] = taught;
  const out = new Uint8Array(LARGEST);
  const heads = new Int32Array(1 << 16);
  const looks = new Int32Array(LOOKS);
  const places = new Int32Array(LOOKS);
  const inputs = new Float64Array(INPUTS);
  const brackets = [];
  const { imul } = Math;
  let [four, word, shape, from, length] = [0, 0, 0, 0, 0]; // the last bytes, word, words as one letter; the long look
  inputs[INPUTS - 1] = 0.3;

  for (let end = 0; end < LARGEST; ) {
    const before = four & 255;
    const inside = brackets[brackets.length - 1] | 0;
    [
      before, four & 0xffff, four & 0xffffff, four, imul(word, 0x3c6ef372) + before, shape,
      imul(inside, 0x3c6ef372) + (shape & 0xffff),
    ].forEach((look, i) => {
      looks[i] = imul(look + imul(i + 1, 0x5bd1e995), 0x2545f491);
      looks[i] ^= looks[i] >>> 15;
    });
    let expected = length ? out[from] | 256 : 0;
    let node = 1;
    for (let left = 7; left >= 0; left--) {
      if (left === 7 || left === 3) {
        // Sixteen that lie together: the next four bits are found near each other.
        for (let i = 0; i < LOOKS; i++) places[i] = (imul(looks[i] + imul(node, 0x9e3779b1), 0x85ebca6b) >>> (36 - SLOTS)) << 4;
      }
      const low = left > 3 ? node : (1 << (3 - left)) | (node & ((1 << (3 - left)) - 1));
      for (let i = 0; i < LOOKS; i++) inputs[i] = STRETCH[slots[places[i] + low] >>> 20];
      const long = expected >> (left + 1) === node ? Math.min(length, 31) : 0;
      const guess = (expected >> left) & 1;
      inputs[LOOKS] = long ? (guess ? STRETCH[longer[long] >>> 20] : -STRETCH[longer[long] >>> 20]) : 0;
      const one = node * INPUTS;
      const two = ((((long ? 1 + (long >> 2) : 0) << 8) | before) & 2047) * INPUTS;
      let [sumOne, sumTwo] = [0, 0];
      for (let i = 0; i < INPUTS; i++) {
        sumOne += byBits[one + i] * inputs[i];
        sumTwo += byBefore[two + i] * inputs[i];
      }
      const sum = (sumOne + sumTwo) / 2;
      const place = (sum < -7.99 ? 0.01 : sum > 7.99 ? 15.99 : sum + 8) * 2;
      const part = place - (place | 0);
      const row = (node | (before << 8)) * 33 + (place | 0);
      const mixed = (squash(sum) + refined[row] * (1 - part) + refined[row + 1] * part) / 2;
      const bit = code(Math.min(Math.max(Math.round(mixed * 65536), 1), 65535));

      const [wrongOne, wrongTwo] = [(bit - squash(sumOne)) * RATE, (bit - squash(sumTwo)) * RATE];
      for (let i = 0; i < INPUTS; i++) {
        byBits[one + i] += wrongOne * inputs[i];
        byBefore[two + i] += wrongTwo * inputs[i];
      }
      refined[row] += (bit - refined[row]) * 0.03 * (1 - part);
      refined[row + 1] += (bit - refined[row + 1]) * 0.03 * part;
      for (let i = 0; i < LOOKS; i++) meet(slots, places[i] + low, bit);
      if (long) {
        meet(longer, long, guess === bit);
        if (guess !== bit) length = expected = 0;
      }
      node = node * 2 + bit;
    }
    node &= 255;
    if (!node) return { bytes: out.slice(0, end), taught };
    out[end++] = node;
    four = (four << 8) | node;
    const letter = (node > 47 && node < 58) || ((node | 32) > 96 && (node | 32) < 123) || node === 95 || node === 36 || node > 127;
    word = letter ? imul(word + node, 0x2f0b4c47) : 0;
    if (!letter || (shape & 255) !== 97) shape = (shape << 8) | (letter ? 97 : node);
    if (node === 40 || node === 91 || node === 123) brackets.push(imul(four & 0xffffff, 0x3779b97));
    else if (node === 41 || node === 93 || node === 125) brackets.pop();
    if (length) {
      from++;
      length++;
    }
    if (end > LONG) {
      let hash = 0;
      for (let k = 1; k <= LONG; k++) hash = imul(hash + out[end - k] + 1, 0x2f0b4c47);
      hash >>>= 16;
      if (!length && heads[hash]) {
        from = heads[hash];
        while (length < 400 && length < from && out[end - 1 - length] === out[from - 1 - length]) length++;
        if (length < LONG) length = 0;
      }
      heads[hash] = end;
    }
  }
  throw 'too long';
}

/** The text that such digits stand for, and what was learnt of it: {text, taught}; throws when they are damaged. */
export function unpack(digits, given) {
  let at = 0;
  let range = TOP;
  let value = 0;
  const more = () => {
    const code = at < digits.length ? digits.charCodeAt(at) : 33;
    if (at++ > digits.length + 9) throw 'damaged';
    value = value * BASE + (code === 126 ? 60 : code) - 33;
  };
  while (at < 7) more();
  const { bytes, taught } = foretell((chance) => {
    const bound = Math.floor(range / 65536) * chance;
    const bit = value < bound ? 1 : 0;
    if (bit) range = bound;
    else {
      value -= bound;
      range -= bound;
    }
    for (; range < TOP / BASE; range *= BASE) more();
    return bit;
  }, given);
  return { text: new TextDecoder().decode(bytes), taught };
}
