// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// map(): a function over the items of iterables, lazily, in workers of a pool.
//
// A call of a tiny function costs far less than the way to a worker and back, so a *job* takes many
// items there: as many as it gets done in a twentieth of a second, going by the job before. A job is
// a task of one call. What became of its items stands in the journal of its worker. A worker that
// crashes costs the item that it was at: those before it have their outcomes, those after it are
// for another job.
//
// On other machines a worker starts for each job, so that jobs take longer there. What is lost with its
// machine costs all items of its job that are not known to have ended.
//
// Of the iterables no more is taken than is needed to keep the workers busy, and results are not
// made faster than they are asked for but for as much.
//
// What the caller does meanwhile may have it miss that a job has ended, so whoever waits looks at all
// of them first.

const {GLib, Pcall} = imports.gi;
const {applySettings, checkFunction, checkMap, checkNoPool, splitOptions} =
  imports.overrides.pcall.arguments;
const {makeThrown, retell, toThrown} = imports.overrides.pcall.errors;
const {itemsTarget} = imports.overrides.pcall.functions;
const {readJournal} = imports.overrides.pcall.journal;
const {checkImport} = imports.overrides.pcall.task;
const {fromVariant, toVariant} = imports.overrides.pcall.values;

const JOB_SECONDS = 0.05;
const AWAY_SECONDS = 1;
const MAX_ITEMS = 4096;
const MAX_GROWTH = 8; // of a job against the one before
const JOBS_AHEAD = 2; // for each worker, of items whose results nobody has asked for yet

// What a call ends with that is the item's doing, and not that of the function or the worker.
const OF_ITEM = [Pcall.Error.CRASHED, Pcall.Error.EXITED, Pcall.Error.STATUS_LOST,
  Pcall.Error.TIMED_OUT, Pcall.Error.PROTOCOL, Pcall.Error.LOST];

// Where the items come from: rows of what the iterables have, up to the end of the shortest.

function getIterator(iterable) {
  return (iterable[Symbol.asyncIterator] ?? iterable[Symbol.iterator]).call(iterable);
}

class Source {
  constructor(iterables) {
    this._iterables = iterables;
    this._iterators = null;
    this.isAsync = iterables.some(each => each[Symbol.asyncIterator] !== undefined);
    this.spread = iterables.length > 1;
    this.ended = false;
    this._next = 0;
  }

  // [index, item], or null at the end.
  take() {
    return this._accept(this._step());
  }

  async takeAsync() {
    return this._accept(await Promise.all(this._step()));
  }

  _step() {
    this._iterators ??= this._iterables.map(getIterator);
    return this._iterators.map(each => each.next());
  }

  _accept(steps) {
    if (this.ended)
      return null;
    if (steps.some(({done}) => done)) {
      this.close();
      return null;
    }
    return [this._next++, this.spread ? steps.map(({value}) => value) : steps[0].value];
  }

  close() {
    if (this.ended)
      return;
    this.ended = true;
    this._iterators?.forEach(each => each.return?.());
  }
}

// A job

function packChunk(items, chunk) {
  return toVariant({
    ...chunk, indices: items.map(([index]) => index), items: items.map(([, item]) => item),
  }, 'the items');
}

// The one outcome that stands in the result.
function readResult(call) {
  const result = call.get_result();

  if (result === null || result.n_children() === 0)
    return [];
  const value = fromVariant(GLib.Variant.new_tuple(
    [result.get_child_value(1), result.get_child_value(2)]));

  return [result.get_child_value(0).get_int32() === 0
    ? {status: 'fulfilled', value} : {status: 'rejected', reason: value}];
}

class Job {
  constructor(map, items, variant) {
    this.items = items;
    this._map = map;
    this._task = new Pcall.Task({output_mode: Pcall.OutputMode.STREAMS});
    this._task.add_target(map.target);
    this._task.set_common_args(GLib.Variant.new_tuple([variant]));
    applySettings(this._task, map.settings);
    this._task.set_max_children(1);
    this._task.set_pool(map.pool);
    this._task.set_deadline(map.getTimeLeft());
  }

  start(wake) {
    this._task.start();
    this._task.join_async(this._map.cancellable, (task, result) => {
      try {
        task.join_finish(result);
      } catch {
        // The call tells.
      }
      wake();
    });
  }

  get hasEnded() {
    return !this._task.running;
  }

  terminate() {
    this._task.terminate();
  }

  // All calls have ended, but what they wrote may not have come out yet.
  _passOutput() {
    try {
      this._task.join(-1, null);
    } catch {
      // The call tells.
    }
  }

  // Outcomes of the first items; the others have not run. Throws what is not an item's.
  finish() {
    this._passOutput();
    const call = this._task.get_call(0);
    const error = call.get_error();
    const {outcomes, hasLeft} = this._readJournal(call);

    outcomes.push(...readResult(call));
    outcomes.forEach((outcome, i) => this._addStack(outcome, this.items[i][0], call));
    if (error !== null && !hasLeft) {
      const end = this._countEnded(error, outcomes.length);

      while (outcomes.length < end)
        outcomes.push({status: 'rejected', reason: this._blame(call, error, outcomes.length)});
    }
    this.elapsed = call.get_elapsed();
    return outcomes;
  }

  // Items up to the one in which the call has ended; how far one came that is lost nobody knows.
  _countEnded(error, nKnown) {
    return error.matches(Pcall.Error, Pcall.Error.LOST) ? this.items.length
      : Math.min(nKnown + 1, this.items.length);
  }

  // What a worker has destroyed is not known.
  _readJournal(call) {
    try {
      return readJournal(call.dup_journal());
    } catch {
      return {outcomes: [], hasLeft: false};
    }
  }

  _blame(call, error, i) {
    this._map.getTimeLeft();
    if (!error.matches(Pcall.Error, error.code) || !OF_ITEM.includes(error.code))
      throw toThrown(call, this._map.stack);
    return retell(error, this.items[i][0], this._map.stack);
  }

  _addStack(outcome, index, call) {
    if (outcome.status !== 'rejected' || !(outcome.reason instanceof Error))
      return;
    outcome.reason = makeThrown(outcome.reason,
      {index, target_name: call.target_name, pid: call.pid}, this._map.stack);
  }
}

// The whole

class Mapping {
  constructor(func, iterables, options, pool, stack) {
    const {settings, own} = checkMap(options);

    if (pool !== null)
      checkNoPool(own);
    this.target = itemsTarget(func);
    this.settings = settings;
    this.pool = pool ?? own.pool ?? new Pcall.Pool({maxChildren: own.maxChildren});
    this.stack = stack;
    this.cancellable = own.cancellable ?? null;
    this._ownsPool = this.pool !== pool && this.pool !== own.pool;
    this._own = own;
    this._source = new Source(iterables);
    const launcher = own.launcher ?? Pcall.Launcher.get_default();

    this._width = own.maxChildren || (launcher ? launcher.n_workers : this.pool.max_children) ||
      GLib.get_num_processors();
    this._jobSeconds = launcher ? AWAY_SECONDS : JOB_SECONDS;
    this._size = 1;
    // The time of a single item is not looked at from elsewhere.
    this._maxSize = launcher && own.timeout ? 1 : own.callsPerChild || MAX_ITEMS;
    this._again = []; // items that a job came back without
    this._jobs = new Set();
    this._outcomes = new Map();
    this._nTaken = 0;
    this._nTold = 0;
    this._reading = false;
    this._failure = null;
    this._woken = true;
    this._resume = () => {};
  }

  // Seconds until the deadline, for a task: 0 for none. Throws when it has passed.
  getTimeLeft() {
    if (!this._own.deadline)
      return 0;
    const left = this._end - GLib.get_monotonic_time() / 1e6;

    if (left <= 0) {
      throw new GLib.Error(Pcall.Error, Pcall.Error.TIMED_OUT,
        `map: the deadline of ${this._own.deadline} s passed`);
    }
    return left;
  }

  // Lists of what there is to tell, each as long as it is by then.
  async *run() {
    this._open();
    try {
      for (;;) {
        this._collect();
        this._startJobs();
        const told = this._tell();

        if (told.length > 0)
          yield told;
        else if (this._isOver())
          return;
        else
          await this._wait();
      }
    } finally {
      this._close();
    }
  }

  _open() {
    checkImport();
    this._end = GLib.get_monotonic_time() / 1e6 + (this._own.deadline ?? 0);
    this._cancelled = this.cancellable?.connect(() => this._wake());
  }

  // Something may have happened.
  _wake() {
    this._woken = true;
    this._resume();
  }

  _isOver() {
    return this._source.ended && this._jobs.size === 0 && this._again.length === 0 &&
      this._outcomes.size === 0;
  }

  // Jobs that have ended.
  _collect() {
    if (!this._woken)
      return;
    this._woken = false;
    this.cancellable?.set_error_if_cancelled();
    for (const job of this._jobs) {
      if (!job.hasEnded)
        continue;
      this._jobs.delete(job);
      const outcomes = job.finish();

      outcomes.forEach((outcome, i) => this._outcomes.set(job.items[i][0], outcome));
      this._again.push(...job.items.slice(outcomes.length));
      this._adaptSize(outcomes.length, job.elapsed);
    }
  }

  _adaptSize(n, elapsed) {
    const fitting = n > 0 ? Math.floor(n * this._jobSeconds / Math.max(elapsed, 1e-6)) : 1;

    this._size = Math.min(Math.max(fitting, 1), this._size * MAX_GROWTH, this._maxSize);
  }

  _startJobs() {
    while (this._jobs.size < this._width) {
      const items = this._takeItems();

      if (items.length === 0)
        return;
      this._startJob(items);
    }
  }

  _startJob(items) {
    let variant;

    try {
      variant = packChunk(items, {
        spread: this._source.spread, seconds: this._own.callsPerChild ? Infinity : this._jobSeconds,
        timed: Boolean(this._own.timeout),
      });
    } catch {
      this._refuse(items);
      return;
    }
    const job = new Job(this, items, variant);

    job.start(() => this._wake());
    this._jobs.add(job);
  }

  // Of these, at least one cannot cross.
  _refuse(items) {
    for (const entry of items) {
      const [index, item] = entry;

      try {
        toVariant(item, `item ${index}`);
        this._again.push(entry);
      } catch (reason) {
        this._outcomes.set(index, {status: 'rejected', reason});
      }
    }
  }

  _takeItems() {
    const items = this._again.splice(0, this._size);

    if (this._source.isAsync)
      this._read();
    else if (items.length === 0 && this._hasRoom(this._size))
      this._fill(items);
    return items;
  }

  _fill(items) {
    while (items.length < this._size) {
      const entry = this._source.take();

      if (entry === null)
        return;
      this._nTaken++;
      items.push(entry);
    }
  }

  _hasRoom(n) {
    return !this._source.ended &&
      this._nTaken + n - this._nTold <= this._size * this._width * JOBS_AHEAD;
  }

  // An asynchronous source is read beside all else.
  async _read() {
    if (this._reading)
      return;
    this._reading = true;
    try {
      while (this._hasRoom(1))
        this._accept(await this._source.takeAsync());
    } catch (error) {
      this._failure = {error};
    }
    this._reading = false;
    this._wake();
  }

  _accept(entry) {
    if (entry !== null) {
      this._nTaken++;
      this._again.push(entry);
    }
    this._wake();
  }

  // The next outcome that may be told, or undefined.
  _findNext() {
    const index = this._own.ordered ? this._nTold : this._outcomes.keys().next().value;

    return this._outcomes.has(index) ? {index, ...this._outcomes.get(index)} : undefined;
  }

  // All that may be told. What a call threw is thrown when all before it has been told.
  _tell() {
    const told = [];

    for (let next; (next = this._findNext()) !== undefined;) {
      if (next.status === 'rejected' && !this._own.settled) {
        this._failure ??= {error: next.reason};
        break;
      }
      told.push(this._own.settled ? next : next.value);
      this._outcomes.delete(next.index);
      this._nTold++;
    }
    if (told.length === 0 && this._failure !== null)
      throw this._failure.error;
    return told;
  }

  async _wait() {
    if (!this._hasNews()) {
      await new Promise(resolve => {
        this._resume = resolve;
      });
    }
    this._woken = true;
  }

  _hasNews() {
    return this._woken || this.cancellable?.is_cancelled() ||
      Array.from(this._jobs).some(job => job.hasEnded);
  }

  _close() {
    this._source.close();
    this._jobs.forEach(job => job.terminate());
    this._jobs.clear();
    if (this._cancelled)
      this.cancellable.disconnect(this._cancelled);
    if (this._ownsPool)
      this.pool.close();
  }
}

// An asynchronous iterator of results, or of what became of the calls, if that is asked for. It
// comes by them in lists.
class Results {
  constructor(lists) {
    this._lists = lists;
    this._iterator = this._iterate();
    this._begun = false;
  }

  next() {
    this._begun = true;
    return this._iterator.next();
  }

  return(value) {
    return this._iterator.return(value);
  }

  throw(error) {
    return this._iterator.throw(error);
  }

  // All that is left, as an array.
  async toArray() {
    const all = [];

    if (this._begun) {
      for await (const result of this)
        all.push(result);
      return all;
    }
    for await (const list of this._lists)
      list.forEach(result => all.push(result));
    return all;
  }

  [Symbol.asyncIterator]() {
    return this;
  }

  async *_iterate() {
    for await (const list of this._lists)
      yield* list;
  }
}

function makeMap(pool, func, rest) {
  const {stack} = new Error();
  const {iterables, options} = splitOptions(rest);

  checkFunction(func);
  return new Results(new Mapping(func, iterables, options, pool, stack).run());
}

function map(func, ...rest) {
  return makeMap(null, func, rest);
}
