// Articles, pictures and lists, as the engine gives them out.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  ONE, TWO, become, changed, facts, filesOf, flipped, objectPath, read, refusal, serves, without, world,
} from './engine_world.mjs';

const { digests } = facts;

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

test('what a mirror forged once is not said again of a mirror that only does not answer', async () => {
  const path = objectPath(digests['story 11']);
  const reader = world({ [ONE]: changed(filesOf('second'), path, flipped(60)) });
  await reader.start();
  assert.equal((await refusal(read(reader, 'story 11'))).kind, 'rejected');
  become(reader, {});
  assert.equal((await refusal(read(reader, 'story 11'))).kind, 'unread');
});

test('a picture that a mirror changed is refused, one that nobody has is missing, and with no mirror it did not come', async () => {
  const reader = world({ [ONE]: 'second' });
  await reader.start();
  const { document } = await read(reader, 'story 8');
  const path = objectPath(document.resources[0].digest);
  const files = filesOf('second');
  const cases = { rejected: { [ONE]: changed(files, path, flipped(700)) }, missing: { [ONE]: without(files, path) }, unread: {} };
  for (const [kind, hosts] of Object.entries(cases)) {
    become(reader, hosts);
    assert.equal((await refusal(reader.clock.run(reader.engine.picture(document, 0)))).kind, kind);
  }
});
