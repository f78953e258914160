// What is kept on the device, on good disks, bad ones, and none; and what somebody else wrote there.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { KINDS, openShelf, openStore } from '../../mirror/reader/src/store.mjs';
import { Clock, Disk } from './engine_world.mjs';

const bytes = (size, value = 1) => new Uint8Array(size).fill(value);

function device(broken = null) {
  const disk = new Disk();
  disk.broken = broken;
  const clock = new Clock();
  const open = () => openStore({ indexedDB: disk.indexedDB, timers: clock });
  return { disk, clock, open };
}

test('what is kept is there the next time', async () => {
  const { open } = device();
  const one = open();
  await one.ready;
  assert.equal(one.persistent, true);
  assert.equal(await one.put('head', 'memory', 'text'), true);
  await one.put('obj', 'o/aa', bytes(5));
  const other = open();
  assert.equal(await other.get('head', 'memory'), 'text');
  assert.deepEqual(await other.get('obj', 'o/aa'), bytes(5));
  assert.equal(await other.get('head', 'nothing'), null);
  assert.deepEqual(await other.keys('obj'), ['o/aa']);
  assert.deepEqual(await other.all('head'), [['memory', 'text']]);
  await other.delete('obj', 'o/aa');
  assert.equal(await one.get('obj', 'o/aa'), null);
});

for (const broken of ['throws', 'fails', 'hangs']) {
  test(`a database that ${broken} is none, and nothing is thrown`, async () => {
    const { open, clock } = device(broken);
    const store = open();
    await clock.run(store.ready);
    assert.equal(store.persistent, false);
    assert.equal(await store.put('head', 'memory', 'text'), true);
    assert.equal(await store.get('head', 'memory'), 'text');
    assert.deepEqual(await store.all('head'), [['memory', 'text']]);
    assert.deepEqual(await store.keys('head'), ['memory']);
    assert.equal(await store.update('head', 'memory', (found) => `${found}!`), 'text!');
    await store.delete('head', 'memory');
    assert.equal(await store.get('head', 'memory'), null);
    await clock.run(store.clear());
  });
}

test('where there is no database at all, memory does', async () => {
  for (const indexedDB of [null, undefined, {}]) {
    const store = openStore({ indexedDB, timers: new Clock() });
    await store.put('head', 'a', 1);
    assert.deepEqual([await store.get('head', 'a'), store.persistent], [1, false]);
  }
});

test('a disk that is full says so and breaks nothing', async () => {
  const { disk, open } = device();
  const store = open();
  await store.ready;
  disk.broken = 'obj';
  assert.equal(await store.put('obj', 'o/aa', bytes(5)), false);
  assert.equal(await store.get('obj', 'o/aa'), null);
  assert.equal(await store.put('head', 'memory', 'text'), true);
});

test('two tabs change one thing in turn', async () => {
  const { open } = device();
  const [one, other] = [open(), open()];
  const add = (store) => store.update('head', 'count', (found) => (found || 0) + 1);
  await Promise.all(Array.from({ length: 20 }, (_, at) => add(at % 2 ? one : other)));
  assert.equal(await one.get('head', 'count'), 20);
  assert.equal(await one.update('head', 'count', () => undefined), 20);
  assert.equal(await one.update('head', 'absent', () => undefined), null);
});

test('wiping leaves nothing on the disk, and nothing comes there afterwards', async () => {
  const { disk, clock, open } = device();
  const [one, other] = [open(), open()];
  for (const kind of KINDS) await one.put(kind, 'key', 'value');
  await other.ready;
  await clock.run(one.clear());
  assert.equal(disk.databases.size, 0);
  assert.equal(one.persistent, false);
  await one.put('head', 'memory', 'later');
  // The other tab let go, too.
  await other.put('head', 'memory', 'later');
  assert.equal(disk.databases.size, 0);
  assert.equal(await one.get('head', 'key'), null);
});

test('memory-only mode keeps one thing on the disk, and other tabs let go of it', async () => {
  const { disk, clock, open } = device();
  const [store, other] = [open(), open()];
  const there = () => KINDS.flatMap((kind) => Array.from(disk.box(kind)));
  await store.put('head', 'memory', 'text');
  await other.put('obj', 'o/aa', bytes(5));
  await store.put('settings', 'memoryOnly', true);
  // What is written meanwhile does not come there either.
  const going = Promise.all([store.forget(['settings', 'memoryOnly']), ...KINDS.map((kind) => store.put(kind, 'late', 'x'))]);
  await clock.settle();
  await going;
  await store.put('head', 'memory', 'later');
  await other.put('obj', 'o/bb', bytes(5));
  assert.deepEqual(there(), [['memoryOnly', true]]);
  assert.deepEqual([store.persistent, other.persistent], [false, false]);
  await store.reopen();
  assert.equal(store.persistent, true);
  await store.put('head', 'memory', 'again');
  assert.equal(disk.box('head').get('memory'), 'again');
});

test('a tab that does not let go keeps nobody from forgetting', async () => {
  const { disk, clock, open } = device();
  const [store, other] = [open(), open()];
  await store.put('settings', 'memoryOnly', true);
  await store.put('obj', 'o/aa', bytes(5));
  await other.ready;
  disk.blocked = true;
  await clock.run(store.forget(['settings', 'memoryOnly']));
  await clock.settle();
  assert.deepEqual(KINDS.flatMap((kind) => Array.from(disk.box(kind))), [['memoryOnly', true]]);
  await clock.run(store.clear());
  assert.equal(store.persistent, false);
});

// --- the shelf ---------------------------------------------------------------------------------------------------------

async function shelfOf(limit = 1000) {
  const { disk, clock, open } = device();
  const store = open();
  const again = () => openShelf(store, { now: clock.now, limit });
  return { disk, clock, store, again, shelf: await again() };
}

test('what was used longest ago goes first, and what is kept last', async () => {
  const { shelf, clock } = await shelfOf();
  const put = async (key, more) => {
    clock.ms += 1000;
    await shelf.put(key, bytes(200), { kind: 'article', ...more });
  };
  await put('a', { kept: true });
  await put('b');
  await put('c');
  await put('d');
  clock.ms += 1000;
  await shelf.touch('b');
  await put('e');
  assert.equal(shelf.size, 1000);
  await put('f');
  assert.deepEqual(['a', 'b', 'c', 'd', 'e', 'f'].map(shelf.has), [true, true, false, false, true, true]);
  for (const key of 'ghij') await put(key, { kept: true });
  assert.ok(shelf.size <= 1000);
  assert.ok(shelf.has('j'));
});

test('what is larger than a quarter of the shelf does not empty it', async () => {
  const { shelf } = await shelfOf();
  await shelf.put('a', bytes(200), { kind: 'article' });
  await shelf.put('b', bytes(251), { kind: 'picture' });
  assert.deepEqual([shelf.has('a'), shelf.has('b')], [true, false]);
});

test('the shelf is as it was after a restart, with what was read and kept', async () => {
  const { shelf, again } = await shelfOf();
  await shelf.put('a', bytes(200), { kind: 'article', read: true });
  await shelf.put('a', bytes(200), { kind: 'article', kept: true });
  await shelf.put('b', bytes(100), { kind: 'part', of: 'a' });
  const other = await again();
  assert.equal(other.size, 300);
  const { read, kept } = other.note('a');
  assert.deepEqual([read, kept, other.note('b').of], [true, true, 'a']);
  assert.deepEqual(await other.get('a'), bytes(200));
});

test('notes and objects that somebody else wrote are let go', async () => {
  const { shelf, again, disk, clock } = await shelfOf();
  for (const key of ['a', 'b', 'c', 'd', 'e']) await shelf.put(key, bytes(50), { kind: 'article' });
  disk.box('use').set('a', { size: 'much', used: 0 });
  disk.box('use').set('b', { size: 50, used: 1e15, kept: false, read: false, kind: 'article', of: null });
  disk.box('use').delete('c');
  disk.box('obj').set('d', 'text');
  disk.box('obj').delete('e');
  disk.box('use').set('f', { size: 50, used: 0, kept: true, read: false, kind: 'article', of: null });
  disk.box('obj').set('g', bytes(1e6));
  disk.box('use').set('h', null);
  // A database has other keys than texts.
  disk.box('obj').set(7, bytes(50));
  disk.box('use').set(7, { size: 50, used: 0, kept: true, read: true, kind: 'article', of: null });
  const other = await again();
  assert.deepEqual(other.list().map(([key]) => key), ['b', 'd']);
  assert.ok(other.note('b').used <= clock.ms);
  assert.equal(await other.get('d'), null);
  assert.deepEqual(Array.from(disk.box('obj').keys()), ['b']);
  assert.deepEqual(Array.from(disk.box('use').keys()), ['b']);
});

test('what two put there at once is counted once', async () => {
  const { shelf } = await shelfOf();
  await Promise.all([1, 2, 3].map(() => shelf.put('a', bytes(200), { kind: 'proof' })));
  assert.equal(shelf.size, 200);
  await shelf.drop('a');
  assert.equal(shelf.size, 0);
});

test('a shelf on a full disk stays empty and goes on', async () => {
  const { shelf, disk } = await shelfOf();
  disk.broken = 'obj';
  await shelf.put('a', bytes(50), { kind: 'article' });
  assert.deepEqual([shelf.has('a'), shelf.size, await shelf.get('a')], [false, 0, null]);
});
