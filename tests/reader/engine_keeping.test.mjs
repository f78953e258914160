// What the engine keeps on the device, whose disk may be slow, full, shared with other tabs or written by somebody else.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Refused } from '../../mirror/reader/src/engine.mjs';
import {
  Disk, HOUR, ONE, Reader, TWO, become, facts, filesOf, flipped, hangs, objectPath, read, refusal, serves, without, world,
} from './engine_world.mjs';

const { digests } = facts;

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
  const ended = serves(filesOf('rotated'));
  const slow = serves(filesOf('later'), { delay: 3000 });
  become(one, { [ONE]: (asked) => (asked.path.startsWith('o/') ? slow : ended)(asked) });
  const page = two.engine.older('sample');
  await one.clock.run(two.engine.refresh());
  assert.equal(kept(), newest);
  // Now the root keys say that what signed the newest one had ended before: it is shown no more, nor an older one instead.
  assert.deepEqual([two.engine.edition, two.engine.status.name], [null, 'broken']);
  // Nor what was on its way meanwhile.
  assert.deepEqual(await one.clock.run(page), []);
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

test('an outlet that is kept while another one still comes is not forgotten', async () => {
  const reader = world({ [ONE]: 'second' });
  await reader.start();
  const { engine, clock } = reader;
  // Nothing else comes by that would look after them.
  await clock.pass(60000);
  await clock.run(engine.keep('sample', true));
  await clock.pass(2500);
  assert.equal(engine.status.keeping, true);
  await clock.run(engine.keep('fonar', true));
  await clock.pass(60000);
  assert.equal(engine.status.keeping, false);
  assert.deepEqual(engine.items().filter((item) => !item.stored).map(({ title }) => title), []);
});

test('where the disk is full, what is to be kept is not fetched again and again', async () => {
  const reader = world({ [ONE]: 'second' });
  await reader.start();
  reader.disk.broken = 'obj';
  await reader.clock.run(reader.engine.keep('sample', true));
  for (let round = 0; round < 3; round++) {
    await reader.clock.pass(60000);
    const objects = reader.network.paths().filter((path) => /^(?:o|proof)\//.test(path));
    // After the choice, and after the search.
    assert.ok(objects.length <= 2, `round ${round}: ${objects.length} asked for`);
    reader.network.asked.length = 0;
    await reader.clock.run(reader.engine.refresh());
  }
  assert.equal(reader.engine.status.keeping, false);
});

test('an article whose proof is not to be had just now stays on the device, and is not called missing', async () => {
  const reader = world({ [ONE]: without(filesOf('second'), 'proof/') });
  await reader.start();
  await read(reader, 'story 11');
  await reader.clock.pass(5000);
  // No list names it any more, and nobody answers.
  become(reader, { [ONE]: without(filesOf('later'), 'proof/') });
  assert.equal((await reader.start()).serial, 14);
  become(reader, {});
  assert.equal((await refusal(read(reader, 'story 11'))).kind, 'unread');
  become(reader, { [ONE]: without(filesOf('later'), 'proof/') });
  assert.equal((await refusal(read(reader, 'story 11'))).kind, 'missing');
  become(reader, { [ONE]: 'later' });
  assert.equal((await read(reader, 'story 11')).from, 'stored');
  assert.ok(!reader.network.paths().includes(objectPath(digests['story 11'])));
});

/** Two tabs of one reader: {one, two, clock}, both begun. */
async function tabs(hosts, files) {
  const one = world(hosts, { files });
  const two = new Reader(one.network, { disk: one.disk, files });
  await one.start();
  await two.start();
  return { one, two, clock: one.clock, disk: one.disk };
}

test('what one tab keeps and adds, another one does not undo', async () => {
  const { one, two, clock } = await tabs({ [ONE]: 'second' });
  await clock.run(one.engine.keep('sample', true));
  await clock.run(two.engine.keep('fonar', true));
  await clock.run(one.engine.addMirror(TWO));
  await clock.run(two.engine.addMirror('https://three.example'));
  await clock.run(two.engine.refresh());
  await one.start();
  assert.deepEqual(one.engine.kept(), ['sample', 'fonar']);
  const added = one.engine.mirrors().map(({ url }) => url);
  assert.ok([TWO, 'https://three.example'].every((url) => added.includes(url)), added.join());
});

const onDisk = ({ disk }) =>
  ['head', 'front', 'obj', 'use', 'mirrors', 'settings', 'evidence'].flatMap((kind) => Array.from(disk.box(kind).keys()));

test('memory-only mode is for all tabs, and for what is under way', async () => {
  const { one, two, clock, disk } = await tabs({ [ONE]: 'second' });
  await read(two, 'story 11');
  const going = [];
  const set = one.engine.setMemoryOnly(true);
  // Asked for while the disk is being cleared.
  for (const name of ['story 9', 'story 6']) {
    going.push(one.engine.article(digests[name]));
    await clock.settle();
  }
  await clock.run(Promise.all([set, ...going]));
  assert.deepEqual(onDisk({ disk }), ['memoryOnly']);
  await read(two, 'story 8');
  await clock.run(two.engine.keep('sample', true));
  await clock.run(two.engine.refresh());
  await clock.pass(HOUR);
  assert.deepEqual(onDisk({ disk }), ['memoryOnly']);
  assert.deepEqual([(await two.start()).memoryOnly, two.engine.status.persistent], [true, false]);
});

test('wiping while the reader still begins leaves nothing, on the screen or on the device', async () => {
  const reader = world({ [ONE]: 'second' });
  await reader.start();
  await read(reader, 'story 11');
  for (const turns of [0, 1, 2, 4, 8]) {
    const again = new Reader(reader.network, { disk: reader.disk });
    const going = again.open().start();
    for (let n = 0; n < turns; n++) await new Promise((resolve) => setImmediate(resolve));
    await reader.clock.run(again.engine.wipe());
    await reader.clock.run(going);
    await reader.clock.pass(60000);
    assert.deepEqual([again.engine.status.name, again.engine.edition, reader.disk.databases.size], ['empty', null, 0], `after ${turns} turns`);
    assert.equal((await reader.clock.run(again.engine.refresh())).name, 'verified');
    await reader.start();
    await read(reader, 'story 11');
  }
});
