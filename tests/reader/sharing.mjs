// The reader's passing on and taking in for a publication that Python made:
// node sharing.mjs < {"archive", "pin", "origin", "now", "digest", "out", "files"} writes `out`.tamizdat and
// `out`.html of the article, and says what a reader without a network makes of each of `files`: a line of JSON a file. With "source",
// which is a reader's file, `out`.saved.html is that reader with what this one remembers.

import { File } from 'node:buffer';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';

import { importFile } from '../../mirror/reader/src/importing.mjs';
import { saveReader, shareHtml, sharePack } from '../../mirror/reader/src/share.mjs';
import { Clock, Network, Reader } from './engine_world.mjs';
import { tables } from './paper.mjs';

const { archive, pin, origin, now, digest, out, files, source = null } = JSON.parse(readFileSync(0, 'utf8'));
const home = 'https://m1.example';
const bytesAt = (file) => (existsSync(file) ? new Uint8Array(readFileSync(file)) : undefined);
const tree = { get: (path) => bytesAt(join(archive, path)) };
const trust = {};
for (const name of readdirSync(join(archive, 'trust'), { recursive: true, withFileTypes: true })) {
  if (!name.isFile()) continue;
  const path = join(name.path, name.name);
  trust[path.slice(archive.length + 1)] = readFileSync(path, 'utf8');
}

async function readerOf(mirrors) {
  const network = new Network(new Clock(Date.parse(now)));
  for (const url of mirrors) network.put(url, tree);
  const reader = new Reader(network, { mirrors });
  Object.assign(reader.publication, { name: 'World', origin, pin, made: now, trust, mirrors });
  const status = await reader.start();
  return { reader, status };
}

const { reader, status } = await readerOf([home]);
if (status.name !== 'verified') throw new Error(`${status.name}: ${status.reason}`);
const { document } = await reader.clock.run(reader.engine.article(digest));
for (let at = 0; at < document.resources.length; at++) {
  if (document.resources[at].role !== 'evidence') await reader.clock.run(reader.engine.picture(document, at));
}
const write = async (blob, name) => writeFileSync(name, new Uint8Array(await blob.arrayBuffer()));
await write(await reader.clock.run(sharePack(reader.engine, digest)), `${out}.tamizdat`);
await write(await reader.clock.run(shareHtml(reader.engine, digest, { tables, name: 'World' })), `${out}.html`);
if (source) {
  const text = readFileSync(source, 'utf8');
  const saved = await saveReader(reader.engine, { withState: true, source: text });
  await write(saved, `${out}.saved.html`);
  await write(await saveReader(reader.engine, { withState: false, source: await saved.text() }), `${out}.bare.html`);
  files.push(source, `${out}.saved.html`);
}

for (const path of [...files, `${out}.tamizdat`, `${out}.html`]) {
  const { reader: away } = await readerOf([]);
  const file = new File([readFileSync(path)], basename(path));
  const found = await away.clock.run(importFile(away.engine, file, { publication: away.publication, now }));
  const { kind, why = null, reason = null, page = null, release = null, same = null, mirrors = null } = found;
  const { title = null, blocks = [] } = found.document || {};
  // Passed on once more, as a page: what came along stays.
  const { digest: named = null } = found;
  const again = () => shareHtml(away.engine, named, { tables, name: 'World' });
  if (named) await write(await away.clock.run(again()), `${path}.again.html`);
  const said = { kind, why, reason, page, digest: named, title, blocks: blocks.length, release, same, mirrors };
  process.stdout.write(`${JSON.stringify(said)}\n`);
}
