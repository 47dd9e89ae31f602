// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// JavaScript values as GVariants, and back.
//
// What a GVariant says exactly is one: booleans, numbers, strings, bytes; `undefined` is the empty
// tuple. A GLib.Variant goes inside another one, so that it comes out as it went in. Everything
// else is *packed*: a tree as JSON, which is what the engine writes and reads fastest, and beside
// it the parts that are no text, bytes and variants. In the tree an object with the one key "$"
// stands for what JSON cannot say: {"$": [kind, …]}. An array of numbers is such a part, of
// doubles.
//
// What cannot cross, functions, symbols, cycles, objects of other classes, is a TypeError that
// names the place. Nothing is left out in silence, but for symbol keys, which no copy of an object
// has.

const {GLib} = imports.gi;

const PACKED = '(sav)';
const BYTES = new GLib.VariantType('ay');
const VARIANT = new GLib.VariantType('v');
const TAG = '$';
// JSON has these, GVariant's strings have not: NUL, and half a surrogate pair.
const NO_VARIANT_STRING = /[\0\uD800-\uDFFF]/u;
const NAME = /^[A-Za-z_$][\w$]*$/;
const MANY_NUMBERS = 32; // from which on an array of numbers alone is a part

// Where the reviver has something to do. A string that holds this has its quotes escaped.
const TAG_TEXT = `{"${TAG}":`;

const TypedArray = Object.getPrototypeOf(Uint8Array);
const ERRORS = [Error, AggregateError, EvalError, InternalError, RangeError, ReferenceError,
  SyntaxError, TypeError, URIError];
const ERROR_PLACES = ['stack', 'fileName', 'lineNumber', 'columnNumber'];

// Bytes

function bytesToVariant(bytes) {
  return GLib.Variant.new_from_bytes(BYTES, bytes, true);
}

// A copy, since what is in a variant must not change, and may lie in memory that cannot be written.
function variantToArray(variant) {
  return variant.get_data_as_bytes().toArray().slice();
}

function viewToVariant(view) {
  const {buffer, byteOffset, byteLength} = view;

  return bytesToVariant(new GLib.Bytes(new Uint8Array(buffer, byteOffset, byteLength)));
}

// Packing

function describeKey(key) {
  if (typeof key === 'number')
    return `[${key}]`;
  return NAME.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
}

function describeClass(value) {
  const name = value.constructor?.name;

  if (name)
    return `an object of class ${name}`;
  return typeof value.next === 'function' ? 'an iterator' : 'an object of an unknown class';
}

// Whether JSON says exactly this, and it is no object.
function isJSON(value) {
  switch (typeof value) {
  case 'boolean':
  case 'string':
    return true;
  case 'number':
    return value === 0 ? !Object.is(value, -0) : Number.isFinite(value);
  default:
    return value === null;
  }
}

// What to do about it
const HINTS = {
  'a function': '; make it in the call, or give its name',
  'a symbol': '; give a string',
  'an object that contains itself': '; give each part once',
  'an iterator': '; give an array of what it comes by, such as [...values]',
  'an object of class Promise': '; await it first',
};
const HINT = '; give plain values, and make it of them in the call';

class Packer {
  constructor(where) {
    this.parts = [];
    this._where = where;
    this._keys = [];
    this._ancestors = [];
  }

  refuse(what) {
    throw new TypeError(`${this._where}${this._keys.map(describeKey).join('')}: ` +
      `${what} cannot cross to another process${HINTS[what] ?? HINT}`);
  }

  // What is inside of an object under `key`.
  inside(key, value) {
    if (isJSON(value))
      return value;
    this._keys.push(key);
    const packed = this.pack(value);
    this._keys.pop();
    return packed;
  }

  pack(value) {
    if (isJSON(value))
      return value;
    switch (typeof value) {
    case 'number':
      return this._tag('number', value === 0 ? '-0' : String(value));
    case 'undefined':
      return this._tag('undefined');
    case 'bigint':
      return this._tag('bigint', String(value));
    case 'object':
      return this._packObject(value);
    default:
      return this.refuse(`a ${typeof value}`);
    }
  }

  addPart(variant) {
    return this.parts.push(GLib.Variant.new_variant(variant)) - 1;
  }

  _tag(...content) {
    return {[TAG]: content};
  }

  _packObject(object) {
    if (this._ancestors.includes(object))
      this.refuse('an object that contains itself');

    this._ancestors.push(object);
    const packed = this._packByClass(object);
    this._ancestors.pop();
    return packed;
  }

  _packByClass(object) {
    const prototype = Object.getPrototypeOf(object);

    if (prototype === Array.prototype)
      return packArray(this, object);
    if (prototype === Object.prototype)
      return packPlain(this, object);

    const kind = OBJECT_KINDS.find(each => each.accepts(object, prototype));

    if (kind === undefined)
      this.refuse(describeClass(object));
    if (kind.name === 'object')
      return kind.pack(this, object);
    return this._tag(kind.name, ...kind.pack(this, object));
  }
}

// Arrays as they are mostly: with all of their elements, and nothing else.
function isDense(array) {
  const keys = Object.keys(array);

  return keys.length === array.length &&
    (keys.length === 0 || keys[keys.length - 1] === String(keys.length - 1));
}

function packEntries(packer, object) {
  return Object.keys(object).map(key => [key, packer.inside(key, object[key])]);
}

function packPlain(packer, object) {
  const packed = {};

  for (const key of Object.keys(object)) {
    if (key === TAG || key === '__proto__')
      return {[TAG]: ['object', packEntries(packer, object)]};
    packed[key] = packer.inside(key, object[key]);
  }
  return packed;
}

function isNumber(value) {
  return typeof value === 'number';
}

function packArray(packer, array) {
  const {length} = array;

  if (!isDense(array))
    return {[TAG]: ['array', length, packEntries(packer, array)]};
  if (length >= MANY_NUMBERS && array.every(isNumber))
    return {[TAG]: ['numbers', packer.addPart(viewToVariant(Float64Array.from(array)))]};

  if (array.every(isJSON))
    return array;
  return array.map((value, i) => packer.inside(i, value));
}

function setEntries(object, entries) {
  for (const [key, value] of entries) {
    Object.defineProperty(object, key,
      {value, writable: true, enumerable: true, configurable: true});
  }
  return object;
}

// Errors

function findErrorClass(error) {
  let prototype = error;

  while ((prototype = Object.getPrototypeOf(prototype)) !== null) {
    const found = ERRORS.find(each => each.prototype === prototype);

    if (found !== undefined)
      return found;
  }
  return Error;
}

// A class of errors that gives itself no name is known by that of the class.
function nameError(error, base) {
  const name = String(error.name);

  return name === base.name && error.constructor?.name ? error.constructor.name : name;
}

function packError(packer, error) {
  const base = findErrorClass(error);
  const entries = Object.keys(error).filter(key => key !== 'name' && key !== 'message')
    .map(key => [key, packer.inside(key, error[key])]);
  const hidden = ['cause', 'errors']
    .filter(key => Object.hasOwn(error, key) && !Object.keys(error).includes(key))
    .map(key => [key, packer.inside(key, error[key])]);

  return [base.name, nameError(error, base), String(error.message),
    ERROR_PLACES.map(key => error[key] ?? null), hidden, entries];
}

function hide(object, key, value) {
  Object.defineProperty(object, key,
    {value, writable: true, enumerable: false, configurable: true});
}

function unpackError([baseName, name, message, places, hidden, entries]) {
  const base = ERRORS.find(each => each.name === baseName) ?? Error;
  const error = base === AggregateError ? new base([], message) : new base(message);

  if (name !== error.name)
    hide(error, 'name', name);
  ERROR_PLACES.forEach((key, i) => {
    if (places[i] !== null)
      hide(error, key, places[i]);
  });
  for (const [key, value] of hidden)
    hide(error, key, value);
  return setEntries(error, entries);
}

function unpackGError([domain, code, message, stack]) {
  const error = new GLib.Error(GLib.quark_from_string(domain), code, message);

  if (stack !== null)
    hide(error, 'stack', stack);
  return error;
}

// Kinds of values, those that are met most first. Those without accepts() are no objects. What
// unpack() gets is unpacked already.
const KINDS = [
  {
    name: 'object',
    accepts: (object, prototype) => prototype === null,
    pack: packPlain,
    unpack: ([entries]) => setEntries({}, entries),
  },
  {name: 'array', unpack: ([length, entries]) => setEntries(new Array(length), entries)},
  {
    name: 'numbers',
    unpack: ([part], parts) => Array.from(new Float64Array(variantToArray(parts[part]).buffer)),
  },
  {name: 'number', unpack: ([text]) => Number(text)},
  {name: 'undefined', unpack: () => undefined},
  {name: 'bigint', unpack: ([text]) => BigInt(text)},
  {
    name: 'view',
    accepts: (object, prototype) => ArrayBuffer.isView(object) &&
      (Object.getPrototypeOf(prototype) === TypedArray.prototype ||
       prototype === DataView.prototype),
    pack: (packer, view) => [view.constructor.name, packer.addPart(viewToVariant(view))],
    unpack: ([name, part], parts) => new globalThis[name](variantToArray(parts[part]).buffer),
  },
  {
    name: 'buffer',
    accepts: (object, prototype) => prototype === ArrayBuffer.prototype,
    pack: (packer, buffer) =>
      [packer.addPart(bytesToVariant(new GLib.Bytes(new Uint8Array(buffer))))],
    unpack: ([part], parts) => variantToArray(parts[part]).buffer,
  },
  {
    name: 'date',
    accepts: (object, prototype) => prototype === Date.prototype,
    pack: (packer, date) => [packer.pack(date.getTime())],
    unpack: ([time]) => new Date(time),
  },
  {
    name: 'map',
    accepts: (object, prototype) => prototype === Map.prototype,
    pack: (packer, map) => [Array.from(map, ([key, value], i) =>
      [packer.inside(`key ${i}`, key), packer.inside(`value ${i}`, value)])],
    unpack: ([entries]) => new Map(entries),
  },
  {
    name: 'set',
    accepts: (object, prototype) => prototype === Set.prototype,
    pack: (packer, set) => [Array.from(set, (value, i) => packer.inside(i, value))],
    unpack: ([values]) => new Set(values),
  },
  {
    name: 'regexp',
    accepts: (object, prototype) => prototype === RegExp.prototype,
    pack: (packer, regexp) => [regexp.source, regexp.flags, regexp.lastIndex],
    unpack: ([source, flags, lastIndex]) => Object.assign(new RegExp(source, flags), {lastIndex}),
  },
  {
    name: 'gerror',
    accepts: object => object instanceof GLib.Error,
    pack: (packer, error) =>
      [GLib.quark_to_string(error.domain), error.code, error.message, error.stack ?? null],
    unpack: unpackGError,
  },
  {
    name: 'error',
    accepts: object => object instanceof Error,
    pack: packError,
    unpack: unpackError,
  },
  {
    name: 'variant',
    accepts: object => object instanceof GLib.Variant,
    pack: (packer, variant) => [packer.addPart(variant)],
    unpack: ([part], parts) => parts[part],
  },
  {
    name: 'bytes',
    accepts: object => object instanceof GLib.Bytes,
    pack: (packer, bytes) => [packer.addPart(bytesToVariant(bytes))],
    unpack: ([part], parts) => parts[part].get_data_as_bytes(),
  },
];
const OBJECT_KINDS = KINDS.filter(kind => kind.accepts !== undefined);
const KINDS_BY_NAME = new Map(KINDS.map(kind => [kind.name, kind]));

// Unpacking, in place

function unpackTag([name, ...content], parts) {
  return KINDS_BY_NAME.get(name).unpack(unpackTree(content, parts), parts);
}

function unpackTree(tree, parts) {
  if (tree === null || typeof tree !== 'object')
    return tree;
  if (Array.isArray(tree)) {
    for (let i = 0; i < tree.length; i++)
      tree[i] = unpackTree(tree[i], parts);
    return tree;
  }
  if (Object.hasOwn(tree, TAG))
    return unpackTag(tree[TAG], parts);

  for (const key of Object.keys(tree))
    tree[key] = unpackTree(tree[key], parts);
  return tree;
}

// Whether a tree whose text this is is more than JSON.
function hasTags(text) {
  return text.includes(TAG_TEXT);
}

function unpackVariant(variant) {
  const text = variant.get_child_value(0).get_string()[0];
  const list = variant.get_child_value(1);
  const tree = JSON.parse(text);

  if (!hasTags(text))
    return tree;
  return unpackTree(tree, Array.from({length: list.n_children()},
    (_, i) => list.get_child_value(i).get_variant()));
}

function packTree(packer, value, where) {
  try {
    return packer.pack(value);
  } catch (error) {
    if (error instanceof InternalError)
      throw new TypeError(`${where}: a value of that depth cannot cross to another process`);
    throw error;
  }
}

// A packed value: the tree as text, and the parts, each a variant in a variant.
function packText(value, where) {
  if (isJSON(value))
    return {text: JSON.stringify(value), parts: []};

  const packer = new Packer(where);
  const tree = packTree(packer, value, where);

  return {text: JSON.stringify(tree), parts: packer.parts};
}

function packVariant(value, where) {
  const {text, parts} = packText(value, where);

  return GLib.Variant.new_tuple([GLib.Variant.new_string(text),
    GLib.Variant.new_array(VARIANT, parts)]);
}

// Both ways

function isInt32(number) {
  return (number | 0) === number && !Object.is(number, -0);
}

// What a GVariant says exactly, without a word of ours in it; otherwise null.
function toNaturalVariant(value) {
  switch (typeof value) {
  case 'boolean':
    return GLib.Variant.new_boolean(value);
  case 'number':
    return isInt32(value) ? GLib.Variant.new_int32(value) : GLib.Variant.new_double(value);
  case 'string':
    return NO_VARIANT_STRING.test(value) ? null : GLib.Variant.new_string(value);
  case 'undefined':
    return GLib.Variant.new_tuple([]);
  case 'object':
    return value instanceof Uint8Array && value.constructor === Uint8Array
      ? viewToVariant(value) : null;
  default:
    return null;
  }
}

// `where` is what the value is called if it cannot cross.
function toVariant(value, where) {
  if (value instanceof GLib.Variant)
    return GLib.Variant.new_variant(value);
  return toNaturalVariant(value) ?? packVariant(value, where);
}

// For targets in other languages, which know GVariants alone.
function toForeignVariant(value, where) {
  const variant = value instanceof GLib.Variant ? value : toNaturalVariant(value);

  if (variant === null) {
    throw new TypeError(`${where}: for a target that is not JavaScript's, give a GLib.Variant, ` +
      'or a boolean, a number, a string or a Uint8Array');
  }
  return variant;
}

const READERS = {
  '()': () => undefined,
  'ay': variantToArray,
  'b': variant => variant.get_boolean(),
  'y': variant => variant.get_byte(),
  'n': variant => variant.get_int16(),
  'q': variant => variant.get_uint16(),
  'i': variant => variant.get_int32(),
  'u': variant => variant.get_uint32(),
  'd': variant => variant.get_double(),
  's': variant => variant.get_string()[0],
  'v': variant => variant.get_variant(),
  [PACKED]: unpackVariant,
};

// What comes from JavaScript is what it was; of what others sent, what has no one JavaScript value
// stays a GLib.Variant.
function fromVariant(variant) {
  const read = READERS[variant.get_type_string()];

  return read === undefined ? variant : read(variant);
}

function nameThrown(error) {
  return nameError(error, findErrorClass(error));
}

function stripError(error) {
  return unpackError([findErrorClass(error).name, nameThrown(error), String(error.message),
    ERROR_PLACES.map(key => error[key] ?? null), [], []]);
}

// What was thrown has to cross somehow: an error without what it carries that cannot, and for all
// else why it cannot. `pack` is packText() or toVariant().
function packThrown(thrown, pack) {
  try {
    return pack(thrown, 'what was thrown');
  } catch (refusal) {
    return pack(thrown instanceof Error ? stripError(thrown) : refusal, 'what was thrown');
  }
}
