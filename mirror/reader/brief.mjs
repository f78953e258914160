// The sentences in which the core says what is wrong with hostile bytes weigh as much as a language. In the reader, which
// has words of its own for people, a refusal names the place in the source instead: `note:96` is line 96 of
// signing/web/note.mjs, of the version that the reader names.

const THROWN = new RegExp(
  '(?:new (?:FormatError|Bad[A-Z][a-z]+|MissingProof|FrozenLog|Unwitnessed|TrustError|Unread)\\(' +
    '|\\b(?:refuse|refused|bad)\\(|\\brun\\.failed\\(\\d+, |\\bfailedCheck\\(\\d+, )(?=[\'"`])',
  'g',
);
// What a check that passed has to say: for reports, and nobody reads those here.
const PASSED = /^ +run\.passed\((?:(?!\); ).)*\);$/gm;

/** The source of a module of the core with such places for sentences. Lines stay where they are. */
export function brief(source, name) {
  const text = source.replace(PASSED, '');
  let out = '';
  let last = 0;
  THROWN.lastIndex = 0;
  while (THROWN.test(text)) {
    const start = THROWN.lastIndex;
    const end = endOfText(text, start);
    // Only a text that is all there is between the brackets.
    if (text[end] !== ')') continue;
    const line = text.slice(0, start).split('\n').length;
    out += `${text.slice(last, start)}'${name}:${line}'`;
    last = end;
    THROWN.lastIndex = end;
  }
  return out + text.slice(last);
}

/** Where the string or template that begins at `start` ends. */
function endOfText(text, start) {
  const quote = text[start];
  let inside = 0;
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (quote === '`' && text.startsWith('${', at)) inside++;
    else if (inside && text[at] === '}') inside--;
    else if (!inside && text[at] === quote) return at + 1;
  }
  return start;
}
