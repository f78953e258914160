// One file from one mirror: every way in which it can fail to come, and what is left to go on from.

import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { createServer } from 'node:http';
import { test } from 'node:test';

import { createNet, Failed } from '../../mirror/reader/src/net.mjs';
import { Clock, Network, serves } from './engine_world.mjs';

const HOME = 'https://m.example';
const bytes = (size) => Uint8Array.from({ length: size }, (_, at) => (at * 7 + (at >> 8)) & 255);

function line(host) {
  const network = new Network(new Clock());
  network.put(HOME, host);
  const get = createNet({ fetch: network.fetch, ...network.clock });
  return { network, clock: network.clock, get: (path, options) => network.clock.run(get(HOME, path, options)) };
}
const file = (data, options) => serves(new Map([['front', data]]), options);
const answers = (answer) => () => answer;

async function failure(promise) {
  const error = await promise.then(() => null, (found) => found);
  assert.ok(error instanceof Failed, String(error));
  return error;
}

test('a file comes whole, and no more is said of who asks than must be', async () => {
  const { get, network } = line(file(bytes(9000)));
  assert.deepEqual(await get('front', { cap: 9000 }), bytes(9000));
  const [{ options, headers }] = network.asked;
  const { cache, credentials, redirect, referrerPolicy } = options;
  assert.deepEqual({ cache, credentials, redirect, referrerPolicy, headers }, {
    cache: 'no-store', credentials: 'omit', redirect: 'error', referrerPolicy: 'no-referrer', headers: {},
  });
});

test('what a mirror says it has not is no failure', async () => {
  for (const status of [403, 404, 410]) assert.equal(await line(answers({ status })).get('front', { cap: 9 }), null);
  for (const status of [204, 206, 301, 429, 500, 503]) {
    assert.equal((await failure(line(answers({ status })).get('front', { cap: 9 }))).why, 'status');
  }
});

test('no more is read than there may be, whatever is said of the length', async () => {
  const said = line(answers({ headers: { 'Content-Length': '10' }, chunks: [bytes(10)] }));
  assert.equal((await failure(said.get('front', { cap: 9 }))).why, 'large');
  let sent = 0;
  const endless = {
    get length() {
      return 1;
    },
    slice: () => ({ shift: () => (sent++, bytes(4096)) }),
  };
  const long = line(answers({ chunks: endless }));
  const error = await failure(long.get('front', { cap: 8192 }));
  assert.deepEqual([error.why, error.part, sent], ['large', null, 3]);
  assert.ok(long.network.asked[0].stopped);
  const lying = line(answers({ headers: { 'Content-Length': '3' }, chunks: [bytes(4096), bytes(4096)] }));
  assert.equal((await failure(lying.get('front', { cap: 5000 }))).why, 'large');
});

test('a host that never answers, or never goes on, is given up', async () => {
  const silent = line(answers({ delay: Infinity }));
  const began = silent.clock.ms;
  assert.equal((await failure(silent.get('front', { cap: 9 }))).why, 'slow');
  assert.equal(silent.clock.ms - began, 15000);
  assert.ok(silent.network.asked[0].stopped);
  const frozen = line(file(bytes(9000), { freeze: 5000, delay: 0 }));
  const error = await failure(frozen.get('front', { cap: 9000 }));
  assert.deepEqual([error.why, error.part], ['cut', bytes(9000).subarray(0, 5000)]);
});

test('a host known to freeze is not waited for as long', async () => {
  const { get, clock } = line(file(bytes(9000), { freeze: 5000, delay: 0 }));
  const began = clock.ms;
  assert.equal((await failure(get('front', { cap: 9000, freeze: 5000 }))).why, 'cut');
  assert.equal(clock.ms - began, 1500);
});

test('a byte every five seconds is no life', async () => {
  const { get, clock } = line(file(bytes(9000), { chunk: 1, gap: 5000 }));
  const began = clock.ms;
  const { why, part } = await failure(get('front', { cap: 9000 }));
  assert.equal(why, 'cut');
  assert.ok(part.length <= 2);
  assert.ok(clock.ms - began < 10000);
});

test('a slow line is slow, and no failure', async () => {
  const { get } = line(file(bytes(12288), { chunk: 625, gap: 100 }));
  assert.deepEqual(await get('front', { cap: 12288 }), bytes(12288));
});

test('a fetch that does not heed its signal ends all the same', async () => {
  const clock = new Clock();
  const get = createNet({ fetch: () => new Promise(() => {}), ...clock });
  assert.equal((await failure(clock.run(get(HOME, 'front', { cap: 9 })))).why, 'slow');
});

test('what nobody wants any more ends at once', async () => {
  const { get, network, clock } = line(answers({ delay: Infinity }));
  const began = clock.ms;
  const halt = new AbortController();
  clock.setTimeout(() => halt.abort(), 700);
  const error = await failure(get('front', { cap: 9, stop: halt.signal }));
  assert.deepEqual([error.why, clock.ms - began], ['stopped', 700]);
  assert.ok(network.asked[0].stopped);
  assert.equal((await failure(get('front', { cap: 9, stop: halt.signal }))).why, 'stopped');
  assert.equal(clock.ms - began, 700);
});

test('a request that is over is held by nobody who could have ended it', async () => {
  const halt = new AbortController();
  for (const host of [file(bytes(9000)), answers({ status: 404 }), answers({ status: 'reset' }), answers({ chunks: [bytes(9), new Error('reset')] })]) {
    await line(host).get('front', { cap: 9000, stop: halt.signal }).catch((error) => assert.ok(error instanceof Failed));
    assert.deepEqual(getEventListeners(halt.signal, 'abort'), []);
  }
});

test('a line that breaks leaves what came', async () => {
  const { get } = line(answers({ chunks: [bytes(3000), new TypeError('network error')] }));
  const { why, part } = await failure(get('front', { cap: 9000 }));
  assert.deepEqual([why, part], ['cut', bytes(3000)]);
  const short = line(answers({ chunks: [bytes(3000)] }));
  const error = await failure(short.get('front', { cap: 9000, size: 5000 }));
  assert.deepEqual([error.why, error.part], ['cut', bytes(3000)]);
  const refused = line(answers({ status: 'reset' }));
  assert.deepEqual([(await failure(refused.get('front', { cap: 9 }))).why], ['network']);
});

test('only the rest is asked for, and it is put behind what was there', async () => {
  const { get, network } = line(file(bytes(9000)));
  assert.deepEqual(await get('front', { cap: 9000, size: 9000, have: bytes(9000).subarray(0, 4000) }), bytes(9000));
  assert.deepEqual(network.asked.map(({ range, headers }) => [range, Object.keys(headers)]), [['bytes=4000-', ['Range']]]);
  assert.deepEqual(await get('front', { cap: 9000, have: bytes(9000).subarray(0, 4000) }), bytes(9000));
});

test('a host that gives the whole instead of the rest is begun anew', async () => {
  const { get } = line(file(bytes(9000), { ranges: false }));
  assert.deepEqual(await get('front', { cap: 9000, size: 9000, have: bytes(10).fill(9) }), bytes(9000));
  const broken = line(answers({ chunks: [bytes(100), new Error('reset')] }));
  const { part } = await failure(broken.get('front', { cap: 9000, have: bytes(50).fill(9) }));
  assert.deepEqual(part, bytes(100));
});

test('another range than the one asked for is none', async () => {
  const have = bytes(9000).subarray(0, 4000);
  for (const said of ['bytes 0-8999/9000', 'bytes 4000-8999/9001', 'bytes */9000', 'nonsense']) {
    const { get } = line(answers({ status: 206, headers: { 'Content-Range': said }, chunks: [bytes(5000)] }));
    assert.equal((await failure(get('front', { cap: 9000, size: 9000, have }))).why, 'range', said);
  }
  const { get } = line(answers({ status: 416 }));
  assert.equal((await failure(get('front', { cap: 9000, have }))).why, 'range');
  for (const said of ['bytes 4000-8999/9000', 'bytes 4000-8999/*']) {
    const good = line(answers({ status: 206, headers: { 'Content-Range': said }, chunks: [bytes(9000).subarray(4000)] }));
    assert.deepEqual(await good.get('front', { cap: 9000, size: 9000, have }), bytes(9000));
  }
});

test('a file inside a pack is a range of it', async () => {
  const { get, network } = line(file(bytes(90000)));
  const inside = bytes(90000).subarray(30000, 50000);
  assert.deepEqual(await get('front', { cap: 20000, size: 20000, offset: 30000 }), inside);
  assert.deepEqual(await get('front', { cap: 20000, size: 20000, offset: 30000, have: inside.subarray(0, 15000) }), inside);
  assert.deepEqual(network.asked.map(({ range }) => range), ['bytes=30000-49999', 'bytes=45000-49999']);
  const whole = line(file(bytes(90000), { ranges: false, chunk: 1000 }));
  assert.deepEqual(await whole.get('front', { cap: 20000, size: 20000, offset: 30000 }), inside);
  assert.ok(whole.network.asked[0].stopped);
});

test('only paths of the mirror format are asked for', async () => {
  const { get, network } = line(file(bytes(9)));
  for (const path of ['../front', 'o//x', 'front?x=1', 'https://evil.example/', '', 'a b', 'a/../b']) {
    assert.equal((await failure(get(path, { cap: 9 }))).why, 'status');
  }
  assert.deepEqual(network.asked, []);
});

test('a real server over a real line is resumed where its connection was cut', async (t) => {
  const data = Buffer.from(bytes(60000));
  const ranges = [];
  const server = createServer((request, response) => {
    const { range } = request.headers;
    ranges.push(range || null);
    const from = range ? Number(/^bytes=([0-9]+)-$/.exec(range)[1]) : 0;
    if (request.url === '/o/aa/redirect') return void response.writeHead(302, { Location: '/o/aa/bb' }).end();
    response.writeHead(range ? 206 : 200, { 'Content-Length': String(data.length - from) });
    response.write(data.subarray(from, from + 16384));
    if (from + 16384 < data.length) setTimeout(() => response.destroy(), 50);
    else response.end(data.subarray(from + 16384));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const get = createNet({ fetch });
  const home = `http://127.0.0.1:${server.address().port}`;
  let have;
  for (let round = 0; round < 10; round++) {
    try {
      have = await get(home, 'o/aa/bb', { cap: 60000, size: 60000, have });
      break;
    } catch (error) {
      assert.equal(error.why, 'cut');
      assert.ok(error.part.length > (have ? have.length : 0));
      have = error.part;
    }
  }
  assert.deepEqual(Buffer.from(have), data);
  assert.deepEqual(ranges, [null, 'bytes=16384-', 'bytes=32768-', 'bytes=49152-']);
  assert.equal((await failure(get(home, 'o/aa/redirect', { cap: 60000 }))).why, 'network');
});
