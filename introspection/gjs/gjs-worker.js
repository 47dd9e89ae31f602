// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// The worker program: runs the calls of JavaScript functions, one after the other.
//
// A function is found or made once, and kept. For a promise the main loop runs until it is settled.
// Whatever a function does otherwise, exit, crash, loop for ever, is for the parent to see.
//
// The worker asks for calls, and is not called back with them: while the garbage collector sweeps,
// in steps, GJS drops every callback, and the parent would wait for a call that nobody has.

import GLib from 'gi://GLib';
import Pcall from 'gi://Pcall?version=1.0';

const {fromVariant, toVariant} = imports.overrides.pcall.values;
const {explain, resolve, takesItems} = imports.overrides.pcall.functions;
const items = imports.overrides.pcall.items;
const {report} = imports.overrides.pcall.errors;

const functions = new Map();
const context = GLib.MainContext.default();

function waitFor(promise) {
  let settled = null;

  promise.then(value => {
    settled = {value};
  }, thrown => {
    settled = {thrown};
  });
  while (settled === null)
    context.iteration(true);
  if ('thrown' in settled)
    throw settled.thrown;
  return settled.value;
}

function settle(result) {
  return typeof result?.then === 'function' ? waitFor(Promise.resolve(result)) : result;
}

function findFunction(name) {
  if (!functions.has(name))
    functions.set(name, settle(resolve(name)));
  return functions.get(name);
}

function readArguments(args, kwargs) {
  const values = Array.from({length: args.n_children()}, (_, i) =>
    fromVariant(args.get_child_value(i)));

  if (kwargs.n_children() > 0) {
    const named = kwargs.deepUnpack();

    values.push(Object.fromEntries(Object.keys(named).map(key => [key, fromVariant(named[key])])));
  }
  return values;
}

function runItems(worker, name, [chunk]) {
  const func = findFunction(name);
  const call = chunk.spread ? item => settle(func(...item)) : item => settle(func(item));

  return items.run(worker, call, chunk, thrown => explain(thrown, name));
}

function runCall(worker, name, args, kwargs) {
  let result;

  try {
    const values = readArguments(args, kwargs);

    result = takesItems(name) ? runItems(worker, name, values)
      : toVariant(settle(findFunction(name)(...values)), 'the result');
  } catch (thrown) {
    explain(thrown, name);
    worker.return_error(report(thrown));
    return;
  }
  worker.return_value(result);
}

const worker = Pcall.Worker.new();

// GJS's own exit() is for its own main loop, and waits for any other. The module "system" takes
// this one from here when it is first imported.
imports.system.exit = (status = 0) => worker.exit(status);
Pcall.inWorker = true;
Pcall.callIndex = items.getCallIndex;
worker.capture_log();

for (let goesOn = true; goesOn;) {
  const [more, ...call] = worker.next();

  goesOn = more;
  if (more)
    runCall(worker, ...call);
}
