// How the reader looks and behaves, what it keeps, what it knows about itself, and where it looks for news.

import { bdi, between, button, code, h, host, icon, outward, refill } from './dom.mjs';
import { picker } from './front.mjs';
import { choose } from './words.mjs';

const SIZES = [87, 100, 112, 125, 150, 175, 200];
const THEMES = ['auto', 'light', 'dark'];
const PICTURES = ['auto', 'tap', 'never'];

/** What counts before anything was chosen. */
export const defaults = () => ({ size: 100, theme: 'auto', pictures: 'auto', language: null, memory: false });

/** What was chosen before. Storage is nobody's to trust: what is no value of ours counts for nothing. */
export async function readSettings(engine) {
  let stored = null;
  let memory = false;
  try {
    [stored, memory] = [await engine.settings.get('ui'), await engine.settings.get('memoryOnly')];
  } catch (_) {
    // Without storage everything is as at the first time.
  }
  const found = { ...defaults(), memory: memory === true };
  for (const [name, known] of [['size', SIZES], ['theme', THEMES], ['pictures', PICTURES], ['language', Object.keys(NAMES)]]) {
    if (stored && known.includes(stored[name])) found[name] = stored[name];
  }
  return found;
}

async function change(app, name, value) {
  app.settings[name] = value;
  app.apply();
  try {
    const { memory: _, ...others } = app.settings;
    await app.engine.settings.set('ui', others);
  } catch (_) {
    // It counts for as long as this page is open.
  }
}

function group(title, ...children) {
  return h('section', { class: 'group' }, h('h2', null, title), children);
}

/** Radio buttons: one of a few. */
function one(app, name, values, words, after) {
  return h('fieldset', null, h('legend', null, app.say(name)), values.map((value) => {
    const input = h('input', { type: 'radio', name, checked: app.settings[name] === value, onchange: async () => {
      await change(app, name, value);
      if (after) after(value);
    } });
    return h('label', null, input, h('span', null, words(value)));
  }));
}

/** The view {title, node} of the settings. */
export function settings(app) {
  const { say, engine } = app;
  const kept = engine.kept();
  const outlets = (engine.edition && engine.edition.outlets) || [];
  return {
    title: say('settings'),
    node: h('div', { class: 'settings' }, h('h1', { class: 'over' }, say('settings')),
      group(say('reading'), size(app),
        one(app, 'theme', THEMES, (value) => say(value === 'auto' ? value : `theme.${value}`)),
        one(app, 'pictures', PICTURES, (value) => say(`pictures.${value}`)),
        language(app)),
      group(say('files'), h('p', { class: 'ui' }, say('import.what')), h('p', { class: 'row' }, picker(app)),
        h('p', { class: 'ui' }, say('save.what')), h('p', { class: 'row' }, saver(app, false), saver(app, true)), newer(app)),
      kept.length ? group(say('kept'), h('ul', null, kept.map((id) => {
        const { name = id } = outlets.find((outlet) => outlet.id === id) || {};
        return h('li', null, app.link('outlet', id, bdi(name)));
      }))) : null,
      group(say('privacy'), memory(app), wipe(app)),
      h('p', { class: 'group row' }, app.link('mirrors', null, say('mirrors'), { class: 'button' }),
        app.link('about', null, say('about'), { class: 'button' }))),
  };
}

function size(app) {
  const { say } = app;
  const shown = h('output', null, say.percent(app.settings.size));
  const step = (by) => async () => {
    const next = SIZES[SIZES.indexOf(app.settings.size) + by];
    if (!next) return;
    await change(app, 'size', next);
    refill(shown, say.percent(next));
  };
  return h('fieldset', { class: 'size' }, h('legend', null, say('size')),
    button(h('bdi', { dir: 'ltr' }, 'A−'), step(-1), { 'aria-label': `A− ${say('size')}` }), shown, button(h('bdi', { dir: 'ltr' }, 'A+'), step(1), { 'aria-label': `A+ ${say('size')}` }),
    h('p', { class: 'sample' }, bdi(app.name)));
}

function language(app) {
  const { say, tables } = app;
  const auto = choose(tables, navigator.languages || [navigator.language]);
  const select = h('select', { id: 'language', onchange: async () => {
    await change(app, 'language', select.value || null);
    app.redraw();
  } }, [['', `${say('auto')} (${nameOf(auto)})`], ...Object.keys(tables).map((tag) => [tag, nameOf(tag)])].map(([value, words]) =>
    h('option', { value, selected: value === (app.settings.language || ''), lang: value || null }, words)));
  return h('p', { class: 'field' }, h('label', { for: 'language' }, say('language')), select);
}

const NAMES = { en: 'English', ru: 'Русский', be: 'Беларуская', uk: 'Українська', fa: 'فارسی', ar: 'العربية', zh: '中文', es: 'Español' };
const nameOf = (tag) => NAMES[tag] || tag;

function saver(app, withState) {
  const { say, engine, deeds } = app;
  const button_ = button(say(withState ? 'save.state' : 'save'), () => app.attempt(async () => {
    app.hand(await deeds.saveReader(engine, { withState }), 'reader.html');
  }, button_), { name: 'down' });
  return button_;
}

/** The offer of a newer reader; nothing until there is one. */
function newer(app) {
  const { say, engine, deeds } = app;
  const place = h('div');
  const look = async () => {
    const found = await deeds.newerReader(engine).catch(() => null);
    if (!found) return;
    const save = button(say('update.save'), () => app.attempt(async () => {
      app.hand(await found.save({ withState: !app.settings.memory }), 'reader.html');
    }, save), { class: 'main', name: 'down' });
    refill(place, h('div', { class: 'notice' }, icon('info'), h('div', null,
      h('p', null, say('update', { size: say.bytes(found.size) })),
      h('p', { class: 'ui' }, 'SHA-256 ', code(found.digest)), h('p', { class: 'row' }, save))));
  };
  look();
  return place;
}

function memory(app) {
  const { say, engine } = app;
  const input = h('input', { type: 'checkbox', checked: app.settings.memory, onchange: async () => {
    await engine.setMemoryOnly(input.checked);
    app.settings.memory = input.checked;
    if (input.checked) app.forget();
    app.apply();
  } });
  return [h('label', { class: 'switch' }, input, h('span', null, say('memory'))), h('p', { class: 'ui' }, say('memory.what'))];
}

function wipe(app) {
  const { say, engine, deeds } = app;
  const one_ = button(say('wipe'), async () => {
    const sure = await app.ask({
      title: say('wipe'), body: [h('p', null, say('wipe.what'))], actions: [['cancel', null], ['wipe', true]], grave: true,
    });
    if (!sure) return;
    await app.attempt(async () => {
      await deeds.wipeAll(engine);
      app.settings = defaults();
      app.apply();
      app.forget();
      app.topics.clear();
      app.query = '';
      app.tell(app.say('wipe.done'));
      app.redraw();
    }, one_);
  }, { name: 'close', class: 'danger' });
  return h('p', { class: 'row' }, one_);
}

// --- what this page knows --------------------------------------------------------------------------------------------

/** The view {title, node}: the state in words, and everything behind it. */
export function about(app) {
  const { say, engine, boot } = app;
  const { status, edition } = engine;
  const name = app.stateName();
  const list = (values) => (values && values.length ? h('ul', null, values.map((value) => h('li', null, code(value)))) : null);
  const log = status.log || {};
  const facts = [
    ['time', edition && between(say.dot, [say('edition', { serial: say.digits(edition.serial) }), say.moment(edition.time)])],
    ['next', edition && say.moment(edition.next)],
    ['mirror', status.mirror && code(status.mirror)],
    ['signers', list(status.signers)],
    ['witnesses', list(status.witnesses)],
    // As a checkpoint has it: whose it is, its size, its root.
    ['log', list([log.origin, log.size, log.root].filter((one) => one || one === 0))],
    ['pin', code(boot.publication.pin)],
    ['build', status.build && code(status.build)],
  ];
  return {
    title: say('about'),
    node: h('div', { class: 'settings' }, h('h1', { class: 'over' }, say('about')),
      h('section', { class: 'group' }, h('h2', null, say(`state.${name}`)), h('p', null, say.tell(bdi, `means.${name}`, { publication: app.name })),
        status.reason && h('details', { class: 'ui' }, h('summary', null, say('details')),
          h('p', { class: 'reason', lang: 'en', dir: 'ltr' }, String(status.reason).slice(0, 2000))),
        h('p', { class: 'row' }, app.again(), app.link('mirrors', null, say('mirrors'), { class: 'button' }))),
      group(say('means'), h('p', null, say.tell(bdi, 'means.does', { publication: app.name })),
        h('p', null, say('means.not')),
        h('dl', null, facts.filter(([, value]) => value)
        .map(([key, value]) => [h('dt', null, say(`fact.${key}`)), h('dd', null, value)])))),
  };
}

// --- mirrors ---------------------------------------------------------------------------------------------------------

/** The view {title, node}: where the reader looks, and how it went. */
export function mirrors(app) {
  const { say, engine } = app;
  const error = h('p', { id: 'wrong', class: 'wrong', role: 'alert' });
  const input = h('input', { type: 'url', 'aria-labelledby': 'adding', dir: 'ltr', placeholder: 'https://…', autocomplete: 'off', 'aria-describedby': 'wrong' });
  const add = async (event) => {
    event.preventDefault();
    const address = input.value.trim();
    const fits = outward(address) && address.length <= 1024;
    input.setAttribute('aria-invalid', String(!fits));
    refill(error, fits ? '' : say('mirror.wrong'));
    if (!fits) return;
    await app.attempt(async () => {
      await engine.addMirror(address);
      app.redraw();
      engine.refresh();
    });
  };
  return {
    title: say('mirrors'),
    node: h('div', { class: 'settings' }, h('h1', { class: 'over' }, say('mirrors')), h('p', null, say('mirrors.what')),
      h('ul', { class: 'mirrors' }, engine.mirrors().map((mirror) => row(app, mirror))),
      h('form', { class: 'group', onsubmit: add, novalidate: true }, h('h2', { id: 'adding' }, say('mirror.add')),
        h('p', { class: 'field' }, input, h('button', { type: 'submit', class: 'main' }, say('mirror.add'))), error,
        h('p', { class: 'ui' }, say('mirror.hint')))),
  };
}

function row(app, { url, ok, fails, why }) {
  const { say } = app;
  const state = ok ? 'ok' : fails ? 'fails' : 'new';
  const picture = { ok: 'check', fails: 'off', new: 'clock' }[state];
  return h('li', { class: state }, icon(picture), h('div', null, h('p', null, h('b', { dir: 'ltr' }, host(url)), ' ', code(url)),
    h('p', { class: 'ui' }, say(`mirror.${state}`)), why && !ok ? h('p', { class: 'ui reason', lang: 'en', dir: 'ltr' }, String(why).slice(0, 200)) : null));
}
