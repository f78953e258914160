// The reader's build puts places in the source for the sentences of the core (mirror/reader/brief.mjs). What is decided, and
// how it is counted, stays what it was.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { brief } from '../../mirror/reader/brief.mjs';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const modules = readdirSync(join(ROOT, 'signing/web')).filter((name) => name.endsWith('.mjs'));

test('sentences become places, and nothing else changes', () => {
  const source = [
    "  throw new FormatError('a note is a text');",
    '  throw new BadKey(`key ${shown(name)} has ${typed.length} bytes: {`);',
    "  if (left < 0) throw bad('x') || refuse(`it\\'s ${`deep ${1}`}`);",
    '  throw new VerifyError(check, name, detail, checks);',
    "  return unknown('kept');",
    "  refuse(what + ' is more than a text');",
    "  refuse('two', 'texts');",
    "  run.passed(4, `a signed note with ${lines.length} signatures`);",
    "  run.passed(5, 'x'); rest();",
    '  if (size !== null) run.failed(1, `${stored.length} bytes`);',
    "  return bad + 'kept';",
  ].join('\n');
  assert.equal(brief(source, 'note'), [
    "  throw new FormatError('note:1');",
    "  throw new BadKey('note:2');",
    "  if (left < 0) throw bad('note:3') || refuse('note:3');",
    '  throw new VerifyError(check, name, detail, checks);',
    "  return unknown('kept');",
    "  refuse(what + ' is more than a text');",
    "  refuse('two', 'texts');",
    '',
    "  run.passed(5, 'x'); rest();",
    "  if (size !== null) run.failed(1, 'note:10');",
    "  return bad + 'kept';",
  ].join('\n'));
});

test('the core decides every conformance case as before when it is brief', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'tamizdat-brief-'));
  t.after(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, 'signing/web'), { recursive: true });
  mkdirSync(join(folder, 'tests/web'), { recursive: true });
  for (const name of ['schemas', 'tests/vectors']) symlinkSync(join(ROOT, name), join(folder, name));
  let places = 0;
  let saved = 0;
  for (const name of modules) {
    const source = readFileSync(join(ROOT, 'signing/web', name), 'utf8');
    const made = brief(source, name.slice(0, -4));
    assert.equal(made.split('\n').length, source.split('\n').length, name);
    for (const [place] of made.matchAll(/'[a-z0-9]+:[0-9]+'/g)) places += place.startsWith(`'${name.slice(0, -4)}:`) ? 1 : 0;
    saved += source.length - made.length;
    writeFileSync(join(folder, 'signing/web', name), made);
  }
  assert.ok(places > 150 && saved > 8000, `${places} places, ${saved} characters`);
  for (const name of ['as_in_2020.mjs', 'cases.mjs', 'vectors.test.mjs']) cpSync(join(ROOT, 'tests/web', name), join(folder, 'tests/web', name));
  const { NODE_TEST_CONTEXT, ...env } = process.env; // of the runner that this runs in
  const done = spawnSync(process.execPath, ['--test-name-pattern=WebCrypto', 'tests/web/vectors.test.mjs'], { cwd: folder, env, encoding: 'utf8', timeout: 300000 });
  assert.equal(done.status, 0, done.stdout.slice(-3000));
  assert.match(done.stdout, /^# pass [12]$/m);
});
