// The committed template.html is what its sources give, and its unpacker takes whatever bytes it is handed.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';

import { tools, template } from '../../mirror/reader/build.mjs';
import { unlzma } from '../../mirror/reader/src/unlzma.mjs';

const there = (() => {
  try {
    return tools().length > 0;
  } catch (error) {
    // CI installs them, and a suite that skips in silence proves nothing.
    if (process.env.CI) throw error;
    return false;
  }
})();
const skip = there ? false : 'what builds the reader is not installed: make reader';

test('the committed template is what the sources give, byte for byte', { skip }, async () => {
  const committed = fs.readFileSync(new URL('../../mirror/reader/template.html', import.meta.url), 'utf8');
  assert.ok((await template()) === committed, 'template.html is not what the sources give: make reader, and commit it');
});

test('what a packer packs the unpacker unpacks', { skip }, () => {
  const [, , lzma] = tools();
  const kinds = [[0], [7, 7, 7, 7, 7, 7, 7, 7, 7], Array.from({ length: 9000 }, (_, i) => (i * i * 31) & 255)];
  kinds.push(Array.from({ length: 70000 }, (_, i) => (i % 997 ? 32 + (i % 61) : (i >> 7) & 255)));
  for (const bytes of kinds) {
    const packed = Uint8Array.from(lzma.compress(bytes, 7), (byte) => byte & 255);
    assert.deepEqual([...unlzma(packed)], bytes);
  }
});

// By xz, with the options of mirror/reader/__init__.py; the program itself was packed by JavaScript.
const SAMPLE = Uint8Array.from(Buffer.from(
  'AwAAAAQoBgAAAAAAAAA6GtoFIMx+P108E4gkTtTCXz21TxBIRt+kSSB5o1C2I6W1h/D2pUoy3dJ/Gf77jE8tp3IdZbzRmvJWyRn5c1kaT/hU7tAI' +
  'T+e6o6ijPvRqyJ3zKqKPXj+grFQ8xiN4QhU/+M37nV8yqk0hEzWBWTEiQuiu1bBFy9vUvoHsNjBIlyLGz0ZtZcbLeSk1Y5c0D0XsE5QNI+7MGHsr' +
  '23QsPQBx6+7SJHJn/E1U6b38Z+j9FnlVyhxG1htskOgERwkO04pCSGhhTQ7HUNMsBW8Nf6LdI+gjdWqKkJ7phMdZl0ap79r+DzzX3EXAu0PtiqLR' +
  '0YYXm21oD+FXZQ3DSG6A4LcecHPpo07///btAAA=', 'base64'));

test('what another packer packed it unpacks as well', () => {
  const text = 'the same, the same; другое\n'.repeat(40);
  const bytes = Buffer.concat([Buffer.from(text), Buffer.from(Array.from({ length: 256 }, (_, i) => i))]);
  assert.deepEqual(Buffer.from(unlzma(SAMPLE)), bytes);
});

test('damaged bytes give other bytes or are refused, and never more than 2 MB', () => {
  let refused = 0;
  for (let at = 0; at < SAMPLE.length; at++) {
    for (const flip of [1, 128]) {
      const damaged = SAMPLE.slice();
      damaged[at] ^= flip;
      try {
        assert.ok(unlzma(damaged).length <= 1 << 21);
      } catch (error) {
        assert.ok(typeof error === 'string' || error instanceof RangeError, String(error));
        refused++;
      }
    }
  }
  assert.ok(refused > 10);
  for (let length = 0; length < SAMPLE.length; length += 7) {
    try {
      unlzma(SAMPLE.slice(0, length));
    } catch (error) {
      assert.ok(typeof error === 'string' || error instanceof RangeError, String(error));
    }
  }
});
