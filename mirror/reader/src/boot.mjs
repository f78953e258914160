// The only script that stands in reader.html as it is. It unpacks the program, sees to it that nothing else can run, and
// starts it: `main(boot)`, which main.mjs exports, with
//
//   source       the file's own text, byte for byte: what "save this reader" writes, and what its SHA-256 is taken of
//   publication  the document in #publication, or null in a template that was not filled
//   state        the document in #state, or null; whoever passed this file on can have written anything there
//   tables       the words of the interface by code of the language ("en" is always among them), each unpacked when it
//                is first asked for; what English has and another language lacks is not in the other one's
//   gunzip       unpack of signing/web/gunzip.mjs
//
// Program and styles are in #code: base64 of gzip of the styles, a form feed, the script. The page's policy has the
// SHA-256 of this script, of that one and of the styles, so no other can run, whatever else got into the page.

import { unpack } from '../../../signing/web/gunzip.mjs';

// Before anything in the document is touched; the parser has only "</body></html>" left to read.
const source = `<!DOCTYPE html>\n${document.documentElement.outerHTML}\n`;

const LARGEST = 1 << 20;

const read = (id) => document.getElementById(id).textContent;

/** The text that was packed; throws a text that says what is wrong. */
function opened(packed) {
  const out = unpack(Uint8Array.from(atob(packed), (char) => char.charCodeAt(0)), LARGEST);
  if (typeof out === 'string') throw out;
  return new TextDecoder('utf-8', { fatal: true }).decode(out);
}

function documentIn(id) {
  try {
    return JSON.parse(read(id));
  } catch (_) {
    return null;
  }
}

/** A line a language: its code, a space, what is packed. English is an object; another one a list, of the values in the
 * order of English names, null for what it lacks, at last an object with what English lacks. */
function languages() {
  const tables = {};
  for (const line of read('words').trim().split('\n')) {
    const [code, packed] = line.split(' ');
    let table;
    const get = () => {
      if (table) return table;
      table = JSON.parse(opened(packed));
      if (code === 'en') return table;
      const values = table;
      table = values.pop();
      Object.keys(tables.en).forEach((name, at) => {
        if (values[at] !== null) table[name] = values[at];
      });
      return table;
    };
    Object.defineProperty(tables, code, { enumerable: true, get });
  }
  return tables;
}

function add(name, property, text) {
  const element = document.createElement(name);
  element[property] = text;
  document.head.append(element);
  return element;
}

function begin() {
  const [styles, script] = opened(read('code')).split('\f');
  add('style', 'textContent', styles);
  // main.mjs has no unpacker of its own (build.mjs).
  window.unpack = unpack;
  const rules = { createScript: () => script };
  const types = window.trustedTypes;
  // Removed at once: a page that a browser saves as it stands then holds the program once, packed, and still starts.
  add('script', 'text', (types ? types.createPolicy('tamizdat', rules) : rules).createScript('')).remove();
  window.tamizdat.main({
    source,
    publication: documentIn('publication'),
    state: documentIn('state'),
    tables: languages(),
    gunzip: unpack,
  });
}

try {
  begin();
} catch (error) {
  const line = document.createElement('p');
  line.textContent = String(error);
  document.getElementById('app').prepend(line);
}
