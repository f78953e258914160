// What the twin says of a conformance case; tests/vectors/README.md has the steps. Used by the tests, and by the Python
// tests through `node tests/web/cases.mjs FILE...`, which prints one line of JSON a case.

import { readFileSync, readdirSync } from 'node:fs';
import { webcrypto } from 'node:crypto';
import { pathToFileURL } from 'node:url';

import * as twin from '../../signing/web/verify.mjs';

// Node 18 has it, and does not say so.
if (!globalThis.crypto) globalThis.crypto = webcrypto;

const ROOT = new URL('../../', import.meta.url);
export const VECTORS = new URL('tests/vectors/', ROOT);

const readJson = (url) => JSON.parse(readFileSync(url, 'utf8'));
const bytes = (text) => Uint8Array.from(Buffer.from(text, 'base64'));
const hex = (text) => twin.fromHex(text);

export const schema = twin.compileSchemas(
  ['bundle', 'edition', 'part', 'page', 'trust'].map((name) => readJson(new URL(`schemas/${name}.schema.json`, ROOT))),
);

/** The files of a case's mirror, with what the case changes. */
export function filesOf(one, mirrors) {
  const files = new Map();
  for (const [path, text] of Object.entries(one.mirror ? mirrors(one.mirror) : {})) files.set(path, text);
  for (const [path, text] of Object.entries(one.change || {})) {
    if (text === null) files.delete(path);
    else files.set(path, text);
  }
  return files;
}

export const vectorMirrors = (() => {
  const loaded = new Map();
  return (name) => {
    if (!loaded.has(name)) loaded.set(name, readJson(new URL(`mirrors/${name}.json`, VECTORS)).files);
    return loaded.get(name);
  };
})();

export const vectorCases = () =>
  readdirSync(new URL('cases/', VECTORS)).sort().map((name) => [name, readJson(new URL(`cases/${name}`, VECTORS))]);

const ERRORS = {
  Unwitnessed: 'unwitnessed', FrozenLog: 'frozen', BadSignature: 'signature', BadKey: 'key', BadProof: 'proof',
  MissingProof: 'proof', TrustError: 'trust', BadEvidence: 'evidence', FormatError: 'format',
};

async function attempt(make) {
  try {
    return { ok: true, error: null, ...(await make()) };
  } catch (error) {
    if (!(error instanceof twin.SigningError)) throw error;
    return { ok: false, error: ERRORS[error.kind] };
  }
}

const reader = (files) => async (path) => (files.has(path) ? bytes(files.get(path)) : null);

async function judged(one, files) {
  const remembers = one.remembers || {};
  const text = (items) => Object.fromEntries(Object.entries(items || {}).map(([k, v]) => [k, Buffer.from(v, 'base64').toString()]));
  const known = { checkpoints: text(remembers.checkpoints), trust: text(remembers.trust) };
  const ask = { ...one.ask, what: one.ask.what === 'bundle' ? 'article' : one.ask.what };
  const { verdict } = await twin.judge({ read: reader(files), pin: one.pin, now: one.now, known, schema, ask });
  const { authentic, check, error, fresh, current, seen, witnesses, evidence } = verdict;
  const result = { authentic, check, error, fresh, current, seen, witnesses, evidence: evidence && evidence.type };
  // The twin makes check 11 there too; the vectors ask for 12 alone.
  if (one.ask.what === 'listed') result.seen = null;
  if (evidence) {
    // Evidence is worth what it proves to somebody else.
    const data = new TextEncoder().encode(JSON.stringify(evidence));
    result.proved = (await twin.prove(data, one)).type;
  }
  return result;
}

async function walked(files, { pin, now }, known = null) {
  const view = await twin.walk(reader(files), { pin, now, known });
  const document = twin.parseJson(view.trust);
  schema('trust', document);
  return [view, twin.trustOf(document, view.policy)];
}

const point = ({ size, root }, hashes) => [BigInt(size), hex(root), hashes];

const ASKS = {
  bundle: judged,
  front: judged,
  listed: judged,
  async part({ ask: { digest, size, kind } }, files) {
    const path = `o/${digest.slice(0, 2)}/${digest.slice(2)}`;
    try {
      await twin.verifyPart(await reader(files)(path), digest, size, { kind, schema });
      return { authentic: true, check: null };
    } catch (error) {
      if (!(error instanceof twin.VerifyError)) throw error;
      return { authentic: false, check: error.check };
    }
  },
  async trust(one, files) {
    try {
      const remembered = one.remembers && one.remembers.trust;
      const known = remembered ? (await walked(new Map(Object.entries(remembered)), one))[0] : null;
      const [view] = await walked(files, one, known);
      const versions = ['root', 'timestamp', 'snapshot', 'targets'].map((role) => view.versions[role]);
      const { rootVersion: root, expired } = view;
      return { ok: true, error: null, root, versions, expired, trust: twin.digestOf(view.trust) };
    } catch (error) {
      if (!(error instanceof twin.SigningError)) throw error;
      return { ok: false, error: 'trust' };
    }
  },
  checkpoint: (one, files) =>
    attempt(async () => {
      const [, trust] = await walked(files, one);
      const found = await twin.checkCheckpoint(bytes(one.ask.checkpoint), trust, one.ask.time || null);
      const { origin, size, root } = found.checkpoint;
      const witnesses = found.witnesses.map((key) => key.name);
      const witnessed = found.witnessed === null ? null : Number(found.witnessed);
      return { origin, size: Number(size), root: twin.toHex(root), witnesses, witnessed };
    }),
  async evidence({ ask, pin, now }) {
    try {
      const found = await twin.prove(bytes(ask.data), { pin, now });
      return { evidence: found.type, origin: found.origin };
    } catch (error) {
      if (!(error instanceof twin.BadEvidence)) throw error;
      return { evidence: null };
    }
  },
  note: ({ ask }) =>
    attempt(async () => {
      const { signers } = await twin.openNote(bytes(ask.data), ask.keys.map(twin.parseKey));
      return { signers: signers.map((key) => key.text) };
    }),
  proof: ({ ask }) =>
    attempt(() => {
      const { index, hashes } = twin.parseProof(bytes(ask.data));
      return { index: Number(index), hashes: hashes.map(twin.toHex) };
    }),
  entry: ({ ask }) =>
    attempt(() => {
      const data = bytes(ask.data);
      return { kind: twin.parseEntry(data).kind, leaf: twin.toHex(twin.leafHash(data)) };
    }),
  gzip: ({ ask }) => attempt(() => ({ digest: twin.digestOf(twin.gunzip(bytes(ask.data), ask.cap)) })),
  pack: async ({ ask }) => {
    try {
      const pack = twin.packReader(bytes(ask.data));
      const files = {};
      for (const path of ask.paths) files[path] = await pack.read(path, ask.cap).then(
        (data) => data && twin.digestOf(data),
        (error) => (error instanceof twin.Unread ? 'refused' : String(error.stack)),
      );
      return { digest: pack.digest, files };
    } catch (error) {
      if (!(error instanceof twin.FormatError)) throw error;
      return { digest: null };
    }
  },
  packs: ({ ask }) =>
    attempt(() => ({
      packs: twin.parsePacks(bytes(ask.data)).map(({ name, size, indexOffset, indexSize }) => [name, size, indexOffset, indexSize]),
    })),
  index: ({ ask }) =>
    attempt(() => ({ files: Object.fromEntries(twin.parseIndex(bytes(ask.data), ask.size)) })),
  json: ({ ask }) => attempt(() => void twin.parseJson(bytes(ask.data))),
  base64: ({ ask }) => attempt(() => ({ data: twin.toHex(twin.fromBase64(ask.text)) })),
  number: ({ ask }) => attempt(() => ({ number: String(twin.fromDecimal(ask.text)) })),
  time: ({ ask }) => attempt(() => void twin.checkTime(ask.text)),
  key: ({ ask }) =>
    attempt(() => {
      const { name, type, bytes: raw } = twin.parseKey(ask.text);
      return { name, type, public: twin.toHex(raw) };
    }),
  policy: ({ ask }) =>
    attempt(() => ({ satisfied: twin.parsePolicy(bytes(ask.data)).satisfied((ask.cosigned || []).map(twin.parseKey)) })),
  inclusion: ({ ask: { leaf, index, size, root, hashes } }) =>
    attempt(() =>
      twin.checkInclusion({
        leaf: hex(leaf), index: BigInt(index), size: BigInt(size), root: hex(root), hashes: hashes.map(hex),
      }),
    ),
  consistency: ({ ask: { old, new: after, hashes } }) =>
    attempt(() => {
      const [oldSize, oldRoot] = point(old);
      const [newSize, newRoot] = point(after);
      return twin.checkConsistency({ oldSize, oldRoot, newSize, newRoot, hashes: hashes.map(hex) });
    }),
};

/** What comes out, to be compared with `expect`, member by member. */
export async function runCase(one, mirrors = vectorMirrors) {
  return ASKS[one.ask.what](one, filesOf(one, mirrors));
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  // {"mirrors": {name: {path: base64}}, "cases": [...]} in, a line a case out. --fallback: no WebCrypto.
  const names = process.argv.slice(2).filter((name) => !name.startsWith('--'));
  twin.forceFallback(process.argv.includes('--fallback'));
  for (const name of names) {
    const { mirrors = {}, cases } = readJson(pathToFileURL(name));
    for (const one of cases) {
      let result;
      try {
        result = await runCase(one, (mirror) => mirrors[mirror]);
      } catch (error) {
        result = { crash: String(error && error.stack) };
      }
      process.stdout.write(`${JSON.stringify(result)}\n`);
    }
  }
}
