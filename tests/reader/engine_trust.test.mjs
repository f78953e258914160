// What the engine makes of the log and of trust files: what goes on, what contradicts, what was revoked.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { prove } from '../../signing/web/verify.mjs';
import {
  Disk, HOUR, ONE, TWO, become, changed, facts, filesOf, flipped, hangs, objectPath, read, refusal, resets, without, world,
} from './engine_world.mjs';

const { digests } = facts;

// --- the log ---------------------------------------------------------------------------------------------------------

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

// --- trust -----------------------------------------------------------------------------------------------------------

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

test('when what is shown counts no more, the other mirrors are looked at all the same', async () => {
  const now = Date.parse('2027-03-16T09:00:00Z');
  const three = 'https://three.example';
  // By trust files that have expired since, the newest edition was signed with a key that had ended.
  const reader = world({ [ONE]: 'later', [TWO]: 'rotated', [three]: 'rotated' }, { now });
  assert.equal((await reader.start()).serial, 14);
  await reader.clock.pass(60000);
  const { status } = reader.engine;
  assert.deepEqual([status.name, status.reason, status.serial], ['broken', 'expired: timestamp', null]);
  for (const home of [TWO, three, ONE]) assert.ok(reader.network.paths(home).includes('trust/timestamp.json'), home);
  // What is shown in its place comes from whoever gave it, though its number is smaller.
  const other = world({ [ONE]: 'later', [TWO]: 'stolen', [three]: 'stolen' }, { now });
  assert.equal((await other.start()).serial, 14);
  await other.clock.pass(60000);
  assert.deepEqual([other.engine.status.serial, other.engine.status.mirror], [3, three]);
});

