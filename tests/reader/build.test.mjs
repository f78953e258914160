// The committed template.html is what its sources give, and its packer and its unpacker are each other's.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';

import { pack, template, tools } from '../../mirror/reader/build.mjs';
import { WAYS, foretell, unpack } from '../../mirror/reader/src/unpack.mjs';

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

const SAMPLE = "$,B:x;xZPG{v#*T6#7?W3g8EQ~bZ2G|,$R*nY%(^x>sRr8aG/KAf%Ew'\"ZB>8a@yY(@HK:h%'>H";
const KINDS = ['', 'a', 'aaaaaaaaaaaaaaaaaaaaaaaaa', 'другое, другое; новости — \u{1f4e6}'.repeat(20), '<!--</script>~{}[]()'.repeat(3)];
KINDS.push(String.fromCharCode(...Array.from({ length: 9000 }, (_, i) => 1 + ((i * i * 31) % 255))));

test('what is packed is unpacked, in digits that can stand in a script element', () => {
  for (const text of KINDS) {
    const { digits } = pack(text);
    assert.equal(unpack(digits).text, text);
    assert.match(digits, /^[!-;=-~]+$/);
  }
});

test('each byte has a way of its own, which is not the beginning of another, and what is nobody\'s way is damage', () => {
  const ways = Array.from(WAYS, (way) => way.toString(2));
  assert.equal(ways.length, 256);
  const begun = ways.flatMap((way) => [4, 8].map((bits) => way.slice(0, 1 + bits)).filter((one) => one !== way));
  assert.deepEqual(ways.filter((way, at) => begun.includes(way) || ways.indexOf(way) !== at), []);
  assert.throws(() => foretell(() => 1), (error) => error === 'damaged');
});

test('what follows is packed by what was learnt, in any order, as often as one likes', () => {
  const first = pack('function judge(verdict) { return verdict.authentic; }\n'.repeat(9));
  const [one, two] = ['judge(verdict); return verdict.authentic', 'what is verdict.authentic?'].map((text) =>
    [text, pack(text, first.taught).digits]);
  assert.ok(one[1].length < pack(one[0]).digits.length / 2);
  const { taught } = unpack(first.digits);
  for (const [text, digits] of [two, one, two]) assert.equal(unpack(digits, taught).text, text);
});

test('damaged digits give another text or are refused', () => {
  const { digits } = pack(KINDS[3]);
  let refused = 0;
  for (let at = 0; at < digits.length; at += 12) {
    for (const damaged of [`${digits.slice(0, at)}${digits[at] === '!' ? '"' : '!'}${digits.slice(at + 1)}`, digits.slice(0, at)]) {
      try {
        assert.notEqual(unpack(damaged).text, KINDS[3]);
      } catch (error) {
        assert.equal(error, 'damaged');
        refused++;
      }
    }
  }
  assert.ok(refused > 3);
});

test('the program comes the same out of every machine: what these digits stand for was packed by another', () => {
  assert.equal(unpack(SAMPLE).text, 'Чтобы читать: read, and read again; чтобы читать {[(1.25 + 3) * 4]}.');
});
