// Every conformance case, with WebCrypto and without, gets the verdict that is written in it.

import { isLater } from './as_in_2020.mjs';
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { backend, forceFallback } from '../../signing/web/verify.mjs';
import { runCase, vectorCases } from './cases.mjs';

for (const fallback of [false, true]) {
  test(`every conformance case gets its verdict ${fallback ? 'in plain JavaScript' : 'with WebCrypto'}`, async (t) => {
    forceFallback(fallback);
    t.after(() => forceFallback(false));
    assert.equal(await backend(), fallback ? 'javascript' : 'webcrypto');
    assert.ok(!isLater(), 'as in a browser of 2020');
    const cases = vectorCases();
    assert.ok(cases.length > 150);
    const wrong = [];
    for (const [name, one] of cases) {
      const found = await runCase(one);
      for (const [member, expected] of Object.entries(one.expect)) {
        try {
          assert.deepEqual(found[member], expected);
        } catch (_) {
          wrong.push(`${name}: ${member} is ${JSON.stringify(found[member])}, not ${JSON.stringify(expected)}`);
        }
      }
    }
    assert.deepEqual(wrong, []);
  });
}
