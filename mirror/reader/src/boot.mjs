// The only script that stands in reader.html as it is. It unpacks the program, sees to it that nothing else can run, and
// starts it: `main(boot)`, which main.mjs leaves in `window.tamizdat`, with
//
//   source       the file's own text, byte for byte: what "save this reader" writes, and what its SHA-256 is taken of
//   publication  the document in #publication, or null in a template that was not filled
//   state        the document in #state, or null; whoever passed this file on can have written anything there
//   tables       the words of the interface by code of the language ("en" is always among them), each unpacked when it
//                is first asked for; what English has and another language lacks is not in the other one's
//
// Program and styles are in #code: a line of the styles, a form feed, the script, a form feed, English words, and a line for
// each other language, its code first; all packed (unpack.mjs), the latter by what was learnt of the first. The page's policy has the SHA-256 of this script, of that one and of the styles, so no other can run, whatever else got into the
// page.

import { unpack } from './unpack.mjs';

// Before anything in the document is touched; the parser has only "</body></html>" left to read.
const source = `<!DOCTYPE html>\n${document.documentElement.outerHTML}\n`;

const read = (id) => document.getElementById(id).textContent;

function documentIn(id) {
  try {
    return JSON.parse(read(id));
  } catch (_) {
    return null;
  }
}

/** English is an object; another language a list, of the values in the order of English names, null for what it lacks, at
 * last an object with what English lacks. */
function languages(english, lines, taught) {
  const tables = { en: JSON.parse(english) };
  for (const line of lines) {
    let table;
    const get = () => {
      if (table) return table;
      const found = JSON.parse(unpack(line.slice(3), taught).text);
      table = found.pop();
      Object.keys(tables.en).forEach((name, at) => {
        if (found[at] !== null) table[name] = found[at];
      });
      return table;
    };
    Object.defineProperty(tables, line.slice(0, 2), { enumerable: true, get });
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
  const [packed, ...others] = read('code').split('\n');
  const { text, taught } = unpack(packed);
  const [styles, script, english] = text.split('\f');
  add('style', 'textContent', styles);
  const rules = { createScript: () => script };
  const types = window.trustedTypes;
  // Removed at once: a page that a browser saves as it stands then holds the program once, packed, and still starts.
  add('script', 'text', (types ? types.createPolicy('tamizdat', rules) : rules).createScript('')).remove();
  window.tamizdat.main({
    source,
    publication: documentIn('publication'),
    state: documentIn('state'),
    tables: languages(english, others, taught),
  });
}

try {
  begin();
} catch (error) {
  const line = document.createElement('p');
  line.textContent = String(error);
  document.getElementById('app').prepend(line);
}
