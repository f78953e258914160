// How the reader looks and behaves, what it keeps, what it knows about itself, and where it looks for news.

import { bdi, button, code, facts, folded, h, host, icon, notice, page, reason, refill } from './dom.mjs';
import { picker } from './front.mjs';
import { choose } from './words.mjs';

const NAMES = { en: 'English', ru: 'Русский', be: 'Беларуская', uk: 'Українська', fa: 'فارسی', ar: 'العربية', zh: '中文', es: 'Español' };
const SIZES = [87, 100, 112, 125, 150, 175, 200];
const VALUES = { size: SIZES, theme: ['auto', 'light', 'dark'], pictures: ['auto', 'tap', 'never'], language: Object.keys(NAMES) };

/** What counts before anything was chosen. */
export const defaults = () => ({ size: 100, theme: 'auto', pictures: 'auto', language: null, memory: false });

/** What was chosen before. Storage is nobody's to trust: what is no value of ours counts for nothing. */
export async function readSettings({ settings: kept }) {
  const found = defaults();
  try {
    const stored = Object(await kept.get('ui'));
    for (const [name, known] of Object.entries(VALUES)) if (known.includes(stored[name])) found[name] = stored[name];
    found.memory = (await kept.get('memoryOnly')) === true;
  } catch (_) {
    // Without storage everything is as at the first time.
  }
  return found;
}

async function change(app, name, value) {
  app.settings[name] = value;
  app.apply();
  const { memory, ...others } = app.settings;
  await app.engine.settings.set('ui', others);
}

const group = (title, ...children) => h('section.group', h('h2', title), children);

/** Radio buttons: one of a few. */
const one = (app, name, words) => h('fieldset', h('legend', app.say(name)), VALUES[name].map((value) => h('label',
  h('input', { type: 'radio', name, checked: app.settings[name] === value, onchange: () => change(app, name, value) }),
  h('span', app.say(words(value))))));

/** The view {title, node} of the settings. */
export function settings(app) {
  const { say, engine } = app;
  const kept = engine.kept();
  const outlets = (engine.edition && engine.edition.outlets) || [];
  const what = (key) => h('p.ui', say(key));
  return page(say('settings'),
    group(say('reading'), size(app), one(app, 'theme', (value) => (value === 'auto' ? value : `theme.${value}`)),
      one(app, 'pictures', (value) => `pictures.${value}`), language(app)),
    group(say('files'), what('import.what'), h('p.row', picker(app)),
      what('save.what'), h('p.row', saver(app, 'save'), saver(app, 'save.state')), newer(app)),
    kept.length > 0 && group(say('kept'), h('ul', kept.map((id) =>
      h('li', app.link('outlet', id, bdi((outlets.find((outlet) => outlet.id === id) || { name: id }).name)))))),
    group(say('privacy'), memory(app), what('memory.what'), h('p.row', wipe(app))),
    h('p.group.row', app.way('mirrors'), app.way('about')));
}

function size(app) {
  const { say } = app;
  const shown = h('output', say.percent(app.settings.size));
  const step = (sign, by) => button(h('bdi', { dir: 'ltr' }, sign), () => {
    const next = SIZES[SIZES.indexOf(app.settings.size) + by];
    if (!next) return;
    change(app, 'size', next);
    refill(shown, say.percent(next));
  }, { 'aria-label': `${sign} ${say('size')}` });
  return h('fieldset', h('legend', say('size')), step('A−', -1), shown, step('A+', 1), h('p.sample', bdi(app.name)));
}

function language(app) {
  const { say, tables, settings: { language: chosen } } = app;
  const auto = choose(tables, navigator.languages);
  const option = (value, words) => h('option', { value, selected: value === (chosen || ''), lang: value || null }, words);
  const select = h('select', { id: 'language', onchange: async () => {
    await change(app, 'language', select.value || null);
    app.redraw();
  } }, option('', `${say('auto')} (${NAMES[auto]})`), Object.keys(tables).map((tag) => option(tag, NAMES[tag])));
  return h('p.field', h('label', { for: 'language' }, say('language')), select);
}

const saver = (app, key) => app.act(key, async () => {
  app.hand(await app.deeds.saveReader(app.engine, { withState: key === 'save.state' }), 'reader.html');
}, { name: 'down' });

/** The offer of a newer reader; nothing until there is one. */
function newer(app) {
  const { say, engine, deeds } = app;
  const place = h('div');
  deeds.newerReader(engine).then((found) => {
    if (!found) return;
    const save = async () => app.hand(await found.save({ withState: !app.settings.memory }), 'reader.html');
    refill(place, notice(h('p', say('update', { size: say.bytes(found.size) })), h('p.ui', 'SHA-256 ', code(found.digest)),
      h('p.row', app.act('update.save', save, { class: 'main', name: 'down' }))));
  }, () => {});
  return place;
}

function memory(app) {
  const input = h('input', { type: 'checkbox', checked: app.settings.memory, onchange: async () => {
    app.settings.memory = input.checked; // at once: a reader that is saved right away has nothing in it
    await app.engine.setMemoryOnly(input.checked);
    if (input.checked) app.forget();
    app.apply();
  } });
  return h('label', input, h('span', app.say('memory')));
}

function wipe(app) {
  const { say } = app;
  return app.act('wipe', async () => {
    if (!(await app.ask(say('wipe'), h('p', say('wipe.what')), [['cancel'], ['wipe', true]], true))) return;
    const gone = await app.deeds.wipeAll(app.engine);
    Object.assign(app, { settings: defaults(), stored: null, query: '' });
    app.apply();
    app.forget();
    app.tell(gone ? say('wipe.done') : say('failed', { why: 'IndexedDB' }));
    app.redraw();
  }, { name: 'close', class: 'danger' });
}

// --- what this page knows --------------------------------------------------------------------------------------------

/** The view {title, node}: the state in words, and everything behind it. */
export function about(app) {
  const { say, engine, boot } = app;
  const { edition, status: { log = {}, mirror, signers, witnesses, build, reason: why } } = engine;
  const name = app.stateName();
  const tell = (key) => h('p', say.tell(bdi, key, { publication: app.name }));
  const list = (values = []) => {
    const shown = (values || []).filter((value) => value || value === 0);
    return shown.length > 0 && h('ul', shown.map((value) => h('li', code(value))));
  };
  return page(say('about'),
    group(say(`state.${name}`), tell(`means.${name}`), why && folded(say('details'), reason(why)),
      h('p.row', app.again(), app.way('mirrors'))),
    group(say('means'), tell('means.does'), tell('means.not'), facts((key) => say(`fact.${key}`), [
      ['time', edition && [say('edition', { serial: say.digits(edition.serial) }), say.dot, say.moment(edition.time)]],
      ['next', edition && say.moment(edition.next)],
      ['mirror', mirror && code(mirror)],
      ['signers', list(signers)],
      ['witnesses', list(witnesses)],
      // As a checkpoint has it: whose it is, its size, its root.
      ['log', log && list([log.origin, log.size, log.root])],
      ['pin', code(boot.publication.pin)],
      ['build', build && code(build)],
    ])));
}

// --- mirrors ---------------------------------------------------------------------------------------------------------

/** The view {title, node}: where the reader looks, and how it went. */
export function mirrors(app) {
  const { say, engine } = app;
  const error = h('p.wrong', { id: 'wrong', role: 'alert' });
  const input = h('input', {
    type: 'url', id: 'address', 'aria-labelledby': 'adding', 'aria-describedby': 'wrong', dir: 'ltr', maxlength: 1024, placeholder: 'https://…', autocomplete: 'off',
  });
  const onsubmit = async (event) => {
    event.preventDefault();
    const added = await app.attempt(() => engine.addMirror(input.value));
    input.setAttribute('aria-invalid', !added);
    refill(error, !added && say('mirror.wrong'));
    if (!added) return;
    app.redraw();
    engine.refresh();
  };
  return page(say('mirrors'), h('p', say('mirrors.what')), h('ul.mirrors', engine.mirrors().map((mirror) => row(say, mirror))),
    h('form.group', { onsubmit, novalidate: true }, h('h2', { id: 'adding' }, say('mirror.add')),
      h('p.field', input, h('button', { type: 'submit', class: 'main' }, say('mirror.add'))), error, h('p.ui', say('mirror.hint'))));
}

function row(say, { url, ok, fails, why }) {
  const [state, picture] = ok ? ['ok', 'check'] : fails ? ['fails', 'off'] : ['new', 'clock'];
  return h('li', { class: state }, icon(picture), h('div', h('b', { dir: 'ltr' }, host(url)), ' ', code(url),
    h('p.ui', say(`mirror.${state}`)), why && !ok && reason(why)));
}
