// Mirrors that keep their files in packs, and whatever else mirrors can do.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { crc32 } from '../../signing/web/crc32.mjs';
import {
  ONE, become, blocks, chance, filesOf, flipped, hangs, read, refusal, resets, serves, without, world,
} from './engine_world.mjs';

// --- packed mirrors --------------------------------------------------------------------------------------------------

/** gzip as stored objects have it, with nothing compressed. */
function stored(data) {
  const out = Buffer.alloc(data.length + 23);
  out.write('1f8b08000000000002ff', 0, 'hex');
  out[10] = 1;
  out.writeUInt16LE(data.length, 11);
  out.writeUInt16LE(data.length ^ 0xffff, 13);
  data.copy(out, 15);
  out.writeUInt32LE(crc32(data), data.length + 15);
  out.writeUInt32LE(data.length, data.length + 19);
  return out;
}

/** The same mirror with its objects and proofs in one pack. */
function packed(files) {
  const out = new Map();
  const parts = [Buffer.alloc(30)];
  const index = [];
  let at = 30;
  for (const [path, data] of files) {
    if (!/^(?:o|proof)\//.test(path)) {
      out.set(path, data);
      continue;
    }
    index.push(`${at} ${data.length} ${path}\n`);
    parts.push(Buffer.from(data));
    at += data.length;
  }
  const names = stored(Buffer.from(index.join('')));
  const name = 'ab'.repeat(16);
  out.set(`pack/${name}.zip`, new Uint8Array(Buffer.concat([...parts, names])));
  const list = { v: 1, kind: 'packs', serial: 1, packs: [[name, at + names.length, at, names.length]] };
  out.set('packs', new Uint8Array(Buffer.from(`${JSON.stringify(list)}\n`)));
  return out;
}

for (const [name, options] of Object.entries({ 'gives ranges': {}, 'gives none': { ranges: false }, 'cuts lines': { freeze: 9000 } })) {
  test(`a packed mirror whose host ${name} is read like any other`, async () => {
    const reader = world({ [ONE]: serves(packed(filesOf('second')), options) });
    assert.equal((await reader.start()).name, 'verified');
    const { document } = await read(reader, 'story 8');
    assert.equal((await reader.clock.run(reader.engine.picture(document, 0))).size, 40000);
    reader.network.asked.length = 0;
    await read(reader, 'story 9');
    // The list and the index are known by now.
    if (!options.ranges && !options.freeze) assert.deepEqual(Array.from(new Set(reader.network.paths())), [`pack/${'ab'.repeat(16)}.zip`]);
    assert.equal((await refusal(read(reader, 'only fork'))).kind, 'missing');
  });
}

// --- anything at all -------------------------------------------------------------------------------------------------

test('whatever mirrors and other programs do, nothing goes back, nobody is accused, and one honest mirror is enough', async () => {
  for (let seed = 1; seed <= (Number(process.env.SEEDS) || 12); seed++) {
    const random = chance(seed);
    const pick = (list) => list[Math.floor(random() * list.length)];
    const spoil = (path, data) => (random() < 0.5 ? flipped(Math.floor(random() * data.length))(Uint8Array.from(data)) : data);
    const bad = () =>
      pick([
        hangs, resets, blocks, serves(new Map()), serves(filesOf(pick(['first', 'second', 'later'])), { spoil }),
        serves(filesOf('second'), { freeze: pick([100, 500, 3000]) }), serves(without(filesOf('later'), pick(['o/', 'tile/', 'front']))),
        serves(filesOf('later'), { chunk: 1, gap: 3000 }), () => ({ status: pick([206, 302, 429, 503]) }),
      ]);
    const reader = world({}, { random, mirrors: Array.from('abcde', (name) => `https://${name}.example`) });
    let known = 0;
    for (const name of ['first', pick(['first', 'second']), pick(['second', 'later']), 'later']) {
      const hosts = Object.fromEntries(reader.publication.mirrors.map((home) => [home, bad()]));
      const honest = random() < 0.7;
      if (honest) hosts[pick(reader.publication.mirrors)] = name;
      become(reader, hosts);
      const status = random() < 0.5 || !reader.engine ? await reader.start() : await reader.clock.run(reader.engine.refresh());
      const told = `seed ${seed}: ${JSON.stringify(status)}`;
      assert.equal(status.evidence, null, told);
      assert.ok((status.serial || 0) >= known, told);
      const serial = { first: 1, second: 2, later: 14 }[name];
      if (honest) assert.ok(['verified', 'lagging'].includes(status.name), told);
      known = status.serial || known;
      if (honest && status.name === 'verified' && status.serial === serial) {
        const item = pick(reader.engine.items());
        const { document } = await reader.clock.run(reader.engine.article(item.digest));
        assert.equal(document.title, item.title, told);
      }
      const box = reader.disk.box(pick(['obj', 'use', 'head', 'mirrors', 'settings']));
      for (const [key, value] of box) {
        if (random() < 0.3 && value instanceof Uint8Array) box.set(key, spoil('', value));
        else if (random() < 0.1) box.set(key, pick(['', null, 7, 'x', {}]));
        // Whoever can write the memory can make a reader forget.
        if (box === reader.disk.box('head')) known = 0;
      }
    }
  }
});
