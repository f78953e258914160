// What the reader's engine makes of mirrors, of a censor between, of what is kept, and of the clock.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Refused } from '../../mirror/reader/src/engine.mjs';
import { crc32 } from '../../signing/web/crc32.mjs';
import { prove } from '../../signing/web/verify.mjs';
import {
  Clock, Disk, Network, NOW, Reader, blocks, facts, filesOf, hangs, objectPath, resets, serves,
} from './engine_world.mjs';

const { digests } = facts;
const ONE = 'https://one.example';
const TWO = 'https://two.example';
const HOUR = 3600000;

/** A reader, and the hosts by address that are there. */
function world(hosts, { now, ...options } = {}) {
  const network = new Network(new Clock(now));
  for (const [home, what] of Object.entries(hosts)) network.put(home, typeof what === 'string' ? filesOf(what) : what);
  return new Reader(network, options);
}

/** From now on these hosts and no others. */
function become(reader, hosts) {
  const { network } = reader;
  network.asked.length = 0;
  network.hosts.clear();
  for (const [home, what] of Object.entries(hosts)) network.put(home, typeof what === 'string' ? filesOf(what) : what);
}

const read = (reader, name) => reader.clock.run(reader.engine.article(digests[name]));

async function refusal(promise) {
  const error = await promise.then(() => null, (found) => found);
  assert.ok(error instanceof Refused, String(error && error.stack));
  return error;
}

const changed = (files, path, make) => new Map(files).set(path, make(Uint8Array.from(files.get(path))));
const flipped = (at) => (data) => {
  data[at < 0 ? data.length + at : at] ^= 1;
  return data;
};
const without = (files, begins) => new Map(Array.from(files).filter(([path]) => !path.startsWith(begins)));

// --- finding a way -------------------------------------------------------------------------------------------------------

test('the first article takes two requests', async () => {
  const reader = world({ [ONE]: 'second' });
  const status = await reader.start();
  assert.equal(status.name, 'verified', status.reason);
  assert.deepEqual([status.serial, status.age, status.mirror, status.time], [2, 3600, ONE, '2027-03-01T09:00:00Z']);
  assert.deepEqual([status.log.origin, status.log.size], ['example.org/log/2027', '15']);
  const { document, from, kept, verdict } = await read(reader, 'story 11');
  assert.deepEqual([document.title, from, kept, verdict.authentic], ['Story 11 — Пример', ONE, true, true]);
  assert.deepEqual(reader.network.paths(), ['front', objectPath(digests['story 11'])]);
});

test('of ten mirrors one works, and the article is read', async () => {
  const tampered = changed(filesOf('second'), 'front', flipped(900));
  const hosts = {
    'https://a.example': hangs, 'https://b.example': resets, 'https://c.example': blocks, 'https://d.example': tampered,
    'https://e.example': serves(new Map()), 'https://f.example': () => ({ status: 502 }),
    'https://g.example': serves(filesOf('second'), { freeze: 2000 }), 'https://h.example': hangs,
    'https://i.example': serves(filesOf('second'), { chunk: 1, gap: 3000 }), [ONE]: 'second',
  };
  const reader = world(hosts);
  const began = reader.clock.ms;
  const status = await reader.start();
  assert.deepEqual([status.name, status.mirror], ['verified', ONE]);
  assert.ok(reader.clock.ms - began < 8000, `${reader.clock.ms - began} ms`);
  assert.equal((await read(reader, 'story 11')).from, ONE);
  const whys = Object.fromEntries(reader.engine.mirrors().map(({ url, why }) => [url, why]));
  assert.deepEqual(Array.from('bcdef', (name) => whys[`https://${name}.example`]), ['network', 'blocked', 'refused', 'status', 'status']);
  // The next time the one that works is asked first.
  reader.network.asked.length = 0;
  await reader.start();
  assert.deepEqual(reader.network.asked.map(({ home }) => home), [ONE]);
});

test('a mirror dead at first costs no more than two seconds', async () => {
  const reader = world({ 'https://dead.example': hangs, [ONE]: 'second' });
  const began = reader.clock.ms;
  await reader.start();
  assert.ok(reader.clock.ms - began <= 2000, `${reader.clock.ms - began} ms`);
});

test('an article comes from another mirror when the first one dies', async () => {
  const reader = world({ [ONE]: 'second', [TWO]: 'second' });
  assert.equal((await reader.start()).mirror, ONE);
  reader.network.put(ONE, hangs);
  assert.equal((await read(reader, 'story 11')).from, TWO);
});

test('an article on a line that is cut after 400 bytes is put together', async () => {
  const fronts = new Map([['front', filesOf('second').get('front')]]);
  const cut = serves(filesOf('second'), { freeze: 400 });
  const host = (one) => (one.path === 'front' ? serves(fronts)(one) : cut(one));
  const reader = world({ [ONE]: host, [TWO]: host });
  await reader.start();
  const { document } = await read(reader, 'story 9');
  assert.equal(document.blocks.length, 3);
});

test('mirrors that a verified edition names are asked when the others are gone', async () => {
  const reader = world({ [ONE]: 'second' });
  await reader.start();
  assert.deepEqual(reader.engine.mirrors().map(({ url, from }) => [url, from]), [
    [ONE, 'built-in'], ['https://m1.example', 'edition'], ['https://m2.example', 'edition'],
    ['http://learned.example/news', 'edition'],
  ]);
  become(reader, { 'http://learned.example/news': 'later' });
  const status = await reader.start();
  assert.deepEqual([status.name, status.mirror, status.serial], ['verified', 'http://learned.example/news', 14]);
});

test('mirrors of an edition that does not verify are not learned', async () => {
  const reader = world({ [ONE]: changed(filesOf('second'), 'front', flipped(-20)) });
  assert.equal((await reader.start()).name, 'broken');
  assert.deepEqual(reader.engine.mirrors().map(({ url }) => url), [ONE]);
});

test('a mirror that somebody adds is asked, and known the next time', async () => {
  const reader = world({ [ONE]: resets, [TWO]: 'second' }, { mirrors: [ONE] });
  assert.equal((await reader.start()).name, 'empty');
  for (const text of ['nonsense', 'javascript:alert(1)', 'https://u:p@two.example']) {
    assert.equal(await reader.clock.run(reader.engine.addMirror(text)), false);
  }
  assert.equal(await reader.clock.run(reader.engine.addMirror(`${TWO}/`)), true);
  assert.equal((await reader.clock.run(reader.engine.refresh())).mirror, TWO);
  assert.equal((await reader.start()).mirror, TWO);
});

test('nobody but mirrors is ever asked', async () => {
  const reader = world({ [ONE]: 'second', [TWO]: resets });
  await reader.start();
  await read(reader, 'story 8');
  await reader.clock.run(reader.engine.keep('sample', true));
  await reader.clock.pass(HOUR);
  const known = reader.engine.mirrors().map(({ url }) => url);
  assert.ok(reader.network.asked.length > 10);
  for (const { url } of reader.network.asked) assert.ok(known.some((home) => url.startsWith(`${home}/`)), url);
});

test('a line that is frozen after 16 KB is left, and the only mirror asked again on a new one', async () => {
  // What goes through one connection is counted; giving up what hangs closes it.
  const files = filesOf('second');
  let left = 16384;
  const host = (one) => {
    const answer = left > 0 ? serves(files, { freeze: left })(one) : { delay: Infinity };
    left -= (answer.chunks || []).reduce((sum, chunk) => sum + (chunk.length || 0), 0);
    if (left <= 0) one.signal.addEventListener('abort', () => (left = 16384));
    return answer;
  };
  const reader = world({ [ONE]: host });
  await reader.start();
  for (const name of ['story 11', 'story 9', 'story 8', 'story 6', 'story 5', 'story 4', 'story 10']) {
    assert.equal((await read(reader, name)).from, ONE, name);
  }
  const { document } = await read(reader, 'story 8');
  assert.equal((await reader.clock.run(reader.engine.picture(document, 0))).size, 40000);
});

// --- states --------------------------------------------------------------------------------------------------------------

test('nothing kept and nobody there is empty', async () => {
  const reader = world({ [ONE]: resets });
  const status = await reader.start();
  assert.deepEqual([status.name, status.age, status.serial, status.log], ['empty', null, null, null]);
  assert.equal(reader.engine.edition, null);
  assert.deepEqual(reader.engine.items(), []);
  assert.equal((await world({}).start()).name, 'empty');
});

test('what is kept is shown at once, and offline when nobody answers', async () => {
  const reader = world({ [ONE]: 'second' });
  await reader.start();
  await read(reader, 'story 11');
  become(reader, { [ONE]: hangs });
  reader.clock.ms += 2 * HOUR;
  const engine = reader.open();
  const seen = [];
  engine.subscribe((status) => seen.push([status.name, engine.edition && engine.edition.serial]));
  const status = await reader.clock.run(engine.start());
  assert.deepEqual(seen[0], ['searching', 2]);
  assert.deepEqual([status.name, Math.floor(status.age / 60), status.mirror], ['offline', 180, null]);
  const { document, from } = await read(reader, 'story 11');
  assert.deepEqual([document.title, from], ['Story 11 — Пример', 'stored']);
  assert.deepEqual([(await refusal(read(reader, 'story 3'))).kind], ['unread']);
});

test('a censor that shows pages to everybody leaves nothing to verify, and nobody is accused', async () => {
  const reader = world({ [ONE]: blocks, [TWO]: blocks });
  assert.equal((await reader.start()).name, 'broken');
  become(reader, { [ONE]: 'second' });
  await reader.start();
  become(reader, { [ONE]: blocks });
  const status = await reader.start();
  assert.deepEqual([status.name, status.serial, status.evidence], ['offline', 2, null]);
});

test('with nothing kept, mirrors that answer what cannot be verified are broken, whoever is to blame', async () => {
  for (const at of [20, 900, -20]) {
    const reader = world({ [ONE]: changed(filesOf('second'), 'front', flipped(at)), [TWO]: resets });
    const status = await reader.start();
    assert.deepEqual([status.name, status.evidence], ['broken', null]);
    assert.equal(reader.engine.edition, null);
  }
  const other = world({ [ONE]: 'second' });
  await other.start();
  become(other, { [ONE]: changed(filesOf('later'), 'front', flipped(900)) });
  const status = await other.start();
  assert.deepEqual([status.name, other.engine.edition.serial], ['offline', 2]);
});

test('a front that was cut short is a bad line, and no forgery', async () => {
  const files = filesOf('second');
  const reader = world({ [ONE]: new Map([['front', files.get('front').subarray(0, 3000)]]), [TWO]: resets });
  assert.equal((await reader.start()).name, 'empty');
});

test('mirrors that have only older editions lag, and what is known stays', async () => {
  const reader = world({ [ONE]: 'second' });
  await reader.start();
  become(reader, { [ONE]: 'first', [TWO]: 'first' });
  const status = await reader.start();
  assert.deepEqual([status.name, status.serial, reader.engine.edition.serial], ['lagging', 2, 2]);
  assert.equal(status.evidence, null);
  // One of them catches up.
  reader.network.put(TWO, filesOf('second'));
  reader.publication.mirrors.push(TWO);
  assert.equal((await reader.start()).name, 'verified');
});

test('an edition past its time is stale, once it is clear that nobody has a newer one', async () => {
  const reader = world({ [ONE]: 'first', [TWO]: 'second' }, { now: Date.parse('2027-03-01T21:10:00Z') });
  const status = await reader.start();
  assert.deepEqual([status.name, status.serial, status.age], ['stale', 2, 12 * 3600 + 600]);
  assert.deepEqual(reader.network.paths().filter((path) => path === 'front').length, 2);
  // A newer one ends it.
  reader.network.put(ONE, filesOf('later'));
  assert.equal((await reader.clock.run(reader.engine.refresh())).name, 'verified');
});

test('a page that stays open grows stale by itself', async () => {
  const reader = world({ [ONE]: 'second' });
  await reader.start();
  reader.clock.ms += 12 * HOUR;
  assert.deepEqual([reader.engine.status.name, reader.engine.status.age], ['stale', 13 * 3600]);
});

test('a clock years ahead makes editions stale and articles readable, and does not ask everybody each time', async () => {
  const hosts = Object.fromEntries(Array.from('abcdefgh', (name) => [`https://${name}.example`, 'second']));
  const reader = world(hosts, { now: Date.parse('2037-01-01T00:00:00Z') });
  const status = await reader.start();
  assert.equal(status.name, 'stale');
  assert.ok(reader.network.paths().filter((path) => path === 'front').length <= 3);
  assert.equal((await read(reader, 'story 11')).document.title, 'Story 11 — Пример');
});

test('a clock that is behind cannot say how old anything is, and that is all', async () => {
  const reader = world({ [ONE]: 'second' }, { now: Date.parse('1970-01-02T00:00:00Z') });
  const status = await reader.start();
  assert.deepEqual([status.name, status.age, status.serial], ['unknown-clock', null, 2]);
  assert.equal((await read(reader, 'story 11')).document.title, 'Story 11 — Пример');
});

test('a reader that a mirror served says so', async () => {
  const reader = world({ [ONE]: 'second' }, { origin: { served: true, base: ONE } });
  assert.equal((await reader.start()).served, true);
});

// --- the log ------------------------------------------------------------------------------------------------------------

test('a reader who was away for long reads the tiles', async () => {
  const reader = world({ [ONE]: 'second' });
  await reader.start();
  become(reader, { [ONE]: 'later' });
  const status = await reader.start();
  assert.deepEqual([status.name, status.serial], ['verified', 14]);
  assert.ok(reader.network.paths().some((path) => path.startsWith('tile/0/')));
  // Afterwards no article makes it read on.
  reader.network.asked.length = 0;
  await read(reader, 'story 31');
  assert.deepEqual(reader.network.paths(), [objectPath(digests['story 31'])]);
});

test('a log that is not shown to go on is not believed, and nobody is accused', async () => {
  const reader = world({ [ONE]: 'second' });
  await reader.start();
  become(reader, { [ONE]: without(filesOf('later'), 'tile/') });
  const status = await reader.start();
  assert.deepEqual([status.name, status.serial, status.evidence], ['offline', 2, null]);
  reader.network.put(TWO, filesOf('later'));
  reader.publication.mirrors.push(TWO);
  assert.equal((await reader.start()).serial, 14);
});

for (const name of ['fork', 'long fork']) {
  test(`two histories raise the alarm, which stays and can be shown to others: ${name}`, async () => {
    const reader = world({ [ONE]: 'second' });
    await reader.start();
    await read(reader, 'story 11');
    become(reader, { [ONE]: name, [TWO]: 'second' });
    const status = await reader.start();
    assert.equal(status.name, 'fork');
    const proved = await prove(new TextEncoder().encode(JSON.stringify(status.evidence)), { pin: facts.pin, now: '2027-03-01T10:00:00Z' });
    assert.deepEqual([proved.type, proved.origin], ['fork', 'example.org/log/2027']);
    assert.deepEqual([reader.engine.edition, reader.engine.items()], [null, []]);
    assert.equal((await refusal(read(reader, 'story 11'))).kind, 'rejected');
    // Over restarts, with good mirrors and none.
    for (const hosts of [{ [ONE]: 'second' }, { [ONE]: hangs }]) {
      become(reader, hosts);
      const again = await reader.start();
      assert.equal(again.name, 'fork');
      assert.ok(again.evidence);
    }
    await reader.clock.run(reader.engine.wipe());
    assert.equal(reader.engine.status.name, 'empty');
    become(reader, { [ONE]: 'second' });
    assert.equal((await reader.clock.run(reader.engine.refresh())).name, 'verified');
  });
}

test('two mirrors with two histories are found out by a first visitor, in the background', async () => {
  const reader = world({ [ONE]: 'second', [TWO]: 'fork' });
  assert.equal((await reader.start()).name, 'verified');
  await reader.clock.pass(60000);
  assert.equal(reader.engine.status.name, 'fork');
});

test('noise raises no alarm, on mirrors or on the disk', async () => {
  const reader = world({ [ONE]: 'second' });
  await reader.start();
  for (const path of ['front', 'checkpoint', 'tile/0/000.p/16']) {
    const files = filesOf('fork');
    if (!files.has(path)) continue;
    for (const at of [5, 50, -5]) {
      become(reader, { [ONE]: changed(files, path, flipped(at)) });
      const { name, evidence } = await reader.start();
      if (path === 'front') assert.deepEqual([name, evidence], ['offline', null]);
      if (name === 'fork') await reader.clock.run(reader.engine.wipe());
    }
  }
  const quiet = world({ [ONE]: 'second' });
  await quiet.start();
  const forged = [
    'nonsense', '{}', '{"v":1,"kind":"evidence","type":"fork","origin":"example.org/log/2027","checkpoints":["a","b"],"files":{}}', 7, null,
  ];
  for (const text of forged) {
    quiet.disk.box('evidence').set('evidence', text);
    assert.equal((await quiet.start()).name, 'verified');
  }
});

test('evidence that somebody passes on raises the alarm, and rubbish does not', async () => {
  const other = world({ [ONE]: 'second' });
  await other.start();
  become(other, { [ONE]: 'fork' });
  const { evidence } = await other.start();
  const reader = world({ [ONE]: 'second' });
  await reader.start();
  await assert.rejects(reader.clock.run(reader.engine.accuse({ v: 1, kind: 'evidence' })), { kind: 'BadEvidence' });
  assert.equal(reader.engine.status.name, 'verified');
  const found = await reader.clock.run(reader.engine.accuse(evidence));
  assert.deepEqual([found.type, reader.engine.status.name], ['fork', 'fork']);
});

test('the alarm ends when the root keys say that the key was stolen', async () => {
  const reader = world({ [ONE]: 'second' });
  await reader.start();
  become(reader, { [ONE]: 'fork' });
  assert.equal((await reader.start()).name, 'fork');
  become(reader, { [ONE]: 'stolen' });
  const status = await reader.start();
  assert.deepEqual([status.name, status.evidence, status.log.origin], ['verified', null, 'example.org/log/2028']);
  assert.equal((await read(reader, 'stolen')).document.title, 'Story 13 — Пример');
  // Kept all the same, and no alarm the next time.
  assert.ok(reader.disk.box('evidence').get('explained'));
  assert.equal((await reader.start()).name, 'verified');
  // What the thief's mirrors serve is refused and no longer alarming.
  become(reader, { [ONE]: 'long fork' });
  assert.deepEqual([(await reader.start()).name, reader.engine.status.evidence], ['offline', null]);
});

// --- trust --------------------------------------------------------------------------------------------------------------

test('a key that was replaced is learnt from the trust files that the edition names', async () => {
  const reader = world({ [ONE]: 'second' });
  await reader.start();
  become(reader, { [ONE]: 'rotated' });
  const status = await reader.start();
  assert.deepEqual([status.name, status.serial], ['verified', 3]);
  assert.ok(reader.network.paths().includes('trust/timestamp.json'));
  assert.ok(status.signers[0].startsWith('example.org/publisher-2+'));
  // Remembered: the next time they are not asked for.
  reader.network.asked.length = 0;
  await reader.start();
  assert.ok(!reader.network.paths().some((path) => path.startsWith('trust/')));
});

test('a mirror that carries an edition of keys nobody vouches for is refused', async () => {
  const reader = world({ [ONE]: without(filesOf('rotated'), 'trust/'), [TWO]: 'second' });
  const status = await reader.start();
  assert.deepEqual([status.mirror, status.serial], [TWO, 2]);
});

test('once a day the trust files are asked for, at another mirror than the one that is read', async () => {
  const reader = world({ [ONE]: 'second', [TWO]: 'second' });
  await reader.start();
  await read(reader, 'story 11');
  assert.ok(!reader.network.paths().some((path) => path.startsWith('trust/')));
  await reader.clock.pass(60000);
  assert.ok(reader.network.paths(TWO).includes('trust/timestamp.json'));
  assert.ok(!reader.network.paths(ONE).includes('trust/timestamp.json'));
  reader.network.asked.length = 0;
  await reader.start();
  await reader.clock.pass(60000);
  assert.ok(!reader.network.paths().includes('trust/timestamp.json'));
  reader.clock.ms += 25 * HOUR;
  await reader.start();
  await reader.clock.pass(60000);
  assert.ok(reader.network.paths().includes('trust/timestamp.json'));
});

test('a revoked key is learnt in the background, and what it signed goes', async () => {
  // The first mirror hides that the publisher's key was revoked before this edition.
  const reader = world({ [ONE]: 'second', [TWO]: 'stolen' });
  assert.equal((await reader.start()).log.origin, 'example.org/log/2027');
  await reader.clock.pass(60000);
  assert.deepEqual([reader.engine.status.name, reader.engine.status.log.origin], ['verified', 'example.org/log/2028']);
});

test('a reader file without trust files gets them from a mirror', async () => {
  const reader = world({ [TWO]: resets, [ONE]: 'second' });
  reader.publication.trust = {};
  assert.equal((await reader.start()).name, 'verified');
  assert.equal((await read(reader, 'story 11')).document.title, 'Story 11 — Пример');
  // Of another publication they are none.
  reader.publication.pin = `sha256:${'0'.repeat(64)}`;
  reader.disk = new Disk();
  assert.equal((await reader.start()).name, 'broken');
});

test('a reader file months old reads on, and asks for newer trust files', async () => {
  const now = Date.parse('2027-03-16T09:00:00Z');
  const reader = world({ [ONE]: 'fortnight' }, { now });
  assert.deepEqual([(await reader.start()).name, reader.engine.status.serial], ['verified', 3]);
  await reader.clock.pass(60000);
  assert.deepEqual([reader.engine.status.name, reader.engine.status.reason], ['verified', '']);
  const frozen = filesOf('fortnight');
  for (const [path, data] of filesOf('second')) if (path === 'trust/timestamp.json') frozen.set(path, data);
  const other = world({ [ONE]: frozen }, { now });
  assert.equal((await other.start()).name, 'verified');
  await other.clock.pass(60000);
  assert.deepEqual([other.engine.status.name, other.engine.status.reason], ['stale', 'expired: timestamp']);
  const names = new Set();
  other.engine.subscribe(({ name }) => names.add(name));
  await other.clock.run(other.engine.refresh());
  assert.deepEqual(Array.from(names), ['stale']);
});

// --- articles -----------------------------------------------------------------------------------------------------------

test('a long article comes with all its parts, or not at all', async () => {
  const reader = world({ [ONE]: 'second' });
  await reader.start();
  const { document } = await read(reader, 'story 9');
  assert.deepEqual(document.blocks.map(({ content }) => content[0]), [
    'What happened, number 9.', 'The rest of nine, one.', 'The rest of nine, two.',
  ]);
  const files = filesOf('second');
  const [, part] = document.parts;
  const other = world({ [ONE]: without(files, objectPath(part.digest)) });
  await other.start();
  assert.equal((await refusal(read(other, 'story 9'))).kind, 'missing');
  const path = objectPath(part.digest);
  const forged = world({ [ONE]: changed(files, path, flipped(-1)) });
  await forged.start();
  assert.equal((await refusal(read(forged, 'story 9'))).kind, 'rejected');
});

test('an article that was changed is never given out, whoever else has it', async () => {
  const path = objectPath(digests['story 11']);
  const forged = changed(filesOf('second'), path, flipped(60));
  const reader = world({ [ONE]: forged, [TWO]: 'second' });
  await reader.start();
  const { from } = await read(reader, 'story 11');
  assert.equal(from, TWO);
  const alone = world({ [ONE]: forged });
  await alone.start();
  const error = await refusal(read(alone, 'story 11'));
  assert.deepEqual([error.kind, error.check], ['rejected', 2]);
  assert.deepEqual(alone.disk.box('obj').size, 0);
});

test('what is no digest, or nobody has, is missing', async () => {
  const reader = world({ [ONE]: 'second' });
  await reader.start();
  for (const digest of ['', '../../etc', 'ab'.repeat(32), digests['only fork']]) {
    assert.equal((await refusal(reader.clock.run(reader.engine.article(digest)))).kind, 'missing');
  }
});

test('a picture on lines that are cut is put together and is what was signed', async () => {
  const files = filesOf('second');
  const cut = serves(files, { freeze: 16384 });
  const reader = world({ [ONE]: cut, [TWO]: cut });
  await reader.start();
  const { document } = await read(reader, 'story 8');
  const seen = [];
  const blob = await reader.clock.run(reader.engine.picture(document, 0, { alive: (count) => seen.push(count) }));
  assert.deepEqual([blob.type, blob.size], ['image/jpeg', 40000]);
  assert.deepEqual(new Uint8Array(await blob.arrayBuffer()), files.get(objectPath(document.resources[0].digest)));
  assert.ok(seen.length > 3);
  // Kept with the article.
  become(reader, {});
  assert.equal((await reader.clock.run(reader.engine.picture(document, 0))).size, 40000);
  for (const [one, index] of [[document, 7], [{ ...document }, 0], [null, 0]]) {
    assert.equal((await refusal(reader.clock.run(reader.engine.picture(one, index)))).kind, 'missing');
  }
});

test('a thumbnail that the list names is shown, and no other', async () => {
  const reader = world({ [ONE]: 'second' });
  await reader.start();
  const item = reader.engine.items().find((one) => one.thumbnail);
  const blob = await reader.clock.run(reader.engine.thumbnail(item));
  assert.deepEqual([blob.type, blob.size], ['image/webp', 900]);
  const { document } = await read(reader, 'story 8');
  const other = { thumbnail: document.resources[0].digest };
  assert.equal((await refusal(reader.clock.run(reader.engine.thumbnail(other)))).kind, 'missing');
});

test('the list says of each article whose it is and what became of it', async () => {
  const reader = world({ [ONE]: 'second' });
  await reader.start();
  await read(reader, 'story 10');
  const items = reader.engine.items();
  assert.deepEqual(items.map(({ outlet }) => outlet), ['sample', 'sample', 'sample', 'sample', 'sample', 'sample', 'fonar']);
  const last = items[6];
  assert.deepEqual([last.title, last.outletName, last.language, last.read, last.stored], ['Фонарь горит', 'Фонарь', 'ru', true, true]);
  assert.deepEqual([items[0].read, items[0].stored], [false, false]);
});

test('older articles come page by page', async () => {
  const reader = world({ [ONE]: 'second' });
  await reader.start();
  const titles = (list) => list.map(({ title }) => title.split(' ')[1]).join();
  const older = () => reader.clock.run(reader.engine.older('sample'));
  assert.equal(titles(reader.engine.items().filter(({ outlet }) => outlet === 'sample')), '11,9,8,6,5,4');
  assert.equal(titles(await older()), '3,2,1');
  assert.deepEqual(await older(), []);
  assert.deepEqual(await reader.clock.run(reader.engine.older('nobody')), []);
  assert.equal(reader.engine.items().length, 10);
  assert.equal((await read(reader, 'story 2')).document.title, 'Story 2 — Пример');
  become(reader, {});
  const other = world({ [ONE]: without(filesOf('second'), 'o/') });
  await other.start();
  assert.equal((await refusal(other.clock.run(other.engine.older('sample')))).kind, 'missing');
});

test('what was withdrawn is refused, says so, and leaves the device', async () => {
  const reader = world({ [ONE]: 'first' });
  await reader.start();
  assert.equal((await read(reader, 'story 7')).document.title, 'Story 7 — Пример');
  const path = objectPath(digests['story 7']);
  assert.ok(reader.disk.box('obj').has(path));
  become(reader, { [ONE]: 'second' });
  await reader.start();
  assert.equal(reader.disk.box('obj').has(path), false);
  const error = await refusal(read(reader, 'story 7'));
  assert.deepEqual([error.kind, error.withdrawal.time], ['withdrawn', '2027-03-01T08:55:00Z']);
  // A mirror that keeps it changes nothing, nor does time.
  become(reader, { [ONE]: 'first' });
  await reader.start();
  assert.equal((await refusal(read(reader, 'story 7'))).kind, 'withdrawn');
});

// --- keeping ------------------------------------------------------------------------------------------------------------

test('an outlet that is kept is read offline, the newest first, one request at a time', async () => {
  const reader = world({ [ONE]: 'second' });
  await reader.start();
  await reader.clock.run(reader.engine.keep('sample', true));
  await reader.clock.pass(60000);
  const asked = reader.network.asked.filter(({ path }) => path && path.startsWith('o/'));
  assert.equal(asked[0].path, objectPath(digests['story 11']));
  for (let at = 1; at < asked.length; at++) assert.ok(asked[at].at > asked[at - 1].at);
  become(reader, {});
  await reader.start();
  assert.deepEqual(reader.engine.kept(), ['sample']);
  for (const name of ['story 11', 'story 9', 'story 8', 'story 6', 'story 5', 'story 4']) {
    assert.equal((await read(reader, name)).from, 'stored');
  }
  assert.equal((await refusal(read(reader, 'story 10'))).kind, 'unread');
  assert.ok(reader.engine.items().filter(({ kept }) => kept).length === 6);
  await reader.clock.run(reader.engine.keep('sample', false));
  assert.deepEqual([reader.engine.kept(), reader.engine.items().filter(({ kept }) => kept)], [[], []]);
});

test('what was read stays readable when no list names it any more', async () => {
  const reader = world({ [ONE]: 'second' });
  await reader.start();
  await read(reader, 'story 11');
  await reader.clock.pass(5000);
  assert.ok(reader.network.paths().includes(objectPath(digests['story 11'], 'proof')));
  become(reader, { [ONE]: 'later' });
  await reader.start();
  assert.ok(!reader.engine.items().some(({ digest }) => digest === digests['story 11']));
  become(reader, {});
  await reader.start();
  assert.equal((await read(reader, 'story 11')).from, 'stored');
  const stored = await reader.clock.run(reader.engine.stored());
  assert.deepEqual(stored.map(({ document, read: was }) => [document.title, was]), [['Story 11 — Пример', true]]);
});

test('what somebody wrote into the store is let go, and fetched again', async () => {
  const reader = world({ [ONE]: 'second' });
  await reader.start();
  await read(reader, 'story 11');
  await reader.clock.pass(5000);
  const path = objectPath(digests['story 11']);
  const box = reader.disk.box('obj');
  box.set(path, flipped(60)(Uint8Array.from(box.get(path))));
  await reader.start();
  assert.deepEqual(await reader.clock.run(reader.engine.stored()), []);
  assert.equal((await read(reader, 'story 11')).from, ONE);
  box.set(path, flipped(60)(Uint8Array.from(box.get(path))));
  become(reader, {});
  await reader.start();
  assert.equal((await refusal(read(reader, 'story 11'))).kind, 'unread');
  // A spoilt proof, where no list names the article.
  become(reader, { [ONE]: 'second' });
  await reader.start();
  await read(reader, 'story 11');
  await reader.clock.pass(5000);
  const proof = objectPath(digests['story 11'], 'proof');
  box.set(proof, flipped(40)(Uint8Array.from(box.get(proof))));
  become(reader, { [ONE]: 'later' });
  await reader.start();
  assert.equal((await read(reader, 'story 11')).document.title, 'Story 11 — Пример');
});

test('a memory that somebody else wrote never makes anything verified, nor keeps the reader away', async () => {
  const reader = world({ [ONE]: 'second' });
  await reader.start();
  const good = JSON.parse(reader.disk.box('head').get('memory'));
  const other = JSON.parse(JSON.stringify(good));
  const fork = Buffer.from(filesOf('fork').get('checkpoint')).toString();
  const forged = [
    'nonsense', '[]', 'null', 7, 'x'.repeat(9 << 20), '{"trust":{"__proto__":"x"}}',
    JSON.stringify({ ...good, origin: 'evil.example' }),
    JSON.stringify({ ...good, checkpoints: { 'example.org/log/2027': fork.replace('\n14\n', '\n15\n').replace('\n15\n', '\n16\n') } }),
    JSON.stringify({ ...good, trust: { 'trust/1.root.json': '{}' } }),
    JSON.stringify({ ...good, front: good.front.slice(0, 400) }),
    JSON.stringify({ ...good, front: good.front.replace(/A/g, 'B') }),
    JSON.stringify({ ...other, withdrawn: { constructor: { time: 'x' }, [digests['story 11']]: 'x' } }),
  ];
  for (const text of forged) {
    reader.disk.box('head').set('memory', text);
    const status = await reader.start();
    assert.deepEqual([status.name, status.serial, status.evidence], ['verified', 2, null], String(text).slice(0, 80));
    assert.equal((await read(reader, 'story 11')).document.title, 'Story 11 — Пример');
  }
  for (const [kind, key] of [['mirrors', 'list'], ['settings', 'kept'], ['settings', 'walked'], ['settings', '__proto__'], ['use', 'x']]) {
    for (const value of ['nonsense', 7, null, { a: 1 }, [[]], Infinity]) {
      reader.disk.box(kind).set(key, value);
      assert.equal((await reader.start()).name, 'verified');
      assert.deepEqual(reader.engine.kept().filter((one) => typeof one !== 'string'), []);
    }
  }
});

test('two tabs keep the newer of what both have learnt', async () => {
  const disk = new Disk();
  const one = world({ [ONE]: 'second' }, { disk });
  const two = new Reader(one.network, { disk });
  await one.start();
  two.open();
  await one.clock.run(two.engine.start());
  // The first tab hears of a newer edition, then the second one of the same and an older one.
  become(one, { [ONE]: 'later' });
  await one.clock.run(one.engine.refresh());
  const kept = () => JSON.parse(disk.box('head').get('memory')).front;
  const newest = kept();
  become(one, { [ONE]: 'second' });
  await one.clock.run(two.engine.refresh());
  assert.equal(kept(), newest);
  become(one, { [ONE]: 'rotated' });
  await one.clock.run(two.engine.refresh());
  assert.equal(kept(), newest);
  // Now the root keys say that what signed the newest one had ended before: it is shown no more, nor an older one instead.
  assert.deepEqual([two.engine.edition, two.engine.status.name], [null, 'broken']);
});

test('two tabs that were shown two histories raise the alarm', async () => {
  const disk = new Disk();
  const one = world({ [ONE]: 'first' }, { disk });
  const two = new Reader(one.network, { disk });
  await one.start();
  two.open();
  await one.clock.run(two.engine.start());
  become(one, { [ONE]: 'second' });
  await one.clock.run(one.engine.refresh());
  become(one, { [ONE]: 'fork' });
  const status = await one.clock.run(two.engine.refresh());
  assert.equal(status.name, 'fork');
});

test('without a store everything works until the page is closed', async () => {
  for (const broken of ['throws', 'fails', 'hangs']) {
    const disk = new Disk();
    disk.broken = broken;
    const reader = world({ [ONE]: 'second' }, { disk });
    const status = await reader.start();
    assert.deepEqual([status.name, status.persistent], ['verified', false]);
    assert.equal((await read(reader, 'story 11')).kept, false);
    become(reader, {});
    assert.equal((await read(reader, 'story 11')).from, 'stored');
    await reader.clock.run(reader.engine.wipe());
  }
});

test('a disk that is slow to open keeps what it has, and what was learnt meanwhile', async () => {
  const reader = world({ [ONE]: 'second' });
  await reader.start();
  await read(reader, 'story 11');
  reader.disk.slow = reader.clock;
  // Nobody answers: at first nothing is known to be kept.
  become(reader, {});
  assert.equal((await reader.start()).name, 'empty');
  await reader.clock.pass(5000);
  assert.deepEqual([reader.engine.status.name, reader.engine.edition.serial], ['offline', 2]);
  assert.equal((await read(reader, 'story 11')).from, 'stored');
  // An older mirror answers: what was kept wins when it comes.
  become(reader, { [ONE]: 'first' });
  assert.equal((await reader.start()).serial, 1);
  await reader.clock.pass(5000);
  assert.equal(reader.engine.edition.serial, 2);
  // A newer one: it is kept.
  become(reader, { [ONE]: 'later' });
  await reader.start();
  await read(reader, 'story 31');
  await reader.clock.pass(5000);
  assert.equal(reader.engine.edition.serial, 14);
  become(reader, {});
  reader.disk.slow = null;
  assert.deepEqual([(await reader.start()).name, reader.engine.status.serial], ['offline', 14]);
  assert.equal((await read(reader, 'story 31')).from, 'stored');
  // Another history than the one that was kept.
  reader.disk.slow = reader.clock;
  const fork = world({ [ONE]: 'second' });
  await fork.start();
  fork.disk.slow = fork.clock;
  become(fork, { [ONE]: 'fork' });
  assert.equal((await fork.start()).name, 'verified');
  await fork.clock.pass(5000);
  assert.equal(fork.engine.status.name, 'fork');
  // And what was wiped meanwhile stays wiped.
  const wiped = world({ [ONE]: 'second' });
  await wiped.start();
  wiped.disk.slow = wiped.clock;
  await wiped.start();
  await wiped.clock.run(wiped.engine.wipe());
  await wiped.clock.pass(20000);
  assert.deepEqual([wiped.engine.edition, wiped.engine.status.persistent], [null, false]);
});

test('memory-only mode leaves nothing behind but that it is on, and lasts', async () => {
  const reader = world({ [ONE]: 'second' });
  await reader.start();
  await read(reader, 'story 11');
  await reader.clock.run(reader.engine.setMemoryOnly(true));
  const there = () => ['head', 'front', 'obj', 'use', 'mirrors', 'settings', 'evidence'].flatMap((kind) => Array.from(reader.disk.box(kind).keys()));
  assert.deepEqual(there(), ['memoryOnly']);
  await read(reader, 'story 8');
  await reader.clock.pass(HOUR);
  await reader.clock.run(reader.engine.refresh());
  assert.deepEqual(there(), ['memoryOnly']);
  const status = await reader.start();
  assert.deepEqual([status.memoryOnly, status.persistent, status.name], [true, false, 'verified']);
  await read(reader, 'story 8');
  assert.deepEqual(there(), ['memoryOnly']);
  await reader.clock.run(reader.engine.setMemoryOnly(false));
  assert.ok(there().includes('memory'));
  become(reader, {});
  assert.deepEqual([(await reader.start()).name, reader.engine.status.memoryOnly], ['offline', false]);
});

test('wiping takes everything, at once, and what is under way brings nothing back', async () => {
  const reader = world({ [ONE]: 'second', [TWO]: serves(filesOf('second'), { delay: 3000 }) });
  await reader.start();
  await read(reader, 'story 11');
  await reader.clock.run(reader.engine.keep('sample', true));
  become(reader, { [ONE]: serves(filesOf('later'), { delay: 3000 }) });
  const going = reader.engine.refresh();
  const reading = reader.engine.article(digests['story 5']).catch((error) => error);
  await reader.clock.settle();
  const began = reader.clock.ms;
  await reader.clock.run(reader.engine.wipe());
  assert.ok(reader.clock.ms - began < 100);
  await reader.clock.run(going);
  assert.ok((await reader.clock.run(reading)) instanceof Refused);
  await reader.clock.pass(HOUR);
  assert.equal(reader.disk.databases.size, 0);
  assert.deepEqual([reader.engine.status.name, reader.engine.edition, reader.engine.kept()], ['empty', null, []]);
  assert.equal((await reader.clock.run(reader.engine.refresh())).name, 'verified');
  assert.equal(reader.disk.databases.size, 0);
});

test('settings are kept, and have names', async () => {
  const reader = world({ [ONE]: 'second' });
  const { settings } = reader.open();
  assert.equal(await reader.clock.run(settings.get('ui')), null);
  await reader.clock.run(settings.set('ui', { size: 120 }));
  assert.deepEqual(await reader.clock.run(reader.open().settings.get('ui')), { size: 120 });
  assert.equal(await reader.clock.run(reader.engine.settings.get('constructor')), null);
  await assert.rejects(reader.engine.settings.set('__proto__', 1), TypeError);
});

// --- passing on ---------------------------------------------------------------------------------------------------------

test('a copy of the file with its state opens where there is no network and no store', async () => {
  const reader = world({ [ONE]: 'second', [TWO]: 'second' }, { mirrors: [ONE] });
  await reader.start();
  await reader.clock.run(reader.engine.addMirror(TWO));
  await reader.clock.run(reader.engine.keep('fonar', true));
  const state = JSON.parse(JSON.stringify(reader.engine.snapshot()));
  const other = world({}, { mirrors: [ONE], state });
  const status = await other.start();
  assert.deepEqual([status.name, status.serial], ['offline', 2]);
  assert.ok(other.engine.mirrors().some(({ url, from }) => url === TWO && from === 'kept'));
  assert.deepEqual(other.engine.kept(), ['fonar']);
  // Older than what is kept here: no harm.
  become(other, { [ONE]: 'later' });
  await other.start();
  become(other, {});
  assert.equal((await other.start()).serial, 14);
});

test('a state that somebody forged is not believed', async () => {
  for (const state of [7, [], 'x', { memory: 7 }, { memory: { front: 'x', trust: 7 }, mirrors: 7, settings: 7 }, { memory: { trust: {} }, settings: [1] }]) {
    const reader = world({ [ONE]: 'second' }, { state });
    assert.equal((await reader.start()).name, 'verified');
  }
  const fork = world({ [ONE]: 'fork' });
  await fork.start();
  const reader = world({ [ONE]: 'second' });
  await reader.start();
  reader.more = { state: fork.engine.snapshot() };
  assert.equal((await reader.start()).name, 'fork');
});

test('an article that is passed on is taken in with no network, and shown as verified', async () => {
  const reader = world({ [ONE]: 'second' });
  await reader.start();
  const { document } = await read(reader, 'story 8');
  await reader.clock.run(reader.engine.picture(document, 0));
  const files = await reader.clock.run(reader.engine.files(digests['story 8']));
  const names = Array.from(files.keys());
  for (const name of ['front', 'checkpoint', 'trust/1.root.json', 'trust/timestamp.json', objectPath(digests['story 8'])]) {
    assert.ok(names.includes(name), name);
  }
  assert.ok(names.includes(objectPath(document.resources[0].digest)));
  const other = world({});
  await other.start();
  const found = await other.clock.run(other.engine.adopt(files));
  assert.deepEqual([found.digest, found.document.title, found.verdict.authentic], [digests['story 8'], 'Story 8 — Пример', true]);
  // The edition came along, and the picture.
  assert.deepEqual([other.engine.edition.serial, other.engine.status.name], [2, 'offline']);
  assert.equal((await other.clock.run(other.engine.picture(found.document, 0))).size, 40000);
  await other.start();
  assert.equal((await read(other, 'story 8')).from, 'stored');
});

test('a pack that was changed, or whose article was withdrawn, is refused and leaves nothing', async () => {
  const reader = world({ [ONE]: 'first' });
  await reader.start();
  const files = await reader.clock.run(reader.engine.files(digests['story 7']));
  for (const path of [objectPath(digests['story 7']), objectPath(digests['story 7'], 'proof')]) {
    const other = world({});
    await other.start();
    assert.equal((await refusal(other.clock.run(other.engine.adopt(changed(files, path, flipped(70)))))).kind, 'rejected');
    assert.equal(other.disk.box('obj').size, 0);
  }
  const other = world({ [ONE]: 'second' });
  await other.start();
  assert.equal((await refusal(other.clock.run(other.engine.adopt(files)))).kind, 'withdrawn');
  assert.equal(other.disk.box('obj').size, 0);
  assert.equal((await refusal(other.clock.run(other.engine.adopt(new Map())))).kind, 'missing');
  const picture = objectPath(digests['story 8']);
  assert.equal((await refusal(other.clock.run(other.engine.adopt(new Map([[picture, new Uint8Array(9)]]), digests['story 8'])))).kind, 'missing');
});

test('a pack with another history raises the alarm', async () => {
  const fork = world({ [ONE]: 'fork' });
  await fork.start();
  const files = await fork.clock.run(fork.engine.files(digests['only fork']));
  const reader = world({ [ONE]: 'second' });
  await reader.start();
  await refusal(reader.clock.run(reader.engine.adopt(files)));
  assert.equal(reader.engine.status.name, 'fork');
});

test('a newer reader that the root keys vouch for is offered, and no other', async () => {
  const reader = world({ [ONE]: 'second' });
  await reader.start();
  assert.equal(await reader.clock.run(reader.engine.newer()), null);
  become(reader, { [ONE]: 'rotated' });
  await reader.start();
  const found = await reader.clock.run(reader.engine.newer());
  assert.equal(found.digest, facts.reader);
  const data = await reader.clock.run(found.bytes());
  assert.equal(Buffer.from(data).toString(), '<!DOCTYPE html>\n<title>the next reader</title>\n');
  assert.equal(data.length, found.size);
  const path = `trust/targets/${facts.reader}.reader.html`;
  become(reader, { [ONE]: changed(filesOf('rotated'), path, flipped(-9)) });
  assert.equal((await refusal(reader.clock.run(found.bytes()))).kind, 'unread');
  // This one already; and one that came with trust files as new as these.
  reader.more = { build: facts.reader };
  await reader.start();
  assert.equal(await reader.clock.run(reader.engine.newer()), null);
  const fresh = world({ [ONE]: 'rotated' }, { files: 'rotated' });
  await fresh.start();
  assert.equal(await fresh.clock.run(fresh.engine.newer()), null);
});

test('those who listen are told of every change and of nothing afterwards', async () => {
  const reader = world({ [ONE]: 'second' });
  const engine = reader.open();
  const names = [];
  const stop = engine.subscribe(({ name }) => names.push(name));
  await reader.clock.run(engine.start());
  assert.deepEqual(Array.from(new Set(names)), ['searching', 'verified']);
  stop();
  const count = names.length;
  await reader.clock.run(engine.refresh());
  assert.equal(names.length, count);
});

// --- packed mirrors -----------------------------------------------------------------------------------------------------

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

// --- anything at all ----------------------------------------------------------------------------------------------------

/** Numbers from 0 to 1, the same for one seed. */
function chance(seed) {
  let at = (seed * 2654435761) % 2147483647 || 1;
  return () => (at = (at * 48271) % 2147483647) / 2147483647;
}

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
