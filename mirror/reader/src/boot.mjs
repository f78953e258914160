// The only script that stands in reader.html as it is. It unpacks the program, sees to it that nothing else can run, and
// starts it: `main(boot)`, with
//
//   source       the file's own text, byte for byte: what "save this reader" writes, and what its SHA-256 is taken of
//   publication  the document in #publication, or null in a template that was not filled
//   state        the document in #state, or null; whoever passed this file on can have written anything there
//   tables       the words of the interface by code of the language ("en" is always among them), each unpacked when it
//                is first asked for; what English has and another language lacks is not in the other one's
//   keep         keeps what had to be unpacked, so that the next start is quick; not where nothing is to be left
//
// #code has a line with the program (styles and English words in it) and a line for each other language, its code first; all
// packed (unpack.mjs), the latter by what was learnt of the first. All of it are scripts, whose SHA-256 stand in the page's
// policy beside this one's: no other can run, whatever else got into the page. That is why what was unpacked can be kept in
// the browser's storage, where on Chromium any local page can write: a slow phone takes seconds for the unpacking, once.

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

const types = window.trustedTypes;
let text = '';
const rules = { createScript: () => text };
const policy = types ? types.createPolicy('tamizdat', rules) : rules;

/** What a script of ours, kept from the last time or unpacked, leaves in `window.tamizdat` under the name `left`. */
function run(name, left, unpacked) {
  const place = `tamizdat ${name}`;
  let kept;
  try {
    kept = localStorage.getItem(place);
  } catch (_) {
    // No storage here.
  }
  for (const anew of [false, true]) {
    text = anew ? unpacked() : kept;
    if (!text) continue;
    window.tamizdat = {};
    const element = document.createElement('script');
    element.text = policy.createScript('');
    document.head.append(element);
    // Removed at once: a page that a browser saves as it stands then holds the program once, packed, and still starts.
    element.remove();
    const { tamizdat } = window;
    delete window.tamizdat;
    if (!tamizdat[left]) continue; // what was kept is another program's, or somebody's: another script of this page at most
    if (anew) fresh.push([place, text]);
    return tamizdat[left];
  }
  throw 'This browser does not run the program.';
}

const fresh = [];

/** Keeps what had to be unpacked for the next time; throws where there is no storage, or no room in it. */
function keep() {
  for (const [place, made] of fresh.splice(0)) localStorage.setItem(place, made);
}

function begin() {
  const [packed, ...others] = read('code').split('\n');
  let taught;
  const program = () => {
    const made = unpack(packed);
    ({ taught } = made);
    return made.text;
  };
  const { main, styles, words } = run('program', 'reader', program);
  const tables = { en: words };
  for (const line of others) {
    let table;
    const get = () => {
      if (table) return table;
      const code = line.slice(0, 2);
      const found = run(code, code, () => {
        if (!taught) program();
        return unpack(line.slice(3), taught).text;
      });
      // The values in the order of English names, null for what it lacks, at last an object with what English lacks.
      table = found.pop();
      Object.keys(words).forEach((name, at) => {
        if (found[at] !== null) table[name] = found[at];
      });
      return table;
    };
    Object.defineProperty(tables, line.slice(0, 2), { enumerable: true, get });
  }
  const style = document.createElement('style');
  style.textContent = styles;
  document.head.append(style);
  main({ source, publication: documentIn('publication'), state: documentIn('state'), tables, keep });
}

try {
  // Put where the program is kept, this script would begin within itself.
  if (!window.tamizdat) begin();
} catch (error) {
  const line = document.createElement('p');
  line.textContent = String(error);
  document.getElementById('app').prepend(line);
}
