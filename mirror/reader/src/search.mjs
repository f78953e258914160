// Search over what is stored here, and over the headlines of the edition: nothing is asked of anybody.

import { h, page, refill } from './dom.mjs';
import { entry, itemOf, newest } from './front.mjs';
import { texts } from './render.mjs';

// й and ї are letters of their own; all other marks go, and what is not seen.
const MARKS = /(и\u0306|і\u0308)|[\u0300-\u036f\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06ed\p{Cf}]/gu;
const SAME = { ґ: 'г', ي: 'ی', ى: 'ی', ك: 'ک', ة: 'ه', ٱ: 'ا', ß: 'ss', ł: 'l', ø: 'o', æ: 'ae', œ: 'oe' };
const CJK = /[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uac00-\ud7af]/;
const MOST = 60;
const SPAN = 90; // characters of a text shown on both sides of what was found

/** A text as it is compared: small letters without marks, the same letter for the same sound in Persian and Arabic. */
export const fold = (text) =>
  text.normalize('NFKD').toLowerCase().replace(MARKS, '$1').replace(/[ґيىكةٱßłøæœ]/g, (letter) => SAME[letter]).normalize('NFC');

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
export function score({ title, head, body }, wanted) {
  const fits = wanted.map((term) => title.includes(term) * 8 + head.includes(term) * 3 + body.includes(term));
  return fits.every(Boolean) ? fits.reduce((sum, fit) => sum + fit, 0) : 0;
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
  let at = 0;
  const out = places(text, wanted).flatMap(([start, end]) => {
    const before = text.slice(at, start);
    at = end;
    return [before, h('mark', text.slice(start, end))];
  });
  return [out, text.slice(at)];
}

/** The part of the document around the first word found, or its first lines. */
function snippet(document, wanted) {
  for (const text of [document.lead, ...texts(document.blocks || [])]) {
    const [[start, end] = []] = places((text || '').slice(0, 5000), wanted);
    if (!end) continue;
    const from = start <= SPAN ? 0 : Math.min(start, text.indexOf(' ', start - SPAN) + 1 || start - SPAN);
    const to = end + SPAN * 2;
    return h('p', { dir: 'auto' }, from > 0 && '… ', marked(text.slice(from, to), wanted), to < text.length && ' …');
  }
  return null;
}

/** The view {title, node}. */
export async function search(app) {
  const { say, engine } = app;
  // A mirror that was asked for the small pictures would know what is looked for.
  const known = new Map(engine.items().map((item) => [item.digest, { item: { ...item, thumbnail: null }, document: item }]));
  for (const { digest, document } of await engine.stored()) {
    known.set(digest, { item: itemOf(digest, document, known.get(digest)), document });
  }
  const all = [...known.values()];
  // The words that were looked for stay when one comes back from an article, but not in the browser's memory.
  const input = h('input', {
    type: 'search', 'aria-labelledby': 'title', autocomplete: 'off', spellcheck: 'false', dir: 'auto', enterkeyhint: 'search',
    oninput: () => {
      clearTimeout(later);
      later = setTimeout(find, 150);
    },
  });
  input.value = app.query || '';
  const count = h('p.ui', { role: 'status' });
  const list = h('ul.list.found');
  let later;
  const find = () => {
    app.query = input.value;
    const wanted = terms(app.query);
    for (const one of all) one.fit = wanted.length && score((one.ready = one.ready || prepare(one.document)), wanted);
    const hits = all.filter(({ fit }) => fit).sort((one, other) => other.fit - one.fit || newest(one.item, other.item));
    refill(count, wanted.length ? say.count('found', hits.length) : say('search.what'));
    refill(list, hits.slice(0, MOST).map(({ item, document }) =>
      entry(app, item, 0, { snippet: snippet(document, wanted), outlet: item.outletName, tag: 'h2' })));
  };
  find();
  const onsubmit = (event) => {
    event.preventDefault();
    find();
  };
  return page(say('search'), h('form', { role: 'search', onsubmit }, input, count, list));
}
