// The checksum of gzip and zip: CRC-32 of ISO 3309.

let table = null;

/** As a number from 0 to 2^32-1. */
export function crc32(bytes) {
  if (!table) {
    table = Int32Array.from({ length: 256 }, (_, n) => {
      for (let bit = 0; bit < 8; bit++) n = n & 1 ? (n >>> 1) ^ 0xedb88320 : n >>> 1;
      return n;
    });
  }
  let crc = -1;
  for (const byte of bytes) crc = (crc >>> 8) ^ table[(crc ^ byte) & 255];
  return ~crc >>> 0;
}
