// A document without a browser: as much of one as rendering to a page needs, and as the interface asks of one (stage.mjs).

import { readFileSync, readdirSync } from 'node:fs';

class Node {
  constructor() {
    this.parentNode = null;
  }

  get isConnected() {
    // Without a page (stage.mjs makes one) whatever is made counts as shown.
    if (!document.documentElement || this === document.documentElement) return true;
    return Boolean(this.parentNode && this.parentNode.isConnected);
  }

  remove() {
    if (!this.parentNode) return;
    // As in a browser, what has the focus loses it with its place.
    if (this.contains && this.contains(document.activeElement)) document.activeElement = document.body;
    this.parentNode.childNodes = this.parentNode.childNodes.filter((one) => one !== this);
    this.parentNode = null;
  }
}

class Text extends Node {
  constructor(data) {
    super();
    Object.assign(this, { nodeType: 3, nodeName: '#text', data });
  }

  get textContent() {
    return this.data;
  }
}

// Attributes that are members, too, as far as the interface uses them so.
const MIRRORED = { id: 'id', class: 'className', value: 'value', tabindex: 'tabIndex', role: 'role' };

export class Element extends Node {
  constructor(name) {
    super();
    Object.assign(this, { nodeType: 1, nodeName: name.toUpperCase(), localName: name, attributes: [], childNodes: [], listeners: {}, dataset: {} });
    Object.assign(this, { id: '', className: '', value: '', tabIndex: null, hidden: false, files: [] });
    this.style = { setProperty() {} };
    const names = () => this.className.split(' ').filter(Boolean);
    this.classList = {
      add: (one) => (this.className = [...new Set([...names(), one])].join(' ')),
      remove: (one) => (this.className = names().filter((other) => other !== one).join(' ')),
      toggle: (one, on) => this.classList[on ? 'add' : 'remove'](one),
    };
  }

  setAttribute(name, value) {
    const key = name.toLowerCase();
    this.removeAttribute(key);
    this.attributes.push({ name: key, value: String(value) });
    if (MIRRORED[key]) this[MIRRORED[key]] = String(value);
  }

  removeAttribute(name) {
    this.attributes = this.attributes.filter((one) => one.name !== name);
  }

  getAttribute(name) {
    const found = this.attributes.find((one) => one.name === name);
    return found ? found.value : null;
  }

  addEventListener(kind, listener) {
    this.listeners[kind] = listener;
  }

  append(...nodes) {
    for (const node of nodes) {
      const child = typeof node === 'object' ? node : new Text(String(node));
      child.remove();
      child.parentNode = this;
      this.childNodes.push(child);
    }
  }

  prepend(node) {
    this.append(node);
    this.childNodes.unshift(this.childNodes.pop());
  }

  replaceWith(node) {
    const { parentNode } = this;
    if (!parentNode) return;
    parentNode.append(node);
    parentNode.childNodes.splice(parentNode.childNodes.indexOf(this), 1, parentNode.childNodes.pop());
    this.parentNode = null;
  }

  get textContent() {
    return this.childNodes.map((one) => one.textContent).join('');
  }

  set textContent(text) {
    for (const one of [...this.childNodes]) one.remove();
    if (text) this.append(text);
  }

  /** This element and all in it. */
  get all() {
    return [this, ...this.childNodes.flatMap((one) => (one.all ? one.all : []))];
  }

  contains(node) {
    return this.all.includes(node);
  }

  /** The first element inside of such a name, id or class: one of the three, and nothing else. */
  querySelector(what) {
    const fits = what[0] === '.' ? (one) => one.className.split(' ').includes(what.slice(1))
      : what[0] === '#' ? (one) => one.id === what.slice(1) : (one) => one.localName === what;
    return this.all.slice(1).find(fits) || null;
  }

  focus() {
    const reached = this.tabIndex !== null || ['a', 'button', 'input', 'select'].includes(this.localName);
    if (reached && this.isConnected) document.activeElement = this;
  }

  /** As somebody who clicks: what comes of it, when that takes a while. */
  click() {
    return this.fire('click');
  }

  fire(kind, event = {}) {
    return this.listeners[kind]({ preventDefault() {}, target: this, ...event });
  }

  scrollIntoView() {}
}

globalThis.document = { createElement: (name) => new Element(name), createElementNS: (_, name) => new Element(name) };

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
