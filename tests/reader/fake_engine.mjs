// An engine that never leaves this file, for the interface's tests: the same properties and promises as
// mirror/reader/src/engine.mjs, with an edition of four outlets in four scripts and articles with every kind of block.
//
//   createFake({ state, served, publication, hang }) → engine; engine.become(name, more) changes the state.

export const NOW = Date.parse('2027-03-01T09:00:00Z');
const EDITION_TIME = '2027-03-01T08:48:00Z';

const hex = (n) => n.toString(16).padStart(2, '0').repeat(32);

export const publication = {
  v: 1, name: 'Example News', origin: 'news.example.org', pin: `sha256:${hex(171)}`, made: '2027-02-20T10:00:00Z',
  trust: {}, mirrors: ['https://one.example/', 'https://two.example/'], reader: { version: '0.6' },
};

const paragraph = (...content) => ({ type: 'paragraph', content });
const link = (url, ...content) => ({ type: 'link', url, content });
const styled = (type, ...content) => ({ type, content });

const WORDS = {
  en: 'The river rose for three days before anybody at the ministry would say so aloud. By then the lower streets were under water, '
    + 'and the people who lived there had carried what they could to the school on the hill.',
  ru: 'Вода в реке поднималась три дня, прежде чем в министерстве решились сказать об этом вслух. К тому времени нижние улицы уже '
    + 'затопило, и жители унесли всё, что могли, в школу на холме.',
  fa: 'آب رودخانه سه روز بالا می‌آمد تا کسی در وزارتخانه حاضر شد آن را بلند بگوید. تا آن زمان خیابان‌های پایین زیر آب رفته بود و '
    + 'مردمی که آنجا زندگی می‌کردند هرچه می‌توانستند به مدرسهٔ بالای تپه برده بودند.',
  zh: '河水涨了三天，部里才有人肯公开说出来。那时低处的街道已经淹在水里，住在那里的人把能带的都搬到了山上的学校。',
};

const TITLES = {
  en: ['What the flood left behind', 'Three judges, one file, no answer', 'The bread price, week by week', 'A bridge that was built twice',
    'Who owns the grain port', 'Letters from the strike', 'Nine days without a network', 'The archive that fits in a shoebox', 'Winter on Line 4'],
  ru: ['Что оставила после себя вода', 'Трое судей, одно дело и ни одного ответа', 'Цена хлеба: неделя за неделей',
    'Кому принадлежит зерновой порт', 'Девять дней без связи', 'Письма с забастовки'],
  fa: ['آنچه سیل به جا گذاشت', 'سه قاضی، یک پرونده و هیچ پاسخی', 'بهای نان، هفته به هفته', 'نه روز بی‌شبکه'],
  zh: ['洪水留下了什么', '三名法官，一份卷宗，没有答复', '面包价格：一周又一周', '没有网络的九天'],
};
const SECTIONS = {
  en: ['Society', 'Courts', 'Economy'], ru: ['Общество', 'Суды', 'Экономика'], fa: ['جامعه', 'دادگاه', 'اقتصاد'], zh: ['社会', '法院', '经济'],
};
const OUTLETS = [
  ['river', 'The River Courier', 'en', 'ltr'], ['volna', 'Волна', 'ru', 'ltr'], ['rud', 'رود', 'fa', 'rtl'], ['heliu', '河流日报', 'zh', 'ltr'],
];

function everything(language) {
  const text = WORDS[language];
  return [
    paragraph(text, ' ', link('https://river.example/2027/levels', 'The ministry’s table of water levels'), ' ',
      styled('strong', 'strong'), ' ', styled('emphasis', 'emphasis'), ' H', styled('sub', '2'), 'O, m', styled('sup', '3'), ' ',
      { type: 'code', text: 'level > 4.20' }, { type: 'break' }, 'A line after a break.', { type: 'note', label: '1' }, { type: 'note', label: '*' }),
    { type: 'picture', resource: 0 },
    paragraph(text, text),
    { type: 'heading', level: 2, content: ['The night of the second'] },
    paragraph(text),
    { type: 'quote', blocks: [paragraph('We were told to wait. So we waited, and the water did not.')], source: 'Maria, teacher' },
    { type: 'heading', level: 3, content: ['What was counted'] },
    { type: 'list', ordered: false, items: [[paragraph('212 houses')], [paragraph('one school'), { type: 'list', ordered: true, items: [[paragraph('its cellar')], [paragraph('its yard')]] }]] },
    { type: 'list', ordered: true, items: [[paragraph('First the lower streets')], [paragraph('then the market')]] },
    { type: 'table', caption: 'Water level at the bridge, in metres', rows: [
      [{ content: ['Day'], header: true }, { content: ['Morning'], header: true }, { content: ['Evening'], header: true }],
      [{ content: ['26 February'], header: true }, { content: ['3.10'] }, { content: ['3.48'] }],
      [{ content: ['27 February'], header: true }, { content: ['3.90'] }, { content: ['4.35'] }],
      [{ content: ['28 February'], header: true }, { content: ['4.60'] }, { content: ['4.52'] }],
    ] },
    { type: 'picture', resource: 1 },
    { type: 'embed', kind: 'youtube', url: 'https://www.youtube.example/watch?v=1', title: 'The bridge at dawn', text: 'Filmed by a neighbour.' },
    { type: 'embed', kind: 'chart', url: 'https://charts.example/c/9' },
    { type: 'rule' },
    { type: 'heading', level: 4, content: ['How this was measured'] },
    { type: 'code', text: 'for gauge in gauges:\n    print(gauge.name, gauge.level)' },
    paragraph('This sentence is English wherever it stands.', { type: 'note', label: '1' }),
    { type: 'update', time: '2027-02-28T21:30:00Z', title: 'The dam holds', blocks: [paragraph(text), { type: 'heading', level: 3, content: ['In short'] }, paragraph('It holds.')] },
    { type: 'update', time: '2027-02-28T19:05:00Z', blocks: [paragraph('The lower road is closed.'), { type: 'quote', blocks: [paragraph('Turn back.')] }] },
    { type: 'footnotes', items: [
      { label: '1', content: [paragraph('Measured at the old gauge, which reads four centimetres high.')] },
      { label: '*', content: [paragraph('Names changed.')] },
    ] },
  ];
}

const articles = new Map();
const outlets = [];
let count = 0;

for (const [id, name, language, direction] of OUTLETS) {
  const items = TITLES[language].map((title, place) => {
    count += 1;
    const digest = hex(count);
    const published = new Date(NOW - (place * 7 + 1) * 3600e3).toISOString().replace('.000', '');
    const url = `https://${id}.example/2027/03/${place + 1}`;
    const document = {
      v: 1, kind: 'article', outlet: { id, name }, url, fetched: published, published, language, direction, title,
      lead: WORDS[language].slice(0, 150), authors: place % 2 ? [] : ['A. Reporter', 'M. Writer'], section: SECTIONS[language][place % 3],
      tags: place === 0 ? [SECTIONS[language][1], 'Water'] : [], blocks: place === 0 ? everything(language) : [WORDS[language], WORDS[language], WORDS[language]].map((text) => paragraph(text)),
      parts: [], resources: [
        { role: 'picture', digest: hex(200), size: 31_400, media_type: 'image/png', width: 640, height: 400, alt: 'A street under water', caption: 'The market street on Sunday morning', credit: 'M. Writer', cover: true },
        { role: 'picture', digest: hex(201), size: 2_310_000, media_type: 'image/png', width: 640, height: 400, alt: 'The gauge at the bridge' },
      ], revision: 1 + (place === 1 ? 2 : 0), salt: '0'.repeat(32), generator: 'fake',
    };
    if (place === 0 && language === 'ru') document.removed = { noticed: '2027-02-28T10:00:00Z', answer: '404 Not Found' };
    if (place) delete document.resources[0].cover;
    articles.set(digest, document);
    return {
      title, lead: document.lead, published, fetched: published, language, direction, url, digest, size: 5_000, index: 100 + count, revision: document.revision,
      ...(place < 2 ? { thumbnail: hex(200) } : {}),
    };
  });
  outlets.push({ id, name, url: `https://${id}.example/`, language, direction, articles: items, older: { digest: hex(210), size: 900, articles: 40 } });
}

export const edition = {
  v: 1, kind: 'edition', publication: { name: publication.name, origin: publication.origin }, serial: 1824, time: EDITION_TIME, next: '2027-03-01T09:48:00Z',
  outlets, mirrors: [{ url: 'https://one.example/', kind: 'http', since: '2027-01-01T00:00:00Z' }],
  withdrawals: [{ digest: hex(250), time: '2027-02-27T12:00:00Z', reason: 'asked by the author' }], trust: { digest: hex(1), size: 10 }, generator: 'fake',
};

export class Refused extends Error {
  constructor(kind, reason) {
    super(reason);
    Object.assign(this, { kind, reason, check: null });
  }
}

const AGES = { verified: 720, offline: 3 * 86400, lagging: 5 * 3600, stale: 12 * 86400, searching: 3 * 86400, broken: 3 * 86400, fork: 720 };

/** A picture of a flooded street, drawn, so that no file is needed. */
async function drawn() {
  const canvas = Object.assign(document.createElement('canvas'), { width: 640, height: 400 });
  const pen = canvas.getContext('2d');
  const sky = pen.createLinearGradient(0, 0, 0, 400);
  sky.addColorStop(0, '#8fa6b5');
  sky.addColorStop(0.55, '#d8d2c4');
  sky.addColorStop(0.56, '#5d6f78');
  sky.addColorStop(1, '#39474f');
  pen.fillStyle = sky;
  pen.fillRect(0, 0, 640, 400);
  for (let i = 0; i < 9; i++) {
    pen.fillStyle = ['#6a5648', '#84705c', '#4d4640'][i % 3];
    pen.fillRect(i * 74 - 10, 90 + (i * 53) % 70, 62, 150 - (i * 53) % 70);
  }
  return new Promise((resolve) => canvas.toBlob(resolve, 'image/png'));
}

export function createFake({ name = 'verified', served = false, hang = false, fresh = false, stored = 6 } = {}) {
  const listeners = new Set();
  const kept = new Set(['volna']);
  const seen = new Set([hex(2), hex(11)]);
  const saved = new Map();
  const added = [];
  const engine = { status: {}, edition: null, calls: [] };
  const tell = () => listeners.forEach((fn) => fn(engine.status));
  engine.become = (state, more = {}) => {
    const none = ['empty'].includes(state) || more.nothing;
    engine.edition = none ? null : more.edition || edition;
    engine.status = {
      name: state, since: EDITION_TIME, age: none ? null : AGES[state] === undefined ? null : AGES[state], time: none ? null : EDITION_TIME, serial: none ? null : 1824,
      mirror: ['verified', 'lagging'].includes(state) ? 'https://one.example/' : null,
      log: none ? null : { origin: 'news.example.org/log/2027', size: '18204', root: hex(99) }, signers: none ? [] : ['news.example.org/editions+1a2b3c4d'],
      witnesses: none ? [] : ['witness.example.org/w1+0a0b0c0d', 'witness.example.net/w7+01020304'], reason: state === 'broken' ? 'check 3 (front): not a front: the first line is "<!DOCTYPE html>"' : '',
      evidence: state === 'fork' ? { v: 1, kind: 'evidence', type: 'fork' } : null, served, trying: state === 'searching' ? ['https://one.example/', 'https://two.example/'] : [], build: hex(77), ...more,
    };
    tell();
  };
  engine.subscribe = (fn) => {
    listeners.add(fn);
    return () => listeners.delete(fn);
  };
  const items = () => (engine.edition ? engine.edition.outlets.flatMap((outlet) => outlet.articles.map((item, place) => ({
    ...item, outlet: outlet.id, outletName: outlet.name, read: seen.has(item.digest), stored: seen.has(item.digest) || place < 2,
  }))) : []);
  engine.start = async () => (hang ? new Promise(() => {}) : engine.status);
  engine.refresh = async () => engine.status;
  engine.items = items;
  engine.older = async (id) => (engine.calls.includes(`older ${id}`) ? [] : (engine.calls.push(`older ${id}`), items().filter((item) => item.outlet === id).map((item, i) => ({ ...item, digest: hex(150 + i), title: `${item.title} (2)`, thumbnail: undefined }))));
  engine.article = async (digest) => {
    engine.calls.push(`article ${digest.slice(0, 2)}`);
    const document = articles.get(digest);
    if (digest === hex(3)) throw new Refused('unread', 'https://one.example/: no answer in 4 s');
    if (digest === hex(4)) throw new Refused('rejected', 'check 9 (bundle): its SHA-256 is not the one asked for');
    if (!document) throw new Refused('missing', 'no mirror has it');
    seen.add(digest);
    return { document, verdict: { authentic: true, current: document.revision > 1 ? 'superseded' : 'current', signer: 'news.example.org/articles+9a8b7c6d' }, from: seen.has(digest) ? 'https://one.example/' : 'stored', kept: false };
  };
  engine.picture = async (whole, place) => {
    if (place === 1 && !engine.calls.includes('picture 1')) {
      engine.calls.push('picture 1');
      throw new Refused('unread', 'no answer');
    }
    return drawn();
  };
  engine.thumbnail = drawn;
  engine.keep = async (id, on) => (on ? kept.add(id) : kept.delete(id));
  engine.kept = () => [...kept];
  engine.stored = async () => (engine.edition ? items().filter((item) => item.stored).slice(0, stored * 4).map(({ digest }) => ({ digest, document: articles.get(digest) })) : []);
  engine.mirrors = () => [
    { url: 'https://one.example/', ok: true, fails: 0, rtt: 231, until: null, why: null, from: 'file' },
    { url: 'https://two.example/', ok: false, fails: 3, rtt: null, until: null, why: 'no answer in 4 s', from: 'edition' },
    { url: 'https://three.example/news/', ok: false, fails: 0, rtt: null, until: null, why: null, from: 'edition' }, ...added,
  ];
  engine.addMirror = async (url) => added.push({ url, ok: false, fails: 0, rtt: null, until: null, why: null, from: 'you' });
  engine.fresh = fresh;
  engine.settings = { get: async (key) => (saved.has(key) ? saved.get(key) : null), set: async (key, value) => saved.set(key, value) };
  engine.setMemoryOnly = async (on) => saved.set('memoryOnly', on);
  engine.wipe = async () => engine.become('empty');
  engine.snapshot = () => ({});
  engine.become(name);
  return engine;
}

export const deeds = {
  importFile: async (engine, file) => (file.name.endsWith('.tamizdat') ? { kind: 'article', digest: hex(1) }
    : file.name.endsWith('.html') ? { kind: 'reader', same: true, mirrors: ['https://four.example/'], take: async () => engine.addMirror('https://four.example/') }
      : { kind: 'unknown', why: 'other', reason: 'not a pack, a page, evidence or a reader' }),
  newerReader: async (engine) => (engine.fresh ? { size: 97_000, digest: hex(123), save: async () => new Blob(['newer']) } : null),
  saveReader: async () => new Blob(['reader']),
  shareHtml: async () => new Blob(['html']),
  sharePack: async () => new Blob(['pack']),
  wipeAll: async (engine) => engine.wipe().then(() => true),
};
