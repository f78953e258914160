// JSON Schema as rules that schema.mjs can follow, for the keywords that the project's closed schemas use. They are made
// where the schema files are: by whoever builds a page, or when a program starts. Nothing is lost on the way but what is
// said to people, so whatever is judged by the rules is judged by the schemas.
//
//   {roots: {name: place}, nodes: [node]}       what refers to another node has its place in `nodes`; equal ones are one
//
//   ["text", least, most, pattern]   lengths in code points, null for no limit
//   ["whole", least, most]           ["list", node, least, most]           ["values", value, …]
//   ["object", how many of the names are required, "name name …", [node, …]]
//   ["either", node of a text or null, "type type …", [node, …]]           ["both", node, node]           ["time"]

import { schemaOf } from './schema.mjs';

const HOME = 'urn:tamizdat:schema:';
const TIME = `${HOME}bundle#/$defs/time`;
const ANNOTATIONS = ['$schema', '$id', '$defs', 'title', 'description', '$comment', 'default', 'examples'];

/** `schemaOf` the rules in these *.schema.json, parsed, in any order. Throws Error for a schema with a keyword that is not
 * understood: no keyword is ever skipped. */
export const compileSchemas = (files) => schemaOf(rulesOf(files));

const unsupported = (what) => {
  throw new Error(`a schema that is not understood: ${what}`);
};
const has = (object, name) => Object.prototype.hasOwnProperty.call(object, name);

/** The rules in these schemas, plain data. */
export function rulesOf(files) {
  const homes = new Map(files.map((file) => [file.$id, file]));
  const nodes = [];
  const places = new Map(); // of nodes, by what they say
  const references = new Map(); // of definitions, by address

  const put = (node, own = null) => {
    const text = JSON.stringify(node);
    if (own !== null) nodes[own] = node;
    else if (!places.has(text)) places.set(text, nodes.push(node) - 1);
    return own === null ? places.get(text) : own;
  };
  const resolve = (address) => {
    const [home, pointer] = `${address}#`.split('#');
    let node = homes.get(home);
    for (const step of pointer.split('/').slice(1)) node = node && has(node, step) ? node[step] : undefined;
    return node ? [home, node] : unsupported(address);
  };
  const reference = (target, base) => {
    const address = target[0] === '#' ? base + target : target;
    if (!references.has(address)) {
      const [home, node] = resolve(address);
      if (contains(node, home, address)) {
        // A definition that contains itself has its place before it is made.
        references.set(address, nodes.push(null) - 1);
        compile(node, home, references.get(address));
      } else {
        const place = compile(node, home);
        references.set(address, address === TIME ? put(['both', place, put(['time'])]) : place);
      }
    }
    return references.get(address);
  };
  /** Whether a definition leads back to itself. */
  const contains = (node, home, wanted, seen = new Set()) => {
    if (typeof node !== 'object' || node === null) return false;
    if (typeof node.$ref === 'string') {
      const address = node.$ref[0] === '#' ? home + node.$ref : node.$ref;
      if (address === wanted) return true;
      if (!seen.has(address)) {
        seen.add(address);
        const [next, target] = resolve(address);
        if (contains(target, next, wanted, seen)) return true;
      }
    }
    return Object.keys(node).some((key) => key !== '$defs' && contains(node[key], home, wanted, seen));
  };
  /** The place of the rule for `node`; it goes to `own` if that was kept free for it. */
  const compile = (node, home, own = null) => {
    const rest = new Set(Object.keys(node).filter((key) => !ANNOTATIONS.includes(key)));
    const take = (key) => rest.delete(key);
    const limit = (key, otherwise) => (take(key) ? node[key] : otherwise);
    const made = [];
    if (take('$ref')) made.push(reference(node.$ref, home));
    if (take('const')) made.push(values([node.const]));
    if (take('enum')) made.push(values(node.enum));
    if (take('oneOf')) made.push(either(node.oneOf, home));
    // A reference may be narrowed by a length of its own.
    const type = take('type') ? node.type : rest.has('maxLength') && '$ref' in node ? 'string' : null;
    if (type === 'string') made.push(['text', limit('minLength', 0), limit('maxLength', null), limit('pattern', '')]);
    else if (type === 'integer') {
      if (!has(node, 'minimum')) unsupported('a number without its least');
      made.push(['whole', limit('minimum'), limit('maximum', null)]);
    } else if (type === 'array') {
      if (!take('items')) unsupported('a list of anything');
      made.push(['list', compile(node.items, home), limit('minItems', 0), limit('maxItems', null)]);
    } else if (type === 'boolean') made.push(values([true, false]));
    else if (type === 'object') {
      if (limit('additionalProperties') !== false) unsupported('an open object');
      const properties = limit('properties', {});
      const required = limit('required', []);
      const names = required.concat(Object.keys(properties).filter((name) => !required.includes(name)));
      if (names.some((name) => name.includes(' ') || !has(properties, name))) unsupported('a name');
      made.push(['object', required.length, names.join(' '), names.map((name) => compile(properties[name], home))]);
    } else if (type !== null) unsupported(`type ${type}`);
    if (rest.size || !made.length) unsupported(`keywords ${Array.from(rest)}`);
    const [only] = made;
    if (made.length === 1 && own === null && typeof only === 'number') return only;
    if (made.length === 1 && typeof only !== 'number') return put(only, own);
    return put(['both', ...made.map((one) => (typeof one === 'number' ? one : put(one)))], own);
  };
  const values = (list) => {
    if (!list.every((value) => ['string', 'number', 'boolean'].includes(typeof value))) unsupported('const or enum');
    return ['values', ...list];
  };
  const either = (list, home) => {
    const names = [];
    const members = [];
    let text = null;
    for (const branch of list) {
      if (Object.keys(branch).join() !== '$ref') unsupported('oneOf of anything but references');
      const [, node] = resolve(branch.$ref[0] === '#' ? home + branch.$ref : branch.$ref);
      const place = reference(branch.$ref, home);
      const { enum: several, const: name } = (node.properties || {}).type || {};
      if (node.type === 'string' && text === null) text = place;
      else if (node.type === 'object' && (node.required || []).includes('type') && (several || name)) {
        for (const each of several || [name]) {
          if (names.includes(each) || each.includes(' ')) unsupported(`two branches for ${each}`);
          names.push(each);
          members.push(place);
        }
      } else unsupported('oneOf whose branches cannot be told apart');
    }
    return ['either', text, names.join(' '), members];
  };

  const roots = {};
  for (const { $id } of files) roots[$id.replace(HOME, '')] = reference($id, '');
  return { roots, nodes };
}
