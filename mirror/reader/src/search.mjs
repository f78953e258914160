// Search over what is stored here, and over the headlines of the edition: nothing is asked of anybody.

import { bdi, h, refill } from './dom.mjs';
import { entry, itemOf } from './front.mjs';
import { texts } from './render.mjs';

const MARKS = /[\u0300-\u036f\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06ed\u200b-\u200f\u00ad\u2060\u2066-\u2069\u202a-\u202e]/g;
const SAME = { ё: 'е', ґ: 'г', ي: 'ی', ى: 'ی', ك: 'ک', ة: 'ه', أ: 'ا', إ: 'ا', آ: 'ا', ٱ: 'ا', ؤ: 'و', ئ: 'ی', ß: 'ss', ł: 'l', ø: 'o', æ: 'ae', œ: 'oe' };
const CJK = /[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uac00-\ud7af]/;
const MOST = 60;
const SPAN = 90; // characters of a text shown on both sides of what was found

/** A text as it is compared: small letters without marks, the same letter for the same sound in Persian and Arabic. */
export function fold(text) {
  const small = text.normalize('NFKC').toLowerCase().replace(/[ёґيىكةأإآٱؤئßłøæœ]/g, (c) => SAME[c]);
  // й and ї are letters of their own, and are kept.
  return small.replace(/[йї]/g, (c) => (c === 'й' ? '\ue000' : '\ue001')).normalize('NFD').replace(MARKS, '')
    .replace(/[\ue000\ue001]/g, (c) => (c === '\ue000' ? 'й' : 'ї')).normalize('NFC');
}

/** The words of a query, folded; endings that change are cut off longer words (searched in the middle of words, too). */
export function terms(query) {
  return fold(query).split(/[^\p{L}\p{N}]+/u).filter(Boolean).slice(0, 12).map((word) => {
    const length = [...word].length;
    if (CJK.test(word) || /\p{N}/u.test(word) || length < 5) return word;
    if (/[а-яіўєї]/.test(word)) return word.slice(0, length < 7 ? -1 : -2);
    return word.replace(length < 7 ? /[aeiosy]$/ : /[aeiosy]{1,2}$/, '');
  });
}

/** One document made ready: {title, head, body}, all folded. */
export function prepare(document) {
  const head = [document.lead, document.section, ...(document.tags || []), ...(document.authors || [])];
  return {
    title: fold(document.title),
    head: fold(head.filter(Boolean).join('\n')),
    body: fold(texts(document.blocks || []).join('\n')),
  };
}

/** How well a prepared document fits: 0 when a word is nowhere in it. */
export function score(ready, wanted) {
  let sum = 0;
  for (const term of wanted) {
    const here = (ready.title.includes(term) ? 8 : 0) + (ready.head.includes(term) ? 3 : 0) + (ready.body.includes(term) ? 1 : 0);
    if (!here) return 0;
    sum += here;
  }
  return sum;
}

/** The places in a text where one of the words stands: [[start, end]], in order, none over another. */
export function places(text, wanted) {
  // Folding can change lengths: each letter is folded by itself, and its place remembered.
  let folded = '';
  const from = [];
  let at = 0;
  for (const letter of text) {
    const small = fold(letter);
    for (let i = 0; i < small.length; i++) from.push(at);
    folded += small;
    at += letter.length;
  }
  from.push(at);
  const found = [];
  for (const term of wanted) {
    for (let i = folded.indexOf(term); i >= 0 && found.length < 50; i = folded.indexOf(term, i + term.length)) {
      found.push([from[i], from[i + term.length]]);
    }
  }
  found.sort((one, other) => one[0] - other[0]);
  let end = 0;
  return found.filter(([start, stop]) => start >= end && (end = stop));
}

/** A text with what was found marked, as nodes. */
function marked(text, wanted) {
  const out = [];
  let at = 0;
  for (const [start, end] of places(text, wanted)) {
    out.push(text.slice(at, start), h('mark', null, text.slice(start, end)));
    at = end;
  }
  return [...out, text.slice(at)];
}

/** The part of the document around the first word found, or its first lines. */
function snippet(document, wanted) {
  for (const text of [document.lead, ...texts(document.blocks || [])]) {
    const [first] = text ? places(text.slice(0, 5000), wanted) : [];
    if (!first) continue;
    const start = first[0] <= SPAN ? 0 : text.indexOf(' ', first[0] - SPAN) + 1 || first[0] - SPAN;
    const from = Math.min(start, first[0]);
    const rest = text.slice(from, first[1] + SPAN * 2);
    return h('p', { dir: 'auto' }, from > 0 && '… ', marked(rest, wanted), first[1] + SPAN * 2 < text.length && ' …');
  }
  return document.lead ? h('p', { dir: 'auto' }, document.lead) : null;
}

/** The view {title, node}. */
export async function search(app) {
  const { say, engine } = app;
  const known = new Map();
  for (const item of engine.items()) known.set(item.digest, { item, document: item });
  for (const { digest, document } of await engine.stored()) {
    const seen = known.get(digest);
    known.set(digest, { item: { ...itemOf(digest, document), read: Boolean(seen && seen.item.read) }, document });
  }
  const all = [...known.values()];
  const input = h('input', { type: 'search', 'aria-labelledby': 'looking', autocomplete: 'off', spellcheck: 'false', dir: 'auto', enterkeyhint: 'search' });
  const count = h('p', { class: 'ui', role: 'status' });
  const list = h('ul', { class: 'list found' });
  const find = () => {
    app.query = input.value;
    const wanted = terms(input.value);
    const hits = !wanted.length ? [] : all
      .map((one) => ({ ...one, fit: score((one.ready = one.ready || prepare(one.document)), wanted) }))
      .filter(({ fit }) => fit > 0)
      .sort((one, other) => other.fit - one.fit || (time(one.item) < time(other.item) ? 1 : -1));
    refill(count, wanted.length ? say.count('found', hits.length) : say('search.what'));
    refill(list, hits.slice(0, MOST).map(({ item, document }) =>
      entry(app, item, 0, { snippet: snippet(document, wanted), outlet: item.outletName, tag: 'h2' })));
  };
  const time = (item) => item.published || item.fetched || '';
  let later = null;
  input.addEventListener('input', () => {
    clearTimeout(later);
    later = setTimeout(find, 150);
  });
  // The words that were looked for stay when one comes back from an article, but not in the browser's memory.
  if (app.query) input.value = app.query;
  find();
  return {
    title: say('search'),
    node: h('form', { class: 'search', role: 'search', onsubmit: (event) => {
      event.preventDefault();
      find();
    } }, h('h1', { class: 'over', id: 'looking' }, say('search')), input, count, list),
  };
}
