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
const {isModuleTarget} = imports.overrides.pcall.functions;
const {quote, suggest} = imports.overrides.pcall.hints;

const VARIANT = new GLib.VariantType('v');
const ENTRY = new GLib.VariantType('{sv}');
// A GVariant's strings have no NUL and no half of a surrogate pair.
const NO_NAME = /[\0\uD800-\uDFFF]|^$/u;
const LISTS = new Set(['cargs', 'iargs', 'ckwargs', 'ikwargs']);

// Options

function checkSeconds(name, value) {
  if (typeof value !== 'number' || Number.isNaN(value))
    throw new TypeError(`${name} is a number of seconds, not ${quote(value)}`);
  if (value < 0)
    throw new RangeError(`${name} is ${value}; less than 0 seconds is not possible; give 0 or more`);
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
    throw new RangeError(`${name} is ${value}; less than 0 bytes is not possible; give 0 or more`);
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

function checkLauncher(name, value) {
  if (value !== null && !(value instanceof Pcall.Launcher))
    throw new TypeError(`${name} is a Pcall.Launcher, not ${quote(value)}`);
  return value;
}

function checkEnum(type) {
  return (name, value) => {
    const names = Object.keys(Pcall[type]).filter(key => typeof Pcall[type][key] === 'number');

    if (!names.some(key => Pcall[type][key] === value)) {
      const known = names.map(key => `Pcall.${type}.${key}`);
      const hint = typeof value === 'string' ? suggest(`Pcall.${type}.${value}`, known) : '';

      throw new TypeError(`${name} is one of ${known.join(', ')}, not ${quote(value)}${hint}`);
    }
    return value;
  };
}

function checkPool(name, value) {
  if (!(value instanceof Pcall.Pool)) {
    throw new TypeError(`${name} is a Pcall.Pool, such as new Pcall.Pool({maxChildren: 2}), not ${
      quote(value)}`);
  }
  return value;
}

// Names of properties of the task, but for what is an argument of its methods.
const OPTIONS = {
  cancellable: [null, checkCancellable],
  timeout: ['timeout', checkLimit],
  deadline: ['deadline', checkLimit],
  gracePeriod: ['grace_period', checkSeconds],
  maxChildren: ['max_children', checkCount],
  callsPerChild: ['calls_per_child', checkCount],
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
  ownCgroup: ['own_cgroup', checkBoolean],
  workingDirectory: ['working_directory', checkPath],
  environment: ['environment', checkEnvironment],
  pool: ['pool', checkPool],
  launcher: ['launcher', checkLauncher],
  retries: ['retries', checkCount],
};

// Of map(): those that each of its tasks gets, and those that it sees to itself.
const MAP_SETTINGS = new Set(['timeout', 'gracePeriod', 'logMode', 'logDirectory', 'keepLogs',
  'maxLogSize', 'outputMode', 'priority', 'nice', 'cpuAffinity', 'maxAddressSpace', 'maxOpenFiles',
  'workingDirectory', 'environment', 'launcher', 'retries']);
const MAP_OPTIONS = {
  ...Object.fromEntries(Object.entries(OPTIONS).filter(([name]) => MAP_SETTINGS.has(name) ||
    ['cancellable', 'deadline', 'maxChildren', 'callsPerChild', 'pool'].includes(name))),
  ordered: [null, checkBoolean],
  settled: [null, checkBoolean],
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
  if (value === null || typeof value !== 'object' || isIterable(value)) {
    const hint = name === 'ckwargs' && isIterable(value) ? '; a list of such is ikwargs'
      : '; give one such as {x: 1}';

    throw new TypeError(`${name} is ${quote(value)}, not an object of keyword arguments${hint}`);
  }
  return value;
}

function checkName(name, where) {
  if (NO_NAME.test(name))
    throw new TypeError(`${where}${quote(name)} cannot be the name of a keyword argument`);
}

// For what an option or a list was perhaps meant to be.
function hintAtName(name) {
  return suggest(name, OPTIONS_OF_PCALL) ||
    `; give ${name}: […] with a value for each call, or ckwargs: {${name}: …} for all`;
}

function checkList(name, value) {
  checkName(name, '');
  if (!isIterable(value) && !LISTS.has(name)) {
    throw new TypeError(`${name} is neither an option nor a list of values for a keyword argument: ` +
      `${quote(value)} is not iterable${hintAtName(name)}`);
  }
  const hint = name === 'ikwargs' && typeof value === 'object' ? '; what all calls have is ckwargs'
    : '';

  return checkIterable(name, value, `give a list with one element for each call${hint}`);
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

// [1, 2, 3] as it was perhaps meant: [[1], [2], [3]].
function hintAtLists(name, value) {
  return name.startsWith('iargs') && !isIterable(value)
    ? `; did you mean iargs: [[${quote(value)}], …]?` : '';
}

function convertArguments(list, name, convert) {
  checkIterable(name, list, `give a list of arguments${hintAtLists(name, list)}`);
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

function checkOptions(options) {
  if (options === null || typeof options !== 'object' || isIterable(options)) {
    throw new TypeError(`the options are an object, not ${quote(options)}; ` +
      'arguments go by name too: {iargs: [[1], [2]]}, or {x: [1, 2]}');
  }
}

function checkMapOptions(options) {
  if (options === null || typeof options !== 'object') {
    throw new TypeError(`map: the last argument is ${quote(options)}, neither iterable nor an ` +
      'object of options, such as {maxChildren: 2}');
  }
}

// Of a method of a pool.
function checkNoPool({pool}) {
  if (pool !== undefined)
    throw new TypeError('pool is this pool already; use Pcall.pcall() and the like for another');
}

// The two halves of an options object.
function sortOptions(options) {
  const settings = [];
  const lists = new Map();

  checkOptions(options);
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

  applySettings(task, settings);
  for (const [name, list] of lists)
    setList(task, name, zipped.get(name) ?? list, convert);
}

function applySettings(task, settings) {
  for (const [property, value] of settings) {
    if (property !== null)
      task[property] = value;
  }
}

// map()

function isAnyIterable(value) {
  return isIterable(value) ||
    (value !== null && typeof value === 'object' &&
     typeof value[Symbol.asyncIterator] === 'function');
}

function checkFunction(func) {
  if (typeof func !== 'function' && !isModuleTarget(func)) {
    throw new TypeError(`map: ${quote(func)} is neither a function nor what Pcall.moduleTarget() ` +
      'has made; give the function first, and then what to call it for');
  }
}

// The arguments behind the function: iterables, and at the end, unless they are left out, options.
function splitOptions(rest) {
  const last = rest[rest.length - 1];
  const hasOptions = rest.length > 1 && !isAnyIterable(last);
  const iterables = hasOptions ? rest.slice(0, -1) : rest;

  if (iterables.length === 0)
    throw new TypeError('map: there is nothing to map over; give an iterable after the function');
  iterables.forEach((each, i) => {
    if (!isAnyIterable(each)) {
      throw new TypeError(`map: argument ${i + 2} is ${quote(each)}, which is not iterable; give ` +
        'an array or anything else that can be iterated over');
    }
  });
  return {iterables, options: hasOptions ? last : {}};
}

function checkKnown(where, name, known) {
  if (Object.hasOwn(known, name))
    return;
  const names = Object.keys(known);

  throw new TypeError(`${where}: ${name} is no option${
    suggest(name, names) || `; there are ${names.join(', ')}`}`);
}

function checkMapOption(name, value) {
  if (LISTS.has(name)) {
    throw new TypeError(`map: ${name} is an option of pcall(); give the items as an iterable, behind ` +
      'the function');
  }
  checkKnown('map', name, MAP_OPTIONS);
  return MAP_OPTIONS[name][1](name, value);
}

// What each task is set to, and what map() sees to itself.
function checkMap(options) {
  const own = {ordered: true};
  const settings = [];

  checkMapOptions(options);
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined)
      continue;
    own[name] = checkMapOption(name, value);
    if (MAP_SETTINGS.has(name))
      settings.push([OPTIONS[name][0], own[name]]);
  }
  if (own.callsPerChild > 0)
    settings.push(['calls_per_child', 1]);
  return {settings, own};
}

// A pool

const POOL_OPTIONS = {
  maxChildren: checkCount,
  idleTimeout: checkLimit,
};

// As properties, but for what is left out.
function checkPoolOptions(options) {
  if (options === null || typeof options !== 'object' || isIterable(options)) {
    throw new TypeError(`a pool takes an object of options, such as {maxChildren: 2}, not ${
      quote(options)}`);
  }
  const given = Object.entries(options).filter(([, value]) => value !== undefined);

  return Object.fromEntries(given.map(([name, value]) => {
    checkKnown('Pool', name, POOL_OPTIONS);
    return [name, POOL_OPTIONS[name](name, value)];
  }));
}

// The names of all of these
var OPTIONS_OF_PCALL = [...Object.keys(OPTIONS), ...LISTS];
var OPTIONS_OF_MAP = Object.keys(MAP_OPTIONS);
var OPTIONS_OF_POOL = Object.keys(POOL_OPTIONS);
