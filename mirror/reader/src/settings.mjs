// How the reader looks and behaves, what it keeps, what it knows about itself, and where it looks for news.

import { bdi, between, button, code, h, host, icon, outward, refill } from './dom.mjs';
import { picker } from './front.mjs';
import { choose } from './words.mjs';

const SIZES = [87, 100, 112, 125, 150, 175, 200];
const THEMES = ['auto', 'light', 'dark'];
const PICTURES = ['auto', 'tap', 'never'];

/** What was chosen before. Storage is nobody's to trust: what is no value of ours counts for nothing. */
export async function readSettings(engine) {
  let stored = null;
  try {
    stored = await engine.settings.get('ui');
  } catch (_) {
    // Without storage everything is as at the first time.
  }
  const one = (name, known, other) => (stored && known.includes(stored[name]) ? stored[name] : other);
  return {
    size: one('size', SIZES, 100),
    theme: one('theme', THEMES, 'auto'),
    pictures: one('pictures', PICTURES, 'auto'),
    language: stored && /^[a-z]{2}$/.test(stored.language) ? stored.language : null,
    memory: Boolean(stored && stored.memory === true),
  };
}

async function change(app, name, value) {
  app.settings[name] = value;
  app.apply();
  try {
    await app.engine.settings.set('ui', { ...app.settings });
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
export async function settings(app) {
  const { say, engine } = app;
  const kept = new Set(await engine.kept());
  const outlets = (engine.edition && engine.edition.outlets) || [];
  return {
    title: say('settings'),
    node: h('div', { class: 'settings' }, h('h1', { class: 'over' }, say('settings')),
      group(say('reading'), size(app),
        one(app, 'theme', THEMES, (value) => say(`theme.${value}`)),
        one(app, 'pictures', PICTURES, (value) => say(`pictures.${value}`)),
        language(app)),
      group(say('passing'), h('p', { class: 'ui' }, say('import.what')), h('p', { class: 'row' }, picker(app)),
        h('p', { class: 'ui' }, say('save.what')), h('p', { class: 'row' }, saver(app, false), saver(app, true)), newer(app)),
      kept.size ? group(say('kept_outlets'), h('ul', null, [...kept].map((id) => {
        const { name = id } = outlets.find((outlet) => outlet.id === id) || {};
        return h('li', null, app.link('outlet', id, bdi(name)));
      }))) : null,
      group(say('privacy'), memory(app), wipe(app)),
      group(say('more'), h('ul', { class: 'links' },
        h('li', null, app.link('mirrors', null, say('mirrors'))), h('li', null, app.link('about', null, say('about')))),
        h('p', { class: 'ui' }, say.tell(bdi, 'version', { build: (engine.status.build || '').slice(0, 16) })))),
  };
}

function size(app) {
  const { say } = app;
  const shown = h('output', null, say.number(app.settings.size), ' %');
  const step = (by) => async () => {
    const next = SIZES[SIZES.indexOf(app.settings.size) + by];
    if (!next) return;
    await change(app, 'size', next);
    refill(shown, say.number(next), ' %');
  };
  return h('fieldset', { class: 'size' }, h('legend', null, say('text_size')),
    button('A−', step(-1), { 'aria-label': say('smaller') }), shown, button('A+', step(1), { 'aria-label': say('larger') }),
    h('p', { class: 'sample' }, say('sample')));
}

function language(app) {
  const { say, tables } = app;
  const auto = choose(tables, navigator.languages || [navigator.language]);
  const select = h('select', { id: 'language', onchange: async () => {
    await change(app, 'language', select.value || null);
    app.redraw();
  } }, [['', `${say('theme.auto')} (${nameOf(auto)})`], ...Object.keys(tables).map((tag) => [tag, nameOf(tag)])].map(([value, words]) =>
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
  const { say, engine } = app;
  const place = h('div');
  const look = async () => {
    const found = await engine.newer().catch(() => null);
    if (!found) return;
    const save = button(say('update.save'), () => app.attempt(async () => {
      app.hand(new Blob([await found.bytes()], { type: 'text/html' }), 'reader.html');
    }, save), { class: 'main', name: 'down' });
    refill(place, h('div', { class: 'notice' }, icon('info'), h('div', null,
      h('p', null, say('update.what', { size: say.bytes(found.size) })),
      h('p', { class: 'ui' }, 'SHA-256 ', code(found.digest)), h('p', { class: 'row' }, save))));
  };
  look();
  return place;
}

function memory(app) {
  const { say, engine } = app;
  const input = h('input', { type: 'checkbox', checked: app.settings.memory, onchange: async () => {
    await engine.setMemoryOnly(input.checked);
    await change(app, 'memory', input.checked);
    if (input.checked) app.forget();
    app.redraw();
  } });
  return [h('label', { class: 'switch' }, input, h('span', null, say('memory'))), h('p', { class: 'ui' }, say('memory.what'))];
}

function wipe(app) {
  const { say, engine, deeds } = app;
  const one_ = button(say('wipe'), async () => {
    const sure = await app.ask({
      title: say('wipe.title'), body: [h('p', null, say('wipe.what'))], actions: [['cancel', null], ['wipe.do', true]], grave: true,
    });
    if (!sure) return;
    await app.attempt(async () => {
      await deeds.wipeAll(engine);
      app.forget();
      app.topics.clear();
      app.query = '';
      app.tell(say('wipe.done'));
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
    ['edition', edition && say('edition', { serial: edition.serial })],
    ['time', status.time && say.moment(status.time)],
    ['next', edition && say.moment(edition.next)],
    ['mirror', status.mirror && code(status.mirror)],
    ['signers', list(status.signers)],
    ['witnesses', list(status.witnesses)],
    ['log', log.origin && code(log.origin)],
    ['log.size', log.size !== undefined && log.size !== null && say.number(Number(log.size))],
    ['log.root', log.root && code(log.root)],
    ['pin', code(boot.publication.pin)],
    ['build', status.build && code(status.build)],
    ['made', boot.publication.made && say.moment(boot.publication.made)],
  ];
  return {
    title: say('about'),
    node: h('div', { class: 'settings' }, h('h1', { class: 'over' }, say('about')),
      h('section', { class: 'group' }, h('h2', null, say(`state.${name}`)), h('p', null, say(`means.${name}`)),
        status.reason && h('details', { class: 'ui' }, h('summary', null, say('reason')),
          h('p', { class: 'reason', lang: 'en', dir: 'ltr' }, String(status.reason).slice(0, 2000))),
        h('p', { class: 'row' }, again(app), app.link('mirrors', null, say('mirrors'), { class: 'button' }))),
      group(say('means'), h('p', null, say.tell(bdi, 'means.does', { publication: app.name })),
        h('p', null, say('means.not')), status.served && h('p', null, say('means.own'))),
      group(say('numbers'), h('dl', null, facts.filter(([, value]) => value)
        .map(([key, value]) => [h('dt', null, say(`fact.${key}`)), h('dd', null, value)])))),
  };
}

const again = (app) => {
  const one_ = button(app.say('again'), () => app.attempt(() => app.engine.refresh(), one_), { name: 'seek' });
  return one_;
};

// --- mirrors ---------------------------------------------------------------------------------------------------------

/** The view {title, node}: where the reader looks, and how it went. */
export function mirrors(app) {
  const { say, engine } = app;
  const error = h('p', { id: 'wrong', class: 'wrong', role: 'alert' });
  const input = h('input', { type: 'url', id: 'address', dir: 'ltr', placeholder: 'https://…', autocomplete: 'off', 'aria-describedby': 'wrong' });
  const add = async (event) => {
    event.preventDefault();
    const address = input.value.trim();
    const fits = outward(address) && address.length <= 1024;
    input.setAttribute('aria-invalid', String(!fits));
    refill(error, fits ? '' : say('mirror.wrong'));
    if (!fits) return;
    await app.attempt(async () => {
      await engine.addMirror(address);
      app.tell(say('mirror.added'));
      app.redraw();
      engine.refresh();
    });
  };
  return {
    title: say('mirrors'),
    node: h('div', { class: 'settings' }, h('h1', { class: 'over' }, say('mirrors')), h('p', null, say('mirrors.what')),
      h('ul', { class: 'mirrors' }, engine.mirrors().map((mirror) => row(app, mirror))),
      h('form', { class: 'group', onsubmit: add, novalidate: true }, h('h2', null, say('mirror.add')),
        h('label', { for: 'address' }, say('mirror.address')), h('p', { class: 'field' }, input, h('button', { type: 'submit', class: 'main' }, say('mirror.do'))), error,
        h('p', { class: 'ui' }, say('mirror.hint')))),
  };
}

function row(app, { url, ok, fails, rtt, why, from }) {
  const { say } = app;
  const state = ok ? 'ok' : fails ? 'fails' : 'new';
  const picture = { ok: 'check', fails: 'off', new: 'clock' }[state];
  const facts = between(' · ', [
    say(`mirror.${state}`), ok && rtt ? say('mirror.rtt', { time: Math.round(rtt) }) : null,
    from && say.has(`mirror.from.${from}`) && say(`mirror.from.${from}`),
  ]);
  return h('li', { class: state }, icon(picture), h('div', null, h('p', null, h('b', { dir: 'ltr' }, host(url)), ' ', code(url)),
    h('p', { class: 'ui' }, facts), why && !ok ? h('p', { class: 'ui reason', lang: 'en', dir: 'ltr' }, String(why).slice(0, 200)) : null));
}
