// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// What Pcall has in JavaScript besides what introspection gives: pcall(), pcallAsync(),
// asCompleted(), map(), moduleTarget() and the class Pcall, the same as methods of a Pool, and for functions in a child sendMessage(),
// reportProgress() and callIndex(). Calls have values where the library has variants.

const {GLib} = imports.gi;

let Pcall;

function defineGetter(prototype, name, get) {
  Object.defineProperty(prototype, name, {get, enumerable: true, configurable: true});
}

function convertArgs(args, fromVariant) {
  return args && Array.from({length: args.n_children()},
    (_, i) => fromVariant(args.get_child_value(i)));
}

function convertKwargs(kwargs, fromVariant) {
  return kwargs && Object.fromEntries(Object.entries(kwargs.deepUnpack())
    .map(([name, value]) => [name, fromVariant(value)]));
}

// The methods get_result() and so on are as they were.
function overrideCall(prototype, {fromVariant}, {toThrown}) {
  defineGetter(prototype, 'args', function () {
    return convertArgs(this.get_args(), fromVariant);
  });
  defineGetter(prototype, 'kwargs', function () {
    return convertKwargs(this.get_kwargs(), fromVariant);
  });
  defineGetter(prototype, 'result', function () {
    const result = this.get_result();

    return result === null ? undefined : fromVariant(result);
  });
  // As text: what is not UTF-8 of it is a replacement character.
  defineGetter(prototype, 'output', function () {
    const output = this.get_output();

    return output && new TextDecoder().decode(output.toArray());
  });
  defineGetter(prototype, 'error', function () {
    return this.get_error() === null ? null : toThrown(this, new Error().stack);
  });
}

// For functions that run in a child
function addInside({toVariant}) {
  Pcall.inWorker = false;
  Pcall.sendMessage = message => Pcall.send_message(toVariant(message, 'the message'));
  Pcall.reportProgress = (fraction, text = null) => Pcall.report_progress(fraction, text);
  Pcall.callIndex = () => Pcall.get_call_index();
}

// A pool has the functions of this module; what is run by them has its workers.
function overridePool(prototype, {arguments: {checkPoolOptions}, map, task}) {
  const {_init} = prototype;

  prototype._init = function (options = {}) {
    _init.call(this, checkPoolOptions(options));
  };
  for (const name of ['pcall', 'pcallAsync', 'asCompleted']) {
    prototype[name] = function (targets, options = {}) {
      return task[name](targets, task.addPool(options, this));
    };
  }
  prototype.map = function (func, ...rest) {
    return map.makeMap(this, func, rest);
  };
}

function _init() {
  Pcall = this;

  imports.overrides.pcall.version.check(Pcall);
  const {errors, functions, map, task, values} = imports.overrides.pcall;

  overrideCall(Pcall.Call.prototype, values, errors);
  addInside(values);
  overridePool(Pcall.Pool.prototype, imports.overrides.pcall);
  Pcall.Pcall = task.PcallTask;
  Pcall.pcall = task.pcall;
  Pcall.pcallAsync = task.pcallAsync;
  Pcall.asCompleted = task.asCompleted;
  Pcall.map = map.map;
  Pcall.moduleTarget = functions.moduleTarget;
}
