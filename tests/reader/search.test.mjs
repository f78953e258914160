// Search: what counts as the same word, and where it stands.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { fold, places, prepare, score, terms } from '../../mirror/reader/src/search.mjs';

const found = (query, document) => score(prepare({ title: '', blocks: [], ...document }), terms(query));
const text = (...content) => ({ blocks: [{ type: 'paragraph', content }] });

test('marks, widths and spellings of one sound are the same', () => {
  assert.equal(fold('Ёлка'), 'елка');
  assert.equal(fold('Straße CAFÉ'), 'strasse cafe');
  assert.equal(fold('كتابي'), fold('کتابی'));
  assert.equal(fold('مُدَرِّس'), fold('مدرس'));
  assert.equal(fold('می\u200cرود'), fold('میرود'));
  assert.equal(fold('ＡＢＣ１'), 'abc1');
});

test('й and ї are letters, not marked ones', () => {
  assert.notEqual(fold('май'), fold('маи'));
  assert.notEqual(fold('її'), fold('іі'));
  assert.equal(fold('МАЙ'), 'май');
});

test('all words must be there, in any order and any place', () => {
  const document = { title: 'What the flood left', lead: 'Three days', tags: ['Water'], ...text('The river rose.') };
  assert.ok(found('river flood', document) > 0);
  assert.ok(found('WATER', document) > 0);
  assert.equal(found('river fire', document), 0);
  assert.ok(found('flood', document) > found('river', document), 'a headline counts more than the text');
});

test('endings that change do not matter', () => {
  assert.ok(found('наводнение', text('Последствия наводнения.')) > 0);
  assert.ok(found('школа', text('унесли в школу на холме')) > 0);
  assert.ok(found('floods', text('after the flood')) > 0);
  assert.ok(found('artículos', text('un artículo')) > 0);
  assert.ok(found('повені', text('під час повені')) > 0);
});

test('Chinese is found without spaces between words', () => {
  assert.ok(found('河水', text('河水涨了三天。')) > 0);
  assert.equal(found('火山', text('河水涨了三天。')), 0);
});

test('everything in an article is searched: lists, tables, quotes, updates, notes, code', () => {
  const blocks = [
    { type: 'list', ordered: false, items: [[{ type: 'paragraph', content: ['inalist'] }]] },
    { type: 'table', caption: 'acaption', rows: [[{ content: ['acell'] }]] },
    { type: 'quote', blocks: [{ type: 'paragraph', content: ['aquote'] }] },
    { type: 'update', title: 'atitle', blocks: [{ type: 'paragraph', content: [{ type: 'link', url: 'https://x.example/', content: ['alink'] }] }] },
    { type: 'footnotes', items: [{ label: '1', content: [{ type: 'paragraph', content: ['anote'] }] }] },
    { type: 'code', text: 'somecode' }, { type: 'embed', kind: 'x', url: 'https://x.example/', text: 'anembed' }, { type: 'rule' },
  ];
  for (const word of ['inalist', 'acaption', 'acell', 'aquote', 'atitle', 'alink', 'anote', 'somecode', 'anembed']) {
    assert.ok(found(word, { blocks }) > 0, word);
  }
});

test('what was found is marked in the text as it is written, though folding changes lengths', () => {
  const one = 'Straße nach Ёлкино';
  assert.deepEqual(places(one, ['strasse']).map(([from, to]) => one.slice(from, to)), ['Straße']);
  assert.deepEqual(places(one, ['елкино']).map(([from, to]) => one.slice(from, to)), ['Ёлкино']);
  const two = 'می\u200cروم و می\u200cروم';
  assert.deepEqual(places(two, [fold('می\u200cروم')]).map(([from, to]) => two.slice(from, to)), ['می\u200cروم', 'می\u200cروم']);
});

test('marks never overlap, and a query of nothing finds nothing', () => {
  for (const [, end] of places('aaaa', ['aa', 'a'])) assert.ok(end <= 4);
  const all = places('banana', ['ana', 'an']);
  for (let i = 1; i < all.length; i++) assert.ok(all[i][0] >= all[i - 1][1]);
  assert.deepEqual(terms('  ,.!? '), []);
  assert.deepEqual(places('text', []), []);
});

test('a very long query is cut', () => {
  assert.equal(terms('word '.repeat(500)).length, 12);
});
