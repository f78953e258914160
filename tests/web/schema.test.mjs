// The rules that a page carries in place of the schemas say what the schemas say: compared keyword by keyword, by a second
// way through them that knows nothing of how the rules were made.

import './as_in_2020.mjs';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { FormatError, rulesOf, schemaOf } from '../../signing/web/verify.mjs';

const NAMES = ['bundle', 'edition', 'part', 'page', 'trust'];
const files = NAMES.map((name) => JSON.parse(readFileSync(new URL(`../../schemas/${name}.schema.json`, import.meta.url), 'utf8')));
const SAID_TO_PEOPLE = ['$schema', '$id', '$defs', 'title', 'description', '$comment'];

/** Asserts that the rule at `place` demands what `node` does; counts the keywords compared. */
function compare(rules) {
  const done = new Set();
  let keywords = 0;
  const find = (reference, home) => {
    const address = reference[0] === '#' ? home + reference : reference;
    const [id, pointer] = `${address}#`.split('#');
    const target = pointer.split('/').slice(1).reduce((node, step) => node[step], files.find((file) => file.$id === id));
    return [target, id, address];
  };
  const same = (node, home, place, where) => {
    const keys = Object.keys(node).filter((key) => !SAID_TO_PEOPLE.includes(key)).sort();
    if (keys.join() === '$ref') {
      const [target, id, address] = find(node.$ref, home);
      if (done.has(`${address} ${place}`)) return;
      done.add(`${address} ${place}`);
      if (address.endsWith('bundle#/$defs/time')) {
        const [kind, inner, date] = rules.nodes[place];
        assert.deepEqual([kind, rules.nodes[date]], ['both', ['time']], where);
        same(target, id, inner, address);
      } else same(target, id, place, address);
      return;
    }
    keywords += keys.length;
    const [kind, ...rule] = rules.nodes[place];
    if (keys.join() === '$ref,maxLength') {
      assert.equal(kind, 'both', where);
      same({ $ref: node.$ref }, home, rule[0], where);
      assert.deepEqual(rules.nodes[rule[1]], ['text', 0, node.maxLength, ''], where);
    } else if (keys.join() === 'const' || keys.join() === 'enum') {
      assert.deepEqual([kind, ...rule], ['values', ...(node.enum || [node.const])], where);
    } else if (keys.join() === 'oneOf') {
      assert.equal(kind, 'either', where);
      const [text, names, members] = rule;
      const found = new Map();
      for (const { $ref } of node.oneOf) {
        const [target] = find($ref, home);
        if (target.type === 'string') same({ $ref }, home, text, where);
        else for (const name of target.properties.type.enum || [target.properties.type.const]) found.set(name, $ref);
      }
      assert.equal(text === null, !node.oneOf.some(({ $ref }) => find($ref, home)[0].type === 'string'), where);
      assert.deepEqual(names.split(' '), Array.from(found.keys()), where);
      names.split(' ').forEach((name, at) => same({ $ref: found.get(name) }, home, members[at], where));
    } else if (node.type === 'string') {
      assert.deepEqual([kind, ...rule], ['text', node.minLength || 0, node.maxLength, node.pattern || ''], where);
    } else if (node.type === 'integer') {
      assert.deepEqual([kind, ...rule], ['whole', node.minimum, node.maximum], where);
    } else if (node.type === 'boolean') {
      assert.deepEqual([kind, ...rule], ['values', true, false], where);
    } else if (node.type === 'array') {
      assert.deepEqual([kind, rule[1], rule[2]], ['list', node.minItems || 0, node.maxItems], where);
      same(node.items, home, rule[0], `${where}/items`);
    } else {
      assert.deepEqual([node.type, node.additionalProperties, kind], ['object', false, 'object'], where);
      const [required, names, members] = rule;
      const keysOf = names.split(' ');
      assert.deepEqual([required, keysOf.slice(0, required)], [node.required.length, node.required], where);
      assert.deepEqual(keysOf.slice().sort(), Object.keys(node.properties).sort(), where);
      keysOf.forEach((name, at) => same(node.properties[name], home, members[at], `${where}/${name}`));
    }
  };
  for (const file of files) same(file, file.$id, rules.roots[file.$id.split(':').pop()], file.$id);
  return keywords;
}

test('the rules demand what the schemas demand, keyword by keyword', () => {
  const rules = rulesOf(files);
  assert.ok(compare(rules) > 300);
  // as they stand in a page
  const written = JSON.parse(JSON.stringify(rules));
  assert.deepEqual(written, rules);
  assert.ok(JSON.stringify(rules).length < 7000);
  // the order of the files does not matter to what is demanded
  compare(rulesOf(files.slice().reverse()));
});

test('the comparison sees what differs', () => {
  const good = JSON.stringify(rulesOf(files));
  let seen = 0;
  for (const { index } of good.matchAll(/[0-9]+(?=[,\]])/g)) {
    const changed = JSON.parse(`${good.slice(0, index)}1${good.slice(index)}`);
    assert.throws(() => compare(changed));
    seen++;
  }
  assert.ok(seen > 300);
});

test('a schema with a keyword that is not understood is refused, not skipped', () => {
  const closed = { type: 'object', properties: {}, required: [], additionalProperties: false };
  const of = (properties, more = {}) => rulesOf([{ $id: 'urn:tamizdat:schema:x', ...closed, properties, ...more }]);
  assert.ok(of({ a: { type: 'string' } }));
  const wrong = [
    { type: 'number' }, { type: 'null' }, { type: ['string', 'null'] }, { type: 'string', format: 'uri' }, { type: 'integer', multipleOf: 2, minimum: 0 },
    { type: 'integer' }, { type: 'array' }, { type: 'array', items: { type: 'string' }, uniqueItems: true }, { type: 'object' }, {}, { minLength: 1 },
    { const: null }, { enum: [[]] }, { oneOf: [{ type: 'string' }] }, { $ref: '#/$defs/none' }, { $ref: 'urn:elsewhere' }, { anyOf: [] }, { not: {} },
    { type: 'string', pattern: 'x', if: {} }, { type: 'object', additionalProperties: true }, { ...closed, patternProperties: {} },
    { ...closed, required: ['b'] },
  ];
  for (const node of wrong) assert.throws(() => of({ a: node }), /not understood/, JSON.stringify(node));
  assert.throws(() => of({ 'a b': { type: 'string' } }), /not understood/);
});

test('a definition that contains itself ends', () => {
  const tree = { $id: 'urn:tamizdat:schema:tree', $ref: '#/$defs/tree', $defs: {
    tree: { type: 'object', required: [], properties: { all: { type: 'array', items: { $ref: '#/$defs/tree' } } }, additionalProperties: false },
  } };
  const check = schemaOf(rulesOf([tree]));
  check('tree', { all: [{ all: [] }, {}] });
  assert.throws(() => check('tree', { all: [{ all: [{ some: [] }] }] }), FormatError);
  assert.throws(() => check('other', {}), /no schema other/);
  assert.throws(() => check('constructor', {}), /no schema constructor/);
});
