// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// Functions as targets: how one is named, so that a worker can find it or make it anew.
//
// A worker is another process, which has nothing of this one's. A function goes there as its
// source, so that it sees the globals and nothing of the variables around it; a function of a
// module goes as the module's address and its own name, and the worker imports the module. What the
// target is called in messages is shorter than either.

const {Gio, GLib, Pcall} = imports.gi;
const {IMPORT, describeSource, makeImport, resolveAddress} = imports.overrides.pcall.script;

const NATIVE = /\[native code\]\s*\}\s*$/;
const CLASS = /^class\b/;
const WORKER = 'gjs-worker.js';
const ENV_WORKER_DIR = 'PCALL_GJS_WORKER_DIR';

// The worker program

// This file stands in overrides/pcall/ of a directory; the worker in that directory, as in the
// source tree, or in pcall-1.0/ beside it, where it is installed.
function findWorker() {
  const here = Gio.File.new_for_path(new Error().fileName);
  const base = here.get_parent().get_parent().get_parent();
  const places = [base, base.get_parent().get_child('pcall-1.0')];
  const told = GLib.getenv(ENV_WORKER_DIR);

  if (told !== null)
    places.unshift(Gio.File.new_for_path(told));
  const files = places.map(place => place.get_child(WORKER));
  const found = files.find(file => file.query_exists(null));

  if (found === undefined) {
    throw new GLib.Error(Pcall.Error, Pcall.Error.START, `worker program ${WORKER}: not found in ` +
      `${places.map(place => place.get_path()).join(', ')}; ${ENV_WORKER_DIR} can tell where it is`);
  }
  return found.get_path();
}

let argv = null;

function getWorkerArgv() {
  argv ??= ['gjs', '-m', findWorker()];
  return argv;
}

function isJavaScript(target) {
  const theirs = target.worker_argv;

  return theirs !== null && theirs.join('\0') === getWorkerArgv().join('\0');
}

function newTarget(label, content) {
  return Pcall.Target.new_worker_with_label(getWorkerArgv(), JSON.stringify(content), label);
}

// From a function to its source

// What comes of `text`, in which the keys of `scope` are variables.
function evaluateText(text, scope) {
  return (0, eval)(text)(...Object.values(scope));
}

// Sources are evaluated in strict mode, as in modules, unless they are not valid there.
function evaluateExpression(source, url, scope) {
  const text = `((${Object.keys(scope)}) => (${source}\n))\n//# sourceURL=${url}`;

  try {
    return evaluateText(`'use strict'; ${text}`, scope);
  } catch (error) {
    if (!(error instanceof SyntaxError))
      throw error;
    return evaluateText(text, scope);
  }
}

// A method's source is one only inside of an object or a class.
function evaluateMethod(source, url, scope) {
  const object = evaluateExpression(`{${source}}`, url, scope);
  const [key] = Reflect.ownKeys(object);
  const {value, get, set} = Object.getOwnPropertyDescriptor(object, key);

  return value ?? get ?? set;
}

function evaluate(source, url, scope) {
  try {
    return evaluateExpression(source, url, scope);
  } catch (error) {
    if (!(error instanceof SyntaxError))
      throw error;
  }
  return evaluateMethod(source, url, scope);
}

// What stands in a stack for the place of a source.
function makeUrl(label) {
  return `pcall:${encodeURI(label)}`;
}

function checkSource(func, source, place) {
  const name = func.name || 'the function';

  if (CLASS.test(source))
    throw new TypeError(`${name} is a class; a target is a function, such as x => new ${name}(x)`);
  if (NATIVE.test(source)) {
    throw new TypeError(`${name} has no source to send to a worker, as it is native code or bound; ` +
      'give a function that calls it, or Pcall.moduleTarget()');
  }
  try {
    evaluate(place.source, makeUrl(name), {[IMPORT]: null});
  } catch (error) {
    throw new TypeError(`${name} cannot be sent to a worker, as its source does not stand by ` +
      `itself: ${error.message}`);
  }
}

function describeFunction(func) {
  const source = Function.prototype.toString.call(func);
  const label = func.name || '(anonymous)';

  const place = describeSource(source);

  checkSource(func, source, place);
  return {label, content: {...place, label}};
}

function functionTarget(func) {
  const {label, content} = describeFunction(func);

  return newTarget(label, content);
}

// One that runs a function for several items in one call.
function itemsTarget(func) {
  const {label, content} = modules.get(func) ?? describeFunction(func);

  return newTarget(label, {each: true, ...content});
}

// Modules

// A module of the old kind, of `imports`, knows its file; a new one knows its address.
function describeModule(module) {
  if (typeof module?.__file__ === 'string')
    return {legacy: Gio.File.new_for_commandline_arg(module.__file__).get_path()};
  if (typeof module !== 'string' || module === '') {
    throw new TypeError('moduleTarget: the module is a URI such as import.meta.url, a path, or ' +
      'an object of imports');
  }

  const url = GLib.path_is_absolute(module) ? Gio.File.new_for_path(module).get_uri() : module;

  if (GLib.uri_parse_scheme(url) === null) {
    throw new TypeError(`moduleTarget: ${module} is neither a URI nor an absolute path, and a ` +
      'worker has no module that it could be relative to; give import.meta.url, or a URI');
  }
  return {module: url};
}

// What those targets are that moduleTarget() has made.
const modules = new WeakMap();

function isModuleTarget(target) {
  return modules.has(target);
}

function moduleTarget(module, name) {
  const content = {...describeModule(module), name};

  if (typeof name !== 'string' || name === '')
    throw new TypeError('moduleTarget: the name is that of something that the module exports; give ' +
      "it as a string, such as 'default'");
  const target = newTarget(name, content);

  modules.set(target, {label: name, content});
  return target;
}

// In the worker

let nImports = 0;

// Whether what runs now may be the top level of a module that is imported for a target.
function isImporting() {
  return nImports > 0;
}

async function importModule(url) {
  nImports++;
  try {
    return await import(url);
  } finally {
    nImports--;
  }
}

function importLegacy(path) {
  const [directory, name] = [GLib.path_get_dirname(path), GLib.path_get_basename(path)];

  nImports++;
  imports.searchPath.unshift(directory);
  try {
    return imports[name.replace(/\.js$/, '')];
  } finally {
    imports.searchPath.shift();
    nImports--;
  }
}

function failToResolve(message) {
  throw new GLib.Error(Pcall.Error, Pcall.Error.TARGET, message);
}

async function importFunction({module, legacy, name}) {
  const where = module ?? legacy;
  let namespace;

  try {
    namespace = module === undefined ? importLegacy(legacy) : await importModule(module);
  } catch (error) {
    if (error.name === 'ImportError')
      failToResolve(`${where} cannot be imported: ${error.message}`);
    throw error;
  }
  const func = namespace[name];

  if (func === undefined) {
    const names = Object.keys(namespace).join(', ') || 'nothing';

    failToResolve(`${where} has no "${name}"; it has ${names}`);
  }
  if (typeof func !== 'function')
    failToResolve(`"${name}" of ${where} is no function`);
  return func;
}

async function importNamespace(specifier, uri) {
  try {
    return await importModule(resolveAddress(specifier, uri));
  } catch (error) {
    if (error.name === 'ImportError')
      failToResolve(`"${specifier}", which ${uri} imports, cannot be imported: ${error.message}`);
    throw error;
  }
}

// What the script of a function imports by the names that the function mentions.
async function importNames(names, uri) {
  const scope = {};

  for (const [local, name, from] of names) {
    const namespace = await importNamespace(from, uri);

    scope[local] = name === '*' ? namespace : namespace[name];
  }
  return scope;
}

async function evaluateWithNames({source, label, uri, names}) {
  const scope = await importNames(names, uri);

  return evaluate(source, makeUrl(label), {[IMPORT]: makeImport(uri), ...scope});
}

// The function, or a promise of it.
function resolve(name) {
  const content = JSON.parse(name);

  if (content.source === undefined)
    return importFunction(content);
  if (content.names?.length > 0)
    return evaluateWithNames(content);
  return evaluate(content.source, makeUrl(content.label), {[IMPORT]: makeImport(content.uri)});
}

function takesItems(name) {
  return name.startsWith('{"each":true,');
}

const UNDEFINED = /^(.+) is not defined$/;

// Where a function sent as its source misses what stood around it, that is said.
function explain(error, name) {
  try {
    explainMissing(error, name);
  } catch {
    // It lets nobody look at it.
  }
}

function explainMissing(error, name) {
  const {source, label} = JSON.parse(name);

  if (source === undefined || !(error instanceof ReferenceError) ||
      !error.stack.split('\n')[0].includes(`@${makeUrl(label)}:`))
    return;

  const missing = UNDEFINED.exec(error.message)?.[1];

  if (missing === undefined)
    return;
  error.message += `: ${label} was sent to another process as its source, and sees no variables ` +
    `around it; pass ${missing} as an argument, import it inside of the function, or use ` +
    'Pcall.moduleTarget()';
}
