// Builds template.html, the reader but for a publication's data, from src/, lang/ and signing/web:
//
//   make reader        writes template.html; whoever changes one of those sources commits it along with them
//   node mirror/reader/build.mjs [--check] [--entry FILE] [--out FILE]
//
// The same sources give the same bytes on every machine: esbuild and zopfli are these versions and no others, and the
// compressor is WebAssembly, since the zlib that Node brings along packs differently from one version and processor to
// the next. Both are needed by those alone who change the reader; template.html is in the repository and in the package.

import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { rulesOf } from '../../signing/web/rules.mjs';

const HERE = path.dirname(fileURLToPath(import.meta.url));
const TOOLS = { esbuild: '0.28.2', '@gfx/zopfli': '1.0.15' };

/** The tools, from .ci/node. Throws for another version. */
function tools() {
  const require = createRequire(path.join(HERE, '..', '..', '.ci', 'node', 'build.mjs'));
  return Object.entries(TOOLS).map(([name, version]) => {
    const { version: found } = require(`${name}/package.json`);
    if (found !== version) throw new Error(`${name} is ${found}, and only ${version} gives the same bytes everywhere`);
    return require(name);
  });
}

// What a script element must not hold, and what a parser would change: it normalizes CR, and refuses NUL.
const UNSAFE = /<\/script|<!--|[\0\r\f]/i;

async function bundle(esbuild, entry, options = {}) {
  const { outputFiles } = await esbuild.build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    minify: true,
    charset: 'utf8',
    legalComments: 'none',
    target: ['es2020', 'chrome80', 'firefox78'],
    format: 'iife',
    logLevel: 'warning',
    loader: { '.json': 'json' },
    ...options,
  });
  const text = outputFiles[0].text.trim();
  if (UNSAFE.test(text)) throw new Error(`${entry}: what cannot stand in a script element is in it`);
  return text;
}

/** boot.mjs has the unpacker already. */
const oneUnpacker = {
  name: 'one-unpacker',
  setup: (build) =>
    build.onLoad({ filter: /[\\/]signing[\\/]web[\\/]gunzip\.mjs$/ }, () => ({ contents: 'export const { unpack } = window;' })),
};

/** `import rules from 'rules'` gives what schema.mjs follows in place of the schemas. */
const schemaRules = {
  name: 'schema-rules',
  setup(build) {
    const folder = path.join(HERE, '..', '..', 'schemas');
    const files = ['bundle', 'edition', 'part', 'page', 'trust'].map((name) =>
      JSON.parse(fs.readFileSync(path.join(folder, `${name}.schema.json`), 'utf8')));
    build.onResolve({ filter: /^rules$/ }, () => ({ path: 'rules', namespace: 'rules' }));
    build.onLoad({ filter: /./, namespace: 'rules' }, () => ({ contents: JSON.stringify(rulesOf(files)), loader: 'json' }));
  },
};

/** gzip with the header of every stored object (signing/web/packing.mjs), then base64. */
async function pack(zopfli, text) {
  const bytes = Buffer.from(text);
  const made = Buffer.from(await zopfli.gzipAsync(bytes, { numiterations: 15, blocksplitting: true }));
  return Buffer.concat([Buffer.from('1f8b08000000000002ff', 'hex'), made.subarray(10)]).toString('base64');
}

/** The words of lang/, English first: [code, packed]; what is packed says boot.mjs. */
async function languages(zopfli) {
  const folder = path.join(HERE, 'lang');
  const files = fs.existsSync(folder) ? fs.readdirSync(folder).filter((name) => name.endsWith('.json')).sort() : [];
  const read = (...parts) => JSON.parse(fs.readFileSync(path.join(...parts)));
  // What a page that is passed on says of itself is the same, whoever makes it.
  const shared = (name) => Object.entries(read(HERE, '..', 'pages', 'shared', name)).filter(([key]) => key.startsWith('page.'));
  const words = new Map(files.map((name) => [name.slice(0, -5), { ...read(folder, name), ...Object.fromEntries(shared(name)) }]));
  const { en = {}, ...others } = Object.fromEntries(words);
  const names = Object.keys(en);
  const packed = [['en', await pack(zopfli, JSON.stringify(en))]];
  for (const [code, own] of Object.entries(others)) {
    const values = names.map((name) => (name in own ? own[name] : null));
    const extra = Object.fromEntries(Object.entries(own).filter(([name]) => !(name in en)));
    packed.push([code, await pack(zopfli, JSON.stringify([...values, extra]))]);
  }
  return packed;
}

const hashed = (text) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/** template.html. */
export async function template(entry = path.join(HERE, 'src', 'main.mjs')) {
  const [esbuild, zopfli] = tools();
  const style = path.join(HERE, 'src', 'style.css');
  const styles = fs.existsSync(style) ? await bundle(esbuild, style, { target: ['chrome80', 'firefox78'] }) : '';
  const main = await bundle(esbuild, entry, { globalName: 'tamizdat', plugins: [oneUnpacker, schemaRules] });
  const boot = await bundle(esbuild, path.join(HERE, 'src', 'boot.mjs'));
  const policy = [
    "default-src 'none'",
    `script-src ${hashed(boot)} ${hashed(main)}`,
    `style-src ${hashed(styles)}`,
    'img-src blob: data:',
    'connect-src https: http:',
    "base-uri 'none'",
    "form-action 'none'",
    "require-trusted-types-for 'script'",
    'trusted-types tamizdat',
  ].join('; ');
  const words = await languages(zopfli);
  const parts = {
    policy,
    words: words.map((line) => `${line.join(' ')}\n`).join(''),
    code: await pack(zopfli, `${styles}\f${main}`),
    boot,
  };
  const shell = fs.readFileSync(path.join(HERE, 'src', 'shell.html'), 'utf8');
  return shell.replace(/\{\{(\w+)\}\}/g, (_, name) => parts[name]);
}

async function run() {
  const { values } = parseArgs({
    options: { check: { type: 'boolean' }, entry: { type: 'string' }, out: { type: 'string' } },
  });
  const out = values.out || path.join(HERE, 'template.html');
  const made = await template(values.entry);
  if (!values.check) fs.writeFileSync(out, made);
  else if (made !== fs.readFileSync(out, 'utf8')) throw new Error(`${out} is not what the sources give: make reader`);
  console.log(`${Buffer.byteLength(made)} bytes, SHA-256 ${createHash('sha256').update(made).digest('hex')}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  run().then(() => process.exit(0), (error) => {
    console.error(`build.mjs: ${error.message}`);
    process.exit(1);
  });
}
