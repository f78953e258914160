// What the reader says: whole in eight languages, and written as those languages write.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';

import { choose, isolated, words } from '../../mirror/reader/src/words.mjs';

const home = new URL('../../mirror/reader/lang/', import.meta.url);
const tables = Object.fromEntries(readdirSync(home).filter((name) => name.endsWith('.json'))
  .map((name) => [name.slice(0, -5), JSON.parse(readFileSync(new URL(name, home), 'utf8'))]));
const languages = Object.keys(tables);
const { en } = tables;
const FORM = /\.(?:zero|one|two|few|many|other)$/;
const counted = new Set(Object.keys(en).filter((key) => FORM.test(key)).map((key) => key.replace(FORM, '')));
const OWN = /^(?:months|(?:minute|hour|day|month|year)\.(?:one|few|many|other))$/; // for who is not in a browser's Intl
const holes = (text) => (text.match(/\{[a-z]+\}/g) || []).sort().join();

test('the reader speaks eight languages', () => {
  assert.deepEqual(languages.sort(), ['ar', 'be', 'en', 'es', 'fa', 'ru', 'uk', 'zh']);
});

for (const language of languages) {
  const table = tables[language];

  test(`${language}: nothing is left out and nothing is there that nobody asks for`, () => {
    const plain = (one) => Object.keys(one).filter((key) => !FORM.test(key) && !OWN.test(key)).sort();
    assert.deepEqual(plain(table), plain(en));
    for (const key of Object.keys(table)) {
      if (FORM.test(key) && !OWN.test(key)) assert.ok(counted.has(key.replace(FORM, '')), key);
    }
  });

  test(`${language}: whatever English fills in is filled in, and nothing is markup`, () => {
    for (const [key, text] of Object.entries(table)) {
      assert.equal(typeof text, 'string', key);
      assert.ok(text.trim().length > 0 || key === 'comma', key);
      assert.doesNotMatch(text, /[<>]|\u2068|\u2069|\{\}/, key);
      const like = en[key] || en[key.replace(FORM, '.other')];
      // "one article" may do without the number.
      if (like && !/\.(?:zero|one|two)$/.test(key)) assert.equal(holes(text), holes(like), key);
    }
  });

  test(`${language}: each number has its form`, () => {
    const { select } = Intl.PluralRules.prototype;
    const rules = new Intl.PluralRules(language);
    for (const key of counted) {
      for (let n = 0; n <= 1000; n++) assert.ok(table[`${key}.${select.call(rules, n)}`], `${key} of ${n}`);
    }
  });

  test(`${language}: two states are never told in the same words`, () => {
    const said = Object.keys(table).filter((key) => key.startsWith('state.')).map((key) => table[key]);
    assert.equal(new Set(said).size, said.length);
  });

  test(`${language}: sentences are finished, and fit a small screen`, () => {
    for (const [key, text] of Object.entries(table)) {
      if (/^means\.|\.what$/.test(key)) assert.match(text, /[.。]$/, key);
      if (/^state\./.test(key)) assert.ok(text.length <= 40, key);
    }
  });
}

test('no letter of a neighbouring language has slipped in', () => {
  const strange = { ru: /[іїєўґ]/i, uk: /[ыэёъў]/i, be: /[ищъїєґ]/i, fa: /[يكةىأإؤ]/, ar: /[یکپچژگ]/, es: /[\u0400-\u06ff]/, zh: /[\u0400-\u06ff\uac00-\ud7af]/, en: /[^\0-\u007f“”’…]/ };
  for (const language of languages) {
    for (const [key, text] of Object.entries(tables[language])) assert.doesNotMatch(text, strange[language], `${language} ${key}`);
  }
});

test('of the languages that somebody reads, the first one known is taken', () => {
  assert.equal(choose(tables, ['de-DE', 'be-BY', 'ru']), 'be');
  assert.equal(choose(tables, ['zh-TW']), 'zh');
  assert.equal(choose(tables, ['prs-AF', 'en']), 'fa');
  assert.equal(choose(tables, ['de', undefined, '__proto__', 'constructor', '']), 'en');
  assert.equal(choose({ ru: {} }, ['de']), 'ru');
});

test('a name of somebody else cannot turn our sentence around', () => {
  const say = words(tables, 'en');
  assert.equal(isolated('a\u202e\u2069b'), '\u2068ab\u2069');
  assert.equal(say('saved', { name: '\u2069evil\u202e{why}' }), 'Saved: \u2068evil{why}\u2069');
  const made = say.tell((text) => ['bdi', text], 'says', { publication: 'A {outlet}' });
  assert.deepEqual(made[1], ['bdi', 'A {outlet}']);
});

test('ages are told in one coarse unit', () => {
  const say = words(tables, 'en');
  const told = [-5, 0, 60, 89, 90, 720, 5399, 5400, 129599, 129600, 40 * 86400, 200 * 86400, 800 * 86400, NaN].map(say.age);
  assert.deepEqual(told, ['just now', 'just now', 'just now', 'just now', '2 minutes ago', '12 minutes ago', '90 minutes ago', '2 hours ago',
    '36 hours ago', '2 days ago', '40 days ago', '7 months ago', '2 years ago', 'just now']);
  assert.match(words(tables, 'fa').age(720), /۱۲/);
  assert.equal(words(tables, 'ru').age(22 * 60), '22 минуты назад');
});

test('sizes, numbers and dates are written as each language does', () => {
  assert.equal(words(tables, 'en').bytes(10), '1 KB');
  assert.equal(words(tables, 'en').bytes(31400), '31 KB');
  assert.equal(words(tables, 'en').bytes(2310000), '2.3 MB');
  assert.equal(words(tables, 'fa').digits(1824), '۱۸۲۴');
  assert.equal(words(tables, 'en').digits(1824), '1824');
  assert.match(words(tables, 'fa').date('2027-03-01T12:00:00Z'), /اسفند/);
  assert.match(words(tables, 'zh').date('2027-03-01T12:00:00Z'), /2027年3月1日/);
  for (const language of languages) assert.equal(words(tables, language).moment('not a time'), 'not a time');
});

test('a label and what follows it are parted, but where the colon brings its blank', () => {
  for (const language of languages) {
    const say = words(tables, language);
    for (const key of ['by', 'photo']) assert.equal(say(key).endsWith('：'), say.gap === '', `${language} ${key}`);
  }
});

test('where a browser knows no Belarusian, dates and ages are Belarusian all the same', (t) => {
  for (const kind of ['DateTimeFormat', 'RelativeTimeFormat', 'NumberFormat', 'PluralRules']) {
    const { supportedLocalesOf } = Intl[kind];
    t.mock.method(Intl[kind], 'supportedLocalesOf', (tags) => supportedLocalesOf.call(Intl[kind], tags).filter((tag) => tag !== 'be'));
  }
  const say = words(tables, 'be');
  assert.equal(say.date('2027-03-01T12:00:00Z'), '1 сакавіка 2027');
  assert.match(say.moment('2027-03-01T12:05:00Z'), /^1 сакавіка 2027, \d\d:05$/);
  assert.match(say.brief('2027-03-01T12:05:00Z', '2027-03-02T00:00:00Z'), /^1 сакавіка, \d\d:05$/);
  assert.equal(say.age(22 * 60), '22 хвіліны таму');
  assert.equal(say.age(5 * 86400), '5 дзён таму');
  assert.equal(say.count('found', 21), 'Знойдзены 21 артыкул');
});
