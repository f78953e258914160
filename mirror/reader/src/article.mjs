// The view of one article: its text, its pictures, what is known about it, and passing it on.

import { bdi, between, button, code, h, icon, refill } from './dom.mjs';
import { Body } from './render.mjs';

// Slower than this from a mirror, for at most 12 KB: pictures wait for a tap.
const SLOW = 3000;
// Larger pictures wait for a tap on any line.
const LARGE = 1 << 20;

/** Whether pictures wait for a tap: the browser says so, or the front or the last text took long. */
export function slowLine(app) {
  const line = navigator.connection || {};
  const { mirror } = app.engine.status;
  const { rtt } = app.engine.mirrors().find(({ url }) => url === mirror) || {};
  return Boolean(app.slow || rtt > SLOW / 2 || line.saveData || /2g$/.test(line.effectiveType || '') || (line.downlink && line.downlink < 0.4));
}

/** The view {title, node} of the article with this digest. */
export async function article(app, { id }) {
  const { engine } = app;
  const began = Date.now();
  try {
    const result = await engine.article(id);
    if (result.from !== 'stored') app.slow = Date.now() - began > SLOW;
    app.topics.clear();
    return { title: result.document.title, node: shown(app, id, result) };
  } catch (error) {
    return refused(app, id, error);
  }
}

/** Why an article is not shown. What was not verified never is. */
function refused(app, id, { kind, reason, message }) {
  const { say, engine } = app;
  const key = ['rejected', 'missing', 'withdrawn'].includes(kind) ? kind : 'unread';
  const gone = ((engine.edition && engine.edition.withdrawals) || []).find(({ digest }) => digest === id);
  const facts = key === 'withdrawn' && gone && between(say.dot, [say.date(gone.time), gone.reason && bdi(gone.reason)]);
  const item = engine.items().find(({ digest }) => digest === id);
  return {
    title: say(`refused.${key}`),
    node: h('div', { class: 'refused' }, bar(app), icon(key === 'rejected' ? 'stop' : key === 'withdrawn' ? 'info' : 'off'),
      h('h1', null, say(`refused.${key}`)),
      item && key !== 'withdrawn' && h('p', { class: 'which', lang: item.language }, bdi(item.title)),
      key !== 'missing' && h('p', null, say(`refused.${key}.what`)), facts && h('p', { class: 'ui' }, facts),
      key !== 'withdrawn' && h('p', { class: 'row' }, button(say('again'), () => app.redraw(), { name: 'seek', class: 'main' }),
        app.link('mirrors', null, say('mirrors'), { class: 'button' })),
      key !== 'withdrawn' && (reason || message) && h('details', { class: 'ui' }, h('summary', null, say('details')),
        h('p', { class: 'reason', lang: 'en', dir: 'ltr' }, String(reason || message).slice(0, 1000)))),
  };
}

function bar(app, ...more) {
  return h('div', { class: 'tools' }, button(app.say('back'), app.back, { name: 'back' }), more);
}

function shown(app, id, { document, verdict, from }) {
  const { say } = app;
  const body = new Body({
    resources: document.resources, direction: document.direction, say, out: app.out,
    picture: (place, resource) => picture(app, document, place, resource),
  });
  const text = body.render(document.blocks);
  // A cover that the text does not place comes first.
  const cover = document.resources.findIndex((resource, place) => resource.cover && !body.shown.has(place));
  const first = cover >= 0 ? body.picture(cover) : null;
  const pass = button(say('pass'), () => passOn(app, id, document, pass), { name: 'pass' });
  return h('div', { class: 'page' },
    bar(app, pass, button('Aa', () => app.go('settings'), { 'aria-label': `Aa ${say('size')}`, title: say('size') })),
    notices(app, document, verdict),
    h('article', { class: 'text', lang: document.language, dir: document.direction },
      heading(app, document), first, text),
    checked(app, id, document, verdict, from));
}

function notices(app, document, verdict) {
  const { say } = app;
  const { removed } = document;
  const says = [
    removed && say.tell(bdi, 'removed', { noticed: say.moment(removed.noticed), answer: removed.answer }),
    verdict.current === 'superseded' && say('superseded'),
  ].filter(Boolean);
  return says.map((words) => h('p', { class: 'notice', role: 'note' }, icon('info'), h('span', null, words)));
}

function heading(app, document) {
  const { say } = app;
  const ours = { lang: say.language, dir: say.direction };
  const time = (key, value) => [say(key), ' ', h('time', { datetime: value }, say.moment(value))];
  const authors = between(say('comma'), document.authors.map((author) => h('b', null, bdi(author))));
  const topics = [document.section, ...document.tags].filter(Boolean);
  return h('header', null,
    h('p', { class: 'kicker' }, between(say.dot, [app.link('outlet', document.outlet.id, bdi(document.outlet.name)),
      document.section && app.link('topic', document.section, bdi(document.section))])),
    h('h1', null, bdi(document.title)),
    document.lead && h('p', { class: 'lead' }, bdi(document.lead)),
    h('p', { class: 'ui by' }, h('bdi', ours, between(say.dot, [
      authors.length ? h('span', null, say('by'), ' ', authors) : null,
      document.published && h('span', null, time('published', document.published)),
      document.modified && document.modified !== document.published && h('span', null, time('modified', document.modified)),
    ]))),
    topics.length > 1 ? h('ul', { class: 'tags' }, topics.slice(document.section ? 1 : 0).map((topic) =>
      h('li', null, app.link('topic', topic, bdi(topic))))) : null);
}

// --- pictures --------------------------------------------------------------------------------------------------------

/** A picture, or a button that fetches it; in text-only mode its description. */
function picture(app, document, place, resource) {
  const { say } = app;
  const ours = { lang: say.language, dir: say.direction };
  const { alt = '', size, width, height } = resource;
  if (app.settings.pictures === 'never') {
    return h('p', { class: 'without', ...ours }, icon('picture'), h('span', null, between(': ', [say('picture'), alt ? bdi(alt) : null])));
  }
  const direct = app.settings.pictures === 'auto' && !slowLine(app) && size <= LARGE;
  // A picture that comes by itself has its room from the beginning, so that no line moves.
  const frame = h('div', { class: direct ? 'frame hold' : 'frame' });
  if (width && height) frame.style.setProperty('--share', `${(height / width) * 100}%`);
  const load = async () => {
    refill(frame, h('p', { class: 'without', ...ours }, icon('seek'), say('loading')));
    try {
      const blob = await app.engine.picture(document, place);
      if (!frame.isConnected) return;
      const url = URL.createObjectURL(blob);
      app.urls.push(url);
      const image = h('img', { alt, width, height, src: url });
      image.addEventListener('error', failed);
      image.addEventListener('load', () => frame.classList.remove('hold'));
      refill(frame, image);
    } catch (_) {
      failed();
    }
  };
  const failed = () => {
    frame.classList.remove('hold');
    refill(frame, tap('picture.failed'));
  };
  const tap = (key) =>
    button([say(key, { size: say.bytes(size) }), alt && h('small', null, bdi(alt))], load, { name: 'picture', class: 'tap', ...ours });
  if (direct) app.sight(frame, load);
  else refill(frame, tap('picture.show'));
  return frame;
}

// --- passing on, what was checked ------------------------------------------------------------------------------------

async function passOn(app, id, document, control) {
  const { say, engine, deeds } = app;
  const kind = await app.ask({
    title: say('pass'),
    body: [h('p', null, say('pass.html'))],
    actions: [['cancel', null], ['pass.as_pack', 'pack'], ['pass.as_html', 'html']],
  });
  if (!kind) return;
  const name = `${document.outlet.id}-${(document.published || document.fetched).slice(0, 10)}-${id.slice(0, 8)}`;
  await app.attempt(async () => {
    if (kind === 'html') app.hand(await deeds.shareHtml(engine, id), `${name}.html`);
    else app.hand(await deeds.sharePack(engine, id), `${name}.tamizdat`);
  }, control);
}

/** What the signature says, what it does not, and the numbers behind it. */
function checked(app, id, document, verdict, from) {
  const { say } = app;
  const { served } = app.engine.status;
  const facts = [
    ['original', app.out(document.url, [code(document.url)])],
    ['fetched', say.moment(document.fetched)],
    ['revision', say.number(document.revision)],
    ['from', from === 'stored' ? say('stored') : code(from)],
    ['signer', verdict.signer && code(verdict.signer)],
    ['digest', code(id)],
  ];
  return h('footer', { class: 'checked ui' }, h('h2', null, icon(served ? 'info' : 'check'), say('checked')),
    served && h('p', null, say('means.served')),
    h('p', null, document.captured ? say('captured', { time: say.moment(document.captured) }) : say.tell(bdi, 'says', { publication: app.name }), ' ', say.tell(bdi, 'says_not', { outlet: document.outlet.name })),
    h('dl', null, facts.filter(([, value]) => value).map(([key, value]) => [h('dt', null, say(key)), h('dd', null, value)])));
}
