// What the engine makes of mirrors, of a censor between, and of the clock: how it finds a way, and what it tells.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  HOUR, NOW, ONE, TWO, become, blocks, changed, facts, filesOf, flipped, hangs, objectPath, read, refusal, resets, serves, world,
} from './engine_world.mjs';

const { digests } = facts;

// --- finding a way ---------------------------------------------------------------------------------------------------

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

// --- states ----------------------------------------------------------------------------------------------------------

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

test('a clock that is set right while the reader is open does not end what goes on behind', async () => {
  // Years ahead, or years behind, and then right.
  for (const now of ['2037-01-01T00:00:00Z', '1970-01-02T00:00:00Z']) {
    const reader = world({ [ONE]: 'second' }, { now: Date.parse(now) });
    await reader.start();
    await read(reader, 'story 11');
    reader.clock.ms = NOW;
    assert.equal((await reader.clock.run(reader.engine.refresh())).name, 'verified', now);
    await reader.clock.run(reader.engine.keep('fonar', true));
    await reader.clock.pass(60000);
    assert.ok(reader.network.paths().includes('trust/timestamp.json'), now);
    assert.ok(reader.engine.items().every(({ outlet, stored }) => outlet !== 'fonar' || stored), now);
  }
});
