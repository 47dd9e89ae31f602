// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// Tasks in JavaScript: a Pcall.Pcall is a Pcall.Task whose targets are functions and whose
// arguments, results and messages are values.
//
// A Pcall.Task that is dropped while it runs is ended, and when the collector comes to drop it
// nobody knows. So one that was started here is held until it has finished, whoever else forgets
// it.

const {Gio, GLib, Pcall} = imports.gi;
const {apply, checkNoPool, checkOptions, checkTimeout} = imports.overrides.pcall.arguments;
const {toThrown} = imports.overrides.pcall.errors;
const {forkTarget} = imports.overrides.pcall.fork;
const {quote} = imports.overrides.pcall.hints;
const {functionTarget, isImporting, isJavaScript} = imports.overrides.pcall.functions;
const {fromVariant, toForeignVariant, toVariant} = imports.overrides.pcall.values;

const running = new Set();

// Targets

function hintAtTarget(target) {
  if (typeof target?.then === 'function' || target === undefined)
    return '; give the function itself, and do not call it';
  return typeof target === 'string' ? '; give the function itself, or Pcall.moduleTarget()' : '';
}

function checkTarget(target, where) {
  if (typeof target !== 'function' && !(target instanceof Pcall.Target)) {
    throw new TypeError(`${where} is not callable: ${quote(target)} is neither a function nor a ` +
      `Pcall.Target${hintAtTarget(target)}`);
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

  if (list.length === 0) {
    throw new GLib.Error(Pcall.Error, Pcall.Error.ARGUMENTS,
      'the list of targets is empty; give a function, or a list of functions');
  }
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
    if (error.matches(Gio.IOErrorEnum, Gio.IOErrorEnum.NOT_INITIALIZED)) {
      return new GLib.Error(Gio.IOErrorEnum, Gio.IOErrorEnum.NOT_INITIALIZED,
        'the task was not started; call start() before joining it');
    }
    if (this._task.running || this._cancellable?.is_cancelled())
      return error;
    for (const call of this) {
      if (call.state !== Pcall.CallState.SUCCEEDED)
        return toThrown(call, stack);
    }
    return error;
  }
};

// A pool's own is no option of its methods.
function addPool(options, pool) {
  checkOptions(options);
  checkNoPool(options);
  return {...options, pool};
}

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

// Calls that have ended, each once, as one is told of them or finds them.
class Ended {
  constructor(task) {
    this._task = task;
    this._seen = new Set();
    this._calls = [];
  }

  add(call) {
    if (this._seen.has(call.index))
      return;
    this._seen.add(call.index);
    this._calls.push(call);
  }

  // Those that nobody was told of: the signal was missed, or is still to come.
  addMissed() {
    if (this._task.task.n_finished > this._seen.size) {
      Array.from(this._task).filter(call => call.state > Pcall.CallState.RUNNING)
        .forEach(call => this.add(call));
    }
  }

  get length() {
    return this._calls.length;
  }

  take() {
    return this._calls.shift();
  }
}

// Calls as they end. Whoever leaves the loop early ends those that go on.
//
// While the collector sweeps, which it does in steps with other work between, GJS drops signals. So
// what it has begun is finished before the main loop has its turn. In a program that makes much
// garbage of its own some calls may come late for that, but none is left out: the end of the task
// is not missed.
async function* followCalls(task, isOwn) {
  const ended = new Ended(task);
  let wake = () => {};
  const id = task.connect('call-finished', (_, call) => {
    ended.add(call);
    wake();
  });

  try {
    if (isOwn)
      task.start();
    if (task.running)
      task.task.join_async(null, () => wake());
    for (;;) {
      while (ended.length > 0)
        yield ended.take();
      imports.system.gc();
      const goesOn = task.running && task.task.dispatch();

      ended.addMissed();
      if (ended.length > 0)
        continue;
      if (!goesOn)
        return;
      await new Promise(resolve => {
        wake = resolve;
      });
    }
  } finally {
    task.disconnect(id);
    if (isOwn)
      task.terminate();
  }
}

// What is wrong with the arguments is thrown here, not by the first step of the loop.
function asCompleted(targets, options = {}) {
  const isTask = targets instanceof PcallTask;

  return followCalls(isTask ? targets : new PcallTask(targets, options), !isTask);
}
