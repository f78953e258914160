// Passing on: an article as a pack or as one page with the pack inside, and the reader itself. The forms are specified
// in mirror/read.py (packs) and mirror/shared_page.py (pages); mirror/export.py writes the same.

import { crc32 } from '../../../signing/web/crc32.mjs';
import { sha256 } from '../../../signing/web/crypto.mjs';
import { digestOf, join, parseProof, toBytes } from '../../../signing/web/verify.mjs';
import { bdi, code, facts, h, outward, when } from './dom.mjs';
import { objectPath } from './paths.mjs';
import { Body, gone, heading } from './render.mjs';
import { choose, words } from './words.mjs';

export const BEGIN = '-----BEGIN TAMIZDAT PACK-----';
export const END = '-----END TAMIZDAT PACK-----';
export const MAX_PAGE = 32 << 20;
export const MAX_PAGED = 18 << 20; // bytes of the pack in a page
const MAX_SHOWN = 3 << 20; // bytes of the pictures that a page shows; all of them are in its pack
const SHOWN = /^image\/(?:webp|jpeg|png|gif|avif)$/;
const SIGNATURE = 'article.minisig';

/** As toBase64 of packing.mjs, which a page of some megabytes would wait long for. */
function base64(bytes) {
  let out = '';
  for (let at = 0; at < bytes.length; at += 32766) out += btoa(String.fromCharCode(...bytes.subarray(at, at + 32766)));
  return out;
}

// --- packs -----------------------------------------------------------------------------------------------------------

/** The zip of these files (Map of bytes by name): stored, `pack.json` first, then by name. The same files give the same
 * bytes, and those that `pack_bytes` of mirror/read.py gives. */
export function zip(files) {
  const names = Array.from(files.keys()).sort((a, b) => (b === 'pack.json') - (a === 'pack.json') || (a < b ? -1 : 1));
  const parts = [];
  const listed = [];
  let offset = 0;
  for (const path of names) {
    const data = files.get(path);
    const name = toBytes(path);
    // Version needed, flags, method, 1 January 1980, checksum, sizes, lengths of name and extra.
    const sizes = [[4, crc32(data)], [4, data.length], [4, data.length], [2, name.length], [2, 0]];
    const about = numbers([2, 20], [2, 0], [2, 0], [2, 0], [2, 33], ...sizes);
    parts.push(numbers([4, 0x04034b50]), about, name, data);
    listed.push(numbers([4, 0x02014b50], [2, 0x0314]), about,
      numbers([2, 0], [2, 0], [2, 0], [4, 0x1800000], [4, offset]), name);
    offset += 30 + name.length + data.length;
  }
  const list = join(...listed);
  const count = [2, names.length];
  const end = numbers([4, 0x06054b50], [2, 0], [2, 0], count, count, [4, list.length], [4, offset], [2, 0]);
  return join(...parts, list, end);
}

/** Numbers of so many bytes each, the lowest byte first. */
function numbers(...list) {
  const out = [];
  for (const [size, value] of list) for (let at = 0; at < size; at++) out.push((value >>> (8 * at)) & 255);
  return Uint8Array.from(out);
}

/** What a pack holds: the files of an article, what they are of, and the publication's minisign signature of it if one
 * came along in its proof. */
export function packFiles(files, digest) {
  const all = new Map(files);
  all.set('pack.json', toBytes(`{"v":1,"kind":"pack","digest":"${digest}"}`));
  const { extra } = parseProof(files.get(objectPath(digest, 'proof')));
  if (extra && startsWith(extra, 'untrusted comment: ')) all.set(SIGNATURE, extra);
  return all;
}

const startsWith = (bytes, text) => Array.from(text).every((letter, at) => bytes[at] === letter.charCodeAt(0));

/** The article as a pack, a Blob. Throws what `engine.files` throws. */
export async function sharePack(engine, digest) {
  const files = packFiles(await engine.files(digest), digest);
  return new Blob([zip(files)], { type: 'application/octet-stream' });
}

// --- pages -----------------------------------------------------------------------------------------------------------

const STYLE =
  ':root{color-scheme:light dark}body{max-width:40rem;margin:auto;padding:1rem;font:1.1rem/1.6 serif;' +
  'overflow-wrap:break-word}nav,footer,figcaption,.ui{font:.9rem/1.5 sans-serif}img{max-width:100%;height:auto}' +
  'figure,blockquote{margin:1rem 0}blockquote{border-inline-start:3px solid;padding:0 1rem}.scroll,pre{overflow:auto}' +
  'td,th,.run{border:1px solid;padding:.3rem}.run{display:block;text-align:left}dd{margin:0}' +
  'footer{border-top:1px solid;margin-top:2rem}code{overflow-wrap:anywhere}';

/** The article as one page that needs no script to be read, a Blob: `tables` are the words of the interface by
 * language, `name` is the publication's. Throws what `engine.files` throws, and RangeError for what is too large. */
export async function shareHtml(engine, digest, { tables, name }) {
  const files = packFiles(await engine.files(digest), digest);
  const pack = zip(files);
  const { document: article } = await engine.article(digest);
  if (pack.length > MAX_PAGED) throw new RangeError('too large for a page');
  const say = words(tables, choose(tables, [article.language]));
  // The page says nothing of whoever passes it on: not where, nor with what browser.
  say.moment = (time) => `${time.slice(0, 10)} ${time.slice(11, 16)} UTC`;
  const root = markup(pageOf({ article, files, digest, say, name }));
  // Nothing else may pass for a marker, nor after a browser has saved the page as it sees it.
  const visible = root.slice(0, root.lastIndexOf('</body></html>'))
    .replace(/(\n?)-----(?=BEGIN|END)/g, (_, line) => `${line && '\n<wbr>'}&#45;----`);
  const lines = base64(pack).replace(/.{76}(?=.)/g, '$&\n');
  const inside = `<script type="text/plain" id="pack">\n${BEGIN}\n${lines}\n${END}\n</script></body></html>\n`;
  return new Blob([`<!doctype html>${visible}\n${inside}`], { type: 'text/html' });
}

const VOID = /^(?:br|hr|img|link|meta)$/;
const ENTITIES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const escaped = (text) => text.replace(/[&<>"]/g, (one) => ENTITIES[one]);

/** Elements written down. Browsers differ in what they escape in attributes; this gives the same everywhere. */
function markup(node) {
  if (node.nodeType === 3) return escaped(node.data);
  const name = node.localName;
  const attributes = Array.from(node.attributes, (one) => ` ${one.name}="${escaped(one.value)}"`).join('');
  if (VOID.test(name)) return `<${name}${attributes}>`;
  // The style is ours, and a browser does not look for entities in it.
  const inner = name === 'style' ? STYLE : Array.from(node.childNodes, markup).join('');
  return `<${name}${attributes}>${inner}</${name}>`;
}

function pageOf({ article, files, digest, say, name }) {
  const link = (url, children) => h('a', { href: url, rel: 'noreferrer noopener nofollow' }, children);
  let room = MAX_SHOWN;
  const picture = (place, { digest: named, media_type: type, size, width, height, alt = '' }) => {
    const data = files.get(objectPath(named));
    if (!data || !SHOWN.test(type) || size > room) return h('img', { alt });
    room -= size;
    return h('img', { src: `data:${type};base64,${base64(data)}`, width, height, alt, decoding: 'async' });
  };
  const body = new Body({ ...article, say, out: link, picture });
  const policy = `default-src 'none'; img-src data:; style-src 'sha256-${base64(sha256(toBytes(STYLE)))}'; base-uri 'none'; form-action 'none'`;
  const meta = (key, content) => h('meta', { [/^[vr]/.test(key) ? 'name' : 'http-equiv']: key, content });
  const removed = gone(article, say);
  return h('html', { lang: article.language, dir: article.direction },
    h('head', h('meta', { charset: 'utf-8' }), meta('Content-Security-Policy', policy),
      meta('viewport', 'width=device-width,initial-scale=1'), meta('referrer', 'no-referrer'),
      meta('x-dns-prefetch-control', 'off'), h('title', `${article.title} — ${article.outlet.name}`),
      h('link', { rel: 'icon', href: 'data:,' }), h('style', STYLE)),
    h('body',
      h('nav', say.ours, say('page.passed'), say.gap, h('a', { href: '#check' }, say('page.how'))),
      h('main', { id: 'text' }, h('article', removed && h('p.ui', { role: 'note', ...say.ours }, removed),
        h('header', heading(article, say, (view, id, text) => text)), body.whole(article.blocks))),
      h('footer.ui', { id: 'check', ...say.ours }, howTo(article, digest, files.has(SIGNATURE), say, name, link))));
}

/** How whoever gets the page checks what is in it, and what that shows. */
function howTo({ url, fetched, captured, outlet }, digest, signed, say, name, link) {
  const tell = (...keys) =>
    h('p', keys.map((key) => [say.tell(bdi, key, { publication: name, outlet: outlet.name, time: say.moment(captured || fetched) }), ' ']));
  const run = (...lines) => h('p', h('code.run', { dir: 'ltr' }, lines.map((line, at) => [at > 0 && h('br'), line])));
  const path = `article/${objectPath(digest)}`;
  return [
    h('h2', say('page.check')), tell('page.nothing'), tell('page.easy'),
    run('tamizdat verify article.html', 'tamizdat get article.html -o signed.html'),
    signed
      ? [
        tell('page.hand'),
        run("sed '1,/^-*BEGIN TAMIZDAT PACK/d;/^-*END TAMIZDAT PACK/,$d' article.html | base64 -d > article.zip",
          'unzip article.zip -d article', `minisign -Vm ${path} -x article/${SIGNATURE} -P KEY && gunzip < ${path}`),
        tell('page.ok_pack', 'page.bad'),
      ]
      : tell('page.none'),
    tell('page.since'), captured && tell('captured'), tell('says', 'says_not'),
    facts(say, [
      ['original', outward(url) ? link(url, code(url)) : code(url)], ['fetched', when(fetched, say.moment(fetched))], ['digest', code(digest)],
    ]),
  ];
}

// --- the reader itself -----------------------------------------------------------------------------------------------

const CLOSE = '</script>';

/** [before, inside, after] of a reader's data element `id`, found as text; null where it has none, or two. */
function parted(source, id) {
  const begin = `<script type="application/json" id="${id}">`;
  const [before, rest, more] = source.split(begin);
  const at = rest && more === undefined ? rest.indexOf(CLOSE) : -1;
  return at < 0 ? null : [before + begin, rest.slice(0, at), rest.slice(at)];
}

/** The object in a reader's data element; null when there is none that is good. */
export function dataIn(source, id) {
  try {
    const found = JSON.parse(parted(source, id)[1]);
    return typeof found === 'object' ? found : null;
  } catch (_) {
    return null;
  }
}

/** A reader's text with this document in its `#state`, or nothing there (null). RangeError when it has no such place,
 * or two. Nothing else in it changes. */
export function withState(source, document) {
  const parts = parted(source, 'state');
  if (!parts) throw new RangeError('not a reader of this kind');
  // What would end the element or the line; all of it can only be in strings.
  const spelt = (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`;
  parts[1] = document === null ? '' : JSON.stringify(document).replace(/[<>&\u2028\u2029]/g, spelt);
  return parts.join('');
}

/** SHA-256 of a reader without what it remembers: which release it is. Null for what is no reader. */
export function releaseOf(source) {
  try {
    return digestOf(toBytes(withState(source, null)));
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

/** This reader as a file, a Blob; with `state`, it remembers what this one does. `source` is its text, as boot.mjs has
 * it. */
export async function saveReader(engine, { withState: state, source }) {
  return new Blob([withState(source, state ? engine.snapshot() : null)], { type: 'text/html' });
}
