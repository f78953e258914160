// The attacks that a client can stop, over real HTTP on loopback, with WebCrypto and without. The names are those of the
// same attacks in tests/attacks/.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { mirrorReader } from '../../signing/web/fetch.mjs';
import { forceFallback, judge, leafHash, prove, toBytes } from '../../signing/web/verify.mjs';
import { filesOf, runCase, schema, vectorCases, vectorMirrors } from './cases.mjs';
import { gzip, mirror, otherHistory, otherTargets, pinOf, serve } from './liar.mjs';

const NOW = '2027-03-01T10:00:00Z';
const digestOf = (path) => path.split('/').slice(1).join('');

/** What a reader says of these files behind this lie. */
async function look(files, { lie, known = null, now = NOW, ask = { what: 'front' }, pin = pinOf(files), patience } = {}) {
  const server = await serve(files, lie);
  try {
    const read = mirrorReader(server.url, { perFile: 4000, total: 8000, ...patience });
    return { ...(await judge({ read, pin, now, known, schema, ask })), asked: server.asked };
  } finally {
    await server.close();
  }
}

const only = (wanted, make) => (path, file, response) => (path === wanted ? make(response, file) : false);
const proofs = (files) => Array.from(files.keys()).filter((path) => path.startsWith('proof/'));

async function anArticle(files) {
  const { edition } = await look(files);
  return edition.document.outlets[0].articles[0];
}

for (const fallback of [false, true]) {
  const attack = (name, run) =>
    test(`${name}${fallback ? ' (plain JavaScript)' : ''}`, async () => {
      forceFallback(fallback);
      await run();
    });

  attack('an honest mirror is believed, and what to remember is plain data', async () => {
    const files = mirror('plain');
    const { verdict, memory } = await look(files);
    assert.deepEqual(
      [verdict.authentic, verdict.fresh, verdict.current, verdict.seen, verdict.check, verdict.error],
      [true, 'fresh', 'current', 'first', null, null],
    );
    const again = await look(files, { known: JSON.parse(JSON.stringify(memory)) });
    assert.equal(again.verdict.seen, 'same');
    assert.deepEqual(again.memory, memory);
    const item = await anArticle(files);
    const found = await look(files, { ask: { what: 'article', digest: item.digest, url: item.url }, known: memory });
    assert.deepEqual([found.verdict.authentic, found.verdict.current], [true, 'current']);
    assert.equal(found.bundle.document.url, item.url);
    assert.deepEqual(found.verdict.checks.map((one) => one.n), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 11, 13]);
  });

  attack('an article that was changed is refused', async () => {
    const files = mirror('plain');
    const { digest } = await anArticle(files);
    const path = `o/${digest.slice(0, 2)}/${digest.slice(2)}`;
    const changed = Uint8Array.from(files.get(path));
    changed[changed.length - 20] ^= 1;
    for (const what of ['article', 'listed']) {
      const { verdict, bundle } = await look(new Map(files).set(path, changed), { ask: { what, digest } });
      assert.deepEqual([verdict.authentic, verdict.check, bundle], [false, 2, null]);
    }
  });

  attack('another article than the one asked for is refused', async () => {
    const files = mirror('plain');
    const { digest, url } = await anArticle(files);
    const [other] = proofs(files).map(digestOf).filter((one) => one !== digest);
    const swapped = new Map(files).set(`o/${digest.slice(0, 2)}/${digest.slice(2)}`, files.get(`o/${other.slice(0, 2)}/${other.slice(2)}`));
    const ask = { what: 'article', digest, url };
    assert.equal((await look(swapped, { ask })).verdict.check, 2);
    const elsewhere = await look(files, { ask: { what: 'article', digest, url: `${url}?` } });
    assert.deepEqual([elsewhere.verdict.authentic, elsewhere.verdict.check], [false, 7]);
  });

  attack('files of different days cannot be mixed', async () => {
    const [old, files] = [mirror('earlier'), mirror('plain')];
    const digest = digestOf(proofs(files)[0]);
    const mixed = new Map(files).set(proofs(files)[0], old.get(proofs(old).find((path) => path !== proofs(files)[0])));
    assert.equal((await look(mixed, { ask: { what: 'article', digest } })).verdict.check, 9);
    const rotated = mirror('rotated');
    const roles = Array.from(rotated.keys()).filter((path) => /\d\.snapshot/.test(path)).sort();
    assert.ok(roles.length > 1);
    const newest = new Map(rotated).set(roles[roles.length - 1], rotated.get(roles[0]));
    assert.equal((await look(newest)).verdict.error, 'trust');
  });

  attack('swapped tiles raise no alarm and prove nothing', async () => {
    const files = mirror('plain');
    const { memory } = await look(mirror('earlier'));
    const path = Array.from(files.keys()).filter((one) => one.startsWith('tile/0/')).sort((a, b) => files.get(b).length - files.get(a).length)[0];
    const swapped = Uint8Array.from(files.get(path));
    swapped.set(files.get(path).subarray(0, 32), 32);
    swapped.set(files.get(path).subarray(32, 64), 0);
    // without its consistency lines, the front leaves nothing but the tiles
    const bare = await otherHistory(files, (leaves) => leaves);
    assert.equal((await look(bare, { known: memory })).verdict.seen, 'newer');
    const { verdict, memory: after } = await look(new Map(bare).set(path, swapped), { known: memory });
    assert.deepEqual([verdict.seen, verdict.fresh, verdict.evidence], ['unknown', 'unknown', null]);
    assert.deepEqual(after, memory);
  });

  attack('a mirror cannot roll back a reader who was here before', async () => {
    const { memory } = await look(mirror('plain'));
    const { verdict, memory: after } = await look(mirror('earlier'), { known: memory });
    assert.deepEqual([verdict.authentic, verdict.fresh, verdict.seen], [true, 'stale', 'older']);
    assert.deepEqual(after, memory);
    const trust = await look(mirror('rotated'));
    const before = new Map(Array.from(mirror('rotated')).filter(([path]) => !/trust\/[2-9]\.root/.test(path)));
    const back = await look(before, { known: trust.memory });
    assert.notDeepEqual([back.verdict.authentic, back.verdict.fresh], [true, 'fresh']);
  });

  attack('a newer root under older targets undoes no newer targets, nor the other way round', async () => {
    const text = (items) => Object.fromEntries(Object.entries(items).map(([path, data]) => [path, Buffer.from(data, 'base64').toString()]));
    const asked = async (name) => {
      const one = Object.fromEntries(vectorCases())[`trust-both-${name}.json`];
      const files = new Map(Array.from(filesOf(one, vectorMirrors)).map(([path, data]) => [path, Buffer.from(data, 'base64')]));
      return look(files, { pin: one.pin, now: one.now, known: { trust: text(one.remembers.trust) } });
    };
    const newest = (memory) => ['root', 'targets'].map((role) => {
      const versions = Object.keys(memory.trust).map((path) => new RegExp(`/(\\d+)\\.${role}\\.json$`).exec(path));
      return Math.max(...versions.filter(Boolean).map((found) => Number(found[1])));
    });
    for (const name of ['older-targets', 'older-root']) {
      const { verdict, memory } = await asked(name);
      assert.deepEqual([verdict.authentic, verdict.fresh, verdict.publication], [true, 'stale', 'Renamed twice'], name);
      // what is remembered from now on is both
      assert.deepEqual(newest(memory), [2, 3], name);
    }
    for (const name of ['revoked-before', 'revoked-now']) {
      const { verdict } = await asked(name);
      assert.deepEqual([verdict.authentic, verdict.check], [false, 5], name);
    }
    const { verdict, memory } = await asked('other-online-key');
    assert.deepEqual([verdict.authentic, verdict.fresh, verdict.publication], [true, 'fresh', 'Example']);
    assert.deepEqual(newest(memory), [2, 2]);
  });

  attack('a mirror that stands still is stale when the next edition is due', async () => {
    const files = mirror('plain');
    for (const [now, fresh] of [[NOW, 'fresh'], ['2027-03-01T15:30:01Z', 'stale'], ['2028-03-01T10:00:00Z', 'stale']]) {
      const { verdict } = await look(files, { now });
      assert.deepEqual([verdict.authentic, verdict.fresh], [true, fresh], now);
    }
    assert.equal((await look(files, { now: '2027-03-01T15:30:01Z' })).verdict.age, 6 * 3600 + 1);
  });

  attack('an edition dated ahead is not fresh', async () => {
    const { verdict } = await look(mirror('plain'), { now: '2027-03-01T08:00:00Z' });
    assert.deepEqual([verdict.authentic, verdict.fresh], [true, 'unknown']);
  });

  attack('data without end is cut off', async () => {
    const files = mirror('plain');
    for (const path of ['front', 'trust/1.root.json', 'trust/timestamp.json', 'trust/2.root.json']) {
      let sent = 0;
      const endless = only(path, (response) => {
        response.writeHead(200);
        const more = () => {
          sent += 65536;
          if (!response.destroyed && sent < 1 << 26 && response.write(Buffer.alloc(65536, 97))) setImmediate(more);
          else response.once('drain', more);
        };
        more();
      });
      const { verdict } = await look(files, { lie: endless });
      assert.deepEqual([verdict.authentic, verdict.error, verdict.evidence], [false, 'unread', null], path);
      assert.ok(sent < 1 << 24, `${path}: ${sent}`);
    }
    const large = only('front', (response) => {
      response.writeHead(200, { 'Content-Length': 1 << 30 });
      response.flushHeaders();
    });
    assert.equal((await look(files, { lie: large })).verdict.error, 'unread');
  });

  attack('a bomb does not go off', async () => {
    const bomb = gzip(new Uint8Array(1 << 22));
    assert.ok(bomb.length < 8192);
    const { verdict } = await look(new Map(mirror('plain')).set('front', bomb));
    assert.deepEqual([verdict.authentic, verdict.check], [false, 3]);
  });

  attack('a mirror that gives every file in the last moment is given up', async () => {
    const files = mirror('plain');
    const begun = Date.now();
    const trickle = only('front', (response, file) => {
      response.writeHead(200);
      let at = 0;
      const timer = setInterval(() => (response.destroyed ? clearInterval(timer) : response.write(file.subarray(at, ++at))), 20);
    });
    const slow = await look(files, { lie: trickle, patience: { perFile: 300, rate: 1e9 } });
    assert.equal(slow.verdict.error, 'unread');
    const silent = only('front', () => true);
    assert.equal((await look(files, { lie: silent, patience: { perFile: 300, rate: 1e9 } })).verdict.error, 'unread');
    // each file just in time, all of them too late
    const late = (path, file, response) => {
      response.statusCode = file ? 200 : 404;
      setTimeout(() => response.end(file || ''), 150);
    };
    const all = await look(files, { lie: late, patience: { perFile: 300, rate: 1e9, total: 500 } });
    assert.equal(all.verdict.error, 'unread');
    assert.ok(Date.now() - begun < 20_000);
  });

  attack('a redirect to another host is not followed', async () => {
    const files = mirror('plain');
    const other = await serve(files);
    const away = only('front', (response) => {
      response.writeHead(302, { Location: `${other.url}/front` });
      response.end();
    });
    const { verdict } = await look(files, { lie: away });
    await other.close();
    assert.equal(verdict.error, 'unread');
    assert.deepEqual(other.asked, []);
  });

  attack('hosts that say oddly that there is no newer root', async () => {
    const files = mirror('plain');
    const answer = (status, text) => only('trust/2.root.json', (response) => {
      response.writeHead(status);
      response.end(text);
    });
    for (const [status, text] of [[404, ''], [403, 'no'], [410, ''], [200, '<!doctype html><p>Not found'], [200, '\ufeff\n<html>']]) {
      assert.ok((await look(files, { lie: answer(status, text) })).verdict.authentic, `${status} ${text}`);
    }
    assert.equal((await look(files, { lie: answer(500, 'oops') })).verdict.error, 'unread');
    assert.equal((await look(files, { lie: answer(200, 'Not found') })).verdict.error, 'trust');
    const torn = only('trust/2.root.json', (response) => response.destroy());
    assert.equal((await look(files, { lie: torn })).verdict.error, 'unread');
  });

  attack('two mirrors that show two histories are caught by comparing them', async () => {
    const files = mirror('plain');
    const { memory } = await look(files);
    const forged = await otherHistory(files, (leaves) => [leafHash(toBytes('another')), ...leaves.slice(1)]);
    assert.ok((await look(forged)).verdict.authentic, 'alone it looks like any mirror');
    const { verdict, memory: after, edition } = await look(forged, { known: memory });
    assert.deepEqual([verdict.authentic, verdict.evidence.type, edition], [false, 'fork', null]);
    assert.deepEqual(after, memory);
    const proved = await prove(toBytes(JSON.stringify(verdict.evidence)), { pin: pinOf(files), now: NOW });
    assert.equal(proved.type, 'fork');
    await assert.rejects(prove(toBytes(JSON.stringify(verdict.evidence)), { pin: `sha256:${'0'.repeat(64)}`, now: NOW }), { kind: 'BadEvidence' });
  });

  attack('a history that was rewritten is evidence to who saw the one before', async () => {
    const { memory } = await look(mirror('earlier'));
    const files = mirror('plain');
    const forged = await otherHistory(files, (leaves) => [leafHash(toBytes('another')), ...leaves.slice(1)]);
    const { verdict } = await look(forged, { known: memory });
    assert.deepEqual([verdict.authentic, verdict.evidence.type], [false, 'fork']);
    assert.ok(verdict.evidence.hashes.length);
    assert.equal((await prove(toBytes(JSON.stringify(verdict.evidence)), { pin: pinOf(files), now: NOW })).type, 'fork');
  });

  attack('noise raises no alarm of two histories', async () => {
    const files = mirror('plain');
    const { memory } = await look(mirror('earlier'));
    const forged = await otherHistory(files, (leaves) => [leafHash(toBytes('another')), ...leaves.slice(1)]);
    const text = new TextDecoder().decode(forged.get('checkpoint'));
    const lies = [
      new Map(forged).set('front', files.get('front').subarray(0, 300)),
      new Map(files).set('front', gzip(toBytes('two histories'))),
      new Map(forged).set('trust/timestamp.json', toBytes(text)),
    ];
    for (const lie of lies) {
      const { verdict, memory: after } = await look(lie, { known: memory });
      assert.deepEqual([verdict.authentic, verdict.evidence], [false, null]);
      assert.deepEqual(after, memory);
    }
  });

  attack('a history that too few witnesses saw is not believed', async () => {
    const files = mirror('witnessed');
    const good = await look(files);
    assert.equal(good.verdict.witnesses.length, 3);
    const forged = await otherHistory(files, (leaves) => [leafHash(toBytes('another')), ...leaves.slice(1)]);
    const { verdict } = await look(forged, { known: good.memory });
    assert.deepEqual([verdict.authentic, verdict.check, verdict.evidence], [false, 10, null]);
  });

  attack('a stolen log key can do nothing once the log is frozen', async () => {
    const cases = vectorCases().filter(([name]) => /^(10|checkpoint|evidence)-stolen/.test(name));
    assert.ok(cases.length > 8);
    for (const [name, one] of cases) {
      const found = await runCase(one);
      for (const [member, expected] of Object.entries(one.expect)) assert.deepEqual(found[member], expected, name);
    }
  });

  attack('two trust files of one version are evidence against the root keys', async () => {
    const files = mirror('rotated');
    const { memory } = await look(files);
    const [path] = Array.from(files.keys()).filter((one) => one.endsWith('.targets.json')).sort().slice(-1);
    const forged = otherTargets(files, path, (targets) => ({ ...targets, expires: '2030-01-01T00:00:00Z' }));
    assert.ok((await look(forged)).verdict.authentic, 'alone it looks like any mirror');
    const { verdict, memory: after } = await look(forged, { known: memory });
    assert.deepEqual([verdict.authentic, verdict.error, verdict.evidence.type], [false, 'trust', 'trust']);
    assert.deepEqual(after, memory);
    const data = toBytes(JSON.stringify(verdict.evidence));
    assert.equal((await prove(data, { pin: pinOf(files), now: NOW })).type, 'trust');
  });

  attack('a stolen online key changes nothing that readers believe', async () => {
    const files = mirror('rotated');
    const [, thief] = vectorCases().find(([name]) => name === 'root-thief-with-the-old-online-key.json');
    const served = new Map(Array.from(filesOf(thief, vectorMirrors)).map(([p, text]) => [p, Buffer.from(text, 'base64')]));
    const { verdict } = await look(served, { pin: pinOf(files) });
    assert.deepEqual([verdict.authentic, verdict.error], [false, 'trust']);
  });

  attack('what was withdrawn is gone and readers are told', async () => {
    const [, one] = vectorCases().find(([name]) => name === '13-withdrawn-by-the-log.json');
    const files = new Map(Array.from(filesOf(one, vectorMirrors)).map(([path, text]) => [path, Buffer.from(text, 'base64')]));
    const { verdict } = await look(files, { ask: { ...one.ask, what: 'article' }, now: one.now });
    assert.equal(verdict.current, 'withdrawn');
  });

  attack('every case about a mirror has the same verdict over the network', async () => {
    const cases = vectorCases().filter(([, one]) => ['bundle', 'front', 'listed'].includes(one.ask.what) && one.mirror);
    assert.ok(cases.length > 100);
    for (const [name, one] of cases.filter((_, at) => !fallback || at % 5 === 0)) {
      const files = new Map(Array.from(filesOf(one, vectorMirrors)).map(([path, text]) => [path, Buffer.from(text, 'base64')]));
      const ask = { ...one.ask, what: one.ask.what === 'bundle' ? 'article' : one.ask.what };
      const text = (items) => Object.fromEntries(Object.entries(items || {}).map(([k, v]) => [k, Buffer.from(v, 'base64').toString()]));
      const { checkpoints, trust } = one.remembers || {};
      const known = { checkpoints: text(checkpoints), trust: text(trust) };
      const { verdict } = await look(files, { ask, now: one.now, pin: one.pin, known });
      assert.equal(verdict.authentic, one.expect.authentic, name);
      for (const member of ['fresh', 'current']) {
        if (member in one.expect) assert.equal(verdict[member], one.expect[member], `${name}: ${member}`);
      }
      // what is larger than its cap is cut off before check 1 can see it
      if ('check' in one.expect && verdict.error !== 'unread') assert.equal(verdict.check, one.expect.check, name);
    }
  });
}
