// Builds template.html, the reader but for a publication's data, from src/, lang/ and signing/web:
//
//   make reader        writes template.html; whoever changes one of those sources commits it along with them
//   node mirror/reader/build.mjs [--check] [--sizes] [--entry FILE] [--out FILE]
//
// The same sources give the same bytes on every machine: the tools are these versions and no others, and the packer is
// plain JavaScript, since the one that Node brings along packs differently from one version and processor to the next.
// They are needed by those alone who change the reader; template.html is in the repository and in the package.
//
// What is in #code: basenc --z85 -d | lzma -dc    (styles, a form feed, the program, a form feed, words: a line a language;
//                                                   lzma complains of the up to three bytes that fill up the Z85)

import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { rulesOf } from '../../signing/web/rules.mjs';
import { brief } from './brief.mjs';

const HERE = path.dirname(fileURLToPath(import.meta.url));
const TOOLS = { esbuild: '0.28.2', terser: '5.51.2', lzma: '2.3.2' };

/** The tools, from .ci/node: esbuild, terser, lzma. Throws where they are missing, or of another version. */
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
  const { code } = await terser.minify(text, { ecma: 2020, compress: { passes: 3, ecma: 2020 }, format: { comments: false } });
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

const DIGITS = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#';

/** .lzma in Z85, four bytes as five characters: an eighth smaller than gzip in base64, and as common tools can undo it. */
function pack(lzma, text) {
  const packed = Buffer.from(Uint8Array.from(lzma.compress([...Buffer.from(text)], 7), (byte) => byte & 255));
  const whole = Buffer.concat([packed, Buffer.alloc(-packed.length & 3)]);
  let out = '';
  for (let at = 0; at < whole.length; at += 4) {
    let value = whole.readUInt32BE(at);
    let five = '';
    for (let i = 0; i < 5; i++) {
      five = DIGITS[value % 85] + five;
      value = Math.floor(value / 85);
    }
    out += five;
  }
  // By chance, once in a thousand years: another space somewhere in the sources helps.
  if (UNSAFE.test(out)) throw new Error('what was packed cannot stand in a script element');
  return out;
}

/** The words of lang/, English first, a line each; what is in a line says boot.mjs. */
function languages() {
  const folder = path.join(HERE, 'lang');
  const files = fs.readdirSync(folder).filter((name) => name.endsWith('.json')).sort();
  const read = (...parts) => JSON.parse(fs.readFileSync(path.join(...parts)));
  // What a page that is passed on says of itself is the same, whoever makes it.
  const shared = (name) => Object.entries(read(HERE, '..', 'pages', 'shared', name)).filter(([key]) => key.startsWith('page.'));
  const words = new Map(files.map((name) => [name.slice(0, -5), { ...read(folder, name), ...Object.fromEntries(shared(name)) }]));
  const { en, ...others } = Object.fromEntries(words);
  const names = Object.keys(en);
  let lines = `en ${JSON.stringify(en)}\n`;
  for (const [code, own] of Object.entries(others)) {
    const values = names.map((name) => (name in own ? own[name] : null));
    const extra = Object.fromEntries(Object.entries(own).filter(([name]) => !(name in en)));
    lines += `${code} ${JSON.stringify([...values, extra])}\n`;
  }
  return lines;
}

const hashed = (text) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/** template.html. */
export async function template(entry = path.join(HERE, 'src', 'main.mjs')) {
  const [esbuild, terser, lzma] = tools();
  const style = path.join(HERE, 'src', 'style.css');
  const styles = fs.existsSync(style) ? await bundle(esbuild, style, { target: ['chrome80', 'firefox78'] }) : '';
  const main = await smaller(terser, await bundle(esbuild, entry, { globalName: 'tamizdat', plugins: [briefCore, schemaRules] }));
  const boot = await smaller(terser, await bundle(esbuild, path.join(HERE, 'src', 'boot.mjs')));
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
  const parts = { policy, code: pack(lzma, `${styles}\f${main}\f${languages()}`), boot };
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
