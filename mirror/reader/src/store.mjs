// What the reader keeps on the device: IndexedDB, or memory where there is none. Nothing here is believed: on Chromium any
// local page can write it, so whoever reads verifies again. Nothing here throws: without a store the reader reads all the same.

export const KINDS = ['head', 'front', 'obj', 'use', 'mirrors', 'settings', 'evidence'];
// Text, pictures, proofs. More is let go, what was used longest ago first.
export const LIMIT = 50 << 20;
// Some browsers never answer `open` in private windows.
const PATIENCE = 3000;

/** A store, at once; it opens by itself, and everything waits for that.
 *
 *   get(kind, key)           → value or null            keys(kind)       → [key]
 *   put(kind, key, value)    → whether it is kept       all(kind)        → [[key, value]]
 *   delete(kind, key)                                   clear()          all of it, the database too; memory from then on
 *   update(kind, key, make)  → what is there afterwards: `make(value or null)` gives the new value, or undefined to leave it.
 *                              One transaction, so that two tabs take turns; `make` must not wait for anything.
 *   forget(except)           everything on the disk but `except` ([kind, key]) goes, memory from then on: in other tabs, too
 *   leave()                  what is on the disk stays, memory from then on
 *   reopen()                 on the disk again after that
 *   onlate                   called when the disk opened after all, later than anybody waits for it
 *   persistent               whether it outlives the page; settled after `ready`
 */
export function openStore({ indexedDB = own('indexedDB'), name = 'tamizdat', timers = globalThis } = {}) {
  const setTimeout = (make, ms) => timers.setTimeout(make, ms);
  const clearTimeout = (id) => timers.clearTimeout(id);
  const memory = new Map(KINDS.map((kind) => [kind, new Map()]));
  let db = null;
  let away = false; // from the disk, on purpose
  let ready = open();

  /** Settles when the database is open, or won't be. */
  function open() {
    return new Promise((resolve) => {
      const done = (one) => {
        clearTimeout(late);
        const good = one && KINDS.every((kind) => one.objectStoreNames.contains(kind)) ? one : null;
        if (waiting) use(good);
        else if (good && away) good.close();
        else if (good) catchUp(good);
        waiting = false;
        resolve();
      };
      let waiting = true;
      const late = setTimeout(() => {
        waiting = false;
        resolve();
      }, PATIENCE);
      found(done);
    });
  }

  /** Calls `done` with the database, made if need be, or null. */
  function found(done) {
    try {
      const asked = indexedDB.open(name, 1);
      asked.onupgradeneeded = () => {
        for (const kind of KINDS) {
          if (!asked.result.objectStoreNames.contains(kind)) asked.result.createObjectStore(kind);
        }
      };
      asked.onsuccess = () => done(asked.result);
      asked.onerror = asked.onblocked = (event) => {
        if (event && event.preventDefault) event.preventDefault();
        done(null);
      };
    } catch (_) {
      done(null);
    }
  }

  /** Calls `done` once the database is deleted; other tabs let go of it then. */
  function deleted(done) {
    try {
      const asked = indexedDB.deleteDatabase(name);
      asked.onsuccess = asked.onerror = asked.onblocked = done;
    } catch (_) {
      done();
    }
  }

  function use(one) {
    db = one;
    if (!db) return;
    // Another tab wipes: it must not wait for this one.
    db.onversionchange = leave;
    db.onclose = () => (db = null);
  }

  /** A slow disk, at last: what was kept in memory meanwhile goes there, where nothing is yet. */
  async function catchUp(one) {
    use(one);
    for (const [kind, map] of memory) {
      for (const [key, value] of map) await store.update(kind, key, (there) => (there === null ? value : undefined));
    }
    if (db && store.onlate) store.onlate();
  }

  function leave() {
    const was = db;
    db = null;
    away = true;
    try {
      if (was) was.close();
    } catch (_) {
      // closed already
    }
  }

  /** What `act(objectStore, answer, transaction)` gives by calling `answer`; `otherwise()` without a database, `failed` when it
   * fails. */
  async function within(kind, mode, act, otherwise, failed) {
    await ready;
    if (!db) return otherwise(memory.get(kind));
    return new Promise((resolve) => {
      let value = failed;
      try {
        const transaction = db.transaction(kind, mode);
        transaction.oncomplete = () => resolve(value);
        transaction.onabort = transaction.onerror = (event) => {
          if (event && event.preventDefault) event.preventDefault();
          resolve(failed);
        };
        act(transaction.objectStore([].concat(kind)[0]), (answer) => (value = answer), transaction);
      } catch (_) {
        resolve(failed);
      }
    });
  }
  const asks = (request, then) => (request.onsuccess = () => then(request.result));

  const store = {
    get ready() {
      return ready;
    },
    get persistent() {
      return db !== null;
    },
    get: (kind, key) =>
      within(
        kind,
        'readonly',
        (box, answer) => asks(box.get(key), (found) => answer(found === undefined ? null : found)),
        (map) => (map.has(key) ? map.get(key) : null),
        null,
      ),
    put: (kind, key, value) =>
      within(
        kind,
        'readwrite',
        (box, answer) => asks(box.put(value, key), () => answer(true)),
        (map) => !!map.set(key, value),
        false,
      ),
    delete: (kind, key) =>
      within(kind, 'readwrite', (box) => void box.delete(key), (map) => void map.delete(key), undefined),
    keys: (kind) =>
      within(kind, 'readonly', (box, answer) => asks(box.getAllKeys(), answer), (map) => Array.from(map.keys()), []),
    all: (kind) =>
      within(
        kind,
        'readonly',
        (box, answer) => asks(box.getAllKeys(), (keys) => asks(box.getAll(), (values) => answer(keys.map((k, at) => [k, values[at]])))),
        (map) => Array.from(map.entries()),
        [],
      ),
    update: (kind, key, make) =>
      within(
        kind,
        'readwrite',
        (box, answer) =>
          asks(box.get(key), (found) => {
            const before = found === undefined ? null : found;
            const next = make(before);
            answer(next === undefined ? before : next);
            if (next !== undefined) box.put(next, key);
          }),
        (map) => {
          const before = map.has(key) ? map.get(key) : null;
          const next = make(before);
          if (next !== undefined) map.set(key, next);
          return next === undefined ? before : next;
        },
        null,
      ),
    leave,
    onlate: null,
    async forget(except = null) {
      await ready;
      const kept = except ? await store.get(...except) : null;
      const was = db;
      const keep = (transaction) => kept !== null && transaction.objectStore(except[0]).put(kept, except[1]);
      const empty = (_, answer, transaction) => {
        for (const kind of KINDS) transaction.objectStore(kind).clear();
        keep(transaction);
        leave(); // what somebody is about to write does not come there any more
      };
      await within(KINDS, 'readwrite', empty, () => {}, undefined);
      leave();
      if (!was || kept === null) return;
      // Nobody waits for the other tabs.
      deleted(() => found((one) => {
        if (!one) return;
        keep(one.transaction(except[0], 'readwrite'));
        one.close();
      }));
    },
    /** On the disk again, after `forget`. What is in memory stays there. */
    async reopen() {
      away = false;
      if (!db) ready = open();
      await ready;
    },
    async clear() {
      await store.forget();
      memory.forEach((map) => map.clear());
      await new Promise((resolve) => {
        const late = setTimeout(resolve, PATIENCE);
        deleted(() => {
          clearTimeout(late);
          resolve();
        });
      });
    },
  };
  return store;
}

/** A member of the window; null where only asking for it throws (sandboxed viewers). */
function own(member) {
  try {
    return globalThis[member] || null;
  } catch (_) {
    return null;
  }
}

/** The shelf of objects in a store, with a note for each (`use`), at most `limit` bytes in all.
 *
 * A note: {size, used (ms), kept, read, kind, of}. `kept` goes last when room is needed; `of` is the article it belongs to. */
export async function openShelf(store, { now, limit = LIMIT }) {
  const notes = new Map();
  let total = 0;
  const there = new Set(await store.keys('obj'));
  // Who fills the disk with rubbish must not keep the reader from beginning: the rest goes the next time.
  let most = 999;
  const away = (kind, key) => most-- > 0 && store.delete(kind, key);
  for (const [key, note] of await store.all('use')) {
    if (typeof key === 'string' && isNote(note) && there.delete(key)) {
      notes.set(key, Object.assign({}, note, { used: Math.min(note.used, now()) }));
      total += note.size;
    } else await away('use', key);
  }
  // Nobody knows what these are.
  for (const key of there) await away('obj', key);

  async function drop(key) {
    const note = notes.get(key);
    if (note) total -= note.size;
    notes.delete(key);
    await store.delete('obj', key);
    await store.delete('use', key);
  }

  async function makeRoom(size) {
    if (total + size <= limit) return;
    const order = Array.from(notes).sort(([, a], [, b]) => Number(a.kept) - Number(b.kept) || a.used - b.used);
    for (const [key] of order) {
      if (total + size <= limit * 0.9) break;
      await drop(key);
    }
  }

  return {
    get size() {
      return total;
    },
    has: (key) => notes.has(key),
    note: (key) => notes.get(key) || null,
    list: () => Array.from(notes),
    drop,
    /** The bytes, or null. */
    async get(key) {
      if (!notes.has(key)) return null;
      const data = await store.get('obj', key);
      if (data instanceof Uint8Array && data.length === notes.get(key).size) return data;
      await drop(key);
      return null;
    },
    async put(key, data, { kept = false, read = false, kind, of = null }) {
      if (data.length > limit / 4) return;
      const before = notes.get(key) || {};
      if (!notes.has(key)) await makeRoom(data.length);
      const note = { size: data.length, used: now(), kept: kept || !!before.kept, read: read || !!before.read, kind, of };
      if (!(await store.put('obj', key, data))) return;
      // Somebody else may have put it there meanwhile.
      const there = notes.get(key);
      total += note.size - (there ? there.size : 0);
      notes.set(key, note);
      await store.put('use', key, note);
    },
    async touch(key, change = {}) {
      const note = notes.get(key);
      if (!note) return;
      notes.set(key, Object.assign({}, note, { used: now() }, change));
      await store.put('use', key, notes.get(key));
    },
    forget() {
      notes.clear();
      total = 0;
    },
  };
}

const isNote = (note) =>
  typeof note === 'object' && note !== null && Number.isInteger(note.size) && note.size >= 0 && note.size <= LIMIT &&
  Number.isFinite(note.used) && typeof note.kept === 'boolean' && typeof note.read === 'boolean' &&
  typeof note.kind === 'string' && (note.of === null || typeof note.of === 'string');
