// Builds template.html, the reader but for a publication's data, from src/, lang/ and signing/web:
//
//   make reader        writes template.html; whoever changes one of those sources commits it along with them
//   node mirror/reader/build.mjs [--check] [--sizes] [--entry FILE] [--out FILE]
//
// The same sources give the same bytes on every machine: the tools are these versions and no others, and the packer is
// our own (src/unpack.mjs says why), since the one that Node brings along packs differently from one version to the next.
// They are needed by those alone who change the reader; template.html is in the repository and in the package.
//
// What is in #code is shown by `node mirror/reader/unpack.mjs FILE`: a line with styles, a form feed, the program, a form feed
// and the words in English, then a line for each other language, its code and the words. Each is packed by what was learnt
// of the first, so any of them can be left out.

import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { rulesOf } from '../../signing/web/rules.mjs';
import { brief } from './brief.mjs';
import { BASE, TOP, WAYS, foretell } from './src/unpack.mjs';

const HERE = path.dirname(fileURLToPath(import.meta.url));
const TOOLS = { esbuild: '0.28.2', terser: '5.51.2' };

/** The tools, from .ci/node: esbuild, terser. Throws where they are missing, or of another version. */
export function tools() {
  const require = createRequire(path.join(HERE, '..', '..', '.ci', 'node', 'build.mjs'));
  return Object.entries(TOOLS).map(([name, version]) => {
    const { version: found } = require(`${name}/package.json`);
    if (found !== version) throw new Error(`${name} is ${found}, and only ${version} gives the same bytes everywhere`);
    return require(name);
  });
}

// What a script element must not hold, and what a parser would change: it normalizes CR, and refuses NUL.
const UNSAFE = /<\/script|<!--|[\0\r\f]/i;

const sizes = []; // of each bundle: {file: {bytesInOutput}}

async function bundle(esbuild, entry, options = {}) {
  const { outputFiles, metafile } = await esbuild.build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    metafile: true,
    minify: true,
    charset: 'utf8',
    legalComments: 'none',
    target: ['es2020', 'chrome80', 'firefox78'],
    supported: { 'regexp-unicode-property-escapes': true }, // both have them
    format: 'iife',
    logLevel: 'warning',
    loader: { '.json': 'json' },
    ...options,
  });
  const text = outputFiles[0].text.trim();
  if (UNSAFE.test(text)) throw new Error(`${entry}: what cannot stand in a script element is in it`);
  sizes.push(...Object.values(metafile.outputs).map(({ inputs }) => inputs));
  return text;
}

/** The script in fewer bytes still, once it is packed: names that come often are short in the same way everywhere. */
async function smaller(terser, text) {
  const compress = { passes: 3, ecma: 2020, hoist_funs: true };
  const { code } = await terser.minify(text, { ecma: 2020, compress, format: { comments: false } });
  if (UNSAFE.test(code)) throw new Error('what cannot stand in a script element is in it');
  return code;
}

/** The core's sentences for what is wrong with hostile bytes become places in its source. */
const briefCore = {
  name: 'brief-core',
  setup: (build) =>
    build.onLoad({ filter: /[\\/]signing[\\/]web[\\/]\w+\.mjs$/ }, ({ path: file }) =>
      ({ contents: brief(fs.readFileSync(file, 'utf8'), path.basename(file, '.mjs')) })),
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

/** The digits that src/unpack.mjs makes this text of, and what was learnt of it: {digits, taught}. */
export function pack(text, given) {
  const bits = Array.from(Buffer.from(`${text}\0`), (byte) => WAYS[byte].toString(2).slice(1)).join('');
  const out = [];
  let at = 0; // bits
  let range = TOP;
  let low = 0;
  const carry = () => {
    if (low < TOP) return;
    low -= TOP;
    let last = out.length - 1;
    for (; out[last] === BASE - 1; last--) out[last] = 0;
    out[last]++;
  };
  const shift = () => {
    out.push(Math.floor(low / (TOP / BASE)));
    low = (low % (TOP / BASE)) * BASE;
  };
  const { taught } = foretell((chance) => {
    const bound = Math.floor(range / 65536) * chance;
    const bit = Number(bits[at++]);
    if (bit) range = bound;
    else {
      low += bound;
      range -= bound;
    }
    carry();
    for (; range < TOP / BASE; range *= BASE) shift();
    return bit;
  }, given);
  // The shortest number in what is left of the range; zeros that would follow are not written.
  const step = TOP / BASE ** 2;
  low = Math.ceil(low / step) * step;
  carry();
  shift();
  shift();
  return { digits: out.map((digit) => (digit === 27 ? '~' : String.fromCharCode(33 + digit))).join(''), taught };
}

/** The words of lang/: [[code, JSON], …], English first; what the JSON is says boot.mjs. */
function languages() {
  const folder = path.join(HERE, 'lang');
  const files = fs.readdirSync(folder).filter((name) => name.endsWith('.json')).sort();
  const read = (...parts) => JSON.parse(fs.readFileSync(path.join(...parts)));
  // What a page that is passed on says of itself is the same, whoever makes it.
  const shared = (name) => Object.entries(read(HERE, '..', 'pages', 'shared', name)).filter(([key]) => key.startsWith('page.'));
  const words = new Map(files.map((name) => [name.slice(0, -5), { ...read(folder, name), ...Object.fromEntries(shared(name)) }]));
  const { en, ...others } = Object.fromEntries(words);
  const names = Object.keys(en);
  const list = [['en', JSON.stringify(en)]];
  for (const [code, own] of Object.entries(others)) {
    const values = names.map((name) => (name in own ? own[name] : null));
    const extra = Object.fromEntries(Object.entries(own).filter(([name]) => !(name in en)));
    list.push([code, JSON.stringify([...values, extra])]);
  }
  return list;
}

const hashed = (text) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/** template.html. */
export async function template(entry = path.join(HERE, 'src', 'main.mjs')) {
  const [esbuild, terser] = tools();
  const style = path.join(HERE, 'src', 'style.css');
  const styles = fs.existsSync(style) ? await bundle(esbuild, style, { target: ['chrome80', 'firefox78'] }) : '';
  const main = await smaller(terser, await bundle(esbuild, entry, { plugins: [briefCore, schemaRules] }));
  const boot = await smaller(terser, await bundle(esbuild, path.join(HERE, 'src', 'boot.mjs')));
  const [[, english], ...rest] = languages();
  // One script, so that one hash stands for all of it.
  const program = `${main};tamizdat.reader.styles=${JSON.stringify(styles)};tamizdat.reader.words=${english}`;
  // Each under its name: what is kept of one must not pass for another.
  const others = rest.map(([name, words]) => [name, `tamizdat.${name}=${words}`]);
  const policy = [
    "default-src 'none'",
    `script-src ${[boot, program, ...others.map(([, words]) => words)].map(hashed).join(' ')}`,
    `style-src ${hashed(styles)}`,
    'img-src blob: data:',
    'connect-src https: http:',
    "base-uri 'none'",
    "form-action 'none'",
    "require-trusted-types-for 'script'",
    'trusted-types tamizdat',
  ].join('; ');
  const { digits, taught } = pack(program);
  const code = [digits, ...others.map(([name, words]) => `${name} ${pack(words, taught).digits}`)].join('\n');
  const parts = { policy, code, boot };
  const shell = fs.readFileSync(path.join(HERE, 'src', 'shell.html'), 'utf8');
  return shell.replace(/\{\{(\w+)\}\}/g, (_, name) => parts[name]);
}

async function run() {
  const { values } = parseArgs({
    options: { check: { type: 'boolean' }, sizes: { type: 'boolean' }, entry: { type: 'string' }, out: { type: 'string' } },
  });
  const out = values.out || path.join(HERE, 'template.html');
  const made = await template(values.entry);
  if (!values.check) fs.writeFileSync(out, made);
  else if (made !== fs.readFileSync(out, 'utf8')) throw new Error(`${out} is not what the sources give: make reader`);
  if (values.sizes) {
    const all = sizes.flatMap((inputs) => Object.entries(inputs)).map(([file, one]) => [one.bytesInOutput, file]);
    for (const line of all.sort((a, b) => b[0] - a[0])) console.log(line.join(' '));
  }
  console.log(`${Buffer.byteLength(made)} bytes, SHA-256 ${createHash('sha256').update(made).digest('hex')}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  run().then(() => process.exit(0), (error) => {
    console.error(`build.mjs: ${error.message}`);
    process.exit(1);
  });
}
