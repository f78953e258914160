// The code of others is what they published, and ours runs in old browsers without a build step.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const WEB = fileURLToPath(new URL('../../signing/web/', import.meta.url));
const VENDOR = fileURLToPath(new URL('vendor/', import.meta.url));
const NOBLE = { name: '@noble/ed25519', version: '3.2.0', folder: 'noble-ed25519', files: ['index.js', 'LICENSE'] };
const SHA256 = {
  'index.js': 'a4f631d1876b5d9e43a86cd71194ca27b5e1451edf4ba4db9a418f40a475569a',
  LICENSE: '394c2e6e5552e5dba202bee6390b9d6aa2754d657f5b9869e83b3d265a315501',
};
const digest = (data) => createHash('sha256').update(data).digest('hex');

test('the vendored files are those that were looked at', () => {
  assert.deepEqual(readdirSync(join(VENDOR, NOBLE.folder)).sort(), NOBLE.files.slice().sort());
  for (const file of NOBLE.files) {
    assert.equal(digest(readFileSync(join(VENDOR, NOBLE.folder, file))), SHA256[file], file);
  }
  assert.match(readFileSync(join(VENDOR, 'README.md'), 'utf8'), new RegExp(`\\| ${NOBLE.version} \\|`));
});

// Asks a registry, as no other test does, and therefore only on request.
test('the vendored files are what npm delivers', (t) => {
  if (!process.env.TAMIZDAT_TEST_NPM) return t.skip('set TAMIZDAT_TEST_NPM=1 to ask the registry');
  const folder = mkdtempSync(join(tmpdir(), 'tamizdat-npm-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const run = (...command) => spawnSync(command[0], command.slice(1), { cwd: folder, encoding: 'utf8', timeout: 60000 });
  const packed = run('npm', 'pack', '--fetch-retries=0', `${NOBLE.name}@${NOBLE.version}`);
  if (packed.status !== 0) return t.skip('npm cannot be asked here');
  const name = packed.stdout.trim().split('\n').pop();
  assert.equal(run('tar', '-xzf', name).status, 0);
  for (const file of NOBLE.files) {
    const [theirs, ours] = [join(folder, 'package', file), join(VENDOR, NOBLE.folder, file)];
    assert.equal(digest(readFileSync(ours)), digest(readFileSync(theirs)), file);
  }
  return undefined;
});

// What Chromium 80 lacks, of syntax and of the library.
const TOO_NEW = [
  /\|\|=|&&=|\?\?=/, // 85
  /Object\.hasOwn\b/, // 93
  /\.at\(/, // 92
  /\breplaceAll\(|\bstructuredClone\(|\bfindLast\(|\btoSorted\(|\btoReversed\(/,
  /\bPromise\.any\b|\bAggregateError\b|AbortSignal\.(?:timeout|any)\b|\bWeakRef\b/,
  /^\s*static\s*\{/m, // 94
  /#[a-z]\w*\s*[(=;]/, // private methods: 84
  /DecompressionStream/, // cannot say what follows the end
  /^(?:const|let)[^\n]*= await |^await /m, // 89
  /\bcause:/,
];

test('nothing is used that Chromium 80 does not have, and nothing of Node or of a page', () => {
  const files = readdirSync(WEB).filter((name) => name.endsWith('.mjs'));
  assert.ok(files.length > 15);
  const wrong = [];
  for (const name of files) {
    const text = readFileSync(join(WEB, name), 'utf8').replace(/^\s*\/?\*.*$|\/\/ .*$/gm, '');
    for (const pattern of TOO_NEW) if (pattern.test(text)) wrong.push(`${name}: ${pattern}`);
    const imports = Array.from(text.matchAll(/(?:from|import)\s*\(?'([^']+)'/g), (found) => found[1]);
    wrong.push(...imports.filter((one) => !one.startsWith('./')).map((one) => `${name} imports ${one}`));
    if (/\b(?:window|process)\.|\bdocument\.(?:get|query|create|body|cookie)|\bBuffer\b|\brequire\(/.test(text)) {
      wrong.push(`${name}: a page or Node`);
    }
    if (name === 'fetch.mjs') continue;
    const impure = /Date\.now|new Date\(|Math\.random|XMLHttpRequest|localStorage|indexedDB|globalThis\.fetch/;
    if (impure.test(text)) wrong.push(`${name}: not pure`);
  }
  assert.deepEqual(wrong, []);
});
