// A small world for the reader's engine: mirrors, a censor between, a clock that nobody has to wait for, disks.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { webcrypto } from 'node:crypto';

import { compileSchemas } from '../../signing/web/verify.mjs';
import { Refused, createEngine } from '../../mirror/reader/src/engine.mjs';
import { openStore } from '../../mirror/reader/src/store.mjs';

// Node 18 has it, and does not say so.
if (!globalThis.crypto) globalThis.crypto = webcrypto;

const ROOT = new URL('../../', import.meta.url);
const readJson = (path) => JSON.parse(readFileSync(new URL(path, ROOT), 'utf8'));
const { facts, worlds, blobs } = readJson('tests/reader/engine_worlds.json');
export { facts };
export const NOW = Date.parse('2027-03-01T10:00:00Z');

export const schema = compileSchemas(
  ['bundle', 'edition', 'part', 'page', 'trust'].map((name) => readJson(`schemas/${name}.schema.json`)),
);

/** What a mirror serves at some time of the publication's life: a Map of bytes by path, one's own. */
export const filesOf = (name) =>
  new Map(Object.entries(worlds[name]).map(([path, blob]) => [path, new Uint8Array(Buffer.from(blobs[blob], 'base64'))]));

export const objectPath = (digest, folder = 'o') => `${folder}/${digest.slice(0, 2)}/${digest.slice(2)}`;

/** reader.html's own data: the trust files of `name`, and these mirrors. */
export function publicationOf(name, mirrors, more = {}) {
  const trust = {};
  for (const [path, data] of filesOf(name)) if (path.startsWith('trust/')) trust[path] = Buffer.from(data).toString();
  return { v: 1, name: 'Example', origin: facts.origin, pin: facts.pin, made: '2027-03-01T08:40:00Z', trust, mirrors, ...more };
}

// --- time --------------------------------------------------------------------------------------------------------------

// Signatures are checked in other threads: the clock must stand still meanwhile.
let busy = 0;
for (const name of ['digest', 'verify', 'importKey']) {
  const real = webcrypto.subtle[name].bind(webcrypto.subtle);
  Object.defineProperty(globalThis.crypto.subtle, name, {
    configurable: true,
    value: (...parts) => {
      busy++;
      return real(...parts).finally(() => busy--);
    },
  });
}
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** A clock that runs only when everybody waits for it. */
export class Clock {
  constructor(now = NOW) {
    this.ms = now;
    this.waiting = new Map();
    this.count = 0;
    this.now = () => this.ms;
    this.setTimeout = (make, delay = 0) => {
      this.waiting.set(++this.count, { at: this.ms + delay, make });
      return this.count;
    };
    this.clearTimeout = (id) => void this.waiting.delete(id);
  }

  sleep(delay) {
    return new Promise((resolve) => this.setTimeout(resolve, delay));
  }

  async settle() {
    for (let quiet = 0; quiet < 4; quiet = busy ? 0 : quiet + 1) await turn();
  }

  /** What `promise` comes to, in as much time as that takes; at most a day. */
  async run(promise) {
    const done = { settled: false };
    promise.then(
      () => (done.settled = true),
      () => (done.settled = true),
    );
    const end = this.ms + 86400000;
    for (;;) {
      await this.settle();
      if (done.settled) return promise;
      if (!this.step() || this.ms > end) throw new Error('nobody waits for anything any more, and nothing came of it');
    }
  }

  /** Let so much time pass. */
  async pass(delay) {
    const end = this.ms + delay;
    await this.settle();
    while (this.step(end)) await this.settle();
    this.ms = end;
  }

  step(until = Infinity) {
    let next = null;
    for (const [id, one] of this.waiting) if (!next || one.at < next[1].at) next = [id, one];
    if (!next || next[1].at > until) return false;
    this.waiting.delete(next[0]);
    this.ms = Math.max(this.ms, next[1].at);
    next[1].make();
    return true;
  }
}

// --- mirrors -----------------------------------------------------------------------------------------------------------

/** Hosts by address, and who asked them for what. A host is a function of {path, range, signal} that gives {status, headers,
 * chunks} or throws; `chunks` is a list of bytes and of numbers, which are milliseconds of silence (Infinity: for ever), and of
 * errors, which break the line. */
export class Network {
  constructor(clock) {
    this.clock = clock;
    this.hosts = new Map();
    this.asked = [];
    this.fetch = (url, options) => this.answer(url, options);
  }

  /** The host at this address; `what` is a Map of files, or a function as above. */
  put(home, what) {
    this.hosts.set(home, typeof what === 'function' ? what : serves(what));
    return home;
  }

  paths(home = '') {
    return this.asked.filter((one) => one.url.startsWith(home)).map((one) => one.path);
  }

  async answer(url, { headers = {}, signal, ...options }) {
    const home = Array.from(this.hosts.keys()).find((one) => url.startsWith(`${one}/`));
    const path = home && url.slice(home.length + 1);
    const one = { url, path, home, range: headers.Range || null, options, headers, signal, at: this.clock.ms, stopped: false };
    this.asked.push(one);
    if (signal) signal.addEventListener('abort', () => (one.stopped = true));
    const gone = new Promise((_, reject) => signal && signal.addEventListener('abort', () => reject(new Error('aborted'))));
    gone.catch(() => {});
    if (!home) throw new TypeError('Failed to fetch');
    const { status = 200, headers: said = {}, chunks = [], delay = 50 } = await this.hosts.get(home)(one);
    await Promise.race([delay === Infinity ? new Promise(() => {}) : this.clock.sleep(delay), gone]);
    if (status === 'reset') throw new TypeError('Failed to fetch');
    const list = chunks.slice();
    const { clock } = this;
    const body = new ReadableStream(
      {
        async pull(controller) {
          for (;;) {
            const next = list.shift();
            if (next === undefined) return controller.close();
            if (next instanceof Error) return controller.error(next);
            if (typeof next !== 'number') return controller.enqueue(next);
            await Promise.race([next === Infinity ? new Promise(() => {}) : clock.sleep(next), gone]);
          }
        },
      },
      { highWaterMark: 0 },
    );
    const shown = Object.fromEntries(Object.entries(said).map(([name, value]) => [name.toLowerCase(), value]));
    return { status, headers: { get: (name) => shown[name.toLowerCase()] || null }, body };
  }
}

const pieces = (data, size = 4096) => {
  const list = [];
  for (let at = 0; at < data.length; at += size) list.push(data.subarray(at, at + size));
  return list;
};

/** A host that serves these files as it should. `freeze`: after so many bytes of an answer nothing comes any more. */
export function serves(files, { delay = 50, freeze = Infinity, ranges = true, chunk = 4096, gap = 0, spoil = null } = {}) {
  return ({ path, range }) => {
    let data = files.get(path);
    if (data === undefined) return { status: 404, delay };
    if (spoil) data = spoil(path, data);
    const found = ranges && range && /^bytes=([0-9]+)-([0-9]*)$/.exec(range);
    const from = found ? Number(found[1]) : 0;
    if (found && from >= data.length) return { status: 416, delay };
    const part = found ? data.subarray(from, found[2] ? Number(found[2]) + 1 : undefined) : data;
    const chunks = [];
    for (const piece of pieces(part.subarray(0, freeze), chunk)) chunks.push(...(gap ? [gap] : []), piece);
    if (part.length > freeze) chunks.push(Infinity);
    return { status: found ? 206 : 200, headers: { 'Content-Length': String(part.length) }, chunks, delay };
  };
}

export const hangs = () => ({ delay: Infinity });
export const resets = () => ({ status: 'reset', delay: 60 });
const PAGE = Buffer.from('\n<html><body>Access is restricted</body></html>');
export const blocks = () => ({ status: 200, chunks: [new Uint8Array(PAGE)], delay: 60 });

// --- readers -----------------------------------------------------------------------------------------------------------

/** One person's device: `disk` is what survives. */
export class Reader {
  constructor(network, { files = 'first', mirrors, disk = new Disk(), random = () => 0.5, ...more } = {}) {
    Object.assign(this, { network, disk, random, more });
    this.publication = publicationOf(files, mirrors || Array.from(network.hosts.keys()));
  }

  get clock() {
    return this.network.clock;
  }

  /** The file is opened (again): an engine that has not begun. */
  open(more = {}) {
    const { clock, network, publication, random } = this;
    const store = openStore({ indexedDB: this.disk.indexedDB, name: 'tamizdat', timers: clock });
    this.engine = createEngine({
      publication, store, schema, fetch: network.fetch, now: clock.now, timers: clock, random, ...this.more, ...more,
    });
    return this.engine;
  }

  /** The file is opened and has looked around: its status. */
  start(more) {
    return this.clock.run(this.open(more).start());
  }
}

/** IndexedDB as far as a store needs it. */
export class Disk {
  constructor() {
    this.databases = new Map();
    this.slow = null; // a clock: it takes five seconds to open
    this.blocked = false; // whether another tab never lets go of the database
    this.broken = null; // what `open` does instead, or which kind of object store can't be written
    const disk = this;
    const later = (make) => queueMicrotask(make);
    this.indexedDB = {
      open(name) {
        if (disk.broken === 'throws') throw new Error('SecurityError');
        const request = {};
        if (disk.broken === 'hangs') return request;
        const wait = disk.slow ? (make) => disk.slow.setTimeout(make, 5000) : later;
        wait(() => {
          if (disk.broken === 'fails') return request.onerror({ preventDefault() {} });
          const fresh = !disk.databases.has(name);
          if (fresh) disk.databases.set(name, { stores: new Map(), open: new Set(), turns: new Map() });
          const base = disk.databases.get(name);
          const handle = new Handle(disk, base);
          base.open.add(handle);
          request.result = handle;
          if (fresh) request.onupgradeneeded({});
          request.onsuccess({});
        });
        return request;
      },
      deleteDatabase(name) {
        const request = {};
        later(() => {
          const base = disk.databases.get(name);
          if (disk.blocked) return request.onblocked({});
          if (base) for (const one of base.open) if (one.onversionchange) one.onversionchange({});
          disk.databases.delete(name);
          request.onsuccess({});
        });
        return request;
      },
    };
  }

  /** The records of one kind, to look at and to tamper with. */
  box(kind, name = 'tamizdat') {
    const base = this.databases.get(name);
    return (base && base.stores.get(kind)) || new Map();
  }
}

class Handle {
  constructor(disk, base) {
    Object.assign(this, { disk, base, closed: false });
    this.objectStoreNames = { contains: (kind) => base.stores.has(kind) };
  }

  createObjectStore(kind) {
    this.base.stores.set(kind, new Map());
  }

  close() {
    this.closed = true;
    this.base.open.delete(this);
  }

  transaction(kind, mode) {
    if (this.closed) throw new Error('InvalidStateError');
    const { disk } = this;
    const { stores, turns } = this.base;
    const kinds = [].concat(kind);
    const transaction = { open: 0 };
    // One at a time, as those that write do.
    const before = Promise.all(kinds.map((one) => turns.get(one)));
    let done;
    const turn = new Promise((resolve) => (done = resolve));
    for (const one of kinds) turns.set(one, turn);
    const request = (make) => {
      const one = {};
      transaction.open++;
      before.then(() => {
        if (mode === 'readwrite' && kinds.includes(disk.broken)) {
          done();
          return transaction.onabort({ preventDefault() {} });
        }
        one.result = make();
        if (one.onsuccess) one.onsuccess({});
        transaction.open--;
        finish();
      });
      return one;
    };
    const finish = () =>
      queueMicrotask(() => {
        if (transaction.open || transaction.over) return;
        transaction.over = true;
        done();
        if (transaction.oncomplete) transaction.oncomplete({});
      });
    const copy = (value) => (value === undefined ? undefined : structuredClone(value));
    const boxOf = (map) => ({
      get: (key) => request(() => copy(map.get(key))),
      put: (value, key) => request(() => void map.set(key, copy(value))),
      delete: (key) => request(() => void map.delete(key)),
      clear: () => request(() => map.clear()),
      getAllKeys: () => request(() => Array.from(map.keys()).sort()),
      getAll: () => request(() => Array.from(map.keys()).sort().map((key) => copy(map.get(key)))),
    });
    transaction.objectStore = (one) => {
      if (!kinds.includes(one)) throw new Error('NotFoundError');
      return boxOf(stores.get(one));
    };
    return transaction;
  }
}

// --- stories -----------------------------------------------------------------------------------------------------------

export const ONE = 'https://one.example';
export const TWO = 'https://two.example';
export const MINUTE = 60000;
export const HOUR = 60 * MINUTE;

function settle(network, hosts) {
  for (const [home, what] of Object.entries(hosts)) network.put(home, typeof what === 'string' ? filesOf(what) : what);
}

/** A reader, and the hosts by address that are there: files by name, as a Map, or a host. */
export function world(hosts, { now, ...options } = {}) {
  const network = new Network(new Clock(now));
  settle(network, hosts);
  return new Reader(network, options);
}

/** From now on these hosts and no others. */
export function become({ network }, hosts) {
  network.asked.length = 0;
  network.hosts.clear();
  settle(network, hosts);
}

export const read = (reader, name) => reader.clock.run(reader.engine.article(facts.digests[name]));

/** The Refused that this rejects with. */
export async function refusal(promise) {
  const error = await promise.then(() => null, (found) => found);
  assert.ok(error instanceof Refused, String(error && error.stack));
  return error;
}

/** These files with one of them changed. */
export const changed = (files, path, make) => new Map(files).set(path, make(Uint8Array.from(files.get(path))));
/** Changes one bit of the byte at this place, from the end where it is below 0. */
export const flipped = (at) => (data) => {
  data[at < 0 ? data.length + at : at] ^= 1;
  return data;
};
export const without = (files, begins) => new Map(Array.from(files).filter(([path]) => !path.startsWith(begins)));

/** Numbers from 0 to 1, the same for one seed. */
export function chance(seed) {
  let at = (seed * 2654435761) % 2147483647 || 1;
  return () => (at = (at * 48271) % 2147483647) / 2147483647;
}
