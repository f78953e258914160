// What the engine passes on and takes in: articles, its own state, newer readers.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  ONE, TWO, become, changed, facts, filesOf, flipped, objectPath, read, refusal, world,
} from './engine_world.mjs';

const { digests } = facts;

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
