// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// What Pcall has in JavaScript besides what introspection gives: pcall(), pcallAsync(),
// asCompleted(), moduleTarget() and the class Pcall, and for functions in a child sendMessage(),
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

function _init() {
  Pcall = this;

  imports.overrides.pcall.version.check(Pcall);
  const {errors, functions, task, values} = imports.overrides.pcall;

  overrideCall(Pcall.Call.prototype, values, errors);
  addInside(values);
  Pcall.Pcall = task.PcallTask;
  Pcall.pcall = task.pcall;
  Pcall.pcallAsync = task.pcallAsync;
  Pcall.asCompleted = task.asCompleted;
  Pcall.moduleTarget = functions.moduleTarget;
}
