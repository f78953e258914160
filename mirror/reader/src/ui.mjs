// The frame around every view: header, main, the line that says what is known, dialogs, and the way between views.
//
// A view is a function (app, route) that gives {title, node} or a promise of it; `node` has an h1, which gets the focus.
// Where the reader is stands in the address (#article/<digest>), so that reloading and going back work - but not in
// memory-only mode: there history entries hold a number, and what it means is known to this page alone.

import { article } from './article.mjs';
import { bdi, button, code, dress, h, host, icon, outward, page, put, reason, refill, unturned } from './dom.mjs';
import { front } from './front.mjs';
import { search } from './search.mjs';
import { about, defaults, mirrors, readSettings, settings } from './settings.mjs';
import { choose, words } from './words.mjs';

const VIEWS = { front, outlet: front, topic: front, article, search, settings, about, mirrors };
const ROUTE = /^#(article(?=\/[0-9a-f]{64}$)|outlet(?=\/[a-z0-9][a-z0-9-]{0,31}$)|topic(?=\/[^/]{1,600}$)|(?:search|settings|about|mirrors)$)\/?(.*)/;
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
  const [, view = 'front', id] = ROUTE.exec(hash) || [];
  try {
    return { view, id: id ? decodeURIComponent(id) : null };
  } catch (_) {
    return parseRoute('');
  }
}

export const writeRoute = ({ view, id }) => `#${view === 'front' ? '' : view}${id ? `/${encodeURIComponent(id)}` : ''}`;

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
    boot, engine, deeds, tables: boot.tables, name: boot.publication.name, settings: null, stored: null,
    slow: false, scrolled: new Map(), trail: [], at: -1, past: true, shown: null, away: true, urls: [], heard: {},
  };
  const own = { act, address, again, apply, ask, attempt, back, forget, go, hand, link, out, redraw, sight, stateName, take, tell, way };
  for (const [name, deed] of Object.entries(own)) app[name] = (...all) => deed(app, ...all);
  const asked = readSettings(engine).then((found) => (app.settings = found));
  // Where a browser does not answer whether it stores anything, nobody waits for it.
  await Promise.race([asked, new Promise((resolve) => setTimeout(resolve, 400))]);
  if (!app.settings) {
    app.settings = defaults();
    asked.then(app.apply);
  }
  app.run = Date.now();
  app.main = h('main', { id: 'main', tabindex: -1 });
  app.bar = h('header.bar');
  app.foot = h('footer');
  app.sign = icon('seek');
  app.live = h('p.live', { role: 'status' });
  app.age = h('span.age');
  app.said = h('p.said', { role: 'status' });
  app.skip = h('a.skip', { href: '#main', onclick: (event) => {
    event.preventDefault();
    app.main.focus();
    app.main.scrollIntoView();
  } });
  apply(app);
  refill(root(), app.skip, app.bar, app.main, app.foot, app.said);
  listen(app);
  const opened = here(app);
  remember(app, opened, true);
  engine.subscribe((status) => changed(app, status));
  changed(app, engine.status);
  const drawn = draw(app, opened);
  setInterval(() => age(app), TICK);
  await Promise.all([drawn, engine.start()]);
  return app;
}

const root = () => document.getElementById('app');
const here = (app) => parseRoute(app.settings.memory ? '' : location.hash);
const dark = () => matchMedia('(prefers-color-scheme: dark)');

function listen(app) {
  try {
    history.scrollRestoration = 'manual';
  } catch (_) {
    // Some viewers allow no history: the reader works without.
  }
  addEventListener('popstate', ({ state }) => {
    // Entries of an earlier visit of this page have numbers, too: there the address counts.
    const { at, run } = state || {};
    const known = run === app.run && app.trail[at];
    app.at = known ? at : 0;
    draw(app, known || here(app));
  });
  // A file that is dropped anywhere is looked at, never opened by the browser in our place.
  for (const kind of ['dragover', 'drop']) {
    addEventListener(kind, (event) => {
      event.preventDefault();
      const file = kind === 'drop' && event.dataTransfer.files[0];
      if (file) take(app, file);
    });
  }
  dark().addEventListener('change', app.apply);
}

// --- language, theme, size -------------------------------------------------------------------------------------------

function apply(app) {
  const { settings: { language, theme, size }, tables } = app;
  const say = words(tables, choose(tables, [language, ...navigator.languages]));
  app.say = say;
  const html = document.documentElement;
  dress(html, say.ours);
  html.dataset.theme = theme === 'auto' ? (dark().matches ? 'dark' : 'light') : theme;
  html.style.setProperty('--zoom', size / 100);
  header(app);
  refill(app.foot, link(app, 'about', null, [app.sign, app.live, app.age, h('span.more', say('details'))]));
  state(app);
}

function header(app) {
  const { say } = app;
  const current = app.route && app.route.view;
  refill(app.skip, say('skip'));
  refill(app.bar, link(app, 'front', null, bdi(app.name), { class: 'brand' }),
    h('nav', [['search', 'lens'], ['settings', 'gear']].map(([view, picture]) =>
      link(app, view, null, [icon(picture), h('span', say(view))], { 'aria-current': current === view && 'page' }))));
}

// --- the way between views -------------------------------------------------------------------------------------------

/** A link to a view of ours. */
function link(app, view, id, children, attributes) {
  const onclick = (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    go(app, view, id);
  };
  // In memory-only mode not even an address to copy or to open in another tab.
  return h('a', { href: app.settings.memory ? '#' : writeRoute({ view, id }), onclick, ...attributes }, children);
}

/** The way to a view, as a button. */
const way = (app, view) => link(app, view, null, app.say(view), { class: 'button' });

function remember(app, route, replace) {
  app.at = Math.max(app.at + (replace ? 0 : 1), 0);
  app.trail.length = app.at;
  app.trail.push(route);
  const address = !app.settings.memory ? writeRoute(route) : location.hash ? '#' : undefined;
  try {
    history[replace ? 'replaceState' : 'pushState']({ at: app.at, run: app.run }, '', address);
  } catch (_) {
    // As in `listen`: then the way back is known to this page alone.
    app.past = false;
  }
}

function go(app, view, id = null) {
  const route = { view, id };
  remember(app, route, false);
  return draw(app, route);
}

function back(app) {
  if (app.at <= 0) go(app, 'front');
  else if (app.past) history.back();
  else draw(app, app.trail[--app.at]);
}

const redraw = (app) => draw(app, app.route);

/** {title, node} of a view or a promise of it. While a contradiction stands, nothing is shown to read. */
async function show(app, route) {
  try {
    const blocked = app.engine.status.name === 'fork' && !['about', 'settings', 'mirrors'].includes(route.view);
    return await (blocked ? fork(app) : VIEWS[route.view](app, route));
  } catch (error) {
    return page(app.say('none'), h('p', app.say('failed', { why: told(error) })));
  }
}

async function draw(app, route) {
  const same = app.shown === route && !app.away;
  // Who comes back before the next view was there finds the last one where it was left.
  if (!app.away && !same) app.scrolled.set(app.shown, scrollY);
  app.away = !same;
  app.route = route;
  document.documentElement.dataset.view = route.view;
  const turn = (app.turn = {});
  const { serial } = app;
  app.urls.splice(0).forEach((url) => URL.revokeObjectURL(url));
  if (app.leave) app.leave();
  app.leave = null;
  const view = show(app, route);
  const waiting = setTimeout(() => turn === app.turn
    && refill(app.main, h('div.alone', { role: 'status' }, icon('seek'), h('p', app.say('loading')))), 150);
  const { title, node } = await view;
  clearTimeout(waiting);
  if (turn !== app.turn) return;
  // An edition that came while this was made.
  if (serial !== app.serial && LISTS.includes(route.view)) {
    redraw(app);
    return;
  }
  Object.assign(app, { shown: route, away: false });
  const { activeElement: held } = document;
  const inside = app.main.contains(held);
  refill(app.main, node);
  // In memory-only mode the title, too, says nothing of what is read: browsers keep titles.
  const named = title && !app.settings.memory;
  document.title = named ? `${unturned(title)} — ${app.name}` : app.name;
  const heading = app.main.querySelector('h1');
  if (heading) heading.tabIndex = -1;
  if (same) {
    // What was made anew has the focus again, or what stands above it.
    const again = inside && ((held.id && document.getElementById(held.id)) || heading);
    if (again) again.focus({ preventScroll: true });
    return;
  }
  header(app);
  scrollTo(0, app.scrolled.get(route) || 0);
  if (heading && app.moved) heading.focus({ preventScroll: true });
  app.moved = true;
}

/** Does something once this element is about to be seen. */
function sight(app, node, deed) {
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

/** An address for bytes, for as long as this view is shown. */
function address(app, blob) {
  const url = URL.createObjectURL(blob);
  app.urls.push(url);
  return url;
}

/** A button whose words are at `key`, and which does what takes a while. */
function act(app, key, deed, attributes) {
  const control = button(app.say(key), () => attempt(app, deed, control), attributes);
  return control;
}

const again = (app) => act(app, 'again', () => app.engine.refresh(), { name: 'seek', id: 'again' });

// --- what is known ---------------------------------------------------------------------------------------------------

const stateName = (app) => stateOf(app.engine.status).name;

function changed(app, status) {
  app.heard = { age: status.age, at: Date.now() };
  const name = stateName(app);
  const before = app.state;
  const { serial } = app.engine.edition || {};
  const newer = serial !== app.serial || (!serial && name !== before);
  Object.assign(app, { state: name, serial });
  state(app);
  if (!app.shown) return;
  const { view } = app.route;
  // Nothing moves under the eyes of somebody who reads: what is new waits to be asked for, unless nothing was there.
  if ((name === 'fork') !== (before === 'fork')) draw(app, { ...app.route });
  else if (LISTS.includes(view) && newer) {
    if (scrollY < 200 || !app.main.querySelector('.item')) redraw(app);
    else offer(app);
  } else if (['about', 'mirrors'].includes(view)) {
    const { activeElement: held } = document;
    const known = JSON.stringify([name, app.engine.mirrors()]);
    // Not under the hands of somebody who writes, or where the focus could not be given back.
    if (known === app.known || (app.main.contains(held) && (!held.id || held.value))) return;
    app.known = known;
    redraw(app);
  }
}

function offer(app) {
  if (app.main.querySelector('.newer')) return;
  app.main.prepend(button(app.say('edition.newer'), () => {
    redraw(app);
    scrollTo(0, 0);
  }, { class: 'newer', name: 'clock' }));
}

/** The line at the foot: an icon, words and a border say the state, and the age of what is shown is always there. */
function state(app) {
  const { say } = app;
  const shown = stateOf(app.engine.status);
  app.foot.className = `state ${shown.kind}`;
  // Said aloud when it changes, not at every tick; and a link that has the focus, or is being tapped, stays.
  const words = say(`state.${shown.name}`);
  if (app.live.textContent !== words) {
    refill(app.live, words);
    app.sign.replaceWith(app.sign = icon(shown.icon));
  }
  age(app);
}

function age({ say, engine, heard, age: line }) {
  const { status: { name, time, age: known } } = engine;
  const old = Number.isFinite(known) && name !== 'unknown-clock';
  const text = time ? say('edition.age', { age: old ? say.age(known + (Date.now() - heard.at) / 1000) : say.moment(time) }) : '';
  if (line.textContent !== text) refill(line, text);
}

function fork(app) {
  const { say } = app;
  const save = () => app.hand(new Blob([`${JSON.stringify(app.engine.status.evidence)}\n`], { type: 'application/json' }), 'evidence.json');
  const title = say('state.fork');
  return {
    title,
    node: h('section.fork', { role: 'alert' }, icon('stop'), h('h1', title),
      h('p', say.tell(bdi, 'means.fork', { publication: app.name })), h('p', say('fork')),
      h('p.row', act(app, 'save.evidence', save, { name: 'down', class: 'main' }),
        link(app, 'about', null, say('details'), { class: 'button' }))),
  };
}

// --- leading out, dialogs, files -------------------------------------------------------------------------------------

/** What leads out of the reader: no address that a browser could follow or look up by itself, until somebody says so. */
function out(app, url, children) {
  const onclick = (event) => {
    event.preventDefault();
    leave(app, url);
  };
  return h('a.out', { role: 'link', tabindex: 0, 'data-url': url, onclick, onkeydown: (event) => event.key === 'Enter' && onclick(event) }, children);
}

async function leave(app, url) {
  const { say } = app;
  if (!outward(url)) return;
  const chosen = await ask(app, say('leave'), [h('p.address', h('b', { dir: 'ltr' }, host(url)), code(url)), h('p', say('leave.why'))],
    [['cancel'], ['copy', 'copy'], ['open', 'open']]);
  if (chosen === 'open') h('a', { href: url, target: '_blank', rel: 'noopener noreferrer', referrerpolicy: 'no-referrer' }).click();
  if (chosen !== 'copy') return;
  try {
    await navigator.clipboard.writeText(url);
    tell(app, say('copied'));
  } catch (_) {
    await ask(app, say('copy'), h('p', code(url)), [['close']]);
  }
}

/** A question: resolves with the value of the action that was chosen, undefined for none. `actions` are [key of words,
 * value], the one to be proposed last; the first gets the focus. */
function ask({ say }, title, body, actions, grave = false) {
  const before = document.activeElement;
  return new Promise((resolve) => {
    const box = h('dialog', { 'aria-labelledby': 'asked', class: grave && 'grave' });
    const done = (value) => {
      if (!box.parentNode) return;
      box.remove();
      root().hidden = false;
      if (before && before.isConnected) before.focus();
      resolve(value);
    };
    const buttons = actions.map(([key, value], i) =>
      button(say(key), () => done(value), { class: i === actions.length - 1 && (grave ? 'danger' : 'main') }));
    put(box, h('h2', { id: 'asked' }, title), body, h('p.row', buttons));
    dress(box, {
      oncancel: () => done(),
      onclick: ({ target }) => target === box && done(),
      onkeydown: ({ key }) => key === 'Escape' && done(),
    });
    document.body.append(box);
    if (box.showModal) box.showModal();
    else {
      // Firefox before 98: what lies behind the box is out of reach there, too.
      dress(box, { role: 'dialog', 'aria-modal': 'true' });
      root().hidden = true;
    }
    buttons[0].focus();
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
  const way = h('a', { href: url, download: name });
  document.body.append(way);
  way.click();
  way.remove();
  setTimeout(() => URL.revokeObjectURL(url), 60e3);
  tell(app, app.say('saved', { name }));
}

const told = (error) => String((error && (error.reason || error.message)) || error).slice(0, 300);

/** Runs what takes a while, with its control marked as busy; a failure is said in plain words. */
async function attempt(app, deed, control = h('button')) {
  if (control.getAttribute('aria-busy')) return undefined;
  control.setAttribute('aria-busy', 'true');
  try {
    return await deed();
  } catch (error) {
    tell(app, app.say('failed', { why: told(error) }));
    return undefined;
  } finally {
    control.removeAttribute('aria-busy');
  }
}

/** Looks at a file that somebody chose or dropped, and says what it is. */
async function take(app, file) {
  const { say, engine } = app;
  const found = await attempt(app, () => app.deeds.importFile(engine, file));
  if (!found) return;
  const { kind, digest, why, same, mirrors = [] } = found;
  if (kind === 'article' && digest) {
    // In a reader that a mirror served, its own words: it vouches for nothing.
    tell(app, say(`state.${stateOf({ ...engine.status, name: 'verified' }).name}`));
    app.stored = null;
    go(app, 'article', digest);
    return;
  }
  const key = why === 'withdrawn' ? 'refused.withdrawn' : `import.${kind}`;
  const known = same && mirrors.length > 0;
  const add = await ask(app, say('import'), [
    h('p', say(say.has(key) ? key : 'import.unknown')),
    known && [h('p', say('import.mirrors')), h('ul', mirrors.map((url) => h('li', code(url))))],
    found.reason && reason(found.reason),
  ], known ? [['close'], ['mirror.add', true]] : [['close']]);
  if (!add) return;
  await attempt(app, () => found.take());
  engine.refresh();
  go(app, 'mirrors');
}
