// The front page, one outlet's page, one topic's page: lists of what the newest verified edition names.

import { slowLine } from './article.mjs';
import { bdi, between, button, h, host, icon, put, refill } from './dom.mjs';

// On the front page; an outlet's own page shows all.
const SHOWN = 7;
const LEADS = 4; // further items are headlines
const TOPICS = 16;

/** The view {title, node} for the routes front, outlet and topic. */
export function front(app, { view, id }) {
  const { engine, say } = app;
  const { edition } = engine;
  if (!edition) return { title: '', node: nothing(app) };
  const items = engine.items();
  if (view === 'topic') return aTopic(app, id, items);
  const kept = new Set(engine.kept());
  const outlets = edition.outlets.filter((outlet) => view === 'front' || outlet.id === id);
  if (view === 'outlet' && !outlets.length) return { title: '', node: missing(app) };
  const alone = outlets.length === 1;
  const name = view === 'outlet' ? outlets[0].name : null;
  const node = h('div', { class: 'front' },
    view === 'front' ? masthead(app, edition) : h('h1', { class: 'over' }, bdi(name)),
    notice(app), chips(app, edition, view === 'outlet' ? id : null),
    outlets.map((outlet) =>
      section(app, outlet, items.filter((item) => item.outlet === outlet.id), kept, alone)),
    topics(app, null), view === 'front' && withdrawn(app, edition));
  return { title: name || '', node };
}

function masthead(app, edition) {
  const { say } = app;
  const line = between(say.dot, [say('edition', { serial: say.digits(edition.serial) }), h('time', { datetime: edition.time }, say.moment(edition.time))]);
  return h('div', { class: 'mast' }, h('h1', null, bdi(app.name)), h('p', { class: 'ui' }, line));
}

/** What is to be said above the list in this state; nothing when all is well. */
function notice(app) {
  const { name, served } = app.engine.status;
  const says = [!['verified', 'searching'].includes(name) && name, served && 'served'].filter(Boolean);
  return says.map((key) => h('div', { class: 'notice' }, icon('info'), h('p', null, app.say(`means.${key}`))));
}

/** Nothing is stored and no mirror has answered (yet). */
function nothing(app) {
  const { say } = app;
  const { name } = app.engine.status;
  const searching = name === 'searching';
  const key = searching || name === 'broken' ? name : 'empty';
  return h('div', { class: 'front' }, h('div', { class: 'mast' }, h('h1', null, bdi(app.name))),
    h('div', { class: 'nothing' }, icon(searching ? 'seek' : 'off'), h('h2', null, say(`state.${key}`)),
      h('p', null, say(`means.${key}`)),
      !searching && h('div', { class: 'row' }, app.again(), picker(app), app.link('mirrors', null, say('mirrors'), { class: 'button' }))));
}

/** A button that asks for a file to look at. */
export function picker(app) {
  const input = h('input', { type: 'file', accept: '.tamizdat,.html,.json', hidden: true, onchange: () => {
    if (input.files[0]) app.take(input.files[0]);
    input.value = '';
  } });
  return [input, button(app.say('import'), () => input.click(), { name: 'down' })];
}

function missing(app) {
  return h('div', null, h('h1', { class: 'over' }, app.say('none')), h('p', null, app.link('front', null, app.say('front'))));
}

/** The way to each outlet's page. */
function chips(app, edition, id) {
  const { say } = app;
  const chip = (view, one, words, lang) =>
    h('li', null, app.link(view, one, words, { 'aria-current': one === id && 'page', lang }));
  return edition.outlets.length > 1 && h('nav', { class: 'chips', 'aria-label': say('outlets') },
    h('ul', null, chip('front', null, say('front')),
      edition.outlets.map(({ id: one, name, language }) => chip('outlet', one, bdi(name), language))));
}

/** The way to each topic: comes when what is stored was verified again, at the foot, where nothing has to move. */
function topics(app, id) {
  const place = h('nav', { class: 'chips topics', 'aria-label': app.say('topics') });
  const fill = () => {
    const list = topicsOf(app);
    if (list.length) {
      refill(place, h('h2', null, app.say('topics')), h('ul', null, list.slice(0, TOPICS).map(([topic]) =>
        h('li', null, app.link('topic', topic, bdi(topic), { 'aria-current': topic === id && 'page' })))));
    }
  };
  // Without them the page is as good.
  learn(app).then(fill, () => {});
  return place;
}

// --- one outlet ------------------------------------------------------------------------------------------------------

function section(app, outlet, items, kept, all) {
  const { say } = app;
  const label = `outlet-${outlet.id}`;
  const ours = { lang: say.language, dir: say.direction };
  const list = h('ul', { class: 'list' }, (all ? items : items.slice(0, SHOWN)).map((item, place) => entry(app, item, place)));
  const head = h('header', null,
    all ? h('h2', { id: label, class: 'hidden' }, bdi(outlet.name))
      : h('h2', { id: label }, app.link('outlet', outlet.id, bdi(outlet.name))),
    all && app.out(outlet.url, [h('bdi', { dir: 'ltr' }, host(outlet.url))]));
  const more = all ? older(app, outlet, list, items)
    : (items.length > SHOWN || outlet.older) && app.link('outlet', outlet.id, h('bdi', ours, say.tell(bdi, 'more_of', { outlet: outlet.name })), { class: 'button' });
  return h('section', { class: 'outlet', lang: outlet.language, dir: outlet.direction, 'aria-labelledby': label },
    head, items.length ? list : h('p', { class: 'ui' }, h('bdi', ours, say('none'))), h('div', { class: 'row' }, more, keeper(app, outlet, kept)));
}

/** A button that keeps an outlet's articles for when there is no net. */
function keeper(app, outlet, kept) {
  const { say, engine } = app;
  let on = kept.has(outlet.id);
  const one = button('', () => app.attempt(async () => {
    await engine.keep(outlet.id, !on);
    on = !on;
    draw();
  }, one), { class: 'keep', lang: say.language });
  const draw = () => {
    one.setAttribute('aria-pressed', String(on));
    refill(one, icon(on ? 'check' : 'down'), h('span', null, say('keep')));
  };
  draw();
  return one;
}

function older(app, outlet, list, items) {
  const { say, engine } = app;
  if (!outlet.older) return null;
  const seen = new Set(items.map((item) => item.digest));
  const one = button(say('older'), () => app.attempt(async () => {
    const found = await engine.older(outlet.id);
    const fresh = found.filter((item) => !seen.has(item.digest));
    fresh.forEach((item) => seen.add(item.digest));
    const first = list.children.length;
    put(list, fresh.map((item) => entry(app, item, LEADS)));
    if (!found.length) one.remove();
    const link = list.children[first] && list.children[first].querySelector('a');
    if (link) link.focus();
    else app.tell(say('none'));
  }, one), { name: 'clock', lang: say.language, dir: say.direction });
  return one;
}

/** One article of a list. */
export function entry(app, item, place, { snippet = null, outlet = null, tag = 'h3' } = {}) {
  const { say, engine } = app;
  const time = item.published || item.fetched;
  const edition = engine.edition;
  const facts = between(say.dot, [
    outlet && bdi(outlet),
    time && h('time', { datetime: time }, say.brief(time, edition ? edition.time : time)),
    item.read && say('read'),
    item.stored && h('span', { class: 'stored' }, icon('check'), say('stored')),
  ]);
  const lead = snippet || (item.lead && place < LEADS ? h('p', { dir: 'auto' }, item.lead) : null);
  const node = h('article', { class: `item${item.read ? ' read' : ''}` },
    h(tag, null, app.link('article', item.digest, bdi(item.title))), lead,
    h('p', { class: 'facts' }, h('bdi', { lang: say.language, dir: say.direction }, facts)));
  const row = h('li', { lang: item.language, dir: item.direction }, node);
  if (item.thumbnail && place < 6 && app.settings.pictures === 'auto' && !slowLine(app)) thumb(app, item, row, node);
  return row;
}

/** The small picture beside a headline: only once it is in sight, in a place that is there from the beginning. */
function thumb(app, item, row, node) {
  const place = h('div', { class: 'thumb' });
  row.classList.add('pic');
  node.append(place);
  app.sight(row, async () => {
    try {
      const url = URL.createObjectURL(await app.engine.thumbnail(item));
      app.urls.push(url);
      place.append(h('img', { alt: '', src: url }));
    } catch (_) {
      // A headline needs no picture.
      row.classList.remove('pic');
      place.remove();
    }
  });
}

function withdrawn(app, { withdrawals }) {
  const { say } = app;
  if (!withdrawals.length) return null;
  return h('details', { class: 'ui withdrawn' }, h('summary', null, say('withdrawn', { n: withdrawals.length })),
    h('ul', null, withdrawals.map(({ time, reason, digest }) => h('li', null,
      between(say.dot, [say.date(time), reason && bdi(reason), h('code', { dir: 'ltr' }, `${digest.slice(0, 16)}…`)])))));
}

// --- topics ----------------------------------------------------------------------------------------------------------

/** Sections and tags stand in the articles themselves: what is stored tells which there are. */
export async function learn(app) {
  if (app.topics.size) return;
  for (const { digest, document } of await app.engine.stored()) {
    app.topics.set(digest, { document, topics: [document.section, ...(document.tags || [])].filter(Boolean) });
  }
}

/** [topic, how many], the most frequent first. */
function topicsOf(app) {
  const counts = new Map();
  for (const { topics } of app.topics.values()) {
    for (const topic of new Set(topics)) counts.set(topic, (counts.get(topic) || 0) + 1);
  }
  return [...counts].sort((one, other) => other[1] - one[1] || (one[0] < other[0] ? -1 : 1));
}

/** A stored document as an item of a list. */
export function itemOf(digest, document) {
  return { ...document, outlet: document.outlet.id, outletName: document.outlet.name, digest, stored: true, thumbnail: null };
}

async function aTopic(app, topic, items) {
  const { say } = app;
  await learn(app);
  const known = new Map(items.map((item) => [item.digest, item]));
  const found = [...app.topics].filter(([, { topics }]) => topics.includes(topic))
    .map(([digest, { document }]) => ({ ...itemOf(digest, document), read: Boolean((known.get(digest) || {}).read) }))
    .sort((one, other) => ((one.published || one.fetched) < (other.published || other.fetched) ? 1 : -1));
  // An address can say anything, and whoever made it is nobody to put words on this page.
  if (!found.length) return { title: '', node: missing(app) };
  return {
    title: topic,
    node: h('div', { class: 'front' }, h('h1', { class: 'over' }, bdi(topic)), h('p', { class: 'ui' }, say('topic')),
      h('ul', { class: 'list' }, found.map((item, place) => entry(app, item, place, { outlet: item.outletName, tag: 'h2' }))), topics(app, topic)),
  };
}
