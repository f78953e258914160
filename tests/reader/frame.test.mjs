// The frame around every view, as somebody meets it who goes from one to the next: focus, places, and what is asked of whom.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { tables } from './paper.mjs';
import { settled, stage } from './stage.mjs';

const { en } = tables;
const never = () => new Promise(() => {});
const digestOf = ({ engine }) => engine.items()[0].digest;

test('who comes back before an article was there finds the list where it was left', async () => {
  const { app, engine } = await stage({ change: (one) => (one.article = never) });
  globalThis.scrollY = 900;
  app.go('article', digestOf({ engine }));
  globalThis.scrollY = 0; // a line that says "loading" is shorter than the list
  app.back();
  await settled();
  assert.equal(app.shown.view, 'front');
  assert.equal(globalThis.scrollY, 900);
});

test('the way back leads back where a viewer keeps no history, and not out of the page', async () => {
  const { app, history, main } = await stage({ forbidden: true });
  await app.go('settings');
  await app.go('mirrors');
  await app.back();
  await settled();
  assert.equal(app.shown.view, 'settings');
  await app.back();
  await settled();
  assert.ok(main.querySelector('.mast'));
  assert.equal(history.left, false);
});

test('each view begins with the focus on its heading, and back is where one was', async () => {
  const { app } = await stage();
  assert.equal(document.activeElement, document.body);
  globalThis.scrollY = 300;
  await app.go('settings');
  assert.equal(document.activeElement.textContent, en.settings);
  assert.equal(globalThis.scrollY, 0);
  app.back();
  await settled();
  assert.equal(document.activeElement.localName, 'h1');
  assert.equal(globalThis.scrollY, 300);
});

test('the line that says what is known changes its words under the focus, and stays', async () => {
  const { root, engine } = await stage();
  const line = root.querySelector('footer').querySelector('a');
  line.focus();
  for (const state of ['searching', 'offline', 'verified']) {
    engine.become(state);
    assert.ok(line.textContent.startsWith(en[`state.${state}`]));
    assert.equal(document.activeElement, line);
  }
  assert.ok(line.querySelector('.i-check'));
});

test('what is known about the state follows it, with the focus where it was', async () => {
  const { app, engine, main, find } = await stage({ name: 'searching' });
  await app.go('about');
  assert.ok(find(en['state.searching'], 'h2'));
  engine.become('verified');
  await settled();
  assert.ok(find(en['state.verified'], 'h2'));
  assert.equal(document.activeElement, main.querySelector('h1'));
  find(en.again, 'button').focus();
  engine.become('offline');
  await settled();
  assert.ok(find(en['state.offline'], 'h2'));
  assert.equal(document.activeElement, find(en.again, 'button'));
});

test('what somebody writes into a field is not taken away by news of a mirror', async () => {
  const { app, engine, main } = await stage();
  await app.go('mirrors');
  const input = main.querySelector('input');
  input.focus();
  input.value = 'https://';
  engine.become('offline');
  await settled();
  assert.equal(main.querySelector('input'), input);
});

test('an address that can be no mirror is said to be wrong; one that can is in the list, and the focus ready for the next', async () => {
  const asked = [];
  const { app, engine, main, find } = await stage();
  const { addMirror } = engine;
  engine.addMirror = async (url) => asked.push(url) && !url.includes('?') && Boolean(await addMirror(url));
  await app.go('mirrors');
  const add = async (address) => {
    const input = main.querySelector('input');
    input.focus();
    input.value = address;
    await main.querySelector('form').fire('submit');
    await settled();
  };
  await add('https://four.example/?from=me');
  assert.ok(find(en['mirror.wrong']));
  assert.equal(main.querySelector('input').getAttribute('aria-invalid'), 'true');
  await add('https://four.example/');
  assert.deepEqual(asked, ['https://four.example/?from=me', 'https://four.example/']);
  assert.ok(find('four.example') && !find(en['mirror.wrong']));
  assert.equal(document.activeElement, main.querySelector('input'));
});

test('the newer edition comes when it is asked for, and the focus does not fall out of the page', async () => {
  const { engine, main, find } = await stage();
  globalThis.scrollY = 500;
  engine.become('verified', { edition: { ...engine.edition, serial: 1825 } });
  const offer = find(en['edition.newer'], 'button');
  assert.ok(offer);
  offer.focus();
  await offer.click();
  await settled();
  assert.equal(find(en['edition.newer'], 'button'), undefined);
  assert.equal(document.activeElement, main.querySelector('h1'));
  assert.equal(globalThis.scrollY, 0);
});

test('what was found is shown without a question to anybody: a mirror would learn what is looked for', async () => {
  const { app, main, sights } = await stage({ stored: 0 });
  assert.ok(sights.size > 0, 'pictures beside headlines wait to be seen');
  await app.go('search');
  main.querySelector('input').value = 'flood';
  await main.querySelector('form').fire('submit');
  assert.ok(main.querySelector('.item'));
  assert.equal(sights.size, 0);
});

test('the bytes of pictures are let go with the list that showed them', async () => {
  const { app, sights, urls } = await stage({ change: (one) => (one.thumbnail = async () => new Blob(['picture'])) });
  const seen = async () => {
    for (const { deed } of [...sights]) deed([{ isIntersecting: true }]);
    await settled();
    return urls.open.size;
  };
  const many = await seen();
  assert.ok(many > 0);
  await app.redraw();
  assert.equal(urls.open.size, 0);
  assert.equal(await seen(), many);
});

test('an edition without articles, or without outlets, is an edition', async () => {
  const of = async (outlets) => {
    const { app, engine, main } = await stage();
    engine.edition = { ...engine.edition, outlets };
    await app.redraw();
    return main;
  };
  const [first] = (await stage()).engine.edition.outlets;
  for (const outlets of [[], [{ ...first, articles: [], older: undefined }]]) {
    const main = await of(outlets);
    assert.match(main.querySelector('.mast').textContent, /Example News.*Edition \u20681824/);
    assert.ok(main.textContent.includes(en.none));
    assert.ok(main.querySelector('details').textContent.startsWith('Withdrawn articles: 1'));
  }
});

test('a wipe that the browser did not let happen is not said to have happened', async () => {
  for (const [gone, words] of [[true, en['wipe.done']], [false, 'That did not work: ']]) {
    const { app, find, root } = await stage();
    app.deeds = { ...app.deeds, wipeAll: async () => gone };
    await app.go('settings');
    const wiping = find(en.wipe, 'button').click();
    const [, yes] = document.body.querySelector('dialog').all.filter((one) => one.localName === 'button');
    await yes.click();
    await wiping;
    assert.ok(root.all.find((one) => one.className === 'said').textContent.replace(/[\u2066-\u2069]/g, '').startsWith(words));
  }
});

test('a reader whose storage is forbidden begins all the same', async () => {
  const forbidden = () => Promise.reject(new DOMException('no', 'SecurityError'));
  const { main } = await stage({ forbidden: true, change: (one) => Object.assign(one.settings, { get: forbidden, set: forbidden }) });
  assert.ok(main.querySelector('.item'));
});

test('a newer reader that is saved right after "keep nothing" was ticked remembers nothing', async () => {
  const { app, main, find } = await stage({ fresh: true, change: (one) => (one.setMemoryOnly = never) });
  const saved = [];
  const save = async ({ withState }) => {
    saved.push(withState);
    return new Blob([]);
  };
  app.deeds = { ...app.deeds, newerReader: async () => ({ size: 97_000, digest: 'ab'.repeat(32), save }) };
  app.hand = () => {};
  await app.go('settings');
  await settled();
  await find(en['update.save'], 'button').click();
  const box = main.all.find((one) => one.getAttribute('type') === 'checkbox');
  box.checked = true;
  box.fire('change');
  await find(en['update.save'], 'button').click();
  assert.deepEqual(saved, [true, false]);
});
