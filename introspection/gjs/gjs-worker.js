// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// The worker program: runs the calls of JavaScript functions, one after the other.
//
// A function is found or made once, and kept. What it returns at once is handed over at once; what it
// promises, when it is there, and until then the main loop runs. Whatever it does otherwise, exit,
// crash, loop for ever, is for the parent to see.

import Pcall from 'gi://Pcall?version=1.0';

const {fromVariant, toVariant} = imports.overrides.pcall.values;
const {explain, resolve} = imports.overrides.pcall.functions;
const {report} = imports.overrides.pcall.errors;

const functions = new Map();

function readArguments(args, kwargs) {
  const values = Array.from({length: args.n_children()}, (_, i) =>
    fromVariant(args.get_child_value(i)));

  if (kwargs.n_children() > 0) {
    const named = kwargs.deepUnpack();

    values.push(Object.fromEntries(Object.keys(named).map(key => [key, fromVariant(named[key])])));
  }
  return values;
}

function returnValue(worker, result) {
  worker.return_value(toVariant(result, 'the result'));
}

function returnError(worker, name, thrown) {
  explain(thrown, name);
  worker.return_error(report(thrown));
}

async function finish(worker, name, promise) {
  try {
    returnValue(worker, await promise);
  } catch (thrown) {
    returnError(worker, name, thrown);
  }
}

async function findFunction(name) {
  const func = await resolve(name);

  functions.set(name, func);
  return func;
}

async function runFirst(name, values) {
  return (await findFunction(name))(...values);
}

function runCall(worker, name, args, kwargs) {
  try {
    const values = readArguments(args, kwargs);
    const func = functions.get(name);
    const result = func === undefined ? runFirst(name, values) : func(...values);

    if (typeof result?.then === 'function')
      finish(worker, name, result);
    else
      returnValue(worker, result);
  } catch (thrown) {
    returnError(worker, name, thrown);
  }
}

Pcall.inWorker = true;

const worker = Pcall.Worker.new();

worker.capture_log();
worker.start(runCall);
// Not a main loop of our own: exit() in an asynchronous function ends only that of GJS.
await new Promise(resolve => worker.connect('stopped', resolve));
