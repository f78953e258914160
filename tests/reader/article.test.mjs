// The view of one article, in a document without a browser.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Refused } from '../../mirror/reader/src/engine.mjs';
import { article } from '../../mirror/reader/src/article.mjs';
import { button } from '../../mirror/reader/src/dom.mjs';
import { words } from '../../mirror/reader/src/words.mjs';
import { publication } from './fake_engine.mjs';
import { tables } from './paper.mjs';

// Node 20 has none.
if (!globalThis.navigator) globalThis.navigator = {};

const all = (node, name) => (node.localName === name ? [node] : []).concat(...(node.childNodes || []).map((one) => all(one, name)));

/** The view of an article with one picture, in this language; `picture` is what the engine does when it is asked for. */
async function viewOf(language, picture) {
  const say = words(tables, language);
  const outlet = { id: 'river', name: 'The River' };
  const document = {
    title: 'T', language: 'en', direction: 'ltr', outlet, url: 'https://river.example/1', authors: [], tags: [], fetched: '2027-03-01T08:00:00Z', revision: 1,
    blocks: [{ type: 'picture', resource: 0 }], resources: [{ role: 'picture', digest: 'ab'.repeat(32), size: 40960, media_type: 'image/jpeg' }],
  };
  const engine = {
    status: { mirror: null, served: false }, mirrors: () => [], picture,
    article: async () => ({ document, verdict: { current: 'current', signer: 'x' }, from: 'stored' }),
  };
  const app = {
    engine, say, name: publication.name, settings: { pictures: 'tap' }, address: () => 'blob:x', link: (view, id, text) => text,
    out: (url, text) => text, act: (key) => button(say(key), () => {}), go() {}, back() {}, sight() {},
  };
  const { node } = await article(app, { id: 'cd'.repeat(32) });
  const found = () => all(node, 'button').find(({ attributes }) => attributes.some(({ value }) => value === 'tap'));
  return { say, node, tap: found };
}

test('of a picture it is said whether it did not come, or is not what was signed', async () => {
  const cases = { unread: 'picture.failed', missing: 'picture.failed', rejected: 'picture.rejected' };
  for (const language of Object.keys(tables)) {
    for (const [kind, key] of Object.entries(cases)) {
      const { say, tap } = await viewOf(language, async () => {
        throw new Refused(kind, 'x');
      });
      const told = (name) => say(name, { size: say.bytes(40960) });
      assert.ok(tap().textContent.includes(told('picture.show')), tap().textContent);
      await tap().listeners.click();
      assert.ok(tap().textContent.includes(told(key)), `${language}: ${tap().textContent}`);
    }
  }
  assert.notEqual(tables.en['picture.rejected'], tables.en['picture.failed']);
});

test('a picture that the browser cannot show did not come', async () => {
  const { say, node, tap } = await viewOf('en', async () => new Blob([]));
  await tap().listeners.click();
  const [image] = all(node, 'img');
  image.listeners.error({ type: 'error' });
  assert.ok(tap().textContent.includes(say('picture.failed', { size: say.bytes(40960) })));
});
