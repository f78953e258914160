// What the reader's engine makes of mirrors, of a censor between, of what is kept, and of the clock.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Clock, Network, NOW, Reader, blocks, facts, filesOf, hangs, objectPath, resets, serves } from './engine_world.mjs';

const { digests } = facts;

function world(hosts, options = {}) {
  const network = new Network(new Clock(options.now));
  for (const [home, what] of Object.entries(hosts)) network.put(home, what);
  return new Reader(network, options);
}

test('the first article takes two requests', async () => {
  const reader = world({ 'https://m1.example': filesOf('second') });
  const status = await reader.start();
  assert.equal(status.name, 'verified', status.reason);
  assert.equal(status.serial, 2);
  assert.equal(status.age, 3600);
  assert.equal(status.mirror, 'https://m1.example');
  const { document, from } = await reader.clock.run(reader.engine.article(digests['story 11']));
  assert.equal(document.title, 'Story 11 — Пример');
  assert.equal(from, 'https://m1.example');
  assert.deepEqual(reader.network.paths(), ['front', objectPath(digests['story 11'])]);
});
