// Which mirror is asked, what is remembered of each, and one file put together from what several give.

import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { test } from 'node:test';

import { VerifyError, digestOf, verifyObject } from '../../signing/web/verify.mjs';
import { createClock } from '../../mirror/reader/src/clock.mjs';
import { createMirrors, isPage, mirrorUrl } from '../../mirror/reader/src/mirrors.mjs';
import { Failed, createNet } from '../../mirror/reader/src/net.mjs';
import { Clock, NOW, Network, blocks, chance, hangs, objectPath, resets, serves } from './engine_world.mjs';

const bytes = (size, salt = 7) => Uint8Array.from({ length: size }, (_, at) => (at * salt + (at >> 8)) & 255);

/** Hosts by short name, in the order in which they are asked at first. */
function world(hosts, { secure = false, random = () => 0.5 } = {}) {
  const network = new Network(new Clock());
  for (const [name, host] of Object.entries(hosts)) network.put(`https://${name}.example`, host);
  const { clock } = network;
  const get = createNet({ fetch: network.fetch, ...clock });
  const mirrors = createMirrors({
    get: (mirror, path, options) => get(mirror.url, path, options),
    clock: createClock({ now: clock.now }), random, secure, ...clock,
  });
  mirrors.learn(network.hosts.keys(), 'built-in');
  const names = () => network.asked.map(({ home, range }) => home.slice(8, -8) + (range ? ` ${range.slice(6)}` : ''));
  const fetched = async (data, more = {}) => {
    const digest = digestOf(data);
    const check = (found) => verifyObject(found, digest, more.size === undefined ? null : data.length, 1 << 20);
    return clock.run(mirrors.object(objectPath(digest), { check, cap: 1 << 20, size: data.length, ...more }));
  };
  return { network, clock, mirrors, names, fetched, at: (name) => mirrors.find(`https://${name}.example`) };
}

const has = (data, options) => serves(new Map([[objectPath(digestOf(data)), data]]), options);
/** A host that gives these bytes under any name. */
const gives = (data, options) => (one) => serves(new Map([[one.path, data]]), options)(one);

async function failure(promise) {
  const error = await promise.then(() => null, (found) => found);
  assert.ok(error instanceof Failed, String(error && error.stack));
  return error;
}

test('addresses of mirrors have one spelling, and some can be none', () => {
  assert.equal(mirrorUrl(' https://M.example/news/ '), 'https://m.example/news');
  assert.equal(mirrorUrl('http://127.0.0.1:8080'), 'http://127.0.0.1:8080');
  for (const text of ['', 'm.example', 'ftp://m.example', 'javascript:alert(1)', 'https://u:p@m.example', 'https://m.example/?a',
    'https://m.example/logout?', 'https://m.example/logout#', 'file:///etc', null, {}]) {
    assert.equal(mirrorUrl(text), null, String(text));
  }
  assert.equal(mirrorUrl(`https://m.example/${'a'.repeat(2000)}`).length, 1024);
});

test('a page over https reads no mirror over http but one on this machine', () => {
  const urls = ['https://a.example', 'http://b.example', 'http://127.0.0.1:80/x', 'http://localhost:1', 'http://localhost.evil.example'];
  for (const [secure, count] of [[true, 3], [false, 5]]) {
    const { mirrors } = world({}, { secure });
    mirrors.learn(urls, 'built-in');
    assert.equal(mirrors.rank().length, count);
  }
});

test('what failed is asked later, and what works first', async () => {
  const { mirrors, at } = world({ a: hangs, b: hangs, c: hangs, d: hangs });
  mirrors.good(at('c'), 300);
  mirrors.good(at('b'), 900);
  mirrors.bad(at('a'), 'network');
  assert.deepEqual(mirrors.rank().map((one) => one.url[8]), ['c', 'b', 'd', 'a']);
});

test('the order is another one for every reader', () => {
  const orders = new Set();
  for (let seed = 0; seed < 20; seed++) {
    let state = seed * 7919 + 1;
    const random = () => (state = (state * 48271) % 2147483647) / 2147483647;
    orders.add(world({ a: hangs, b: hangs, c: hangs }, { random }).mirrors.rank().map((one) => one.url[8]).join(''));
  }
  assert.ok(orders.size >= 4, String(Array.from(orders)));
});

test('a clock that is set while a mirror answers makes it neither the slowest for years nor the quickest', () => {
  const { mirrors, at } = world({ a: hangs, b: hangs });
  mirrors.good(at('a'), 10 * 365 * 86400000);
  mirrors.good(at('b'), -10 * 365 * 86400000);
  assert.deepEqual([at('a').rtt, at('b').rtt], [60000, 1]);
});

test('a failure of the network rests half a minute and then twice as long, up to six hours', () => {
  const { mirrors, at, clock } = world({ a: hangs });
  const rests = [];
  for (let round = 0; round < 14; round++) {
    mirrors.bad(at('a'), 'network');
    rests.push((at('a').until - clock.ms) / 1000);
  }
  assert.deepEqual(rests.slice(0, 4), [30, 60, 120, 240]);
  assert.equal(rests[13], 6 * 3600);
  mirrors.good(at('a'), 100, true);
  assert.deepEqual([at('a').fails, at('a').until], [0, 0]);
});

test('a mirror that forges rests for hours, and true objects do not make up for it', () => {
  const { mirrors, at, clock } = world({ a: hangs });
  mirrors.bad(at('a'), 'refused');
  assert.equal((at('a').until - clock.ms) / 3600000, 6);
  mirrors.good(at('a'), 100);
  assert.ok(at('a').until > clock.ms);
  mirrors.bad(at('a'), 'refused');
  mirrors.bad(at('a'), 'refused');
  mirrors.bad(at('a'), 'refused');
  assert.equal((at('a').until - clock.ms) / 3600000, 168);
});

test('a mirror that forged and then does not answer rests no less for it', () => {
  const { mirrors, at, clock } = world({ a: hangs });
  mirrors.bad(at('a'), 'refused');
  const { until } = at('a');
  for (const worked of [true, false]) {
    mirrors.blame([[at('a'), new Failed('network', 'x')]], worked);
    mirrors.good(at('a'), 100);
    assert.ok(at('a').until >= until, String(worked));
  }
  // Later it is a mirror like any other.
  clock.ms += 7 * 86400000;
  mirrors.bad(at('a'), 'network');
  mirrors.good(at('a'), 100);
  assert.deepEqual([at('a').until, at('a').why], [0, '']);
});

test('when nobody answers, it is our own line, and counts for no mirror', async () => {
  const { fetched, mirrors, at } = world({ a: resets, b: resets });
  assert.equal((await failure(fetched(bytes(100)))).why, 'network');
  assert.deepEqual([at('a').fails, at('b').fails, at('a').ok, at('a').why], [0, 0, false, 'network']);
  const other = world({ a: resets, b: blocks });
  assert.equal((await failure(other.fetched(bytes(100)))).why, 'blocked');
  assert.deepEqual([other.at('a').fails, other.at('b').fails, other.at('b').why], [1, 1, 'blocked']);
  assert.equal(mirrors.list()[0].until, null);
});

test('a small file is asked of one, and of the next when that one is silent', async () => {
  const data = bytes(5000);
  const { fetched, names, clock } = world({ a: hangs, b: has(data), c: has(data) });
  const began = clock.ms;
  const { mirror } = await fetched(data);
  assert.equal(mirror.url, 'https://b.example');
  assert.deepEqual(names(), ['a', 'b']);
  assert.equal(clock.ms - began, 1550);
  const quick = world({ a: has(data), b: has(data) });
  await quick.fetched(data);
  assert.deepEqual(quick.names(), ['a']);
});

test('the longer all are silent, the more are asked at once', async () => {
  const data = bytes(5000);
  const hosts = Object.fromEntries(Array.from('abcdefghi', (name) => [name, hangs]));
  const { fetched, network, clock } = world({ ...hosts, j: has(data) });
  const began = clock.ms;
  await fetched(data);
  assert.ok(clock.ms - began <= 6100, String(clock.ms - began));
  assert.equal(network.asked.filter((one) => one.stopped).length, 10);
});

test('a failure starts the next at once', async () => {
  const data = bytes(5000);
  const hosts = Object.fromEntries(Array.from('abcdefghi', (name) => [name, resets]));
  const { fetched, clock, names } = world({ ...hosts, j: has(data) });
  const began = clock.ms;
  await fetched(data);
  assert.equal(clock.ms - began, 9 * 60 + 50);
  assert.equal(names().length, 10);
});

test('nobody else is asked while bytes come, unless they trickle', async () => {
  const data = bytes(12000);
  const slow = world({ a: has(data, { chunk: 600, gap: 100 }), b: has(data) });
  await slow.fetched(data);
  assert.deepEqual(slow.names(), ['a']);
  const trickle = world({ a: has(data, { chunk: 100, gap: 1000 }), b: has(data) });
  const { mirror } = await trickle.fetched(data);
  assert.equal(mirror.url, 'https://b.example');
  const picture = bytes(60000);
  const large = world({ a: has(picture, { chunk: 600, gap: 100 }), b: has(picture) });
  await large.fetched(picture);
  assert.deepEqual(large.names(), ['a']);
});

test('connections cut after 16 KB are gone on with elsewhere', async () => {
  const data = bytes(60000);
  const cut = () => has(data, { freeze: 16384 });
  const { fetched, names } = world({ a: cut(), b: cut(), c: cut() });
  assert.deepEqual((await fetched(data)).data, data);
  assert.deepEqual(names(), ['a', 'b 16384-', 'c 32768-', 'a 49152-']);
});

test('one live mirror among dead ones gives a picture in pieces', async () => {
  const data = bytes(60000);
  const { fetched, names, clock, at } = world({ a: resets, b: has(data, { freeze: 16384 }), c: resets, d: resets });
  const began = clock.ms;
  assert.deepEqual((await fetched(data)).data, data);
  assert.deepEqual(names().filter((name) => name[0] === 'b'), ['b', 'b 16384-', 'b 32768-', 'b 49152-']);
  assert.equal(at('b').cut, 16384);
  // The first frozen line is waited for, the others are known.
  assert.ok(clock.ms - began < 15000, String(clock.ms - began));
});

test('what is over is held by nobody who could have ended it, and what was ended asks nobody', async () => {
  const data = bytes(5000);
  const halt = new AbortController();
  const { fetched, names } = world({ a: hangs, b: has(data), c: blocks });
  await fetched(data, { stop: halt.signal });
  await failure(world({ a: blocks, b: resets }).fetched(data, { stop: halt.signal }));
  assert.deepEqual(getEventListeners(halt.signal, 'abort'), []);
  const before = names().length;
  halt.abort();
  assert.equal((await failure(fetched(data, { stop: halt.signal }))).why, 'network');
  assert.equal(names().length, before);
});

test('pieces that do not fit together are thrown away, and whose they were is found out', async () => {
  const data = bytes(40000);
  const forged = bytes(40000, 11);
  const { fetched, at, names } = world({ a: gives(forged, { freeze: 10000 }), b: has(data, { freeze: 30000 }), c: has(data) });
  assert.deepEqual((await fetched(data)).data, data);
  assert.equal(at('b').why, '');
  assert.equal(at('c').why, '');
  assert.ok(names().length <= 6, names().join());
  const alone = world({ a: gives(forged) });
  assert.equal((await failure(alone.fetched(data))).why, 'refused');
  assert.equal(alone.at('a').why, 'refused');
});

test('a host that answers parts with other bytes is asked for the whole', async () => {
  const data = bytes(40000);
  const honest = has(data, { freeze: 30000 });
  let whole = 0;
  const odd = (one) => {
    if (one.range) return { status: 206, chunks: [bytes(10000, 3)] };
    return whole++ ? has(data)(one) : honest(one);
  };
  const { fetched, names } = world({ a: odd });
  assert.deepEqual((await fetched(data)).data, data);
  assert.deepEqual(names(), ['a', 'a 30000-', 'a']);
});

test('an old browser that may not ask for parts asks for the whole', async () => {
  const data = bytes(40000);
  let broke = false;
  const host = (one) => {
    if (one.range) return { status: 'reset' };
    if (broke) return has(data)(one);
    broke = true;
    return has(data, { freeze: 30000 })(one);
  };
  const { fetched, at, names } = world({ a: host });
  assert.deepEqual((await fetched(data)).data, data);
  assert.deepEqual(names(), ['a', 'a 30000-', 'a']);
  assert.equal(at('a').fails, 0);
});

test('a host that gives no parts and always breaks is left in the end', async () => {
  const data = bytes(40000);
  const { fetched, names } = world({ a: has(data, { freeze: 16384, ranges: false }) });
  assert.equal((await failure(fetched(data))).why, 'network');
  assert.ok(names().length <= 4, names().join());
});

test('missing everywhere is missing, and no fault', async () => {
  const { fetched, at } = world({ a: serves(new Map()), b: serves(new Map()) });
  assert.equal((await failure(fetched(bytes(10)))).why, 'missing');
  assert.deepEqual([at('a').fails, at('b').fails], [0, 0]);
  assert.equal((await failure(world({}).fetched(bytes(10)))).why, 'network');
});

test('other bytes than those asked for are never given out', async () => {
  const data = bytes(5000);
  const { fetched, at } = world({ a: gives(bytes(5000, 3)), b: blocks, c: has(data) });
  const { mirror } = await fetched(data);
  assert.equal(mirror.url, 'https://c.example');
  assert.deepEqual([at('a').why, at('b').why], ['refused', 'blocked']);
});

test('what a check throws that is no verdict goes through', async () => {
  const { mirrors, clock } = world({ a: gives(bytes(10)) });
  const check = async () => {
    throw new TypeError('a mistake of ours');
  };
  await assert.rejects(clock.run(mirrors.object('front', { check })), TypeError);
  const refuses = async () => {
    throw new VerifyError(2, 'x', 'y', []);
  };
  assert.equal((await failure(clock.run(mirrors.object('front', { check: refuses })))).why, 'refused');
});

test('what is remembered is taken back with a pinch of salt', () => {
  const { mirrors, clock } = world({ a: hangs });
  mirrors.recall([
    { url: 'https://a.example', from: 'built-in', fails: 3, until: clock.ms + 1e12, why: 'x'.repeat(99), rtt: 250, cut: 16384 },
    { url: 'https://kept.example', from: 'edition', fails: -1, until: NaN, rtt: 'fast', cut: Infinity },
    { url: 'https://mine.example', from: 'added' },
    { url: 'javascript:alert(1)', from: 'added' },
    null, 7, 'https://x.example', { url: 7 }, [],
  ]);
  mirrors.recall('nonsense');
  mirrors.recall(null);
  const list = mirrors.list();
  assert.deepEqual(list.map(({ url, from, fails, rtt }) => [url, from, fails, rtt]), [
    ['https://a.example', 'built-in', 3, 250],
    ['https://kept.example', 'kept', 0, null],
    ['https://mine.example', 'added', 0, null],
  ]);
  assert.ok(list[0].until <= NOW + 168 * 3600000);
  assert.equal(list[0].why, '');
  mirrors.recall([{ url: 'https://a.example', why: 'slow' }, { url: 'https://kept.example', why: 'see evil.example' }, { url: 'https://mine.example', why: ['cut'] }]);
  assert.deepEqual(mirrors.list().map(({ why }) => why), ['slow', '', '']);
  const many = Array.from({ length: 500 }, (_, n) => ({ url: `https://n${n}.example` }));
  mirrors.recall(many);
  assert.ok(mirrors.list().length <= 100);
  // What came with the file is addresses alone.
  const { mirrors: others, clock: now } = world({ a: hangs });
  const [own, theirs] = ['https://a.example', 'https://theirs.example'];
  others.recall([{ url: own, fails: 20, until: now.ms + 1e9, why: 'refused', rtt: 60000, cut: 1 }, { url: theirs, fails: 0, rtt: 1 }], 'kept');
  assert.deepEqual(others.rank().map(({ url, fails, until, rtt, cut }) => [url, fails, until, rtt, cut]), [[own, 0, 0, null, null], [theirs, 0, 0, null, null]]);
  // Whoever vouches for an address, that counts.
  mirrors.learn(['https://kept.example/'], 'edition');
  assert.equal(mirrors.find('https://kept.example').from, 'edition');
});

test('what is kept of mirrors comes back as it was', () => {
  const { mirrors, at } = world({ a: hangs, b: hangs });
  mirrors.bad(at('a'), 'slow');
  mirrors.good(at('b'), 120);
  const text = JSON.stringify(mirrors.remember());
  const other = world({ a: hangs, b: hangs });
  other.mirrors.recall(JSON.parse(text));
  assert.equal(JSON.stringify(other.mirrors.remember()), text);
});

test('a page in the place of a file is known', () => {
  for (const text of ['<!doctype html>', '\n\t <html>', '\ufeff<p>']) assert.ok(isPage(new TextEncoder().encode(text)));
  for (const data of [[0x1f, 0x8b], [], [32, 32]]) assert.ok(!isPage(Uint8Array.from(data)));
});

test('lines that are torn after some bytes in all, so that browsers lose what had come, are read in pieces', async () => {
  const data = bytes(40000);
  const torn = (most) => {
    let left = most;
    return (one) => {
      const answer = has(data)(one);
      const size = answer.chunks.reduce((sum, { length }) => sum + length, 0);
      if (size <= left) {
        left -= size;
        return answer;
      }
      left = most;
      return { ...answer, chunks: [new TypeError('network error')] };
    };
  };
  for (const most of [16384, 10000, 5000]) {
    const { fetched, names } = world({ a: torn(most) });
    assert.deepEqual((await fetched(data)).data, data, String(most));
    assert.ok(names().length < 30, names().join());
  }
  const { fetched } = world({ a: resets, b: torn(10000), c: hangs });
  assert.deepEqual((await fetched(data)).data, data);
});

test('a host that breaks both wholes and parts is left in the end', async () => {
  const data = bytes(40000);
  const host = (one) => (one.range ? { status: 'reset' } : has(data, { freeze: 16384 })(one));
  const { fetched, names } = world({ a: host });
  assert.equal((await failure(fetched(data))).why, 'network');
  assert.ok(names().length <= 7, names().join());
});

test('whatever hosts do, a file comes whole and true where one of them has it, and otherwise it ends', async () => {
  for (let seed = 1; seed <= (Number(process.env.SEEDS) || 60); seed++) {
    const random = chance(seed);
    const pick = (list) => list[Math.floor(random() * list.length)];
    const data = bytes(pick([300, 12000, 40000]), 13);
    const forged = bytes(data.length, 5);
    const odd = () =>
      pick([
        hangs, resets, blocks, serves(new Map()), gives(forged), gives(forged, { freeze: 7000 }),
        gives(forged, { ranges: false, freeze: 250 }), () => ({ status: pick([206, 302, 416, 500]) }),
        has(data, { freeze: pick([0, 200, 5000, 16384]) }), has(data, { freeze: 9000, ranges: false }),
        has(data, { chunk: 1, gap: 4000 }), () => ({ chunks: [data.subarray(0, 200), new Error('reset')] }),
        (one) => (one.range ? { status: 206, chunks: [forged] } : has(data, { freeze: 8000 })(one)),
        () => ({ headers: { 'Content-Length': '99999999' }, chunks: [data] }), () => ({ chunks: [data, forged] }),
      ]);
    const works = random() < 0.6;
    const good = pick([has(data), has(data, { chunk: 700, gap: 100 }), has(data, { ranges: false })]);
    const hosts = Array.from('abcdef', (name) => [name, odd()]);
    if (works) hosts.splice(Math.floor(random() * 6), 1, ['good', good]);
    const { fetched, network } = world(Object.fromEntries(hosts), { random });
    const found = await fetched(data).catch((error) => error);
    if (works || !(found instanceof Failed)) assert.deepEqual(found.data, data, `seed ${seed}: ${found.message}`);
    assert.ok(network.asked.length < 80, `seed ${seed}: ${network.asked.length} requests`);
  }
});
