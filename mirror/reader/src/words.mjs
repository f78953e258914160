// What the reader says in its own name, in the language of whoever reads. Numbers, dates, ages and plurals are written
// by the browser (Intl); where it does not know a language (many know no Belarusian), the next of kin stands in.
//
// A table is flat: {"key": "text with {names}"}; plural forms are keys of their own ("articles.one", "articles.other").

export const RTL = ['ar', 'fa'];
const KIN = { be: 'ru' }; // The same plural rule and the same order in a date of numbers.
const TURNS = /[\u202a-\u202e\u2066-\u2069]/g;
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
export const isolated = (text) => `\u2068${String(text).replace(TURNS, '')}\u2069`;

/** `say` for one language: say(key, values) is a text. With it: language, direction, tell (nodes), count, number, date,
 * moment, brief, age, bytes, has. */
export function words(tables, language) {
  const table = tables[language];
  const spare = tables.en || {};
  const knows = (kind, tag) => kind.supportedLocalesOf([tag]).length > 0;
  const intl = (kind, options) =>
    new kind(knows(kind, language) ? language : KIN[language] || 'en', { ...options, localeMatcher: 'lookup' });
  const at = (key) => table[key] || spare[key] || key;
  const plurals = intl(Intl.PluralRules);
  const numbers = intl(Intl.NumberFormat);
  const native = knows(Intl.DateTimeFormat, language);
  const dates = intl(Intl.DateTimeFormat, { year: 'numeric', month: native ? 'long' : 'numeric', day: 'numeric' });
  const moments = intl(Intl.DateTimeFormat, {
    year: 'numeric', month: native ? 'long' : 'numeric', day: 'numeric', hour: '2-digit', minute: '2-digit',
  });
  const near = { month: native ? 'short' : 'numeric', day: 'numeric' };
  const hours = intl(Intl.DateTimeFormat, { ...near, hour: '2-digit', minute: '2-digit' });
  const days = intl(Intl.DateTimeFormat, { ...near, year: 'numeric' });
  const write = (format, time) => {
    const when = new Date(time);
    if (Number.isNaN(when.getTime())) return String(time);
    if (native || !table.months) return format.format(when);
    // A language that the browser has no names of months for.
    const { year, hour } = format.resolvedOptions();
    const day = `${when.getDate()} ${table.months.split(' ')[when.getMonth()]}${year ? ` ${when.getFullYear()}` : ''}`;
    return hour ? `${day}, ${[when.getHours(), when.getMinutes()].map((n) => String(n).padStart(2, '0')).join(':')}` : day;
  };

  const shown = (value) => (typeof value === 'number' ? numbers.format(value) : isolated(value));
  const say = (key, values) => at(key).split(NAMES).map((text, i) => (i % 2 ? shown(values[text]) : text)).join('');
  /** As say, as a list of nodes and texts: `wrap` makes an element of each value that is a text. */
  say.tell = (wrap, key, values) =>
    at(key).split(NAMES).map((text, i) => {
      if (i % 2 === 0) return text;
      const value = values[text];
      return typeof value === 'string' ? wrap(value) : typeof value === 'number' ? numbers.format(value) : value;
    });
  /** The text for so many of something. */
  say.count = (key, n) => {
    const form = `${key}.${plurals.select(n)}`;
    return say(table[form] ? form : `${key}.other`, { n });
  };
  say.number = (n) => numbers.format(n);
  say.percent = (n) => intl(Intl.NumberFormat, { style: 'percent' }).format(n / 100);
  /** A number that counts nothing: no marks between thousands. */
  say.digits = (n) => intl(Intl.NumberFormat, { useGrouping: false }).format(n);
  say.date = (time) => write(dates, time);
  say.moment = (time) => write(moments, time);
  /** For lists: with the hour when it is of the days before `now`, else with the year. */
  say.brief = (time, now) => write(Math.abs(new Date(now) - new Date(time)) < 30 * 86400e3 ? hours : days, time);
  /** How long ago, in one coarse unit. */
  say.age = (seconds) => {
    if (!(seconds >= 90)) return say('now');
    const [unit, length] = [['minute', 60], ['hour', 3600], ['day', 86400], ['month', 2629800], ['year', 31557600]]
      .filter(([, one], i) => i === 0 || seconds >= one * (i === 3 ? 2 : 1.5)).pop();
    const n = Math.round(seconds / length);
    if (!knows(Intl.RelativeTimeFormat, language)) return say.count(unit, n);
    return intl(Intl.RelativeTimeFormat).format(-n, unit);
  };
  say.bytes = (n) =>
    n < 1e6 ? say('kb', { n: Math.max(1, Math.round(n / 1000)) }) : say('mb', { n: Math.round(n / 1e5) / 10 });
  say.has = (key) => Boolean(table[key] || spare[key]);
  // A middle dot looks like a zero among Persian and Arabic digits.
  say.dot = RTL.includes(language) ? ' | ' : ' · ';
  say.language = language;
  say.direction = RTL.includes(language) ? 'rtl' : 'ltr';
  return say;
}
