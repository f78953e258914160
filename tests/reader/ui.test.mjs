// The frame: ways between views, states, colours, and that style and words fit together with the sources.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';

import { readSettings } from '../../mirror/reader/src/settings.mjs';
import { parseRoute, stateOf, writeRoute } from '../../mirror/reader/src/ui.mjs';

const read = (path) => readFileSync(new URL(`../../mirror/reader/${path}`, import.meta.url), 'utf8');
const OURS = ['ui', 'front', 'article', 'render', 'search', 'settings', 'words', 'dom'];
const sources = Object.fromEntries(OURS.map((name) => [name, read(`src/${name}.mjs`)]));
const code = Object.values(sources).join('\n');
const en = JSON.parse(read('lang/en.json'));
const css = read('src/style.css').replace(/\/\*[^]*?\*\//g, '');

test('a way to a view comes back from the address as it was', () => {
  const ways = [['front', null], ['article', 'ab'.repeat(32)], ['outlet', 'the-river-2'], ['topic', 'Суды / 100 % #1'], ['search', null],
    ['settings', null], ['about', null], ['mirrors', null]];
  for (const [view, id] of ways) assert.deepEqual(parseRoute(writeRoute({ view, id })), { view, id });
});

test('whatever else stands in the address is the front page', () => {
  for (const hash of ['', '#', '#article/xyz', `#article/${'AB'.repeat(32)}`, '#topic/%E0%A4%A', '#outlet/../../x', '#__proto__', '#javascript:alert(1)',
    '#n1', '#article/', `#topic/${'x'.repeat(601)}`, '#settings/x']) assert.deepEqual(parseRoute(hash), { view: 'front', id: null }, hash);
});

test('a reader that a mirror served never looks verified', () => {
  for (const name of ['verified', 'offline', 'lagging', 'stale', 'unknown-clock', 'nonsense']) {
    const shown = stateOf({ name, served: true });
    assert.notEqual(shown.kind, 'good');
    if (name !== 'nonsense') assert.equal(shown.name, 'served');
  }
  assert.equal(stateOf({ name: 'fork', served: true }).name, 'fork');
});

test('only one state looks good, only a contradiction looks bad, and each has words, an icon and a border of its own kind', () => {
  const names = Object.keys(en).filter((key) => key.startsWith('state.') && key !== 'state.served').map((key) => key.slice(6));
  assert.equal(names.length, 9);
  const kinds = Object.fromEntries(names.map((name) => [name, stateOf({ name }).kind]));
  assert.deepEqual(names.filter((name) => kinds[name] === 'good'), ['verified']);
  assert.deepEqual(names.filter((name) => kinds[name] === 'bad'), ['fork']);
  for (const name of names) {
    assert.equal(stateOf({ name }).name, name);
    assert.ok(en[`means.${name}`], name);
    assert.match(sources.dom, new RegExp(`\\b${stateOf({ name }).icon}: 'M`));
  }
  assert.notEqual(stateOf({ name: 'broken' }).kind, 'bad', 'what cannot be verified is no accusation');
  assert.equal(stateOf({ name: 'whatever' }).name, 'broken');
  assert.equal(stateOf({ name: 'constructor' }).name, 'broken');
});

test('settings that somebody else wrote into the storage count for nothing', async () => {
  const engine = (ui, memoryOnly) => ({ settings: { get: async (key) => (key === 'ui' ? ui : memoryOnly) } });
  const usual = { size: 100, theme: 'auto', pictures: 'auto', language: null, memory: false };
  for (const ui of [null, undefined, 'x', 7, [], { size: 1e9, theme: 'x;}', pictures: null, language: '../x' }, { size: '100', language: '__proto__' }]) {
    assert.deepEqual(await readSettings(engine(ui, 'yes')), usual);
  }
  assert.deepEqual(await readSettings(engine({ size: 150, theme: 'dark', pictures: 'never', language: 'be' }, true)),
    { size: 150, theme: 'dark', pictures: 'never', language: 'be', memory: true });
  assert.deepEqual(await readSettings({ settings: { get: () => Promise.reject(new Error('SecurityError')) } }), usual);
});

test('every word that is asked for is there, and every word that is there is asked for', () => {
  const asked = new Set();
  for (const [, key] of code.matchAll(/(?:say|say\.count|say\.tell)\((?:bdi, )?'([^']+)'/g)) asked.add(key);
  for (const key of asked) assert.ok(en[key] || en[`${key}.other`], key);
  const quoted = new Set(Array.from(code.matchAll(/'([a-z_]+(?:\.[a-z_-]+)*)'/g), ([, key]) => key));
  const made = /^(?:state|means|embed|import|fact|mirror|refused|pictures|theme)\./;
  for (const key of Object.keys(en)) {
    assert.ok(quoted.has(key.replace(/\.(?:one|other)$/, '')) || quoted.has(key) || made.test(key), key);
  }
});

test('nothing in the interface can become markup or code', () => {
  assert.doesNotMatch(code, /innerHTML|outerHTML|insertAdjacent|document\.write|createContextualFragment|DOMParser|srcdoc|\beval\b|new Function|setHTML/);
  assert.doesNotMatch(code, /setAttribute\('style'|\bstyle: (?!'percent')/);
  assert.doesNotMatch(code, /localStorage|sessionStorage|indexedDB|XMLHttpRequest|\bfetch\(|WebSocket|sendBeacon|importScripts/);
});

test('nothing is used that Chromium 80 lacks', () => {
  assert.doesNotMatch(code, /\.at\(|replaceChildren|structuredClone|hasOwn\(|replaceAll|\.findLast|Array\.fromAsync|Promise\.any|AbortSignal\.|\.toSorted|\?\?=|\|\|=|&&=/);
  assert.doesNotMatch(css, /:is\(|:where\(|:has\(|[^-\w]inset|aspect-ratio|margin-inline:|margin-block:|padding-inline:|padding-block:|border-inline:|overflow: ?clip|dvh|@layer|@container|color-mix|&/);
  // A gap in a flex box is Chromium 84: only grids have one here.
  for (const rule of css.match(/[^{}]+\{[^{}]*\}/g)) if (/[^-]gap:/.test(rule)) assert.match(rule, /display: grid/, rule);
});

// --- colours ---------------------------------------------------------------------------------------------------------

const values = (block) => Object.fromEntries(Array.from(block.matchAll(/--(\w+): (#[0-9a-f]{6})/g), ([, name, value]) => [name, value]));
const light = values(css.match(/:root \{[^}]*\}/)[0]);
const dark = { ...light, ...values(css.match(/:root\[data-theme=dark\] \{[^}]*\}/)[0]) };
const luminance = (colour) => {
  const [r, g, b] = colour.match(/[0-9a-f]{2}/g).map((pair) => parseInt(pair, 16) / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const contrast = (one, other) => {
  const [high, low] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (high + 0.05) / (low + 0.05);
};

for (const [theme, colours] of Object.entries({ light, dark })) {
  test(`${theme}: every text is at least 4.5:1 on what it stands on, every border of a control at least 3:1`, () => {
    for (const ground of ['paper', 'wash']) {
      for (const ink of ['ink', 'soft', 'link', 'good', 'care', 'bad']) {
        assert.ok(contrast(colours[ink], colours[ground]) >= 4.5, `${ink} on ${ground}: ${contrast(colours[ink], colours[ground])}`);
      }
      assert.ok(contrast(colours.edge, colours[ground]) >= 3, `edge on ${ground}`);
    }
    assert.ok(contrast(colours.paper, colours.link) >= 4.5, 'the main button');
    assert.ok(contrast('#1c1b19', '#ffe9a8') >= 4.5, 'what was found');
  });
}

test('the style names only files of nobody: nothing is loaded', () => {
  assert.doesNotMatch(css, /url\(|@import|@font-face|image-set/);
});

test('each language that the settings name has a table, and the other way round', () => {
  const listed = Array.from(sources.settings.match(/const NAMES = \{([^}]*)\}/)[1].matchAll(/(\w\w): '/g), ([, one]) => one).sort();
  const there = readdirSync(new URL('../../mirror/reader/lang/', import.meta.url)).filter((name) => name.endsWith('.json')).map((name) => name.slice(0, 2)).sort();
  assert.deepEqual(listed, there);
});
