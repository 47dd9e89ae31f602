// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// Tasks in JavaScript: a Pcall.Pcall is a Pcall.Task whose targets are functions and whose
// arguments, results and messages are values.
//
// A Pcall.Task that is dropped while it runs is ended, and when the collector comes to drop it
// nobody knows. So one that was started here is held until it has finished, whoever else forgets
// it.

const {Gio, GLib, Pcall} = imports.gi;
const {apply, checkTimeout} = imports.overrides.pcall.arguments;
const {toThrown} = imports.overrides.pcall.errors;
const {forkTarget} = imports.overrides.pcall.fork;
const {functionTarget, isImporting, isJavaScript} = imports.overrides.pcall.functions;
const {fromVariant, toForeignVariant, toVariant} = imports.overrides.pcall.values;

const running = new Set();

// While the collector sweeps, which it does in steps with other work between, GJS drops every
// callback: also the one that a promise waits for. So what it has begun is finished before the main
// loop has its turn. That does not help a program that makes much garbage of its own while it
// waits.
function finishSweeping() {
  imports.system.gc();
}

// Targets

function checkTarget(target, where) {
  if (typeof target !== 'function' && !(target instanceof Pcall.Target)) {
    throw new TypeError(`${where} is not callable: ${String(target)} is neither a function nor a ` +
      'Pcall.Target');
  }
}

function listTargets(targets) {
  const isList = targets !== null && typeof targets === 'object' &&
    typeof targets[Symbol.iterator] === 'function';

  if (!isList) {
    checkTarget(targets, 'the target');
    return [targets];
  }
  const list = Array.from(targets);

  list.forEach((target, i) => checkTarget(target, `targets[${i}]`));
  return list;
}

function makeTargets(targets, startMethod) {
  const makeTarget = startMethod === Pcall.StartMethod.FORK ? forkTarget : functionTarget;

  return targets.map(each => typeof each === 'function' ? makeTarget(each) : each);
}

// Whether all of them take what only JavaScript knows.
function areOurs(targets, given) {
  return targets.every((target, i) => typeof given[i] === 'function' || isJavaScript(target));
}

function makeTask(given, options) {
  const functions = listTargets(given);
  const targets = makeTargets(functions, options?.startMethod);
  const task = new Pcall.Task({output_mode: Pcall.OutputMode.STREAMS});

  targets.forEach(target => task.add_target(target));
  apply(task, options, targets.length, areOurs(targets, functions) ? toVariant : toForeignVariant);
  return task;
}

function checkImport() {
  if (!isImporting())
    return;
  throw new Error('a task is started while a worker imports this module for one of its functions; ' +
    'start it in a function, or only where Pcall.inWorker is false');
}

// What a signal of Pcall.Task brings, as values.
function convertSignal(value) {
  return value instanceof GLib.Variant ? fromVariant(value) : value;
}

var PcallTask = class {
  constructor(targets, options = {}) {
    this._task = makeTask(targets, options);
    this._cancellable = options.cancellable ?? null;
  }

  // The task itself, for what is not here.
  get task() {
    return this._task;
  }

  start() {
    checkImport();
    this._task.start();
    this._hold();
  }

  // Waits, without a main loop, for `timeout` seconds or as long as it takes. Returns whether all
  // calls have ended; throws what the first call that did not succeed threw.
  join(timeout = -1) {
    const {stack} = new Error();
    const seconds = checkTimeout(timeout);

    try {
      this._task.join(seconds, this._cancellable);
    } catch (error) {
      if (this._task.running && error.matches(Gio.IOErrorEnum, Gio.IOErrorEnum.TIMED_OUT))
        return false;
      throw this._findThrown(error, stack);
    }
    return true;
  }

  // The same while the main loop goes on.
  joinAsync() {
    const {stack} = new Error();

    finishSweeping();
    return new Promise((fulfil, reject) => {
      this._task.join_async(this._cancellable, (task, result) => {
        try {
          task.join_finish(result);
          fulfil();
        } catch (error) {
          reject(this._findThrown(error, stack));
        }
      });
    });
  }

  terminate() {
    this._task.terminate();
  }

  // Of all calls, in their order; null unless all have succeeded.
  get results() {
    const results = this._task.get_results();

    return results && Array.from({length: results.n_children()},
      (_, i) => fromVariant(results.get_child_value(i).get_variant()));
  }

  get running() {
    return this._task.running;
  }

  get length() {
    return this._task.n_calls;
  }

  get calls() {
    return Array.from(this);
  }

  get childs() {
    return this._task.get_children();
  }

  get livings() {
    return this._task.get_living_children();
  }

  get pids() {
    return this.childs.map(child => child.pid);
  }

  connect(signal, callback) {
    return this._task.connect(signal, (task, ...values) =>
      callback(this, ...values.map(convertSignal)));
  }

  disconnect(id) {
    this._task.disconnect(id);
  }

  *[Symbol.iterator]() {
    for (let i = 0; i < this._task.get_n_items(); i++)
      yield this._task.get_call(i);
  }

  // Whether it has finished is looked for at each occasion, since a signal may be missed while the
  // garbage collector sweeps.
  _hold() {
    running.forEach(task => {
      if (!task.running)
        running.delete(task);
    });
    if (this._task.running)
      running.add(this._task);
  }

  // What the call of lowest index that did not succeed threw; or `error`, which is join()'s own.
  _findThrown(error, stack) {
    if (this._task.running || this._cancellable?.is_cancelled())
      return error;
    for (const call of this) {
      if (call.state !== Pcall.CallState.SUCCEEDED)
        return toThrown(call, stack);
    }
    return error;
  }
};

function pcall(targets, options = {}) {
  const task = new PcallTask(targets, options);

  task.start();
  task.join();
  return task.results;
}

async function pcallAsync(targets, options = {}) {
  const task = new PcallTask(targets, options);

  task.start();
  await task.joinAsync();
  return task.results;
}

// Calls as they end. Whoever leaves the loop early ends those that go on.
async function* followCalls(task, isOwn) {
  const ended = Array.from(task).filter(call => call.state > Pcall.CallState.RUNNING);
  let wake = () => {};
  const ids = [
    task.connect('call-finished', (_, call) => {
      ended.push(call);
      wake();
    }),
    task.connect('finished', () => wake()),
  ];

  try {
    if (isOwn)
      task.start();
    for (;;) {
      while (ended.length > 0)
        yield ended.shift();
      if (!task.running)
        return;
      finishSweeping();
      await new Promise(resolve => {
        wake = resolve;
      });
    }
  } finally {
    ids.forEach(id => task.disconnect(id));
    if (isOwn)
      task.terminate();
  }
}

// What is wrong with the arguments is thrown here, not by the first step of the loop.
function asCompleted(targets, options = {}) {
  const isTask = targets instanceof PcallTask;

  return followCalls(isTask ? targets : new PcallTask(targets, options), !isTask);
}
