// A session: what it reads and what it leaves for later, what hangs on a verified bundle, what is remembered; with WebCrypto
// and without.

import './as_in_2020.mjs';
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Unread, checkCurrent, forceFallback, frontOf, openSession, prove, toBase64, toBytes } from '../../signing/web/verify.mjs';
import { schema } from './cases.mjs';
import {
  article, gzip, holder, mirror, otherHistory, otherTargets, packed, pinOf, put, sealed, signedPart, trustFile,
} from './liar.mjs';

const NOW = '2027-03-01T10:00:00Z';
const PIN = pinOf(mirror('plain'));
const path = (digest) => `o/${digest.slice(0, 2)}/${digest.slice(2)}`;
const salt = '0'.repeat(32);
const paragraph = (text) => ({ type: 'paragraph', content: [text] });

/** A reader of these files, who keeps a list of what was asked for. */
function reading(files) {
  const asked = [];
  const read = async (name) => {
    asked.push(name);
    return files.get(name) || null;
  };
  return { read, asked };
}

async function open(files, { known = null, ...more } = {}) {
  const { read, asked } = reading(files);
  const session = await openSession({ read, pin: pinOf(files), now: NOW, schema, known, later: checkCurrent, ...more });
  return { session, asked };
}

const trustOf = (files) =>
  Object.fromEntries(Array.from(files).filter(([name]) => name.startsWith('trust/')).map(([name, data]) => [name, Buffer.from(data).toString()]));

/** A mirror with a long article that has pictures, and two pages of older ones. */
async function library() {
  const [old, older] = [article(10), article(12)];
  const first = await sealed(mirror('plain'), { articles: [old, older] });
  const picture = put(first, toBytes('a picture'));
  const thumbnail = put(first, toBytes('a small picture'));
  const parts = ['second', 'third'].map((text) => put(first, packed({ v: 1, kind: 'part', blocks: [paragraph(text)], salt })));
  const document = article(11, {
    blocks: [paragraph('first'), { type: 'picture', resource: 0 }],
    parts,
    resources: [
      { role: 'picture', ...picture, media_type: 'image/webp', width: 2, height: 2, thumbnail: 1, cover: true },
      { role: 'thumbnail', ...thumbnail, media_type: 'image/webp', width: 1, height: 1 },
    ],
  });
  const pages = [];
  const files = await sealed(first, {
    articles: [document],
    change({ outlets: [outlet] }) {
      const take = (url) => outlet.articles.splice(outlet.articles.findIndex((item) => item.url === url), 1);
      outlet.articles[0].thumbnail = thumbnail.digest;
      const last = put(first, packed({ v: 1, kind: 'page', outlet: 'sample', articles: take(older.url) }));
      pages.push(put(first, packed({ v: 1, kind: 'page', outlet: 'sample', articles: take(old.url), older: { ...last, articles: 1 } })), last);
      outlet.older = { ...pages[0], articles: 2 };
    },
  });
  for (const [name, data] of first) if (!files.has(name)) files.set(name, data);
  return { files, document, old, older, pages, parts, picture, thumbnail };
}

for (const fallback of [false, true]) {
  const scene = (name, run) =>
    test(`${name}${fallback ? ' (plain JavaScript)' : ''}`, async () => {
      forceFallback(fallback);
      await run();
    });

  scene('who has trust files reads the front page and an article in two requests', async () => {
    const files = mirror('plain');
    const { session, asked } = await open(files, { snapshot: trustOf(files), lean: true });
    assert.deepEqual(asked, []);
    const front = await session.front();
    assert.deepEqual([front.verdict.authentic, front.verdict.fresh, front.verdict.seen, front.verdict.due], [true, 'fresh', 'first', []]);
    const [{ digest }] = front.edition.document.outlets[0].articles;
    const { verdict, bundle } = await session.listed({ digest });
    assert.deepEqual([verdict.authentic, verdict.fresh, verdict.current], [true, 'fresh', 'current']);
    assert.equal(bundle.digest, digest);
    assert.deepEqual(asked, ['front', path(digest)]);
    const again = await open(files, { known: JSON.parse(JSON.stringify(session.memory)), lean: true });
    assert.equal((await again.session.front()).verdict.seen, 'same');
    assert.deepEqual(again.asked, ['front']);
    assert.equal(again.session.memory.front, session.memory.front);
  });

  scene('who has no trust files, or damaged ones, walks those of the mirror', async () => {
    const files = mirror('plain');
    const cut = { ...trustOf(files), 'trust/timestamp.json': '{' };
    const other = trustOf(mirror('rotated'));
    for (const snapshot of [null, {}, cut, other, { 'trust/1.root.json': 7 }]) {
      const { session, asked } = await open(files, { snapshot, lean: true });
      assert.ok((await session.front()).verdict.authentic);
      assert.ok(asked.includes('trust/timestamp.json'));
    }
  });

  scene('trust files that have expired are asked for when there is time', async () => {
    const files = await sealed(mirror('plain'), { change: (edition) => Object.assign(edition, { time: '2027-04-01T08:00:00Z', next: '2027-04-02T08:00:00Z' }) });
    const now = '2027-04-01T09:00:00Z';
    const { session, asked } = await open(files, { snapshot: trustOf(files), lean: true, now });
    const { verdict } = await session.front();
    assert.deepEqual([verdict.authentic, verdict.fresh, verdict.due], [true, 'unknown', ['trust']]);
    assert.deepEqual(asked, ['front']);
    const settled = await session.settle();
    assert.deepEqual([settled.verdict.authentic, settled.verdict.fresh, settled.verdict.due], [true, 'stale', []]);
    assert.ok(asked.includes('trust/timestamp.json'));
    assert.equal(asked.filter((name) => name === 'front').length, 1);
  });

  scene('an edition that names other trust files than those at hand leads to them at once', async () => {
    const [old, files] = [mirror('plain'), mirror('year')];
    const { session, asked } = await open(files, { snapshot: trustOf(old), lean: true });
    const { verdict } = await session.front();
    assert.deepEqual([verdict.authentic, verdict.fresh, verdict.due], [true, 'fresh', []]);
    assert.equal(asked[0], 'front');
    assert.ok(asked.includes('trust/2.targets.json'));
    assert.equal(session.trust.logs.length, 2);
    // the other way round the mirror is behind, and nothing is asked for
    const back = await open(old, { known: session.memory, lean: true });
    const behind = await back.session.front();
    assert.deepEqual([behind.verdict.authentic, behind.verdict.fresh, behind.verdict.behind.editions], [true, 'stale', 1]);
    assert.deepEqual(back.asked, ['front']);
  });

  scene('trust files that are named and not there leave an edition unproven to be the newest, not false', async () => {
    const files = await sealed(mirror('plain'), { change: (edition) => Object.assign(edition.trust, { digest: 'ab'.repeat(32) }) });
    const { session } = await open(new Map(files).set('trust/timestamp.json', toBytes('no')), { snapshot: trustOf(files), lean: true });
    const { verdict } = await session.front();
    assert.deepEqual([verdict.authentic, verdict.fresh, verdict.due], [true, 'unknown', ['trust']]);
    assert.equal((await session.settle()).verdict.error, 'trust');
    const good = await session.over(reading(files).read);
    assert.deepEqual((await good.front()).verdict.fresh, 'fresh');
  });

  scene('a long way from the last visit is looked at when there is time', async () => {
    const old = mirror('earlier');
    const { session: before } = await open(old);
    const { memory } = await before.front();
    const files = await sealed(mirror('plain'));
    const { session, asked } = await open(files, { known: memory, lean: true });
    const { verdict } = await session.front();
    assert.deepEqual([verdict.authentic, verdict.seen, verdict.fresh, verdict.due], [true, 'unknown', 'unknown', ['tiles']]);
    assert.deepEqual(asked, ['front']);
    assert.deepEqual(session.memory.checkpoints, memory.checkpoints);
    const settled = await session.settle();
    assert.deepEqual([settled.verdict.seen, settled.verdict.fresh, settled.verdict.due], ['newer', 'fresh', []]);
    assert.ok(asked.every((name) => name === 'front' || name.startsWith('tile/0/')));
    assert.notDeepEqual(session.memory.checkpoints, memory.checkpoints);
  });

  scene('two histories are found when there is time, and that is evidence', async () => {
    const { session: before } = await open(mirror('earlier'));
    const { memory } = await before.front();
    const forged = await otherHistory(mirror('plain'), (leaves) => [leaves[1], ...leaves.slice(1)]);
    const { session } = await open(forged, { known: memory, lean: true });
    assert.deepEqual((await session.front()).verdict.due, ['tiles']);
    const { verdict } = await session.settle();
    assert.deepEqual([verdict.authentic, verdict.evidence.type], [false, 'fork']);
    assert.equal((await prove(toBytes(JSON.stringify(verdict.evidence)), { pin: PIN, now: NOW })).type, 'fork');
  });

  scene('what one mirror teaches counts for the other', async () => {
    const files = mirror('plain');
    const forged = await otherHistory(files, (leaves) => [leaves[1], ...leaves.slice(1)]);
    const { session } = await open(files, { snapshot: trustOf(files), lean: true });
    const other = await session.over(reading(forged).read);
    const [one, two] = await Promise.all([session.front(), other.front()]);
    const good = one.verdict.authentic ? one : two;
    const bad = one.verdict.authentic ? two : one;
    assert.deepEqual([good.verdict.authentic, bad.verdict.authentic, bad.verdict.evidence.type], [true, false, 'fork']);
    assert.equal(session.memory, other.memory);
  });

  scene('parts, pictures, thumbnails and older pages are what the signed bytes name', async () => {
    const { files, document, old, older, pages, picture, thumbnail } = await library();
    const { session, asked } = await open(files, { snapshot: trustOf(files), lean: true });
    const { edition } = await session.front();
    const [{ digest }] = edition.document.outlets[0].articles;
    const { bundle } = await session.listed({ digest });
    const whole = await session.whole(bundle);
    assert.deepEqual(whole.document.blocks.map((block) => (block.content || ['picture'])[0]), ['first', 'picture', 'second', 'third']);
    assert.equal(whole.document.title, document.title);
    assert.equal((await session.part(bundle, 1)).document.blocks[0].content[0], 'third');
    assert.deepEqual(Buffer.from((await session.resource(bundle, 0)).bytes).toString(), 'a picture');
    assert.deepEqual(Buffer.from((await session.thumbnail(thumbnail.digest)).bytes).toString(), 'a small picture');
    assert.equal((await session.thumbnail(picture.digest)).verdict.error, 'missing');
    // a page is only followed from what was verified
    assert.equal((await session.page({ digest: pages[1].digest })).verdict.error, 'missing');
    const first = await session.page({ digest: pages[0].digest });
    assert.deepEqual([first.verdict.authentic, first.page.articles[0].url], [true, old.url]);
    const unlisted = await session.listed({ digest: '0'.repeat(64) });
    assert.equal(unlisted.verdict.error, 'missing');
    const second = await session.page({ digest: pages[1].digest });
    const [item] = second.page.articles;
    const found = await session.listed({ digest: item.digest });
    assert.deepEqual([found.verdict.authentic, found.verdict.current, found.bundle.document.url], [true, 'current', older.url]);
    assert.ok(asked.every((name) => name === 'front' || name.startsWith('o/')));
    const alone = await session.article({ digest: item.digest, url: older.url });
    assert.ok(alone.verdict.authentic);
  });

  scene('a wrong page, part or picture is refused', async () => {
    const { files, pages, parts, picture, thumbnail } = await library();
    const asOf = async (changed) => {
      const { session } = await open(new Map([...files, ...changed]));
      const { edition } = await session.front();
      const { bundle } = await session.listed({ digest: edition.document.outlets[0].articles[0].digest });
      return { session, bundle };
    };
    const other = files.get(path(parts[1].digest));
    const swapped = await asOf([[path(parts[0].digest), other], [path(pages[0].digest), files.get(path(pages[1].digest))]]);
    const { verdict, document } = await swapped.session.whole(swapped.bundle);
    assert.deepEqual([verdict.authentic, document], [false, undefined]);
    assert.ok([1, 2].includes(verdict.check));
    const { verdict: ofPage, page } = await swapped.session.page({ digest: pages[0].digest });
    assert.deepEqual([ofPage.authentic, ofPage.check, page], [false, 1, undefined]);
    const bad = await asOf([[path(picture.digest), toBytes('a Picture')], [path(thumbnail.digest), toBytes('a SMALL picture')], [path(parts[1].digest), null]]);
    assert.equal((await bad.session.resource(bad.bundle, 0)).verdict.check, 2);
    assert.equal((await bad.session.thumbnail(thumbnail.digest)).verdict.check, 2);
    assert.equal((await bad.session.whole(bad.bundle)).verdict.error, 'missing');
    for (const place of [2, 499, -1, 0.5, '0', undefined]) {
      assert.equal((await bad.session.resource(bad.bundle, place)).verdict.error, 'missing');
      assert.equal((await bad.session.part(bad.bundle, place)).verdict.error, 'missing');
    }
    await assert.rejects(bad.session.whole({ ...bad.bundle }), TypeError);
    await assert.rejects(bad.session.whole({ document: { blocks: [], parts: [] } }), TypeError);
  });

  scene('signed pages and parts that are none, or of another outlet, are refused', async () => {
    const first = mirror('plain');
    const page = put(first, packed({ v: 1, kind: 'page', outlet: 'other', articles: [] }));
    const huge = put(first, gzip(new Uint8Array((1 << 20) + 1).fill(32)));
    const odd = put(first, packed({ v: 1, kind: 'part', blocks: [{ type: 'script' }], salt }));
    const files = await sealed(first, {
      articles: [article(20, { parts: [odd] }), article(21, { parts: [huge] })],
      change: ({ outlets: [outlet] }) => Object.assign(outlet, { older: { ...page, articles: 0 } }),
    });
    const { session } = await open(files);
    const { edition } = await session.front();
    const { verdict } = await session.page({ digest: page.digest });
    assert.deepEqual([verdict.authentic, verdict.check], [false, 7]);
    const checks = [];
    for (const item of edition.document.outlets[0].articles.slice(0, 2)) {
      const { bundle } = await session.listed({ digest: item.digest });
      checks.push((await session.whole(bundle)).verdict.check);
    }
    assert.deepEqual(checks, [3, 6]);
  });

  scene('parts together are bounded, however many there are', async () => {
    const first = mirror('plain');
    const line = { v: 1, kind: 'part', blocks: [{ type: 'code', text: 'a'.repeat(60000) }], salt };
    line.blocks = Array.from({ length: 17 }, () => line.blocks[0]);
    const part = put(first, packed(line));
    assert.ok(part.size < 12288);
    const files = await sealed(first, { articles: [article(20, { parts: Array.from({ length: 30 }, () => part) })] });
    const { session } = await open(files);
    const { edition } = await session.front();
    const { bundle } = await session.listed({ digest: edition.document.outlets[0].articles[0].digest });
    assert.ok((await session.part(bundle, 29)).verdict.authentic);
    const { verdict } = await session.whole(bundle);
    assert.deepEqual([verdict.authentic, verdict.check], [false, 3]);
  });

  scene('a withdrawal is remembered, also when the mirror asked next has not heard of it', async () => {
    const before = await sealed(mirror('plain'), { articles: [article(30)] });
    const { session: first } = await open(before);
    const { edition } = await first.front();
    const { digest } = edition.document.outlets[0].articles[0];
    const files = await sealed(before, {
      change(next) {
        next.outlets[0].articles.shift();
        next.withdrawals.unshift({ digest, time: '2027-03-01T09:50:00Z', reason: 'a source in danger' });
      },
    });
    files.delete(path(digest));
    const { session } = await open(files, { known: first.memory });
    await session.front();
    const said = { time: '2027-03-01T09:50:00Z', reason: 'a source in danger' };
    assert.deepEqual(session.memory.withdrawn[digest], said);
    const gone = await session.article({ digest });
    assert.deepEqual([gone.verdict.error, gone.verdict.current, gone.verdict.withdrawal], ['missing', 'withdrawn', said]);
    // a pack of before, or a mirror that stands still
    const { session: later } = await open(before, { known: JSON.parse(JSON.stringify(session.memory)) });
    for (const answer of [await later.article({ digest }), await later.listed({ digest })]) {
      const { verdict } = answer;
      assert.deepEqual([verdict.authentic, verdict.current, verdict.withdrawal, verdict.fresh], [true, 'withdrawn', said, 'stale']);
      assert.equal(verdict.checks.filter((one) => one.n === 13).length, 1);
    }
    // who was never told believes that mirror
    const { session: stranger } = await open(before);
    assert.equal((await stranger.article({ digest })).verdict.current, 'current');
    // what anybody wrote into the memory does not outweigh a newest edition that lists the article
    const { session: fresh } = await open(before, { known: { ...first.memory, withdrawn: { [digest]: { time: NOW } } } });
    assert.equal((await fresh.listed({ digest })).verdict.current, 'current');
  });

  scene('who does not read the log on says so of articles that the newest edition does not list', async () => {
    const files = mirror('plain');
    const { session, asked } = await open(files, { later: undefined });
    const { edition } = await session.front();
    const [{ digest }] = edition.document.outlets[0].articles;
    assert.equal((await session.article({ digest })).verdict.current, 'current');
    const [gone] = edition.document.withdrawals;
    const before = Array.from(mirror('earlier')).filter(([name]) => /^(?:o|proof)\//.test(name) && !files.has(name));
    for (const [name, data] of before) files.set(name, data);
    const withdrawn = await session.article({ digest: gone.digest });
    assert.deepEqual([withdrawn.verdict.authentic, withdrawn.verdict.current, withdrawn.verdict.withdrawal.time], [true, 'withdrawn', gone.time]);
    const revised = Array.from(files.keys()).filter((name) => name.startsWith('proof/')).map((name) => name.slice(6).replace('/', ''));
    const answers = [];
    for (const one of revised) answers.push((await session.article({ digest: one, kind: 'article' })).verdict);
    assert.ok(answers.filter((one) => one.authentic && one.current === 'unknown').length);
    assert.ok(!asked.some((name) => name.startsWith('tile/entries/')));
  });

  scene('who does not read the log on learns of a later revision by the list that names it', async () => {
    const [first, second] = [article(10), article(10, { revision: 2, title: 'Story 10, corrected' })];
    const before = await sealed(mirror('plain'), { articles: [first] });
    const change = ({ outlets: [outlet] }) => outlet.articles.splice(1, 1);
    const files = await sealed(before, { articles: [second], change });
    const listed = async (some) => (await (await open(some, { later: undefined })).session.front()).edition.document.outlets[0].articles;
    const [[old], [now]] = [await listed(before), await listed(files)];
    assert.deepEqual([old.url, old.revision], [now.url, now.revision - 1]);
    for (const later of [undefined, checkCurrent]) {
      const { session } = await open(files, { later });
      const { verdict } = await session.article({ digest: old.digest });
      assert.deepEqual([verdict.authentic, verdict.current], [true, 'superseded']);
      assert.equal((await session.article({ digest: now.digest })).verdict.current, 'current');
    }
    // The same address at another outlet is another article; and a list that is older says nothing of what came later.
    const moved = ({ outlets }) => outlets.push({ ...outlets[0], id: 'other', articles: outlets[0].articles.splice(0, 2).slice(0, 1) });
    const elsewhere = await sealed(before, { articles: [second], change: moved });
    const behind = new Map([...files, ['front', before.get('front')]]);
    for (const [some, { digest }] of [[elsewhere, old], [behind, now]]) {
      const { session } = await open(some, { later: undefined });
      const { verdict } = await session.article({ digest });
      assert.deepEqual([verdict.authentic, verdict.current], [true, 'unknown']);
    }
  });

  scene('a memory that anybody may have written accuses nobody and locks nobody out', async () => {
    const files = mirror('plain');
    const { session } = await open(files);
    await session.front();
    const good = session.memory;
    const forged = await otherHistory(files, (leaves) => leaves.concat(leaves));
    const log = Object.keys(good.checkpoints)[0];
    const note = good.checkpoints[log];
    const stranger = note.replace(/(— .* ....)..../, '$1AAAA');
    assert.notEqual(stranger, note);
    const memories = [
      [], 'x', 7, { trust: [], checkpoints: 'no', front: {}, withdrawn: [] },
      { checkpoints: { [log]: stranger } }, { checkpoints: { [log]: 'no note' } }, { checkpoints: { [log]: null, constructor: 'x' } },
      { ...good, trust: { 'trust/1.root.json': '{}' } }, { ...good, trust: trustOf(mirror('rotated')) },
      { ...good, front: 'AAAA' }, { ...good, front: 'no base64' }, { ...good, front: 'A'.repeat(1 << 21) }, { ...good, origin: 'elsewhere' },
      { ...good, front: toBase64(files.get('front').map((byte, at) => (at === 400 ? byte ^ 1 : byte))) },
      { ...good, withdrawn: Object.fromEntries(Array.from({ length: 5000 }, (_, n) => [n, { time: 'x' }])) },
      JSON.parse('{"__proto__": {"trust": 1}, "withdrawn": {"__proto__": {"time": "x"}}}'),
    ];
    for (const known of memories) {
      for (const lean of [false, true]) {
        const { session: next } = await open(files, { known, lean, snapshot: trustOf(files) });
        const { verdict, memory } = await next.front();
        assert.deepEqual([verdict.authentic, verdict.fresh, verdict.evidence], [true, 'fresh', null], JSON.stringify(known).slice(0, 80));
        assert.equal(memory.checkpoints[log], note);
        assert.equal(memory.front, good.front);
      }
    }
    // what the log's own key signed is another matter
    const { session: told } = await open(files, { known: { checkpoints: { [log]: Buffer.from(forged.get('checkpoint')).toString() } } });
    assert.equal((await told.front()).verdict.seen, 'older');
  });

  scene('the remembered front page opens with no network', async () => {
    const files = mirror('plain');
    const { session } = await open(files);
    await session.front();
    const memory = JSON.parse(JSON.stringify(session.memory));
    const stored = new Map([['front', frontOf(memory)]]);
    const { read, asked } = reading(stored);
    const away = await openSession({ read, pin: PIN, now: '2027-03-03T10:00:00Z', schema, known: memory, lean: true });
    const { verdict, edition } = await away.front();
    assert.deepEqual([verdict.authentic, verdict.fresh, verdict.serial], [true, 'stale', 3]);
    assert.equal(edition.document.outlets.length, 1);
    assert.deepEqual(asked, ['front']);
    assert.equal(frontOf({}), null);
    assert.equal(frontOf(null), null);
  });

  scene('a mirror that lags is known by the newest edition seen anywhere', async () => {
    const old = mirror('plain');
    const { session } = await open(await sealed(old, { change: (edition) => Object.assign(edition, { time: '2027-03-01T09:45:00Z' }) }));
    await session.front();
    const { session: later } = await open(old, { known: session.memory });
    const { verdict } = await later.front();
    assert.deepEqual([verdict.authentic, verdict.seen, verdict.fresh], [true, 'older', 'stale']);
    assert.deepEqual(verdict.behind, { editions: 1, seconds: 900 });
    assert.equal(later.memory.front, session.memory.front);
  });

  scene('a closed log needs no tiles the second time', async () => {
    const { session: before } = await open(mirror('earlier'));
    await before.front();
    const { session, asked } = await open(mirror('year'), { known: before.memory });
    assert.ok((await session.front()).verdict.authentic);
    assert.ok(asked.some((name) => name.startsWith('tile/0/')));
    const again = await open(mirror('year'), { known: session.memory });
    assert.ok((await again.session.front()).verdict.authentic);
    assert.ok(!again.asked.some((name) => name.startsWith('tile/')));
  });

  scene('what cannot be read is no verdict on anybody', async () => {
    const files = mirror('plain');
    const silent = async () => {
      throw new Unread('silence');
    };
    const whole = await openSession({ read: silent, pin: PIN, now: NOW, schema });
    assert.equal(whole.trust, null);
    assert.deepEqual([(await whole.front()).verdict.error, (await whole.settle()).verdict.error], ['unread', 'unread']);
    const lean = await openSession({ read: silent, pin: PIN, now: NOW, schema, snapshot: trustOf(files), lean: true });
    assert.deepEqual([(await lean.front()).verdict.error, lean.trust.name], ['unread', 'Example']);
    const gone = await lean.over(async () => null);
    assert.equal((await gone.listed({ digest: 'ab'.repeat(32) })).verdict.error, 'missing');
    const wrong = await openSession({ read: reading(files).read, pin: `sha256:${'0'.repeat(64)}`, now: NOW, schema });
    assert.equal((await wrong.front()).verdict.error, 'trust');
  });

  scene('trust files that contradict those of the reader itself are evidence', async () => {
    const files = mirror('rotated');
    const [name] = Array.from(files.keys()).filter((one) => one.endsWith('.targets.json')).sort().slice(-1);
    const forged = otherTargets(files, name, (targets) => ({ ...targets, expires: '2030-01-01T00:00:00Z' }));
    const { session } = await open(forged, { snapshot: trustOf(files), lean: true });
    assert.ok((await session.front()).verdict.authentic);
    const { verdict } = await session.settle({ trust: true });
    assert.deepEqual([verdict.authentic, verdict.error, verdict.evidence.type], [false, 'trust', 'trust']);
    const { session: both } = await open(files, { snapshot: trustOf(files), known: { trust: trustOf(forged) }, lean: true });
    assert.equal((await both.front()).verdict.evidence.type, 'trust');
  });

  scene('evidence is not believed when its maker left out the roots by which a key no longer counts alone', async () => {
    const files = mirror('plain');
    const first = signedPart(files.get('trust/1.root.json'));
    const [alone] = first.roles.root.keyids;
    const second = holder('root-4');
    // root-4 joins, and from then on both must sign
    const both = { keyids: [alone, second.id].sort(), threshold: 2 };
    const root = trustFile(
      { ...first, version: 2, keys: { ...first.keys, [second.id]: second.key }, roles: { ...first.roles, root: both, targets: both } },
      both.keyids,
    );
    const targets = signedPart(files.get('trust/1.targets.json'));
    const metadata = [
      trustFile(targets, both.keyids),
      trustFile({ ...targets, expires: '2030-01-01T00:00:00Z' }, [alone]), // by a thief of the first key
    ].map((data) => Buffer.from(data).toString());
    const document = { v: 1, kind: 'evidence', type: 'trust', origin: 'example.org', reason: 'x', time: NOW, metadata, files: trustOf(files) };
    const data = toBytes(JSON.stringify(document));
    assert.equal((await prove(data, { pin: PIN, now: NOW })).type, 'trust');
    const roots = new Map([['trust/2.root.json', root]]);
    await assert.rejects(prove(data, { pin: PIN, now: NOW, roots }), { kind: 'BadEvidence' });
  });
}
