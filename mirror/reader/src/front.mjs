// The front page, one outlet's page, one topic's page: lists of what the newest verified edition names.

import { slowLine } from './article.mjs';
import { bdi, between, button, code, folded, h, host, icon, notice, page, put, refill, when } from './dom.mjs';

// On the front page; an outlet's own page shows all.
const SHOWN = 7;
const LEADS = 4; // further items are headlines
const TOPICS = 16;

/** The view {title, node} for the routes front, outlet and topic. */
export function front(app, { view, id }) {
  const { engine, say } = app;
  const { edition } = engine;
  if (view === 'topic') return topic(app, id);
  if (!edition) return { title: '', node: nothing(app) };
  const outlets = edition.outlets.filter((outlet) => !id || outlet.id === id);
  if (id && !outlets.length) return missing(app);
  const items = engine.items();
  const title = id ? outlets[0].name : '';
  return {
    title,
    node: h('div', id ? h('h1.over', bdi(title)) : masthead(app, edition), notices(app),
      edition.outlets.length > 1 && ways(app, 'outlets', id, [['front', null, say('front')],
        ...edition.outlets.map((one) => ['outlet', one.id, bdi(one.name), one.language])]),
      outlets.map((outlet) => section(app, outlet, items.filter((item) => item.outlet === outlet.id), outlets.length === 1)),
      !outlets.length && h('p.ui', say('none')),
      topics(app), !id && edition.withdrawals.length > 0 && withdrawn(app, edition.withdrawals)),
  };
}

function masthead(app, edition) {
  const { say } = app;
  return h('div.mast', h('h1', bdi(app.name)), edition && h('p.ui',
    say('edition', { serial: say.digits(edition.serial) }), say.dot, when(edition.time, say.moment(edition.time))));
}

/** What is to be said above the list in this state; nothing when all is well. */
function notices(app) {
  const { name, served } = app.engine.status;
  return [!['verified', 'searching'].includes(name) && name, served && 'served'].filter(Boolean)
    .map((key) => notice(app.say(`means.${key}`)));
}

/** Nothing is stored and no mirror has answered (yet). */
function nothing(app) {
  const { say } = app;
  const { name } = app.engine.status;
  const searching = name === 'searching';
  const key = searching || name === 'broken' ? name : 'empty';
  return h('div', masthead(app), h('div.alone', icon(searching ? 'seek' : 'off'), h('h2', say(`state.${key}`)), h('p', say(`means.${key}`)),
    !searching && h('p.row', app.again(), picker(app), app.way('mirrors'))));
}

const missing = (app) => page(app.say('none'), h('p', app.link('front', null, app.say('front'))));

/** A button that asks for a file to look at. */
export function picker(app) {
  const input = h('input', { type: 'file', accept: '.tamizdat,.html,.json', hidden: true, onchange: () => {
    if (input.files[0]) app.take(input.files[0]);
    input.value = '';
  } });
  return [input, button(app.say('import'), () => input.click(), { name: 'down' })];
}

/** Links to views of one kind, [view, id, words, language]. */
function ways(app, name, current, list, title) {
  return h('nav.chips', { 'aria-label': app.say(name) }, title, h('ul', list.map(([view, id, words, lang]) =>
    h('li', app.link(view, id, words, { 'aria-current': id === current && 'page', lang })))));
}

/** The way to each topic: comes when what is stored was verified again, at the foot, where nothing has to move. */
function topics(app, current) {
  const place = h('div.topics');
  // Without them the page is as good.
  learn(app).then((stored) => {
    const list = topicsOf(stored).slice(0, TOPICS);
    if (list.length) {
      put(place, ways(app, 'topics', current, list.map((topic) => ['topic', topic, bdi(topic)]), h('h2', app.say('topics'))));
    }
  }, () => {});
  return place;
}

// --- one outlet ------------------------------------------------------------------------------------------------------

function section(app, outlet, items, all) {
  const { say } = app;
  const { id, name } = outlet;
  const label = `outlet-${id}`;
  const list = h('ul.list', (all ? items : items.slice(0, SHOWN)).map((item, place) => entry(app, item, place)));
  const more = all ? older(app, outlet, list, items) : (items.length > SHOWN || outlet.older)
    && app.link('outlet', id, h('bdi', say.tell(bdi, 'more_of', { outlet: name })), { class: 'button', ...say.ours });
  return h('section.outlet', { lang: outlet.language, dir: outlet.direction, 'aria-labelledby': label },
    h('header', h('h2', { id: label, class: all && 'hidden' }, all ? bdi(name) : app.link('outlet', id, bdi(name))),
      all && app.out(outlet.url, h('bdi', { dir: 'ltr' }, host(outlet.url)))),
    items.length ? list : h('p.ui', h('bdi', say.ours, say('none'))), h('p.row', more, keeper(app, outlet)));
}

/** A button that keeps an outlet's articles for when there is no net. */
function keeper(app, { id }) {
  const { say, engine } = app;
  let on = engine.kept().includes(id);
  const control = app.act('keep', async () => {
    await engine.keep(id, !on);
    on = !on;
    draw();
  }, say.ours);
  const draw = () => {
    control.setAttribute('aria-pressed', on);
    refill(control, icon(on ? 'check' : 'down'), h('span', say('keep')));
  };
  draw();
  return control;
}

function older(app, outlet, list, items) {
  const { say, engine } = app;
  const seen = new Set(items.map(({ digest }) => digest));
  const control = outlet.older && app.act('older', async () => {
    const found = await engine.older(outlet.id);
    const fresh = found.filter(({ digest }) => !seen.has(digest) && seen.add(digest)).map((item) => entry(app, item, LEADS));
    put(list, fresh);
    if (!found.length) control.remove();
    if (fresh.length) fresh[0].querySelector('a').focus();
    else app.tell(say('none'));
  }, { name: 'clock', ...say.ours });
  return control;
}

/** One article of a list. */
export function entry(app, item, place, { snippet, outlet, tag = 'h3' } = {}) {
  const { say, engine } = app;
  const { digest, title, lead, thumbnail } = item;
  const time = item.published || item.fetched;
  const node = h('article', { class: item.read ? 'item read' : 'item' },
    h(tag, app.link('article', digest, bdi(title))),
    snippet || (place < LEADS && lead && h('p', { dir: 'auto' }, lead)),
    h('p.facts', h('bdi', say.ours, between(say.dot, [
      outlet && bdi(outlet),
      time && when(time, say.brief(time, (engine.edition || { time }).time)),
      item.read && say('read'),
      item.stored && h('span', icon('check'), say('stored')),
    ]))));
  const row = h('li', { lang: item.language, dir: item.direction }, node);
  if (thumbnail && place < 6 && app.settings.pictures === 'auto' && !slowLine(app)) thumb(app, item, row, node);
  return row;
}

/** The small picture beside a headline: only once it is in sight, in a place that is there from the beginning. */
function thumb(app, item, row, node) {
  const place = h('div.thumb');
  row.classList.add('pic');
  put(node, place);
  app.sight(row, async () => {
    try {
      const picture = await app.engine.thumbnail(item);
      if (place.isConnected) put(place, h('img', { alt: '', src: app.address(picture) }));
    } catch (_) {
      // A headline needs no picture.
      row.classList.remove('pic');
      place.remove();
    }
  });
}

function withdrawn({ say }, list) {
  return folded(say('withdrawn', { n: list.length }), h('ul', list.map(({ time, reason, digest }) => h('li',
    between(say.dot, [say.date(time), reason && bdi(reason), code(`${digest.slice(0, 16)}…`)])))));
}

// --- topics ----------------------------------------------------------------------------------------------------------

/** The topics of an article. */
export const topicsIn = ({ section: first, tags = [] }) => [...new Set([first, ...tags].filter(Boolean))];

/** Sections and tags stand in the articles themselves: what is stored tells which there are. */
async function learn(app) {
  if (!app.stored || !app.stored.length) app.stored = await app.engine.stored();
  return app.stored || [];
}

/** All topics, the most frequent first. */
function topicsOf(stored) {
  const counts = new Map();
  for (const { document } of stored) for (const topic of topicsIn(document)) counts.set(topic, (counts.get(topic) || 0) + 1);
  return [...counts].sort((one, other) => other[1] - one[1] || (one[0] < other[0] ? -1 : 1)).map(([topic]) => topic);
}

/** A stored document as an item of a list; `known` is what the edition has of it. */
export const itemOf = (digest, document, known) => ({
  ...document, outlet: document.outlet.id, outletName: document.outlet.name, digest, stored: true, thumbnail: null,
  read: Boolean(known && (known.item || known).read),
});

/** For sorting. */
export const newest = (one, other) => ((one.published || one.fetched || '') < (other.published || other.fetched || '') ? 1 : -1);

async function topic(app, id) {
  const items = app.engine.items();
  const found = (await learn(app)).filter(({ document }) => topicsIn(document).includes(id))
    .map(({ digest, document }) => itemOf(digest, document, items.find((item) => item.digest === digest))).sort(newest);
  // An address can say anything, and whoever made it is nobody to put words on this page.
  if (!found.length) return missing(app);
  return page(id, h('p.ui', app.say('topic')),
    h('ul.list.found', found.map((item, place) => entry(app, item, place, { outlet: item.outletName, tag: 'h2' }))), topics(app, id));
}
