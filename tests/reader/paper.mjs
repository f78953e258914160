// A document without a browser: as much of one as rendering to a page needs.

import { readFileSync, readdirSync } from 'node:fs';

class Element {
  constructor(name) {
    Object.assign(this, { nodeType: 1, nodeName: name.toUpperCase(), localName: name, attributes: [], childNodes: [], listeners: {} });
    Object.assign(this, { isConnected: true, classList: { toggle() {} }, style: { setProperty() {} } });
  }

  get textContent() {
    return this.childNodes.map((one) => (one.nodeType === 3 ? one.data : one.textContent)).join('');
  }

  set textContent(text) {
    this.childNodes = [];
    if (text) this.append(text);
  }

  setAttribute(name, value) {
    this.attributes.push({ name: name.toLowerCase(), value: String(value) });
  }

  addEventListener(name, make) {
    this.listeners[name] = make;
  }

  append(...nodes) {
    for (const node of nodes) {
      this.childNodes.push(typeof node === 'object' ? node : { nodeType: 3, nodeName: '#text', data: String(node) });
    }
  }
}

const createElement = (name) => new Element(name);
globalThis.document = { createElement, createElementNS: (_, name) => createElement(name) };

const folder = (path) => {
  const home = new URL(`../../${path}/`, import.meta.url);
  const names = readdirSync(home).filter((name) => name.endsWith('.json'));
  const read = (name) => JSON.parse(readFileSync(new URL(name, home), 'utf8'));
  return Object.fromEntries(names.map((name) => [name.slice(0, -5), read(name)]));
};

/** The words of the interface by language, as the built file has them. */
export const tables = folder('mirror/reader/lang');
for (const [code, words] of Object.entries(folder('mirror/pages/shared'))) {
  const ours = Object.entries(words).filter(([key]) => key.startsWith('page.'));
  if (tables[code]) Object.assign(tables[code], Object.fromEntries(ours));
}
