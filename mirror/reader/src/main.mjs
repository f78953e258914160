// The program of reader.html: the engine, what passes things on, and the interface, put together.

import rules from 'rules'; // build.mjs makes them out of schemas/

import { fromBase64, gunzip, schemaOf, toText } from '../../../signing/web/verify.mjs';
import { createEngine } from './engine.mjs';
import { importFile } from './importing.mjs';
import { releaseOf, saveReader, shareHtml, sharePack } from './share.mjs';
import { openStore } from './store.mjs';
import { mount } from './ui.mjs';
import { newerReader } from './update.mjs';
import { forgetIn, wipeAll } from './wipe.mjs';

/** Starts the reader with what boot.mjs found in the file; what is wrong with that stands in the page. */
const main = (boot) => start(boot).catch((error) => document.getElementById('app').prepend(String(error)));
window.tamizdat = { reader: { main } };

async function start(boot) {
  const { source, tables } = boot;
  const trust = JSON.parse(toText(gunzip(fromBase64(boot.publication.trust), 1 << 20)));
  const publication = { ...boot.publication, trust };
  const served = /^https?:$/.test(location.protocol);
  const now = () => `${new Date().toISOString().slice(0, 19)}Z`;
  // On Chromium all local files share one store: other publications' readers, too.
  const store = await openStore({ name: `tamizdat ${publication.pin}` });
  const engine = createEngine({
    publication,
    state: boot.state,
    store,
    schema: schemaOf(rules),
    origin: { served, base: served ? new URL('.', location.href).href : null, secure: location.protocol === 'https:' },
    build: releaseOf(source),
  });
  const deeds = {
    importFile: (one, file) => importFile(one, file, { publication, now: now() }),
    newerReader: (one) => newerReader(one, { publication }),
    saveReader: (one, options) => saveReader(one, { ...options, source }),
    shareHtml: (one, digest) => shareHtml(one, digest, { tables, name: publication.name }),
    sharePack,
    wipeAll,
  };
  await mount({ boot, engine, deeds });
  await engine.settings.get('memoryOnly'); // known from here on
  const keep = ({ memoryOnly, persistent }) => {
    try {
      if (memoryOnly) forgetIn(localStorage);
      else if (persistent) boot.keep(); // after a wipe nothing is, until the file is opened again
    } catch (_) {
      // There is no storage here.
    }
  };
  engine.subscribe(keep);
  keep(engine.status);
}
