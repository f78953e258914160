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
  off: 'M4 4l16 16M5 10a10 10 0 0 1 4-2.5M19 10a10 10 0 0 0-6-3M8.5 14a5 5 0 0 1 5-1.4M12 18.3v.4',
  pass: 'M12 15V4M7.5 8L12 3.5 16.5 8M5 12v8h14v-8',
  picture: 'M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15.5 9.2v.3',
  seek: 'M12 3a9 9 0 0 1 9 9M12 21a9 9 0 0 1-9-9M12 8a4 4 0 0 1 4 4M12 16a4 4 0 0 1-4-4',
  stop: 'M8 3h8l5 5v8l-5 5H8l-5-5V8zM12 7.5v6M12 16.4v.3',
};

/** An element. Attributes that are functions listen (`onclick`); null, undefined and false are left out. Children are
 * nodes, texts, or lists of them. */
export function h(tag, attributes, ...children) {
  return put(dress(document.createElement(tag), attributes), ...children);
}

export function dress(node, attributes) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (typeof value === 'function') node.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) {
      node.setAttribute(name, value === true ? '' : value);
    }
  }
  return node;
}

/** The node, with these children at its end. */
export function put(node, ...children) {
  for (const child of children) {
    if (Array.isArray(child)) put(node, ...child);
    else if (child !== null && child !== undefined && child !== false) node.append(child);
  }
  return node;
}

/** The node, with these children and no others. */
export function refill(node, ...children) {
  while (node.firstChild) node.firstChild.remove();
  return put(node, ...children);
}

/** Somebody else's text inside a line of ours: its direction is its own affair and ends with it, also when the text
 * itself says that it ends (in Chromium that counts for the element, too, and what follows turns ours around). */
export const bdi = (text) => h('bdi', null, String(text).replace(/[\u202a-\u202e\u2066-\u2069]/g, ''));

/** Something to copy - an address, a digest -, left to right on every page. */
export const code = (text) => h('code', { dir: 'ltr' }, String(text));

export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  dress(svg, { viewBox: '0 0 24 24', class: `icon i-${name}`, 'aria-hidden': 'true', focusable: 'false' });
  const path = document.createElementNS(SVG, 'path');
  path.setAttribute('d', ICONS[name]);
  svg.append(path);
  return svg;
}

/** Parts with something between each two; parts that are not there are left out. */
export function between(separator, parts) {
  return parts.filter(Boolean).reduce((all, part) => (all.length ? [...all, separator, part] : [part]), []);
}

/** A button of ours: its words, maybe with an icon before them. */
export function button(words, onclick, { name = null, ...attributes } = {}) {
  return h('button', { type: 'button', onclick, ...attributes }, name && icon(name), h('span', null, words));
}

/** The address if it leads to a host on the web, else null. */
export function outward(url) {
  try {
    const { protocol, hostname } = new URL(url);
    return /^https?:$/.test(protocol) && hostname ? url : null;
  } catch (_) {
    return null;
  }
}

/** The host of an address, for people: in ASCII, so that no letter can pass for another. */
export function host(url) {
  try {
    return new URL(url).hostname || url;
  } catch (_) {
    return url;
  }
}
