// Packs from hand to hand and packed mirrors: honest ones are read, hostile ones fool nobody.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { mirrorReader } from '../../signing/web/fetch.mjs';
import { crc32 } from '../../signing/web/crc32.mjs';
import { FormatError, Unread, openSession, packReader, packedReader, parseIndex, parsePacks, toBytes } from '../../signing/web/verify.mjs';
import { schema } from './cases.mjs';
import { gzip, mirror, pinOf, serve } from './liar.mjs';

const NOW = '2027-03-01T10:00:00Z';
const object = (digest, folder = 'o') => `${folder}/${digest.slice(0, 2)}/${digest.slice(2)}`;

/** A stored zip, as mirror/read.py writes them; `lie(kind, name, fields)` may change what a header says. */
function zip(files, { lie = () => {}, after = '', before = '' } = {}) {
  const parts = [Buffer.from(before)];
  const list = [];
  let offset = before.length;
  for (const [name, data] of files) {
    const own = { signature: 0x04034b50, flags: 0, method: 0, crc: crc32(data), packed: data.length, size: data.length, name, offset };
    const told = { ...own, signature: 0x02014b50, version: 20 };
    lie('local', name, own);
    lie('listed', name, told);
    const head = Buffer.alloc(30);
    [[0, own.signature], [14, own.crc], [18, own.packed], [22, own.size]].forEach(([at, value]) => head.writeUInt32LE(value, at));
    [[4, 20], [6, own.flags], [8, own.method], [26, Buffer.byteLength(own.name)]].forEach(([at, value]) => head.writeUInt16LE(value, at));
    parts.push(head, Buffer.from(own.name), Buffer.from(data));
    offset += 30 + Buffer.byteLength(own.name) + data.length;
    const entry = Buffer.alloc(46);
    [[0, told.signature], [16, told.crc], [20, told.packed], [24, told.size], [42, told.offset]].forEach(([at, value]) => entry.writeUInt32LE(value, at));
    [[4, 20], [6, told.version], [8, told.flags], [10, told.method], [28, Buffer.byteLength(told.name)]].forEach(([at, value]) => entry.writeUInt16LE(value, at));
    list.push(entry, Buffer.from(told.name));
  }
  const names = Buffer.concat(list);
  const ending = { signature: 0x06054b50, disk: 0, count: files.size, total: files.size, length: names.length, start: offset, comment: 0 };
  lie('end', '', ending);
  const end = Buffer.alloc(22);
  [[0, ending.signature], [12, ending.length], [16, ending.start]].forEach(([at, value]) => end.writeUInt32LE(value, at));
  [[4, ending.disk], [8, ending.count], [10, ending.total], [20, ending.comment]].forEach(([at, value]) => end.writeUInt16LE(value, at));
  return new Uint8Array(Buffer.concat([...parts, names, Buffer.from(after), end]));
}

/** A pack of the newest article of the vectors' mirror: {files, digest}. */
async function packed() {
  const files = mirror('plain');
  const session = await openSession({ read: async (path) => files.get(path) || null, pin: pinOf(files), now: NOW, schema });
  const { edition } = await session.front();
  const [{ digest, url }] = edition.document.outlets[0].articles;
  const keep = new Map([['pack.json', toBytes(`{"v":1,"kind":"pack","digest":"${digest}"}`)]]);
  for (const [path, data] of files) {
    if (/^(?:trust\/|front$|checkpoint$)/.test(path) || [object(digest), object(digest, 'proof')].includes(path)) keep.set(path, data);
  }
  return { files: keep, digest, url, pin: pinOf(files) };
}

test('an article in a pack verifies with no network', async () => {
  const { files, digest, url, pin } = await packed();
  const pack = packReader(zip(files));
  assert.equal(pack.digest, digest);
  assert.deepEqual(pack.names, Array.from(files.keys()));
  const session = await openSession({ read: pack.read, pin, now: NOW, schema });
  const { verdict, bundle } = await session.article({ digest, url });
  assert.deepEqual([verdict.authentic, verdict.fresh, verdict.current], [true, 'fresh', 'current']);
  assert.equal(bundle.document.url, url);
  assert.equal(await pack.read('feed.xml', 100), null);
  await assert.rejects(pack.read('front', 10), Unread);
  // a view on a larger buffer, as files from the network may be
  const all = zip(files);
  const within = new Uint8Array(all.length + 7);
  within.set(all, 7);
  assert.equal(packReader(within.subarray(7)).digest, digest);
});

test('a zip that could be another to another program is no pack', async () => {
  const { files } = await packed();
  const refused = (make) => assert.throws(() => packReader(make), FormatError);
  const good = zip(files);
  packReader(good);
  for (const length of [0, 1, 21, 22, 100, good.length - 1]) refused(good.subarray(0, length));
  refused(zip(files, { before: 'MZ' , lie: (kind, _, f) => kind === 'end' && (f.start -= 2) }));
  refused(zip(files, { after: 'x' }));
  refused(zip(files, { after: 'PK\x06\x07'.padEnd(20, '\0') }));
  const end = (change) => refused(zip(files, { lie: (kind, _, fields) => kind === 'end' && Object.assign(fields, change) }));
  for (const change of [
    { disk: 1 }, { count: 1 }, { total: 1 }, { count: 4097, total: 4097 }, { comment: 1 }, { start: 0 }, { length: 0 }, { length: 2 ** 32 - 1 },
    { count: files.size - 1, total: files.size - 1 }, { count: files.size + 1, total: files.size + 1 }, { signature: 0 }, { start: 2 ** 32 - 1 },
  ]) end(change);
  const listed = (wanted, change) => zip(files, { lie: (kind, name, fields) => kind === 'listed' && name === wanted && Object.assign(fields, change) });
  refused(listed('front', { signature: 0 }));
  refused(listed('front', { name: 'checkpoint' }));
  refused(listed('front', { name: 'front\0.html' }));
  refused(listed('front', { version: 64 }));
  packReader(listed('front', { version: 63 }));
  refused(new Uint8Array(22));
  // what is about nothing, or about something else
  for (const text of ['{}', '[]', 'null', '{"v":1,"kind":"pack","digest":"x"}', '{"v":1,"kind":"evidence","digest":"x"}', `{"digest":"${'a'.repeat(2000)}"}`, '{']) {
    refused(zip(new Map(files).set('pack.json', toBytes(text))));
  }
  const without = new Map(files);
  without.delete('pack.json');
  refused(zip(without));
  refused(listed('pack.json', { method: 8 }));
});

test('a file in a pack that is not as the list says is not read', async () => {
  const { files } = await packed();
  const size = files.get('front').length;
  const wrong = (where, change) => zip(files, { lie: (kind, name, fields) => kind === where && name === 'front' && Object.assign(fields, change) });
  const made = [
    wrong('listed', { method: 8 }), wrong('listed', { flags: 1 }), wrong('listed', { packed: size - 1 }), wrong('listed', { crc: 1 }),
    wrong('listed', { offset: 0 }), wrong('listed', { offset: 1 }), wrong('listed', { offset: 2 ** 32 - 1 }),
    wrong('listed', { size: 2 ** 32 - 1, packed: 2 ** 32 - 1 }), wrong('listed', { size: size + 1, packed: size + 1 }),
    wrong('local', { name: 'trunk' }), wrong('local', { signature: 1 }),
  ];
  const refused = (error) => error instanceof Unread || error instanceof FormatError;
  for (const one of made) await assert.rejects(async () => packReader(one).read('front', 2 ** 32), refused);
  assert.equal((await packReader(zip(files)).read('front', 8192)).length, size);
});

test('no byte of a pack can be changed so that its article is shown and is another', async () => {
  const { files, digest, url, pin } = await packed();
  const good = zip(files);
  const step = 37;
  let read = 0;
  for (let at = 0; at < good.length; at += step) {
    const changed = Uint8Array.from(good);
    changed[at] ^= 1 + (at % 255);
    let pack;
    try {
      pack = packReader(changed);
    } catch (error) {
      assert.ok(error instanceof FormatError, error.stack);
      continue;
    }
    const session = await openSession({ read: pack.read, pin, now: NOW, schema });
    const { verdict, bundle } = await session.article({ digest, url });
    assert.equal(verdict.evidence, null);
    if (bundle) assert.deepEqual([bundle.digest, bundle.document.url], [digest, url]);
    read += verdict.authentic ? 1 : 0;
  }
  // most changes hit what this article does not need, or is not read at all
  assert.ok(read > 0);
});

// --- packed mirrors --------------------------------------------------------------------------------------------------

const hex = (n) => n.toString(16).padStart(32, '0');

/** A packed mirror of these files, two packs: [files, list]. */
function packMirror(files, { lines = (text) => text, list = (document) => document } = {}) {
  const plain = new Map(Array.from(files).filter(([path]) => !/^(?:o|proof)\//.test(path)));
  const inside = Array.from(files).filter(([path]) => /^(?:o|proof)\//.test(path));
  const half = Math.ceil(inside.length / 2);
  const packs = [inside.slice(0, half), inside.slice(half)].map((some, n) => {
    const parts = [];
    let at = 0;
    const rows = some.map(([path, data]) => {
      parts.push(Buffer.from('head'), Buffer.from(data));
      const row = `${at + 4} ${data.length} ${path}\n`;
      at += 4 + data.length;
      return row;
    });
    const index = gzip(toBytes(lines(rows.join(''), n)));
    const whole = new Uint8Array(Buffer.concat([...parts, Buffer.from(index), Buffer.from('tail')]));
    plain.set(`pack/${hex(n)}.zip`, whole);
    return [hex(n), whole.length, at, index.length];
  });
  plain.set('packs', toBytes(`${JSON.stringify(list({ v: 1, kind: 'packs', serial: 1, packs }))}\n`));
  return plain;
}

/** Serves ranges, or doesn't. */
const ranges = (files, asked) => (path, file, response) => {
  if (!/^pack\//.test(path) || !file) return false;
  const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(response.req.headers.range);
  asked.push(`${path.slice(-5)} ${from}`);
  response.writeHead(206, { 'Content-Range': `bytes ${from}-${to}/${file.length}` });
  response.end(file.subarray(Number(from), Number(to) + 1));
  return true;
};

for (const partly of [true, false]) {
  test(`a packed mirror is read like any other, ${partly ? 'in ranges' : 'from a host without ranges'}`, async () => {
    const files = mirror('plain');
    const asked = [];
    const served = packMirror(files);
    const server = await serve(served, partly ? ranges(files, asked) : () => false);
    const read = packedReader(mirrorReader(server.url));
    const session = await openSession({ read, pin: pinOf(files), now: NOW, schema });
    const { edition } = await session.front();
    for (const { digest } of edition.document.outlets[0].articles) {
      assert.ok((await session.listed({ digest })).verdict.authentic);
      const { verdict } = await session.article({ digest });
      assert.deepEqual([verdict.authentic, verdict.current], [true, 'current']);
    }
    assert.equal(await read(object('ab'.repeat(32)), 100), null);
    await server.close();
    const count = (path) => server.asked.filter((one) => one === path).length;
    // The list is asked for once, and once more for what no pack has.
    assert.equal(count('packs'), 2);
    const indexes = JSON.parse(new TextDecoder().decode(served.get('packs'))).packs.map(([name, , at]) => `${name.slice(-1)}.zip ${at}`);
    if (partly) assert.deepEqual(asked.filter((one) => indexes.includes(one)).sort(), indexes);
    else assert.ok(count(`pack/${hex(0)}.zip`) + count(`pack/${hex(1)}.zip`) < 12);
  });
}

test('a mirror that is not packed is asked for no packs while it has the files', async () => {
  const files = mirror('plain');
  const asked = [];
  const read = packedReader(async (path) => {
    asked.push(path);
    return files.get(path) || null;
  });
  const [path] = Array.from(files.keys()).filter((one) => one.startsWith('o/'));
  assert.equal(await read(path, 12288), files.get(path));
  assert.equal(await read('feed.xml', 10), null);
  assert.deepEqual(asked, [path, 'feed.xml']);
  assert.equal(await read(object('ab'.repeat(32)), 10), null);
  assert.equal(await read(object('ac'.repeat(32)), 10), null);
  assert.deepEqual(asked.slice(2), [object('ab'.repeat(32)), 'packs', object('ac'.repeat(32))]);
});

test('what a packed mirror lies about is refused, or comes to nothing', async () => {
  const files = mirror('plain');
  const [path, data] = Array.from(files).find(([one]) => one.startsWith('o/'));
  const from = (served) => {
    const part = async (name, offset, size) => {
      const found = served.get(name);
      return found ? found.subarray(offset, offset + size) : null;
    };
    return packedReader(async (name) => served.get(name) || null, part);
  };
  assert.deepEqual(await from(packMirror(files))(path, 12288), data);
  const lists = [
    (d) => ({ ...d, v: 2 }), (d) => ({ ...d, kind: 'pack' }), (d) => ({ ...d, more: 1 }), (d) => ({ ...d, packs: {} }), (d) => ({ ...d, serial: 'x' }),
    (d) => ({ ...d, packs: [...d.packs, d.packs[0]] }), (d) => ({ ...d, packs: [d.packs[0].slice(1)] }), () => [], () => null,
    (d) => ({ ...d, packs: [['../../../../../../../etc/passwd', 1, 1, 1]] }), (d) => ({ ...d, packs: [[hex(0), 10, 5, 6]] }),
    (d) => ({ ...d, packs: [[hex(0), 2 ** 40, 5, 6]] }), (d) => ({ ...d, packs: [[hex(0), 10, 5, 0]] }), (d) => ({ ...d, packs: [[hex(0), 2 ** 23, 5, 2 ** 21]] }),
  ];
  for (const list of lists) await assert.rejects(from(packMirror(files, { list }))(path, 12288), Unread, String(list));
  const indexes = [
    (text) => text.trimEnd(), (text) => `${text}\n`, (text) => text.replace(/^/, '0'), (text) => text.replace(/ /, '  '), () => '9999999 1 o/a\n',
    (text) => `0 1 O/x\n${text}`, (text) => `0 1 ../x\n${text}`, () => 'x', () => '0 1 o/a\n'.repeat(16385), () => '\xff',
  ];
  for (const lines of indexes) await assert.rejects(from(packMirror(files, { lines }))(path, 12288), Unread, String(lines));
  // too large a file, an index that is cut short, packs that are gone
  await assert.rejects(from(packMirror(files))(path, 10), Unread);
  const gone = packMirror(files);
  for (const name of gone.keys()) if (name.startsWith('pack/')) gone.delete(name);
  assert.equal(await from(gone)(path, 12288), null);
  // other bytes than those asked for are an object with another digest
  const moved = from(packMirror(files, { lines: (text) => text.replace(/^(\d+)/gm, (at) => String(Number(at) - 1)) }));
  const session = await openSession({ read: moved, pin: pinOf(files), now: NOW, schema });
  const { edition } = await session.front();
  const { verdict } = await session.listed({ digest: edition.document.outlets[0].articles[0].digest });
  assert.deepEqual([verdict.authentic, verdict.check], [false, 2]);
});

test('packs that are merged while one reads are found in the next list', async () => {
  const files = mirror('plain');
  const paths = Array.from(files.keys()).filter((one) => one.startsWith('o/'));
  let served = packMirror(files);
  const part = async (name, offset, size) => (served.has(name) ? served.get(name).subarray(offset, offset + size) : null);
  const read = packedReader(async (name) => served.get(name) || null, part);
  assert.ok(await read(paths[0], 12288));
  served = packMirror(files, { list: (document) => ({ ...document, serial: 2, packs: document.packs.map(([name, ...rest]) => [name.replace(/^0/, 'f'), ...rest]) }) });
  for (const name of Array.from(served.keys())) {
    if (!name.startsWith('pack/')) continue;
    served.set(name.replace('pack/0', 'pack/f'), served.get(name));
    served.delete(name);
  }
  assert.deepEqual(await read(paths[1], 12288), files.get(paths[1]));
});

test('a list or an index larger than a reader can bear is refused', () => {
  assert.throws(() => parsePacks(new Uint8Array((1 << 18) + 1)), FormatError);
  assert.throws(() => parseIndex(gzip(new Uint8Array((8 << 20) + 1)), 1), FormatError);
  assert.equal(parseIndex(gzip(toBytes('1 2 o/aa\n')), 3).size, 1);
});
