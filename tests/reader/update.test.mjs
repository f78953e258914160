// A newer reader is offered, never installed, and the old one vouches for it. Wiping leaves nothing that is ours.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { digestOf, toBytes } from '../../signing/web/verify.mjs';
import { releaseOf } from '../../mirror/reader/src/share.mjs';
import { newerReader } from '../../mirror/reader/src/update.mjs';
import { wipeAll } from '../../mirror/reader/src/wipe.mjs';
import { Clock, Network, Reader, facts, filesOf, objectPath } from './engine_world.mjs';

const pin = `sha256:${'a'.repeat(64)}`;
const file = (publication) =>
  `<!DOCTYPE html>\n<script type="application/json" id="publication">${JSON.stringify(publication)}</script>\n` +
  '<script type="application/json" id="state"></script>\n<script>2</script></body></html>\n';

/** An engine that has this on offer; `sent` is what the mirrors give. */
const offering = (text, sent = text) => {
  const data = toBytes(text);
  const snapshot = () => ({ v: 1, mirrors: [{ url: 'https://m.example' }] });
  const found = { size: data.length, digest: digestOf(data), bytes: async () => toBytes(sent) };
  return { snapshot, newer: async () => found };
};

test('where nothing newer is signed, nothing is offered', async () => {
  assert.equal(await newerReader({ newer: async () => null }, { publication: { pin } }), null);
});

test('a newer reader is saved as it was signed, or with what the old one knows', async () => {
  const text = file({ v: 1, pin, name: 'Example' });
  const found = await newerReader(offering(text), { publication: { pin } });
  assert.deepEqual([found.size, found.digest], [text.length, digestOf(toBytes(text))]);
  assert.equal(await (await found.save()).text(), text);
  const saved = await (await found.save({ withState: true })).text();
  assert.match(saved, /id="state">\{"v":1,"mirrors":\[\{"url":"https:\/\/m\.example"\}\]\}<\/script>/);
  assert.equal(releaseOf(saved), found.digest);
});

test('what is not what was signed, or is of another publication, is not saved', async () => {
  const text = file({ v: 1, pin });
  for (const sent of [`${text} `, text.replace('2', '3'), '', '<html>']) {
    const found = await newerReader(offering(text, sent), { publication: { pin } });
    await assert.rejects(found.save(), /not the reader that was signed/);
  }
  const theirs = file({ v: 1, pin: `sha256:${'b'.repeat(64)}` });
  for (const other of [theirs, file(null), '<html></html>', file({}).replace('{}', '{')]) {
    const found = await newerReader(offering(other), { publication: { pin } });
    await assert.rejects(found.save({ withState: true }), /another publication/);
  }
});

// --- wiping ----------------------------------------------------------------------------------------------------------

class Storage {
  constructor(entries) {
    this.map = new Map(Object.entries(entries));
  }

  get length() {
    return this.map.size;
  }

  key(at) {
    return Array.from(this.map.keys())[at];
  }

  removeItem(name) {
    this.map.delete(name);
  }
}

function windowWith(more) {
  const deleted = [];
  return {
    deleted,
    localStorage: new Storage({ 'tamizdat': '1', 'tamizdat.theme': 'dark', 'theirs': 'x' }),
    sessionStorage: new Storage({ 'tamizdat': '1' }),
    caches: { keys: async () => ['tamizdat-1', 'theirs'], delete: async (name) => deleted.push(name) },
    indexedDB: {
      databases: async () => [{ name: 'tamizdat' }, { name: 'theirs' }],
      deleteDatabase: (name) => deleted.push(name),
    },
    location: { href: 'file:///home/me/reader.html#article/12' },
    history: { replaceState: (...parts) => deleted.push(parts[2]) },
    ...more,
  };
}

test('wiping takes all that is ours and nothing of other local pages', async () => {
  const window = windowWith();
  let wiped = 0;
  assert.equal(await wipeAll({ wipe: async () => (wiped += 1) }, { window }), true);
  assert.equal(wiped, 1);
  assert.deepEqual(window.deleted, ['tamizdat', 'tamizdat-1', 'file:///home/me/reader.html']);
  assert.deepEqual([window.localStorage.length, window.sessionStorage.length], [1, 0]);
});

test('wiping goes on where a viewer lacks storage or throws at the question', async () => {
  const window = windowWith();
  const get = () => {
    throw new Error('SecurityError');
  };
  for (const name of ['localStorage', 'caches']) Object.defineProperty(window, name, { get });
  assert.equal(await wipeAll({ wipe: async () => {} }, { window }), true);
  assert.equal(window.sessionStorage.length, 0);
  assert.equal(await wipeAll({ wipe: async () => Promise.reject(new Error('no')) }, { window: windowWith() }), false);
  assert.equal(await wipeAll({ wipe: async () => {} }, { window: {} }), true);
});

test('after a wipe an engine knows no article any more, nor does its disk', async () => {
  const network = new Network(new Clock());
  network.put('https://m1.example', filesOf('second'));
  const reader = new Reader(network);
  await reader.start();
  const digest = facts.digests['story 11'];
  await reader.clock.run(reader.engine.article(digest));
  await reader.clock.pass(5000);
  assert.ok(reader.disk.box('obj').has(objectPath(digest)));
  assert.equal(await reader.clock.run(wipeAll(reader.engine, { window: windowWith() })), true);
  assert.equal(reader.disk.box('obj').size, 0);
  assert.deepEqual(await reader.clock.run(reader.engine.stored()), []);
});
