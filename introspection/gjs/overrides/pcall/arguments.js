// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// What pcall() is given, as what a task takes.
//
// An options object has the options of the task, the argument lists, and under any other name a
// list of values for the keyword argument of that name. All is checked before anything is set: what
// is wrong is a TypeError, or for a number a RangeError, that names it.
//
// Any iterable will do for a list. They are walked together, up to the end of the shortest, so that
// one without an end does not matter where another has one.

const {Gio, GLib, Pcall} = imports.gi;

const VARIANT = new GLib.VariantType('v');
const ENTRY = new GLib.VariantType('{sv}');
// A GVariant's strings have no NUL and no half of a surrogate pair.
const NO_NAME = /[\0\uD800-\uDFFF]|^$/u;
const LISTS = new Set(['cargs', 'iargs', 'ckwargs', 'ikwargs']);

function quote(value) {
  if (typeof value === 'string')
    return JSON.stringify(value);
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}

// Options

function checkSeconds(name, value) {
  if (typeof value !== 'number' || Number.isNaN(value))
    throw new TypeError(`${name} is a number of seconds, not ${quote(value)}`);
  if (value < 0)
    throw new RangeError(`${name} is ${value}; less than 0 seconds is not possible`);
  return Math.min(value, Number.MAX_VALUE);
}

// In all languages 0 means that there is no limit; and without one is what is never reached.
function checkLimit(name, value) {
  return value === Infinity ? 0 : checkSeconds(name, value);
}

// Of join(): less than 0 is as long as it takes.
function checkTimeout(value) {
  if (typeof value !== 'number' || Number.isNaN(value))
    throw new TypeError(`timeout is a number of seconds, not ${quote(value)}`);
  return Number.isFinite(value) ? value : -1;
}

function checkCount(name, value) {
  if (!Number.isInteger(value))
    throw new TypeError(`${name} is a whole number, not ${quote(value)}`);
  if (value < 0 || value > 0xffffffff)
    throw new RangeError(`${name} is ${value}, which is not between 0 and 2^32 - 1`);
  return value;
}

// In bytes: as many as a number holds exactly.
function checkSize(name, value) {
  if (!Number.isSafeInteger(value))
    throw new TypeError(`${name} is a whole number of bytes, not ${quote(value)}`);
  if (value < 0)
    throw new RangeError(`${name} is ${value}; less than 0 bytes is not possible`);
  return value;
}

function checkPriority(name, value) {
  if (!Number.isInteger(value) || value !== (value | 0))
    throw new TypeError(`${name} is a whole number of 32 bits, not ${quote(value)}`);
  return value;
}

// What is added to the niceness.
function checkNice(name, value) {
  if (!Number.isInteger(value))
    throw new TypeError(`${name} is a whole number, not ${quote(value)}`);
  if (Math.abs(value) > 39)
    throw new RangeError(`${name} is ${value}, which is not between -39 and 39`);
  return value;
}

function checkText(name, value) {
  if (value !== null && typeof value !== 'string')
    throw new TypeError(`${name} is a string, not ${quote(value)}`);
  return value;
}

const AFFINITY = /^[, ]*\d+(-\d+)?([, ]+\d+(-\d+)?)*[, ]*$/;
const MAX_PROCESSOR = 1023;

function checkProcessor(name, value) {
  if (!Number.isInteger(value))
    throw new TypeError(`${name} has ${quote(value)} in it, which is no number of a processor`);
  if (value < 0 || value > MAX_PROCESSOR)
    throw new RangeError(`${name} has ${value} in it, which is not between 0 and ${MAX_PROCESSOR}`);
  return value;
}

// A list of numbers of processors, or text with ranges.
function checkAffinity(name, value) {
  if (value === null)
    return null;
  if (typeof value !== 'string') {
    const numbers = Array.from(isIterable(value) ? value : [value]);

    if (numbers.length === 0)
      throw new RangeError(`${name} is empty; name at least one processor`);
    return numbers.map(number => checkProcessor(name, number)).join(',');
  }
  if (!AFFINITY.test(value))
    throw new TypeError(`${name} is numbers and ranges, as "0-3,8", not ${quote(value)}`);
  value.match(/\d+/g).forEach(number => checkProcessor(name, Number(number)));
  for (const [range, first, last] of value.matchAll(/(\d+)-(\d+)/g)) {
    if (Number(first) > Number(last))
      throw new RangeError(`${name} has the range ${range} in it, which goes from more to less`);
  }
  return value;
}

// An object of names and values, of which the library takes NAME=VALUE.
function checkEnvironment(name, value) {
  if (value === null)
    return null;
  if (typeof value !== 'object' || isIterable(value))
    throw new TypeError(`${name} is an object of names and values, not ${quote(value)}`);
  return Object.entries(value).map(([key, text]) => {
    if (key === '' || /[=\0]/.test(key))
      throw new TypeError(`${name}: ${quote(key)} cannot be the name of a variable`);
    if (typeof text !== 'string')
      throw new TypeError(`${name}.${key} is a string, not ${quote(text)}`);
    return `${key}=${text}`;
  });
}

function checkBoolean(name, value) {
  if (typeof value !== 'boolean')
    throw new TypeError(`${name} is true or false, not ${quote(value)}`);
  return value;
}

function checkPath(name, value) {
  if (value !== null && typeof value !== 'string')
    throw new TypeError(`${name} is a path, not ${quote(value)}`);
  return value;
}

function checkCancellable(name, value) {
  if (value !== null && !(value instanceof Gio.Cancellable))
    throw new TypeError(`${name} is a Gio.Cancellable, not ${quote(value)}`);
  return value;
}

function checkEnum(type) {
  return (name, value) => {
    const names = Object.keys(Pcall[type]).filter(key => typeof Pcall[type][key] === 'number');

    if (!names.some(key => Pcall[type][key] === value)) {
      const known = names.map(key => `Pcall.${type}.${key}`).join(', ');

      throw new TypeError(`${name} is one of ${known}, not ${quote(value)}`);
    }
    return value;
  };
}

// Names of properties of the task, but for what is an argument of its methods.
const OPTIONS = {
  cancellable: [null, checkCancellable],
  timeout: ['timeout', checkLimit],
  deadline: ['deadline', checkLimit],
  gracePeriod: ['grace_period', checkSeconds],
  maxChildren: ['max_children', checkCount],
  nCalls: ['n_calls', checkCount],
  startMethod: ['start_method', checkEnum('StartMethod')],
  failurePolicy: ['failure_policy', checkEnum('FailurePolicy')],
  logMode: ['log_mode', checkEnum('LogMode')],
  logDirectory: ['log_directory', checkPath],
  keepLogs: ['keep_logs', checkBoolean],
  maxLogSize: ['max_log_size', checkSize],
  outputMode: ['output_mode', checkEnum('OutputMode')],
  priority: ['priority', checkPriority],
  showProgress: ['show_progress', checkBoolean],
  childName: ['child_name', checkText],
  nice: ['nice', checkNice],
  cpuAffinity: ['cpu_affinity', checkAffinity],
  maxAddressSpace: ['max_address_space', checkSize],
  maxOpenFiles: ['max_open_files', checkCount],
  workingDirectory: ['working_directory', checkPath],
  environment: ['environment', checkEnvironment],
};

// Lists

function isIterable(value) {
  return value !== null && typeof value === 'object' &&
    typeof value[Symbol.iterator] === 'function';
}

// A string could be walked, but whoever gives one meant something else.
function checkIterable(name, value, what) {
  if (!isIterable(value))
    throw new TypeError(`${name} is ${quote(value)}, which is not iterable; ${what}`);
  return value;
}

function checkKeywords(name, value) {
  if (value === null || typeof value !== 'object' || isIterable(value))
    throw new TypeError(`${name} is ${quote(value)}, not an object of keyword arguments`);
  return value;
}

function checkName(name, where) {
  if (NO_NAME.test(name))
    throw new TypeError(`${where}${quote(name)} cannot be the name of a keyword argument`);
}

function checkList(name, value) {
  checkName(name, '');
  if (!isIterable(value) && !LISTS.has(name)) {
    throw new TypeError(`${name} is neither an option nor a list of values for a keyword argument: ` +
      `${quote(value)} is not iterable`);
  }
  return checkIterable(name, value, 'give a list with one element for each call');
}

function getSize(list) {
  const size = list.length ?? list.size;

  return Array.isArray(list) || ArrayBuffer.isView(list) || list instanceof Map ||
    list instanceof Set ? size : Infinity;
}

// The elements of all `lists`, up to the end of the shortest, and no more than `limit`.
function zip(lists, limit) {
  const columns = lists.map(() => []);
  const length = Math.min(limit, ...lists.map(getSize));
  const iterators = lists.map(list => list[Symbol.iterator]());

  for (let i = 0; lists.length > 0 && i < length; i++) {
    const row = iterators.map(iterator => iterator.next());

    if (row.some(({done}) => done))
      break;
    row.forEach(({value}, j) => columns[j].push(value));
  }
  for (const iterator of iterators)
    iterator.return?.();
  return columns;
}

// Conversion. `convert` makes a GVariant of a value and the name of its place.

function wrapAll(variants) {
  return GLib.Variant.new_array(VARIANT, variants.map(each => GLib.Variant.new_variant(each)));
}

function convertArguments(list, name, convert) {
  checkIterable(name, list, 'give a list of arguments');
  return GLib.Variant.new_tuple(Array.from(list, (value, i) => convert(value, `${name}[${i}]`)));
}

function convertKeywords(keywords, name, convert) {
  checkKeywords(name, keywords);

  return GLib.Variant.new_array(ENTRY, Object.keys(keywords).map(key => {
    checkName(key, `${name}: `);
    return GLib.Variant.new_dict_entry(GLib.Variant.new_string(key),
      GLib.Variant.new_variant(convert(keywords[key], `${name}.${key}`)));
  }));
}

function convertElements(list, name, convertElement, convert) {
  return wrapAll(list.map((element, i) => convertElement(element, `${name}[${i}]`, convert)));
}

// The two halves of an options object.
function sortOptions(options) {
  const settings = [];
  const lists = new Map();

  if (options === null || typeof options !== 'object' || isIterable(options))
    throw new TypeError(`the options are an object, not ${quote(options)}`);
  for (const [name, value] of Object.entries(options)) {
    const isOption = Object.hasOwn(OPTIONS, name);

    if (value === undefined && (isOption || LISTS.has(name)))
      continue;
    if (isOption)
      settings.push([OPTIONS[name][0], OPTIONS[name][1](name, value)]);
    else
      lists.set(name, value);
  }
  return {settings, lists};
}

// The lists that make calls, cut to one length.
function zipLists(lists, limit) {
  const names = [...lists.keys()].filter(name => name !== 'cargs' && name !== 'ckwargs');

  names.forEach(name => checkList(name, lists.get(name)));
  const columns = zip(names.map(name => lists.get(name)), limit);

  return new Map(names.map((name, i) => [name, columns[i]]));
}

const SETTERS = {
  cargs: (task, list, convert) =>
    task.set_common_args(convertArguments(list, 'cargs', convert)),
  ckwargs: (task, keywords, convert) =>
    task.set_common_kwargs(convertKeywords(keywords, 'ckwargs', convert)),
  iargs: (task, list, convert) =>
    task.set_instance_args(convertElements(list, 'iargs', convertArguments, convert)),
  ikwargs: (task, list, convert) =>
    task.set_instance_kwargs(convertElements(list, 'ikwargs', convertKeywords, convert)),
};

function setList(task, name, list, convert) {
  if (Object.hasOwn(SETTERS, name))
    SETTERS[name](task, list, convert);
  else
    task.set_argument(name, convertElements(list, name, (value, where) => convert(value, where)));
}

// Sets up `task`, which has its `nTargets` targets, as `options` say.
function apply(task, options, nTargets, convert) {
  const {settings, lists} = sortOptions(options);
  const zipped = zipLists(lists, nTargets > 1 ? nTargets : Infinity);

  for (const [property, value] of settings) {
    if (property !== null)
      task[property] = value;
  }
  for (const [name, list] of lists)
    setList(task, name, zipped.get(name) ?? list, convert);
}
