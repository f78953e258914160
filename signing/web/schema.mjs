// JSON Schema as plain functions, for the keywords that the project's closed schemas use, and the few rules a schema
// cannot say. The specification is schemas/__init__.py and schemas/compiled.py; the schema files are handed in.

import { checkTime } from './packing.mjs';
import { FormatError, shown } from './errors.mjs';

const MAX_DEPTH = 48;
const MAX_CONTAINERS = 100000;
const TIME = 'urn:tamizdat:schema:bundle#/$defs/time';
const ANNOTATIONS = ['$schema', '$id', '$defs', 'title', 'description', '$comment', 'default', 'examples'];
const KEYWORDS = {
  string: ['pattern', 'minLength', 'maxLength'],
  integer: ['minimum', 'maximum'],
  array: ['items', 'minItems', 'maxItems'],
  object: ['properties', 'required', 'additionalProperties'],
  boolean: [],
};

/** A function (name, document) that returns when the document is a good `name` ("bundle", "edition", "part", "page",
 * "trust") and throws FormatError if not. `files` are those *.schema.json, parsed, in any order. Throws Error for a schema
 * with a keyword that is not understood: no keyword is ever skipped. */
export function compileSchemas(files) {
  const compiler = makeCompiler(files);
  const checks = new Map(files.map((file) => [file.$id.replace('urn:tamizdat:schema:', ''), compiler(file.$id, '')]));
  return (name, document) => {
    const check = checks.get(name);
    if (!check) throw new Error(`no schema ${name}`);
    bounded(document);
    check(document);
    if (name === 'bundle') picturesPointAtPictures(document);
  };
}

const refuse = (what) => {
  throw new FormatError(`schema: ${what}`);
};
const unsupported = (what) => {
  throw new Error(`a schema that is not understood: ${what}`);
};
const typeOf = (value) => (value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value);
const has = (object, name) => Object.prototype.hasOwnProperty.call(object, name);
const isA = (type, value) => (type === 'integer' ? Number.isInteger(value) : typeOf(value) === type);

function makeCompiler(files) {
  const homes = new Map(files.map((file) => [file.$id, file]));
  const done = new Map();

  const resolve = (address) => {
    const [home, pointer] = `${address}#`.split('#');
    let node = homes.get(home);
    for (const step of pointer.split('/').slice(1)) node = node && has(node, step) ? node[step] : undefined;
    return node ? [home, node] : unsupported(address);
  };
  const reference = (target, base) => {
    const address = target[0] === '#' ? base + target : target;
    if (!done.has(address)) {
      // A definition may contain itself: until it is built, those inside call it through this cell.
      done.set(address, (value) => done.get(address)(value));
      const [home, node] = resolve(address);
      const check = compile(node, home);
      done.set(address, address !== TIME ? check : (value) => {
        check(value);
        checkTime(value);
      });
    }
    return done.get(address);
  };
  const compile = (node, home) => {
    const keys = Object.keys(node).filter((key) => !ANNOTATIONS.includes(key));
    const checks = [];
    const rest = new Set(keys);
    const take = (key) => rest.delete(key);
    if (take('$ref')) checks.push(reference(node.$ref, home));
    if (take('const')) checks.push(oneOfValues([node.const]));
    if (take('enum')) checks.push(oneOfValues(node.enum));
    if (take('oneOf')) checks.push(branches(node.oneOf, home));
    // A reference may be narrowed by a length of its own.
    const type = take('type') ? node.type : rest.has('maxLength') && '$ref' in node ? 'string' : null;
    if (type !== null) {
      if (!has(KEYWORDS, type)) unsupported(`type ${type}`);
      KEYWORDS[type].forEach(take);
      checks.push(builders[type](node, home));
    }
    if (rest.size || !checks.length) unsupported(`keywords ${Array.from(rest)}`);
    return (value) => checks.forEach((check) => check(value));
  };
  const expect = (type, value) => isA(type, value) || refuse(`must be ${type}, not ${typeOf(value)}`);
  const within = (value, least = -Infinity, most = Infinity, what = '') =>
    (value >= least && value <= most) || refuse(`must be ${least} to ${most}${what}, is ${value}`);
  const builders = {
    boolean: () => (value) => expect('boolean', value),
    integer: ({ minimum, maximum }) => (value) => {
      expect('integer', value);
      within(value, minimum, maximum);
    },
    string: ({ minLength, maxLength, pattern }) => {
      const form = pattern === undefined ? null : new RegExp(pattern, 'u');
      return (value) => {
        expect('string', value);
        // Length first, in code points: it bounds what the pattern has to read.
        within(value.length > 65535 || /[\ud800-\udfff]/.test(value) ? Array.from(value).length : value.length,
          minLength, maxLength, ' characters');
        if (form && !form.test(value)) refuse(`has characters or a form that is not allowed: ${shown(value, 60)}`);
      };
    },
    array: ({ items, minItems, maxItems }, home) => {
      const item = items ? compile(items, home) : () => {};
      return (value) => {
        expect('array', value);
        within(value.length, minItems, maxItems, ' entries');
        value.forEach(item);
      };
    },
    object: (node, home) => {
      if (node.additionalProperties !== false) unsupported('an open object');
      const known = new Map(Object.keys(node.properties || {}).map((key) => [key, compile(node.properties[key], home)]));
      return (value) => {
        expect('object', value);
        for (const key of node.required || []) if (!(key in value)) refuse(`lacks the key "${key}"`);
        for (const key of Object.keys(value)) {
          (known.get(key) || (() => refuse(`${shown(key, 60)} is no key of this format`)))(value[key]);
        }
      };
    },
  };
  const oneOfValues = (values) => {
    if (!values.every((value) => ['string', 'number', 'boolean'].includes(typeof value))) unsupported('const or enum');
    return (value) => values.includes(value) || refuse(`must be one of ${values}, not ${shown(value, 60)}`);
  };
  // Branches that differ in JSON type or in the value of a required `type` key.
  const branches = (list, home) => {
    const byName = new Map();
    let text = null;
    for (const branch of list) {
      if (Object.keys(branch).join() !== '$ref') unsupported('oneOf of anything but references');
      const [, node] = resolve(branch.$ref[0] === '#' ? home + branch.$ref : branch.$ref);
      const check = reference(branch.$ref, home);
      const { enum: names, const: name } = (node.properties || {}).type || {};
      if (node.type === 'string' && !text) text = check;
      else if (node.type === 'object' && (node.required || []).includes('type') && (names || name)) {
        for (const each of names || [name]) {
          if (byName.has(each)) unsupported(`two branches for ${each}`);
          byName.set(each, check);
        }
      } else unsupported('oneOf whose branches cannot be told apart');
    }
    return (value) => {
      if (text && typeof value === 'string') return text(value);
      expect('object', value);
      return (byName.get(value.type) || (() => refuse(`type ${shown(value.type, 60)} is none of these`)))(value);
    };
  };
  return reference;
}

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
