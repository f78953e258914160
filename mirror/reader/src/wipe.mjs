// Leaving nothing behind, as far as a page can: what the browser itself noted (history, downloads) is not in its reach.

const OURS = 'tamizdat';

/** Whether all is gone: what the engine keeps, our databases and caches, our entries of other storage, and the place in
 * the page's address. On Chromium all local files share one store: what is not called `tamizdat…` stays there, and
 * other publications' readers are wiped as well, since whoever wipes wants nothing found. Never throws. */
export async function wipeAll(engine, { window = globalThis } = {}) {
  const steps = [
    () => engine.wipe(),
    () => databases(window),
    async () => {
      for (const name of await window.caches.keys()) if (name.startsWith(OURS)) await window.caches.delete(name);
    },
    () => forgetIn(window.localStorage),
    () => forgetIn(window.sessionStorage),
    () => window.history.replaceState(null, '', window.location.href.split('#')[0]),
  ];
  let gone = true;
  for (const [at, step] of steps.entries()) {
    try {
      await step();
    } catch (_) {
      // Old engines and odd viewers lack any of these but the first, and then there is nothing in them.
      if (at === 0) gone = false;
    }
  }
  return gone;
}

/** Our entries of such a storage are gone. */
export function forgetIn(storage) {
  const names = Array.from({ length: storage.length }, (_, at) => storage.key(at));
  for (const name of names) if (name.startsWith(OURS)) storage.removeItem(name);
}

async function databases({ indexedDB }) {
  // Firefox has this list since 126; the one database that we make is deleted by the engine.
  const list = indexedDB && indexedDB.databases ? await indexedDB.databases() : [];
  for (const { name } of list) if (name && name.startsWith(OURS)) indexedDB.deleteDatabase(name);
}
