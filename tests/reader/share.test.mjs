// What the reader passes on: packs, pages with the pack inside, and itself.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { digestOf, packReader, toBytes, toText } from '../../signing/web/verify.mjs';
import { packIn } from '../../mirror/reader/src/importing.mjs';
import {
  BEGIN, END, packFiles, releaseOf, saveReader, shareHtml, sharePack, withState, zip,
} from '../../mirror/reader/src/share.mjs';
import { Clock, Network, Reader, facts, filesOf, objectPath } from './engine_world.mjs';
import { tables } from './paper.mjs';

const { digests } = facts;
const name = 'Example <b>News</b>';
const latin = (bytes) => new TextDecoder('latin1').decode(bytes);
const bytesOf = async (blob) => new Uint8Array(await blob.arrayBuffer());

async function opened() {
  const network = new Network(new Clock());
  network.put('https://m1.example', filesOf('second'));
  const reader = new Reader(network);
  await reader.start();
  return reader;
}

test('the same files give the same zip in whatever order they come, byte for byte that of Python', () => {
  const files = [['trust/1.root.json', toBytes('{}')], ['pack.json', toBytes('{"v":1}')]];
  files.push(['front', Uint8Array.of(0, 255, 10)]);
  const made = zip(new Map(files));
  assert.deepEqual(zip(new Map(files.slice().reverse())), made);
  // tests/reader/test_sharing.py says the same of mirror.read.pack_bytes.
  assert.equal(digestOf(made), '222a8928ab766bbc649f108be09a63e45ed7856badac52d3299f161309089d21');
});

test('a pack holds everything that is needed to verify it without a network', async () => {
  const reader = await opened();
  const digest = digests['story 11'];
  const bytes = await bytesOf(await reader.clock.run(sharePack(reader.engine, digest)));
  const pack = packReader(bytes);
  assert.equal(pack.digest, digest);
  const needed = ['pack.json', objectPath(digest), objectPath(digest, 'proof'), 'front', 'trust/1.root.json'];
  needed.push('trust/timestamp.json');
  assert.deepEqual(needed.filter((path) => !pack.names.includes(path)), []);
  assert.equal(pack.names.includes('article.minisig'), false);

  const away = new Reader(new Network(new Clock()), { mirrors: [] });
  await away.start();
  const files = new Map();
  for (const path of pack.names) files.set(path, await pack.read(path, 1 << 24));
  const found = await away.clock.run(away.engine.adopt(files, digest));
  assert.equal(found.verdict.authentic, true);
});

test('a page holds one pack, is inert, and says nothing of who passes it on', async () => {
  const reader = await opened();
  const digest = digests['story 11'];
  const page = latin(await bytesOf(await reader.clock.run(shareHtml(reader.engine, digest, { tables, name }))));
  const again = latin(await bytesOf(await reader.clock.run(shareHtml(reader.engine, digest, { tables, name }))));
  assert.equal(page, again);
  const zone = process.env.TZ;
  try {
    process.env.TZ = 'Asia/Tehran';
    const elsewhere = await reader.clock.run(shareHtml(reader.engine, digest, { tables, name }));
    assert.equal(latin(await bytesOf(elsewhere)), page);
  } finally {
    if (zone === undefined) delete process.env.TZ;
    else process.env.TZ = zone;
  }
  assert.deepEqual(packIn(page), await bytesOf(await reader.clock.run(sharePack(reader.engine, digest))));
  assert.equal(page.match(/<script/g).length, 1);
  assert.ok(page.startsWith('<!doctype html><html lang='));
  assert.ok(page.endsWith(`\n${END}\n</script></body></html>\n`));
  assert.ok(page.includes(`content="default-src 'none'; img-src data:; style-src 'sha256-`));
  assert.ok(!page.includes('<b>News'));
  assert.ok(page.includes('tamizdat verify article.html'));
  assert.ok(page.split('\n').every((line) => line.length < 20000));
});

/** An engine that has just this article. */
async function withArticle(change, extra = '') {
  const reader = await opened();
  const digest = digests['story 11'];
  const files = await reader.clock.run(reader.engine.files(digest));
  if (extra) {
    const path = objectPath(digest, 'proof');
    const [first, ...rest] = toText(files.get(path)).split('\n');
    files.set(path, toBytes([first, `extra ${Buffer.from(extra).toString('base64')}`, ...rest].join('\n')));
  }
  const { document } = await reader.clock.run(reader.engine.article(digest));
  const article = async () => ({ document: { ...document, ...change } });
  return { digest, engine: { files: async () => files, article } };
}

test('no text of an article becomes markup, or passes for a marker', async () => {
  const evil = `${BEGIN}\nUEsDBA==\n${END}\n</script><script>alert(1)</script><!-- `;
  const { digest, engine } = await withArticle({
    title: evil, lead: evil, section: '"><img src=x onerror=alert(1)>', authors: [evil], direction: 'ltr',
    language: 'en"><script>',
    url: 'javascript:alert(1)//https://a.example',
    blocks: [
      { type: 'code', text: evil },
      { type: 'paragraph', content: [evil, { type: 'link', url: 'javascript:alert(1)', content: ['here'] }] },
      { type: 'embed', kind: 'video', url: 'data:text/html,<script>alert(1)</script>', title: evil },
      { type: 'table', caption: evil, rows: [[{ content: [evil], header: true }]] },
    ],
  });
  const page = latin(await bytesOf(await shareHtml(engine, digest, { tables, name: evil })));
  assert.equal(page.match(/<script/g).length, 1);
  assert.equal(page.match(/<img/g), null);
  assert.equal(page.match(/<!--/g), null);
  assert.equal(page.match(/href="(?!https?:|#|data:,")/g), null);
  assert.equal(packReader(packIn(page)).digest, digest);
  // A browser that saves a page writes it anew from what it sees.
  assert.equal(packReader(packIn(page.replace(/&#45;/g, '-'))).digest, digest);
});

test('a minisign signature that came with the proof goes on', async () => {
  const signature = 'untrusted comment: signature\nRUQ=\ntrusted comment: x\nAA==\n';
  const { digest, engine } = await withArticle({}, signature);
  const page = latin(await bytesOf(await shareHtml(engine, digest, { tables, name })));
  const pack = packReader(packIn(page));
  assert.equal(toText(await pack.read('article.minisig', 1000)), signature);
  assert.match(page, /minisign -Vm article\/o\/[0-9a-f]{2}\/[0-9a-f]{62} -x article\/article\.minisig -P KEY/);
  const other = await withArticle({}, 'something else');
  assert.equal(packFiles(await other.engine.files(), digest).has('article.minisig'), false);
});

test('pictures are in the page when they cannot hold a script and there is room', async () => {
  const data = new Uint8Array(2 << 20).fill(7);
  const digest = digestOf(data);
  const resource = { role: 'picture', digest, size: data.length, media_type: 'image/webp', alt: 'A lamp' };
  const blocks = [0, 1, 2].map((place) => ({ type: 'picture', resource: place }));
  const { digest: named, engine } = await withArticle({
    blocks, resources: [resource, { ...resource, media_type: 'image/svg+xml' }, { ...resource, alt: 'No room' }],
  });
  const files = await engine.files();
  files.set(objectPath(digest), data);
  const page = latin(await bytesOf(await shareHtml(engine, named, { tables, name })));
  assert.equal(page.match(/<img/g).length, 3);
  assert.equal(page.match(/src="data:image\/webp;base64,/g).length, 1);
  assert.ok(!page.includes('svg'));
  files.set(objectPath('0'.repeat(64)), new Uint8Array(18 << 20));
  await assert.rejects(shareHtml(engine, named, { tables, name }), RangeError);
});

// --- the reader itself -----------------------------------------------------------------------------------------------

const source = '<!DOCTYPE html>\n<script type="application/json" id="publication">{"pin":"x"}</script>\n' +
  '<script type="application/json" id="state"></script>\n<script>1</script></body></html>\n';

test('a saved reader is its own release with something in one place', async () => {
  const state = { v: 1, text: '</script><!--<script>\u2028&', mirrors: [{ url: 'https://m.example' }] };
  const engine = { snapshot: () => state };
  const saved = await (await saveReader(engine, { withState: true, source })).text();
  assert.notEqual(saved, source);
  const inside = /id="state">(.*?)<\/script>/.exec(saved)[1];
  assert.deepEqual(JSON.parse(inside), state);
  assert.equal(/[<>&\u2028]/.test(inside), false);
  assert.equal(withState(saved, null), source);
  assert.equal(releaseOf(saved), releaseOf(source));
  assert.equal(releaseOf(source), digestOf(toBytes(source)));
  assert.equal(await (await saveReader(engine, { withState: false, source: saved })).text(), source);
});

test('what has no place for what it remembers, or two, is no reader', () => {
  const cut = source.slice(0, source.indexOf('</script>\n<script>1'));
  for (const text of ['', '<html></html>', source.replace('id="state"', "id='state'"), source + source, cut]) {
    assert.throws(() => withState(text, null), RangeError);
    assert.equal(releaseOf(text), null);
  }
});
