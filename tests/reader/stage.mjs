// The interface with an engine that makes things up (fake_engine.mjs), in a window without a browser: what looks and moves is
// for the trials in browsers; here is who has the focus, where one comes back to, and what is asked of whom.

import { Element, tables } from './paper.mjs';
import { createFake, deeds, publication } from './fake_engine.mjs';
import { mount } from '../../mirror/reader/src/ui.mjs';

const listeners = {};
const sights = new Set();
const urls = { made: 0, open: new Set() };
let entries = [];
let place = 0;

function pass(state, address) {
  if (history.forbidden) throw new DOMException('no', 'SecurityError');
  if (address !== undefined) location.hash = address.length > 1 ? address : '';
  return { state, hash: location.hash };
}

const history = {
  forbidden: false,
  left: false, // the page, by going back from its first entry
  replaceState: (state, _, address) => (entries[place] = pass(state, address)),
  pushState(state, _, address) {
    entries = [...entries.slice(0, place + 1), pass(state, address)];
    place = entries.length - 1;
  },
  back() {
    if (place === 0) {
      history.left = true;
      return;
    }
    place -= 1;
    location.hash = entries[place].hash;
    for (const listener of listeners.popstate) listener({ state: entries[place].state });
  },
};
const location = { hash: '' };

class Watch {
  constructor(deed) {
    this.deed = deed;
    sights.add(this);
  }

  observe() {}

  disconnect() {
    sights.delete(this);
  }
}

Object.assign(globalThis, {
  history,
  location,
  scrollY: 0,
  scrollTo: (_, y) => (globalThis.scrollY = y),
  matchMedia: () => ({ matches: false, addEventListener() {} }),
  addEventListener: (kind, listener) => (listeners[kind] = [listener]),
  IntersectionObserver: Watch,
  setInterval: () => 0,
});
Object.defineProperty(globalThis, 'navigator', { value: { languages: ['en'] }, configurable: true });
URL.createObjectURL = () => {
  const url = `blob:${(urls.made += 1)}`;
  urls.open.add(url);
  return url;
};
URL.revokeObjectURL = (url) => urls.open.delete(url);

/** A reader that was just opened: {app, engine, history, sights, urls, main, text, find, rest}. */
export async function stage({ forbidden = false, change = () => {}, ...asked } = {}) {
  entries = [];
  place = 0;
  sights.clear();
  urls.open.clear();
  Object.assign(history, { forbidden, left: false });
  Object.assign(location, { hash: '' });
  globalThis.scrollY = 0;
  const [html, body, root] = ['html', 'body', 'div'].map((name) => new Element(name));
  root.id = 'app';
  Object.assign(document, {
    documentElement: html, body, activeElement: body, title: '', getElementById: (id) => html.querySelector(`#${id}`),
  });
  html.append(body);
  body.append(root);
  const engine = createFake(asked);
  change(engine);
  const app = await mount({ boot: { publication, tables }, engine, deeds });
  const { main } = app;
  return {
    app, engine, history, sights, urls, main, root,
    /** The element inside with these words and no others. */
    find: (words, name = null) => root.all.find((one) => one.textContent === words && (!name || one.localName === name)),
  };
}

/** What was begun has come as far as it can by itself. */
export const settled = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
