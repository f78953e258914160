// Files that strangers send to a reader: what verifies is kept, everything else gets one clear answer.

import assert from 'node:assert/strict';
import { File } from 'node:buffer';
import { test } from 'node:test';

import { fromBase64, toBase64, toBytes } from '../../signing/web/verify.mjs';
import { importFile, packIn } from '../../mirror/reader/src/importing.mjs';
import { BEGIN, END, MAX_PAGE, shareHtml, sharePack, withState, zip } from '../../mirror/reader/src/share.mjs';
import { Clock, Network, Reader, facts, filesOf, objectPath } from './engine_world.mjs';
import { tables } from './paper.mjs';

const { digests } = facts;
const DIGEST = digests['story 11'];
const OTHER = digests['story 10'];
const latin = (bytes) => new TextDecoder('latin1').decode(bytes);
const bytesOf = async (blob) => new Uint8Array(await blob.arrayBuffer());

async function readerAt(hosts) {
  const network = new Network(new Clock());
  for (const [home, files] of Object.entries(hosts)) network.put(home, files);
  const reader = new Reader(network, { mirrors: Object.keys(hosts) });
  await reader.start();
  return reader;
}

const first = await readerAt({ 'https://m1.example': filesOf('second') });
const made = {};
for (const digest of [DIGEST, OTHER]) {
  const page = await first.clock.run(shareHtml(first.engine, digest, { tables, name: 'Example' }));
  const pack = await first.clock.run(sharePack(first.engine, digest));
  made[digest] = { page: latin(await bytesOf(page)), pack: await bytesOf(pack) };
}
const { page: PAGE, pack: PACK } = made[DIGEST];
const files = await first.clock.run(first.engine.files(DIGEST));

/** What a reader that never saw the network makes of this file, and whether it keeps the article. */
async function taken(parts, { more = {}, name = 'file' } = {}) {
  const reader = await readerAt({});
  const file = parts instanceof File ? parts : new File([].concat(parts), name);
  const about = { publication: reader.publication, now: '2027-03-01T10:00:00Z', ...more };
  const found = await reader.clock.run(importFile(reader.engine, file, about));
  const kept = await reader.clock.run(reader.engine.stored());
  return { found, kept: kept.map((one) => one.digest), reader };
}

const latinBytes = (text) => Uint8Array.from(text, (letter) => letter.charCodeAt(0));
const unknown = async (parts, why) => {
  const { found, kept } = await taken(parts);
  assert.deepEqual([found.kind, found.why, kept], ['unknown', why, []], found.reason);
  assert.equal(typeof found.reason, 'string');
  assert.ok(found.reason.length < 1000 && !found.reason.includes('\n'));
  return found;
};

test('packs and pages are verified without a network and kept', async () => {
  for (const [bytes, page] of [[PACK, false], [latinBytes(PAGE), true]]) {
    const { found, kept } = await taken([bytes]);
    assert.equal(found.kind, 'article', found.reason);
    assert.deepEqual([found.digest, found.page, found.verdict.authentic, kept], [DIGEST, page, true, [DIGEST]]);
    assert.match(found.document.title, /^Story 11/);
  }
});

test('what a page shows counts for nothing', async () => {
  const lie = '<article><h1>The war is over</h1></article><script>alert(1)</script>';
  const shown = PAGE.replace(/<article>[^]*<\/article>/, lie);
  const { found } = await taken([latinBytes(shown)]);
  assert.match(found.document.title, /^Story 11/);
});

test('line ends, a byte order mark and what a browser adds when it saves a page do no harm', async () => {
  const saved = `\n<!-- saved from url=(0014)about:internet -->\n${PAGE}<p>more</p>`;
  for (const text of [PAGE.replace(/\n/g, '\r\n'), `\xef\xbb\xbf${PAGE}`, saved]) {
    const { found } = await taken([latinBytes(text)]);
    assert.equal(found.digest, DIGEST, found.reason);
  }
});

test('a page with two packs, half a pack or no telling which is refused', async () => {
  const block = PAGE.slice(PAGE.indexOf(BEGIN), PAGE.indexOf(END) + END.length);
  const other = made[OTHER].page;
  const otherBlock = other.slice(other.indexOf(BEGIN), other.indexOf(END) + END.length);
  const pages = {
    'twice the same': PAGE.replace('</body>', `\n${block}\n</body>`),
    'another one before it': PAGE.replace('<main', `\n${otherBlock}\n<main`),
    'one inside of the other': PAGE.replace(END, `${otherBlock}\n${END}`),
    'two begins': PAGE.replace(BEGIN, `${BEGIN}\n${BEGIN}`),
    'two ends': PAGE.replace(END, `${END}\n${END}`),
    'cut off': PAGE.slice(0, PAGE.indexOf(END) - 500),
    'the end first': `<html>\n${END}\n${BEGIN}\nAAAA\n`,
    'no base64': PAGE.replace(BEGIN, `${BEGIN}\n<b>`),
    'a blank in it': PAGE.replace(BEGIN, `${BEGIN}\n `),
    'not canonical': `<html>\n${BEGIN}\nQQ==QQ==\n${END}\n`,
    'something else in it': `<html>\n${BEGIN}\n${toBase64(toBytes('no zip at all'))}\n${END}\n`,
    'nothing in it': `<html>\n${BEGIN}\n${END}\n`,
  };
  for (const [what, text] of Object.entries(pages)) {
    assert.ok((await unknown([latinBytes(text)], 'damaged')).reason, what);
  }
});

test('a marker inside a line is none', () => {
  const text = `<p>${BEGIN}</p>\n<p> ${BEGIN}\n${BEGIN}\nAAAA\n${END}\n <i>${END}</i>`;
  assert.deepEqual(packIn(text), fromBase64('AAAA'));
});

test('lines end as for everybody who takes a pack out of a page', async () => {
  // Python's and sed's lines end in LF: a CR alone parts none.
  const text = `<p>\r${BEGIN}\nQUJD\n${END}\r</p>\n${BEGIN}\rx\n${BEGIN}\r\nAAAA\r\n${END}\r\n<p>`;
  assert.deepEqual(packIn(text), fromBase64('AAAA'));
  const alone = PAGE.replace(`\n${BEGIN}\n`, `\n${BEGIN}-\r${BEGIN}\r`).replace(`\n${END}\n`, `\r${END}\r`);
  assert.match((await unknown([latinBytes(alone)], 'damaged')).reason, /no pack/);
});

test('an article that is not what was signed is refused, whatever was changed', async () => {
  const change = (path, make) => {
    const all = new Map(files);
    all.set('pack.json', toBytes(`{"v":1,"kind":"pack","digest":"${DIGEST}"}`));
    all.set(path, make(all.get(path)));
    return zip(all);
  };
  const flipped = (data) => data.map((byte, at) => (at === data.length >> 1 ? byte ^ 1 : byte));
  const { found, kept } = await taken([change(objectPath(DIGEST), flipped)]);
  assert.deepEqual([found.kind, found.why, kept], ['unknown', 'rejected', []]);
  const forged = await taken([change(objectPath(DIGEST, 'proof'), flipped)]);
  assert.deepEqual([forged.found.kind, forged.kept], ['unknown', []]);
  // The reader has its own trust files and needs none of a stranger's.
  const { found: good } = await taken([change('trust/1.root.json', flipped)]);
  assert.deepEqual([good.kind, good.verdict.authentic], ['article', true]);
  // Another article under this one's name.
  const theirs = await first.clock.run(first.engine.files(OTHER));
  const swapped = await taken([change(objectPath(DIGEST), () => theirs.get(objectPath(OTHER)))]);
  assert.deepEqual([swapped.found.why, swapped.kept], ['rejected', []]);
  for (const [about, why] of [
    [`{"v":1,"kind":"pack","digest":"${OTHER}"}`, 'missing'], ['{"v":1,"kind":"pack","digest":"../../x"}', 'damaged'],
    ['{"v":1,"kind":"pack"}', 'damaged'], ['[]', 'damaged'], ['null', 'damaged'],
    ['{"kind":"pack","kind":"pack"}', 'damaged'],
  ]) {
    const one = await taken([change('pack.json', () => toBytes(about))]);
    assert.deepEqual([one.found.kind, one.found.why], ['unknown', why], about);
  }
});

test('a pack whose picture is damaged is kept without it', async () => {
  const all = new Map(files);
  all.set('pack.json', toBytes(`{"v":1,"kind":"pack","digest":"${DIGEST}"}`));
  const marked = toBytes('o/aa/here is a picture');
  all.set(`o/aa/${'b'.repeat(62)}`, marked);
  const bytes = zip(all);
  const at = latin(bytes).indexOf('here is a picture');
  bytes[at] ^= 1;
  const { found, kept } = await taken([bytes]);
  assert.deepEqual([found.kind, kept], ['article', [DIGEST]]);
});

test('zips that are several to several programs, bombs and cut ones are refused', async () => {
  const zips = {
    'something before it': [toBytes('PK'), PACK],
    'something after it': [PACK, toBytes('x')],
    'cut off': [PACK.subarray(0, PACK.length - 30)],
    'the beginning alone': [PACK.subarray(0, 100)],
    'nothing but two letters': [toBytes('PK')],
  };
  for (const [what, parts] of Object.entries(zips)) assert.ok(await unknown(parts, 'damaged'), what);
  // A file that says it is a gigabyte, and one that is compressed.
  const view = (change) => {
    const bytes = PACK.slice();
    const list = new DataView(bytes.buffer).getUint32(bytes.length - 6, true);
    change(new DataView(bytes.buffer), list);
    return bytes;
  };
  const huge = (data, at) => [20, 24].forEach((place) => data.setUint32(at + place, 1 << 30, true));
  await unknown([view(huge)], 'damaged');
  await unknown([view((data, at) => data.setUint16(at + 10, 8, true))], 'damaged');
});

test('a large file is refused before it is read', async () => {
  let read = 0;
  const large = (start, size) => {
    const file = new File([start], 'large');
    Object.defineProperty(file, 'size', { value: size });
    file.arrayBuffer = () => {
      read += 1;
      throw new Error('read whole');
    };
    return file;
  };
  for (const start of ['PK\x03\x04', '<html>', '{"v":1}', '\xef\xbb\xbf<html>']) {
    await unknown(large(latinBytes(start), 100 << 20), 'large');
  }
  await unknown(large('<html>', MAX_PAGE + 1), 'large');
  assert.equal(read, 0);
});

test('what is no kind of file we know gets one answer', async () => {
  await unknown([''], 'empty');
  const page = '<html><p>just a page</p></html>';
  for (const text of ['hello', page, '\x89PNG\r\n', '\x1f\x8b\x08', '\0\0\0\0', '  \n\t ']) {
    await unknown([latinBytes(text)], 'other');
  }
});

test('a file that cannot be read is no reason to stop', async () => {
  const gone = new File(['PK'], 'gone');
  const error = Object.assign(new Error('gone'), { name: 'NotReadableError' });
  gone.slice = () => ({ arrayBuffer: () => Promise.reject(error) });
  await unknown(gone, 'unread');
});

test('evidence counts only when it proves something to this reader', async () => {
  const forked = await readerAt({ 'https://m1.example': filesOf('second') });
  forked.network.put('https://m1.example', filesOf('long fork'));
  await forked.clock.run(forked.engine.refresh());
  const { evidence } = forked.engine.status;
  assert.ok(evidence);
  const { found, reader } = await taken([JSON.stringify(evidence)]);
  assert.deepEqual([found.kind, found.type], ['evidence', 'fork'], found.reason);
  assert.match(found.text, /signed two histories/);
  if (reader.engine.accuse) assert.equal(reader.engine.status.name, 'fork');
  const [one] = evidence.checkpoints;
  await unknown([JSON.stringify({ ...evidence, checkpoints: [one, one] })], 'unproven');
  await unknown(['{"kind":"evidence"}'], 'unproven');
  await unknown(['{'], 'unproven');
  const root = `${evidence.files['trust/1.root.json']} `;
  await unknown([JSON.stringify({ ...evidence, files: { ...evidence.files, 'trust/1.root.json': root } })], 'unproven');
});

// --- other readers ---------------------------------------------------------------------------------------------------

const readerFile = (publication, state) =>
  withState(
    `<!DOCTYPE html>\n<script type="application/json" id="publication">${JSON.stringify(publication)}</script>\n` +
      '<script type="application/json" id="state"></script>\n<script>stolen()</script></body></html>\n',
    state,
  );

test('another reader is not run; of what it remembers only mirrors are taken, and only when asked', async () => {
  const listed = [{ url: 'https://new.example' }, { url: 7 }, null, 'https://m9.example'];
  const state = { v: 1, mirrors: listed, memory: { origin: 'x' } };
  const { publication } = first;
  const { found, reader, kept } = await taken([readerFile(publication, state)]);
  assert.deepEqual([found.kind, found.same, kept], ['reader', true, []]);
  assert.deepEqual(found.mirrors, ['https://new.example', 'https://m9.example', 'https://m1.example']);
  assert.match(found.release, /^[0-9a-f]{64}$/);
  assert.equal(found.release, (await taken([readerFile(publication, null)])).found.release);
  assert.equal(reader.engine.mirrors().length, 0);
  assert.equal(await reader.clock.run(found.take()), 3);
  const { found: foreign } = await taken([readerFile({ ...publication, pin: `sha256:${'1'.repeat(64)}` }, state)]);
  assert.equal(foreign.same, false);
});

test('what a hostile reader remembers does no harm', async () => {
  const { publication } = first;
  const many = Array.from({ length: 5000 }, (_, at) => `https://${at}.example`);
  const states = [
    { mirrors: many }, { mirrors: 'https://a.example' }, { mirrors: { length: 4 } }, [], 7, 'text',
    { mirrors: [{ url: 'x'.repeat(5000) }] },
    { mirrors: ['javascript:alert(1)', 'file:///etc/passwd', 'https://user:pass@a.example'] },
    JSON.parse('{"__proto__":{"polluted":true},"mirrors":[]}'),
  ];
  for (const state of states) {
    const { found, reader } = await taken([readerFile(publication, state)]);
    assert.equal(found.kind, 'reader');
    assert.ok(found.mirrors.length <= 12);
    await reader.clock.run(found.take());
    const bad = reader.engine.mirrors().filter((one) => !/^https?:\/\/[^@]+$/.test(one.url));
    assert.deepEqual(bad, []);
  }
  assert.equal({}.polluted, undefined);
  const { found } = await taken([readerFile(publication, null).replace('{"v":1', '{"v":1,,,')]);
  assert.deepEqual([found.kind, found.same, found.mirrors], ['reader', false, []]);
});
