// A web server on loopback that does to its readers whatever a test says; and what a thief can make with a log's key.

import { createHash, createPrivateKey, createPublicKey, sign } from 'node:crypto';
import { createServer } from 'node:http';
import { deflateRawSync } from 'node:zlib';

import {
  encodeEntry, entryOf, fromBase64, join, leafHash, parseJson, rootOf, toBase64, toBytes, toText, trustOf, verifyFront, walk,
} from '../../signing/web/verify.mjs';
import { schema, vectorMirrors } from './cases.mjs';

/** The files of a mirror of the conformance vectors, as bytes by path. */
export const mirror = (name) => new Map(Object.entries(vectorMirrors(name)).map(([path, text]) => [path, fromBase64(text)]));

export const pinOf = (files) => `sha256:${createHash('sha256').update(files.get('trust/1.root.json')).digest('hex')}`;

/** Serve `files` on loopback by way of `lie(path, bytes or null, response)`, which answers or returns false for the honest
 * answer: {url, asked, close}. */
export async function serve(files, lie = () => false) {
  const asked = [];
  const server = createServer((request, response) => {
    const path = request.url.slice(1);
    asked.push(path);
    const found = files.get(path);
    if (lie(path, found || null, response) !== false) return;
    response.writeHead(found ? 200 : 404);
    response.end(found || 'not here');
  });
  await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
  const close = () => {
    server.closeAllConnections();
    return new Promise((done) => server.close(done));
  };
  return { url: `http://127.0.0.1:${server.address().port}`, asked, close };
}

// --- with a key ------------------------------------------------------------------------------------------------------

const HEAD = Buffer.from('302e020100300506032b657004220420', 'hex');

/** The vectors' private key of this name. */
export function key(name) {
  const seed = createHash('sha256').update(`vector ${name}`).digest();
  return createPrivateKey({ key: Buffer.concat([HEAD, seed]), format: 'der', type: 'pkcs8' });
}

/** The checkpoint (as a note) of the log whose verifier key text is given, signed with its stolen key. */
export function checkpoint(verifierText, size, root) {
  const [origin, id] = verifierText.split('+');
  const text = toBytes(`${origin}\n${size}\n${toBase64(root)}\n`);
  const signature = sign(null, text, key(origin));
  return join(text, toBytes(`\n— ${origin} ${toBase64(join(Buffer.from(id, 'hex'), signature))}\n`));
}

function inclusion(leaves, index) {
  if (leaves.length === 1) return [];
  let split = 1;
  while (split * 2 < leaves.length) split *= 2;
  const [left, right] = [leaves.slice(0, split), leaves.slice(split)];
  return index < split
    ? inclusion(left, index).concat([rootOf(right)])
    : inclusion(right, index - split).concat([rootOf(left)]);
}

export function gzip(data) {
  const crc = Buffer.alloc(8);
  let value = ~0;
  for (const byte of data) {
    value ^= byte;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  }
  crc.writeUInt32LE(~value >>> 0, 0);
  crc.writeUInt32LE(data.length, 4);
  return new Uint8Array(Buffer.concat([Buffer.from('1f8b08000000000002ff', 'hex'), deflateRawSync(data), crc]));
}

/** What a thief of the log's key serves: the mirror's own edition in another history, in which `change(leaves)` was done. */
export async function otherHistory(files, change) {
  const view = await walk(async (path) => files.get(path) || null, { pin: pinOf(files), now: '2027-03-01T10:00:00Z' });
  const trust = trustOf(parseJson(view.trust), view.policy);
  const { edition, front } = await verifyFront(files.get('front'), { trust, schema });
  const size = Number(edition.checkpoint.size);
  const tile = files.get(`tile/0/000.p/${size}`);
  const honest = Array.from({ length: size }, (_, at) => tile.slice(32 * at, 32 * at + 32));
  const leaves = change(honest);
  const log = trust.logs[trust.logs.length - 1];
  const note = checkpoint(log.key.text, leaves.length, rootOf(leaves));
  const index = Number(edition.index);
  const proof = `c2sp.org/tlog-proof@v1\nindex ${index}\n${inclusion(leaves, index).map((hash) => `${toBase64(hash)}\n`).join('')}\n`;
  const forged = new Map(files);
  const text = `tamizdat front v1\nedition ${toBase64(front.edition)}\n\n${proof}${toText(note)}`;
  forged.set('front', gzip(toBytes(text)));
  forged.set('checkpoint', note);
  forged.set(`tile/0/000.p/${leaves.length}`, join(...leaves));
  return forged;
}

const HEAD_PUBLIC = Buffer.from('302a300506032b6570032100', 'hex');

// The holders of keys for trust files, by key ID.
const holders = new Map(
  ['root-1', 'root-2', 'root-3', 'root-4', 'online', 'online-2', 'new-online', 'online-new', 'root-new'].map((name) => {
    const one = key(`example.org/${name}`);
    const raw = createPublicKey(one).export({ format: 'der', type: 'spki' }).subarray(HEAD_PUBLIC.length).toString('hex');
    const text = `{"keytype":"ed25519","keyval":{"public":"${raw}"},"scheme":"ed25519"}`;
    const id = createHash('sha256').update(text).digest('hex');
    return [id, { id, name, one, key: JSON.parse(text) }];
  }),
);

export const holder = (name) => Array.from(holders.values()).find((one) => one.name === name);

export const signedPart = (data) => JSON.parse(new TextDecoder().decode(data)).signed;

/** A trust file that the keys with these IDs signed. All texts in these files are ASCII without escapes, so one form serves
 * as what is signed and as what is written. */
export function trustFile(signed, ids) {
  const sorted = (value) => {
    if (Array.isArray(value)) return value.map(sorted);
    if (!value || typeof value !== 'object') return value;
    return Object.fromEntries(Object.keys(value).sort().map((name) => [name, sorted(value[name])]));
  };
  const data = Buffer.from(JSON.stringify(sorted(signed)));
  const signatures = ids.map((keyid) => ({ keyid, sig: sign(null, data, holders.get(keyid).one).toString('hex') }));
  return toBytes(JSON.stringify(sorted({ signatures, signed })));
}

/** What thieves of the root and online keys serve: other targets of the same version, and what leads there. */
export function otherTargets(files, path, change) {
  const read = (data) => JSON.parse(new TextDecoder().decode(data));
  const again = (name, edit) => {
    const { signed, signatures } = read(files.get(name));
    return trustFile(edit(signed), signatures.map(({ keyid }) => keyid));
  };
  const listed = (data, { version }) => ({
    version, length: data.length, hashes: { sha256: createHash('sha256').update(data).digest('hex') },
  });
  const made = new Map(files);
  made.set(path, again(path, change));
  const newest = read(files.get('trust/timestamp.json')).signed.meta['snapshot.json'];
  const snapshot = `trust/${newest.version}.snapshot.json`;
  made.set(snapshot, again(snapshot, (s) => ({ ...s, meta: { 'targets.json': listed(made.get(path), s.meta['targets.json']) } })));
  made.set('trust/timestamp.json', again('trust/timestamp.json', (t) => ({ ...t, meta: { 'snapshot.json': listed(made.get(snapshot), newest) } })));
  return made;
}

// --- an honest publisher ---------------------------------------------------------------------------------------------

const sha = (data) => createHash('sha256').update(data).digest('hex');
const place = (digest, folder = 'o') => `${folder}/${digest.slice(0, 2)}/${digest.slice(2)}`;
const PUBLISHER = 'example.org/publisher';

/** Put an object into a mirror's files: {digest, size}. */
export function put(files, data) {
  const digest = sha(data);
  files.set(place(digest), data);
  return { digest, size: data.length };
}

/** A part or a page, as stored. */
export const packed = (document) => gzip(toBytes(`${JSON.stringify(document)}\n`));

function bundle(document, trust) {
  const text = toBytes(`${JSON.stringify(document)}\n`);
  const [, id] = trust.publishers[0].key.text.split('+');
  const line = `\n— ${PUBLISHER} ${toBase64(join(Buffer.from(id, 'hex'), sign(null, text, key(PUBLISHER))))}\n`;
  return gzip(join(text, toBytes(line)));
}

/** The mirror after the next seal: `articles` are added to the log and, last first, to the list of the first outlet; then
 * `change(edition)` may change what the edition says. */
export async function sealed(files, { articles = [], change = () => {} } = {}) {
  const made = new Map(files);
  const view = await walk(async (path) => files.get(path) || null, { pin: pinOf(files), now: '2027-03-01T10:00:00Z' });
  const trust = trustOf(parseJson(view.trust), view.policy);
  const { edition } = await verifyFront(files.get('front'), { trust, schema });
  const size = Number(edition.checkpoint.size);
  const log = trust.logs[trust.logs.length - 1];
  const folder = log.path ? `${log.path}/` : '';
  const [hashes, entries] = ['0', 'entries'].map((level) => files.get(`${folder}tile/${level}/000.p/${size}`));
  const leaves = Array.from({ length: size }, (_, at) => hashes.slice(32 * at, 32 * at + 32));
  const written = [entries];
  const added = [];
  const add = (document) => {
    const data = bundle(document, trust);
    const { digest } = put(made, data);
    const entry = encodeEntry(entryOf(document, digest, data.length));
    leaves.push(leafHash(entry));
    written.push(Uint8Array.of(entry.length >> 8, entry.length & 255), entry);
    added.push([digest, leaves.length - 1]);
    return { digest, size: data.length, index: leaves.length - 1, data };
  };
  const next = JSON.parse(JSON.stringify(edition.document));
  next.serial += 1;
  for (const article of articles) {
    const { digest, size: bytes, index } = add(article);
    const { title, fetched, language, direction, url, revision } = article;
    next.outlets[0].articles.unshift({ title, fetched, language, direction, url, digest, size: bytes, index, revision });
  }
  change(next);
  const { data } = add(next);
  const note = checkpoint(log.key.text, leaves.length, rootOf(leaves));
  const proofOf = (index) =>
    `c2sp.org/tlog-proof@v1\nindex ${index}\n${inclusion(leaves, index).map((hash) => `${toBase64(hash)}\n`).join('')}\n${toText(note)}`;
  for (const [digest, index] of added) made.set(place(digest, 'proof'), toBytes(proofOf(index)));
  made.set('front', gzip(toBytes(`tamizdat front v1\nedition ${toBase64(data)}\n\n${proofOf(leaves.length - 1)}`)));
  made.set('checkpoint', note);
  made.set(`${folder}tile/0/000.p/${leaves.length}`, join(...leaves));
  made.set(`${folder}tile/entries/000.p/${leaves.length}`, join(...written));
  return made;
}

/** An article as this publisher writes them. */
export const article = (number, changes = {}) => ({
  v: 1, kind: 'article', outlet: { id: 'sample', name: 'Sample News' }, url: `https://news.example/2027/${number}`,
  fetched: '2027-03-01T09:40:00Z', language: 'en', direction: 'ltr', title: `Story ${number}`, authors: [], tags: [],
  blocks: [{ type: 'paragraph', content: [`What happened, number ${number}.`] }], parts: [], resources: [], revision: 1,
  salt: sha(`salt ${number}`).slice(0, 32), generator: 'tamizdat/test', ...changes,
});
