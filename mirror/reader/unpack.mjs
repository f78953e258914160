// What is packed in a reader, for whoever wants to see it: node mirror/reader/unpack.mjs reader.html [FOLDER]
// writes program.js (styles and English words at its end) and words.<language>.js into the folder, or without one says how long each is and its SHA-256,
// as it stands in the page's policy. Whether it comes from these sources: `node mirror/reader/build.mjs --check`.

import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { unpack } from './src/unpack.mjs';

/** The texts in a reader's #code, by file name. */
export function contents(page) {
  const [first, ...others] = page.split(' id="code">')[1].split('</script>')[0].split('\n');
  const { text, taught } = unpack(first);
  const files = { 'program.js': text };
  for (const line of others) files[`words.${line.slice(0, 2)}.js`] = unpack(line.slice(3), taught).text;
  return files;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [, , file, folder] = process.argv;
  for (const [name, text] of Object.entries(contents(fs.readFileSync(file, 'utf8')))) {
    if (folder) fs.writeFileSync(path.join(folder, name), text);
    console.log(`${name} ${Buffer.byteLength(text)} sha256-${createHash('sha256').update(text).digest('base64')}`);
  }
}
