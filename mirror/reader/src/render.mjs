// Typed blocks as elements: the twin of mirror/pages/blocks.py. Each kind of block has one function; what is of no known
// kind is left out. Texts become text nodes; no address of an outlet becomes one that a browser could follow by itself.

import { bdi, between, dress, h, host, outward, when } from './dom.mjs';

// Whose player it was is told by the host beside it.
const EMBEDS = {
  youtube: 'video', vimeo: 'video', tiktok: 'video', telegram: 'post', x: 'post', facebook: 'post', instagram: 'post',
  soundcloud: 'audio',
};
const STYLES = { strong: 'strong', emphasis: 'em', sub: 'sub', sup: 'sup' };
const DEEPEST = 16; // blocks and inlines inside one another; the schema allows fewer
const LETTER = /\p{L}/u;
const RIGHT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;

const has = (table, key) => Object.prototype.hasOwnProperty.call(table, key);

/** The text of inlines, without what they look like. */
export function plain(content) {
  return content.map((one) => (typeof one === 'string' ? one : one.type === 'break' ? ' ' : one.type === 'note' ? ''
    : one.text || plain(one.content || []))).join('');
}

/** All texts of a document's blocks, in order, for searching. */
export function texts(blocks) {
  return blocks.flatMap(({ content, title, text, caption, blocks: inner = [], items = [], rows = [] }) => [
    content && plain(content), title, text, caption, ...texts(inner),
    ...items.flatMap((item) => texts(item.content || item)),
    ...rows.map((row) => row.map((cell) => plain(cell.content)).join(' ')),
  ].filter(Boolean));
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
 *   out(url, children)      an element that leads out
 *   picture(place)          an element for the picture there; `shown` gathers the places */
export class Body {
  constructor({ resources, direction, say, out, picture }) {
    Object.assign(this, { resources, direction, say, out, draw: picture, shown: new Set(), depth: 0 });
  }

  /** The text, after a cover that it does not place itself. */
  whole(blocks) {
    const text = this.render(blocks);
    const cover = this.resources.findIndex((one, place) => one.cover && !this.shown.has(place));
    return [this.picture(cover), text];
  }

  render(blocks) {
    if (!this.depth) this.notes = new Notes(blocks);
    return this.within(() => blocks.map((block) => this.block(block)));
  }

  /** One level deeper; too deep there is nothing. */
  within(make) {
    if (this.depth > DEEPEST) return [];
    this.depth += 1;
    const made = make();
    this.depth -= 1;
    return made;
  }

  block(block) {
    const { content, items, blocks, text, title, time } = block;
    switch (block.type) {
      case 'paragraph': return this.lined('p', content);
      case 'heading': return this.lined(`h${Math.min(Math.max(block.level, 2), 4)}`, content);
      case 'quote': return h('blockquote', this.render(blocks), block.source && h('footer', '— ', bdi(block.source)));
      // A list of plain lines needs no paragraphs inside its points.
      case 'list': return h(block.ordered ? 'ol' : 'ul', items.map((item) =>
        (item.length === 1 && item[0].type === 'paragraph' ? this.lined('li', item[0].content) : h('li', this.render(item)))));
      case 'table': return this.table(block);
      case 'picture': return this.picture(block.resource);
      case 'embed': return this.embed(block);
      case 'rule': return h('hr');
      case 'code': return h('pre', { dir: 'auto', tabindex: 0 }, h('code', text));
      case 'update': return h('section.update', time && dress(when(time, this.say.moment(time)), this.say.ours),
        title && h('h2', bdi(title)), this.render(blocks));
      case 'footnotes': return h('section.notes', { role: 'doc-endnotes', 'aria-label': this.say('notes') },
        items.map((note) => this.note(note)));
      default: return null;
    }
  }

  lined(tag, content, attributes) {
    return h(tag, { dir: turned(content, this.direction), ...attributes }, this.line(content));
  }

  line(content) {
    return this.within(() => content.map((one) => (typeof one === 'string' ? one : this.inline(one))));
  }

  inline({ type, url, text, content, label }) {
    switch (type) {
      case 'link': return outward(url) ? this.out(url, this.line(content)) : this.line(content);
      case 'code': return h('code', { dir: 'auto' }, text);
      case 'break': return h('br');
      case 'note': return this.mark(label);
      default: return has(STYLES, type) && h(STYLES[type], this.line(content));
    }
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
    // Its note may not be there.
    return h('sup', { id: first && `m${number}` }, number === null ? bdi(label) : this.inside(label, `n${number}`, 'doc-noteref'));
  }

  note({ label, content }) {
    const [number, first] = this.notes.enter();
    const text = this.render(content);
    // The rest of a note that was cut stands without a label.
    return h('div', { id: first && `n${number}` }, first && (this.notes.marked.has(number)
      ? this.inside(label, `m${number}`, 'doc-backlink', this.say('back_to_text')) : bdi(label)), h('div', text));
  }

  table({ rows, caption }) {
    // What scrolls must be reachable by keyboard and have a name.
    return h('div.scroll', { role: 'region', tabindex: 0, 'aria-label': caption || this.say('table') },
      h('table', caption && h('caption', bdi(caption)), rows.map((row) => {
        const scope = row.every((cell) => cell.header) ? 'col' : 'row';
        return h('tr', row.map(({ header, content }) => (header ? this.lined('th', content, { scope }) : this.lined('td', content))));
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
      credit && h('span', h('span', this.say.ours, this.say('photo')), this.say.gap, bdi(credit)),
    ]);
    return h('figure', this.draw(place, resource), line.length > 0 && h('figcaption', line));
  }

  /** Somebody else's player as a labelled link: nothing is loaded from there. */
  embed({ kind, url, title, text }) {
    const { say } = this;
    const key = `embed.${(has(EMBEDS, kind) && EMBEDS[kind]) || kind}`;
    const label = say(say.has(key) ? key : 'embedded');
    const name = title ? bdi(title) : h('span', say.ours, label);
    const leads = outward(url);
    return h('aside.embed', { 'aria-label': label },
      h('p', leads ? this.out(url, name) : name),
      text && h('p', bdi(text)),
      h('p.ui', say.ours, between(say.dot, [title && label, leads && h('bdi', { dir: 'ltr' }, host(url))])));
  }
}

/** What stands above the text: the outlet, title, lead, authors and days. `link(view, id, text)` leads to one of the
 * reader's views, or is the text alone. */
export function heading({ outlet, section, title, lead, authors, published, modified }, say, link) {
  const day = (key, time) => h('span', say(key), ' ', when(time, say.moment(time)));
  return [
    h('p.ui.kicker', between(say.dot, [link('outlet', outlet.id, bdi(outlet.name)), section && link('topic', section, bdi(section))])),
    h('h1', bdi(title)),
    lead && h('p.lead', bdi(lead)),
    h('p.ui.by', h('bdi', say.ours, between(say.dot, [
      authors.length > 0 && h('span', say('by'), say.gap, between(say('comma'), authors.map((one) => h('b', bdi(one))))),
      published && day('published', published),
      modified && modified !== published && day('modified', modified),
    ]))),
  ];
}

/** What the publication says about a page that its outlet removed; false for others. */
export const gone = ({ removed }, say) =>
  removed && say.tell(bdi, 'removed', { noticed: say.moment(removed.noticed), answer: removed.answer });
