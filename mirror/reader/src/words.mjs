// What the reader says in its own name, in the language of whoever reads. Numbers, dates, ages and plurals are written
// by the browser (Intl); where it does not know a language (many know no Belarusian), the next of kin stands in.
//
// A table is flat: {"key": "text with {names}"}; plural forms are keys of their own ("articles.one", "articles.other").

import { unturned } from './dom.mjs';

export const RTL = ['ar', 'fa'];
const KIN = { be: 'ru' }; // The same plural rule and the same order in a date of numbers.
const NAMES = /\{([a-z]+)\}/;

/** The first of the wanted language tags that there is a table for, by its first part; English, else any. */
export function choose(tables, wanted) {
  for (const tag of wanted) {
    const base = String(tag).toLowerCase().split('-')[0];
    const code = base === 'prs' ? 'fa' : base; // Dari
    if (Object.prototype.hasOwnProperty.call(tables, code)) return code;
  }
  return tables.en ? 'en' : Object.keys(tables)[0];
}

/** A text of somebody else made fit for a line of ours that cannot hold elements. */
export const isolated = (text) => `\u2068${unturned(text)}\u2069`;

/** `say` for one language: say(key, values) is a text. With it: language, direction, tell (nodes), count, number, date,
 * moment, brief, age, bytes, has. */
export function words(tables, language) {
  const table = tables[language];
  const spare = tables.en || {};
  const knows = (kind) => kind.supportedLocalesOf([language]).length > 0;
  const intl = (kind, options) =>
    new kind(knows(kind) ? language : KIN[language] || 'en', { ...options, localeMatcher: 'lookup' });
  const at = (key) => table[key] || spare[key] || key;
  const plurals = intl(Intl.PluralRules);
  const native = knows(Intl.DateTimeFormat);
  const dates = (month, more) => intl(Intl.DateTimeFormat, { month: native ? month : 'numeric', day: 'numeric', ...more });
  const year = { year: 'numeric' };
  const hour = { hour: '2-digit', minute: '2-digit' };
  const formats = {
    date: dates('long', year), moment: dates('long', { ...year, ...hour }), near: dates('short', hour), far: dates('short', year),
  };
  const write = (name, time) => {
    const when = new Date(time);
    if (Number.isNaN(when.getTime())) return String(time);
    if (native || !table.months) return formats[name].format(when);
    // A language that the browser has no names of months for.
    const day = `${when.getDate()} ${table.months.split(' ')[when.getMonth()]}${name === 'near' ? '' : ` ${when.getFullYear()}`}`;
    return /date|far/.test(name) ? day : `${day}, ${when.toTimeString().slice(0, 5)}`;
  };

  const say = (key, values) => say.tell(isolated, key, values).join('');
  /** As say, as a list of nodes and texts: `wrap` makes an element of each value that is a text. */
  say.tell = (wrap, key, values) => at(key).split(NAMES).map((text, i) => {
    const value = values && values[text];
    return i % 2 === 0 ? text : typeof value === 'string' ? wrap(value) : typeof value === 'number' ? say.number(value) : value;
  });
  /** The text for so many of something. */
  say.count = (key, n) => {
    const form = `${key}.${plurals.select(n)}`;
    return say(table[form] ? form : `${key}.other`, { n });
  };
  say.number = (n, options) => intl(Intl.NumberFormat, options).format(n);
  say.percent = (n) => say.number(n / 100, { style: 'percent' });
  /** A number that counts nothing: no marks between thousands. */
  say.digits = (n) => say.number(n, { useGrouping: false });
  say.date = (time) => write('date', time);
  say.moment = (time) => write('moment', time);
  /** For lists: with the hour when it is of the days before `now`, else with the year. */
  say.brief = (time, now) => write(Math.abs(new Date(now) - new Date(time)) < 30 * 86400e3 ? 'near' : 'far', time);
  /** How long ago, in one coarse unit. */
  say.age = (seconds) => {
    if (!(seconds >= 90)) return say('now');
    const [unit, length] = [['year', 31557600], ['month', 2629800, 2], ['day', 86400], ['hour', 3600]]
      .find(([, one, times = 1.5]) => seconds >= one * times) || ['minute', 60];
    const n = Math.round(seconds / length);
    return knows(Intl.RelativeTimeFormat) ? intl(Intl.RelativeTimeFormat).format(-n, unit) : say.count(unit, n);
  };
  say.bytes = (n) =>
    n < 1e6 ? say('kb', { n: Math.max(1, Math.round(n / 1000)) }) : say('mb', { n: Math.round(n / 1e5) / 10 });
  say.has = (key) => Boolean(table[key] || spare[key]);
  const rtl = RTL.includes(language);
  // A middle dot looks like a zero among Persian and Arabic digits.
  say.dot = rtl ? ' | ' : ' · ';
  // A Chinese colon is as wide as a character and has its blank inside.
  say.gap = language === 'zh' ? '' : ' ';
  say.language = language;
  say.direction = rtl ? 'rtl' : 'ltr';
  /** The attributes of an element with our words among somebody else's. */
  say.ours = { lang: language, dir: say.direction };
  return say;
}
