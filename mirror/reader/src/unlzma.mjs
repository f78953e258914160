// The smallest unpacker for the densest packing that every machine can open: .lzma, as `lzma -dc` does. For reader.html's
// own code alone, which is checked by its hash before it runs; whatever comes from elsewhere is gzip (gunzip.mjs).

/** What the bytes of a .lzma file with a known length unpack to; a RangeError or text when they are damaged. */
export function unlzma(data) {
  const lc = data[0] % 9;
  const lpBits = ((data[0] / 9) | 0) % 5;
  const pbBits = (data[0] / 45) | 0;
  const size = new DataView(data.buffer, data.byteOffset).getUint32(5, true);
  if (size > 1 << 21) throw 'too long';
  const out = new Uint8Array(size);
  const odds = (n) => new Uint16Array(n).fill(1024);
  let at = 18;
  let range = -1 >>> 0;
  let code = new DataView(data.buffer, data.byteOffset).getUint32(14);

  const bit = (model, i) => {
    const bound = (range >>> 11) * model[i];
    let one = 0;
    if (code < bound) {
      range = bound;
      model[i] += (2048 - model[i]) >> 5;
    } else {
      range -= bound;
      code -= bound;
      model[i] -= model[i] >> 5;
      one = 1;
    }
    if (range < 1 << 24) {
      range = (range << 8) >>> 0;
      code = ((code << 8) | data[at++]) >>> 0;
    }
    return one;
  };
  const direct = (count) => {
    let value = 0;
    while (count--) {
      range >>>= 1;
      const one = code >= range ? 1 : 0;
      if (one) code -= range;
      value = value * 2 + one;
      if (range < 1 << 24) {
        range = (range << 8) >>> 0;
        code = ((code << 8) | data[at++]) >>> 0;
      }
    }
    return value;
  };
  const tree = (model, bits, from = 0) => {
    let node = 1;
    while (node < 1 << bits) node = node * 2 + bit(model, from + node);
    return node - (1 << bits);
  };
  const reverse = (model, bits, from) => {
    let node = 1;
    let value = 0;
    for (let i = 0; i < bits; i++) {
      const one = bit(model, from + node);
      node = node * 2 + one;
      value |= one << i;
    }
    return value;
  };
  const lengths = () => {
    const choice = odds(2);
    const low = odds(128 * 2);
    const high = odds(256);
    return (place) => {
      if (!bit(choice, 0)) return tree(low, 3, place * 8);
      return bit(choice, 1) ? 16 + tree(high, 8) : 8 + tree(low, 3, 128 + place * 8);
    };
  };

  const literal = odds(0x300 << (lc + lpBits));
  const [isMatch, isRep0Long] = [odds(192), odds(192)];
  const [isRep, isRepG0, isRepG1, isRepG2] = [odds(12), odds(12), odds(12), odds(12)];
  const slots = odds(256);
  const special = odds(128);
  const align = odds(16);
  const [matchLength, repLength] = [lengths(), lengths()];
  let [rep0, rep1, rep2, rep3, state] = [0, 0, 0, 0, 0];

  for (let end = 0; end < size; ) {
    const place = end & ((1 << pbBits) - 1);
    const where = state * 16 + place;
    if (!bit(isMatch, where)) {
      const from = 0x300 * (((end & ((1 << lpBits) - 1)) << lc) + ((out[end - 1] || 0) >> (8 - lc)));
      let node = 1;
      if (state >= 7) {
        let byte = out[end - rep0 - 1];
        while (node < 256) {
          const expected = (byte >> 7) & 1;
          byte <<= 1;
          const one = bit(literal, from + ((1 + expected) << 8) + node);
          node = node * 2 + one;
          if (one !== expected) break;
        }
      }
      while (node < 256) node = node * 2 + bit(literal, from + node);
      out[end++] = node;
      state = state < 4 ? 0 : state < 10 ? state - 3 : state - 6;
      continue;
    }
    let length;
    if (bit(isRep, state)) {
      if (!bit(isRepG0, state)) {
        if (!bit(isRep0Long, where)) {
          state = state < 7 ? 9 : 11;
          out[end] = out[end++ - rep0 - 1];
          continue;
        }
      } else {
        let distance = rep1;
        if (bit(isRepG1, state)) {
          if (bit(isRepG2, state)) {
            distance = rep3;
            rep3 = rep2;
          } else distance = rep2;
          rep2 = rep1;
        }
        rep1 = rep0;
        rep0 = distance;
      }
      length = repLength(place);
      state = state < 7 ? 8 : 11;
    } else {
      [rep3, rep2, rep1] = [rep2, rep1, rep0];
      length = matchLength(place);
      state = state < 7 ? 7 : 10;
      const slot = tree(slots, 6, Math.min(length, 3) * 64);
      rep0 = slot;
      if (slot > 3) {
        const bits = (slot >> 1) - 1;
        rep0 = (2 | (slot & 1)) << bits;
        rep0 += slot < 14 ? reverse(special, bits, rep0 - slot) : direct(bits - 4) * 16 + reverse(align, 4, 0);
      }
    }
    if (rep0 >= end) throw 'damaged';
    for (length += 2; length-- && end < size; end++) out[end] = out[end - rep0 - 1];
  }
  return out;
}
