// Who may sign: the walk over a small TUF repository, as a reader makes it. The specification is signing/trust.py; this is
// the part of TUF's client workflow (5.3-5.7) without delegations. All metadata must be in the one form we write.

import { verifySignature } from './crypto.mjs';
import { FormatError, SigningError, TrustError, shown } from './errors.mjs';
import { checkTime, digestOf, fromHex, parseJson, same, toBytes, toHex } from './packing.mjs';
import { sha512 } from './sha2.mjs';

export const ROLES = ['root', 'timestamp', 'snapshot', 'targets'];
const CAPS = { root: 512000, timestamp: 16384, snapshot: 1000000, targets: 1000000 };
const TARGET_CAPS = { 'trust.json': 1000000, 'witness.policy': 65536 };
const MAX_ROOTS = 256;

export const fingerprint = (root) => `sha256:${digestOf(root)}`;

const refuse = (what) => {
  throw new TrustError(what);
};

/** What the trust files behind `read` say, all of them checked: {trust, policy, targets, rootVersion, rootDigest, expires,
 * fresh, expired, fingerprint, versions, online, files}.
 *
 * `await read(path, cap)` gives a file's bytes, at most `cap`, or null. `pin` is the fingerprint of 1.root.json, or the
 * bytes of a root that is trusted already. `now` is a time as text. `known` is what an earlier walk found ({rootVersion,
 * files}): nothing older is accepted. TrustError for what is forged, damaged, mixed or rolled back; what is merely old is
 * reported, since a date that passed never makes true bytes false. What `read` throws goes through. */
export async function walk(read, { pin, now, known = null }) {
  const files = new Map();
  const fetch = async (path, cap) => {
    const data = await read(path, cap);
    if (data === null) refuse(`${path} is missing`);
    if (data.length > cap) refuse(`${path} is larger than ${cap} bytes`);
    files.set(path, data);
    return data;
  };

  let root;
  let rootData;
  if (typeof pin !== 'string') {
    root = await load('root', pin, null);
    files.set(`trust/${root.version}.root.json`, pin);
    rootData = pin;
  } else {
    if (!/^sha256:[0-9a-f]{64}$/.test(pin)) refuse(`a fingerprint is sha256: and 64 hex digits, not ${shown(pin)}`);
    rootData = await fetch('trust/1.root.json', CAPS.root);
    // Before it is parsed: bytes nobody vouches for.
    if (fingerprint(rootData) !== pin) refuse(`1.root.json is not the pinned one: it is ${fingerprint(rootData)}`);
    root = await load('root', rootData, null);
    if (root.version !== 1) refuse(`1.root.json says it is version ${root.version}`);
  }
  checkForm(root, [root]);
  const anchor = rootData;
  for (let count = 0; ; count++) {
    if (count === MAX_ROOTS) refuse(`more than ${MAX_ROOTS} roots follow the pinned one`);
    const path = `trust/${root.version + 1}.root.json`;
    const found = await read(path, CAPS.root);
    if (found === null || isPage(found)) break;
    if (found.length > CAPS.root) refuse(`${path} is larger than ${CAPS.root} bytes`);
    const next = await load('root', found, root);
    if (next.version !== root.version + 1) refuse(`${path} says it is version ${next.version}`);
    checkForm(next, [root, next]);
    files.set(path, found);
    root = next;
    rootData = found;
  }
  if (root.signed.consistent_snapshot !== true) refuse('the root does not ask for consistent snapshots');

  const [oldest, kept] = await oldestAllowed(known, root);
  const notOlder = (name, version, before) => {
    if (version < before) refuse(`${shown(name)} is version ${version}, but ${before} was seen before`);
  };
  let timestamp = await load('timestamp', await fetch('trust/timestamp.json', CAPS.timestamp), root);
  checkForm(timestamp, [root]);
  notOlder('timestamp', timestamp.version, oldest.get('timestamp'));
  if (kept && timestamp.version === oldest.get('timestamp')) {
    // 5.4.3: of two with one version, the first one seen stays.
    files.set('trust/timestamp.json', kept);
    timestamp = await load('timestamp', kept, root);
  }
  const listedSnapshot = timestamp.signed.meta['snapshot.json'];
  notOlder('snapshot', listedSnapshot.version, oldest.get('snapshot'));

  const listed = async (role, meta) => {
    if (meta.length === undefined || !('sha256' in (meta.hashes || {}))) {
      refuse(`${role} is listed without its length and SHA-256`);
    }
    const data = await fetch(`trust/${meta.version}.${role}.json`, Math.min(meta.length, CAPS[role]));
    checkListed(role, meta, data);
    const metadata = await load(role, data, root);
    if (metadata.version !== meta.version) refuse(`${role} says it is version ${metadata.version}, not ${meta.version}`);
    checkForm(metadata, [root]);
    return metadata;
  };
  const snapshot = await listed('snapshot', listedSnapshot);
  const meta = snapshot.signed.meta;
  for (const [name, version] of oldest) {
    if (!name.endsWith('.json')) continue;
    if (!(name in meta)) refuse(`the snapshot no longer lists ${shown(name)}`);
    notOlder(name, meta[name].version, version);
  }
  if (!('targets.json' in meta)) refuse('the snapshot does not list targets.json');
  const targets = await listed('targets', meta['targets.json']);

  const info = Object.create(null);
  for (const [name, { length, hashes }] of Object.entries(targets.signed.targets)) {
    if (!/^[0-9a-f]{64}$/.test(hashes.sha256 || '') || !/^[a-z0-9][a-z0-9.-]{0,63}$/.test(name)) {
      refuse(`target ${shown(name)} has no SHA-256, or cannot be a file name`);
    }
    info[name] = { size: length, digest: hashes.sha256 };
  }
  const target = async (name) => {
    const data = await fetch(`trust/targets/${info[name].digest}.${name}`, Math.min(info[name].size, TARGET_CAPS[name]));
    checkListed(name, targets.signed.targets[name], data);
    return data;
  };
  if (!('trust.json' in info)) refuse('the targets do not list trust.json with its SHA-256');
  const trust = await target('trust.json');
  const policy = 'witness.policy' in info ? await target('witness.policy') : null;

  const expires = {};
  const versions = {};
  for (const each of [root, timestamp, snapshot, targets]) {
    expires[each.role] = each.signed.expires;
    versions[each.role] = each.version;
  }
  const expired = ROLES.filter((name) => expires[name] <= now);
  const online = new Set(root.signed.roles.timestamp.keyids.concat(root.signed.roles.snapshot.keyids));
  return {
    trust,
    policy,
    targets: info,
    rootVersion: root.version,
    rootDigest: digestOf(rootData),
    expires,
    fresh: !expired.length,
    expired,
    fingerprint: fingerprint(anchor),
    versions,
    online: Array.from(online).sort(),
    files,
  };
}

/** A host that answers with a web page has no such file. */
function isPage(data) {
  let at = 0;
  while ([0xef, 0xbb, 0xbf, 32, 9, 13, 10].includes(data[at])) at++;
  return data[at] === 0x3c;
}

function checkListed(name, { length, hashes }, data) {
  const wrong = Object.keys(hashes || {}).some((algorithm) => {
    if (algorithm === 'sha256') return digestOf(data) !== hashes.sha256;
    return algorithm !== 'sha512' || toHex(sha512(data)) !== hashes.sha512;
  });
  if (data.length !== length || wrong) refuse(`${name} has not the length or hash that is listed`);
}

/** The lowest version allowed of `timestamp` and `snapshot` and of each file that a snapshot lists, and the timestamp seen
 * before, as far as this root still vouches for them: whoever stole an online key may have signed version 2^31 to lock
 * everybody out, and a root with other keys ends that (5.3.11). */
async function oldestAllowed(known, root) {
  const oldest = new Map();
  if (!known) return [oldest, null];
  if (root.version < known.rootVersion) {
    refuse(`root is version ${root.version}, but ${known.rootVersion} was seen before`);
  }
  const files = known.files instanceof Map ? known.files : new Map(Object.entries(known.files));
  const before = files.get(`trust/${known.rootVersion}.root.json`);
  if (before && root.version === known.rootVersion) {
    const { bytes } = await load('root', before, null);
    if (!same(bytes, root.bytes)) refuse(`two different roots are both version ${root.version}`);
  }
  const stillSigned = async (role, data) => {
    try {
      return await load(role, data, root);
    } catch (error) {
      if (error instanceof SigningError) return null;
      throw error;
    }
  };
  let kept = files.get('trust/timestamp.json') || null;
  const timestamp = kept && (await stillSigned('timestamp', kept));
  if (timestamp) {
    oldest.set('timestamp', timestamp.version);
    oldest.set('snapshot', timestamp.signed.meta['snapshot.json'].version);
  } else kept = null;
  for (const [path, data] of files) {
    const snapshot = /^trust\/(?:[0-9]+\.)?snapshot\.json$/.test(path) && (await stillSigned('snapshot', data));
    if (snapshot) for (const [name, { version }] of Object.entries(snapshot.signed.meta)) oldest.set(name, version);
  }
  return [oldest, kept];
}

// --- metadata --------------------------------------------------------------------------------------------------------

/** `data` as metadata of `role`, signed by the threshold that the root `by` sets (a root also by its own). */
async function load(role, data, by) {
  const metadata = parseMetadata(data);
  if (metadata.role !== role) refuse(`${role} metadata says it is ${shown(metadata.role)}`);
  if (by) await checkThreshold(by, metadata);
  if (role === 'root') {
    await checkThreshold(metadata, metadata);
    for (const name of ROLES) {
      const { keyids } = metadata.signed.roles[name];
      const keys = keyids.map((id) => (id in metadata.signed.keys ? plainJson(metadata.signed.keys[id].keyval) : refuse('no key')));
      // A threshold counts keys, not their names.
      if (new Set(keys).size !== keys.length) refuse(`the root names one key twice for the role ${name}`);
    }
  }
  return metadata;
}

async function checkThreshold(root, { role, bytes, signatures }) {
  const { keyids, threshold } = root.signed.roles[role];
  let good = 0;
  for (const id of keyids) {
    const key = id in root.signed.keys ? root.signed.keys[id] : null;
    const signature = signatures.get(id);
    if (!key || !signature || key.keytype !== 'ed25519' || key.scheme !== 'ed25519') continue;
    if (!/^[0-9a-fA-F]{64}$/.test(key.keyval.public) || !/^[0-9a-fA-F]{128}$/.test(signature)) continue;
    if (await verifySignature(fromHex(key.keyval.public), fromHex(signature), bytes)) good++;
  }
  if (good < threshold) refuse(`${role} was signed by ${good} of ${threshold} keys`);
}

/** {role, version, signed, bytes (that were signed), signatures, data, document} of TUF metadata, unverified; its shape is
 * what python-tuf demands, and stricter where that would drop or rewrite something. */
function parseMetadata(data) {
  let document;
  try {
    document = parseJson(data, true);
  } catch (error) {
    throw error instanceof FormatError ? new TrustError(error.message) : error;
  }
  const { signed, signatures } = isObject(document) ? document : {};
  const need = (good, what) => good || refuse(`metadata: ${what}`);
  need(isObject(signed) && Array.isArray(signatures), 'no signed part');
  const whole = (value, least) => Number.isInteger(value) && value >= least;
  const meta = (item, least) => {
    need(isObject(item) && (least === undefined || whole(item.version, least)), 'a listed file');
    need(item.length === undefined || whole(item.length, 0), 'a length');
    const { hashes } = item;
    const good = isObject(hashes) && Object.keys(hashes).length && Object.values(hashes).every((h) => typeof h === 'string');
    need(hashes === undefined || good, 'hashes');
  };
  const role = signed._type;
  need(ROLES.includes(role), 'its type');
  need(typeof signed.spec_version === 'string' && /^1(?:\.[0-9]+){1,2}$/.test(signed.spec_version), 'spec_version');
  need(whole(signed.version, 1), 'version');
  try {
    checkTime(signed.expires);
  } catch (_) {
    refuse('metadata: expires');
  }
  if (role === 'root') {
    const { keys, roles } = signed;
    need(isObject(keys) && isObject(roles), 'keys or roles');
    need(Object.keys(roles).sort().join() === ROLES.slice().sort().join(), 'roles');
    need(signed.consistent_snapshot !== null, 'consistent_snapshot');
    for (const key of Object.values(keys)) {
      need(isObject(key) && isObject(key.keyval) && typeof key.keyval.public === 'string', 'a key');
    }
    for (const { keyids, threshold } of Object.values(roles)) {
      need(Array.isArray(keyids) && keyids.every((id) => typeof id === 'string'), 'key IDs');
      need(new Set(keyids).size === keyids.length && whole(threshold, 1), 'a threshold');
    }
  } else if (role === 'targets') {
    need(isObject(signed.targets) && signed.delegations === undefined, 'targets');
    for (const target of Object.values(signed.targets)) {
      meta(target);
      need(target.length !== undefined && target.hashes !== undefined, 'a target');
    }
  } else {
    need(isObject(signed.meta), 'meta');
    if (role === 'timestamp') need(Object.keys(signed.meta).join() === 'snapshot.json', 'snapshot.json');
    Object.values(signed.meta).forEach((item) => meta(item, 1));
  }
  const table = new Map();
  for (const item of signatures) {
    need(isObject(item) && typeof item.keyid === 'string' && typeof item.sig === 'string', 'a signature');
    need(!table.has(item.keyid), 'two signatures of one key');
    table.set(item.keyid, item.sig);
  }
  return { role, version: signed.version, signed, bytes: toBytes(canonical(signed)), signatures: table, data, document };
}

/** TrustError unless metadata is written as we write it and signed only by keys that `roots` name for its role: TUF signs
 * what metadata means, and white space, the order of names, further signatures are nobody's word. */
function checkForm({ role, data, document, signatures, signed }, roots) {
  if (!same(toBytes(plainJson(document)), data)) refuse(`${role} metadata is not as it was written`);
  const named = new Set([].concat(...roots.map((root) => root.signed.roles[role].keyids)));
  for (const [id, signature] of signatures) {
    if (!/^[0-9a-f]{128}$/.test(signature) || !named.has(id)) refuse(`${role} metadata has a foreign signature`);
  }
  for (const [id, { keytype, keyval, scheme }] of Object.entries(role === 'root' ? signed.keys : {})) {
    const plain = plainJson({ keytype: 'ed25519', keyval: { public: keyval.public }, scheme: 'ed25519' });
    if (plainJson({ keytype, keyval, scheme }) !== plain || digestOf(toBytes(plain)) !== id) {
      refuse('the root has a key that is not Ed25519, or not under its own ID');
    }
  }
}

const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

function encodeJson(value, text) {
  if (typeof value === 'string') return text(value);
  if (Array.isArray(value)) return `[${value.map((each) => encodeJson(each, text)).join()}]`;
  if (!isObject(value)) return String(value);
  const members = Object.keys(value).sort(byCodePoint);
  return `{${members.map((name) => `${text(name)}:${encodeJson(value[name], text)}`).join()}}`;
}

/** The bytes that TUF signs: OLPC canonical JSON, where only quotes and backslashes are escaped. */
const canonical = (value) => encodeJson(value, (text) => `"${text.replace(/[\\"]/g, '\\$&')}"`);

/** What Python's json.dumps writes with sorted keys, compact and in ASCII. */
const plainJson = (value) =>
  encodeJson(value, (text) =>
    JSON.stringify(text).replace(/[\u007f-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`),
  );

// JavaScript compares UTF-16 units, Python code points: they differ above U+FFFF.
function byCodePoint(one, other) {
  const a = Array.from(one);
  const b = Array.from(other);
  for (let at = 0; at < a.length && at < b.length; at++) {
    if (a[at] !== b[at]) return a[at].codePointAt(0) - b[at].codePointAt(0);
  }
  return a.length - b.length;
}

// --- for evidence ----------------------------------------------------------------------------------------------------

/** Role and version of which both files claim to be while they say different things, each signed by the threshold of keys
 * that one root in `files` sets, the newest by which either is signed (for a root: the root before it); null otherwise.
 * `files` are those of finished walks. */
export async function sameVersionContradiction(first, second, files) {
  const one = parseMetadata(first);
  const two = parseMetadata(second);
  const { role, version } = one;
  if (two.role !== role || two.version !== version || same(one.bytes, two.bytes)) return null;
  const roots = [];
  for (const [path, data] of files) if (path.endsWith('.root.json')) roots.push(await load('root', data, null));
  for (const root of roots.sort((a, b) => b.version - a.version)) {
    if (role === 'root' && root.version !== version - 1) continue;
    const good = [];
    for (const data of [first, second]) {
      try {
        await load(role, data, root);
        good.push(data);
      } catch (error) {
        if (!(error instanceof TrustError)) throw error;
      }
    }
    if (good.length === 2) return { role, version };
    // What a key could sign alone once, it can still sign when it has become one of three.
    if (good.length) return null;
  }
  return null;
}
