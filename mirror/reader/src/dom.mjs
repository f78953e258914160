// Elements without an HTML parser: nothing here takes markup, so no text can become any.

const SVG = 'http://www.w3.org/2000/svg';

// Drawn on a grid of 24 with a stroke; each stands beside words, never alone for a meaning.
const ICONS = {
  back: 'M15 5l-7 7 7 7',
  check: 'M4 12.5l5 5L20 6.5',
  clock: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 7v5l3.5 2',
  close: 'M6 6l12 12M18 6L6 18',
  down: 'M12 4v11M7 11l5 5 5-5M5 20h14',
  gear: 'M4 7h10M18 7h2M4 17h2M10 17h10M16 4.5v5M8 14.5v5',
  info: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 11v6M12 7.2v.3',
  lens: 'M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM15.5 15.5L21 21',
  off: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM6 6l12 12',
  pass: 'M12 15V4M7.5 8L12 3.5 16.5 8M5 12v8h14v-8',
  picture: 'M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4',
  seek: 'M12 3a9 9 0 0 1 9 9M12 21a9 9 0 0 1-9-9',
  stop: 'M8 3h8l5 5v8l-5 5H8l-5-5V8zM12 7.5v6M12 16.4v.3',
};

/** An element: `h('p.ui', {lang: 'en'}, …)`; the name may have classes after it. Attributes can be left out; those that are
 * functions listen (`onclick`), null, undefined and false are not there. Children are nodes, texts, or lists of them. */
export function h(tag, ...rest) {
  const [name, ...classes] = tag.split('.');
  const node = document.createElement(name);
  if (classes.length) dress(node, { class: classes.join(' ') });
  const attributes = rest[0] && rest[0].constructor === Object ? rest.shift() : {};
  return put(dress(node, attributes), rest);
}

export function dress(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') node.addEventListener(name.slice(2), value);
    else if (value || value === 0 || value === '') node.setAttribute(name, value === true ? '' : value);
  }
  return node;
}

/** The node, with these children at its end. */
export function put(node, ...children) {
  for (const child of children.flat(Infinity)) if (child) node.append(child);
  return node;
}

/** The node, with these children and no others. */
export function refill(node, ...children) {
  node.textContent = '';
  return put(node, children);
}

/** A text without what turns lines around. */
export const unturned = (text) => String(text).replace(/[\u202a-\u202e\u2066-\u2069]/g, '');

/** Somebody else's text inside a line of ours: its direction is its own affair and ends with it, also when the text
 * itself says that it ends (in Chromium that counts for the element, too, and what follows turns ours around). */
export const bdi = (text) => h('bdi', unturned(text));

/** Something to copy - an address, a digest -, left to right on every page. */
export const code = (text) => h('code', { dir: 'ltr' }, String(text));

/** A sentence of the program for those who look for a fault: it is English. */
export const reason = (text) => h('p.ui.reason', { lang: 'en', dir: 'ltr' }, String(text).slice(0, 1000));

/** What is shown only to whoever asks. */
export const folded = (summary, ...children) => h('details.ui', h('summary', summary), children);

/** A view whose title is its heading; `title` may be somebody else's. */
export const page = (title, ...children) => ({ title, node: h('div.page', h('h1.over', { id: 'title' }, bdi(title)), children) });

/** A line to be noticed above what is shown. */
export const notice = (...words) => h('div.notice', { role: 'note' }, icon('info'), h('div', words));

/** A moment, for machines and in words. */
export const when = (time, words) => h('time', { datetime: time }, words);

/** Names and what they stand for, [key of words, value]; without those that there are none of. */
export const facts = (say, list) =>
  h('dl', list.filter(([, value]) => value).map(([key, value]) => [h('dt', say(key)), h('dd', value)]));

export function icon(name) {
  const [svg, path] = ['svg', 'path'].map((tag) => document.createElementNS(SVG, tag));
  return put(dress(svg, { viewBox: '0 0 24 24', class: `icon i-${name}`, 'aria-hidden': 'true' }), dress(path, { d: ICONS[name] }));
}

/** Parts with something between each two; parts that are not there are left out. */
export const between = (separator, parts) => parts.filter(Boolean).flatMap((part, at) => (at ? [separator, part] : [part]));

/** A button of ours: its words, maybe with an icon before them. */
export const button = (words, onclick, { name, ...attributes } = {}) =>
  h('button', { type: 'button', onclick, ...attributes }, name && icon(name), h('span', words));

function parts(url) {
  try {
    return new URL(url);
  } catch (_) {
    return {};
  }
}

/** The address if it leads to a host on the web, else null. */
export function outward(url) {
  const { protocol, hostname } = parts(url);
  return /^https?:$/.test(protocol) && hostname ? url : null;
}

/** The host of an address, for people: in ASCII, so that no letter can pass for another. */
export const host = (url) => parts(url).hostname || url;
