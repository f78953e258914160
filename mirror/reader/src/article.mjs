// The view of one article: its text, its pictures, what is known about it, and passing it on.

import { bdi, between, button, code, facts, folded, h, icon, notice, reason as fault, refill } from './dom.mjs';
import { topicsIn } from './front.mjs';
import { Body, gone, heading } from './render.mjs';

// Slower than this from a mirror, for at most 12 KB: pictures wait for a tap.
const SLOW = 3000;
// Larger pictures wait for a tap on any line.
const LARGE = 1 << 20;

/** Whether pictures wait for a tap: the browser says so, or the front or the last text took long. */
export function slowLine(app) {
  const { saveData, effectiveType, downlink } = navigator.connection || {};
  const { mirror } = app.engine.status;
  const { rtt } = app.engine.mirrors().find(({ url }) => url === mirror) || {};
  return Boolean(app.slow || rtt > SLOW / 2 || saveData || /2g$/.test(effectiveType) || (downlink && downlink < 0.4));
}

/** The view {title, node} of the article with this digest. */
export async function article(app, { id }) {
  const began = Date.now();
  try {
    const result = await app.engine.article(id);
    if (result.from !== 'stored') app.slow = Date.now() - began > SLOW;
    app.stored = null; // it is among them now
    return { title: result.document.title, node: shown(app, id, result) };
  } catch (error) {
    return refused(app, id, error);
  }
}

/** Why an article is not shown. What was not verified never is. */
function refused(app, id, { kind, reason, message }) {
  const { say, engine } = app;
  const key = ['rejected', 'missing', 'withdrawn'].includes(kind) ? kind : 'unread';
  const here = ({ digest }) => digest === id;
  const item = engine.items().find(here);
  const { time, reason: why } = ((engine.edition && engine.edition.withdrawals) || []).find(here) || {};
  const title = say(`refused.${key}`);
  const words = [h('h1', title), key !== 'missing' && h('p', say(`refused.${key}.what`))];
  if (key === 'withdrawn') words.push(time && h('p.ui', between(say.dot, [say.date(time), why && bdi(why)])));
  else {
    words.splice(1, 0, item && h('p.which', { lang: item.language }, bdi(item.title)));
    words.push(h('p.row', button(say('again'), app.redraw, { name: 'seek', class: 'main' }), app.way('mirrors')),
      (reason || message) && folded(say('details'), fault(reason || message)));
  }
  return { title, node: h('div.alone', bar(app), icon({ rejected: 'stop', withdrawn: 'info' }[key] || 'off'), words) };
}

const bar = (app, ...more) => h('div.tools', button(app.say('back'), app.back, { name: 'back' }), more);

function shown(app, id, { document, verdict, from }) {
  const { say } = app;
  const body = new Body({ ...document, say, out: app.out, picture: (place, resource) => picture(app, document, place, resource) });
  const size = say('size');
  // The section stands above the title.
  const tags = topicsIn(document).filter((topic) => topic !== document.section);
  const notes = [gone(document, say), verdict.current === 'superseded' && say('superseded')];
  return h('div.page',
    bar(app, app.act('pass', () => passOn(app, id, document), { name: 'pass' }),
      button('Aa', () => app.go('settings'), { 'aria-label': `Aa ${size}`, title: size })),
    notes.filter(Boolean).map((words) => notice(words)),
    h('article.text', { lang: document.language, dir: document.direction },
      h('header', heading(document, say, app.link),
        tags.length > 0 && h('ul.tags', tags.map((topic) => h('li', app.link('topic', topic, bdi(topic)))))),
      body.whole(document.blocks)),
    checked(app, id, document, verdict, from));
}

// --- pictures --------------------------------------------------------------------------------------------------------

/** A picture, or a button that fetches it; in text-only mode its description. */
function picture(app, document, place, { alt = '', size, width, height }) {
  const { say } = app;
  const words = (name, ...said) => h('p.without', say.ours, icon(name), h('span', said));
  const { pictures } = app.settings;
  if (pictures === 'never') return words('picture', between(': ', [say('picture'), alt && bdi(alt)]));
  const direct = pictures === 'auto' && !slowLine(app) && size <= LARGE;
  // A picture that comes by itself has its room from the beginning, so that no line moves.
  const frame = h('div.frame');
  if (width && height) frame.style.setProperty('--share', `${(height / width) * 100}%`);
  const hold = (on) => frame.classList.toggle('hold', on);
  const tap = (key) => {
    hold(false);
    refill(frame, button([say(key, { size: say.bytes(size) }), alt && h('small', bdi(alt))], load, { name: 'picture', class: 'tap', ...say.ours }));
  };
  const onerror = ({ kind }) => tap(kind === 'rejected' ? 'picture.rejected' : 'picture.failed');
  const load = async () => {
    refill(frame, words('seek', say('loading')));
    try {
      const bytes = await app.engine.picture(document, place);
      if (frame.isConnected) refill(frame, h('img', { alt, width, height, src: app.address(bytes), onerror, onload: () => hold(false) }));
    } catch (error) {
      onerror(error);
    }
  };
  hold(direct);
  if (direct) app.sight(frame, load);
  else tap('picture.show');
  return frame;
}

// --- passing on, what was checked ------------------------------------------------------------------------------------

async function passOn(app, id, { outlet, published, fetched }) {
  const { say, engine, deeds } = app;
  const kind = await app.ask(say('pass'), h('p', say('pass.html')), [['cancel'], ['pass.as_pack', 'tamizdat'], ['pass.as_html', 'html']]);
  if (!kind) return;
  const blob = await (kind === 'html' ? deeds.shareHtml : deeds.sharePack)(engine, id);
  app.hand(blob, `${outlet.id}-${(published || fetched).slice(0, 10)}-${id.slice(0, 8)}.${kind}`);
}

/** What the signature says, what it does not, and the numbers behind it. */
function checked(app, id, document, { signer }, from) {
  const { say } = app;
  const { served } = app.engine.status;
  const { url, fetched, revision, captured, outlet } = document;
  return h('footer.checked.ui', h('h2', icon(served ? 'info' : 'check'), say('checked')),
    served && h('p', say('means.served')),
    h('p', captured ? say('captured', { time: say.moment(captured) }) : say.tell(bdi, 'says', { publication: app.name }),
      ' ', say.tell(bdi, 'says_not', { outlet: outlet.name })),
    facts(say, [
      ['original', app.out(url, code(url))], ['fetched', say.moment(fetched)], ['revision', say.number(revision)],
      ['from', from === 'stored' ? say('stored') : code(from)], ['signer', signer && code(signer)], ['digest', code(id)],
    ]));
}
