// Blocks as elements: each kind, and nothing that a browser would follow, load or run by itself.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { tables } from './paper.mjs';
import { Body, Notes, plain, turned } from '../../mirror/reader/src/render.mjs';
import { words } from '../../mirror/reader/src/words.mjs';
import { h } from '../../mirror/reader/src/dom.mjs';

const HOSTILE = ['<img src=x onerror=alert(1)>', '</script><script>alert(1)</script>', '&lt;b&gt;', 'javascript:alert(1)', '{publication}'];

function render(blocks, { direction = 'ltr', resources = [], language = 'en' } = {}) {
  const outs = [];
  const body = new Body({
    resources, direction, say: words(tables, language),
    out: (url, children) => (outs.push(url), h('a', { class: 'out', 'data-url': url }, children)),
    picture: (place) => h('div', { class: 'frame', 'data-place': String(place) }),
  });
  const root = h('article', null, body.render(blocks));
  return { root, outs, body };
}

const all = (node) => [node, ...(node.childNodes || []).flatMap(all)];
const elements = (node) => all(node).filter((one) => one.nodeType === 1);
const text = (node) => (node.nodeType === 3 ? node.data : node.childNodes.map(text).join(''));
const get = (node, name) => (node.attributes.find((one) => one.name === name) || {}).value;
const names = (node) => elements(node).slice(1).map((one) => one.localName);
const paragraph = (...content) => ({ type: 'paragraph', content });

function everything(said, url) {
  return [
    paragraph(said, { type: 'link', url, content: [said] }, { type: 'strong', content: [said] }, { type: 'emphasis', content: [said] },
      { type: 'sub', content: [said] }, { type: 'sup', content: [said] }, { type: 'code', text: said }, { type: 'break' }, { type: 'note', label: said }),
    { type: 'heading', level: 2, content: [said] },
    { type: 'quote', blocks: [paragraph(said)], source: said },
    { type: 'list', ordered: true, items: [[paragraph(said)], [paragraph(said), { type: 'list', ordered: false, items: [[paragraph(said)]] }]] },
    { type: 'table', caption: said, rows: [[{ content: [said], header: true }], [{ content: [said] }]] },
    { type: 'picture', resource: 0 },
    { type: 'embed', kind: 'youtube', url, title: said, text: said },
    { type: 'embed', kind: 'constructor', url },
    { type: 'rule' },
    { type: 'code', text: said },
    { type: 'update', time: '2027-03-01T08:15:00Z', title: said, blocks: [paragraph(said)] },
    { type: 'footnotes', items: [{ label: said, content: [paragraph(said)] }] },
  ];
}
const picture = { role: 'picture', media_type: 'image/webp', size: 1, digest: '0'.repeat(64), alt: 'A street', caption: 'A caption', credit: 'Somebody' };

test('every kind of block and inline becomes what it is', () => {
  const { root } = render(everything('calm words', 'https://outlet.example/a'), { resources: [picture] });
  const there = new Set(names(root));
  for (const name of ['p', 'a', 'strong', 'em', 'sub', 'sup', 'code', 'br', 'h2', 'blockquote', 'footer', 'ol', 'ul', 'li', 'table', 'caption',
    'tr', 'th', 'td', 'figure', 'figcaption', 'aside', 'hr', 'pre', 'section', 'time']) assert.ok(there.has(name), name);
});

test('hostile text stays text, wherever text can stand', () => {
  const allowed = new Set(names(render(everything('x', 'https://x.example/'), { resources: [picture] }).root));
  for (const said of HOSTILE) {
    const { root } = render(everything(said, 'https://x.example/'), { resources: [{ ...picture, alt: said, caption: said, credit: said }] });
    for (const name of names(root)) assert.ok(allowed.has(name), name);
    assert.ok(text(root).split(said).length > 15);
  }
});

test('no attribute leads anywhere: addresses stand in data, and only those of the web', () => {
  for (const url of ['javascript:alert(1)', 'data:text/html,x', 'file:///etc/passwd', 'https:', 'https://', '//x.example', 'vbscript:x', ' https://x.example']) {
    const { root, outs } = render(everything('x', url));
    for (const one of outs) assert.match(one, /^ ?https?:\/\/[^/]/);
    for (const one of elements(root)) {
      for (const { name, value } of one.attributes) {
        assert.doesNotMatch(name, /^(?:on|src|style|srcdoc|action|formaction|ping|poster|background)/);
        if (name === 'href') assert.match(value, /^#[nm]\d+$/);
      }
    }
  }
});

test('what is of no known kind is left out, and so is what lies too deep', () => {
  assert.deepEqual(names(render([{ type: 'script', content: ['x'] }, { type: '__proto__' }, paragraph({ type: 'constructor', content: ['x'] })]).root), ['p']);
  let deep = paragraph('bottom');
  for (let i = 0; i < 5000; i++) deep = { type: 'quote', blocks: [deep] };
  const { root } = render([deep]);
  assert.ok(names(root).length < 20);
  let inline = 'bottom';
  for (let i = 0; i < 5000; i++) inline = { type: 'strong', content: [inline] };
  assert.ok(names(render([paragraph('x', { type: 'break' })]).root).length === 2);
});

test('a picture has caption and credit, and only pictures are shown', () => {
  const { root, body } = render([{ type: 'picture', resource: 0 }, { type: 'picture', resource: 1 }, { type: 'picture', resource: 7 }], {
    resources: [picture, { ...picture, role: 'evidence' }, { ...picture, media_type: 'application/gzip' }],
  });
  assert.deepEqual(names(root).filter((name) => name === 'figure').length, 1);
  assert.equal(text(root), 'A captionPhoto: Somebody'.replace('captionPhoto', 'caption Photo'));
  assert.deepEqual([...body.shown], [0]);
});

test('a mark leads to the next note of its label, else to the last one before', () => {
  const note = (label, said) => ({ label, content: [paragraph(said)] });
  const blocks = [
    paragraph('a', { type: 'note', label: '1' }), { type: 'footnotes', items: [note('1', 'first')] },
    paragraph('b', { type: 'note', label: '1' }, { type: 'note', label: '9' }), { type: 'footnotes', items: [note('1', 'second')] },
    { type: 'footnotes', items: [note('1', 'goes on')] }, paragraph('c', { type: 'note', label: '1' }),
  ];
  const { root } = render(blocks);
  const marks = elements(root).filter((one) => get(one, 'role') === 'doc-noteref').map((one) => get(one, 'href'));
  assert.deepEqual(marks, ['#n1', '#n2', '#n2']);
  const ids = elements(root).map((one) => get(one, 'id')).filter(Boolean);
  assert.deepEqual(ids, ['m1', 'n1', 'm2', 'n2']);
  assert.equal(new Set(ids).size, ids.length);
  assert.deepEqual(new Notes(blocks).numbers, [[1, true], [2, true], [2, false]]);
});

test('a line against the writing direction of its article is turned, a mixed one is not', () => {
  assert.equal(turned(['An English sentence.'], 'rtl'), 'ltr');
  assert.equal(turned(['این یک جملهٔ فارسی است.'], 'ltr'), 'rtl');
  assert.equal(turned(['این جمله Firefox دارد.'], 'rtl'), null);
  assert.equal(turned(['OK'], 'rtl'), null);
  assert.equal(turned(['1, 2, 3 …'], 'rtl'), null);
  assert.equal(plain(['a', { type: 'link', url: 'x', content: ['b'] }, { type: 'note', label: '1' }, { type: 'break' }, { type: 'code', text: 'c' }]), 'ab c');
});

test('our words in a text say which language they are in', () => {
  const { root } = render([{ type: 'embed', kind: 'youtube', url: 'https://v.example/' }, { type: 'picture', resource: 0 }], { resources: [picture], language: 'fa' });
  const ours = elements(root).filter((one) => get(one, 'lang') === 'fa');
  assert.ok(ours.length >= 2);
  for (const one of ours) assert.equal(get(one, 'dir'), 'rtl');
});
