// The frame around every view: header, main, the line that says what is known, dialogs, and the way between views.
//
// A view is a function (app, route) that gives {title, node} or a promise of it; `node` has an h1, which gets the focus.
// Where the reader is stands in the address (#article/<digest>), so that reloading and going back work - but not in
// memory-only mode: there history entries hold a number, and what it means is known to this page alone.

import { article } from './article.mjs';
import { bdi, button, code, dress, h, host, icon, outward, put, refill } from './dom.mjs';
import { front } from './front.mjs';
import { search } from './search.mjs';
import { about, defaults, mirrors, readSettings, settings } from './settings.mjs';
import { choose, words } from './words.mjs';

const VIEWS = { front, outlet: front, topic: front, article, search, settings, about, mirrors };
const ROUTE = /^#(article)\/([0-9a-f]{64})$|^#(outlet)\/([a-z0-9][a-z0-9-]{0,31})$|^#(topic)\/([^/]{1,600})$|^#(search|settings|about|mirrors)$/;
// What each state looks like: an icon and a kind, which gives border and colour. The words are in the tables.
const STATES = {
  searching: ['seek', 'calm'], verified: ['check', 'good'], offline: ['off', 'calm'], lagging: ['clock', 'care'],
  stale: ['clock', 'care'], empty: ['off', 'calm'], broken: ['info', 'care'], 'unknown-clock': ['clock', 'care'],
  fork: ['stop', 'bad'],
};
// States that claim nothing for themselves.
const PLAIN = ['searching', 'empty', 'broken', 'fork'];
const LISTS = ['front', 'outlet', 'topic'];
const TICK = 30e3;

/** Where an address leads: {view, id}; the front page for what is none of ours. */
export function parseRoute(hash) {
  const found = ROUTE.exec(hash);
  if (!found) return { view: 'front', id: null };
  const [, one, digest, two, outlet, three, topic, view] = found;
  try {
    return { view: one || two || three || view, id: digest || outlet || (topic && decodeURIComponent(topic)) || null };
  } catch (_) {
    return { view: 'front', id: null };
  }
}

export function writeRoute({ view, id }) {
  return view === 'front' ? '#' : id ? `#${view}/${encodeURIComponent(id)}` : `#${view}`;
}

/** How a state is shown: {name, icon, kind}. A reader that a mirror served cannot vouch for itself: neutral, whatever it
 * found; only an alarm stays one. */
export function stateOf(status) {
  const name = Object.prototype.hasOwnProperty.call(STATES, status.name) ? status.name : 'broken';
  const [picture, kind] = STATES[name];
  if (status.served && !PLAIN.includes(name)) return { name: 'served', icon: 'info', kind: 'calm' };
  return { name, icon: picture, kind };
}

/** Shows the reader in this document, and starts the engine.
 *
 *   boot    {publication, tables: {code: table of words}}
 *   engine  as engine.mjs makes it
 *   deeds   {shareHtml, sharePack, saveReader, importFile, newerReader, wipeAll}: what passes things on and takes them in */
export async function mount({ boot, engine, deeds }) {
  const app = {
    boot, engine, deeds, tables: boot.tables, name: boot.publication.name, settings: null,
    slow: false, topics: new Map(), scrolled: new Map(), trail: [], at: -1, shown: null, urls: [],
  };
  for (const [name, deed] of Object.entries({ back, ask, tell, hand, out, take, attempt, sight, forget, again, apply, link: inward })) {
    app[name] = (...all) => deed(app, ...all);
  }
  app.go = (view, id = null) => go(app, { view, id });
  app.redraw = () => draw(app, app.route);
  app.stateName = () => stateOf(engine.status).name;
  const asked = readSettings(engine).then((found) => (app.settings = found));
  // Where a browser does not answer whether it stores anything, nobody waits for it.
  await Promise.race([asked, new Promise((resolve) => setTimeout(resolve, 400))]);
  if (!app.settings) {
    app.settings = defaults();
    asked.then(app.apply);
  }
  app.run = Date.now();
  try {
    history.scrollRestoration = 'manual';
  } catch (_) {
    // As with the rest of the history.
  }
  app.main = h('main', { id: 'main', tabindex: '-1' });
  app.bar = h('header', { class: 'bar' });
  app.foot = h('footer', { class: 'state' });
  app.live = h('p', { role: 'status', class: 'live' });
  app.said = h('p', { role: 'status', class: 'said' });
  app.skip = h('a', { class: 'skip', href: '#main', onclick: (event) => skip(app, event) });
  apply(app);
  refill(document.getElementById('app'), app.skip, app.bar, app.main, app.foot, app.said);
  listen(app);
  const opened = parseRoute(app.settings.memory ? '' : location.hash);
  remember(app, opened, true);
  engine.subscribe((status) => changed(app, status));
  changed(app, engine.status);
  const drawn = draw(app, opened);
  setInterval(() => age(app), TICK);
  await Promise.all([drawn, engine.start()]);
  return app;
}

function listen(app) {
  addEventListener('popstate', (event) => {
    // Entries of an earlier visit of this page have numbers, too: there the address counts.
    const { at, run } = event.state || {};
    const known = run === app.run && app.trail[at];
    app.at = known ? at : 0;
    draw(app, known || parseRoute(app.settings.memory ? '' : location.hash));
  });
  // A file that is dropped anywhere is looked at, never opened by the browser in our place.
  addEventListener('dragover', (event) => event.preventDefault());
  addEventListener('drop', (event) => {
    event.preventDefault();
    const file = event.dataTransfer && event.dataTransfer.files[0];
    if (file) take(app, file);
  });
  if (window.matchMedia) {
    const dark = matchMedia('(prefers-color-scheme: dark)');
    const onchange = () => app.settings.theme === 'auto' && apply(app);
    if (dark.addEventListener) dark.addEventListener('change', onchange);
  }
}

// --- language, theme, size -------------------------------------------------------------------------------------------

function apply(app) {
  const { language, theme, size } = app.settings;
  const wanted = [...(language ? [language] : []), ...(navigator.languages || [navigator.language])];
  app.say = words(app.tables, choose(app.tables, wanted));
  const root = document.documentElement;
  root.lang = app.say.language;
  root.dir = app.say.direction;
  const dark = theme === 'dark' || (theme === 'auto' && window.matchMedia && matchMedia('(prefers-color-scheme: dark)').matches);
  root.dataset.theme = dark ? 'dark' : 'light';
  root.style.setProperty('--zoom', String(size / 100));
  header(app);
}

function header(app) {
  const { say } = app;
  refill(app.skip, say('skip'));
  refill(app.bar,
    inward(app, 'front', null, bdi(app.name), { class: 'brand' }),
    h('nav', null, [['search', 'lens'], ['settings', 'gear']].map(([view, picture]) =>
      inward(app, view, null, [icon(picture), h('span', null, say(view))],
        { 'aria-current': app.route && app.route.view === view && 'page' }))));
}

function skip(app, event) {
  event.preventDefault();
  app.main.focus();
  app.main.scrollIntoView();
}

// --- the way between views -------------------------------------------------------------------------------------------

/** A link to a view of ours. */
function inward(app, view, id, children, attributes) {
  const onclick = (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    go(app, { view, id });
  };
  // In memory-only mode not even an address to copy or to open in another tab.
  const href = app.settings.memory ? '#' : writeRoute({ view, id });
  return h('a', { href, onclick, ...attributes }, children);
}

function remember(app, route, replace) {
  app.at = replace ? Math.max(app.at, 0) : app.at + 1;
  app.trail.length = app.at;
  app.trail.push(route);
  const address = !app.settings.memory ? writeRoute(route) : location.hash ? '#' : undefined;
  try {
    const place = { at: app.at, run: app.run };
    if (replace) history.replaceState(place, '', address);
    else history.pushState(place, '', address);
  } catch (_) {
    // Some viewers allow no history: the reader works without.
  }
}

function go(app, route) {
  remember(app, route, false);
  return draw(app, route);
}

function back(app) {
  if (app.at > 0) history.back();
  else app.go('front');
}

/** {title, node} of a view or a promise of it. While a contradiction stands, nothing is shown to read. */
async function show(app, route) {
  try {
    const blocked = app.engine.status.name === 'fork' && !['about', 'settings', 'mirrors'].includes(route.view);
    return await (blocked ? fork(app) : VIEWS[route.view](app, route));
  } catch (error) {
    return { title: '', node: h('div', null, h('h1', { class: 'over' }, app.say('none')),
      h('p', null, app.say('failed', { why: String(error).slice(0, 300) }))) };
  }
}

async function draw(app, route) {
  if (app.shown) app.scrolled.set(app.shown, scrollY);
  const back = app.shown !== route && app.scrolled.get(route);
  const same = app.shown === route;
  app.route = route;
  document.documentElement.dataset.view = route.view;
  const turn = (app.turn = {});
  const { serial } = app;
  if (!same) {
    app.urls.splice(0).forEach((url) => URL.revokeObjectURL(url));
    if (app.leave) app.leave();
    app.leave = null;
  }
  const view = show(app, route);
  const waiting = setTimeout(() => turn === app.turn && refill(app.main, wait(app)), 150);
  const { title, node } = await view;
  clearTimeout(waiting);
  if (turn !== app.turn) return;
  app.shown = route;
  // An edition that came while this was made.
  if (serial !== app.serial && LISTS.includes(route.view)) app.redraw();
  const held = same && document.activeElement.id;
  refill(app.main, node);
  // In memory-only mode the title, too, says nothing of what is read: browsers keep titles.
  const named = title && !app.settings.memory;
  document.title = named ? `${title} — ${app.name}` : app.name;
  if (same) {
    const again = held && document.getElementById(held);
    if (again) again.focus();
    return;
  }
  header(app);
  scrollTo(0, back || 0);
  const heading = app.main.querySelector('h1');
  if (heading && app.moved) {
    heading.tabIndex = -1;
    heading.focus({ preventScroll: true });
  }
  app.moved = true;
}

/** Does something once this element is about to be seen. */
function sight(app, node, deed) {
  if (!window.IntersectionObserver) {
    deed();
    return;
  }
  const watch = new IntersectionObserver((seen) => {
    if (!seen.some(({ isIntersecting }) => isIntersecting)) return;
    watch.disconnect();
    deed();
  }, { rootMargin: '400px' });
  watch.observe(node);
  const before = app.leave;
  app.leave = () => {
    watch.disconnect();
    if (before) before();
  };
}

/** Takes out of this tab's address and history what was read. What the browser wrote down before stays with it. */
function forget(app) {
  app.trail = [app.route];
  app.at = -1;
  app.scrolled.clear();
  remember(app, app.route, true);
}

/** A button that asks the mirrors once more. */
function again(app) {
  const control = button(app.say('again'), () => attempt(app, () => app.engine.refresh(), control), { name: 'seek' });
  return control;
}

function wait(app) {
  return h('div', { class: 'wait', role: 'status' }, icon('seek'), h('p', null, app.say('loading')));
}

// --- what is known ---------------------------------------------------------------------------------------------------

function changed(app, status) {
  app.heard = { age: status.age, at: Date.now() };
  const name = stateOf(status).name;
  const serial = app.engine.edition && app.engine.edition.serial;
  const turned = (name === 'fork') !== (app.name_ === 'fork');
  const newer = serial !== app.serial || (!serial && name !== app.name_);
  if (name !== app.name_) refill(app.live, app.say(`state.${name}`)); // said aloud once, not at every tick
  Object.assign(app, { name_: name, serial });
  state(app);
  if (!app.shown) return;
  const onFront = LISTS.includes(app.route.view);
  // Nothing moves under the eyes of somebody who reads: what is new waits to be asked for, unless nothing was there.
  if (turned) draw(app, { ...app.route });
  else if (onFront && newer && (scrollY < 200 || !app.main.querySelector('.item'))) app.redraw();
  else if (onFront && newer) offer(app);
  else if (['about', 'mirrors'].includes(app.route.view) && !app.main.contains(document.activeElement)) app.redraw();
}

function offer(app) {
  const show = () => {
    app.redraw();
    scrollTo(0, 0);
  };
  if (!app.main.querySelector('.newer')) app.main.prepend(button(app.say('edition.newer'), show, { class: 'newer', name: 'clock' }));
}

/** The line at the foot: an icon, words and a border say the state, and the age of what is shown is always there. */
function state(app) {
  const { say, engine } = app;
  const shown = stateOf(engine.status);
  app.foot.className = `state ${shown.kind}`;
  app.age = h('span', { class: 'age' });
  refill(app.foot, inward(app, 'about', null, [icon(shown.icon), app.live, app.age, h('span', { class: 'more' }, say('details'))]));
  if (!app.live.textContent) app.live.textContent = say(`state.${shown.name}`);
  age(app);
}

function age(app) {
  const { say, engine } = app;
  const { status } = engine;
  const known = Number.isFinite(status.age) && status.name !== 'unknown-clock';
  const now = known ? status.age + (app.heard ? (Date.now() - app.heard.at) / 1000 : 0) : null;
  const text = !status.time ? '' : say('edition.age', { age: known ? say.age(now) : say.moment(status.time) });
  if (app.age && app.age.textContent !== text) refill(app.age, text);
}

function fork(app) {
  const { say } = app;
  const save = () => app.hand(new Blob([`${JSON.stringify(app.engine.status.evidence)}\n`], { type: 'application/json' }), 'evidence.json');
  return {
    title: say('state.fork'),
    node: h('section', { class: 'fork', role: 'alert' }, icon('stop'), h('h1', null, say('state.fork')),
      h('p', null, say.tell(bdi, 'means.fork', { publication: app.name })), h('p', null, say('fork')),
      h('p', { class: 'row' }, button(say('save.evidence'), save, { name: 'down', class: 'main' }),
        inward(app, 'about', null, say('details'), { class: 'button' }))),
  };
}

// --- leading out, dialogs, files -------------------------------------------------------------------------------------

/** What leads out of the reader: no address that a browser could follow or look up by itself, until somebody says so. */
function out(app, url, children) {
  const open = (event) => {
    event.preventDefault();
    leave(app, url);
  };
  const onkeydown = (event) => event.key === 'Enter' && open(event);
  return h('a', { class: 'out', role: 'link', tabindex: '0', 'data-url': url, onclick: open, onkeydown }, children);
}

async function leave(app, url) {
  const { say } = app;
  if (!outward(url)) return;
  const name = host(url);
  const chosen = await ask(app, {
    title: say('leave'),
    body: [
      h('p', { class: 'address' }, h('b', { dir: 'ltr' }, name), code(url)),
      h('p', null, say('leave.why')),
    ],
    actions: [['cancel', null], ['copy', 'copy'], ['open', 'open']],
  });
  if (chosen === 'copy') copy(app, url);
  if (chosen === 'open') h('a', { href: url, target: '_blank', rel: 'noopener noreferrer', referrerpolicy: 'no-referrer' }).click();
}

async function copy(app, text) {
  try {
    await navigator.clipboard.writeText(text);
    tell(app, app.say('copied'));
  } catch (_) {
    await ask(app, { title: app.say('copy'), body: [h('p', null, code(text))], actions: [['close', null]] });
  }
}

let boxes = 0;

/** A question: resolves with the value of the action that was chosen, null for none. `actions` are [key of words, value],
 * the one to be proposed last; the first gets the focus when `grave`. */
function ask(app, { title, body, actions, grave = false }) {
  const { say } = app;
  const before = document.activeElement;
  boxes += 1;
  return new Promise((resolve) => {
    const box = h('dialog', { 'aria-labelledby': `box${boxes}`, class: grave ? 'grave' : null });
    const native = typeof box.showModal === 'function';
    const done = (value) => {
      if (!box.parentNode) return;
      if (native && box.open) box.close();
      box.remove();
      document.getElementById('app').hidden = false;
      if (before && before.isConnected) before.focus();
      resolve(value);
    };
    const buttons = actions.map(([key, value], i) =>
      button(say(key), () => done(value), { class: i === actions.length - 1 ? (grave ? 'danger' : 'main') : null }));
    put(box, h('h2', { id: `box${boxes}` }, title), body, h('p', { class: 'row' }, buttons));
    box.addEventListener('cancel', (event) => {
      event.preventDefault();
      done(null);
    });
    box.addEventListener('click', (event) => event.target === box && done(null));
    document.body.append(box);
    if (native) box.showModal();
    else {
      // Firefox before 98: what lies behind the box is out of reach there, too.
      dress(box, { open: true, role: 'dialog', 'aria-modal': 'true', class: 'plain' });
      box.addEventListener('keydown', ({ key }) => key === 'Escape' && done(null));
      document.getElementById('app').hidden = true;
    }
    (grave ? buttons[0] : box.querySelector('button, a, input') || box).focus();
  });
}

/** A line that comes, is read aloud, and goes. */
function tell(app, text) {
  refill(app.said, text);
  clearTimeout(app.hush);
  app.hush = setTimeout(() => refill(app.said), 8000);
}

/** Gives a file to whoever reads: the browser saves it. */
function hand(app, blob, name) {
  const url = URL.createObjectURL(blob);
  const link = h('a', { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 60e3);
  tell(app, app.say('saved', { name }));
}

/** Runs what takes a while, with its control marked as busy; a failure is said in plain words. */
async function attempt(app, deed, control) {
  if (control) {
    if (control.getAttribute('aria-busy') === 'true') return undefined;
    control.setAttribute('aria-busy', 'true');
  }
  try {
    return await deed();
  } catch (error) {
    tell(app, app.say('failed', { why: String((error && (error.reason || error.message)) || error).slice(0, 300) }));
    return undefined;
  } finally {
    if (control) control.removeAttribute('aria-busy');
  }
}

/** Looks at a file that somebody chose or dropped, and says what it is. */
async function take(app, file) {
  const { say, engine } = app;
  const found = await attempt(app, () => app.deeds.importFile(app.engine, file));
  if (!found) return;
  if (found.kind === 'article' && found.digest) {
    tell(app, say('import.article'));
    app.topics.clear();
    go(app, { view: 'article', id: found.digest });
    return;
  }
  const key = found.why === 'withdrawn' ? 'refused.withdrawn' : `import.${found.kind}`;
  const mirrors = found.kind === 'reader' && found.same && found.mirrors.length;
  const take = await ask(app, {
    title: say('import'),
    body: [
      h('p', null, say(say.has(key) ? key : 'import.unknown')),
      mirrors ? h('p', null, say('import.mirrors')) : null,
      mirrors ? h('ul', null, found.mirrors.map((url) => h('li', null, code(url)))) : null,
      found.reason && h('p', { class: 'reason', lang: 'en', dir: 'ltr' }, String(found.reason).slice(0, 500)),
    ],
    actions: mirrors ? [['close', null], ['mirror.add', true]] : [['close', null]],
  });
  if (!take) return;
  await attempt(app, () => found.take());
  engine.refresh();
  go(app, { view: 'mirrors', id: null });
}
