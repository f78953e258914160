// Documents held against the project's closed schemas, and the few rules a schema cannot say. The specification is
// schemas/__init__.py and schemas/compiled.py; rules.mjs makes the rules here out of the schema files.

import { checkTime } from './packing.mjs';
import { FormatError, shown } from './errors.mjs';

const MAX_DEPTH = 48;
const MAX_CONTAINERS = 100000;

/** A function (name, document) that returns when the document is a good `name` ("bundle", "edition", "part", "page",
 * "trust") and throws FormatError if not. `rules` are what `rulesOf` gives. */
export function schemaOf({ roots, nodes }) {
  const patterns = new Map();
  const formOf = (pattern) => {
    if (!patterns.has(pattern)) patterns.set(pattern, new RegExp(pattern, 'u'));
    return patterns.get(pattern);
  };
  const check = (at, value) => {
    const [kind, ...node] = nodes[at];
    KINDS[kind](value, check, formOf, ...node);
  };
  return (name, document) => {
    if (!has(roots, name)) throw new Error(`no schema ${name}`);
    bounded(document);
    check(roots[name], document);
    if (name === 'bundle') picturesPointAtPictures(document);
  };
}

const refuse = (what) => {
  throw new FormatError(`schema: ${what}`);
};
const typeOf = (value) => (value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value);
const has = (object, name) => Object.prototype.hasOwnProperty.call(object, name);
const expect = (type, value, found = typeOf(value)) => found === type || refuse(`must be ${type}, not ${found}`);
const within = (value, least, most, what = '') =>
  (value >= least && (most === null || value <= most)) || refuse(`must be ${least} to ${most}${what}, is ${value}`);

// What a node is held to, by its first member. The rest of it is written behind `check` and `formOf`.
const KINDS = {
  text(value, check, formOf, least, most, pattern) {
    expect('string', value);
    // Length first, in code points: it bounds what the pattern has to read.
    const length = value.length > 65535 || /[\ud800-\udfff]/.test(value) ? Array.from(value).length : value.length;
    within(length, least, most, ' characters');
    if (!formOf(pattern).test(value)) refuse(`has characters or a form that is not allowed: ${shown(value, 60)}`);
  },
  whole(value, check, formOf, least, most) {
    expect('integer', value, Number.isInteger(value) ? 'integer' : typeOf(value));
    within(value, least, most);
  },
  list(value, check, formOf, item, least, most) {
    expect('array', value);
    within(value.length, least, most, ' entries');
    for (const one of value) check(item, one);
  },
  object(value, check, formOf, required, names, members) {
    expect('object', value);
    const keys = names.split(' ');
    for (const key of keys.slice(0, required)) if (!(key in value)) refuse(`lacks the key "${key}"`);
    for (const key of Object.keys(value)) {
      const at = keys.indexOf(key);
      if (at < 0) refuse(`${shown(key, 60)} is no key of this format`);
      check(members[at], value[key]);
    }
  },
  values(value, check, formOf, ...values) {
    if (!values.includes(value)) refuse(`must be one of ${values}, not ${shown(value, 60)}`);
  },
  // One of several, which differ in JSON type or in the value of a required `type` key.
  either(value, check, formOf, text, names, members) {
    if (text !== null && typeof value === 'string') return check(text, value);
    expect('object', value);
    const at = names.split(' ').indexOf(value.type);
    return at < 0 ? refuse(`type ${shown(value.type, 60)} is none of these`) : check(members[at], value);
  },
  // A reference that is narrowed.
  both(value, check, formOf, ...members) {
    for (const one of members) check(one, value);
  },
  time: (value) => checkTime(value),
};

/** Not too deep and not too large, before anything else is looked at. */
function bounded(document) {
  const containers = (values) => values.filter((value) => value !== null && typeof value === 'object');
  let level = containers([document]);
  let seen = 0;
  for (let depth = 1; level.length; depth++) {
    seen += level.length;
    if (depth > MAX_DEPTH) refuse(`is nested more than ${MAX_DEPTH} deep`);
    if (seen > MAX_CONTAINERS) refuse(`holds more than ${MAX_CONTAINERS} lists and objects`);
    level = [].concat(...level.map((container) => containers(Object.values(container))));
  }
}

function picturesPointAtPictures({ resources, blocks }) {
  const role = (place) => (place < resources.length ? resources[place].role : null);
  for (const { thumbnail } of resources) {
    if (thumbnail !== undefined && role(thumbnail) !== 'thumbnail') refuse(`resource ${thumbnail} is no thumbnail`);
  }
  // Pictures stand at the top or in an update: the schema allows them nowhere else.
  for (const block of [].concat(...blocks.map((each) => [each].concat(each.type === 'update' ? each.blocks : [])))) {
    if (block.type === 'picture' && role(block.resource) !== 'picture') refuse(`resource ${block.resource} is no picture`);
  }
}
