// The unpacker of reader.html's own program, and the half of its packer that has to be the same (build.mjs has the rest): no
// format that common tools open is dense enough for all of it to fit. For what is checked by its hash before it runs;
// whatever comes from elsewhere is gzip (gunzip.mjs). `node mirror/reader/unpack.mjs reader.html` shows what is in it.
//
// Context mixing, as in lpaq and paq8 (Matt Mahoney): six looks at what stands before, and a long one at where the same
// stood before, foretell the next bit; what foretold well weighs more from then on. The chance goes to a range coder whose
// digits are printable characters. Only sums, products and quotients of doubles, what is rounded from them, and tables made
// of them: they are the same on every machine. Logarithms are not.
//
// A slow phone waits for it at the first opening: tables begin as zeros, which nobody has to write; frequent bytes are few
// bits; and nothing that is done for each bit makes an object.

/** The digits: ASCII without blanks and "<", for which "~" stands. Digit 0 is "!". */
export const BASE = 93;
export const TOP = BASE ** 7; // of seven digits at a time; times 2^16 more would be beyond what doubles hold
const LARGEST = 1 << 20; // bytes; ours have 170,000

const LOOKS = 6;
const INPUTS = LOOKS + 2;
const SLOTS = 22; // 2^22 bits in their surroundings
const LONG = 4; // bytes that must be the same for the long look
const GROUPS = 1 + 4 + 16;
const STEPS = 33; // of what is foretold, for corrections

// Four bits at a time: the first dozen of bytes is told by four, four dozens by eight, all others by twelve. What is alike
// stands together; two of the last four begin Cyrillic letters, two Arabic ones.
const OFTEN = 'eaiotnrs(),.lcudhfmpgwbkvyxz$_OSTA-> "=:;{}[]&|?0123468!';
const LEADS = [0xd0, 0xd1, 0xd8, 0xd9];
/** The bits of each byte, a one before them. */
export const WAYS = new Int32Array(256);
const BYTES = new Int16Array(1 << 13); // the other way round, plus one
const ranked = new Set(Array.from(OFTEN, (one) => one.charCodeAt(0)).concat(LEADS, Array.from(WAYS.keys())));
Array.from(ranked).forEach((byte, rank) => {
  const [two, three] = [rank - 12, rank - 60];
  WAYS[byte] = two < 0 ? 16 | rank
    : three < 0 ? ((28 | (two / 12)) << 4) | (two % 12)
      : ((28 | (three >> 6)) << 8) | ((12 | ((three >> 4) & 3)) << 4) | (three & 15);
  BYTES[WAYS[byte]] = byte + 1;
});

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
const squash = (x) => SQUASH[((x < -15.9 ? -15.9 : x > 15.9 ? 15.9 : x) * 128 + 2048.5) | 0];

// By how much a chance moves that was met so many times.
const PACE = Float64Array.from({ length: 256 }, (_, met) => 1 / (Math.min(met, 20) + 1.2));
const RATE = 0.015;

/** What nobody has taught anything: chances, less a half, with how often they were met (24 and 8 bits); weights; corrections. */
const untaught = () => [
  new Int32Array(1 << SLOTS),
  new Float64Array((INPUTS * GROUPS) << 4).fill(0.22),
  new Float64Array(INPUTS << 11).fill(0.22),
  new Float32Array((GROUPS << 12) * STEPS),
  new Int32Array(32),
];

const stretched = (chance) => STRETCH[(chance >> 20) + 2048];

/** One more `bit` was met at a place of such a table. */
function meet(table, place, bit) {
  const chance = table[place] >> 8;
  const met = table[place] & 255;
  table[place] = ((chance + ((bit ? 0x7fffff : -0x800000) - chance) * PACE[met]) << 8) | (met < 255 ? met + 1 : met);
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
    looks[0] = before;
    looks[1] = four & 0xffff;
    looks[2] = four & 0xffffff;
    looks[3] = imul(word, 0x3c6ef372) + before;
    looks[4] = shape;
    looks[5] = imul(inside, 0x3c6ef372) + (shape & 0xffff);
    for (let i = 0; i < LOOKS; i++) {
      const look = imul(looks[i] + imul(i + 1, 0x5bd1e995), 0x2545f491);
      looks[i] = look ^ (look >>> 15);
    }
    let expected = length ? WAYS[out[from]] : 0;
    let left = 30 - Math.clz32(expected); // bits of it that are to come, but for this one
    let way = 1;
    let group = 0;
    let byte = 0;
    while (!byte) {
      // Sixteen that lie together: the next four bits are found near each other.
      for (let i = 0; i < LOOKS; i++) places[i] = (imul(looks[i] + imul(way, 0x9e3779b1), 0x85ebca6b) >>> (36 - SLOTS)) << 4;
      for (let low = 1; low < 16; left--) {
        for (let i = 0; i < LOOKS; i++) inputs[i] = stretched(slots[places[i] | low]);
        const long = expected >> (left + 1) === way ? (length < 31 ? length : 31) : 0;
        const guess = (expected >> left) & 1;
        const believed = long ? stretched(longer[long]) : 0;
        inputs[LOOKS] = guess ? believed : -believed;
        const one = (group | low) * INPUTS;
        const two = ((((long ? 1 + (long >> 2) : 0) << 8) | before) & 2047) * INPUTS;
        let sumOne = 0;
        let sumTwo = 0;
        for (let i = 0; i < INPUTS; i++) {
          sumOne += byBits[one + i] * inputs[i];
          sumTwo += byBefore[two + i] * inputs[i];
        }
        const sum = (sumOne + sumTwo) / 2;
        const foretold = squash(sum);
        const place = (sum < -7.99 ? 0.01 : sum > 7.99 ? 15.99 : sum + 8) * 2;
        const part = place - (place | 0);
        const row = (((before * GROUPS) << 4) + (group | low)) * STEPS + (place | 0);
        const more = refined[row] * (1 - part) + refined[row + 1] * part;
        const chance = ((foretold + more / 2) * 65536 + 0.5) | 0;
        const bit = code(chance < 1 ? 1 : chance > 65535 ? 65535 : chance);

        const wrongOne = (bit - squash(sumOne)) * RATE;
        const wrongTwo = (bit - squash(sumTwo)) * RATE;
        for (let i = 0; i < INPUTS; i++) {
          byBits[one + i] += wrongOne * inputs[i];
          byBefore[two + i] += wrongTwo * inputs[i];
        }
        const wrong = (bit - foretold - more) * 0.03;
        refined[row] += wrong * (1 - part);
        refined[row + 1] += wrong * part;
        for (let i = 0; i < LOOKS; i++) meet(slots, places[i] | low, bit);
        if (long) {
          meet(longer, long, guess === bit);
          if (guess !== bit) length = expected = 0;
        }
        low = low * 2 + bit;
        way = way * 2 + bit;
      }
      byte = BYTES[way];
      if (!byte && way >> 12) throw 'damaged'; // no byte's way
      group = (group ? 5 + (((way >> 2) & 12) | (way & 3)) : 1 + (way & 3)) << 4;
    }
    const node = byte - 1;
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
  const now = Float64Array.of(TOP, 0); // range and value: as variables they would be new objects after each bit
  const more = () => {
    const code = at < digits.length ? digits.charCodeAt(at) : 33;
    if (at++ > digits.length + 9) throw 'damaged';
    now[1] = now[1] * BASE + (code === 126 ? 60 : code) - 33;
  };
  while (at < 7) more();
  const { bytes, taught } = foretell((chance) => {
    const bound = Math.floor(now[0] / 65536) * chance;
    const bit = now[1] < bound ? 1 : 0;
    if (bit) now[0] = bound;
    else {
      now[1] -= bound;
      now[0] -= bound;
    }
    for (; now[0] < TOP / BASE; now[0] *= BASE) more();
    return bit;
  }, given);
  return { text: new TextDecoder().decode(bytes), taught };
}
