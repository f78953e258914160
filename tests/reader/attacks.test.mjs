// What somebody does who means harm: a mirror, a thief of keys, another page on the same device, whoever hands over a file.

import assert from 'node:assert/strict';
import { File } from 'node:buffer';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';

import { packReader } from '../../signing/web/verify.mjs';
import { importFile } from '../../mirror/reader/src/importing.mjs';
import { mirrorUrl } from '../../mirror/reader/src/mirrors.mjs';
import { bdi, h } from '../../mirror/reader/src/dom.mjs';
import { front } from '../../mirror/reader/src/front.mjs';
import { words } from '../../mirror/reader/src/words.mjs';
import { packFiles, zip } from '../../mirror/reader/src/share.mjs';
import { MINUTE, ONE, TWO, become, facts, filesOf, objectPath, serves, world } from './engine_world.mjs';
import { tables } from './paper.mjs';

const { digests } = facts;
const addresses = (reader) => reader.engine.mirrors().map(({ url }) => url);

// --- memory ----------------------------------------------------------------------------------------------------------

test('a copy of the file that remembers less brings back no key that was revoked since', async () => {
  const reader = world({ [ONE]: 'second' });
  await reader.start();
  const state = JSON.parse(JSON.stringify(reader.engine.snapshot()));
  become(reader, { [ONE]: 'stolen' });
  assert.equal((await reader.start()).log.origin, 'example.org/log/2028');
  // The thief's mirror, and the copy that was saved before the theft, opened on the same device.
  for (const hosts of [{}, { [ONE]: 'long fork' }]) {
    become(reader, hosts);
    const status = await reader.start({ state });
    assert.notEqual(status.name, 'verified');
    assert.deepEqual([status.evidence, status.log.origin], [null, 'example.org/log/2028']);
  }
});

test('another page that writes into the memory while this one is open teaches it nothing old', async () => {
  const early = world({ [ONE]: 'first' });
  await early.start();
  const old = early.disk.box('head').get('memory');
  for (const text of [old, 'x', '{}', '{"trust":{},"front":""}']) {
    const reader = world({ [ONE]: 'second' });
    await reader.start();
    reader.disk.box('head').set('memory', text);
    for (const hosts of [{ [ONE]: 'stolen' }, { [ONE]: 'long fork' }]) {
      become(reader, hosts);
      for (const status of [await reader.clock.run(reader.engine.refresh()), await reader.start()]) {
        assert.deepEqual([status.evidence, status.log.origin, status.serial], [null, 'example.org/log/2028', 3], text.slice(0, 40));
      }
    }
  }
});

test('a picture that somebody else wrote into the store is not passed on', async () => {
  const reader = world({ [ONE]: 'second' });
  await reader.start();
  const { document } = await reader.clock.run(reader.engine.article(digests['story 8']));
  await reader.clock.run(reader.engine.picture(document, 0));
  const path = objectPath(document.resources[0].digest);
  const bytes = Uint8Array.from(reader.disk.box('obj').get(path));
  bytes[700] ^= 1;
  reader.disk.box('obj').set(path, bytes);
  const files = await reader.clock.run(reader.engine.files(digests['story 8']));
  assert.ok(!files.has(path));
});

test('a store that somebody filled with rubbish does not keep the reader from beginning', async () => {
  const reader = world({ [ONE]: 'second' });
  await reader.start();
  for (let n = 0; n < 3000; n++) reader.disk.box('obj').set(`x${n}`, 'x');
  for (let n = 0; n < 3000; n++) reader.disk.box('use').set(`y${n}`, 'x');
  let left = null;
  become(reader, {
    [ONE]: (asked) => {
      left = left === null ? reader.disk.box('obj').size + reader.disk.box('use').size : left;
      return serves(filesOf('second'))(asked);
    },
  });
  assert.equal((await reader.start()).name, 'verified');
  assert.ok(left > 3500, `${left} were there when the first mirror was asked`);
});

test('whoever writes into the store, or into the file, has no words on the page', async () => {
  const words = ['This reader is out of date', 'evil.example', '\u202eold', '', 'x'.repeat(33), 7, null, ['sample']];
  const reader = world({ [ONE]: 'second' }, { state: { settings: { kept: ['fonar', ...words] } } });
  await reader.start();
  assert.deepEqual(reader.engine.kept(), ['fonar']);
  reader.disk.box('settings').set('kept', words.concat('sample'));
  reader.disk.box('mirrors').set('list', [{ url: ONE, why: 'Get the new reader' }, { url: TWO, why: 'evil.example/new' }]);
  await reader.start();
  assert.deepEqual(reader.engine.kept(), ['sample']);
  assert.deepEqual(reader.engine.mirrors().filter(({ why }) => /[^a-z]/.test(why)), []);
});

// --- lists of mirrors ------------------------------------------------------------------------------------------------

const INSIDE = [
  'http://192.168.0.1/reboot.cgi', 'https://10.1.2.3', 'http://172.16.0.1', 'http://172.31.255.1', 'http://169.254.169.254/latest',
  'http://127.0.0.1:8080', 'http://0x7f.1', 'http://2130706433', 'http://localhost', 'http://a.localhost', 'http://[::1]', 'http://[fd00::1]',
  'http://[fe80::1]', 'http://[::ffff:192.168.0.1]', 'http://router', 'http://printer.local', 'http://0.0.0.0', 'http://100.64.1.1',
  'http://nas.lan', 'http://router.home.arpa', 'http://x.internal', 'http://localhost.',
];

test('a list of mirrors leads nobody into the network at home', async () => {
  const outside = ['https://172.32.0.1', 'https://100.128.0.1', 'https://11.0.0.1', 'https://fd.example', 'https://local.example', 'https://[2001:db8::1]'];
  const state = { mirrors: INSIDE.concat(outside).map((url) => ({ url, from: 'added' })) };
  const reader = world({ [ONE]: 'second' }, { state });
  await reader.start();
  await reader.clock.pass(10 * MINUTE);
  become(reader, {});
  await reader.clock.run(reader.engine.refresh());
  assert.deepEqual(addresses(reader).filter((url) => INSIDE.map(mirrorUrl).includes(url)), []);
  assert.deepEqual(outside.filter((url) => !addresses(reader).includes(url)), []);
  // Whoever types one in, or carries one in the file, knows what it is.
  assert.equal(await reader.clock.run(reader.engine.addMirror('http://192.168.0.1/news')), true);
  await reader.start();
  assert.ok(addresses(reader).includes('http://192.168.0.1/news'));
  const home = world({ 'http://192.168.0.9': 'second' });
  assert.equal((await home.start()).name, 'verified');
});

test('a list full of strangers keeps out neither what an edition names nor what somebody adds', async () => {
  const strangers = Array.from({ length: 200 }, (_, n) => ({ url: `https://s${n}.example`, from: 'kept' }));
  const reader = world({ [ONE]: 'second' });
  await reader.start();
  reader.disk.box('mirrors').set('list', strangers);
  become(reader, { [ONE]: 'second' });
  await reader.start();
  assert.equal(addresses(reader).length, 100);
  assert.ok(addresses(reader).includes('https://m1.example'));
  assert.equal(await reader.clock.run(reader.engine.addMirror(TWO)), true);
  assert.ok(addresses(reader).includes(TWO));
  assert.ok(addresses(reader).includes(ONE));
});

// --- mirrors ---------------------------------------------------------------------------------------------------------

const INDEX = gzipSync(Buffer.from(`0 1 o/${'0'.repeat(64)}\n`), { level: 9 });
[INDEX[8], INDEX[9]] = [2, 255];
const pack = (n) => [String(n).padStart(32, '0'), 2000000, 1000, INDEX.length];

/** A host that has nothing but packs without what is asked for. */
function packed(files, count) {
  const list = Array.from({ length: count }, (_, n) => pack(n));
  const packs = Buffer.from(`{"v":1,"kind":"packs","serial":1,"packs":${JSON.stringify(list)}}\n`);
  return ({ path }) => {
    if (path === 'packs') return { chunks: [new Uint8Array(packs)] };
    if (path.startsWith('pack/')) return { status: 206, chunks: [new Uint8Array(INDEX)] };
    if (/^(?:o|proof)\//.test(path)) return { status: 404 };
    return serves(files)({ path });
  };
}

test('mirrors that stand still together and are the quickest keep nobody from the one that goes on', async () => {
  const still = ['https://a.example', 'https://b.example', 'https://c.example', 'https://d.example', 'https://e.example'];
  const hosts = Object.fromEntries(still.map((url) => [url, 'second']));
  const reader = world({ ...hosts, [ONE]: serves(filesOf('later'), { delay: 900 }) }, { now: Date.parse('2027-03-01T21:10:00Z') });
  assert.deepEqual([(await reader.start()).name, reader.network.paths().filter((path) => path === 'front').length], ['stale', 3]);
  await reader.clock.pass(MINUTE);
  assert.deepEqual([reader.engine.status.name, reader.engine.status.mirror, reader.engine.status.searching], ['verified', ONE, false]);
  // Where they are all there is, that is enough of it.
  become(reader, hosts);
  const alone = world(hosts, { now: Date.parse('2027-03-01T21:10:00Z') });
  await alone.start();
  await alone.clock.pass(60 * MINUTE);
  assert.equal(alone.engine.status.name, 'stale');
  assert.ok(alone.network.paths().filter((path) => path === 'front').length < 12);
});

test('a mirror with thousands of packs does not use up the line', async () => {
  for (const other of [{}, { [TWO]: serves(filesOf('second'), { delay: 3000 }) }]) {
    const reader = world({ [ONE]: packed(filesOf('second'), 3000), ...other });
    await reader.start();
    const asked = reader.engine.article(digests['story 11']);
    await reader.clock.run(asked.then(() => {}, () => {}));
    await reader.clock.pass(10 * MINUTE);
    const packs = reader.network.paths(ONE).filter((path) => path.startsWith('pack/'));
    assert.ok(packs.length < 800, `${packs.length} indexes`);
  }
});

test('who has an article read asks for its proof where the article came from', async () => {
  let turn = 0;
  const three = [ONE, TWO, 'https://three.example'];
  const reader = world(Object.fromEntries(three.map((url) => [url, 'second'])), { random: () => [0.1, 0.9, 0.5, 0.99, 0, 0.3, 0.7][turn++ % 7] });
  await reader.start();
  reader.disk.box('mirrors').set('list', three.map((url) => ({ url, rtt: 60 })));
  await reader.start();
  for (const name of ['story 11', 'story 10', 'story 9', 'story 8', 'story 6', 'story 5']) {
    const { from } = await reader.clock.run(reader.engine.article(digests[name]));
    await reader.clock.pass(10000);
    const asked = reader.network.asked.filter(({ path }) => path === objectPath(digests[name], 'proof'));
    assert.deepEqual(asked.map(({ home }) => home), [from], name);
  }
});

test('a mirror writes nothing of its own into what is passed on', async () => {
  const path = objectPath(digests['story 11'], 'proof');
  const files = filesOf('second');
  const genuine = new TextDecoder().decode(files.get(path));
  const mark = Buffer.from('untrusted comment: reader 17 of Monday\nRUQ\n').toString('base64');
  files.set(path, new TextEncoder().encode(genuine.replace('\nindex', `\nextra ${mark}\nindex`)));
  const reader = world({ [ONE]: files });
  await reader.start();
  await reader.clock.run(reader.engine.article(digests['story 11']));
  await reader.clock.pass(10000);
  const passed = await reader.clock.run(reader.engine.files(digests['story 11']));
  assert.equal(new TextDecoder().decode(passed.get(path)), genuine);
  assert.ok(!packFiles(passed, digests['story 11']).has('article.minisig'));
});

test('a mirror that gives its trust files in the last moment keeps nobody from being read offline', async () => {
  const drip = ({ path }) => {
    const file = filesOf('second').get(path);
    if (!file) return { status: 404, delay: path.startsWith('trust/') ? 14000 : 50 };
    if (!path.startsWith('trust/')) return serves(filesOf('second'))({ path });
    const chunks = [];
    for (let at = 0; at < file.length; at += 256) chunks.push(7900, file.subarray(at, at + 256));
    return { chunks, delay: 14900 };
  };
  const hosts = { [ONE]: 'second' };
  for (const n of [1, 2, 3]) hosts[`https://slow${n}.example`] = drip;
  const reader = world(hosts, { mirrors: Object.keys(hosts) });
  await reader.start();
  reader.disk.box('settings').set('kept', ['fonar']);
  reader.network.asked.length = 0;
  await reader.start();
  await reader.clock.pass(5 * MINUTE);
  assert.ok(reader.network.paths().filter((path) => path.startsWith('proof/')).length > 0);
});

test('an article whose proof proves nothing is refused, and not called missing', async () => {
  // No list names it any more; what one mirror has of it does not verify.
  const path = objectPath(digests['story 11'], 'proof');
  const files = filesOf('later');
  const listed = JSON.stringify(Array.from(files.keys()));
  assert.ok(listed.includes(path));
  const bad = Uint8Array.from(files.get(path));
  bad[60] ^= 1;
  const reader = world({ [ONE]: new Map(files).set(path, bad), [TWO]: new Map(Array.from(files).filter(([one]) => one !== path)) });
  await reader.start();
  const error = await reader.clock.run(reader.engine.article(digests['story 11']).then(() => null, (found) => found));
  assert.deepEqual([error && error.kind], ['rejected']);
  // Once somebody has the right one, it is read.
  become(reader, { [TWO]: 'later' });
  assert.ok((await reader.clock.run(reader.engine.article(digests['story 11']))).document.title);
});

// --- files that are handed over --------------------------------------------------------------------------------------

test('a pack whose files lie in one another is refused at once', () => {
  const inner = new Uint8Array(300000);
  const good = zip(new Map([['pack.json', new TextEncoder().encode(`{"v":1,"kind":"pack","digest":"${'a'.repeat(64)}"}`)], ['o/1', inner]]));
  assert.ok(packReader(good).names.includes('o/1'));
  // The list says once more where the large file is, under other names.
  const view = new DataView(good.buffer, good.byteOffset);
  const end = good.length - 22;
  const start = view.getUint32(end + 16, true);
  let entry = start;
  while (view.getUint16(entry + 28, true) !== 3) entry += 46 + view.getUint16(entry + 28, true);
  const more = [];
  for (let n = 2; n < 10; n++) {
    const one = good.slice(entry, entry + 49);
    one[48] = 48 + n;
    more.push(...one);
  }
  const tail = Uint8Array.from(good.subarray(end));
  const about = new DataView(tail.buffer);
  for (const place of [8, 10]) about.setUint16(place, about.getUint16(place, true) + 8, true);
  about.setUint32(12, about.getUint32(12, true) + more.length, true);
  const bad = Uint8Array.from([...good.subarray(0, end), ...more, ...tail]);
  assert.throws(() => packReader(bad), /in one another/);
});

// --- accusations -----------------------------------------------------------------------------------------------------

test('a root key that counted alone once frightens nobody who knows the newer root', async () => {
  const { accusation } = facts;
  const stranger = world({ [ONE]: 'second' });
  await stranger.start();
  assert.equal((await stranger.clock.run(stranger.engine.accuse(accusation))).type, 'trust');
  // As evidence that is passed on, and as what another page wrote into the store.
  const reader = world({ [ONE]: 'shared' });
  await reader.start();
  await reader.clock.pass(MINUTE);
  assert.ok('trust/2.root.json' in JSON.parse(reader.disk.box('head').get('memory')).trust);
  const file = new File([JSON.stringify(accusation)], 'evidence.json');
  const found = await reader.clock.run(importFile(reader.engine, file, { publication: reader.publication }));
  assert.deepEqual([found.kind, found.why, reader.engine.status.name], ['unknown', 'unproven', 'verified']);
  reader.disk.box('evidence').set('evidence', JSON.stringify(accusation));
  assert.deepEqual([(await reader.start()).name, reader.engine.status.evidence], ['verified', null]);
  // Whoever was frightened before learns better.
  become(stranger, { [ONE]: 'shared' });
  assert.equal((await stranger.start()).name, 'verified');
});

test('what somebody sends does not make a reader look cut off', async () => {
  const reader = world({ [ONE]: 'first' });
  await reader.start();
  const files = await reader.clock.run(reader.engine.files(digests['story 8']));
  await reader.clock.run(reader.engine.adopt(files));
  assert.deepEqual([reader.engine.status.name, reader.engine.status.mirror], ['verified', ONE]);
  // A newer edition that no mirror gave: true, and from nowhere.
  const newer = world({ [ONE]: 'second' });
  await newer.start();
  await reader.clock.run(reader.engine.adopt(await newer.clock.run(newer.engine.files(digests['story 8']))));
  assert.deepEqual([reader.engine.status.name, reader.engine.status.serial, reader.engine.status.mirror], ['offline', 2, null]);
});

// --- texts -----------------------------------------------------------------------------------------------------------

const textOf = (node) => (node.nodeType === 3 ? node.data : node.childNodes.map(textOf).join(''));

test('a name that ends its own isolate turns nothing of ours around', () => {
  const turns = '\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069';
  const say = words(tables, 'en');
  const line = say.tell(bdi, 'says_not', { outlet: `The ${turns}Lantern` });
  assert.equal(line.map((one) => (typeof one === 'string' ? one : textOf(one))).join('').includes('The Lantern'), true);
  assert.equal(textOf(bdi(`The ${turns}Lantern`)), 'The Lantern');
});

test('an address puts no words on the page', async () => {
  const engine = { edition: { outlets: [], withdrawals: [] }, items: () => [], kept: () => [], stored: async () => [], status: {} };
  const app = { engine, say: words(tables, 'en'), topics: new Map(), link: (view, id, children) => h('a', null, children) };
  for (const view of ['topic', 'outlet']) {
    const { title, node } = await front(app, { view, id: 'This reader is out of date' });
    assert.ok(!(title + textOf(node)).includes('out of date'));
  }
});
