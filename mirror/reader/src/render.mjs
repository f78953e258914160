// Typed blocks as elements: the twin of mirror/pages/blocks.py. Each kind of block has one function; what is of no known
// kind is left out. Texts become text nodes; no address of an outlet becomes one that a browser could follow by itself.

import { bdi, between, h, host, outward } from './dom.mjs';

// Whose player it was is told by the host beside it.
const EMBEDS = {
  youtube: 'video', vimeo: 'video', tiktok: 'video', telegram: 'post', x: 'post', facebook: 'post', instagram: 'post',
  soundcloud: 'audio',
};
const STYLES = { strong: 'strong', emphasis: 'em', sub: 'sub', sup: 'sup' };
const DEEPEST = 12; // blocks and inlines inside one another; the schema allows fewer
const LETTER = /\p{L}/u;
const RIGHT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;

const has = (table, key) => Object.prototype.hasOwnProperty.call(table, key);

/** The text of inlines, without what they look like. */
export function plain(content) {
  return content.map((one) => (typeof one === 'string' ? one : one.type === 'break' ? ' ' : one.type === 'note' ? ''
    : one.text || plain(one.content || []))).join('');
}

/** All texts of a document's blocks, in order, for searching. */
export function texts(blocks, out = []) {
  for (const block of blocks) {
    if (block.content) out.push(plain(block.content));
    if (block.title) out.push(block.title);
    if (block.text) out.push(block.text);
    if (block.caption) out.push(block.caption);
    if (block.blocks) texts(block.blocks, out);
    for (const item of block.items || []) texts(Array.isArray(item) ? item : item.content || [], out);
    for (const row of block.rows || []) out.push(row.map((cell) => plain(cell.content)).join(' '));
  }
  return out;
}

/** Which footnote a mark belongs to: the next one with its label, else the last one before. Two of one label in
 * neighbouring blocks are one note that was cut, and have one number. */
export class Notes {
  constructor(blocks) {
    this.marked = new Set();
    this.entered = 0; // notes that were shown already
    this.numbers = []; // of each note in order: [number, whether it begins there]
    this.places = new Map(); // label: where notes with it stand, in order
    let before = null;
    blocks.forEach((block, place) => {
      for (const { label } of block.type === 'footnotes' ? block.items : []) {
        const here = this.numbers.length;
        const goesOn = before !== null && before.place === place - 1 && before.label === label;
        const number = goesOn ? before.number : here + 1;
        this.numbers.push([number, !goesOn]);
        this.places.set(label, [...(this.places.get(label) || []), here]);
        before = { place, label, number };
      }
    });
  }

  /** The number of the note that a mark of this label, standing here, belongs to, and whether it is its first mark. */
  mark(label) {
    const places = this.places.get(label);
    if (!places) return [null, false];
    const next = places.find((place) => place >= this.entered);
    const [number] = this.numbers[next === undefined ? places[places.length - 1] : next];
    const first = !this.marked.has(number);
    this.marked.add(number);
    return [number, first];
  }

  /** The number of the note that is shown now, and whether it begins here. */
  enter() {
    this.entered += 1;
    return this.numbers[this.entered - 1];
  }
}

/** The direction of a line that runs against its article: when nearly all of its letters do, first of all the first one.
 * An English sentence in a Persian text is unreadable without. */
export function turned(content, direction) {
  let against = 0;
  let all = 0;
  for (const letter of plain(content).slice(0, 400)) {
    if (!LETTER.test(letter)) continue;
    const way = RIGHT.test(letter) ? 'rtl' : 'ltr';
    if (all === 0 && way === direction) return null;
    all += 1;
    if (way !== direction) against += 1;
  }
  return against >= 8 && against >= 0.8 * all ? (direction === 'rtl' ? 'ltr' : 'rtl') : null;
}

/** Renders one article's blocks.
 *
 *   resources, direction    the article's
 *   say                     our words
 *   out(url, children)      an element that leads out, or none
 *   picture(place)          an element for the picture there, or null; `shown` gathers the places */
export class Body {
  constructor({ resources, direction, say, out, picture }) {
    Object.assign(this, { resources, direction, say, out, draw: picture, shown: new Set(), updates: 0 });
  }

  render(blocks, depth = 0) {
    if (depth === 0) this.notes = new Notes(blocks);
    return depth > DEEPEST ? [] : blocks.map((block) => this.block(block, depth));
  }

  block(block, depth) {
    const kind = block.type;
    const inner = (list) => this.render(list, depth + 1);
    if (kind === 'paragraph') return this.lined('p', block.content);
    if (kind === 'heading') return this.lined(`h${Math.min(Math.max(block.level, 2), 4)}`, block.content);
    if (kind === 'quote') {
      return h('blockquote', null, inner(block.blocks), block.source && h('footer', null, '— ', bdi(block.source)));
    }
    if (kind === 'list') {
      // A list of plain lines needs no paragraphs inside its points.
      return h(block.ordered ? 'ol' : 'ul', null, block.items.map((item) =>
        item.length === 1 && item[0].type === 'paragraph' ? this.lined('li', item[0].content) : h('li', null, inner(item))));
    }
    if (kind === 'table') return this.table(block);
    if (kind === 'picture') return this.picture(block.resource);
    if (kind === 'embed') return this.embed(block);
    if (kind === 'rule') return h('hr');
    if (kind === 'code') {
      return h('pre', { dir: 'auto', tabindex: '0' }, h('code', null, block.text));
    }
    if (kind === 'update') {
      this.updates += 1;
      return h('section', { class: 'update', id: `u${this.updates}` },
        block.time && h('time', { datetime: block.time, ...this.ours() }, this.say.moment(block.time)),
        block.title && h('h2', null, bdi(block.title)), inner(block.blocks));
    }
    if (kind === 'footnotes') return this.footnotes(block, depth);
    return null;
  }

  /** Marks an element that holds our words, not the article's. */
  ours() {
    return { lang: this.say.language, dir: this.say.direction };
  }

  lined(tag, content, attributes) {
    return h(tag, { dir: turned(content, this.direction), ...attributes }, this.line(content));
  }

  line(content, depth = 0) {
    return depth > DEEPEST ? [] : content.map((one) => this.inline(one, depth));
  }

  inline(one, depth) {
    if (typeof one === 'string') return one;
    const inner = () => this.line(one.content, depth + 1);
    if (one.type === 'link') return outward(one.url) ? this.out(one.url, inner()) : inner();
    if (has(STYLES, one.type)) return h(STYLES[one.type], null, inner());
    if (one.type === 'code') return h('code', { dir: 'auto' }, one.text);
    if (one.type === 'break') return h('br');
    return one.type === 'note' ? this.mark(one.label) : null;
  }

  /** A link inside the article: the page's address stays as it is, since that is where the view is kept. */
  inside(label, id, role, title) {
    const onclick = (event) => {
      event.preventDefault();
      const goal = document.getElementById(id);
      if (!goal) return;
      goal.tabIndex = -1;
      goal.focus();
    };
    return h('a', { href: `#${id}`, role, title, onclick }, bdi(label));
  }

  mark(label) {
    const [number, first] = this.notes.mark(label);
    if (number === null) return h('sup', null, bdi(label)); // its note is not there
    return h('sup', { id: first && `m${number}` }, this.inside(label, `n${number}`, 'doc-noteref'));
  }

  footnotes(block, depth) {
    const rows = block.items.map((note) => {
      const [number, first] = this.notes.enter();
      const text = this.render(note.content, depth + 1);
      // The rest of a note that was cut stands without a label.
      const label = first && (this.notes.marked.has(number)
        ? this.inside(note.label, `m${number}`, 'doc-backlink', this.say('back_to_text')) : bdi(note.label));
      return h('div', { id: first && `n${number}` }, label, h('div', null, text));
    });
    return h('section', { class: 'notes', role: 'doc-endnotes', 'aria-label': this.say('notes') }, rows);
  }

  table({ rows, caption }) {
    // What scrolls must be reachable by keyboard and have a name.
    return h('div', { class: 'scroll', role: 'region', tabindex: '0', 'aria-label': caption || this.say('table') },
      h('table', null, caption && h('caption', null, bdi(caption)), rows.map((row) => {
        const scope = row.every((cell) => cell.header) ? 'col' : 'row';
        return h('tr', null, row.map((cell) =>
          cell.header ? this.lined('th', cell.content, { scope }) : this.lined('td', cell.content)));
      })));
  }

  /** A picture with its caption and credit, or null where the place names none. */
  picture(place) {
    const resource = this.resources[place];
    if (!resource || resource.role !== 'picture' || !/^image\//.test(resource.media_type)) return null;
    this.shown.add(place);
    const { caption, credit } = resource;
    const line = between(' ', [
      caption && bdi(caption),
      credit && h('span', null, h('span', this.ours(), this.say('photo')), ' ', bdi(credit)),
    ]);
    return h('figure', null, this.draw(place, resource), line.length ? h('figcaption', null, line) : null);
  }

  /** Somebody else's player as a labelled link: nothing is loaded from there. */
  embed({ kind, url, title, text }) {
    const key = `embed.${(has(EMBEDS, kind) && EMBEDS[kind]) || kind}`;
    const label = this.say(this.say.has(key) ? key : 'embedded');
    const name = title ? bdi(title) : h('span', this.ours(), label);
    const leads = outward(url);
    return h('aside', { class: 'embed', 'aria-label': label },
      h('p', null, leads ? this.out(url, [name]) : name),
      text && h('p', null, bdi(text)),
      h('p', { class: 'ui', ...this.ours() },
        between(this.say.dot, [title && label, leads && h('bdi', { dir: 'ltr' }, host(url))])));
  }
}
